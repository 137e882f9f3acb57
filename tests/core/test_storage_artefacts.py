"""Artefacts over a store: what is published is fetched, and what Mallory publishes is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_chain.artefacts import (
    MANIFEST_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    ExperimentSpec,
    Manifest,
    ProposalClaim,
    Score,
    WeightsFile,
    experiment_id,
)
from colearn_chain.errors import ContentNotFound, InvalidArtefact, InvalidWeights, StorageError
from colearn_chain.ml_interface import DiffPrivBudget, TrainingSummary
from colearn_chain.rounds import Rules
from colearn_chain.storage import ArtefactStore, DirectoryStorage
from colearn_chain.storage.folders import file_cid
from colearn_chain.testing.storage import FaultyStorage, MemoryStorage, StorageFault
from colearn_chain.types import Address, Digest, RoundNumber
from colearn_chain.weights import NamedArrays, TensorSchema, WeightSchema, write_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

ALICE = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
MALLORY = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")

ARRAYS: dict[str, NDArray[Any]] = {
    "bias": np.array([0.5, -0.0], np.float32),
    "weight": np.arange(6, dtype=np.float32).reshape(3, 2),
}
SCHEMA = WeightSchema.of(ARRAYS)
CLAIM = ProposalClaim(experiment_id(31337, ALICE), RoundNumber(2), MALLORY, Digest(bytes(range(32))))
BUDGET = DiffPrivBudget(target_epsilon=3, target_delta=1e-5, consumed_epsilon=0.1, consumed_delta=0)
SPEC = ExperimentSpec(
    name="digits",
    rules=Rules(
        threshold_bps=5001,
        proposal_window=60,
        voting_window=60,
        contribution_window=0,
        min_learners=2,
        max_rounds=20,
        idle_rounds=3,
        start_deadline=0,
        count_proposer=False,
        close_early=False,
    ),
    weight_schema=SCHEMA,
    score=Score(name="log loss", direction="minimize"),
)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where files in passing lie."""
    return tmp_path / "scratch"


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    """Where artefacts lie."""
    return DirectoryStorage(tmp_path / "store")


@pytest.fixture
def store(storage: DirectoryStorage, scratch: Path) -> ArtefactStore:
    """Artefacts in an empty store."""
    return ArtefactStore(storage, scratch)


@pytest.fixture
def mallory(storage: DirectoryStorage, tmp_path: Path) -> Mallory:
    """A peer that puts into the store what it likes."""
    return Mallory(storage, tmp_path / "mallory")


class Mallory:
    """Publishes folders that look like artefacts."""

    def __init__(self, storage: DirectoryStorage, folder: Path) -> None:
        """Use this store, and this folder for files."""
        self.storage = storage
        self.folder = folder

    def put(self, files: Mapping[str, bytes]) -> Digest:
        """Publish any files at all."""
        self.folder.mkdir()
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        return self.storage.put(self.folder)

    def weights(self, arrays: NamedArrays = ARRAYS) -> bytes:
        """The bytes of a weights file."""
        path = self.folder.with_name("weights")
        write_weights(arrays, path)
        return path.read_bytes()

    def propose(self, weights: bytes, claim: ProposalClaim = CLAIM, **said: Any) -> Digest:
        """Publish weights with a manifest that fits them, but for what is said of the file."""
        path = self.folder.with_name("weights")
        path.write_bytes(weights)
        file = WeightsFile(cid=file_cid(path), size=len(weights)).model_copy(update=said)
        return self.put({MANIFEST_FILE: Manifest.of(claim, file, None).to_bytes(), WEIGHTS_FILE: weights})


