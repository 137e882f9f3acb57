"""A small experiment with its parties, and a faulty wire to one: what most tests of the chain begin with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from web3 import Web3

from colearn_chain.chain.accounts import Account
from colearn_chain.chain.contract import ExperimentContract
from colearn_chain.chain.embedded import embedded_chain
from colearn_chain.chain.node import Node
from colearn_chain.chain.transactions import Patience, Sender
from colearn_chain.rounds import Rules
from colearn_chain.testing.chain import FaultyProvider, HandClock
from colearn_chain.types import Address, Digest

if TYPE_CHECKING:
    from colearn_chain.testing.chain import Chain

SPEC = Digest(bytes([7]) * 32)
ACCOUNTS = [Account.seeded("tests", index) for index in range(8)]
"""The parties."""


@dataclass
class World:
    """An experiment: party 0 is its organizer, 1 to 3 have joined, 4 is invited, the others are strangers."""

    chain: Chain
    rules: Rules
    senders: list[Sender]
    contract: ExperimentContract

    @property
    def addresses(self) -> list[Address]:
        """Everybody's address."""
        return [sender.address for sender in self.senders]

    def deploy(self, **changes: Any) -> ExperimentContract:
        """Deploy another experiment on the same chain, with other rules."""
        return ExperimentContract.deploy(self.senders[0], replace(self.rules, **changes), SPEC)


def new_world(chain: Chain) -> World:
    """Deploy, invite and let three learners join."""
    senders = [Sender(chain.node, account) for account in ACCOUNTS]
    rules = Rules(
        threshold_bps=5001,
        proposal_window=600,
        voting_window=900,
        contribution_window=0,
        min_learners=3,
        max_rounds=50,
        idle_rounds=2,
        start_deadline=chain.now() + 10_000,
        count_proposer=False,
        close_early=False,
    )
    contract = ExperimentContract.deploy(senders[0], rules, SPEC)
    contract.invite(senders[0], [sender.address for sender in senders[1:5]])
    for sender in senders[1:4]:
        contract.join(sender, bytes([1]) * 32)
    return World(chain, rules, senders, contract)


@dataclass
class Wire:
    """A sender whose requests can go wrong, at a world's chain."""

    world: World
    provider: FaultyProvider
    clock: HandClock

    @property
    def node(self) -> Node:
        """A node behind the faulty wire."""
        return Node(Web3(self.provider))

    def sender(self, account: Account = ACCOUNTS[1], **settings: Any) -> Sender:
        """Make an account's sender that waits by the clock set by hand."""
        patience = Patience(timeout=20, poll_interval=1, clock=self.clock, sleep=self.clock.sleep)
        return Sender(self.node, account, patience=patience, **settings)

    def mined(self, account: Account = ACCOUNTS[1]) -> int:
        """Count an account's mined transactions, past the faults."""
        return self.world.chain.node.transaction_count(account.address)


def new_wire() -> Wire:
    """Start an experiment on a chain of its own, and lay a wire to it; party 1 is the first proposer."""
    world = new_world(embedded_chain([account.address for account in ACCOUNTS]))
    world.contract.start(world.senders[0])
    return Wire(world, FaultyProvider(world.chain.web3.provider), HandClock())
