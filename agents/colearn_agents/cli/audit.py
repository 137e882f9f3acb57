"""The command ``audit``: whether what happened in an experiment follows from what was agreed on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from colearn_agents.cli.failures import AuditExit
from colearn_agents.cli.output import console
from colearn_agents.evidence import contents_of, from_file, from_nodes, read_file
from colearn_agents.records import write_bytes
from colearn_chain.artefacts import Card
from colearn_chain.audit import HistoryFile, Kind, Outcome, audit
from colearn_chain.canonical_json import strict_json
from colearn_chain.errors import ConfigError, shown
from colearn_chain.results import VoteMark
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from colearn_chain.audit import Evidence, Report
    from colearn_chain.rounds import ClosedRound
    from colearn_chain.types import Address

FORMAT = "colearn-chain/audit"
VERSION = 1

_SIGNS = {Kind.WRONG: "✗", Kind.UNCHECKED: "?", Kind.CHECKED: "✓", Kind.NOTED: "·"}
_STYLES = {Kind.WRONG: "bold red", Kind.UNCHECKED: "yellow", Kind.CHECKED: "green", Kind.NOTED: ""}
_ORDER = (Kind.WRONG, Kind.UNCHECKED, Kind.CHECKED, Kind.NOTED)
_VERDICTS = {
    Outcome.RIGHT: "Complete and right: everything that was asked for was checked, and holds.",
    Outcome.WRONG: "Something is wrong.",
    Outcome.INCOMPLETE: "Nothing wrong was found, but not everything could be checked.",
}
_MARKS = {
    Ballot.APPROVE: VoteMark.APPROVED,
    Ballot.REJECT: VoteMark.REJECTED,
    Ballot.UNAVAILABLE: VoteMark.UNAVAILABLE,
}
_LONGEST = 1000
"""Characters of a finding in the table; what strangers wrote can be in it, and the JSON has all of it."""

_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


_EXITS = {
    Outcome.RIGHT: AuditExit.RIGHT,
    Outcome.WRONG: AuditExit.WRONG,
    Outcome.INCOMPLETE: AuditExit.INCOMPLETE,
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for.

    Attributes:
        card: the file to begin with.
        rpc: URLs of nodes of the experiment's chain.
        file: an exported history, in place of nodes.
        against_hash: the contract's history hash from a trusted source, as text.
        artefacts: the folder of a directory store.
        names: a JSON file of names for addresses.
        export: where the history is to be written.
        picture: where the picture is to be written.
        as_json: print one document, no tables.
    """

    card: Path
    rpc: tuple[str, ...] = ()
    file: Path | None = None
    against_hash: str | None = None
    artefacts: Path | None = None
    names: Path | None = None
    export: Path | None = None
    picture: Path | None = None
    as_json: bool = False


def run_audit(request: Request) -> AuditExit:
    """Gather, check, print and write what was asked for.

    Raises:
        ConfigError: a file, URL or hash is none, or cannot be read or written.
        InvalidArtefact: the card or the exported history is none.
    """
    if bool(request.rpc) == (request.file is not None):
        raise ConfigError(
            "an audit goes by nodes (--rpc, as often as there are) or by a file (--from): one of them"
        )
    names = Names.read(request.names)
    evidence = _gathered(request, names)
    report = audit(evidence, names)
    _print(evidence, report, as_json=request.as_json)
    if request.export is not None:
        _export(request.export, evidence, report)
    if request.picture is not None:
        draw(request.picture, report.rounds, names)
    return _EXITS[report.outcome]


def _gathered(request: Request, names: Names) -> Evidence:
    trusted = None if request.against_hash is None else _hash(request.against_hash)
    card = Card.from_bytes(read_file(request.card))
    if request.file is not None:
        evidence = from_file(card, request.file, trusted)
    else:
        from colearn_chain.chain.node import Node  # noqa: PLC0415 - late: it needs web3

        evidence = from_nodes(card, [Node.connect(url) for url in request.rpc], names, trusted)
    if request.artefacts is None or evidence.history is None:
        return evidence
    experiment = card.deployment(evidence.releases).experiment
    return replace(evidence, contents=contents_of(evidence.history, experiment, request.artefacts))


