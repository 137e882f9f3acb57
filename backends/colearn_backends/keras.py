"""A learner around any compiled Keras 3 model, on TensorFlow.

::

    limit_threads(1)  # where learners share a machine; before the first model
    learner = KerasLearner(model, train, vote, test, criterion="sparse_categorical_accuracy",
    minimise_criterion=False)

The weights are a ``dict`` of numpy arrays. The current ones lie outside the model, and the model is given
them back after each use, so nothing that trains or tests can change them, whether it succeeds or not.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from colearn_backends import keras_weights, named_arrays
from colearn_backends.keras_data import check_loader, fixed_sample
from colearn_backends.keras_optimizer import ProposalOptimizer
from colearn_backends.keras_private import PrivateTraining
from colearn_backends.keras_runtime import check_model, checked_options, in_words, limit_threads
from colearn_backends.onnx_export import as_colearn_model, check_format
from colearn_backends.privacy import PrivacyLedger
from colearn_backends.voting import ScoreKeeper, Scores
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import (
    ColearnModel,
    MachineLearningInterface,
    ModelFormat,
    ProposedWeights,
    Weights,
)
from colearn_chain.weights import WeightSchema, weights_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt
    import tensorflow as tf

    from colearn_chain.ml_interface import DiffPrivBudget, DiffPrivConfig
    from colearn_chain.weights import NamedArrays

    Arrays = dict[str, npt.NDArray[Any]]

__all__ = ["KerasLearner", "limit_threads"]

_FIT_DEFAULTS: Mapping[str, Any] = {"verbose": 0, "shuffle": False}
"""A learner prints nothing; pipelines shuffle themselves, and Keras warns where that is not said."""

_EVALUATE_DEFAULTS: Mapping[str, Any] = {"verbose": 0, "return_dict": True}

_PRIVATE_OPTIONS = {"epochs", "steps_per_epoch", "verbose"}
"""Arguments of ``fit`` for private training, which has no callbacks and shows no progress."""


class KerasLearner(MachineLearningInterface):
    """Trains a Keras model on private data and votes by its score on other private data.

    Scores are what ``model.evaluate`` says: means over samples, also where the last batch is smaller.

    Args:
        model: compiled. It is the learner's from now on; between calls it has the current weights.
        train_loader: batches (x, y) or (x, y, sample weights) as a ``tf.data.Dataset``.
        vote_loader: batches that votes are measured on. They are read once and kept in memory, so that a
            pipeline that shuffles measures all models on the same samples. None: votes are measured on
            ``test_loader``, and test scores are NaN, since no data are left that votes do not depend on.
        test_loader: batches for a score that votes do not depend on, likewise kept; None for none.
        need_reset_optimizer: begin each proposal with a fresh optimizer. A learning rate that was set by
            hand is kept, a schedule begins anew.
        minimise_criterion: whether a lower score is better.
        criterion: the score's name in what ``evaluate`` returns: ``loss`` or a compiled metric.
        model_fit_kwargs: arguments of ``model.fit``, such as ``steps_per_epoch``, ``epochs``, ``callbacks``.
        model_evaluate_kwargs: arguments of ``model.evaluate``; ``steps`` says how many batches of the vote
            and test loaders are read.
        diff_priv_config: train with differential privacy (``keras_private``): a step samples as many
            examples as a batch has, on average, out of all that one pass over ``train_loader`` gives. Of
            ``model_fit_kwargs`` only ``epochs`` and ``steps_per_epoch`` have a meaning then.
        privacy_ledger: the ledger of the training data, or its file; it goes with ``diff_priv_config``.
        vote_margin: by how much the score has to improve, in its own units.
        threads: see ``limit_threads``; None leaves TensorFlow as it is.
        model_format: what ``mli_get_current_model`` gives: a Keras model, or an ONNX file's bytes.

    Attributes:
        criterion: the name of the score.
        diff_priv_config: how it trains privately, which experiments hold against their terms; None: it does
            not.

    Raises:
        ConfigError: an argument does not fit the others, or cannot be used.
        StorageError: the ledger cannot be used.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - colearn's own arguments, and its order
        self,
        model: keras.Model,
        train_loader: tf.data.Dataset,
        vote_loader: tf.data.Dataset | None = None,
        test_loader: tf.data.Dataset | None = None,
        need_reset_optimizer: bool = True,  # noqa: FBT001, FBT002 - as in colearn
        minimise_criterion: bool = True,  # noqa: FBT001, FBT002 - as in colearn
        criterion: str = "loss",
        model_fit_kwargs: Mapping[str, Any] | None = None,
        model_evaluate_kwargs: Mapping[str, Any] | None = None,
        diff_priv_config: DiffPrivConfig | None = None,
        *,
        privacy_ledger: PrivacyLedger | Path | str | None = None,
        vote_margin: float = 0.0,
        threads: int | None = None,
        model_format: ModelFormat = ModelFormat.NATIVE,
    ) -> None:
        if threads is not None:
            limit_threads(threads)
        check_model(model)
        self._model_format = check_format(model_format)
        self._model, self.criterion = model, criterion
        self._fit_options = {
            **_FIT_DEFAULTS,
            **checked_options("model_fit_kwargs", model_fit_kwargs, model.fit),
        }
        check_loader(train_loader, "train_loader", endless=bool(self._fit_options.get("steps_per_epoch")))
        self._train_loader = train_loader
        self._evaluate_options = {
            **_EVALUATE_DEFAULTS,
            **checked_options("model_evaluate_kwargs", model_evaluate_kwargs, model.evaluate),
        }
        self._vote_sample, self._test_sample = self._samples(vote_loader, test_loader)
        self._check_criterion()
        self._weights = keras_weights.read(model)
        self._schema = _schema_of(self._weights)
        self._optimizer = ProposalOptimizer(model, fresh=need_reset_optimizer)
        self.diff_priv_config = diff_priv_config
        self._private = self._private_training(diff_priv_config, privacy_ledger, model_fit_kwargs or {})
        self._keeper = self._first_scores(minimise_criterion, vote_margin)

    def mli_propose_weights(self) -> Weights:
        """Train from the current weights; the optimizer's state is never part of a proposal.

        Returns:
            The new weights, a ``dict`` of arrays. With differential privacy, the budget spent goes with
            them; when it does not allow one step more, no weights and ``DP_BUDGET_EXCEEDED``.

        Raises:
            LearnerError: the training failed or came to weights that are not finite; what it was charged to a
                privacy budget stays spent.
            ConfigError: the privacy ledger has lost records.
            StorageError: the privacy ledger cannot be used; nothing was trained.
        """
        if self._private is None:
            return Weights(weights=self._trained(self._fit))
        private = self._private
        steps = private.budget.reserve(private.steps, f"from {weights_digest(self._weights).hex()}")
        if not steps:
            return private.budget.refusal()
        arrays = self._trained(lambda: private.train(steps))
        return Weights(weights=arrays, training_summary=private.budget.summary())

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Score these weights and approve them if they improve on the current ones; NaN never does.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
            LearnerError: the evaluation failed.
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
            LearnerError: the evaluation failed.
        """
        arrays = self.weights_to_arrays(weights.weights)
        if not named_arrays.is_finite(arrays):
            raise InvalidWeights("weights that are not finite cannot be held", subject="weights")
        self._keeper.hold(arrays)
        self._weights = arrays
        keras_weights.load(self._model, arrays)

    def mli_get_current_weights(self) -> Weights:
        """Return a copy of the current weights, ``dict[str, numpy.ndarray]``, and the privacy budget if any.

        Raises:
            ConfigError: the privacy ledger has lost records.
            StorageError: the privacy ledger cannot be used.
        """
        summary = None if self._private is None else self._private.budget.summary()
        return Weights(weights=self.arrays_to_weights(self._weights), training_summary=summary)

    def mli_get_current_model(self) -> ColearnModel:
        """Return a copy of the model with the current weights, not compiled.

        Raises:
            ConfigError: it was to be an ONNX file, and cannot be exported, or the extra is missing.
            LearnerError: the model's class does not say how it is made (``get_config``), or the file would
                predict something else.
        """
        inputs = keras.utils.unpack_x_y_sample_weight(next(iter(self._vote_sample)))[0]
        with _typed_errors(f"copying {self._model.name}"):
            model = keras.models.clone_model(self._model)
            model(inputs)  # builds what the model's class does not build by itself
            keras_weights.load(model, self._weights)
        return as_colearn_model(model, self._model_format, inputs)

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

    def charge_published(self, published: DiffPrivBudget) -> None:
        """Charge to the ledger what an own proposal says was spent, as far as the ledger does not know it.

        Raises:
            ConfigError: the learner trains without a privacy budget, or the ledger has lost records.
            StorageError: the ledger cannot be used.
        """
        if self._private is None:
            raise ConfigError("this learner trains without a privacy budget, to which could be charged")
        self._private.budget.charge_published(published)

    def _samples(
        self, vote: tf.data.Dataset | None, test: tf.data.Dataset | None
    ) -> tuple[tf.data.Dataset, tf.data.Dataset | None]:
        steps = self._evaluate_options.pop("steps", None)
        samples = [
            fixed_sample(loader, name, steps)
            for name, loader in (("vote_loader", vote), ("test_loader", test))
            if loader is not None
        ]
        if not samples:
            raise ConfigError("a learner needs a vote_loader to vote by, or at least a test_loader")
        return samples[0], samples[1] if len(samples) > 1 else None

    def _check_criterion(self) -> None:
        """Evaluate one batch, which builds whatever the model has not built yet."""
        try:
            found = self._model.evaluate(self._vote_sample.take(1), **self._evaluate_options)
        except Exception as error:
            raise ConfigError(f"{self._model.name} cannot be evaluated: {in_words(error)}") from error
        if self.criterion not in found:
            raise ConfigError(f"there is no criterion '{self.criterion}'; there are {', '.join(found)}")

    def _first_scores(self, minimise: bool, margin: float) -> ScoreKeeper:  # noqa: FBT001 - one caller
        try:
            keeper = ScoreKeeper(self._evaluate, self._weights, minimise=minimise, margin=margin)
        except LearnerError as error:
            raise ConfigError(f"the first weights cannot be scored: {error}") from error
        if math.isnan(keeper.held.vote):
            raise ConfigError(f"the vote score '{self.criterion}' of the first weights is NaN")
        return keeper

    def _private_training(
        self,
        config: DiffPrivConfig | None,
        ledger: PrivacyLedger | Path | str | None,
        fit_options: Mapping[str, Any],
    ) -> PrivateTraining | None:
        if config is None and ledger is None:
            return None
        if config is None or ledger is None:
            raise ConfigError(
                "diff_priv_config and privacy_ledger go together; where nothing has to outlive the process, "
                "the ledger is PrivacyLedger.in_memory()"
            )
        if unknown := sorted(fit_options.keys() - _PRIVATE_OPTIONS):
            raise ConfigError(f"private training takes no {', '.join(unknown)} of model_fit_kwargs")
        options = {name: fit_options[name] for name in ("epochs", "steps_per_epoch") if name in fit_options}
        opened = ledger if isinstance(ledger, PrivacyLedger) else PrivacyLedger(ledger)
        with self._using(self._weights):
            return PrivateTraining(self._model, self._train_loader, config, opened, **options)

    def _trained(self, train: Callable[[], object]) -> Arrays:
        with _typed_errors("training"), self._using(self._weights), self._optimizer.proposal():
            train()
            arrays = keras_weights.read(self._model)
        if not named_arrays.is_finite(arrays):
            raise LearnerError("the training diverged: its weights are not finite")
        return arrays

    def _fit(self) -> None:
        self._model.fit(self._train_loader, **self._fit_options)

    def _evaluate(self, arrays: NamedArrays) -> Scores:
        """Score weights; NaN where they, or the losses that come of them, are no numbers."""
        if not named_arrays.is_finite(arrays):
            return Scores(math.nan, math.nan)
        with _typed_errors("the evaluation"), self._using(arrays):
            return Scores(
                self._score(self._vote_sample),
                math.nan if self._test_sample is None else self._score(self._test_sample),
            )

    def _score(self, sample: tf.data.Dataset) -> float:
        scores = self._model.evaluate(sample, **self._evaluate_options)
        # an accuracy may be a number where all predictions are NaN
        return math.nan if math.isnan(scores.get("loss", 0)) else float(scores[self.criterion])

    @contextmanager
    def _using(self, arrays: NamedArrays) -> Iterator[None]:
        """Let the model have these weights; afterwards it has the current ones again, whatever happened."""
        try:
            keras_weights.load(self._model, arrays)
            yield
        finally:
            keras_weights.load(self._model, self._weights)


def _schema_of(weights: Arrays) -> WeightSchema:
    try:
        return WeightSchema.of(weights)
    except InvalidWeights as error:
        raise ConfigError(f"the model's weights cannot be exchanged: {error}") from error


@contextmanager
def _typed_errors(what: str) -> Iterator[None]:
    """Turn whatever a model, a pipeline or a callback raises into a LearnerError."""
    try:
        yield
    except Exception as error:
        raise LearnerError(f"{what} failed: {in_words(error)}") from error
