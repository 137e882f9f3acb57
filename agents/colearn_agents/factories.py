"""Finding a learner's factory by name, so that no backend is ever imported by this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colearn_chain.artefacts import LearnerContext
    from colearn_chain.ml_interface import MachineLearningInterface

    Factory = Callable[[LearnerContext], MachineLearningInterface]


def load_factory(name: str) -> Factory:
    """Find the factory that a name stands for.

    Args:
        name: ``package.module:factory``.

    Returns:
        The factory; a call of it raises ConfigError when what it makes is no ``MachineLearningInterface``.

    Raises:
        ConfigError: the name has no colon, the module is missing or cannot be imported (the extra that it needs is named),
            or it has no such attribute, or the attribute cannot be called.
    """
    raise NotImplementedError
