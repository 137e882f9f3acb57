"""Manifest and experiment spec: one form each, and nothing forgiven."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from colearn_chain.artefacts import (
    ExperimentSpec,
    LearnerContext,
    Manifest,
    PrivacyTerms,
    ProposalClaim,
    Score,
    WeightsFile,
    experiment_id,
)
from colearn_chain.errors import InvalidArtefact
from colearn_chain.ml_interface import DiffPrivBudget, DiffPrivConfig, ErrorCodes, TrainingSummary
from colearn_chain.rounds import Rules
from colearn_chain.types import Address, Digest, RoundNumber
from colearn_chain.weights import WeightSchema

CONTRACT = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
PROPOSER = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
PARENT = Digest(bytes(range(32)))

CLAIM = ProposalClaim(experiment_id(31337, CONTRACT), RoundNumber(3), PROPOSER, PARENT)
FILE = WeightsFile(cid="bafkreihwngxzdrltvwga6dxknntbuxsduybithv72fziunoogyxxjmnmzi", size=22)
BUDGET = DiffPrivBudget(target_epsilon=3, target_delta=1e-5, consumed_epsilon=0.1, consumed_delta=1e-5)
MANIFEST = Manifest.of(CLAIM, FILE, TrainingSummary(dp_budget=BUDGET))

RULES = Rules(
    threshold_bps=5001,
    proposal_window=60,
    voting_window=60,
    contribution_window=0,
    min_learners=2,
    max_rounds=20,
    idle_rounds=3,
    start_deadline=0,
    count_proposer=False,
    close_early=False,
)
SPEC = ExperimentSpec(
    name="digits",
    rules=RULES,
    weight_schema=WeightSchema.of({"w": np.zeros((2, 3), np.float32)}),
    score=Score(name="log loss", direction="minimize"),
    classes=("zero", "one"),
    preprocessing="pixels over 16",
    learner={"hidden": [64], "rate": 0.003, "none": None},
    privacy=PrivacyTerms(target_epsilon=3, target_delta=1e-5, max_grad_norm=1, noise_multiplier=1.1),
)


def edited(document: Manifest | ExperimentSpec, path: str, value: Any) -> bytes:
    """A document's canonical JSON with one field replaced, or removed where the value is ``...``."""
    tree = json.loads(document.to_bytes())
    *parents, last = path.split(".")
    node = tree
    for parent in parents:
        node = node[parent]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


# Manifest


def test_manifest_roundtrip() -> None:
    """A manifest is read as it was written, and its summary comes back."""
    assert Manifest.from_bytes(MANIFEST.to_bytes()) == MANIFEST
    summary = MANIFEST.training_summary()
    assert summary is not None
    assert summary.dp_budget == BUDGET
    assert Manifest.of(CLAIM, FILE, None).training_summary() is None
    assert Manifest.of(CLAIM, FILE, TrainingSummary()).training_summary() == TrainingSummary()


def test_manifest_known_bytes() -> None:
    """The canonical form is this one: other implementations can count on it."""
    assert Manifest.of(CLAIM, FILE, None).to_bytes() == (
        b'{"encryption":null,"experiment":"eip155:31337:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",'
        b'"format":"colearn-chain/proposal",'
        b'"parent":"bafybeiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4",'
        b'"proposer":"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359","round":3,"training":null,"version":1,'
        b'"weights":{"cid":"bafkreihwngxzdrltvwga6dxknntbuxsduybithv72fziunoogyxxjmnmzi",'
        b'"file":"weights.safetensors","size":22}}'
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "colearn-chain/experiment"),
        ("version", 2),
        ("version", True),
        ("version", 1.0),
        ("version", "1"),
        ("experiment", "eip155:1"),
        ("experiment", "eip155:01:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("experiment", "eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n"),
        ("round", 0),
        ("round", 2**24 - 2),
        ("round", "3"),
        ("round", True),
        ("round", 3.0),
        ("parent", "0x00"),
        ("parent", None),
        ("proposer", "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        ("weights", None),
        ("weights.file", "../../weights.safetensors"),
        ("weights.file", "weights.safetensors.enc"),
        ("weights.cid", "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"),
        ("weights.size", -1),
        ("weights.size", 2**64),
        ("weights.more", 1),
        ("training.dp_budget.consumed_epsilon", -1.0),
        ("training.dp_budget.consumed_epsilon", "0.1"),
        ("training.dp_budget.consumed_epsilon", float("inf")),
        ("training.dp_budget.consumed_epsilon", ...),
        ("training.accuracy", 1.0),
        ("encryption", {}),
        ("encryption", False),
        ("encryption", ...),
        ("more", 1),
        ("proposer", ...),
    ],
)
def test_manifests_that_are_none(path: str, value: Any) -> None:
    """A field too many, too few, or of another type or range: no manifest."""
    with pytest.raises(InvalidArtefact):
        Manifest.from_bytes(edited(MANIFEST, path, value))


