"""Features of lung pictures in three files, one for each class: ``covid``, ``normal`` and ``pneumonia``.

Each file is one table of numbers, a row for each picture: a MATLAB file (``.mat``, of version 7 or older)
with one matrix in it, or a CSV file without a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_backends.datasets.dataset import MOST_BYTES, Dataset, broken, cut_by_class, float32
from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_backends.datasets.dataset import Array

CLASSES = ("covid", "normal", "pneumonia")

WHERE = (
    "These features were never published: put your own into covid.mat, normal.mat and pneumonia.mat (or "
    ".csv), one table of numbers each, with a row for each picture."
)

_NUMBERS = {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
_WIDEST = 8
"""Bytes of a number."""


def read(folder: Path, seed: int) -> Dataset:
    """Read the three files; a fifth of each class, drawn by ``seed``, is for tests.

    Raises:
        ConfigError: a file is missing, or not what it has to be, or they have different numbers of features.
    """
    paths = [_find(folder, name) for name in CLASSES]
    tables = [float32(path, _read_table(path)) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if table.shape[1] != tables[0].shape[1]:
            raise broken(path, f"has {table.shape[1]} features, but {paths[0].name} has {tables[0].shape[1]}")
    labels = np.repeat(np.arange(len(CLASSES), dtype=np.int64), [len(table) for table in tables])
    x_train, y_train, x_test, y_test = cut_by_class(np.concatenate(tables), labels, seed)
    return Dataset(
        X_train=x_train,
        y_train=y_train,
        X_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        label=f"features of lung pictures, {len(y_train)} and {len(y_test)}, from {folder}",
    )


def _find(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.mat", folder / f"{name}.csv"):
        if path.is_file():
            return path
    raise ConfigError(f"{folder} has neither {name}.mat nor {name}.csv. {WHERE}")


def _read_table(path: Path) -> Array:
    try:
        table = _read_mat(path) if path.suffix == ".mat" else np.loadtxt(path, delimiter=",", ndmin=2)
    except (ConfigError, ImportError):
        raise
    except Exception as error:  # scipy raises whatever it stumbles over
        raise broken(path, f"cannot be read: {shown(error)}") from error
    if len(table) < 2 or not table.size:  # noqa: PLR2004 - one to train on and one to test on
        raise broken(path, f"is a table of shape {table.shape}, with fewer than two rows of features")
    return table


def _read_mat(path: Path) -> Any:
    from scipy.io import loadmat, whosmat  # noqa: PLC0415 - in an extra, and heavy

    found = [
        (name, shape)
        for name, shape, kind in whosmat(path)
        if kind in _NUMBERS and len(shape) == 2  # noqa: PLR2004
    ]
    if len(found) != 1:
        raise broken(path, f"has {len(found)} matrices of numbers, not one")
    ((name, shape),) = found
    if shape[0] * shape[1] * _WIDEST > MOST_BYTES:
        raise broken(path, f"says it has a matrix of {shape[0]} x {shape[1]}")
    return loadmat(path, variable_names=[name])[name]
