"""What the contract's log adds: the organizer's changes, and who voted after having seen others' ballots.

Nothing commits to a log, so it is compared with the history, which the history hash commits to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from colearn_chain.audit.findings import noted, wrong
from colearn_chain.audit.observations import ENOUGH_BALLOTS
from colearn_chain.rounds import Ballot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from colearn_chain.audit.evidence import Log, LoggedBallot
    from colearn_chain.audit.findings import Finding
    from colearn_chain.rounds import ClosedRound
    from colearn_chain.types import Address

    Name = Callable[[Address], str]


def check_log(log: Log, rounds: Sequence[ClosedRound], name: Name) -> Iterator[Finding]:
    """Tell what a log says beyond the history, and where it contradicts it.

    Args:
        log: one node's.
        rounds: what folding the history made of it.
        name: what to call a learner.
    """
    for change in log.changes:
        yield noted("organizer", f"block {change.block}: {change.text}")
    if not log.changes:
        yield noted("organizer", "the organizer invited and removed nobody, and the role did not change")
    logged = [each for each in log.ballots if 1 <= each.number <= len(rounds)]
    yield from _contradictions(log.node, logged, rounds, name)
    missing = sum(len(each.ballots) for each in rounds) - len(
        {(each.number, each.learner) for each in logged}
    )
    if missing > 0:
        yield noted("log", f"the log of {log.node} lacks {missing} of the ballots")
    yield from _followers(logged, name)


def _contradictions(
    node: str, logged: Iterable[LoggedBallot], rounds: Sequence[ClosedRound], name: Name
) -> Iterator[Finding]:
    lies = [each for each in logged if _held(each, rounds) is not each.ballot]
    if lies:
        first, more = lies[0], f", and {len(lies) - 1} more such lies" if len(lies) > 1 else ""
        yield wrong(
            "log",
            f"the log of {node} says that {name(first.learner)} voted {first.ballot.name.lower()} in round "
            f"{first.number}, the history {_held(first, rounds).name.lower()}{more}",
        )


def _held(logged: LoggedBallot, rounds: Sequence[ClosedRound]) -> Ballot:
    """The ballot that the history has."""
    return rounds[logged.number - 1].ballots.get(logged.learner, Ballot.NONE)


def _followers(logged: Iterable[LoggedBallot], name: Name) -> Iterator[Finding]:
    """Learners that, whenever others had voted before them, voted as most of these had."""
    pairs: defaultdict[Address, list[tuple[Ballot, Ballot]]] = defaultdict(list)
    for usual, each in _after_others(logged):
        pairs[each.learner].append((usual, each.ballot))
    for learner, seen in sorted(pairs.items()):
        is_varied = len({usual for usual, _ in seen}) > 1
        if len(seen) >= ENOUGH_BALLOTS and is_varied and all(usual is own for usual, own in seen):
            yield noted(
                "ballots",
                f"{name(learner)} voted after others in {len(seen)} rounds, and every time as most of them",
            )


def _after_others(logged: Iterable[LoggedBallot]) -> Iterator[tuple[Ballot, LoggedBallot]]:
    """Ballots, each with the one that most of those had cast who voted in earlier transactions, if any."""
    in_order = sorted(logged, key=lambda each: (each.number, each.moment))
    for _, ballots in groupby(in_order, key=lambda each: each.number):
        earlier: Counter[Ballot] = Counter()
        for _, group in groupby(ballots, key=lambda each: each.moment):
            together = list(group)
            if (usual := _usual(earlier)) is not None:
                yield from ((usual, each) for each in together)
            earlier.update(each.ballot for each in together)


def _usual(cast: Counter[Ballot]) -> Ballot | None:
    """The ballot that more have cast than any other; None: there is none."""
    first, second = [*cast.most_common(2), (None, 0), (None, 0)][:2]
    return first[0] if first[1] > second[1] else None
