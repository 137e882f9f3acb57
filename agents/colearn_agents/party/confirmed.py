"""How much of what the latest block tells is there to stay: an agent acts on nothing else.

A chain can be reorganised: its latest blocks give way to others, in which a round may have closed in another
way, or not at all. What has enough blocks on top of it, or what the chain calls final, stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_chain.chain.node import NOBODY
from colearn_chain.errors import ConfigError
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.chain.networks import Finality
    from colearn_chain.rounds import Snapshot


class ConfirmedRounds:
    """Which rounds are closed for good.

    A closed round never changes on its chain. So if an older block, which stays, knows as many closed rounds
    as the latest one, these are the same rounds with the same outcomes.

    Args:
        contract: the experiment.
        finality: when a block counts.

    Attributes:
        closed: the last round that is closed for good, as far as was looked; 0: none.
    """

    def __init__(self, contract: ExperimentContract, finality: Finality) -> None:
        self._contract = contract
        self._finality = finality
        self.closed = RoundNumber(0)

    def cover(self, latest: Snapshot) -> bool:
        """Say whether all rounds that are closed in the latest block are closed for good.

        Asks the node once, and only as long as that is not known.

        Raises:
            ChainError: the node did not answer, or does not know which block is final.
        """
        if self.closed != closed_in(latest):
            self.closed = self._closed_for_good(latest)
        return self.closed == closed_in(latest)

    def _closed_for_good(self, latest: Snapshot) -> RoundNumber:
        if self._finality == 0:
            return closed_in(latest)
        block = self._finality
        if isinstance(block, int):
            block = max(latest.block_number - block, 0)
        try:
            return closed_in(self._contract.snapshot(NOBODY, block=block))
        except ConfigError:  # the contract, which is there now, was not there yet at that block
            return RoundNumber(0)


def closed_in(snapshot: Snapshot) -> RoundNumber:
    """Return the last round that is closed; 0: none is."""
    return RoundNumber(snapshot.number - snapshot.round.status.is_open)
