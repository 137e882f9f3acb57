"""A learner as the agent calls it: arrays in and out, and nothing but typed errors.

A learner's code is its owner's and may raise anything; an agent must outlive it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from colearn_chain.errors import ColearnError, LearnerError
from colearn_chain.ml_interface import ProposedWeights, TrainingSummary, Weights
from colearn_chain.weights import codec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.weights import NamedArrays

T = TypeVar("T")


@dataclass(frozen=True)
class TrainedArrays:
    """What came of training.

    Attributes:
        arrays: the new weights; None: there is nothing to propose.
        summary: what the learner says of its training.
    """

    arrays: NamedArrays | None
    summary: TrainingSummary | None


@dataclass(frozen=True)
class Scores:
    """What came of a test.

    Attributes:
        vote_score: finite, else None.
        test_score: finite, else None.
        vote: whether the learner takes the weights for an improvement; None when it does not say.
    """

    vote_score: float | None
    test_score: float | None
    vote: bool | None


class GuardedLearner:
    """A learner behind named arrays; every failure of its code is a ``LearnerError``.

    Args:
        learner: whose weights become arrays and back by its own codec, or by walking nested containers.

    Attributes:
        unsure: whether it failed since it last accepted weights, so that nobody knows what it holds.
    """

    def __init__(self, learner: MachineLearningInterface) -> None:
        self._learner = learner
        self._codec = codec_of(learner)
        self.unsure = True

    def current(self) -> NamedArrays:
        """Return the current weights.

        Raises:
            LearnerError: the learner failed, or has none.
            InvalidWeights: they cannot be written as arrays.
        """
        weights = self._called("mli_get_current_weights", self._learner.mli_get_current_weights, Weights)
        if weights.weights is None:
            raise LearnerError("mli_get_current_weights returned no weights")
        return _guard("weights_to_arrays", lambda: self._codec.weights_to_arrays(weights.weights))

    def propose(self) -> TrainedArrays:
        """Train.

        Raises:
            LearnerError: the learner failed.
            InvalidWeights: what it returned cannot be written as arrays.
        """
        weights = self._called("mli_propose_weights", self._learner.mli_propose_weights, Weights)
        if weights.weights is None:
            return TrainedArrays(None, weights.training_summary)
        arrays = _guard("weights_to_arrays", lambda: self._codec.weights_to_arrays(weights.weights))
        return TrainedArrays(arrays, weights.training_summary)

    def test(self, arrays: NamedArrays) -> Scores:
        """Test weights on the learner's own data.

        Raises:
            LearnerError: the learner failed.
            InvalidWeights: these arrays are no weights of this learner.
        """
        weights = self._weights(arrays)
        tested = self._called(
            "mli_test_weights", lambda: self._learner.mli_test_weights(weights), ProposedWeights
        )
        return Scores(_finite(tested.vote_score), _finite(tested.test_score), tested.vote)

    def accept(self, arrays: NamedArrays) -> None:
        """Make weights the learner's current ones.

        Raises:
            LearnerError: the learner failed.
            InvalidWeights: these arrays are no weights of this learner.
        """
        weights = self._weights(arrays)
        self._called("mli_accept_weights", lambda: self._learner.mli_accept_weights(weights), object)
        self.unsure = False

    def _weights(self, arrays: NamedArrays) -> Weights:
        return Weights(weights=_guard("arrays_to_weights", lambda: self._codec.arrays_to_weights(arrays)))

    def _called(self, name: str, function: Callable[[], object], kind: type[T]) -> T:
        try:
            result = _guard(name, function)
        except ColearnError:
            self.unsure = True
            raise
        if not isinstance(result, kind):
            raise LearnerError(f"{name} returned a {type(result).__name__}, not {kind.__name__}")
        return result


def _guard(name: str, function: Callable[[], T]) -> T:
    try:
        return function()
    except ColearnError:
        raise
    except Exception as error:
        raise LearnerError(f"{name} failed: {type(error).__name__}: {error}") from error


def _finite(score: float) -> float | None:
    return score if math.isfinite(score) else None
