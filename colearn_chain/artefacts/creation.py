"""A signed transaction that makes a contract, from its raw bytes alone: who signed it, and what it makes.

Three kinds can make one: legacy transactions with the chain id in their signature (EIP-155), those with an
access list (EIP-2930) and those with a base fee (EIP-1559); blobs (EIP-4844) and delegations (EIP-7702) need
a recipient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from colearn_chain.artefacts import rlp
from colearn_chain.errors import InvalidArtefact, shown
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""The order of secp256k1 (SEC 2, version 2, section 2.4.1); EIP-2 allows s up to half of it."""

MOST_CHAINS = 2**63
"""No chain's id is larger; EIP-2294 asks for less still."""

_FIRST_V = 35
"""A legacy signature's v is 35 + 2 * chain id + parity (EIP-155); 27 and 28 name no chain."""


class _Shape(NamedTuple):
    """Where the fields of one kind of transaction stand; the last three are the signature."""

    size: int
    nonce: int
    to: int
    data: int


_LEGACY = _Shape(size=9, nonce=0, to=3, data=5)
_TYPED: Mapping[int, _Shape] = {
    1: _Shape(size=11, nonce=1, to=4, data=6),
    2: _Shape(size=12, nonce=1, to=5, data=7),
}
_FIRST_OF_LIST = 0xC0

_PUSH32, _IMMUTABLE_BYTES = b"\x7f", 32
"""The instruction that pushes an immutable, and how many bytes follow it: zeros in initcode."""

_INVALID, _MEMORY_BEGINS = b"\xfe", b"\x60\x80"
"""INVALID (EIP-141), and PUSH1 0x80 (Solidity's documentation, "Layout in Memory")."""


@dataclass(frozen=True, kw_only=True)
class Creation:
    """A transaction that makes a contract.

    Attributes:
        chain_id: the chain that it was signed for (EIP-155).
        hash: its own, 32 bytes: keccak-256 of its raw bytes.
        sender: who signed it.
        nonce: how many transactions the sender had sent before.
        data: initcode and constructor arguments.
    """

    chain_id: int
    hash: bytes
    sender: Address
    nonce: int
    data: bytes

    @property
    def contract(self) -> Address:
        """The address of the contract that it makes."""
        return contract_address(self.sender, self.nonce)


def contract_address(sender: Address, nonce: int) -> Address:
    """The address of the contract that a transaction makes (Yellow Paper, section 7).

    Args:
        sender: who signs it.
        nonce: how many transactions the sender has sent before.
    """
    made_by = rlp.encode([bytes.fromhex(sender[2:]), rlp.from_integer(nonce)])
    return _address(_keccak(made_by)[12:])


def read_creation(raw: bytes) -> Creation:
    """Read a raw signed transaction.

    Raises:
        InvalidArtefact: it is none of the three kinds, not in its one form, has a recipient or a signature
            that names no chain or fits nobody.
    """
    try:
        return _read(raw)
    except ValueError as error:
        raise InvalidArtefact(
            f"the card's transaction: {shown(error)}", subject="transaction", value=raw
        ) from error


def is_made_by(code: bytes, initcode: bytes) -> bool:
    """Whether a contract's code is what initcode of Solidity's makes, whatever its immutables are.

    Such initcode ends with the code that it returns, with zeros in the place of immutables; before it stands
    an INVALID, which nothing runs into, and it begins with the first address that memory is used from.
    """
    start = initcode.find(_INVALID + _MEMORY_BEGINS) + len(_INVALID)
    parts = (re.escape(part) for part in initcode[start:].split(_PUSH32 + bytes(_IMMUTABLE_BYTES)))
    filled = (_PUSH32 + b".{%d}" % _IMMUTABLE_BYTES).join(parts)
    return start > 0 and re.fullmatch(filled, code, re.DOTALL) is not None


def _read(raw: bytes) -> Creation:
    kind = raw[:1]
    is_legacy = kind >= bytes([_FIRST_OF_LIST])
    shape = _LEGACY if is_legacy else _TYPED.get(int.from_bytes(kind))
    if shape is None:
        raise ValueError(f"type {kind.hex() or 'none'} makes no contract")
    fields = rlp.decode(raw if is_legacy else raw[1:])
    if not isinstance(fields, list) or len(fields) != shape.size:
        raise ValueError(f"no list of {shape.size} fields")
    if fields[shape.to] != b"":
        raise ValueError("it has a recipient (`to`), so it makes no contract")
    data = fields[shape.data]
    if not isinstance(data, bytes):
        raise ValueError("its data are a list")  # noqa: TRY004 - about a stranger's bytes, not an argument
    chain_id, parity, signed = _legacy(fields) if is_legacy else _typed(kind, fields)
    if not 0 < chain_id < MOST_CHAINS:
        raise ValueError("its signature names no chain (EIP-155)")
    return Creation(
        chain_id=chain_id,
        hash=_keccak(raw),
        sender=_signer(_keccak(signed), parity, rlp.to_integer(fields[-2]), rlp.to_integer(fields[-1])),
        nonce=rlp.to_integer(fields[shape.nonce]),
        data=data,
    )


def _legacy(fields: list[rlp.Item]) -> tuple[int, int, bytes]:
    """Chain id, the signature's parity, and what was signed."""
    chain_id, parity = divmod(rlp.to_integer(fields[-3]) - _FIRST_V, 2)
    if chain_id < 1:
        raise ValueError("its signature names no chain (EIP-155), so it is valid on every chain")
    return chain_id, parity, rlp.encode([*fields[:-3], rlp.from_integer(chain_id), b"", b""])


def _typed(kind: bytes, fields: list[rlp.Item]) -> tuple[int, int, bytes]:
    chain_id = rlp.to_integer(fields[0])
    return chain_id, rlp.to_integer(fields[-3]), kind + rlp.encode(fields[:-3])


def _signer(signed: bytes, parity: int, r: int, s: int) -> Address:
    from eth_keys.datatypes import Signature  # noqa: PLC0415 - takes 0.15 s of CPU
    from eth_keys.exceptions import BadSignature  # noqa: PLC0415 - likewise

    if parity > 1 or not 0 < r < _ORDER or not 0 < s <= _ORDER // 2:
        raise ValueError("no chain takes its signature: parity, r or s is out of range (EIP-2)")
    try:
        key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(signed)
    except BadSignature as error:
        raise ValueError("its signature fits nobody") from error
    return _address(key.to_canonical_address())


def _keccak(data: bytes) -> bytes:
    from eth_utils.crypto import keccak  # noqa: PLC0415 - takes 0.1 s of CPU

    return bytes(keccak(data))


def _address(raw: bytes) -> Address:
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - likewise

    return Address(to_checksum_address(raw))
