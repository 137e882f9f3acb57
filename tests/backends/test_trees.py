"""Trees as arrays: what can be cut into trees, what continues what, and what strangers may not send."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colearn_backends.trees import Leaves, Limits, TreeLayout, Trees
from colearn_backends.trees_checks import LARGEST_MARGIN, check_trees
from colearn_backends.trees_walk import sum_trees
from colearn_chain.errors import ConfigError, InvalidWeights

Arrays = dict[str, Any]

FEATURES, CLASSES = 4, 3
LIMITS = Limits(trees=20, nodes=200, depth=8)
FOREST = TreeLayout(features=FEATURES, outputs=CLASSES, leaves=Leaves.DISTRIBUTIONS, limits=LIMITS)
BOOSTED = TreeLayout(features=FEATURES, outputs=CLASSES, leaves=Leaves.MARGINS, limits=LIMITS)


def random_tree(rng: np.random.Generator, splits: int, layout: TreeLayout = FOREST) -> Trees:
    """A tree that grew at random leaves, children after their parents."""
    left = np.full(2 * splits + 1, -1, np.int32)
    right, ends = left.copy(), [0]
    for split in range(splits):
        node = ends.pop(int(rng.integers(len(ends))))
        left[node], right[node] = 2 * split + 1, 2 * split + 2
        ends += [2 * split + 1, 2 * split + 2]
    leaf = left == -1
    size, leaves = left.size, splits + 1
    values = np.random.default_rng([7, splits])  # of its own, so that all kinds of leaves have the same trees
    return Trees(
        offsets=np.array([0, size]),
        left=left,
        right=right,
        feature=np.where(leaf, -1, rng.integers(0, layout.features, size)).astype(np.int32),
        threshold=np.where(leaf, 0, rng.normal(size=size)),
        missing_left=np.where(leaf, 0, rng.integers(0, 2, size)).astype(np.uint8),
        leaf_values=values.dirichlet(np.ones(CLASSES), leaves).astype(np.float32)
        if layout.leaves is Leaves.DISTRIBUTIONS
        else values.normal(size=(leaves, 1)),
    )


def ensemble(
    seed: int = 0, splits: tuple[int, ...] = (3, 0, 7, 4, 1, 2), layout: TreeLayout = FOREST
) -> Trees:
    """Some random trees."""
    rng = np.random.default_rng(seed)
    return Trees.joined([random_tree(rng, count, layout) for count in splits])


def copies(trees: Trees) -> Arrays:
    """The arrays, to be written to."""
    return {name: array.copy() for name, array in trees.arrays().items()}


def checked(weights: object, layout: TreeLayout = FOREST) -> Trees:
    """What a learner takes in, or refuses."""
    trees = Trees.read(weights, layout)
    check_trees(trees, layout)
    return trees


SECOND = 8
"""Where tree 2 of the ensemble begins; it has seven splits and eight leaves, and its root splits."""


def put(name: str, node: int, value: Any) -> Any:
    """A change of one number."""

    def change(arrays: Arrays) -> None:
        arrays[name][node] = value

    return change


def changed(change: Any, layout: TreeLayout = FOREST) -> Arrays:
    """An ensemble with one thing wrong."""
    arrays = copies(ensemble(layout=layout))
    change(arrays)
    return arrays


def leaf_of_tree_2(row: int = 0) -> tuple[int, int]:
    """The node and the row of leaf values of one of tree 2's leaves."""
    trees = ensemble()
    nodes = np.flatnonzero(trees.is_leaf)
    rows = np.flatnonzero((nodes >= trees.offsets[2]) & (nodes < trees.offsets[3]))
    return int(nodes[rows[row]]), int(rows[row])


LEAF, ROW = leaf_of_tree_2()
INT32 = np.iinfo(np.int32)
INT64 = np.iinfo(np.int64)


def test_a_valid_ensemble_is_taken_as_it_is() -> None:
    """Nothing is lost or changed on the way in, and nobody can write to it afterwards."""
    trees = ensemble()
    arrays = copies(trees)
    taken = checked(arrays)
    assert taken.count == 6
    assert taken.begins_with(trees)
    assert trees.begins_with(taken)
    arrays["left"][...] = 5
    assert taken.begins_with(trees)
    with pytest.raises(ValueError, match="read-only"):
        taken.left[0] = 1


