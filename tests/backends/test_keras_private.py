"""Private training with Keras: what is clipped, what noise covers, what it costs, and what is refused."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from colearn_backends.keras import KerasLearner, limit_threads
from colearn_backends.keras_private import PrivateTraining
from colearn_backends.privacy import Mechanism, Plan, PrivacyLedger
from colearn_chain.errors import ConfigError, LearnerError
from colearn_chain.ml_interface import DiffPrivConfig, ErrorCodes, MachineLearningInterface, Weights
from colearn_chain.testing.conformance import LearnerConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

limit_threads(1)

layers = keras.layers


def config(**changes: float) -> DiffPrivConfig:
    """Little noise and a budget that is hard to spend."""
    known = {"target_epsilon": 1e4, "target_delta": 1e-5, "max_grad_norm": 1.0, "noise_multiplier": 0.5}
    return DiffPrivConfig(**{**known, **changes})


def blobs(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around three centres."""
    labels = np.arange(count) % 3
    points = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(4)[labels]
    return points.astype(np.float32), labels


def pipeline(seed: int = 0, count: int = 60, batch: int = 20) -> tf.data.Dataset:
    """Batches of blobs."""
    return tf.data.Dataset.from_tensor_slices(blobs(count, seed)).batch(batch)


def compiled(model: Any, optimizer: Any = None, loss: Any = None) -> Any:
    """The model with an optimizer and a loss; only private training traces its steps."""
    model.compile(
        keras.optimizers.SGD(1.0) if optimizer is None else optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True) if loss is None else loss,
        run_eagerly=True,
    )
    return model


def network(optimizer: Any = None, *between: Any) -> Any:
    """A small network that always begins at the same weights."""
    keras.utils.set_random_seed(3)
    stack = [keras.Input((4,)), layers.Dense(8, activation="relu"), *between, layers.Dense(3)]
    return compiled(keras.Sequential(stack), optimizer)


def make(model: Any = None, **options: Any) -> KerasLearner:
    """A private learner on three disjoint samples of the blobs."""
    known: dict[str, Any] = {
        "train_loader": pipeline(0),
        "vote_loader": pipeline(1),
        "test_loader": pipeline(2),
        "diff_priv_config": config(),
        "privacy_ledger": PrivacyLedger.in_memory(),
    }
    return KerasLearner(network() if model is None else model, **{**known, **options})


def training(model: Any, *data: Any, batch: int = 4, **options: Any) -> PrivateTraining:
    """Private training of a model on arrays, its optimizer built."""
    loader = tf.data.Dataset.from_tensor_slices(data).batch(batch)
    model.evaluate(loader, verbose=0)
    model.optimizer.build(model.trainable_variables)
    return PrivateTraining(model, loader, config(), PrivacyLedger.in_memory(), **options)


def rows(*numbers: int) -> np.ndarray:
    """Numbers of examples."""
    return np.array(numbers, np.intp)


def norm(arrays: Sequence[np.ndarray]) -> float:
    """The L2 norm of all arrays together."""
    return math.sqrt(sum(float(np.square(array).sum()) for array in arrays))


class TestPrivate(LearnerConformance):
    """What every learner has to do right."""

    @pytest.fixture
    def learner(self) -> MachineLearningInterface:
        """A private learner."""
        return make()


def clipped_one_by_one(model: Any, examples: list[Any]) -> list[np.ndarray]:
    """The sum of clipped gradients, computed without any vectorization."""
    total = [np.zeros(each.shape, np.float32) for each in model.trainable_variables]
    for x, y, weight in examples:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), weight, training=True)
        found = [
            tf.convert_to_tensor(each).numpy() for each in tape.gradient(loss, model.trainable_variables)
        ]
        total = [one + each * min(1.0, 1.0 / norm(found)) for one, each in zip(total, found, strict=True)]
    return total


