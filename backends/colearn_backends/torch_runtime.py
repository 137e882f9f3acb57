"""What PyTorch keeps for the whole process or the whole module, changed for a while and put back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED = 0


@contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Let operators use so many threads; None changes nothing. It holds for the whole process meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def in_mode(model: torch.nn.Module, *, training: bool) -> Iterator[None]:
    """Put the model and all within it into training or evaluation mode, and each back to where it was."""
    before = [(module, module.training) for module in model.modules()]
    try:
        model.train(training)
        yield
    finally:
        for module, was in before:
            module.training = was


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Draw the same random numbers each time, and leave everybody else's as they would have been.

    For modules that draw some even when they are evaluated, as functional dropout does if it is not told. On
    other devices than a CPU or a CUDA GPU nothing is fixed.
    """
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(_SEED)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(_SEED)
        yield
