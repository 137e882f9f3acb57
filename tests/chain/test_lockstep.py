"""The reference model and the compiled contract, driven by the same random calls: they must never differ."""

from __future__ import annotations

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

from colearn_chain.rounds import History, Phase, RuleBroken, Rules, Snapshot, Status, fold, seats_of
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
        max_rounds=draw(st.sampled_from([40, 12, 6, 3, 1])),
        idle_rounds=draw(st.integers(1, 2)),
        start_deadline=BEGIN + draw(seconds) * 5,
        count_proposer=draw(st.booleans()),
        close_early=draw(st.booleans()),
    )


AnyCall = tuple[str, Address, int | None, tuple[Any, ...]]
"""A function, who calls it, how far its round is from the last opened one (None: it takes none), the rest."""


def _calls(
    functions: list[str], senders: list[Address], *arguments: st.SearchStrategy[Any], rounds: bool = False
) -> st.SearchStrategy[AnyCall]:
    around = offsets if rounds else st.none()
    return st.tuples(st.sampled_from(functions), st.sampled_from(senders), around, st.tuples(*arguments))


def calls_of_anyone() -> st.SearchStrategy[AnyCall]:
    """Every function, by those that may call it and by those that may not, with right and wrong arguments."""
    lengths = st.sampled_from([0, 1, 80, 256, 257])
    mostly_organizer = [ORGANIZER] * 6 + MEMBERS
    return st.one_of(
        _calls(["invite"], mostly_organizer, st.lists(anyone, max_size=3)),
        _calls(["remove"], mostly_organizer, people),
        _calls(["transferOrganizer"], [*MEMBERS, ORGANIZER], anyone),
        _calls(["renounceOrganizer"], [*MEMBERS, *MEMBERS, ORGANIZER]),
        _calls(["join"], PEOPLE, digests),
        _calls(["resign", "start"], PEOPLE),
        _calls(["removeIdle"], PEOPLE, people),
        _calls(["contribute", "propose"], PEOPLE, digests, rounds=True),
        _calls(["passTurn", "advance", "askKey"], PEOPLE, rounds=True),
        _calls(["castVote"], PEOPLE, digests, st.integers(0, 4), rounds=True),
        _calls(["shareKey"], PEOPLE, people, lengths.map(bytes), rounds=True),
    )


class Lockstep(RuleBasedStateMachine):
    """Two referees for one experiment: each call goes to both."""

    rules: Rules
    model: ModelReferee
    contract: ContractReferee

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN

    @initialize(rules=rule_sets(), founders=st.sampled_from([5, 4, 3, 6, 2, 0]))
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

    @rule(data=st.data(), calls=st.lists(calls_of_anyone(), min_size=1, max_size=3), moves=st.integers(0, 3))
    def disturb(self, data: st.DataObject, calls: list[AnyCall], moves: int) -> None:
        """Anyone calls anything, right or wrong, while the others go on."""
        self._play(data, moves)
        for function, sender, offset, arguments in calls:
            number = [] if offset is None else [RoundNumber(max(self.seen.number + offset, 0))]
            self.both(function, sender, *number, *arguments)

    @rule(data=st.data(), moves=st.integers(1, 6))
    def play(self, data: st.DataObject, moves: int) -> None:
        """The experiment goes on."""
        self._play(data, moves)

    def _play(self, data: st.DataObject, moves: int) -> None:
        """Those whose turn it is do what they are there for, or let the window run out."""
        for _ in range(moves):
            snapshot = self.seen
            if snapshot.phase is Phase.FINISHED:
                return
            if not snapshot.round.status.is_open:
                self._begin(data)
            elif data.draw(st.integers(0, 4), label="0: nobody moves") == 0:
                self._wait_until(snapshot.round.time + 1)
                self.both("advance", data.draw(people), snapshot.number)
            elif snapshot.phase is Phase.PROPOSING:
                self._take_turn(data.draw(digests))
            else:
                self._vote_in_turn(data)

    def _begin(self, data: st.DataObject) -> None:
        if self.seen.active.bit_count() < self.rules.min_learners and data.draw(st.booleans()):
            for learner in MEMBERS:
                self.both("join", learner, bytes(32))
        organizer = self.model.organizer()
        self.both("start", organizer if organizer in PEOPLE else MEMBERS[0])

    def _take_turn(self, digest: Digest) -> None:
        (proposer,) = self.seated(1 << self.seen.round.proposer)
        if digest == NO_DIGEST:
            self.both("passTurn", proposer, self.seen.number)
        else:
            self.both("propose", proposer, self.seen.number, digest)

    def _vote_in_turn(self, data: st.DataObject) -> None:
        number, digest = self.seen.number, self.seen.round_digest
        for voter in data.draw(st.permutations(self.seated(self.seen.round.electorate))):
            self.both("castVote", voter, number, digest, data.draw(st.sampled_from([1, 1, 2, 3])))

    @rule(data=st.data(), late=st.sampled_from([0, 0, 1]))
    def wait(self, data: st.DataObject, late: int) -> None:
        """To the last second of a window, one second later, or just some seconds."""
        deadline = self.seen.round.time
        contributions = deadline - self.rules.proposal_window + self.rules.contribution_window
        some = self.now + data.draw(seconds)
        self._wait_until(
            data.draw(st.sampled_from([deadline, contributions, self.rules.start_deadline, some])) + late
        )

    def _wait_until(self, moment: int) -> None:
        self.now = max(self.now, moment)

    # what always holds

    @invariant()
    def seats_are_electorates(self) -> None:
        """A membership covers a round if and only if its seat is in the electorate; nobody shares a seat."""
        for number, opened in enumerate(self.model.rounds(), start=1):
            seats = [m.seat for m in self.model.memberships() if m.covers(number)]
            assert sorted(seats) == list(seats_of(opened.electorate))

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
    _try(examples=50, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_model_and_contract_never_differ_in_long_runs() -> None:
    """The same, with more and longer runs."""
    _try(examples=400, steps=80)
