"""An experiment's card: what a learner or an auditor starts from, so that nothing has to be believed.

It holds the raw signed transaction that deployed the contract, and the block that this was mined in. From the
transaction alone follow the contract's address, its code, rules, spec and organizer; that it was mined is for
a node to say (:class:`Sighting`). Runtime code at an address alone proves less: another constructor can leave
something in storage and return genuine code.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, ValidationError

from colearn_chain.artefacts.creation import MOST_CHAINS, Creation, is_made_by, read_creation
from colearn_chain.artefacts.documents import Document, Part
from colearn_chain.artefacts.manifest import experiment_id
from colearn_chain.errors import InvalidArtefact, shown
from colearn_chain.rounds.history_hash import RULES_TYPE
from colearn_chain.rounds.rules import RuleBroken, Rules
from colearn_chain.types import NO_DIGEST, Address, Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HashText = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
"""A hash: 32 bytes as 0x and hex digits in lower case."""

_ARGUMENTS = [RULES_TYPE, "bytes32"]
_WORD = 32
_ARGUMENT_BYTES = _WORD * (len(fields(Rules)) + 1)
"""Every rule and the digest take one word of the ABI's each; none is dynamic."""


@dataclass(frozen=True)
class Release:
    """A version of the contract that this project has published.

    Attributes:
        initcode_hash: keccak-256 of its initcode, 32 bytes.
        size: of the initcode, in bytes.
        compiler: what made it.
    """

    initcode_hash: bytes
    size: int
    compiler: str


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What a card's transaction deploys.

    Attributes:
        chain_id: the chain that it was signed for.
        transaction_hash: 0x and 64 hex digits.
        organizer: who signed it, and so the contract's first organizer.
        nonce: the organizer's.
        contract: the contract's address.
        release: whose code it runs.
        initcode: what makes this code; the constructor's arguments are not part of it.
        rules: fixed by it.
        spec_digest: fixed by it.
    """

    chain_id: int
    transaction_hash: str
    organizer: Address
    nonce: int
    contract: Address
    release: Release
    initcode: bytes = field(repr=False)
    rules: Rules
    spec_digest: Digest

    @property
    def experiment(self) -> str:
        """The experiment's CAIP-10 name."""
        return experiment_id(self.chain_id, self.contract)


class MinedIn(Part):
    """The block that the transaction is in."""

    number: Annotated[int, Field(ge=0, lt=2**63)]
    hash: HashText


