"""A run on the terminal: a table that is redrawn in place, or, where nobody can see that, one line a round.

Letters carry the meaning and colours repeat it: neither a pipe nor an eye that sees no red loses anything.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from rich.console import Console, RenderableType

    from colearn_agents.group.board import Board, Row

LEGEND = "P proposed, A approved, R rejected, U could not fetch or read it, - silent"

_LETTERS = {
    Ballot.NONE: ("-", "dim"),
    Ballot.APPROVE: ("A", "green"),
    Ballot.REJECT: ("R", "red"),
    Ballot.UNAVAILABLE: ("U", "yellow"),
}

_OUTCOMES = {
    Status.NONE: ("", ""),
    Status.PROPOSING: ("… proposing", "cyan"),
    Status.VOTING: ("… voting", "cyan"),
    Status.ACCEPTED: ("✓ accepted", "green"),
    Status.REJECTED: ("✗ rejected", "red"),
    Status.SKIPPED: ("- skipped", "dim"),
}

_MOST_SPACED = 8
"""With more learners than this, letters stand close together, each below the last digit of its number."""

_MOST_LETTERS = 24
"""More learners than this are counted, not listed."""

_AROUND_THE_ROWS = 9
"""Lines of a terminal that the rows cannot have: heading, borders, legend, what is going on."""


def outcome_text(status: Status) -> Text:
    """A status as a sign and a word."""
    word, style = _OUTCOMES[status]
    return Text(word, style=style)


def ballots_text(ballots: Mapping[int, Ballot], proposer: int | None, learners: int) -> Text:
    """One letter for each learner, in order; see `LEGEND`. Where that would be too wide: how many of each.

    Args:
        ballots: of those who have one, by learner; NONE for silence.
        proposer: the learner that proposed; None: nobody.
        learners: how many there are.
    """
    if learners > _MOST_LETTERS:
        return _counted(ballots)
    seats = range(learners)
    letters = [_letter(ballots.get(learner), is_proposer=learner == proposer) for learner in seats]
    return Text(_gap(learners)).join(Text(letter, style) for letter, style in letters)


def _letter(ballot: Ballot | None, *, is_proposer: bool) -> tuple[str, str]:
    if is_proposer and not ballot:
        return "P", "bold blue"
    return (" ", "") if ballot is None else _LETTERS[ballot]


def _counted(ballots: Mapping[int, Ballot]) -> Text:
    counts = Counter(ballots.values())
    shown = [(f"{counts[ballot]}{letter}", style) for ballot, (letter, style) in _LETTERS.items()]
    return Text(" ").join(Text(count, style) for count, style in shown if not count.startswith("0"))


def ballots_heading(learners: int) -> str:
    """The last digits of the learners' numbers, each above its letters."""
    if learners > _MOST_LETTERS:
        return ""
    return _gap(learners).join(str(learner % 10) for learner in range(learners))


def _gap(learners: int) -> str:
    return " " if learners <= _MOST_SPACED else ""


def legend() -> Text:
    """What the letters mean."""
    return Text(f"  {LEGEND}", style="dim")


def rounds_table(rows: Iterable[Row], *, learners: int, score_name: str) -> RenderableType:
    """Rounds as a table, and what its letters mean."""
    table = Table(box=SIMPLE_HEAD, collapse_padding=True)
    table.add_column("round", justify="right")
    table.add_column("proposer", min_width=len("learner 15"))
    table.add_column(f"ballots of learner\n{ballots_heading(learners)}", no_wrap=True)
    table.add_column("outcome", no_wrap=True, min_width=len("… proposing"))
    table.add_column(f"{score_name}\nof the global model", justify="right")
    table.add_column("elapsed", justify="right")
    for row in rows:
        table.add_row(*_cells(row, learners))
    return Group(table, legend())


def _cells(row: Row, learners: int) -> list[RenderableType]:
    proposal = row.proposer if row.proposed else None
    return [
        str(row.number),
        "" if row.proposer is None else f"learner {row.proposer}",
        ballots_text(row.ballots, proposal, learners),
        outcome_text(row.status),
        "" if row.score is None else f"{row.score:.3f}",
        "" if row.elapsed is None else f"{row.elapsed:.1f} s",
    ]


class PlainLines:
    """One line for each round, as it ends: for pipes, logs and continuous integration."""

    def __init__(self, console: Console, *, learners: int, score_name: str) -> None:
        self._console = console
        self._learners = learners
        self._score_name = score_name

    def heading(self) -> None:
        """Say once what the letters are."""
        self._console.print(f"ballots, by learner: {LEGEND}", soft_wrap=True)

    def row(self, row: Row) -> None:
        """Print a round that has ended."""
        number, proposer, ballots, outcome, score, elapsed = (
            str(cell) for cell in _cells(row, self._learners)
        )
        who = f"round {number:>3}  {proposer:<10}  {ballots}  {outcome:<11}"
        line = f"{who}  {self._score_name} {score or '-'}  {elapsed:>7}"
        self._console.print(line, soft_wrap=True, highlight=False)
        self._console.file.flush()


class LiveTable:
    """The table of a run, redrawn while it grows; the whole of it stays on the terminal at the end."""

    def __init__(self, console: Console, board: Board, *, learners: int, score_name: str) -> None:
        self._console = console
        self._board = board
        self._learners = learners
        self._score_name = score_name
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._frame, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        self._console.print(self._table(self._board.rows))

    def _frame(self) -> RenderableType:
        board = self._board
        rows = board.rows if board.current is None else (*board.rows, board.current)
        shown = rows[-max(self._console.height - _AROUND_THE_ROWS, 1) :]
        self._spinner.update(text=f"{board.doing} ({board.elapsed:.0f} s)")
        return Group(self._table(shown), self._spinner)

    def _table(self, rows: Iterable[Row]) -> RenderableType:
        return rounds_table(rows, learners=self._learners, score_name=self._score_name)
