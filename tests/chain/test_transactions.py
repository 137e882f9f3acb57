"""Sending when things go wrong: whatever gets lost, a call is mined once at most."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account as EthAccount

from colearn_chain.chain import Account, FeePolicy, Receipt, Sender
from colearn_chain.chain.node import RpcError
from colearn_chain.chain.transactions import GAS_MARGIN, CannotPay
from colearn_chain.errors import ChainError, ConfigError, ContractReverted, TransactionFailed
from colearn_chain.rounds import Ballot, Status
from colearn_chain.testing.chain import Fault
from colearn_chain.types import Digest, RoundNumber

if TYPE_CHECKING:
    from colearn_chain.testing.experiments import Wire

ONE = RoundNumber(1)
MODEL = Digest(bytes([9]) * 32)
SEND, RECEIPT = "eth_sendRawTransaction", "eth_getTransactionReceipt"
LOST, TIMEOUT, AWAY = Fault.LOST_ANSWER, Fault.TIMEOUT, Fault.UNREACHABLE


def propose(wire: Wire, sender: Sender) -> Receipt:
    """Send the call that most of these tests send."""
    return wire.world.contract.propose(sender, ONE, MODEL)


def sent(wire: Wire) -> list[str]:
    """Every signed transaction that was handed to the node, in order."""
    return [params[0] for method, params in wire.provider.asked if method == SEND]


def fields(raw: str) -> dict[str, Any]:
    """What a signed transaction says."""
    from eth_account.typed_transactions.typed_transaction import TypedTransaction  # noqa: PLC0415
    from hexbytes import HexBytes  # noqa: PLC0415

    return dict(TypedTransaction.from_bytes(HexBytes(raw)).as_dict())


def test_a_write_costs_two_requests_besides_its_receipt(wire: Wire) -> None:
    """Once chain, nonce and fees are known, a call is estimated, sent and looked up, and nothing else."""
    sender = wire.sender()
    propose(wire, sender)
    wire.provider.calls.clear()
    wire.world.contract.ask_key(sender, ONE)
    assert wire.provider.calls == {"eth_estimateGas": 1, SEND: 1, RECEIPT: 1}


def test_a_first_write_asks_for_chain_nonce_and_fees(wire: Wire) -> None:
    """The first call of a process costs four requests more, each once."""
    propose(wire, wire.sender())
    assert wire.provider.calls == {
        "eth_estimateGas": 1,
        "eth_chainId": 1,
        "eth_getTransactionCount": 1,
        "eth_getBlockByNumber": 1,
        "eth_maxPriorityFeePerGas": 1,
        SEND: 1,
        RECEIPT: 1,
    }


def test_a_refused_call_is_never_sent(wire: Wire) -> None:
    """What the contract refuses surfaces at the estimate, before anything is signed or paid."""
    with pytest.raises(ContractReverted):
        propose(wire, wire.sender(wire_account(2)))
    assert wire.provider.calls == {"eth_estimateGas": 1}


def wire_account(party: int) -> Account:
    """Return a party's account."""
    return Account.seeded("tests", party)


def test_a_lost_answer_is_understood(wire: Wire) -> None:
    """The node took it and its answer got lost: handing it over again finds out, and nothing is doubled."""
    before = wire.mined()
    wire.provider.inject(SEND, LOST)
    receipt = propose(wire, wire.sender())
    assert wire.mined() == before + 1
    assert [event.name for event in receipt.events] == ["Proposed"]
    assert len(set(sent(wire))) == 1


@pytest.mark.parametrize("faults", [(LOST, AWAY, AWAY), (TIMEOUT, AWAY, AWAY), (AWAY, AWAY, LOST)])
def test_the_same_call_after_silence_is_the_same_transaction(wire: Wire, faults: tuple[Fault, ...]) -> None:
    """Whether or not the node took it before it fell silent, calling again leads to one transaction."""
    sender, before = wire.sender(), wire.mined()
    wire.provider.inject(SEND, *faults)
    with pytest.raises(ChainError):
        propose(wire, sender)
    propose(wire, sender)
    assert wire.mined() == before + 1
    assert len(set(sent(wire))) == 1


