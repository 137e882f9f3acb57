"""Decision trees as arrays: how an ensemble lies in named tensors, what may grow, and how it is continued.

All trees' nodes lie one after the other. Trees travel as these tensors and as nothing else:

* ``offsets`` I64 [trees + 1]: where each tree's nodes begin; the last one is the number of nodes.
* ``left``, ``right`` I32 [nodes]: a node's children, counted from its own tree's root; -1 at a leaf. Children
  stand after their parent.
* ``feature`` I32 [nodes]: which feature a split looks at; -1 at a leaf.
* ``threshold`` F64 [nodes]: values up to and including it go left; 0 at a leaf.
* ``missing_left`` U8 [nodes]: whether a missing value (NaN) goes left; 0 at a leaf.
* ``leaf_values`` [leaves, columns]: row k belongs to the k-th leaf in the order of the nodes.

There are no counts of samples and no impurities: they would only tell how many private samples fell where.
What makes such arrays trees is checked in ``trees_checks``.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from colearn_backends.named_arrays import checked
from colearn_chain.errors import ConfigError, InvalidWeights
from colearn_chain.weights import TensorSchema, WeightSchema
from colearn_chain.weights.tensors import NUMPY_DTYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

LEAF = -1
"""What stands for a child or a feature where there is none."""

_NODE_BY_NODE = ("left", "right", "feature", "threshold", "missing_left")
"""The tensors that have one number for each node."""

_MOST_NODES = np.iinfo(np.int32).max
"""Children are counted in I32."""


class Leaves(Enum):
    """What leaves hold, and how the trees' answers become one."""

    DISTRIBUTIONS = "distributions"
    """A probability for each output; the ensemble's answer is the mean over all trees."""
    MARGINS = "margins"
    """One number; tree t adds it to output ``t % outputs``."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What no ensemble of an experiment may exceed; they have to be the same for all of its parties.

    Attributes:
        trees: how many trees.
        nodes: how many nodes all trees have together, leaves included.
        depth: how many splits lie between a root and its deepest leaf.

    Raises:
        ConfigError: a limit is below 1, or ``nodes`` is more than 32 bits can count.
    """

    trees: int = 10_000
    nodes: int = 500_000
    depth: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 1 <= value <= _MOST_NODES:
                raise ConfigError(f"a limit of {value} {field.name} is not within 1 to {_MOST_NODES}")


DEFAULT_LIMITS = Limits()
"""Some 20 MB at most where leaves hold ten probabilities each; and trees of the worst shape, chains, took 5 s
to walk with 1,000 samples. Both grow with the number of nodes."""


@dataclass(frozen=True, kw_only=True)
class TreeLayout:
    """What the trees of one experiment look like.

    Attributes:
        features: how many features a sample has.
        outputs: how many numbers the ensemble comes to for a sample.
        leaves: what leaves hold.
        limits: what it may grow to.

    Raises:
        ConfigError: the limits leave no room for a group of trees, or allow more bytes than any weights may
            have.
    """

    features: int
    outputs: int
    leaves: Leaves
    limits: Limits

    def __post_init__(self) -> None:
        try:
            self.schema  # noqa: B018 - it is made here, so that one that nothing fits is refused at once
        except ValidationError as error:
            raise ConfigError(f"no weights fit {self}: {error}") from error

    @property
    def columns(self) -> int:
        """How many numbers a leaf holds."""
        return self.outputs if self.leaves is Leaves.DISTRIBUTIONS else 1

    @property
    def group(self) -> int:
        """How many trees in a row have a value for each output; ensembles grow by whole groups."""
        return self.outputs // self.columns

    @functools.cached_property
    def schema(self) -> WeightSchema:
        """The weights' schema: one group of trees at least, and no more of anything than the limits say."""
        nodes, trees, group = self.limits.nodes, self.limits.trees, self.group
        is_mean = self.leaves is Leaves.DISTRIBUTIONS
        number_of = functools.partial(TensorSchema, shape=(None,), open_floor=group, open_cap=nodes)
        return WeightSchema(
            tensors={
                "offsets": TensorSchema(dtype="I64", shape=(None,), open_floor=group + 1, open_cap=trees + 1),
                "left": number_of(dtype="I32"),
                "right": number_of(dtype="I32"),
                "feature": number_of(dtype="I32"),
                "threshold": number_of(dtype="F64"),
                "missing_left": number_of(dtype="U8"),
                "leaf_values": TensorSchema(
                    dtype="F32" if is_mean else "F64",
                    shape=(None, self.columns),
                    open_floor=group,
                    # Every split has two children, so a tree has one leaf more than it has splits.
                    open_cap=(nodes + trees) // 2,
                ),
            }
        )

    @property
    def leaf_dtype(self) -> np.dtype[Any]:
        """The element type of leaf values."""
        return NUMPY_DTYPES[self.schema.tensors["leaf_values"].dtype]

    def constant(self, answer: npt.ArrayLike) -> Trees:
        """A group of trees without a split, which answer the same for every sample.

        Args:
            answer: shape [outputs], or one number for all outputs.
        """
        rows = np.broadcast_to(answer, self.outputs).astype(self.leaf_dtype).reshape(self.group, self.columns)
        ends = np.full(self.group, LEAF, np.int32)
        return Trees(
            offsets=np.arange(self.group + 1, dtype=np.int64),
            left=ends,
            right=ends,
            feature=ends,
            threshold=np.zeros(self.group),
            missing_left=np.zeros(self.group, np.uint8),
            leaf_values=rows,
        )


