"""Votes by round and learner: who proposed, who voted what, what was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from colearn_chain.errors import ConfigError
from colearn_chain.plotting.style import (
    BLUE,
    FAINT,
    INK,
    PAPER,
    dress,
    learner_names,
    new_figure,
    save_figure,
)
from colearn_chain.results import VoteMark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

_MOST_GLYPHS = 3000
"""Cells up to which each gets its letter; with more they would be specks."""


class _Look(NamedTuple):
    colour: str
    ink: str
    glyph: str
    words: str


_LOOKS: Mapping[VoteMark, _Look] = {
    VoteMark.PROPOSED: _Look(BLUE, PAPER, "P", "proposed"),
    VoteMark.PASSED: _Look("#bfd7e6", INK, "–", "passed its turn"),  # noqa: RUF001 - a dash is what is drawn
    VoteMark.APPROVED: _Look("#009E73", PAPER, "✓", "approved"),
    VoteMark.REJECTED: _Look("#D55E00", PAPER, "✗", "rejected"),
    VoteMark.UNAVAILABLE: _Look("#F0E442", INK, "?", "unavailable"),
    VoteMark.SILENT: _Look("#d9d9d9", INK, "·", "no ballot"),
    VoteMark.LAPSED: _Look("#56a0c8", PAPER, "…", "let its turn lapse"),
    VoteMark.IDLE: _Look("#f2f2f2", FAINT, "", "nothing to vote on"),
    VoteMark.ABSENT: _Look(PAPER, FAINT, "", "not in the round"),
}


def draw_votes(
    path: str | Path,
    grid: Sequence[Sequence[VoteMark]],
    *,
    accepted: Sequence[bool],
    learners: Sequence[str] | None = None,
) -> None:
    """Write a picture of a run's votes to a file.

    Args:
        path: where to; the ending says the format (png, svg, pdf).
        grid: shape [rounds, learners]: what each did in rounds 1 and on.
        accepted: shape [rounds]: whether the round's proposal became the group's model.
        learners: what to call them; None: by their numbers from 1.

    Raises:
        ConfigError: the shapes do not fit together, or the file cannot be written.
    """
    count = len(grid[0]) if grid else 0
    if len(grid) != len(accepted) or any(len(row) != count for row in grid):
        raise ConfigError(
            f"{len(grid)} rounds of votes do not go with {len(accepted)} outcomes of {count} learners"
        )
    figure = new_figure(
        float(np.clip(3.2 + 0.34 * len(grid), 6, 30)), float(np.clip(1.5 + 0.36 * count, 2.6, 25))
    )
    votes_on(figure.subplots(), grid, accepted, learners or learner_names(count))
    save_figure(figure, path)


def votes_on(
    axes: Axes, grid: Sequence[Sequence[VoteMark]], accepted: Sequence[bool], learners: Sequence[str]
) -> None:
    """Draw marks of shape [rounds, learners] on axes."""
    from matplotlib.colors import to_rgb  # noqa: PLC0415 - heavy, so only when something is drawn

    axes.set(xlabel="round", yticks=range(len(learners)), yticklabels=learners)
    if not grid:
        return
    rounds = len(grid)
    picture = np.array([[to_rgb(_LOOKS[mark].colour) for mark in row] for row in grid]).transpose(1, 0, 2)
    axes.imshow(
        picture, aspect="auto", interpolation="nearest", extent=(0.5, rounds + 0.5, len(learners) - 0.5, -0.5)
    )
    _draw_cells(axes, grid)
    _draw_outcomes(axes, accepted)
    dress(axes)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _draw_vote_legend(axes, {mark for row in grid for mark in row})


def _draw_cells(axes: Axes, grid: Sequence[Sequence[VoteMark]]) -> None:
    rounds, count = len(grid), len(grid[0])
    lines: dict[str, Any] = {"color": PAPER, "linewidth": 1.2 if rounds * count <= _MOST_GLYPHS else 0.2}
    axes.vlines(np.arange(rounds + 1) + 0.5, -0.5, count - 0.5, **lines)
    axes.hlines(np.arange(count + 1) - 0.5, 0.5, rounds + 0.5, **lines)
    if rounds * count > _MOST_GLYPHS:
        return
    size = float(np.clip(600 / rounds, 4, 10))
    for index, row in enumerate(grid):
        for learner, mark in enumerate(row):
            look = _LOOKS[mark]
            axes.text(index + 1, learner, look.glyph, color=look.ink, fontsize=size, ha="center", va="center")


def _draw_outcomes(axes: Axes, accepted: Sequence[bool]) -> None:
    """Mark accepted rounds above their columns."""
    rounds = [index + 1 for index, yes in enumerate(accepted) if yes]
    axes.plot(
        rounds,
        [-0.8] * len(rounds),
        linestyle="",
        marker="v",
        markersize=6,
        color=INK,
        clip_on=False,
        label="accepted",
    )


def _draw_vote_legend(axes: Axes, present: set[VoteMark]) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - heavy, so only when something is drawn

    looks = [look for mark, look in _LOOKS.items() if mark in present]
    patches = [
        Patch(facecolor=look.colour, edgecolor="#cccccc", label=f"{look.glyph}  {look.words}")
        for look in looks
    ]
    handles = [*axes.get_legend_handles_labels()[0], *patches]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
