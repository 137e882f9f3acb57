"""Rounds without a chain: how they are counted, what they leave behind, and that learners share nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.driver import (
    collective_learning_round,
    individual_training_round,
    initial_result,
    run,
    run_one_round,
    set_equal_weights,
)
from colearn_chain.errors import ConfigError
from colearn_chain.ml_interface import (
    DiffPrivBudget,
    MachineLearningInterface,
    ProposedWeights,
    TrainingSummary,
    Weights,
)
from colearn_chain.results import VoteMark
from colearn_chain.rounds.tally import is_accepted
from colearn_chain.testing.learners import IdleLearner, NanLearner, StepLearner

FOR, AGAINST = [1.0], [-1.0]


def held(learner: MachineLearningInterface) -> float:
    """The one number of a learner's weights."""
    return float(learner.mli_get_current_weights().weights["vector"][0])


def group(supporters: int, opponents: int) -> list[MachineLearningInterface]:
    """Learner 0 proposes a step up; the others are for it or against it."""
    return [StepLearner(target) for target in [FOR, *[FOR] * supporters, *[AGAINST] * opponents]]


class Budgeted(StepLearner):
    """Says what its training has cost."""

    summary = TrainingSummary(
        dp_budget=DiffPrivBudget(target_epsilon=4, target_delta=1e-5, consumed_epsilon=1, consumed_delta=1e-5)
    )

    def mli_propose_weights(self) -> Weights:
        """Propose, with the summary."""
        return Weights(weights=super().mli_propose_weights().weights, training_summary=self.summary)


class Lends(StepLearner):
    """Hands out and keeps the very arrays that others use, and trains in place."""

    def mli_propose_weights(self) -> Weights:
        """Return the trained array and go on writing to it."""
        self.lent = self._vector + 1
        return Weights(weights={"vector": self.lent})

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Spoil what it was given to test."""
        tested = super().mli_test_weights(weights)
        weights.weights["vector"][...] = 99
        return tested

    def mli_accept_weights(self, weights: Weights) -> None:
        """Keep what it was given."""
        self._vector = weights.weights["vector"]


@given(st.integers(0, 8), st.integers(0, 8), st.integers(1, 10_000))
def test_rounds_are_counted_in_integers(supporters: int, opponents: int, bps: int) -> None:
    """A round is accepted iff approvals * 10000 >= threshold * voters, and never without a voter."""
    learners = group(supporters, opponents)
    result = collective_learning_round(learners, bps / 10_000, 0)
    voters = supporters + opponents
    assert result.vote == (voters > 0 and supporters * 10_000 >= bps * voters)
    assert [held(learner) for learner in learners] == [0.5 if result.vote else 0.0] * len(learners)


@pytest.mark.parametrize(
    ("supporters", "opponents", "threshold", "accepted"),
    [(2, 2, 0.5, True), (2, 2, 0.5001, False), (3, 1, 0.5001, True), (7, 93, 0.07, True), (4, 0, 1, True)],
)
def test_the_threshold_counts_as_on_chain(
    supporters: int,
    opponents: int,
    threshold: float,
    accepted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Two of four reach a half but not more than a half, and 7 % of 100 are 7 and not 8."""
    assert collective_learning_round(group(supporters, opponents), threshold, 0).vote is accepted


def test_the_proposers_ballot_counts_only_when_asked_to() -> None:
    """One for and one against: 1 of 2 without the proposer, 2 of 3 with it."""
    assert not collective_learning_round(group(1, 1), 0.6, 0).vote
    result = collective_learning_round(group(1, 1), 0.6, 0, count_proposer=True)
    assert result.vote
    assert result.votes == [True, True, False]
    assert collective_learning_round(group(0, 0), 0.5, 0, count_proposer=True).vote


@pytest.mark.parametrize("threshold", [0, 0.00001, -0.5, 1.1, math.nan, math.inf])
def test_a_threshold_that_is_none_is_refused(threshold: float) -> None:
    """With 0 anything would pass; nobody is asked for anything."""
    learners = group(1, 0)
    with pytest.raises(ConfigError, match=str(threshold)):
        collective_learning_round(learners, threshold, 0)
    with pytest.raises(ConfigError, match=str(threshold)):
        run_one_round(0, learners, threshold)
    assert held(learners[0]) == 0


@pytest.mark.parametrize("threshold_bps", [0, -1, 10_001])
def test_the_tally_refuses_a_threshold_that_is_none(threshold_bps: int) -> None:
    """Even when everybody approved."""
    with pytest.raises(ConfigError, match=str(threshold_bps)):
        is_accepted(4, 4, threshold_bps)


@pytest.mark.parametrize("call", [set_equal_weights, initial_result, lambda nobody: run(1, nobody)])
def test_no_learners_are_refused(call: Any) -> None:
    """There is no round without anybody."""
    with pytest.raises(ConfigError, match="no learners"):
        call([])


def test_learners_propose_in_turns() -> None:
    """Round by round the next one, and after the last the first again."""
    results = run(4, group(2, 0))
    assert [result.block_proposer for result in results.data] == [None, 0, 1, 2, 0]


