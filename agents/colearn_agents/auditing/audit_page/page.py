"""The page: what was audited, what it came to, a picture, findings, tables, and how to repeat it."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from colearn_agents.auditing.audit_page.looks import LOOKS
from colearn_agents.auditing.audit_page.markup import Html, element, joined
from colearn_agents.auditing.audit_page.picture import definitions, picture
from colearn_agents.auditing.audit_page.tables import MOST_OPEN, MOST_ROWS, members_table, rounds_table
from colearn_agents.auditing.marks import learners_of
from colearn_agents.auditing.names import Names
from colearn_agents.wording import moment, rules_in_words
from colearn_chain.audit import Kind, Outcome
from colearn_chain.rounds import Status
from colearn_chain.storage import cid_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from colearn_chain.artefacts import Deployment
    from colearn_chain.audit import Evidence, Report

_STYLE = "style.css"
"""Beside this module."""

_NAMELESS = Names({})

MOST_FINDINGS = 500
"""Of one kind; somebody could make any number of them."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content Security Policy, level 3: even what should ever slip through runs nothing and loads nothing."""


class _Group(NamedTuple):
    """How findings of one kind are headed."""

    heading: str
    counted: str
    nothing: str


_GROUPS = {
    Kind.WRONG: _Group("Wrong", "wrong", "Nothing wrong was found."),
    Kind.UNCHECKED: _Group(
        "Could not be checked", "not checked", "Everything that was asked for was checked."
    ),
    Kind.CHECKED: _Group("Checked, and holds", "checked", ""),
    Kind.NOTED: _Group("Worth knowing, and no breach", "worth knowing", ""),
}

_SIGNS = {
    Kind.WRONG: "M7 7l10 10m0-10L7 17",
    Kind.UNCHECKED: "M8.5 9a3.5 3.5 0 1 1 4.8 3.3c-.9.4-1.3 1-1.3 2.1m0 3.1v.1",
    Kind.CHECKED: "M6 12.5l4 4 8-9.5",
    Kind.NOTED: "M12 11v6m0-10v.1",
}
_VERDICT_SIGNS = {Outcome.RIGHT: Kind.CHECKED, Outcome.WRONG: Kind.WRONG, Outcome.INCOMPLETE: Kind.UNCHECKED}


def audit_page(
    evidence: Evidence, report: Report, names: Names, *, command: Sequence[str], made_at: int, version: str
) -> str:
    """Write the page of an audit.

    Args:
        evidence: what the audit went by.
        report: what it found.
        names: what to call addresses.
        command: what repeats the audit, in parts that stand in a line each.
        made_at: when, in seconds since 1970.
        version: of the program.

    Returns:
        An HTML document.
    """
    title = _title(evidence, report)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Audit: {title}"),
        element("style", Html((resources.files(__package__) / _STYLE).read_text(encoding="utf-8"))),
    )
    main = element(
        "main",
        _top(title, report),
        _verdict(report),
        element("p", "Accepted means approved by these parties, not safe.", class_="meaning"),
        *_what_happened(report, names),
        _findings(report),
        *_in_detail(evidence, report, names),
        *_provenance(evidence, report, names),
        *_rules(report, made_at),
        _repeat(command, made_at, version),
    )
    return f"<!doctype html>\n{element('html', head, element('body', definitions(), main), lang='en')}\n"


def _title(evidence: Evidence, report: Report) -> str:
    if evidence.contents is not None and evidence.contents.spec is not None:
        return evidence.contents.spec.name
    if report.deployment is None:
        return "An unknown experiment"
    return f"Experiment {_NAMELESS.short(report.deployment.contract)}"


def _top(title: str, report: Report) -> Html:
    experiment = report.deployment.experiment if report.deployment else "No experiment follows from the card."
    return element(
        "header",
        element("p", "Audit of a collective learning experiment", class_="eyebrow"),
        element("h1", title),
        element("p", element("code", experiment)),
    )


def _verdict(report: Report) -> Html:
    outcome = report.outcome
    counts = (
        element("li", element("b", len(found)), group.counted, class_=kind.value if found else "nothing")
        for kind, group in _GROUPS.items()
        for found in (report.of_kind(kind),)
    )
    return element(
        "section",
        _icon(_VERDICT_SIGNS[outcome]),
        element("div", element("h2", outcome.heading), element("p", outcome.sentence)),
        element("ul", *counts),
        class_=f"verdict {outcome.value}",
    )


