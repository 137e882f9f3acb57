"""Manifest, experiment spec and card as typed documents, and what a proposal must say to be one; no I/O."""

from colearn_chain.artefacts.card import Card, Deployment, Release, Sighting
from colearn_chain.artefacts.content_ids import cid_of, digest_of
from colearn_chain.artefacts.manifest import (
    MANIFEST_FILE,
    WEIGHTS_FILE,
    Manifest,
    PrivacyBudget,
    ProposalClaim,
    Training,
    WeightsFile,
    experiment_id,
)
from colearn_chain.artefacts.spec import (
    SPEC_FILE,
    ExperimentSpec,
    LearnerContext,
    PrivacyTerms,
    Score,
)

__all__ = [
    "MANIFEST_FILE",
    "SPEC_FILE",
    "WEIGHTS_FILE",
    "Card",
    "Deployment",
    "ExperimentSpec",
    "LearnerContext",
    "Manifest",
    "PrivacyBudget",
    "PrivacyTerms",
    "ProposalClaim",
    "Release",
    "Score",
    "Sighting",
    "Training",
    "WeightsFile",
    "cid_of",
    "digest_of",
    "experiment_id",
]