def test_an_accepted_round_reports_the_new_model() -> None:
    """Scores after it are the proposal's."""
    result = collective_learning_round(group(2, 0), 0.5, 0)
    assert result.test_scores == result.proposal_test_scores == [-0.25] * 3
    assert result.marks == [VoteMark.PROPOSED, VoteMark.APPROVED, VoteMark.APPROVED]


def test_a_refused_round_reports_the_model_that_is_held() -> None:
    """What the proposal scored stands beside it and is nobody's score."""
    result = collective_learning_round(group(0, 2), 0.5, 0)
    assert not result.vote
    assert result.test_scores == result.vote_scores == [-1.0, -1.0, -1.0]
    assert result.proposal_test_scores == result.proposal_vote_scores == [-0.25, -2.25, -2.25]
    assert result.votes == [None, False, False]


def test_a_learner_that_scores_nan_does_not_approve() -> None:
    """Its ballot is a rejection and its score stays NaN."""
    result = collective_learning_round([StepLearner(FOR), NanLearner(FOR)], 0.5, 0)
    assert not result.vote
    assert result.marks[1] is VoteMark.REJECTED
    assert math.isnan(result.test_scores[1])


def test_a_learner_with_nothing_to_propose_passes_its_turn() -> None:
    """Nobody is asked to test nothing; the reason is told, and its summary is kept."""
    result = collective_learning_round([IdleLearner(FOR), StepLearner(FOR)], 0.5, 0)
    assert (result.vote, result.skipped) == (False, True)
    assert result.marks == [VoteMark.PASSED, VoteMark.SILENT]
    assert result.notes == ["learner 0 has nothing to propose: DP_BUDGET_EXCEEDED"]
    assert result.proposal_test_scores == []
    assert result.test_scores == [-1.0, -1.0]
    assert result.training_summaries[0] is not None
    assert run_one_round(0, [IdleLearner(FOR), StepLearner(FOR)]) == ([], False)


def test_summaries_stand_at_their_learners() -> None:
    """The proposer's is in its place, whoever else has none."""
    result = collective_learning_round([StepLearner(FOR), Budgeted(FOR), StepLearner(FOR)], 0.5, 1)
    assert result.training_summaries == [None, Budgeted.summary, None]


def test_learners_share_no_arrays() -> None:
    """Neither training in place, nor spoiling what is tested, nor keeping what is adopted reaches another."""
    learners = [Lends([2.0]), Lends([2.0]), StepLearner([2.0])]
    set_equal_weights(learners)
    assert collective_learning_round(learners, 0.5, 0).vote
    learners[0].lent[...] = 50  # type: ignore[attr-defined]
    learners[0]._vector[...] = 60
    assert [held(learner) for learner in learners[1:]] == [1.0, 1.0]


def test_run_one_round_returns_what_was_tested() -> None:
    """One entry for each learner, no vote of the proposer's, and the outcome."""
    tested, accepted = run_one_round(0, group(1, 1), 0.5)
    assert accepted
    assert [test.vote for test in tested] == [None, True, False]
    assert [test.vote_score for test in tested] == [-0.25, -0.25, -2.25]
    counted, _ = run_one_round(0, group(1, 1), 0.5, count_proposer=True)
    assert [test.vote for test in counted] == [True, True, False]


def test_equal_weights_are_the_first_learners() -> None:
    """Everybody begins where learner 0 stands."""
    learners = [StepLearner(FOR, start=[start]) for start in (3.0, 4.0, 5.0)]
    set_equal_weights(learners)
    assert [held(learner) for learner in learners] == [3.0, 3.0, 3.0]


def test_the_first_result_is_a_test_of_own_weights() -> None:
    """Nobody proposed, nobody voted, everybody has a score."""
    result = initial_result([StepLearner(FOR), StepLearner(FOR, start=[2.0]), StepLearner(FOR, start=[1.0])])
    assert result.test_scores == [-1.0, -1.0, 0.0]
    assert (result.vote, result.block_proposer, result.votes) == (False, None, [None] * 3)


def test_learning_alone_asks_nobody() -> None:
    """Each adopts what it trained, also what is worse; one that has nothing keeps what it has."""
    learners = [StepLearner(FOR), StepLearner(AGAINST), StepLearner(FOR, step=3), IdleLearner(FOR)]
    result = individual_training_round(learners, 0)
    assert [held(learner) for learner in learners] == [0.5, -0.5, 3.0, 0.0]
    assert result.test_scores == [-0.25, -0.25, -4.0, -1.0]
    assert (result.vote, result.block_proposer) == (False, None)


def test_a_run_comes_to_what_its_learners_want() -> None:
    """Five learners with nearby targets meet among them, and the statistics say how."""
    targets = np.array([[0.8], [0.9], [1.0], [1.1], [1.2]])
    learners: list[MachineLearningInterface] = [StepLearner(target) for target in targets]
    results = run(20, learners, vote_threshold=0.5001)
    assert len(results.data) == len(results.mean_test_scores) == 21
    assert results.mean_test_scores == sorted(results.mean_test_scores)
    assert len({held(learner) for learner in learners}) == 1
    assert held(learners[0]) == pytest.approx(1.0, abs=0.1)
