"""What is said about deeds before they are done, against what the reference model makes of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from eth_utils.address import to_checksum_address

from colearn_agents.experiments import acts
from colearn_agents.experiments.acts import Act, Situation
from colearn_agents.experiments.refusals import in_words
from colearn_chain.chain.abi import ENUMS, experiment_interface
from colearn_chain.errors import ContractReverted
from colearn_chain.rounds import Ballot, Call, Experiment, Phase, RuleBroken, Rules
from colearn_chain.types import Address, Digest, RoundNumber, Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.rounds import Membership

PARTIES = [Address(to_checksum_address(f"0x{number:040x}")) for number in range(1, 9)]
ORGANIZER, ALICE, BOB, CAROL, DAVE, *_ = PARTIES
KEY = bytes(range(32))
MODEL = Digest(bytes([9]) * 32)
NOW = Timestamp(1_000)
RULES = Rules(
    threshold_bps=5001,
    proposal_window=600,
    voting_window=600,
    contribution_window=0,
    min_learners=2,
    max_rounds=9,
    idle_rounds=1,
    start_deadline=NOW,
    count_proposer=False,
    close_early=False,
)


def call(sender: Address, now: int = NOW) -> Call:
    """A transaction of somebody's."""
    return Call(sender, Timestamp(now))


def begun(*members: Address) -> Experiment:
    """An experiment that these have joined, and that has not started; Dave is invited."""
    experiment = Experiment.deploy(ORGANIZER, 1, PARTIES[7], RULES, Digest(bytes([7]) * 32))
    experiment = experiment.invite(call(ORGANIZER), [*members, DAVE])
    for member in members:
        experiment = experiment.join(call(member), KEY)
    return experiment


def playing() -> Experiment:
    """Alice, Bob and Carol are in round 1, which waits for Alice's proposal."""
    return begun(ALICE, BOB, CAROL).start(call(ORGANIZER))


def seen(experiment: Experiment, who: Address) -> Situation:
    """How somebody sees it."""
    return Situation(rules=experiment.rules, snapshot=experiment.snapshot(who, 1, NOW))


def done(experiment: Experiment, act: Act, sender: Address, now: int = NOW) -> Experiment:
    """What comes of an act, by the reference model's function of the same name."""
    name = re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), act.function)
    after: Experiment = getattr(experiment, name)(call(sender, now), *act.arguments)
    return after


def latest(experiment: Experiment, who: Address) -> Membership:
    """Somebody's latest membership."""
    index = experiment.latest(who)
    assert index is not None
    return experiment.memberships[index]


def first_round_said(act: Act) -> int:
    """From which round on somebody takes part, as it is said."""
    found = re.search(r"from round (\d+) on", act.effects[0])
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("experiment", [begun(ALICE), begun(ALICE, BOB), playing()])
def test_joining_begins_when_it_is_said(experiment: Experiment) -> None:
    """While a round is open, the one after it is made up already."""
    act = acts.join(seen(experiment, DAVE), KEY)
    made = latest(done(experiment, act, DAVE), DAVE)
    assert made.first_round == first_round_said(act)
    assert made.encryption_key == KEY
    assert ("already made up" in act.effects[0]) == experiment.is_open


@pytest.mark.parametrize("experiment", [begun(ALICE), playing()])
def test_invitations_say_from_when_they_are_good(experiment: Experiment) -> None:
    """Who joins at once takes part from the round that is named."""
    act = acts.invite(seen(experiment, ORGANIZER), [PARTIES[5], PARTIES[6]])
    after = done(experiment, act, ORGANIZER).join(call(PARTIES[6]), KEY)
    assert latest(after, PARTIES[6]).first_round == first_round_said(act)
    assert PARTIES[5] in act.deed


