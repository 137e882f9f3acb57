"""Options that commands on an experiment share, and the configuration that they lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from colearn_agents.configuration.config import Config

DEFAULT_CONFIG = Path("colearn.toml")
VARIABLE = "COLEARN_CHAIN_CONFIG"

ConfigFile = Annotated[
    Path,
    typer.Option("--config", metavar="FILE", envvar=VARIABLE, help="Network, account, storage, learner."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print the traceback of an error.")]
Yes = Annotated[bool, typer.Option("--yes", help="Send without asking.")]


def configuration(path: Path) -> Config:
    """Read a command's configuration file.

    Raises:
        ConfigError: there is none, or something in it is wrong.
    """
    from colearn_agents.configuration.config import load_config  # noqa: PLC0415 - not for --help

    if not path.exists():
        raise ConfigError(f"there is no configuration file {path}: name one with --config, or by {VARIABLE}")
    return load_config(path, environment=os.environ)
