"""Sending a call to an experiment: tried first without sending, so that a refusal costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_agents.experiments.refusals import in_words
from colearn_chain.errors import ConfigError, ContractReverted

if TYPE_CHECKING:
    from colearn_agents.experiments.acts import Act
    from colearn_agents.experiments.costs import Purse
    from colearn_chain.chain import ExperimentContract, Receipt, Sender


def rehearse(contract: ExperimentContract, purse: Purse, act: Act) -> int:
    """Return the gas that a call takes, as of the latest block; nothing is sent.

    Args:
        contract: the experiment.
        purse: of the account that will send it.
        act: the call.

    Raises:
        ConfigError: the contract would refuse, for a reason that the message says; or the account cannot pay.
        ChainError: the node did not answer.
    """
    purse.check_not_empty()
    try:
        gas = contract.node.estimate_gas(purse.address, contract.address, _data(act))
    except ContractReverted as refusal:
        raise ConfigError(f"nothing was sent: {in_words(refusal)}") from refusal
    purse.check(gas)
    return gas


def perform(contract: ExperimentContract, sender: Sender, act: Act) -> Receipt:
    """Send a call and wait until it is mined.

    Raises:
        ConfigError: the contract refuses by now, or the account cannot pay.
        ChainError: see :meth:`~colearn_chain.chain.transactions.Sender.send`.
    """
    try:
        return sender.send(contract.address, _data(act))
    except ContractReverted as refusal:
        raise ConfigError(f"the contract refused to {act.deed}: {in_words(refusal)}") from refusal


def _data(act: Act) -> bytes:
    from colearn_chain.chain.abi import experiment_interface  # noqa: PLC0415 - imports web3

    return experiment_interface().encode_call(act.function, *act.arguments)
