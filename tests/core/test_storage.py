"""What every store of content-addressed folders does, whatever it keeps them in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from colearn_chain.errors import ContentNotFound, InvalidArtefact, StorageError
from colearn_chain.storage import DirectoryStorage, Storage, cid_of, digest_of
from colearn_chain.testing.storage import FaultPlan, FaultyStorage, MemoryStorage, StorageFault
from colearn_chain.types import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FILES = {
    "manifest.json": b'{"format":"example/1"}',
    "weights.safetensors": bytes(i * i % 251 for i in range(300_000)),
}
LIMITS = {name: len(content) for name, content in FILES.items()}

KUBO_ROOT = "bafybeihyonntzjc4adarluj7gdur76pawsubsy4oupgux3ms7tgwqjmfgm"
"""What Kubo 0.44 answered for a folder of these two files (CIDv1, raw leaves, chunks of 256 KiB)."""

DIGEST = digest_of(KUBO_ROOT)


def fill(folder: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """A folder with these files."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder to put into a store."""
    return fill(tmp_path / "source")


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Where fetched files go: nothing is there yet."""
    (tmp_path / "fetched").mkdir()
    return tmp_path / "fetched" / "folder"


def no_fault(call: str, digest: Digest | None) -> StorageFault | None:
    """Plan nothing."""
    return None


def always(fault: StorageFault) -> FaultPlan:
    """Plan the same fault for every call."""
    return lambda *_: fault


STORES: dict[str, Callable[[Path], Storage]] = {
    "directory": lambda path: DirectoryStorage(path / "store"),
    "memory": lambda _: MemoryStorage(),
    "faulty-without-faults": lambda _: FaultyStorage(MemoryStorage(), no_fault),
}


class TestAnyStorage:
    """The conformance tests of the protocol ``Storage``."""

    @pytest.fixture(params=STORES.values(), ids=list(STORES))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
        """One of the implementations, empty."""
        make: Callable[[Path], Storage] = request.param
        return make(tmp_path)

    def test_digest_is_kubos(self, store: Storage, source: Path) -> None:
        """The digest that goes on chain is the one that IPFS gives the same folder."""
        assert cid_of(store.put(source)) == KUBO_ROOT

    def test_what_was_put_comes_back(self, store: Storage, source: Path, into: Path) -> None:
        """A folder comes back as it was, into a folder that is there or not."""
        digest = store.put(source)
        store.get(digest, into, LIMITS)
        assert contents(into) == FILES
        again = into.with_name("again")
        again.mkdir()
        store.get(digest, again, dict.fromkeys(LIMITS, 10**9))
        assert contents(again) == FILES

    def test_put_twice_is_put_once(self, store: Storage, source: Path, into: Path) -> None:
        """Putting is idempotent."""
        assert store.put(source) == store.put(source)
        store.get(DIGEST, into, LIMITS)

    def test_a_copy_is_stored(self, store: Storage, source: Path, into: Path) -> None:
        """What happens to the original afterwards, or to what was fetched, does not matter."""
        digest = store.put(source)
        (source / "manifest.json").write_bytes(b"changed")
        store.get(digest, into, LIMITS)
        (into / "manifest.json").write_bytes(b"changed")
        again = into.with_name("again")
        store.get(digest, again, LIMITS)
        assert contents(again) == FILES

    def test_has(self, store: Storage, source: Path) -> None:
        """A store has what was put, and nothing else."""
        assert not store.has(DIGEST)
        store.put(source)
        assert store.has(DIGEST)
        assert not store.has(Digest(bytes(32)))

    def test_absent_content(self, store: Storage, into: Path) -> None:
        """What is absent is reported as absent, by its CID, and nothing appears."""
        with pytest.raises(ContentNotFound) as caught:
            store.get(DIGEST, into, LIMITS)
        assert caught.value.content == KUBO_ROOT
        assert list(into.parent.iterdir()) == []

    @pytest.mark.parametrize(
        ("limits", "subject"),
        [
            ({"manifest.json": 22}, "weights.safetensors"),
            ({**LIMITS, "extra": 10}, "extra"),
            ({**LIMITS, "manifest.json": 21}, "manifest.json"),
            ({**LIMITS, "weights.safetensors": 299_999}, "weights.safetensors"),
            ({**LIMITS, "manifest.json": 0}, "manifest.json"),
            ({**LIMITS, "../evil": 10}, "name"),
            ({**LIMITS, "/etc/passwd": 10}, "name"),
            ({**LIMITS, "..": 10}, "name"),
            ({**LIMITS, "a/b": 10}, "name"),
            ({**LIMITS, ".hidden": 10}, "name"),
            ({**LIMITS, "": 10}, "name"),
            ({**LIMITS, "a\0": 10}, "name"),
            ({**LIMITS, "a\n": 10}, "name"),
        ],
        ids=repr,
    )
    def test_other_files_than_expected(
        self, store: Storage, source: Path, into: Path, limits: dict[str, int], subject: str
    ) -> None:
        """A file too many, too few, too long or whose name leads elsewhere: refused, and nothing appears."""
        digest = store.put(source)
        with pytest.raises(InvalidArtefact) as caught:
            store.get(digest, into, limits)
        assert caught.value.subject == subject
        assert list(into.parent.iterdir()) == []

    def test_into_that_is_not_empty(self, store: Storage, source: Path, into: Path) -> None:
        """Files that lie there are neither mixed with fetched ones nor lost."""
        digest = store.put(source)
        fill(into, {"mine": b"1"})
        with pytest.raises(StorageError):
            store.get(digest, into, LIMITS)
        assert contents(into) == {"mine": b"1"}
        assert list(into.parent.iterdir()) == [into]

    def test_put_of_a_link(self, store: Storage, source: Path) -> None:
        """A link is not followed: it could lead to anything on this machine."""
        (source / "weights.safetensors").unlink()
        (source / "weights.safetensors").symlink_to("/etc/passwd")
        with pytest.raises(InvalidArtefact, match="not a regular file"):
            store.put(source)

    def test_put_of_a_pipe(self, store: Storage, source: Path) -> None:
        """A pipe is no file, and nobody waits for its writer."""
        os.mkfifo(source / "pipe")
        with pytest.raises(InvalidArtefact, match="not a regular file"):
            store.put(source)

    def test_put_of_a_folder_in_a_folder(self, store: Storage, source: Path) -> None:
        """Artefacts are flat."""
        (source / "inner").mkdir()
        with pytest.raises(InvalidArtefact, match="inner"):
            store.put(source)

    @pytest.mark.parametrize("name", [".hidden", "a b", "\u00e9", "-rf", "a\\b", "x" * 129])
    def test_put_of_a_name_that_is_not_plain(self, store: Storage, source: Path, name: str) -> None:
        """Names are plain, so that they mean the same to every file system and every gateway."""
        (source / name).write_bytes(b"1")
        with pytest.raises(InvalidArtefact, match="plain file name"):
            store.put(source)

    def test_put_of_nothing(self, store: Storage, tmp_path: Path) -> None:
        """An empty folder is no artefact, and a folder that is not there is the file system's refusal."""
        with pytest.raises(InvalidArtefact, match="empty"):
            store.put(fill(tmp_path / "empty", {}))
        with pytest.raises(StorageError):
            store.put(tmp_path / "absent")

    def test_empty_file(self, store: Storage, tmp_path: Path, into: Path) -> None:
        """A file may be empty."""
        digest = store.put(fill(tmp_path / "one", {"empty": b""}))
        store.get(digest, into, {"empty": 0})
        assert contents(into) == {"empty": b""}


