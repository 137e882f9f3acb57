"""Sending transactions so that each is mined at most once, whatever gets lost on the way.

A transaction is signed here, and its hash is known before anything is sent. An answer that does not come says
nothing about what happened, so a transaction stays *unsettled* until its receipt is there or its nonce is
gone. While there is an unsettled one, the same call sends the very same bytes again, and another call takes
its nonce: the two are rivals, and the chain can mine only one of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from colearn_chain.chain.fees import UNBOUNDED, FeeMarket, FeePolicy
from colearn_chain.chain.node import Node, RpcError
from colearn_chain.chain.receipts import Receipt
from colearn_chain.errors import ChainError, ConfigError, ContractReverted, TransactionFailed, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colearn_chain.chain.accounts import Account
    from colearn_chain.types import Address

GAS_MARGIN = 300_000
"""Gas offered beyond the estimate. Others' transactions that are mined first can make ours the ballot that
closes a round and opens the next, which costs up to two new slots and more; what is not used is not paid."""

PUSHES = 3
"""How often bytes are handed to a node that gives no answer, before the caller is told."""

ROUNDS_OF_SIGNING = 4
"""How often a transaction is signed anew because its nonce or its fees turned out wrong."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a receipt, and by which clock.

    Attributes:
        timeout: seconds after which waiting ends.
        poll_interval: seconds between two questions; the first ones come sooner.
        clock: returns seconds that only ever grow.
        sleep: lets so many seconds pass.
    """

    timeout: float = 120.0
    poll_interval: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class _Call:
    to: Address | None
    data: bytes


@dataclass(frozen=True, kw_only=True)
class _Signed:
    call: _Call
    nonce: int
    fees: Mapping[str, int]
    raw: bytes = field(repr=False)
    hash: str


class _Refusal(Enum):
    """Why a node does not take a transaction, as far as it matters here."""

    KNOWN = auto()
    NONCE = auto()
    UNDERPRICED = auto()
    POOR = auto()
    OTHER = auto()


def _forget(raw: bytes) -> None:
    pass


# In lower case, as geth, anvil and eth-tester say it; the first match counts.
_PHRASES = (
    ("already known", _Refusal.KNOWN),
    ("already imported", _Refusal.KNOWN),
    ("known transaction", _Refusal.KNOWN),
    ("nonce too low", _Refusal.NONCE),
    ("nonce too high", _Refusal.NONCE),
    ("invalid transaction nonce", _Refusal.NONCE),
    ("underpriced", _Refusal.UNDERPRICED),
    ("less than block base fee", _Refusal.UNDERPRICED),
    ("insufficient funds", _Refusal.POOR),
    ("cannot afford", _Refusal.POOR),
)


class CannotPay(ConfigError):
    """An account owns less than a node asks for; once it owns more, the same call works."""


class Sender:
    """An account at a node: it builds, signs and sends transactions, and waits for them.

    The account is this sender's alone: one process, one thread. Nonces begin at what has been mined, so a
    transaction that an earlier process left in the pool is replaced, not followed.

    Args:
        node: where to.
        account: who signs.
        fees: what a transaction may cost.
        patience: how long to wait for a receipt.
        keep: called with the raw bytes of each transaction before they first leave this process, so that
            another one can find out what became of it; what it raises stops the sending.
    """

    def __init__(
        self,
        node: Node,
        account: Account,
        *,
        fees: FeePolicy = UNBOUNDED,
        patience: Patience = Patience(),
        keep: Callable[[bytes], None] = _forget,
    ) -> None:
        self.node = node
        self._account = account
        self._keep = keep
        self._market = FeeMarket(node, fees)
        self._patience = patience
        self._nonce: int | None = None
        # Unsettled, all with one nonce: the chain can mine one of them at most.
        self._rivals: list[_Signed] = []
        # What the last of them offered: the next one with this nonce has to offer more.
        self._beaten: Mapping[str, int] | None = None
        self._last_mined: bytes | None = None

    @property
    def address(self) -> Address:
        """The account's address."""
        return self._account.address

    @property
    def last_mined(self) -> bytes | None:
        """The raw signed bytes of the last of its transactions that was seen mined; None: none was."""
        return self._last_mined

    def __repr__(self) -> str:
        return f"Sender({self.address} at {self.node!r})"

    def send(self, to: Address | None, data: bytes) -> Receipt:
        """Send a call, once, and wait until it is mined.

        Args:
            to: the contract; None: the data are the initcode of a new one.
            data: the call.

        Returns:
            The receipt of a transaction that succeeded.

        Raises:
            ContractReverted: the contract refuses; if it already did so when asked beforehand, nothing was
            sent. TransactionFailed: it was mined and failed for lack of gas, or was not mined in time. In the
            second case it may
                still be mined; the same call again goes on waiting for this same transaction.
            CannotPay: the account owns too little.
            ChainError: the node did not answer, or refused; the same call again is safe.
        """
        call = _Call(to, data)
        receipt = self._resume(call) if self._rivals else None
        for _ in range(ROUNDS_OF_SIGNING):
            if receipt is not None:
                return receipt
            # Asked anew each time: what made the last attempt fail can have changed what the contract says.
            gas = self.node.estimate_gas(self.address, to, data) + GAS_MARGIN
            receipt = self._attempt(self._sign(call, gas))
        if receipt is not None:
            return receipt
        raise ChainError(f"the node took none of {ROUNDS_OF_SIGNING} transactions of {self.address}")

    def _resume(self, call: _Call) -> Receipt | None:
        """Return the receipt of an unsettled transaction if it is this call; None: it is still to be sent."""
        if self.node.transaction_count(self.address) > self._rivals[0].nonce:
            mined = self._mined()
            self._settle(None)
            return self._checked(*mined) if mined is not None and mined[0].call == call else None
        self._nonce = self._rivals[0].nonce
        same = [rival for rival in self._rivals if rival.call == call]
        return self._attempt(same[-1]) if same else None

    def _attempt(self, signed: _Signed) -> Receipt | None:
        """Push a transaction and wait; None: it has to be signed anew."""
        if not self._push(signed):
            return None
        mined, receipt = self._wait(signed)
        self._settle(mined.nonce + 1)
        return self._checked(mined, receipt) if mined.call == signed.call else None

    def _settle(self, nonce: int | None) -> None:
        """Nothing is open any more; the next nonce is this one, or to be asked."""
        self._rivals, self._beaten, self._nonce = [], None, nonce

    # ------------------------------------------------------------------------------------------------ sending

    def _sign(self, call: _Call, gas: int) -> _Signed:
        if self._nonce is None:
            self._nonce = self.node.transaction_count(self.address)
        fees = self._market.raised(self._beaten) if self._beaten else self._market.quote()
        signed = self._account.sign_transaction(self._fields(call, gas, self._nonce) | fees)
        return _Signed(
            call=call,
            nonce=self._nonce,
            fees=fees,
            raw=bytes(signed.raw_transaction),
            hash="0x" + bytes(signed.hash).hex(),
        )

    def _fields(self, call: _Call, gas: int, nonce: int) -> dict[str, Any]:
        target = {} if call.to is None else {"to": call.to}
        return target | {
            "chainId": self.node.chain_id,
            "nonce": nonce,
            "gas": gas,
            "value": 0,
            "data": "0x" + call.data.hex(),
        }

    def _push(self, signed: _Signed) -> bool:
        """Hand a transaction to the node; False: it has to be signed anew.

        Raises:
            ChainError: no answer came, or a refusal that signing anew does not cure.
        """
        maybe_there = signed in self._rivals
        if not maybe_there:
            self._keep(signed.raw)
            self._rivals.append(signed)
        self._beaten = signed.fees
        for left in reversed(range(PUSHES)):
            try:
                self.node.send_raw(signed.raw)
            except RpcError as refusal:
                return self._after_refusal(signed, refusal, maybe_there=maybe_there)
            except ChainError:
                maybe_there = True
                if not left:
                    raise
                self._patience.sleep(self._patience.poll_interval)
            else:
                break
        return True

    def _after_refusal(self, signed: _Signed, refusal: RpcError, *, maybe_there: bool) -> bool:
        """Whether to wait for a transaction that the node refused; False: to sign anew."""
        kind = _kind(refusal)
        if kind is _Refusal.KNOWN:
            return True
        if not maybe_there:
            self._rivals.remove(signed)
        if kind is _Refusal.NONCE and self._rivals:
            return True
        if kind is _Refusal.UNDERPRICED:
            self._market.forget()
            return False
        if not self._rivals:
            self._settle(None)
        if kind is _Refusal.NONCE:
            return False
        if kind is _Refusal.POOR:
            raise CannotPay(f"the account {self.address} cannot pay: {shown(refusal.text)}") from refusal
        raise refusal

    # ------------------------------------------------------------------------------------------------ waiting

    def _wait(self, signed: _Signed) -> tuple[_Signed, Receipt]:
        """Return the unsettled transaction that was mined, this one or another with its nonce."""
        until = self._patience.clock() + self._patience.timeout
        pause = self._patience.poll_interval / 16
        trouble: ChainError | None = None
        while True:
            try:
                if (mined := self._mined()) is not None:
                    return mined
            except ChainError as error:  # waiting goes on while a node is away
                trouble = error
            if self._patience.clock() >= until:
                raise TransactionFailed(
                    f"not seen mined within {self._patience.timeout} s: {signed.hash}",
                    transaction_hash=signed.hash,
                ) from trouble
            self._patience.sleep(pause)
            pause = min(2 * pause, self._patience.poll_interval)

    def _mined(self) -> tuple[_Signed, Receipt] | None:
        for rival in reversed(self._rivals):
            found = self.node.receipt(rival.hash)
            if found is not None:
                return rival, Receipt.from_rpc(found)
        return None

    def _checked(self, signed: _Signed, receipt: Receipt) -> Receipt:
        self._market.learn(receipt.block_number, receipt.gas_price)
        self._last_mined = signed.raw
        if receipt.succeeded:
            return receipt
        failed = TransactionFailed(
            f"mined in block {receipt.block_number} and failed: {signed.hash}", transaction_hash=signed.hash
        )
        reason = self._reason(signed.call, receipt.block_number)
        if reason is None:
            raise failed
        raise reason from failed

    def _reason(self, call: _Call, mined_in: int) -> ContractReverted | None:
        """Why a mined transaction failed: run again on the state after its block, and on the one before."""
        if call.to is None:
            return None
        for block in (mined_in, mined_in - 1):
            try:
                self.node.call(call.to, call.data, sender=self.address, block=block)
            except ContractReverted as reverted:
                return reverted
        return None


def _kind(refusal: RpcError) -> _Refusal:
    text = refusal.text.lower()
    return next((kind for phrase, kind in _PHRASES if phrase in text), _Refusal.OTHER)
