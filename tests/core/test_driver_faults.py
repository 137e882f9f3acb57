"""Learners that fail: the group is never split, nobody is left on foreign weights, all is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from colearn_chain.driver import (
    collective_learning_round,
    individual_training_round,
    initial_result,
    run,
    run_one_round,
    set_equal_weights,
)
from colearn_chain.errors import LearnerError
from colearn_chain.ml_interface import Weights
from colearn_chain.results import VoteMark
from colearn_chain.testing.learners import FailingLearner, Phase, StepLearner

if TYPE_CHECKING:
    from colearn_chain.ml_interface import MachineLearningInterface

TARGET = [1.0]


def held(learner: MachineLearningInterface) -> float:
    """The one number of a learner's weights."""
    return float(learner.mli_get_current_weights().weights["vector"][0])


def failing(phase: Phase, **options: Any) -> FailingLearner:
    """A learner that fails in a phase, by default once."""
    return FailingLearner(TARGET, phase, **{"failures": 1, **options})


def test_a_proposer_that_fails_skips_its_round() -> None:
    """It is back on its old weights though its training had changed them, and the round says why."""
    learners = [failing(Phase.PROPOSE), StepLearner(TARGET)]
    result = collective_learning_round(learners, 0.5, 0)
    assert (result.vote, result.skipped) == (False, True)
    assert result.notes == ["learner 0 failed in mli_propose_weights: RuntimeError: told to fail at propose"]
    assert [held(learner) for learner in learners] == [0.0, 0.0]
    assert result.test_scores == [-1.0, -1.0]


def test_a_proposer_that_exits_skips_its_round() -> None:
    """sys.exit in a learner's code ends neither the round nor the program."""
    result = collective_learning_round(
        [failing(Phase.PROPOSE, error=SystemExit(0)), StepLearner(TARGET)], 0.5, 0
    )
    assert result.skipped
    assert result.notes == ["learner 0 failed in mli_propose_weights: SystemExit: 0"]


class TrainsInPlace(StepLearner):
    """Hands out its own array and fails after it has written to it."""

    def mli_get_current_weights(self) -> Weights:
        """Lend the array."""
        return Weights(weights={"vector": self._vector})

    def mli_propose_weights(self) -> Weights:
        """Spoil the array and fail."""
        self._vector += 5
        raise RuntimeError("told to fail")


def test_a_proposer_that_trains_on_its_own_arrays_is_put_back() -> None:
    """What is put back are copies from before the round, whatever the learner did to what it handed out."""
    learners = [TrainsInPlace(TARGET), StepLearner(TARGET)]
    assert collective_learning_round(learners, 0.5, 0).skipped
    assert held(learners[0]) == 0


def test_a_voter_that_fails_does_not_approve() -> None:
    """One of two voters cannot test: with more than half asked for, one approval is not enough."""
    learners = [StepLearner(TARGET), StepLearner(TARGET), failing(Phase.TEST)]
    result = collective_learning_round(learners, 0.5001, 0)
    assert not result.vote
    assert result.marks == [VoteMark.PROPOSED, VoteMark.APPROVED, VoteMark.UNAVAILABLE]
    assert [held(learner) for learner in learners] == [0.0] * 3
    assert math.isnan(result.proposal_test_scores[2])
    assert result.test_scores[2] == -1.0


def test_a_voter_that_fails_adopts_what_the_others_accept() -> None:
    """It is put back before, follows the group after, and its score is of what it holds."""
    learners = [StepLearner(TARGET), StepLearner(TARGET), failing(Phase.TEST)]
    result = collective_learning_round(learners, 0.5, 0)
    assert result.vote
    assert [held(learner) for learner in learners] == [0.5] * 3
    assert result.test_scores == [-0.25] * 3


def test_a_voter_that_never_can_test_has_no_score() -> None:
    """The run goes on without its ballots; its failure is told once a round."""
    learners = [StepLearner(TARGET), StepLearner(TARGET), failing(Phase.TEST, failures=math.inf)]
    result = collective_learning_round(learners, 0.5, 0)
    assert result.vote
    assert math.isnan(result.test_scores[2])
    assert len(result.notes) == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_learner_that_fails_to_adopt_does_not_split_the_group(place: int) -> None:
    """Whoever adopted before it, and it itself, is put back: all hold the old weights."""
    learners: list[MachineLearningInterface] = [StepLearner(TARGET) for _ in range(3)]
    learners[place] = failing(Phase.ACCEPT)
    result = collective_learning_round(learners, 0.5, 0)
    assert [held(learner) for learner in learners] == [0.0] * 3
    assert not result.vote
    assert result.test_scores == [-1.0] * 3
    assert result.notes == [
        f"learner {place} failed in mli_accept_weights: RuntimeError: told to fail at accept"
    ]
    assert collective_learning_round(learners, 0.5, 1).vote


