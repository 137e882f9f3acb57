"""The command ``audit``: from a card, against nodes behind URLs, and against a file with no node at all."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from colearn_agents.cli import app
from colearn_agents.cli.failures import AuditExit
from colearn_chain.audit import HistoryFile
from colearn_chain.chain import embedded_chain
from colearn_chain.chain.cards import make_card
from colearn_chain.rounds import Ballot
from colearn_chain.testing.cards import card_for
from colearn_chain.testing.doors import Door, open_to_the_network
from colearn_chain.testing.experiments import ACCOUNTS, World, new_world
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("colearn-chain"))
ADDRESSES = [account.address for account in ACCOUNTS]
DIGEST = Digest(bytes([9]) * 32)
CHAIN_ID = 131277322940537
"""eth-tester's."""

NOBODY_THERE = "http://127.0.0.1:1"
PNG = b"\x89PNG\r\n\x1a\n"


def played(threshold_bps: int = 5001) -> World:
    """Round 1 accepted, round 2 passed, round 3 being voted on."""
    world = new_world(embedded_chain(ADDRESSES))
    if threshold_bps != world.rules.threshold_bps:
        world.contract = world.deploy(threshold_bps=threshold_bps)
        world.contract.invite(world.senders[0], ADDRESSES[1:4])
        for sender in world.senders[1:4]:
            world.contract.join(sender)
    one, two, three = (RoundNumber(number) for number in (1, 2, 3))
    world.contract.start(world.senders[0])
    world.contract.propose(world.senders[1], one, DIGEST)
    world.contract.cast_ballot(world.senders[2], one, DIGEST, Ballot.APPROVE)
    world.contract.cast_ballot(world.senders[3], one, DIGEST, Ballot.APPROVE)
    world.contract.pass_turn(world.senders[2], two)
    world.contract.propose(world.senders[3], three, DIGEST)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    """That experiment."""
    return played()


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    """Its node."""
    with open_to_the_network(world.chain.node) as found:
        yield found


@pytest.fixture
def card(world: World, tmp_path: Path) -> str:
    """Its card, as a file."""
    return written_card(world, tmp_path / "card.json")


def written_card(world: World, path: Path) -> str:
    """The card of a world's experiment."""
    path.write_bytes(make_card(world.chain.node, world.contract.raw_deployment or b"").to_bytes())
    return str(path)


def audit(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["audit", *arguments])


def findings(result: Result, kind: str) -> list[str]:
    """What the JSON report says of a kind."""
    return [each["text"] for each in json.loads(result.stdout)["findings"] if each["kind"] == kind]


