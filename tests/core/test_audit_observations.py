"""Audits of long histories: times that the rules do not allow, and habits that are worth knowing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from colearn_chain.audit import Change, Evidence, Kind, Log, LoggedBallot, Report, audit
from colearn_chain.rounds import Ballot, Call, Closing, Experiment, History, Rules
from colearn_chain.testing.cards import RELEASE, card_for, deployed, history_of, rehashed
from colearn_chain.types import Address, Digest, RoundNumber, Seat, Timestamp

if TYPE_CHECKING:
    from colearn_chain.artefacts import Deployment

SPEC, MODEL = Digest(b"\x01" * 32), Digest(b"\x02" * 32)
ANN, BOB, CYD = (Address("0x" + digits * 20) for digits in ("12", "34", "56"))
NAMES = {ANN: "Ann", BOB: "Bob", CYD: "Cyd"}
BALLOTS = {"A": Ballot.APPROVE, "R": Ballot.REJECT, "U": Ballot.UNAVAILABLE}
PROPOSAL_WINDOW, VOTING_WINDOW = 100, 50
RULES = Rules(
    threshold_bps=5001,
    proposal_window=PROPOSAL_WINDOW,
    voting_window=VOTING_WINDOW,
    contribution_window=0,
    min_learners=2,
    max_rounds=80,
    idle_rounds=1,
    start_deadline=0,
    count_proposer=False,
    close_early=False,
)
ORGANIZER = card_for(RULES, SPEC).deployment([RELEASE]).organizer


@dataclass
class Tale:
    """Ann, Bob and Cyd propose by turns; each call comes a second after the one before."""

    now: int = 1_000
    rules: Rules = RULES
    experiment: Experiment = field(init=False)

    def __post_init__(self) -> None:
        """Deploy."""
        self.experiment = deployed(self.deployment)

    @property
    def deployment(self) -> Deployment:
        """What its card's transaction makes."""
        return card_for(self.rules, SPEC).deployment([RELEASE])

    def begin(self) -> Tale:
        """All three join, and round 1 opens."""
        organizer = ORGANIZER
        self.call("invite", organizer, [ANN, BOB, CYD])
        for learner in (ANN, BOB, CYD):
            self.call("join", learner, bytes(32))
        self.call("start", organizer)
        return self

    def call(self, name: str, who: Address, *arguments: Any) -> None:
        """Somebody calls the contract."""
        self.now += 1
        self.experiment = getattr(self.experiment, name)(Call(who, Timestamp(self.now)), *arguments)

    def tell(self, *rounds: str) -> Tale:
        """Rounds: `pass`, `lapse`, or the ballots of those who have one, from the lowest seat."""
        for told in rounds:
            self.one(told)
        return self

    def one(self, told: str) -> None:
        """One round."""
        number = RoundNumber(len(self.experiment.rounds))
        proposer = (ANN, BOB, CYD)[self.experiment.rounds[-1].proposer]
        if told == "pass":
            self.call("pass_turn", proposer, number)
            return
        if told != "lapse":
            self.call("propose", proposer, number, MODEL)
        voters = [each for each in (ANN, BOB, CYD) if each != proposer or self.rules.count_proposer]
        for learner, ballot in zip(voters, told if told != "lapse" else "", strict=False):
            if ballot != "-":
                self.call("cast_ballot", learner, number, MODEL, BALLOTS[ballot])
        if told == "lapse" or "-" in told:
            self.now += PROPOSAL_WINDOW
            self.call("advance", ANN, number)

    def history(self) -> History:
        """What has been told so far."""
        return history_of(self.experiment, self.deployment)


def report_of(history: History, **more: Any) -> Report:
    """The audit of a history whose hash is trusted, with names for the learners."""
    evidence = Evidence(
        card=card_for(history.rules, SPEC),
        releases=(RELEASE,),
        history=history,
        trusted_hash=history.history_hash,
        **more,
    )
    return audit(evidence, lambda address: NAMES.get(address, address))


def noted(history: History, subject: str) -> list[str]:
    """What is worth knowing of a subject."""
    findings = report_of(history).findings
    return [each.text for each in findings if each.kind is Kind.NOTED and each.subject == subject]


def delayed(history: History, number: int, seconds: int) -> History:
    """The history with a round, and all after it, closed so much later; hashed as a contract would."""
    rounds = [
        closed if index < number else replace(closed, time=Timestamp(closed.time + seconds))
        for index, closed in enumerate(history.rounds, start=1)
    ]
    return rehashed(replace(history, rounds=tuple(rounds)))


