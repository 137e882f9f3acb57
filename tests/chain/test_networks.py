"""Chains as they are, and the ways to their nodes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from eth.vm.forks.london import LondonVM
from eth.vm.forks.paris import ParisVM
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.shanghai import ShanghaiVM
from eth_tester import EthereumTester
from eth_tester.backends.pyevm import PyEVMBackend
from eth_utils.conversions import to_bytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from colearn_chain.chain import FeePolicy, Node, Sender, embedded, embedded_chain
from colearn_chain.chain.networks import (
    Transport,
    confirmed_block,
    connect,
    require_cancun,
)
from colearn_chain.chain.node import NOBODY, RpcError
from colearn_chain.chain.urls import check_url, masked
from colearn_chain.errors import ChainError, ConfigError
from colearn_chain.testing.chain import Fault, FaultyProvider
from colearn_chain.testing.experiments import ACCOUNTS
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from colearn_chain.testing.experiments import Wire

BLOCK, CALL, SEND = "eth_getBlockByNumber", "eth_call", "eth_sendRawTransaction"


def backend(fork: Any, **genesis: Any) -> PyEVMBackend:
    """Make a chain that is at some fork."""
    rich = {to_bytes(hexstr=NOBODY): {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}}}
    params = PyEVMBackend.generate_genesis_params({}) | genesis
    return PyEVMBackend(vm_configuration=((0, fork),), genesis_parameters=params, genesis_state=rich)


def old_chain(fork: Any) -> tuple[Node, FaultyProvider]:
    """Start a chain that is still at an older fork; return it behind a wire that counts."""
    wire = FaultyProvider(embedded.TesterProvider(EthereumTester(backend(fork))))
    return Node(Web3(wire)), wire


def test_a_chain_of_today_is_taken() -> None:
    """One request, and no objection."""
    wire = FaultyProvider(embedded_chain([]).web3.provider)
    require_cancun(Node(Web3(wire)))
    assert wire.calls == {CALL: 1}


@pytest.mark.parametrize(
    ("fork", "lacks"), [(ShanghaiVM, "MCOPY and TSTORE"), (ParisVM, "even PUSH0"), (LondonVM, "even PUSH0")]
)
def test_a_chain_older_than_cancun(fork: Any, lacks: str) -> None:
    """It is refused by name, with what it lacks, and nothing was sent."""
    node, wire = old_chain(fork)
    with pytest.raises(ConfigError, match=f"chain {node.chain_id} is older than the Cancun.*{lacks}"):
        require_cancun(node)
    assert wire.calls[SEND] == 0


def test_a_node_that_stumbles_once_is_asked_again() -> None:
    """A passing refusal does not make a chain old."""
    wire = FaultyProvider(embedded_chain([]).web3.provider)
    wire.refuse(CALL, -32005, "too many requests")
    require_cancun(Node(Web3(wire)))


def test_a_node_that_runs_no_initcode() -> None:
    """Where nothing can be found out, nothing is said about the chain's age."""
    wire = FaultyProvider(embedded_chain([]).web3.provider)
    for _ in range(2):
        wire.refuse(CALL, -32602, "missing field to")
    with pytest.raises(RpcError, match="missing field to"):
        require_cancun(Node(Web3(wire)))
    wire.answer(CALL, "0x", "0x")
    with pytest.raises(ChainError, match="to initcode that returns 42"):
        require_cancun(Node(Web3(wire)))
    wire.inject(CALL, Fault.UNREACHABLE)
    with pytest.raises(ChainError, match="did not answer"):
        require_cancun(Node(Web3(wire)))


def doctored(wire: Wire, **changes: Any) -> dict[str, Any]:
    """Let the next header that is asked for be the real one with some fields changed; None: left out."""
    header = {**wire.world.chain.node.block(), **changes}
    kept = {name: value for name, value in header.items() if value is not None}
    wire.provider.answer(BLOCK, kept)
    return kept


def test_a_proof_of_authority_header(wire: Wire) -> None:
    """Signers' seals make extraData longer than 32 bytes; blocks are read and proposals sent all the same."""
    doctored(wire, extraData="0x" + "d9" * 97)
    assert wire.node.block()["extraData"] == "0x" + "d9" * 97
    doctored(wire, extraData="0x" + "d9" * 97)
    assert wire.world.contract.pass_turn(wire.sender(), RoundNumber(1)).succeeded


