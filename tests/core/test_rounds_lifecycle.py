"""The table of what may happen to a round, the word that it is stored in, and who comes next."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.rounds import (
    UNOPENED,
    Ballot,
    Closing,
    Membership,
    Roster,
    Round,
    RuleBroken,
    Rules,
    Status,
    seats_of,
)
from colearn_chain.rounds.lifecycle import TABLE, Caller, Event, RoundAt, mermaid, opened
from colearn_chain.rounds.roster import next_seat
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
MODEL = Digest(b"\x02" * 32)
bitmaps = st.integers(0, 2**64 - 1)


@st.composite
def some_rounds(draw: st.DrawFn) -> Round:
    """Any round that has a word."""
    return Round(
        electorate=draw(bitmaps),
        ballots=draw(st.integers(0, 2**128 - 1)),
        proposer=Seat(draw(st.integers(0, 63))),
        status=draw(st.sampled_from(Status)),
        closing=draw(st.sampled_from(Closing)),
        time=Timestamp(draw(st.integers(0, 2**40 - 1))),
        digest=MODEL,
    )


def member(seat: int) -> Caller:
    """Who sits there, for ever."""
    address = Address("0x" + f"{seat + 1:02d}" * 20)
    membership = Membership(
        learner=address,
        seat=Seat(seat),
        first_round=RoundNumber(1),
        last_round=RoundNumber(NO_END),
        closings=0,
        encryption_key=bytes(32),
    )
    return Caller(address, membership)


CALLS: dict[Event, Callable[[RoundAt], object]] = {
    Event.CONTRIBUTE: lambda at: at.contribute(member(0), MODEL),
    Event.PROPOSE: lambda at: at.propose(member(0), MODEL),
    Event.PASS_TURN: lambda at: at.pass_turn(member(0)),
    Event.CAST_BALLOT: lambda at: at.cast_ballot(member(1), MODEL, Ballot.APPROVE),
    Event.CAST_BALLOTS: lambda at: at.cast_ballots(MODEL, [(Ballot.APPROVE, member(1))])[0],
    Event.ADVANCE: lambda at: at.advance(),
}


@pytest.mark.parametrize(("status", "event"), list(itertools.product(Status, CALLS)))
def test_only_what_the_table_has_can_happen(status: Status, event: Event, rules: Rules) -> None:
    """From each status each event is taken if the table has it, and else refused with the status as it is."""
    now = 201 if event is Event.ADVANCE else 100
    before = replace(UNOPENED, electorate=0b11, status=status, time=Timestamp(200), digest=MODEL)
    at = RoundAt(RoundNumber(1), before, replace(rules, contribution_window=99), Timestamp(now))
    if (status, event) in TABLE:
        after = CALLS[event](at) or before
        assert isinstance(after, Round)
        assert (after.status, after.closing) in TABLE[status, event]
    else:
        with pytest.raises(RuleBroken) as caught:
            CALLS[event](at)
        assert caught.value.values == {"round": 1, "status": status}


def test_the_protocol_shows_the_table_as_it_is() -> None:
    """The document's diagram is what the table draws, to the letter."""
    assert f"```mermaid\n{mermaid()}```\n" in PROTOCOL.read_text()


def test_the_diagram_has_an_arrow_for_every_step() -> None:
    """Each step from one standing to another, an end for each outcome; calls that do the same share one."""
    steps = {(status, to) for (status, _), standings in TABLE.items() for to in standings}
    assert mermaid().count("-->") == len(steps) + len({Status.ACCEPTED, Status.REJECTED, Status.SKIPPED})
    assert mermaid().count("Voting --> Accepted: castBallot, castBallots (complete)") == 1


@given(some_rounds())
def test_a_word_read_back_is_the_round(some: Round) -> None:
    """Nothing is lost in 256 bits, and no field touches another."""
    assert some.word < 2**256
    assert Round.from_word(some.word, some.digest) == some


@pytest.mark.parametrize("word", [2**256, 6 << 200, 255 << 200, 5 << 208])
def test_a_word_that_no_contract_writes(word: int) -> None:
    """A node that makes words up is found out."""
    with pytest.raises(ValueError, match=r"bits|valid"):
        Round.from_word(word, NO_DIGEST)


@given(st.dictionaries(st.integers(0, 63), st.sampled_from(list(Ballot)[1:])))
def test_each_ballot_is_in_one_bitmap(ballots: dict[int, Ballot]) -> None:
    """Approvals, rejections and unavailables share no seat, and together are all that was cast."""
    some = UNOPENED
    for seat, ballot in ballots.items():
        some = some.with_ballot(Seat(seat), ballot)
    assert {seat: some.ballot_at(seat) for seat in seats_of(2**64 - 1) if some.ballot_at(seat)} == ballots
    for kind, bitmap in zip(
        list(Ballot)[1:], (some.approvals, some.rejections, some.unavailables), strict=True
    ):
        assert set(seats_of(bitmap)) == {seat for seat, cast in ballots.items() if cast is kind}


@given(bitmaps.filter(bool), st.integers(-1, 63))
def test_the_turn_goes_round(electorate: int, after: int) -> None:
    """The next seat above; when there is none, the lowest."""
    seats = list(seats_of(electorate))
    assert next_seat(electorate, after) == next((seat for seat in seats if seat > after), seats[0])


def test_nobody_can_have_the_turn_of_an_empty_round() -> None:
    """A round without learners is a mistake of the caller, not a round."""
    with pytest.raises(ValueError, match="nobody"):
        next_seat(0, -1)


def test_every_seat_of_the_electorate_proposes_once_in_a_cycle() -> None:
    """No seat is left out, none comes twice."""
    electorate, last, turns = 0b1011_0100, -1, []
    for _ in range(4):
        last = opened(electorate, last, Timestamp(1)).proposer
        turns.append(last)
    assert turns == list(seats_of(electorate))


def test_a_joiner_takes_the_lowest_seat_that_is_free_for_good() -> None:
    """Neither a seat of the open round, nor one that is announced, even if it is about to leave."""
    roster = Roster(active=0b0110, arriving=0b1000, departing=0b0010)
    assert roster.free_seat(0b0001) == 4
    assert roster.opened().free_seat(0b0110) == 0


@given(bitmaps, bitmaps, bitmaps, st.integers(0, 63))
def test_who_left_is_nowhere_in_the_roster(active: int, arriving: int, departing: int, seat: int) -> None:
    """Its seat can be given to somebody else, who will not depart for it."""
    left = Roster(active, arriving, departing).without(Seat(seat))
    assert (left.active | left.arriving | left.departing) & 1 << seat == 0
    assert left.with_joiner(Seat(seat), is_open=True).opened().active >> seat & 1 == 1
