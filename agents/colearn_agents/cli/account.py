"""The commands ``account new|list|show|import``: encrypted key files."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs, so that help is there at once

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colearn_agents.cli.failures import EXIT_CODES, reported
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from colearn_chain.chain.keystore import Keystore, StoredAccount

_HEX_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")

app = typer.Typer(
    name="account",
    help="Accounts: encrypted key files that sign, and decrypt what others encrypt to them.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="How you call the account.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--keystore",
        envvar="COLEARN_CHAIN_KEYSTORE",
        help="Folder of the key files.",
        show_default="~/.colearn-chain/accounts",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Holds the password.",
        show_default="the variable COLEARN_CHAIN_PASSWORD, or a question",
    ),
]
KeyFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Holds a private key as 64 hex digits.")]
KeystoreFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Another program's key file; its password becomes the account's."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print the traceback of an error.")]


@app.command(epilog=EXIT_CODES)
def new(
    name: Name,
    *,
    keystore: Folder = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Make an account: a key that signs, and beside it a key for encryption.

    Both files are encrypted under one password and readable by you alone.
    """
    with reported(verbose=verbose):
        password = _new_password(name, password_file)
        _show_stored(_keystore(keystore).create(name, password), as_json=as_json)


@app.command(name="import", epilog=EXIT_CODES)
def import_(  # noqa: PLR0913 - each is an option
    name: Name,
    *,
    key_file: KeyFile = None,
    keystore_file: KeystoreFile = None,
    keystore: Folder = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Take in an account that exists already.

    Asks for its private key unless a file holds it. The key is never an
    argument, since shells keep those.
    """
    if key_file is not None and keystore_file is not None:
        raise typer.BadParameter("cannot be used with --key-file", param_hint="--keystore-file")
    with reported(verbose=verbose):
        if keystore_file is None:
            key = _private_key(key_file)
            stored = _keystore(keystore).add(name, key, _new_password(name, password_file))
        else:
            password = _password(str(keystore_file), password_file)
            stored = _keystore(keystore).add_file(name, keystore_file, password)
        _show_stored(stored, as_json=as_json)


@app.command(name="list", epilog=EXIT_CODES)
def list_(*, keystore: Folder = None, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """List the accounts of a keystore; needs no password."""
    with reported(verbose=verbose):
        folder = _keystore(keystore)
        accounts = folder.accounts()
        if as_json:
            typer.echo(json.dumps([_document(account) for account in accounts], indent=2))
        elif not accounts:
            typer.echo(f"There is no account in {folder.folder}; make one: colearn-chain account new NAME")
        width = max((len(account.name) for account in accounts), default=0)
        for account in [] if as_json else accounts:
            typer.echo(f"{account.name:{width}}  {account.address}")


@app.command(epilog=EXIT_CODES)
def show(name: Name, *, keystore: Folder = None, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Show an account's address, its public encryption key and its file; needs no password."""
    with reported(verbose=verbose):
        _show(_keystore(keystore).find(name), as_json=as_json)


def _keystore(folder: Path | None) -> Keystore:
    from colearn_agents.configuration.config_tables import DEFAULT_KEYSTORE
    from colearn_chain.chain.keystore import Keystore

    return Keystore((folder or DEFAULT_KEYSTORE).expanduser())


def _password(account: str, file: Path | None, *, new: bool = False) -> str:
    from colearn_agents.configuration.passwords import password_for

    return password_for(account, file=file, environment=os.environ, new=new)


def _new_password(account: str, file: Path | None) -> str:
    return _password(account, file, new=True)


def _private_key(file: Path | None) -> bytes:
    """The private key that a file holds, or that is typed; no error repeats it."""
    from colearn_agents.configuration.passwords import asked
    from colearn_agents.configuration.references import read_secret

    text = asked("Private key: ") if file is None else read_secret(file)
    if _HEX_KEY.fullmatch(text.strip()) is None:
        where = "what was typed" if file is None else f"the text of {file}"
        raise ConfigError(f"{where} is no private key: 64 hex digits, with or without 0x")
    return bytes.fromhex(text.strip().removeprefix("0x"))


def _document(account: StoredAccount) -> dict[str, str | None]:
    key = account.encryption_key
    return {
        "name": account.name,
        "address": account.address,
        "encryption_key": None if key is None else "0x" + key.hex(),
        "path": str(account.path),
    }


def _show(account: StoredAccount, *, as_json: bool) -> None:
    document = _document(account)
    if as_json:
        typer.echo(json.dumps(document, indent=2))
        return
    typer.echo(f"Account {account.name}")
    typer.echo(f"  address         {account.address}")
    typer.echo(f"  encryption key  {document['encryption_key'] or 'none: its file is missing'}")
    typer.echo(f"  key file        {account.path}")


def _show_stored(account: StoredAccount, *, as_json: bool) -> None:
    _show(account, as_json=as_json)
    if not as_json:
        beside = account.path.with_suffix(".x25519.json").name
        typer.echo(
            f"\nKeep copies of this file, of {beside} beside it and of the password: nobody can restore them."
        )
