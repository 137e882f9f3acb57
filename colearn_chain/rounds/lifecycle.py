"""The life cycle of a round. Rule: everything that changes a round is here, and goes through the table.

A call is judged in one order, the contract's: the round's status, the window, whether the caller's membership
covers the round, its role, the digest, its ballot. What is refused raises and changes nothing. In a batch of
signed ballots those of the signers are judged one by one, after the digest, and spoil no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from colearn_chain.rounds.roster import next_seat
from colearn_chain.rounds.rules import RuleBroken, Rules
from colearn_chain.rounds.tally import is_accepted
from colearn_chain.rounds.word import UNOPENED, Ballot, Closing, Round, Skip, Status
from colearn_chain.types import NO_DIGEST, Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colearn_chain.rounds.membership import Membership


class Event(Enum):
    """What can happen to a round, by the call that brings it about; ``open`` comes with others."""

    OPEN = "open"
    CONTRIBUTE = "contribute"
    PROPOSE = "propose"
    PASS_TURN = "passTurn"  # noqa: S105 - a turn, not a password
    CAST_BALLOT = "castBallot"
    CAST_BALLOTS = "castBallots"
    ADVANCE = "advance"


Standing = tuple[Status, Closing]
"""Where a round stands, and how it closed."""

_PROPOSING, _VOTING = (Status.PROPOSING, Closing.NONE), (Status.VOTING, Closing.NONE)

_VOTED: tuple[Standing, ...] = (
    _VOTING,
    (Status.ACCEPTED, Closing.COMPLETE),
    (Status.ACCEPTED, Closing.CERTAIN),
    (Status.REJECTED, Closing.COMPLETE),
    (Status.REJECTED, Closing.CERTAIN),
)

TABLE: Mapping[tuple[Status, Event], tuple[Standing, ...]] = MappingProxyType(
    {
        (Status.NONE, Event.OPEN): (_PROPOSING,),
        (Status.PROPOSING, Event.CONTRIBUTE): (_PROPOSING,),
        (Status.PROPOSING, Event.PROPOSE): (_VOTING,),
        (Status.PROPOSING, Event.PASS_TURN): ((Status.SKIPPED, Closing.PASSED),),
        (Status.PROPOSING, Event.ADVANCE): ((Status.SKIPPED, Closing.DEADLINE),),
        (Status.VOTING, Event.CAST_BALLOT): _VOTED,
        (Status.VOTING, Event.CAST_BALLOTS): _VOTED,
        (Status.VOTING, Event.ADVANCE): (
            (Status.ACCEPTED, Closing.DEADLINE),
            (Status.REJECTED, Closing.DEADLINE),
        ),
    }
)
"""All that may happen: from a status, by an event, to one of these. What is not here is refused."""

ENDINGS: frozenset[Standing] = frozenset(
    standing for standings in TABLE.values() for standing in standings if not standing[0].is_open
)
"""All the ways in which a round can end."""

_REFUSALS = MappingProxyType(
    {Event.CAST_BALLOT: "NotVoting", Event.CAST_BALLOTS: "NotVoting", Event.ADVANCE: "NotOpen"}
)


@dataclass(frozen=True)
class Caller:
    """Who calls, and its latest membership, if it has or had one."""

    address: Address
    membership: Membership | None


class Judged(NamedTuple):
    """What became of one signed ballot in a batch.

    Attributes:
        signer: who signed it, as recovered from the signature; None: nobody can be.
        ballot: what it says.
        skip: why it was not counted; None: it was.
    """

    signer: Address | None
    ballot: Ballot
    skip: Skip | None


def voters_of(round_: Round, rules: Rules) -> int:
    """Bitmap of the seats whose ballot counts."""
    return round_.electorate if rules.count_proposer else round_.electorate & ~(1 << round_.proposer)


def outcome_of(round_: Round, rules: Rules) -> Status:
    """Accepted or Rejected, by the ballots cast so far."""
    voters = voters_of(round_, rules).bit_count()
    accepted = is_accepted(round_.approvals.bit_count(), voters, rules.threshold_bps)
    return Status.ACCEPTED if accepted else Status.REJECTED


def is_complete(round_: Round, rules: Rules) -> bool:
    """Whether every voter has voted."""
    return _missing(round_, rules) == 0


def is_certain(round_: Round, rules: Rules) -> bool:
    """Whether the ballots that are missing can change the outcome no more."""
    voters = voters_of(round_, rules).bit_count()
    most = round_.approvals.bit_count() + _missing(round_, rules)
    possible = is_accepted(most, voters, rules.threshold_bps)
    return outcome_of(round_, rules) is Status.ACCEPTED or not possible


def _missing(round_: Round, rules: Rules) -> int:
    cast = round_.approvals | round_.rejections | round_.unavailables
    return (voters_of(round_, rules) & ~cast).bit_count()


def opened(electorate: int, last_proposer: int, deadline: Timestamp) -> Round:
    """Open a round; the proposer is the next seat after the last proposer's (-1: there was none)."""
    standing = replace(UNOPENED, electorate=electorate, proposer=next_seat(electorate, last_proposer))
    return _moved(standing, Event.OPEN, _PROPOSING, deadline)


