"""A whole experiment in one process, from one seed: what ``demo`` and ``simulate`` run.

Chain, clock and learners are seeded, so that the same seed on the same machine gives the same history.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from colearn_agents.group.founding import found
from colearn_agents.group.settings import GroupSettings
from colearn_agents.group.stalling import StallWatch
from colearn_agents.party import events
from colearn_agents.party.agent import LearnerAgent
from colearn_agents.party.chronicle import Chronicle
from colearn_agents.party.journal import Journal
from colearn_chain.artefacts import experiment_id
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Closing, Phase, Stop, Wait
from colearn_chain.storage import ArtefactStore, DirectoryStorage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Self

    from colearn_agents.group.founding import Founding
    from colearn_agents.party.events import Event, Observer, Stalled
    from colearn_agents.party.factories import Factory
    from colearn_chain.artefacts import ExperimentSpec
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.rounds import Action
    from colearn_chain.types import Address, RoundNumber

__all__ = ["Group", "GroupSettings"]


class Group:
    """One experiment with all its parties.

    Use `Group.create`.

    Attributes:
        settings: as given.
        contract: the experiment; its views are the history.
        spec: what the learners joined.
        organizer: address of the party that deployed, invited and started.
        addresses: of the learners, by index.
        learners: by index.
        agents: by index.
    """

    settings: GroupSettings
    contract: ExperimentContract
    spec: ExperimentSpec
    organizer: Address
    addresses: tuple[Address, ...]
    learners: tuple[MachineLearningInterface, ...]
    agents: tuple[LearnerAgent, ...]

    def __init__(
        self,
        settings: GroupSettings,
        founding: Founding,
        learners: Sequence[MachineLearningInterface],
        folder: Path,
        observe: Observer,
    ) -> None:
        self.settings = settings
        self.contract = founding.contract
        self.spec = founding.spec
        self.organizer = founding.organizer.address
        self.addresses = tuple(member.address for member in founding.members)
        self.learners = tuple(learners)
        self._chain = founding.chain
        self._folder = folder
        self._forward = observe
        self._chronicle = _chronicle(founding.contract)
        self._stalls = StallWatch(settings.stall_rounds)
        self._stalled: Stalled | None = None
        self._last_word = ""
        self._journals = [Journal.open(path) for path in _journal_paths(folder, settings.learners)]
        self.agents = tuple(
            LearnerAgent(
                learner,
                contract=founding.contract,
                sender=member,
                store=_store(folder, index),
                journal=journal,
                observe=self._saw,
            )
            for index, (learner, member, journal) in enumerate(
                zip(learners, founding.members, self._journals, strict=True)
            )
        )

    @classmethod
    def create(
        cls,
        factory: Factory,
        settings: GroupSettings,
        folder: Path,
        observe: Observer = events.ignore,
    ) -> Self:
        """Deploy an experiment on a new embedded chain, let all learners join, and open the first round.

        Args:
            factory: makes each learner.
            settings: see there.
            folder: where artefacts (``store/``) and journals (``journals/``) are kept; made if need be.
            observe: called with the events of all agents and of the group.

        Raises:
            ConfigError: a setting is out of its range, eth-tester is missing, the folder holds an earlier
                run, or the learners' weights do not look alike.
            InvalidWeights: the learners' weights cannot be written as arrays.
            LearnerError: a learner could not be made, or does not say what its weights are.
            StorageError: the folder cannot be written.
        """
        settings.rules(start_deadline=0)
        if (folder / "journals").exists():
            raise ConfigError(f"{folder} holds the journals of an earlier run")
        learners = [factory(settings.context(index)) for index in range(settings.learners)]
        try:
            founding = found(settings, learners, _store(folder, settings.learners), observe)
            return cls(settings, founding, learners, folder, observe)
        except BaseException:  # an interrupt too
            _clear(folder)
            raise

    def run(self) -> None:
        """Step all agents by turns until all have stopped or the group is stalled.

        Nothing sleeps: when nobody can act, the chain's clock is set to the moment when somebody can.

        Raises:
            TransportError: the chain or a disk failed.
        """
        try:
            while self._stalled is None:
                actions = [agent.step() for agent in self.agents if self._stalled is None]
                if all(isinstance(action, Stop) for action in actions):
                    self._end()
                    break
                if all(isinstance(action, Stop | Wait) for action in actions):
                    self._pass_time(actions)
        finally:
            self.close()

    def close(self) -> None:
        """Close the journals, and take away what was only passing through."""
        for journal in self._journals:
            journal.close()
        _clear(self._folder)

    def index_of(self, address: Address) -> int:
        """A learner's index.

        Raises:
            KeyError: the address is no learner's.
        """
        if address not in self.addresses:
            raise KeyError(address)
        return self.addresses.index(address)

    def bytes_published(self) -> int:
        """How many bytes all artefacts have together, the spec's included."""
        return sum(path.stat().st_size for path in (self._folder / "store").rglob("*") if path.is_file())

    def _saw(self, event: Event) -> None:
        self._forward(event)
        if isinstance(event, events.Stopped):
            self._last_word = event.reason
        if isinstance(event, events.Sent) and event.closed_round:
            closed = self._chronicle.round_closed(event.round, self.spec.rules)
            self._forward(closed)
            passed = closed.closing is Closing.PASSED
            reason = self._stalls.saw(closed.outcome, closed.ballots.values(), passed=passed)
            if reason is not None:
                self._give_up(event.round, reason)

    def _give_up(self, number: RoundNumber, reason: str) -> None:
        self._stalled = events.Stalled(round=number, reason=reason)
        self._forward(self._stalled)

    def _pass_time(self, actions: Iterable[Action]) -> None:
        """Set the clock to the next moment at which somebody can act; a stall if there is none."""
        now = self._chain.now()
        moments = [
            action.until for action in actions if isinstance(action, Wait) and action.until is not None
        ]
        later = [moment for moment in moments if moment > now]
        if later:
            self._chain.advance_to(min(later))
            return
        snapshot = self.contract.snapshot(self.organizer)
        active = snapshot.active.bit_count()
        reason = (
            f"nobody can act: the experiment is {snapshot.phase.name.lower()}, {active} learners are active"
        )
        self._give_up(snapshot.number, reason)

    def _end(self) -> None:
        """All have stopped: a stall, unless all rounds are closed."""
        snapshot = self.contract.snapshot(self.organizer)
        if snapshot.phase is not Phase.FINISHED:
            reason = f"all learners have stopped; the last one said: {self._last_word}"
            self._give_up(snapshot.number, reason)


def _store(folder: Path, party: int) -> ArtefactStore:
    """A party's view of the store that all share."""
    return ArtefactStore(DirectoryStorage(folder / "store"), folder / "scratch" / str(party))


def _clear(folder: Path) -> None:
    """Take away what was only passing through."""
    shutil.rmtree(folder / "scratch", ignore_errors=True)


def _journal_paths(folder: Path, learners: int) -> list[Path]:
    return [folder / "journals" / f"{index}.jsonl" for index in range(learners)]


def _chronicle(contract: ExperimentContract) -> Chronicle:
    experiment = experiment_id(contract.chain_id, contract.address)
    return Chronicle(contract, experiment, contract.spec_digest())
