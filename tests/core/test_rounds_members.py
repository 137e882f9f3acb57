"""Deploying, joining, leaving, starting and keys: what is refused, and with which values.

Everything is tried on the reference model and on the compiled contract.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from colearn_chain.rounds import Ballot, Phase, RuleBroken, Rules
from colearn_chain.testing.referees import refusal
from colearn_chain.types import NO_DIGEST, NO_END, Address, Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.referees import Referee

BEGIN = 1_000
SPEC, MODEL, OTHER = (Digest(bytes([number]) * 32) for number in (1, 2, 3))
ORGANIZER, ANN, BOB, CYD, DAN, STRANGER = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 17))
ZERO_ADDRESS = Address("0x" + 40 * "0")


# rules


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("threshold_bps", 1, 10_000),
        ("proposal_window", 1, 2_592_000),
        ("voting_window", 1, 2_592_000),
        ("contribution_window", 0, 99),
        ("min_learners", 2, 64),
        ("max_rounds", 1, 2**24 - 3),
        ("idle_rounds", 1, 32),
    ],
)
def test_deploy_with_a_rule_out_of_range(
    deploy: Callable[..., Referee], rules: Rules, *, field: str, least: int, most: int
) -> None:
    """Both ends are allowed and nothing beyond; the error has the rule, the value and the ends."""
    rule = re.sub("_([a-z])", lambda found: found[1].upper(), field).encode().ljust(32, b"\0")
    for value in (least, most):
        deploy(Rules(**asdict(rules) | {field: value}))
    # what is below zero has no place in the ABI
    for value in {max(least - 1, 0), most + 1} - {least}:
        with pytest.raises(RuleBroken) as caught:
            deploy(Rules(**asdict(rules) | {field: value}))
        assert caught.value.name == "RuleOutOfRange"
        assert caught.value.values == {"rule": rule, "value": value, "least": least, "most": most}


def test_deploy_without_a_spec(deploy: Callable[..., Referee], rules: Rules) -> None:
    """There must be something to start from."""
    with pytest.raises(RuleBroken, match="EmptyDigest"):
        deploy(rules, NO_DIGEST)


# joining and the organizer


def test_join_without_invitation(joined: Callable[..., Referee], rules: Rules) -> None:
    """The organizer decides who may join."""
    assert refusal(joined(rules), "join", STRANGER, BEGIN, bytes(32)) == ("NotInvited", {"learner": STRANGER})


def test_join_twice(proposing: Referee) -> None:
    """A member is one already, and has one vote."""
    expected = ("AlreadyMember", {"learner": ANN, "lastRound": NO_END})
    assert refusal(proposing, "join", ANN, BEGIN, bytes(32)) == expected


def test_join_again_while_the_last_round_is_open(proposing: Referee) -> None:
    """Else it could hold two seats in one round."""
    proposing.call("resign", ANN, BEGIN)
    assert refusal(proposing, "join", ANN, BEGIN, bytes(32)) == (
        "AlreadyMember",
        {"learner": ANN, "lastRound": 1},
    )


def test_join_for_a_round_after_the_last(started: Callable[[Rules], Referee], rules: Rules) -> None:
    """Nobody joins for nothing."""
    referee = started(replace(rules, max_rounds=2))
    assert refusal(referee, "join", DAN, BEGIN, bytes(32)) == (
        "TooLateToJoin",
        {"firstRound": 3, "maxRounds": 2},
    )


def test_join_when_all_seats_are_taken(deploy: Callable[..., Referee], rules: Rules) -> None:
    """64 learners are the most; the 65th finds no seat."""
    crowd = [Address("0x" + f"{number:02x}" * 20) for number in range(0xA0, 0xA0 + 65)]
    crowd = [Address(_checksummed(each)) for each in crowd]
    referee = deploy(rules)
    referee.call("invite", ORGANIZER, BEGIN, crowd)
    for learner in crowd[:64]:
        referee.call("join", learner, BEGIN, bytes(32))
    assert refusal(referee, "join", crowd[64], BEGIN, bytes(32)) == ("NoSeatFree", {})


def _checksummed(address: str) -> str:
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - only where letters have two cases

    return to_checksum_address(address)


def test_invite_by_a_member(joined: Callable[..., Referee], rules: Rules) -> None:
    """Members do not choose their peers."""
    assert refusal(joined(rules), "invite", ANN, BEGIN, [STRANGER]) == ("NotOrganizer", {"caller": ANN})


def test_invite_one_address_twice_at_once(joined: Callable[..., Referee], rules: Rules) -> None:
    """One bad address spoils the whole call: nobody is invited."""
    expected = ("AlreadyInvited", {"learner": STRANGER})
    assert refusal(joined(rules), "invite", ORGANIZER, BEGIN, [STRANGER, STRANGER]) == expected


def test_invite_nobody(joined: Callable[..., Referee], rules: Rules) -> None:
    """The zero address is a mistake, not a learner."""
    assert refusal(joined(rules), "invite", ORGANIZER, BEGIN, [STRANGER, ZERO_ADDRESS]) == ("ZeroAddress", {})


def test_hand_the_role_to_nobody(joined: Callable[..., Referee], rules: Rules) -> None:
    """Giving it up is another call, so that no slip does it."""
    assert refusal(joined(rules), "transferOrganizer", ORGANIZER, BEGIN, ZERO_ADDRESS) == ("ZeroAddress", {})


def test_organize_after_renouncing(joined: Callable[..., Referee], rules: Rules) -> None:
    """It is for good."""
    referee = joined(rules)
    referee.call("renounceOrganizer", ORGANIZER, BEGIN)
    assert refusal(referee, "invite", ORGANIZER, BEGIN, [STRANGER]) == ("NotOrganizer", {"caller": ORGANIZER})


def test_remove_a_stranger(joined: Callable[..., Referee], rules: Rules) -> None:
    """Neither an invitation nor a membership: there is nothing to take away."""
    assert refusal(joined(rules), "remove", ORGANIZER, BEGIN, STRANGER) == (
        "NotActive",
        {"learner": STRANGER, "lastRound": 0},
    )


def test_remove_twice(proposing: Referee) -> None:
    """A second removal would not bring the end forward."""
    proposing.call("remove", ORGANIZER, BEGIN, BOB)
    assert refusal(proposing, "remove", ORGANIZER, BEGIN, BOB) == (
        "NotActive",
        {"learner": BOB, "lastRound": 2},
    )


def test_remove_gives_a_round_of_notice(voting: Referee) -> None:
    """The organizer has no say in the open round, nor in the next."""
    voting.call("remove", ORGANIZER, BEGIN, BOB)
    voting.call("castBallot", BOB, BEGIN, 1, MODEL, Ballot.APPROVE)
    voting.call("castBallot", CYD, BEGIN, 1, MODEL, Ballot.APPROVE)
    voting.call("passTurn", BOB, BEGIN, 2)
    assert refusal(voting, "castBallot", BOB, BEGIN, 3, MODEL, 1)[0] == "NotVoting"
    assert [each.electorate for each in voting.rounds()] == [0b111, 0b111, 0b101]


def test_resign_twice(proposing: Referee) -> None:
    """An end that was set stays."""
    proposing.call("resign", BOB, BEGIN)
    assert refusal(proposing, "resign", BOB, BEGIN) == ("NotActive", {"learner": BOB, "lastRound": 1})


# starting


def test_start_too_early_by_a_member(joined: Callable[..., Referee], rules: Rules) -> None:
    """On the last second of the deadline the start is still the organizer's."""
    expected = ("StartReserved", {"caller": ANN, "startDeadline": BEGIN + 10})
    assert refusal(joined(rules), "start", ANN, BEGIN + 10) == expected


