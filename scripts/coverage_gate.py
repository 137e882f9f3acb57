"""Fail when a line or a branch of the contract is not covered.

.venv/bin/python scripts/coverage_gate.py LCOV

LCOV is what ``forge coverage --report lcov`` wrote. Every source under contracts/ has to be in it: a source
that no test reaches is left out of the report, and would otherwise count as covered.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def uncovered(report: str) -> dict[str, list[str]]:
    """Return by source what was never run: lines as ``line 12``, branches as ``branch 1 of line 12``.

    The format is that of lcov's geninfo: ``SF:source``, ``DA:line,hits``, ``BRDA:line,block,branch,hits``.
    """
    missed: dict[str, list[str]] = {}
    source = ""
    for record in report.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            source = rest
            missed[source] = []
        elif kind == "DA" and rest.split(",")[1] == "0":
            missed[source].append(f"line {rest.split(',')[0]}")
        elif kind == "BRDA" and rest.split(",")[3] in {"-", "0"}:
            line, _, branch, _ = rest.split(",")
            missed[source].append(f"branch {branch} of line {line}")
    return missed


def sources_with_code() -> set[str]:
    """Return the contract's sources by their paths from the root; an interface has nothing to run."""
    paths = (path.relative_to(ROOT).as_posix() for path in (ROOT / "contracts").rglob("*.sol"))
    return {path for path in paths if "/interfaces/" not in path}


def main() -> int:
    """Print what is missing; returns the exit status."""
    missed = uncovered(Path(sys.argv[1]).read_text(encoding="utf-8"))
    complaints = [f"{source}: {what}" for source, all_missed in missed.items() for what in all_missed]
    complaints += [f"{source}: not in the report" for source in sorted(sources_with_code() - missed.keys())]
    print(*complaints, sep="\n", end="\n" if complaints else "", file=sys.stderr)
    print(f"coverage of contracts/: {len(missed)} sources, {len(complaints)} lines or branches missed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
