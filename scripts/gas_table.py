"""Make the tables of docs/gas.md from what was measured.

.venv/bin/python scripts/gas_table.py            # writes the tables, between their marks
.venv/bin/python scripts/gas_table.py --check    # exit status 1 when they are not those of snapshots/

The first sets what the contract's calls cost, by snapshots/Experiment.json
(``FOUNDRY_PROFILE=gas forge test``), beside what they would cost at least. That is added up from the prices
of the chain: what a call with this signature has to pay that leaves this behind in storage and logs. The
second shows what the parts of the contract cost at deployment, by snapshots/Deployment.json
(``scripts/measure_deployment.py``).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak

from colearn_chain.chain.artefact import experiment_artefact

ROOT = Path(__file__).resolve().parent.parent
CALLS = ROOT / "snapshots" / "Experiment.json"
DEPLOYMENT = ROOT / "snapshots" / "Deployment.json"
REPORT = ROOT / "docs" / "gas.md"

# Prices of the Prague and Osaka forks, in gas.
TRANSACTION = 21_000
CREATION = 53_000  # a transaction that creates a contract
CODE_BYTE = 200  # kept
INITCODE_WORD = 2  # EIP-3860
READ = 2_100  # a slot that the transaction has not touched, EIP-2929
CHANGE = 5_000  # read it and write another value over one that is not zero
NEW = 22_100  # write the first value
RECOVER = 3_100  # the precompile's 3,000 and the call

DEPLOYMENT_GOAL = 2_500_000

MODEL = keccak(b"model")
KEY = keccak(b"an X25519 key")
SIGNATURE_BYTES = 64


def data(content: bytes) -> int:
    """Price of calldata (EIP-2028): 16 a byte, 4 a zero byte."""
    return sum(4 if byte == 0 else 16 for byte in content)


def call(signature: str, *values: object) -> int:
    """Price of a transaction that calls a function, nothing done yet."""
    types = signature[signature.index("(") + 1 : -1]
    return TRANSACTION + data(
        keccak(signature.encode())[:4] + encode(types.split(",") if types else [], values)
    )


def log(topics: int, words: int) -> int:
    """Price of an event: topics, its signature among them, and words of data."""
    return 375 * (1 + topics) + 8 * 32 * words


@dataclass(frozen=True)
class Call:
    """A row of the table.

    Attributes:
        name: as in the snapshot.
        floor: what it costs at least, in gas.
        sum: how that adds up, in words.
        goal: what was aimed at, if anything.
        others: what the like costs elsewhere.
    """

    name: str
    floor: int
    sum: str
    goal: int | None = None
    others: str = ""


VOTE = READ + READ + log(3, 1)  # member, digest
CLOSING = 3 * CHANGE + NEW + 2 * log(2, 3)  # round, history hash, roster; the next round's word
BATCHED = RECOVER + READ + log(3, 1)


def batch(count: int) -> int:
    """Floor of a batch of so many approvals that closes its round."""
    offsets = encode(["uint256", "bytes32", "uint256"], [3, MODEL, 96])
    lists = encode(["bytes32[2][]", "bytes32[2][]", "bytes32[2][]"], [[], [], []])
    signatures = count * SIGNATURE_BYTES * 16
    return TRANSACTION + 4 * 16 + data(offsets + lists) + signatures + READ + count * BATCHED + CLOSING


def deployment(code: int) -> int:
    """Floor of deploying so many bytes of code with the artefact's initcode: both are taken as they are."""
    arguments = encode(
        ["uint256"] * 10 + ["bytes32"], [5001, 600, 300, 0, 2, 1000, 2, 1_700_086_400, 0, 0, MODEL]
    )
    initcode = experiment_artefact().bytecode + arguments
    words = (len(initcode) + 31) // 32
    return CREATION + data(initcode) + INITCODE_WORD * words + CODE_BYTE * code + 2 * NEW + log(3, 0)


