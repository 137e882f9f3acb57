"""Payments in CSV files and features in MATLAB files: what becomes of a cell, and files that are none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.io import savemat

from colearn_backends.datasets import load
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Files = Callable[[str], Path]


def edit(path: Path, line: int, column: str | None, text: str) -> None:
    """Put something else into a cell of a CSV file, or in a whole line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if column is not None:
        cells = lines[line - 1].split(",")
        cells[lines[0].split(",").index(column)] = text
        text = ",".join(cells)
    path.write_text("\n".join([*lines[: line - 1], text, *lines[line:]]) + "\n", encoding="utf-8")


def test_card_payments_keep_their_features(data_files: Files) -> None:
    """V1 to V28 as they are, the logarithm of the amount, and the latest fifth for tests."""
    folder = data_files("creditcard")
    cells = np.loadtxt(folder / "creditcard.csv", delimiter=",", skiprows=1)
    data = load("creditcard", folder)
    assert (len(data.y_train), len(data.y_test)) == (64, 16)
    features = np.concatenate([data.X_train, data.X_test])
    assert np.array_equal(features[:, :-1], cells[:, 1:29].astype(np.float32))
    assert features[:, -1] == pytest.approx(np.log1p(cells[:, 29]))
    assert np.array_equal(np.concatenate([data.y_train, data.y_test]), cells[:, 30])


@pytest.mark.parametrize("name", ["creditcard", "fraud"])
def test_what_came_later_is_for_tests(name: str, data_files: Files) -> None:
    """Also where the file is not in order of time."""
    folder = data_files(name)
    expected = load(name, folder)
    for path in folder.glob("*.csv"):
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([header, *rows[::-1]]) + "\n", encoding="utf-8")
    data = load(name, folder)
    assert np.array_equal(data.X_test, expected.X_test)
    assert np.array_equal(data.y_train, expected.y_train)


def test_quoted_cells_are_cells(data_files: Files) -> None:
    """The published file has its header and its classes in quotation marks, and may end in CRLF."""
    path = data_files("creditcard") / "creditcard.csv"
    expected = load("creditcard", path.parent)
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    quoted = [",".join([*row[:-1], f'"{row[-1]}"']) for row in rows]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(quoted).encode())
    assert np.array_equal(load("creditcard", path.parent).y_train, expected.y_train)


@pytest.mark.parametrize(
    ("line", "column", "text", "complaint"),
    [
        (1, "V3", "V4", "line 1: column 4 is not called V3"),
        (1, "Class", "Class,More", "line 1: 32 columns, not 31"),
        (1, None, "Time,V1", "line 1: 2 columns, not 31"),
        (3, None, "1,2,3", "line 3: 3 cells, not 31"),
        (3, "V28", "secret", "line 3: V28 is no finite number"),
        (3, "V28", "inf", "line 3: V28 is no finite number"),
        (3, "V28", "", "line 3: V28 is no finite number"),
        (3, "Time", "nan", "line 3: Time is no finite number"),
        (3, "V28", "1e39", "sample 1 holds what is no finite number"),
        (3, "Class", "2", "line 3: Class is neither 0 nor 1"),
        (3, "Class", "", "line 3: Class is neither 0 nor 1"),
        (3, "Amount", "-1", "there are negative amounts"),
        (3, "V1", '"secret', "cannot be read after line 2"),
    ],
)
def test_a_table_that_is_none_is_named(
    line: int, column: str | None, text: str, complaint: str, data_files: Files
) -> None:
    """File, line and column are in the error, and nothing that stands there."""
    path = data_files("creditcard") / "creditcard.csv"
    edit(path, line, column, text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load("creditcard", path.parent)
    assert str(caught.value).startswith(f"{path}: ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "has no rows"),
        (b"\xff\xfe\x00", "cannot be read after line 0"),
        (b"x" * 200_000, "cannot be read after line 0: field larger"),
        (b"PK\x03\x04", "column 1 is not called Time"),
    ],
)
def test_a_file_that_is_no_table_is_named(content: bytes, complaint: str, data_files: Files) -> None:
    """Nothing, other bytes, an archive that was not unpacked."""
    path = data_files("creditcard") / "creditcard.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"creditcard\.csv: .*{complaint}"):
        load("creditcard", path.parent)


def test_a_header_alone_is_no_table(data_files: Files) -> None:
    """There has to be a row."""
    path = data_files("creditcard") / "creditcard.csv"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    with pytest.raises(ConfigError, match="has no rows"):
        load("creditcard", path.parent)


def test_online_payments_are_joined_and_scaled(data_files: Files) -> None:
    """Numbers by their logarithm, words by their letters, empty cells -1, and rows found by TransactionID."""
    data = load("fraud", data_files("fraud"))
    assert (data.X_train.shape, data.X_test.shape) == ((64, 431), (16, 431))
    first, second, fourth = data.X_train[0], data.X_train[1], data.X_train[3]
    assert first[0] == pytest.approx(math.log1p(59.5))
    assert pytest.approx(math.log1p(10)) in first.tolist()
    assert pytest.approx(-math.log1p(5)) in first.tolist()
    assert pytest.approx(math.log1p(70787)) in fourth.tolist()
    assert (second == -1).sum() - (first == -1).sum() == 2 + 14
    assert data.y_train.tolist() == [int(index % 5 == 0) for index in range(64)]
    words = first[(first > 0) & (first < 0.65)]
    assert len(words) >= 5


