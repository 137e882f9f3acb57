"""Files that appear whole or not at all, and never in the place of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from colearn_agents.experiments.new_files import check_new, write_new
from colearn_agents.experiments.pending import MOST_BYTES, PendingDeployment
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_written_once(tmp_path: Path) -> None:
    """All of it is there, nothing else is, and the second attempt changes nothing."""
    check_new(tmp_path / "card.json")
    write_new(tmp_path / "card.json", b"one")
    for attempt in (check_new, lambda path: write_new(path, b"two")):
        with pytest.raises(ConfigError, match=r"card\.json exists already, and nothing is overwritten"):
            attempt(tmp_path / "card.json")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"one"]


def test_a_link_to_nowhere_is_in_the_way(tmp_path: Path) -> None:
    """A name is taken, whatever it leads to."""
    (tmp_path / "card.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="exists already"):
        write_new(tmp_path / "card.json", b"one")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is named; nothing is made."""
    for attempt in (check_new, lambda path: write_new(path, b"one")):
        with pytest.raises(ConfigError, match=r"cannot write .*nowhere/card\.json"):
            attempt(tmp_path / "nowhere/card.json")
    assert not any(tmp_path.iterdir())


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    """What the operating system refuses is a sentence too, and nothing is left behind."""
    with pytest.raises(ConfigError, match=r"cannot write .*File name too long"):
        write_new(tmp_path / ("a" * 300), b"one")
    assert not any(tmp_path.iterdir())


def test_transactions_are_there_as_soon_as_they_are_kept(tmp_path: Path) -> None:
    """Each in its order; what has its card is discarded, as often as one likes."""
    pending = PendingDeployment.of(tmp_path / "card.json")
    pending.keep(b"\x01\x02")
    assert PendingDeployment(tmp_path / "card.json.pending").transactions() == [b"\x01\x02"]
    pending.keep(b"\x03")
    assert pending.transactions() == [b"\x01\x02", b"\x03"]
    assert pending.card == tmp_path / "card.json"
    pending.discard()
    pending.discard()
    assert not any(tmp_path.iterdir())


def test_two_processes_that_make_one_card(tmp_path: Path) -> None:
    """The second finds that the first has begun, and sends nothing."""
    PendingDeployment.of(tmp_path / "card.json").keep(b"\x01")
    with pytest.raises(ConfigError, match="exists already"):
        PendingDeployment.of(tmp_path / "card.json").keep(b"\x02")
    assert PendingDeployment.of(tmp_path / "card.json").transactions() == [b"\x01"]


@pytest.mark.parametrize("cut", range(5))
def test_a_crash_in_the_middle_of_a_line(tmp_path: Path, cut: int) -> None:
    """What was not written whole was never sent; what was before it counts."""
    whole, torn = b"0x01\n", b"0x02\n"[:cut]
    (tmp_path / "card.json.pending").write_bytes(whole + torn)
    assert PendingDeployment.of(tmp_path / "card.json").transactions() == [b"\x01"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no transaction"),
        (b"0x01", "holds no transaction"),
        (b"\xff\n", "more than hex"),
        (b"0x0\n", "more than hex"),
        (b"0x" + b"00" * MOST_BYTES + b"\n", "holds no transaction"),
    ],
)
def test_a_file_that_holds_something_else(tmp_path: Path, content: bytes, says: str) -> None:
    """It is refused, and left as it is."""
    path = tmp_path / "card.json.pending"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        PendingDeployment(path).transactions()
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_or_has_another_name(tmp_path: Path) -> None:
    """Both are said by name."""
    with pytest.raises(ConfigError, match=r"cannot read .*x\.pending: No such file"):
        PendingDeployment(tmp_path / "x.pending").transactions()
    with pytest.raises(ConfigError, match=r"those are called CARD\.pending"):
        _ = PendingDeployment(tmp_path / "x").card
    assert not any(tmp_path.iterdir())
