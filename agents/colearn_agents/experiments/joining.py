"""Whether a party should join an experiment: card, contract, spec, its own learner, store and money.

Everything is looked at before anything is sent, in the order of what it costs to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from colearn_agents.experiments.acting import rehearse
from colearn_agents.experiments.acts import Act, Situation, join
from colearn_agents.experiments.costs import Purse, lasting
from colearn_agents.party.factories import own_learner
from colearn_agents.party.guarded import GuardedLearner
from colearn_agents.party.strangers import in_words
from colearn_agents.wording import counted
from colearn_chain.errors import (
    ConfigError,
    InvalidArtefact,
    InvalidWeights,
    LearnerError,
    shown,
)
from colearn_chain.ml_interface import DiffPrivConfig
from colearn_chain.storage import ArtefactStore
from colearn_chain.storage.folders import staging, storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from colearn_agents.configuration.config_tables import LearnerTable
    from colearn_agents.experiments.opened import OpenedExperiment
    from colearn_chain.artefacts import PrivacyTerms
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.storage import Storage
    from colearn_chain.storage.artefact_store import FetchedSpec
    from colearn_chain.types import Address

PROBE_FILE = "probe.txt"

_SILENCE = object()


class Check(NamedTuple):
    """Something that was looked at and is right: what, and what was found."""

    subject: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Applicant:
    """Who wants to join, and with what.

    Attributes:
        address: the account's.
        key: its X25519 public key, 32 bytes.
        learner: what the configuration says of its learner.
        storage: its store.
        scratch: a folder for files in passing.
        now: seconds since 1970.
    """

    address: Address
    key: bytes
    learner: LearnerTable
    storage: Storage
    scratch: Path
    now: int


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Nothing stands against joining.

    Attributes:
        act: the call that joins.
        key: the X25519 public key that it announces.
        gas: what it takes.
        purse: the account's.
        spec: what the parties agreed on.
    """

    act: Act
    key: bytes
    gas: int
    purse: Purse
    spec: FetchedSpec


def examine(opened: OpenedExperiment, applicant: Applicant, tell: Callable[[Check], None]) -> Admission:
    """Look at everything that could stand against joining; nothing is sent.

    Args:
        opened: the experiment; its card was checked.
        applicant: who wants to join.
        tell: called with each thing that was found to be right.

    Raises:
        ConfigError: the contract would refuse, the learner is not what the experiment needs, or the account
            cannot pay.
        InvalidArtefact: node, contract or spec contradict the card.
        InvalidWeights: the spec's first weights are not what they must be.
        LearnerError: the learner failed.
        TransportError: node or store did not answer.
    """
    from colearn_chain.chain.networks import require_cancun  # noqa: PLC0415 - imports web3

    deployment = opened.deployment
    by = f"deployed by {deployment.organizer} in block {opened.card.block.number}"
    tell(Check("card", f"{by}; its code is known ({deployment.release.compiler})"))
    require_cancun(opened.node)
    _check_contract(opened)
    tell(Check("contract", f"{deployment.contract} has the card's rules, spec and first organizer"))
    purse = Purse.of(opened.node, applicant.address)
    situation = Situation(rules=deployment.rules, snapshot=opened.contract.snapshot(applicant.address))
    act = join(situation, applicant.key)
    gas = rehearse(opened.contract, purse, act)
    tell(
        Check("invitation", f"{applicant.address} may join, from round {situation.first_round_of_joiner} on")
    )
    spec = opened.fetch_spec(ArtefactStore(applicant.storage, applicant.scratch))
    tell(Check("spec", f"fetched; {shown(spec.spec.name)}, with the contract's rules"))
    learner = own_learner(applicant.learner, spec.spec.learner, spec=spec.spec)
    for check in examine_learner(learner, spec):
        tell(check)
    tell(check_storage(applicant))
    tell(Check("money", lasting(purse, deployment.rules.max_rounds)))
    return Admission(act=act, key=applicant.key, gas=gas, purse=purse, spec=spec)


