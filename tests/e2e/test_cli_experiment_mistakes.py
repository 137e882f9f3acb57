"""What careless users, strangers and lying nodes bring about: one clear sentence, and nothing is changed."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from colearn_agents.cli import app
from colearn_agents.cli.failures import ExitCode
from colearn_chain.artefacts import Card
from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.artefact import experiment_artefact, packaged_releases
from colearn_chain.chain.cards import make_card
from colearn_chain.chain.fees import HEADROOM
from colearn_chain.testing.chain import Fault
from colearn_chain.testing.experiments import ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Lab

CALL, CODE = "eth_call", "eth_getCode"
BALANCE = "eth_getBalance"
FORTY_TWO = "0x" + (42).to_bytes(32).hex()


def refused(lab: Lab, party: int, command: str, *arguments: str) -> str:
    """Run a command that has to fail and change nothing; return its sentence."""
    if not (lab.folder / f"party{party}.toml").exists():
        lab.config(party)
    before, sent = files(lab), lab.sent()
    result = lab.run(party, command, *arguments)
    assert result.exit_code == ExitCode.WRONG, result.output
    assert re.fullmatch(r"colearn-chain: [^\n]+\n", result.stderr), result.stderr
    assert lab.sent() == sent
    assert files(lab) == before
    return result.stderr.removeprefix("colearn-chain: ").strip()


def files(lab: Lab) -> dict[str, bytes]:
    """Everything that lies in the folder, the store included."""
    found = [path for path in lab.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(lab.folder)): path.read_bytes() for path in found}


def creating(lab: Lab, **changes: str) -> tuple[str, ...]:
    """Party 0 creates an experiment."""
    return ("create", "--rules", lab.rules(**changes), "--yes")


# -------------------------------------------------------------------------------------------- what one writes


def test_no_configuration(lab: Lab) -> None:
    """It is named, and so is how to name another."""
    result = CliRunner().invoke(app, ["experiment", "show"])
    assert result.exit_code == ExitCode.WRONG
    assert "there is no configuration file colearn.toml: name one with --config" in result.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"proposal_window": '"10 min"'},
            r"rules\.toml, line \d+: rules\.proposal_window: a span of time is",
        ),
        ({"voting_window": '"31d"'}, r"rules\.voting_window: 2,678,400 is not from 1 to 2,592,000"),
        ({"min_learners": "65"}, r"rules\.min_learners: 65 is not from 2 to 64"),
        ({"contribution_window": "60"}, r"\(fan-in\) are not built yet: 0"),
        ({"start_deadline": "2026-12-01T12:00:00"}, "a time needs its zone"),
        ({"direction": '"up"'}, r"score\.direction: input should be 'maximize' or 'minimize'"),
        ({"learner": "size = 2026-12-01"}, r"learner\.size: input was not a valid JSON value"),
        ({"learner": "size = inf"}, r"learner\.size: cannot be handed on as JSON"),
    ],
)
def test_rules_that_are_wrong(lab: Lab, changes: dict[str, str], says: str) -> None:
    """File, line and key are named."""
    assert re.search(says, refused(lab, 0, *creating(lab, **changes)))


@pytest.mark.parametrize(
    ("learner", "says"),
    [
        ("nobody", "the module lab_learners has nothing called 'nobody'"),
        ("", "whose weights? name a factory: --learner"),
    ],
)
def test_no_learner_to_begin_with(lab: Lab, learner: str, says: str) -> None:
    """The factory is named."""
    lab.config(0, learner=learner)
    assert says in refused(lab, 0, *creating(lab))


def test_a_party_that_would_change_what_all_agreed_on(joining: Lab) -> None:
    """The experiment's argument for learners stands against the party's own."""
    joining.config(0, arguments="{ size = 3 }")
    said = refused(joining, 0, *creating(joining, learner="size = 2"), "--out", "b.json")
    assert "sets the learner's argument size to 2 for everybody, and [learner] here sets it to 3" in said


def test_nobody_to_ask(lab: Lab) -> None:
    """Without a terminal, nothing is sent unless --yes says so."""
    assert refused(lab, 0, "create", "--rules", lab.rules()) == (
        "nothing was sent: there is no terminal to ask on, and --yes was not given"
    )


def test_a_card_that_is_there_already(joining: Lab) -> None:
    """Nothing is overwritten, and no second experiment is deployed."""
    assert "card.json exists already" in refused(joining, 0, *creating(joining))
    assert "cannot write nowhere/card.json" in refused(
        joining, 0, *creating(joining), "--out", "nowhere/card.json"
    )


def test_a_wrong_password(lab: Lab) -> None:
    """It is found before anything is published or sent."""
    (lab.folder / "pw").write_text("wrong\n")
    assert "this is not the password of" in refused(lab, 0, *creating(lab))


# ------------------------------------------------------------------------------------------- chains and money


def test_the_wrong_chain(joining: Lab) -> None:
    """The node's chain is not the configuration's, or the card's is not."""
    network = f'[network]\nchain_id = 5\nconfirmations = 1\nrpc = "{joining.url}"'
    joining.config(1, network=network)
    assert "is of an experiment on chain 131277322940537, party1.toml is for chain 5" in refused(
        joining, 1, "join", "--yes"
    )
    joining.config(0, network=network)
    said = refused(joining, 0, *creating(joining), "--out", "b.json")
    assert said.endswith("is on chain 131277322940537, not on 5")