def test_a_chain_without_a_base_fee(wire: Wire) -> None:
    """Headers without baseFeePerGas get transactions with a gas price, as before EIP-1559."""
    doctored(wire, baseFeePerGas=None)
    receipt = wire.world.contract.propose(wire.sender(), RoundNumber(1), Digest(bytes([9]) * 32))
    assert receipt.succeeded
    raw = next(params[0] for method, params in wire.provider.asked if method == SEND)
    assert int(raw[2:4], 16) >= 0xC0  # an RLP list: no transaction type in front (EIP-2718)
    assert wire.provider.calls["eth_gasPrice"] == 1


def test_a_chain_where_gas_costs_nothing() -> None:
    """Without base fee and with gas price zero, an account that owns nothing deploys a contract."""
    wire = FaultyProvider(embedded.TesterProvider(EthereumTester(backend(PragueVM, base_fee_per_gas=0))))
    node = Node(Web3(wire))
    wire.answer(BLOCK, {name: value for name, value in node.block().items() if name != "baseFeePerGas"})
    wire.answer("eth_gasPrice", "0x0")
    wire.answer("eth_estimateGas", hex(60_000))  # eth-tester's own wants an account that could pay
    receipt = Sender(node, ACCOUNTS[1], fees=FeePolicy(max_fee=0)).send(None, bytes.fromhex("00"))
    assert (receipt.succeeded, receipt.gas_price) == (True, 0)
    assert node.balance(ACCOUNTS[1].address) == 0


@pytest.mark.parametrize(("confirmations", "counts"), [(0, 9), (1, 8), (9, 0), (50, 0)])
def test_confirmations_count_blocks_on_top(wire: Wire, confirmations: int, counts: int) -> None:
    """The latest block has none; before there are enough blocks, only the first one counts."""
    wire.provider.answer("eth_blockNumber", "0x9")
    assert confirmed_block(wire.node, confirmations) == counts


@pytest.mark.parametrize("tag", ["safe", "finalized"])
def test_the_chains_own_finality(wire: Wire, tag: Any) -> None:
    """The node's word counts for what it calls safe or finalized, with one request."""
    wire.provider.answer(BLOCK, {**wire.world.chain.node.block(0), "number": "0x7"})
    assert confirmed_block(wire.node, tag) == 7
    assert wire.provider.asked[-1] == (BLOCK, [tag, False])


def test_a_chain_without_finality(wire: Wire) -> None:
    """Neither no answer nor a refusal is taken for a block, and the sentence says what to do."""
    wire.provider.answer(BLOCK, None)
    with pytest.raises(ChainError, match="finalized; if it never does, set a number of confirmations"):
        confirmed_block(wire.node, "finalized")
    wire.provider.refuse(BLOCK, -39001, "safe block not found")
    with pytest.raises(ChainError, match="is safe; if it never does"):
        confirmed_block(wire.node, "safe")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://127.0.0.1:8545/", "http://127.0.0.1:8545"),
        ("https://user:secret@node.example:8/v3/secret?key=secret", "https://node.example:8/…"),
        ("https://node.example?key=secret", "https://node.example/…"),
        ("https://node.example#secret", "https://node.example/…"),
        ("http://[::1]:8545/secret", "http://[::1]:8545/…"),
        ("kubo:secret", "kubo:…"),
        ("secret", "(no URL)"),
        ("http://[secret", "(no URL)"),
        ("http://node:secret/", "(no URL)"),
    ],
)
def test_secrets_in_addresses_do_not_show(url: str, shown: str) -> None:
    """Scheme, host and port are all that is shown of an address."""
    assert masked(url) == shown


@given(
    st.from_regex(r"[a-z0-9]{8,30}", fullmatch=True),
    st.sampled_from(["u:{}@h", "{}@h", "h/{}", "h?{}", "h#{}"]),
)
def test_no_place_of_a_url_shows_a_secret(secret: str, place: str) -> None:
    """Wherever in a URL a key may stand, it is masked."""
    assert secret not in masked("https://" + place.format(secret)).removeprefix("https://h")


@pytest.mark.parametrize(
    "url", ["", "node:8545", "ftp://node/secret", "ws://node/secret", "http:///secret", "http://["]
)
def test_an_address_that_is_none(url: str) -> None:
    """It is refused in a sentence that does not repeat it."""
    with pytest.raises(ConfigError, match="the address of a node") as refused:
        check_url(url)
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigError):
        connect(url)


def test_secrets_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even when everything is logged that the libraries below have to say."""
    caplog.set_level(logging.DEBUG)
    transport = Transport(timeout=0.5, bearer_token="hidden-token")  # noqa: S106 - a test's
    node = connect("http://user:hidden-word@127.0.0.1:1/v3/hidden-key", transport=transport)
    with pytest.raises(ChainError) as failed:
        node.block_number()
    assert "hidden" not in caplog.text + str(failed.value) + repr(node) + repr(transport)
