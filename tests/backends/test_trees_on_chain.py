"""Trees on the chain: what grows fits the spec, and who tampers with others' trees gets no votes at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from colearn_agents.group.group import Group, GroupSettings
from colearn_agents.party import events
from colearn_backends.boosting import BoostingLearner
from colearn_backends.forest import RandomForestLearner
from colearn_backends.splitting import split_over_learners
from colearn_backends.trees import Limits
from colearn_chain.ml_interface import Weights
from colearn_chain.rounds import Ballot, Closing, Phase, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from colearn_chain.artefacts import LearnerContext
    from colearn_chain.ml_interface import MachineLearningInterface

    Factory = Callable[[LearnerContext], MachineLearningInterface]


def flowers(context: LearnerContext) -> list[tuple[Any, Any]]:
    """One learner's share of the iris data: to train on, to vote on, to be tested on."""
    features, labels = load_iris(return_X_y=True)
    parts = split_over_learners(labels, context.count, seed=context.seed)[context.index]
    return [(features[rows], labels[rows]) for rows in (parts.train, parts.vote, parts.test)]


def forest(
    context: LearnerContext, kind: type[RandomForestLearner] = RandomForestLearner
) -> RandomForestLearner:
    """A learner of a random forest."""
    seed = [context.seed, context.index]
    return kind(*flowers(context), classes=range(3), seed=seed, **context.arguments)


def boosting(context: LearnerContext) -> BoostingLearner:
    """A learner of boosted trees."""
    return BoostingLearner(
        *flowers(context),
        classes=range(3),
        objective="multiclass",
        trees_to_add=3,
        seed=[context.seed, context.index],
    )


class Tampering(RandomForestLearner):
    """Votes honestly, and proposes the held forest with one leaf turned round in the first of its trees."""

    def mli_propose_weights(self) -> Weights:
        """Change a tree that somebody else has grown."""
        weights: Any = super().mli_propose_weights().weights
        weights["leaf_values"][1] = weights["leaf_values"][1][::-1]
        return Weights(weights=weights)


def one_tampers(context: LearnerContext) -> RandomForestLearner:
    """Learners of a forest, the second of which tampers."""
    return forest(context, Tampering if context.index == 1 else RandomForestLearner)


def played(factory: Factory, folder: Path, **settings: Any) -> tuple[Group, list[events.Event]]:
    """Play a group of three to its end."""
    told: list[events.Event] = []
    group = Group.create(factory, GroupSettings(learners=3, seed=4, **settings), folder, told.append)
    group.run()
    return group, told


@pytest.mark.parametrize("factory", [forest, boosting])
def test_an_ensemble_grows_on_the_chain(factory: Factory, tmp_path: Path) -> None:
    """Rounds are accepted, all learners hold the same trees, and the model has become good."""
    group, told = played(factory, tmp_path, rounds=5)
    snapshot = group.contract.snapshot(group.organizer)
    assert snapshot.phase is Phase.FINISHED
    assert snapshot.accepted > 0
    weights = [learner.mli_get_current_weights().weights for learner in group.learners]
    for name, array in weights[0].items():
        assert all(np.array_equal(array, other[name]) for other in weights)
        assert None in group.spec.weight_schema.tensors[name].shape
    assert len(weights[0]["offsets"]) > 6
    adopted = [event.test_score for event in told if isinstance(event, events.Adopted)]
    assert np.mean(adopted[-3:]) > 0.85  # type: ignore[arg-type]  # there is test data
    assert not [event for event in told if isinstance(event, events.Stalled)]


def test_a_tampered_tree_is_unavailable_on_the_chain(tmp_path: Path) -> None:
    """Every voter says so with the reason, and votes and learns in the rounds after it as before."""
    group, told = played(one_tampers, tmp_path, rounds=4)
    closed = [event for event in told if isinstance(event, events.RoundClosed)]
    assert closed[0].outcome is Status.ACCEPTED
    assert set(closed[1].ballots.values()) == {Ballot.UNAVAILABLE}
    assert closed[1].outcome is Status.REJECTED
    assert Ballot.UNAVAILABLE not in {ballot for event in closed[2:] for ballot in event.ballots.values()}
    reasons = [event.reason for event in told if isinstance(event, events.Tested) and event.round == 2]
    assert len(reasons) == 2
    assert all(reason.startswith("malformed:") and "have to stay as they are" in reason for reason in reasons)
    held = {agent.held for agent in group.agents}
    assert held == {group.contract.snapshot(group.organizer).accepted_digest}


def test_a_full_forest_passes_its_turns(tmp_path: Path) -> None:
    """At the limit nobody has anything to propose; the agents say why, and the group ends by itself."""
    group, told = played(forest, tmp_path, rounds=9, stall_rounds=2, arguments={"limits": Limits(trees=6)})
    passed = [event for event in told if isinstance(event, events.TurnPassed)]
    assert {event.reason for event in passed} == {"the learner has nothing to propose: MODEL_FULL"}
    closed = [event for event in told if isinstance(event, events.RoundClosed)]
    assert closed[-1].closing is Closing.PASSED
    assert len(group.learners[0].mli_get_current_weights().weights["offsets"]) == 7
    assert [event for event in told if isinstance(event, events.Stalled)]
