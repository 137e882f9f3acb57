"""Calls that come too late, or second: what they are told, as the table in docs/protocol.md has it.

Everything is tried on the reference model and on the compiled contract.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from colearn_chain.rounds import Ballot, Phase, Rules, Status
from colearn_chain.testing.referees import refusal
from colearn_chain.types import Address, Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.referees import Referee

BEGIN = 1_000
MODEL, OTHER = Digest(b"\x02" * 32), Digest(b"\x03" * 32)
ORGANIZER, ANN, BOB, CYD, DAN = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 16))


class Called(NamedTuple):
    """A call, and the second of its block, counted from the start."""

    function: str
    sender: Address
    second: int
    arguments: tuple[Any, ...]


class Race(NamedTuple):
    """What was faster, the call that lost, and what it is told."""

    title: str
    before: list[Called]
    late: Called
    name: str
    values: dict[str, Any]


START = Called("start", ORGANIZER, 0, ())
PROPOSE = Called("propose", ANN, 0, (1, MODEL))
PASS = Called("passTurn", ANN, 0, (1,))
BOBS, CYDS = (Called("castBallot", voter, 0, (1, MODEL, Ballot.APPROVE)) for voter in (BOB, CYD))
LAPSED = Called("advance", CYD, 101, (1,))
ACCEPTED = [START, PROPOSE, BOBS, CYDS]
RACES = [
    Race("a ballot after the last", ACCEPTED, BOBS, "NotVoting", {"round": 1, "status": Status.ACCEPTED}),
    Race(
        "a ballot after advance",
        [START, PROPOSE, BOBS, Called("advance", BOB, 51, (1,))],
        CYDS,
        "NotVoting",
        {"round": 1, "status": Status.REJECTED},
    ),
    Race(
        "a ballot in a round that was skipped",
        [START, PASS],
        BOBS,
        "NotVoting",
        {"round": 1, "status": Status.SKIPPED},
    ),
    Race("a ballot too early", [START], BOBS, "NotVoting", {"round": 1, "status": Status.PROPOSING}),
    Race(
        "a ballot after the deadline",
        [START, PROPOSE],
        BOBS._replace(second=51),
        "DeadlinePassed",
        {"round": 1, "deadline": BEGIN + 50},
    ),
    Race(
        "a ballot on a proposal that a reorganisation has exchanged",
        [START, PROPOSE._replace(arguments=(1, OTHER))],
        BOBS,
        "DigestMismatch",
        {"round": 1, "given": MODEL, "proposed": OTHER},
    ),
    Race(
        "a ballot twice",
        [START, PROPOSE, BOBS],
        BOBS,
        "AlreadyVoted",
        {"learner": BOB, "round": 1, "ballot": Ballot.APPROVE},
    ),
    Race(
        "a proposal twice", [START, PROPOSE], PROPOSE, "NotProposing", {"round": 1, "status": Status.VOTING}
    ),
    Race("a pass after a vote", ACCEPTED, PASS, "NotProposing", {"round": 1, "status": Status.ACCEPTED}),
    Race(
        "a proposal after the deadline",
        [START],
        PROPOSE._replace(second=101),
        "DeadlinePassed",
        {"round": 1, "deadline": BEGIN + 100},
    ),
    Race(
        "a proposal after advance",
        [START, LAPSED],
        PROPOSE._replace(second=101),
        "NotProposing",
        {"round": 1, "status": Status.SKIPPED},
    ),
    Race(
        "an update after the proposal",
        [START, PROPOSE],
        Called("contribute", BOB, 0, (1, MODEL)),
        "NotProposing",
        {"round": 1, "status": Status.VOTING},
    ),
    Race("advance twice", [START, LAPSED], LAPSED, "NotOpen", {"round": 1, "status": Status.SKIPPED}),
    Race(
        "advance after the last ballot",
        ACCEPTED,
        Called("advance", CYD, 51, (1,)),
        "NotOpen",
        {"round": 1, "status": Status.ACCEPTED},
    ),
    Race(
        "advance after a proposal in the last second",
        [START, PROPOSE._replace(second=100)],
        LAPSED,
        "DeadlineNotPassed",
        {"round": 1, "deadline": BEGIN + 150},
    ),
    Race("start twice", [START], START, "NotJoining", {"phase": Phase.PROPOSING}),
    Race(
        "joining for a round after the last",
        [START, PASS],
        Called("join", DAN, 0, (bytes(32),)),
        "TooLateToJoin",
        {"firstRound": 4, "maxRounds": 3},
    ),
    Race(
        "resigning after being found idle",
        [START, PROPOSE, Called("advance", ANN, 51, (1,)), Called("removeIdle", ANN, 51, (BOB,))],
        Called("resign", BOB, 51, ()),
        "NotActive",
        {"learner": BOB, "lastRound": 2},
    ),
    Race(
        "finding one idle that has just voted",
        [START, PROPOSE, BOBS],
        Called("removeIdle", CYD, 0, (BOB,)),
        "TookPart",
        {"learner": BOB, "round": 1},
    ),
]


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.title)
def test_the_loser_of_a_race(joined: Callable[[Rules], Referee], rules: Rules, race: Race) -> None:
    """It is refused with what came before it, and changes nothing."""
    referee = joined(replace(rules, max_rounds=3))
    for each in race.before:
        referee.call(each.function, each.sender, BEGIN + each.second, *each.arguments)
    late = race.late
    told = refusal(referee, late.function, late.sender, BEGIN + late.second, *late.arguments)
    assert told == (race.name, race.values)