def same(left: NamedArrays, right: NamedArrays) -> bool:
    """Whether names, shapes and bits are the same."""
    return left.keys() == right.keys() and all(
        left[name].shape == right[name].shape and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


# Honest artefacts


def test_proposal_roundtrip(store: ArtefactStore, scratch: Path) -> None:
    """A published proposal is fetched with its digest, manifest and weights, and scratch is empty again."""
    digest = store.publish_proposal(CLAIM, ARRAYS, TrainingSummary(dp_budget=BUDGET))
    found = store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert found.digest == digest
    assert same(found.arrays, ARRAYS)
    summary = found.manifest.training_summary()
    assert summary is not None
    assert summary.dp_budget == BUDGET
    assert list(scratch.iterdir()) == []


def test_a_specs_digest_is_known_before_it_is_stored(tmp_path: Path) -> None:
    """What would be refused is refused then, and nothing is stored."""
    storage = MemoryStorage()
    store = ArtefactStore(storage, tmp_path)
    digest = store.digest_of_spec(SPEC, ARRAYS)
    assert not storage.has(digest)
    assert store.publish_spec(SPEC, ARRAYS) == digest
    with pytest.raises(InvalidWeights, match="missing"):
        store.digest_of_spec(SPEC, {"bias": ARRAYS["bias"]})
    assert not any(tmp_path.iterdir())


def test_spec_roundtrip(store: ArtefactStore, scratch: Path) -> None:
    """A published spec is fetched with its first weights, and scratch is empty again."""
    digest = store.publish_spec(SPEC, ARRAYS)
    found = store.fetch_spec(digest)
    assert (found.digest, found.spec) == (digest, SPEC)
    assert same(found.arrays, ARRAYS)
    assert list(scratch.iterdir()) == []


def test_same_proposal_same_digest(store: ArtefactStore, tmp_path: Path) -> None:
    """The digest follows from claim, weights and summary alone, wherever and however often it is made."""
    other = ArtefactStore(MemoryStorage(), tmp_path / "elsewhere")
    shuffled = dict(reversed(ARRAYS.items()))
    digests = {
        store.publish_proposal(CLAIM, ARRAYS, None),
        store.publish_proposal(CLAIM, shuffled, None),
        other.publish_proposal(CLAIM, ARRAYS, None),
    }
    assert len(digests) == 1
    assert (
        store.publish_proposal(dataclasses.replace(CLAIM, round=RoundNumber(3)), ARRAYS, None) not in digests
    )


def test_the_honest_mallory(store: ArtefactStore, mallory: Mallory) -> None:
    """The attacks below differ from a proposal that is accepted."""
    digest = mallory.propose(mallory.weights())
    assert same(store.fetch_proposal(digest, CLAIM, SCHEMA).arrays, ARRAYS)


# Refused before it is published


def test_publishing_what_peers_would_refuse(store: ArtefactStore, storage: DirectoryStorage) -> None:
    """What every peer would refuse is not published at all."""
    bad = {**ARRAYS, "bias": np.array([np.nan, 0], np.float32)}
    with pytest.raises(InvalidWeights):
        store.publish_proposal(CLAIM, bad, None)
    with pytest.raises(InvalidWeights):
        store.publish_spec(SPEC, bad)
    with pytest.raises(InvalidWeights):
        store.publish_spec(SPEC, {"bias": ARRAYS["bias"]})
    with pytest.raises(InvalidArtefact):
        store.publish_proposal(dataclasses.replace(CLAIM, round=RoundNumber(0)), ARRAYS, None)


def test_first_weights_that_nobody_would_fetch(store: ArtefactStore) -> None:
    """First weights are fetched before the schema is known, so their size is bounded for all experiments."""
    huge = {"w": np.broadcast_to(np.uint8(0), (2**32,))}
    spec = SPEC.model_copy(update={"weight_schema": WeightSchema.of(huge)})
    with pytest.raises(InvalidArtefact, match="first weights of"):
        store.publish_spec(spec, huge)


# Attacks


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": experiment_id(1, ALICE)},
        {"experiment": experiment_id(31337, MALLORY)},
        {"round": RoundNumber(1)},
        {"proposer": ALICE},
        {"parent": Digest(bytes(32))},
    ],
    ids=["chain", "contract", "round", "proposer", "parent"],
)
def test_proposal_replayed_from_elsewhere(
    store: ArtefactStore, mallory: Mallory, change: dict[str, Any]
) -> None:
    """Another experiment's, round's or learner's proposal, or one on another parent, is not this proposal."""
    digest = mallory.propose(mallory.weights(), dataclasses.replace(CLAIM, **change))
    with pytest.raises(InvalidArtefact) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert caught.value.subject == next(iter(change))


