"""The store in a directory: its layout, damage, full disks and several processes."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from colearn_chain.errors import ContentNotFound, InvalidArtefact, StorageError
from colearn_chain.storage import DirectoryStorage, cid_of, digest_of
from colearn_chain.storage.folders import file_cid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {"a.json": b"{}", "b.bin": bytes(3_000_000)}
LIMITS = {name: len(content) for name, content in FILES.items()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder to put into the store."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "deep" / "store"


@pytest.fixture
def store(root: Path) -> DirectoryStorage:
    """An empty store."""
    return DirectoryStorage(root)


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """Let this process write files of at most so many bytes, so that writes fail halfway."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def place(root: Path, store: DirectoryStorage, source: Path) -> Path:
    """Put the folder and return where it lies."""
    return root / cid_of(store.put(source))


def test_layout_is_a_web_root(store: DirectoryStorage, root: Path, source: Path) -> None:
    """A folder lies under its CID, and others may read it as far as the umask lets them."""
    before = os.umask(0o022)
    try:
        lies = place(root, store, source)
    finally:
        os.umask(before)
    assert {path.name for path in lies.iterdir()} == FILES.keys()
    assert [path.name for path in root.iterdir()] == [lies.name]
    assert lies.stat().st_mode & 0o777 == 0o755
    assert (lies / "a.json").stat().st_mode & 0o777 == 0o644


def test_a_crash_after_a_put_finds_everything_on_the_disk(root: Path, source: Path) -> None:
    """Files and their folder are synced before the folder gets its place, and the root after it."""
    synced: list[tuple[int, int, int]] = []

    def sync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        places = sum(not entry.name.startswith(".") for entry in root.iterdir())
        synced.append((status.st_ino, status.st_size if stat.S_ISREG(status.st_mode) else 0, places))

    lies = place(root, DirectoryStorage(root, sync=sync), source)
    files = {((lies / name).stat().st_ino, size, 0) for name, size in LIMITS.items()}
    assert set(synced[:-2]) == files
    assert synced[-2:] == [(lies.stat().st_ino, 0, 0), (root.stat().st_ino, 0, 1)]


def test_looking_makes_nothing(store: DirectoryStorage, root: Path, tmp_path: Path) -> None:
    """A store that was only asked leaves no directory."""
    digest = digest_of("bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfgm")
    assert not store.has(digest)
    with pytest.raises(ContentNotFound):
        store.get(digest, tmp_path / "into", LIMITS)
    assert not root.exists()


def test_full_disk_at_put(store: DirectoryStorage, root: Path, source: Path) -> None:
    """A put that fails leaves nothing half-done, and succeeds once there is space."""
    with full_disk(1_000_000), pytest.raises(StorageError):
        store.put(source)
    assert list(root.iterdir()) == []
    assert store.has(store.put(source))


def test_full_disk_at_get(store: DirectoryStorage, source: Path, tmp_path: Path) -> None:
    """A get that fails leaves nothing half-done."""
    digest = store.put(source)
    into = tmp_path / "fetched" / "folder"
    with full_disk(1_000_000), pytest.raises(StorageError):
        store.get(digest, into, LIMITS)
    assert list(into.parent.iterdir()) == []


def test_root_that_is_a_file(tmp_path: Path, source: Path) -> None:
    """A root that cannot be one is a StorageError at put, and has nothing."""
    (tmp_path / "file").write_bytes(b"")
    store = DirectoryStorage(tmp_path / "file")
    with pytest.raises(StorageError):
        store.put(source)
    assert not store.has(digest_of("bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfgm"))


@pytest.mark.parametrize("damage", ["flipped", "missing", "extra", "emptied", "file", "link", "inner-link"])
def test_damaged_content_is_replaced_when_put_again(
    store: DirectoryStorage, root: Path, source: Path, tmp_path: Path, damage: str
) -> None:
    """A put means that the store holds the content, whatever happened to an earlier copy."""
    lies = place(root, store, source)
    _damage(lies, damage, tmp_path / "aside")
    digest = store.put(source)
    into = tmp_path / "into"
    store.get(digest, into, LIMITS)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == FILES
    assert [path.name for path in root.iterdir()] == [lies.name]
    assert not lies.is_symlink()