class Card(Document):
    """Where an experiment is and how it came there.

    Attributes:
        chain_id: of the chain (EIP-155).
        transaction: the raw signed deployment transaction, 0x and hex digits in lower case.
        block: where it was mined.
    """

    # EIP-3860 allows initcode of 48 KiB; nodes take transactions of 128 KiB; in hex that is twice as much
    MOST_BYTES: ClassVar[int] = 257 * 1024

    format: Literal["colearn-chain/card"] = "colearn-chain/card"
    version: Literal[1] = 1
    chain_id: Annotated[int, Field(ge=1, lt=MOST_CHAINS)]
    transaction: Annotated[str, StringConstraints(pattern=r"^0x([0-9a-f]{2})+$")]
    block: MinedIn

    @classmethod
    def of(cls, raw: bytes, block_number: int, block_hash: bytes) -> Self:
        """The card of a transaction that was mined.

        Raises:
            InvalidArtefact: the transaction makes no contract, or these are no block's number and hash.
        """
        try:
            block = MinedIn(number=block_number, hash="0x" + block_hash.hex())
        except ValidationError as error:
            raise InvalidArtefact(f"no block: {shown(error)}", subject="block", value=block_number) from error
        return cls(chain_id=read_creation(raw).chain_id, transaction="0x" + raw.hex(), block=block)

    @property
    def raw_transaction(self) -> bytes:
        """The transaction's bytes."""
        return bytes.fromhex(self.transaction[2:])

    def deployment(self, releases: Iterable[Release]) -> Deployment:
        """Say what follows from the card's transaction.

        Args:
            releases: the versions of the contract that are known.

        Raises:
            InvalidArtefact: the transaction makes no contract or is for another chain than the card says, its
                code is unknown, or its constructor arguments are not exactly rules and digest that the
                contract takes.
        """
        creation = read_creation(self.raw_transaction)
        if creation.chain_id != self.chain_id:
            raise InvalidArtefact(
                f"the card says chain {self.chain_id}, its transaction was signed for {creation.chain_id}",
                subject="chain_id",
                value=self.chain_id,
            )
        release = _release_of(creation, releases)
        rules, spec_digest = _arguments(creation.data[release.size :])
        return Deployment(
            chain_id=creation.chain_id,
            transaction_hash="0x" + creation.hash.hex(),
            organizer=creation.sender,
            nonce=creation.nonce,
            contract=creation.contract,
            release=release,
            initcode=creation.data[: release.size],
            rules=rules,
            spec_digest=spec_digest,
        )


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What one node says of a card's transaction.

    Attributes:
        node: what to call the node.
        chain_id: the node's chain.
        succeeded: whether it did what it should once it was mined; None: it was not mined, as far as the
            node knows.
        contract: what it made, by its receipt.
        block_number: where it was mined, by its receipt.
        block_hash: likewise; 0x and 64 hex digits.
        code: what runs at the address that follows from the card; empty: nothing does.
    """

    node: str
    chain_id: int
    succeeded: bool | None
    contract: Address | None
    block_number: int | None
    block_hash: str | None
    code: bytes = field(repr=False)

    def contradictions(self, card: Card, deployment: Deployment) -> Iterator[str]:
        """What this node says otherwise than the card, in words; nothing if they agree."""
        block = card.block
        if self.chain_id != card.chain_id:
            yield f"the node is on chain {self.chain_id}, the card says {card.chain_id}"
        elif self.succeeded is None:
            yield f"the card's transaction {deployment.transaction_hash} was never mined"
        elif not self.succeeded:
            yield f"the card's transaction {deployment.transaction_hash} was mined and failed"
        elif self.contract != deployment.contract:
            yield f"its receipt names the contract {self.contract}, not {deployment.contract}"
        elif (self.block_number, self.block_hash) != (block.number, block.hash):
            mined = f"{self.block_number} ({self.block_hash})"
            yield f"it was mined in block {mined}, the card says {block.number} ({block.hash})"
        elif not self.code:
            yield f"there is no code at {deployment.contract}"
        elif not is_made_by(self.code, deployment.initcode):
            yield f"the code at {deployment.contract} is not what the card's transaction makes"


def _release_of(creation: Creation, releases: Iterable[Release]) -> Release:
    from eth_utils.crypto import keccak  # noqa: PLC0415 - takes 0.1 s of CPU

    for release in releases:
        if keccak(creation.data[: release.size]) == release.initcode_hash:
            return release
    raise InvalidArtefact(
        "the card's transaction deploys unknown code: it is no release of this project",
        subject="initcode",
        value=creation.data,
    )


def _arguments(data: bytes) -> tuple[Rules, Digest]:
    from eth_abi.abi import decode, encode  # noqa: PLC0415 - takes 0.2 s of CPU
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415 - likewise

    if len(data) != _ARGUMENT_BYTES:
        raise _bad_arguments(f"{len(data)} bytes, not {_ARGUMENT_BYTES}", data)
    try:
        values, digest = decode(_ARGUMENTS, data)
    except DecodingError as error:
        raise _bad_arguments(shown(error), data) from error
    rules = Rules(**_by_field(values))
    try:
        rules.check()
    except RuleBroken as broken:
        raise _bad_arguments(str(broken), rules) from broken
    if digest == NO_DIGEST or encode(_ARGUMENTS, [astuple(rules), digest]) != data:
        raise _bad_arguments("an empty digest, or bits beyond a value", data)
    return rules, Digest(digest)


def _by_field(values: tuple[Any, ...]) -> dict[str, Any]:
    return {each.name: value for each, value in zip(fields(Rules), values, strict=True)}


def _bad_arguments(why: str, value: object) -> InvalidArtefact:
    return InvalidArtefact(
        f"the card's transaction has constructor arguments that the contract does not take: {why}",
        subject="arguments",
        value=value,
    )
