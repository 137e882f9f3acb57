"""Being asked to stop by a signal: at once while nothing is done, remembered while something is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from colearn_agents.party.halting import SIGNALS, Halt, Halted

FOREVER = 3_600.0

BUSY = """\
import os, signal, sys
from colearn_agents.party.halting import Halt
with Halt.open() as halt, halt.on_signals():
    print("ready", flush=True)
    while True:  # nothing here looks whether it was asked
        sys.stdin.readline()
        print("asked" if halt.asked else "not asked", flush=True)
"""


def test_a_pause_ends_by_itself() -> None:
    """Nobody asked, so nothing happens."""
    with Halt.open() as halt:
        halt.pause(0.0)
        assert not halt.asked


def test_a_pause_ends_at_once_when_somebody_asked() -> None:
    """Before it began, and every time."""
    with Halt.open() as halt:
        halt.ask()
        for _ in range(2):
            with pytest.raises(Halted):
                halt.pause(FOREVER)
        assert halt.asked


def test_asking_without_end_does_not_block() -> None:
    """The pipe takes what it takes."""
    with Halt.open() as halt:
        for _ in range(100_000):
            halt.ask()
        with pytest.raises(Halted):
            halt.pause(FOREVER)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    """The first one asks and says so; afterwards signals do again what they did before."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    with Halt.open() as halt:
        with halt.on_signals():
            os.kill(os.getpid(), number)
            with pytest.raises(Halted):
                halt.pause(FOREVER)
            assert halt.asked
            assert {signal.getsignal(each) for each in SIGNALS} == {signal.SIG_DFL}
        assert {each: signal.getsignal(each) for each in SIGNALS} == before
    assert "once more ends it at once" in capfd.readouterr().err


def test_the_second_signal_ends_the_process() -> None:
    """Whatever it is busy with: the first is remembered, the second ends it as if nobody had listened."""
    with subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-Ic", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "not asked\n"
        process.send_signal(signal.SIGTERM)
        said = ""
        while said != "asked\n":
            process.stdin.write("\n")
            process.stdin.flush()
            said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.wait()
    assert process.returncode == -signal.SIGINT
