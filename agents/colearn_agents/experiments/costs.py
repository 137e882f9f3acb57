"""What transactions cost, and for how many rounds an account's money lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.wording import counted
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from colearn_chain.chain import Node
    from colearn_chain.types import Address

ROUND_GAS = 75_000
"""Gas that a learner needs for a round: one transaction, at worst the ballot that closes the round and opens
the next. A test plays rounds and holds it; docs/gas.md has the figures."""

_ETHER_DIGITS = 18
_WEI_PER_ETHER = 10**_ETHER_DIGITS
_SMALL = 10**9
_SHOWN_DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class GasPrice:
    """What a unit of gas costs now, in wei.

    Attributes:
        expected: what will be paid.
        offered: the most that a transaction lets be paid; nodes ask for an account that has this.
    """

    expected: int
    offered: int


@dataclass(frozen=True, kw_only=True)
class Purse:
    """What an account owns, and what its node asks for a transaction.

    Attributes:
        address: of the account.
        balance: in wei.
        price: of gas.
    """

    address: Address
    balance: int
    price: GasPrice

    @classmethod
    def of(cls, node: Node, address: Address) -> Purse:
        """Ask a node.

        Raises:
            ChainError: it did not answer.
        """
        from colearn_chain.chain.fees import UNBOUNDED, FeeMarket  # noqa: PLC0415 - imports web3

        market = FeeMarket(node, UNBOUNDED)
        quote = market.quote()
        offered = quote.get("gasPrice", quote.get("maxFeePerGas", 0))
        price = GasPrice(expected=market.expected(), offered=offered)
        return cls(address=address, balance=node.balance(address), price=price)

    def cost(self, gas: int) -> int:
        """What so much gas will cost, in wei."""
        return gas * self.price.expected

    def needed(self, gas: int) -> int:
        """What a node wants the account to own before it takes a transaction of so much gas, in wei."""
        from colearn_chain.chain.transactions import GAS_MARGIN  # noqa: PLC0415 - imports web3

        return (gas + GAS_MARGIN) * self.price.offered

    def check_not_empty(self) -> None:
        """Check that there is anything, before a node is asked what it may not say of who owns nothing.

        Raises:
            ConfigError: the account owns nothing, and gas has a price.
        """
        if self.balance == 0 < self.price.offered:
            raise ConfigError(
                f"the account {self.address} owns nothing on this chain, where gas costs "
                f"{ether(self.price.expected)} a unit: send it some ether first"
            )

    def check(self, gas: int) -> None:
        """Check that a transaction of so much gas can be paid for.

        Raises:
            ConfigError: it cannot.
        """
        if self.balance < self.needed(gas):
            raise ConfigError(
                f"the account {self.address} has {ether(self.balance)}; nodes take this transaction only "
                f"from one that has {ether(self.needed(gas))}, though it will cost about "
                f"{ether(self.cost(gas))}"
            )

    @property
    def rounds(self) -> int | None:
        """For how many rounds of one learner the money lasts; None: gas costs nothing here."""
        if self.price.expected == 0:
            return None
        kept_back = self.needed(ROUND_GAS) - self.cost(ROUND_GAS)
        return max((self.balance - kept_back) // self.cost(ROUND_GAS), 0)


def lasting(purse: Purse, rounds: int) -> str:
    """For how long a learner's money lasts, in words.

    Args:
        purse: the learner's.
        rounds: how many there are at most.
    """
    owned = ether(purse.balance)
    if purse.rounds is None:
        return f"{owned}; transactions cost nothing here"
    if purse.rounds >= rounds:
        return f"{owned}, enough for all of {counted(rounds, 'round')} at today's price"
    return f"{owned}, enough for about {purse.rounds:,} of {counted(rounds, 'round')} at today's price"


def ether(wei: int) -> str:
    """An amount as people read it: four digits of what is small, four decimals of what is not."""
    if 0 < wei < _SMALL:
        return f"{wei:,} wei"
    rounded = round(wei, -min(len(str(wei)) - _SHOWN_DIGITS, _ETHER_DIGITS - _SHOWN_DIGITS))
    whole, part = divmod(rounded, _WEI_PER_ETHER)
    decimals = f"{part:0{_ETHER_DIGITS}d}".rstrip("0")
    return f"{whole:,}.{decimals} ether" if decimals else f"{whole:,} ether"
