"""The history hash: one value that commits to the rules and to every join and closing since.

The formulas are those of ``IExperiment.historyHash``: keccak-256 over the Solidity ABI encoding (Contract ABI
Specification, "Formal Specification of the Encoding"; every value here takes 32 bytes).
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colearn_chain.rounds.membership import Membership
    from colearn_chain.rounds.rules import Rules
    from colearn_chain.rounds.word import Round
    from colearn_chain.types import Address, Digest

RULES_TYPE = "(uint16,uint32,uint32,uint32,uint8,uint24,uint8,uint40,bool,bool)"
"""The Solidity struct ``Rules``, as the ABI writes types."""


def initial_hash(
    chain_id: int, address: Address, rules: Rules, spec_digest: Digest, first_organizer: Address
) -> bytes:
    """The history hash at deployment: 32 bytes."""
    types = ["uint256", "address", RULES_TYPE, "bytes32", "address"]
    return _hash(types, [chain_id, address, astuple(rules), spec_digest, first_organizer])


def fold_join(history_hash: bytes, index: int, membership: Membership) -> bytes:
    """The history hash after the join that made membership number ``index``: 32 bytes."""
    types = ["bytes32", "uint256", "address", "uint8", "uint24", "bytes32"]
    values = [membership.learner, membership.seat, membership.first_round, membership.encryption_key]
    return _hash(types, [history_hash, index, *values])


def fold_closing(history_hash: bytes, number: int, closed: Round) -> bytes:
    """The history hash after round ``number`` closed: 32 bytes."""
    return _hash(
        ["bytes32", "uint256", "uint256", "bytes32"], [history_hash, number, closed.word, closed.digest]
    )


def _hash(types: list[str], values: list[Any]) -> bytes:
    from eth_abi.abi import encode  # noqa: PLC0415 - takes 0.2 s of CPU
    from eth_utils.crypto import keccak  # noqa: PLC0415 - likewise

    return bytes(keccak(encode(types, values)))