def _icon(kind: Kind) -> Html:
    drawn = f'<circle cx="12" cy="12" r="11"/><path d="{_SIGNS[kind]}"/>'
    return Html(f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{drawn}</svg>')


def _section(heading: str, *content: object) -> Html:
    return element("section", element("h2", heading), *content)


def _what_happened(report: Report, names: Names) -> Iterator[Html]:
    if report.rounds:
        yield _section("What happened", _tiles(report), picture(report.rounds, names))


def _in_detail(evidence: Evidence, report: Report, names: Names) -> Iterator[Html]:
    """Members and rounds, as far as there is a history that holds."""
    if evidence.history is None or not report.rounds:
        return
    yield _section("Members", members_table(evidence.history.memberships, report.rounds, names))
    letters = ", ".join(f"{look.letter} {look.words}" for look in LOOKS.values())
    notes = (f"Ballots by seat: {letters}.", *_omissions(report))
    quiet = (element("p", note, class_="quiet") for note in notes)
    yield _section("Rounds", *quiet, rounds_table(report.rounds, names))


def _omissions(report: Report) -> Iterator[str]:
    """What a long table leaves out."""
    if len(report.rounds) > MOST_ROWS:
        yield f"More than {MOST_ROWS:,} rounds are not listed one by one: the exported history has them."
    elif len(report.rounds) > MOST_OPEN:
        yield "Open a block to see its rounds; what is folded away is not printed."


def _tiles(report: Report) -> Html:
    counts = Counter(closed.round.status for closed in report.rounds)
    tiles = (
        ("rounds closed", len(report.rounds)),
        ("accepted", counts[Status.ACCEPTED]),
        ("rejected", counts[Status.REJECTED]),
        ("skipped", counts[Status.SKIPPED]),
        ("learners", len(learners_of(report.rounds))),
    )
    return element(
        "ul", *(element("li", element("b", f"{value:,}"), name) for name, value in tiles), class_="tiles"
    )


def _findings(report: Report) -> Html:
    return _section("Findings", *(_group(report, kind, group) for kind, group in _GROUPS.items()))


def _group(report: Report, kind: Kind, group: _Group) -> Html | None:
    found = report.of_kind(kind)
    if not found and not (group.nothing and (kind is Kind.WRONG or report.outcome is Outcome.RIGHT)):
        return None
    shown = found[:MOST_FINDINGS]
    items = [
        element("li", element("span", each.subject, class_="subject"), element("p", each.text))
        for each in shown
    ]
    if len(found) > len(shown):
        items.append(element("li", element("span"), element("p", f"and {len(found) - len(shown):,} more")))
    return element(
        "div",
        element("h3", _icon(kind), group.heading, element("span", len(found), class_="count")),
        element("ul", *items) if found else element("p", group.nothing, class_="quiet"),
        class_=f"group {kind.value if found else 'nothing'}",
    )


def _provenance(evidence: Evidence, report: Report, names: Names) -> Iterator[Html]:
    """What the audit rests on."""
    if report.deployment is not None:
        yield _section("What it rests on", _listed(_facts(evidence, report.deployment, names)))


def _facts(evidence: Evidence, deployment: Deployment, names: Names) -> Iterator[tuple[str, object]]:
    yield "history", evidence.source
    if evidence.witnesses:
        yield "nodes asked", joined(element("div", each.sighting.node) for each in evidence.witnesses)
    if evidence.as_of is not None:
        as_of = evidence.as_of
        yield "as of", f"block {as_of.number:,}, {moment(as_of.time)}: {as_of.finality}"
    if evidence.history is not None:
        yield "history hash", element("code", f"0x{evidence.history.history_hash.hex()}")
    yield "contract", element("code", deployment.contract)
    name, organizer = names.of(deployment.organizer), element("code", deployment.organizer)
    yield "first organizer", joined([f"{name}, ", organizer]) if name else organizer
    yield "card", f"deployment in block {evidence.card.block.number:,}"
    yield "transaction", element("code", deployment.transaction_hash)
    release = deployment.release
    yield "initcode", element("code", f"0x{release.initcode_hash.hex()}")
    yield "compiler", f"solc {release.compiler}"
    yield "spec", element("code", cid_of(deployment.spec_digest))


def _listed(facts: Iterable[tuple[str, object]]) -> Html:
    return element(
        "dl", *(part for name, value in facts for part in (element("dt", name), element("dd", value)))
    )


def _rules(report: Report, made_at: int) -> Iterator[Html]:
    if report.deployment is not None:
        yield _section("The rules", _listed(rules_in_words(report.deployment.rules, made_at)))


def _repeat(command: Sequence[str], made_at: int, version: str) -> Html:
    lines = [part for line in command for part in (Html(" \\\n  "), line)][1:]
    made = f"Made on {moment(made_at)} by colearn-chain {version}. This page needs no network and no script."
    return _section(
        "To repeat it",
        element("p", "Whoever doubts this page asks the chain. The same checks are made by:"),
        element("pre", element("code", *lines)),
        element("p", made, class_="quiet"),
    )
