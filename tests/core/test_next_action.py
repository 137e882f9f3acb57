"""What an agent does next: one rule a test, on snapshots of the reference model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearn_chain.rounds import (
    Action,
    Adopt,
    Advance,
    AskKey,
    Ballot,
    Call,
    Contribute,
    Experiment,
    PassTurn,
    Propose,
    Rules,
    ShareKey,
    Start,
    Stop,
    View,
    Vote,
    Wait,
    next_action,
)
from colearn_chain.types import Address, Digest, RoundNumber, Timestamp

BEGIN = Timestamp(1_000)
SPEC, MODEL = Digest(b"\x01" * 32), Digest(b"\x02" * 32)
ORGANIZER, ANN, BOB, CYD, DAN = (Address("0x" + f"{number:02d}" * 20) for number in range(11, 16))
RULES = Rules(
    threshold_bps=5001,
    proposal_window=100,
    voting_window=50,
    contribution_window=0,
    min_learners=2,
    max_rounds=4,
    idle_rounds=2,
    start_deadline=BEGIN + 10,
    count_proposer=False,
    close_early=False,
)
FAN_IN = replace(RULES, contribution_window=40)
ONE = RoundNumber(1)


def joined(rules: Rules = RULES, learners: tuple[Address, ...] = (ANN, BOB, CYD)) -> Experiment:
    """An experiment before its start; seats in the order of the names."""
    by_organizer = Call(ORGANIZER, BEGIN)
    deployed = Experiment.deploy(ORGANIZER, 1, ORGANIZER, rules, SPEC)
    experiment = deployed.invite(by_organizer, [*learners, DAN])
    for learner in learners:
        experiment = experiment.join(Call(learner, BEGIN), bytes(32))
    return experiment


def proposing(rules: Rules = RULES) -> Experiment:
    """Round 1, Ann's turn."""
    return joined(rules).start(Call(ORGANIZER, BEGIN))


def voting(rules: Rules = RULES) -> Experiment:
    """Round 1, Ann's proposal is up."""
    return proposing(rules).propose(Call(ANN, BEGIN), ONE, MODEL)


def accepted(rules: Rules = RULES) -> Experiment:
    """Round 1 was accepted."""
    by_bob = voting(rules).cast_ballot(Call(BOB, BEGIN), ONE, MODEL, Ballot.APPROVE)
    return by_bob.cast_ballot(Call(CYD, BEGIN), ONE, MODEL, Ballot.APPROVE)


def view_of(experiment: Experiment, me: Address, held: Digest | None = SPEC) -> View:
    """What ``me`` sees."""
    return View(snapshot=experiment.snapshot(me, 1, BEGIN), rules=experiment.rules, held=held)


def action(experiment: Experiment, me: Address, now: int = BEGIN, held: Digest | None = SPEC) -> Action:
    """What ``me`` does next."""
    return next_action(view_of(experiment, me, held), me, Timestamp(now))


def test_the_accepted_model_is_adopted_before_anything_else() -> None:
    """Nobody trains, tests or votes from another model than the one that holds."""
    assert action(accepted(), BOB) == Adopt(ONE, MODEL)


def test_the_first_weights_are_adopted_from_the_spec() -> None:
    """A learner that holds nothing yet takes the spec's weights, which are round 0's."""
    assert action(proposing(), ANN, held=None) == Adopt(RoundNumber(0), SPEC)


def test_the_proposer_proposes() -> None:
    """The round's proposer puts up a proposal."""
    assert action(proposing(), ANN) == Propose(ONE)


def test_the_others_wait_for_the_proposal() -> None:
    """Until the proposer acts, time can change something only after the deadline."""
    assert action(proposing(), BOB) == Wait(Timestamp(BEGIN + RULES.proposal_window + 1))


def test_a_proposer_with_nothing_to_propose_passes() -> None:
    """Then the group need not wait out the window."""
    view = replace(view_of(proposing(), ANN), nothing_to_propose="the budget is spent")
    assert next_action(view, ANN, BEGIN) == PassTurn(ONE)


@pytest.mark.parametrize(("skipped", "expected"), [(2, PassTurn), (3, Stop)])
def test_as_many_skipped_rounds_as_learners_stop_the_passing(skipped: int, expected: type[Action]) -> None:
    """Three learners that have nothing to propose must not pass their way to the last round."""
    view = replace(view_of(proposing(), ANN), nothing_to_propose="the budget is spent")
    view = replace(view, skipped_in_a_row=skipped)
    result = next_action(view, ANN, BEGIN)
    assert type(result) is expected
    assert isinstance(result, PassTurn) or "the budget is spent" in str(result)


