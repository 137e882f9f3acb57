"""The command ``experiment create``: drawn up, shown, asked about, published, deployed, its card written."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from colearn_agents.cli.experiment_words import cost_row, receipt_document, receipt_rows, spec_facts
from colearn_agents.cli.options import DEFAULT_CONFIG, configuration
from colearn_agents.cli.output import console
from colearn_agents.cli.talk import errors, progress, say, show_facts
from colearn_agents.configuration.config_tables import LearnerTable
from colearn_agents.experiments import acts
from colearn_agents.experiments.acting import perform
from colearn_agents.experiments.creating import (
    Blueprint,
    Created,
    check_ground,
    deploy,
    draw_up,
    finish,
    publish,
)
from colearn_agents.experiments.new_files import check_new
from colearn_agents.experiments.opened import answering_node, open_store, own_account, read_card
from colearn_agents.experiments.pending import PendingDeployment
from colearn_agents.experiments.rules_file import read_rules
from colearn_agents.experiments.waiting import LONGEST_WAIT
from colearn_agents.party.factories import own_learner
from colearn_agents.party.guarded import GuardedLearner
from colearn_agents.wording import rules_in_words
from colearn_chain.errors import ColearnError, ConfigError, InvalidWeights
from colearn_chain.storage import cid_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from colearn_agents.cli.talk import Manner
    from colearn_agents.configuration.config import Config
    from colearn_chain.chain import Account, Node, Patience
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Address
    from colearn_chain.weights import NamedArrays, WeightSchema

DEFAULT_CARD = Path("card.json")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for.

    Attributes:
        manner: how.
        rules: the file of rules.
        learner: ``package.module:factory``, in place of the configuration's.
        out: where the card goes; None: where the configuration says, or else `DEFAULT_CARD`.
        origin: the card of an experiment whose accepted model this one begins with.
        dry_run: publish and send nothing.
    """

    manner: Manner
    rules: Path
    learner: str | None = None
    out: Path | None = None
    origin: Path | None = None
    dry_run: bool = False


def run_create(request: Request) -> None:
    """Make an experiment.

    Raises:
        ColearnError: something stands against it; what was sent by then can be taken up.
    """
    config = configuration(request.manner.config)
    pending = PendingDeployment.of(_card_path(request, config))
    _check_free(pending, request.manner)
    Creating(request, config, answering_node(config), pending).run()


def run_resume(manner: Manner, file: Path) -> None:
    """Take up a deployment whose wait was interrupted.

    Raises:
        ColearnError: it does not count yet, never will, or is none.
    """
    config = configuration(manner.config)
    pending = PendingDeployment(file)
    check_new(pending.card)
    created = _finished(config, answering_node(config), pending, manner)
    if manner.as_json:
        console().out(json.dumps(_created_document(created, pending.card, ()), indent=2))
    else:
        _show_created(created, pending.card)
        _show_next(config, manner, pending.card)


class _FirstWeights(NamedTuple):
    """What an experiment begins with: weights, what all weights look like, and where these come from."""

    arrays: NamedArrays
    schema: WeightSchema
    source: str


@dataclass(frozen=True)
class Creating:
    """An experiment in the making.

    Attributes:
        request: what was asked for.
        config: the organizer's.
        node: a node of the chain.
        pending: beside the card to be.
    """

    request: Request
    config: Config
    node: Node
    pending: PendingDeployment

    def run(self) -> None:
        """Do what was asked for."""
        manner = self.request.manner
        now = max(self.node.timestamp(), int(time.time()))
        plan = read_rules(self.request.rules, now=now)
        purse = check_ground(self.node, own_account(self.config).address)
        with tempfile.TemporaryDirectory() as scratch:
            store = open_store(self.config, Path(scratch))
            first = self._first_weights(plan.learner, store)
            blueprint = draw_up(plan, first.arrays, first.schema, node=self.node, purse=purse, store=store)
            self._show_blueprint(blueprint, first.source, now)
            if self.request.dry_run:
                self._end_dry_run(blueprint)
                return
            manner.confirm("Publish and deploy it?")
            account = self.config.unlock().account
            with progress("publishing the spec"):
                publish(blueprint, store)
        with _never_lost(self.pending, manner), progress("deploying the contract"):
            deploy(blueprint, self.node, account, self.pending, _patience())
        created = _finished(self.config, self.node, self.pending, manner)
        if not manner.as_json:
            _show_created(created, self.pending.card)
        self._invite(created, blueprint.invite, account)
        if manner.as_json:
            document = _created_document(created, self.pending.card, blueprint.invite)
            console().out(json.dumps(document, indent=2))
        else:
            _show_next(self.config, manner, self.pending.card)

    def _first_weights(self, shared: Mapping[str, Any], store: ArtefactStore) -> _FirstWeights:
        learner = GuardedLearner(own_learner(self._learner_table(), shared))
        arrays = learner.current()
        schema = learner.schema(arrays)
        if self.request.origin is None:
            return _FirstWeights(arrays, schema, "what the learner's factory makes")
        from colearn_chain.accepted import load_accepted  # noqa: PLC0415 - imports web3

        card = read_card(self.request.origin)
        model = load_accepted(card, self.node, store, finality=self.config.finality)
        try:
            schema.check(model.arrays)
        except InvalidWeights as error:
            raise ConfigError(
                f"the model of {self.request.origin} does not look like this learner's weights: {error}"
            ) from error
        source = f"the model of round {model.round} of {model.experiment}, {model.cid}"
        return _FirstWeights(model.arrays, schema, source)

    def _learner_table(self) -> LearnerTable:
        table, name = self.config.tables.learner, self.request.learner
        if table is None and name is None:
            raise ConfigError(
                f"whose weights? name a factory: --learner package.module:factory, or a table [learner] "
                f"in {self.config.path}"
            )
        if table is None:
            return LearnerTable(factory=name or "")
        return table if name is None else table.model_copy(update={"factory": name})

    def _show_blueprint(self, blueprint: Blueprint, source: str, now: int) -> None:
        out = self.request.manner.people()
        say(out, "To be created, and fixed from then on:")
        show_facts(out, [*spec_facts(blueprint.spec), ("first weights", source)])
        say(out, "Rules:")
        show_facts(out, rules_in_words(blueprint.spec.rules, now))
        say(out, "On chain:")
        chain = [
            ("contract", f"{blueprint.contract} on chain {self.node.chain_id}"),
            ("spec", cid_of(blueprint.spec_digest)),
            ("invited", ", ".join(blueprint.invite) or "nobody yet"),
            cost_row(blueprint.all_gas, blueprint.purse),
        ]
        show_facts(out, chain)

    def _end_dry_run(self, blueprint: Blueprint) -> None:
        if not self.request.manner.as_json:
            say(console(), "Nothing was published or sent: this was a dry run.")
            return
        document = {
            "dry_run": True,
            "chain_id": self.node.chain_id,
            "contract": blueprint.contract,
            "organizer": blueprint.purse.address,
            "spec": {"digest": "0x" + blueprint.spec_digest.hex(), "cid": cid_of(blueprint.spec_digest)},
            "rules": asdict(blueprint.spec.rules),
            "estimated_gas": blueprint.all_gas,
            "estimated_cost_wei": blueprint.purse.cost(blueprint.all_gas),
        }
        console().out(json.dumps(document, indent=2))

    def _invite(self, created: Created, learners: tuple[Address, ...], account: Account) -> None:
        """Send the first invitations; by then the experiment is there, whatever becomes of them."""
        from colearn_chain.chain import ExperimentContract, Sender  # noqa: PLC0415 - imports web3

        if not learners:
            return
        contract = ExperimentContract(self.node, created.deployment.contract)
        situation = acts.Situation(
            rules=created.deployment.rules, snapshot=contract.snapshot(account.address)
        )
        try:
            with progress("inviting"):
                perform(contract, Sender(self.node, account), acts.invite(situation, learners))
        except ColearnError as error:
            options = _options(self.config, self.request.manner, self.pending.card)
            again = f"colearn-chain experiment invite{options} {' '.join(learners)}"
            raise ConfigError(
                f"the experiment is there and {self.pending.card} is written, but nobody was invited: "
                f"{error}; invite with: {again}"
            ) from error


