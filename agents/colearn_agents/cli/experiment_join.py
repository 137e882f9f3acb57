"""The command ``experiment join``: everything is checked and shown first, then asked about, then sent."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from colearn_agents.cli.experiment_show import member_rows
from colearn_agents.cli.experiment_words import (
    act_document,
    cost_row,
    receipt_rows,
    spec_facts,
    whereabouts,
)
from colearn_agents.cli.options import configuration
from colearn_agents.cli.output import console
from colearn_agents.cli.talk import errors, progress, say, show_facts
from colearn_agents.experiments.acting import perform
from colearn_agents.experiments.joining import Applicant, examine
from colearn_agents.experiments.opened import open_experiment, own_account, unlock_sender
from colearn_agents.experiments.overview import look
from colearn_agents.experiments.waiting import LONGEST_WAIT, await_counted
from colearn_agents.wording import rules_in_words
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colearn_agents.cli.talk import Manner
    from colearn_agents.configuration.config import Config
    from colearn_agents.experiments.joining import Admission, Check
    from colearn_agents.experiments.opened import OpenedExperiment
    from colearn_chain.chain import Receipt


def run_join(manner: Manner) -> None:
    """Join the experiment.

    Raises:
        ColearnError: something stands against it; unless it says otherwise, nothing was sent.
    """
    config = configuration(manner.config)
    opened = open_experiment(config, manner.card)
    now = int(time.time())
    with tempfile.TemporaryDirectory() as scratch:
        admission = examine(opened, _applicant(config, Path(scratch), now), _teller(manner))
    _show_terms(manner, opened, admission, now)
    manner.confirm("Join under these terms?")
    sender, _ = unlock_sender(config, opened.node)
    with progress("joining"):
        receipt = perform(opened.contract, sender, admission.act)
    receipt = _counted(config, opened, receipt)
    if manner.as_json:
        console().out(json.dumps(act_document(opened, admission.act, receipt), indent=2))
    else:
        _show_joined(manner, config, receipt)


def _applicant(config: Config, scratch: Path, now: int) -> Applicant:
    account = own_account(config)
    if account.encryption_key is None:
        raise ConfigError(f"the account {account.name} has no encryption key: its file beside {account.path}")
    return Applicant(
        address=account.address,
        key=account.encryption_key,
        learner=config.learner,
        storage=config.storage(),
        scratch=scratch,
        now=now,
    )


def _counted(config: Config, opened: OpenedExperiment, receipt: Receipt) -> Receipt:
    """Wait until the join counts; interrupted, say that it was sent."""
    from colearn_chain.chain import Patience  # noqa: PLC0415 - imports web3

    try:
        with progress("waiting until the join counts") as tell:
            return await_counted(
                opened.node,
                [receipt.transaction_hash],
                config.finality,
                patience=Patience(timeout=LONGEST_WAIT),
                tell=tell,
            )
    except KeyboardInterrupt:
        say(
            errors(),
            f"The join was mined in block {receipt.block_number} ({receipt.transaction_hash}); "
            "only its confirmations were not waited for. See: colearn-chain experiment show",
        )
        raise


def _teller(manner: Manner) -> Callable[[Check], None]:
    """What prints each thing as it is found to be right, all in the same columns."""
    out = manner.people()
    say(out, "Checked:")
    return lambda check: show_facts(out, [(f"{check.subject:10}", check.found)])


def _place(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """The seat, as the contract told it."""
    for event in receipt.events:
        if event.name == "Joined":
            yield "place", f"seat {event.values['seat']}, from round {event.values['firstRound']} on"


def _show_terms(manner: Manner, opened: OpenedExperiment, admission: Admission, now: int) -> None:
    out = manner.people()
    seen = look(opened.contract, admission.purse.address)
    for heading, rows in (
        ("What you join:", [*whereabouts(opened), *spec_facts(admission.spec.spec)]),
        ("Its rules:", list(rules_in_words(opened.deployment.rules, now))),
        ("Who is in it:", list(member_rows(seen)) or [("nobody", "you would be the first")]),
        ("To be sent:", list(_joining(admission))),
    ):
        say(out, heading)
        show_facts(out, rows)


def _joining(admission: Admission) -> Iterator[tuple[str, str]]:
    yield "deed", "join"
    yield "effect", " ".join(admission.act.effects)
    yield "key", f"0x{admission.key.hex()}, to which others may encrypt for you"
    yield cost_row(admission.gas, admission.purse)


def _show_joined(manner: Manner, config: Config, receipt: Receipt) -> None:
    out = console()
    say(out, "Joined.")
    show_facts(out, [*_place(receipt), *receipt_rows(receipt)])
    card = manner.card
    named = config.tables.experiment
    if card is not None and (named is None or named.card.resolve() != card.resolve()):
        say(out, f'Set card = "{card}" in [experiment] of {config.path}. Then run your agent:')
    else:
        say(out, "Now run your agent:")
    say(out, f"  colearn-chain agent run --config {config.path}")
