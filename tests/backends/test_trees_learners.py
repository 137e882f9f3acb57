"""Learners of trees: what they propose continues what is held, and nothing else is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from colearn_backends.boosting import BoostingLearner
from colearn_backends.forest import RandomForestLearner
from colearn_backends.trees import Limits
from colearn_backends.trees_learner import TreesLearner
from colearn_backends.trees_models import TreeClassifier, TreeRegressor
from colearn_chain.driver import run
from colearn_chain.errors import ConfigError, InvalidWeights, LearnerError
from colearn_chain.ml_interface import ErrorCodes, MachineLearningInterface, ModelFormat, Weights
from colearn_chain.rounds import Ballot
from colearn_chain.testing.conformance import LearnerConformance
from colearn_chain.weights import WeightsCodec, read_weights, schema_of, write_weights

Arrays = dict[str, np.ndarray]
Data = tuple[Any, Any]
Maker = Callable[..., TreesLearner]


def blobs(seed: int, count: int = 60, present: tuple[int, ...] = (0, 1, 2)) -> Data:
    """Points around three centres, some values missing, of the classes that are present."""
    rng = np.random.default_rng(seed)
    labels = np.array(present)[np.arange(count) % len(present)]
    points = rng.normal(size=(count, 4)) + 3 * np.eye(4)[labels]
    points[rng.random(points.shape) < 0.05] = np.nan
    return points, labels


def hills(seed: int, count: int = 80) -> Data:
    """Points and a number that depends on them, far from 0."""
    points = np.random.default_rng(seed).uniform(-1, 1, size=(count, 4))
    return points, 50 + 10.0 * (points[:, 0] > points[:, 1])


def three(make_data: Callable[[int], Data], seed: int = 0) -> dict[str, Any]:
    """Disjoint samples for training, votes and tests."""
    names = ("train_data", "vote_data", "test_data")
    return {name: make_data(3 * seed + part) for part, name in enumerate(names)}


def two_blobs(seed: int) -> Data:
    """Blobs of two classes."""
    return blobs(seed, present=(0, 1))


def forest(who: int = 0, **options: Any) -> RandomForestLearner:
    """One of several learners of a forest."""
    return RandomForestLearner(**{**three(blobs, who), "classes": range(3), "seed": [0, who]} | options)


def multiclass(who: int = 0, **options: Any) -> BoostingLearner:
    """One of several learners that boost for three classes."""
    usual: dict[str, Any] = {
        **three(blobs, who),
        "classes": range(3),
        "objective": "multiclass",
        "trees_to_add": 3,
    }
    return BoostingLearner(**{**usual, "seed": [0, who]} | options)


def binary(who: int = 0, **options: Any) -> BoostingLearner:
    """One of several learners that boost for two classes."""
    return multiclass(who, **{**three(two_blobs, who), "objective": "binary", "classes": [0, 1]} | options)


def regression(who: int = 0, **options: Any) -> BoostingLearner:
    """One of several learners that boost for a number."""
    return multiclass(who, **{**three(hills, who), "objective": "regression", "classes": None} | options)


MAKERS: dict[str, Maker] = {
    "forest": forest,
    "multiclass": multiclass,
    "binary": binary,
    "regression": regression,
}


@pytest.fixture(params=list(MAKERS.values()), ids=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Maker:
    """Makes learners of one kind."""
    maker: Maker = request.param
    return maker


@pytest.fixture
def learner(make: Maker) -> MachineLearningInterface:
    """A fresh learner of each kind."""
    return make()


@pytest.fixture
def grown(make: Maker) -> TreesLearner:
    """A learner that holds trees already."""
    learner = make()
    learner.mli_accept_weights(learner.mli_propose_weights())
    return learner


class TestConformance(LearnerConformance):
    """All kinds, before anything was learnt."""


class TestConformanceLater(LearnerConformance):
    """All kinds, with trees that split."""

    @pytest.fixture
    def learner(self, grown: TreesLearner) -> MachineLearningInterface:
        """A learner that has been through a round."""
        return grown


def arrays(learner: TreesLearner) -> Arrays:
    """The current weights."""
    current: Arrays = learner.mli_get_current_weights().weights
    return current


def proposed(learner: TreesLearner) -> Arrays:
    """What a learner proposes."""
    weights: Arrays = learner.mli_propose_weights().weights
    return weights


def model_of(learner: TreesLearner) -> Any:
    """The current model."""
    return learner.mli_get_current_model().model


def trees_in(weights: Arrays) -> int:
    """How many trees there are."""
    return len(weights["offsets"]) - 1


def same(left: Arrays, right: Arrays) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_a_proposal_begins_with_what_is_held(grown: TreesLearner) -> None:
    """Bit for bit, array by array; the new trees stand after it."""
    before, after = arrays(grown), proposed(grown)
    assert trees_in(after) > trees_in(before)
    for name, array in before.items():
        assert np.array_equal(after[name][: len(array)], array)


def test_first_weights_know_nothing(make: Maker) -> None:
    """They are the same for all learners, whatever data they have."""
    assert same(arrays(make(0)), arrays(make(1)))
    assert not (arrays(make(0))["left"] >= 0).any()


def test_learners_improve_each_others_trees(make: Maker) -> None:
    """What learners add in turn is accepted by the others, and the test score rises."""
    results = run(6, [make(who) for who in range(3)])
    scores = [float(np.mean(result.test_scores)) for result in results.data]
    assert results.data[1].vote
    assert sum(result.vote for result in results.data) >= 3
    assert scores[-1] > max(0.5, scores[0])


def drop_last(weights: Arrays, group: int) -> Arrays:
    """The same ensemble without its last group of trees, nothing else wrong with it."""
    nodes = int(weights["offsets"][-1 - group])
    leaves = int(np.count_nonzero(weights["left"][:nodes] < 0))
    cut = {name: array[:nodes] for name, array in weights.items() if name not in {"offsets", "leaf_values"}}
    return cut | {"offsets": weights["offsets"][:-group], "leaf_values": weights["leaf_values"][:leaves]}


def group_of(learner: TreesLearner) -> int:
    """How many trees its first weights have."""
    return learner.weight_schema().tensors["offsets"].open_floor - 1


def test_a_proposal_that_drops_trees_is_malformed(grown: TreesLearner) -> None:
    """Not merely worse: it is refused before it is scored. To adopt what the others hold is another thing."""
    fewer = drop_last(arrays(grown), group_of(grown))
    with pytest.raises(InvalidWeights, match="have to stay as they are") as refusal:
        grown.mli_test_weights(Weights(weights=fewer))
    assert refusal.value.subject == f"tree {trees_in(fewer)}"
    grown.mli_accept_weights(Weights(weights=fewer))
    assert same(arrays(grown), fewer)


@pytest.mark.parametrize("name", ["threshold", "leaf_values", "missing_left"])
def test_a_proposal_that_alters_a_held_tree_is_malformed(grown: TreesLearner, name: str) -> None:
    """By a single value, in the last tree that splits, beside new trees that are all right."""
    held, weights = arrays(grown), proposed(grown)
    split = int(np.flatnonzero(held["left"] >= 0)[-1])
    tree = int(np.searchsorted(held["offsets"], split, side="right")) - 1
    if name == "leaf_values":
        row = int(np.count_nonzero(held["left"][:split] < 0))
        weights[name][row] = (
            weights[name][row][::-1] if weights[name].shape[1] > 1 else weights[name][row] + 1
        )
    elif name == "missing_left":
        weights[name][split] ^= 1
    else:
        weights[name][split] += 1e-9
    with pytest.raises(InvalidWeights, match="have to stay as they are") as refusal:
        grown.mli_test_weights(Weights(weights=weights))
    assert refusal.value.subject == f"tree {tree}"


def test_a_proposal_on_other_trees_is_malformed(make: Maker) -> None:
    """As good as it may be: who votes knows the trees that it must begin with."""
    ours, theirs = make(0), make(1)
    for learner in (ours, theirs):
        learner.mli_accept_weights(learner.mli_propose_weights())
    with pytest.raises(InvalidWeights, match="have to stay as they are"):
        ours.mli_test_weights(theirs.mli_propose_weights())


def test_crafted_trees_are_refused_wherever_they_arrive(grown: TreesLearner) -> None:
    """A cycle in the last of the new trees; the error counts trees from the first of the ensemble."""
    weights = proposed(grown)
    split = int(np.flatnonzero(weights["left"] >= 0)[-1])
    tree = int(np.searchsorted(weights["offsets"], split, side="right")) - 1
    weights["left"][split] = 0
    before = arrays(grown)
    ways_in: list[Callable[[], object]] = [
        lambda: grown.mli_test_weights(Weights(weights=weights)),
        lambda: grown.mli_accept_weights(Weights(weights=weights)),
        lambda: grown.arrays_to_weights(weights),
        lambda: grown.weights_to_arrays(weights),
    ]
    for way_in in ways_in:
        with pytest.raises(InvalidWeights, match=f"tree {tree}, node .*left child 0 is no later node"):
            way_in()
    assert same(arrays(grown), before)


def test_crafted_trees_among_the_held_ones_are_refused(grown: TreesLearner) -> None:
    """Nothing is skipped because it stands where trees that were checked before stood."""
    weights = proposed(grown)
    split = int(np.flatnonzero(weights["left"] >= 0)[0])
    weights["right"][split] = -7
    with pytest.raises(InvalidWeights, match="right child -7 is no later node"):
        grown.mli_accept_weights(Weights(weights=weights))


class Tampering(RandomForestLearner):
    """Proposes to forget what the others have added."""

    def mli_propose_weights(self) -> Weights:
        """Propose new trees in the place of the held ones."""
        fresh = forest(9).mli_propose_weights()
        return fresh if self._held.splits else super().mli_propose_weights()


def test_a_tampered_proposal_is_unavailable_to_everybody() -> None:
    """Nobody votes on it, everybody can say why, and all go on from what was held."""
    learners = [forest(0), Tampering(**three(blobs, 1), classes=range(3)), forest(2)]
    played = run(3, learners).data
    assert [result.vote for result in played] == [False, True, False, True]
    assert played[2].ballots == [Ballot.UNAVAILABLE, Ballot.NONE, Ballot.UNAVAILABLE]
    assert all("have to stay as they are" in note for note in played[2].notes)
    assert trees_in(arrays(learners[0])) == 11


def test_at_its_limit_a_learner_has_nothing_to_propose(make: Maker) -> None:
    """The last proposal takes the room that is left; then there is a reason instead of weights."""
    group = group_of(make())
    most = 5 * group + 1
    learner = make(limits=Limits(trees=most))
    for _ in range(10):
        proposal = learner.mli_propose_weights()
        if proposal.weights is None:
            break
        learner.mli_accept_weights(proposal)
    assert most - group < trees_in(arrays(learner)) <= most
    assert proposal.training_summary is not None
    assert proposal.training_summary.error_code is ErrorCodes.MODEL_FULL


def test_trees_that_do_not_fit_any_more_are_left_out(make: Maker) -> None:
    """The limit of nodes is kept by whole trees, in whole groups."""
    learner = make(limits=Limits(nodes=60))
    while (proposal := learner.mli_propose_weights()).weights is not None:
        learner.mli_accept_weights(proposal)
    held = arrays(learner)
    assert 20 < len(held["left"]) <= 60
    assert trees_in(held) % group_of(learner) == 0
    assert proposal.training_summary is not None
    assert proposal.training_summary.error_code is ErrorCodes.MODEL_FULL


def test_a_group_that_is_full_skips_its_rounds() -> None:
    """The driver notes why; the forest stays."""
    learners = [forest(who, limits=Limits(trees=8)) for who in range(3)]
    results = run(6, learners)
    assert results.data[-1].skipped
    assert "MODEL_FULL" in results.data[-1].notes[0]
    assert trees_in(arrays(learners[0])) == 8


def test_a_stranger_beyond_the_limits_is_refused(make: Maker) -> None:
    """More trees than are allowed, or deeper ones, whatever another party's own limits are."""
    large = proposed(make())
    with pytest.raises(InvalidWeights, match="has shape"):
        make(limits=Limits(nodes=len(large["left"]) - 1)).mli_test_weights(Weights(weights=large))
    with pytest.raises(InvalidWeights, match="deep; 1 are allowed"):
        make(limits=Limits(depth=1), max_depth=1).mli_test_weights(Weights(weights=large))


