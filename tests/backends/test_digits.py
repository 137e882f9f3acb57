"""The demo's learners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_backends.digits import learner
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from colearn_backends.sklearn import SklearnLearner


@dataclass(frozen=True)
class Context:
    """What a factory is told."""

    index: int = 0
    count: int = 5
    seed: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)


def _all(**arguments: Any) -> list[SklearnLearner]:
    return [learner(Context(index=index, arguments=arguments)) for index in range(5)]


def _adopt_in_turns(learners: list[SklearnLearner], rounds: int) -> float:
    """Let everybody adopt whatever is proposed, and return the mean test score."""
    for index in range(rounds):
        proposal = learners[index % len(learners)].mli_propose_weights()
        for each in learners:
            each.mli_accept_weights(proposal)
    tested = [each.mli_test_weights(each.mli_get_current_weights()) for each in learners]
    return float(np.mean([test.test_score for test in tested]))


def test_all_begin_at_the_same_weights() -> None:
    """One seed, one start; another seed, another."""
    first, second, other = (
        learner(Context(index, seed=seed)).mli_get_current_weights().weights
        for index, seed in ((0, 1), (4, 1), (0, 2))
    )
    assert np.array_equal(first["coefs_0"], second["coefs_0"])
    assert not np.array_equal(first["coefs_0"], other["coefs_0"])
    assert first["coefs_0"].dtype == np.float32


def test_learners_train_on_different_pictures() -> None:
    """From the same weights each comes to other ones; the same learner made again comes to the same."""
    zero, one, again = (learner(Context(index)).mli_propose_weights().weights for index in (0, 1, 0))
    assert np.array_equal(zero["coefs_1"], again["coefs_1"])
    assert not np.array_equal(zero["coefs_1"], one["coefs_1"])


def test_together_they_learn_the_digits() -> None:
    """Ten proposals in turns, all adopted, recognise more than eight of ten pictures."""
    assert _adopt_in_turns(_all(), 10) > 0.8


def test_one_learner_of_one_has_all_the_data() -> None:
    """The baseline's test score is over the same pictures as the learners' own together."""
    weights = learner(Context()).mli_propose_weights()
    pooled = learner(Context(count=1)).mli_test_weights(weights).test_score
    ours = [each.mli_test_weights(weights).test_score for each in _all()]
    assert pooled == pytest.approx(np.mean(ours), abs=0.003)


def test_an_unequal_split_leaves_every_learner_able_to_work() -> None:
    """Even at alpha 0.01, where most learners have one or two digits, all train, vote and are tested."""
    learners = _all(alpha=0.01)
    proposal = learners[0].mli_propose_weights()
    for each in learners:
        tested = each.mli_test_weights(proposal)
        assert np.isfinite([tested.vote_score, tested.test_score]).all()


def test_arguments_shape_the_model_and_its_training() -> None:
    """Hidden units, epochs and learning rate; numbers may come as text, as a command line has them."""
    made = learner(Context(arguments={"hidden": "32", "epochs": 1, "learning_rate": 0.01, "alpha": None}))
    assert made.mli_get_current_weights().weights["coefs_0"].shape == (64, 32)
    slow, fast = (
        learner(Context(arguments={"learning_rate": rate})).mli_propose_weights().weights
        for rate in (1e-6, 1e-2)
    )
    start = learner(Context()).mli_get_current_weights().weights["coefs_0"]
    assert np.abs(slow["coefs_0"] - start).max() < 1e-3 < np.abs(fast["coefs_0"] - start).max()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"epoch": 2}, "no argument epoch"),
        ({"epochs": 1.5}, "positive integer, not 1.5"),
        ({"hidden": 0}, "positive integer, not 0"),
        ({"learning_rate": "fast"}, "must be a number, not 'fast'"),
        ({"learning_rate": None}, "must be a number, not None"),
        ({"alpha": -1}, "alpha must be a positive number, not -1"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], complaint: str) -> None:
    """The error names the argument and its value."""
    with pytest.raises(ConfigError, match=complaint):
        learner(Context(arguments=arguments))


@pytest.mark.parametrize(("index", "count"), [(5, 5), (-1, 5), (0, 0)])
def test_a_learner_that_is_not_among_them_is_refused(index: int, count: int) -> None:
    """Indices go from 0 to count - 1."""
    with pytest.raises(ConfigError, match=f"no learner {index} among {count}"):
        learner(Context(index, count))


def test_too_many_learners_are_refused() -> None:
    """The pictures do not go round among 100."""
    with pytest.raises(ConfigError, match="too few for 100 learners"):
        learner(Context(count=100))
