"""Chest X-ray pictures in folders: ``train`` and ``test``, and in each of them one folder for every class.

The set of Kermany et al. 2018 (doi 10.17632/rscbjbr9sj.2) has 5,856 pictures of children, NORMAL or
PNEUMONIA.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from colearn_backends.datasets.dataset import Dataset, broken
from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_backends.datasets.dataset import Array

WHERE = (
    "X-ray pictures are at https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia: unpack "
    "the folders train and test, with one folder of PNG or JPEG files for each class in both."
)

SIDE = 64
"""Pixels that every picture is scaled to, in both directions."""

MOST_PIXELS = 50_000_000
"""Of a picture before it is scaled; the largest of the set has 6 million."""

_FORMATS = ("JPEG", "PNG")
_SUFFIXES = {".jpeg", ".jpg", ".png"}
_MODES = {"L", "LA", "P", "RGB", "RGBA"}
"""What becomes 8 bits of grey without loss of the range: not 16 bits, not CMYK."""


def read(folder: Path, _: int) -> Dataset:
    """Read all pictures, as grey ones of 64 x 64 pixels; the classes are the folders in alphabetical order.

    Needs Pillow, which Matplotlib brings (extra ``plot``).

    Raises:
        ConfigError: a folder is missing or has other classes, or a file is no picture.
    """
    classes = _classes(folder / "train")
    if (others := _classes(folder / "test")) != classes:
        raise ConfigError(f"{folder}: train has the classes {list(classes)}, test has {list(others)}")
    x_train, y_train = _read_part(folder / "train", classes)
    x_test, y_test = _read_part(folder / "test", classes)
    return Dataset(
        X_train=x_train,
        y_train=y_train,
        X_test=x_test,
        y_test=y_test,
        classes=classes,
        label=f"X-ray pictures, {len(y_train)} and {len(y_test)}, from {folder}",
    )


def _classes(part: Path) -> tuple[str, ...]:
    if not part.is_dir():
        raise ConfigError(f"there is no folder {part}. {WHERE}")
    names = sorted(place.name for place in part.iterdir() if place.is_dir() and _counts(place))
    if len(names) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        raise ConfigError(
            f"{part} has {len(names)} folders of pictures; there is one for each class. {WHERE}"
        )
    return tuple(names)


def _counts(place: Path) -> bool:
    """Systems leave hidden files of their own in folders."""
    return not place.name.startswith(".")


def _read_part(part: Path, classes: tuple[str, ...]) -> tuple[Array, Array]:
    pictures: list[Array] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        paths = sorted(filter(_counts, (part / name).iterdir()))
        if not paths:
            raise ConfigError(f"{part / name} has no pictures. {WHERE}")
        pictures += [_read_picture(path) for path in paths]
        labels += [label] * len(paths)
    return np.stack(pictures)[..., np.newaxis], np.array(labels, np.int64)


def _read_picture(path: Path) -> Array:
    """One picture in grey, scaled, as bytes [64, 64]."""
    from PIL import Image  # noqa: PLC0415 - in an extra

    if path.suffix.lower() not in _SUFFIXES:
        raise broken(path, "is no PNG or JPEG file by its name")
    try:
        with warnings.catch_warnings(), Image.open(path, formats=_FORMATS) as image:
            warnings.simplefilter("ignore")  # of metadata, which nobody looks at here
            _check_pixels(path, image.width * image.height, image.mode)
            image.draft("L", (2 * SIDE, 2 * SIDE))
            return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    except ConfigError:
        raise
    except Exception as error:  # decoders raise whatever they like
        raise broken(path, f"is no picture that can be read: {shown(error)}") from error


def _check_pixels(path: Path, pixels: int, mode: str) -> None:
    if pixels > MOST_PIXELS:
        raise broken(path, f"has {pixels} pixels; {MOST_PIXELS} are allowed")
    if mode not in _MODES:
        raise broken(path, f"has pixels of the kind {mode}, not of 8 bits")
