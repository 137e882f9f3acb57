"""What the contract answers when it refuses: its custom errors, read from the bytes that a node passes on.

Nodes wrap these bytes in different ways; :mod:`colearn_chain.chain.node` finds them. Here they become
:class:`~colearn_chain.errors.ContractReverted`, which carries the error's name and values.
"""

from __future__ import annotations

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from colearn_chain.chain.abi import experiment_interface
from colearn_chain.errors import ContractReverted

# What Solidity itself reverts with, by selector:
# https://docs.soliditylang.org/en/latest/control-structures.html
_BUILT_IN = {
    bytes.fromhex("08c379a0"): ("Error", "string", "message"),
    bytes.fromhex("4e487b71"): ("Panic", "uint256", "code"),
}


def contract_reverted(data: bytes) -> ContractReverted:
    """Name a revert.

    Args:
        data: what the contract reverted with: a selector of 4 bytes and the arguments.

    Returns:
        The exception, to be raised by the caller: the custom error with its values; Solidity's
        ``Error(message)`` or ``Panic(code)``; without a name, and with the bytes as ``data``, when it is none
        of them.
    """
    known = experiment_interface().decode_error(data) or _built_in(data)
    if known is not None:
        return ContractReverted(*known)
    return ContractReverted("", {"data": data} if data else {})


def _built_in(data: bytes) -> tuple[str, dict[str, object]] | None:
    name, kind, value = _BUILT_IN.get(data[:4], (None, "", ""))
    if name is None:
        return None
    try:
        return name, {value: decode([kind], data[4:])[0]}
    except (DecodingError, UnicodeDecodeError):
        return None
