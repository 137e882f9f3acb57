"""What breaks no rule and is worth knowing: habits that show in a history."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from colearn_chain.audit.findings import noted
from colearn_chain.audit.numbers import rounds_in_words
from colearn_chain.rounds import Ballot, Closing, Status, seats_of, voters_of
from colearn_chain.types import NO_END

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from colearn_chain.audit.findings import Finding
    from colearn_chain.rounds import ClosedRound, History, Rules
    from colearn_chain.types import Address

    Name = Callable[[Address], str]
    Ballots = Mapping[Address, Mapping[int, Ballot]]

ENOUGH_BALLOTS = 5
"""In how many rounds a habit has to show before it is told of."""

ENOUGH_TURNS = 3
"""How many turns a learner has had before its lost ones are told of; at least half have to be lost."""

MOST_LISTED = 12
"""How many rounds, or runs of rounds, a sentence names before it says how many more there are."""


def observe(history: History, rounds: Sequence[ClosedRound], name: Name) -> Iterator[Finding]:
    """Tell of habits.

    Args:
        history: one that folding has passed.
        rounds: what folding made of it.
        name: what to call a learner.
    """
    ballots = _ballots(rounds)
    yield from _echoes(ballots, name)
    yield from _monotones(ballots, name)
    yield from _lost_turns(rounds, name)
    yield from _missing_ballots(rounds, history.rules, name)
    yield from _ended(history, name)


def _ballots(rounds: Sequence[ClosedRound]) -> Ballots:
    cast: defaultdict[Address, dict[int, Ballot]] = defaultdict(dict)
    for closed in rounds:
        for learner, ballot in closed.ballots.items():
            cast[learner][closed.number] = ballot
    return cast


def _echoes(ballots: Ballots, name: Name) -> Iterator[Finding]:
    """Learners that always vote alike; who voted first is not stored, so it is not said who follows whom."""
    learners = sorted(learner for learner, cast in ballots.items() if len(cast) >= ENOUGH_BALLOTS)
    for index, learner in enumerate(learners):
        alike = [other for other in learners[index + 1 :] if _alike(ballots[learner], ballots[other])]
        if alike:
            others = _and(name(other) for other in alike)
            yield noted(
                "ballots", f"{name(learner)} has always voted as {others}, approvals and others alike"
            )


def _alike(ones: Mapping[int, Ballot], others: Mapping[int, Ballot]) -> bool:
    """Whether two agree in enough common rounds; when all ballots are of one kind that says nothing."""
    kinds: Counter[Ballot] = Counter()
    for number, ballot in ones.items():
        other = others.get(number, ballot)
        if other is not ballot:
            return False
        kinds[ballot] += number in others
    return kinds.total() >= ENOUGH_BALLOTS and len(+kinds) > 1


def _monotones(ballots: Ballots, name: Name) -> Iterator[Finding]:
    for learner, cast in sorted(ballots.items()):
        kinds = set(cast.values())
        if len(cast) >= ENOUGH_BALLOTS and len(kinds) == 1:
            kind = kinds.pop().name.lower()
            yield noted("ballots", f"all {len(cast)} ballots of {name(learner)} are the same: {kind}")


def _lost_turns(rounds: Sequence[ClosedRound], name: Name) -> Iterator[Finding]:
    turns = Counter(closed.proposer for closed in rounds)
    lost = Counter((closed.proposer, closed.round.closing) for closed in rounds if _is_skipped(closed))
    for learner, had in sorted(turns.items()):
        passed, lapsed = lost[learner, Closing.PASSED], lost[learner, Closing.DEADLINE]
        if had >= ENOUGH_TURNS and 2 * (passed + lapsed) >= had:
            yield noted(
                "turns",
                f"{name(learner)} proposed nothing in {passed + lapsed} of its {had} turns: "
                f"{passed} passed, {lapsed} lapsed",
            )


def _is_skipped(closed: ClosedRound) -> bool:
    return closed.round.status is Status.SKIPPED


def _missing_ballots(rounds: Sequence[ClosedRound], rules: Rules, name: Name) -> Iterator[Finding]:
    silent: Counter[Address] = Counter()
    numbers: list[int] = []
    for closed in rounds:
        missing = [] if _is_skipped(closed) else _silent(closed, rules)
        silent.update(missing)
        numbers += [closed.number] if missing else []
    if numbers:
        who = _and(f"{name(learner)} ({count})" for learner, count in sorted(silent.items()))
        yield noted(
            "ballots",
            f"decided without all ballots: {rounds_in_words(numbers, MOST_LISTED)}; "
            f"missing were those of {who}",
        )


def _silent(closed: ClosedRound, rules: Rules) -> list[Address]:
    voters = (closed.learners[seat] for seat in seats_of(voters_of(closed.round, rules)))
    return [learner for learner in voters if learner not in closed.ballots]


def _ended(history: History, name: Name) -> Iterator[Finding]:
    for made in history.memberships:
        if made.last_round != NO_END:
            yield noted(
                "memberships", f"the membership of {name(made.learner)} ended with round {made.last_round}"
            )


def _and(parts: Iterator[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
