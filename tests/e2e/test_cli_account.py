"""The commands ``account ...``, as their users meet them."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import EXIT_CODES, ExitCode
from colearn_chain.chain import Account
from colearn_chain.chain.keystore import Keystore

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

COMMAND = "from colearn_agents.cli import main; main()"
KEY = bytes(range(1, 33))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let every test have a home folder of its own, and no password in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("COLEARN_CHAIN_PASSWORD", "COLEARN_CHAIN_KEYSTORE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pw").write_text("right\n")
    return tmp_path


def run(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, ["account", *arguments])


def told(result: Result) -> Any:
    """The JSON that a command printed."""
    assert result.exit_code == ExitCode.DONE, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", [[], ["new"], ["list"], ["show"], ["import"]])
def test_help_of_every_command_lists_exit_codes(command: list[str]) -> None:
    """A script's author finds them where the command is."""
    result = run(*command, "--help")
    assert EXIT_CODES in " ".join(result.stdout.replace("│", " ").split())


def test_a_new_account_is_there(home: Path) -> None:
    """It is made, listed, shown and opened; its files are its owner's alone."""
    made = run("new", "alice", "--password-file", str(home / "pw"))
    assert made.exit_code == ExitCode.DONE, made.stderr
    shown = told(run("show", "alice", "--json"))
    assert told(run("list", "--json")) == [shown]
    assert shown["address"] in made.stdout
    assert shown["encryption_key"] in made.stdout
    assert run("list").stdout == f"alice  {shown['address']}\n"
    assert shown["address"] in run("show", "alice").stdout
    folder = home / ".colearn-chain/accounts"
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert Keystore(folder).unlock("alice", "right").account.address == shown["address"]


def test_a_password_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file is named, the variable counts, for the folder too."""
    monkeypatch.setenv("COLEARN_CHAIN_PASSWORD", "from outside")
    monkeypatch.setenv("COLEARN_CHAIN_KEYSTORE", str(home / "elsewhere"))
    address = told(run("new", "alice", "--json"))["address"]
    assert Keystore(home / "elsewhere").unlock("alice", "from outside").account.address == address


def test_an_empty_keystore_says_what_to_do() -> None:
    """For people; a script gets an empty list."""
    assert "account new NAME" in run("list").stdout
    assert told(run("list", "--json")) == []


@pytest.mark.parametrize("text", [KEY.hex(), "0x" + KEY.hex() + "\n", KEY.hex().upper() + " "])
def test_a_private_key_from_a_file(home: Path, text: str) -> None:
    """In any of the usual spellings; what is printed does not hold it."""
    (home / "key").write_text(text)
    result = run(
        "import", "alice", "--key-file", str(home / "key"), "--password-file", str(home / "pw"), "--json"
    )
    assert told(result)["address"] == Account(KEY).address
    assert KEY.hex() not in result.output.lower()


def test_a_key_file_of_another_program(home: Path) -> None:
    """It comes in under its own password, and gets a key for encryption."""
    other = Keystore(home / "other", work_factor=2).add("x", KEY, "right")
    arguments = ["--keystore-file", str(other.path), "--password-file", str(home / "pw"), "--json"]
    made = told(run("import", "alice", *arguments))
    assert made["address"] == other.address
    assert other.encryption_key is not None
    assert made["encryption_key"] != "0x" + other.encryption_key.hex()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "bob"], "there is no account 'bob' in"),
        (["new", "../alice", "--password-file", "{home}/pw"], "is no name for an account"),
        (["new", "alice", "--password-file", "{home}/none"], "cannot read {home}/none: No such file"),
        (["new", "alice"], "there is no terminal to ask 'Password of alice' on"),
        (["import", "alice"], "there is no terminal to ask 'Private key' on"),
        (["import", "alice", "--key-file", "{home}/pw"], "the text of {home}/pw is no private key"),
        (
            ["import", "alice", "--key-file", "{home}/zero", "--password-file", "{home}/pw"],
            "no private key of secp",
        ),
        (
            ["import", "alice", "--keystore-file", "{home}/pw", "--password-file", "{home}/pw"],
            "pw is no key file",
        ),
        (
            ["import", "alice", "--keystore-file", "{home}/k/x.json", "--password-file", "{home}/pw"],
            "not the password",
        ),
    ],
)
def test_what_goes_wrong_is_one_sentence(home: Path, arguments: list[str], says: str) -> None:
    """Exit code 1, no traceback, and no account that was not there before."""
    (home / "zero").write_text("00" * 32)
    Keystore(home / "k", work_factor=2).create("x", "another")
    result = run(*[argument.format(home=home) for argument in arguments])
    assert result.exit_code == ExitCode.WRONG
    assert says.format(home=home) in result.stderr
    assert result.stderr.count("\n") == 1
    assert told(run("list", "--json")) == []


def test_a_second_account_of_the_same_name(home: Path) -> None:
    """The first one stays."""
    Keystore(home / "k", work_factor=2).create("alice", "right")
    before = told(run("show", "alice", "--keystore", str(home / "k"), "--json"))
    again = run("new", "alice", "--keystore", str(home / "k"), "--password-file", str(home / "pw"))
    assert again.exit_code == ExitCode.WRONG
    assert "never overwritten" in again.stderr
    assert told(run("show", "alice", "--keystore", str(home / "k"), "--json")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["new"],
        ["show"],
        ["new", "alice", KEY.hex()],
        ["import", "alice", KEY.hex()],
        ["import", "alice", "--key-file", "a", "--keystore-file", "b"],
    ],
)
def test_wrong_command_line_is_exit_code_2(arguments: list[str]) -> None:
    """A private key as an argument is among them."""
    assert run(*arguments).exit_code == ExitCode.USAGE


def typed(arguments: list[str], *lines: str) -> tuple[int, str]:
    """Run a command on a terminal, type lines, return its exit code and everything that was to be seen."""
    ours, its = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", COMMAND, "account", *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,  # the terminal is only its standard input, as a terminal of no process can be
    ) as process:
        os.close(its)
        seen, answers = b"", list(lines)
        while chunk := _read(ours):
            seen += chunk
            if seen.endswith(b": ") and answers:
                os.write(ours, answers.pop(0).encode() + b"\n")
        process.wait()
    os.close(ours)
    return process.returncode, seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # what Linux says when nobody is left at the other end
        return b""


def test_a_password_that_is_typed(home: Path) -> None:
    """It is asked for twice, does not show, and opens the account."""
    code, seen = typed(["new", "alice"], "secret words", "secret words")
    assert code == ExitCode.DONE, seen
    assert "secret" not in seen
    assert Keystore(home / ".colearn-chain/accounts").unlock("alice", "secret words").account.address in seen


def test_a_password_that_is_mistyped(home: Path) -> None:
    """Nothing is stored that nobody could open."""
    code, seen = typed(["new", "alice"], "secret words", "secret word")
    assert code == ExitCode.WRONG
    assert "two different passwords" in seen
    assert told(run("list", "--json")) == []


def test_a_private_key_that_is_typed(home: Path) -> None:
    """It does not show."""
    code, seen = typed(["import", "alice", "--password-file", str(home / "pw")], KEY.hex())
    assert code == ExitCode.DONE, seen
    assert Account(KEY).address in seen
    assert KEY.hex() not in seen
