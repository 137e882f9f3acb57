"""The three ways from a framework's model to an ONNX graph, by the converter that works for each."""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    Array = npt.NDArray[Any]

OPSET = 18
"""The version of ONNX's operators, of December 2022; ONNX Runtime knows it from 1.14 on."""

INPUT, OUTPUT, BATCH = "input", "output", "batch"
"""What the one input is called, a neural network's output, and the free first dimension of all."""


@dataclass(frozen=True)
class Converted:
    """A converted model, and what it has to predict.

    Attributes:
        proto: the ``onnx.ModelProto``.
        rows: sample inputs of the element type that the graph takes.
        expected: by the output's name, what the model itself predicts from the sample.
    """

    proto: Any
    rows: Array
    expected: Mapping[str, Array]


def converter_for(model: Any) -> Callable[[Any, Array], Converted]:
    """Find out whose a model is; a framework that was never imported has made none.

    Keras comes before PyTorch, since on PyTorch a Keras model is a module too.

    Raises:
        ConfigError: nobody's that is known.
    """
    owners = (
        ("keras", "Model", _from_keras),
        ("torch.nn", "Module", _from_torch),
        ("sklearn.base", "BaseEstimator", _from_sklearn),
    )
    for name, kind, convert in owners:
        module = sys.modules.get(name)
        if module is not None and isinstance(model, getattr(module, kind)):
            return convert
    raise ConfigError(f"a {type(model).__name__} cannot be exported to ONNX: nothing is known of its kind")


def _from_sklearn(model: Any, rows: Array) -> Converted:
    from skl2onnx import convert_sklearn  # noqa: PLC0415 - in an extra
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415 - in an extra
    from sklearn.base import is_classifier  # noqa: PLC0415 - in an extra

    model = _without_idle_steps(model)
    classifies = is_classifier(model)
    proto = convert_sklearn(
        model,
        initial_types=[(INPUT, FloatTensorType([None, *rows.shape[1:]]))],
        options={id(model): {"zipmap": False}} if classifies else None,
        target_opset=OPSET,
    )
    expected = {"probabilities": _class_scores(model, rows)} if classifies else _regression(model, rows)
    return Converted(proto, rows.astype(np.float32), expected)


def _without_idle_steps(model: Any) -> Any:
    """The converter knows no ``passthrough``."""
    from sklearn.pipeline import Pipeline  # noqa: PLC0415 - in an extra

    if not isinstance(model, Pipeline):
        return model
    return Pipeline([(name, step) for name, step in model.steps if step not in (None, "passthrough")])


def _class_scores(model: Any, rows: Array) -> Array:
    """Probabilities; else scores, which the converter gives for both of two classes."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows))
    scores = np.asarray(model.decision_function(rows))
    return scores if scores.ndim > 1 else np.column_stack([-scores, scores])


def _regression(model: Any, rows: Array) -> dict[str, Array]:
    return {"variable": np.asarray(model.predict(rows)).reshape(len(rows), -1)}


def _from_torch(model: Any, rows: Array) -> Converted:
    import torch  # noqa: PLC0415 - in an extra

    model = copy.deepcopy(model).cpu().eval()
    # older versions take a dimension of one for one that is always one
    sample = torch.from_numpy(rows if len(rows) > 1 else np.concatenate([rows, rows]))
    floats = [weight.dtype for weight in model.parameters() if weight.is_floating_point()]
    if sample.is_floating_point() and floats:
        sample = sample.to(floats[0])
    with torch.no_grad():
        predicted = model(sample)
    outputs = _named(predicted if isinstance(predicted, tuple | list) else [predicted])
    with _quiet_torch():
        program: Any = torch.onnx.export(
            model,
            (sample,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim(BATCH)},),
            input_names=[INPUT],
            output_names=list(outputs),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    expected = {name: value.numpy() for name, value in outputs.items()}
    return Converted(program.model_proto, sample.numpy(), expected)


@contextmanager
def _quiet_torch() -> Iterator[None]:
    """Keep quiet about a package that is not there and about what PyTorch uses of itself."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        log.setLevel(level)


def _from_keras(model: Any, rows: Array) -> Converted:
    import keras  # noqa: PLC0415 - in an extra

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(f"Keras on {keras.backend.backend()} is not known here, only on tensorflow")
    import tensorflow as tf  # noqa: PLC0415 - in an extra
    import tf2onnx  # type: ignore[import-untyped]  # noqa: PLC0415 - no types; in an extra

    floats = keras.config.floatx() if rows.dtype.kind == "f" else rows.dtype
    rows = rows.astype(model.inputs[0].dtype if getattr(model, "inputs", None) else floats)
    expected = _named(tf.nest.flatten(model(rows, training=False)))
    given = tf.TensorSpec([None, *rows.shape[1:]], rows.dtype, name=INPUT)

    @tf.function(input_signature=[given])  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def predict(sample: Any) -> dict[str, Any]:
        return _named(tf.nest.flatten(model(sample, training=False)))

    proto, _ = tf2onnx.convert.from_function(predict, input_signature=[given], opset=OPSET)
    return Converted(proto, rows, {name: value.numpy() for name, value in expected.items()})


def _named(outputs: Sequence[Any]) -> dict[str, Any]:
    if len(outputs) == 1:
        return {OUTPUT: outputs[0]}
    return {f"{OUTPUT}_{index}": output for index, output in enumerate(outputs)}
