"""Named arrays to canonical safetensors files and back."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from colearn_chain.errors import InvalidWeights, StorageError, shown
from colearn_chain.weights.layout import LENGTH_BYTES, header_bytes, header_length, parse_header
from colearn_chain.weights.tensors import (
    BLOCK_BYTES,
    NUMPY_DTYPES,
    NamedArrays,
    Tensor,
    blocks,
    check_values,
    describe_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from colearn_chain.weights.schema import WeightSchema


def write_weights(arrays: NamedArrays, path: Path, *, sync: Callable[[int], object] = os.fsync) -> None:
    """Write arrays as one canonical safetensors file: the same arrays give the same bytes, always.

    Same means same names, dtypes (byte order aside), shapes and bits; the order of insertion and the memory
    layout do not matter. Values are streamed, nothing is copied whole. Either the whole file is there
    afterwards, synced to the disk, or ``path`` is as it was.

    Args:
        arrays: the arrays by name.
        path: where to write; an existing file is replaced.
        sync: waits until the disk has what was written to a file descriptor.

    Raises:
        InvalidWeights: a name, dtype or value that cannot be written; NaN and infinity are such values.
        StorageError: the file system refused.
    """
    tensors = describe_all(arrays)
    header = header_bytes(tensors)
    try:
        with _replacing(path, sync) as file:
            file.write(header)
            for tensor in tensors:
                for block in blocks(arrays[tensor.name]):
                    check_values(tensor.name, block)
                    file.write(block.data)
    except OSError as error:
        raise StorageError(f"cannot write weights to {path}: {error}") from error


def weights_digest(arrays: NamedArrays) -> bytes:
    """The SHA-256 of the file that ``write_weights`` would write: 32 bytes that stand for these very weights.

    Values that are not finite count as any others here.

    Raises:
        InvalidWeights: a name or dtype that cannot be written.
    """
    tensors = describe_all(arrays)
    digest = hashlib.sha256(header_bytes(tensors))
    for tensor in tensors:
        for block in blocks(arrays[tensor.name]):
            digest.update(block.data)
    return digest.digest()


def read_weights(path: Path, schema: WeightSchema) -> dict[str, NDArray[Any]]:
    """Read a file that a stranger may have written.

    Size, header, names, dtypes and shapes are checked before a value is read, values while they are read. No
    memory is taken that the file's own size does not justify.

    Args:
        path: a file on which nobody else works meanwhile.
        schema: what must be in it.

    Returns:
        Arrays that own their memory, writable and in the machine's byte order, by name.

    Raises:
        InvalidWeights: the file is not canonical, does not fit the schema or holds NaN, infinity or a boolean
            that is neither 0 nor 1.
        StorageError: the file system refused.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return {tensor.name: _read_values(file, tensor) for tensor in _read_header(file, size, schema)}
    except OSError as error:
        raise StorageError(f"cannot read weights from {path}: {error}") from error


def _read_header(file: BinaryIO, size: int, schema: WeightSchema) -> list[Tensor]:
    if size > schema.most_bytes():
        raise InvalidWeights(
            f"the file has {size} bytes; the schema allows {schema.most_bytes()}", subject="size", value=size
        )
    length = header_length(file.read(LENGTH_BYTES))
    tensors = parse_header(file.read(length))
    schema.check_tensors(tensors)
    expected = LENGTH_BYTES + length + sum(tensor.nbytes for tensor in tensors)
    if size != expected:
        raise InvalidWeights(
            f"the file has {size} bytes; its header says {expected}", subject="size", value=size
        )
    return tensors


def _read_values(file: BinaryIO, tensor: Tensor) -> NDArray[Any]:
    array = np.empty(tensor.shape, NUMPY_DTYPES[tensor.dtype])
    flat = array.reshape(-1)
    for start in range(0, tensor.nbytes, BLOCK_BYTES):
        raw = flat.view(np.uint8)[start : start + BLOCK_BYTES]
        _fill(file, raw, tensor.name)
        check_values(tensor.name, raw.view(array.dtype))
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _fill(file: BinaryIO, raw: NDArray[np.uint8], name: str) -> None:
    done = 0
    while done < len(raw):
        count = file.readinto(raw[done:])  # type: ignore[attr-defined]  # an unbuffered file has it
        if not count:  # pragma: no cover - somebody cut the file after its size was checked
            raise InvalidWeights(f"the file ends within '{shown(name)}'", subject=name)
        done += count


@contextmanager
def _replacing(path: Path, sync: Callable[[int], object]) -> Iterator[BinaryIO]:
    """A file beside ``path`` that takes its place, synced, once the block has ended without an exception."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            sync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
