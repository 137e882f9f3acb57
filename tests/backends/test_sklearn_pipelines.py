"""Pipelines with fixed preprocessing, regressors, class weights, and learners that lack classes."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from colearn_backends.sklearn import SklearnLearner
from colearn_chain.errors import ConfigError

Data = tuple[Any, Any]


def blobs(count: int = 60, seed: int = 0, present: tuple[int, ...] = (0, 1, 2)) -> Data:
    """Points around three centres far from zero and on unlike scales, of the classes that are present."""
    labels = np.array(present)[np.arange(count) % len(present)]
    points = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(4)[labels]
    return 1000 + points * np.array([1, 10, 100, 1000]), labels


def line(count: int = 60, seed: int = 0) -> Data:
    """Points and a plane over them."""
    points = np.random.default_rng(seed).normal(size=(count, 4))
    return points, points @ np.array([1.0, -2.0, 0.5, 0.0])


def learner(estimator: Any, data: Any = blobs, **options: Any) -> SklearnLearner:
    """A learner on three disjoint samples."""
    known = {} if data is line else {"classes": range(3)}
    return SklearnLearner(estimator, data(seed=0), data(seed=1), data(seed=2), **{**known, **options})


def scaler() -> StandardScaler:
    """Fitted beforehand, on points that nobody keeps private."""
    return StandardScaler().fit(blobs(seed=77)[0])


def classifier(**options: Any) -> SGDClassifier:
    """A linear classifier with probabilities."""
    return SGDClassifier(**{"loss": "log_loss", "alpha": 0.01, "random_state": 0} | options)


def adopt(held_by: SklearnLearner, rounds: int = 3) -> float:
    """Train, adopt, and return the test score."""
    for _ in range(rounds):
        held_by.mli_accept_weights(held_by.mli_propose_weights())
    return held_by.mli_test_weights(held_by.mli_get_current_weights()).test_score


def model_of(held_by: SklearnLearner) -> Any:
    """The current model."""
    return held_by.mli_get_current_model().model


def passive_aggressive(kind: type[Any]) -> Any:
    """A kind of estimator that scikit-learn will take away, made without its saying so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return kind(random_state=0)


def test_a_pipeline_learns_what_its_steps_make_learnable() -> None:
    """Points that a linear model cannot learn as they are it learns after a fitted scaler."""
    assert adopt(learner(make_pipeline(scaler(), classifier()))) > 0.9 > adopt(learner(classifier()))


def test_the_weights_are_the_last_steps() -> None:
    """A learner with the same data scaled by hand comes to the same weights and scores."""
    fixed = scaler()
    ours = learner(make_pipeline(fixed, classifier()))
    scaled = [(fixed.transform(blobs(seed=seed)[0]), blobs(seed=seed)[1]) for seed in range(3)]
    theirs = SklearnLearner(classifier(), *scaled, classes=range(3))
    proposal = ours.mli_propose_weights()
    expected = theirs.mli_propose_weights()
    assert proposal.weights.keys() == {"coef_", "intercept_"}
    assert np.array_equal(proposal.weights["coef_"], expected.weights["coef_"])
    assert ours.mli_test_weights(proposal).vote_score == theirs.mli_test_weights(proposal).vote_score


def test_the_current_model_is_the_whole_pipeline() -> None:
    """It predicts from rows as they were given, and its steps are the fitted ones."""
    fixed = scaler()
    ours = learner(make_pipeline(fixed, "passthrough", classifier()))
    adopt(ours)
    model = model_of(ours)
    assert isinstance(model, Pipeline)
    assert model.score(*blobs(seed=9)) > 0.9
    assert np.array_equal(model.steps[0][1].mean_, fixed.mean_)
    before = model.predict_proba(blobs(seed=9)[0])
    adopt(ours)
    model_of(ours).steps[0][1].mean_[:] = 0
    assert np.array_equal(model.predict_proba(blobs(seed=9)[0]), before)
    assert model_of(ours).score(*blobs(seed=9)) > 0.9


