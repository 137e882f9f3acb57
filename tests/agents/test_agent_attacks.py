"""Dishonest proposers and failing stores: a ballot with a reason, and nothing else happens to a voter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_agents.party import events
from colearn_chain.artefacts import MANIFEST_FILE, WEIGHTS_FILE, Manifest, WeightsFile
from colearn_chain.errors import ContentNotFound
from colearn_chain.rounds import Ballot, Phase, Status, Stop, Vote, Wait
from colearn_chain.storage.folders import file_cid
from colearn_chain.testing.learners import StepLearner
from colearn_chain.testing.storage import FaultyStorage, MemoryStorage, StorageFault
from colearn_chain.types import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from colearn_chain.artefacts import ProposalClaim
    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]
GOOD = {"vector": np.array([0.5, 1.0])}


def files_of(table: Table, digest: Digest) -> dict[str, bytes]:
    """What lies in the shared store under a digest."""
    return dict(table.storage._folders[digest])


def put(table: Table, files: Mapping[str, bytes]) -> Digest:
    """Store any files; Mallory's own client checks nothing."""
    folder = table.folder / "mallory"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return table.storage.put(folder)


def honest(table: Table, claim: ProposalClaim | None = None, **arrays: Any) -> Digest:
    """Publish what an honest client would write for a claim and arrays."""
    return table.store().publish_proposal(claim or table.claim(0), arrays or GOOD, None)


def with_weights(table: Table, change: Callable[[bytes], bytes]) -> Digest:
    """A proposal whose manifest is right about its weights file, which holds something else."""
    files = files_of(table, honest(table))
    weights = change(files[WEIGHTS_FILE])
    path: Path = table.folder / "weights"
    path.write_bytes(weights)
    said = WeightsFile(cid=file_cid(path), size=len(weights))
    return put(
        table, {MANIFEST_FILE: Manifest.of(table.claim(0), said, None).to_bytes(), WEIGHTS_FILE: weights}
    )


def withheld(table: Table) -> Digest:
    """Nothing lies under the digest."""
    digest = honest(table)
    table.storage.drop(digest)
    return digest


def flipped(table: Table) -> Digest:
    """One bit of the weights differs from what the digest says."""
    digest = honest(table)
    files = files_of(table, digest)
    weights = bytearray(files[WEIGHTS_FILE])
    weights[-1] ^= 1
    table.storage.plant(digest, files | {WEIGHTS_FILE: bytes(weights)})
    return digest


def one_more_file(table: Table) -> Digest:
    """A file lies there that no proposal has."""
    return put(table, files_of(table, honest(table)) | {"run.sh": b"rm -rf /"})


def not_a_number(table: Table) -> Digest:
    """The last value is NaN."""
    return with_weights(table, lambda weights: weights[:-8] + np.array([np.nan]).tobytes())


def infinite(table: Table) -> Digest:
    """The last value is infinite."""
    return with_weights(table, lambda weights: weights[:-8] + np.array([np.inf]).tobytes())


def huge_header(table: Table) -> Digest:
    """The header claims to have 10 GB."""
    return with_weights(table, lambda weights: (10 * 1024**3).to_bytes(8, "little") + weights[8:])


def wrong_shape(table: Table) -> Digest:
    """A vector of three where two belong."""
    return honest(table, vector=np.zeros(3))


def wrong_dtype(table: Table) -> Digest:
    """Single precision where double belongs."""
    return honest(table, vector=np.zeros(2, dtype=np.float32))


def extra_tensor(table: Table) -> Digest:
    """One tensor more."""
    return honest(table, vector=GOOD["vector"], backdoor=np.zeros(1))


def missing_tensor(table: Table) -> Digest:
    """The tensor by another name."""
    return honest(table, weights=np.zeros(2))


def of_another_round(table: Table) -> Digest:
    """The manifest names the next round."""
    return honest(table, table.claim(0, round=2))


def of_another_proposer(table: Table) -> Digest:
    """The manifest names another learner: a copied proposal."""
    return honest(table, table.claim(1))


def of_another_parent(table: Table) -> Digest:
    """The manifest follows something that was never accepted."""
    return honest(table, table.claim(0, parent=Digest(b"\7" * 32)))


def of_another_experiment(table: Table) -> Digest:
    """The manifest names another contract."""
    return honest(table, table.claim(0, experiment=f"eip155:1:{table.addresses[0]}"))


def the_spec_itself(table: Table) -> Digest:
    """The experiment's spec, which is no proposal."""
    digest: Digest = table.contract.spec_digest()
    return digest


def other_manifest_form(table: Table) -> Digest:
    """The manifest has a space too many."""
    files = files_of(table, honest(table))
    return put(table, files | {MANIFEST_FILE: files[MANIFEST_FILE].replace(b":", b": ", 1)})


