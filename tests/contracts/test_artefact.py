"""The compiled contract that ships: what it is made of, and how a damaged one is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from colearn_chain.chain.artefact import experiment_artefact, parse_artefact, source_hash
from colearn_chain.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
COMMITTED = ROOT / "colearn_chain" / "chain" / "Experiment.json"


def _committed() -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return fields


def _checkout(tmp_path: Path) -> Path:
    """Return a copy of the contracts folder that a test may change."""
    copy = tmp_path / "contracts"
    for path in [*CONTRACTS.rglob("*.sol"), CONTRACTS / "compiler.json"]:
        place = copy / path.relative_to(CONTRACTS)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return copy


def test_sources_and_artefact_have_not_drifted_apart() -> None:
    """Whoever changes a source or a setting builds the artefact again; this needs no compiler."""
    assert experiment_artefact().source_hash == source_hash(CONTRACTS), "run: make build-contracts"


def test_the_artefact_is_what_the_sources_compile_to() -> None:
    """The committed bytecode is this compiler's output, not only labelled with the right source hash."""
    build = [sys.executable, str(ROOT / "scripts" / "build_contracts.py"), "--check"]
    done = subprocess.run(build, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert done.returncode == 0, done.stderr


def test_the_artefact_names_the_settings_of_the_one_settings_file() -> None:
    """The settings that ship are those of contracts/compiler.json, its compiler version included."""
    compiler = json.loads((CONTRACTS / "compiler.json").read_text(encoding="utf-8"))
    assert experiment_artefact().settings == compiler["settings"]
    assert experiment_artefact().compiler.split("+")[0] == compiler["version"]


def test_forge_compiles_with_the_settings_of_the_one_settings_file() -> None:
    """TOML cannot import, so what foundry.toml repeats has to be equal."""
    settings = experiment_artefact().settings
    forge = tomllib.loads((ROOT / "foundry.toml").read_text(encoding="utf-8"))["profile"]["default"]
    assert {
        "evmVersion": forge["evm_version"],
        "optimizer": {"enabled": forge["optimizer"], "runs": forge["optimizer_runs"]},
        "viaIR": forge["via_ir"],
        "metadata": {"bytecodeHash": forge["bytecode_hash"], "appendCBOR": forge["cbor_metadata"]},
    } == settings


def test_npm_pins_the_compiler_of_the_one_settings_file() -> None:
    """Both ways to a compiler lead to the same version."""
    version = json.loads((CONTRACTS / "compiler.json").read_text(encoding="utf-8"))["version"]
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    assert package["devDependencies"]["solc"] == version
    assert lock["packages"]["node_modules/solc"]["version"] == version


def test_the_artefact_has_the_calls_of_the_interface() -> None:
    """The ABI is the contract's: its constructor, calls, events and errors are there."""
    kinds = {(entry["type"], entry.get("name")) for entry in experiment_artefact().abi}
    expected = {
        ("constructor", None),
        ("function", "propose"),
        ("function", "castBallot"),
        ("function", "snapshot"),
        ("event", "RoundClosed"),
        ("error", "DeadlinePassed"),
    }
    assert expected <= kinds


def test_the_initcode_hash_is_of_the_initcode() -> None:
    """The hash by which a release's code will be known is keccak-256 of the very bytes that are deployed."""
    artefact = experiment_artefact()
    assert keccak(artefact.bytecode) == artefact.initcode_hash


def test_the_committed_file_is_in_its_one_form() -> None:
    """Reading and writing the artefact again changes no byte, so that diffs show only what changed."""
    text = COMMITTED.read_text(encoding="utf-8")
    assert parse_artefact(text).to_json() == text


def test_one_flipped_bit_in_the_initcode_is_refused() -> None:
    """Damaged package data is found before anything is deployed from it."""
    fields = _committed()
    fields["bytecode"] = fields["bytecode"][:-1] + ("0" if fields["bytecode"][-1] != "0" else "1")
    with pytest.raises(ConfigError, match="damaged"):
        parse_artefact(json.dumps(fields))


@pytest.mark.parametrize("field", ["abi", "bytecode", "compiler", "initcodeHash", "settings", "sourceHash"])
def test_a_missing_field_is_refused_by_name(field: str) -> None:
    """An artefact without one of its parts is none, and the message says which."""
    fields = _committed()
    del fields[field]
    with pytest.raises(ConfigError, match=field):
        parse_artefact(json.dumps(fields))


@pytest.mark.parametrize("value", ["", "0x", "6080", "0x608", "0xzz", 17, None])
def test_bytecode_that_is_no_hex_is_refused(value: object) -> None:
    """Only 0x and whole bytes in hex are initcode."""
    with pytest.raises(ConfigError, match="bytecode"):
        parse_artefact(json.dumps({**_committed(), "bytecode": value}))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"abi": []}'])
def test_text_that_is_no_artefact_is_refused(text: str) -> None:
    """Whatever the file holds, the error is a typed one."""
    with pytest.raises(ConfigError, match="not a contract artefact"):
        parse_artefact(text)


def test_the_source_hash_does_not_depend_on_where_the_sources_lie(tmp_path: Path) -> None:
    """Two checkouts of the same sources agree."""
    assert source_hash(_checkout(tmp_path)) == source_hash(CONTRACTS)


def test_a_changed_source_a_new_one_and_another_setting_change_the_source_hash(tmp_path: Path) -> None:
    """Everything that can change the bytecode changes the hash."""
    copy = _checkout(tmp_path)
    seen = {source_hash(copy)}
    (copy / "Experiment.sol").write_bytes((copy / "Experiment.sol").read_bytes() + b"\n")
    seen.add(source_hash(copy))
    (copy / "types" / "Extra.sol").write_text("")
    seen.add(source_hash(copy))
    (copy / "types" / "Extra.sol").rename(copy / "Extra.sol")
    seen.add(source_hash(copy))
    (copy / "compiler.json").write_text('{"version": "0.8.36", "settings": {}}')
    seen.add(source_hash(copy))
    assert len(seen) == 5


def test_a_folder_without_sources_or_settings_is_refused(tmp_path: Path) -> None:
    """The hash of nothing is never taken for the hash of a contract."""
    with pytest.raises(ConfigError, match=r"compiler\.json"):
        source_hash(tmp_path)
    (tmp_path / "compiler.json").write_text("{}")
    with pytest.raises(ConfigError, match="no Solidity sources"):
        source_hash(tmp_path)