def _damage(lies: Path, damage: str, aside: Path) -> None:
    """Do to a stored folder what failing disks and other users do."""
    match damage:
        case "flipped":
            (lies / "a.json").write_bytes(b"[]")
        case "missing":
            (lies / "a.json").unlink()
        case "extra":
            (lies / "c").write_bytes(b"")
        case "inner-link":
            (lies / "a.json").rename(aside)
            (lies / "a.json").symlink_to(aside)
        case _:
            lies.rename(aside)
            if damage == "emptied":
                lies.mkdir()
            elif damage == "file":
                lies.write_bytes(b"")
            else:
                lies.symlink_to(aside)


def test_links_in_the_store(store: DirectoryStorage, root: Path, source: Path, tmp_path: Path) -> None:
    """A link that somebody laid into the store is not followed, even if it leads to the right bytes."""
    lies = place(root, store, source)
    _damage(lies, "inner-link", tmp_path / "aside")
    with pytest.raises(InvalidArtefact, match=r"a\.json is not a regular file"):
        store.get(digest_of(lies.name), tmp_path / "into", LIMITS)
    (lies / "a.json").unlink()
    (lies / "a.json").mkdir()
    with pytest.raises(InvalidArtefact, match=r"a\.json is not a regular file"):
        store.get(digest_of(lies.name), tmp_path / "into", LIMITS)


def test_pipe_in_the_store(store: DirectoryStorage, root: Path, source: Path, tmp_path: Path) -> None:
    """A pipe in the place of a file keeps nobody waiting."""
    lies = place(root, store, source)
    (lies / "a.json").unlink()
    os.mkfifo(lies / "a.json")
    with pytest.raises(InvalidArtefact, match=r"a\.json is not a regular file"):
        store.get(digest_of(lies.name), tmp_path / "into", LIMITS)


def test_single_file_that_is_none(tmp_path: Path) -> None:
    """A file is read only where it is a regular one: no pipe that keeps the reader waiting, no link."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArtefact, match="pipe is not a regular file"):
        file_cid(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="link"):
        file_cid(tmp_path / "link")


def test_file_cid_is_kubos(tmp_path: Path) -> None:
    """The CIDs that Kubo 0.44 answered for a file of one chunk and for one of two."""
    (tmp_path / "small").write_bytes(b'{"format":"example/1"}')
    (tmp_path / "large").write_bytes(bytes(i * i % 251 for i in range(300_000)))
    assert file_cid(tmp_path / "small") == "bafkreihwngxzdrltvwga6dxknntbuxsduybithv72fziunoogyxxjmnmzi"
    assert file_cid(tmp_path / "large") == "bafybeiaonqbk5bmmvndbjzopqvvo4ufdwfajgoviyddtaoigrsu2qs26ki"


def test_leftovers_of_a_killed_process(store: DirectoryStorage, root: Path, source: Path) -> None:
    """A process that died while it wrote leaves a hidden folder that disturbs nobody."""
    (root / ".tmp-0123456789abcdef").mkdir(parents=True)
    digest = store.put(source)
    assert store.has(digest)


PUT_ALL = """
import pathlib, sys
from colearn_chain.storage import DirectoryStorage
store = DirectoryStorage(pathlib.Path(sys.argv[1]))
for folder in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    store.put(folder)
"""


def test_several_processes_put_the_same(root: Path, tmp_path: Path) -> None:
    """Processes that put the same folders at once all succeed, and each folder lies there once, whole."""
    for index in range(40):
        folder = tmp_path / "sources" / f"{index:02}"
        folder.mkdir(parents=True)
        (folder / "a").write_bytes(b"%d" % index)
    command = [sys.executable, "-c", PUT_ALL, str(root), str(tmp_path / "sources")]
    processes = [subprocess.Popen(command) for _ in range(3)]  # noqa: S603 - our own interpreter and text
    assert [process.wait() for process in processes] == [0, 0, 0]
    found = list(root.iterdir())
    assert len(found) == 40
    for path in found:
        DirectoryStorage(root).get(digest_of(path.name), tmp_path / "into" / path.name, {"a": 2})
