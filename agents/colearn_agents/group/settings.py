"""What can be chosen about a group of learners that runs in one process."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colearn_chain.artefacts import LearnerContext
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import RuleBroken, Rules
from colearn_chain.types import SEATS

if TYPE_CHECKING:
    from collections.abc import Mapping

FEWEST = 2
"""One learner has nobody to ask."""

IDLE_ROUNDS = 3
"""So many misses in a row end a membership, if anyone asks for it; in a group nobody does."""


@dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """What can be chosen about a group.

    Attributes:
        learners: how many, 2 to 64.
        rounds: after how many the experiment is finished.
        seed: of accounts and learners.
        threshold_bps: share of the voters that has to approve, in basis points.
        count_proposer: whether the proposer votes too.
        close_early: whether a round closes once its outcome is certain.
        proposal_window: seconds of chain time.
        voting_window: seconds of chain time.
        arguments: handed to the factory, such as ``{"alpha": 0.5}``.
        stall_rounds: after how many rounds in a row without an accepted proposal the run ends.
    """

    learners: int = 5
    rounds: int = 20
    seed: int = 0
    threshold_bps: int = 5001
    count_proposer: bool = False
    close_early: bool = False
    proposal_window: int = 600
    voting_window: int = 600
    arguments: Mapping[str, Any] = field(default_factory=dict)
    stall_rounds: int = 10

    def rules(self, start_deadline: int) -> Rules:
        """Return the contract's rules.

        Args:
            start_deadline: after it, anyone may start; seconds since 1970.

        Raises:
            ConfigError: a setting is out of its range.
        """
        if not FEWEST <= self.learners <= SEATS:
            raise ConfigError(f"a group has {FEWEST} to {SEATS} learners, not {self.learners}")
        if self.stall_rounds < 1:
            raise ConfigError(f"stall_rounds is {self.stall_rounds}, and has to be 1 or more")
        rules = self._rules(start_deadline)
        try:
            rules.check()
        except RuleBroken as broken:
            rule = broken.values["rule"].rstrip(b"\0").decode()
            least, most = broken.values["least"], broken.values["most"]
            raise ConfigError(f"{rule} is {broken.values['value']}, not within {least} to {most}") from broken
        return rules

    def context(self, index: int) -> LearnerContext:
        """What the factory is told of one learner; its arguments are its own, whatever it does to them."""
        return LearnerContext(
            index=index,
            count=self.learners,
            seed=self.seed,
            spec=None,
            arguments=copy.deepcopy(self.arguments),
        )

    def _rules(self, start_deadline: int) -> Rules:
        return Rules(
            threshold_bps=self.threshold_bps,
            proposal_window=self.proposal_window,
            voting_window=self.voting_window,
            contribution_window=0,
            min_learners=FEWEST,
            max_rounds=self.rounds,
            idle_rounds=IDLE_ROUNDS,
            start_deadline=start_deadline,
            count_proposer=self.count_proposer,
            close_early=self.close_early,
        )