def test_skipped_rounds_do_not_keep_a_proposer_from_proposing() -> None:
    """Whoever has something to propose ends the row."""
    view = replace(view_of(proposing(), ANN), skipped_in_a_row=3)
    assert next_action(view, ANN, BEGIN) == Propose(ONE)


def test_a_voter_votes_on_the_last_second_of_the_window() -> None:
    """A window is open while block time is not greater than its deadline."""
    assert action(voting(), BOB, BEGIN + RULES.voting_window) == Vote(ONE, MODEL)


def test_a_voter_votes_once() -> None:
    """Its own ballot is on chain: there is nothing to do till the window is over."""
    experiment = voting().cast_ballot(Call(BOB, BEGIN), ONE, MODEL, Ballot.REJECT)
    assert action(experiment, BOB) == Wait(Timestamp(BEGIN + RULES.voting_window + 1))


def test_a_proposer_whose_ballot_does_not_count_casts_none() -> None:
    """It would only be refused."""
    assert isinstance(action(voting(), ANN), Wait)


def test_a_proposer_whose_ballot_counts_votes() -> None:
    """Rule count_proposer makes it a voter."""
    assert action(voting(replace(RULES, count_proposer=True)), ANN) == Vote(ONE, MODEL)


@pytest.mark.parametrize("experiment", [proposing(), voting()])
def test_after_the_deadline_anyone_advances(experiment: Experiment) -> None:
    """A second after the deadline nobody proposes or votes: the round is closed."""
    late = experiment.round(1).time + 1
    assert action(experiment, ANN, late) == action(experiment, BOB, late) == Advance(ONE)


def test_a_newcomer_waits_through_its_round_of_notice() -> None:
    """Its membership begins with round 3: in rounds 1 and 2 it neither proposes nor votes."""
    experiment = voting().join(Call(DAN, BEGIN), bytes(32))
    assert isinstance(action(experiment, DAN), Wait)


def test_a_learner_that_resigned_still_votes_in_the_open_round() -> None:
    """Its membership covers it."""
    experiment = voting().resign(Call(BOB, BEGIN))
    assert action(experiment, BOB) == Vote(ONE, MODEL)


def test_a_learner_that_resigned_adopts_and_stops() -> None:
    """What its last round accepted is adopted; then there is nothing left to do."""
    experiment = voting().resign(Call(BOB, BEGIN)).cast_ballot(Call(BOB, BEGIN), ONE, MODEL, 1)
    experiment = experiment.cast_ballot(Call(CYD, BEGIN), ONE, MODEL, 1)
    assert action(experiment, BOB) == Adopt(ONE, MODEL)
    assert action(experiment, BOB, held=MODEL) == Stop("the membership ended with round 1")


def test_a_stranger_stops() -> None:
    """Who has not joined has nothing to do, not even to start what it could start."""
    assert action(joined(), DAN, BEGIN + 1_000) == Stop(f"{DAN} has not joined")


def test_at_the_end_all_adopt_and_stop() -> None:
    """A finished experiment leaves everybody with its last accepted model."""
    experiment = accepted(replace(RULES, max_rounds=1))
    assert action(experiment, ANN) == Adopt(ONE, MODEL)
    assert action(experiment, ANN, held=MODEL) == Stop("all 1 rounds are closed")


def test_members_start_after_the_start_deadline_only() -> None:
    """Till then the start is the organizer's."""
    deadline = RULES.start_deadline
    assert action(joined(), BOB, deadline) == Wait(Timestamp(deadline + 1))
    assert action(joined(), BOB, deadline + 1) == Start()


def test_nobody_starts_with_too_few() -> None:
    """Only a join can change that, so there is no moment to wait for."""
    experiment = joined(learners=(ANN,))
    view = replace(view_of(experiment, ANN), organizer=ANN, start_wanted=True)
    assert next_action(view, ANN, Timestamp(RULES.start_deadline + 1)) == Wait(None)


@pytest.mark.parametrize(
    ("organizer", "wanted", "expected"),
    [
        (ANN, True, Start()),
        (ANN, False, Wait(Timestamp(BEGIN + 11))),
        (BOB, True, Wait(Timestamp(BEGIN + 11))),
    ],
)
def test_the_organizer_starts_when_its_owner_wants(
    *, organizer: Address, wanted: bool, expected: Action
) -> None:
    """An early start is the organizer's choice, never made by the agent alone."""
    view = replace(view_of(joined(), ANN), organizer=organizer, start_wanted=wanted)
    assert next_action(view, ANN, BEGIN) == expected


