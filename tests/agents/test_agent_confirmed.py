"""What an agent acts on: rounds that stay closed, and windows that are over although no block says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from colearn_agents.group.founding import party_account
from colearn_agents.party.agent import ASLEEP_SECONDS, LearnerAgent
from colearn_agents.party.confirmed import ConfirmedRounds
from colearn_agents.party.journal import Journal
from colearn_chain.chain import ExperimentContract, Node, Sender
from colearn_chain.errors import ChainError
from colearn_chain.rounds import Adopt, Advance, Ballot, Phase, Propose, Start, Status, Stop, Wait
from colearn_chain.testing.chain import FaultyProvider
from colearn_chain.testing.learners import StepLearner
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.chain.networks import Finality
    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]
CONFIRMATIONS = 3


def careful(table: Table, index: int, finality: Finality = CONFIRMATIONS, **options: Any) -> LearnerAgent:
    """A party's agent that waits for confirmations."""
    return LearnerAgent(
        StepLearner(TARGET),
        contract=options.pop("contract", table.contract),
        sender=table.founding.members[index],
        store=table.store(),
        journal=Journal.in_memory(),
        observe=table.events.append,
        finality=finality,
        **options,
    )


def mine(table: Table) -> None:
    """Let an empty block be mined."""
    table.founding.chain.advance_to(table.founding.chain.now() + 1)


def chain_of(table: Table) -> Any:
    """What the embedded chain runs on."""
    return table.founding.chain.web3.provider.ethereum_tester  # type: ignore[attr-defined]


def next_block_at(table: Table, moment: int) -> None:
    """Let the next block have this time; none is mined."""
    chain_of(table).backend.chain.set_header_timestamp(moment)


def reorganise(table: Table, kept: int) -> None:
    """Take all blocks after a snapshot away."""
    chain_of(table).revert_to_snapshot(kept)
    next_block_at(table, table.founding.chain.now() + 1)


def close_first_round(table: Table, ballot: Ballot) -> None:
    """Parties 1 and 2 vote on party 0's proposal, past any agent."""
    digest = table.round(1).digest
    for member in table.founding.members[1:]:
        table.contract.cast_ballot(member, RoundNumber(1), digest, ballot)


def test_an_agent_waits_until_a_closing_is_confirmed(table: Table) -> None:
    """It adopts, and proposes in the next round, three blocks after the one that closed the last."""
    table.settle(table.agent(0))
    agent = careful(table, 1)
    table.settle(agent)
    close = table.contract.cast_ballot
    close(table.founding.members[2], RoundNumber(1), table.round(1).digest, Ballot.APPROVE)
    for _ in range(CONFIRMATIONS):
        assert isinstance(agent.step(), Wait)
        assert (agent.held, agent.closed) == (table.contract.spec_digest(), 0)
        mine(table)
    assert isinstance(agent.step(), Adopt)
    assert (agent.held, agent.closed) == (table.round(1).digest, 1)
    assert isinstance(agent.step(), Propose)


def test_a_closing_that_is_reorganised_away_is_never_adopted(table: Table) -> None:
    """What was accepted in blocks that gave way to others was never seen by the learner."""
    table.settle(table.agent(0))
    agent = careful(table, 0)
    before = chain_of(table).take_snapshot()
    close_first_round(table, Ballot.APPROVE)
    mine(table)
    table.settle(agent)
    assert table.round(1).status is Status.ACCEPTED
    assert agent.held is None
    reorganise(table, before)
    close_first_round(table, Ballot.REJECT)
    mine(table)
    table.settle(agent)
    assert agent.held is None
    for _ in range(CONFIRMATIONS):
        mine(table)
    table.settle(agent)
    assert table.round(1).status is Status.REJECTED
    assert (agent.held, agent.closed) == (table.contract.spec_digest(), 1)


def test_a_closing_that_a_deeper_reorganisation_undoes(table: Table) -> None:
    """If even confirmed blocks give way, the agent follows the chain, and takes the model back."""
    table.settle(table.agent(0))
    agent = careful(table, 0, finality=1)
    before = chain_of(table).take_snapshot()
    close_first_round(table, Ballot.APPROVE)
    mine(table)
    table.settle(agent)
    assert (agent.held, agent.closed) == (table.round(1).digest, 1)
    reorganise(table, before)
    table.settle(agent)
    assert (agent.held, agent.closed) == (table.contract.spec_digest(), 0)


def test_confirmations_cost_one_request_while_they_are_awaited(table: Table) -> None:
    """One more than without them, and none once a closing is confirmed."""
    provider = FaultyProvider(table.founding.chain.web3.provider)
    contract = ExperimentContract(Node(Web3(provider)), table.contract.address)
    table.settle(table.agent(0))
    agent = careful(table, 0, contract=contract)
    table.settle(agent)

    def requests_of_a_step() -> int:
        before = provider.calls.total()
        agent.step()
        return provider.calls.total() - before

    assert requests_of_a_step() == 1
    close_first_round(table, Ballot.REJECT)
    assert requests_of_a_step() == 2
    for _ in range(CONFIRMATIONS):
        mine(table)
    assert requests_of_a_step() == 2
    assert requests_of_a_step() == 1


class Tagged:
    """A contract whose chain calls everything up to one block final."""

    def __init__(self, inner: Any, final: int | None) -> None:
        self._inner, self.final = inner, final

    def __getattr__(self, name: str) -> Any:
        """Everything else is as it is."""
        return getattr(self._inner, name)

    def snapshot(self, learner: Any, *, block: Any = "latest") -> Any:
        """Look a tag up."""
        if block == "finalized" and self.final is None:
            raise ChainError("finalized block not found")
        return self._inner.snapshot(learner, block=self.final if block == "finalized" else block)


