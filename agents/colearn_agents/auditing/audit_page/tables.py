"""The tables of the page: who took part, and what happened in each round."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from colearn_agents.auditing.audit_page.looks import LOOKS
from colearn_agents.auditing.audit_page.markup import Html, element, joined
from colearn_agents.auditing.audit_page.picture import width_of
from colearn_agents.auditing.marks import marks_of
from colearn_agents.wording import moment
from colearn_chain.results import VoteMark
from colearn_chain.rounds import Closing, Status
from colearn_chain.storage import cid_of
from colearn_chain.types import NO_DIGEST, NO_END, Seat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colearn_agents.auditing.names import Names
    from colearn_chain.rounds import ClosedRound, Membership
    from colearn_chain.types import Address

MOST_MEMBERS = 1_000
"""That are listed; with many years there can be more."""

MOST_OPEN = 200
"""Rounds that stand in one table; more are folded away in blocks."""

MOST_ROWS = 20_000
"""Rounds that are listed at all; of more there are sums by block, and the exported history has the rest."""

_DEEDS = (
    ("proposed", (VoteMark.PROPOSED,)),
    ("accepted", ("accepted",)),
    ("lost turns", (VoteMark.PASSED, VoteMark.LAPSED)),
    ("approved", (VoteMark.APPROVED,)),
    ("rejected", (VoteMark.REJECTED,)),
    ("unavailable", (VoteMark.UNAVAILABLE,)),
    ("silent", (VoteMark.SILENT,)),
)
"""What is counted of a member, and what makes it up."""

_CID_END = 8
"""Characters that tell CIDs apart for the eye: all begin alike."""

_CLOSINGS = {
    Closing.COMPLETE: "all had voted",
    Closing.DEADLINE: "deadline",
    Closing.CERTAIN: "outcome certain",
    Closing.PASSED: "turn passed",
}
_OUTCOMES = {
    Status.ACCEPTED: ("✓ accepted", "accepted"),
    Status.REJECTED: ("✗ rejected", "rejected"),
    Status.SKIPPED: ("– skipped", "skipped"),  # noqa: RUF001 - a dash, as wide as the other signs
}


def members_table(memberships: Sequence[Membership], rounds: Sequence[ClosedRound], names: Names) -> Html:
    """Who ever joined, with what they did."""
    deeds: defaultdict[Address, Counter[str]] = defaultdict(Counter)
    for closed in rounds:
        for learner, mark in marks_of(closed).items():
            deeds[learner][mark] += 1
        deeds[closed.proposer]["accepted"] += closed.round.status is Status.ACCEPTED
    held: defaultdict[Address, list[Membership]] = defaultdict(list)
    for made in memberships:
        held[made.learner].append(made)
    heads = ("member", "seat and rounds", *(head for head, _ in _DEEDS))
    shown = list(held.items())[:MOST_MEMBERS]
    rows = (_member_row(learner, made, deeds[learner], names) for learner, made in shown)
    hidden = len(held) - len(shown)
    more = element("p", f"{hidden:,} more are in the exported history.", class_="quiet") if hidden else None
    return joined([_table("members", heads, rows), more])


def _member_row(learner: Address, held: Iterable[Membership], deeds: Counter[str], names: Names) -> Html:
    name = names.of(learner)
    who = [element("strong", name)] if name else []
    seats = (element("div", _seat_in_words(made)) for made in held)
    counts = (sum(deeds[mark] for mark in marks) for _, marks in _DEEDS)
    return element(
        "tr",
        element("td", *who, element("code", learner)),
        element("td", *seats),
        *(element("td", f"{number:,}", class_=None if number else "none") for number in counts),
    )


def _seat_in_words(made: Membership) -> str:
    if made.last_round == NO_END:
        return f"{made.seat}, from {made.first_round:,}"
    if made.last_round < made.first_round:
        return f"{made.seat}, left before round {made.first_round:,}"
    return f"{made.seat}, {made.first_round:,} to {made.last_round:,}"


def rounds_table(rounds: Sequence[ClosedRound], names: Names) -> Html:
    """Every round; where there are many, in blocks that are folded away."""
    if len(rounds) <= MOST_OPEN:
        return _rounds(rounds, names)
    size = max(width_of(len(rounds)), MOST_OPEN // 2)
    blocks = (rounds[at : at + size] for at in range(0, len(rounds), size))
    return joined(_block(block, names, is_listed=len(rounds) <= MOST_ROWS) for block in blocks)


def _block(rounds: Sequence[ClosedRound], names: Names, *, is_listed: bool) -> Html:
    counts = Counter(closed.round.status for closed in rounds)
    told = ", ".join(f"{counts[status]:,} {status.name.lower()}" for status in _OUTCOMES if counts[status])
    line = (
        element("b", f"Rounds {rounds[0].number:,} to {rounds[-1].number:,}"),
        element("span", told),
        element("span", f"until {moment(rounds[-1].round.time)}", class_="quiet"),
    )
    if not is_listed:
        return element("p", *line, class_="block")
    return element("details", element("summary", *line), _rounds(rounds, names))


def _rounds(rounds: Sequence[ClosedRound], names: Names) -> Html:
    seats = 1 + max(seat for closed in rounds for seat in closed.learners)
    heads = ("round", "closed, UTC", "proposer", "proposal", "ballots by seat", "outcome", "closed by")
    return _table("rounds", heads, (_round_row(closed, seats, names) for closed in rounds))


def _round_row(closed: ClosedRound, seats: int, names: Names) -> Html:
    outcome, style = _OUTCOMES[closed.round.status]
    return element(
        "tr",
        element("td", f"{closed.number:,}"),
        element("td", moment(closed.round.time).removesuffix(" UTC")),
        element("td", names.short(closed.proposer)),
        _proposal(closed),
        element("td", element("code", _letters(closed, seats))),
        element("td", outcome, class_=style),
        element("td", _CLOSINGS[closed.round.closing]),
    )


def _proposal(closed: ClosedRound) -> Html:
    if closed.round.digest == NO_DIGEST:
        return element("td")
    cid = cid_of(closed.round.digest)
    return element("td", element("code", f"…{cid[-_CID_END:]}", title=cid))


def _letters(closed: ClosedRound, seats: int) -> str:
    """A letter for each seat; nothing where nobody sat in this round."""
    marks = marks_of(closed)
    at = {seat: LOOKS[marks[learner]].letter for seat, learner in closed.learners.items()}
    return "".join(at.get(Seat(seat), "\N{NO-BREAK SPACE}") for seat in range(seats))


def _table(style: str, heads: Iterable[str], rows: Iterable[Html]) -> Html:
    head = element("thead", element("tr", *(element("th", each, scope="col") for each in heads)))
    return element("div", element("table", head, element("tbody", *rows), class_=style), class_="wide")
