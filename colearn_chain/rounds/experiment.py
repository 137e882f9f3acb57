"""The reference model: the whole contract as a value, written to be read, from ``IExperiment.sol``.

Each method is one of the contract's functions. It returns the experiment after the call, or raises RuleBroken
with the name and the values of the contract's custom error; the experiment it was called on stays as it is.
``cast_ballots`` alone returns more: what became of each ballot, which the contract tells by events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from colearn_chain.rounds import lifecycle
from colearn_chain.rounds.history_hash import fold_closing, fold_join, initial_hash
from colearn_chain.rounds.idle import check_idle
from colearn_chain.rounds.lifecycle import Caller, Judged, RoundAt
from colearn_chain.rounds.membership import Membership
from colearn_chain.rounds.roster import Roster
from colearn_chain.rounds.rules import RuleBroken, Rules
from colearn_chain.rounds.snapshot import Phase
from colearn_chain.rounds.state import State
from colearn_chain.rounds.word import Ballot, Round, Status
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

ZERO_ADDRESS = Address("0x" + 40 * "0")

LONGEST_WRAPPED_KEY = 256
"""Bytes of a content key that is wrapped for one learner, at most."""


@dataclass(frozen=True)
class Call:
    """A transaction: who sends it, and the time of its block."""

    sender: Address
    now: Timestamp


class Experiment(State):
    """One experiment, with the contract's calls; made by ``deploy``. Give addresses checksummed."""

    @classmethod
    def deploy(
        cls, sender: Address, chain_id: int, address: Address, rules: Rules, spec_digest: Digest
    ) -> Experiment:
        """Begin; the sender becomes the organizer.

        Raises:
            RuleBroken: RuleOutOfRange or EmptyDigest.
        """
        rules.check()
        if spec_digest == NO_DIGEST:
            raise RuleBroken("EmptyDigest", {})
        return cls(
            rules=rules,
            spec_digest=spec_digest,
            first_organizer=sender,
            organizer=sender,
            invited=frozenset(),
            memberships=(),
            rounds=(),
            accepted=RoundNumber(0),
            roster=Roster(),
            history_hash=initial_hash(chain_id, address, rules, spec_digest, sender),
        )

    def invite(self, call: Call, learners: Sequence[Address]) -> Experiment:
        """Invite learners, all or none.

        Raises:
            RuleBroken: NotOrganizer, ZeroAddress or AlreadyInvited.
        """
        self._check_organizer(call.sender)
        invited = set(self.invited)
        for learner in learners:
            _check_address(learner)
            if learner in invited:
                raise RuleBroken("AlreadyInvited", {"learner": learner})
            invited.add(learner)
        return replace(self, invited=frozenset(invited))

    def remove(self, call: Call, learner: Address) -> Experiment:
        """Withdraw an invitation and end a membership, with a round of notice while one is open.

        Raises:
            RuleBroken: NotOrganizer; NotActive when there is neither an invitation nor an end to shorten.
        """
        self._check_organizer(call.sender)
        index = self.latest(learner)
        begun = index is None or self.memberships[index].first_round <= self.number + 1
        last = RoundNumber(self.number + 1 if self.is_open and begun else self.number)
        only_invited = learner in self.invited and self.last_round_of(learner) <= last
        ended = self if only_invited else self._ended(learner, last)
        return replace(ended, invited=self.invited - {learner})

    def transfer_organizer(self, call: Call, to: Address) -> Experiment:
        """Hand the organizer's role over.

        Raises:
            RuleBroken: NotOrganizer or ZeroAddress.
        """
        self._check_organizer(call.sender)
        _check_address(to)
        return replace(self, organizer=to)

    def renounce_organizer(self, call: Call) -> Experiment:
        """Give the organizer's role up for good.

        Raises:
            RuleBroken: NotOrganizer.
        """
        self._check_organizer(call.sender)
        return replace(self, organizer=ZERO_ADDRESS)

    def join(self, call: Call, encryption_key: bytes) -> Experiment:
        """Take the lowest free seat.

        Raises:
            RuleBroken: NotInvited, AlreadyMember, TooLateToJoin or NoSeatFree.
        """
        first = self._first_round_of_joiner(call.sender)
        electorate = self.round(self.number).electorate if self.is_open else 0
        seat = self.roster.free_seat(electorate)
        if seat is None:
            raise RuleBroken("NoSeatFree", {})
        return self._joined(call.sender, seat, first, encryption_key)

    def resign(self, call: Call) -> Experiment:
        """End the caller's membership with the open round, or the last closed one.

        Raises:
            RuleBroken: NotActive.
        """
        return self._ended(call.sender, self.number)

    def remove_idle(self, call: Call, learner: Address) -> Experiment:  # noqa: ARG002 - anyone, at any time
        """End, as ``resign`` does, the membership of a learner that missed ``idle_rounds`` rounds.

        Raises:
            RuleBroken: NotActive, TookPart or TooFewMisses.
        """
        ended = self._ended(learner, self.number)
        index = self.latest(learner)
        if index is not None:
            check_idle(self.memberships[index], self.rounds, self.rules)
        return ended

    def start(self, call: Call) -> Experiment:
        """Open the next round, when none is open.

        Raises:
            RuleBroken: NotJoining, StartReserved or TooFewLearners.
        """
        if self.phase is not Phase.JOINING:
            raise RuleBroken("NotJoining", {"phase": self.phase})
        deadline = self.rules.start_deadline
        reserved = self.organizer != ZERO_ADDRESS and call.now <= deadline
        if reserved and call.sender != self.organizer:
            raise RuleBroken("StartReserved", {"caller": call.sender, "startDeadline": deadline})
        learners, least = self.roster.active.bit_count(), self.rules.min_learners
        if learners < least:
            raise RuleBroken("TooFewLearners", {"learners": learners, "minLearners": least})
        return _opened(self, call.now)

    def contribute(self, call: Call, number: RoundNumber, digest: Digest) -> Experiment:
        """Announce an update; nothing is stored. Raises as ``RoundAt.contribute``."""
        self._at(number, call.now).contribute(self._caller(call.sender), digest)
        return self

    def propose(self, call: Call, number: RoundNumber, digest: Digest) -> Experiment:
        """Put up the round's proposal. Raises as ``RoundAt.propose``."""
        return self._with(self._at(number, call.now).propose(self._caller(call.sender), digest), call.now)

    def pass_turn(self, call: Call, number: RoundNumber) -> Experiment:
        """Close the round as Skipped. Raises as ``RoundAt.pass_turn``."""
        return self._with(self._at(number, call.now).pass_turn(self._caller(call.sender)), call.now)

    def cast_ballot(self, call: Call, number: RoundNumber, digest: Digest, ballot: int) -> Experiment:
        """Cast the caller's one ballot. Raises as ``RoundAt.cast_ballot``."""
        voted = self._at(number, call.now).cast_ballot(self._caller(call.sender), digest, ballot)
        return self._with(voted, call.now)

    def cast_ballots(
        self, call: Call, number: RoundNumber, digest: Digest, signers: Sequence[Sequence[Address | None]]
    ) -> tuple[Experiment, tuple[Judged, ...]]:
        """Cast ballots that their learners signed, whoever brings them. Raises as ``RoundAt.cast_ballots``.

        Args:
            call: the sender is of no meaning.
            number: the round.
            digest: what was proposed in it.
            signers: who signed approvals, rejections and unavailables, in this order, as recovered from the
                signatures; None where nobody can be.

        Returns:
            The experiment, and what became of each ballot, in the same order.
        """
        kinds = (Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE)
        ballots = [
            (kind, None if signer is None else self._caller(signer))
            for kind, pile in zip(kinds, signers, strict=True)
            for signer in pile
        ]
        voted, judged = self._at(number, call.now).cast_ballots(digest, ballots)
        return self._with(voted, call.now), judged

    def advance(self, call: Call, number: RoundNumber) -> Experiment:
        """Close a round whose window has run out. Raises as ``RoundAt.advance``."""
        return self._with(self._at(number, call.now).advance(), call.now)

    def ask_key(self, call: Call, number: RoundNumber) -> Experiment:
        """Ask for the content key of a round's artefact; nothing is stored.

        Raises:
            RuleBroken: NotMember or NoProposal.
        """
        self._check_present(call.sender)
        self._check_proposed(number)
        return self

    def share_key(self, call: Call, number: RoundNumber, learner: Address, wrapped: bytes) -> Experiment:
        """Hand a learner the content key of a round's artefact; nothing is stored.

        Raises:
            RuleBroken: NotMember (the sender), NoProposal, WrappedKeyLength or NotMember (the recipient).
        """
        self._check_present(call.sender)
        self._check_proposed(number)
        if not 1 <= len(wrapped) <= LONGEST_WRAPPED_KEY:
            raise RuleBroken("WrappedKeyLength", {"length": len(wrapped), "most": LONGEST_WRAPPED_KEY})
        self._check_present(learner)
        return self

    def _caller(self, address: Address) -> Caller:
        index = self.latest(address)
        return Caller(address, None if index is None else self.memberships[index])

    def _at(self, number: RoundNumber, now: Timestamp) -> RoundAt:
        return RoundAt(number, self.round(number), self.rules, now)

    def _with(self, current: Round, now: Timestamp) -> Experiment:
        """The experiment with its open round as it is now; closed, it makes way for the next."""
        changed = replace(self, rounds=(*self.rounds[:-1], current))
        return changed if current.status.is_open else _closed(changed, now)

    def _first_round_of_joiner(self, learner: Address) -> RoundNumber:
        if learner not in self.invited:
            raise RuleBroken("NotInvited", {"learner": learner})
        last_round = self.last_round_of(learner)
        if self.latest(learner) is not None and last_round >= self.earliest_ahead:
            raise RuleBroken("AlreadyMember", {"learner": learner, "lastRound": last_round})
        first, most = RoundNumber(self.number + (2 if self.is_open else 1)), self.rules.max_rounds
        if first > most:
            raise RuleBroken("TooLateToJoin", {"firstRound": first, "maxRounds": most})
        return first

    def _joined(self, learner: Address, seat: Seat, first: RoundNumber, encryption_key: bytes) -> Experiment:
        membership = Membership(
            learner=learner,
            seat=seat,
            first_round=first,
            last_round=RoundNumber(NO_END),
            closings=self.number - self.is_open,
            encryption_key=encryption_key,
        )
        return replace(
            self,
            memberships=(*self.memberships, membership),
            roster=self.roster.with_joiner(seat, is_open=self.is_open),
            history_hash=fold_join(self.history_hash, len(self.memberships), membership),
        )

    def _ended(self, learner: Address, last: RoundNumber) -> Experiment:
        """The experiment with a membership's end brought forward, to round ``number`` or the one after."""
        index = self.latest(learner)
        if index is None or self.last_round_of(learner) <= last:
            raise RuleBroken("NotActive", {"learner": learner, "lastRound": self.last_round_of(learner)})
        ending = replace(self.memberships[index], last_round=last)
        at_once = last == self.number
        roster = self.roster.without(ending.seat) if at_once else self.roster.with_departure(ending.seat)
        memberships = (*self.memberships[:index], ending, *self.memberships[index + 1 :])
        return replace(self, memberships=memberships, roster=roster)

    def _check_organizer(self, sender: Address) -> None:
        if sender != self.organizer:
            raise RuleBroken("NotOrganizer", {"caller": sender})

    def _check_present(self, learner: Address) -> None:
        """Its latest membership must reach the last opened round, and not have ended before it began."""
        index = self.latest(learner)
        membership = None if index is None else self.memberships[index]
        if membership is None or membership.last_round < max(self.number, membership.first_round):
            raise RuleBroken("NotMember", {"caller": learner, "round": self.number})

    def _check_proposed(self, number: RoundNumber) -> None:
        if self.round(number).digest == NO_DIGEST:
            raise RuleBroken("NoProposal", {"round": number})


def _closed(experiment: Experiment, now: Timestamp) -> Experiment:
    """What follows when the last round has just closed: the end, the next round, or a pause."""
    number, closed = experiment.number, experiment.round(experiment.number)
    after = replace(
        experiment,
        accepted=number if closed.status is Status.ACCEPTED else experiment.accepted,
        history_hash=fold_closing(experiment.history_hash, number, closed),
    )
    enough = after.roster.active.bit_count() >= after.rules.min_learners
    return _opened(after, now) if enough and after.phase is Phase.JOINING else after


def _opened(experiment: Experiment, now: Timestamp) -> Experiment:
    """The experiment once its next round has opened."""
    last_proposer = experiment.rounds[-1].proposer if experiment.rounds else -1
    deadline = Timestamp(now + experiment.rules.proposal_window)
    opened = lifecycle.opened(experiment.roster.active, last_proposer, deadline)
    return replace(experiment, rounds=(*experiment.rounds, opened), roster=experiment.roster.opened())


def _check_address(address: Address) -> None:
    if address == ZERO_ADDRESS:
        raise RuleBroken("ZeroAddress", {})
