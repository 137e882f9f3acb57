"""Nested containers of numbers and arrays to named arrays and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from colearn_chain.errors import InvalidWeights, LearnerError
from colearn_chain.ml_interface import ColearnModel, MachineLearningInterface, ProposedWeights, Weights
from colearn_chain.weights import NamedArrays, NestedCodec, WeightSchema, codec_of


class Holder(MachineLearningInterface):
    """A learner that holds weights and does nothing else."""

    def __init__(self, weights: Any) -> None:
        """Hold these weights."""
        self.weights = weights

    def mli_propose_weights(self) -> Weights:
        """Propose what it holds."""
        return Weights(weights=self.weights)

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Find all weights equally good."""
        return ProposedWeights(weights=weights, vote_score=0.0, test_score=0.0, vote=False)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Hold other weights."""
        self.weights = weights.weights

    def mli_get_current_weights(self) -> Weights:
        """Show what it holds."""
        return Weights(weights=self.weights)

    def mli_get_current_model(self) -> ColearnModel:
        """Have no model."""
        raise NotImplementedError


class Speaker(Holder):
    """A learner that says itself how its weights become arrays."""

    def weights_to_arrays(self, weights: Any) -> NamedArrays:
        """One array."""
        return {"all": np.array(weights)}

    def arrays_to_weights(self, arrays: NamedArrays) -> Any:
        """A list."""
        return arrays["all"].tolist()


leaves = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    hnp.arrays(
        st.sampled_from(["f4", "i8", "?"]), hnp.array_shapes(min_dims=0, max_side=3), elements=st.just(1)
    ),
    st.builds(np.float32, st.floats(width=32, allow_nan=False)),
)
nested = st.recursive(
    leaves,
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.lists(part, max_size=3).map(tuple),
        st.dictionaries(st.text(st.sampled_from("a~/01"), max_size=3), part, max_size=3),
    ),
    max_leaves=8,
)


def same(left: Any, right: Any) -> bool:
    """Whether two nested values have the same types, keys and values."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and bool((left == right).all())
    return bool(left == right)


def count(node: Any) -> int:
    """How many leaves there are; numbers of one type in a row are one."""
    if isinstance(node, list | tuple) and [type(part) for part in node] in [
        [kind] * len(node) for kind in (bool, int, float) if node
    ]:
        return 1
    if isinstance(node, dict | list | tuple):
        return sum(count(part) for part in (node.values() if isinstance(node, dict) else node))
    return 1


@given(weights=nested)
def test_roundtrip(weights: Any) -> None:
    """Containers, numbers and arrays come back as they were, no two leaves under one name."""
    codec = codec_of(Holder(weights))
    arrays = codec.weights_to_arrays(weights)
    assert len(arrays) == count(weights)
    assert same(codec.arrays_to_weights(arrays), weights)


def test_names_are_paths() -> None:
    """A leaf's name is the path to it, with keys escaped as in JSON Pointer."""
    weights = {"layers": [{"w": np.zeros(2)}, (1.5, 2)], "a/b~": True}
    arrays = codec_of(Holder(weights)).weights_to_arrays(weights)
    assert list(arrays) == ["layers/0/w", "layers/1/0", "layers/1/1", "a~1b~0"]
    assert [array.dtype.name for array in arrays.values()] == ["float64", "float64", "int64", "bool"]


def test_numbers_of_one_type_in_a_row_are_one_array() -> None:
    """A tensor for each of many numbers would cost more than all of them."""
    weights = {"bias": [0.5] * 100_000, "table": [[1, 2], [3, 4]], "flags": (True, False), "mixed": [1, 2.0]}
    codec = codec_of(Holder(weights))
    arrays = codec.weights_to_arrays(weights)
    shapes = {name: (array.dtype.name, array.shape) for name, array in arrays.items()}
    assert shapes == {
        "bias": ("float64", (100_000,)),
        "table/0": ("int64", (2,)),
        "table/1": ("int64", (2,)),
        "flags": ("bool", (2,)),
        "mixed/0": ("int64", ()),
        "mixed/1": ("float64", ()),
    }
    assert same(codec.arrays_to_weights(arrays), weights)


