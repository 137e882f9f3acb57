"""How good an ensemble is on a learner's fixed samples, in scores of which more is better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from colearn_backends.trees import Trees
from colearn_backends.trees_walk import SumKeeper
from colearn_backends.voting import Scores
from colearn_chain.errors import ConfigError, LearnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from colearn_backends.trees import TreeLayout
    from colearn_backends.trees_models import Link
    from colearn_backends.trees_samples import Parts, Sample
    from colearn_chain.weights import NamedArrays

    Targets = npt.NDArray[Any]
    Predictions = npt.NDArray[np.float64]
    Metric: TypeAlias = Callable[[Targets, Predictions], float]
    """(targets [samples], predictions [samples, classes] or [samples]) to a score; more is better."""

_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
"""As scikit-learn has it, so that a class that was taken for impossible does not cost infinitely much."""


def neg_log_loss(classes: Targets, probabilities: Predictions) -> float:
    """Minus the mean of -log p(the sample's class), in nats."""
    likely = probabilities[np.arange(classes.size), classes]
    return float(np.log(likely.clip(_LEAST_PROBABILITY, 1)).mean())


def accuracy(classes: Targets, probabilities: Predictions) -> float:
    """The share of samples whose class is the most probable one."""
    return float((probabilities.argmax(axis=1) == classes).mean())


def neg_mean_squared_error(targets: Targets, estimates: Predictions) -> float:
    """Minus the mean squared error, in the targets' unit squared."""
    return -float(np.square(targets - estimates).mean())


def r2(targets: Targets, estimates: Predictions) -> float:
    """The share of the targets' variance that is explained; NaN where they are all the same."""
    spread = float(np.square(targets - targets.mean()).sum())
    return 1 - float(np.square(targets - estimates).sum()) / spread if spread else math.nan


CLASSIFICATION: Mapping[str, Metric] = {"neg_log_loss": neg_log_loss, "accuracy": accuracy}
REGRESSION: Mapping[str, Metric] = {"neg_mean_squared_error": neg_mean_squared_error, "r2": r2}


def metric(scoring: str | Metric, known: Mapping[str, Metric], names: npt.NDArray[Any] | None) -> Metric:
    """Find a metric by its name, or make one of a caller's function.

    Args:
        scoring: a name; or a function of (y as the caller has it, predictions), where more is better.
        known: metrics by name.
        names: the classes, which the caller's y is made of; None for a regression.

    Raises:
        ConfigError: there is no such metric.
    """
    if callable(scoring):
        return scoring if names is None else lambda targets, predictions: scoring(names[targets], predictions)
    if scoring not in known:
        raise ConfigError(f"{scoring!r} is no scoring for trees; there are {', '.join(known)}, or a function")
    return known[scoring]


class TreeScorer:
    """Scores ensembles on fixed samples.

    Args:
        layout: of the ensembles.
        link: from sums to predictions.
        parts: the samples.
        vote: the metric that votes are about.
        test: the other one.
    """

    def __init__(self, layout: TreeLayout, link: Link, parts: Parts, vote: Metric, test: Metric) -> None:
        self._vote = _Measure(layout, link, parts.vote, vote)
        self._test = None if parts.test is None else _Measure(layout, link, parts.test, test)

    def __call__(self, arrays: NamedArrays) -> Scores:
        """Score the arrays of checked trees; the test score is NaN where there are no test samples.

        Raises:
            LearnerError: a metric of the caller's own failed.
        """
        trees = Trees(**arrays)
        return Scores(self._vote.score(trees), math.nan if self._test is None else self._test.score(trees))


class _Measure:
    """One metric on one sample."""

    def __init__(self, layout: TreeLayout, link: Link, sample: Sample, metric: Metric) -> None:
        self._link = link
        self._targets = sample.targets
        self._metric = metric
        self._keeper = SumKeeper(layout, sample.features)

    def score(self, trees: Trees) -> float:
        predictions = self._link(self._keeper.sums(trees), trees.count)
        try:
            return float(self._metric(self._targets, predictions))
        except Exception as error:
            raise LearnerError(f"the scoring failed: {error}") from error
