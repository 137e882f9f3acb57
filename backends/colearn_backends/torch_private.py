"""DP-SGD for a PyTorch module (Abadi et al. 2016, arXiv:1607.00133).

Each step draws a Poisson sample of the private examples, sums their gradients after each was clipped to an L2
norm, adds Gaussian noise, divides by the expected size of the sample and lets the optimizer apply that.
Opacus computes the gradients of each example; which examples are drawn and the noise come from
``privacy.NoiseSource``.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from opacus.grad_sample import GradSampleModule
from opacus.validators import ModuleValidator
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler

from colearn_backends.privacy import NoiseSource
from colearn_backends.torch_data import batches
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    from torch import Tensor
    from torch.nn import Module, Parameter
    from torch.optim import Optimizer

    from colearn_backends.privacy import Mechanism
    from colearn_backends.torch_data import Batch
    from colearn_backends.torch_training import Trainee

    Rows = npt.NDArray[Any]

_NUMPY_DTYPES = {torch.float32: np.float32, torch.float64: np.float64}
"""What can be trained privately: in halves, squares of gradients overflow."""

MOST_GRADIENT_BYTES = 1 << 28
"""What the gradients of all examples that are worked through together may take."""


class PrivateExamples:
    """The examples behind a loader, out of which Poisson samples can be drawn.

    The loader's own order and batches are not used; its dataset, collation and workers are.

    Args:
        loader: over a dataset that has examples by number, in batches of a fixed size.

    Attributes:
        count: how many examples there are.
        batch_size: the loader's, at most all of them.
        batches: how many the loader has.

    Raises:
        ConfigError: the loader does not draw from all examples of such a dataset alike.
    """

    def __init__(self, loader: Any) -> None:
        if not isinstance(loader, DataLoader):
            raise ConfigError(f"private training needs a DataLoader, not a {type(loader).__name__}")
        kind = type(loader.dataset).__name__
        if isinstance(loader.dataset, torch.utils.data.IterableDataset) or not (
            hasattr(loader.dataset, "__getitem__") and hasattr(loader.dataset, "__len__")
        ):
            raise ConfigError(f"the dataset {kind} has no examples by number, out of which could be sampled")
        if loader.batch_size is None:
            raise ConfigError(f"the loader of {kind} has no batch_size, so nobody knows the sampling rate")
        if not isinstance(loader.sampler, RandomSampler | SequentialSampler):
            raise ConfigError(
                f"private training draws its own samples and has no use for a {type(loader.sampler).__name__}"
            )
        self._loader = loader
        if not len(loader):
            raise ConfigError(f"the loader of {kind} has no batches")
        self.count, self.batches = len(loader.dataset), len(loader)
        self.batch_size = min(loader.batch_size, self.count)

    def load(self, samples: Sequence[Rows], most: int) -> Iterator[list[Batch]]:
        """Give each sample as batches of at most so many examples: none for an empty sample."""
        parts = [[rows[start : start + most] for start in range(0, len(rows), most)] for rows in samples]
        loaded = batches(self._over([part.tolist() for sample in parts for part in sample]), None)
        return ([next(loaded) for _ in sample] for sample in parts)

    def _over(self, rows: list[list[int]]) -> DataLoader[Any]:
        known = self._loader
        return DataLoader(
            known.dataset,
            batch_sampler=rows,
            num_workers=known.num_workers,
            collate_fn=known.collate_fn,
            worker_init_fn=known.worker_init_fn,
            multiprocessing_context=known.multiprocessing_context,
        )


class PrivateTraining:
    """Trains modules by DP-SGD.

    Args:
        examples: the private data.
        criterion: the loss, as in ``torch.nn``: with ``reduction="none"`` it gives each example its own.
        mechanism: the noise, and how likely each example is part of a step.
        max_grad_norm: the L2 norm that each example's gradient is clipped to.
        most_bytes: a sample whose gradients take more memory is worked through in parts, if need be one by
            one.

    Raises:
        ConfigError: the criterion has no ``reduction``.
    """

    def __init__(
        self,
        examples: PrivateExamples,
        criterion: Any,
        mechanism: Mechanism,
        max_grad_norm: float,
        *,
        most_bytes: int = MOST_GRADIENT_BYTES,
    ) -> None:
        self._examples, self._mechanism, self._norm = examples, mechanism, max_grad_norm
        self._most_bytes = most_bytes
        self._losses = _losses_of_each(criterion)

    def rehearse(self, trainee: Trainee, device: torch.device) -> None:
        """Take the gradients of an example or two, of a copy: its buffers may change by that.

        Raises:
            ConfigError: something besides clipped gradients would depend on the private data (by the layer's
                name), or the gradients of single examples cannot be had.
        """
        model, parameters = trainee.model, trainee.trained()
        _check_layers(model)
        _check_optimizer(trainee.optimizer)
        _check_parameters(parameters)
        (parts,) = self._examples.load([np.arange(min(2, self._examples.count))], 2)
        inputs, labels = (tensor.to(device) for tensor in parts[0])
        try:
            with _checked_buffers(model):
                _check_independent(model, inputs)
                self._check_losses(model(inputs).detach(), labels)
            with _gradients_of_each(model, parameters) as recorded:
                self._clipped_sum(recorded, parts, parameters, device)
        except ConfigError:
            raise
        except Exception as error:
            raise ConfigError(
                f"the gradients of {type(model).__name__} cannot be taken one example at a time: {error}"
            ) from error

    def train(self, trainee: Trainee, steps: int, device: torch.device) -> None:
        """Train so many steps; what the optimizer was not given is left as it is."""
        source, rate = NoiseSource(), self._mechanism.sampling_rate
        scale, expected = self._mechanism.noise_multiplier * self._norm, self._examples.count * rate
        samples = [source.poisson_sample(self._examples.count, rate) for _ in range(steps)]
        parameters = trainee.trained()
        at_once = max(1, self._most_bytes // sum(each.nbytes for each in parameters))
        with _gradients_of_each(trainee.model, parameters) as recorded:
            for parts in self._examples.load(samples, at_once):
                sums = self._clipped_sum(recorded, parts, parameters, device)
                for parameter, total in zip(parameters, sums, strict=True):
                    noise = source.gaussian(total.shape, scale, _NUMPY_DTYPES[total.dtype])
                    parameter.grad = (total + torch.from_numpy(noise).to(device)) / expected
                trainee.optimizer.step()

    def _clipped_sum(
        self, model: Module, parts: Sequence[Batch], parameters: Sequence[Parameter], device: torch.device
    ) -> list[Tensor]:
        sums = [torch.zeros_like(parameter) for parameter in parameters]
        for inputs, labels in parts:
            self._losses(model(inputs.to(device)), labels.to(device)).sum().backward()  # type: ignore[no-untyped-call]
            gradients = [_taken(parameter, len(labels)) for parameter in parameters]
            sums = [
                total + more for total, more in zip(sums, clipped_sum(gradients, self._norm), strict=True)
            ]
        return sums

    def _check_losses(self, outputs: Tensor, labels: Tensor) -> None:
        together, alone = self._losses(outputs, labels), self._losses(outputs[:1], labels[:1])
        if not torch.allclose(together[:1], alone, rtol=1e-3, equal_nan=True):
            raise ConfigError(
                "the loss of an example depends on the examples beside it, which no noise covers"
            )


def clipped_sum(gradients: Sequence[Tensor], max_norm: float) -> list[Tensor]:
    """Sum gradients over examples, each clipped to a norm over all parameters together.

    An example whose gradient is not finite counts as none: clipping would make NaN of it, and of the sum.

    Args:
        gradients: one tensor for each parameter, shape [examples, *parameter]; they are not kept intact.
        max_norm: the largest L2 norm that an example's gradient may have.

    Returns:
        One tensor for each parameter, of its shape.
    """
    norms = torch.stack([torch.linalg.vector_norm(each.reshape(len(each), -1), dim=1) for each in gradients])
    norms = torch.linalg.vector_norm(norms, dim=0)
    broken = ~norms.isfinite()
    factors = (max_norm / norms).clamp(max=1).masked_fill(broken, 0)
    if broken.any():
        for each in gradients:
            each[broken] = 0
    return [torch.tensordot(factors, each, dims=1) for each in gradients]


def _losses_of_each(criterion: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of each example, shape [examples]; a mean over examples would depend on how many there are."""
    if not hasattr(criterion, "reduction"):
        name = type(criterion).__name__
        raise ConfigError(f"private training needs a loss with a reduction, as torch.nn has them, not {name}")
    apart = copy.deepcopy(criterion)
    apart.reduction = "none"

    def losses(outputs: Tensor, labels: Tensor) -> Tensor:
        found: Tensor = apart(outputs, labels)
        if found.shape[:1] != labels.shape[:1]:
            raise ValueError(f"{len(labels)} examples have losses of shape {tuple(found.shape)}")
        within = found.reshape(len(labels), -1)
        return within.mean(1) if criterion.reduction == "mean" else within.sum(1)

    return losses


