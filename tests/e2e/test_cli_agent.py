"""The command ``agent run``: parties as processes on one chain, started, stopped, killed and misled."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_chain.artefacts import ExperimentSpec, Score
from colearn_chain.chain import Account, ExperimentContract, Node, Patience, Sender, embedded_chain
from colearn_chain.chain.cards import make_card, name_of
from colearn_chain.chain.devnet import account_of_everybody, devnet
from colearn_chain.chain.keystore import Keystore
from colearn_chain.rounds import Ballot, Rules, Status
from colearn_chain.storage import ArtefactStore, DirectoryStorage
from colearn_chain.testing.doors import Door, open_to_the_network
from colearn_chain.testing.learners import StepLearner
from colearn_chain.types import RoundNumber
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COMMAND = str(Path(sys.executable).with_name("colearn-chain"))
PARTIES = [account_of_everybody(index) for index in range(5)]
"""The organizer, three learners, and a stranger."""

POOR = account_of_everybody(5)
"""Invited everywhere; in the end it owns next to nothing."""

NOBODY_THERE = "http://127.0.0.1:1"
SECONDS = 60
"""The longest that a process may take to end."""

LEARNERS = '''\
"""Learners for parties; what they do wrong is said by their arguments."""

from colearn_chain.testing.learners import FailingLearner, Phase, StepLearner

TARGET = [1.0, 2.0]


class Gated(StepLearner):
    """Trains once somebody writes into a pipe."""

    def __init__(self, gate):
        super().__init__(TARGET)
        self._gate = gate

    def mli_propose_weights(self):
        with open(self._gate) as gate:
            gate.read()
        return super().mli_propose_weights()


def plain(context):
    print("this is no event")
    return StepLearner(TARGET)


def gated(context):
    return Gated(context.arguments["gate"])


def failing(context):
    return FailingLearner(TARGET, Phase.PROPOSE)


def broken(context):
    raise RuntimeError("no data here")
'''


@dataclass
class Place:
    """An experiment, and a folder in which its parties have their configurations.

    Attributes:
        folder: also holds card, keystore, store and learners.
        contract: the experiment.
    """

    folder: Path
    contract: ExperimentContract

    @property
    def url(self) -> str:
        """The node's."""
        return name_of(self.contract.node)

    def configure(self, index: int, **changes: Any) -> str:
        """Write a party's configuration, and return its name."""
        said = {
            "store": "store",
            "chain_id": self.contract.chain_id,
            "rpc": self.url,
            "password": "${file:password}",
            "name": f"party{index}",
            "factory": "own_learners:plain",
            "arguments": "{}",
            "card": "card.json",
        } | changes
        (self.folder / f"{index}.toml").write_text(
            f'storage = "directory:{said["store"]}"\n'
            f'[network]\nchain_id = {said["chain_id"]}\nrpc = "{said["rpc"]}"\n'
            f'[account]\nname = "{said["name"]}"\nkeystore = "accounts"\npassword = "{said["password"]}"\n'
            f'[experiment]\ncard = "{said["card"]}"\n'
            f'[learner]\nfactory = "{said["factory"]}"\narguments = {said["arguments"]}\n'
            "[agent]\npoll = 0.1\n"
        )
        return f"{index}.toml"

    def round(self, number: int) -> Any:
        """A round as the contract's views tell of it."""
        return self.contract.round(RoundNumber(number))

    def records(self, index: int) -> list[dict[str, Any]]:
        """A party's journal."""
        (path,) = (self.folder / "journals").glob(f"*-{PARTIES[index].address}.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


class Process:
    """An agent that runs, and what it has told so far."""

    def __init__(self, place: Place, config: str, *options: str) -> None:
        command = [COMMAND, "agent", "run", "--config", config, "--json", *options]
        self.complaints = place.folder / f"{config}.{id(self)}.stderr"
        with self.complaints.open("w") as complaints:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                command, cwd=place.folder, stdout=subprocess.PIPE, stderr=complaints, text=True
            )
        self.told: list[dict[str, Any]] = []

    def until(self, event: str, **values: object) -> dict[str, Any]:
        """Read what it tells until this is told."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            self.told.append(told)
            if told["event"] == event and values.items() <= told.items():
                return told
        raise AssertionError(f"it ended without {event} {values}: {self.told} {self.complaints.read_text()}")

    def end(self) -> int:
        """Read the rest, wait until it has ended, and return its exit code."""
        out, _ = self.process.communicate(timeout=SECONDS)
        self.told += [json.loads(line) for line in out.splitlines()]
        return self.process.returncode

    def names(self) -> list[str]:
        """What kinds of events it told of."""
        return [told["event"] for told in self.told]


@pytest.fixture(scope="module")
def quick() -> Iterator[Node]:
    """A chain that mines each transaction at once."""
    funded = [party.address for party in (*PARTIES, POOR)]
    chain = embedded_chain(funded, genesis_time=int(time.time()))
    with open_to_the_network(chain.node) as url:
        yield Node.connect(url)


@pytest.fixture
def place_of(quick: Node, tmp_path: Path) -> Callable[..., Place]:
    """Deploys an experiment that three learners have joined, on that chain."""
    return partial(set_up, quick, tmp_path)


def set_up(node: Node, folder: Path, *, started: bool = True, **changes: int) -> Place:
    """Deploy an experiment and let three learners join."""
    patience = Patience(poll_interval=0.2)
    senders = [Sender(node, Account(party.private_key), patience=patience) for party in PARTIES]
    rules = {
        "threshold_bps": 5001,
        "proposal_window": 600,
        "voting_window": 600,
        "contribution_window": 0,
        "min_learners": 3,
        "max_rounds": 3,
        "idle_rounds": 3,
        "start_deadline": node.timestamp() + 86_400,
        "count_proposer": False,
        "close_early": False,
    }
    agreed = Rules(**(rules | changes))  # type: ignore[arg-type]
    contract = ExperimentContract.deploy(senders[0], agreed, publish(folder, agreed))
    (folder / "card.json").write_bytes(make_card(node, contract.raw_deployment or b"").to_bytes())
    contract.invite(senders[0], [*(party.address for party in PARTIES[1:4]), POOR.address])
    for sender in senders[1:4]:
        contract.join(sender)
    if started:
        contract.start(senders[0])
    keep_accounts(folder)
    (folder / "own_learners.py").write_text(LEARNERS)
    return Place(folder, contract)


def publish(folder: Path, rules: Rules) -> Any:
    """Put the spec of an experiment with two weights into the store."""
    arrays = StepLearner([1.0, 2.0]).mli_get_current_weights().weights
    spec = ExperimentSpec(
        name="two weights",
        rules=rules,
        weight_schema=WeightSchema.of(arrays),
        score=Score(name="minus the squared distance", direction="maximize"),
    )
    return ArtefactStore(DirectoryStorage(folder / "store"), folder / "scratch").publish_spec(spec, arrays)


def keep_accounts(folder: Path) -> None:
    """A keystore of all parties, with one password."""
    keystore = Keystore(folder / "accounts", work_factor=2)
    for index, party in enumerate(PARTIES):
        keystore.add(f"party{index}", party.private_key, "a password")
    keystore.add("poor", POOR.private_key, "a password")
    (folder / "password").write_text("a password\n")


@contextmanager
def running(place: Place, *configs: str) -> Iterator[list[Process]]:
    """Agents, one for each configuration; none outlives the block."""
    processes = [Process(place, config) for config in configs]
    try:
        yield processes
    finally:
        for each in processes:
            each.process.kill()
            each.process.wait()
            if each.process.stdout is not None:
                each.process.stdout.close()


def refusal(place: Place, config: str) -> str:
    """The one sentence with which an agent does not begin."""
    result = CliRunner().invoke(app, ["agent", "run", "--config", str(place.folder / config)])
    assert result.exit_code == ExitCode.WRONG
    (sentence,) = result.stderr.splitlines()
    return sentence


# -------------------------------------------------------------------------------------------- taking part


def test_three_processes_come_to_the_same_model(tmp_path: Path) -> None:
    """Every round is proposed by another party, accepted, and adopted by all; then all end by themselves."""
    with devnet([party.address for party in PARTIES], port=0) as chain:
        place = set_up(Node.connect(chain.url), tmp_path)
        with running(place, *(place.configure(index) for index in (1, 2, 3))) as agents:
            assert [agent.end() for agent in agents] == [ExitCode.DONE] * 3
        check_that_all_agree(place, agents)


def check_that_all_agree(place: Place, agents: Sequence[Process]) -> None:
    """Three rounds, all accepted; all saw the same, and hold the same model."""
    assert [place.round(number).status for number in (1, 2, 3)] == [Status.ACCEPTED] * 3
    for index, agent in enumerate(agents, start=1):
        began, ended = agent.told[0], agent.told[-1]
        assert (began["event"], began["learner"]) == ("began", PARTIES[index].address)
        assert (ended["event"], ended["closed"], ended["accepted"]) == ("ended", 3, 3)
        assert ended["held"]["digest"] == "0x" + place.round(3).digest.hex()
        assert [told["round"] for told in agent.told if told["event"] == "round_closed"] == [1, 2, 3]
        assert agent.complaints.read_text() == "this is no event\n"
    assert not list((place.folder / "journals").glob("*.scratch"))


def test_what_it_says_in_words(place_of: Callable[..., Place]) -> None:
    """Experiment, learner, whom it trusts and for how long its money lasts; then a line for each event."""
    place = place_of(started=False)
    command = [COMMAND, "agent", "run", "--config", place.configure(1), "--once"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=place.folder, capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert f"Experiment eip155:{place.contract.chain_id}:{place.contract.address}" in done.stdout
    assert f"{PARTIES[1].address}" in done.stdout
    assert f"{place.url} alone: what it says of the chain is believed" in done.stdout
    assert "enough for all of 3 rounds" in done.stdout
    assert "now holds the experiment's first weights" in done.stdout
    assert "ended: nothing is due; saw 0 rounds close" in done.stdout.splitlines()[-1]


def test_an_agent_that_was_killed_goes_on_where_it_was(place_of: Callable[..., Place]) -> None:
    """Killed after it proposed, it comes back with its journal: it trains no second time, and all finish."""
    place = place_of()
    configs = [place.configure(index) for index in (1, 2, 3)]
    with running(place, configs[0]) as (first,):
        first.until("proposed", round=1)
        first.process.kill()
        first.process.wait()
    with running(place, *configs) as agents:
        assert [agent.end() for agent in agents] == [ExitCode.DONE] * 3
    assert [place.round(number).status for number in (1, 2, 3)] == [Status.ACCEPTED] * 3
    kinds = [(record["record"], record.get("round")) for record in place.records(1)]
    assert kinds.count(("opened", None)) == 1
    assert kinds.count(("trained", 1)) == 1


def test_an_agent_that_is_killed_while_it_trains(place_of: Callable[..., Place]) -> None:
    """What it lost it does again: nothing was recorded that had not happened."""
    place = place_of(max_rounds=1)
    gate = place.folder / "gate"
    os.mkfifo(gate)
    gated = place.configure(1, factory="own_learners:gated", arguments=f'{{ gate = "{gate}" }}')
    with running(place, gated) as (first,):
        first.until("training", round=1)
        first.process.kill()
        first.process.wait()
    assert "trained" not in [record["record"] for record in place.records(1)]
    with running(place, *(place.configure(index) for index in (1, 2, 3))) as agents:
        assert [agent.end() for agent in agents] == [ExitCode.DONE] * 3
    assert place.round(1).status is Status.ACCEPTED


def test_a_learner_that_fails_passes_its_turn(place_of: Callable[..., Place]) -> None:
    """Its agent says why, and goes on voting."""
    place = place_of(max_rounds=2)
    configs = [place.configure(1, factory="own_learners:failing"), place.configure(2), place.configure(3)]
    with running(place, *configs) as agents:
        assert [agent.end() for agent in agents] == [ExitCode.DONE] * 3
    assert [place.round(number).status for number in (1, 2)] == [Status.SKIPPED, Status.ACCEPTED]
    (passed,) = (told for told in agents[0].told if told["event"] == "turn_passed")
    assert "told to fail at propose" in passed["reason"]
    assert place.round(2).ballot_at(0) is Ballot.APPROVE


# -------------------------------------------------------------------------------------------------- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_being_asked_to_stop_while_it_waits(place_of: Callable[..., Place], number: signal.Signals) -> None:
    """It ends at once, with exit code 0, and says what it came to."""
    place = place_of(started=False)
    with running(place, place.configure(1)) as (agent,):
        agent.until("adopted", round=0)
        agent.process.send_signal(number)
        assert agent.end() == ExitCode.DONE
    assert (agent.told[-1]["event"], agent.told[-1]["reason"]) == ("ended", "it was asked to")


def test_being_asked_to_stop_while_it_trains(place_of: Callable[..., Place]) -> None:
    """The training is finished and proposed, since its cost is spent; then it ends."""
    place = place_of()
    gate = place.folder / "gate"
    os.mkfifo(gate)
    gated = place.configure(1, factory="own_learners:gated", arguments=f'{{ gate = "{gate}" }}')
    with running(place, gated) as (agent,):
        agent.until("training", round=1)
        agent.process.send_signal(signal.SIGTERM)
        with gate.open("w") as opened:
            opened.write("go on")
        assert agent.end() == ExitCode.DONE
    assert "proposed" in agent.names()
    assert place.round(1).status is Status.VOTING
    assert "once more ends it at once" in agent.complaints.read_text()


def test_only_what_is_due(place_of: Callable[..., Place]) -> None:
    """With ``--once`` the proposer proposes and does not wait for the votes."""
    place = place_of()
    agent = Process(place, place.configure(1), "--once")
    assert agent.end() == ExitCode.DONE
    assert (agent.told[-1]["reason"], place.round(1).status) == ("nothing is due", Status.VOTING)


def test_a_node_that_goes_away_and_comes_back(place_of: Callable[..., Place]) -> None:
    """Each failed try is told with its pause; once the node is back the agent goes on."""
    place = place_of(started=False)
    with door(place.url, 0) as port:
        agent = Process(place, place.configure(1, rpc=f"http://127.0.0.1:{port}"))
        agent.until("adopted", round=0)
    try:
        failed = agent.until("failed")
        assert (failed["pause"], "did not answer" in failed["reason"]) == (1.0, True)
        with door(place.url, port):
            agent.until("resumed")
            agent.process.send_signal(signal.SIGTERM)
            assert agent.end() == ExitCode.DONE
    finally:
        agent.process.kill()


@contextmanager
def door(url: str, port: int) -> Iterator[int]:
    """A way to the node that can be closed; its port."""
    handler = type("DoorOfThisNode", (Door,), {"node": Node.connect(url)})
    with http.server.HTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


# ------------------------------------------------------------------------------------------- not beginning


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"password": "${WRONG}"}, "the environment variable WRONG is not set"),
        ({"password": "${file:card.json}"}, "this is not the password of"),
        ({"name": "nobody"}, "nobody"),
        ({"chain_id": 31337}, "is of an experiment on chain"),
        ({"rpc": NOBODY_THERE}, f"the node {NOBODY_THERE} did not answer"),
        ({"card": "nowhere.json"}, "nowhere.json cannot be read"),
        ({"card": "own_learners.py"}, "Card"),
        ({"store": "nowhere"}, "does not have"),
        ({"factory": "own_learners:broken"}, "no data here"),
        ({"factory": "own_learners:absent"}, "has nothing called 'absent'"),
        ({"name": "poor"}, f"{POOR.address} is invited and has not joined"),
        ({"name": "party4"}, f"colearn-chain experiment invite {PARTIES[4].address}"),
    ],
)
def test_an_agent_that_cannot_begin(begun: Place, changes: dict[str, Any], why: str) -> None:
    """One sentence says what to mend; nothing was sent."""
    node = begun.contract.node
    before = [node.transaction_count(party.address) for party in PARTIES]
    said = refusal(begun, begun.configure(1, **changes))
    assert why in said
    assert "a password" not in said
    assert [node.transaction_count(party.address) for party in PARTIES] == before


@pytest.fixture(scope="module")
def begun(quick: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An experiment whose first round is open, and a folder of learners that can be imported."""
    place = set_up(quick, tmp_path_factory.mktemp("begun"))
    sys.path.append(str(place.folder))
    yield place
    sys.path.remove(str(place.folder))
    sys.modules.pop("own_learners", None)


