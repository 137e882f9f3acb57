"""The page of an audit: what stands on it, that it stands alone, and that nobody's text becomes markup."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.auditing.audit_page import audit_page
from colearn_agents.auditing.audit_page.markup import Html, element, text
from colearn_agents.auditing.audit_page.page import MOST_FINDINGS
from colearn_agents.auditing.audit_page.picture import MOST_CELLS, MOST_COLUMNS, MOST_DRAWN, width_of
from colearn_agents.auditing.audit_page.tables import MOST_MEMBERS, MOST_ROWS
from colearn_agents.auditing.names import Names
from colearn_chain.artefacts import Sighting
from colearn_chain.audit import AsOf, Evidence, Kind, Outcome, Report, Witness, audit, unchecked, wrong
from colearn_chain.rounds import Ballot, Closing, Rules, Status
from colearn_chain.testing.cards import RELEASE, RUNTIME, card_for, deployed, history_of
from colearn_chain.testing.histories import Play, played
from colearn_chain.types import Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = Rules(
    threshold_bps=5001,
    proposal_window=3600,
    voting_window=1800,
    contribution_window=0,
    min_learners=2,
    max_rounds=20_000,
    idle_rounds=32,
    start_deadline=0,
    count_proposer=False,
    close_early=False,
)
CARD = card_for(RULES, Digest(b"\x01" * 32))
DEPLOYMENT = CARD.deployment([RELEASE])
LEARNERS = [Address(to_checksum_address(bytes([number]) * 20)) for number in range(1, 6)]
MADE_AT = 1_790_000_000
SIGHTING = Sighting(
    node="https://node.example",
    chain_id=CARD.chain_id,
    succeeded=True,
    contract=DEPLOYMENT.contract,
    block_number=CARD.block.number,
    block_hash=CARD.block.hash,
    code=RUNTIME,
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}",
    "</title></svg><!-- ",
    "]]>&lt;b&gt;&#60;",
    "\x00\x07\x1b[2J\u202e\u2028\r\n",
]
VOID = {"meta"}
VOTED = {
    Ballot.APPROVE: "approved",
    Ballot.REJECT: "rejected",
    Ballot.UNAVAILABLE: "unavailable",
    None: "silent",
}


def evidence_of(rounds: int, **changes: Any) -> Evidence:
    """What an audit goes by of an experiment that was played at random."""
    play = Play(RULES, DEPLOYMENT.organizer, LEARNERS)
    history = history_of(played(deployed(DEPLOYMENT), play, rounds, Random(1)), DEPLOYMENT)
    witness = Witness(SIGHTING, history.history_hash, "0x" + "ab" * 32)
    as_of = AsOf(77, Timestamp(1_796_126_400), "the latest that the chain calls finalized")
    evidence = Evidence(
        card=CARD, releases=(RELEASE,), history=history, as_of=as_of, witnesses=(witness,), source="the node"
    )
    return replace(evidence, **changes)


EVIDENCE = evidence_of(30)
REPORT = audit(EVIDENCE)


def page_of(
    evidence: Evidence = EVIDENCE, report: Report | None = None, names: Names | None = None, *command: str
) -> str:
    """The page of an audit."""
    found = audit(evidence) if report is None else report
    return audit_page(evidence, found, names or Names({}), command=command, made_at=MADE_AT, version="1.2.3")


class Read(HTMLParser):
    """A page as a browser reads it: elements with their attributes, and the text outside of the style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends; it has to be the last that began."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def structure(self) -> list[tuple[str, list[str]]]:
        """Elements with the names of their attributes: all that a browser would obey."""
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]

    @property
    def text(self) -> str:
        """What a reader sees."""
        return " ".join(self.texts)

    def signs(self) -> Counter[str]:
        """How often each sign of the picture is drawn, the legend included."""
        return Counter(str(attributes["href"]) for tag, attributes in self.elements if tag == "use")

    def rows(self) -> int:
        """How many rows all tables have, heads aside."""
        return sum(tag == "tr" for tag, _ in self.elements) - sum(tag == "thead" for tag, _ in self.elements)


