"""The PyTorch learner: what it promises, what it refuses, and that nothing half done stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from colearn_backends.torch import PytorchLearner
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import MachineLearningInterface, ModelFormat, Weights
from colearn_chain.testing.conformance import LearnerConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Arrays = dict[str, np.ndarray]


def blobs(count: int = 60, seed: int = 0) -> TensorDataset:
    """Points around three centres."""
    labels = np.arange(count) % 3
    points = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(4)[labels]
    return TensorDataset(torch.tensor(points, dtype=torch.float32), torch.tensor(labels))


def loader(seed: int = 0, batch_size: int = 20, count: int = 60, **options: Any) -> DataLoader[Any]:
    """Batches of points."""
    return DataLoader(blobs(count, seed), batch_size, **options)


def perceptron(seed: int = 0, middle: nn.Module | None = None) -> nn.Sequential:
    """A small network."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), middle or nn.ReLU(), nn.Linear(6, 3))


def make(
    model: nn.Module | None = None,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    **options: Any,
) -> PytorchLearner:
    """A learner on three disjoint samples of points."""
    model = perceptron() if model is None else model
    known = {
        "train_loader": loader(0),
        "vote_loader": loader(1),
        "test_loader": loader(2),
        "criterion": nn.CrossEntropyLoss(),
    }
    return PytorchLearner(model, optimizer(model.parameters(), lr=0.05), **{**known, **options})


def arrays(learner: PytorchLearner) -> Arrays:
    """The current weights."""
    current: Arrays = learner.mli_get_current_weights().weights
    return current


def same(left: Arrays, right: Arrays) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def accuracy(outputs: Tensor, labels: Tensor) -> float:
    """The share of right answers."""
    return float((outputs.argmax(1) == labels).float().mean())


LEARNERS: dict[str, Callable[[], MachineLearningInterface]] = {
    "perceptron": make,
    "with-batch-norm": lambda: make(perceptron(middle=nn.BatchNorm1d(6))),
    "votes-by-accuracy": lambda: make(vote_criterion=accuracy, minimise_criterion=False),
    "keeps-its-optimizer": lambda: make(need_reset_optimizer=False),
    "shuffles": lambda: make(vote_loader=loader(1, shuffle=True), num_test_batches=2),
    "in-halves": lambda: make(
        perceptron().half(), torch.optim.SGD, train_loader=Halves(), vote_loader=Halves(), test_loader=None
    ),
}


class Halves:
    """Batches of 16-bit numbers."""

    def __iter__(self) -> Iterator[Any]:
        return ((points.half(), labels) for points, labels in loader())


@pytest.fixture(params=list(LEARNERS.values()), ids=list(LEARNERS))
def learner(request: pytest.FixtureRequest) -> MachineLearningInterface:
    """A fresh learner of each kind."""
    make_one: Callable[[], MachineLearningInterface] = request.param
    return make_one()


class TestConformance(LearnerConformance):
    """All of them keep the interface's promises."""


def test_training_improves_until_others_would_approve() -> None:
    """What one learner proposes, another one approves, and after adoption its test score has improved."""
    proposer, voter = make(), make(train_loader=loader(3), vote_loader=loader(4))
    before = voter.mli_test_weights(voter.mli_get_current_weights())
    tested = voter.mli_test_weights(proposer.mli_propose_weights())
    assert tested.vote
    assert tested.vote_score < before.vote_score
    assert tested.test_score < before.test_score


def test_without_a_test_loader_the_test_score_is_nan() -> None:
    """And the vote score is what it is with one."""
    alone, full = make(test_loader=None), make()
    weights = alone.mli_propose_weights()
    assert math.isnan(alone.mli_test_weights(weights).test_score)
    assert alone.mli_test_weights(weights).vote_score == full.mli_test_weights(weights).vote_score


def test_buffers_and_integers_travel() -> None:
    """BatchNorm's moving averages and its count of batches are part of the weights, as trained."""
    proposer, voter = (make(perceptron(middle=nn.BatchNorm1d(6))) for _ in range(2))
    proposal = proposer.mli_propose_weights()
    assert proposal.weights["1.num_batches_tracked"] == 3
    assert proposal.weights["1.num_batches_tracked"].dtype == np.int64
    assert not np.array_equal(proposal.weights["1.running_mean"], arrays(voter)["1.running_mean"])
    voter.mli_accept_weights(proposal)
    assert same(arrays(voter), proposal.weights)
    model = voter.mli_get_current_model().model
    assert isinstance(model, nn.Module)
    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == {
        name: array.shape for name, array in proposal.weights.items()
    }


