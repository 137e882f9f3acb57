"""Between Python values and the contract's bytes: calls, answers, errors and events, by the ABI that ships.

Encoding is the contract ABI specification's (https://docs.soliditylang.org/en/latest/abi-spec.html). Integers
whose Solidity type is an enum come out as that enum of :mod:`colearn_chain.rounds`, addresses with their
checksum (EIP-55).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)
from eth_utils.address import to_checksum_address

from colearn_chain.chain.artefact import experiment_artefact
from colearn_chain.errors import ChainError, ConfigError, shown
from colearn_chain.rounds import Ballot, Closing, Phase, Skip, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from enum import IntEnum

    AbiEntry = Mapping[str, Any]

ENUMS: dict[str, type[IntEnum]] = {enum.__name__: enum for enum in (Ballot, Closing, Phase, Skip, Status)}
"""The contract's enums by their Solidity names."""


class Decoded(NamedTuple):
    """A custom error or an event: its Solidity name, and its arguments by theirs."""

    name: str
    values: dict[str, Any]


class Interface:
    """One contract's ABI, ready to encode and decode.

    Args:
        abi: the entries of Solidity's standard JSON output.
    """

    def __init__(self, abi: Iterable[AbiEntry]) -> None:
        entries = list(abi)
        self._functions = {entry["name"]: entry for entry in entries if entry["type"] == "function"}
        self._selectors = {name: _selector(entry) for name, entry in self._functions.items()}
        self._errors = {_selector(entry): entry for entry in entries if entry["type"] == "error"}
        self._events = {_topic(entry): entry for entry in entries if entry["type"] == "event"}
        self._constructor = next(
            (entry for entry in entries if entry["type"] == "constructor"),
            {"name": "constructor", "inputs": []},
        )

    @property
    def errors(self) -> Mapping[bytes, AbiEntry]:
        """The custom errors by their selector of 4 bytes."""
        return self._errors

    @property
    def functions(self) -> Mapping[str, AbiEntry]:
        """The functions by name; none is overloaded."""
        return self._functions

    def topics(self, events: Iterable[str]) -> list[bytes]:
        """Return what the logs of these events begin with, 32 bytes each, in the order of the ABI."""
        wanted = set(events)
        return [topic for topic, entry in self._events.items() if entry["name"] in wanted]

    def encode_call(self, function: str, *arguments: object) -> bytes:
        """Return selector and arguments.

        Raises:
            ConfigError: an argument does not fit its Solidity type.
        """
        return self._selectors[function] + _encoded(self._functions[function], arguments)

    def encode_constructor(self, *arguments: object) -> bytes:
        """Return the constructor's arguments, as they follow the initcode.

        Raises:
            ConfigError: an argument does not fit its Solidity type.
        """
        return _encoded(self._constructor, arguments)

    def decode_answer(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Return what a view answered, structs as tuples in the order of their fields.

        Raises:
            ChainError: the bytes are no answer of this function.
        """
        try:
            return _decoded(self._functions[function]["outputs"], data)
        except (DecodingError, ValueError, OverflowError) as error:
            raise ChainError(f"{len(data)} bytes are no answer of {function}: {shown(error)}") from error

    def decode_error(self, data: bytes) -> Decoded | None:
        """Return a custom error, or None when the bytes are none of this contract's."""
        entry = self._errors.get(data[:4])
        if entry is None:
            return None
        try:
            return Decoded(entry["name"], _by_name(entry["inputs"], data[4:]))
        except (DecodingError, ValueError, OverflowError):
            return None

    def decode_event(self, topics: Sequence[bytes], data: bytes) -> Decoded | None:
        """Return an event, or None when the log is none of this contract's."""
        entry = self._events.get(topics[0]) if topics else None
        if entry is None:
            return None
        indexed = [parameter for parameter in entry["inputs"] if parameter["indexed"]]
        others = [parameter for parameter in entry["inputs"] if not parameter["indexed"]]
        try:
            values = _by_name(indexed, b"".join(topics[1:])) | _by_name(others, data)
        except (DecodingError, ValueError, OverflowError):
            return None
        return Decoded(entry["name"], {each["name"]: values[each["name"]] for each in entry["inputs"]})


@functools.cache
def experiment_interface() -> Interface:
    """Return the interface of ``contracts/Experiment.sol``."""
    return Interface(experiment_artefact().abi)


def _selector(entry: AbiEntry) -> bytes:
    return bytes(function_abi_to_4byte_selector(entry))  # type: ignore[arg-type]


def _topic(entry: AbiEntry) -> bytes:
    return bytes(event_abi_to_log_topic(entry))  # type: ignore[arg-type]


def _types(parameters: Iterable[AbiEntry]) -> list[str]:
    return [collapse_if_tuple(dict(parameter)) for parameter in parameters]


def _encoded(entry: AbiEntry, arguments: Sequence[object]) -> bytes:
    types = _types(entry["inputs"])
    try:
        return encode(types, arguments)
    except (EncodingError, TypeError, ValueError, OverflowError) as error:
        name = entry.get("name", "constructor")
        raise ConfigError(
            f"{name}({', '.join(types)}) cannot be called with {arguments!r}: {error}"
        ) from error


def _decoded(parameters: Sequence[AbiEntry], data: bytes) -> tuple[Any, ...]:
    raw = decode(_types(parameters), data)
    return tuple(_python(parameter, value) for parameter, value in zip(parameters, raw, strict=True))


def _by_name(parameters: Sequence[AbiEntry], data: bytes) -> dict[str, Any]:
    return dict(zip((each["name"] for each in parameters), _decoded(parameters, data), strict=True))


def _python(parameter: AbiEntry, value: Any) -> Any:
    kind = parameter["type"]
    if kind.endswith("[]"):
        item = {**parameter, "type": kind.removesuffix("[]")}
        return tuple(_python(item, each) for each in value)
    if kind == "tuple":
        return tuple(_python(field, each) for field, each in zip(parameter["components"], value, strict=True))
    if kind == "address":
        return _checksummed(value)
    enum = _enum(parameter)
    return enum(value) if enum else value


@functools.lru_cache(maxsize=1024)
def _checksummed(address: str) -> str:
    """The same addresses come again and again in logs and lists, and each checksum is a hash."""
    return to_checksum_address(address)


def _enum(parameter: AbiEntry) -> type[IntEnum] | None:
    """The enum of a parameter that the ABI knows as uint8, such as ``enum IExperiment.Phase``."""
    keyword, _, qualified = parameter.get("internalType", "").partition(" ")
    return ENUMS.get(qualified.rpartition(".")[2]) if keyword == "enum" else None
