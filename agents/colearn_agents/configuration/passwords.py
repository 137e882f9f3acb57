"""Where a keystore's password comes from: a file, the environment, or who sits at the terminal."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from colearn_agents.configuration.references import read_secret
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VARIABLE = "COLEARN_CHAIN_PASSWORD"
"""Holds the password where neither a file is named nor somebody can be asked."""


def password_for(
    account: str, *, file: Path | None, environment: Mapping[str, str], new: bool = False
) -> str:
    """Return an account's password.

    Args:
        account: its name, to be shown.
        file: holds the password; None: the variable ``COLEARN_CHAIN_PASSWORD``, or else a question.
        environment: variables by name.
        new: ask twice, since a mistake would lock the account for good.

    Raises:
        ConfigError: the file cannot be read, or nobody can be asked.
    """
    if file is not None:
        return read_secret(file)
    if environment.get(VARIABLE):
        return environment[VARIABLE]
    password = asked(f"Password of {account}: ")
    if new and asked("Once more: ") != password:
        raise ConfigError("these are two different passwords")
    return password


def asked(question: str) -> str:
    """Ask for a secret on the terminal, without showing what is typed.

    Raises:
        ConfigError: there is no terminal, or what was typed ended without a line.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError(
            f"there is no terminal to ask {question.rstrip(': ')!r} on: name a file, or set {VARIABLE}"
        )
    try:
        return getpass.getpass(question)
    except EOFError as error:
        raise ConfigError("nothing was typed") from error
