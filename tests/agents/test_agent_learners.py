"""Learners whose code fails or misbehaves: their agents outlive it, and the group goes on."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_agents.party import events
from colearn_agents.party.journal import Journal
from colearn_chain.errors import InvalidWeights, LearnerError
from colearn_chain.ml_interface import ProposedWeights, Weights
from colearn_chain.rounds import Ballot, Status
from colearn_chain.testing.learners import FailingLearner, Phase, StepLearner
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from colearn_chain.ml_interface import MachineLearningInterface
    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]


class Peculiar(StepLearner):
    """Answers some calls in a way of its own."""

    def __init__(self, **answers: Callable[..., Any]) -> None:
        super().__init__(TARGET)
        self._answers = answers

    def mli_propose_weights(self) -> Weights:
        """Propose, or answer otherwise."""
        answer = self._answers.get("propose")
        return super().mli_propose_weights() if answer is None else answer()

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test, or answer otherwise."""
        answer = self._answers.get("test")
        return super().mli_test_weights(weights) if answer is None else answer(weights)


def play(table: Table, *learners: MachineLearningInterface, steps: int = 3) -> list[StepLearner]:
    """Let these learners and one more step by turns."""
    crew = [*learners, *(StepLearner(TARGET) for _ in range(3 - len(learners)))]
    agents = [table.agent(index, learner) for index, learner in enumerate(crew)]
    for _ in range(steps):
        for agent in agents:
            agent.step()
    return [learner for learner in crew if isinstance(learner, StepLearner)]


def held(learner: StepLearner) -> list[float]:
    """What a learner holds."""
    return list(learner.mli_get_current_weights().weights["vector"])


def test_a_learner_that_raises_in_training_passes_its_turn(table: Table) -> None:
    """A failed training costs its round, is said, and leaves the learner with the accepted weights."""
    failing = FailingLearner(TARGET, Phase.PROPOSE)
    play(table, failing, steps=4)
    assert table.round(1).status is Status.SKIPPED
    (reason,) = table.reasons(events.TurnPassed)
    assert reason == "the training failed: mli_propose_weights failed: RuntimeError: told to fail at propose"
    assert held(failing) == [0.0, 0.0]


def test_a_learner_that_raises_in_a_test_votes_unavailable(table: Table) -> None:
    """The cause is in the reason, and the weights that the failed test left behind are replaced."""
    failing = FailingLearner(TARGET, Phase.TEST)
    play(table, StepLearner(TARGET), failing)
    assert table.ballots(1) == [Ballot.NONE, Ballot.UNAVAILABLE, Ballot.APPROVE]
    reason = table.reasons(events.Tested)[0]
    assert "the learner could not test it: mli_test_weights failed: RuntimeError" in reason
    assert held(failing) == [0.0, 0.0]


def test_a_learner_that_fails_once_in_accepting_is_asked_again(table: Table) -> None:
    """A learner that failed half-way holds the accepted weights after the next round has opened."""
    failing = FailingLearner(TARGET, Phase.ACCEPT, calls=1, failures=1)
    play(table, failing, steps=10)
    assert table.round(1).status is Status.ACCEPTED
    assert held(failing) == held(StepLearner(TARGET, start=held(failing)))
    adopted = [event for event in table.events if isinstance(event, events.Adopted)]
    last = [event for event in adopted if event.learner == table.addresses[0]][-1]
    assert last.digest == table.snapshot().accepted_digest


def test_a_learner_that_never_accepts_holds_nobody_up(table: Table) -> None:
    """Without the current model it votes Unavailable and passes its turns; no step raises."""
    play(table, StepLearner(TARGET), StepLearner(TARGET), FailingLearner(TARGET, Phase.ACCEPT), steps=8)
    assert [table.ballots(number)[2] for number in (1, 2)] == [Ballot.UNAVAILABLE] * 2
    assert table.round(3).status is Status.SKIPPED
    assert "mli_accept_weights failed" in table.reasons(events.TurnPassed)[0]


def test_a_hopeless_adoption_is_tried_once_a_round(table: Table) -> None:
    """A learner that refuses the accepted weights is not asked at every look at the chain."""
    asked = []

    class Refusing(StepLearner):
        """Accepts nothing."""

        def mli_accept_weights(self, weights: Weights) -> None:
            """Refuse."""
            asked.append(weights)
            raise InvalidWeights("not mine", subject="vector")

    agent = table.agent(2, Refusing(TARGET))
    for _ in range(4):
        agent.step()
    assert len(asked) == 1
    table.pass_deadline()
    agent.step()
    agent.step()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: None, "mli_propose_weights returned a NoneType, not Weights"),
        (lambda: Weights(weights={"vector": np.array([np.nan, 0.0])}), "the new weights are malformed"),
        (lambda: Weights(weights={"vector": np.zeros(3)}), "the new weights are malformed"),
        (lambda: Weights(weights={"vector": "zeros"}), "the training failed: 'vector' is a builtins.str"),
        (lambda: Weights(weights=object()), "the training failed"),
    ],
    ids=["nothing", "nan", "shape", "text", "object"],
)
def test_what_peers_would_refuse_is_not_proposed(
    table: Table, answer: Callable[[], Any], reason: str
) -> None:
    """A training that ends in what is no proposal passes the turn instead of wasting the others' time."""
    play(table, Peculiar(propose=answer), steps=4)
    assert table.round(1).status is Status.SKIPPED
    assert reason in table.reasons(events.TurnPassed)[0]


