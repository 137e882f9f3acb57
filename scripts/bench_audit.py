"""Measure what auditing a long experiment costs: reading it from a node, checking, exporting, reporting.

anvil plays a whole experiment with real transactions, so that there are views and logs to be read; that takes
minutes and is not measured. Then the parts of an audit are timed one by one, each beside the least that its
bytes could take, and at last the command as a whole, in a process of its own.

    .venv/bin/python scripts/bench_audit.py
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from eth_utils.crypto import keccak

from colearn_agents.auditing.audit_page import audit_page
from colearn_agents.auditing.evidence import from_nodes
from colearn_agents.auditing.names import Names
from colearn_chain.audit import HistoryFile, Outcome, audit
from colearn_chain.chain import Account, ExperimentContract, Sender
from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.cards import make_card
from colearn_chain.chain.contract import PAGE
from colearn_chain.chain.devnet import find_anvil
from colearn_chain.chain.logs import read_log
from colearn_chain.rounds import Ballot, Rules, fold
from colearn_chain.testing.chain import anvil_chain
from colearn_chain.testing.histories import Move, Play
from colearn_chain.types import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from colearn_chain.artefacts import Card

T = TypeVar("T")

SOLIDITY_NAMES = {"pass_turn": "passTurn", "cast_ballot": "castBallot"}
"""Where they differ from Python's."""

GAS = 2_000_000
"""More than any of these calls needs: estimating each would take longer than playing."""

COMMAND = Path(sys.executable).with_name("colearn-chain")
PREIMAGE_BYTES = 128
"""What is hashed for a closing: four words."""

MEGA = 1_000_000


@dataclass
class Result:
    """What one part took, and how much of it there was; CPU is that of this process, without the node's."""

    part: str
    seconds: float
    cpu: float
    amount: str = ""


def main() -> None:
    """Play, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--learners", type=int, default=8, choices=range(2, 13), metavar="2..12")
    options = parser.parse_args()
    anvil = find_anvil()
    if anvil is None:
        sys.exit("anvil is neither on the PATH nor in node_modules/.bin: scripts/setup-contracts installs it")
    organizer, *learners = (Account.seeded("bench", index) for index in range(options.learners + 1))
    with anvil_chain(anvil, [each.address for each in (organizer, *learners)]) as chain:
        rules = rules_for(options.rounds, chain.now())
        contract = ExperimentContract.deploy(Sender(chain.node, organizer), rules, Digest(b"\x01" * 32))
        play = Play(rules, organizer.address, [each.address for each in learners], chain.now() + 1)
        wire = Wire(str(chain.web3.provider.endpoint_uri))  # type: ignore[attr-defined]
        moves = play.moves(options.rounds, Random(0))  # noqa: S311 - chance that is the same every time
        _, playing = timed("", lambda: perform(wire, contract, moves))
        card = make_card(chain.node, contract.raw_deployment or b"")
        print(f"{options.rounds:,} rounds of {options.learners} learners, played in {playing.seconds:.0f} s;")
        print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
        print_results(measure(wire, contract, card))
        print_command(wire.url, card)


def rules_for(rounds: int, now: int) -> Rules:
    """As many rounds as are played, and windows that leave room for chance."""
    return Rules(
        threshold_bps=5001,
        proposal_window=3600,
        voting_window=1800,
        contribution_window=0,
        min_learners=2,
        max_rounds=rounds,
        idle_rounds=32,
        start_deadline=now,
        count_proposer=False,
        close_early=False,
    )


# ------------------------------------------------------------------------------------------------- playing


class Wire:
    """One connection to a node, for very many small requests, one after the other.

    Not in JSON-RPC batches: anvil works on the requests of a batch at the same time, in no order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)

    def ask(self, method: str, *params: object) -> bytes:
        """Ask, and end everything on an error; the answer's bytes, as they came."""
        body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse().read()
        if b'"error"' in answer[:100]:
            sys.exit(f"{method}: {answer.decode()}")
        return answer


def perform(wire: Wire, contract: ExperimentContract, moves: Iterable[Move]) -> None:
    """Let anvil mine the moves: those of one moment in one block, from accounts that need not sign."""
    wire.ask("anvil_removeBlockTimestampInterval")
    wire.ask("anvil_autoImpersonateAccount", True)
    wire.ask("evm_setAutomine", False)
    for now, together in itertools.groupby(moves, key=lambda move: int(move.call.now)):
        for move in together:
            data = "0x" + calldata(move).hex()
            sent = {"from": move.call.sender, "to": contract.address, "gas": hex(GAS), "data": data}
            wire.ask("eth_sendTransaction", sent)
        wire.ask("evm_mine", {"timestamp": now})


