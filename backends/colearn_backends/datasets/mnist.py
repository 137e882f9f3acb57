"""MNIST: handwritten digits of 28 x 28 pixels, in four IDX files or in one npz archive.

IDX (described at http://yann.lecun.com/exdb/mnist/): two zero bytes, 8 for unsigned bytes, the number of
dimensions; each dimension as a big-endian integer of 32 bits; then the values. Files may be gzipped.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_backends.datasets.dataset import MOST_BYTES, Dataset, broken, cut_by_class
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_backends.datasets.dataset import Array

WHERE = (
    "MNIST is at https://ossci-datasets.s3.amazonaws.com/mnist/: put train-images-idx3-ubyte.gz, "
    "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz into one folder; or "
    "one file mnist.npz with x_train, y_train, x_test and y_test."
)

SIDE = 28
"""Pixels."""

CLASSES = tuple("0123456789")

_UBYTE = 8
_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_READ_ERRORS = (OSError, EOFError, ValueError, MemoryError, zlib.error, zipfile.BadZipFile)


def read(folder: Path, seed: int) -> Dataset:
    """Read the four IDX files, or else the one archive.

    Args:
        folder: with the files.
        seed: of the cut into train and test samples, for an archive with ``x`` and ``y`` only.

    Raises:
        ConfigError: a file is missing, or not what it has to be.
    """
    paths = [path for name in _FILES if (path := _find(folder, name)) is not None]
    archives = sorted(folder.glob("*.npz"))
    if len(paths) == len(_FILES):
        arrays = [read_idx(path) for path in paths]
    elif paths:
        found = ", ".join(path.name for path in paths)
        raise ConfigError(f"{folder} has of the four IDX files only {found}. {WHERE}")
    elif len(archives) == 1:
        arrays = _read_npz(archives[0], seed)
        paths = archives * len(arrays)
    else:
        raise ConfigError(f"{folder} has neither the IDX files nor one npz archive. {WHERE}")
    x_train, y_train = _digits(paths[0], paths[1], arrays[0], arrays[1])
    x_test, y_test = _digits(paths[2], paths[3], arrays[2], arrays[3])
    return Dataset(
        X_train=x_train,
        y_train=y_train,
        X_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        label=f"MNIST, {len(y_train)} and {len(y_test)} handwritten digits from {folder}",
    )


def read_idx(path: Path) -> Array:
    """Read an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    Raises:
        ConfigError: it cannot be read, its magic number is another, or it is shorter or longer than it says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            magic = stream.read(4)
            if magic[:3] != bytes([0, 0, _UBYTE]) or len(magic) < 4:  # noqa: PLR2004 - of four bytes
                raise broken(path, f"begins with 0x{magic.hex()}, which is no IDX file of unsigned bytes")
            sizes = np.frombuffer(stream.read(4 * magic[3]), ">u4").tolist()
            if len(sizes) != magic[3] or prod(sizes) > MOST_BYTES:
                raise broken(path, f"says it has the dimensions {sizes}")
            content = stream.read(prod(sizes) + 1)
    except _READ_ERRORS as error:
        raise broken(path, f"cannot be read: {error}") from error
    if len(content) != prod(sizes):
        more = "more" if len(content) > prod(sizes) else f"{len(content)}"
        raise broken(path, f"has {more} bytes of values where its dimensions {sizes} make {prod(sizes)}")
    return np.frombuffer(content, np.uint8).reshape(sizes).copy()


def _find(folder: Path, name: str) -> Path | None:
    """The file under its official name, or with a dot in it as some mirrors have it."""
    names = [f"{stem}-ubyte{end}" for stem in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
    return next((folder / each for each in names if (folder / each).is_file()), None)


def _read_npz(path: Path, seed: int) -> list[Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = sum(member.file_size for member in archive.infolist())
        if sizes > MOST_BYTES:
            raise broken(path, f"unpacks to {sizes} bytes; {MOST_BYTES} are allowed")
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except _READ_ERRORS as error:
        raise broken(path, f"cannot be read: {error}") from error
    if found.keys() == {"x", "y"}:
        _digits(path, path, found["x"], found["y"])
        return list(cut_by_class(found["x"], found["y"], seed))
    if not found.keys() >= set(_ARRAYS):
        raise broken(path, f"has the arrays {', '.join(found)}; needed are {', '.join(_ARRAYS)}, or x and y")
    return [found[name] for name in _ARRAYS]


def _digits(images_path: Path, labels_path: Path, images: Any, labels: Any) -> tuple[Array, Array]:
    """Check pictures and labels, and return them as a data set has them."""
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
        raise broken(images_path, f"holds {images.dtype} of shape {images.shape}, no digits of 28 x 28 bytes")
    if labels.dtype.kind not in "ui" or labels.shape != images.shape[:1]:
        raise broken(
            labels_path, f"holds {labels.dtype} of shape {labels.shape}, no labels of {len(images)} digits"
        )
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        raise broken(labels_path, f"has labels from {labels.min()} to {labels.max()}, not 0 to 9")
    return images[..., np.newaxis], labels.astype(np.int64)
