"""Nodes that fail, lie, or are somewhere else: each failure has its type and says what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from colearn_chain.chain import ExperimentContract, Node, Receipt
from colearn_chain.chain.node import RpcError
from colearn_chain.chain.reverts import contract_reverted
from colearn_chain.errors import ChainError, ConfigError, ContractReverted
from colearn_chain.rounds import Status
from colearn_chain.testing.chain import Fault
from colearn_chain.types import Address, RoundNumber

if TYPE_CHECKING:
    from colearn_chain.testing.experiments import Wire


def behind(wire: Wire) -> ExperimentContract:
    """Return the experiment, seen through the wire."""
    return ExperimentContract(wire.node, wire.world.contract.address)


@pytest.mark.parametrize("fault", list(Fault))
def test_a_node_that_does_not_answer(wire: Wire, fault: Fault) -> None:
    """Transport failures are chain errors that name the request, and the next request works."""
    wire.provider.inject("eth_call", fault)
    contract = behind(wire)
    with pytest.raises(ChainError, match=r"did not answer eth_call: (ConnectionError|ReadTimeout)"):
        contract.phase()
    assert contract.phase() == wire.world.contract.phase()


@pytest.mark.parametrize("answer", ["0x1234", "0x", "no bytes", "0x1", None, 7, {"a": 1}, "0x" + "ff" * 64])
def test_an_answer_that_makes_no_sense(wire: Wire, answer: object) -> None:
    """What cannot be the answer of the function is a chain error, not a value."""
    wire.provider.answer("eth_call", answer)
    with pytest.raises(ChainError):
        behind(wire).phase()


@pytest.mark.parametrize(
    "number", ["zz", None, [], {}, "", "0x", "-0x1", "0x1_0", " 0x1", "12", -1, True, 0.5]
)
def test_a_number_that_is_none(wire: Wire, number: object) -> None:
    """Where a number has to be, nothing else is taken for one."""
    wire.provider.answer("eth_getBalance", number)
    with pytest.raises(ChainError, match="where a number has to be"):
        wire.node.balance(wire.world.addresses[0])


def test_an_enum_that_the_contract_does_not_have(wire: Wire) -> None:
    """A phase of 9 is no phase."""
    wire.provider.answer("eth_call", "0x" + (9).to_bytes(32).hex())
    with pytest.raises(ChainError, match="no answer of phase"):
        behind(wire).phase()


def test_a_round_with_an_impossible_word(wire: Wire) -> None:
    """A stored word with a status of 255 is no round."""
    word = 255 << 200
    page = (32).to_bytes(32) + (1).to_bytes(32) + word.to_bytes(32) + bytes(32)
    wire.provider.answer("eth_call", "0x" + page.hex())
    with pytest.raises(ChainError, match="is no round"):
        behind(wire).rounds(1, 1)


@pytest.mark.parametrize(
    "receipt", [{"blockNumber": "0x1"}, {"blockNumber": "0x1", "to": "0x12", "status": 1}]
)
def test_a_receipt_that_makes_no_sense(wire: Wire, receipt: dict[str, Any]) -> None:
    """A receipt without its parts is a chain error, and waiting for a sensible one goes on."""
    wire.provider.answer("eth_getTransactionReceipt", receipt)
    assert wire.world.contract.pass_turn(wire.sender(), RoundNumber(1)).succeeded
    assert wire.provider.calls["eth_getTransactionReceipt"] == 2


def test_another_contracts_events_are_not_the_experiments(wire: Wire) -> None:
    """A log that another contract left in the same transaction is not taken for this one's."""
    receipt = wire.world.contract.pass_turn(wire.world.senders[1], RoundNumber(1))
    raw = dict(wire.world.chain.node.receipt(receipt.transaction_hash) or {})
    assert Receipt.from_rpc(raw) == receipt
    raw["logs"] = [{**log, "address": wire.world.addresses[6]} for log in raw["logs"]]
    assert Receipt.from_rpc(raw).events == ()


def test_a_block_that_the_node_does_not_have(wire: Wire) -> None:
    """A block of the future is a chain error."""
    with pytest.raises(ChainError):
        wire.node.block(10_000)
    with pytest.raises(ChainError):
        behind(wire).phase(block=10_000)


def test_a_node_on_another_chain(wire: Wire) -> None:
    """A node on the wrong chain is found out before anything is read from it, or signed for it."""
    node = Node(Web3(wire.provider), chain_id=1)
    with pytest.raises(ConfigError, match=r"is on chain \d+, not on 1"):
        ExperimentContract(node, wire.world.contract.address).phase()
    assert wire.provider.calls["eth_call"] == 0


def test_a_contract_of_another_kind(wire: Wire) -> None:
    """A contract that does not know the function is no experiment, and the sentence says so."""
    refuser = _deployed(wire, bytes.fromhex("60006000fd"))
    with pytest.raises(ConfigError, match="is no experiment: snapshot"):
        refuser.snapshot(wire.world.addresses[1])


