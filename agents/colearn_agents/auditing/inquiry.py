"""Nodes asked about an experiment, all as of one block: what they say, and what they leave open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colearn_agents.configuration.config_tables import LOCAL_CHAINS
from colearn_agents.watching import Watch, nobody_watches
from colearn_agents.wording import counted
from colearn_chain.audit import AsOf, Change, Log, LoggedBallot, Witness, unchecked
from colearn_chain.chain.cards import name_of, sighting_of
from colearn_chain.chain.contract import ExperimentContract
from colearn_chain.chain.logs import read_log
from colearn_chain.chain.networks import confirmed_block
from colearn_chain.chain.node import octets, quantity
from colearn_chain.chain.organizer_log import ORGANIZERS_EVENTS, in_words, organizers_acts
from colearn_chain.errors import ChainError, ColearnError
from colearn_chain.types import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from colearn_chain.artefacts import Card, Deployment
    from colearn_chain.audit import Finding
    from colearn_chain.chain.logs import LogEntry
    from colearn_chain.chain.networks import Finality
    from colearn_chain.chain.node import Node
    from colearn_chain.rounds import History
    from colearn_chain.types import Address

VOTED = "Voted"
"""The event of a ballot that counts."""


@dataclass(frozen=True)
class _Head:
    """The block that counts for one node."""

    node: Node
    number: int
    finality: str


@dataclass
class Inquiry:
    """What nodes said of a card's experiment.

    Attributes:
        deployment: what follows from the card.
        card: where the experiment is said to be.
        name: what to call an address.
        watch: is told what is being read.
        history: of the first node that has one.
        source: that node.
        as_of: the block that all of it is about.
        witnesses: the nodes that answered.
        log: of the first node that has one.
        log_gap: why none has.
        gaps: what could not be had.
    """

    deployment: Deployment
    card: Card
    name: Callable[[Address], str] = str
    watch: Watch = nobody_watches
    history: History | None = None
    source: str = "no node"
    as_of: AsOf | None = None
    witnesses: list[Witness] = field(default_factory=list)
    log: Log | None = None
    log_gap: str = "no node answered"
    gaps: list[Finding] = field(default_factory=list)

    def ask_all(self, nodes: Sequence[Node], finality: Finality | None) -> None:
        """Ask nodes as of the latest block that counts for all of them."""
        heads = [head for node in nodes if (head := self._head_of(node, finality)) is not None]
        if not heads:
            return
        lowest = min(heads, key=lambda head: head.number)
        believed = [head.node for head in heads if self._ask(head.node, lowest)]
        self._read_log(believed, range(self.card.block.number, lowest.number + 1))

    def _head_of(self, node: Node, finality: Finality | None) -> _Head | None:
        """The block that counts for a node; None: it cannot know of the experiment, and that is put down."""
        try:
            if node.chain_id != self.card.chain_id:
                self.witnesses.append(Witness(sighting_of(node, self.deployment)))
                return None
            head = _head(node, finality)
            if head.number < self.card.block.number:
                raise ChainError(
                    f"the experiment was deployed in block {self.card.block.number}, and block {head.number} "
                    f"is {head.finality}"
                )
        except ColearnError as error:
            self._miss(node, error)
            return None
        return head

    def _ask(self, node: Node, head: _Head) -> bool:
        """Let a node say what it knows; whether it knows the card's experiment.

        The first that has a history is believed to have the history.
        """
        contract = ExperimentContract(node, self.deployment.contract)
        try:
            sighting = sighting_of(node, self.deployment, block=head.number)
            if list(sighting.contradictions(self.card, self.deployment)):
                self.witnesses.append(Witness(sighting))
                return False
            header, rules = node.block(head.number), contract.rules(block=head.number)
            witness = Witness(
                sighting,
                contract.history_hash(block=head.number),
                "0x" + octets(header.get("hash")).hex(),
                rules,
            )
            if self.history is None and rules == self.deployment.rules:
                self._read_history(contract, head, header)
        except ColearnError as error:
            self._miss(node, error)
            return False
        self.witnesses.append(witness)
        return True

    def _read_history(self, contract: ExperimentContract, head: _Head, header: Mapping[str, Any]) -> None:
        node, time = name_of(contract.node), Timestamp(quantity(header.get("timestamp")))
        progress = self.watch(f"reading rounds from {node}")
        self.history, self.source = contract.history(block=head.number, progress=progress), node
        self.as_of = AsOf(head.number, time, head.finality)

    def _read_log(self, nodes: Sequence[Node], blocks: range) -> None:
        """Read the first log that is to be had; worth knowing, so it is no gap if there is none."""
        for node in nodes:
            progress = self.watch(f"reading the log of {name_of(node)}")
            try:
                entries = read_log(
                    node, self.deployment.contract, {*ORGANIZERS_EVENTS, VOTED}, blocks, progress
                )
                acts = organizers_acts(entries)
            except ChainError as error:
                self.log_gap = f"{name_of(node)}: {error}"
                continue
            changes = (Change(act.block, in_words(act, self.name)) for act in acts)
            ballots = (_ballot(entry) for entry in entries if entry.event == VOTED)
            self.log = Log(name_of(node), tuple(changes), tuple(ballots))
            return

    def _miss(self, node: Node, error: ColearnError) -> None:
        self.gaps.append(unchecked("node", f"{name_of(node)}: {error}"))


def _head(node: Node, finality: Finality | None) -> _Head:
    if finality is not None:
        return _Head(node, confirmed_block(node, finality), _in_words(finality))
    if node.chain_id in LOCAL_CHAINS:
        return _Head(node, node.block_number(), _in_words(0))
    try:
        return _Head(node, confirmed_block(node, "finalized"), _in_words("finalized"))
    except ChainError:
        return _Head(node, node.block_number(), "the latest, since the node calls none finalized")


def _in_words(finality: Finality) -> str:
    if isinstance(finality, int):
        return f"the latest with {counted(finality, 'confirmation')}" if finality else "the latest"
    return f"the latest that the chain calls {finality}"


def _ballot(entry: LogEntry) -> LoggedBallot:
    values = entry.values
    return LoggedBallot(
        values["round"], values["learner"], values["ballot"], (entry.block, entry.transaction)
    )
