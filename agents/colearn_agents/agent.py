"""The learner agent: it reads the chain, decides by the pure core, does one thing, and reads again.

The chain is the truth. What the agent remembers is its journal: what the chain cannot know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_agents.events import Observer, ignore

if TYPE_CHECKING:
    from colearn_agents.journal import Journal
    from colearn_chain.chain import ExperimentContract, Sender
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.rounds import Action
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Address, Digest


class LearnerAgent:
    """One learner of one experiment.

    Args:
        learner: trains, tests and holds the model.
        contract: the experiment.
        sender: sends this learner's transactions.
        store: where artefacts are published, fetched and held.
        journal: what was trained, stored, sent, tested and adopted; an agent that is restarted is given it again.
        observe: called with each event.

    Raises:
        ConfigError: the journal is another learner's or another experiment's.
    """

    def __init__(
        self,
        learner: MachineLearningInterface,
        *,
        contract: ExperimentContract,
        sender: Sender,
        store: ArtefactStore,
        journal: Journal,
        observe: Observer = ignore,
    ) -> None:
        raise NotImplementedError

    @property
    def address(self) -> Address:
        """The learner's address."""
        raise NotImplementedError

    @property
    def held(self) -> Digest | None:
        """Digest of the artefact whose weights the learner holds; None before it was given any."""
        raise NotImplementedError

    def step(self) -> Action:
        """Read one snapshot and do the one thing that it calls for.

        Returns:
            What was done; ``Wait`` or ``Stop`` where there was nothing to do.

        Raises:
            TransportError: a node or a store failed; the next step tries again.
        """
        raise NotImplementedError
