"""What learners did in the rounds of a history that holds: one mark for each learner and round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_chain.results import VoteMark
from colearn_chain.rounds import Ballot, Closing, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colearn_chain.rounds import ClosedRound
    from colearn_chain.types import Address

_BALLOTS = {
    Ballot.NONE: VoteMark.SILENT,
    Ballot.APPROVE: VoteMark.APPROVED,
    Ballot.REJECT: VoteMark.REJECTED,
    Ballot.UNAVAILABLE: VoteMark.UNAVAILABLE,
}


def learners_of(rounds: Iterable[ClosedRound]) -> list[Address]:
    """Everybody who was in a round: first those of the first round by their seats, then later ones."""
    return list(dict.fromkeys(learner for closed in rounds for learner in closed.learners.values()))


def marks_of(closed: ClosedRound) -> dict[Address, VoteMark]:
    """What each of a round's learners did; a proposer is one even where its own ballot counts."""
    return {learner: _mark(closed, learner) for learner in closed.learners.values()}


def _mark(closed: ClosedRound, learner: Address) -> VoteMark:
    is_skipped = closed.round.status is Status.SKIPPED
    if learner != closed.proposer:
        return VoteMark.IDLE if is_skipped else _BALLOTS[closed.ballots.get(learner, Ballot.NONE)]
    if not is_skipped:
        return VoteMark.PROPOSED
    return VoteMark.PASSED if closed.round.closing is Closing.PASSED else VoteMark.LAPSED