def test_weights_travel_as_they_are(grown: TreesLearner, tmp_path: Any) -> None:
    """Through a file, by the schema that the learner declares, to the same weights."""
    assert isinstance(grown, WeightsCodec)
    named = grown.weights_to_arrays(proposed(grown))
    schema = schema_of(grown, named)
    write_weights(named, tmp_path / "weights")
    back = grown.arrays_to_weights(read_weights(tmp_path / "weights", schema))
    assert same(back, dict(named))
    schema.check(arrays(grown))


@pytest.mark.parametrize("maker", [forest, multiclass])
@pytest.mark.parametrize("present", [(0, 1), (2,)])
def test_a_learner_may_lack_classes(maker: Maker, present: tuple[int, ...]) -> None:
    """It votes on others' trees, its own have everybody's form, and nothing that it lacks is impossible."""
    poor = maker(1, **three(lambda seed: blobs(seed, present=present)))
    rich = maker(0)
    for teacher, pupil in ((rich, poor), (poor, rich)):
        proposal = teacher.mli_propose_weights()
        if proposal.weights is not None:
            tested = pupil.mli_test_weights(proposal)
            assert math.isfinite(tested.vote_score)
            pupil.mli_accept_weights(proposal)
            model = model_of(pupil)
            probabilities = model.predict_proba(blobs(5)[0])
            assert probabilities.shape == (60, 3)
            assert probabilities.min() > 0
            assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_what_a_learner_knows_of_keeps_its_place() -> None:
    """A learner that lacks the first class does not take the others for it."""
    poor = forest(**three(lambda seed: blobs(seed, present=(1, 2))))
    new = proposed(poor)["leaf_values"][1:]
    assert not new[:, 0].any()
    poor.mli_accept_weights(poor.mli_propose_weights())
    x, y = blobs(8, present=(1, 2))
    assert (model_of(poor).predict(x) == y).mean() > 0.8