def test_no_step_is_ever_fitted_or_shared() -> None:
    """The caller's pipeline stays as it is, and what the caller does to it later changes nothing here."""
    pipeline = make_pipeline(scaler(), classifier())
    before = copy.deepcopy(pipeline.steps[0][1].mean_)
    ours = learner(pipeline)
    adopt(ours)
    assert np.array_equal(pipeline.steps[0][1].mean_, before)
    assert not hasattr(pipeline.steps[-1][1], "coef_")
    pipeline.steps[0][1].mean_[:] = 0
    assert model_of(ours).score(*blobs(seed=9)) > 0.9


def test_steps_without_anything_to_fit_need_no_fitting() -> None:
    """Functions, row by row; text becomes numbers by hashing."""
    rows = make_pipeline(FunctionTransformer(np.arctan), Normalizer(), classifier())
    assert learner(rows).mli_propose_weights().weights["coef_"].shape == (3, 4)
    words = np.array(["good fine nice", "bad awful sad"] * 10)
    text = (words, np.arange(20) % 2)
    reader = SklearnLearner(make_pipeline(HashingVectorizer(n_features=64), classifier()), text, text, text)
    assert adopt(reader) == 1.0


class NoEstimator:
    """Transforms, and is nothing that could be fitted."""

    def transform(self, features: Any) -> Any:
        """Leave everything as it is."""
        return features


class NoTransformer(BaseEstimator):  # type: ignore[misc]
    """Stands in a pipeline and does nothing."""

    def fit(self, *_: Any) -> Any:
        """Be fitted."""
        return self


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([("scale", StandardScaler())], r"step 'scale' \(StandardScaler\) is not fitted, and would learn"),
        ([("rows", make_pipeline(StandardScaler(), Normalizer()))], r"'standardscaler' .* not fitted"),
        ([("columns", ColumnTransformer([("a", StandardScaler(), [0])]))], "'columns' .* not fitted"),
        ([("ok", Normalizer()), ("mlp", NoTransformer())], "'mlp' .* cannot transform"),
        ([("own", NoEstimator())], "'own' .* is no estimator"),
        ([("odd", FunctionTransformer(lambda rows: rows[:-1]))], "train data cannot be used"),
    ],
    ids=["unfitted", "nested", "columns", "no transformer", "no estimator", "drops rows"],
)
def test_a_step_that_would_learn_from_private_data_is_refused(steps: list[Any], complaint: str) -> None:
    """The error names the step and says what to do; a pipeline in a pipeline hides none."""
    with pytest.raises(ConfigError, match=complaint):
        learner(Pipeline([*steps, ("model", classifier())]))


def test_a_pipelines_model_has_to_train_step_by_step() -> None:
    """What is refused alone is refused at the end of a pipeline."""
    with pytest.raises(ConfigError, match=r"SGDClassifier.*average=False"):
        learner(make_pipeline(scaler(), SGDClassifier(average=True)))


@pytest.mark.parametrize(
    "regressor",
    [
        SGDRegressor(random_state=0),
        SGDRegressor(loss="huber", eta0=0.5, random_state=0),
        SGDRegressor(loss="epsilon_insensitive", penalty=None, learning_rate="pa1", eta0=1.0),
        passive_aggressive(PassiveAggressiveRegressor),
        MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.02, batch_size=10, random_state=0),
        make_pipeline(StandardScaler().fit(line()[0]), SGDRegressor(random_state=0)),
    ],
    ids=["sgd", "huber", "pa1", "passive-aggressive", "mlp", "pipeline"],
)
def test_regressors_learn_a_plane(regressor: Any) -> None:
    """From nothing to most of the variance explained, by the coefficient of determination."""
    ours = learner(regressor, data=line, epochs=5)
    first = ours.mli_test_weights(ours.mli_get_current_weights())
    assert ours.mli_test_weights(ours.mli_propose_weights()).vote
    assert adopt(ours, 5) > 0.9 > first.test_score


def test_a_perceptron_may_have_several_targets() -> None:
    """A multi-layer perceptron regresses on a table, too."""
    points, target = line()
    both = (points, np.column_stack([target, -target]))
    ours = SklearnLearner(MLPRegressor(hidden_layer_sizes=(8,), random_state=0), both, both)
    assert ours.mli_propose_weights().weights["coefs_1"].shape == (8, 2)


