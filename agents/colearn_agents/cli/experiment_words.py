"""What the commands on an experiment show in common: what it is, by which rules, and what a deed costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearn_agents.experiments.costs import ether
from colearn_agents.wording import counted
from colearn_chain.chain.cards import name_of
from colearn_chain.storage import cid_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colearn_agents.experiments.acts import Act
    from colearn_agents.experiments.costs import Purse
    from colearn_agents.experiments.opened import OpenedExperiment
    from colearn_chain.artefacts import ExperimentSpec
    from colearn_chain.chain import Receipt

_MOST_TENSORS = 4
"""So many tensors are named; the JSON has all of them."""


def whereabouts(opened: OpenedExperiment) -> Iterator[tuple[str, str]]:
    """Where an experiment is."""
    deployment, block = opened.deployment, opened.card.block
    yield "experiment", deployment.experiment
    yield "deployed by", f"{deployment.organizer} in block {block.number}"
    yield "spec", cid_of(deployment.spec_digest)
    yield "as told by", f"{name_of(opened.node)}, which is trusted for it"


def spec_facts(spec: ExperimentSpec) -> Iterator[tuple[str, str]]:
    """What the parties agreed on, rules aside."""
    yield "name", spec.name
    yield "score", f"{spec.score.name}, to be {spec.score.direction}d"
    if spec.classes:
        yield "classes", ", ".join(spec.classes)
    yield "preprocessing", spec.preprocessing or "nothing is said"
    tensors = spec.weight_schema.tensors
    shapes = [f"{name} {tensor.dtype} {_shape(tensor.shape)}" for name, tensor in sorted(tensors.items())]
    more = ", ..." if len(shapes) > _MOST_TENSORS else ""
    yield "weights", f"{counted(len(shapes), 'tensor')}: {', '.join(shapes[:_MOST_TENSORS])}{more}"
    if spec.learner:
        yield "learners get", ", ".join(f"{name} = {value!r}" for name, value in sorted(spec.learner.items()))
    yield "privacy", "no terms" if spec.privacy is None else ", ".join(f"{k} {v:g}" for k, v in spec.privacy)


def _shape(shape: tuple[int | None, ...]) -> str:
    return "x".join("any" if size is None else str(size) for size in shape) or "one number"


def cost_row(gas: int, purse: Purse) -> tuple[str, str]:
    """What a transaction will cost."""
    about = f"about {ether(purse.cost(gas))}" if purse.price.expected else "nothing: gas is free here"
    return "cost", f"{about} ({gas:,} gas), from {purse.address}, which has {ether(purse.balance)}"


def receipt_rows(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """What became of a transaction."""
    yield "transaction", f"{receipt.transaction_hash} in block {receipt.block_number}"
    yield "cost", f"{ether(receipt.gas_used * receipt.gas_price)} ({receipt.gas_used:,} gas)"


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """What became of a transaction, as JSON has it."""
    return {
        "transaction": receipt.transaction_hash,
        "block": receipt.block_number,
        "gas_used": receipt.gas_used,
        "cost_wei": receipt.gas_used * receipt.gas_price,
    }


def act_document(opened: OpenedExperiment, act: Act, receipt: Receipt) -> dict[str, Any]:
    """Something that was done to an experiment, as JSON has it."""
    return {
        "experiment": opened.deployment.experiment,
        "call": act.function,
        "effects": list(act.effects),
        **receipt_document(receipt),
    }
