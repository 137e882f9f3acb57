"""The command ``agent run``."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs, so that help is there at once

from __future__ import annotations

from typing import Annotated

import typer

from colearn_agents.cli.failures import EXIT_CODES, reported
from colearn_agents.cli.options import DEFAULT_CONFIG, ConfigFile, Verbose, configuration

AGENT_EXIT_CODES = (
    "Exit codes: 0 there is nothing left to do, or it was asked to stop (Ctrl-C, SIGTERM); 1 something is "
    "wrong that does not pass by itself; 2 the command line is wrong; 130 interrupted before it began. "
    "A second signal ends it at once."
)
"""Printed below the help of ``agent run``."""

app = typer.Typer(
    name="agent",
    help="The learner agent: it trains, proposes, tests, votes and adopts for one party.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)


@app.callback()
def _agent() -> None:
    """Keep ``run`` a command of its own while it is the only one."""


@app.command(epilog=AGENT_EXIT_CODES)
def run(
    *,
    config: ConfigFile = DEFAULT_CONFIG,
    once: Annotated[
        bool, typer.Option("--once", help="Do what is due now, and end instead of waiting for more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    verbose: Verbose = False,
) -> None:
    """Take part in an experiment until it is over, or until you stop it.

    One line for each thing that happens; times are in UTC. Whatever passes,
    such as a node that is away, is tried again. What must not be forgotten
    is kept in a journal, so that an agent that was stopped or killed goes on
    where it was.
    """
    with reported(verbose=verbose):
        from colearn_agents.cli.agent_run import log_to_stderr, run_agent

        log_to_stderr(verbose=verbose)
        run_agent(configuration(config), once=once, as_json=as_json)
