"""Making a proposal: train once for a round, store what came of it, and know it again after a crash."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.party import events
from colearn_agents.party.journal import Stored, Trained, hex_of
from colearn_chain.errors import InvalidArtefact, InvalidWeights, LearnerError

if TYPE_CHECKING:
    from colearn_agents.party.events import Observer
    from colearn_agents.party.guarded import GuardedLearner, TrainedArrays
    from colearn_agents.party.journal import Journal
    from colearn_chain.artefacts import ProposalClaim
    from colearn_chain.ml_interface import TrainingSummary
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Digest, RoundNumber
    from colearn_chain.weights import NamedArrays, WeightSchema

log = logging.getLogger(__name__)

LOST = "the training was charged to the privacy budget, and what came of it was lost in a crash"


@dataclass(frozen=True)
class Draft:
    """New weights that are not in the store yet.

    Attributes:
        claim: what their manifest will say.
        arrays: the weights; they fit the schema.
        summary: what the learner says of the training.
    """

    claim: ProposalClaim
    arrays: NamedArrays
    summary: TrainingSummary | None


class Drafts:
    """One learner's own proposals, one a round.

    Args:
        learner: trains.
        store: where proposals are published.
        journal: remembers trainings and what was stored.
        schema: what weights must look like.
        observe: told of trainings.
    """

    def __init__(
        self,
        learner: GuardedLearner,
        store: ArtefactStore,
        journal: Journal,
        schema: WeightSchema,
        observe: Observer,
    ) -> None:
        self._learner = learner
        self._store = store
        self._journal = journal
        self._schema = schema
        self._observe = observe
        self._draft: Draft | None = None

    def nothing_for(self, number: RoundNumber) -> str:
        """Say why there is nothing to propose in a round; empty: there may be something."""
        record = self._journal.trained(number)
        if record is None or self._is_at_hand(number):
            return ""
        charged = record.summary is not None and record.summary.dp_budget is not None
        return record.nothing or (LOST if charged else "")

    def make(self, claim: ProposalClaim) -> Digest | None:
        """Train for a round and store what comes of it, unless that was done before.

        Returns:
            The round's proposal; None: there is nothing to propose, and the journal says why.

        Raises:
            StorageError: the store or the disk refused; a later try does not train again.
        """
        stored = self._journal.stored(claim.round)
        if stored is not None:
            return stored
        if self._draft is None or self._draft.claim != claim:
            self._draft = self._trained(claim)
        return None if self._draft is None else self._published(self._draft)

    def give_up(self, number: RoundNumber, reason: str) -> None:
        """Record that nothing will be proposed in a round."""
        self._draft = None
        self._record(Trained(round=number, nothing=reason))

    def _is_at_hand(self, number: RoundNumber) -> bool:
        in_memory = self._draft is not None and self._draft.claim.round == number
        return in_memory or self._journal.stored(number) is not None

    def _trained(self, claim: ProposalClaim) -> Draft | None:
        self._observe(events.Training(round=claim.round, learner=claim.proposer))
        try:
            trained = self._learner.propose()
        except (LearnerError, InvalidWeights) as error:
            self.give_up(claim.round, f"the training failed: {error}")
            return None
        nothing = self._why_nothing(trained)
        # Before anything else, since it may have been charged to a privacy budget.
        self._record(Trained(round=claim.round, nothing=nothing, summary=trained.summary))
        if trained.arrays is None or nothing:
            return None
        self._observe(events.Trained(round=claim.round, learner=claim.proposer, summary=trained.summary))
        return Draft(claim, trained.arrays, trained.summary)

    def _published(self, draft: Draft) -> Digest | None:
        try:
            digest = self._store.publish_proposal(draft.claim, draft.arrays, draft.summary)
        except (InvalidArtefact, InvalidWeights) as error:
            self.give_up(draft.claim.round, f"the new weights cannot be published: {error}")
            return None
        self._journal.append(Stored(round=draft.claim.round, digest=hex_of(digest)))
        self._draft = None
        return digest

    def _why_nothing(self, trained: TrainedArrays) -> str:
        """Why what came of training cannot be proposed; peers would refuse what does not fit the schema."""
        if trained.arrays is None:
            code = trained.summary.error_code if trained.summary else None
            return f"the learner has nothing to propose{f': {code.name}' if code else ''}"
        try:
            self._schema.check(trained.arrays)
        except InvalidWeights as error:
            return f"the new weights are malformed: {error}"
        return ""

    def _record(self, trained: Trained) -> None:
        if trained.nothing:
            log.warning("round %d: nothing to propose: %s", trained.round, trained.nothing)
        self._journal.append(trained)