@pytest.mark.parametrize(
    ("experiment", "learner", "effects"),
    [
        (begun(ALICE, BOB), ALICE, ["The invitation is gone at once.", "The membership ends at once."]),
        (
            playing(),
            ALICE,
            [
                "The invitation is gone at once.",
                "The membership ends with round 2: it keeps a round of notice.",
            ],
        ),
        (playing(), DAVE, ["The invitation is gone at once."]),
        (
            playing().join(call(DAVE), KEY),
            DAVE,
            ["The invitation is gone at once.", "The membership ends at once."],
        ),
        (playing().resign(call(BOB)), BOB, ["The invitation is gone at once."]),
        (
            playing().remove(call(ORGANIZER), BOB).invite(call(ORGANIZER), [BOB]),
            BOB,
            ["The invitation is gone at once."],
        ),
    ],
)
def test_removing_ends_when_it_is_said(experiment: Experiment, learner: Address, effects: list[str]) -> None:
    """A round of notice for who is in a round, none for who is not yet; a given end is not put off."""
    theirs = experiment.snapshot(learner, 1, NOW)
    act = acts.remove(seen(experiment, ORGANIZER), learner, theirs)
    assert list(act.effects) == effects
    after = done(experiment, act, ORGANIZER)
    assert learner not in after.invited
    if "round of notice" in effects[-1]:
        assert latest(after, learner).last_round == experiment.number + 1
    elif len(effects) > 1:
        assert latest(after, learner).last_round == experiment.number
    elif theirs.joined:
        assert latest(after, learner) == latest(experiment, learner)


@pytest.mark.parametrize("experiment", [begun(ALICE, BOB), playing()])
def test_leaving_ends_when_it_is_said(experiment: Experiment) -> None:
    """With the open round; at once when there is none."""
    act = acts.leave(seen(experiment, ALICE))
    assert latest(done(experiment, act, ALICE), ALICE).last_round == experiment.number
    assert act.effects[0].startswith(
        "Your membership ends with round 1, which is open"
        if experiment.is_open
        else "Your membership ends at once"
    )


def closed(experiment: Experiment) -> Experiment:
    """The experiment after its open round, which nobody proposed in."""
    number = experiment.number
    return experiment.advance(call(DAVE, experiment.round(number).time + 1), number)


@pytest.mark.parametrize(("before", "pauses"), [([], False), ([BOB], True)])
def test_a_pause_is_foretold(before: list[Address], pauses: bool) -> None:  # noqa: FBT001 - expected
    """Who leaves, and who closes a round, is told when too few are left for the next."""
    experiment = playing()
    for each in before:
        experiment = experiment.resign(call(each))
    act = acts.leave(seen(experiment, CAROL))
    assert ("the experiment then pauses" in act.effects[-1]) == pauses
    experiment = done(experiment, act, CAROL)
    advance = acts.advance(seen(experiment, DAVE))
    assert ("pauses" in advance.effects[-1]) == pauses
    assert (closed(experiment).phase is Phase.JOINING) == pauses


def test_no_pause_is_foretold_where_all_rounds_are_over() -> None:
    """Who leaves in the last round, or after it, leaves an experiment that ends, and does not pause."""
    experiment = playing()
    for _ in range(RULES.max_rounds - 1):
        experiment = closed(experiment)
    last = experiment.resign(call(BOB))
    for each in (last, closed(last)):
        assert len(acts.leave(seen(each, CAROL)).effects) == 1


def voted(*ballots: Ballot) -> Experiment:
    """Round 1 with a proposal of Alice's, and ballots of Bob's and Carol's."""
    experiment = playing().propose(call(ALICE), RoundNumber(1), MODEL)
    for voter, ballot in zip((BOB, CAROL), ballots, strict=False):
        experiment = experiment.cast_ballot(call(voter), RoundNumber(1), MODEL, ballot)
    return experiment


@pytest.mark.parametrize(
    ("experiment", "outcome"),
    [
        (playing(), "skipped: nothing was proposed in time"),
        (voted(), "rejected, by the ballots that were cast"),
        (voted(Ballot.APPROVE), "rejected"),
    ],
)
def test_closing_a_round_says_how_it_closes(experiment: Experiment, outcome: str) -> None:
    """By the ballots so far, whatever they are."""
    act = acts.advance(seen(experiment, DAVE))
    assert f"Round 1 closes as {outcome}" in act.effects[0]
    assert act.effects[1] == "Round 2 opens at once with 3 learners."
    after = done(experiment, act, DAVE, experiment.round(1).time + 1)
    assert after.round(1).status.name.lower() in act.effects[0]


def test_the_last_round_ends_it_all() -> None:
    """Closing it finishes the experiment."""
    experiment = playing()
    for _ in range(RULES.max_rounds - 1):
        experiment = closed(experiment)
    act = acts.advance(seen(experiment, DAVE))
    assert act.effects[-1] == "It was the last one: the experiment is then finished."
    assert closed(experiment).phase is Phase.FINISHED


