"""The command ``experiment show``: what an experiment is and how it stands, without account or store too."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colearn_agents.cli.experiment_words import spec_facts, whereabouts
from colearn_agents.cli.options import configuration
from colearn_agents.cli.output import console
from colearn_agents.cli.talk import say, show_facts
from colearn_agents.experiments.costs import Purse, lasting
from colearn_agents.experiments.opened import open_experiment, open_store, own_account
from colearn_agents.experiments.overview import look, overview_document, part_in_words, tally
from colearn_agents.wording import counted, from_now, moment, rules_in_words
from colearn_chain.chain.node import NOBODY
from colearn_chain.errors import ColearnError
from colearn_chain.rounds import Ballot, Phase, Status
from colearn_chain.storage import cid_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_agents.cli.talk import Manner
    from colearn_agents.configuration.config import Config
    from colearn_agents.experiments.opened import OpenedExperiment
    from colearn_agents.experiments.overview import Overview
    from colearn_chain.artefacts import ExperimentSpec
    from colearn_chain.rounds import Round, Rules

_NOUNS = {
    Ballot.APPROVE: ("approval", "approvals"),
    Ballot.REJECT: ("rejection", "rejections"),
    Ballot.UNAVAILABLE: ("could not read it", "could not read it"),
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All that is shown; what could not be had is None, with the reason in words.

    Attributes:
        opened: the experiment.
        seen: how it stands.
        spec: what the parties agreed on.
        no_spec: why there is none.
        purse: the account's.
        no_purse: why there is none.
        now: seconds since 1970.
    """

    opened: OpenedExperiment
    seen: Overview
    spec: ExperimentSpec | None
    no_spec: str
    purse: Purse | None
    no_purse: str
    now: int


def run_show(manner: Manner) -> None:
    """Show the experiment.

    Raises:
        ColearnError: the card is none, or no node confirms it.
    """
    config = configuration(manner.config)
    opened = open_experiment(config, manner.card)
    purse, no_purse = _purse(config, opened)
    spec, no_spec = _spec(config, opened)
    shown = Shown(
        opened=opened,
        seen=look(opened.contract, NOBODY if purse is None else purse.address),
        spec=spec,
        no_spec=no_spec,
        purse=purse,
        no_purse=no_purse,
        now=int(time.time()),
    )
    if manner.as_json:
        console().out(json.dumps(shown_document(shown), indent=2))
    else:
        _print(shown)


def _purse(config: Config, opened: OpenedExperiment) -> tuple[Purse | None, str]:
    if config.tables.account is None:
        return None, f"{config.path} names no account"
    try:
        return Purse.of(opened.node, own_account(config).address), ""
    except ColearnError as error:
        return None, str(error)


def _spec(config: Config, opened: OpenedExperiment) -> tuple[ExperimentSpec | None, str]:
    if config.tables.storage is None:
        return None, f"{config.path} names no store"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return opened.fetch_spec(open_store(config, Path(scratch))).spec, ""
    except ColearnError as error:
        return None, str(error)


def _print(shown: Shown) -> None:
    out, rules = console(), shown.opened.deployment.rules
    spec = [("not shown", shown.no_spec)] if shown.spec is None else spec_facts(shown.spec)
    for heading, rows in (
        ("Experiment", whereabouts(shown.opened)),
        ("What was agreed on", spec),
        ("Rules", rules_in_words(rules, shown.now)),
        ("Members", list(member_rows(shown.seen)) or [("nobody", "has joined yet")]),
        ("Now", _standing(shown, rules)),
        ("Last rounds", list(_rounds(shown.seen, rules)) or [("none", "has closed yet")]),
        ("You", _account(shown)),
    ):
        say(out, heading)
        show_facts(out, rows)


def member_rows(seen: Overview) -> Iterator[tuple[str, str]]:
    """The members by seat, with the rounds of each."""
    for made in seen.memberships:
        part = part_in_words(made, seen.snapshot, is_open=seen.is_open)
        yield f"seat {made.seat}", f"{made.learner}  {part}"


def _standing(shown: Shown, rules: Rules) -> Iterator[tuple[str, str]]:
    seen = shown.seen
    snapshot = seen.snapshot
    yield "as of", f"block {snapshot.block_number}, {moment(snapshot.timestamp)}"
    nobody = "nobody: the role was given up"
    yield "organizer", nobody if seen.organizer == NOBODY else str(seen.organizer)
    yield "phase", _phase(seen, rules)
    if seen.is_open:
        deadline = snapshot.round.time
        yield "deadline", f"{moment(deadline)} ({_left(deadline, shown.now)})"
        yield "ballots", _ballots(snapshot.round, rules)
    if snapshot.accepted:
        model = f"of round {snapshot.accepted}, {cid_of(snapshot.accepted_digest)}"
    else:
        model = "the first weights; nothing was accepted yet"
    yield "model", model


