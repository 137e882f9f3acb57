"""The model that an experiment's parties have accepted, verified from the card down.

What has to be believed is the node's word that the card's transaction was mined, and the history hash that it
names: everything else follows from these two, or is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from colearn_chain.artefacts import ProposalClaim, cid_of
from colearn_chain.chain.cards import check_card
from colearn_chain.chain.contract import ExperimentContract
from colearn_chain.chain.networks import confirmed_block
from colearn_chain.errors import ConfigError, ContentNotFound, InvalidArtefact
from colearn_chain.rounds import Status, fold
from colearn_chain.types import SPEC_ROUND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from colearn_chain.artefacts import Card, Deployment, ExperimentSpec
    from colearn_chain.chain import Node
    from colearn_chain.chain.networks import Finality
    from colearn_chain.rounds import Ballot, ClosedRound
    from colearn_chain.storage import ArtefactStore, FetchedSpec
    from colearn_chain.types import Address, Digest, RoundNumber


class NoAcceptedModel(ConfigError):
    """In the round that was asked for, nothing was accepted.

    Attributes:
        round: the round.
        last: the last round in which something was; 0: none.
    """

    def __init__(self, message: str, *, number: int, last: RoundNumber) -> None:
        super().__init__(message)
        self.round = number
        self.last = last


@dataclass(frozen=True)
class Accepted:
    """An artefact that was accepted; round 0 is the experiment's spec.

    Attributes:
        round: the round it was accepted in.
        digest: of its folder.
    """

    round: RoundNumber
    digest: Digest

    @property
    def cid(self) -> str:
        """The artefact's name in IPFS."""
        return cid_of(self.digest)


@dataclass(frozen=True, kw_only=True)
class AcceptedModel:
    """Accepted weights, and how they came about.

    Attributes:
        experiment: its CAIP-10 name.
        spec: what its parties agreed on.
        round: the round that the weights were accepted in; 0: they are the spec's first ones.
        digest: of the artefact that they lie in.
        parents: what they were trained from, and that from, back to the spec; none for the spec's own.
        proposer: who trained them; None: they are the spec's.
        ballots: what was voted on them, by learner; those who were silent are not there.
        block_number: as of which block all of this was read.
        history_hash: what the contract committed to by then.
        arrays: the weights.
    """

    experiment: str
    spec: ExperimentSpec
    round: RoundNumber
    digest: Digest
    parents: tuple[Accepted, ...]
    proposer: Address | None
    ballots: Mapping[Address, Ballot]
    block_number: int
    history_hash: bytes
    arrays: Mapping[str, NDArray[Any]]

    @property
    def cid(self) -> str:
        """The artefact's name in IPFS."""
        return cid_of(self.digest)


def load_accepted(
    card: Card,
    node: Node,
    store: ArtefactStore,
    round: int | None = None,  # noqa: A002 - what it is called wherever it is spoken of
    *,
    finality: Finality = 0,
) -> AcceptedModel:
    """Fetch the weights that an experiment's parties accepted, and check all that leads to them.

    Args:
        card: where the experiment is.
        node: is believed when it says which transaction was mined, and the contract's history hash.
        store: where artefacts are fetched; it need not be trusted.
        round: the round that they were accepted in, 0 for the spec's first weights; None: the last one, which
            is 0 while nothing was accepted.
        finality: when a block counts; 0: at once.

    Raises:
        NoAcceptedModel: there is no such round, or nothing was accepted in it.
        InvalidArtefact: the node contradicts the card, or an artefact is not what it must be.
        InvalidHistory: what the node tells breaks a rule, or is not what the history hash commits to.
        InvalidWeights: the weights do not fit the spec's schema.
        ContentNotFound: the store no longer has them.
        TransportError: node or store did not answer.
    """
    deployment = check_card(node, card)
    contract = ExperimentContract(node, deployment.contract)
    at = confirmed_block(node, finality)
    told = contract.history(block=at)
    # The card's word in place of the node's: if they differ, the history hash is another.
    history = replace(
        told,
        chain_id=deployment.chain_id,
        address=deployment.contract,
        rules=deployment.rules,
        spec_digest=deployment.spec_digest,
        first_organizer=deployment.organizer,
    )
    rounds = fold(history)
    chosen = _chosen(rounds, round)
    spec = agreed_spec(deployment, store)
    return AcceptedModel(
        experiment=deployment.experiment,
        spec=spec.spec,
        round=chosen.number if chosen else SPEC_ROUND,
        digest=chosen.round.digest if chosen else spec.digest,
        parents=tuple(_parents(rounds, chosen)),
        proposer=chosen.proposer if chosen else None,
        ballots=chosen.ballots if chosen else {},
        block_number=at,
        history_hash=history.history_hash,
        arrays=_fetched(store, deployment, chosen, spec.spec) if chosen else spec.arrays,
    )


def agreed_spec(deployment: Deployment, store: ArtefactStore) -> FetchedSpec:
    """Fetch what an experiment's parties agreed on, with the first weights.

    Raises:
        InvalidArtefact: it is not what the card's transaction committed to, or names other rules.
        InvalidWeights: the first weights do not fit the spec.
        StorageError: the store does not have it or does not answer.
    """
    fetched = store.fetch_spec(deployment.spec_digest)
    if fetched.spec.rules != deployment.rules:
        raise InvalidArtefact(
            f"the contract has the rules {deployment.rules}, its spec says {fetched.spec.rules}",
            subject="rules",
            value=fetched.spec.rules,
        )
    return fetched


def _chosen(rounds: Sequence[ClosedRound], number: int | None) -> ClosedRound | None:
    """The round whose model is wanted; None: the spec's first weights."""
    accepted = [closed for closed in rounds if closed.round.status is Status.ACCEPTED]
    if number == SPEC_ROUND:
        return None
    if number is None:
        return accepted[-1] if accepted else None
    for closed in accepted:
        if closed.number == number:
            return closed
    last = accepted[-1].number if accepted else SPEC_ROUND
    raise NoAcceptedModel(f"{_why_none(rounds, number)}; {_alternative(last)}", number=number, last=last)


def _why_none(rounds: Sequence[ClosedRound], number: int) -> str:
    if 1 <= number <= len(rounds):
        return f"round {number} was {rounds[number - 1].round.status.name.lower()}"
    return f"there is no closed round {number}: {len(rounds)} are closed"


def _alternative(last: RoundNumber) -> str:
    return f"the last one accepted is round {last}" if last else "nothing was accepted yet"


def _parents(rounds: Sequence[ClosedRound], chosen: ClosedRound | None) -> Iterator[Accepted]:
    while chosen is not None:
        yield Accepted(chosen.parent, chosen.parent_digest)
        chosen = rounds[chosen.parent - 1] if chosen.parent else None


def _fetched(
    store: ArtefactStore, deployment: Deployment, chosen: ClosedRound, spec: ExperimentSpec
) -> Mapping[str, NDArray[Any]]:
    claim = ProposalClaim(deployment.experiment, chosen.number, chosen.proposer, chosen.parent_digest)
    try:
        return store.fetch_proposal(chosen.round.digest, claim, spec.weight_schema).arrays
    except ContentNotFound as error:
        raise ContentNotFound(
            f"the model of round {chosen.number} is gone: {error}", content=error.content
        ) from error
