"""Signing a ballot, and telling whose it is and for what: without a node, and as the contract tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from eth_account import Account as Wallet
from eth_account.messages import defunct_hash_message
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.chain import Account, SignedBallot, sign_ballot
from colearn_chain.chain.signed_ballots import (
    Signature,
    ballot_hash,
    by_ballot,
    domain_separator_of,
    recover_signer,
    verify_ballot,
)
from colearn_chain.errors import ConfigError, ProtocolViolation
from colearn_chain.rounds import Ballot
from colearn_chain.testing.forgeries import (
    HIGHEST_LOW,
    ORDER,
    infinite,
    key_that_signs,
    malleated,
    other_parity,
    point,
    short_form,
)
from colearn_chain.types import Address, Digest, RoundNumber

if TYPE_CHECKING:
    from colearn_chain.testing.experiments import World

CHAIN, CONTRACT, ELSEWHERE = 31_337, Address("0x" + "12" * 20), Address("0x" + "34" * 20)
HERE = domain_separator_of(CHAIN, CONTRACT)
ONE, TWO = RoundNumber(1), RoundNumber(2)
MODEL, OTHER = Digest(bytes([9]) * 32), Digest(bytes([8]) * 32)
ANN, MALLORY = Account.seeded("signed ballots", 0), Account.seeded("signed ballots", 1)
APPROVAL = sign_ballot(ANN, HERE, ONE, MODEL, Ballot.APPROVE)

castable = st.sampled_from([Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE])
numbers = st.integers(0, 2**256 - 1).map(RoundNumber)
digests = st.binary(min_size=32, max_size=32).map(Digest)


def refused(signed: SignedBallot, domain: bytes = HERE) -> Address | None:
    """Who it was that signed a ballot that is not Ann's on this model in round 1."""
    with pytest.raises(ProtocolViolation, match="did not sign") as caught:
        verify_ballot(signed, ANN.address, domain, ONE, MODEL)
    assert caught.value.subject == "signed ballot"
    value = caught.value.value
    assert value is None or isinstance(value, str)
    return None if value is None else Address(value)


# what is signed


@given(numbers, digests, castable)
def test_a_wallet_signs_the_same(number: RoundNumber, digest: Digest, ballot: Ballot) -> None:
    """It is EIP-712 as any wallet has it, so a learner can keep its key in one."""
    key = bytes([5]) * 32
    by_wallet = Wallet.sign_typed_data(
        key,
        domain_data={
            "name": "colearn-chain",
            "version": "1",
            "chainId": CHAIN,
            "verifyingContract": CONTRACT,
        },
        message_types={
            "Ballot": [
                {"name": "round", "type": "uint256"},
                {"name": "digest", "type": "bytes32"},
                {"name": "ballot", "type": "uint8"},
            ]
        },
        message_data={"round": number, "digest": digest, "ballot": int(ballot)},
    )
    assert by_wallet.message_hash == ballot_hash(HERE, number, digest, ballot)
    signed = sign_ballot(Account(key), HERE, number, digest, ballot)
    assert signed.signature == short_form(by_wallet.r, by_wallet.s, by_wallet.v - 27)


def test_the_domain_is_the_contracts(world: World) -> None:
    """Nobody has to be asked what to sign for: chain and address are enough."""
    contract = world.contract
    assert domain_separator_of(contract.chain_id, contract.address) == contract.domain_separator()
    assert world.deploy().domain_separator() != contract.domain_separator()


def test_a_signature_has_the_short_form() -> None:
    """The second of EIP-2098's test cases: s with the recovery bit on top."""
    account = Account(bytes.fromhex("1234567890" * 6 + "1234"))
    r, vs = account.sign_hash(bytes(defunct_hash_message(text="It's a small(er) world")))
    assert r.hex() == "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76"
    assert vs.hex() == "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793"


# whose it is


@given(numbers, digests, castable)
def test_a_ballot_recovers_to_its_learner(number: RoundNumber, digest: Digest, ballot: Ballot) -> None:
    """Whatever it says, it is its signer's."""
    signed = sign_ballot(ANN, HERE, number, digest, ballot)
    assert recover_signer(signed, HERE, number, digest) == ANN.address
    verify_ballot(signed, ANN.address, HERE, number, digest)


