"""Predicting by trees: what the libraries that trained them predict, and by increments the same bits."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from colearn_backends import boosting_dump, forest
from colearn_backends.trees import DEFAULT_LIMITS, Leaves, TreeLayout, Trees
from colearn_backends.trees_checks import check_trees
from colearn_backends.trees_walk import SumKeeper, sum_trees
from colearn_chain.errors import LearnerError

FEATURES, CLASSES = 4, 3
SEEDS = st.integers(0, 10_000)
HOLES = st.sampled_from([0.0, 0.2])


def layout_of(leaves: Leaves, outputs: int = CLASSES) -> TreeLayout:
    """What the trees of these tests look like."""
    return TreeLayout(features=FEATURES, outputs=outputs, leaves=leaves, limits=DEFAULT_LIMITS)


FOREST = layout_of(Leaves.DISTRIBUTIONS)


def samples(seed: int, count: int, holes: float) -> tuple[np.ndarray, np.ndarray]:
    """Points with zeros and missing values among them, and classes that depend on them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, FEATURES)).round(1)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] * x[:, 2] > 0)
    x[rng.random(x.shape) < holes] = np.nan
    x[y == 0, 3] = np.nan if holes else 0
    return x, y


def trained_forest(seed: int = 0, count: int = 5, holes: float = 0.2) -> RandomForestClassifier:
    """A random forest of scikit-learn's."""
    return RandomForestClassifier(count, max_depth=5, random_state=seed).fit(*samples(seed, 80, holes))


def forest_trees(seed: int = 0, count: int = 5) -> Trees:
    """The same as arrays."""
    return forest.trees_of(trained_forest(seed, count), FOREST)


def boost(seed: int, holes: float, objective: str, begin: np.ndarray, **options: Any) -> lightgbm.Booster:
    """A booster that went on from margins."""
    x, y = samples(seed, 120, holes)
    parameters = {
        "objective": objective,
        "num_class": CLASSES if objective == "multiclass" else 1,
        "min_data_in_leaf": 3,
        "num_leaves": 8,
        "seed": seed,
        "num_threads": 1,
        "verbosity": -1,
        **options,
    }
    target = (y > 1).astype(int) if objective == "binary" else y
    return lightgbm.train(parameters, lightgbm.Dataset(x, label=target, init_score=begin), num_boost_round=4)


@given(SEEDS, HOLES, HOLES)
@settings(max_examples=25, deadline=None)
def test_a_forest_predicts_what_scikit_learn_predicts(seed: int, holes: float, later: float) -> None:
    """Also of samples with missing values, whether there were any in training or not."""
    trained = trained_forest(seed, holes=holes)
    trees = forest.trees_of(trained, FOREST)
    check_trees(trees, FOREST)
    x = samples(seed + 1, 100, later)[0].astype(np.float32)
    ours = sum_trees(trees, FOREST, x) / trees.count
    assert np.abs(ours[:, trained.classes_] - trained.predict_proba(x)).max() < 1e-6


def test_a_split_of_missing_from_other_values_keeps_its_meaning() -> None:
    """Its threshold is infinite in scikit-learn, which no weights file may hold."""
    x = np.arange(20, dtype=np.float32).reshape(-1, 1)
    x[::2] = np.nan
    y = np.isnan(x[:, 0]).astype(int)
    trained = RandomForestClassifier(3, random_state=0).fit(x, y)
    assert any(np.isinf(member.tree_.threshold).any() for member in trained.estimators_)
    layout = TreeLayout(features=1, outputs=2, leaves=Leaves.DISTRIBUTIONS, limits=DEFAULT_LIMITS)
    trees = forest.trees_of(trained, layout)
    check_trees(trees, layout)
    x[1] = np.finfo(np.float32).max
    assert np.array_equal(sum_trees(trees, layout, x).argmax(axis=1), y)


@given(SEEDS, HOLES, HOLES, st.sampled_from(["binary", "multiclass", "regression"]))
@settings(max_examples=40, deadline=None)
def test_boosted_trees_predict_what_lightgbm_predicts(
    seed: int, holes: float, later: float, objective: str
) -> None:
    """Also of zeros and of missing values, whether there were any in training or not."""
    outputs = CLASSES if objective == "multiclass" else 1
    begin = np.zeros((120, outputs)) if outputs > 1 else np.zeros(120)
    booster = boost(seed, holes, objective, begin)
    layout = layout_of(Leaves.MARGINS, outputs)
    trees = boosting_dump.trees_of(booster.dump_model())
    assert trees is not None
    check_trees(trees, layout)
    x = samples(seed + 1, 100, later)[0]
    theirs = np.asarray(booster.predict(x, raw_score=True)).reshape(100, outputs)
    assert np.abs(sum_trees(trees, layout, x) - theirs).max() < 1e-9


def test_rounds_that_learnt_nothing_are_left_out() -> None:
    """A tree that does not split is 0 where training began at given margins."""
    booster = boost(0, 0.0, "binary", np.zeros(120), min_data_in_leaf=100)
    assert boosting_dump.trees_of(booster.dump_model()) is None


