"""Proposing and voting: what is refused and with which values, and when a call still counts.

Everything is tried on the reference model and on the compiled contract.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from colearn_chain.rounds import Ballot, Rules, Status
from colearn_chain.testing.referees import refusal
from colearn_chain.types import NO_DIGEST, Address, Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.referees import Referee

BEGIN = 1_000
SPEC, MODEL, OTHER = (Digest(bytes([number]) * 32) for number in (1, 2, 3))
ORGANIZER, ANN, BOB, CYD, DAN, STRANGER = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 17))
ZERO_ADDRESS = Address("0x" + 40 * "0")


def seat_taken_over(referee: Referee) -> int:
    """Bob resigns, and Dan has his seat from round 4 on; returns the time at which round 4 opens."""
    referee.call("resign", BOB, BEGIN)
    referee.call("passTurn", ANN, BEGIN, 1)
    referee.call("join", DAN, BEGIN, bytes(32))
    referee.call("passTurn", CYD, BEGIN, 2)
    referee.call("passTurn", ANN, BEGIN, 3)
    assert [each.seat for each in referee.memberships()] == [0, 1, 2, 1]
    assert referee.snapshot(DAN, BEGIN).first_round == referee.snapshot(DAN, BEGIN).number == 4
    return BEGIN


# proposing


def test_propose_out_of_turn(proposing: Referee) -> None:
    """It is the turn of the learner on seat 0."""
    expected = ("NotProposer", {"caller": BOB, "round": 1, "proposer": 0})
    assert refusal(proposing, "propose", BOB, BEGIN, 1, MODEL) == expected
    assert refusal(proposing, "passTurn", BOB, BEGIN, 1) == expected


def test_propose_by_a_stranger(proposing: Referee) -> None:
    """Only members take turns."""
    assert refusal(proposing, "propose", STRANGER, BEGIN, 1, MODEL) == (
        "NotMember",
        {"caller": STRANGER, "round": 1},
    )


def test_propose_an_empty_digest(proposing: Referee) -> None:
    """Zero stands for no proposal."""
    assert refusal(proposing, "propose", ANN, BEGIN, 1, NO_DIGEST) == ("EmptyDigest", {})


def test_propose_twice(voting: Referee) -> None:
    """What is voted on cannot be exchanged."""
    expected = ("NotProposing", {"round": 1, "status": Status.VOTING})
    assert refusal(voting, "propose", ANN, BEGIN, 1, OTHER) == expected


def test_propose_on_the_deadline_counts(proposing: Referee) -> None:
    """A window is open while block time is not greater than its deadline."""
    proposing.call("propose", ANN, BEGIN + 100, 1, MODEL)
    assert proposing.rounds()[0].time == BEGIN + 150


def test_propose_a_second_after_the_deadline(proposing: Referee) -> None:
    """And closed from then on."""
    expected = ("DeadlinePassed", {"round": 1, "deadline": BEGIN + 100})
    assert refusal(proposing, "propose", ANN, BEGIN + 101, 1, MODEL) == expected
    assert refusal(proposing, "passTurn", ANN, BEGIN + 101, 1) == expected


def test_propose_by_the_former_holder_of_a_seat(proposing: Referee) -> None:
    """Its seat proposes in round 5, but somebody else sits there."""
    now = seat_taken_over(proposing)
    assert proposing.snapshot(BOB, now).round.proposer == proposing.snapshot(BOB, now).seat == 1
    assert refusal(proposing, "propose", BOB, now, 4, MODEL) == ("NotMember", {"caller": BOB, "round": 4})
    assert refusal(proposing, "passTurn", BOB, now, 4) == ("NotMember", {"caller": BOB, "round": 4})


def test_contribute_where_there_are_no_fan_in_rounds(proposing: Referee) -> None:
    """The error says so by until 0."""
    assert refusal(proposing, "contribute", ANN, BEGIN, 1, MODEL) == (
        "ContributionsClosed",
        {"round": 1, "until": 0},
    )


def test_contribute_a_second_too_late(started: Callable[[Rules], Referee], rules: Rules) -> None:
    """The contribution window is open on its last second, and no longer."""
    referee = started(replace(rules, contribution_window=30))
    referee.call("contribute", BOB, BEGIN + 30, 1, MODEL)
    expected = ("ContributionsClosed", {"round": 1, "until": BEGIN + 30})
    assert refusal(referee, "contribute", BOB, BEGIN + 31, 1, MODEL) == expected


# voting


def test_vote_by_a_stranger(voting: Referee) -> None:
    """Only members vote."""
    expected = ("NotMember", {"caller": STRANGER, "round": 1})
    assert refusal(voting, "castBallot", STRANGER, BEGIN, 1, MODEL, 1) == expected


def test_vote_by_a_newcomer_in_its_round_of_notice(voting: Referee) -> None:
    """Who joins in round 1 votes from round 3 on."""
    voting.call("join", DAN, BEGIN, bytes(32))
    assert refusal(voting, "castBallot", DAN, BEGIN, 1, MODEL, 1) == (
        "NotMember",
        {"caller": DAN, "round": 1},
    )
    assert voting.snapshot(DAN, BEGIN).first_round == 3


def test_vote_by_the_former_holder_of_a_seat(proposing: Referee) -> None:
    """The electorate's bit is set for the new holder; the old one cannot use it."""
    now = seat_taken_over(proposing)
    proposing.call("propose", DAN, now, 4, MODEL)
    assert refusal(proposing, "castBallot", BOB, now, 4, MODEL, 1) == (
        "NotMember",
        {"caller": BOB, "round": 4},
    )


