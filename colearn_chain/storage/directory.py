"""A store in a local directory: the embedded default, shared by all agents of a machine."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from typing import TYPE_CHECKING

from colearn_chain.artefacts import cid_of
from colearn_chain.errors import ContentNotFound, InvalidArtefact, StorageError
from colearn_chain.storage.folders import (
    STAGE_PREFIX,
    chunks,
    folder_digest,
    plain_files,
    receive_folder,
    staging,
    storage_errors,
    sync_folder,
    write_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from colearn_chain.types import Digest

_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
_ATTEMPTS = 8


class DirectoryStorage:
    """Each folder lies at ``root/<CID>/``, so that any web server over ``root`` serves it.

    Several processes may use one root. Damaged content is never handed out, and replaced when it is put
    again.
    """

    def __init__(self, root: Path, *, sync: Callable[[int], object] = os.fsync) -> None:
        """Use a directory.

        Args:
            root: made at the first put, if need be.
            sync: waits until the disk has what was written to a file descriptor.
        """
        self._root = root
        self._sync = sync

    def put(self, folder: Path) -> Digest:
        """Store a copy, synced to the disk, under its digest; see ``Storage.put``."""
        with storage_errors(f"store {folder} in {self._root}"):
            digest = folder_digest(folder)
            return digest if self._is_sound(digest) else self._copy(folder)

    def get(self, digest: Digest, into: Path, limits: Mapping[str, int]) -> None:
        """Copy the files out, counted and verified; see ``Storage.get``."""
        if not self.has(digest):
            cid = cid_of(digest)
            raise ContentNotFound(f"{self._root} does not have {cid}", content=cid)
        source = self._place(digest)
        with storage_errors(f"read {source}"):
            names = plain_files(source)
        receive_folder(digest, into, limits, {name: chunks(source / name) for name in names})

    def has(self, digest: Digest) -> bool:
        """Whether something lies under this digest; see ``Storage.has``."""
        with storage_errors(f"look into {self._root}"):
            return self._is_there(digest)

    def _place(self, digest: Digest) -> Path:
        return self._root / cid_of(digest)

    def _is_there(self, digest: Digest) -> bool:
        """Whether there is a folder; a link to one is none."""
        try:
            return stat.S_ISDIR(self._place(digest).lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _is_sound(self, digest: Digest) -> bool:
        try:
            return self._is_there(digest) and folder_digest(self._place(digest)) == digest
        except (FileNotFoundError, InvalidArtefact):
            return False

    def _copy(self, folder: Path) -> Digest:
        with staging(self._root) as stage:
            for name in plain_files(folder):
                write_file(stage / name, chunks(folder / name), sync=self._sync)
            sync_folder(stage, self._sync)
            # Of the copy: whatever happens to the original meanwhile, what is kept is what was hashed.
            digest = folder_digest(stage)
            self._move_in(stage, digest)
        sync_folder(self._root, self._sync)
        return digest

    def _move_in(self, stage: Path, digest: Digest) -> None:
        """Put a whole folder in its place, unless another process was faster."""
        for _ in range(_ATTEMPTS):
            try:
                stage.rename(self._place(digest))
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
            else:
                return
            if self._is_sound(digest):
                return
            self._clear(digest)
        raise StorageError(f"{self._place(digest)} is damaged again as soon as it is cleared")

    def _clear(self, digest: Digest) -> None:
        """Take damaged content away, first out of the readers' sight."""
        aside = self._root / f"{STAGE_PREFIX}{secrets.token_hex(8)}"
        try:
            self._place(digest).rename(aside)
        except FileNotFoundError:
            return
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside)
        else:
            aside.unlink()
