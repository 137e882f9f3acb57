"""The scikit-learn learner: what it takes, what it refuses, and that nothing half done stays."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDOneClassSVM, SGDRegressor
from sklearn.metrics import log_loss
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier

from colearn_backends.sklearn import SklearnLearner
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import ModelFormat, Weights
from colearn_chain.weights import WeightsCodec

Data = tuple[Any, Any]


def blobs(count: int = 60, seed: int = 0, present: tuple[int, ...] = (0, 1, 2)) -> Data:
    """Points around three centres, of the classes that are present."""
    labels = np.array(present)[np.arange(count) % len(present)]
    return np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(4)[labels], labels


def log_regression() -> SGDClassifier:
    """A linear classifier with probabilities."""
    return SGDClassifier(loss="log_loss", random_state=0)


def perceptron(**options: Any) -> MLPClassifier:
    """A small network."""
    return MLPClassifier(hidden_layer_sizes=(6,), random_state=0, **options)


def make(estimator: Any = None, **options: Any) -> SklearnLearner:
    """A learner on three disjoint samples of the blobs."""
    parts = {
        "train_data": blobs(seed=0),
        "vote_data": blobs(seed=1),
        "test_data": blobs(seed=2),
        "classes": range(3),
    }
    return SklearnLearner(log_regression() if estimator is None else estimator, **{**parts, **options})


def arrays(learner: SklearnLearner) -> dict[str, np.ndarray]:
    """The current weights."""
    current: dict[str, np.ndarray] = learner.mli_get_current_weights().weights
    return current


def model_of(learner: SklearnLearner) -> Any:
    """The current model."""
    return learner.mli_get_current_model().model


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


class BreaksHalfWay(SGDClassifier):  # type: ignore[misc]
    """Changes its weights and then fails."""

    def partial_fit(self, features: Any, labels: Any, classes: Any = None, **options: Any) -> Any:
        """Train, and fail on anything but the first row."""
        super().partial_fit(features, labels, classes=classes, **options)
        self.coef_[...] = 7
        if len(labels) > 1:
            raise OSError("told to fail")
        return self


class Diverges(SGDClassifier):  # type: ignore[misc]
    """Comes to weights that are no numbers."""

    def partial_fit(self, features: Any, labels: Any, classes: Any = None, **options: Any) -> Any:
        """Train, and spoil it on anything but the first row."""
        super().partial_fit(features, labels, classes=classes, **options)
        if len(labels) > 1:
            self.coef_[...] = np.nan
        return self


class IsInterrupted(MLPClassifier):  # type: ignore[misc]
    """Is interrupted in the middle of training, which scikit-learn turns into a warning."""

    def _backprop(self, *arguments: Any) -> Any:
        if len(arguments[0]) > 1:
            raise KeyboardInterrupt
        return super()._backprop(*arguments)


def test_training_improves_until_others_would_approve() -> None:
    """What one learner proposes, another one approves, and after adoption its test score has risen."""
    proposer, voter = make(), make(train_data=blobs(seed=3), vote_data=blobs(seed=4))
    proposal = proposer.mli_propose_weights()
    before = voter.mli_test_weights(voter.mli_get_current_weights())
    tested = voter.mli_test_weights(proposal)
    assert tested.vote
    assert tested.vote_score > before.vote_score
    assert tested.test_score > 0.8 > before.test_score


@pytest.mark.parametrize("estimator", [BreaksHalfWay(loss="log_loss"), Diverges(loss="log_loss")])
def test_training_that_breaks_half_way_leaves_the_weights(estimator: Any) -> None:
    """A failure in training is a LearnerError, and the current weights are what they were."""
    learner = make(estimator)
    before = arrays(learner)
    with pytest.raises(LearnerError, match=type(estimator).__name__):
        learner.mli_propose_weights()
    assert same(arrays(learner), before)


def test_an_interrupt_during_training_is_not_swallowed() -> None:
    """Ctrl-C ends the program and does not become a proposal."""
    learner = make(IsInterrupted(hidden_layer_sizes=(3,), random_state=0))
    with pytest.raises(KeyboardInterrupt):
        learner.mli_propose_weights()


class Warns(SGDClassifier):  # type: ignore[misc]
    """Has something to say of its own."""

    def partial_fit(self, features: Any, labels: Any, classes: Any = None, **options: Any) -> Any:
        """Train, and warn on anything but the first row."""
        if len(labels) > 1:
            warnings.warn("the data look odd", UserWarning, stacklevel=2)
        return super().partial_fit(features, labels, classes=classes, **options)


def test_warnings_of_an_estimator_are_its_users_business() -> None:
    """Only what says nothing is silenced; a warning is neither lost nor taken for Ctrl-C."""
    with pytest.warns(UserWarning, match="look odd"):
        make(Warns(loss="log_loss")).mli_propose_weights()
    with pytest.raises(LearnerError, match="look odd"):
        make(Warns(loss="log_loss")).mli_propose_weights()


def test_a_scorer_that_breaks_leaves_the_weights() -> None:
    """A failure in a test is a LearnerError, and the current weights are what they were."""
    answers = iter([0.5])
    learner = make(vote_scoring=lambda *_: next(answers))
    before = arrays(learner)
    with pytest.raises(LearnerError, match="scoring SGDClassifier failed"):
        learner.mli_test_weights(learner.mli_propose_weights())
    assert same(arrays(learner), before)


def test_the_callers_estimator_is_not_touched() -> None:
    """It is copied, so it can be handed to every learner."""
    estimator = log_regression()
    make(estimator).mli_propose_weights()
    assert not hasattr(estimator, "coef_")


def test_data_changed_by_the_caller_change_nothing() -> None:
    """The samples are fixed at the start, for votes as for training."""
    train, vote = blobs(seed=0), blobs(seed=1)
    learner = make(train_data=train, vote_data=vote)
    for array in (*train, *vote):
        array[...] = 0
    ours, expected = learner.mli_propose_weights(), make().mli_propose_weights()
    assert same(ours.weights, expected.weights)
    assert learner.mli_test_weights(ours).vote_score == make().mli_test_weights(ours).vote_score


def test_more_epochs_go_further() -> None:
    """Two passes are one pass and another one, with the optimizer going on between them."""
    estimator = SGDClassifier(loss="log_loss", shuffle=False, random_state=0)
    twice = make(estimator, epochs=2, shuffle=False).mli_propose_weights().weights
    kept = make(estimator, shuffle=False, need_reset_optimizer=False)
    for _ in range(2):
        kept.mli_accept_weights(kept.mli_propose_weights())
    assert same(twice, arrays(kept))


def test_a_learner_may_lack_a_class() -> None:
    """With the experiment's classes its weights have everybody's shapes, and its log loss knows them all."""
    poor = make(train_data=blobs(present=(0, 1)), vote_data=blobs(seed=1, present=(1, 2)), test_data=None)
    rich = make()
    tested = poor.mli_test_weights(rich.mli_propose_weights())
    assert math.isfinite(tested.vote_score)
    assert math.isnan(tested.test_score)
    assert rich.mli_test_weights(poor.mli_propose_weights()).vote is not None


@pytest.mark.parametrize("make_estimator", [log_regression, perceptron])
def test_first_weights_do_not_depend_on_private_data(make_estimator: Any) -> None:
    """Learners with other data begin at the same weights if their estimators are seeded alike."""
    ours, theirs = make(make_estimator()), make(make_estimator(), train_data=blobs(seed=9, present=(2, 1)))
    assert same(arrays(ours), arrays(theirs))


def test_first_weights_of_a_perceptron_are_those_of_its_own_fit() -> None:
    """The estimator begins where scikit-learn itself would begin with this random_state, not a step later."""
    features, labels = blobs()
    direct = perceptron(shuffle=False).partial_fit(features, labels, classes=range(3))
    learner = make(perceptron(shuffle=False), train_data=(features, labels), shuffle=False)
    proposed = learner.mli_propose_weights().weights
    assert np.allclose(proposed["coefs_0"], direct.coefs_[0], rtol=0, atol=1e-15)
    assert np.allclose(proposed["intercepts_1"], direct.intercepts_[1], rtol=0, atol=1e-15)


def test_a_linear_model_learns_as_by_its_own_fit() -> None:
    """It begins at zero and at the start of its learning rate's schedule, as scikit-learn itself would."""
    estimator = SGDClassifier(loss="log_loss", shuffle=False)
    features, labels = blobs()
    direct = SGDClassifier(loss="log_loss", shuffle=False).partial_fit(features, labels, classes=range(3))
    proposed = make(estimator, train_data=(features, labels), shuffle=False).mli_propose_weights().weights
    assert np.array_equal(proposed["coef_"], direct.coef_)


