"""Results of rounds, and how they print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from colearn_chain.ml_interface import DiffPrivBudget, TrainingSummary
from colearn_chain.results import Result, Results, VoteMark, print_results
from colearn_chain.rounds.word import Ballot

if TYPE_CHECKING:
    import pytest

BALLOTS = [Ballot.NONE, Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE]


def a_round(**fields: object) -> Result:
    """A round of four in which learner 0 proposed."""
    scores = [0.5, 0.6, math.nan, 0.8]
    known = {"ballots": list(BALLOTS), "test_scores": scores, "vote_scores": scores, "block_proposer": 0}
    return Result(**{**known, "training_summaries": [None] * 4, **fields})  # type: ignore[arg-type]


def test_votes_and_marks_follow_from_ballots() -> None:
    """An unavailable proposal is no vote but has its own mark; a proposer is marked as such."""
    assert a_round().votes == [None, True, False, None]
    assert a_round().marks == [VoteMark.PROPOSED, VoteMark.APPROVED, VoteMark.REJECTED, VoteMark.UNAVAILABLE]
    assert a_round(skipped=True).marks[0] is VoteMark.PASSED
    assert a_round(block_proposer=None).marks[0] is VoteMark.SILENT


def test_a_new_result_is_empty() -> None:
    """Two of them share no list."""
    first, second = Result(), Result()
    first.notes.append("x")
    assert (second.notes, second.votes, second.vote, second.block_proposer) == ([], [], False, None)


def test_statistics_are_by_learner_and_by_round() -> None:
    """Histories are [learner][round]; a mean leaves out who has no score and is NaN where nobody has."""
    rounds = [Result(test_scores=[1.0, math.nan], vote_scores=[-1.0, -3.0])]
    rounds += [Result(test_scores=[math.nan, math.nan], vote_scores=[-2.0, -4.0])]
    results = Results(rounds)
    results.process_statistics()
    results.process_statistics()
    assert results.h_vote_scores == [[-1.0, -2.0], [-3.0, -4.0]]
    assert results.mean_vote_scores == [-2.0, -3.0]
    assert results.mean_test_scores[0] == 1.0
    assert math.isnan(results.mean_test_scores[1])


def test_the_latest_round_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Proposer, outcome, a line for each learner, and what went wrong."""
    print_results(Results([a_round(vote=False), a_round(vote=True, notes=["learner 3 failed"])]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Selected proposer:\t 0", "New model accepted:\t True"]
    assert lines[2].split() == ["learner", "did", "vote", "score", "test", "score"]
    assert [line.split()[1] for line in lines[3:7]] == ["proposed", "approved", "rejected", "unavailable"]
    assert lines[5].split()[2:] == ["nan", "nan"]
    assert lines[7:] == ["learner 3 failed"]


def test_a_skipped_round_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing accepted because nothing was proposed."""
    print_results(Results([a_round(skipped=True)]))
    assert "New model accepted:\t False (nothing was proposed)" in capsys.readouterr().out


def test_first_scores_have_no_proposer(capsys: pytest.CaptureFixture[str]) -> None:
    """The table stands alone."""
    print_results(Results([a_round(block_proposer=None)]))
    assert "proposer" not in capsys.readouterr().out


def test_privacy_budgets_are_printed_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    """A second table names the learners that have one."""
    budget = DiffPrivBudget(target_epsilon=4, target_delta=1e-5, consumed_epsilon=1.25, consumed_delta=1e-6)
    summaries = [None, TrainingSummary(dp_budget=budget), TrainingSummary(), None]
    print_results(Results([a_round(training_summaries=summaries)]))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["1", "1.25", "4", "1e-06", "1e-05"]


def test_nothing_is_printed_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Results without rounds print no line."""
    print_results(Results())
    assert capsys.readouterr().out == ""
