"""A learner around any PyTorch module.

::

    optimizer = torch.optim.Adam(model.parameters())
    learner = PytorchLearner(model, optimizer, train_loader, vote_loader, test_loader,
    criterion=torch.nn.CrossEntropyLoss())

The weights are a ``dict`` of numpy arrays under the names of ``state_dict``: parameters and persistent
buffers. The current ones lie outside any module, and each training works on a copy of module and optimizer,
so nothing that trains or tests can change them, whether it succeeds or not.
"""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from colearn_backends import torch_state
from colearn_backends.named_arrays import is_finite
from colearn_backends.onnx_export import as_colearn_model, check_format
from colearn_backends.privacy import PrivacyBudget, PrivacyLedger
from colearn_backends.torch_data import fixed_sample
from colearn_backends.torch_runtime import in_mode, limited_threads, repeatable
from colearn_backends.torch_training import Trainee, train
from colearn_backends.voting import ScoreKeeper, Scores
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import (
    ColearnModel,
    MachineLearningInterface,
    ModelFormat,
    ProposedWeights,
    Weights,
)
from colearn_chain.weights import weights_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from colearn_backends.torch_data import Batch
    from colearn_backends.torch_private import PrivateTraining
    from colearn_backends.torch_training import Criterion
    from colearn_chain.ml_interface import DiffPrivBudget, DiffPrivConfig
    from colearn_chain.weights import NamedArrays

    Arrays = dict[str, NDArray[Any]]


