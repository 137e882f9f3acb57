"""Making an experiment: drawn up without a trace, then published and deployed so that no crash loses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colearn_agents.experiments.costs import Purse
from colearn_agents.experiments.new_files import write_new
from colearn_agents.experiments.refusals import in_words
from colearn_agents.experiments.waiting import await_counted
from colearn_chain.errors import ConfigError, ContractReverted, StorageError, TransactionFailed, shown

if TYPE_CHECKING:
    from colearn_agents.experiments.pending import PendingDeployment
    from colearn_agents.experiments.rules_file import Plan
    from colearn_agents.experiments.waiting import Tell
    from colearn_chain.artefacts import Card, Deployment, ExperimentSpec
    from colearn_chain.artefacts.creation import Creation
    from colearn_chain.chain import Account, Node, Patience, Receipt
    from colearn_chain.chain.networks import Finality
    from colearn_chain.storage import ArtefactStore
    from colearn_chain.types import Address, Digest
    from colearn_chain.weights import NamedArrays, WeightSchema

INVITATION_GAS = 50_000
"""Gas of inviting one learner, at most; docs/gas.md has the figure, and a test holds it."""

LOOKS = 30
"""So often in a row a deployment's nonce has to be seen as taken before that is believed."""


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """An experiment that could be made: all of it is known, and nothing was sent.

    Attributes:
        spec: what everybody agrees on.
        arrays: the first weights.
        spec_digest: what both will be stored under.
        contract: the address that the contract will have, unless its organizer sends something else before.
        gas: what the deployment takes.
        purse: the organizer's.
        invite: who is invited at once.
    """

    spec: ExperimentSpec
    arrays: NamedArrays
    spec_digest: Digest
    contract: Address
    gas: int
    purse: Purse
    invite: tuple[Address, ...]

    @property
    def all_gas(self) -> int:
        """What deployment and invitations take together, at most."""
        return self.gas + INVITATION_GAS * len(self.invite)


@dataclass(frozen=True, kw_only=True)
class Created:
    """An experiment that was made.

    Attributes:
        card: where everybody starts from; it is written.
        deployment: what follows from it.
        receipt: of the deployment.
    """

    card: Card
    deployment: Deployment
    receipt: Receipt


def check_ground(node: Node, organizer: Address) -> Purse:
    """Check chain and account, before a learner is made, which can take long.

    Returns:
        The organizer's purse.

    Raises:
        ConfigError: the chain is too old for the contract, or the account owns nothing.
        ChainError: the node did not answer.
    """
    from colearn_chain.chain.networks import require_cancun  # noqa: PLC0415 - imports web3

    require_cancun(node)
    purse = Purse.of(node, organizer)
    purse.check_not_empty()
    return purse


def draw_up(
    plan: Plan,
    arrays: NamedArrays,
    schema: WeightSchema,
    *,
    node: Node,
    purse: Purse,
    store: ArtefactStore,
) -> Blueprint:
    """Draw an experiment up, and check all that can be checked; nothing is published or sent.

    Args:
        plan: what the organizer wants.
        arrays: the first weights.
        schema: what all weights have to look like.
        node: a node of the chain.
        purse: of who will deploy.
        store: only its scratch folder is used.

    Raises:
        ConfigError: the contract would refuse, or the account cannot pay.
        InvalidWeights: the weights do not fit the schema.
        InvalidArtefact: the spec or the weights are larger than anybody would fetch.
        TransportError: the node did not answer, or the disk refused.
    """
    from colearn_chain.artefacts.creation import contract_address  # noqa: PLC0415 - takes 0.1 s of CPU
    from colearn_chain.chain.contract import creation_code  # noqa: PLC0415 - imports web3

    spec = plan.spec(schema)
    digest = store.digest_of_spec(spec, arrays)
    blueprint = Blueprint(
        spec=spec,
        arrays=arrays,
        spec_digest=digest,
        contract=contract_address(purse.address, node.transaction_count(purse.address)),
        gas=_estimate(node, purse.address, creation_code(spec.rules, digest)),
        purse=purse,
        invite=plan.invite,
    )
    purse.check(blueprint.all_gas)
    return blueprint


