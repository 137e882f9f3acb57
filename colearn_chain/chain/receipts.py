"""What became of a transaction, with the contract's events decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address

from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.node import NOBODY, octets, quantity
from colearn_chain.errors import ChainError, shown
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that the contract told of.

    Attributes:
        name: the event's Solidity name, such as ``RoundClosed``.
        values: its arguments by their Solidity names.
    """

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A mined transaction.

    Attributes:
        transaction_hash: 0x and 64 hex digits.
        block_number: the block that it is in.
        succeeded: False: it was mined and did nothing but cost gas.
        gas_used: units of gas.
        gas_price: wei paid per unit of gas.
        contract: the contract that it called or made; the zero address where a deployment failed.
        events: what that contract told of, in order.
    """

    transaction_hash: str
    block_number: int
    succeeded: bool
    gas_used: int
    gas_price: int
    contract: Address
    events: tuple[Event, ...]

    @classmethod
    def from_rpc(cls, raw: Mapping[str, Any]) -> Receipt:
        """Read a receipt as nodes write it.

        Raises:
            ChainError: it is not one.
        """
        try:
            return cls._from_rpc(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ChainError(f"the node's receipt makes no sense: {shown(repr(error))}") from error

    @classmethod
    def _from_rpc(cls, raw: Mapping[str, Any]) -> Receipt:
        contract = to_checksum_address(raw["to"] or raw["contractAddress"] or NOBODY)
        return cls(
            transaction_hash="0x" + octets(raw["transactionHash"]).hex(),
            block_number=quantity(raw["blockNumber"]),
            succeeded=quantity(raw["status"]) == 1,
            gas_used=quantity(raw["gasUsed"]),
            gas_price=quantity(raw["effectiveGasPrice"]),
            contract=Address(contract),
            events=tuple(_events(raw, contract)),
        )


def _events(raw: Mapping[str, Any], contract: str) -> Iterator[Event]:
    for log in raw["logs"]:
        if to_checksum_address(log["address"]) != contract:
            continue
        decoded = experiment_interface().decode_event(
            [octets(topic) for topic in log["topics"]], octets(log["data"])
        )
        if decoded is not None:
            yield Event(name=decoded.name, values=decoded.values)
