"""What the contract keeps, as a value, and what its views answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_chain.rounds.snapshot import Phase, Snapshot
from colearn_chain.rounds.word import UNOPENED, Ballot, Round, Status
from colearn_chain.types import Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from colearn_chain.rounds.membership import Membership
    from colearn_chain.rounds.roster import Roster
    from colearn_chain.rounds.rules import Rules


@dataclass(frozen=True, kw_only=True)
class State:
    """What the contract keeps, and its views.

    Attributes:
        rules: fixed at deployment.
        spec_digest: of what all start from.
        first_organizer: who deployed.
        organizer: who has the role now; the zero address: nobody.
        invited: the addresses that have an invitation.
        memberships: all that were made, in order.
        rounds: all that were opened, from round 1.
        accepted: the last accepted round; 0: none.
        roster: who is in the coming rounds.
        history_hash: commits to everything decided so far.
    """

    rules: Rules
    spec_digest: Digest
    first_organizer: Address
    organizer: Address
    invited: frozenset[Address]
    memberships: tuple[Membership, ...]
    rounds: tuple[Round, ...]
    accepted: RoundNumber
    roster: Roster
    history_hash: bytes

    @property
    def number(self) -> RoundNumber:
        """The round opened last; 0 before the first."""
        return RoundNumber(len(self.rounds))

    @property
    def is_open(self) -> bool:
        """Whether a round is open."""
        return self.round(self.number).status.is_open

    @property
    def phase(self) -> Phase:
        """Where the experiment stands."""
        if self.is_open:
            voting = self.round(self.number).status is Status.VOTING
            return Phase.VOTING if voting else Phase.PROPOSING
        return Phase.FINISHED if self.number == self.rules.max_rounds else Phase.JOINING

    def round(self, number: int) -> Round:
        """A round; all zero if it has not been opened."""
        return self.rounds[number - 1] if 1 <= number <= self.number else UNOPENED

    def ballot_of(self, number: int, membership: int) -> Ballot:
        """A membership's ballot in a round; NONE if it has none, or does not cover the round."""
        member = self.memberships[membership]
        return self.round(number).ballot_at(member.seat) if member.covers(number) else Ballot.NONE

    def learners(self) -> list[Membership]:
        """The memberships that cover the earliest round ahead or a later one."""
        earliest = self.earliest_ahead
        return [m for m in self.memberships if m.last_round >= max(earliest, m.first_round)]

    def snapshot(self, learner: Address, block_number: int, now: Timestamp) -> Snapshot:
        """All that a learner's agent needs, as of a block."""
        index = self.latest(learner)
        latest = None if index is None else self.memberships[index]
        current = self.round(self.number)
        return Snapshot(
            block_number=block_number,
            timestamp=now,
            phase=self.phase,
            number=self.number,
            accepted=self.accepted,
            accepted_digest=self.round(self.accepted).digest if self.accepted else self.spec_digest,
            active=self.roster.active,
            arriving=self.roster.arriving,
            departing=self.roster.departing,
            round_word=current.word,
            round_digest=current.digest,
            history_hash=self.history_hash,
            memberships=len(self.memberships),
            invited=learner in self.invited,
            joined=latest is not None,
            seat=latest.seat if latest else Seat(0),
            first_round=latest.first_round if latest else RoundNumber(0),
            last_round=latest.last_round if latest else RoundNumber(0),
            membership=index or 0,
        )

    @property
    def earliest_ahead(self) -> int:
        """The open round; when none is open, the next."""
        return self.number if self.is_open else self.number + 1

    def latest(self, learner: Address) -> int | None:
        """The index of an address's latest membership."""
        indices = range(len(self.memberships) - 1, -1, -1)
        return next((index for index in indices if self.memberships[index].learner == learner), None)

    def last_round_of(self, learner: Address) -> RoundNumber:
        """The last round of an address's latest membership; 0 if it never had one."""
        index = self.latest(learner)
        return RoundNumber(0) if index is None else self.memberships[index].last_round
