"""What an agent's events look like to people, and to programs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.cli.agent_lines import json_line, lines, short
from colearn_agents.party import events
from colearn_agents.party.running import Began, Ended, Failed, Resumed
from colearn_chain.ml_interface import DiffPrivBudget, TrainingSummary
from colearn_chain.rounds import Ballot, Closing, Phase, Status
from colearn_chain.storage import cid_of
from colearn_chain.types import NO_DIGEST, Address, Digest, RoundNumber, Timestamp

if TYPE_CHECKING:
    from colearn_agents.party.events import Event

NOW = 1_700_000_000.25
TIME = "2023-11-14 22:13:20 UTC"
ME, YOU, THEY = (Address(f"0x{number:040x}") for number in (1, 2, 3))
DIGEST = Digest(bytes([7]) * 32)
SHORT = short(DIGEST)
NUMBER = RoundNumber(12)
HERE: dict[str, Any] = {"round": NUMBER, "learner": ME}

ADOPTED = events.Adopted(**HERE, digest=DIGEST, vote_score=-0.25, test_score=0.9375)
CLOSED = events.RoundClosed(
    round=NUMBER,
    outcome=Status.ACCEPTED,
    closing=Closing.COMPLETE,
    proposer=YOU,
    digest=DIGEST,
    ballots={ME: Ballot.APPROVE, THEY: Ballot.APPROVE},
)
SKIPPED = replace(CLOSED, outcome=Status.SKIPPED, closing=Closing.PASSED, digest=NO_DIGEST)
BEGAN = Began(
    **HERE,
    experiment=f"eip155:31337:{THEY}",
    name="digits",
    phase=Phase.VOTING,
    deadline=Timestamp(int(NOW) + 240),
    rounds=20,
    node="http://127.0.0.1:8545",
    finality=0,
    balance=10**18,
    affordable=20,
    money="1 ether, enough for all of 9 rounds at today's price",
    journal="journals/mine.jsonl",
)
ENDED = Ended(**HERE, reason="all 12 rounds are closed", closed=5, accepted=4, held=ADOPTED)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (events.Training(**HERE), "training"),
        (events.Proposed(**HERE, digest=DIGEST), f"proposed {SHORT}"),
        (events.TurnPassed(**HERE, reason="nothing to propose"), "passed its turn: nothing to propose"),
        (
            events.Tested(
                **HERE,
                digest=DIGEST,
                vote_score=-0.5,
                test_score=0.25,
                ballot=Ballot.REJECT,
                reason="no improvement",
            ),
            f"tested {SHORT}: no improvement (vote score -0.500, test score 0.250)",
        ),
        (events.Voted(**HERE, digest=DIGEST, ballot=Ballot.UNAVAILABLE), "voted unavailable"),
        (ADOPTED, f"now holds the model of round 12, {SHORT} (vote score -0.250, test score 0.938)"),
        (replace(ADOPTED, vote_score=None), f"now holds the model of round 12, {SHORT} (test score 0.938)"),
        (events.Advanced(**HERE), "closed the round, whose window had run out"),
        (CLOSED, f"accepted: 2 of 2 voters approved; proposed by {YOU}"),
        (
            replace(
                CLOSED,
                outcome=Status.REJECTED,
                ballots={ME: Ballot.REJECT, YOU: Ballot.NONE, THEY: Ballot.UNAVAILABLE},
            ),
            (
                "rejected: 0 of 3 voters approved, 1 rejected, 1 could not fetch or read it, 1 silent; "
                f"proposed by {YOU}"
            ),
        ),
        (SKIPPED, f"skipped: {YOU} passed its turn"),
        (replace(SKIPPED, closing=Closing.DEADLINE), f"skipped: {YOU} let its window run out"),
        (Failed(**HERE, reason="no answer", pause=4.0), "tries again in 4 s: no answer"),
        (Resumed(**HERE, failures=1), "works again, after 1 failure"),
        (
            ENDED,
            (
                "ended: all 12 rounds are closed; saw 5 rounds close, 4 of them accepted; holds the model of "
                f"round 12, {SHORT} (vote score -0.250, test score 0.938)"
            ),
        ),
        (
            replace(ENDED, closed=1, accepted=0, held=None),
            "ended: all 12 rounds are closed; saw 1 round close, 0 of them accepted",
        ),
    ],
)
def test_what_people_read(event: Event, words: str) -> None:
    """One line: when, in which round, what."""
    assert list(lines(event, NOW)) == [f"{TIME}  round  12  {words}"]


def test_the_first_weights_are_called_so() -> None:
    """Round 0 is the experiment's spec."""
    (line,) = lines(replace(ADOPTED, round=RoundNumber(0)), NOW)
    assert "now holds the experiment's first weights (" in line


