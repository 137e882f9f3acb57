"""A chain inside this process: eth-tester over py-evm, seeded, with a clock that is set by hand.

Whatever happens on it happens again in the same way: genesis has a fixed time and no randomness, each
transaction is mined at once in a block of its own, and each block's time is one second after the last one's,
or what the clock was set to. It is for tests and demonstrations; there is one process, and nobody to
distrust.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from web3 import Web3
from web3.providers.eth_tester import EthereumTesterProvider

from colearn_chain.chain.node import NOBODY, Node
from colearn_chain.errors import ConfigError
from colearn_chain.types import Address, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eth_tester import EthereumTester
    from web3.types import RPCEndpoint, RPCResponse

GENESIS_TIME = Timestamp(1_700_000_000)
"""14 November 2023, 22:13:20 UTC."""

BLOCK_GAS_LIMIT = 30_000_000

FUNDS = 10**24
"""A million ether, in wei."""

_REVERTED = "execution reverted: "


class EmbeddedChain:
    """A chain of one's own.

    Attributes:
        node: to be given to senders and contracts.
        web3: the same for what works on web3.py.
    """

    def __init__(self, web3: Web3, tester: EthereumTester) -> None:
        self.web3 = web3
        self.node = Node(web3)
        self._tester = tester

    def now(self) -> Timestamp:
        """Return the latest block's time. The next transaction is mined one second later."""
        return Timestamp(self._tester.backend.chain.get_canonical_head().timestamp)

    def advance_to(self, timestamp: int) -> None:
        """Set the clock forward: an empty block of this time is mined.

        Raises:
            ConfigError: the time is not after the latest block's.
        """
        if timestamp <= self.now():
            raise ConfigError(
                f"the chain's clock stands at {self.now()}, it cannot be set back to {timestamp}"
            )
        self._tester.backend.chain.set_header_timestamp(timestamp)
        self._tester.mine_block()

    def advance_by(self, seconds: int) -> None:
        """Set the clock forward by so many seconds.

        Raises:
            ConfigError: less than one.
        """
        self.advance_to(self.now() + seconds)


def embedded_chain(accounts: Iterable[Address], *, genesis_time: int = GENESIS_TIME) -> EmbeddedChain:
    """Start a chain.

    Args:
        accounts: who owns a million ether each from the beginning.
        genesis_time: time of the first block, in seconds since 1970.

    Raises:
        ConfigError: eth-tester or py-evm is not installed.
    """
    try:
        from colearn_chain.chain.tester_backend import tester  # noqa: PLC0415 - late: an extra
    except ImportError as error:
        raise ConfigError(
            "the embedded chain needs eth-tester: pip install 'colearn-chain[local]'"
        ) from error
    # Views are read in nobody's name, and eth-tester wants even that account to be able to pay.
    funded = dict.fromkeys([NOBODY, *accounts], FUNDS)
    running = tester(funded, genesis_time=genesis_time, gas_limit=BLOCK_GAS_LIMIT)
    return EmbeddedChain(Web3(TesterProvider(running)), running)


class TesterProvider(EthereumTesterProvider):
    """eth-tester as a node: what it raises becomes the JSON-RPC error that geth would answer with."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer a request."""
        try:
            return super().make_request(method, params)
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in {"eth_tester", "eth", "eth_utils", "web3"}:
                raise
            return {"id": 0, "jsonrpc": "2.0", "error": _rpc_error(error)}  # type: ignore[typeddict-item]


def _rpc_error(error: Exception) -> dict[str, Any]:
    if (data := _revert(error)) is not None:
        return {"code": 3, "message": "execution reverted", "data": "0x" + data.hex()}
    return {"code": -32000, "message": str(error)}


def _revert(error: Exception) -> bytes | None:
    """What the contract reverted with; None: the error is about something else.

    web3.py words the exception anew and takes for a text whatever can be read as one, so the bytes are looked
    for in the exception before: in an exception inside it (estimates), or as the text of a bytes literal
    (calls).
    """
    if type(error).__name__ == "ContractPanicError":
        return bytes.fromhex(str(getattr(error, "data", "0x"))[2:])
    if type(error).__name__ != "TransactionFailed":
        return None
    first: Any = error.__context__ if error.__context__ is not None else error
    while isinstance(first, Exception):
        first = first.args[0] if first.args else b""
    if isinstance(first, bytes):
        return first
    text = str(first).removeprefix(_REVERTED)
    if not text.startswith(("b'", 'b"')):
        return None
    literal = ast.literal_eval(text)
    return literal if isinstance(literal, bytes) else None
