"""Collective learning without a chain, all learners in one process: the way to develop a model.

::

    set_equal_weights(learners)
    results = Results([initial_result(learners)])
    for index in range(20):
        results.data.append(collective_learning_round(learners, 0.5, index))
        print_results(results)

A round is counted as the contract counts it (``colearn_chain.rounds.tally``). Learners may be code under
development, so nothing is shared between them (what one hands out goes to the others as copies), and a
learner that fails in one phase is put back to the weights that it held before the round, with everybody who
had already gone further.
"""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from colearn_chain.errors import ConfigError, LearnerError
from colearn_chain.ml_interface import ProposedWeights, Weights
from colearn_chain.results import Result, Results
from colearn_chain.rounds.tally import WHOLE_BPS, is_accepted
from colearn_chain.rounds.word import Ballot
from colearn_chain.weights import codec_of, weights_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colearn_chain.ml_interface import MachineLearningInterface, TrainingSummary

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


def set_equal_weights(learners: Sequence[MachineLearningInterface]) -> None:
    """Give all learners the weights of the first one.

    Raises:
        LearnerError: one of them failed; all hold what they held before.
    """
    group = _Group(learners)
    if not group.adopt(group.before[0], range(1, len(learners))):
        raise LearnerError("no equal weights: " + "; ".join(group.notes))


def initial_result(learners: Sequence[MachineLearningInterface]) -> Result:
    """Score what each learner holds before the first round.

    Raises:
        LearnerError: a learner cannot test even its own weights.
    """
    group = _Group(learners)
    result = group.result([None] * len(learners), adopted=False)
    if group.notes:
        raise LearnerError("no first scores: " + "; ".join(group.notes))
    return result


def collective_learning_round(
    learners: Sequence[MachineLearningInterface],
    vote_threshold: float,
    round_index: int,
    *,
    count_proposer: bool = False,
) -> Result:
    """Play one round: one learner proposes, all test, and if enough approve all adopt.

    A proposer that fails or has nothing to propose skips its round; a learner that cannot test a proposal
    does not approve it; if a learner cannot adopt what was approved, nobody does.

    Args:
        learners: the group; learner ``round_index % len(learners)`` proposes.
        vote_threshold: the share of the voters that has to approve, above 0 and up to 1, counted in steps of
            1/10,000. At 0.5 two of four are enough; 0.5001 asks for more than half.
        round_index: the number of the round.
        count_proposer: whether the proposer is one of the voters.

    Returns:
        The round, with the scores of what everybody holds after it.

    Raises:
        ConfigError: there are no learners, or the threshold is out of its range.
        LearnerError: a learner does not give out its current weights, or one that failed could not be put
            back.
    """
    group = _Group(learners)
    played = _play(group, round_index, _threshold_bps(vote_threshold), count_proposer=count_proposer)
    result = group.result(played.tests, adopted=played.accepted)
    result.vote, result.ballots, result.block_proposer = played.accepted, played.ballots, played.proposer
    result.skipped = played.skipped
    if not played.skipped:
        result.proposal_vote_scores = [math.nan if test is None else test.vote_score for test in played.tests]
        result.proposal_test_scores = [math.nan if test is None else test.test_score for test in played.tests]
    if played.summary is not None:
        result.training_summaries[played.proposer] = played.summary
    return result


def individual_training_round(learners: Sequence[MachineLearningInterface], round_index: int) -> Result:
    """Let each learner train by itself and take what comes of it, for comparison; nobody votes.

    Args:
        learners: each is on its own; one that fails keeps what it has.
        round_index: the number of the round, for the log.

    Returns:
        The scores that each has now; ``vote`` stays False.

    Raises:
        LearnerError: a learner that failed could not be put back.
    """
    group = _Group(learners)
    for index in range(len(learners)):
        proposal = group.propose(index)
        if proposal is not None and proposal.weights is not None and group.adopt(proposal, [index]):
            _log.debug("round %s: learner %s trained by itself", round_index, index)
    return group.result([None] * len(learners), adopted=True)


