"""The configuration file of all commands: one TOML format, and errors that say in which line they are.

::

    storage = ["directory:store"]             # where artefacts lie

    [network]
    chain_id = 11155111                       # a node on another chain is refused
    rpc = ["https://node.example/v3/${RPC_KEY}"]
    finality = "finalized"                    # or "safe", or instead: confirmations = 12
    timeout = 10.0                            # seconds for one request
    bearer_token = "${file:token}"            # instead of a user and a password in the address
    ca_bundle = "authorities.pem"
    client_certificate = "client.pem"
    client_key = "client.key"

    [account]
    name = "alice"
    keystore = "accounts"                     # folder; ~/.colearn-chain/accounts when left out
    password = "${file:alice.password}"       # asked for when left out

    [experiment]
    card = "card.json"

    [learner]
    factory = "package.module:factory"
    index = 0
    count = 3
    seed = 0
    arguments = { epochs = 2 }

Every table may be left out by a file whose commands do not need it. Paths are relative to the file.
``${NAME}`` is a variable of the environment and ``${file:PATH}`` the only line of a file: secrets stand
there, not here.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from colearn_agents.config_tables import (
    AccountTable,
    ExperimentTable,
    LearnerTable,
    NetworkTable,
    Table,
    Tables,
)
from colearn_agents.passwords import password_for
from colearn_agents.references import Secrets
from colearn_agents.toml_lines import Key, line_of
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from colearn_chain.chain.keystore import Keystore, UnlockedAccount
    from colearn_chain.chain.networks import Finality, Transport
    from colearn_chain.chain.node import Node
    from colearn_chain.storage import Storage

T = TypeVar("T")

MOST_FILE_BYTES = 1 << 18

_KEY_NAMES = {"private_key", "privatekey", "secret_key", "mnemonic", "seed_phrase"}
_PRIVATE_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_FREE = ("learner", "arguments")
_TABLES: dict[Key, type[Table]] = {
    "account": AccountTable,
    "experiment": ExperimentTable,
    "learner": LearnerTable,
    "network": NetworkTable,
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """A configuration file that was read and found to be right.

    Attributes:
        path: of the file.
        tables: what it says.
        secrets: where its references lead.
    """

    path: Path
    tables: Tables
    secrets: Secrets
    text: str = field(repr=False)

    @property
    def network(self) -> NetworkTable:
        """The table of this name; ConfigError when the file has none."""
        return self._needed(self.tables.network, "network")

    @property
    def account(self) -> AccountTable:
        """The table of this name; ConfigError when the file has none."""
        return self._needed(self.tables.account, "account")

    @property
    def experiment(self) -> ExperimentTable:
        """The table of this name; ConfigError when the file has none."""
        return self._needed(self.tables.experiment, "experiment")

    @property
    def learner(self) -> LearnerTable:
        """The table of this name; ConfigError when the file has none."""
        return self._needed(self.tables.learner, "learner")

    @property
    def finality(self) -> Finality:
        """When a block counts; on a local chain where nothing is said, at once."""
        return self.network.finality or self.network.confirmations or 0

    def nodes(self) -> list[Node]:
        """Return the network's nodes, in the file's order; nothing is asked of them yet.

        Raises:
            ConfigError: a reference leads nowhere, or to no address; a file is not what it must be.
        """
        from colearn_chain.chain.networks import connect  # noqa: PLC0415 - imports web3

        network, transport, nodes = self.network, self._transport(), []
        for index, url in enumerate(network.rpc):
            try:
                address = self.secrets.fill(url)
                nodes.append(connect(address, chain_id=network.chain_id, transport=transport))
            except ConfigError as error:
                raise self.error(str(error), "network", "rpc", index) from error
        return nodes

    def keystore(self) -> Keystore:
        """Return the keystore that the account lies in."""
        from colearn_chain.chain.keystore import Keystore  # noqa: PLC0415 - imports eth_account

        return Keystore(self.account.keystore)

    def unlock(self) -> UnlockedAccount:
        """Return the account that signs, after asking for its password where the file does not say.

        Raises:
            ConfigError: there is no password; KeystoreError or WrongPassword, which are such, see
                :class:`Keystore`.
        """
        return self.keystore().unlock(self.account.name, self._password())

    def storage(self) -> Storage:
        """Return the store.

        Raises:
            ConfigError: the file names none.
        """
        from colearn_chain.storage import DirectoryStorage  # noqa: PLC0415 - not for every command

        if self.tables.storage is None:
            raise ConfigError(
                f'{self.path} names no store, which is needed here: storage = ["directory:PATH"]'
            )
        return DirectoryStorage(self.tables.storage[0])

    def error(self, message: str, *key: Key) -> ConfigError:
        """Return an error about something that the file says, with its key and its line."""
        return ConfigError(_located(self.path, self.text, key, message))

    def _password(self) -> str:
        if self.account.password is None:
            return password_for(self.account.name, file=None, environment=self.secrets.environment)
        try:
            return self.secrets.fill(self.account.password)
        except ConfigError as error:
            raise self.error(str(error), "account", "password") from error

    def _transport(self) -> Transport:
        from colearn_chain.chain.networks import Transport  # noqa: PLC0415 - imports web3

        network, token = self.network, None
        if network.bearer_token is not None:
            try:
                token = self.secrets.fill(network.bearer_token)
            except ConfigError as error:
                raise self.error(str(error), "network", "bearer_token") from error
        transport = Transport(
            timeout=network.timeout,
            ca_bundle=network.ca_bundle,
            client_certificate=network.client_certificate,
            client_key=network.client_key,
            bearer_token=token,
        )
        try:
            transport.check()
        except ConfigError as error:
            raise self.error(str(error), "network") from error
        return transport

    def _needed(self, table: T | None, name: str) -> T:
        if table is None:
            raise ConfigError(f"{self.path} has no table [{name}], which is needed here")
        return table


def load_config(path: Path, *, environment: Mapping[str, str]) -> Config:
    """Read a configuration file; what it refers to is looked up when it is used.

    Args:
        path: of the file.
        environment: variables by name.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong; the message names file, line and key.
    """
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    for key in _private_keys(document):
        hint = "a private key is not kept here: store it with 'colearn-chain account import NAME'"
        raise ConfigError(_located(path, text, key, f'{hint} and set name = "NAME" in [account]'))
    try:
        tables = Tables.model_validate(document, context={"folder": path.parent})
    except ValidationError as error:
        raise ConfigError(_located(path, text, *_first(error))) from error
    secrets = Secrets(folder=path.parent, environment=environment)
    return Config(path=path, tables=tables, secrets=secrets, text=text)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            raise ConfigError(f"{path} has more than {MOST_FILE_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not in UTF-8: {error.reason} at byte {error.start}") from error


def _private_keys(value: object, at: tuple[Key, ...] = ()) -> Iterator[tuple[Key, ...]]:
    """Where something stands that looks like a private key, or is called like one."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        place = (*at, key)
        named = isinstance(key, str) and key.lower() in _KEY_NAMES
        shaped = isinstance(each, str) and _PRIVATE_KEY.fullmatch(each) is not None
        if named or (shaped and place[: len(_FREE)] != _FREE):
            yield place
        else:
            yield from _private_keys(each, place)


def _first(error: ValidationError) -> tuple[Sequence[Key], str]:
    """The first thing that is wrong: its key, and what. Values can be secret, and none is shown."""
    found = error.errors(include_url=False, include_input=False)[0]
    key = found["loc"]
    if found["type"] == "extra_forbidden":
        return key, f"is not known here; known are {', '.join(_fields(key[:-1]))}"
    if found["type"] == "missing":
        return key, "is missing"
    message = found["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return key, message[:1].lower() + message[1:]


def _fields(place: Sequence[Key]) -> Sequence[str]:
    """The keys of a table, or of the whole file."""
    return sorted((_TABLES[place[0]] if place else Tables).model_fields)


def _located(path: Path, text: str, key: Sequence[Key], message: str) -> str:
    line = line_of(text, key)
    where = f"{path}, line {line}" if line is not None else str(path)
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")
    return f"{where}: {dotted}: {message}" if dotted else f"{where}: {message}"