def test_a_value_beside_a_threshold_is_rounded_as_in_training() -> None:
    """scikit-learn compares in 32 bits: what is 0.5 there goes left at 0.5, whatever 64 bits know of it."""
    x, y = np.repeat(np.arange(60)[:, None] % 2, 4, axis=1).astype(float), np.arange(60) % 2
    learner = forest(train_data=(x, y), max_depth=1)
    learner.mli_accept_weights(learner.mli_propose_weights())
    assert set(arrays(learner)["threshold"]) == {0.0, 0.5}
    assert model_of(learner).predict([[0.5 + 1e-12] * 4, [0.5 + 1e-6] * 4]).tolist() == [0, 1]


def one_answer(learner: TreesLearner, answer: list[float]) -> Weights:
    """An ensemble that answers the same for every sample."""
    first = arrays(learner)
    rows = np.array(answer, first["leaf_values"].dtype).reshape(first["leaf_values"].shape)
    return Weights(weights=first | {"leaf_values": rows})


def test_what_was_taken_for_impossible_costs_a_lot_and_not_everything() -> None:
    """A forest that is sure and wrong has a score, and one that is a little less so is better."""
    learner = forest()
    learner.mli_accept_weights(one_answer(learner, [1, 0, 0]))
    score = learner.mli_test_weights(learner.mli_get_current_weights()).vote_score
    assert score == pytest.approx(2 / 3 * math.log(np.finfo(np.float64).eps))
    assert learner.mli_test_weights(learner.mli_propose_weights()).vote