def run_one_round(
    round_index: int,
    learners: Sequence[MachineLearningInterface],
    vote_threshold: float = 0.5,
    *,
    count_proposer: bool = False,
) -> tuple[list[ProposedWeights], bool]:
    """Play one round as ``collective_learning_round`` does, and return what was tested.

    Returns:
        What each learner found (scores NaN and no vote where it could not test; no vote of a proposer that
        has none; an empty list when nothing was proposed), and whether the proposal was accepted.

    Raises:
        ConfigError: there are no learners, or the threshold is out of its range.
        LearnerError: a learner does not give out its current weights, or one that failed could not be put
            back.
    """
    group = _Group(learners)
    played = _play(group, round_index, _threshold_bps(vote_threshold), count_proposer=count_proposer)
    if played.skipped:
        return [], False
    unknown = ProposedWeights(weights=Weights(weights=None), vote_score=math.nan, test_score=math.nan)
    tests = [unknown.model_copy() if test is None else test for test in played.tests]
    if not count_proposer:
        tests[played.proposer].vote = None
    return tests, played.accepted


def run(
    n_rounds: int,
    learners: Sequence[MachineLearningInterface],
    *,
    vote_threshold: float = 0.5,
    count_proposer: bool = False,
) -> Results:
    """Play rounds 0 to ``n_rounds - 1`` from the weights that the learners hold.

    Returns:
        The first scores and all rounds, statistics done.

    Raises:
        ConfigError: there are no learners, or the threshold is out of its range.
        LearnerError: a learner cannot test its own weights, or one that failed could not be put back.
    """
    results = Results([initial_result(learners)])
    for index in range(n_rounds):
        result = collective_learning_round(learners, vote_threshold, index, count_proposer=count_proposer)
        results.data.append(result)
    results.process_statistics()
    return results


@dataclass(frozen=True)
class _Played:
    """A round as it went, before anything is measured for the record."""

    proposer: int
    tests: list[ProposedWeights | None]
    ballots: list[Ballot]
    accepted: bool
    skipped: bool
    summary: TrainingSummary | None


