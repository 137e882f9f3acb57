"""What takes a data set's place where there are no files: real digits of another set, or generated samples.

They have the shapes and the classes of the sets that they stand for, and their labels say that they are not
these. Generated samples can be learned and are no evidence of anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colearn_backends.datasets import cifar10, covid, creditcard, fraud, mnist, xray
from colearn_backends.datasets.dataset import Dataset, cut_by_class

if TYPE_CHECKING:
    from colearn_backends.datasets.dataset import Array

_BRIGHTEST = 255


def digits_for_mnist(seed: int) -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, enlarged to 28 x 28."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - in an extra

    small, labels = load_digits(return_X_y=True)
    enlarged = np.repeat(np.repeat(small.reshape(-1, 8, 8), 3, axis=1), 3, axis=2)
    pictures = np.pad(np.rint(enlarged * (_BRIGHTEST / 16)).astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
    label = "a stand-in for MNIST: scikit-learn's digits, real handwriting of 8 x 8 pixels, enlarged"
    return _dataset(pictures[..., np.newaxis], labels, seed, mnist.CLASSES, label)


def pictures_for_cifar10(seed: int) -> Dataset:
    """Return 1,500 generated pictures: a wave in each, whose direction, width and colour tell the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(1500) % len(cifar10.CLASSES)
    angle = labels * np.pi / 5 + rng.normal(0, 0.1, labels.size)
    width = 2 + labels % 3 + rng.normal(0, 0.1, labels.size)
    across, down = np.meshgrid(*[np.linspace(0, 2 * np.pi, cifar10.SIDE)] * 2)
    along = np.cos(angle)[:, None, None] * across + np.sin(angle)[:, None, None] * down
    waves = np.cos(width[:, None, None] * along + rng.uniform(0, 2 * np.pi, labels.size)[:, None, None])
    tints = np.random.default_rng(0).uniform(0.2, 1, (len(cifar10.CLASSES), 3))[labels]
    pictures = waves[..., None] * tints[:, None, None, :] + rng.normal(0, 0.7, (*waves.shape, 3))
    return _dataset(_as_bytes(pictures), labels, seed, cifar10.CLASSES, _generated("pictures", "CIFAR-10"))


def pictures_for_xray(seed: int) -> Dataset:
    """Return 800 generated pictures of two dark lungs; in one of the sick ones there is a bright spot."""
    rng = np.random.default_rng(seed)
    labels = np.arange(800) % 2
    across, down = np.meshgrid(*[np.linspace(-1, 1, xray.SIDE)] * 2)
    shift = rng.normal(0, 0.05, (labels.size, 2, 1, 1))
    across, down = across - shift[:, 0], down - shift[:, 1]
    lungs = np.exp(-(((np.abs(across) - 0.42) / 0.25) ** 2 + (down / 0.55) ** 2))
    side = rng.choice([-0.42, 0.42], labels.size)[:, None, None] + rng.normal(0, 0.08, (labels.size, 1, 1))
    height = rng.uniform(-0.4, 0.4, (labels.size, 1, 1))
    spot = np.exp(-((across - side) ** 2 + (down - height) ** 2) / 0.02)
    pictures = 0.8 - 1.2 * lungs + 0.7 * labels[:, None, None] * spot + rng.normal(0, 0.25, lungs.shape)
    classes = ("NORMAL", "PNEUMONIA")
    return _dataset(_as_bytes(pictures)[..., None], labels, seed, classes, _generated("pictures", "X-rays"))


def transactions_for_fraud(seed: int) -> Dataset:
    """Return 5,000 generated rows of 431 features, many of them missing; 3.5 % are frauds."""
    rng = np.random.default_rng(seed)
    labels, hidden = _frauds(rng, 5000, 0.035)
    width = len(fraud.TRANSACTION_COLUMNS) + len(fraud.IDENTITY_COLUMNS) - 4
    features = hidden @ _mixture(hidden.shape[1], width) + rng.normal(0, 1, (labels.size, width))
    features = np.copysign(np.log1p(np.abs(features)), features)
    # columns go missing together, as those of one source do
    source = np.random.default_rng(1).integers(0, 8, width)
    features[rng.choice([True, False], (labels.size, 8), p=[0.4, 0.6])[:, source]] = fraud.MISSING
    label = _generated("rows", "the IEEE-CIS payments")
    return _dataset(features.astype(np.float32), labels, seed, fraud.CLASSES, label)


def transactions_for_creditcard(seed: int) -> Dataset:
    """Return 10,000 generated rows of 29 features; 1 % are frauds."""
    rng = np.random.default_rng(seed)
    labels, hidden = _frauds(rng, 10_000, 0.01)
    width = len(creditcard.COLUMNS) - 2
    features = hidden @ _mixture(hidden.shape[1], width) + rng.normal(0, 1, (labels.size, width))
    features[:, -1] = np.log1p(np.exp(3 + features[:, -1]))
    label = _generated("rows", "the card payments")
    return _dataset(features.astype(np.float32), labels, seed, creditcard.CLASSES, label)


def features_for_covid(seed: int) -> Dataset:
    """Return 900 generated rows of 64 features around a centre for each of three classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(900) % len(covid.CLASSES)
    centres = np.random.default_rng(0).normal(0, 0.4, (len(covid.CLASSES), 64))
    features = centres[labels] + rng.normal(0, 1, (labels.size, 64))
    label = _generated("features", "those of lung pictures")
    return _dataset(features.astype(np.float32), labels, seed, covid.CLASSES, label)


def _frauds(rng: np.random.Generator, count: int, share: float) -> tuple[Array, Array]:
    """Labels, and ten causes behind the features; frauds differ in two of them, in one of two ways."""
    labels = (np.arange(count) < round(share * count)).astype(np.int64)
    hidden = rng.normal(0, 1, (count, 10))
    hidden[:, 0] += 2.5 * labels
    hidden[:, 1] += 2.5 * labels * rng.choice([-1, 1], count)
    return labels, hidden


def _mixture(causes: int, width: int) -> Array:
    """How much of each cause is in each feature: the same for every seed."""
    return np.random.default_rng(0).normal(0, causes**-0.5, (causes, width))


def _as_bytes(pictures: Array) -> Array:
    """Values around 0 as the bytes of a picture: -2 is black and 2 is white."""
    return np.clip((pictures + 2) / 4 * _BRIGHTEST, 0, _BRIGHTEST).astype(np.uint8)


def _generated(what: str, instead_of: str) -> str:
    return f"generated {what} in place of {instead_of}: good for trying, and not real"


def _dataset(samples: Array, labels: Array, seed: int, classes: tuple[str, ...], label: str) -> Dataset:
    x_train, y_train, x_test, y_test = cut_by_class(samples, labels.astype(np.int64), seed)
    return Dataset(
        X_train=x_train, y_train=y_train, X_test=x_test, y_test=y_test, classes=classes, label=label
    )
