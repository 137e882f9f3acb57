"""Tiny learners that need no framework and do exactly what they are told, for tests of what drives them.

All hold one vector and score by the squared distance to a private target, so what a round must come to can
be said in advance.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import InvalidWeights
from colearn_chain.ml_interface import (
    ColearnModel,
    ErrorCodes,
    MachineLearningInterface,
    ModelFormat,
    ProposedWeights,
    TrainingSummary,
    Weights,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]


class Phase(StrEnum):
    """What a learner is asked for."""

    PROPOSE = "propose"
    TEST = "test"
    ACCEPT = "accept"
    CURRENT = "current"


class StepLearner(MachineLearningInterface):
    """Proposes a step towards its target; the score is minus the squared distance to it, so 0 is best.

    Args:
        target: where this learner wants the weights to be, shape [n].
        start: where they are at first, shape [n]; None: at zero.
        step: which part of the way a proposal goes; 0 proposes no change, and above 2 leads away.
    """

    def __init__(self, target: npt.ArrayLike, start: npt.ArrayLike | None = None, step: float = 0.5) -> None:
        self._target = np.array(target, dtype=np.float64)
        self._vector = np.zeros_like(self._target) if start is None else np.array(start, dtype=np.float64)
        self._step = step

    def mli_propose_weights(self) -> Weights:
        """Go a step from the current weights."""
        return Weights(weights={"vector": self._vector + self._step * (self._target - self._vector)})

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Approve what is strictly nearer to the target.

        Raises:
            InvalidWeights: no vector, or one of another length.
        """
        vector = self._read(weights)
        score = self._score(vector)
        tested = Weights(weights={"vector": vector}, training_summary=weights.training_summary)
        vote = score > self._score(self._vector)
        return ProposedWeights(weights=tested, vote_score=score, test_score=score, vote=vote)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Hold a copy.

        Raises:
            InvalidWeights: no vector, or one of another length.
        """
        self._vector = self._read(weights)

    def mli_get_current_weights(self) -> Weights:
        """Return a copy: ``{"vector": array}``."""
        return Weights(weights={"vector": self._vector.copy()})

    def mli_get_current_model(self) -> ColearnModel:
        """Return a copy of the vector, which is all there is to the model."""
        return ColearnModel(model_format=ModelFormat.NATIVE, model=self._vector.copy())

    def _score(self, vector: Vector) -> float:
        return -float(np.sum((vector - self._target) ** 2))

    def _read(self, weights: Weights) -> Vector:
        value: Any = weights.weights
        if not isinstance(value, dict) or value.keys() != {"vector"}:
            raise InvalidWeights(
                f"weights must be one vector by that name, not {value!r}", subject="weights", value=value
            )
        shape = np.shape(value["vector"])
        if shape != self._vector.shape:
            raise InvalidWeights(
                f"the vector has shape {shape}, not {self._vector.shape}", subject="vector", value=shape
            )
        return np.array(value["vector"], dtype=np.float64)


class FailingLearner(StepLearner):
    """Works until it is asked for one thing, and then fails half-way: its weights are changed already.

    Args:
        target: see ``StepLearner``.
        phase: what it fails at.
        calls: how many calls of that kind it answers before.
        failures: how many it then fails; the ones after are answered again.
        error: what it raises.
    """

    def __init__(
        self,
        target: npt.ArrayLike,
        phase: Phase,
        *,
        calls: int = 0,
        failures: float = math.inf,
        error: BaseException | None = None,
    ) -> None:
        super().__init__(target)
        self._phase = phase
        self._calls_left = calls
        self._failures_left = failures
        self._error = RuntimeError(f"told to fail at {phase}") if error is None else error

    def mli_propose_weights(self) -> Weights:
        """Propose, or fail."""
        self._perhaps_fail(Phase.PROPOSE)
        return super().mli_propose_weights()

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test, or fail."""
        self._perhaps_fail(Phase.TEST)
        return super().mli_test_weights(weights)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Accept, or fail."""
        self._perhaps_fail(Phase.ACCEPT)
        super().mli_accept_weights(weights)

    def mli_get_current_weights(self) -> Weights:
        """Return a copy, or fail."""
        self._perhaps_fail(Phase.CURRENT)
        return super().mli_get_current_weights()

    def _perhaps_fail(self, phase: Phase) -> None:
        if phase is not self._phase:
            return
        if self._calls_left > 0:
            self._calls_left -= 1
        elif self._failures_left > 0:
            self._failures_left -= 1
            self._vector = self._vector - 1
            raise self._error


class NanLearner(StepLearner):
    """Comes to no number when it scores, so it never approves."""

    def _score(self, vector: Vector) -> float:
        return math.nan * vector.size


class IdleLearner(StepLearner):
    """Tests and adopts, and has nothing to propose because its privacy budget is spent."""

    def mli_propose_weights(self) -> Weights:
        """Return no weights."""
        return Weights(
            weights=None, training_summary=TrainingSummary(error_code=ErrorCodes.DP_BUDGET_EXCEEDED)
        )
