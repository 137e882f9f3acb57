"""What the schema says of arrays, and what no schema may say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from colearn_chain.errors import InvalidWeights
from colearn_chain.weights import TensorSchema, WeightSchema, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = WeightSchema.of({"w": np.zeros((2, 3), np.float32), "n": np.array(1)})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file name in a folder of its own."""
    return tmp_path_factory.mktemp("weights") / "weights.safetensors"


def test_schema_of_arrays_accepts_them() -> None:
    """The schema of some arrays accepts others of the same names, dtypes and shapes, in any byte order."""
    SCHEMA.check({"n": np.array(5), "w": np.ones((2, 3), ">f4")})


@pytest.mark.parametrize(
    ("arrays", "subject"),
    [
        ({"w": np.ones((2, 3), np.float32)}, "n"),
        ({"w": np.ones((2, 3), np.float32), "n": np.array(1), "x": np.array(1)}, "x"),
        ({"w": np.ones((3, 2), np.float32), "n": np.array(1)}, "w"),
        ({"w": np.ones((2, 3, 1), np.float32), "n": np.array(1)}, "w"),
        ({"w": np.ones((2, 3), np.float64), "n": np.array(1)}, "w"),
        ({"w": np.full((2, 3), np.nan, np.float32), "n": np.array(1)}, "w"),
        ({"w": [[1.0]], "n": np.array(1)}, "w"),
    ],
    ids=["missing", "extra", "shape", "dimensions", "dtype", "nan", "list"],
)
def test_arrays_that_do_not_fit(arrays: dict[str, Any], subject: str) -> None:
    """What does not fit is named."""
    with pytest.raises(InvalidWeights) as caught:
        SCHEMA.check(arrays)
    assert caught.value.subject == subject


def test_schema_survives_json() -> None:
    """A schema goes into the experiment's spec and comes out as it was, open dimensions included."""
    schema = WeightSchema(
        tensors={
            **SCHEMA.tensors,
            "trees": TensorSchema(dtype="I32", shape=(None, 4), open_floor=0, open_cap=10),
        }
    )
    assert WeightSchema.model_validate_json(schema.model_dump_json()) == schema


@pytest.mark.parametrize(
    "array",
    [np.zeros((1,) * 33), np.zeros((1,) * 64), np.broadcast_to(np.uint8(0), (2**40, 2))],
    ids=["33-dimensions", "64-dimensions", "2-tib"],
)
def test_arrays_that_no_schema_may_have(path: Path, array: NDArray[Any]) -> None:
    """What nobody could read is refused where it is described, by the same error as everything else."""
    with pytest.raises(InvalidWeights, match="are allowed"):
        WeightSchema.of({"w": array})
    if array.ndim > 2:
        with pytest.raises(InvalidWeights, match="dimensions; 32 are allowed"):
            write_weights({"w": array}, path)


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "BF16", "shape": [1]},
        {"dtype": "F32", "shape": [-1]},
        {"dtype": "F32", "shape": [True]},
        {"dtype": "F32", "shape": [1.0]},
        {"dtype": "F32", "shape": 3},
        {"dtype": "F32", "shape": [1] * 33},
        {"dtype": "F32"},
        {"dtype": "F32", "shape": [1], "more": 1},
        {"dtype": "F32", "shape": [None]},
        {"dtype": "F32", "shape": [1], "open_cap": 5},
        {"dtype": "F32", "shape": [1], "open_floor": 0},
        {"dtype": "F32", "shape": [None], "open_cap": 5, "open_floor": 6},
        {"dtype": "F32", "shape": [2**20, 2**20]},
        {"dtype": "F32", "shape": [0, 2**40]},
        {"dtype": "F32", "shape": [None, 2**20], "open_cap": 2**20},
    ],
    ids=str,
)
def test_schemas_that_are_none(tensor: dict[str, Any]) -> None:
    """A schema that is malformed, contradicts itself or allows more than a TiB is refused."""
    with pytest.raises(ValidationError):
        WeightSchema.model_validate_json(json.dumps({"tensors": {"w": tensor}}))


def test_schema_as_a_whole_is_bounded() -> None:
    """The sum of all tensors, and the header that names them, are bounded too."""
    half = TensorSchema(dtype="U8", shape=(2**39,))
    with pytest.raises(ValidationError, match="weights of"):
        WeightSchema(tensors={"a": half, "b": half})
    with pytest.raises(ValidationError, match="a header of"):
        WeightSchema(
            tensors={f"{index:060}": TensorSchema(dtype="U8", shape=(1,)) for index in range(10_000)}
        )
    with pytest.raises(ValidationError, match="reserved"):
        WeightSchema(tensors={"__metadata__": TensorSchema(dtype="U8", shape=(1,))})


@given(cap=st.integers(1, 2000), size=st.integers(1, 2000), fixed=st.integers(0, 3))
def test_no_file_is_larger_than_most_bytes(path: Path, cap: int, size: int, fixed: int) -> None:
    """A file of arrays that fit has at most ``most_bytes``, and exactly so many at the caps."""
    size = min(size, cap)
    schema = WeightSchema(
        tensors={
            "open": TensorSchema(dtype="U8", shape=(None, 2), open_cap=cap),
            "fixed": TensorSchema(dtype="I16", shape=(fixed,)),
        }
    )
    arrays: dict[str, NDArray[Any]] = {
        "open": np.zeros((size, 2), np.uint8),
        "fixed": np.zeros(fixed, np.int16),
    }
    schema.check(arrays)
    write_weights(arrays, path)
    found = path.stat().st_size
    assert found <= schema.most_bytes()
    assert (found == schema.most_bytes()) or size < cap


def test_schema_of_too_many_arrays() -> None:
    """Arrays that no file can hold have no schema."""
    with pytest.raises(InvalidWeights, match="a header of"):
        WeightSchema.of({f"{index:060}": np.zeros(1) for index in range(10_000)})