@pytest.mark.parametrize("child", [0, -2, 15, 16, 10**6, INT32.max, INT32.min])
@pytest.mark.parametrize("side", ["left", "right"])
def test_children_before_their_parent_or_outside_their_tree_are_refused(side: str, child: int) -> None:
    """A cycle, or a jump into others' nodes or out of all memory; the error names tree and node."""
    with pytest.raises(InvalidWeights, match=f"tree 2, node 0: its {side} child {child} is no later node"):
        checked(changed(put(side, SECOND, child)))


def test_a_cycle_deep_in_a_tree_is_refused() -> None:
    """Not only the root is looked at."""
    trees = ensemble()
    inner = int(np.flatnonzero(~trees.is_leaf[SECOND:23])[-1])
    parent = int(np.flatnonzero((trees.left[SECOND:23] == inner) | (trees.right[SECOND:23] == inner))[0])
    with pytest.raises(InvalidWeights, match=f"tree 2, node {inner}: its right child {parent}"):
        checked(changed(put("right", SECOND + inner, parent)))


def test_a_node_that_points_to_itself_is_refused() -> None:
    """The shortest cycle."""
    inner = int(np.flatnonzero(~ensemble().is_leaf[SECOND:23])[-1])
    with pytest.raises(InvalidWeights, match=f"node {inner}: its left child {inner}"):
        checked(changed(put("left", SECOND + inner, inner)))


def test_a_node_with_one_child_is_refused() -> None:
    """It is neither a split nor a leaf."""
    with pytest.raises(InvalidWeights, match="tree 2, node 0: it has one child alone"):
        checked(changed(put("right", SECOND, -1)))


def test_a_node_of_two_parents_is_refused() -> None:
    """Shared nodes would let a small file be a tree of two to the power of its depth."""
    trees = ensemble()
    shared = int(trees.left[SECOND])
    with pytest.raises(InvalidWeights, match=f"tree 2, node {shared}: it has 2 parents"):
        checked(changed(put("right", SECOND, shared)))


def test_nodes_that_nobody_reaches_are_refused() -> None:
    """A tree whose root is a leaf has no other nodes: what lies there is nobody's business."""

    def cut_off(arrays: Arrays) -> None:
        for name, value in (
            ("left", -1),
            ("right", -1),
            ("feature", -1),
            ("threshold", 0),
            ("missing_left", 0),
        ):
            arrays[name][SECOND] = value
        arrays["leaf_values"] = np.insert(arrays["leaf_values"], ROW, [1, 0, 0], axis=0)

    with pytest.raises(InvalidWeights, match="tree 2, node 1: it has 0 parents"):
        checked(changed(cut_off))


@pytest.mark.parametrize("feature", [-2, -1, FEATURES, INT32.max, INT32.min])
def test_features_that_no_sample_has_are_refused(feature: int) -> None:
    """They would be read from beside the sample."""
    with pytest.raises(InvalidWeights, match=f"tree 2, node 0: there is no feature {feature} among 4"):
        checked(changed(put("feature", SECOND, feature)))


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -math.inf])
def test_thresholds_that_are_no_numbers_are_refused(threshold: float) -> None:
    """At a split as at a leaf."""
    for node, own in ((SECOND, 0), (LEAF, LEAF - SECOND)):
        with pytest.raises(InvalidWeights, match=f"tree 2, node {own}: its threshold is {threshold}"):
            checked(changed(put("threshold", node, threshold)))


@pytest.mark.parametrize(("name", "value"), [("feature", 0), ("threshold", 0.5), ("missing_left", 1)])
def test_leaves_hide_nothing(name: str, value: float) -> None:
    """A leaf asks for nothing, so the same trees have one form."""
    with pytest.raises(InvalidWeights, match=f"tree 2, node {LEAF - SECOND}: it is a leaf, and its {name}"):
        checked(changed(put(name, LEAF, value)))


def test_a_missing_value_goes_left_or_right() -> None:
    """There is no third way."""
    with pytest.raises(InvalidWeights, match="tree 2, node 0: its missing_left is 2"):
        checked(changed(put("missing_left", SECOND, 2)))


