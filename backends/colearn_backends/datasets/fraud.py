"""Fraud in online payments (IEEE-CIS): ``train_transaction.csv`` and ``train_identity.csv``.

590,540 payments, 3.5 % of them frauds; some of them have a row in the second file, found by TransactionID.
"""

from __future__ import annotations

import functools
import zlib
from array import array
from typing import TYPE_CHECKING

import numpy as np

from colearn_backends.datasets.dataset import Dataset, broken, cut_by_time
from colearn_backends.datasets.tables import Table
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from colearn_backends.datasets.dataset import Array

WHERE = (
    "The payments are at https://www.kaggle.com/c/ieee-fraud-detection/data: put train_transaction.csv and "
    "train_identity.csv into one folder."
)

TRANSACTION_FILE, IDENTITY_FILE = "train_transaction.csv", "train_identity.csv"
CLASSES = ("payment", "fraud")


def _numbered(stem: str, last: int) -> list[str]:
    return [f"{stem}{number}" for number in range(1, last + 1)]


TRANSACTION_COLUMNS = (
    *("TransactionID", "isFraud", "TransactionDT", "TransactionAmt", "ProductCD"),
    *_numbered("card", 6),
    *("addr1", "addr2", "dist1", "dist2", "P_emaildomain", "R_emaildomain"),
    *_numbered("C", 14),
    *_numbered("D", 15),
    *_numbered("M", 9),
    *_numbered("V", 339),
)
IDENTITY_COLUMNS = (
    "TransactionID",
    *(f"id_{number:02}" for number in range(1, 39)),
    *("DeviceType", "DeviceInfo"),
)

WORDS = {"ProductCD", "card4", "card6", "P_emaildomain", "R_emaildomain", *_numbered("M", 9)} | {
    *(f"id_{number}" for number in (12, 15, 16, 23, 27, 28, 29, 30, 31, 33, 34, 35, 36, 37, 38)),
    *("DeviceType", "DeviceInfo"),
}
"""The columns that hold text; all others hold numbers."""

MISSING = -1.0
"""Stands for an empty cell."""

_ID, _FLAG, _TIME = 0, 1, 2
_FIRST_FEATURE = 3


def read(folder: Path, _: int) -> Dataset:
    """Read both files: 431 features of each payment.

    A number x becomes sign(x) log(1 + |x|), a word a number in [0, 1) that follows from its letters (CRC-32),
    an empty cell -1. The latest fifth of the payments is for tests. The real files take 80 s and 1.2 GB.

    Raises:
        ConfigError: a file is missing, or not what it has to be.
    """
    for name in (TRANSACTION_FILE, IDENTITY_FILE):
        if not (folder / name).is_file():
            raise ConfigError(f"{folder} has no {name}. {WHERE}")
    identities = _read_identities(Table(folder / IDENTITY_FILE, IDENTITY_COLUMNS))
    features, flags, times = _read_transactions(
        Table(folder / TRANSACTION_FILE, TRANSACTION_COLUMNS), identities
    )
    if identities:
        raise broken(folder / IDENTITY_FILE, f"{len(identities)} rows belong to no transaction")
    x_train, y_train, x_test, y_test = cut_by_time(features, flags, times)
    return Dataset(
        X_train=x_train,
        y_train=y_train,
        X_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        label=f"online payments, {len(y_train)} and later {len(y_test)}, {flags.sum()} frauds, from {folder}",
    )


def _read_identities(table: Table) -> dict[str, Array]:
    """The 40 features of every row in the second file, by TransactionID."""
    identities: dict[str, Array] = {}
    encode = _Encoder(table, _ID + 1)
    for row in table.rows():
        if row[_ID] in identities:
            table.refuse("the TransactionID stands in an earlier line, too")
        identities[row[_ID]] = encode(row)
    return identities


def _read_transactions(table: Table, identities: dict[str, Array]) -> tuple[Array, Array, Array]:
    """All features, whether each is a fraud, and the times in seconds; ``identities`` loses what is used."""
    nobody = np.full(len(IDENTITY_COLUMNS) - 1, MISSING, np.float32)
    packed, flags, times, seen = array("f"), [], array("d"), set()
    encode = _Encoder(table, _FIRST_FEATURE)
    for row in table.rows():
        if row[_ID] in seen:
            table.refuse("the TransactionID stands in an earlier line, too")
        seen.add(row[_ID])
        flags.append(table.flag(row, _FLAG))
        times.extend(table.numbers(row, [_TIME]))
        packed.frombytes(encode(row).tobytes())
        packed.frombytes(identities.pop(row[_ID], nobody).tobytes())
    features = np.frombuffer(packed, np.float32).reshape(len(flags), -1)
    return features, np.array(flags, np.int64), np.frombuffer(times)


class _Encoder:
    """Turns a row's cells from one place on into numbers: those that hold numbers first, then the words."""

    def __init__(self, table: Table, first: int) -> None:
        places = range(first, len(table.columns))
        self._table = table
        self._words = [place for place in places if table.columns[place] in WORDS]
        self._numbers = [place for place in places if table.columns[place] not in WORDS]

    def __call__(self, row: Sequence[str]) -> Array:
        numbers = np.array(self._table.numbers_or_gaps(row, self._numbers))
        scaled = np.copysign(np.log1p(np.abs(numbers)), numbers)
        scaled[np.isnan(numbers)] = MISSING
        words = [_code(row[place]) for place in self._words]
        return np.concatenate([scaled, words]).astype(np.float32)


@functools.lru_cache(maxsize=1 << 16)
def _code(word: str) -> float:
    """The same number for the same word, at every party; words are too many to list them."""
    return zlib.crc32(word.encode()) / 2**32 if word else MISSING
