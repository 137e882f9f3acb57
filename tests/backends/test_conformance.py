"""Every learner that ships, held to what the interface promises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import Perceptron, SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from colearn_backends.sklearn import SklearnLearner
from colearn_chain.ml_interface import MachineLearningInterface, ProposedWeights, Weights
from colearn_chain.testing.conformance import LearnerConformance
from colearn_chain.testing.learners import IdleLearner, NanLearner, StepLearner

Maker = Callable[[], MachineLearningInterface]


def _blobs(count: int, seed: int, centres: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % centres
    return rng.normal(size=(count, 4)) + 3 * np.eye(4)[labels], labels


def _line(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(seed).normal(size=(count, 4))
    return points, points @ np.array([1.0, -2.0, 0.5, 0.0])


def _on_blobs(estimator: object, centres: int = 3, **options: object) -> Maker:
    parts = [_blobs(60, seed, centres) for seed in range(3)]
    return lambda: SklearnLearner(estimator, *parts, classes=range(centres), **options)  # type: ignore[arg-type]


def _on_line(estimator: object) -> Maker:
    parts = [_line(60, seed) for seed in range(3)]
    return lambda: SklearnLearner(estimator, *parts)


LEARNERS: dict[str, Maker] = {
    "sgd-log": _on_blobs(SGDClassifier(loss="log_loss", random_state=0)),
    "sgd-hinge": _on_blobs(SGDClassifier(loss="hinge", random_state=0)),
    "sgd-two-classes": _on_blobs(SGDClassifier(loss="log_loss", random_state=0), centres=2),
    "sgd-keeps-its-optimizer": _on_blobs(SGDClassifier(loss="log_loss"), need_reset_optimizer=False),
    "perceptron": _on_blobs(Perceptron()),
    "mlp": _on_blobs(MLPClassifier(hidden_layer_sizes=(5, 4), random_state=0), epochs=2),
    "mlp-two-classes": _on_blobs(
        MLPClassifier(hidden_layer_sizes=(5,), solver="sgd", random_state=0), centres=2
    ),
    "mlp-in-batches": _on_blobs(
        MLPClassifier(hidden_layer_sizes=(5,), batch_size=50, random_state=0), batch_size=20
    ),
    "mlp-keeps-its-optimizer": _on_blobs(
        MLPClassifier(hidden_layer_sizes=(5,), random_state=0), need_reset_optimizer=False
    ),
    "sgd-regressor": _on_line(SGDRegressor(random_state=0)),
    "mlp-regressor": _on_line(MLPRegressor(hidden_layer_sizes=(5,), random_state=0)),
    "pipeline": _on_blobs(make_pipeline(Normalizer(), SGDClassifier(loss="log_loss", random_state=0))),
    "sgd-class-weights": _on_blobs(
        SGDClassifier(loss="log_loss", class_weight={0: 1.0, 2: 3.0}, random_state=0)
    ),
    "sgd-regressor-pa": _on_line(
        SGDRegressor(loss="epsilon_insensitive", penalty=None, learning_rate="pa1", eta0=1.0)
    ),
    "step": lambda: StepLearner([1.0, 2.0]),
    "nan": lambda: NanLearner([1.0, 2.0]),
    "idle": lambda: IdleLearner([1.0, 2.0]),
}


@pytest.fixture(params=list(LEARNERS.values()), ids=list(LEARNERS))
def learner(request: pytest.FixtureRequest) -> MachineLearningInterface:
    """A fresh learner of each kind."""
    make: Maker = request.param
    return make()


class TestLearners(LearnerConformance):
    """All of them."""


class _ChangesItselfInTraining(StepLearner):
    def mli_propose_weights(self) -> Weights:
        self._vector = self._vector + 1
        return super().mli_propose_weights()


class _LendsItsArrays(StepLearner):
    def mli_get_current_weights(self) -> Weights:
        return Weights(weights={"vector": self._vector})


class _ApprovesTies(StepLearner):
    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        tested = super().mli_test_weights(weights)
        return tested.model_copy(update={"vote": True})


class _BorrowsArrays(StepLearner):
    def mli_accept_weights(self, weights: Weights) -> None:
        self._read(weights)
        self._vector = weights.weights["vector"]


class _TakesAnyShape(StepLearner):
    def _read(self, weights: Weights) -> np.ndarray:
        return np.array(weights.weights["vector"])


@pytest.mark.parametrize(
    ("faulty", "test"),
    [
        (_ChangesItselfInTraining, LearnerConformance.test_proposing_leaves_the_current_weights),
        (_LendsItsArrays, LearnerConformance.test_what_is_handed_out_is_a_copy),
        (_ApprovesTies, LearnerConformance.test_the_unchanged_model_is_not_approved),
        (_ApprovesTies, LearnerConformance.test_weights_that_are_not_numbers_are_not_approved),
        (_BorrowsArrays, LearnerConformance.test_what_is_taken_in_is_a_copy),
        (_TakesAnyShape, LearnerConformance.test_wrong_weights_are_refused_and_change_nothing),
    ],
)
def test_conformance_finds_the_fault(
    faulty: type[StepLearner], test: Callable[[LearnerConformance, MachineLearningInterface], None]
) -> None:
    """A learner with a known fault fails the test that is about it."""
    with pytest.raises((AssertionError, TypeError)):
        test(LearnerConformance(), faulty([1.0, 2.0]))