@pytest.mark.parametrize(
    "row",
    [[-0.5, 1, 0.5], [math.nan, 0.5, 0.5], [math.inf, 0, 0], [0.5, 0.5, 0.1], [0, 0, 0], [1e38, 1e38, 1e38]],
)
def test_leaves_that_are_no_distributions_are_refused(row: list[float]) -> None:
    """Negative, not a number, or not 1 in sum: one such leaf could outvote a whole forest."""
    with pytest.raises(InvalidWeights, match=f"tree 2, node {LEAF - SECOND}: its leaf values are no prob"):
        checked(changed(put("leaf_values", ROW, row)))


@pytest.mark.parametrize("margin", [math.nan, math.inf, -math.inf, 2 * LARGEST_MARGIN, -2 * LARGEST_MARGIN])
def test_margins_out_of_all_proportion_are_refused(margin: float) -> None:
    """Sums have to stay numbers."""
    with pytest.raises(InvalidWeights, match=f"tree 2, node {LEAF - SECOND}: its margin is"):
        checked(changed(put("leaf_values", ROW, margin), BOOSTED), BOOSTED)


@pytest.mark.parametrize(
    ("offsets", "complaint"),
    [
        ([1, 8, 40], "tree 0 begins at 1"),
        ([-8, 0, 40], "tree 0 begins at -8"),
        ([0, 20, 10, 40], "tree 1 begins at 20 and ends at 10"),
        ([0, 7, 7, 40], "tree 1 begins at 7 and ends at 7"),
        ([0, INT64.max, INT64.min, 40], "tree 1 begins at"),
        ([0, INT64.min, 40], "tree 0 begins at 0 and ends at -"),
        ([0, 7, INT64.max], "the last tree ends at 9223372036854775807; there are 40 nodes"),
        ([0, 7, 39], "the last tree ends at 39"),
        ([0], "'offsets' has shape"),
        (list(range(22)), "'offsets' has shape"),
        ([0, 8, 23, 32, 35, 40], "tree 0, node 7: it has 0 parents"),
        ([0, 6, 8, 23, 32, 35, 40], "tree 0, node"),
    ],
)
def test_offsets_that_cut_no_trees_are_refused(offsets: list[int], complaint: str) -> None:
    """Not from 0, falling, repeated, overflowing, beyond the end, none, too many, or in the wrong places."""
    with pytest.raises(InvalidWeights, match=complaint):
        checked(copies(ensemble()) | {"offsets": np.array(offsets, np.int64)})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("threshold", lambda array: array.astype(np.float32)),
        ("left", lambda array: array.astype(np.int64)),
        ("offsets", lambda array: array.astype(np.float64)),
        ("missing_left", lambda array: array.astype(bool)),
        ("leaf_values", lambda array: array.astype(np.float64)),
        ("leaf_values", lambda array: array[:, :2]),
        ("leaf_values", lambda array: array[:, 0]),
        ("feature", lambda array: array.astype(object)),
        ("feature", lambda array: array.tolist()),
        ("right", lambda array: array[:, None]),
        ("right", lambda array: array[:-1]),
        ("threshold", lambda array: np.append(array, 0.0)),
        ("leaf_values", lambda array: array[:-1]),
        ("leaf_values", lambda array: np.concatenate([array, array[:1]])),
        ("left", lambda _: np.zeros(0, np.int32)),
        ("left", lambda array: np.resize(array, 201)),
    ],
)
def test_arrays_of_another_kind_are_refused_by_name(name: str, change: Any) -> None:
    """A dtype, a shape, a length that does not go with the others, more nodes than are allowed."""
    arrays = copies(ensemble())
    with pytest.raises(InvalidWeights) as refusal:
        checked(arrays | {name: change(arrays[name])})
    assert name in str(refusal.value) or "leaf values" in str(refusal.value)


@pytest.mark.parametrize("name", list(ensemble().arrays()))
def test_every_array_is_needed(name: str) -> None:
    """One that is missing is named."""
    arrays = copies(ensemble())
    del arrays[name]
    with pytest.raises(InvalidWeights, match=name):
        checked(arrays)


