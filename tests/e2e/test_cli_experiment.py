"""The commands on experiments, played through as organizers and learners do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import EXIT_CODES, ExitCode
from colearn_agents.experiments.rules_file import EXAMPLE, read_rules
from colearn_chain.artefacts import Card, ProposalClaim, experiment_id
from colearn_chain.chain.artefact import packaged_releases
from colearn_chain.chain.cards import check_card
from colearn_chain.rounds import Ballot, Phase
from colearn_chain.storage import ArtefactStore, DirectoryStorage
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Lab

ESTIMATE = "eth_estimateGas"
ONE = RoundNumber(1)
MODEL = Digest(bytes([9]) * 32)
COMMANDS = [
    "create",
    "show",
    "join",
    "invite",
    "remove",
    "remove-idle",
    "leave",
    "start",
    "advance",
    "transfer",
    "renounce",
    "rules",
]


def run(*arguments: str) -> Any:
    """Run a command without any party."""
    return CliRunner().invoke(app, ["experiment", *arguments])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_lists_exit_codes(command: str) -> None:
    """A script's author finds them where the command is."""
    assert EXIT_CODES in " ".join(run(command, "--help").stdout.replace("│", " ").split())


def test_the_printed_example_is_a_file_of_rules(tmp_path: Path) -> None:
    """What is printed can be used as it is, and with everything that it has in comments."""
    printed = run("rules").stdout
    assert printed == EXAMPLE
    (tmp_path / "rules.toml").write_text(printed)
    assert read_rules(tmp_path / "rules.toml", now=0).rules.proposal_window == 600
    everything = printed.replace("# invite", "invite").replace("# [privacy]", "[privacy]")
    for name in ("target_epsilon", "target_delta", "max_grad_norm", "noise_multiplier"):
        everything = everything.replace(f"# {name}", name)
    (tmp_path / "rules.toml").write_text(everything)
    plan = read_rules(tmp_path / "rules.toml", now=0)
    assert len(plan.invite) == 1
    assert plan.file.privacy is not None


def test_a_card_is_made_from_which_everything_follows(lab: Lab) -> None:
    """The node confirms it, the store has the spec under its digest, and nothing else is left behind."""
    told = lab.create()
    card = Card.from_bytes(lab.card.read_bytes())
    deployment = check_card(lab.chain.node, card)
    assert (told["experiment"], told["contract"]) == (deployment.experiment, deployment.contract)
    assert told["organizer"] == lab.addresses[0] == lab.contract().organizer()
    assert told["transaction"] == deployment.transaction_hash
    store = ArtefactStore(DirectoryStorage(lab.folder / "store"), lab.folder / "scratch")
    spec = store.fetch_spec(deployment.spec_digest).spec
    assert (spec.name, spec.rules) == ("Handwritten digits", deployment.rules)
    assert not list(lab.folder.glob("*.pending"))
    assert lab.sent() == 1


def test_a_dry_run_says_what_would_come(lab: Lab) -> None:
    """Address, digest and cost are those of the experiment that is then made; nothing is sent or written."""
    before = sorted(lab.folder.rglob("*"))
    said = lab.done(0, "create", "--rules", lab.rules(), "--dry-run")
    assert lab.sent() == 0
    made = {*lab.folder.rglob("*")} - {*before}
    assert {path.name for path in made} == {"party0.toml", "rules.toml"}
    told = lab.create()
    assert said["contract"] == told["contract"]
    assert said["spec"] != told["spec"] or said["rules"] == told["rules"]
    assert abs(said["estimated_gas"] - told["gas_used"]) < 100
    assert not said["estimated_cost_wei"] < told["cost_wei"] // 2


def test_what_people_are_shown_before_and_after(lab: Lab) -> None:
    """Rules and cost in words, then the card and the one command that each learner runs."""
    result = lab.run(0, "create", "--rules", lab.rules(), "--yes", "--out", "mine.json")
    assert result.exit_code == ExitCode.DONE, result.output
    for words in (
        "10 minutes to propose, then 10 minutes to vote",
        "at least 50.01 % of the voters have to approve",
        "vector F64 2",
        "ether (2,",
        "  card         mine.json",
        "\n  colearn-chain experiment join mine.json\n",
        "\n  colearn-chain experiment start --config party0.toml --card mine.json\n",
    ):
        assert words in result.stdout
    assert (lab.folder / "mine.json").exists()


