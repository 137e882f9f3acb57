"""The embedded chain: the same every time, with a clock that is set by hand."""

from __future__ import annotations

import pytest

from colearn_chain.chain import Account, EmbeddedChain, embedded_chain
from colearn_chain.errors import ConfigError
from colearn_chain.testing.experiments import ACCOUNTS, new_world


def fresh() -> EmbeddedChain:
    """Start a chain."""
    return embedded_chain([account.address for account in ACCOUNTS])


def test_the_same_calls_give_the_same_chain() -> None:
    """Addresses, history hash and every block are the same in every run: nothing draws lots."""
    first, second = new_world(fresh()), new_world(fresh())
    assert first.contract.address == second.contract.address
    assert first.contract.history_hash() == second.contract.history_hash()
    assert first.chain.node.block()["hash"] == second.chain.node.block()["hash"]


def test_each_transaction_is_mined_one_second_after_the_last_block() -> None:
    """Blocks follow each other by a second, whatever the time is outside."""
    chain = embedded_chain([ACCOUNTS[0].address], genesis_time=1_000)
    assert chain.now() == chain.node.timestamp() == 1_000
    world = new_world(fresh())
    assert world.chain.now() == world.chain.node.timestamp(0) + world.chain.node.block_number()


def test_the_clock_is_set_by_hand() -> None:
    """The clock goes where it is set, in a block of its own, and on from there."""
    world = new_world(fresh())
    blocks, then = world.chain.node.block_number(), world.chain.now() + 5_000
    world.chain.advance_to(then)
    assert world.chain.now() == world.contract.snapshot(world.addresses[1]).timestamp == then
    world.contract.start(world.senders[0])
    assert world.chain.now() == then + 1
    assert world.chain.node.block_number() == blocks + 2


def test_the_clock_does_not_go_back() -> None:
    """Block times only grow."""
    chain = fresh()
    for timestamp in (chain.now(), chain.now() - 1):
        with pytest.raises(ConfigError, match="cannot be set back"):
            chain.advance_to(timestamp)
    with pytest.raises(ConfigError):
        chain.advance_by(0)
    chain.advance_by(1)


def test_an_estimate_is_enough_and_not_much_more() -> None:
    """An estimate covers what the transaction takes, at the time of the block that will hold it."""
    world = new_world(fresh())
    node, contract = world.chain.node, world.contract
    from colearn_chain.chain.abi import experiment_interface  # noqa: PLC0415

    data = experiment_interface().encode_call("start")
    estimate = node.estimate_gas(world.addresses[0], contract.address, data)
    used = contract.start(world.senders[0]).gas_used
    assert used <= estimate <= used * 5 // 4


def test_only_those_who_are_named_have_money() -> None:
    """Accounts are funded at genesis, a million ether each, and nobody else is."""
    chain = fresh()
    assert chain.node.balance(ACCOUNTS[3].address) == 10**24
    assert chain.node.balance(Account.seeded("poor", 0).address) == 0
