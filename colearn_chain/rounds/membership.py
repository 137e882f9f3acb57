"""Who sat where, in which rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colearn_chain.types import Address, RoundNumber, Seat


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One membership; the fields stand in the order of the Solidity struct ``Membership``.

    Attributes:
        learner: its address.
        seat: its place in the bitmaps.
        first_round: the first round that it covers.
        last_round: the last one; ``NO_END``: no end yet; less than the first: ended before it began.
        closings: how many rounds had closed when it was made.
        encryption_key: X25519 public key, 32 bytes; all zero: none.
    """

    learner: Address
    seat: Seat
    first_round: RoundNumber
    last_round: RoundNumber
    closings: int
    encryption_key: bytes

    def covers(self, number: int) -> bool:
        """Whether its learner is one of round ``number``'s."""
        return self.first_round <= number <= self.last_round
