"""What the same learners reach without each other, and what one model reaches on all their data.

Nothing here knows a framework: a learner is trained, tested and compared through its interface alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from colearn_agents.group.settings import GroupSettings
    from colearn_agents.party.factories import Factory
    from colearn_chain.ml_interface import MachineLearningInterface, Weights

PATIENCE = 5
"""So many trainings in a row without an improvement on the learner's own vote data end its training."""

MOST_STEPS = 200
"""Trainings after which nobody waits for an improvement any longer."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """Who trains: the learners of the experiment that a factory and settings make."""

    factory: Factory
    settings: GroupSettings

    def learners(self) -> list[MachineLearningInterface]:
        """Fresh learners, in order, all with the first weights."""
        return [self.factory(self.settings.context(index)) for index in range(self.settings.learners)]

    def pooled(self) -> MachineLearningInterface:
        """A fresh learner that has everybody's data."""
        return self.factory(replace(self.settings, learners=1).context(0))


@dataclass(frozen=True, kw_only=True)
class Training:
    """How one or more models came about, and how they do.

    Attributes:
        name: in words.
        scores: one per model: its test score, as the mean over all learners' test parts.
        steps: one per model: how many times a learner trained on it.
    """

    name: str
    scores: tuple[float, ...]
    steps: tuple[int, ...]

    @property
    def mean(self) -> float:
        """Mean score of its models."""
        return fmean(self.scores)

    @property
    def best(self) -> float:
        """Score of its best model, by the mean over all test parts."""
        return max(self.scores)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The collective's model beside the baselines.

    Attributes:
        collective: the model that the group arrived at.
        by_learner: its score on each learner's own test part.
        alone: each learner by itself, with as many local trainings as the whole collective run took.
        alone_stopped: each learner by itself until its own vote data says stop.
        pooled: one model on everybody's data, trained as often.
        pooled_stopped: one model on everybody's data until the vote data says stop.
    """

    collective: Training
    by_learner: tuple[float, ...]
    alone: Training
    alone_stopped: Training
    pooled: Training
    pooled_stopped: Training

    def rows(self) -> Iterator[Training]:
        """All of them, the collective first."""
        yield from (self.collective, self.alone, self.alone_stopped, self.pooled, self.pooled_stopped)


def train_steps(learner: MachineLearningInterface, steps: int) -> int:
    """Train a learner by itself, whatever comes of it.

    Returns:
        How often it trained: fewer than ``steps`` when it has nothing to propose any more.
    """
    for step in range(steps):
        trained = learner.mli_propose_weights()
        if trained.weights is None:
            return step
        learner.mli_accept_weights(trained)
    return steps


def train_until_stop(
    learner: MachineLearningInterface, *, patience: int = PATIENCE, most_steps: int = MOST_STEPS
) -> int:
    """Train a learner by itself until its own vote data says stop, and leave it with its best weights.

    Early stopping with patience (Prechelt 1998, "Early Stopping - But When?"), where "better" is the
    learner's own vote, so that it holds whichever direction its score has.

    Returns:
        How often it trained.
    """
    best, waited, steps = learner.mli_get_current_weights(), 0, 0
    while waited < patience and steps < most_steps:
        trained = learner.mli_propose_weights()
        if trained.weights is None:
            break
        steps += 1
        learner.mli_accept_weights(best)  # a vote compares with the weights that are held
        improved = bool(learner.mli_test_weights(trained).vote)
        best, waited = (trained, 0) if improved else (best, waited + 1)
        learner.mli_accept_weights(trained)
    learner.mli_accept_weights(best)
    return steps


def scores_everywhere(testers: Sequence[MachineLearningInterface], weights: Weights) -> tuple[float, ...]:
    """A model's test score on every learner's test part."""
    return tuple(tester.mli_test_weights(weights).test_score for tester in testers)


def compare(
    party: Party, collective: Weights, steps: int, say: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Train the baselines, and test everything on the same test parts.

    Args:
        party: who trains.
        collective: the weights that the group arrived at.
        steps: how many times a learner trained in the whole collective run.
        say: told what is being trained.
    """
    testers = party.learners()

    def apart(name: str, train: Callable[[MachineLearningInterface], int]) -> Training:
        say(name)
        return _train(name, party.learners(), train, testers)

    def together(name: str, train: Callable[[MachineLearningInterface], int]) -> Training:
        say(name)
        return _train(name, [party.pooled()], train, testers)

    def same(learner: MachineLearningInterface) -> int:
        return train_steps(learner, steps)

    by_learner = scores_everywhere(testers, collective)
    return Comparison(
        collective=Training(name="the collective model", scores=(fmean(by_learner),), steps=(steps,)),
        by_learner=by_learner,
        alone=apart("each learner alone, trained as often", same),
        alone_stopped=apart("each learner alone, until its vote data says stop", train_until_stop),
        pooled=together("all data in one place, trained as often", same),
        pooled_stopped=together("all data in one place, until the vote data says stop", train_until_stop),
    )


def _train(
    name: str,
    learners: Sequence[MachineLearningInterface],
    train: Callable[[MachineLearningInterface], int],
    testers: Sequence[MachineLearningInterface],
) -> Training:
    steps = tuple(train(learner) for learner in learners)
    models = [learner.mli_get_current_weights() for learner in learners]
    scores = tuple(fmean(scores_everywhere(testers, model)) for model in models)
    return Training(name=name, scores=scores, steps=steps)
