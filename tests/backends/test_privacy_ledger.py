"""The privacy ledger: what was charged stays charged, whatever happens to processes, disks and files."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_backends.privacy import Mechanism, Plan, PrivacyLedger
from colearn_chain.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

DELTA = 1e-5
MECHANISM = Mechanism(1.0, 0.05)
PLAN = Plan(MECHANISM, 20, "round 1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger is kept, in a folder that is not there yet."""
    return tmp_path / "ledgers" / "privacy.jsonl"


@pytest.fixture
def charged(path: Path) -> Path:
    """The file of a ledger with one charge."""
    PrivacyLedger(path).charge(PLAN)
    return path


def test_the_budget_spans_restarts(path: Path) -> None:
    """A new process goes on where the last one stood; not a step is handed back."""
    one_after_another = PrivacyLedger.in_memory()
    for _ in range(3):
        PrivacyLedger(path).charge(PLAN)
        one_after_another.charge(PLAN)
        assert PrivacyLedger(path).epsilon(DELTA) == one_after_another.epsilon(DELTA)
    assert PrivacyLedger(path).epsilon(DELTA) > PrivacyLedger.in_memory().epsilon(DELTA) == 0


def test_a_charge_is_synced_before_anybody_trains(path: Path) -> None:
    """What ``reserve`` grants is in the file when the disk is told to keep it, and the file's name, too."""
    synced: list[bytes] = []

    def sync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(b"folder" if folder else path.read_bytes().splitlines()[-1])

    ledger = PrivacyLedger(path, sync=sync)
    assert b"folder" in synced
    assert ledger.reserve(PLAN, 100, DELTA) == 20
    assert b'"steps":20' in synced[-1]


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "told to fail"), KeyboardInterrupt()])
def test_a_crash_while_charging_grants_nothing_and_hands_nothing_back(
    charged: Path, failure: BaseException
) -> None:
    """Who dies between writing and syncing has trained nothing; the line may count, the ledger goes on."""

    def sync(_: int) -> None:
        raise failure

    spent = PrivacyLedger(charged).epsilon(DELTA)
    dying = PrivacyLedger(charged, sync=sync)
    with pytest.raises(StorageError if isinstance(failure, OSError) else KeyboardInterrupt):
        dying.reserve(PLAN, 100, DELTA)
    assert PrivacyLedger(charged).epsilon(DELTA) >= spent
    assert PrivacyLedger(charged).reserve(PLAN, 100, DELTA) == 20


def test_a_torn_last_line_is_cut_off(charged: Path) -> None:
    """A line without its end was never synced; the next one begins on a line of its own."""
    whole = charged.read_bytes()
    charged.write_bytes(whole + b'{"noise_multiplier":1.0,"sampl')
    ledger = PrivacyLedger(charged)
    assert charged.read_bytes() == whole
    ledger.charge(PLAN)
    assert charged.read_bytes() == whole + whole.splitlines(keepends=True)[-1]


@given(cut=st.integers(min_value=0))
def test_wherever_a_crash_tears_the_file_whole_lines_count(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Property: any beginning of a ledger is the ledger of its whole lines."""
    path = tmp_path_factory.mktemp("torn") / "ledger"
    for _ in range(2):
        PrivacyLedger(path).charge(PLAN)
    content = path.read_bytes()
    left = content[: cut % (len(content) + 1)]
    path.write_bytes(left)
    expected = PrivacyLedger.in_memory()
    for _ in range(left.count(b"\n") - 1):
        expected.charge(PLAN)
    assert PrivacyLedger(path).epsilon(DELTA) == expected.epsilon(DELTA)


@pytest.mark.parametrize(
    "content",
    [
        b"my thesis",
        b"my thesis\n",
        b'{"ledger":"differential privacy","version":2}\n',
        b'{"ledger":"differential privacy","version":1,"mechanism":"laplace noise","neighbours":"x"}\n',
        b"\0" * 200,
    ],
)
def test_another_file_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    """Neither a file of something else nor a ledger of another mechanism is believed, or written to."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no privacy ledger"):
        PrivacyLedger(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b'{"noise_multiplier":1.0,"sampling_rate":0.05,"steps":-20,"label":""}',
        b'{"noise_multiplier":1.0,"sampling_rate":0.05,"steps":0.5,"label":""}',
        b'{"noise_multiplier":1.0,"sampling_rate":0.05,"steps":true,"label":""}',
        b'{"noise_multiplier":1e300,"sampling_rate":0.05,"steps":1,"label":""}',
        b'{"noise_multiplier":NaN,"sampling_rate":0.05,"steps":1,"label":""}',
        b'{"noise_multiplier":1.0,"sampling_rate":-0.05,"steps":1,"label":""}',
        b'{"noise_multiplier":1.0,"sampling_rate":0.05,"steps":1,"label":"","note":""}',
        b'{"noise_multiplier":1.0,"sampling_rate":0.05,"steps":1}',
        b"\xff\0\x1b[2J",
    ],
)
def test_a_line_that_is_no_record_is_refused_by_its_number(charged: Path, line: bytes) -> None:
    """A line that would lower epsilon, or says nothing, is named; nothing steers the terminal."""
    charged.write_bytes(charged.read_bytes() + line + b"\n")
    with pytest.raises(ConfigError, match="line 3 of the privacy ledger") as refused:
        PrivacyLedger(charged)
    assert str(refused.value).isprintable()


