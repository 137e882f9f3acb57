"""What an agent reads of the past: who sat where, what followed what, and when a group gets nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from colearn_agents.group.stalling import StallWatch
from colearn_agents.party.chronicle import Chronicle
from colearn_chain.errors import ChainError
from colearn_chain.rounds import UNOPENED, Ballot, Membership, Round, Status
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest, RoundNumber, Seat

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPERIMENT = "eip155:1:0x00000000000000000000000000000000000000aa"
SPEC = Digest(b"\x77" * 32)


class Past:
    """A contract of which only the past is asked; pages are cut as the contract cuts them."""

    def __init__(self, memberships: Sequence[Membership], rounds: Sequence[Round]) -> None:
        self._memberships = list(memberships)
        self._rounds = list(rounds)
        self.asked = 0

    def memberships(self, start: int, count: int) -> list[Membership]:
        """Memberships from an index."""
        self.asked += 1
        return self._memberships[start : start + count]

    def rounds(self, start: int, count: int) -> list[Round]:
        """Rounds from a number."""
        self.asked += 1
        return self._rounds[start - 1 : start - 1 + count]


def member(name: str, seat: int, first: int, last: int = NO_END) -> Membership:
    """A membership."""
    return Membership(
        learner=Address(name),
        seat=Seat(seat),
        first_round=RoundNumber(first),
        last_round=RoundNumber(last),
        closings=first - 1,
        encryption_key=bytes(32),
    )


def closed(number: int, status: Status, proposer: int = 0) -> Round:
    """A round whose digest is its number."""
    digest = NO_DIGEST if status is Status.SKIPPED else Digest(number.to_bytes(32))
    return replace(UNOPENED, status=status, proposer=Seat(proposer), digest=digest)


def chronicle(memberships: Sequence[Membership] = (), rounds: Sequence[Round] = ()) -> tuple[Chronicle, Past]:
    """A chronicle of such a past."""
    past = Past(memberships, rounds)
    contract: Any = past
    return Chronicle(contract, EXPERIMENT, SPEC), past


def holder(known: Chronicle, number: int) -> Address:
    """Who has seat 0 in a round."""
    return known.learner_at(Seat(0), RoundNumber(number), 3)


def test_a_seat_has_its_holder_of_that_round() -> None:
    """Who got a seat later did not have it before, and who had it before does not have it any more."""
    known, past = chronicle([member("0xA", 0, 1, 3), member("0xB", 1, 1), member("0xC", 0, 5)])
    assert [holder(known, number) for number in (1, 3, 5, 9)] == ["0xA", "0xA", "0xC", "0xC"]
    assert past.asked == 1


def test_a_node_that_knows_nobody_on_a_seat_is_not_believed() -> None:
    """An answer that makes no sense is an error of the node's, and no guess."""
    known, _ = chronicle([member("0xA", 4, 1)])
    with pytest.raises(ChainError, match="nobody on seat 0 in round 1"):
        known.learner_at(Seat(0), RoundNumber(1), 1)
    with pytest.raises(ChainError, match="has 1 memberships, but said 3"):
        holder(known, 1)


def test_a_proposal_follows_what_was_accepted_last() -> None:
    """Refused and skipped rounds are nobody's parent, however many lie between."""
    between = [closed(number, Status.REJECTED) for number in range(4, 150)]
    rounds = [
        closed(1, Status.REJECTED),
        closed(2, Status.ACCEPTED),
        closed(3, Status.SKIPPED),
        *between,
        closed(150, Status.ACCEPTED, proposer=1),
    ]
    known, _ = chronicle([member("0xA", 0, 1), member("0xB", 1, 1)], rounds)
    claim = known.claim(RoundNumber(150), 2)
    assert (claim.proposer, claim.parent) == ("0xB", Digest((2).to_bytes(32)))


def test_the_first_accepted_proposal_follows_the_spec() -> None:
    """Before anything is accepted the spec is the parent."""
    known, _ = chronicle([member("0xA", 0, 1)], [closed(1, Status.REJECTED), closed(2, Status.ACCEPTED)])
    assert known.claim(RoundNumber(2), 1).parent == SPEC
    with pytest.raises(ChainError, match="does not have round 3"):
        known.claim(RoundNumber(3), 1)


def test_skipped_rounds_in_a_row_are_counted_back() -> None:
    """Only those that come just before the round count, and no more than there are seats."""
    known, _ = chronicle(
        rounds=[closed(1, Status.SKIPPED), closed(2, Status.REJECTED), closed(3, Status.SKIPPED)]
    )
    assert [known.skipped_before(RoundNumber(number)) for number in (1, 2, 3, 4)] == [0, 1, 0, 1]
    many, _ = chronicle(rounds=[closed(number, Status.SKIPPED) for number in range(1, 101)])
    assert many.skipped_before(RoundNumber(101)) == 64


def test_an_accepted_round_begins_the_count_anew() -> None:
    """Only rounds in a row are a stall."""
    watch = StallWatch(2)
    assert watch.saw(Status.REJECTED, [], passed=False) is None
    assert watch.saw(Status.ACCEPTED, [], passed=False) is None
    assert watch.saw(Status.REJECTED, [], passed=False) is None
    assert watch.saw(Status.REJECTED, [], passed=False) is not None


def test_a_stall_names_all_its_causes() -> None:
    """Refused, unavailable, passed and lapsed rounds are told apart."""
    watch = StallWatch(5)
    unavailable = [None, Ballot.UNAVAILABLE, Ballot.NONE]
    stalled = [
        watch.saw(Status.REJECTED, [Ballot.REJECT], passed=False),
        watch.saw(Status.REJECTED, unavailable, passed=False),
        watch.saw(Status.SKIPPED, [], passed=True),
        watch.saw(Status.SKIPPED, [], passed=False),
        watch.saw(Status.SKIPPED, [], passed=False),
    ]
    assert stalled[:4] == [None] * 4
    assert stalled[4] == (
        "5 rounds in a row without an accepted proposal: 2 proposals refused, since none improved enough "
        "voters' scores; 1 of them unavailable to some voters; 1 turn passed, since their proposers had "
        "nothing to propose; 2 proposal windows ran out"
    )