@pytest.mark.parametrize(("missing", "categories"), [("zero", []), ("none", [0])])
def test_splits_that_only_lightgbm_can_follow_are_refused(missing: str, categories: list[int]) -> None:
    """Zero for missing, and categories: what arrays cannot say is never quietly something else."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, size=(200, FEATURES)).astype(float)
    parameters = {
        "objective": "binary",
        "min_data_per_group": 1,
        "cat_smooth": 0,
        "verbosity": -1,
        "zero_as_missing": missing == "zero",
    }
    label = (x[:, 0] % 2).astype(int)
    data = lightgbm.Dataset(x, label=label, init_score=np.zeros(200), categorical_feature=categories)
    booster = lightgbm.train(parameters, data, num_boost_round=2)
    with pytest.raises(LearnerError, match="which only it can follow"):
        boosting_dump.trees_of(booster.dump_model())


@pytest.mark.parametrize(
    ("missing_type", "threshold", "default_left", "left"),
    [
        ("None", -0.5, True, 0),
        ("None", 0.0, False, 1),
        ("None", 0.5, False, 1),
        ("NaN", -0.5, True, 1),
        ("NaN", 0.5, False, 0),
    ],
)
def test_missing_values_go_where_lightgbm_sends_them(
    missing_type: str, threshold: float, default_left: object, left: int
) -> None:
    """Where it learnt to; where it saw none in training, it takes them for 0."""
    split = {
        "split_feature": 2,
        "decision_type": "<=",
        "missing_type": missing_type,
        "threshold": threshold,
        "default_left": default_left,
        "left_child": {"leaf_value": 1.0},
        "right_child": {"leaf_value": 2.0},
    }
    trees = boosting_dump.trees_of({"num_tree_per_iteration": 1, "tree_info": [{"tree_structure": split}]})
    assert trees is not None
    assert trees.missing_left.tolist() == [left, 0, 0]


def follow(trees: Trees, tree: int, sample: np.ndarray) -> np.ndarray:
    """One tree and one sample, step by step."""
    start, node = int(trees.offsets[tree]), 0
    while trees.left[start + node] >= 0:
        at = start + node
        value = sample[trees.feature[at]]
        goes_left = trees.missing_left[at] == 1 if np.isnan(value) else value <= trees.threshold[at]
        node = int(trees.left[at] if goes_left else trees.right[at])
    row = np.count_nonzero(trees.left[: start + node] < 0)
    found: np.ndarray = trees.leaf_values[row].astype(np.float64)
    return found


@given(SEEDS, st.sampled_from([Leaves.DISTRIBUTIONS, Leaves.MARGINS]))
@settings(max_examples=10, deadline=None)
def test_walking_all_at_once_is_walking_one_by_one(seed: int, leaves: Leaves) -> None:
    """To the bit, against a walk in plain Python."""
    layout = layout_of(leaves)
    x = samples(seed, 30, 0.3)[0]
    if leaves is Leaves.DISTRIBUTIONS:
        trees = forest_trees(seed)
    else:
        grown = boosting_dump.trees_of(boost(seed, 0.2, "multiclass", np.zeros((120, 3))).dump_model())
        assert grown is not None
        trees = grown
    expected = np.zeros((30, CLASSES))
    for index, sample in enumerate(x):
        for tree in range(trees.count):
            answer = follow(trees, tree, sample)
            if leaves is Leaves.DISTRIBUTIONS:
                expected[index] += answer
            else:
                expected[index, tree % CLASSES] += answer[0]
    assert np.array_equal(sum_trees(trees, layout, x), expected)


@pytest.mark.parametrize("count", [0, 1, 30_000])
def test_any_number_of_samples_can_be_walked(count: int) -> None:
    """None, one, and more than go through at once."""
    x = np.resize(samples(0, 100, 0.2)[0], (count, FEATURES))
    sums = sum_trees(forest_trees(), FOREST, x)
    assert sums.shape == (count, CLASSES)
    assert np.allclose(sums.sum(axis=1), 5)
    assert np.array_equal(sums[:100], sum_trees(forest_trees(), FOREST, x[:100]))


def test_sums_that_are_continued_are_the_same_bits() -> None:
    """However a forest came to be known: at once, tree by tree, or after another one."""
    x = samples(3, 60, 0.2)[0]
    trees, other = forest_trees(0, 12), forest_trees(1, 3)
    at_once = sum_trees(trees, FOREST, x)
    keeper = SumKeeper(FOREST, x)
    for count in range(1, 13):
        keeper.sums(trees.cut(0, count))
    assert np.array_equal(keeper.sums(trees), at_once)
    keeper = SumKeeper(FOREST, x)
    keeper.sums(trees.cut(0, 5))
    keeper.sums(Trees.joined([trees.cut(0, 5), other]))
    assert np.array_equal(keeper.sums(other), sum_trees(other, FOREST, x))
    assert np.array_equal(keeper.sums(trees), at_once)


class Counted(np.ndarray[Any, Any]):
    """Samples that count how many values were asked of them."""

    asked = 0

    def __getitem__(self, key: Any) -> Any:
        """Count."""
        found = np.asarray(self)[key]
        Counted.asked += found.size
        return found


def test_a_vote_walks_the_new_trees_only() -> None:
    """What is held costs nothing, however many proposals were looked at since."""
    x = samples(3, 60, 0.2)[0].view(Counted)
    held, rivals = forest_trees(0, 12), [forest_trees(seed, 2) for seed in range(1, 6)]
    keeper = SumKeeper(FOREST, x)
    keeper.sums(held)
    for new in rivals:
        Counted.asked = 0
        sum_trees(new, FOREST, x)
        expected, Counted.asked = Counted.asked, 0
        keeper.sums(Trees.joined([held, new]))
        assert 0 < Counted.asked == expected
    Counted.asked = 0
    keeper.sums(held)
    assert Counted.asked == 0
