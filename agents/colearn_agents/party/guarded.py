"""A learner as the agent calls it: arrays in and out, and nothing but typed errors.

A learner's code is its owner's and may raise anything; an agent must outlive it.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from colearn_agents.party.strangers import in_words
from colearn_chain.errors import ColearnError, LearnerError
from colearn_chain.ml_interface import ColearnModel, DiffPrivBudget, ProposedWeights, TrainingSummary, Weights
from colearn_chain.weights import codec_of, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.weights import NamedArrays, WeightSchema

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


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
        unsure: whether it failed, or answered nonsense, since it last accepted weights, so that nobody knows
            what it holds.
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
        with self._doubted():
            weights = _answer("mli_get_current_weights", self._learner.mli_get_current_weights, Weights)
            if weights.weights is None:
                raise LearnerError("mli_get_current_weights returned no weights")
            return self._arrays(weights)

    def schema(self, arrays: NamedArrays) -> WeightSchema:
        """Return what weights have to look like: what the learner declares, or what its current arrays are.

        Raises:
            LearnerError: the learner failed, or what it declares is no schema.
            InvalidWeights: the arrays do not fit it, or there is none that they fit.
        """
        return _guard("weight_schema", lambda: schema_of(self._learner, arrays))

    def propose(self) -> TrainedArrays:
        """Train.

        Raises:
            LearnerError: the learner failed, or says of its training what cannot be.
            InvalidWeights: what it returned cannot be written as arrays.
        """
        with self._doubted():
            weights = _answer("mli_propose_weights", self._learner.mli_propose_weights, Weights)
            _check_budget(weights.training_summary)
            arrays = None if weights.weights is None else self._arrays(weights)
            return TrainedArrays(arrays, weights.training_summary)

    def test(self, arrays: NamedArrays) -> Scores:
        """Test weights on the learner's own data.

        Raises:
            LearnerError: the learner failed.
            InvalidWeights: these arrays are no weights of this learner.
        """
        weights = self._weights(arrays)
        with self._doubted():
            tested = _answer(
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
        with self._doubted():
            _guard("mli_accept_weights", lambda: self._learner.mli_accept_weights(weights))
        self.unsure = False

    def model(self) -> ColearnModel:
        """Return the current model in the form that the learner gives it.

        Raises:
            LearnerError: the learner failed.
        """
        with self._doubted():
            return _answer("mli_get_current_model", self._learner.mli_get_current_model, ColearnModel)

    def _arrays(self, weights: Weights) -> NamedArrays:
        return _guard("weights_to_arrays", lambda: self._codec.weights_to_arrays(weights.weights))

    def _weights(self, arrays: NamedArrays) -> Weights:
        return Weights(weights=_guard("arrays_to_weights", lambda: self._codec.arrays_to_weights(arrays)))

    @contextmanager
    def _doubted(self) -> Iterator[None]:
        """A learner whose answer is no answer may have changed its weights before."""
        try:
            yield
        except ColearnError:
            self.unsure = True
            raise


def _guard(name: str, function: Callable[[], T]) -> T:
    try:
        return function()
    except ColearnError:
        raise
    except (Exception, SystemExit) as error:  # a learner that gives up must not end its agent
        raise LearnerError(f"{name} failed: {in_words(error)}") from error


def _answer(name: str, function: Callable[[], object], kind: type[M]) -> M:
    """Call a learner and check its answer, whose fields may have been set to anything since it was made."""
    answer = _guard(name, function)
    if not isinstance(answer, kind):
        raise LearnerError(f"{name} returned a {type(answer).__name__}, not {kind.__name__}")
    try:
        return kind.model_validate(_fields(answer))
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in wrong["loc"])
        said = f"{name} answered what the interface forbids: {place}: {wrong['msg']}"
        raise LearnerError(said) from error


def _fields(answer: BaseModel) -> dict[str, object]:
    """What a model's fields are now, so that they can be checked; a learner's own models stay as they are."""
    return {
        name: _fields(value) if isinstance(value, Weights | TrainingSummary | DiffPrivBudget) else value
        for name, value in vars(answer).items()
    }


def _check_budget(summary: TrainingSummary | None) -> None:
    """No JSON has infinities: neither the journal nor a manifest could tell of such a budget."""
    budget = None if summary is None else summary.dp_budget
    for name, value in () if budget is None else budget:
        if not math.isfinite(value):
            raise LearnerError(f"{name} of the privacy budget is {value}, which is no finite number")


def _finite(score: float) -> float | None:
    return score if math.isfinite(score) else None
