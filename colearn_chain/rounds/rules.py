"""An experiment's rules, and the error that says which rule was broken by which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from colearn_chain.errors import ProtocolViolation
from colearn_chain.types import SEATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_WINDOW = 30 * 24 * 60 * 60
"""30 days, in seconds."""

MOST_ROUNDS = 2**24 - 3
"""Two below the end that stands for none, so that no first or last round can be taken for it."""


class RuleBroken(ProtocolViolation):
    """A call that the experiment refuses; nothing was changed.

    Attributes:
        name: the Solidity name of the contract's custom error, such as ``DeadlinePassed``.
        values: its arguments by their Solidity names.
    """

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        shown = ", ".join(f"{key}={value!r}" for key, value in values.items())
        super().__init__(f"{name}({shown})", subject=name, value=dict(values))
        self.name = name
        self.values = dict(values)


class Range(NamedTuple):
    """A rule by its Solidity name, its value, and the least and the most that are allowed."""

    rule: str
    value: int
    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is fixed at deployment; the fields stand in the order of the Solidity struct ``Rules``.

    Attributes:
        threshold_bps: a proposal is accepted iff approvals * 10,000 >= threshold_bps * voters.
        proposal_window: seconds that a proposer has.
        voting_window: seconds that the voters have.
        contribution_window: seconds in which updates may be announced; 0: no fan-in rounds.
        min_learners: a round opens with at least so many.
        max_rounds: after so many closed rounds the experiment is finished.
        idle_rounds: so many misses in a row end a membership, if anyone asks for it.
        start_deadline: after it anyone may start; seconds since 1970.
        count_proposer: whether the proposer is one of the voters.
        close_early: whether a round closes once its outcome is certain.
    """

    threshold_bps: int
    proposal_window: int
    voting_window: int
    contribution_window: int
    min_learners: int
    max_rounds: int
    idle_rounds: int
    start_deadline: int
    count_proposer: bool
    close_early: bool

    def ranges(self) -> Iterator[Range]:
        """Every rule that has a range, in the order of the struct."""
        yield Range("thresholdBps", self.threshold_bps, 1, 10_000)
        yield Range("proposalWindow", self.proposal_window, 1, LONGEST_WINDOW)
        yield Range("votingWindow", self.voting_window, 1, LONGEST_WINDOW)
        yield Range("contributionWindow", self.contribution_window, 0, self.proposal_window - 1)
        yield Range("minLearners", self.min_learners, 2, SEATS)
        yield Range("maxRounds", self.max_rounds, 1, MOST_ROUNDS)
        yield Range("idleRounds", self.idle_rounds, 1, 32)

    def check(self) -> None:
        """Check every range.

        Raises:
            RuleBroken: ``RuleOutOfRange``, for the first rule that is outside its range.
        """
        for rule, value, least, most in self.ranges():
            if not least <= value <= most:
                named = rule.encode("ascii").ljust(32, b"\0")
                raise RuleBroken(
                    "RuleOutOfRange", {"rule": named, "value": value, "least": least, "most": most}
                )
