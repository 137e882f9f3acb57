"""What colearn's PyTorch examples take from ``colearn_pytorch.utils``, under the same names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sized

    from torch import Tensor


def categorical_accuracy(outputs: Tensor, labels: Tensor) -> float:
    """Return the share of samples whose label has the highest output.

    Args:
        outputs: logits, probabilities or their logarithms, shape [samples, classes].
        labels: class numbers, shape [samples].
    """
    return _share(outputs.argmax(dim=1) == labels)


def binary_accuracy_from_logits(outputs: Tensor, labels: Tensor) -> float:
    """Return the share of samples whose logit is above 0 where the label is 1, and not where it is 0.

    Args:
        outputs: logits, one for each label.
        labels: 0 or 1, of any type.
    """
    return _share((outputs.flatten() > 0) == (labels.flatten() > 0))


def auc_from_logits(outputs: Tensor, labels: Tensor) -> float:
    """Return the area under the ROC curve: how likely a positive has a higher output than a negative.

    Ties count half (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).

    Args:
        outputs: logits, or whatever rises with the probability of label 1; one for each label.
        labels: 0 or 1, of any type.

    Returns:
        0 to 1; NaN where one of the labels is missing.
    """
    scores, positive = outputs.flatten().cpu(), labels.flatten().cpu() > 0
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not (positives and negatives):
        return math.nan
    _, place, sizes = torch.unique(scores, return_inverse=True, return_counts=True)
    last = sizes.cumsum(0)
    mean_ranks = last.double() - (sizes.double() - 1) / 2
    wins = float(mean_ranks[place][positive].sum()) - positives * (positives + 1) / 2
    return wins / (positives * negatives)


def prepare_data_split_list(data: Sized, n: int) -> list[int]:
    """Return the sizes of ``n`` parts of the data, as ``torch.utils.data.random_split`` takes them.

    They differ by one at most, the larger ones first.

    Raises:
        ConfigError: ``n`` is less than 1.
    """
    if n < 1:
        raise ConfigError(f"data cannot be split into {n} parts")
    size, left = divmod(len(data), n)
    return [size + 1] * left + [size] * (n - left)


def _share(right: Tensor) -> float:
    return int(right.sum()) / right.numel()
