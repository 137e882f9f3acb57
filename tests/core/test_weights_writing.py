"""What is not written, and what a write that fails leaves behind."""

from __future__ import annotations

import errno
import os
import resource
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_chain.errors import InvalidWeights, StorageError
from colearn_chain.weights import WeightSchema, read_weights, write_weights

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"bias": np.array([1.5, -0.0], np.float32), "weight": np.ones((2, 3), np.float32)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file name in a folder of its own."""
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize(
    "array",
    [np.zeros(1, complex), np.array([object()]), np.array(["x"]), np.zeros(1, "M8[s]"), [1.0]],
    ids=["complex", "object", "text", "date", "list"],
)
def test_arrays_that_cannot_be_written(path: Path, array: Any) -> None:
    """What the format has no name for is refused by its tensor's name, and the file stays as it was."""
    path.write_bytes(b"before")
    with pytest.raises(InvalidWeights) as caught:
        write_weights({"w": array}, path)
    assert caught.value.subject == "w"
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("name", ["__metadata__", "\ud800", 1], ids=["reserved", "surrogate", "number"])
def test_names_that_cannot_be_written(path: Path, name: Any) -> None:
    """A name is text that UTF-8 has, other than the format's own key."""
    with pytest.raises(InvalidWeights):
        write_weights({name: np.zeros(1)}, path)


def test_more_names_than_a_header_holds(path: Path) -> None:
    """Nobody writes a header that nobody would read."""
    with pytest.raises(InvalidWeights, match="a header of"):
        write_weights({f"{index:060}": np.zeros(1) for index in range(10_000)}, path)


def test_write_that_fails_midway_leaves_the_old_file(path: Path) -> None:
    """A bad value in the last tensor, or a disk that is full, leaves the file as it was, alone."""
    write_weights(SMALL, path)
    before = path.read_bytes()
    with pytest.raises(InvalidWeights):
        write_weights({"a": np.ones(2_000_000), "z": np.array([np.nan])}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(StorageError):
            write_weights({"a": np.ones(2_000_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_crash_after_writing_finds_the_whole_file_on_the_disk(path: Path) -> None:
    """The disk has every byte before the name is given to them: a rename alone may outlive its content."""
    synced: list[tuple[int, int, bool]] = []

    def sync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_ino, status.st_size, path.exists()))

    write_weights(SMALL, path, sync=sync)
    assert synced == [(path.stat().st_ino, path.stat().st_size, False)]


def test_a_disk_that_cannot_sync_leaves_nothing(path: Path) -> None:
    """What the disk did not confirm gets no name, and the caller hears of it."""

    def sync(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(descriptor))

    with pytest.raises(StorageError, match="Input/output error"):
        write_weights(SMALL, path, sync=sync)
    assert list(path.parent.iterdir()) == []


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """What the file system refuses is a StorageError."""
    with pytest.raises(StorageError):
        read_weights(tmp_path / "absent", WeightSchema.of(SMALL))
    with pytest.raises(StorageError):
        write_weights(SMALL, tmp_path / "absent" / "weights.safetensors")
