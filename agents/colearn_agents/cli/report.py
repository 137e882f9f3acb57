"""What the demo says before and after its rounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from colearn_agents.cli.output import DIGITS, score, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colearn_agents.group.baselines import Comparison, Training
    from colearn_agents.group.group import GroupSettings

UNEQUAL = (
    "The split is unequal. What one learner's mix of labels teaches seldom helps the others, so they refuse: "
    "propose-and-vote stalls on unequal data, the more so the more the parts differ. The cure is rounds in "
    "which the updates of all learners are merged before the vote (fan-in rounds); they are not built yet."
)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a run took.

    Attributes:
        gas: all of it.
        setup_gas: of that, before the first round: deployment, invitations, joins, start.
        transactions: how many were mined.
        rounds: how many were played.
        learners: how many there are.
        bytes_published: of all artefacts, the spec's included.
        seconds_learning: wall time inside the learners.
        seconds_besides: wall time of everything else.
    """

    gas: int
    setup_gas: int
    transactions: int
    rounds: int
    learners: int
    bytes_published: int
    seconds_learning: float
    seconds_besides: float

    @property
    def gas_per_round(self) -> int:
        """All learners together."""
        return (self.gas - self.setup_gas) // max(self.rounds, 1)

    @property
    def gas_per_learner(self) -> int:
        """For all rounds, as the mean."""
        return (self.gas - self.setup_gas) // self.learners


def introduction(settings: GroupSettings) -> str:
    """What is about to be seen."""
    alpha = settings.arguments.get("alpha")
    split = "equally" if alpha is None else f"unequally (Dirichlet, alpha {alpha:g})"
    return (
        f"{settings.learners} learners, {settings.rounds} rounds, seed {settings.seed}. "
        f"1,797 pictures of handwritten digits are split {split}; each learner trains, votes and tests on "
        "private parts of its share. What travels is weights, in files that are named by their hash; what "
        "decides is a contract on a chain inside this process. In each round one learner proposes new "
        "weights, the others test them and vote, and what enough of them approve becomes the model of all."
    )


def results_table(comparison: Comparison) -> Table:
    """The collective's model beside the baselines."""
    title = "Accuracy on all learners' test parts, which nobody trained or voted on"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("model")
    table.add_column("mean", justify="right")
    table.add_column("best", justify="right")
    table.add_column("trainings", justify="right")
    for trained in comparison.rows():
        table.add_row(*_result(trained), style="bold" if trained is comparison.collective else "")
    return table


def _result(trained: Training) -> tuple[str, str, str, str]:
    best = score(trained.best) if len(trained.scores) > 1 else ""
    return trained.name, score(trained.mean), best, _span(trained.steps)


def _span(steps: Sequence[int]) -> str:
    least, most = min(steps), max(steps)
    return str(least) if least == most else f"{least} to {most}"


def by_learner(comparison: Comparison) -> str:
    """The collective's model on each learner's own test part."""
    parts = (f"learner {index} {score(each)}" for index, each in enumerate(comparison.by_learner))
    return f"The collective model on each test part: {', '.join(parts)}."


def verdict(comparison: Comparison) -> str:
    """Who did best, in words, whichever it is."""
    return f"{_against_alone(comparison)} {_against_pooled(comparison)}"


def _against_alone(comparison: Comparison) -> str:
    collective = _as_printed(comparison.collective.mean)
    alone = _as_printed(max(comparison.alone.mean, comparison.alone_stopped.mean))
    best = _as_printed(max(comparison.alone.best, comparison.alone_stopped.best))
    figures = f"{score(collective)} against {score(alone)} in the mean and {score(best)} for the best of them"
    if collective > best:
        return f"Learning together wins over every learner alone: {figures}."
    if collective > alone:
        return f"Learning together wins over the mean learner alone, but not over the best one: {figures}."
    if collective == alone:
        return f"Learning together comes to the same as learning alone: {figures}."
    return f"Learning alone wins over learning together: {figures}."


def _against_pooled(comparison: Comparison) -> str:
    collective = _as_printed(comparison.collective.mean)
    pooled = _as_printed(max(comparison.pooled.mean, comparison.pooled_stopped.mean))
    difference = score(abs(pooled - collective))
    if pooled > collective:
        return f"All data in one place would give {score(pooled)}: keeping them apart costs {difference}."
    return f"All data in one place would give {score(pooled)}: keeping them apart costs nothing here."


def _as_printed(value: float) -> float:
    """A score to the digits that are shown: what looks the same is not called better."""
    return round(value, DIGITS)


def costs_table(costs: Costs) -> Table:
    """What the run took, for people."""
    table = Table(box=SIMPLE_HEAD, show_header=False)
    for name, value in (
        ("gas", f"{costs.gas:,} in {costs.transactions} transactions"),
        ("  to deploy, invite, join and start", f"{costs.setup_gas:,}"),
        ("  a round, all learners together", f"{costs.gas_per_round:,}"),
        ("  a learner, all rounds together", f"{costs.gas_per_learner:,}"),
        ("weights and spec published", size(costs.bytes_published)),
        ("time in machine learning", f"{costs.seconds_learning:.1f} s"),
        ("time outside: chain, store, checks", f"{costs.seconds_besides:.1f} s"),
    ):
        table.add_row(name, value)
    return table


def results_document(comparison: Comparison, costs: Costs) -> dict[str, Any]:
    """The comparison and the costs as JSON has them."""
    return {
        "format": "colearn-chain/results",
        "version": 1,
        "models": [asdict(trained) | {"mean": trained.mean} for trained in comparison.rows()],
        "collective_by_learner": list(comparison.by_learner),
        "verdict": verdict(comparison),
        "costs": asdict(costs),
    }