def test_an_estimator_without_a_random_state_gets_one() -> None:
    """Nothing depends on chance that no seed controls."""
    learners = [make(MLPClassifier(hidden_layer_sizes=(3,), batch_size=10), seed=4) for _ in range(2)]
    assert same(arrays(learners[0]), arrays(learners[1]))


def test_an_estimator_that_was_fitted_keeps_its_weights() -> None:
    """A model that exists already is where the experiment begins."""
    fitted = log_regression().partial_fit(*blobs(), classes=range(3))
    learner = make(fitted)
    assert np.array_equal(arrays(learner)["coef_"], fitted.coef_)


def test_the_same_seed_proposes_the_same() -> None:
    """Training is a function of data, weights and seed."""
    first, second, other = (make(perceptron(batch_size=10), seed=seed) for seed in (1, 1, 2))
    proposals = [learner.mli_propose_weights().weights for learner in (first, second, other)]
    assert same(proposals[0], proposals[1])
    assert not same(proposals[0], proposals[2])


def test_each_proposal_begins_with_a_fresh_optimizer() -> None:
    """Without shuffling, training twice from the same weights gives the same; a kept optimizer goes on."""
    fresh = make(perceptron(shuffle=False), shuffle=False)
    kept = make(perceptron(shuffle=False), shuffle=False, need_reset_optimizer=False)
    for learner, expected in ((fresh, True), (kept, False)):
        first, second = learner.mli_propose_weights().weights, learner.mli_propose_weights().weights
        assert same(first, second) is expected


