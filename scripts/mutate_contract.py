"""Make one small mistake in the contract after another and see whether its tests notice.

.venv/bin/python scripts/mutate_contract.py            # writes docs/mutations.md
.venv/bin/python scripts/mutate_contract.py seat walk  # only those with these words in their names; no report

The mistakes stand in scripts/mutations.toml. Each is made in a copy of the project below .cache/, which is
compiled the quick way and tested with forge until the first test fails. Set up by
``sh scripts/setup-contracts``; takes a quarter of an hour. Exit status 1 when a mutant survives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / ".cache" / "mutants"
REPORT = ROOT / "docs" / "mutations.md"

TESTS = ["forge", "test", "--fail-fast", "--no-match-path", "tests/contracts/{gas,symbolic}/**"]
# This one holds for optimized code.
TESTS += ["--no-match-test", "LongestWalk"]
LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Mutation:
    """A mistake: in ``file`` below contracts/, ``find`` becomes ``replace``."""

    name: str
    find: str
    replace: str
    file: str = "Experiment.sol"

    def apply(self, source: str) -> str:
        """Return the source with the mistake in it.

        Raises:
            SystemExit: ``find`` does not stand there exactly once.
        """
        pattern = r"\s+".join(re.escape(word) for word in self.find.split())
        mutant, count = re.subn(pattern, lambda _: self.replace, source)
        if count != 1:
            sys.exit(f"mutation {self.name!r}: its text stands in {self.file} {count} times")
        return mutant


def read_mutations(words: list[str]) -> list[Mutation]:
    """Return the mutations whose names have one of the words in them; all, if no words are given."""
    text = (ROOT / "scripts" / "mutations.toml").read_text(encoding="utf-8")
    mutations = [Mutation(**entry) for entry in tomllib.loads(text)["mutation"]]
    return [one for one in mutations if not words or any(word in one.name for word in words)]


def prepare_copy() -> None:
    """Copy what forge needs; what it compiled the last time stays, so that only mutants are compiled."""
    COPY.mkdir(parents=True, exist_ok=True)
    for name in ("contracts", "tests/contracts", "tools"):
        shutil.rmtree(COPY / name, ignore_errors=True)
        shutil.copytree(ROOT / name, COPY / name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(ROOT / "foundry.toml", COPY)
    if not (COPY / "node_modules").exists():
        (COPY / "node_modules").symlink_to(ROOT / "node_modules")


def run_tests() -> subprocess.CompletedProcess[str]:
    """Compile and test the copy."""
    commands = [ROOT / ".venv" / "bin", ROOT / "node_modules" / ".bin"]
    path = os.pathsep.join([*map(str, commands), os.environ.get("PATH", os.defpath)])
    # The contract as the profile coverage compiles it: without the optimizer, in two seconds.
    return subprocess.run(  # noqa: S603 - forge, with fixed arguments
        TESTS,
        cwd=COPY,
        env={**os.environ, "PATH": path, "FOUNDRY_PROFILE": "coverage", "FOUNDRY_FUZZ_RUNS": "64"},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )


def killer(mutation: Mutation) -> str:
    """Return the test that noticed the mistake: ``suite: test``; empty if none did.

    Raises:
        SystemExit: the mutant does not compile, so it says nothing about the tests.
    """
    place = COPY / "contracts" / mutation.file
    original = (ROOT / "contracts" / mutation.file).read_text(encoding="utf-8")
    place.write_text(mutation.apply(original), encoding="utf-8")
    try:
        done = run_tests()
    finally:
        place.write_text(original, encoding="utf-8")
    if "Compiler run failed" in done.stdout + done.stderr:
        sys.exit(f"mutation {mutation.name!r} does not compile:\n{done.stdout}{done.stderr}")
    if not done.returncode:
        return ""
    suites = re.split(r"^Ran \d+ tests? for \S+:(\w+)$", done.stdout, flags=re.MULTILINE)
    for suite, output in zip(suites[1::2], suites[2::2], strict=True):
        # The name comes after the reason, and after the calls that led there if a random sequence did.
        if found := re.search(r"\[FAIL.*?\b((?:test|invariant)\w*_\w+|setUp)\(", output, re.DOTALL):
            return f"{suite}: {found[1]}"
    return f"exit status {done.returncode}"


def write_report(results: list[tuple[Mutation, str]]) -> None:
    """Write docs/mutations.md."""
    killed = sum(1 for _, by in results if by)
    rows = [
        f"| {mutation.name} | `{mutation.file}` | {f'`{by}`' if by else '**survived**'} |"
        for mutation, by in results
    ]
    text = f"""# Mutations of the contract

Each of these mistakes was made in a copy of `contracts/`, and the tests of `tests/contracts/` were run until
one failed (unit, fuzz, differential and invariant tests; not the proofs, not the gas snapshot).
**{killed} of {len(results)} were noticed.** The mistakes themselves stand in `scripts/mutations.toml`. This
report is made by `scripts/mutate_contract.py`, by hand after a change of the contract or its tests; it is not
part of CI.

| mistake | in | noticed first by |
|---|---|---|
"""
    REPORT.write_text(text + "\n".join(rows) + "\n", encoding="utf-8")


def main() -> int:
    """Run the mutations; returns the exit status."""
    words = sys.argv[1:]
    mutations = read_mutations(words)
    prepare_copy()
    if run_tests().returncode:
        sys.exit("the tests fail without any mutation: mend that first")
    results: list[tuple[Mutation, str]] = []
    for mutation in mutations:
        by = killer(mutation)
        print(f"{'killed' if by else 'SURVIVED':8} {mutation.name}  {by}", flush=True)
        results.append((mutation, by))
    if not words:
        write_report(results)
    return 0 if all(by for _, by in results) else 1


if __name__ == "__main__":
    sys.exit(main())