def test_an_honest_experiment_is_complete_and_right(card: str, url: str) -> None:
    """Exit code 0; what was checked stands in a table, and the last line says what it comes to."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [COMMAND, "audit", card, "--rpc", url], capture_output=True, text=True, check=False
    )
    assert (ran.stderr, ran.returncode) == ("", AuditExit.RIGHT)
    assert "2 rounds closed: 1 accepted, 0 rejected, 1 skipped" in ran.stdout
    assert ran.stdout.strip().splitlines()[-1].startswith("Complete and right")


def test_who_did_what_is_a_picture_in_letters(card: str, url: str, world: World) -> None:
    """A line for each learner, a column for each round, and below them what was accepted."""
    lines = [line.split() for line in audit(card, "--rpc", url).stdout.splitlines()]
    short = [f"{address[:6]}…{address[-4:]}" for address in world.addresses[1:4]]
    assert [line[1] for line in lines if line and line[0] in short] == ["P·", "Ap", "A·"]
    assert ["accepted", "✓·"] in lines


def test_the_block_of_the_audit_is_said(card: str, url: str, world: World) -> None:
    """Its number, its time in UTC and why this one, for people and for programs."""
    head, now = world.chain.node.block_number(), datetime.fromtimestamp(world.chain.now(), UTC)
    line = audit(card, "--rpc", url).stdout.splitlines()[2]
    assert line == f"As of block {head}, {now:%Y-%m-%d %H:%M:%S} UTC: the latest"
    block = json.loads(audit(card, "--rpc", url, "--json").stdout)["block"]
    assert block == {"number": head, "time": world.chain.now(), "finality": "the latest"}


def test_the_json_report_is_one_document(card: str, url: str, world: World) -> None:
    """For machines: experiment, outcome, hash, and the findings with their kinds."""
    result = audit(card, "--rpc", url, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == AuditExit.RIGHT
    assert document["experiment"].endswith(world.contract.address)
    assert (document["outcome"], document["rounds_closed"]) == ("right", 2)
    assert document["history_hash"] == "0x" + world.contract.history_hash().hex()
    assert {each["kind"] for each in document["findings"]} == {"checked", "noted"}


def test_names_stand_for_addresses(card: str, url: str, world: World, tmp_path: Path) -> None:
    """Whatever the capitals of the address in the file are."""
    names = tmp_path / "names.json"
    names.write_text(json.dumps({world.addresses[1].lower(): "Hospital A"}), encoding="utf-8")
    shown = audit(card, "--rpc", url, "--names", str(names)).stdout
    assert "Hospital A was invited" in shown
    assert world.addresses[1] not in shown


def test_a_name_cannot_steer_the_terminal(card: str, url: str, world: World, tmp_path: Path) -> None:
    """What others wrote is shown, and not obeyed."""
    names = tmp_path / "names.json"
    names.write_text(json.dumps({world.addresses[1]: "\x1b[2JHospital"}), encoding="utf-8")
    result = audit(card, "--rpc", url, "--names", str(names))
    assert result.exit_code == AuditExit.RIGHT
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("text", ["[]", "{", '{"0x12": "A"}', '{"0x12": 3}'])
def test_names_that_are_none(card: str, url: str, tmp_path: Path, text: str) -> None:
    """One sentence that names the file."""
    (tmp_path / "names.json").write_text(text, encoding="utf-8")
    result = audit(card, "--rpc", url, "--names", str(tmp_path / "names.json"))
    assert result.exit_code == AuditExit.WRONG
    assert "names.json" in result.stderr


def test_several_nodes_are_compared(card: str, url: str) -> None:
    """Two that agree are one trusted node less."""
    result = audit(card, "--rpc", url, "--rpc", url, "--json")
    assert result.exit_code == AuditExit.RIGHT
    assert any("2 nodes were asked" in text for text in findings(result, "noted"))


def test_a_node_on_another_chain_with_another_history(card: str, url: str) -> None:
    """Its word stands against the other's, about the block and about the history; both are named."""
    with open_to_the_network(played(threshold_bps=6000).chain.node) as other:
        result = audit(card, "--rpc", url, "--rpc", other, "--json")
    assert result.exit_code == AuditExit.WRONG
    block, history = findings(result, "wrong")
    assert "they stand on different chains" in block
    assert all(node in block for node in (url, other))
    assert history.startswith(f"{other} says 0x")


def test_a_node_that_does_not_answer_leaves_the_audit_incomplete(card: str, url: str) -> None:
    """What another node says is still checked; if none answers nothing is."""
    one_of_two = audit(card, "--rpc", NOBODY_THERE, "--rpc", url, "--json")
    assert one_of_two.exit_code == AuditExit.INCOMPLETE
    assert json.loads(one_of_two.stdout)["rounds_closed"] == 2
    none = audit(card, "--rpc", NOBODY_THERE, "--json")
    assert none.exit_code == AuditExit.INCOMPLETE
    assert NOBODY_THERE in findings(none, "unchecked")[0]


def test_a_card_that_this_chain_never_saw(url: str, tmp_path: Path) -> None:
    """The same organizer, another deployment on another chain of the same id."""
    other = written_card(played(threshold_bps=6000), tmp_path / "card.json")
    result = audit(other, "--rpc", url, "--json")
    assert result.exit_code == AuditExit.WRONG
    assert "never mined" in findings(result, "wrong")[0]


@pytest.mark.parametrize("text", ["", "{}", "card"])
def test_a_file_that_is_no_card(url: str, tmp_path: Path, text: str) -> None:
    """One sentence, exit code 1."""
    (tmp_path / "card.json").write_text(text, encoding="utf-8")
    result = audit(str(tmp_path / "card.json"), "--rpc", url)
    assert result.exit_code == AuditExit.WRONG
    assert "card.json is no card" in result.stderr
    assert result.stderr.count("\n") == 1
    swapped = audit(written_card(played(), tmp_path / "real.json"), "--from", str(tmp_path / "card.json"))
    assert "card.json is no exported history" in swapped.stderr
    missing = audit(str(tmp_path / "nowhere.json"), "--rpc", url)
    assert "nowhere.json cannot be read" in missing.stderr


