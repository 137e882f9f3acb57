"""The PyTorch learner with differential privacy: what is trained, what it costs, what is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from opacus.accountants import RDPAccountant
from torch import Tensor, nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from colearn_backends.privacy import Mechanism, Plan, PrivacyLedger
from colearn_backends.torch import PytorchLearner
from colearn_backends.torch_private import PrivateExamples, PrivateTraining, clipped_sum
from colearn_backends.torch_training import Trainee
from colearn_chain.errors import ConfigError, LearnerError, StorageError
from colearn_chain.ml_interface import DiffPrivBudget, DiffPrivConfig, ErrorCodes, MachineLearningInterface
from colearn_chain.testing.conformance import LearnerConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DELTA = 1e-5
Arrays = dict[str, np.ndarray]


def blobs(count: int = 60, seed: int = 0) -> TensorDataset:
    """Points around three centres."""
    labels = np.arange(count) % 3
    points = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(4)[labels]
    return TensorDataset(torch.tensor(points, dtype=torch.float32), torch.tensor(labels))


def perceptron(middle: nn.Module | None = None) -> nn.Sequential:
    """A small network, always with the same first weights."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), middle or nn.ReLU(), nn.Linear(6, 3))


def config(**changes: float) -> DiffPrivConfig:
    """A budget that lasts for a while."""
    known = {"target_epsilon": 50.0, "target_delta": DELTA, "max_grad_norm": 1.0, "noise_multiplier": 1.0}
    return DiffPrivConfig(**{**known, **changes})


def make(model: nn.Module | None = None, optimizer: Any = torch.optim.SGD, **options: Any) -> PytorchLearner:
    """A private learner on three disjoint samples of points."""
    model = perceptron() if model is None else model
    known = {
        "train_loader": DataLoader(blobs(), 20),
        "vote_loader": DataLoader(blobs(60, 1), 20),
        "criterion": nn.CrossEntropyLoss(),
        "diff_priv_config": config(),
        "privacy_ledger": PrivacyLedger.in_memory(),
    }
    return PytorchLearner(model, optimizer(model.parameters(), lr=0.5), **{**known, **options})


def plain() -> PytorchLearner:
    """The same without privacy."""
    return make(diff_priv_config=None, privacy_ledger=None)


def arrays(learner: PytorchLearner) -> Arrays:
    """The current weights."""
    current: Arrays = learner.mli_get_current_weights().weights
    return current


def same(left: Arrays, right: Arrays) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def spent(learner: PytorchLearner) -> DiffPrivBudget:
    """What the learner says of its budget."""
    summary = learner.mli_get_current_weights().training_summary
    assert summary is not None
    assert summary.dp_budget is not None
    return summary.dp_budget


LEARNERS: dict[str, Callable[[], MachineLearningInterface]] = {
    "private": make,
    "keeps-its-optimizer": lambda: make(optimizer=torch.optim.Adam, need_reset_optimizer=False),
    "with-group-norm": lambda: make(perceptron(nn.GroupNorm(2, 6))),
    "with-nothing-left": lambda: make(diff_priv_config=config(target_epsilon=1e-6)),
}


@pytest.fixture(params=list(LEARNERS.values()), ids=list(LEARNERS))
def learner(request: pytest.FixtureRequest) -> MachineLearningInterface:
    """A fresh learner of each kind."""
    make_one: Callable[[], MachineLearningInterface] = request.param
    return make_one()


class TestConformance(LearnerConformance):
    """Private learners keep the interface's promises, too."""


def test_a_learner_says_on_which_terms_it_trains() -> None:
    """So that an experiment can hold it against its own."""
    assert make().diff_priv_config == config()
    assert plain().diff_priv_config is None


def test_private_training_learns_and_plain_learners_take_its_weights() -> None:
    """Names are those of the plain model, so that private and plain learners are of one group."""
    private, other = make(), plain()
    assert arrays(private).keys() == arrays(other).keys()
    for ours, theirs in ((private, other), (other, private)):
        proposal = ours.mli_propose_weights()
        assert theirs.mli_test_weights(proposal).vote
        theirs.mli_accept_weights(proposal)
        assert same(arrays(theirs), proposal.weights)


