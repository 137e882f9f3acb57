"""JSON that has one form, and a parser that forgives nothing.

Canonical here means: UTF-8, keys sorted by code point, no white space, nothing escaped that JSON lets stand,
numbers as Python's ``json`` writes them (the shortest text that reads back as the same value), neither NaN
nor Infinity. It is the spirit of RFC 8785, without its rule that every number is a double: integers are
whole, and ``1`` and ``1.0`` are two values.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def canonical_json(value: object, *, sort_keys: bool = True) -> bytes:
    """Write a value of dicts, lists, strings, numbers, booleans and None.

    Args:
        value: what to write.
        sort_keys: False for a format that fixes the order of its keys itself.

    Raises:
        ValueError: it holds NaN, Infinity, a lone surrogate, a reference to itself, or is nested too deeply.
        TypeError: it holds anything else.
    """
    try:
        text = json.dumps(
            value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"), allow_nan=False
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return text.encode("utf-8")


def strict_json(data: bytes) -> Any:
    """Parse UTF-8 JSON in which no key stands twice and every number is one.

    Raises:
        ValueError: it is no such JSON, or is nested too deeply to be parsed.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands there twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON has")
