"""Reading and writing the contract, on every kind of node."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from colearn_chain.chain import ExperimentContract, sign_ballot
from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.node import NOBODY
from colearn_chain.errors import ChainError, ConfigError, InvalidHistory
from colearn_chain.rounds import (
    Ballot,
    Closing,
    Membership,
    Phase,
    Round,
    Rules,
    Skip,
    Snapshot,
    Status,
    fold,
)
from colearn_chain.testing.experiments import ACCOUNTS, SPEC, Wire, World
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colearn_chain.chain import Receipt

ONE, TWO = RoundNumber(1), RoundNumber(2)
MODEL = Digest(bytes([9]) * 32)


def play(world: World, rounds: int, ballot: Ballot = Ballot.APPROVE) -> None:
    """Let the three learners play some rounds, each ended by the last ballot."""
    for _ in range(rounds):
        seen = world.contract.snapshot(world.addresses[1])
        proposer = 1 + seen.round.proposer
        world.contract.propose(world.senders[proposer], seen.number, MODEL)
        for party in {1, 2, 3} - {proposer}:
            world.contract.cast_ballot(world.senders[party], seen.number, MODEL, ballot)


def started(world: World) -> World:
    """Open round 1."""
    world.contract.start(world.senders[0])
    return world


def told(receipt: Receipt) -> dict[str, Mapping[str, object]]:
    """Events by name."""
    return {event.name: event.values for event in receipt.events}


def test_there_is_a_method_for_each_function() -> None:
    """The binding leaves no function of the contract out."""
    for name in experiment_interface().functions:
        assert callable(getattr(ExperimentContract, re.sub("([A-Z])", r"_\1", name).lower()))


@pytest.mark.parametrize(
    ("view", "value"), [("rules", Rules), ("snapshot", Snapshot), ("learners", Membership)]
)
def test_values_have_the_fields_of_their_structs(view: str, value: type) -> None:
    """Structs become values field by field, so names and order have to be the same."""
    (output,) = experiment_interface().functions[view]["outputs"]
    names = [re.sub("([A-Z])", r"_\1", each["name"]).lower() for each in output["components"]]
    assert names == [each.name for each in dataclasses.fields(value)]


def test_a_deployed_experiment_says_what_it_was_given(world: World) -> None:
    """Rules, spec and organizer are those of the deployment, and its receipt is kept."""
    contract = world.contract
    assert contract.rules() == world.rules
    assert contract.spec_digest() == SPEC
    assert contract.organizer() == contract.first_organizer() == world.addresses[0]
    assert contract.deployment is not None
    assert contract.deployment.contract == contract.address
    assert told(contract.deployment) == {
        "OrganizerChanged": {"from": Address("0x" + "00" * 20), "to": world.addresses[0]}
    }


def test_a_snapshot_is_what_its_parts_say(world: World) -> None:
    """One call gives what the views give one by one, as of the same block."""
    play(started(world), 1)
    seen = world.contract.snapshot(world.addresses[2])
    at, contract = seen.block_number, world.contract
    assert seen.timestamp == world.chain.node.timestamp(at)
    assert (seen.phase, seen.number) == (contract.phase(block=at), TWO)
    assert seen.round == contract.round(TWO, block=at) == contract.rounds(2, 5, block=at)[0]
    assert (seen.accepted, seen.accepted_digest) == (ONE, MODEL)
    assert seen.history_hash == contract.history_hash(block=at)
    assert seen.memberships == contract.membership_count(block=at) == 3
    mine = contract.memberships(seen.membership, 1, block=at)[0]
    assert (mine.learner, mine.seat) == (world.addresses[2], seen.seat)
    assert (mine.first_round, mine.last_round) == (seen.first_round, seen.last_round) == (1, NO_END)
    assert mine.encryption_key == bytes([1]) * 32
    assert sum(1 << each.seat for each in contract.learners(block=at)) == seen.active


def test_a_snapshot_of_a_stranger(world: World) -> None:
    """Who never joined has no seat, and sees the spec's digest until something is accepted."""
    seen = world.contract.snapshot(world.addresses[5])
    assert (seen.invited, seen.joined, seen.phase, seen.number) == (False, False, Phase.JOINING, 0)
    assert seen.accepted_digest == SPEC
    assert world.contract.snapshot(world.addresses[4]).invited


