"""Noticing that a group gets nowhere, and saying why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class _Fruitless:
    """A round in which nothing was accepted."""

    refused: bool
    unavailable: bool
    passed: bool


class StallWatch:
    """Counts closed rounds since something was accepted.

    Args:
        patience: so many in a row are a stall.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._fruitless: list[_Fruitless] = []

    def saw(self, outcome: Status, ballots: Iterable[Ballot | None], *, passed: bool) -> str | None:
        """Take note of a closed round.

        Args:
            outcome: how it ended.
            ballots: everyone's; None where there was none to cast.
            passed: whether its proposer passed the turn, rather than let the window run out.

        Returns:
            Why the group is stalled, if this round is the one that is too many.
        """
        if outcome is Status.ACCEPTED:
            self._fruitless.clear()
            return None
        refused = outcome is Status.REJECTED
        self._fruitless.append(_Fruitless(refused, refused and Ballot.UNAVAILABLE in ballots, passed))
        return self._reason() if len(self._fruitless) >= self._patience else None

    def _reason(self) -> str:
        count = len(self._fruitless)
        return f"{count} rounds in a row without an accepted proposal: {'; '.join(self._causes())}"

    def _causes(self) -> Iterator[str]:
        refused = sum(closed.refused for closed in self._fruitless)
        failed = sum(closed.unavailable for closed in self._fruitless)
        passed = sum(closed.passed for closed in self._fruitless)
        lapsed = len(self._fruitless) - refused - passed
        if refused:
            yield f"{_count(refused, 'proposal')} refused, since none improved enough voters' scores"
        if failed:
            yield f"{failed} of them unavailable to some voters"
        if passed:
            yield f"{_count(passed, 'turn')} passed, since their proposers had nothing to propose"
        if lapsed:
            yield f"{_count(lapsed, 'proposal window')} ran out"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
