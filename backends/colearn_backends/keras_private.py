"""DP-SGD for a compiled Keras model (Abadi et al. 2016, arXiv:1607.00133).

Each step draws a Poisson sample of the private examples, sums their gradients after each was clipped to an L2
norm, adds Gaussian noise, divides by the expected size of the sample and lets the optimizer apply that.
TensorFlow computes the sum; which examples are drawn and the noise come from ``privacy.NoiseSource``.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from colearn_backends.keras_data import check_loader, read_all
from colearn_backends.keras_runtime import in_words, layers_of
from colearn_backends.privacy import NoiseSource, PrivacyBudget
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from colearn_backends.privacy import PrivacyLedger
    from colearn_chain.ml_interface import DiffPrivConfig

    Arrays = Sequence[npt.NDArray[Any]]

PART_BYTES = 1 << 28
"""256 MiB: the gradients of a batch of 128 for half a million weights."""


class PrivateExamples:
    """All examples of a pipeline, as arrays out of which samples can be drawn.

    Args:
        loader: batches, (x, y) or (x, y, sample weights), as a ``tf.data.Dataset`` that ends. It is read
            once, so what it shuffles or augments stays as it is then.

    Attributes:
        count: how many examples there are.
        batch_size: how many the largest batch has.
        batches: how many batches the pipeline has.

    Raises:
        ConfigError: it is no pipeline, has no end or no batches, or cannot be read; or its examples differ in
            shape.
    """

    def __init__(self, loader: Any) -> None:
        check_loader(loader, "the train_loader of private training", endless=False)
        batches = read_all(loader, "train_loader")
        sizes = [len(tf.nest.flatten(batch)[0]) for batch in batches]
        self.count, self.batch_size, self.batches = sum(sizes), max(sizes), len(batches)
        try:
            self._arrays = tf.nest.map_structure(lambda *parts: np.concatenate(parts), *batches)
        except ValueError as error:
            raise ConfigError("the examples of train_loader have different shapes") from error

    @property
    def signature(self) -> Any:
        """The type of a batch of any size, as TensorFlow describes it."""
        return tf.nest.map_structure(
            lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), self._arrays
        )

    def take(self, rows: npt.NDArray[np.intp]) -> Any:
        """Return some of the examples as one batch."""
        return tf.nest.map_structure(lambda array: array[rows], self._arrays)


class PrivateTraining:
    """Trains a model by DP-SGD within a budget.

    Sample weights, and penalties such as those of regularizers, are part of each example's loss and clipped
    with it. Examples that are worked through together share their dropout masks.

    Args:
        model: built and compiled, its optimizer built, too.
        loader: the private data, see ``PrivateExamples``; a step samples as many as a batch has, on average.
        config: the target, the noise and the norm that each example's gradient is clipped to.
        ledger: of the private data.
        epochs: of one proposal.
        steps_per_epoch: None takes as many as the loader has batches.
        part_bytes: how much memory the gradients of all examples of a sample may take; larger samples are
            worked through in parts, at worst one by one.

    Attributes:
        budget: what may be spent; who trains reserves it first.
        steps: how many a proposal has if the budget allows it.

    Raises:
        ConfigError: a number or the loader cannot be used, something besides gradients would leave the
            private data (by the layer's name), or gradients cannot be taken one example at a time.
        StorageError: the ledger cannot be read.
    """

    def __init__(  # noqa: PLR0913 - two of them are options of fit
        self,
        model: Any,
        loader: Any,
        config: DiffPrivConfig,
        ledger: PrivacyLedger,
        *,
        epochs: int = 1,
        steps_per_epoch: int | None = None,
        part_bytes: int = PART_BYTES,
    ) -> None:
        _check_layers(model)
        self._examples = examples = PrivateExamples(loader)
        self.budget = PrivacyBudget(config, ledger, examples=examples.count, batch_size=examples.batch_size)
        self.steps = epochs * (steps_per_epoch or examples.batches)
        self._norm = config.max_grad_norm
        self._optimizer, self._variables = model.optimizer, model.trainable_variables
        bytes_each = sum(math.prod(each.shape) * tf.as_dtype(each.dtype).size for each in self._variables)
        self._part = max(1, part_bytes // max(1, bytes_each))
        try:
            self._sum_part = _traced_sum(model, examples.signature, self._norm)
            self._rehearse(model)
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise ConfigError(
                f"the gradients of {model.name} cannot be taken one example at a time (a recurrent layer may "
                f"need unroll=True): {in_words(error)}"
            ) from error
        self._apply = _traced_update(self._optimizer, self._variables)

    def train(self, steps: int) -> None:
        """Train so many steps from the weights that the model has; they have been reserved."""
        source = NoiseSource()
        noise_multiplier, rate = self.budget.mechanism
        scale, expected = noise_multiplier * self._norm, self._examples.count * rate
        for _ in range(steps):
            sums = self.clipped_sum(source.poisson_sample(self._examples.count, rate))
            self._apply(
                *((each + source.gaussian(each.shape, scale, each.dtype)) / expected for each in sums)
            )
        self._optimizer.finalize_variable_values(self._variables)

    def clipped_sum(self, rows: npt.NDArray[np.intp]) -> Arrays:
        """Return the sum of the clipped gradients of these examples, one array for each trainable weight."""
        sums = [np.zeros(each.shape, each.dtype) for each in self._variables]
        for start in range(0, len(rows), self._part):
            more = self._sum_of(rows[start : start + self._part])
            sums = [total + part for total, part in zip(sums, more, strict=True)]
        return sums

    def _sum_of(self, rows: npt.NDArray[np.intp]) -> Arrays:
        if len(rows) > 1:
            return [part.numpy() for part in self._sum_part(self._examples.take(rows))]
        # TensorFlow cannot vectorize an LSTM over one example, but over the same one twice
        return [part / 2 for part in self._sum_of(np.repeat(rows, 2))]

    def _rehearse(self, model: Any) -> None:
        """Check that taking gradients leaves no trace in the model, which later ones would depend on."""
        state = [(each, each.numpy().copy()) for each in model.weights]
        self.clipped_sum(np.arange(1))
        for variable, before in state:
            if not np.array_equal(variable.numpy(), before, equal_nan=True):
                raise ConfigError(
                    f"the weight '{variable.path}' changes when the model is called, and no noise covers that"
                )


def _check_layers(model: Any) -> None:
    if type(model).train_step is not keras.Model.train_step:
        raise ConfigError(
            f"{type(model).__name__} has a train_step of its own, which private training would pass over"
        )
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            raise ConfigError(
                f"layer '{layer.name}' is a BatchNormalization: it mixes examples, and no noise covers its "
                "moving averages; use GroupNormalization or LayerNormalization, or freeze it"
            )


def _traced_sum(model: Any, signature: Any, max_grad_norm: float) -> Callable[[Any], Any]:
    """Compile the sum of clipped gradients for batches of any size but 0."""
    variables = model.trainable_variables

    def clipped(example: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(tf.nest.map_structure(_alone, example))
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), weight, training=True)
        found = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = [tf.convert_to_tensor(gradient) for gradient in found]
        # not tf.linalg.global_norm: its L2Loss has no vectorized form
        norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients]))
        return [gradient * tf.minimum(max_grad_norm / norm, 1) for gradient in gradients]

    def summed(batch: Any) -> Any:
        return [tf.reduce_sum(gradients, 0) for gradients in tf.vectorized_map(clipped, batch)]

    with _without_pfor_logs():
        traced: Callable[[Any], Any] = tf.function(
            summed, input_signature=[signature], autograph=False
        ).get_concrete_function()
    return traced


def _traced_update(optimizer: Any, variables: Sequence[Any]) -> Callable[..., None]:
    """Compile what the optimizer does with gradients, given as one argument for each variable."""

    def update(*gradients: Any) -> None:
        # as in Keras' own step, where the loss was scaled and the optimizer takes that back
        optimizer.apply([optimizer.scale_loss(gradient) for gradient in gradients], variables)

    signature = [tf.TensorSpec(each.shape, each.dtype) for each in variables]
    traced: Callable[..., None] = tf.function(update, input_signature=signature, autograph=False)
    return traced


def _alone(tensor: Any) -> Any:
    return tensor[tf.newaxis]


@contextmanager
def _without_pfor_logs() -> Iterator[None]:
    """Without what TensorFlow's vectorizer, ``pfor``, tells its own developers, a hundred lines at a time."""
    log = tf.get_logger()
    log.addFilter(_is_not_of_pfor)
    try:
        yield
    finally:
        log.removeFilter(_is_not_of_pfor)


def _is_not_of_pfor(record: logging.LogRecord) -> bool:
    return record.module != "pfor"
