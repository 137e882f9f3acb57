"""Labelled data over learners: private train, vote and test parts for each, equal or as unequal as asked.

Train, vote and test are cut apart first, from the seed alone, and each of the three is then dealt over the
learners. So one learner that is given everything (``count=1``) trains on exactly the union of what five
would train on, and is tested on exactly the union of their tests: a fair baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Indices = npt.NDArray[np.intp]

FRACTIONS = (0.6, 0.2, 0.2)
"""Train, vote and test."""

FEWEST = 4
"""Samples that each learner has at least of each of its three parts."""

_CUT, _DEAL = 0, 1
"""Two streams of random numbers, so that the cut is the same for every number of learners."""


@dataclass(frozen=True)
class Parts:
    """Which samples are one learner's, as indices; no index is in two parts or at two learners."""

    train: Indices
    vote: Indices
    test: Indices


def split_over_learners(
    labels: npt.ArrayLike,
    count: int,
    *,
    seed: int,
    alpha: float | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> list[Parts]:
    """Give each learner private train, vote and test parts.

    Args:
        labels: one class label for each sample, shape [samples].
        count: how many learners.
        seed: the split is a function of it, of ``labels`` and of the other arguments.
        alpha: None for an equal split at random; else how even the label mix is: for every class the
            learners' shares are drawn from a symmetric Dirichlet distribution with this concentration (Hsu,
            Qi and Brown 2019, arXiv:1909.06335, have it per learner; per class as in Yurochkin et al. 2019,
            arXiv:1905.12022). 100 is nearly even, 0.1 leaves most learners with few classes. A learner's
            three parts share its mix. Whoever is left with fewer than ``FEWEST`` samples in a part gets some
            of the largest holder's.
        fractions: train, vote and test shares of all samples; together 1.

    Returns:
        Parts for learner 0 to ``count - 1``; together they are all samples.

    Raises:
        ConfigError: an argument is out of its range, or there are too few samples for so many learners.
    """
    known = np.asarray(labels)
    _check(known, count, alpha, fractions)
    cut = _cut(known.size, fractions, np.random.default_rng([seed, _CUT]))
    for name, part in zip(("train", "vote", "test"), cut, strict=True):
        if part.size < FEWEST * count:
            raise ConfigError(
                f"{part.size} {name} samples are too few for {count} learners with {FEWEST} each"
            )
    rng = np.random.default_rng([seed, _DEAL])
    shares = None if alpha is None else _shares(known, count, alpha, rng)
    dealt = [_deal(known, part, count, shares) for part in cut]
    return [Parts(*(part[index] for part in dealt)) for index in range(count)]


def _check(labels: npt.NDArray[Any], count: int, alpha: float | None, fractions: Sequence[float]) -> None:
    if labels.ndim != 1:
        raise ConfigError(f"labels of shape {labels.shape} are not one label for each sample")
    if count < 1:
        raise ConfigError(f"{count} learners cannot share data")
    if alpha is not None and not (math.isfinite(alpha) and alpha > 0):
        raise ConfigError(f"a Dirichlet alpha of {alpha} is not a finite number above 0")
    if min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise ConfigError(f"the fractions {tuple(fractions)} are not three positive shares of 1")


def _cut(samples: int, fractions: Sequence[float], rng: np.random.Generator) -> list[Indices]:
    bounds = np.rint(np.cumsum(fractions)[:-1] * samples).astype(int)
    return np.split(rng.permutation(samples), bounds)


def _shares(
    labels: npt.NDArray[Any], count: int, alpha: float, rng: np.random.Generator
) -> dict[Any, npt.NDArray[Any]]:
    return {label: rng.dirichlet(np.full(count, alpha)) for label in np.unique(labels).tolist()}


def _deal(
    labels: npt.NDArray[Any], part: Indices, count: int, shares: dict[Any, npt.NDArray[Any]] | None
) -> list[Indices]:
    if shares is None:
        return np.array_split(part, count)
    hands: list[list[Indices]] = [[] for _ in range(count)]
    for label, share in shares.items():
        same = part[labels[part] == label]
        bounds = np.rint(np.cumsum(share)[:-1] * same.size).astype(int)
        for hand, cards in zip(hands, np.split(same, bounds), strict=True):
            hand.append(cards)
    return _levelled([np.concatenate(hand) for hand in hands])


def _levelled(hands: list[Indices]) -> list[Indices]:
    """Move samples from the largest hand to any that is too small, one at a time, evenly spread."""
    for poor in range(len(hands)):
        while hands[poor].size < FEWEST:
            rich = max(range(len(hands)), key=lambda index: (hands[index].size, -index))
            taken = hands[rich].size * hands[poor].size // FEWEST
            hands[poor] = np.append(hands[poor], hands[rich][taken])
            hands[rich] = np.delete(hands[rich], taken)
    return hands
