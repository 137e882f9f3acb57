"""Crashes, restarts, lost races: no second proposal, no second ballot, no foreign weights."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from colearn_agents.group.founding import party_account
from colearn_agents.party import events
from colearn_agents.party.agent import LearnerAgent
from colearn_agents.party.journal import Journal
from colearn_chain.chain import ExperimentContract, Node, Patience, Sender
from colearn_chain.errors import ContractReverted, StorageError, TransportError
from colearn_chain.ml_interface import DiffPrivBudget, ProposedWeights, TrainingSummary, Weights
from colearn_chain.rounds import Ballot, Propose, Status, Vote, Wait
from colearn_chain.testing.chain import Fault, FaultyProvider, HandClock
from colearn_chain.testing.learners import StepLearner
from colearn_chain.testing.storage import FaultyStorage, StorageFault
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from colearn_agents.party.journal import AnyRecord
    from colearn_chain.chain import Receipt
    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]
LINES = 9
"""How many lines party 0's journal has after two rounds."""


class CrashError(Exception):
    """The process dies here."""


class MortalJournal(Journal):
    """A journal whose process dies just before or just after its n-th line is on the disk."""

    dies_at = 0
    after = False

    @classmethod
    def born(cls, path: Path, dies_at: int, *, after: bool) -> MortalJournal:
        """Open a file; at line 0 nothing dies."""
        journal = cls.open(path)
        journal.dies_at, journal.after = dies_at, after
        return journal

    def append(self, record: AnyRecord) -> None:
        """Write a line, or die."""
        dies = len(self.records) + 1 == self.dies_at
        if dies and not self.after:
            raise CrashError
        super().append(record)
        if dies:
            raise CrashError


class CountedLearner(StepLearner):
    """Counts its trainings and tests, across all lives."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__(TARGET)
        self._counts = counts

    def mli_propose_weights(self) -> Weights:
        """Train."""
        self._counts["trained"] += 1
        return super().mli_propose_weights()

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test."""
        self._counts["tested"] += 1
        return super().mli_test_weights(weights)


def play(table: Table, path: Path, *, dies_at: int = 0, after: bool = False) -> Counter[str]:
    """Play two rounds; party 0 dies once at a line of its journal, and comes back with a fresh learner.

    Returns:
        How often party 0 trained and tested, and how many of its transactions were mined.
    """
    counts: Counter[str] = Counter()
    others = table.agent(1), table.agent(2)
    with closing(MortalJournal.born(path, dies_at, after=after)) as mortal, suppress(CrashError):
        table.settle(table.agent(0, CountedLearner(counts), journal=mortal), *others)
    if dies_at:
        with closing(Journal.open(path)) as journal:
            table.settle(table.agent(0, CountedLearner(counts), journal=journal), *others)
    counts["sent"] = table.founding.chain.node.transaction_count(table.addresses[0])
    return counts


@pytest.fixture
def short(sit_down: Callable[..., Table]) -> Table:
    """Three learners and two rounds, the first of which is party 0's."""
    return sit_down(rounds=2)


def test_a_life_without_a_crash_has_nine_lines(short: Table, tmp_path: Path) -> None:
    """What the next test crashes at: each line of a journal, in the order of a life."""
    counts = play(short, tmp_path / "journal")
    assert counts == {"trained": 1, "tested": 3, "sent": 3}
    with closing(Journal.open(tmp_path / "journal")) as journal:
        lines = " ".join(record.record for record in journal.records)
    assert lines == "opened adopted trained stored sent adopted judged sent adopted"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_a_crash_at_any_line_changes_nothing(short: Table, tmp_path: Path, line: int, after: bool) -> None:  # noqa: FBT001 - from parametrize
    """However a process dies and comes back, the history is the same and nothing is sent or stored twice."""
    counts = play(short, tmp_path / "journal", dies_at=line, after=after)
    assert [short.round(number).status for number in (1, 2)] == [Status.ACCEPTED] * 2
    assert short.ballots(2)[0] is Ballot.APPROVE
    assert counts["sent"] == 3
    assert counts["trained"] == (2 if (line, after) in {(3, False), (3, True), (4, False)} else 1)
    assert counts["tested"] <= 4