def test_no_node(lab: Lab) -> None:
    """Each that was asked is named, without what may be secret in its address."""
    nodes = '["http://127.0.0.1:1/key", "http://127.0.0.1:2"]'
    lab.config(0, network=f"[network]\nchain_id = 1337\nrpc = {nodes}")
    said = refused(lab, 0, *creating(lab))
    assert "http://127.0.0.1:1" in said
    assert "http://127.0.0.1:2" in said
    assert "key" not in said


def test_no_funds(lab: Lab) -> None:
    """An account that owns nothing, and one that owns too little, are told so by amounts."""
    lab.wire.answer(BALANCE, "0x0")
    assert "owns nothing on this chain, where gas costs" in refused(lab, 0, *creating(lab))
    lab.wire.answer(BALANCE, hex(10**15))
    said = refused(lab, 0, *creating(lab))
    assert re.search(
        r"has 0\.001 ether; nodes take this transaction only from one that has 0\.0\d+ ether", said
    )


def test_no_funds_to_join(joining: Lab) -> None:
    """The same for a learner."""
    joining.wire.answer(BALANCE, hex(10**12))
    said = refused(joining, 1, "join", "--yes")
    assert f"the account {joining.addresses[1]} has 0.000001 ether" in said


def before_cancun(lab: Lab) -> None:
    """Let the chain know none of the newer instructions: only the control, which any chain runs, succeeds."""
    lab.wire.refuse(CALL, -32000, "invalid opcode: TSTORE")
    lab.wire.answer(CALL, FORTY_TWO)
    for instruction in ("TSTORE", "PUSH0"):
        lab.wire.refuse(CALL, -32000, f"invalid opcode: {instruction}")


def test_a_chain_older_than_cancun(lab: Lab) -> None:
    """It is refused by name."""
    before_cancun(lab)
    said = refused(lab, 0, *creating(lab))
    assert "chain 131277322940537 is older than the Cancun upgrade" in said


# --------------------------------------------------------------------------------- cards, nodes and strangers


def test_no_card(joining: Lab) -> None:
    """A file that is missing, and one that is no card."""
    assert "none.json cannot be read: No such file" in refused(joining, 1, "join", "none.json", "--yes")
    assert refused(joining, 1, "join", "pw", "--yes").startswith("pw is no card: Card is not JSON")


def signed(lab: Lab, data: bytes) -> bytes:
    """A deployment by party 6, with its next nonce; not sent."""
    node = lab.chain.node
    fields = {
        "chainId": node.chain_id,
        "nonce": node.transaction_count(lab.addresses[6]),
        "gas": 5_000_000,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 1,
        "value": 0,
        "data": "0x" + data.hex(),
    }
    return bytes(ACCOUNTS[6].sign_transaction(fields).raw_transaction)


