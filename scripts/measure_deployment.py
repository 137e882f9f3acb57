"""Measure what each part of the contract costs at deployment, by taking it out and compiling the rest.

.venv/bin/python scripts/measure_deployment.py    # writes snapshots/Deployment.json

``scripts/gas_table.py`` makes a table of it. The parts are each external function, and what the compiler
checks of its own accord; those checks are taken out of its intermediate code, which compiles to the same
bytes as the sources when nothing is taken out. Parts share code: what two of them have in common is in
neither's figure. Set up by ``sh scripts/setup-contracts``; takes three minutes.
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import solcx
from eth_hash.auto import keccak

from colearn_chain.chain.artefact import COMPILER_FILE, experiment_artefact

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
SOLC = ROOT / "tools" / "solc"
SNAPSHOT = ROOT / "snapshots" / "Deployment.json"
INTERFACE = "contracts/interfaces/IExperiment.sol"

CHECKS = {
    "check of enums": r"if [^\n]*\{ panic_error_0x21\(\) \}",
    "check of sums and differences": r"if [^\n]*\{ panic_error_0x11\(\) \}",
    "check that no ether is sent": r"if callvalue\(\) \{[^}]*\}",
}
"""What the compiler checks of its own accord, and how its intermediate code says so."""

TOGETHER = [("removeIdle", "contribute", "askKey", "shareKey")]
"""Calls that are also taken out together."""

WANTED = ["ir", "evm.bytecode.object", "evm.deployedBytecode.object"]

Sources = dict[str, str]
Measured = dict[str, int]


def read_sources() -> Sources:
    """Return the contract's sources by their path from the project's root."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(CONTRACTS.rglob("*.sol"))
    }


def compile_contract(language: str, sources: Sources, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the compiler says of the contract.

    Raises:
        SolcError: it does not compile.
    """
    task = {
        "language": language,
        "sources": {path: {"content": text} for path, text in sources.items()},
        "settings": {**settings, "outputSelection": {"*": {"*": WANTED}}},
    }
    contracts = solcx.compile_standard(task, solc_binary=SOLC)["contracts"]
    found = [
        one for file in contracts.values() for name, one in file.items() if name.startswith("Experiment")
    ]
    # ExperimentState is abstract, so it has no code.
    (contract,) = [one for one in found if one["evm"]["bytecode"]["object"]]
    return dict(contract)


def measure(contract: dict[str, Any]) -> Measured:
    """Return what deployment is paid for: bytes of code that is kept, of initcode, and zeros among these."""
    initcode = bytes.fromhex(contract["evm"]["bytecode"]["object"])
    code = len(contract["evm"]["deployedBytecode"]["object"]) // 2
    return {"code": code, "initcode": len(initcode), "zeros": initcode.count(0)}


def without_function(sources: Sources, name: str) -> Sources:
    """Return the sources without an external function; one that others need only ceases to be external.

    Raises:
        SystemExit: it does not stand there as expected.
    """
    left = {}
    declared = defined = 0
    for path, text in sources.items():
        if path == INTERFACE:
            left[path], declared = re.subn(rf"\n    function {name}\([^;]*;", "", text)
            continue
        rest, whole = re.subn(
            rf"\n    /// @inheritdoc IExperiment\n    function {name}\([^{{]*external.*?\n    }}\n",
            "",
            text,
            flags=re.DOTALL,
        )
        rest, inside = re.subn(
            rf"    /// @inheritdoc IExperiment\n    (function {name}\([^{{]*)public", r"    \1internal", rest
        )
        rest, variable = re.subn(
            rf"    /// @inheritdoc IExperiment\n    (\w+) public (immutable )?{name};",
            rf"    \1 internal \2{name};",
            rest,
        )
        left[path] = rest
        defined += whole + inside + variable
    if (declared, defined) != (1, 1):
        sys.exit(f"{name}: declared {declared} times, defined {defined} times")
    return left


def measure_without_calls(sources: Sources, settings: dict[str, Any]) -> Iterator[tuple[str, Measured]]:
    """Take out each external function, and some together."""
    names = re.findall(r"\n    function (\w+)\(", sources[INTERFACE])
    for part in [*((name,) for name in names), *TOGETHER]:
        rest = reduce(without_function, part, sources)
        yield ", ".join(part), measure(compile_contract("Solidity", rest, settings))


def measure_without_checks(whole: dict[str, Any], settings: dict[str, Any]) -> Iterator[tuple[str, Measured]]:
    """Take out what the compiler checks of its own accord, check by check and together.

    Raises:
        SystemExit: the intermediate code is not what the contract is made from.
    """
    # These two are about Solidity, and would be refused.
    settings = {key: value for key, value in settings.items() if key not in ("viaIR", "metadata")}
    same = compile_contract("Yul", {"Experiment": whole["ir"]}, settings)
    if same["evm"]["bytecode"] != whole["evm"]["bytecode"]:
        sys.exit("the compiler's intermediate code does not compile to what the sources do")
    for name, pattern in {**CHECKS, "these three checks": "|".join(CHECKS.values())}.items():
        rest = {"Experiment": re.sub(pattern, "", whole["ir"])}
        yield name, measure(compile_contract("Yul", rest, settings))


def main() -> None:
    """Measure and write."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)])
    settings = json.loads((CONTRACTS / COMPILER_FILE).read_text(encoding="utf-8"))["settings"]
    sources = read_sources()
    whole = compile_contract("Solidity", sources, settings)
    if keccak(bytes.fromhex(whole["evm"]["bytecode"]["object"])) != experiment_artefact().initcode_hash:
        sys.exit("the artefact is not what the sources compile to; run: make build-contracts")
    without: dict[str, Measured] = {}
    for name, rest in chain(
        measure_without_calls(sources, settings), measure_without_checks(whole, settings)
    ):
        print(name, rest, flush=True)
        without[name] = rest
    snapshot = {
        "initcodeHash": f"0x{experiment_artefact().initcode_hash.hex()}",
        "whole": measure(whole),
        "without": without,
    }
    SNAPSHOT.write_text(json.dumps(snapshot, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
