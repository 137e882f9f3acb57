"""What an agent must not forget and the chain cannot know, as an append-only file of JSON lines.

One line is one record, written and synced to the disk before what it records may have an effect elsewhere.
The first line says whose journal it is. A crash can tear the last line: what has no line end was not recorded
and is cut off.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from colearn_agents.party.strangers import writable
from colearn_chain.errors import ConfigError, StorageError
from colearn_chain.ml_interface import TrainingSummary  # noqa: TC001 - pydantic reads it
from colearn_chain.rounds import Ballot
from colearn_chain.types import Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

Hex32 = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]


def _writable(text: object) -> object:
    return writable(text) if isinstance(text, str) else text


Words = Annotated[str, BeforeValidator(_writable)]
"""Text that may quote a learner's or a peer's own words."""


class Record(BaseModel):
    """One line of a journal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Opened(Record):
    """The first line: whose journal it is."""

    record: Literal["opened"] = "opened"
    version: Literal[1] = 1
    experiment: str
    learner: str


class Trained(Record):
    """The learner trained for a round; what that cost is spent, whatever comes of it.

    Attributes:
        round: the round it trained for.
        nothing: why there is nothing to propose; empty when there is something.
        summary: what the learner says of the training.
    """

    record: Literal["trained"] = "trained"
    round: int
    nothing: Words = ""
    summary: TrainingSummary | None = None


class Stored(Record):
    """A proposal is in the store; for its round no other will be proposed."""

    record: Literal["stored"] = "stored"
    round: int
    digest: Hex32


class Sent(Record):
    """A transaction was mined."""

    record: Literal["sent"] = "sent"
    round: int
    call: str
    digest: Hex32 | None = None
    transaction_hash: Hex32


class Judged(Record):
    """A proposal was judged; for its round the ballot will be no other.

    Attributes:
        round: the round it was proposed in.
        digest: of the proposal.
        vote_score: the learner's own; None when it could not be tested, or has none.
        test_score: likewise.
        ballot: one of ``Ballot``.
        reason: why, in words.
    """

    record: Literal["judged"] = "judged"
    round: int
    digest: Hex32
    vote_score: FiniteFloat | None = None
    test_score: FiniteFloat | None = None
    ballot: Annotated[int, Field(ge=Ballot.APPROVE, le=Ballot.UNAVAILABLE)]
    reason: Words


class Adopted(Record):
    """The learner holds an accepted model; round 0 stands for the spec's first weights."""

    record: Literal["adopted"] = "adopted"
    round: int
    digest: Hex32
    vote_score: FiniteFloat | None = None
    test_score: FiniteFloat | None = None


AnyRecord = Annotated[Opened | Trained | Stored | Sent | Judged | Adopted, Field(discriminator="record")]
R = TypeVar("R", Trained, Stored, Judged)
_LINE: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)


