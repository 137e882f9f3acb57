"""Types the commands of docs/run-an-experiment.md into terminals, as a new user would, and holds the output.

    python scripts/try_run_an_experiment.py [--anvil FOLDER] [--port N] [--update] [FOLDER]

Blocks that begin with "```sh NAME" are typed into the terminal NAME, a bash of its own, in an empty folder;
each has to succeed. A word after the name says otherwise: ``stays``, what is typed keeps running while the
text goes on; ``fails``, the last command ends with exit code 1. A block called "text" after it is what was
printed: each of its lines has to come, in this order, with other addresses, hashes and numbers; "..." stands
for lines that are left out.

As the text says, anvil's chain id takes the place of eth-tester's where anvil is. Since there is only one
port 8545, another can be chosen. ``--update`` writes what was printed into the document.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "run-an-experiment.md"
PORT = 8545
ETH_TESTER, ANVIL = "131277322940537", "31337"
"""Chain ids."""

LONGEST = 240.0
"""Seconds that a line may let its reader wait."""

_BLOCK = re.compile(r"^```(sh [^\n]+|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"bafy[a-z2-7]+(…[a-z2-7]+)?"), "cid"),
    (re.compile(r"\d[\d,.]*"), "#"),
    (re.compile(r"\s+"), " "),
)


class Untrue(Exception):
    """Something does not come as the document says."""


@dataclass(frozen=True)
class Block:
    """Commands, and what they print.

    Attributes:
        line: where they stand in the document.
        terminal: where they are typed.
        manner: "", ``stays`` or ``fails``.
        commands: as typed.
        printed: lines of the output; empty: the document shows none.
    """

    line: int
    terminal: str
    manner: str
    commands: str
    printed: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = self.commands.splitlines()[0]
        return f"line {self.line:>3}, {self.terminal}: {first}{f'  ({self.manner})' if self.manner else ''}"


def blocks(text: str) -> list[Block]:
    """Find what is to be typed in a document."""
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        kind, content = match.groups()
        if kind == "text":
            found[-1] = replace(found[-1], printed=tuple(content.splitlines()))
        else:
            terminal, _, manner = kind.removeprefix("sh ").partition(" ")
            found.append(Block(text.count("\n", 0, match.start()) + 1, terminal, manner, content))
    return found


def normal(line: str) -> str:
    """A line without what is different each time."""
    for pattern, stand_in in _VARYING:
        line = pattern.sub(stand_in, line)
    return line.strip()


class Terminal:
    """A bash that is typed into, and what it has printed.

    Args:
        name: what the document calls it.
        folder: where it begins.
        environment: its variables.
    """

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self._prompt = f"--- {name} is done:"
        self._process = subprocess.Popen(
            ["bash", "-e"],  # noqa: S607 - the user's
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._news = threading.Condition()
        self._lines: list[str] = []
        self._ended = False
        self._block: Block | None = None
        self._begun = 0
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    @property
    def transcript(self) -> str:
        """All that it has printed."""
        return "\n".join(self._lines)

    def type(self, block: Block) -> list[str]:
        """Type commands once the ones before are done, and wait for what the document says of them.

        Returns:
            What came in place of each line of the document.

        Raises:
            Untrue: it does not come.
        """
        self.finish()
        self._block, self._begun = block, len(self._lines)
        self._write(block.commands if block.manner != "fails" else f"set +e\n{block.commands}")
        self._write(f"printf '\\n{self._prompt} %d\\n' $?\nset -e\n")
        if block.manner != "stays":
            self._check_end(block)
        at, came = self._begun, []
        for line in block.printed:
            if line.strip() in {"", "..."}:
                came.append(line)
                continue
            at = 1 + self._find(block, at, normal(line).__eq__, line)
            came.append(self._lines[at - 1])
        return came

    def finish(self) -> None:
        """Wait until the last commands are done.

        Raises:
            Untrue: they do not end as they should.
        """
        if self._block is not None:
            self._check_end(self._block)
            self._block = None

    def interrupt(self) -> None:
        """Press Ctrl-C, if something runs."""
        if self._block is not None and self._block.manner == "stays":
            os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """Let nothing outlive it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._listener.join()
        with self._process:
            pass

    def _check_end(self, block: Block) -> None:
        at = self._find(block, self._begun, normal(f"{self._prompt} 0").__eq__, "the end of its commands")
        code, wanted = self._lines[at].rpartition(" ")[2], str(int(block.manner == "fails"))
        if code != wanted:
            raise Untrue(f"{block}: the exit code is {code}, not {wanted}")

    def _find(self, block: Block, start: int, matches: Callable[[str], bool], what: str) -> int:
        """The index of the first line from ``start`` on that matches, once it is there."""
        until, at = time.monotonic() + LONGEST, start
        with self._news:
            while True:
                while at < len(self._lines):
                    line = self._lines[at]
                    if matches(normal(line)):
                        return at
                    if line.startswith(self._prompt):
                        raise Untrue(f"{block}: did not print: {what}")
                    at += 1
                if self._ended:
                    raise Untrue(f"{block}: a command failed, before: {what}")
                if not self._news.wait(until - time.monotonic()):
                    raise Untrue(f"{block}: within {LONGEST:g} s, did not print: {what}")

    def _write(self, text: str) -> None:
        if self._process.stdin is None:
            raise AssertionError("it was started with a pipe")
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._hear(line.rstrip("\n"))
        self._hear(None)

    def _hear(self, line: str | None) -> None:
        with self._news:
            if line is None:
                self._ended = True
            else:
                self._lines.append(line)
            self._news.notify_all()