def whole_batch(model: nn.Module, data: TensorDataset, max_grad_norm: float, **options: Any) -> Arrays:
    """What one step with all examples and next to no noise subtracts from each weight, at a rate of 1."""
    learner = make(
        model,
        lambda parameters, **_: torch.optim.SGD(parameters, lr=1.0),
        train_loader=DataLoader(data, len(data)),
        vote_loader=DataLoader(data, len(data)),
        diff_priv_config=config(target_epsilon=1e9, max_grad_norm=max_grad_norm, noise_multiplier=0.01),
        **options,
    )
    before, after = arrays(learner), learner.mli_propose_weights().weights
    return {name: before[name] - after[name] for name in before}


def one_by_one(model: nn.Module, data: TensorDataset, max_grad_norm: float, criterion: Any) -> Arrays:
    """The same in plain sight: clip each example's gradient, add up, divide by their number."""
    sums = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    for inputs, label in zip(*data.tensors, strict=True):
        model.zero_grad()
        criterion(model(inputs[None]), label[None]).backward()
        gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
        norm = math.sqrt(sum(float(each.square().sum()) for each in gradients.values()))
        for name, each in gradients.items():
            sums[name] += each * min(1.0, max_grad_norm / norm)
    return {name: total.numpy() / len(data) for name, total in sums.items()}


class Words(nn.Module):
    """Embeds numbers, and reuses the embedding to tell them apart."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.norm, self.head = (
            nn.Embedding(3, 4),
            nn.LayerNorm(4),
            nn.Linear(4, 3, bias=False),
        )
        self.head.weight = self.embedding.weight

    def forward(self, numbers: Tensor) -> Tensor:
        """The mean of a sequence's embeddings, against all of them."""
        scores: Tensor = self.head(self.norm(self.embedding(numbers).mean(1)))
        return scores


def pictures() -> tuple[nn.Module, TensorDataset]:
    """A convolution on random pictures of 6 x 6."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    return network, TensorDataset(torch.randn(12, 1, 6, 6), torch.arange(12) % 3)


@pytest.mark.parametrize("max_grad_norm", [0.3, 100.0])
@pytest.mark.parametrize(
    ("model", "data"),
    [
        (perceptron(), blobs(12)),
        pictures(),
        (Words(), TensorDataset(torch.randint(3, (12, 5)), torch.arange(12) % 3)),
    ],
    ids=["dense", "convolution", "tied-embedding"],
)
def test_a_step_is_the_mean_of_clipped_gradients(
    model: nn.Module, data: TensorDataset, max_grad_norm: float
) -> None:
    """As computed one example at a time, within the noise that there is at a multiplier of 0.01."""
    expected = one_by_one(model, data, max_grad_norm, nn.CrossEntropyLoss())
    found = whole_batch(model, data, max_grad_norm)
    for name, gradient in expected.items():
        assert np.abs(found[name] - gradient).max() < 6 * 0.01 * max_grad_norm / len(data) + 1e-6


@pytest.mark.parametrize("most_bytes", [1, 1000])
def test_a_step_in_parts_is_the_same_step(most_bytes: int) -> None:
    """Where gradients take too much memory, they are added up part by part; the noise is added once."""
    data, model = blobs(12), perceptron()
    training = PrivateTraining(
        PrivateExamples(DataLoader(data, 12)),
        nn.CrossEntropyLoss(),
        Mechanism(0.01, 1.0),
        0.3,
        most_bytes=most_bytes,
    )
    trainee = Trainee(model, torch.optim.SGD(model.parameters(), lr=1.0)).copy()
    training.train(trainee, 1, torch.device("cpu"))
    expected = one_by_one(model, data, 0.3, nn.CrossEntropyLoss())
    for (name, before), after in zip(model.named_parameters(), trainee.model.parameters(), strict=True):
        change = (before - after).detach().numpy()
        assert np.abs(change - expected[name]).max() < 6 * 0.01 * 0.3 / 12 + 1e-6


def test_losses_with_weights_or_of_many_numbers_are_taken_for_each_example_alone() -> None:
    """A weighted mean over a batch would let one example change the others' gradients."""
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([5.0, 1.0, 0.2]))
    alone = nn.CrossEntropyLoss(weight=torch.tensor([5.0, 1.0, 0.2]), reduction="sum")
    distances = TensorDataset(torch.randn(12, 4), torch.randn(12, 3))
    for data, given, known in (
        (blobs(12), weighted, alone),
        (distances, nn.MSELoss(), nn.MSELoss()),
        (distances, nn.MSELoss(reduction="sum"), nn.MSELoss(reduction="sum")),
    ):
        expected = one_by_one(perceptron(), data, 5.0, known)
        found = whole_batch(perceptron(), data, 5.0, criterion=given)
        assert all(np.abs(found[name] - expected[name]).max() < 6 * 0.01 * 5 / 12 for name in expected)


