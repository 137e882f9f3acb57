"""A run as rows, one a round, that follow the events as they come; `live` draws them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from colearn_agents.party.events import (
    Adopted,
    Event,
    LearnerEvent,
    Proposed,
    RoundClosed,
    Testing,
    Trained,
    Training,
    TurnPassed,
    Voted,
)
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colearn_agents.group.scorebook import ScoreBook


@dataclass(frozen=True, kw_only=True)
class Row:
    """One round.

    Attributes:
        number: the round.
        proposer: the learner whose turn it is; None: not known yet.
        proposed: whether there is a proposal.
        ballots: by learner, as far as cast.
        status: where the round stands, or its outcome.
        score: of the global model after the round, as the mean over learners; None: not known (yet).
        elapsed: seconds from the start of the run to the round's end; None: not ended.
    """

    number: int
    proposer: int | None = None
    proposed: bool = False
    ballots: Mapping[int, Ballot] = field(default_factory=dict)
    status: Status = Status.PROPOSING
    score: float | None = None
    elapsed: float | None = None


_DOING: dict[type[LearnerEvent], str] = {
    Training: "is training",
    Trained: "publishes its proposal",
    Testing: "is testing the proposal",
    Proposed: "has proposed",
    Voted: "has voted",
    TurnPassed: "has passed its turn",
    Adopted: "has adopted the accepted model",
}


class Board:
    """Follows a run.

    Rows are values that are replaced, never changed: a display in another thread can read them any time.

    Attributes:
        rows: the rounds whose outcome every learner has acted upon, in order.
        current: the open round; None between two rounds.
        doing: what is going on, in words.
    """

    def __init__(
        self,
        book: ScoreBook,
        on_row: Callable[[Row], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rows: tuple[Row, ...] = ()
        self.current: Row | None = None
        self.doing = "the contract is being deployed and joined"
        self._book = book
        self._on_row = on_row
        self._clock = clock
        self._begun = clock()
        self._waiting: list[Row] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._begun

    def observe(self, event: Event) -> None:
        """Follow one event; the score book has to see it first."""
        match event:
            case Training() | Proposed() | Voted():
                self.current = self._followed(event)
            case RoundClosed():
                self._close(event)
        if isinstance(event, LearnerEvent) and type(event) in _DOING:
            self.doing = f"learner {self._index(event)} {_DOING[type(event)]}"
        self._settle()

    def finish(self) -> None:
        """The run is over: nobody will adopt anything any more."""
        while self._waiting:
            self._end(self._waiting.pop(0))
        self.current = None

    def _followed(self, event: LearnerEvent) -> Row:
        row = self.current
        if row is None or row.number != event.round:
            row = Row(number=event.round)
        match event:
            case Proposed():
                return replace(row, proposer=self._index(event), proposed=True, status=Status.VOTING)
            case Voted():
                return replace(row, ballots={**row.ballots, self._index(event): event.ballot})
        return replace(row, proposer=self._index(event))

    def _close(self, closed: RoundClosed) -> None:
        while self._waiting:
            self._end(self._waiting.pop(0))
        scores = self._book.round(closed.round)
        ballots = {learner: ballot for learner, ballot in enumerate(scores.ballots) if ballot is not None}
        row = Row(
            number=closed.round,
            proposer=scores.proposer,
            proposed=any(closed.digest),
            ballots=ballots,
            status=closed.outcome,
        )
        self._waiting.append(row)
        self.current = None

    def _settle(self) -> None:
        while self._waiting and self._book.is_settled(self._waiting[0].number):
            self._end(self._waiting.pop(0))

    def _end(self, row: Row) -> None:
        score = self._book.round(row.number).mean_test_score
        ended = replace(row, score=score, elapsed=self.elapsed)
        self.rows = (*self.rows, ended)
        self._on_row(ended)

    def _index(self, event: LearnerEvent) -> int:
        return self._book.addresses.index(event.learner)
