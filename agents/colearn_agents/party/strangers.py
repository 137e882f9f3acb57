"""What a stranger's code said when it failed, in words that can be logged, recorded and printed."""

from __future__ import annotations

from colearn_chain.errors import shown

MOST_CHARACTERS = 1_000
"""Of an exception's text; some frameworks print whole arrays."""


def writable(text: str) -> str:
    r"""The same text without lone surrogates, which no UTF-8 file takes: ``\udcff`` is spelt out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def in_words(error: BaseException) -> str:
    """An exception's type and text, on one line and cut where it is long; its type alone if it has none."""
    name = type(error).__name__
    try:
        text = shown(str(error), MOST_CHARACTERS)
    except Exception:  # noqa: BLE001 - a stranger's __str__ may raise anything too
        return name
    return f"{name}: {text}" if text else name
