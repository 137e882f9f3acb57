"""The command ``model get``: the accepted model as a file, with a document beside it, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_agents.group.group import Group, GroupSettings
from colearn_chain.chain.cards import make_card
from colearn_chain.storage import cid_of
from colearn_chain.testing.doors import open_to_the_network
from colearn_chain.testing.learners import IdleLearner, StepLearner
from colearn_chain.weights import WeightSchema, read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from colearn_chain.artefacts import LearnerContext
    from colearn_chain.ml_interface import MachineLearningInterface

TARGET = [1.0, 2.0]
SCHEMA = WeightSchema.of(StepLearner(TARGET).mli_get_current_weights().weights)
NOBODY_THERE = "http://127.0.0.1:1"

EXPORTS = """\
from colearn_chain.ml_interface import ColearnModel, ModelFormat
from colearn_chain.testing.learners import StepLearner


class Exporting(StepLearner):
    def __init__(self, model):
        super().__init__([1.0, 2.0])
        self._model = model

    def mli_get_current_model(self):
        return self._model(self._vector)


def in_memory(vector):
    return ColearnModel(model_format=ModelFormat.ONNX, model=repr(list(vector)).encode())


def in_a_file(vector):
    with open("exported.onnx", "w") as file:
        file.write(repr(list(vector)))
    return ColearnModel(model_format=ModelFormat.NATIVE, model_file="exported.onnx")


def nowhere(vector):
    return ColearnModel(model_format=ModelFormat.ONNX, model_file="not-there.onnx")


def pickled(vector):
    return ColearnModel(model_format=ModelFormat.PICKLE_WEIGHTS_ONLY, model_file=__file__)


def in_a_hurry(vector):
    with open("model.onnx.json", "w") as file:
        file.write("mine")
    return in_memory(vector)


def failing(vector):
    raise RuntimeError("no such luck")


def native(context):
    return StepLearner([1.0, 2.0])


def longer(context):
    return StepLearner([1.0, 2.0, 3.0])


def onnx(context):
    assert context.spec is not None
    return Exporting(in_memory)


def file(context):
    return Exporting(in_a_file)


def missing(context):
    return Exporting(nowhere)


def pickle(context):
    return Exporting(pickled)


def racing(context):
    return Exporting(in_a_hurry)


def broken(context):
    return Exporting(failing)
