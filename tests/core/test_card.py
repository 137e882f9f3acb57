"""Cards: what follows from a signed transaction alone, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account as EthAccount
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.artefacts import Card, Release, Sighting, rlp
from colearn_chain.artefacts.creation import is_made_by, read_creation
from colearn_chain.chain.accounts import Account
from colearn_chain.errors import InvalidArtefact
from colearn_chain.testing.cards import (
    BLOCK_HASH,
    BLOCK_NUMBER,
    CHAIN_ID,
    INITCODE,
    RELEASE,
    RUNTIME,
    card_for,
    constructor_arguments,
    signed_transaction,
)
from colearn_chain.types import NO_DIGEST, Address, Digest

if TYPE_CHECKING:
    from colearn_chain.artefacts import Deployment
    from colearn_chain.rounds import Rules

SPEC = Digest(b"\x01" * 32)
LEGACY: dict[str, Any] = {"maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 10}
WITH_ACCESS_LIST: dict[str, Any] = {
    **LEGACY,
    "accessList": [{"address": "0x" + "11" * 20, "storageKeys": ["0x" + "22" * 32]}],
}


@pytest.fixture
def data(rules: Rules) -> bytes:
    """What a deployment carries."""
    return INITCODE + constructor_arguments(rules, SPEC)


@pytest.fixture
def card(rules: Rules) -> Card:
    """An honest card."""
    return card_for(rules, SPEC)


def card_of(raw: bytes) -> Card:
    """The card that somebody writes for a raw transaction, whatever that is."""
    block = {"number": BLOCK_NUMBER, "hash": "0x" + BLOCK_HASH.hex()}
    document = {"chain_id": CHAIN_ID, "transaction": "0x" + raw.hex(), "block": block}
    return Card.model_validate_json(json.dumps(document))


def complaint(card: Card, *releases: Release) -> str:
    """Why a card is refused."""
    with pytest.raises(InvalidArtefact) as caught:
        card.deployment(releases or (RELEASE,))
    return str(caught.value)


@pytest.mark.parametrize("kind", [{}, LEGACY, WITH_ACCESS_LIST], ids=["EIP-1559", "legacy", "EIP-2930"])
def test_everything_follows_from_the_transaction(data: bytes, rules: Rules, kind: dict[str, Any]) -> None:
    """Sender, nonce, address, code, rules and spec, whichever kind of transaction it is."""
    raw = signed_transaction(data, **kind)
    deployment = card_of(raw).deployment([RELEASE])
    assert deployment.organizer == Account.seeded("cards", 0).address == EthAccount.recover_transaction(raw)
    assert (deployment.nonce, deployment.chain_id) == (3, CHAIN_ID)
    assert (deployment.rules, deployment.spec_digest, deployment.release) == (rules, SPEC, RELEASE)
    assert deployment.experiment == f"eip155:{CHAIN_ID}:{deployment.contract}"


@pytest.mark.parametrize(
    ("nonce", "contract"),
    [
        (0, "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d"),
        (1, "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8"),
    ],
)
def test_addresses_of_contracts_are_the_chains(nonce: int, contract: str) -> None:
    """Two known ones: of 0x6ac7...3df0's first two transactions (ethereum/go-ethereum, crypto_test.go)."""
    sender = Address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    creation = replace(read_creation(signed_transaction(b"\x01")), sender=sender, nonce=nonce)
    assert creation.contract == contract


def test_a_release_among_others_is_found(card: Card) -> None:
    """The registry holds several, of different sizes."""
    others = [Release(b"\x01" * 32, size, "other") for size in (0, 5, 100_000)]
    assert card.deployment([*others, RELEASE]).release == RELEASE


def test_a_transaction_with_a_recipient(data: bytes) -> None:
    """It calls something, and makes nothing."""
    raw = signed_transaction(data, to="0x" + "11" * 20)
    assert "recipient" in complaint(card_of(raw))


@pytest.mark.parametrize("v", [27, 28])
def test_a_signature_that_names_no_chain(data: bytes, v: int) -> None:
    """It would be valid on every chain, so it says nothing of this one."""
    fields = rlp.decode(signed_transaction(data, **LEGACY))
    assert isinstance(fields, list)
    fields[6] = rlp.from_integer(v)
    assert "names no chain" in complaint(card_of(rlp.encode(fields)))