def test_another_call_after_silence_takes_the_nonce(wire: Wire) -> None:
    """A transaction that never arrived is replaced by the next call, with fees that a pool accepts."""
    sender, before = wire.sender(), wire.mined()
    wire.provider.inject(SEND, TIMEOUT, TIMEOUT, TIMEOUT)
    with pytest.raises(ChainError):
        propose(wire, sender)
    wire.world.contract.pass_turn(sender, ONE)
    first, last = fields(sent(wire)[0]), fields(sent(wire)[-1])
    assert wire.mined() == before + 1
    assert first["nonce"] == last["nonce"] == before
    for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert last[fee] * 10 >= first[fee] * 11
    assert wire.world.contract.round(ONE).status is Status.SKIPPED


def test_another_call_after_a_lost_answer_follows(wire: Wire) -> None:
    """A transaction that was mined unheard of keeps its nonce; the next call takes the next one."""
    sender, before = wire.sender(), wire.mined()
    wire.provider.inject(SEND, LOST, AWAY, AWAY)
    with pytest.raises(ChainError):
        propose(wire, sender)
    wire.world.contract.ask_key(sender, ONE)
    assert wire.mined() == before + 2


def test_another_process_used_the_nonce(wire: Wire) -> None:
    """A nonce that somebody else used is asked for again, and the call goes through."""
    here, there = wire.sender(), wire.sender()
    propose(wire, here)
    wire.world.contract.ask_key(there, ONE)
    before = wire.mined()
    wire.world.contract.ask_key(here, ONE)
    assert wire.mined() == before + 1


@pytest.mark.parametrize("text", ["already known", "transaction already imported", "known transaction: 1a"])
def test_a_transaction_that_the_node_has_already(wire: Wire, text: str) -> None:
    """A node that has the transaction says so in its own words, and waiting goes on."""
    before = wire.mined()
    wire.provider.inject(SEND, LOST)
    wire.provider.refuse(SEND, -32000, text)
    assert propose(wire, wire.sender()).succeeded
    assert wire.mined() == before + 1


def test_a_pool_that_wants_higher_fees_gets_them(wire: Wire) -> None:
    """A transaction whose fees are too low is signed again with higher ones, at the same nonce."""
    wire.provider.refuse(SEND, -32000, "replacement transaction underpriced")
    wire.provider.refuse(
        SEND, -32000, "max fee per gas less than block base fee: address 0x, maxFeePerGas: 1"
    )
    before = wire.mined()
    propose(wire, wire.sender())
    first, second, third = (fields(raw) for raw in sent(wire))
    assert first["nonce"] == second["nonce"] == third["nonce"] == before
    assert first["maxFeePerGas"] < second["maxFeePerGas"] < third["maxFeePerGas"]
    assert wire.mined() == before + 1


def test_a_pool_that_is_never_content(wire: Wire) -> None:
    """Raising fees ends; the call fails, and can be made again later."""
    sender = wire.sender()
    for _ in range(4):
        wire.provider.refuse(SEND, -32000, "transaction underpriced")
    with pytest.raises(ChainError, match="took none of 4"):
        propose(wire, sender)
    propose(wire, sender)


def test_a_node_that_refuses_for_another_reason(wire: Wire) -> None:
    """An unknown refusal is passed on with its code and text, and the next call begins anew."""
    sender, before = wire.sender(), wire.mined()
    wire.provider.refuse(SEND, -32005, "limit exceeded")
    with pytest.raises(RpcError, match=r"limit exceeded \(-32005\)") as refused:
        propose(wire, sender)
    assert (refused.value.code, refused.value.method) == (-32005, SEND)
    propose(wire, sender)
    assert wire.mined() == before + 1


def test_a_refusal_after_a_lost_answer_forgets_nothing(wire: Wire) -> None:
    """What may have been mined before the node refused is looked for when the call is made again."""
    sender, before = wire.sender(), wire.mined()
    wire.provider.inject(SEND, LOST)
    wire.provider.refuse(SEND, -32005, "limit exceeded")
    with pytest.raises(RpcError):
        propose(wire, sender)
    assert propose(wire, sender).succeeded
    assert wire.mined() == before + 1


