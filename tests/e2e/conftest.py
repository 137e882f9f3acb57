"""A chain behind a URL and the files of several parties: what tests of the commands begin with."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner
from web3 import Web3

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_agents.experiments.rules_file import EXAMPLE
from colearn_chain.artefacts import Card
from colearn_chain.chain import ExperimentContract, Node, Sender, embedded_chain
from colearn_chain.chain.artefact import packaged_releases
from colearn_chain.chain.keystore import Keystore
from colearn_chain.testing.chain import FaultyProvider
from colearn_chain.testing.doors import open_to_the_network
from colearn_chain.testing.experiments import ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    from colearn_chain.chain import EmbeddedChain
    from colearn_chain.types import Address

LEARNERS = """\
from colearn_chain.ml_interface import DiffPrivConfig
from colearn_chain.testing.learners import FailingLearner, NanLearner, Phase, StepLearner

def stepping(context):
    target = [1.0 + context.index / 10] * context.arguments.get("size", 2)
    return StepLearner(target, step=context.arguments.get("step", 0.5))

def private(context):
    learner = stepping(context)
    terms = {"target_epsilon": 8, "target_delta": 1e-5, "max_grad_norm": 1, "noise_multiplier": 1.1}
    learner.diff_priv_config = DiffPrivConfig(**terms | context.arguments.get("terms", {}))
    return learner

def open_hearted(context):
    learner = stepping(context)
    learner.diff_priv_config = None
    return learner

def without_data(context):
    return NanLearner([1.0, 2.0])

def broken(context):
    return FailingLearner([1.0, 2.0], Phase.TEST)
"""

RULES = "\n".join(line for line in EXAMPLE.replace("epochs = 2", "").splitlines() if not line.startswith("#"))
"""The printed example, for learners that know no epochs."""


@dataclass
class Lab:
    """Parties 0 to 7 with money, accounts and configurations, in one folder with one store; 0 organizes.

    Attributes:
        folder: where all files are, and where the commands run.
        chain: mines each transaction at once.
        wire: between the commands and the chain; it can be told to lie.
        url: of both.
    """

    folder: Path
    chain: EmbeddedChain
    wire: FaultyProvider
    url: str

    @property
    def addresses(self) -> list[Address]:
        """The parties'."""
        return [account.address for account in ACCOUNTS]

    @property
    def card(self) -> Path:
        """Where a card is by default."""
        return self.folder / "card.json"

    def config(self, party: int, *, learner: str = "stepping", arguments: str = "", **changes: str) -> str:
        """Write a party's configuration; return its file.

        Args:
            party: whose.
            learner: the factory's name; "": no such table.
            arguments: of the learner.
            changes: tables or keys by name, in place of the usual ones; "" leaves one out.
        """
        tables = {
            "storage": 'storage = ["directory:store"]',
            "network": f'[network]\nchain_id = {self.chain.node.chain_id}\nrpc = "{self.url}"',
            "account": f'[account]\nname = "party{party}"\nkeystore = "accounts"\npassword = "${{file:pw}}"',
            "experiment": '[experiment]\ncard = "card.json"',
            "learner": learner
            and f'[learner]\nfactory = "lab_learners:{learner}"\nindex = {party}\ncount = 8',
        }
        path = self.folder / f"party{party}.toml"
        path.write_text("\n".join([*(tables | changes).values(), arguments and f"arguments = {arguments}\n"]))
        return path.name

    def rules(self, *first: str, learner: str = "", **changes: str) -> str:
        """Write a file of rules; return it.

        Args:
            first: lines in front of the usual ones.
            learner: lines of the learner's table.
            changes: other values for some of the keys.
        """
        text = "\n".join([*first, RULES, learner])
        for key, value in changes.items():
            text, found = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
            assert found == 1, key
        (self.folder / "rules.toml").write_text(text)
        return "rules.toml"

    def run(self, party: int, command: str, *arguments: str) -> Result:
        """Run a command on experiments as a party; its configuration is made if there is none."""
        if not (self.folder / f"party{party}.toml").exists():
            self.config(party)
        return run("experiment", command, *arguments, "--config", f"party{party}.toml")

    def done(self, party: int, command: str, *arguments: str) -> Any:
        """Run a command that has to succeed; return its JSON document."""
        return document(self.run(party, command, *arguments, "--json"))

    def create(self, *arguments: str, **changes: str) -> Any:
        """Create an experiment as party 0, by the usual rules with other values for some keys."""
        return self.done(0, "create", "--rules", self.rules(**changes), "--yes", *arguments)

    def gather(self, *parties: int) -> None:
        """Invite parties, and let them join."""
        self.done(0, "invite", *(self.addresses[party] for party in parties), "--yes")
        for party in parties:
            self.done(party, "join", "--yes")

    def contract(self) -> ExperimentContract:
        """The experiment of the card, past the commands."""
        deployment = Card.from_bytes(self.card.read_bytes()).deployment(packaged_releases())
        return ExperimentContract(self.chain.node, deployment.contract)

    def sender(self, party: int) -> Sender:
        """Sends a party's transactions, past the commands."""
        return Sender(self.chain.node, ACCOUNTS[party])

    def sent(self) -> int:
        """How many transactions the commands have handed to the node."""
        return self.wire.calls["eth_sendRawTransaction"]


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(arguments))


