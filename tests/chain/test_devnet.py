"""A local chain for several processes, on each engine that is there."""

from __future__ import annotations

import json
import os
import select
import stat
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
from web3 import HTTPProvider, Web3

from colearn_chain.chain import Account, ExperimentContract, Node, Patience, Sender
from colearn_chain.chain.devnet import Devnet, _Clockwork, account_of_everybody, devnet, find_anvil
from colearn_chain.chain.devnet_tester import interval_tester
from colearn_chain.chain.networks import confirmed_block, connect, require_cancun
from colearn_chain.errors import ChainError, ConfigError, ContractReverted
from colearn_chain.rounds import Phase, Rules
from colearn_chain.types import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RICH = [account_of_everybody(index) for index in range(3)]
ENGINES = ["eth-tester", *(["anvil"] if find_anvil() else [])]
RULES = Rules(
    threshold_bps=5001,
    proposal_window=60,
    voting_window=60,
    contribution_window=0,
    min_learners=2,
    max_rounds=3,
    idle_rounds=3,
    start_deadline=2**39,
    count_proposer=False,
    close_early=False,
)
QUICK = Patience(poll_interval=0.05)


@pytest.fixture(scope="module", params=ENGINES)
def chain(request: pytest.FixtureRequest) -> Iterator[Devnet]:
    """Run a chain on each engine."""
    anvil = find_anvil() if request.param == "anvil" else None
    with devnet([account.address for account in RICH], port=0, anvil=anvil) as running:
        yield running


@pytest.fixture(scope="module")
def served() -> Iterator[Devnet]:
    """Run a chain on eth-tester, for what is about our own server."""
    with devnet([RICH[0].address], port=0) as running:
        yield running


def test_a_contract_is_deployed_from_outside(chain: Devnet) -> None:
    """Another process's whole way: checks, deployment, a receipt that took a block, a refusal with values."""
    node = connect(chain.url, chain_id=chain.chain_id)
    require_cancun(node)
    sender = Sender(node, Account(RICH[0].private_key), patience=QUICK)
    contract = ExperimentContract.deploy(sender, RULES, Digest(bytes([1]) * 32))
    assert contract.phase() is Phase.JOINING
    stranger = Sender(node, Account(RICH[1].private_key), patience=QUICK)
    with pytest.raises(ContractReverted) as refused:
        contract.join(stranger, bytes(32))
    assert RICH[1].address in refused.value.values.values()
    assert confirmed_block(node, 0) >= 1


def test_web3_py_reads_what_is_served(chain: Devnet) -> None:
    """The usual library, with all its checks of answers, understands blocks, transactions and receipts."""
    web3 = Web3(HTTPProvider(chain.url))
    account = web3.eth.account.from_key(RICH[2].private_key)
    block = web3.eth.get_block("latest")
    fees = {"maxFeePerGas": block["baseFeePerGas"] * 4, "maxPriorityFeePerGas": 0}
    fields: Any = {"to": RICH[1].address, "value": 5, "gas": 21_000, "nonce": 0, "chainId": chain.chain_id}
    sent = web3.eth.send_raw_transaction(account.sign_transaction(fields | fees).raw_transaction)
    receipt = web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)
    assert receipt["status"] == 1
    assert web3.eth.get_transaction(sent)["blockNumber"] == receipt["blockNumber"]
    assert web3.eth.get_block(receipt["blockNumber"])["transactions"] == [sent]
    assert web3.net.version == str(chain.chain_id)
    assert (
        web3.eth.get_logs(
            {"fromBlock": 0, "toBlock": "latest", "address": Web3.to_checksum_address(RICH[0].address)}
        )
        == []
    )


def test_only_those_who_are_named_have_money(chain: Devnet) -> None:
    """A million ether each."""
    node = Node.connect(chain.url)
    assert node.balance(RICH[0].address, 0 if chain.program == "eth-tester" else "latest") > 10**23
    assert node.balance(Account.seeded("poor", 0).address) == 0


def test_many_clients_at_once(chain: Devnet) -> None:
    """Requests that come at the same time are all answered."""
    answers: list[int] = []
    ask = [
        threading.Thread(target=lambda: answers.append(Node.connect(chain.url).chain_id)) for _ in range(8)
    ]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert answers == [chain.chain_id] * 8


@pytest.mark.parametrize("engine", ENGINES)
def test_a_port_that_is_taken(chain: Devnet, engine: str) -> None:
    """The sentence says what is wrong, and nothing runs."""
    port = int(chain.url.rpartition(":")[2])
    anvil = find_anvil() if engine == "anvil" else None
    with (
        pytest.raises(ConfigError, match=r"(?i)address (already )?in use"),
        devnet([], port=port, anvil=anvil),
    ):
        pass


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_listens_afterwards(engine: str) -> None:
    """When the context ends, so does the chain, whatever happened in it."""
    anvil = find_anvil() if engine == "anvil" else None
    url = ""
    with suppress(ZeroDivisionError), devnet([], port=0, anvil=anvil) as running:
        url = running.url
        raise ZeroDivisionError
    with pytest.raises(ChainError, match="did not answer"):
        Node.connect(url).block_number()


@pytest.mark.parametrize(("port", "block_time"), [(-1, 1), (65_536, 1), (0, 0), (0, -1)])
def test_numbers_that_make_no_chain(port: int, block_time: int) -> None:
    """Ports and block times out of range are refused."""
    with (
        pytest.raises(ConfigError, match=f"port {port} .* every {block_time} s"),
        devnet([], port=port, block_time=block_time),
    ):
        pass


