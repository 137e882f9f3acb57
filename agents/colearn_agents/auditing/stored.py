"""What a directory store still holds of an experiment: its spec, its proposals, or their manifests alone."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colearn_chain.artefacts import MANIFEST_FILE, Manifest, ProposalClaim
from colearn_chain.artefacts.folder_root import FileRoot, folder_root
from colearn_chain.audit import Content, Contents, State
from colearn_chain.errors import ConfigError, InvalidArtefact, ProtocolViolation, StorageError
from colearn_chain.rounds import fold
from colearn_chain.storage import ArtefactStore, DirectoryStorage, cid_of
from colearn_chain.storage.folders import file_cid, folder_digest, plain_files
from colearn_chain.types import NO_DIGEST, unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from colearn_chain.artefacts import PrivacyBudget
    from colearn_chain.rounds import ClosedRound, History
    from colearn_chain.types import Digest, Progress
    from colearn_chain.weights import WeightSchema


def contents_of(history: History, experiment: str, folder: Path, progress: Progress = unwatched) -> Contents:
    """Look for an experiment's artefacts in a directory store.

    Args:
        history: says which digests there have to be; one that does not hold has no contents to look for.
        experiment: its CAIP-10 name.
        folder: the store's.
        progress: told how many rounds have been looked at.

    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no store at {folder}")
    with tempfile.TemporaryDirectory() as scratch:
        store = ArtefactStore(DirectoryStorage(folder), Path(scratch))
        try:
            spec = store.fetch_spec(history.spec_digest).spec
            rounds = fold(history)
        except (StorageError, ProtocolViolation) as error:
            return Contents(None, str(error))
        shelf = _Shelf(store, folder, spec.weight_schema)
        return Contents(spec, proposals=tuple(_proposals(shelf, rounds, experiment, progress)))


def _proposals(
    shelf: _Shelf, rounds: Sequence[ClosedRound], experiment: str, progress: Progress
) -> Iterator[Content]:
    for closed in rounds:
        if closed.round.digest != NO_DIGEST:
            claim = ProposalClaim(experiment, closed.number, closed.proposer, closed.parent_digest)
            yield shelf.look_for(closed, claim)
        progress(closed.number, len(rounds))


@dataclass(frozen=True)
class _Shelf:
    """A store, the folder that it lies in, and what weights have to look like."""

    store: ArtefactStore
    folder: Path
    schema: WeightSchema

    def look_for(self, closed: ClosedRound, claim: ProposalClaim) -> Content:
        """What became of a round's proposal."""
        try:
            fetched = self.store.fetch_proposal(closed.round.digest, claim, self.schema)
        except StorageError as error:
            return Content(closed, State.GONE, str(error))
        except ProtocolViolation as error:
            return self._judge(closed, claim, str(error))
        return Content(closed, State.VALID, budget=_budget_of(fetched.manifest))

    def _judge(self, closed: ClosedRound, claim: ProposalClaim, reason: str) -> Content:
        """Whether what lies there is malformed, which is its proposer's doing, let go of, or damaged."""
        digest = closed.round.digest
        kept = self.folder / cid_of(digest)
        if _is_sound(kept, digest):
            return Content(closed, State.INVALID, reason)
        manifest = _manifest_alone(kept, digest)
        if manifest is None:
            return Content(closed, State.GONE, f"what the store has instead is damaged: {reason}")
        try:
            manifest.check_claim(claim)
        except InvalidArtefact as error:
            return Content(closed, State.INVALID, str(error))
        return Content(closed, State.LET_GO, budget=_budget_of(manifest))


def _is_sound(kept: Path, digest: Digest) -> bool:
    try:
        return folder_digest(kept) == digest
    except (InvalidArtefact, OSError):
        return False


def _manifest_alone(kept: Path, digest: Digest) -> Manifest | None:
    """The manifest that lies there without its weights, if it is the one that the digest commits to."""
    try:
        if plain_files(kept) != [MANIFEST_FILE]:
            return None
        with (kept / MANIFEST_FILE).open("rb") as file:
            data = file.read(Manifest.MOST_BYTES + 1)
        manifest = Manifest.from_bytes(data)
        files = {
            MANIFEST_FILE: FileRoot(file_cid(kept / MANIFEST_FILE), len(data)),
            manifest.weights.file: FileRoot(manifest.weights.cid, manifest.weights.size),
        }
        return manifest if folder_root(files) == digest else None
    except (InvalidArtefact, OSError):
        return None


def _budget_of(manifest: Manifest) -> PrivacyBudget | None:
    return manifest.training.dp_budget if manifest.training else None
