"""What the demo says in the end, whoever did best."""

from __future__ import annotations

import pytest

from colearn_agents.cli.output import score, size
from colearn_agents.cli.report import Costs, introduction, results_document, verdict
from colearn_agents.group.baselines import Comparison, Training
from colearn_agents.group.group import GroupSettings


def trained(*scores: float) -> Training:
    """Models with these scores."""
    return Training(name="model", scores=scores, steps=(20,) * len(scores))


def comparison(collective: float, *alone: float, pooled: float = 0.97) -> Comparison:
    """A collective's score, the learners' own, and that of all data in one place."""
    return Comparison(
        collective=trained(collective),
        by_learner=(collective, collective),
        alone=trained(*alone),
        alone_stopped=trained(*(each - 0.01 for each in alone)),
        pooled=trained(pooled),
        pooled_stopped=trained(pooled - 0.01),
    )


COSTS = Costs(
    gas=1_100,
    setup_gas=100,
    transactions=30,
    rounds=4,
    learners=5,
    bytes_published=1_000,
    seconds_learning=1.0,
    seconds_besides=2.0,
)


@pytest.mark.parametrize(
    ("compared", "says"),
    [
        (
            comparison(0.955, 0.93, 0.947),
            "wins over every learner alone: 0.955 against 0.939 in the mean and 0.947",
        ),
        (comparison(0.945, 0.93, 0.95), "wins over the mean learner alone, but not over the best one"),
        (comparison(0.9, 0.9, 0.9), "comes to the same as learning alone"),
        (comparison(0.90004, 0.9, 0.9), "comes to the same as learning alone: 0.900 against 0.900"),
        (comparison(0.89996, 0.9, 0.9), "comes to the same as learning alone: 0.900 against 0.900"),
        (comparison(0.9, 0.88, 0.89996), "not over the best one: 0.900 against 0.890 in the mean and 0.900"),
        (comparison(0.654, 0.68, 0.7), "Learning alone wins over learning together: 0.654 against 0.690"),
    ],
)
def test_whoever_wins_is_said(compared: Comparison, says: str) -> None:
    """The sentence is as plain when the collective loses as when it wins."""
    assert says in verdict(compared)


def test_price_of_keeping_data_apart_is_said() -> None:
    """Nobody is told that it costs nothing when it does, nor the other way round."""
    assert "keeping them apart costs 0.015" in verdict(comparison(0.955, 0.9, pooled=0.97))
    assert "keeping them apart costs nothing" in verdict(comparison(0.98, 0.9, pooled=0.97))
    assert "keeping them apart costs nothing" in verdict(comparison(0.97, 0.9, pooled=0.9704))
    assert "0.971: keeping them apart costs 0.001" in verdict(comparison(0.97, 0.9, pooled=0.9706))


def test_the_stronger_of_two_ways_to_train_alone_is_what_is_compared() -> None:
    """The collective must not look better because a baseline was trained too long."""
    strong = Comparison(**{**vars(comparison(0.955, 0.9)), "alone_stopped": trained(0.96)})
    assert "Learning alone wins" in verdict(strong)


def test_gas_is_shared_out_without_what_came_before_the_first_round() -> None:
    """What a round costs has nothing to do with the deployment."""
    assert (COSTS.gas_per_round, COSTS.gas_per_learner) == (250, 200)


def test_results_document_repeats_the_verdict_and_every_score() -> None:
    """Whoever has the file needs nothing else to judge."""
    compared = comparison(0.955, 0.93, 0.947)
    document = results_document(compared, COSTS)
    assert document["verdict"] == verdict(compared)
    assert [model["scores"] for model in document["models"]] == [each.scores for each in compared.rows()]


@pytest.mark.parametrize(
    ("alpha", "says"), [(None, "split equally"), (0.5, "unequally (Dirichlet, alpha 0.5)")]
)
def test_introduction_says_how_the_data_are_split(alpha: float | None, says: str) -> None:
    """An unequal split is announced before it is seen."""
    arguments = {} if alpha is None else {"alpha": alpha}
    assert says in introduction(GroupSettings(arguments=arguments))


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_written_in_powers_of_a_thousand(count: int, shown: str) -> None:
    """As disks and networks count."""
    assert size(count) == shown


def test_missing_score_is_a_dash() -> None:
    """A score that nobody measured is not zero."""
    assert (score(None), score(0.9546)) == ("-", "0.955")