def _phase(seen: Overview, rules: Rules) -> str:
    number = seen.snapshot.number
    proposer = seen.learner_at(seen.snapshot.round.proposer, number) or f"seat {seen.snapshot.round.proposer}"
    match seen.snapshot.phase:
        case Phase.PROPOSING:
            return f"round {number} of {rules.max_rounds}: {proposer} is to propose"
        case Phase.VOTING:
            return f"round {number} of {rules.max_rounds}: the others vote on what {proposer} proposed"
        case Phase.FINISHED:
            return f"finished, after {counted(number, 'round')}"
        case _:
            coming = counted(seen.snapshot.active.bit_count(), "learner")
            begun = f"paused after round {number}" if number else "not started"
            return f"{begun}; {coming} would be in the next round, {rules.min_learners} are needed"


def _left(deadline: int, now: int) -> str:
    over = f"{from_now(deadline, now)}; anyone may close the round: colearn-chain experiment advance"
    return from_now(deadline, now) if deadline >= now else over


def _ballots(round_: Round, rules: Rules) -> str:
    votes = tally(round_, rules)
    found = [counted(votes[kind], *nouns) for kind, nouns in _NOUNS.items() if votes[kind]]
    silent = votes[Ballot.NONE]
    return ", ".join([*found, f"{silent} not cast"] if silent else found)


def _rounds(seen: Overview, rules: Rules) -> Iterator[tuple[str, str]]:
    for number, round_ in seen.last_rounds:
        proposer = seen.learner_at(round_.proposer, number) or f"seat {round_.proposer}"
        outcome = round_.status.name.lower()
        votes = "" if round_.status is Status.SKIPPED else f" ({_ballots(round_, rules)})"
        yield f"round {number}", f"{outcome}{votes}, proposer {proposer}, {moment(round_.time)}"


def _account(shown: Shown) -> Iterator[tuple[str, str]]:
    purse, snapshot = shown.purse, shown.seen.snapshot
    if purse is None:
        yield "not shown", shown.no_purse
        return
    yield "account", purse.address
    yield "balance", lasting(purse, shown.opened.deployment.rules.max_rounds)
    yield "role", ", ".join(_roles(shown)) or "none: you have no invitation"
    if snapshot.invited and not snapshot.joined:
        yield "next", "colearn-chain experiment join"


def _roles(shown: Shown) -> Iterator[str]:
    seen, purse = shown.seen, shown.purse
    if purse is not None and seen.organizer == purse.address:
        yield "organizer"
    own = [made for made in seen.memberships if purse is not None and made.learner == purse.address]
    if own:
        yield f"seat {own[-1].seat}, {part_in_words(own[-1], seen.snapshot, is_open=seen.is_open)}"
    elif seen.snapshot.invited:
        yield "invited"


def shown_document(shown: Shown) -> dict[str, Any]:
    """All of it as JSON has it; what could not be had is null, with the reason beside it."""
    deployment, purse = shown.opened.deployment, shown.purse
    return {
        "format": "colearn-chain/experiment-overview",
        "version": 1,
        "experiment": deployment.experiment,
        "deployment": {
            "transaction": deployment.transaction_hash,
            "block": shown.opened.card.block.number,
            "organizer": deployment.organizer,
            "compiler": deployment.release.compiler,
        },
        "rules": asdict(deployment.rules),
        "spec_digest": {"digest": "0x" + deployment.spec_digest.hex(), "cid": cid_of(deployment.spec_digest)},
        "spec": None if shown.spec is None else shown.spec.model_dump(mode="json"),
        "spec_missing": shown.no_spec or None,
        **overview_document(shown.seen, deployment.rules),
        "account": None if purse is None else _account_document(shown, purse),
        "account_missing": shown.no_purse or None,
    }


def _account_document(shown: Shown, purse: Purse) -> dict[str, Any]:
    snapshot = shown.seen.snapshot
    return {
        "address": purse.address,
        "balance_wei": purse.balance,
        "rounds": purse.rounds,
        "invited": snapshot.invited,
        "is_organizer": shown.seen.organizer == purse.address,
    }
