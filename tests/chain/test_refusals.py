"""Every refusal of the contract comes out with its name and values, on every kind of node.

A refused call changes nothing, so the tests of one moment share one experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from colearn_chain.chain import Account, ExperimentContract, Sender
from colearn_chain.chain.abi import experiment_interface
from colearn_chain.errors import ContractReverted
from colearn_chain.rounds import Ballot, Phase, Status
from colearn_chain.testing.experiments import World, new_world
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.chain import Chain

ONE, TWO, FAR = RoundNumber(1), RoundNumber(2), RoundNumber(32)
MODEL = Digest(bytes([9]) * 32)
OTHER = Digest(bytes([8]) * 32)
NOBODY = Address("0x" + "00" * 20)


@dataclass(frozen=True)
class Attempt:
    """A call that the contract refuses, and what it says."""

    title: str
    call: Callable[[World], Any]
    name: str
    values: Callable[[World], dict[str, Any]]

    def check(self, world: World) -> None:
        """Try it, and look whether anything but the sender's patience was spent."""
        before = [world.chain.node.transaction_count(address) for address in world.addresses]
        with pytest.raises(ContractReverted) as refused:
            self.call(world)
        assert (refused.value.name, refused.value.values) == (self.name, self.values(world))
        assert [world.chain.node.transaction_count(address) for address in world.addresses] == before


JOINING = [
    Attempt(
        "a stranger invites",
        lambda w: w.contract.invite(w.senders[5], [w.addresses[5]]),
        "NotOrganizer",
        lambda w: {"caller": w.addresses[5]},
    ),
    Attempt(
        "inviting nobody", lambda w: w.contract.invite(w.senders[0], [NOBODY]), "ZeroAddress", lambda _: {}
    ),
    Attempt(
        "inviting twice",
        lambda w: w.contract.invite(w.senders[0], [w.addresses[4]]),
        "AlreadyInvited",
        lambda w: {"learner": w.addresses[4]},
    ),
    Attempt(
        "joining without invitation",
        lambda w: w.contract.join(w.senders[5]),
        "NotInvited",
        lambda w: {"learner": w.addresses[5]},
    ),
    Attempt(
        "joining twice",
        lambda w: w.contract.join(w.senders[1]),
        "AlreadyMember",
        lambda w: {"learner": w.addresses[1], "lastRound": NO_END},
    ),
    Attempt(
        "resigning before joining",
        lambda w: w.contract.resign(w.senders[4]),
        "NotActive",
        lambda w: {"learner": w.addresses[4], "lastRound": 0},
    ),
    Attempt(
        "a learner starts too early",
        lambda w: w.contract.start(w.senders[1]),
        "StartReserved",
        lambda w: {"caller": w.addresses[1], "startDeadline": w.rules.start_deadline},
    ),
    Attempt(
        "advancing a round that never was (its number reads as the offset of an empty text)",
        lambda w: w.contract.advance(w.senders[1], FAR),
        "NotOpen",
        lambda _: {"round": 32, "status": Status.NONE},
    ),
    Attempt(
        "proposing before the start",
        lambda w: w.contract.propose(w.senders[1], ONE, MODEL),
        "NotProposing",
        lambda _: {"round": 1, "status": Status.NONE},
    ),
    Attempt(
        "asking for the key of nothing",
        lambda w: w.contract.ask_key(w.senders[1], ONE),
        "NoProposal",
        lambda _: {"round": 1},
    ),
]