def test_who_is_invited_in_the_rules_can_join(lab: Lab) -> None:
    """The invitations follow the deployment; the membership has the key of the account's encryption file."""
    guests = json.dumps(lab.addresses[1:3])
    told = lab.done(0, "create", "--rules", lab.rules(f"invite = {guests}"), "--yes")
    assert told["invited"] == lab.addresses[1:3]
    lab.done(1, "join", "--yes")
    (made,) = lab.contract().learners()
    stored = json.loads((lab.folder / "accounts/party1.x25519.json").read_text())
    assert (made.learner, made.encryption_key.hex()) == (lab.addresses[1], stored["public_key"])


def test_invitations_that_fail_leave_the_experiment(lab: Lab) -> None:
    """The card is written by then, and the command that invites is told; it works."""
    twice = json.dumps([lab.addresses[1], lab.addresses[2]])
    lab.wire.answer(ESTIMATE, *[hex(3_000_000)] * 2)
    lab.wire.refuse(ESTIMATE, -32000, "too many requests")
    result = lab.run(0, "create", "--rules", lab.rules(f"invite = {twice}"), "--yes")
    assert result.exit_code == ExitCode.WRONG
    assert "the experiment is there and card.json is written, but nobody was invited" in result.stderr
    command = result.stderr.strip().partition("invite with: colearn-chain experiment ")[2].split()
    assert command[:3] == ["invite", "--config", "party0.toml"]
    assert run(*command, "--yes").exit_code == ExitCode.DONE
    assert lab.contract().snapshot(lab.addresses[2]).invited


def test_joining_is_explained(lab: Lab) -> None:
    """What was checked, what is joined, who is there, and the command to run next."""
    lab.create()
    lab.gather(1, 2)
    lab.done(0, "invite", lab.addresses[3], "--yes")
    result = lab.run(3, "join", "--yes")
    assert result.exit_code == ExitCode.DONE, result.output
    for words in (
        "  spec        fetched; Handwritten digits, with the contract's rules",
        "  learner     1 tensor, with the names, shapes and types",
        "  first vote  -3.38 on the first weights",
        "  store       89 bytes written and read back",
        "enough for all of 50 rounds",
        f"  seat 0  {lab.addresses[1]}  takes part",
        "You take part from round 1 on.",
        "place        seat 2, from round 1 on",
        "\n  colearn-chain agent run --config party3.toml\n",
    ):
        assert words in result.stdout


def played(lab: Lab) -> None:
    """Three learners, round 1 accepted and round 2 open, waiting for its proposer."""
    lab.create()
    lab.gather(1, 2, 3)
    lab.done(0, "start", "--yes")
    contract = lab.contract()
    contract.propose(lab.sender(1), ONE, MODEL)
    contract.cast_ballot(lab.sender(2), ONE, MODEL, Ballot.APPROVE)
    contract.cast_ballot(lab.sender(3), ONE, MODEL, Ballot.APPROVE)


def test_how_an_experiment_stands(lab: Lab) -> None:
    """Members, the open round with its deadline, the last rounds, the organizer, and who looks."""
    played(lab)
    lab.done(2, "leave", "--yes")
    result = lab.run(3, "show")
    assert result.exit_code == ExitCode.DONE, result.output
    for words in (
        f"  seat 0  {lab.addresses[1]}  takes part\n",
        f"  seat 1  {lab.addresses[2]}  takes part, until round 2\n",
        f"round 2 of 50: {lab.addresses[2]} is to propose",
        "anyone may close the round",  # the chain's clock is years behind
        f"  round 1  accepted (2 approvals), proposer {lab.addresses[1]}, 2023-11-14",
        f"  organizer  {lab.addresses[0]}\n",
        "  role     seat 2, takes part\n",
        "enough for all of 50 rounds",
        "  name           Handwritten digits\n",
    ):
        assert words in result.stdout, words
    told = lab.done(3, "show")
    assert told["open_round"]["proposer"] == lab.addresses[2]
    assert told["last_rounds"][0]["ballots"] == {"none": 0, "approve": 2, "reject": 0, "unavailable": 0}
    assert [made["last_round"] for made in told["memberships"]] == [None, 2, None]
    assert told["accepted"]["round"] == 1