def test_wrong_field_is_named() -> None:
    """The error says where, and which value."""
    with pytest.raises(InvalidArtefact) as caught:
        Manifest.from_bytes(edited(MANIFEST, "weights.size", -1))
    assert (caught.value.subject, caught.value.value) == ("weights.size", -1)
    with pytest.raises(InvalidArtefact) as caught:
        Manifest.from_bytes(edited(MANIFEST, "more", 1))
    assert (caught.value.subject, caught.value.value) == ("more", 1)


def spellings() -> dict[str, bytes]:
    """The manifest's own values, written otherwise."""
    data = MANIFEST.to_bytes()
    tree = json.loads(data)
    return {
        "indented": json.dumps(tree, sort_keys=True, indent=1).encode(),
        "unsorted": json.dumps(dict(reversed(tree.items())), separators=(",", ":")).encode(),
        "newline": data + b"\n",
        "leading-space": b" " + data,
        "byte-order-mark": b"\xef\xbb\xbf" + data,
        "escape": data.replace(b'"round"', b'"\\u0072ound"'),
        "exponent": data.replace(b"0.1", b"1e-1"),
        "integer": data.replace(b"3.0", b"3"),
        "duplicate": data.replace(b'"round":3', b'"round":3,"round":3'),
        "utf-16": data.decode().encode("utf-16"),
        "truncated": data[:-1],
        "twice": data + data,
        "empty": b"",
        "nan": data.replace(b"0.1", b"NaN"),
        "infinite": data.replace(b"0.1", b"1e999"),
        "endless-number": data.replace(b'"round":3', b'"round":' + b"3" * 5000),
        "deep": b"[" * 60_000,
        "surrogate": data.replace(b"eip155", b"\\ud800"),
    }


@pytest.mark.parametrize("spelling", spellings().values(), ids=spellings().keys())
def test_manifest_in_another_spelling(spelling: bytes) -> None:
    """What arrives equals its canonical form byte for byte, or is refused."""
    with pytest.raises(InvalidArtefact):
        Manifest.from_bytes(spelling)


@given(st.data())
def test_random_corruption_of_a_manifest(data: st.DataObject) -> None:
    """Whatever bytes change, the manifest is refused, or is another one in canonical form."""
    damaged = bytearray(MANIFEST.to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Manifest.from_bytes(bytes(damaged))
    except InvalidArtefact:
        return
    assert found.to_bytes() == bytes(damaged)


@pytest.mark.parametrize("key", ["x\n2026-01-01 round 7: accepted\x1b[2J", "x" * 50_000, "\u202egpj"])
def test_a_manifests_key_cannot_forge_a_log_line(key: str) -> None:
    """What a stranger calls a field is escaped and cut wherever it is said."""
    doubled = json.dumps({key: 1}).replace("}", "," + json.dumps({key: 1})[1:]).encode()
    for data in (edited(MANIFEST, key, 1), doubled):
        with pytest.raises(InvalidArtefact) as caught:
            Manifest.from_bytes(data)
        said = str(caught.value), caught.value.subject
        assert all(text.isprintable() and len(text) < 300 for text in said)


def test_manifest_too_long() -> None:
    """More than 64 KiB are not even parsed."""
    with pytest.raises(InvalidArtefact, match="65537 bytes"):
        Manifest.from_bytes(b" " * (64 * 1024 + 1))


def test_honest_claim() -> None:
    """A manifest that says what the chain says is accepted."""
    MANIFEST.check_claim(CLAIM)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("experiment", experiment_id(1, CONTRACT)),
        ("experiment", experiment_id(31337, PROPOSER)),
        ("round", RoundNumber(4)),
        ("proposer", CONTRACT),
        ("parent", Digest(bytes(32))),
    ],
)
def test_manifest_of_another_proposal(field: str, value: Any) -> None:
    """A manifest of another chain, contract, round, proposer or parent is not this proposal's."""
    with pytest.raises(InvalidArtefact) as caught:
        MANIFEST.check_claim(dataclasses.replace(CLAIM, **{field: value}))
    assert caught.value.subject == field
    assert caught.value.value == getattr(MANIFEST, field)


@pytest.mark.parametrize(
    "claim",
    [
        dataclasses.replace(CLAIM, experiment="digits"),
        dataclasses.replace(CLAIM, round=RoundNumber(0)),
        dataclasses.replace(CLAIM, proposer=Address("0x12")),
        dataclasses.replace(CLAIM, parent=Digest(b"")),
    ],
    ids=["experiment", "round", "proposer", "parent"],
)
def test_claims_that_no_manifest_can_make(claim: ProposalClaim) -> None:
    """A manifest that peers would refuse is not written."""
    with pytest.raises(InvalidArtefact):
        Manifest.of(claim, FILE, None)


