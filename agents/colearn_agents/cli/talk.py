"""How commands that send something talk: facts in columns, progress while they wait, a question before."""

from __future__ import annotations

import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from colearn_agents.cli.output import console
from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from colearn_agents.experiments.waiting import Tell

_LONGEST = 1_000
"""Characters of what a stranger wrote that are shown."""

_NARROWEST = 40


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a command was asked to behave.

    Attributes:
        config: the configuration file.
        card: the experiment's card; None: the configuration names it.
        as_json: print one document, and nothing for people, to standard output.
        yes: send without asking.
    """

    config: Path
    card: Path | None = None
    as_json: bool = False
    yes: bool = False

    def people(self) -> Console:
        """Where what people read goes; with ``--json`` it is beside the document, on standard error."""
        return errors() if self.as_json else console()

    def confirm(self, question: str) -> None:
        """Ask before anything is sent.

        Raises:
            ConfigError: the answer is no, or there is nobody to ask.
        """
        if self.yes:
            return
        self._need_terminal()
        if not typer.confirm(question, err=self.as_json):
            raise ConfigError("nothing was sent")

    def confirm_word(self, word: str) -> None:
        """Ask for a word to be typed, where a slip would be bad.

        Raises:
            ConfigError: something else was typed, or there is nobody to ask.
        """
        if self.yes:
            return
        self._need_terminal()
        if typer.prompt(f"To be sure, type the word {word}", err=self.as_json).strip() != word:
            raise ConfigError("nothing was sent")

    @staticmethod
    def _need_terminal() -> None:
        if sys.stdin is None or not sys.stdin.isatty():
            raise ConfigError("nothing was sent: there is no terminal to ask on, and --yes was not given")


def errors() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def show_facts(out: Console, rows: Iterable[tuple[str, str]]) -> None:
    """Print facts by name in two columns; nothing that a stranger wrote steers the terminal.

    Words are not broken, so that addresses and hashes can be copied.
    """
    found = [(name, shown(value, _LONGEST)) for name, value in rows]
    indent = max((len(name) for name, _ in found), default=0) + 4
    width = max(out.width - indent, _NARROWEST)
    for name, value in found:
        lines = textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False) or [""]
        for head, line in zip([f"  {name}", *("" for _ in lines[1:])], lines, strict=True):
            say(out, f"{head:{indent}}{line}".rstrip())


def say(out: Console, line: str = "") -> None:
    """Print a line as it is, however long, so that it can be copied."""
    out.print(Text(line), soft_wrap=True)


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """Tell on standard error how far something has come: in place on a terminal, else line by line."""
    out = errors()
    if out.is_terminal:
        with out.status(what) as status:
            yield lambda how_far: status.update(f"{what}: {how_far}")
    else:
        yield lambda how_far: say(out, f"{what}: {how_far}")