@pytest.mark.parametrize("shape", [(3,), (1,), (2, 1), ()])
def test_a_row_does_not_grow(shape: tuple[int, ...]) -> None:
    """A list comes back with as many numbers as the learner's own, or not at all."""
    with pytest.raises(InvalidWeights, match=r"'row' has shape .* where 2 numbers are"):
        codec_of(Holder({"row": [1.0, 2.0]})).arrays_to_weights({"row": np.zeros(shape)})


def test_weights_without_a_container() -> None:
    """One array alone is weights too."""
    assert list(codec_of(Holder(np.zeros(2))).weights_to_arrays(np.zeros(2))) == ["weights"]


def test_arrays_may_grow() -> None:
    """The template gives the types, not the shapes of arrays: open dimensions grow."""
    codec = codec_of(Holder({"trees": np.zeros((1, 2))}))
    assert codec.arrays_to_weights({"trees": np.ones((5, 2))})["trees"].shape == (5, 2)


def test_a_learner_may_speak_for_itself() -> None:
    """A learner that implements the codec is asked, and nothing is walked."""
    speaker = Speaker([1.0, 2.0])
    assert codec_of(speaker) is speaker
    assert isinstance(codec_of(Holder([1.0])), NestedCodec)


@pytest.mark.parametrize(
    ("leaf", "shown"),
    [
        (None, "NoneType"),
        ("text", "str"),
        (1j, "complex"),
        ({1, 2}, "set"),
        (np.array([None]), "object"),
        (np.zeros(1, complex), "complex128"),
    ],
    ids=str,
)
def test_unknown_leaf(leaf: object, shown: str) -> None:
    """What is neither a number nor an array is refused by its path and type."""
    with pytest.raises(InvalidWeights, match=shown) as caught:
        codec_of(Holder(None)).weights_to_arrays({"a": [1, {"b": leaf}]})
    assert caught.value.subject == "a/1/b"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_integer_beyond_64_bits(number: int) -> None:
    """A Python integer that no tensor holds is refused, not rounded."""
    with pytest.raises(InvalidWeights, match="64 bits"):
        codec_of(Holder(None)).weights_to_arrays([number])


def test_key_that_is_not_text() -> None:
    """Keys are text: 1 and "1" would be one name."""
    with pytest.raises(InvalidWeights, match="the key 1") as caught:
        codec_of(Holder(None)).weights_to_arrays({"a": {1: 2.0}})
    assert caught.value.subject == "a"


def test_container_that_holds_itself() -> None:
    """A walk without end is refused."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidWeights, match="nested more than"):
        codec_of(Holder(None)).weights_to_arrays(endless)


@pytest.mark.parametrize(
    ("arrays", "subject"),
    [
        ({"n": np.array(1)}, "w"),
        ({"n": np.array(1), "w": np.zeros(2), "x": np.zeros(2)}, "x"),
        ({"n": np.array([1]), "w": np.zeros(2)}, "n"),
        ({"n": np.array(1.0), "w": np.zeros(2)}, "n"),
        ({"n": np.array(1), "w": np.zeros(2, np.float32)}, "w"),
    ],
    ids=["missing", "extra", "shape-of-a-number", "dtype-of-a-number", "dtype-of-an-array"],
)
def test_arrays_that_do_not_fit_the_template(arrays: dict[str, Any], subject: str) -> None:
    """Arrays that the learner's own weights do not have the place for are refused by name."""
    with pytest.raises(InvalidWeights) as caught:
        codec_of(Holder({"n": 1, "w": np.zeros(2)})).arrays_to_weights(arrays)
    assert caught.value.subject == subject


def test_learner_that_does_not_say_its_weights() -> None:
    """A learner that fails, or has no weights, is to blame itself: nobody's arrays are."""

    class Broken(Holder):
        def mli_get_current_weights(self) -> Weights:
            raise KeyError("weights")

    for learner in (Broken(None), Holder(None)):
        with pytest.raises(LearnerError, match="mli_get_current_weights"):
            codec_of(learner).arrays_to_weights({})


def test_nested_weights_through_the_schema() -> None:
    """Named arrays of nested weights have a schema like any others."""
    weights = {"w": [np.zeros((2, 2)), 3]}
    arrays = codec_of(Holder(weights)).weights_to_arrays(weights)
    WeightSchema.of(arrays).check(arrays)