def rows(code: int) -> list[Call]:
    """Return the table's rows; the contract has so many bytes of code."""
    propose = call("propose(uint256,bytes32)", 3, MODEL) + READ + CHANGE + NEW + log(3, 2)
    ballot = call("castBallot(uint256,bytes32,uint8)", 3, MODEL, 1)
    vote = ballot + CHANGE + VOTE
    last = ballot + CLOSING + VOTE
    joined = 3 * CHANGE + READ + NEW + log(3, 3)
    return [
        Call(
            "vote, any but the last",
            vote,
            "call; round's word changed; member and digest read; event",
            34_700,
            "OpenZeppelin Governor 65,681; Snapshot X 84,927; Compound 78,613",
        ),
        Call(
            "propose",
            propose,
            "call; digest new; round's word changed; member read; event",
            54_300,
            "OpenZeppelin 63,196; Snapshot X 153,357",
        ),
        Call(
            "vote, the last",
            last,
            "a vote; history hash and roster changed; next round's word new; two events",
            72_500,
            "OpenZeppelin vote and execute 117,000",
        ),
        Call(
            "batch, a further ballot",
            SIGNATURE_BYTES * 16 + BATCHED,
            "64 bytes of calldata; ecrecover; member read; event",
            9_300,
            "Safe 7,916 a signature, nothing recorded",
        ),
        Call(
            "round of 8, direct",
            propose + 6 * vote + last,
            "propose, six votes, the last",
            335_000,
            "nerolation/OpenFL 4,420,000; Cassano about 1,500,000",
        ),
        Call("round of 8, batched", propose + batch(7), "propose, a batch of seven", 190_000),
        Call("batch of 10, with the closing", batch(10), "call; ten further ballots; closing"),
        Call("batch of 50, with the closing", batch(50), "call; fifty further ballots; closing"),
        Call(
            "join, with a key",
            call("join(bytes32)", KEY) + joined + NEW,
            "as below; key new",
            90_000,
            "Gensyn 141,717; OpenZeppelin delegate 95,421",
        ),
        Call(
            "join, without a key",
            call("join(bytes32)", bytes(32)) + joined,
            "call; membership new; address, roster, history hash changed; round read; event",
            67_500,
        ),
        Call(
            "deploy",
            deployment(code),
            "creation; initcode; code kept; organizer and history hash new; event",
            DEPLOYMENT_GOAL,
            "OpenZeppelin 3,418,328",
        ),
        Call(
            "passTurn",
            call("passTurn(uint256)", 3) + READ + CLOSING,
            "call; member read; closing",
        ),
        Call(
            "advance, nothing was proposed",
            call("advance(uint256)", 4) + CLOSING,
            "call; closing",
        ),
        Call(
            "advance, voting ran out",
            call("advance(uint256)", 5) + READ + CLOSING,
            "call; digest read; closing",
        ),
        Call(
            "start",
            call("start()") + CHANGE + READ + READ + NEW + log(2, 3),
            "call; roster changed; organizer and round 0 read; word new; event",
        ),
        Call(
            "invite, one learner",
            call("invite(address[])", [ADDRESS]) + READ + NEW + log(2, 0),
            "call; organizer read; address's word new; event",
        ),
        Call(
            "resign",
            call("resign()") + 3 * CHANGE + log(3, 1),
            "call; address's word, membership and roster changed; event",
        ),
        Call(
            "remove",
            call("remove(address)", ADDRESS) + 2 * READ + 3 * CHANGE + log(2, 0) + log(3, 1),
            "as resign; organizer and round read; another event",
        ),
        Call(
            "refused: a vote on a closed round",
            ballot + READ,
            "call; round's word read",
        ),
        Call(
            "refused: a second advance",
            call("advance(uint256)", 3) + READ,
            "call; round's word read",
        ),
    ]


ADDRESS = "0x" + "0" * 33 + "1ea4003"
"""Stands for a learner's address; a real one has 20 non-zero bytes, about 200 gas more."""


def calls_table(measured: dict[str, int]) -> str:
    """Return the table of the calls in Markdown.

    Raises:
        SystemExit: the snapshot and the rows name different calls.
    """
    measured = dict(measured)  # the caller's stays whole
    calls = rows(measured.pop("deploy, bytes of code"))
    if {one.name for one in calls} != measured.keys():
        sys.exit(f"not in both: {sorted({one.name for one in calls} ^ measured.keys())}")
    lines = ["| call | goal | measured | floor | above it | what the floor is made of | others |"]
    lines.append("|---|---|---|---|---|---|---|")
    for one in calls:
        gas = measured[one.name]
        goal = "" if one.goal is None else f"{one.goal:,}{'' if gas <= one.goal else ' (missed)'}"
        above = f"{100 * (gas - one.floor) / one.floor:.1f} %"
        cells = [one.name, goal, f"{gas:,}", f"{one.floor:,}", above, one.sum, one.others]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def price_of_code(measured: dict[str, int]) -> int:
    """Price of the code that is kept and of the initcode that brings it."""
    carried = 16 * (measured["initcode"] - measured["zeros"]) + 4 * measured["zeros"]
    return CODE_BYTE * measured["code"] + carried + INITCODE_WORD * measured["initcode"] // 32


def deployment_table(measured: dict[str, Any], deploy: int) -> str:
    """Return the table of the contract's parts in Markdown, the dearest first; deployment costs ``deploy``.

    Raises:
        SystemExit: another contract was measured than the one that ships.
    """
    if measured["initcodeHash"] != f"0x{experiment_artefact().initcode_hash.hex()}":
        sys.exit("snapshots/Deployment.json is of another contract; run: scripts/measure_deployment.py")
    whole = measured["whole"]
    saved = {
        part: (price_of_code(whole) - price_of_code(rest), whole["code"] - rest["code"])
        for part, rest in measured["without"].items()
    }
    lines = ["| without | bytes of code less | gas less | deployment then |", "|---|---|---|---|"]
    for part, (gas, code) in sorted(saved.items(), key=lambda item: item[1], reverse=True):
        verdict = " (goal met)" if deploy - gas <= DEPLOYMENT_GOAL else ""
        lines.append(f"| {part} | {code:,} | {gas:,} | {deploy - gas:,}{verdict} |")
    return "\n".join(lines) + "\n"


def with_table(text: str, name: str, table: str) -> str:
    """Return the report with a table between its two marks.

    Raises:
        SystemExit: the marks are not there.
    """
    begin, end = f"<!-- table of {name}: scripts/gas_table.py -->\n", "<!-- end of the table -->\n"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        sys.exit(f"{REPORT.relative_to(ROOT)} has no place for the table of {name}")
    return head + begin + table + end + tail


def main() -> int:
    """Write the tables, or check them with --check; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare with docs/gas.md, write nothing")
    check = parser.parse_args().check
    calls = {name: int(gas) for name, gas in json.loads(CALLS.read_text(encoding="utf-8")).items()}
    deployment = json.loads(DEPLOYMENT.read_text(encoding="utf-8"))
    text = REPORT.read_text(encoding="utf-8")
    fresh = with_table(text, "calls", calls_table(calls))
    fresh = with_table(fresh, "deployment", deployment_table(deployment, calls["deploy"]))
    if check and fresh != text:
        sys.exit("docs/gas.md is not up to date; run: .venv/bin/python scripts/gas_table.py")
    if not check:
        REPORT.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
