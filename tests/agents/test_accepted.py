"""Taking the accepted model home: what comes out is what was voted on, and nothing else comes out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import colearn_chain
from colearn_chain.accepted import AcceptedModel, NoAcceptedModel, load_accepted
from colearn_chain.artefacts import Card, ExperimentSpec, cid_of, experiment_id
from colearn_chain.chain.cards import make_card
from colearn_chain.errors import ConfigError, ContentNotFound, InvalidArtefact, InvalidHistory, InvalidWeights
from colearn_chain.rounds import Ballot
from colearn_chain.storage import ArtefactStore
from colearn_chain.testing.learners import IdleLearner, StepLearner
from colearn_chain.testing.storage import MemoryStorage
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from colearn_chain.types import Address, Digest
    from tests.agents.conftest import Table

TARGET = [1.0, 2.0]


def card_of(table: Table) -> Card:
    """The card of a table's experiment."""
    return make_card(table.contract.node, table.contract.raw_deployment or b"")


def loaded(table: Table, number: int | None = None, **options: Any) -> AcceptedModel:
    """The accepted model, by way of the table's own node and store."""
    return load_accepted(card_of(table), table.contract.node, table.store(), number, **options)


@pytest.fixture
def played(sit_down: Callable[..., Table]) -> Table:
    """Four rounds: accepted, refused by all, skipped, accepted."""
    table = sit_down(rounds=4)
    away = StepLearner(TARGET, step=3.0)
    agents = [table.agent(0), table.agent(1, away), table.agent(2, IdleLearner(TARGET))]
    table.settle(*agents)
    return table


def accept(table: Table, digest: Digest) -> None:
    """Let everybody approve something past any agent."""
    table.propose(0, digest)
    for member in table.founding.members[1:]:
        table.contract.cast_ballot(member, RoundNumber(1), digest, Ballot.APPROVE)


def vector(model: AcceptedModel) -> list[float]:
    """Its weights."""
    return [float(value) for value in model.arrays["vector"]]


def test_the_last_accepted_model_and_how_it_came_about(played: Table) -> None:
    """Weights, round, digest, proposer, ballots, and every parent back to the spec."""
    model = loaded(played)
    first, last = played.round(1), played.round(4)
    assert vector(model) == [0.75, 1.5]
    assert (model.round, model.digest) == (4, last.digest)
    assert (model.proposer, model.cid) == (played.addresses[0], cid_of(last.digest))
    assert model.ballots == dict.fromkeys(played.addresses[1:], Ballot.APPROVE)
    assert [(each.round, each.digest) for each in model.parents] == [
        (1, first.digest),
        (0, played.contract.spec_digest()),
    ]
    assert model.parents[0].cid == cid_of(first.digest)
    assert model.experiment == experiment_id(played.contract.chain_id, played.contract.address)
    assert model.spec == played.founding.spec
    assert model.history_hash == played.contract.history_hash()
    assert model.block_number == played.contract.node.block_number()


def test_an_earlier_accepted_model(played: Table) -> None:
    """By its round's number, with the parents and ballots of that round."""
    model = loaded(played, 1)
    assert (model.round, vector(model)) == (1, [0.5, 1.0])
    assert [each.round for each in model.parents] == [0]


@pytest.mark.parametrize("number", [None, 0])
def test_before_anything_was_accepted_the_specs_weights_hold(table: Table, number: int | None) -> None:
    """Round 0: no parents, no proposer, no ballots."""
    model = loaded(table, number)
    assert (model.round, model.digest) == (0, table.contract.spec_digest())
    assert (model.parents, model.proposer, model.ballots) == ((), None, {})
    assert vector(model) == [0.0, 0.0]


def test_the_specs_weights_are_to_be_had_later_too(played: Table) -> None:
    """Round 0 is always there."""
    assert vector(loaded(played, 0)) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (2, "round 2 was rejected; the last one accepted is round 4"),
        (3, "round 3 was skipped"),
        (5, "no closed round 5: 4 are closed"),
        (-1, "no closed round -1"),
    ],
)
def test_a_round_in_which_nothing_was_accepted(played: Table, number: int, why: str) -> None:
    """The error says why, and which round has something."""
    with pytest.raises(NoAcceptedModel, match=why) as refusal:
        loaded(played, number)
    assert (refusal.value.round, refusal.value.last) == (number, 4)


def test_an_open_round_has_no_model(table: Table) -> None:
    """What is only proposed is nobody's model yet."""
    table.settle(table.agent(0))
    with pytest.raises(NoAcceptedModel, match="nothing was accepted yet") as refusal:
        loaded(table, 1)
    assert refusal.value.last == 0


def test_only_confirmed_rounds_count(table: Table) -> None:
    """With three confirmations, a model is there three blocks after it was accepted."""
    digest = table.store().publish_proposal(table.claim(0), {"vector": np.ones(2)}, None)
    accept(table, digest)
    assert loaded(table).round == 1
    for _ in range(3):
        assert loaded(table, finality=3).round == 0
        table.founding.chain.advance_to(table.founding.chain.now() + 1)
    assert loaded(table, finality=3).digest == digest


def test_a_contract_that_is_not_confirmed_yet(table: Table) -> None:
    """The operator is told as of which block there is nothing."""
    with pytest.raises(ConfigError, match="as of block 0"):
        loaded(table, finality=1000)


