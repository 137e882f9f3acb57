"""What a learner's agent does next, as a function of the chain and of what its journal knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_chain.rounds.lifecycle import voters_of
from colearn_chain.rounds.snapshot import Phase
from colearn_chain.rounds.word import Ballot
from colearn_chain.types import Timestamp

if TYPE_CHECKING:
    from colearn_chain.rounds.rules import Rules
    from colearn_chain.rounds.snapshot import Snapshot
    from colearn_chain.types import Address, Digest, RoundNumber


@dataclass(frozen=True)
class Propose:
    """Put up a proposal, trained from the model that is held (in a fan-in round: made of the updates)."""

    round: RoundNumber


@dataclass(frozen=True)
class Contribute:
    """Announce an update for the proposer to aggregate."""

    round: RoundNumber


@dataclass(frozen=True)
class PassTurn:
    """Say that there is nothing to propose."""

    round: RoundNumber


@dataclass(frozen=True)
class Vote:
    """Fetch and test the proposal, and cast a ballot on it."""

    round: RoundNumber
    digest: Digest


@dataclass(frozen=True)
class Adopt:
    """Take over the accepted model; round 0 stands for the spec's first weights."""

    round: RoundNumber
    digest: Digest


@dataclass(frozen=True)
class Advance:
    """Close a round whose window has run out."""

    round: RoundNumber


@dataclass(frozen=True)
class Start:
    """Open the next round."""


@dataclass(frozen=True)
class AskKey:
    """Ask the others for the content key of a round's artefact."""

    round: RoundNumber


@dataclass(frozen=True)
class ShareKey:
    """Hand a learner the content key of a round's artefact."""

    round: RoundNumber
    learner: Address


@dataclass(frozen=True)
class Wait:
    """Do nothing until somebody else acts, or until a moment; None: time alone changes nothing."""

    until: Timestamp | None


@dataclass(frozen=True)
class Stop:
    """There is nothing left to do, ever."""

    reason: str


Action = Propose | Contribute | PassTurn | Vote | Adopt | Advance | Start | AskKey | ShareKey | Wait | Stop


@dataclass(frozen=True, kw_only=True)
class View:
    """What an agent knows as it decides.

    Attributes:
        snapshot: the chain as its learner sees it.
        rules: the experiment's.
        held: digest of the artefact whose weights the learner holds; None before it was given any.
        nothing_to_propose: why training for the open round gave nothing; empty: it did, or is still to come.
        skipped_in_a_row: how many rounds before the open one were skipped, one after another.
        organizer: who has the role; None: nobody, or it is not known.
        start_wanted: whether its owner, as organizer, wants a start as soon as there are enough learners.
        announced: bitmap of the seats that announced an update in the open round.
        missing_key: a round whose content key it lacks and has not asked for.
        asked_keys: content keys that it is its turn to hand over: round and learner.
    """

    snapshot: Snapshot
    rules: Rules
    held: Digest | None
    nothing_to_propose: str = ""
    skipped_in_a_row: int = 0
    organizer: Address | None = None
    start_wanted: bool = False
    announced: int = 0
    missing_key: RoundNumber | None = None
    asked_keys: tuple[tuple[RoundNumber, Address], ...] = ()


def next_action(view: View, me: Address, now: Timestamp) -> Action:
    """Decide what learner ``me`` does next. The same arguments always give the same action.

    Args:
        view: as of one block.
        me: the learner whose snapshot it is.
        now: the time that a transaction would be mined at, as blocks have it; a window is over once it is
            greater than the deadline.
    """
    snapshot = view.snapshot
    if view.missing_key is not None and snapshot.joined and snapshot.last_round >= snapshot.number:
        return AskKey(view.missing_key)
    if view.held != snapshot.accepted_digest:
        return Adopt(snapshot.accepted, snapshot.accepted_digest)
    over = _why_over(view, me)
    if over:
        return Stop(over)
    if view.asked_keys:
        return ShareKey(*view.asked_keys[0])
    return _between_rounds(view, me, now) if snapshot.phase is Phase.JOINING else _in_round(view, now)


def _why_over(view: View, me: Address) -> str:
    """Why there is nothing left to do but to hold the accepted model; empty: there is."""
    snapshot = view.snapshot
    ahead = snapshot.number if snapshot.round.status.is_open else snapshot.number + 1
    if snapshot.phase is Phase.FINISHED:
        return f"all {view.rules.max_rounds} rounds are closed"
    if not snapshot.joined:
        return f"{me} has not joined"
    return f"the membership ended with round {snapshot.last_round}" if snapshot.last_round < ahead else ""


def _between_rounds(view: View, me: Address, now: Timestamp) -> Action:
    if view.snapshot.active.bit_count() < view.rules.min_learners:
        return Wait(until=None)
    if now > view.rules.start_deadline or (view.start_wanted and me == view.organizer):
        return Start()
    return Wait(until=_after(view.rules.start_deadline))


def _in_round(view: View, now: Timestamp) -> Action:
    snapshot = view.snapshot
    if now > snapshot.round.time:
        return Advance(snapshot.number)
    own = None
    if snapshot.covers(snapshot.number):
        own = _proposing(view, now) if snapshot.phase is Phase.PROPOSING else _voting(view)
    return own or Wait(until=_after(snapshot.round.time))


def _voting(view: View) -> Action | None:
    snapshot = view.snapshot
    may_vote = voters_of(snapshot.round, view.rules) >> snapshot.seat & 1
    if may_vote and snapshot.round.ballot_at(snapshot.seat) is Ballot.NONE:
        return Vote(snapshot.number, snapshot.round_digest)
    return None


def _proposing(view: View, now: Timestamp) -> Action | None:
    snapshot, rules = view.snapshot, view.rules
    is_proposer = snapshot.round.proposer == snapshot.seat
    if rules.contribution_window:
        until = snapshot.round.time - rules.proposal_window + rules.contribution_window
        return _fanning_in(view, now, until, is_proposer=is_proposer)
    if not is_proposer:
        return None
    return _passing(view) if view.nothing_to_propose else Propose(snapshot.number)


def _fanning_in(view: View, now: Timestamp, until: int, *, is_proposer: bool) -> Action | None:
    snapshot = view.snapshot
    is_gathering = now <= until and snapshot.round.electorate & ~view.announced
    has_announced = view.announced >> snapshot.seat & 1
    if is_gathering and not has_announced and not view.nothing_to_propose:
        return Contribute(snapshot.number)
    if not is_proposer:
        return None
    if is_gathering:
        return Wait(until=_after(until))
    return Propose(snapshot.number) if view.announced else _passing(view)


def _passing(view: View) -> Action:
    """Pass the turn, unless the group would pass its way to the last round."""
    snapshot = view.snapshot
    if view.skipped_in_a_row < snapshot.round.electorate.bit_count():
        return PassTurn(snapshot.number)
    why = view.nothing_to_propose or "nobody announced an update"
    return Stop(
        f"{view.skipped_in_a_row} rounds in a row were skipped, and there is nothing to propose: {why}"
    )


def _after(moment: int) -> Timestamp:
    return Timestamp(moment + 1)
