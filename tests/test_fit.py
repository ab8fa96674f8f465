"""From a table to a model: alpha, figures, the story, saving, and predictions that keep their bits."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import steepest
from steepest import tasks
from steepest.errors import InputError, ModelFileError, NotConverged, TableError
from steepest.fitting.columns import Encoding, Scaling
from steepest.fitting.splits import joined
from steepest.model import Model
from steepest.tables.design import Design, Feature
from steepest.tasks import Baseline

KEYS = {
    "title", "version", "created", "task", "task_reason", "target", "classes", "rows", "columns", "metrics",
    "heldout", "path", "solution", "coefficients", "intercept", "findings", "timing", "python",
}  # fmt: skip


def table(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Numbers on very different scales, a category, a date, gaps."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, rows)
    income = rng.lognormal(10, 1, rows)
    town = rng.choice(["Bonn", "Kiel", "Ulm"], rows)
    margin = 0.05 * (age - 40) + 0.8 * (np.log(income) - 10) + (town == "Kiel") + rng.logistic(0, 1, rows)
    age[::7] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "town": town,
            "since": (np.datetime64("2024-01-01") + np.arange(rows)).astype(str),
            "bought": np.where(margin > 0, "yes", "no"),
            "spent": 10 * margin + 100,
            "level": np.array(["high", "low", "mid"])[np.digitize(margin, [-1, 1])],
        }
    )


TARGETS = {"binary": "bought", "regression": "spent", "multiclass": "level"}


class Models(dict[str, Model]):
    """A model of each task, fitted when first asked for."""

    def __missing__(self, task: str) -> Model:
        others = [target for target in TARGETS.values() if target != TARGETS[task]]
        self[task] = steepest.fit(table().drop(columns=others), TARGETS[task])
        return self[task]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return Models()


TASKS = pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])


@TASKS
def test_the_story_has_all_its_parts(models: dict[str, Model], task: str) -> None:
    model = models[task]
    story = model.story()
    assert story.keys() >= KEYS
    assert story["task"] == task == model.task
    assert story["rows"] == {"train": 480, "validation": 120, "test": 0, "dropped": 0}
    assert story["heldout"]["part"] == "validation"
    shape = (120, 3) if task == "multiclass" else (120,)
    assert story["heldout"]["p"].shape == shape
    assert len(story["path"]["alphas"]) == len(story["path"]["validation_loss"])
    assert story["path"]["chosen"] in story["path"]["alphas"]
    assert set(story["solution"]["history"]) == {"loss", "residual", "passes", "seconds"}
    assert {c["name"] for c in story["columns"]} == {"age", "income", "town", "since", story["target"]}
    width = len(model.schema.apply(table()).design.names)
    assert len(story["coefficients"]) == width * (3 if task == "multiclass" else 1)
    assert all(metric["value"] != metric["baseline"] for metric in story["metrics"])
    assert {"read", "prepare", "form", "path", "fit", "refit", "evaluate"} == story["timing"].keys()
    assert story["fitted"] == {"rows": 600, "judged_rows": 480, "again": True}
    numbers = model.row_numbers
    assert sorted([*numbers["train"], *numbers["validation"]]) == list(range(600))


@TASKS
def test_it_is_better_than_knowing_nothing(models: dict[str, Model], task: str) -> None:
    for metric in models[task].metrics():
        better = metric["value"] > metric["baseline"]
        assert better == (metric["better"] == "higher"), metric


@TASKS
def test_the_optimum_is_that_of_the_objective(models: dict[str, Model], task: str) -> None:
    """The gradient of mean loss + alpha/2 |w|² over standardised columns is 0 at the solution."""
    model = models[task]
    again = steepest.tables.prepare(
        table()[[c["name"] for c in model.story()["columns"]]], model.schema.target
    )
    assert again.validation is not None
    whole = joined(again.train, again.validation)
    assert whole.rows.tolist() == list(range(600))
    # Income enters by its logarithm, which the form finds for numbers.
    whole = replace(whole, design=model.schema.form.expand(whole.design))
    dense = whole.design.to_dense().copy()
    scaling = Scaling.of(dense)
    columns = scaling.apply(dense)
    margin = model.weights.margins(whole.design)
    y = whole.y
    if task == "regression":
        slope = margin - y[:, None]
    else:
        p = tasks.find(task).means(margin)
        slope = p - (y[:, None] == np.arange(p.shape[1]))
        slope = slope[:, 1:] if task == "binary" else slope
    coefficients = model.weights.coefficients * model.weights.sd
    if task == "regression":
        slope, coefficients = slope / y.std(), coefficients / y.std()
    gradient = columns.T @ slope / len(y) + model.alpha * coefficients.T
    scale = np.abs(columns.T @ (slope - slope.mean(axis=0)) / len(y)).max() + 1
    assert np.abs(gradient).max() < 2e-3 * scale
    assert np.abs(slope.mean(axis=0)).max() < 2e-3 * scale


@pytest.mark.filterwarnings("ignore:.* far outside:UserWarning")
@TASKS
def test_saved_and_loaded_it_predicts_the_same_bits(
    models: dict[str, Model], task: str, tmp_path: Path
) -> None:
    model = models[task]
    path = tmp_path / "m.safetensors"
    model.save(path)
    loaded = steepest.load(path)
    data = table(seed=1)
    data.loc[3, "town"] = "Atlantis"
    whole = model.predict(data)
    assert whole.tolist() == loaded.predict(data[list(data)[::-1]]).tolist()
    assert loaded.summary() == model.summary()
    assert loaded.story()["python"] == model.story()["python"]
    # A row's prediction does not depend on the rows beside it.
    if task == "regression":
        assert model.predict(data.iloc[:3]).tobytes() == whole[:3].tobytes()
    else:
        p = loaded.predict_proba(data)
        assert p.tobytes() == model.predict_proba(data).tobytes()
        assert p[5:9].tobytes() == model.predict_proba(data.iloc[5:9]).tobytes()
        assert p.sum(axis=1) == pytest.approx(1)
        assert set(whole) <= set(model.classes.tolist() if model.classes is not None else [])


def test_another_process_predicts_the_same_bits(models: dict[str, Model], tmp_path: Path) -> None:
    models["binary"].save(tmp_path / "m.safetensors")
    table(seed=2).to_csv(tmp_path / "new.csv", index=False)
    code = (
        "import steepest, sys; m = steepest.load(sys.argv[1]);"
        "print(m.predict_proba(sys.argv[2]).tobytes().hex())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.safetensors"), str(tmp_path / "new.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == models["binary"].predict_proba(tmp_path / "new.csv").tobytes().hex()


@TASKS
def test_the_score_and_the_figures_agree(models: dict[str, Model], task: str) -> None:
    data = table()
    names = [c["name"] for c in models[task].story()["columns"]]
    model = steepest.fit(data[names], TARGETS[task], refit=False)
    held = data.iloc[model.row_numbers["validation"]]
    assert model.score(held) == pytest.approx(model.metrics()[0]["value"], abs=1e-12)
    assert "fitted to 480 of 600 rows" in " ".join(model.summary().split())
    # The figures are those of the model that has not seen the held-out rows, fitted again or not.
    assert models[task].metrics() == model.metrics()


def test_the_same_call_gives_the_same_bits_on_any_number_of_threads() -> None:
    data = table()[["age", "income", "town", "bought"]]
    bits = {steepest.fit(data, "bought", threads=n).weights.coefficients.tobytes() for n in (1, 2, 7)}
    assert len(bits) == 1


def test_scaling_a_column_changes_nothing() -> None:
    data = table()[["age", "income", "town", "spent"]]
    plain = steepest.fit(data, "spent", alpha=0.01)
    data["income"] *= 1e6
    scaled = steepest.fit(data, "spent", alpha=0.01)
    assert scaled.metrics()[1]["value"] == pytest.approx(plain.metrics()[1]["value"], rel=1e-4)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scaling_the_target_changes_nothing(scale: float) -> None:
    data = table()[["age", "income", "town", "spent"]]
    plain = steepest.fit(data, "spent")
    data["spent"] *= scale
    scaled = steepest.fit(data, "spent")
    assert scaled.alpha == pytest.approx(plain.alpha)
    assert scaled.metrics()[0]["value"] == pytest.approx(plain.metrics()[0]["value"], rel=1e-6)
    assert scaled.score(data) == pytest.approx(plain.score(table()), rel=1e-6)


def test_a_test_part_judges_and_the_rest_is_fitted() -> None:
    data = table(800)[["age", "income", "town", "bought"]]
    model = steepest.fit(data[:600], "bought", test=data[600:])
    story = model.story()
    assert story["rows"] == {"train": 480, "validation": 120, "test": 200, "dropped": 0}
    assert story["heldout"]["part"] == "test"
    assert model.score(data[600:]) == pytest.approx(model.metrics()[0]["value"])
    assert story["fitted"] == {"rows": 600, "judged_rows": 600, "again": False}
    assert "fitted to all 600 training and validation rows" in " ".join(model.summary().split())


def test_alpha_as_given_and_no_rows_held_out() -> None:
    data = table()[["age", "income", "spent"]]
    model = steepest.fit(data, "spent", alpha=0.5, validation=0)
    assert model.alpha == 0.5
    assert model.metrics() == []
    assert "cannot be said" in model.summary()
    shrunk = steepest.fit(data, "spent", alpha=100.0, validation=0)
    assert np.abs(shrunk.weights.coefficients).sum() < 0.1 * np.abs(model.weights.coefficients).sum()


def test_penalties_that_leave_columns_out() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 20))
    data = {f"x{j}": x[:, j] for j in range(20)} | {"y": 3 * x[:, 0] - 2 * x[:, 1] + rng.normal(size=300)}
    model = steepest.fit(data, "y", penalty="l1")
    used = {c["name"] for c in model.story()["coefficients"] if c["value"] != 0}
    assert {"x0", "x1"} <= used
    assert len(used) < 12
    assert "within a standard error" in " ".join(model.summary().split())
    with pytest.raises(InputError, match=r"no penalty called 'L1'.*did you mean"):
        steepest.fit(data, "y", penalty="L1")


def test_bad_settings_are_refused_in_words() -> None:
    data = table()[["age", "income", "spent"]]
    for options, said in [
        ({"alpha": -1.0}, "alpha must be at least 0; got -1.0"),
        ({"alpha": "much"}, "alpha must be a number; got 'much'"),
        ({"threads": 1.5}, "threads must be a whole number; got 1.5"),
        ({"alpha": float("nan")}, "alpha must be at least 0; got nan"),
        ({"tol": 0}, "tol must be above 0; got 0"),
        ({"threads": 0}, "threads must be at least 1; got 0"),
        ({"l1_ratio": 2}, "l1_ratio must be from 0 to 1; got 2"),
        (
            {"l1_ratio": 0.3},
            "l1_ratio is of the elastic net, and the penalty is 'l2'; got 0.3: pass penalty=",
        ),
        ({"validation": 0}, "choosing alpha needs held-out rows"),
        ({"sample_weight": np.zeros(len(data))}, "all weights are 0"),
    ]:
        with pytest.raises(InputError, match=said):
            steepest.fit(data, "spent", **options)  # type: ignore[arg-type]
    with pytest.raises(TableError, match="did you mean 'spent'"):
        steepest.fit(data, "spend")


def test_new_rows_that_do_not_fit_are_refused(models: dict[str, Model], tmp_path: Path) -> None:
    with pytest.raises(TableError, match="lacks 'town'"):
        models["binary"].predict(table().drop(columns="town"))
    with pytest.raises(InputError, match="use predict"):
        models["regression"].predict_proba(table())
    with pytest.raises(TableError, match=r"no column 'bought'"):
        models["binary"].score(table().drop(columns="bought"))
    (tmp_path / "m").write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="cut off"):
        steepest.load(tmp_path / "m")


def test_the_watch_sees_every_stage_and_can_stop() -> None:
    seen: list[dict[str, Any]] = []
    data = table()[["age", "income", "town", "bought"]]
    steepest.fit(data, "bought", watch=seen.append)
    assert [stage for stage in dict.fromkeys(p["stage"] for p in seen)] == [
        "read",
        "form",
        "path",
        "fit",
        "refit",
        "evaluate",
        "done",
    ]
    fractions = [p["fraction"] for p in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert all(p.keys() == {"stage", "loss", "residual", "fraction", "seconds_left"} for p in seen)

    def fail(progress: dict[str, Any]) -> None:
        if progress["loss"] is not None:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        steepest.fit(data, "bought", watch=fail)


def test_a_descent_that_was_stopped_warns_and_says_so() -> None:
    data = table()[["age", "income", "town", "bought"]]
    with pytest.warns(NotConverged, match="did not converge"):
        model = steepest.fit(data, "bought", watch=lambda p: p["stage"] == "fit" and p["loss"] is not None)
    assert "Did not converge" in model.summary()
    assert model.story()["fitted"]["again"] is False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steepest.fit(data, "bought")


def test_what_gives_the_target_away_stands_in_the_summary() -> None:
    data = table()[["age", "income", "spent"]].assign(copy=lambda d: d["spent"] * 2)
    model = steepest.fit(data, "spent")
    assert "'copy' gives the target 'spent' away" in model.summary()
    assert "--drop copy" in model.summary()


def test_noise_is_called_noise() -> None:
    rng = np.random.default_rng(4)
    data = {f"x{j}": rng.normal(size=200) for j in range(30)} | {"y": rng.normal(size=200)}
    model = steepest.fit(data, "y", alpha=1e-6)
    assert any(finding.kind == "no_better_than_baseline" for finding in model.findings)


def test_the_report_and_the_notebook_s_picture(models: dict[str, Model], tmp_path: Path) -> None:
    path = models["binary"].report(tmp_path / "report.html")
    text = path.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "bought" in text
    shown = models["binary"]._repr_html_()
    assert shown.count("<table>") == 1
    assert all(f"{figure['name']}: " in shown for figure in models["binary"].metrics())
    assert "--verbose" not in shown
    for tag in ("div", "table", "tr", "ul", "li", "b", "i"):
        assert shown.count(f"<{tag}>") == shown.count(f"</{tag}>")
    assert len(repr(models["binary"])) < 200
    assert "600 rows" in repr(models["binary"])


def test_the_python_lines_do_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table()[["age", "income", "town", "bought"]].to_csv(path, index=False)
    model = steepest.fit(path, "bought", drop=["town"], seed=3)
    lines = model.story()["python"].splitlines()
    scope: dict[str, Any] = {}
    exec(
        "\n".join(
            line for line in lines if "report" not in line and "save" not in line and "print" not in line
        ),
        scope,
    )
    assert scope["model"].weights.coefficients.tobytes() == model.weights.coefficients.tobytes()


def test_means_and_deviations_do_not_overflow_or_cancel() -> None:
    columns = np.column_stack([np.full(9, 1e300), 1e8 + np.arange(9.0), np.arange(9.0) * 1e-200])
    columns[0, 0] = -1e300
    scaling = Scaling.of(columns.copy())
    scaled = scaling.apply(columns.copy())
    assert scaled.mean(axis=0) == pytest.approx(0, abs=1e-7)
    assert scaled.std(axis=0) == pytest.approx(1, rel=1e-7)
    constant = Scaling.of(np.full((5, 1), 0.1))
    assert constant.sd.tolist() == [1.0]


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn import metrics as peer

    rng = np.random.default_rng(2)
    y, p = rng.integers(0, 2, 200), np.round(rng.random(200), 2).clip(0.01, 0.99)
    found = {m["name"]: m["value"] for m in tasks.find("binary").metrics(y, p, Baseline(y, 2))}
    assert found["AUC"] == pytest.approx(peer.roc_auc_score(y, p), abs=1e-12)
    assert found["log loss"] == pytest.approx(peer.log_loss(y, p), abs=1e-12)
    assert found["Brier score"] == pytest.approx(peer.brier_score_loss(y, p), abs=1e-12)
    several = tasks.find("multiclass")
    y3, p3 = rng.integers(0, 3, 200), several.means(rng.normal(size=(200, 3)))
    found = {m["name"]: m["value"] for m in tasks.find("multiclass").metrics(y3, p3, Baseline(y3, 3))}
    assert found["balanced accuracy"] == pytest.approx(
        peer.balanced_accuracy_score(y3, p3.argmax(1)), abs=1e-12
    )
    assert found["log loss"] == pytest.approx(peer.log_loss(y3, p3), abs=1e-12)
    margin = rng.normal(size=(200, 3))
    assert several.losses(margin, y3).mean() == pytest.approx(
        peer.log_loss(y3, several.means(margin)), abs=1e-12
    )
    t, q = rng.normal(size=99), rng.normal(size=99)
    found = {m["name"]: m["value"] for m in tasks.find("regression").metrics(t, q, Baseline(t, 0))}
    assert found["R²"] == pytest.approx(peer.r2_score(t, q), abs=1e-12)
    assert found["MAE"] == pytest.approx(peer.mean_absolute_error(t, q), abs=1e-12)


def test_the_story_is_json_once_its_arrays_are_lists(models: dict[str, Model]) -> None:
    text = json.dumps(models["binary"].story(), default=lambda array: array.tolist())
    assert json.loads(text)["target"] == "bought"


@pytest.mark.parametrize("middle", [7.0, 1e9])
@pytest.mark.parametrize("seed", range(4))
def test_columns_are_the_one_hot_matrix_that_nobody_makes(seed: int, middle: float) -> None:
    rng = np.random.default_rng(seed)
    rows, levels = 50, (("a", "b", "c"), ("u", "v"), ("all",))
    codes = np.column_stack([rng.integers(-1, len(own), rows) for own in levels]).astype(np.int32)
    codes[:, 2] = 0
    numbers = rng.standard_normal((rows, seed)) * 100.0 + middle
    features = tuple(Feature(f"x{j}", f"x{j}") for j in range(seed))
    design = Design(numbers, codes, features, levels, ("A", "B", "C"))
    encoding = Encoding.of(design)
    columns = encoding.columns(design)
    # Numbers are lent as they lie, unless they lie so far away that digits would be lost.
    assert np.shares_memory(columns.numbers, numbers) == (seed > 0 and middle == 7.0)
    dense = design.to_dense().copy()
    scaling = Scaling.of(dense)
    np.testing.assert_allclose(encoding.mean, scaling.mean, rtol=1e-14, atol=1e-12)
    np.testing.assert_allclose(encoding.sd, scaling.sd, rtol=1e-12)
    standard = scaling.apply(dense.copy())
    w, u = rng.standard_normal((columns.width, 2)), rng.standard_normal((rows, 2))
    # Standardised columns are the coded ones, centred and divided.
    scaled = w / columns.scale[:, None]
    np.testing.assert_allclose(columns.times(scaled) - columns.centre @ scaled, standard @ w, atol=1e-9)
    centred = u - u.mean(axis=0)
    np.testing.assert_allclose(
        columns.across(centred) / columns.scale[:, None], standard.T @ centred, atol=1e-9
    )
    assert columns.largest_slope(u) == pytest.approx(np.abs(standard.T @ centred).max() / rows)
    assert columns.largest_curvature() == pytest.approx(
        np.linalg.eigvalsh(standard.T @ standard / rows)[-1], rel=0.05
    )
    point = rng.standard_normal(2 * (columns.width + 1))
    margin = columns.margins(point)
    grid = columns.standardised(point, 2).reshape(2, -1)
    np.testing.assert_allclose(margin, standard @ grid[:, :-1].T + grid[:, -1], atol=1e-9)


def test_a_thousand_levels_cost_no_thousand_columns() -> None:
    rng = np.random.default_rng(0)
    rows, levels = 30_000, 900
    town = rng.integers(0, levels, rows)
    effect = rng.standard_normal(levels)
    table = {"town": np.char.add("t", town.astype(str)), "y": effect[town] + 0.1 * rng.standard_normal(rows)}
    tracemalloc.start()
    model = steepest.fit(table, "y", categories=["town"], alpha=1e-4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The one-hot matrix would take 216 MB.
    assert peak < 60e6
    assert model.story()["solution"]["success"]
    assert model.metrics()[0]["value"] > 0.9


def test_a_model_of_one_column_takes_a_file_of_one_column(tmp_path: Path) -> None:
    x = np.linspace(-1.0, 1.0, 50)
    model = steepest.fit({"x": x, "y": 3.0 * x + np.sin(9.0 * x)}, "y")
    new = tmp_path / "new.csv"
    new.write_text("x\n0.5\n\n-0.25\n")
    # A line with nothing on it is a row whose value is missing.
    expected = model.predict({"x": [0.5, np.nan, -0.25]})
    np.testing.assert_array_equal(model.predict(new), expected)
    new.write_text("z\n0.5\n")
    with pytest.raises(TableError, match="lacks 'x'"):
        model.predict(new)
    with pytest.raises(TableError, match="one column only"):
        steepest.fit(new, "z")


def counts(rows: int = 400) -> dict[str, Any]:
    """A table of counts."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(rows, 3)) * [1.0, 5.0, 0.1]
    return {
        "a": X[:, 0],
        "b": X[:, 1],
        "c": X[:, 2],
        "y": rng.poisson(np.exp(2 + X @ [0.4, 0.05, -2.0])) * 1.0,
    }


