"""What an experiment's parties have agreed on, read from contract and store before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_chain.artefacts import experiment_id
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from colearn_chain.artefacts import ExperimentSpec
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.rounds import Rules
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Address, Digest


@dataclass(frozen=True, kw_only=True)
class Terms:
    """An experiment's terms, which never change.

    Attributes:
        experiment: its name, as ``experiment_id`` writes it.
        rules: the contract's.
        spec_digest: the contract's.
        spec: what lies under that digest.
    """

    experiment: str
    rules: Rules
    spec_digest: Digest
    spec: ExperimentSpec

    @classmethod
    def read(cls, contract: ExperimentContract, store: ArtefactStore) -> Terms:
        """Read them, and check that spec and contract say the same.

        Raises:
            ConfigError: the spec names other rules than the contract, or the rules ask for fan-in rounds.
            InvalidArtefact: the spec is not what it must be.
            InvalidWeights: its first weights are not.
            TransportError: node or store did not answer.
        """
        rules, digest = contract.rules(), contract.spec_digest()
        spec = store.fetch_spec(digest).spec
        _check(rules, spec.rules, contract.address)
        return cls(
            experiment=experiment_id(contract.chain_id, contract.address),
            rules=rules,
            spec_digest=digest,
            spec=spec,
        )


def _check(rules: Rules, said: Rules, address: Address) -> None:
    if rules != said:
        raise ConfigError(f"the contract {address} has the rules {rules}, but its spec says {said}")
    if rules.contribution_window:
        window = rules.contribution_window
        raise ConfigError(
            f"the contract {address} has fan-in rounds ({window} s), which this agent cannot play"
        )
