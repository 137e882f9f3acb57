"""What the weights of one experiment look like: names, element types, shapes, and so their most bytes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from colearn_chain.errors import InvalidWeights, shown
from colearn_chain.weights.layout import header_bytes
from colearn_chain.weights.tensors import (
    MOST_DIMENSIONS,
    MOST_WEIGHT_BYTES,
    NUMPY_DTYPES,
    Dtype,
    NamedArrays,
    Tensor,
    blocks,
    check_name,
    check_values,
    describe_all,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Size = Annotated[int, Field(ge=0, le=MOST_WEIGHT_BYTES)]


class TensorSchema(BaseModel):
    """What one tensor must be.

    Attributes:
        dtype: safetensors name of the element type.
        shape: one size for each dimension; None leaves it open. A tensor may be empty only where a size or
            ``open_floor`` is 0.
        open_floor: the least size of an open dimension.
        open_cap: the largest size of an open dimension; None when no dimension is open.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    dtype: Dtype
    shape: Annotated[tuple[Size | None, ...], Field(max_length=MOST_DIMENSIONS)]
    open_floor: Size = 1
    open_cap: Size | None = None

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if (None in self.shape) != (self.open_cap is not None):
            raise ValueError("open_cap goes with open dimensions, and they with it")
        if self.open_cap is not None and self.open_floor > self.open_cap:
            raise ValueError(f"open_floor {self.open_floor} is more than open_cap {self.open_cap}")
        if self.open_cap is None and self.open_floor != 1:
            raise ValueError(f"open_floor {self.open_floor} without an open dimension")
        most = prod(max(size, 1) for size in self.largest()) * NUMPY_DTYPES[self.dtype].itemsize
        if most > MOST_WEIGHT_BYTES:
            raise ValueError(f"a tensor of {most} bytes; {MOST_WEIGHT_BYTES} are allowed")
        return self

    def largest(self) -> tuple[int, ...]:
        """The shape with every open dimension at its cap."""
        return tuple((self.open_cap or 0) if size is None else size for size in self.shape)

    def check(self, tensor: Tensor) -> None:
        """Check a tensor's dtype and shape.

        Raises:
            InvalidWeights: they are not what the schema says.
        """
        if tensor.dtype != self.dtype:
            raise InvalidWeights(
                f"'{shown(tensor.name)}' has dtype {tensor.dtype}, not {self.dtype}",
                subject=tensor.name,
                value=tensor.dtype,
            )
        if not self._fits(tensor.shape):
            raise InvalidWeights(
                f"'{shown(tensor.name)}' has shape {shown(tensor.shape)}, not {shown(self._sizes())}",
                subject=tensor.name,
                value=tensor.shape,
            )

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(
            self.open_floor <= size <= (self.open_cap or 0) if wanted is None else size == wanted
            for size, wanted in zip(shape, self.shape, strict=True)
        )

    def _sizes(self) -> str:
        open_range = f"{self.open_floor}..{self.open_cap}"
        return "(" + ", ".join(open_range if size is None else str(size) for size in self.shape) + ")"


class WeightSchema(BaseModel):
    """What the weights of an experiment must be: exactly these tensors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    tensors: dict[str, TensorSchema]

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        try:
            for name in self.tensors:
                check_name(name)
            most = self.most_bytes()
        except InvalidWeights as error:
            raise ValueError(str(error)) from error
        if most > MOST_WEIGHT_BYTES:
            raise ValueError(f"weights of {most} bytes; {MOST_WEIGHT_BYTES} are allowed")
        return self

    @classmethod
    def of(cls, arrays: NamedArrays) -> WeightSchema:
        """The schema that these arrays fit, every dimension fixed.

        Raises:
            InvalidWeights: an array that cannot be written, more names than a header can hold, or more than
                ``MOST_WEIGHT_BYTES``.
        """
        described = describe_all(arrays)
        header_bytes(described)
        try:
            return cls(
                tensors={
                    tensor.name: TensorSchema(dtype=tensor.dtype, shape=tensor.shape) for tensor in described
                }
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise InvalidWeights(f"no schema fits these arrays: {first['msg']}", subject="size") from error

    def check(self, arrays: NamedArrays) -> None:
        """Check names, dtypes, shapes and that every value is finite: what a peer would check.

        Raises:
            InvalidWeights: the first that does not fit.
        """
        described = describe_all(arrays)
        self.check_tensors(described)
        for tensor in described:
            for block in blocks(arrays[tensor.name]):
                check_values(tensor.name, block)

    def check_tensors(self, tensors: Sequence[Tensor]) -> None:
        """Check names, dtypes and shapes, without any values.

        Raises:
            InvalidWeights: the first that does not fit.
        """
        for tensor in tensors:
            if tensor.name not in self.tensors:
                raise InvalidWeights(
                    f"the schema has no tensor '{shown(tensor.name)}'",
                    subject=tensor.name,
                    value=tensor.shape,
                )
            self.tensors[tensor.name].check(tensor)
        for name in sorted(self.tensors.keys() - {tensor.name for tensor in tensors}):
            raise InvalidWeights(f"the tensor '{shown(name)}' is missing", subject=name)

    def most_bytes(self) -> int:
        """The size of the largest file that fits: header and values, every open dimension at its cap."""
        largest = [
            Tensor(name, tensor.dtype, tensor.largest()) for name, tensor in sorted(self.tensors.items())
        ]
        return len(header_bytes(largest)) + sum(tensor.nbytes for tensor in largest)