@pytest.mark.parametrize(
    "event",
    [
        events.Trained(**HERE, summary=None),
        events.Testing(**HERE, digest=DIGEST),
        events.Sent(**HERE, call="propose", transaction_hash="0x1", gas_used=1, closed_round=False),
        events.Stopped(**HERE, reason="all is over"),
    ],
)
def test_what_follows_from_other_lines_is_not_told(event: Event) -> None:
    """People are spared what they would read twice."""
    assert list(lines(event, NOW)) == []


def test_what_strangers_wrote_does_not_steer_the_terminal() -> None:
    """A reason, or the name of the experiment, is shown and not obeyed, and never more than a line."""
    (line,) = lines(events.TurnPassed(**HERE, reason="\x1b[2J\n" + "x" * 5_000), NOW)
    assert "\x1b" not in line
    assert "\n" not in line
    assert len(line) < 1_100
    assert not any("\x1b" in line for line in lines(replace(BEGAN, name="\x1b[2J"), NOW))


def test_the_beginning_says_where_it_stands_and_whom_it_believes() -> None:
    """Experiment, learner, round with its deadline, node, balance in rounds, journal."""
    told = list(lines(BEGAN, NOW))
    assert told == [
        f"Experiment eip155:31337:{THEY}",
        "  called   digits",
        f"  learner  {ME}",
        "  round    12 of 20: it is being voted on, until 2023-11-14 22:17:20 UTC (in 4 minutes)",
        "  trusted  http://127.0.0.1:8545 alone: what it says of the chain is believed",
        "  blocks   count at once",
        "  balance  1 ether, enough for all of 9 rounds at today's price",
        "  journal  journals/mine.jsonl",
    ]


@pytest.mark.parametrize(
    ("finality", "said"), [(12, "count with 12 blocks on top"), ("safe", "count once they are safe")]
)
def test_when_blocks_count(finality: Any, said: str) -> None:
    """By their number, or by what the chain calls them; without an open round there is no deadline."""
    told = list(lines(replace(BEGAN, finality=finality, phase=Phase.JOINING, deadline=None), NOW))
    assert f"  blocks   {said}" in told
    assert "  round    12 of 20: no round is open" in told


def test_programs_get_one_object_a_line() -> None:
    """Names in snake case, bytes as hex, a digest's CID beside it, enumerations by name."""
    line = json_line(CLOSED, NOW)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "event": "round_closed",
        "round": 12,
        "outcome": "accepted",
        "closing": "complete",
        "proposer": YOU,
        "digest": "0x" + DIGEST.hex(),
        "ballots": {ME: "approve", THEY: "approve"},
        "cid": cid_of(DIGEST),
    }
    assert "cid" not in json.loads(json_line(SKIPPED, NOW))


def test_programs_get_what_is_inside_too() -> None:
    """The model that is held at the end, and what a learner says of its training."""
    held = json.loads(json_line(ENDED, NOW))["held"]
    assert (held["round"], held["cid"], held["test_score"]) == (12, cid_of(DIGEST), 0.9375)
    budget = DiffPrivBudget(target_epsilon=4, target_delta=1e-5, consumed_epsilon=1, consumed_delta=1e-6)
    trained = events.Trained(**HERE, summary=TrainingSummary(dp_budget=budget))
    assert json.loads(json_line(trained, NOW))["summary"]["dp_budget"]["consumed_epsilon"] == 1
    assert json.loads(json_line(BEGAN, NOW))["phase"] == "voting"
