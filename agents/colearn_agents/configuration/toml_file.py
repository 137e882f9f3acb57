"""TOML files that people write: read, checked against a model, and errors that say in which line they are."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from colearn_agents.configuration.toml_lines import Key, line_of
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

M = TypeVar("M", bound=BaseModel)

MOST_FILE_BYTES = 1 << 18


class Table(BaseModel):
    """A table of a file; other keys than its own are errors."""

    # values can be secret, and a traceback shows pydantic's own message too
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


@dataclass(frozen=True, kw_only=True)
class TomlFile:
    """A file that is TOML; what it says is still to be checked.

    Attributes:
        path: of the file.
        text: all of it.
        document: what it says.
    """

    path: Path
    text: str = field(repr=False)
    document: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ConfigError: it cannot be read, is too long, or is no TOML; the message names it.
        """
        text = _text(path)
        try:
            return cls(path=path, text=text, document=tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: {error}") from error
        except RecursionError as error:
            raise ConfigError(f"{path}: its lists and tables are nested too deeply") from error

    def checked(self, model: type[M]) -> M:
        """Return what the file says as a model, whose paths are relative to the file.

        Raises:
            ConfigError: something in it is wrong; the message names file, line and key.
        """
        try:
            return model.model_validate(self.document, context={"folder": self.path.parent})
        except ValidationError as error:
            key, message = _first(error, model)
            raise self.error(message, *key) from error

    def error(self, message: str, *key: Key) -> ConfigError:
        """Return an error about something that the file says, with its key and its line."""
        line = line_of(self.text, key)
        where = f"{self.path}, line {line}" if line is not None else str(self.path)
        dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
        return ConfigError(f"{where}: {dotted}: {message}" if dotted else f"{where}: {message}")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            raise ConfigError(f"{path} has more than {MOST_FILE_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not in UTF-8: {error.reason} at byte {error.start}") from error


def _first(error: ValidationError, model: type[BaseModel]) -> tuple[Sequence[Key], str]:
    """The first thing that is wrong: its key, and what. Values can be secret, and none is shown.

    A misspelt key is also a missing one: what stands in the file is named first.
    """
    wrong = error.errors(include_url=False, include_input=False)
    found = next((each for each in wrong if each["type"] == "extra_forbidden"), wrong[0])
    key = found["loc"]
    if found["type"] == "extra_forbidden":
        return key, f"is not known here; known are {', '.join(_fields(model, key[:-1]))}"
    if found["type"] == "missing":
        return key, "is missing"
    message = found["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return key, message[:1].lower() + message[1:]


def _fields(model: type[BaseModel], place: Iterable[Key]) -> Sequence[str]:
    """The keys of the table at a place, or of the whole file."""
    for key in place:
        annotation = model.model_fields[str(key)].annotation
        model = next(each for each in _parts(annotation) if issubclass(each, BaseModel))
    return sorted(model.model_fields)


def _parts(annotation: object) -> Iterator[type]:
    """The classes that an annotation such as ``Table | None`` is made of."""
    if isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)
