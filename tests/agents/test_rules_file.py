"""Files of rules: what they give, and which line is named when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_agents.experiments.rules_file import EXAMPLE, Plan, read_rules
from colearn_chain.errors import ConfigError
from colearn_chain.rounds import Rules
from colearn_chain.weights import TensorSchema, WeightSchema

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000
SHORT = """\
name = "digits"
[score]
name = "loss"
direction = "minimize"
[rules]
proposal_window = 60
voting_window = "1h"
min_learners = 2
max_rounds = 7
"""
ALICE, BOB = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


def read(folder: Path, text: str) -> Plan:
    """Write a file and read it."""
    (folder / "rules.toml").write_text(text)
    return read_rules(folder / "rules.toml", now=NOW)


def test_what_may_be_left_out(tmp_path: Path) -> None:
    """More than half of the voters, three misses, a day until anyone may start, nothing special."""
    plan = read(tmp_path, SHORT)
    assert plan.rules == Rules(
        threshold_bps=5001,
        proposal_window=60,
        voting_window=3600,
        contribution_window=0,
        min_learners=2,
        max_rounds=7,
        idle_rounds=3,
        start_deadline=NOW + 86_400,
        count_proposer=False,
        close_early=False,
    )
    assert (plan.learner, plan.invite, plan.file.privacy) == ({}, (), None)


def test_everything_becomes_part_of_the_spec(tmp_path: Path) -> None:
    """Name, score, classes, preprocessing, the learner's table, privacy terms and rules."""
    first = f'classes = ["a", "b"]\npreprocessing = "none"\ninvite = ["{ALICE.lower()}", "{BOB}"]\n'
    last = (
        "[learner]\nepochs = 2\n[privacy]\ntarget_epsilon = 8\ntarget_delta = 1e-5\n"
        "max_grad_norm = 1\nnoise_multiplier = 1.1\n"
    )
    plan = read(tmp_path, first + SHORT + last)
    schema = WeightSchema(tensors={"w": TensorSchema(dtype="F32", shape=(2,))})
    spec = plan.spec(schema)
    assert (spec.name, spec.score.direction, spec.classes) == ("digits", "minimize", ("a", "b"))
    assert (spec.preprocessing, spec.learner, spec.rules) == ("none", {"epochs": 2}, plan.rules)
    assert spec.privacy is not None
    assert spec.privacy.noise_multiplier == 1.1
    assert spec.weight_schema == schema
    assert plan.invite == (ALICE, BOB)
    spec.to_bytes()


@given(number=st.integers(1, 30), unit=st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]))
def test_spans_of_time(tmp_path_factory: pytest.TempPathFactory, number: int, unit: tuple[str, int]) -> None:
    """With a unit or in seconds, they are the same."""
    folder, (letter, seconds) = tmp_path_factory.getbasetemp(), unit
    for written in (f'"{number}{letter}"', f'" {number} {letter} "', str(number * seconds)):
        plan = read(folder, SHORT.replace("= 60", f"= {written}"))
        assert plan.rules.proposal_window == number * seconds


