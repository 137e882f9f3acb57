"""Histories: what the hash is, what a fold says, and that no lie passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.errors import InvalidHistory
from colearn_chain.rounds import Ballot, Call, Closing, Experiment, History, Round, Rules, Status, fold
from colearn_chain.rounds.history_hash import fold_closing, fold_join, initial_hash
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber, Seat, Timestamp

BEGIN = Timestamp(1_000)
SPEC, MODEL, BETTER, WORSE = (Digest(bytes([number]) * 32) for number in range(1, 5))
CONTRACT, ORGANIZER, ANN, BOB, CYD = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 16))


def played(rules: Rules) -> Experiment:
    """Round 1 accepted, 2 passed, 3 with one ballot of two; Cyd joined in round 1, Bob resigned at last."""
    by_ann, by_bob = Call(ANN, BEGIN), Call(BOB, BEGIN)
    experiment = Experiment.deploy(ORGANIZER, 1, CONTRACT, rules, SPEC)
    experiment = experiment.invite(Call(ORGANIZER, BEGIN), [ANN, BOB, CYD])
    experiment = experiment.join(by_ann, bytes(32)).join(by_bob, b"\x09" * 32).start(Call(ORGANIZER, BEGIN))
    experiment = experiment.join(Call(CYD, BEGIN), bytes(32)).propose(by_ann, RoundNumber(1), MODEL)
    experiment = experiment.cast_ballot(by_bob, RoundNumber(1), MODEL, Ballot.APPROVE)
    experiment = experiment.pass_turn(by_bob, RoundNumber(2)).propose(Call(CYD, BEGIN), RoundNumber(3), WORSE)
    return experiment.cast_ballot(by_ann, RoundNumber(3), WORSE, Ballot.UNAVAILABLE).resign(by_bob)


def lapsed(rules: Rules) -> Experiment:
    """As played; round 3 rejected at its deadline, and 4 open."""
    return played(rules).advance(Call(ANN, Timestamp(BEGIN + 200)), RoundNumber(3))


@pytest.fixture
def history(rules: Rules) -> History:
    """What a node would give."""
    return history_of(lapsed(rules))


def history_of(experiment: Experiment) -> History:
    """What a node would give of an experiment."""
    return History(
        chain_id=1,
        address=CONTRACT,
        rules=experiment.rules,
        spec_digest=SPEC,
        first_organizer=ORGANIZER,
        memberships=experiment.memberships,
        rounds=tuple(each for each in experiment.rounds if not each.status.is_open),
        history_hash=experiment.history_hash,
    )


def with_round(history: History, number: int, **fields: Any) -> History:
    """The history with something else in a round, under the same hash."""
    rounds = list(history.rounds)
    rounds[number - 1] = replace(rounds[number - 1], **fields)
    return replace(history, rounds=tuple(rounds))


def with_membership(history: History, index: int, **fields: Any) -> History:
    """The history with something else in a membership, under the same hash."""
    memberships = list(history.memberships)
    memberships[index] = replace(memberships[index], **fields)
    return replace(history, memberships=tuple(memberships))


def complaint(history: History) -> str:
    """Where a fold finds that a history does not hold."""
    with pytest.raises(InvalidHistory) as caught:
        fold(history)
    return caught.value.subject


def test_a_fold_says_who_did_what(history: History) -> None:
    """Proposers, ballots and outcomes come with names."""
    first, second, third = fold(history)
    assert (first.proposer, first.ballots, first.round.status) == (
        ANN,
        {BOB: Ballot.APPROVE},
        Status.ACCEPTED,
    )
    assert (second.proposer, second.ballots, second.round.status) == (BOB, {}, Status.SKIPPED)
    assert (third.proposer, third.ballots) == (CYD, {ANN: Ballot.UNAVAILABLE})
    assert third.learners == {0: ANN, 1: BOB, 2: CYD}


def test_a_fold_says_what_each_round_started_from(history: History) -> None:
    """The spec's weights till something is accepted, then the last accepted proposal."""
    assert [(each.parent, each.parent_digest) for each in fold(history)] == [
        (0, SPEC),
        (1, MODEL),
        (1, MODEL),
    ]


def test_an_experiment_that_has_not_begun_has_a_history(history: History, rules: Rules) -> None:
    """No round, no member: the hash of the rules alone."""
    bare = initial_hash(1, CONTRACT, rules, SPEC, ORGANIZER)
    assert fold(replace(history, memberships=(), rounds=(), history_hash=bare)) == ()


def test_the_hash_is_made_as_the_interface_says(history: History, rules: Rules) -> None:
    """Joins and closings in the order in which they happened: Cyd joined before round 1 closed."""
    ann, bob, cyd = history.memberships
    expected = initial_hash(1, CONTRACT, rules, SPEC, ORGANIZER)
    expected = fold_join(fold_join(expected, 0, ann), 1, bob)
    expected = fold_join(expected, 2, cyd)
    for number, closed in enumerate(history.rounds, start=1):
        expected = fold_closing(expected, number, closed)
    assert history.history_hash == expected


