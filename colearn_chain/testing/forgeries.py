"""Signatures as somebody may send them who wants to be counted without being entitled to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth_keys.datatypes import PrivateKey

from colearn_chain.chain.signed_ballots import Signature, SignedBallot

if TYPE_CHECKING:
    from random import Random

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of secp256k1 (SEC 2, version 2, section 2.4.1)."""

HIGHEST_LOW = ORDER // 2
"""The largest s that counts (EIP-2)."""


def point(factor: int) -> tuple[int, int]:
    """The curve's generator times a factor: x below its order, as r has it, and the parity of y."""
    public = PrivateKey(factor.to_bytes(32)).public_key.to_bytes()
    return int.from_bytes(public[:32]) % ORDER, public[63] & 1


def short_form(r: int, s: int, parity: int) -> Signature:
    """The form of EIP-2098, whatever the values are; s of 256 bits loses its highest bit."""
    return Signature(r.to_bytes(32), (s & 2**255 - 1 | parity << 255).to_bytes(32))


def other_parity(signed: SignedBallot) -> SignedBallot:
    """With the recovery bit flipped: the signature of nobody's key."""
    r, vs = signed.signature
    return SignedBallot(signed.ballot, Signature(r, bytes([vs[0] ^ 0x80]) + vs[1:]))


def malleated(signed: SignedBallot) -> SignedBallot:
    """The other form of a signature: order - s for s, and the other recovery bit.

    It recovers to the same key wherever it is not refused and order - s fits into 255 bits.
    """
    r, vs = (int.from_bytes(part) for part in signed.signature)
    return SignedBallot(signed.ballot, short_form(r, ORDER - (vs & 2**255 - 1), 1 - (vs >> 255)))


def key_that_signs(hashed: bytes, factor: int, s: int) -> int:
    """The private key whose signature of ``hashed`` with nonce ``factor`` has this s.

    It solves s = (hashed + r * key) / factor (SEC 1, version 2, section 4.1.3): nobody can choose the s of a
    given key, but anybody can choose a key.
    """
    r, _ = point(factor)
    return (s * factor - int.from_bytes(hashed)) * pow(r, -1, ORDER) % ORDER


def infinite(hashed: bytes, factor: int) -> Signature:
    """A signature of ``hashed`` that every check of ranges lets through, and whose key is no point at all."""
    r, parity = point(factor)
    s = int.from_bytes(hashed) * pow(factor, -1, ORDER) % ORDER
    return short_form(r, s, parity) if s <= HIGHEST_LOW else short_form(r, ORDER - s, 1 - parity)


def garbage(chance: Random) -> Signature:
    """Two words that are no signature, or that recover to nobody's key."""
    anything = chance.randrange(1, HIGHEST_LOW)
    r = chance.choice([0, 1, ORDER - 1, ORDER, 2**256 - 1, chance.getrandbits(256), point(anything)[0]])
    too_high = chance.randrange(HIGHEST_LOW + 1, 2**255)
    s = chance.choice([0, 1, HIGHEST_LOW, HIGHEST_LOW + 1, 2**255 - 1, too_high, anything])
    return short_form(r, s, chance.getrandbits(1))
