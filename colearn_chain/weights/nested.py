"""A learner's own form of weights to named arrays and back.

Whatever ``Weights.weights`` is, a learner may say itself how it becomes arrays (``WeightsCodec``). Where it
does not, nested dicts, lists and tuples of numbers and numpy arrays are walked: a leaf is named by the path
to it, keys and positions joined by ``/`` (in a key ``~`` is written ``~0`` and ``/`` is written ``~1``, as in
JSON Pointer, RFC 6901). A list of numbers of one type is one leaf: a tensor for every number would cost far
more than the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np

from colearn_chain.errors import InvalidWeights, LearnerError, shown
from colearn_chain.weights.tensors import NamedArrays, check_name, dtype_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from colearn_chain.ml_interface import MachineLearningInterface

WHOLE = "weights"
"""The name of weights that are one array or one number, in no container."""

MOST_DEPTH = 64
"""Containers are nested no deeper; one that holds itself would be."""

Path: TypeAlias = tuple[str, ...]


@runtime_checkable
class WeightsCodec(Protocol):
    """How a learner's weights become named arrays and back; they may share memory, both ways."""

    def weights_to_arrays(self, weights: Any) -> NamedArrays:
        """Turn ``Weights.weights`` into named arrays.

        Raises:
            InvalidWeights: there is no way to.
        """

    def arrays_to_weights(self, arrays: NamedArrays) -> Any:
        """Turn arrays that fit the experiment's schema into what goes into ``Weights.weights``.

        Raises:
            InvalidWeights: there is no way to.
        """


def codec_of(learner: MachineLearningInterface) -> WeightsCodec:
    """The learner itself where it is a ``WeightsCodec``, else one that walks nested containers."""
    return learner if isinstance(learner, WeightsCodec) else NestedCodec(learner)


class NestedCodec:
    """Nested dicts, lists and tuples of numbers and arrays, as the learner's current weights are built."""

    def __init__(self, learner: MachineLearningInterface) -> None:
        self._learner = learner

    def weights_to_arrays(self, weights: Any) -> dict[str, NDArray[Any]]:
        """Name every leaf by its path.

        Raises:
            InvalidWeights: a leaf is neither a number nor a numpy array, a key is not text, or containers are
                nested more than ``MOST_DEPTH`` deep; the path is the error's subject.
        """
        return {_name(path): _to_array(path, leaf) for path, leaf in _leaves(weights, ())}

    def arrays_to_weights(self, arrays: NamedArrays) -> Any:
        """Put arrays back into containers and numbers of the types that the learner's current weights have.

        Raises:
            InvalidWeights: names, dtypes or a number's shape differ from the current weights'.
            LearnerError: the learner does not say what its current weights are.
        """
        template = self._template()
        names = {_name(path) for path, _ in _leaves(template, ())}
        for name in sorted(names ^ arrays.keys()):
            problem = "is missing" if name in names else "is not part of the learner's weights"
            raise InvalidWeights(f"'{shown(name)}' {problem}", subject=name)
        return _restore(template, (), arrays)

    def _template(self) -> Any:
        try:
            weights = self._learner.mli_get_current_weights().weights
        except Exception as error:
            raise LearnerError(f"mli_get_current_weights failed: {error}") from error
        if weights is None:
            raise LearnerError("mli_get_current_weights returned no weights")
        return weights


def _name(path: Path) -> str:
    if not path:
        return WHOLE
    return check_name("/".join(part.replace("~", "~0").replace("/", "~1") for part in path))


def _items(node: object, path: Path) -> Iterable[tuple[str, Any]] | None:
    """A container's parts by key or position; None for a leaf."""
    if type(node) is dict:
        return _keyed(node, path)
    if (type(node) is list or type(node) is tuple) and not _is_row(node):
        return ((str(index), part) for index, part in enumerate(node))
    return None


def _is_row(node: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether this is a list or tuple of numbers of one Python type."""
    if not (type(node) is list or type(node) is tuple) or not node:
        return False
    kind = type(node[0])
    return kind in {bool, int, float} and all(type(part) is kind for part in node)


def _keyed(node: Mapping[Any, Any], path: Path) -> Iterator[tuple[str, Any]]:
    for key, part in node.items():
        if type(key) is not str:
            where = _name(path)
            raise InvalidWeights(
                f"the dict '{shown(where)}' has the key {shown(key)}, which is not text",
                subject=where,
                value=key,
            )
        yield key, part


def _leaves(node: object, path: Path) -> Iterator[tuple[Path, Any]]:
    if len(path) > MOST_DEPTH:
        raise InvalidWeights(f"nested more than {MOST_DEPTH} deep", subject=_name(path), value=len(path))
    items = _items(node, path)
    if items is None:
        yield path, node
        return
    for key, part in items:
        yield from _leaves(part, (*path, key))


def _to_array(path: Path, leaf: object) -> NDArray[Any]:
    name = _name(path)
    if isinstance(leaf, bool | int | float | np.generic | np.ndarray) or _is_row(leaf):
        try:
            array = np.asarray(leaf, dtype=_number_dtype(leaf))
        except OverflowError as error:
            raise InvalidWeights(
                f"'{shown(name)}' is {shown(leaf)}, which 64 bits do not hold", subject=name, value=leaf
            ) from error
        dtype_of(name, array.dtype)
        return array
    kind = f"{type(leaf).__module__}.{type(leaf).__qualname__}"
    raise InvalidWeights(
        f"'{shown(name)}' is a {kind}, neither a number nor a numpy array", subject=name, value=kind
    )


def _number_dtype(leaf: object) -> np.dtype[Any] | None:
    """The dtype of a Python number, or of numbers of one type; None for what has its own."""
    if isinstance(leaf, np.generic | np.ndarray):
        return None
    if isinstance(leaf, list | tuple):
        leaf = leaf[0]
    return np.dtype("?" if isinstance(leaf, bool) else "i8" if isinstance(leaf, int) else "f8")


def _restore(node: Any, path: Path, arrays: NamedArrays) -> Any:
    items = _items(node, path)
    if items is None:
        return _from_array(path, node, arrays[_name(path)])
    parts = [(key, _restore(part, (*path, key), arrays)) for key, part in items]
    return dict(parts) if type(node) is dict else type(node)(part for _, part in parts)


def _from_array(path: Path, leaf: Any, array: NDArray[Any]) -> Any:
    name = _name(path)
    wanted = dtype_of(name, _to_array(path, leaf).dtype)
    found = dtype_of(name, array.dtype)
    if found != wanted:
        raise InvalidWeights(f"'{shown(name)}' has dtype {found}, not {wanted}", subject=name, value=found)
    if isinstance(leaf, np.ndarray):
        return array
    shape = np.shape(leaf)
    if array.shape != shape:
        where = f"{len(leaf)} numbers are" if shape else "a number is"
        raise InvalidWeights(
            f"'{shown(name)}' has shape {array.shape} where {where}", subject=name, value=array.shape
        )
    if isinstance(leaf, list | tuple):
        return type(leaf)(array.tolist())
    return array[()] if isinstance(leaf, np.generic) else type(leaf)(array.item())
