"""What stands before a model in a scikit-learn pipeline: fixed steps, the same for every learner.

A step that were fitted by each learner would say something else of the same row at each of them, and what it
learned of private data would not be in any weights. So steps come fitted, or have nothing to fit, and are
never fitted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from colearn_backends.sklearn_arrays import copy_of
from colearn_chain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


class FixedSteps:
    """The steps before the last one of a pipeline; none for an estimator that is no pipeline.

    Args:
        estimator: a ``Pipeline`` or any other estimator. It is copied.

    Attributes:
        model: the last step, or the estimator itself: what is trained.

    Raises:
        ConfigError: a step before the last is not fitted, or cannot transform.
    """

    def __init__(self, estimator: Any) -> None:
        self._whole = copy_of(estimator)
        is_pipeline = isinstance(self._whole, Pipeline)
        self._steps = list(_flat(self._whole.steps[:-1])) if is_pipeline else []
        self.model = self._whole.steps[-1][1] if is_pipeline else self._whole
        for name, step in self._steps:
            _check_fixed(name, step)

    def transform(self, features: Any) -> Any:
        """Return what the model sees of these rows."""
        for _, step in self._steps:
            features = step.transform(features)
        return features

    def with_model(self, model: Any) -> Any:
        """Return a copy of the whole estimator around a trained model, which is not copied."""
        if not isinstance(self._whole, Pipeline):
            return model
        whole = copy_of(self._whole)
        whole.steps[-1] = (whole.steps[-1][0], model)
        return whole


def _flat(steps: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The steps that do something, those of pipelines in the pipeline included.

    A nested pipeline passes for fitted as soon as its last step does.
    """
    for name, step in steps:
        if isinstance(step, Pipeline):
            yield from _flat(step.steps)
        elif step is not None and step != "passthrough":
            yield name, step


def _check_fixed(name: str, step: Any) -> None:
    kind = f"the pipeline's step {name!r} ({type(step).__name__})"
    if not hasattr(step, "transform"):
        raise ConfigError(f"{kind} cannot transform anything")
    try:
        check_is_fitted(step)
    except NotFittedError as error:
        raise ConfigError(
            f"{kind} is not fitted, and would learn something else from every learner's private data: fit it "
            "beforehand on data that all parties have, or use one without anything to fit"
        ) from error
    except TypeError as error:
        raise ConfigError(f"{kind} is no estimator: {error}") from error
