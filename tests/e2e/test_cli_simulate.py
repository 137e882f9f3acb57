"""The command ``simulate``: many runs, one record of each, one table of all."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_agents.cli.simulate import summary
from colearn_agents.group.group import GroupSettings
from colearn_agents.group.runs import run_locally
from colearn_chain.rounds import Ballot, Status
from colearn_chain.testing.learners import IdleLearner, NanLearner, StepLearner

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_chain.artefacts import LearnerContext

DIGITS = "colearn_backends.digits:learner"


def stepping(context: LearnerContext) -> StepLearner:
    """Learners whose targets lie on one side of the start: whoever proposes helps all."""
    return StepLearner([1.0 + context.index / 10], step=0.5)


def idle(context: LearnerContext) -> IdleLearner:
    """Nobody proposes anything."""
    return IdleLearner([float(context.index)])


def quiet(_number: int) -> None:
    """Nobody watches."""


def simulated(folder: Path, *arguments: str) -> dict[str, Any]:
    """The document of seed 0 after a simulation with two rounds and two seeds."""
    few = ["--learners", "3", "--rounds", "2", "--seeds", "2"]
    result = CliRunner().invoke(app, ["simulate", DIGITS, *few, *arguments, "--out", str(folder)])
    assert result.exit_code == ExitCode.DONE, result.stderr
    document: dict[str, Any] = json.loads((folder / "run-0.json").read_text())
    return document


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two local runs."""
    folder = tmp_path_factory.mktemp("simulate") / "local"
    simulated(folder)
    return folder


def test_every_seed_has_a_file_and_all_have_one_table(local: Path) -> None:
    """run-0.json, run-1.json and runs.csv with a row for each seed, round and learner."""
    assert {each.name for each in local.iterdir()} == {"run-0.json", "run-1.json", "runs.csv"}
    with (local / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 3
    assert {row["seed"] for row in rows} == {"0", "1"}


def test_same_seed_gives_the_same_run(local: Path, tmp_path: Path) -> None:
    """Byte for byte, on the same machine."""
    simulated(tmp_path / "again")
    for name in ("run-0.json", "run-1.json", "runs.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (local / name).read_bytes()


def test_drivers_decide_alike(local: Path, tmp_path: Path) -> None:
    """With a chain or without, the same seed gives the same proposers, outcomes and scores."""
    without = json.loads((local / "run-0.json").read_text())
    with_chain = simulated(tmp_path / "chain", "--driver", "chain")
    assert with_chain["driver"] == "chain"
    assert with_chain.keys() == without.keys()
    for ours, theirs in zip(with_chain["rounds"], without["rounds"], strict=True):
        assert (ours["outcome"], ours["proposer"]) == (theirs["outcome"], theirs["proposer"])
        for one, other in zip(ours["learners"], theirs["learners"], strict=True):
            assert (one["ballot"], one["held_round"]) == (other["ballot"], other["held_round"])
            assert one["held"]["test"] == other["held"]["test"]
            assert one["held"]["vote"] == pytest.approx(other["held"]["vote"], rel=1e-6)


def test_arguments_are_json_or_else_text(tmp_path: Path) -> None:
    """A number is a number, and a later value of the same key holds."""
    document = simulated(tmp_path / "out", "--arg", "epochs=9", "--arg", "epochs=1", "--alpha", "100")
    assert document["settings"]["arguments"] == {"epochs": 1, "alpha": 100.0}


def test_group_of_one_mind_accepts_every_proposal() -> None:
    """Where every step helps everybody, every round moves all of them."""
    run = run_locally(stepping, GroupSettings(learners=3, rounds=3), quiet)
    assert [each.outcome for each in run.rounds[1:]] == [Status.ACCEPTED] * 3
    assert [each.proposer for each in run.rounds[1:]] == [0, 1, 2]
    assert run.rounds[1].ballots == (None, Ballot.APPROVE, Ballot.APPROVE)
    assert run.rounds[3].held_round == (3, 3, 3)
    assert run.stalled is None


def test_group_with_nothing_to_propose_stalls() -> None:
    """So many skipped rounds in a row end the run, and it says so."""
    run = run_locally(idle, GroupSettings(learners=2, rounds=50, stall_rounds=4), quiet)
    assert run.played == 4
    assert {each.outcome for each in run.rounds[1:]} == {Status.SKIPPED}
    assert run.stalled == (
        "4 rounds in a row without an accepted proposal: 4 turns passed, since their proposers had nothing "
        "to propose"
    )
    assert run.rounds[-1].held_round == (0, 0)


def test_group_that_refuses_everything_stalls_and_says_so() -> None:
    """Refused proposals are told apart from passed turns, as on a chain."""
    run = run_locally(
        lambda _: NanLearner([1.0]), GroupSettings(learners=2, rounds=50, stall_rounds=3), quiet
    )
    assert run.stalled is not None
    assert "3 proposals refused" in run.stalled


DYING = """
from colearn_chain.testing.learners import StepLearner

def learner(context):
    if context.seed == 2:
        raise {error}
    return StepLearner([1.0 + context.index])
"""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("RuntimeError", ExitCode.WRONG),
        ("SystemExit", ExitCode.WRONG),
        ("KeyboardInterrupt", ExitCode.INTERRUPTED),
    ],
)
def test_runs_before_a_failure_are_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, code: ExitCode
) -> None:
    """Seed 2 ends the command, never with 0; what seeds 0 and 1 came to is there."""
    name = f"dying_{error.lower()}"
    (tmp_path / f"{name}.py").write_text(DYING.format(error=error))
    monkeypatch.syspath_prepend(tmp_path)
    few = ["--learners", "2", "--rounds", "1", "--seeds", "3", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["simulate", f"{name}:learner", *few])
    assert result.exit_code == code
    assert result.stderr.count("\n") == 1
    with (tmp_path / "out" / "runs.csv").open(newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["0"] * 4 + ["1"] * 4


def test_last_round_is_no_stall() -> None:
    """A run that was played to its end did not give up."""
    run = run_locally(idle, GroupSettings(learners=2, rounds=4, stall_rounds=4), quiet)
    assert (run.played, run.stalled) == (4, None)


def test_spread_is_told_with_the_mean() -> None:
    """One number for all runs would hide how much luck there is in one."""
    runs = [run_locally(stepping, GroupSettings(learners=2, rounds=rounds), quiet) for rounds in (1, 3)]
    assert "standard deviation" in summary(runs)
    assert "(2 runs)" in summary(runs)
    assert "(one run)" in summary(runs[:1])


def test_runs_without_test_scores_have_no_mean() -> None:
    """NaN is not averaged into a number."""
    runs = [run_locally(lambda _: NanLearner([1.0]), GroupSettings(learners=2, rounds=1), quiet)]
    assert summary(runs).startswith("No learner has test data")
