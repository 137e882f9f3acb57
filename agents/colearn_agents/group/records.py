"""What a run leaves behind: JSON documents and tidy CSV, in a folder of its own that holds nothing older."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from colearn_agents.group.runs import Run
    from colearn_agents.group.scorebook import RoundScores, Scores

RUN_FORMAT = "colearn-chain/run"
RUN_VERSION = 1

SCORE_FIELDS = (
    "round",
    "learner",
    "outcome",
    "ballot",
    "proposal_vote_score",
    "proposal_test_score",
    "held_round",
    "vote_score",
    "test_score",
)
"""One row for each learner and round: what it thought of the proposal, and how the model does that it held.

``ballot`` is ``proposed`` for the proposer of a proposal that it had no ballot on. Scores are empty where
nobody measured one; they are written so that reading them gives the same float.
"""


def make_folder(asked: Path | None, default: Path) -> Path:
    """Make the folder that a run writes to.

    Args:
        asked: the folder that was asked for: it may exist, but has to be empty; None: the default.
        default: taken if it is not there or empty; else the first of ``default-2``, ``default-3``, ...

    Raises:
        ConfigError: it cannot be made, is no folder, or holds something already.
    """
    folder = asked or next(candidate for candidate in _numbered(default) if _is_free(candidate))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = _is_free(folder)
    except OSError as error:
        raise ConfigError(f"the folder {folder} cannot be made: {error.strerror}") from error
    if not is_empty:
        raise ConfigError(f"the folder {folder} is not empty, and nothing is overwritten: name another one")
    return folder


def _numbered(default: Path) -> Iterator[Path]:
    yield default
    number = 2
    while True:
        yield default.with_name(f"{default.name}-{number}")
        number += 1


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document for people and programs: indented, in the order given, null for what is no number.

    Raises:
        ConfigError: the file cannot be written.
    """
    text = json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)
    # a reason may quote a file name that is no UTF-8: its lone surrogates are spelt out, as JSON spells them
    write_bytes(path, (text + "\n").encode("utf-8", "backslashreplace"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def write_bytes(path: Path, data: bytes) -> None:
    """Write a document whose bytes count, such as a card.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def write_scores(path: Path, rounds: Iterable[RoundScores]) -> None:
    """Write one run's scores as CSV; see `SCORE_FIELDS`.

    Raises:
        ConfigError: the file cannot be written.
    """
    rows = (row for played in rounds for row in _score_rows(played))
    write_bytes(path, _csv_text((SCORE_FIELDS, *rows)).encode("utf-8"))


def add_run(path: Path, run: Run) -> None:
    """Add a run's scores to a CSV of many runs, with `SCORE_FIELDS` after ``driver`` and ``seed``.

    A file that is not there yet is begun with the names of its fields.

    Raises:
        ConfigError: the file cannot be written.
    """
    rows = ((run.driver, run.settings.seed, *row) for played in run.rounds for row in _score_rows(played))
    heading = () if path.exists() else (("driver", "seed", *SCORE_FIELDS),)
    _add_bytes(path, _csv_text((*heading, *rows)).encode("utf-8"))


def _add_bytes(path: Path, data: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _csv_text(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _score_rows(played: RoundScores) -> Iterator[tuple[Any, ...]]:
    outcome = "" if played.outcome is Status.NONE else played.outcome.name.lower()
    for learner, held in enumerate(played.held):
        proposal, held_round = played.proposal[learner], played.held_round[learner]
        yield (
            played.number,
            learner,
            outcome,
            _ballot(played, learner),
            *_cells(proposal),
            "" if held_round is None else held_round,
            *_cells(held),
        )


def _ballot(played: RoundScores, learner: int) -> str:
    ballot = played.ballots[learner]
    if ballot:
        return ballot.name.lower()
    if learner == played.proposer and played.outcome is not Status.SKIPPED:
        return "proposed"
    return "" if ballot is None else Ballot.NONE.name.lower()


def _cells(scores: Scores) -> tuple[str, str]:
    return _cell(scores.vote), _cell(scores.test)


def _cell(score: float | None) -> str:
    return "" if score is None else repr(float(score))


def run_document(run: Run, factory: str) -> dict[str, Any]:
    """A run as JSON has it; the same for both drivers, so that they can be compared.

    Args:
        run: what happened.
        factory: ``package.module:factory``.
    """
    return {
        "format": RUN_FORMAT,
        "version": RUN_VERSION,
        "factory": factory,
        "driver": run.driver,
        "settings": asdict(run.settings),
        "rounds_played": run.played,
        "accepted": run.accepted,
        "acceptance_rate": run.acceptance_rate,
        "final_test_score": run.final_test_score,
        "stalled": run.stalled,
        "rounds": [_round_document(played) for played in run.rounds],
    }


def _round_document(played: RoundScores) -> dict[str, Any]:
    return {
        "number": played.number,
        "outcome": None if played.outcome is Status.NONE else played.outcome.name.lower(),
        "proposer": played.proposer,
        "mean_test_score": played.mean_test_score,
        "learners": [_learner_document(played, learner) for learner in range(len(played.held))],
    }


def _learner_document(played: RoundScores, learner: int) -> dict[str, Any]:
    return {
        "ballot": _ballot(played, learner) or None,
        "proposal": asdict(played.proposal[learner]),
        "held_round": played.held_round[learner],
        "held": asdict(played.held[learner]),
    }
