"""Evidence from nodes: as of which block, what lying nodes say, and a contract of an older release."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from colearn_agents.auditing.evidence import from_nodes
from colearn_chain.audit import Kind, Outcome, audit
from colearn_chain.chain import ExperimentContract, Node, embedded_chain
from colearn_chain.chain.abi import Interface, experiment_interface
from colearn_chain.chain.artefact import packaged_releases, parse_artefact, read_releases
from colearn_chain.chain.cards import make_card
from colearn_chain.chain.node import NOBODY
from colearn_chain.rounds import Ballot, fold
from colearn_chain.testing.cards import BLOCK_NUMBER, CHAIN_ID, RELEASE, card_for
from colearn_chain.testing.chain import Fault, FaultyProvider
from colearn_chain.testing.experiments import ACCOUNTS, SPEC, World, new_world
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.artefacts import Card
    from colearn_chain.audit import Evidence

    Answer = dict[str, Any]
    Twist = Callable[[str, Any, Answer], object]

MODEL = Digest(b"\x09" * 32)
ANOTHER = Digest(b"\x77" * 32)
RELEASES = Path(__file__).with_name("releases")
"""What an installation has packaged that is newer than the releases in it."""


def play(world: World, rounds: int = 2) -> World:
    """Rounds that both voters approve."""
    world.contract.start(world.senders[0])
    for number in range(1, rounds + 1):
        proposer = 1 + (number - 1) % 3
        world.contract.propose(world.senders[proposer], RoundNumber(number), MODEL)
        for voter in {1, 2, 3} - {proposer}:
            world.contract.cast_ballot(world.senders[voter], RoundNumber(number), MODEL, Ballot.APPROVE)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    """Two accepted rounds, and a third that is open; read only."""
    return play(new_world(embedded_chain([account.address for account in ACCOUNTS])))


@pytest.fixture
def card(world: World) -> Card:
    """The experiment's card."""
    return make_card(world.chain.node, world.contract.raw_deployment or b"")


class Twisted(FaultyProvider):
    """A node that answers as the world's does, but for what a twist makes of it."""

    def __init__(self, world: World, twist: Twist) -> None:
        super().__init__(world.chain.web3.provider)
        self._twist = twist

    def request_func(self, w3: Web3, middleware_onion: Any) -> Any:
        """Answer; a twist that returns None changes nothing."""
        ask = super().request_func(w3, middleware_onion)

        def answer(method: Any, params: Any) -> Any:
            response = dict(ask(method, params))
            changed = self._twist(method, params, response)
            return response if changed is None else {"jsonrpc": "2.0", "id": 0, "result": changed}

        return answer


def lying(world: World, twist: Twist) -> Node:
    """That node."""
    return Node(Web3(Twisted(world, twist)))


def wrongs(evidence: Evidence) -> list[str]:
    """What an audit of it finds wrong."""
    return [each.text for each in audit(evidence).of_kind(Kind.WRONG)]


def gaps(evidence: Evidence) -> list[str]:
    """What an audit of it could not check."""
    return [each.text for each in audit(evidence).of_kind(Kind.UNCHECKED)]


def test_nodes_give_all_that_an_audit_needs(world: World, card: Card) -> None:
    """History, hash, sighting, and what the log adds, as of one block."""
    evidence = from_nodes(card, [world.chain.node])
    assert audit(evidence).outcome is Outcome.RIGHT
    assert evidence.history == world.contract.history()
    assert evidence.as_of is not None
    assert (evidence.as_of.number, evidence.as_of.finality) == (world.chain.node.block_number(), "the latest")
    assert evidence.as_of.time == world.chain.now()
    assert evidence.log is not None
    assert [change.text for change in evidence.log.changes] == [
        f"{address} was invited" for address in world.addresses[1:5]
    ]
    cast = {(each.number, each.learner): each.ballot for each in evidence.log.ballots}
    assert cast == {
        (closed.number, learner): ballot
        for closed in fold(world.contract.history())
        for learner, ballot in closed.ballots.items()
    }