@contextmanager
def _gradients_of_each(model: Module, parameters: Sequence[Parameter]) -> Iterator[Module]:
    """Give the model such that ``backward`` records each example's gradient of these parameters alone."""
    trained = set(map(id, parameters))
    others = [each for each in model.parameters() if each.requires_grad and id(each) not in trained]
    for other in others:
        other.requires_grad_(False)
    recording = GradSampleModule(model, loss_reduction="sum")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            yield recording
    finally:
        recording.to_standard_module()
        for other in others:
            other.requires_grad_()


def _taken(parameter: Any, examples: int) -> Tensor:
    """Take what was recorded of a parameter, shape [examples, *parameter]; zeros if it had no part in it."""
    found: Any = parameter.grad_sample
    parameter.grad_sample = parameter.grad = None
    if found is None:
        return torch.zeros((examples, *parameter.shape), dtype=parameter.dtype, device=parameter.device)
    if not isinstance(found, torch.Tensor) or found.shape != (examples, *parameter.shape):
        raise ValueError("a layer is used in a way that mixes up which gradient is whose")
    return found


def _check_layers(model: Module) -> None:
    for name, module in model.named_modules():
        mixes = isinstance(module, torch.nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - the base of all of them
        trained = any(each.requires_grad for each in module.parameters())
        for kind, validate in ModuleValidator.VALIDATORS.items():
            if isinstance(module, kind) and (mixes or trained) and (problems := validate(module)):
                reason = str(problems[0]).partition(". ")[0]
                raise ConfigError(f"layer '{name}' ({type(module).__name__}) cannot be private: {reason}")


def _check_optimizer(optimizer: Optimizer) -> None:
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        name = type(optimizer).__name__
        raise ConfigError(f"{name} takes a step from many gradients, of which the privacy ledger knows one")


def _check_parameters(trained: Sequence[Parameter]) -> None:
    if not trained:
        raise ConfigError("the optimizer has no parameters that can be trained")
    if strange := sorted({str(each.dtype) for each in trained if each.dtype not in _NUMPY_DTYPES}):
        raise ConfigError(f"private training needs float32 or float64 parameters, not {', '.join(strange)}")


@contextmanager
def _checked_buffers(model: Module) -> Iterator[None]:
    """Check that calls leave no trace in the model, on which the gradients of later ones would depend."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    yield
    for name, buffer in model.named_buffers():
        if name not in before or not torch.equal(buffer, before[name]):
            raise ConfigError(
                f"the buffer '{name}' changes when the model is called, and no noise covers that"
            )


def _check_independent(model: Module, inputs: Tensor) -> None:
    """Check that what the first example comes to does not depend on the others of its batch."""
    if not inputs.is_floating_point():
        return
    watched = inputs.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(model(watched)[0].square().sum(), watched)
    if found[1:].any():
        raise ConfigError(f"{type(model).__name__} mixes the examples of a batch, which no noise covers")
