"""TensorFlow and Keras as a learner meets them: threads, the arguments of their methods, their errors."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SAID_ELSEWHERE = {"x", "y", "sample_weight", "batch_size", "validation_split", "return_dict"}
"""Arguments of ``fit`` and ``evaluate`` that follow from the pipeline or are the learner's own."""


def limit_threads(count: int) -> None:
    """Let TensorFlow use so many threads for one operation, and so many operations at once, in this process.

    Learners that share a machine are best with one each: threads that spin beside each other cost many times
    what they bring. TensorFlow takes this only before it has computed anything, so call it before the first
    model, tensor or data set is made. Asking again for what is set is fine at any time.

    Raises:
        ConfigError: the count is not positive, or TensorFlow already runs with another one.
    """
    if count < 1:
        raise ConfigError(f"TensorFlow needs a thread at least, not {count}")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
    except RuntimeError as error:
        now = tf.config.threading.get_intra_op_parallelism_threads() or "as many threads as there are cores"
        raise ConfigError(
            f"TensorFlow already runs with {now} and cannot go to {count} any more; "
            f"call limit_threads({count}) before anything is made with Keras or TensorFlow"
        ) from error


def check_model(model: Any) -> None:
    """Check that a model can be trained here, and that its weights are all there is to it.

    Raises:
        ConfigError: it is no Keras model or not compiled, Keras does not run on TensorFlow, or a layer was
            adapted to data (by its name).
    """
    if not isinstance(model, keras.Model):
        raise ConfigError(f"a {type(model).__module__}.{type(model).__name__} is no keras.Model of Keras 3")
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(f"Keras must run on TensorFlow, not on {keras.backend.backend()} (KERAS_BACKEND)")
    if not model.compiled:
        raise ConfigError(f"{model.name} has no optimizer and loss: compile it first")
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            raise ConfigError(
                f"layer '{layer.name}' normalizes by what it was adapted to, each party to its own data; "
                "give it a mean and a variance that all agree on"
            )


def layers_of(model: Any) -> list[Any]:
    """Return all layers of a model, those inside other layers included."""
    return list(model._flatten_layers())  # noqa: SLF001 - Keras has no public way to see them


def checked_options(
    name: str, options: Mapping[str, Any] | None, method: Callable[..., Any]
) -> Mapping[str, Any]:
    """Return keyword arguments after a check that ``fit`` or ``evaluate`` takes them beside a pipeline.

    Args:
        name: what the arguments are called, for errors.
        options: the arguments; None for none.
        method: ``model.fit`` or ``model.evaluate``.

    Raises:
        ConfigError: an argument is unknown or would say again what the pipeline or the learner says.
    """
    parameters = inspect.signature(method).parameters.values()
    known = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD} - _SAID_ELSEWHERE
    given = {} if options is None else options
    if unknown := sorted(map(shown, given.keys() - known)):
        raise ConfigError(f"{name} cannot have {', '.join(unknown)}, only {', '.join(sorted(known))}")
    return given


def in_words(error: BaseException) -> str:
    """Name an error, with its text unless that is TensorFlow's own, which quotes labels and other data."""
    kind = type(error).__name__
    return kind if isinstance(error, tf.errors.OpError) else f"{kind}: {shown(error)}"
