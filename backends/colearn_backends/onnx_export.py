"""A trained model as an ONNX file, for whoever wants to use it without its framework (extra ``onnx``).

::

    to_onnx(learner, x_test[:10], Path("model.onnx"))

scikit-learn estimators and pipelines, PyTorch modules, and Keras models on TensorFlow; each with one input
and a free number of rows. Every export is checked and run once: where ONNX Runtime does not predict from a
sample what the model predicts, there is no export. Converters are known to come out wrong.

ONNX is a way out only. Nothing in this project reads a model that a peer sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_backends.onnx_converters import BATCH, converter_for
from colearn_chain.errors import ConfigError, LearnerError, shown
from colearn_chain.ml_interface import ColearnModel, MachineLearningInterface, ModelFormat

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from colearn_backends.onnx_converters import Array, Converted

TOLERANCE = 1e-4
"""What a prediction may be off by, as a share of the largest one, or of 1 if all are smaller. Files compute
in single precision; what was seen is below 3e-6."""

MOST_ROWS = 32
"""Of a sample; more would only take longer."""


def to_onnx(model: Any, sample: npt.ArrayLike, path: Path) -> None:
    """Write a model to an ONNX file, which is there as a whole or not at all.

    The file's input is called ``input``. The output of a neural network is ``output`` (of several:
    ``output_0`` and so on); a scikit-learn classifier has ``label`` and ``probabilities`` (scores, where it
    gives none), a regressor ``variable``.

    Args:
        model: a learner, whose current model is meant, or a fitted estimator, module or Keras model.
        sample: inputs as the model takes them, shape [rows, ...]; it does not get into the file.
        path: an earlier file of this name is replaced.

    Raises:
        ConfigError: the model is of no known framework, it cannot be converted, the extra is missing, or the
            file cannot be written.
        LearnerError: the file would predict something else.
    """
    if isinstance(model, MachineLearningInterface):
        model = model.mli_get_current_model().model
    content = model if isinstance(model, bytes) else onnx_bytes(model, sample)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def onnx_bytes(model: Any, sample: npt.ArrayLike) -> bytes:
    """As ``to_onnx``, of a model and into memory.

    Raises:
        ConfigError: the model is of no known framework, it cannot be converted, or the extra is missing.
        LearnerError: the file would predict something else.
    """
    name = type(model).__name__
    convert = converter_for(model)
    rows = _rows(sample)
    try:
        converted = convert(model, rows)
        content = _checked(converted)
        found = _run(content, converted)
    except ImportError as error:
        raise ConfigError(f"{error}: pip install 'colearn-chain[onnx]' brings it") from error
    except Exception as error:  # whatever a converter, the checker or the runtime raises
        raise ConfigError(f"{name} cannot be exported to ONNX: {shown(error)}") from error
    for output, expected in converted.expected.items():
        _compare(f"{name}, exported to ONNX,", found[output], expected)
    return content


def as_colearn_model(model: Any, model_format: ModelFormat, sample: npt.ArrayLike) -> ColearnModel:
    """Return a learner's current model in the format that its owner chose.

    Args:
        model: fitted, and the receiver's to keep.
        model_format: NATIVE for the object itself, ONNX for the bytes of a file.
        sample: see ``to_onnx``.

    Raises:
        ConfigError: see ``onnx_bytes``.
        LearnerError: see ``onnx_bytes``.
    """
    if check_format(model_format) is ModelFormat.ONNX:
        model = onnx_bytes(model, sample)
    return ColearnModel(model_format=model_format, model=model)


def check_format(model_format: ModelFormat) -> ModelFormat:
    """Return the format if learners can give their model in it.

    Raises:
        ConfigError: they cannot.
    """
    if model_format not in {ModelFormat.NATIVE, ModelFormat.ONNX}:
        raise ConfigError(f"a model is given as NATIVE or ONNX, not as {shown(model_format)}")
    return model_format


def _rows(sample: Any) -> Array:
    dense = sample.toarray() if hasattr(sample, "toarray") else sample
    try:
        rows = np.asarray(dense)[:MOST_ROWS]
    except (ValueError, IndexError) as error:
        raise ConfigError(f"the sample is no array of inputs: {shown(error)}") from error
    if rows.ndim < 2 or not rows.size or rows.dtype.kind not in "fiub":  # noqa: PLR2004 - rows of something
        raise ConfigError(f"the sample is no array of inputs but {rows.dtype} of shape {rows.shape}")
    return rows


def _checked(converted: Converted) -> bytes:
    """A model's bytes, its free dimension under one name, whichever converter has made it."""
    import onnx  # noqa: PLC0415 - in an extra

    graph = converted.proto.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.checker.check_model(converted.proto, full_check=True)
    content: bytes = converted.proto.SerializeToString()
    return content


def _run(content: bytes, converted: Converted) -> dict[str, Array]:
    import onnxruntime  # noqa: PLC0415 - in an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # learners share a machine
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    names = list(converted.expected)
    return dict(zip(names, session.run(names, {given.name: converted.rows}), strict=True))


def _compare(who: str, found: Array, expected: Array) -> None:
    if found.shape != expected.shape:
        raise LearnerError(f"{who} predicts shape {found.shape}, not {expected.shape}")
    error = float(np.abs(found - expected).max())
    if not error <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise LearnerError(f"{who} predicts something else: off by {error:.3g}")