@pytest.mark.parametrize(
    ("maker", "margins", "expected"),
    [
        (multiclass, [1e12, 0, -1e12], [1, 0, 0]),
        (binary, [1e12], [0, 1]),
        (binary, [-1e12], [1, 0]),
        (regression, [1e12], 1e12),
    ],
)
def test_the_largest_margins_are_still_predictions(maker: Maker, margins: list[float], expected: Any) -> None:
    """Nothing overflows, and no warning is given."""
    learner = maker()
    learner.mli_accept_weights(one_answer(learner, margins))
    model = model_of(learner)
    predict = model.predict if isinstance(model, TreeRegressor) else model.predict_proba
    assert predict(np.zeros((1, 4)))[0] == pytest.approx(expected)
    assert math.isfinite(learner.mli_test_weights(learner.mli_get_current_weights()).vote_score)


def test_one_class_alone_teaches_boosting_nothing() -> None:
    """There is nothing to split, and one party's base rate is no news to the others."""
    learner = binary(**three(lambda seed: blobs(seed, present=(1,))))
    nothing = learner.mli_propose_weights()
    assert nothing.weights is None
    assert nothing.training_summary is None


def test_a_regression_begins_with_the_mean() -> None:
    """Where there is room for one tree only, it is all that is proposed; and it is proposed once."""
    x, y = hills(0)
    learner = regression(train_data=(x, y), limits=Limits(trees=2))
    weights = proposed(learner)
    assert weights["leaf_values"][:, 0] == pytest.approx([0, y.mean()])
    alike = regression(train_data=(np.zeros((80, 4)), y))
    alike.mli_accept_weights(alike.mli_propose_weights())
    assert trees_in(arrays(alike)) == 2
    assert alike.mli_propose_weights().weights is None