def test_a_stored_proposal_is_proposed_again_after_a_crash(table: Table, tmp_path: Path) -> None:
    """What was stored before the crash is what is proposed, although a second training would give another."""
    path = tmp_path / "journal"
    with closing(MortalJournal.born(path, 4, after=True)) as mortal, pytest.raises(CrashError):
        table.settle(table.agent(0, StepLearner(TARGET, step=0.25), journal=mortal))
    with closing(Journal.open(path)) as journal:
        stored = journal.stored(RoundNumber(1))
        table.settle(table.agent(0, StepLearner(TARGET, step=0.75), journal=journal))
    assert table.round(1).digest == stored


def test_a_judgement_on_record_is_voted_as_it_stands(table: Table, tmp_path: Path) -> None:
    """A ballot that was decided before the crash is cast after it, without another test."""
    path = tmp_path / "journal"
    table.settle(table.agent(0))
    with closing(MortalJournal.born(path, 3, after=True)) as mortal, pytest.raises(CrashError):
        table.settle(table.agent(1, journal=mortal))
    with closing(Journal.open(path)) as journal:
        contrary = StepLearner([-9.0, -9.0])
        table.settle(table.agent(1, contrary, journal=journal))
    assert table.ballots(1)[1] is Ballot.APPROVE


class Budgeted(StepLearner):
    """Its training costs privacy."""

    def mli_propose_weights(self) -> Weights:
        """Train, and say what it cost."""
        budget = DiffPrivBudget(target_epsilon=4, target_delta=1e-5, consumed_epsilon=1, consumed_delta=1e-6)
        weights = super().mli_propose_weights().weights
        return Weights(weights=weights, training_summary=TrainingSummary(dp_budget=budget))


def test_a_training_that_was_charged_and_lost_is_not_repeated(table: Table, tmp_path: Path) -> None:
    """A learner with a privacy budget passes its turn after such a crash, and says why."""
    path = tmp_path / "journal"
    with closing(MortalJournal.born(path, 3, after=True)) as mortal, pytest.raises(CrashError):
        table.settle(table.agent(0, Budgeted(TARGET), journal=mortal))
    with closing(Journal.open(path)) as journal:
        table.settle(table.agent(0, Budgeted(TARGET), journal=journal))
    assert table.round(1).status is Status.SKIPPED
    assert "charged to the privacy budget" in table.reasons(events.TurnPassed)[0]
    assert [type(event) for event in table.events].count(events.Training) == 1


def test_the_budget_is_in_the_manifest(table: Table) -> None:
    """What a learner says of its privacy budget is published with its weights."""
    table.settle(table.agent(0, Budgeted(TARGET)))
    digest = table.round(1).digest
    fetched = table.store().fetch_proposal(digest, table.claim(0), table.founding.spec.weight_schema)
    summary = fetched.manifest.training_summary()
    assert summary is not None
    assert summary.dp_budget is not None
    assert summary.dp_budget.consumed_epsilon == 1


def test_a_lost_answer_of_the_store_does_not_train_again(table: Table) -> None:
    """A put that was done although its answer got lost is done again, without another training."""
    faults = [StorageFault.LOST_ANSWER]
    storage = FaultyStorage(table.storage, lambda call, _: faults.pop() if call == "put" and faults else None)
    agent = table.agent(0, storage=storage)
    agent.step()
    assert isinstance(agent.step(), Wait)
    assert isinstance(agent.step(), Propose)
    assert [type(event) for event in table.events].count(events.Training) == 1


class Meanwhile(StepLearner):
    """While it trains or tests, the world goes on."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(TARGET)
        self.meanwhile: Callable[[], object] | None = None
        self._then = meanwhile

    def arm(self) -> None:
        """From now on."""
        self.meanwhile = self._then

    def mli_propose_weights(self) -> Weights:
        """Train, and take too long."""
        if self.meanwhile is not None:
            self.meanwhile()
        return super().mli_propose_weights()

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Test, and take too long."""
        if self.meanwhile is not None:
            self.meanwhile()
        return super().mli_test_weights(weights)


def advance_by_another(table: Table) -> None:
    """Let the window run out, and another party close the round."""
    table.pass_deadline()
    table.contract.advance(table.founding.members[2], table.snapshot().number)


