"""An agent's life: it proposes in its turn, votes once, holds what was accepted, and knows when to stop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.party import events
from colearn_agents.party.journal import Journal
from colearn_chain.chain import ExperimentContract
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import (
    Adopt,
    Advance,
    Ballot,
    Closing,
    PassTurn,
    Phase,
    Propose,
    Start,
    Status,
    Stop,
    Vote,
    Wait,
)
from colearn_chain.testing.learners import IdleLearner, NanLearner, StepLearner
from colearn_chain.testing.storage import MemoryStorage
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from colearn_chain.ml_interface import ProposedWeights, Weights
    from colearn_chain.types import Digest
    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]


def vector(learner: StepLearner) -> list[float]:
    """What a learner holds."""
    return list(learner.mli_get_current_weights().weights["vector"])


def test_one_step_is_one_action(table: Table) -> None:
    """The first proposer takes the spec's weights, proposes, and then waits for the others."""
    agent = table.agent(0)
    assert agent.held is None
    assert isinstance(agent.step(), Adopt)
    assert agent.held == table.founding.contract.spec_digest()
    assert isinstance(agent.step(), Propose)
    assert isinstance(agent.step(), Wait)
    assert table.snapshot().phase is Phase.VOTING


def test_an_improvement_is_adopted_by_all(table: Table) -> None:
    """What the voters approve is what everybody then holds, the proposer included."""
    learners = [StepLearner(TARGET) for _ in range(3)]
    agents = [table.agent(index, learner) for index, learner in enumerate(learners)]
    for agent in agents:
        agent.step()
    agents[0].step()
    assert isinstance(agents[1].step(), Vote)
    assert isinstance(agents[2].step(), Vote)
    assert table.round(1).status is Status.ACCEPTED
    assert all(isinstance(agent.step(), Adopt) for agent in agents)
    assert [vector(learner) for learner in learners] == [[0.5, 1.0]] * 3
    assert {agent.held for agent in agents} == {table.round(1).digest}


def test_a_worse_model_is_rejected_and_changes_nobody(table: Table) -> None:
    """A proposal that leads away from what the others want is rejected by them."""
    learners = [StepLearner([-9.0, -9.0]), StepLearner(TARGET), StepLearner(TARGET)]
    agents = [table.agent(index, learner) for index, learner in enumerate(learners)]
    for agent in agents:
        agent.step()
    for agent in agents:
        agent.step()
    assert table.ballots(1) == [Ballot.NONE, Ballot.REJECT, Ballot.REJECT]
    assert table.reasons(events.Tested) == ["no improvement"] * 2
    assert [vector(learner) for learner in learners] == [[0.0, 0.0]] * 3


def test_a_tie_and_a_score_that_is_no_number_are_no_approval(sit_down: Callable[..., Table]) -> None:
    """An unchanged model and a NaN are voted down, and a NaN is no score in the journal."""
    table = sit_down()
    journal = Journal.in_memory()
    agents = [
        table.agent(0, StepLearner(TARGET, step=0.0)),
        table.agent(1),
        table.agent(2, NanLearner(TARGET), journal=journal),
    ]
    for _ in range(2):
        for agent in agents:
            agent.step()
    assert table.ballots(1)[1:] == [Ballot.REJECT, Ballot.REJECT]
    judged = journal.judged(RoundNumber(1), table.round(1).digest)
    assert judged is not None
    assert judged.vote_score is None


def test_a_counted_proposer_votes_on_its_own_proposal(sit_down: Callable[..., Table]) -> None:
    """Where the rules let the proposer vote, it tests what it proposed, as everybody does."""
    table = sit_down(count_proposer=True)
    agent = table.agent(0)
    assert [type(agent.step()) for _ in range(4)] == [Adopt, Propose, Vote, Wait]
    assert table.ballots(1)[0] is Ballot.APPROVE


def test_nothing_to_propose_passes_the_turn(table: Table) -> None:
    """A learner whose budget is spent does not keep the others waiting, and says why."""
    agent = table.agent(0, IdleLearner(TARGET))
    assert [type(agent.step()) for _ in range(3)] == [Adopt, Propose, PassTurn]
    assert table.round(1).closing is Closing.PASSED
    assert table.reasons(events.TurnPassed) == ["the learner has nothing to propose: DP_BUDGET_EXCEEDED"]


def test_a_group_without_anything_to_propose_stops(table: Table) -> None:
    """After as many skipped rounds in a row as there are learners, an agent stops instead of passing on."""
    agents = [table.agent(index, IdleLearner(TARGET)) for index in range(3)]
    while not isinstance(agents[0].step(), Stop):
        agents[1].step()
        agents[2].step()
    assert table.snapshot().number == 4
    assert [table.round(number).status for number in (1, 2, 3)] == [Status.SKIPPED] * 3
    assert len(table.reasons(events.Stopped)) == 1


def test_others_advance_past_a_proposer_that_never_acts(table: Table) -> None:
    """Once the window has run out by block time, anybody closes the round."""
    agents = table.agent(1), table.agent(2)
    table.settle(*agents)
    assert table.snapshot().number == 1
    table.pass_deadline()
    assert isinstance(agents[1].step(), Advance)
    assert table.round(1).closing is Closing.DEADLINE
    assert table.round(1).status is Status.SKIPPED
    assert table.reasons(events.TurnPassed) == []


def test_others_advance_past_a_voter_that_never_votes(table: Table) -> None:
    """A round with a silent voter ends with the voting window; silence is no approval."""
    agents = table.agent(0), table.agent(1)
    table.settle(*agents)
    table.pass_deadline()
    agents[0].step()
    assert table.round(1).status is Status.REJECTED
    assert table.ballots(1) == [Ballot.NONE, Ballot.APPROVE, Ballot.NONE]


