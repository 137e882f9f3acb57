"""Labelled data over learners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colearn_backends.splitting import FEWEST, Parts, split_over_learners
from colearn_chain.errors import ConfigError

ALPHAS = st.none() | st.floats(0.001, 100)


def _labels(samples: int, classes: int) -> np.ndarray:
    return np.arange(samples) % classes


def _union(parts: list[Parts], name: str) -> set[int]:
    return {int(index) for part in parts for index in getattr(part, name)}


@settings(max_examples=60)
@given(st.integers(120, 400), st.integers(1, 12), st.integers(1, 6), ALPHAS, st.integers(0, 2**40))
def test_every_sample_has_one_owner(
    samples: int, classes: int, count: int, alpha: float | None, seed: int
) -> None:
    """Parts are disjoint, are everything together, and none is too small, however unequal the split."""
    parts = split_over_learners(_labels(samples, classes), count, seed=seed, alpha=alpha)
    rows = np.concatenate([rows for part in parts for rows in (part.train, part.vote, part.test)])
    assert sorted(rows.tolist()) == list(range(samples))
    assert min(rows.size for part in parts for rows in (part.train, part.vote, part.test)) >= FEWEST


@settings(max_examples=30)
@given(st.integers(2, 6), ALPHAS, st.integers(0, 2**40))
def test_one_learner_of_one_has_what_all_have_together(count: int, alpha: float | None, seed: int) -> None:
    """The pool trains, votes and tests on the unions of the learners' own parts."""
    labels = _labels(300, 10)
    pool = split_over_learners(labels, 1, seed=seed, alpha=alpha)
    parts = split_over_learners(labels, count, seed=seed, alpha=alpha)
    for name in ("train", "vote", "test"):
        assert _union(pool, name) == _union(parts, name)


def test_the_same_seed_gives_the_same_split() -> None:
    """Every learner computes the split by itself, so it must come out the same."""
    labels = _labels(300, 10)
    first, again, other = (split_over_learners(labels, 5, seed=seed, alpha=0.5) for seed in (1, 1, 2))
    for index in range(5):
        assert np.array_equal(first[index].train, again[index].train)
    assert not np.array_equal(first[0].train, other[0].train)


def test_an_equal_split_is_equal() -> None:
    """Without alpha sizes differ by one at most, in fractions as asked."""
    parts = split_over_learners(_labels(1797, 10), 5, seed=0)
    assert {part.train.size for part in parts} == {215, 216}
    assert {part.vote.size for part in parts} == {72}
    assert {part.test.size for part in parts} == {71, 72}


def _skew(alpha: float) -> float:
    labels = _labels(3000, 10)
    parts = split_over_learners(labels, 5, seed=3, alpha=alpha)
    mixes = [np.bincount(labels[part.train], minlength=10) / part.train.size for part in parts]
    return float(np.mean([mix.max() for mix in mixes]))


def test_a_smaller_alpha_is_less_equal() -> None:
    """The commonest label's share grows as alpha falls; at 1000 the mix is even."""
    assert _skew(0.1) > _skew(1) > _skew(1000)
    assert _skew(1000) == pytest.approx(0.1, abs=0.02)


def test_a_learners_parts_share_its_mix() -> None:
    """Who trains on few classes votes and is tested on the same ones."""
    labels = _labels(3000, 10)
    for part in split_over_learners(labels, 3, seed=5, alpha=0.5):
        train, vote = (
            np.bincount(labels[rows], minlength=10) / rows.size for rows in (part.train, part.vote)
        )
        assert np.abs(train - vote).max() < 0.1


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.nan, math.inf])
def test_an_alpha_that_is_none_is_refused(alpha: float) -> None:
    """The error names the value."""
    with pytest.raises(ConfigError, match=str(alpha)):
        split_over_learners(_labels(100, 10), 2, seed=0, alpha=alpha)


def test_too_many_learners_are_refused() -> None:
    """Data that cannot give everybody the fewest samples are not split at all."""
    with pytest.raises(ConfigError, match="too few for 10 learners"):
        split_over_learners(_labels(100, 10), 10, seed=0)


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.0), (0.6, 0.2, 0.1), (1.2, -0.1, -0.1)])
def test_fractions_that_are_no_shares_are_refused(fractions: tuple[float, float, float]) -> None:
    """Three positive parts of one whole."""
    with pytest.raises(ConfigError, match="fractions"):
        split_over_learners(_labels(100, 10), 2, seed=0, fractions=fractions)


def test_no_learners_and_no_labels_are_refused() -> None:
    """A count below one, and labels in a table."""
    with pytest.raises(ConfigError, match="0 learners"):
        split_over_learners(_labels(100, 10), 0, seed=0)
    with pytest.raises(ConfigError, match="labels of shape"):
        split_over_learners(np.zeros((10, 2)), 2, seed=0)