def wrong(history: History) -> list[str]:
    """What is wrong."""
    return [each.subject for each in report_of(history).findings if each.kind is Kind.WRONG]


@pytest.mark.parametrize(
    ("told", "gap", "window"),
    [("lapse", PROPOSAL_WINDOW + 1, PROPOSAL_WINDOW), ("A-", PROPOSAL_WINDOW + 3, VOTING_WINDOW)],
)
def test_a_window_that_was_cut_short(told: str, gap: int, window: int) -> None:
    """A round that closed by its deadline took longer than that window, however it is hashed."""
    history = Tale().begin().tell("AA", told, "AA").history()
    assert wrong(history) == []
    assert wrong(delayed(history, 2, window + 1 - gap)) == []
    assert wrong(delayed(history, 2, window - gap)) == ["round 2: time"]


@pytest.mark.parametrize(
    ("told", "gap", "most"),
    [("pass", 1, PROPOSAL_WINDOW), ("RR", 3, PROPOSAL_WINDOW + VOTING_WINDOW)],
)
def test_an_act_after_the_deadline(told: str, gap: int, most: int) -> None:
    """A turn is passed within its window, and a last ballot cast within both."""
    history = Tale().begin().tell("AA", told, "AA").history()
    assert wrong(delayed(history, 2, most - gap)) == []
    assert wrong(delayed(history, 2, most + 1 - gap)) == ["round 2: time"]


def test_a_pause_is_no_late_act() -> None:
    """While nobody could act no window ran; the join that ended the pause shows it."""
    tale = Tale().begin()
    for learner in (BOB, CYD):
        tale.call("resign", learner)
    tale.one("AA")
    tale.now += 10_000
    tale.call("join", BOB, bytes(32))
    tale.call("start", ORGANIZER)
    tale.call("pass_turn", BOB, RoundNumber(2))
    assert [closed.closing for closed in tale.experiment.rounds[:2]] == [Closing.COMPLETE, Closing.PASSED]
    assert wrong(tale.history()) == []


def test_learners_that_always_vote_alike() -> None:
    """Five common rounds with more than one kind of ballot; Bob and Cyd, when Ann proposes."""
    tale = Tale().begin()
    for ballots in ("AA", "RR", "AA", "UU", "RR"):
        tale.tell(ballots, "AR", "AR")
    said = noted(tale.history(), "ballots")
    assert [text for text in said if "always voted as" in text] == [
        "Bob has always voted as Cyd, approvals and others alike"
    ]


def test_agreement_that_says_nothing() -> None:
    """Four common rounds are too few, and the same ballot every time is told of each learner by itself."""
    tale = Tale().begin()
    for ballots in ("AA", "RR", "AA", "RR"):
        tale.tell(ballots, "AR", "AR")
    assert not [text for text in noted(tale.history(), "ballots") if "always voted as" in text]
    everybody = Tale().begin().tell(*["AA"] * 15).history()
    assert noted(everybody, "ballots") == [
        f"all 10 ballots of {name} are the same: approve" for name in ("Ann", "Bob", "Cyd")
    ]


def test_proposers_that_lose_their_turns() -> None:
    """At least half of three turns or more; passed and lapsed are told apart."""
    history = Tale().begin().tell("pass", "AA", "AA", "lapse", "AA", "pass", "AR", "AR", "AR").history()
    assert noted(history, "turns") == ["Ann proposed nothing in 2 of its 3 turns: 1 passed, 1 lapsed"]
    assert noted(Tale().begin().tell("pass", "AA", "AA", "pass").history(), "turns") == []


def test_rounds_that_were_decided_without_all_ballots() -> None:
    """Which rounds, and whose ballots were missing how often; lapsed turns had nothing to vote on."""
    history = Tale().begin().tell("A-", "lapse", "--", "AA").history()
    (said,) = noted(history, "ballots")
    assert (
        said
        == "decided without all ballots: rounds 1 and 3; missing were those of Ann (1), Bob (1) and Cyd (1)"
    )


def test_a_long_list_of_rounds_is_cut() -> None:
    """A sentence stays a sentence; what follows on each other is one part of it."""
    history = Tale().begin().tell(*["--"] * 15).history()
    assert "rounds 1 to 15;" in noted(history, "ballots")[0]
    patchy = Tale().begin().tell(*["--", "AA"] * 15).history()
    assert "rounds 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and 3 more;" in noted(patchy, "ballots")[-1]


def test_memberships_that_ended() -> None:
    """Who left, and when; the chain does not store why."""
    tale = Tale().begin().tell("AA")
    tale.call("resign", CYD)
    assert noted(tale.history(), "memberships") == ["the membership of Cyd ended with round 2"]


