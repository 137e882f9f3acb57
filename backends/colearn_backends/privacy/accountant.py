"""What steps of DP-SGD cost: their Renyi divergences, which add up, and the epsilon that follows.

The divergences are those of the Poisson-subsampled Gaussian mechanism (Mironov, Talwar and Zhang 2019,
arXiv:1908.10530), the step to epsilon is that of Canonne, Kamath and Steinke 2020 (arXiv:2004.00010,
proposition 12), both as ``dp_accounting`` computes them.
"""

from __future__ import annotations

import functools
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_ORDERS = np.array([1 + step / 10 for step in range(1, 100)] + [*range(11, 64), 128, 256, 512, 1024])
"""Fine where large epsilons have their best order, far apart for small ones: the usual choice."""

LEAST_NOISE, MOST_NOISE = 0.01, 1000.0
"""Noise multipliers between which the accountant's numbers were compared with exact ones."""

LEAST_RATE = 1e-9
"""The same for sampling rates, the largest of which is 1."""

MOST_STEPS = 10**9
MOST_LABEL = 200

_ROUNDING = 1e-20
"""Divergences below this are rounding, of either sign; they count as this much."""


class Mechanism(NamedTuple):
    """One step of DP-SGD, as far as its privacy goes.

    Attributes:
        noise_multiplier: standard deviation of the noise over the L2 norm that gradients are clipped to.
        sampling_rate: the probability with which each example is part of the step's batch.
    """

    noise_multiplier: float
    sampling_rate: float


@dataclass(frozen=True)
class Plan:
    """Steps to be trained for one proposal.

    Attributes:
        mechanism: what each step is.
        steps: how many.
        label: what they are for, to be read by people; at most ``MOST_LABEL`` characters.

    Raises:
        ConfigError: a number is out of its range, or the label too long.
    """

    mechanism: Mechanism
    steps: int
    label: str = ""

    def __post_init__(self) -> None:
        noise, rate = self.mechanism
        if not LEAST_NOISE <= noise <= MOST_NOISE:
            raise ConfigError(
                f"a noise multiplier must be from {LEAST_NOISE} to {MOST_NOISE:g}, not {shown(noise)}"
            )
        if not LEAST_RATE <= rate <= 1:
            raise ConfigError(f"a sampling rate must be from {LEAST_RATE} to 1, not {shown(rate)}")
        if not 1 <= self.steps <= MOST_STEPS:
            raise ConfigError(f"training takes from 1 to {MOST_STEPS:,} steps, not {shown(self.steps)}")
        if len(self.label) > MOST_LABEL:
            raise ConfigError(f"a label of {len(self.label)} characters; {MOST_LABEL} are allowed")


def epsilon_of(steps: Mapping[Mechanism, int], delta: float) -> float:
    """Return the epsilon of all steps together; 0 for none.

    Args:
        steps: how many of each mechanism.
        delta: the probability with which epsilon may be exceeded.

    Raises:
        ConfigError: delta is not between 0 and 1.
    """
    check_delta(delta)
    return _epsilon(_total(steps), delta) if steps else 0.0


def most_steps(steps: Mapping[Mechanism, int], plan: Plan, epsilon: float, delta: float) -> int:
    """Return how many of a plan's steps fit after the given ones: 0 to all, the total at most ``epsilon``.

    Args:
        steps: what was trained already, how many steps of each mechanism.
        plan: what is to come.
        epsilon: what all together may come to.
        delta: the probability with which epsilon may be exceeded.

    Raises:
        ConfigError: delta is not between 0 and 1.
    """
    check_delta(delta)
    before, each = _total(steps), _divergences(plan.mechanism)

    def fits(count: int) -> bool:
        return _epsilon(before + count * each, delta) <= epsilon

    if fits(plan.steps):
        return plan.steps
    fitting, excessive = 0, plan.steps
    while excessive - fitting > 1:
        middle = (fitting + excessive) // 2
        fitting, excessive = (middle, excessive) if fits(middle) else (fitting, middle)
    return fitting


def check_delta(delta: float) -> None:
    """Check that a delta is a probability that means something.

    Raises:
        ConfigError: it is not between 0 and 1.
    """
    if not 0 < delta < 1:
        raise ConfigError(f"delta must be between 0 and 1, not {shown(delta)}")


def _total(steps: Mapping[Mechanism, int]) -> NDArray[np.float64]:
    divergences = [count * _divergences(one) for one, count in steps.items()]
    return np.sum(divergences, axis=0) if divergences else np.zeros(len(_ORDERS))


def _epsilon(divergences: NDArray[np.float64], delta: float) -> float:
    from dp_accounting import rdp  # noqa: PLC0415 - one second, which learners without privacy do not pay

    return float(rdp.compute_epsilon(_ORDERS, divergences, delta)[0])


@functools.lru_cache(maxsize=1024)
def _divergences(mechanism: Mechanism) -> NDArray[np.float64]:
    """One step's Renyi divergence at each order; some forty milliseconds, hence remembered."""
    import dp_accounting as dp  # noqa: PLC0415 - as above
    from dp_accounting import rdp  # noqa: PLC0415 - as above

    gaussian = dp.GaussianDpEvent(mechanism.noise_multiplier)
    with _quiet():
        accountant = rdp.RdpAccountant(_ORDERS).compose(
            dp.PoissonSampledDpEvent(mechanism.sampling_rate, gaussian)
        )
    found: NDArray[np.float64] = accountant._rdp  # noqa: SLF001 - else nothing could be remembered
    return np.maximum(found, _ROUNDING)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings of orders at which a series did not converge: they are left out, to nobody's harm."""
    log = logging.getLogger("absl")
    log.addFilter(_refuse)
    try:
        yield
    finally:
        log.removeFilter(_refuse)


def _refuse(_: logging.LogRecord) -> bool:
    return False
