"""A PyTorch module with its optimizer, as a pair that is copied together, and plain training of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_backends.torch_data import batches
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    import torch
    from torch import Tensor
    from torch.nn import Parameter

    Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Trainee:
    """A module and the optimizer of its parameters.

    Attributes:
        model: the module.
        optimizer: over some or all of its parameters.
    """

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer

    @classmethod
    def on(cls, device: torch.device, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Self:
        """Copy a user's module and optimizer to a device.

        Raises:
            ConfigError: the optimizer has parameters of something else, or they cannot be copied.
        """
        known = set(map(id, model.parameters()))
        if any(id(parameter) not in known for parameter in _parameters(optimizer)):
            raise ConfigError(
                f"the {type(optimizer).__name__} has parameters that are not of this {type(model).__name__}"
            )
        try:
            trainee = cls(model, optimizer).copy()
            trainee.model.to(device)
        except (RuntimeError, TypeError) as error:
            raise ConfigError(f"{type(model).__name__} cannot be copied to {device}: {error}") from error
        if trainee.optimizer.state:  # it follows its parameters to the device
            trainee.optimizer.load_state_dict(trainee.optimizer.state_dict())
        return trainee

    def copy(self) -> Self:
        """Return a copy whose optimizer is over the copied module's parameters.

        An optimizer's own way of being copied leaves out what subclasses add. Not taken along is a ``step``
        of this one object: the wrapper that a scheduler puts around it would go on with the original.
        """
        memo: dict[int, Any] = {}
        model = copy.deepcopy(self.model, memo)
        attributes = {name: value for name, value in vars(self.optimizer).items() if name != "step"}
        optimizer = type(self.optimizer).__new__(type(self.optimizer))
        vars(optimizer).update(copy.deepcopy(attributes, memo))
        return type(self)(model, optimizer)

    def trained(self) -> list[Parameter]:
        """Return the parameters that training changes."""
        return [parameter for parameter in _parameters(self.optimizer) if parameter.requires_grad]

    def trained_names(self) -> set[str]:
        """Return their names in the module's state."""
        trained = set(map(id, self.trained()))
        named = self.model.named_parameters(remove_duplicate=False)
        return {name for name, parameter in named if id(parameter) in trained}


def train(
    trainee: Trainee, loader: Iterable[Any], most: int | None, criterion: Criterion, device: torch.device
) -> None:
    """Train one pass over a loader.

    Args:
        trainee: in training mode; it is changed.
        loader: batches (inputs, labels).
        most: how many of them at most; None: all.
        criterion: the loss, from outputs and labels.
        device: where the model is.

    Raises:
        ValueError: there are no batches.
    """
    trained = False
    for inputs, labels in batches(loader, most):
        _step(trainee, inputs.to(device), labels.to(device), criterion)
        trained = True
    if not trained:
        raise ValueError("the train_loader has no batches")


def _step(trainee: Trainee, inputs: Tensor, labels: Tensor, criterion: Criterion) -> None:
    def gradient() -> Tensor:
        trainee.optimizer.zero_grad()
        loss = criterion(trainee.model(inputs), labels).mean()  # one number already, but for reduction "none"
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    trainee.optimizer.step(gradient)  # type: ignore[arg-type]  # a float would make a GPU wait


def _parameters(optimizer: torch.optim.Optimizer) -> list[Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
