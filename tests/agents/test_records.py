"""What a run leaves behind."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.group.group import GroupSettings
from colearn_agents.group.records import (
    SCORE_FIELDS,
    add_run,
    make_folder,
    run_document,
    write_json,
    write_scores,
)
from colearn_agents.group.runs import Run
from colearn_agents.group.scorebook import UNSCORED, RoundScores, Scores
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from pathlib import Path

FIRST = RoundScores(
    number=0,
    outcome=Status.NONE,
    proposer=None,
    ballots=(None, None),
    proposal=(UNSCORED, UNSCORED),
    held_round=(0, 0),
    held=(Scores(-2.5, 0.1), Scores(-2.25, 0.1 + 0.2)),
)
ACCEPTED = RoundScores(
    number=1,
    outcome=Status.ACCEPTED,
    proposer=0,
    ballots=(None, Ballot.APPROVE),
    proposal=(UNSCORED, Scores(-1.5, 0.5)),
    held_round=(1, 1),
    held=(Scores(-1.25, 0.75), Scores(-1.5, 0.5)),
)
SKIPPED = RoundScores(
    number=2,
    outcome=Status.SKIPPED,
    proposer=1,
    ballots=(Ballot.NONE, None),
    proposal=(UNSCORED, UNSCORED),
    held_round=(1, None),
    held=(Scores(-1.25, math.nan), UNSCORED),
)
RUN = Run(
    driver="local",
    settings=GroupSettings(learners=2, rounds=2, seed=7, arguments={"alpha": 0.5}),
    rounds=(FIRST, ACCEPTED, SKIPPED),
    stalled=None,
)


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows by its heading."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_scores_have_one_row_for_each_learner_and_round(tmp_path: Path) -> None:
    """Tidy: one observation a row, named columns, nothing left out."""
    write_scores(tmp_path / "scores.csv", RUN.rounds)
    rows = rows_of(tmp_path / "scores.csv")
    assert tuple(rows[0]) == SCORE_FIELDS
    assert [(row["round"], row["learner"]) for row in rows] == [
        (number, learner) for number in "012" for learner in "01"
    ]
    assert [row["outcome"] for row in rows] == ["", "", "accepted", "accepted", "skipped", "skipped"]


def test_ballots_say_who_proposed_and_who_kept_silent(tmp_path: Path) -> None:
    """A proposer without a ballot has proposed, unless it skipped; an unused ballot is none."""
    write_scores(tmp_path / "scores.csv", RUN.rounds)
    ballots = [row["ballot"] for row in rows_of(tmp_path / "scores.csv")]
    assert ballots == ["", "", "proposed", "approve", "none", ""]


@given(score=st.floats(allow_nan=False))
def test_scores_read_back_are_the_same_floats(tmp_path_factory: pytest.TempPathFactory, score: float) -> None:
    """Nothing is rounded on the way to the file."""
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    held = (Scores(score, score), UNSCORED)
    write_scores(path, [RoundScores(**{**vars(FIRST), "held": held})])
    first, second = rows_of(path)
    assert float(first["vote_score"]) == score
    assert float(first["test_score"]) == score
    assert (second["vote_score"], second["test_score"]) == ("", "")


def test_runs_of_two_drivers_share_their_columns(tmp_path: Path) -> None:
    """One file holds runs of both drivers, told apart by two columns."""
    chain = Run(**{**vars(RUN), "driver": "chain"})
    add_run(tmp_path / "runs.csv", RUN)
    add_run(tmp_path / "runs.csv", chain)
    rows = rows_of(tmp_path / "runs.csv")
    assert [row["driver"] for row in rows] == ["local"] * 6 + ["chain"] * 6
    assert {row["seed"] for row in rows} == {"7"}
    assert rows[:6] == [{**row, "driver": "local"} for row in rows[6:]]


def test_run_document_is_strict_json(tmp_path: Path) -> None:
    """NaN is no JSON: what has no number is null."""
    write_json(tmp_path / "run.json", run_document(RUN, "package.module:factory"))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads((tmp_path / "run.json").read_text(), parse_constant=refuse)
    assert document["rounds"][2]["learners"][0]["held"] == {"vote": -1.25, "test": None}
    assert (document["factory"], document["settings"]["seed"]) == ("package.module:factory", 7)


def test_a_reason_with_half_a_character_is_spelt_out(tmp_path: Path) -> None:
    """A stalled run quotes its learners, who may quote a file name that is no UTF-8."""
    stalled = Run(**{**vars(RUN), "stalled": "no file \udcff"})
    write_json(tmp_path / "run.json", run_document(stalled, "package.module:factory"))
    assert json.loads((tmp_path / "run.json").read_bytes())["stalled"] == "no file \udcff"


def test_a_run_that_cannot_be_added_names_the_file(tmp_path: Path) -> None:
    """A full disk, or a folder in the file's place, is the operator's to fix."""
    (tmp_path / "runs.csv").mkdir()
    with pytest.raises(ConfigError, match=r"runs\.csv cannot be written"):
        add_run(tmp_path / "runs.csv", RUN)


def test_run_statistics_count_rounds_after_the_first_weights() -> None:
    """Round 0 is no round: nothing was proposed in it."""
    assert (RUN.played, RUN.accepted, RUN.acceptance_rate) == (2, 1, 0.5)
    assert Run(**{**vars(RUN), "rounds": (FIRST,)}).acceptance_rate == 0.0


def test_mean_score_leaves_out_what_nobody_measured() -> None:
    """A learner without test data has no say in the mean; without any there is no mean."""
    assert ACCEPTED.mean_test_score == pytest.approx(0.625)
    assert SKIPPED.mean_test_score is None


def test_default_folder_is_numbered_and_never_reused(tmp_path: Path) -> None:
    """A second run without --out writes beside the first one, not over it."""
    default = tmp_path / "demo-run"
    for expected in ("demo-run", "demo-run-2", "demo-run-3"):
        folder = make_folder(None, default)
        assert folder == tmp_path / expected
        (folder / "kept").write_text("x")


def test_default_folder_that_is_a_file_is_passed_over(tmp_path: Path) -> None:
    """Somebody's file of that name stays."""
    (tmp_path / "demo-run").write_text("mine")
    assert make_folder(None, tmp_path / "demo-run") == tmp_path / "demo-run-2"


def test_empty_folder_that_was_asked_for_is_taken(tmp_path: Path) -> None:
    """What is empty can hold nothing that would be lost."""
    assert make_folder(tmp_path, tmp_path / "default") == tmp_path


def test_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing is overwritten, and the sentence names the folder."""
    (tmp_path / "kept").write_text("x")
    with pytest.raises(ConfigError, match="not empty") as caught:
        make_folder(tmp_path, tmp_path / "default")
    assert str(tmp_path) in str(caught.value)


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """A file is no folder, nor can one be made below it."""
    (tmp_path / "file").write_text("x")
    for asked in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot be made"):
            make_folder(asked, tmp_path / "default")


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The operator learns which file it was."""
    with pytest.raises(ConfigError, match=r"absent/history\.json cannot be written"):
        write_json(tmp_path / "absent" / "history.json", {})
