"""Labelled samples as learners of trees take them: checked, copied, missing values allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Data = tuple[Any, Any]
    """X [samples, features], numbers and NaN where one is missing, and y [samples]."""
    Targets = npt.NDArray[Any]


@dataclass(frozen=True)
class Sample:
    """Some labelled samples.

    Attributes:
        features: shape [samples, features]; NaN where a value is missing, nothing infinite.
        targets: shape [samples]: indices of classes, or finite numbers.
    """

    features: npt.NDArray[np.floating[Any]]
    targets: Targets


@dataclass(frozen=True)
class Parts:
    """A learner's three samples: to train on, to vote on, and to be tested on (None for none)."""

    train: Sample
    vote: Sample
    test: Sample | None

    @classmethod
    def read(
        cls,
        train: Data,
        vote: Data,
        test: Data | None,
        *,
        dtype: npt.DTypeLike,
        encode: Callable[[npt.NDArray[Any]], Targets],
    ) -> Parts:
        """Take copies of a caller's data.

        Args:
            train: X and y.
            vote: likewise.
            test: likewise, or None.
            dtype: of the features.
            encode: turns a column of labels into targets.

        Raises:
            ConfigError: X is no matrix of numbers, has infinite values or another number of columns than the
                training data's, y does not go with it, or a part is empty.
        """
        parts = cls(
            _sample("train", train, dtype, encode),
            _sample("vote", vote, dtype, encode),
            None if test is None else _sample("test", test, dtype, encode),
        )
        for name, part in (("vote", parts.vote), ("test", parts.test)):
            if part is not None and part.features.shape[1] != parts.features:
                raise ConfigError(
                    f"the {name} data have {part.features.shape[1]} features, the train data {parts.features}"
                )
        return parts

    @property
    def features(self) -> int:
        """How many features a sample has."""
        return int(self.train.features.shape[1])


class Classes:
    """The classes of an experiment, in the order that all of its learners share: sorted.

    Args:
        names: all of them, also those that this learner has no samples of.

    Raises:
        ConfigError: there are fewer than two.
    """

    def __init__(self, names: Sequence[Any] | npt.NDArray[Any]) -> None:
        self.names = np.unique(np.asarray(names))
        if self.names.size < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
            raise ConfigError(f"a classifier needs two classes or more, not {self.names.tolist()}")
        self._index = {name: index for index, name in enumerate(self.names.tolist())}

    def encode(self, labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return each label's place among the classes.

        Raises:
            ConfigError: a label is no class.
        """
        found = labels.tolist()
        if strange := list(dict.fromkeys(label for label in found if label not in self._index)):
            raise ConfigError(f"labels that are no class of the experiment: {shown(strange)}")
        return np.array([self._index[label] for label in found], np.int64)


def numbers(targets: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the targets of a regression.

    Raises:
        ConfigError: one of them is no finite number.
    """
    values = np.array(targets, np.float64)
    if not np.isfinite(values).all():
        raise ConfigError("a target that is no finite number")
    return values


def matrix(features: Any, dtype: npt.DTypeLike) -> npt.NDArray[np.floating[Any]]:
    """Return a copy of X; NaN stands for missing values.

    Raises:
        ValueError: it is no matrix of numbers, or has infinite ones.
    """
    try:
        with np.errstate(over="ignore"):  # what is too large for the type becomes infinite, and is refused
            values = np.array(features, dtype=dtype, order="C")
    except (ValueError, TypeError) as error:
        raise ValueError(f"X is no matrix of numbers: {error}") from error
    if values.ndim != 2 or not values.shape[1]:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"X must have the shape [samples, features], not {list(values.shape)}")
    if np.isinf(values).any():
        raise ValueError(f"X holds infinite values, or some that are too large for {values.dtype}")
    return values


def _sample(
    name: str, data: Data, dtype: npt.DTypeLike, encode: Callable[[npt.NDArray[Any]], Targets]
) -> Sample:
    try:
        features, labels = data
        x, y = matrix(features, dtype), _column(labels)
        sample = Sample(x, encode(y))
    except (ValueError, TypeError, ConfigError) as error:
        raise ConfigError(f"the {name} data cannot be used: {error}") from error
    if not 0 < len(x) == len(y):
        raise ConfigError(f"the {name} data cannot be used: X has {len(x)} rows and y {len(y)}")
    return sample


def _column(labels: Any) -> npt.NDArray[Any]:
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ValueError(f"y must have the shape [samples], not {list(values.shape)}")
    return values
