"""Signed ballots in batches: which count, which are skipped and why, and when a whole batch is refused.

Everything is tried on the reference model and on the compiled contract.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colearn_chain.chain import Account, SignedBallot, sign_ballot
from colearn_chain.chain.signed_ballots import ballot_hash
from colearn_chain.rounds import Ballot, Closing, Judged, Phase, Rules, Skip, Status
from colearn_chain.testing.forgeries import (
    HIGHEST_LOW,
    ORDER,
    key_that_signs,
    malleated,
    point,
    short_form,
)
from colearn_chain.testing.referees import ModelReferee, batch_refusal, refusal
from colearn_chain.types import Address, Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.referees import Referee

BEGIN = 1_000
ONE, TWO, FOUR = RoundNumber(1), RoundNumber(2), RoundNumber(4)
SPEC, MODEL, OTHER = (Digest(bytes([number]) * 32) for number in (1, 2, 3))
ORGANIZER, RELAYER, ELSEWHERE = (Address("0x" + f"{number:02d}" * 20) for number in (11, 12, 13))
ANN, BOB, CYD, DAN, EVE = (Account.seeded("signed rounds", index) for index in range(5))
APPROVE, REJECT, UNAVAILABLE = Ballot.APPROVE, Ballot.REJECT, Ballot.UNAVAILABLE
"""Ann, Bob and Cyd learn; Dan is invited; Eve is a stranger."""


@dataclass
class Vote:
    """Round 1 in voting, till BEGIN + 50: Ann has proposed, Bob and Cyd are to vote."""

    referee: Referee

    def by(self, account: Account, ballot: Ballot = APPROVE, number: RoundNumber = ONE) -> SignedBallot:
        """A good ballot on the model."""
        return sign_ballot(account, self.referee.domain_separator(), number, MODEL, ballot)

    def cast(self, *signed: SignedBallot, now: int = BEGIN, number: RoundNumber = ONE) -> tuple[Judged, ...]:
        """Bring a batch."""
        return self.referee.cast_ballots(RELAYER, now, number, MODEL, signed)

    def skips(self, *signed: SignedBallot) -> list[Skip | None]:
        """Bring a batch, and see what became of each."""
        return [each.skip for each in self.cast(*signed)]

    def status(self) -> tuple[Status, Closing]:
        """Where round 1 stands."""
        first = self.referee.rounds()[0]
        return first.status, first.closing


def begin(referee: Referee, *learners: Account) -> Vote:
    """Let learners join, start, and let the first of them propose."""
    referee.call("invite", ORGANIZER, BEGIN, [each.address for each in (*learners, DAN)])
    for each in learners:
        referee.call("join", each.address, BEGIN, bytes(32))
    referee.call("start", ORGANIZER, BEGIN)
    referee.call("propose", learners[0].address, BEGIN, ONE, MODEL)
    return Vote(referee)


@pytest.fixture
def vote(deploy: Callable[..., Referee], rules: Rules) -> Vote:
    """Two voters, both of whom have to approve."""
    return begin(deploy(rules), ANN, BOB, CYD)


# what counts


def test_a_stranger_brings_everybodys_ballots(vote: Vote) -> None:
    """Who brings them is of no meaning; what became of each is told, approvals first."""
    assert vote.cast(vote.by(CYD, UNAVAILABLE), vote.by(BOB)) == (
        Judged(BOB.address, APPROVE, None),
        Judged(CYD.address, UNAVAILABLE, None),
    )
    assert vote.status() == (Status.REJECTED, Closing.COMPLETE)
    assert [vote.referee.ballot_of(1, seat) for seat in range(3)] == [Ballot.NONE, APPROVE, UNAVAILABLE]


def test_a_batch_and_a_vote_in_person(vote: Vote) -> None:
    """Both ways lead into the same round, in either order."""
    vote.cast(vote.by(CYD))
    vote.referee.call("castBallot", BOB.address, BEGIN, 1, MODEL, APPROVE)
    assert vote.status() == (Status.ACCEPTED, Closing.COMPLETE)


def test_a_batch_on_the_deadline_counts(vote: Vote) -> None:
    """A window is open while block time is not greater than its deadline."""
    vote.cast(vote.by(BOB), vote.by(CYD), now=BEGIN + 50)
    assert vote.status() == (Status.ACCEPTED, Closing.COMPLETE)


def test_the_proposers_ballot_counts_by_rule(deploy: Callable[..., Referee], rules: Rules) -> None:
    """With countProposer it is a voter like the others."""
    vote = begin(deploy(replace(rules, count_proposer=True)), ANN, BOB, CYD)
    assert vote.skips(vote.by(ANN), vote.by(BOB), vote.by(CYD)) == [None] * 3


def test_a_batch_is_counted_to_its_end(deploy: Callable[..., Referee], rules: Rules) -> None:
    """One rejection of two voters decides, yet the ballot behind it is recorded: closing is judged once."""
    vote = begin(deploy(replace(rules, close_early=True)), ANN, BOB, CYD)
    vote.cast(vote.by(BOB, REJECT), vote.by(CYD, UNAVAILABLE))
    assert vote.status() == (Status.REJECTED, Closing.COMPLETE)


def test_a_batch_that_decides_closes_early_by_rule(deploy: Callable[..., Referee], rules: Rules) -> None:
    """As a vote in person does; what comes later is told how the round ended."""
    vote = begin(deploy(replace(rules, close_early=True)), ANN, BOB, CYD)
    vote.cast(vote.by(BOB, REJECT))
    assert vote.status() == (Status.REJECTED, Closing.CERTAIN)
    late = batch_refusal(vote.referee, BEGIN, ONE, MODEL, [vote.by(CYD)])
    assert late == ("NotVoting", {"round": 1, "status": Status.REJECTED})


# what is skipped, and spoils only itself


def test_a_ballot_that_is_there_already(vote: Vote) -> None:
    """One cast in person stays as it is."""
    vote.referee.call("castBallot", BOB.address, BEGIN, 1, MODEL, REJECT)
    assert vote.skips(vote.by(BOB), vote.by(CYD)) == [Skip.ALREADY_VOTED, None]
    assert vote.referee.ballot_of(1, 1) is REJECT


def test_a_ballot_twice_in_a_batch(vote: Vote) -> None:
    """It counts once."""
    assert vote.skips(vote.by(BOB), vote.by(BOB)) == [None, Skip.ALREADY_VOTED]
    assert vote.status()[0] is Status.VOTING


def test_two_different_ballots_of_a_learner_in_a_batch(vote: Vote) -> None:
    """The one that comes first counts, and approvals come first: a learner should sign one only."""
    assert vote.cast(vote.by(BOB, REJECT), vote.by(BOB, APPROVE)) == (
        Judged(BOB.address, APPROVE, None),
        Judged(BOB.address, REJECT, Skip.ALREADY_VOTED),
    )


def test_the_ballots_of_those_who_have_none(vote: Vote) -> None:
    """The proposer, a stranger, a newcomer in its round of notice: skipped, and Bob's counts."""
    vote.referee.call("join", DAN.address, BEGIN, bytes(32))
    batch = [vote.by(each) for each in (ANN, EVE, DAN, BOB)]
    assert vote.skips(*batch) == [Skip.NO_BALLOT, Skip.NOT_MEMBER, Skip.NOT_MEMBER, None]