@pytest.mark.parametrize("happens", ["deadline", "advance"])
def test_a_training_that_takes_too_long_is_no_error(table: Table, happens: str) -> None:
    """A proposal that comes after the window, or after another closed it, is refused by the contract only."""
    meanwhile = {"deadline": table.pass_deadline, "advance": lambda: advance_by_another(table)}
    learner = Meanwhile(meanwhile[happens])
    agent = table.agent(0, learner)
    agent.step()
    learner.arm()
    assert isinstance(agent.step(), Wait)
    table.settle(agent)
    assert table.round(1).status is Status.SKIPPED


@pytest.mark.parametrize("happens", ["deadline", "advance"])
def test_a_test_that_takes_too_long_is_no_error(table: Table, happens: str) -> None:
    """A ballot that comes after the window, or after another closed the round, is refused and forgotten."""
    meanwhile = {"deadline": table.pass_deadline, "advance": lambda: advance_by_another(table)}
    learner = Meanwhile(meanwhile[happens])
    table.settle(table.agent(0))
    agent = table.agent(1, learner)
    agent.step()
    learner.arm()
    assert isinstance(agent.step(), Wait)
    assert table.ballots(1)[1] is Ballot.NONE


def test_a_node_that_loses_answers_gets_one_ballot(table: Table) -> None:
    """Whichever answers get lost, the loop is told, and a later step finds the ballot on chain."""
    provider = FaultyProvider(table.founding.chain.web3.provider)
    node = Node(Web3(provider))
    clock = HandClock()
    agent = LearnerAgent(
        StepLearner(TARGET),
        contract=ExperimentContract(node, table.contract.address),
        sender=Sender(node, party_account(0, 2), patience=Patience(clock=clock, sleep=clock.sleep)),
        store=table.store(),
        journal=Journal.in_memory(),
        observe=table.events.append,
    )
    table.settle(table.agent(0))
    agent.step()
    provider.inject("eth_call", Fault.UNREACHABLE)
    with pytest.raises(TransportError):
        agent.step()
    provider.inject("eth_sendRawTransaction", *[Fault.LOST_ANSWER] * 3)
    with pytest.raises(TransportError):
        agent.step()
    assert isinstance(agent.step(), Wait)
    assert table.ballots(1)[1] is Ballot.APPROVE
    assert node.transaction_count(agent.address) == 2


def test_two_agents_of_one_learner_vote_once(table: Table) -> None:
    """An owner who starts the agent twice gets one ballot; the slower agent sees that and goes on."""
    table.settle(table.agent(0))
    first, second = table.agent(1), table.agent(1)
    first.step()
    second.step()
    snapshot = table.contract.snapshot(table.addresses[1])
    assert isinstance(first.step(), Vote)
    with pytest.raises(ContractReverted, match="AlreadyVoted"):
        table.contract.cast_ballot(table.founding.members[1], 1, snapshot.round_digest, Ballot.REJECT)
    assert isinstance(second.step(), Wait)
    assert table.ballots(1)[1] is Ballot.APPROVE


def test_a_refusal_that_is_no_race_is_raised(table: Table) -> None:
    """A revert that cannot come from others being faster is a mistake here, and is not hidden."""

    class Broken:
        """The contract, whose passTurn is broken."""

        def __getattr__(self, name: str) -> Any:
            """Everything else works."""
            return getattr(table.founding.contract, name)

        def propose(self, *_: object) -> Receipt:
            """Refuse for no good reason."""
            raise ContractReverted("EmptyDigest", {})

    agent = table.agent(0, contract=Broken())
    agent.step()
    with pytest.raises(ContractReverted, match="EmptyDigest"):
        agent.step()


def test_a_journal_that_cannot_be_written_stops_before_anything_is_sent(table: Table) -> None:
    """What cannot be remembered is not done: no vote without its judgement on the disk."""

    class FullJournal(Journal):
        """Has room for two lines."""

        def append(self, record: AnyRecord) -> None:
            """Refuse the third."""
            if len(self.records) == 2:
                raise StorageError("the journal cannot be written: no space")
            super().append(record)

    table.settle(table.agent(0))
    agent = table.agent(1, journal=FullJournal.in_memory())
    agent.step()
    table.founding.chain.advance_to(table.round(1).time - 300)
    with pytest.raises(StorageError):
        agent.step()
    assert table.ballots(1)[1] is Ballot.NONE
