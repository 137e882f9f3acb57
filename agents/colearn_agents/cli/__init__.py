"""The command ``colearn-chain``."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs, so that help is there at once

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated, Any

import typer

from colearn_agents.cli.account import app as account_app
from colearn_agents.cli.agent import app as agent_app
from colearn_agents.cli.experiment import app as experiment_app
from colearn_agents.cli.failures import AUDIT_EXIT_CODES, EXIT_CODES, need, output_watched, reported
from colearn_agents.cli.model import app as model_app
from colearn_chain.canonical_json import check_text_depth
from colearn_chain.errors import shown

app = typer.Typer(
    name="colearn-chain",
    help="Collective learning between parties that do not trust each other, refereed by a smart contract.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, private keys among them
)
app.add_typer(account_app)
app.add_typer(agent_app)
app.add_typer(model_app)
app.add_typer(experiment_app)


_SHOWN = 40
"""Characters of a wrong value that are repeated."""


def _positive(value: float | None) -> float | None:
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value} is not a positive number")
    return value


Learners = Annotated[int, typer.Option(min=2, max=16, help="How many learners share the data.")]
Rounds = Annotated[int, typer.Option(min=1, max=10_000, help="How many rounds to play.")]
Alpha = Annotated[
    float | None,
    typer.Option(
        callback=_positive,
        help="How unequal the split is: Dirichlet concentration of each learner's mix of labels; "
        "the smaller the more unequal.",
        show_default="equal split",
    ),
]
Threshold = Annotated[
    int,
    typer.Option(min=1, max=10_000, help="Share of the voters that has to approve, in basis points."),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print the traceback of an error.")]


class Engine(StrEnum):
    """What a local chain runs on."""

    AUTO = "auto"
    ANVIL = "anvil"
    ETH_TESTER = "eth-tester"


class Driver(StrEnum):
    """Under what a simulation runs."""

    LOCAL = "local"
    CHAIN = "chain"


@app.command(epilog=EXIT_CODES)
def demo(  # noqa: PLR0913 - each is an option
    *,
    learners: Learners = 5,
    rounds: Rounds = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same history.")] = 2,
    alpha: Alpha = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over its data for each proposal.")] = 2,
    threshold_bps: Threshold = 5001,
    out: Annotated[
        Path | None,
        typer.Option(help="New or empty folder for the results.", show_default="demo-run, demo-run-2"),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Watch a group of learners train one model of handwritten digits through a smart contract.

    Everything is on this machine: an embedded chain with the real contract,
    a folder as the store for weights, and for each learner a key, private
    data and an agent of its own.
    """
    with reported(verbose=verbose):
        need("demo", "eth_tester", "matplotlib", "sklearn")
        from colearn_agents.cli.demo import run_demo
        from colearn_agents.group.group import GroupSettings

        arguments: dict[str, Any] = {"epochs": epochs} | ({} if alpha is None else {"alpha": alpha})
        settings = GroupSettings(
            learners=learners, rounds=rounds, seed=seed, threshold_bps=threshold_bps, arguments=arguments
        )
        run_demo(settings, out)