def test_counts_are_fitted_as_scikit_learn_fits_them() -> None:
    """The penalty is on standardised columns, the target in units of its mean."""
    from sklearn.linear_model import PoissonRegressor

    data = counts()
    model = steepest.fit(data, "y", loss="poisson", alpha=0.01, tol=1e-12)
    X, y = np.column_stack([data[name] for name in "abc"]), data["y"]
    mean, sd = X.mean(axis=0), X.std(axis=0)
    peer = PoissonRegressor(alpha=0.01, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    peer.fit((X - mean) / sd, y / y.mean())
    np.testing.assert_allclose(model.predict(data), peer.predict((X - mean) / sd) * y.mean(), rtol=1e-5)
    w = model.weights.coefficients[0] * sd
    slope = (X - mean).T / sd[:, None] @ (model.predict(data) - y) / (len(y) * y.mean()) + 0.01 * w
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    assert (model.task, model.loss) == ("regression", "poisson")
    ratio = [row["mean_ratio"] for row in model.coefficients[1:]]
    np.testing.assert_allclose(ratio, np.exp(peer.coef_ / sd), rtol=1e-5)


def test_the_deviance_explained_is_scikit_learns(tmp_path: Path) -> None:
    from sklearn.metrics import d2_tweedie_score, mean_poisson_deviance

    data = counts()
    model = steepest.fit(data, "y", loss="poisson", refit=False)
    held = model.story()["heldout"]
    figure = model.metrics()[0]
    share = 1 - mean_poisson_deviance(held["y"], held["p"]) / mean_poisson_deviance(
        held["y"], np.full(len(held["y"]), data["y"][model.row_numbers["train"]].mean())
    )
    assert figure["name"] == "D²"
    assert figure["value"] == pytest.approx(share, rel=1e-9)
    assert figure["low"] < d2_tweedie_score(held["y"], held["p"], power=1) < figure["high"]
    assert "Poisson" in model.summary()
    assert "mean" in model.report(tmp_path / "r.html").read_text()
    model.save(tmp_path / "m.safetensors")
    again = steepest.load(tmp_path / "m.safetensors")
    assert again.loss == "poisson"
    assert again.predict(data).tobytes() == model.predict(data).tobytes()
    assert steepest.fit(data, "y", loss="poisson", scoring="d2", penalty="l1").metrics()[0]["name"] == "D²"


def amounts(loss: str, rows: int = 400) -> dict[str, Any]:
    """Columns and amounts above 0, or of which many are 0, whose logarithmic mean is linear in them."""
    rng = np.random.default_rng(4)
    data = counts(rows)
    mean = np.exp(0.4 * data["a"] + 0.05 * data["b"] - 2 * data["c"])
    some = {"gamma": rng.gamma(2.0, mean / 2), "inverse_gaussian": rng.wald(mean, 4 * mean)}
    some["tweedie"] = np.where(rng.random(rows) < 0.3, 0.0, some["gamma"])
    return data | {"y": 1000 * some[loss]}


@pytest.mark.parametrize(("loss", "power"), [("gamma", 2), ("tweedie", 1.5), ("inverse_gaussian", 3)])
def test_amounts_are_fitted_as_scikit_learn_fits_them(loss: str, power: float) -> None:
    from sklearn.linear_model import TweedieRegressor
    from sklearn.metrics import mean_tweedie_deviance

    data = amounts(loss)
    model = steepest.fit(data, "y", loss=loss, alpha=0.01, tol=1e-12)
    X, y = np.column_stack([data[name] for name in "abc"]), data["y"]
    mean, sd = X.mean(axis=0), X.std(axis=0)
    peer = TweedieRegressor(power=power, alpha=0.01, link="log", tol=1e-12, max_iter=10_000)
    peer.fit((X - mean) / sd, y / y.mean())
    np.testing.assert_allclose(model.predict(data), peer.predict((X - mean) / sd) * y.mean(), rtol=1e-4)
    certificate = model.story()["solution"]["certificate"]
    # What is not convex is level, and not proved.
    assert (certificate["kind"] == "stationary") == (loss == "inverse_gaussian")
    chosen = steepest.fit(data, "y", loss=loss, refit=False)
    held = chosen.story()["heldout"]
    alone = np.full(len(held["y"]), y[chosen.row_numbers["train"]].mean())
    deviance = [mean_tweedie_deviance(held["y"], p, power=power) for p in (held["p"], alone)]
    assert chosen.metrics()[0]["name"] == "D²"
    assert chosen.metrics()[0]["value"] == pytest.approx(1 - deviance[0] / deviance[1], rel=1e-9)
    assert "target_at_one_value" not in {f["kind"] for f in chosen.story()["findings"]}


def test_outliers_hardly_move_a_fit_with_hubers_loss() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=500)
    y = 3 * x + rng.normal(size=500) * 0.1
    wild = y + np.where(rng.random(500) < 0.05, 1e4, 0.0)
    slopes = [
        steepest.fit({"x": x, "y": target}, "y", loss=loss, alpha=0.0).coefficients[1]["value"]
        for target, loss in ((y, "squared"), (wild, "squared"), (wild, "huber"))
    ]
    assert abs(slopes[2] - slopes[0]) < 0.05 < abs(slopes[1] - slopes[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "huberr"}, "did you mean 'huber'"),
        ({"loss": "logistic", "task": "regression"}, "a regression target has no loss called 'logistic'"),
        ({"loss": "poisson"}, "at least 0; got -1"),
        ({"loss": "gamma"}, "above 0; got -1 in row"),
    ],
)
def test_a_loss_that_does_not_suit_is_named(settings: dict[str, Any], words: str) -> None:
    data = counts(40)
    data["y"][3] = -1.0
    with pytest.raises(InputError, match=words):
        steepest.fit(data, "y", **settings)
