"""How artefacts are written as text: content ids, and JSON that has one form."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.artefacts import cid_of, digest_of
from colearn_chain.canonical_json import canonical_json, strict_json
from colearn_chain.errors import InvalidArtefact
from colearn_chain.types import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Content ids


def test_known_cids() -> None:
    """The CIDs of two folders as Kubo 0.44 printed them, and their digests by base32 alone."""
    for cid in (
        "bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfgm",
        "bafybeibzt7m5xlve46onjihdxwum44dmxgovwqwxnmbscima6ieo2shof4",
    ):
        digest = digest_of(cid)
        assert digest == base64.b32decode(cid[1:].upper() + "======")[4:]
        assert cid_of(digest) == cid


@given(st.binary(min_size=32, max_size=32))
def test_digest_and_cid_are_one(raw: bytes) -> None:
    """Every digest has one CID, and the CID leads back."""
    cid = cid_of(Digest(raw))
    assert cid.startswith("bafybei")
    assert digest_of(cid) == raw


@pytest.mark.parametrize(
    "cid",
    [
        "",
        "b",
        "bafybei",
        "bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfg",
        "bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfgmaa",
        "BAFYBEIHYONNTZJC4ADARLUJ7GDUR76PAWSUBSY4OUPGUX3MS7TGWQJMFGM",
        "bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfgn",
        "bafkreihwngxzdrltvwga6dxknntbuxsduybithv72fziunoogyxxjmnmzi",
        "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n",
        "bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmf\u00e9m",
        "../../../etc/passwd",
    ],
)
def test_text_that_is_no_folders_cid(cid: str) -> None:
    """Another length, capitals, stray bits, a file's CID, version 0: none of them is a folder's CIDv1."""
    with pytest.raises(InvalidArtefact) as caught:
        digest_of(cid)
    assert caught.value.value == cid


def test_digest_of_another_length() -> None:
    """A digest has 32 bytes."""
    with pytest.raises(InvalidArtefact):
        cid_of(Digest(b"short"))


# Canonical JSON

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), part)
    ),
    max_leaves=6,
)


@given(json_values)
def test_canonical_json_is_one_form(value: Any) -> None:
    """What is read from canonical JSON is written again as the same bytes."""
    data = canonical_json(value)
    assert canonical_json(strict_json(data)) == data


def test_canonical_json_known() -> None:
    """Keys sorted, no white space, UTF-8 as it is, shortest numbers."""
    value = {"b": [1, 1.0, 1e-7, None], "a": "\u00e9"}
    assert canonical_json(value) == b'{"a":"\xc3\xa9","b":[1,1.0,1e-07,null]}'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a":1,"a":1}', "'a' stands there twice"),
        (b'[{"a":{"b":1,"c":2,"b":3}}]', "'b' stands there twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'"\xff"', "utf-8"),
        (b"[1,]", "char"),
        (b"9" * 5000, "digits"),
        (b"", "char"),
    ],
    ids=["duplicate", "inner-duplicate", "nan", "infinity", "deep", "bytes", "comma", "endless", "empty"],
)
def test_json_that_is_none(data: bytes, why: str) -> None:
    """Doubled keys, numbers that are none and nesting without end are refused as what they are."""
    with pytest.raises(ValueError, match=why):
        strict_json(data)


def test_a_doubled_key_cannot_forge_a_line() -> None:
    """Keys come from strangers, so the message holds them escaped and cut."""
    key = json.dumps("\x1b[2J\nround 7: accepted" + "!" * 10_000)
    with pytest.raises(ValueError, match="stands there twice") as caught:
        strict_json(f"{{{key}:1,{key}:2}}".encode())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_json_that_nobody_can_write() -> None:
    """NaN, a lone surrogate and a value that holds itself have no JSON."""
    endless: list[Any] = []
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (float("nan"), "\ud800", endless, deep):
        with pytest.raises(ValueError):  # noqa: PT011 - its subclasses differ
            canonical_json(value)


@pytest.fixture
def recursion_unbounded() -> Iterator[None]:
    """The limit that py-evm sets when it is imported; beyond the C stack there is no RecursionError."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("recursion_unbounded")
@pytest.mark.parametrize("text", [b"[" * 500_000, b'{"a":' * 500_000, b'"\\"[' + b"[" * 500_000])
def test_deep_json_does_not_end_the_interpreter(text: bytes) -> None:
    """Nesting is bounded by us and not by Python's recursion limit, others raise it; strings hold none."""
    with pytest.raises(ValueError, match=r"nested more than 64 deep|Unterminated string"):
        strict_json(text)


@pytest.mark.parametrize(
    "end", [b"", b"\\", b'"', b'"}', b"\xff"], ids=["open", "escape", "shut", "json", "bytes"]
)
@pytest.mark.parametrize("piece", [b'\\"', b"\\\\", b'"', b'""', b'"\\', b"[]", b"\\", b'a"\\"'])
def test_text_that_would_be_scanned_again_from_each_quote(piece: bytes, end: bytes) -> None:
    """Each byte is looked at once: a mebibyte of quotes takes a moment; quadratic, it took hours."""
    with pytest.raises(ValueError):  # noqa: PT011 - which one is the parser's business
        strict_json(b'{"' + piece * ((1 << 20) // len(piece)) + end)


@given(st.lists(st.sampled_from(list('"\\[]{}:,a1 ')), max_size=12))
def test_nothing_nested_too_deep_gets_past_the_scan(signs: list[str]) -> None:
    """Whatever stands in front, quotes in disorder too: JSON that is nested 65 deep is not parsed."""
    front = "".join(signs)
    value = json.dumps(front)
    for text in (value, f"{{{value}:{value}}}", f"[{value},{value}]"):
        with pytest.raises(ValueError, match="nested more than 64 deep"):
            strict_json((f"[{text}," + "[" * 64 + "]" * 65).encode())


@given(st.integers(min_value=0, max_value=64))
def test_nesting_within_the_bound_is_kept(depth: int) -> None:
    """What is nested 64 deep or less goes through both ways, brackets in strings not counted."""
    value: Any = '[[[{{{\\"'
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    assert strict_json(canonical_json(value)) == value