def test_whoever_waits_is_told_what_is_being_read(world: World, card: Card) -> None:
    """Rounds and memberships, then the log; each until all of it is there."""
    seen: dict[str, list[tuple[int, int]]] = {}

    def watch(what: str) -> Callable[[int, int], None]:
        return lambda done, total: seen.setdefault(what, []).append((done, total))

    from_nodes(card, [world.chain.node], watch=watch)
    assert [what.partition(" from")[0].partition(" of")[0] for what in seen] == [
        "reading rounds",
        "reading the log",
    ]
    assert all(done == total for done, total in (parts[-1] for parts in seen.values()))


def test_a_node_without_logs_leaves_nothing_open(world: World, card: Card) -> None:
    """The organizer's changes are worth knowing, no more; why there are none is said."""
    provider = FaultyProvider(world.chain.web3.provider)
    for _ in range(20):
        provider.refuse("eth_getLogs", -32005, "limit exceeded")
    evidence = from_nodes(card, [Node(Web3(provider))])
    assert (evidence.log, "limit exceeded" in evidence.log_gap) == (None, True)
    assert audit(evidence).outcome is Outcome.RIGHT
    assert any("limit exceeded" in each.text for each in audit(evidence).findings)


def test_the_log_of_another_node_does_as_well(world: World, card: Card) -> None:
    """The first that has one is read."""
    provider = FaultyProvider(world.chain.web3.provider)
    provider.refuse("eth_getLogs", -32601, "the method eth_getLogs does not exist")
    evidence = from_nodes(card, [Node(Web3(provider)), world.chain.node])
    assert evidence.log is not None


# ------------------------------------------------------------------------------------- as of which block


def test_nodes_are_asked_as_of_a_block_that_all_have(world: World, card: Card) -> None:
    """One is two blocks behind: what both say is of its head, so that they can be compared."""
    head = world.chain.node.block_number()
    behind = lying(world, lambda method, *_: hex(head - 2) if method == "eth_blockNumber" else None)
    for nodes in ([world.chain.node, behind], [behind, world.chain.node]):
        evidence = from_nodes(card, nodes)
        assert evidence.as_of is not None
        assert evidence.as_of.number == head - 2
        assert evidence.history == world.contract.history(block=head - 2)
        assert audit(evidence).outcome is Outcome.RIGHT


def test_confirmations_are_waited_for(world: World, card: Card) -> None:
    """Three blocks on top of the block that is read."""
    evidence = from_nodes(card, [world.chain.node], finality=3)
    assert evidence.as_of is not None
    assert evidence.as_of.number == world.chain.node.block_number() - 3
    assert evidence.as_of.finality == "the latest with 3 confirmations"


def test_an_experiment_that_is_not_final_yet(world: World, card: Card) -> None:
    """Nothing is wrong with it; it is too early to say anything."""
    tag = {"number": hex(card.block.number - 1)}
    node = lying(world, lambda _, params, __: tag if params[:1] == ["finalized"] else None)
    evidence = from_nodes(card, [node], finality="finalized")
    assert audit(evidence).outcome is Outcome.INCOMPLETE
    (said,) = gaps(evidence)
    assert said.endswith(
        f"the experiment was deployed in block {card.block.number}, and block {card.block.number - 1} is "
        "the latest that the chain calls finalized"
    )


@pytest.mark.parametrize(
    ("finalized", "said"),
    [
        ({"number": "0x5"}, "block 5 is the latest that the chain calls finalized"),
        (None, "block 6 is the latest, since the node calls none finalized"),
    ],
)
def test_a_public_chain_is_read_at_its_finalized_block(world: World, finalized: object, said: str) -> None:
    """Where nothing is configured; where no block is ever finalized, at the latest, and that is said."""

    def public(method: str, params: Any, _: Answer) -> object:
        if method == "eth_getBlockByNumber" and params[0] == "finalized":
            return finalized or {}
        return {"eth_chainId": hex(CHAIN_ID), "eth_blockNumber": "0x6"}.get(method)

    assert BLOCK_NUMBER == 7
    evidence = from_nodes(card_for(world.rules, SPEC), [lying(world, public)], releases=[RELEASE])
    (gap,) = gaps(evidence)
    assert said in gap


