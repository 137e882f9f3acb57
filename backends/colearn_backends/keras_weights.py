"""A Keras model's weights as named arrays, with the same names in every process.

Keras numbers layers as they come (``dense_7``), so a layer's name says nothing to another process. What two
processes agree on is the order of ``model.weights`` and what a layer calls each of them, as in
``0003.moving_mean``. Moving averages are among them; an optimizer's variables and the state of random
generators are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import InvalidWeights
from colearn_chain.weights.tensors import describe_all

if TYPE_CHECKING:
    import numpy.typing as npt

    from colearn_chain.weights import WeightSchema

    Arrays = dict[str, npt.NDArray[Any]]

_NUMBER = re.compile(r"(_\d+)+$")
"""What Keras appends to the names of weights that a layer did not name itself."""


def read(model: Any) -> Arrays:
    """Return copies of the model's weights by name."""
    return {name: variable.numpy().copy() for name, variable in _named(model)}


def load(model: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Give the model copies of these weights; they are taken to fit (``checked``)."""
    for name, variable in _named(model):
        variable.assign(arrays[name])


def checked(weights: object, schema: WeightSchema) -> Arrays:
    """Return copies of named arrays after a check that the model could take them; NaN is not looked for.

    Raises:
        InvalidWeights: they are no mapping, or a name, shape or dtype is not what the schema says.
    """
    if not isinstance(weights, Mapping):
        raise InvalidWeights(
            f"weights must be a dict of arrays, not {type(weights).__name__}",
            subject="weights",
            value=weights,
        )
    schema.check_tensors(describe_all(weights))
    return {
        str(name): np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
        for name, array in weights.items()
    }


def is_finite(arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
    """Say whether no array holds NaN or infinity."""
    return all(bool(np.isfinite(array).all()) for array in arrays.values())


def _named(model: Any) -> list[tuple[str, Any]]:
    return [
        (f"{position:04d}.{_NUMBER.sub('', variable.name)}", variable)
        for position, variable in enumerate(model.weights)
    ]