def _estimate(node: Node, organizer: Address, code: bytes) -> int:
    try:
        return node.estimate_gas(organizer, None, code)
    except ContractReverted as refusal:
        raise ConfigError(f"nothing was sent: {in_words(refusal)}") from refusal


def publish(blueprint: Blueprint, store: ArtefactStore) -> None:
    """Store spec and first weights, and see that they can be fetched.

    Raises:
        StorageError: the store or the disk refused, or has not kept what it was given.
    """
    digest = store.publish_spec(blueprint.spec, blueprint.arrays)
    fetched = store.fetch_spec(digest)
    if (digest, fetched.spec) != (blueprint.spec_digest, blueprint.spec):
        raise StorageError(f"the store gave back another spec than it was given: {digest.hex()}")


def deploy(
    blueprint: Blueprint, node: Node, account: Account, pending: PendingDeployment, patience: Patience
) -> None:
    """Deploy the contract; what is sent is written to the pending file before.

    Raises:
        Whatever :meth:`~colearn_chain.chain.transactions.Sender.send` raises; ConfigError also when the
        pending file cannot be written, or is there already.
    """
    from colearn_chain.chain import ExperimentContract, Sender  # noqa: PLC0415 - imports web3

    sender = Sender(node, account, patience=patience, keep=pending.keep)
    ExperimentContract.deploy(sender, blueprint.spec.rules, blueprint.spec_digest)


def finish(
    node: Node, pending: PendingDeployment, finality: Finality, *, patience: Patience, tell: Tell
) -> Created:
    """Wait until a deployment counts, check it, and write its card; the pending file is then gone.

    What was sent is sent again as long as it is not mined, so that this takes up any interrupted wait.

    Args:
        node: a node of the chain.
        pending: what was sent.
        finality: when a block counts.
        patience: how long to wait.
        tell: called with how far it has come.

    Raises:
        TransactionFailed: it was mined and failed, and the pending file is gone; or it is not mined or does
            not count yet, or never can be, and the pending file stays.
        ConfigError: a file cannot be read or written.
        InvalidArtefact: the node contradicts what was sent, or that is no experiment.
        ChainError: the node did not answer.
    """
    from colearn_chain.artefacts.creation import read_creation  # noqa: PLC0415 - takes 0.1 s of CPU
    from colearn_chain.chain.cards import check_card, make_card  # noqa: PLC0415 - imports web3

    card_path = pending.card
    sent = {"0x" + (made := read_creation(raw)).hash.hex(): (raw, made) for raw in pending.transactions()}
    hashes = list(sent)
    push = _Resending(node, *sent[hashes[-1]])
    receipt = await_counted(node, hashes, finality, patience=patience, tell=tell, push=push)
    if not receipt.succeeded:
        pending.discard()
        raise TransactionFailed(
            f"the deployment was mined in block {receipt.block_number} and failed: no experiment was made",
            transaction_hash=receipt.transaction_hash,
        )
    card = make_card(node, sent[receipt.transaction_hash][0])
    deployment = check_card(node, card)
    write_new(card_path, card.to_bytes())
    pending.discard()
    return Created(card=card, deployment=deployment, receipt=receipt)


@dataclass
class _Resending:
    """Sends what may never have arrived once more, unless something else has taken its nonce.

    A node that knows the nonce as used can still lag behind with receipts, and behind one address there can
    be several nodes: only what is seen many times in a row is believed.
    """

    node: Node
    raw: bytes
    creation: Creation
    seen_taken: int = 0

    def __call__(self) -> str:
        """Return what the node says, if it does not take it; TransactionFailed when it never can."""
        from colearn_chain.chain.node import RpcError  # noqa: PLC0415 - imports web3

        sender, nonce = self.creation.sender, self.creation.nonce
        if self.node.transaction_count(sender) > nonce:
            self.seen_taken += 1
            taken = f"{sender} has sent another transaction with its nonce {nonce}"
            if self.seen_taken < LOOKS:
                return taken
            raise TransactionFailed(
                f"this deployment can never be mined: {taken}; remove the pending file and create it again",
                transaction_hash="0x" + self.creation.hash.hex(),
            )
        self.seen_taken = 0
        try:
            self.node.send_raw(self.raw)
        except RpcError as refusal:  # it is there already, or this is why it is not
            return shown(refusal.text)
        return ""