def test_boosting_goes_on_from_the_held_margins() -> None:
    """Two proposals of two rounds come to the same error on the training data as one of four."""
    data: dict[str, Any] = {**three(hills), "vote_data": hills(0), "extra_trees": False}
    once, twice = regression(**data, trees_to_add=4), regression(**data, trees_to_add=2)
    once.mli_accept_weights(once.mli_propose_weights())
    for _ in range(2):
        twice.mli_accept_weights(twice.mli_propose_weights())
    scores = [
        learner.mli_test_weights(learner.mli_get_current_weights()).vote_score for learner in (once, twice)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


def test_a_first_proposal_may_be_larger() -> None:
    """As many trees as are asked for on first weights, and later the usual number."""
    for learner in (forest(initial_trees=7, trees_to_add=2), binary(initial_trees=7, trees_to_add=2)):
        for expected in (8, 10, 12):
            learner.mli_accept_weights(learner.mli_propose_weights())
            assert trees_in(arrays(learner)) == expected


def test_training_is_a_function_of_data_trees_and_seed(make: Maker) -> None:
    """Two learners alike propose the same; another seed, or another try, comes to other trees."""
    options = {"options": {"feature_fraction": 0.5}} if make is not forest else {}
    first, second, other = make(**options), make(**options), make(seed=9, **options)
    one, again = proposed(first), proposed(first)
    assert same(one, proposed(second))
    assert not same(one, again)
    assert not same(one, proposed(other))


def test_a_learner_that_was_restarted_does_not_repeat_itself() -> None:
    """Its first training after a restart differs from the first one before, since the forest has grown."""
    before = forest()
    first = proposed(before)
    after = forest()
    after.mli_accept_weights(Weights(weights=first))
    new = proposed(after)["threshold"][len(first["threshold"]) :]
    assert not np.array_equal(new, first["threshold"][1:])


def test_threads_do_not_change_what_is_learnt(make: Maker) -> None:
    """They are a matter of speed alone."""
    assert same(proposed(make(threads=1)), proposed(make(threads=2)))


def test_the_model_predicts_what_was_scored(grown: TreesLearner) -> None:
    """It is an object with ``predict``, and the walker's predictions are what votes are about."""
    handed_out = grown.mli_get_current_model()
    assert handed_out.model_format is ModelFormat.NATIVE
    model, score = handed_out.model, grown.mli_test_weights(grown.mli_get_current_weights()).vote_score
    if isinstance(model, TreeRegressor):
        x, y = hills(1)
        assert score == pytest.approx(-np.square(model.predict(x) - y).mean())
        return
    assert isinstance(model, TreeClassifier)
    x, y = two_blobs(1) if model.classes_.size == 2 else blobs(1)
    probabilities = model.predict_proba(x)
    assert score == pytest.approx(np.log(probabilities[np.arange(y.size), y]).mean())
    assert np.array_equal(model.predict(x), model.classes_[probabilities.argmax(axis=1)])
    assert (model.predict(x) == y).mean() > 0.7


@pytest.mark.parametrize(
    "samples", [np.zeros((3, 5)), np.zeros(4), [["a", "b", "c", "d"]], np.full((1, 4), np.inf), [{}], None]
)
def test_a_model_is_not_asked_of_what_is_no_sample(grown: TreesLearner, samples: Any) -> None:
    """As scikit-learn's models do, it raises ValueError."""
    model = model_of(grown)
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="X"):
        model.predict(samples)