def _moved(round_: Round, event: Event, to: Standing, time: Timestamp) -> Round:
    if to not in TABLE.get((round_.status, event), ()):
        raise RuntimeError(f"the table has no {event.value} from {round_.status.name} to {to}")
    return replace(round_, status=to[0], closing=to[1], time=time)


@dataclass(frozen=True)
class RoundAt:
    """A round at a moment: what each event makes of it.

    Attributes:
        number: the round's.
        round: as it stands.
        rules: the experiment's.
        now: the block's time.
    """

    number: RoundNumber
    round: Round
    rules: Rules
    now: Timestamp

    def contribute(self, caller: Caller, digest: Digest) -> None:
        """Announce an update; the round stays as it is.

        Raises:
            RuleBroken: NotProposing, ContributionsClosed, NotMember or EmptyDigest.
        """
        self._allow(Event.CONTRIBUTE)
        window = self.rules.contribution_window
        until = self.round.time - self.rules.proposal_window + window if window else 0
        if self.now > until:
            raise RuleBroken("ContributionsClosed", {"round": self.number, "until": until})
        self._member(caller)
        _check_digest(digest)

    def propose(self, caller: Caller, digest: Digest) -> Round:
        """Put up the proposal; the voting window begins.

        Raises:
            RuleBroken: NotProposing, DeadlinePassed, NotMember, NotProposer or EmptyDigest.
        """
        self._allow(Event.PROPOSE)
        self._check_window()
        self._check_proposer(caller)
        _check_digest(digest)
        deadline = Timestamp(self.now + self.rules.voting_window)
        return replace(_moved(self.round, Event.PROPOSE, _VOTING, deadline), digest=digest)

    def pass_turn(self, caller: Caller) -> Round:
        """Close the round without a proposal.

        Raises:
            RuleBroken: NotProposing, DeadlinePassed, NotMember or NotProposer.
        """
        self._allow(Event.PASS_TURN)
        self._check_window()
        self._check_proposer(caller)
        return _moved(self.round, Event.PASS_TURN, (Status.SKIPPED, Closing.PASSED), self.now)

    def cast_ballot(self, caller: Caller, digest: Digest, ballot: int) -> Round:
        """Cast the caller's ballot, and close the round if that completes it or makes its outcome certain.

        Raises:
            RuleBroken: NotVoting, DeadlinePassed, NotMember, ProposerHasNoBallot, DigestMismatch,
                InvalidBallot or AlreadyVoted.
        """
        self._allow(Event.CAST_BALLOT)
        self._check_window()
        seat = self._voter(caller)
        self._check_proposed(digest)
        if not Ballot.APPROVE <= ballot <= Ballot.UNAVAILABLE:
            raise RuleBroken("InvalidBallot", {"ballot": ballot})
        cast = self.round.ballot_at(seat)
        if cast is not Ballot.NONE:
            raise RuleBroken(
                "AlreadyVoted", {"learner": caller.address, "round": self.number, "ballot": cast}
            )
        return self._settled(self.round.with_ballot(seat, Ballot(ballot)), Event.CAST_BALLOT)

    def cast_ballots(
        self, digest: Digest, ballots: Iterable[tuple[Ballot, Caller | None]]
    ) -> tuple[Round, tuple[Judged, ...]]:
        """Cast ballots that others signed; whether they close the round is asked once, after the last.

        Args:
            digest: what they all judge.
            ballots: each with its signer; None: nobody can be recovered.

        Returns:
            The round, unchanged if no ballot counted, and what became of each.

        Raises:
            RuleBroken: NotVoting, DeadlinePassed or DigestMismatch; no ballot can break a rule by itself.
        """
        self._allow(Event.CAST_BALLOTS)
        self._check_window()
        self._check_proposed(digest)
        voted, judged = self.round, []
        for ballot, signer in ballots:
            voted, skip = self._counted(voted, ballot, signer)
            judged.append(Judged(signer.address if signer else None, ballot, skip))
        return self._settled(voted, Event.CAST_BALLOTS), tuple(judged)

    def advance(self) -> Round:
        """Close the round, since its window has run out.

        Raises:
            RuleBroken: NotOpen or DeadlineNotPassed.
        """
        self._allow(Event.ADVANCE)
        if self.now <= self.round.time:
            raise RuleBroken("DeadlineNotPassed", {"round": self.number, "deadline": self.round.time})
        is_voting = self.round.status is Status.VOTING
        outcome = outcome_of(self.round, self.rules) if is_voting else Status.SKIPPED
        return _moved(self.round, Event.ADVANCE, (outcome, Closing.DEADLINE), self.now)

    def _counted(self, voted: Round, ballot: Ballot, signer: Caller | None) -> tuple[Round, Skip | None]:
        """The round with a signed ballot, or as it was and why."""
        if signer is None:
            return voted, Skip.BAD_SIGNATURE
        membership = signer.membership
        if membership is None or not membership.covers(self.number):
            return voted, Skip.NOT_MEMBER
        if not voters_of(voted, self.rules) >> membership.seat & 1:
            return voted, Skip.NO_BALLOT
        if voted.ballot_at(membership.seat) is not Ballot.NONE:
            return voted, Skip.ALREADY_VOTED
        return voted.with_ballot(membership.seat, ballot), None

    def _settled(self, voted: Round, event: Event) -> Round:
        if is_complete(voted, self.rules):
            how = Closing.COMPLETE
        elif self.rules.close_early and is_certain(voted, self.rules):
            how = Closing.CERTAIN
        else:
            return _moved(voted, event, _VOTING, voted.time)
        return _moved(voted, event, (outcome_of(voted, self.rules), how), self.now)

    def _allow(self, event: Event) -> None:
        if (self.round.status, event) not in TABLE:
            name = _REFUSALS.get(event, "NotProposing")
            raise RuleBroken(name, {"round": self.number, "status": self.round.status})

    def _check_window(self) -> None:
        if self.now > self.round.time:
            raise RuleBroken("DeadlinePassed", {"round": self.number, "deadline": self.round.time})

    def _check_proposed(self, digest: Digest) -> None:
        if digest != self.round.digest:
            values = {"round": self.number, "given": digest, "proposed": self.round.digest}
            raise RuleBroken("DigestMismatch", values)

    def _member(self, caller: Caller) -> Seat:
        membership = caller.membership
        if membership is None or not membership.covers(self.number):
            raise RuleBroken("NotMember", {"caller": caller.address, "round": self.number})
        return membership.seat

    def _check_proposer(self, caller: Caller) -> None:
        if self._member(caller) != self.round.proposer:
            values = {"caller": caller.address, "round": self.number, "proposer": self.round.proposer}
            raise RuleBroken("NotProposer", values)

    def _voter(self, caller: Caller) -> Seat:
        seat = self._member(caller)
        if not voters_of(self.round, self.rules) >> seat & 1:
            raise RuleBroken("ProposerHasNoBallot", {"learner": caller.address, "round": self.number})
        return seat


def _check_digest(digest: Digest) -> None:
    if digest == NO_DIGEST:
        raise RuleBroken("EmptyDigest", {})


def mermaid() -> str:
    """Draw the table as a mermaid state diagram, as docs/protocol.md shows it."""
    return "\n".join(["stateDiagram-v2", *_arrows()]) + "\n"


def _arrows() -> list[str]:
    calls: dict[tuple[Status, Standing], list[str]] = {}
    for (status, event), standings in TABLE.items():
        for standing in standings:
            calls.setdefault((status, standing), []).append(event.value)
    lines = [
        f"    {_state(status)} --> {_state(to)}: {', '.join(names)}{_manner(how)}"
        for (status, (to, how)), names in calls.items()
    ]
    ends = sorted({to for to, _ in ENDINGS})
    return lines + [f"    {_state(end)} --> [*]" for end in ends]


def _state(status: Status) -> str:
    return "[*]" if status is Status.NONE else status.name.capitalize()


def _manner(how: Closing) -> str:
    return "" if how is Closing.NONE else f" ({how.name.lower()})"
