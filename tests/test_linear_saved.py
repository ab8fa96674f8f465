"""Linear models as files: as they were to the bit, and those of the crate; what is no such file is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

import steepest
from steepest.errors import InputError, ModelFileError
from steepest.linear import (
    ElasticNet,
    GammaRegressor,
    GeneralizedLinear,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LinearSVC,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    load,
    save,
)
from steepest.saving import read_file, write_file

FILES = Path(__file__).parents[1] / "crates" / "steepest" / "tests" / "files"
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 3))
SCORE = X @ [1, 2, -1.0] + 0.1 * RANDOM.normal(size=80)
THREE = np.array(["a", "ü", "c"])[np.digitize(SCORE, [-1, 2])]
COUNTS = RANDOM.poisson(np.exp(0.3 * X[:, 0])).astype(float)
NAMED = pd.DataFrame(X, columns=list("uvw"))

CASES: list[tuple[Any, Any, Any]] = [
    (LinearRegression(), X, SCORE),
    (Ridge(), X.astype(np.float32), SCORE.astype(np.float32)),
    (Ridge(fit_intercept=False), X, SCORE),
    (Lasso(alpha=0.01), X, SCORE),
    (ElasticNet(alpha=0.01), NAMED, SCORE),
    (LogisticRegression(), X, THREE),
    (LogisticRegression(class_weight={True: 2.0, False: 1.0}), X, SCORE > 0),
    (LogisticRegression(fit_intercept=False), X, (SCORE > 0) * 3 - 7),
    (PoissonRegressor(), X, COUNTS),
    (GammaRegressor(), X, COUNTS + 1),
    (HuberRegressor(), X, SCORE),
    (QuantileRegressor(alpha=1e-3), X, SCORE),
    (GeneralizedLinear("logistic"), X, SCORE > 0),
    (GeneralizedLinear("softmax"), X, THREE),
    (GeneralizedLinear("ordinal"), X, np.digitize(SCORE, [-1, 1, 2])),
    (GeneralizedLinear("ordinal"), X, SCORE > 0),
    (GeneralizedLinear("huber", loss_settings={"width": 2.0}), X, SCORE),
    (GeneralizedLinear("tweedie", loss_settings={"power": 1.4}), X, COUNTS),
    (GeneralizedLinear("huber_scale"), X, SCORE),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case[0])[:40])
def test_a_model_comes_back_as_it_was(case: tuple[Any, Any, Any], tmp_path: Path) -> None:
    model, table, target = case
    model.fit(table, target)
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    for name in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, name):
            ours, theirs = getattr(model, name)(table), getattr(again, name)(table)
            np.testing.assert_array_equal(theirs, ours)
            assert theirs.dtype == ours.dtype
    for name in ("coef_", "intercept_", "classes_", "thresholds_", "learnt_", "feature_names_in_"):
        assert hasattr(again, name) == hasattr(model, name), name
        if hasattr(model, name):
            ours, theirs = np.asarray(getattr(model, name)), np.asarray(getattr(again, name))
            assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape), name
            np.testing.assert_allclose(theirs, ours, rtol=1e-15) if ours.dtype.kind == "f" else None


def test_a_model_of_the_crate_predicts_here() -> None:
    """As its arrays do, read by safetensors alone, of the rows that `examples/saved_model.rs` makes."""
    path = FILES / "rust.safetensors"
    model, arrays = load(path), load_file(path)
    rows: list[list[float]] = []
    for i in range(150):
        length, width = [(1.5, 0.2), (4.3, 1.3), (5.6, 2.0)][i % 3]
        a, b = i * 37 % 101 / 101 - 0.5, i * 53 % 97 / 97 - 0.5
        rows.append([length + 1.6 * a, width + 0.7 * b + 0.3 * a])
    table = np.array(rows)
    margins = table @ arrays["coefficients"].T + arrays["intercept"]
    odds = np.exp(margins - margins.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(table), odds / odds.sum(axis=1, keepdims=True), rtol=1e-12)
    flowers = np.array(["setosa", "versicolor", "virginica"])
    assert model.classes_.tolist() == flowers.tolist()
    assert np.sum(model.predict(table) == flowers[np.arange(150) % 3]) == 145
    assert isinstance(model, GeneralizedLinear)
    assert model.loss == "softmax"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (LinearSVC().fit(X, SCORE > 0), "a LinearSVC cannot be saved; these can: ElasticNet"),
        (Ridge().fit(X, np.column_stack([SCORE, COUNTS])), "a model of 2 targets cannot be saved"),
        (
            LogisticRegression(random_state=np.random.RandomState(1)).fit(X, SCORE > 0),
            "random_state is a RandomState, which no file holds",
        ),
    ],
)
def test_what_no_file_holds_is_refused(model: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why):
        save(model, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_linear_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(Ridge().fit(X, SCORE), path)
    data = path.read_bytes()
    for other, why in ((data[:-1], "cut off"), (data[:-1] + b"\0", "checksum"), (b"", "cut off")):
        (tmp_path / "other").write_bytes(other)
        with pytest.raises(ModelFileError, match=why):
            load(tmp_path / "other")
    with pytest.raises(ModelFileError, match="holds a model, not a linear model"):
        load(FILES / "of_numbers.safetensors")
    with pytest.raises(ModelFileError, match="holds a linear model, not a model"):
        steepest.load(path)


def altered(
    content: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> list[tuple[str, dict[str, Any], Any]]:
    """Files of which everything fits but one thing."""
    wide = np.zeros((2, 3))
    return [
        ("estimator", content | {"estimator": "Model"}, arrays),
        ("somebody to call", content | {"parameters": {"dict": {"watch": "print"}}}, arrays),
        ("margins", content, arrays | {"coefficients": wide}),
        ("intercepts", content, arrays | {"intercept": np.zeros(2)}),
        ("finite", content, arrays | {"learnt": np.array([np.nan])}),
        ("64 bits", content, arrays | {"centre": np.zeros(3, dtype=np.float32)}),
        ("a name for each", content | {"names": ["a"]}, arrays),
        ("classes", content | {"classes": [1, 2, 3]}, arrays),
        ("KeyError", {k: v for k, v in content.items() if k != "loss"}, arrays),
    ]


@pytest.mark.parametrize("which", range(9))
def test_files_whose_parts_do_not_fit_are_refused(which: int, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(Ridge().fit(X, SCORE), path)
    content, arrays = read_file(path, "linear model")
    content = {
        k: v for k, v in json.loads(json.dumps(content)).items() if k not in ("format", "version", "kind")
    }
    why, wrong, parts = altered(content, arrays)[which]
    write_file(path, "linear model", wrong, parts)
    with pytest.raises(ModelFileError, match="altered, or a fault wrote it"):
        load(path)
    assert why