def test_clipping_bounds_what_any_example_can_do() -> None:
    """Whatever its gradient is, also 0 or infinite, one example more changes the sum by the bound."""
    torch.manual_seed(0)
    shapes = [(7, 3, 2), (7, 5), (7,)]
    for scale in (0.0, 1e-30, 1.0, 1e19, 1e30, math.inf, math.nan):
        gradients = [torch.randn(shape) for shape in shapes]
        for each in gradients:
            each[3] *= scale
        rest = clipped_sum([torch.cat([each[:3], each[4:]]) for each in gradients], 0.7)
        whole = clipped_sum([each.clone() for each in gradients], 0.7)
        change = math.sqrt(sum(float((a - b).square().sum()) for a, b in zip(whole, rest, strict=True)))
        assert change <= 0.7 + 1e-5


class Zeros(Dataset[Any]):
    """Examples that have no gradient, so that only noise is left."""

    def __init__(self, count: int, dtype: torch.dtype = torch.float32) -> None:
        self.count, self.dtype, self.read = count, dtype, 0
        self.failure: BaseException | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        self.read += 1
        if self.failure is not None and self.read > 5:
            raise self.failure
        return torch.zeros(100, dtype=self.dtype), torch.tensor(0)


def noise_alone(
    batch_size: int = 50, steps: int = 1, dtype: torch.dtype = torch.float32, **changes: float
) -> np.ndarray:
    """10,000 weights after training on examples without a gradient, from zero."""
    model = nn.Linear(100, 100, bias=False, dtype=dtype)
    nn.init.zeros_(model.weight)
    learner = PytorchLearner(
        model,
        torch.optim.SGD(model.parameters(), lr=1.0),
        DataLoader(Zeros(1000, dtype), batch_size),
        DataLoader(Zeros(2, dtype), 2),
        criterion=nn.CrossEntropyLoss(),
        num_train_batches=steps,
        diff_priv_config=config(target_epsilon=1e6, **changes),
        privacy_ledger=PrivacyLedger.in_memory(),
    )
    found: np.ndarray = learner.mli_propose_weights().weights["weight"]
    return found


def test_the_noise_is_that_of_the_ledger_over_the_expected_batch() -> None:
    """Its standard deviation is noise multiplier x norm / batch size, whatever size the sample came to."""
    noise = noise_alone(noise_multiplier=2.0, max_grad_norm=3.0)
    assert noise.std() == pytest.approx(2.0 * 3.0 / 50, rel=0.05)
    assert abs(noise.mean()) < 5 * 2.0 * 3.0 / 50 / 100


def test_an_empty_sample_is_a_step_of_noise() -> None:
    """With one example in a thousand, a third of 60 steps have none; all of them add noise."""
    assert noise_alone(batch_size=1, steps=60).std() == pytest.approx(math.sqrt(60), rel=0.05)


def test_no_seed_of_pytorch_gives_the_noise() -> None:
    """Whoever tries the seeds of PyTorch's generator, or knows the script's, does not find it."""
    torch.manual_seed(0)
    first = noise_alone()
    torch.manual_seed(0)
    second = noise_alone()
    assert not np.array_equal(first, second)
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        guess = (torch.randn(100, 100, generator=generator) / 50).numpy()
        assert abs(np.corrcoef(guess.ravel(), first.ravel())[0, 1]) < 0.06