def test_a_card_whose_transaction_was_never_mined(joining: Lab) -> None:
    """It was signed as it should be, and sent by nobody."""
    deployment = Card.from_bytes(joining.card.read_bytes()).deployment(packaged_releases())
    data = experiment_interface().encode_constructor(astuple(deployment.rules), deployment.spec_digest)
    raw = signed(joining, experiment_artefact().bytecode + data)
    lie = Card.of(raw, 3, bytes(32))
    (joining.folder / "lie.json").write_bytes(lie.to_bytes())
    assert "was never mined" in refused(joining, 1, "join", "lie.json", "--yes")


def test_a_strangers_card_with_a_hidden_member(joining: Lab) -> None:
    """Its constructor writes to storage and returns genuine code."""
    node = joining.chain.node
    runtime = node.code(joining.contract().address)
    hide = bytes.fromhex("6001600055")  # sstore(0, 1)
    give_back = bytes.fromhex(f"61{len(runtime):04x}80601160003960 00f3".replace(" ", ""))
    raw = signed(joining, hide + give_back + runtime)
    node.send_raw(raw)
    (joining.folder / "lie.json").write_bytes(make_card(node, raw).to_bytes())
    said = refused(joining, 1, "join", "lie.json", "--yes")
    assert said == "the card's transaction deploys unknown code: it is no release of this project"


@pytest.mark.parametrize("code", ["0x", "0x6001600055"])
def test_a_node_that_lies_about_the_code(joining: Lab, code: str) -> None:
    """No code where there has to be some, or other code."""
    joining.wire.answer(CODE, code)
    assert "code at" in refused(joining, 1, "join", "--yes")


def test_a_node_that_lies_about_the_rules(joining: Lab) -> None:
    """What a view answers has to be what the card's transaction fixed."""
    rules = replace(joining.contract().rules(), threshold_bps=1)
    answer = experiment_interface().encode_constructor(astuple(rules), bytes(32))[:-32]
    joining.wire.answer(CALL, FORTY_TWO, "0x" + answer.hex())
    said = refused(joining, 1, "join", "--yes")
    assert "answers that the contract has the rules Rules(threshold_bps=1," in said


def test_a_node_that_goes_away(joining: Lab) -> None:
    """In the middle of it all, before anything is sent."""
    joining.wire.inject("eth_estimateGas", Fault.UNREACHABLE)
    assert "eth_estimateGas" in refused(joining, 1, "join", "--yes")


def test_no_invitation(joining: Lab) -> None:
    """It is said before the learner is made."""
    said = refused(joining, 2, "join", "--yes")
    assert said == (
        f"nothing was sent: {joining.addresses[2]} has no invitation; the organizer can give it one"
    )


# ---------------------------------------------------------------------------------------- learners and stores


@pytest.mark.parametrize(
    ("learner", "says"),
    [
        ("without_data", "your learner's vote on the first weights has no finite score"),
        ("broken", "mli_test_weights failed: RuntimeError: told to fail at test"),
        ("missing", "the module lab_learners has nothing called 'missing'"),
    ],
)
def test_a_learner_that_is_none(joining: Lab, learner: str, says: str) -> None:
    """Its failure is told; nothing was sent."""
    joining.config(1, learner=learner)
    assert says in refused(joining, 1, "join", "--yes")


def test_a_learner_of_another_shape(joining: Lab) -> None:
    """The tensor is named, with its shape and the experiment's."""
    joining.config(1, arguments="{ size = 3 }")
    said = refused(joining, 1, "join", "--yes")
    assert said == (
        "your learner's weights do not look like the experiment's: 'vector' has shape (3,), not (2)"
    )


def test_an_account_without_its_encryption_key(joining: Lab) -> None:
    """Nobody could encrypt anything to it."""
    (joining.folder / "keys").mkdir()
    shutil.copy(joining.folder / "accounts/party1.json", joining.folder / "keys")
    account = '[account]\nname = "party1"\nkeystore = "keys"\npassword = "${file:pw}"'
    joining.config(1, account=account)
    assert "the account party1 has no encryption key" in refused(joining, 1, "join", "--yes")


def test_a_list_of_guests_that_is_no_text(joining: Lab) -> None:
    """It is named."""
    (joining.folder / "guests").write_bytes(b"\xff")
    assert refused(joining, 0, "invite", "--file", "guests", "--yes") == "guests is not in UTF-8"


