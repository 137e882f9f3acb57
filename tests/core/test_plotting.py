"""Pictures of runs: what is drawn is what was given, with and without a screen."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from colearn_chain.driver import run
from colearn_chain.errors import ConfigError
from colearn_chain.plotting import ColearnPlot, VoteMark, draw_scores, draw_votes, plot_results, plot_votes
from colearn_chain.plotting.scores import scores_on
from colearn_chain.plotting.style import new_figure
from colearn_chain.results import Result, Results
from colearn_chain.rounds.word import Ballot
from colearn_chain.testing.learners import FailingLearner, IdleLearner, NanLearner, Phase, StepLearner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

PNG = b"\x89PNG\r\n\x1a\n"


class FakeManager(FigureManagerBase):
    """A window that opens, and notes how it was shown."""

    shown: ClassVar[list[bool | None]] = []

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Note it."""
        cls.shown.append(block)


class FakeCanvas(FigureCanvasAgg):
    """A canvas that says it is on a screen, and never waits."""

    required_interactive_framework = "headless"
    manager_class = FakeManager
    waited: ClassVar[list[float]] = []

    def start_event_loop(self, timeout: float = 0) -> None:
        """Note it."""
        self.waited.append(timeout)


@pytest.fixture(autouse=True)
def _no_screen() -> Iterator[None]:
    mpl.use("agg")
    with mpl.rc_context({"svg.fonttype": "none"}):
        yield
    plt.close("all")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeCanvas]]:
    """A screen of our own."""
    backend: Any = ModuleType("fake_screen")
    backend.FigureCanvas, backend.FigureManager = FakeCanvas, FakeManager
    monkeypatch.setitem(sys.modules, "fake_screen", backend)
    mpl.use("module://fake_screen")
    FakeCanvas.waited.clear()
    FakeManager.shown.clear()
    yield FakeCanvas
    plt.close("all")
    mpl.use("agg")


@pytest.fixture(scope="module")
def results() -> Results:
    """A run in which everything happens: accepted, rejected, passed, unavailable, NaN."""
    far = StepLearner([1.0], step=3)
    late = FailingLearner([1.0], Phase.TEST, calls=2, failures=1)
    return run(8, [StepLearner([1.0]), far, IdleLearner([1.0]), late, NanLearner([1.0])], vote_threshold=0.5)


def _marks(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_scores_are_drawn_as_given() -> None:
    """One line for each learner, their mean beside them, and a dot for each round by its outcome."""
    table = np.array([[0.1, 0.3], [0.5, math.nan], [0.6, 0.8]])
    axes = new_figure(4, 3).subplots()
    scores_on(axes, table, "accuracy", [True, False])
    lines = {str(line.get_label()): line.get_xydata() for line in axes.lines}
    assert np.array_equal(lines["learner 0"], [[0, 0.1], [1, 0.5], [2, 0.6]])
    assert np.array_equal(lines["learner 1"], [[0, 0.3], [1, math.nan], [2, 0.8]], equal_nan=True)
    assert np.allclose(lines["mean of the learners"], [[0, 0.2], [1, 0.5], [2, 0.7]])
    assert np.allclose(lines["accepted"], [[1, 0.5]])
    assert np.allclose(lines["not accepted"], [[2, 0.7]])
    assert axes.get_ylabel() == "accuracy"


def test_learners_are_told_apart_without_colour() -> None:
    """Up to five have lines of their own pattern, and a crowd is one bundle with one entry in the legend."""
    axes = new_figure(4, 3).subplots()
    scores_on(axes, np.zeros((2, 5)), "x", [True])
    lines: Iterable[Any] = axes.lines
    patterns = {repr(line._unscaled_dash_pattern) for line in lines if "learner " in str(line.get_label())}
    assert len(patterns) == 5
    crowd = new_figure(4, 3).subplots()
    scores_on(crowd, np.zeros((2, 40)), "x", [True])
    legend = crowd.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "each learner"
    assert len(legend.get_texts()) == 4


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.parametrize("learners", [1, 5, 30])
@pytest.mark.parametrize("rounds", [0, 1, 20])
def test_score_pictures_of_any_size(tmp_path: Path, suffix: str, learners: int, rounds: int) -> None:
    """From no rounds to many, from one learner to a crowd; without opening anything in pyplot."""
    path = tmp_path / f"scores.{suffix}"
    table = np.linspace(0.1, 0.9, (rounds + 1) * learners).reshape(rounds + 1, learners)
    draw_scores(
        path, table, score_name="accuracy", baselines={"alone": 0.5, "pooled": 0.5}, accepted=[True] * rounds
    )
    assert path.stat().st_size > 5000
    assert plt.get_fignums() == []


def test_baselines_are_named_with_their_levels(tmp_path: Path) -> None:
    """Close ones too, each with its own line of text; one that is NaN is left out."""
    path = tmp_path / "scores.svg"
    baselines = {"alone (mean)": 0.93, "alone (best)": 0.93, "nothing": math.nan}
    draw_scores(path, [[0.1, 0.1], [0.9, 0.98]], score_name="accuracy", baselines=baselines, accepted=[True])
    text = path.read_text()
    assert "0.930  alone (mean)" in text
    assert "0.930  alone (best)" in text
    assert "0.940  collective, mean" in text
    assert "nothing" not in text


def test_a_cut_axis_is_said(tmp_path: Path) -> None:
    """Where the beginning lies far below what is compared, its level is written."""
    table = np.array([[0.1], *[[0.9 + 0.005 * index] for index in range(10)]])
    draw_scores(tmp_path / "cut.svg", table, score_name="x", baselines={}, accepted=[True] * 10)
    draw_scores(tmp_path / "whole.svg", table[1:], score_name="x", baselines={}, accepted=[True] * 9)
    assert "↓ 0.100" in (tmp_path / "cut.svg").read_text()
    assert "begins" not in (tmp_path / "whole.svg").read_text()


def test_scores_that_are_all_nan_are_an_empty_picture(tmp_path: Path) -> None:
    """Without any score there is still a file, and no warning."""
    draw_scores(
        tmp_path / "x.png", np.full((3, 2), np.nan), score_name="x", baselines={}, accepted=[True, False]
    )
    assert (tmp_path / "x.png").read_bytes().startswith(PNG)


def test_scores_of_another_shape_are_refused(tmp_path: Path) -> None:
    """As many rows as rounds, and one before."""
    for table in (np.zeros((3, 2)), np.zeros(3)):
        with pytest.raises(ConfigError, match="scores of shape"):
            draw_scores(tmp_path / "x.png", table, score_name="x", baselines={}, accepted=[True] * 3)


def test_vote_pictures_have_a_letter_and_a_colour_for_each_mark(tmp_path: Path) -> None:
    """As many colours as marks; that of who is not in the round is the paper's."""
    path = tmp_path / "votes.png"
    draw_votes(path, [list(VoteMark)] * 4, accepted=[True, False, True, False], learners=list("abcdefghi"))
    pixels = imread(path)[..., :3].reshape(-1, 3)
    colours, counts = np.unique((pixels * 255).round().astype(int), axis=0, return_counts=True)
    assert sum(counts > 5000) >= len(VoteMark)
    assert len(colours) > len(VoteMark)


@pytest.mark.parametrize(("rounds", "learners"), [(0, 0), (1, 1), (3, 64), (400, 10)])
def test_vote_pictures_of_any_size(tmp_path: Path, rounds: int, learners: int) -> None:
    """From nothing to more cells than can have letters."""
    path = tmp_path / "votes.png"
    draw_votes(path, [[VoteMark.APPROVED] * learners] * rounds, accepted=[True] * rounds)
    assert path.read_bytes().startswith(PNG)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("grid", "accepted"),
    [([[VoteMark.SILENT]], []), ([[VoteMark.SILENT], [VoteMark.SILENT] * 2], [True, True])],
)
def test_votes_of_another_shape_are_refused(
    tmp_path: Path, grid: list[list[VoteMark]], accepted: list[bool]
) -> None:
    """An outcome for each round and a mark for each learner."""
    with pytest.raises(ConfigError, match="rounds of votes"):
        draw_votes(tmp_path / "x.png", grid, accepted=accepted)


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """No such folder, no such format: the error names the file."""
    for name in ("nowhere/x.png", "x.nonsense"):
        with pytest.raises(ConfigError, match=name):
            draw_votes(tmp_path / name, [[VoteMark.SILENT]], accepted=[False])


