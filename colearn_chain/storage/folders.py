"""Folders of plain files on the local disk: what may be in them, their digest, how they come into being.

A folder appears all at once or not at all: it is filled under another name beside its place, verified, then
renamed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from colearn_chain.artefacts import cid_of, digest_of
from colearn_chain.errors import InvalidArtefact, StorageError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from colearn_chain.types import Digest

CHUNK_BYTES = 1 << 20
"""Files are read in pieces of so many bytes."""

STAGE_PREFIX = ".tmp-"
"""What a folder is called until it is whole; a leading dot keeps web servers from showing it."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

# A link is not followed, and a pipe does not keep the reader waiting for a writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def check_name(name: str) -> str:
    """Return a file's name if it is plain: at most 128 letters, digits and ``._-``, no dot or dash in front.

    Raises:
        InvalidArtefact: it is not, for instance because it leads out of the folder.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArtefact(f"'{shown(name)}' is not a plain file name", subject="name", value=name)
    return name


def plain_files(folder: Path) -> list[str]:
    """The names of a folder's files, sorted.

    Raises:
        InvalidArtefact: it is empty, or holds a link, a folder, a device or a name that is not plain.
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        names = sorted(_plain(entry) for entry in entries)
    if not names:
        raise InvalidArtefact(f"{folder} is empty", subject="folder", value=str(folder))
    return names


def folder_digest(folder: Path) -> Digest:
    """The digest of a folder's root as IPFS would store it: UnixFS, CIDv1, raw leaves, chunks of 256 KiB.

    Raises:
        InvalidArtefact: it is no folder of plain files.
        OSError: it cannot be read.
    """
    import aleph_cid  # noqa: PLC0415 - a native library, needed late

    plain_files(folder)
    return digest_of(aleph_cid.hash_folder(folder, cid_version=1, follow_symlinks=False))


def file_cid(path: Path) -> str:
    """The CID of one file, chunked like those in folders.

    Raises:
        InvalidArtefact: it is not a regular file.
        OSError: it cannot be read.
    """
    import aleph_cid  # noqa: PLC0415 - a native library, needed late

    hasher = aleph_cid.CidHasher.for_ipfs_v1_raw_leaves()
    for chunk in chunks(path):
        hasher.update(chunk)
    return str(hasher.finalize())


def chunks(path: Path) -> Iterator[bytes]:
    """A regular file's bytes, piece by piece.

    Raises:
        InvalidArtefact: it is not a regular file.
        OSError: it cannot be read; that it is a link is one of the reasons.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidArtefact(f"{path.name} is not a regular file", subject=path.name)
        while chunk := os.read(descriptor, CHUNK_BYTES):
            yield chunk
    finally:
        os.close(descriptor)


@contextmanager
def staging(parent: Path) -> Iterator[Path]:
    """An empty folder in ``parent``, made if need be; it is gone afterwards unless it was renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    stage = parent / f"{STAGE_PREFIX}{secrets.token_hex(8)}"
    stage.mkdir()
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_file(
    path: Path,
    content: Iterable[bytes],
    *,
    limit: int | None = None,
    sync: Callable[[int], object] | None = None,
) -> None:
    """Write a new file from pieces, counting them as they come.

    Args:
        path: a file that does not exist yet.
        content: the file's bytes; not asked for more once the limit is passed.
        limit: the most bytes that it may have.
        sync: waits until the disk has what was written to a file descriptor; None: nobody waits.

    Raises:
        InvalidArtefact: there are more bytes than the limit.
        OSError: it cannot be written.
    """
    size = 0
    with path.open("xb") as file:
        for chunk in content:
            size += len(chunk)
            if limit is not None and size > limit:
                raise InvalidArtefact(
                    f"{path.name} has more than {limit} bytes", subject=path.name, value=limit
                )
            file.write(chunk)
        if sync is not None:
            file.flush()
            sync(file.fileno())


def sync_folder(folder: Path, sync: Callable[[int], object] = os.fsync) -> None:
    """Wait until the disk has the names in a folder, not only the files' bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def receive_folder(
    digest: Digest, into: Path, limits: Mapping[str, int], files: Mapping[str, Iterable[bytes]]
) -> None:
    """Let a folder arrive from anywhere: the last part of every ``Storage.get``.

    Args:
        digest: what the folder must lead back to.
        into: where the files go: a folder that is empty or does not exist yet.
        limits: the expected files, each with the most bytes that it may have.
        files: what the store says is there, each file's bytes piece by piece.

    Raises:
        InvalidArtefact: other files, too many bytes, or another digest. ``into`` is as it was.
        StorageError: the disk refused, or ``into`` is not empty. ``into`` is as it was.
    """
    check_names(files, limits)
    with storage_errors(f"store {cid_of(digest)} in {into}"), staging(into.parent) as stage:
        for name in sorted(limits):
            write_file(stage / name, files[name], limit=limits[name])
        found = folder_digest(stage)
        if found != digest:
            raise InvalidArtefact(
                f"these files make {cid_of(found)}, not {cid_of(digest)}", subject="digest", value=found
            )
        stage.rename(into)


def check_names(found: Iterable[str], expected: Iterable[str]) -> None:
    """Check that exactly the expected files are there, and that their names are plain.

    Raises:
        InvalidArtefact: one is missing, one is too many, or an expected name is not plain.
    """
    names, wanted = set(found), {check_name(name) for name in expected}
    for name in sorted(names ^ wanted):
        problem = "is missing" if name in wanted else "is one file more than expected"
        raise InvalidArtefact(f"{shown(name)} {problem}", subject=name)


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the operating system raises into ``StorageError``.

    Raises:
        StorageError: the operating system refused to do it.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot {doing}: {error}") from error


def _plain(entry: os.DirEntry[str]) -> str:
    if not entry.is_file(follow_symlinks=False):
        raise InvalidArtefact(f"{shown(entry.name)} is not a regular file", subject=entry.name)
    return check_name(entry.name)