@app.command(epilog=EXIT_CODES)
def simulate(  # noqa: PLR0913 - each is an option
    factory: Annotated[
        str, typer.Argument(metavar="FACTORY", help="Makes each learner: package.module:factory.")
    ],
    *,
    learners: Learners = 5,
    rounds: Rounds = 20,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Runs, with the seeds 0, 1, 2, ...")] = 10,
    alpha: Alpha = None,
    threshold_bps: Threshold = 5001,
    driver: Annotated[Driver, typer.Option(help="local: no chain, for developing a model.")] = Driver.LOCAL,
    arg: Annotated[
        list[str] | None,
        typer.Option(help="key=value for the factory, as often as needed; the value is JSON, or else text."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="New or empty folder for the results.", show_default="simulation, simulation-2"),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Run a group of learners from many seeds and say how they did.

    Leaves run-SEED.json for each seed, and runs.csv, which holds every score
    of every learner in every round. The factory is called with a context
    that has index, count, seed, spec and arguments.
    """
    with reported(verbose=verbose):
        if driver is Driver.CHAIN:
            need("local", "eth_tester")
        from colearn_agents.cli.simulate import run_simulation
        from colearn_agents.group.group import GroupSettings

        arguments = _arguments(arg or []) | ({} if alpha is None else {"alpha": alpha})
        settings = GroupSettings(
            learners=learners, rounds=rounds, threshold_bps=threshold_bps, arguments=arguments
        )
        run_simulation(factory, settings, range(seeds), driver=driver.value, out=out)


def _arguments(pairs: list[str]) -> dict[str, Any]:
    """What ``--arg`` says; a key that comes twice has its last value."""
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"{pair!r} is not key=value", param_hint="--arg")
        arguments[key] = _json_or_text(value)
    return arguments


def _json_or_text(value: str) -> Any:
    try:
        check_text_depth(value.encode("utf-8", "replace"))
        return json.loads(value)
    except json.JSONDecodeError:
        return value
    except ValueError as error:  # thousands of digits or brackets
        raise typer.BadParameter(
            f"'{shown(value, _SHOWN)}' cannot be read: {error}", param_hint="--arg"
        ) from error


@app.command(epilog=EXIT_CODES)
def history(
    *,
    rpc: Annotated[str, typer.Option(metavar="URL", help="Any node of the experiment's chain.")],
    address: Annotated[str, typer.Option(metavar="0x...", help="The experiment's contract.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, no tables.")] = False,
    verbose: Verbose = False,
) -> None:
    """Print every round of an experiment, as the contract's views tell it.

    What the node answers is checked against the contract's history hash
    before anything is printed.
    """
    with reported(verbose=verbose):
        from colearn_agents.cli.history import connect, show_history

        show_history(connect(rpc, address), as_json=as_json)


@app.command(epilog=AUDIT_EXIT_CODES)
def audit(  # noqa: PLR0913 - each is an option
    card: Annotated[Path, typer.Argument(metavar="CARD", help="The experiment's card, card.json.")],
    *,
    rpc: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A node of the experiment's chain; several are compared."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A configuration: its network's nodes, in place of --rpc."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="An exported history, in place of any node.")
    ] = None,
    against_hash: Annotated[
        str | None,
        typer.Option(metavar="0x...", help="The contract's history hash, from a source that you trust."),
    ] = None,
    artefacts: Annotated[
        Path | None, typer.Option(help="Folder of a store: look into spec and proposals too.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help='What to call addresses: a JSON file, {"0x...": "a name"}.')
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write the history that was checked to a file.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a report that any browser shows.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw who proposed and voted what (png, svg or pdf).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, no tables.")] = False,
    verbose: Verbose = False,
) -> None:
    """Check what happened in an experiment, starting from its card.

    Says what was checked, what could not be checked and why, and what is
    wrong: card and code, who could propose and vote, tallies, outcomes,
    times and the history hash; and what is worth knowing beside that.

    Nodes are asked as of one block: the one that the configuration waits
    for, or else the latest that the chain calls finalized, if it does so.
    Nothing that exists is overwritten.
    """
    with reported(verbose=verbose):
        if picture is not None:
            need("plot", "matplotlib")
        from colearn_agents.cli.audit import Request, run_audit

        request = Request(
            card=card,
            rpc=tuple(rpc or ()),
            config=config,
            file=file,
            against_hash=against_hash,
            artefacts=artefacts,
            names=names,
            export=export,
            report=report,
            picture=picture,
            as_json=as_json,
        )
        raise typer.Exit(run_audit(request))


@app.command(epilog=EXIT_CODES)
def devnet(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="On 127.0.0.1; 0: a free one.")] = 8545,
    block_time: Annotated[int, typer.Option(min=1, max=3_600, help="Seconds from block to block.")] = 1,
    accounts: Annotated[int, typer.Option(min=0, max=100, help="How many test accounts to fund.")] = 10,
    fund: Annotated[
        list[str] | None,
        typer.Option(metavar="0x...", help="Another account that gets money, as often as needed."),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="auto: anvil if it is installed.")] = Engine.AUTO,
    verbose: Verbose = False,
) -> None:
    """Run a local chain for several processes, until Ctrl-C.

    On anvil if it is on the PATH or in node_modules, else on eth-tester.
    Prints the URL, the chain id and funded test accounts.
    """
    with reported(verbose=verbose):
        from colearn_agents.cli.devnet import run_devnet

        run_devnet(engine.value, port=port, block_time=block_time, accounts=accounts, fund=fund or [])


@app.command(epilog=EXIT_CODES)
def version() -> None:
    """Print the version of this program."""
    from colearn_chain import __version__

    typer.echo(f"colearn-chain {__version__}")


def main() -> None:
    """Run the command line."""
    with output_watched():
        app()
