"""What all weights of an experiment look like, where a learner says so itself: dimensions that may grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from colearn_chain.errors import LearnerError
from colearn_chain.weights.schema import WeightSchema

if TYPE_CHECKING:
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.weights.tensors import NamedArrays


@runtime_checkable
class DeclaresSchema(Protocol):
    """A learner whose weights grow: it knows which dimensions are open, and up to what size."""

    def weight_schema(self) -> WeightSchema:
        """What weights of the experiment look like, the first ones included."""


def schema_of(learner: MachineLearningInterface, arrays: NamedArrays) -> WeightSchema:
    """The schema that a learner declares; without, the one that its arrays fit, every dimension fixed.

    Args:
        learner: any.
        arrays: its current weights.

    Raises:
        InvalidWeights: the arrays do not fit what it declares, or there is no schema that they fit.
        LearnerError: what it declares is no schema.
    """
    if not isinstance(learner, DeclaresSchema):
        return WeightSchema.of(arrays)
    schema: object = learner.weight_schema()
    if not isinstance(schema, WeightSchema):
        raise LearnerError(f"weight_schema returned a {type(schema).__name__}, not WeightSchema")
    schema.check(arrays)
    return schema