@pytest.mark.parametrize("weights", [None, "trees", [1], {}, {"samples": np.zeros(3)}, {3: np.zeros(3)}])
def test_what_is_no_ensemble_is_refused(weights: object) -> None:
    """Whatever it is."""
    with pytest.raises(InvalidWeights):
        checked(weights)


def test_byte_order_and_memory_layout_do_not_matter() -> None:
    """The same numbers are the same trees."""
    arrays = copies(ensemble())
    other = {
        name: np.repeat(array.astype(array.dtype.newbyteorder(">")), 2, axis=0)[::2]
        for name, array in arrays.items()
    }
    assert checked(other).begins_with(ensemble())


def chain(splits: int, layout: TreeLayout) -> Arrays:
    """A tree whose every split has a leaf to the left and the rest of the tree to the right."""
    nodes = np.arange(2 * splits + 1, dtype=np.int32)
    leaf = (nodes % 2 == 1) | (nodes == 2 * splits)
    values = np.full((splits + 1, layout.columns), 1 / layout.columns)
    return {
        "offsets": np.array([0, nodes.size]),
        "left": np.where(leaf, -1, nodes + 1).astype(np.int32),
        "right": np.where(leaf, -1, nodes + 2).astype(np.int32),
        "feature": np.where(leaf, -1, 0).astype(np.int32),
        "threshold": np.zeros(nodes.size),
        "missing_left": np.zeros(nodes.size, np.uint8),
        "leaf_values": values.astype(layout.leaf_dtype),
    }


def test_depth_has_a_limit() -> None:
    """As deep as is allowed, and one deeper."""
    assert checked(chain(LIMITS.depth, FOREST)).splits == LIMITS.depth
    with pytest.raises(InvalidWeights, match="tree 0, node 17: it lies 9 deep; 8 are allowed"):
        checked(chain(LIMITS.depth + 1, FOREST))


def test_a_limit_of_any_depth_takes_as_long_as_the_trees_are_deep() -> None:
    """However much is allowed, a shallow tree is seen to be one at once."""
    limits = Limits(depth=2**31 - 1)
    layout = TreeLayout(features=1, outputs=2, leaves=Leaves.DISTRIBUTIONS, limits=limits)
    assert checked(chain(20, layout), layout).splits == 20


def test_a_chain_of_a_million_nodes_is_refused() -> None:
    """A tree as deep as it is large would take every sample through all of it."""
    limits = Limits(trees=1, nodes=1_000_001)
    layout = TreeLayout(features=1, outputs=2, leaves=Leaves.DISTRIBUTIONS, limits=limits)
    with pytest.raises(InvalidWeights, match="node 129: it lies 65 deep; 64 are allowed"):
        checked(chain(500_000, layout), layout)


def test_a_million_nodes_are_checked_to_the_last() -> None:
    """A forest of the largest size is taken, and one wrong leaf at its end is found."""
    limits = Limits(trees=64_000, nodes=1_200_000)
    layout = TreeLayout(features=FEATURES, outputs=CLASSES, leaves=Leaves.DISTRIBUTIONS, limits=limits)
    trees = Trees.joined([ensemble(splits=tuple(range(19)))] * 3_200)
    assert checked(copies(trees), layout).nodes == 1_155_200
    arrays = copies(trees)
    arrays["leaf_values"][-1, 0] += 0.1
    with pytest.raises(InvalidWeights, match="tree 60799, node"):
        checked(arrays, layout)


def test_margins_come_in_whole_groups() -> None:
    """With three outputs there are three trees, or six; not five."""
    assert checked(copies(ensemble(layout=BOOSTED)), BOOSTED).count == 6
    with pytest.raises(InvalidWeights, match="5 trees are not a multiple of 3 outputs"):
        checked(copies(ensemble(splits=(1, 2, 3, 4, 5), layout=BOOSTED)), BOOSTED)


@pytest.mark.parametrize(
    "limits", [{"trees": 0}, {"nodes": 0}, {"depth": 0}, {"nodes": 2**31}, {"trees": -1}, {"trees": 2}]
)
def test_limits_that_leave_no_room_are_refused(limits: dict[str, int]) -> None:
    """Nothing could ever be proposed, or nobody could count it."""
    with pytest.raises(ConfigError, match="limit"):
        TreeLayout(features=1, outputs=3, leaves=Leaves.MARGINS, limits=Limits(**limits))


