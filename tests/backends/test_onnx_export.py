"""Models as ONNX files: what ONNX Runtime predicts from them is what the framework predicts."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Perceptron, SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from colearn_backends.onnx_export import as_colearn_model, onnx_bytes, to_onnx
from colearn_backends.sklearn import SklearnLearner
from colearn_chain.errors import ConfigError, LearnerError
from colearn_chain.ml_interface import ModelFormat

if TYPE_CHECKING:
    from pathlib import Path

ROWS = np.random.default_rng(0).normal(size=(60, 4))
LABELS = np.arange(60) % 3
PLANE = ROWS @ np.array([1.0, -2.0, 0.5, 0.0])
WORDS = np.array(["ant", "bee", "cat"])[LABELS]


def run(content: bytes, rows: Any) -> dict[str, Any]:
    """What a file predicts, by the outputs' names."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.name == "input"
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": rows}), strict=True))


def trained(estimator: Any, targets: Any) -> Any:
    """A fitted estimator, far from convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(ROWS, targets)


CLASSIFIERS = {
    "log": (SGDClassifier(loss="log_loss", random_state=0), LABELS),
    "log of two": (SGDClassifier(loss="log_loss", random_state=0), LABELS % 2),
    "words": (SGDClassifier(loss="log_loss", random_state=0), WORDS),
    "hinge": (SGDClassifier(random_state=0), LABELS),
    "hinge of two": (SGDClassifier(random_state=0), LABELS % 2),
    "perceptron": (Perceptron(), LABELS),
    "mlp": (MLPClassifier((5,), max_iter=3, random_state=0), LABELS),
    "mlp of two": (MLPClassifier((5,), max_iter=3, random_state=0), LABELS % 2),
    "pipeline": (make_pipeline(StandardScaler(), "passthrough", SGDClassifier(loss="log_loss")), LABELS),
}


@pytest.mark.parametrize(("estimator", "labels"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_a_classifier_predicts_the_same_from_its_file(estimator: Any, labels: Any) -> None:
    """Labels are equal, probabilities or scores within 1e-5, for rows that were not the sample."""
    model = trained(estimator, labels)
    others = np.random.default_rng(1).normal(size=(50, 4))
    found = run(onnx_bytes(model, ROWS[:3]), others.astype(np.float32))
    assert np.array_equal(found["label"].astype(str), model.predict(others).astype(str))
    if hasattr(model, "predict_proba"):
        assert np.abs(found["probabilities"] - model.predict_proba(others)).max() < 1e-5
    else:
        scores = model.decision_function(others)
        assert np.abs(found["probabilities"][:, -1] - scores.reshape(50, -1)[:, -1]).max() < 1e-4


@pytest.mark.parametrize(
    "estimator",
    [
        SGDRegressor(random_state=0),
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0),
        make_pipeline(Normalizer(), SGDRegressor(random_state=0)),
    ],
    ids=["sgd", "mlp", "pipeline"],
)
def test_a_regressor_predicts_the_same_from_its_file(estimator: Any) -> None:
    """One column, within 1e-5."""
    model = trained(estimator, PLANE)
    others = np.random.default_rng(1).normal(size=(50, 4))
    found = run(onnx_bytes(model, ROWS[:3]), others.astype(np.float32))
    assert np.abs(found["variable"][:, 0] - model.predict(others)).max() < 1e-5


def test_a_file_that_predicts_something_else_is_refused(tmp_path: Path) -> None:
    """The converter flattens the targets of a perceptron that has two; nobody gets to see such a file."""
    model = trained(MLPRegressor(hidden_layer_sizes=(5,), max_iter=3), np.column_stack([PLANE, -PLANE]))
    with pytest.raises(LearnerError, match="MLPRegressor, exported to ONNX, predicts shape"):
        to_onnx(model, ROWS, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def blobs(seed: int) -> tuple[Any, Any]:
    """Points around three centres."""
    return np.random.default_rng(seed).normal(size=(60, 4)) + 3 * np.eye(4)[LABELS], LABELS


def sklearn_learner(**options: Any) -> SklearnLearner:
    """A learner of the blobs that has adopted one proposal."""
    scaler = StandardScaler().fit(blobs(7)[0])
    pipeline = make_pipeline(scaler, SGDClassifier(loss="log_loss", random_state=0))
    learner = SklearnLearner(pipeline, blobs(0), blobs(1), classes=range(3), **options)
    learner.mli_accept_weights(learner.mli_propose_weights())
    return learner


def test_a_learner_gives_its_current_model_as_onnx() -> None:
    """The bytes are those of a file, preprocessing included, and follow the current weights."""
    learner = sklearn_learner(model_format=ModelFormat.ONNX)
    model = learner.mli_get_current_model()
    assert model.model_format is ModelFormat.ONNX
    assert isinstance(model.model, bytes)
    native = sklearn_learner().mli_get_current_model().model
    assert native is not None
    features = blobs(2)[0]
    found = run(model.model, features.astype(np.float32))
    assert np.abs(found["probabilities"] - native.predict_proba(features)).max() < 1e-5


@pytest.mark.parametrize("model_format", [ModelFormat.NATIVE, ModelFormat.ONNX])
def test_any_learners_model_is_written_to_a_file(model_format: ModelFormat, tmp_path: Path) -> None:
    """Whichever format the learner gives; an earlier file is replaced, and nothing else is left."""
    path = tmp_path / "model.onnx"
    path.write_text("an earlier file")
    to_onnx(sklearn_learner(model_format=model_format), ROWS[:1], path)
    onnx.checker.check_model(onnx.load(path))
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_says_its_shapes() -> None:
    """One input of single precision with a free number of rows, and outputs with as many."""
    proto = onnx.load_model_from_string(onnx_bytes(trained(SGDRegressor(), PLANE), ROWS))
    for value in (*proto.graph.input, *proto.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


class Strange(BaseEstimator):  # type: ignore[misc]
    """An estimator that no converter knows."""


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (object(), "a object cannot be exported to ONNX: nothing is known of its kind"),
        (Strange(), "Strange cannot be exported to ONNX"),
        (SGDRegressor(), "SGDRegressor cannot be exported to ONNX: .* no attribute 'coef_'"),
        (
            trained(make_pipeline(FunctionTransformer(np.arctan), SGDRegressor()), PLANE),
            "Pipeline cannot be exported to ONNX: FunctionTransformer is not supported",
        ),
    ],
    ids=["object", "unknown", "unfitted", "function"],
)
def test_a_model_that_cannot_be_exported_is_named(model: Any, complaint: str) -> None:
    """In one line, with the converter's own words where it has any."""
    with pytest.raises(ConfigError, match=complaint) as caught:
        onnx_bytes(model, ROWS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sample", [3, [1.0, 2.0], np.zeros((0, 4)), [["a", "b"]], [[1.0], [2.0, 3.0]]])
def test_a_sample_that_is_none_is_refused(sample: Any) -> None:
    """Rows of numbers, and one at least."""
    with pytest.raises(ConfigError, match="the sample is no array of inputs"):
        onnx_bytes(trained(SGDRegressor(), PLANE), sample)


@pytest.mark.parametrize("package", ["skl2onnx", "onnx", "onnxruntime"])
def test_a_package_that_is_missing_names_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the three it is."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"{package}.*pip install 'colearn-chain\[onnx\]' brings it"):
        onnx_bytes(trained(SGDRegressor(), PLANE), ROWS)


def test_pickle_is_no_format() -> None:
    """The format of former times is refused, by a learner when it is made."""
    with pytest.raises(ConfigError, match=r"as NATIVE or ONNX, not as ModelFormat\.PICKLE_WEIGHTS_ONLY"):
        as_colearn_model(object(), ModelFormat.PICKLE_WEIGHTS_ONLY, ROWS)
    with pytest.raises(ConfigError, match="as NATIVE or ONNX"):
        sklearn_learner(model_format=ModelFormat.PICKLE_WEIGHTS_ONLY)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is not there."""
    with pytest.raises(ConfigError, match=r"nowhere/model\.onnx cannot be written: No such file"):
        to_onnx(trained(SGDRegressor(), PLANE), ROWS, tmp_path / "nowhere" / "model.onnx")
