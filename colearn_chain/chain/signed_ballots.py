"""Ballots that a learner signs and anyone may bring to the chain."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Ballot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colearn_chain.chain.accounts import Account
    from colearn_chain.types import Digest, RoundNumber

_TYPE_HASH = keccak(text="Ballot(uint256 round,bytes32 digest,uint8 ballot)")


class Skip(IntEnum):
    """Why a signed ballot in a batch was not counted."""

    BAD_SIGNATURE = 0
    NOT_MEMBER = 1
    NO_BALLOT = 2
    """The signer is the proposer, whose ballot does not count."""
    ALREADY_VOTED = 3


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
    hashed = keccak(b"\x19\x01" + domain_separator + keccak(message))
    return SignedBallot(ballot, Signature(*account.sign_hash(hashed)))


def by_ballot(signed: Iterable[SignedBallot]) -> list[list[Signature]]:
    """Return the signatures under approvals, rejections and unavailables, as the contract takes them.

    Raises:
        ConfigError: a ballot is none of the three.
    """
    piles: dict[Ballot, list[Signature]] = {each: [] for each in Ballot if each is not Ballot.NONE}
    for ballot, signature in signed:
        if ballot not in piles:
            raise ConfigError(f"{ballot!r} is no ballot that can be cast")
        piles[ballot].append(signature)
    return list(piles.values())