PROPOSING = [
    Attempt(
        "starting twice",
        lambda w: w.contract.start(w.senders[0]),
        "NotJoining",
        lambda _: {"phase": Phase.PROPOSING},
    ),
    Attempt(
        "proposing out of turn",
        lambda w: w.contract.propose(w.senders[2], ONE, MODEL),
        "NotProposer",
        lambda w: {"caller": w.addresses[2], "round": 1, "proposer": 0},
    ),
    Attempt(
        "a stranger passes",
        lambda w: w.contract.pass_turn(w.senders[5], ONE),
        "NotMember",
        lambda w: {"caller": w.addresses[5], "round": 1},
    ),
    Attempt(
        "an empty proposal",
        lambda w: w.contract.propose(w.senders[1], ONE, NO_DIGEST),
        "EmptyDigest",
        lambda _: {},
    ),
    Attempt(
        "advancing too early",
        lambda w: w.contract.advance(w.senders[5], ONE),
        "DeadlineNotPassed",
        lambda w: {"round": 1, "deadline": w.contract.round(ONE).time},
    ),
    Attempt(
        "contributing without fan-in rounds",
        lambda w: w.contract.contribute(w.senders[2], ONE, MODEL),
        "ContributionsClosed",
        lambda _: {"round": 1, "until": 0},
    ),
    Attempt(
        "removing a learner that missed nothing",
        lambda w: w.contract.remove_idle(w.senders[5], w.addresses[2]),
        "TooFewMisses",
        lambda w: {"learner": w.addresses[2], "misses": 0, "idleRounds": 2},
    ),
    Attempt(
        "voting before there is a proposal",
        lambda w: w.contract.cast_ballot(w.senders[2], ONE, MODEL, Ballot.APPROVE),
        "NotVoting",
        lambda _: {"round": 1, "status": Status.PROPOSING},
    ),
]

VOTING = [
    Attempt(
        "a ballot on another digest",
        lambda w: w.contract.cast_ballot(w.senders[3], ONE, OTHER, Ballot.APPROVE),
        "DigestMismatch",
        lambda _: {"round": 1, "given": OTHER, "proposed": MODEL},
    ),
    Attempt(
        "an empty ballot",
        lambda w: w.contract.cast_ballot(w.senders[3], ONE, MODEL, Ballot.NONE),
        "InvalidBallot",
        lambda _: {"ballot": 0},
    ),
    Attempt(
        "voting twice",
        lambda w: w.contract.cast_ballot(w.senders[2], ONE, MODEL, Ballot.APPROVE),
        "AlreadyVoted",
        lambda w: {"learner": w.addresses[2], "round": 1, "ballot": Ballot.REJECT},
    ),
    Attempt(
        "the proposer votes",
        lambda w: w.contract.cast_ballot(w.senders[1], ONE, MODEL, Ballot.APPROVE),
        "ProposerHasNoBallot",
        lambda w: {"learner": w.addresses[1], "round": 1},
    ),
    Attempt(
        "a stranger votes",
        lambda w: w.contract.cast_ballot(w.senders[5], ONE, MODEL, Ballot.APPROVE),
        "NotMember",
        lambda w: {"caller": w.addresses[5], "round": 1},
    ),
    Attempt(
        "proposing twice",
        lambda w: w.contract.propose(w.senders[1], ONE, OTHER),
        "NotProposing",
        lambda _: {"round": 1, "status": Status.VOTING},
    ),
    Attempt(
        "a ballot on a round to come",
        lambda w: w.contract.cast_ballot(w.senders[3], TWO, MODEL, Ballot.APPROVE),
        "NotVoting",
        lambda _: {"round": 2, "status": Status.NONE},
    ),
    Attempt(
        "sharing no key",
        lambda w: w.contract.share_key(w.senders[1], ONE, w.addresses[2], b""),
        "WrappedKeyLength",
        lambda _: {"length": 0, "most": 256},
    ),
    Attempt(
        "sharing too long a key",
        lambda w: w.contract.share_key(w.senders[1], ONE, w.addresses[2], bytes(257)),
        "WrappedKeyLength",
        lambda _: {"length": 257, "most": 256},
    ),
    Attempt(
        "removing a learner that proposed",
        lambda w: w.contract.remove_idle(w.senders[5], w.addresses[1]),
        "TookPart",
        lambda w: {"learner": w.addresses[1], "round": 1},
    ),
]

LATE = [
    Attempt(
        "a ballot after the deadline",
        lambda w: w.contract.cast_ballot(w.senders[3], ONE, MODEL, Ballot.APPROVE),
        "DeadlinePassed",
        lambda w: {"round": 1, "deadline": w.contract.round(ONE).time},
    )
]

