"""Accounting, budgets and noise: what private training may claim."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import dp_accounting
import numpy as np
import pytest
from dp_accounting import pld, rdp
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from colearn_backends.privacy import Mechanism, NoiseSource, Plan, PrivacyBudget, PrivacyLedger
from colearn_chain.errors import ConfigError
from colearn_chain.ml_interface import DiffPrivBudget, DiffPrivConfig, ErrorCodes

if TYPE_CHECKING:
    from pathlib import Path

DELTA = 1e-5
KEY = bytes(range(32))
SPENT = [(1.0, 0.02, 500), (0.6, 0.001, 10_000), (2.0, 0.5, 40), (8.0, 1.0, 3)]
"""Noise multiplier, sampling rate, steps."""


def config(**changes: float) -> DiffPrivConfig:
    """A budget of 3 at a delta of 1e-5."""
    known = {"target_epsilon": 3.0, "target_delta": DELTA, "max_grad_norm": 1.0, "noise_multiplier": 1.0}
    return DiffPrivConfig(**{**known, **changes})


def budget(ledger: PrivacyLedger | None = None, settings: DiffPrivConfig | None = None) -> PrivacyBudget:
    """The budget of a learner with 1,280 examples and batches of 64."""
    ledger = ledger or PrivacyLedger.in_memory()
    return PrivacyBudget(settings or config(), ledger, examples=1280, batch_size=64)


def composed(accountant: Any, spent: list[tuple[float, float, int]]) -> float:
    """Epsilon as an accountant of the library has it."""
    for noise, rate, steps in spent:
        step = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
        accountant.compose(step, steps)
    return float(accountant.get_epsilon(DELTA))


@pytest.mark.parametrize("spent", [[one] for one in SPENT] + [SPENT])
def test_epsilon_is_what_the_library_says(spent: list[tuple[float, float, int]]) -> None:
    """Also for several mechanisms, and never less than the tight bound by privacy loss distributions."""
    ledger = PrivacyLedger.in_memory()
    for noise, rate, steps in spent:
        ledger.charge(Plan(Mechanism(noise, rate), steps))
    assert ledger.epsilon(DELTA) == pytest.approx(composed(rdp.RdpAccountant(), spent), rel=1e-9)
    if len(spent) == 1:
        tight = pld.PLDAccountant(value_discretization_interval=1e-3)
        assert ledger.epsilon(DELTA) >= composed(tight, spent) - 1e-2


def test_epsilon_of_the_whole_data_is_the_formula_of_the_gaussian_mechanism() -> None:
    """Without sampling, one step's divergence of order a is a / (2 sigma^2) (Mironov 2017)."""
    ledger = PrivacyLedger.in_memory()
    ledger.charge(Plan(Mechanism(5.0, 1.0), 10))
    orders = np.linspace(1.5, 63, 100_000)
    best = 10 * orders / 50 + np.log1p(-1 / orders) - np.log(DELTA * orders) / (orders - 1)
    assert ledger.epsilon(DELTA) == pytest.approx(best.min(), rel=1e-3)
    assert ledger.epsilon(DELTA) >= best.min()


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    noise=st.sampled_from([0.5, 1.0, 4.0]),
    rate=st.sampled_from([0.001, 0.1, 1.0]),
    before=st.integers(0, 300),
    wanted=st.integers(1, 2000),
    target=st.floats(0.01, 30),
)
def test_the_most_steps_are_the_most(
    noise: float, rate: float, before: int, wanted: int, target: float
) -> None:
    """Property: what is granted fits, and one step more, if it was wanted, would not."""
    ledger, mechanism = PrivacyLedger.in_memory(), Mechanism(noise, rate)
    if before:
        ledger.charge(Plan(mechanism, before))
    most = ledger.most_steps(Plan(mechanism, wanted), target, DELTA)
    assert 0 <= most <= wanted
    if most:
        assert ledger.epsilon_after(Plan(mechanism, most), DELTA) <= target
    if most < wanted:
        assert ledger.epsilon_after(Plan(mechanism, most + 1), DELTA) > target


def test_a_smaller_delta_costs_more() -> None:
    """Epsilon is a function of delta, whatever delta the steps were charged for."""
    ledger = PrivacyLedger.in_memory()
    ledger.charge(Plan(Mechanism(1.0, 0.05), 20))
    assert ledger.epsilon(1e-9) > ledger.epsilon(1e-5) > ledger.epsilon(0.1) >= 0


