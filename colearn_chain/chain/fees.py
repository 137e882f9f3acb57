"""What a transaction offers for its gas, found with as few requests as the rules of the market allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_chain.chain.node import quantity
from colearn_chain.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colearn_chain.chain.node import Node

HEADROOM = 4
"""How many times the known base fee is offered; what is paid is the base fee of the block that takes it."""

BLOCKS_A_QUOTE_HOLDS = 11
"""A base fee rises by at most 1/8 a block (EIP-1559), and 1.125 ** 11 = 3.65 is less than the headroom."""


@dataclass(frozen=True, kw_only=True)
class FeePolicy:
    """What the operator lets a transaction cost.

    Attributes:
        max_fee: the most that is ever offered, in wei per unit of gas; None: no bound.
        priority_fee: what the block's maker gets, in wei per unit of gas; None: what the node suggests when
            it is first asked.
    """

    max_fee: int | None = None
    priority_fee: int | None = None


UNBOUNDED = FeePolicy()
"""The operator says nothing."""


class FeeMarket:
    """The fees of one chain: dynamic where blocks have a base fee (EIP-1559), else a gas price.

    Args:
        node: who is asked.
        policy: the operator's bounds.
    """

    def __init__(self, node: Node, policy: FeePolicy) -> None:
        self._node = node
        self._policy = policy
        self._tip = policy.priority_fee
        self._base: int | None = None
        self._price: int | None = None
        self._block = -BLOCKS_A_QUOTE_HOLDS - 1

    def quote(self) -> dict[str, int]:
        """Return the fee fields of a transaction; asks the node only when what is known is too old.

        Raises:
            ChainError: the node did not answer, or the chain asks more than the operator's bound.
        """
        if self._node.head - self._block > BLOCKS_A_QUOTE_HOLDS:
            self._ask()
        if self._base is None:
            return {"gasPrice": self._bounded(self._price or 0, self._price or 0)}
        tip = self._tip or 0
        offer = self._bounded(self._base, HEADROOM * self._base + tip)
        return {"maxFeePerGas": offer, "maxPriorityFeePerGas": min(tip, offer)}

    def expected(self) -> int:
        """Return what a unit of gas will cost, in wei, as far as is known; what is offered can be more.

        Raises:
            ChainError: see :meth:`quote`.
        """
        self.quote()
        return (self._price or 0) if self._base is None else self._base + (self._tip or 0)

    def raised(self, fees: Mapping[str, int]) -> dict[str, int]:
        """Return fees that a node lets replace these: each higher by an eighth, where geth asks for a tenth.

        Raises:
            ChainError: see :meth:`quote`; also when the operator's bound does not allow that much.
        """
        quoted = self.quote()
        fields = {name: max(quoted[name], fees.get(name, 0) * 9 // 8 + 1) for name in quoted}
        return {name: self._bounded(value, value) for name, value in fields.items()}

    def learn(self, block: int, gas_price: int) -> None:
        """Take the base fee of a mined block from what a transaction in it paid per unit of gas."""
        if self._base is not None and block >= self._block:
            self._base = max(gas_price - (self._tip or 0), 0)
            self._block = block

    def forget(self) -> None:
        """Ask the node before the next quote."""
        self._block = -BLOCKS_A_QUOTE_HOLDS - 1

    def _ask(self) -> None:
        header = self._node.block("latest")
        if header.get("baseFeePerGas") is None:
            self._base, self._price = None, quantity(self._node.request("eth_gasPrice"))
        else:
            self._base = quantity(header["baseFeePerGas"])
            if self._tip is None:
                self._tip = quantity(self._node.request("eth_maxPriorityFeePerGas"))
        self._block = quantity(header.get("number"))

    def _bounded(self, least: int, wanted: int) -> int:
        most = self._policy.max_fee
        if most is None:
            return wanted
        if least > most:
            raise ChainError(
                f"a unit of gas costs {least} wei, more than the {most} that the operator allows"
            )
        return min(wanted, most)
