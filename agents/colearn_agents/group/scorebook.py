"""What every round of a run did to every learner's scores, collected from the parties' own events.

Scores never stand on chain; this is what each learner measured on its own data.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import TYPE_CHECKING

from colearn_agents.party.events import Adopted, Event, RoundClosed, Stalled, Tested
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colearn_chain.types import Address


@dataclass(frozen=True)
class Scores:
    """One learner's scores of one model; None: not measured; NaN: the learner has no data for it."""

    vote: float | None = None
    test: float | None = None


UNSCORED = Scores()


@dataclass(frozen=True, kw_only=True)
class RoundScores:
    """One round as the learners saw it; lists are by learner.

    Attributes:
        number: 0 for the time before the first round.
        outcome: how the round ended; NONE for round 0.
        proposer: the learner whose turn it was; None for round 0.
        ballots: None where the learner had no ballot.
        proposal: scores of the proposed model.
        held_round: in which round the model was accepted that the learner held after this one; 0: the first
            weights; None: it held none.
        held: scores of that model.
    """

    number: int
    outcome: Status
    proposer: int | None
    ballots: tuple[Ballot | None, ...]
    proposal: tuple[Scores, ...]
    held_round: tuple[int | None, ...]
    held: tuple[Scores, ...]

    @property
    def mean_test_score(self) -> float | None:
        """Of the models that are held, over the learners that measured one."""
        measured = [score.test for score in self.held if score.test is not None and isfinite(score.test)]
        return fmean(measured) if measured else None


class ScoreBook:
    """Collects the events of a run.

    Attributes:
        addresses: of the learners, by index; may be set once they are known.
        stalled: why the group gave up; None: it did not.
    """

    def __init__(self, addresses: Sequence[Address] = ()) -> None:
        self.addresses = tuple(addresses)
        self.stalled: str | None = None
        self._closed: dict[int, RoundClosed] = {}
        self._tested: dict[tuple[int, Address], Scores] = {}
        self._adopted: dict[Address, dict[int, Scores]] = {}

    def observe(self, event: Event) -> None:
        """Write down what bears on scores."""
        match event:
            case RoundClosed():
                self._closed[event.round] = event
            case Stalled():
                self.stalled = event.reason
            case Tested():
                self._tested[event.round, event.learner] = Scores(event.vote_score, event.test_score)
            case Adopted():
                models = self._adopted.setdefault(event.learner, {})
                models[event.round] = Scores(event.vote_score, event.test_score)

    def rounds(self) -> list[RoundScores]:
        """Every closed round, after round 0: the first weights."""
        return [self._before_the_first(), *(self.round(number) for number in sorted(self._closed))]

    def round(self, number: int) -> RoundScores:
        """A closed round.

        Raises:
            KeyError: it is not closed.
        """
        closed = self._closed[number]
        return RoundScores(
            number=number,
            outcome=closed.outcome,
            proposer=self.addresses.index(closed.proposer),
            ballots=tuple(closed.ballots.get(learner) for learner in self.addresses),
            proposal=tuple(self._tested.get((number, learner), UNSCORED) for learner in self.addresses),
            held_round=tuple(self._held_round(learner, number) for learner in self.addresses),
            held=tuple(self._held(learner, number) for learner in self.addresses),
        )

    def is_settled(self, number: int) -> bool:
        """Whether everybody holds what a closed round accepted."""
        closed = self._closed[number]
        if closed.outcome is not Status.ACCEPTED:
            return True
        return all(number in self._adopted.get(learner, {}) for learner in self.addresses)

    def _before_the_first(self) -> RoundScores:
        nobody = (None,) * len(self.addresses)
        return RoundScores(
            number=0,
            outcome=Status.NONE,
            proposer=None,
            ballots=nobody,
            proposal=(UNSCORED,) * len(self.addresses),
            held_round=tuple(self._held_round(learner, 0) for learner in self.addresses),
            held=tuple(self._held(learner, 0) for learner in self.addresses),
        )

    def _held_round(self, learner: Address, number: int) -> int | None:
        return max((at for at in self._adopted.get(learner, {}) if at <= number), default=None)

    def _held(self, learner: Address, number: int) -> Scores:
        at = self._held_round(learner, number)
        return UNSCORED if at is None else self._adopted[learner][at]
