"""The data sets of the examples: files in their real formats, their stand-ins, and files that are none."""

from __future__ import annotations

import gzip
import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from colearn_backends.datasets import NAMES, SYNTHETIC, Dataset, load
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Files = Callable[[str], Path]

SHAPES = {
    "mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "fraud": (431,),
    "creditcard": (29,),
    "xray": (64, 64, 1),
    "covid": None,
}
PICTURES = {"mnist", "cifar10", "xray"}

every_set = pytest.mark.parametrize("name", NAMES)


def check(name: str, data: Dataset) -> None:
    """Shapes, types and classes are those of the set, and there is nothing that is no number."""
    for samples, labels in ((data.X_train, data.y_train), (data.X_test, data.y_test)):
        assert samples.dtype == (np.uint8 if name in PICTURES else np.float32)
        assert samples.shape[1:] == (SHAPES[name] or samples.shape[1:])
        assert samples.flags.writeable
        assert labels.dtype == np.int64
        assert labels.shape == samples.shape[:1]
        assert set(labels.tolist()) <= set(range(len(data.classes)))
        assert np.isfinite(samples).all()
        assert len(labels) > 0
    assert "\n" not in data.label


def can_be_learned(data: Dataset) -> bool:
    """Whether the nearest centre of a class tells most of the test samples' classes."""
    train, test = (each.reshape(len(each), -1).astype(float) for each in (data.X_train, data.X_test))
    centres = np.stack([train[data.y_train == label].mean(axis=0) for label in range(len(data.classes))])
    nearest = ((test[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return float(np.mean(nearest == data.y_test)) > 0.9


@every_set
def test_files_in_the_real_format_are_read(name: str, data_files: Files) -> None:
    """What the files say of the classes is in the samples; the label names the folder."""
    folder = data_files(name)
    data = load(name, folder)
    check(name, data)
    assert str(folder) in data.label
    if name != "fraud":
        assert can_be_learned(data)


@every_set
def test_a_stand_in_looks_like_the_set(name: str) -> None:
    """Shapes, types and classes are the same, every class is there, and the label says what it is not."""
    data = load(name, SYNTHETIC)
    check(name, data)
    assert data.label.startswith(("a stand-in for", "generated"))
    assert set(data.y_train.tolist()) == set(data.y_test.tolist()) == set(range(len(data.classes)))


@every_set
def test_a_stand_in_follows_from_its_seed(name: str) -> None:
    """The same seed, the same samples, at every party; another seed, others."""
    first, again, other = (load(name, SYNTHETIC, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.X_train, again.X_train)
    assert np.array_equal(first.y_test, again.y_test)
    assert not np.array_equal(first.X_train, other.X_train)


@every_set
def test_who_has_no_files_is_told_where_they_are(name: str, tmp_path: Path) -> None:
    """In one sentence, whether the folder is missing or empty."""
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigError, match=r"(?s)https://|never published") as caught:
            load(name, folder)
        assert str(folder) in str(caught.value)


@pytest.mark.parametrize(("name", "package"), [("xray", "PIL"), ("covid", "scipy.io")])
def test_a_package_that_is_missing_names_its_extra(
    name: str, package: str, data_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures and MATLAB files need more than the core has."""
    folder = data_files(name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'colearn-chain\[plot,sklearn\]' brings it"):
        load(name, folder)


def test_a_set_that_is_none_is_refused(tmp_path: Path) -> None:
    """The error names those that there are."""
    with pytest.raises(ConfigError, match="no data set 'imagenet', only mnist, cifar10"):
        load("imagenet", tmp_path)


def test_the_home_folder_can_be_written_short(data_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is the user's home, and a path may be text."""
    monkeypatch.setenv("HOME", str(data_files("mnist")))
    assert load("mnist", "~").X_train.shape == (60, 28, 28, 1)


def test_mnist_comes_out_as_it_was_written(data_files: Files) -> None:
    """Pixel by pixel; unpacked files and names with a dot are the same."""
    folder = data_files("mnist")
    data = load("mnist", folder)
    packed = (folder / "t10k-images-idx3-ubyte.gz").read_bytes()
    assert data.X_test.tobytes() == gzip.decompress(packed)[16:]
    assert data.y_test.tolist() == [index % 10 for index in range(20)]
    (folder / "t10k-images.idx3-ubyte").write_bytes(gzip.decompress(packed))
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    assert np.array_equal(load("mnist", folder).X_test, data.X_test)


def archive(folder: Path, **arrays: object) -> Path:
    """A folder with one npz file."""
    folder.mkdir(exist_ok=True)
    np.savez(folder / "mnist.npz", **arrays)  # type: ignore[arg-type]
    return folder


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures that can be told apart, and their labels."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    return np.tile(np.arange(count, dtype=np.uint8)[:, None, None], (1, 28, 28)), labels


def test_mnist_in_an_archive(tmp_path: Path) -> None:
    """Four arrays are train and test samples; two are cut by the seed, pictures beside their labels."""
    (x_train, y_train), (x_test, y_test) = digits(30), digits(10)
    folder = archive(tmp_path / "four", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    data = load("mnist", folder)
    assert np.array_equal(data.X_train[..., 0], x_train)
    assert np.array_equal(data.y_test, y_test)
    images, labels = digits(100)
    folder = archive(tmp_path / "two", x=images, y=labels)
    data, again, other = (load("mnist", folder, seed=seed) for seed in (0, 0, 1))
    assert (len(data.y_train), len(data.y_test)) == (80, 20)
    held = np.concatenate([data.X_train, data.X_test])[:, 0, 0, 0]
    assert sorted(held.tolist()) == list(range(100))
    assert np.array_equal(held % 10, np.concatenate([data.y_train, data.y_test]))
    assert np.array_equal(data.X_test, again.X_test)
    assert not np.array_equal(data.X_test, other.X_test)


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx(*sizes: int, values: bytes = b"", magic: bytes = b"\0\0\x08") -> bytes:
    """An IDX file, gzipped."""
    return gzip.compress(magic + bytes([len(sizes)]) + np.array(sizes, ">u4").tobytes() + values)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (IMAGES, b"<html>", "cannot be read: Not a gzipped file"),
        (IMAGES, idx(60, 28, 28, values=bytes(47040))[:-20], "cannot be read: Compressed file ended"),
        (IMAGES, idx(60, 28, 28, values=bytes(47039)), "has 47039 bytes .* make 47040"),
        (IMAGES, idx(60, 28, 28, values=bytes(47041)), "has more bytes"),
        (IMAGES, idx(60, 28, 28, magic=b"\0\0\x0d"), "begins with 0x00000d03, which is no IDX file"),
        (IMAGES, gzip.compress(b"\0\0"), "begins with 0x0000,"),
        (IMAGES, idx(1 << 20, 1 << 10, 1 << 10), "says it has the dimensions"),
        (IMAGES, gzip.compress(b"\0\0\x08\x03\0\0\0\x3c"), r"says it has the dimensions \[60\]"),
        (IMAGES, idx(60, 32, 32, values=bytes(61440)), r"shape \(60, 32, 32\), no digits of 28 x 28"),
        (IMAGES, idx(0, 28, 28), r"shape \(0, 28, 28\), no digits"),
        (LABELS, idx(59, values=bytes(59)), "no labels of 60 digits"),
        (LABELS, idx(60, values=bytes([10] * 60)), "labels from 10 to 10, not 0 to 9"),
        (LABELS, None, "has of the four IDX files only train-images"),
    ],
)
def test_an_idx_file_that_is_none_is_named(
    name: str, content: bytes | None, complaint: str, data_files: Files
) -> None:
    """Cut short, too long, another format, a bomb, labels out of range: the error names the file."""
    folder = data_files("mnist")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load("mnist", folder)
    assert str(folder) in str(caught.value)
    assert content is None or name in str(caught.value)


class Spreads:
    """Leaves a file behind wherever it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Say how to make it again."""
        return _touch, (str(self._path),)


def _touch(path: str) -> None:
    with open(path, "w", encoding="utf-8"):  # noqa: PTH123 - as an attack would
        pass


def test_nothing_in_an_archive_is_unpickled(tmp_path: Path) -> None:
    """An array of objects is refused, and its code does not run."""
    images, labels = digits(20)
    trap = np.array([Spreads(tmp_path / "caught")], dtype=object)
    folder = archive(tmp_path / "data", x=images, y=labels, z=trap)
    with pytest.raises(ConfigError, match=r"mnist\.npz: cannot be read: Object arrays cannot be loaded"):
        load("mnist", folder)
    assert not (tmp_path / "caught").exists()


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"a": np.zeros(3)}, "has the arrays a; needed are x_train, y_train, x_test, y_test, or x and y"),
        ({"x": digits(20)[0], "y": digits(21)[1]}, "no labels of 20 digits"),
        ({"x": digits(20)[0].astype(float), "y": digits(20)[1]}, "holds float64 of shape"),
        ({"x": digits(20)[0], "y": digits(20)[1] - np.int64(1)}, "labels from -1 to 8"),
        ({"x": np.uint8(3), "y": digits(20)[1]}, r"holds uint8 of shape \(\)"),
    ],
)
def test_an_archive_of_something_else_is_refused(
    arrays: dict[str, np.ndarray], complaint: str, tmp_path: Path
) -> None:
    """Other names, lengths, types or values."""
    with pytest.raises(ConfigError, match=complaint):
        load("mnist", archive(tmp_path / "data", **arrays))


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """A small file may unpack to a large one: what it says is looked at before it is unpacked."""
    folder = archive(tmp_path / "data", x=digits(20)[0], y=digits(20)[1])
    content = (folder / "mnist.npz").read_bytes()
    size = (128 + 20 * 28 * 28).to_bytes(4, "little")
    (folder / "mnist.npz").write_bytes(content.replace(size, (1 << 29).to_bytes(4, "little")))
    with pytest.raises(ConfigError, match=r"unpacks to 5368\d+ bytes; 268435456 are allowed"):
        load("mnist", folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing more", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever its name says."""
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"mnist\.npz: cannot be read"):
        load("mnist", tmp_path)