def test_nothing_of_private_training_stays_in_the_model() -> None:
    """Neither hooks nor gradients of single examples are left for others to find."""
    learner = make(need_reset_optimizer=False)
    learner.mli_accept_weights(learner.mli_propose_weights())
    model = learner.mli_get_current_model().model
    assert isinstance(model, nn.Module)
    assert all(not part._forward_hooks and not part._backward_hooks for part in model.modules())
    assert not any(hasattr(each, "grad_sample") or each.grad is not None for each in model.parameters())


def test_only_what_the_optimizer_has_is_trained() -> None:
    """Frozen parameters and those of no optimizer are proposed as they were, and are handed out unfrozen."""
    model = perceptron(nn.PReLU())
    model[1].requires_grad_(False)
    learner = make(
        model, lambda _, lr: torch.optim.SGD(model[2].parameters(), lr), need_reset_optimizer=False
    )
    proposal = learner.mli_propose_weights()
    before = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    changed = {name for name, array in proposal.weights.items() if not np.array_equal(array, before[name])}
    assert changed == {"2.weight", "2.bias"}
    held = learner.mli_get_current_model().model
    assert isinstance(held, nn.Module)
    frozen = {name for name, parameter in held.named_parameters() if not parameter.requires_grad}
    assert frozen == {"1.weight"}


def test_tied_weights_are_published_under_both_names() -> None:
    """With one value, else nobody could take them."""
    data = TensorDataset(torch.randint(3, (12, 5)), torch.arange(12) % 3)
    learner = make(Words(), train_loader=DataLoader(data, 6), vote_loader=DataLoader(data, 6))
    proposal = learner.mli_propose_weights()
    assert not np.array_equal(proposal.weights["head.weight"], arrays(learner)["head.weight"])
    learner.mli_accept_weights(proposal)
    assert same(arrays(learner), proposal.weights)


def test_large_samples_are_worked_through_in_parts() -> None:
    """None, one and several batches, all examples once and in order."""
    examples = PrivateExamples(DataLoader(blobs(40), 4))
    samples = [np.arange(0), np.arange(3), np.arange(19), np.array([39])]
    loaded = list(examples.load(samples, most=8))
    assert [[len(labels) for _, labels in parts] for parts in loaded] == [[], [3], [8, 8, 3], [1]]
    points = torch.cat([inputs for inputs, _ in loaded[2]])
    assert torch.equal(points, blobs(40).tensors[0][:19])


def test_a_batch_larger_than_the_data_is_all_of_them() -> None:
    """As a loader would have it; the sampling rate is 1 then."""
    examples = PrivateExamples(DataLoader(blobs(6), 64))
    assert (examples.count, examples.batch_size, examples.batches) == (6, 6, 1)


def test_epsilon_is_what_opacus_says() -> None:
    """Or a little more, by another implementation of the same bounds, also for several mechanisms."""
    ledger, accountant = PrivacyLedger.in_memory(), RDPAccountant()
    for noise, rate, steps in ((1.0, 0.05, 230), (0.8, 0.01, 1000), (3.0, 0.3, 20)):
        ledger.charge(Plan(Mechanism(noise, rate), steps))
        accountant.history.append((noise, rate, steps))
        opacus = accountant.get_epsilon(DELTA)
        assert opacus * (1 - 1e-9) <= ledger.epsilon(DELTA) <= opacus * 1.01


def test_the_budget_spans_restarts_and_is_never_exceeded(tmp_path: Path) -> None:
    """Each proposal by a new learner: whole, then shortened, then none; the unchanged model never."""
    path = tmp_path / "ledger"
    proposals = []
    for _ in range(20):
        learner = make(diff_priv_config=config(target_epsilon=9.0), privacy_ledger=path)
        before, proposal = arrays(learner), learner.mli_propose_weights()
        budget = spent(learner)
        assert proposal.training_summary is not None
        assert proposal.training_summary.dp_budget == budget
        assert budget.consumed_epsilon <= 9.0
        if proposal.weights is None:
            assert proposal.training_summary.error_code is ErrorCodes.DP_BUDGET_EXCEEDED
            break
        assert proposal.training_summary.error_code is None
        assert not same(proposal.weights, before)
        proposals.append(budget.consumed_epsilon)
    assert 2 <= len(proposals) < 20
    assert proposals == sorted(proposals)
    steps = PrivacyLedger.in_memory().most_steps(Plan(Mechanism(1.0, 20 / 60), 1000), 9.0, DELTA)
    assert len(proposals) == math.ceil(steps / 3)


