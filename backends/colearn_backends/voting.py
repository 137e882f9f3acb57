"""When a proposal is an improvement: the one rule that every backend votes by.

A vote compares two scores on the same fixed sample of private data. If that sample is drawn anew for each
test, chance alone approves a model that did not change; if a tie counts as an improvement, a proposer that
does nothing wins rounds. So: the sample is the backend's to fix once, and here only a strictly better finite
score is an improvement.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from colearn_chain.errors import ConfigError
from colearn_chain.weights import weights_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.weights import NamedArrays


class Scores(NamedTuple):
    """What one evaluation of weights says."""

    vote: float
    """On the data that votes are about."""
    test: float
    """On data that never influence a vote; NaN where there are none."""


def is_improvement(new: float, held: float, *, minimise: bool = False, margin: float = 0.0) -> bool:
    """Say whether a score is better than the held one by more than ``margin``.

    Args:
        new: the proposal's score; one that is not finite is never an improvement.
        held: the held model's; where it is not finite any finite score is an improvement, else a broken
            model that was once adopted could never be replaced.
        minimise: a lower score is better.
        margin: by how much it has to be better, in units of the score; with 0 strictly better is enough.
    """
    if not math.isfinite(new):
        return False
    if not math.isfinite(held):
        return True
    return (held - new if minimise else new - held) > margin


class ScoreKeeper:
    """Scores weights once, remembers the last ones by their digest, and votes.

    Weights that were tested and then adopted are not evaluated a second time; nor are the held ones, ever.

    Args:
        evaluate: measures weights on the backend's fixed samples.
        held: the weights held at the start.
        minimise: a lower vote score is better.
        margin: by how much a proposal has to be better, in units of the vote score.
        remembered: for how many weights besides the held ones the scores are kept.

    Raises:
        ConfigError: the margin is negative or not finite.
    """

    def __init__(
        self,
        evaluate: Callable[[NamedArrays], Scores],
        held: NamedArrays,
        *,
        minimise: bool = False,
        margin: float = 0.0,
        remembered: int = 8,
    ) -> None:
        if not (math.isfinite(margin) and margin >= 0):
            raise ConfigError(f"a vote margin of {margin} is not a finite number of at least 0")
        self._evaluate = evaluate
        self._minimise = minimise
        self._margin = margin
        self._most = remembered
        self._scores: OrderedDict[bytes, Scores] = OrderedDict()
        self._held_digest = weights_digest(held)
        self._held = evaluate(held)

    @property
    def held(self) -> Scores:
        """The scores of the held weights."""
        return self._held

    def scores(self, arrays: NamedArrays) -> Scores:
        """Return the scores of these weights, measured at the first time."""
        return self._scores_by(weights_digest(arrays), arrays)

    def judge(self, arrays: NamedArrays) -> tuple[Scores, bool]:
        """Return the scores of these weights, and whether they improve on the held ones.

        The held weights themselves never do: their score is remembered, and a tie is no improvement.
        """
        scores = self.scores(arrays)
        return scores, is_improvement(
            scores.vote, self._held.vote, minimise=self._minimise, margin=self._margin
        )

    def hold(self, arrays: NamedArrays) -> None:
        """Take these weights as the held ones: what later proposals are compared with."""
        digest = weights_digest(arrays)
        self._held = self._scores_by(digest, arrays)
        self._held_digest = digest

    def _scores_by(self, digest: bytes, arrays: NamedArrays) -> Scores:
        if digest == self._held_digest:
            return self._held
        if digest not in self._scores:
            self._scores[digest] = self._evaluate(arrays)
            while len(self._scores) > self._most:
                self._scores.popitem(last=False)
        self._scores.move_to_end(digest)
        return self._scores[digest]
