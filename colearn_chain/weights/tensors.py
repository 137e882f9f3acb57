"""What a named array is: its element types, its description, and its values block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colearn_chain.errors import InvalidWeights, shown

NamedArrays: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays by name. The order of insertion has no meaning: on disk, names are sorted."""

Dtype = Literal["F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"]
"""Element types by their safetensors names."""

NUMPY_DTYPES: Mapping[Dtype, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""As they lie in a file: little-endian, as the safetensors format has them."""

MOST_WEIGHT_BYTES = 1 << 40
"""One TiB: what no weights may exceed. A size of 0 counts as 1, so that it hides no huge one beside it."""

MOST_DIMENSIONS = 32
"""What every numpy has; version 1 has no more."""

RESERVED_NAME = "__metadata__"
"""The one key of a safetensors header that is no tensor."""

BLOCK_BYTES = 1 << 20
"""Values are checked, written and read in pieces of so many bytes, while they are in the CPU's cache."""

# By kind and size, since numpy has several types of the same layout (C's long and long long).
_NAMES: dict[tuple[str, int], Dtype] = {
    (dtype.kind, dtype.itemsize): name for name, dtype in NUMPY_DTYPES.items()
}


@dataclass(frozen=True)
class Tensor:
    """A named array without its values.

    Attributes:
        name: unique within one model.
        dtype: the safetensors name of its element type.
        shape: one size for each dimension, as Python integers that cannot overflow.
    """

    name: str
    dtype: Dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """How many bytes the values take in a file."""
        return prod(self.shape) * NUMPY_DTYPES[self.dtype].itemsize


def check_name(name: object) -> str:
    """Return a tensor's name if a header can hold it.

    Raises:
        InvalidWeights: it is no string, is reserved by the format, or has no UTF-8 form.
    """
    if not isinstance(name, str):
        raise InvalidWeights(
            f"a tensor's name must be text, not {shown(name)}", subject=repr(name), value=name
        )
    if name == RESERVED_NAME:
        raise InvalidWeights(f"the name '{shown(name)}' is reserved by the format", subject=name, value=name)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidWeights(
            f"the name '{shown(name)}' has no UTF-8 form", subject=name, value=name
        ) from error
    return name


def dtype_of(name: str, dtype: np.dtype[Any]) -> Dtype:
    """The safetensors name of a numpy element type; byte order does not matter.

    Raises:
        InvalidWeights: the format as it is used here has no such type.
    """
    found = _NAMES.get((dtype.kind, dtype.itemsize))
    if found is None:
        known = ", ".join(NUMPY_DTYPES)
        raise InvalidWeights(
            f"'{shown(name)}' has elements of type {dtype}, not one of {known}",
            subject=name,
            value=str(dtype),
        )
    return found


def describe(name: object, array: object) -> Tensor:
    """Describe one array.

    Raises:
        InvalidWeights: its name or element type cannot be written, it has too many dimensions, or it is no
            numpy array.
    """
    checked = check_name(name)
    if not isinstance(array, np.ndarray):
        kind = type(array).__name__
        raise InvalidWeights(
            f"'{shown(checked)}' is a {kind}, not a numpy array", subject=checked, value=kind
        )
    check_dimensions(checked, array.shape)
    return Tensor(checked, dtype_of(checked, array.dtype), array.shape)


def check_dimensions(name: str, shape: Sequence[int]) -> None:
    """Check that a tensor has no more dimensions than everybody can read.

    Raises:
        InvalidWeights: there are more than ``MOST_DIMENSIONS``.
    """
    if len(shape) > MOST_DIMENSIONS:
        raise InvalidWeights(
            f"'{shown(name)}' has {len(shape)} dimensions; {MOST_DIMENSIONS} are allowed",
            subject=name,
            value=len(shape),
        )


def describe_all(arrays: NamedArrays) -> list[Tensor]:
    """Describe every array, in the order in which they lie in a file: sorted by the names' code points.

    Raises:
        InvalidWeights: an array that cannot be written.
    """
    return sorted((describe(name, array) for name, array in arrays.items()), key=lambda tensor: tensor.name)


def blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The values in C order and little-endian, as flat arrays of at most ``BLOCK_BYTES``.

    Contiguous arrays are not copied, others one block at a time. A block is valid until the next is asked
    for.
    """
    if array.size == 0:
        return
    walk = np.nditer(
        array,
        flags=["external_loop", "buffered"],
        order="C",
        casting="equiv",
        op_dtypes=[array.dtype.newbyteorder("<")],
        buffersize=BLOCK_BYTES // array.itemsize,
    )
    for block in walk:
        yield np.asarray(block)


def check_values(name: str, block: NDArray[Any]) -> None:
    """Check a block of values.

    Raises:
        InvalidWeights: a value is NaN, infinite, or a boolean whose byte is neither 0 nor 1.
    """
    if block.dtype.kind == "f" and not bool(np.isfinite(block).all()):
        value = float(block[~np.isfinite(block)][0])
        raise InvalidWeights(f"'{shown(name)}' holds {value}", subject=name, value=value)
    if block.dtype.kind == "b" and bool((block.view(np.uint8) > 1).any()):
        byte = int(block.view(np.uint8).max())
        raise InvalidWeights(f"'{shown(name)}' holds the boolean {byte}", subject=name, value=byte)