@pytest.mark.parametrize(
    ("domain", "number", "digest"),
    [
        (domain_separator_of(CHAIN, ELSEWHERE), ONE, MODEL),
        (domain_separator_of(CHAIN + 1, CONTRACT), ONE, MODEL),
        (HERE, TWO, MODEL),
        (HERE, ONE, OTHER),
    ],
    ids=["experiment", "chain", "round", "digest"],
)
def test_a_ballot_for_another(domain: bytes, number: RoundNumber, digest: Digest) -> None:
    """It was signed for something else, and recovers to nobody that anyone knows."""
    foreign = sign_ballot(ANN, domain, number, digest, Ballot.APPROVE)
    assert refused(foreign) not in {ANN.address, MALLORY.address}
    verify_ballot(foreign, ANN.address, domain, number, digest)


def test_an_approval_passed_off_as_a_rejection() -> None:
    """What it says is signed too."""
    assert refused(SignedBallot(Ballot.REJECT, APPROVAL.signature)) != ANN.address


def test_a_ballot_of_mallory_in_the_name_of_ann() -> None:
    """The error says whose it is."""
    assert refused(sign_ballot(MALLORY, HERE, ONE, MODEL, Ballot.APPROVE)) == MALLORY.address


# what is no signature


def test_the_other_recovery_bit() -> None:
    """It leads to another key."""
    assert refused(other_parity(APPROVAL)) != ANN.address


@pytest.mark.parametrize(
    "signature",
    [
        Signature(bytes(32), APPROVAL.signature.vs),
        Signature(ORDER.to_bytes(32), APPROVAL.signature.vs),
        Signature(bytes([255]) * 32, APPROVAL.signature.vs),
        Signature(APPROVAL.signature.r, bytes(32)),
        Signature(APPROVAL.signature.r, (HIGHEST_LOW + 1).to_bytes(32)),
        Signature(APPROVAL.signature.r, bytes([255]) * 32),
        Signature(b"\0" * 31 + b"\5", APPROVAL.signature.vs),
        Signature(b"\0" + APPROVAL.signature.r, APPROVAL.signature.vs),
        Signature(APPROVAL.signature.r, APPROVAL.signature.vs + b"\0"),
        Signature(b"", b""),
        infinite(ballot_hash(HERE, ONE, MODEL, Ballot.APPROVE), 77),
    ],
    ids=[
        "r = 0",
        "r = order",
        "r too large",
        "s = 0",
        "s too large by one",
        "s too large",
        "r on no curve",
        "r too long",
        "s too long",
        "empty",
        "a key at infinity",
    ],
)
def test_words_that_are_no_signature(signature: Signature) -> None:
    """Nobody is recovered from them, and nothing else is raised."""
    assert refused(SignedBallot(Ballot.APPROVE, signature)) is None


def test_the_other_form_of_a_good_signature() -> None:
    """Of the two forms that recover to one key only the lower counts (EIP-2), or a ballot would have two."""
    hashed, factor, low = ballot_hash(HERE, ONE, MODEL, Ballot.APPROVE), 77, ORDER - 2**255 + 1
    key = key_that_signs(hashed, factor, low)
    eve = Account(key.to_bytes(32))
    r, parity = point(factor)
    good = SignedBallot(Ballot.APPROVE, short_form(r, low, parity))
    verify_ballot(good, eve.address, HERE, ONE, MODEL)
    assert int.from_bytes(malleated(good).signature.vs) % 2**255 == ORDER - low
    assert recover_signer(malleated(good), HERE, ONE, MODEL) is None


@given(st.binary(max_size=33), st.binary(max_size=33), castable)
def test_any_bytes_at_all(r: bytes, vs: bytes, ballot: Ballot) -> None:
    """Strangers' bytes recover to somebody unknown, or to nobody."""
    assert refused(SignedBallot(ballot, Signature(r, vs))) != ANN.address


# batches


@given(st.lists(st.tuples(castable, st.integers())))
def test_piles_lose_nothing(ballots: list[tuple[Ballot, int]]) -> None:
    """Under approvals, rejections and unavailables, each in the order in which they came."""
    piles = by_ballot(ballots)
    assert piles == [[item for each, item in ballots if each == kind] for kind in (1, 2, 3)]


def test_a_pile_of_no_ballots() -> None:
    """NONE is no ballot that anyone can cast."""
    with pytest.raises(ConfigError, match="NONE"):
        by_ballot([(Ballot.NONE, 1)])
