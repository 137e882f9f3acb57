"""An experiment on an embedded chain whose agents are stepped one by one, each with a store of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.group.founding import Founding, found
from colearn_agents.group.settings import GroupSettings
from colearn_agents.party.agent import LearnerAgent
from colearn_agents.party.journal import Journal
from colearn_chain.artefacts import ProposalClaim, experiment_id
from colearn_chain.rounds import Ballot, Stop, Wait
from colearn_chain.storage import ArtefactStore
from colearn_chain.testing.learners import StepLearner
from colearn_chain.testing.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from colearn_agents.party.events import Event
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.rounds import Action, Round, Snapshot
    from colearn_chain.storage import Storage
    from colearn_chain.types import Address, Digest

TARGET = [1.0, 2.0]


@dataclass
class Table:
    """A group around a table: party 0 proposes first.

    Attributes:
        founding: the experiment; its first round is open.
        folder: for files in passing.
        storage: what the parties share, unless a test gives one of them a store of its own.
        events: everything that any agent told, in order.
    """

    founding: Founding
    folder: Path
    storage: MemoryStorage
    events: list[Event] = field(default_factory=list)

    @property
    def contract(self) -> Any:
        """The experiment."""
        return self.founding.contract

    @property
    def addresses(self) -> list[Address]:
        """The learners', by index."""
        return [member.address for member in self.founding.members]

    def store(self, storage: Storage | None = None) -> ArtefactStore:
        """A view of a store; of the shared one if none is given."""
        return ArtefactStore(self.storage if storage is None else storage, self.folder / "scratch")

    def agent(
        self,
        index: int,
        learner: MachineLearningInterface | None = None,
        *,
        storage: Storage | None = None,
        journal: Journal | None = None,
        contract: Any = None,
    ) -> LearnerAgent:
        """A party's agent; its learner wants what all want, if none is given."""
        return LearnerAgent(
            StepLearner(TARGET) if learner is None else learner,
            contract=self.contract if contract is None else contract,
            sender=self.founding.members[index],
            store=self.store(storage),
            journal=Journal.in_memory() if journal is None else journal,
            observe=self.events.append,
        )

    def snapshot(self) -> Snapshot:
        """The experiment as the organizer sees it."""
        snapshot: Snapshot = self.contract.snapshot(self.founding.organizer.address)
        return snapshot

    def round(self, number: int) -> Round:
        """A round as the contract's views tell of it."""
        (found_,) = self.contract.rounds(number, 1)
        return found_  # type: ignore[no-any-return]

    def ballots(self, number: int) -> list[Ballot]:
        """A round's ballots, by index."""
        seats = range(len(self.founding.members))
        return [self.round(number).ballot_at(seat) for seat in seats]  # type: ignore[arg-type]

    def claim(self, index: int, **changes: Any) -> ProposalClaim:
        """What a party's manifest has to say in the open round, or something else."""
        snapshot = self.snapshot()
        claim: dict[str, Any] = {
            "experiment": experiment_id(self.contract.chain_id, self.contract.address),
            "round": snapshot.number,
            "proposer": self.addresses[index],
            "parent": snapshot.accepted_digest,
        }
        return ProposalClaim(**(claim | changes))

    def propose(self, index: int, digest: Digest) -> None:
        """Propose something past any agent."""
        self.contract.propose(self.founding.members[index], self.snapshot().number, digest)

    def pass_deadline(self) -> None:
        """Set the clock to just past the open round's deadline."""
        self.founding.chain.advance_to(self.snapshot().round.time + 1)

    @staticmethod
    def settle(*agents: LearnerAgent) -> list[Action]:
        """Step agents by turns until none has anything to do; the last thing that each said."""
        while True:
            actions = [agent.step() for agent in agents]
            if all(isinstance(action, Wait | Stop) for action in actions):
                return actions

    def reasons(self, kind: type[Event]) -> list[str]:
        """Why things of one kind happened."""
        return [vars(event)["reason"] for event in self.events if isinstance(event, kind)]


@pytest.fixture
def sit_down(tmp_path: Path) -> Callable[..., Table]:
    """Found an experiment with settings of one's own."""

    def sit(**settings: Any) -> Table:
        chosen = GroupSettings(**({"learners": 3} | settings))
        storage = MemoryStorage()
        learners = [StepLearner(TARGET) for _ in range(chosen.learners)]
        return Table(found(chosen, learners, ArtefactStore(storage, tmp_path / "scratch")), tmp_path, storage)

    return sit


@pytest.fixture
def table(sit_down: Callable[..., Table]) -> Table:
    """Three learners, windows of 600 s, the first round open."""
    return sit_down()
