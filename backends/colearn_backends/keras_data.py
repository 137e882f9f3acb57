"""``tf.data`` pipelines as a learner takes them: checked, and fixed where models are compared on them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from colearn_backends.keras_runtime import in_words
from colearn_chain.errors import ConfigError


def check_loader(loader: object, name: str, *, endless: bool) -> None:
    """Check that a loader is a pipeline, and one that ends.

    Args:
        loader: what the caller gave.
        name: what it is called, for errors.
        endless: whether somebody else says how many batches are taken, so that it need not end.

    Raises:
        ConfigError: it is no ``tf.data.Dataset``, or has no end where it needs one.
    """
    if not isinstance(loader, tf.data.Dataset):
        raise ConfigError(f"{name} must be a tf.data.Dataset of batches, not {type(loader).__name__}")
    if not endless and loader.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ConfigError(f"{name} repeats without end; say how many steps of it are meant")


def read_all(loader: tf.data.Dataset, name: str) -> list[Any]:
    """Return all batches of a pipeline as numpy arrays.

    Raises:
        ConfigError: it cannot be read or has no batches.
    """
    try:
        batches = list(loader.as_numpy_iterator())
    except Exception as error:
        raise ConfigError(f"{name} cannot be read: {in_words(error)}") from error
    if not batches:
        raise ConfigError(f"{name} has no batches")
    return batches


def fixed_sample(loader: tf.data.Dataset, name: str, steps: int | None) -> tf.data.Dataset:
    """Return the first batches of a pipeline as they are now, the same ones whenever they are iterated.

    A pipeline that shuffles or augments would measure two models on different samples, and chance would
    vote. The batches stay in memory.

    Args:
        loader: a pipeline of batches.
        name: what it is called, for errors.
        steps: how many batches; None takes all. If there are fewer, it is those.

    Raises:
        ConfigError: it is no ``tf.data.Dataset``, has no end and needs one, cannot be read or has no batches.
    """
    check_loader(loader, name, endless=steps is not None)
    fixed = (loader if steps is None else loader.take(steps)).cache()
    batches = len(read_all(fixed, name))
    return fixed.apply(tf.data.experimental.assert_cardinality(batches))
