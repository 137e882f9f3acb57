"""A whole experiment in one process, from one seed: what ``demo`` and ``simulate`` run.

Chain, clock and learners are seeded, so that the same seed on the same machine gives the same history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colearn_agents.events import Observer, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from colearn_agents.agent import LearnerAgent
    from colearn_agents.factories import Factory
    from colearn_chain.artefacts import ExperimentSpec
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.types import Address


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """What can be chosen about a group.

    Attributes:
        learners: how many, 2 to 64.
        rounds: after how many the experiment is finished.
        seed: of accounts and learners.
        threshold_bps: share of the voters that has to approve, in basis points.
        count_proposer: whether the proposer votes too.
        close_early: whether a round closes once its outcome is certain.
        proposal_window: seconds of chain time.
        voting_window: seconds of chain time.
        arguments: handed to the factory, such as ``{"alpha": 0.5}``.
        stall_rounds: after how many rounds in a row without an accepted proposal the run ends.
    """

    learners: int = 5
    rounds: int = 20
    seed: int = 0
    threshold_bps: int = 5001
    count_proposer: bool = False
    close_early: bool = False
    proposal_window: int = 600
    voting_window: int = 600
    arguments: Mapping[str, Any] = field(default_factory=dict)
    stall_rounds: int = 10


class Group:
    """One experiment with all its parties.

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

    @classmethod
    def create(
        cls, factory: Factory, settings: GroupSettings, folder: Path, observe: Observer = ignore
    ) -> Self:
        """Deploy an experiment on a new embedded chain, and let all learners join.

        Args:
            factory: makes each learner.
            settings: see there.
            folder: where artefacts (``store/``) and journals (``journals/``) are kept; made if it is not there.
            observe: called with the events of all agents and of the group.

        Raises:
            ConfigError: a setting is out of its range, eth-tester is missing, or the learners do not start from the same
                weights.
            LearnerError: a learner could not be made.
        """
        raise NotImplementedError

    def run(self) -> None:
        """Step all agents by turns until all have stopped, or nothing was accepted for ``stall_rounds`` rounds.

        Nothing sleeps: when nobody can act, the chain's clock is set to the moment when somebody can.
        """
        raise NotImplementedError

    def index_of(self, address: Address) -> int:
        """A learner's index.

        Raises:
            KeyError: the address is no learner's.
        """
        raise NotImplementedError

    def bytes_published(self) -> int:
        """How many bytes all artefacts have together, the spec's included."""
        raise NotImplementedError
