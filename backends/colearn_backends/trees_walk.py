"""Predicting by trees with numpy alone, so that a stranger's trees never enter native code.

Sums over trees are taken tree by tree in 64 bits. So an ensemble that continues another one comes to the same
bits whether it is summed from its first tree on or from the other's sums: a vote walks the new trees only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from colearn_backends.trees import TreeLayout, Trees

    Matrix = npt.NDArray[np.floating[Any]]
    Sums = npt.NDArray[np.float64]

_BLOCK = 1 << 16
"""So many pairs of a tree and a sample are walked at once."""

_REMEMBERED = 2
"""The ensemble that is held, and the last that was proposed."""


def sum_trees(trees: Trees, layout: TreeLayout, features: Matrix, before: Sums | None = None) -> Sums:
    """Add up what all trees say of each sample.

    Args:
        trees: checked ones (``trees_checks``); others may be walked for ever.
        layout: theirs.
        features: shape [samples, features]; NaN stands for a missing value.
        before: the sums of the trees that stand before these, shape [samples, outputs]; None: there are none.

    Returns:
        Shape [samples, outputs].
    """
    shape = (len(features), layout.group, layout.columns)
    sums = np.zeros(shape) if before is None else before.reshape(shape).copy()
    for tree, rows in enumerate(_leaf_rows(trees, features)):
        sums[:, tree % layout.group] += trees.leaf_values[rows]
    return sums.reshape(len(features), layout.outputs)


class SumKeeper:
    """Sums on fixed samples; of an ensemble that continues one summed lately, only the rest is walked.

    Args:
        layout: of all trees to come.
        features: shape [samples, features]; nobody writes to it any more.
    """

    def __init__(self, layout: TreeLayout, features: Matrix) -> None:
        self._layout = layout
        self._features = features
        self._known: list[tuple[Trees, Sums]] = []

    def sums(self, trees: Trees) -> Sums:
        """Return ``sum_trees`` of checked trees, to the bit; nobody writes to it."""
        begun = [known for known in self._known if trees.begins_with(known[0])]
        longest = max(begun, key=lambda known: known[0].count, default=None)
        if longest is None:
            return self._remember(trees, sum_trees(trees, self._layout, self._features))
        self._known = [known for known in self._known if known is not longest] + [longest]
        known, before = longest
        rest = trees.cut(known.count)
        return self._remember(trees, sum_trees(rest, self._layout, self._features, before))

    def _remember(self, trees: Trees, sums: Sums) -> Sums:
        self._known = [*self._known, (trees, sums)][-_REMEMBERED:]
        return sums


def _leaf_rows(trees: Trees, features: Matrix) -> Iterator[npt.NDArray[np.int64]]:
    """For each tree, the row of its leaf values that each sample comes to, shape [samples]."""
    leaf = trees.is_leaf
    row_of = np.cumsum(leaf) - 1
    step = max(1, _BLOCK // max(1, len(features)))
    for first in range(0, trees.count, step):
        roots = trees.offsets[:-1][first : first + step]
        yield from row_of[_walk(trees, leaf, roots, features)]


def _walk(
    trees: Trees, leaf: npt.NDArray[np.bool_], roots: npt.NDArray[np.int64], features: Matrix
) -> npt.NDArray[np.int64]:
    """The leaf that each sample comes to from each root, as an index into all nodes, shape [roots, samples].

    Every step goes to a later node of the same tree, so there are no more steps than the deepest tree has.
    """
    root = np.repeat(roots, len(features))
    sample = np.tile(np.arange(len(features)), roots.size)
    node = root.copy()
    under_way = np.arange(node.size)
    while (under_way := under_way[~leaf[node[under_way]]]).size:
        at = node[under_way]
        value = features[sample[under_way], trees.feature[at]]
        goes_left = np.where(np.isnan(value), trees.missing_left[at] != 0, value <= trees.threshold[at])
        node[under_way] = root[under_way] + np.where(goes_left, trees.left[at], trees.right[at])
    return node.reshape(roots.size, len(features))
