"""The Keras learner: what it takes, what it refuses, and that nothing half done stays."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from colearn_backends.keras import KerasLearner, limit_threads
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import MachineLearningInterface, ModelFormat, Weights
from colearn_chain.testing.conformance import LearnerConformance
from colearn_chain.weights import WeightsCodec

if TYPE_CHECKING:
    from collections.abc import Callable

limit_threads(1)

Arrays = dict[str, np.ndarray]
ACCURACY = "sparse_categorical_accuracy"


def blobs(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around three centres."""
    labels = np.arange(count) % 3
    points = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(4)[labels]
    return points.astype(np.float32), labels


def pipeline(seed: int = 0, count: int = 60, batch: int = 25) -> tf.data.Dataset:
    """Batches of blobs, the last one smaller."""
    return tf.data.Dataset.from_tensor_slices(blobs(count, seed)).batch(batch)


def compiled(model: Any, optimizer: Any = None, *, run_eagerly: bool = True) -> Any:
    """The model with a loss and a metric; a handful of steps is soonest done without being traced."""
    model.compile(
        keras.optimizers.Adam(0.05) if optimizer is None else optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[ACCURACY],
        run_eagerly=run_eagerly,
    )
    return model


def network(optimizer: Any = None, *between: Any) -> Any:
    """A small network that always begins at the same weights."""
    keras.utils.set_random_seed(3)
    hidden = keras.layers.Dense(8, activation="relu")
    layers = [keras.Input((4,)), hidden, *between, keras.layers.Dense(3)]
    return compiled(keras.Sequential(layers), optimizer)


@functools.cache
def shared_network() -> tuple[Any, list[np.ndarray]]:
    """A network with state of every kind, traced once for many learners, and its first weights."""
    model = network(None, keras.layers.BatchNormalization(), keras.layers.Dropout(0.1))
    return compiled(model, run_eagerly=False), model.get_weights()


def make(model: Any = None, **options: Any) -> KerasLearner:
    """A learner on three disjoint samples of the blobs."""
    if model is None:
        model, first = shared_network()
        model.set_weights(first)
    loaders = {"train_loader": pipeline(0), "vote_loader": pipeline(1), "test_loader": pipeline(2)}
    return KerasLearner(model, **{**loaders, **options})


def arrays(learner: KerasLearner) -> Arrays:
    """The current weights."""
    current: Arrays = learner.mli_get_current_weights().weights
    return current


def model_of(learner: KerasLearner) -> Any:
    """The current model."""
    return learner.mli_get_current_model().model


def same(left: Arrays, right: Arrays) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def shifted(learner: KerasLearner, by: float) -> Weights:
    """The current weights with something added to all of them."""
    return Weights(weights={name: array + np.float32(by) for name, array in arrays(learner).items()})


