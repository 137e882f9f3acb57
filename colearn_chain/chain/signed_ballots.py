"""Ballots that a learner signs and anyone may bring to the chain."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from eth_abi.abi import encode
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from colearn_chain.chain.accounts import Account
    from colearn_chain.rounds import Ballot
    from colearn_chain.types import Digest, RoundNumber

_TYPE_HASH = keccak(text="Ballot(uint256 round,bytes32 digest,uint8 ballot)")


class Skip(IntEnum):
    """Why a signed ballot in a batch was not counted."""

    INVALID_BALLOT = 0
    BAD_SIGNATURE = 1
    NOT_MEMBER = 2
    NO_BALLOT = 3
    """The signer is the proposer, whose ballot does not count."""
    ALREADY_VOTED = 4


class SignedBallot(NamedTuple):
    """A ballot and its signature; the fields stand in the order of the Solidity struct ``SignedBallot``.

    Attributes:
        ballot: the ballot, as the contract numbers it.
        r: 32 bytes of the signature.
        vs: its other 32 bytes, s with the recovery bit on top (EIP-2098).
    """

    ballot: int
    r: bytes
    vs: bytes


def sign_ballot(
    account: Account, domain_separator: bytes, number: RoundNumber, digest: Digest, ballot: Ballot
) -> SignedBallot:
    """Sign a ballot as typed data (EIP-712); the signature is deterministic (RFC 6979).

    Args:
        account: the learner's.
        domain_separator: the contract's, 32 bytes.
        number: the round.
        digest: what was proposed in it.
        ballot: the learner's judgement.
    """
    message = encode(["bytes32", "uint256", "bytes32", "uint8"], [_TYPE_HASH, number, digest, int(ballot)])
    r, vs = account.sign_hash(keccak(b"\x19\x01" + domain_separator + keccak(message)))
    return SignedBallot(ballot=int(ballot), r=r, vs=vs)