class FailsAt:
    """A loader whose second batch is a failure."""

    def __init__(self, failure: BaseException) -> None:
        self.failure: BaseException | None = failure

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(loader()):
            if number == 1 and self.failure is not None:
                raise self.failure
            yield batch


class FailsForward(nn.Linear):
    """A layer that fails, or spoils its weights, in its second call in training."""

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.calls, self.spoils = 0, False

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute, and fail in the second call."""
        self.calls += self.training
        if self.training and self.calls == 2:
            if not self.spoils:
                raise OSError("told to fail")
            self.weight.data.fill_(math.nan)
        return super().forward(inputs)


@pytest.mark.parametrize("reset", [True, False])
def test_a_loader_that_fails_half_way_leaves_the_learner_as_it_was(reset: bool) -> None:  # noqa: FBT001 - a case
    """Weights and a kept optimizer are those of a learner to which nothing ever happened."""
    broken = FailsAt(OSError("told to fail"))
    learner, undisturbed = (
        make(train_loader=source, need_reset_optimizer=reset) for source in (broken, loader())
    )
    before = arrays(learner)
    with pytest.raises(LearnerError, match="training Sequential failed: told to fail"):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)
    broken.failure = None
    for _ in range(2):
        assert same(learner.mli_propose_weights().weights, undisturbed.mli_propose_weights().weights)


def test_an_interrupt_during_training_leaves_the_learner_and_is_not_swallowed() -> None:
    """Ctrl-C ends the program and does not become a proposal."""
    learner = make(train_loader=FailsAt(KeyboardInterrupt()))
    before = arrays(learner)
    with pytest.raises(KeyboardInterrupt):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)


def test_a_model_that_fails_half_way_leaves_the_learner() -> None:
    """A failure in the forward pass is a LearnerError that names the model."""
    learner = make(FailsForward())
    before = arrays(learner)
    with pytest.raises(LearnerError, match="training FailsForward failed: told to fail"):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)


def test_a_training_that_diverges_is_an_error() -> None:
    """Weights that are not finite are no proposal; the learner keeps what it has."""
    model = FailsForward()
    model.spoils = True
    learner = make(model)
    before = arrays(learner)
    with pytest.raises(LearnerError, match="training FailsForward diverged"):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)


def test_a_criterion_that_fails_in_a_test_leaves_the_learner() -> None:
    """A failure in a test is a LearnerError, and the current weights are what they were."""
    answers = iter([0.5, 0.5])
    learner = make(vote_criterion=lambda *_: next(answers))
    before = arrays(learner)
    with pytest.raises(LearnerError, match="scoring Sequential failed"):
        learner.mli_test_weights(learner.mli_propose_weights())
    assert same(arrays(learner), before)


def test_the_callers_model_and_optimizer_are_not_touched() -> None:
    """They are copied, so they can be handed to every learner."""
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(2):
        learner = PytorchLearner(model, optimizer, loader(), loader(1), criterion=nn.CrossEntropyLoss())
        learner.mli_accept_weights(learner.mli_propose_weights())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not optimizer.state
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_current_model_is_a_copy_in_the_modes_that_it_was_given_in() -> None:
    """What its owner does with it changes nothing; training and testing left no mode changed."""
    model = perceptron(middle=nn.Dropout(0.5))
    model[1].eval()
    learner = make(model)
    weights = learner.mli_propose_weights()
    learner.mli_test_weights(weights)
    learner.mli_accept_weights(weights)
    held = learner.mli_get_current_model()
    assert held.model_format is ModelFormat.NATIVE
    module: Any = held.model
    assert [part.training for part in module.modules()] == [True, True, False, True]
    assert same({name: tensor.numpy() for name, tensor in module.state_dict().items()}, weights.weights)
    with torch.no_grad():
        module[0].weight.zero_()
    assert same(arrays(learner), weights.weights)


def test_a_shuffled_vote_loader_never_approves_the_model_that_is_held() -> None:
    """Two batches of a shuffled loader are drawn once; else chance approves a third of identical models."""
    weights = make().mli_propose_weights()
    for seed in range(20):
        torch.manual_seed(seed)
        learner = make(vote_loader=loader(1, 8, shuffle=True), num_test_batches=2)
        assert not learner.mli_test_weights(learner.mli_get_current_weights()).vote
        learner.mli_accept_weights(weights)
        assert not learner.mli_test_weights(weights).vote


def test_scores_forgotten_and_measured_again_are_the_same() -> None:
    """The sample stays, however many other weights were tested meanwhile and whatever the loader does."""
    learner = make(vote_loader=loader(1, 8, shuffle=True), num_test_batches=2)
    first = arrays(learner)
    others = [{name: array + number for name, array in first.items()} for number in range(1, 20)]
    scores = [
        [learner.mli_test_weights(Weights(weights=each)).vote_score for each in others] for _ in range(2)
    ]
    assert scores[0] == scores[1]


def test_vote_samples_changed_by_the_caller_change_nothing() -> None:
    """A loader may hand out tensors of its own; the learner keeps copies."""
    points, labels = (tensor.clone() for tensor in blobs(60, 1).tensors)
    learner, weights = make(vote_loader=[(points, labels)]), make().mli_propose_weights()
    points.zero_()
    labels.zero_()
    assert learner.mli_test_weights(weights).vote_score == pytest.approx(
        make().mli_test_weights(weights).vote_score, rel=1e-5
    )


class AlwaysDrops(nn.Module):
    """Drops features in tests, too, as functional dropout does if it is not told otherwise."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Drop half of them."""
        return nn.functional.dropout(inputs, 0.5)