class Interrupter(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises in the middle of a training or an evaluation, when it is told to."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error: BaseException | None = error

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Fail after the first step."""
        self._fail()

    def on_test_batch_end(self, *_: Any, **__: Any) -> None:
        """Fail after the first batch."""
        self._fail()

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class TestPlain(LearnerConformance):
    """What every learner has to do right."""

    @pytest.fixture
    def learner(self) -> MachineLearningInterface:
        """A learner of a network with moving averages and dropout."""
        return make()


class Unnamed(keras.layers.Layer):  # type: ignore[misc]
    """Adds a vector to which its author gave no name."""

    def build(self, shape: Any) -> None:
        """Make the vector."""
        self.vector = self.add_weight(shape=shape[1:])

    def call(self, inputs: Any) -> Any:
        """Add it."""
        return inputs + self.vector


def test_names_do_not_depend_on_what_else_a_process_made() -> None:
    """Keras numbers layers and unnamed weights on; names of weights that are exchanged stay the same."""
    models = [network(None, Unnamed(), keras.layers.BatchNormalization()) for _ in range(2)]
    assert models[0].weights[2].name != models[1].weights[2].name
    first, second = (make(model) for model in models)
    assert list(arrays(first)) == [
        "0000.kernel",
        "0001.bias",
        "0002.variable",
        "0003.gamma",
        "0004.beta",
        "0005.moving_mean",
        "0006.moving_variance",
        "0007.kernel",
        "0008.bias",
    ]
    second.mli_accept_weights(first.mli_propose_weights())


def test_moving_averages_travel_and_seeds_do_not() -> None:
    """A proposal holds what BatchNorm learned of its inputs; the state of dropout is nobody's business."""
    learner = make()
    before, proposed = arrays(learner), learner.mli_propose_weights().weights
    assert not np.array_equal(before["0004.moving_mean"], proposed["0004.moving_mean"])
    assert not any("seed" in name for name in proposed)


def test_scores_are_means_over_samples() -> None:
    """Also where the last batch is smaller, and whatever the size of a batch is."""
    points, labels = blobs(seed=1)
    for batch in (7, 25, 60):
        learner = make(vote_loader=pipeline(1, batch=batch), test_loader=pipeline(1, batch=batch))
        learner.mli_accept_weights(learner.mli_propose_weights())
        tested = learner.mli_test_weights(learner.mli_get_current_weights())
        logits = model_of(learner)(points).numpy()
        chosen = logits[np.arange(60), labels] - np.log(np.exp(logits).sum(axis=1))
        assert tested.vote_score == pytest.approx(-chosen.mean(), rel=1e-5)
        assert tested.test_score == tested.vote_score


def test_a_shuffled_pipeline_does_not_let_chance_vote() -> None:
    """The sample is drawn once: a model scores the same today and after many others were tested."""
    shuffled = pipeline(1, batch=1).unbatch().shuffle(60).batch(10)
    learner = make(vote_loader=shuffled, test_loader=shuffled, model_evaluate_kwargs={"steps": 2})
    proposal = learner.mli_propose_weights()
    first = learner.mli_test_weights(proposal)
    for number in range(10):
        learner.mli_test_weights(shifted(learner, number))
    again = learner.mli_test_weights(proposal)
    assert (again.vote_score, again.test_score) == (first.vote_score, first.test_score)
    assert first.test_score != first.vote_score


def test_a_proposal_that_improves_is_approved_and_the_unchanged_model_is_not() -> None:
    """By the loss, and by a metric that is to grow."""
    for options in ({}, {"criterion": ACCURACY, "minimise_criterion": False}):
        learner = make(model_fit_kwargs={"epochs": 4}, **options)
        assert learner.criterion == options.get("criterion", "loss")
        proposal = learner.mli_propose_weights()
        assert learner.mli_test_weights(proposal).vote
        assert not learner.mli_test_weights(learner.mli_get_current_weights()).vote
        learner.mli_accept_weights(proposal)
        assert not learner.mli_test_weights(proposal).vote
    assert not make(vote_margin=10.0).mli_test_weights(proposal).vote


def test_adopting_what_was_tested_costs_no_second_evaluation() -> None:
    """One evaluation of the vote and one of the test sample, for testing and adopting together."""
    started: list[Any] = []

    class Counter(keras.callbacks.Callback):  # type: ignore[misc]
        def on_test_begin(self, logs: Any = None) -> None:
            started.append(logs)

    learner = make(model_evaluate_kwargs={"callbacks": [Counter()]})
    proposal = learner.mli_propose_weights()
    started.clear()
    learner.mli_test_weights(proposal)
    learner.mli_accept_weights(proposal)
    learner.mli_test_weights(proposal)
    assert len(started) == 2


def test_without_a_vote_loader_votes_are_about_the_test_data() -> None:
    """As in the older call; there is then no score that votes do not depend on."""
    older, newer = make(vote_loader=None), make(vote_loader=pipeline(2))
    proposal = newer.mli_propose_weights()
    tested = older.mli_test_weights(proposal)
    assert tested.vote_score == newer.mli_test_weights(proposal).vote_score
    assert math.isnan(tested.test_score)


def test_without_a_test_loader_the_test_score_is_nan() -> None:
    """And the vote is what it is with one."""
    bare, full = make(test_loader=None), make()
    tested = bare.mli_test_weights(bare.mli_get_current_weights())
    assert math.isnan(tested.test_score)
    assert tested.vote_score == full.mli_test_weights(full.mli_get_current_weights()).vote_score


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.05),
    "nadam": lambda: keras.optimizers.Nadam(0.05),
    "averaged": lambda: keras.optimizers.Adam(0.05, use_ema=True, ema_overwrite_frequency=2),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05)),
    "scheduled": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_each_proposal_begins_with_a_fresh_optimizer(optimizer: Callable[[], Any]) -> None:
    """It is what Keras itself comes to with a newly compiled model, each time; a schedule begins anew."""
    direct = network(optimizer())
    direct.fit(pipeline(), shuffle=False, verbose=0)
    learner = make(network(optimizer()))
    for _ in range(2):
        proposed = learner.mli_propose_weights().weights
        for ours, expected in zip(proposed.values(), direct.get_weights(), strict=True):
            assert np.array_equal(ours, expected)


