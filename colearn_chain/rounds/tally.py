"""Whether a proposal is accepted: the contract's rule in integers, so that no rounding can differ from it."""

from __future__ import annotations

from colearn_chain.errors import ConfigError

WHOLE_BPS = 10_000
"""All voters, in basis points."""


def is_accepted(approvals: int, voters: int, threshold_bps: int) -> bool:
    """Say whether so many approvals are enough.

    The rule is ``approvals * 10000 >= threshold_bps * voters``, as ``thresholdBps`` in
    contracts/interfaces/IExperiment.sol has it; without a voter nothing is accepted.

    Args:
        approvals: how many voters approved; silence, rejection and an unavailable proposal are none.
        voters: how many could have, the proposer only where its own ballot counts.
        threshold_bps: the share that has to approve, in basis points (1 to 10,000).

    Raises:
        ConfigError: the threshold is none, such as 0, with which anything would pass.
    """
    if not 1 <= threshold_bps <= WHOLE_BPS:
        raise ConfigError(f"a threshold of {threshold_bps} basis points is not within 1 to {WHOLE_BPS}")
    return voters > 0 and approvals * WHOLE_BPS >= threshold_bps * voters
