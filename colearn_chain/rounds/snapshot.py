"""All that a learner's agent needs of the chain to decide what to do next, as of one block."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from colearn_chain.rounds.word import Round

if TYPE_CHECKING:
    from colearn_chain.types import Digest, RoundNumber, Seat, Timestamp


class Phase(IntEnum):
    """Where the experiment stands."""

    JOINING = 0
    """No round is open: before the first start, or paused for want of learners."""
    PROPOSING = 1
    VOTING = 2
    FINISHED = 3
    """``max_rounds`` are closed."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The experiment as one learner sees it; fields in the order of the Solidity struct ``Snapshot``.

    Attributes:
        block_number: the block that was read.
        timestamp: its time, in seconds since 1970.
        phase: where the experiment stands.
        number: the open round; in Joining and Finished the last closed one, 0 if there is none.
        accepted: the last accepted round; 0: none, the spec's first weights hold.
        accepted_digest: its digest; the spec's digest if there is none.
        active: bitmap of the next round's electorate, as announced so far.
        arriving: bitmap of the seats that join the round after the next.
        departing: bitmap of the seats that leave after the next round.
        round_word: round ``number`` as it is stored.
        round_digest: what was proposed in it.
        history_hash: commits to everything decided so far.
        memberships: how many have been made.
        invited: whether the learner has an invitation.
        joined: whether it has, or had, a membership; the rest is the latest one.
        seat: its seat.
        first_round: the first round that it covers.
        last_round: the last one; ``NO_END`` while there is no end.
        membership: its index.
    """

    block_number: int
    timestamp: Timestamp
    phase: Phase
    number: RoundNumber
    accepted: RoundNumber
    accepted_digest: Digest
    active: int
    arriving: int
    departing: int
    round_word: int
    round_digest: Digest
    history_hash: bytes
    memberships: int
    invited: bool
    joined: bool
    seat: Seat
    first_round: RoundNumber
    last_round: RoundNumber
    membership: int

    @property
    def round(self) -> Round:
        """Round ``number``, readable."""
        return Round.from_word(self.round_word, self.round_digest)

    def covers(self, number: int) -> bool:
        """Whether the learner's latest membership covers round ``number``."""
        return self.joined and self.first_round <= number <= self.last_round