@pytest.mark.parametrize(
    ("number", "fields", "subject"),
    [
        (1, {"electorate": 0b111}, "round 1: electorate"),
        (3, {"electorate": 0b011}, "round 3: electorate"),
        (2, {"proposer": Seat(0)}, "round 2: proposer"),
        (2, {"proposer": Seat(200)}, "round 2: proposer"),
        (3, {"time": Timestamp(BEGIN - 1)}, "round 3: time"),
        (1, {"status": Status.VOTING, "closing": Closing.NONE}, "round 1: closing"),
        (1, {"closing": Closing.PASSED}, "round 1: closing"),
        (1, {"status": Status.REJECTED}, "round 1: status"),
        (3, {"status": Status.ACCEPTED}, "round 3: status"),
        (1, {"closing": Closing.DEADLINE}, "round 1: closing"),
        (3, {"closing": Closing.COMPLETE}, "round 3: closing"),
        (3, {"closing": Closing.CERTAIN}, "round 3: closing"),
        (1, {"digest": NO_DIGEST}, "round 1: digest"),
        (2, {"digest": MODEL}, "round 2: digest"),
        (2, {"ballots": 1}, "round 2: ballots"),
        (1, {"ballots": 0b11}, "round 1: ballots"),
        (3, {"ballots": 1 << 63}, "round 3: ballots"),
        (1, {"digest": BETTER}, "historyHash"),
        (3, {"ballots": 1 << 64}, "historyHash"),
        (3, {"time": Timestamp(BEGIN + 300)}, "historyHash"),
    ],
)
def test_a_round_that_was_tampered_with(
    history: History, number: int, fields: dict[str, Any], subject: str
) -> None:
    """The first round and field that do not fit are named; what fits the rules is caught by the hash."""
    assert complaint(with_round(history, number, **fields)) == subject


@pytest.mark.parametrize(
    ("index", "fields", "subject"),
    [
        (0, {"seat": Seat(64)}, "membership 0: seat"),
        (1, {"seat": Seat(0)}, "membership 1: seat"),
        (1, {"learner": ANN}, "membership 1: learner"),
        (0, {"first_round": RoundNumber(2)}, "membership 0: firstRound"),
        (2, {"first_round": RoundNumber(1)}, "round 1: electorate"),
        (2, {"closings": 4}, "membership 2: closings"),
        (0, {"closings": 1, "first_round": RoundNumber(2)}, "membership 1: closings"),
        (0, {"encryption_key": b"short"}, "membership 0: encryptionKey"),
        (1, {"encryption_key": bytes(32)}, "historyHash"),
        (0, {"learner": CONTRACT}, "historyHash"),
        (1, {"last_round": RoundNumber(2)}, "round 3: electorate"),
        (1, {"last_round": RoundNumber(6)}, "membership 1: lastRound"),
    ],
)
def test_a_membership_that_was_tampered_with(
    history: History, index: int, fields: dict[str, Any], subject: str
) -> None:
    """Last rounds are not in the hash: electorates give them away."""
    assert complaint(with_membership(history, index, **fields)) == subject


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chain_id", 2),
        ("address", ORGANIZER),
        ("spec_digest", MODEL),
        ("first_organizer", ANN),
        ("history_hash", bytes(32)),
    ],
)
def test_another_experiments_history(history: History, field: str, value: Any) -> None:
    """The hash commits to chain, contract, spec and organizer."""
    assert complaint(replace(history, **{field: value})) == "historyHash"


def test_a_history_under_other_rules(history: History) -> None:
    """Rules that lead to the same rounds are still not the rules that the hash commits to."""
    assert complaint(replace(history, rules=replace(history.rules, idle_rounds=2))) == "historyHash"
    assert complaint(replace(history, rules=replace(history.rules, threshold_bps=0))) == "rules"
    assert complaint(replace(history, rules=replace(history.rules, max_rounds=2))) == "rounds"


def test_a_history_with_a_round_left_out(history: History) -> None:
    """The end of it, say."""
    shorter = with_membership(history, 1, last_round=RoundNumber(NO_END))
    assert complaint(replace(shorter, rounds=history.rounds[:2])) == "historyHash"


def test_a_round_that_was_certain_before_its_deadline(rules: Rules) -> None:
    """With closeEarly a decided round cannot have waited for its deadline."""
    experiment = played(replace(rules, close_early=True))
    assert experiment.rounds[2].closing is Closing.CERTAIN
    assert complaint(with_round(history_of(experiment), 3, closing=Closing.DEADLINE)) == "round 3: closing"


RULES = Rules(
    threshold_bps=5001,
    proposal_window=100,
    voting_window=50,
    contribution_window=0,
    min_learners=2,
    max_rounds=80,
    idle_rounds=1,
    start_deadline=BEGIN,
    count_proposer=False,
    close_early=False,
)


@given(number=st.integers(1, 3), bit=st.integers(0, 255))
def test_no_flipped_bit_of_a_word_passes(number: int, bit: int) -> None:
    """Whichever bit of whichever round is another, the fold refuses or the word cannot be read."""
    history = history_of(lapsed(RULES))
    closed = history.rounds[number - 1]
    with pytest.raises((InvalidHistory, ValueError)):
        fold(with_round(history, number, **vars(Round.from_word(closed.word ^ 1 << bit, closed.digest))))
