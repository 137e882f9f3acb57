"""What a stranger's code said when it failed, in words that can be logged, recorded and printed."""

from __future__ import annotations

MOST_CHARACTERS = 1_000
"""Of an exception's text; some frameworks print whole arrays."""


def writable(text: str) -> str:
    r"""The same text without lone surrogates, which no UTF-8 file takes: ``\udcff`` is spelt out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def in_words(error: BaseException) -> str:
    """An exception's type and text, cut where it is long; the type alone where the text cannot be had."""
    name = type(error).__name__
    try:
        text = writable(str(error))
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything too
        return name
    cut = f"{text[:MOST_CHARACTERS]}..." if len(text) > MOST_CHARACTERS else text
    return f"{name}: {cut}" if cut else name
