"""One Ethereum node, as this project talks to it: JSON-RPC requests, answers checked, every failure typed.

Of web3.py only its providers are used, below its middleware, which asks for chain ids, gas prices and
accounts on its own. So one method here is one request, and what a call costs can be counted. The requests are
those of the execution API (https://ethereum.github.io/execution-apis/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, Self

from web3 import Web3
from web3.datastructures import NamedElementOnion
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from colearn_chain.chain.http_provider import HttpProvider
from colearn_chain.chain.reverts import contract_reverted
from colearn_chain.chain.urls import check_url, masked
from colearn_chain.errors import ChainError, ConfigError, shown
from colearn_chain.types import Address, Timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from web3.types import RPCResponse

BlockIdentifier = int | Literal["latest", "safe", "finalized", "earliest"]
"""A block by its number or by its place in the chain."""

NOBODY = Address("0x0000000000000000000000000000000000000000")
"""In whose name views are read."""

_QUANTITY = re.compile(r"0x[0-9a-fA-F]+")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


class RpcError(ChainError):
    """A node answered a request with an error.

    Attributes:
        method: what was asked.
        code: the JSON-RPC error's code.
        text: its message.
        data: its data; what the contract reverted with, where it says so.
    """

    def __init__(self, method: str, code: int, text: str, data: object = None) -> None:
        super().__init__(f"the node refused {method}: {shown(text)} ({code})")
        self.method = method
        self.code = code
        self.text = text
        self.data = data

    @property
    def revert(self) -> bytes | None:
        """What the contract reverted with; None when this is about something else."""
        nested = self.data.get("data") if isinstance(self.data, dict) else self.data
        found = _HEX.search(nested) if isinstance(nested, str) else None
        if found is None:
            return b"" if "revert" in self.text.lower() else None
        return bytes.fromhex(found[0][2:])


class Node:
    """A node behind a web3.py provider.

    Args:
        web3: only its provider is used; middleware that was added to it is not. A provider other than
            :meth:`connect`'s has to bound what it reads itself.
        chain_id: the chain that the node must be on; None: whichever it is.
    """

    def __init__(self, web3: Web3, *, chain_id: int | None = None) -> None:
        provider = web3.provider
        self._send = provider.request_func(web3, NamedElementOnion([]))
        self._name = _name(provider)
        self._expected = chain_id
        self._chain_id: int | None = None
        self._head = 0

    @classmethod
    def connect(cls, url: str, *, chain_id: int | None = None, timeout: float = 10.0) -> Self:
        """Return the node behind an address; nothing is asked of it yet.

        Args:
            url: such as ``http://127.0.0.1:8545``.
            chain_id: the chain that the node must be on; None: whichever it is.
            timeout: seconds that one request may take.

        Raises:
            ConfigError: the address is not one of http or https.
        """
        check_url(url)
        return cls(Web3(HttpProvider(url, {"timeout": timeout})), chain_id=chain_id)

    def __repr__(self) -> str:
        return f"Node({self._name})"

    @property
    def chain_id(self) -> int:
        """The chain's id (EIP-155), asked once.

        Raises:
            ConfigError: the node is on another chain than it must be.
            ChainError: it did not answer.
        """
        if self._chain_id is None:
            found = quantity(self._request("eth_chainId"))
            if self._expected not in {None, found}:
                raise ConfigError(f"the node {self._name} is on chain {found}, not on {self._expected}")
            self._chain_id = found
        return self._chain_id

    @property
    def head(self) -> int:
        """The highest block that any answer has told of so far; asks nothing."""
        return self._head

    def saw_block(self, number: int) -> None:
        """Remember that the chain has this block."""
        self._head = max(self._head, number)

    def request(self, method: str, *params: object) -> Any:
        """Ask the node.

        Args:
            method: a method of the execution API.
            params: its parameters, as JSON has them.

        Returns:
            The answer's result, as JSON has it.

        Raises:
            RpcError: the node answered with an error.
            ChainError: it did not answer, or what it answered is no JSON-RPC.
            ConfigError: it is on another chain than it must be.
        """
        if self._expected is not None:
            _ = self.chain_id
        return self._request(method, *params)

    def block_number(self) -> int:
        """Return the latest block's number."""
        number = quantity(self.request("eth_blockNumber"))
        self.saw_block(number)
        return number

    def block(self, block: BlockIdentifier = "latest") -> Mapping[str, Any]:
        """Return a block's header, as JSON has it.

        Raises:
            ChainError: also when the node does not have the block.
        """
        header = self.request("eth_getBlockByNumber", _block(block), False)
        if not isinstance(header, dict):
            raise ChainError(f"the node {self._name} does not have block {block}")
        self.saw_block(quantity(header.get("number")))
        return header

    def timestamp(self, block: BlockIdentifier = "latest") -> Timestamp:
        """Return a block's time, in seconds since 1970."""
        return Timestamp(quantity(self.block(block).get("timestamp")))

    def transaction_count(self, address: Address) -> int:
        """Return how many transactions of an address have been mined: the nonce of its next one."""
        return quantity(self.request("eth_getTransactionCount", address, "latest"))

    def balance(self, address: Address, block: BlockIdentifier = "latest") -> int:
        """Return what an address owns, in wei."""
        return quantity(self.request("eth_getBalance", address, _block(block)))

    def code(self, address: Address, block: BlockIdentifier = "latest") -> bytes:
        """Return the contract's code at an address; empty when there is none."""
        return octets(self.request("eth_getCode", address, _block(block)))

    def call(
        self, to: Address, data: bytes, *, sender: Address = NOBODY, block: BlockIdentifier = "latest"
    ) -> bytes:
        """Run a contract's function without a transaction, as of the end of a block.

        Raises:
            ContractReverted: the contract refused.
            ChainError: see :meth:`request`.
        """
        transaction = {"from": sender, "to": to, "data": "0x" + data.hex()}
        return octets(self._reverting("eth_call", transaction, _block(block)))

    def estimate_gas(self, sender: Address, to: Address | None, data: bytes) -> int:
        """Return how much gas a transaction needs if it is mined on top of the latest block.

        Args:
            sender: who signs it.
            to: the contract; None: it makes one.
            data: the call, or the initcode.

        Raises:
            ContractReverted: the contract would refuse.
            ChainError: see :meth:`request`.
        """
        transaction = {"from": sender, "data": "0x" + data.hex()} | ({"to": to} if to else {})
        return quantity(self._reverting("eth_estimateGas", transaction))

    def send_raw(self, signed: bytes) -> None:
        """Hand a signed transaction to the node."""
        self.request("eth_sendRawTransaction", "0x" + signed.hex())

    def receipt(self, transaction_hash: str) -> Mapping[str, Any] | None:
        """Return a mined transaction's receipt, as JSON has it; None: it is not mined, or unknown."""
        found = self.request("eth_getTransactionReceipt", transaction_hash)
        if not isinstance(found, dict) or found.get("blockNumber") is None:
            return None
        self.saw_block(quantity(found["blockNumber"]))
        return found

    def _reverting(self, method: str, *params: object) -> Any:
        try:
            return self.request(method, *params)
        except RpcError as error:
            if (data := error.revert) is None:
                raise
            raise contract_reverted(data) from error

    def _request(self, method: str, *params: object) -> Any:
        try:
            response: RPCResponse = self._send(RPCEndpoint(method), list(params))
        except (OSError, ValueError, Web3Exception) as error:
            # Only the kind: its text can hold the node's address, and with it the operator's key.
            raise ChainError(
                f"the node {self._name} did not answer {method}: {type(error).__name__}"
            ) from error
        return _result(method, response)