def test_reads_are_of_the_block_that_was_asked_for(world: World) -> None:
    """A read as of an earlier block does not see what came later."""
    opened = started(world).chain.node.block_number()
    play(world, 1)
    assert world.contract.round(ONE, block=opened).status is Status.PROPOSING
    assert world.contract.round(ONE).status is Status.ACCEPTED
    assert world.contract.snapshot(world.addresses[1], block=opened).block_number == opened


def test_a_round_reads_the_same_from_its_word_and_from_its_view(world: World) -> None:
    """The readable view and the stored word agree on every kind of ballot."""
    five = world.deploy(min_learners=2, count_proposer=True)
    five.invite(world.senders[0], world.addresses[1:6])
    for sender in world.senders[1:6]:
        five.join(sender)
    five.start(world.senders[0])
    five.propose(world.senders[1], ONE, MODEL)
    for sender, ballot in zip(
        world.senders[1:5], [Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE, Ballot.APPROVE], strict=True
    ):
        five.cast_ballot(sender, ONE, MODEL, ballot)
    assert [five.round(ONE)] == five.rounds(1, 1)
    assert [five.ballot_of(ONE, membership) for membership in range(6)] == [1, 2, 3, 1, 0, 0]


def test_events_are_decoded(world: World) -> None:
    """A receipt names what the contract told of, with values in Python's types."""
    opened = told(world.contract.start(world.senders[0]))["RoundOpened"]
    assert opened == {"round": 1, "electorate": 7, "proposer": 0, "deadline": world.contract.round(ONE).time}
    proposed = world.contract.propose(world.senders[1], ONE, MODEL)
    assert told(proposed)["Proposed"]["proposer"] == world.addresses[1]
    assert proposed.succeeded
    assert proposed.gas_used > 21_000
    first = told(world.contract.cast_ballot(world.senders[2], ONE, MODEL, Ballot.UNAVAILABLE))
    assert first == {"Voted": {"round": 1, "learner": world.addresses[2], "ballot": Ballot.UNAVAILABLE}}
    last = told(world.contract.cast_ballot(world.senders[3], ONE, MODEL, Ballot.APPROVE))
    assert set(last) == {"Voted", "RoundClosed", "RoundOpened"}
    assert last["RoundClosed"] == {
        "round": 1,
        "outcome": Status.REJECTED,
        "closing": Closing.COMPLETE,
        "historyHash": world.contract.history_hash(),
    }
    assert isinstance(last["RoundClosed"]["outcome"], Status)
    shared = world.contract.share_key(world.senders[1], ONE, world.addresses[2], b"wrapped" * 30)
    assert told(shared)["KeyShared"] == {
        "round": 1,
        "from": world.addresses[1],
        "to": world.addresses[2],
        "wrapped": b"wrapped" * 30,
    }


def test_the_calls_around_the_rounds(world: World) -> None:
    """Passing, advancing, resigning, removing and handing the role over arrive at the contract."""
    contract, senders = started(world).contract, world.senders
    assert told(contract.pass_turn(senders[1], ONE))["RoundClosed"]["closing"] is Closing.PASSED
    world.chain.advance_to(contract.round(TWO).time + 1)
    assert told(contract.advance(senders[5], TWO))["RoundClosed"]["closing"] is Closing.DEADLINE
    assert told(contract.join(senders[4]))["Joined"]["encryptionKey"] == NO_DIGEST
    assert told(contract.resign(senders[3]))["MembershipEnded"]["lastRound"] == 3
    assert "MembershipEnded" in told(contract.remove(senders[0], world.addresses[2]))
    contract.transfer_organizer(senders[0], world.addresses[6])
    contract.renounce_organizer(senders[6])
    assert contract.organizer() == Address("0x" + "00" * 20)


