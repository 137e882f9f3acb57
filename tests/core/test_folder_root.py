"""Folders' digests from CIDs and sizes alone: those that hashing the folders comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from colearn_chain.artefacts.folder_root import FileRoot, folder_root
from colearn_chain.errors import InvalidArtefact
from colearn_chain.storage.folders import file_cid, folder_digest

if TYPE_CHECKING:
    from pathlib import Path

CHUNK, MOST_CHILDREN = 256 * 1024, 174
SIZES = [0, 1, 127, 128, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 3]
DEEP = [MOST_CHILDREN * CHUNK + add for add in (-1, 0, 1, CHUNK, CHUNK + 1, MOST_CHILDREN * CHUNK)]


def roots(folder: Path) -> dict[str, FileRoot]:
    """What is known of a folder's files once they are gone."""
    return {path.name: FileRoot(file_cid(path), path.stat().st_size) for path in folder.iterdir()}


@pytest.mark.parametrize("size", [*SIZES, *DEEP])
def test_a_root_is_that_of_the_folder(tmp_path: Path, size: int) -> None:
    """Files of no chunk, one, some, and so many that parents need parents; zeros take no room on the disk."""
    (tmp_path / "manifest.json").write_bytes(b"{}")
    with (tmp_path / "weights.safetensors").open("wb") as file:
        file.truncate(size)
    assert folder_root(roots(tmp_path)) == folder_digest(tmp_path)


def test_files_stand_by_their_names(tmp_path: Path) -> None:
    """In whatever order they are given."""
    for name in ("b", "a", "c", "B"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert folder_root(dict(reversed(roots(tmp_path).items()))) == folder_digest(tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        {"weights": FileRoot("b" + "a" * 58, 300_000)},
        {"weights": FileRoot("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 300_001)},
        {"other": FileRoot("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 300_000)},
    ],
)
def test_another_cid_size_or_name_is_another_folder(changed: dict[str, FileRoot]) -> None:
    """So a manifest that leads to the digest on chain says truly what its weights were."""
    honest = {"weights": FileRoot("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 300_000)}
    assert folder_root(changed) != folder_root(honest)


def test_a_file_of_two_terabytes_takes_no_time() -> None:
    """A stranger names the size, so no work is done for each of its chunks."""
    cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert folder_root({"w": FileRoot(cid, 1 << 41)}) != folder_root({"w": FileRoot(cid, (1 << 41) - CHUNK)})


@pytest.mark.parametrize("cid", ["", "b", "bafkrei", "b" + "1" * 58, "z" + "a" * 80])
def test_what_is_no_cid(cid: str) -> None:
    """It is refused, in words."""
    with pytest.raises(InvalidArtefact, match="no CID of a file"):
        folder_root({"w": FileRoot(cid, 1)})
