"""Handwritten digits with PyTorch: five learners train one convolutional network.

Needs: pip install "colearn-chain[demo,torch]".
Shows: the PytorchLearner around a model, an optimizer and loaders as any PyTorch user has them.

    python examples/pytorch_mnist.py --data synthetic          # a small stand-in, labelled as such
    python examples/pytorch_mnist.py --data ~/data/mnist --out run
    python examples/pytorch_mnist.py --data ~/data/mnist --chain
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from running import run_example
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from colearn_backends.datasets import load
from colearn_backends.splitting import split_over_learners
from colearn_backends.torch import PytorchLearner
from colearn_backends.torch_utils import categorical_accuracy

if TYPE_CHECKING:
    import numpy as np

    from colearn_chain.artefacts import LearnerContext

BATCH = 64

load_once = functools.cache(load)


def make_model() -> nn.Module:
    """Two convolutions and two dense layers: 431,080 parameters."""
    convolutions = [nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)]
    convolutions += [nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(
        *convolutions, nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10), nn.LogSoftmax(dim=1)
    )


def make_learner(context: LearnerContext) -> PytorchLearner:
    """Make one of the learners, with its own part of the data."""
    data = load_once("mnist", context.arguments["data"])
    parts = split_over_learners(
        data.y_train, context.count, seed=context.seed, alpha=context.arguments.get("alpha")
    )[context.index]

    def loader(rows: np.ndarray[Any, Any], *, shuffle: bool = False) -> DataLoader[Any]:
        pictures = torch.from_numpy(data.X_train[rows]).permute(0, 3, 1, 2) / 255
        return DataLoader(TensorDataset(pictures, torch.from_numpy(data.y_train[rows])), BATCH, shuffle)

    torch.manual_seed(context.seed)  # the same first weights for all
    model = make_model()
    return PytorchLearner(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.001),
        train_loader=loader(parts.train, shuffle=True),
        vote_loader=loader(parts.vote),
        test_loader=loader(parts.test),
        criterion=nn.NLLLoss(),
        vote_criterion=categorical_accuracy,
        minimise_criterion=False,
    )


if __name__ == "__main__":
    run_example(
        __doc__, make_learner, lambda data: load_once("mnist", data).label, score_name="test accuracy"
    )
