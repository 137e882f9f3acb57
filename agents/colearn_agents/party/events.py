"""What an agent did or saw, as values, for whoever looks on: a live table, a log, a plot.

An observer is called in the agent's own thread between two steps of its work. What it raises ends the agent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colearn_chain.chain import Receipt
    from colearn_chain.ml_interface import TrainingSummary
    from colearn_chain.rounds import Ballot, Closing, Status
    from colearn_chain.types import Address, Digest, RoundNumber


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in a round; round 0 is the time before the first."""

    round: RoundNumber


@dataclass(frozen=True, kw_only=True)
class LearnerEvent(Event):
    """Something that one learner's agent did.

    Attributes:
        learner: its address.
    """

    learner: Address


@dataclass(frozen=True, kw_only=True)
class Training(LearnerEvent):
    """The learner begins to train; `Trained` or `TurnPassed` follows."""


@dataclass(frozen=True, kw_only=True)
class Trained(LearnerEvent):
    """The learner has new weights.

    Attributes:
        summary: what it says of its training, if anything.
    """

    summary: TrainingSummary | None


@dataclass(frozen=True, kw_only=True)
class Proposed(LearnerEvent):
    """The learner's proposal is on chain.

    Attributes:
        digest: of its artefact.
    """

    digest: Digest


@dataclass(frozen=True, kw_only=True)
class TurnPassed(LearnerEvent):
    """The learner had nothing to propose and has passed its turn on chain.

    Attributes:
        reason: why, in words.
    """

    reason: str


@dataclass(frozen=True, kw_only=True)
class Testing(LearnerEvent):
    """The learner begins to look at a proposal; `Tested` follows unless it has to try again later.

    Attributes:
        digest: of the proposal.
    """

    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Tested(LearnerEvent):
    """The learner has judged a proposal; its ballot is not on chain yet.

    Attributes:
        digest: of the proposal.
        vote_score: on the data that the vote is about; None when the proposal could not be tested.
        test_score: on data that influence no vote, in the learner's own measure; None likewise.
        ballot: what it will vote.
        reason: why, in words.
    """

    digest: Digest
    vote_score: float | None
    test_score: float | None
    ballot: Ballot
    reason: str


@dataclass(frozen=True, kw_only=True)
class Voted(LearnerEvent):
    """The learner's ballot is on chain.

    Attributes:
        digest: what it judges.
        ballot: the ballot.
    """

    digest: Digest
    ballot: Ballot


@dataclass(frozen=True, kw_only=True)
class Adopted(LearnerEvent):
    """The learner holds the accepted model; ``round`` is the accepted one, 0 for the spec's first weights.

    Attributes:
        digest: of the model's artefact.
        vote_score: the learner's own score of it; None when it could not be scored.
        test_score: likewise.
    """

    digest: Digest
    vote_score: float | None
    test_score: float | None


@dataclass(frozen=True, kw_only=True)
class Advanced(LearnerEvent):
    """The learner closed a round whose window had run out."""


@dataclass(frozen=True, kw_only=True)
class Sent(LearnerEvent):
    """A transaction of the learner's was mined and did what it should.

    Attributes:
        call: the contract's function by its Solidity name, or ``deploy``.
        transaction_hash: 0x-prefixed.
        gas_used: as the receipt says.
        closed_round: whether it closed the round.
    """

    call: str
    transaction_hash: str
    gas_used: int
    closed_round: bool


def sent(call: str, number: RoundNumber, learner: Address, receipt: Receipt) -> Sent:
    """The event of a transaction that was mined."""
    return Sent(
        round=number,
        learner=learner,
        call=call,
        transaction_hash=receipt.transaction_hash,
        gas_used=receipt.gas_used,
        closed_round=any(told.name == "RoundClosed" for told in receipt.events),
    )


@dataclass(frozen=True, kw_only=True)
class Stopped(LearnerEvent):
    """The learner takes no further part.

    Attributes:
        reason: why, in words.
    """

    reason: str


@dataclass(frozen=True, kw_only=True)
class RoundClosed(Event):
    """A round is closed on chain; one event for the whole group, read from the contract's views.

    Attributes:
        outcome: Accepted, Rejected or Skipped.
        closing: how it closed.
        proposer: whose turn it was.
        digest: what was proposed; all zero: nothing.
        ballots: by learner, in seat order, of everyone whose ballot counted; ``Ballot.NONE`` for silence.
    """

    outcome: Status
    closing: Closing
    proposer: Address
    digest: Digest
    ballots: Mapping[Address, Ballot]


@dataclass(frozen=True, kw_only=True)
class Stalled(Event):
    """The group gives up: so many rounds in a row went by without an accepted proposal.

    Attributes:
        reason: why, in words.
    """

    reason: str


Observer = Callable[[Event], None]
"""Called with each event as it happens."""


def ignore(event: Event) -> None:
    """Observe nothing."""