LIES: dict[str, dict[str, bytes]] = {
    "flipped-byte": {**FILES, "weights.safetensors": FILES["weights.safetensors"][:-1] + b"\0"},
    "flipped-byte-in-manifest": {**FILES, "manifest.json": b'{"format":"example/2"}'},
    "one-file-more": {**FILES, "more": b"1"},
    "one-file-less": {"manifest.json": FILES["manifest.json"]},
    "renamed": {"Manifest.json": FILES["manifest.json"], "weights.safetensors": FILES["weights.safetensors"]},
    "swapped": {"manifest.json": FILES["weights.safetensors"], "weights.safetensors": FILES["manifest.json"]},
    "truncated": {**FILES, "weights.safetensors": FILES["weights.safetensors"][:-1]},
    "longer": {**FILES, "weights.safetensors": FILES["weights.safetensors"] + b"\0"},
    "nothing": {},
}


class TestLyingStore:
    """What lies under a digest is believed by nobody before it led back to the digest."""

    @pytest.mark.parametrize("files", LIES.values(), ids=LIES.keys())
    def test_memory(self, files: dict[str, bytes], into: Path) -> None:
        """Other bytes, names or files under the right digest are refused, and nothing appears."""
        store = MemoryStorage()
        store.plant(DIGEST, files)
        with pytest.raises(InvalidArtefact):
            store.get(DIGEST, into, dict.fromkeys(FILES, 10**6))
        assert list(into.parent.iterdir()) == []

    @pytest.mark.parametrize("files", LIES.values(), ids=LIES.keys())
    def test_directory(self, files: dict[str, bytes], into: Path, tmp_path: Path) -> None:
        """The same for a directory, where another user or a failing disk does it."""
        fill(tmp_path / "store" / KUBO_ROOT, files)
        with pytest.raises(InvalidArtefact):
            DirectoryStorage(tmp_path / "store").get(DIGEST, into, dict.fromkeys(FILES, 10**6))
        assert list(into.parent.iterdir()) == []

    def test_expected_names_are_no_proof(self, into: Path) -> None:
        """Even where the expected files lie there, they lead to their own digest and no other."""
        store = MemoryStorage()
        store.plant(DIGEST, {"a": b"1"})
        with pytest.raises(InvalidArtefact, match=KUBO_ROOT):
            store.get(DIGEST, into, {"a": 1})

    def test_dropped_content(self, source: Path, into: Path) -> None:
        """A store that lost content says so."""
        store = MemoryStorage()
        store.drop(store.put(source))
        with pytest.raises(ContentNotFound):
            store.get(DIGEST, into, LIMITS)


