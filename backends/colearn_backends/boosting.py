"""Gradient-boosted trees that learners grow together: each adds trees for what the held ones get wrong.

::

    learner = BoostingLearner(
        (x_train, y_train), (x_vote, y_vote), (x_test, y_test), objective="binary", classes=[0, 1]
    )

LightGBM trains, beginning at the margins that the held ensemble gives to the learner's own samples; nothing
but ``trees_walk`` predicts, so that no stranger's tree enters native code. The first weights are margins of
0. In a regression, what is proposed on them begins with the mean of the proposer's targets. Classes have no
such base rate: where learners' mixes of classes differ, one learner's is what the others refuse (digits, 5
learners, 25 rounds, seeds 1 to 3, Dirichlet 0.5: test accuracy 0.644 with it and 0.950 without).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import lightgbm
import numpy as np

from colearn_backends.boosting_dump import trees_of
from colearn_backends.trees import DEFAULT_LIMITS, Leaves, TreeLayout, Trees
from colearn_backends.trees_learner import TreesLearner, check_options
from colearn_backends.trees_models import TreeClassifier, TreeRegressor, identity, logistic, softmax
from colearn_backends.trees_samples import Classes, Parts, numbers
from colearn_backends.trees_scores import CLASSIFICATION, REGRESSION, TreeScorer, metric
from colearn_backends.trees_walk import SumKeeper, sum_trees
from colearn_chain.errors import ConfigError, LearnerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from colearn_backends.trees import Limits
    from colearn_backends.trees_models import Link
    from colearn_backends.trees_samples import Data
    from colearn_backends.trees_scores import Metric

    Numbers = npt.NDArray[np.float64]

OPTIONS = frozenset(
    {
        "bagging_fraction",
        "bagging_freq",
        "feature_fraction",
        "feature_fraction_bynode",
        "is_unbalance",
        "lambda_l1",
        "lambda_l2",
        "max_bin",
        "max_delta_step",
        "min_data_in_bin",
        "min_gain_to_split",
        "min_sum_hessian_in_leaf",
        "path_smooth",
        "scale_pos_weight",
    }
)
"""LightGBM's parameters that may be given as they are. Some of the others make what arrays of trees do not
hold: linear leaves, categorical splits, zero taken for missing, forests that are averaged."""


@dataclass(frozen=True)
class _Objective:
    """What is made of margins, and the scores that there are, with those taken by default."""

    link: Link
    metrics: Mapping[str, Metric]
    vote: str
    test: str


_OBJECTIVES = {
    "binary": _Objective(logistic, CLASSIFICATION, "neg_log_loss", "accuracy"),
    "multiclass": _Objective(softmax, CLASSIFICATION, "neg_log_loss", "accuracy"),
    "regression": _Objective(identity, REGRESSION, "neg_mean_squared_error", "r2"),
}


class BoostingLearner(TreesLearner):
    """Trains gradient-boosted trees (Friedman 2001, "Greedy Function Approximation").

    Args:
        train_data: X [samples, features] of numbers, NaN where one is missing, and y [samples]. There are no
            categorical features: encode categories as numbers.
        vote_data: the same, for votes alone.
        test_data: the same, for a score that votes do not depend on; None for none.
        objective: ``binary`` and ``multiclass`` minimise the log loss, ``regression`` the squared error.
        classes: all classes of the experiment, also those that this learner has no samples of; two for
            ``binary``, None for ``regression``.
        trees_to_add: so many rounds of boosting are in a proposal; each adds a tree, or with ``multiclass``
            one for each class. Few are best: more of them fit the proposer's data more closely than they help
            the others.
        initial_trees: so many are in one that continues the first weights; None: ``trees_to_add``.
        learning_rate: by what a new tree's values are multiplied.
        num_leaves: how many leaves a tree may have.
        max_depth: how many splits may lie between a root and a leaf.
        min_child_samples: so many training samples come to each leaf at least. More of them say less of each.
        extra_trees: take thresholds at random and the best of these (Geurts, Ernst and Wehenkel 2006,
            "Extremely randomized trees"), which helps for the same reason.
        options: further parameters of LightGBM; see ``OPTIONS``.
        limits: what the ensemble may grow to; the same for all learners.
        vote_scoring: ``neg_log_loss`` (the default for classes), ``accuracy``, ``neg_mean_squared_error``
            (the default for numbers), ``r2``, or a function of (y, probabilities [samples, classes] or
            estimates [samples]); more is better.
        test_scoring: likewise; None: ``accuracy`` for classes, ``r2`` for numbers.
        margin: by how much the vote score has to improve.
        seed: of the training (an integer or several).
        threads: for training; where learners share a machine, more than one slows all of them down.

    Raises:
        ConfigError: data, classes, objective and numbers do not fit together.
    """

    def __init__(  # noqa: PLR0913 - options by keyword, as LightGBM's own estimators have them
        self,
        train_data: Data,
        vote_data: Data,
        test_data: Data | None = None,
        *,
        objective: Literal["binary", "multiclass", "regression"],
        classes: Sequence[Any] | npt.NDArray[Any] | None = None,
        trees_to_add: int = 3,
        initial_trees: int | None = None,
        learning_rate: float = 0.1,
        num_leaves: int = 15,
        max_depth: int = 6,
        min_child_samples: int = 5,
        extra_trees: bool = True,
        options: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        vote_scoring: str | Metric | None = None,
        test_scoring: str | Metric | None = None,
        margin: float = 0.0,
        seed: int | Sequence[int] = 0,
        threads: int = 1,
    ) -> None:
        check_options(
            limits,
            max_depth,
            trees_to_add=trees_to_add,
            initial_trees=initial_trees,
            min_child_samples=min_child_samples,
            threads=threads,
        )
        known = _known_classes(objective, classes)
        names = None if known is None else known.names
        parts = Parts.read(
            train_data,
            vote_data,
            test_data,
            dtype=np.float64,
            encode=numbers if known is None else known.encode,
        )
        outputs = names.size if names is not None and objective == "multiclass" else 1
        layout = TreeLayout(features=parts.features, outputs=outputs, leaves=Leaves.MARGINS, limits=limits)
        kind = _OBJECTIVES[objective]
        vote = metric(vote_scoring or kind.vote, kind.metrics, names)
        test = metric(test_scoring or kind.test, kind.metrics, names)
        super().__init__(layout, 0.0, TreeScorer(layout, kind.link, parts, vote, test), margin, seed)
        self._link, self._classes = kind.link, names
        self._train = parts.train
        self._margins = SumKeeper(layout, parts.train.features)
        self._trees_to_add, self._initial_trees = trees_to_add, initial_trees or trees_to_add
        self._parameters = {
            **_checked_options(options or {}, learning_rate, num_leaves),
            "objective": objective,
            "num_class": outputs,
            "learning_rate": learning_rate,
            "num_leaves": num_leaves,
            "max_depth": max_depth,
            "min_data_in_leaf": min_child_samples,
            "extra_trees": extra_trees,
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _grow(self, most: int) -> Trees | None:
        margins = self._margins.sums(self._held)
        wanted = self._trees_to_add if self._held.splits else self._initial_trees
        mean = self._mean(margins)
        if mean is None:
            return self._boosted(margins, min(wanted, most))
        after = sum_trees(mean, self._layout, self._train.features, margins)
        boosted = self._boosted(after, min(wanted, most - 1))
        return mean if boosted is None else Trees.joined([mean, boosted])

    def _mean(self, margins: Numbers) -> Trees | None:
        """What a regression begins with, the mean of its targets; None for all that comes later."""
        if self._classes is not None or self._held.count > 1:
            return None
        step = float((self._train.targets - margins[:, 0]).mean())
        return self._layout.constant(step) if step else None

    def _boosted(self, margins: Numbers, rounds: int) -> Trees | None:
        if not rounds:
            return None
        # Given initial scores, LightGBM adds no base rate of its own: -34 for a class that is lacking.
        begun = margins[:, 0] if self._layout.outputs == 1 else margins
        data = lightgbm.Dataset(
            self._train.features, label=self._train.targets, init_score=begun, categorical_feature=[]
        )
        parameters = {**self._parameters, "seed": self._next_seed()}
        try:
            booster = lightgbm.train(parameters, data, num_boost_round=rounds)
        except lightgbm.basic.LightGBMError as error:
            raise LearnerError(f"the boosting failed: {error}") from error
        return trees_of(booster.dump_model())

    def _model(self) -> TreeClassifier | TreeRegressor:
        if self._classes is None:
            return TreeRegressor(self._held, self._layout, self._link, np.float64)
        return TreeClassifier(self._held, self._layout, self._link, np.float64, self._classes)


def _known_classes(objective: str, names: Sequence[Any] | npt.NDArray[Any] | None) -> Classes | None:
    if objective not in _OBJECTIVES:
        raise ConfigError(f"{objective!r} is no objective; there are {', '.join(_OBJECTIVES)}")
    if (names is None) != (objective == "regression"):
        raise ConfigError(f"classes go with binary and multiclass; {objective} was given {names}")
    if names is None:
        return None
    classes = Classes(names)
    if objective == "binary" and classes.names.size > 2:  # noqa: PLR2004 - that is what binary means
        raise ConfigError(f"binary has two classes, not {classes.names.tolist()}")
    return classes


def _checked_options(options: Mapping[str, Any], learning_rate: float, num_leaves: int) -> Mapping[str, Any]:
    if strange := sorted(options.keys() - OPTIONS):
        raise ConfigError(f"LightGBM is not given {', '.join(strange)}; only {', '.join(sorted(OPTIONS))}")
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ConfigError(f"a learning_rate of {learning_rate} is not a finite number above 0")
    if num_leaves < 2:  # noqa: PLR2004 - one leaf is no split
        raise ConfigError(f"num_leaves must be at least 2, not {num_leaves}")
    return options
