"""Which schema an experiment gets: its learner's own, or one that fixes every dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from colearn_chain.errors import InvalidWeights, LearnerError
from colearn_chain.testing.learners import StepLearner
from colearn_chain.weights import TensorSchema, WeightSchema, schema_of

OPEN = WeightSchema(tensors={"vector": TensorSchema(dtype="F64", shape=(None,), open_cap=9)})


class Growing(StepLearner):
    """A learner that says what its weights look like."""

    def __init__(self, declared: Any) -> None:
        super().__init__([1.0, 2.0])
        self._declared = declared

    def weight_schema(self) -> Any:
        """Declare it."""
        return self._declared


def test_a_learner_that_declares_nothing_has_fixed_dimensions() -> None:
    """As its arrays are now, so they stay."""
    arrays = {"vector": np.zeros(2)}
    assert schema_of(StepLearner([1.0, 2.0]), arrays) == WeightSchema.of(arrays)


def test_a_declared_schema_may_be_open() -> None:
    """What the learner declares is taken as it is."""
    assert schema_of(Growing(OPEN), {"vector": np.zeros(2)}) == OPEN


def test_weights_that_do_not_fit_their_own_schema_are_refused() -> None:
    """An experiment whose first weights nobody may read never begins."""
    with pytest.raises(InvalidWeights, match="vector"):
        schema_of(Growing(OPEN), {"vector": np.zeros(10)})


def test_what_is_no_schema_is_refused() -> None:
    """A learner may declare anything; the error says what it did."""
    with pytest.raises(LearnerError, match="returned a dict"):
        schema_of(Growing({"vector": 9}), {"vector": np.zeros(2)})
