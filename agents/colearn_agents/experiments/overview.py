"""An experiment at a glance: who takes part, what is going on, what came of the last rounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from colearn_chain.chain.node import NOBODY
from colearn_chain.rounds import Ballot, Phase, seats_of
from colearn_chain.rounds.lifecycle import voters_of
from colearn_chain.storage import cid_of
from colearn_chain.types import NO_DIGEST, NO_END

if TYPE_CHECKING:
    from colearn_chain.chain import ExperimentContract
    from colearn_chain.rounds import Membership, Round, Rules, Snapshot
    from colearn_chain.types import Address, Digest

LAST_ROUNDS = 5
"""So many closed rounds are told of; ``history`` tells of all."""

MOST_MEMBERSHIPS = 500
"""So many of the latest memberships are told of."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An experiment as of one block.

    Attributes:
        snapshot: as the one sees it who looks, or nobody.
        organizer: who has the role; the zero address: nobody.
        memberships: the latest ones, in order.
        last_rounds: the last closed ones by number, in order.
    """

    snapshot: Snapshot
    organizer: Address
    memberships: tuple[Membership, ...]
    last_rounds: tuple[tuple[int, Round], ...]

    @property
    def is_open(self) -> bool:
        """Whether a round is open."""
        return self.snapshot.phase in {Phase.PROPOSING, Phase.VOTING}

    def learner_at(self, seat: int, number: int) -> Address | None:
        """Who had a seat in a round; None: the membership is older than those that are told of."""
        sitting = (made for made in self.memberships if made.seat == seat and made.covers(number))
        return next((made.learner for made in sitting), None)


def look(contract: ExperimentContract, viewer: Address = NOBODY) -> Overview:
    """Read an overview from the contract's views, all as of one block.

    Raises:
        ChainError: the node did not answer, or not with sense.
    """
    snapshot = contract.snapshot(viewer)
    at, memberships = snapshot.block_number, snapshot.memberships
    first = max(snapshot.number - LAST_ROUNDS, 1)
    rounds = enumerate(contract.rounds(first, LAST_ROUNDS + 1, block=at), first)
    closed = [(number, each) for number, each in rounds if not each.status.is_open]
    start = max(memberships - MOST_MEMBERSHIPS, 0)
    return Overview(
        snapshot=snapshot,
        organizer=contract.organizer(block=at),
        memberships=tuple(contract.memberships(start, MOST_MEMBERSHIPS, block=at)),
        last_rounds=tuple(closed[-LAST_ROUNDS:]),
    )


def part_in_words(made: Membership, snapshot: Snapshot, *, is_open: bool) -> str:
    """From when and until when a membership lasts, as seen from the present round."""
    if made.last_round < made.first_round:
        return "left before its first round"
    ahead = snapshot.number + (not is_open)
    if made.last_round < ahead:
        return f"took part from round {made.first_round} to {made.last_round}"
    until = "" if made.last_round == NO_END else f", until round {made.last_round}"
    return f"from round {made.first_round} on{until}" if made.first_round > ahead else f"takes part{until}"


def tally(round_: Round, rules: Rules) -> dict[Ballot, int]:
    """How many of those that have a ballot cast which; NONE: none yet."""
    ballots = [round_.ballot_at(seat) for seat in seats_of(voters_of(round_, rules))]
    return {kind: ballots.count(kind) for kind in Ballot}


def overview_document(overview: Overview, rules: Rules) -> dict[str, Any]:
    """An overview as JSON has it: times in seconds since 1970, ``last_round`` null while there is no end."""
    snapshot = overview.snapshot
    return {
        "block": {"number": snapshot.block_number, "time": snapshot.timestamp},
        "phase": snapshot.phase.name.lower(),
        "organizer": None if overview.organizer == NOBODY else overview.organizer,
        "memberships": [_membership(made) for made in overview.memberships],
        "open_round": _open_round(overview, rules),
        "last_rounds": [_round(overview, number, each, rules) for number, each in overview.last_rounds],
        "accepted": {"round": snapshot.accepted, **_content(snapshot.accepted_digest)},
        "history_hash": "0x" + snapshot.history_hash.hex(),
    }


def _membership(made: Membership) -> dict[str, Any]:
    end = None if made.last_round == NO_END else made.last_round
    return asdict(made) | {"last_round": end, "encryption_key": "0x" + made.encryption_key.hex()}


def _open_round(overview: Overview, rules: Rules) -> dict[str, Any] | None:
    if not overview.is_open:
        return None
    current = overview.snapshot.round
    return _round(overview, overview.snapshot.number, current, rules) | {"deadline": current.time}


def _round(overview: Overview, number: int, round_: Round, rules: Rules) -> dict[str, Any]:
    return {
        "number": number,
        "status": round_.status.name.lower(),
        "proposer": overview.learner_at(round_.proposer, number),
        "proposer_seat": round_.proposer,
        "proposal": None if round_.digest == NO_DIGEST else _content(round_.digest),
        "ballots": {kind.name.lower(): count for kind, count in tally(round_, rules).items()},
        "time": round_.time,
    }


def _content(digest: Digest) -> dict[str, str]:
    return {"digest": "0x" + digest.hex(), "cid": cid_of(digest)}
