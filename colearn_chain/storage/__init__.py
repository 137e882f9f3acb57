"""Content-addressed folders: the protocol of a store, the store in a directory, and artefacts over either."""

from colearn_chain.artefacts import cid_of, digest_of
from colearn_chain.storage.artefact_store import ArtefactStore, FetchedProposal, FetchedSpec
from colearn_chain.storage.directory import DirectoryStorage
from colearn_chain.storage.protocol import Storage

__all__ = [
    "ArtefactStore",
    "DirectoryStorage",
    "FetchedProposal",
    "FetchedSpec",
    "Storage",
    "cid_of",
    "digest_of",
]
