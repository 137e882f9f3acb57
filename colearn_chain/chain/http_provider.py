"""JSON-RPC over HTTP with answers that are bounded before they are believed.

web3.py's own provider reads whatever a node sends into memory and lets Python's parser recurse as deep as it
is nested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests import Session
from web3.providers.base import JSONBaseProvider

from colearn_chain.canonical_json import check_text_depth
from colearn_chain.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response
    from web3.types import RPCEndpoint, RPCResponse

MOST_ANSWER_BYTES = 32 << 20
"""A page of 500 rounds has 64 KiB; nothing else that is asked for has more than a few MiB."""

_CHUNK_BYTES = 1 << 16
_HEADERS = {"Content-Type": "application/json"}


class HttpProvider(JSONBaseProvider):
    """A web3.py provider without retries, batches, cache and log.

    Args:
        url: of http or https.
        options: for each request, as ``requests`` has them, such as ``timeout`` in seconds.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.endpoint_uri = url
        self._options = dict(options)
        self._session = Session()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask the node.

        Raises:
            ChainError: the answer is too long or nested too deep.
            OSError: there was none (``requests`` derives all its errors from it).
            ValueError: it is no JSON.
        """
        answer = self._post(method, self.encode_rpc_request(method, params))
        try:
            check_text_depth(answer)
        except ValueError as error:
            raise ChainError(f"the answer to {method} is {error}") from error
        return self.decode_rpc_response(answer)

    def _post(self, method: str, data: bytes) -> bytes:
        with self._session.post(
            self.endpoint_uri, data=data, headers=_HEADERS, stream=True, **self._options
        ) as response:
            response.raise_for_status()
            return _body(method, response)


def _body(method: str, response: Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > MOST_ANSWER_BYTES:
            raise ChainError(f"the answer to {method} has more than {MOST_ANSWER_BYTES} bytes")
    return bytes(body)
