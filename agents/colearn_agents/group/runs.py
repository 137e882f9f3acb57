"""One run of a group under either driver, recorded in the same way."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colearn_agents.group.group import Group
from colearn_agents.group.scorebook import UNSCORED, RoundScores, ScoreBook, Scores
from colearn_agents.group.stalling import StallWatch
from colearn_chain.driver import collective_learning_round, initial_result, set_equal_weights
from colearn_chain.rounds import Ballot, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from colearn_agents.group.group import GroupSettings
    from colearn_agents.party.events import Event
    from colearn_agents.party.factories import Factory
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.results import Result


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a group.

    Attributes:
        driver: ``chain`` or ``local``.
        settings: what was asked for.
        rounds: what happened, round 0 (the first weights) included.
        stalled: why the run ended early; None: it did not.
    """

    driver: str
    settings: GroupSettings
    rounds: Sequence[RoundScores]
    stalled: str | None

    @property
    def accepted(self) -> int:
        """How many rounds ended with an accepted proposal."""
        return sum(played.outcome is Status.ACCEPTED for played in self.rounds)

    @property
    def played(self) -> int:
        """How many rounds there were."""
        return len(self.rounds) - 1

    @property
    def acceptance_rate(self) -> float:
        """Share of the rounds that were accepted; 0 if there were none."""
        return self.accepted / self.played if self.played else 0.0

    @property
    def final_test_score(self) -> float | None:
        """Of the models held at the end, mean over learners."""
        return self.rounds[-1].mean_test_score


def run_on_chain(factory: Factory, settings: GroupSettings, on_round: Callable[[int], None]) -> Run:
    """Play through a contract on an embedded chain; artefacts and journals are thrown away afterwards.

    Raises:
        ColearnError: a setting is out of its range, or the run failed.
    """
    book = ScoreBook()

    def observe(event: Event) -> None:
        book.observe(event)
        on_round(event.round)

    with tempfile.TemporaryDirectory(prefix="colearn-chain-") as folder:
        group = Group.create(factory, settings, Path(folder), observe)
        book.addresses = group.addresses
        group.run()
    return Run(driver="chain", settings=settings, rounds=book.rounds(), stalled=book.stalled)


def run_locally(factory: Factory, settings: GroupSettings, on_round: Callable[[int], None]) -> Run:
    """Play without a chain, by the same rules.

    Raises:
        ConfigError: a setting is out of its range.
        LearnerError: the learners cannot start, or one that failed cannot be put back.
    """
    learners = [factory(settings.context(index)) for index in range(settings.learners)]
    set_equal_weights(learners)
    rounds = [_first(initial_result(learners))]
    watch, stalled = StallWatch(settings.stall_rounds), None
    while len(rounds) <= settings.rounds and stalled is None:
        played = _next(rounds[-1], learners, settings)
        rounds.append(played)
        on_round(played.number)
        if played.number < settings.rounds:  # a run that was played to its end did not give up
            stalled = watch.saw(played.outcome, played.ballots, passed=played.outcome is Status.SKIPPED)
    return Run(driver="local", settings=settings, rounds=rounds, stalled=stalled)


def _first(result: Result) -> RoundScores:
    count = len(result.test_scores)
    return RoundScores(
        number=0,
        outcome=Status.NONE,
        proposer=None,
        ballots=(None,) * count,
        proposal=(UNSCORED,) * count,
        held_round=(0,) * count,
        held=_scores(result.vote_scores, result.test_scores),
    )


def _next(
    before: RoundScores, learners: Sequence[MachineLearningInterface], settings: GroupSettings
) -> RoundScores:
    result = collective_learning_round(
        learners, settings.threshold_bps / 10_000, before.number, count_proposer=settings.count_proposer
    )
    number, count = before.number + 1, len(learners)
    proposed = _scores(result.proposal_vote_scores, result.proposal_test_scores)
    return replace(
        before,
        number=number,
        outcome=_outcome(result),
        proposer=result.block_proposer,
        ballots=_ballots(result, settings),
        proposal=proposed or (UNSCORED,) * count,
        held_round=(number,) * count if result.vote else before.held_round,
        held=_scores(result.vote_scores, result.test_scores),
    )


def _outcome(result: Result) -> Status:
    if result.skipped:
        return Status.SKIPPED
    return Status.ACCEPTED if result.vote else Status.REJECTED


def _ballots(result: Result, settings: GroupSettings) -> tuple[Ballot | None, ...]:
    """None for a proposer whose own ballot does not count: it has none."""
    without = None if settings.count_proposer else result.block_proposer
    return tuple(None if learner == without else ballot for learner, ballot in enumerate(result.ballots))


def _scores(votes: Sequence[float], tests: Sequence[float]) -> tuple[Scores, ...]:
    return tuple(Scores(vote, test) for vote, test in zip(votes, tests, strict=True))
