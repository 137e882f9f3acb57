"""What organizers and members can do to an experiment, and what follows from it, in words; pure.

While round n is open, nothing that is announced changes it: who joins takes part from round n + 2 on, who
leaves or is found idle ends with n, and whom the organizer removes keeps a round of notice and ends with
n + 1. When no round is open, all of that is so at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.wording import counted, span
from colearn_chain.rounds import Phase, Status
from colearn_chain.rounds.lifecycle import outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colearn_chain.rounds import Rules, Snapshot
    from colearn_chain.types import Address


@dataclass(frozen=True, kw_only=True)
class Act:
    """A call of the contract that somebody is about to send.

    Attributes:
        function: its Solidity name.
        arguments: in their order.
        deed: what it does: "invite 0x...".
        effects: what follows, as sentences.
    """

    function: str
    arguments: tuple[object, ...] = ()
    deed: str
    effects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """An experiment as the one who acts sees it.

    Attributes:
        rules: the contract's.
        snapshot: the actor's.
    """

    rules: Rules
    snapshot: Snapshot

    @property
    def is_open(self) -> bool:
        """Whether a round is open."""
        return self.snapshot.phase in {Phase.PROPOSING, Phase.VOTING}

    @property
    def number(self) -> int:
        """The open round, or the last closed one."""
        return self.snapshot.number

    @property
    def coming(self) -> int:
        """How many learners the next round will have, as announced so far."""
        return self.snapshot.active.bit_count()

    @property
    def first_round_of_joiner(self) -> int:
        """The first round of who joins now."""
        return self.number + (2 if self.is_open else 1)


def join(situation: Situation, key: bytes) -> Act:
    """Take part, under an X25519 public key of 32 bytes."""
    first = situation.first_round_of_joiner
    effect = f"You take part from round {first} on."
    if situation.is_open:
        effect += f" Round {situation.number} is open, and the one after it is already made up."
    return Act(function="join", arguments=(key,), deed="join", effects=(effect,))


def invite(situation: Situation, learners: Sequence[Address]) -> Act:
    """Invite learners."""
    first = situation.first_round_of_joiner
    when = f"while round {situation.number} is open" if situation.is_open else f"before round {first} opens"
    return Act(
        function="invite",
        arguments=(list(learners),),
        deed=f"invite {', '.join(learners)}",
        effects=(f"Who joins {when} takes part from round {first} on.",),
    )


def remove(situation: Situation, learner: Address, theirs: Snapshot) -> Act:
    """Withdraw a learner's invitation and end its membership.

    Args:
        situation: the organizer's.
        learner: who is removed.
        theirs: the learner's snapshot.
    """
    number = situation.number
    keeps_notice = situation.is_open and theirs.first_round <= number + 1
    effects = ["The invitation is gone at once."] if theirs.invited else []
    if theirs.joined and theirs.last_round > number + keeps_notice:
        if keeps_notice:
            effects.append(f"The membership ends with round {number + 1}: it keeps a round of notice.")
        else:
            effects.append("The membership ends at once.")
    return Act(function="remove", arguments=(learner,), deed=f"remove {learner}", effects=tuple(effects))


def leave(situation: Situation) -> Act:
    """End one's own membership."""
    number, snapshot = situation.number, situation.snapshot
    if situation.is_open and snapshot.covers(number):
        effects = [
            f"Your membership ends with round {number}, which is open; until then you take part in it."
        ]
    else:
        effects = ["Your membership ends at once."]
    left = (snapshot.active & ~(1 << snapshot.seat)).bit_count()
    goes_on = number < situation.rules.max_rounds
    if goes_on and left < situation.rules.min_learners <= situation.coming:
        effects.append(_pause(situation, left))
    return Act(function="resign", deed="leave", effects=tuple(effects))


def remove_idle(situation: Situation, learner: Address) -> Act:
    """End the membership of a learner that missed too many rounds."""
    when = f"with round {situation.number}, which is open" if situation.is_open else "at once"
    return Act(
        function="removeIdle",
        arguments=(learner,),
        deed=f"remove {learner} for idleness",
        effects=(f"The membership ends {when}; the invitation stays.",),
    )


def start(situation: Situation) -> Act:
    """Open the next round."""
    window = span(situation.rules.proposal_window)
    opened = f"Round {situation.number + 1} opens with {counted(situation.coming, 'learner')}"
    return Act(
        function="start", deed="start", effects=(f"{opened}; its proposer has {window} from then on.",)
    )


def advance(situation: Situation) -> Act:
    """Close the open round, whose window has run out."""
    number, round_ = situation.number, situation.snapshot.round
    if round_.status is Status.VOTING:
        outcome = outcome_of(round_, situation.rules).name.lower()
        effects = [f"Round {number} closes as {outcome}, by the ballots that were cast."]
    else:
        effects = [f"Round {number} closes as skipped: nothing was proposed in time."]
    effects.append(_after(situation))
    return Act(function="advance", arguments=(number,), deed=f"close round {number}", effects=tuple(effects))


def transfer(heir: Address) -> Act:
    """Hand the organizer's role over."""
    return Act(
        function="transferOrganizer",
        arguments=(heir,),
        deed=f"make {heir} the organizer",
        effects=(
            "It is the organizer at once, and only it can give the role back.",
            "If nobody has the key of this address, the role is lost for good.",
        ),
    )


def renounce() -> Act:
    """Give the organizer's role up."""
    return Act(
        function="renounceOrganizer",
        deed="give the organizer's role up for good",
        effects=(
            "Nobody can invite or remove anybody any more; invitations that were given stay good.",
            "Anyone may start the next round when none is open. This cannot be undone.",
        ),
    )


def _after(situation: Situation) -> str:
    """What follows on the open round's closing."""
    following = situation.number + 1
    if situation.number == situation.rules.max_rounds:
        return "It was the last one: the experiment is then finished."
    if situation.coming < situation.rules.min_learners:
        return _pause(situation, situation.coming)
    return f"Round {following} opens at once with {counted(situation.coming, 'learner')}."


def _pause(situation: Situation, left: int) -> str:
    least = situation.rules.min_learners
    return f"With {counted(left, 'learner')} left, fewer than {least}, the experiment then pauses."