def test_a_contract_that_answers_something_else(wire: Wire) -> None:
    """An answer of another shape is a chain error that says how long it was."""
    other = _deployed(wire, bytes.fromhex("60206000f3"))
    with pytest.raises(ChainError, match="32 bytes are no answer of snapshot"):
        other.snapshot(wire.world.addresses[1])


def _deployed(wire: Wire, code: bytes) -> ExperimentContract:
    """Deploy a few opcodes."""
    # PUSH1 size, DUP1, PUSH1 9 (where the code begins), PUSH1 0, CODECOPY, PUSH1 0, RETURN
    initcode = bytes([0x60, len(code), 0x80, 0x60, 0x0B, 0x60, 0x00, 0x39, 0x60, 0x00, 0xF3]) + code
    receipt = wire.world.senders[0].send(None, initcode)
    return ExperimentContract(wire.world.chain.node, receipt.contract)


def _not_open() -> bytes:
    from eth_abi.abi import encode  # noqa: PLC0415
    from eth_utils.crypto import keccak  # noqa: PLC0415

    return keccak(text="NotOpen(uint256,uint8)")[:4] + encode(["uint256", "uint8"], [32, 5])


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (3, "execution reverted", "0x{}"),
        (3, "execution reverted: custom error 0x1234", "0x{}"),
        (-32603, "Error: VM Exception while processing transaction", {"message": "reverted", "data": "0x{}"}),
        (-32015, "VM execution error.", "Reverted 0x{}"),
        (-32000, "Execution reverted", "0x{}"),
    ],
    ids=["geth", "anvil", "hardhat", "nethermind", "besu"],
)
def test_a_refusal_in_every_nodes_wording(wire: Wire, code: int, message: str, data: Any) -> None:
    """Wherever a node puts the contract's bytes, they are found."""
    shown = _not_open().hex()
    filled = {**data, "data": data["data"].format(shown)} if isinstance(data, dict) else data.format(shown)
    wire.provider.refuse("eth_call", code, message, filled)
    with pytest.raises(ContractReverted) as refused:
        wire.node.call(wire.world.contract.address, b"")
    assert (refused.value.name, refused.value.values) == ("NotOpen", {"round": 32, "status": Status.SKIPPED})


def test_an_error_that_is_no_refusal_of_the_contract(wire: Wire) -> None:
    """A node's own trouble is not taken for the contract's answer."""
    wire.provider.refuse("eth_call", -32000, "header not found")
    with pytest.raises(RpcError, match="header not found"):
        wire.node.call(wire.world.contract.address, b"")


def test_reverts_that_are_not_the_contracts_own() -> None:
    """Solidity's own reverts have names, foreign bytes are kept, and cut ones are not misread."""
    from eth_abi.abi import encode  # noqa: PLC0415

    text = bytes.fromhex("08c379a0") + encode(["string"], ["too bad"])
    assert (contract_reverted(text).name, contract_reverted(text).values) == ("Error", {"message": "too bad"})
    panic = bytes.fromhex("4e487b71") + encode(["uint256"], [0x11])
    assert (contract_reverted(panic).name, contract_reverted(panic).values) == ("Panic", {"code": 17})
    foreign = contract_reverted(b"\x01\x02\x03\x04rest")
    assert (foreign.name, foreign.values) == ("", {"data": b"\x01\x02\x03\x04rest"})
    cut = contract_reverted(_not_open()[:20])
    assert (cut.name, cut.values) == ("", {"data": _not_open()[:20]})
    assert contract_reverted(b"").values == {}


def test_an_address_of_a_node_shows_without_its_path() -> None:
    """The operator's key in a node's address is in no representation and no message."""
    node = Node.connect("http://user:secret@127.0.0.1:1/v3/secret", timeout=0.2)
    with pytest.raises(ChainError) as failed:
        node.block_number()
    assert "http://127.0.0.1:1 did not answer eth_blockNumber" in str(failed.value)
    assert "secret" not in str(failed.value) + repr(node)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ftp://node", "ws://127.0.0.1:1"])
def test_an_address_that_is_none(url: str) -> None:
    """Nodes are spoken to by HTTP."""
    with pytest.raises(ConfigError, match="begins with http"):
        Node.connect(url)


def test_reading_is_one_request(wire: Wire) -> None:
    """A snapshot is one request: no chain id, no gas price, nothing that web3.py would add."""
    behind(wire).snapshot(wire.world.addresses[1])
    assert wire.provider.calls == {"eth_call": 1}


def test_the_head_is_what_was_seen(wire: Wire) -> None:
    """The highest block of any answer is remembered, and asking costs nothing."""
    node = wire.node
    assert node.head == 0
    ExperimentContract(node, wire.world.contract.address).snapshot(Address("0x" + "00" * 20))
    assert node.head == wire.world.chain.node.block_number()
    assert wire.provider.calls == {"eth_call": 1}