class PytorchLearner(MachineLearningInterface):
    """Trains a module on private data and votes by its score on other private data.

    Args:
        model: copied, as is the optimizer with it. Batches are given to it as their inputs.
        optimizer: over parameters of the model.
        train_loader: batches (inputs, labels), two tensors; one pass, or its beginning, for each proposal.
        vote_loader: batches that votes are measured on. They are drawn once and kept in memory, so that a
            loader that shuffles measures all models on the same samples.
        test_loader: batches for a score that votes do not depend on, likewise kept; None for none.
        need_reset_optimizer: begin each proposal with the optimizer as it was given. What it remembers is
            about steps from other weights than those that the group holds meanwhile.
        device: where to compute.
        criterion: the loss, from outputs and labels; without ``vote_criterion`` also the score, as its mean
            over all samples, whatever batches they came in.
        minimise_criterion: whether a lower score is better.
        vote_criterion: the score, from the outputs and labels of all samples at once.
        num_train_batches: how many batches a proposal trains at most; None: one pass.
        num_test_batches: how many batches are drawn from the vote loader and the test loader; None: all.
        diff_priv_config: train with differential privacy (``torch_private``): in as many steps as otherwise
            batches, each with a random sample of all training examples, as large as a batch on average.
        privacy_ledger: the ledger of the training data, or its file; it goes with ``diff_priv_config``.
        vote_margin: by how much the score has to improve, in its own units.
        threads: for operators on the CPU while this learner computes. One is best where learners share a
            machine, ``os.cpu_count()`` where one runs alone; None leaves what PyTorch is set to.
        model_format: what ``mli_get_current_model`` gives: the module itself, or an ONNX file's bytes.

    Attributes:
        diff_priv_config: how it trains privately, which experiments hold against their terms; None: it does
            not.

    Raises:
        ConfigError: an argument does not fit the others or cannot be used, or a layer cannot be private.
        StorageError: the ledger cannot be used.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - colearn's own arguments, in its order
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        train_loader: Iterable[Any],
        vote_loader: Iterable[Any],
        test_loader: Iterable[Any] | None = None,
        need_reset_optimizer: bool = True,  # noqa: FBT001, FBT002 - as in colearn
        device: torch.device | str = "cpu",
        criterion: Criterion | None = None,
        minimise_criterion: bool = True,  # noqa: FBT001, FBT002 - as in colearn
        vote_criterion: Callable[[Tensor, Tensor], float] | None = None,
        num_train_batches: int | None = None,
        num_test_batches: int | None = None,
        diff_priv_config: DiffPrivConfig | None = None,
        *,
        privacy_ledger: PrivacyLedger | Path | str | None = None,
        vote_margin: float = 0.0,
        threads: int | None = 1,
        model_format: ModelFormat = ModelFormat.NATIVE,
    ) -> None:
        _check_positive(
            num_train_batches=num_train_batches, num_test_batches=num_test_batches, threads=threads
        )
        if criterion is None:
            raise ConfigError("a learner needs a criterion to train by")
        self._model_format = check_format(model_format)
        self._device, self._threads, self._reset = torch.device(device), threads, need_reset_optimizer
        self._schema = torch_state.StateSchema(model)
        self._trainee = Trainee.on(self._device, model, optimizer)
        self._weights = torch_state.read(self._trainee.model)
        self._criterion = _on_device(criterion, self._device)
        self._vote_criterion = vote_criterion
        self._train_loader, self._train_batches = train_loader, num_train_batches
        self._vote_sample = fixed_sample(vote_loader, num_test_batches, "vote_loader")
        self._test_sample = (
            None if test_loader is None else fixed_sample(test_loader, num_test_batches, "test_loader")
        )
        self.diff_priv_config = diff_priv_config
        self._private = self._private_training(diff_priv_config, privacy_ledger)
        self._keeper = self._first_scores(minimise_criterion, vote_margin)

    def mli_propose_weights(self) -> Weights:
        """Train a copy from the current weights.

        Returns:
            The new weights, ``dict[str, numpy.ndarray]``. With differential privacy, the budget spent goes
            with them; when it does not allow one step more, no weights and ``DP_BUDGET_EXCEEDED``.

        Raises:
            LearnerError: the training failed or came to weights that are not finite; what it was charged to a
                privacy budget stays spent.
            ConfigError: the privacy ledger has lost records.
            StorageError: the privacy ledger cannot be used; nothing was trained.
        """
        if self._private is None:
            return Weights(weights=self._trained(self._train))
        budget, training = self._private.budget, self._private.training
        steps = budget.reserve(self._private.steps, f"from {weights_digest(self._weights).hex()}")
        if not steps:
            return budget.refusal()
        arrays = self._trained(lambda trainee: training.train(trainee, steps, self._device))
        return Weights(weights=arrays, training_summary=budget.summary())

    def mli_test_weights(self, weights: Weights) -> ProposedWeights:
        """Score these weights and approve them if they improve on the current ones; NaN never does.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
            LearnerError: the model or the criterion failed.
        """
        arrays = self._schema.checked(weights.weights)
        scores, vote = self._keeper.judge(arrays)
        tested = Weights(weights=arrays, training_summary=weights.training_summary)
        return ProposedWeights(weights=tested, vote_score=scores.vote, test_score=scores.test, vote=vote)

    def mli_accept_weights(self, weights: Weights) -> None:
        """Hold a copy of these weights; if they were tested lately, without another evaluation.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights', or a value is not
                finite.
            LearnerError: the model or the criterion failed.
        """
        arrays = self._schema.checked(weights.weights)
        if not is_finite(arrays):
            raise InvalidWeights("weights that are not finite cannot be held", subject="weights")
        self._keeper.hold(arrays)
        self._weights = arrays

    def mli_get_current_weights(self) -> Weights:
        """Return a copy of the current weights, with the privacy budget if there is one.

        Raises:
            ConfigError: the privacy ledger has lost records.
            StorageError: the privacy ledger cannot be read.
        """
        summary = None if self._private is None else self._private.budget.summary()
        return Weights(weights=self._schema.checked(self._weights), training_summary=summary)

    def mli_get_current_model(self) -> ColearnModel:
        """Return a copy of the module with the current weights.

        Raises:
            ConfigError: it was to be an ONNX file, and cannot be exported, or the extra is missing.
            LearnerError: the file would predict something else.
        """
        model = copy.deepcopy(self._trainee.model)
        torch_state.load(model, self._weights)
        inputs, _ = self._vote_sample[0]
        return as_colearn_model(model, self._model_format, inputs.cpu().numpy())

    def weights_to_arrays(self, weights: Any) -> Arrays:
        """Return copies of the weights as named arrays.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
        """
        return self._schema.checked(weights)

    def arrays_to_weights(self, arrays: Any) -> Arrays:
        """Return copies of named arrays as the weights that they are.

        Raises:
            InvalidWeights: a name, shape or dtype differs from the current weights'.
        """
        return self._schema.checked(arrays)

    def charge_published(self, published: DiffPrivBudget) -> None:
        """Charge to the ledger what an own proposal says was spent, as far as the ledger does not know it.

        Raises:
            ConfigError: the learner trains without a privacy budget, or the ledger has lost records.
            StorageError: the ledger cannot be used.
        """
        if self._private is None:
            raise ConfigError("this learner trains without a privacy budget, to which could be charged")
        self._private.budget.charge_published(published)

    def _first_scores(self, minimise: bool, margin: float) -> ScoreKeeper:  # noqa: FBT001 - one caller
        try:
            keeper = ScoreKeeper(self._evaluate, self._weights, minimise=minimise, margin=margin)
        except LearnerError as error:
            raise ConfigError(f"the first weights cannot be scored: {error}") from error
        if math.isnan(keeper.held.vote):
            raise ConfigError("the vote score of the first weights is NaN")
        return keeper

    def _private_training(
        self, config: DiffPrivConfig | None, ledger: PrivacyLedger | Path | str | None
    ) -> _Private | None:
        if config is None and ledger is None:
            return None
        if config is None or ledger is None:
            raise ConfigError(
                "diff_priv_config and privacy_ledger go together; where nothing has to outlive the process, "
                "the ledger is PrivacyLedger.in_memory()"
            )
        from colearn_backends import torch_private  # noqa: PLC0415 - Opacus takes three seconds

        examples = torch_private.PrivateExamples(self._train_loader)
        ledger = ledger if isinstance(ledger, PrivacyLedger) else PrivacyLedger(ledger)
        budget = PrivacyBudget(config, ledger, examples=examples.count, batch_size=examples.batch_size)
        training = torch_private.PrivateTraining(
            examples, self._criterion, budget.mechanism, config.max_grad_norm
        )
        with self._computing(rehearsed := self._trainee.copy()):
            training.rehearse(rehearsed, self._device)
        steps = min(examples.batches, self._train_batches or examples.batches)
        return _Private(training, budget, steps, self._trainee.trained_names())

    def _train(self, trainee: Trainee) -> None:
        train(trainee, self._train_loader, self._train_batches, self._criterion, self._device)

    def _trained(self, training: Callable[[Trainee], None]) -> Arrays:
        """Train a copy from the current weights and return its state."""
        trainee = self._trainee.copy()
        torch_state.load(trainee.model, self._weights)
        name = type(trainee.model).__name__
        try:
            with self._computing(trainee):
                training(trainee)
        except Exception as error:
            raise LearnerError(f"training {name} failed: {error}") from error
        arrays = torch_state.read(trainee.model)
        if self._private is not None:  # no noise covers what else the model may have changed
            arrays |= {key: self._weights[key].copy() for key in arrays.keys() - self._private.names}
        if not is_finite(arrays):
            raise LearnerError(f"training {name} diverged: its weights are not finite")
        if not self._reset:
            self._trainee = trainee
        return arrays

    @contextmanager
    def _computing(self, trainee: Trainee) -> Iterator[None]:
        with limited_threads(self._threads), torch.enable_grad(), in_mode(trainee.model, training=True):
            yield

    def _evaluate(self, arrays: NamedArrays) -> Scores:
        """Score weights; NaN where they, or what comes of them, are no numbers."""
        if not is_finite(arrays):
            return Scores(math.nan, math.nan)
        model = self._trainee.model
        torch_state.load(model, arrays)
        try:
            with limited_threads(self._threads), torch.no_grad(), in_mode(model, training=False):
                return Scores(
                    self._score(self._vote_sample),
                    self._score(self._test_sample) if self._test_sample else math.nan,
                )
        except Exception as error:
            raise LearnerError(f"scoring {type(model).__name__} failed: {error}") from error

    def _score(self, sample: Sequence[Batch]) -> float:
        with repeatable(self._device):
            outputs = torch.cat([self._trainee.model(inputs.to(self._device)) for inputs, _ in sample])
        labels = torch.cat([labels for _, labels in sample]).to(self._device)
        if outputs.isnan().any():
            return math.nan
        if self._vote_criterion is not None:
            return float(self._vote_criterion(outputs, labels))
        loss = self._criterion(outputs, labels)
        summed = getattr(self._criterion, "reduction", None) == "sum"
        return float(loss / len(labels) if summed else loss.mean())


@dataclass(frozen=True)
class _Private:
    """What a private learner has besides.

    Attributes:
        training: trains.
        budget: says how many steps.
        steps: for each proposal, as long as the budget lasts.
        names: of the weights that it changes.
    """

    training: PrivateTraining
    budget: PrivacyBudget
    steps: int
    names: set[str]


def _check_positive(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{name} must be at least 1, not {number}")


def _on_device(criterion: Criterion, device: torch.device) -> Criterion:
    """A copy of a loss that has tensors, such as weights of classes."""
    return copy.deepcopy(criterion).to(device) if isinstance(criterion, torch.nn.Module) else criterion
