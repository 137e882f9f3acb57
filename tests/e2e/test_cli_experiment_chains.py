"""Experiments on chains as they are: old ones, private ones, slow ones, and a wait that is interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from eth.vm.forks.paris import ParisVM
from eth.vm.forks.shanghai import ShanghaiVM
from eth_tester import EthereumTester
from eth_tester.backends.pyevm import PyEVMBackend
from eth_utils.conversions import to_bytes
from web3 import Web3

from colearn_agents.cli.failures import ExitCode
from colearn_agents.experiments.pending import PendingDeployment
from colearn_chain.artefacts import Card
from colearn_chain.artefacts.creation import read_creation
from colearn_chain.chain import EmbeddedChain, ExperimentContract, Node, Sender, embedded
from colearn_chain.chain.cards import check_card
from colearn_chain.chain.devnet import devnet
from colearn_chain.chain.node import NOBODY
from colearn_chain.chain.tester_backend import SteppingBackend
from colearn_chain.errors import ConfigError
from colearn_chain.testing.chain import FaultyProvider
from colearn_chain.testing.experiments import ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.e2e.conftest import Lab

COMMAND = "from colearn_agents.cli import main; main()"


class OldHeaders(FaultyProvider):
    """A proof-of-authority chain: signers' seals make extraData long, there is no base fee, gas is free."""

    def _request(self, inner: Any, method: Any, params: Any) -> Any:
        response = super()._request(inner, method, params)
        if method == "eth_getBlockByNumber":
            header = {name: value for name, value in response["result"].items() if name != "baseFeePerGas"}
            return {**response, "result": header | {"extraData": "0x" + "d9" * 97}}
        return {**response, "result": "0x0"} if method == "eth_gasPrice" else response


def chain_of(backend: PyEVMBackend) -> EmbeddedChain:
    """A chain on a backend of the test's own."""
    tester = EthereumTester(backend)
    return EmbeddedChain(Web3(embedded.TesterProvider(tester)), tester)


def state(owners: Iterable[str]) -> dict[bytes, Any]:
    """Who owns something from the beginning."""
    return {
        to_bytes(hexstr=each): {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}} for each in owners
    }


def test_a_private_chain_where_gas_is_free(open_lab: Callable[..., Lab]) -> None:
    """Long extraData, no base fee, gas price zero, and accounts that own nothing: all of it works."""
    genesis = PyEVMBackend.generate_genesis_params({"gas_limit": 30_000_000}) | {"base_fee_per_gas": 0}
    backend = SteppingBackend(genesis_parameters=genesis, genesis_state=state([NOBODY]))
    backend.step()
    lab = open_lab(chain_of(backend), OldHeaders)
    said = lab.run(0, "create", "--rules", lab.rules(), "--yes")
    assert said.exit_code == ExitCode.DONE, said.output
    assert "nothing: gas is free here" in said.stdout
    lab.gather(1)
    assert lab.contract().snapshot(lab.addresses[1]).joined
    assert lab.chain.node.balance(lab.addresses[1]) == 0
    assert lab.done(1, "show")["account"]["rounds"] is None


@pytest.mark.parametrize(("fork", "lacks"), [(ShanghaiVM, "MCOPY and TSTORE"), (ParisVM, "even PUSH0")])
def test_a_chain_older_than_cancun(open_lab: Callable[..., Lab], fork: Any, lacks: str) -> None:
    """It is refused by name, and nothing was sent or published."""
    owners = [NOBODY, *(account.address for account in ACCOUNTS)]
    backend = PyEVMBackend(vm_configuration=((0, fork),), genesis_state=state(owners))
    lab = open_lab(chain_of(backend), FaultyProvider)
    result = lab.run(0, "create", "--rules", lab.rules(), "--yes")
    assert result.exit_code == ExitCode.WRONG
    assert (
        f"older than the Cancun upgrade, which the contract needs: it does not know {lacks}" in result.stderr
    )
    assert lab.sent() == 0
    assert not (lab.folder / "store").exists()


def unsent(lab: Lab) -> bytes:
    """A deployment that was written down and never sent: the process died between the two."""
    lab.create("--out", "first.json")
    deployment = check_card(lab.chain.node, Card.from_bytes((lab.folder / "first.json").read_bytes()))
    pending = PendingDeployment.of(lab.card)

    def die(raw: bytes) -> None:
        pending.keep(raw)
        raise ConfigError("died")

    sender = Sender(lab.chain.node, ACCOUNTS[0], keep=die)
    with pytest.raises(ConfigError, match="died"):
        ExperimentContract.deploy(sender, deployment.rules, deployment.spec_digest)
    return pending.transactions()[0]