def test_an_account_without_money(wire: Wire) -> None:
    """Who cannot pay is told so by its address: the operator's matter, not the network's."""
    poor = Account.seeded("poor", 0)
    contract = wire.world.contract
    contract.invite(wire.world.senders[0], [poor.address])
    with pytest.raises(CannotPay, match=f"{poor.address} cannot pay"):
        contract.join(wire.sender(poor))


def test_waiting_for_a_block(wire: Wire) -> None:
    """Receipts are asked for soon at first, then at the interval given, and also of a node that was away."""
    wire.provider.answer(RECEIPT, *[None] * 6)
    wire.provider.inject(RECEIPT, AWAY, TIMEOUT)
    assert propose(wire, wire.sender()).succeeded
    assert wire.clock.naps == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 1, 1, 1]


def test_a_transaction_that_is_not_mined_in_time(wire: Wire) -> None:
    """Waiting ends; the same call again goes on waiting for the same transaction."""
    sender, before = wire.sender(), wire.mined()
    wire.provider.answer(RECEIPT, *[None] * 100)
    with pytest.raises(TransactionFailed, match="not seen mined within 20 s") as failed:
        propose(wire, sender)
    wire.provider._planned[RECEIPT].clear()
    assert propose(wire, sender).transaction_hash == failed.value.transaction_hash
    assert wire.mined() == before + 1


def test_a_call_that_fails_once_it_is_mined(wire: Wire) -> None:
    """What changed between estimate and block shows as a refusal, with the transaction as its cause."""
    wire.provider.answer("eth_estimateGas", hex(100_000))
    with pytest.raises(ContractReverted) as refused:
        wire.world.contract.pass_turn(wire.sender(wire_account(2)), ONE)
    assert refused.value.name == "NotProposer"
    assert isinstance(refused.value.__cause__, TransactionFailed)


def test_a_transaction_that_runs_out_of_gas(wire: Wire) -> None:
    """A failure that is none of the contract's names the transaction and its block."""
    wire.provider.answer("eth_estimateGas", hex(53_000))
    sender = wire.sender(wire_account(0))
    with pytest.raises(TransactionFailed, match=r"mined in block \d+ and failed: 0x") as failed:
        type(wire.world.contract).deploy(sender, wire.world.rules, MODEL)
    assert failed.value.transaction_hash.startswith("0x")


def test_the_ballot_that_turns_out_to_be_the_last(wire: Wire) -> None:
    """A ballot estimated as one of many has gas enough to close the round and open the next."""
    contract, (_, proposer, middle, last, *_) = wire.world.contract, wire.world.senders
    contract.propose(proposer, ONE, MODEL)
    one_of_many = contract.cast_ballot(middle, ONE, MODEL, Ballot.APPROVE).gas_used
    closing = contract.cast_ballot(last, ONE, MODEL, Ballot.APPROVE).gas_used
    assert one_of_many < closing < one_of_many + GAS_MARGIN // 2


def test_fees_are_asked_for_again_after_eleven_blocks(wire: Wire) -> None:
    """A base fee that may have outgrown the offer is not used."""
    sender = wire.sender()
    propose(wire, sender)
    wire.provider.calls.clear()
    for _ in range(12):
        wire.world.chain.advance_to(wire.world.chain.now() + 1)
    wire.world.contract.snapshot(sender.address)
    sender.node.block_number()
    wire.world.contract.ask_key(sender, ONE)
    assert wire.provider.calls["eth_getBlockByNumber"] == 1
    assert wire.provider.calls["eth_maxPriorityFeePerGas"] == 0


def test_own_receipts_keep_fees_fresh(wire: Wire) -> None:
    """Who sends often never asks for fees again, and offers what its last block calls for."""
    sender = wire.sender()
    propose(wire, sender)
    wire.provider.calls.clear()
    for _ in range(15):
        wire.world.contract.ask_key(sender, ONE)
    base = int(wire.world.chain.node.block(wire.world.chain.node.block_number() - 1)["baseFeePerGas"])
    assert fields(sent(wire)[-1])["maxFeePerGas"] == 4 * base + 10**9
    assert wire.provider.calls == {"eth_estimateGas": 15, SEND: 15, RECEIPT: 15}


