"""A contract's bytecode in an EVM with state and a clock, but without signatures, fees and blocks.

What a contract decides depends on none of these, and a call without them takes a tenth of the time.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, NamedTuple

from eth_utils.address import to_canonical_address, to_checksum_address

from colearn_chain.chain.recursion import recursion_limit_kept
from colearn_chain.types import Address

with recursion_limit_kept():
    from eth.constants import CREATE_CONTRACT_ADDRESS
    from eth.vm.message import Message
    from eth_tester.backends.pyevm.main import PyEVMBackend

if TYPE_CHECKING:
    from eth.abc import ComputationAPI, MiningChainAPI, VirtualMachineAPI

GAS = 30_000_000
"""For one call: as much as a block had before the forks that the contract is compiled for."""

_addresses = itertools.count(0xC0_0000)


class Reverted(Exception):
    """The contract refused a call; nothing was changed.

    Attributes:
        data: what it reverted with; no bytes: without a reason.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__("0x" + data.hex())
        self.data = data


class Outcome(NamedTuple):
    """What became of a call that was not refused.

    Attributes:
        answer: what it returned.
        logs: topics and data of each event, in order.
    """

    answer: bytes
    logs: tuple[tuple[list[bytes], bytes], ...]


class BareContract:
    """A contract, deployed at an address of its own.

    Args:
        initcode: with the constructor's arguments appended.
        sender: who deploys.

    Attributes:
        address: the contract's.
        chain_id: the EVM's.

    Raises:
        Reverted: the constructor refuses.
    """

    def __init__(self, initcode: bytes, sender: Address) -> None:
        self._place = to_canonical_address(next(_addresses).to_bytes(20, "big"))
        self.address = Address(to_checksum_address(self._place))
        self.chain_id: int = _machine().state.execution_context.chain_id
        creation = Message(
            GAS,
            CREATE_CONTRACT_ADDRESS,
            to_canonical_address(sender),
            0,
            b"",
            initcode,
            create_address=self._place,
        )
        self._code = _applied(creation, 0).output

    def call(self, sender: Address, now: int, data: bytes) -> bytes:
        """Call the contract in a block of time ``now``, in seconds since 1970.

        Raises:
            Reverted: it refuses.
        """
        return self.tell(sender, now, data).answer

    def tell(self, sender: Address, now: int, data: bytes) -> Outcome:
        """Call the contract, and listen for its events as well.

        Raises:
            Reverted: it refuses.
        """
        message = Message(GAS, self._place, to_canonical_address(sender), 0, data, self._code)
        computation = _applied(message, now)
        entries = computation.get_log_entries()
        logs = (([topic.to_bytes(32) for topic in topics], bytes(told)) for _, topics, told in entries)
        return Outcome(computation.output, tuple(logs))


@functools.cache
def _machine() -> VirtualMachineAPI:
    chain: MiningChainAPI = PyEVMBackend().chain
    return chain.get_vm()


def _applied(message: Message, now: int) -> ComputationAPI:
    """What became of the message; its effects stay, unless it reverts."""
    state = _machine().state
    # py-evm has no door for it
    state.execution_context._timestamp = now  # type: ignore[attr-defined] # noqa: SLF001
    context = state.get_transaction_context_class()(gas_price=0, origin=message.sender)
    apply = (
        state.computation_class.apply_create_message
        if message.is_create
        else state.computation_class.apply_message
    )
    computation: ComputationAPI = apply(state, message, context)
    state.clear_transient_storage()
    if computation.is_error:
        raise Reverted(computation.output)
    return computation
