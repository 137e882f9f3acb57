"""What is asked on a terminal before anything is sent, and what the answers do."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from colearn_agents.cli.failures import ExitCode

if TYPE_CHECKING:
    from tests.e2e.conftest import Lab

COMMAND = "from colearn_agents.cli import main; main()"


def typed(arguments: list[str], *lines: str) -> tuple[int, str]:
    """Run party 0's command on a terminal and type a line whenever it asks; exit code and what was seen."""
    command = [sys.executable, "-c", COMMAND, "experiment", *arguments, "--config", "party0.toml"]
    ours, its = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=its, stdout=its, stderr=its, start_new_session=True
    ) as process:
        os.close(its)
        seen, answers = b"", list(lines)
        while chunk := read(ours):
            seen += chunk
            if seen.endswith(b": ") and answers:
                os.write(ours, answers.pop(0).encode() + b"\n")
        process.wait()
    os.close(ours)
    return process.returncode, seen.decode().replace("\r", "")


def read(terminal: int) -> bytes:
    """What the command has written; nothing when it is gone."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # what Linux says when nobody is left at the other end
        return b""


def test_who_says_yes_types_the_password_last(lab: Lab) -> None:
    """Only a yes sends anything, and silence is no; the secret is asked for last, and does not show."""
    lab.create()
    lab.config(0, account='[account]\nname = "party0"\nkeystore = "accounts"')
    sent, command = lab.sent(), ["invite", lab.addresses[1]]
    returned, seen = typed(command, "")
    assert seen.endswith("Send it? [y/N]: \ncolearn-chain: nothing was sent\n")
    assert (returned, lab.sent()) == (ExitCode.WRONG, sent)
    returned, seen = typed(command, "y", "right")
    assert seen.index("Send it?") < seen.index("Password of party0: ")
    assert (returned, lab.sent(), "right" in seen) == (ExitCode.DONE, sent + 1, False)
    assert lab.contract().snapshot(lab.addresses[1]).invited


def test_an_experiment_is_made_once_its_organizer_agrees(lab: Lab) -> None:
    """What it costs stands above the question; a no leaves nothing behind."""
    lab.config(0)
    arguments = ["create", "--rules", lab.rules()]
    returned, seen = typed(arguments, "n")
    assert seen.index("  cost") < seen.index("Publish and deploy it? [y/N]: ")
    assert (returned, lab.sent(), lab.card.exists()) == (ExitCode.WRONG, 0, False)
    assert not (lab.folder / "store").exists()
    returned, seen = typed(arguments, "y")
    assert (returned, lab.sent(), lab.card.exists()) == (ExitCode.DONE, 1, True)


def test_a_role_is_given_up_by_a_word(lab: Lab) -> None:
    """A yes alone does not do, nor does another word."""
    lab.create()
    returned, seen = typed(["renounce"], "y", "yes")
    assert (returned, lab.contract().organizer()) == (ExitCode.WRONG, lab.addresses[0])
    returned, seen = typed(["renounce"], "y", "renounce")
    assert "To be sure, type the word renounce: " in seen
    assert returned == ExitCode.DONE
    assert lab.contract().organizer() != lab.addresses[0]