def _hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise ConfigError(f"{text!r} is no history hash: 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def _export(path: Path, evidence: Evidence, report: Report) -> None:
    if report.outcome is Outcome.WRONG or evidence.history is None:
        raise ConfigError("there is no history that holds, so nothing was exported")
    write_bytes(path, HistoryFile.of(evidence.card, evidence.history).to_bytes())


class Names:
    """What to call addresses: by their organisations, where somebody said so.

    Args:
        known: names by address in lower case.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    @classmethod
    def read(cls, path: Path | None) -> Names:
        """Read a JSON object of names by address.

        Raises:
            ConfigError: it is none.
        """
        if path is None:
            return cls({})
        try:
            found = strict_json(read_file(path))
        except ValueError as error:
            raise ConfigError(f"{path} is not JSON: {error}") from error
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
            raise ConfigError(f'{path} has to be one object of names by address, {{"0x...": "..."}}')
        for address in found:
            if not re.fullmatch("0x[0-9a-fA-F]{40}", address):
                raise ConfigError(f"{path}: {address!r} is no address")
        return cls({address.lower(): name for address, name in found.items()})

    def __call__(self, address: Address) -> str:
        """A name, or the address."""
        return self._known.get(address.lower(), address)

    def short(self, address: Address) -> str:
        """A name, or as much of the address as a picture has room for."""
        return self._known.get(address.lower(), f"{address[:6]}…{address[-4:]}")


# ------------------------------------------------------------------------------------------------- printing


def _print(evidence: Evidence, report: Report, *, as_json: bool) -> None:
    out = console()
    if as_json:
        out.out(json.dumps(audit_document(evidence, report), indent=2))
        return
    for part in _parts(evidence, report):
        out.print(part)


def _parts(evidence: Evidence, report: Report) -> Iterator[RenderableType]:
    if report.deployment is not None:
        yield Text(f"Experiment {report.deployment.experiment}")
    if report.rounds:
        yield _rounds_line(report)
    table = Table(box=SIMPLE_HEAD, show_header=False, collapse_padding=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in sorted(report.findings, key=lambda each: _ORDER.index(each.kind)):
        style = _STYLES[finding.kind]
        sign = Text(f"{_SIGNS[finding.kind]} {finding.kind.value}", style=style)
        table.add_row(sign, finding.subject, Text(shown(finding.text, _LONGEST)))
    yield table
    if evidence.history is not None:
        yield Text(f"History hash 0x{evidence.history.history_hash.hex()}")
    yield Text(_VERDICTS[report.outcome], style="bold")


def _rounds_line(report: Report) -> Text:
    counts = dict.fromkeys((Status.ACCEPTED, Status.REJECTED, Status.SKIPPED), 0)
    for closed in report.rounds:
        counts[closed.round.status] += 1
    told = ", ".join(f"{count} {status.name.lower()}" for status, count in counts.items())
    return Text(f"{len(report.rounds)} rounds closed: {told}")


def audit_document(evidence: Evidence, report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    history, deployment = evidence.history, report.deployment
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": deployment.experiment if deployment else None,
        "outcome": report.outcome.value,
        "history_hash": "0x" + history.history_hash.hex() if history else None,
        "rounds_closed": len(report.rounds),
        "findings": [
            {"kind": each.kind.value, "subject": each.subject, "text": each.text} for each in report.findings
        ],
    }


# -------------------------------------------------------------------------------------------------- drawing


def draw(path: Path, rounds: Sequence[ClosedRound], names: Names) -> None:
    """Write a picture of who did what in each round.

    Raises:
        ConfigError: there are no rounds to be drawn, matplotlib is missing, or the file cannot be written.
    """
    from colearn_chain.plotting import draw_votes  # noqa: PLC0415 - late: an extra

    if not rounds:
        raise ConfigError("there are no rounds to be drawn")
    learners = list(dict.fromkeys(learner for closed in rounds for learner in closed.learners.values()))
    draw_votes(
        path,
        [[_mark(closed, learner) for learner in learners] for closed in rounds],
        accepted=[closed.round.status is Status.ACCEPTED for closed in rounds],
        learners=[names.short(learner) for learner in learners],
    )


def _mark(closed: ClosedRound, learner: Address) -> VoteMark:
    if learner == closed.proposer:
        return VoteMark.PASSED if closed.round.status is Status.SKIPPED else VoteMark.PROPOSED
    return _MARKS.get(closed.ballots.get(learner, Ballot.NONE), VoteMark.SILENT)