def play(found: Sequence[Block], folder: Path, environment: dict[str, str]) -> list[list[str]]:
    """Type all blocks, each into its terminal; where something still runs in the end, press Ctrl-C.

    Args:
        found: in the order of the document.
        folder: an empty one.
        environment: variables of the terminals.

    Returns:
        What came in place of the output in the document, block by block.

    Raises:
        Untrue: something does not come as the document says; the message has what the terminal printed.
    """
    terminals: dict[str, Terminal] = {}
    begun, came = time.monotonic(), []
    try:
        for block in found:
            if block.terminal not in terminals:
                terminals[block.terminal] = Terminal(block.terminal, folder, environment)
            print(f"{time.monotonic() - begun:6.1f} s  {block}", flush=True)
            with _in_full(terminals[block.terminal]):
                came.append(terminals[block.terminal].type(block))
        for terminal in terminals.values():
            with _in_full(terminal):
                terminal.interrupt()
                terminal.finish()
    finally:
        for terminal in terminals.values():
            terminal.close()
    print(f"{time.monotonic() - begun:6.1f} s  all of {len(found)} blocks came true")
    return came


@contextlib.contextmanager
def _in_full(terminal: Terminal) -> Iterator[None]:
    try:
        yield
    except Untrue as failure:
        raise Untrue(f"{terminal.transcript}\n\n{failure}") from failure


def updated(text: str, came: Sequence[Sequence[str]]) -> str:
    """The document with what came in place of what stands there."""
    index = -1

    def renewed(match: re.Match[str]) -> str:
        nonlocal index
        if match[1] != "text":
            index += 1
            return match[0]
        return "```text\n" + "".join(f"{line.rstrip()}\n" for line in came[index]) + "```"

    return _BLOCK.sub(renewed, text)


def main() -> None:
    """Play the document."""
    parser = argparse.ArgumentParser(description="Type what docs/run-an-experiment.md says.")
    parser.add_argument("folder", nargs="?", type=Path, help="an empty folder; a new one if left out")
    parser.add_argument("--anvil", type=Path, help="the folder that anvil is in; eth-tester if left out")
    parser.add_argument("--port", type=int, default=PORT, help="in place of 8545")
    parser.add_argument("--update", action="store_true", help="write what was printed into the document")
    asked = parser.parse_args()
    written = DOCUMENT.read_text(encoding="utf-8")
    text = written.replace(f":{PORT}", f":{asked.port}")
    text = text.replace("colearn-chain devnet", f"colearn-chain devnet --port {asked.port}")
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if asked.anvil is not None:
        text = text.replace(ETH_TESTER, ANVIL).replace("(eth-tester)", "(anvil)")
        path.insert(0, str(asked.anvil))
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="colearn-chain-"))
    folder.mkdir(parents=True, exist_ok=True)
    variables = {**os.environ, "PATH": os.pathsep.join(path), "HOME": str(folder)}
    variables.pop("COLUMNS", None)
    try:
        came = play(blocks(text), folder, variables)
    except Untrue as failure:
        sys.exit(str(failure))
    if asked.update:
        DOCUMENT.write_text(updated(written, came), encoding="utf-8")


if __name__ == "__main__":
    main()
