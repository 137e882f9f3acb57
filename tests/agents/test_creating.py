"""Deployments that are interrupted, lost, replaced or fail: one experiment at most, and none is lost."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from colearn_agents.experiments.creating import (
    LOOKS,
    Blueprint,
    Created,
    check_ground,
    deploy,
    draw_up,
    finish,
    publish,
)
from colearn_agents.experiments.pending import PendingDeployment
from colearn_agents.experiments.rules_file import EXAMPLE, read_rules
from colearn_chain.artefacts import Card
from colearn_chain.chain import Patience
from colearn_chain.errors import ChainError, ConfigError, InvalidArtefact, StorageError, TransactionFailed
from colearn_chain.storage import ArtefactStore
from colearn_chain.testing.chain import Fault
from colearn_chain.testing.experiments import ACCOUNTS, Wire, new_wire
from colearn_chain.testing.storage import MemoryStorage
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = {"vector": np.array([0.5, 1.5])}
SEND, RECEIPT, ESTIMATE = "eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_estimateGas"
COUNT = "eth_getTransactionCount"
ORGANIZER = ACCOUNTS[6]


@dataclass
class Making:
    """An experiment in the making, over a faulty wire."""

    wire: Wire
    folder: Path
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    told: list[str] = field(default_factory=list)

    @property
    def store(self) -> ArtefactStore:
        """Where the spec goes."""
        return ArtefactStore(self.storage, self.folder / "scratch")

    @property
    def pending(self) -> PendingDeployment:
        """As another process finds it."""
        return PendingDeployment.of(self.folder / "card.json")

    @property
    def patience(self) -> Patience:
        """By the clock set by hand."""
        return Patience(timeout=20, poll_interval=1, clock=self.wire.clock, sleep=self.wire.clock.sleep)

    def blueprint(self) -> Blueprint:
        """Draw it up."""
        (self.folder / "rules.toml").write_text(EXAMPLE)
        plan = read_rules(self.folder / "rules.toml", now=1_800_000_000)
        return draw_up(
            plan,
            ARRAYS,
            WeightSchema.of(ARRAYS),
            node=self.wire.node,
            purse=check_ground(self.wire.node, ORGANIZER.address),
            store=self.store,
        )

    def deploy(self) -> None:
        """Send it, as the first process does."""
        deploy(self.blueprint(), self.wire.node, ORGANIZER, self.pending, self.patience)

    def finish(self, patience: Patience | None = None) -> Created:
        """Take it up, as any later process does."""
        how_long = patience or self.patience
        return finish(self.wire.node, self.pending, 0, patience=how_long, tell=self.told.append)

    def deployments(self) -> int:
        """How many experiments the organizer has made."""
        return self.wire.mined(ORGANIZER)


@pytest.fixture
def making(tmp_path: Path) -> Making:
    """Give a test an experiment in the making."""
    return Making(new_wire(), tmp_path)


def test_a_blueprint_is_what_comes(making: Making) -> None:
    """Address and digest are those of the experiment; nothing is stored or sent until it is made."""
    blueprint = making.blueprint()
    assert not making.storage.has(blueprint.spec_digest)
    assert making.deployments() == 0
    publish(blueprint, making.store)
    making.deploy()
    deployment = making.finish().deployment
    assert (deployment.contract, deployment.spec_digest) == (blueprint.contract, blueprint.spec_digest)
    assert not making.pending.path.exists()


def test_a_full_disk_leaves_no_pending_file(making: Making) -> None:
    """What cannot be written down is not sent, and nothing says that it may have been."""
    blueprint = making.blueprint()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(ConfigError, match="cannot write"):
            deploy(blueprint, making.wire.node, ORGANIZER, making.pending, making.patience)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not making.pending.path.exists()
    assert making.deployments() == 0


@pytest.mark.parametrize("fault", [Fault.UNREACHABLE, Fault.TIMEOUT, Fault.LOST_ANSWER])
def test_whatever_gets_lost_one_experiment_is_made(making: Making, fault: Fault) -> None:
    """The node may have got the transaction or not: what is taken up is the very same one."""
    making.wire.provider.inject(SEND, *[fault] * 3)
    with pytest.raises(ChainError):
        making.deploy()
    (raw,) = making.pending.transactions()
    created = making.finish()
    assert created.card.raw_transaction == raw
    assert Card.from_bytes((making.folder / "card.json").read_bytes()) == created.card
    assert making.deployments() == 1


def test_a_wait_that_ends_too_early(making: Making) -> None:
    """The receipt is not seen in time; later it is, and nothing is sent again."""
    looks = making.wire.provider.calls
    making.wire.provider.answer(RECEIPT, *[None] * 60)
    with pytest.raises(TransactionFailed, match="not seen mined within"):
        making.deploy()
    assert looks[RECEIPT] < 40
    with pytest.raises(TransactionFailed, match=r"after 20 seconds, the transaction .* is not mined yet"):
        making.finish()
    assert making.pending.path.exists()
    assert making.finish().receipt.succeeded
    assert (looks[SEND], making.deployments()) == (1, 1)


def test_a_fee_that_was_raised(making: Making) -> None:
    """Both signatures are kept, and whichever is mined has the card."""
    making.wire.provider.refuse(SEND, -32000, "replacement transaction underpriced")
    making.deploy()
    first, second = making.pending.transactions()
    assert first != second
    assert making.finish().card.raw_transaction == second


def test_a_transaction_that_never_arrived_is_sent_again(making: Making) -> None:
    """As long as nothing else took its place; what the node says to it is told."""
    making.wire.provider.inject(SEND, *[Fault.UNREACHABLE] * 3)
    with pytest.raises(ChainError):
        making.deploy()
    making.wire.provider.refuse(SEND, -32000, "insufficient funds for gas * price + value")
    making.finish()
    assert making.told == [
        "not mined yet; the node says: insufficient funds for gas * price + value",
        "not mined yet",
    ]
    assert making.deployments() == 1


def test_a_place_that_was_taken(making: Making) -> None:
    """Another transaction with the nonce was mined: it is said, and the file stays for who knows better."""
    making.wire.provider.inject(SEND, *[Fault.UNREACHABLE] * 3)
    with pytest.raises(ChainError):
        making.deploy()
    making.wire.sender(ORGANIZER).send(ACCOUNTS[1].address, b"")
    making.wire.provider.inject(RECEIPT, *[Fault.UNREACHABLE] * 3)
    patience = replace(making.patience, timeout=1_000)
    with pytest.raises(TransactionFailed, match="can never be mined"):
        making.finish(patience)
    assert LOOKS <= making.wire.clock.now < 2 * LOOKS
    assert making.pending.path.exists()


def test_a_nonce_that_only_one_of_several_nodes_takes_for_used(making: Making) -> None:
    """Behind one address they contradict each other; nothing is given up, and the card is written."""
    making.wire.provider.inject(SEND, *[Fault.UNREACHABLE] * 3)
    with pytest.raises(ChainError):
        making.deploy()
    for _ in range(LOOKS):
        making.wire.provider.answer(COUNT, "0x1", "0x0")
    making.wire.provider.answer(RECEIPT, *[None] * 2 * LOOKS)
    making.finish(replace(making.patience, timeout=1_000))
    assert making.deployments() == 1


def test_a_node_that_lies_about_what_was_made(making: Making) -> None:
    """No card says what one node alone contradicts; the deployment can still be taken up."""
    making.deploy()
    making.wire.provider.answer("eth_getCode", "0x")
    with pytest.raises(InvalidArtefact, match="no code"):
        making.finish()
    assert not (making.folder / "card.json").exists()
    making.finish()
    assert (making.folder / "card.json").exists()


def test_a_deployment_that_is_mined_and_fails(making: Making) -> None:
    """No card is written, and since nothing can come of it, the pending file is gone."""
    making.blueprint()
    making.wire.provider.answer(ESTIMATE, hex(2_000_000), hex(1_000_000))
    with pytest.raises(TransactionFailed, match="and failed"):
        making.deploy()
    with pytest.raises(TransactionFailed, match="failed: no experiment was made"):
        making.finish()
    assert not making.pending.path.exists()
    assert not (making.folder / "card.json").exists()


def test_a_store_that_keeps_something_else(making: Making) -> None:
    """Nothing is deployed whose spec cannot be fetched."""
    blueprint = making.blueprint()

    class Forgetful(MemoryStorage):
        """Takes everything and keeps nothing."""

        def has(self, digest: object) -> bool:  # noqa: ARG002 - whatever it is
            return False

    with pytest.raises(StorageError, match="nothing under"):
        publish(blueprint, ArtefactStore(Forgetful(), making.folder / "scratch"))
