"""Reaching a network's nodes, and finding out what their chain can do before anything is sent.

Chains differ. :class:`Node` reads headers as they come, so the long extraData of proof-of-authority chains
is nothing special to it; fees are those of a chain without a base fee where its headers have none. What
cannot be worked around is a chain without the instructions that the contract is compiled to: it is refused
by name.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from requests.auth import AuthBase
from web3 import Web3

from colearn_chain.chain.http_provider import HttpProvider
from colearn_chain.chain.node import NOBODY, Node, RpcError, octets, quantity
from colearn_chain.chain.urls import check_url
from colearn_chain.errors import ChainError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from requests import PreparedRequest

Finality = int | Literal["safe", "finalized"]
"""When a block counts: after so many blocks on top of it, or once the chain itself calls it so."""

_TALKATIVE = "urllib3.connectionpool"
"""At level DEBUG it writes whole URLs, and with them the operator's keys."""

_ANSWER = 42
_ANY_CHAIN = bytes.fromhex("602a 6000 52 6020 6000 f3")
"""PUSH1 42, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN: initcode that every chain runs."""

_SHANGHAI = bytes.fromhex("602a 5f 52 6020 5f f3")
"""The same with PUSH0 (EIP-3855)."""

_CANCUN = bytes.fromhex("602a 5f 5d 5f 5c 5f 52 6020 5f 6020 5e 6020 6020 f3")
"""42 by way of transient storage, TSTORE and TLOAD (EIP-1153), and moved by MCOPY (EIP-5656)."""


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How nodes are reached, beside their addresses.

    A proxy is taken from the environment, ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``, as everywhere.

    Attributes:
        timeout: seconds that one request may take.
        ca_bundle: PEM file of the certificate authorities to trust; None: the public ones.
        client_certificate: PEM file that says who asks.
        client_key: PEM file with its private key, not encrypted; None: it is in the same file.
        bearer_token: sent with every request, in place of a user and a password.
    """

    timeout: float = 10.0
    ca_bundle: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    bearer_token: str | None = field(default=None, repr=False)

    def check(self) -> None:
        """Check the files now, since later it could only be said that a node does not answer.

        Raises:
            ConfigError: one is missing or is not what it must be.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_bundle is not None:
            try:
                context.load_verify_locations(cafile=self.ca_bundle)
            except OSError as error:
                raise ConfigError(f"{self.ca_bundle} is no bundle of CA certificates: {error}") from error
        if self.client_certificate is not None:
            self._check_client(context)
        elif self.client_key is not None:
            raise ConfigError(f"the key {self.client_key} is of no use without a client certificate")

    def _check_client(self, context: ssl.SSLContext) -> None:
        try:
            # Without a password given here, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(str(self.client_certificate), self.client_key, password="")
        except (OSError, ValueError) as error:
            named = " and ".join(str(path) for path in (self.client_certificate, self.client_key) if path)
            raise ConfigError(f"{named} is no certificate with its unencrypted key: {error}") from error


class _Bearer(AuthBase):
    """RFC 6750's header; as an ``auth``, since requests lets a ~/.netrc replace a plain header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


DIRECT = Transport()
"""Nothing special."""


def connect(url: str, *, chain_id: int | None = None, transport: Transport = DIRECT) -> Node:
    """Return the node behind an address; nothing is asked of it yet.

    Args:
        url: of http or https; a user and a password in it are sent as HTTP's basic authentication.
        chain_id: the chain that the node must be on; None: whichever it is.
        transport: how it is reached.

    Raises:
        ConfigError: the address is none, or a file of the transport is not what it must be.
    """
    check_url(url)
    transport.check()
    logging.getLogger(_TALKATIVE).setLevel(logging.WARNING)
    place, login = _without_login(url)
    options = login | _request_options(transport)
    return Node(Web3(HttpProvider(place, options)), chain_id=chain_id)


def _without_login(url: str) -> tuple[str, dict[str, Any]]:
    """A URL without user and password, and these as requests wants them: its ~/.netrc would replace them."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = {"auth": (unquote(user), unquote(password))} if at else {}
    return urlunsplit(parts._replace(netloc=host)), options


def _request_options(transport: Transport) -> dict[str, Any]:
    # With each request and not in a session: there REQUESTS_CA_BUNDLE of the environment would win.
    options: dict[str, Any] = {"timeout": transport.timeout}
    if transport.ca_bundle is not None:
        options["verify"] = str(transport.ca_bundle)
    if transport.client_certificate is not None:
        key = transport.client_key or transport.client_certificate
        options["cert"] = (str(transport.client_certificate), str(key))
    if transport.bearer_token is not None:
        options["auth"] = _Bearer(transport.bearer_token)
    return options


def confirmed_block(node: Node, finality: Finality) -> int:
    """Return the number of the latest block that counts; a block with 0 confirmations is the latest.

    Args:
        node: who is asked, with one request.
        finality: when a block counts.

    Raises:
        ChainError: the node did not answer, or does not say which blocks are safe or finalized; a young chain
            may do so later.
    """
    if isinstance(finality, int):
        return max(node.block_number() - finality, 0)
    found = _tagged(node, finality)
    if not isinstance(found, dict):
        raise ChainError(
            f"{node!r} does not say which block of chain {node.chain_id} is {finality}; "
            "if it never does, set a number of confirmations instead"
        )
    return quantity(found.get("number"))


def _tagged(node: Node, tag: str) -> object:
    """A block by its tag; None: the node has no such block, or does not know the tag."""
    try:
        return node.request("eth_getBlockByNumber", tag, False)
    except RpcError:
        return None


def require_cancun(node: Node) -> None:
    """Check that the chain has the instructions that the contract is compiled to; sends nothing.

    Three bits of initcode are run by ``eth_call``: headers would not do, since rollups have Cancun's
    instructions without the fields for blobs in their headers.

    Raises:
        ConfigError: the chain is older than the Cancun upgrade of March 2024.
        ChainError: the node did not answer, or does not run initcode at all, so that nothing can be said.
    """
    if _runs(node, _CANCUN):
        return
    control = octets(_initcode(node, _ANY_CHAIN))
    if control != _ANSWER.to_bytes(32):
        raise ChainError(f"{node!r} answers 0x{control.hex():.64} to initcode that returns {_ANSWER}")
    # Once more, now that it is known to run initcode: the first failure may have been a passing one.
    if not _runs(node, _CANCUN):
        lacks = "MCOPY and TSTORE" if _runs(node, _SHANGHAI) else "even PUSH0 of Shanghai"
        raise ConfigError(
            f"chain {node.chain_id} is older than the Cancun upgrade, which the contract needs: "
            f"it does not know {lacks}"
        )


def _runs(node: Node, initcode: bytes) -> bool:
    try:
        return octets(_initcode(node, initcode)) == _ANSWER.to_bytes(32)
    except RpcError:
        return False


def _initcode(node: Node, initcode: bytes) -> object:
    return node.request("eth_call", {"from": NOBODY, "data": "0x" + initcode.hex()}, "latest")