def pictures() -> tuple[Any, tuple[Any, ...]]:
    """A convolutional network with penalties of weights and of activities, and pictures with weights."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l2"),
            layers.GroupNormalization(3),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activity_regularizer="l2"),
        ]
    )
    rng = np.random.default_rng(0)
    data = (rng.normal(size=(6, 8, 8, 1)).astype("f4"), np.arange(6) % 3, np.linspace(0, 2, 6).astype("f4"))
    return compiled(model), data


def sentences() -> tuple[Any, tuple[Any, ...]]:
    """An embedding with a mask, whose gradients are sparse, and an unrolled recurrent layer."""
    embedding, recurrent = layers.Embedding(7, 3, mask_zero=True), layers.LSTM(2, unroll=True)
    model = keras.Sequential([keras.Input((3,), dtype="int32"), embedding, recurrent, layers.Dense(3)])
    padded = np.array([[1, 2, 0], [3, 0, 0], [4, 5, 6], [1, 1, 0], [2, 0, 0], [6, 3, 0]])
    return compiled(model), (padded, np.arange(6) % 3, np.full(6, 0.5, "f4"))


def several_inputs() -> tuple[Any, tuple[Any, ...]]:
    """Inputs by name and an error far above the norm."""
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((2,), name="b")}
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([inputs["a"], inputs["b"]])))
    rng = np.random.default_rng(0)
    features = {"a": rng.normal(size=(6, 3)).astype("f4"), "b": rng.normal(size=(6, 2)).astype("f4")}
    return compiled(model, loss="mse"), (features, np.full((6, 1), 50, "f4"), np.ones(6, "f4"))


@pytest.mark.parametrize("case", [pictures, sentences, several_inputs])
def test_the_sum_is_that_of_clipped_gradients_one_by_one(
    case: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Convolutions, sparse gradients, masks, penalties, sample weights, several inputs; nothing is logged."""
    model, data = case()
    private = training(model, *data)
    some = [tf.nest.map_structure(lambda array, row=row: array[row : row + 1], data) for row in (5, 3, 2, 0)]
    for chosen in (4, 1):
        sums = private.clipped_sum(rows(5, 3, 2, 0)[:chosen])
        for ours, expected in zip(sums, clipped_one_by_one(model, some[:chosen]), strict=True):
            assert np.allclose(ours, expected, rtol=0, atol=1e-5)
    assert not caplog.records


class OfTwenty(keras.layers.Layer):  # type: ignore[misc]
    """Wants twenty examples at a time."""

    def call(self, inputs: Any) -> Any:
        """Change nothing."""
        return keras.ops.reshape(inputs, (20, 8))


def test_a_model_that_takes_no_single_example_is_refused_with_advice() -> None:
    """Its gradients cannot be told apart; what usually helps is said besides."""
    with pytest.raises(
        ConfigError, match=r"one example at a time \(a recurrent layer may need unroll=True\): \w+"
    ):
        make(network(None, OfTwenty()))


def test_no_example_moves_the_sum_by_more_than_the_norm() -> None:
    """With it or without it, for every single one, however large its own gradient is."""
    model, data = several_inputs()
    private = training(model, *data)
    everybody = private.clipped_sum(np.arange(6))
    for left_out in range(6):
        without = private.clipped_sum(np.delete(np.arange(6), left_out))
        difference = norm([one - other for one, other in zip(everybody, without, strict=True)])
        assert difference == pytest.approx(1.0, abs=1e-4)


def test_a_large_sample_in_parts_is_the_same_sum() -> None:
    """Memory is bounded, at worst by one example at a time."""
    model, data = several_inputs()
    whole, parts = training(model, *data), training(model, *data, part_bytes=1)
    for one, other in zip(whole.clipped_sum(np.arange(6)), parts.clipped_sum(np.arange(6)), strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-6)