def test_an_account_that_cannot_pay_for_a_round(place_of: Callable[..., Place]) -> None:
    """It has joined, and its money is gone: said in ether, before anything is begun."""
    place = place_of(started=False)
    node, account = place.contract.node, Account(POOR.private_key)
    place.contract.join(Sender(node, account, patience=Patience(poll_interval=0.2)))
    give_away(node, account)
    said = refusal(place, place.configure(1, name="poor"))
    assert f"the account {POOR.address} has" in said
    assert "nodes take this transaction only from one that has" in said


def give_away(node: Node, account: Account) -> None:
    """Send all of an account's money to the first party, and wait until it is there."""
    price, gas = 10**11, 21_000
    fields = {
        "chainId": node.chain_id,
        "nonce": node.transaction_count(account.address),
        "gas": gas,
        "gasPrice": price,
        "value": node.balance(account.address) - gas * price,
        "to": PARTIES[0].address,
        "data": "0x",
    }
    signed = account.sign_transaction(fields)
    node.send_raw(bytes(signed.raw_transaction))
    while node.receipt("0x" + bytes(signed.hash).hex()) is None:
        pass


def test_two_agents_with_one_journal(place_of: Callable[..., Place]) -> None:
    """The second one does not begin: each would forget what the other did."""
    place = place_of(started=False)
    config = place.configure(1)
    with running(place, config) as (agent,):
        agent.until("adopted", round=0)
        assert "another agent of this learner runs" in refusal(place, config)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.end() == ExitCode.DONE
