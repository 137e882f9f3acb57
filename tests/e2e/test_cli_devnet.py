"""The command ``devnet``, started, used and stopped as its users do."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_chain.chain import Account, Node
from colearn_chain.chain.devnet import account_of_everybody, find_anvil
from colearn_chain.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES = ["eth-tester", *(["anvil"] if find_anvil() else [])]
COMMAND = "from colearn_agents.cli import main; main()"
WITHOUT = "import sys; sys.modules['eth_tester'] = None\n" + COMMAND
MINE = Account.seeded("mine", 0).address


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; yield it and what it printed until it was ready."""
    command = [sys.executable, "-c", COMMAND, "devnet", "--port", "0", "--accounts", "2", *options]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                if line.startswith("Ctrl-C"):
                    break
            yield process, printed
        finally:
            process.kill()


def network(printed: str) -> tuple[str, int]:
    """URL and chain id of the lines that are meant for a configuration file."""
    table = tomllib.loads(printed[printed.index("[network]") : printed.index("Ctrl-C")])["network"]
    return table["rpc"][0], table["chain_id"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_chain_is_there_until_ctrl_c(engine: str) -> None:
    """URL, chain id and funded accounts are printed; afterwards nothing listens, and the exit code is 0."""
    with started("--engine", engine, "--fund", MINE) as (process, printed):
        url, chain_id = network(printed)
        node = Node.connect(url, chain_id=chain_id)
        assert f"({engine})" in printed
        for account in map(account_of_everybody, range(2)):
            assert f"{account.address}  0x{account.private_key.hex()}" in printed
            assert node.balance(account.address) == 10**24
        assert node.balance(MINE) == 10**24
        process.send_signal(signal.SIGINT)
        last, complaint = process.communicate()
    assert (process.returncode, last, complaint) == (ExitCode.DONE, "Stopped.\n", "")
    with pytest.raises(ChainError, match="did not answer"):
        node.block_number()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_of_stopping(how: signal.Signals) -> None:
    """Being asked to end, or losing the terminal, ends the node that was started as well."""
    with started() as (process, printed):
        url, _ = network(printed)
        process.send_signal(how)
        process.communicate()
    assert process.returncode == ExitCode.DONE
    with pytest.raises(ChainError, match="did not answer"):
        Node.connect(url).block_number()


def test_missing_eth_tester_is_said() -> None:
    """One sentence with the command that cures it."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", WITHOUT, "devnet", "--engine", "eth-tester", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (ExitCode.WRONG, "")
    assert "pip install 'colearn-chain[local]'" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_missing_anvil_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who asks for anvil by name gets no other engine."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", COMMAND, "devnet", "--engine", "anvil", "--port", "0"],
        cwd=tmp_path_factory.mktemp("empty"),
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == ExitCode.WRONG
    assert "anvil is neither on the PATH nor in node_modules" in ran.stderr


@pytest.mark.parametrize("address", ["alice", "0x12", "0x" + MINE[2:].swapcase(), MINE.upper()])
def test_an_address_that_is_none(address: str) -> None:
    """Nothing is started."""
    result = CliRunner().invoke(app, ["devnet", "--fund", address])
    assert result.exit_code == ExitCode.WRONG
    assert "is no address" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "options", [["--port", "70000"], ["--block-time", "0"], ["--accounts", "-1"], ["--engine", "geth"]]
)
def test_wrong_options_are_exit_code_2(options: list[str]) -> None:
    """Nothing is started."""
    assert CliRunner().invoke(app, ["devnet", *options]).exit_code == ExitCode.USAGE
