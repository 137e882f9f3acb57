"""The command ``agent run``: an agent put together from a configuration, and run."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import typer

from colearn_agents.cli.agent_lines import json_line, lines
from colearn_agents.cli.output import standard_output
from colearn_agents.experiments.costs import ROUND_GAS, Purse, lasting
from colearn_agents.experiments.opened import open_experiment, open_store
from colearn_agents.party.agent import LearnerAgent
from colearn_agents.party.factories import own_learner
from colearn_agents.party.halting import Halt
from colearn_agents.party.journal import Journal
from colearn_agents.party.running import Began, Ended, Pace, Reached, Run
from colearn_chain.chain import Patience, Sender
from colearn_chain.chain.cards import name_of
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from colearn_agents.configuration.config import Config
    from colearn_agents.experiments.opened import OpenedExperiment
    from colearn_agents.party.events import Event, Observer
    from colearn_chain.rounds import Snapshot
    from colearn_chain.types import Address


def run_agent(config: Config, *, once: bool, as_json: bool) -> None:
    """Run a party's agent until there is nothing left to do, or a signal asks to stop.

    Args:
        config: says everything about it.
        once: end as soon as nothing is due.
        as_json: tell each event as a JSON object, not in words.

    Raises:
        ColearnError: it cannot begin, or the operator has to mend something.
    """
    tell, reached = _teller(as_json=as_json), Reached()

    def observe(event: Event) -> None:
        reached.observe(event)
        tell(event)

    # What a learner prints is none of this command's output.
    with redirect_stdout(sys.stderr), Halt.open() as halt, ExitStack() as stack:
        opened = open_experiment(config)
        sender = Sender(opened.node, config.unlock().account, patience=Patience(sleep=halt.pause))
        agent = _agent(stack, config, opened, sender, observe)
        pace = Pace(poll=config.tables.agent.poll)
        with halt.on_signals():
            reason = Run(agent, observe=observe, halt=halt, pace=pace).go_on(once=once)
        tell(
            Ended(
                round=agent.closed,
                learner=agent.address,
                reason=reason,
                closed=reached.closed,
                accepted=reached.accepted,
                held=reached.held,
            )
        )


def _agent(
    stack: ExitStack, config: Config, opened: OpenedExperiment, sender: Sender, observe: Observer
) -> LearnerAgent:
    """Put an agent together, and tell of its beginning before its learner is made, which can take long."""
    snapshot = opened.contract.snapshot(sender.address)
    _check_joined(snapshot, sender.address, config)
    purse = Purse.of(opened.node, sender.address)
    purse.check(ROUND_GAS)
    path = config.journals / f"{opened.deployment.experiment.replace(':', '-')}-{sender.address}.jsonl"
    journal = stack.enter_context(closing(Journal.open(path)))
    store = open_store(config, stack.enter_context(_scratch_beside(path)))
    spec = opened.fetch_spec(store).spec
    is_open = snapshot.round.status.is_open
    observe(
        Began(
            round=snapshot.number,
            learner=sender.address,
            experiment=opened.deployment.experiment,
            name=spec.name,
            phase=snapshot.phase,
            deadline=snapshot.round.time if is_open else None,
            rounds=spec.rules.max_rounds,
            node=name_of(opened.node),
            finality=config.finality,
            balance=purse.balance,
            affordable=purse.rounds,
            money=lasting(purse, spec.rules.max_rounds - snapshot.number + is_open),
            journal=str(path),
        )
    )
    return LearnerAgent(
        own_learner(config.learner, spec.learner, spec=spec),
        contract=opened.contract,
        sender=sender,
        store=store,
        journal=journal,
        observe=observe,
        finality=config.finality,
        clock=time.time,
        keeps_minutes=True,
    )


def _check_joined(snapshot: Snapshot, learner: Address, config: Config) -> None:
    if snapshot.joined:
        return
    if snapshot.invited:
        command = f"colearn-chain experiment join --config {config.path}"
        raise ConfigError(f"{learner} is invited and has not joined: {command}")
    raise ConfigError(
        f"{learner} is not a member of this experiment, and its organizer has not invited it: "
        f"colearn-chain experiment invite {learner}"
    )


@contextmanager
def _scratch_beside(journal: Path) -> Iterator[Path]:
    """A folder for files in passing, without what an agent that was killed left there."""
    folder = journal.with_suffix(".scratch")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _teller(*, as_json: bool) -> Observer:
    out = standard_output()

    def tell(event: Event) -> None:
        now = time.time()
        for line in [json_line(event, now)] if as_json else lines(event, now):
            typer.echo(line, file=out)

    return tell


def log_to_stderr(*, verbose: bool) -> None:
    """Let what agents log appear beside what they tell: warnings, and with ``verbose`` everything."""
    logging.basicConfig(format="%(asctime)s UTC  %(levelname)s  %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    logging.Formatter.converter = time.gmtime
    logging.getLogger("colearn_agents").setLevel(logging.INFO if verbose else logging.WARNING)