def test_what_the_chain_itself_calls_final(table: Table) -> None:
    """By its tag, as the chain names it; a chain without such a block yet is asked again later."""
    table.settle(table.agent(0))
    contract: Any = Tagged(table.contract, None)
    agent = careful(table, 0, finality="finalized", contract=contract)
    table.settle(agent)
    close_first_round(table, Ballot.APPROVE)
    with pytest.raises(ChainError):
        agent.step()
    contract.final = table.contract.node.block_number() - 1
    assert isinstance(agent.step(), Wait)
    contract.final += 1
    assert isinstance(agent.step(), Adopt)


def test_a_contract_that_is_too_new_to_be_confirmed(table: Table) -> None:
    """Nothing is known to be closed at a block in which there was no contract."""
    close_first_round_without_proposal(table)
    rounds = ConfirmedRounds(table.contract, finality=10_000)
    assert not rounds.cover(table.snapshot())
    assert rounds.closed == 0


def close_first_round_without_proposal(table: Table) -> None:
    """Its proposer passes."""
    table.contract.pass_turn(table.founding.members[0], RoundNumber(1))


def test_the_end_of_an_experiment_has_to_be_confirmed(sit_down: Callable[..., Table]) -> None:
    """An agent does not go home because of a block that may give way to another."""
    table = sit_down(rounds=1)
    agent = careful(table, 0)
    table.settle(agent)
    close_first_round(table, Ballot.REJECT)
    assert table.snapshot().phase is Phase.FINISHED
    assert isinstance(agent.step(), Wait)
    for _ in range(CONFIRMATIONS):
        mine(table)
    assert isinstance(agent.step(), Stop)


# ------------------------------------------------------------------------------------ chains that are asleep


def test_a_window_that_is_over_on_a_chain_that_is_asleep(table: Table) -> None:
    """No block tells that the window is over; the next one would, and the agent makes it."""
    deadline = table.round(1).time
    agent = careful(table, 1, finality=0, clock=lambda: float(deadline + 1))
    table.settle(agent)
    next_block_at(table, deadline + 1)
    assert table.snapshot().timestamp < deadline
    assert isinstance(agent.step(), Advance)
    assert table.round(1).status is Status.SKIPPED


def test_a_clock_that_is_wrong_sends_nothing(table: Table) -> None:
    """The contract says whether a window is over: with a clock that is fast, an agent still votes."""
    deadline = table.round(1).time
    agent = careful(table, 1, finality=0, clock=lambda: float(deadline + 10_000))
    table.settle(agent)
    sent = table.contract.node.transaction_count(agent.address)
    assert isinstance(agent.step(), Wait)
    assert table.contract.node.transaction_count(agent.address) == sent
    table.settle(table.agent(0))
    table.settle(agent)
    assert table.ballots(1)[1] is Ballot.APPROVE


@pytest.mark.parametrize(("clock_after_deadline", "latest_block_age"), [(0, 500), (10, ASLEEP_SECONDS - 1)])
def test_a_chain_that_is_awake_is_not_asked(
    table: Table, clock_after_deadline: int, latest_block_age: int
) -> None:
    """Before the window is over by the clock here, or while blocks come, time is what blocks say."""
    now = table.round(1).time + clock_after_deadline
    table.founding.chain.advance_to(now - latest_block_age)
    provider = FaultyProvider(table.founding.chain.web3.provider)
    node = Node(Web3(provider))
    agent = LearnerAgent(
        StepLearner(TARGET),
        contract=ExperimentContract(node, table.contract.address),
        sender=Sender(node, party_account(0, 2)),
        store=table.store(),
        journal=Journal.in_memory(),
        clock=lambda: float(now),
    )
    agent.step()
    assert isinstance(agent.step(), Wait)
    assert provider.calls["eth_estimateGas"] == 0


def test_a_start_that_is_due_on_a_chain_that_is_asleep(sit_down: Callable[..., Table]) -> None:
    """After the start deadline anyone may start, whether or not a block has told of it."""
    table = sit_down()
    contract = joined_afresh(table)
    deadline = contract.rules().start_deadline
    agent = careful(table, 0, finality=0, contract=contract, clock=lambda: float(deadline + 1))
    table.settle(agent)
    assert table_phase(contract, agent) is Phase.JOINING
    next_block_at(table, deadline + 1)
    assert isinstance(agent.step(), Start)
    assert table_phase(contract, agent) is Phase.PROPOSING


def joined_afresh(table: Table) -> ExperimentContract:
    """Another experiment on the same chain, joined by all and not started; it may be started in an hour."""
    spec = table.founding.spec
    rules = spec.rules.__class__(**{**vars(spec.rules), "start_deadline": table.founding.chain.now() + 3600})
    arrays = table.store().fetch_spec(table.contract.spec_digest()).arrays
    digest = table.store().publish_spec(spec.model_copy(update={"rules": rules}), arrays)
    contract = ExperimentContract.deploy(table.founding.organizer, rules, digest)
    contract.invite(table.founding.organizer, table.addresses)
    for member in table.founding.members:
        contract.join(member)
    return contract


def table_phase(contract: ExperimentContract, agent: LearnerAgent) -> Phase:
    """Where an experiment stands."""
    return contract.snapshot(agent.address).phase
