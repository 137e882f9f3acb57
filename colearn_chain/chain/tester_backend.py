"""py-evm behind eth-tester, without wall clock and randomness, and with estimates that run once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eth_utils.conversions import to_bytes

from colearn_chain.chain.recursion import recursion_limit_kept

with recursion_limit_kept():
    from eth.exceptions import Revert
    from eth.vm.spoof import SpoofTransaction
    from eth_tester import EthereumTester
    from eth_tester.backends.pyevm import PyEVMBackend
    from eth_tester.exceptions import TransactionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colearn_chain.types import Address

NOBODYS = bytes(20)


class SteppingBackend(PyEVMBackend):  # type: ignore[misc]
    """A backend whose blocks follow each other by one second, whatever the time is outside."""

    def mine_blocks(self, num_blocks: int = 1, coinbase: bytes = NOBODYS) -> tuple[bytes, ...]:
        """Mine what is pending, and empty blocks after it; return their hashes."""
        return tuple(self._mine(coinbase) for _ in range(num_blocks))

    def _mine(self, coinbase: bytes) -> bytes:
        block = self.chain.mine_block(coinbase=coinbase, mix_hash=bytes(32), blob_gas_used=0)
        self.step()
        return bytes(block.hash)

    def step(self) -> None:
        """Let the pending block's time be one second after the latest one's; py-evm sets the wall clock's."""
        self.chain.set_header_timestamp(self.chain.get_canonical_head().timestamp + 1)

    def estimate_gas(self, transaction: dict[str, Any], block_number: str = "latest") -> int:
        """Run a transaction once, in the pending block and for free; return the gas it took before refunds.

        py-evm runs it a dozen times instead, at the wall clock's time, to find the least gas limit. That
        matters to a contract which hands part of its gas on to another one; ours calls nobody.
        """
        free = {"gas": 0, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0}
        state = self.chain.get_vm(self.chain.header.copy(base_fee_per_gas=0)).state
        nonce = state.get_nonce(transaction["from"])  # after what is pending
        fields = transaction | free | {"nonce": nonce}
        unsigned = self._get_normalized_and_unsigned_evm_transaction(fields, block_number)
        spoofed = SpoofTransaction(unsigned, from_=transaction["from"], gas=state.gas_limit)
        computation = state.apply_transaction(spoofed)
        if isinstance(computation.is_error and computation.error, Revert):
            raise TransactionFailed(computation.error)
        computation.raise_if_error()
        return int(unsigned.intrinsic_gas + computation.get_gas_used())


def tester(funded: Mapping[Address, int], *, genesis_time: int, gas_limit: int) -> EthereumTester:
    """Start a chain.

    Args:
        funded: who owns how many wei from the beginning.
        genesis_time: time of the first block, in seconds since 1970.
        gas_limit: of each block.
    """
    backend = SteppingBackend(
        genesis_parameters=PyEVMBackend.generate_genesis_params(
            {"timestamp": genesis_time, "gas_limit": gas_limit}
        ),
        genesis_state={
            to_bytes(hexstr=address): {"balance": wei, "nonce": 0, "code": b"", "storage": {}}
            for address, wei in funded.items()
        },
    )
    backend.step()
    return EthereumTester(backend)