def test_a_kept_optimizer_goes_on() -> None:
    """Two adopted proposals of one epoch are then one training of two epochs."""
    direct = network()
    direct.fit(pipeline(), shuffle=False, verbose=0, epochs=2)
    learner = make(network(), need_reset_optimizer=False)
    for _ in range(2):
        learner.mli_accept_weights(learner.mli_propose_weights())
    for ours, expected in zip(arrays(learner).values(), direct.get_weights(), strict=True):
        assert np.array_equal(ours, expected)


def test_an_optimizer_that_was_used_before_begins_fresh() -> None:
    """A model that was trained elsewhere brings weights and not what its optimizer remembers of then."""
    used, new = network(), network()
    used.fit(pipeline(5), shuffle=False, verbose=0)
    new.set_weights(used.get_weights())
    assert same(make(used).mli_propose_weights().weights, make(new).mli_propose_weights().weights)


class Nameless(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule that does not say how it is made."""

    def __call__(self, step: Any) -> Any:
        """Fall with each step."""
        return 0.1 / (1.0 + keras.ops.cast(step, "float32"))


def test_an_optimizer_that_cannot_be_made_anew_is_taken_new_only() -> None:
    """Nobody needs its configuration before it was used; after, the error says what to do."""
    model = network(keras.optimizers.SGD(Nameless()))
    make(model).mli_propose_weights()
    model.fit(pipeline(), shuffle=False, verbose=0)
    with pytest.raises(ConfigError, match="need_reset_optimizer=False"):
        make(model)
    make(model, need_reset_optimizer=False)


def test_a_learning_rate_set_by_hand_is_kept_and_one_set_by_a_callback_is_not() -> None:
    """Who tunes between rounds is heard; what training does to the rate is part of the optimizer's state."""
    model = network(keras.optimizers.SGD(0.1))

    class Slow(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, *_: Any, **__: Any) -> None:
            model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 2

    learner = make(model, model_fit_kwargs={"callbacks": [Slow()]})
    learner.mli_propose_weights()
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
    model.optimizer.learning_rate = 1e-7
    before, proposed = arrays(learner), learner.mli_propose_weights().weights
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-7)
    assert np.abs(before["0000.kernel"] - proposed["0000.kernel"]).max() < 1e-5


