"""An agent that tells of rounds as they close, whoever closes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_agents.party import events
from colearn_agents.party.agent import LearnerAgent
from colearn_agents.party.journal import Journal
from colearn_chain.rounds import Ballot, Closing, Status
from colearn_chain.testing.learners import StepLearner
from colearn_chain.types import NO_DIGEST, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]


def minuted(table: Table, index: int, *, finality: int = 0) -> tuple[LearnerAgent, list[events.Event]]:
    """A party's agent that keeps minutes, and all that it tells."""
    told: list[events.Event] = []
    agent = LearnerAgent(
        StepLearner(TARGET),
        contract=table.contract,
        sender=table.founding.members[index],
        store=table.store(),
        journal=Journal.in_memory(),
        observe=told.append,
        finality=finality,
        keeps_minutes=True,
    )
    return agent, told


def minutes(told: list[events.Event]) -> list[events.RoundClosed]:
    """The closed rounds that were told of."""
    return [event for event in told if isinstance(event, events.RoundClosed)]


def pass_turn(table: Table) -> None:
    """Let the proposer pass, past any agent."""
    snapshot = table.snapshot()
    table.contract.pass_turn(table.founding.members[snapshot.round.proposer], snapshot.number)


def test_each_round_is_told_of_once_with_its_ballots(sit_down: Callable[..., Table]) -> None:
    """Proposer, outcome and everybody's ballot, before the agent acts on it."""
    table = sit_down(rounds=3)
    agent, told = minuted(table, 1)
    table.settle(agent)
    others = table.agent(0), table.agent(2)
    table.settle(*others, agent)
    first = minutes(told)[0]
    assert (first.round, first.outcome, first.closing) == (1, Status.ACCEPTED, Closing.COMPLETE)
    assert (first.proposer, first.digest) == (table.addresses[0], table.round(1).digest)
    assert first.ballots == dict.fromkeys(table.addresses[1:], Ballot.APPROVE)
    assert [event.round for event in minutes(told)] == [1, 2, 3]
    adopted = next(event for event in told if isinstance(event, events.Adopted) and event.round == 1)
    assert told.index(first) < told.index(adopted)


def test_several_rounds_that_closed_meanwhile(table: Table) -> None:
    """All of them, in order; of those before the first step nobody is told."""
    pass_turn(table)
    agent, told = minuted(table, 1)
    agent.step()
    assert minutes(told) == []
    pass_turn(table)
    pass_turn(table)
    agent.step()
    assert [(event.round, event.outcome, event.closing) for event in minutes(told)] == [
        (2, Status.SKIPPED, Closing.PASSED),
        (3, Status.SKIPPED, Closing.PASSED),
    ]
    assert minutes(told)[0].digest == NO_DIGEST
    assert set(minutes(told)[0].ballots.values()) == {Ballot.NONE}


def test_only_confirmed_rounds_are_told_of(table: Table) -> None:
    """What may still give way to something else is not in the minutes."""
    agent, told = minuted(table, 1, finality=2)
    agent.step()
    pass_turn(table)
    agent.step()
    assert minutes(told) == []
    for _ in range(2):
        table.founding.chain.advance_to(table.founding.chain.now() + 1)
    agent.step()
    assert [event.round for event in minutes(told)] == [1]


def test_a_round_that_is_closed_anew_is_told_of_anew(table: Table) -> None:
    """A reorganisation that goes deeper than promised: the minutes follow the chain."""
    agent, told = minuted(table, 1)
    agent.step()
    tester = table.founding.chain.web3.provider.ethereum_tester  # type: ignore[attr-defined]
    before = tester.take_snapshot()
    pass_turn(table)
    agent.step()
    tester.revert_to_snapshot(before)
    tester.backend.chain.set_header_timestamp(table.founding.chain.now() + 1)
    agent.step()
    pass_turn(table)
    agent.step()
    assert [event.round for event in minutes(told)] == [1, 1]


def test_without_being_asked_an_agent_keeps_no_minutes(sit_down: Callable[..., Table]) -> None:
    """In a group that plays in one process, the group tells of rounds."""
    table = sit_down(rounds=1)
    table.settle(*[table.agent(index) for index in range(3)])
    assert table.round(RoundNumber(1)).status is Status.ACCEPTED
    assert minutes(table.events) == []