def _card_path(request: Request, config: Config) -> Path:
    if request.out is not None:
        return request.out
    return DEFAULT_CARD if config.tables.experiment is None else config.tables.experiment.card


def _check_free(pending: PendingDeployment, manner: Manner) -> None:
    check_new(pending.card)
    if pending.path.exists():
        raise ConfigError(
            f"{pending.path} holds a deployment that may have been sent; take it up with: "
            f"{_resume_command(pending, manner)}"
        )


def _resume_command(pending: PendingDeployment, manner: Manner) -> str:
    return f"colearn-chain experiment create --config {manner.config} --resume {pending.path}"


@contextmanager
def _never_lost(pending: PendingDeployment, manner: Manner) -> Iterator[None]:
    """Say how to go on when something comes between a deployment and its card."""
    try:
        yield
    except (ColearnError, KeyboardInterrupt):
        if pending.path.exists():
            say(errors(), f"What was sent is written down in {pending.path}. To go on:")
            say(errors(), f"  {_resume_command(pending, manner)}")
        raise


def _finished(config: Config, node: Node, pending: PendingDeployment, manner: Manner) -> Created:
    with _never_lost(pending, manner), progress("waiting until the deployment counts") as tell:
        return finish(node, pending, config.finality, patience=_patience(), tell=tell)


def _patience() -> Patience:
    from colearn_chain.chain import Patience  # noqa: PLC0415 - imports web3

    return Patience(timeout=LONGEST_WAIT)


def _show_created(created: Created, card: Path) -> None:
    out, deployment = console(), created.deployment
    say(out, "Created:")
    rows = [
        ("experiment", deployment.experiment),
        ("organizer", deployment.organizer),
        *receipt_rows(created.receipt),
        ("spec", cid_of(deployment.spec_digest)),
        ("card", str(card)),
    ]
    show_facts(out, rows)


def _show_next(config: Config, manner: Manner, card: Path) -> None:
    out, options = console(), _options(config, manner, card)
    say(out, f"Send {card.name} to every learner that you invite. Each of them runs:")
    say(out, f"  colearn-chain experiment join {card.name}")
    say(out, "You invite more of them, and start once they have joined, with:")
    say(out, f"  colearn-chain experiment invite{options} ADDRESS")
    say(out, f"  colearn-chain experiment start{options}")


def _options(config: Config, manner: Manner, card: Path) -> str:
    """What the organizer's next commands need to find configuration and card."""
    named = config.tables.experiment
    options = "" if manner.config == DEFAULT_CONFIG else f" --config {manner.config}"
    known = named is not None and named.card.resolve() == card.resolve()
    return options if known else f"{options} --card {card}"


def _created_document(created: Created, card: Path, invited: tuple[Address, ...]) -> dict[str, Any]:
    deployment = created.deployment
    return {
        "dry_run": False,
        "experiment": deployment.experiment,
        "chain_id": deployment.chain_id,
        "contract": deployment.contract,
        "organizer": deployment.organizer,
        **receipt_document(created.receipt),
        "spec": {"digest": "0x" + deployment.spec_digest.hex(), "cid": cid_of(deployment.spec_digest)},
        "rules": asdict(deployment.rules),
        "card": str(card),
        "invited": list(invited),
    }
