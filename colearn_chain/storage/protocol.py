"""What a store of content-addressed folders can do, wherever it keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from colearn_chain.types import Digest


class Storage(Protocol):
    """Folders of plain files by their digest; nothing but these errors comes out of an implementation."""

    def put(self, folder: Path) -> Digest:
        """Store a copy of a folder's files and keep it; doing it twice is doing it once.

        Args:
            folder: holds regular files with plain names (``folders.check_name``) and nothing else.

        Returns:
            The digest of the folder's root.

        Raises:
            InvalidArtefact: the folder holds anything else, or nothing.
            StorageError: the store did not answer, or has no space; nothing half-done is left.
        """

    def get(self, digest: Digest, into: Path, limits: Mapping[str, int]) -> None:
        """Fetch a folder that must consist of exactly the files that are expected.

        Args:
            digest: the folder's.
            into: where the files go: a folder that is empty or does not exist yet.
            limits: the expected files, each with the most bytes that it may have.

        Raises:
            ContentNotFound: the store does not have it.
            StorageError: the store did not answer; trying again can help.
            InvalidArtefact: what lies under this digest is anything else than these files, or does not lead
                back to the digest; trying again does not help.

        However it raises, it leaves ``into`` as it was.
        """

    def has(self, digest: Digest) -> bool:
        """Whether the store has something under this digest; only ``get`` verifies what it is.

        Raises:
            StorageError: the store did not answer.
        """
