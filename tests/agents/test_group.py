"""A whole experiment in one process: the same seed gives the same history, and it ends with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from colearn_agents.group.baselines import Party
from colearn_agents.group.group import Group, GroupSettings
from colearn_agents.group.runs import run_locally
from colearn_agents.party import events
from colearn_chain.errors import ConfigError, LearnerError
from colearn_chain.rounds import Ballot, Closing, Phase, Status
from colearn_chain.storage import cid_of
from colearn_chain.testing.learners import FailingLearner, IdleLearner, StepLearner
from colearn_chain.testing.learners import Phase as Asked

if TYPE_CHECKING:
    from pathlib import Path

    from colearn_agents.party.events import Event
    from colearn_chain.artefacts import LearnerContext
    from colearn_chain.ml_interface import MachineLearningInterface

TARGET = [1.0, 2.0]


def agreeing(context: LearnerContext) -> MachineLearningInterface:
    """Learners that want nearly the same; how nearly follows from the seed."""
    shift = np.random.default_rng([context.seed, context.index]).normal(0, 0.01, 2)
    return StepLearner(TARGET + shift)


def opposed(context: LearnerContext) -> MachineLearningInterface:
    """Learners that want opposite things."""
    angle = 2 * np.pi * context.index / context.count
    return StepLearner([np.cos(angle), np.sin(angle)])


def idle(context: LearnerContext) -> MachineLearningInterface:
    """Learners that have nothing to propose."""
    return IdleLearner([float(context.index)])


def played(factory: Any, folder: Path, **settings: Any) -> tuple[Group, list[Event]]:
    """Play a group to its end."""
    told: list[Event] = []
    group = Group.create(
        factory, GroupSettings(**({"learners": 3, "rounds": 4} | settings)), folder, told.append
    )
    group.run()
    return group, told


def reasons(told: list[Event], kind: type[Event]) -> list[str]:
    """Why things of one kind happened."""
    return [vars(event)["reason"] for event in told if isinstance(event, kind)]


def history(group: Group) -> tuple[object, ...]:
    """What the contract says happened."""
    contract = group.contract
    return contract.address, contract.spec_digest(), contract.history_hash(), contract.rounds(1, 100)


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    """Contract address, digests, words and history hash follow from settings and seed alone."""
    first, told = played(agreeing, tmp_path / "first", seed=7)
    second, told_again = played(agreeing, tmp_path / "second", seed=7)
    assert history(first) == history(second)
    assert told == told_again


def test_another_seed_gives_another_history(tmp_path: Path) -> None:
    """Accounts and learners follow from the seed, so everything else does."""
    first, _ = played(agreeing, tmp_path / "first", seed=7, rounds=1)
    second, _ = played(agreeing, tmp_path / "second", seed=8, rounds=1)
    assert first.contract.address != second.contract.address
    assert first.contract.rounds(1, 1)[0].digest != second.contract.rounds(1, 1)[0].digest


def test_a_group_plays_all_rounds_and_holds_one_model(tmp_path: Path) -> None:
    """After maxRounds every learner holds what was accepted last, and nothing has stalled."""
    group, told = played(agreeing, tmp_path)
    snapshot = group.contract.snapshot(group.organizer)
    assert snapshot.phase is Phase.FINISHED
    assert snapshot.number == 4
    assert {agent.held for agent in group.agents} == {snapshot.accepted_digest}
    weights = [learner.mli_get_current_weights().weights["vector"] for learner in group.learners]
    assert all(np.array_equal(other, weights[0]) for other in weights)
    assert reasons(told, events.Stalled) == []
    assert reasons(told, events.Stopped) == ["all 4 rounds are closed"] * 3


def test_closed_rounds_are_told_as_the_contract_has_them(tmp_path: Path) -> None:
    """Each round is told of once, with proposer, digest, outcome and ballots by address, in seat order."""
    group, told = played(agreeing, tmp_path)
    closed = [event for event in told if isinstance(event, events.RoundClosed)]
    assert [event.round for event in closed] == [1, 2, 3, 4]
    for event, stored in zip(closed, group.contract.rounds(1, 4), strict=True):
        proposer = (event.round - 1) % 3
        voters = [address for address in group.addresses if address != group.addresses[proposer]]
        assert (event.outcome, event.closing, event.digest) == (stored.status, stored.closing, stored.digest)
        assert event.proposer == group.addresses[proposer]
        assert list(event.ballots) == voters
        assert list(event.ballots.values()) == [stored.ballot_at(group.index_of(voter)) for voter in voters]  # type: ignore[arg-type]


def test_events_come_in_the_order_of_what_happened(tmp_path: Path) -> None:
    """Before a round is closed somebody trained, proposed, tested and voted; every transaction is told of."""
    group, told = played(agreeing, tmp_path, rounds=1)
    names = [type(event).__name__ for event in told if event.round == 1]
    assert names == (
        ["Training", "Trained", "Proposed", "Sent"]
        + ["Testing", "Tested", "Voted", "Sent"] * 2
        + ["RoundClosed"]
        + ["Adopted"] * 3
        + ["Stopped"] * 3
    )
    calls = [event.call for event in told if isinstance(event, events.Sent)]
    assert calls == [
        "deploy",
        "invite",
        "join",
        "join",
        "join",
        "start",
        "propose",
        "castBallot",
        "castBallot",
    ]
    senders = [event.learner for event in told if isinstance(event, events.Sent)]
    assert senders[:2] == [group.organizer] * 2
    assert all(event.gas_used > 21_000 for event in told if isinstance(event, events.Sent))


def test_a_counted_proposer_and_early_closing_are_played(tmp_path: Path) -> None:
    """The settings' rules are the contract's: here two of three approve, and the third is not waited for."""
    group, _ = played(agreeing, tmp_path, rounds=1, count_proposer=True, close_early=True)
    (closed,) = group.contract.rounds(1, 1)
    assert (closed.status, closed.closing) == (Status.ACCEPTED, Closing.CERTAIN)
    assert closed.approvals == 0b110


def test_learners_that_want_opposite_things_stall(tmp_path: Path) -> None:
    """After so many rounds in a row without an accepted proposal the run ends, and says what happened."""
    group, told = played(opposed, tmp_path, learners=4, rounds=20, threshold_bps=10_000, stall_rounds=3)
    assert group.contract.snapshot(group.organizer).number == 4
    (reason,) = reasons(told, events.Stalled)
    assert reason.startswith(
        "3 rounds in a row without an accepted proposal: 3 proposals refused, since none"
    )


def test_learners_with_nothing_to_propose_stop_by_themselves(tmp_path: Path) -> None:
    """A group in which everybody passes ends before maxRounds, and says why."""
    group, told = played(idle, tmp_path, rounds=20)
    assert group.contract.snapshot(group.organizer).number < 8
    (reason,) = reasons(told, events.Stalled)
    assert reason.startswith("all learners have stopped; the last one said: ")
    assert "DP_BUDGET_EXCEEDED" in reason


def test_a_learner_that_only_fails_is_waited_for_by_the_chains_clock(tmp_path: Path) -> None:
    """The clock is set, nobody sleeps: a group with one broken learner comes to its end."""

    def one_broken(context: LearnerContext) -> MachineLearningInterface:
        return FailingLearner(TARGET, Asked.ACCEPT) if context.index == 2 else agreeing(context)

    group, _ = played(one_broken, tmp_path, rounds=3)
    statuses = [closed.status for closed in group.contract.rounds(1, 3)]
    assert statuses == [Status.REJECTED, Status.REJECTED, Status.SKIPPED]
    assert group.contract.rounds(1, 1)[0].ballot_at(2) is Ballot.UNAVAILABLE  # type: ignore[arg-type]


def test_a_pause_without_learners_is_a_stall(tmp_path: Path) -> None:
    """When nobody is left to play a round, no moment will change that."""
    told: list[Event] = []
    group = Group.create(agreeing, GroupSettings(learners=2, rounds=4), tmp_path, told.append)
    group.contract.resign(group.agents[1]._sender)
    group.run()
    assert "nobody can act: the experiment is joining, 1 learners are active" in reasons(told, events.Stalled)


def test_what_was_published_lies_in_the_folder(tmp_path: Path) -> None:
    """Spec and proposals are in the store by their CIDs, counted byte for byte; journals lie beside."""
    group, _ = played(agreeing, tmp_path, rounds=2)
    cids = {cid_of(group.contract.spec_digest())} | {cid_of(at.digest) for at in group.contract.rounds(1, 2)}
    assert {path.name for path in tmp_path.iterdir()} == {"store", "journals"}
    assert {path.name for path in (tmp_path / "store").iterdir()} == cids
    assert group.bytes_published() == sum(
        path.stat().st_size for cid in cids for path in (tmp_path / "store" / cid).iterdir()
    )
    assert [path.name for path in sorted((tmp_path / "journals").iterdir())] == [
        f"{at}.jsonl" for at in range(3)
    ]


def test_an_earlier_runs_journals_are_not_played_on(tmp_path: Path) -> None:
    """A folder that was played in is refused, since its journals would answer for the new learners."""
    played(agreeing, tmp_path, rounds=1)
    with pytest.raises(ConfigError, match="holds the journals of an earlier run"):
        Group.create(agreeing, GroupSettings(), tmp_path)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"learners": 1}, "a group has 2 to 64 learners, not 1"),
        ({"learners": 65}, "a group has 2 to 64 learners, not 65"),
        ({"rounds": 0}, "maxRounds is 0, not within 1 to"),
        ({"threshold_bps": 0}, "thresholdBps is 0, not within 1 to 10000"),
        ({"threshold_bps": 10_001}, "thresholdBps is 10001, not within 1 to 10000"),
        ({"proposal_window": 0}, "proposalWindow is 0, not within 1 to"),
        ({"voting_window": 31 * 86_400}, "votingWindow is 2678400, not within 1 to"),
        ({"stall_rounds": 0}, "stall_rounds is 0"),
    ],
)
def test_a_setting_out_of_its_range_is_named(tmp_path: Path, settings: dict[str, Any], sentence: str) -> None:
    """Before anything is made, a bad setting is refused with its value and its range."""
    with pytest.raises(ConfigError, match=sentence):
        Group.create(agreeing, GroupSettings(**settings), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_learners_of_different_models_are_refused(tmp_path: Path) -> None:
    """All learners of an experiment have the same tensors; who differs is named."""

    def unlike(context: LearnerContext) -> MachineLearningInterface:
        return StepLearner([1.0] * (context.index // 2 + 1))

    with pytest.raises(ConfigError, match="learner 2's weights do not look like learner 0's"):
        Group.create(unlike, GroupSettings(learners=3), tmp_path)


def test_a_learner_that_does_not_say_its_weights_is_refused(tmp_path: Path) -> None:
    """The experiment's first weights are the first learner's, so it has to say them."""
    with pytest.raises(LearnerError, match="told to fail at current"):
        Group.create(lambda _: FailingLearner(TARGET, Asked.CURRENT), GroupSettings(), tmp_path)


def test_the_context_says_who_one_is(tmp_path: Path) -> None:
    """A factory is told index, count, seed and arguments."""
    contexts = []

    def remember(context: LearnerContext) -> MachineLearningInterface:
        contexts.append(context)
        return agreeing(context)

    Group.create(remember, GroupSettings(learners=3, seed=5, arguments={"alpha": 0.5}), tmp_path).close()
    assert [(context.index, context.count, context.seed) for context in contexts] == [
        (0, 3, 5),
        (1, 3, 5),
        (2, 3, 5),
    ]
    assert contexts[0].arguments == {"alpha": 0.5}


@pytest.mark.parametrize("driver", ["group", "local", "baselines"])
def test_a_learner_that_changes_its_arguments_changes_nobody_elses(tmp_path: Path, driver: str) -> None:
    """Whoever makes learners, each is told what was asked for, and so is the record of the run."""
    told = []

    def greedy(context: LearnerContext) -> MachineLearningInterface:
        arguments: Any = context.arguments
        told.append((context.index, list(arguments["layers"])))
        arguments["layers"].append(64)
        return agreeing(context)

    settings = GroupSettings(learners=2, rounds=1, arguments={"layers": [8]})
    if driver == "group":
        Group.create(greedy, settings, tmp_path).close()
    elif driver == "local":
        run_locally(greedy, settings, lambda _: None)
    else:
        party = Party(factory=greedy, settings=settings)
        party.learners()
        party.pooled()
    assert told[:2] == [(0, [8]), (1, [8])]
    assert told[2:] in ([], [(0, [8])])
    assert settings.arguments == {"layers": [8]}


def test_an_interrupt_while_the_group_is_made_leaves_nothing_in_passing(tmp_path: Path) -> None:
    """Ctrl-C before the first round: what was only passing through is taken away."""

    def interrupt(event: Event) -> None:
        if isinstance(event, events.Sent) and event.call == "start":
            assert (tmp_path / "scratch").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Group.create(agreeing, GroupSettings(learners=2), tmp_path, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_an_address_that_is_nobodys_has_no_index(tmp_path: Path) -> None:
    """The organizer is no learner."""
    group = Group.create(agreeing, GroupSettings(learners=2), tmp_path)
    group.close()
    assert [group.index_of(address) for address in group.addresses] == [0, 1]
    with pytest.raises(KeyError):
        group.index_of(group.organizer)
