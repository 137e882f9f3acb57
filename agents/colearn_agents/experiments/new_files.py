"""Files that appear whole or not at all, and never in the place of another one."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from colearn_chain.errors import ConfigError
from colearn_chain.storage.folders import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check_new(path: Path) -> None:
    """Check that a file could be written, before there is anything to write.

    Raises:
        ConfigError: something has its name already, or its folder is missing or not to be written to.
    """
    if os.path.lexists(path):
        raise taken(path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write {path}: there is no folder {path.parent} that can be written to")


def write_new(path: Path, content: bytes) -> None:
    """Write a file, synced to the disk, under a name that nothing has yet.

    Raises:
        ConfigError: something has the name already, or the disk refuses; nothing is left behind.
    """
    aside = path.with_name(f".tmp-{secrets.token_hex(8)}")
    with refusals(path):
        try:
            with aside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            put_new(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def put_new(file: Path, path: Path) -> None:
    """Give a whole file, synced to the same disk, one more name, which nothing has yet.

    Raises:
        ConfigError: something has the name already, or the disk refuses.
    """
    with refusals(path):
        try:
            os.link(file, path)  # unlike a rename, it fails when the name is taken
        except FileExistsError as error:
            raise taken(path) from error
        sync_folder(path.parent)


def taken(path: Path) -> ConfigError:
    """The error about a name that something has already."""
    return ConfigError(f"{path} exists already, and nothing is overwritten: name another file")


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a ConfigError that names the file."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
