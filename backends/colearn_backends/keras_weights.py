"""A Keras model's weights as named arrays, with the same names in every process.

Keras numbers layers as they come (``dense_7``), so a layer's name says nothing to another process. What two
processes agree on is the order of ``model.weights`` and what a layer calls each of them, as in
``0003.moving_mean``. Moving averages are among them; an optimizer's variables and the state of random
generators are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from colearn_chain.weights import NamedArrays

    Arrays = dict[str, npt.NDArray[Any]]

_NUMBER = re.compile(r"(_\d+)+$")
"""What Keras appends to the names of weights that a layer did not name itself."""


def read(model: Any) -> Arrays:
    """Return copies of the model's weights by name."""
    return {name: variable.numpy().copy() for name, variable in _named(model)}


def load(model: Any, arrays: NamedArrays) -> None:
    """Give the model copies of these weights; they are taken to fit (``named_arrays.checked``)."""
    variables = dict(_named(model))
    for name, array in arrays.items():
        variables[name].assign(array)


def _named(model: Any) -> list[tuple[str, Any]]:
    return [
        (f"{position:04d}.{_NUMBER.sub('', variable.name)}", variable)
        for position, variable in enumerate(model.weights)
    ]