def test_a_store_without_the_spec(joining: Lab) -> None:
    """Another folder than the organizer's."""
    joining.config(1, storage='storage = ["directory:other"]')
    assert "other does not have bafybei" in refused(joining, 1, "join", "--yes")


def test_a_store_that_was_tampered_with(joining: Lab) -> None:
    """The spec's bytes are not what the card committed to."""
    (spec,) = joining.folder.glob("store/*/experiment.json")
    spec.write_bytes(spec.read_bytes().replace(b"digits", b"lions!"))
    assert "bafybei" in refused(joining, 1, "join", "--yes")


TERMS = "[privacy]\ntarget_epsilon = 8\ntarget_delta = 1e-5\nmax_grad_norm = 1\nnoise_multiplier = 1.1"


@pytest.fixture
def private(lab: Lab) -> Lab:
    """An experiment with privacy terms, that party 1 is invited to."""
    lab.create(learner=TERMS)
    lab.done(0, "invite", lab.addresses[1], "--yes")
    return lab


def test_privacy_terms(private: Lab) -> None:
    """A learner that trains without, or on other terms, is refused."""
    private.config(1, learner="open_hearted")
    assert "asks for differential privacy, and your learner trains without" in refused(
        private, 1, "join", "--yes"
    )
    private.config(1, learner="private", arguments="{ terms = { noise_multiplier = 0.9 } }")
    said = refused(private, 1, "join", "--yes")
    assert said.endswith("with noise_multiplier 1.1, and your learner trains with 0.9")


@pytest.mark.parametrize(
    ("learner", "says"),
    [
        ("private", "  privacy     your learner says that it trains on the experiment's terms"),
        ("stepping", "  privacy     NOT CHECKED: your learner does not say how it trains"),
    ],
)
def test_privacy_terms_that_hold_or_cannot_be_checked(private: Lab, learner: str, says: str) -> None:
    """What cannot be checked is said, and the party answers for it."""
    private.config(1, learner=learner)
    result = private.run(1, "join", "--yes")
    assert result.exit_code == ExitCode.DONE, result.output
    assert says in result.stdout


# ----------------------------------------------------------------------------- what the contract would refuse


@pytest.mark.parametrize(
    ("party", "command", "says"),
    [
        (3, lambda lab: ("invite", lab.addresses[5], "--yes"), "only the organizer may do this"),
        (0, lambda lab: ("invite", lab.addresses[1], "--yes"), "is invited already"),
        (0, lambda lab: ("remove", lab.addresses[5], "--yes"), "is no member"),
        (5, lambda _: ("leave", "--yes"), "is no member"),
        (0, lambda _: ("start", "--yes"), "0 learners would take part, and no round opens with fewer than 3"),
        (0, lambda _: ("advance", "--yes"), "no round is open"),
        (0, lambda _: ("transfer", "0x" + 40 * "0", "--yes"), "the zero address is nobody's"),
        (3, lambda _: ("renounce", "--yes"), "only the organizer may do this"),
        (0, lambda _: ("remove", "alice", "--yes"), "'alice' is no address"),
    ],
)
def test_what_the_contract_would_refuse(
    joining: Lab, party: int, command: Callable[[Lab], tuple[str, ...]], says: str
) -> None:
    """The reason is told in a sentence, before gas is spent."""
    assert says in refused(joining, party, *command(joining))


def test_what_nodes_want_is_more_than_it_costs(lab: Lab) -> None:
    """A base fee can rise before the transaction is mined: that has to be at hand as well."""
    said: Any = lab.done(0, "create", "--rules", lab.rules(), "--dry-run")
    price = said["estimated_cost_wei"] // said["estimated_gas"]
    lab.wire.answer(BALANCE, hex(said["estimated_cost_wei"] * 2))
    assert "nodes take this transaction only from" in refused(lab, 0, *creating(lab))
    lab.wire.answer(BALANCE, hex((said["estimated_gas"] + 300_000) * price * HEADROOM))
    assert json.loads(lab.run(0, *creating(lab), "--json").stdout)["dry_run"] is False