def test_proposals_do_not_compile_the_model_again() -> None:
    """Python code of a layer runs while a step is traced, and never after."""
    traces = []

    class Counts(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            traces.append(inputs.shape)
            return inputs

    learner = make(compiled(network(None, Counts()), run_eagerly=False))
    for _ in range(2):
        learner.mli_accept_weights(learner.mli_propose_weights())
    known = len(traces)
    for _ in range(3):
        learner.mli_accept_weights(learner.mli_propose_weights())
    assert len(traces) == known


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(
    "error", [OSError("disk full"), KeyboardInterrupt("ctrl-c")], ids=["error", "interrupt"]
)
def test_training_that_breaks_half_way_leaves_everything(error: BaseException, keep: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Weights, the model and its optimizer are what they were; the next proposal is as if nothing was."""
    breaker = Interrupter(error)
    model = network()
    learner = make(model, model_fit_kwargs={"callbacks": [breaker]}, need_reset_optimizer=not keep)
    before, inside = arrays(learner), model.get_weights()
    expected: Any = LearnerError if isinstance(error, Exception) else KeyboardInterrupt
    with pytest.raises(expected, match=str(error)):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)
    assert all(map(np.array_equal, model.get_weights(), inside))
    assert int(model.optimizer.iterations) == 0
    breaker.error = None
    assert same(learner.mli_propose_weights().weights, make(network()).mli_propose_weights().weights)


def test_a_pipeline_that_breaks_leaves_everything() -> None:
    """A file that cannot be read any more, say; what TensorFlow adds to the error may quote data."""
    files = {"readable": True}

    def read() -> Any:
        points, labels = blobs()
        yield points[:25], labels[:25]
        if not files["readable"]:
            raise ValueError(f"secret {labels[0]}")
        yield points[25:], labels[25:]

    loader = tf.data.Dataset.from_generator(read, output_signature=pipeline().element_spec)
    learner = make(train_loader=loader.apply(tf.data.experimental.assert_cardinality(2)))
    before = arrays(learner)
    files["readable"] = False
    with pytest.raises(LearnerError, match=r"training failed: \w+Error$"):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)


def test_an_evaluation_that_breaks_half_way_leaves_everything() -> None:
    """Neither weights nor model are left with what was tested, and no score of it is remembered."""
    breaker = Interrupter(OSError("disk full"))
    error, breaker.error = breaker.error, None
    learner = make(model_evaluate_kwargs={"callbacks": [breaker]})
    before, other = arrays(learner), shifted(learner, 0.1)
    model, _ = shared_network()
    for call in (learner.mli_test_weights, learner.mli_accept_weights):
        breaker.error = error
        with pytest.raises(LearnerError, match="the evaluation failed: OSError: disk full"):
            call(other)
        assert same(arrays(learner), before)
        assert all(map(np.array_equal, model.get_weights(), before.values()))
    breaker.error = None
    assert math.isfinite(learner.mli_test_weights(other).vote_score)


def test_training_that_diverges_is_an_error() -> None:
    """Weights that are no numbers are not proposed."""
    learner = make(network(keras.optimizers.SGD(1e30)), model_fit_kwargs={"epochs": 3})
    before = arrays(learner)
    with pytest.raises(LearnerError, match="diverged"):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)


def test_weights_that_overflow_are_not_approved() -> None:
    """Predictions that are NaN have an accuracy, too: that of always saying the first class."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3)(inputs)
    logits = keras.layers.Dense(3)(keras.layers.Subtract()([hidden, keras.layers.Dense(3)(inputs)]))
    learner = make(compiled(keras.Model(inputs, logits)), criterion=ACCURACY, minimise_criterion=False)
    tested = learner.mli_test_weights(shifted(learner, 3e38))
    assert math.isnan(tested.vote_score)
    assert tested.vote is False


def test_labels_out_of_range_are_not_quoted() -> None:
    """TensorFlow's error lists the labels of the batch, which are private."""
    points, labels = blobs()
    wrong = tf.data.Dataset.from_tensor_slices((points, labels + 4096)).batch(30)
    with pytest.raises(ConfigError, match="cannot be evaluated") as caught:
        make(vote_loader=wrong)
    assert "409" not in str(caught.value)


def test_nan_weights_score_nan_and_cannot_be_held() -> None:
    """A group that adopted NaN could not compare anything any more; even an accuracy is none then."""
    learner = make(criterion=ACCURACY)
    before, broken = arrays(learner), shifted(learner, math.nan)
    # a rectifier that TensorFlow has fused with the layer before makes a zero of NaN
    hidden = Weights(weights={**before, "0000.kernel": broken.weights["0000.kernel"]})
    for weights in (broken, hidden):
        tested = learner.mli_test_weights(weights)
        assert math.isnan(tested.vote_score)
        assert tested.vote is False
    with pytest.raises(InvalidWeights, match="not finite"):
        learner.mli_accept_weights(broken)
    assert same(arrays(learner), before)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("0000.kernel", lambda array: array[:, :-1]),
        ("0003.beta", lambda array: array.astype(np.float64)),
        ("0006.kernel", lambda array: array.tolist()),
        ("0007.bias", lambda array: array[:, None]),
        ("extra", lambda _: np.zeros(1)),
    ],
)
def test_wrong_weights_are_refused_by_name(name: str, spoil: Any) -> None:
    """A shape, a dtype, no array at all, one too many: the error says which, and nothing changes."""
    learner = make()
    before = arrays(learner)
    wrong = {**before, name: spoil(before.get(name))}
    for call in (learner.mli_test_weights, learner.mli_accept_weights):
        with pytest.raises(InvalidWeights, match=name):
            call(Weights(weights=wrong))
    with pytest.raises(InvalidWeights, match=name):
        learner.arrays_to_weights(wrong)
    assert same(arrays(learner), before)