def test_the_schedule_of_a_linear_model_begins_anew_too() -> None:
    """SGD's learning rate falls with its step counter, which no proposal inherits."""
    learner = make(SGDClassifier(loss="log_loss", shuffle=False, random_state=0), shuffle=False)
    first, second = learner.mli_propose_weights().weights, learner.mli_propose_weights().weights
    assert same(first, second)


def test_the_default_vote_is_log_loss() -> None:
    """Where the estimator has probabilities the vote score is minus the log loss."""
    learner = make()
    learner.mli_accept_weights(learner.mli_propose_weights())
    model = model_of(learner)
    features, labels = blobs(seed=1)
    score = learner.mli_test_weights(learner.mli_get_current_weights()).vote_score
    assert score == pytest.approx(-log_loss(labels, model.predict_proba(features), labels=[0, 1, 2]))


def test_without_probabilities_the_vote_is_the_estimators_own_score() -> None:
    """A hinge loss votes by accuracy, a regressor by R^2."""
    hinge = make(SGDClassifier(loss="hinge", random_state=0))
    hinge.mli_accept_weights(hinge.mli_propose_weights())
    model = model_of(hinge)
    tested = hinge.mli_test_weights(hinge.mli_get_current_weights())
    assert tested.vote_score == model.score(*blobs(seed=1))
    assert tested.test_score == model.score(*blobs(seed=2)) != tested.vote_score
    points = np.random.default_rng(0).normal(size=(40, 2))
    regressor = SklearnLearner(SGDRegressor(random_state=0), (points, points[:, 0]), (points, points[:, 0]))
    regressor.mli_accept_weights(regressor.mli_propose_weights())
    score = regressor.mli_test_weights(regressor.mli_get_current_weights()).vote_score
    assert score == model_of(regressor).score(points, points[:, 0])


def test_any_scorer_can_be_named_or_given() -> None:
    """Votes by balanced accuracy, tests by a function."""
    learner = make(vote_scoring="balanced_accuracy", test_scoring=lambda *_: 0.25)
    tested = learner.mli_test_weights(learner.mli_propose_weights())
    assert 0.9 < tested.vote_score <= 1
    assert tested.test_score == 0.25


def test_a_margin_asks_for_more() -> None:
    """A better proposal that is not better by the margin is not approved."""
    proposal = make().mli_propose_weights()
    assert make().mli_test_weights(proposal).vote
    assert not make(margin=50).mli_test_weights(proposal).vote


def test_weights_that_overflow_are_not_approved() -> None:
    """Finite weights whose predictions are not finite score NaN, without a warning."""
    learner = make(perceptron())
    huge = {name: np.full_like(array, 1e308) for name, array in arrays(learner).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tested = learner.mli_test_weights(Weights(weights=huge))
    assert tested.vote is False


def test_nan_weights_score_nan() -> None:
    """Even where the estimator would still predict, as a hinge loss does."""
    learner = make(SGDClassifier(loss="hinge", random_state=0))
    broken = {name: array * np.nan for name, array in arrays(learner).items()}
    tested = learner.mli_test_weights(Weights(weights=broken))
    assert math.isnan(tested.vote_score)
    assert math.isnan(tested.test_score)


def test_nan_weights_cannot_be_held() -> None:
    """A group that adopted NaN could not compare anything any more."""
    learner = make()
    before = arrays(learner)
    with pytest.raises(InvalidWeights, match="not finite"):
        learner.mli_accept_weights(Weights(weights={name: array * np.nan for name, array in before.items()}))
    assert same(arrays(learner), before)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("coef_", lambda array: array[:, :-1]),
        ("coef_", lambda array: array.astype(np.float32)),
        ("coef_", lambda array: array.tolist()),
        ("intercept_", lambda array: array[:, None]),
        ("extra", lambda _: np.zeros(1)),
    ],
)
def test_wrong_weights_are_refused_by_name(name: str, spoil: Any) -> None:
    """A shape, a dtype, no array at all, one too many: the error says which, and nothing changes."""
    learner = make()
    before = arrays(learner)
    wrong = {**before, name: spoil(before.get(name))}
    for call in (learner.mli_test_weights, learner.mli_accept_weights):
        with pytest.raises(InvalidWeights, match=name):
            call(Weights(weights=wrong))
    with pytest.raises(InvalidWeights, match=name):
        learner.arrays_to_weights(wrong)
    assert same(arrays(learner), before)


