"""How rounds end, who is idle, and what a pause leaves as it was.

Everything is tried on the reference model and on the compiled contract.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from colearn_chain.rounds import Ballot, Closing, Phase, Rules, Status
from colearn_chain.testing.referees import refusal
from colearn_chain.types import Address, Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.referees import Referee

BEGIN = 1_000
SPEC, MODEL, OTHER = (Digest(bytes([number]) * 32) for number in (1, 2, 3))
ORGANIZER, ANN, BOB, CYD, DAN, STRANGER = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 17))
ZERO_ADDRESS = Address("0x" + 40 * "0")


# outcomes


@pytest.mark.parametrize(
    ("threshold", "ballots", "outcome"),
    [
        (5001, (1, 2), Status.REJECTED),
        (5000, (1, 2), Status.ACCEPTED),
        (10_000, (1, 3), Status.REJECTED),
        (10_000, (1, 1), Status.ACCEPTED),
        (1, (3, 3), Status.REJECTED),
    ],
)
def test_threshold_is_exact(
    started: Callable[[Rules], Referee],
    threshold: int,
    ballots: tuple[int, int],
    outcome: Status,
    rules: Rules,
) -> None:
    """Accepted iff approvals * 10,000 >= threshold * voters, here two."""
    referee = started(replace(rules, threshold_bps=threshold))
    referee.call("propose", ANN, BEGIN, 1, MODEL)
    for voter, ballot in zip((BOB, CYD), ballots, strict=True):
        referee.call("castBallot", voter, BEGIN + 5, 1, MODEL, ballot)
    closed = referee.rounds()[0]
    assert (closed.status, closed.closing, closed.time) == (outcome, Closing.COMPLETE, BEGIN + 5)


def test_silence_is_not_approval(voting: Referee) -> None:
    """One of two voters approved, the other said nothing: at 5,001 that is too little."""
    voting.call("castBallot", BOB, BEGIN, 1, MODEL, Ballot.APPROVE)
    voting.call("advance", BOB, BEGIN + 51, 1)
    assert (voting.rounds()[0].status, voting.rounds()[0].closing) == (Status.REJECTED, Closing.DEADLINE)


def test_a_certain_outcome_closes_early_by_rule_only(
    started: Callable[[Rules], Referee], rules: Rules
) -> None:
    """With closeEarly the first rejection of two voters decides at 5,001; without, all may vote."""
    for close_early, status in ((True, Status.REJECTED), (False, Status.VOTING)):
        referee = started(replace(rules, close_early=close_early))
        referee.call("propose", ANN, BEGIN, 1, MODEL)
        referee.call("castBallot", BOB, BEGIN, 1, MODEL, Ballot.REJECT)
        assert referee.rounds()[0].status is status


# idleness


def test_remove_idle_of_a_learner_that_took_part(voting: Referee) -> None:
    """Its ballot in the open round is proof that it is there."""
    voting.call("castBallot", BOB, BEGIN, 1, MODEL, Ballot.UNAVAILABLE)
    expected = ("TookPart", {"learner": BOB, "round": 1})
    assert refusal(voting, "removeIdle", STRANGER, BEGIN, BOB) == expected
    assert refusal(voting, "removeIdle", STRANGER, BEGIN, ANN) == ("TookPart", {"learner": ANN, "round": 1})


def test_remove_idle_after_rounds_that_others_skipped(proposing: Referee) -> None:
    """Colluding proposers that pass and lapse cannot evict a learner that had nothing to do."""
    proposing.call("passTurn", ANN, BEGIN, 1)
    proposing.call("advance", ANN, BEGIN + 101, 2)
    expected = ("TooFewMisses", {"learner": CYD, "misses": 0, "idleRounds": 1})
    assert refusal(proposing, "removeIdle", ANN, BEGIN + 101, CYD) == expected


def test_remove_idle_of_a_silent_voter(voting: Referee) -> None:
    """The voting window ran out without its ballot; it leaves with the open round, and stays invited."""
    voting.call("advance", ANN, BEGIN + 51, 1)
    voting.call("removeIdle", STRANGER, BEGIN + 51, BOB)
    snapshot = voting.snapshot(BOB, BEGIN + 51)
    assert (snapshot.last_round, snapshot.invited) == (2, True)


def test_remove_idle_looks_back_over_64_rounds_only(joined: Callable[..., Referee], rules: Rules) -> None:
    """A miss in round 1 still counts from round 64 and no more from round 65: the walk's gas has a bound."""
    referee = joined(rules, learners=(ANN, BOB))
    referee.call("start", ORGANIZER, BEGIN)
    referee.call("advance", STRANGER, BEGIN + 101, 1)
    for number in range(2, 65):
        referee.call("passTurn", (BOB, ANN)[number % 2], BEGIN + 101, number)
    assert referee.snapshot(ANN, BEGIN).number == 65
    expected = ("TooFewMisses", {"learner": ANN, "misses": 0, "idleRounds": 1})
    assert refusal(referee, "removeIdle", STRANGER, BEGIN + 101, ANN) == expected


def test_remove_idle_finds_a_miss_64_rounds_back(joined: Callable[..., Referee], rules: Rules) -> None:
    """The other side of the bound, the open round being one of the 64."""
    referee = joined(rules, learners=(ANN, BOB))
    referee.call("start", ORGANIZER, BEGIN)
    referee.call("advance", STRANGER, BEGIN + 101, 1)
    for number in range(2, 64):
        referee.call("passTurn", (BOB, ANN)[number % 2], BEGIN + 101, number)
    referee.call("removeIdle", STRANGER, BEGIN + 101, ANN)
    assert referee.snapshot(ANN, BEGIN).last_round == 64


# pauses and the end


def test_a_pause_keeps_what_was_announced(proposing: Referee) -> None:
    """It goes on with the next number, the next proposer, and all that was announced."""
    proposing.call("join", DAN, BEGIN, bytes(32))
    for learner in (BOB, CYD):
        proposing.call("resign", learner, BEGIN)
    proposing.call("passTurn", ANN, BEGIN, 1)
    assert proposing.snapshot(ANN, BEGIN).phase is Phase.JOINING
    proposing.call("join", BOB, BEGIN, bytes(32))
    proposing.call("start", ORGANIZER, BEGIN)
    proposing.call("passTurn", BOB, BEGIN, 2)
    assert [(each.electorate, each.proposer) for each in proposing.rounds()] == [
        (0b111, 0),
        (0b11, 1),
        (0b1011, 3),
    ]


def test_nothing_moves_after_the_end(started: Callable[[Rules], Referee], rules: Rules) -> None:
    """MaxRounds are closed: no start, no vote."""
    referee = started(replace(rules, max_rounds=1))
    referee.call("passTurn", ANN, BEGIN, 1)
    assert refusal(referee, "start", ORGANIZER, BEGIN) == ("NotJoining", {"phase": Phase.FINISHED})
    assert refusal(referee, "propose", BOB, BEGIN, 2, MODEL)[0] == "NotProposing"
