"""What the typed documents of artefacts share: one canonical form, and strictness about what comes in."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from colearn_chain.canonical_json import canonical_json, strict_json
from colearn_chain.errors import InvalidArtefact, shown

AddressText = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""An Ethereum address; whether its EIP-55 checksum holds is the chain's business."""

ExperimentText = Annotated[str, StringConstraints(pattern=r"^eip155:[1-9][0-9]{0,31}:0x[0-9a-fA-F]{40}$")]
"""An experiment's name in the world, as ``experiment_id`` writes it."""

CidText = Annotated[str, StringConstraints(pattern=r"^b[a-z2-7]{58}$")]
"""A CIDv1 with a hash of 32 bytes, in base32."""


class Part(BaseModel):
    """A part of a document: no field too many, no value of another type, nothing infinite, no change."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Document(Part):
    """A document that is a file of its own.

    Attributes:
        MOST_BYTES: the most bytes that the file may have.
    """

    MOST_BYTES: ClassVar[int]

    def to_bytes(self) -> bytes:
        """The document's canonical form.

        Raises:
            InvalidArtefact: it is longer than ``MOST_BYTES``, or holds free values that JSON does not have.
        """
        kind = type(self).__name__
        try:
            data = canonical_json(self.model_dump(mode="json"))
        except (TypeError, ValueError) as error:
            raise InvalidArtefact(f"{kind} cannot be written: {shown(error)}", subject=kind) from error
        self._check_size(len(data))
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what somebody else wrote.

        Raises:
            InvalidArtefact: it is too long, not JSON, has a field too many or too few, a value that is not
                allowed, or is not in canonical form.
        """
        cls._check_size(len(data))
        try:
            strict_json(data)
            document = cls.model_validate_json(data, strict=True)
        except ValidationError as error:
            raise _as_invalid(cls.__name__, error) from error
        except ValueError as error:
            raise InvalidArtefact(
                f"{cls.__name__} is not JSON: {shown(error)}", subject=cls.__name__
            ) from error
        if document.to_bytes() != data:
            raise InvalidArtefact(
                f"{cls.__name__} is not in canonical form", subject=cls.__name__, value=data
            )
        return document

    @classmethod
    def _check_size(cls, size: int) -> None:
        if size > cls.MOST_BYTES:
            raise InvalidArtefact(
                f"{cls.__name__} has {size} bytes; {cls.MOST_BYTES} are allowed",
                subject=cls.__name__,
                value=size,
            )


def _as_invalid(kind: str, error: ValidationError) -> InvalidArtefact:
    """The first thing that pydantic found wrong, with its place and value as attributes."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or kind
    return InvalidArtefact(
        f"{kind}: {shown(place)}: {shown(first['msg'])}", subject=place, value=first["input"]
    )
