"""Stores for tests: one in memory, which can be made to lie, and one that fails as planned."""

from __future__ import annotations

import shutil
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

from colearn_chain.artefacts import cid_of
from colearn_chain.errors import ContentNotFound, InvalidArtefact, StorageError
from colearn_chain.storage.folders import chunks, folder_digest, plain_files, receive_folder, storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from colearn_chain.storage.protocol import Storage
    from colearn_chain.types import Digest


class MemoryStorage:
    """A ``Storage`` that keeps everything in memory."""

    def __init__(self) -> None:
        self._folders: dict[bytes, dict[str, bytes]] = {}

    def put(self, folder: Path) -> Digest:
        """Keep a copy; see ``Storage.put``."""
        with storage_errors(f"read {folder}"):
            files = {name: b"".join(chunks(folder / name)) for name in plain_files(folder)}
            digest = folder_digest(folder)
        self._folders[digest] = files
        return digest

    def get(self, digest: Digest, into: Path, limits: Mapping[str, int]) -> None:
        """Write the files out, counted and verified; see ``Storage.get``."""
        if not self.has(digest):
            raise ContentNotFound(f"nothing under {cid_of(digest)}", content=cid_of(digest))
        files = self._folders[digest]
        receive_folder(digest, into, limits, {name: [content] for name, content in files.items()})

    def has(self, digest: Digest) -> bool:
        """Whether something lies under this digest; see ``Storage.has``."""
        return digest in self._folders

    def plant(self, digest: Digest, files: Mapping[str, bytes]) -> None:
        """Make the store lie: under this digest, it has these files, whatever their own digest is."""
        self._folders[digest] = dict(files)

    def drop(self, digest: Digest) -> None:
        """Lose what lies under this digest."""
        self._folders.pop(digest, None)


class StorageFault(Enum):
    """What can go wrong at one call.

    ``NO_ANSWER``: ``StorageError``, and nothing was done. ``LOST_ANSWER``: it was done, and still
    ``StorageError``.
    ``ABSENT``: the content is not there (at a ``put``: no fault). ``MALFORMED``: a ``get`` ends in
    ``InvalidArtefact`` (elsewhere: no fault).
    """

    NO_ANSWER = "no answer"
    LOST_ANSWER = "lost answer"
    ABSENT = "absent"
    MALFORMED = "malformed"


Call: TypeAlias = Literal["put", "get", "has"]

FaultPlan: TypeAlias = "Callable[[Call, Digest | None], StorageFault | None]"
"""Says for each call what goes wrong; the digest is None at a ``put``, which does not know it yet."""


class FaultyStorage:
    """A ``Storage`` in front of another one that fails as planned."""

    def __init__(self, inner: Storage, plan: FaultPlan) -> None:
        """Put faults in front of a store.

        Args:
            inner: does the work.
            plan: asked once for every call, in their order.
        """
        self._inner = inner
        self._plan = plan

    def put(self, folder: Path) -> Digest:
        """Store, or fail as planned; see ``Storage.put``."""
        fault = self._begin("put", None)
        digest = self._inner.put(folder)
        self._end(fault)
        return digest

    def get(self, digest: Digest, into: Path, limits: Mapping[str, int]) -> None:
        """Fetch, or fail as planned; see ``Storage.get``."""
        fault = self._begin("get", digest)
        if fault is StorageFault.ABSENT:
            raise ContentNotFound("planned: absent", content=cid_of(digest))
        if fault is StorageFault.MALFORMED:
            raise InvalidArtefact("planned: malformed", subject="digest", value=digest)
        existed = into.exists()
        self._inner.get(digest, into, limits)
        if fault is StorageFault.LOST_ANSWER:
            shutil.rmtree(into)
            if existed:
                into.mkdir()
        self._end(fault)

    def has(self, digest: Digest) -> bool:
        """Look, or fail as planned; see ``Storage.has``."""
        fault = self._begin("has", digest)
        found = self._inner.has(digest)
        self._end(fault)
        return found and fault is not StorageFault.ABSENT

    def _begin(self, call: Call, digest: Digest | None) -> StorageFault | None:
        fault = self._plan(call, digest)
        if fault is StorageFault.NO_ANSWER:
            raise StorageError("planned: no answer")
        return fault

    @staticmethod
    def _end(fault: StorageFault | None) -> None:
        if fault is StorageFault.LOST_ANSWER:
            raise StorageError("planned: the answer was lost")