def test_fan_in_and_keys_are_events(world: World) -> None:
    """Contributions and questions for keys are told of, and nothing of them is stored."""
    fan_in = world.deploy(contribution_window=100)
    fan_in.invite(world.senders[0], world.addresses[1:4])
    for sender in world.senders[1:4]:
        fan_in.join(sender)
    fan_in.start(world.senders[0])
    contributed = told(fan_in.contribute(world.senders[2], ONE, MODEL))
    assert contributed == {"Contributed": {"round": 1, "learner": world.addresses[2], "digest": MODEL}}
    fan_in.propose(world.senders[1], ONE, MODEL)
    assert told(fan_in.ask_key(world.senders[3], ONE)) == {
        "KeyAsked": {"round": 1, "learner": world.addresses[3]}
    }


def test_an_idle_learner_is_removed(world: World) -> None:
    """Who let its windows run out is removed by anyone."""
    contract = started(world).contract
    for number in range(1, 5):
        world.chain.advance_to(contract.round(RoundNumber(number)).time + 1)
        contract.advance(world.senders[5], RoundNumber(number))
    removed = told(contract.remove_idle(world.senders[5], world.addresses[1]))
    assert removed["MembershipEnded"]["learner"] == world.addresses[1]


def test_signed_ballots_in_a_batch(world: World) -> None:
    """Anyone brings ballots that their learners signed; one that does not count spoils no other."""
    contract = started(world).contract
    contract.propose(world.senders[1], ONE, MODEL)
    domain = contract.domain_separator()
    batch = [sign_ballot(ACCOUNTS[party], domain, ONE, MODEL, Ballot.APPROVE) for party in (1, 2, 5, 3)]
    receipt = contract.cast_ballots(world.senders[6], ONE, MODEL, batch)
    skipped = [event.values["reason"] for event in receipt.events if event.name == "BallotSkipped"]
    assert skipped == [Skip.NO_BALLOT, Skip.NOT_MEMBER]
    assert contract.round(ONE).status is Status.ACCEPTED


def test_a_signed_ballot_for_nothing(world: World) -> None:
    """A ballot that is none of the three is refused here: the contract has no place for it."""
    empty = sign_ballot(ACCOUNTS[2], bytes(32), ONE, MODEL, Ballot.NONE)
    with pytest.raises(ConfigError, match="no ballot that can be cast"):
        world.contract.cast_ballots(world.senders[6], ONE, MODEL, [empty])


@pytest.mark.parametrize("page", [1, 2, 500])
def test_a_history_is_read_in_pages_and_holds(world: World, page: int) -> None:
    """Whatever the size of a page, the history is whole and folds to the contract's hash."""
    play(started(world), 4)
    history = world.contract.history(page=page)
    assert [closed.round.status for closed in fold(history)] == [Status.ACCEPTED] * 4
    assert history.chain_id == world.contract.chain_id
    assert [each.learner for each in history.memberships] == world.addresses[1:4]


def test_a_history_goes_on_where_an_earlier_one_ended(world: World) -> None:
    """Closed rounds are not read twice, and what was wrong with them shows when folding."""
    play(started(world), 2)
    early = world.contract.history()
    play(world, 1)
    assert world.contract.history(earlier=early) == world.contract.history()
    forged = replace(early, rounds=(early.rounds[1], early.rounds[1]))
    with pytest.raises(InvalidHistory):
        fold(world.contract.history(earlier=forged))


def test_a_history_as_of_an_earlier_block(world: World) -> None:
    """A pinned history is that of its block in all its parts."""
    play(started(world), 1)
    pinned = world.chain.node.block_number()
    play(world, 1)
    history = world.contract.history(block=pinned)
    assert len(fold(history)) == len(history.rounds) == 1


