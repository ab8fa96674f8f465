"""Exported graphs predict what the models predict, in onnxruntime."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steepest
from steepest import linear
from steepest.errors import InputError

pytestmark = pytest.mark.hosts

try:
    import onnxruntime
    import skl2onnx
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    onnxruntime = None

ESTIMATORS = [
    n for n in linear.__all__ if hasattr(getattr(linear, n), "to_sklearn") and n != "GeneralizedLinear"
]


def run(graph: Any, given: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, given))


def fitted(name: str) -> tuple[Any, Any]:
    model = getattr(linear, name)()
    X, y = (load_breast_cancer if is_classifier(model) else load_diabetes)(return_X_y=True)
    y = np.column_stack([y, -y]) if name.startswith("MultiTask") else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separable classes are said so; the graph is of what was fitted
        return model.fit(X, y), X


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_becomes_scikits_own_and_a_graph(name: str) -> None:
    model, X = fitted(name)
    theirs = model.to_sklearn()
    assert type(theirs).__module__.startswith("sklearn.")
    here, there = model.predict(X), theirs.predict(X)
    answers = run(steepest.onnx.export(model), {"X": X})
    if is_classifier(model):
        assert (here == there).all()
        assert (answers[0] == here).all()
        if hasattr(model, "predict_proba"):
            np.testing.assert_allclose(answers[1], model.predict_proba(X), rtol=0, atol=1e-12)
    else:
        np.testing.assert_allclose(there, here, rtol=1e-12)
        np.testing.assert_allclose(answers[0].reshape(here.shape), here, rtol=1e-12)


SETTINGS: dict[str, list[dict[str, Any]]] = {
    "ElasticNet": [{"alpha": 0.3, "l1_ratio": 0.2}],
    "LinearSVC": [{"loss": "hinge"}, {"penalty": "l1"}],
    "LinearSVR": [{"loss": "squared_epsilon_insensitive", "epsilon": 0.2}],
    "LogisticRegression": [{"penalty": "l1"}, {"penalty": "elasticnet", "l1_ratio": 0.3}, {"max_iter": 50}],
    "Ridge": [{"alpha": 3.0, "positive": True}],
    "TweedieRegressor": [{"power": 1.5, "alpha": 0.1}],
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikits_own_can_be_cloned_and_fitted_again(name: str) -> None:
    """With the same coefficients, but for what its own tolerance leaves, under all that it was told."""
    kind, rng = getattr(linear, name), np.random.default_rng(0)
    A = rng.normal(size=(300, 3))
    score = A @ [1.0, 0.5, 0.0] + 0.5 * rng.normal(size=300)
    y = (score > 0.2).astype(int) if is_classifier(kind()) else np.exp(score / 3)
    y = np.column_stack([y, -y]) if name.startswith("MultiTask") else y
    for more in [{}, {"fit_intercept": False}, *SETTINGS.get(name, [])]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = kind(**more).fit(A, y)
            again = clone(model.to_sklearn()).fit(A, y)
        given = {n: v for n, v in again.get_params().items() if n in more}
        assert given == more
        answers = run(steepest.onnx.export(model), {"X": A})
        np.testing.assert_allclose(np.ravel(answers[0]), np.ravel(model.predict(A)), rtol=1e-12)
        if not name.startswith("SGD"):  # whose algorithm ends elsewhere
            np.testing.assert_allclose(again.coef_, model.coef_, rtol=0.02, atol=0.01)


def test_columns_may_be_called_like_parts_of_the_graph() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    score = a + 2 * b + 0.1 * rng.normal(size=200)
    for names in (("c0", "c1"), ("n0", "n1"), ("prediction", "label"), ("probabilities", "c0_2")):
        given = dict(zip(names, (a, b), strict=True))
        for y in (score, np.where(score > 0, "yes", "no")):
            model = steepest.fit({**given, "y": y}, "y")
            answers = run(steepest.onnx.export(model), {n: v[:, None] for n, v in given.items()})
            if model.classes is None:
                np.testing.assert_allclose(answers[0][:, 0], model.predict(given), rtol=1e-12)
            else:
                assert (answers[0] == model.predict(given)).all()


def test_labels_and_texts_are_those_of_predict() -> None:
    rng = np.random.default_rng(0)
    a, town = rng.normal(size=300), rng.choice(np.array(["Rome", "Oslo", None], dtype=object), 300)
    truth = a + (town == "Rome") + 0.5 * rng.normal(size=300) > 0.3
    for y in (truth, np.where(truth, 7, 3), np.where(truth, "yes", "no")):
        model = steepest.fit({"a": a, "town": town, "y": y}, "y")
        texts = np.array(["Rome", "NA", "nan", "-", "", "N/A", "Paris", "Oslo"], dtype=object)
        new = {"a": np.linspace(-1, 1, 8), "town": texts}
        label, shares = run(steepest.onnx.export(model), {"a": new["a"][:, None], "town": texts[:, None]})
        expected = model.predict(new)
        assert (label == expected).all()
        assert (label.dtype.kind == expected.dtype.kind) or label.dtype == object
        np.testing.assert_allclose(shares, model.predict_proba(new), atol=1e-14)


def test_a_pipeline_is_converted() -> None:
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), linear.LogisticRegression()).fit(X, y)
    graph = skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False})
    label, probabilities = run(graph, {"X": X})
    assert (label == pipeline.predict(X)).all()
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-12)


def table(rows: int = 400) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    towns = np.array(["Rome", "Oslo", "Lima", None], dtype=object)
    return {
        "age": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(1e6, 10, rows)),
        "town": towns[rng.integers(0, 4, rows)],
        "member": rng.random(rows) < 0.5,
        "orders": rng.integers(0, 9, rows),
    }


def inputs(graph: Any, given: dict[str, Any]) -> dict[str, Any]:
    texts = {i.name for i in graph.graph.input if i.type.tensor_type.elem_type == 8}
    return {
        i.name: np.array(["" if v is None else v for v in given[i.name].tolist()], dtype=object)[:, None]
        if i.name in texts
        else np.asarray(given[i.name], dtype=float)[:, None]
        for i in graph.graph.input
    }


@pytest.mark.parametrize("kind", ["numbers", "counts", "two", "three"])
def test_a_model_of_a_table_takes_its_columns_as_they_are(kind: str, tmp_path: Path) -> None:
    given, rng = table(), np.random.default_rng(1)
    score = np.nan_to_num(given["age"] - 1e6) / 10 + (given["town"] == "Rome") + 0.5 * given["member"]
    score = score + rng.normal(size=len(score))
    goals: dict[str, Any] = {
        "numbers": score,
        "counts": rng.poisson(np.exp(score / 3)),
        "two": np.where(score > 0.5, "yes", "no"),
        "three": np.digitize(score, [0, 1]),
    }
    more = {"loss": "poisson"} if kind == "counts" else {}
    model = steepest.fit({**given, "y": goals[kind]}, "y", **more)
    path = tmp_path / "model.onnx"
    graph = steepest.onnx.export(model, path)
    assert path.read_bytes() == graph.SerializeToString()
    new = table(50)
    new["town"][:3] = ["Paris", None, "Lima"]
    new["age"][:2] = [np.nan, np.nan]
    answers = run(graph, inputs(graph, new))
    if model.classes is None:
        np.testing.assert_allclose(answers[0][:, 0], model.predict(new), rtol=1e-12)
    else:
        assert (answers[0] == model.predict(new)).all()
        np.testing.assert_allclose(answers[1], model.predict_proba(new), atol=1e-14)


@pytest.mark.filterwarnings("ignore:.* far outside:UserWarning")
@pytest.mark.parametrize("kind", ["numbers", "three"])
def test_curves_levels_and_pairs_go_into_the_graph(kind: str) -> None:
    rng = np.random.default_rng(2)
    rows = 3000
    given: dict[str, Any] = {
        "x": rng.uniform(-2, 2, rows),
        "step": rng.integers(0, 12, rows) / 2,
        "u": rng.uniform(-2, 2, rows),
        "town": rng.choice(["Bonn", "Rome"], rows),
    }
    jumps = rng.normal(size=12)[(2 * given["step"]).astype(int)]
    score = (
        2 * np.sin(2.5 * given["x"]) + 2 * jumps + 2 * np.where(given["town"] == "Rome", 1, -1) * given["u"]
    )
    score += rng.logistic(size=rows) * 0.2
    given["x"][::9] = np.nan
    model = steepest.fit(
        {**given, "y": score if kind == "numbers" else np.digitize(score, [-1, 1])}, "y", tol=1e-3
    )
    form = model.schema.form
    assert form.curves
    assert form.steps
    assert form.pairs
    graph = steepest.onnx.export(model)
    knots, edges = form.curves[0].knots, form.steps[0].edges
    new = {name: column[:60].copy() for name, column in given.items()}
    new["x"][:8] = [*knots[:2], knots[-1], -99.0, 99.0, np.nan, knots[-2], 0.0]
    new["step"][:4] = [edges[0], edges[-1], -99.0, 99.0]
    new["town"][:2] = "Lima"
    answers = run(graph, inputs(graph, new))
    if kind == "numbers":
        np.testing.assert_allclose(answers[0][:, 0], model.predict(new), rtol=1e-10)
    else:
        np.testing.assert_allclose(answers[1], model.predict_proba(new), atol=1e-12)


def test_what_cannot_be_exported_is_refused_by_name() -> None:
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InputError, match="scikit-learn has no GeneralizedLinear"):
        steepest.onnx.export(linear.GeneralizedLinear("huber").fit(X, y))
    with pytest.raises(InputError, match="takes a model"):
        steepest.onnx.export(StandardScaler())
    days = np.datetime64("2024-01-01") + np.arange(100)
    dated = steepest.fit({"day": days, "y": np.arange(100) % 7 + 0.5}, "y")
    names = {"name": [f"n{k}" for k in range(40)], "y": list(range(40))}
    hashed = steepest.fit(names, "y", hash_columns=["name"], alpha=0.1, reference=False)
    with pytest.raises(InputError, match="hashes the texts of 'name'"):
        steepest.onnx.export(hashed)
    with pytest.raises(InputError, match="date 'day'"):
        steepest.onnx.export(dated)
