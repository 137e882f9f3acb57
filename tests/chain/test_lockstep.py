"""The reference model and the compiled contract, driven by the same random calls: they must never differ."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from colearn_chain.chain import Account, SignedBallot, sign_ballot
from colearn_chain.chain.signed_ballots import ballot_hash, domain_separator_of
from colearn_chain.rounds import (
    Ballot,
    History,
    Judged,
    Phase,
    RuleBroken,
    Rules,
    Snapshot,
    Status,
    fold,
    seats_of,
)
from colearn_chain.testing.forgeries import garbage, infinite, malleated, other_parity
from colearn_chain.testing.referees import ContractReferee, ModelReferee
from colearn_chain.types import NO_DIGEST, Address, Digest, RoundNumber

BEGIN = 1_700_000_000
SPEC = Digest(b"\x01" * 32)
DIGESTS = [Digest(b"\x02" * 32), Digest(b"\x03" * 32), NO_DIGEST]
ACCOUNTS = [Account.seeded("lock-step", index) for index in range(7)]
PEOPLE = [account.address for account in ACCOUNTS]
ORGANIZER, *MEMBERS = PEOPLE
ZERO_ADDRESS = Address("0x" + 40 * "0")
ELSEWHERE = Address("0x" + 40 * "9")
CASTABLE = (Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE)


@st.composite
def rule_sets(draw: st.DrawFn) -> Rules:
    """Rules within their ranges, small enough for a run to reach pauses and the end."""
    proposal_window = draw(st.integers(0, 12)) + 1
    return Rules(
        threshold_bps=draw(st.sampled_from([1, 3333, 5000, 5001, 6667, 10_000])),
        proposal_window=proposal_window,
        voting_window=draw(st.integers(0, 12)) + 1,
        contribution_window=draw(st.integers(0, proposal_window - 1)),
        min_learners=draw(st.integers(2, 3)),
        max_rounds=draw(st.sampled_from([40, 39, 38, 12, 6, 3, 1])),
        idle_rounds=draw(st.integers(1, 2)),
        start_deadline=BEGIN + draw(st.integers(0, 12)) * 5,
        count_proposer=draw(st.booleans()),
        close_early=draw(st.booleans()),
    )


AnyCall = tuple[str, Address, list[Any]]
"""A function by its Solidity name, who calls it, and its arguments."""


def any_call(chance: Random, current: int) -> AnyCall:
    """A call by somebody that may make it or not, with arguments that are right or wrong.

    The ballots of a ``castBallots`` are left out: they take time to sign.
    Drawn from a seed: what Hypothesis itself draws is too much alike for runs to get far.
    """
    person, other = chance.choice(PEOPLE), chance.choice(PEOPLE)
    organizer = chance.choice([ORGANIZER, ORGANIZER, ORGANIZER, person])
    anyone = chance.choice([*PEOPLE, ZERO_ADDRESS])
    number = max(current + chance.choice([0, 0, 0, 0, 0, -1, 1, 2**24]), 0)
    digest = chance.choice(DIGESTS)
    calls: list[tuple[int, AnyCall]] = [
        (4, ("invite", organizer, [chance.choices([*PEOPLE, *PEOPLE, ZERO_ADDRESS], k=chance.randrange(3))])),
        (3, ("remove", organizer, [other])),
        (1, ("transferOrganizer", organizer, [anyone])),
        (1, ("renounceOrganizer", chance.choice([*MEMBERS, *MEMBERS, *MEMBERS, ORGANIZER]), [])),
        (8, ("join", person, [digest])),
        (2, ("resign", person, [])),
        (3, ("start", person, [])),
        (8, ("removeIdle", person, [other])),
        (3, ("contribute", person, [number, digest])),
        (3, ("propose", person, [number, digest])),
        (2, ("passTurn", person, [number])),
        (2, ("advance", person, [number])),
        (2, ("askKey", person, [number])),
        (8, ("castBallot", person, [number, digest, chance.randrange(5)])),
        (6, ("castBallots", person, [number, digest])),
        (3, ("shareKey", person, [number, other, bytes(chance.choice([0, 1, 80, 256, 257]))])),
    ]
    weights, drawn = [weight for weight, _ in calls], [call for _, call in calls]
    (call,) = chance.choices(drawn, weights)
    return call


@dataclass(frozen=True)
class Occasion:
    """What a ballot is shown for."""

    chain_id: int
    contract: Address
    number: RoundNumber
    digest: Digest

    def any_batch(self, chance: Random) -> list[SignedBallot]:
        """Signed ballots, most of them good, some of them there twice."""
        batch = [self.any_signed(chance) for _ in range(chance.randrange(7))]
        return batch + chance.sample(batch, chance.randrange(len(batch) + 1) // 2)

    def signed_by(self, voter: Address, chance: Random) -> SignedBallot:
        """A good ballot of somebody."""
        return self._good(chance, ACCOUNTS[PEOPLE.index(voter)], chance.choice(CASTABLE))

    def any_signed(self, chance: Random) -> SignedBallot:
        """A ballot signed by somebody: for this, for something else, or not at all."""
        account, ballot = chance.choice(ACCOUNTS), chance.choice(CASTABLE)
        forge = chance.choice([*5 * [self._good], *2 * [self._forged], self._for_something_else])
        return forge(chance, account, ballot)

    def _good(self, chance: Random, account: Account, ballot: Ballot) -> SignedBallot:  # noqa: ARG002 - one of three
        return sign_ballot(account, self._domain, self.number, self.digest, ballot)

    def _forged(self, chance: Random, account: Account, ballot: Ballot) -> SignedBallot:
        good = self._good(chance, account, ballot)
        hashed = ballot_hash(self._domain, self.number, self.digest, ballot)
        return chance.choice(
            [
                malleated(good),
                other_parity(good),
                SignedBallot(chance.choice(CASTABLE), good.signature),
                SignedBallot(ballot, infinite(hashed, chance.randrange(1, 2**128))),
                SignedBallot(ballot, garbage(chance)),
            ]
        )

    def _for_something_else(self, chance: Random, account: Account, ballot: Ballot) -> SignedBallot:
        other_chain = domain_separator_of(self.chain_id + 1, self.contract)
        other_contract = domain_separator_of(self.chain_id, ELSEWHERE)
        before, after = RoundNumber(max(self.number - 1, 0)), RoundNumber(self.number + 1)
        domain, number, digest = chance.choice(
            [
                (other_chain, self.number, self.digest),
                (other_contract, self.number, self.digest),
                (self._domain, before, self.digest),
                (self._domain, after, self.digest),
                (self._domain, self.number, chance.choice(DIGESTS)),
            ]
        )
        return sign_ballot(account, domain, number, digest, ballot)

    @property
    def _domain(self) -> bytes:
        return domain_separator_of(self.chain_id, self.contract)


class Lockstep(RuleBasedStateMachine):
    """Two referees for one experiment: each call goes to both."""

    terms: Rules
    model: ModelReferee
    contract: ContractReferee

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN

    @initialize(rules=rule_sets(), founders=st.sampled_from([4, 3, 5, 2, 6, 4, 3, 0]))
    def deploy(self, rules: Rules, founders: int) -> None:
        """An experiment of its own, with some learners in it."""
        self.terms = rules
        self.contract = ContractReferee(ORGANIZER, rules, SPEC)
        chain_id, address = self.contract.chain_id, self.contract.address
        self.model = ModelReferee(ORGANIZER, rules, SPEC, chain_id=chain_id, address=address)
        assert self.model.domain_separator() == self.contract.domain_separator()
        self.both("invite", ORGANIZER, MEMBERS[:founders])
        for learner in MEMBERS[:founders]:
            self.both("join", learner, bytes(32))

    def both(self, function: str, sender: Address, *arguments: Any) -> None:
        """One call to both: the same answer, and the same state after it."""
        answers = [
            self._answer(referee, function, sender, arguments) for referee in (self.model, self.contract)
        ]
        assert answers[0] == answers[1], f"{function}{arguments} by {sender} at {self.now}"
        watched = [sender, *(each for each in arguments if each in PEOPLE)]
        for person in watched:
            assert self.model.snapshot(person, self.now) == self.contract.snapshot(person, self.now)

    def _answer(
        self,
        referee: ModelReferee | ContractReferee,
        function: str,
        sender: Address,
        arguments: tuple[Any, ...],
    ) -> tuple[str, dict[str, Any]] | tuple[Judged, ...] | None:
        try:
            if function == "castBallots":
                return referee.cast_ballots(sender, self.now, *arguments)
            referee.call(function, sender, self.now, *arguments)
        except RuleBroken as broken:
            return broken.name, broken.values
        return None

    @property
    def seen(self) -> Snapshot:
        """What anyone sees."""
        return self.model.snapshot(ORGANIZER, self.now)

    def seated(self, bitmap: int) -> list[Address]:
        """Who sits on these seats in the open round."""
        covering = [m for m in self.model.memberships() if m.covers(self.seen.number)]
        return [m.learner for m in covering if bitmap >> m.seat & 1]

    @rule(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 10))
    def go_on(self, seed: int, length: int) -> None:
        """Some do what they are there for, others disturb, time passes."""
        chance = Random(f"{seed} {self.now} {len(self.model.rounds())}")
        for _ in range(length):
            step = chance.choices([self._move, self._disturb, self._wait], [5, 6, 1])[0]
            step(chance)

    def _disturb(self, chance: Random) -> None:
        function, sender, arguments = any_call(chance, self.seen.number)
        if function == "castBallots":
            arguments.append(self._occasion(*arguments).any_batch(chance))
        self.both(function, sender, *arguments)
        organizer = self.model.organizer()
        if organizer in MEMBERS and chance.random() < 0.9:  # else most of what the organizer does is refused
            self.both("transferOrganizer", organizer, ORGANIZER)

    def _move(self, chance: Random) -> None:
        """Those whose turn it is do what they should, or let the window run out."""
        snapshot = self.seen
        if snapshot.phase is Phase.FINISHED:
            self._disturb(chance)
        elif snapshot.phase is Phase.JOINING:
            self._begin(chance)
        elif chance.random() < 0.3:
            self.now = max(self.now, snapshot.round.time + 1)
            self.both("advance", chance.choice(PEOPLE), snapshot.number)
        elif snapshot.phase is Phase.PROPOSING:
            self._take_turn(chance)
        else:
            self._vote_in_turn(chance)

    def _begin(self, chance: Random) -> None:
        if self.seen.active.bit_count() < self.terms.min_learners:
            invited = [each for each in MEMBERS if self.model.snapshot(each, self.now).invited]
            for learner in invited:
                self.both("join", learner, bytes(32))
        organizer = self.model.organizer()
        self.both("start", organizer if organizer in PEOPLE else chance.choice(MEMBERS))

    def _take_turn(self, chance: Random) -> None:
        (proposer,) = self.seated(1 << self.seen.round.proposer)
        if chance.random() < 0.2:
            self.both("passTurn", proposer, self.seen.number)
        else:
            self.both("propose", proposer, self.seen.number, chance.choice(DIGESTS[:2]))

    def _vote_in_turn(self, chance: Random) -> None:
        number, digest = self.seen.number, self.seen.round_digest
        seated = self.seated(self.seen.round.electorate)
        voters = chance.sample(seated, chance.randint(1, len(seated)))
        if chance.random() < 0.5:
            occasion = self._occasion(number, digest)
            batch = occasion.any_batch(chance) + [occasion.signed_by(voter, chance) for voter in voters]
            chance.shuffle(batch)
            self.both("castBallots", chance.choice(PEOPLE), number, digest, batch)
            return
        for voter in voters:
            self.both("castBallot", voter, number, digest, chance.choice([1, 1, 2, 3]))

    def _occasion(self, number: RoundNumber, digest: Digest) -> Occasion:
        return Occasion(self.contract.chain_id, self.contract.address, number, digest)

    def _wait(self, chance: Random) -> None:
        """To the last second of a window, one second later, or just some seconds."""
        deadline = self.seen.round.time
        contributions = deadline - self.terms.proposal_window + self.terms.contribution_window
        some = self.now + chance.randrange(12)
        moment = chance.choice([deadline, contributions, self.terms.start_deadline, some])
        self.now = max(self.now, moment + chance.choice([0, 0, 1]))

    # what always holds

    @invariant()
    def seats_are_electorates(self) -> None:
        """A membership covers a round if and only if its seat is in the electorate; nobody shares a seat."""
        for number, opened in enumerate(self.model.rounds(), start=1):
            seats = [m.seat for m in self.model.memberships() if m.covers(number)]
            assert sorted(seats) == list(seats_of(opened.electorate))

    @invariant()
    def a_seat_has_one_announced_change_at_most(self) -> None:
        """Who arrives is not in the next round and who departs is, so that one bit a seat says both."""
        roster = self.model.snapshot(ORGANIZER, self.now)
        assert roster.arriving & roster.active == 0
        assert roster.departing & ~roster.active == 0

    def teardown(self) -> None:
        """At the end every view is compared, and the history folded; till then its hash stands for it."""
        if not hasattr(self, "model"):
            return
        assert self.model.rounds() == self.contract.rounds()
        assert self.model.memberships() == self.contract.memberships()
        for person in PEOPLE:
            assert self.model.snapshot(person, self.now) == self.contract.snapshot(person, self.now)
        assert self.model.learners() == self.contract.learners()
        assert self.model.organizer() == self.contract.organizer()
        self._compare_ballots()
        self._fold()

    def _compare_ballots(self) -> None:
        for number in range(self.seen.number + 2):
            for index in range(len(self.model.memberships())):
                assert self.model.ballot_of(number, index) == self.contract.ballot_of(number, index)

    def _fold(self) -> None:
        closed = [each for each in self.contract.rounds() if not each.status.is_open]
        history = History(
            chain_id=self.contract.chain_id,
            address=self.contract.address,
            rules=self.terms,
            spec_digest=SPEC,
            first_organizer=ORGANIZER,
            memberships=tuple(self.contract.memberships()),
            rounds=tuple(closed),
            history_hash=self.seen.history_hash,
        )
        folded = fold(history)
        accepted = [each.number for each in folded if each.round.status is Status.ACCEPTED]
        assert self.seen.accepted == (accepted[-1] if accepted else 0)


def _try(examples: int, steps: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Lockstep,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks
        ),
    )


@pytest.mark.timeout(900)  # a failure is shrunk for some minutes before it is shown
def test_model_and_contract_never_differ() -> None:
    """The same calls get the same answers, refusals with the same values, and lead to the same state."""
    _try(examples=100, steps=12)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_model_and_contract_never_differ_in_long_runs() -> None:
    """The same, with more and longer runs."""
    _try(examples=400, steps=40)