def test_a_run_is_drawn_without_a_screen(results: Results, tmp_path: Path) -> None:
    """Nothing is shown or left open, blocking returns at once, and the picture can be saved."""
    plot = ColearnPlot("minus squared distance")
    for draw in (plot.plot_results, plot.plot_votes, plot.plot_results_and_votes):
        draw(results)
    plot.block()
    plot.save(tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(PNG)
    assert plt.get_fignums() == []
    scores, votes = plot.figure.axes
    assert scores.get_ylabel() == "minus squared distance"
    assert set("P✓✗?–") <= set(_marks(votes))  # noqa: RUF001 - the dash is a mark


def test_a_run_is_followed_on_a_screen(results: Results, screen: type[FakeCanvas]) -> None:
    """One window, drawn again after each round for the time asked for; blocking waits."""
    plot = ColearnPlot("score", draw_time=0.25)
    for rounds in (1, 2, 3):
        plot.plot_results_and_votes(Results(results.data[:rounds]))
    assert screen.waited == [0.25] * 3
    assert plt.get_fignums() == [1]
    assert len(plot.figure.axes) == 2
    plot.block()
    assert FakeManager.shown[-1] is True


def test_the_functions_draw_in_the_same_windows_again(results: Results, screen: type[FakeCanvas]) -> None:
    """A call in a loop opens one window for scores and one for votes, as a script of the ancestor expects."""
    for rounds in (2, 3):
        seen = Results(results.data[:rounds])
        plot_results(seen, 5, block=False, score_name="x")
        plot_votes(seen, block=False)
    assert len(plt.get_fignums()) == 2
    assert True not in FakeManager.shown
    plot_votes(results, block=True)
    assert FakeManager.shown[-1] is True


def test_the_functions_return_figures_without_a_screen(results: Results, tmp_path: Path) -> None:
    """There is something to save."""
    plot_results(results).savefig(tmp_path / "a.png")
    assert plot_votes(results, block=True).axes
    assert plt.get_fignums() == []


def test_results_of_another_number_of_learners_are_refused(results: Results) -> None:
    """A script that counts wrong is told."""
    with pytest.raises(ConfigError, match="of 5 learners, not of 4"):
        plot_results(results, 4)


def test_vote_scores_are_drawn_where_there_is_no_test_data() -> None:
    """The axis says which scores they are."""
    rounds = [Result(test_scores=[math.nan], vote_scores=[-1.0], ballots=[Ballot.NONE])]
    plot = ColearnPlot("accuracy")
    plot.plot_results(Results(rounds))
    assert plot.figure.axes[0].get_ylabel() == "vote score"


def test_results_without_rounds_are_an_empty_picture() -> None:
    """Nothing to draw is no error."""
    plot = ColearnPlot()
    plot.plot_results_and_votes(Results())
    assert len(plot.figure.axes) == 2
