"""Times, spans and rules as people read them; times are in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_chain.rounds import Rules

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_LATEST = 253_402_300_799
"""The last second of the year 9999: no later one has a date here."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 round``, ``1,000 rounds``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def span(seconds: int) -> str:
    """A span of time, exactly: ``1 hour 30 minutes``."""
    parts = []
    for name, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(counted(count, name))
    return " ".join(parts) or "0 seconds"


def rough_span(seconds: int) -> str:
    """A span of time to its largest unit, rounded down: ``4 minutes``."""
    for name, length in _UNITS:
        if seconds >= length:
            return counted(seconds // length, name)
    return "0 seconds"


def moment(timestamp: int) -> str:
    """A time: ``2026-12-01 12:00:00 UTC``."""
    if timestamp > _LATEST:
        return "after the year 9999"
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"


def from_now(timestamp: int, now: int) -> str:
    """A time as seen from another: ``in 4 minutes``, ``4 minutes ago``."""
    if timestamp >= now:
        return f"in {rough_span(timestamp - now)}"
    return f"{rough_span(now - timestamp)} ago"


def rules_in_words(rules: Rules, now: int) -> Iterator[tuple[str, str]]:
    """What an experiment's rules mean, as pairs of a heading and a sentence.

    Args:
        rules: the contract's.
        now: seconds since 1970.
    """
    fewest = counted(rules.min_learners, "learner")
    yield "rounds", f"{rules.max_rounds:,} at most; none opens with fewer than {fewest}"
    yield "windows", f"{span(rules.proposal_window)} to propose, then {span(rules.voting_window)} to vote"
    if rules.contribution_window:
        yield "fan-in", f"updates are announced within {span(rules.contribution_window)} of a round's opening"
    share = f"{rules.threshold_bps / 100:g} %"
    yield "acceptance", f"at least {share} of the voters have to approve; silence is no approval"
    proposer = "votes too" if rules.count_proposer else "does not vote"
    ends = "as soon as its outcome is certain" if rules.close_early else "when all have voted"
    yield "voting", f"the proposer {proposer}; a round closes {ends}, or at its deadline"
    missed = counted(rules.idle_rounds, "round")
    yield "idleness", f"who missed {missed} in a row can be removed by anyone"
    started = moment(rules.start_deadline)
    yield "start", f"by the organizer; from {started} on ({from_now(rules.start_deadline, now)}) by anyone"
