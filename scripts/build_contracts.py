"""Compile contracts/Experiment.sol into the artefact that ships with the package.

    .venv/bin/python scripts/build_contracts.py            # writes colearn_chain/chain/Experiment.json
    .venv/bin/python scripts/build_contracts.py --check    # compares; exit status 1 on drift or a warning

The compiler is whichever of these is there first, always in the version that contracts/compiler.json
names: what py-solc-x has installed; the npm package ``solc`` in node_modules; what py-solc-x can download;
the npm package ``solc`` as package-lock.json pins it, installed with the Node that comes from PyPI.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import solcx
from eth_hash.auto import keccak
from solcx.exceptions import SolcError

from colearn_chain.chain.artefact import COMPILER_FILE, EXPERIMENT_FILE, ContractArtefact, source_hash
from colearn_chain.errors import ColearnError, ConfigError

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ARTEFACT = ROOT / "colearn_chain" / "chain" / EXPERIMENT_FILE
NPM_SOLC = ROOT / "tools" / "solc"
CACHE = ROOT / ".cache"
DOWNLOADS = CACHE / "solcx"
DOWNLOAD_SECONDS = 120

RUNTIME_BYTES = 24_576
"""The largest contract that a chain accepts (EIP-170)."""
INITCODE_BYTES = 49_152
"""The largest initcode that a chain accepts (EIP-3860)."""


def native_compilers(version: str) -> list[Path]:
    """Return the compilers of this version that py-solc-x has, for the user and for this checkout."""
    folders = [Path(os.environ.get("SOLCX_BINARY_PATH", Path.home() / ".solcx")), DOWNLOADS]
    return [path for folder in folders if (path := folder / f"solc-v{version}").is_file()]


def has_npm_compiler(version: str) -> bool:
    """Tell whether node_modules has the npm package ``solc`` in this version."""
    package = ROOT / "node_modules" / "solc" / "package.json"
    return package.is_file() and json.loads(package.read_text(encoding="utf-8"))["version"] == version


def download_native(version: str) -> bool:
    """Let py-solc-x download the native compiler; False when it cannot."""
    # A process of its own can be given up on: behind a firewall that drops packets the download would hang.
    install = [sys.executable, "-W", "ignore", "-m", "solcx.install", version]
    folder = ["--solcx-binary-path", str(DOWNLOADS)]
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(  # noqa: S603 - this Python, with a version from our own file
            [*install, *folder], capture_output=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def install_npm_compiler() -> None:
    """Install what package-lock.json pins into node_modules.

    Raises:
        ConfigError: npm is missing or failed.
    """
    # Found on the PATH, where the virtual environment's own npm comes first.
    install = ["npm", "ci", "--ignore-scripts", "--cache", str(CACHE / "npm")]
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own
            install, cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ConfigError(f"no Solidity compiler, and no npm to install one with: {error}") from error
    if done.returncode:
        raise ConfigError(f"no Solidity compiler: npm ci failed: {done.stderr.strip()}")


def find_compiler(version: str) -> Path:
    """Return a command that compiles as ``solc`` of this version does, installed if need be.

    Raises:
        ConfigError: there is none and none can be installed.
    """
    if native := native_compilers(version):
        return native[0]
    if has_npm_compiler(version):
        return NPM_SOLC
    print(f"installing the Solidity compiler {version} ...", file=sys.stderr)
    if download_native(version) and (native := native_compilers(version)):
        return native[0]
    install_npm_compiler()
    if not has_npm_compiler(version):
        raise ConfigError(
            f"package.json pins another solc than contracts/{COMPILER_FILE}, which wants {version}"
        )
    return NPM_SOLC


def use_own_node() -> None:
    """Put the virtual environment's commands first: its Node is the one that was tested."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)])


def standard_input(settings: dict[str, Any]) -> dict[str, Any]:
    """Return Solidity's standard JSON input; sources go by their path from the project's root."""
    sources = {
        path.relative_to(ROOT).as_posix(): {"content": path.read_bytes().decode()}
        for path in sorted(CONTRACTS.rglob("*.sol"))
    }
    selection = {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}}
    return {
        "language": "Solidity",
        "sources": sources,
        "settings": {**settings, "outputSelection": selection},
    }


def compile_experiment() -> tuple[ContractArtefact, list[str]]:
    """Compile the contract.

    Returns:
        The artefact, and the compiler's warnings.

    Raises:
        ConfigError: no compiler, or the contract is too large for a chain.
        SolcError: the sources do not compile.
    """
    compiler = json.loads((CONTRACTS / COMPILER_FILE).read_text(encoding="utf-8"))
    solc = find_compiler(compiler["version"])
    output = solcx.compile_standard(standard_input(compiler["settings"]), solc_binary=solc)
    try:
        contract = output["contracts"]["contracts/Experiment.sol"]["Experiment"]
    except KeyError as error:
        raise ConfigError("contracts/Experiment.sol has no contract Experiment") from error
    bytecode = bytes.fromhex(contract["evm"]["bytecode"]["object"])
    check_sizes(len(bytecode), len(contract["evm"]["deployedBytecode"]["object"]) // 2)
    artefact = ContractArtefact(
        contract="Experiment",
        compiler=str(solcx.wrapper.get_solc_version(solc, with_commit_hash=True)),
        settings=compiler["settings"],
        source_hash="0x" + source_hash(CONTRACTS).hex(),
        initcode_hash="0x" + keccak(bytecode).hex(),
        bytecode="0x" + bytecode.hex(),
        abi=contract["abi"],
    )
    return artefact, [entry["formattedMessage"] for entry in output.get("errors", [])]


def check_sizes(initcode: int, runtime: int) -> None:
    """Refuse what no chain would deploy; sizes in bytes.

    Raises:
        ConfigError: one of them is over its limit.
    """
    print(f"Experiment: {runtime:,} bytes of {RUNTIME_BYTES:,}, initcode {initcode:,} of {INITCODE_BYTES:,}")
    if runtime > RUNTIME_BYTES or initcode > INITCODE_BYTES:
        raise ConfigError("the contract is too large to be deployed")


def check(artefact: ContractArtefact, warnings: list[str]) -> None:
    """Compare with what is committed.

    Raises:
        ConfigError: it differs, is missing, or the compiler warned.
    """
    if warnings:
        raise ConfigError("the compiler warned; mend that and build again")
    committed = ARTEFACT.read_text(encoding="utf-8") if ARTEFACT.is_file() else None
    if committed != artefact.to_json():
        raise ConfigError(
            f"{ARTEFACT.relative_to(ROOT)} is not what the sources compile to; run: make build-contracts"
        )
    print("the artefact is what the sources compile to")


def write(artefact: ContractArtefact) -> None:
    """Write the artefact, at once or not at all."""
    fresh = ARTEFACT.with_suffix(".tmp")
    fresh.write_text(artefact.to_json(), encoding="utf-8")
    fresh.replace(ARTEFACT)
    print(f"wrote {ARTEFACT.relative_to(ROOT)}, initcode hash 0x{artefact.initcode_hash.hex()}")


def main() -> int:
    """Build, or check with --check; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed artefact, write nothing"
    )
    arguments = parser.parse_args()
    use_own_node()
    try:
        artefact, warnings = compile_experiment()
        print(*warnings, sep="\n", end="", file=sys.stderr)
        check(artefact, warnings) if arguments.check else write(artefact)
    except SolcError as error:
        print(error.message, file=sys.stderr)
        return 1
    except ColearnError as error:
        print(f"build_contracts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
