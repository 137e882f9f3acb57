"""What organizers and members do to an experiment: looked at, shown, asked about, then sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from colearn_agents.auditing.evidence import read_file
from colearn_agents.cli.experiment_words import act_document, cost_row, receipt_rows
from colearn_agents.cli.options import configuration
from colearn_agents.cli.output import console
from colearn_agents.cli.talk import say, show_facts
from colearn_agents.configuration.addresses import checked_address
from colearn_agents.experiments.acting import perform, rehearse
from colearn_agents.experiments.acts import Situation
from colearn_agents.experiments.costs import Purse
from colearn_agents.experiments.opened import open_experiment, own_account, unlock_sender
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from colearn_agents.cli.talk import Manner
    from colearn_agents.experiments.acts import Act
    from colearn_agents.experiments.opened import OpenedExperiment
    from colearn_chain.types import Address

    Choose = Callable[[OpenedExperiment, Situation], Act]


def run_act(manner: Manner, choose: Choose, *, word: str | None = None) -> None:
    """Do one thing to the experiment.

    Args:
        manner: how.
        choose: makes the call, once it is known how things stand.
        word: has to be typed as well; None: none.

    Raises:
        ConfigError: the contract would refuse, the account cannot pay, or nobody said yes.
        ColearnError: whatever else stands against it; nothing was sent.
    """
    config = configuration(manner.config)
    opened = open_experiment(config, manner.card)
    address = own_account(config).address
    purse = Purse.of(opened.node, address)
    situation = Situation(rules=opened.deployment.rules, snapshot=opened.contract.snapshot(address))
    act = choose(opened, situation)
    gas = rehearse(opened.contract, purse, act)
    out = manner.people()
    say(out, f"To be sent to {opened.deployment.experiment}:")
    show_facts(out, [("deed", act.deed), ("effect", " ".join(act.effects)), cost_row(gas, purse)])
    manner.confirm("Send it?")
    if word is not None:
        manner.confirm_word(word)
    sender, _ = unlock_sender(config, opened.node)
    receipt = perform(opened.contract, sender, act)
    if manner.as_json:
        console().out(json.dumps(act_document(opened, act, receipt), indent=2))
        return
    say(out, "Done.")
    show_facts(out, receipt_rows(receipt))


def invited(addresses: Iterable[str], file: Path | None) -> list[Address]:
    """Return whom to invite: addresses that were typed, and those of a file, each once.

    Raises:
        ConfigError: there is none, one is no address, or the file cannot be read.
    """
    found = [checked_address(text) for text in addresses]
    for number, line in enumerate([] if file is None else _lines(file), 1):
        if text := line.partition("#")[0].strip():
            try:
                found.append(checked_address(text))
            except ConfigError as error:
                raise ConfigError(f"{file}, line {number}: {error}") from error
    if not found:
        raise ConfigError("nobody is named: give addresses, or a file that has one on each line")
    return list(dict.fromkeys(found))


def _lines(file: Path) -> list[str]:
    try:
        return read_file(file).decode().splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not in UTF-8") from error
