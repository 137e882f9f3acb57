"""Finding a Python for the virtual environment, on machines where one, some or none will do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "find-python"
SHELL = shutil.which("sh") or "/bin/sh"


def _python(folder: Path, name: str, version: tuple[int, int], *, venv: bool = True) -> None:
    """Put a command into the folder that answers the script's questions as that Python would."""
    major, minor = version
    path = folder / name
    path.write_text(
        f"#!{SHELL}\n"
        'case "$2" in\n'
        f'    *print*) echo "{major}.{minor}" ;;\n'
        f"    *version_info*) exit {int(version < (3, 11))} ;;\n"
        f"    *ensurepip*) exit {int(not venv)} ;;\n"
        "esac\n"
    )
    path.chmod(0o755)


def _find(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing but the folder on the PATH."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHON"}
    return subprocess.run(  # noqa: S603 - our own script
        [SHELL, str(SCRIPT)],
        env={**clean, "PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_newest_tested_python_is_taken(tmp_path: Path) -> None:
    """Of several, the newest that the pins were tested with; an untested one is the last resort."""
    for minor in (11, 13, 14):
        _python(tmp_path, f"python3.{minor}", (3, minor))
    assert _find(tmp_path).stdout == "python3.13\n"


def test_a_command_that_is_there_and_does_not_run_is_passed_over(tmp_path: Path) -> None:
    """A pyenv shim for a version that is not selected exits with 127."""
    _python(tmp_path, "python3.11", (3, 11))
    shim = tmp_path / "python3.13"
    shim.write_text(f"#!{SHELL}\nexit 127\n")
    shim.chmod(0o755)
    assert _find(tmp_path).stdout == "python3.11\n"


def test_a_python_without_venv_is_passed_over_when_another_has_it(tmp_path: Path) -> None:
    """The system's Python may lack venv where an older one beside it works."""
    _python(tmp_path, "python3.12", (3, 12), venv=False)
    _python(tmp_path, "python3.11", (3, 11))
    assert _find(tmp_path).stdout == "python3.11\n"


def test_a_missing_venv_is_named_as_the_apt_package(tmp_path: Path) -> None:
    """One sentence that can be followed; `python3` alone is enough to know the version."""
    _python(tmp_path, "python3", (3, 12), venv=False)
    found = _find(tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.count("\n") == 1
    assert "sudo apt install python3.12-venv" in found.stderr


@pytest.mark.parametrize("version", [None, (2, 7), (3, 10)])
def test_no_python_or_one_that_is_too_old(tmp_path: Path, version: tuple[int, int] | None) -> None:
    """Older than 3.11 is as good as none."""
    if version:
        _python(tmp_path, "python3", version)
    found = _find(tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "No Python of version 3.11 or newer" in found.stderr


def test_a_python_asked_for_by_name_is_taken(tmp_path: Path) -> None:
    """PYTHON= overrules the order."""
    for minor in (11, 13):
        _python(tmp_path, f"python3.{minor}", (3, minor))
    assert _find(tmp_path, PYTHON="python3.11").stdout == "python3.11\n"


def test_an_unsuitable_python_asked_for_by_name_is_not_replaced(tmp_path: Path) -> None:
    """Whoever names a Python gets that one, or is told why not, with its version."""
    _python(tmp_path, "python3.13", (3, 13))
    _python(tmp_path, "python3.10", (3, 10))
    found = _find(tmp_path, PYTHON="python3.10")
    assert (found.returncode, found.stdout) == (1, "")
    assert "found: 3.10" in found.stderr
    assert "found: none" in _find(tmp_path, PYTHON="python9").stderr
