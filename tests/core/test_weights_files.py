"""Named arrays to files and back, and what a stranger's file may not do."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from colearn_chain.errors import InvalidWeights
from colearn_chain.weights import TensorSchema, WeightSchema, read_weights, weights_digest, write_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]

arrays_of_any_dtype = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=hnp.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False),
    )
)
names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name != "__metadata__")
models = st.dictionaries(names, arrays_of_any_dtype, max_size=4)

SMALL: dict[str, NDArray[Any]] = {
    "bias": np.array([1.5, -0.0], np.float32),
    "mask": np.array([True, False]),
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file name in a folder of its own, written over by each example."""
    return tmp_path_factory.mktemp("weights") / "weights.safetensors"


def encode(header: Mapping[str, Any] | bytes, body: bytes = b"") -> bytes:
    """A safetensors file with this header, padded as the format wants it, and this body."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def entry(dtype: str, shape: list[Any], begin: int, end: int) -> dict[str, Any]:
    """One tensor's entry in a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def refused(path: Path, data: bytes, schema: WeightSchema) -> InvalidWeights:
    """Read these bytes as a stranger's file, and return why they were refused."""
    path.write_bytes(data)
    with pytest.raises(InvalidWeights) as caught:
        read_weights(path, schema)
    return caught.value


def same(left: Mapping[str, NDArray[Any]], right: Mapping[str, NDArray[Any]]) -> bool:
    """Whether names, dtypes, shapes and bits are the same."""
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


@given(arrays=models)
def test_roundtrip(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """What was written is read again, bit for bit, and what is read can be trained in place."""
    write_weights(arrays, path)
    found = read_weights(path, WeightSchema.of(arrays))
    assert same(found, arrays)
    assert all(array.flags.writeable and array.flags.aligned for array in found.values())


@given(arrays=models, data=st.data())
def test_same_arrays_give_the_same_bytes(
    path: Path, arrays: dict[str, NDArray[Any]], data: st.DataObject
) -> None:
    """Neither the order of insertion, nor the byte order, nor the memory layout shows in the file."""
    write_weights(arrays, path)
    first = path.read_bytes()
    shuffled = {
        name: np.array(arrays[name], order="F").astype(arrays[name].dtype.newbyteorder(">"))
        for name in data.draw(st.permutations(list(arrays)))
    }
    write_weights(shuffled, path)
    assert path.read_bytes() == first
    assert weights_digest(shuffled) == weights_digest(arrays)


@given(arrays=models)
def test_the_safetensors_library_reads_our_files(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Our files are safetensors files to those who wrote the format."""
    write_weights(arrays, path)
    assert same(safetensors.numpy.load_file(path), arrays)


@given(
    arrays=st.dictionaries(
        names, hnp.arrays("f4", hnp.array_shapes(max_side=3), elements=st.just(1.0)), max_size=4
    )
)
def test_we_read_and_write_what_the_safetensors_library_writes(
    path: Path, arrays: dict[str, NDArray[Any]]
) -> None:
    """Where all tensors have one dtype, and without metadata, the library's bytes are the canonical ones."""
    library = safetensors.numpy.save(arrays)
    path.write_bytes(library)
    assert same(read_weights(path, WeightSchema.of(arrays)), arrays)
    write_weights(arrays, path)
    assert path.read_bytes() == library


def test_known_bytes(path: Path) -> None:
    """The canonical form is this one, whatever happens to the code that writes it."""
    write_weights({"b": np.array([1, 2], np.int16), "a": np.array(3, np.uint8)}, path)
    header = {"a": entry("U8", [], 0, 1), "b": entry("I16", [2], 1, 5)}
    assert path.read_bytes() == encode(header, b"\x03\x01\x00\x02\x00")


def test_blocks_larger_than_the_buffer(path: Path) -> None:
    """Tensors of several blocks, contiguous or not, come back whole."""
    big = np.arange(700_000, dtype=np.float64).reshape(700, 1000)
    arrays = {"contiguous": big, "transposed": big.T, "strided": big[::3, ::2]}
    write_weights(arrays, path)
    found = read_weights(path, WeightSchema.of(arrays))
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


def test_digest_is_the_files_sha256(path: Path) -> None:
    """The digest stands for the canonical file, and any value changes it."""
    write_weights(SMALL, path)
    changed = SMALL | {"bias": np.array([1.5, 0.0], np.float32)}
    assert weights_digest(SMALL) == hashlib.sha256(path.read_bytes()).digest() != weights_digest(changed)


@given(data=st.data())
def test_random_corruption_is_refused_or_harmless(path: Path, data: st.DataObject) -> None:
    """Whatever bytes are changed, what is read fits the schema and is finite, or the file is refused."""
    write_weights(SMALL, path)
    schema, damaged = WeightSchema.of(SMALL), bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    kept = damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))]
    path.write_bytes(kept + data.draw(st.binary(max_size=2)))
    try:
        found = read_weights(path, schema)
    except InvalidWeights:
        return
    schema.check(found)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
