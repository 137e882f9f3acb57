"""Scores by round: a thin line for each learner, their mean in bold, baselines as labelled level lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import ConfigError
from colearn_chain.plotting.style import BLUE, INK, PAPER, dress, mean_of_known, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes

_LEARNER_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#999933", "#666666")
_LEARNER_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (8, 3)))
_BASELINE_DASHES = ((0, (6, 3)), (0, (2, 2)), (0, (6, 2, 1, 2)), (0, (10, 3)))
_LABEL_GAP = 0.062
"""Between labels, as a share of the axes' height."""

_WORTH_CUTTING = 0.4
"""The share of the height that the first rounds alone have to take before it is cut off."""

_MOST_NAMED = 10
"""More learners than this are one grey bundle instead of a legend that nobody could read."""


def draw_scores(
    path: str | Path,
    scores: npt.ArrayLike,
    *,
    score_name: str,
    baselines: Mapping[str, float],
    accepted: Sequence[bool],
) -> None:
    """Write a picture of a run's scores to a file.

    Args:
        path: where to; the ending says the format (png, svg, pdf).
        scores: shape [rounds + 1, learners]: of the model that each learner held at first and after each
            round.
        score_name: what they are, such as "test accuracy".
        baselines: what to compare with; each is a labelled level line.
        accepted: shape [rounds]: whether the round's proposal became the group's model.

    Raises:
        ConfigError: the shapes do not fit together, or the file cannot be written.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) != len(accepted) + 1:  # noqa: PLR2004 - rounds and learners
        raise ConfigError(f"scores of shape {table.shape} are not {len(accepted)} rounds and one before")
    figure = new_figure(10, 5)
    axes = figure.subplots()
    scores_on(axes, table, score_name, accepted)
    _focus(axes, table, list(baselines.values()))
    _draw_levels(axes, baselines, float(mean_of_known(table)[-1]))
    save_figure(figure, path)


def scores_on(axes: Axes, table: npt.NDArray[np.float64], score_name: str, accepted: Sequence[bool]) -> None:
    """Draw scores of shape [rounds + 1, learners] on axes."""
    rounds = np.arange(len(table))
    named = table.shape[1] <= _MOST_NAMED
    for index, column in enumerate(table.T):
        colour = _LEARNER_COLOURS[index % len(_LEARNER_COLOURS)] if named else "#bbbbbb"
        dashes = _LEARNER_DASHES[index % len(_LEARNER_DASHES)] if named else "-"
        label = f"learner {index}" if named else "each learner" if index == 0 else None
        axes.plot(rounds, column, color=colour, linestyle=dashes, linewidth=1.1, alpha=0.85, label=label)
    _draw_mean(axes, rounds, mean_of_known(table), np.array([False, *accepted]))
    axes.set(xlabel="round", ylabel=score_name, xlim=(-0.4, max(len(table) - 0.6, 1)))
    dress(axes)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), ncols=4, frameon=False, fontsize=9)


def _draw_mean(
    axes: Axes, rounds: npt.NDArray[Any], mean: npt.NDArray[Any], accepted: npt.NDArray[np.bool_]
) -> None:
    refused = ~accepted & (rounds > 0)
    axes.plot(rounds, mean, color=INK, linewidth=2.8, zorder=4, label="mean of the learners")
    dot: dict[str, Any] = {"linestyle": "", "zorder": 5, "markeredgecolor": INK, "markeredgewidth": 1.4}
    axes.plot(
        rounds[accepted],
        mean[accepted],
        marker="o",
        markersize=7,
        markerfacecolor=INK,
        label="accepted",
        **dot,
    )
    axes.plot(
        rounds[refused],
        mean[refused],
        marker="o",
        markersize=5,
        markerfacecolor=PAPER,
        label="not accepted",
        **dot,
    )


def _draw_levels(axes: Axes, levels: Mapping[str, float], last: float) -> None:
    """Draw baselines as level lines, and name them and the last mean beside the data."""
    low, high = axes.get_ylim()
    known = {name: level for name, level in levels.items() if math.isfinite(level)}
    for index, level in enumerate(known.values()):
        dashes = _BASELINE_DASHES[index % len(_BASELINE_DASHES)]
        axes.axhline(level, color=BLUE, linewidth=1.3, linestyle=dashes)
    labels = [(level, name, BLUE) for name, level in known.items()]
    if math.isfinite(last):
        labels.append((last, "collective, mean", INK))
    heights = _spread([(level - low) / (high - low) for level, _, _ in labels])
    for (level, name, colour), height in zip(labels, heights, strict=True):
        _label(axes, f"{level:.3f}  {name}", (level - low) / (high - low), height, colour)


def _label(axes: Axes, text: str, level: float, height: float, colour: str) -> None:
    axes.annotate(
        text,
        xy=(1, level),
        xytext=(1.045, height),
        xycoords="axes fraction",
        textcoords="axes fraction",
        va="center",
        fontsize=9,
        fontweight="bold" if colour == INK else "normal",
        color=colour,
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "relpos": (0, 0.5)},
    )


def _focus(axes: Axes, table: npt.NDArray[np.float64], levels: Sequence[float]) -> None:
    """Give the height to where models are compared; what lies far below is cut off, and said so."""
    mean = mean_of_known(table)
    late = [*table[math.ceil(len(table) / 5) :].ravel(), *mean[-1:], *levels]
    shown = [value for value in late if math.isfinite(value)]
    everything = [value for value in [*table.ravel(), *shown] if math.isfinite(value)]
    if not shown:
        return
    low, high, lowest = min(shown), max(everything), min(everything)
    margin = 0.06 * (high - low) or 0.05
    if low - lowest < _WORTH_CUTTING * (high - lowest):
        low = lowest
    elif math.isfinite(mean[0]):
        axes.annotate(
            f"begins\n↓ {mean[0]:.3f}",
            xy=(-0.2, 0.02),
            xycoords=("data", "axes fraction"),
            fontsize=9,
            color=INK,
        )
    axes.set_ylim(low - margin, high + margin)


def _spread(heights: Sequence[float]) -> list[float]:
    """Push heights down from 1 until each is ``_LABEL_GAP`` below the one above it; their order stays."""
    spread, lowest = [0.0] * len(heights), 1.0 + _LABEL_GAP
    for index in sorted(range(len(heights)), key=lambda index: -heights[index]):
        lowest = min(heights[index], lowest - _LABEL_GAP)
        spread[index] = lowest
    return spread
