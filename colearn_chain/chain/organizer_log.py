"""What an experiment's organizer changed, from the contract's log; worth knowing, and no check needs it.

Ranges of logs are limited or pruned at many nodes, so this can fail where everything else is to be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.node import NOBODY, octets, quantity
from colearn_chain.errors import ChainError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from colearn_chain.chain.node import Node
    from colearn_chain.types import Address

_ACTS = frozenset({"Invited", "InvitationWithdrawn", "OrganizerChanged"})
"""The events that only the organizer brings about; the deployment's own is the change from nobody."""


@dataclass(frozen=True)
class OrganizersAct:
    """Something that the organizer did.

    Attributes:
        block: the number of the block that it is in.
        event: ``Invited``, ``InvitationWithdrawn`` or ``OrganizerChanged``.
        values: its arguments by their Solidity names.
    """

    block: int
    event: str
    values: Mapping[str, Any]


def organizers_acts(node: Node, contract: Address, first_block: int, last_block: int) -> list[OrganizersAct]:
    """Read what the organizer did in some blocks, in order.

    Raises:
        ChainError: the node has no such logs, did not answer, or not with sense.
    """
    asked = {"address": contract, "fromBlock": hex(first_block), "toBlock": hex(last_block)}
    logs = node.request("eth_getLogs", asked)
    try:
        return list(_acts(logs))
    except (KeyError, TypeError, AttributeError) as error:
        raise ChainError(f"the node's logs make no sense: {shown(repr(error))}") from error


def _acts(logs: list[Mapping[str, Any]]) -> Iterator[OrganizersAct]:
    for log in logs:
        decoded = experiment_interface().decode_event(
            [octets(topic) for topic in log["topics"]], octets(log["data"])
        )
        if decoded is None or decoded.name not in _ACTS or decoded.values.get("from") == NOBODY:
            continue
        yield OrganizersAct(quantity(log["blockNumber"]), decoded.name, decoded.values)


def in_words(act: OrganizersAct, name: Callable[[Address], str]) -> str:
    """Say what the organizer did."""
    values = act.values
    if act.event == "Invited":
        return f"{name(values['learner'])} was invited"
    if act.event == "InvitationWithdrawn":
        return f"{name(values['learner'])} was removed, and its invitation withdrawn"
    if values["to"] == NOBODY:
        return f"{name(values['from'])} gave the organizer's role up for good"
    return f"{name(values['from'])} handed the organizer's role to {name(values['to'])}"
