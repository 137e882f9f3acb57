"""A round as a value, and as the word that the contract stores (layout: ``contracts/types/Round.sol``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from colearn_chain.types import NO_DIGEST, SEATS, Digest, Seat, Timestamp

if TYPE_CHECKING:
    from typing import Self


class Status(IntEnum):
    """Where a round stands; the last three are outcomes and final."""

    NONE = 0
    PROPOSING = 1
    VOTING = 2
    ACCEPTED = 3
    REJECTED = 4
    SKIPPED = 5

    @property
    def is_open(self) -> bool:
        """Whether somebody can still act in the round."""
        return self in {Status.PROPOSING, Status.VOTING}


class Closing(IntEnum):
    """How a round closed."""

    NONE = 0
    COMPLETE = 1
    """Every voter has voted."""
    DEADLINE = 2
    """A window ran out."""
    CERTAIN = 3
    """The outcome could not change any more (rule ``close_early``)."""
    PASSED = 4
    """Its proposer passed its turn."""


class Ballot(IntEnum):
    """A learner's ballot."""

    NONE = 0
    APPROVE = 1
    REJECT = 2
    UNAVAILABLE = 3
    """The artefact could not be fetched or is malformed."""


class Skip(IntEnum):
    """Why a signed ballot in a batch was not counted."""

    BAD_SIGNATURE = 0
    """No signer can be recovered from it, or its s is in the upper half."""
    NOT_MEMBER = 1
    """No membership of the signer covers the round; what was signed for another recovers to such a one."""
    NO_BALLOT = 2
    """The signer is the proposer, whose ballot does not count."""
    ALREADY_VOTED = 3


# Bits from the lowest: electorate 64, ballots 2 * 64, proposer, status and closing 8 each, time 40.
_BALLOTS, _PROPOSER, _STATUS, _CLOSING, _TIME = 64, 192, 200, 208, 216
_LOW: int = 2**SEATS - 1


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round.

    Attributes:
        electorate: bitmap of 64; bit s is set when the learner on seat s may take part.
        ballots: two bitmaps of 64 of the ballots' lower and higher bits; seat s at bits s and 64 + s.
        proposer: a seat.
        status: where it stands, or its outcome.
        closing: how it closed; NONE while it is open.
        time: deadline of the open window; once closed, when it closed.
        digest: of the proposal; all zero: nothing was proposed. Not part of the word.
    """

    electorate: int
    ballots: int
    proposer: Seat
    status: Status
    closing: Closing
    time: Timestamp
    digest: Digest

    @classmethod
    def from_word(cls, word: int, digest: Digest) -> Self:
        """Read a stored word.

        Raises:
            ValueError: status or closing is none of theirs, or the word has more than 256 bits.
        """
        return cls(
            electorate=word & (2**64 - 1),
            ballots=word >> _BALLOTS & (2**128 - 1),
            proposer=Seat(word >> _PROPOSER & 0xFF),
            status=Status(word >> _STATUS & 0xFF),
            closing=Closing(word >> _CLOSING & 0xFF),
            time=Timestamp(_timestamp(word >> _TIME)),
            digest=digest,
        )

    @property
    def word(self) -> int:
        """The round in 256 bits."""
        return (
            self.electorate
            | self.ballots << _BALLOTS
            | self.proposer << _PROPOSER
            | self.status << _STATUS
            | self.closing << _CLOSING
            | self.time << _TIME
        )

    @property
    def approvals(self) -> int:
        """Bitmap of the seats that approved."""
        return self._lower & ~self._higher

    @property
    def rejections(self) -> int:
        """Bitmap of the seats that rejected."""
        return self._higher & ~self._lower

    @property
    def unavailables(self) -> int:
        """Bitmap of the seats that found the artefact unavailable."""
        return self._lower & self._higher

    def ballot_at(self, seat: Seat) -> Ballot:
        """The ballot of the learner on a seat."""
        return Ballot(self._lower >> seat & 1 | (self._higher >> seat & 1) << 1)

    def with_ballot(self, seat: Seat, ballot: Ballot) -> Self:
        """The round with a ballot where there was none."""
        bits = (ballot & 1) << seat | (ballot >> 1) << (SEATS + seat)
        return replace(self, ballots=self.ballots | bits)

    @property
    def _lower(self) -> int:
        return self.ballots & _LOW

    @property
    def _higher(self) -> int:
        return self.ballots >> SEATS


def _timestamp(bits: int) -> int:
    if bits >= 2**40:
        raise ValueError(f"a round's word has 256 bits, this one {bits.bit_length() + _TIME}")
    return bits


UNOPENED = Round.from_word(0, NO_DIGEST)
"""What a round is before it opens."""
