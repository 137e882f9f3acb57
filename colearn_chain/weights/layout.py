"""The header of a safetensors file in its one canonical form.

The format (https://github.com/huggingface/safetensors, "Format"): eight bytes with the header's length N, an
unsigned little-endian integer; N bytes of JSON that map each name to ``{"dtype", "shape", "data_offsets"}``,
padded with spaces; then the values, whose offsets count from the end of the header. That leaves a writer much
freedom. Canonical here means: names sorted, no metadata, JSON without white space, N the least multiple of 8,
values back to back in the order of the names. Where all tensors have one dtype, these are the bytes that the
safetensors library writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearn_chain.canonical_json import canonical_json, strict_json
from colearn_chain.errors import InvalidWeights, shown
from colearn_chain.weights.tensors import (
    MOST_WEIGHT_BYTES,
    NUMPY_DTYPES,
    Tensor,
    check_dimensions,
    check_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTH_BYTES = 8
"""The header's length takes so many bytes, and the header is padded to a multiple of as many."""

MOST_HEADER_BYTES = 1 << 20
"""No header is longer, so that nobody parses without end what a stranger wrote."""

_FIELDS = {"dtype", "shape", "data_offsets"}


def header_bytes(tensors: Sequence[Tensor]) -> bytes:
    """Write the length and the header of a file with these tensors, which are sorted by name.

    Raises:
        InvalidWeights: the header would be longer than ``MOST_HEADER_BYTES``.
    """
    entries: dict[str, Any] = {}
    offset = 0
    for tensor in tensors:
        end = offset + tensor.nbytes
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    return _framed(canonical_json(entries, sort_keys=False))


def header_length(start: bytes) -> int:
    """The header's length, from a file's first eight bytes.

    Raises:
        InvalidWeights: there are fewer bytes, or it says more than ``MOST_HEADER_BYTES``.
    """
    if len(start) != LENGTH_BYTES:
        raise InvalidWeights(f"the file ends after {len(start)} bytes", subject="header", value=len(start))
    return _checked_length(int.from_bytes(start, "little"))


def parse_header(text: bytes) -> list[Tensor]:
    """Read a header, which must be canonical.

    Args:
        text: the JSON with its padding, without the eight bytes before it.

    Returns:
        What the file holds, in the order of the values; no value has been looked at.

    Raises:
        InvalidWeights: it is no header, or not in canonical form: a key stands twice, a name is out of order,
            a hole, an overlap, metadata, other white space.
    """
    try:
        return _parsed(text)
    except ValueError as error:
        raise InvalidWeights(f"the header is not JSON: {shown(error)}", subject="header") from error


def _parsed(text: bytes) -> list[Tensor]:
    """As :func:`parse_header`; what goes wrong inside JSON is still a ``ValueError``."""
    entries = strict_json(text)
    if not isinstance(entries, dict):
        raise InvalidWeights("the header is not a JSON object", subject="header", value=entries)
    tensors = [_parse_entry(name, entry) for name, entry in entries.items()]
    _check_canonical(text, tensors)
    return tensors


def _check_canonical(text: bytes, tensors: list[Tensor]) -> None:
    names = [tensor.name for tensor in tensors]
    if names != sorted(names):
        raise InvalidWeights("the header's names are not sorted", subject="header", value=names)
    if header_bytes(tensors)[LENGTH_BYTES:] != text:
        raise InvalidWeights(
            "the header is not in canonical form: offsets, order of fields or white space", subject="header"
        )


def _parse_entry(name: str, entry: object) -> Tensor:
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        raise InvalidWeights(
            f"the header's entry '{shown(name)}' does not have exactly dtype, shape and data_offsets",
            subject=name,
            value=entry,
        )
    dtype, shape = entry["dtype"], entry["shape"]
    known = next((known for known in NUMPY_DTYPES if known == dtype), None)
    if known is None:
        raise InvalidWeights(
            f"'{shown(name)}' has the unknown dtype {shown(dtype)}", subject=name, value=dtype
        )
    if not isinstance(shape, list) or not all(map(_is_size, shape)):
        raise InvalidWeights(f"'{shown(name)}' has no shape but {shown(shape)}", subject=name, value=shape)
    check_dimensions(name, shape)
    return Tensor(check_name(name), known, tuple(shape))


def _is_size(value: object) -> bool:
    """Bounded, so that no product of sizes has more digits than Python writes."""
    return type(value) is int and 0 <= value <= MOST_WEIGHT_BYTES


def _framed(text: bytes) -> bytes:
    padded = text + b" " * (-len(text) % LENGTH_BYTES)
    return _checked_length(len(padded)).to_bytes(LENGTH_BYTES, "little") + padded


def _checked_length(length: int) -> int:
    if length > MOST_HEADER_BYTES:
        raise InvalidWeights(
            f"a header of {length} bytes; {MOST_HEADER_BYTES} are allowed", subject="header", value=length
        )
    return length
