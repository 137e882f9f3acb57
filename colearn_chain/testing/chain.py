"""Faults at the RPC seam, a clock that only moves when told, and anvil as a second kind of node."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections import Counter, defaultdict, deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from requests.exceptions import ConnectionError as Unreachable
from requests.exceptions import ReadTimeout
from web3.providers import BaseProvider

from colearn_chain.chain.embedded import FUNDS, GENESIS_TIME
from colearn_chain.chain.node import Node
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from web3 import Web3
    from web3.types import RPCEndpoint, RPCResponse

    from colearn_chain.types import Address, Timestamp

    Request = Callable[[RPCEndpoint, Any], RPCResponse]


class Fault(Enum):
    """What can go wrong with one request."""

    UNREACHABLE = auto()
    """No connection; the node knows nothing of it."""
    TIMEOUT = auto()
    """No answer in time, and the request did not arrive either."""
    LOST_ANSWER = auto()
    """The node did what was asked, and its answer got lost."""


class FaultyProvider(BaseProvider):
    """A web3.py provider around another one, which counts, fails and answers as it is told.

    Args:
        inner: who answers otherwise.

    Attributes:
        calls: how often each method was asked, failures included.
        asked: every request in order, as method and parameters.
    """

    def __init__(self, inner: BaseProvider) -> None:
        super().__init__()
        self._inner = inner
        self.calls: Counter[str] = Counter()
        self.asked: list[tuple[str, Any]] = []
        self._planned: defaultdict[str, deque[Fault | dict[str, Any]]] = defaultdict(deque)

    def inject(self, method: str, *faults: Fault) -> None:
        """Let the next requests of a method go wrong, one after the other."""
        self._planned[method].extend(faults)

    def answer(self, method: str, *results: object) -> None:
        """Let the next requests of a method get these results, and the node see nothing of them."""
        self._planned[method].extend({"jsonrpc": "2.0", "id": 0, "result": result} for result in results)

    def refuse(self, method: str, code: int, message: str, data: object = None) -> None:
        """Let the next request of a method get this JSON-RPC error, and the node see nothing of it."""
        error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        self._planned[method].append({"jsonrpc": "2.0", "id": 0, "error": error})

    def request_func(self, w3: Web3, middleware_onion: Any) -> Request:
        """Return the function that asks; see web3.py."""
        inner = self._inner.request_func(w3, middleware_onion)
        return lambda method, params: self._request(inner, method, params)

    def _request(self, inner: Request, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.calls[method] += 1
        self.asked.append((method, params))
        planned = self._planned[method].popleft() if self._planned[method] else None
        if isinstance(planned, dict):
            return planned  # type: ignore[return-value]
        if planned is Fault.UNREACHABLE:
            raise Unreachable("refused")
        if planned is Fault.TIMEOUT:
            raise ReadTimeout("no answer")
        response = inner(method, params)
        if planned is Fault.LOST_ANSWER:
            raise ReadTimeout("no answer")
        return response


class HandClock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.naps.append(seconds)
        self.now += seconds


class Chain(Protocol):
    """A chain that tests can have for themselves: the embedded one, or a node's."""

    node: Node
    web3: Web3

    def now(self) -> Timestamp:
        """Return the latest block's time."""

    def advance_to(self, timestamp: int) -> None:
        """Set the clock forward: an empty block of this time is mined."""


class AnvilChain:
    """A chain of anvil's: each transaction is mined at once, one second after the block before.

    Attributes:
        node: the node.
        web3: the same.
    """

    def __init__(self, url: str) -> None:
        from web3 import HTTPProvider, Web3  # noqa: PLC0415 - late: half a second

        self.web3 = Web3(HTTPProvider(url))
        self.node = Node(self.web3)
        self.node.request("anvil_setBlockTimestampInterval", 1)

    def fund(self, account: Address) -> None:
        """Give an account a million ether."""
        self.node.request("anvil_setBalance", account, hex(FUNDS))

    def now(self) -> Timestamp:
        """Return the latest block's time."""
        return self.node.timestamp()

    def advance_to(self, timestamp: int) -> None:
        """Set the clock forward: an empty block of this time is mined.

        Raises:
            RpcError: the time is not after the latest block's.
        """
        self.node.request("evm_setNextBlockTimestamp", hex(timestamp))
        self.node.request("evm_mine")


@contextlib.contextmanager
def anvil_chain(
    anvil: str, accounts: Iterable[Address], *, genesis_time: int = GENESIS_TIME
) -> Iterator[AnvilChain]:
    """Run anvil for as long as the context lasts.

    Args:
        anvil: the program.
        accounts: who owns a million ether each from the beginning.
        genesis_time: time of the first block, in seconds since 1970.

    Raises:
        ConfigError: it does not start.
    """
    command = [anvil, "--port", str(_free_port()), "--accounts", "1", "--timestamp", str(genesis_time)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 - the caller's program
        try:
            chain = AnvilChain(f"http://{_listening(process)}")
            # It goes on telling of every request, and stands still when nobody reads that.
            threading.Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            for account in accounts:
                chain.fund(account)
            yield chain
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stdout or ():
        said.append(line)
        if line.startswith("Listening on "):
            return line.removeprefix("Listening on ").strip()
    raise ConfigError(f"anvil does not start: {''.join(said)[-500:]}")
