"""What a data set is once it has been read, and what its readers have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[Any]

TEST_PART = 5
"""One in so many samples is for tests where a set does not say which."""

MOST_BYTES = 1 << 28
"""No file that is read at once may unpack to more; the largest of MNIST, CIFAR-10 and such has 55 MB."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Samples to learn from and samples to be tested on.

    Attributes:
        X_train: pictures as uint8 [samples, height, width, channels], 0 to 255; anything else as float32
            [samples, features].
        y_train: classes as int64 [samples], from 0.
        X_test: as ``X_train``.
        y_test: as ``y_train``.
        classes: the classes' names.
        label: what these samples are and where they come from, in one line for people.
    """

    X_train: Array
    y_train: Array
    X_test: Array
    y_test: Array
    classes: tuple[str, ...]
    label: str


def broken(path: Path, problem: str) -> ConfigError:
    """Return the error that names a file and says what is wrong with it."""
    return ConfigError(f"{path}: {problem}")


def float32(path: Path, values: Array) -> Array:
    """Return numbers in single precision.

    Raises:
        ConfigError: one is not finite there.
    """
    with np.errstate(over="ignore"):
        cast = values.astype(np.float32)
    if not np.isfinite(cast).all():
        row = int(np.argmin(np.isfinite(cast).all(axis=tuple(range(1, cast.ndim)))))
        raise broken(path, f"sample {row} holds what is no finite number of single precision")
    return cast


def cut_by_class(samples: Array, labels: Array, seed: int) -> tuple[Array, Array, Array, Array]:
    """Cut one in ``TEST_PART`` of each class off at random, one at least.

    Returns:
        Train samples and labels, test samples and labels, all in random order.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    samples, labels = samples[order], labels[order]
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        is_test[rows[: max(1, rows.size // TEST_PART)]] = True
    return samples[~is_test], labels[~is_test], samples[is_test], labels[is_test]


def cut_by_time(samples: Array, labels: Array, times: Array) -> tuple[Array, Array, Array, Array]:
    """Cut the latest of ``TEST_PART`` parts off: who learns from the past is tested on what came after.

    Returns:
        Train samples and labels, test samples and labels; views where the samples are in order.
    """
    if np.any(np.diff(times) < 0):
        order = np.argsort(times, kind="stable")
        samples, labels = samples[order], labels[order]
    end = len(labels) - len(labels) // TEST_PART
    return samples[:end], labels[:end], samples[end:], labels[end:]