def test_it_says_how_its_weights_become_arrays() -> None:
    """The learner is its own codec; both ways are copies."""
    learner = make(perceptron())
    assert isinstance(learner, WeightsCodec)
    named = learner.weights_to_arrays(arrays(learner))
    assert sorted(named) == ["coefs_0", "coefs_1", "intercepts_0", "intercepts_1"]
    back = learner.arrays_to_weights(named)
    back["coefs_0"][...] = 9
    assert same(named, arrays(learner))


def test_the_current_model_is_a_fitted_copy() -> None:
    """It predicts with the current weights, and training it changes nothing here."""
    learner = make()
    learner.mli_accept_weights(learner.mli_propose_weights())
    assert learner.mli_get_current_model().model_format is ModelFormat.NATIVE
    model = model_of(learner)
    before = arrays(learner)
    assert np.array_equal(model.coef_, before["coef_"])
    model.partial_fit(*blobs(seed=7))
    assert same(arrays(learner), before)


def test_sparse_data_and_text_labels_work() -> None:
    """Features may be CSR, labels may be words."""
    words = np.array(["cat", "dog", "owl"])
    parts = [(csr_matrix(features), words[labels]) for features, labels in (blobs(seed=0), blobs(seed=1))]
    learner = SklearnLearner(log_regression(), *parts, classes=words)
    assert learner.mli_test_weights(learner.mli_propose_weights()).vote


@pytest.mark.parametrize(
    ("estimator", "complaint"),
    [
        (LogisticRegression(), "LogisticRegression has no partial_fit"),
        (MLPClassifier(solver="lbfgs"), "MLPClassifier has no partial_fit"),
        (MultinomialNB(), "MultinomialNB"),
        (SGDOneClassSVM(), "neither a classifier nor a regressor"),
        (SGDClassifier(average=True), "average=False"),
        (perceptron(early_stopping=True), "early_stopping"),
        (SGDClassifier(loss="no such loss"), "no such loss"),
    ],
)
def test_an_estimator_that_cannot_be_used_is_refused(estimator: Any, complaint: str) -> None:
    """The error names the estimator or what is wrong with it."""
    positive = tuple((np.abs(features), labels) for features, labels in (blobs(seed=0), blobs(seed=1)))
    with pytest.raises(ConfigError, match=complaint):
        SklearnLearner(estimator, *positive, classes=range(3))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"train_data": (np.zeros((3, 4)), np.zeros(2))}, "train data"),
        ({"train_data": (np.full((3, 4), np.nan), np.arange(3))}, "train data"),
        ({"vote_data": (np.zeros((0, 4)), np.zeros(0))}, "vote data"),
        ({"test_data": 5}, "test data"),
        ({"classes": [0, 1]}, r"no class of the experiment: \[2\]"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"vote_scoring": "beauty"}, "'beauty' is no scoring"),
        ({"vote_scoring": "roc_auc_ovr", "vote_data": blobs(present=(1,))}, "vote"),
        ({"margin": -1.0}, "-1.0"),
        ({"vote_data": (np.zeros((5, 3)), np.arange(5) % 3)}, "features"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], complaint: str) -> None:
    """Data, classes, numbers and scorings that do not fit are named before anything is trained."""
    with pytest.raises(ConfigError, match=complaint):
        make(**options)


def test_one_class_is_refused() -> None:
    """There is nothing to tell apart."""
    with pytest.raises(ConfigError, match="two classes or more"):
        SklearnLearner(log_regression(), blobs(present=(1,)), blobs(present=(1,)))


def test_another_fit_for_other_classes_is_refused() -> None:
    """An estimator that was fitted for other classes is not the experiment's model."""
    fitted = log_regression().partial_fit(*blobs(), classes=range(4))
    with pytest.raises(ConfigError, match="fitted for the classes"):
        make(fitted)


def test_a_vote_score_that_is_nan_at_the_start_is_refused() -> None:
    """R^2 of one sample is no number, so such a learner could only ever approve by accident."""
    points = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(ConfigError, match="NaN on 1 vote samples"):
        SklearnLearner(SGDRegressor(), (points, points[:, 0]), (points[:1], points[:1, 0]))
