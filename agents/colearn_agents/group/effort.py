"""What a run costs on chain, and how often learners trained, counted from the parties' own events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from colearn_agents.party.events import Event, Sent, Trained

if TYPE_CHECKING:
    from colearn_chain.types import Address


class Effort:
    """Adds up receipts and trainings.

    Attributes:
        transactions: how many were mined.
        trainings: how many times a learner trained for a proposal.
        gas_by_party: by the sender's address, the organizer's included.
        gas_by_round: by the round that a transaction was sent in; 0: before the first.
    """

    def __init__(self) -> None:
        self.transactions = 0
        self.trainings = 0
        self.gas_by_party: Counter[Address] = Counter()
        self.gas_by_round: Counter[int] = Counter()

    def observe(self, event: Event) -> None:
        """Count one event."""
        match event:
            case Sent():
                self.transactions += 1
                self.gas_by_party[event.learner] += event.gas_used
                self.gas_by_round[event.round] += event.gas_used
            case Trained():
                self.trainings += 1

    @property
    def gas(self) -> int:
        """All gas that was spent."""
        return self.gas_by_round.total()

    @property
    def setup_gas(self) -> int:
        """What was spent before the first round: deployment, invitations, joins, start."""
        return self.gas_by_round[0]
