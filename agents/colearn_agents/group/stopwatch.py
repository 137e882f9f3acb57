"""How much of a run's time machine learning takes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_chain.ml_interface import MachineLearningInterface
from colearn_chain.weights import codec_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_agents.party.factories import Factory
    from colearn_chain.ml_interface import ColearnModel, ProposedWeights, Weights
    from colearn_chain.weights import NamedArrays


@dataclass
class Stopwatch:
    """Adds up the wall time that is spent inside learners.

    Attributes:
        seconds: so far.
    """

    seconds: float = 0.0

    def timed(self, factory: Factory) -> Factory:
        """The same factory, whose learners run against this watch."""
        return lambda context: TimedLearner(factory(context), self)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens inside."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - begun


class TimedLearner(MachineLearningInterface):
    """A learner that does what another one does, against a stopwatch."""

    def __init__(self, learner: MachineLearningInterface, stopwatch: Stopwatch) -> None:
        self._learner = learner
        self._stopwatch = stopwatch

    def mli_propose_weights(self) -> Weights:
        """Train."""
        with self._stopwatch.running():
            return self._learner.mli_propose_weights()

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test and vote."""
        with self._stopwatch.running():
            return self._learner.mli_test_weights(weights)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Replace the current weights."""
        with self._stopwatch.running():
            self._learner.mli_accept_weights(weights)

    def mli_get_current_weights(self) -> Weights:
        """The current weights."""
        return self._learner.mli_get_current_weights()

    def mli_get_current_model(self) -> ColearnModel:
        """The current model."""
        return self._learner.mli_get_current_model()

    def weights_to_arrays(self, weights: Any) -> NamedArrays:
        """As the learner's own codec has it."""
        return codec_of(self._learner).weights_to_arrays(weights)

    def arrays_to_weights(self, arrays: NamedArrays) -> Any:
        """As the learner's own codec has it."""
        return codec_of(self._learner).arrays_to_weights(arrays)
