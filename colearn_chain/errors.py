"""Every error that this project raises on purpose, as one tree, split by who can fix it.

::

    ColearnError
    ├── ProtocolViolation          a peer sent or did what the protocol forbids; nothing was changed
    │   ├── InvalidWeights         named arrays or their bytes do not fit the schema
    │   ├── InvalidArtefact        a folder, manifest or spec is not what it must be
    │   ├── InvalidHistory         a chain history contradicts its own rules or its history hash
    │   └── RuleBroken             (rounds) the reference model refuses a call, as the contract would
    ├── TransportError             the way there failed; trying again can help
    │   ├── ChainError             an RPC node: no answer, a refusal, an answer that makes no sense
    │   │   ├── RpcError           (chain.node) the node answered with an error
    │   │   └── TransactionFailed  a transaction was mined and failed, or was never mined
    │   └── StorageError           a store: no answer, no space, no permission
    │       └── ContentNotFound    the store answered: it does not have this content
    ├── ContractReverted           the contract refused a call, with the values that broke its rule
    ├── LearnerError               a learner's own code failed or returned what the interface forbids
    └── ConfigError                the operator: a file, an option, a missing extra
        ├── CannotPay              (chain.transactions) an account owns too little for a transaction
        ├── KeystoreError          (chain.keystore) an account's file; WrongPassword below it
        └── NoAcceptedModel        (accepted) nothing was accepted in the round that was asked for

A mistake in this project's own code is none of these: it stays a ``RuntimeError`` or an ``AssertionError``.
Adapters let no foreign exception out: they raise one of these ``from`` it. Each class carries what was wrong
as attributes, not only as text. What others wrote enters a message through :func:`shown` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def shown(value: object, most: int = 200) -> str:
    """What a stranger wrote, fit for a message: one short line, and nothing in it that steers a terminal.

    Args:
        value: text; bytes, which are written as hex digits after 0x; anything else by its ``str``.
        most: how many characters stay; an ellipsis says that there were more.
    """
    line = "".join(_visible(character) for character in _text(value, most)[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


def _text(value: object, most: int) -> str:
    if isinstance(value, bytes):
        return "0x" + value[:most].hex()
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return f"({type(value).__name__} without end)"


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


class ColearnError(Exception):
    """The root of the tree; never raised itself."""


class ProtocolViolation(ColearnError):
    """A peer sent or did what the protocol forbids.

    Attributes:
        subject: what was looked at, such as a tensor's name, a field or a file, as :func:`shown` writes it.
        value: the offending value, or None where it is the text itself.
    """

    def __init__(self, message: str, *, subject: str = "", value: object = None) -> None:
        super().__init__(message)
        self.subject = shown(subject)
        self.value = value


class InvalidWeights(ProtocolViolation):
    """Named arrays, or the bytes that should hold them, do not fit the schema."""


class InvalidArtefact(ProtocolViolation):
    """A folder, a manifest or a spec is not what it must be."""


class InvalidHistory(ProtocolViolation):
    """A history read from a chain contradicts its own rules or its history hash."""


class TransportError(ColearnError):
    """The way to a node or a store failed; trying again can help."""


class ChainError(TransportError):
    """An RPC node did not answer, refused, or answered what makes no sense."""


class TransactionFailed(ChainError):
    """A transaction was mined and failed, or was not mined in time.

    Attributes:
        transaction_hash: 0x-prefixed hash of the transaction.
    """

    def __init__(self, message: str, *, transaction_hash: str) -> None:
        super().__init__(message)
        self.transaction_hash = transaction_hash


class StorageError(TransportError):
    """A store did not answer, has no space, or refused."""


class ContentNotFound(StorageError):
    """The store answered, and does not have this content.

    Attributes:
        content: CID or digest that was asked for.
    """

    def __init__(self, message: str, *, content: str) -> None:
        super().__init__(message)
        self.content = content


class ContractReverted(ColearnError):
    """The contract refused a call.

    Attributes:
        name: the Solidity name of the custom error, such as ``DeadlinePassed``; ``""`` when there is none.
        values: the error's arguments by their Solidity names.
    """

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        arguments = ", ".join(f"{key}={shown(value)}" for key, value in values.items())
        super().__init__(f"the contract refused: {name or 'without a reason'}({arguments})")
        self.name = name
        self.values = dict(values)


class LearnerError(ColearnError):
    """A learner's own code failed, or returned what the interface forbids."""


class ConfigError(ColearnError):
    """Something that the operator can fix: a file, an option, a missing extra."""
