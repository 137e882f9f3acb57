"""What a store still has of an experiment: proposals, manifests alone, what is no good, what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from colearn_agents.auditing.stored import contents_of
from colearn_chain.artefacts import ExperimentSpec, ProposalClaim, Score, experiment_id
from colearn_chain.audit import Content, State
from colearn_chain.chain import ExperimentContract, embedded_chain
from colearn_chain.errors import ConfigError
from colearn_chain.ml_interface import DiffPrivBudget, TrainingSummary
from colearn_chain.rounds import Ballot
from colearn_chain.storage import ArtefactStore, DirectoryStorage, cid_of
from colearn_chain.testing.experiments import ACCOUNTS, World, new_world
from colearn_chain.types import Digest, RoundNumber
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WEIGHTS = {"w": np.arange(3, dtype=np.float32)}
BUDGET = DiffPrivBudget(target_epsilon=1.0, target_delta=1e-5, consumed_epsilon=0.25, consumed_delta=1e-5)
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
    return store.publish_proposal(claim, WEIGHTS, TrainingSummary(dp_budget=BUDGET))


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


def contents(world: World, folder: Path) -> list[Content]:
    """What the store holds of the proposals."""
    experiment = experiment_id(world.contract.chain_id, world.contract.address)
    return list(contents_of(world.contract.history(), experiment, folder).proposals)


def kept(world: World, folder: Path, number: int) -> Path:
    """Where a round's proposal lies; its files can be written to."""
    place = folder / cid_of(world.contract.rounds(number, 1)[0].digest)
    for file in place.iterdir():
        file.chmod(0o644)
    return place


def test_weights_that_retention_let_go(world: World, folder: Path) -> None:
    """The manifest alone leads to the digest on chain, so what it says is proven: nothing is missing."""
    (kept(world, folder, 1) / "weights.safetensors").unlink()
    proposal = contents(world, folder)[0]
    assert (proposal.state, proposal.reason) == (State.LET_GO, "")
    assert proposal.budget is not None
    assert proposal.budget.consumed_epsilon == 0.25


def test_a_manifest_alone_of_another_experiment(world: World, folder: Path) -> None:
    """That it is what the digest commits to, and says something else than the chain, is still found."""
    (kept(world, folder, 1) / "weights.safetensors").unlink()
    elsewhere = contents_of(world.contract.history(), "eip155:1:" + world.contract.address, folder)
    assert elsewhere.proposals[0].state is State.INVALID
    assert "names experiment" in elsewhere.proposals[0].reason


@pytest.mark.parametrize(
    "forge",
    [
        lambda data: data.replace(b'"consumed_epsilon":0.25', b'"consumed_epsilon":0.15'),
        lambda data: data.replace(b'"size":', b'"size":1'),
        lambda _: b"{}",
        lambda data: data * 100_000,
    ],
)
def test_a_manifest_alone_that_was_forged(
    world: World, folder: Path, forge: Callable[[bytes], bytes]
) -> None:
    """A smaller budget, another size, nothing, far too much: none leads to the digest on chain."""
    place = kept(world, folder, 1)
    (place / "weights.safetensors").unlink()
    manifest = place / "manifest.json"
    manifest.write_bytes(forge(manifest.read_bytes()))
    proposal = contents(world, folder)[0]
    assert (proposal.state, "damaged" in proposal.reason) == (State.GONE, True)


def test_weights_alone_prove_nothing(world: World, folder: Path) -> None:
    """Without the manifest nobody knows what they were."""
    (kept(world, folder, 1) / "manifest.json").unlink()
    assert contents(world, folder)[0].state is State.GONE


def test_whoever_waits_is_told_how_far_it_is(world: World, folder: Path) -> None:
    """Round by round, whether there was a proposal or not."""
    seen: list[tuple[int, int]] = []
    contents_of(world.contract.history(), "eip155:1:0x", folder, lambda *so_far: seen.append(so_far))
    assert seen == [(number, 4) for number in (1, 2, 3, 4)]


def test_a_store_that_is_not_there(world: World, tmp_path: Path) -> None:
    """The operator's mistake; a store without the spec is one that cannot tell anything."""
    with pytest.raises(ConfigError, match="no store at"):
        contents_of(world.contract.history(), "eip155:1:0x", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    nothing = contents_of(world.contract.history(), "eip155:1:0x", tmp_path / "empty")
    assert (nothing.spec, nothing.proposals, "does not have" in nothing.reason) == (None, (), True)