def test_in_fan_in_rounds_everyone_contributes_first() -> None:
    """While the contribution window is open, on its last second too."""
    until = BEGIN + FAN_IN.contribution_window
    assert action(proposing(FAN_IN), ANN, until) == action(proposing(FAN_IN), BOB, until) == Contribute(ONE)


def test_a_contribution_is_announced_once() -> None:
    """Who has announced waits: the proposer for the other updates, the others for the proposal."""
    view = replace(view_of(proposing(FAN_IN), ANN), announced=0b011)
    assert next_action(view, ANN, BEGIN) == Wait(Timestamp(BEGIN + FAN_IN.contribution_window + 1))
    view = replace(view_of(proposing(FAN_IN), BOB), announced=0b011)
    assert next_action(view, BOB, BEGIN) == Wait(Timestamp(BEGIN + FAN_IN.proposal_window + 1))


def test_the_proposer_aggregates_once_all_have_announced() -> None:
    """The whole electorate is there: nothing more can come."""
    view = replace(view_of(proposing(FAN_IN), ANN), announced=0b111)
    assert next_action(view, ANN, BEGIN) == Propose(ONE)


@pytest.mark.parametrize(("announced", "expected"), [(0b010, Propose(ONE)), (0, PassTurn(ONE))])
def test_the_proposer_aggregates_what_came_in_time(announced: int, expected: Action) -> None:
    """After the window it proposes what there is, and passes when there is nothing."""
    view = replace(view_of(proposing(FAN_IN), ANN), announced=announced)
    assert next_action(view, ANN, Timestamp(BEGIN + FAN_IN.contribution_window + 1)) == expected


def test_who_trained_in_vain_announces_nothing() -> None:
    """In a fan-in round it waits like the others; as the proposer it still aggregates."""
    view = replace(view_of(proposing(FAN_IN), BOB), nothing_to_propose="the budget is spent")
    assert isinstance(next_action(view, BOB, BEGIN), Wait)


def test_a_missing_key_is_asked_for_before_the_model_is_adopted() -> None:
    """Without the key there is nothing to adopt."""
    view = replace(view_of(accepted(), BOB), missing_key=ONE)
    assert next_action(view, BOB, BEGIN) == AskKey(ONE)


def test_a_former_member_asks_for_no_key() -> None:
    """The contract would refuse it."""
    experiment = accepted().resign(Call(BOB, BEGIN))
    experiment = experiment.advance(Call(ANN, Timestamp(BEGIN + 101)), RoundNumber(2))
    view = replace(view_of(experiment, BOB, held=MODEL), missing_key=ONE)
    assert isinstance(next_action(view, BOB, BEGIN), Stop)


def test_keys_that_were_asked_for_are_shared() -> None:
    """One at a time, before the round's own work: others may wait for it to vote."""
    view = replace(view_of(voting(), BOB), asked_keys=((ONE, CYD), (ONE, ANN)))
    assert next_action(view, BOB, BEGIN) == ShareKey(ONE, CYD)


@given(st.lists(st.sampled_from(["act", "pass", "wait"]), min_size=1, max_size=30))
def test_following_the_actions_is_never_refused(moods: list[str]) -> None:
    """Whatever the learners' mood: what next_action says is what the experiment takes."""
    experiment, now = proposing(), int(BEGIN)
    held = dict.fromkeys((ANN, BOB, CYD), SPEC)
    for mood in moods:
        for me in held:
            nothing = "nothing" if mood == "pass" else ""
            view = replace(view_of(experiment, me, held[me]), nothing_to_propose=nothing)
            chosen = next_action(view, me, Timestamp(now))
            experiment = _followed(experiment, chosen, Call(me, Timestamp(now)), held)
        now += 60 if mood == "wait" else 1


def _followed(experiment: Experiment, chosen: Action, call: Call, held: dict[Address, Digest]) -> Experiment:
    match chosen:
        case Adopt(digest=digest):
            held[call.sender] = digest
        case Propose(round=number):
            experiment = experiment.propose(call, number, Digest(number.to_bytes(32, "big")))
        case PassTurn(round=number):
            experiment = experiment.pass_turn(call, number)
        case Vote(round=number, digest=digest):
            experiment = experiment.cast_ballot(call, number, digest, Ballot.APPROVE)
        case Advance(round=number):
            experiment = experiment.advance(call, number)
    return experiment