def test_cifar_planes_become_colours(data_files: Files) -> None:
    """The first plane of a record is red, row by row; the folder of the archive is found by itself."""
    folder = data_files("cifar10")
    record = np.fromfile(folder / "data_batch_2.bin", np.uint8)[3073 * 3 : 3073 * 4]
    data = load("cifar10", folder)
    assert data.y_train[23] == record[0] == 3
    assert np.array_equal(data.X_train[23, :, :, 0].ravel(), record[1:1025])
    assert np.array_equal(data.X_train[23, :, :, 2].ravel(), record[2049:])
    assert data.classes[3] == "cat"
    shutil.move(folder, folder.parent / "cifar-10-batches-bin")
    assert np.array_equal(load("cifar10", folder.parent).X_train, data.X_train)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", r"test_batch\.bin: has 0 bytes, which are no whole records of 3073"),
        (bytes(3073 * 2 - 1), "has 6145 bytes"),
        (bytes(3073) + bytes([10]) + bytes(3072), "has the label 10 in record 1, not 0 to 9"),
        (None, r"has no test_batch\.bin\. CIFAR-10 is at https"),
    ],
)
def test_a_cifar_file_that_is_none_is_named(content: bytes | None, complaint: str, data_files: Files) -> None:
    """Cut short, a label out of range, missing."""
    path = data_files("cifar10") / "test_batch.bin"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint):
        load("cifar10", path.parent)


def test_cifars_python_version_is_not_read(tmp_path: Path) -> None:
    """It is pickled; who has it is told which version to take."""
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x04.")
    with pytest.raises(ConfigError, match=r"the Python version, which is pickled.*binary\.tar\.gz"):
        load("cifar10", tmp_path)
