"""What all learners of trees have in common: a proposal is the held ensemble and new trees after it.

::

    propose: train a few trees on private data, beside the held ones      (what a subclass does)
    test:    refuse what is no ensemble of trees, or does not begin with the held one bit for bit; then score
    accept:  any ensemble that is one, since a learner that was away may have missed several

No tree is ever changed or taken away, so an ensemble is its own history, and a proposer that tampers with
others' trees has made a malformed proposal and not merely a bad one. It grows up to the limits of its layout;
then nobody has anything to propose any more. There is no differential privacy in it: leaves tell of the
samples that formed them, the more the fewer these are, and thresholds lie between two of their values.
"""

from __future__ import annotations

import abc
import logging
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_backends.trees import Trees
from colearn_backends.trees_checks import check_trees
from colearn_backends.voting import ScoreKeeper
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import (
    ColearnModel,
    ErrorCodes,
    MachineLearningInterface,
    ModelFormat,
    ProposedWeights,
    TrainingSummary,
    Weights,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from colearn_backends.trees import Limits, TreeLayout
    from colearn_backends.trees_models import TreeModel
    from colearn_backends.trees_scores import TreeScorer
    from colearn_chain.weights import NamedArrays, WeightSchema

    Arrays = dict[str, npt.NDArray[Any]]

_log = logging.getLogger(__name__)


class TreesLearner(MachineLearningInterface):
    """Proposes new trees on private data, and votes by a score on other private data.

    Args:
        layout: what the trees of the experiment look like.
        first: what the first weights answer for every sample and output, before anybody has learnt anything.
        scorer: scores ensembles; more is better.
        margin: by how much the vote score has to improve.
        seed: of the training (an integer or several).

    Raises:
        ConfigError: the margin or the seed is none, or the first weights have no score.
    """

    def __init__(
        self,
        layout: TreeLayout,
        first: float,
        scorer: TreeScorer,
        margin: float,
        seed: int | Sequence[int],
    ) -> None:
        self._layout = layout
        self._held = layout.constant(first)
        self._seed = _checked_seed(seed)
        self._trainings = 0
        self._keeper = ScoreKeeper(scorer, self._held.arrays(), margin=margin)
        if not math.isfinite(self._keeper.held.vote):
            raise ConfigError(f"the vote score of the first weights is {self._keeper.held.vote}")

    @abc.abstractmethod
    def _grow(self, most: int) -> Trees | None:
        """Train on private data, beside the held trees.

        Args:
            most: how many groups of trees there is room for, 1 or more.

        Returns:
            New trees, in whole groups; None when there is nothing to be learnt.

        Raises:
            LearnerError: the training failed.
        """

    @abc.abstractmethod
    def _model(self) -> TreeModel:
        """The held ensemble as its owner may use it."""

    def mli_propose_weights(self) -> Weights:
        """Train a few trees, and return the held ones with the new ones after them.

        Returns:
            No weights, with ``MODEL_FULL``, where the limits leave no room for another group of trees; no
            weights at all where nothing was learnt.

        Raises:
            LearnerError: the training failed, or came to trees that nobody would take.
        """
        room = (self._layout.limits.trees - self._held.count) // self._layout.group
        if room < 1:
            return _full()
        grown = self._grow(room)
        if grown is None:
            _log.info("nothing was learnt beside %d trees", self._held.count)
            return Weights(weights=None)
        fitting = self._fitting(grown)
        if not fitting.count:
            return _full()
        proposed = Trees.joined([self._held, fitting]).arrays()
        try:
            self._checked(proposed)
        except InvalidWeights as error:
            raise LearnerError(f"the training came to trees that nobody would take: {error}") from error
        return Weights(weights=_copies(proposed))

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Score an ensemble that continues the held one, and approve it if it is an improvement.

        Raises:
            InvalidWeights: it is no ensemble of the experiment, or the held trees are not its first ones, bit
                for bit.
            LearnerError: a metric of the caller's own failed.
        """
        trees = self._checked(weights.weights)
        self._check_continues(trees)
        scores, vote = self._keeper.judge(trees.arrays())
        return ProposedWeights(weights=weights, vote_score=scores.vote, test_score=scores.test, vote=vote)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Hold a copy of an ensemble, whether it continues the held one or not.

        Raises:
            InvalidWeights: it is no ensemble of the experiment.
            LearnerError: a metric of the caller's own failed.
        """
        trees = self._checked(weights.weights)
        self._keeper.hold(trees.arrays())
        self._held = trees

    def mli_get_current_weights(self) -> Weights:
        """Return a copy of the held ensemble, ``dict[str, numpy.ndarray]``; see ``trees``."""
        return Weights(weights=_copies(self._held.arrays()))

    def mli_get_current_model(self) -> ColearnModel:
        """Return the held ensemble as an object with ``predict``, and ``predict_proba`` of a classifier."""
        return ColearnModel(model_format=ModelFormat.NATIVE, model=self._model())

    def weight_schema(self) -> WeightSchema:
        """What ensembles of the experiment look like, with the limits as caps of what grows."""
        return self._layout.schema

    def weights_to_arrays(self, weights: Any) -> NamedArrays:
        """Return an ensemble as named arrays, which cannot be written to.

        Raises:
            InvalidWeights: it is no ensemble of the experiment.
        """
        return self._checked(weights).arrays()

    def arrays_to_weights(self, arrays: NamedArrays) -> Arrays:
        """Return named arrays as the weights that they are, checked and not copied.

        Raises:
            InvalidWeights: they are no ensemble of the experiment.
        """
        weights = dict(arrays)
        self._checked(weights)
        return weights

    def _next_seed(self) -> int:
        """Another one for each training, and after a restart too, once the ensemble has grown."""
        self._trainings += 1
        sequence = np.random.SeedSequence([*self._seed, self._held.count, self._trainings])
        return int(sequence.generate_state(1)[0]) >> 1  # LightGBM's are signed

    def _checked(self, weights: Any) -> Trees:
        """Check all that is not known to be right: the held trees were checked before."""
        trees = Trees.read(weights, self._layout)
        known = self._held.count if trees.begins_with(self._held) else 0
        check_trees(trees.cut(known), self._layout, first=known)
        return trees

    def _check_continues(self, trees: Trees) -> None:
        shared, held = trees.shared_with(self._held), self._held.count
        if shared < held:
            kept = f"{trees.count} trees" if trees.count < held else f"another tree {shared}"
            raise InvalidWeights(
                f"the proposal has {kept}; the {held} trees of the held ensemble have to stay as they are",
                subject=f"tree {shared}",
            )

    def _fitting(self, grown: Trees) -> Trees:
        """The first of the new trees, in whole groups, for whose nodes there is room."""
        room = self._layout.limits.nodes - self._held.nodes
        trees = int(np.searchsorted(grown.offsets, room, side="right")) - 1
        return grown.cut(0, trees - trees % self._layout.group)


def check_options(limits: Limits, max_depth: int, **counts: int | None) -> None:
    """Check options of a training.

    Raises:
        ConfigError: a count is below 1, or ``max_depth`` is not within the limits.
    """
    for name, count in {"max_depth": max_depth, **counts}.items():
        if count is not None and count < 1:
            raise ConfigError(f"{name} must be at least 1, not {count}")
    if max_depth > limits.depth:
        raise ConfigError(f"a max_depth of {max_depth} is more than the limit of {limits.depth}")


def _checked_seed(seed: int | Sequence[int]) -> list[int]:
    numbers = [seed] if isinstance(seed, int) else list(seed)
    try:
        np.random.SeedSequence(numbers)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{seed!r} is no seed: {error}") from error
    return numbers


def _full() -> Weights:
    return Weights(weights=None, training_summary=TrainingSummary(error_code=ErrorCodes.MODEL_FULL))


def _copies(arrays: Arrays) -> Arrays:
    return {name: array.copy() for name, array in arrays.items()}
