"""The Machine Learning Interface (MLI): what a learner has to do, whoever calls it.

The names are those of the public colearn library, so that a learner written for it runs here by changing its
imports. This module imports no machine-learning framework.
"""

from __future__ import annotations

import abc
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class DiffPrivBudget(BaseModel):
    """What a learner may spend of (epsilon, delta) differential privacy, and what it has spent so far."""

    target_epsilon: float
    target_delta: float
    consumed_epsilon: float
    consumed_delta: float


class ErrorCodes(Enum):
    """Why a learner has nothing to propose."""

    DP_BUDGET_EXCEEDED = 1
    MODEL_FULL = 2


class TrainingSummary(BaseModel):
    """What a learner says of its training: its privacy budget, or why it did not train."""

    dp_budget: DiffPrivBudget | None = None
    error_code: ErrorCodes | None = None


class Weights(BaseModel):
    """A model's weights in whatever form the learner likes; None when it has nothing to propose."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    weights: Any
    training_summary: TrainingSummary | None = None


class DiffPrivConfig(BaseModel):
    """How to train with differential privacy (DP-SGD, Abadi et al. 2016, arXiv:1607.00133).

    ``max_grad_norm`` is the L2 norm that each example's gradient is clipped to; ``noise_multiplier`` is the
    standard deviation of the noise over that norm.
    """

    target_epsilon: float
    target_delta: float
    max_grad_norm: float
    noise_multiplier: float


class ProposedWeights(BaseModel):
    """Weights after a test on the learner's own data.

    ``vote_score`` is measured on the data that the vote is about, ``test_score`` on data that never influence
    a vote (NaN when there are none). ``vote`` is True for an improvement over the current weights, False for
    none, and None where no vote was asked for.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    weights: Weights
    vote_score: float
    test_score: float
    vote: bool | None = None


class ModelFormat(Enum):
    """What ``ColearnModel`` holds. Pickle is a name from the past: nothing here writes or reads it."""

    PICKLE_WEIGHTS_ONLY = 1
    ONNX = 2
    NATIVE = 3


class ColearnModel(BaseModel):
    """The current model as its owner may use it.

    ``model`` is an object of its framework (NATIVE) or the bytes of an ONNX file (ONNX); instead of it
    ``model_file`` may name a file.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())

    model_format: ModelFormat
    model_file: str | None = None
    model: Any | None = None


@runtime_checkable
class MachineLearningInterface(Protocol):
    """A learner: trains on private data, tests others' weights on them, and holds the current model.

    Any object with these five methods is one, whether its class inherits from this one or not.
    """

    @abc.abstractmethod
    def mli_propose_weights(self) -> Weights:
        """Train from the current weights and return new ones; the current weights stay as they are.

        Returns:
            The new weights; ``Weights(weights=None, training_summary=...)`` when there is nothing to propose.
        """

    @abc.abstractmethod
    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test weights on the learner's own data and vote on them; the current weights stay as they are."""

    @abc.abstractmethod
    def mli_accept_weights(self, weights: Weights) -> None:
        """Replace the current weights."""

    @abc.abstractmethod
    def mli_get_current_weights(self) -> Weights:
        """Return the current weights, as a copy that the caller may keep."""

    @abc.abstractmethod
    def mli_get_current_model(self) -> ColearnModel:
        """Return the current model."""
