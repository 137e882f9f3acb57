"""Where commands print, and the small ways of writing numbers that they share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from typing import TextIO

_PIPE_WIDTH = 100
"""Columns of a table where there is no terminal to ask; COLUMNS says otherwise."""

DIGITS = 3
"""Of a score, after the point; the parts that scores are measured on have some hundred examples."""


def standard_output() -> TextIO:
    """Standard output.

    A terminal that cannot show a sign shows a question mark in its place: no output ends a run.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return sys.stdout


def console() -> Console:
    """Standard output, with tables of a fixed width where it is no terminal."""
    fixed = None if standard_output().isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(width=fixed, highlight=False, markup=False)


def score(value: float | None) -> str:
    """A score as people read it."""
    return "-" if value is None else f"{value:.{DIGITS}f}"


def size(count: int) -> str:
    """Bytes as people read them, in powers of 1,000."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - SI prefixes go by thousands
            break
        amount, unit = amount / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