def test_a_deployment_that_was_never_sent_is_taken_up(lab: Lab) -> None:
    """The next create refuses to deploy a second one; --resume sends the very same bytes, once."""
    raw = unsent(lab)
    sent = lab.sent()
    again = lab.run(0, "create", "--rules", "rules.toml", "--yes")
    assert again.exit_code == ExitCode.WRONG
    assert "create --config party0.toml --resume card.json.pending" in again.stderr
    assert again.stderr.count("\n") == 1
    assert lab.sent() == sent
    told = lab.done(0, "create", "--resume", "card.json.pending")
    assert lab.sent() == sent + 1
    assert told["transaction"] == "0x" + read_creation(raw).hash.hex()
    assert Card.from_bytes(lab.card.read_bytes()).raw_transaction == raw
    assert not (lab.folder / "card.json.pending").exists()


def test_a_deployment_that_was_mined_meanwhile(lab: Lab) -> None:
    """Its card is written, and nothing is sent again."""
    lab.chain.node.send_raw(unsent(lab))
    sent = lab.sent()
    assert lab.done(0, "create", "--resume", "card.json.pending")["card"] == "card.json"
    assert lab.sent() == sent


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no transaction, so nothing was sent: remove it"),
        ("0x1234", "holds no transaction, so nothing was sent: remove it"),
        ("hello\n", "is no pending deployment: it holds more than hex"),
        ("0x1234\n", "the card's transaction"),
    ],
)
def test_a_file_that_holds_no_deployment(lab: Lab, content: str, says: str) -> None:
    """A line without an end was never sent; anything else is none of ours."""
    (lab.folder / "card.json.pending").write_text(content)
    result = lab.run(0, "create", "--resume", "card.json.pending")
    assert result.exit_code == ExitCode.WRONG
    assert says in result.stderr
    (lab.folder / "x").write_text(content)
    assert (
        "is no pending deployment: those are called CARD.pending"
        in lab.run(0, "create", "--resume", "x").stderr
    )


# ------------------------------------------------------------------------------------------------- finality


@contextmanager
def ticking(lab: Lab) -> Iterator[str]:
    """A chain that makes a block every second, in place of the lab's."""
    with devnet(lab.addresses, port=0) as running:
        lab.chain.node = Node.connect(running.url)
        yield running.url


def network(url: str, confirmations: int) -> str:
    """The table that waits for so many blocks on top."""
    return f'[network]\nchain_id = 131277322940537\nrpc = "{url}"\nconfirmations = {confirmations}'


def test_creating_and_joining_wait_for_confirmations(lab: Lab) -> None:
    """They end when there are enough blocks on top, and tell how far it has come."""
    with ticking(lab) as url:
        for party in (0, 1):
            lab.config(party, network=network(url, 2))
        result = lab.run(0, "create", "--rules", lab.rules(), "--yes")
        assert result.exit_code == ExitCode.DONE, result.output
        assert "waiting until the deployment counts: mined in block" in result.stderr
        card = Card.from_bytes(lab.card.read_bytes())
        assert lab.chain.node.block_number() >= card.block.number + 2
        lab.done(0, "invite", lab.addresses[1], "--yes")
        told = lab.done(1, "join", "--yes")
        assert lab.chain.node.block_number() >= told["block"] + 2


def interrupted(*arguments: str) -> str:
    """Run a command in a process of its own, and press Ctrl-C when its transaction is mined; what it said."""
    command = [sys.executable, "-c", COMMAND, "experiment", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            if "mined in block" in line and "mined in block" not in said:
                process.send_signal(signal.SIGINT)
            said += line
        assert process.wait(60) == ExitCode.INTERRUPTED
    return said


def test_an_interrupted_wait_says_how_to_go_on(lab: Lab) -> None:
    """Ctrl-C while a transaction has no confirmations yet: nothing is lost, and what is known is said."""
    with ticking(lab) as url:
        for party in (0, 1):
            lab.config(party, network=network(url, 100_000))
        said = interrupted("create", "--config", "party0.toml", "--rules", lab.rules(), "--yes")
        assert "What was sent is written down in card.json.pending. To go on:" in said
        assert "  colearn-chain experiment create --config party0.toml --resume card.json.pending\n" in said
        assert not lab.card.exists()
        lab.config(0, network=network(url, 0))
        told = lab.done(0, "create", "--resume", "card.json.pending")
        assert lab.done(0, "show")["experiment"] == told["experiment"]
        lab.done(0, "invite", lab.addresses[1], "--yes")
        said = interrupted("join", "--config", "party1.toml", "--yes")
        assert "only its confirmations were not waited for. See: colearn-chain experiment show" in said
        assert lab.done(0, "show")["memberships"][0]["learner"] == lab.addresses[1]