def test_a_card_of_unknown_code(url: str, world: World, tmp_path: Path) -> None:
    """A finding like any other: there is a document, a report and exit code 1."""
    (tmp_path / "card.json").write_bytes(card_for(world.rules, DIGEST).to_bytes())
    page = tmp_path / "report.html"
    result = audit(str(tmp_path / "card.json"), "--rpc", url, "--json", "--report", str(page))
    assert result.exit_code == AuditExit.WRONG
    assert "no release of this project" in findings(result, "wrong")[0]
    assert "no release of this project" in page.read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------ configuration


class Guarded(Door):
    """A node that answers only whom it knows."""

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        """Answer, or refuse."""
        if self.headers["Authorization"] != "Bearer open-sesame":
            self.send_error(401)
            return
        super().do_POST()


def configuration(path: Path, url: str, *lines: str) -> str:
    """A configuration file for the embedded chain."""
    text = ["[network]", f"chain_id = {CHAIN_ID}", f'rpc = ["{url}"]', *lines]
    path.write_text("\n".join(text), encoding="utf-8")
    return str(path)


def test_a_configuration_names_the_nodes(card: str, world: World, tmp_path: Path) -> None:
    """With what they ask for: without the token nobody is let in."""
    (tmp_path / "token").write_text("open-sesame", encoding="utf-8")
    with open_to_the_network(world.chain.node, Guarded) as guarded:
        config = configuration(tmp_path / "c.toml", guarded, 'bearer_token = "${file:token}"')
        assert audit(card, "--config", config).exit_code == AuditExit.RIGHT
        refused = audit(card, "--rpc", guarded, "--json")
    assert refused.exit_code == AuditExit.INCOMPLETE
    assert "did not answer" in findings(refused, "unchecked")[0]


def test_a_configuration_says_when_a_block_counts(card: str, url: str, world: World, tmp_path: Path) -> None:
    """With two confirmations the last two blocks, and the round that they closed, are not there yet."""
    config = configuration(tmp_path / "c.toml", url, "confirmations = 2")
    result = audit(card, "--config", config, "--json")
    document = json.loads(result.stdout)
    assert document["block"]["number"] == world.chain.node.block_number() - 2
    assert (document["rounds_closed"], result.exit_code) == (1, AuditExit.RIGHT)


def test_a_configuration_of_another_chain(card: str, tmp_path: Path) -> None:
    """One sentence, before any node is asked."""
    config = configuration(tmp_path / "c.toml", NOBODY_THERE)
    text = Path(config).read_text(encoding="utf-8").replace(str(CHAIN_ID), "1337")
    Path(config).write_text(text, encoding="utf-8")
    result = audit(card, "--config", config)
    assert result.exit_code == AuditExit.WRONG
    assert f"the card is of an experiment on chain {CHAIN_ID}" in result.stderr
    assert result.stderr.count("\n") == 1


# ------------------------------------------------------------------------------------------ the report


def test_the_report_is_a_page_of_the_same_audit(card: str, url: str, world: World, tmp_path: Path) -> None:
    """Verdict, hash, names, and the command that repeats it; what it writes is not part of that."""
    names, page = tmp_path / "names.json", tmp_path / "report.html"
    names.write_text(json.dumps({world.addresses[1]: "Clinic <b>A</b>"}), encoding="utf-8")
    options = ("--rpc", url, "--names", str(names))
    result = audit(card, *options, "--report", str(page))
    assert (result.exit_code, result.stderr) == (AuditExit.RIGHT, "")
    text = page.read_text(encoding="utf-8")
    assert "Complete and right" in text
    assert "Clinic &lt;b&gt;A&lt;/b&gt;" in text
    assert "0x" + world.contract.history_hash().hex() in text
    assert f"colearn-chain audit {card} \\\n  --rpc {url} \\\n  --names {names}<" in text


def test_a_report_tells_no_secrets(card: str, world: World, tmp_path: Path) -> None:
    """A user, a password and a key in a node's address are on no page and on no terminal."""
    page = tmp_path / "report.html"
    with open_to_the_network(world.chain.node) as plain:
        secret = plain.replace("http://", "http://auditor:hush@") + "/v3/hush-key"
        result = audit(card, "--rpc", secret, "--report", str(page))
    assert result.exit_code == AuditExit.RIGHT
    assert "hush" not in result.stdout + page.read_text(encoding="utf-8")