def test_infinite_privacy_budget() -> None:
    """JSON has no infinity: a budget without bound cannot be stated, and null would say something else."""
    endless = BUDGET.model_copy(update={"target_epsilon": float("inf")})
    with pytest.raises(InvalidArtefact):
        Manifest.of(CLAIM, FILE, TrainingSummary(dp_budget=endless))


def test_error_code_does_not_travel() -> None:
    """Why a learner did not train is nothing that goes with weights."""
    summary = TrainingSummary(error_code=ErrorCodes.DP_BUDGET_EXCEEDED)
    assert Manifest.of(CLAIM, FILE, summary) == Manifest.of(CLAIM, FILE, TrainingSummary())


# Experiment spec


def test_spec_roundtrip() -> None:
    """A spec is read as it was written."""
    assert ExperimentSpec.from_bytes(SPEC.to_bytes()) == SPEC


def test_spec_speaks_the_projects_types() -> None:
    """The rules are the contract's, the privacy terms those of the learner interface."""
    found = ExperimentSpec.from_bytes(SPEC.to_bytes())
    assert found.rules == RULES
    assert found.privacy is not None
    assert DiffPrivConfig(**found.privacy.model_dump()).noise_multiplier == 1.1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "colearn-chain/proposal"),
        ("version", 2),
        ("name", ""),
        ("name", "x" * 201),
        ("rules.threshold_bps", 0),
        ("rules.threshold_bps", 10_001),
        ("rules.proposal_window", 0),
        ("rules.proposal_window", 30 * 86_400 + 1),
        ("rules.voting_window", 0),
        ("rules.contribution_window", 60),
        ("rules.min_learners", 1),
        ("rules.min_learners", 65),
        ("rules.max_rounds", 0),
        ("rules.max_rounds", 2**24 - 2),
        ("rules.idle_rounds", 0),
        ("rules.idle_rounds", 33),
        ("rules.start_deadline", -1),
        ("rules.start_deadline", 2**40),
        ("rules.count_proposer", 0),
        ("rules.close_early", "no"),
        ("rules.threshold_bps", 5001.0),
        ("rules.threshold_bps", True),
        ("rules.more", 1),
        ("rules.close_early", ...),
        ("weight_schema.tensors.w.dtype", "BF16"),
        ("weight_schema.tensors.w.shape", [None]),
        ("weight_schema.more", 1),
        ("score.direction", "up"),
        ("score.name", ""),
        ("classes", "zero"),
        ("classes", [0]),
        ("preprocessing", None),
        ("learner", []),
        ("learner", {"rate": float("nan")}),
        ("privacy.target_epsilon", 0.0),
        ("privacy.target_delta", 1.0),
        ("privacy.noise_multiplier", ...),
        ("more", 1),
        ("learner", ...),
    ],
)
def test_specs_that_are_none(path: str, value: Any) -> None:
    """A rule out of the contract's range, a schema that is none, any other field or type: no spec."""
    with pytest.raises(InvalidArtefact):
        ExperimentSpec.from_bytes(edited(SPEC, path, value))


def test_rule_out_of_range_is_named() -> None:
    """The error names the rule and its range."""
    with pytest.raises(InvalidArtefact, match=r"minLearners 1 is not in 2\.\.64"):
        ExperimentSpec.from_bytes(edited(SPEC, "rules.min_learners", 1))
    with pytest.raises(ValidationError, match=r"minLearners 1 is not in 2\.\.64"):
        ExperimentSpec(
            name="x",
            rules=dataclasses.replace(RULES, min_learners=1),
            weight_schema=SPEC.weight_schema,
            score=SPEC.score,
        )


def test_free_values_without_end() -> None:
    """The learner table may hold anything that JSON has, within the document's size and a sane depth."""
    big = SPEC.model_copy(update={"learner": {"x": "y" * ExperimentSpec.MOST_BYTES}})
    with pytest.raises(InvalidArtefact, match="are allowed"):
        big.to_bytes()
    deep = SPEC.to_bytes().replace(b'"none":null', b'"none":' + b"[" * 50_000 + b"]" * 50_000)
    with pytest.raises(InvalidArtefact):
        ExperimentSpec.from_bytes(deep)
    infinite = SPEC.model_copy(update={"learner": {"x": float("inf")}})
    with pytest.raises(InvalidArtefact, match="cannot be written"):
        infinite.to_bytes()


def test_learner_context_is_one_frozen_argument() -> None:
    """Every factory gets the same five things, and no factory can change them for another."""
    context = LearnerContext(index=0, count=5, seed=1, spec=SPEC, arguments={"data": "here"})
    names = [field.name for field in dataclasses.fields(context)]
    assert names == ["index", "count", "seed", "spec", "arguments"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.index = 1  # type: ignore[misc]
