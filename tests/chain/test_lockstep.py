"""The reference model and the compiled contract, driven by the same random calls: they must never differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from colearn_chain.rounds import Ballot, History, Phase, RuleBroken, Rules, Snapshot, Status, fold, seats_of
from colearn_chain.testing.referees import ContractReferee, ModelReferee
from colearn_chain.types import NO_DIGEST, Address, Digest, RoundNumber

BEGIN = 1_700_000_000
SPEC = Digest(b"\x01" * 32)
DIGESTS = [Digest(b"\x02" * 32), Digest(b"\x03" * 32), NO_DIGEST]
PEOPLE = [Address("0x" + f"{number:02d}" * 20) for number in range(11, 18)]
ORGANIZER, *MEMBERS = PEOPLE
ZERO_ADDRESS = Address("0x" + 40 * "0")

people = st.sampled_from(PEOPLE)
anyone = st.sampled_from([*PEOPLE, ZERO_ADDRESS])
digests = st.sampled_from(DIGESTS)
seconds = st.integers(0, 12)
# how far a call's round is from the last opened one: mostly not at all
offsets = st.sampled_from([0, 0, 0, 0, -1, 1, 2**24])


@st.composite
def rule_sets(draw: st.DrawFn) -> Rules:
    """Rules within their ranges, small enough for a run to reach pauses and the end."""
    proposal_window = draw(seconds) + 1
    return Rules(
        threshold_bps=draw(st.sampled_from([1, 3333, 5000, 5001, 6667, 10_000])),
        proposal_window=proposal_window,
        voting_window=draw(seconds) + 1,
        contribution_window=draw(st.integers(0, proposal_window - 1)),
        min_learners=draw(st.integers(2, 3)),
        max_rounds=draw(st.integers(1, 12)),
        idle_rounds=draw(st.integers(1, 2)),
        start_deadline=BEGIN + draw(seconds) * 5,
        count_proposer=draw(st.booleans()),
        close_early=draw(st.booleans()),
    )


class Lockstep(RuleBasedStateMachine):
    """Two referees for one experiment: each call goes to both."""

    rules: Rules
    model: ModelReferee
    contract: ContractReferee

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN

    @initialize(rules=rule_sets(), founders=st.integers(0, len(MEMBERS)))
    def deploy(self, rules: Rules, founders: int) -> None:
        """An experiment of its own, with some learners in it."""
        self.rules = rules
        self.contract = ContractReferee(ORGANIZER, rules, SPEC)
        chain_id, address = self.contract.chain_id, self.contract.address
        self.model = ModelReferee(ORGANIZER, rules, SPEC, chain_id=chain_id, address=address)
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
    ) -> tuple[str, dict[str, Any]] | None:
        try:
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

    # what may come at any time, from anyone, right or wrong

    @rule(sender=st.sampled_from([ORGANIZER, ORGANIZER, *PEOPLE]), learners=st.lists(anyone, max_size=3))
    def invite(self, sender: Address, learners: list[Address]) -> None:
        """Invitations, doubled and impossible ones too."""
        self.both("invite", sender, learners)

    @rule(sender=st.sampled_from([ORGANIZER, ORGANIZER, *PEOPLE]), learner=people)
    def remove(self, sender: Address, learner: Address) -> None:
        """The organizer ends a membership."""
        self.both("remove", sender, learner)

    @rule(sender=people, to=anyone, comes_back=st.booleans())
    def transfer(self, sender: Address, to: Address, *, comes_back: bool) -> None:
        """The role wanders, and mostly comes back, so that the others have something to do."""
        self.both("transferOrganizer", sender, to)
        if comes_back and self.model.organizer() != ORGANIZER:
            self.both("transferOrganizer", self.model.organizer(), ORGANIZER)

    @rule(sender=st.sampled_from([*MEMBERS, *MEMBERS, ORGANIZER]))
    def renounce(self, sender: Address) -> None:
        """Rarely by the organizer: it is for good."""
        self.both("renounceOrganizer", sender)

    @rule(sender=people, key=digests)
    def join(self, sender: Address, key: bytes) -> None:
        """Newcomers, members and strangers try to join."""
        self.both("join", sender, key)

    @rule(sender=people)
    def resign(self, sender: Address) -> None:
        """Members and others try to leave."""
        self.both("resign", sender)

    @rule(sender=people, learner=people)
    def remove_idle(self, sender: Address, learner: Address) -> None:
        """Anyone calls anyone idle."""
        self.both("removeIdle", sender, learner)

    @rule(sender=people)
    def start(self, sender: Address) -> None:
        """Anyone tries to start."""
        self.both("start", sender)

    @rule(function=st.sampled_from(["contribute", "propose"]), sender=people, offset=offsets, digest=digests)
    def put_up(self, function: str, sender: Address, offset: int, digest: Digest) -> None:
        """Anyone proposes or announces anything."""
        self.both(function, sender, self._near(offset), digest)

    @rule(function=st.sampled_from(["passTurn", "advance", "askKey"]), sender=people, offset=offsets)
    def move(self, function: str, sender: Address, offset: int) -> None:
        """Anyone passes, advances or asks."""
        self.both(function, sender, self._near(offset))

    @rule(sender=people, offset=offsets, digest=digests, ballot=st.integers(0, 4))
    def vote(self, sender: Address, offset: int, digest: Digest, ballot: int) -> None:
        """Anyone votes for anything."""
        self.both("castVote", sender, self._near(offset), digest, ballot)

    @rule(sender=people, learner=people, offset=offsets, length=st.sampled_from([0, 1, 80, 256, 257]))
    def share_key(self, sender: Address, learner: Address, offset: int, length: int) -> None:
        """Anyone hands anyone a key."""
        self.both("shareKey", sender, self._near(offset), learner, bytes(length))

    def _near(self, offset: int) -> RoundNumber:
        return RoundNumber(max(self.seen.number + offset, 0))

    # what moves an experiment along

    @rule(late=st.sampled_from([0, 0, 1]))
    def wait_for_the_deadline(self, late: int) -> None:
        """To the last second of a window, or one later."""
        self._wait_until(self.seen.round.time + late)

    @rule(late=st.integers(0, 1))
    def wait_for_the_contributions(self, late: int) -> None:
        """To the last second in which updates may be announced, or one later."""
        opened_at = self.seen.round.time - self.rules.proposal_window
        self._wait_until(opened_at + self.rules.contribution_window + late)

    @rule(late=st.integers(0, 1))
    def wait_for_the_start(self, late: int) -> None:
        """To the start's deadline, or one second later."""
        self._wait_until(self.rules.start_deadline + late)

    @rule(delay=seconds)
    def wait(self, delay: int) -> None:
        """Some seconds pass."""
        self.now += delay

    def _wait_until(self, moment: int) -> None:
        self.now = max(self.now, moment)

    @precondition(lambda self: self.seen.phase is Phase.JOINING)
    @rule()
    def begin(self) -> None:
        """The organizer starts."""
        self.both("start", self.model.organizer())

    @precondition(lambda self: self.seen.phase is Phase.PROPOSING)
    @rule(proposes=st.booleans(), digest=st.sampled_from(DIGESTS[:2]))
    def take_turn(self, *, proposes: bool, digest: Digest) -> None:
        """The proposer does what it is there for."""
        (proposer,) = self.seated(1 << self.seen.round.proposer)
        if proposes:
            self.both("propose", proposer, self.seen.number, digest)
        else:
            self.both("passTurn", proposer, self.seen.number)

    @precondition(lambda self: self.seen.phase is Phase.VOTING)
    @rule(ballots=st.lists(st.sampled_from(list(Ballot)[1:]), min_size=1, max_size=6), data=st.data())
    def vote_in_turn(self, ballots: list[Ballot], data: st.DataObject) -> None:
        """Members of the electorate vote as they should, one after another."""
        number, digest = self.seen.number, self.seen.round_digest
        voters = data.draw(st.permutations(self.seated(self.seen.round.electorate)))
        for voter, ballot in zip(voters, ballots, strict=False):
            self.both("castVote", voter, number, digest, ballot)

    @precondition(lambda self: self.seen.round.status.is_open)
    @rule(sender=people)
    def lapse(self, sender: Address) -> None:
        """A window runs out."""
        self._wait_until(self.seen.round.time + 1)
        self.both("advance", sender, self.seen.number)

    # what always holds

    @invariant()
    def same_records(self) -> None:
        """Rounds and memberships are the same."""
        assert self.model.rounds() == self.contract.rounds()
        assert self.model.memberships() == self.contract.memberships()

    @invariant()
    def seats_are_electorates(self) -> None:
        """A membership covers a round if and only if its seat is in the electorate, and nobody shares a seat."""
        for number, opened in enumerate(self.model.rounds(), start=1):
            seats = [m.seat for m in self.model.memberships() if m.covers(number)]
            assert sorted(seats) == list(seats_of(opened.electorate))

    def teardown(self) -> None:
        """At the end every view is compared, and the history is folded."""
        if not hasattr(self, "model"):
            return
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
            rules=self.rules,
            spec_digest=SPEC,
            first_organizer=ORGANIZER,
            memberships=tuple(self.contract.memberships()),
            rounds=tuple(closed),
            history_hash=self.seen.history_hash,
        )
        folded = fold(history)
        accepted = [each.number for each in folded if each.round.status is Status.ACCEPTED]
        assert self.seen.accepted == (accepted[-1] if accepted else 0)
        target(len(closed), label="closed rounds")


def _try(examples: int, steps: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Lockstep,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks
        ),
    )


def test_model_and_contract_never_differ() -> None:
    """The same calls get the same answers, refusals with the same values, and lead to the same state."""
    _try(examples=60, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_model_and_contract_never_differ_in_long_runs() -> None:
    """The same, with more and longer runs."""
    _try(examples=500, steps=120)