def test_an_audit_without_an_answer_has_a_report_too(card: str, tmp_path: Path) -> None:
    """Whoever asked for it learns why there is nothing to see."""
    page = tmp_path / "report.html"
    assert audit(card, "--rpc", NOBODY_THERE, "--report", str(page)).exit_code == AuditExit.INCOMPLETE
    assert "did not answer" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--report", "--export", "--picture"])
def test_nothing_is_overwritten(card: str, tmp_path: Path, option: str) -> None:
    """Least of all the card; it is said before any node is asked."""
    before = Path(card).read_bytes()
    result = audit(card, "--rpc", NOBODY_THERE, option, card)
    assert (result.exit_code, result.stdout) == (AuditExit.WRONG, "")
    assert "exists already" in result.stderr
    assert Path(card).read_bytes() == before
    nowhere = audit(card, "--rpc", NOBODY_THERE, option, str(tmp_path / "nowhere" / "x.html"))
    assert "no folder" in nowhere.stderr


def test_two_files_cannot_be_one(card: str, tmp_path: Path) -> None:
    """The second would fail when the first is written already."""
    one = str(tmp_path / "one.html")
    result = audit(card, "--rpc", NOBODY_THERE, "--report", one, "--export", one)
    assert "a file of their own" in result.stderr


# ------------------------------------------------------------------------------------------ how far it is


def seen_on_a_terminal(*arguments: str, folder: Path | None = None) -> str:
    """What the command writes to a terminal that is its standard error."""
    reader, writer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(  # noqa: S603 - our own command
        [COMMAND, "audit", *arguments], stdout=subprocess.DEVNULL, stderr=writer, env=environment, cwd=folder
    ):
        os.close(writer)
        chunks = []
        try:
            while chunk := os.read(reader, 4096):
                chunks.append(chunk)
        except OSError:  # how Linux says that nobody writes any more
            pass
    os.close(reader)
    return b"".join(chunks).decode()


def test_who_waits_at_a_terminal_sees_how_far_it_is(card: str, url: str, tmp_path: Path) -> None:
    """On standard error, and not with --json; a pipe gets nothing, as the first test of this file holds."""
    (tmp_path / "[red]").mkdir()
    shown = seen_on_a_terminal(card, "--rpc", url)
    assert "in [red]" in seen_on_a_terminal(card, "--rpc", url, "--artefacts", "[red]", folder=tmp_path)
    assert "reading rounds from" in shown
    assert "reading the log of" in shown
    assert "checking what was decided" in shown
    assert "5/5" in shown or "6/6" in shown
    assert seen_on_a_terminal(card, "--rpc", url, "--json") == ""


def test_an_export_is_checked_with_no_node_at_all(card: str, url: str, world: World, tmp_path: Path) -> None:
    """A file and a hash: right by the true one, wrong by another, incomplete by none."""
    file = tmp_path / "history.json"
    assert audit(card, "--rpc", url, "--export", str(file)).exit_code == AuditExit.RIGHT
    true_hash = "0x" + world.contract.history_hash().hex()
    offline = (card, "--from", str(file))
    assert audit(*offline, "--against-hash", true_hash).exit_code == AuditExit.RIGHT
    assert audit(*offline, "--against-hash", "0x" + "05" * 32).exit_code == AuditExit.WRONG
    assert audit(*offline).exit_code == AuditExit.INCOMPLETE


def test_an_export_in_which_a_ballot_was_turned(card: str, url: str, world: World, tmp_path: Path) -> None:
    """Whoever changed the file had to change its hash too, and the true one is known."""
    file = tmp_path / "history.json"
    audit(card, "--rpc", url, "--export", str(file))
    data = file.read_bytes().replace(b'"approvals":[1,2]', b'"approvals":[0,1]', 1)
    assert data != file.read_bytes()
    file.write_bytes(data)
    true_hash = "0x" + world.contract.history_hash().hex()
    result = audit(card, "--from", str(file), "--against-hash", true_hash)
    assert result.exit_code == AuditExit.WRONG
    assert "round 1" in result.stdout


def test_nothing_wrong_is_exported(tmp_path: Path, world: World, url: str) -> None:
    """A history that does not hold is no history."""
    other = written_card(played(threshold_bps=6000), tmp_path / "card.json")
    result = audit(other, "--rpc", url, "--export", str(tmp_path / "history.json"))
    assert result.exit_code == AuditExit.WRONG
    assert "nothing was exported" in result.stderr
    assert not (tmp_path / "history.json").exists()


