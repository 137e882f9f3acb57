"""The audit: a card, what nodes and stores were found to hold, and what follows. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from colearn_chain.audit.contents import check_contents
from colearn_chain.audit.findings import Finding, Report, checked, noted, unchecked, wrong
from colearn_chain.audit.log import check_log
from colearn_chain.audit.observations import observe
from colearn_chain.audit.times import check_times
from colearn_chain.errors import InvalidArtefact, InvalidHistory
from colearn_chain.rounds import Status, fold
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from colearn_chain.artefacts.card import Deployment
    from colearn_chain.audit.evidence import Evidence
    from colearn_chain.rounds import ClosedRound, History, Rules

MEANING = (
    "accepted means approved by these learners on their own data; whether the model is good or safe for "
    "anything else is not what is decided here"
)

Name = Callable[[Address], str]


def audit(evidence: Evidence, name: Name = str) -> Report:
    """Check everything that can be checked.

    Args:
        evidence: what there is.
        name: what to call an address.

    Returns:
        The findings; nothing is raised, whatever the evidence is.
    """
    try:
        deployment = evidence.card.deployment(evidence.releases)
    except InvalidArtefact as error:
        return Report((wrong("card", str(error)),))
    rounds, folding = _folded(evidence)
    findings = [
        _derived(deployment, name),
        *evidence.gaps,
        *_origin(evidence, deployment),
        *_identity(evidence, deployment),
        *folding,
    ]
    if evidence.history is not None and rounds is not None:
        findings += _beyond(evidence, deployment, evidence.history, rounds, name)
    return Report(tuple(findings), deployment, rounds or ())


def _derived(deployment: Deployment, name: Name) -> Finding:
    return checked(
        "card",
        f"its transaction alone makes {deployment.experiment}, by {name(deployment.organizer)}, with code of "
        f"this project (initcode 0x{deployment.release.initcode_hash.hex()}), rules and spec",
    )


def _origin(evidence: Evidence, deployment: Deployment) -> Iterator[Finding]:
    """Whether the card's transaction was mined, by those who can know."""
    for witness in evidence.witnesses:
        said = list(witness.sighting.contradictions(evidence.card, deployment))
        yield from (wrong("card", f"{witness.sighting.node}: {each}") for each in said)
        if not said:
            block = evidence.card.block.number
            yield checked(
                "card", f"{witness.sighting.node}: it was mined in block {block}, and its code is there"
            )
        if witness.rules not in {None, deployment.rules}:
            differing = _differing(witness.rules, deployment.rules)
            yield wrong("rules", f"{witness.sighting.node} tells of other rules than the card: {differing}")
    yield from _one_chain(evidence)
    yield from _trust(evidence)


def _one_chain(evidence: Evidence) -> Iterator[Finding]:
    """Whether all nodes stand on one chain; each is compared with the first."""
    if evidence.as_of is None:
        return
    seen = [witness for witness in evidence.witnesses if witness.block_hash is not None]
    for witness in seen[1:]:
        if witness.block_hash != seen[0].block_hash:
            yield wrong(
                "chain",
                f"block {evidence.as_of.number} is {seen[0].block_hash} to {seen[0].sighting.node}, and "
                f"{witness.block_hash} to {witness.sighting.node}: they stand on different chains",
            )


def _trust(evidence: Evidence) -> Iterator[Finding]:
    if len(evidence.witnesses) == 1:
        node = evidence.witnesses[0].sighting.node
        yield noted("trust", f"one node was asked, {node}: what it says of the chain is believed")
    if len(evidence.witnesses) > 1:
        yield noted(
            "trust",
            f"{len(evidence.witnesses)} nodes were asked and compared; the history was read from "
            f"{evidence.source}",
        )
    if not evidence.witnesses and evidence.trusted_hash is not None:
        yield noted(
            "trust",
            "no node was asked: that the card's transaction was mined, and that the given hash is its "
            "contract's, is believed",
        )


def _identity(evidence: Evidence, deployment: Deployment) -> Iterator[Finding]:
    """Whether the history is this card's."""
    history = evidence.history
    if history is None:
        return
    if evidence.history_card not in {None, evidence.card}:
        yield wrong("card", "the history came with another card")
    for subject, found, derived in (
        ("chain", history.chain_id, deployment.chain_id),
        ("address", history.address, deployment.contract),
        ("organizer", history.first_organizer, deployment.organizer),
        ("spec", history.spec_digest.hex(), deployment.spec_digest.hex()),
    ):
        if found != derived:
            yield wrong(subject, f"the history says {found}, from the card follows {derived}")
    if history.rules != deployment.rules:
        differing = _differing(history.rules, deployment.rules)
        yield wrong("rules", f"the history is of other rules than the card: {differing}")


def _differing(found: Rules | None, derived: Rules) -> str:
    """The rules in which two sets of them differ."""
    names = (field.name for field in fields(derived))
    pairs = ((name, getattr(found, name), getattr(derived, name)) for name in names)
    return ", ".join(f"{name} {one}, not {other}" for name, one, other in pairs if one != other)


def _folded(evidence: Evidence) -> tuple[tuple[ClosedRound, ...] | None, list[Finding]]:
    """The rounds if the history holds, and what folding and comparing hashes found."""
    history, findings = evidence.history, list(_hashes(evidence))
    if history is None:
        return None, findings
    try:
        rounds = fold(history)
    except InvalidHistory as error:
        return None, [*findings, wrong(error.subject, f"{evidence.source}: {error}")]
    seen = f"{len(rounds)} closed rounds and {len(history.memberships)} memberships"
    return rounds, [
        *findings,
        checked("history", f"{seen}: proposers, voters, tallies and outcomes follow from the rules"),
        checked("historyHash", f"all of it comes to 0x{history.history_hash.hex()}"),
    ]


def _hashes(evidence: Evidence) -> Iterator[Finding]:
    """Whether everybody who should know names the history hash that the history brought along."""
    history = evidence.history
    if history is None:
        return
    own = history.history_hash
    if not evidence.witnesses and evidence.trusted_hash is None:
        yield unchecked("historyHash", "nothing but the history itself says that its hash is the contract's")
    if evidence.trusted_hash not in {None, own}:
        trusted = (evidence.trusted_hash or b"").hex()
        yield wrong("historyHash", f"the history brought 0x{own.hex()}, given was 0x{trusted}")
    for witness in evidence.witnesses:
        if witness.history_hash not in {None, own}:
            other = (witness.history_hash or b"").hex()
            yield wrong("historyHash", f"{witness.sighting.node} says 0x{other}, the history 0x{own.hex()}")


def _beyond(
    evidence: Evidence, deployment: Deployment, history: History, rounds: Sequence[ClosedRound], name: Name
) -> Iterator[Finding]:
    """What is looked at once the history holds."""
    yield from check_times(history)
    if evidence.contents is not None:
        yield from check_contents(evidence.contents, deployment, name)
    else:
        yield noted("proposals", "nobody looked into the proposals: no store was named")
    yield from observe(history, rounds, name)
    if evidence.log is not None:
        yield from check_log(evidence.log, rounds, name)
    else:
        yield noted(
            "log",
            "neither the organizer's changes nor the order of ballots can be told, for want of the "
            f"contract's log: {evidence.log_gap}",
        )
    if any(closed.round.status is Status.ACCEPTED for closed in rounds):
        yield noted("meaning", MEANING)