@pytest.mark.parametrize("failure", [OSError("told to fail"), KeyboardInterrupt()])
def test_a_crash_between_charge_and_training_hands_nothing_back(
    tmp_path: Path, failure: BaseException
) -> None:
    """Steps that were charged stay charged, after a restart too, and the learner is as it was."""
    data = Zeros(1000)
    options: dict[str, Any] = {
        "train_loader": DataLoader(data, 50),
        "vote_loader": DataLoader(Zeros(2), 2),
        "privacy_ledger": tmp_path / "ledger",
    }
    learner = make(nn.Linear(100, 3), **options)
    before = arrays(learner)
    data.failure = failure
    with pytest.raises(LearnerError if isinstance(failure, OSError) else KeyboardInterrupt):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)
    after = spent(learner).consumed_epsilon
    data.failure = None
    again = make(nn.Linear(100, 3), **options)
    assert spent(again).consumed_epsilon == after > 0
    again.mli_propose_weights()
    assert spent(again).consumed_epsilon > after


def test_what_cannot_be_written_down_is_not_trained(tmp_path: Path) -> None:
    """If the disk does not take the charge, no example is looked at."""

    def sync(_: int) -> None:
        if broken:
            raise OSError("told to fail")

    broken, data = False, Zeros(100)
    learner = make(
        nn.Linear(100, 3),
        train_loader=DataLoader(data, 50),
        vote_loader=DataLoader(Zeros(2), 2),
        privacy_ledger=PrivacyLedger(tmp_path / "ledger", sync=sync),
    )
    broken, read = True, data.read
    with pytest.raises(StorageError):
        learner.mli_propose_weights()
    assert data.read == read


def test_learners_on_one_ledger_share_the_budget(tmp_path: Path) -> None:
    """Two experiments on the same data: what one spends, the other has no more."""
    ours, theirs = (make(privacy_ledger=str(tmp_path / "ledger")) for _ in range(2))
    ours.mli_propose_weights()
    assert spent(ours) == spent(theirs)
    assert spent(theirs).consumed_epsilon > 0


def test_a_learner_is_charged_what_it_published(tmp_path: Path) -> None:
    """After its ledger was put back to an older state, its own last proposal says what was spent."""
    learner = make(privacy_ledger=tmp_path / "ledger")
    older = (tmp_path / "ledger").read_bytes()
    learner.mli_propose_weights()
    published = spent(learner)
    (tmp_path / "ledger").write_bytes(older)
    with pytest.raises(ConfigError, match="has lost what was recorded"):
        learner.mli_propose_weights()
    restored = make(privacy_ledger=tmp_path / "ledger")
    restored.charge_published(published)
    assert spent(restored) == published
    with pytest.raises(ConfigError, match="without a privacy budget"):
        plain().charge_published(published)


class MixesByHand(nn.Module):
    """Subtracts the batch's mean."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Centre."""
        return inputs - inputs.mean(0)


class Remembers(nn.Module):
    """Keeps what it saw in a buffer, and uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(6), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Remember."""
        self.seen = inputs.detach().mean(0)
        return inputs


class BatchNormByAnotherName(nn.BatchNorm1d):
    """A subclass."""


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (nn.BatchNorm1d(6), r"layer '1' \(BatchNorm1d\) cannot be private"),
        (nn.BatchNorm1d(6, affine=False), r"layer '1' \(BatchNorm1d\) cannot be private"),
        (nn.BatchNorm1d(6).requires_grad_(False), r"layer '1' \(BatchNorm1d\) cannot be private"),
        (BatchNormByAnotherName(6), r"layer '1' \(BatchNormByAnotherName\) cannot be private"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm1d(6)), r"layer '1.1' \(BatchNorm1d\) cannot be private"),
        (nn.LSTM(6, 6), r"layer '1' \(LSTM\) cannot be private"),
        (MixesByHand(), "Sequential mixes the examples of a batch"),
        (Remembers(), "the buffer '1.seen' changes when the model is called"),
    ],
)
def test_layers_that_cannot_be_private_are_refused_by_name(middle: nn.Module, reason: str) -> None:
    """When the learner is made: no noise covers what examples do to each other, or to buffers."""
    with pytest.raises(ConfigError, match=reason):
        make(perceptron(middle))


