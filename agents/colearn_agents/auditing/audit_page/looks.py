"""What each mark looks like: its class in the style sheet, its letter in tables, its sign and its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from colearn_chain.results import VoteMark

if TYPE_CHECKING:
    from collections.abc import Mapping


class Look(NamedTuple):
    """How a mark is shown.

    Attributes:
        style: its class in the style sheet.
        letter: in tables.
        sign: a path in a cell of 16 by 16, drawn as a line; empty: none.
        words: in legends.
    """

    style: str
    letter: str
    sign: str
    words: str


LOOKS: Mapping[VoteMark, Look] = {
    VoteMark.PROPOSED: Look("proposed", "P", "M6 12V4h3a2.5 2.5 0 0 1 0 5H6", "proposed"),
    VoteMark.APPROVED: Look("approved", "A", "M4 8.5l3 3 5-7", "approved"),
    VoteMark.REJECTED: Look("rejected", "R", "M4.5 4.5l7 7m0-7l-7 7", "rejected"),
    VoteMark.UNAVAILABLE: Look(
        "unavailable",
        "U",
        "M5.5 6a2.5 2.5 0 1 1 3.4 2.3c-.6.3-.9.6-.9 1.4m0 2.2v.2",
        "could not fetch or read it",
    ),
    VoteMark.SILENT: Look("silent", "-", "M5 8h6", "silent"),
    VoteMark.PASSED: Look("passed", "p", "M4.5 4.5L8 8l-3.5 3.5m4-7L12 8l-3.5 3.5", "passed its turn"),
    VoteMark.LAPSED: Look("lapsed", "l", "M4 8h.1m3.9 0h.1m3.8 0h.1", "let its turn lapse"),
    VoteMark.IDLE: Look("idle", "·", "", "nothing to vote on"),
}
"""Who was not in a round has no mark."""
