"""The compiled contract as it ships: ABI and initcode, so that nobody who uses this project needs a compiler.

``Experiment.json`` beside this module is written by ``scripts/build_contracts.py`` and never by hand. A test
fails when it and the Solidity sources drift apart.
"""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from colearn_chain.artefacts.card import Release
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

EXPERIMENT_FILE = "Experiment.json"
"""The package data that :func:`experiment_artefact` reads."""

RELEASES_FOLDER = "releases"
"""Beside it, for the compiled contracts of earlier releases, once there are any: a file for each."""

COMPILER_FILE = "compiler.json"
"""In the contracts folder: the compiler's version and settings, for every tool that compiles."""


def _from_hex(value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"not a 0x-prefixed hex string: {value!r:.40}")
    return bytes.fromhex(value[2:])


HexBytes = Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(lambda value: "0x" + value.hex())]
"""Bytes that stand in JSON as 0x and hex digits."""


class ContractArtefact(BaseModel):
    """What the compiler made of one contract, and of what.

    Attributes:
        contract: the contract's Solidity name.
        compiler: version and commit of the compiler, such as ``0.8.37+commit.f401782d``.
        settings: the compiler settings, as in Solidity's standard JSON input.
        source_hash: what :func:`source_hash` gave for the sources, 32 bytes.
        initcode_hash: keccak-256 of ``bytecode``, 32 bytes.
        bytecode: the initcode, to which a deployment appends the ABI-encoded constructor arguments.
        abi: the contract's ABI, as in Solidity's standard JSON output.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True
    )

    contract: str
    compiler: str
    settings: dict[str, Any]
    source_hash: Annotated[HexBytes, Field(min_length=32, max_length=32)]
    initcode_hash: Annotated[HexBytes, Field(min_length=32, max_length=32)]
    bytecode: Annotated[HexBytes, Field(min_length=1)]
    abi: list[dict[str, Any]]

    @property
    def release(self) -> Release:
        """What a card's transaction is compared with."""
        return Release(initcode_hash=self.initcode_hash, size=len(self.bytecode), compiler=self.compiler)

    def to_json(self) -> str:
        """Return the artefact as it is committed: sorted keys, two spaces, a newline at the end."""
        return json.dumps(self.model_dump(), indent=2, sort_keys=True) + "\n"


def parse_artefact(text: str) -> ContractArtefact:
    """Read an artefact and check that its initcode is the one it names.

    Raises:
        ConfigError: the text is not an artefact, or its parts contradict each other.
    """
    from eth_hash.auto import keccak  # noqa: PLC0415 - late: only who uses a chain needs it

    try:
        artefact = ContractArtefact.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(f"not a contract artefact: {error}") from error
    found = keccak(artefact.bytecode)
    if found != artefact.initcode_hash:
        raise ConfigError(
            f"the artefact of {artefact.contract} is damaged: its initcode hashes to 0x{found.hex()}, "
            f"it says 0x{artefact.initcode_hash.hex()}"
        )
    return artefact


@functools.cache
def experiment_artefact() -> ContractArtefact:
    """Return the packaged artefact of ``contracts/Experiment.sol``, read once.

    Raises:
        ConfigError: the package data is missing or damaged.
    """
    place = resources.files("colearn_chain.chain") / EXPERIMENT_FILE
    try:
        text = place.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the compiled contract is missing, install colearn-chain again: {error}"
        ) from error
    return parse_artefact(text)


@functools.cache
def packaged_releases() -> tuple[Release, ...]:
    """Return all versions of the contract that an experiment may run: the present one and all earlier ones.

    Raises:
        ConfigError: the package data are missing or damaged.
    """
    folder = resources.files("colearn_chain.chain") / RELEASES_FOLDER
    return (experiment_artefact().release, *read_releases(folder))


def read_releases(folder: Traversable) -> tuple[Release, ...]:
    """Return the contracts whose artefacts lie in a folder, sorted by file name; none without a folder.

    Raises:
        ConfigError: a file is no artefact, or cannot be read.
    """
    try:
        files = sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else []
        texts = [file.read_text(encoding="utf-8") for file in files if file.name.endswith(".json")]
    except OSError as error:
        raise ConfigError(f"the contracts of earlier releases cannot be read: {error}") from error
    return tuple(parse_artefact(text).release for text in texts)


def source_hash(contracts: Path) -> bytes:
    """Hash all that the compiler's output depends on: the sources below a folder, and the settings.

    The sha2-256 of canonical JSON (sorted keys, no spaces): the settings file as an object, and for every
    ``.sol`` file its path from the folder and the sha2-256 of its bytes in hex. No compiler is needed.

    Args:
        contracts: the folder of the Solidity sources, with ``compiler.json`` in it.

    Returns:
        32 bytes.

    Raises:
        ConfigError: the folder has no readable sources or settings.
    """
    try:
        sources = {
            path.relative_to(contracts).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in contracts.rglob("*.sol")
        }
        compiler = json.loads((contracts / COMPILER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the contract's sources: {error}") from error
    if not sources:
        raise ConfigError(f"no Solidity sources below {contracts}")
    hashed = json.dumps({"compiler": compiler, "sources": sources}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(hashed.encode()).digest()