def _check_contract(opened: OpenedExperiment) -> None:
    """What the contract's views say has to be what the card's transaction fixed."""
    contract, deployment = opened.contract, opened.deployment
    for subject, said, fixed in (
        ("rules", contract.rules(), deployment.rules),
        ("spec digest", contract.spec_digest(), deployment.spec_digest),
        ("first organizer", contract.first_organizer(), deployment.organizer),
    ):
        if said != fixed:
            raise InvalidArtefact(
                f"{opened.node!r} answers that the contract has the {subject} {shown(said)}, "
                f"the card's transaction says {shown(fixed)}",
                subject=subject,
                value=said,
            )


def examine_learner(learner: MachineLearningInterface, spec: FetchedSpec) -> list[Check]:
    """Check that a learner is one for this experiment, by its weights and a first vote.

    Raises:
        ConfigError: its weights look otherwise, its vote has no score, or it trains on other privacy terms.
        LearnerError: it failed.
        InvalidWeights: its weights, or the spec's, cannot be read.
    """
    guarded = GuardedLearner(learner)
    schema = spec.spec.weight_schema
    try:
        schema.check(guarded.current())
    except InvalidWeights as error:
        raise ConfigError(f"your learner's weights do not look like the experiment's: {error}") from error
    tensors = counted(len(schema.tensors), "tensor")
    checks = [Check("learner", f"{tensors}, with the names, shapes and types of the experiment's")]
    score = guarded.test(spec.arrays).vote_score
    if score is None:
        raise ConfigError(
            "your learner's vote on the first weights has no finite score: is there data to vote by?"
        )
    name = shown(spec.spec.score.name)
    checks.append(
        Check("first vote", f"{score:.6g} on the first weights ({name}, {spec.spec.score.direction}d)")
    )
    if spec.spec.privacy is not None:
        checks.append(check_privacy(learner, spec.spec.privacy))
    return checks


def check_privacy(learner: object, terms: PrivacyTerms) -> Check:
    """Compare what a learner says of its training with what everybody agreed on.

    A learner says it by an attribute ``diff_priv_config``: a ``DiffPrivConfig``, or None for no privacy.

    Raises:
        ConfigError: it trains without privacy, or on other terms.
        LearnerError: what it says is neither, or it fails to say it.
    """
    try:
        said = getattr(learner, "diff_priv_config", _SILENCE)
    except Exception as error:  # a stranger's code may raise anything
        raise LearnerError(f"diff_priv_config failed: {in_words(error)}") from error
    if said is _SILENCE:
        return Check("privacy", "NOT CHECKED: your learner does not say how it trains; you answer for it")
    if said is None:
        raise ConfigError("the experiment asks for differential privacy, and your learner trains without")
    if not isinstance(said, DiffPrivConfig):
        raise LearnerError(f"the learner's diff_priv_config is a {type(said).__name__}, not DiffPrivConfig")
    for name, agreed in terms:
        found = getattr(said, name)
        if found != agreed:
            raise ConfigError(
                f"the experiment asks for differential privacy with {name} {agreed:g}, and your learner "
                f"trains with {found:g}"
            )
    return Check("privacy", "your learner says that it trains on the experiment's terms")


def check_storage(applicant: Applicant) -> Check:
    """Write something small to the store, and read it back.

    Raises:
        StorageError: the store or the disk refused.
        InvalidArtefact: the store gave back something else.
    """
    text = f"colearn-chain: {applicant.address} tried this store at {applicant.now}\n".encode()
    with storage_errors(f"work in {applicant.scratch}"), staging(applicant.scratch) as folder:
        (folder / PROBE_FILE).write_bytes(text)
        digest = applicant.storage.put(folder)
        with staging(applicant.scratch) as back:
            applicant.storage.get(digest, back, {PROBE_FILE: len(text)})  # verified by its digest
    return Check("store", f"{len(text)} bytes written and read back")
