"""One experiment with its parties, on every kind of node that is there."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from colearn_chain.chain import Account, embedded_chain
from colearn_chain.chain.devnet import find_anvil
from colearn_chain.testing.chain import Chain, anvil_chain
from colearn_chain.testing.experiments import ACCOUNTS, Wire, World, new_wire, new_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def crowd() -> list[Account]:
    """More learners than there are seats left in a small experiment; they have money on every chain."""
    return [Account.seeded("crowd", index) for index in range(62)]


@pytest.fixture(scope="module", params=["eth-tester", *(["anvil"] if find_anvil() else [])])
def new_chain(request: pytest.FixtureRequest, crowd: list[Account]) -> Iterator[Callable[[], Chain]]:
    """Make fresh chains, of each kind of node that is there."""
    addresses = [account.address for account in ACCOUNTS + crowd]
    if request.param == "eth-tester":
        yield lambda: embedded_chain(addresses)
        return
    with ExitStack() as running:
        yield lambda: running.enter_context(anvil_chain(find_anvil() or "", addresses))


@pytest.fixture
def world(new_chain: Callable[[], Chain]) -> World:
    """Give a test an experiment that has not started, on each kind of node."""
    return new_world(new_chain())


@pytest.fixture
def wire() -> Wire:
    """Give a test a faulty wire to an experiment that has started."""
    return new_wire()