def test_vote_twice(voting: Referee) -> None:
    """A ballot is final; the error shows the one on record."""
    voting.call("castBallot", BOB, BEGIN, 1, MODEL, Ballot.REJECT)
    expected = ("AlreadyVoted", {"learner": BOB, "round": 1, "ballot": Ballot.REJECT})
    assert refusal(voting, "castBallot", BOB, BEGIN, 1, MODEL, Ballot.APPROVE) == expected


def test_vote_on_an_old_round(voting: Referee) -> None:
    """The error says how the round ended."""
    voting.call("advance", STRANGER, BEGIN + 51, 1)
    expected = ("NotVoting", {"round": 1, "status": Status.REJECTED})
    assert refusal(voting, "castBallot", BOB, BEGIN, 1, MODEL, 1) == expected


@pytest.mark.parametrize("number", [0, 2, 2**24, 2**256 - 1])
def test_vote_on_a_round_that_never_opened(voting: Referee, number: int) -> None:
    """Numbers that wrap around in 24 bits included."""
    assert refusal(voting, "castBallot", BOB, BEGIN, number, MODEL, 1) == (
        "NotVoting",
        {"round": number, "status": Status.NONE},
    )


def test_vote_on_another_digest(voting: Referee) -> None:
    """A ballot cannot be moved to another proposal, by a chain reorganisation say."""
    expected = ("DigestMismatch", {"round": 1, "given": OTHER, "proposed": MODEL})
    assert refusal(voting, "castBallot", BOB, BEGIN, 1, OTHER, 1) == expected


@pytest.mark.parametrize("ballot", [0, 4, 255])
def test_vote_with_no_ballot(voting: Referee, ballot: int) -> None:
    """There are three ballots, and no other number is one."""
    assert refusal(voting, "castBallot", BOB, BEGIN, 1, MODEL, ballot) == (
        "InvalidBallot",
        {"ballot": ballot},
    )


def test_vote_by_a_proposer_whose_ballot_does_not_count(voting: Referee) -> None:
    """It is told, rather than counted for nothing."""
    assert refusal(voting, "castBallot", ANN, BEGIN, 1, MODEL, 1) == (
        "ProposerHasNoBallot",
        {"learner": ANN, "round": 1},
    )


def test_vote_on_the_deadline_counts(voting: Referee) -> None:
    """A window is open while block time is not greater than its deadline."""
    voting.call("castBallot", BOB, BEGIN + 50, 1, MODEL, Ballot.APPROVE)
    assert voting.ballot_of(1, 1) is Ballot.APPROVE


def test_vote_a_second_after_the_deadline(voting: Referee) -> None:
    """And closed from then on, whether or not anyone has advanced."""
    expected = ("DeadlinePassed", {"round": 1, "deadline": BEGIN + 50})
    assert refusal(voting, "castBallot", BOB, BEGIN + 51, 1, MODEL, 1) == expected


def test_advance_on_the_deadline(voting: Referee) -> None:
    """On its second a vote still counts, so nobody may close the round."""
    expected = ("DeadlineNotPassed", {"round": 1, "deadline": BEGIN + 50})
    assert refusal(voting, "advance", STRANGER, BEGIN + 50, 1) == expected


def test_advance_a_closed_round(voting: Referee) -> None:
    """The second of two that advance at once changes nothing."""
    voting.call("advance", STRANGER, BEGIN + 51, 1)
    assert refusal(voting, "advance", STRANGER, BEGIN + 500, 1) == (
        "NotOpen",
        {"round": 1, "status": Status.REJECTED},
    )
