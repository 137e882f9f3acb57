"""What every learner has to do right, as tests to inherit from.

::

    class TestMyLearner(LearnerConformance):
        @pytest.fixture
        def learner(self):
            return MyLearner(...)

The learner is fresh in each test. What it proposes is compared by its arrays
(``colearn_chain.weights.codec_of``).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import InvalidWeights, ProtocolViolation
from colearn_chain.ml_interface import ColearnModel, MachineLearningInterface, Weights
from colearn_chain.weights import codec_of, weights_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Array = npt.NDArray[Any]


class LearnerConformance:
    """Tests of one ``learner`` fixture; they hold for learners that have nothing to propose, too."""

    def test_proposing_leaves_the_current_weights(self, learner: MachineLearningInterface) -> None:
        """Training changes nothing that the learner holds."""
        before = held(learner)
        learner.mli_propose_weights()
        require(held(learner) == before, "proposing changed the current weights")

    def test_testing_leaves_the_current_weights(self, learner: MachineLearningInterface) -> None:
        """A test, whatever it comes to, changes nothing that the learner holds."""
        before = held(learner)
        learner.mli_test_weights(other_weights(learner))
        require(held(learner) == before, "testing changed the current weights")

    def test_testing_twice_says_the_same(self, learner: MachineLearningInterface) -> None:
        """The sample that votes are measured on is fixed."""
        weights = other_weights(learner)
        first, second = learner.mli_test_weights(weights), learner.mli_test_weights(weights)
        same = np.array_equal([first.vote_score], [second.vote_score], equal_nan=True)
        require(same and first.vote == second.vote, "two tests of the same weights differ")

    def test_accepting_replaces_the_current_weights(self, learner: MachineLearningInterface) -> None:
        """What was accepted is held."""
        weights = other_weights(learner)
        learner.mli_accept_weights(weights)
        require(held(learner) == digest(learner, weights), "what was accepted is not what is held")

    def test_the_unchanged_model_is_not_approved(self, learner: MachineLearningInterface) -> None:
        """A tie is no improvement: not at first, and not after weights were adopted."""
        require(not approves(learner, learner.mli_get_current_weights()), "the first weights were approved")
        weights = other_weights(learner)
        learner.mli_accept_weights(weights)
        require(not approves(learner, weights), "weights that are held already were approved")

    def test_weights_that_are_not_numbers_are_not_approved(self, learner: MachineLearningInterface) -> None:
        """NaN gets no approval, neither a vote nor a score that looks like one."""
        before = held(learner)
        with suppress(InvalidWeights):  # a learner may refuse them before there is anything to approve
            weights = altered(learner, lambda array: array * np.nan)
            require(not approves(learner, weights), "NaN was approved")
        require(held(learner) == before, "testing NaN changed the current weights")

    def test_wrong_weights_are_refused_and_change_nothing(self, learner: MachineLearningInterface) -> None:
        """Weights of another kind or shape are InvalidWeights when tested and when accepted."""
        for wrong in (Weights(weights=None), Weights(weights="weights"), reshaped(learner)):
            before = held(learner)
            require(refuses(learner.mli_test_weights, wrong), f"{wrong} could be tested")
            require(refuses(learner.mli_accept_weights, wrong), f"{wrong} could be accepted")
            require(held(learner) == before, "refused weights changed the current ones")

    def test_what_is_handed_out_is_a_copy(self, learner: MachineLearningInterface) -> None:
        """Whoever writes to arrays that the learner gave away does not write to its model."""
        before = held(learner)
        for weights in (learner.mli_get_current_weights(), learner.mli_propose_weights()):
            scribble(weights.weights)
        require(held(learner) == before, "arrays that were handed out are the learner's own")

    def test_what_is_taken_in_is_a_copy(self, learner: MachineLearningInterface) -> None:
        """Whoever writes to arrays after they were accepted does not write to the learner's model."""
        weights = other_weights(learner)
        learner.mli_accept_weights(weights)
        before = held(learner)
        scribble(weights.weights)
        require(held(learner) == before, "arrays that were accepted are the learner's own")

    def test_the_model_is_there(self, learner: MachineLearningInterface) -> None:
        """The current model can be had, as an object or as a file."""
        model = learner.mli_get_current_model()
        require(isinstance(model, ColearnModel), f"{type(model).__name__} is no ColearnModel")
        require(model.model is not None or model.model_file is not None, "the model holds nothing")


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - it is the subject
    """Raise an AssertionError unless the condition holds; works under ``python -O``, too."""
    if not condition:
        raise AssertionError(message)


def digest(learner: MachineLearningInterface, weights: Weights) -> bytes:
    """Return what stands for these very weights."""
    return weights_digest(codec_of(learner).weights_to_arrays(weights.weights))


def held(learner: MachineLearningInterface) -> bytes:
    """Return what stands for the current weights."""
    return digest(learner, learner.mli_get_current_weights())


def other_weights(learner: MachineLearningInterface) -> Weights:
    """Return what the learner proposes, or its current weights if that is nothing."""
    proposal = learner.mli_propose_weights()
    return learner.mli_get_current_weights() if proposal.weights is None else proposal


def approves(learner: MachineLearningInterface, weights: Weights) -> bool:
    """Whether the learner votes for these weights; refusing to look at them is no approval."""
    try:
        return bool(learner.mli_test_weights(weights).vote)
    except ProtocolViolation:
        return False


def refuses(call: Callable[[Weights], object], weights: Weights) -> bool:
    """Whether a learner raises InvalidWeights."""
    try:
        call(weights)
    except InvalidWeights:
        return True
    return False


def altered(learner: MachineLearningInterface, change: Callable[[Array], Array]) -> Weights:
    """Return the current weights with every array of floating-point numbers changed."""
    codec = codec_of(learner)
    arrays = codec.weights_to_arrays(learner.mli_get_current_weights().weights)
    changed = {name: change(array) if array.dtype.kind == "f" else array for name, array in arrays.items()}
    return Weights(weights=codec.arrays_to_weights(changed))


def reshaped(learner: MachineLearningInterface) -> Weights:
    """Return the current weights with one more number in every array."""
    weights = learner.mli_get_current_weights().weights
    return Weights(weights=_each_array(weights, lambda array: np.append(array, array.dtype.type(0))))


def scribble(weights: Any) -> None:
    """Overwrite every array in nested containers."""

    def overwrite(array: Array) -> Array:
        array[...] = 7
        return array

    _each_array(weights, overwrite)


def _each_array(node: Any, change: Callable[[Array], Array]) -> Any:
    if isinstance(node, np.ndarray):
        return change(node)
    if isinstance(node, dict):
        return {key: _each_array(part, change) for key, part in node.items()}
    if isinstance(node, list | tuple):
        return [_each_array(part, change) for part in node]
    return node
