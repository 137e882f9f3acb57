"""An experiment's history: read from the contract's views alone, at one block, and checked by its hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from colearn_chain.artefacts import experiment_id
from colearn_chain.chain.node import NOBODY
from colearn_chain.rounds import Ballot, ClosedRound, History, Phase, Round, fold, seats_of
from colearn_chain.rounds.lifecycle import voters_of
from colearn_chain.storage import cid_of
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber, unwatched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colearn_chain.chain.contract import ExperimentContract
    from colearn_chain.chain.node import BlockIdentifier
    from colearn_chain.rounds import Membership
    from colearn_chain.types import Progress, Timestamp

FORMAT = "colearn-chain/history"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class CheckedHistory:
    """A history that breaks no rule and is what the contract's history hash commits to.

    Attributes:
        history: as it was read.
        closed: its closed rounds, with names for seats.
        open_number: the open round; None: none is open.
        open_round: that round.
        phase: where the experiment stands.
        organizer: who holds that role; the zero address: nobody.
        block_number: the block that all of it was read at.
        timestamp: its time, in seconds since 1970.
    """

    history: History
    closed: tuple[ClosedRound, ...]
    open_number: RoundNumber | None
    open_round: Round | None
    phase: Phase
    organizer: Address
    block_number: int
    timestamp: Timestamp

    @property
    def seats(self) -> int:
        """One more than the highest seat that anybody has had."""
        return max((made.seat + 1 for made in self.history.memberships), default=0)

    @property
    def experiment(self) -> str:
        """The experiment's CAIP-10 name."""
        return experiment_id(self.history.chain_id, self.history.address)


def read_history(
    contract: ExperimentContract, *, block: BlockIdentifier = "latest", progress: Progress = unwatched
) -> CheckedHistory:
    """Read everything that the contract remembers, and check it.

    Args:
        contract: the experiment.
        block: as of which block.
        progress: told how many rounds and memberships have been read.

    Raises:
        ChainError: the node did not answer, or not with sense.
        InvalidHistory: what it answered breaks a rule or is not what the history hash commits to.
    """
    seen = contract.snapshot(NOBODY, block=block)
    at = seen.block_number
    is_open = seen.phase in {Phase.PROPOSING, Phase.VOTING}
    history = contract.history(block=at, progress=progress)
    return CheckedHistory(
        history=history,
        closed=fold(history),
        open_number=seen.number if is_open else None,
        open_round=seen.round if is_open else None,
        phase=seen.phase,
        organizer=contract.organizer(block=at),
        block_number=at,
        timestamp=seen.timestamp,
    )


def ballots_by_seat(closed: Round, checked: CheckedHistory) -> dict[int, Ballot]:
    """The ballot of everyone who had one in a round, by seat; NONE for silence."""
    return {seat: closed.ballot_at(seat) for seat in seats_of(voters_of(closed, checked.history.rules))}


def history_document(checked: CheckedHistory) -> dict[str, Any]:
    """The history as JSON has it: the same chain at the same block gives the same document.

    Times are the chain's, in seconds since 1970; digests are 0x and hex, beside the CID that follows from
    them; ``last_round`` is null while a membership has no end.
    """
    history = checked.history
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": checked.experiment,
        "block": {"number": checked.block_number, "time": checked.timestamp},
        "phase": checked.phase.name.lower(),
        "spec": _content(history.spec_digest),
        "first_organizer": history.first_organizer,
        "organizer": checked.organizer,
        "rules": asdict(history.rules),
        "memberships": [_membership(made) for made in history.memberships],
        "rounds": [_closed(closed, checked) for closed in checked.closed],
        "open_round": _open(checked),
        "history_hash": _hex(history.history_hash),
    }


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _content(digest: Digest) -> dict[str, str] | None:
    return None if digest == NO_DIGEST else {"digest": _hex(digest), "cid": cid_of(digest)}


def _membership(made: Membership) -> dict[str, Any]:
    end = None if made.last_round == NO_END else made.last_round
    return asdict(made) | {"last_round": end, "encryption_key": _hex(made.encryption_key)}


def _closed(closed: ClosedRound, checked: CheckedHistory) -> dict[str, Any]:
    ballots = ballots_by_seat(closed.round, checked)
    return {
        "number": closed.number,
        "proposer": closed.proposer,
        "parent": closed.parent,
        "proposal": _content(closed.round.digest),
        "ballots": _named(ballots, closed.learners),
        "outcome": closed.round.status.name.lower(),
        "closing": closed.round.closing.name.lower(),
        "closed_at": closed.round.time,
    }


def _named(ballots: Mapping[int, Ballot], learners: Mapping[Any, Address]) -> dict[str, str]:
    return {learners[seat]: ballot.name.lower() for seat, ballot in ballots.items()}


def _open(checked: CheckedHistory) -> dict[str, Any] | None:
    current = checked.open_round
    if current is None:
        return None
    number = checked.open_number or 0
    learners = {made.seat: made.learner for made in checked.history.memberships if made.covers(number)}
    return {
        "number": number,
        "proposer": learners[current.proposer],
        "status": current.status.name.lower(),
        "proposal": _content(current.digest),
        "ballots": _named(ballots_by_seat(current, checked), learners),
        "deadline": current.time,
    }