class RemembersLater(Remembers):
    """Begins with that in its tenth call."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(6))
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        """Remember, or not yet."""
        self.calls += 1
        return super().forward(inputs) if self.calls > 10 else inputs


def test_what_has_no_noise_is_not_published() -> None:
    """A buffer that changes when nobody looks any more is proposed as it was."""
    learner = make(perceptron(RemembersLater()), need_reset_optimizer=False)
    for _ in range(4):
        assert not learner.mli_propose_weights().weights["1.seen"].any()


class Stream(IterableDataset[Any]):
    """Examples without numbers."""

    def __iter__(self) -> Iterator[Any]:
        return iter(blobs())


def loss_of_a_kind(outputs: Tensor, labels: Tensor) -> Tensor:
    """A function, of which nobody knows how it treats examples."""
    return nn.functional.cross_entropy(outputs, labels)


class MixesLosses(nn.CrossEntropyLoss):
    """Gives each example a loss, and all of them a part in it."""

    def forward(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Divide by the largest."""
        losses = nn.functional.cross_entropy(outputs, labels, reduction="none")
        return losses / losses.sum() if self.reduction == "none" else losses.mean()


class IgnoresReduction(nn.CrossEntropyLoss):
    """Always gives one number."""

    def forward(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Take the mean."""
        return nn.functional.cross_entropy(outputs, labels)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"train_loader": DataLoader(Stream(), 20)}, "the dataset Stream has no examples by number"),
        ({"train_loader": [blobs().tensors]}, "needs a DataLoader, not a list"),
        ({"train_loader": DataLoader(blobs(), batch_size=None)}, "has no batch_size"),
        ({"train_loader": DataLoader(blobs(3), 20, drop_last=True)}, "has no batches"),
        (
            {"train_loader": DataLoader(blobs(), 20, sampler=SubsetRandomSampler([1, 2]))},
            "SubsetRandomSampler",
        ),
        (
            {"train_loader": DataLoader(blobs(), 20, sampler=WeightedRandomSampler([1.0] * 60, 60))},
            "WeightedRandomSampler",
        ),
        ({"criterion": loss_of_a_kind}, "a loss with a reduction, as torch.nn has them, not function"),
        ({"criterion": MixesLosses()}, "the loss of an example depends on the examples beside it"),
        ({"criterion": IgnoresReduction()}, "losses of shape"),
        ({"optimizer": torch.optim.LBFGS}, "LBFGS takes a step from many gradients"),
        ({"model": perceptron().requires_grad_(False)}, "no parameters that can be trained"),
        ({"diff_priv_config": config(noise_multiplier=0.0)}, "noise multiplier"),
        ({"diff_priv_config": config(target_delta=0.0)}, "delta"),
        ({"privacy_ledger": None}, "diff_priv_config and privacy_ledger go together"),
    ],
)
def test_what_would_make_the_budget_a_lie_is_refused(options: dict[str, Any], reason: str) -> None:
    """When the learner is made, and before anything is charged."""
    ledger = PrivacyLedger.in_memory()
    with pytest.raises(ConfigError, match=reason):
        make(**{"privacy_ledger": ledger, **options})
    assert ledger.epsilon(DELTA) == 0


def test_halves_are_refused() -> None:
    """Squares of 16-bit gradients overflow, and the norm with them."""
    halves = [(points.half(), labels) for points, labels in DataLoader(blobs(), 20)]
    with pytest.raises(ConfigError, match=r"float32 or float64 parameters, not torch.float16"):
        make(perceptron().half(), vote_loader=halves)


def test_doubles_are_trained_with_noise_of_their_own_width() -> None:
    """Noise in float32 would leave the lower bits of a float64 weight to the gradient alone."""
    noise = noise_alone(dtype=torch.float64) * 50
    assert noise.dtype == np.float64
    assert np.abs(noise / noise.astype(np.float32) - 1).max() > 1e-9