def test_averaged_weights_are_what_is_proposed() -> None:
    """With an average that never moves, two steps end where the first one did, as they do in ``fit``."""
    still = {"use_ema": True, "ema_momentum": 1.0}
    once, twice = (
        make(
            network(keras.optimizers.SGD(1.0, **still)),
            train_loader=pipeline(batch=60),
            diff_priv_config=config(noise_multiplier=0.01, target_epsilon=1e9),
            model_fit_kwargs={"epochs": epochs},
        )
        for epochs in (1, 2)
    )
    first, second = (learner.mli_propose_weights().weights for learner in (once, twice))
    assert max(np.abs(first[name] - second[name]).max() for name in first) < 0.01


def test_samples_of_any_size_share_one_trace_and_an_empty_one_is_zero() -> None:
    """Python code of a layer runs while a step is traced, and never after."""
    traces = []

    class Counts(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            traces.append(inputs.shape)
            return inputs

    private = training(network(None, Counts()), *blobs())
    known = len(traces)
    for size in (1, 7, 60):
        assert norm(private.clipped_sum(np.arange(size))) > 0
    assert norm(private.clipped_sum(rows())) == 0
    private.train(2)
    assert len(traces) == known


def test_a_step_is_the_clipped_sum_and_noise_over_the_expected_size() -> None:
    """At a sampling rate of 1 and next to no noise, plain gradient descent says what was applied."""
    for optimizer in (keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0, loss_scale_factor=1024.0)):
        model = network(optimizer)
        learner = make(
            model,
            train_loader=pipeline(batch=60),
            diff_priv_config=config(noise_multiplier=0.01, target_epsilon=1e9),
        )
        points, labels = blobs()
        some = [(points[row : row + 1], labels[row : row + 1], None) for row in range(60)]
        expected = clipped_one_by_one(model, some)
        before, after = learner.mli_get_current_weights().weights, learner.mli_propose_weights().weights
        for name, gradient in zip(before, expected, strict=True):
            assert np.abs(before[name] - after[name] - gradient / 60).max() < 8 * 0.01 / 60


@functools.cache
def only_noise() -> tuple[np.ndarray, np.ndarray]:
    """What two proposals from the same seeds change where no example has any gradient, in expected steps."""
    changes = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        model = compiled(
            keras.Sequential([keras.Input((100,)), layers.Dense(100, use_bias=False)]), loss="mse"
        )
        empty = tf.data.Dataset.from_tensor_slices(tuple(np.zeros((40, 100), "f4") for _ in range(2))).batch(
            10
        )
        learner = make(
            model,
            train_loader=empty,
            vote_loader=empty,
            test_loader=None,
            model_fit_kwargs={"steps_per_epoch": 1},
            diff_priv_config=config(max_grad_norm=3.0, noise_multiplier=2.0),
        )
        before, after = learner.mli_get_current_weights(), learner.mli_propose_weights()
        changes.append((after.weights["0000.kernel"] - before.weights["0000.kernel"]) * 10)
    return changes[0], changes[1]


def test_the_noise_is_as_large_as_configured() -> None:
    """Its standard deviation over the sum is multiplier times norm: 6, over 10,000 weights."""
    first, _ = only_noise()
    assert first.std() == pytest.approx(6.0, rel=0.05)
    assert abs(first.mean()) < 0.3


def test_known_seeds_do_not_tell_the_noise() -> None:
    """Whoever knows what the user's script gave to the framework's generators knows nothing."""
    first, second = only_noise()
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_it_learns() -> None:
    """A dozen private steps, and another learner's vote is won."""
    learner = make(model_fit_kwargs={"epochs": 4}, diff_priv_config=config(max_grad_norm=0.5))
    proposal = learner.mli_propose_weights()
    assert make().mli_test_weights(proposal).vote


def test_a_learner_says_on_which_terms_it_trains() -> None:
    """So that an experiment can hold it against its own."""
    assert make().diff_priv_config == config()
    assert make(diff_priv_config=None, privacy_ledger=None).diff_priv_config is None


