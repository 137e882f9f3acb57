"""Labelled data over learners: equally, by size, with samples in common, or as unequal as asked.

``split_data`` gives each learner its samples. ``split_over_learners`` cuts train, vote and test apart first,
from the seed alone, and deals each of the three; so one learner that is given everything (``count=1``) trains
on exactly the union of what five would train on, and is tested on exactly the union of their tests: a fair
baseline.
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

_CUT, _DEAL, _SPLIT = 0, 1, 2
"""Streams of random numbers, so that the cut is the same for every number of learners."""

_ROUNDING = 1e-9
"""What sums of shares such as 0.1 + 0.2 may be off by."""


@dataclass(frozen=True)
class Parts:
    """Which samples are one learner's, as indices; no index is in two parts or at two learners."""

    train: Indices
    vote: Indices
    test: Indices


def split_data(  # noqa: PLR0913 - the ways to split are options by keyword, at most one of two of them
    features: Any,
    labels: npt.ArrayLike,
    count: int,
    *,
    seed: int,
    sizes: Sequence[float] | None = None,
    alpha: float | None = None,
    overlap: float = 0.0,
) -> list[tuple[Any, npt.NDArray[Any]]]:
    """Give each learner its own samples, drawn at random.

    Args:
        features: X, an array of shape [samples, ...] or a CSR matrix.
        labels: y, shape [samples] or [samples, targets].
        count: how many learners.
        seed: the split is a function of it, of ``labels`` and of the other arguments.
        sizes: one positive number for each learner, to which the size of its part is proportional; None:
            all are equal but for one sample.
        alpha: None, or how even the label mix is, as in ``split_over_learners``; needs class labels.
        overlap: share of the samples, from 0 to 1, that every learner gets; the rest is dealt out.

    Returns:
        Copies (X, y) for learner 0 to ``count - 1``, each with at least one sample. Together they are all
        samples, and without overlap no sample is at two learners.

    Raises:
        ConfigError: X and y are of different lengths, an argument is out of its range, both sizes and alpha
            are given, or a learner would get no sample.
    """
    known = np.asarray(labels)
    table = features if hasattr(features, "tocsr") else np.asarray(features)
    if table.ndim == 0 or known.ndim == 0 or table.shape[0] != known.shape[0]:
        raise ConfigError(f"X of shape {table.shape} and y of shape {known.shape} are not rows with labels")
    parts = split_rows(known, count, seed=seed, sizes=sizes, alpha=alpha, overlap=overlap)
    return [(table[rows], known[rows]) for rows in parts]


def split_rows(
    labels: npt.ArrayLike,
    count: int,
    *,
    seed: int,
    sizes: Sequence[float] | None = None,
    alpha: float | None = None,
    overlap: float = 0.0,
) -> list[Indices]:
    """As ``split_data``, for data that are no arrays: which samples each learner gets, as indices.

    Raises:
        ConfigError: an argument is out of its range, both sizes and alpha are given, or a learner would get
            no sample.
    """
    known = np.asarray(labels)
    _check_split(known, count, sizes, alpha, overlap)
    rng = np.random.default_rng([seed, _SPLIT])
    order = rng.permutation(len(known))
    common, rest = np.split(order, [round(overlap * order.size)])
    fewest = 0 if common.size else 1
    if rest.size < fewest * count:
        raise ConfigError(f"{rest.size} samples are too few for {count} learners with one each")
    if sizes is not None:
        hands = _by_size(rest, sizes, fewest)
    else:
        hands = _deal(
            known, rest, None if alpha is None else _shares(known, count, alpha, rng), count, fewest
        )
    return [np.concatenate([common, hand]) for hand in hands]


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
    _check_parts(known, count, alpha, fractions)
    cut = _cut(known.size, fractions, np.random.default_rng([seed, _CUT]))
    for name, part in zip(("train", "vote", "test"), cut, strict=True):
        if part.size < FEWEST * count:
            raise ConfigError(
                f"{part.size} {name} samples are too few for {count} learners with {FEWEST} each"
            )
    rng = np.random.default_rng([seed, _DEAL])
    shares = None if alpha is None else _shares(known, count, alpha, rng)
    dealt = [_deal(known, part, shares, count, FEWEST) for part in cut]
    return [Parts(*(part[index] for part in dealt)) for index in range(count)]


