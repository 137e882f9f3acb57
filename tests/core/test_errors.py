"""What strangers wrote, as it stands in messages: it forges no line, steers no terminal, and ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.errors import ContractReverted, InvalidWeights, shown


@given(st.text() | st.binary() | st.integers() | st.lists(st.text()), st.integers(2, 300))
def test_whatever_is_shown_is_one_short_printable_line(value: object, most: int) -> None:
    """No control character, line separator, change of direction or lone surrogate stays, and no length."""
    line = shown(value, most)
    assert line.isprintable()
    assert len(line) <= most
    line.encode("utf-8")


@pytest.mark.parametrize("text", ["", "w/0", "a tensor's name", "häßlich 重み", "x" * 200])
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    """Short printable text is not changed."""
    assert shown(text) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff", r"\udcff"),
        (b"\x00\xff", "0x00ff"),
        ("x" * 201, "x" * 199 + "…"),
        ((10**5000,), "(tuple without end)"),
    ],
)
def test_what_cannot_stand_in_a_line_is_escaped_or_cut(value: object, expected: str) -> None:
    """Escapes are Python's; bytes are hex digits; a number that Python does not write is named instead."""
    assert shown(value) == expected


def test_a_revert_string_cannot_steer_the_terminal() -> None:
    """A contract's own text in a refusal is escaped and cut, and whole in the values."""
    text = "\x1b[2J\naccepted: round 7" + "!" * 10_000
    refused = ContractReverted("Error", {"message": text})
    assert str(refused).isprintable()
    assert len(str(refused)) < 300
    assert refused.values == {"message": text}


def test_the_subject_of_a_violation_is_one_line() -> None:
    """Reports print subjects, so a tensor's name may not forge a line there either."""
    assert InvalidWeights("no such tensor", subject="a\nround 7: accepted").subject == r"a\nround 7: accepted"