def test_values_that_are_not_finite(path: Path, dtype: str, value: float) -> None:
    """NaN and infinity are neither read nor written, wherever in a tensor they hide."""
    good = np.zeros(300_000, dtype)
    write_weights({"w": good}, path)
    data = bytearray(path.read_bytes())
    data[-good.itemsize :] = np.array([value], dtype).tobytes()
    assert refused(path, bytes(data), WeightSchema.of({"w": good})).subject == "w"
    good[-1] = value
    with pytest.raises(InvalidWeights, match="'w' holds"):
        write_weights({"w": good}, path)


def test_a_boolean_that_is_two(path: Path) -> None:
    """A boolean has two values; another byte would be true here and something else there."""
    data = encode({"b": entry("BOOL", [2], 0, 2)}, b"\x01\x02")
    schema = WeightSchema.of({"b": np.zeros(2, np.bool_)})
    assert refused(path, data, schema).value == 2
    with pytest.raises(InvalidWeights):
        write_weights({"b": np.array([2], np.uint8).view(np.bool_)}, path)


def test_header_of_ten_gigabytes(path: Path) -> None:
    """The header's length is judged before anything is read or allocated."""
    data = (10 * 2**30).to_bytes(8, "little") + b"{}"
    assert refused(path, data, WeightSchema.of(SMALL)).value == 10 * 2**30


def test_file_larger_than_the_schema_allows(path: Path) -> None:
    """The size is judged before the header."""
    error = refused(path, bytes(4096), WeightSchema.of(SMALL))
    assert (error.subject, error.value) == ("size", 4096)


@pytest.mark.parametrize("cut", [0, 3, 7, 8, 40])
def test_file_that_ends_in_the_header(path: Path, cut: int) -> None:
    """A file that stops early is refused, wherever it stops."""
    write_weights(SMALL, path)
    refused(path, path.read_bytes()[:cut], WeightSchema.of(SMALL))


def test_truncated_body_and_trailing_bytes(path: Path) -> None:
    """A file has exactly the size that its header says."""
    write_weights(SMALL, path)
    whole = path.read_bytes()
    assert refused(path, whole[:-1], WeightSchema.of(SMALL)).subject == "size"
    open_schema = WeightSchema(
        tensors={
            **WeightSchema.of(SMALL).tensors,
            "bias": TensorSchema(dtype="F32", shape=(None,), open_cap=9),
        }
    )
    assert refused(path, whole + b"\0", open_schema).subject == "size"


def one_float(text: bytes | Mapping[str, Any]) -> tuple[bytes, WeightSchema]:
    """A file with this header and eight bytes of body, and the schema of tensors a and b, one F32 each."""
    one = np.zeros(1, np.float32)
    return encode(text, bytes(8)), WeightSchema.of({"a": one, "b": one})


A, B = entry("F32", [1], 0, 4), entry("F32", [1], 4, 8)
A_TEXT, B_TEXT = (json.dumps(part, separators=(",", ":")) for part in (A, B))


def test_the_honest_header_is_accepted(path: Path) -> None:
    """The attacks below differ from a file that is accepted."""
    data, schema = one_float({"a": A, "b": B})
    path.write_bytes(data)
    assert read_weights(path, schema).keys() == {"a", "b"}


