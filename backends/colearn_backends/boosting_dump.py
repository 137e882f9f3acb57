"""What LightGBM says of its trees, taken over into arrays; the other way there is none.

``Booster.dump_model()`` gives nested dicts with numbers in full precision
(https://lightgbm.readthedocs.io/en/stable/pythonapi/lightgbm.Booster.html). Splits and leaf values are kept;
how many samples came to a node is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_backends.trees import LEAF, Trees
from colearn_chain.errors import LearnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Node = Mapping[str, Any]


def trees_of(dump: Mapping[str, Any]) -> Trees | None:
    """Take over all rounds of boosting in which a tree splits.

    Args:
        dump: what ``Booster.dump_model()`` returned. It was trained from initial scores, since without them
            a tree that does not split may hold a base rate.

    Returns:
        In each round a tree for each output; None where no tree splits.

    Raises:
        LearnerError: a split is none of a number against a threshold.
    """
    group = dump["num_tree_per_iteration"]
    roots = [tree["tree_structure"] for tree in dump["tree_info"]]
    rounds = [roots[first : first + group] for first in range(0, len(roots), group)]
    kept = [root for roots in rounds if any(map(_is_split, roots)) for root in roots]
    return Trees.joined([_tree(root) for root in kept]) if kept else None


def _is_split(node: Node) -> bool:
    return "split_feature" in node


def _tree(root: Node) -> Trees:
    nodes, right = _in_preorder(root)
    splits = [_is_split(node) for node in nodes]
    missing_left = [_is_split(node) and _missing_goes_left(node) for node in nodes]
    leaf_values = [[node["leaf_value"]] for node in nodes if not _is_split(node)]
    return Trees(
        offsets=np.array([0, len(nodes)], np.int64),
        left=np.where(splits, np.arange(1, len(nodes) + 1), LEAF).astype(np.int32),
        right=np.array(right, np.int32),
        feature=np.array([node.get("split_feature", LEAF) for node in nodes], np.int32),
        threshold=np.array([node.get("threshold", 0) for node in nodes], np.float64),
        missing_left=np.array(missing_left, np.uint8),
        leaf_values=np.array(leaf_values, np.float64),
    )


def _in_preorder(root: Node) -> tuple[list[Node], list[int]]:
    """All nodes, each before its left and then its right subtree; and where each one's right child stands."""
    nodes: list[Node] = []
    right: list[int] = []
    ahead: list[tuple[Node, int | None]] = [(root, None)]
    while ahead:
        node, whose_right = ahead.pop()
        own = len(nodes)
        if whose_right is not None:
            right[whose_right] = own
        nodes.append(node)
        right.append(LEAF)
        if _is_split(node):
            ahead += [(node["right_child"], own), (node["left_child"], None)]
    return nodes, right


def _missing_goes_left(node: Node) -> bool:
    """Where LightGBM sends NaN: where it learnt to, or where 0 goes if it saw none in training.

    Raises:
        LearnerError: the split is one of categories, or takes zero for a missing value.
    """
    kind = node["decision_type"], node["missing_type"]
    if kind == ("<=", "NaN"):
        return bool(node["default_left"])
    if kind == ("<=", "None"):
        return bool(node["threshold"] >= 0)
    raise LearnerError(f"LightGBM made a split of the kind {kind}, which only it can follow")