@pytest.mark.parametrize("delta", [0.0, 1.0, -0.1, math.nan, math.inf])
def test_a_delta_that_is_no_probability_is_refused(delta: float) -> None:
    """Every question about epsilon refuses it, also where nothing was spent."""
    ledger, plan = PrivacyLedger.in_memory(), Plan(Mechanism(1.0, 0.05), 1)
    for question in (
        lambda: ledger.epsilon(delta),
        lambda: ledger.epsilon_after(plan, delta),
        lambda: ledger.most_steps(plan, 1.0, delta),
        lambda: ledger.reserve(plan, 1.0, delta),
        lambda: budget(settings=config(target_delta=delta)),
    ):
        with pytest.raises(ConfigError, match="delta"):
            question()


@pytest.mark.parametrize(
    ("noise", "rate", "steps"),
    [
        (0.0, 0.1, 1),
        (-1.0, 0.1, 1),
        (math.nan, 0.1, 1),
        (math.inf, 0.1, 1),
        (1.0, 0.0, 1),
        (1.0, 1.1, 1),
        (1.0, math.nan, 1),
        (1.0, 0.1, 0),
        (1.0, 0.1, -5),
        (1.0, 0.1, 10**10),
    ],
)
def test_numbers_out_of_range_are_refused(noise: float, rate: float, steps: int) -> None:
    """No plan is made of what would cost nothing, or nobody knows what."""
    with pytest.raises(ConfigError, match=r"must be from|takes from"):
        Plan(Mechanism(noise, rate), steps)


def test_a_label_is_kept_short_and_on_one_line(tmp_path: Path) -> None:
    """Whatever text it is, it neither breaks the file nor fills it."""
    PrivacyLedger(tmp_path / "ledger").charge(Plan(Mechanism(1.0, 0.1), 1, "a\nb\x1b\ud800"))
    assert PrivacyLedger(tmp_path / "ledger").epsilon(DELTA) > 0
    with pytest.raises(ConfigError, match="201 characters"):
        Plan(Mechanism(1.0, 0.1), 1, "a" * 201)


def test_a_proposal_is_trained_whole_then_shortened_then_refused() -> None:
    """The rule: all steps, as many as fit, none; the target is never exceeded and what is left is no step."""
    ledger = PrivacyLedger.in_memory()
    mine = budget(ledger)
    granted = []
    while steps := mine.reserve(30):
        granted.append(steps)
        assert mine.spent().consumed_epsilon <= 3.0
    assert set(granted[:-1]) == {30}
    assert 0 < granted[-1] < 30
    assert sum(granted) == PrivacyLedger.in_memory().most_steps(Plan(mine.mechanism, 10_000), 3.0, DELTA)
    before = ledger.epsilon(DELTA)
    assert mine.reserve(1) == 0
    assert ledger.epsilon(DELTA) == before


def test_a_summary_says_what_was_spent_and_a_refusal_why() -> None:
    """In the words of the interface; a learner without budget has no weights to propose."""
    ledger = PrivacyLedger.in_memory()
    mine = budget(ledger)
    mine.reserve(5)
    expected = DiffPrivBudget(
        target_epsilon=3.0,
        target_delta=DELTA,
        consumed_epsilon=ledger.epsilon(DELTA),
        consumed_delta=DELTA,
    )
    assert mine.summary().dp_budget == mine.spent() == expected
    assert mine.summary().error_code is None
    refusal = mine.refusal()
    assert refusal.weights is None
    assert refusal.training_summary is not None
    assert refusal.training_summary.dp_budget == expected
    assert refusal.training_summary.error_code is ErrorCodes.DP_BUDGET_EXCEEDED


def test_a_restored_ledger_learns_what_was_published() -> None:
    """After a backup was put back, the fewest steps are charged that come to the published epsilon."""
    whole, restored = PrivacyLedger.in_memory(), PrivacyLedger.in_memory()
    budget(whole).reserve(40)
    published = budget(whole).spent()
    for _ in range(2):
        budget(restored).charge_published(published)
        assert budget(restored).spent() == published


def test_published_epsilon_is_charged_even_beyond_the_target() -> None:
    """What was spent was spent; the learner then has nothing left."""
    mine = budget()
    published = mine.spent().model_copy(update={"consumed_epsilon": 5.0})
    mine.charge_published(published)
    assert mine.spent().consumed_epsilon >= 5.0
    assert mine.reserve(1) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"target_epsilon": 0.0},
        {"target_epsilon": math.inf},
        {"target_epsilon": math.nan},
        {"max_grad_norm": 0.0},
        {"max_grad_norm": math.nan},
        {"noise_multiplier": 0.0},
        {"target_delta": 2.0},
    ],
)
def test_a_budget_that_means_nothing_is_refused(changes: dict[str, float]) -> None:
    """When a learner is made, not when it has trained."""
    with pytest.raises(ConfigError):
        budget(settings=config(**changes))


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_that_cannot_be_sampled_is_refused(batch_size: int) -> None:
    """The sampling rate is the batch's share of the examples, so it is above 0 and at most 1."""
    with pytest.raises(ConfigError, match="cannot be sampled from 10"):
        PrivacyBudget(config(), PrivacyLedger.in_memory(), examples=10, batch_size=batch_size)


