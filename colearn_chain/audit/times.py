"""Whether the times at which rounds closed leave every window as long as the rules say, and no longer.

When a round opened is not stored, but it opened with the closing before it, except after a pause; and a pause
shows: only a join ends it, and that join is from the next round on, which no join is while a round is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_chain.audit.findings import checked, wrong
from colearn_chain.rounds import Closing, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_chain.audit.findings import Finding
    from colearn_chain.rounds import History, Round, Rules


def check_times(history: History) -> Iterator[Finding]:
    """Compare what lies between two closings with the windows.

    The first round's opening is not stored, so nothing is said of how long it took.

    Args:
        history: one that folding has passed.
    """
    wrongs = list(_wrongs(history))
    yield from wrongs
    if not wrongs and len(history.rounds) > 1:
        yield checked("times", "no window was shorter than the rules say, and nothing came after a deadline")


def _wrongs(history: History) -> Iterator[Finding]:
    paused = {made.first_round for made in history.memberships if made.first_round == made.closings + 1}
    for number, (before, closed) in enumerate(zip(history.rounds, history.rounds[1:], strict=False), start=2):
        took = closed.time - before.time
        least, most = _bounds(closed, history.rules)
        if took <= least:
            yield wrong(
                f"round {number}: time",
                f"round {number} closed by its deadline {took} s after the round before; "
                f"by the rules that takes more than {least} s",
            )
        if most is not None and took > most and number not in paused:
            yield wrong(
                f"round {number}: time",
                f"round {number} closed by an act {took} s after the round before; by the rules the last "
                f"moment for it was after {most} s",
            )


def _bounds(closed: Round, rules: Rules) -> tuple[int, int | None]:
    """More than how many seconds a round took from its opening, and at most how many; None: no bound."""
    if closed.closing is Closing.DEADLINE:
        window = rules.proposal_window if closed.status is Status.SKIPPED else rules.voting_window
        return window, None
    if closed.closing is Closing.PASSED:
        return -1, rules.proposal_window
    return -1, rules.proposal_window + rules.voting_window
