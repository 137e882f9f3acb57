"""The command ``history``: every round of an experiment, from the contract's views alone, on any node."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from colearn_agents.auditing.chain_history import ballots_by_seat, history_document, read_history
from colearn_agents.cli.output import console
from colearn_agents.cli.progress import watched
from colearn_agents.configuration.addresses import checked_address
from colearn_agents.group.live import ballots_heading, ballots_text, legend, outcome_text
from colearn_chain.rounds import Closing
from colearn_chain.storage import cid_of
from colearn_chain.types import NO_DIGEST, NO_END, Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from colearn_agents.auditing.chain_history import CheckedHistory
    from colearn_chain.chain.contract import ExperimentContract
    from colearn_chain.rounds import ClosedRound, Round

_CID_END = 6
"""How many characters tell CIDs apart for the eye: all begin alike; the whole of them are in the JSON."""


def connect(url: str, address: str) -> ExperimentContract:
    """The contract at an address, as a node sees it.

    Raises:
        ConfigError: the URL or the address is none.
        ChainError: the node does not answer.
    """
    from colearn_chain.chain import networks  # noqa: PLC0415 - late: it needs web3
    from colearn_chain.chain.contract import ExperimentContract  # noqa: PLC0415 - likewise

    return ExperimentContract(networks.connect(url), checked_address(address))


def show_history(contract: ExperimentContract, *, as_json: bool) -> None:
    """Read, check and print an experiment's history.

    Raises:
        ChainError: the node does not answer.
        ConfigError: there is no experiment at the address.
        InvalidHistory: what it answers is not what the history hash commits to.
    """
    with watched(silent=as_json) as watch:
        checked = read_history(contract, progress=watch("reading rounds"))
    out = console()
    if as_json:
        out.out(json.dumps(history_document(checked), indent=2))
        return
    for part in history_tables(checked):
        out.print(part)


def history_tables(checked: CheckedHistory) -> Iterator[RenderableType]:
    """The history for people: who took part, what was decided, and what the hash says."""
    history = checked.history
    yield Text(f"Experiment {checked.experiment}, as of block {checked.block_number}")
    yield _members(checked)
    yield _rounds(checked)
    yield legend()
    yield Text(
        f"Rounds closed: {len(checked.closed)}. The experiment is {checked.phase.name.lower()}.\n"
        "Checked: this is what the rules allow and what the contract's history hash commits to,\n"
        f"0x{history.history_hash.hex()}"
    )


def _members(checked: CheckedHistory) -> Table:
    table = Table(box=SIMPLE_HEAD, collapse_padding=True)
    for heading in ("seat", "learner", "rounds"):
        table.add_column(heading)
    for made in checked.history.memberships:
        rounds = f"from {made.first_round}"
        if made.last_round != NO_END:
            rounds += f" to {made.last_round}"
        table.add_row(str(made.seat), made.learner, rounds)
    return table


def _rounds(checked: CheckedHistory) -> Table:
    days = {f"{_moment(closed):%Y-%m-%d}" for closed in checked.closed}
    date, clock = (days.pop(), "%H:%M:%S") if len(days) == 1 else ("", "%Y-%m-%d %H:%M:%S")
    table = Table(box=SIMPLE_HEAD, collapse_padding=True)
    table.add_column("round", justify="right")
    table.add_column("proposer")
    table.add_column("proposal")
    table.add_column(f"by seat\n{ballots_heading(checked.seats)}", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("closed by", no_wrap=True)
    table.add_column(f"at (UTC)\n{date}", no_wrap=True)
    for closed in checked.closed:
        how, when = _CLOSINGS[closed.round.closing], f"{_moment(closed):{clock}}"
        table.add_row(*_cells(closed.number, closed.round, checked), how, when)
    if checked.open_round is not None:
        table.add_row(*_cells(checked.open_number or 0, checked.open_round, checked), "", "")
    return table


_CLOSINGS = {
    Closing.COMPLETE: "all votes",
    Closing.DEADLINE: "deadline",
    Closing.CERTAIN: "certainty",
    Closing.PASSED: "passing",
}


def _moment(closed: ClosedRound) -> datetime:
    return datetime.fromtimestamp(closed.round.time, UTC)


def _cells(number: int, shown: Round, checked: CheckedHistory) -> list[RenderableType]:
    proposer = None if shown.digest == NO_DIGEST else shown.proposer
    return [
        str(number),
        f"seat {shown.proposer}",
        short_cid(shown.digest),
        ballots_text(ballots_by_seat(shown, checked), proposer, checked.seats),
        outcome_text(shown.status),
    ]


def short_cid(digest: Digest) -> str:
    """The end of a digest's CID; empty where nothing was proposed."""
    return "" if digest == NO_DIGEST else f"…{cid_of(digest)[-_CID_END:]}"
