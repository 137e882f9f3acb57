"""What a round without a chain came to, and all rounds of a run.

Scores are those of the model that a learner *holds* after the round; what a refused proposal scored stands
beside them, under its own names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from colearn_chain.rounds.word import Ballot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colearn_chain.ml_interface import TrainingSummary


class VoteMark(StrEnum):
    """What one learner did in one round."""

    PROPOSED = "proposed"
    PASSED = "passed"  # it was the proposer, and proposed nothing
    APPROVED = "approved"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"  # it could not test the proposal
    SILENT = "silent"
    LAPSED = "lapsed"  # it was the proposer, and let its turn run out
    IDLE = "idle"  # nothing was proposed, so there was nothing to vote on
    ABSENT = "absent"  # it was not in the round


_MARKS = {
    Ballot.NONE: VoteMark.SILENT,
    Ballot.APPROVE: VoteMark.APPROVED,
    Ballot.REJECT: VoteMark.REJECTED,
    Ballot.UNAVAILABLE: VoteMark.UNAVAILABLE,
}


@dataclass
class Result:
    """One round; every list has one entry for each learner, in their order.

    Attributes:
        vote: the proposal was accepted and everybody adopted it.
        ballots: how each voted; none for a proposer whose own ballot does not count.
        test_scores: of the model held after the round; NaN where there is no test data or the learner failed.
        vote_scores: likewise, on the data that votes are about.
        proposal_test_scores: of the proposal, accepted or not; empty where nothing was proposed.
        proposal_vote_scores: likewise.
        training_summaries: what each said last of its training.
        block_proposer: whose turn it was; None where it was nobody's (first scores, learners training alone).
        skipped: nothing was proposed.
        notes: what went wrong, in words: who failed, when and why.
    """

    vote: bool = False
    ballots: list[Ballot] = field(default_factory=list)
    test_scores: list[float] = field(default_factory=list)
    vote_scores: list[float] = field(default_factory=list)
    proposal_test_scores: list[float] = field(default_factory=list)
    proposal_vote_scores: list[float] = field(default_factory=list)
    training_summaries: list[TrainingSummary | None] = field(default_factory=list)
    block_proposer: int | None = None
    skipped: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def votes(self) -> list[bool | None]:
        """True for an approval, False for a rejection, None for neither."""
        return [{Ballot.APPROVE: True, Ballot.REJECT: False}.get(ballot) for ballot in self.ballots]

    @property
    def marks(self) -> list[VoteMark]:
        """What each learner did."""
        marks = [_MARKS[ballot] for ballot in self.ballots]
        if self.block_proposer is not None:
            marks[self.block_proposer] = VoteMark.PASSED if self.skipped else VoteMark.PROPOSED
        return marks


@dataclass
class Results:
    """The rounds of a run; append to ``data``, then ``process_statistics`` fills the rest.

    Attributes:
        data: the first scores (``initial_result``) and then one result for each round.
        h_test_scores: test scores by learner and then by round.
        h_vote_scores: vote scores by learner and then by round.
        mean_test_scores: by round, over the learners that have a score; NaN where none has.
        mean_vote_scores: likewise.
    """

    data: list[Result] = field(default_factory=list)
    h_test_scores: list[list[float]] = field(default_factory=list)
    h_vote_scores: list[list[float]] = field(default_factory=list)
    mean_test_scores: list[float] = field(default_factory=list)
    mean_vote_scores: list[float] = field(default_factory=list)

    def process_statistics(self) -> None:
        """Compute everything else from ``data``, anew at every call."""
        tests = [result.test_scores for result in self.data]
        votes = [result.vote_scores for result in self.data]
        self.h_test_scores = [list(column) for column in zip(*tests, strict=True)]
        self.h_vote_scores = [list(column) for column in zip(*votes, strict=True)]
        self.mean_test_scores = [_mean(row) for row in tests]
        self.mean_vote_scores = [_mean(row) for row in votes]


def print_results(results: Results) -> None:
    """Print the latest round as a table; nothing where there is none."""
    if results.data:
        print("\n".join(_lines(results.data[-1])))  # noqa: T201 - printing is what it is for


def _lines(result: Result) -> Iterable[str]:
    if result.block_proposer is not None:
        yield f"Selected proposer:\t {result.block_proposer}"
        yield f"New model accepted:\t {result.vote}" + (" (nothing was proposed)" if result.skipped else "")
    yield from _table(("learner", "did", "vote score", "test score"), _score_rows(result))
    if any(summary and summary.dp_budget for summary in result.training_summaries):
        yield from _table(("learner", "epsilon spent", "of", "delta spent", "of"), _budget_rows(result))
    yield from result.notes


def _score_rows(result: Result) -> Iterable[Sequence[str]]:
    columns = zip(result.marks, result.vote_scores, result.test_scores, strict=True)
    for index, (mark, vote_score, test_score) in enumerate(columns):
        yield str(index), mark.value, f"{vote_score:.4f}", f"{test_score:.4f}"


def _budget_rows(result: Result) -> Iterable[Sequence[str]]:
    for index, summary in enumerate(result.training_summaries):
        if summary and (budget := summary.dp_budget):
            epsilons = (f"{budget.consumed_epsilon:.4g}", f"{budget.target_epsilon:.4g}")
            yield str(index), *epsilons, f"{budget.consumed_delta:.4g}", f"{budget.target_delta:.4g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    cells = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _mean(scores: Sequence[float]) -> float:
    known = [score for score in scores if not math.isnan(score)]
    return math.fsum(known) / len(known) if known else math.nan