MALFORMED = [
    flipped,
    one_more_file,
    not_a_number,
    infinite,
    huge_header,
    wrong_shape,
    wrong_dtype,
    extra_tensor,
    missing_tensor,
    of_another_round,
    of_another_proposer,
    of_another_parent,
    of_another_experiment,
    the_spec_itself,
    other_manifest_form,
]


@pytest.mark.parametrize("attack", MALFORMED, ids=lambda attack: str(attack.__name__))
def test_a_malformed_proposal_is_unavailable(table: Table, attack: Callable[[Table], Digest]) -> None:
    """What is no proposal gets an Unavailable ballot at once, with the reason; the voter's weights stay."""
    learner = StepLearner(TARGET)
    agent = table.agent(1, learner)
    agent.step()
    table.propose(0, attack(table))
    assert isinstance(agent.step(), Vote)
    assert table.ballots(1)[1] is Ballot.UNAVAILABLE
    (reason,) = table.reasons(events.Tested)
    assert reason.startswith("malformed: ")
    assert list(learner.mli_get_current_weights().weights["vector"]) == [0.0, 0.0]
    assert agent.held == table.contract.spec_digest()


def test_the_attacks_begin_with_a_proposal_that_is_approved(table: Table) -> None:
    """Without the attack the very same proposal is approved, so it is the attack that is refused."""
    agent = table.agent(1)
    agent.step()
    table.propose(0, honest(table))
    agent.step()
    assert table.ballots(1)[1] is Ballot.APPROVE


def test_a_replayed_proposal_is_malformed(table: Table) -> None:
    """What was accepted in round 1 is no proposal of round 2, whoever proposes it."""
    agents = [table.agent(index) for index in range(3)]
    while table.snapshot().number == 1:
        for agent in agents:
            agent.step()
    assert table.round(1).status is Status.ACCEPTED
    table.propose(1, table.round(1).digest)
    for agent in agents:
        agent.step()
        agent.step()
    assert table.ballots(2) == [Ballot.UNAVAILABLE, Ballot.NONE, Ballot.UNAVAILABLE]
    assert {agent.held for agent in agents} == {table.round(1).digest}


def test_a_withheld_proposal_is_asked_for_until_half_the_window_is_over(table: Table) -> None:
    """What cannot be fetched is tried again while there is time, and then voted Unavailable."""
    agent = table.agent(1)
    agent.step()
    table.propose(0, withheld(table))
    waiting = agent.step()
    assert isinstance(waiting, Wait)
    assert waiting.until == table.round(1).time - 300
    assert isinstance(agent.step(), Wait)
    assert table.ballots(1)[1] is Ballot.NONE
    table.founding.chain.advance_to(waiting.until)
    assert isinstance(agent.step(), Vote)
    assert table.ballots(1)[1] is Ballot.UNAVAILABLE


def test_a_proposal_that_arrives_late_is_still_approved(table: Table) -> None:
    """A store that fails for a while costs nobody a ballot."""
    down = True
    storage = FaultyStorage(table.storage, lambda *_: StorageFault.NO_ANSWER if down else None)
    down = False
    agent = table.agent(1, storage=storage)
    agent.step()
    table.propose(0, honest(table))
    down = True
    assert isinstance(agent.step(), Wait)
    down = False
    assert isinstance(agent.step(), Vote)
    assert table.ballots(1)[1] is Ballot.APPROVE


def test_a_full_store_approves_nothing(table: Table) -> None:
    """What cannot be put into the own store is not approved, however good it is."""
    full = {"put": StorageFault.NO_ANSWER, "has": StorageFault.ABSENT}
    storage = FaultyStorage(table.storage, lambda call, _: full.get(call))
    agent = table.agent(1, storage=storage)
    agent.step()
    table.propose(0, honest(table))
    waiting = agent.step()
    assert isinstance(waiting, Wait)
    assert waiting.until is not None
    table.founding.chain.advance_to(waiting.until)
    agent.step()
    assert table.ballots(1)[1] is Ballot.UNAVAILABLE


def test_a_store_that_takes_nothing_passes_the_turn(table: Table) -> None:
    """A proposal that cannot be stored is trained once, tried again, and then given up for this round."""
    storage = FaultyStorage(table.storage, lambda call, _: StorageFault.NO_ANSWER if call == "put" else None)
    agent = table.agent(0, storage=storage)
    waiting = table.settle(agent)[0]
    assert isinstance(waiting, Wait)
    assert waiting.until == table.round(1).time - 300
    table.founding.chain.advance_to(waiting.until)
    table.settle(agent)
    assert table.round(1).status is Status.SKIPPED
    assert [type(event) for event in table.events].count(events.Training) == 1
    assert "cannot be stored" in table.reasons(events.TurnPassed)[0]


