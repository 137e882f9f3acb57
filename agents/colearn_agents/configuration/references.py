"""Secrets that a configuration file refers to, and does not hold: ``${NAME}`` and ``${file:PATH}``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_SECRET_BYTES = 1 << 16

_REFERENCE = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))\}")


@dataclass(frozen=True)
class Template:
    """A text with references in it. It does not show: its author may have written a secret into it after all.

    Attributes:
        text: with the references.
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if "${" in _REFERENCE.sub("", self.text):
            raise ValueError("a reference is ${NAME} of the environment or ${file:PATH}")

    @property
    def literal(self) -> str:
        """What stands in the file itself, with nothing in place of the references."""
        return _REFERENCE.sub("", self.text)

    @property
    def only_references(self) -> bool:
        """Whether the file holds nothing of the text itself."""
        return not self.literal

    def shaped(self, stand_in: str) -> str:
        """The text with a stand-in for each reference."""
        return _REFERENCE.sub(lambda _: stand_in, self.text)


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Where references lead.

    Attributes:
        folder: what paths of files are relative to.
        environment: variables by name.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def fill(self, template: Template) -> str:
        """Return a text with everything that it refers to.

        Raises:
            ConfigError: a variable is not set, or a file cannot be read.
        """
        return _REFERENCE.sub(self._found, template.text)

    def _found(self, reference: re.Match[str]) -> str:
        if (name := reference["name"]) is None:
            return read_secret(self.folder / reference["file"])
        if not self.environment.get(name):
            raise ConfigError(f"the environment variable {name} is not set")
        return self.environment[name]


def read_secret(path: Path) -> str:
    """Return the text of a file that holds one secret, without the end of its line.

    Raises:
        ConfigError: it cannot be read, is empty, is no text or larger than any secret.
    """
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(MOST_SECRET_BYTES + 1)
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"cannot read {path}: {reason}") from error
    if not text or len(content) > MOST_SECRET_BYTES:
        raise ConfigError(f"{path} is {'larger than any secret' if text else 'empty'}")
    return text
