"""The command ``model get``."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs, so that help is there at once

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from colearn_agents.cli.failures import EXIT_CODES, reported
from colearn_agents.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, Verbose

app = typer.Typer(
    name="model",
    help="The model that an experiment's parties have accepted.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)


@app.callback()
def _model() -> None:
    """Keep ``get`` a command of its own while it is the only one."""


@app.command(epilog=EXIT_CODES)
def get(  # noqa: PLR0913 - each is an option
    card: Annotated[
        Path | None,
        typer.Argument(metavar="[CARD]", help="The experiment's card.", show_default="the configuration's"),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the model goes; a new file.")],
    number: Annotated[
        int | None,
        typer.Option("--round", min=0, help="Accepted in this round.", show_default="the last accepted"),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    rpc: Annotated[
        str | None, typer.Option(metavar="URL", help="A node, in place of the configuration's.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A directory store, in place of the configuration's."),
    ] = None,
    learner: Annotated[
        str | None,
        typer.Option(
            metavar="package.module:factory",
            help="Let a learner take the weights, and write its own model, such as an ONNX file.",
            show_default="weights as safetensors",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Take the accepted model home.

    Everything is verified from the card down: the transaction that made the
    contract, the history of the rounds against its hash, the model against
    its digest. Beside FILE goes FILE.json, which names round, digest, parents
    and ballots. Nothing is overwritten.
    """
    with reported(verbose=verbose):
        from colearn_agents.cli.model_get import Request, get_model

        request = Request(
            card=card, out=out, round=number, config=config, rpc=rpc, store=store, learner=learner
        )
        get_model(request, as_json=as_json)
