"""The command ``simulate``: any learner, many seeds, with a chain or without, and what came of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from colearn_agents.cli.output import console, score
from colearn_agents.group.records import add_run, make_folder, run_document, write_json
from colearn_agents.group.runs import Run, run_locally, run_on_chain
from colearn_agents.party.factories import load_factory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from colearn_agents.group.group import GroupSettings
    from colearn_agents.party.factories import Factory

DEFAULT_FOLDER = Path("simulation")

DRIVERS = {"local": run_locally, "chain": run_on_chain}


def run_simulation(
    name: str, settings: GroupSettings, seeds: Iterable[int], *, driver: str, out: Path | None
) -> None:
    """Run once for each seed; write each run as it ends, so that what is done is there whatever comes.

    Args:
        name: of the factory, ``package.module:factory``.
        settings: the same for all runs but for the seed.
        seeds: in the order of the runs.
        driver: one of `DRIVERS`.
        out: where to write; see `make_folder`.

    Raises:
        ConfigError: the factory or the folder cannot be had.
        ColearnError: a run failed.
    """
    factory = load_factory(name)
    folder = make_folder(out, DEFAULT_FOLDER)
    terminal = console()
    runs = []
    for seed in seeds:
        run = _timed(terminal, factory, replace(settings, seed=seed), driver)
        write_json(folder / f"run-{seed}.json", run_document(run, name))
        add_run(folder / "runs.csv", run)
        runs.append(run)
    terminal.print(summary_table(runs), summary(runs), sep="\n")
    terminal.print(
        f"Every score of every learner is in {folder / 'runs.csv'}, each run in run-SEED.json beside it."
    )


def _timed(out: Console, factory: Factory, settings: GroupSettings, driver: str) -> Run:
    begun = time.perf_counter()
    with out.status(f"seed {settings.seed}") as status:
        run = DRIVERS[driver](
            factory,
            settings,
            lambda number: status.update(f"seed {settings.seed}: round {number} of {settings.rounds}"),
        )
    out.print(f"seed {settings.seed}: {_said(run)} ({time.perf_counter() - begun:.1f} s)", soft_wrap=True)
    out.file.flush()
    return run


def _said(run: Run) -> str:
    stalled = f", stalled: {run.stalled}" if run.stalled else ""
    final = f"test score {score(run.final_test_score)}"
    return f"{final} after {run.played} rounds, {run.accepted} accepted{stalled}"


def summary_table(runs: Sequence[Run]) -> Table:
    """One row for each run."""
    table = Table(box=SIMPLE_HEAD)
    for heading in ("seed", "rounds", "accepted", "first test score", "final test score", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for run in runs:
        table.add_row(
            str(run.settings.seed),
            str(run.played),
            f"{run.acceptance_rate:.0%}",
            score(run.rounds[0].mean_test_score),
            score(run.final_test_score),
            "stalled" if run.stalled else "",
        )
    return table


def summary(runs: Sequence[Run]) -> str:
    """Mean and spread over all runs, in words."""
    finals = [run.final_test_score for run in runs if run.final_test_score is not None]
    rate = f"{fmean(run.acceptance_rate for run in runs):.0%} of the proposals were accepted"
    if not finals:
        return f"No learner has test data to score the final models on; {rate}."
    return f"Final test score, mean over learners: {_spread(finals)}; {rate}."


def _spread(finals: Sequence[float]) -> str:
    if len(finals) == 1:
        return f"{finals[0]:.4f} (one run)"
    return (
        f"{fmean(finals):.4f}, standard deviation {stdev(finals):.4f}, "
        f"from {min(finals):.4f} to {max(finals):.4f} ({len(finals)} runs)"
    )