def script(path: Path, text: str) -> str:
    """Write a program that stands in for anvil."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_an_anvil_that_does_not_start(tmp_path: Path) -> None:
    """What it said is in the sentence."""
    broken = script(tmp_path / "anvil", "echo no such fork >&2; exit 3\n")
    with (
        pytest.raises(ConfigError, match="anvil does not start: no such fork"),
        devnet([], port=0, anvil=broken),
    ):
        pass
    with (
        pytest.raises(ConfigError, match="does not start: No such file"),
        devnet([], port=0, anvil=str(tmp_path / "absent")),
    ):
        pass


def test_an_anvil_that_ends_by_itself(served: Devnet, tmp_path: Path) -> None:
    """Who waits learns its status and its last words."""
    host = served.url.removeprefix("http://")
    dying = script(tmp_path / "anvil", f"echo Listening on {host}; echo out of luck; exit 9\n")
    with devnet([], port=0, anvil=dying) as running, pytest.raises(ChainError, match="status 9: out of luck"):
        running.wait()


def test_a_wrappers_child_ends_with_it(served: Devnet, tmp_path: Path) -> None:
    """The anvil of npm is a script that starts the real one: nothing of it stays behind."""
    host, pipe = served.url.removeprefix("http://"), tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    # both processes hold the other end of the pipe, which breaks once the last of them has ended
    text = f"exec 3> {pipe}\nsleep 1000 &\necho Listening on {host}\nwait\n"
    with devnet([], port=0, anvil=script(tmp_path / "anvil", text)):
        assert select.select([held], [], [], 0)[0] == []
    assert select.select([held], [], [], 10)[0] == [held]
    os.close(held)


def test_transactions_wait_for_the_next_block() -> None:
    """A block bears the time at which it was due, and its transactions ran at that time."""
    now = [1_000.0]
    tester = interval_tester(
        {RICH[0].address: 10**24}, block_time=12, gas_limit=30_000_000, clock=lambda: now[0]
    )
    # TIMESTAMP, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN: the code is the time
    fields = {"nonce": 0, "gas": 100_000, "gasPrice": 10**10, "data": "0x4260005260206000f3", "value": 0}
    fields["chainId"] = 131277322940537
    signed = Account(RICH[0].private_key).sign_transaction(fields)
    sent = tester.send_raw_transaction("0x" + bytes(signed.raw_transaction).hex())
    assert tester.get_block_by_number("latest")["number"] == 0
    now[0] += 12
    tester.mine_block()
    assert tester.get_block_by_number(1)["timestamp"] == 1_012
    made = tester.get_transaction_receipt(sent)["contract_address"]
    assert int(tester.get_code(made), 16) == 1_012
    now[0] += 500
    tester.mine_block()
    tester.mine_block()
    assert tester.get_block_by_number(3)["timestamp"] == 1_012 + 500 + 12


def test_a_call_is_estimated_while_another_one_waits() -> None:
    """An agent has sent something, and its owner types a command in the same second."""
    address = RICH[0].address
    tester = interval_tester({address: 10**24}, block_time=12, gas_limit=30_000_000)
    fields = {"nonce": 0, "gas": 21_000, "gasPrice": 10**10, "to": address, "value": 0}
    signed = Account(RICH[0].private_key).sign_transaction(fields | {"chainId": 131277322940537})
    tester.send_raw_transaction("0x" + bytes(signed.raw_transaction).hex())
    assert tester.estimate_gas({"from": address, "to": address}) == 21_000


def test_a_chain_that_can_make_no_more_blocks() -> None:
    """Who waits for the end of a chain learns why it came."""
    clockwork = _Clockwork(lambda: 1 // 0, threading.Lock(), 0)
    clockwork.start()
    with pytest.raises(ChainError, match="stopped making blocks: ZeroDivisionError"):
        clockwork.wait()
    clockwork.stop()


def post(url: str, body: bytes, **headers: str) -> requests.Response:
    """Send a body as it is."""
    return requests.post(url, data=body, headers=headers, timeout=10)


def test_a_batch_is_answered_in_order(served: Devnet) -> None:
    """Each request by its id, bad ones among them, notifications not at all."""
    asked = [
        {"id": "a", "method": "eth_chainId"},
        {"method": "eth_chainId"},
        5,
        {"id": 1, "method": "no_such"},
    ]
    answers = post(served.url, json.dumps(asked).encode()).json()
    assert [answer["id"] for answer in answers] == ["a", None, 1]
    assert answers[0]["result"] == hex(served.chain_id)
    assert [answer["error"]["code"] for answer in answers[1:]] == [-32600, -32601]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b'"text"', -32600),
        (b'{"id":1,"method":7}', -32600),
        (b'{"id":1,"method":"eth_chainId","params":{}}', -32600),
        (b'{"id":1,"method":"eth_call","params":[7]}', None),
        (b'{"id":1,"method":"eth_getBalance","params":[]}', None),
        (b'{"id":1,"method":"eth_sendRawTransaction","params":["0xzz"]}', None),
    ],
)
def test_requests_that_make_no_sense(served: Devnet, body: bytes, code: int | None) -> None:
    """Each gets an error, and the next request is answered as ever."""
    error = post(served.url, body).json()["error"]
    assert code in {None, error["code"]}
    assert Node.connect(served.url).chain_id == served.chain_id


def test_requests_by_another_name_are_refused(served: Devnet) -> None:
    """A web page that has its own name point here gets nothing."""
    assert post(served.url, b"{}", Host="evil.example:80").status_code == 403
    assert post(served.url, b"{}", Host="localhost:1").status_code == 200


def test_bodies_without_bound_are_refused(served: Devnet) -> None:
    """Nothing is read of a request that says it is huge, or does not say how long it is."""
    assert post(served.url, b"", **{"Content-Length": str(1 << 40)}).status_code == 413
    assert post(served.url, b"", **{"Content-Length": "-1"}).status_code == 411
