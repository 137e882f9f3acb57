"""A proposal's manifest: whose it is, what it follows, and which weights it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationError

from colearn_chain.artefacts.content_ids import cid_of
from colearn_chain.artefacts.documents import AddressText, CidText, Document, ExperimentText, Part
from colearn_chain.errors import InvalidArtefact, shown
from colearn_chain.ml_interface import DiffPrivBudget, TrainingSummary
from colearn_chain.rounds.rules import MOST_ROUNDS

if TYPE_CHECKING:
    from colearn_chain.types import Address, Digest, RoundNumber

MANIFEST_FILE = "manifest.json"
WEIGHTS_FILE: Final = "weights.safetensors"

NonNegative = Annotated[float, Field(ge=0)]


def experiment_id(chain_id: int, contract: Address) -> str:
    """An experiment's name in the world: a CAIP-10 account id, ``eip155:<chain id>:<address>``.

    Source: https://chainagnostic.org/CAIPs/caip-10, with the namespace of EIP-155 chains.
    """
    return f"eip155:{chain_id}:{contract}"


@dataclass(frozen=True)
class ProposalClaim:
    """What the chain says of a proposal, and its manifest must say too.

    Attributes:
        experiment: as ``experiment_id`` writes it.
        round: the round in which it was proposed.
        proposer: the address that proposed it.
        parent: digest of the artefact that was accepted last: a proposal, or the experiment's spec.
    """

    experiment: str
    round: RoundNumber
    proposer: Address
    parent: Digest


class WeightsFile(Part):
    """The weights file that lies beside the manifest: its CID (CIDv1, raw leaves) and its size in bytes."""

    file: Literal["weights.safetensors"] = WEIGHTS_FILE
    cid: CidText
    size: Annotated[int, Field(ge=0, le=1 << 41)]


class PrivacyBudget(Part):
    """What a learner may spend of (epsilon, delta) differential privacy, and what it says it has spent."""

    target_epsilon: NonNegative
    target_delta: NonNegative
    consumed_epsilon: NonNegative
    consumed_delta: NonNegative


class Training(Part):
    """What a proposer says of its training."""

    dp_budget: PrivacyBudget | None = None


class Manifest(Document):
    """What goes with proposed weights.

    Attributes:
        experiment: as ``experiment_id`` writes it.
        round: the round in which it is proposed.
        parent: CID of the artefact that the training started from.
        proposer: the address that proposes it.
        weights: the weights file.
        training: what the proposer says of its training.
        encryption: None: the weights lie there as they are.
    """

    MOST_BYTES: ClassVar[int] = 64 * 1024

    format: Literal["colearn-chain/proposal"] = "colearn-chain/proposal"
    version: Literal[1] = 1
    experiment: ExperimentText
    round: Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
    parent: CidText
    proposer: AddressText
    weights: WeightsFile
    training: Training | None = None
    encryption: None = None

    @classmethod
    def of(cls, claim: ProposalClaim, weights: WeightsFile, summary: TrainingSummary | None) -> Self:
        """The manifest of a proposal; of the summary, the privacy budget is kept.

        Raises:
            InvalidArtefact: the claim or the budget holds a value that no manifest may have.
        """
        try:
            return cls(
                experiment=claim.experiment,
                round=claim.round,
                parent=cid_of(claim.parent),
                proposer=claim.proposer,
                weights=weights,
                training=_training_of(summary),
            )
        except ValidationError as error:
            raise InvalidArtefact(f"no manifest can say this: {shown(error)}", subject="manifest") from error

    def check_claim(self, claim: ProposalClaim) -> None:
        """Check that the manifest says what the chain says.

        Raises:
            InvalidArtefact: it is of another experiment, round or proposer, or follows another parent.
        """
        expected = {
            "experiment": claim.experiment,
            "round": claim.round,
            "proposer": claim.proposer,
            "parent": cid_of(claim.parent),
        }
        for field, wanted in expected.items():
            found = getattr(self, field)
            if found != wanted:
                raise InvalidArtefact(
                    f"the manifest names {field} {shown(found)}, the chain {shown(wanted)}",
                    subject=field,
                    value=found,
                )

    def training_summary(self) -> TrainingSummary | None:
        """The proposer's statement in the form of the learner interface."""
        if self.training is None:
            return None
        budget = self.training.dp_budget
        return TrainingSummary(dp_budget=DiffPrivBudget(**budget.model_dump()) if budget else None)


def _training_of(summary: TrainingSummary | None) -> Training | None:
    if summary is None:
        return None
    budget = summary.dp_budget
    return Training(dp_budget=PrivacyBudget(**budget.model_dump()) if budget else None)
