"""Keras models as ONNX files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from colearn_backends.keras import KerasLearner
from colearn_backends.onnx_export import onnx_bytes
from colearn_chain.ml_interface import ModelFormat


def pictures(count: int, seed: int = 0) -> Any:
    """Random pictures, channels last."""
    return np.random.default_rng(seed).normal(size=(count, 6, 6, 1)).astype(np.float32)


def layers() -> list[Any]:
    """A convolution with everything that behaves otherwise in training."""
    return [
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]


def functional() -> Any:
    """A functional model with two outputs."""
    given = keras.Input((6, 6, 1))
    flat = keras.layers.Flatten()(given)
    return keras.Model(given, [keras.layers.Dense(3)(flat), keras.layers.Dense(1)(flat)])


MODELS = {
    "with an input": lambda: keras.Sequential([keras.Input((6, 6, 1)), *layers()]),
    "without an input": lambda: keras.Sequential(layers()),
    "two outputs": functional,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("rows", [1, 5])
def test_a_model_predicts_the_same_from_its_file(make: Any, rows: int) -> None:
    """Without dropout, within 1e-5, for any number of rows; the outputs in the model's order."""
    keras.utils.set_random_seed(0)
    model = make()
    content = onnx_bytes(model, pictures(rows).astype(np.float64))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert sorted(names) == (["output_0", "output_1"] if make is functional else ["output"])
    found = session.run(sorted(names), {"input": pictures(7, seed=2)})
    expected = model(pictures(7, seed=2), training=False)
    expected = expected if isinstance(expected, list) else [expected]
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other.numpy()).max() < 1e-5


def test_a_batch_normalization_that_has_learned_is_exported_with_it() -> None:
    """Moving averages are part of the model."""
    model = MODELS["with an input"]()
    moving = model.layers[1].moving_mean
    before = onnx_bytes(model, pictures(3))
    moving.assign(moving + 5.0)
    after = onnx_bytes(model, pictures(3))
    results = [
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(
            None, {"input": pictures(7)}
        )[0]
        for content in (before, after)
    ]
    assert np.abs(results[0] - results[1]).max() > 1e-3


def test_keras_on_another_backend_is_refused() -> None:
    """Of its backends only TensorFlow has a way to ONNX here; a process has one backend from its start."""
    script = (
        "import keras, numpy as np\n"
        "from colearn_backends.onnx_export import onnx_bytes\n"
        "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])\n"
        "onnx_bytes(model, np.zeros((2, 4)))"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter, our own script
        [sys.executable, "-c", script],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError: Sequential cannot be exported to ONNX: Keras on torch is not known" in done.stderr


def test_a_learner_gives_its_current_model_as_onnx() -> None:
    """The bytes of a file that predicts what its Keras model predicts, after an adoption, too."""
    samples = tf.data.Dataset.from_tensor_slices((pictures(8), np.arange(8) % 3)).batch(8)
    learners = []
    for model_format in (ModelFormat.NATIVE, ModelFormat.ONNX):
        keras.utils.set_random_seed(0)
        model = MODELS["with an input"]()
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
        learners.append(KerasLearner(model, samples, samples, model_format=model_format))
    proposal = learners[0].mli_propose_weights()
    for learner in learners:
        learner.mli_accept_weights(proposal)
    native, given = (learner.mli_get_current_model() for learner in learners)
    assert given.model_format is ModelFormat.ONNX
    session = onnxruntime.InferenceSession(given.model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": pictures(7, seed=2)})
    keras_model: Any = native.model
    assert np.abs(found - keras_model(pictures(7, seed=2), training=False).numpy()).max() < 1e-5
