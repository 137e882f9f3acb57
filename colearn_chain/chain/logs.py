"""An experiment's log, read in as many pieces as the node asks for.

Nodes limit how many blocks, or how many logs, one request is about, each in its own words and by its own
code: -32005 ``query returned more than 10000 results``, -32602 ``range 1000000 exceeds limit of 10000``,
-32600 ``You can make eth_getLogs requests with up to a 500 block range``, -32000 ``exceed maximum block
range: 5000``, or no answer in time. So no error is interpreted: a range that fails is asked for again in
smaller pieces, until it is clear that this does not help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.node import RpcError, octets, quantity
from colearn_chain.errors import ChainError, shown
from colearn_chain.types import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from colearn_chain.chain.node import Node
    from colearn_chain.types import Address, Progress

MOST_REQUESTS = 1_000
"""A node that answers so small pieces that more are needed is as good as one without logs."""

MOST_ENTRIES = 1 << 20
"""In all; 64 learners vote for 16,000 rounds until there are as many."""

_MOST_SILENCES = 4
"""How often a node may let a request go unanswered, which takes the time that a request may take."""

_NO_SUCH_METHOD = -32601
"""JSON-RPC 2.0, section 5.1."""


@dataclass(frozen=True)
class LogEntry:
    """An event of the contract.

    Attributes:
        block: the number of the block that it is in.
        transaction: the index in the block of the transaction that brought it about.
        event: its Solidity name.
        values: its arguments by their Solidity names.
    """

    block: int
    transaction: int
    event: str
    values: Mapping[str, Any]


def read_log(
    node: Node,
    contract: Address,
    events: Iterable[str],
    blocks: range,
    progress: Progress = unwatched,
) -> list[LogEntry]:
    """Read some of a contract's events, in the order in which they happened.

    Args:
        node: whom to ask.
        contract: whose log.
        events: their Solidity names.
        blocks: in which blocks.
        progress: told how many blocks have been looked through.

    Raises:
        ChainError: the node has no logs, gives them in too small pieces, or answers without sense.
    """
    topics = [["0x" + topic.hex() for topic in experiment_interface().topics(events)]]
    entries: list[LogEntry] = []
    pace, left = _Pace(len(blocks)), blocks
    while left:
        piece = left[: pace.width]
        asked = {"address": contract, "fromBlock": hex(piece[0]), "toBlock": hex(piece[-1]), "topics": topics}
        try:
            answer = node.request("eth_getLogs", asked)
        except ChainError as error:
            pace.slow_down(len(piece), error)
            continue
        entries += _entries(answer, contract, piece)
        left = left[len(piece) :]
        _check_effort(len(entries), len(left), pace.width)
        progress(len(blocks) - len(left), len(blocks))
    return entries


@dataclass
class _Pace:
    """How many blocks the next request is about, and how often a request has gone unanswered."""

    width: int
    silences: int = 0

    def slow_down(self, width: int, error: ChainError) -> None:
        """Ask for fewer blocks after a failure, unless it is clear that this does not help."""
        is_refusal = isinstance(error, RpcError)
        is_final = isinstance(error, RpcError) and error.code == _NO_SUCH_METHOD
        self.silences += not is_refusal
        if is_final or width == 1 or self.silences > _MOST_SILENCES:
            raise error
        self.width = max(width // (2 if is_refusal else 8), 1)


def _check_effort(found: int, blocks_left: int, width: int) -> None:
    if blocks_left > width * MOST_REQUESTS:
        raise ChainError(
            f"the node gives its log {width} blocks at a time, and {blocks_left} are left; "
            f"no more than {MOST_REQUESTS} requests are made"
        )
    if found > MOST_ENTRIES:
        raise ChainError(f"the log has more than {MOST_ENTRIES} entries")


def _entries(answer: object, contract: Address, blocks: range) -> list[LogEntry]:
    try:
        entries = list(_decoded(answer, contract))  # type: ignore[arg-type] # that it is no list shows at once
    except (KeyError, TypeError, AttributeError) as error:
        raise ChainError(f"the node's logs make no sense: {shown(repr(error))}") from error
    moments = [(entry.block, entry.transaction) for entry in entries]
    if moments != sorted(moments) or any(block not in blocks for block, _ in moments):
        raise ChainError(f"the node's logs are not those of blocks {blocks[0]} to {blocks[-1]}, in order")
    return entries


def _decoded(logs: Sequence[Mapping[str, Any]], contract: Address) -> Iterator[LogEntry]:
    interface = experiment_interface()
    for log in logs:
        if log["address"].lower() != contract.lower():
            raise ChainError(f"the node's logs are of {shown(log['address'], 80)}, not of {contract}")
        event = interface.decode_event([octets(topic) for topic in log["topics"]], octets(log["data"]))
        if event is not None:
            moment = quantity(log["blockNumber"]), quantity(log["transactionIndex"])
            yield LogEntry(*moment, event.name, event.values)
