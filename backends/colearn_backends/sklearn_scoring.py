"""What a scikit-learn learner measures: scorers by name or function, and log loss as votes need it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import check_scoring, log_loss, make_scorer

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    Scorer = Callable[[Any, Any, Any], float]

LOG_LOSS = "neg_log_loss"


def default_vote_scoring(model: Any) -> str | None:
    """Log loss where the model gives probabilities; None, its own ``score``, elsewhere."""
    return LOG_LOSS if hasattr(model, "predict_proba") else None


def find_scorer(model: Any, scoring: str | Scorer | None) -> Scorer:
    """Return a scorer, ``(model, X, y) -> float``, the greater the better.

    Log loss is over all classes of the experiment, also those that a sample lacks, and weighs them as the
    model's training does: else what training improves could be a loss to every voter.

    Raises:
        ConfigError: there is no such scorer.
    """
    if scoring == LOG_LOSS:
        scoring = _log_loss_scorer(model.classes_, getattr(model, "class_weight", None))
    try:
        found: Scorer = check_scoring(model, scoring)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{scoring!r} is no scoring for {type(model).__name__}: {error}") from error
    return found


def check_class_weight(estimator: Any, classes: npt.NDArray[Any]) -> None:
    """Check that an estimator weighs classes by fixed numbers, or not at all.

    Raises:
        ConfigError: the weights are left to each learner's own data, a class is unknown, or a weight is not
            a finite number above 0.
    """
    weights = getattr(estimator, "class_weight", None)
    if weights is None:
        return
    name = f"{type(estimator).__name__}(class_weight={weights!r})"
    if not isinstance(weights, dict):
        raise ConfigError(
            f"{name} would weigh classes by each learner's own samples, so that all train for different "
            "ends: give numbers that all parties share, such as class_weight={0: 0.5, 1: 10.0}"
        )
    if strange := [label for label in weights if label not in classes]:
        raise ConfigError(f"{name} names what is no class of the experiment: {strange}")
    for weight in weights.values():
        if isinstance(weight, bool) or not isinstance(weight, int | float | np.number):
            raise ConfigError(f"{name} has a weight that is no number: {weight!r}")
        if not (math.isfinite(weight) and weight > 0):
            raise ConfigError(f"{name} has a weight that is not finite and above 0: {weight!r}")


def _log_loss_scorer(classes: npt.NDArray[Any], weights: Mapping[Any, float] | None) -> Scorer:
    def loss(labels: npt.NDArray[Any], probabilities: npt.NDArray[Any]) -> float:
        sample_weight = None if weights is None else [weights.get(label, 1.0) for label in labels.tolist()]
        return float(log_loss(labels, probabilities, labels=classes, sample_weight=sample_weight))

    scorer: Scorer = make_scorer(loss, greater_is_better=False, response_method="predict_proba")
    return scorer
