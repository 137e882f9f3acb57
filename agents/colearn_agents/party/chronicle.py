"""Who and what came before: the little of the chain's past that an agent's decision needs.

Memberships are only ever added to, so those that were read are kept. Their ends may have been set since; who
sits where in a round follows without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearn_agents.party.events import RoundClosed
from colearn_chain.artefacts import ProposalClaim
from colearn_chain.errors import ChainError
from colearn_chain.rounds import Status, seats_of, voters_of
from colearn_chain.types import SEATS, Address, Digest, RoundNumber, Seat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_chain.chain import ExperimentContract
    from colearn_chain.rounds import Membership, Round, Rules

PAGE = 64
"""How many rounds or memberships are read with one call."""


class Chronicle:
    """An experiment's past.

    Args:
        contract: where it is read.
        experiment: as ``experiment_id`` writes it.
        spec_digest: what the first proposal follows.
    """

    def __init__(self, contract: ExperimentContract, experiment: str, spec_digest: Digest) -> None:
        self._contract = contract
        self._experiment = experiment
        self._spec_digest = spec_digest
        self._memberships: list[Membership] = []

    def learner_at(self, seat: Seat, number: RoundNumber, memberships: int) -> Address:
        """Return who has a seat in a round.

        A seat is given away again only when no earlier membership reaches so far, so it is the latest one
        that begins in time.

        Args:
            seat: one of the round's electorate.
            number: the round.
            memberships: how many have been made.

        Raises:
            ChainError: the node does not answer, or tells of nobody.
        """
        for membership in reversed(self._read_up_to(memberships)):
            if membership.seat == seat and membership.first_round <= number:
                return membership.learner
        raise ChainError(f"the node knows nobody on seat {seat} in round {number}")

    def claim(self, number: RoundNumber, memberships: int) -> ProposalClaim:
        """Return what the manifest of a past round's proposal must say.

        Args:
            number: a round in which something was proposed.
            memberships: how many have been made.

        Raises:
            ChainError: the node does not answer, or does not have the rounds.
        """
        rounds = self._backwards(number)
        proposed = next(rounds)
        accepted = (earlier.digest for earlier in rounds if earlier.status is Status.ACCEPTED)
        proposer = self.learner_at(proposed.proposer, number, memberships)
        return self.open_claim(number, proposer, next(accepted, self._spec_digest))

    def open_claim(self, number: RoundNumber, proposer: Address, parent: Digest) -> ProposalClaim:
        """Return what the manifest of a proposal must say, where all of it is known."""
        return ProposalClaim(self._experiment, number, proposer, parent)

    def round_closed(self, number: RoundNumber, rules: Rules) -> RoundClosed:
        """Return a closed round as an event.

        Args:
            number: the round.
            rules: the experiment's.

        Raises:
            ChainError: the node does not answer, or tells of nobody where somebody sat.
        """
        closed, count = self._contract.round(number), self._contract.membership_count()
        voters = seats_of(voters_of(closed, rules))
        return RoundClosed(
            round=number,
            outcome=closed.status,
            closing=closed.closing,
            proposer=self.learner_at(closed.proposer, number, count),
            digest=closed.digest,
            ballots={self.learner_at(seat, number, count): closed.ballot_at(seat) for seat in voters},
        )

    def skipped_before(self, number: RoundNumber) -> int:
        """Return how many rounds in a row were skipped just before a round, at most ``SEATS``."""
        skipped = 0
        for earlier in self._backwards(RoundNumber(number - 1)):
            if earlier.status is not Status.SKIPPED or skipped == SEATS:
                break
            skipped += 1
        return skipped

    def _read_up_to(self, count: int) -> list[Membership]:
        while len(self._memberships) < count:
            page = self._contract.memberships(len(self._memberships), PAGE)
            if not page:
                raise ChainError(f"the node has {len(self._memberships)} memberships, but said {count}")
            self._memberships.extend(page)
        return self._memberships[:count]

    def _backwards(self, number: RoundNumber) -> Iterator[Round]:
        """Rounds from ``number`` down to the first."""
        end = number
        while end > 0:
            start = max(1, end - PAGE + 1)
            page = self._contract.rounds(start, end - start + 1)
            if len(page) != end - start + 1:
                raise ChainError(f"the node does not have round {end}")
            yield from reversed(page)
            end = RoundNumber(start - 1)