def test_the_operators_bound_holds(wire: Wire) -> None:
    """Nothing above the operator's bound is offered; a chain that asks more is an error naming both."""
    generous = wire.sender(fees=FeePolicy(max_fee=10**9, priority_fee=5))
    propose(wire, generous)
    offered = fields(sent(wire)[-1])
    assert (offered["maxFeePerGas"], offered["maxPriorityFeePerGas"]) == (10**9, 5)
    stingy = wire.sender(fees=FeePolicy(max_fee=6, priority_fee=1))
    with pytest.raises(ChainError, match="more than the 6 that the operator allows"):
        wire.world.contract.ask_key(stingy, ONE)


def test_a_chain_without_base_fee(wire: Wire) -> None:
    """Where blocks have no base fee, a transaction offers a gas price."""
    wire.provider.answer("eth_getBlockByNumber", {"number": "0x1", "timestamp": "0x1"})
    propose(wire, wire.sender())
    assert wire.provider.calls["eth_gasPrice"] == 1
    from eth_account._utils.legacy_transactions import Transaction  # noqa: PLC0415

    assert Transaction.from_bytes(bytes.fromhex(sent(wire)[-1][2:])).gasPrice == 10**9


def test_keys_show_nowhere(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A private key is in no representation, no log and no exception."""
    key = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
    account = Account(key)
    sender = wire.sender(account)
    with caplog.at_level(logging.DEBUG), pytest.raises(ContractReverted) as refused:
        propose(wire, sender)
    wire.provider.answer("eth_estimateGas", hex(100_000))
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError) as poor:
        propose(wire, sender)
    shown = [repr(account), repr(sender), str(account), repr(vars(account)), caplog.text, str(vars(sender))]
    shown += [repr(each) + repr(vars(each)) for each in (refused.value, poor.value)]
    for text in shown:
        assert key.hex() not in text.lower()
        assert str(int.from_bytes(key)) not in text
        assert repr(key) not in text
    assert account.address == EthAccount.from_key(key).address


@pytest.mark.parametrize("key", [b"", b"short", bytes(32), b"\xff" * 32, "ab" * 32])
def test_what_is_no_key_is_refused_without_showing_it(key: Any) -> None:
    """An exception about a key says nothing of the key."""
    with pytest.raises(ConfigError) as refused:
        Account(key)
    assert not any(shown in str(refused.value) for shown in ("short", "ff", "ab" * 32))
    assert refused.value.__context__ is None


def test_seeded_accounts_are_the_same_every_time() -> None:
    """A seed and an index give one account, text like its bytes; others give others."""
    assert Account.seeded("demo", 0).address == Account.seeded(b"demo", 0).address
    assert Account.seeded("demo", 0).address == "0x41a3E4b65089af709E56Ce2d2F530eD99EB8e351"
    several = {Account.seeded(seed, index).address for seed in ("demo", "demo1", "") for index in range(3)}
    assert len(several) == 9


def test_what_is_kept_is_kept_before_it_is_sent(wire: Wire) -> None:
    """All that ever leaves the process was handed over before, each once, also what replaces another."""
    kept: list[tuple[str, int]] = []

    def keep(raw: bytes) -> None:
        kept.append(("0x" + raw.hex(), wire.provider.calls[SEND]))

    wire.provider.refuse(SEND, -32000, "replacement transaction underpriced")
    wire.provider.inject(SEND, Fault.LOST_ANSWER)
    propose(wire, wire.sender(keep=keep))
    first, second, again = sent(wire)
    assert second == again
    assert kept == [(first, 0), (second, 1)]


def test_what_cannot_be_kept_is_not_sent(wire: Wire) -> None:
    """A full disk ends the call before anything left; the same call later is not in its way."""
    refusals = [ConfigError("no space left")]

    def keep(raw: bytes) -> None:
        if refusals:
            raise refusals.pop()

    sender = wire.sender(keep=keep)
    with pytest.raises(ConfigError, match="no space"):
        propose(wire, sender)
    assert sent(wire) == []
    assert propose(wire, sender).succeeded
