"""The picture of an experiment: rounds from left to right, learners from top to bottom, and what each did.

While cells can be told apart each round is one, in bands that break like lines of text. Beyond that, columns
stand for many rounds each, and show how often a learner did what.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import cycle
from typing import TYPE_CHECKING, Any

from colearn_agents.auditing.audit_page.looks import LOOKS
from colearn_agents.auditing.audit_page.markup import Html, element, joined, text
from colearn_agents.auditing.marks import learners_of, marks_of
from colearn_chain.results import VoteMark
from colearn_chain.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from colearn_agents.auditing.names import Names
    from colearn_chain.rounds import ClosedRound
    from colearn_chain.types import Address

    Marks = Mapping[Address, VoteMark]

MOST_CELLS = 4_000
"""Of a picture in which each round is a column."""

MOST_DRAWN = 64
"""Learners that have a row; there can be many more over the years, and the tables have all of them."""

MOST_COLUMNS = 100
"""Of a picture in which a column stands for many rounds."""

BAND = 25
"""Rounds of a band; one fits on paper, two stand side by side on a screen."""

_CELL, _RULER, _GAP, _STEP = 16, 14, 4, 5
"""Pixels of a cell, of the line of numbers, above outcomes; and how many rounds apart numbers are."""

_OUTCOMES = {Status.ACCEPTED: "accepted", Status.REJECTED: "rejected", Status.SKIPPED: "skipped"}

_STYLES = {mark: look.style for mark, look in LOOKS.items()}
_OUTCOME_STYLES = {Status.ACCEPTED: "ink", Status.REJECTED: "silent", Status.SKIPPED: "idle"}
"""From the bottom to the top."""

_CHECK = LOOKS[VoteMark.APPROVED].sign


def picture(rounds: Sequence[ClosedRound], names: Names) -> Html:
    """Draw rounds by learners."""
    everybody = learners_of(rounds)
    learners, marks = everybody[:MOST_DRAWN], [marks_of(closed) for closed in rounds]
    labels = [names.short(learner) for learner in learners]
    if len(rounds) * len(learners) <= MOST_CELLS:
        swatches = {name: _sign_alone(f"o-{name}") for name in _OUTCOMES.values()}
        drawn = _bands(rounds, marks, learners, labels)
    else:
        swatches = {name: _swatch(_OUTCOME_STYLES[status]) for status, name in _OUTCOMES.items()}
        drawn = _shares(rounds, marks, learners, labels)
    hidden = len(everybody) - len(learners)
    more = element("p", f"{hidden} more learners are in the tables only.", class_="quiet") if hidden else None
    return joined([_legend(marks), _outcomes_legend(swatches), drawn, more])


def width_of(rounds: int) -> int:
    """How many rounds a column, or a block of the table, stands for: 1, 2 or 5 times a power of ten."""
    width, steps = 1, cycle((2, 2.5, 2))
    while rounds > width * MOST_COLUMNS:
        width = int(width * next(steps))
    return width


def _legend(marks: Iterable[Marks]) -> Html:
    present = {mark for of_round in marks for mark in of_round.values()}
    signs = [
        element("li", _sign_alone(f"m-{look.style}"), look.words)
        for mark, look in LOOKS.items()
        if mark in present
    ]
    return element("ul", *signs, class_="legend")


def _outcomes_legend(swatches: Mapping[str, Html]) -> Html:
    items = (element("li", swatch, name) for name, swatch in swatches.items())
    return element("ul", element("li", "outcome:"), *items, class_="legend")


def _sign_alone(name: str) -> Html:
    return Html(f'<svg width="16" height="16" aria-hidden="true"><use href="#{name}"/></svg>')


def _swatch(style: str) -> Html:
    rect = f'<rect class="{style}" x=".5" y=".5" width="15" height="15" rx="2.5"/>'
    return Html(f'<svg width="16" height="16" aria-hidden="true">{rect}</svg>')


def definitions() -> Html:
    """The signs, drawn once; everything else refers to them."""
    cells = "".join(
        f'<g id="m-{look.style}"><rect class="{look.style}" x=".5" y=".5" width="15" height="15" rx="2.5"/>'
        f'<path class="sign on-{look.style}" d="{look.sign}"/></g>'
        for look in LOOKS.values()
    )
    outcomes = (
        f'<g id="o-accepted"><circle class="ink" cx="8" cy="8" r="7"/><path class="sign" d="{_CHECK}"/></g>'
        f'<g id="o-rejected"><circle class="ring" cx="8" cy="8" r="6.5"/>'
        f'<path class="sign on-paper" d="M5.5 5.5l5 5m0-5l-5 5"/></g>'
        '<g id="o-skipped"><circle class="dot" cx="8" cy="8" r="2"/></g>'
    )
    return Html(f'<svg class="definitions" aria-hidden="true"><defs>{cells}{outcomes}</defs></svg>')


# ------------------------------------------------------------------------------------ a column for each round


def _bands(
    rounds: Sequence[ClosedRound], marks: Sequence[Marks], learners: Sequence[Address], labels: Sequence[str]
) -> Html:
    starts = range(0, len(rounds), BAND)
    bands = (
        element(
            "div",
            _labels([*labels, "outcome"]),
            element(
                "div", _band(rounds[at : at + BAND], marks[at : at + BAND], learners, labels), class_="scroll"
            ),
            class_="band",
        )
        for at in starts
    )
    return element("div", *bands, class_="bands" if len(rounds) > BAND else "bands large")


def _labels(labels: Iterable[str]) -> Html:
    return element("ul", *(element("li", label, title=label) for label in labels), class_="labels")


def _band(
    rounds: Sequence[ClosedRound], marks: Sequence[Marks], learners: Sequence[Address], labels: Sequence[str]
) -> Html:
    width, height = len(rounds) * _CELL, _RULER + (len(learners) + 1) * _CELL + _GAP
    first, last = rounds[0].number, rounds[-1].number
    return element(
        "svg",
        *_numbers(rounds),
        *(
            _cell(f"m-{LOOKS[of_round[learner]].style}", column, _RULER + row * _CELL)
            for column, of_round in enumerate(marks)
            for row, learner in enumerate(learners)
            if learner in of_round
        ),
        *(
            _cell(f"o-{_OUTCOMES[closed.round.status]}", column, height - _CELL)
            for column, closed in enumerate(rounds)
        ),
        style=f"--units: {width}",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"What {len(labels)} learners did in rounds {first} to {last}, as in the table below",
    )


def _numbers(rounds: Iterable[ClosedRound]) -> Iterator[Html]:
    for column, closed in enumerate(rounds):
        if column == 0 or closed.number % _STEP == 0:
            yield Html(f'<text x="{column * _CELL + _CELL // 2}" y="10">{int(closed.number)}</text>')


def _cell(sign: str, column: int, top: int) -> Html:
    return Html(f'<use href="#{sign}" x="{column * _CELL}" y="{top}"/>')


# ----------------------------------------------------------------------------------- a column for many rounds


def _shares(
    rounds: Sequence[ClosedRound], marks: Sequence[Marks], learners: Sequence[Address], labels: Sequence[str]
) -> Html:
    width = width_of(len(rounds))
    columns = [range(start, min(start + width, len(rounds))) for start in range(0, len(rounds), width)]
    rows = [
        _row(label, [Counter(marks[at].get(learner) for at in column) for column in columns], _STYLES)
        for learner, label in zip(learners, labels, strict=True)
    ]
    outcomes = [Counter(rounds[at].round.status for at in column) for column in columns]
    return element(
        "figure",
        *rows,
        _row("outcome", outcomes, _OUTCOME_STYLES),
        _axis(len(rounds)),
        element(
            "figcaption",
            f"A column stands for {width:,} rounds; as high as a colour is, so often a learner did this.",
        ),
        class_="shares",
    )


def _row(label: str, columns: Sequence[Counter[Any]], styles: Mapping[Any, str]) -> Html:
    """One learner's columns, each a stack of shares from the bottom."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for at, counts in enumerate(columns):
        total, below = counts.total(), 0
        for kind, style in styles.items():
            if times := counts[kind]:
                top, high = 100 * (1 - (below + times) / total), 100 * times / total
                paths[style].append(f"M{at}.04 {top:.4g}h.92v{high:.4g}h-.92z")
                below += times
    drawn = "".join(f'<path class="{style}" d="{"".join(path)}"/>' for style, path in paths.items())
    drawing = Html(
        f'<svg viewBox="0 0 {len(columns)} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(label)}">{drawn}</svg>'
    )
    return element("div", element("span", label, class_="label", title=label), drawing, class_="row")


def _axis(rounds: int) -> Html:
    marks = (1, rounds // 2, rounds)
    return element("div", *(element("span", f"{number:,}") for number in marks), class_="axis")
