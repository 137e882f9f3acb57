"""A run's two pictures: the scores with the baselines, and who voted what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from colearn_chain.results import VoteMark
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from colearn_agents.group.baselines import Comparison
    from colearn_agents.group.scorebook import RoundScores

SCORES = "scores.png"
VOTES = "votes.png"

_MARKS = {
    Ballot.NONE: VoteMark.SILENT,
    Ballot.APPROVE: VoteMark.APPROVED,
    Ballot.REJECT: VoteMark.REJECTED,
    Ballot.UNAVAILABLE: VoteMark.UNAVAILABLE,
}


def draw_scores_picture(folder: Path, rounds: Sequence[RoundScores], comparison: Comparison) -> None:
    """Write ``scores.png``.

    Args:
        folder: where to.
        rounds: round 0 (the first weights) and all that were played.
        comparison: what to compare with.

    Raises:
        ConfigError: matplotlib is missing, or the file cannot be written.
    """
    from colearn_chain.plotting import draw_scores  # noqa: PLC0415 - late: an extra

    scores = [[math.nan if held.test is None else held.test for held in each.held] for each in rounds]
    draw_scores(
        folder / SCORES,
        scores,
        score_name="test accuracy",
        baselines=_baselines(comparison),
        accepted=_accepted(rounds),
    )


def draw_votes_picture(folder: Path, rounds: Sequence[RoundScores]) -> None:
    """Write ``votes.png``; it needs nothing to compare with.

    Args:
        folder: where to.
        rounds: round 0 (the first weights) and all that were played.

    Raises:
        ConfigError: matplotlib is missing, or the file cannot be written.
    """
    from colearn_chain.plotting import draw_votes  # noqa: PLC0415 - late: an extra

    draw_votes(
        folder / VOTES,
        [_marks(each) for each in rounds[1:]],
        accepted=_accepted(rounds),
        learners=[f"learner {index}" for index in range(len(rounds[0].held))],
    )


def _accepted(rounds: Sequence[RoundScores]) -> list[bool]:
    return [each.outcome is Status.ACCEPTED for each in rounds[1:]]


def _baselines(comparison: Comparison) -> dict[str, float]:
    return {
        "alone, trained as often": comparison.alone.mean,
        "alone, until vote data says stop": comparison.alone_stopped.mean,
        "best of them alone": max(comparison.alone.best, comparison.alone_stopped.best),
        "all data in one place": max(comparison.pooled.mean, comparison.pooled_stopped.mean),
    }


def _marks(played: RoundScores) -> list[VoteMark]:
    return [_mark(played, learner) for learner in range(len(played.ballots))]


def _mark(played: RoundScores, learner: int) -> VoteMark:
    if learner == played.proposer:
        return VoteMark.PASSED if played.outcome is Status.SKIPPED else VoteMark.PROPOSED
    return _MARKS[played.ballots[learner] or Ballot.NONE]
