"""Gathering evidence: which proposals a store still has, which were no good, and what lying nodes say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from web3 import Web3

from colearn_agents.evidence import from_nodes
from colearn_agents.stored import contents_of
from colearn_chain.artefacts import ExperimentSpec, ProposalClaim, Score, experiment_id
from colearn_chain.audit import Kind, Outcome, State, audit
from colearn_chain.chain import ExperimentContract, Node, embedded_chain
from colearn_chain.chain.cards import make_card
from colearn_chain.rounds import Ballot, fold
from colearn_chain.storage import ArtefactStore, DirectoryStorage
from colearn_chain.testing.chain import FaultyProvider
from colearn_chain.testing.experiments import ACCOUNTS, World, new_world
from colearn_chain.types import Digest, RoundNumber
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_chain.artefacts import Card

WEIGHTS = {"w": np.arange(3, dtype=np.float32)}
ABSENT = Digest(b"\x77" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "store"


@pytest.fixture
def world(folder: Path, tmp_path: Path) -> World:
    """Four rounds: a proposal, one that is malformed and was accepted, one that is gone, and a pass."""
    world = new_world(embedded_chain([account.address for account in ACCOUNTS]))
    store = ArtefactStore(DirectoryStorage(folder), tmp_path / "scratch")
    spec = store.publish_spec(spec_of(world), WEIGHTS)
    world.contract = ExperimentContract.deploy(world.senders[0], world.rules, spec)
    world.contract.invite(world.senders[0], world.addresses[1:4])
    for sender in world.senders[1:4]:
        world.contract.join(sender)
    world.contract.start(world.senders[0])
    accept(world, 1, good(world, store, spec))
    accept(world, 2, malformed(folder, tmp_path / "made"))
    accept(world, 3, ABSENT)
    world.contract.pass_turn(world.senders[1], RoundNumber(4))
    return world


def spec_of(world: World) -> ExperimentSpec:
    """A spec under the world's rules."""
    return ExperimentSpec(
        name="evidence",
        rules=world.rules,
        weight_schema=WeightSchema.of(WEIGHTS),
        score=Score(name="accuracy", direction="maximize"),
    )


def good(world: World, store: ArtefactStore, parent: Digest) -> Digest:
    """What party 1 proposes in round 1."""
    experiment = experiment_id(world.contract.chain_id, world.contract.address)
    claim = ProposalClaim(experiment, RoundNumber(1), world.addresses[1], parent)
    return store.publish_proposal(claim, WEIGHTS, None)


def malformed(store: Path, made: Path) -> Digest:
    """A folder of the right files that say nothing."""
    made.mkdir()
    for name in ("manifest.json", "weights.safetensors"):
        (made / name).write_bytes(b"{}")
    return DirectoryStorage(store).put(made)


def accept(world: World, number: int, digest: Digest) -> None:
    """A round whose proposal is approved by both others."""
    proposer = 1 + (number - 1) % 3
    world.contract.propose(world.senders[proposer], RoundNumber(number), digest)
    for voter in {1, 2, 3} - {proposer}:
        world.contract.cast_ballot(world.senders[voter], RoundNumber(number), digest, Ballot.APPROVE)


def card_of(world: World) -> Card:
    """The experiment's card."""
    return make_card(world.chain.node, world.contract.raw_deployment or b"")


def test_each_proposal_is_what_it_is(world: World, folder: Path) -> None:
    """Valid, malformed, gone; a turn that was passed has none."""
    experiment = experiment_id(world.contract.chain_id, world.contract.address)
    contents = contents_of(world.contract.history(), experiment, folder)
    assert contents.spec == spec_of(world)
    assert [each.state for each in contents.proposals] == [State.VALID, State.INVALID, State.GONE]


def test_another_experiments_proposals_are_malformed_here(world: World, folder: Path) -> None:
    """The manifest names the experiment that it is for."""
    contents = contents_of(world.contract.history(), "eip155:1:" + world.contract.address, folder)
    assert contents.proposals[0].state is State.INVALID


def test_a_proposal_that_the_store_damaged_is_gone(world: World, folder: Path) -> None:
    """Nobody is blamed for what a disk did."""
    (weights,) = [path for path in folder.rglob("weights.safetensors") if path.stat().st_size == 2]
    weights.chmod(0o644)
    weights.write_bytes(b"[]")
    contents = contents_of(world.contract.history(), "eip155:1:" + world.contract.address, folder)
    assert (contents.proposals[1].state, "damaged" in contents.proposals[1].reason) == (State.GONE, True)


def test_nodes_give_all_that_an_audit_needs(world: World) -> None:
    """History, hash, sighting and the organizer's changes, as of one block."""
    evidence = from_nodes(card_of(world), [world.chain.node])
    assert audit(evidence).outcome is Outcome.RIGHT
    assert evidence.history == world.contract.history()
    assert evidence.log is not None
    assert [change.text for change in evidence.log.changes] == [
        f"{address} was invited" for address in world.addresses[1:4]
    ]
    cast = {(each.number, each.learner): each.ballot for each in evidence.log.ballots}
    assert cast == {
        (closed.number, learner): ballot
        for closed in fold(world.contract.history())
        for learner, ballot in closed.ballots.items()
    }


def test_a_node_without_logs_leaves_nothing_open(world: World) -> None:
    """The organizer's changes are worth knowing, no more."""
    provider = FaultyProvider(world.chain.web3.provider)
    for _ in range(20):
        provider.refuse("eth_getLogs", -32005, "limit exceeded")
    evidence = from_nodes(card_of(world), [Node(Web3(provider))])
    assert (evidence.log, "limit exceeded" in evidence.log_gap) == (None, True)
    assert audit(evidence).outcome is Outcome.RIGHT


class Lying(FaultyProvider):
    """A node on which something else was proposed in round 1; all else is as it is."""

    def __init__(self, world: World) -> None:
        super().__init__(world.chain.web3.provider)
        digest = world.contract.rounds(1, 1)[0].digest
        self._turned = digest.hex(), ABSENT.hex()

    def request_func(self, w3: Web3, middleware_onion: Any) -> Any:
        """Answer as the node does, but for one digest."""
        ask = super().request_func(w3, middleware_onion)

        def answer(method: Any, params: Any) -> Any:
            response: dict[str, Any] = dict(ask(method, params))
            if method == "eth_call":
                response["result"] = response["result"].replace(*self._turned)
            return response

        return answer


def test_a_node_that_lies_about_a_proposal(world: World) -> None:
    """The history that it tells is not what its own history hash commits to."""
    report = audit(from_nodes(card_of(world), [Node(Web3(Lying(world)))]))
    assert report.outcome is Outcome.WRONG
    assert "historyHash" in {each.subject for each in report.findings if each.kind is Kind.WRONG}