def test_missing_weights_are_refused_by_name() -> None:
    """One too few is not enough."""
    learner = make()
    wrong = {name: array for name, array in arrays(learner).items() if name != "0003.beta"}
    with pytest.raises(InvalidWeights, match=r"0003\.beta"):
        learner.mli_accept_weights(Weights(weights=wrong))


def test_it_says_how_its_weights_become_arrays() -> None:
    """The learner is its own codec; both ways are copies in the machine's byte order."""
    learner = make()
    assert isinstance(learner, WeightsCodec)
    foreign = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in arrays(learner).items()}
    back = learner.arrays_to_weights(foreign)
    assert {array.dtype for array in back.values()} == {np.dtype("f4")}
    back["0000.kernel"][...] = 9
    assert same(learner.weights_to_arrays(foreign), arrays(learner))


def test_between_calls_the_model_has_the_current_weights() -> None:
    """Whoever keeps a hand on the model sees what the group agreed on."""
    model = network()
    learner = make(model)
    proposal = learner.mli_propose_weights()
    learner.mli_test_weights(proposal)
    assert all(map(np.array_equal, model.get_weights(), arrays(learner).values()))
    learner.mli_accept_weights(proposal)
    assert all(map(np.array_equal, model.get_weights(), proposal.weights.values()))


def test_learners_may_share_one_model() -> None:
    """Each has its own current weights, whoever used the model last."""
    model = network()
    first, second = make(model), make(model, train_loader=pipeline(5))
    first.mli_accept_weights(first.mli_propose_weights())
    assert not same(arrays(first), arrays(second))
    assert same(
        second.mli_propose_weights().weights,
        make(network(), train_loader=pipeline(5)).mli_propose_weights().weights,
    )


def test_the_current_model_is_a_copy() -> None:
    """It predicts with the current weights, and training it changes nothing here."""
    learner = make()
    learner.mli_accept_weights(learner.mli_propose_weights())
    before = arrays(learner)
    assert learner.mli_get_current_model().model_format is ModelFormat.NATIVE
    points, _ = blobs(seed=7)
    model = model_of(learner)
    assert np.array_equal(model(points), shared_network()[0](points))
    compiled(model).fit(pipeline(7), shuffle=False, verbose=0)
    assert same(arrays(learner), before)


