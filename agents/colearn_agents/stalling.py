"""Noticing that a group gets nowhere, and saying why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_agents.events import RoundClosed, Stalled
from colearn_chain.rounds import Ballot, Closing, Status

if TYPE_CHECKING:
    from collections.abc import Iterator


class StallWatch:
    """Counts closed rounds since something was accepted.

    Args:
        patience: so many in a row are a stall.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._fruitless: list[RoundClosed] = []

    def saw(self, closed: RoundClosed) -> Stalled | None:
        """Take note of a closed round; the event, if this is the one that is too many."""
        if closed.outcome is Status.ACCEPTED:
            self._fruitless.clear()
            return None
        self._fruitless.append(closed)
        if len(self._fruitless) < self._patience:
            return None
        return Stalled(round=closed.round, reason=self._reason())

    def _reason(self) -> str:
        count = len(self._fruitless)
        return f"{count} rounds in a row without an accepted proposal: {'; '.join(self._causes())}"

    def _causes(self) -> Iterator[str]:
        refused = [closed for closed in self._fruitless if closed.outcome is Status.REJECTED]
        failed = sum(Ballot.UNAVAILABLE in closed.ballots.values() for closed in refused)
        passed = sum(closed.closing is Closing.PASSED for closed in self._fruitless)
        lapsed = len(self._fruitless) - len(refused) - passed
        if refused:
            yield f"{_count(len(refused), 'proposal')} refused, since none improved enough voters' scores"
        if failed:
            yield f"{failed} of them unavailable to some voters"
        if passed:
            yield f"{_count(passed, 'turn')} passed, since their proposers had nothing to propose"
        if lapsed:
            yield f"{_count(lapsed, 'proposal window')} ran out"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