@dataclass(frozen=True, eq=False)
class Trees:
    """An ensemble of trees; its fields are the tensors of the module's docstring, and cannot be written to.

    ``Trees.read`` makes one of what somebody else wrote.
    """

    offsets: npt.NDArray[np.int64]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    missing_left: npt.NDArray[np.uint8]
    leaf_values: npt.NDArray[Any]

    def __post_init__(self) -> None:
        for array in self.arrays().values():
            array.flags.writeable = False

    @classmethod
    def read(cls, weights: object, layout: TreeLayout) -> Trees:
        """Take copies of arrays that can be cut into trees; what the nodes say is not looked at.

        Raises:
            InvalidWeights: they are no dict of arrays, do not fit the layout's schema, are not equally long,
                their offsets do not cut them into trees, or there are more or fewer leaves than leaf values.
        """
        trees = cls(**checked(weights, layout.schema))
        trees._check_cuts(layout.group)
        return trees

    @classmethod
    def joined(cls, parts: Sequence[Trees]) -> Trees:
        """All trees of all parts, of which there is one at least, in order."""
        starts = np.cumsum([0, *(part.nodes for part in parts)])
        offsets = [part.offsets[1:] + start for part, start in zip(parts, starts[:-1], strict=True)]
        nodes = {name: np.concatenate([part.arrays()[name] for part in parts]) for name in _NODE_BY_NODE}
        return cls(
            offsets=np.concatenate([np.zeros(1, np.int64), *offsets]),
            **nodes,
            leaf_values=np.concatenate([part.leaf_values for part in parts]),
        )

    @property
    def count(self) -> int:
        """How many trees there are."""
        return self.offsets.size - 1

    @property
    def nodes(self) -> int:
        """How many nodes all trees have together."""
        return self.left.size

    @property
    def splits(self) -> int:
        """How many nodes are no leaves; where none is, all samples get the same answer."""
        return self.nodes - len(self.leaf_values)

    @property
    def is_leaf(self) -> npt.NDArray[np.bool_]:
        """Which nodes have no children, shape [nodes]."""
        leaf: npt.NDArray[np.bool_] = self.left == LEAF
        return leaf

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The tensors by name, not copied."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def place(self, node: int) -> tuple[int, int]:
        """Which tree a node belongs to, and which of its nodes it is."""
        tree = int(np.searchsorted(self.offsets, node, side="right")) - 1
        return tree, node - int(self.offsets[tree])

    def cut(self, first: int, last: int | None = None) -> Trees:
        """The trees from ``first`` up to and without ``last``; None: to the end."""
        offsets = self.offsets[first : None if last is None else last + 1]
        begin, end = int(offsets[0]), int(offsets[-1])
        leaves_before, leaves = (np.count_nonzero(self.is_leaf[:node]) for node in (begin, end))
        return Trees(
            offsets=offsets - begin,
            **{name: self.arrays()[name][begin:end] for name in _NODE_BY_NODE},
            leaf_values=self.leaf_values[leaves_before:leaves],
        )

    def begins_with(self, known: Trees) -> bool:
        """Whether the known trees are the first ones here, bit for bit."""
        pairs = zip(self.arrays().values(), known.arrays().values(), strict=True)
        return all(_same_bits(mine[: len(theirs)], theirs) for mine, theirs in pairs)

    def shared_with(self, known: Trees) -> int:
        """With how many of the known trees, from the first on, this ensemble begins."""
        return bisect_left(
            range(1, known.count + 1), True, key=lambda count: not self.begins_with(known.cut(0, count))
        )

    def _check_cuts(self, group: int) -> None:
        for name in _NODE_BY_NODE:
            nodes = len(self.arrays()[name])
            if nodes != self.nodes:
                raise InvalidWeights(
                    f"'{name}' has {nodes} nodes and 'left' has {self.nodes}", subject=name, value=nodes
                )
        self._check_offsets()
        if self.count % group:
            raise InvalidWeights(
                f"{self.count} trees are not a multiple of {group} outputs",
                subject="offsets",
                value=self.count,
            )
        rows, leaves = len(self.leaf_values), int(np.count_nonzero(self.is_leaf))
        if rows != leaves:
            raise InvalidWeights(
                f"there are {leaves} leaves and {rows} rows of leaf values", subject="leaf_values", value=rows
            )

    def _check_offsets(self) -> None:
        """Check that they rise from 0 to the number of nodes; differences could overflow."""
        offsets = self.offsets
        if offsets[0] != 0:
            raise InvalidWeights(
                f"tree 0 begins at {offsets[0]}, not 0", subject="offsets", value=int(offsets[0])
            )
        stuck = offsets[1:] <= offsets[:-1]
        if stuck.any():
            tree = int(stuck.argmax())
            raise InvalidWeights(
                f"tree {tree} begins at {offsets[tree]} and ends at {offsets[tree + 1]}",
                subject="offsets",
                value=int(offsets[tree + 1]),
            )
        if offsets[-1] != self.nodes:
            raise InvalidWeights(
                f"the last tree ends at {offsets[-1]}; there are {self.nodes} nodes",
                subject="offsets",
                value=int(offsets[-1]),
            )


def _same_bits(mine: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> bool:
    """Compared as bytes, since 0 and -0 are equal as numbers."""
    return mine.shape == theirs.shape and np.array_equal(mine.view(np.uint8), theirs.view(np.uint8))
