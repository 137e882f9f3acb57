"""The tables of a configuration file, and what may stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from colearn_agents.configuration.references import Template
from colearn_agents.configuration.toml_file import Table
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationInfo

DEFAULT_KEYSTORE = Path("~/.colearn-chain/accounts")
"""Where accounts lie when nothing else is said."""

LOCAL_CHAINS = {1337, 31337, 131277322940537}
"""Chain ids of geth's, anvil's and eth-tester's own chains, where nothing is ever undone."""


def _place(value: object, info: ValidationInfo) -> object:
    """A path relative to the file that names it."""
    if not (isinstance(value, str) and value):
        return value
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / Path(value).expanduser()


def _template(value: object) -> object:
    return Template(value) if isinstance(value, str) else value


def _secret(value: object) -> object:
    found = _template(value)
    if isinstance(found, Template) and not found.only_references:
        raise ValueError("a secret is not written here but referred to, as ${NAME} or ${file:PATH}")
    return found


def _url(value: object) -> object:
    from colearn_chain.chain.urls import check_url  # noqa: PLC0415 - late, as all of the chain

    found = _template(value)
    if not isinstance(found, Template):
        return value
    if urlsplit(found.shaped("")).password:
        raise ValueError("a password is not written here but referred to, as in https://user:${NAME}@host")
    if not found.text.startswith("${"):
        try:
            check_url(found.shaped("x"))
        except ConfigError as error:
            raise ValueError(str(error)) from error
    return found


def _several(value: object) -> object:
    return tuple(value) if isinstance(value, list) else (value,)


def _directory(value: object, info: ValidationInfo) -> object:
    kind, colon, place = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and place):
        raise ValueError("a store is written as directory:PATH")
    if kind != "directory":
        raise ValueError(f"{kind} is no kind of store that is known here: directory")
    return _place(place, info)


Place = Annotated[Path, BeforeValidator(_place)]
Secret = Annotated[Template, BeforeValidator(_secret)]
Url = Annotated[Template, BeforeValidator(_url)]
Directory = Annotated[Path, BeforeValidator(_directory)]
Stores = Annotated[tuple[Directory, ...], BeforeValidator(_several), Field(min_length=1, max_length=1)]


class NetworkTable(Table):
    """The chain and its nodes."""

    chain_id: int = Field(ge=1)
    rpc: Annotated[tuple[Url, ...], BeforeValidator(_several), Field(min_length=1)]
    confirmations: int | None = Field(default=None, ge=0, le=100_000)
    finality: Literal["safe", "finalized"] | None = None
    timeout: float = Field(default=10.0, gt=0, le=600)
    bearer_token: Secret | None = None
    ca_bundle: Place | None = None
    client_certificate: Place | None = None
    client_key: Place | None = None

    @model_validator(mode="after")
    def _one_finality(self) -> Self:
        if self.confirmations is not None and self.finality is not None:
            raise ValueError("confirmations and finality exclude each other")
        if self.confirmations is None and self.finality is None and self.chain_id not in LOCAL_CHAINS:
            raise ValueError('when does a block count: confirmations = 12, or finality = "finalized"?')
        return self


class AccountTable(Table):
    """Who signs."""

    name: str
    keystore: Place = DEFAULT_KEYSTORE.expanduser()
    password: Secret | None = None


class ExperimentTable(Table):
    """What is taken part in."""

    card: Place


class LearnerTable(Table):
    """Who learns, as its factory's context has it."""

    factory: str
    index: int = Field(default=0, ge=0)
    count: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)
    arguments: dict[str, Any] = Field(default_factory=dict)


class AgentTable(Table):
    """How the agent runs."""

    poll: float = Field(default=1.0, gt=0, le=3_600)
    journals: Place | None = None


class Tables(Table):
    """The whole file."""

    storage: Stores | None = None
    network: NetworkTable | None = None
    account: AccountTable | None = None
    experiment: ExperimentTable | None = None
    learner: LearnerTable | None = None
    agent: AgentTable = AgentTable()
