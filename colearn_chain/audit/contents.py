"""What the proposals themselves say, as far as their bytes are still to be had."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from colearn_chain.audit.findings import checked, noted, unchecked, wrong
from colearn_chain.rounds import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from colearn_chain.artefacts import ExperimentSpec, PrivacyBudget
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
        reason: why it is not valid, in words.
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
    for content in contents.proposals:
        yield from _fate(content)
    valid = [content for content in contents.proposals if content.state is State.VALID]
    if valid:
        yield checked(
            "proposals",
            f"{len(valid)} of {len(contents.proposals)} proposals have the digest on chain, fit the schema "
            "and name experiment, round, proposer and parent",
        )
    yield from _budgets(valid, contents.spec, name)


def _fate(content: Content) -> Iterator[Finding]:
    number, status = content.closed.number, content.closed.round.status
    if content.state is State.GONE:
        yield unchecked(f"round {number}: proposal", f"round {number}'s proposal is gone: {content.reason}")
    elif content.state is State.INVALID:
        say = wrong if status is Status.ACCEPTED else noted
        yield say(
            f"round {number}: proposal",
            f"round {number}'s proposal, {status.name.lower()}, is malformed: {content.reason}",
        )


def _budgets(
    valid: Iterable[Content], spec: ExperimentSpec, name: Callable[[Address], str]
) -> Iterator[Finding]:
    """Each learner's claims in order: what is spent stays spent, and stays within the spec's terms."""
    latest: dict[Address, float] = {}
    for content in valid:
        if content.budget is None:
            continue
        learner, spent = content.closed.proposer, content.budget.consumed_epsilon
        if spent < latest.get(learner, 0.0) * (1 - SLACK):
            yield wrong(
                f"round {content.closed.number}: privacy",
                f"{name(learner)} claims epsilon {spent:g} after it claimed {latest[learner]:g}: "
                "what is spent cannot come back",
            )
        latest[learner] = spent
    if spec.privacy is not None:
        yield from _terms(latest, spec.privacy.target_epsilon, valid, name)


def _terms(
    latest: dict[Address, float],
    target: float,
    valid: Iterable[Content],
    name: Callable[[Address], str],
) -> Iterator[Finding]:
    for learner in sorted({content.closed.proposer for content in valid}):
        spent = latest.get(learner)
        if spent is None:
            yield wrong("privacy", f"{name(learner)} claims no privacy budget, the spec asks for one")
        elif spent > target * (1 + SLACK):
            yield wrong("privacy", f"{name(learner)} claims epsilon {spent:g}; the spec allows {target:g}")
        else:
            yield checked("privacy", f"{name(learner)} claims epsilon {spent:g} of {target:g}")
