"""A random forest that learners grow together: each adds a few trees of its own data.

::

    learner = RandomForestLearner((x_train, y_train), (x_vote, y_vote), (x_test, y_test), classes=range(3))

scikit-learn trains; nothing but ``trees_walk`` predicts, so that no stranger's tree enters native code. The
first weights are one tree of one leaf, under which all classes are equally likely: they are the same for all
learners and know nobody's data, and the mean over all trees, of which it remains one, takes no class for
impossible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from colearn_backends.trees import DEFAULT_LIMITS, LEAF, Leaves, TreeLayout, Trees
from colearn_backends.trees_learner import TreesLearner, check_options
from colearn_backends.trees_models import TreeClassifier, mean
from colearn_backends.trees_samples import Classes, Parts
from colearn_backends.trees_scores import CLASSIFICATION, TreeScorer, metric
from colearn_chain.errors import LearnerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from colearn_backends.trees import Limits
    from colearn_backends.trees_samples import Data
    from colearn_backends.trees_scores import Metric

_FEATURE_DTYPE = np.float32
"""What scikit-learn's trees compare; a value beside a threshold must be rounded as it was in training."""


class RandomForestLearner(TreesLearner):
    """Trains random trees (Breiman 2001, "Random Forests") and votes by log loss on private data.

    Args:
        train_data: X [samples, features] of numbers, NaN where one is missing, and y [samples].
        vote_data: the same, for votes alone.
        test_data: the same, for a score that votes do not depend on; None for none.
        classes: all classes of the experiment, also those that this learner has no samples of.
        trees_to_add: so many trees are new in a proposal.
        initial_trees: so many are in one that continues the first weights; None: ``trees_to_add``.
        max_depth: how many splits may lie between a root and a leaf.
        max_features: how many features a split may choose from; see ``RandomForestClassifier``.
        min_samples_leaf: so many training samples come to each leaf at least. More of them say less of each.
        limits: what the forest may grow to; the same for all learners.
        vote_scoring: ``neg_log_loss``, ``accuracy``, or a function of (y, probabilities [samples, classes]).
            Accuracy often comes out the same for two forests, and a tie is no improvement.
        test_scoring: likewise.
        margin: by how much the vote score has to improve.
        seed: of the training (an integer or several).
        threads: for training; where learners share a machine, more than one slows all of them down.

    Raises:
        ConfigError: data, classes and numbers do not fit together.
    """

    def __init__(  # noqa: PLR0913 - options by keyword, as scikit-learn's own estimators have them
        self,
        train_data: Data,
        vote_data: Data,
        test_data: Data | None = None,
        *,
        classes: Sequence[Any] | npt.NDArray[Any],
        trees_to_add: int = 5,
        initial_trees: int | None = None,
        max_depth: int = 8,
        max_features: str | float | None = "sqrt",
        min_samples_leaf: int = 1,
        limits: Limits = DEFAULT_LIMITS,
        vote_scoring: str | Metric = "neg_log_loss",
        test_scoring: str | Metric = "accuracy",
        margin: float = 0.0,
        seed: int | Sequence[int] = 0,
        threads: int = 1,
    ) -> None:
        check_options(
            limits,
            max_depth,
            trees_to_add=trees_to_add,
            initial_trees=initial_trees,
            min_samples_leaf=min_samples_leaf,
            threads=threads,
        )
        known = Classes(classes)
        parts = Parts.read(train_data, vote_data, test_data, dtype=_FEATURE_DTYPE, encode=known.encode)
        layout = TreeLayout(
            features=parts.features, outputs=known.names.size, leaves=Leaves.DISTRIBUTIONS, limits=limits
        )
        vote, test = (
            metric(scoring, CLASSIFICATION, known.names) for scoring in (vote_scoring, test_scoring)
        )
        super().__init__(
            layout, 1 / known.names.size, TreeScorer(layout, mean, parts, vote, test), margin, seed
        )
        self._classes = known.names
        self._train = parts.train
        self._trees_to_add, self._initial_trees = trees_to_add, initial_trees or trees_to_add
        self._options = {
            "max_depth": max_depth,
            "max_features": max_features,
            "min_samples_leaf": min_samples_leaf,
            "n_jobs": threads,
        }

    def _grow(self, most: int) -> Trees:
        wanted = self._trees_to_add if self._held.splits else self._initial_trees
        forest = RandomForestClassifier(min(wanted, most), random_state=self._next_seed(), **self._options)
        try:
            forest.fit(self._train.features, self._train.targets)
        except (ValueError, TypeError) as error:
            raise LearnerError(f"training the random forest failed: {error}") from error
        return trees_of(forest, self._layout)

    def _model(self) -> TreeClassifier:
        return TreeClassifier(self._held, self._layout, mean, _FEATURE_DTYPE, self._classes)


def trees_of(forest: RandomForestClassifier, layout: TreeLayout) -> Trees:
    """Take over a fitted forest, of which nothing but splits and leaves' shares is kept.

    Args:
        forest: trained on indices of classes; one that it has not seen is impossible in all of its leaves.
        layout: what its trees become.
    """
    return Trees.joined([_tree(member.tree_, forest.classes_, layout) for member in forest.estimators_])


def _tree(tree: Any, present: npt.NDArray[np.int64], layout: TreeLayout) -> Trees:
    leaf = tree.children_left == LEAF
    shares = np.zeros((np.count_nonzero(leaf), layout.columns), layout.leaf_dtype)
    shares[:, present] = tree.value[leaf, 0]
    return Trees(
        offsets=np.array([0, tree.node_count], np.int64),
        left=tree.children_left.astype(np.int32),
        right=tree.children_right.astype(np.int32),
        feature=np.where(leaf, LEAF, tree.feature).astype(np.int32),
        # Where missing values part from all others the threshold is infinite, which no weights may be; the
        # largest number does the same, since no feature exceeds it.
        threshold=np.where(leaf, 0, np.minimum(tree.threshold, np.finfo(np.float64).max)),
        missing_left=np.where(leaf, 0, tree.missing_go_to_left).astype(np.uint8),
        leaf_values=shares,
    )
