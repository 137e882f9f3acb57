"""Logs of an experiment: read in pieces where a node limits them, and refused where they make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from colearn_chain.chain import Node
from colearn_chain.chain.logs import MOST_REQUESTS, LogEntry, read_log
from colearn_chain.chain.organizer_log import ORGANIZERS_EVENTS, in_words, organizers_acts
from colearn_chain.errors import ChainError
from colearn_chain.rounds import Ballot
from colearn_chain.testing.chain import Fault, FaultyProvider
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.testing.experiments import Wire, World

MODEL = Digest(bytes([9]) * 32)


def told(world: World, node: Node | None = None, **options: Any) -> list[LogEntry]:
    """The organizer's events and all ballots, from the chain's first block on."""
    asked, last = node or world.chain.node, world.chain.node.block_number()
    return read_log(asked, world.contract.address, {*ORGANIZERS_EVENTS, "Voted"}, range(last + 1), **options)


def test_ballots_stand_in_the_order_in_which_they_were_cast(world: World) -> None:
    """With block and place in it, so that who voted before whom can be told."""
    contract, (organizer, ann, bob, cyd, *_) = world.contract, world.senders
    contract.start(organizer)
    contract.propose(ann, RoundNumber(1), MODEL)
    contract.cast_ballot(cyd, RoundNumber(1), MODEL, Ballot.REJECT)
    contract.cast_ballot(bob, RoundNumber(1), MODEL, Ballot.APPROVE)
    first, second = [entry for entry in told(world) if entry.event == "Voted"]
    assert first.values == {"round": 1, "learner": cyd.address, "ballot": Ballot.REJECT}
    assert second.values == {"round": 1, "learner": bob.address, "ballot": Ballot.APPROVE}
    assert (first.block, first.transaction) < (second.block, second.transaction)


def test_the_organizers_acts_in_words(world: World) -> None:
    """Invitations, removals, and who held the role; the deployment itself is no change."""
    organizer, heir = world.senders[0], world.senders[5]
    world.contract.remove(organizer, world.addresses[4])
    world.contract.transfer_organizer(organizer, heir.address)
    world.contract.renounce_organizer(heir)
    acts = organizers_acts(told(world))
    assert [in_words(act, lambda address: f"party {world.addresses.index(address)}") for act in acts] == [
        *(f"party {party} was invited" for party in (1, 2, 3, 4)),
        "party 4 was removed, and its invitation withdrawn",
        "party 0 handed the organizer's role to party 5",
        "party 5 gave the organizer's role up for good",
    ]


def test_a_log_without_the_deployment_is_no_log(world: World) -> None:
    """A node that has let go of old logs answers with the later ones, and says nothing of it."""
    with pytest.raises(ChainError, match="lacks the deployment"):
        organizers_acts(told(world)[1:])


class Limited(FaultyProvider):
    """A node that gives no more than so many blocks, or so many logs, for one request."""

    def __init__(
        self, wire: Wire, code: int, message: str, *, blocks: int = 10**9, logs: int = 10**9
    ) -> None:
        super().__init__(wire.world.chain.web3.provider)
        self._error = {"code": code, "message": message}
        self._limits = blocks, logs

    def request_func(self, w3: Web3, middleware_onion: Any) -> Any:
        """Answer as the node does, or refuse."""
        ask = super().request_func(w3, middleware_onion)

        def answer(method: Any, params: Any) -> Any:
            refusal = {"jsonrpc": "2.0", "id": 0, "error": self._error}
            if method == "eth_getLogs" and _width(params[0]) > self._limits[0]:
                return refusal
            response = ask(method, params)
            is_too_much = method == "eth_getLogs" and len(response["result"]) > self._limits[1]
            return refusal if is_too_much else response

        return answer


def _width(asked: dict[str, str]) -> int:
    return int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1


@pytest.mark.parametrize(
    ("code", "message", "limits"),
    [
        (-32005, "query returned more than 10000 results", {"logs": 4}),
        (-32602, "range 1000000 exceeds limit of 10000", {"blocks": 3}),
        (-32600, "You can make eth_getLogs requests with up to a 500 block range", {"blocks": 1}),
        (-32000, "exceed maximum block range: 5000", {"blocks": 4, "logs": 4}),
    ],
)
def test_a_log_that_a_node_gives_in_pieces(
    wire: Wire, code: int, message: str, limits: dict[str, int]
) -> None:
    """Whatever the limit is called, smaller pieces make the same log."""
    node = Node(Web3(Limited(wire, code, message, **limits)))
    seen: list[tuple[int, int]] = []
    assert told(wire.world, node, progress=lambda *so_far: seen.append(so_far)) == told(wire.world)
    total = wire.world.chain.node.block_number() + 1
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize(
    ("fail", "most"),
    [
        (lambda provider: provider.refuse("eth_getLogs", -32601, "the method does not exist"), 1),
        (lambda provider: provider.refuse("eth_getLogs", -32005, "daily request count exceeded"), 40),
        (lambda provider: provider.inject("eth_getLogs", Fault.TIMEOUT), 5),
    ],
)
def test_a_node_that_gives_no_logs_at_all(
    wire: Wire, fail: Callable[[FaultyProvider], None], most: int
) -> None:
    """It is not asked for ever; least of all when each request takes as long as one may."""
    for _ in range(100):
        fail(wire.provider)
    with pytest.raises(ChainError):
        read_log(wire.node, wire.world.contract.address, {"Voted"}, range(10**6))
    assert wire.provider.calls["eth_getLogs"] <= most


def test_a_node_whose_pieces_are_too_small(wire: Wire) -> None:
    """A few blocks at a time of a year's blocks: it is said at once, not after a day."""
    provider = Limited(wire, -32600, "up to a 4 block range", blocks=4)
    with pytest.raises(ChainError, match=f"no more than {MOST_REQUESTS} requests"):
        read_log(Node(Web3(provider)), wire.world.contract.address, {"Voted"}, range(2_600_000))
    assert provider.calls["eth_getLogs"] < 40


def a_log(wire: Wire, **changes: Any) -> dict[str, Any]:
    """The log of the first invitation, with changes."""
    address = wire.world.contract.address
    first = {"address": address, "fromBlock": "0x0", "toBlock": "latest"}
    found: dict[str, Any] = dict(wire.world.chain.node.request("eth_getLogs", first)[1])
    return found | changes


@pytest.mark.parametrize(
    "make",
    [
        lambda _: None,
        lambda _: ["log"],
        lambda _: [{"topics": []}],
        lambda wire: [a_log(wire, data=7)],
        lambda wire: [a_log(wire, blockNumber="0x999999")],
        lambda wire: [a_log(wire, transactionIndex="soon")],
        lambda wire: [a_log(wire, address=wire.world.addresses[1])],
        lambda wire: [a_log(wire, transactionIndex="0x2"), a_log(wire, transactionIndex="0x1")],
    ],
)
def test_logs_without_sense(wire: Wire, make: Callable[[Wire], object]) -> None:
    """No list, no logs, other blocks', another contract's, in no order: only a typed error comes out."""
    wire.provider.answer("eth_getLogs", make(wire))
    with pytest.raises(ChainError):
        told(wire.world, wire.node)