def test_a_card_that_names_another_chain(card: Card) -> None:
    """The signature says which chain it is for."""
    assert "chain 1," in complaint(card.model_copy(update={"chain_id": 1}))


@pytest.mark.parametrize("more", [b"\0", b"\0" * 32, b"\x01"])
def test_bytes_after_the_arguments(data: bytes, more: bytes) -> None:
    """Nothing may be hidden there."""
    assert "constructor arguments" in complaint(card_of(signed_transaction(data + more)))


def test_arguments_that_are_cut_short(data: bytes) -> None:
    """Solidity would read zeros, or revert."""
    assert "constructor arguments" in complaint(card_of(signed_transaction(data[:-1])))


def test_bits_beyond_a_value(data: bytes) -> None:
    """A threshold is a uint16; its word has 240 bits that must be zero."""
    dirty = bytearray(data)
    dirty[len(INITCODE)] = 1
    assert "constructor arguments" in complaint(card_of(signed_transaction(bytes(dirty))))


@pytest.mark.parametrize("change", [{"threshold_bps": 0}, {"min_learners": 1}, {"max_rounds": 2**24 - 2}])
def test_rules_that_the_constructor_refuses(rules: Rules, change: dict[str, Any]) -> None:
    """Such a transaction can only have failed."""
    data = INITCODE + constructor_arguments(replace(rules, **change), SPEC)
    assert "RuleOutOfRange" in complaint(card_of(signed_transaction(data)))


def test_a_spec_without_a_digest(rules: Rules) -> None:
    """The constructor refuses it."""
    data = INITCODE + constructor_arguments(rules, NO_DIGEST)
    assert "empty digest" in complaint(card_of(signed_transaction(data)))


@given(at=st.integers(0, len(INITCODE) - 1), bit=st.integers(0, 7))
def test_code_that_is_unknown(at: int, bit: int) -> None:
    """One bit is enough: a constructor that hides a member looks like any other."""
    code = bytearray(INITCODE)
    code[at] ^= 1 << bit
    raw = signed_transaction(bytes(code) + bytes(352))
    assert "unknown code" in complaint(card_of(raw))


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_leaves_the_organizer_standing(at: int, bit: int) -> None:
    """The signature covers all there is: another bit is another sender, or none."""
    raw = bytearray(signed_transaction(INITCODE + bytes(64)))
    raw[at % len(raw)] ^= 1 << bit
    honest = Account.seeded("cards", 0).address
    try:
        found = read_creation(bytes(raw))
    except InvalidArtefact:
        return
    assert found.sender != honest


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02",
        b"\x03" + rlp.encode([b""] * 14),
        b"\x02" + rlp.encode([b""] * 11),
        rlp.encode([b""] * 9),
        rlp.encode([b"", b"", b"", b"", b"", [b"data"], b"\x25", b"\x01", b"\x01"]),
        b"\x7f",
        b"\x02" + rlp.encode([[[[[b"too deep"]]]]]),
    ],
)
def test_what_is_no_transaction(raw: bytes) -> None:
    """Nothing but a typed error comes out, whatever went in."""
    with pytest.raises(InvalidArtefact, match="the card's transaction"):
        read_creation(raw)


def test_a_signature_that_no_chain_takes(data: bytes) -> None:
    """The upper half of s is refused since EIP-2: the same signer could sign twice over."""
    raw = signed_transaction(data)
    fields = rlp.decode(raw[1:])
    assert isinstance(fields, list)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    fields[-3] = b"" if fields[-3] else b"\x01"
    fields[-1] = rlp.from_integer(order - rlp.to_integer(fields[-1]))
    with pytest.raises(InvalidArtefact, match="EIP-2"):
        read_creation(raw[:1] + rlp.encode(fields))


def test_a_transaction_that_is_not_in_its_one_form(data: bytes) -> None:
    """A longer length prefix, and bytes that follow: nodes would refuse both."""
    raw = signed_transaction(data)
    for other in (raw + b"\0", raw[:1] + b"\xfa\x00" + raw[2:]):
        with pytest.raises(InvalidArtefact, match="the card's transaction"):
            read_creation(other)