@pytest.mark.parametrize(
    "header",
    [
        {"a": A, "b": entry("F32", [1], 0, 4)},
        {"a": A, "b": entry("F32", [1], 2, 6)},
        {"a": A, "b": entry("F32", [1], 8, 12)},
        {"a": A, "b": entry("F32", [1], 4, 4)},
        {"a": A, "b": entry("F32", [1], -4, 0)},
        {"a": A, "b": {**B, "data_offsets": [4, 8, 8]}},
        {"a": A, "b": {**B, "data_offsets": [4, "8"]}},
        {"a": A, "b": {**B, "data_offsets": [4.0, 8.0]}},
    ],
    ids=["overlap", "overlap-in-part", "hole", "empty-range", "negative", "three", "text", "floats"],
)
def test_offsets_other_than_the_canonical_ones(path: Path, header: dict[str, Any]) -> None:
    """Values lie back to back in the order of the names, and nowhere else."""
    refused(path, *one_float(header))


NOT_CANONICAL = {
    "duplicate-name": f'{{"a":{A_TEXT},"a":{A_TEXT},"b":{B_TEXT}}}',
    "duplicate-field": f'{{"a":{A_TEXT[:-1]},"dtype":"F32"}},"b":{B_TEXT}}}',
    "unsorted": f'{{"b":{B_TEXT},"a":{A_TEXT}}}',
    "unsorted-back-to-back": f'{{"b":{A_TEXT},"a":{B_TEXT}}}',
    "space": f'{{"a": {A_TEXT},"b":{B_TEXT}}}',
    "leading-space": f' {{"a":{A_TEXT},"b":{B_TEXT}}}',
    "too-much-padding": f'{{"a":{A_TEXT},"b":{B_TEXT}}}' + " " * 8,
    "escape": f'{{"\\u0061":{A_TEXT},"b":{B_TEXT}}}',
    "metadata": f'{{"__metadata__":{{"x":"y"}},"a":{A_TEXT},"b":{B_TEXT}}}',
    "order-of-fields": f'{{"a":{A_TEXT},"b":{{"shape":[1],"dtype":"F32","data_offsets":[4,8]}}}}',
    "unfinished": f'{{"a":{A_TEXT},"b":{B_TEXT}',
    "list": "[]",
    "null": "null",
    "numbers": '{"a":1,"b":2}',
    "no-fields": '{"a":{},"b":{}}',
    "deep-list": "[" * 100_000,
    "deep-dict": '{"a":' * 100_000,
    "nan": f'{{"a":{A_TEXT},"b":{{"dtype":"F32","shape":[NaN],"data_offsets":[4,8]}}}}',
    "endless-number": f'{{"a":{A_TEXT},"b":{{"dtype":"F32","shape":[{"9" * 5000}],"data_offsets":[4,8]}}}}',
    "surrogate": f'{{"a":{A_TEXT},"\\ud800":{B_TEXT}}}',
}


@pytest.mark.parametrize("text", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_headers_that_are_not_canonical(path: Path, text: str) -> None:
    """One model has one header; every other spelling is refused, and none of them costs much."""
    data, schema = one_float(text.encode())
    # With room, so that the size alone does not refuse it.
    b = TensorSchema(dtype="F32", shape=(None,), open_cap=2**20)
    refused(path, data, WeightSchema(tensors={**schema.tensors, "b": b}))


def test_header_that_is_not_utf8(path: Path) -> None:
    """A header is UTF-8."""
    refused(path, *one_float(b'{"\xff":1}'))


@pytest.mark.parametrize("shape", [[-1], [True], [1.0], ["1"], "1", None, [[1]], {"0": 1}], ids=str)
def test_shapes_that_are_none(path: Path, shape: Any) -> None:
    """A shape is a list of integers that are not negative."""
    refused(path, *one_float({"a": A, "b": {**B, "shape": shape}}))


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ([10**4200, 10**4200], "has no shape but"),
        ([2**41], "has no shape but"),
        ([2**62, 0], "has no shape but"),
        ([2**40] * 32, "not in canonical form"),
        ([1] * 33, "33 dimensions; 32 are allowed"),
        ([0] * 20_000, "20000 dimensions; 32 are allowed"),
    ],
    ids=["4200-digits", "2-tib", "beside-zero", "product", "dimensions", "20000-dimensions"],
)
def test_sizes_whose_product_nobody_could_write(path: Path, shape: list[int], why: str) -> None:
    """Sizes and dimensions are bounded before they are multiplied, and the message stays short."""
    text = json.dumps({"a": {**A, "shape": shape}}, separators=(",", ":")).encode()
    wide = TensorSchema(dtype="U8", shape=(None,), open_cap=2**20)
    error = refused(path, encode(text, bytes(4)), WeightSchema(tensors={"w": wide}))
    assert why in str(error)
    assert len(str(error)) < 300