def test_private_and_plain_learners_exchange_weights() -> None:
    """They have the same names; only what a proposal says of its training differs."""
    private = make(network(keras.optimizers.Adam(0.05)))
    options = {"diff_priv_config": None, "privacy_ledger": None}
    plain = make(network(keras.optimizers.Adam(0.05)), **options)
    ours, theirs = private.mli_propose_weights(), plain.mli_propose_weights()
    plain.mli_accept_weights(ours)
    private.mli_accept_weights(theirs)
    assert ours.weights.keys() == theirs.weights.keys()
    assert theirs.training_summary is None


def test_each_private_proposal_begins_with_a_fresh_optimizer() -> None:
    """Its step counter is where it was; a kept one goes on."""
    for reset, steps in ((True, 0), (False, 6)):
        model = network(keras.optimizers.Adam(0.01))
        learner = make(model, need_reset_optimizer=reset)
        for _ in range(2):
            learner.mli_propose_weights()
        assert int(model.optimizer.iterations) == steps


def test_steps_are_epochs_times_steps() -> None:
    """By default as many as the pipeline has batches; the ledger has them all."""
    for options, steps in (({}, 3), ({"epochs": 2, "steps_per_epoch": 5, "verbose": 0}, 10)):
        ledger, expected = PrivacyLedger.in_memory(), PrivacyLedger.in_memory()
        make(privacy_ledger=ledger, model_fit_kwargs=options).mli_propose_weights()
        expected.charge(Plan(Mechanism(noise_multiplier=0.5, sampling_rate=20 / 60), steps))
        assert ledger.epsilon(1e-5) == expected.epsilon(1e-5)


def spent(weights: Weights) -> float:
    """The epsilon that is said to be spent."""
    summary = weights.training_summary
    assert summary is not None
    assert summary.dp_budget is not None
    return summary.dp_budget.consumed_epsilon


def test_the_budget_spans_restarts(tmp_path: Path) -> None:
    """A learner that is made again on the same ledger goes on where the last one was, to the end."""
    ledger = tmp_path / "ledger"
    first = make(privacy_ledger=ledger)
    assert spent(first.mli_get_current_weights()) == 0
    once = spent(first.mli_propose_weights())
    assert spent(first.mli_get_current_weights()) == once > 0
    tight = config(target_epsilon=once * 1.2)
    again = make(privacy_ledger=PrivacyLedger(ledger), diff_priv_config=tight)
    assert spent(again.mli_get_current_weights()) == once
    shortened = again.mli_propose_weights()
    assert once < spent(shortened) <= once * 1.2
    refused = make(privacy_ledger=ledger, diff_priv_config=tight).mli_propose_weights()
    assert refused.weights is None
    assert refused.training_summary is not None
    assert refused.training_summary.error_code is ErrorCodes.DP_BUDGET_EXCEEDED
    assert spent(refused) == spent(shortened)


def test_a_ledger_from_a_backup_is_charged_what_was_published() -> None:
    """A learner learns from its own published proposal what its ledger has lost."""
    proposal = make().mli_propose_weights()
    published = proposal.training_summary
    assert published is not None
    assert published.dp_budget is not None
    restored = make()
    restored.charge_published(published.dp_budget)
    assert spent(restored.mli_get_current_weights()) >= spent(proposal)
    with pytest.raises(ConfigError, match="without a privacy budget"):
        make(diff_priv_config=None, privacy_ledger=None).charge_published(published.dp_budget)


class Fails(keras.optimizers.SGD):  # type: ignore[misc]
    """An optimizer that breaks at its first step."""

    def update_step(self, *_: Any) -> None:
        """Fail."""
        raise OSError("disk full")


def test_training_that_breaks_half_way_stays_paid(tmp_path: Path) -> None:
    """What was charged before it is never handed back, and the weights are what they were."""
    learner = make(network(Fails(0.1)), privacy_ledger=tmp_path / "ledger")
    before = learner.mli_get_current_weights().weights
    with pytest.raises(LearnerError, match="disk full"):
        learner.mli_propose_weights()
    assert spent(learner.mli_get_current_weights()) > 0
    after = learner.mli_get_current_weights().weights
    assert all(np.array_equal(before[name], after[name]) for name in before)


