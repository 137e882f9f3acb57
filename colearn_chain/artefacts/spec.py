"""An experiment's spec: what all parties agree on before the first round, and what a learner is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from colearn_chain.artefacts.documents import Document, Part
from colearn_chain.rounds.rules import Rules  # noqa: TC001 - pydantic reads it
from colearn_chain.weights.schema import WeightSchema  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC_FILE = "experiment.json"

_LATEST_START = 2**40 - 1
"""``startDeadline`` is a uint40."""

Positive = Annotated[float, Field(gt=0)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]


def _check_rules(rules: Rules) -> Rules:
    for rule, value, least, most in rules.ranges():
        if not least <= value <= most:
            raise ValueError(f"{rule} {value} is not in {least}..{most}")
    if not 0 <= rules.start_deadline <= _LATEST_START:
        raise ValueError(f"startDeadline {rules.start_deadline} is not in 0..{_LATEST_START}")
    return rules


class Score(Part):
    """What a vote is about, in words: the score's name, and whether more of it is better or less."""

    name: ShortText
    direction: Literal["maximize", "minimize"]


class PrivacyTerms(Part):
    """How every party has to train with differential privacy; the fields are those of ``DiffPrivConfig``.

    A learner says how it trains by an attribute ``diff_priv_config``: such a config, or None for no privacy.
    """

    target_epsilon: Positive
    target_delta: Annotated[float, Field(gt=0, lt=1)]
    max_grad_norm: Positive
    noise_multiplier: Positive


class ExperimentSpec(Document):
    """What an experiment is; its digest is one of the contract's rules.

    Attributes:
        name: what people call it.
        rules: the contract's rules, spec digest aside.
        weight_schema: what weights must look like.
        score: what votes are about.
        classes: the classes' names, in the order of the model's outputs; empty where there are none.
        preprocessing: in words, what every party does to its data before training.
        learner: free values, handed to every party's learner factory.
        privacy: terms on which everybody trains; None for none.
    """

    MOST_BYTES: ClassVar[int] = 4 * 1024 * 1024

    format: Literal["colearn-chain/experiment"] = "colearn-chain/experiment"
    version: Literal[1] = 1
    name: ShortText
    rules: Annotated[Rules, AfterValidator(_check_rules)]
    weight_schema: WeightSchema
    score: Score
    classes: tuple[str, ...] = ()
    preprocessing: str = ""
    learner: dict[str, JsonValue] = Field(default_factory=dict)
    privacy: PrivacyTerms | None = None


@dataclass(frozen=True)
class LearnerContext:
    """The one argument of every learner factory, ``factory(context) -> MachineLearningInterface``.

    Attributes:
        index: which of the learners this is, from 0.
        count: how many learners there are.
        seed: for all randomness; the same for all learners of an experiment that is played in one place, so
            that they can split one data set and begin with the same weights.
        spec: the experiment's spec; None where there is no experiment yet.
        arguments: the party's own options, such as where its data lie.
    """

    index: int
    count: int
    seed: int
    spec: ExperimentSpec | None
    arguments: Mapping[str, Any]
