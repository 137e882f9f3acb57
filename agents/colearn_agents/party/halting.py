"""Being asked to stop: remembered until somebody looks, and never in the middle of something.

The first signal asks, and what is being done is done first; the second one ends the process at once.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_NOTICE = b"stopping as soon as what is being done is done; once more ends it at once\n"


class Halted(BaseException):
    """Somebody asked to stop while something was waited for.

    No error: whatever survives errors must let it pass.
    """


class Halt:
    """Whether somebody asked to stop. Use `Halt.open`."""

    def __init__(self, read: int, write: int) -> None:
        self._read = read
        self._write = write
        self._asked = False

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Nobody has asked yet."""
        # A pipe, since a signal that comes just before a process falls asleep would not wake it.
        read, write = os.pipe()
        os.set_blocking(write, False)
        try:
            yield cls(read, write)
        finally:
            os.close(read)
            os.close(write)

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._asked

    def ask(self) -> None:
        """Ask; safe in a signal's handler."""
        self._asked = True
        with suppress(BlockingIOError):  # a full pipe wakes too
            os.write(self._write, b"\0")

    def pause(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            Halted: somebody asked to stop, before or meanwhile.
        """
        woken, _, _ = select.select([self._read], [], [], seconds)
        if woken:
            self._asked = True
            raise Halted

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Ask at the first signal, and let the second one end the process as if nobody had listened.

        All of them are listened to, also those that a shell ignores for what it starts in the background.
        """
        before = {number: signal.signal(number, self._first) for number in SIGNALS}
        wakes = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakes)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _first(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as Python calls it
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self.ask()
        with suppress(OSError):  # not by print, which may be in the middle of printing
            os.write(2, _NOTICE)
