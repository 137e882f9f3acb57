"""Times, spans and rules in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.wording import counted, from_now, moment, rough_span, rules_in_words, span
from colearn_chain.rounds import Rules

RULES = Rules(
    threshold_bps=5001,
    proposal_window=600,
    voting_window=5400,
    contribution_window=0,
    min_learners=3,
    max_rounds=1000,
    idle_rounds=1,
    start_deadline=1_800_000_000,
    count_proposer=False,
    close_early=False,
)
UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


@given(st.integers(0, 10**9))
def test_a_span_says_all_of_it(seconds: int) -> None:
    """Adding up what is said gives the span again; its rough form is no longer and not half as long."""
    words = span(seconds).replace(",", "").split()
    counts, units = words[::2], words[1::2]
    assert (
        sum(int(n) * UNITS[unit.removesuffix("s")] for n, unit in zip(counts, units, strict=True)) == seconds
    )
    number, unit = rough_span(seconds).replace(",", "").split()
    rough = int(number) * UNITS[unit.removesuffix("s")]
    assert rough <= seconds < 2 * max(rough, 1) + 1


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 rounds"), (1, "1 round"), (2, "2 rounds"), (1000, "1,000 rounds")]
)
def test_a_number_and_its_noun(count: int, words: str) -> None:
    """One has no s."""
    assert counted(count, "round") == words


def test_times_are_in_utc() -> None:
    """Also those that no calendar here reaches."""
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert moment(1_800_000_000) == "2027-01-15 08:00:00 UTC"
    assert moment(2**40 - 1) == "after the year 9999"


def test_a_time_as_seen_from_another() -> None:
    """What is now is not past yet: a window is open on its last second."""
    assert from_now(100, 100) == "in 0 seconds"
    assert from_now(340, 100) == "in 4 minutes"
    assert from_now(100, 101) == "1 second ago"


def told(**changes: object) -> dict[str, str]:
    """What is said of the rules, with changes."""
    return dict(rules_in_words(replace(RULES, **changes), 1_800_000_000 - 7200))  # type: ignore[arg-type]


def test_rules_in_words() -> None:
    """Every rule is in them."""
    assert told() == {
        "rounds": "1,000 at most; none opens with fewer than 3 learners",
        "windows": "10 minutes to propose, then 1 hour 30 minutes to vote",
        "acceptance": "at least 50.01 % of the voters have to approve; silence is no approval",
        "voting": "the proposer does not vote; a round closes when all have voted, or at its deadline",
        "idleness": "who missed 1 round in a row can be removed by anyone",
        "start": "by the organizer; from 2027-01-15 08:00:00 UTC on (in 2 hours) by anyone",
    }


@pytest.mark.parametrize(
    ("rule", "value", "heading", "words"),
    [
        ("count_proposer", True, "voting", "the proposer votes too"),
        ("close_early", True, "voting", "closes as soon as its outcome is certain"),
        ("contribution_window", 60, "fan-in", "within 1 minute"),
        ("threshold_bps", 10_000, "acceptance", "at least 100 %"),
        ("threshold_bps", 6_667, "acceptance", "at least 66.67 %"),
    ],
)
def test_a_rule_that_is_otherwise(rule: str, value: object, heading: str, words: str) -> None:
    """It is said otherwise."""
    assert words in told(**{rule: value})[heading]
    assert told(**{rule: value}) != told()
