"""Gradient boosting beside a model: the figures are those of scikit-learn's own fit, and it never stands in the way."""

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, r2_score

import steepest
from steepest import tasks
from steepest.cli import main
from steepest.fitting import reference as module


def test_the_figures_are_those_of_scikit_learns_own_fit() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = steepest.fit({f"x{j}": x for j, x in enumerate(X.T)} | {"y": y}, "y", reference=True)
    rows = model.row_numbers
    theirs = HistGradientBoostingRegressor(random_state=0).fit(X[rows["train"]], y[rows["train"]])
    expected = r2_score(y[rows["validation"]], theirs.predict(X[rows["validation"]]))
    (figure,) = (f for f in model.metrics() if f["name"] == "R²")
    assert figure["reference"] == pytest.approx(expected, abs=1e-12)
    assert model.story()["reference"]["trees"] == 100
    assert "reference" in model.summary()
    assert "Reference: scikit-learn's gradient boosting" in model.summary()
    assert all(len(line) <= 80 for line in model.summary().splitlines())
    assert "reference" in model.summary(width=60)


def test_a_test_part_judges_it_fitted_to_all_other_rows() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    table = {f"x{j}": x for j, x in enumerate(X.T)} | {"y": y}
    kept, held = np.arange(569) % 4 > 0, np.arange(569) % 4 == 0
    model = steepest.fit(
        {n: c[kept] for n, c in table.items()},
        "y",
        test={n: c[held] for n, c in table.items()},
        reference=True,
    )
    theirs = HistGradientBoostingClassifier(random_state=0).fit(X[kept], y[kept])
    (figure,) = (f for f in model.metrics() if f["name"] == "log loss")
    assert figure["reference"] == pytest.approx(log_loss(y[held], theirs.predict_proba(X[held])), abs=1e-9)


def test_it_can_be_left_out_and_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = steepest.fit("iris", reference=False)
    assert plain.story()["reference"] is None
    assert all("reference" not in f for f in plain.metrics())
    assert "reference" not in plain.summary(verbose=True).lower()
    beside = steepest.fit("iris", reference=True)
    np.testing.assert_array_equal(beside.weights.coefficients, plain.weights.coefficients)
    assert [f["value"] for f in beside.metrics()] == [f["value"] for f in plain.metrics()]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    table = {"x": np.arange(100.0), "y": np.arange(100.0) % 7}
    absent = steepest.fit(table, "y", reference=True)
    assert absent.story()["reference"]["remark"] == "scikit-learn is not installed"
    assert all("reference" not in f for f in absent.metrics())


def test_of_large_tables_it_sees_less_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=3000), "y": rng.normal(size=3000)}
    monkeypatch.setattr(module, "MOST", 1500)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    model = steepest.fit(table, "y", reference=True)
    said = model.story()["reference"]
    assert (said["rows"], said["trees"]) == (1500, 10)
    assert "fitted to 1,500 of 2,400 rows; stopped after 10 of 100 trees" in " ".join(model.summary().split())


@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie", "huber"])
def test_each_loss_of_numbers_has_one(loss: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    y = rng.poisson(np.exp(0.5 * x + 1)) + (0.5 if loss in ("gamma", "huber") else 0)
    model = steepest.fit(
        {"x": x, "town": rng.choice(["a", "b"], 400), "y": y}, "y", loss=loss, reference=True
    )
    assert all(np.isfinite(f["reference"]) for f in model.metrics())


def test_the_command_leaves_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "iris", "--no-reference", "--form", "linear", "--python"]) == 0
    assert "steepest.fit('iris', form='linear', reference=False)" in capsys.readouterr().out


def test_it_stands_beside_a_network_too() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    model = steepest.fit({"x": x, "y": np.sin(3 * x)}, "y", model="network", reference=True)
    assert all(np.isfinite(f["reference"]) for f in model.metrics())


def test_one_that_cannot_be_fitted_leaves_the_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: object, *args: object, **more: object) -> None:
        raise ValueError("no bins")

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", failing)
    table = {"x": np.arange(100.0), "y": np.arange(100.0) % 7}
    model = steepest.fit(table, "y", task="regression", reference=True)
    assert model.story()["reference"]["remark"] == "it could not be fitted: no bins"


SHIPPED = """
import steepest
from steepest.cli import main
for table in ("diabetes", "breast_cancer", "iris"):
    assert main(["fit", table, "--report", table + ".html", "--save", table + ".safetensors"]) == 0
assert steepest.fit("iris").story()["reference"]["trees"] == 100
"""


def test_the_command_and_the_call_as_they_are_shipped(tmp_path: Path) -> None:
    """In a process of their own, where the suite has turned nothing off."""
    done = subprocess.run(
        [sys.executable, "-c", SHIPPED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Reference: scikit-learn's gradient boosting on the same rows.") == 3
    for table in ("diabetes", "breast_cancer", "iris"):
        page = (tmp_path / f"{table}.html").read_text()
        assert "histogram gradient boosting, 100 trees on the same rows" in " ".join(page.split())
        model = steepest.load(tmp_path / f"{table}.safetensors")
        assert all(np.isfinite(f["reference"]) for f in model.metrics())
        assert model.story()["form"] is not None


def test_a_row_among_the_tasks_is_all_that_a_loss_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tasks.find("regression")
    row = dataclasses.replace(usual, loss="squared_epsilon_insensitive", heading="free within a width")
    monkeypatch.setattr(tasks, "TASKS", (*tasks.TASKS, row))
    model = steepest.fit("diabetes", loss="squared_epsilon_insensitive", alpha=0.1, reference=True)
    assert "free within a width" in model.summary()
    assert all(np.isfinite(figure["reference"]) for figure in model.story()["metrics"])
