"""The loop around an agent: it looks, acts, looks again, and outlives whatever passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_agents.party.events import Adopted, Event, LearnerEvent, RoundClosed
from colearn_agents.party.halting import Halted
from colearn_chain.chain.transactions import CannotPay
from colearn_chain.errors import ContractReverted, TransportError
from colearn_chain.rounds import Status, Stop, Wait

if TYPE_CHECKING:
    from colearn_agents.party.agent import LearnerAgent
    from colearn_agents.party.events import Observer
    from colearn_agents.party.halting import Halt
    from colearn_chain.chain.networks import Finality
    from colearn_chain.rounds import Action, Phase
    from colearn_chain.types import Timestamp

PASSING = (TransportError, ContractReverted, CannotPay)
"""What goes by: a node, a store or a disk that fails, a call that the contract refuses, since others were
faster, and an account that waits for money."""

ASKED = "it was asked to"
"""Why an agent ends that was told to."""

NOTHING_DUE = "nothing is due"
"""Why an agent ends that was to do only what is due."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long an agent waits before it looks again, in seconds.

    Attributes:
        poll: while there is nothing to do.
        first: after something went wrong; twice as long each further time.
        longest: at most.
    """

    poll: float = 1.0
    first: float = 1.0
    longest: float = 60.0

    def after(self, failures: int) -> float:
        """How long after so many failures in a row."""
        return min(self.first * 2.0 ** min(failures - 1, 64), self.longest)


@dataclass(frozen=True, kw_only=True)
class Began(LearnerEvent):
    """The agent begins; ``round`` is the last one that was opened.

    Attributes:
        experiment: its CAIP-10 name.
        name: what people call it.
        phase: where it stands.
        deadline: of the open window, in seconds since 1970; None: no round is open.
        rounds: how many there are at most.
        node: who is asked about the chain, and believed.
        finality: when a block counts.
        balance: what the account owns, in wei.
        affordable: for how many rounds that lasts; None: gas costs nothing here.
        money: the same in words.
        journal: the file of what must not be forgotten.
    """

    experiment: str
    name: str
    phase: Phase
    deadline: Timestamp | None
    rounds: int
    node: str
    finality: Finality
    balance: int
    affordable: int | None
    money: str
    journal: str


@dataclass(frozen=True, kw_only=True)
class Failed(LearnerEvent):
    """A step failed for a reason that passes; it is tried again.

    Attributes:
        reason: why, in words.
        pause: after how many seconds.
    """

    reason: str
    pause: float


@dataclass(frozen=True, kw_only=True)
class Resumed(LearnerEvent):
    """What had failed works again.

    Attributes:
        failures: how often it failed in a row.
    """

    failures: int


@dataclass(frozen=True, kw_only=True)
class Ended(LearnerEvent):
    """The agent ends; ``round`` is the last one that is closed.

    Attributes:
        reason: why, in words.
        closed: how many rounds it saw close.
        accepted: in how many of them something was accepted.
        held: the model that it adopted last; None: it adopted none.
    """

    reason: str
    closed: int
    accepted: int
    held: Adopted | None


class Run:
    """One run of an agent.

    Args:
        agent: to be stepped; it tells its own events itself.
        observe: called with the events of the run.
        halt: ends the run when it is asked to.
        pace: how long to wait before looking again.
    """

    def __init__(self, agent: LearnerAgent, *, observe: Observer, halt: Halt, pace: Pace) -> None:
        self._agent = agent
        self._observe = observe
        self._halt = halt
        self._pace = pace
        self._failures = 0

    def go_on(self, *, once: bool = False) -> str:
        """Step the agent until there is nothing left to do, or somebody asks to stop.

        Args:
            once: end as soon as nothing is due.

        Returns:
            Why it ended, in words.

        Raises:
            ConfigError: something that does not pass, and that the operator can mend.
        """
        try:
            while not self._halt.asked:
                action = self._step()
                if isinstance(action, Stop):
                    return action.reason
                if isinstance(action, Wait) and once:
                    return NOTHING_DUE
                if isinstance(action, Wait):
                    self._halt.pause(self._pace.poll)
        except Halted:
            pass
        return ASKED

    def _step(self) -> Action:
        """Let the agent do one thing, again and again if something that passes is in the way."""
        while True:
            try:
                action = self._agent.step()
            except PASSING as error:
                self._failures += 1
                pause = self._pace.after(self._failures)
                self._observe(Failed(**self._place(), reason=str(error), pause=pause))
                self._halt.pause(pause)
            else:
                if self._failures:
                    self._observe(Resumed(**self._place(), failures=self._failures))
                self._failures = 0
                return action

    def _place(self) -> dict[str, Any]:
        return {"round": self._agent.closed, "learner": self._agent.address}


class Reached:
    """What a run came to; an observer.

    Attributes:
        closed: how many rounds closed.
        accepted: in how many of them something was accepted.
        held: the model that was adopted last.
    """

    def __init__(self) -> None:
        self.closed = 0
        self.accepted = 0
        self.held: Adopted | None = None

    def observe(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, RoundClosed):
            self.closed += 1
            self.accepted += event.outcome is Status.ACCEPTED
        if isinstance(event, Adopted):
            self.held = event
