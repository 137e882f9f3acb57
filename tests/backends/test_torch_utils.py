"""The helpers of colearn's PyTorch examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from colearn_backends.torch_utils import (
    auc_from_logits,
    binary_accuracy_from_logits,
    categorical_accuracy,
    prepare_data_split_list,
)
from colearn_chain.errors import ConfigError


def test_categorical_accuracy_counts_the_highest_output() -> None:
    """One of three is right, whatever the outputs' scale."""
    outputs = torch.tensor([[0.1, 0.9], [5.0, -5.0], [0.0, 1.0]])
    assert categorical_accuracy(outputs, torch.tensor([0, 1, 1])) == pytest.approx(1 / 3)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_binary_accuracy_takes_logits_in_a_row_or_a_column(shape: tuple[int, ...]) -> None:
    """A column of outputs against a row of labels is no table of comparisons; 0 is no yes."""
    outputs = torch.tensor([2.0, -1.0, 0.0, 3.0]).reshape(shape)
    for labels in (torch.tensor([1, 0, 0, 0]), torch.tensor([[1.0], [0.0], [0.0], [0.0]])):
        assert binary_accuracy_from_logits(outputs, labels) == 0.75


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=40))
def test_auc_is_scikit_learns_also_with_ties(samples: list[tuple[int, bool]]) -> None:
    """Property: equal to ``roc_auc_score``; NaN where a class is missing."""
    scores, labels = (np.array(column) for column in zip(*samples, strict=True))
    ours = auc_from_logits(torch.tensor(scores, dtype=torch.float32)[:, None], torch.tensor(labels).float())
    if labels.all() or not labels.any():
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(roc_auc_score(labels, scores))


@given(st.integers(0, 1000), st.integers(1, 30))
def test_the_parts_of_a_split_are_even_and_lose_nothing(samples: int, parts: int) -> None:
    """Property: together all samples, apart by one at most."""
    sizes = prepare_data_split_list(range(samples), parts)
    assert len(sizes) == parts
    assert sum(sizes) == samples
    assert max(sizes) - min(sizes) <= 1


def test_no_parts_are_refused() -> None:
    """Data cannot be split into none."""
    with pytest.raises(ConfigError, match="0 parts"):
        prepare_data_split_list([1, 2], 0)
