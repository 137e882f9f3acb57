"""How a command fails: one clear sentence on stderr and an exit code that scripts can rely on."""

from __future__ import annotations

import errno
import importlib.util
import os
import sys
import traceback
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

import typer

from colearn_chain.errors import ColearnError, ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExitCode(IntEnum):
    """What a command's exit status says; 2 is typer's own."""

    DONE = 0
    WRONG = 1
    USAGE = 2
    INTERRUPTED = 130
    """128 + SIGINT, as shells have it."""


_LONGEST = 2_000
"""Characters of a sentence; several nodes that are away, or a long command to go on with, fit in."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""How the operating system says that it does not take what is written."""

EXIT_CODES = (
    "Exit codes: 0 done; 1 something is wrong with what was asked or found; "
    "2 the command line is wrong; 130 interrupted."
)
"""Printed below every command's help."""


class AuditExit(IntEnum):
    """What the exit status of ``audit`` says; whoever wants to know more reads its findings."""

    RIGHT = 0
    WRONG = 1
    INCOMPLETE = 2


AUDIT_EXIT_CODES = (
    "Exit codes: 0 complete and right; 1 something is wrong; 2 something could not be checked, "
    "or the command line is wrong; 130 interrupted."
)
"""Printed below the help of ``audit``."""


@contextmanager
def reported(*, verbose: bool) -> Iterator[None]:
    """Turn what a command raises into a sentence on stderr and an exit code; a bug keeps its traceback.

    Args:
        verbose: print the traceback as well.

    Raises:
        typer.Exit: with the code that the error asks for.
    """
    try:
        yield
    except ColearnError as error:
        _complain(_sentence(error), verbose=verbose)
        raise typer.Exit(ExitCode.WRONG) from error
    except KeyboardInterrupt as error:
        _complain("interrupted; what was written so far is left as it is", verbose=verbose)
        raise typer.Exit(ExitCode.INTERRUPTED) from error


@contextmanager
def output_watched() -> Iterator[None]:
    """Turn a standard output that takes no more, such as a full disk, into a sentence and an exit code.

    Raises:
        SystemExit: it takes no more.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise  # it came from somewhere else: a bug, which keeps its traceback
        # what is left over would fail again, with a traceback, when the interpreter flushes it at its end
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the end
        _complain(f"the output cannot be written: {error.strerror}", verbose=False)
        raise SystemExit(ExitCode.WRONG) from error


def need(extra: str, *modules: str) -> None:
    """Check that the modules of an extra are installed, before anything that takes time is begun.

    Raises:
        ConfigError: one is not; the sentence says how to install it.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} cannot be imported; install with: pip install 'colearn-chain[{extra}]'"
        )


def _complain(sentence: str, *, verbose: bool) -> None:
    if verbose:
        typer.echo(traceback.format_exc(), err=True, nl=False)
    typer.echo(f"colearn-chain: {sentence}", err=True)


def _sentence(error: ColearnError) -> str:
    """One line, however much of it a stranger wrote."""
    return shown(str(error) or type(error).__name__, _LONGEST)
