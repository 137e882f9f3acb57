"""The accepted model as a file, and beside it a document that says how it came about."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colearn_agents.experiments.new_files import check_new, put_new, write_new
from colearn_agents.party.guarded import GuardedLearner
from colearn_chain.errors import ConfigError, LearnerError, shown
from colearn_chain.ml_interface import ModelFormat
from colearn_chain.storage import cid_of
from colearn_chain.storage.folders import staging, storage_errors
from colearn_chain.weights import write_weights

if TYPE_CHECKING:
    from colearn_chain.accepted import AcceptedModel
    from colearn_chain.ml_interface import ColearnModel, MachineLearningInterface
    from colearn_chain.types import Digest

FORMAT = "colearn-chain/accepted-model"
VERSION = 1


def beside(out: Path) -> Path:
    """Return where the document about a model goes.

    Args:
        out: where the model goes.
    """
    return out.with_name(f"{out.name}.json")


def check_free(out: Path) -> None:
    """Check that a model and its document could be written, before anything is fetched.

    Raises:
        ConfigError: something has one of the names already, or the folder is missing or not to be written to.
    """
    check_new(out)
    check_new(beside(out))


def take_home(
    model: AcceptedModel, out: Path, learner: MachineLearningInterface | None = None
) -> dict[str, Any]:
    """Write an accepted model and its document; both or none.

    Args:
        model: verified.
        out: where it goes.
        learner: takes the weights and gives the model in its own form; None: they are written as they are,
            in canonical safetensors.

    Returns:
        The document.

    Raises:
        ConfigError: a name is taken, the disk refuses, or the learner gives its model in no form that can be
            written.
        InvalidWeights: the weights are none of this learner's.
        LearnerError: the learner failed.
        StorageError: the disk refuses.
    """
    check_free(out)
    with staging(out.parent) as folder:
        file = folder / out.name
        if learner is None:
            write_weights(model.arrays, file)
        else:
            _write_export(learner, model, file)
        document = _document(model, file, exported=learner is not None)
        put_new(file, out)
    try:
        write_new(beside(out), (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    except BaseException:
        out.unlink()
        raise
    return document


def _write_export(learner: MachineLearningInterface, model: AcceptedModel, file: Path) -> None:
    guarded = GuardedLearner(learner)
    guarded.accept(model.arrays)
    given = guarded.model()
    with storage_errors(f"write {file}"):
        if given.model_format is ModelFormat.ONNX and isinstance(given.model, bytes):
            file.write_bytes(given.model)
        else:
            shutil.copyfile(_file_of(given), file)
        with file.open("rb") as written:
            os.fsync(written.fileno())


def _file_of(given: ColearnModel) -> Path:
    """The file that a learner has written of its model.

    Raises:
        ConfigError: there is none that is handed on.
        LearnerError: the one that it names is not there.
    """
    if given.model_format is ModelFormat.PICKLE_WEIGHTS_ONLY:
        raise ConfigError("the learner gives its model as a pickle, which runs code when it is read")
    if not given.model_file:
        raise ConfigError(
            f"the learner gives its model as an object in memory ({type(given.model).__name__}), not as a "
            "file: without --learner the weights are written, as safetensors"
        )
    file = Path(given.model_file)
    if not file.is_file():
        raise LearnerError(f"the learner says that its model is in {shown(file)}, where no file is")
    return file


def _document(model: AcceptedModel, file: Path, *, exported: bool) -> dict[str, Any]:
    with file.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    spec = model.spec
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": model.experiment,
        "name": spec.name,
        "round": model.round,
        **_content(model.digest),
        "proposer": model.proposer,
        "ballots": {learner: ballot.name.lower() for learner, ballot in model.ballots.items()},
        "parents": [{"round": each.round, **_content(each.digest)} for each in model.parents],
        "block": model.block_number,
        "history_hash": "0x" + model.history_hash.hex(),
        "score": spec.score.model_dump(),
        "classes": list(spec.classes),
        "preprocessing": spec.preprocessing,
        "file": {
            "name": file.name,
            "holds": "the learner's own export" if exported else "weights in safetensors",
            "size": file.stat().st_size,
            "sha256": sha256,
        },
    }


def _content(digest: Digest) -> dict[str, str]:
    return {"digest": "0x" + digest.hex(), "cid": cid_of(digest)}
