"""All that an audit goes by: what was gathered, from whom, and what could not be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colearn_chain.artefacts.card import Card, Release, Sighting
    from colearn_chain.audit.contents import Contents
    from colearn_chain.audit.findings import Finding
    from colearn_chain.rounds import Ballot, History, Rules
    from colearn_chain.types import Address, RoundNumber, Timestamp


@dataclass(frozen=True)
class AsOf:
    """The block that nodes were asked about.

    Attributes:
        number: the block's.
        time: the block's, in seconds since 1970.
        finality: why this block, in words, such as ``the latest that the chain calls finalized``.
    """

    number: int
    time: Timestamp
    finality: str


@dataclass(frozen=True)
class Witness:
    """What one node says.

    Attributes:
        sighting: of the card's transaction.
        history_hash: the contract's, as of the block of the audit, 32 bytes; None: the node was not asked,
            since it contradicts the card.
        block_hash: that block's, 0x and 64 hex digits; None: likewise.
        rules: the contract's; None: likewise.
    """

    sighting: Sighting
    history_hash: bytes | None = None
    block_hash: str | None = None
    rules: Rules | None = None


@dataclass(frozen=True)
class Change:
    """Something that the organizer changed.

    Attributes:
        block: when.
        text: what, in words.
    """

    block: int
    text: str


@dataclass(frozen=True)
class LoggedBallot:
    """A ballot with the moment at which it was cast.

    Attributes:
        number: in which round.
        learner: whose it is.
        ballot: the ballot.
        moment: block, and index of the transaction in it; ballots of one transaction have one moment.
    """

    number: RoundNumber
    learner: Address
    ballot: Ballot
    moment: tuple[int, int]


@dataclass(frozen=True)
class Log:
    """The contract's log, which commits to nothing: its node is believed.

    Attributes:
        node: whose it is.
        changes: what the organizer changed, in order.
        ballots: all that were counted, in order.
    """

    node: str
    changes: tuple[Change, ...] = ()
    ballots: tuple[LoggedBallot, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that an audit goes by.

    Attributes:
        card: what it begins with.
        releases: the contracts that are known.
        history: what is said to have happened; None: it could not be had, and ``gaps`` say why.
        source: who says so.
        as_of: the block that nodes were asked about; None: no node was asked, or none answered.
        history_card: the card that came with the history, if it came from a file.
        trusted_hash: the contract's history hash from a trusted source, 32 bytes; None: there is none.
        witnesses: the nodes that answered.
        contents: what a store holds; None: nobody asked it.
        log: the contract's; None: none was to be had.
        log_gap: why not.
        gaps: what could not be had, and why.
    """

    card: Card
    releases: tuple[Release, ...]
    history: History | None
    source: str = "a history"
    as_of: AsOf | None = None
    history_card: Card | None = None
    trusted_hash: bytes | None = None
    witnesses: tuple[Witness, ...] = ()
    contents: Contents | None = None
    log: Log | None = None
    log_gap: str = "no node was asked"
    gaps: tuple[Finding, ...] = ()