def logged(history: History, *orders: str) -> Log:
    """A log in which the ballots of each round were cast by Ann, Bob and Cyd in an order such as `CA`, `A=B`.

    `=`: in one transaction. Of a learner that is not named there is no ballot in the log.
    """
    ballots = []
    for number, order in enumerate(orders, start=1):
        moment = 0
        for sign in order:
            if sign == "=":
                moment -= 1
                continue
            moment += 1
            learner = {"A": ANN, "B": BOB, "C": CYD}[sign]
            seat = (ANN, BOB, CYD).index(learner)
            ballot = history.rounds[number - 1].ballot_at(Seat(seat))
            ballots.append(LoggedBallot(RoundNumber(number), learner, ballot, (number, moment)))
    return Log("a node", ballots=tuple(ballots))


def with_log(history: History, log: Log) -> list[str]:
    """What an audit finds of a history with a log: kind, subject and text in one."""
    return [f"{each.kind} {each.subject} {each.text}" for each in report_of(history, log=log).findings]


def test_a_learner_that_votes_as_others_before_it() -> None:
    """Bob saw a ballot in twelve rounds, of both kinds, and cast the same; who was first follows nobody."""
    history = Tale().begin().tell(*["AA", "AA", "RR", "RR", "AR", "AA"] * 3).history()
    orders = ["CB", "CA", "AB"] * 6
    told = [line for line in with_log(history, logged(history, *orders)) if "after others" in line]
    assert told == [
        "noted ballots Bob voted after others in 12 rounds, and every time as most of them",
    ]


@pytest.mark.parametrize(
    ("ballots", "order"),
    [
        (["AA", "RR", "AA", "RR"] * 3, "C=B"),
        (["AA"] * 12, "CB"),
        (["AA", "RR", "AR", "AA"] * 3, "CB"),
    ],
)
def test_what_makes_nobody_a_follower(ballots: list[str], order: str) -> None:
    """Ballots that came in one transaction, a group of one mind, and one round in which it differed."""
    history = Tale().begin().tell(*(told for each in ballots for told in (each, "pass", "pass"))).history()
    log = logged(history, *(told for _ in ballots for told in (order, "", "")))
    assert not [line for line in with_log(history, log) if "after others" in line]


def test_a_tie_before_it_leads_nobody() -> None:
    """With one approval and one rejection before it, whatever it votes follows neither."""
    history = Tale(rules=replace(RULES, count_proposer=True)).begin().tell(*["ARA", "RAR"] * 6).history()
    log = logged(history, *["ABC"] * 12)
    assert not [line for line in with_log(history, log) if "Cyd voted after" in line]


def test_a_log_that_contradicts_the_history() -> None:
    """The history is what the hash commits to, so the log's node tells lies."""
    history = Tale().begin().tell("AA", "AR").history()
    honest = logged(history, "BC", "AC")
    turned = replace(honest.ballots[0], ballot=Ballot.REJECT)
    strange = replace(honest.ballots[1], learner=ORGANIZER)
    lies = [line for line in with_log(history, replace(honest, ballots=(turned, strange))) if "log" in line]
    assert lies[0] == (
        "wrong log the log of a node says that Bob voted reject in round 1, the history approve, "
        "and 1 more such lies"
    )


def test_a_log_that_lacks_ballots() -> None:
    """That is said; ballots of rounds that are not closed, or never were, count for nothing."""
    history = Tale().begin().tell("AA", "AR").history()
    honest = logged(history, "BC", "AC")
    beyond = tuple(replace(honest.ballots[0], number=RoundNumber(number)) for number in (0, 3, 10**9))
    assert not [line for line in with_log(history, honest) if "lacks" in line]
    short = replace(honest, ballots=(*honest.ballots[1:], *beyond))
    assert "noted log the log of a node lacks 1 of the ballots" in with_log(history, short)


def test_the_organizers_changes() -> None:
    """Where a log is to be had they are listed; where not, that is said, and why."""
    history = Tale().begin().tell("AA").history()
    assert "no node was asked" in noted(history, "log")[0]
    report = report_of(history, log=Log("a node", changes=(Change(7, "Cyd was invited"),)))
    assert [each.text for each in report.findings if each.subject == "organizer"] == [
        "block 7: Cyd was invited"
    ]
    quiet = report_of(history, log=Log("a node"))
    assert "invited and removed nobody" in next(
        each.text for each in quiet.findings if each.subject == "organizer"
    )