def test_a_word_has_one_number_everywhere(data_files: Files, tmp_path: Path) -> None:
    """What a cell becomes does not depend on the other rows, so parties with other rows agree."""
    folder = data_files("fraud")
    whole = load("fraud", folder)
    for name in ("train_transaction.csv", "train_identity.csv"):
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        (folder / name).write_text("\n".join(lines[:8]) + "\n", encoding="utf-8")
    lines = (folder / "train_identity.csv").read_text(encoding="utf-8").splitlines()
    (folder / "train_identity.csv").write_text("\n".join(lines[:4]) + "\n", encoding="utf-8")
    part = load("fraud", folder)
    held = np.concatenate([part.X_train, part.X_test])
    assert np.array_equal(held, whole.X_train[:7])


@pytest.mark.parametrize(
    ("name", "line", "column", "text", "complaint"),
    [
        ("transaction", 3, "TransactionID", "2987000", "line 3: the TransactionID stands in an earlier line"),
        ("identity", 3, "TransactionID", "2987000", "line 3: the TransactionID stands in an earlier line"),
        ("identity", 3, "TransactionID", "1", "1 rows belong to no transaction"),
        ("transaction", 4, "isFraud", "", "line 4: isFraud is neither 0 nor 1"),
        ("transaction", 4, "V339", "much", "line 4: V339 is no finite number"),
        ("transaction", 4, "TransactionDT", "", "line 4: TransactionDT is no finite number"),
        ("identity", 2, "id_02", "Found", "line 2: id_02 is no finite number"),
        ("identity", 1, "id_01", "id-01", "line 1: column 2 is not called id_01"),
    ],
)
def test_a_file_of_payments_that_is_none_is_named(
    name: str, line: int, column: str, text: str, complaint: str, data_files: Files
) -> None:
    """Rows twice, rows of nobody, cells of another kind; the test files have other names in their headers."""
    folder = data_files("fraud")
    edit(folder / f"train_{name}.csv", line, column, text)
    with pytest.raises(ConfigError, match=rf"train_{name}\.csv: .*{complaint}"):
        load("fraud", folder)


@pytest.mark.parametrize("name", ["train_transaction.csv", "train_identity.csv"])
def test_both_files_of_payments_are_needed(name: str, data_files: Files) -> None:
    """The one that is missing is named."""
    folder = data_files("fraud")
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=f"has no {name}. The payments are at https"):
        load("fraud", folder)


def test_features_may_be_in_csv_files(data_files: Files) -> None:
    """The same numbers in either format are the same samples, cut by the seed."""
    folder = data_files("covid")
    expected = load("covid", folder)
    rng = np.random.default_rng(0)
    for label, name in enumerate(("covid", "normal", "pneumonia")):
        features = rng.normal(size=(25, 12))
        features[:, 0] += 5 * label
        (folder / f"{name}.mat").unlink()
        np.savetxt(folder / f"{name}.csv", features, delimiter=",")
    data = load("covid", folder)
    assert np.array_equal(data.X_train, expected.X_train)
    assert np.array_equal(np.bincount(data.y_test), [5, 5, 5])
    assert not np.array_equal(load("covid", folder, seed=1).X_test, data.X_test)


def test_two_of_a_class_are_enough(data_files: Files) -> None:
    """One to train on and one to be tested on."""
    folder = data_files("covid")
    for name in ("covid", "normal", "pneumonia"):
        savemat(folder / f"{name}.mat", {name: np.eye(2)})
    data = load("covid", folder)
    assert sorted(data.y_train.tolist()) == sorted(data.y_test.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file"), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: savemat(path, {"a": np.zeros((3, 12)), "b": np.ones((3, 12))}), "has 2 matrices"),
        (lambda path: savemat(path, {"a": "text"}), "has 0 matrices of numbers, not one"),
        (lambda path: savemat(path, {"a": np.full((3, 12), "x", object)}), "has 0 matrices of numbers"),
        (lambda path: savemat(path, {"a": np.zeros((1, 12))}), r"shape \(1, 12\), with fewer than two rows"),
        (lambda path: savemat(path, {"a": np.full((4, 12), np.nan)}), "sample 0 holds what is no finite"),
        (lambda path: savemat(path, {"a": np.zeros((4, 11))}), r"has 11 features, but covid\.mat has 12"),
        (lambda path: path.unlink(), r"has neither normal\.mat nor normal\.csv"),
    ],
    ids=["7.3", "cut", "empty", "two", "text", "cells", "one row", "nan", "width", "missing"],
)
def test_a_matlab_file_that_is_none_is_named(
    write: Callable[[Path], object], complaint: str, data_files: Files
) -> None:
    """Whatever is wrong with it, in one line."""
    folder = data_files("covid")
    write(folder / "normal.mat")
    with pytest.raises(ConfigError, match=complaint) as caught:
        load("covid", folder)
    assert "normal" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_matrix_that_would_fill_the_memory_is_refused(data_files: Files) -> None:
    """A small file may say that it holds a large matrix, which is looked at before anything is read."""
    path = data_files("covid") / "normal.mat"
    savemat(path, {"a": np.zeros((3, 12))})
    said, large = (np.array(sizes, "<i4").tobytes() for sizes in ((3, 12), (8192, 4097)))
    path.write_bytes(path.read_bytes().replace(said, large))
    with pytest.raises(ConfigError, match=r"normal\.mat: says it has a matrix of 8192 x 4097"):
        load("covid", path.parent)


@pytest.mark.parametrize("text", ["1,2\n3\n", "1,x\n2,3\n", "", "1,2\n"])
def test_a_csv_file_of_features_that_is_none_is_named(text: str, data_files: Files) -> None:
    """Rows of unlike lengths, words, nothing, one row."""
    folder = data_files("covid")
    (folder / "normal.mat").unlink()
    (folder / "normal.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"normal\.csv: "):
        load("covid", folder)
