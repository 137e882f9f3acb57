"""What all pictures share: colours, axes, saving.

The colours are those of Okabe and Ito (2008, "Color Universal Design"), which colour-blind readers can tell
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, PAPER = "#222222", "#8a8a8a", "#ffffff"
BLUE = "#0072B2"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches that pyplot does not know of."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, so only when something is drawn

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the name's ending says the format.

    Raises:
        ConfigError: the file cannot be written, or there is no such format.
    """
    try:
        figure.savefig(path, dpi=150, facecolor=PAPER)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot save a picture as {path}: {error}") from error


def dress(axes: Axes) -> None:
    """Number rounds in integers and take away the frame's idle sides."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - heavy, so only when something is drawn

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)


def mean_of_known(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return each row's mean over what is not NaN; shape [rounds, learners] to [rounds]."""
    known = ~np.isnan(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0).sum(axis=1)
    mean: npt.NDArray[np.float64] = np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)
    return mean


def learner_names(count: int) -> list[str]:
    """Name learners by their numbers from 1."""
    return [f"learner {index}" for index in range(count)]
