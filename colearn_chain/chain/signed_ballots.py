"""Ballots that a learner signs and anyone may bring to the chain.

What is signed is typed data (EIP-712), ``Ballot(uint256 round,bytes32 digest,uint8 ballot)``, in the domain
of one contract on one chain. A ballot that is shown for another round, digest, ballot, contract or chain
therefore recovers to an address that is nobody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from eth_abi.abi import encode
from eth_keys import datatypes
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak

from colearn_chain.errors import ConfigError, ProtocolViolation
from colearn_chain.rounds import Ballot
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colearn_chain.chain.accounts import Account
    from colearn_chain.types import Digest, RoundNumber

_DOMAIN_TYPE = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_NAME, _VERSION = keccak(text="colearn-chain"), keccak(text="1")
_BALLOT_TYPE = keccak(text="Ballot(uint256 round,bytes32 digest,uint8 ballot)")

_HALF_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141 // 2
"""Of secp256k1 (SEC 2, version 2, section 2.4.1)."""

_T = TypeVar("_T")


class Signature(NamedTuple):
    """A signature in the short form of EIP-2098; the fields stand in the order of the Solidity struct.

    Attributes:
        r: 32 bytes.
        vs: 32 bytes, s with the recovery bit on top.
    """

    r: bytes
    vs: bytes


class SignedBallot(NamedTuple):
    """A ballot that its learner signed.

    Attributes:
        ballot: the learner's judgement.
        signature: over contract, chain, round, digest and ballot.
    """

    ballot: Ballot
    signature: Signature


def domain_separator_of(chain_id: int, contract: Address) -> bytes:
    """Return the EIP-712 domain of one experiment: the contract's ``domainSeparator``, asked of nobody."""
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    return bytes(keccak(encode(types, [_DOMAIN_TYPE, _NAME, _VERSION, chain_id, contract])))


def ballot_hash(domain_separator: bytes, number: RoundNumber, digest: Digest, ballot: Ballot) -> bytes:
    """Return the 32 bytes that are signed.

    Args:
        domain_separator: the contract's, 32 bytes.
        number: the round.
        digest: what was proposed in it.
        ballot: the learner's judgement.
    """
    message = encode(["bytes32", "uint256", "bytes32", "uint8"], [_BALLOT_TYPE, number, digest, int(ballot)])
    return bytes(keccak(b"\x19\x01" + domain_separator + keccak(message)))


def sign_ballot(
    account: Account, domain_separator: bytes, number: RoundNumber, digest: Digest, ballot: Ballot
) -> SignedBallot:
    """Sign a ballot; the signature is deterministic (RFC 6979). Arguments as for ``ballot_hash``."""
    hashed = ballot_hash(domain_separator, number, digest, ballot)
    return SignedBallot(ballot, Signature(*account.sign_hash(hashed)))


def recover_signer(
    signed: SignedBallot, domain_separator: bytes, number: RoundNumber, digest: Digest
) -> Address | None:
    """Return who signed a ballot if it was signed for this; if not, an address that is nobody's.

    None: nobody can be recovered, or s is in the upper half (EIP-2), as the contract has it.

    Args:
        signed: from anywhere.
        domain_separator: of the experiment that it is shown for, 32 bytes.
        number: the round that it is shown for.
        digest: what was proposed in it.
    """
    parts = _parts(signed.signature)
    if parts is None:
        return None
    hashed = ballot_hash(domain_separator, number, digest, signed.ballot)
    try:
        key = datatypes.Signature(vrs=parts).recover_public_key_from_msg_hash(hashed)
    except BadSignature:
        return None
    return Address(key.to_checksum_address())


def verify_ballot(
    signed: SignedBallot, learner: Address, domain_separator: bytes, number: RoundNumber, digest: Digest
) -> None:
    """Check that a learner signed a ballot for this contract, chain, round and digest.

    Args:
        signed: from anywhere.
        learner: who should have signed it, checksummed.
        domain_separator: the contract's, 32 bytes (``domain_separator_of``).
        number: the round.
        digest: what was proposed in it.

    Raises:
        ProtocolViolation: it is another's, was signed for something else or is malformed; its value is the
            address that was recovered, None if there is none.
    """
    signer = recover_signer(signed, domain_separator, number, digest)
    if signer != learner:
        raise ProtocolViolation(
            f"{learner} did not sign {signed.ballot.name} of 0x{digest.hex()} in round {number} of this "
            f"experiment; the signature recovers to {signer or 'nobody'}",
            subject="signed ballot",
            value=signer,
        )


def by_ballot(ballots: Iterable[tuple[Ballot, _T]]) -> list[list[_T]]:
    """Return what comes with approvals, rejections and unavailables, piled up as the contract takes it.

    Args:
        ballots: each with its signature, such as a ``SignedBallot``, or with its signer.

    Raises:
        ConfigError: a ballot is none of the three.
    """
    piles: dict[Ballot, list[_T]] = {each: [] for each in Ballot if each is not Ballot.NONE}
    for ballot, item in ballots:
        if ballot not in piles:
            raise ConfigError(f"{ballot!r} is no ballot that can be cast")
        piles[ballot].append(item)
    return list(piles.values())


def _parts(signature: Signature) -> tuple[int, int, int] | None:
    """Recovery bit, r and s (EIP-2098); None: these are not 64 bytes, or s is in the upper half (EIP-2)."""
    if len(signature.r) != 32 or len(signature.vs) != 32:  # noqa: PLR2004 - a word's size
        return None
    r, vs = int.from_bytes(signature.r), int.from_bytes(signature.vs)
    s = vs & 2**255 - 1
    return (vs >> 255, r, s) if s <= _HALF_ORDER else None
