"""Deployments between their signature and their card, so that none is lost when the wait is interrupted.

Beside a card that is being made lies ``CARD.pending``: the raw signed transactions, each a line of 0x and hex
digits, written before they are sent. They have one nonce, so the chain can mine one of them at most.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from colearn_agents.experiments.new_files import refusals, taken
from colearn_chain.errors import ConfigError
from colearn_chain.storage.folders import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

ENDING = ".pending"

MOST_BYTES = 1 << 22
"""Several times what all attempts at one deployment come to."""


class PendingDeployment:
    """The transactions of one deployment.

    Args:
        path: of the file.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = False

    @classmethod
    def of(cls, card: Path) -> PendingDeployment:
        """Return what belongs to a card that is being made."""
        return cls(card.with_name(card.name + ENDING))

    @property
    def card(self) -> Path:
        """Where the card goes.

        Raises:
            ConfigError: the file is not called as such files are.
        """
        if not self.path.name.endswith(ENDING):
            raise ConfigError(f"{self.path} is no pending deployment: those are called CARD{ENDING}")
        return self.path.with_name(self.path.name.removesuffix(ENDING))

    def keep(self, raw: bytes) -> None:
        """Write one more transaction down, to be called before it is sent.

        Raises:
            ConfigError: the disk refuses, or the first one finds that another process has begun.
        """
        with refusals(self.path):
            try:
                with self.path.open("ab" if self._begun else "xb") as file:
                    file.write(f"0x{raw.hex()}\n".encode())
                    file.flush()
                    os.fsync(file.fileno())
                sync_folder(self.path.parent)
            except FileExistsError as error:
                raise taken(self.path) from error
            except OSError:
                if not self._begun:  # nothing is sent, and nothing may say that it was
                    self.path.unlink(missing_ok=True)
                raise
        self._begun = True

    def transactions(self) -> list[bytes]:
        """Return what may have been sent, in order.

        A line without an end was not written whole, so what it should have held was never sent.

        Raises:
            ConfigError: it cannot be read, or is no such file.
        """
        try:
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise ConfigError(f"cannot read {self.path}: {error.strerror or error}") from error
        lines = content.decode("ascii", "replace").split("\n")[:-1]
        try:
            found = [bytes.fromhex(line.removeprefix("0x")) for line in lines]
        except ValueError as error:
            raise ConfigError(f"{self.path} is no pending deployment: it holds more than hex") from error
        if not found or len(content) > MOST_BYTES:
            raise ConfigError(f"{self.path} holds no transaction, so nothing was sent: remove it")
        return found

    def discard(self) -> None:
        """Remove the file: the deployment has its card, or can have none.

        Raises:
            ConfigError: the disk refuses.
        """
        with refusals(self.path):
            self.path.unlink(missing_ok=True)