def test_the_page_is_well_formed_and_stands_alone() -> None:
    """Every element is closed; no script, and nothing that is to be had elsewhere."""
    read = Read(page_of())
    assert read.open == []
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "link", "img", "iframe", "object", "a"})
    attributes = [(name, value) for _, given_ in read.elements for name, value in given_.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in {"src", "action"}]
    assert {str(value)[0] for name, value in attributes if name == "href"} == {"#"}
    policy = next(given_["content"] for tag, given_ in read.elements if given_.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")
    assert "url(" not in page_of()
    assert "@import" not in page_of()


def test_what_an_auditor_has_to_know_stands_on_the_page() -> None:
    """Experiment, verdict, what accepted means, source, block, hash, rules, times, command."""
    shown = Read(
        page_of(EVIDENCE, None, None, "colearn-chain audit card.json", "--rpc https://node.example")
    ).text
    history = EVIDENCE.history
    assert history is not None
    for said in (
        DEPLOYMENT.experiment,
        "Complete and right",
        "Accepted means approved by these parties, not safe.",
        "the node",
        "https://node.example",
        "block 77, 2026-12-01 12:00:00 UTC: the latest that the chain calls finalized",
        "0x" + history.history_hash.hex(),
        DEPLOYMENT.transaction_hash,
        "1 hour to propose, then 30 minutes to vote",
        "colearn-chain audit card.json \\\n  --rpc https://node.example",
        "Made on 2026-09-21 14:13:20 UTC by colearn-chain 1.2.3",
        *LEARNERS,
    ):
        assert said in shown


@pytest.mark.parametrize(
    ("finding", "verdict", "heading"),
    [
        (wrong("round 3: time", "it took too long"), Outcome.WRONG, "Something is wrong"),
        (unchecked("node", "it took too long"), Outcome.INCOMPLETE, "Incomplete"),
    ],
)
def test_findings_stand_under_their_kind(finding: Any, verdict: Outcome, heading: str) -> None:
    """What is wrong or missing is said in the verdict, and listed before all that holds."""
    report = audit(replace(EVIDENCE, gaps=(finding,)))
    page = page_of(report=report)
    shown = Read(page).text
    assert report.outcome is verdict
    assert heading in shown
    assert f'class="verdict {verdict.value}"' in page
    assert shown.index("it took too long") < shown.index("Checked, and holds")
    assert "Everything that was asked for was checked." not in shown
    for kind in Kind:
        assert f"{len(report.of_kind(kind))} " in shown
    assert ("Nothing wrong was found." in shown) is (verdict is Outcome.INCOMPLETE)


def test_each_round_is_a_column_and_a_row() -> None:
    """A sign for each learner and round, an outcome for each round; the table says the same in letters."""
    read = Read(page_of())
    marks, signs = counted_marks(REPORT), read.signs()
    assert {sign: times - 1 for sign, times in signs.items() if sign.startswith("#m-")} == marks
    outcomes = Counter(f"#o-{closed.round.status.name.lower()}" for closed in REPORT.rounds)
    assert {name: times - 1 for name, times in signs.items() if name.startswith("#o-")} == {
        f"#o-{name}": outcomes[f"#o-{name}"] for name in ("accepted", "rejected", "skipped")
    }
    assert read.rows() == len(REPORT.rounds) + len(LEARNERS)
    letters = [said for said in read.texts if len(said) == len(LEARNERS) and set(said) <= set("PARUpl-·")]
    assert len(letters) == len(REPORT.rounds)
    assert Counter("".join(letters))["P"] == marks["#m-proposed"]


def counted_marks(report: Report) -> dict[str, int]:
    """How often what was done, told from the rounds themselves."""
    counts: Counter[str] = Counter()
    for closed in report.rounds:
        is_skipped = closed.round.status is Status.SKIPPED
        others = [learner for learner in closed.learners.values() if learner != closed.proposer]
        lost = "passed" if closed.round.closing is Closing.PASSED else "lapsed"
        counts[lost if is_skipped else "proposed"] += 1
        counts.update("idle" if is_skipped else VOTED[closed.ballots.get(each)] for each in others)
    return {f"#m-{done}": times for done, times in counts.items()}


def test_who_was_not_in_a_round_has_no_sign_in_it() -> None:
    """Silence is something else than absence."""
    first, *others = REPORT.rounds
    absent = first.learners[max(first.learners)]
    fewer = {seat: learner for seat, learner in first.learners.items() if learner != absent}
    report = replace(REPORT, rounds=(replace(first, learners=fewer), *others))
    before, after = Read(page_of()).signs(), Read(page_of(report=report)).signs()
    assert sum(before.values()) - sum(after.values()) == 1


def test_names_stand_beside_addresses() -> None:
    """In the picture, in the tables and in findings; the members' table keeps the address."""
    names = Names({LEARNERS[0].lower(): "Hospital A"})
    report = audit(EVIDENCE, names)
    shown = Read(page_of(report=report, names=names)).text
    assert shown.count("Hospital A") >= 3
    assert LEARNERS[0] in shown


# ----------------------------------------------------------------------------------------------- strangers


def hostile_page(said: str) -> str:
    """The page of an audit in which everything that a stranger can write says this."""
    report = replace(REPORT, findings=(*REPORT.findings, wrong(said, said), unchecked(said, f"{said}{said}")))
    witness = replace(EVIDENCE.witnesses[0], sighting=replace(SIGHTING, node=said))
    evidence = replace(EVIDENCE, source=said, witnesses=(witness,), as_of=AsOf(1, Timestamp(1), said))
    names = Names({learner.lower(): said for learner in (*LEARNERS, DEPLOYMENT.organizer)})
    return page_of(evidence, report, names, said)


PLAIN = Read(hostile_page("plain")).structure


@pytest.mark.parametrize("said", HOSTILE)
def test_a_strangers_text_is_text(said: str) -> None:
    """Scripts, quotes that end attributes, ends of elements: it is read, and changes no element."""
    page = hostile_page(said)
    read = Read(page)
    assert read.structure == PLAIN
    assert not {character for character in page if not character.isprintable()} - {"\n"}


@given(st.text(min_size=1, max_size=60))
def test_no_text_at_all_becomes_markup(said: str) -> None:
    """Whatever the characters are: elements and attributes are those of a plain text."""
    read = Read(element("p", said, element("b", said), title=said))
    assert read.structure == [("p", ["title"]), ("b", [])]
    assert read.open == []
    assert all(character.isprintable() for character in element("p", said))


def test_text_reads_back_as_it_was() -> None:
    """What is escaped is meant, not lost; what cannot be seen is spelt out."""
    said = "a < b & \"c\" > 'd'"
    assert Read(element("p", said)).texts == [said]
    assert Read(element("p", title=said)).elements == [("p", {"title": said})]
    assert text("\x00\u202e") == "\\x00\\u202e"
    assert text(Html("<b>")) == "<b>"


def test_a_text_without_end_is_cut() -> None:
    """A stranger's file can be as long as it may be; the page stays one that opens."""
    assert len(page_of(report=replace(REPORT, findings=(wrong("x", "y" * 10**6),)))) < 10**5


# ------------------------------------------------------------------------------------------- long experiments


def longer(rounds: int) -> Report:
    """The same rounds again and again, under other numbers."""
    return replace(REPORT, rounds=tuple(repeated(rounds)))


def repeated(rounds: int) -> Iterator[Any]:
    """So many rounds."""
    for number in range(1, rounds + 1):
        yield replace(REPORT.rounds[number % len(REPORT.rounds)], number=RoundNumber(number))


@pytest.mark.parametrize("rounds", [MOST_CELLS // 5 + 1, 10_000])
def test_many_rounds_are_drawn_in_shares_and_folded_away(rounds: int) -> None:
    """A column stands for many, a block for a hundred or more; every round is in a table all the same."""
    page = page_of(report=longer(rounds))
    read = Read(page)
    assert read.open == []
    assert read.rows() == rounds + len(LEARNERS)
    assert set(read.signs().values()) == {1}
    assert f"A column stands for {width_of(rounds):,} rounds" in read.text
    assert 2 <= sum(tag == "details" for tag, _ in read.elements) <= MOST_COLUMNS
    assert len(page) < 1_000 * rounds


def test_shares_fill_their_columns() -> None:
    """Each learner did something in every round, if only nothing: bars stand on each other up to the top."""
    rows = re.findall(r'<svg viewBox="0 0 90 100".*?</svg>', page_of(report=longer(900)))
    assert len(rows) == len(LEARNERS) + 1
    for row in rows:
        columns: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        for column, top, high in re.findall(r"M(\d+)\.04 ([\d.e-]+)h\.92v([\d.e-]+)h", row):
            columns[column].append((float(top), float(high)))
        assert len(columns) == 90
        for bars in columns.values():
            ends = [0.0, *(top + high for top, high in sorted(bars))]
            assert [top for top, _ in sorted(bars)] == pytest.approx(ends[:-1], abs=0.1)
            assert ends[-1] == pytest.approx(100, abs=0.1)


def test_more_rounds_than_a_page_can_list() -> None:
    """The blocks' sums stay, and where the rest is to be had is said."""
    read = Read(page_of(report=longer(MOST_ROWS + 1)))
    assert read.rows() == len(LEARNERS)
    assert "the exported history has them" in read.text
    assert not [tag for tag, _ in read.elements if tag == "details"]


def test_more_members_than_a_page_can_list() -> None:
    """Years of coming and going; the picture has the first 64 of them, and both say what they leave out."""
    assert EVIDENCE.history is not None
    crowd = [Address(to_checksum_address(number.to_bytes(20))) for number in range(1, MOST_MEMBERS + 8)]
    joined = [replace(EVIDENCE.history.memberships[0], learner=learner) for learner in crowd]
    first = REPORT.rounds[0]
    seats = {Seat(seat): learner for seat, learner in enumerate((first.proposer, *crowd))}
    report = replace(REPORT, rounds=(replace(first, learners=seats),))
    evidence = replace(EVIDENCE, history=replace(EVIDENCE.history, memberships=tuple(joined)))
    read = Read(page_of(evidence, report))
    assert read.rows() == MOST_MEMBERS + 1
    assert "7 more are in the exported history." in read.text
    assert f"{len(seats) - MOST_DRAWN} more learners are in the tables only." in read.text


@given(st.integers(1, 2**24))
def test_columns_stand_for_a_round_number_of_rounds(rounds: int) -> None:
    """1, 2 or 5 times a power of ten; no more columns than fit, and not much fewer."""
    width = width_of(rounds)
    assert str(width).strip("0") in {"1", "2", "5"}
    assert rounds <= width * MOST_COLUMNS
    assert width == 1 or rounds > width * MOST_COLUMNS / 2.5


# -------------------------------------------------------------------------------------------- what is missing


def test_a_card_from_which_nothing_follows() -> None:
    """There is still a page, which says so."""
    evidence = replace(EVIDENCE, releases=(), history=None, witnesses=(), as_of=None)
    shown = Read(page_of(evidence)).text
    assert "No experiment follows from the card." in shown
    assert "Something is wrong" in shown


def test_a_history_that_could_not_be_had() -> None:
    """No picture and no tables, and the reason under what could not be checked."""
    gap = unchecked("node", "nobody answers")
    shown = Read(page_of(replace(EVIDENCE, history=None, witnesses=(), as_of=None, gaps=(gap,)))).text
    assert "nobody answers" in shown
    assert "What happened" not in shown
    assert "The rules" in shown


def test_findings_without_end_are_cut() -> None:
    """A hostile node can make any number of them; how many more there are is said."""
    many = tuple(wrong(f"round {number}", "too long") for number in range(MOST_FINDINGS + 7))
    shown = Read(page_of(report=replace(REPORT, findings=many)))
    assert shown.text.count("too long") == MOST_FINDINGS
    assert "and 7 more" in shown.text
