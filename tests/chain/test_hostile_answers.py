"""What nodes cannot do by their answers: end the process, fill its memory, write to a terminal."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from colearn_chain.chain import Node
from colearn_chain.chain.http_provider import MOST_ANSWER_BYTES
from colearn_chain.chain.networks import connect
from colearn_chain.chain.node import RpcError
from colearn_chain.errors import ChainError, ConfigError, ContractReverted
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colearn_chain.testing.experiments import Wire

ELSEWHERE = Address("0x" + "11" * 20)
CONNECTS = [Node.connect, connect]


class Hostile(BaseHTTPRequestHandler):
    """A node that answers everything with the same bytes."""

    body: bytes
    headers_sent: dict[str, str]

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class Quiet(HTTPServer):
    """A server to which a client that goes away is nothing special."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def answering(body: bytes, **headers: str) -> Iterator[str]:
    """Serve these bytes; yield the node's address."""
    handler = type("Handler", (Hostile,), {"body": body, "headers_sent": headers})
    with Quiet(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/hidden"
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("reach", CONNECTS)
@pytest.mark.parametrize(
    "text", [b"[" * 200_000, b'{"result":' * 200_000, b'{"jsonrpc":"2.0","result":' + b"[" * 9_000]
)
def test_an_answer_nested_too_deep_does_not_end_the_process(
    reach: Callable[[str], Node], text: bytes
) -> None:
    """Nesting is bounded before the answer is parsed: beyond the C stack the interpreter would die."""
    with (
        answering(text) as url,
        pytest.raises(ChainError, match="eth_blockNumber is nested more than 64 deep"),
    ):
        reach(url).block_number()


@pytest.mark.parametrize("reach", CONNECTS)
def test_an_answer_without_end_is_not_read_to_its_end(reach: Callable[[str], Node]) -> None:
    """Bytes are counted as they arrive, and no more are taken than any honest answer has."""
    with answering(b" " * (MOST_ANSWER_BYTES + 1)) as url, pytest.raises(ChainError, match="has more than"):
        reach(url).block_number()


def test_a_small_answer_that_unpacks_to_a_huge_one() -> None:
    """Bytes are counted as they are unpacked."""
    bomb = gzip.compress(b" " * (4 * MOST_ANSWER_BYTES))
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(bomb))}
    with answering(bomb, **headers) as url, pytest.raises(ChainError, match="has more than"):
        Node.connect(url).block_number()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"\xff"',
        b"7",
        b'{"error":"boom"}',
        b'{"result":' + b"9" * 9_000 + b"}",
    ],
)
def test_an_answer_that_is_no_json_rpc(body: bytes) -> None:
    """It is a chain error, without the path of the node's address."""
    with answering(body) as url, pytest.raises(ChainError) as failed:
        Node.connect(url).block_number()
    assert "hidden" not in str(failed.value)


def test_an_honest_answer_still_arrives() -> None:
    """The attacks above differ from an answer that is taken, as large as any that is asked for."""
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "result": "0x" + "ab" * 1_000_000})
    with answering(body.encode()) as url:
        assert len(Node.connect(url).call(ELSEWHERE, b"")) == 1_000_000


@pytest.mark.parametrize("code", ["x", None, [1], {}])
def test_a_refusal_cannot_forge_a_line(code: object) -> None:
    """A node's message is escaped and cut, and a code that is no number is none."""
    error = {"code": code, "message": "\x1b[2J\nround 7: accepted" + "!" * 100_000}
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "error": error}).encode()
    with answering(body) as url, pytest.raises(RpcError) as failed:
        Node.connect(url).block_number()
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) < 300
    assert failed.value.code == 0


@pytest.mark.parametrize("answer", ["\x1b[2J\n" * 50_000, {"\x1b[2J": "\n" * 50_000}, ["\u202e"]])
def test_a_value_cannot_forge_a_line(wire: Wire, answer: object) -> None:
    """What stands where a number or bytes have to be is escaped and cut as well."""
    for method, ask in (("eth_getBalance", wire.node.balance), ("eth_getCode", wire.node.code)):
        wire.provider.answer(method, answer)
        with pytest.raises(ChainError) as failed:
            ask(ELSEWHERE)
        assert str(failed.value).isprintable()
        assert len(str(failed.value)) < 300


def test_a_revert_string_cannot_forge_a_line(wire: Wire) -> None:
    """A contract's text in a refusal is escaped and cut."""
    from eth_abi.abi import encode  # noqa: PLC0415 - late: heavy

    data = bytes.fromhex("08c379a0") + encode(["string"], ["\x1b[2J\nround 7: accepted" + "!" * 10_000])
    wire.provider.refuse("eth_call", 3, "execution reverted", "0x" + data.hex())
    with pytest.raises(ContractReverted) as refused:
        wire.node.call(ELSEWHERE, b"")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://user:hidden@127.0.0.1:99999999/k",
        "http://user:hid/den@host",
        "http://user:12/hidden@host",
        "http://user:hidden@[::1",
        "ftp://user:hidden@host",
    ],
)
@pytest.mark.parametrize("reach", CONNECTS)
def test_an_address_that_is_none_tells_nothing(reach: Callable[[str], Node], url: str) -> None:
    """It is a configuration error with nothing of the address in it, nor in its cause."""
    with pytest.raises(ConfigError, match="the address of a node") as refused:
        reach(url)
    assert "hid" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    "module", ["chain.node", "chain.keystore", "chain.embedded", "chain.devnet_tester", "testing.bare_evm"]
)
def test_importing_the_chain_leaves_the_recursion_limit(module: str) -> None:
    """py_ecc and py-evm raise it beyond the C stack, for the whole process; here it stays what it was."""
    script = (
        f"import sys; before = sys.getrecursionlimit(); import colearn_chain.{module}\n"
        "assert 'py_ecc' in sys.modules and sys.getrecursionlimit() == before"
    )
    done = subprocess.run(  # noqa: S603 - this interpreter, our own script
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