@pytest.mark.parametrize(
    "estimator",
    [
        classifier(),
        Perceptron(random_state=0),
        SGDClassifier(loss="hinge", penalty=None, learning_rate="pa1", eta0=1.0, random_state=0),
        passive_aggressive(PassiveAggressiveClassifier),
        MLPClassifier((6,), random_state=0),
        classifier(class_weight={0: 1.0, 1: 5.0}),
    ],
    ids=["log", "perceptron", "pa1", "passive-aggressive", "mlp", "weighted"],
)
@pytest.mark.parametrize(("known", "present"), [(3, (1,)), (3, (0, 2)), (2, (0,)), (2, (1,))])
def test_a_learner_may_lack_classes(estimator: Any, known: int, present: tuple[int, ...]) -> None:
    """Even with a single class it trains, and its weights fit those of learners that have all."""
    rich, poor = (
        SklearnLearner(estimator, blobs(present=having), blobs(seed=1, present=having), classes=range(known))
        for having in (tuple(range(known)), present)
    )
    assert math.isfinite(rich.mli_test_weights(poor.mli_propose_weights()).vote_score)
    assert math.isfinite(poor.mli_test_weights(rich.mli_propose_weights()).vote_score)


def rare(count: int = 300, seed: int = 0) -> Data:
    """Two classes that overlap, one of them in a twentieth of the rows."""
    labels = (np.arange(count) % 20 == 0).astype(int)
    return np.random.default_rng(seed).normal(size=(count, 2)) + labels[:, None], labels


def test_class_weights_weigh_training_and_votes_alike() -> None:
    """Default votes are by log loss with the same weights, so that what training improves is approved."""
    weights = {0: 1.0, 1: 20.0}
    ours = learner(classifier(class_weight=weights), data=rare, classes=range(2))
    proposal = ours.mli_propose_weights()
    tested = ours.mli_test_weights(proposal)
    ours.mli_accept_weights(proposal)
    features, labels = rare(seed=1)
    found = model_of(ours).predict_proba(features)
    weighed = log_loss(labels, found, sample_weight=np.where(labels == 1, 20.0, 1.0))
    assert tested.vote_score == pytest.approx(-weighed)
    assert tested.vote_score != pytest.approx(-log_loss(labels, found))
    unsaid = learner(classifier(class_weight={1: 20.0}), data=rare, classes=range(2))
    assert unsaid.mli_test_weights(proposal).vote_score == tested.vote_score


def test_class_weights_find_the_rare_class() -> None:
    """With weights most of the rare class is found, without next to nothing of it."""
    plain, weighed = (
        adopt(learner(classifier(class_weight=weights), data=rare, classes=range(2), test_scoring="recall"))
        for weights in (None, {1: 20.0})
    )
    assert plain < 0.2
    assert weighed > 0.6


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ("balanced", r"class_weight='balanced'\) would weigh classes by each learner's own samples"),
        ({7: 1.0}, r"no class of the experiment: \[7\]"),
        ({0: -1.0}, "not finite and above 0: -1.0"),
        ({0: float("nan")}, "not finite and above 0: nan"),
        ({0: "heavy"}, "is no number: 'heavy'"),
    ],
)
def test_class_weights_that_are_not_fixed_numbers_are_refused(weights: Any, complaint: str) -> None:
    """The error names the estimator and the weights."""
    with pytest.raises(ConfigError, match=complaint):
        learner(classifier(class_weight=weights))


def test_weights_of_classes_that_are_words() -> None:
    """Labels may be text here too, and a number is then no class."""
    words = np.array(["common", "rare"])
    data = [(features, words[labels]) for features, labels in (rare(seed=0), rare(seed=1))]
    slow = classifier(class_weight={"rare": 20.0}, learning_rate="constant", eta0=0.001)
    ours = SklearnLearner(slow, *data)
    assert ours.mli_test_weights(ours.mli_propose_weights()).vote
    with pytest.raises(ConfigError, match="no class of the experiment"):
        SklearnLearner(classifier(class_weight={0: 20.0}), *data)


def test_a_table_of_labels_is_refused() -> None:
    """One label for each sample: several at once would be taken for one."""
    features, labels = blobs()
    with pytest.raises(ConfigError, match=r"labels of shape \(60, 3\)"):
        SklearnLearner(MLPClassifier((4,)), (features, np.eye(3)[labels]), (features, labels))
