"""The record of every step that was ever trained on private data: append-only, synced, shared by processes.

A ledger belongs to a set of private data, not to a run: whoever trains on these data with differential
privacy, in whatever process or experiment, charges the same file. What is charged is never handed back.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from colearn_backends.privacy.accountant import Mechanism, Plan, epsilon_of, most_steps
from colearn_backends.privacy.ledger_file import LedgerFile
from colearn_chain.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Opened(_Line):
    """The first line: what the numbers below it mean."""

    ledger: Literal["differential privacy"] = "differential privacy"
    version: Literal[1] = 1
    mechanism: Literal["gaussian noise on a poisson sample"] = "gaussian noise on a poisson sample"
    neighbours: Literal["one example more or less"] = "one example more or less"


class _Charged(_Line):
    """Steps that may have been trained."""

    noise_multiplier: float
    sampling_rate: float
    steps: int
    label: str

    @classmethod
    def of(cls, plan: Plan) -> Self:
        noise, rate = plan.mechanism
        return cls(noise_multiplier=noise, sampling_rate=rate, steps=plan.steps, label=shown(plan.label))

    def plan(self) -> Plan:
        return Plan(Mechanism(self.noise_multiplier, self.sampling_rate), self.steps, self.label)


class PrivacyLedger:
    """What was spent on one set of private data.

    Every question and every charge takes the file's lock and reads what other processes charged meanwhile.

    Args:
        path: the file; it is made, with the folders above it, if it is not there. Keep it as long as the
            data: a ledger that is lost or put back to an older state hands out a budget twice.
        sync: makes what was written to a file descriptor outlive a crash of the machine.

    Raises:
        ConfigError: the file is not a ledger, or a line in it is no record.
        StorageError: the file system refused.
    """

    def __init__(self, path: Path | str, *, sync: Callable[[int], object] = os.fsync) -> None:
        self._file = LedgerFile(Path(path), _Opened().model_dump_json(), sync)
        self._steps: Counter[Mechanism] = Counter()
        with self._held():
            pass

    @staticmethod
    def in_memory() -> PrivacyLedger:
        """A ledger that is forgotten with the process, for trying things out.

        After a restart, or a crash, it knows nothing of what was spent, and trains again as if the data had
        never been used. Its epsilon says nothing of data that are private.
        """
        return _LedgerInMemory()

    def epsilon(self, delta: float) -> float:
        """Return the epsilon at this delta of everything that was charged.

        Raises:
            ConfigError: delta is not between 0 and 1, or the file has lost records.
            StorageError: the file system refused.
        """
        with self._held():
            return epsilon_of(self._steps, delta)

    def epsilon_after(self, plan: Plan, delta: float) -> float:
        """Return what ``epsilon`` would be if the plan were charged.

        Raises:
            ConfigError: delta is not between 0 and 1, or the file has lost records.
            StorageError: the file system refused.
        """
        with self._held():
            return epsilon_of(self._steps + Counter({plan.mechanism: plan.steps}), delta)

    def most_steps(self, plan: Plan, epsilon: float, delta: float) -> int:
        """Return how many of the plan's steps fit within ``epsilon``: 0 to all.

        Raises:
            ConfigError: delta is not between 0 and 1, or the file has lost records.
            StorageError: the file system refused.
        """
        with self._held():
            return most_steps(self._steps, plan, epsilon, delta)

    def reserve(self, plan: Plan, epsilon: float, delta: float) -> int:
        """Charge as many of the plan's steps as fit within ``epsilon``; nobody else charges in between.

        Returns:
            How many may be trained now; 0: none, and nothing was charged. When this returns they are on the
            disk.

        Raises:
            ConfigError: delta is not between 0 and 1, or the file has lost records.
            StorageError: the file system refused; nothing may be trained, whatever it recorded.
        """
        with self._held() as charge:
            steps = most_steps(self._steps, plan, epsilon, delta)
            if steps:
                charge(replace(plan, steps=steps))
            return steps

    def charge(self, plan: Plan) -> None:
        """Charge steps that were trained and published although the ledger does not know them.

        So it is after it was restored from a backup. No target holds this back: what was spent is spent.

        Raises:
            ConfigError: the file has lost records.
            StorageError: the file system refused.
        """
        with self._held() as charge:
            charge(plan)

    @contextmanager
    def _held(self) -> Iterator[Callable[[Plan], None]]:
        """Hold the ledger alone, knowing all that was ever charged; gives what charges another plan."""
        with self._file.held() as file:
            self._steps.clear()
            for number, line in enumerate(file.lines, start=2):
                self._count(self._parsed(number, line))

            def charge(plan: Plan) -> None:
                file.append(_Charged.of(plan).model_dump_json())
                self._count(plan)

            yield charge

    def _count(self, plan: Plan) -> None:
        self._steps[plan.mechanism] += plan.steps

    def _parsed(self, number: int, line: bytes) -> Plan:
        try:
            return _Charged.model_validate_json(line).plan()
        except (ValidationError, ConfigError) as error:
            raise ConfigError(f"line {number} of {self._file} is no record: {shown(line)}") from error


class _LedgerInMemory(PrivacyLedger):
    def __init__(self) -> None:
        self._steps = Counter()

    @contextmanager
    def _held(self) -> Iterator[Callable[[Plan], None]]:
        yield self._count
