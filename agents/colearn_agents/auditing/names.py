"""What to call addresses before people: by their organisations, where somebody said which is whose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from colearn_agents.auditing.evidence import read_file
from colearn_chain.canonical_json import strict_json
from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from colearn_chain.types import Address

LONGEST = 80
"""Characters that are shown of a name."""

_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


class Names:
    """Names of organisations, and for all others their addresses.

    Args:
        known: names by address in lower case.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = {address: shown(name, LONGEST) for address, name in known.items()}

    @classmethod
    def read(cls, path: Path | None) -> Names:
        """Read a JSON object of names by address; None: no names.

        Raises:
            ConfigError: it is none.
        """
        if path is None:
            return cls({})
        try:
            found = strict_json(read_file(path))
        except ValueError as error:
            raise ConfigError(f"{path} is not JSON: {error}") from error
        if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
            raise ConfigError(f'{path} has to be one object of names by address, {{"0x...": "..."}}')
        for address in found:
            if not _ADDRESS.fullmatch(address):
                raise ConfigError(f"{path}: '{shown(address)}' is no address")
        return cls({address.lower(): name for address, name in found.items()})

    def __call__(self, address: Address) -> str:
        """A name, or the address."""
        return self._known.get(address.lower(), address)

    def of(self, address: Address) -> str | None:
        """A name, if there is one."""
        return self._known.get(address.lower())

    def short(self, address: Address) -> str:
        """A name, or as much of the address as a picture has room for."""
        return self.of(address) or f"{address[:6]}…{address[-4:]}"