def document(result: Result) -> Any:
    """The JSON that a command printed."""
    assert result.exit_code == ExitCode.DONE, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="session")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parties' accounts."""
    folder = tmp_path_factory.mktemp("accounts")
    for party, account in enumerate(ACCOUNTS):
        key = bytes(account._signer.key)
        Keystore(folder, work_factor=2).add(f"party{party}", key, "right")
    return folder


@contextmanager
def opened(
    folder: Path, keystore: Path, chain: EmbeddedChain, kind: type[FaultyProvider] = FaultyProvider
) -> Iterator[Lab]:
    """Let the commands run in a folder, on a chain behind a wire of its own."""
    (folder / "lab_learners.py").write_text(LEARNERS)
    (folder / "pw").write_text("right\n")
    (folder / "accounts").symlink_to(keystore)
    wire = kind(chain.web3.provider)
    with pytest.MonkeyPatch.context() as patch, open_to_the_network(Node(Web3(wire))) as url:
        patch.chdir(folder)
        patch.delenv("COLEARN_CHAIN_CONFIG", raising=False)
        yield Lab(folder, chain, wire, url)


def new_chain() -> EmbeddedChain:
    """A chain on which all parties have money."""
    return embedded_chain([account.address for account in ACCOUNTS])


@pytest.fixture
def open_lab(tmp_path: Path, keystore: Path) -> Iterator[Callable[..., Lab]]:
    """Let a test have a lab on a chain of its own choice, behind a wire of any kind."""
    with ExitStack() as labs:
        yield lambda chain, kind: labs.enter_context(opened(tmp_path, keystore, chain, kind))


@pytest.fixture
def lab(tmp_path: Path, keystore: Path) -> Iterator[Lab]:
    """Give a test a chain and parties of its own."""
    with opened(tmp_path, keystore, new_chain()) as found:
        yield found


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, keystore: Path) -> tuple[Path, EmbeddedChain]:
    """An experiment that party 1 is invited to: its files, and its chain."""
    folder, chain = tmp_path_factory.mktemp("begun"), new_chain()
    with opened(folder, keystore, chain) as found:
        found.create()
        found.done(0, "invite", found.addresses[1], "--yes")
    return folder, chain


@pytest.fixture
def joining(tmp_path: Path, keystore: Path, begun: tuple[Path, EmbeddedChain]) -> Iterator[Lab]:
    """That experiment, with files of the test's own; its chain is shared by those that change nothing."""
    folder, chain = begun
    shutil.copytree(folder / "store", tmp_path / "store")
    shutil.copy(folder / "card.json", tmp_path)
    with opened(tmp_path, keystore, chain) as found:
        yield found
