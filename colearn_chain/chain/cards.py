"""Cards and nodes: making the card of a deployment, and asking a node whether a card's was mined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from colearn_chain.artefacts.card import Card, Sighting
from colearn_chain.chain.artefact import packaged_releases
from colearn_chain.chain.node import octets, quantity
from colearn_chain.errors import ChainError, InvalidArtefact, shown
from colearn_chain.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from colearn_chain.artefacts.card import Deployment, Release
    from colearn_chain.chain.node import BlockIdentifier, Node


def make_card(node: Node, raw_transaction: bytes) -> Card:
    """Return the card of a deployment.

    Args:
        node: knows where it was mined.
        raw_transaction: the signed transaction, such as ``ExperimentContract.raw_deployment``.

    Raises:
        InvalidArtefact: it makes no contract.
        ChainError: it is not mined, as far as the node knows, or the node did not answer with sense.
    """
    transaction_hash = "0x" + keccak(raw_transaction).hex()
    receipt = node.receipt(transaction_hash)
    if receipt is None:
        raise ChainError(f"the deployment is not mined, as far as {node!r} knows: {transaction_hash}")
    return Card.of(raw_transaction, quantity(receipt["blockNumber"]), octets(receipt.get("blockHash")))


def sighting_of(node: Node, deployment: Deployment, *, block: BlockIdentifier = "latest") -> Sighting:
    """Ask a node what became of a card's transaction, by the hash of this very one.

    An organizer can sign two transactions with one nonce, which make contracts at one address; only
    one of them can be mined.

    Args:
        node: whom to ask.
        deployment: what follows from the card.
        block: as of which its code is asked for.

    Raises:
        ChainError: the node did not answer, or not with sense.
    """
    receipt = node.receipt(deployment.transaction_hash)
    return Sighting(
        node=name_of(node),
        chain_id=node.chain_id,
        succeeded=None if receipt is None else quantity(receipt.get("status")) == 1,
        contract=None if receipt is None else _made(receipt),
        block_number=None if receipt is None else quantity(receipt.get("blockNumber")),
        block_hash=None if receipt is None else "0x" + octets(receipt.get("blockHash")).hex(),
        code=node.code(deployment.contract, block),
    )


def name_of(node: Node) -> str:
    """What to call a node before people: its address, without what may be secret in it."""
    return repr(node).removeprefix("Node(").removesuffix(")")


def check_card(node: Node, card: Card, *, releases: Iterable[Release] | None = None) -> Deployment:
    """Check a card against a node: what everybody does before anything else.

    Args:
        node: whom to ask.
        card: where the experiment is said to be.
        releases: the contracts that are known; None: those that this package holds.

    Raises:
        InvalidArtefact: no experiment follows from the card, or the node contradicts it.
        ChainError: the node did not answer, or not with sense.
    """
    deployment = card.deployment(packaged_releases() if releases is None else releases)
    for contradiction in sighting_of(node, deployment).contradictions(card, deployment):
        raise InvalidArtefact(contradiction, subject="card", value=card.chain_id)
    return deployment


def _made(receipt: Mapping[str, Any]) -> Address | None:
    made = receipt.get("contractAddress")
    try:
        return Address(to_checksum_address(made)) if made else None
    except (TypeError, ValueError) as error:
        raise ChainError(f"the node answered {shown(made, 80)} where an address has to be") from error