def test_content_that_is_gone(played: Table, tmp_path: Path) -> None:
    """The error names the round; without the spec nothing can be read at all."""
    spec = played.founding.contract.spec_digest()
    only_spec = MemoryStorage()
    played.storage.get(spec, tmp_path / "spec", {"experiment.json": 1 << 20, "weights.safetensors": 1 << 20})
    only_spec.put(tmp_path / "spec")
    node, card = played.contract.node, card_of(played)
    with pytest.raises(ContentNotFound, match="the model of round 4 is gone") as refusal:
        load_accepted(card, node, played.store(only_spec))
    assert refusal.value.content == cid_of(played.round(4).digest)
    with pytest.raises(ContentNotFound):
        load_accepted(card, node, played.store(MemoryStorage()))


class Swapping:
    """A store that hands out one folder in the place of another."""

    def __init__(self, inner: MemoryStorage, wanted: Digest, given: Digest) -> None:
        self._inner, self._wanted, self._given = inner, wanted, given

    def put(self, folder: Path) -> Digest:
        """Store."""
        return self._inner.put(folder)

    def get(self, digest: Digest, into: Path, limits: Mapping[str, int]) -> None:
        """Hand out the wrong one."""
        self._inner.get(self._given if digest == self._wanted else digest, into, limits)

    def has(self, digest: Digest) -> bool:
        """Whether it is there."""
        return self._inner.has(digest)


def test_another_rounds_model_in_its_place(played: Table) -> None:
    """A store that does not check digests is found out by what the manifest says."""
    swapping = Swapping(played.storage, played.round(4).digest, played.round(1).digest)
    with pytest.raises(InvalidArtefact, match="round"):
        load_accepted(card_of(played), played.contract.node, played.store(swapping))


def test_weights_of_another_shape_that_the_parties_accepted(table: Table) -> None:
    """A colluding majority can accept what fits no schema; nobody is handed that."""
    digest = table.store().publish_proposal(table.claim(0), {"vector": np.zeros(1)}, None)
    accept(table, digest)
    with pytest.raises(InvalidWeights, match="vector"):
        loaded(table)


def test_a_spec_that_names_other_rules(sit_down: Callable[..., Table], tmp_path: Path) -> None:
    """The contract's rules are not what was agreed on: refused before anything is fetched for use."""
    table = sit_down()
    spec: ExperimentSpec = table.founding.spec
    other = spec.model_copy(update={"rules": replace(spec.rules, threshold_bps=1)})
    store = ArtefactStore(table.storage, tmp_path / "scratch")
    digest = store.publish_spec(other, {"vector": loaded(table).arrays["vector"]})
    organizer = table.founding.organizer
    contract = type(table.contract).deploy(organizer, spec.rules, digest)
    card = make_card(contract.node, contract.raw_deployment or b"")
    with pytest.raises(InvalidArtefact, match="its spec says"):
        load_accepted(card, contract.node, store)


def test_a_card_that_this_chain_never_saw(played: Table) -> None:
    """Nothing is fetched by a card that the node contradicts."""
    card = card_of(played)
    block = card.block.model_copy(update={"number": card.block.number + 1})
    with pytest.raises(InvalidArtefact, match="the card says"):
        load_accepted(card.model_copy(update={"block": block}), played.contract.node, played.store())


class Lying:
    """A node that tells of another ballot than the chain has."""

    def __init__(self, honest: Any, digest: Digest) -> None:
        self._honest, self._digest = honest, digest

    def __getattr__(self, name: str) -> Any:
        """Everything else is as it is."""
        return getattr(self._honest, name)

    def call(self, *arguments: Any, **options: Any) -> bytes:
        """Tell of the first digest where the last one stands."""
        answer: bytes = self._honest.call(*arguments, **options)
        return answer.replace(self._digest, bytes([9]) * 32)


def test_a_node_that_tells_another_history(played: Table) -> None:
    """Another digest than the one that was accepted does not come to the history hash."""
    lying: Any = Lying(played.contract.node, played.round(4).digest)
    with pytest.raises(InvalidHistory, match="historyHash"):
        load_accepted(card_of(played), lying, played.store())


class Elsewhere:
    """A node that tells of another experiment whenever it is asked about one."""

    def __init__(self, honest: Any, asked: Address, told: Address) -> None:
        self._honest, self._asked, self._told = honest, asked, told

    def __getattr__(self, name: str) -> Any:
        """Everything else is as it is: the card's transaction, and the code that both have."""
        return getattr(self._honest, name)

    def call(self, to: Address, data: bytes, **options: Any) -> bytes:
        """Ask the other contract."""
        answer: bytes = self._honest.call(self._told if to == self._asked else to, data, **options)
        return answer


def test_a_node_that_tells_the_history_of_another_experiment(played: Table) -> None:
    """It holds, and has a hash that fits it; but it begins with other rules than the card's."""
    rules = replace(played.founding.spec.rules, max_rounds=9)
    organizer = played.founding.organizer
    other = type(played.contract).deploy(organizer, rules, played.contract.spec_digest())
    node: Any = Elsewhere(played.contract.node, played.contract.address, other.address)
    with pytest.raises(InvalidHistory, match="historyHash"):
        load_accepted(card_of(played), node, played.store())


def test_the_package_has_it_and_imports_it_late() -> None:
    """``colearn_chain.load_accepted`` is there, and ``import colearn_chain`` alone brings no web3."""
    assert colearn_chain.load_accepted is load_accepted
    assert colearn_chain.AcceptedModel is AcceptedModel
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = colearn_chain.nothing
    script = "import colearn_chain, sys; assert 'web3' not in sys.modules; colearn_chain.load_accepted"
    subprocess.run([sys.executable, "-Ic", script], check=True)  # noqa: S603 - our own script
