"""docs/run-an-experiment.md, typed as it stands; and what types it, which notices when it is not true."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from colearn_chain.chain.devnet import find_anvil

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).parents[2] / "scripts" / "try_run_an_experiment.py"
ANVIL = find_anvil()
ENGINES = [
    pytest.param(None, id="eth-tester"),
    *([pytest.param(str(Path(ANVIL).parent), id="anvil", marks=pytest.mark.slow)] if ANVIL else []),
]


def free_port() -> int:
    """A port of four digits, so that no line of the output is broken elsewhere."""
    for port in range(8546, 10_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("all ports are taken")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("anvil", ENGINES)
def test_the_document_comes_true(tmp_path: Path, anvil: str | None) -> None:
    """From nothing to an audit with exit code 0 and a model at home, and the mistakes beside it."""
    options = [] if anvil is None else ["--anvil", anvil]
    command = [sys.executable, str(SCRIPT), *options, "--port", str(free_port()), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "carol" / "report.html").is_file()
    assert (tmp_path / "bob" / "model.safetensors").is_file()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """What types the document."""
    spec = importlib.util.spec_from_file_location("try_run_an_experiment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def play(script: Any, folder: Path, text: str) -> list[list[str]]:
    """Type a document of one's own; what came in place of its output."""
    came: list[list[str]] = script.play(script.blocks(text), folder, dict(os.environ))
    return came


def test_a_document_that_is_true(script: ModuleType, tmp_path: Path) -> None:
    """Each terminal keeps its folder; numbers and hashes may be others; lines may be left out."""
    text = (
        "```sh one\nmkdir there && cd there\n```\n"
        "```sh one\nbasename $PWD; echo two 0xAb12; echo more; echo bafyabc…def\n```\n"
        "```text\nthere\ntwo 0x99\n...\nbafyxyz…uvw\n```\n"
        "```sh\nthis is not typed\n```\n"
        "```sh two fails\nfalse\n```\n"
    )
    assert play(script, tmp_path, text) == [[], ["there", "two 0xAb12", "...", "bafyabc…def"], []]


def test_something_that_stays_is_interrupted_in_the_end(script: ModuleType, tmp_path: Path) -> None:
    """It runs while others are typed, its lines are waited for, and Ctrl-C ends it with exit code 0."""
    program = "import signal, sys; print('ready', flush=True); signal.sigwait({signal.SIGINT}); print('over')"
    masked = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGINT}}); {program}"
    text = (
        f'```sh one stays\n{sys.executable} -c "{masked}"\n```\n```text\nready\n```\n```sh two\ntrue\n```\n'
    )
    assert play(script, tmp_path, text) == [["ready"], []]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```sh one\nfalse\ntrue\n```\n", "a command failed"),
        ("```sh one fails\ntrue\n```\n", "the exit code is 0, not 1"),
        ("```sh one fails\nexit_with() { return 2; }; exit_with\n```\n", "the exit code is 2, not 1"),
        ("```sh one\necho other\n```\n```text\nthis\n```\n", "did not print: this"),
        ("```sh one\necho b; echo a\n```\n```text\na\nb\n```\n", "did not print: b"),
        ("```sh one stays\ntrue\n```\n```text\nnever\n```\n", "did not print: never"),
    ],
)
def test_a_document_that_is_not_true(script: ModuleType, tmp_path: Path, text: str, why: str) -> None:
    """A command that fails, one that should and does not, and output that does not come."""
    with pytest.raises(script.Untrue, match=why):
        play(script, tmp_path, text)


def test_what_was_printed_replaces_what_stands_there(script: ModuleType, tmp_path: Path) -> None:
    """Only output changes; what is left out stays left out."""
    text = "# A\n\n```sh one\necho 7; echo x\n```\n\n```text\n5\n...\n```\n\n```sh\nno\n```\n"
    assert script.updated(text, play(script, tmp_path, text)) == text.replace("\n5\n", "\n7\n")
