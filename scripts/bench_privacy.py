"""Measure what differential privacy costs: CPU time of a training step with and without, in one run.

The data are scikit-learn's digits (8 x 8 pixels). Plain and private learners take turns, so that what else
the machine does falls on both; the median is printed.

    .venv/bin/python scripts/bench_privacy.py --frameworks torch keras
"""

# ruff: noqa: PLC0415 - a framework is imported only when it is measured
from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_digits

from colearn_backends.privacy import NoiseSource, PrivacyLedger
from colearn_chain.ml_interface import DiffPrivConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from colearn_chain.ml_interface import MachineLearningInterface

    Maker = Callable[[str, "dict[str, Any]"], MachineLearningInterface]

BATCH = 64
EXAMPLES = 1408
STEPS = EXAMPLES // BATCH
MODELS = ("perceptron", "convolutions")
"""64-128-10 with 9,610 weights; two convolutions and a dense layer with 13,170."""

CONFIG = DiffPrivConfig(target_epsilon=1e6, target_delta=1e-5, max_grad_norm=1.0, noise_multiplier=1.0)
NOISE = 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORKS, default=list(FRAMEWORKS))
    parser.add_argument("--proposals", type=int, default=15, help="of each learner")
    options = parser.parse_args()
    system = f"{platform.system()} {platform.machine()}"
    print(
        f"Python {platform.python_version()}, {system}, {os.cpu_count()} cores; one thread, batch {BATCH}\n"
    )
    print(f"{'framework':10} {'model':14} {'plain ms/step':>14} {'private ms/step':>16} {'ratio':>6}")
    for framework in options.frameworks:
        for model in MODELS:
            plain, private = measure(FRAMEWORKS[framework], model, options.proposals)
            print(f"{framework:10} {model:14} {plain:14.2f} {private:16.2f} {private / plain:6.1f}")
    print(f"\n{NOISE:,} noise values: {noise_cost(options.proposals):.1f} ms")


def measure(make: Maker, model: str, proposals: int) -> tuple[float, float]:
    """Milliseconds of CPU for a step of plain and of private training."""
    private = {"diff_priv_config": CONFIG, "privacy_ledger": PrivacyLedger.in_memory()}
    learners = [make(model, options) for options in ({}, private)]
    times = [[_cpu(learner.mli_propose_weights) for learner in learners] for _ in range(proposals + 1)]
    plain, with_privacy = (statistics.median(column) for column in zip(*times[1:], strict=True))
    return plain / STEPS, with_privacy / STEPS


def noise_cost(times: int) -> float:
    """Milliseconds of CPU for a million values of noise."""
    source = NoiseSource()
    return statistics.median(_cpu(lambda: source.gaussian((NOISE,), 1.0)) for _ in range(times))


def _cpu(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return 1000 * (time.process_time() - start)


def digits() -> tuple[Any, Any]:
    """Pixels from 0 to 1, shape [examples, 64], and labels."""
    pixels, labels = load_digits(return_X_y=True)
    return (pixels[:EXAMPLES] / 16).astype(np.float32), labels[:EXAMPLES]


def torch_learner(name: str, options: dict[str, Any]) -> MachineLearningInterface:
    """A ``PytorchLearner``."""
    import torch
    from torch import nn

    from colearn_backends.torch import PytorchLearner

    model = {
        "perceptron": lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
        "convolutions": lambda: nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(256, 40),
            nn.ReLU(),
            nn.Linear(40, 10),
        ),
    }[name]()
    pixels, labels = (torch.from_numpy(array) for array in digits())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pixels, labels), BATCH, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return PytorchLearner(
        model, optimizer, loader, loader, criterion=nn.CrossEntropyLoss(), num_test_batches=1, **options
    )


def keras_learner(name: str, options: dict[str, Any]) -> MachineLearningInterface:
    """A ``KerasLearner``."""
    from colearn_backends.keras import KerasLearner, limit_threads

    limit_threads(1)
    import keras
    import tensorflow as tf
    from keras import layers

    stack = {
        "perceptron": lambda: [layers.Dense(128, activation="relu"), layers.Dense(10)],
        "convolutions": lambda: [
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(40, activation="relu"),
            layers.Dense(10),
        ],
    }[name]()
    model = keras.Sequential([keras.Input((64,)), *stack])
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pipeline = tf.data.Dataset.from_tensor_slices(digits()).shuffle(EXAMPLES).batch(BATCH)
    return KerasLearner(model, pipeline, pipeline, model_evaluate_kwargs={"steps": 1}, **options)


FRAMEWORKS: dict[str, Maker] = {"torch": torch_learner, "keras": keras_learner}


if __name__ == "__main__":
    main()
