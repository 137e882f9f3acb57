"""A run as it is shown: rows that follow the events, as a table or as lines."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from colearn_agents.group.board import Board, Row
from colearn_agents.group.effort import Effort
from colearn_agents.group.live import LiveTable, PlainLines, ballots_heading, ballots_text, rounds_table
from colearn_agents.group.scorebook import UNSCORED, ScoreBook, Scores
from colearn_agents.party import events
from colearn_chain.rounds import Ballot, Closing, Status
from colearn_chain.types import NO_DIGEST, Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


ALICE, BOB, CAROL = (Address(name) for name in ("0xA11CE", "0xB0B", "0xCA401"))
EVERYBODY = (ALICE, BOB, CAROL)
DIGEST = Digest(bytes([5]) * 32)
ONE, TWO = RoundNumber(1), RoundNumber(2)


def adopted(learner: Address, number: int, score: float) -> events.Adopted:
    """A learner holds a round's model."""
    return events.Adopted(
        round=RoundNumber(number), learner=learner, digest=DIGEST, vote_score=-score, test_score=score
    )


def closed(number: int, outcome: Status, proposer: Address = ALICE, **ballots: Ballot) -> events.RoundClosed:
    """A round is closed; ballots by the learner's name."""
    names = {"alice": ALICE, "bob": BOB, "carol": CAROL}
    return events.RoundClosed(
        round=RoundNumber(number),
        outcome=outcome,
        closing=Closing.PASSED if outcome is Status.SKIPPED else Closing.COMPLETE,
        proposer=proposer,
        digest=NO_DIGEST if outcome is Status.SKIPPED else DIGEST,
        ballots={names[name]: ballot for name, ballot in ballots.items()},
    )


FIRST_WEIGHTS = [adopted(learner, 0, 0.1) for learner in EVERYBODY]
VOTED = [
    events.Training(round=ONE, learner=ALICE),
    events.Trained(round=ONE, learner=ALICE, summary=None),
    events.Proposed(round=ONE, learner=ALICE, digest=DIGEST),
    events.Testing(round=ONE, learner=BOB, digest=DIGEST),
    events.Voted(round=ONE, learner=BOB, digest=DIGEST, ballot=Ballot.APPROVE),
    events.Voted(round=ONE, learner=CAROL, digest=DIGEST, ballot=Ballot.APPROVE),
]
ACCEPTED = closed(1, Status.ACCEPTED, bob=Ballot.APPROVE, carol=Ballot.APPROVE)


class Played:
    """A board and its book, told of events by a clock that ticks once for each look at it."""

    def __init__(self, seen: Sequence[events.Event] = ()) -> None:
        self.book = ScoreBook(EVERYBODY)
        self.ended: list[Row] = []
        ticks = itertools.count()
        self.board = Board(self.book, self.ended.append, clock=lambda: float(next(ticks)))
        self.see(*FIRST_WEIGHTS, *seen)

    def see(self, *seen: events.Event) -> None:
        """Tell both."""
        for event in seen:
            self.book.observe(event)
            self.board.observe(event)


def plain(draw: Callable[[Console], None], *, width: int = 100) -> str:
    """What is printed where there is no terminal."""
    file = io.StringIO()
    draw(Console(file=file, width=width))
    return file.getvalue()


def test_open_round_fills_as_ballots_come() -> None:
    """Whoever looks on sees who proposed and who has voted so far."""
    played = Played(VOTED[:5])
    row = played.board.current
    assert row is not None
    assert (row.number, row.proposer, row.status) == (1, 0, Status.VOTING)
    assert row.ballots == {1: Ballot.APPROVE}


@pytest.mark.parametrize(
    ("event", "doing"),
    [
        (VOTED[0], "learner 0 is training"),
        (VOTED[3], "learner 1 is testing the proposal"),
        (adopted(CAROL, 1, 0.5), "learner 2 has adopted the accepted model"),
        (events.TurnPassed(round=ONE, learner=BOB, reason="spent"), "learner 1 has passed its turn"),
    ],
)
def test_what_is_going_on_is_said_in_words(event: events.Event, doing: str) -> None:
    """Who does what, at any time."""
    assert Played([event]).board.doing == doing


