"""The rule of what a private learner may still train, the same for every framework.

A proposal that fits within the budget is trained whole; else as many of its steps as fit; else nothing is
proposed, and the summary says ``DP_BUDGET_EXCEEDED``. The steps are in the ledger before the first of them is
trained, and stay there whatever becomes of the training.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from colearn_backends.privacy.accountant import MOST_STEPS, Mechanism, Plan, check_delta
from colearn_chain.errors import ConfigError
from colearn_chain.ml_interface import DiffPrivBudget, ErrorCodes, TrainingSummary, Weights

if TYPE_CHECKING:
    from colearn_backends.privacy.ledger import PrivacyLedger
    from colearn_chain.ml_interface import DiffPrivConfig


class PrivacyBudget:
    """What one learner may spend, out of a ledger that others may charge, too.

    ::

        steps = budget.reserve(planned, label)
        if not steps:
            return budget.refusal()
        ...  # train this many steps
        return Weights(weights=..., training_summary=budget.summary())

    Args:
        config: the target and the noise.
        ledger: of the learner's training data.
        examples: how many training examples there are.
        batch_size: how many of them a step samples on average.

    Raises:
        ConfigError: a number is out of its range.
    """

    def __init__(
        self, config: DiffPrivConfig, ledger: PrivacyLedger, *, examples: int, batch_size: int
    ) -> None:
        for name in ("target_epsilon", "max_grad_norm"):
            number = getattr(config, name)
            if not (math.isfinite(number) and number > 0):
                raise ConfigError(f"{name} must be a finite number above 0, not {number}")
        check_delta(config.target_delta)
        if not 1 <= batch_size <= examples:
            raise ConfigError(f"a batch of {batch_size} cannot be sampled from {examples} training examples")
        self._config, self._ledger = config, ledger
        self.mechanism = Mechanism(config.noise_multiplier, batch_size / examples)
        self._plan(1)

    def reserve(self, steps: int, label: str = "") -> int:
        """Charge the next proposal's steps, or as many of them as the budget allows.

        Args:
            steps: how many are wanted.
            label: what they are for; it is written into the ledger.

        Returns:
            How many are to be trained, now on the disk as spent; 0: none.

        Raises:
            ConfigError: the number of steps is out of its range, or the ledger has lost records.
            StorageError: the ledger cannot be written; nothing may be trained.
        """
        return self._ledger.reserve(
            self._plan(steps, label), self._config.target_epsilon, self._config.target_delta
        )

    def charge_published(self, published: DiffPrivBudget, label: str = "published") -> None:
        """Charge what an own proposal says was spent, as far as the ledger does not know it.

        A ledger that was restored from a backup lacks what was trained since. The missing epsilon is charged
        in steps of this learner's own mechanism, the fewest that come to it.

        Args:
            published: the budget in the summary of the learner's last proposal.
            label: what the steps are for; it is written into the ledger.

        Raises:
            ConfigError: the published delta is out of its range, or the ledger has lost records.
            StorageError: the ledger cannot be written.
        """
        spent, delta = published.consumed_epsilon, published.consumed_delta
        if self._ledger.epsilon(delta) >= spent:
            return
        below = self._ledger.most_steps(self._plan(MOST_STEPS), math.nextafter(spent, 0), delta)
        self._ledger.charge(self._plan(min(below + 1, MOST_STEPS), label))

    def spent(self) -> DiffPrivBudget:
        """Return the target, and what was spent of it by whoever charged the ledger.

        Raises:
            ConfigError: the ledger has lost records.
            StorageError: the ledger cannot be read.
        """
        return DiffPrivBudget(
            target_epsilon=self._config.target_epsilon,
            target_delta=self._config.target_delta,
            consumed_epsilon=self._ledger.epsilon(self._config.target_delta),
            consumed_delta=self._config.target_delta,
        )

    def summary(self) -> TrainingSummary:
        """Return what goes with weights that were trained; raises as ``spent`` does."""
        return TrainingSummary(dp_budget=self.spent())

    def refusal(self) -> Weights:
        """Return the answer of a learner whose budget has no step left; raises as ``spent`` does."""
        summary = TrainingSummary(dp_budget=self.spent(), error_code=ErrorCodes.DP_BUDGET_EXCEEDED)
        return Weights(weights=None, training_summary=summary)

    def _plan(self, steps: int, label: str = "") -> Plan:
        return Plan(self.mechanism, steps, label)