def test_the_wait_ends_with_the_deadline(table: Table) -> None:
    """Who has nothing to do says when that can change: when the window has run out."""
    (waiting,) = table.settle(table.agent(1))
    assert isinstance(waiting, Wait)
    assert waiting.until == table.round(1).time + 1


def test_a_newcomer_keeps_its_round_of_notice(sit_down: Callable[..., Table]) -> None:
    """Who joins while round 2 is open takes no part before round 4, and then knows the accepted model."""
    table = sit_down(learners=4, rounds=4)
    agents = [table.agent(index) for index in range(4)]
    table.contract.resign(table.founding.members[3])
    table.settle(*agents[:3])
    table.pass_deadline()
    agents[0].step()
    assert table.snapshot().number == 2
    table.contract.join(table.founding.members[3])
    assert all(isinstance(action, Stop) for action in table.settle(*agents))
    assert [table.ballots(number)[3] for number in (2, 3)] == [Ballot.NONE] * 2
    assert table.round(4).proposer == 3
    assert table.round(4).status is Status.ACCEPTED


def test_a_removed_learner_stops(sit_down: Callable[..., Table]) -> None:
    """After its round of notice a removed learner's agent stops, and says so once."""
    table = sit_down(rounds=4)
    agents = [table.agent(index) for index in range(3)]
    table.contract.remove(table.founding.organizer, table.addresses[2])
    while table.snapshot().number < 3:
        for agent in agents:
            agent.step()
    assert table.snapshot().phase is Phase.PROPOSING
    agents[2].step()
    assert isinstance(agents[2].step(), Stop)
    assert isinstance(agents[2].step(), Stop)
    stopped = [event for event in table.events if isinstance(event, events.Stopped)]
    assert [event.learner for event in stopped] == [table.addresses[2]]


def test_all_stop_when_the_last_round_is_closed(sit_down: Callable[..., Table]) -> None:
    """After maxRounds everybody adopts what was accepted and stops."""
    table = sit_down(rounds=1)
    agents = [table.agent(index) for index in range(3)]
    assert all(isinstance(action, Stop) for action in table.settle(*agents))
    assert {agent.held for agent in agents} == {table.round(1).digest}


def test_a_paused_experiment_is_started_again(table: Table) -> None:
    """When enough learners are there again, an agent opens the next round after the start deadline."""
    agents = [table.agent(index) for index in range(3)]
    for index in (1, 2):
        table.contract.resign(table.founding.members[index])
    table.pass_deadline()
    table.settle(agents[0])
    assert table.snapshot().phase is Phase.JOINING
    table.contract.join(table.founding.members[1])
    assert isinstance(agents[0].step(), Start)
    assert table.snapshot().number == 2


def test_an_adopted_model_is_scored_once(table: Table) -> None:
    """The scores of an adoption are those of the judgement; a learner is not asked again."""
    asked = []

    class Counting(StepLearner):
        """Remembers what it is asked to test."""

        def mli_test_weights(self, weights: Weights) -> ProposedWeights:
            """Test."""
            asked.append(list(weights.weights["vector"]))
            return super().mli_test_weights(weights)

    agents = [table.agent(0), table.agent(1, Counting(TARGET)), table.agent(2)]
    for _ in range(3):
        for agent in agents:
            agent.step()
    assert asked == [[0.0, 0.0], [0.5, 1.0]]
    adopted = [event for event in table.events if isinstance(event, events.Adopted) and event.round == 1]
    assert [event.vote_score for event in adopted] == [-1.25] * 3


def test_a_proposer_approves_nothing_before_it_holds_it(table: Table) -> None:
    """What a voter approved is in its own store, so the proposer can vanish afterwards."""
    own = MemoryStorage()

    class OwnFirst(MemoryStorage):
        """A party's own store; what it lacks comes from the others."""

        def get(self, digest: Digest, into: Path, limits: Mapping[str, int]) -> None:
            """Read."""
            (own if own.has(digest) else table.storage).get(digest, into, limits)

        def put(self, folder: Path) -> Digest:
            """Keep."""
            return own.put(folder)

        def has(self, digest: Digest) -> bool:
            """Say what is kept."""
            return own.has(digest)

    table.settle(table.agent(0), table.agent(1, storage=OwnFirst()))
    assert own.has(table.snapshot().round_digest)


def test_a_journal_of_another_learner_is_refused(table: Table) -> None:
    """An agent does not begin with what another one remembers."""
    journal = Journal.in_memory()
    table.agent(0, journal=journal)
    with pytest.raises(ConfigError, match="this journal is not of"):
        table.agent(1, journal=journal)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"idle_rounds": 9}, "but its spec says"),
        ({"contribution_window": 10}, "which this agent cannot play"),
    ],
)
def test_rules_that_cannot_be_played_are_refused(table: Table, change: dict[str, Any], sentence: str) -> None:
    """A contract whose rules are not those of its spec, or that has fan-in rounds, is not joined in."""
    spec = table.founding.spec
    rules = replace(spec.rules, **change)
    if rules.contribution_window:
        spec = spec.model_copy(update={"rules": rules})
    arrays = table.store().fetch_spec(table.contract.spec_digest()).arrays
    digest = table.store().publish_spec(spec, arrays)
    contract = ExperimentContract.deploy(table.founding.organizer, rules, digest)
    table.founding = replace(table.founding, contract=contract)
    with pytest.raises(ConfigError, match=sentence):
        table.agent(0)