BAD_WEIGHTS: dict[str, Callable[[Mallory], bytes]] = {
    "extra-tensor": lambda mallory: mallory.weights({**ARRAYS, "a": np.zeros(0, np.float32)}),
    "missing-tensor": lambda mallory: mallory.weights({"weight": ARRAYS["weight"]}),
    "shape": lambda mallory: mallory.weights({**ARRAYS, "weight": ARRAYS["weight"].reshape(2, 3)}),
    "dtype": lambda mallory: mallory.weights({**ARRAYS, "bias": ARRAYS["bias"].astype(np.float16)}),
    "nan": lambda mallory: mallory.weights()[:-4] + np.array([np.nan], "<f4").tobytes(),
    "infinity": lambda mallory: mallory.weights()[:-4] + np.array([np.inf], "<f4").tobytes(),
    "ten-gigabyte-header": lambda mallory: (10 * 2**30).to_bytes(8, "little") + mallory.weights()[8:],
    "endless-header": lambda mallory: bytes([255] * 8) + mallory.weights()[8:],
    "truncated": lambda mallory: mallory.weights()[:-1],
    "empty": lambda _: b"",
    "pickle": lambda _: b"\x80\x04\x95\x00.",
}


@pytest.mark.parametrize("make", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS.keys())
def test_malformed_weights(
    store: ArtefactStore, mallory: Mallory, scratch: Path, make: Callable[[Mallory], bytes]
) -> None:
    """Weights that are not what the schema says are refused, though digest and manifest are right."""
    digest = mallory.propose(make(mallory))
    # With room for more, so that it is not the size alone that refuses them.
    bias = TensorSchema(dtype="F32", shape=(None,), open_cap=1000)
    with pytest.raises(InvalidWeights):
        store.fetch_proposal(digest, CLAIM, WeightSchema(tensors={**SCHEMA.tensors, "bias": bias}))
    assert list(scratch.iterdir()) == []


def test_weights_larger_than_the_schema_allows(store: ArtefactStore, mallory: Mallory) -> None:
    """Bytes are counted while they arrive, against what the schema allows."""
    digest = mallory.propose(mallory.weights() + bytes(10_000_000))
    with pytest.raises(InvalidArtefact) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert (caught.value.subject, caught.value.value) == (WEIGHTS_FILE, SCHEMA.most_bytes())


def test_trailing_bytes(store: ArtefactStore, mallory: Mallory) -> None:
    """A byte after the weights is one too many."""
    digest = mallory.propose(mallory.weights() + b"\0")
    with pytest.raises(InvalidArtefact, match="more than"):
        store.fetch_proposal(digest, CLAIM, SCHEMA)


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 1), ("cid", "bafkreihwngxzdrltvwga6dxknntbuxsduybithv72fziunoogyxxjmnmzi")],
)
def test_manifest_of_other_weights(store: ArtefactStore, mallory: Mallory, field: str, value: Any) -> None:
    """The manifest names the very file that lies beside it."""
    digest = mallory.propose(mallory.weights(), **{field: value})
    with pytest.raises(InvalidArtefact) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert caught.value.subject == f"weights.{field}"


def test_manifest_that_is_not_canonical(store: ArtefactStore, mallory: Mallory) -> None:
    """The same manifest in another spelling would be another digest for the same proposal: refused."""
    path = mallory.folder.with_name("weights")
    weights = mallory.weights()
    file = WeightsFile(cid=file_cid(path), size=len(weights))
    spaced = json.dumps(json.loads(Manifest.of(CLAIM, file, None).to_bytes()), sort_keys=True).encode()
    digest = mallory.put({MANIFEST_FILE: spaced, WEIGHTS_FILE: weights})
    with pytest.raises(InvalidArtefact, match="canonical"):
        store.fetch_proposal(digest, CLAIM, SCHEMA)


def test_manifest_of_a_hundred_kilobytes(store: ArtefactStore, mallory: Mallory) -> None:
    """A long manifest is refused while it arrives."""
    digest = mallory.put({MANIFEST_FILE: b" " * 100_000, WEIGHTS_FILE: mallory.weights()})
    with pytest.raises(InvalidArtefact) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert (caught.value.subject, caught.value.value) == (MANIFEST_FILE, Manifest.MOST_BYTES)


