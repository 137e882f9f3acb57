"""What transactions cost, and the bounds on gas that are promised before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.experiments.costs import ROUND_GAS, GasPrice, Purse, ether, lasting
from colearn_agents.experiments.creating import INVITATION_GAS
from colearn_chain.chain import embedded_chain
from colearn_chain.chain.fees import HEADROOM
from colearn_chain.chain.node import quantity
from colearn_chain.chain.transactions import GAS_MARGIN
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Ballot
from colearn_chain.testing.experiments import ACCOUNTS, World, new_world
from colearn_chain.types import Address, Digest, RoundNumber

if TYPE_CHECKING:
    from colearn_chain.chain import Receipt

SOMEBODY = Address("0x" + 40 * "1")
GWEI = 10**9


@pytest.fixture
def world() -> World:
    """Give a test a small experiment."""
    return new_world(embedded_chain([account.address for account in ACCOUNTS]))


def purse(balance: int, expected: int = GWEI, offered: int = 4 * GWEI) -> Purse:
    """An account that owns so much, where gas has this price."""
    return Purse(address=SOMEBODY, balance=balance, price=GasPrice(expected=expected, offered=offered))


def rounds_played(world: World) -> list[Receipt]:
    """Two rounds of three learners: every transaction that a learner sends in them."""
    one, two, three = world.senders[1:4]
    contract, receipts = world.contract, []
    contract.start(world.senders[0])
    for number, proposer, voters in ((1, one, (two, three)), (2, two, (one, three))):
        digest, at = Digest(bytes([number]) * 32), RoundNumber(number)
        receipts.append(contract.propose(proposer, at, digest))
        receipts += [contract.cast_ballot(voter, at, digest, Ballot.APPROVE) for voter in voters]
    return receipts


def test_a_round_costs_a_learner_no_more_than_is_said(world: World) -> None:
    """One transaction each, at worst the ballot that closes the round; and not much less than is said."""
    dearest = max(receipt.gas_used for receipt in rounds_played(world))
    assert 0.9 * ROUND_GAS < dearest <= ROUND_GAS


def test_an_invitation_costs_no_more_than_is_said(world: World) -> None:
    """Alone it is the dearest; with others in one transaction each costs less."""
    alone = world.contract.invite(world.senders[0], [Address("0x" + f"{1:040x}")]).gas_used
    assert 0.9 * INVITATION_GAS < alone <= INVITATION_GAS
    others = [Address("0x" + f"{number:040x}") for number in range(2, 12)]
    assert world.contract.invite(world.senders[0], others).gas_used <= 10 * INVITATION_GAS


def test_a_purse_is_what_the_node_says(world: World) -> None:
    """Balance and prices come from the chain; what is offered leaves room for the base fee to rise."""
    found = Purse.of(world.chain.node, world.addresses[1])
    receipt = world.contract.resign(world.senders[1])
    assert found.price.expected * 7 / 8 <= receipt.gas_price <= found.price.expected * 9 / 8
    base = quantity(world.chain.node.block(receipt.block_number - 1)["baseFeePerGas"])
    assert found.price.offered - found.price.expected == (HEADROOM - 1) * base
    assert found.balance - receipt.gas_used * receipt.gas_price == world.chain.node.balance(found.address)


def test_what_a_node_wants_is_not_less_than_what_it_costs() -> None:
    """One wei too little is refused, with both amounts; enough is not."""
    needed = purse(0).needed(100_000)
    assert needed == (100_000 + GAS_MARGIN) * 4 * GWEI
    purse(needed).check(100_000)
    with pytest.raises(ConfigError, match=r"has 0\.0016 ether; nodes take .* about 0\.0001 ether") as refused:
        purse(needed - 1).check(100_000)
    assert SOMEBODY in str(refused.value)


def test_who_owns_nothing() -> None:
    """It is said at once, unless gas is free."""
    with pytest.raises(ConfigError, match="owns nothing on this chain"):
        purse(0).check_not_empty()
    purse(1).check_not_empty()
    purse(0, expected=0, offered=0).check_not_empty()


@given(st.integers(0, 10**18), st.integers(1, 10**12), st.integers(1, 8))
def test_the_rounds_that_are_promised_can_be_paid(balance: int, price: int, headroom: int) -> None:
    """Each round is paid, and before the last one the node still finds what it wants to see."""
    found = purse(balance, expected=price, offered=price * headroom)
    rounds = found.rounds
    assert rounds is not None
    if rounds:
        left = balance - (rounds - 1) * found.cost(ROUND_GAS)
        assert left >= found.needed(ROUND_GAS)
    assert balance - rounds * found.cost(ROUND_GAS) < found.needed(ROUND_GAS)


def test_how_long_the_money_lasts() -> None:
    """In rounds of the experiment, not in rounds of the universe."""
    assert lasting(purse(10**18), 50) == "1 ether, enough for all of 50 rounds at today's price"
    assert lasting(purse(3 * 10**15), 50).endswith("enough for about 21 of 50 rounds at today's price")
    assert lasting(purse(0), 1) == "0 ether, enough for about 0 of 1 round at today's price"
    assert lasting(purse(0, expected=0, offered=0), 50) == "0 ether; transactions cost nothing here"


@pytest.mark.parametrize(
    ("wei", "words"),
    [
        (0, "0 ether"),
        (1, "1 wei"),
        (10**9 - 1, "999,999,999 wei"),
        (10**9, "0.000000001 ether"),
        (123_456_789_012, "0.0000001235 ether"),
        (10**18 + 10**14, "1.0001 ether"),
        (1_234_567 * 10**18, "1,234,567 ether"),
        (999_999 * 10**12, "1 ether"),
    ],
)
def test_amounts_as_people_read_them(wei: int, words: str) -> None:
    """Small ones keep four digits, large ones four decimals."""
    assert ether(wei) == words


@given(st.integers(0, 10**27))
def test_no_amount_is_far_off(wei: int) -> None:
    """What is shown differs by no more than half of its last digit."""
    number, unit = ether(wei).replace(",", "").split()
    shown = float(number) * (10**18 if unit == "ether" else 1)
    assert abs(shown - wei) <= max(wei / 1000, 1, 10**14 / 2 if wei >= 10**18 else 0) * 1.001
