"""When a proposal is an improvement, and how often it is measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_backends.voting import ScoreKeeper, Scores, is_improvement
from colearn_chain.errors import ConfigError, LearnerError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


class Meter:
    """Scores weights by their first number, and counts."""

    def __init__(self) -> None:
        self.measured = 0

    def __call__(self, arrays: object) -> Scores:
        """Measure."""
        self.measured += 1
        number = float(arrays["w"][0])  # type: ignore[index]
        return Scores(number, -number)


def weights(number: float) -> dict[str, np.ndarray]:
    """Weights that score this number."""
    return {"w": np.array([number])}


@given(FINITE, st.booleans(), st.floats(0, 1e6))
def test_a_tie_is_never_an_improvement(score: float, minimise: bool, margin: float) -> None:  # noqa: FBT001 - drawn
    """The same score is not better, in neither direction, with any margin."""
    assert not is_improvement(score, score, minimise=minimise, margin=margin)


@given(FINITE, FINITE, st.floats(0, 1e6))
def test_the_direction_turns_the_judgement(new: float, held: float, margin: float) -> None:
    """Minimising is maximising with the signs turned."""
    up = is_improvement(new, held, margin=margin)
    assert up == is_improvement(-new, -held, minimise=True, margin=margin)
    assert not (up and is_improvement(held, new, margin=margin))


@pytest.mark.parametrize("new", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("held", [0.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("minimise", [False, True])
def test_a_score_that_is_no_number_is_never_an_improvement(new: float, held: float, minimise: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Neither NaN nor an infinite score wins, whatever is held."""
    assert not is_improvement(new, held, minimise=minimise)


@pytest.mark.parametrize("held", [math.nan, math.inf, -math.inf])
def test_a_broken_model_can_be_replaced(held: float) -> None:
    """Once a model without a score is held, any that has one is better: the group is not frozen."""
    assert is_improvement(-1e9, held)
    assert is_improvement(1e9, held, minimise=True)


def test_the_margin_has_to_be_exceeded() -> None:
    """A gain of just the margin is none."""
    assert not is_improvement(1.5, 1.0, margin=0.5)
    assert is_improvement(1.5, 1.0, margin=0.25)


@pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    """The error names the value."""
    with pytest.raises(ConfigError, match=str(margin)):
        ScoreKeeper(Meter(), weights(0), margin=margin)


def test_adopting_what_was_tested_costs_no_second_evaluation() -> None:
    """Test, adopt, be asked again: one measurement."""
    meter = Meter()
    keeper = ScoreKeeper(meter, weights(0))
    assert keeper.judge(weights(1)) == (Scores(1, -1), True)
    keeper.hold(weights(1))
    assert keeper.judge(weights(1)) == (Scores(1, -1), False)
    assert keeper.held == Scores(1, -1)
    assert meter.measured == 2


def test_equal_arrays_by_another_name_or_type_are_measured() -> None:
    """What is remembered belongs to names, dtypes and shapes, too."""
    meter = Meter()
    keeper = ScoreKeeper(meter, weights(0))
    for other in ({"w": np.array([0.0], np.float32)}, {"w": np.array([[0.0]])[0], "v": np.array([0.0])}):
        keeper.scores(other)
    assert meter.measured == 3


def test_memory_is_bounded_and_never_forgets_what_is_held() -> None:
    """Only the latest are remembered, and the held weights besides."""
    meter = Meter()
    keeper = ScoreKeeper(meter, weights(0), remembered=2)
    for number in (1, 2, 3):
        keeper.scores(weights(number))
    keeper.scores(weights(0))
    keeper.scores(weights(3))
    assert meter.measured == 4
    keeper.scores(weights(1))
    assert meter.measured == 5


def test_an_evaluation_that_fails_changes_nothing() -> None:
    """When weights cannot be measured, those before are still held."""

    def evaluate(arrays: object) -> Scores:
        if arrays["w"][0] == 1:  # type: ignore[index]
            raise LearnerError("told to fail")
        return Scores(0, 0)

    keeper = ScoreKeeper(evaluate, weights(0))
    with pytest.raises(LearnerError):
        keeper.hold(weights(1))
    assert not keeper.judge(weights(0))[1]
    assert not keeper.judge(weights(2))[1]
