"""Folding a history: is it one that the rules allow and the history hash commits to, and what does it say?

The last rounds of memberships are not in the hash; they are held against the electorates, which are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from colearn_chain.errors import InvalidHistory
from colearn_chain.rounds.history_hash import fold_closing, fold_join, initial_hash
from colearn_chain.rounds.lifecycle import ENDINGS, is_certain, is_complete, outcome_of, voters_of
from colearn_chain.rounds.roster import next_seat, seats_of
from colearn_chain.rounds.rules import RuleBroken, Rules
from colearn_chain.rounds.word import Ballot, Closing, Round, Status
from colearn_chain.types import NO_DIGEST, NO_END, SEATS, Address, Digest, RoundNumber, Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from colearn_chain.rounds.membership import Membership


@dataclass(frozen=True, kw_only=True)
class History:
    """What somebody says happened, from whatever source; unchecked.

    Attributes:
        chain_id: EIP-155 id of the chain.
        address: the contract's.
        rules: fixed at deployment.
        spec_digest: of what all started from.
        first_organizer: who deployed.
        memberships: all that were made, in order.
        rounds: all that were closed, from round 1.
        history_hash: the contract's slot, at the same block.
    """

    chain_id: int
    address: Address
    rules: Rules
    spec_digest: Digest
    first_organizer: Address
    memberships: tuple[Membership, ...]
    rounds: tuple[Round, ...]
    history_hash: bytes


@dataclass(frozen=True, kw_only=True)
class ClosedRound:
    """A round of a history that holds, with names for its seats.

    Attributes:
        number: the round's.
        round: as it was closed.
        learners: who was in its electorate, by seat.
        proposer: whose turn it was.
        ballots: the ballots that were cast, by learner.
        parent: the last round accepted before it; 0: none, the spec's first weights held.
        parent_digest: what was accepted there; the spec's digest if nothing was.
    """

    number: RoundNumber
    round: Round
    learners: Mapping[Seat, Address]
    proposer: Address
    ballots: Mapping[Address, Ballot]
    parent: RoundNumber
    parent_digest: Digest


def fold(history: History) -> tuple[ClosedRound, ...]:
    """Check a history against the rules and its hash, and say what happened in each of its rounds.

    Raises:
        InvalidHistory: it breaks a rule, or is not what the hash commits to; ``subject`` names the round or
            membership and the field, such as ``round 3: proposer``.
    """
    _check_rules(history)
    _check_memberships(history)
    rounds = tuple(_closed_rounds(history))
    computed = _hash_of(history)
    if computed != history.history_hash:
        _refuse("historyHash", history.history_hash.hex(), f"what was given comes to {computed.hex()}")
    return rounds


def _refuse(subject: str, value: object, why: str) -> NoReturn:
    raise InvalidHistory(f"{subject} is {value}: {why}", subject=subject, value=value)


def _check_rules(history: History) -> None:
    try:
        history.rules.check()
    except RuleBroken as broken:
        raise InvalidHistory(f"rules: {broken}", subject="rules", value=history.rules) from broken
    if len(history.rounds) > history.rules.max_rounds:
        _refuse("rounds", len(history.rounds), f"maxRounds is {history.rules.max_rounds}")


def _check_memberships(history: History) -> None:
    closings = 0
    for index, membership in enumerate(history.memberships):
        for field, value, holds in _membership_rules(membership, closings, len(history.rounds)):
            if not holds:
                _refuse(f"membership {index}: {field}", value, "the rules allow no such join or ending")
        closings = membership.closings


def _membership_rules(made: Membership, earlier: int, closed: int) -> Iterator[tuple[str, object, bool]]:
    """Each field, its value and whether the rules allow it; ``earlier``: the closings of the join before."""
    yield "closings", made.closings, earlier <= made.closings <= closed
    yield "seat", made.seat, 0 <= made.seat < SEATS
    # from the next round while none is open; else the open one is closings + 1, and it is two later
    yield "firstRound", made.first_round, made.first_round - made.closings in {1, 3}
    # an ending can be announced for the open round's next one at the latest, and the open one is closed + 1
    ended = made.closings <= made.last_round <= closed + 2
    yield "lastRound", made.last_round, ended or made.last_round == NO_END
    yield "encryptionKey", made.encryption_key.hex(), len(made.encryption_key) == len(NO_DIGEST)


def _closed_rounds(history: History) -> Iterator[ClosedRound]:
    parent, parent_digest, previous = RoundNumber(0), history.spec_digest, None
    played = zip(history.rounds, _electorates(history), strict=True)
    for number, (closed, learners) in enumerate(played, start=1):
        _check_round(number, closed, previous, learners, history.rules)
        yield _named(RoundNumber(number), closed, learners, parent, parent_digest)
        if closed.status is Status.ACCEPTED:
            parent, parent_digest = RoundNumber(number), closed.digest
        previous = closed


def _named(
    number: RoundNumber,
    closed: Round,
    learners: Mapping[Seat, Address],
    parent: RoundNumber,
    parent_digest: Digest,
) -> ClosedRound:
    cast = closed.approvals | closed.rejections | closed.unavailables
    return ClosedRound(
        number=number,
        round=closed,
        learners=learners,
        proposer=learners[closed.proposer],
        ballots={learners[seat]: closed.ballot_at(seat) for seat in seats_of(cast)},
        parent=parent,
        parent_digest=parent_digest,
    )


def _electorates(history: History) -> Iterator[dict[Seat, Address]]:
    """Who is in each round, from round 1; each membership is looked at only in rounds that it covers."""
    begin = _grouped(history.memberships, lambda made: made.first_round)
    present: list[tuple[int, Membership]] = []
    for number in range(1, len(history.rounds) + 1):
        known = sorted([*present, *begin[number]], key=lambda each: each[0])
        present = [(index, made) for index, made in known if made.covers(number)]
        yield _seated(number, present)


def _grouped(
    memberships: Iterable[Membership], key: Callable[[Membership], int]
) -> Mapping[int, list[tuple[int, Membership]]]:
    """Memberships with their index, in order, by something about them."""
    groups: defaultdict[int, list[tuple[int, Membership]]] = defaultdict(list)
    for index, made in enumerate(memberships):
        groups[key(made)].append((index, made))
    return groups


def _seated(number: int, present: Iterable[tuple[int, Membership]]) -> dict[Seat, Address]:
    learners: dict[Seat, Address] = {}
    for index, membership in present:
        if membership.seat in learners:
            _refuse(f"membership {index}: seat", membership.seat, f"it is taken in round {number}")
        if membership.learner in learners.values():
            _refuse(f"membership {index}: learner", membership.learner, f"it is in round {number} already")
        learners[membership.seat] = membership.learner
    return learners


def _check_round(
    number: int, closed: Round, previous: Round | None, learners: Mapping[Seat, Address], rules: Rules
) -> None:
    electorate = sum(1 << seat for seat in learners)
    for field, value, holds in (
        *_setting_rules(closed, previous, electorate, rules),
        *_ending_rules(closed, rules),
    ):
        if not holds:
            _refuse(f"round {number}: {field}", value, "the rules lead to no such round")


def _setting_rules(
    closed: Round, previous: Round | None, electorate: int, rules: Rules
) -> Iterator[tuple[str, object, bool]]:
    """Each field that follows from what was before the round, its value and whether it does follow."""
    enough = electorate.bit_count() >= rules.min_learners
    yield "electorate", f"{closed.electorate:#x}", enough and closed.electorate == electorate
    due = next_seat(electorate, previous.proposer if previous else -1) if electorate else None
    yield "proposer", closed.proposer, closed.proposer == due
    yield "time", closed.time, previous is None or previous.time <= closed.time


def _ending_rules(closed: Round, rules: Rules) -> Iterator[tuple[str, object, bool]]:
    """Each field that follows from what happened in the round, its value and whether it fits the others."""
    status, closing = closed.status, closed.closing
    is_skipped = status is Status.SKIPPED
    cast = closed.approvals | closed.rejections | closed.unavailables
    can_vote = 0 if is_skipped else voters_of(closed, rules)
    yield "closing", closing.name, (status, closing) in ENDINGS
    yield "digest", closed.digest.hex(), is_skipped == (closed.digest == NO_DIGEST)
    yield "ballots", f"{closed.ballots:#x}", cast & ~can_vote == 0
    yield "status", status.name, is_skipped or status is outcome_of(closed, rules)
    yield "closing", closing.name, is_skipped or closing in _closings_of(closed, rules)


def _closings_of(voted: Round, rules: Rules) -> set[Closing]:
    """How a round with these ballots can have closed."""
    if is_complete(voted, rules):
        return {Closing.COMPLETE}
    if rules.close_early and is_certain(voted, rules):
        return {Closing.CERTAIN}
    return {Closing.DEADLINE}


def _hash_of(history: History) -> bytes:
    joins = _grouped(history.memberships, lambda made: made.closings)
    value = initial_hash(
        history.chain_id, history.address, history.rules, history.spec_digest, history.first_organizer
    )
    for closings in range(len(history.rounds) + 1):
        for index, membership in joins[closings]:
            value = fold_join(value, index, membership)
        if closings < len(history.rounds):
            value = fold_closing(value, closings + 1, history.rounds[closings])
    return value