def test_classes_may_be_words() -> None:
    """They are sorted, as everywhere, and predictions are words again."""
    words = np.array(["owl", "cat", "dog"])
    named: dict[str, Any] = {name: (x, words[y]) for name, (x, y) in three(blobs).items()}
    learner = forest(**named, classes=["owl", "dog", "cat"])
    learner.mli_accept_weights(learner.mli_propose_weights())
    model = model_of(learner)
    assert model.classes_.tolist() == ["cat", "dog", "owl"]
    assert (model.predict(named["test_data"][0]) == named["test_data"][1]).mean() > 0.6


def test_votes_may_be_about_anything() -> None:
    """Accuracy by its name, or a function of the learner's own labels and the predictions."""
    by_name, by_function = (
        forest(vote_scoring="accuracy"),
        forest(vote_scoring=lambda y, p: float((p.argmax(axis=1) == y).mean()), test_scoring=lambda *_: 0.25),
    )
    proposal = by_name.mli_propose_weights()
    ours, theirs = by_name.mli_test_weights(proposal), by_function.mli_test_weights(proposal)
    assert ours.vote_score == theirs.vote_score > 0.5
    assert theirs.test_score == 0.25


def test_a_scoring_that_fails_is_the_learners_error() -> None:
    """Its own mistake, not the proposer's."""
    scores = iter([0.5])
    learner = forest(vote_scoring=lambda *_: next(scores))
    with pytest.raises(LearnerError, match="the scoring failed"):
        learner.mli_test_weights(learner.mli_propose_weights())


def test_without_test_data_there_is_no_test_score(make: Maker) -> None:
    """It is no number, and the vote is what it was."""
    tested = make(test_data=None).mli_test_weights(make().mli_propose_weights())
    assert math.isnan(tested.test_score)
    assert tested.vote_score == make().mli_test_weights(make().mli_propose_weights()).vote_score


def test_data_changed_by_the_caller_change_nothing(make: Maker) -> None:
    """The samples are fixed at the start."""
    x, y = hills(0) if make is regression else two_blobs(0) if make is binary else blobs(0)
    learner, untouched = make(train_data=(x, y)), make(train_data=(x.copy(), y.copy()))
    x[...] = 0
    y[...] = 0
    assert same(proposed(learner), proposed(untouched))