def test_the_ballot_of_the_former_holder_of_a_seat(deploy: Callable[..., Referee], rules: Rules) -> None:
    """Bob resigned and Dan has his seat: Bob's signature cannot use it."""
    vote = begin(deploy(rules), ANN, BOB, CYD)
    vote.referee.call("resign", BOB.address, BEGIN)
    vote.cast(vote.by(BOB), vote.by(CYD))
    vote.referee.call("join", DAN.address, BEGIN, bytes(32))
    for proposer, number in ((CYD, 2), (ANN, 3)):
        vote.referee.call("passTurn", proposer.address, BEGIN, number)
    vote.referee.call("propose", DAN.address, BEGIN, FOUR, MODEL)
    former, holder = vote.cast(vote.by(BOB, number=FOUR), vote.by(DAN, number=FOUR), number=FOUR)
    assert (former.skip, holder.skip) == (Skip.NOT_MEMBER, Skip.NO_BALLOT)


def test_a_learner_that_is_on_its_way_out_still_votes(vote: Vote) -> None:
    """Neither its own leaving nor its removal takes a ballot of the open round away, however it is cast."""
    vote.referee.call("remove", ORGANIZER, BEGIN, BOB.address)
    vote.referee.call("resign", CYD.address, BEGIN)
    assert vote.skips(vote.by(BOB), vote.by(CYD)) == [None, None]


@pytest.mark.parametrize("what", ["round", "digest", "ballot", "domain"])
def test_a_ballot_signed_for_something_else(vote: Vote, what: str) -> None:
    """It recovers to an address that nobody has; the good one beside it counts."""
    domain = vote.referee.domain_separator()
    foreign = {
        "round": sign_ballot(BOB, domain, TWO, MODEL, APPROVE),
        "digest": sign_ballot(BOB, domain, ONE, OTHER, APPROVE),
        "ballot": SignedBallot(APPROVE, vote.by(BOB, REJECT).signature),
        "domain": sign_ballot(BOB, bytes(32), ONE, MODEL, APPROVE),
    }[what]
    skipped, counted = vote.cast(foreign, vote.by(CYD))
    assert skipped.signer not in {None, BOB.address}
    assert (skipped.skip, counted.skip) == (Skip.NOT_MEMBER, None)


def test_a_members_signature_in_its_other_form(deploy: Callable[..., Referee], rules: Rules) -> None:
    """Of the two forms of one signature the higher is none (EIP-2); the largest lower s counts."""
    referee = deploy(rules)
    hashed = ballot_hash(referee.domain_separator(), ONE, MODEL, APPROVE)
    mal = Account(key_that_signs(hashed, 77, HIGHEST_LOW).to_bytes(32))
    vote = begin(referee, ANN, mal, CYD)
    r, parity = point(77)
    good = SignedBallot(APPROVE, short_form(r, HIGHEST_LOW, parity))
    assert int.from_bytes(malleated(good).signature.vs) % 2**255 == ORDER - HIGHEST_LOW
    assert vote.cast(malleated(good), good) == (
        Judged(None, APPROVE, Skip.BAD_SIGNATURE),
        Judged(mal.address, APPROVE, None),
    )


