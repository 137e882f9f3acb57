"""The learner agent: it reads the chain, decides by the pure core, does one thing, and reads again.

The chain is the truth. What the agent remembers is its journal: what the chain cannot know.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.party import events
from colearn_agents.party.chronicle import Chronicle
from colearn_agents.party.confirmed import ConfirmedRounds
from colearn_agents.party.drafts import Drafts
from colearn_agents.party.guarded import GuardedLearner
from colearn_agents.party.journal import Sent, hex_of
from colearn_agents.party.models import Models
from colearn_agents.party.terms import Terms
from colearn_chain.errors import (
    ContractReverted,
    InvalidArtefact,
    InvalidWeights,
    LearnerError,
    StorageError,
)
from colearn_chain.rounds import (
    Action,
    Adopt,
    Advance,
    Ballot,
    PassTurn,
    Phase,
    Propose,
    Start,
    Stop,
    View,
    Vote,
    Wait,
    next_action,
)
from colearn_chain.types import RoundNumber, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_agents.party.events import Observer
    from colearn_agents.party.journal import Journal, Judged
    from colearn_chain.artefacts import ProposalClaim
    from colearn_chain.chain import ExperimentContract, Receipt, Sender
    from colearn_chain.chain.networks import Finality
    from colearn_chain.ml_interface import MachineLearningInterface
    from colearn_chain.rounds import Snapshot
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Address, Digest

log = logging.getLogger(__name__)

FETCH_FRACTION = 0.5
"""For which part of a window a store that fails is asked again."""

ASLEEP_SECONDS = 30
"""After so long without a block a chain is taken for one that makes blocks only for transactions; those that
make them by the clock need 12 s at most."""

RACES = frozenset(
    {
        "AlreadyVoted",
        "DeadlineNotPassed",
        "DeadlinePassed",
        "DigestMismatch",
        "NotJoining",
        "NotMember",
        "NotOpen",
        "NotProposer",
        "NotProposing",
        "NotVoting",
        "StartReserved",
        "TooFewLearners",
    }
)
"""How the contract refuses what was right when the snapshot was read: others, or a block, were faster."""


@dataclass(frozen=True)
class _Hindrance:
    """Why something cannot be done; ``passing``: trying again later can help."""

    reason: str
    passing: bool


def _no_clock() -> float:
    """The beginning of time, when no chain was asleep."""
    return 0.0


class LearnerAgent:
    """One learner of one experiment.

    Args:
        learner: trains, tests and holds the model.
        contract: the experiment.
        sender: sends this learner's transactions.
        store: where artefacts are published, fetched and held.
        journal: what was trained, stored, sent, judged and adopted; an agent that is restarted gets it again.
        observe: called with each event.
        fetch_fraction: for which part of a window, from its beginning, a store that fails is asked again.
        finality: when a block counts. The agent acts in a round once the one before is closed for good.
        clock: the time here, in seconds since 1970; it is only asked whether a chain has fallen asleep.
        keeps_minutes: whether it also tells of rounds that close, whoever closes them (`RoundClosed`).

    Raises:
        ConfigError: the journal is another learner's or another experiment's, or the experiment's rules are
            none that this agent can play.
        InvalidArtefact: the experiment's spec is not what it must be.
        InvalidWeights: its first weights are not.
        TransportError: node or store did not answer.
    """

    def __init__(  # noqa: PLR0913 - the place where an agent's parts are put together
        self,
        learner: MachineLearningInterface,
        *,
        contract: ExperimentContract,
        sender: Sender,
        store: ArtefactStore,
        journal: Journal,
        observe: Observer = events.ignore,
        fetch_fraction: float = FETCH_FRACTION,
        finality: Finality = 0,
        clock: Callable[[], float] = _no_clock,
        keeps_minutes: bool = False,
    ) -> None:
        self._contract = contract
        self._confirmed = ConfirmedRounds(contract, finality)
        self._clock = clock
        self._keeps_minutes = keeps_minutes
        self._told: RoundNumber | None = None
        self._sender = sender
        self._journal = journal
        self._observe = observe
        self._fetch_fraction = fetch_fraction
        self._terms = Terms.read(contract, store)
        journal.belong_to(self._terms.experiment, self.address)
        guarded, schema = GuardedLearner(learner), self._terms.spec.weight_schema
        self._models = Models(guarded, store, journal, schema, self.address, observe)
        self._drafts = Drafts(guarded, store, journal, schema, observe)
        self._chronicle = Chronicle(contract, self._terms.experiment, self._terms.spec_digest)
        self._claim: ProposalClaim | None = None
        self._hopeless: tuple[tuple[RoundNumber, Digest], _Hindrance] | None = None
        self._stopped: Stop | None = None

    @property
    def address(self) -> Address:
        """The learner's address."""
        return self._sender.address

    @property
    def held(self) -> Digest | None:
        """Digest of the artefact whose weights the learner holds; None before it was given any."""
        return self._models.held

    @property
    def closed(self) -> RoundNumber:
        """The last round that is closed for good, as of the last step; 0: none."""
        return self._confirmed.closed

    def step(self) -> Action:
        """Read one snapshot and do the one thing that it calls for.

        Returns:
            What was done; ``Wait`` where there was nothing to do, or what there was has to be tried again
            later or is not confirmed yet; after a ``Stop`` nothing else ever.

        Raises:
            TransportError: the node failed, or the journal's disk; the next step tries again.
        """
        if self._stopped is not None:
            return self._stopped
        snapshot = self._contract.snapshot(self.address)
        try:
            return self._act(snapshot)
        except ContractReverted as refusal:
            if refusal.name not in RACES:
                raise
            log.info("round %d: too late: %s", snapshot.number, refusal)
            return Wait(until=None)

    def _act(self, snapshot: Snapshot) -> Action:
        is_confirmed = self._confirmed.cover(snapshot)
        if self._keeps_minutes:
            self._tell_of_rounds()
        action = self._decide(snapshot, self.held)
        if not is_confirmed and not isinstance(action, Advance | Start):
            return Wait(until=None)
        if not isinstance(action, Adopt):
            return self._perform(snapshot, action, None)
        lack = self._adopt(snapshot)
        if lack is None:
            return action
        # The round goes on without the model: what else is due is decided as if it were held, then declined.
        return self._perform(snapshot, self._decide(snapshot, snapshot.accepted_digest), lack)

    def _decide(self, snapshot: Snapshot, held: Digest | None) -> Action:
        nothing = self._drafts.nothing_for(snapshot.number)
        view = View(
            snapshot=snapshot,
            rules=self._terms.rules,
            held=held,
            nothing_to_propose=nothing,
            skipped_in_a_row=self._chronicle.skipped_before(snapshot.number) if nothing else 0,
        )
        action = next_action(view, self.address, snapshot.timestamp)
        if isinstance(action, Wait) and action.until is not None and self._is_overdue(snapshot, action.until):
            return next_action(view, self.address, action.until)
        return action

    def _is_overdue(self, snapshot: Snapshot, until: Timestamp) -> bool:
        """Whether a moment has come that the latest block tells nothing of, since the chain is asleep.

        Such a chain makes a block when it gets a transaction, and gives it the time of that moment. Whether
        it does is asked of the contract, which refuses before anything is sent: a clock here that is wrong
        costs a request.
        """
        return self._clock() >= max(until, snapshot.timestamp + ASLEEP_SECONDS)

    def _perform(self, snapshot: Snapshot, action: Action, lack: _Hindrance | None) -> Action:
        match action:
            case Propose():
                return self._propose(snapshot, action, lack)
            case Vote():
                return self._vote(snapshot, action, lack)
            case PassTurn():
                self._pass_turn(snapshot)
            case Advance():
                self._advance(snapshot)
            case Start():
                self._sent("start", snapshot.number, self._contract.start(self._sender))
            case Stop():
                return self._stop(snapshot, action, lack)
            case Wait():
                pass
            case _:  # fan-in rounds and keys, which `Terms` refuses before an agent is made
                raise RuntimeError(f"an agent that cannot do this was asked to: {action}")
        return action

    # --------------------------------------------------------------------------------------- own proposals

    def _propose(self, snapshot: Snapshot, action: Propose, lack: _Hindrance | None) -> Action:
        number = snapshot.number
        hindrance = lack if self._journal.stored(number) is None else None
        digest = None
        if hindrance is None:
            try:
                digest = self._drafts.make(self._open_claim(snapshot))
            except StorageError as error:
                hindrance = _Hindrance(f"the proposal cannot be stored: {error}", passing=True)
        if hindrance is not None:
            return self._put_off(snapshot, hindrance) or self._renounce(number, hindrance, action)
        if digest is not None:
            receipt = self._contract.propose(self._sender, number, digest)
            self._observe(events.Proposed(round=number, learner=self.address, digest=digest))
            self._sent("propose", number, receipt, digest)
        return action

    def _renounce(self, number: RoundNumber, hindrance: _Hindrance, action: Propose) -> Action:
        """Propose nothing in this round; the next step passes the turn."""
        self._drafts.give_up(number, hindrance.reason)
        return action

    def _pass_turn(self, snapshot: Snapshot) -> None:
        number = snapshot.number
        reason = self._drafts.nothing_for(number)
        receipt = self._contract.pass_turn(self._sender, number)
        self._observe(events.TurnPassed(round=number, learner=self.address, reason=reason))
        self._sent("passTurn", number, receipt)

    # ----------------------------------------------------------------------------------- others' proposals

    def _vote(self, snapshot: Snapshot, action: Vote, lack: _Hindrance | None) -> Action:
        number, digest = snapshot.number, snapshot.round_digest
        judged = self._journal.judged(number, digest) or self._judge(snapshot, lack)
        if isinstance(judged, Wait):
            return judged
        ballot = Ballot(judged.ballot)
        receipt = self._contract.cast_ballot(self._sender, number, digest, ballot)
        self._observe(events.Voted(round=number, learner=self.address, digest=digest, ballot=ballot))
        self._sent("castBallot", number, receipt, digest)
        return action

    def _judge(self, snapshot: Snapshot, lack: _Hindrance | None) -> Judged | Wait:
        hindrance = lack
        if hindrance is None:
            try:
                return self._models.judge(snapshot.round_digest, self._open_claim(snapshot))
            except StorageError as error:
                hindrance = _Hindrance(str(error), passing=True)
        later = self._put_off(snapshot, hindrance)
        return later or self._models.give_up(snapshot.round_digest, snapshot.number, hindrance.reason)

    def _adopt(self, snapshot: Snapshot) -> _Hindrance | None:
        """Take over the accepted model, or return what hinders that; tried again unless it is hopeless."""
        place = (snapshot.number, snapshot.accepted_digest)
        if self._hopeless is not None and self._hopeless[0] == place:
            return self._hopeless[1]
        try:
            self._models.adopt(snapshot.accepted_digest, self._accepted_claim(snapshot))
        except (StorageError, LearnerError, InvalidArtefact, InvalidWeights) as error:
            log.warning("the accepted model %s is not at hand: %s", snapshot.accepted_digest.hex(), error)
            reason = f"the current model is not at hand: {error}"
            lack = _Hindrance(reason, passing=isinstance(error, StorageError))
            self._hopeless = None if lack.passing else (place, lack)
            return lack
        return None

    # ------------------------------------------------------------------------------------------ the rounds

    def _advance(self, snapshot: Snapshot) -> None:
        receipt = self._contract.advance(self._sender, snapshot.number)
        self._observe(events.Advanced(round=snapshot.number, learner=self.address))
        self._sent("advance", snapshot.number, receipt)

    def _tell_of_rounds(self) -> None:
        """Tell of the rounds that were closed since the first step; if they are closed anew, again."""
        told = self.closed if self._told is None else min(self._told, self.closed)
        self._told = told
        while told < self.closed:
            told = RoundNumber(told + 1)
            self._observe(self._chronicle.round_closed(told, self._terms.rules))
            self._told = told

    def _stop(self, snapshot: Snapshot, action: Stop, lack: _Hindrance | None) -> Action:
        if lack is not None and lack.passing:
            return Wait(until=None)
        self._stopped = action if lack is None else Stop(f"{action.reason}; {lack.reason}")
        log.info("stopped: %s", self._stopped.reason)
        stopped = events.Stopped(round=snapshot.number, learner=self.address, reason=self._stopped.reason)
        self._observe(stopped)
        return self._stopped

    def _sent(self, call: str, number: RoundNumber, receipt: Receipt, digest: Digest | None = None) -> None:
        """Record a transaction that was mined."""
        self._journal.append(
            Sent(
                round=number,
                call=call,
                digest=None if digest is None else hex_of(digest),
                transaction_hash=receipt.transaction_hash,
            )
        )
        self._observe(events.sent(call, number, self.address, receipt))

    def _open_claim(self, snapshot: Snapshot) -> ProposalClaim:
        """What the manifest of the open round's proposal has to say."""
        number = snapshot.number
        if self._claim is None or self._claim.round != number:
            proposer = self._chronicle.learner_at(snapshot.round.proposer, number, snapshot.memberships)
            self._claim = self._chronicle.open_claim(number, proposer, snapshot.accepted_digest)
        return self._claim

    def _accepted_claim(self, snapshot: Snapshot) -> ProposalClaim | None:
        """What the accepted artefact's manifest has to say; None: it is the spec."""
        if snapshot.accepted == 0:
            return None
        if self._claim is not None and self._claim.round == snapshot.accepted:
            return self._claim
        return self._chronicle.claim(snapshot.accepted, snapshot.memberships)

    def _put_off(self, snapshot: Snapshot, hindrance: _Hindrance) -> Wait | None:
        """Wait, if trying again can help and the open window leaves time for it."""
        rules, voting = self._terms.rules, snapshot.phase is Phase.VOTING
        window = rules.voting_window if voting else rules.proposal_window
        until = Timestamp(snapshot.round.time - window + int(window * self._fetch_fraction))
        if not hindrance.passing or snapshot.timestamp >= until:
            return None
        log.info("round %d: until %d it is tried again: %s", snapshot.number, until, hindrance.reason)
        return Wait(until=until)