def test_a_history_tells_how_far_it_is(world: World) -> None:
    """After every page: of rounds, the open one included, and of memberships."""
    play(started(world), 4)
    seen: list[tuple[int, int]] = []
    world.contract.history(page=2, progress=lambda *so_far: seen.append(so_far))
    assert seen == [(2, 8), (4, 8), (5, 8), (7, 8), (8, 8)]


def answer(wire: Wire, view: str, *arguments: object, **changes: int) -> str:
    """What the node answers to a view, with other numbers in the struct's fields."""
    data = experiment_interface().encode_call(view, *arguments)
    words = bytearray(wire.world.chain.node.call(wire.world.contract.address, data))
    (output,) = experiment_interface().functions[view]["outputs"]
    names = [each["name"] for each in output["components"]]
    for name, value in changes.items():
        words[32 * names.index(name) : 32 * names.index(name) + 32] = value.to_bytes(32)
    return "0x" + words.hex()


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"number": 51}, "51 rounds, by the rules there are 50"), ({"memberships": 2**200}, "memberships")],
)
def test_a_node_that_tells_of_more_than_there_can_be(wire: Wire, changes: dict[str, int], said: str) -> None:
    """It could answer full pages for ever; not one is asked for."""
    lie = answer(wire, "snapshot", NOBODY, **changes)
    wire.provider.answer("eth_call", answer(wire, "rules"), lie)
    with pytest.raises(ChainError, match=said):
        ExperimentContract(wire.node, wire.world.contract.address).history()
    assert wire.provider.calls["eth_call"] == 2


def test_a_node_that_tells_of_a_round_that_can_be_none(wire: Wire) -> None:
    """A status of 255 is refused where it is read, not where somebody first looks at the round."""
    wire.provider.answer("eth_call", answer(wire, "snapshot", NOBODY, roundWord=0xFF << 200))
    with pytest.raises(ChainError, match="is no round"):
        ExperimentContract(wire.node, wire.world.contract.address).snapshot(NOBODY)


@pytest.mark.parametrize("count", [2, 6])
def test_a_page_of_another_length_than_was_asked_for(wire: Wire, count: int) -> None:
    """Two memberships where three are, or six: neither is taken for the list."""
    three = answer(wire, "memberships", 0, 3)
    others = {2: answer(wire, "memberships", 0, 2), 6: three[:66] + f"{6:064x}" + three[130:] + three[130:]}
    contract = ExperimentContract(wire.node, wire.world.contract.address)
    genuine = [answer(wire, "rules"), answer(wire, "snapshot", NOBODY), answer(wire, "rounds", 1, 1)]
    digest = f"0x{SPEC.hex()}"
    organizer = "0x" + wire.world.addresses[0][2:].rjust(64, "0")
    wire.provider.answer("eth_call", *genuine, digest, organizer, others[count])
    with pytest.raises(ChainError, match="items, 3 were asked for"):
        contract.history()


def test_an_address_without_a_contract(world: World) -> None:
    """Where there is no contract, reads and writes say so; a write would else succeed and do nothing."""
    nowhere = ExperimentContract(world.chain.node, world.addresses[6])
    with pytest.raises(ConfigError, match="there is no contract at 0x"):
        nowhere.snapshot(world.addresses[1])
    with pytest.raises(ConfigError, match="there is no contract at 0x"):
        nowhere.start(world.senders[0])
    with pytest.raises(ConfigError, match="as of block 0"):
        world.contract.phase(block=0)


def test_an_argument_that_does_not_fit_its_type(world: World) -> None:
    """What cannot even be encoded is refused here, with the value."""
    with pytest.raises(ConfigError, match=r"propose\(uint256, bytes32\) cannot be called with \(-1"):
        world.contract.propose(world.senders[1], RoundNumber(-1), MODEL)
    with pytest.raises(ConfigError, match="70000"):
        world.deploy(threshold_bps=70_000)


def test_an_unopened_round_is_all_zero(world: World) -> None:
    """A round that has not been opened reads as nothing, and pages end before it."""
    assert world.contract.round(ONE) == Round.from_word(0, NO_DIGEST)
    assert world.contract.rounds(1, 10) == []