@pytest.mark.parametrize("more", ["README.md", "weights.safetensors.enc", "manifest.json.bak"])
def test_one_file_more(store: ArtefactStore, mallory: Mallory, more: str) -> None:
    """A proposal is two files."""
    honest = store.publish_proposal(CLAIM, ARRAYS, None)
    fetched = store.fetch_proposal(honest, CLAIM, SCHEMA).manifest.to_bytes()
    digest = mallory.put({MANIFEST_FILE: fetched, WEIGHTS_FILE: mallory.weights(), more: b""})
    with pytest.raises(InvalidArtefact) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert caught.value.subject == more


@pytest.mark.parametrize("missing", [MANIFEST_FILE, WEIGHTS_FILE])
def test_one_file_less(store: ArtefactStore, mallory: Mallory, missing: str) -> None:
    """Neither file is a proposal alone."""
    files = {MANIFEST_FILE: b"{}", WEIGHTS_FILE: mallory.weights()}
    del files[missing]
    digest = mallory.put(files)
    with pytest.raises(InvalidArtefact) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert caught.value.subject == missing


def test_proposals_that_are_specs_and_the_other_way(store: ArtefactStore) -> None:
    """Neither kind passes for the other."""
    with pytest.raises(InvalidArtefact):
        store.fetch_proposal(store.publish_spec(SPEC, ARRAYS), CLAIM, SCHEMA)
    with pytest.raises(InvalidArtefact):
        store.fetch_spec(store.publish_proposal(CLAIM, ARRAYS, None))


def test_spec_whose_weights_do_not_fit(store: ArtefactStore, mallory: Mallory) -> None:
    """The first weights fit the spec's own schema."""
    digest = mallory.put({SPEC_FILE: SPEC.to_bytes(), WEIGHTS_FILE: mallory.weights({"x": np.zeros(1)})})
    with pytest.raises(InvalidWeights):
        store.fetch_spec(digest)


def test_spec_that_is_not_canonical(store: ArtefactStore, mallory: Mallory) -> None:
    """A spec has one form."""
    digest = mallory.put({SPEC_FILE: SPEC.to_bytes() + b"\n", WEIGHTS_FILE: mallory.weights()})
    with pytest.raises(InvalidArtefact, match="canonical"):
        store.fetch_spec(digest)


def test_lying_store(scratch: Path) -> None:
    """Whatever a store says is there, only what leads back to the digest is believed."""
    storage = MemoryStorage()
    store = ArtefactStore(storage, scratch)
    one = store.publish_proposal(CLAIM, ARRAYS, None)
    other = {**ARRAYS, "bias": np.zeros(2, np.float32)}
    two = store.publish_proposal(CLAIM, other, None)
    folder = scratch / "two"
    storage.get(two, folder, {MANIFEST_FILE: Manifest.MOST_BYTES, WEIGHTS_FILE: SCHEMA.most_bytes()})
    storage.plant(one, {path.name: path.read_bytes() for path in folder.iterdir()})
    with pytest.raises(InvalidArtefact, match="these files make"):
        store.fetch_proposal(one, CLAIM, SCHEMA)


# Transport


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (StorageFault.NO_ANSWER, StorageError),
        (StorageFault.LOST_ANSWER, StorageError),
        (StorageFault.ABSENT, ContentNotFound),
        (StorageFault.MALFORMED, InvalidArtefact),
    ],
)
def test_faults_come_through_as_they_are(
    storage: DirectoryStorage, scratch: Path, fault: StorageFault, error: type[Exception]
) -> None:
    """Who asks can tell try again, not there, and give up apart; scratch is empty after each."""
    digest = ArtefactStore(storage, scratch).publish_proposal(CLAIM, ARRAYS, None)
    store = ArtefactStore(FaultyStorage(storage, lambda *_: fault), scratch)
    with pytest.raises(error) as caught:
        store.fetch_proposal(digest, CLAIM, SCHEMA)
    assert caught.type is error
    assert list(scratch.iterdir()) == []


def test_scratch_that_cannot_be_one(storage: DirectoryStorage, tmp_path: Path) -> None:
    """A scratch folder that the file system refuses is a StorageError."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        ArtefactStore(storage, tmp_path / "file").publish_proposal(CLAIM, ARRAYS, None)