def test_the_import_brings_in_neither_framework_nor_accountant() -> None:
    """A learner without privacy pays for none of it, and one framework's learner not for the other's."""
    script = "import sys, colearn_backends.privacy; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - this Python and the line above
        [sys.executable, "-Ic", script], capture_output=True, text=True, check=True
    )
    assert not {"torch", "opacus", "tensorflow", "keras", "dp_accounting", "scipy"} & set(done.stdout.split())


def test_noise_is_normal() -> None:
    """Moments, Kolmogorov-Smirnov and independence of neighbours, on 400,001 draws of a fixed key."""
    noise = NoiseSource(KEY).gaussian((400_001,), 2.5, np.float64) / 2.5
    error = 1 / math.sqrt(noise.size)
    assert abs(noise.mean()) < 4 * error
    assert abs(noise.std() - 1) < 4 * error
    assert abs(stats.skew(noise)) < 4 * math.sqrt(6) * error
    assert abs(stats.kurtosis(noise)) < 4 * math.sqrt(24) * error
    assert stats.kstest(noise, "norm").pvalue > 0.01
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 4 * error


def test_no_value_of_the_noise_tells_of_another() -> None:
    """Values are made in pairs from one radius; neither they nor their squares correlate; none is twice."""
    noise = NoiseSource(KEY).gaussian((1 << 16,), 1.0, np.float64)
    assert np.unique(np.abs(noise)).size == noise.size
    first, second = noise.reshape(2, -1)
    for one, other in ((first, second), (first**2, second**2)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(first.size)


def test_noise_has_the_shape_and_type_that_was_asked_for() -> None:
    """Empty, odd and single numbers of values too."""
    source = NoiseSource(KEY)
    for shape in [(), (0,), (1,), (3,), (2, 3, 5)]:
        assert source.gaussian(shape, 1.0).shape == shape
    assert source.gaussian((3,), 1.0).dtype == np.float32
    assert source.gaussian((3,), 1.0, np.float64).dtype == np.float64
    assert not source.gaussian((3,), 0.0).any()


def test_noise_never_repeats() -> None:
    """One stream goes on from call to call, and no two streams are alike unless their keys are."""
    source = NoiseSource(KEY)
    first, second = source.gaussian((100,), 1.0), source.gaussian((100,), 1.0)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, NoiseSource(KEY).gaussian((100,), 1.0))
    assert not np.array_equal(NoiseSource().gaussian((100,), 1.0), NoiseSource().gaussian((100,), 1.0))


def test_seeds_of_other_generators_say_nothing_of_the_noise() -> None:
    """Whoever knows, or tries, the seed of numpy's generator does not know the noise."""
    np.random.seed(0)  # noqa: NPY002 - it is what a user's script does
    first = NoiseSource().gaussian((100,), 1.0)
    np.random.seed(0)  # noqa: NPY002 - as above
    assert not np.array_equal(first, NoiseSource().gaussian((100,), 1.0))


@pytest.mark.parametrize("rate", [1e-3, 0.05, 0.5])
def test_each_example_is_sampled_with_the_rate_on_its_own(rate: float) -> None:
    """Sizes of 400 Poisson samples of 2,000 examples are binomial, and so is how often each one was drawn."""
    source = NoiseSource(KEY)
    samples = [source.poisson_sample(2000, rate) for _ in range(400)]
    sizes = np.array([sample.size for sample in samples])
    often = np.bincount(np.concatenate(samples), minlength=2000)
    for counts, trials in ((sizes, 2000), (often, 400)):
        spread = math.sqrt(trials * rate * (1 - rate))
        assert abs(counts.mean() - trials * rate) < 4 * spread / math.sqrt(counts.size)
        assert counts.std() == pytest.approx(spread, rel=0.2)
    assert all((np.diff(sample) > 0).all() for sample in samples)


def test_sampling_everything_takes_everything_and_more_than_a_block() -> None:
    """A rate of 1 is the whole data; samples of large data begin at 0 and end at the last example."""
    assert np.array_equal(NoiseSource(KEY).poisson_sample(100_001, 1.0), np.arange(100_001))
    drawn = NoiseSource(KEY).poisson_sample(1_000_000, 0.01)
    assert stats.kstest(drawn / 1_000_000, "uniform").pvalue > 0.01
