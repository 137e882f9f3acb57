"""What the proposals themselves say, as far as their bytes are still to be had."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from colearn_chain.audit.findings import checked, noted, unchecked, wrong
from colearn_chain.audit.numbers import rounds_in_words
from colearn_chain.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from colearn_chain.artefacts import ExperimentSpec, PrivacyBudget, PrivacyTerms
    from colearn_chain.artefacts.card import Deployment
    from colearn_chain.audit.findings import Finding
    from colearn_chain.rounds import ClosedRound
    from colearn_chain.types import Address

SLACK = 1e-9
"""Relative: budgets are sums of floats."""


class State(Enum):
    """What became of an artefact."""

    VALID = auto()
    """Its bytes have the digest on chain, fit the schema and name experiment, round, proposer and parent."""
    LET_GO = auto()
    """Its weights are kept no more; its manifest leads to the digest on chain, and names all that too."""
    GONE = auto()
    """It could not be fetched."""
    INVALID = auto()
    """Its bytes have the digest on chain, and are not what they must be."""


@dataclass(frozen=True)
class Content:
    """A proposal, as it was fetched from a store.

    Attributes:
        closed: the round in which it was proposed.
        state: what became of it.
        reason: why it is gone or invalid, in words.
        budget: what its manifest claims of privacy; None: nothing.
    """

    closed: ClosedRound
    state: State
    reason: str = ""
    budget: PrivacyBudget | None = None


@dataclass(frozen=True)
class Contents:
    """All that was fetched.

    Attributes:
        spec: the experiment's; None: it could not be had.
        reason: why not, in words.
        proposals: in the order of their rounds; empty without a spec, whose schema they have to fit.
    """

    spec: ExperimentSpec | None
    reason: str = ""
    proposals: tuple[Content, ...] = ()


def check_contents(
    contents: Contents, deployment: Deployment, name: Callable[[Address], str]
) -> Iterator[Finding]:
    """Say what holds of spec and proposals.

    Args:
        contents: as fetched.
        deployment: what follows from the card.
        name: what to call a learner.
    """
    if contents.spec is None:
        yield unchecked("spec", f"neither spec nor proposals could be read: {contents.reason}")
        return
    if contents.spec.rules == deployment.rules:
        yield checked("spec", "the spec has the digest on chain and names the contract's rules")
    else:
        yield wrong("spec", "the spec names other rules than the contract has")
    yield from _fates(contents.proposals)
    kept = [content for content in contents.proposals if content.state in {State.VALID, State.LET_GO}]
    yield from _budgets(kept, contents.spec, name)


def _fates(proposals: Sequence[Content]) -> Iterator[Finding]:
    by_state = {state: [content for content in proposals if content.state is state] for state in State}
    for content in by_state[State.INVALID]:
        yield _malformed(content)
    if gone := by_state[State.GONE]:
        yield unchecked("proposals", f"{_of(gone, proposals)} are gone: {gone[0].reason}")
    if let_go := by_state[State.LET_GO]:
        yield noted(
            "proposals",
            f"the weights of {_of(let_go, proposals)} are kept no more; what their manifests say is what the "
            "digests on chain commit to",
        )
    if valid := by_state[State.VALID]:
        yield checked(
            "proposals",
            f"{len(valid)} of {len(proposals)} proposals have the digest on chain, fit the schema "
            "and name experiment, round, proposer and parent",
        )


def _of(some: Sequence[Content], proposals: Sequence[Content]) -> str:
    numbers = rounds_in_words(content.closed.number for content in some)
    return f"{len(some)} of {len(proposals)} proposals ({numbers})"


def _malformed(content: Content) -> Finding:
    number, status = content.closed.number, content.closed.round.status
    say = wrong if status is Status.ACCEPTED else noted
    return say(
        f"round {number}: proposal",
        f"round {number}'s proposal, {status.name.lower()}, is malformed: {content.reason}",
    )


def _budgets(
    kept: Iterable[Content], spec: ExperimentSpec, name: Callable[[Address], str]
) -> Iterator[Finding]:
    """Each learner's claims in order: what is spent stays spent, and stays within the spec's terms."""
    claims: defaultdict[Address, list[Content]] = defaultdict(list)
    for content in kept:
        claims[content.closed.proposer].append(content)
    for learner, claimed in sorted(claims.items()):
        yield from _falls(claimed, name(learner))
        if spec.privacy is not None:
            yield _held_to(spec.privacy, claimed, name(learner))


def _falls(claimed: Iterable[Content], learner: str) -> Iterator[Finding]:
    """Where a learner claims to have spent less than it claimed before."""
    most = 0.0
    for content in claimed:
        if content.budget is None:
            continue
        spent = content.budget.consumed_epsilon
        if spent < most * (1 - SLACK):
            yield wrong(
                f"round {content.closed.number}: privacy",
                f"{learner} claims epsilon {spent:g} after it claimed {most:g}: "
                "what is spent cannot come back",
            )
        most = max(most, spent)


def _held_to(terms: PrivacyTerms, claimed: Sequence[Content], learner: str) -> Finding:
    """A learner's latest claim against the terms; every proposal has to make one."""
    claims = [content.budget for content in claimed if content.budget is not None]
    if len(claims) < len(claimed):
        silent = rounds_in_words(content.closed.number for content in claimed if content.budget is None)
        return wrong("privacy", f"{learner} claims no privacy budget in {silent}; the spec asks for one")
    latest = claims[-1]
    claim = f"{learner} claims epsilon {latest.consumed_epsilon:g} at delta {latest.consumed_delta:g}"
    allowed = f"epsilon {terms.target_epsilon:g} at delta {terms.target_delta:g}"
    is_kept = latest.consumed_epsilon <= terms.target_epsilon * (1 + SLACK)
    is_comparable = latest.consumed_delta <= terms.target_delta * (1 + SLACK)
    if is_kept and is_comparable:
        return checked("privacy", f"{claim}; the spec allows {allowed}")
    return wrong("privacy", f"{claim}; the spec allows {allowed}")
