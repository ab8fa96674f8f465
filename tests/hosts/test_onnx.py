"""Exported graphs predict what the models predict, in onnxruntime."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
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
        np.testing.assert_allclose(answers[0][:, 0], here, rtol=1e-12)


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


def test_what_cannot_be_exported_is_refused_by_name() -> None:
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InputError, match="scikit-learn has no GeneralizedLinear"):
        steepest.onnx.export(linear.GeneralizedLinear("huber").fit(X, y))
    with pytest.raises(InputError, match="takes a model"):
        steepest.onnx.export(StandardScaler())
    days = np.datetime64("2024-01-01") + np.arange(100)
    dated = steepest.fit({"day": days, "y": np.arange(100) % 7 + 0.5}, "y")
    with pytest.raises(InputError, match="date 'day'"):
        steepest.onnx.export(dated)
