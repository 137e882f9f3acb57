"""Founding an experiment of one's own: chain, accounts, spec and contract, everybody invited and joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from colearn_agents.party.events import ignore, sent
from colearn_agents.party.guarded import GuardedLearner
from colearn_chain.artefacts import ExperimentSpec, Score
from colearn_chain.chain import Account, ExperimentContract, Sender, embedded_chain
from colearn_chain.errors import ConfigError, InvalidWeights
from colearn_chain.types import RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from web3 import Web3

    from colearn_agents.group.settings import GroupSettings
    from colearn_agents.party.events import Observer
    from colearn_chain.chain import Node, Receipt
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Address, Timestamp
    from colearn_chain.weights import NamedArrays, WeightSchema

BEFORE = RoundNumber(0)
"""The time before the first round."""


class Chain(Protocol):
    """A chain of one's own, whose clock is set by hand."""

    node: Node
    web3: Web3

    def now(self) -> Timestamp:
        """Return the latest block's time."""

    def advance_to(self, timestamp: int) -> None:
        """Set the clock forward."""


@dataclass(frozen=True, kw_only=True)
class Founding:
    """An experiment that has begun.

    Attributes:
        chain: where it is.
        contract: the experiment.
        spec: what the learners joined.
        organizer: sends the organizer's transactions.
        members: send the learners', by index.
    """

    chain: Chain
    contract: ExperimentContract
    spec: ExperimentSpec
    organizer: Sender
    members: tuple[Sender, ...]


def party_account(seed: int, party: int) -> Account:
    """The organizer's account (party 0) or that of learner ``party - 1``; anybody can derive them."""
    return Account.seeded(f"colearn-chain group {seed}", party)


def found(
    settings: GroupSettings,
    learners: Sequence[MachineLearningInterface],
    store: ArtefactStore,
    observe: Observer = ignore,
    start_chain: Callable[[Sequence[Address]], Chain] = embedded_chain,
) -> Founding:
    """Start a chain, deploy the contract, let everybody join, and open the first round.

    Args:
        settings: the rules, and the seed of the accounts.
        learners: by index.
        store: where the spec is published.
        observe: told of the transactions.
        start_chain: makes a chain on which these addresses have money.

    Raises:
        ConfigError: a setting is out of its range, eth-tester is missing, or the learners' weights do not
            look alike.
        InvalidWeights: the learners' weights cannot be written as arrays.
        LearnerError: a learner does not say what its weights are.
    """
    accounts = [party_account(settings.seed, party) for party in range(settings.learners + 1)]
    chain = start_chain([account.address for account in accounts])
    organizer, *members = (Sender(chain.node, account) for account in accounts)
    arrays, schema = _first_weights(learners)
    spec = _spec(settings, chain, schema)
    contract = ExperimentContract.deploy(organizer, spec.rules, store.publish_spec(spec, arrays))
    founding = Founding(
        chain=chain, contract=contract, spec=spec, organizer=organizer, members=tuple(members)
    )
    for call, sender, receipt in _begin(founding):
        observe(sent(call, BEFORE, sender.address, receipt))
    return founding


def _first_weights(learners: Sequence[MachineLearningInterface]) -> tuple[NamedArrays, WeightSchema]:
    """The first learner's weights, from which all start, and their schema, which the others' have to fit."""
    guarded = [GuardedLearner(learner) for learner in learners]
    first, *others = (learner.current() for learner in guarded)
    schema = guarded[0].schema(first)
    for index, arrays in enumerate(others, start=1):
        try:
            schema.check(arrays)
        except InvalidWeights as error:
            raise ConfigError(f"learner {index}'s weights do not look like learner 0's: {error}") from error
    return first, schema


def _spec(settings: GroupSettings, chain: Chain, schema: WeightSchema) -> ExperimentSpec:
    return ExperimentSpec(
        name=f"a group of {settings.learners}, seed {settings.seed}",
        rules=settings.rules(chain.now()),
        weight_schema=schema,
        score=Score(name="vote score", direction="maximize"),
    )


def _begin(founding: Founding) -> Iterator[tuple[str, Sender, Receipt]]:
    """Invite, join and start; each transaction with its call and sender, the deployment first."""
    contract, organizer = founding.contract, founding.organizer
    if contract.deployment is not None:
        yield "deploy", organizer, contract.deployment
    yield "invite", organizer, contract.invite(organizer, [member.address for member in founding.members])
    for member in founding.members:
        yield "join", member, contract.join(member)
    yield "start", organizer, contract.start(organizer)
