"""A file of lines that only grows and is shared by processes: locked in use, synced before it is believed."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from colearn_chain.errors import ConfigError, StorageError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_BYTES = 1 << 26
"""A file that is longer was not written here: it would hold half a million records."""


class LedgerFile:
    """Lines below a first one that says what they are.

    Args:
        path: the file; it is made, with the folders above it, if it is not there.
        header: the first line.
        sync: makes what was written to a file descriptor outlive a crash of the machine.

    Raises:
        ConfigError: there is another file in its place.
        StorageError: the file system refused.
    """

    def __init__(self, path: Path, header: str, sync: Callable[[int], object]) -> None:
        self._path, self._sync = path.absolute(), sync
        self._header = header.encode() + b"\n"
        self._known = b""
        with self._alone(os.O_CREAT) as file:
            self._begin(file)

    def __str__(self) -> str:
        return f"the privacy ledger {self._path}"

    @contextmanager
    def held(self) -> Iterator[HeldFile]:
        """Hold the file alone; wait for that as long as another has it.

        Raises:
            ConfigError: the file does not hold what it held before.
            StorageError: the file is gone, or the file system refused.
        """
        with self._alone(0) as file:
            content = self._read(file)
            if not content.startswith(self._known):
                raise ConfigError(f"{self} has lost what was recorded in it: it was changed or replaced")
            self._known = content
            yield HeldFile(content.split(b"\n")[1:-1], lambda line: self._append(file, line))

    def _begin(self, file: IO[bytes]) -> None:
        """Write the header, unless it is there or something else is."""
        start = file.read(len(self._header))
        if start != self._header:
            if not self._header.startswith(start):  # a torn header is one that never was
                raise ConfigError(f"{self._path} is no privacy ledger that is known here: {shown(start)}")
            file.seek(file.truncate(0))
            self._append(file, self._header)
            self._sync_folder()
        self._known = self._header

    def _read(self, file: IO[bytes]) -> bytes:
        """Read all whole lines. What has no line end was not synced, so nobody acted on it: it is cut off."""
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content) and whole.startswith(self._header):
            file.seek(file.truncate(len(whole)))
        return whole

    def _append(self, file: IO[bytes], line: bytes) -> None:
        """Add a line where the file is; when this returns it is on the disk."""
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._sync(file.fileno())
        self._known += line

    @contextmanager
    def _alone(self, flags: int) -> Iterator[IO[bytes]]:
        try:
            if flags:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                self._check(os.fstat(descriptor))
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise StorageError(f"{self} cannot be used: {error}") from error

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise ConfigError(
                f"{self._path} is no privacy ledger: no file, or one beyond {MOST_BYTES:,} bytes"
            )

    def _sync_folder(self) -> None:
        """Make the file's name outlive a crash, too."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            self._sync(folder)
        finally:
            os.close(folder)


class HeldFile:
    """A ledger's file while nobody else has it.

    Attributes:
        lines: all lines below the first one, without their ends.
    """

    def __init__(self, lines: list[bytes], write: Callable[[bytes], None]) -> None:
        self.lines = lines
        self._write = write

    def append(self, line: str) -> None:
        """Add a line; when this returns it is on the disk.

        Raises:
            OSError: the disk is full or gone; the line may be there all the same.
        """
        self._write(line.encode() + b"\n")
