"""A local chain for several processes: anvil where it is installed, else eth-tester behind JSON-RPC.

Both listen on 127.0.0.1 alone and make a block every so many seconds, whether there are transactions or not,
so that deadlines pass. Everybody knows the test accounts' keys.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from web3 import Web3

from colearn_chain.chain.accounts import Account
from colearn_chain.chain.embedded import BLOCK_GAS_LIMIT, FUNDS, TesterProvider
from colearn_chain.chain.node import NOBODY, Node
from colearn_chain.errors import ChainError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from eth_tester import EthereumTester

    from colearn_chain.chain.devnet_server import RpcServer
    from colearn_chain.types import Address

STOP_SECONDS = 5.0
"""How long a node may take to end before it is killed."""

_LAST_WORDS = 20
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, kw_only=True)
class TestAccount:
    """An account that anybody can use.

    Attributes:
        address: of the account.
        private_key: 32 bytes.
    """

    __test__ = False  # no test case of pytest's, whatever its name

    address: Address
    private_key: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Devnet:
    """A chain that runs.

    Attributes:
        url: where it answers JSON-RPC.
        chain_id: its id (EIP-155).
        program: ``anvil`` or ``eth-tester``.
        wait: returns never, unless the chain ends by itself: then it raises ChainError.
    """

    url: str
    chain_id: int
    program: str
    wait: Callable[[], None]


def account_of_everybody(index: int) -> TestAccount:
    """Return one of the accounts that are funded on local chains; never send it anything of value.

    Args:
        index: from 0.
    """
    key = hashlib.sha256(b"colearn-chain devnet account %d" % index).digest()
    return TestAccount(address=Account(key).address, private_key=key)


def find_anvil() -> str | None:
    """Return where anvil is, on the PATH or below the working directory where npm puts it; None: nowhere."""
    local = Path("node_modules/.bin/anvil").absolute()
    return shutil.which("anvil") or (str(local) if os.access(local, os.X_OK) else None)


@contextmanager
def devnet(
    funded: Iterable[Address], *, port: int = 8545, block_time: int = 1, anvil: str | None = None
) -> Iterator[Devnet]:
    """Run a chain for as long as the context lasts.

    Args:
        funded: who owns a million ether each from the beginning.
        port: to listen on, on 127.0.0.1; 0: a free one.
        block_time: seconds from block to block.
        anvil: the program; None: eth-tester in this process.

    Raises:
        ConfigError: the port is taken, anvil does not start, or eth-tester is not installed.
    """
    if not 0 <= port <= _HIGHEST_PORT or block_time < 1:
        raise ConfigError(f"no chain listens on port {port} and makes a block every {block_time} s")
    if anvil is None:
        running = _eth_tester(funded, port, block_time)
    else:
        running = _anvil([anvil, *_options(port, block_time)], funded)
    with running as chain:
        yield chain


# ------------------------------------------------------------------------------------------------ eth-tester


@contextmanager
def _eth_tester(funded: Iterable[Address], port: int, block_time: int) -> Iterator[Devnet]:
    tester = _interval_tester(funded, block_time)
    server = _server(Node(Web3(TesterProvider(tester))), port)
    clockwork = _Clockwork(tester.mine_block, server.lock, block_time)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    clockwork.start()
    try:
        chain_id = server.node.chain_id
        yield Devnet(url=server.url, chain_id=chain_id, program="eth-tester", wait=clockwork.wait)
    finally:
        clockwork.stop()
        server.shutdown()
        server.server_close()
        serving.join()


def _interval_tester(funded: Iterable[Address], block_time: int) -> EthereumTester:
    try:
        from colearn_chain.chain.devnet_tester import interval_tester  # noqa: PLC0415 - late: an extra
    except ImportError as error:
        raise ConfigError(
            "a local chain needs anvil, or eth-tester: pip install 'colearn-chain[local]'"
        ) from error
    # Views are read in nobody's name, and eth-tester wants even that account to be able to pay.
    rich = dict.fromkeys([NOBODY, *funded], FUNDS)
    return interval_tester(rich, block_time=block_time, gas_limit=BLOCK_GAS_LIMIT)


def _server(node: Node, port: int) -> RpcServer:
    from colearn_chain.chain.devnet_server import RpcServer  # noqa: PLC0415 - not for anvil

    try:
        return RpcServer(node, port)
    except OSError as error:
        raise ConfigError(f"cannot listen on port {port}: {error.strerror or error}") from error


class _Clockwork:
    """Makes a block at every tick, in a thread of its own."""

    def __init__(self, mine: Callable[[], object], lock: threading.Lock, block_time: int) -> None:
        self._mine = mine
        self._lock = lock
        self._block_time = block_time
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def wait(self) -> None:
        self._stopped.wait()
        raise ChainError(f"the chain stopped making blocks: {self._failure!r}") from self._failure

    def _run(self) -> None:
        due = time.monotonic() + self._block_time
        try:
            while not self._stopped.wait(max(due - time.monotonic(), 0)):
                with self._lock:
                    self._mine()
                due += self._block_time
        except Exception as error:  # noqa: BLE001 - handed over to who waits
            self._failure = error
            self._stopped.set()


# ----------------------------------------------------------------------------------------------------- anvil


def _options(port: int, block_time: int) -> list[str]:
    return ["--host", "127.0.0.1", "--port", str(port), "--accounts", "1", "--block-time", str(block_time)]


@contextmanager
def _anvil(command: list[str], funded: Iterable[Address]) -> Iterator[Devnet]:
    process = _started(command)
    try:
        url, said = f"http://{_listening(process, command[0])}", deque[str](maxlen=_LAST_WORDS)
        # It goes on telling of every request, and stands still when nobody reads that.
        reading = threading.Thread(target=_drain, args=(process.stdout, said), daemon=True)
        reading.start()
        node = Node.connect(url)
        for address in funded:
            node.request("anvil_setBalance", address, hex(FUNDS))
        yield Devnet(
            url=url, chain_id=node.chain_id, program="anvil", wait=lambda: _ended(process, reading, said)
        )
    finally:
        _stop(process)


def _started(command: list[str]) -> subprocess.Popen[str]:
    try:
        # In a group of its own: Ctrl-C reaches us alone, and a wrapper's own child ends with the wrapper.
        return subprocess.Popen(  # noqa: S603 - the caller's program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(f"{command[0]} does not start: {error.strerror or error}") from error


def _listening(process: subprocess.Popen[str], program: str) -> str:
    """Host and port, once anvil says that it listens there."""
    said = deque[str](maxlen=_LAST_WORDS)
    output = process.stdout
    if output is None:
        raise AssertionError("started with a pipe")
    for line in output:
        if line.startswith("Listening on "):
            return line.removeprefix("Listening on ").strip()
        said.append(line)
    output.close()
    raise ConfigError(f"{program} does not start: {' '.join(' '.join(said).split()) or 'it says nothing'}")


def _drain(output: IO[str], said: deque[str]) -> None:
    with output:
        said.extend(output)


def _ended(process: subprocess.Popen[str], reading: threading.Thread, said: Iterable[str]) -> None:
    process.wait()
    reading.join()
    raise ChainError(f"anvil ended with status {process.returncode}: {' '.join(' '.join(said).split())}")


def _stop(process: subprocess.Popen[str]) -> None:
    """End anvil and whatever it started, and leave nothing of them behind."""
    for each in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, each)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
            break
