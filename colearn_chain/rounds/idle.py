"""Whether a learner has been idle so long that anyone may end its membership."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_chain.rounds.lifecycle import voters_of
from colearn_chain.rounds.rules import RuleBroken
from colearn_chain.rounds.word import Ballot, Closing, Round, Status
from colearn_chain.types import NO_DIGEST, SEATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colearn_chain.rounds.membership import Membership
    from colearn_chain.rounds.rules import Rules
    from colearn_chain.types import Seat


def check_idle(membership: Membership, rounds: Sequence[Round], rules: Rules) -> None:
    """Walk back from the last opened round over at most ``SEATS * idle_rounds`` rounds of the membership.

    Args:
        membership: the learner's latest.
        rounds: all that were opened, from round 1.
        rules: the experiment's.

    Raises:
        RuleBroken: TookPart when it voted or proposed before it missed enough, TooFewMisses at the end.
    """
    earliest = max(membership.first_round, len(rounds) - SEATS * rules.idle_rounds + 1, 1)
    misses = 0
    for number in range(len(rounds), earliest - 1, -1):
        round_ = rounds[number - 1]
        if _took_part(round_, membership.seat):
            raise RuleBroken("TookPart", {"learner": membership.learner, "round": number})
        misses += _missed(round_, membership.seat, rules)
        if misses == rules.idle_rounds:
            return
    values = {"learner": membership.learner, "misses": misses, "idleRounds": rules.idle_rounds}
    raise RuleBroken("TooFewMisses", values)


def _took_part(round_: Round, seat: Seat) -> bool:
    proposed = round_.proposer == seat and round_.digest != NO_DIGEST
    return proposed or round_.ballot_at(seat) is not Ballot.NONE


def _missed(round_: Round, seat: Seat, rules: Rules) -> bool:
    """Whether it let a window run out; only asked where it took no part."""
    if round_.closing is not Closing.DEADLINE:
        return False
    if round_.status is Status.SKIPPED:
        return round_.proposer == seat
    return bool(voters_of(round_, rules) >> seat & 1)