def test_accepted_round_ends_when_everybody_holds_its_model() -> None:
    """The score of the global model is known only then: it is the mean of what all measured."""
    played = Played([*VOTED, ACCEPTED, adopted(ALICE, 1, 0.5), adopted(BOB, 1, 0.6)])
    assert played.ended == []
    played.see(adopted(CAROL, 1, 0.7))
    (row,) = played.ended
    assert row.score == pytest.approx(0.6)
    assert row.elapsed is not None


def test_rejected_round_ends_at_once_with_the_score_of_the_model_that_is_kept() -> None:
    """What was refused changes nothing."""
    played = Played([*VOTED, closed(1, Status.REJECTED, bob=Ballot.REJECT, carol=Ballot.APPROVE)])
    (row,) = played.ended
    assert row.status is Status.REJECTED
    assert row.score == pytest.approx(0.1)


def test_learner_that_never_adopts_holds_up_no_row_for_ever() -> None:
    """The next closing, or the end of the run, ends the row with what is known."""
    played = Played([*VOTED, ACCEPTED, adopted(ALICE, 1, 0.5)])
    played.see(closed(2, Status.SKIPPED, BOB))
    assert [row.number for row in played.ended] == [1, 2]
    played = Played([*VOTED, ACCEPTED])
    played.board.finish()
    assert [row.number for row in played.ended] == [1]


def test_rows_are_in_order_and_time_goes_on() -> None:
    """Elapsed time never runs back."""
    played = Played([*VOTED, ACCEPTED, *(adopted(each, 1, 0.5) for each in EVERYBODY)])
    played.see(closed(2, Status.REJECTED, BOB, alice=Ballot.REJECT, carol=Ballot.REJECT))
    assert [row.number for row in played.board.rows] == [1, 2]
    times = [row.elapsed or 0.0 for row in played.board.rows]
    assert times == sorted(times)


def test_letters_tell_ballots_apart_without_colour() -> None:
    """Every kind of ballot has a letter of its own, in the learners' order."""
    ballots = {1: Ballot.APPROVE, 2: Ballot.REJECT, 3: Ballot.UNAVAILABLE, 4: Ballot.NONE}
    assert ballots_text(ballots, 0, 5).plain == "P A R U -"
    assert ballots_heading(5) == "0 1 2 3 4"


def test_proposer_whose_ballot_counts_shows_its_ballot() -> None:
    """Where the proposer votes too, what it voted is the news."""
    assert ballots_text({0: Ballot.APPROVE, 1: Ballot.REJECT}, 0, 2).plain == "A R"


def test_learner_outside_the_electorate_has_no_letter() -> None:
    """A blank is not a silent vote."""
    assert ballots_text({0: Ballot.NONE}, None, 2).plain == "-  "


@pytest.mark.parametrize("learners", [2, 8, 9, 16, 24])
def test_every_letter_stands_below_its_learners_digit(learners: int) -> None:
    """However many there are, heading and letters are laid out alike."""
    heading = ballots_heading(learners)
    for learner in range(learners):
        text = ballots_text({learner: Ballot.REJECT}, None, learners).plain
        assert len(text) == len(heading)
        assert heading[text.index("R")] == str(learner % 10)


def test_ballots_of_a_crowd_are_counted() -> None:
    """64 letters fit no terminal."""
    ballots = {learner: Ballot(1 + learner % 2) for learner in range(21)} | {30: Ballot.NONE}
    assert ballots_text(ballots, None, 64).plain == "1- 11A 10R"


def test_plain_lines_come_one_a_round() -> None:
    """A log has one line for each round, without escape codes."""
    file = io.StringIO()
    lines = PlainLines(Console(file=file, width=40), learners=3, score_name="accuracy")
    played = Played([*VOTED, ACCEPTED, *(adopted(each, 1, 0.5) for each in EVERYBODY)])
    lines.row(played.ended[0])
    assert file.getvalue().count("\n") == 1
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().split()[:11] == [
        *("round", "1", "learner", "0"),
        *("P", "A", "A"),
        *("✓", "accepted", "accuracy", "0.500"),
    ]