def test_start_by_a_stranger_a_second_later(joined: Callable[..., Referee], rules: Rules) -> None:
    """Then it is anyone's: an organizer that vanished holds nobody up."""
    referee = joined(rules)
    referee.call("start", STRANGER, BEGIN + 11)
    assert referee.snapshot(ANN, BEGIN).phase is Phase.PROPOSING


def test_start_with_too_few(joined: Callable[..., Referee], rules: Rules) -> None:
    """One learner cannot play alone."""
    expected = ("TooFewLearners", {"learners": 1, "minLearners": 2})
    assert refusal(joined(rules, learners=(ANN,)), "start", ORGANIZER, BEGIN) == expected


def test_start_twice(proposing: Referee) -> None:
    """A round is open."""
    assert refusal(proposing, "start", ORGANIZER, BEGIN) == ("NotJoining", {"phase": Phase.PROPOSING})


# keys


@pytest.mark.parametrize("length", [0, 257])
def test_share_a_key_of_impossible_length(voting: Referee, length: int) -> None:
    """Events are cheap, but not for novels."""
    expected = ("WrappedKeyLength", {"length": length, "most": 256})
    assert refusal(voting, "shareKey", ANN, BEGIN, 1, BOB, bytes(length)) == expected


def test_share_a_key_with_a_stranger(voting: Referee) -> None:
    """Keys are for members, past rounds' included, and for newcomers."""
    expected = ("NotMember", {"caller": STRANGER, "round": 1})
    assert refusal(voting, "shareKey", ANN, BEGIN, 1, STRANGER, b"key") == expected
    voting.call("join", DAN, BEGIN, bytes(32))
    voting.call("shareKey", ANN, BEGIN, 1, DAN, b"key")


def test_ask_for_the_key_of_nothing(proposing: Referee) -> None:
    """Nothing was proposed, so there is no key."""
    assert refusal(proposing, "askKey", BOB, BEGIN, 1) == ("NoProposal", {"round": 1})