def test_a_batch_of_nothing_that_counts(vote: Vote) -> None:
    """It is no error, and nothing is changed: whoever brought it pays."""
    before = vote.referee.snapshot(BOB.address, BEGIN), vote.referee.rounds()
    assert vote.skips() == []
    assert vote.skips(vote.by(EVE)) == [Skip.NOT_MEMBER]
    assert (vote.referee.snapshot(BOB.address, BEGIN), vote.referee.rounds()) == before


# what refuses a whole batch


def test_a_batch_on_another_digest(vote: Vote) -> None:
    """Then every ballot in it was signed for another."""
    expected = ("DigestMismatch", {"round": 1, "given": OTHER, "proposed": MODEL})
    assert batch_refusal(vote.referee, BEGIN, ONE, OTHER, [vote.by(BOB)]) == expected


def test_a_batch_a_second_after_the_deadline(vote: Vote) -> None:
    """Whether or not anyone has advanced."""
    expected = ("DeadlinePassed", {"round": 1, "deadline": BEGIN + 50})
    assert batch_refusal(vote.referee, BEGIN + 51, ONE, MODEL, [vote.by(BOB)]) == expected


def test_the_second_of_two_batches_that_race(vote: Vote) -> None:
    """The first closed the round; the second learns the outcome from the error."""
    batch = [vote.by(BOB), vote.by(CYD)]
    vote.cast(*batch)
    expected = ("NotVoting", {"round": 1, "status": Status.ACCEPTED})
    assert batch_refusal(vote.referee, BEGIN, ONE, MODEL, batch) == expected
    assert refusal(vote.referee, "advance", RELAYER, BEGIN, 1)[0] == "NotOpen"
    assert vote.referee.snapshot(BOB.address, BEGIN).phase is Phase.PROPOSING


def test_a_batch_before_there_is_a_proposal(vote: Vote) -> None:
    """Nothing has been put up in round 2, and round 3 has not been opened."""
    vote.cast(vote.by(BOB), vote.by(CYD))
    for number, status in ((TWO, Status.PROPOSING), (RoundNumber(3), Status.NONE)):
        expected = ("NotVoting", {"round": number, "status": status})
        assert batch_refusal(vote.referee, BEGIN, number, MODEL, [vote.by(BOB, number=number)]) == expected


# the way that ballots take changes nothing

VOTERS = [Account.seeded("signed crowd", index) for index in range(6)]


@st.composite
def ways(draw: st.DrawFn) -> tuple[dict[int, Ballot], list[list[int]]]:
    """Ballots of voters 1 to 5, and an order and grouping in which they arrive; one alone: in person."""
    ballots = draw(st.dictionaries(st.integers(1, 5), st.sampled_from([APPROVE, REJECT, UNAVAILABLE])))
    groups: list[list[int]] = []
    for voter in draw(st.permutations(sorted(ballots))):
        is_with_the_last: bool = draw(st.booleans())
        if groups and is_with_the_last:
            groups[-1].append(voter)
        else:
            groups.append([voter])
    return ballots, groups


@given(way=ways(), threshold=st.sampled_from([1, 4000, 5001, 8000, 10_000]), close_early=st.booleans())
@settings(max_examples=60, deadline=None)
def test_ballots_alone_give_the_outcome(
    way: tuple[dict[int, Ballot], list[list[int]]], threshold: int, *, close_early: bool
) -> None:
    """Whatever their order and batching, and whether the round closes early, the outcome is the same."""
    ballots, groups = way
    rules = Rules(
        threshold_bps=threshold,
        proposal_window=100,
        voting_window=50,
        contribution_window=0,
        min_learners=2,
        max_rounds=80,
        idle_rounds=1,
        start_deadline=BEGIN,
        count_proposer=False,
        close_early=close_early,
    )
    vote = begin(ModelReferee(ORGANIZER, rules, SPEC, chain_id=1, address=ELSEWHERE), *VOTERS)
    for group in groups:
        if vote.status()[0] is Status.VOTING:
            deliver(vote, {voter: ballots[voter] for voter in group})
    if vote.status()[0] is Status.VOTING:
        vote.referee.call("advance", RELAYER, BEGIN + 51, 1)
    approvals = sum(ballot is APPROVE for ballot in ballots.values())
    expected = Status.ACCEPTED if approvals * 10_000 >= threshold * 5 else Status.REJECTED
    assert vote.status()[0] is expected


def deliver(vote: Vote, ballots: dict[int, Ballot]) -> None:
    """In person if there is one, else in a batch."""
    signed = [vote.by(VOTERS[voter], ballot) for voter, ballot in ballots.items()]
    if len(signed) > 1:
        vote.cast(*signed)
        return
    for voter, ballot in ballots.items():
        vote.referee.call("castBallot", VOTERS[voter].address, BEGIN, 1, MODEL, ballot)