def test_a_model_that_draws_random_numbers_in_tests_has_repeatable_scores() -> None:
    """And testing changes nobody else's random numbers."""
    weights = make().mli_propose_weights()
    before = torch.get_rng_state()
    first, second = (make(perceptron(middle=AlwaysDrops())) for _ in range(2))
    torch.manual_seed(7)
    state = torch.get_rng_state()
    score = first.mli_test_weights(weights).vote_score
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    assert second.mli_test_weights(weights).vote_score == score
    torch.set_rng_state(before)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("batch_size", [1, 7, 16, 60, 100])
def test_the_loss_does_not_depend_on_the_batches(batch_size: int, reduction: str) -> None:
    """Single batches, ragged ones and all at once: the score is the mean over samples."""
    learner = make(vote_loader=loader(1, batch_size), criterion=nn.CrossEntropyLoss(reduction=reduction))
    points, labels = blobs(60, 1).tensors
    with torch.no_grad():
        expected = nn.functional.cross_entropy(perceptron()(points), labels)
    score = learner.mli_test_weights(learner.mli_get_current_weights()).vote_score
    assert score == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_of_weighted_classes_is_that_of_all_samples_together() -> None:
    """The weighted mean of a ragged batch is no mean of the batches' means."""
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([5.0, 1.0, 0.1]))
    ragged, whole = (make(vote_loader=loader(1, size), criterion=criterion) for size in (7, 60))
    weights = ragged.mli_propose_weights()
    scores = [learner.mli_test_weights(weights).vote_score for learner in (ragged, whole)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)


def test_only_batches_that_are_read_count() -> None:
    """With ``num_test_batches`` the score is that of the first ones, for votes as for tests."""
    learner = make(vote_loader=loader(1), test_loader=loader(1), num_test_batches=2)
    points, labels = (tensor[:40] for tensor in blobs(60, 1).tensors)
    with torch.no_grad():
        expected = float(nn.functional.cross_entropy(perceptron()(points), labels))
    tested = learner.mli_test_weights(learner.mli_get_current_weights())
    assert tested.vote_score == tested.test_score == pytest.approx(expected, rel=1e-5)


def test_a_vote_criterion_sees_all_outputs_and_labels() -> None:
    """At once and in the loader's order, so that it can be any measure of the whole sample."""
    seen: list[tuple[int, ...]] = []

    def measure(outputs: Tensor, labels: Tensor) -> float:
        seen.append((*outputs.shape, *labels.shape))
        assert torch.equal(labels, blobs(60, 1).tensors[1])
        return accuracy(outputs, labels)

    make(vote_loader=loader(1, 7), test_loader=None, vote_criterion=measure, minimise_criterion=False)
    assert seen == [(60, 3, 60)]


def test_a_higher_score_is_better_if_it_is_not_to_be_minimised() -> None:
    """The same weights are an improvement by accuracy one way round, and not the other."""
    weights = make().mli_propose_weights()
    for minimise in (True, False):
        learner = make(vote_criterion=accuracy, minimise_criterion=minimise)
        assert learner.mli_test_weights(weights).vote is not minimise


def test_a_margin_asks_for_more_than_a_bit() -> None:
    """An improvement below the margin is none."""
    weights = make().mli_propose_weights()
    assert make(vote_margin=0.01).mli_test_weights(weights).vote
    assert not make(vote_margin=5.0).mli_test_weights(weights).vote