def test_every_phase_has_its_words(lab: Lab) -> None:
    """Before the start, voting, paused and finished."""
    lab.create(max_rounds="3")
    assert lab_phase(lab) == "not started; 0 learners would be in the next round, 3 are needed"
    lab.gather(1, 2, 3)
    lab.done(0, "start", "--yes")
    contract = lab.contract()
    contract.propose(lab.sender(1), ONE, MODEL)
    assert lab_phase(lab) == f"round 1 of 3: the others vote on what {lab.addresses[1]} proposed"
    contract.cast_ballot(lab.sender(2), ONE, MODEL, Ballot.REJECT)
    contract.resign(lab.sender(3))
    contract.cast_ballot(lab.sender(3), ONE, MODEL, Ballot.UNAVAILABLE)
    assert lab_phase(lab) == "paused after round 1; 2 learners would be in the next round, 3 are needed"
    shown = lab.run(3, "show").stdout
    assert "rejected (1 rejection, 1 could not read it), proposer" in shown
    assert "seat 2, took part from round 1 to 1" in shown
    contract.join(lab.sender(3))
    contract.start(lab.sender(0))
    for number, party in ((2, 2), (3, 3)):
        contract.pass_turn(lab.sender(party), RoundNumber(number))
    assert lab_phase(lab) == "finished, after 3 rounds"
    assert f"  round 3  skipped, proposer {lab.addresses[3]}, 2023-" in lab.run(3, "show").stdout


def lab_phase(lab: Lab) -> str:
    """What is said of the phase, on one line."""
    shown = " ".join(lab.run(4, "show", "card.json").stdout.split())
    return shown.partition(" phase ")[2].partition(" deadline ")[0].partition(" model ")[0]


def test_what_an_invited_party_does_next(lab: Lab) -> None:
    """It is told; an account that is not there is no hindrance to looking."""
    lab.create()
    lab.done(0, "invite", lab.addresses[1], "--yes")
    shown = lab.run(1, "show").stdout
    assert "  role     invited\n" in shown
    assert "  next     colearn-chain experiment join\n" in shown
    lab.config(2, account='[account]\nname = "nobody"\nkeystore = "accounts"')
    assert lab.done(2, "show")["account_missing"] == "there is no account 'nobody' in accounts"
    assert "  role       none" not in lab.run(2, "show").stdout


def test_a_learner_that_no_table_names(lab: Lab) -> None:
    """An organizer that does not learn names a factory on the command line."""
    lab.config(0, learner="")
    lab.create("--learner", "lab_learners:stepping")
    assert lab.done(0, "show")["spec"]["weight_schema"]["tensors"]["vector"]["shape"] == [2]


@pytest.mark.parametrize(
    "arguments",
    [["create"], ["create", "--resume", "x.pending", "--rules", "y"], ["remove"], ["join", "a", "b"]],
)
def test_wrong_command_lines_are_exit_code_2(arguments: list[str]) -> None:
    """What is missing, too much, or does not go together."""
    assert run(*arguments).exit_code == ExitCode.USAGE


def test_looking_needs_neither_account_nor_store(lab: Lab) -> None:
    """What they are needed for is left out, and that is said."""
    lab.create()
    lab.config(5, learner="", account="", storage="")
    result = lab.run(5, "show", "card.json")
    assert result.exit_code == ExitCode.DONE, result.output
    assert "not shown  party5.toml names no store" in result.stdout
    assert "not shown  party5.toml names no account" in result.stdout
    told = lab.done(5, "show")
    assert (told["spec"], told["account"]) == (None, None)
    assert told["spec_missing"] == "party5.toml names no store"


def test_a_store_that_lost_the_spec_is_no_hindrance_to_looking(lab: Lab) -> None:
    """Its reason is shown in place of the spec."""
    lab.create()
    lab.config(5, storage='storage = ["directory:elsewhere"]')
    assert "elsewhere does not have" in lab.done(5, "show")["spec_missing"]


def test_the_organizers_and_members_deeds(lab: Lab) -> None:
    """Each does what the contract knows under its name, and says when it takes effect."""
    lab.create()
    lab.gather(1, 2, 3)
    assert lab.done(0, "start", "--yes")["effects"] == [
        "Round 1 opens with 3 learners; its proposer has 10 minutes from then on."
    ]
    told = lab.done(0, "remove", lab.addresses[3], "--yes")["effects"]
    assert told == [
        "The invitation is gone at once.",
        "The membership ends with round 2: it keeps a round of notice.",
    ]
    told = lab.done(1, "leave", "--yes")["effects"]
    assert told[0].startswith("Your membership ends with round 1, which is open")
    assert told[1] == "With 2 learners left, fewer than 3, the experiment then pauses."
    lab.done(0, "transfer", lab.addresses[4], "--yes")
    assert lab.contract().organizer() == lab.addresses[4]
    lab.done(4, "renounce", "--yes")
    assert int(lab.contract().organizer(), 16) == 0
    snapshot = lab.contract().snapshot(lab.addresses[1])
    lab.chain.advance_to(snapshot.round.time + 1)
    told = lab.done(6, "advance", "--yes")["effects"]
    assert told[0] == "Round 1 closes as skipped: nothing was proposed in time."
    assert lab.contract().phase() is Phase.JOINING


