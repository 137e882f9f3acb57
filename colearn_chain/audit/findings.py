"""What an audit says: findings of four kinds, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colearn_chain.artefacts.card import Deployment
    from colearn_chain.rounds import ClosedRound


class Kind(StrEnum):
    """What a finding is; what a reader has to know first stands first."""

    WRONG = "wrong"
    """It cannot have happened by the rules, or is not what was agreed on."""
    UNCHECKED = "unchecked"
    """It could not be checked, and why."""
    CHECKED = "checked"
    """It was checked, and holds."""
    NOTED = "noted"
    """No breach, but worth knowing."""


class Outcome(StrEnum):
    """What all findings of an audit come to."""

    RIGHT = "right"
    WRONG = "wrong"
    INCOMPLETE = "incomplete"

    @property
    def heading(self) -> str:
        """What it means, in a few words."""
        return _HEADINGS[self]

    @property
    def sentence(self) -> str:
        """What it means, in a sentence."""
        return _SENTENCES[self]


_HEADINGS = {
    Outcome.RIGHT: "Complete and right",
    Outcome.WRONG: "Something is wrong",
    Outcome.INCOMPLETE: "Incomplete",
}
_SENTENCES = {
    Outcome.RIGHT: "Everything that was asked for was checked, and holds.",
    Outcome.WRONG: "What is said to have happened cannot all have happened by the rules, or is not what was "
    "agreed on.",
    Outcome.INCOMPLETE: "Nothing wrong was found, but not everything could be checked.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        kind: what it is.
        subject: what it is about, such as ``card`` or ``round 3: proposer``.
        text: a sentence.
    """

    kind: Kind
    subject: str
    text: str


@dataclass(frozen=True)
class Report:
    """What an audit found.

    Attributes:
        findings: all of them, in the order of the checks.
        deployment: what follows from the card; None: the card is none.
        rounds: the closed rounds; empty when the history is missing or does not hold.
    """

    findings: tuple[Finding, ...]
    deployment: Deployment | None = None
    rounds: tuple[ClosedRound, ...] = ()

    def of_kind(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of one kind, in the order of the checks."""
        return tuple(finding for finding in self.findings if finding.kind is kind)

    @property
    def outcome(self) -> Outcome:
        """Wrong if anything is; else incomplete if anything could not be checked; else right."""
        kinds = {finding.kind for finding in self.findings}
        if Kind.WRONG in kinds:
            return Outcome.WRONG
        return Outcome.INCOMPLETE if Kind.UNCHECKED in kinds else Outcome.RIGHT


def wrong(subject: str, text: str) -> Finding:
    """Something that is wrong."""
    return Finding(Kind.WRONG, subject, text)


def unchecked(subject: str, text: str) -> Finding:
    """Something that could not be checked."""
    return Finding(Kind.UNCHECKED, subject, text)


def checked(subject: str, text: str) -> Finding:
    """Something that holds."""
    return Finding(Kind.CHECKED, subject, text)


def noted(subject: str, text: str) -> Finding:
    """Something worth knowing."""
    return Finding(Kind.NOTED, subject, text)
