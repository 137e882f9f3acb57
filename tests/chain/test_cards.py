"""Cards against nodes: made of real deployments, and refused when the chain says something else."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import pytest
from eth_utils.crypto import keccak

from colearn_chain.artefacts import Card
from colearn_chain.chain.abi import experiment_interface
from colearn_chain.chain.artefact import experiment_artefact, packaged_releases, read_releases
from colearn_chain.chain.cards import check_card, make_card
from colearn_chain.errors import ChainError, ConfigError, InvalidArtefact
from colearn_chain.testing.experiments import ACCOUNTS, SPEC, Wire, World

if TYPE_CHECKING:
    from pathlib import Path


def card_of(world: World) -> Card:
    """The card of a world's experiment."""
    return make_card(world.chain.node, world.contract.raw_deployment or b"")


def arguments(world: World, **changes: object) -> bytes:
    """Constructor arguments: the world's rules, with changes."""
    return experiment_interface().encode_constructor(astuple(replace(world.rules, **changes)), SPEC)  # type: ignore[arg-type]


def signed(world: World, data: bytes, *, gas: int = 5_000_000) -> bytes:
    """A deployment by party 6, with its next nonce; not sent."""
    node = world.chain.node
    fields = {
        "chainId": node.chain_id,
        "nonce": node.transaction_count(ACCOUNTS[6].address),
        "gas": gas,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 1,
        "value": 0,
        "data": "0x" + data.hex(),
    }
    return bytes(ACCOUNTS[6].sign_transaction(fields).raw_transaction)


def written(raw: bytes, like: Card) -> Card:
    """The card that somebody writes for a transaction, with another card's block."""
    return Card.of(raw, like.block.number, bytes.fromhex(like.block.hash[2:]))


def test_a_deployment_leaves_what_its_card_is_made_of(world: World) -> None:
    """From the card follow address, organizer, rules and spec, and the node agrees."""
    deployment = check_card(world.chain.node, card_of(world))
    assert deployment.contract == world.contract.address
    assert deployment.organizer == world.contract.organizer() == world.addresses[0]
    assert (deployment.rules, deployment.spec_digest) == (world.rules, SPEC)


def test_a_sender_keeps_what_was_mined_last(world: World) -> None:
    """Its hash is the receipt's; before the first transaction there is nothing."""
    sender = type(world.senders[6])(world.chain.node, ACCOUNTS[6])
    assert sender.last_mined is None
    receipt = sender.send(None, experiment_artefact().bytecode + arguments(world))
    assert "0x" + keccak(sender.last_mined or b"").hex() == receipt.transaction_hash


def test_a_transaction_that_was_never_mined(world: World) -> None:
    """Signed as it should be, and sent by nobody."""
    raw = signed(world, experiment_artefact().bytecode + arguments(world))
    with pytest.raises(InvalidArtefact, match="never mined"):
        check_card(world.chain.node, written(raw, card_of(world)))
    with pytest.raises(ChainError, match="not mined"):
        make_card(world.chain.node, raw)


def test_two_transactions_with_one_nonce(world: World) -> None:
    """Both lead to one address, where genuine code is: only the one that was mined says by which rules."""
    code = experiment_artefact().bytecode
    shown = signed(world, code + arguments(world))
    mined = signed(world, code + arguments(world, threshold_bps=1))
    world.chain.node.send_raw(mined)
    honest = make_card(world.chain.node, mined)
    lie = written(shown, honest)
    address = honest.deployment(packaged_releases()).contract
    assert lie.deployment(packaged_releases()).contract == address
    assert len(world.chain.node.code(address)) == len(world.chain.node.code(world.contract.address))
    with pytest.raises(InvalidArtefact, match="never mined"):
        check_card(world.chain.node, lie)


def test_a_deployment_that_failed(world: World) -> None:
    """It was mined, and made nothing."""
    raw = signed(world, experiment_artefact().bytecode + arguments(world), gas=1_000_000)
    world.chain.node.send_raw(raw)
    with pytest.raises(InvalidArtefact, match="failed"):
        check_card(world.chain.node, make_card(world.chain.node, raw))


def test_a_constructor_with_a_hidden_member(world: World) -> None:
    """It writes to storage and returns genuine runtime code: only the initcode gives it away."""
    runtime = world.chain.node.code(world.contract.address)
    hide = bytes.fromhex("6001600055")  # sstore(0, 1)
    give_back = bytes.fromhex(f"61{len(runtime):04x}80601160003960 00f3".replace(" ", ""))
    world.senders[6].send(None, hide + give_back + runtime)
    card = make_card(world.chain.node, world.senders[6].last_mined or b"")
    with pytest.raises(InvalidArtefact, match="unknown code"):
        check_card(world.chain.node, card)


def test_releases_that_are_damaged_or_not_there(tmp_path: Path) -> None:
    """No folder holds no releases, other files are none; a damaged file is a damaged installation."""
    assert read_releases(tmp_path / "nowhere") == ()
    (tmp_path / "README").write_text("not an artefact", encoding="utf-8")
    assert read_releases(tmp_path) == ()
    (tmp_path / "0.0.1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a contract artefact"):
        read_releases(tmp_path)


def test_a_node_that_lies_about_the_receipt(wire: Wire) -> None:
    """Another contract's address in it is found."""
    card = card_of(wire.world)
    receipt = dict(wire.world.chain.node.receipt(deployment_hash(wire)) or {})
    other = receipt | {"contractAddress": wire.world.addresses[5]}
    wire.provider.answer("eth_getTransactionReceipt", other)
    with pytest.raises(InvalidArtefact, match="receipt names the contract"):
        check_card(wire.node, card)


def deployment_hash(wire: Wire) -> str:
    """The hash of the deployment."""
    return "0x" + keccak(wire.world.contract.raw_deployment or b"").hex()


def test_a_node_that_has_no_code_there(wire: Wire) -> None:
    """A receipt alone does not do."""
    wire.provider.answer("eth_getCode", "0x")
    with pytest.raises(InvalidArtefact, match="no code"):
        check_card(wire.node, card_of(wire.world))


def test_a_node_that_lies_about_the_code(wire: Wire) -> None:
    """One bit of the code that it shows is another; immutables are what they are."""
    code = bytearray(wire.world.chain.node.code(wire.world.contract.address))
    code[10] ^= 1
    wire.provider.answer("eth_getCode", "0x" + code.hex())
    with pytest.raises(InvalidArtefact, match="not what the card's transaction makes"):
        check_card(wire.node, card_of(wire.world))


@pytest.mark.parametrize(
    "receipt",
    [
        {"blockNumber": "0x1"},
        {"blockNumber": "0x1", "status": "0x1", "blockHash": "0x12", "contractAddress": "0x12"},
        {"blockNumber": "0x1", "status": "0x1", "blockHash": 7},
    ],
)
def test_a_receipt_without_sense(wire: Wire, receipt: dict[str, object]) -> None:
    """Only a typed error comes out."""
    wire.provider.answer("eth_getTransactionReceipt", receipt)
    with pytest.raises(ChainError):
        check_card(wire.node, card_of(wire.world))