def test_a_learner_that_cannot_be_put_back_is_named() -> None:
    """It holds other weights than the group, which nobody must overlook; all others are put back."""
    learners: list[MachineLearningInterface] = [StepLearner(TARGET) for _ in range(3)]
    learners[1] = failing(Phase.ACCEPT, failures=math.inf)
    with pytest.raises(LearnerError, match="cannot put learner 1 back"):
        collective_learning_round(learners, 0.5, 0)
    assert [held(learners[0]), held(learners[2])] == [0.0, 0.0]


class RefusesAll(StepLearner):
    """Takes no weights, and says so before it changes anything."""

    def mli_accept_weights(self, weights: Weights) -> None:  # noqa: ARG002 - it refuses them all
        """Refuse."""
        raise PermissionError("read-only")


def test_a_learner_that_never_left_its_weights_need_not_be_put_back() -> None:
    """It takes nothing, but holds what all hold again: the group is not split, so the run can go on."""
    learners = [StepLearner(TARGET), RefusesAll(TARGET)]
    result = collective_learning_round(learners, 0.5, 0)
    assert not result.vote
    assert [held(learner) for learner in learners] == [0.0, 0.0]


def test_a_program_stopped_while_adopting_leaves_no_split_group() -> None:
    """Ctrl-C in the middle goes out after everybody was put back."""
    learners = [StepLearner(TARGET), failing(Phase.ACCEPT, error=KeyboardInterrupt())]
    with pytest.raises(KeyboardInterrupt):
        collective_learning_round(learners, 0.5, 0)
    assert [held(learner) for learner in learners] == [0.0, 0.0]


def test_a_learner_that_hides_its_weights_stops_the_round_before_it_begins() -> None:
    """Without a copy of what is held nobody could be put back."""
    learners = [StepLearner(TARGET), failing(Phase.CURRENT)]
    with pytest.raises(LearnerError, match="learner 1 failed in mli_get_current_weights"):
        collective_learning_round(learners, 0.5, 0)
    assert held(learners[0]) == 0


class ReturnsNonsense(StepLearner):
    """Forgets to wrap what it returns."""

    def mli_propose_weights(self) -> Any:
        """Return bare numbers."""
        return [1.0]


def test_an_answer_of_another_kind_is_a_failure() -> None:
    """What is returned must be what the interface says."""
    result = collective_learning_round([ReturnsNonsense(TARGET), StepLearner(TARGET)], 0.5, 0)
    assert result.skipped
    assert result.notes == ["learner 0 returned list from mli_propose_weights, not Weights"]


def test_one_round_reports_a_voter_that_fails_as_no_vote() -> None:
    """Its scores are NaN and its vote is None."""
    tested, accepted = run_one_round(0, [StepLearner(TARGET), StepLearner(TARGET), failing(Phase.TEST)], 0.5)
    assert accepted
    assert tested[2].vote is None
    assert math.isnan(tested[2].vote_score)


def test_equal_weights_are_given_to_all_or_none() -> None:
    """If one learner takes none, nobody's weights change."""
    learners = [StepLearner(TARGET, start=[5.0]), StepLearner(TARGET), failing(Phase.ACCEPT)]
    with pytest.raises(LearnerError, match="learner 2 failed in mli_accept_weights"):
        set_equal_weights(learners)
    assert [held(learner) for learner in learners] == [5.0, 0.0, 0.0]


def test_a_learner_that_cannot_score_its_own_weights_is_told_at_the_start() -> None:
    """Such a learner is not ready, so the run does not begin."""
    learners = [StepLearner(TARGET), failing(Phase.TEST)]
    with pytest.raises(LearnerError, match="no first scores: learner 1"):
        initial_result(learners)
    with pytest.raises(LearnerError, match="no first scores"):
        run(3, [StepLearner(TARGET), failing(Phase.TEST)])


@pytest.mark.parametrize("phase", [Phase.PROPOSE, Phase.ACCEPT])
def test_a_learner_that_fails_alone_keeps_its_weights(phase: Phase) -> None:
    """The others train on."""
    learners = [failing(phase), StepLearner(TARGET)]
    result = individual_training_round(learners, 0)
    assert [held(learner) for learner in learners] == [0.0, 0.5]
    assert len(result.notes) == 1
