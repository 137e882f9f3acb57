"""Finding a learner's factory by its name: each way to fail is one clear sentence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.configuration.config_tables import LearnerTable
from colearn_agents.party.factories import load_factory, own_learner
from colearn_chain.artefacts import LearnerContext
from colearn_chain.errors import ConfigError, LearnerError
from colearn_chain.ml_interface import MachineLearningInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTEXT = LearnerContext(index=1, count=3, seed=7, spec=None, arguments={"alpha": 0.5})

LEARNER = """
from colearn_chain.ml_interface import MachineLearningInterface

class Idle(MachineLearningInterface):
    def __init__(self, context): self.context = context
    def mli_propose_weights(self): ...
    def mli_test_weights(self, weights): ...
    def mli_accept_weights(self, weights): ...
    def mli_get_current_weights(self): ...
    def mli_get_current_model(self): ...
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Write a module into the current folder; it is forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    name = f"factory_{tmp_path.name}".replace("-", "_")

    def write(text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    yield write
    sys.modules.pop(name, None)


def test_a_factory_is_called_with_the_context(module: Callable[[str], str]) -> None:
    """The name of a module in the current folder and a callable in it are enough."""
    learner = load_factory(module(LEARNER) + ":Idle")(CONTEXT)
    assert isinstance(learner, MachineLearningInterface)
    assert vars(learner) == {"context": CONTEXT}


@pytest.mark.parametrize(
    "name", ["", "digits", "digits:", ":learner", "a b:learner", ".digits:learner", "a..b:c"]
)
def test_a_name_that_is_no_pair_is_refused(name: str) -> None:
    """What is no ``package.module:factory`` is said to be none, before anything is imported."""
    with pytest.raises(ConfigError, match=r"named package\.module:factory"):
        load_factory(name)


@pytest.mark.parametrize("name", ["nowhere_at_all", "nowhere_at_all.digits", "colearn_chain.nowhere_at_all"])
def test_a_missing_module_is_named(name: str) -> None:
    """A module that is not there is said not to be there."""
    with pytest.raises(ConfigError, match=f"there is no module {name}"):
        load_factory(f"{name}:learner")


@pytest.mark.parametrize(
    ("imported", "sentence"),
    [
        ("raise ModuleNotFoundError(name='torch.nn')", r"pip install 'colearn-chain\[torch\]'"),
        ("raise ModuleNotFoundError(name='sklearn')", r"pip install 'colearn-chain\[sklearn\]'"),
        ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("from colearn_chain import nowhere_at_all", "nowhere_at_all"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("def", "SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(
    imported: str, sentence: str, module: Callable[[str], str]
) -> None:
    """What fails inside the module is told apart from the module missing, and a known extra is named."""
    with pytest.raises(ConfigError, match=f"cannot be imported.*{sentence}"):
        load_factory(module(imported) + ":learner")


def test_a_missing_attribute_is_named(module: Callable[[str], str]) -> None:
    """A factory that the module does not have is named."""
    with pytest.raises(ConfigError, match="has nothing called 'learner'"):
        load_factory(module("") + ":learner")


def test_what_cannot_be_called_is_refused(module: Callable[[str], str]) -> None:
    """A constant is no factory."""
    with pytest.raises(ConfigError, match="is a int, which cannot be called"):
        load_factory(module("learner = 3") + ":learner")


def test_what_is_no_learner_is_refused(module: Callable[[str], str]) -> None:
    """A factory has to make a MachineLearningInterface."""
    factory = load_factory(module("def learner(context): return 3") + ":learner")
    with pytest.raises(ConfigError, match="made a int, which is no MachineLearningInterface"):
        factory(CONTEXT)


PLAIN = LEARNER.replace("(MachineLearningInterface)", "")


def test_a_learner_need_not_inherit_from_anything(module: Callable[[str], str]) -> None:
    """An object with the five methods is a learner."""
    assert "(MachineLearningInterface)" not in PLAIN
    learner = load_factory(module(PLAIN) + ":Idle")(CONTEXT)
    assert type(learner).__mro__ == (type(learner), object)


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        ("{}", "made a dict, .*: it has no mli_accept_weights, mli_get_current_model, .*_weights$"),
        ("Idle", "made a type, which is no MachineLearningInterface$"),
        ("Less(context)", "made a Less, which is no MachineLearningInterface: it has no mli_test_weights$"),
    ],
)
def test_what_lacks_a_method_is_told_so(made: str, complaint: str, module: Callable[[str], str]) -> None:
    """The methods that are missing are named; a class that was not called is no learner."""
    less = PLAIN.replace("class Idle", "class Less").replace("mli_test_weights", "mli_test")
    text = f"{PLAIN}\n{less}\ndef learner(context): return {made}"
    with pytest.raises(ConfigError, match=complaint):
        load_factory(module(text) + ":learner")(CONTEXT)


def test_a_package_missing_in_the_call_names_its_extra(module: Callable[[str], str]) -> None:
    """Backends import their framework late: then, too, the extra is named."""
    late = "def learner(context): raise ModuleNotFoundError(name='sklearn')"
    with pytest.raises(ConfigError, match=r"pip install 'colearn-chain\[sklearn\]'"):
        load_factory(module(late) + ":learner")(CONTEXT)


def test_a_factory_that_fails_says_for_which_learner(module: Callable[[str], str]) -> None:
    """A foreign exception becomes a LearnerError with its cause."""
    factory = load_factory(module("def learner(context): return 1 / 0") + ":learner")
    with pytest.raises(LearnerError, match="failed to make learner 1: ZeroDivisionError") as caught:
        factory(CONTEXT)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("status", ["", "0", "'enough'"])
def test_a_factory_that_exits_is_a_failure(module: Callable[[str], str], status: str) -> None:
    """A factory that ends the program would end it without a word, and as if all were well."""
    factory = load_factory(module(f"def learner(context): raise SystemExit({status})") + ":learner")
    with pytest.raises(LearnerError, match="failed to make learner 1: SystemExit"):
        factory(CONTEXT)


def test_a_typed_error_of_a_factory_is_passed_on(module: Callable[[str], str]) -> None:
    """What a factory already says in this project's words is not said again."""
    text = (
        "from colearn_chain.errors import ConfigError\ndef learner(context): raise ConfigError('alpha is 0')"
    )
    with pytest.raises(ConfigError, match=r"^alpha is 0$"):
        load_factory(module(text) + ":learner")(CONTEXT)


def made(module: Callable[[str], str], shared: dict[str, Any], own: dict[str, Any]) -> LearnerContext:
    """What a party's factory is told, by an experiment and by the party."""
    name = module(LEARNER)
    table = LearnerTable(factory=f"{name}:Idle", index=2, count=4, seed=9, arguments=own)
    context: LearnerContext = own_learner(table, shared).context  # type: ignore[attr-defined]
    return context


def test_a_partys_learner_gets_what_the_experiment_and_the_party_say(module: Callable[[str], str]) -> None:
    """The experiment's arguments with the party's added; what a factory does to them stays with it."""
    shared = {"epochs": 2, "layers": [64]}
    context = made(module, shared, {"data": "x", "epochs": 2})
    assert (context.index, context.count, context.seed, context.spec) == (2, 4, 9, None)
    assert context.arguments == {"epochs": 2, "layers": [64], "data": "x"}
    context.arguments["layers"].append(10)
    assert shared["layers"] == [64]


def test_a_party_cannot_change_what_all_agreed_on(module: Callable[[str], str]) -> None:
    """Both values are named."""
    with pytest.raises(ConfigError, match=r"argument epochs to 2 for everybody, and .* here sets it to 3"):
        made(module, {"epochs": 2}, {"epochs": 3})
