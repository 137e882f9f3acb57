"""What learners reach alone, and on everybody's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from colearn_agents.group.baselines import Party, compare, train_steps, train_until_stop
from colearn_agents.group.settings import GroupSettings
from colearn_chain.ml_interface import Weights
from colearn_chain.testing.learners import IdleLearner, StepLearner

if TYPE_CHECKING:
    from colearn_chain.artefacts import LearnerContext
    from colearn_chain.ml_interface import MachineLearningInterface

GOALS = {2: ([1.0], [3.0]), 1: ([2.0],)}


def factory(context: LearnerContext) -> MachineLearningInterface:
    """Two learners around 2; whoever has all data aims at 2 itself."""
    return StepLearner(GOALS[context.count][context.index], **context.arguments)


def party(**arguments: float) -> Party:
    """Two of those learners."""
    return Party(factory=factory, settings=GroupSettings(learners=2, arguments=arguments))


def vector(value: float) -> Weights:
    """Weights of one number."""
    return Weights(weights={"vector": np.array([value])})


def held(learner: MachineLearningInterface) -> float:
    """The one number that a learner holds."""
    return float(learner.mli_get_current_weights().weights["vector"][0])


class Overshooter(StepLearner):
    """Walks in steps of 1 whatever its target is: nearer at first, then ever farther away."""

    def mli_propose_weights(self) -> Weights:
        """Go on in the same direction."""
        return Weights(weights={"vector": self._vector + 1})


def test_training_as_often_takes_every_step() -> None:
    """Whatever comes of a step, it is taken: half of the way, three times."""
    learner = StepLearner([8.0])
    assert train_steps(learner, 3) == 3
    assert held(learner) == 7.0


def test_training_until_stop_keeps_the_best_not_the_last() -> None:
    """The learner's own vote says when it was best; it walks on for its patience and then goes back."""
    learner = Overshooter([4.0])
    assert train_until_stop(learner, patience=3) == 4 + 3
    assert held(learner) == 4.0


def test_training_until_stop_passes_a_dip_that_is_shorter_than_the_patience() -> None:
    """One worse step is no reason to stop."""

    class Dipping(StepLearner):
        path = iter([1.0, 0.5, 3.0, 0.0, 0.0, 0.0])

        def mli_propose_weights(self) -> Weights:
            return vector(next(self.path))

    learner = Dipping([4.0])
    train_until_stop(learner, patience=2)
    assert held(learner) == 3.0


def test_training_until_stop_measures_against_the_best_not_the_last() -> None:
    """To recover from a dip is no improvement while the best is still better."""

    class Recovering(StepLearner):
        path = iter([3.0, 0.5, 1.0, 1.5, 2.0])

        def mli_propose_weights(self) -> Weights:
            return vector(next(self.path))

    learner = Recovering([4.0])
    assert train_until_stop(learner, patience=2) == 3
    assert held(learner) == 3.0


def test_training_until_stop_ends_at_the_bound() -> None:
    """A learner that improves for ever is stopped all the same."""
    assert train_until_stop(StepLearner([1.0], step=0.01), patience=1, most_steps=7) == 7


def test_learner_with_nothing_to_propose_is_not_trained() -> None:
    """No weights are proposed, so none are taken."""
    for train in (lambda learner: train_steps(learner, 5), train_until_stop):
        learner = IdleLearner([1.0])
        assert train(learner) == 0
        assert held(learner) == 0.0


def test_every_model_is_tested_on_every_test_part() -> None:
    """The same yardstick for all: the mean over all learners' own scores."""
    comparison = compare(party(step=1.0), vector(2.0), 1)
    assert comparison.by_learner == (-1.0, -1.0)
    assert comparison.collective.mean == -1.0
    assert comparison.alone.scores == (-2.0, -2.0)  # each at its own goal: 0 there, 4 away from the other's
    assert comparison.pooled.scores == (-1.0,)


def test_steps_are_counted_for_each_model() -> None:
    """As often as the whole group; or as often as it took, with the patience."""
    comparison = compare(party(step=1.0), vector(2.0), 4)
    assert comparison.alone.steps == (4, 4)
    assert comparison.pooled.steps == (4,)
    assert comparison.alone_stopped.steps == (6, 6)  # once to the goal, five times in vain
    assert comparison.collective.steps == (4,)


def test_comparing_leaves_the_collective_weights_as_they_are() -> None:
    """Baselines are trained by learners of their own."""
    collective = vector(2.0)
    compare(party(), collective, 3)
    assert collective.weights["vector"] == pytest.approx(2.0)


def test_what_is_trained_is_told_in_order() -> None:
    """A newcomer who waits sees for what."""
    told: list[str] = []
    comparison = compare(party(), vector(2.0), 1, told.append)
    assert told == [trained.name for trained in comparison.rows()][1:]