def test_table_shows_every_round_and_explains_its_letters() -> None:
    """A newcomer needs nothing else to read it."""
    played = Played([*VOTED, ACCEPTED, *(adopted(each, 1, 0.5) for each in EVERYBODY)])
    played.see(closed(2, Status.SKIPPED, BOB, alice=Ballot.NONE, carol=Ballot.NONE))
    table = rounds_table(played.board.rows, learners=3, score_name="accuracy")
    shown = plain(lambda console: console.print(table))
    for words in (
        "learner 0",
        "P A A",
        "✓ accepted",
        "0.500",
        "learner 1",
        "-   -",
        "- skipped",
        "R rejected",
    ):
        assert words in shown


def test_live_table_leaves_the_whole_table_behind() -> None:
    """However low the terminal, at the end no round is missing."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=12)
    played = Played()
    with LiveTable(console, played.board, learners=3, score_name="accuracy"):
        for number in range(1, 31):
            played.see(closed(number, Status.SKIPPED, ALICE, bob=Ballot.NONE, carol=Ballot.NONE))
    left = file.getvalue().rpartition("ballots of learner")[2]
    assert left.count("skipped") == 30


def test_scores_of_refused_proposals_stand_beside_those_of_the_model_held() -> None:
    """What a learner measured on a proposal is kept, whatever became of it."""
    tested = events.Tested(
        round=ONE,
        learner=BOB,
        digest=DIGEST,
        vote_score=-3.0,
        test_score=0.05,
        ballot=Ballot.REJECT,
        reason="",
    )
    played = Played([*VOTED, tested, closed(1, Status.REJECTED, bob=Ballot.REJECT, carol=Ballot.REJECT)])
    first, refused = played.book.rounds()
    assert refused.proposal == (UNSCORED, Scores(-3.0, 0.05), UNSCORED)
    assert refused.held == first.held
    assert refused.held_round == (0, 0, 0)


def test_learner_that_adopted_late_is_on_record_as_holding_the_older_model() -> None:
    """A round's scores say which model each learner held after it."""
    played = Played([*VOTED, ACCEPTED, adopted(ALICE, 1, 0.5), adopted(BOB, 1, 0.6)])
    assert played.book.round(1).held_round == (1, 1, 0)


def test_later_rounds_do_not_change_what_was_held_after_earlier_ones() -> None:
    """The record of a round is the same whenever it is read."""
    played = Played([*VOTED, ACCEPTED, *(adopted(each, 1, 0.5) for each in EVERYBODY)])
    before = played.book.rounds()
    played.see(closed(2, Status.ACCEPTED, BOB, alice=Ballot.APPROVE, carol=Ballot.APPROVE))
    played.see(*(adopted(each, 2, 0.9) for each in EVERYBODY))
    assert played.book.rounds()[:2] == before


def test_stalling_is_remembered_with_its_reason() -> None:
    """Why the group gave up is part of the record."""
    played = Played([events.Stalled(round=TWO, reason="nothing was accepted")])
    assert played.book.stalled == "nothing was accepted"


def test_effort_adds_up_gas_by_party_and_by_round() -> None:
    """Round 0 is the time before the first round: what it takes to set an experiment up."""
    effort = Effort()
    for number, learner, gas in ((0, ALICE, 500), (1, ALICE, 30), (1, BOB, 20), (2, BOB, 40)):
        effort.observe(
            events.Sent(
                round=RoundNumber(number),
                learner=learner,
                call="castBallot",
                transaction_hash="0x",
                gas_used=gas,
                closed_round=False,
            )
        )
    effort.observe(VOTED[1])
    assert (effort.gas, effort.setup_gas, effort.transactions, effort.trainings) == (590, 500, 4, 1)
    assert effort.gas_by_party == {ALICE: 530, BOB: 60}
