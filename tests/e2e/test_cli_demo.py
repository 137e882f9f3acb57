"""The command ``demo`` from end to end, as a newcomer runs it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_chain.storage import digest_of

COMMAND = str(Path(sys.executable).with_name("colearn-chain"))
OPTIONS = ("--learners", "3", "--rounds", "3", "--seed", "1")
PNG = b"\x89PNG\r\n\x1a\n"


def run_demo(folder: Path) -> str:
    """Run the real command in a folder; what it printed."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, "demo", *OPTIONS], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (ran.stderr, ran.returncode) == ("", ExitCode.DONE)
    return ran.stdout


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the demo ran two times, and what the first run printed."""
    folder = tmp_path_factory.mktemp("demo")
    printed = run_demo(folder)
    run_demo(folder)
    return folder, printed


@pytest.fixture(scope="module")
def left(twice: tuple[Path, str]) -> Path:
    """What the first run left."""
    return twice[0] / "demo-run"


def document(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_second_run_lies_beside_the_first(twice: tuple[Path, str]) -> None:
    """Nothing is overwritten."""
    assert {each.name for each in twice[0].iterdir()} == {"demo-run", "demo-run-2"}


@pytest.mark.parametrize("name", ["history.json", "scores.csv"])
def test_same_seed_gives_the_same_bytes(twice: tuple[Path, str], name: str) -> None:
    """History, digests, history hash and scores do not depend on when the demo runs."""
    first, second = (twice[0] / folder / name for folder in ("demo-run", "demo-run-2"))
    assert first.read_bytes() == second.read_bytes()


def test_files_that_are_named_are_there(twice: tuple[Path, str], left: Path) -> None:
    """The last line names the folder and what is in it."""
    last = twice[1].strip().splitlines()[-1]
    assert "demo-run" in last
    for name in last.rpartition(": ")[2].rstrip(".").split(", "):
        assert (left / name).exists()
    assert (left / "scores.png").read_bytes().startswith(PNG)
    assert (left / "votes.png").read_bytes().startswith(PNG)


def test_proposals_on_chain_are_in_the_store(left: Path) -> None:
    """Each digest of the history is a folder in the store, whose name is its CID."""
    rounds = document(left / "history.json")["rounds"]
    assert [each["number"] for each in rounds] == [1, 2, 3]
    for proposal in (each["proposal"] for each in rounds):
        assert "0x" + digest_of(proposal["cid"]).hex() == proposal["digest"]
        assert (left / "store" / proposal["cid"] / "weights.safetensors").is_file()


def test_every_learner_voted_by_itself(left: Path) -> None:
    """Two ballots a round, from three learners with an address each."""
    history = document(left / "history.json")
    members = [made["learner"] for made in history["memberships"]]
    assert len(set(members)) == 3
    for number, each in enumerate(history["rounds"]):
        assert each["proposer"] == members[number]
        assert set(each["ballots"]) == set(members) - {each["proposer"]}
        assert each["closing"] == "complete"


def test_scores_cover_every_learner_in_every_round(left: Path) -> None:
    """Round 0 is the first weights."""
    with (left / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["round"], row["learner"]) for row in rows] == [
        (number, learner) for number in "0123" for learner in "012"
    ]
    assert all(0 <= float(row["test_score"]) <= 1 for row in rows)


def test_printed_rounds_are_those_on_chain(twice: tuple[Path, str], left: Path) -> None:
    """One line for each round as it happens, with the outcome that the contract has."""
    lines = [line for line in twice[1].splitlines() if line.startswith("round ")]
    outcomes = [each["outcome"] for each in document(left / "history.json")["rounds"]]
    assert [outcome for line, outcome in zip(lines, outcomes, strict=True) if outcome not in line] == []


def test_results_hold_every_comparison_that_was_promised(twice: tuple[Path, str], left: Path) -> None:
    """Alone twice over, all data in one place, and the verdict in plain words."""
    results = document(left / "results.json")
    printed = " ".join(twice[1].split())
    assert results["verdict"] in printed
    for model in results["models"]:
        assert f"{model['mean']:.3f}" in printed
    assert results["models"][1]["steps"] == [3, 3, 3]


def test_costs_are_what_the_chain_took(left: Path) -> None:
    """Deployment, invitation, three joins and the start; then a proposal and two ballots a round."""
    costs = document(left / "results.json")["costs"]
    assert costs["transactions"] == 6 + 3 * 3
    assert costs["gas"] > costs["setup_gas"] > 0
    published = sum(each.stat().st_size for each in (left / "store").rglob("*") if each.is_file())
    assert costs["bytes_published"] == published


def test_history_is_printed_as_checked(twice: tuple[Path, str], left: Path) -> None:
    """What the table rests on is said, with the hash that the file has too."""
    assert document(left / "history.json")["history_hash"] in twice[1]


def test_output_in_a_pipe_has_no_escape_codes(twice: tuple[Path, str]) -> None:
    """Logs stay readable."""
    assert "\x1b" not in twice[1]


def test_unequal_data_stall_and_the_demo_says_why(tmp_path: Path) -> None:
    """Ten rounds without an accepted proposal end the run, and the cure is named."""
    options = ["--learners", "3", "--alpha", "0.05", "--rounds", "15", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["demo", *options])
    assert result.exit_code == ExitCode.DONE, result.stderr
    printed = " ".join(result.stdout.split())
    assert "Stalled:" in printed
    assert "fan-in rounds" in printed
    assert len(document(tmp_path / "history.json")["rounds"]) < 15