def _check_split(
    labels: npt.NDArray[Any], count: int, sizes: Sequence[float] | None, alpha: float | None, overlap: float
) -> None:
    _check_deal(count, alpha)
    if labels.ndim == 0:
        raise ConfigError(f"{labels} is not one label for each sample")
    if sizes is not None and alpha is not None:
        raise ConfigError("samples are dealt by sizes or by alpha, not by both")
    if alpha is not None and (labels.ndim != 1 or labels.dtype.kind == "f"):
        raise ConfigError(f"alpha needs class labels, not {labels.dtype} of shape {labels.shape}")
    if sizes is not None and (
        len(sizes) != count or not all(math.isfinite(size) and size > 0 for size in sizes)
    ):
        raise ConfigError(f"the sizes {list(sizes)} are not {count} finite numbers above 0")
    if not 0 <= overlap <= 1:
        raise ConfigError(f"an overlap of {overlap} is not a share from 0 to 1")


def _check_parts(
    labels: npt.NDArray[Any], count: int, alpha: float | None, fractions: Sequence[float]
) -> None:
    _check_deal(count, alpha)
    if labels.ndim != 1:
        raise ConfigError(f"labels of shape {labels.shape} are not one label for each sample")
    if min(fractions) <= 0 or not math.isclose(sum(fractions), 1):
        raise ConfigError(f"the fractions {tuple(fractions)} are not three positive shares of 1")


def _check_deal(count: int, alpha: float | None) -> None:
    if count < 1:
        raise ConfigError(f"{count} learners cannot share data")
    if alpha is not None and not (math.isfinite(alpha) and alpha > 0):
        raise ConfigError(f"a Dirichlet alpha of {alpha} is not a finite number above 0")


def _cut(samples: int, fractions: Sequence[float], rng: np.random.Generator) -> list[Indices]:
    bounds = np.rint(np.cumsum(fractions)[:-1] * samples).astype(int)
    return np.split(rng.permutation(samples), bounds)


def _shares(
    labels: npt.NDArray[Any], count: int, alpha: float, rng: np.random.Generator
) -> dict[Any, npt.NDArray[Any]]:
    return {label: rng.dirichlet(np.full(count, alpha)) for label in np.unique(labels).tolist()}


def _by_size(rows: Indices, sizes: Sequence[float], fewest: int) -> list[Indices]:
    ends = np.floor(np.cumsum(sizes) / np.sum(sizes) * rows.size + _ROUNDING).astype(int)
    hands = np.split(rows, ends[:-1])
    for index, hand in enumerate(hands):
        if hand.size < fewest:
            raise ConfigError(f"learner {index} gets none of {rows.size} samples by the sizes {list(sizes)}")
    return hands


def _deal(
    labels: npt.NDArray[Any],
    rows: Indices,
    shares: dict[Any, npt.NDArray[Any]] | None,
    count: int,
    fewest: int,
) -> list[Indices]:
    """Deal samples equally, or those of each class by the learners' shares of it."""
    if shares is None:
        return np.array_split(rows, count)
    hands: list[list[Indices]] = [[] for _ in range(count)]
    for label, share in shares.items():
        same = rows[labels[rows] == label]
        bounds = np.rint(np.cumsum(share)[:-1] * same.size).astype(int)
        for hand, cards in zip(hands, np.split(same, bounds), strict=True):
            hand.append(cards)
    return _levelled([np.concatenate(hand) for hand in hands], fewest)


def _levelled(hands: list[Indices], fewest: int) -> list[Indices]:
    """Move samples from the largest hand to any that is too small, one at a time, evenly spread."""
    for poor in range(len(hands)):
        while hands[poor].size < fewest:
            rich = max(range(len(hands)), key=lambda index: (hands[index].size, -index))
            taken = hands[rich].size * hands[poor].size // fewest
            hands[poor] = np.append(hands[poor], hands[rich][taken])
            hands[rich] = np.delete(hands[rich], taken)
    return hands
