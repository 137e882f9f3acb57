"""What an experiment's organizer changed, from the contract's log; worth knowing, and no check needs it.

Logs are pruned or limited at many nodes, so this can fail where everything else is to be had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_chain.chain.node import NOBODY
from colearn_chain.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from colearn_chain.chain.logs import LogEntry
    from colearn_chain.types import Address

ORGANIZERS_EVENTS = frozenset({"Invited", "InvitationWithdrawn", "OrganizerChanged"})
"""The events that only the organizer brings about; the deployment's own is the change from nobody."""


def organizers_acts(log: Iterable[LogEntry]) -> list[LogEntry]:
    """Pick what the organizer did from a log that begins with the deployment, in order.

    Raises:
        ChainError: the deployment is not in it: a node that forgets old logs answers with the others.
    """
    acts = [entry for entry in log if entry.event in ORGANIZERS_EVENTS]
    after = [entry for entry in acts if entry.values.get("from") != NOBODY]
    if len(after) == len(acts):
        raise ChainError("the node's log lacks the deployment, so it may lack anything")
    return after


def in_words(act: LogEntry, name: Callable[[Address], str]) -> str:
    """Say what the organizer did."""
    values = act.values
    if act.event == "Invited":
        return f"{name(values['learner'])} was invited"
    if act.event == "InvitationWithdrawn":
        return f"{name(values['learner'])} was removed, and its invitation withdrawn"
    if values["to"] == NOBODY:
        return f"{name(values['from'])} gave the organizer's role up for good"
    return f"{name(values['from'])} handed the organizer's role to {name(values['to'])}"
