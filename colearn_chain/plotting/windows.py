"""Following a run on the screen, or collecting its picture where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from colearn_chain.errors import ConfigError
from colearn_chain.plotting.scores import scores_on
from colearn_chain.plotting.style import learner_names, save_figure
from colearn_chain.plotting.votes import votes_on

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from colearn_chain.results import Results


class ColearnPlot:
    """Follows a run: call a plot method after every round.

    Where matplotlib has a screen the window is drawn anew each time; elsewhere nothing is shown, and
    ``save`` or ``figure`` (which a notebook displays) have the picture.

    Args:
        score_name: what the test score is, such as "accuracy".
        draw_time: seconds to let the window draw itself.
        window: title of the window; one that is open already is drawn in again. None opens another.

    Attributes:
        figure: the matplotlib figure.
    """

    def __init__(
        self, score_name: str = "user-defined score", draw_time: float = 0.01, *, window: str | None = None
    ) -> None:
        self.score_name = score_name
        self.draw_time = draw_time
        self.figure = _window(window)

    def plot_results_and_votes(self, results: Results) -> None:
        """Draw scores above votes."""
        upper, lower = self._cleared(2)
        _draw_results(upper, results, self.score_name)
        _draw_results_votes(lower, results)
        self._show()

    def plot_results(self, results: Results) -> None:
        """Draw the test scores, or the vote scores where there are no others."""
        _draw_results(self._cleared(1)[0], results, self.score_name)
        self._show()

    def plot_votes(self, results: Results) -> None:
        """Draw who proposed, who voted what and what was accepted."""
        _draw_results_votes(self._cleared(1)[0], results)
        self._show()

    def save(self, path: str | Path) -> None:
        """Write the picture as it is; the name's ending says the format (png, svg, pdf).

        Raises:
            ConfigError: the file cannot be written, or there is no such format.
        """
        save_figure(self.figure, path)

    def block(self) -> None:
        """Keep the window open until it is closed; returns at once where there is no screen."""
        if _has_screen(self.figure):
            _pyplot().show(block=True)

    def _cleared(self, rows: int) -> list[Axes]:
        self.figure.clear()
        self.figure.set_size_inches(9, 4.5 * rows)
        return list(self.figure.subplots(rows, squeeze=False)[:, 0])

    def _show(self) -> None:
        if _has_screen(self.figure):
            _pyplot().pause(self.draw_time)


def plot_results(
    results: Results,
    n_learners: int | None = None,
    *,
    block: bool = False,
    score_name: str = "user-defined score",
) -> Figure:
    """Draw scores in a window that every call uses again.

    Args:
        results: the run so far.
        n_learners: how many learners it has; checked where it is given.
        block: wait until the window is closed.
        score_name: what the test score is.

    Returns:
        The figure, for saving.

    Raises:
        ConfigError: the results are of another number of learners.
    """
    found = len(results.data[-1].test_scores) if results.data else 0
    if n_learners is not None and n_learners != found:
        raise ConfigError(f"the results are of {found} learners, not of {n_learners}")
    plot = ColearnPlot(score_name, window="Collective learning: scores")
    plot.plot_results(results)
    return _finished(plot, block=block)


def plot_votes(results: Results, *, block: bool = False) -> Figure:
    """Draw votes in a window that every call uses again.

    Args:
        results: the run so far.
        block: wait until the window is closed.

    Returns:
        The figure, for saving.
    """
    plot = ColearnPlot(window="Collective learning: votes")
    plot.plot_votes(results)
    return _finished(plot, block=block)


def _finished(plot: ColearnPlot, *, block: bool) -> Figure:
    if block:
        plot.block()
    return plot.figure


def _draw_results(axes: Axes, results: Results, score_name: str) -> None:
    table = np.array([result.test_scores for result in results.data], dtype=np.float64)
    if np.isnan(table).all():
        table = np.array([result.vote_scores for result in results.data], dtype=np.float64)
        score_name = "vote score"
    if table.size:
        scores_on(axes, table, score_name, [result.vote for result in results.data[1:]])


def _draw_results_votes(axes: Axes, results: Results) -> None:
    rounds = [result for result in results.data if result.block_proposer is not None]
    count = len(rounds[0].ballots) if rounds else 0
    votes_on(
        axes, [result.marks for result in rounds], [result.vote for result in rounds], learner_names(count)
    )


def _window(title: str | None) -> Figure:
    """Return a window's figure; without a screen, one that pyplot has forgotten and nobody has to close."""
    figure: Figure = _pyplot().figure(num=title, layout="constrained")
    if not _has_screen(figure):
        _pyplot().close(figure)
    return figure


def _has_screen(figure: Figure) -> bool:
    return getattr(figure.canvas, "required_interactive_framework", None) is not None


def _pyplot() -> Any:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - heavy, so only when something is drawn

    return plt