def test_nothing_is_drawn_of_nothing(card: str, tmp_path: Path) -> None:
    """That no node answered is what the exit code says; that there is no picture is said beside it."""
    result = audit(card, "--rpc", NOBODY_THERE, "--picture", str(tmp_path / "votes.png"))
    assert result.exit_code == AuditExit.INCOMPLETE
    assert "no rounds to be drawn" in result.stderr
    assert not (tmp_path / "votes.png").exists()


def test_the_picture_is_drawn(card: str, url: str, tmp_path: Path) -> None:
    """One picture of rounds and learners."""
    audit(card, "--rpc", url, "--picture", str(tmp_path / "votes.png"))
    assert (tmp_path / "votes.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "one of them"),
        (["--rpc", NOBODY_THERE, "--from", "x.json"], "one of them"),
        (["--rpc", NOBODY_THERE, "--config", "x.toml"], "one of them"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--rpc", "not a url"], "http"),
        (["--from", "nowhere.json"], "nowhere.json cannot be read"),
        (["--rpc", NOBODY_THERE, "--against-hash", "0x12"], "no history hash"),
    ],
)
def test_what_cannot_be_asked_for(card: str, options: list[str], said: str) -> None:
    """One sentence on stderr."""
    result = audit(card, *options)
    assert result.exit_code == AuditExit.WRONG
    assert said in result.stderr


# ----------------------------------------------------------------------------------- the demo's evidence


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a short demo leaves, without its chain, which has gone."""
    folder = tmp_path_factory.mktemp("audited") / "run"
    options = ["--learners", "3", "--rounds", "2", "--out", str(folder)]
    result = CliRunner().invoke(app, ["demo", *options])
    assert result.exit_code == 0, result.stderr
    return folder


def offline(folder: Path, store: Path, *more: str) -> Result:
    """The audit of what the demo left, with its proposals."""
    known: Any = json.loads((folder / "history.json").read_text(encoding="utf-8"))["history_hash"]
    files = (str(folder / "card.json"), "--from", str(folder / "closed-history.json"))
    return audit(*files, "--against-hash", known, "--artefacts", str(store), *more)


def test_what_the_demo_leaves_can_be_audited(demo: Path) -> None:
    """Card, closed rounds and store: complete and right, proposals included."""
    result = offline(demo, demo / "store", "--json")
    assert result.exit_code == AuditExit.RIGHT
    assert any(re.match("2 of 2 proposals have the digest", text) for text in findings(result, "checked"))


def test_a_proposal_that_is_gone_is_listed(demo: Path, tmp_path: Path) -> None:
    """The rest is checked all the same; exit code 2."""
    store = tmp_path / "store"
    shutil.copytree(demo / "store", store)
    shutil.rmtree(store / proposal(demo, 1))
    result = offline(demo, store, "--json")
    assert result.exit_code == AuditExit.INCOMPLETE
    assert "1 of 2 proposals (round 1) are gone" in findings(result, "unchecked")[0]


def test_a_proposal_that_the_store_has_damaged(demo: Path, tmp_path: Path) -> None:
    """Bytes that do not lead to the digest on chain are nobody's proposal: it is missing, not malformed."""
    store = tmp_path / "store"
    shutil.copytree(demo / "store", store)
    weights = store / proposal(demo, 1) / "weights.safetensors"
    weights.chmod(0o644)
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = offline(demo, store, "--json")
    assert result.exit_code == AuditExit.INCOMPLETE
    assert "damaged" in findings(result, "unchecked")[0]
    assert "1 of 2 proposals" in " ".join(findings(result, "checked"))


def proposal(folder: Path, number: int) -> str:
    """The CID of a round's proposal."""
    rounds: Any = json.loads((folder / "history.json").read_text(encoding="utf-8"))["rounds"]
    return str(rounds[number - 1]["proposal"]["cid"])


def test_a_store_that_is_not_there(demo: Path, tmp_path: Path) -> None:
    """The operator's mistake, not a finding; a store without the spec is one."""
    assert "no store" in offline(demo, tmp_path / "nowhere").stderr
    (tmp_path / "empty").mkdir()
    assert offline(demo, tmp_path / "empty").exit_code == AuditExit.INCOMPLETE


def test_the_demos_closed_history_is_in_its_one_form(demo: Path) -> None:
    """It reads back as the file it is, with the card beside it."""
    file = HistoryFile.from_bytes((demo / "closed-history.json").read_bytes())
    assert file.card.to_bytes() == (demo / "card.json").read_bytes()
    assert len(file.rounds) == 2
