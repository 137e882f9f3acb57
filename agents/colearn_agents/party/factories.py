"""Finding a learner's factory by name, so that no backend is ever imported by this package."""

from __future__ import annotations

import copy
import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

from colearn_agents.party.strangers import in_words
from colearn_chain.artefacts import LearnerContext
from colearn_chain.errors import ColearnError, ConfigError, LearnerError, shown
from colearn_chain.ml_interface import MachineLearningInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from colearn_agents.configuration.config_tables import LearnerTable
    from colearn_chain.artefacts import ExperimentSpec

    Factory = Callable[[LearnerContext], MachineLearningInterface]

EXTRAS = {
    "sklearn": "sklearn",
    "torch": "torch",
    "keras": "keras",
    "tensorflow": "keras",
    "lightgbm": "boosting",
    "onnx": "onnx",
    "matplotlib": "plot",
    "eth_tester": "local",
    "eth": "local",
}
"""Which extra of this distribution brings a package that is imported late."""


def load_factory(name: str) -> Factory:
    """Find the factory that a name stands for.

    The current folder is searched too, after everything that is installed, so that a learner's own file need
    not be installed to be tried.

    Args:
        name: ``package.module:factory``.

    Returns:
        The factory. A call of it raises ConfigError when what it makes is no ``MachineLearningInterface`` or
        a package is missing, and LearnerError when it fails.

    Raises:
        ConfigError: the name is no such pair, the module is missing or cannot be imported (the extra that it
            needs is named), it has no such attribute, or the attribute cannot be called.
    """
    module_name, colon, attribute = name.partition(":")
    if not (colon and attribute and _is_dotted(module_name)):
        raise ConfigError(f"a learner's factory is named package.module:factory, not {name!r}")
    module = _import(module_name)
    factory = getattr(module, attribute, None)
    if factory is None:
        raise ConfigError(f"the module {module_name} has nothing called {attribute!r}")
    if not callable(factory):
        raise ConfigError(f"{name} is a {type(factory).__name__}, which cannot be called with a context")
    return _checked(factory, name)


def own_learner(
    table: LearnerTable, shared: Mapping[str, Any], *, spec: ExperimentSpec | None = None
) -> MachineLearningInterface:
    """Make the learner that a party's configuration names.

    Its factory gets as ``arguments`` what the experiment says to all learners and what the party adds, such
    as where its data lie.

    Args:
        table: ``[learner]`` of the configuration.
        shared: the experiment's own ``learner`` table.
        spec: the experiment's; None as long as it is being made, since its first weights come from a learner.

    Raises:
        ConfigError: see :func:`load_factory`; also when the party says otherwise than the experiment.
        LearnerError: the factory failed.
    """
    for name in sorted(shared.keys() & table.arguments.keys()):
        if shared[name] != table.arguments[name]:
            raise ConfigError(
                f"the experiment sets the learner's argument {shown(name)} to {shown(shared[name])} for "
                f"everybody, and [learner] here sets it to {shown(table.arguments[name])}: take it out"
            )
    context = LearnerContext(
        index=table.index,
        count=table.count,
        seed=table.seed,
        spec=spec,
        arguments=copy.deepcopy({**shared, **table.arguments}),
    )
    return load_factory(table.factory)(context)


def explain_missing(missing: ImportError) -> str:
    """Say in one sentence which package is missing and, where it is known, which extra brings it."""
    package = (missing.name or "").partition(".")[0]
    extra = EXTRAS.get(package)
    if extra is None:
        return f"{missing}."
    return f"the package {package} is missing: pip install 'colearn-chain[{extra}]' brings it."


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _import(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.append("")  # the current folder, last: nothing installed is hidden by what lies there
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is not None and f"{name}.".startswith(f"{missing.name}."):
            sentence = f"there is no module {name}, neither installed nor in this folder"
            raise ConfigError(f"{sentence} ({missing.name} is not found)") from missing
        raise ConfigError(f"{name} cannot be imported: {explain_missing(missing)}") from missing
    except ImportError as missing:
        raise ConfigError(f"{name} cannot be imported: {explain_missing(missing)}") from missing
    except (Exception, SystemExit) as error:
        # a stranger's module may raise anything while it is imported, or try to end the program
        raise ConfigError(f"{name} cannot be imported: {in_words(error)}") from error


def _checked(factory: Callable[..., Any], name: str) -> Factory:
    @functools.wraps(factory)
    def make(context: LearnerContext) -> MachineLearningInterface:
        learner = _call(factory, name, context)
        if isinstance(learner, type) or not isinstance(learner, MachineLearningInterface):
            raise ConfigError(f"{name} made a {type(learner).__name__}, {_why_no_learner(learner)}")
        return learner

    return make


def _why_no_learner(made: object) -> str:
    methods = MachineLearningInterface.__abstractmethods__
    lacking = ", ".join(sorted(method for method in methods if not hasattr(made, method)))
    return "which is no MachineLearningInterface" + (f": it has no {lacking}" if lacking else "")


def _call(factory: Callable[..., Any], name: str, context: LearnerContext) -> Any:
    try:
        return factory(context)
    except ColearnError:
        raise
    except ImportError as missing:
        raise ConfigError(f"{name} cannot make a learner: {explain_missing(missing)}") from missing
    except (Exception, SystemExit) as error:
        # a stranger's factory may raise anything, or try to end the program
        raise LearnerError(f"{name} failed to make learner {context.index}: {in_words(error)}") from error
