"""Learners of people who know only the interface: plain classes, whose weights are whatever they like.

Each plays the same rounds under the local driver and through the contract on an embedded chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_agents.group.group import Group, GroupSettings
from colearn_chain.driver import run, set_equal_weights
from colearn_chain.ml_interface import (
    ColearnModel,
    MachineLearningInterface,
    ModelFormat,
    ProposedWeights,
    Weights,
)
from colearn_chain.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from colearn_chain.artefacts import LearnerContext

    Factory = Callable[[LearnerContext], MachineLearningInterface]

ROUNDS = 4


class PlusOne:
    """Counts up, and approves what is more; it inherits from nothing, and its weights are one number."""

    def __init__(self, context: LearnerContext) -> None:
        self.value = context.index

    def mli_propose_weights(self) -> Weights:
        """One more."""
        return Weights(weights=self.value + 1)

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """More is better."""
        score = float(weights.weights)
        return ProposedWeights(
            weights=weights, vote_score=score, test_score=score, vote=weights.weights > self.value
        )

    def mli_accept_weights(self, weights: Weights) -> None:
        """Hold it."""
        self.value = weights.weights

    def mli_get_current_weights(self) -> Weights:
        """The number."""
        return Weights(weights=self.value)

    def mli_get_current_model(self) -> ColearnModel:
        """The number is all there is."""
        return ColearnModel(model_format=ModelFormat.NATIVE, model=self.value)


class InPlace(PlusOne):
    """Counts up while it trains, and so changes what it holds."""

    def mli_propose_weights(self) -> Weights:
        """One more, held already."""
        self.value += 1
        return Weights(weights=self.value)


class Nested(MachineLearningInterface):
    """Weights of everything that may be in weights; keeps what it is given and writes into it."""

    def __init__(self, context: LearnerContext) -> None:
        self._weights: dict[str, Any] = {
            "layers": [{"w": np.zeros((2, 3), np.float32), "b": 0.0}, (np.zeros(2), np.float32(0))],
            "first": context.index,
            "steps": 0,
            "done/not": False,
            "several": [[0, 1], [2, 3]],
        }

    def mli_propose_weights(self) -> Weights:
        """Go half of the way to one, in place, and go back."""
        first = self._weights["layers"][0]
        before = first["w"].copy()
        first["w"] += np.float32(0.5) * (1 - before)
        proposed = {
            "layers": [{"w": first["w"].copy(), "b": first["b"] + 0.5}, self._weights["layers"][1]],
            "steps": self._weights["steps"] + 1,
            "done/not": True,
            **{key: self._weights[key] for key in ("first", "several")},
        }
        first["w"][...] = before
        return Weights(weights=proposed)

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Nearer is better."""
        score, held = self._score(weights.weights), self._score(self._weights)
        return ProposedWeights(weights=weights, vote_score=score, test_score=score, vote=score > held)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Keep the very objects."""
        self._weights = weights.weights

    def mli_get_current_weights(self) -> Weights:
        """Lend the very objects."""
        return Weights(weights=self._weights)

    def mli_get_current_model(self) -> ColearnModel:
        """The weights are all there is."""
        return ColearnModel(model_format=ModelFormat.NATIVE, model=self._weights)

    def _score(self, weights: dict[str, Any]) -> float:
        return -float(np.abs(weights["layers"][0]["w"] - 1.0).sum())


everybody = pytest.mark.parametrize("factory", [PlusOne, InPlace, Nested])
SETTINGS = GroupSettings(learners=3, rounds=ROUNDS)


def locally(factory: Factory) -> list[MachineLearningInterface]:
    """Play without a chain; all rounds are accepted."""
    learners = [factory(SETTINGS.context(index)) for index in range(3)]
    set_equal_weights(learners)
    results = run(ROUNDS, learners)
    assert [result.vote for result in results.data[1:]] == [True] * ROUNDS
    return learners


def on_chain(factory: Factory, folder: Path) -> tuple[MachineLearningInterface, ...]:
    """Play through the contract; all rounds are accepted."""
    group = Group.create(factory, SETTINGS, folder)
    group.run()
    assert [closed.status for closed in group.contract.rounds(1, ROUNDS)] == [Status.ACCEPTED] * ROUNDS
    return group.learners


def spelt(weights: Any) -> Any:
    """Weights with their types, so that two can be compared."""
    if isinstance(weights, dict):
        return {key: spelt(part) for key, part in weights.items()}
    if isinstance(weights, list | tuple):
        return type(weights), [spelt(part) for part in weights]
    if isinstance(weights, np.ndarray):
        return weights.dtype, weights.tolist()
    return type(weights), weights


@everybody
def test_the_same_learner_plays_with_a_chain_and_without(factory: Factory, tmp_path: Path) -> None:
    """Both drivers come to the same weights, of the same types, at every learner."""
    held = [
        spelt(learner.mli_get_current_weights().weights)
        for learner in (*locally(factory), *on_chain(factory, tmp_path))
    ]
    assert held == [held[0]] * 6


def test_counting_counts_rounds(tmp_path: Path) -> None:
    """Four accepted rounds from 0 are 4, as a Python integer, for learners that began at 0, 1 and 2."""
    for learner in (*locally(PlusOne), *on_chain(PlusOne, tmp_path)):
        weights = learner.mli_get_current_weights().weights
        assert type(weights) is int
        assert weights == 4