class Subclassed(keras.Model):  # type: ignore[misc]
    """A model that is built when it first sees data."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(units, activation="relu")
        self.out = keras.layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        """Compute logits."""
        return self.out(self.hidden(inputs))


class Describable(Subclassed):
    """One that says how it is made."""

    def get_config(self) -> dict[str, Any]:
        """Return its arguments."""
        return {"units": self.hidden.units}

    def build_from_config(self, config: Any) -> None:
        """Leave that to the first data."""


def test_models_of_every_kind_are_taken() -> None:
    """Functional ones, subclassed ones, and those that are built when they first see data."""
    inputs = keras.Input((4,))
    functional = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dense(5)(inputs)))
    sequential = keras.Sequential([keras.layers.Dense(5), keras.layers.Dense(3)])
    points, _ = blobs(seed=7)
    for model in (functional, sequential, Describable(5)):
        learner = make(compiled(model))
        learner.mli_accept_weights(learner.mli_propose_weights())
        assert list(arrays(learner)) == ["0000.kernel", "0001.bias", "0002.kernel", "0003.bias"]
        assert np.array_equal(model_of(learner)(points), model(points))


def test_a_model_that_cannot_be_copied_can_be_trained() -> None:
    """Only the copy is refused, by the model's name."""
    learner = make(compiled(Subclassed(4)))
    assert learner.mli_test_weights(learner.mli_propose_weights()).vote
    with pytest.raises(LearnerError, match="copying subclassed"):
        learner.mli_get_current_model()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"criterion": "beauty"}, f"no criterion 'beauty'; there are loss, {ACCURACY}"),
        ({"model_fit_kwargs": {"epoch": 2}}, r"model_fit_kwargs cannot have epoch, only .*\bepochs\b"),
        ({"model_fit_kwargs": {"batch_size": 2}}, "model_fit_kwargs cannot have batch_size"),
        ({"model_evaluate_kwargs": {"step": 2}}, r"model_evaluate_kwargs cannot have step, only .*\bsteps\b"),
        ({"model_evaluate_kwargs": {"return_dict": False}}, "cannot have return_dict"),
        ({"model_evaluate_kwargs": {"steps": 0}}, "vote_loader has no batches"),
        ({"train_loader": blobs()}, "train_loader must be a tf.data.Dataset of batches, not tuple"),
        ({"vote_loader": [blobs()]}, "vote_loader must be a tf.data.Dataset of batches, not list"),
        ({"train_loader": pipeline().repeat()}, "train_loader repeats without end"),
        ({"vote_loader": pipeline().repeat()}, "vote_loader repeats without end"),
        ({"test_loader": pipeline().take(0)}, "test_loader has no batches"),
        ({"vote_loader": None, "test_loader": None}, "needs a vote_loader"),
        ({"vote_loader": pipeline().map(lambda x, y: (x[:, :3], y))}, "cannot be evaluated"),
        ({"vote_loader": pipeline().map(lambda x, y: (x, y, x[:, 0] * math.nan))}, "score 'loss' .* is NaN"),
        ({"vote_margin": -1.0}, "-1.0"),
        ({"model_format": ModelFormat.PICKLE_WEIGHTS_ONLY}, "NATIVE or ONNX"),
        ({"threads": 0}, "a thread at least, not 0"),
        ({"threads": 3}, r"already runs with 1 and cannot go to 3 any more; call limit_threads\(3\) before"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], complaint: str) -> None:
    """Everything that does not fit is named before anything is trained."""
    with pytest.raises(ConfigError, match=complaint):
        make(**options)


def test_endless_pipelines_are_fine_where_steps_are_said() -> None:
    """For training by ``steps_per_epoch``, for votes by ``steps``."""
    learner = make(
        train_loader=pipeline().repeat(),
        vote_loader=pipeline(1).repeat(),
        model_fit_kwargs={"steps_per_epoch": 2},
        model_evaluate_kwargs={"steps": 3},
        threads=1,
    )
    assert learner.mli_test_weights(learner.mli_propose_weights()).vote


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), "compile it first"),
        (object, "builtins.object is no keras.Model"),
        (lambda: network(None, keras.layers.Normalization(name="scale")), "layer 'scale' normalizes by what"),
        (
            lambda: network(None, keras.layers.Dense(4, dtype="bfloat16")),
            "cannot be exchanged: .*0002.kernel.* bfloat16",
        ),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(model: Callable[[], Any], complaint: str) -> None:
    """The error names the model, the layer or the weight."""
    with pytest.raises(ConfigError, match=complaint):
        make(model())


IN_A_FRESH_PROCESS = """
import sys
from colearn_backends.keras import limit_threads
limit_threads(1)
import keras, numpy as np, tensorflow as tf
from colearn_backends.keras import KerasLearner
from colearn_backends.privacy import PrivacyLedger
from colearn_chain.ml_interface import DiffPrivConfig
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
model.compile("sgd", "mse")
data = tf.data.Dataset.from_tensor_slices((np.ones((8, 2), "f4"), np.ones((8, 3), "f4"))).batch(4)
config = DiffPrivConfig(target_epsilon=9, target_delta=0.01, max_grad_norm=1, noise_multiplier=1)
learner = KerasLearner(model, data, data, diff_priv_config=config, privacy_ledger=PrivacyLedger.in_memory())
proposal = learner.mli_propose_weights()
print(",".join(proposal.weights), learner.mli_test_weights(proposal).vote is not None, "torch" in sys.modules)
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


def test_a_fresh_process_agrees_on_names_and_needs_no_torch() -> None:
    """Private training with one thread, in a process that made nothing else."""
    done = subprocess.run(  # noqa: S603 - this interpreter, with the text above
        [
            sys.executable,
            "-I",
            "-W",
            "error",
            "-c",
            f"import sys; sys.path[:0] = {sys.path}\n{IN_A_FRESH_PROCESS}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == ["0000.kernel,0001.bias", "True", "False", "1"], done.stderr
