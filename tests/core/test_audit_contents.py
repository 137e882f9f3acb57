"""Audits that look into proposals: what is gone, what is malformed, and what was claimed of privacy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from colearn_chain.artefacts import ExperimentSpec, PrivacyBudget, PrivacyTerms, Score
from colearn_chain.audit import Content, Contents, Evidence, Finding, Kind, Outcome, Report, State, audit
from colearn_chain.rounds import Ballot, Call, Rules, fold
from colearn_chain.testing.cards import RELEASE, card_for, deployed, history_of
from colearn_chain.types import Address, Digest, RoundNumber, Timestamp
from colearn_chain.weights import WeightSchema

SPEC, MODEL = Digest(b"\x01" * 32), Digest(b"\x02" * 32)
ANN, BOB = (Address("0x" + digits * 20) for digits in ("12", "34"))
RULES = Rules(
    threshold_bps=5001,
    proposal_window=100,
    voting_window=50,
    contribution_window=0,
    min_learners=2,
    max_rounds=80,
    idle_rounds=1,
    start_deadline=0,
    count_proposer=False,
    close_early=False,
)
CARD = card_for(RULES, SPEC)
DEPLOYMENT = CARD.deployment([RELEASE])
TERMS = PrivacyTerms(target_epsilon=2.0, target_delta=1e-5, max_grad_norm=1.0, noise_multiplier=1.0)
DOCUMENT = ExperimentSpec(
    name="audited",
    rules=RULES,
    weight_schema=WeightSchema.of({"w": np.zeros(3, np.float32)}),
    score=Score(name="accuracy", direction="maximize"),
)


def played() -> Any:
    """Rounds 1 and 2 accepted, 3 and 4 rejected; Ann and Bob propose by turns."""
    now = Timestamp(1_000)
    experiment = deployed(DEPLOYMENT).invite(Call(DEPLOYMENT.organizer, now), [ANN, BOB])
    for learner in (ANN, BOB):
        experiment = experiment.join(Call(learner, now), bytes(32))
    experiment = experiment.start(Call(DEPLOYMENT.organizer, now))
    turns = [(ANN, BOB), (BOB, ANN), (ANN, BOB), (BOB, ANN)]
    for number, (proposer, voter) in enumerate(turns, start=1):
        ballot = Ballot.APPROVE if number < 3 else Ballot.REJECT
        experiment = experiment.propose(Call(proposer, now), RoundNumber(number), MODEL)
        experiment = experiment.cast_ballot(Call(voter, now), RoundNumber(number), MODEL, ballot)
    return experiment


HISTORY = history_of(played(), DEPLOYMENT)
ROUNDS = fold(HISTORY)


def report_of(contents: Contents) -> Report:
    """The audit of the history with these contents."""
    return audit(
        Evidence(
            card=CARD,
            releases=(RELEASE,),
            history=HISTORY,
            trusted_hash=HISTORY.history_hash,
            contents=contents,
        )
    )


def about(report: Report, subject: str) -> list[Finding]:
    """The findings about something."""
    return [each for each in report.findings if each.subject == subject]


def valid(*spent: float | None) -> tuple[Content, ...]:
    """All proposals as they should be, with the epsilon that each claims."""
    return tuple(
        Content(closed, State.VALID, budget=None if epsilon is None else budget(epsilon))
        for closed, epsilon in zip(ROUNDS, spent, strict=True)
    )


def budget(epsilon: float, delta: float = 1e-5) -> PrivacyBudget:
    """A claim."""
    return PrivacyBudget(
        target_epsilon=2.0, target_delta=1e-5, consumed_epsilon=epsilon, consumed_delta=delta
    )


def test_contents_that_are_as_they_should_be() -> None:
    """Spec and proposals are told of in one line each."""
    report = report_of(Contents(DOCUMENT, proposals=valid(None, None, None, None)))
    assert report.outcome is Outcome.RIGHT
    assert [each.kind for each in about(report, "spec")] == [Kind.CHECKED]
    assert about(report, "proposals")[0].text.startswith("4 of 4 proposals")


def test_a_store_without_the_spec() -> None:
    """Proposals have to fit its schema, so they cannot be checked either."""
    report = report_of(Contents(None, "the store does not have it"))
    assert report.outcome is Outcome.INCOMPLETE
    assert "does not have it" in about(report, "spec")[0].text


def test_a_spec_under_other_rules() -> None:
    """What was agreed on in words is not what the contract enforces."""
    spec = DOCUMENT.model_copy(update={"rules": replace(RULES, threshold_bps=1)})
    assert about(report_of(Contents(spec)), "spec")[0].kind is Kind.WRONG


def test_proposals_that_are_gone() -> None:
    """They are listed; the audit is incomplete, and nobody is blamed."""
    gone = [Content(ROUNDS[at], State.GONE, "nobody keeps it") for at in (0, 2, 3)]
    proposals = (gone[0], valid(None, None, None, None)[1], *gone[1:])
    report = report_of(Contents(DOCUMENT, proposals=proposals))
    assert report.outcome is Outcome.INCOMPLETE
    assert [(each.kind, each.text) for each in about(report, "proposals")] == [
        (Kind.UNCHECKED, "3 of 4 proposals (rounds 1 and 3 to 4) are gone: nobody keeps it"),
        (Kind.CHECKED, about(report, "proposals")[1].text),
    ]
    assert about(report, "proposals")[1].text.startswith("1 of 4 proposals")


def test_weights_that_were_let_go_of() -> None:
    """They are listed, and nothing is missing: what their manifests say is proven."""
    kept = [replace(content, state=State.LET_GO) for content in valid(0.5, 0.5, 0.4, 0.5)]
    report = report_of(Contents(DOCUMENT, proposals=tuple(kept)))
    (finding,) = about(report, "proposals")
    assert (finding.kind, "4 of 4 proposals (rounds 1 to 4)" in finding.text) == (Kind.NOTED, True)
    assert [each.subject for each in report.findings if each.kind is Kind.WRONG] == ["round 3: privacy"]
    fallen = replace(kept[2], budget=budget(0.6))
    honest = report_of(Contents(DOCUMENT, proposals=(*kept[:2], fallen, kept[3])))
    assert honest.outcome is Outcome.RIGHT


@pytest.mark.parametrize(("number", "kind"), [(1, Kind.WRONG), (3, Kind.NOTED)])
def test_a_malformed_proposal(number: int, kind: Kind) -> None:
    """That one was accepted is wrong; that one was refused is how it should be."""
    proposals = list(valid(None, None, None, None))
    proposals[number - 1] = Content(ROUNDS[number - 1], State.INVALID, "NaN in w")
    report = report_of(Contents(DOCUMENT, proposals=tuple(proposals)))
    (finding,) = about(report, f"round {number}: proposal")
    assert (finding.kind, "NaN in w" in finding.text) == (kind, True)


def test_a_privacy_budget_that_comes_back() -> None:
    """Ann claims 1.5 in round 1 and 0.5 in round 3; Bob's claims grow."""
    report = report_of(Contents(DOCUMENT, proposals=valid(1.5, 0.1, 0.5, 0.2)))
    assert [each.subject for each in report.findings if each.kind is Kind.WRONG] == ["round 3: privacy"]