def test_the_idle_can_be_removed_by_anyone(lab: Lab) -> None:
    """Once they missed as many rounds as the rules say."""
    lab.create(idle_rounds="1", min_learners="2")
    lab.gather(1, 2, 3)
    lab.done(0, "start", "--yes")
    early = lab.run(6, "remove-idle", lab.addresses[1], "--yes")
    assert "has missed 0 rounds; it can be removed after 1 in a row" in early.stderr
    lab.chain.advance_to(lab.contract().snapshot(lab.addresses[1]).round.time + 1)
    lab.done(6, "advance", "--yes")
    told = lab.done(6, "remove-idle", lab.addresses[1], "--yes")
    assert told["effects"] == ["The membership ends with round 2, which is open; the invitation stays."]
    assert lab.contract().snapshot(lab.addresses[1]).last_round == 2


def test_invitations_from_a_file(lab: Lab) -> None:
    """One address on a line, comments aside; who stands there twice is invited once."""
    lab.create()
    (lab.folder / "guests").write_text(
        f"# the lab\n{lab.addresses[1]}  # one\n\n{lab.addresses[2].lower()}\n"
    )
    lab.done(0, "invite", lab.addresses[1], "--file", "guests", "--yes")
    assert [lab.contract().snapshot(each).invited for each in lab.addresses[1:4]] == [True, True, False]
    (lab.folder / "guests").write_text(f"{lab.addresses[3]}\nalice\n")
    result = lab.run(0, "invite", "--file", "guests", "--yes")
    assert (result.exit_code, result.stderr.count("\n")) == (ExitCode.WRONG, 1)
    assert "guests, line 2: 'alice' is no address" in result.stderr
    assert "nobody is named" in lab.run(0, "invite", "--yes").stderr


def accept(lab: Lab, arrays: dict[str, Any]) -> None:
    """Let the parties accept weights in round 1."""
    store = ArtefactStore(DirectoryStorage(lab.folder / "store"), lab.folder / "scratch")
    contract = lab.contract()
    claim = ProposalClaim(
        experiment_id(contract.chain_id, contract.address), ONE, lab.addresses[1], contract.spec_digest()
    )
    digest = store.publish_proposal(claim, arrays, None)
    contract.propose(lab.sender(1), ONE, digest)
    for party in (2, 3):
        contract.cast_ballot(lab.sender(party), ONE, digest, Ballot.APPROVE)


def test_an_experiment_that_goes_on_where_another_ended(lab: Lab) -> None:
    """Its first weights are what the other's parties accepted last."""
    first = lab.create()
    lab.gather(1, 2, 3)
    lab.done(0, "start", "--yes")
    accept(lab, {"vector": np.array([7.0, 8.0])})
    arguments = ["--from", "card.json", "--out", "next.json", "--yes"]
    result = lab.run(0, "create", "--rules", lab.rules(), *arguments)
    assert result.exit_code == ExitCode.DONE, result.output
    assert f"the model of round 1 of {first['experiment']}" in " ".join(result.stdout.split())
    deployment = Card.from_bytes((lab.folder / "next.json").read_bytes()).deployment(packaged_releases())
    store = ArtefactStore(DirectoryStorage(lab.folder / "store"), lab.folder / "scratch")
    assert store.fetch_spec(deployment.spec_digest).arrays["vector"].tolist() == [7.0, 8.0]
    assert deployment.experiment != first["experiment"]


def test_an_experiment_that_cannot_go_on_with_anothers_model(lab: Lab) -> None:
    """A learner of another shape is told so, before anything is sent."""
    lab.create()
    sent = lab.sent()
    arguments = ["--from", "card.json", "--out", "next.json", "--yes"]
    result = lab.run(0, "create", "--rules", lab.rules(learner="size = 3"), *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (ExitCode.WRONG, 1)
    assert "the model of card.json does not look like this learner's weights: 'vector'" in result.stderr
    assert lab.sent() == sent