def test_a_ledger_that_lost_records_is_noticed(charged: Path) -> None:
    """Emptied, cut, rewritten or put back while it is in use: no step is granted on it."""
    ledger = PrivacyLedger(charged)
    whole = charged.read_bytes()
    header = whole.splitlines(keepends=True)[0]
    for content in (b"", header, header + whole.replace(b"20", b"10")[len(header) :]):
        charged.write_bytes(content)
        with pytest.raises(ConfigError, match="has lost what was recorded"):
            ledger.reserve(PLAN, 100, DELTA)
    charged.write_bytes(whole)
    assert ledger.reserve(PLAN, 100, DELTA) == 20


def test_a_ledger_that_is_deleted_does_not_begin_anew(charged: Path) -> None:
    """A running learner stops, and makes no new file that would forget what was spent."""
    ledger = PrivacyLedger(charged)
    charged.unlink()
    with pytest.raises(StorageError, match="No such file"):
        ledger.reserve(PLAN, 100, DELTA)
    assert not charged.exists()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder or a pipe is no ledger, and waiting for a pipe would never end."""
    with pytest.raises(StorageError):
        PrivacyLedger(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no privacy ledger"):
        PrivacyLedger(tmp_path / "pipe")


def test_a_file_without_end_is_not_read(charged: Path) -> None:
    """It was not written here, whatever its beginning says, and would fill the memory."""
    os.truncate(charged, 1 << 40)
    with pytest.raises(ConfigError, match="no privacy ledger"):
        PrivacyLedger(charged)


def test_a_full_disk_grants_nothing_and_breaks_nothing(charged: Path) -> None:
    """A charge of which the disk takes only a part grants nothing; the next one finds a whole file."""
    ledger, whole = PrivacyLedger(charged), charged.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 10, hard))
    try:
        with pytest.raises(StorageError, match="No space left"):
            ledger.reserve(PLAN, 100, DELTA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(charged.read_bytes()) == len(whole) + 10
    assert ledger.reserve(PLAN, 100, DELTA) == 20
    assert charged.read_bytes().startswith(whole + b'{"noise_multiplier"')


def test_nobody_else_may_read_a_ledger(charged: Path) -> None:
    """What somebody trains, and how often, is their own business."""
    assert stat.S_IMODE(charged.stat().st_mode) == 0o600


def test_a_ledger_is_found_again_from_another_folder(charged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the folder that was current when it was given."""
    monkeypatch.chdir(charged.parent)
    ledger = PrivacyLedger(charged.name)
    monkeypatch.chdir("/")
    assert ledger.epsilon(DELTA) == PrivacyLedger(charged).epsilon(DELTA)


def test_two_ledgers_of_one_file_see_each_others_charges(charged: Path) -> None:
    """Two learners on the same data have one budget."""
    ours, theirs = PrivacyLedger(charged), PrivacyLedger(charged)
    before = theirs.epsilon(DELTA)
    ours.charge(PLAN)
    assert theirs.epsilon(DELTA) == ours.epsilon(DELTA) > before


SPENDER = """
import sys
from colearn_backends.privacy import Mechanism, Plan, PrivacyLedger
ledger, steps = PrivacyLedger(sys.argv[1]), 1
while steps:
    steps = ledger.reserve(Plan(Mechanism(1.0, 0.05), 7, sys.argv[2]), 3.0, 1e-5)
    print(steps)
"""


def test_two_processes_on_one_ledger_never_overspend(path: Path) -> None:
    """Each sees what the other was granted, at the same time; together they spend the budget once."""
    spenders = [
        subprocess.Popen(  # noqa: S603 - this Python and the lines above
            [sys.executable, "-c", SPENDER, str(path), name], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "other")
    ]
    granted = [int(line) for spender in spenders for line in spender.communicate()[0].split()]
    assert [spender.returncode for spender in spenders] == [0, 0]
    ledger = PrivacyLedger(path)
    alone = PrivacyLedger.in_memory().most_steps(Plan(MECHANISM, 10_000), 3.0, DELTA)
    assert sum(granted) == alone
    assert ledger.epsilon(DELTA) <= 3.0 < ledger.epsilon_after(Plan(MECHANISM, 1), DELTA)