def test_a_card_has_one_form(card: Card) -> None:
    """Written and read again it is the same; spaces, capitals and fields too many are refused."""
    data = card.to_bytes()
    assert Card.from_bytes(data) == card
    for other in (data + b"\n", data.replace(b":", b": ", 1), data.replace(b"0x0b", b"0x0B")):
        with pytest.raises(InvalidArtefact):
            Card.from_bytes(other)
    with pytest.raises(InvalidArtefact, match="note"):
        Card.from_bytes(b'{"note":1,' + data[1:])


def test_no_card_is_made_of_a_block_that_cannot_be(data: bytes) -> None:
    """A hash has 32 bytes."""
    with pytest.raises(InvalidArtefact, match="no block"):
        Card.of(signed_transaction(data), BLOCK_NUMBER, b"short")


def sighting(deployment: Deployment, **changes: Any) -> Sighting:
    """What an honest node says, with changes."""
    honest = Sighting(
        node="node",
        chain_id=CHAIN_ID,
        succeeded=True,
        contract=deployment.contract,
        block_number=BLOCK_NUMBER,
        block_hash="0x" + BLOCK_HASH.hex(),
        code=RUNTIME,
    )
    return replace(honest, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chain_id": 1}, "on chain 1"),
        ({"succeeded": None, "contract": None, "block_number": None}, "never mined"),
        ({"succeeded": False}, "failed"),
        ({"contract": Address("0x" + "11" * 20)}, "receipt names the contract"),
        ({"block_number": 8}, "block 8"),
        ({"block_hash": "0x" + "0c" * 32}, "0c0c"),
        ({"code": b""}, "no code"),
        ({"code": RUNTIME[:-1] + b"\x00"}, "not what the card's transaction makes"),
        ({"code": RUNTIME + b"\x00"}, "not what the card's transaction makes"),
    ],
)
def test_a_node_that_contradicts_the_card(card: Card, changes: dict[str, Any], said: str) -> None:
    """The first contradiction is told, in words."""
    deployment = card.deployment([RELEASE])
    (found,) = sighting(deployment, **changes).contradictions(card, deployment)
    assert said in found


def test_a_node_that_agrees_with_the_card(card: Card) -> None:
    """There is nothing to say."""
    deployment = card.deployment([RELEASE])
    assert list(sighting(deployment).contradictions(card, deployment)) == []


def test_code_is_made_by_its_initcode_whatever_its_immutables_are() -> None:
    """Every byte counts but the 32 of an immutable, which can be any, line feeds among them."""
    blank = b"\x60\x80\x7f" + bytes(32) + b"\x50\x7f" + b"\x11" * 32
    initcode = b"\x60\x0a\x60\x0c\xfe" + blank
    for value in (bytes(32), b"\n" * 32, bytes(range(32))):
        assert is_made_by(blank.replace(bytes(32), value), initcode)
    for code in (
        b"",
        blank[1:],
        b"\x00" + blank[1:],
        blank[:-1] + b"\x12",
        blank + b"\x00",
        initcode + blank,
    ):
        assert not is_made_by(code, initcode)
    assert not is_made_by(b"", b"")
    assert not is_made_by(blank, blank)


items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=5), max_leaves=8)


@given(items)
def test_what_was_encoded_is_decoded(item: rlp.Item) -> None:
    """Up to the depth that is allowed, and no deeper."""
    encoded = rlp.encode(item)
    if _depth(item) > rlp.DEEPEST:
        with pytest.raises(ValueError, match="deep"):
            rlp.decode(encoded)
    else:
        assert rlp.decode(encoded) == item


def _depth(item: rlp.Item) -> int:
    return 0 if isinstance(item, bytes) else 1 + max((_depth(part) for part in item), default=0)


def test_lists_that_are_nested_too_deep() -> None:
    """They are refused long before the stack is at its end."""
    nested = b"\xc0"
    for _ in range(50):
        nested = bytes([0xC0 + len(nested)]) + nested
    for deep in (nested, bytes([0xC4, 0xC3, 0xC2, 0xC1, 0xC0])):
        with pytest.raises(ValueError, match="deep"):
            rlp.decode(deep)
    assert rlp.decode(bytes([0xC3, 0xC2, 0xC1, 0xC0])) == [[[[]]]]


@given(st.binary(max_size=40))
def test_any_bytes_are_an_items_one_form_or_refused(data: bytes) -> None:
    """What decodes encodes to the same bytes."""
    try:
        item = rlp.decode(data)
    except ValueError:
        return
    assert rlp.encode(item) == data
