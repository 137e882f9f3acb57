"""The loop around an agent: what it outlives, how long it waits, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.party import events
from colearn_agents.party.halting import Halted
from colearn_agents.party.running import ASKED, NOTHING_DUE, Failed, Pace, Reached, Resumed, Run
from colearn_chain.chain.transactions import CannotPay
from colearn_chain.errors import ChainError, ConfigError, ContractReverted, StorageError
from colearn_chain.rounds import Action, Advance, Ballot, Closing, Propose, Status, Stop, Wait
from colearn_chain.types import Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colearn_agents.party.events import Event

ME = Address("0x0000000000000000000000000000000000000001")
NUMBER = RoundNumber(3)
WAIT, STOP = Wait(until=None), Stop("all 3 rounds are closed")
PROPOSE = Propose(NUMBER)


class Script:
    """An agent that does, or fails at, one thing after the other; at the end of its script it stops."""

    address, closed = ME, NUMBER

    def __init__(self, steps: Sequence[Action | Exception]) -> None:
        self._steps = iter([*steps, STOP])

    def step(self) -> Action:
        """Do the next thing."""
        step = next(self._steps)
        if isinstance(step, Exception):
            raise step
        return step


class Patient:
    """Counts pauses, and is asked to stop in one of them.

    Args:
        asked_in: in which pause, from 1; 0: before anything; None: never.
    """

    def __init__(self, asked_in: int | None = None) -> None:
        self.pauses: list[float] = []
        self._asked_in = asked_in

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._asked_in is not None and len(self.pauses) >= self._asked_in

    def pause(self, seconds: float) -> None:
        """Let time pass at once."""
        self.pauses.append(seconds)
        if self.asked:
            raise Halted


def run(
    *steps: Action | Exception, halt: Patient | None = None, once: bool = False
) -> tuple[str, list[float], list[Event]]:
    """Run a script; why it ended, the pauses, and the run's own events."""
    told: list[Event] = []
    agent: Any = Script(steps)
    patient: Any = halt or Patient()
    pace = Pace(poll=0.5, first=1.0, longest=5.0)
    reason = Run(agent, observe=told.append, halt=patient, pace=pace).go_on(once=once)
    return reason, patient.pauses, told


def test_an_agent_runs_until_there_is_nothing_left_to_do() -> None:
    """It acts without a pause as long as there is something to do, and polls when there is not."""
    reason, pauses, told = run(PROPOSE, Advance(NUMBER), WAIT, WAIT, PROPOSE)
    assert (reason, pauses, told) == (STOP.reason, [0.5, 0.5], [])


@pytest.mark.parametrize(
    "passing",
    [
        ChainError("no answer"),
        StorageError("disk full"),
        ContractReverted("EmptyDigest", {}),
        CannotPay("too poor"),
    ],
)
def test_what_passes_is_outlived(passing: Exception) -> None:
    """Each failure is told with its reason and the pause that follows, longer each time up to a bound."""
    reason, pauses, told = run(*[passing] * 5, PROPOSE)
    assert (reason, pauses) == (STOP.reason, [1.0, 2.0, 4.0, 5.0, 5.0])
    assert told[:-1] == [
        Failed(round=NUMBER, learner=ME, reason=str(passing), pause=pause) for pause in pauses
    ]
    assert told[-1] == Resumed(round=NUMBER, learner=ME, failures=5)


def test_a_success_makes_patience_fresh() -> None:
    """After something worked, the next failure waits as long as a first one."""
    error = ChainError("no answer")
    _, pauses, _ = run(error, error, PROPOSE, error)
    assert pauses == [1.0, 2.0, 1.0]


def test_a_pause_stays_bounded_however_often_something_failed() -> None:
    """Weeks of failures are no overflow."""
    assert Pace(longest=60.0).after(100_000) == 60.0


@pytest.mark.parametrize("lasting", [ConfigError("another chain"), RuntimeError("a bug")])
def test_what_does_not_pass_ends_the_run(lasting: Exception) -> None:
    """The operator has to mend it; a bug keeps its traceback."""
    with pytest.raises(type(lasting)):
        run(lasting)


@pytest.mark.parametrize("asked_in", [1, 3])
def test_being_asked_to_stop_while_waiting(asked_in: int) -> None:
    """Whether it polls or waits after a failure, it ends then and there."""
    reason, pauses, _ = run(*[WAIT] * 9, halt=Patient(asked_in))
    assert (reason, len(pauses)) == (ASKED, asked_in)
    reason, pauses, _ = run(*[ChainError("no answer")] * 9, halt=Patient(asked_in))
    assert (reason, len(pauses)) == (ASKED, asked_in)


def test_being_asked_to_stop_while_something_is_done() -> None:
    """What was begun is done first, and nothing after it."""
    reason, pauses, _ = run(RuntimeError("never reached"), halt=Patient(0))
    assert (reason, pauses) == (ASKED, [])


def test_only_what_is_due() -> None:
    """With ``once`` it acts as long as there is something to do, and does not wait."""
    reason, pauses, _ = run(PROPOSE, ChainError("no answer"), PROPOSE, WAIT, PROPOSE, once=True)
    assert (reason, pauses) == (NOTHING_DUE, [1.0])
    assert run(PROPOSE, once=True)[0] == STOP.reason


def test_what_was_reached() -> None:
    """Closed and accepted rounds are counted, and the last adoption is the model that is held."""
    reached = Reached()
    for status in (Status.ACCEPTED, Status.REJECTED, Status.SKIPPED, Status.ACCEPTED):
        closed = events.RoundClosed(
            round=NUMBER,
            outcome=status,
            closing=Closing.COMPLETE,
            proposer=ME,
            digest=Digest(bytes(32)),
            ballots={ME: Ballot.APPROVE},
        )
        reached.observe(closed)
    adopted = [
        events.Adopted(
            round=RoundNumber(number), learner=ME, digest=Digest(bytes(32)), vote_score=None, test_score=None
        )
        for number in (0, 3)
    ]
    for adoption in adopted:
        reached.observe(adoption)
    reached.observe(events.Training(round=NUMBER, learner=ME))
    assert (reached.closed, reached.accepted, reached.held) == (4, 2, adopted[1])
