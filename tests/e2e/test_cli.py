"""The command line as its users meet it: options, exit codes, sentences."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import EXIT_CODES, ExitCode
from colearn_chain import __version__

if TYPE_CHECKING:
    from pathlib import Path

DIGITS = "colearn_backends.digits:learner"
RUN = ["simulate", DIGITS]


def flat(text: str) -> str:
    """Text without the line breaks and boxes of a terminal."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("command", [[], ["demo"], ["simulate"], ["history"], ["version"]])
def test_help_of_every_command_lists_exit_codes(command: list[str]) -> None:
    """A script's author finds them where the command is."""
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == ExitCode.DONE
    assert EXIT_CODES in flat(result.stdout)


def test_version_is_the_packages() -> None:
    """One line, name and number."""
    result = CliRunner().invoke(app, ["version"])
    assert result.stdout == f"colearn-chain {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--rounds", "0"],
        ["demo", "--learners", "1"],
        ["demo", "--learners", "17"],
        ["demo", "--seed", "-1"],
        ["demo", "--epochs", "0"],
        ["demo", "--alpha", "0"],
        ["demo", "--alpha", "-0.5"],
        ["demo", "--alpha", "nan"],
        ["demo", "--alpha", "inf"],
        ["demo", "--threshold-bps", "0"],
        ["demo", "--threshold-bps", "10001"],
        ["demo", "--unknown"],
        ["simulate"],
        [*RUN, "--rounds", "0"],
        [*RUN, "--learners", "1"],
        [*RUN, "--seeds", "0"],
        [*RUN, "--alpha", "0"],
        [*RUN, "--driver", "magic"],
        [*RUN, "--arg", "epochs"],
        [*RUN, "--arg", "=2"],
        [*RUN, "--arg", "a=" + "9" * 5_000],
        [*RUN, "--arg", "a=" + "[" * 200_000],
        ["history", "--rpc", "http://127.0.0.1:1"],
        ["nonsense"],
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_wrong_command_line_is_exit_code_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is begun: no folder is made, and what was wrong is on stderr."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == ExitCode.USAGE
    assert 0 < len(result.stderr) < 1_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("colearn_backends.digits", "package.module:factory"),
        ("no_such_package.module:learner", "no_such_package"),
        ("colearn_backends.digits:absent", "absent"),
        ("colearn_backends.digits:DEFAULTS", "cannot be called"),
    ],
)
def test_factory_that_cannot_be_had_is_said_in_one_sentence(factory: str, says: str, tmp_path: Path) -> None:
    """Exit code 1, what is wrong with which name, no traceback, no folder left."""
    result = CliRunner().invoke(app, ["simulate", factory, "--out", str(tmp_path / "out")])
    assert result.exit_code == ExitCode.WRONG
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_argument_that_the_factory_refuses_is_said(tmp_path: Path) -> None:
    """The factory's own sentence reaches the user."""
    arguments = [*RUN, "--arg", "colour=red", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == ExitCode.WRONG
    assert "colour" in result.stderr


@pytest.mark.parametrize("argument", ["\x1b[2J\x1b]0;owned\x07", "\u202eolleh", "a\nb", "x" * 50_000])
def test_a_sentence_does_not_steer_the_terminal(argument: str, tmp_path: Path) -> None:
    """What a stranger or a stranger's code wrote is shown as it is, on one line, and not without end."""
    result = CliRunner().invoke(app, [*RUN, "--arg", f"{argument}=1", "--out", str(tmp_path)])
    assert result.exit_code == ExitCode.WRONG
    assert result.stderr.removesuffix("\n").isprintable()
    assert len(result.stderr) < 3_000


@pytest.mark.parametrize("command", [["demo"], RUN])
def test_folder_that_is_a_file_is_refused(command: list[str], tmp_path: Path) -> None:
    """The file stays as it is."""
    (tmp_path / "out").write_text("mine")
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert result.exit_code == ExitCode.WRONG
    assert str(tmp_path / "out") in result.stderr
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("command", [["demo"], RUN])
def test_folder_that_holds_something_is_refused(command: list[str], tmp_path: Path) -> None:
    """Nothing is ever overwritten."""
    (tmp_path / "history.json").write_text("mine")
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path)])
    assert result.exit_code == ExitCode.WRONG
    assert "not empty" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["history.json"]


# a shell's background jobs, and their children, are born with SIGINT ignored
LISTENING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from colearn_agents.cli import main
main()
"""
WITHOUT = "import sys; sys.modules[{0!r}] = None; from colearn_agents.cli import main; main()"


@pytest.mark.parametrize("missing", ["eth_tester", "matplotlib", "sklearn"])
def test_missing_extra_is_said_before_anything_begins(missing: str, tmp_path: Path) -> None:
    """One sentence with the command that cures it, and no folder."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", WITHOUT.format(missing), "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == ExitCode.WRONG
    assert missing in ran.stderr
    assert "pip install 'colearn-chain[demo]'" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# files may not grow by a byte, as on a full disk
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from colearn_agents.cli import main
main()
"""


@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["demo", "--help"]], ids=" ".join)
def test_output_that_nobody_takes_is_one_sentence(arguments: list[str], tmp_path: Path) -> None:
    """A full disk behind stdout: exit code 1, no traceback, not even when the interpreter ends."""
    with (tmp_path / "out").open("w") as full:
        ran = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-c", FULL, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == ExitCode.WRONG
    assert ran.stderr.startswith("colearn-chain: the output cannot be written: ")
    assert ran.stderr.count("\n") == 1


def test_interrupted_baselines_lose_nothing_of_the_run(tmp_path: Path) -> None:
    """Ctrl-C while the baselines train: what was played is there, with the means to audit it."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", LISTENING, "demo", "--learners", "2", "--rounds", "1", "--epochs", "50"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert any(line.startswith("For comparison") for line in demo.stdout)
        demo.send_signal(signal.SIGINT)
        demo.communicate()
    assert demo.returncode == ExitCode.INTERRUPTED
    left = {path.name for path in (tmp_path / "demo-run").iterdir()}
    assert left >= {"history.json", "closed-history.json", "card.json", "scores.csv", "votes.png"}
    assert not left & {"results.json", "scores.png", "scratch"}


def test_interrupted_demo_leaves_one_sentence(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run: exit code 130, no traceback."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", LISTENING, "demo", "--learners", "2", "--rounds", "10000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert any(line.startswith("round") for line in demo.stdout)  # at once, though this is a pipe
        demo.send_signal(signal.SIGINT)
        _, complaint = demo.communicate()
    assert demo.returncode == ExitCode.INTERRUPTED
    assert complaint.count("\n") == 1
    assert "interrupted" in complaint
