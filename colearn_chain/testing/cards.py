"""Cards of deployments that no chain has seen: where nothing runs, any initcode can stand for a contract."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from colearn_chain.artefacts.card import Card, Deployment, Release
from colearn_chain.chain.accounts import Account
from colearn_chain.rounds import Experiment, History
from colearn_chain.rounds.history_hash import RULES_TYPE, fold_closing, fold_join, initial_hash

if TYPE_CHECKING:
    from colearn_chain.rounds import Rules
    from colearn_chain.types import Digest

INITCODE = bytes.fromhex("600d600d600039600d6000f3fe 608050 602a60005260206000f3")
"""Some initcode; what the code does that it makes is of no meaning."""

RUNTIME = INITCODE[13:]
"""That code."""

RELEASE = Release(initcode_hash=keccak(INITCODE), size=len(INITCODE), compiler="none")
CHAIN_ID = 11_155_111
BLOCK_NUMBER, BLOCK_HASH = 7, b"\x0b" * 32


def constructor_arguments(rules: Rules, spec_digest: Digest) -> bytes:
    """The arguments as they follow the initcode."""
    return encode([RULES_TYPE, "bytes32"], [astuple(rules), spec_digest])


def signed_transaction(data: bytes, **changes: Any) -> bytes:
    """A raw signed transaction that makes a contract; ``changes`` to its fields, None: without this one."""
    fields = {
        "chainId": CHAIN_ID,
        "nonce": 3,
        "gas": 5_000_000,
        "maxFeePerGas": 10,
        "maxPriorityFeePerGas": 1,
        "value": 0,
        "data": "0x" + data.hex(),
    } | changes
    given = {name: value for name, value in fields.items() if value is not None}
    return bytes(Account.seeded("cards", 0).sign_transaction(given).raw_transaction)


def card_for(rules: Rules, spec_digest: Digest) -> Card:
    """The card of an experiment under these rules."""
    raw = signed_transaction(INITCODE + constructor_arguments(rules, spec_digest))
    return Card.of(raw, BLOCK_NUMBER, BLOCK_HASH)


def deployed(deployment: Deployment) -> Experiment:
    """The reference model of an experiment right after its deployment."""
    return Experiment.deploy(
        deployment.organizer,
        deployment.chain_id,
        deployment.contract,
        deployment.rules,
        deployment.spec_digest,
    )


def history_of(experiment: Experiment, deployment: Deployment) -> History:
    """What an honest node would tell of it."""
    return History(
        chain_id=deployment.chain_id,
        address=deployment.contract,
        rules=deployment.rules,
        spec_digest=deployment.spec_digest,
        first_organizer=deployment.organizer,
        memberships=experiment.memberships,
        rounds=tuple(each for each in experiment.rounds if not each.status.is_open),
        history_hash=experiment.history_hash,
    )


def rehashed(history: History) -> History:
    """The history with the hash that a contract of such a past would have, whatever the rules allow."""
    value = initial_hash(
        history.chain_id, history.address, history.rules, history.spec_digest, history.first_organizer
    )
    joins = list(enumerate(history.memberships))
    for number, closed in enumerate((None, *history.rounds)):
        value = value if closed is None else fold_closing(value, number, closed)
        for index, made in joins:
            value = fold_join(value, index, made) if made.closings == number else value
    return replace(history, history_hash=value)