class Journal:
    """The records of one learner in one experiment, in memory and, if it has a file, on disk.

    Use `Journal.open` or `Journal.in_memory`.
    """

    def __init__(
        self, records: list[AnyRecord], file: IO[bytes] | None, sync: Callable[[int], None] = os.fsync
    ) -> None:
        self._records = records
        self._file = file
        self._sync = sync
        self._end = 0 if file is None else file.seek(0, os.SEEK_END)

    @classmethod
    def in_memory(cls) -> Self:
        """A journal that ends with the process."""
        return cls([], None)

    @classmethod
    def open(cls, path: Path, sync: Callable[[int], None] = os.fsync) -> Self:
        """Open a journal's file, and make it if it is not there; it is locked until it is closed.

        Args:
            path: the file.
            sync: makes what was written to a file descriptor outlive a crash of the machine.

        Raises:
            ConfigError: the file cannot be opened, locked or read, another agent has it open, or a line in it
                is no record.
        """
        try:
            file = _open_synced(path, sync)
        except OSError as error:
            raise ConfigError(f"the journal {path} cannot be opened: {error}") from error
        try:
            _lock(path, file)
            return cls(_read(path, file), file, sync)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    @property
    def records(self) -> tuple[AnyRecord, ...]:
        """All records, the oldest first."""
        return tuple(self._records)

    def belong_to(self, experiment: str, learner: Address) -> None:
        """Say whose journal it is; a new one becomes theirs.

        Raises:
            ConfigError: it is another learner's or another experiment's.
        """
        owner = Opened(experiment=experiment, learner=learner)
        if not self._records:
            self.append(owner)
        elif self._records[0] != owner:
            raise ConfigError(
                f"this journal is not of {learner} in {experiment}: it begins with {self._records[0]}"
            )

    def append(self, record: AnyRecord) -> None:
        """Add a record; when this returns it is on the disk.

        Raises:
            StorageError: the disk is full or gone, or the journal is closed; nothing was added.
            RuntimeError: the next start could not read the record; nothing was added.
        """
        if self._file is not None:
            line = _line_of(record)
            _write(self._file, self._end, line, self._sync)
            self._end += len(line)
        self._records.append(record)

    def trained(self, number: RoundNumber) -> Trained | None:
        """The last training for a round."""
        return self._last(Trained, number)

    def stored(self, number: RoundNumber) -> Digest | None:
        """What is to be proposed in a round."""
        record = self._last(Stored, number)
        return None if record is None else digest_of(record.digest)

    def judged(self, number: RoundNumber, digest: Digest) -> Judged | None:
        """The judgement of a round's proposal."""
        record = self._last(Judged, number)
        return record if record is not None and record.digest == hex_of(digest) else None

    def adopted(self, digest: Digest) -> Adopted | None:
        """The last adoption, if it was of this artefact."""
        last = next((record for record in reversed(self._records) if isinstance(record, Adopted)), None)
        return last if last is not None and last.digest == hex_of(digest) else None

    def _last(self, kind: type[R], number: RoundNumber) -> R | None:
        found = (record for record in reversed(self._records) if isinstance(record, kind))
        return next((record for record in found if record.round == number), None)


def hex_of(digest: Digest) -> str:
    """A digest as records have it."""
    return "0x" + digest.hex()


def digest_of(text: str) -> Digest:
    """The digest in a record."""
    return Digest(bytes.fromhex(text.removeprefix("0x")))


def _open_synced(path: Path, sync: Callable[[int], None]) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b", buffering=0)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        sync(folder)  # else a crash of the machine could lose the file's name
    finally:
        os.close(folder)
    return file


def _lock(path: Path, file: IO[bytes]) -> None:
    """Two agents that wrote one journal would each forget what the other did."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as taken:
        raise ConfigError(
            f"the journal {path} is open already: another agent of this learner runs"
        ) from taken
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be locked: {error}") from error


def _read(path: Path, file: IO[bytes]) -> list[AnyRecord]:
    try:
        file.seek(0)
        *lines, torn = file.read().split(b"\n")
        if torn:
            file.truncate(file.tell() - len(torn))
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be read: {error}") from error
    return [_parsed(path, number, line) for number, line in enumerate(lines, start=1)]


def _parsed(path: Path, number: int, line: bytes) -> AnyRecord:
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        raise ConfigError(f"line {number} of the journal {path} is no record: {line[:200]!r}") from error


def _line_of(record: AnyRecord) -> bytes:
    """A record as a line that the next start will read as the same record.

    Raises:
        RuntimeError: it would not.
    """
    line = record.model_dump_json().encode()
    try:
        same = _LINE.validate_json(line) == record
    except ValidationError:
        same = False
    if not same:
        raise RuntimeError(f"this record of a journal could not be read back: {record!r}")
    return line + b"\n"


def _write(file: IO[bytes], end: int, line: bytes, sync: Callable[[int], None]) -> None:
    """Write a line where the last whole one ends, whatever an earlier failure may have left there."""
    if file.closed:
        raise StorageError("the journal cannot be written: it is closed")
    try:
        _cut(file, end)
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - one way to undo both failures
        sync(file.fileno())
    except OSError as error:
        with suppress(OSError):  # a disk that is gone; the next line is not written before this is done
            _cut(file, end)
        raise StorageError(f"the journal cannot be written: {error}") from error


def _cut(file: IO[bytes], end: int) -> None:
    if file.seek(0, os.SEEK_END) > end:
        file.seek(file.truncate(end))
