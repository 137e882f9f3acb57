"""Experiments that were played at random, of any length, for pictures, reports and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_chain.rounds import Ballot, Call
from colearn_chain.types import Address, Digest, RoundNumber, Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from colearn_chain.rounds import Experiment

BEGIN = 1_750_000_000
"""When the first learner joins, in seconds since 1970."""

_APPROVE, _REJECT, _UNAVAILABLE = 0.80, 0.15, 0.03
"""How often a learner votes what; else it is silent."""

_PASS, _LAPSE = 0.03, 0.02
"""How often a proposer proposes nothing."""


def play(experiment: Experiment, learners: Sequence[Address], rounds: int, random: Random) -> Experiment:
    """Let learners join an experiment and play rounds, as chance has it.

    Args:
        experiment: right after its deployment, by its organizer; its windows are a minute or longer.
        learners: who is invited and joins, in the order of the seats.
        rounds: how many are closed.
        random: the chance.
    """
    now = Timestamp(BEGIN)
    organizer = experiment.first_organizer
    experiment = experiment.invite(Call(organizer, now), list(learners))
    for learner in learners:
        experiment = experiment.join(Call(learner, now), random.randbytes(32))
    experiment = experiment.start(Call(organizer, now))
    for number in range(1, rounds + 1):
        now = Timestamp(now + random.randrange(1, 60))
        experiment, now = _play_round(experiment, RoundNumber(number), now, learners, random)
    return experiment


def _play_round(
    experiment: Experiment, number: RoundNumber, now: Timestamp, learners: Sequence[Address], random: Random
) -> tuple[Experiment, Timestamp]:
    proposer = learners[experiment.rounds[-1].proposer]
    chance = random.random()
    if chance < _PASS:
        return experiment.pass_turn(Call(proposer, now), number), now
    if chance >= _PASS + _LAPSE:
        digest = Digest(random.randbytes(32))
        experiment = experiment.propose(Call(proposer, now), number, digest)
        for learner in learners:
            if learner != proposer and (ballot := _ballot(random)):
                experiment = experiment.cast_ballot(Call(learner, now), number, digest, ballot)
    if experiment.number == number and experiment.rounds[-1].status.is_open:
        now = Timestamp(experiment.rounds[-1].time + 1)
        experiment = experiment.advance(Call(proposer, now), number)
    return experiment, now


def _ballot(random: Random) -> Ballot:
    choices = (Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE, Ballot.NONE)
    rest = 1 - _APPROVE - _REJECT - _UNAVAILABLE
    return random.choices(choices, (_APPROVE, _REJECT, _UNAVAILABLE, rest))[0]
