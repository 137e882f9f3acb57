"""Judging others' proposals and adopting what was accepted.

Nothing here looks at anybody's ballot: a judgement follows from the artefact and the learner's data alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.party import events
from colearn_agents.party.journal import Adopted, Judged, digest_of, hex_of
from colearn_chain.errors import InvalidArtefact, InvalidWeights, LearnerError
from colearn_chain.rounds import Ballot
from colearn_chain.types import SPEC_ROUND, Address, RoundNumber
from colearn_chain.weights import weights_digest

if TYPE_CHECKING:
    from colearn_agents.party.events import Observer
    from colearn_agents.party.guarded import GuardedLearner, Scores
    from colearn_agents.party.journal import Journal
    from colearn_chain.artefacts import ProposalClaim
    from colearn_chain.storage import ArtefactStore, FetchedProposal
    from colearn_chain.types import Digest
    from colearn_chain.weights import NamedArrays, WeightSchema

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept:
    """Weights that were fetched and tested, and their digest as they were before the learner saw them."""

    digest: Digest
    arrays: NamedArrays
    content: bytes


class Models:
    """One learner's view of others' weights, and the model that it holds.

    Args:
        learner: tests and accepts.
        store: where artefacts are fetched and held.
        journal: remembers judgements and adoptions.
        schema: what weights must look like.
        address: the learner's.
        observe: told of judgements and adoptions.
    """

    def __init__(
        self,
        learner: GuardedLearner,
        store: ArtefactStore,
        journal: Journal,
        schema: WeightSchema,
        address: Address,
        observe: Observer,
    ) -> None:
        self._learner = learner
        self._store = store
        self._journal = journal
        self._schema = schema
        self._address = address
        self._observe = observe
        self._kept: _Kept | None = None
        self._held: Digest | None = None

    @property
    def held(self) -> Digest | None:
        """Digest of the artefact whose weights the learner holds; None while that is unknown."""
        return None if self._learner.unsure else self._held

    def judge(self, digest: Digest, claim: ProposalClaim) -> Judged:
        """Fetch, check and test a proposal, put it into the own store, and record the ballot that follows.

        Raises:
            StorageError: it could not be fetched or held; a later try can help. Nothing was recorded.
        """
        self._observe(events.Testing(round=claim.round, learner=self._address, digest=digest))
        try:
            fetched = self._store.fetch_proposal(digest, claim, self._schema)
            judged = self._test(fetched, claim)
        except (InvalidArtefact, InvalidWeights) as error:
            judged = _unavailable(digest, claim.round, f"malformed: {error}")
        except LearnerError as error:
            judged = _unavailable(digest, claim.round, f"the learner could not test it: {error}")
        return self._record(judged)

    def give_up(self, digest: Digest, number: RoundNumber, cause: object) -> Judged:
        """Record that a proposal could not be judged in time."""
        return self._record(_unavailable(digest, number, str(cause)))

    def adopt(self, digest: Digest, claim: ProposalClaim | None) -> None:
        """Make an accepted artefact the learner's model, and record it.

        Args:
            digest: the artefact's.
            claim: what its manifest must say; None: it is the spec, and its first weights are meant.

        Raises:
            StorageError: it could not be fetched; a later try can help.
            InvalidArtefact: it is not what it must be, though it was accepted.
            InvalidWeights: likewise.
            LearnerError: the learner failed; what it holds is unknown until an adoption succeeds.
        """
        arrays = self._arrays(digest, claim)
        number = SPEC_ROUND if claim is None else claim.round
        adopted = self._journal.adopted(digest) or self._scored(digest, number, arrays)
        self._held = None
        self._learner.accept(arrays)
        if adopted is not self._journal.adopted(digest):
            self._journal.append(adopted)
        self._held = digest
        self._kept = None
        self._observe(
            events.Adopted(
                round=number,
                learner=self._address,
                digest=digest,
                vote_score=adopted.vote_score,
                test_score=adopted.test_score,
            )
        )

    def _test(self, fetched: FetchedProposal, claim: ProposalClaim) -> Judged:
        self._kept = _Kept(fetched.digest, fetched.arrays, weights_digest(fetched.arrays))
        scores = self._learner.test(fetched.arrays)
        ballot, reason = _ballot_of(scores)
        if ballot is Ballot.APPROVE:
            self._hold(fetched, claim)
        return Judged(
            round=claim.round,
            digest=hex_of(fetched.digest),
            vote_score=scores.vote_score,
            test_score=scores.test_score,
            ballot=ballot,
            reason=reason,
        )

    def _hold(self, fetched: FetchedProposal, claim: ProposalClaim) -> None:
        """Put it into the own store, so that what is accepted is held by more than its proposer."""
        if self._store.has(fetched.digest):  # then it was fetched from there, and verified
            return
        arrays = self._arrays(fetched.digest, claim)
        held = self._store.publish_proposal(claim, arrays, fetched.manifest.training_summary())
        if held != fetched.digest:
            raise InvalidArtefact(
                f"written again it has the digest {held.hex()}", subject="digest", value=fetched.digest
            )

    def _arrays(self, digest: Digest, claim: ProposalClaim | None) -> NamedArrays:
        """The weights as they were fetched: kept from the test if the learner did not write into them."""
        kept = self._kept
        if kept is not None and kept.digest == digest and weights_digest(kept.arrays) == kept.content:
            return kept.arrays
        if claim is None:
            return self._store.fetch_spec(digest).arrays
        return self._store.fetch_proposal(digest, claim, self._schema).arrays

    def _scored(self, digest: Digest, number: RoundNumber, arrays: NamedArrays) -> Adopted:
        """What is to be recorded; the scores are those of the judgement, if there was one."""
        judged = self._journal.judged(number, digest)
        vote_score, test_score = (
            self._scores(arrays) if judged is None else (judged.vote_score, judged.test_score)
        )
        return Adopted(round=number, digest=hex_of(digest), vote_score=vote_score, test_score=test_score)

    def _scores(self, arrays: NamedArrays) -> tuple[float | None, float | None]:
        """Score weights that were not judged: the spec's first, and the learner's own."""
        try:
            scores = self._learner.test(arrays)
        except (LearnerError, InvalidWeights) as error:
            log.warning("the accepted model could not be scored: %s", error)
            return None, None
        return scores.vote_score, scores.test_score

    def _record(self, judged: Judged) -> Judged:
        self._journal.append(judged)
        number, ballot = RoundNumber(judged.round), Ballot(judged.ballot)
        if ballot is Ballot.UNAVAILABLE:
            log.warning("round %d: %s is unavailable: %s", number, judged.digest, judged.reason)
        tested = events.Tested(
            round=number,
            learner=self._address,
            digest=digest_of(judged.digest),
            vote_score=judged.vote_score,
            test_score=judged.test_score,
            ballot=ballot,
            reason=judged.reason,
        )
        self._observe(tested)
        return judged


def _unavailable(digest: Digest, number: RoundNumber, reason: str) -> Judged:
    return Judged(round=number, digest=hex_of(digest), ballot=Ballot.UNAVAILABLE, reason=reason)


def _ballot_of(scores: Scores) -> tuple[Ballot, str]:
    """The learner's vote as a ballot, and why.

    Raises:
        LearnerError: the learner did not vote.
    """
    if scores.vote is None:
        raise LearnerError("mli_test_weights returned no vote")
    if scores.vote:
        return Ballot.APPROVE, "an improvement"
    return Ballot.REJECT, "no improvement"
