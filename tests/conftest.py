"""Small data sets in the formats of the real ones, for whoever tries what reads them."""

from __future__ import annotations

import csv
import gzip
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TRAIN, TEST = 60, 20
"""Samples."""


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write unsigned bytes as an IDX file, gzipped if its name says so."""
    head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    content = head + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder: Path) -> None:
    """Four IDX files; the brightness of a picture grows with its digit."""
    rng = np.random.default_rng(0)
    for stem, count in (("train", TRAIN), ("t10k", TEST)):
        labels = np.arange(count) % 10
        pictures = labels[:, None, None] * 25 + rng.integers(0, 25, (count, 28, 28))
        write_idx(folder / f"{stem}-images-idx3-ubyte.gz", pictures)
        write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", labels)


def write_cifar10(folder: Path) -> None:
    """Six files of records; red grows with the class, green falls, blue is noise."""
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        labels = np.arange(20) % 10
        planes = rng.integers(0, 25, (20, 3, 32, 32))
        planes[:, 0] += 25 * labels[:, None, None]
        planes[:, 1] += 225 - 25 * labels[:, None, None]
        records = np.concatenate([labels[:, None], planes.reshape(20, -1)], axis=1)
        (folder / f"{name}.bin").write_bytes(records.astype(np.uint8).tobytes())


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a CSV file as pandas and Kaggle do."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


def write_creditcard(folder: Path) -> None:
    """Payments in order of time; V1 tells the frauds, every fifth one."""
    rng = np.random.default_rng(0)
    header = ["Time", *(f"V{number}" for number in range(1, 29)), "Amount", "Class"]
    rows = []
    for index in range(TRAIN + TEST):
        flag = int(index % 5 == 0)
        values = rng.normal(size=28).round(6)
        rows.append([float(index), round(values[0] + 4 * flag, 6), *values[1:], 9.99, flag])
    write_csv(folder / "creditcard.csv", header, rows)


def fraud_columns() -> tuple[list[str], list[str]]:
    """The headers of both files."""
    transaction = [
        *["TransactionID", "isFraud", "TransactionDT", "TransactionAmt", "ProductCD"],
        *[f"card{number}" for number in range(1, 7)],
        *["addr1", "addr2", "dist1", "dist2", "P_emaildomain", "R_emaildomain"],
        *[f"C{number}" for number in range(1, 15)],
        *[f"D{number}" for number in range(1, 16)],
        *[f"M{number}" for number in range(1, 10)],
        *[f"V{number}" for number in range(1, 340)],
    ]
    identity = ["TransactionID", *(f"id_{number:02}" for number in range(1, 39)), "DeviceType", "DeviceInfo"]
    return transaction, identity


FRAUD_WORDS = {
    "ProductCD": "W",
    "card4": "visa",
    "card6": "debit",
    "P_emaildomain": "example.com",
    "M4": "M2",
}
IDENTITY_WORDS = {
    **{f"id_{number}": "Found" for number in (12, 15, 16, 27, 28, 29, 35, 36, 37, 38)},
    "id_30": "Windows 10",
    "id_31": "chrome 63.0",
    "id_33": "1920x1080",
    "DeviceType": "desktop",
}


def write_fraud(folder: Path) -> None:
    """Payments in order of time; C1 tells the frauds, every third has an identity, many cells are empty."""
    rng = np.random.default_rng(0)
    transaction, identity = fraud_columns()
    rows, others = [], []
    for index in range(TRAIN + TEST):
        flag = int(index % 5 == 0)
        row: dict[str, Any] = {
            "TransactionID": 2987000 + index,
            "isFraud": flag,
            "TransactionDT": 86400 + index,
        }
        row |= {"TransactionAmt": 59.5, "C1": 1.0 + 9 * flag, "V1": round(rng.normal(), 4)}
        rows.append([{**row, **FRAUD_WORDS}.get(column, "") for column in transaction])
        if index % 3 == 0:
            own = {"TransactionID": 2987000 + index, "id_01": -5.0, "id_02": 70787.0, **IDENTITY_WORDS}
            others.append([own.get(column, "") for column in identity])
    write_csv(folder / "train_transaction.csv", transaction, rows)
    write_csv(folder / "train_identity.csv", identity, others)


def write_xray(folder: Path) -> None:
    """JPEG and PNG files of several sizes; the sick are brighter."""
    from PIL import Image  # noqa: PLC0415 - for this set alone

    rng = np.random.default_rng(0)
    for part, count in (("train", TRAIN // 2), ("test", TEST // 2)):
        for level, name in ((60, "NORMAL"), (180, "PNEUMONIA")):
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(level - 40, level + 40, (80 + index, 100)).astype(np.uint8)
                end = "jpeg" if index % 2 else "png"
                Image.fromarray(pixels).save(folder / part / name / f"person{index}.{end}")
            (folder / part / name / ".DS_Store").write_bytes(b"\0")


def write_covid(folder: Path) -> None:
    """MATLAB files with one matrix each; the first feature tells the class."""
    from scipy.io import savemat  # noqa: PLC0415 - for this set alone

    rng = np.random.default_rng(0)
    for label, name in enumerate(("covid", "normal", "pneumonia")):
        features = rng.normal(size=(25, 12))
        features[:, 0] += 5 * label
        savemat(folder / f"{name}.mat", {name: features})


WRITERS = {
    "mnist": write_mnist,
    "cifar10": write_cifar10,
    "fraud": write_fraud,
    "creditcard": write_creditcard,
    "xray": write_xray,
    "covid": write_covid,
}


@pytest.fixture
def data_files(tmp_path: Path) -> Callable[[str], Path]:
    """Write a data set's files, and return their folder."""

    def write(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        WRITERS[name](folder)
        return folder

    return write
