"""Which fitted attributes of a scikit-learn estimator are its weights, and how they go in and out by name.

Two layouts are known: linear models keep ``coef_`` and ``intercept_``, multi-layer perceptrons the lists
``coefs_`` and ``intercepts_`` (names ``coefs_0``, ``coefs_1`` and so on). Estimators whose arrays are
statistics of the samples they saw (naive Bayes, k-means) have no weights in this sense and are refused.
"""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[Any]]

_LINEAR = ("coef_", "intercept_")
_LAYERED = ("coefs_", "intercepts_")

_NO_STEP = 1e-300
"""A learning rate that changes no weight: a step of this size is lost in rounding."""


def prepare(
    estimator: Any, sample: tuple[Any, Any], classes: npt.NDArray[Any] | None, random_state: int
) -> Any:
    """Return a copy of the estimator that has weights and has learned nothing from the sample.

    Weights that the estimator already has are kept. Else a linear model begins at zero, and a perceptron
    where its ``random_state`` puts it, whatever data the learner has: learners with the same one begin at
    the same weights.

    Args:
        estimator: the caller's; it is not touched.
        sample: one row of training data (X [1, features], y [1]), from which only shapes are taken.
        classes: all classes of the experiment; None for a regressor.
        random_state: used where the estimator has none of its own.

    Raises:
        ConfigError: the estimator cannot be trained step by step, or keeps its weights elsewhere.
    """
    _check_kind(estimator)
    model = copy_of(estimator)
    if getattr(model, "random_state", 0) is None:
        model.random_state = random_state
    if not hasattr(model, _layout(model)[0]):
        _give_first_weights(model, sample, classes)
    _check_fitted(model, classes)
    forget_optimizer(model)
    return model


def copy_of(estimator: Any) -> Any:
    """Return a copy that shares nothing with the estimator.

    Deprecated estimators say so at every copy; whoever made one has been told already.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Class .* is deprecated", FutureWarning)
        return copy.deepcopy(estimator)


def forget_optimizer(model: Any) -> None:
    """Put what a fit leaves behind besides weights (moments, step counters) to where a first fit begins."""
    if _layout(model) == _LINEAR:
        model.t_ = 1.0
        return
    vars(model).pop("_optimizer", None)
    model.t_ = 0
    model._no_improvement_count = 0  # noqa: SLF001 - there is no public way to start the optimizer anew
    model.best_loss_ = np.inf
    model.loss_curve_ = []


def read(model: Any) -> dict[str, npt.NDArray[Any]]:
    """Return copies of the model's weights by name."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for attribute in _layout(model):
        value = getattr(model, attribute)
        named = {attribute: value} if _layout(model) == _LINEAR else _numbered(attribute, value)
        arrays |= {name: np.array(array, order="C") for name, array in named.items()}
    return arrays


def load(model: Any, arrays: Arrays) -> None:
    """Give the model copies of these weights; they are taken to fit the model."""
    for attribute in _layout(model):
        if _layout(model) == _LINEAR:
            setattr(model, attribute, np.array(arrays[attribute], order="C"))
        else:
            names = _numbered(attribute, getattr(model, attribute))
            setattr(model, attribute, [np.array(arrays[name], order="C") for name in names])


def _layout(model: Any) -> tuple[str, str]:
    return _LAYERED if isinstance(model, (MLPClassifier, MLPRegressor)) else _LINEAR


def _numbered(attribute: str, values: list[Any]) -> dict[str, Any]:
    return {f"{attribute}{index}": value for index, value in enumerate(values)}


def _check_kind(estimator: Any) -> None:
    name = type(estimator).__name__
    if not hasattr(estimator, "partial_fit"):
        raise ConfigError(f"{name} has no partial_fit as it is set up, so it cannot train from given weights")
    if not (is_classifier(estimator) or is_regressor(estimator)):
        raise ConfigError(f"{name} is neither a classifier nor a regressor")
    if getattr(estimator, "average", False):
        raise ConfigError(
            f"{name}(average={estimator.average}) keeps second weights of its own: use average=False"
        )


def _check_fitted(model: Any, classes: npt.NDArray[Any] | None) -> None:
    name = type(model).__name__
    for attribute in _layout(model):
        value = getattr(model, attribute, None)
        if not isinstance(value, list if _layout(model) == _LAYERED else np.ndarray):
            raise ConfigError(f"{name} keeps no weights as arrays in {' and '.join(_layout(model))}")
    if classes is not None and not np.array_equal(model.classes_, classes):
        raise ConfigError(f"{name} was fitted for the classes {model.classes_}, not {classes}")


def _give_first_weights(model: Any, sample: tuple[Any, Any], classes: npt.NDArray[Any] | None) -> None:
    known = {} if classes is None else {"classes": classes}
    rate = getattr(model, "learning_rate_init", None)
    if _layout(model) == _LAYERED:
        model.learning_rate_init = _NO_STEP
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Got `batch_size`")  # one row is no batch, on purpose
            model.partial_fit(*sample, **known)
    except Exception as error:
        raise ConfigError(f"{type(model).__name__} cannot be set up: {error}") from error
    if _layout(model) == _LAYERED:
        model.learning_rate_init = rate
        return
    for attribute in _LINEAR:
        if hasattr(model, attribute):
            getattr(model, attribute)[...] = 0
