"""Each external function of the contract has a tree of its branches, and each leaf of a tree its test.

A leaf is a sentence; its words, capitalised and run together, are the name of its test: "A ballot at the
exact deadline counts" is ``test_ABallotAtTheExactDeadlineCounts``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from colearn_chain.chain.artefact import experiment_artefact

UNIT = Path(__file__).parent / "unit"
TREES = sorted(UNIT.glob("*.tree"))
BRANCH = re.compile(r"(?P<indent>(?:│   |    )*)(?:├── |└── )(?P<text>\S.*)")


def _leaves(tree: Path) -> list[str]:
    """Return the lines below which the tree has none, in their order."""
    title, *lines = tree.read_text(encoding="utf-8").splitlines()
    assert title == tree.stem
    branches = [BRANCH.fullmatch(line) for line in lines]
    assert all(branches), f"{tree.name} has a line that is no branch"
    found = [(len(branch["indent"]), branch["text"]) for branch in branches if branch]
    ends = [*found[1:], (0, "")]
    return [text for (depth, text), (next_depth, _) in zip(found, ends, strict=True) if next_depth <= depth]


def _test_name(leaf: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", leaf.replace("'", ""))
    return "test_" + "".join(word[0].upper() + word[1:] for word in words)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_each_leaf_has_its_test_and_each_test_its_leaf(tree: Path) -> None:
    """A branch that nobody tests, or a test that no branch asks for, is a mistake in one of the two."""
    source = tree.with_suffix(".t.sol").read_text(encoding="utf-8")
    leaves = _leaves(tree)
    assert [_test_name(leaf) for leaf in leaves] == re.findall(r"function (test_\w+)", source)
    assert len(set(leaves)) == len(leaves)


def test_each_external_function_has_its_tree() -> None:
    """What can be called is what has to be thought through, the constructor included."""
    callable_ = {entry.get("name", "constructor") for entry in experiment_artefact().abi if "inputs" in entry}
    events_and_errors = {
        entry["name"] for entry in experiment_artefact().abi if entry["type"] in {"event", "error"}
    }
    missing = callable_ - events_and_errors - {tree.stem for tree in TREES}
    assert not missing


def test_each_test_file_has_its_tree() -> None:
    """No file of unit tests stands beside the trees."""
    files = {path.name.removesuffix(".t.sol") for path in UNIT.glob("*.sol")}
    assert files == {tree.stem for tree in TREES}