def test_a_training_that_fails_leaves_the_weights() -> None:
    """Wrong options are the learner's error, named."""
    learner = forest(max_features="nonsense")
    before = arrays(learner)
    with pytest.raises(LearnerError, match="max_features"):
        learner.mli_propose_weights()
    boosted = binary(options={"max_bin": -1})
    with pytest.raises(LearnerError, match="max_bin"):
        boosted.mli_propose_weights()
    assert same(arrays(learner), before)


def test_trees_that_nobody_would_take_are_not_proposed() -> None:
    """A target of absurd size makes margins of absurd size."""
    x, y = hills(0)
    with pytest.raises(LearnerError, match="nobody would take: tree 1, node 0: its margin is"):
        regression(train_data=(x, y * 1e15)).mli_propose_weights()


def spoilt(part: str, x: Any = None, y: Any = None) -> dict[str, Data]:
    """A learner's data with one thing wrong in one part."""
    good = blobs(0)
    return {part: (good[0] if x is None else x, good[1] if y is None else y)}


@pytest.mark.parametrize("maker", [forest, multiclass])
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (spoilt("train_data", x=np.full((60, 4), np.inf)), "train data .* infinite"),
        (spoilt("vote_data", x=np.zeros((60, 3))), "vote data have 3 features, the train data 4"),
        (spoilt("test_data", x=np.zeros((59, 4))), "test data .* 59 rows and y 60"),
        (spoilt("train_data", x=[["red"] * 4] * 60), "train data .*red"),
        (spoilt("train_data", x=np.zeros((0, 4)), y=[]), "train data .* 0 rows"),
        (spoilt("train_data", x=np.zeros(60)), "train data .* shape"),
        (spoilt("train_data", x=np.zeros((60, 0))), "train data .* shape"),
        (spoilt("vote_data", y=np.full(60, 7)), r"vote data .* no class of the experiment: \[7\]"),
        (spoilt("vote_data", y=["a"] * 60), "vote data .* no class of the experiment"),
        (spoilt("vote_data", y=np.zeros((60, 1))), "vote data .* y must have the shape"),
        ({"test_data": 5}, "test data"),
        ({"classes": [1]}, "two classes or more"),
        ({"trees_to_add": 0}, "trees_to_add must be at least 1, not 0"),
        ({"max_depth": 65}, "max_depth of 65 is more than the limit of 64"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"vote_scoring": "beauty"}, "'beauty' is no scoring"),
        ({"vote_scoring": lambda *_: math.nan}, "vote score of the first weights is nan"),
        ({"margin": -1.0}, "-1.0"),
        ({"seed": -1}, "-1 is no seed"),
    ],
)
def test_bad_arguments_are_refused(maker: Maker, options: dict[str, Any], complaint: str) -> None:
    """Data, classes and numbers that do not fit are named before anything is trained."""
    with pytest.raises(ConfigError, match=complaint):
        maker(**options)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"objective": "poisson"}, "'poisson' is no objective"),
        ({"objective": "regression"}, "classes go with binary and multiclass"),
        ({"classes": None}, "classes go with"),
        ({"objective": "binary"}, "binary has two classes"),
        ({"options": {"linear_tree": True}}, "not given linear_tree"),
        ({"options": {"categorical_feature": [0], "zero_as_missing": True}}, "categorical_feature, zero_as"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"num_leaves": 1}, "num_leaves must be at least 2"),
    ],
)
def test_bad_options_of_boosting_are_refused(options: dict[str, Any], complaint: str) -> None:
    """Also all those with which LightGBM makes trees that arrays do not hold."""
    with pytest.raises(ConfigError, match=complaint):
        multiclass(**options)


@pytest.mark.parametrize("target", [math.nan, math.inf])
def test_targets_are_numbers(target: float) -> None:
    """What is to be estimated is finite."""
    x, y = hills(0)
    y[3] = target
    with pytest.raises(ConfigError, match=r"train data .* no finite number"):
        regression(train_data=(x, y))