@pytest.mark.parametrize(
    ("written", "deadline"),
    [
        ('"2h"', NOW + 7200),
        ("0", NOW),
        ("2027-01-15T08:00:05Z", NOW + 5),
        ("2027-01-15T09:00:05+01:00", NOW + 5),
        ("2020-01-01T00:00:00Z", 1_577_836_800),
    ],
)
def test_a_start_deadline(tmp_path: Path, written: str, deadline: int) -> None:
    """A span from now, or a time with its zone; one that is past lets anyone start at once."""
    assert read(tmp_path, f"{SHORT}start_deadline = {written}\n").rules.start_deadline == deadline


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("proposal_windov = 60", "line 10: rules.proposal_windov: is not known here; known are close_early"),
        ('proposal_window = "1w"', "line 6: rules.proposal_window: a span of time is seconds, or written"),
        ("proposal_window = -1", "line 6: rules.proposal_window: a span of time is"),
        ("proposal_window = true", "line 6: rules.proposal_window: a span of time is"),
        ("proposal_window = 1.5", "line 6: rules.proposal_window: a span of time is"),
        ("proposal_window = 0", "line 6: rules.proposal_window: 0 is not from 1 to 2,592,000"),
        ('voting_window = "31d"', "line 7: rules.voting_window: 2,678,400 is not from"),
        ("min_learners = 1", "line 8: rules.min_learners: 1 is not from 2 to 64"),
        ("max_rounds = 16777214", "line 9: rules.max_rounds: 16,777,214 is not from 1 to 16,777,213"),
        ("threshold_bps = 10001", "line 10: rules.threshold_bps: 10,001 is not from 1 to 10,000"),
        ("idle_rounds = 33", "line 10: rules.idle_rounds: 33 is not from 1 to 32"),
        ("count_proposer = 1", "line 10: rules.count_proposer: input should be a valid boolean"),
        ("contribution_window = 30", "line 10: rules.contribution_window: rounds in which all learners'"),
        ("start_deadline = 2027-01-15", "line 10: rules.start_deadline: a time needs its zone"),
        ("start_deadline = 08:00:00", "line 10: rules.start_deadline: a span of time is"),
        ("start_deadline = 1960-01-01T00:00:00Z", "line 10: rules.start_deadline: no chain's clock"),
        ('start_deadline = "99999999d"', "line 10: rules.start_deadline: no chain's clock"),
    ],
)
def test_a_rule_that_is_wrong(tmp_path: Path, line: str, says: str) -> None:
    """File, line and key are named, in one sentence."""
    key = line.partition(" ")[0]
    kept = [each for each in SHORT.splitlines() if not each.startswith(f"{key} ")]
    position = next((n for n, each in enumerate(SHORT.splitlines()) if each.startswith(f"{key} ")), len(kept))
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, "\n".join([*kept[:position], line, *kept[position:]]) + "\n")
    assert f"rules.toml, {says}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('invite = ["0x12"]', "line 1: invite[0]: '0x12' is no address"),
        (f'invite = ["{ALICE}", "{ALICE.lower()}"]', f"line 1: invite[1]: {ALICE} stands here twice"),
        (f'invite = "{ALICE}"', "line 1: invite: is a list: [...]"),
        ("invite = [5]", "line 1: invite[0]: input should be a valid string"),
        ('classes = "a"', "line 1: classes: is a list"),
        ("learner = { a = nan }", "line 1: learner.a: cannot be handed on as JSON"),
        ("learner = { a = { b = [1, inf] } }", "line 1: learner.a: cannot be handed on as JSON"),
        ("learner = { a = 2026-01-01 }", "line 1: learner.a: input was not a valid JSON value"),
        ("privacy = { target_epsilon = 0 }", "line 1: privacy.target_epsilon: input should be greater"),
        ("privacy = { target_epsilon = 8 }", "line 1: privacy.target_delta: is missing"),
        ("scores = 5", "line 1: scores: is not known here; known are classes, invite, learner, name"),
    ],
)
def test_something_else_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    """It is named as rules are."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f"{text}\n{SHORT}")
    assert says in str(refused.value)


def test_what_is_missing(tmp_path: Path) -> None:
    """It is said where it would belong."""
    with pytest.raises(ConfigError, match=r"line 5: rules\.max_rounds: is missing"):
        read(tmp_path, SHORT.replace("max_rounds = 7\n", ""))
    with pytest.raises(ConfigError, match=r"rules\.toml: score: is missing"):
        read(tmp_path, 'name = "x"\n[rules]\nproposal_window = 1\n')


def test_the_example_lists_every_key(tmp_path: Path) -> None:
    """Whatever may stand in such a file stands in the example, if only in a comment."""
    from colearn_agents.experiments.rules_file import RulesFile, RulesTable  # noqa: PLC0415 - for this test alone
    from colearn_chain.artefacts import PrivacyTerms  # noqa: PLC0415 - likewise

    for model in (RulesFile, RulesTable, PrivacyTerms):
        for key in model.model_fields:
            assert f"{key} = " in EXAMPLE or f"[{key}]" in EXAMPLE, key
    assert read(tmp_path, EXAMPLE).file.name == "Handwritten digits"
