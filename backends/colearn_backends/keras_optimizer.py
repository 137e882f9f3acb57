"""A fresh optimizer for each proposal without compiling the model again.

What an optimizer remembers (moments, step counters) is about steps from other weights than those that the
group holds meanwhile. Compiling anew would forget it, and would trace the training step again, which takes a
hundred times as long; so its variables are put back to their first values instead.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Values = Sequence[npt.NDArray[Any]]


class ProposalOptimizer:
    """A compiled model's optimizer, as proposals use it one after the other.

    Args:
        model: built and compiled; its optimizer is built here if it is not yet.
        fresh: let each proposal begin at the optimizer's first state, a schedule of learning rates included;
            else where the last proposal that succeeded left it.

    Raises:
        ConfigError: the optimizer was used before and does not say how it began.
    """

    def __init__(self, model: Any, *, fresh: bool) -> None:
        self._optimizer = model.optimizer
        if not self._optimizer.built:
            self._optimizer.build(model.trainable_variables)
        self._first = _first_state(self._optimizer, model.trainable_variables) if fresh else None

    @contextmanager
    def proposal(self) -> Iterator[None]:
        """Lend the optimizer to one training.

        A learning rate that was set since the last time is kept; what callbacks make of it during the
        training is not, if proposals begin fresh. A training that fails leaves nothing behind.
        """
        before = _state(self._optimizer)
        keeps = False
        try:
            if self._first is not None:
                _restore(self._optimizer, self._first, but=self._optimizer.learning_rate)
            yield
            keeps = self._first is None
        finally:
            if not keeps:
                _restore(self._optimizer, before)


def _first_state(optimizer: Any, variables: Sequence[Any]) -> Values:
    if int(optimizer.iterations) == 0:
        return _state(optimizer)
    try:
        twin = type(optimizer).from_config(optimizer.get_config())
        twin.build(variables)
    except Exception as error:
        name = type(optimizer).__name__
        raise ConfigError(
            f"{name} has trained already and cannot be made anew by its configuration; compile the model "
            f"with a new one, or set need_reset_optimizer=False: {error}"
        ) from error
    return _state(twin)


def _state(optimizer: Any) -> Values:
    return [variable.numpy().copy() for variable in optimizer.variables]


def _restore(optimizer: Any, values: Values, but: object = None) -> None:
    for variable, value in zip(optimizer.variables, values, strict=True):
        if variable is not but:
            variable.assign(value)
