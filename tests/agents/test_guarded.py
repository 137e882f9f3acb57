"""A learner as a stranger's code: whatever it answers or raises, a caller gets arrays or one typed error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_agents.party.guarded import GuardedLearner
from colearn_chain.errors import InvalidWeights, LearnerError
from colearn_chain.ml_interface import (
    DiffPrivBudget,
    ErrorCodes,
    ProposedWeights,
    TrainingSummary,
    Weights,
)
from colearn_chain.testing.learners import FailingLearner, Phase, StepLearner

if TYPE_CHECKING:
    from collections.abc import Callable

ARRAYS = {"vector": np.array([0.5, 1.0])}
BUDGET = {"target_epsilon": 4.0, "target_delta": 1e-5, "consumed_epsilon": 1.0, "consumed_delta": 1e-6}


class Scribbler(StepLearner):
    """Sets a field of an answer to something else after the answer was made."""

    def __init__(self, **fields: Any) -> None:
        super().__init__([1.0, 2.0])
        self._fields = fields

    def mli_propose_weights(self) -> Weights:
        """Train, and scribble on what is returned."""
        answer = super().mli_propose_weights()
        self._scribble(answer)
        return answer

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test, and scribble on what is returned."""
        answer = super().mli_test_weights(weights)
        self._scribble(answer)
        return answer

    def _scribble(self, answer: object) -> None:
        for name, value in self._fields.items():
            setattr(answer, name, value)


def guarded(learner: StepLearner) -> GuardedLearner:
    """A learner that has accepted weights, so that one knows what it holds."""
    guard = GuardedLearner(learner)
    guard.accept(ARRAYS)
    assert not guard.unsure
    return guard


@pytest.mark.parametrize(
    ("name", "value"),
    [("vote_score", None), ("test_score", "high"), ("vote", "yes please"), ("vote_score", [])],
)
def test_a_score_that_was_set_to_no_number_is_a_learner_error(name: str, value: Any) -> None:
    """A field is checked when the answer is read, not only when it was made."""
    with pytest.raises(LearnerError, match=f"mli_test_weights answered what the interface forbids: {name}"):
        guarded(Scribbler(**{name: value})).test(ARRAYS)


def test_a_summary_that_was_set_to_text_is_a_learner_error() -> None:
    """A training summary that is none would only be noticed where it is written."""
    with pytest.raises(LearnerError, match=r"mli_propose_weights answered .* training_summary"):
        guarded(Scribbler(training_summary="x")).propose()


@pytest.mark.parametrize("field", sorted(BUDGET))
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_budget_that_is_not_finite_is_a_learner_error(field: str, value: float) -> None:
    """No JSON has such numbers, so neither the journal nor a manifest could tell of this budget."""
    summary = TrainingSummary(dp_budget=DiffPrivBudget(**(BUDGET | {field: value})))
    with pytest.raises(LearnerError, match=f"{field} of the privacy budget is {value}"):
        guarded(Scribbler(training_summary=summary)).propose()


def test_a_summary_is_passed_on_as_it_is() -> None:
    """What is checked is not changed."""
    summary = TrainingSummary(dp_budget=DiffPrivBudget(**BUDGET), error_code=ErrorCodes.DP_BUDGET_EXCEEDED)
    assert guarded(Scribbler(training_summary=summary)).propose().summary == summary


@pytest.mark.parametrize("phase", list(Phase))
def test_a_learner_that_exits_does_not_end_the_program(phase: Phase) -> None:
    """sys.exit in a learner's code is a failure of the learner, told like any other."""
    guard = GuardedLearner(FailingLearner([1.0, 2.0], phase, error=SystemExit(3)))
    calls: dict[Phase, Callable[[], object]] = {
        Phase.PROPOSE: guard.propose,
        Phase.TEST: lambda: guard.test(ARRAYS),
        Phase.ACCEPT: lambda: guard.accept(ARRAYS),
        Phase.CURRENT: guard.current,
    }
    with pytest.raises(LearnerError, match="failed: SystemExit: 3"):
        calls[phase]()


def test_a_reason_with_half_a_character_can_be_written() -> None:
    """A file name that is no UTF-8 comes out of Python as lone surrogates, which no file takes."""
    failing = FailingLearner([1.0, 2.0], Phase.PROPOSE, error=RuntimeError("file \udcff"))
    with pytest.raises(LearnerError) as caught:
        guarded(failing).propose()
    assert str(caught.value).encode().endswith(rb"RuntimeError: file \udcff")


def test_what_a_learner_says_is_one_short_line() -> None:
    """Frameworks print whole arrays over many lines; a log keeps one line for one thing."""
    text = "shapes differ:\n" + "0.123 " * 10_000
    failing = FailingLearner([1.0, 2.0], Phase.PROPOSE, error=RuntimeError(text))
    with pytest.raises(LearnerError) as caught:
        guarded(failing).propose()
    assert len(str(caught.value)) < 1_100
    assert "\n" not in str(caught.value)
    assert r"shapes differ:\n0.123" in str(caught.value)


class UnspeakableError(Exception):
    """Fails again when it is asked what happened."""

    def __str__(self) -> str:
        raise ValueError


def test_an_exception_without_words_is_named_by_its_type() -> None:
    """An exception whose text cannot be had is a failure of the learner and of nobody else."""
    failing = FailingLearner([1.0, 2.0], Phase.PROPOSE, error=UnspeakableError())
    with pytest.raises(LearnerError, match=r"mli_propose_weights failed: UnspeakableError$"):
        guarded(failing).propose()


@pytest.mark.parametrize(
    "fields", [{"weights": object()}, {"training_summary": "x"}], ids=["no arrays", "no summary"]
)
def test_after_an_answer_that_is_none_nobody_knows_what_the_learner_holds(fields: dict[str, Any]) -> None:
    """A learner that answers nonsense may have changed its weights before, as one that raises may have."""
    guard = guarded(Scribbler(**fields))
    with pytest.raises((LearnerError, InvalidWeights)):
        guard.propose()
    assert guard.unsure


def test_after_an_answer_of_another_type_nobody_knows_what_the_learner_holds() -> None:
    """The wrong type is no better than an exception."""

    class Mute(StepLearner):
        """Answers nothing."""

        def mli_test_weights(self, weights: Weights) -> Any:
            """Test, and keep it to itself."""
            super().mli_test_weights(weights)

    guard = guarded(Mute([1.0, 2.0]))
    with pytest.raises(LearnerError, match="returned a NoneType, not ProposedWeights"):
        guard.test(ARRAYS)
    assert guard.unsure
