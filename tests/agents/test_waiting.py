"""Waiting for a transaction to count: bounded by a clock, told of, and undisturbed by nodes that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from colearn_agents.experiments.waiting import Standing, await_counted
from colearn_chain.chain import Node, Patience, Sender, embedded_chain
from colearn_chain.errors import ChainError, TransactionFailed
from colearn_chain.testing.chain import Fault, FaultyProvider, HandClock
from colearn_chain.testing.experiments import ACCOUNTS

if TYPE_CHECKING:
    from colearn_chain.chain import EmbeddedChain, Receipt
    from colearn_chain.chain.networks import Finality

RECEIPT, NUMBER, BLOCK = "eth_getTransactionReceipt", "eth_blockNumber", "eth_getBlockByNumber"
UNKNOWN = "0x" + 64 * "1"


class Wait:
    """One mined transaction, a wire that can fail, and a clock that mines a block with every nap."""

    def __init__(self) -> None:
        self.chain: EmbeddedChain = embedded_chain([account.address for account in ACCOUNTS])
        self.wire = FaultyProvider(self.chain.web3.provider)
        self.node = Node(Web3(self.wire))
        self.clock = HandClock()
        self.mined = Sender(self.chain.node, ACCOUNTS[0]).send(ACCOUNTS[1].address, b"")
        self.told: list[str] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass, and a block come."""
        self.clock.sleep(seconds)
        self.chain.advance_by(1)

    def until_counted(self, finality: Finality, *hashes: str, **options: Any) -> Receipt:
        """Wait for the mined transaction, or for others."""
        return await_counted(
            self.node,
            hashes or [self.mined.transaction_hash],
            finality,
            patience=Patience(timeout=10, poll_interval=1, clock=self.clock, sleep=self.sleep),
            tell=self.told.append,
            **options,
        )


@pytest.fixture
def wait() -> Wait:
    """Give a test a transaction of its own to wait for."""
    return Wait()


def test_what_is_mined_counts_at_once_on_a_local_chain(wait: Wait) -> None:
    """No nap, nothing told, and the receipt is the one of the transaction, whichever rival it was."""
    receipt = wait.until_counted(0, UNKNOWN, wait.mined.transaction_hash)
    assert (receipt, wait.clock.naps, wait.told) == (wait.mined, [], [])


def test_blocks_on_top_are_counted_and_told(wait: Wait) -> None:
    """It ends with the block that completes them, and not before."""
    wait.until_counted(3)
    block = wait.mined.block_number
    assert wait.told == [f"mined in block {block}, {above} of 3 blocks on top" for above in range(3)]
    assert wait.chain.node.block_number() == block + 3


def test_the_chains_own_finality(wait: Wait) -> None:
    """A block counts once the chain calls it final; a young chain that has no such block is waited for."""
    block, header = wait.mined.block_number, wait.chain.node.block(0)
    wait.wire.answer(BLOCK, None, header, {**header, "number": hex(block)})
    wait.until_counted("finalized")
    assert wait.told == [
        f"mined in block {block}; finalized is nothing yet",
        f"mined in block {block}; finalized is the chain up to block 0",
    ]
    assert len(wait.clock.naps) == 2


def test_a_node_that_fails_is_waited_for(wait: Wait) -> None:
    """Neither a lost answer nor nonsense ends the wait."""
    wait.wire.inject(RECEIPT, Fault.UNREACHABLE, Fault.TIMEOUT)
    wait.wire.answer(RECEIPT, {"blockNumber": "0x1"})
    assert wait.until_counted(0) == wait.mined
    assert len(wait.clock.naps) == 3


def test_a_wait_without_end_ends(wait: Wait) -> None:
    """The sentence says for how long, for what, and how far it came."""
    with pytest.raises(TransactionFailed, match=rf"after 10 seconds, the transaction {UNKNOWN} is not mined"):
        wait.until_counted(0, UNKNOWN)
    assert sum(wait.clock.naps) == 10
    wait.wire.inject(RECEIPT, *[Fault.UNREACHABLE] * 20)
    with pytest.raises(TransactionFailed, match="is not known about") as failed:
        wait.until_counted(0)
    assert isinstance(failed.value.__cause__, ChainError)


def test_a_block_that_was_reorganised_away(wait: Wait) -> None:
    """What is mined no longer does not count; it is sent again, and counts where it is mined anew."""
    wait.wire.answer(RECEIPT, wait.node.receipt(wait.mined.transaction_hash), None)
    pushed: list[int] = []

    def push() -> str:
        pushed.append(1)
        return "already known"

    wait.until_counted(2, push=push)
    assert pushed == [1]
    assert wait.told[1] == "not mined yet; the node says: already known"


def test_what_is_sent_again_may_fail_for_a_while_or_for_good(wait: Wait) -> None:
    """A node that is away is waited for; a transaction that can never be mined is not."""
    answers = [ChainError("away"), TransactionFailed("gone", transaction_hash=UNKNOWN)]

    def push() -> str:
        raise answers.pop(0)

    with pytest.raises(TransactionFailed, match="gone"):
        wait.until_counted(0, UNKNOWN, push=push)
    assert len(wait.clock.naps) == 1


def test_an_interrupt_passes_through(wait: Wait) -> None:
    """Nothing is swallowed, so that the caller can say what is known."""

    def push() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait.until_counted(0, UNKNOWN, push=push)


@pytest.mark.parametrize(
    ("standing", "counts", "words"),
    [
        (Standing(None, None, 3), False, "not mined yet"),
        (Standing(7, 6, 3), False, "mined in block 7, 2 of 3 blocks on top"),
        (Standing(7, 7, 3), True, "mined in block 7, 3 of 3 blocks on top"),
        (Standing(1, -1, 3), False, "mined in block 1, 1 of 3 blocks on top"),
        (Standing(7, 6, 1), False, "mined in block 7, 0 of 1 block on top"),
        (Standing(7, 2, "safe"), False, "mined in block 7; safe is the chain up to block 2"),
        (Standing(7, None, "safe"), False, "mined in block 7; safe is nothing yet"),
    ],
)
def test_how_far_it_has_come(standing: Standing, counts: bool, words: str) -> None:  # noqa: FBT001 - expected
    """In words, and whether there is anything left to wait for."""
    assert (standing.counts, str(standing)) == (counts, words)
