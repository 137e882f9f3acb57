"""What an ensemble's sums mean, and the model that its owner may use; all predictions are the walker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from colearn_backends.trees_samples import matrix
from colearn_backends.trees_walk import sum_trees

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from colearn_backends.trees import TreeLayout, Trees

    Numbers = npt.NDArray[np.float64]
    Link: TypeAlias = Callable[[Numbers, int], Numbers]
    """(sums [samples, outputs], number of trees) to predictions, [samples, classes] or [samples]."""


def mean(sums: Numbers, trees: int) -> Numbers:
    """The mean of all trees' distributions, as Breiman 2001, "Random Forests", averages them."""
    return sums / trees


def logistic(sums: Numbers, _trees: int) -> Numbers:
    """Probabilities of two classes from one margin, the log odds of the second."""
    margin = sums[:, 0]
    return np.exp(-np.logaddexp(0, np.column_stack([margin, -margin])))


def softmax(sums: Numbers, _trees: int) -> Numbers:
    """Probabilities of several classes from a margin for each."""
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    shares: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return shares


def identity(sums: Numbers, _trees: int) -> Numbers:
    """The one output itself."""
    return sums[:, 0]


class TreeModel:
    """An ensemble that predicts.

    Args:
        trees: checked ones.
        layout: theirs.
        link: from sums to predictions.
        dtype: of the features that the trees were trained on.

    Attributes:
        trees: the ensemble.
        n_features_in_: how many features a sample has.
    """

    def __init__(self, trees: Trees, layout: TreeLayout, link: Link, dtype: npt.DTypeLike) -> None:
        self.trees = trees
        self.n_features_in_ = layout.features
        self._layout = layout
        self._link = link
        self._dtype = dtype

    def _predictions(self, features: Any) -> Numbers:
        known = matrix(features, self._dtype)
        if known.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {known.shape[1]} features; the trees know {self.n_features_in_}")
        return self._link(sum_trees(self.trees, self._layout, known), self.trees.count)


class TreeClassifier(TreeModel):
    """An ensemble that tells classes apart.

    Attributes:
        classes_: the classes, in the order of the probabilities.
    """

    def __init__(
        self, trees: Trees, layout: TreeLayout, link: Link, dtype: npt.DTypeLike, classes: npt.NDArray[Any]
    ) -> None:
        super().__init__(trees, layout, link, dtype)
        self.classes_ = classes.copy()

    def predict_proba(self, features: Any) -> Numbers:
        """Return a probability for each class.

        Args:
            features: X [samples, features]; NaN stands for a missing value.

        Returns:
            Shape [samples, classes].

        Raises:
            ValueError: X is no matrix of finite numbers and NaN, or has another number of columns.
        """
        return self._predictions(features)

    def predict(self, features: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each sample, the first of those that are equally so.

        Raises:
            ValueError: see ``predict_proba``.
        """
        likely: npt.NDArray[Any] = self.classes_[self.predict_proba(features).argmax(axis=1)]
        return likely


class TreeRegressor(TreeModel):
    """An ensemble that estimates a number."""

    def predict(self, features: Any) -> Numbers:
        """Return an estimate for each sample, shape [samples].

        Args:
            features: X [samples, features]; NaN stands for a missing value.

        Raises:
            ValueError: X is no matrix of finite numbers and NaN, or has another number of columns.
        """
        return self._predictions(features)
