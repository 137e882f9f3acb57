"""The command ``history``, on an embedded chain and, where there is one, on a node behind a URL."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from colearn_agents.auditing.chain_history import history_document, read_history
from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_agents.cli.history import connect, show_history
from colearn_chain.chain import embedded_chain
from colearn_chain.chain.devnet import find_anvil
from colearn_chain.errors import ChainError, ConfigError
from colearn_chain.rounds import Ballot
from colearn_chain.storage import cid_of
from colearn_chain.testing.chain import anvil_chain
from colearn_chain.testing.doors import open_to_the_network
from colearn_chain.testing.experiments import ACCOUNTS, World, new_world
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST = Digest(bytes([9]) * 32)
ADDRESSES = [account.address for account in ACCOUNTS]
NOBODY_THERE = "http://127.0.0.1:1"
COMMAND = str(Path(sys.executable).with_name("colearn-chain"))


def played(world: World) -> World:
    """Round 1 accepted, round 2 passed, round 3 being voted on."""
    one, two, three = (RoundNumber(number) for number in (1, 2, 3))
    world.contract.start(world.senders[0])
    world.contract.propose(world.senders[1], one, DIGEST)
    world.contract.cast_ballot(world.senders[2], one, DIGEST, Ballot.APPROVE)
    world.contract.cast_ballot(world.senders[3], one, DIGEST, Ballot.APPROVE)
    world.contract.pass_turn(world.senders[2], two)
    world.contract.propose(world.senders[3], three, DIGEST)
    world.contract.cast_ballot(world.senders[1], three, DIGEST, Ballot.UNAVAILABLE)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    """That experiment on the embedded chain."""
    return played(new_world(embedded_chain(ADDRESSES)))


def test_every_round_is_a_row_with_what_was_decided(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Number, proposer, content id, ballots, outcome and how it closed; the open round included."""
    show_history(world.contract, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    tail = cid_of(DIGEST)[-6:]
    (accepted,) = [line for line in lines if "accepted" in line]
    (skipped,) = [line for line in lines if "skipped" in line]
    (voting,) = [line for line in lines if "… voting" in line]
    assert accepted.split()[:9] == ["1", "seat", "0", f"…{tail}", "P", "A", "A", "✓", "accepted"]
    assert "passing" in skipped
    assert voting.split()[:7] == ["3", "seat", "2", f"…{tail}", "U", "-", "P"]


def test_history_says_that_its_hash_was_checked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A reader learns what the table rests on."""
    show_history(world.contract, as_json=False)
    shown = capsys.readouterr().out
    assert "Checked" in shown
    assert "0x" + world.contract.history_hash().hex() in shown


def test_seats_are_told_by_their_addresses(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Every member's full address is there once."""
    show_history(world.contract, as_json=False)
    shown = capsys.readouterr().out
    assert all(address in shown for address in world.addresses[1:4])


def test_json_is_the_whole_document_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """For programs: no table, no sentence, no line broken to fit a terminal."""
    show_history(world.contract, as_json=True)
    assert json.loads(capsys.readouterr().out) == history_document(read_history(world.contract))


def test_node_that_does_not_answer_is_named() -> None:
    """One sentence with the URL, exit code 1, no traceback."""
    result = CliRunner().invoke(app, ["history", "--rpc", NOBODY_THERE, "--address", ADDRESSES[0]])
    assert result.exit_code == ExitCode.WRONG
    assert NOBODY_THERE.removeprefix("http://") in result.stderr
    assert result.stderr.count("\n") == 1


def test_traceback_comes_only_when_asked_for() -> None:
    """--verbose adds what a developer needs; the sentence is still last."""
    arguments = ["history", "--rpc", NOBODY_THERE, "--address", ADDRESSES[0], "--verbose"]
    lines = CliRunner().invoke(app, arguments).stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("colearn-chain: ")


@pytest.mark.parametrize(
    "address", ["0x12", "bob.eth", ADDRESSES[0][:-1], "0x" + ADDRESSES[0][2:].swapcase()]
)
def test_what_is_no_address_is_refused_before_a_node_is_asked(address: str) -> None:
    """Too short, a name, a digit lost, a checksum that is wrong: each is shown back."""
    with pytest.raises(ConfigError, match="is no address") as caught:
        connect(NOBODY_THERE, address)
    assert address in str(caught.value)


def test_url_that_is_none_is_refused() -> None:
    """A scheme that no node speaks is the operator's mistake."""
    with pytest.raises((ConfigError, ChainError)):
        show_history(connect("not a url", ADDRESSES[0]), as_json=True)


@pytest.fixture(scope="module", params=["eth-tester", *(["anvil"] if find_anvil() else [])])
def remote(request: pytest.FixtureRequest, world: World) -> Iterator[tuple[str, World]]:
    """That experiment behind a URL, on each kind of node that is there."""
    if request.param == "eth-tester":
        with open_to_the_network(world.chain.node) as url:
            yield url, world
        return
    with anvil_chain(find_anvil() or "", ADDRESSES) as chain:
        yield chain.web3.provider.endpoint_uri, played(new_world(chain))  # type: ignore[attr-defined]


def test_command_reads_any_node_by_its_url(remote: tuple[str, World]) -> None:
    """The real command, in a process of its own, knows nothing but URL and address."""
    url, world = remote
    command = [COMMAND, "history", "--rpc", url, "--json", "--address", world.contract.address.lower()]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (ran.stderr, ran.returncode) == ("", 0)
    assert json.loads(ran.stdout) == history_document(read_history(world.contract))


def test_address_without_code_is_said_to_have_none(remote: tuple[str, World]) -> None:
    """Another chain, or a slip of the pen: the sentence says that nothing is there."""
    url, _ = remote
    result = CliRunner().invoke(app, ["history", "--rpc", url, "--address", ADDRESSES[5]])
    assert result.exit_code == ExitCode.WRONG
    assert "no contract at" in result.stderr