class Remembers(keras.layers.Layer):  # type: ignore[misc]
    """Keeps a mean of what it has seen, as a BatchNormalization by another name would."""

    def build(self, shape: Any) -> None:
        """Make the mean."""
        self.mean = self.add_weight(shape=shape[1:], name="seen", initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        """Update it."""
        self.mean.assign(keras.ops.mean(inputs, axis=0))
        return inputs


class OwnStep(keras.Sequential):  # type: ignore[misc]
    """A model with its own idea of training."""

    def train_step(self, data: Any) -> Any:
        """Train as usual."""
        return super().train_step(data)


def nested(layer: Any) -> Any:
    """A model inside a model, with a layer in it."""
    return network(None, keras.Sequential([keras.Input((8,)), layer]))


def own_step() -> Any:
    """A model with a train_step of its own."""
    return compiled(OwnStep([keras.Input((4,)), layers.Dense(3)]))


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (lambda: nested(layers.BatchNormalization(name="secret_mean")), "layer 'secret_mean' is a BatchNorm"),
        (lambda: network(None, Remembers()), "seen"),
        (own_step, "OwnStep has a train_step of its own"),
    ],
)
def test_models_that_noise_does_not_cover_are_refused_by_name(
    model: Callable[[], Any], complaint: str
) -> None:
    """Nothing may leave the private data but through gradients; nothing was charged for finding out."""
    ledger = PrivacyLedger.in_memory()
    with pytest.raises(ConfigError, match=complaint):
        make(model(), privacy_ledger=ledger)
    assert ledger.epsilon(1e-5) == 0


def test_a_frozen_batch_normalization_is_fine() -> None:
    """It uses its averages and takes no new ones."""
    model = network(None, layers.BatchNormalization(trainable=False))
    learner = make(model)
    before, after = learner.mli_get_current_weights().weights, learner.mli_propose_weights().weights
    assert np.array_equal(before["0004.moving_mean"], after["0004.moving_mean"])
    assert not np.array_equal(before["0000.kernel"], after["0000.kernel"])


def test_dropout_draws_new_masks() -> None:
    """The sums over the same examples differ from step to step."""
    private = training(network(None, layers.Dropout(0.5)), *blobs())
    first, second = (private.clipped_sum(np.arange(60)) for _ in range(2))
    assert norm([one - other for one, other in zip(first, second, strict=True)]) > 0


def ragged_examples() -> tf.data.Dataset:
    """Batches whose pictures have different sizes."""
    parts = [np.zeros((2, size), "f4") for size in (4, 5)]
    signature = (tf.TensorSpec((None, None)), tf.TensorSpec((None,), tf.int64))
    return tf.data.Dataset.from_generator(
        lambda: ((x, np.zeros(2, "i8")) for x in parts), output_signature=signature
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"privacy_ledger": None}, "diff_priv_config and privacy_ledger go together"),
        ({"diff_priv_config": None}, "diff_priv_config and privacy_ledger go together"),
        ({"model_fit_kwargs": {"callbacks": []}}, "private training takes no callbacks"),
        ({"model_fit_kwargs": {"class_weight": {0: 2.0}}}, "private training takes no class_weight"),
        (
            {"train_loader": pipeline().repeat(), "model_fit_kwargs": {"steps_per_epoch": 2}},
            "the train_loader of private training repeats without end",
        ),
        ({"train_loader": ragged_examples()}, "examples of train_loader have different shapes"),
        ({"train_loader": pipeline().take(0)}, "train_loader has no batches"),
        ({"diff_priv_config": config(max_grad_norm=0.0)}, "max_grad_norm must be a finite number above 0"),
        ({"diff_priv_config": config(noise_multiplier=0.0)}, "a noise multiplier must be"),
        ({"diff_priv_config": config(target_delta=1.0)}, "delta must be between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], complaint: str) -> None:
    """Everything that does not fit is named before anything is trained or charged."""
    with pytest.raises(ConfigError, match=complaint):
        make(**options)
