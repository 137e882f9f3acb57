"""Artefacts over a store: the experiment's spec and proposals, published and fetched.

What comes out of ``fetch_*`` is verified as a whole: the files lead back to the digest, the documents are
canonical and say what the chain says, and the weights fit the schema.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_chain.artefacts import (
    MANIFEST_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    ExperimentSpec,
    Manifest,
    WeightsFile,
)
from colearn_chain.errors import InvalidArtefact
from colearn_chain.storage.folders import file_cid, folder_digest, staging, storage_errors
from colearn_chain.weights import NamedArrays, WeightSchema, read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from colearn_chain.artefacts import ProposalClaim
    from colearn_chain.ml_interface import TrainingSummary
    from colearn_chain.storage.protocol import Storage
    from colearn_chain.types import Digest

MOST_FIRST_WEIGHTS = 4 * 1024**3
"""The most bytes of an experiment's first weights: they are fetched before the schema is known."""


@dataclass(frozen=True)
class FetchedSpec:
    """An experiment's spec and its first weights, verified."""

    digest: Digest
    spec: ExperimentSpec
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class FetchedProposal:
    """A proposal's manifest and weights, verified against what the chain says and the experiment's schema."""

    digest: Digest
    manifest: Manifest
    arrays: dict[str, NDArray[Any]]


class ArtefactStore:
    """Publishes and fetches artefacts; keeps nothing itself."""

    def __init__(self, storage: Storage, scratch: Path) -> None:
        """Use a store.

        Args:
            storage: where artefacts go and come from.
            scratch: a folder for files in passing, made if need be; nobody else may write there.
        """
        self._storage = storage
        self._scratch = scratch

    def publish_spec(self, spec: ExperimentSpec, arrays: NamedArrays) -> Digest:
        """Store an experiment's spec with its first weights.

        Raises:
            InvalidWeights: the weights do not fit the spec's own schema.
            InvalidArtefact: the spec or the weights are larger than anybody would fetch.
            StorageError: the store or the disk refused.
        """
        with self._spec_folder(spec, arrays) as folder:
            return self._storage.put(folder)

    def digest_of_spec(self, spec: ExperimentSpec, arrays: NamedArrays) -> Digest:
        """Return what a spec with its first weights would be stored under, and store nothing.

        Raises:
            InvalidWeights: as ``publish_spec`` does; InvalidArtefact and StorageError likewise.
        """
        with self._spec_folder(spec, arrays) as folder:
            return folder_digest(folder)

    def fetch_spec(self, digest: Digest) -> FetchedSpec:
        """Fetch an experiment's spec and its first weights.

        Raises:
            ContentNotFound: the store does not have it.
            StorageError: the store or the disk refused; trying again can help.
            InvalidArtefact: it is not a folder of exactly these two files, or the spec is not valid.
            InvalidWeights: the weights do not fit the spec's schema.
        """
        limits = {SPEC_FILE: ExperimentSpec.MOST_BYTES, WEIGHTS_FILE: MOST_FIRST_WEIGHTS}
        with self._folder() as folder:
            self._storage.get(digest, folder, limits)
            spec = ExperimentSpec.from_bytes((folder / SPEC_FILE).read_bytes())
            return FetchedSpec(digest, spec, read_weights(folder / WEIGHTS_FILE, spec.weight_schema))

    def publish_proposal(
        self, claim: ProposalClaim, arrays: NamedArrays, summary: TrainingSummary | None
    ) -> Digest:
        """Store proposed weights with their manifest.

        Raises:
            InvalidWeights: a name, dtype or value that no weights file may have.
            InvalidArtefact: the claim or the summary holds what no manifest may say.
            StorageError: the store or the disk refused.
        """
        with self._folder() as folder:
            manifest = Manifest.of(claim, _write_weights(arrays, folder), summary)
            (folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
            return self._storage.put(folder)

    def fetch_proposal(self, digest: Digest, claim: ProposalClaim, schema: WeightSchema) -> FetchedProposal:
        """Fetch what a peer proposed.

        Raises:
            ContentNotFound: the store does not have it.
            StorageError: the store or the disk refused; trying again can help.
            InvalidArtefact: it is not a folder of exactly manifest and weights, or the manifest does not say
                what the chain says or is not about these weights.
            InvalidWeights: the weights do not fit the schema.
        """
        limits = {MANIFEST_FILE: Manifest.MOST_BYTES, WEIGHTS_FILE: schema.most_bytes()}
        with self._folder() as folder:
            self._storage.get(digest, folder, limits)
            manifest = Manifest.from_bytes((folder / MANIFEST_FILE).read_bytes())
            manifest.check_claim(claim)
            _check_weights_file(manifest.weights, folder / WEIGHTS_FILE)
            return FetchedProposal(digest, manifest, read_weights(folder / WEIGHTS_FILE, schema))

    def has(self, digest: Digest) -> bool:
        """Whether the store keeps something under this digest; only fetching verifies what it is.

        Raises:
            StorageError: the store did not answer.
        """
        return self._storage.has(digest)

    @contextmanager
    def _spec_folder(self, spec: ExperimentSpec, arrays: NamedArrays) -> Iterator[Path]:
        _check_first_size(WeightSchema.of(arrays).most_bytes())
        spec.weight_schema.check(arrays)
        data = spec.to_bytes()
        with self._folder() as folder:
            write_weights(arrays, folder / WEIGHTS_FILE)
            (folder / SPEC_FILE).write_bytes(data)
            yield folder

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        with storage_errors(f"work in {self._scratch}"), staging(self._scratch) as folder:
            yield folder


def _check_first_size(size: int) -> None:
    if size > MOST_FIRST_WEIGHTS:
        raise InvalidArtefact(
            f"first weights of {size} bytes; {MOST_FIRST_WEIGHTS} are allowed",
            subject=WEIGHTS_FILE,
            value=size,
        )


def _write_weights(arrays: NamedArrays, folder: Path) -> WeightsFile:
    path = folder / WEIGHTS_FILE
    write_weights(arrays, path)
    return WeightsFile(cid=file_cid(path), size=path.stat().st_size)


def _check_weights_file(said: WeightsFile, path: Path) -> None:
    for subject, found, wanted in (
        ("weights.size", path.stat().st_size, said.size),
        ("weights.cid", file_cid(path), said.cid),
    ):
        if found != wanted:
            raise InvalidArtefact(
                f"the manifest says {subject} {wanted}, it is {found}", subject=subject, value=wanted
            )