def test_the_schema_says_what_may_grow() -> None:
    """What is as large as is allowed fits it, and one more node or tree does not."""
    schema = FOREST.schema
    schema.check(FOREST.constant(1 / CLASSES).arrays())
    most = ensemble(splits=(9,) * 10)
    schema.check(most.arrays())
    assert most.nodes == LIMITS.nodes - 10
    for more in (Trees.joined([most, random_tree(np.random.default_rng(0), 6)]), ensemble(splits=(0,) * 21)):
        with pytest.raises(InvalidWeights, match="has shape"):
            schema.check(more.arrays())


def test_parts_make_the_whole_again() -> None:
    """Cut anywhere and joined, an ensemble is the same, bit for bit."""
    trees = ensemble()
    for first in range(1, trees.count):
        whole = Trees.joined([checked(copies(trees.cut(0, first))), checked(copies(trees.cut(first)))])
        assert whole.begins_with(trees)
        assert trees.begins_with(whole)


@pytest.mark.parametrize("name", ["left", "right", "feature", "threshold", "missing_left"])
def test_a_change_of_one_bit_is_another_tree(name: str) -> None:
    """The first tree that differs is found, whatever differs in it."""
    known, arrays = ensemble(), copies(ensemble())
    arrays[name].view(np.uint8)[arrays[name].itemsize * SECOND] ^= 1
    other = Trees(**arrays)
    assert not other.begins_with(known)
    assert other.shared_with(known) == 2
    assert other.begins_with(known.cut(0, 2))


def test_other_leaf_values_and_signs_are_other_trees() -> None:
    """Equal numbers of other bits count as a change: 0 is not -0."""
    known = ensemble()
    for name, place, value in (("leaf_values", (ROW, 0), 0.25), ("threshold", LEAF, -0.0)):
        arrays = copies(known)
        arrays[name][place] = value
        assert Trees(**arrays).shared_with(known) == 2


def test_fewer_trees_do_not_begin_with_more() -> None:
    """Trees cannot be dropped, neither from the end nor from the beginning."""
    known = ensemble()
    assert not known.cut(0, 5).begins_with(known)
    assert known.cut(0, 5).shared_with(known) == 5
    assert known.cut(1).shared_with(known) == 0
    assert known.shared_with(known) == 6


EXTREMES = [0, 1, -1, 2, 7, 39, 40, 255, INT32.max, INT32.min, INT64.max, INT64.min]
NAMES = list(ensemble().arrays())


def corrupted(layout: TreeLayout, data: st.DataObject) -> Arrays:
    """An ensemble with a few numbers overwritten, exchanged, taken out or doubled."""
    arrays = copies(ensemble(layout=layout))
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(NAMES))
        array = arrays[name]
        place, other = (data.draw(st.integers(0, max(0, len(array) - 1))) for _ in range(2))
        deed = data.draw(st.sampled_from(["write", "swap", "drop", "double"]))
        if deed == "write" and array.dtype.kind == "f":
            array[place] = data.draw(st.floats(width=8 * array.itemsize))
        elif deed == "write":
            value = data.draw(st.sampled_from(EXTREMES) | st.integers(-3, 42))
            array[place] = np.array(value, np.int64).astype(array.dtype)
        elif deed == "swap":
            array[[place, other]] = array[[other, place]]
        elif len(array) > 1:
            times = np.ones(len(array), np.int64)
            times[place] = 0 if deed == "drop" else 2
            arrays[name] = np.repeat(array, times, axis=0)
    return arrays


SAMPLES = np.random.default_rng(5).normal(size=(50, FEATURES))
SAMPLES[::7, 1] = np.nan


@given(st.data(), st.sampled_from([FOREST, BOOSTED]))
@settings(max_examples=400, deadline=None)
def test_corrupted_trees_are_refused_or_predict_numbers(data: st.DataObject, layout: TreeLayout) -> None:
    """Nothing in between: no crash, no endless walk, nothing that is no number."""
    arrays = corrupted(layout, data)
    try:
        trees = checked(arrays, layout)
    except InvalidWeights:
        return
    assert np.isfinite(sum_trees(trees, layout, SAMPLES)).all()