def test_a_tensors_name_cannot_forge_a_line(path: Path) -> None:
    """Names come from strangers: in messages and subjects they are escaped and cut."""
    for name in ("w\nround 7: accepted\x1b[2J", "w" * 50_000):
        data = encode({name: A}, bytes(4))
        error = refused(path, data, WeightSchema.of({"a": np.zeros(20_000, np.float32)}))
        assert str(error).isprintable()
        assert error.subject.isprintable()
        assert len(str(error)) < 300


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "f32", "", None, 1, ["F32"]], ids=str)
def test_dtypes_that_are_none(path: Path, dtype: Any) -> None:
    """Only the dtypes that numpy has are known."""
    refused(path, *one_float({"a": A, "b": {**B, "dtype": dtype}}))


def test_extra_missing_and_renamed_tensor(path: Path) -> None:
    """A file has exactly the schema's tensors."""
    one = np.zeros(1, np.float32)
    schema = WeightSchema.of({"a": one, "b": one})
    for arrays, subject in (
        ({"a": one}, "b"),
        ({"a": one, "b": one, "c": one}, "c"),
        ({"a": one, "B": one}, "B"),
    ):
        write_weights(arrays, path)
        assert refused(path, path.read_bytes(), _roomy(schema)).subject == subject


def _roomy(schema: WeightSchema) -> WeightSchema:
    """The same schema and a tensor more, so that a file's size alone does not refuse it."""
    tensors = {
        name: TensorSchema(dtype=part.dtype, shape=part.shape) for name, part in schema.tensors.items()
    }
    return WeightSchema(tensors={**tensors, "zz": TensorSchema(dtype="U8", shape=(None,), open_cap=1024)})


def test_wrong_shape_and_wrong_dtype(path: Path) -> None:
    """Shapes and dtypes are the schema's, even where the bytes are as many."""
    schema = WeightSchema.of({"w": np.zeros((2, 3), np.float32)})
    for wrong in (np.zeros((3, 2), np.float32), np.zeros(6, np.float32), np.zeros((2, 3), np.int32)):
        write_weights({"w": wrong}, path)
        assert refused(path, path.read_bytes(), schema).subject == "w"


def test_empty_tensor_with_huge_dimensions(path: Path) -> None:
    """A size of zero hides no other size: the shape is the schema's."""
    schema = WeightSchema(tensors={"w": TensorSchema(dtype="F32", shape=(None, 3), open_floor=0, open_cap=5)})
    data = encode({"w": entry("F32", [0, 2**62], 0, 0)})
    assert refused(path, data, schema).subject == "w"


@pytest.mark.parametrize("size", [0, 5])
def test_open_dimension_within_its_range(path: Path, size: int) -> None:
    """An open dimension may have any size in its range, zero where the schema says so."""
    schema = WeightSchema(tensors={"w": TensorSchema(dtype="F32", shape=(None, 3), open_floor=0, open_cap=5)})
    write_weights({"w": np.ones((size, 3), np.float32)}, path)
    assert read_weights(path, schema)["w"].shape == (size, 3)


@pytest.mark.parametrize(("floor", "size"), [(1, 0), (0, 6), (2, 1)])
def test_open_dimension_out_of_its_range(path: Path, floor: int, size: int) -> None:
    """An open dimension is capped, and empty only where the schema says so."""
    tensor = TensorSchema(dtype="F32", shape=(None, 3), open_floor=floor, open_cap=5)
    write_weights({"w": np.ones((size, 3), np.float32)}, path)
    assert refused(path, path.read_bytes(), _roomy_open(tensor)).subject == "w"


def _roomy_open(tensor: TensorSchema) -> WeightSchema:
    """A schema of this tensor and one more, so that a file's size alone does not refuse it."""
    return WeightSchema(tensors={"w": tensor, "zz": TensorSchema(dtype="U8", shape=(None,), open_cap=1024)})
