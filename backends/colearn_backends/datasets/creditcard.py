"""Credit-card fraud (Machine Learning Group of the Universite Libre de Bruxelles): ``creditcard.csv``.

284,807 card payments of two days, 492 of them frauds; V1 to V28 are principal components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colearn_backends.datasets.dataset import Dataset, broken, cut_by_time, float32
from colearn_backends.datasets.tables import Table
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

WHERE = (
    "The card payments are at https://www.kaggle.com/datasets/mlg-ulb/creditcardfraud: put creditcard.csv "
    "into the folder."
)

FILE = "creditcard.csv"
COLUMNS = ("Time", *(f"V{number}" for number in range(1, 29)), "Amount", "Class")
CLASSES = ("payment", "fraud")

_NUMBERS = range(len(COLUMNS) - 1)


def read(folder: Path, _: int) -> Dataset:
    """Read the file: 29 features, V1 to V28 and the logarithm of 1 + Amount.

    The latest fifth of the payments is for tests.

    Raises:
        ConfigError: the file is missing, or not what it has to be.
    """
    path = folder / FILE
    if not path.is_file():
        raise ConfigError(f"{folder} has no {FILE}. {WHERE}")
    table = Table(path, COLUMNS)
    cells, flags = [], []
    for row in table.rows():
        cells.append(table.numbers(row, _NUMBERS))
        flags.append(table.flag(row, len(COLUMNS) - 1))
    values = float32(path, np.array(cells))
    times, amounts = values[:, 0].copy(), values[:, -1]
    if amounts.min() < 0:
        raise broken(path, "there are negative amounts")
    values[:, -1] = np.log1p(amounts)
    x_train, y_train, x_test, y_test = cut_by_time(values[:, 1:], np.array(flags, np.int64), times)
    return Dataset(
        X_train=x_train,
        y_train=y_train,
        X_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        label=f"card payments, {len(y_train)} and later {len(y_test)}, {sum(flags)} frauds, from {path}",
    )
