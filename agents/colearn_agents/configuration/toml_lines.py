"""In which line of a TOML file something stands, which Python's parser does not say."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Key = str | int


def line_of(text: str, path: Sequence[Key]) -> int | None:
    """Return the line in which a value begins.

    The file is parsed again and again, with one line more each time: the first time that the value is there,
    its statement is complete, and what came after the last complete statement belongs to it.

    Args:
        text: a valid TOML document.
        path: keys and indices that lead to the value; as far as they exist, the value that they reach counts.

    Returns:
        The line's number from 1; None when not even the first key exists.
    """
    known = _existing(tomllib.loads(text), path)
    if not known:
        return None
    lines = text.splitlines(keepends=True)
    begin = 0
    for end in range(1, len(lines) + 1):
        document = _parsed("".join(lines[:end]))
        if document is None:
            continue
        if len(_existing(document, known)) == len(known):
            break
        begin = end
    return begin + 1


def _existing(document: object, path: Sequence[Key]) -> Sequence[Key]:
    """As much of a path as there is."""
    for depth, key in enumerate(path):
        in_table = isinstance(document, dict) and key in document
        in_array = isinstance(document, list) and isinstance(key, int) and 0 <= key < len(document)
        if not (in_table or in_array):
            return path[:depth]
        document = document[key]  # type: ignore[index]
    return path


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
