"""River's interface: dictionaries one at a time, whose names may come at any time."""

import copy
import pickle
import subprocess
import sys
import timeit

import numpy as np
import pytest
from scipy.special import expit

from steepest.errors import InputError
from steepest.river import Classifier, Regressor


def words(rows, names, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=names)
    for _ in range(rows):
        some = rng.choice(names, size=6, replace=False)
        x = {f"w{j}": float(rng.uniform(0.5, 2.0)) for j in some}
        margin = sum(weight[j] * x[f"w{j}"] for j in some)
        yield x, bool(rng.random() < expit(margin)), margin


def test_classes_are_learned_though_names_keep_coming():
    model, told, known = Classifier(), [], []
    for i, (x, y, margin) in enumerate(words(4000, 300)):
        if i >= 2000:
            told.append(model.predict_proba_one(x)[y])
            known.append(expit(margin if y else -margin))
        model.learn_one(x, y)
    assert len(model.weights) == 300
    # Nobody could do better than the law itself; a coin costs .69.
    assert -np.mean(np.log(known)) < -np.mean(np.log(told)) < -np.mean(np.log(known)) + 0.12


def test_amounts_are_learned():
    rng = np.random.default_rng(1)
    model, errors = Regressor(alpha=0.0), []
    for i in range(1500):
        x = {"a": rng.normal(), "b": 1000 * rng.normal(), "c": rng.normal() / 100}
        y = 3 * x["a"] - x["b"] / 500 + 200 * x["c"] + 7 + 0.1 * rng.normal()
        if i >= 1000:
            errors.append(model.predict_one(x) - y)
        model.learn_one(x, y)
    assert np.sqrt(np.mean(np.square(errors))) < 0.12
    assert model.weights["b"] == pytest.approx(-1 / 500, rel=0.02)
    assert model.intercept == pytest.approx(7, abs=0.1)


def test_labels_are_whatever_they_are_and_weights_count():
    model = Classifier()
    assert model.predict_one({"a": 1.0}) is None
    assert model.predict_proba_one({}) == {}
    for _ in range(30):
        model.learn_one({"a": 1.0}, "yes")
        model.learn_one({"b": 1.0}, "no", w=0.5)
    assert (model.predict_one({"a": 1.0}), model.predict_one({"b": 1.0, "c": 9.0})) == ("yes", "no")
    assert sum(model.predict_proba_one({"a": 1.0}).values()) == pytest.approx(1.0)
    before = model.weights
    model.learn_one({"a": 1.0}, "no", w=0.0)
    assert model.weights == before
    with pytest.raises(InputError, match="third class"):
        model.learn_one({"a": 1.0}, "maybe")
    with pytest.raises(InputError, match="'a'"):
        model.learn_one({"a": float("nan")}, "no")
    with pytest.raises(InputError, match="'a'"):
        model.learn_one({"a": "text"}, "no")
    assert model.weights == before


def test_a_model_that_is_kept_goes_on_to_the_same_bits():
    model = Classifier()
    rows = list(words(300, 200))
    for x, y, _ in rows[:150]:
        model.learn_one(x, y)
    others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for each in (model, *others):
        for x, y, _ in rows[150:]:
            each.learn_one(x, y)
    assert all(each.weights == model.weights for each in others)


def test_one_prediction_takes_microseconds():
    """Of 28 names under 5 where nothing else runs; here with room for a busy machine."""
    model = Regressor()
    x = {f"x{j}": 1.0 for j in range(28)}
    model.learn_one(x, 3.0)
    assert min(timeit.repeat(lambda: model.predict_one(x), number=200, repeat=20)) / 200 < 20e-6


def test_what_is_refused_leaves_the_model_as_it_was():
    """Names and classes of a refused row, and of one of weight 0, are as unknown as before."""
    model, amounts = Classifier(), Regressor()
    for i in range(20):
        model.learn_one({"a": float(i % 3)}, i % 3 > 1)
        amounts.learn_one({"a": float(i % 3)}, 2.0 * (i % 3))
    fresh = {f"n{j}": 1.0 for j in range(200)}
    kept = [(m.weights, m.intercept) for m in (model, amounts)]
    with pytest.raises(InputError, match="too large"):
        amounts.learn_one(fresh, 1e308)
    with pytest.raises(InputError, match="classes of their own"):
        model.learn_one({"a": 1.0}, "no")
    model.learn_one({"a": 1.0, "b": 1.0}, True, w=0.0)
    assert [(m.weights, m.intercept) for m in (model, amounts)] == kept
    for _ in range(200):
        amounts.learn_one({**fresh, "a": 1.0}, 2.0)
    assert amounts.predict_one({**fresh, "a": 1.0}) == pytest.approx(2.0, abs=0.1)
    other = Classifier()
    for refused in ({"x": {"a": float("nan")}, "y": "odd"}, {"x": {"a": 1.0}, "y": "odd", "w": -1.0}):
        with pytest.raises(InputError):
            other.learn_one(**refused)
    other.learn_one({"a": 1.0}, "odd", w=0.0)
    assert other.predict_one({"a": 1.0}) is None
    other.learn_one({"a": 1.0}, "yes")
    other.learn_one({"b": 1.0}, "no")
    assert set(other.predict_proba_one({"a": 1.0})) == {"yes", "no"}


def test_amounts_far_from_0_are_learned_as_well_as_near_it():
    rng = np.random.default_rng(3)
    model, errors = Regressor(alpha=0.0), []
    for i in range(1500):
        x = {"a": rng.normal(), "b": rng.normal()}
        y = 1e8 + 3 * x["a"] - x["b"] + 0.1 * rng.normal()
        if i >= 1000:
            errors.append(model.predict_one(x) - y)
        model.learn_one(x, y)
    assert np.sqrt(np.mean(np.square(errors))) < 0.12


def test_a_wrapper_of_rivers_makes_others_of_the_same_parameters():
    model = Classifier(alpha=0.5, forget=0.01)
    for x, y, _ in words(200, 20):
        model.learn_one(x, y)
    other = model.clone()
    assert (other.alpha, other.forget, other.weights) == (0.5, 0.01, {})
    assert model.clone({"alpha": 2.0}).alpha == 2.0
    again = model.clone(include_attributes=True)
    assert again.weights == model.weights
    model.learn_one({"w1": 1.0}, True)
    assert again.weights != model.weights
    with pytest.raises(InputError, match="alpha"):
        model.clone({"alpha": -1.0})


#: What River asks of a model before it takes one into a pipeline, a wrapper or an evaluation.
RIVERS = """
import abc
class Estimator(abc.ABC):
    def __or__(self, other): return [self, other]
class Classifier(Estimator):
    _supervised = True
    @abc.abstractmethod
    def learn_one(self, x, y): ...
class Regressor(Classifier): ...
"""


def test_where_river_is_they_are_its_own_kinds_of_models(tmp_path):
    (tmp_path / "river").mkdir()
    (tmp_path / "river" / "__init__.py").touch()
    (tmp_path / "river" / "base.py").write_text(RIVERS)
    code = """
import sys; sys.path.insert(0, sys.argv[1])
import copy, pickle
from river import base
from steepest.river import Classifier, Regressor
assert isinstance(Classifier(), base.Classifier) and isinstance(Regressor(), base.Regressor)
model = Classifier()
model.learn_one({"a": 1.0}, True)
assert model._supervised and (model | 3) == [model, 3]
for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
    assert other.weights == model.weights != {}
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=300)