"""


@dataclass
class Played:
    """An experiment of four rounds: accepted, refused, skipped, accepted.

    Attributes:
        folder: holds ``card.json`` and the store.
        group: the parties.
        url: its node.
    """

    folder: Path
    group: Group
    url: str

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self.folder / "store"

    def cid(self, number: int) -> str:
        """What was proposed in a round."""
        return cid_of(self.group.contract.rounds(number, 1)[0].digest)


def learner(context: LearnerContext) -> MachineLearningInterface:
    """One that improves, one that leads away, one that has nothing."""
    return [StepLearner(TARGET), StepLearner(TARGET, step=3.0), IdleLearner(TARGET)][context.index]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """That experiment."""
    folder = tmp_path_factory.mktemp("played")
    group = Group.create(learner, GroupSettings(learners=3, rounds=4), folder)
    group.run()
    card = make_card(group.contract.node, group.contract.raw_deployment or b"")
    (folder / "card.json").write_bytes(card.to_bytes())
    with open_to_the_network(group.contract.node) as url:
        yield Played(folder, group, url)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a module of learners, which is forgotten afterwards."""
    (tmp_path / "own_exports.py").write_text(EXPORTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_exports", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def get(played: Played, *options: str) -> Result:
    """Run the command with all its sources named."""
    sources = (str(played.folder / "card.json"), "--rpc", played.url, "--store", str(played.store))
    return CliRunner().invoke(app, ["model", "get", *sources, *options])


def document(path: Path) -> dict[str, Any]:
    """A JSON file."""
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def left(folder: Path) -> list[str]:
    """What lies in the folder beside the module and its compiled form."""
    names = {path.name for path in folder.iterdir()}
    return sorted(names - {"own_exports.py", "__pycache__"})


def test_the_last_accepted_model_comes_home(played: Played, home: Path) -> None:
    """Its weights in the very bytes that were voted on, and beside them how they came about."""
    result = get(played, "--out", "model.safetensors")
    assert (result.exit_code, result.stderr) == (ExitCode.DONE, "")
    out = home / "model.safetensors"
    assert list(read_weights(out, SCHEMA)["vector"]) == [0.75, 1.5]
    assert out.read_bytes() == (played.store / played.cid(4) / "weights.safetensors").read_bytes()
    told = document(home / "model.safetensors.json")
    assert (told["round"], told["cid"]) == (4, played.cid(4))
    assert told["proposer"] == played.group.addresses[0]
    assert told["ballots"] == dict.fromkeys(played.group.addresses[1:], "approve")
    assert [(each["round"], each["cid"]) for each in told["parents"]] == [
        (1, played.cid(1)),
        (0, cid_of(played.group.contract.spec_digest())),
    ]
    assert told["history_hash"] == "0x" + played.group.contract.history_hash().hex()
    content = out.read_bytes()
    assert told["file"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["file"]["size"] == len(content)
    assert left(home) == ["model.safetensors", "model.safetensors.json"]


def test_what_people_are_told(played: Played, home: Path) -> None:
    """Round, ballots, parents and whom it believes, and what accepted does not mean."""
    said = get(played, "--out", "model.safetensors").stdout
    assert "model.safetensors: the model that was accepted in round 4" in said
    assert "2 ballots: 2 approved" in said
    assert "round 1, the spec" in said
    assert f"by the word of {played.url} alone" in said
    assert "not that it is safe" in said


def test_an_earlier_round_and_the_first_weights(played: Played, home: Path) -> None:
    """By the number of the round; 0 are the spec's weights, which nobody voted on."""
    assert json.loads(get(played, "--round", "1", "--out", "one", "--json").stdout)["round"] == 1
    assert list(read_weights(home / "one", SCHEMA)["vector"]) == [0.5, 1.0]
    result = get(played, "--round", "0", "--out", "zero")
    assert "first weights, on which nobody voted" in result.stdout
    assert "not that it is safe" not in result.stdout
    told = document(home / "zero.json")
    assert (told["proposer"], told["ballots"], told["parents"]) == (None, {}, [])


def test_programs_get_the_document(played: Played, home: Path) -> None:
    """With ``--json`` standard output is the document, and nothing else."""
    result = get(played, "--out", "model.safetensors", "--json")
    assert json.loads(result.stdout) == document(home / "model.safetensors.json")


@pytest.mark.parametrize("taken", ["model.safetensors", "model.safetensors.json"])
def test_nothing_is_overwritten(played: Played, home: Path, taken: str) -> None:
    """Neither the model nor its document, and then the other is not written either."""
    (home / taken).write_text("mine")
    result = get(played, "--out", "model.safetensors")
    assert result.exit_code == ExitCode.WRONG
    assert f"{taken} exists already" in result.stderr
    assert (left(home), (home / taken).read_text()) == ([taken], "mine")


def test_a_folder_that_is_not_there(played: Played, home: Path) -> None:
    """Said before anything is fetched."""
    result = get(played, "--out", "nowhere/model.safetensors")
    assert result.exit_code == ExitCode.WRONG
    assert "there is no folder nowhere" in result.stderr


@pytest.mark.parametrize(("number", "why"), [(2, "round 2 was rejected"), (9, "there is no closed round 9")])
def test_a_round_without_a_model(played: Played, home: Path, number: int, why: str) -> None:
    """One sentence that names the last round that has one; nothing is left behind."""
    result = get(played, "--round", str(number), "--out", "model.safetensors")
    assert result.exit_code == ExitCode.WRONG
    assert why in result.stderr
    assert "the last one accepted is round 4" in result.stderr
    assert left(home) == []


def test_a_model_that_the_store_no_longer_has(played: Played, home: Path) -> None:
    """The round is named, and nothing is left behind."""
    store = home / "emptied"
    shutil.copytree(played.store, store)
    shutil.rmtree(store / played.cid(4))
    card = str(played.folder / "card.json")
    arguments = ["model", "get", card, "--rpc", played.url, "--store", str(store), "--out", "m"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == ExitCode.WRONG
    assert "the model of round 4 is gone" in result.stderr
    assert left(home) == ["emptied"]


# ------------------------------------------------------------------------------------- a learner's own export


@pytest.mark.parametrize("factory", ["onnx", "file"])
def test_a_learners_own_export(played: Played, home: Path, factory: str) -> None:
    """The learner takes the weights and gives its model: as bytes, or as a file that it has written."""
    result = get(played, "--out", "model.onnx", "--learner", f"own_exports:{factory}")
    assert (result.exit_code, result.stderr) == (ExitCode.DONE, "")
    assert "0.75" in (home / "model.onnx").read_text()
    assert document(home / "model.onnx.json")["file"]["holds"] == "the learner's own export"


@pytest.mark.parametrize(
    ("factory", "why"),
    [
        ("native", "as an object in memory (ndarray), not as a file: without --learner"),
        ("pickle", "as a pickle, which runs code"),
        ("missing", "not-there.onnx, where no file is"),
        ("broken", "RuntimeError: no such luck"),
        ("longer", "vector"),
        ("absent", "has nothing called 'absent'"),
    ],
)
def test_an_export_that_cannot_be_written(played: Played, home: Path, factory: str, why: str) -> None:
    """One sentence says why, and nothing is left behind."""
    result = get(played, "--out", "model.onnx", "--learner", f"own_exports:{factory}")
    assert result.exit_code == ExitCode.WRONG
    assert why in result.stderr
    assert result.stderr.count("\n") == 1
    assert left(home) == []


def test_a_document_that_cannot_be_written_takes_the_model_back(played: Played, home: Path) -> None:
    """Somebody else takes the document's name in the meantime: both are written, or none."""
    result = get(played, "--out", "model.onnx", "--learner", "own_exports:racing")
    assert result.exit_code == ExitCode.WRONG
    assert "model.onnx.json exists already" in result.stderr
    assert (left(home), (home / "model.onnx.json").read_text()) == (["model.onnx.json"], "mine")


def test_only_a_configuration_can_give_a_learner_its_arguments(played: Played, home: Path) -> None:
    """The factory is the command's, all else of ``[learner]`` the configuration's."""
    (home / "own_counting.py").write_text(
        "from own_exports import Exporting, in_memory\n"
        "def make(context):\n"
        "    assert (context.index, context.count, context.arguments) == (1, 3, {'width': 2})\n"
        "    return Exporting(in_memory)\n"
    )
    learner = '[learner]\nfactory = "nothing:here"\nindex = 1\ncount = 3\narguments = { width = 2 }\n'
    configure(played, home, learner)
    result = CliRunner().invoke(
        app, ["model", "get", "--out", "model.onnx", "--learner", "own_counting:make"]
    )
    assert (result.exit_code, result.stderr) == (ExitCode.DONE, "")


# --------------------------------------------------------------------------------------------- where from


def configure(played: Played, home: Path, more: str = "", rpc: str | None = None) -> None:
    """Write the configuration that is taken by default."""
    (home / "colearn.toml").write_text(
        f'storage = "directory:{played.store}"\n'
        f'[network]\nchain_id = {played.group.contract.chain_id}\nrpc = "{rpc or played.url}"\n'
        f'[experiment]\ncard = "{played.folder / "card.json"}"\n{more}'
    )


def test_from_a_configuration(played: Played, home: Path) -> None:
    """Card, node and store are its own; a card that is named comes first."""
    configure(played, home)
    assert CliRunner().invoke(app, ["model", "get", "--out", "model"]).exit_code == ExitCode.DONE
    other = CliRunner().invoke(app, ["model", "get", "not-there.json", "--out", "other"])
    assert "not-there.json cannot be read" in other.stderr


def test_a_node_that_does_not_answer(played: Played, home: Path) -> None:
    """One sentence, and nothing is left behind."""
    configure(played, home, rpc=NOBODY_THERE)
    result = CliRunner().invoke(app, ["model", "get", "--out", "model"])
    assert result.exit_code == ExitCode.WRONG
    assert NOBODY_THERE in result.stderr
    assert left(home) == ["colearn.toml"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "there is no configuration file colearn.toml"),
        (["--rpc", NOBODY_THERE], "it needs all three: CARD, --rpc and --store"),
        (["card.json", "--store", "."], "it needs all three"),
        (["card.json", "--rpc", NOBODY_THERE, "--store", "nowhere"], "there is no store at nowhere"),
    ],
)
def test_sources_that_do_not_suffice(home: Path, options: list[str], why: str) -> None:
    """The sentence says what is missing."""
    result = CliRunner().invoke(app, ["model", "get", "--out", "model", *options])
    assert result.exit_code == ExitCode.WRONG
    assert why in result.stderr