def calldata(move: Move) -> bytes:
    """The call as the contract gets it."""
    name = SOLIDITY_NAMES.get(move.function, move.function)
    arguments = (int(each) if isinstance(each, Ballot) else each for each in move.arguments)
    return experiment_interface().encode_call(name, *arguments)


# ----------------------------------------------------------------------------------------------- measuring


def timed(part: str, work: Callable[[], T], amount: Callable[[T], str] = lambda _: "") -> tuple[T, Result]:
    """Do something and say how long it took."""
    begun, spent = time.perf_counter(), time.process_time()
    made = work()
    wall, cpu = time.perf_counter() - begun, time.process_time() - spent
    return made, Result(part, wall, cpu, amount(made))


def measure(wire: Wire, contract: ExperimentContract, card: Card) -> list[Result]:
    """All parts one by one, floors beside them; ends everything if the audit is not right."""
    head = contract.node.block_number()
    history, reading = timed("read rounds and memberships", lambda: contract.history(block=head))
    _, raw = timed("floor: the same answers unread", lambda: raw_pages(wire, contract, head), megabytes)
    rounds, folding = timed("check rules, tallies and hash", lambda: fold(history))
    _, hashing = timed("floor: as many hashes", lambda: hashed(len(rounds)))
    log, logging = timed("read all ballots from the log", lambda: ballots(contract, head))
    _, raw_log = timed("floor: the same answer unread", lambda: raw_logs(wire, contract, head), megabytes)
    evidence, gathering = timed("gather all evidence", lambda: from_nodes(card, [contract.node]))
    report, auditing = timed("audit it", lambda: audit(evidence), lambda made: made.outcome.value)
    file, exporting = timed("export", lambda: HistoryFile.of(card, history).to_bytes(), megabytes)
    _, importing = timed("read the export", lambda: HistoryFile.from_bytes(file).history())
    _, paging = timed(
        "write the report",
        lambda: audit_page(evidence, report, Names({}), command=(), made_at=0, version="").encode(),
        megabytes,
    )
    if report.outcome is not Outcome.RIGHT or evidence.history != history:
        sys.exit(f"the audit of an honest experiment says: {report.findings}")
    reading.amount, logging.amount = f"{len(rounds):,} rounds", f"{log:,} ballots"
    parts = [reading, raw, folding, hashing, logging, raw_log, gathering, auditing, exporting, importing]
    return [*parts, paging]


def megabytes(data: bytes) -> str:
    """How much it is."""
    return f"{len(data) / MEGA:.1f} MB"


def raw_pages(wire: Wire, contract: ExperimentContract, head: int) -> bytes:
    """The answers that the history is read from, without a look into them."""
    count = contract.rules(block=head).max_rounds
    calls = [experiment_interface().encode_call("rounds", start, PAGE) for start in range(1, count + 1, PAGE)]
    asked = ({"to": contract.address, "data": "0x" + call.hex()} for call in calls)
    return b"".join(wire.ask("eth_call", each, hex(head)) for each in asked)


def hashed(count: int) -> bytes:
    """A chain of hashes over as many bytes as a closing folds in."""
    value = bytes(32)
    for _ in range(count):
        value = keccak(value.ljust(PREIMAGE_BYTES, b"\0"))
    return value


def ballots(contract: ExperimentContract, head: int) -> int:
    """How many the log has."""
    return len(read_log(contract.node, contract.address, {"Voted"}, range(head + 1)))


def raw_logs(wire: Wire, contract: ExperimentContract, head: int) -> bytes:
    """The answer that the log is read from, without a look into it."""
    topics = [["0x" + topic.hex() for topic in experiment_interface().topics({"Voted"})]]
    asked = {"address": contract.address, "fromBlock": "0x0", "toBlock": hex(head), "topics": topics}
    return wire.ask("eth_getLogs", asked)


# ------------------------------------------------------------------------------------------------ printing


def print_results(results: Sequence[Result]) -> None:
    """Print a row for each part."""
    print("| part | seconds | CPU of this process, s | of what |")
    print("| --- | --: | --: | --- |")
    for result in results:
        print(f"| {result.part} | {result.seconds:.2f} | {result.cpu:.2f} | {result.amount} |")


def print_command(url: str, card: Card) -> None:
    """Run the command as a whole, in a process of its own, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "card.json").write_bytes(card.to_bytes())
        written = ["--report", str(place / "report.html"), "--export", str(place / "history.json")]
        command = [str(COMMAND), "audit", str(place / "card.json"), "--rpc", url, "--json", *written]
        _, whole = timed("", lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))  # noqa: S603 - our own command
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # anvil still runs, so it is not among them
    print(
        f"\nThe whole command, with report and export: {whole.seconds:.1f} s, "
        f"{used.ru_utime + used.ru_stime:.1f} s of CPU, peak memory {used.ru_maxrss / 1024:,.0f} MiB"
    )


if __name__ == "__main__":
    main()
