"""Whether a party should join: its learner, its privacy terms and its store, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_agents.configuration.config_tables import LearnerTable
from colearn_agents.experiments.joining import Applicant, check_privacy, check_storage, examine_learner
from colearn_chain.artefacts import ExperimentSpec, PrivacyTerms, Score
from colearn_chain.errors import ConfigError, InvalidArtefact, LearnerError, StorageError
from colearn_chain.ml_interface import DiffPrivConfig
from colearn_chain.rounds import Rules
from colearn_chain.storage import DirectoryStorage
from colearn_chain.storage.artefact_store import FetchedSpec
from colearn_chain.testing.learners import FailingLearner, NanLearner, Phase, StepLearner
from colearn_chain.testing.storage import FaultyStorage, MemoryStorage, StorageFault
from colearn_chain.types import Address, Digest
from colearn_chain.weights import WeightSchema

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.storage import Storage

ARRAYS = {"vector": np.array([0.0, 0.0])}
TERMS = {"target_epsilon": 8.0, "target_delta": 1e-5, "max_grad_norm": 1.0, "noise_multiplier": 1.1}


def spec(**changes: Any) -> FetchedSpec:
    """What the parties agreed on, with changes."""
    agreed: dict[str, Any] = {
        "name": "steps",
        "rules": Rules(
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
        "weight_schema": WeightSchema.of(ARRAYS),
        "score": Score(name="nearness", direction="maximize"),
    }
    return FetchedSpec(Digest(bytes([7]) * 32), ExperimentSpec(**agreed | changes), ARRAYS)


def test_a_learner_that_fits() -> None:
    """Its weights look like the experiment's, and its first vote has a score."""
    shape, vote = examine_learner(StepLearner([1.0, 2.0]), spec())
    assert shape.found == "1 tensor, with the names, shapes and types of the experiment's"
    assert vote.found == "-5 on the first weights (nearness, maximized)"


@pytest.mark.parametrize(
    ("learner", "error", "says"),
    [
        (
            StepLearner([1.0]),
            ConfigError,
            r"look like the experiment's: 'vector' has shape \(1,\), not \(2\)",
        ),
        (NanLearner([1.0, 2.0]), ConfigError, "has no finite score: is there data to vote by?"),
        (FailingLearner([1.0, 2.0], Phase.CURRENT), LearnerError, "mli_get_current_weights failed"),
        (FailingLearner([1.0, 2.0], Phase.TEST), LearnerError, "mli_test_weights failed"),
    ],
)
def test_a_learner_that_does_not_fit(
    learner: MachineLearningInterface, error: type[Exception], says: str
) -> None:
    """It is refused for a reason that its owner can do something about."""
    with pytest.raises(error, match=says):
        examine_learner(learner, spec())


class Confessing(StepLearner):
    """Says how it trains, or fails to."""

    def __init__(self, says: object) -> None:
        super().__init__([1.0, 2.0])
        self._says = says

    @property
    def diff_priv_config(self) -> object:
        """Whatever it was told to say."""
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


def test_terms_that_are_kept() -> None:
    """Equal in every value; without terms nothing is asked."""
    terms = PrivacyTerms(**TERMS)
    kept = check_privacy(Confessing(DiffPrivConfig(**TERMS)), terms)
    assert kept.found == "your learner says that it trains on the experiment's terms"
    assert len(examine_learner(Confessing(RuntimeError("not asked")), spec())) == 2


def test_terms_that_nobody_can_check() -> None:
    """The learner does not say, and that is told."""
    *_, privacy = examine_learner(StepLearner([1.0, 2.0]), spec(privacy=PrivacyTerms(**TERMS)))
    assert privacy.found.startswith("NOT CHECKED: your learner does not say how it trains")


@pytest.mark.parametrize("name", list(TERMS))
def test_terms_that_differ_in_one_value(name: str) -> None:
    """Each counts, in either direction."""
    for factor in (0.5, 2):
        said = DiffPrivConfig(**TERMS | {name: TERMS[name] * factor})
        with pytest.raises(ConfigError, match=f"with {name} .*, and your learner trains with"):
            check_privacy(Confessing(said), PrivacyTerms(**TERMS))


@pytest.mark.parametrize(
    ("says", "error", "words"),
    [
        (None, ConfigError, "your learner trains without"),
        ({"target_epsilon": 8}, LearnerError, "diff_priv_config is a dict, not DiffPrivConfig"),
        (RuntimeError("told to fail"), LearnerError, "diff_priv_config failed: RuntimeError: told to fail"),
    ],
)
def test_answers_that_are_none(says: object, error: type[Exception], words: str) -> None:
    """Training without privacy is refused; a stranger's code may answer anything."""
    with pytest.raises(error, match=words):
        check_privacy(Confessing(says), PrivacyTerms(**TERMS))


def applicant(storage: Storage, scratch: Path) -> Applicant:
    """Somebody with a store."""
    return Applicant(
        address=Address("0x" + 40 * "1"),
        key=bytes(32),
        learner=LearnerTable(factory="a:b"),
        storage=storage,
        scratch=scratch,
        now=1_800_000_000,
    )


def test_a_store_that_works(tmp_path: Path) -> None:
    """Something is written and read back; no file in passing stays."""
    found = check_storage(applicant(DirectoryStorage(tmp_path / "store"), tmp_path / "scratch"))
    assert found.found == "89 bytes written and read back"
    assert not any((tmp_path / "scratch").iterdir())
    (probe,) = (tmp_path / "store").iterdir()
    assert b"tried this store at 1800000000" in (probe / "probe.txt").read_bytes()


@pytest.mark.parametrize("fault", [StorageFault.NO_ANSWER, StorageFault.LOST_ANSWER, StorageFault.ABSENT])
@pytest.mark.parametrize("where", ["put", "get"])
def test_a_store_that_fails(tmp_path: Path, where: str, fault: StorageFault) -> None:
    """Whether it does not take or does not give back; only an absence that nobody asked about is none."""
    storage = FaultyStorage(MemoryStorage(), lambda call, _: fault if call == where else None)
    if (where, fault) == ("put", StorageFault.ABSENT):
        check_storage(applicant(storage, tmp_path))
        return
    with pytest.raises(StorageError, match="planned"):
        check_storage(applicant(storage, tmp_path))


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the store's folder should be."""
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StorageError):
        check_storage(applicant(DirectoryStorage(tmp_path / "store"), tmp_path / "scratch"))


def test_a_store_that_gives_back_something_else(tmp_path: Path) -> None:
    """Whatever it says it is, its digest tells."""

    class Lying(MemoryStorage):
        """Has other bytes under every digest."""

        def put(self, folder: Path) -> Digest:
            """Keep something else."""
            digest = super().put(folder)
            self.plant(digest, {"probe.txt": b"something else"})
            return digest

    with pytest.raises(InvalidArtefact):
        check_storage(applicant(Lying(), tmp_path))
