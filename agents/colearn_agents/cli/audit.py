"""The command ``audit``: whether what happened in an experiment follows from what was agreed on."""

from __future__ import annotations

import json
import re
import shlex
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from colearn_agents.auditing.evidence import deployment_of, from_file, from_nodes, read_file
from colearn_agents.auditing.marks import learners_of, marks_of
from colearn_agents.auditing.names import Names
from colearn_agents.auditing.stored import contents_of
from colearn_agents.cli.audit_text import audit_document, audit_text
from colearn_agents.cli.failures import AuditExit
from colearn_agents.cli.options import configuration
from colearn_agents.cli.output import console
from colearn_agents.cli.progress import watched
from colearn_agents.experiments.new_files import check_new, write_new
from colearn_chain import __version__
from colearn_chain.artefacts import Card
from colearn_chain.audit import HistoryFile, Outcome, audit
from colearn_chain.errors import ConfigError, InvalidArtefact
from colearn_chain.results import VoteMark
from colearn_chain.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from colearn_agents.watching import Watch
    from colearn_chain.audit import Evidence, Report
    from colearn_chain.rounds import ClosedRound

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
        config: a configuration file, whose network's nodes are asked, in place of URLs.
        file: an exported history, in place of nodes.
        against_hash: the contract's history hash from a trusted source, as text.
        artefacts: the folder of a directory store.
        names: a JSON file of names for addresses.
        export: where the history is to be written.
        report: where the report is to be written, as a page for browsers.
        picture: where the picture is to be written.
        as_json: print one document, no tables.
    """

    card: Path
    rpc: tuple[str, ...] = ()
    config: Path | None = None
    file: Path | None = None
    against_hash: str | None = None
    artefacts: Path | None = None
    names: Path | None = None
    export: Path | None = None
    report: Path | None = None
    picture: Path | None = None
    as_json: bool = False

    def check(self) -> None:
        """Check what can be checked before anything is read.

        Raises:
            ConfigError: there is not one source, or a file could not be written.
        """
        if (bool(self.rpc), self.config is not None, self.file is not None).count(True) != 1:
            raise ConfigError(
                "an audit goes by nodes (--rpc, as often as there are, or --config) or by a file (--from): "
                "one of them"
            )
        written = [path for path in (self.export, self.report, self.picture) if path is not None]
        for path in written:
            check_new(path)
        if len({path.absolute() for path in written}) < len(written):
            raise ConfigError("the export, the report and the picture each need a file of their own")

    def command(self) -> list[str]:
        """What repeats the audit, option by option, without what it writes; of URLs, what is no secret."""
        from colearn_chain.chain.urls import masked  # noqa: PLC0415 - late: it needs web3

        options = [
            *(("--rpc", masked(url)) for url in self.rpc),
            ("--config", self.config),
            ("--from", self.file),
            ("--against-hash", self.against_hash),
            ("--artefacts", self.artefacts),
            ("--names", self.names),
        ]
        given = (shlex.join([option, str(value)]) for option, value in options if value is not None)
        return [shlex.join(["colearn-chain", "audit", str(self.card)]), *given]


def run_audit(request: Request) -> AuditExit:
    """Gather, check, print and write what was asked for.

    Raises:
        ConfigError: a file, URL or hash is none, or cannot be read or written.
        InvalidArtefact: the card or the exported history is none.
    """
    request.check()
    names = Names.read(request.names)
    with watched(silent=request.as_json) as watch:
        evidence = _gathered(request, names, watch)
        watch("checking what was decided")
        report = audit(evidence, names)
    _print(evidence, report, names, as_json=request.as_json)
    for sentence in _written(request, evidence, report, names):
        typer.echo(f"colearn-chain: {sentence}", err=True)
    return _EXITS[report.outcome]


def _gathered(request: Request, names: Names, watch: Watch) -> Evidence:
    card = _read_card(request.card)
    evidence = _from_source(request, card, names, watch)
    deployment = deployment_of(card, evidence.releases)
    if request.artefacts is None or evidence.history is None or deployment is None:
        return evidence
    progress = watch(f"looking into proposals in {request.artefacts}")
    contents = contents_of(evidence.history, deployment.experiment, request.artefacts, progress)
    return replace(evidence, contents=contents)


def _read_card(path: Path) -> Card:
    data = read_file(path)
    try:
        return Card.from_bytes(data)
    except InvalidArtefact as error:
        raise InvalidArtefact(f"{path} is no card: {error}", subject=error.subject) from error


def _from_source(request: Request, card: Card, names: Names, watch: Watch) -> Evidence:
    trusted = None if request.against_hash is None else _hash(request.against_hash)
    if request.file is not None:
        return from_file(card, request.file, trusted)
    if request.config is None:
        from colearn_chain.chain.networks import connect  # noqa: PLC0415 - late: it needs web3

        nodes, finality = [connect(url) for url in request.rpc], None
    else:
        config = configuration(request.config)
        if config.network.chain_id != card.chain_id:
            raise ConfigError(
                f"the card is of an experiment on chain {card.chain_id}, "
                f"{request.config} is for chain {config.network.chain_id}"
            )
        nodes, finality = config.nodes(), config.finality
    return from_nodes(card, nodes, name=names, finality=finality, trusted_hash=trusted, watch=watch)


def _hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise ConfigError(f"{text!r} is no history hash: 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def _print(evidence: Evidence, report: Report, names: Names, *, as_json: bool) -> None:
    out = console()
    if as_json:
        out.out(json.dumps(audit_document(evidence, report), indent=2))
        return
    for part in audit_text(evidence, report, names, width=out.width):
        out.print(part)


def _written(request: Request, evidence: Evidence, report: Report, names: Names) -> Iterator[str]:
    """Write the files that were asked for; what could not be made of this audit is said."""
    if request.report is not None:
        from colearn_agents.auditing.audit_page import audit_page  # noqa: PLC0415 - not for every audit

        page = audit_page(
            evidence, report, names, command=request.command(), made_at=int(time.time()), version=__version__
        )
        write_new(request.report, page.encode("utf-8"))
    if request.picture is not None:
        if report.rounds:
            draw(request.picture, report.rounds, names)
        else:
            yield "there are no rounds to be drawn, so there is no picture"
    if request.export is not None:
        if report.outcome is not Outcome.WRONG and evidence.history is not None:
            write_new(request.export, HistoryFile.of(evidence.card, evidence.history).to_bytes())
        else:
            yield "there is no history that holds, so nothing was exported"


def draw(path: Path, rounds: Sequence[ClosedRound], names: Names) -> None:
    """Write a picture of who did what in each round.

    Raises:
        ConfigError: matplotlib is missing, or the file cannot be written.
    """
    from colearn_chain.plotting import draw_votes  # noqa: PLC0415 - late: an extra

    learners, marks = learners_of(rounds), [marks_of(closed) for closed in rounds]
    draw_votes(
        path,
        [[of_round.get(learner, VoteMark.ABSENT) for learner in learners] for of_round in marks],
        accepted=[closed.round.status is Status.ACCEPTED for closed in rounds],
        learners=[names.short(learner) for learner in learners],
    )
