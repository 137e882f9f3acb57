"""An experiment as a party's configuration names it, opened: nothing of it is believed before it was checked.

Card, node, contract, spec and account are put together here for every command that works on an experiment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.auditing.evidence import read_file
from colearn_chain.artefacts import Card
from colearn_chain.errors import ChainError, ConfigError, InvalidArtefact
from colearn_chain.storage import ArtefactStore

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_agents.configuration.config import Config
    from colearn_chain.artefacts import Deployment
    from colearn_chain.chain import ExperimentContract, Node, Sender
    from colearn_chain.chain.keystore import StoredAccount, UnlockedAccount
    from colearn_chain.storage.artefact_store import FetchedSpec


@dataclass(frozen=True, kw_only=True)
class OpenedExperiment:
    """An experiment whose card was checked against a node.

    Attributes:
        card: where everybody starts from.
        deployment: what follows from it.
        node: the node that confirmed it.
        contract: the experiment, by way of that node.
    """

    card: Card
    deployment: Deployment
    node: Node
    contract: ExperimentContract

    def fetch_spec(self, store: ArtefactStore) -> FetchedSpec:
        """Fetch what the parties agreed on, with the first weights.

        Raises:
            InvalidArtefact: it is not what the card's transaction committed to, or names other rules.
            InvalidWeights: the first weights do not fit the spec.
            StorageError: the store does not have it or does not answer.
        """
        from colearn_chain.accepted import agreed_spec  # noqa: PLC0415 - imports web3

        return agreed_spec(self.deployment, store)


def read_card(path: Path) -> Card:
    """Read a card's file.

    Raises:
        ConfigError: it cannot be read.
        InvalidArtefact: it is no card.
    """
    try:
        return Card.from_bytes(read_file(path))
    except InvalidArtefact as error:
        raise InvalidArtefact(
            f"{path} is no card: {error}", subject=error.subject, value=error.value
        ) from error


def open_experiment(config: Config, card: Path | None = None) -> OpenedExperiment:
    """Open the experiment that a configuration names.

    Args:
        config: says the network and, where ``card`` does not, the card.
        card: the card's file, in place of the configuration's.

    Raises:
        ConfigError: the card is of another chain than the configuration, or something cannot be read.
        InvalidArtefact: no experiment follows from the card, or the node contradicts it.
        ChainError: no node answers.
    """
    from colearn_chain.chain import ExperimentContract  # noqa: PLC0415 - imports web3
    from colearn_chain.chain.cards import check_card  # noqa: PLC0415 - likewise

    found = read_card(card or config.experiment.card)
    if found.chain_id != config.network.chain_id:
        raise ConfigError(
            f"the card is of an experiment on chain {found.chain_id}, "
            f"{config.path} is for chain {config.network.chain_id}"
        )
    node = answering_node(config)
    deployment = check_card(node, found)
    contract = ExperimentContract(node, deployment.contract)
    return OpenedExperiment(card=found, deployment=deployment, node=node, contract=contract)


def answering_node(config: Config) -> Node:
    """Return the first of a configuration's nodes that answers; it is on the right chain.

    Raises:
        ConfigError: what answers is on another chain.
        ChainError: none answers; the message has what each said.
    """
    failures = []
    for node in config.nodes():
        try:
            node.block_number()
        except ChainError as error:
            failures.append(str(error))
        else:
            return node
    raise ChainError("; ".join(failures))


def own_account(config: Config) -> StoredAccount:
    """Return what is known of a party's account without its password.

    Raises:
        ConfigError: the configuration names none, or there is none of that name.
    """
    return config.keystore().find(config.account.name)


def unlock_sender(config: Config, node: Node) -> tuple[Sender, UnlockedAccount]:
    """Return what sends a party's transactions, and its account, whose key decrypts too.

    Raises:
        ConfigError: the account cannot be unlocked.
    """
    from colearn_chain.chain import Sender  # noqa: PLC0415 - imports web3

    account = config.unlock()
    return Sender(node, account.account), account


def open_store(config: Config, scratch: Path) -> ArtefactStore:
    """Return the configuration's store; what is only passing through goes to ``scratch``.

    Raises:
        ConfigError: the configuration names none.
    """
    return ArtefactStore(config.storage(), scratch)
