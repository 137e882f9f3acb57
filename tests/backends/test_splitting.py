"""Labelled data over learners."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from colearn_backends.splitting import FEWEST, Parts, split_data, split_over_learners, split_rows
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


SIZES = st.lists(st.floats(0.01, 100), min_size=1, max_size=6)


@given(st.integers(6, 200), st.integers(1, 5), st.integers(1, 6), ALPHAS, st.integers(0, 2**40))
def test_split_data_loses_and_doubles_nothing(
    samples: int, classes: int, count: int, alpha: float | None, seed: int
) -> None:
    """Every sample is at one learner with its own label, and no learner goes without, at any alpha."""
    features = np.arange(2 * samples).reshape(samples, 2)
    labels = _labels(samples, classes)
    parts = split_data(features, labels, count, seed=seed, alpha=alpha)
    assert sorted(int(row[0]) for rows, _ in parts for row in rows) == list(range(0, 2 * samples, 2))
    assert all(np.array_equal(labels[rows[:, 0] // 2], known) for rows, known in parts)
    assert min(len(known) for _, known in parts) >= 1


@given(st.integers(1, 300), SIZES, st.integers(0, 2**40))
def test_sizes_are_kept_to_a_sample_or_refused(samples: int, sizes: list[float], seed: int) -> None:
    """Each learner has its share of the samples, rounded; if that leaves one without, nothing is split."""
    exact = np.array(sizes) / sum(sizes) * samples
    try:
        parts = split_rows(np.zeros(samples), len(sizes), seed=seed, sizes=sizes)
    except ConfigError:
        assert exact.min() < 1 or samples < len(sizes)
        return
    assert all(abs(part.size - share) < 1 for part, share in zip(parts, exact, strict=True))
    assert sorted(np.concatenate(parts).tolist()) == list(range(samples))
    assert min(part.size for part in parts) >= 1


def test_numbers_of_samples_are_sizes_too() -> None:
    """Sizes that are counts of all samples, or hundredths of a hundred, come out as they are."""
    parts = split_rows(np.zeros(1000), 4, seed=0, sizes=[700, 200, 99, 1])
    assert [part.size for part in parts] == [700, 200, 99, 1]
    assert [part.size for part in split_rows(np.zeros(100), 2, seed=0, sizes=[0.29, 0.71])] == [29, 71]


@given(
    st.integers(6, 200),
    st.integers(2, 6),
    st.floats(0, 1),
    st.sampled_from(["equal", "sizes", "alpha"]),
    st.integers(0, 2**40),
)
def test_overlap_is_what_all_have_and_nothing_else_is(
    samples: int, count: int, overlap: float, way: str, seed: int
) -> None:
    """Any two learners share exactly the common samples, however the rest is dealt."""
    ways: dict[str, dict[str, Any]] = {
        "equal": {},
        "sizes": {"sizes": range(1, count + 1)},
        "alpha": {"alpha": 0.3},
    }
    options = ways[way]
    try:
        parts = split_rows(_labels(samples, 3), count, seed=seed, overlap=overlap, **options)
    except ConfigError:
        assert way == "sizes" or samples * (1 - overlap) < count
        return
    held = [set(part.tolist()) for part in parts]
    assert all(len(rows) == part.size for rows, part in zip(held, parts, strict=True))
    common = set.intersection(*held)
    assert len(common) == round(overlap * samples)
    assert all(held[0] & other == common for other in held[1:])
    assert set.union(*held) == set(range(samples))


def test_a_split_follows_from_its_seed() -> None:
    """The same seed gives the same samples in the same order, another seed others."""
    ways: list[dict[str, Any]] = [{}, {"alpha": 0.5}, {"sizes": [1, 2, 3]}, {"overlap": 0.2}]
    for options in ways:
        first, again, other = (split_rows(_labels(100, 4), 3, seed=seed, **options) for seed in (1, 1, 2))
        assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
        assert not np.array_equal(first[0], other[0])


def test_rows_need_labels() -> None:
    """One number is no column of labels."""
    with pytest.raises(ConfigError, match="3 is not one label for each sample"):
        split_rows(3, 2, seed=0)


def test_a_smaller_alpha_makes_split_data_less_equal() -> None:
    """At 0.1 most learners have mostly one class, at 1000 all have all alike."""
    shares = []
    for alpha in (0.1, 1000.0):
        parts = split_data(np.zeros((3000, 1)), _labels(3000, 10), 5, seed=3, alpha=alpha)
        shares.append(float(np.mean([np.bincount(known).max() / known.size for _, known in parts])))
    assert shares[0] > 0.25
    assert shares[1] == pytest.approx(0.1, abs=0.02)


def test_split_data_gives_copies_of_rows() -> None:
    """Pictures, sparse rows, lists and several targets are cut along their first axis."""
    pictures, targets = np.ones((10, 4, 4, 3), np.uint8), np.ones((10, 2))
    for rows, known in split_data(pictures, targets, 3, seed=0):
        assert rows.shape[1:] == (4, 4, 3)
        assert known.shape == (len(rows), 2)
        rows[...] = 0
    assert pictures.all()
    sparse = split_data(csr_matrix(np.eye(10)), list(range(10)), 2, seed=0)
    assert all((rows.argmax(axis=1).ravel() == known).all() for rows, known in sparse)
    assert split_data([[1.0], [2.0]], ["a", "b"], 2, seed=0)[0][0].shape == (1, 1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"n": 0}, "0 learners cannot share data"),
        ({"n": 11}, "10 samples are too few for 11 learners with one each"),
        ({"overlap": -0.1}, "overlap of -0.1"),
        ({"overlap": math.nan}, "overlap of nan"),
        ({"alpha": 0.0}, "alpha of 0.0"),
        ({"alpha": 1.0, "sizes": [1, 1]}, "by sizes or by alpha, not by both"),
        ({"sizes": [1, 2, 3]}, r"sizes \[1, 2, 3\] are not 2 finite numbers above 0"),
        ({"sizes": [1, 0]}, "not 2 finite numbers above 0"),
        ({"sizes": [1, math.inf]}, "not 2 finite numbers above 0"),
        ({"sizes": [1, 100]}, "learner 0 gets none of 10 samples"),
        ({"alpha": 1.0, "y": np.linspace(0, 1, 10)}, r"class labels, not float64 of shape \(10,\)"),
        ({"alpha": 1.0, "y": np.zeros((10, 3), int)}, r"class labels, not int64 of shape \(10, 3\)"),
        ({"y": np.zeros(9)}, r"X of shape \(10, 2\) and y of shape \(9,\)"),
        ({"y": 3}, "are not rows with labels"),
    ],
)
def test_a_split_that_cannot_be_is_refused(options: dict[str, Any], complaint: str) -> None:
    """The error names the argument and its value, and that a learner would go without."""
    arguments: dict[str, Any] = {"X": np.zeros((10, 2)), "y": _labels(10, 2), "n": 2} | options
    features, labels, count = (arguments.pop(name) for name in ("X", "y", "n"))
    with pytest.raises(ConfigError, match=complaint):
        split_data(features, labels, count, seed=0, **arguments)
