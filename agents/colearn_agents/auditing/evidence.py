"""Gathering what an audit goes by: from nodes, or from an exported file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_agents.watching import Watch, nobody_watches
from colearn_chain.audit import Evidence, HistoryFile
from colearn_chain.chain.artefact import packaged_releases
from colearn_chain.errors import ConfigError, InvalidArtefact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from colearn_chain.artefacts import Card, Deployment, Release
    from colearn_chain.chain.networks import Finality
    from colearn_chain.chain.node import Node
    from colearn_chain.types import Address

LONGEST_FILE = HistoryFile.MOST_BYTES


def read_file(path: Path) -> bytes:
    """Read a document that somebody else may have written.

    Raises:
        ConfigError: it cannot be read, or is longer than any document may be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > LONGEST_FILE:
        raise ConfigError(f"{path} is longer than {LONGEST_FILE} bytes")
    return data


def deployment_of(card: Card, releases: Sequence[Release]) -> Deployment | None:
    """What follows from a card; None: nothing, which an audit finds wrong."""
    try:
        return card.deployment(releases)
    except InvalidArtefact:
        return None


def from_file(card: Card, path: Path, trusted_hash: bytes | None) -> Evidence:
    """What an exported history says; no node is asked.

    Raises:
        ConfigError: the file cannot be read.
        InvalidArtefact: it is no exported history.
    """
    data = read_file(path)
    try:
        file = HistoryFile.from_bytes(data)
        history = file.history()
    except InvalidArtefact as error:
        raise InvalidArtefact(f"{path} is no exported history: {error}", subject=error.subject) from error
    return Evidence(
        card=card,
        releases=packaged_releases(),
        history=history,
        source=str(path),
        history_card=file.card,
        trusted_hash=trusted_hash,
    )


def from_nodes(  # noqa: PLR0913 - what is not about the nodes has a default
    card: Card,
    nodes: Sequence[Node],
    *,
    name: Callable[[Address], str] = str,
    finality: Finality | None = None,
    trusted_hash: bytes | None = None,
    releases: Sequence[Release] | None = None,
    watch: Watch = nobody_watches,
) -> Evidence:
    """What nodes say of a card's experiment, all as of one block.

    A node that fails is a gap in the evidence; that it fails alone proves nothing.

    Args:
        card: where the experiment is said to be.
        nodes: whom to ask; the first that answers is asked for the history.
        name: what to call an address.
        finality: when a block counts; None: once it is finalized, or at once on a chain that knows no such.
        trusted_hash: the contract's history hash from elsewhere.
        releases: the contracts that are known; None: those that this package holds.
        watch: is told what is being read, and then how far it is.

    Returns:
        What they say; nothing, if no experiment follows from the card that they could be asked about.
    """
    from colearn_agents.auditing.inquiry import Inquiry  # noqa: PLC0415 - late: it needs web3

    known = tuple(packaged_releases() if releases is None else releases)
    deployment = deployment_of(card, known)
    if deployment is None:
        return Evidence(card=card, releases=known, history=None)
    inquiry = Inquiry(deployment, card, name, watch)
    inquiry.ask_all(nodes, finality)
    return Evidence(
        card=card,
        releases=known,
        history=inquiry.history,
        source=inquiry.source,
        as_of=inquiry.as_of,
        trusted_hash=trusted_hash,
        witnesses=tuple(inquiry.witnesses),
        log=inquiry.log,
        log_gap=inquiry.log_gap,
        gaps=tuple(inquiry.gaps),
    )
