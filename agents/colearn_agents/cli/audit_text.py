"""An audit as the terminal shows it, and as programs read it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from colearn_agents.auditing.marks import learners_of, marks_of
from colearn_agents.wording import moment
from colearn_chain.audit import Kind
from colearn_chain.errors import shown
from colearn_chain.results import VoteMark
from colearn_chain.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from colearn_agents.auditing.names import Names
    from colearn_chain.audit import Evidence, Report
    from colearn_chain.rounds import ClosedRound

FORMAT = "colearn-chain/audit"
VERSION = 1

_SIGNS = {Kind.WRONG: "✗", Kind.UNCHECKED: "?", Kind.CHECKED: "✓", Kind.NOTED: "·"}
_STYLES = {Kind.WRONG: "bold red", Kind.UNCHECKED: "yellow", Kind.CHECKED: "green", Kind.NOTED: ""}

_LONGEST = 1000
"""Characters of a finding in the table; what strangers wrote can be in it, and the JSON has all of it."""

_MOST = 100
"""Findings of one kind in the table; somebody could make any number of them."""

_LETTERS = {
    VoteMark.PROPOSED: ("P", "bold blue"),
    VoteMark.PASSED: ("p", "blue"),
    VoteMark.LAPSED: ("l", "blue"),
    VoteMark.APPROVED: ("A", "green"),
    VoteMark.REJECTED: ("R", "red"),
    VoteMark.UNAVAILABLE: ("U", "yellow"),
    VoteMark.SILENT: ("-", "dim"),
    VoteMark.IDLE: ("·", "dim"),
    VoteMark.ABSENT: (" ", ""),
}
_LEGEND = (
    "P proposed, p passed its turn, l let it lapse, A approved, R rejected, U could not fetch or read it, "
    "- silent, · nothing to vote on"
)
_OUTCOMES = {
    Status.ACCEPTED: ("✓", "green"),
    Status.REJECTED: ("✗", "red"),
    Status.SKIPPED: ("·", "dim"),
}

_MOST_BANDS, _MOST_LEARNERS = 4, 16
"""A larger picture is for the report, not for a terminal."""

_LONGEST_NAME, _GROUP = 24, 10


def audit_text(evidence: Evidence, report: Report, names: Names, *, width: int) -> Iterator[RenderableType]:
    """The report for people: what it is about, a picture, the findings, and what they come to.

    Args:
        evidence: what it rests on.
        report: what was found.
        names: what to call addresses.
        width: columns of the terminal.
    """
    if report.deployment is not None:
        yield Text(f"Experiment {report.deployment.experiment}")
    if report.rounds:
        yield Text(rounds_line(report))
    if (as_of := evidence.as_of) is not None:
        yield Text(f"As of block {as_of.number}, {moment(as_of.time)}: {as_of.finality}")
    if report.rounds:
        yield from _picture(report.rounds, names, width)
    yield _findings(report)
    if evidence.history is not None:
        yield Text(f"History hash 0x{evidence.history.history_hash.hex()}")
    yield Text(f"{report.outcome.heading}. {report.outcome.sentence}", style="bold")


def rounds_line(report: Report) -> str:
    """How many rounds there were, and what became of them."""
    counts = dict.fromkeys((Status.ACCEPTED, Status.REJECTED, Status.SKIPPED), 0)
    for closed in report.rounds:
        counts[closed.round.status] += 1
    told = ", ".join(f"{count:,} {status.name.lower()}" for status, count in counts.items())
    return f"{len(report.rounds):,} rounds closed: {told}"


def _findings(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, show_header=False, collapse_padding=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for kind in Kind:
        found, sign = report.of_kind(kind), Text(f"{_SIGNS[kind]} {kind.value}", style=_STYLES[kind])
        for finding in found[:_MOST]:
            table.add_row(sign, finding.subject, Text(shown(finding.text, _LONGEST)))
        if len(found) > _MOST:
            table.add_row(sign, "", f"and {len(found) - _MOST:,} more, all of which --json has")
    return table


def _picture(rounds: Sequence[ClosedRound], names: Names, width: int) -> Iterator[Text]:
    """Who did what: a line for each learner and a column for each round, as long as that is a picture."""
    learners = learners_of(rounds)
    labels = [shown(names.short(learner), _LONGEST_NAME) for learner in learners]
    indent = max(map(len, [*labels, "accepted"])) + 2
    groups = max((width - indent - 2) // (_GROUP + 1), 1)
    if len(learners) > _MOST_LEARNERS or len(rounds) > groups * _GROUP * _MOST_BANDS:
        return
    for start in range(0, len(rounds), groups * _GROUP):
        band = rounds[start : start + groups * _GROUP]
        marks = [marks_of(closed) for closed in band]
        yield Text(f"\n  {'round':<{indent}}{_ruler(start + 1, len(band))}", style="dim")
        for learner, label in zip(learners, labels, strict=True):
            done = [_LETTERS[of_round.get(learner, VoteMark.ABSENT)] for of_round in marks]
            yield Text(f"  {label:<{indent}}") + _grouped(done)
        yield Text(f"  {'accepted':<{indent}}") + _grouped([_OUTCOMES[each.round.status] for each in band])
    yield Text(f"\n  {_LEGEND}", style="dim")


def _ruler(first: int, count: int) -> str:
    """The number of every tenth round, above its column."""
    starts = range(first, first + count, _GROUP)
    return "".join(f"{start:<{_GROUP + 1}}" for start in starts)


def _grouped(signs: Sequence[tuple[str, str]]) -> Text:
    """Signs in groups of ten."""
    text = Text()
    for index, (sign, style) in enumerate(signs):
        text.append(" " if index and index % _GROUP == 0 else "")
        text.append(sign, style)
    return text


def audit_document(evidence: Evidence, report: Report) -> dict[str, Any]:
    """The report as JSON has it; times are in seconds since 1970."""
    history, deployment, as_of = evidence.history, report.deployment, evidence.as_of
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": deployment.experiment if deployment else None,
        "outcome": report.outcome.value,
        "source": evidence.source,
        "block": asdict(as_of) if as_of else None,
        "history_hash": "0x" + history.history_hash.hex() if history else None,
        "rounds_closed": len(report.rounds),
        "findings": [
            {"kind": each.kind.value, "subject": each.subject, "text": each.text} for each in report.findings
        ],
    }