RULE = b"thresholdBps".ljust(32, b"\0")
SPECIAL = [
    Attempt(
        "a threshold of nothing",
        lambda w: w.deploy(threshold_bps=0),
        "RuleOutOfRange",
        lambda _: {"rule": RULE, "value": 0, "least": 1, "most": 10_000},
    ),
    Attempt(
        "a threshold of more than all",
        lambda w: w.deploy(threshold_bps=10_001),
        "RuleOutOfRange",
        lambda _: {"rule": RULE, "value": 10_001, "least": 1, "most": 10_000},
    ),
    Attempt(
        "an experiment without a spec",
        lambda w: ExperimentContract.deploy(w.senders[0], w.rules, NO_DIGEST),
        "EmptyDigest",
        lambda _: {},
    ),
]


def joining(world: World) -> World:
    """Three have joined, and nothing has started."""
    return world


def proposing(world: World) -> World:
    """Round 1 waits for its proposer."""
    world.contract.start(world.senders[0])
    return world


def voting(world: World) -> World:
    """Round 1 is voted on, and party 2 has rejected."""
    proposing(world).contract.propose(world.senders[1], ONE, MODEL)
    world.contract.cast_ballot(world.senders[2], ONE, MODEL, Ballot.REJECT)
    return world


def late(world: World) -> World:
    """Round 1's last second has passed."""
    world.chain.advance_to(voting(world).contract.round(ONE).time + 1)
    return world


@pytest.fixture(scope="module")
def moments(new_chain: Callable[[], Chain]) -> dict[str, World]:
    """Keep one experiment for each moment of its life, made when a test asks first."""

    class Moments(dict[str, World]):
        def __missing__(self, moment: str) -> World:
            makers = {"joining": joining, "proposing": proposing, "voting": voting, "late": late}
            self[moment] = makers[moment](new_world(new_chain()))
            return self[moment]

    return Moments()


MOMENTS = {"joining": JOINING + SPECIAL, "proposing": PROPOSING, "voting": VOTING, "late": LATE}


@pytest.mark.parametrize(
    ("moment", "attempt"),
    [(moment, attempt) for moment, attempts in MOMENTS.items() for attempt in attempts],
    ids=lambda value: value.title if isinstance(value, Attempt) else value,
)
def test_a_refused_call_says_what_was_wrong_and_costs_nothing(
    moments: dict[str, World], moment: str, attempt: Attempt
) -> None:
    """A refusal names its rule and the values, surfaces before anything is sent, and changes nothing."""
    attempt.check(moments[moment])


def test_starting_with_too_few(world: World) -> None:
    """An experiment starts with its least number of learners, not with fewer."""
    with pytest.raises(ContractReverted) as refused:
        world.deploy().start(world.senders[0])
    assert (refused.value.name, refused.value.values) == ("TooFewLearners", {"learners": 0, "minLearners": 3})


def test_joining_for_a_round_after_the_last(world: World) -> None:
    """Nobody joins for a round that there will never be."""
    short = world.deploy(min_learners=2, max_rounds=1)
    short.invite(world.senders[0], world.addresses[1:4])
    for sender in world.senders[1:3]:
        short.join(sender)
    short.start(world.senders[0])
    with pytest.raises(ContractReverted) as refused:
        short.join(world.senders[3])
    assert (refused.value.name, refused.value.values) == ("TooLateToJoin", {"firstRound": 3, "maxRounds": 1})


def test_joining_when_every_seat_is_taken(world: World, crowd: list[Account]) -> None:
    """There are 64 seats, and the 65th learner gets none."""
    world.contract.invite(world.senders[0], [account.address for account in crowd])
    late_one = Sender(world.chain.node, crowd[-1])
    for account in crowd[:-1]:
        world.contract.join(Sender(world.chain.node, account))
    with pytest.raises(ContractReverted) as refused:
        world.contract.join(late_one)
    assert (refused.value.name, refused.value.values) == ("NoSeatFree", {})


def test_every_error_of_the_contract_is_tried() -> None:
    """No custom error of the contract is left out here."""
    tried = {attempt.name for attempts in MOMENTS.values() for attempt in attempts}
    tried |= {"TooFewLearners", "TooLateToJoin", "NoSeatFree"}
    assert tried == {entry["name"] for entry in experiment_interface().errors.values()}