def unvoted(weights: Weights) -> ProposedWeights:
    """Scores without a vote."""
    return ProposedWeights(weights=weights, vote_score=0.0, test_score=0.0)


def refused(weights: Weights) -> ProposedWeights:
    """The learner's own refusal."""
    raise InvalidWeights(f"not {type(weights).__name__} of mine", subject="vector")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: 0.5, "mli_test_weights returned a float, not ProposedWeights"),
        (unvoted, "mli_test_weights returned no vote"),
        (refused, "malformed: not Weights of mine"),
    ],
    ids=["number", "no vote", "refused"],
)
def test_a_test_without_a_vote_is_no_approval(
    table: Table, answer: Callable[[Weights], Any], reason: str
) -> None:
    """Only a vote of True approves."""
    play(table, StepLearner(TARGET), Peculiar(test=answer))
    assert table.ballots(1)[1] is Ballot.UNAVAILABLE
    assert reason in table.reasons(events.Tested)[0]


def test_an_infinite_score_is_none(table: Table) -> None:
    """The vote counts, and a score that is no finite number is not recorded as one."""

    def infinitely_good(weights: Weights) -> ProposedWeights:
        return ProposedWeights(weights=weights, vote_score=math.inf, test_score=math.nan, vote=True)

    play(table, StepLearner(TARGET), Peculiar(test=infinitely_good))
    tested = next(event for event in table.events if isinstance(event, events.Tested))
    assert (tested.ballot, tested.vote_score, tested.test_score) == (Ballot.APPROVE, None, None)


def test_a_learner_that_writes_into_what_it_tests_spoils_nothing(table: Table) -> None:
    """What is adopted is what was accepted, also when the test wrote into the arrays that it was given."""

    def spoil(weights: Weights) -> ProposedWeights:
        weights.weights["vector"][:] = 77.0
        return ProposedWeights(weights=weights, vote_score=1.0, test_score=1.0, vote=True)

    learners = play(table, StepLearner(TARGET), Peculiar(test=spoil))
    assert table.round(1).status is Status.ACCEPTED
    assert [held(learner) for learner in learners] == [[0.5, 1.0]] * 3


class Scribbler(StepLearner):
    """Sets fields of its answers to what they cannot be."""

    def mli_propose_weights(self) -> Weights:
        """Train, and say nonsense of the training."""
        answer = super().mli_propose_weights()
        answer.training_summary = "x"  # type: ignore[assignment]
        return answer

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test, and come to no score."""
        answer = super().mli_test_weights(weights)
        answer.vote_score = None  # type: ignore[assignment]
        return answer


@pytest.mark.parametrize(
    ("learner", "reason"),
    [
        (Scribbler(TARGET), "training_summary"),
        (FailingLearner(TARGET, Phase.PROPOSE, error=SystemExit(3)), "SystemExit: 3"),
        (FailingLearner(TARGET, Phase.PROPOSE, error=RuntimeError("file \udcff")), "file \\udcff"),
        (FailingLearner(TARGET, Phase.PROPOSE, error=LearnerError("file \udcff")), "file \\udcff"),
        (FailingLearner(TARGET, Phase.PROPOSE, error=LearnerError("\0" * 9_999)), "training failed"),
    ],
    ids=["scribble", "exit", "surrogate", "own surrogate", "long"],
)
def test_whatever_a_learner_does_its_agent_goes_on(
    table: Table, tmp_path: Path, learner: StepLearner, reason: str
) -> None:
    """The turn is passed for a reason that is on the disk, and the next start reads it there."""
    path = tmp_path / "journal"
    with closing(Journal.open(path)) as journal:
        table.settle(table.agent(0, learner, journal=journal), table.agent(1), table.agent(2))
    with closing(Journal.open(path)) as again:
        trained = again.trained(RoundNumber(1))
    assert trained is not None
    assert reason in trained.nothing
    assert table.round(1).status is Status.SKIPPED


def test_a_score_that_is_none_is_unavailable(table: Table) -> None:
    """A voter whose learner sets its score to None votes, and the agent goes on."""
    table.settle(table.agent(0), table.agent(1, Scribbler(TARGET)), table.agent(2))
    assert table.ballots(1)[1] is Ballot.UNAVAILABLE
    assert "vote_score" in table.reasons(events.Tested)[0]


def test_an_action_that_cannot_be_performed_is_not_called_done(table: Table) -> None:
    """Fan-in rounds are refused as an agent is made; were they not, it would not say it had contributed."""
    agent = table.agent(0)
    agent.step()
    agent._terms = replace(agent._terms, rules=replace(agent._terms.rules, contribution_window=300))
    with pytest.raises(RuntimeError, match="Contribute"):
        agent.step()


def test_an_interrupt_is_not_swallowed(table: Table) -> None:
    """Ctrl-C in a learner's training ends the program, as it should."""
    agent = table.agent(0, FailingLearner(TARGET, Phase.PROPOSE, error=KeyboardInterrupt()))
    agent.step()
    with pytest.raises(KeyboardInterrupt):
        agent.step()


def test_a_typed_error_of_a_learner_keeps_its_text(table: Table) -> None:
    """What a backend already says in this project's words is not wrapped once more."""
    play(table, FailingLearner(TARGET, Phase.PROPOSE, error=LearnerError("no data left")), steps=4)
    assert table.reasons(events.TurnPassed) == ["the training failed: no data left"]