# ------------------------------------------------------------------------------------------ nodes that lie


def test_a_node_that_shows_other_code(world: World, card: Card) -> None:
    """It is said in one sentence, and nothing else is believed of it."""
    code = bytearray(world.chain.node.code(world.contract.address))
    code[10] ^= 1
    node = lying(world, lambda method, *_: "0x" + code.hex() if method == "eth_getCode" else None)
    evidence = from_nodes(card, [node])
    (said,) = wrongs(evidence)
    assert said.endswith(f"the code at {world.contract.address} is not what the card's transaction makes")
    assert evidence.history is None


def test_a_node_of_another_chain(world: World, card: Card) -> None:
    """Its blocks are of no interest; the other node's history is read."""
    node = lying(world, lambda method, *_: "0x1" if method == "eth_chainId" else None)
    evidence = from_nodes(card, [node, world.chain.node])
    (said,) = wrongs(evidence)
    assert said.endswith(f"the node is on chain 1, the card says {card.chain_id}")
    assert evidence.history == world.contract.history()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, "was never mined"),
        ({"status": "0x0"}, "was mined and failed"),
        ({"blockNumber": "0x9"}, "it was mined in block 9"),
        ({"contractAddress": "0x" + "11" * 20}, "its receipt names the contract"),
    ],
)
def test_a_node_with_another_receipt(
    world: World, card: Card, change: dict[str, object] | None, said: str
) -> None:
    """None at all, of a failure, of another block, of another contract."""

    def twist(method: str, _: Any, response: Answer) -> object:
        if method == "eth_getTransactionReceipt":
            response["result"] = change and dict(response["result"]) | change
        return None

    (found,) = wrongs(from_nodes(card, [lying(world, twist)]))
    assert said in found


def turned(world: World) -> Node:
    """A node on which something else was proposed in both rounds; all else is as it is."""

    def twist(method: str, _: Any, response: Answer) -> None:
        if method == "eth_call":
            response["result"] = response["result"].replace(MODEL.hex(), ANOTHER.hex())

    return lying(world, twist)


def test_a_node_that_lies_about_a_proposal(world: World, card: Card) -> None:
    """What it tells is not what its own history hash commits to; the sentence names the node."""
    report = audit(from_nodes(card, [turned(world)]))
    (said,) = report.of_kind(Kind.WRONG)
    assert (said.subject, said.text.startswith("Twisted: ")) == ("historyHash", True)


def test_a_node_with_another_history_hash(world: World, card: Card) -> None:
    """Whether it is asked first or second: it differs from the other, and both are named."""
    genuine = world.contract.history_hash().hex()

    def twist(method: str, _: Any, response: Answer) -> None:
        if method == "eth_call":
            response["result"] = response["result"].replace(genuine, "ab" * 32)

    for nodes in ([world.chain.node, lying(world, twist)], [lying(world, twist), world.chain.node]):
        found = audit(from_nodes(card, nodes)).of_kind(Kind.WRONG)
        assert {each.subject for each in found} == {"historyHash"}
        assert any(f"0x{genuine}" in each.text and "0x" + "ab" * 32 in each.text for each in found)


def test_nodes_on_different_branches(world: World, card: Card) -> None:
    """The block that they were asked about has two hashes."""
    other = "0x" + "cd" * 32

    def twist(method: str, _: Any, response: Answer) -> None:
        if method == "eth_getBlockByNumber":
            response["result"] = dict(response["result"]) | {"hash": other}

    evidence = from_nodes(card, [world.chain.node, lying(world, twist)])
    (said,) = wrongs(evidence)
    assert other in said
    assert said.endswith("they stand on different chains")


def test_a_node_that_lies_about_the_rules(world: World, card: Card) -> None:
    """They follow from the card, so nothing more of its history is read."""
    asked = "0x" + experiment_interface().encode_call("rules").hex()

    def twist(method: str, params: Any, response: Answer) -> None:
        if method == "eth_call" and params[0]["data"] == asked:
            words = response["result"]
            response["result"] = f"0x{1:064x}{words[66:]}"

    evidence = from_nodes(card, [lying(world, twist)])
    (said,) = wrongs(evidence)
    assert said.endswith("tells of other rules than the card: threshold_bps 1, not 5001")
    assert evidence.history is None


