"""A PyTorch module's state as named arrays: parameters and persistent buffers, named as in ``state_dict``.

Integer tensors (BatchNorm's ``num_batches_tracked``) and booleans travel like all others. Element types that
the weight format does not have, of which bfloat16 is the one in use, are refused by the tensor's name: keep
such weights in float32 and let ``torch.autocast`` compute in bfloat16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from colearn_backends import named_arrays
from colearn_chain.errors import ConfigError, InvalidWeights
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from colearn_chain.weights import NamedArrays


def read(module: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """Return copies of the module's state."""
    return {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in module.state_dict().items()}


def load(module: torch.nn.Module, arrays: NamedArrays) -> None:
    """Give the module copies of these arrays, which are taken to fit."""
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


class StateSchema:
    """What a module's state has to be.

    Args:
        module: with the state that others have to be like.

    Raises:
        ConfigError: there is none, or something in it cannot travel as an array.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        for name, value in module.state_dict().items():
            if not isinstance(value, torch.Tensor):
                raise ConfigError(f"'{name}' in the model's state is a {type(value).__name__}, no tensor")
            if is_lazy(value):
                raise ConfigError(f"'{name}' has no shape yet: call the model once before")
            if value.dtype not in _TRAVEL or value.layout is not torch.strided:
                raise ConfigError(f"'{name}' is {value.dtype} and {value.layout}, which no weights can be")
        self._arrays = WeightSchema.of(read(module))
        if not self._arrays.tensors:
            raise ConfigError(f"{type(module).__name__} has no weights")
        self._ties = _ties(module)

    def checked(self, weights: object) -> dict[str, NDArray[Any]]:
        """Return copies of named arrays after a check that the module could take them; NaN is not looked for.

        Raises:
            InvalidWeights: they are no mapping, a name, shape or dtype differs, or what is one tensor in the
                module has two values.
        """
        arrays = named_arrays.checked(weights, self._arrays)
        for first, other in self._ties:
            if arrays[first].tobytes() != arrays[other].tobytes():
                raise InvalidWeights(
                    f"'{first}' and '{other}' are one tensor and have two values", subject=other
                )
        return arrays


_TRAVEL = {
    torch.float64,
    torch.float32,
    torch.float16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint64,
    torch.uint32,
    torch.uint16,
    torch.uint8,
    torch.bool,
}


def _ties(module: torch.nn.Module) -> list[tuple[str, str]]:
    """Pairs of names that stand for the same tensor."""
    names: dict[int, str] = {}
    tensors = module.state_dict(keep_vars=True).items()
    return [
        (first, name) for name, tensor in tensors if (first := names.setdefault(id(tensor), name)) != name
    ]