class TestFaultyStorage:
    """The planned faults are those that real stores have."""

    def test_no_answer(self, source: Path, into: Path) -> None:
        """Without an answer nothing was done."""
        inner = MemoryStorage()
        store = FaultyStorage(inner, always(StorageFault.NO_ANSWER))
        with pytest.raises(StorageError):
            store.put(source)
        assert not inner.has(DIGEST)
        inner.put(source)
        with pytest.raises(StorageError):
            store.get(DIGEST, into, LIMITS)
        with pytest.raises(StorageError):
            store.has(DIGEST)
        assert not into.exists()

    @pytest.mark.parametrize("existed", [True, False])
    def test_lost_answer(self, source: Path, into: Path, *, existed: bool) -> None:
        """A put whose answer is lost was done; a get leaves nothing."""
        inner = MemoryStorage()
        store = FaultyStorage(inner, always(StorageFault.LOST_ANSWER))
        with pytest.raises(StorageError):
            store.put(source)
        assert inner.has(DIGEST)
        if existed:
            into.mkdir()
        with pytest.raises(StorageError):
            store.get(DIGEST, into, LIMITS)
        assert into.exists() == existed
        assert not existed or contents(into) == {}

    def test_absent_and_malformed(self, source: Path, into: Path) -> None:
        """Content can be absent or malformed for one call, and there for the next."""
        plan = iter([None, StorageFault.ABSENT, StorageFault.ABSENT, StorageFault.MALFORMED, None])
        calls: list[tuple[str, Digest | None]] = []

        def next_fault(call: str, digest: Digest | None) -> StorageFault | None:
            calls.append((call, digest))
            return next(plan)

        store = FaultyStorage(MemoryStorage(), next_fault)
        store.put(source)
        assert not store.has(DIGEST)
        with pytest.raises(ContentNotFound):
            store.get(DIGEST, into, LIMITS)
        with pytest.raises(InvalidArtefact):
            store.get(DIGEST, into, LIMITS)
        store.get(DIGEST, into, LIMITS)
        assert calls == [("put", None), ("has", DIGEST), *[("get", DIGEST)] * 3]
