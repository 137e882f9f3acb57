"""Pictures in folders: scaled, in grey, and refused where they are none."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from colearn_backends.datasets import load
from colearn_backends.datasets.xray import MOST_PIXELS
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Files = Callable[[str], Path]


@pytest.fixture
def folder(data_files: Files) -> Path:
    """Small pictures in the folders of the real set."""
    return data_files("xray")


def save(path: Path, pixels: np.ndarray, mode: str) -> None:
    """Write a picture in some mode."""
    Image.fromarray(pixels).convert(mode).save(path)


def test_classes_are_the_folders_in_alphabetical_order(folder: Path) -> None:
    """Every picture is there once, with its folder's label; hidden files are none."""
    data = load("xray", folder)
    assert data.classes == ("NORMAL", "PNEUMONIA")
    assert np.bincount(data.y_train).tolist() == [30, 30]
    assert np.bincount(data.y_test).tolist() == [10, 10]
    brightness = data.X_train.mean(axis=(1, 2, 3))
    assert brightness[data.y_train == 0].max() < 100 < brightness[data.y_train == 1].min()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_colours_become_grey(mode: str, folder: Path) -> None:
    """A picture of one brightness has this brightness in every mode, and the right orientation."""
    shutil.rmtree(folder / "test" / "NORMAL")
    (folder / "test" / "NORMAL").mkdir()
    pixels = np.full((100, 50), 200, np.uint8)
    pixels[:50] = 40
    save(folder / "test" / "NORMAL" / "one.png", pixels, mode)
    picture = load("xray", folder).X_test[0, :, :, 0]
    assert abs(int(picture[:30].mean()) - 40) <= 2
    assert abs(int(picture[34:].mean()) - 200) <= 2


def too_large(path: Path) -> None:
    """More pixels than a picture may have, in few bytes."""
    Image.new("L", (10_000, MOST_PIXELS // 10_000 + 1)).save(path)


def bomb(path: Path) -> None:
    """So many pixels that Pillow itself refuses."""
    Image.new("1", (20_000, 10_000)).save(path)


def corrupt(path: Path) -> None:
    """A picture whose middle is something else."""
    content = bytearray((path.parent / "person0.png").read_bytes())
    content[len(content) // 2 :] = b"?" * (len(content) - len(content) // 2)
    path.write_bytes(content)


def cut(path: Path) -> None:
    """The first half of a JPEG file, whatever its name says."""
    content = (path.parent / "person1.jpeg").read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda path: path.write_bytes(b"GIF89a"), "is no picture that can be read: cannot identify"),
        (lambda path: path.write_bytes(b""), "is no picture that can be read"),
        (lambda path: Image.new("L", (9, 9)).save(path, "GIF"), "is no picture that can be read"),
        (lambda path: Image.new("I;16", (9, 9)).save(path), "has pixels of the kind I;16, not of 8 bits"),
        (lambda path: Image.new("CMYK", (9, 9)).save(path, "JPEG"), "has pixels of the kind CMYK"),
        (cut, "is no picture that can be read: .*truncated"),
        (corrupt, "is no picture that can be read"),
        (too_large, f"has 50010000 pixels; {MOST_PIXELS} are allowed"),
        (bomb, "is no picture that can be read: .*decompression bomb|has 200000000 pixels"),
    ],
    ids=["other", "empty", "gif", "16 bits", "cmyk", "cut", "corrupt", "too large", "bomb"],
)
def test_a_picture_that_is_none_is_named(
    write: Callable[[Path], object], complaint: str, folder: Path
) -> None:
    """Its content counts and not its name; the error names the file."""
    path = folder / "train" / "NORMAL" / "picture.png"
    write(path)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load("xray", folder)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_of_another_kind_is_named(folder: Path) -> None:
    """What is no picture by its name does not belong into a class's folder."""
    (folder / "train" / "NORMAL" / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=r"notes\.txt: is no PNG or JPEG file by its name"):
        load("xray", folder)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: shutil.rmtree(folder / "test"), "there is no folder .*test. X-ray pictures are at"),
        (lambda folder: shutil.rmtree(folder / "train" / "NORMAL"), "has 1 folders of pictures"),
        (
            lambda folder: (folder / "test" / "NORMAL").rename(folder / "test" / "HEALTHY"),
            r"train has the classes \['NORMAL', 'PNEUMONIA'\], test has \['HEALTHY', 'PNEUMONIA'\]",
        ),
        (
            lambda folder: [path.unlink() for path in (folder / "test" / "NORMAL").glob("p*")],
            "NORMAL has no pictures",
        ),
    ],
    ids=["no test", "one class", "other classes", "empty"],
)
def test_folders_that_do_not_fit_are_named(
    spoil: Callable[[Path], object], complaint: str, folder: Path
) -> None:
    """A part is missing, a class is missing, classes differ, or a class has nothing."""
    spoil(folder)
    with pytest.raises(ConfigError, match=complaint):
        load("xray", folder)