def test_other_deeds_are_the_contracts() -> None:
    """Start, remove-idle, transfer and renounce call what they should."""
    start = acts.start(seen(begun(ALICE, BOB), ORGANIZER))
    assert start.effects == ("Round 1 opens with 2 learners; its proposer has 10 minutes from then on.",)
    assert done(begun(ALICE, BOB), start, ORGANIZER).is_open
    idle = closed(playing())
    remove = acts.remove_idle(seen(idle, DAVE), ALICE)
    assert latest(done(idle, remove, DAVE), ALICE).last_round == 2
    assert "with round 2, which is open" in remove.effects[0]
    assert done(playing(), acts.transfer(BOB), ORGANIZER).organizer == BOB
    assert int(done(playing(), acts.renounce(), ORGANIZER).organizer, 16) == 0


# ------------------------------------------------------------------------------------------------- refusals


def some_value(kind: str, enum: str) -> Any:
    """Any value of a Solidity type."""
    if enum in ENUMS:
        return next(iter(ENUMS[enum]))
    return ALICE if kind == "address" else bytes(32) if kind.startswith("bytes") else 1


def test_whatever_the_contract_says_is_put_in_words() -> None:
    """Each sentence is made of values that the error has, by the names that the contract gives them."""
    for entry in experiment_interface().errors.values():
        values = {
            each["name"]: some_value(each["type"], each.get("internalType", "").rpartition(".")[2])
            for each in entry["inputs"]
        }
        assert in_words(ContractReverted(entry["name"], values))


def refused(attempt: Callable[[], object]) -> str:
    """What is said of a call that the reference model refuses, as the contract does."""
    with pytest.raises(RuleBroken) as broken:
        attempt()
    return in_words(ContractReverted(broken.value.name, broken.value.values))


def test_what_the_contract_refuses_is_said_in_sentences() -> None:
    """Every way in which a deed of these commands can be refused."""
    new, open_ = begun(ALICE), playing()
    finished = open_
    for _ in range(RULES.max_rounds):
        finished = closed(finished)
    late = Timestamp(NOW - 1)
    sentences = [
        (lambda: new.invite(call(ALICE), [BOB]), f"only the organizer may do this, and {ALICE} is not"),
        (lambda: new.invite(call(ORGANIZER), [ALICE]), f"{ALICE} is invited already"),
        (lambda: new.remove(call(ORGANIZER), BOB), f"{BOB} is no member"),
        (lambda: new.join(call(BOB), KEY), f"{BOB} has no invitation; the organizer can give it one"),
        (lambda: new.join(call(ALICE), KEY), f"{ALICE} is a member already"),
        (
            lambda: new.start(call(ORGANIZER)),
            "1 learner would take part, and no round opens with fewer than 2",
        ),
        (lambda: new.start(call(ALICE, late)), "until 1970-01-01 00:16:40 UTC only the organizer may start"),
        (lambda: new.advance(call(ALICE), RoundNumber(0)), "no round is open"),
        (lambda: open_.start(call(ORGANIZER)), "a round is open already"),
        (lambda: finished.start(call(ORGANIZER)), "the experiment is finished: it has played all its rounds"),
        (
            lambda: finished.join(call(DAVE), KEY),
            "too late to join: round 10 would be the first, and round 9",
        ),
        (lambda: open_.advance(call(ALICE), RoundNumber(1)), "round 1 is open until 1970-01-01 00:26:40 UTC"),
        (
            lambda: open_.resign(call(BOB)).resign(call(BOB)),
            f"the membership of {BOB} ends with round 1 already",
        ),
        (
            lambda: open_.resign(call(BOB)).join(call(BOB), KEY),
            f"{BOB} is a member already up to round 1",
        ),
        (
            lambda: open_.remove_idle(call(DAVE), ALICE),
            f"{ALICE} has missed 0 rounds; it can be removed after 1 in a row",
        ),
        (
            lambda: closed(voted(Ballot.REJECT)).remove_idle(call(DAVE), BOB),
            f"{BOB} is not idle: it took part in round 1",
        ),
    ]
    for attempt, words in sentences:
        assert words in refused(attempt)


def test_a_refusal_without_a_sentence_keeps_its_name() -> None:
    """Whatever else the contract may say."""
    assert "Panic(code=17)" in in_words(ContractReverted("Panic", {"code": 17}))
