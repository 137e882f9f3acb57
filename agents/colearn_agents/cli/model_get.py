"""The command ``model get``: where things are looked up, and what is said of what was found."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_agents.cli.options import configuration
from colearn_agents.cli.output import console, size
from colearn_agents.cli.talk import say, show_facts
from colearn_agents.configuration.config_tables import LearnerTable
from colearn_agents.experiments.opened import answering_node, read_card
from colearn_agents.experiments.taking_home import beside, check_free, take_home
from colearn_agents.party.factories import own_learner
from colearn_agents.wording import counted
from colearn_chain.accepted import load_accepted
from colearn_chain.chain import Node
from colearn_chain.chain.cards import name_of
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Ballot
from colearn_chain.storage import ArtefactStore, DirectoryStorage
from colearn_chain.storage.folders import staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from colearn_chain.accepted import AcceptedModel
    from colearn_chain.artefacts import Card
    from colearn_chain.chain.networks import Finality
    from colearn_chain.storage import Storage

MEANING = "Accepted means that these parties approved it on their own data, not that it is safe."


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for.

    Attributes:
        card: the experiment's; None: the configuration names it.
        out: where the model goes.
        round: accepted in which; None: the last.
        config: says where node, store and card are, if ``rpc`` and ``store`` do not.
        rpc: a node's URL.
        store: the folder of a directory store.
        learner: a factory, whose learner's own model is wanted; None: the weights are.
    """

    card: Path | None
    out: Path
    round: int | None
    config: Path
    rpc: str | None
    store: Path | None
    learner: str | None


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """Where everything comes from, and the learner's table, which has no factory yet."""

    card: Card
    node: Node
    storage: Storage
    finality: Finality
    learner: LearnerTable | None


def get_model(request: Request, *, as_json: bool) -> None:
    """Fetch, verify, write, and say what it is.

    Raises:
        ColearnError: something is not there, or not what it must be; nothing was written.
    """
    check_free(request.out)
    sources = _sources(request)
    with staging(request.out.parent) as scratch:
        store = ArtefactStore(sources.storage, scratch / "store")
        model = load_accepted(sources.card, sources.node, store, request.round, finality=sources.finality)
    learner = None
    if request.learner is not None:
        table = sources.learner or LearnerTable(factory=request.learner)
        table = table.model_copy(update={"factory": request.learner})
        learner = own_learner(table, model.spec.learner, spec=model.spec)
    document = take_home(model, request.out, learner)
    out = console()
    if as_json:
        out.out(json.dumps(document, indent=2))
        return
    say(out, f"{request.out}: {_title(model)}")
    show_facts(out, _facts(model, document, name_of(sources.node)))
    say(out, f"\n{beside(request.out)} says all this and more. {MEANING if model.round else ''}".rstrip())


def _sources(request: Request) -> _Sources:
    if request.rpc is None and request.store is None:
        config = configuration(request.config)
        return _Sources(
            card=read_card(request.card or config.experiment.card),
            node=answering_node(config),
            storage=config.storage(),
            finality=config.finality,
            learner=config.tables.learner,
        )
    if request.rpc is None or request.store is None or request.card is None:
        raise ConfigError("without a configuration it needs all three: CARD, --rpc and --store")
    if not request.store.is_dir():
        raise ConfigError(f"there is no store at {request.store}")
    return _Sources(
        card=read_card(request.card),
        node=Node.connect(request.rpc),
        storage=DirectoryStorage(request.store),
        finality=0,
        learner=None,
    )


def _title(model: AcceptedModel) -> str:
    if not model.round:
        return "the experiment's first weights, on which nobody voted"
    return f"the model that was accepted in round {model.round}"


def _facts(model: AcceptedModel, document: dict[str, Any], node: str) -> Iterator[tuple[str, str]]:
    yield "experiment", f"{model.experiment}, called {model.spec.name}"
    yield "artefact", model.cid
    if model.proposer is not None:
        yield "proposed by", model.proposer
        yield "ballots", _ballots(model)
        rounds = [f"round {each.round}" if each.round else "the spec" for each in model.parents]
        yield "parents", ", ".join(rounds)
    file = document["file"]
    yield "file", f"{file['holds']}, {size(file['size'])}, sha256 {file['sha256']}"
    yield "verified", f"as of block {model.block_number}, by the word of {node} alone"


def _ballots(model: AcceptedModel) -> str:
    counts = Counter(model.ballots.values())
    words = {Ballot.APPROVE: "approved", Ballot.REJECT: "rejected", Ballot.UNAVAILABLE: "could not read it"}
    told = (f"{counts[ballot]} {word}" for ballot, word in words.items() if counts[ballot])
    return f"{counted(counts.total(), 'ballot')}: {', '.join(told)}"