def test_outputs_that_are_nan_are_a_score_of_nan() -> None:
    """Finite weights can overflow; the criterion need not know what to make of it."""

    def strict(outputs: Tensor, labels: Tensor) -> float:
        assert not outputs.isnan().any()
        return accuracy(outputs, labels)

    learner = make(perceptron(middle=nn.LogSoftmax(1)), vote_criterion=strict)
    huge = {name: np.full_like(array, 3e38) for name, array in arrays(learner).items()}
    tested = learner.mli_test_weights(Weights(weights=huge))
    assert math.isnan(tested.vote_score)
    assert tested.vote is False


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.Adagrad, torch.optim.SGD])
def test_each_proposal_begins_with_a_fresh_optimizer(optimizer: Any) -> None:
    """Also where an optimizer has state from the beginning, as Adagrad has."""
    learner = make(optimizer=optimizer)
    assert same(learner.mli_propose_weights().weights, learner.mli_propose_weights().weights)


def test_a_kept_optimizer_goes_on() -> None:
    """Two passes with a kept optimizer are one long one."""
    kept = make(need_reset_optimizer=False)
    for _ in range(2):
        kept.mli_accept_weights(kept.mli_propose_weights())
    model = perceptron()
    adam = torch.optim.Adam(model.parameters(), lr=0.05)
    for points, labels in [*loader(), *loader()]:
        adam.zero_grad()
        nn.functional.cross_entropy(model(points), labels).backward()  # type: ignore[no-untyped-call]
        adam.step()
    assert same(arrays(kept), {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()})


def test_an_optimizer_that_evaluates_several_times_works() -> None:
    """L-BFGS asks for the loss as often as it likes."""
    learner = make(optimizer=torch.optim.LBFGS)
    assert learner.mli_test_weights(learner.mli_propose_weights()).vote


def test_a_scheduler_around_the_callers_optimizer_does_not_train_the_callers_model() -> None:
    """It wraps the optimizer's step, and the wrapper must not be taken along."""
    model = perceptron()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    learner = PytorchLearner(model, optimizer, loader(), loader(1), criterion=nn.CrossEntropyLoss())
    assert same(
        learner.mli_propose_weights().weights, make(optimizer=torch.optim.SGD).mli_propose_weights().weights
    )
    assert same(
        arrays(learner), {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    )


def test_a_proposal_is_so_many_batches() -> None:
    """``num_train_batches`` bounds the pass, and a pass bounds it."""
    batch_norm = perceptron(middle=nn.BatchNorm1d(6))
    for wanted, trained in ((1, 1), (2, 2), (None, 3), (50, 3)):
        proposal = make(batch_norm, num_train_batches=wanted).mli_propose_weights()
        assert proposal.weights["1.num_batches_tracked"] == trained


def test_frozen_parameters_travel_and_stay() -> None:
    """What the optimizer does not have, or may not change, is proposed as it is."""
    model = perceptron()
    model[0].requires_grad_(False)
    proposal = make(model).mli_propose_weights().weights
    assert np.array_equal(proposal["0.weight"], model.state_dict()["0.weight"].numpy())
    assert not np.array_equal(proposal["2.weight"], model.state_dict()["2.weight"].numpy())


def foreign(change: Callable[[Arrays], object]) -> Weights:
    """A stranger's weights: the first ones of a learner with BatchNorm, changed."""
    weights = arrays(make(perceptron(middle=nn.BatchNorm1d(6))))
    change(weights)
    return Weights(weights=weights)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("2.bias"),
        lambda weights: weights.update({"_module.0.weight": weights.pop("0.weight")}),
        lambda weights: weights.update(more=np.zeros(1)),
        lambda weights: weights.update({"0.weight": np.zeros((4, 6), np.float32)}),
        lambda weights: weights.update({"0.weight": weights["0.weight"].astype(np.float64)}),
        lambda weights: weights.update({"1.num_batches_tracked": np.zeros((), np.int32)}),
        lambda weights: weights.update({"0.bias": [0.0] * 6}),
        lambda weights: weights.update({"0.bias": np.array([None] * 6)}),
        lambda weights: weights.update({3: np.zeros(1)}),
    ],
)
def test_foreign_weights_are_refused_before_any_is_loaded(change: Callable[[Arrays], object]) -> None:
    """Other names, shapes or types are InvalidWeights, and no score or weight changes."""
    learner = make(perceptron(middle=nn.BatchNorm1d(6)))
    before, wrong = arrays(learner), foreign(change)
    score = learner.mli_test_weights(learner.mli_get_current_weights()).vote_score
    for call in (learner.mli_test_weights, learner.mli_accept_weights):
        with pytest.raises(InvalidWeights):
            call(wrong)
    assert same(arrays(learner), before)
    assert learner.mli_test_weights(learner.mli_get_current_weights()).vote_score == score


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        """Both, one after the other."""
        outputs: Tensor = self.second(self.first(inputs).relu())
        return outputs[:, :3]


