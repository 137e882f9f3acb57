"""How far something is that takes long: bars on the terminal of who waits for it, and nothing elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from colearn_agents.watching import Watch, nobody_watches
from colearn_chain.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_chain.types import Progress

_LONGEST = 60
"""Characters of a part's name; nodes and folders have a part in it."""


@contextmanager
def watched(*, silent: bool) -> Iterator[Watch]:
    """Show bars on standard error while the context lasts.

    Args:
        silent: show nothing, not even on a terminal.
    """
    if silent or not sys.stderr.isatty():
        yield nobody_watches
        return
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def watch(what: str) -> Progress:
            task = bars.add_task(shown(what, _LONGEST), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield watch
