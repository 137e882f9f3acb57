"""A learner around any scikit-learn estimator with ``partial_fit`` whose weights are arrays.

::

    learner = SklearnLearner(MLPClassifier((64,)), (x_train, y_train), (x_vote, y_vote), (x_test, y_test),
    classes=range(10))

The weights are a ``dict`` of numpy arrays; the current ones lie outside any estimator, so nothing that
trains or tests can change them, whether it succeeds or not.
"""

from __future__ import annotations

import copy
import functools
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.utils import check_array, check_consistent_length
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no types

from colearn_backends import named_arrays, sklearn_arrays
from colearn_backends.onnx_export import MOST_ROWS, as_colearn_model, check_format
from colearn_backends.sklearn_pipeline import FixedSteps
from colearn_backends.sklearn_scoring import check_class_weight, default_vote_scoring, find_scorer
from colearn_backends.voting import ScoreKeeper, Scores
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError, shown
from colearn_chain.ml_interface import (
    ColearnModel,
    MachineLearningInterface,
    ModelFormat,
    ProposedWeights,
    Weights,
)
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from colearn_backends.sklearn_scoring import Scorer

    Arrays = dict[str, npt.NDArray[Any]]
    Data = tuple[Any, Any]


class SklearnLearner(MachineLearningInterface):
    """Trains an estimator on private data and votes by its score on other private data.

    Scores are the greater the better, as all of scikit-learn's scorers are. The vote and test samples are
    copied at the start and never drawn again.

    Args:
        estimator: a classifier or regressor with ``partial_fit`` and weights in ``coef_`` and ``intercept_``
            or ``coefs_`` and ``intercepts_``, such as SGDClassifier, SGDRegressor, Perceptron,
            MLPClassifier, MLPRegressor; or a ``Pipeline`` that ends in one, whose other steps are fitted
            already or have nothing to fit. It is copied. Weights that it has already are the first ones;
            without, see ``sklearn_arrays.prepare``. ``class_weight``, where it has one, is a dict.
        train_data: X [samples, features] (dense or CSR, or what the pipeline's first step takes) and
            y [samples].
        vote_data: the same, for votes alone.
        test_data: the same, for a score that votes do not depend on; None for none.
        classes: all classes of the experiment, for a classifier; None takes those in this learner's own
            data, which will not do where a learner may lack one.
        vote_scoring: a scorer's name or a callable (estimator, X, y) -> float, which gets a pipeline's last
            step and what the others made of X. None: ``neg_log_loss``, with ``class_weight`` if there is
            any, where the estimator gives probabilities, else its own ``score`` (accuracy or R^2).
        test_scoring: likewise; None: the estimator's own ``score``.
        epochs: passes over the training data for each proposal.
        batch_size: rows given to one call of ``partial_fit``; None gives all, and leaves batches to the
            estimator.
        margin: by how much the vote score has to improve.
        seed: of the order of the training samples (an integer or several).
        shuffle: train in a new order in every epoch.
        need_reset_optimizer: begin each proposal with a fresh optimizer (moments, step counters). What an
            optimizer remembers is about steps from other weights than those that the group holds meanwhile.
        model_format: what ``mli_get_current_model`` gives: the estimator itself, or an ONNX file's bytes.

    Raises:
        ConfigError: data, classes, estimator or scoring do not fit together.
    """

    def __init__(  # noqa: PLR0913 - options by keyword, as scikit-learn's own estimators have them
        self,
        estimator: Any,
        train_data: Data,
        vote_data: Data,
        test_data: Data | None = None,
        *,
        classes: Sequence[Any] | npt.NDArray[Any] | None = None,
        vote_scoring: str | Scorer | None = None,
        test_scoring: str | Scorer | None = None,
        epochs: int = 1,
        batch_size: int | None = None,
        margin: float = 0.0,
        seed: int | Sequence[int] = 0,
        shuffle: bool = True,
        need_reset_optimizer: bool = True,
        model_format: ModelFormat = ModelFormat.NATIVE,
    ) -> None:
        _check_positive(epochs=epochs, batch_size=batch_size)
        self._model_format = check_format(model_format)
        self._steps = FixedSteps(estimator)
        estimator = self._steps.model
        self._train_data = self._prepared(train_data, "train")
        self._vote_data = self._prepared(vote_data, "vote")
        self._sample = copy.deepcopy(vote_data[0][:MOST_ROWS])
        self._test_data = None if test_data is None else self._prepared(test_data, "test")
        self._epochs, self._batch_size, self._shuffle = epochs, batch_size, shuffle
        self._reset = need_reset_optimizer
        self._rng = np.random.default_rng(seed)
        known = self._known_classes(estimator, classes) if is_classifier(estimator) else None
        first_row = (self._train_data[0][:1], self._train_data[1][:1])
        first_state = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self._template = sklearn_arrays.prepare(estimator, first_row, known, first_state)
        self._trainer = self._template
        self._tester = sklearn_arrays.copy_of(self._template)
        self._weights = sklearn_arrays.read(self._template)
        self._schema = WeightSchema.of(self._weights)
        self._vote_scorer = find_scorer(self._template, vote_scoring or default_vote_scoring(self._template))
        self._test_scorer = find_scorer(self._template, test_scoring)
        self._keeper = self._first_scores(margin)

    def mli_propose_weights(self) -> Weights:
        """Train a copy from the current weights.

        Raises:
            LearnerError: the training failed or came to weights that are not finite.
        """
        trainer = sklearn_arrays.copy_of(self._template if self._reset else self._trainer)
        sklearn_arrays.load(trainer, self._weights)
        try:
            with _undisturbed():
                self._train(trainer)
        except Exception as error:
            raise LearnerError(f"training {type(trainer).__name__} failed: {error}") from error
        arrays = sklearn_arrays.read(trainer)
        if not named_arrays.is_finite(arrays):
            raise LearnerError(f"training {type(trainer).__name__} diverged: its weights are not finite")
        self._trainer = trainer
        return Weights(weights=arrays)

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Score these weights and approve them if they improve on the current ones; NaN never does.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
            LearnerError: the scorer failed.
        """
        arrays = self.weights_to_arrays(weights.weights)
        scores, vote = self._keeper.judge(arrays)
        tested = Weights(weights=arrays, training_summary=weights.training_summary)
        return ProposedWeights(weights=tested, vote_score=scores.vote, test_score=scores.test, vote=vote)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Hold a copy of these weights; if they were tested lately, without another evaluation.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights', or a value is not
                finite.
            LearnerError: the scorer failed.
        """
        arrays = self.weights_to_arrays(weights.weights)
        if not named_arrays.is_finite(arrays):
            raise InvalidWeights("weights that are not finite cannot be held", subject="weights")
        self._keeper.hold(arrays)
        self._weights = arrays

    def mli_get_current_weights(self) -> Weights:
        """Return a copy of the current weights, ``dict[str, numpy.ndarray]``."""
        return Weights(weights=self.arrays_to_weights(self._weights))

    def mli_get_current_model(self) -> ColearnModel:
        """Return a fitted copy of the estimator (of the whole pipeline) with the current weights.

        Raises:
            ConfigError: it was to be an ONNX file, and cannot be exported, or the extra is missing.
            LearnerError: the file would predict something else.
        """
        model = sklearn_arrays.copy_of(self._template)
        sklearn_arrays.load(model, self._weights)
        return as_colearn_model(self._steps.with_model(model), self._model_format, self._sample)

    def weights_to_arrays(self, weights: Any) -> Arrays:
        """Return copies of the weights as named arrays.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
        """
        return named_arrays.checked(weights, self._schema)

    def arrays_to_weights(self, arrays: Any) -> Arrays:
        """Return copies of named arrays as the weights that they are.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
        """
        return named_arrays.checked(arrays, self._schema)

    def _prepared(self, data: Data, part: str) -> Data:
        """Return copies of X, as the model sees it, and y that can be trained on and scored."""
        try:
            features, targets = data
            with _undisturbed():
                features = self._steps.transform(features)
            x = check_array(features, accept_sparse="csr", dtype=[np.float64, np.float32], copy=True)
            y = np.array(check_array(targets, ensure_2d=False, dtype=None))
            check_consistent_length(x, y)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"the {part} data cannot be used: {shown(error)}") from error
        return x, y

    def _known_classes(
        self, estimator: Any, classes: Sequence[Any] | npt.NDArray[Any] | None
    ) -> npt.NDArray[Any]:
        parts = [self._train_data, self._vote_data] + ([self._test_data] if self._test_data else [])
        if tables := [labels.shape for _, labels in parts if labels.ndim != 1]:
            raise ConfigError(
                f"a classifier takes one label for each sample, not labels of shape {tables[0]}"
            )
        present = np.unique(np.concatenate([labels for _, labels in parts]))
        known = present if classes is None else np.unique(np.asarray(classes))
        if strange := np.setdiff1d(present, known).tolist():
            raise ConfigError(f"the data have labels that are no class of the experiment: {strange}")
        if known.size < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
            raise ConfigError(f"a classifier needs two classes or more, not {known.tolist()}")
        check_class_weight(estimator, known)
        return known

    def _first_scores(self, margin: float) -> ScoreKeeper:
        keeper = ScoreKeeper(self._evaluate, self._weights, margin=margin)
        if math.isnan(keeper.held.vote):
            try:
                self._measure(self._vote_scorer, self._vote_data)
            except ValueError as error:
                raise ConfigError(f"the first weights cannot be scored for votes: {error}") from error
            raise ConfigError(f"the vote score is NaN on {len(self._vote_data[1])} vote samples")
        return keeper

    def _train(self, trainer: Any) -> None:
        features, targets = self._train_data
        for _ in range(self._epochs):
            for rows in self._batches(len(targets)):
                trainer.partial_fit(features[rows], targets[rows])

    def _batches(self, samples: int) -> Iterator[npt.NDArray[Any]]:
        order = self._rng.permutation(samples) if self._shuffle else np.arange(samples)
        step = self._batch_size or samples
        return (order[start : start + step] for start in range(0, samples, step))

    def _evaluate(self, arrays: Any) -> Scores:
        """Score weights; NaN where they, or what they predict, are no numbers."""
        if not named_arrays.is_finite(arrays):
            return Scores(math.nan, math.nan)
        sklearn_arrays.load(self._tester, arrays)
        return Scores(
            self._score_or_nan(self._vote_scorer, self._vote_data),
            self._score_or_nan(self._test_scorer, self._test_data) if self._test_data else math.nan,
        )

    def _score_or_nan(self, scorer: Scorer, data: Data) -> float:
        try:
            return self._measure(scorer, data)
        except ValueError:  # scikit-learn's answer to predictions that overflowed
            return math.nan
        except Exception as error:
            raise LearnerError(f"scoring {type(self._tester).__name__} failed: {error}") from error

    def _measure(self, scorer: Scorer, data: Data) -> float:
        with _undisturbed():
            return float(scorer(self._tester, *data))


def _check_positive(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{name} must be at least 1, not {number}")


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


_EXPECTED_WARNINGS: tuple[type[Warning], ...] = (
    ConvergenceWarning,  # a proposal is a few epochs, never a whole training
    UndefinedMetricWarning,  # the score is NaN then, which votes know
    RuntimeWarning,  # overflow in weights that are about to be refused
)


_INTERRUPTED = "Training interrupted by user"
"""What scikit-learn's perceptrons make of Ctrl-C: a warning."""


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Run with one BLAS thread, and without warnings that say nothing to a learner's user.

    Learners share a machine, and threads that spin beside each other cost many times what they bring.

    Raises:
        KeyboardInterrupt: scikit-learn's perceptrons turn it into a warning, with which a program could not
            be stopped.
    """
    with warnings.catch_warnings(), _threads().limit(limits=1):
        for category in _EXPECTED_WARNINGS:
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", message="Got `batch_size`")
        warnings.filterwarnings("error", message=_INTERRUPTED)
        try:
            yield
        except UserWarning as warning:
            if _INTERRUPTED in str(warning):
                raise KeyboardInterrupt from warning
            raise
