"""JSON that has one form, and a parser that forgives nothing.

Canonical here means: UTF-8, keys sorted by code point, no white space, nothing escaped that JSON lets stand,
numbers as Python's ``json`` writes them (the shortest text that reads back as the same value), neither NaN
nor Infinity. It is the spirit of RFC 8785, without its rule that every number is a double: integers are
whole, and ``1`` and ``1.0`` are two values.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from colearn_chain.errors import shown

DEEPEST = 64
"""How deeply lists and objects may be nested. Python's own guard, RecursionError, is not relied on: libraries
raise its limit for the whole process (py-evm to 100,000), and beyond the C stack the interpreter dies."""

# A string that nobody closes goes to the end, and nothing is given back (`*+`): each byte is looked at once.
_MARKS = re.compile(rb'"(?:[^"\\]|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


def canonical_json(value: object, *, sort_keys: bool = True) -> bytes:
    """Write a value of dicts, lists, strings, numbers, booleans and None.

    Args:
        value: what to write.
        sort_keys: False for a format that fixes the order of its keys itself.

    Raises:
        ValueError: it holds NaN, Infinity, a lone surrogate, a reference to itself, or is nested more than
            ``DEEPEST`` deep.
        TypeError: it holds anything else.
    """
    _check_depth(value, DEEPEST)
    text = json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def strict_json(data: bytes) -> Any:
    """Parse UTF-8 JSON in which no key stands twice and every number is one.

    Raises:
        ValueError: it is no such JSON, or is nested more than ``DEEPEST`` deep.
    """
    check_text_depth(data)
    return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)


def _check_depth(value: object, left: int) -> None:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if inside and not left:
        raise ValueError(f"nested more than {DEEPEST} deep")
    for each in inside:
        _check_depth(each, left - 1)


def check_text_depth(data: bytes) -> None:
    """Check, before JSON is parsed, how deeply it is nested; whether it is JSON at all is not looked at.

    Raises:
        ValueError: more than ``DEEPEST`` deep.
    """
    depth = 0
    for mark in _MARKS.finditer(data):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(mark[0], 0)
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key '{shown(key)}' stands there twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON has")
