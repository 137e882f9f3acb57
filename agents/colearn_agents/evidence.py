"""Gathering what an audit goes by: from nodes, from a store, or from an exported file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from colearn_chain.artefacts import ProposalClaim
from colearn_chain.audit import Change, Content, Contents, Evidence, HistoryFile, State, Witness, unchecked
from colearn_chain.chain.artefact import packaged_releases
from colearn_chain.errors import ColearnError, ConfigError, InvalidArtefact, ProtocolViolation, StorageError
from colearn_chain.rounds import fold
from colearn_chain.storage import ArtefactStore, DirectoryStorage, cid_of
from colearn_chain.storage.folders import folder_digest
from colearn_chain.types import NO_DIGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from colearn_chain.artefacts import Card, Deployment, ExperimentSpec
    from colearn_chain.audit import Finding
    from colearn_chain.chain.node import Node
    from colearn_chain.rounds import ClosedRound, History
    from colearn_chain.types import Address, Digest

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


def from_file(card: Card, path: Path, trusted_hash: bytes | None) -> Evidence:
    """What an exported history says; no node is asked.

    Raises:
        ConfigError: the file cannot be read.
        InvalidArtefact: it is no exported history.
    """
    file = HistoryFile.from_bytes(read_file(path))
    return Evidence(
        card=card,
        releases=packaged_releases(),
        history=file.history(),
        history_card=file.card,
        trusted_hash=trusted_hash,
    )


def from_nodes(
    card: Card, nodes: Sequence[Node], name: Callable[[Address], str], trusted_hash: bytes | None = None
) -> Evidence:
    """What nodes say of a card's experiment, all as of one block.

    A node that fails is a gap in the evidence; that it fails alone proves nothing.

    Args:
        card: where the experiment is said to be.
        nodes: whom to ask; the first that answers is asked for the history.
        name: what to call an address.
        trusted_hash: the contract's history hash from elsewhere.

    Raises:
        InvalidArtefact: no experiment follows from the card.
    """
    releases = packaged_releases()
    inquiry = Inquiry(card.deployment(releases), card)
    heads = [(node, head) for node in nodes if (head := inquiry.head_of(node)) is not None]
    block = min((head for _, head in heads), default=0)
    for node, _ in heads:
        inquiry.ask(node, block)
    return Evidence(
        card=card,
        releases=releases,
        history=inquiry.history,
        trusted_hash=trusted_hash,
        witnesses=tuple(inquiry.witnesses),
        changes=inquiry.changes([node for node, _ in heads], block, name),
        gaps=tuple(inquiry.gaps),
    )


@dataclass
class Inquiry:
    """Nodes asked one after the other, and what they left open."""

    deployment: Deployment
    card: Card
    history: History | None = None
    witnesses: list[Witness] = field(default_factory=list)
    gaps: list[Finding] = field(default_factory=list)

    def head_of(self, node: Node) -> int | None:
        """The number of a node's latest block; None: it does not answer."""
        from colearn_chain.chain.cards import name_of  # noqa: PLC0415 - late: it needs web3

        try:
            return node.block_number()
        except ColearnError as error:
            self.gaps.append(unchecked("node", f"{name_of(node)}: {error}"))
            return None

    def ask(self, node: Node, block: int) -> None:
        """Let a node say what it knows; the first that has a history is believed to have the history."""
        from colearn_chain.chain.cards import name_of, sighting_of  # noqa: PLC0415 - likewise
        from colearn_chain.chain.contract import ExperimentContract  # noqa: PLC0415 - likewise

        try:
            sighting = sighting_of(node, self.deployment, block=block)
            if list(sighting.contradictions(self.card, self.deployment)):
                self.witnesses.append(Witness(sighting, None))
                return
            contract = ExperimentContract(node, self.deployment.contract)
            if self.history is None:
                self.history = contract.history(block=block)
            self.witnesses.append(Witness(sighting, contract.history_hash(block=block)))
        except ColearnError as error:
            self.gaps.append(unchecked("node", f"{name_of(node)}: {error}"))

    def changes(
        self, nodes: Sequence[Node], block: int, name: Callable[[Address], str]
    ) -> tuple[Change, ...] | None:
        """What the organizer changed, if a node has the logs; worth knowing, so no gap if none has."""
        from colearn_chain.chain.organizer_log import in_words, organizers_acts  # noqa: PLC0415 - likewise

        for node in nodes:
            try:
                acts = organizers_acts(node, self.deployment.contract, self.card.block.number, block)
            except ColearnError:
                continue
            return tuple(Change(act.block, in_words(act, name)) for act in acts)
        return None


def contents_of(history: History, experiment: str, folder: Path) -> Contents:
    """What a directory store holds of an experiment.

    Args:
        history: says which digests there have to be; one that does not hold has no contents to look for.
        experiment: its CAIP-10 name.
        folder: the store's.

    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no store at {folder}")
    with tempfile.TemporaryDirectory() as scratch:
        store = ArtefactStore(DirectoryStorage(folder), Path(scratch))
        try:
            spec = store.fetch_spec(history.spec_digest).spec
            rounds = fold(history)
        except (StorageError, ProtocolViolation) as error:
            return Contents(None, str(error))
        proposals = tuple(_proposals(store, rounds, experiment, spec))
    return Contents(spec, proposals=tuple(_blamed(content, folder) for content in proposals))


def _blamed(content: Content, folder: Path) -> Content:
    """Tell a proposal that is no good from a good one that the store has damaged."""
    digest = content.closed.round.digest
    if content.state is not State.INVALID or _is_sound(folder / cid_of(digest), digest):
        return content
    return Content(content.closed, State.GONE, f"what the store has instead is damaged: {content.reason}")


def _is_sound(kept: Path, digest: Digest) -> bool:
    try:
        return folder_digest(kept) == digest
    except (InvalidArtefact, OSError):
        return False


def _proposals(
    store: ArtefactStore, rounds: Sequence[ClosedRound], experiment: str, spec: ExperimentSpec
) -> Iterator[Content]:
    for closed in rounds:
        if closed.round.digest != NO_DIGEST:
            claim = ProposalClaim(experiment, closed.number, closed.proposer, closed.parent_digest)
            yield _content(store, closed, claim, spec)


def _content(
    store: ArtefactStore, closed: ClosedRound, claim: ProposalClaim, spec: ExperimentSpec
) -> Content:
    try:
        fetched = store.fetch_proposal(closed.round.digest, claim, spec.weight_schema)
    except StorageError as error:
        return Content(closed, State.GONE, str(error))
    except ProtocolViolation as error:
        return Content(closed, State.INVALID, str(error))
    training = fetched.manifest.training
    return Content(closed, State.VALID, budget=training.dp_budget if training else None)
