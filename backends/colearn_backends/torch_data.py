"""Batches out of a PyTorch loader: ``(inputs, labels)``, two tensors whose first dimension is the sample."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

    Batch = tuple[Tensor, Tensor]


def batches(loader: Iterable[Any], most: int | None) -> Iterator[Batch]:
    """Give a loader's batches, at most so many.

    Raises:
        TypeError: one of them is not a pair of tensors of the same length.
    """
    return (_checked(batch) for batch in islice(loader, most))


def fixed_sample(loader: Iterable[Any], most: int | None, name: str) -> list[Batch]:
    """Draw batches once and keep copies, so that every model is measured on the very same samples.

    Args:
        loader: may shuffle and augment; what it does now stays.
        most: how many batches; None: all.
        name: of the loader, for errors.

    Raises:
        ConfigError: there are none, or they cannot be used.
    """
    try:
        sample = [
            (inputs.detach().clone(), labels.detach().clone()) for inputs, labels in batches(loader, most)
        ]
    except Exception as error:
        raise ConfigError(f"the {name} cannot be read: {error}") from error
    if not sample:
        raise ConfigError(f"the {name} has no batches")
    return sample


def _checked(batch: Any) -> Batch:
    if not (isinstance(batch, list | tuple) and len(batch) == 2):  # noqa: PLR2004 - inputs and labels
        raise TypeError(f"a batch must be (inputs, labels), not {type(batch).__name__}")
    inputs, labels = batch
    if not (isinstance(inputs, torch.Tensor) and isinstance(labels, torch.Tensor)):
        kinds = f"{type(inputs).__name__} and {type(labels).__name__}"
        raise TypeError(f"inputs and labels must be tensors, not {kinds}")
    if not len(inputs) == len(labels) > 0:
        raise TypeError(f"a batch of {len(inputs)} inputs and {len(labels)} labels")
    return inputs, labels
