"""JSON-RPC over HTTP in front of an embedded chain, for other processes of this machine.

The requests are those of the execution API (https://ethereum.github.io/execution-apis/), carried as JSON-RPC
2.0 (https://www.jsonrpc.org/specification), batches included. Only this machine is answered: the server
listens on 127.0.0.1, and a request that came by another name, as a web page's could, is refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from colearn_chain.canonical_json import strict_json
from colearn_chain.chain.node import NOBODY, RpcError
from colearn_chain.errors import ColearnError

if TYPE_CHECKING:
    from colearn_chain.chain.node import Node

LOCAL = "127.0.0.1"

MOST_BODY_BYTES = 4 << 20

_PARSE_ERROR, _INVALID_REQUEST, _INTERNAL_ERROR = -32700, -32600, -32603
_BLOOM_BYTES = 256
_IN_SOMEBODYS_NAME = {"eth_call", "eth_estimateGas"}


class RpcServer(ThreadingHTTPServer):
    """Serves one node to many clients, one request at a time.

    Args:
        node: who answers; it need not be safe for threads.
        port: to listen on; 0: a free one.

    Attributes:
        lock: held while the node is asked, and to be held by whoever else touches the chain.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, node: Node, port: int) -> None:
        self.node = node
        self.lock = threading.Lock()
        super().__init__((LOCAL, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOCAL}:{self.server_port}"

    def answer(self, body: bytes) -> bytes:
        """Answer a request, or a batch of them, as JSON-RPC has it; nothing for mere notifications."""
        try:
            asked = strict_json(body)
        except ValueError:
            return _encoded(_failure(None, _PARSE_ERROR, "this is no JSON"))
        if not isinstance(asked, list) or not asked:
            return _encoded(self._answer(asked))
        return _encoded([answer for each in asked if (answer := self._answer(each)) is not None] or None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away in the middle of a request."""

    def _answer(self, asked: object) -> dict[str, Any] | None:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _failure(None, _INVALID_REQUEST, "a request is an object that names its method")
        params = asked.get("params", [])
        if not isinstance(params, list):
            return _failure(asked.get("id"), _INVALID_REQUEST, "parameters are a list")
        answer = self._asked(asked["method"], params)
        return {"jsonrpc": "2.0", "id": asked["id"]} | answer if "id" in asked else None

    def _asked(self, method: str, params: list[Any]) -> dict[str, Any]:
        try:
            with self.lock:
                return {"result": _wire(self._result(method, params))}
        except RpcError as error:
            details = {} if error.data is None else {"data": error.data}
            return {"error": {"code": error.code, "message": error.text} | details}
        except ColearnError as error:
            return {"error": {"code": _INTERNAL_ERROR, "message": str(error)}}
        except Exception as error:  # noqa: BLE001 - eth-tester fails in many ways, and the chain goes on
            message = f"{type(error).__name__}: {error}"
            return {"error": {"code": _INTERNAL_ERROR, "message": message}}

    def _result(self, method: str, params: list[Any]) -> object:
        if method == "net_version":  # eth-tester says 1
            return str(self.node.chain_id)
        if method in _IN_SOMEBODYS_NAME and params and isinstance(params[0], dict):
            # without a name, eth-tester takes one that cannot pay
            params = [{"from": NOBODY} | params[0], *params[1:]]
        return self.node.request(method, *params)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    server: RpcServer

    def do_POST(self) -> None:
        """Answer a request."""
        length = self.headers.get("Content-Length", "")
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in {LOCAL, "localhost"}:
            self._reply(403, b"")
        elif not (length.isascii() and length.isdigit()):
            self._reply(411, b"")
        elif int(length) > MOST_BODY_BYTES:
            self._reply(413, b"")
        else:
            self._reply(200, self.server.answer(self.rfile.read(int(length))))

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status != 200:  # noqa: PLR2004 - OK; what was refused is still unread
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the terminal for what matters."""


def _failure(request_id: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def _encoded(answer: object) -> bytes:
    return b"" if answer is None else json.dumps(answer).encode()


def _wire(value: object, name: str = "") -> object:
    """A value as nodes write it: numbers and bytes as hex digits after 0x."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return f"0x{value:0{2 * _BLOOM_BYTES}x}" if name == "logsBloom" else hex(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(key): _wire(each, str(key)) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_wire(each) for each in value]
    return value
