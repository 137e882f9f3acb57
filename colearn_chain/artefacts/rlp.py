"""Recursive Length Prefix, the encoding of Ethereum's transactions: byte strings and lists of them.

Source: https://ethereum.org/en/developers/docs/data-structures-and-encoding/rlp/ (Yellow Paper, appendix B).
Every value has one encoding, and another one is refused. Nesting is bounded here and not by Python's stack.
"""

from __future__ import annotations

DEEPEST = 4
"""Lists in lists: the transaction, its access list, an entry of that, the entry's storage keys."""

_SHORT = 55
"""The longest body whose length stands in the first byte."""

_STRING, _LIST = 0x80, 0xC0

Item = bytes | list["Item"]


def encode(item: Item) -> bytes:
    """Write byte strings and lists."""
    if isinstance(item, bytes):
        is_own_encoding = len(item) == 1 and item[0] < _STRING
        return item if is_own_encoding else _header(_STRING, len(item)) + item
    body = b"".join(encode(part) for part in item)
    return _header(_LIST, len(body)) + body


def decode(data: bytes) -> Item:
    """Read one item that fills the data.

    Raises:
        ValueError: it is cut short, followed by more, nested more than ``DEEPEST`` deep, or not in its one
            form.
    """
    item, _ = _item(data, 0, len(data), DEEPEST)
    if encode(item) != data:
        raise ValueError("bytes too many, or not the shortest form")
    return item


def from_integer(value: int) -> bytes:
    """A non-negative integer as its string: big-endian, without leading zeros."""
    return value.to_bytes((value.bit_length() + 7) // 8)


def to_integer(item: Item) -> int:
    """An integer from its string.

    Raises:
        ValueError: it is a list, or has leading zeros.
    """
    if not isinstance(item, bytes) or item[:1] == b"\0":
        raise ValueError(f"{item!r:.80} is no integer")
    return int.from_bytes(item)


def _header(kind: int, size: int) -> bytes:
    if size <= _SHORT:
        return bytes([kind + size])
    digits = from_integer(size)
    return bytes([kind + _SHORT + len(digits)]) + digits


def _item(data: bytes, start: int, end: int, left: int) -> tuple[Item, int]:
    """The item that begins at ``start``, in which ``left`` lists may be nested, and where it ends."""
    if start >= end:
        raise ValueError("cut short")
    first = data[start]
    if first < _STRING:
        return data[start : start + 1], start + 1
    kind = _LIST if first >= _LIST else _STRING
    body, size = start + 1, first - kind
    if size > _SHORT:
        digits = data[body : body + size - _SHORT]
        body, size = body + size - _SHORT, int.from_bytes(digits)
    if body + size > end:
        raise ValueError("cut short")
    if kind == _STRING:
        return data[body : body + size], body + size
    return _items(data, body, body + size, left), body + size


def _items(data: bytes, start: int, end: int, left: int) -> list[Item]:
    if not left:
        raise ValueError(f"nested more than {DEEPEST} deep")
    items: list[Item] = []
    while start < end:
        item, start = _item(data, start, end, left - 1)
        items.append(item)
    return items
