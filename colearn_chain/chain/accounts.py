"""Private keys that sign. A key never shows: not in a repr, not in a log, not in an exception."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from eth_account import Account as EthAccount

from colearn_chain.errors import ConfigError
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eth_account.datastructures import SignedTransaction

_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""How many private keys there are plus one: the order of secp256k1 (SEC 2, version 2, section 2.4.1)."""


class Account:
    """A private key and its address.

    Args:
        private_key: 32 bytes.

    Raises:
        ConfigError: these are not 32 bytes, or no key of secp256k1. The message says nothing of their value.
    """

    def __init__(self, private_key: bytes) -> None:
        if not isinstance(private_key, bytes) or len(private_key) != 32:  # noqa: PLR2004 - a key's size
            raise ConfigError("a private key is 32 bytes")
        if not 0 < int.from_bytes(private_key) < _ORDER:
            raise ConfigError("these 32 bytes are no private key of secp256k1")
        self._signer = EthAccount.from_key(private_key)
        self.address = Address(self._signer.address)

    @classmethod
    def seeded(cls, seed: str | bytes, index: int) -> Account:
        """Return one of the accounts that anybody can derive from a seed.

        For demonstrations and tests on a chain of one's own, and unsafe for anything else: who knows or
        guesses the seed has the key. The key is sha2-256 of a tag, the index and the seed, reduced into
        secp256k1's range.

        Args:
            seed: any text or bytes; text counts as its UTF-8 bytes.
            index: which of the seed's accounts, from 0.
        """
        tail = seed.encode() if isinstance(seed, str) else seed
        hashed = hashlib.sha256(b"colearn-chain seeded account\0%d\0" % index + tail).digest()
        return cls((int.from_bytes(hashed) % (_ORDER - 1) + 1).to_bytes(32))

    def sign_transaction(self, fields: Mapping[str, Any]) -> SignedTransaction:
        """Sign a transaction's fields, as JSON-RPC names them; the signature is deterministic (RFC 6979)."""
        signed: SignedTransaction = self._signer.sign_transaction(dict(fields))
        return signed

    def sign_hash(self, digest: bytes) -> tuple[bytes, bytes]:
        """Sign 32 bytes that are a hash, in the short form of EIP-2098: r, and s with the recovery bit."""
        signed = self._signer.unsafe_sign_hash(digest)
        parity = signed.v - 27
        return signed.r.to_bytes(32), (signed.s | parity << 255).to_bytes(32)

    def __repr__(self) -> str:
        return f"Account({self.address})"