@pytest.mark.parametrize(
    "method", ["eth_chainId", "eth_blockNumber", "eth_getCode", "eth_call", "eth_getBlockByNumber"]
)
def test_a_node_that_fails_is_a_gap(world: World, card: Card, method: str) -> None:
    """Wherever it fails; the other node still tells everything."""
    provider = FaultyProvider(world.chain.web3.provider)
    provider.inject(method, *[Fault.UNREACHABLE] * 100)
    evidence = from_nodes(card, [Node(Web3(provider)), world.chain.node])
    assert audit(evidence).outcome is Outcome.INCOMPLETE
    assert evidence.history == world.contract.history()
    assert len(gaps(evidence)) == 1


def test_a_node_that_would_answer_for_ever(world: World, card: Card) -> None:
    """It tells of more memberships than anybody pays for; not one page of them is read."""
    genuine = world.contract.snapshot(NOBODY)
    asked = "0x" + experiment_interface().encode_call("snapshot", NOBODY).hex()
    at = 64 * [each.name for each in dataclasses.fields(genuine)].index("memberships")

    def twist(method: str, params: Any, response: Answer) -> None:
        if method == "eth_call" and params[0]["data"] == asked:
            words = response["result"][2:]
            assert int(words[at : at + 64], 16) == genuine.memberships
            response["result"] = f"0x{words[:at]}{2**60:064x}{words[at + 64 :]}"

    evidence = from_nodes(card, [lying(world, twist)])
    (said,) = gaps(evidence)
    assert f"{2**60} memberships" in said


# ------------------------------------------------------------------------------------- an older release


@pytest.fixture
def older() -> World:
    """An experiment that was deployed and played before ballots were cast by the functions of today."""
    world = new_world(embedded_chain([account.address for account in ACCOUNTS]))
    artefact = parse_artefact((RELEASES / "0.0.9.json").read_text(encoding="utf-8"))
    interface = Interface(artefact.abi)
    assert "castVote" in interface.functions
    organizer, *learners = world.senders[:4]
    arguments = experiment_interface().encode_constructor(dataclasses.astuple(world.rules), SPEC)
    receipt = organizer.send(None, artefact.bytecode + arguments)
    world.contract = ExperimentContract(
        world.chain.node, receipt.contract, deployment=receipt, raw_deployment=organizer.last_mined
    )
    world.contract.invite(organizer, world.addresses[1:4])
    for learner in learners:
        world.contract.join(learner)
    world.contract.start(organizer)
    world.contract.propose(learners[0], RoundNumber(1), MODEL)
    for learner in learners[1:]:
        vote = interface.encode_call("castVote", 1, MODEL, int(Ballot.APPROVE))
        learner.send(world.contract.address, vote)
    return world


def test_an_experiment_of_an_older_release(older: World) -> None:
    """Its code is packaged, by its initcode's hash, so it is audited like any other."""
    card = make_card(older.chain.node, older.contract.raw_deployment or b"")
    releases = (*packaged_releases(), *read_releases(RELEASES))
    evidence = from_nodes(card, [older.chain.node], releases=releases)
    report = audit(evidence)
    assert report.outcome is Outcome.RIGHT
    assert report.deployment is not None
    assert report.deployment.release == read_releases(RELEASES)[0]
    assert [sorted(closed.ballots.values()) for closed in report.rounds] == [[Ballot.APPROVE] * 2]
    assert evidence.log is not None
    assert len(evidence.log.ballots) == 2


def test_an_experiment_of_a_release_that_is_not_packaged(older: World) -> None:
    """Unknown code is wrong, whatever a node says of it; no node is asked."""
    card = make_card(older.chain.node, older.contract.raw_deployment or b"")
    provider = FaultyProvider(older.chain.web3.provider)
    evidence = from_nodes(card, [Node(Web3(provider))])
    (said,) = wrongs(evidence)
    assert "no release of this project" in said
    assert provider.asked == []
