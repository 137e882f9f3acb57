"""Whether arrays from a stranger are trees: checked before anything walks along them.

Native code that is handed a crafted tree loops for ever or reads where it must not, so all that keeps a walk
short and inside the arrays is checked here, with numpy alone: children that stand after their parent (no
cycles), one parent for every node but the roots (nothing shared, nothing unreachable), depth, features that
samples have, and values that are numbers. The cost is linear in the number of nodes, whatever they say.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_backends.trees import LEAF, Leaves
from colearn_chain.errors import InvalidWeights, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from colearn_backends.trees import TreeLayout, Trees

LARGEST_MARGIN = 1e12
"""What no leaf's margin may exceed, so that sums over all trees, and their squares, stay finite."""

ROUNDING = 1e-5
"""By how much the probabilities of a leaf may miss 1: they are F32, good for 7 digits each."""


def check_trees(trees: Trees, layout: TreeLayout, *, first: int = 0) -> None:
    """Check all that ``Trees.read`` left open.

    Args:
        trees: arrays that are cut into trees already.
        layout: what they have to be.
        first: the number of the first of these trees in its ensemble, for the errors.

    Raises:
        InvalidWeights: a node is not as it must be; the error names it and its tree.
    """
    inspection = _Inspection(trees, layout, first)
    inspection.check_children()
    inspection.check_parents()
    inspection.check_depth()
    inspection.check_splits()
    inspection.check_leaf_values()


@dataclass(frozen=True)
class _Inspection:
    """The checks; each relies on those before it."""

    trees: Trees
    layout: TreeLayout
    first: int

    def check_children(self) -> None:
        """A node has no children, or two that stand after it in its own tree."""
        trees, leaf = self.trees, self.trees.is_leaf
        self._refuse(
            (trees.right == LEAF) != leaf, trees.right, "it has one child alone; the right one is {}"
        )
        own, size = np.arange(trees.nodes) - self._root, np.repeat(self._sizes, self._sizes)
        for side, child in (("left", trees.left), ("right", trees.right)):
            strange = ~leaf & ((child <= own) | (child >= size))
            self._refuse(strange, child, f"its {side} child {{}} is no later node of its tree")

    def check_parents(self) -> None:
        """Every node is the child of one other, except for the roots, which are nobody's."""
        found = np.bincount(self._children(np.flatnonzero(~self.trees.is_leaf)), minlength=self.trees.nodes)
        wanted = np.ones(self.trees.nodes, np.int64)
        wanted[self.trees.offsets[:-1]] = 0
        self._refuse(found != wanted, found, "it has {} parents, not one")

    def check_depth(self) -> None:
        """Go down all trees at once, and no further than is allowed; no node is visited twice."""
        allowed, leaf = self.layout.limits.depth, self.trees.is_leaf
        level = self.trees.offsets[:-1]
        depth = 0
        while level.size and depth <= allowed:
            level, depth = self._children(level[~leaf[level]]), depth + 1
        if level.size:
            self._complain(int(level.min()), depth, f"it lies {{}} deep; {allowed} are allowed")

    def check_splits(self) -> None:
        """A split asks for a feature that there is, and for a number; a leaf asks for nothing."""
        trees, leaf = self.trees, self.trees.is_leaf
        strange = ~leaf & ((trees.feature < 0) | (trees.feature >= self.layout.features))
        self._refuse(strange, trees.feature, f"there is no feature {{}} among {self.layout.features}")
        self._refuse(~np.isfinite(trees.threshold), trees.threshold, "its threshold is {}")
        self._refuse(trees.missing_left > 1, trees.missing_left, "its missing_left is {}, neither 0 nor 1")
        for name, ending in (("feature", LEAF), ("threshold", 0), ("missing_left", 0)):
            values = trees.arrays()[name]
            self._refuse(leaf & (values != ending), values, f"it is a leaf, and its {name} is {{}}")

    def check_leaf_values(self) -> None:
        """Leaves hold probability distributions, or margins that are not absurd."""
        rows, nodes = self.trees.leaf_values, np.flatnonzero(self.trees.is_leaf)
        if self.layout.leaves is Leaves.MARGINS:
            margins = rows[:, 0]
            wrong, complaint = ~(np.abs(margins) <= LARGEST_MARGIN), "its margin is {}"
            self._refuse(wrong, margins, complaint, nodes)
            return
        sums = rows.sum(axis=1, dtype=np.float64)
        fair = (rows >= 0).all(axis=1) & (np.abs(sums - 1) <= ROUNDING)
        self._refuse(~fair, rows, "its leaf values are no probabilities that sum to 1: {}", nodes)

    @functools.cached_property
    def _sizes(self) -> npt.NDArray[np.int64]:
        """How many nodes each tree has."""
        return np.diff(self.trees.offsets)

    @functools.cached_property
    def _root(self) -> npt.NDArray[np.int64]:
        """Each node's root, as an index into all nodes."""
        return np.repeat(self.trees.offsets[:-1], self._sizes)

    def _children(self, splits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The children of these nodes, as indices into all nodes."""
        root = self._root[splits]
        return np.concatenate([root + self.trees.left[splits], root + self.trees.right[splits]])

    def _refuse(
        self,
        wrong: npt.NDArray[np.bool_],
        values: npt.NDArray[Any],
        complaint: str,
        nodes: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Complain of the first that is wrong; ``nodes``: which nodes these are, None for all."""
        if wrong.any():
            index = int(wrong.argmax())
            self._complain(index if nodes is None else int(nodes[index]), values[index].tolist(), complaint)

    def _complain(self, node: int, value: object, complaint: str) -> None:
        tree, own = self.trees.place(node)
        place = f"tree {self.first + tree}, node {own}"
        raise InvalidWeights(f"{place}: {complaint.format(shown(value))}", subject=place, value=value)
