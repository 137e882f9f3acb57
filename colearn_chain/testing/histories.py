"""Experiments of any length that are played at random, for pictures, reports and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from colearn_chain.rounds import Ballot, Call
from colearn_chain.types import Address, Digest, RoundNumber, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from colearn_chain.rounds import Experiment, Rules

_BALLOTS = {Ballot.APPROVE: 80, Ballot.REJECT: 15, Ballot.UNAVAILABLE: 3, Ballot.NONE: 2}
"""How often a learner votes what, of a hundred times."""

_PASS, _LAPSE = 0.03, 0.02
"""How often a proposer passes its turn, and how often it lets it lapse."""

_LONGEST_WAIT = 60
"""Seconds after which somebody acts, at the most."""


class Move(NamedTuple):
    """A call of an experiment: who calls when, the function by its name in snake case, and its arguments."""

    call: Call
    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Play:
    """An experiment that chance plays.

    Attributes:
        rules: windows are longer than a minute, and a round ends with the last ballot or at its deadline.
        organizer: who invites.
        learners: who joins, in the order of the seats; nobody leaves.
        begin: when, in seconds since 1970.
    """

    rules: Rules
    organizer: Address
    learners: Sequence[Address]
    begin: int = 1_750_000_000

    def moves(self, rounds: int, random: Random) -> Iterator[Move]:
        """All calls until so many rounds are closed, in order."""
        now = self.begin
        yield self._move(self.organizer, now, "invite", list(self.learners))
        for learner in self.learners:
            yield self._move(learner, now, "join", random.randbytes(32))
        yield self._move(self.organizer, now, "start")
        for number in range(1, rounds + 1):
            opened, now = now, now + random.randrange(1, _LONGEST_WAIT)
            for move in self._round(RoundNumber(number), opened, now, random):
                now = move.call.now
                yield move

    def _round(self, number: RoundNumber, opened: int, now: int, random: Random) -> Iterator[Move]:
        proposer, chance = self.learners[(number - 1) % len(self.learners)], random.random()
        if chance < _PASS:
            yield self._move(proposer, now, "pass_turn", number)
        elif chance < _PASS + _LAPSE:
            yield self._move(proposer, opened + self.rules.proposal_window + 1, "advance", number)
        else:
            yield from self._voted(number, proposer, now, random)

    def _voted(self, number: RoundNumber, proposer: Address, now: int, random: Random) -> Iterator[Move]:
        digest = Digest(random.randbytes(32))
        yield self._move(proposer, now, "propose", number, digest)
        voters = [learner for learner in self.learners if learner != proposer]
        random.shuffle(voters)
        ballots = random.choices(list(_BALLOTS), list(_BALLOTS.values()), k=len(voters))
        for learner, ballot in zip(voters, ballots, strict=True):
            if ballot is not Ballot.NONE:
                yield self._move(learner, now, "cast_ballot", number, digest, ballot)
        if Ballot.NONE in ballots:
            yield self._move(proposer, now + self.rules.voting_window + 1, "advance", number)

    @staticmethod
    def _move(who: Address, now: int, function: str, *arguments: Any) -> Move:
        return Move(Call(who, Timestamp(now)), function, arguments)


def played(experiment: Experiment, play: Play, rounds: int, random: Random) -> Experiment:
    """The reference model after so many rounds."""
    for move in play.moves(rounds, random):
        experiment = getattr(experiment, move.function)(move.call, *move.arguments)
    return experiment
