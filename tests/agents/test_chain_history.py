"""Histories read from the contract's views, on the embedded chain."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.auditing.chain_history import history_document, read_history
from colearn_chain.chain import embedded_chain
from colearn_chain.errors import ConfigError, InvalidHistory
from colearn_chain.rounds import Ballot, Phase
from colearn_chain.storage import cid_of
from colearn_chain.testing.experiments import ACCOUNTS, SPEC, World, new_world
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.rounds import History

DIGEST = Digest(bytes([9]) * 32)


@pytest.fixture
def world() -> World:
    """Three learners in an experiment that has not started."""
    return new_world(embedded_chain([account.address for account in ACCOUNTS]))


def play_accepted(world: World, number: int) -> None:
    """Round `number` is proposed by its learner and approved by both others."""
    proposer = 1 + (number - 1) % 3
    world.contract.propose(world.senders[proposer], RoundNumber(number), DIGEST)
    for voter in {1, 2, 3} - {proposer}:
        world.contract.cast_ballot(world.senders[voter], RoundNumber(number), DIGEST, Ballot.APPROVE)


def test_history_before_the_first_round_is_empty(world: World) -> None:
    """Memberships are there, rounds are not."""
    document = history_document(read_history(world.contract))
    assert (document["phase"], document["rounds"], document["open_round"]) == ("joining", [], None)
    assert [made["learner"] for made in document["memberships"]] == world.addresses[1:4]
    assert document["memberships"][0]["last_round"] is None
    assert document["spec"] == {"digest": "0x" + SPEC.hex(), "cid": cid_of(SPEC)}


def test_closed_rounds_say_who_did_what(world: World) -> None:
    """Proposer, digest, CID and ballots by address; the parent is the round accepted before."""
    world.contract.start(world.senders[0])
    play_accepted(world, 1)
    play_accepted(world, 2)
    first, second = history_document(read_history(world.contract))["rounds"]
    assert first["proposer"] == world.addresses[1]
    assert first["proposal"] == {"digest": "0x" + DIGEST.hex(), "cid": cid_of(DIGEST)}
    assert first["ballots"] == {world.addresses[2]: "approve", world.addresses[3]: "approve"}
    assert (first["outcome"], first["closing"], first["parent"]) == ("accepted", "complete", 0)
    assert (second["proposer"], second["parent"]) == (world.addresses[2], 1)


def test_silent_voters_are_on_record_as_none(world: World) -> None:
    """A voter that let the window run out is listed, since it could have voted."""
    world.contract.start(world.senders[0])
    world.contract.propose(world.senders[1], RoundNumber(1), DIGEST)
    world.contract.cast_ballot(world.senders[2], RoundNumber(1), DIGEST, Ballot.REJECT)
    world.chain.advance_to(world.chain.now() + world.rules.voting_window + 1)
    world.contract.advance(world.senders[5], RoundNumber(1))
    (closed,) = history_document(read_history(world.contract))["rounds"]
    assert closed["ballots"] == {world.addresses[2]: "reject", world.addresses[3]: "none"}
    assert (closed["outcome"], closed["closing"]) == ("rejected", "deadline")


def test_skipped_rounds_have_no_proposal(world: World) -> None:
    """A turn that was passed leaves no digest."""
    world.contract.start(world.senders[0])
    world.contract.pass_turn(world.senders[1], RoundNumber(1))
    (closed,) = history_document(read_history(world.contract))["rounds"]
    assert (closed["outcome"], closed["closing"], closed["proposal"]) == ("skipped", "passed", None)


def test_open_round_is_told_apart_from_closed_ones(world: World) -> None:
    """What is not decided yet stands beside the history, with its deadline."""
    world.contract.start(world.senders[0])
    world.contract.propose(world.senders[1], RoundNumber(1), DIGEST)
    checked = read_history(world.contract)
    document = history_document(checked)
    assert (checked.phase, document["rounds"]) == (Phase.VOTING, [])
    assert document["open_round"]["number"] == 1
    assert document["open_round"]["status"] == "voting"
    assert document["open_round"]["ballots"] == {world.addresses[2]: "none", world.addresses[3]: "none"}


def test_history_of_an_earlier_block_is_what_it_was_then(world: World) -> None:
    """All reads are pinned to the block that was asked for."""
    world.contract.start(world.senders[0])
    play_accepted(world, 1)
    before = read_history(world.contract)
    play_accepted(world, 2)
    world.contract.transfer_organizer(world.senders[0], world.addresses[5])
    assert read_history(world.contract, block=before.block_number) == before


def test_document_is_json_and_the_same_on_a_chain_that_was_played_again() -> None:
    """No wall clock and no chance in it: the same calls give the same bytes."""
    texts = []
    for _ in range(2):
        world = new_world(embedded_chain([account.address for account in ACCOUNTS]))
        world.contract.start(world.senders[0])
        play_accepted(world, 1)
        texts.append(json.dumps(history_document(read_history(world.contract))))
    assert texts[0] == texts[1]


def test_address_without_code_is_no_experiment(world: World) -> None:
    """The sentence says that nothing is there."""
    nothing = type(world.contract)(world.contract.node, world.addresses[6])
    with pytest.raises(ConfigError, match="no contract at"):
        read_history(nothing)


class LyingNode:
    """A contract as a node tells of it that has another digest for the first round."""

    def __init__(self, contract: ExperimentContract) -> None:
        self._contract = contract

    def __getattr__(self, name: str) -> object:
        return getattr(self._contract, name)

    def history(self, **options: Any) -> History:
        """The history, with what was proposed in round 1 replaced."""
        told = self._contract.history(**options)
        return replace(told, rounds=(replace(told.rounds[0], digest=SPEC),))


def test_node_that_tells_of_another_proposal_is_caught(world: World) -> None:
    """A history that every rule allows is refused all the same: the hash commits to another one."""
    world.contract.start(world.senders[0])
    play_accepted(world, 1)
    with pytest.raises(InvalidHistory, match="historyHash"):
        read_history(LyingNode(world.contract))  # type: ignore[arg-type]
