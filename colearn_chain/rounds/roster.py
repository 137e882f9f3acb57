"""Who is in the coming rounds: a pipeline of bitmaps that moves by one place whenever a round opens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from colearn_chain.types import SEATS, Seat

if TYPE_CHECKING:
    from collections.abc import Iterator


def seats_of(bitmap: int) -> Iterator[Seat]:
    """The seats whose bit is set, from the lowest."""
    return (Seat(seat) for seat in range(SEATS) if bitmap >> seat & 1)


def next_seat(bitmap: int, after: int) -> Seat:
    """The first seat that is set after another one, cyclically; after -1: the lowest.

    Raises:
        ValueError: no seat is set.
    """
    above = bitmap >> (after + 1) << (after + 1)
    candidates = above or bitmap
    if not candidates:
        raise ValueError("nobody is on any seat")
    return Seat((candidates & -candidates).bit_length() - 1)


@dataclass(frozen=True)
class Roster:
    """The announced changes; the open round's electorate stands in the round itself.

    Attributes:
        active: the next round's electorate, as announced so far.
        arriving: those that join the round after the next.
        departing: those that leave after the next round.
    """

    active: int = 0
    arriving: int = 0
    departing: int = 0

    def opened(self) -> Roster:
        """The roster once a round has opened with ``active`` as its electorate."""
        return Roster((self.active | self.arriving) & ~self.departing)

    def with_joiner(self, seat: Seat, *, is_open: bool) -> Roster:
        """A joiner: from the round after the next while a round is open, from the next while none is."""
        if is_open:
            return replace(self, arriving=self.arriving | 1 << seat)
        return replace(self, active=self.active | 1 << seat)

    def with_departure(self, seat: Seat) -> Roster:
        """A learner that leaves after the next round."""
        return replace(self, departing=self.departing | 1 << seat)

    def without(self, seat: Seat) -> Roster:
        """A learner that is in no further round."""
        others = ~(1 << seat)
        return Roster(self.active & others, self.arriving & others, self.departing & others)

    def free_seat(self, electorate: int) -> Seat | None:
        """The lowest seat that nobody has, beside the open round's electorate (0: none is open), if any."""
        taken = electorate | self.active | self.arriving
        free = ~taken & (2**SEATS - 1)
        return next_seat(free, -1) if free else None