def test_one_tensor_under_two_names_has_one_value() -> None:
    """Tied weights are trained and travel; a stranger's that differ are refused, since one would be lost."""
    learner = make(Tied())
    proposal = learner.mli_propose_weights()
    assert np.array_equal(proposal.weights["first.weight"], proposal.weights["second.weight"])
    learner.mli_accept_weights(proposal)
    proposal.weights["second.weight"] += 1
    with pytest.raises(InvalidWeights, match=r"'first.weight' and 'second.weight' are one tensor"):
        learner.mli_accept_weights(proposal)


class Extra(nn.Linear):
    """Has state that is no tensor."""

    def get_extra_state(self) -> dict[str, int]:
        """Something."""
        return {"something": 1}

    def set_extra_state(self, state: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (perceptron().bfloat16(), r"'0.weight' is torch.bfloat16"),
        (nn.Linear(4, 3, dtype=torch.complex64), r"'weight' is torch.complex64"),
        (nn.LazyLinear(3), "'weight' has no shape yet"),
        (Extra(4, 3), "'_extra_state' in the model's state is a dict"),
        (nn.Identity(), "Identity has no weights"),
    ],
)
def test_a_state_that_cannot_travel_is_refused_by_name(model: nn.Module, reason: str) -> None:
    """When the learner is made, not when others cannot read its weights."""
    optimizer = torch.optim.SGD(perceptron().parameters())
    with pytest.raises(ConfigError, match=reason):
        PytorchLearner(model, optimizer, loader(), loader(), criterion=nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"criterion": None}, "criterion"),
        ({"num_train_batches": 0}, "num_train_batches must be at least 1"),
        ({"num_test_batches": -1}, "num_test_batches must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"vote_margin": math.nan}, "margin"),
        ({"vote_loader": []}, "vote_loader has no batches"),
        ({"test_loader": []}, "test_loader has no batches"),
        ({"vote_loader": [torch.zeros(3, 4)]}, "must be"),
        ({"vote_loader": [(torch.zeros(3, 4), [0, 1, 2])]}, "must be tensors, not Tensor and list"),
        ({"vote_loader": [(torch.zeros(3, 4), torch.zeros(2))]}, "3 inputs and 2 labels"),
        ({"vote_criterion": lambda *_: math.nan}, "vote score of the first weights is NaN"),
        ({"vote_loader": [(torch.zeros(3, 5), torch.zeros(3))]}, "first weights cannot be scored"),
        ({"privacy_ledger": "ledger"}, "diff_priv_config and privacy_ledger go together"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(options: dict[str, Any], reason: str) -> None:
    """When the learner is made, with a reason."""
    with pytest.raises(ConfigError, match=reason):
        make(**options)


def test_an_optimizer_of_another_model_is_refused() -> None:
    """It would train something else, and the learner would propose what it has."""
    other = torch.optim.SGD(perceptron().parameters())
    with pytest.raises(ConfigError, match="the SGD has parameters that are not of this Sequential"):
        PytorchLearner(perceptron(), other, loader(), loader(), criterion=nn.CrossEntropyLoss())


def test_nothing_to_train_on_is_no_proposal() -> None:
    """An empty loader is an error, and not the unchanged model."""
    with pytest.raises(LearnerError, match="no batches"):
        make(train_loader=[]).mli_propose_weights()


class Counts(nn.Linear):
    """Notes how many threads PyTorch has when it is called."""

    seen: set[int]

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute, and note."""
        Counts.seen.add(torch.get_num_threads())
        return super().forward(inputs)


@pytest.mark.parametrize("threads", [1, 3, None])
def test_threads_are_limited_while_the_learner_computes_and_only_then(threads: int | None) -> None:
    """In training and in tests, and after failures too, the process gets back what it had."""
    before, Counts.seen = torch.get_num_threads(), set()
    torch.set_num_threads(2)
    try:
        learner = make(Counts(4, 3), threads=threads)
        learner.mli_test_weights(learner.mli_propose_weights())
        assert Counts.seen == {threads or 2}
        assert torch.get_num_threads() == 2
        with pytest.raises(LearnerError):
            make(Counts(4, 3), threads=threads, train_loader=[]).mli_propose_weights()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
