"""What an import may cost: the heavy libraries come in only when they are used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = [
    "eth_tester",
    "keras",
    "lightgbm",
    "matplotlib",
    "scipy",
    "sklearn",
    "tensorflow",
    "torch",
    "web3",
    "xgboost",
]


def _modules_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after running a statement."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run(  # noqa: S603 - this interpreter, our own script
        [sys.executable, "-Ic", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "module",
    [
        "colearn_chain",
        "colearn_chain.artefacts",
        "colearn_chain.audit",
        "colearn_chain.chain.artefact",
        "colearn_chain.ml_interface",
        "colearn_chain.rounds",
        "colearn_chain.storage",
        "colearn_chain.weights",
        "colearn_agents.cli",
        "colearn_backends",
    ],
)
def test_an_import_brings_in_nothing_heavy(module: str) -> None:
    """A user who only wants the interface, or the help, pays for no chain library and no ML framework."""
    assert not _modules_after(f"import {module}") & set(HEAVY)


def test_the_commands_help_brings_in_nothing_heavy() -> None:
    """`colearn-chain --help` is there at once."""
    statement = (
        "import sys\n"
        "from colearn_agents.cli import main\n"
        "sys.argv = ['colearn-chain', '--help']\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )
    loaded = _modules_after(statement)
    assert "colearn_agents" in loaded
    assert not loaded & set(HEAVY)


def test_the_probe_sees_a_heavy_import() -> None:
    """The two tests above would notice: a module that is imported shows."""
    assert "matplotlib" in _modules_after("import matplotlib")
