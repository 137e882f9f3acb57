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

    [agent]
    poll = 1.0                                # seconds from one look at the chain to the next
    journals = "journals"                     # folder: what an agent must not forget

Every table may be left out by a file whose commands do not need it. Paths are relative to the file.
``${NAME}`` is a variable of the environment and ``${file:PATH}`` the only line of a file: secrets stand
there, not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from colearn_agents.configuration.config_tables import (
    AccountTable,
    ExperimentTable,
    LearnerTable,
    NetworkTable,
    Tables,
)
from colearn_agents.configuration.passwords import password_for
from colearn_agents.configuration.references import Secrets
from colearn_agents.configuration.toml_file import TomlFile
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from colearn_agents.configuration.toml_lines import Key
    from colearn_chain.chain.keystore import Keystore, UnlockedAccount
    from colearn_chain.chain.networks import Finality, Transport
    from colearn_chain.chain.node import Node
    from colearn_chain.storage import Storage

T = TypeVar("T")

_KEY_NAMES = {"private_key", "privatekey", "secret_key", "mnemonic", "seed_phrase"}
_PRIVATE_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_FREE = ("learner", "arguments")


@dataclass(frozen=True, kw_only=True)
class Config:
    """A configuration file that was read and found to be right.

    Attributes:
        file: as it was read.
        tables: what it says.
        secrets: where its references lead.
    """

    file: TomlFile
    tables: Tables
    secrets: Secrets

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.file.path

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

    @property
    def journals(self) -> Path:
        """The folder of the agents' journals; beside the file when it says nothing."""
        return self.tables.agent.journals or self.path.parent / "journals"

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
        return self.file.error(message, *key)

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
    file = TomlFile.read(path)
    for key in _private_keys(file.document):
        hint = "a private key is not kept here: store it with 'colearn-chain account import NAME'"
        raise file.error(f'{hint} and set name = "NAME" in [account]', *key)
    tables = file.checked(Tables)
    secrets = Secrets(folder=path.parent, environment=environment)
    return Config(file=file, tables=tables, secrets=secrets)


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
