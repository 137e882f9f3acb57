"""PyTorch modules as ONNX files."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from colearn_backends.onnx_export import onnx_bytes
from colearn_backends.torch import PytorchLearner
from colearn_chain.errors import ConfigError, LearnerError
from colearn_chain.ml_interface import ModelFormat


def pictures(count: int, seed: int = 0) -> Any:
    """Random pictures, channels first."""
    return np.random.default_rng(seed).normal(size=(count, 1, 6, 6)).astype(np.float32)


def network() -> nn.Module:
    """A convolution with everything that behaves otherwise in training, and statistics that are not fresh."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3)
    )
    model(torch.from_numpy(pictures(50, seed=1)))
    return model


def learner(model_format: ModelFormat) -> PytorchLearner:
    """A learner with eight pictures."""
    model = network()
    batches = [(torch.from_numpy(pictures(8)), torch.arange(8) % 3)]
    return PytorchLearner(
        model,
        torch.optim.SGD(model.parameters(), 0.01),
        batches,
        batches,
        criterion=nn.CrossEntropyLoss(),
        model_format=model_format,
    )


def run(content: bytes, rows: Any) -> list[Any]:
    """What a file predicts."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["input"]
    return list(session.run(None, {"input": rows}))


def predicted(model: nn.Module, rows: Any) -> Any:
    """What a module predicts."""
    with torch.no_grad():
        return model.eval()(torch.from_numpy(rows)).numpy()


@pytest.mark.parametrize("rows", [1, 5])
def test_a_module_predicts_the_same_from_its_file(rows: int) -> None:
    """Without dropout, within 1e-5, for any number of rows, from a sample of one as of several."""
    model = network()
    (found,) = run(onnx_bytes(model, pictures(rows)), pictures(7, seed=2))
    assert np.abs(found - predicted(model, pictures(7, seed=2))).max() < 1e-5


def test_the_module_is_left_as_it_is() -> None:
    """Mode and statistics are the same after an export as before, and a sample of doubles will do."""
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    onnx_bytes(model, pictures(3).astype(np.float64))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_learner_gives_its_current_model_as_onnx() -> None:
    """The bytes of a file that predicts what its module predicts, after an adoption, too."""
    native, exported = learner(ModelFormat.NATIVE), learner(ModelFormat.ONNX)
    proposal = native.mli_propose_weights()
    for each in (native, exported):
        each.mli_accept_weights(proposal)
    given: Any = exported.mli_get_current_model()
    assert given.model_format is ModelFormat.ONNX
    (found,) = run(given.model, pictures(7, seed=2))
    model: Any = native.mli_get_current_model().model
    assert np.abs(found - predicted(model, pictures(7, seed=2))).max() < 1e-5


class TwoHeads(nn.Module):
    """Predicts two things."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, rows: Any) -> Any:
        """Both."""
        first = self.head(rows)
        return first, first.sum(dim=1)


def test_several_outputs_are_numbered() -> None:
    """In the order in which the module returns them."""
    model = TwoHeads()
    rows = np.ones((3, 4), np.float32)
    first, second = run(onnx_bytes(model, rows), rows)
    assert first.shape == (3, 2)
    assert np.abs(first.sum(axis=1) - second).max() < 1e-5


class Forgets(nn.Module):
    """Counts its calls, which no graph does."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls = 0

    def forward(self, rows: Any) -> Any:
        """More with every call."""
        self.calls += 1
        return rows * self.weight * self.calls


def test_a_module_with_a_memory_of_its_own_is_refused() -> None:
    """What a graph cannot hold shows in what it predicts, and there is no file."""
    with pytest.raises(LearnerError, match="Forgets, exported to ONNX, predicts something else: off by"):
        onnx_bytes(Forgets(), np.ones((3, 4), np.float32))


class Branches(nn.Module):
    """Does one thing or another, by its input."""

    def forward(self, rows: Any) -> Any:
        """Depends on the rows."""
        return rows if rows.sum() > 0 else -rows


def test_a_module_that_cannot_be_traced_is_named() -> None:
    """In one line, with the beginning of what PyTorch says."""
    with pytest.raises(ConfigError, match="Branches cannot be exported to ONNX: Failed to export") as caught:
        onnx_bytes(Branches(), np.ones((3, 4), np.float32))
    assert "\n" not in str(caught.value)