def quantity(value: object) -> int:
    """Read a number as nodes write it: hex digits after 0x; eth-tester writes plain ones.

    Raises:
        ChainError: it is neither.
    """
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ChainError(f"the node answered {shown(value, 80)} where a number has to be")


def octets(value: object) -> bytes:
    """Read bytes as nodes write them: hex digits after 0x.

    Raises:
        ChainError: it is something else.
    """
    if isinstance(value, str) and _HEX.fullmatch(value):
        return bytes.fromhex(value[2:])
    raise ChainError(f"the node answered {shown(value, 80)} where bytes have to be")


def _block(block: BlockIdentifier) -> str:
    return hex(block) if isinstance(block, int) else block


def _result(method: str, response: object) -> Any:
    error = response.get("error") if isinstance(response, dict) else None
    if isinstance(error, dict):
        code = error.get("code")
        told = code if isinstance(code, int) else 0
        raise RpcError(method, told, str(error.get("message", "")), error.get("data"))
    if not isinstance(response, dict) or error is not None or "result" not in response:
        raise ChainError(f"the answer to {method} is no JSON-RPC: {shown(response, 80)}")
    return response["result"]


def _name(provider: object) -> str:
    url = getattr(provider, "endpoint_uri", None)
    return type(provider).__name__ if url is None else masked(str(url)).removesuffix("/…")
