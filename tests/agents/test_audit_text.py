"""An audit on the terminal: the picture in letters, as far as it is one, and findings without end."""

from __future__ import annotations

import io
from dataclasses import replace
from random import Random

import pytest
from eth_utils.address import to_checksum_address
from rich.console import Console

from colearn_agents.auditing.names import Names
from colearn_agents.cli.audit_text import audit_text
from colearn_chain.audit import Evidence, Report, audit, wrong
from colearn_chain.rounds import Rules
from colearn_chain.testing.cards import RELEASE, card_for, deployed, history_of
from colearn_chain.testing.histories import Play, played
from colearn_chain.types import Address, Digest

RULES = Rules(
    threshold_bps=5001,
    proposal_window=3600,
    voting_window=1800,
    contribution_window=0,
    min_learners=2,
    max_rounds=1_000,
    idle_rounds=32,
    start_deadline=0,
    count_proposer=False,
    close_early=False,
)
CARD = card_for(RULES, Digest(b"\x01" * 32))
DEPLOYMENT = CARD.deployment([RELEASE])


def evidence_of(learners: int, rounds: int) -> Evidence:
    """What an audit goes by of an experiment that was played at random."""
    parties = [Address(to_checksum_address(number.to_bytes(20))) for number in range(1, learners + 1)]
    play = Play(RULES, DEPLOYMENT.organizer, parties)
    history = history_of(played(deployed(DEPLOYMENT), play, rounds, Random(3)), DEPLOYMENT)
    return Evidence(card=CARD, releases=(RELEASE,), history=history, trusted_hash=history.history_hash)


def shown(evidence: Evidence, report: Report, width: int = 80) -> list[str]:
    """The lines on a terminal of so many columns."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    for part in audit_text(evidence, report, Names({}), width=width):
        console.print(part)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_picture_breaks_like_lines_of_text(width: int) -> None:
    """Every round is a letter for each learner, in groups of ten below the number of the first."""
    evidence = evidence_of(4, 120)
    lines = shown(evidence, audit(evidence), width)
    rows = [line[15:] for line in lines if line.startswith("  0x")]
    letters = "".join(rows[::4]).replace(" ", "")
    assert len(letters) == 120
    assert set(letters) <= set("PplARU-·")
    assert max(map(len, lines)) <= width
    assert any(line.split()[:3] == ["round", "1", "11"] for line in lines)


@pytest.mark.parametrize(("learners", "rounds"), [(17, 20), (3, 500)])
def test_a_picture_that_would_be_none_is_left_to_the_report(learners: int, rounds: int) -> None:
    """Too many learners, or rounds: the sums are told all the same."""
    evidence = evidence_of(learners, rounds)
    lines = shown(evidence, audit(evidence))
    assert not [line for line in lines if line.split()[:1] == ["round"]]
    assert lines[1].startswith(f"{rounds} rounds closed")


def test_findings_without_end_are_cut() -> None:
    """A hostile node can make any number of them."""
    many = tuple(wrong(f"round {number}: time", "it took too long") for number in range(107))
    evidence = evidence_of(2, 1)
    lines = shown(evidence, replace(audit(evidence), findings=many))
    assert sum("it took too long" in line for line in lines) == 100
    assert any("and 7 more" in line for line in lines)
    assert any(line.startswith("Something is wrong.") for line in lines[-2:])
