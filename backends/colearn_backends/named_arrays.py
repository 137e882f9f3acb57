"""Weights that are named arrays already: copies of a stranger's, checked, and whether they are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import InvalidWeights
from colearn_chain.weights.tensors import describe_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from colearn_chain.weights import NamedArrays, WeightSchema


def checked(weights: object, schema: WeightSchema) -> dict[str, NDArray[Any]]:
    """Return copies of named arrays after a check that a model could take them; NaN is not looked for.

    Raises:
        InvalidWeights: they are no mapping, or a name, shape or dtype is not what the schema says.
    """
    if not isinstance(weights, Mapping):
        kind = type(weights).__name__
        raise InvalidWeights(f"weights must be a dict of arrays, not {kind}", subject="weights", value=kind)
    schema.check_tensors(describe_all(weights))
    return {
        name: np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
        for name, array in weights.items()
    }


def is_finite(arrays: NamedArrays) -> bool:
    """Say whether no array holds NaN or infinity."""
    return all(bool(np.isfinite(array).all()) for array in arrays.values())
