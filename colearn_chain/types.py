"""Names that keep integers and bytes apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

Address = NewType("Address", str)
"""A checksummed Ethereum address (EIP-55), 0x and 40 hex digits."""

Digest = NewType("Digest", bytes)
"""32 bytes: the sha2-256 of an artefact folder's root block, from which its CID follows. All zero: none."""

RoundNumber = NewType("RoundNumber", int)
"""A round's number; the first is 1."""

Seat = NewType("Seat", int)
"""A learner's place in the bitmaps, 0 to 63."""

Timestamp = NewType("Timestamp", int)
"""Seconds since 1970-01-01 UTC, as blocks have them."""

SPEC_ROUND = RoundNumber(0)
"""Stands for the experiment's spec, whose first weights nobody voted on."""

NO_DIGEST = Digest(bytes(32))

SEATS = 64
"""How many learners can be active at once."""

NO_END = 2**24 - 1
"""The last round of a membership that has no end yet."""

Progress = Callable[[int, int], None]
"""Is told how much of something long is done, and how much there is of it."""


def unwatched(done: int, total: int) -> None:
    """The progress that nobody watches."""
