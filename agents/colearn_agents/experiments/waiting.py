"""Waiting until a transaction is mined in a block that counts: bounded, told of, and safe to interrupt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.wording import counted, span
from colearn_chain.errors import ChainError, TransactionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from colearn_chain.chain import Node, Patience, Receipt
    from colearn_chain.chain.networks import Finality

    Tell = Callable[[str], None]


LONGEST_WAIT = 3_600.0
"""Seconds; where blocks become final at all, they do so within a quarter of an hour."""


@dataclass(frozen=True)
class Standing:
    """How far a transaction has come.

    Attributes:
        mined: the number of its block; None: it is not mined.
        counting: the number of the last block that counts, negative on a young chain; None: the chain does
            not say.
        finality: when a block counts.
    """

    mined: int | None
    counting: int | None
    finality: Finality

    @property
    def counts(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.mined is not None and self.counting is not None and self.mined <= self.counting

    def __str__(self) -> str:
        if self.mined is None:
            return "not mined yet"
        if isinstance(self.finality, int):
            above = min((self.counting or 0) + self.finality - self.mined, self.finality)
            return f"mined in block {self.mined}, {max(above, 0)} of {counted(self.finality, 'block')} on top"
        upto = "nothing yet" if self.counting is None else f"the chain up to block {self.counting}"
        return f"mined in block {self.mined}; {self.finality} is {upto}"


def await_counted(
    node: Node,
    hashes: Sequence[str],
    finality: Finality,
    *,
    patience: Patience,
    tell: Tell,
    push: Callable[[], str] | None = None,
) -> Receipt:
    """Wait until one of some transactions is mined in a block that counts.

    Args:
        node: who is asked.
        hashes: rivals: the chain can mine one of them at most.
        finality: when a block counts.
        patience: how long to wait, and by which clock.
        tell: called with how far it has come, whenever that changes.
        push: called when none is mined, to send what got lost on the way again; returns what the node says to
            that, if anything. Waiting ends when it raises TransactionFailed.

    Raises:
        TransactionFailed: it took too long, and one may still be mined.
    """
    until = patience.clock() + patience.timeout
    told, trouble = "", None
    while True:
        try:
            receipt, standing = _look(node, hashes, finality)
            said = push() if receipt is None and push is not None else ""
        except TransactionFailed:
            raise
        except ChainError as error:  # waiting goes on while a node is away
            trouble = error
        else:
            if receipt is not None and standing.counts:
                return receipt
            now = f"{standing}; the node says: {said}" if said else str(standing)
            if now != told:
                tell(now)
            told = now
        if patience.clock() >= until:
            limit = span(int(patience.timeout))
            raise TransactionFailed(
                f"after {limit}, the transaction {hashes[-1]} is {told or 'not known about'}",
                transaction_hash=hashes[-1],
            ) from trouble
        patience.sleep(patience.poll_interval)


def _look(node: Node, hashes: Sequence[str], finality: Finality) -> tuple[Receipt | None, Standing]:
    from colearn_chain.chain import Receipt  # noqa: PLC0415 - imports web3

    found = next((raw for each in hashes if (raw := node.receipt(each)) is not None), None)
    if found is None:
        return None, Standing(None, None, finality)
    receipt = Receipt.from_rpc(found)
    return receipt, Standing(receipt.block_number, _counting(node, finality), finality)


def _counting(node: Node, finality: Finality) -> int | None:
    """The last block that counts, before the first one on a chain that is too young to have any."""
    from colearn_chain.chain.networks import confirmed_block  # noqa: PLC0415 - imports web3

    if isinstance(finality, int):
        return node.block_number() - finality
    try:
        return confirmed_block(node, finality)
    except ChainError:  # a young chain has no final block yet
        return None