class _Group:
    """Learners during one round, with copies of what they held before it.

    A failure becomes a note, and whoever failed is put back. Only what cannot be put back is an error, since
    then the group would be split without anybody knowing.
    """

    def __init__(self, learners: Sequence[MachineLearningInterface]) -> None:
        if not learners:
            raise ConfigError("a group of no learners cannot play a round")
        self.learners = learners
        self.notes: list[str] = []
        self.before = [self._call(index, "get_current_weights", Weights) for index in range(len(learners))]

    def propose(self, index: int) -> Weights | None:
        """Let a learner train; None when it fails."""
        try:
            proposal = self._call(index, "propose_weights", Weights)
        except LearnerError as error:
            self._recover(error, [index])
            return None
        if proposal.weights is None:
            summary = proposal.training_summary
            reason = f": {summary.error_code.name}" if summary and summary.error_code else ""
            self._note(f"learner {index} has nothing to propose{reason}")
        return proposal

    def test(self, index: int, weights: Weights) -> ProposedWeights | None:
        """Let a learner test weights; None when it fails."""
        try:
            return self._call(index, "test_weights", ProposedWeights, weights)
        except LearnerError as error:
            self._recover(error, [index])
            return None

    def adopt(self, weights: Weights, indices: Iterable[int]) -> bool:
        """Let learners take weights: all of them, or none if one fails or the program is stopped."""
        touched: list[int] = []
        try:
            for index in indices:
                touched.append(index)
                self._call(index, "accept_weights", object, weights)
        except LearnerError as error:
            self._recover(error, touched)
            return False
        except BaseException:
            self._put_back(touched)
            raise
        return True

    def result(self, tests: Sequence[ProposedWeights | None], *, adopted: bool) -> Result:
        """Score what everybody holds now; an adopted proposal has its scores from the vote."""
        held = [
            test if adopted and test is not None else self._test_own(index)
            for index, test in enumerate(tests)
        ]
        return Result(
            ballots=[Ballot.NONE] * len(held),
            vote_scores=[math.nan if test is None else test.vote_score for test in held],
            test_scores=[math.nan if test is None else test.test_score for test in held],
            training_summaries=[weights.training_summary for weights in self.before],
            notes=self.notes,
        )

    def _test_own(self, index: int) -> ProposedWeights | None:
        return self.test(index, self._call(index, "get_current_weights", Weights))

    def _recover(self, error: LearnerError, touched: Iterable[int]) -> None:
        _log.warning("%s", error, exc_info=error)
        self._note(str(error))
        self._put_back(touched)

    def _put_back(self, indices: Iterable[int]) -> None:
        lost = [index for index in indices if not self._is_back(index)]
        if lost:
            names = ", ".join(map(str, lost))
            raise LearnerError(
                f"cannot put learner {names} back to the weights before the round; " + "; ".join(self.notes)
            )

    def _is_back(self, index: int) -> bool:
        try:
            self._call(index, "accept_weights", object, self.before[index])
        except LearnerError as error:
            _log.warning("%s", error, exc_info=error)
            return self._never_left(index)
        return True

    def _never_left(self, index: int) -> bool:
        """Whether a learner that takes nothing any more still holds what it held; no answer counts as no."""
        try:
            now = self._call(index, "get_current_weights", Weights)
            return self._digest(index, now) == self._digest(index, self.before[index])
        except Exception:  # noqa: BLE001 - a learner's own code, asked a last time
            return False

    def _digest(self, index: int, weights: Weights) -> bytes:
        return weights_digest(codec_of(self.learners[index]).weights_to_arrays(weights.weights))

    def _call(self, index: int, verb: str, expected: type[_Answer], *arguments: Weights) -> _Answer:
        """Call a learner's method with copies and return a copy of its answer."""
        try:
            answer = getattr(self.learners[index], f"mli_{verb}")(*copy.deepcopy(arguments))
            if isinstance(answer, expected):
                return copy.deepcopy(answer)
        except (Exception, SystemExit) as error:
            raise LearnerError(
                f"learner {index} failed in mli_{verb}: {type(error).__name__}: {error}"
            ) from error
        raise LearnerError(
            f"learner {index} returned {type(answer).__name__} from mli_{verb}, not {expected.__name__}"
        )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _play(group: _Group, round_index: int, threshold_bps: int, *, count_proposer: bool) -> _Played:
    count = len(group.learners)
    proposer = round_index % count
    proposal = group.propose(proposer)
    summary = None if proposal is None else proposal.training_summary
    if proposal is None or proposal.weights is None:
        nobody = [Ballot.NONE] * count
        return _Played(proposer, [None] * count, nobody, accepted=False, skipped=True, summary=summary)
    tests = [group.test(index, proposal) for index in range(count)]
    ballots = [_ballot(test) for test in tests]
    if not count_proposer:
        ballots[proposer] = Ballot.NONE
    voters = count if count_proposer else count - 1
    approved = is_accepted(ballots.count(Ballot.APPROVE), voters, threshold_bps)
    accepted = approved and group.adopt(proposal, range(count))
    return _Played(proposer, tests, ballots, accepted, skipped=False, summary=summary)


def _ballot(test: ProposedWeights | None) -> Ballot:
    if test is None:
        return Ballot.UNAVAILABLE
    return Ballot.APPROVE if test.vote else Ballot.REJECT


def _threshold_bps(vote_threshold: float) -> int:
    share = vote_threshold * WHOLE_BPS
    if not (math.isfinite(share) and 1 <= round(share) <= WHOLE_BPS):
        raise ConfigError(f"a vote threshold of {vote_threshold} is not a share from 0.0001 to 1")
    return round(share)
