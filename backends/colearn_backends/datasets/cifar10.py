"""CIFAR-10: colour pictures of 32 x 32 pixels in ten classes, in the *binary* version of its files.

A file is records of 3,073 bytes (https://www.cs.toronto.edu/~kriz/cifar.html): the label, then the red, the
green and the blue plane of the picture, row by row. The Python version is pickled, which nothing here reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colearn_backends.datasets.dataset import MOST_BYTES, Dataset, broken
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_backends.datasets.dataset import Array

WHERE = (
    "CIFAR-10 is at https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz: unpack this binary version, "
    "with data_batch_1.bin to data_batch_5.bin and test_batch.bin."
)

SIDE = 32
"""Pixels."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

FOLDER = "cifar-10-batches-bin"
"""What the archive unpacks to."""

_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = "test_batch.bin"
_PLANES = 3
_RECORD = 1 + _PLANES * SIDE * SIDE


def read(folder: Path, _: int) -> Dataset:
    """Read the six files in a folder, or in ``cifar-10-batches-bin`` below it.

    Raises:
        ConfigError: a file is missing, or not what it has to be.
    """
    place = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    parts = [_read_batch(place / name) for name in (*_TRAIN, _TEST)]
    x_train, y_train = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    x_test, y_test = parts[-1]
    return Dataset(
        X_train=x_train,
        y_train=y_train,
        X_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        label=f"CIFAR-10, {len(y_train)} and {len(y_test)} colour pictures from {place}",
    )


def _read_batch(path: Path) -> tuple[Array, Array]:
    """One file's pictures [samples, 32, 32, 3] and labels."""
    if not path.is_file():
        pickled = path.with_suffix("").is_file()
        hint = " (what is there is the Python version, which is pickled)" if pickled else ""
        raise ConfigError(f"{path.parent} has no {path.name}{hint}. {WHERE}")
    size = path.stat().st_size
    if not size or size % _RECORD or size > MOST_BYTES:
        raise broken(path, f"has {size} bytes, which are no whole records of {_RECORD}")
    records = np.fromfile(path, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASSES):
        record = int(np.argmax(labels >= len(CLASSES)))
        raise broken(path, f"has the label {labels[record]} in record {record}, not 0 to 9")
    planes = records[:, 1:].reshape(-1, _PLANES, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
