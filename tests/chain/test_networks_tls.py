"""Ways to a node through other people's networks: authorities, client certificates, proxies, tokens."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from colearn_chain.chain.networks import Transport, connect
from colearn_chain.errors import ChainError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime.now(UTC) - timedelta(days=1)
TOKEN = "opaque"  # noqa: S105 - a test's


class Answering(BaseHTTPRequestHandler):
    """A node that is on chain 7, and a proxy that lets nobody through."""

    heard: list[str]

    def do_POST(self) -> None:
        """Answer every request with 7."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(self.headers.get("Authorization", ""))
        self.answer(200, json.dumps({"jsonrpc": "2.0", "id": 0, "result": "0x7"}).encode())

    def do_CONNECT(self) -> None:
        """Note where to, and refuse."""
        self.heard.append(self.path)
        self.answer(502, b"")

    def answer(self, status: int, body: bytes) -> None:
        """Send a response."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class Quiet(HTTPServer):
    """A server to which a client that goes away is nothing special."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def server(context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[str]]]:
    """Serve on a free port; yield it and what was heard."""
    heard: list[str] = []
    handler = type("Handler", (Answering,), {"heard": heard})
    with Quiet(("127.0.0.1", 0), handler) as running:
        if context is not None:
            running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running.server_port, heard
        finally:
            running.shutdown()
            thread.join()


def certificate(folder: Path, name: str, *, encrypted: bool = False) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    cover: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if encrypted:
        cover = serialization.BestAvailableEncryption(b"word")
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(form[0]))
    paths[1].write_bytes(key.private_bytes(*form, cover))
    return paths


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests from the proxies of the machine that they run on."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Run a node behind TLS; give its address, its certificate and what it heard."""
    paths = certificate(tmp_path, "node")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    with server(context) as (port, heard):
        yield f"https://127.0.0.1:{port}", paths[0], heard


def test_an_authority_of_ones_own(tls: tuple[str, Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured bundle is trusted, also where the environment names another one."""
    url, authority, _ = tls
    assert connect(url, transport=Transport(ca_bundle=authority)).chain_id == 7
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert connect(url, transport=Transport(ca_bundle=authority)).chain_id == 7


def test_a_node_whose_authority_is_unknown(tls: tuple[str, Path, list[str]]) -> None:
    """Nothing is asked of a node that cannot prove who it is."""
    url, _, heard = tls
    with pytest.raises(ChainError, match="did not answer eth_chainId: SSLError"):
        _ = connect(url).chain_id
    assert heard == []


def test_a_node_that_wants_a_client_certificate(tmp_path: Path) -> None:
    """With it the node answers; without it, it does not."""
    node, client = certificate(tmp_path, "node"), certificate(tmp_path, "client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*node)
    context.load_verify_locations(client[0])
    context.verify_mode = ssl.CERT_REQUIRED
    both = tmp_path / "both.pem"
    both.write_bytes(client[0].read_bytes() + client[1].read_bytes())
    with server(context) as (port, _):
        url = f"https://127.0.0.1:{port}"
        known = Transport(ca_bundle=node[0], client_certificate=client[0], client_key=client[1])
        assert connect(url, transport=known).chain_id == 7
        assert connect(url, transport=Transport(ca_bundle=node[0], client_certificate=both)).chain_id == 7
        with pytest.raises(ChainError):
            _ = connect(url, transport=Transport(ca_bundle=node[0])).chain_id


def test_files_that_are_not_what_they_must_be(tmp_path: Path) -> None:
    """Each is named before anything is asked, and no password is asked for on the terminal."""
    certified, key = certificate(tmp_path, "client", encrypted=True)
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.touch()
    for transport, named in [
        (Transport(ca_bundle=missing), missing),
        (Transport(ca_bundle=empty), empty),
        (Transport(client_certificate=missing), missing),
        (Transport(client_certificate=certified, client_key=key), key),
        (Transport(client_certificate=certified), certified),
        (Transport(client_key=key), key),
    ]:
        with pytest.raises(ConfigError, match=str(named)):
            connect("https://127.0.0.1:1", transport=transport)


def test_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is who is asked to reach a node."""
    with server() as (port, heard):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(ChainError, match=r"https://node\.invalid did not answer"):
            _ = connect("https://node.invalid/key").chain_id
    assert heard == ["node.invalid:443"]


def test_a_bearer_token_and_a_password_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As RFC 6750 and RFC 7617 have it, whatever a .netrc says."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login mallory password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with server() as (port, heard):
        assert connect(f"http://127.0.0.1:{port}", transport=Transport(bearer_token=TOKEN)).chain_id == 7
        assert connect(f"http://user:word@127.0.0.1:{port}").chain_id == 7
    assert heard == [f"Bearer {TOKEN}", "Basic " + b64encode(b"user:word").decode()]
