"""eth-tester on the wall clock: transactions wait for the next block, which bears the time it is made at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from eth_utils.conversions import to_bytes

from colearn_chain.chain.recursion import recursion_limit_kept
from colearn_chain.chain.tester_backend import SteppingBackend

with recursion_limit_kept():
    from eth_tester import EthereumTester
    from eth_tester.backends.pyevm import PyEVMBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colearn_chain.types import Address

    Clock = Callable[[], float]


class ClockBackend(SteppingBackend):
    """A backend that is told to mine every so many seconds.

    py-evm runs a transaction when it arrives, in a pending block whose time is already set. So that time is
    the one at which that block will be mined.
    """

    block_time = 1
    clock: Clock = staticmethod(time.time)

    def step(self) -> None:
        """Let the pending block's time be one block time from now, and after the latest one's."""
        head = self.chain.get_canonical_head().timestamp
        self.chain.set_header_timestamp(max(head + 1, round(self.clock()) + self.block_time))


class IntervalTester(EthereumTester):  # type: ignore[misc]
    """eth-tester whose transactions go into the pending block and stay there until it is mined."""

    def send_raw_transaction(self, raw_transaction_hex: str) -> Any:
        """Run a signed transaction in the pending block; eth-tester's own would mine it at once."""
        return EthereumTester.send_raw_transaction.__wrapped__(self, raw_transaction_hex)


def interval_tester(
    funded: Mapping[Address, int], *, block_time: int, gas_limit: int, clock: Clock = time.time
) -> IntervalTester:
    """Start a chain; it moves only when ``mine_block`` is called.

    Args:
        funded: who owns how many wei from the beginning.
        block_time: seconds from one call of ``mine_block`` to the next.
        gas_limit: of each block.
        clock: returns seconds since 1970.
    """
    genesis = {"timestamp": round(clock()), "gas_limit": gas_limit}
    backend = ClockBackend(
        genesis_parameters=PyEVMBackend.generate_genesis_params(genesis),
        genesis_state={
            to_bytes(hexstr=address): {"balance": wei, "nonce": 0, "code": b"", "storage": {}}
            for address, wei in funded.items()
        },
    )
    backend.block_time, backend.clock = block_time, clock
    backend.step()
    return IntervalTester(backend)