def test_a_privacy_budget_that_comes_back_bit_by_bit() -> None:
    """What was once spent is the measure, not what was claimed last."""
    spent = [(0, 1.5), (2, 0.5), (2, 1.0)]
    proposals = tuple(Content(ROUNDS[at], State.VALID, budget=budget(epsilon)) for at, epsilon in spent)
    told = [each.text for each in report_of(Contents(DOCUMENT, proposals=proposals)).of_kind(Kind.WRONG)]
    assert [text.partition(" claims ")[2].partition(":")[0] for text in told] == [
        "epsilon 0.5 after it claimed 1.5",
        "epsilon 1 after it claimed 1.5",
    ]


def test_privacy_terms_are_held_to() -> None:
    """Each learner's latest claim against the spec's epsilon; rounding of sums is forgiven."""
    spec = DOCUMENT.model_copy(update={"privacy": TERMS})
    report = report_of(Contents(spec, proposals=valid(1.0, 1.0, 2.0 + 1e-12, 2.5)))
    assert [each.kind for each in about(report, "privacy")] == [Kind.CHECKED, Kind.WRONG]
    assert BOB in about(report, "privacy")[1].text


def test_an_epsilon_at_another_delta() -> None:
    """The larger the delta, the smaller the epsilon that can be claimed: it compares with nothing."""
    spec = DOCUMENT.model_copy(update={"privacy": TERMS})
    loose = Content(ROUNDS[3], State.VALID, budget=budget(1.0, 0.1))
    report = report_of(Contents(spec, proposals=(*valid(1.0, 1.0, 1.0, 1.0)[:3], loose)))
    (finding,) = [each for each in report.findings if each.kind is Kind.WRONG]
    assert BOB in finding.text
    assert "delta 0.1" in finding.text


@pytest.mark.parametrize(
    ("spent", "said"), [((1.0, None, 2.0, None), "rounds 2 and 4"), ((1.0, 1.0, 2.0, None), "round 4")]
)
def test_a_learner_that_claims_nothing_under_privacy_terms(
    spent: tuple[float | None, ...], said: str
) -> None:
    """The spec asks for a budget, so silence is wrong; so is falling silent once much was spent."""
    spec = DOCUMENT.model_copy(update={"privacy": TERMS})
    report = report_of(Contents(spec, proposals=valid(*spent)))
    (finding,) = [each for each in report.findings if each.kind is Kind.WRONG]
    assert finding.text == f"{BOB} claims no privacy budget in {said}; the spec asks for one"