def accepted_without(table: Table, absent: int) -> None:
    """Let a round be accepted by colluders, with weights that only they have."""
    digest = honest(table)
    table.propose(0, digest)
    number = table.snapshot().number
    for index in {1, 2, 3} - {absent}:
        table.contract.cast_ballot(table.founding.members[index], number, digest, Ballot.APPROVE)
    table.pass_deadline()
    table.contract.advance(table.founding.members[0], number)
    assert table.round(number).status is Status.ACCEPTED
    table.storage.drop(digest)


def test_without_the_current_model_nothing_is_approved(sit_down: Callable[..., Table]) -> None:
    """Who cannot fetch the accepted model votes Unavailable, since it has nothing to compare with."""
    table = sit_down(learners=4)
    agent = table.agent(3)
    agent.step()
    accepted_without(table, 3)
    table.propose(1, honest(table, table.claim(1)))
    waiting = agent.step()
    assert isinstance(waiting, Wait)
    assert waiting.until is not None
    table.founding.chain.advance_to(waiting.until)
    assert isinstance(agent.step(), Vote)
    assert table.ballots(2)[3] is Ballot.UNAVAILABLE
    assert "the current model is not at hand" in table.reasons(events.Tested)[0]


def test_without_the_current_model_the_turn_is_passed(sit_down: Callable[..., Table]) -> None:
    """Who cannot fetch the accepted model does not train on an older one."""
    table = sit_down(learners=4)
    agent = table.agent(1)
    agent.step()
    accepted_without(table, 1)
    waiting = agent.step()
    assert isinstance(waiting, Wait)
    assert waiting.until is not None
    table.founding.chain.advance_to(waiting.until)
    table.settle(agent)
    assert table.round(2).status is Status.SKIPPED
    assert events.Training not in map(type, table.events)
    assert "the current model is not at hand" in table.reasons(events.TurnPassed)[0]


def test_a_malformed_model_that_was_accepted_is_not_adopted(sit_down: Callable[..., Table]) -> None:
    """Colluders can accept what is no model; an honest learner keeps its own and votes Unavailable."""
    table = sit_down(learners=4)
    learner = StepLearner(TARGET)
    agent = table.agent(3, learner)
    agent.step()
    digest = not_a_number(table)
    table.propose(0, digest)
    for index in (1, 2):
        table.contract.cast_ballot(table.founding.members[index], 1, digest, Ballot.APPROVE)
    agent.step()
    assert table.round(1).status is Status.ACCEPTED
    table.propose(1, honest(table, table.claim(1)))
    assert isinstance(agent.step(), Vote)
    assert table.ballots(2)[3] is Ballot.UNAVAILABLE
    assert list(learner.mli_get_current_weights().weights["vector"]) == [0.0, 0.0]


def test_the_next_good_model_is_adopted_after_one_that_was_missing(sit_down: Callable[..., Table]) -> None:
    """Who missed a model takes part again as soon as one that it can fetch is accepted."""
    table = sit_down(learners=4)
    agent = table.agent(3)
    agent.step()
    accepted_without(table, 3)
    digest = honest(table, table.claim(1))
    table.propose(1, digest)
    for index in (0, 2):
        table.contract.cast_ballot(table.founding.members[index], 2, digest, Ballot.APPROVE)
    table.pass_deadline()
    agent.step()
    assert table.snapshot().phase is Phase.PROPOSING
    agent.step()
    assert agent.held == digest == table.snapshot().accepted_digest


def test_the_last_model_is_waited_for(sit_down: Callable[..., Table]) -> None:
    """An agent does not stop without the final model while its store may still get it."""
    table = sit_down(rounds=1)
    agent = table.agent(0)
    table.settle(agent, table.agent(1))
    digest = table.round(1).digest
    files = files_of(table, digest)
    table.storage.drop(digest)
    table.contract.cast_ballot(table.founding.members[2], 1, digest, Ballot.APPROVE)
    assert isinstance(agent.step(), Wait)
    table.storage.plant(digest, files)
    table.settle(agent)
    assert isinstance(agent.step(), Stop)
    assert agent.held == digest


@pytest.mark.parametrize("other", [Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE])
def test_a_voter_does_not_look_at_others_ballots(table: Table, other: Ballot) -> None:
    """Whatever the other voter said, the own judgement is the same."""
    agent = table.agent(1)
    agent.step()
    digest = honest(table)
    table.propose(0, digest)
    table.contract.cast_ballot(table.founding.members[2], 1, digest, other)
    agent.step()
    assert table.ballots(1)[1] is Ballot.APPROVE


def test_an_agent_without_the_spec_does_not_begin(table: Table) -> None:
    """Where not even the spec can be fetched, the loop is told to try again later."""
    with pytest.raises(ContentNotFound):
        table.agent(1, storage=MemoryStorage())
