"""A node in this process behind a URL, for commands that know nothing but URLs."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from colearn_chain.chain.node import RpcError
from colearn_chain.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_chain.chain.node import Node


class Door(http.server.BaseHTTPRequestHandler):
    """Hands JSON-RPC requests over HTTP on to a node in this process, as a node's port does."""

    node: Node

    def do_POST(self) -> None:
        """Answer one request; where the node gives no answer, neither does its port."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = {"jsonrpc": "2.0", "id": request["id"], **self.answer(request)}
        except ChainError:
            return
        body = json.dumps(answer, default=lambda value: "0x" + bytes(value).hex()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The result, or the error."""
        try:
            return {"result": self.node.request(request["method"], *request["params"])}
        except RpcError as error:
            return {"error": {"code": error.code, "message": error.text, "data": error.data}}

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def open_to_the_network(node: Node, door: type[Door] = Door) -> Iterator[str]:
    """An embedded chain behind a URL, and a door that can be choosy."""
    handler = type("DoorOfThisNode", (door,), {"node": node})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
