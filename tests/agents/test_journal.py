"""The journal: what is on disk survives, whatever else goes wrong."""

from __future__ import annotations

import errno
import io
import math
import os
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.party.journal import Adopted, Journal, Judged, Sent, Stored, Trained, hex_of
from colearn_chain.errors import ConfigError, StorageError
from colearn_chain.ml_interface import DiffPrivBudget, TrainingSummary
from colearn_chain.rounds import Ballot
from colearn_chain.types import Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Buffer

EXPERIMENT = "eip155:1:0x00000000000000000000000000000000000000aa"
LEARNER = Address("0x00000000000000000000000000000000000000bB")
FIRST, SECOND = Digest(b"\1" * 32), Digest(b"\2" * 32)
ROUND = RoundNumber(1)
BUDGET = DiffPrivBudget(target_epsilon=4, target_delta=1e-5, consumed_epsilon=1.5, consumed_delta=1e-6)

RECORDS = (
    Trained(round=1, summary=TrainingSummary(dp_budget=BUDGET)),
    Stored(round=1, digest=hex_of(FIRST)),
    Sent(round=1, call="propose", digest=hex_of(FIRST), transaction_hash=hex_of(SECOND)),
    Judged(round=2, digest=hex_of(SECOND), vote_score=-0.5, ballot=Ballot.REJECT, reason="no improvement"),
    Adopted(round=1, digest=hex_of(FIRST), vote_score=-0.4, test_score=0.9),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal is kept, in a folder that is not there yet."""
    return tmp_path / "journals" / "0.jsonl"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """A journal with an owner and one record of each kind."""
    opened = Journal.open(path)
    opened.belong_to(EXPERIMENT, LEARNER)
    for record in RECORDS:
        opened.append(record)
    yield opened
    opened.close()


def reread(path: Path) -> tuple[object, ...]:
    """What a new process finds after a crash; the dead one's lock died with it, so a copy stands for that."""
    left = path.with_name("left.jsonl")
    left.write_bytes(path.read_bytes())
    journal = Journal.open(left)
    journal.close()
    return journal.records[1:]


def test_what_was_appended_is_there_after_a_restart(journal: Journal, path: Path) -> None:
    """A record that was appended is read back as it was, without the journal having been closed."""
    assert reread(path) == RECORDS


def test_a_torn_last_line_is_cut_off(journal: Journal, path: Path) -> None:
    """A line without its end was never recorded; the next record begins on a line of its own."""
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"record":"stored","round":2,"dig')
    again = Journal.open(path)
    again.append(RECORDS[1])
    again.close()
    assert path.read_bytes() == whole + whole.splitlines(keepends=True)[2]


@given(cut=st.integers(min_value=0, max_value=2000))
def test_a_crash_at_any_byte_leaves_the_records_before_it(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Wherever the file ends, exactly the records whose line end is there are read."""
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    whole = Journal.open(path)
    for record in RECORDS:
        whole.append(record)
    whole.close()
    left = path.read_bytes()[:cut]
    path.write_bytes(left)
    again = Journal.open(path)
    again.close()
    assert again.records == RECORDS[: left.count(b"\n")]


def test_a_line_that_is_no_record_is_refused_by_its_number(journal: Journal, path: Path) -> None:
    """A journal that somebody changed is not guessed at."""
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b'{"record":"stored","round":"2"}\n', *lines[3:]]))
    with pytest.raises(ConfigError, match="line 4 of the journal"):
        Journal.open(path)


def test_a_journal_of_another_learner_is_refused(journal: Journal) -> None:
    """One learner's journal does not serve another."""
    journal.belong_to(EXPERIMENT, LEARNER)
    with pytest.raises(ConfigError, match="0xCC"):
        journal.belong_to(EXPERIMENT, Address("0xCC"))


def test_a_journal_of_another_experiment_is_refused(journal: Journal) -> None:
    """Round 1 of another experiment is another round."""
    with pytest.raises(ConfigError, match="eip155:5"):
        journal.belong_to("eip155:5:0xdd", LEARNER)


def test_a_journal_that_cannot_be_opened_is_the_operators_to_fix(tmp_path: Path) -> None:
    """A path that is a folder is named in a ConfigError."""
    with pytest.raises(ConfigError, match=str(tmp_path)):
        Journal.open(tmp_path)


class FullDisk(io.BytesIO):
    """A file on a disk that takes three more bytes."""

    def write(self, line: Buffer) -> int:
        """Take three bytes."""
        return super().write(bytes(line)[:3])


def test_a_full_disk_adds_nothing() -> None:
    """An append that fails raises a StorageError, and the record is neither in the file nor in memory."""
    disk = FullDisk()
    journal = Journal([], disk)
    with pytest.raises(StorageError, match="No space left"):
        journal.append(RECORDS[0])
    assert journal.records == ()
    assert disk.getvalue() == b""


class DyingDisk(io.BytesIO):
    """A file whose disk fails in everything while it is told to, half a line into what was being written."""

    failing = False

    def write(self, line: Buffer) -> int:
        """Write half, and fail."""
        if not self.failing:
            return super().write(line)
        super().write(bytes(line)[: len(bytes(line)) // 2])
        raise OSError(errno.EIO, "Input/output error")

    def truncate(self, size: int | None = None, /) -> int:
        """Fail."""
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")
        return super().truncate(size)

    def fileno(self) -> int:
        """Any number; nothing is synced."""
        return -1


def test_a_disk_that_comes_back_has_no_half_lines(tmp_path: Path) -> None:
    """What could not even be taken back is taken back before the next line is written."""
    disk = DyingDisk()
    journal = Journal([], disk, sync=lambda _: None)
    journal.append(RECORDS[0])
    disk.failing = True
    for _ in range(2):
        with pytest.raises(StorageError, match="Input/output error"):
            journal.append(RECORDS[1])
    disk.failing = False
    journal.append(RECORDS[2])
    (tmp_path / "journal").write_bytes(disk.getvalue())
    with closing(Journal.open(tmp_path / "journal")) as again:
        assert again.records == (RECORDS[0], RECORDS[2])


def test_a_disk_that_cannot_even_be_asked_is_a_storage_error() -> None:
    """Every call to the file may fail, the first included."""

    class Gone(io.BytesIO):
        """A file on a network that is down."""

        def seek(self, offset: int, whence: int = 0, /) -> int:
            """Fail, once there is something."""
            if self.getvalue():
                raise OSError(errno.EIO, "Input/output error")
            return super().seek(offset, whence)

        def fileno(self) -> int:
            """Any number; nothing is synced."""
            return -1

    journal = Journal([], Gone(), sync=lambda _: None)
    journal.append(RECORDS[0])
    with pytest.raises(StorageError, match="Input/output error"):
        journal.append(RECORDS[1])


def test_a_record_after_the_end_is_refused(path: Path) -> None:
    """What a closed journal is told is not lost without a word."""
    journal = Journal.open(path)
    journal.close()
    with pytest.raises(StorageError, match="closed"):
        journal.append(RECORDS[0])
    assert journal.records == ()


def test_every_line_is_on_the_disk_before_append_returns(path: Path) -> None:
    """The file is synced after its line is whole, and its folder when its name is new."""
    synced: list[bytes | None] = []

    def sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(None if is_folder else path.read_bytes())

    with closing(Journal.open(path, sync)) as journal:
        for record in RECORDS[:2]:
            journal.append(record)
    lines = path.read_bytes().splitlines(keepends=True)
    assert synced == [None, lines[0], lines[0] + lines[1]]


def test_a_line_that_was_not_synced_was_not_added(path: Path) -> None:
    """Where the disk does not confirm a line, the record is neither in the file nor in memory."""

    def refuse(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")

    with closing(Journal.open(path, refuse)) as journal:
        with pytest.raises(StorageError, match="Input/output error"):
            journal.append(RECORDS[0])
        assert journal.records == ()
    assert path.read_bytes() == b""


def test_two_agents_cannot_share_a_journal(journal: Journal, path: Path) -> None:
    """A learner that is started twice learns so, and the first one's journal stays whole."""
    whole = path.read_bytes()
    with pytest.raises(ConfigError, match=rf"{path} is open already"):
        Journal.open(path)
    journal.close()
    with closing(Journal.open(path)) as next_one:
        assert next_one.records[1:] == RECORDS
    assert path.read_bytes() == whole


@pytest.mark.parametrize("epsilon", [math.inf, -math.inf, math.nan])
def test_a_line_that_could_not_be_read_is_not_written(journal: Journal, path: Path, epsilon: float) -> None:
    """JSON has no infinite budget: it would be written as null, and the journal be refused for ever after."""
    whole = path.read_bytes()
    budget = BUDGET.model_copy(update={"target_epsilon": epsilon})
    with pytest.raises(RuntimeError, match="could not be read back"):
        journal.append(Trained(round=3, summary=TrainingSummary(dp_budget=budget)))
    assert path.read_bytes() == whole
    assert journal.records[1:] == RECORDS


@given(words=st.text(st.characters(exclude_categories=())))
def test_any_words_are_read_back(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    """Reasons quote what learners and peers say, lone surrogates, line ends and all."""
    path = tmp_path_factory.mktemp("words") / "journal.jsonl"
    with closing(Journal.open(path, lambda _: None)) as journal:
        journal.append(Trained(round=1, nothing=words))
    with closing(Journal.open(path, lambda _: None)) as again:
        assert again.records == journal.records


def test_the_last_record_of_a_round_counts(journal: Journal) -> None:
    """Questions about a round are answered by its own last record."""
    journal.append(Stored(round=2, digest=hex_of(SECOND)))
    journal.append(Trained(round=1, nothing="the budget is spent"))
    assert journal.stored(ROUND) == FIRST
    assert journal.stored(RoundNumber(3)) is None
    last = journal.trained(ROUND)
    assert last is not None
    assert last.nothing == "the budget is spent"


def test_a_judgement_is_of_one_digest(journal: Journal) -> None:
    """What was said of one proposal is not said of another in the same round."""
    assert journal.judged(RoundNumber(2), SECOND) == RECORDS[3]
    assert journal.judged(RoundNumber(2), FIRST) is None
    assert journal.judged(RoundNumber(1), SECOND) is None


def test_only_the_last_adoption_holds(journal: Journal) -> None:
    """What was adopted before something else is held no more."""
    assert journal.adopted(FIRST) == RECORDS[4]
    journal.append(Adopted(round=2, digest=hex_of(SECOND)))
    assert journal.adopted(FIRST) is None


def test_a_score_that_is_no_number_is_none() -> None:
    """A journal holds finite numbers only, which every JSON reader understands."""
    with pytest.raises(ValueError, match="finite"):
        Adopted(round=1, digest=hex_of(FIRST), vote_score=float("nan"))
