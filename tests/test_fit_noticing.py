"""What is noticed of a fit: each finding comes where it should, and not where it should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from steepest.findings import Finding
from steepest.model.summary import interval_text

RNG = np.random.default_rng(5)
N = 400


def kinds(model: steepest.Model) -> set[str]:
    return {finding.kind for finding in model.findings}


def finding(model: steepest.Model, kind: str) -> Finding:
    return next(finding for finding in model.findings if finding.kind == kind)


def numbers(rows: int = N, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x @ [1.0, -1.0, 0.5] + rng.normal(size=rows)}


def test_nothing_is_noticed_where_nothing_is() -> None:
    assert kinds(steepest.fit(numbers(), "y")) == set()
    data = numbers()
    data["y"] = np.where(data["y"] > 0, "yes", "no")
    assert kinds(steepest.fit(data, "y")) == set()


@pytest.mark.parametrize("scale", [100.0, -1e-9, 1e12])
def test_columns_in_other_units_repeat_each_other(scale: float) -> None:
    data = numbers()
    data["a_cm"] = scale * data["a"] + 3
    found = finding(steepest.fit(data, "y"), "repeated_columns")
    assert found.severity == "warning"
    assert found.evidence["columns"] == [["a", "a_cm"]]
    assert "times the first" in found.sentence


def test_a_category_and_its_number_repeat_each_other() -> None:
    data = numbers()
    level = RNG.integers(0, 6, N)
    data["education"] = np.array(["none", "primary", "middle", "high", "bachelor", "master"])[level]
    data["education_num"] = np.array([0, 4, 8, 12, 15, 17])[level]
    data["shade"] = RNG.choice(["red", "blue", "green"], N)
    found = finding(steepest.fit(data, "y"), "repeated_columns")
    assert found.evidence["columns"] == [["education", "education_num"]]


def test_a_column_may_be_the_sum_of_others() -> None:
    data = numbers()
    data["total"] = data["a"] + 2 * data["b"]
    found = finding(steepest.fit(data, "y"), "repeated_columns")
    assert found.evidence["columns"] == [["a + b", "total"]]


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_that_can_be_told_apart_are_named(classes: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, N)
    data = {f"x{j}": y * (1 + j % 2) + 0.4 * rng.uniform(-1, 1, N) for j in range(2)}
    data["y"] = np.array(["p", "q", "r"])[y]
    model = steepest.fit(data, "y")
    assert model.metrics()[0]["value"] == 1
    found = finding(model, "separable_classes")
    assert "without a mistake" in found.sentence
    assert "all 400 rows fitted" in found.sentence.replace("\xa0", " ")


def test_few_rows_in_order_by_chance_are_not_told_apart() -> None:
    """Four held-out rows have their classes in order once in six times, whatever the model."""
    rng = np.random.default_rng(0)
    told = 0
    for seed in range(12):
        data = {"x": rng.normal(size=20), "y": ["p", "q"] * 10}
        story = steepest.fit(data, "y", seed=seed).story()
        told += any(f["kind"] == "separable_classes" for f in story["findings"])
    assert told == 0


def test_two_levels_and_the_number_that_writes_them_repeat_each_other() -> None:
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, N)
    data = {"sex": np.array(["f", "m"])[side], "male": side, "twin": side + 7.0, "y": rng.normal(size=N)}
    found = finding(steepest.fit(data, "y"), "repeated_columns")
    assert ["sex", "male"] in found.evidence["columns"]
    assert "'male' and 'twin' (they differ by a constant at most)" in found.sentence


def test_a_rare_class_puts_ranking_first_and_accuracy_last() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 3))
    y = np.zeros(5000, bool)
    y[np.argsort(x @ [1.0, 1, 0] + 2 * rng.normal(size=5000))[-50:]] = True
    model = steepest.fit(
        {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "fraud": np.where(y, "yes", "no")}, "fraud"
    )
    names = [figure["name"] for figure in model.metrics()]
    assert names[:2] == ["AUC", "balanced accuracy"]
    found = finding(model, "imbalanced_classes")
    assert "1 %" in found.sentence.replace("\xa0", " ")
    assert found.severity == "warning"
    lines = model.summary().splitlines()
    assert len(lines) <= 24
    assert "Only 1 %" in model.summary()
    assert model.metrics()[0]["low"] > 0.5
    precision = next(figure["value"] for figure in model.metrics() if figure["name"] == "precision")
    assert ("no held-out row is predicted yes" in found.sentence) == np.isnan(precision)


def test_a_rare_class_that_is_not_the_positive_one_is_told_how_to_be() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    data = {"x": x, "y": np.where(x + 0.3 * rng.normal(size=2000) > 2.4, "fraud", "ok")}
    found = finding(steepest.fit(data, "y"), "imbalanced_classes")
    assert found.remedy.startswith("pass positive='fraud', so that precision, recall, threshold and cost")
    model = steepest.fit(data, "y", positive="fraud")
    assert "set what a missed row costs" in finding(model, "imbalanced_classes").remedy
    assert "rare" not in kinds(model)


def test_levels_of_one_class_are_marked() -> None:
    rng = np.random.default_rng(0)
    job = rng.choice(["cook", "priest", "clerk"], 600, p=[0.5, 0.1, 0.4])
    y = (rng.random(600) < 0.4) & (job != "priest")
    model = steepest.fit({"job": job, "x": rng.normal(size=600), "rich": np.where(y, "yes", "no")}, "rich")
    found = finding(model, "separated_levels")
    assert found.evidence["levels"] == ["job = priest"]
    row = next(c for c in model.coefficients if c["level"] == "priest")
    assert row["of_class"] == 0
    assert row["rows"] == (job == "priest").sum()
    assert f"0 of {row['rows']} yes" in found.sentence


def test_counts_predicted_below_nought_are_told() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=800)
    data = {"x": x, "visits": rng.poisson(np.exp(1.2 * x))}
    found = finding(steepest.fit(data, "visits", task="regression", form="linear"), "negative_predictions")
    assert 'loss="poisson"' in found.remedy
    positive = {"x": x, "y": 100 + x + rng.normal(size=800)}
    assert "negative_predictions" not in kinds(steepest.fit(positive, "y"))


@pytest.mark.parametrize("end", ["largest", "smallest"])
def test_a_capped_target_is_told(end: str) -> None:
    data = numbers(1000)
    data["y"] = np.minimum(data["y"], 2.5) if end == "largest" else np.maximum(data["y"], -2.5)
    found = finding(steepest.fit(data, "y"), "target_at_one_value")
    assert end in found.sentence
    assert found.evidence["value"] == (2.5 if end == "largest" else -2.5)


def test_ordinary_counts_are_not_capped() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    data = {"x": x, "n": rng.poisson(np.exp(3 + 0.3 * x))}
    assert "target_at_one_value" not in kinds(steepest.fit(data, "n"))


def test_rows_that_repeat_are_told() -> None:
    data = numbers()
    assert "equal_rows" not in kinds(steepest.fit(data, "y"))
    rows = np.concatenate([np.arange(N), np.arange(100)])
    model = steepest.fit({name: values[rows] for name, values in data.items()}, "y")
    found = finding(model, "equal_rows")
    assert found.evidence["rows"] == 100
    assert "repeated_rows" in kinds(model)


def test_what_gives_the_target_away_is_told_first() -> None:
    data = numbers()
    data["y"] = np.minimum(data["y"], 1.0)
    data["y_cm"] = 100 * data["y"]
    data["twice"] = 2 * data["a"]
    model = steepest.fit(data, "y")
    assert model.findings[0].kind == "too_good_to_be_true"
    assert {"repeated_columns", "target_at_one_value"} <= kinds(model)
    assert "gives the target" in model.summary().split("\n\n")[1].replace("\n  ", " ")
    assert len(model.summary().splitlines()) <= 24


def test_a_column_without_values_in_the_training_rows_is_left_out() -> None:
    data = numbers(300)
    held = steepest.fit(data, "y").row_numbers["validation"]
    late = np.full(300, np.nan)
    late[held] = 1.5
    model = steepest.fit(data | {"late": late}, "y")
    column = model.schema.column("late")
    assert (column.used, column.kind) == (False, "empty")
    assert "3 of 4 used" in model.summary()
    constant = np.ones(300)
    constant[held[0]] = 2.0
    column = steepest.fit(data | {"late": constant}, "y").schema.column("late")
    assert (column.used, column.kind) == (False, "constant")


def test_statistics_and_gaps_are_of_the_same_rows() -> None:
    data = numbers(300)
    data["a"][::5] = np.nan
    column = steepest.fit(data, "y").schema.column("a")
    assert column.missing == 60
    assert column.mean == pytest.approx(np.nanmean(data["a"]))
    assert column.sd == pytest.approx(np.nanstd(data["a"]))


def hours(rows: int = 1200, line: float = 0.0) -> dict[str, Any]:
    """An hour of which the target is a wave, and one of which it is a line."""
    rng = np.random.default_rng(0)
    hour, floor = rng.integers(0, 24, rows), rng.integers(0, 10, rows)
    wave = (1 - line) * 3 * np.sin(2 * np.pi * hour / 12) + line * hour
    return {"hour": hour, "floor": floor, "y": wave + 0.3 * floor + 0.5 * rng.normal(size=rows)}


def test_whole_numbers_are_levels_where_a_line_would_miss_what_they_tell() -> None:
    data = hours()
    model = steepest.fit(data, "y")
    assert model.metrics()[0]["value"] > 0.9
    assert finding(model, "numbers_as_levels").evidence["values"] == 24
    assert model.schema.column("hour").kind == "category"
    assert model.schema.column("floor").kind == "number"
    # As whole numbers, fractions, texts or with gaps: the same rows.
    new = {"floor": [1, 2, 3], "hour": [3, 17, 23]}
    first = model.predict(new)
    assert model.predict(new | {"hour": [3.0, 17.0, 23.0]}).tolist() == first.tolist()
    assert model.predict(new | {"hour": ["3", "17", "23"]}).tolist() == first.tolist()
    assert np.isfinite(model.predict(new | {"hour": [3.0, np.nan, 99.0]})).all()


def test_amounts_stay_amounts() -> None:
    data = hours()
    asked = steepest.fit(data, "y", amounts=["hour"])
    assert asked.schema.column("hour").kind == "number"
    assert "numbers_as_levels" not in kinds(asked)
    assert steepest.fit(hours(line=1.0), "y").schema.column("hour").kind == "number"
    noise = data | {"y": RNG.normal(size=1200)}
    assert steepest.fit(noise, "y").schema.column("hour").kind == "number"
    # Pixels are measurements of one kind.
    assert {c.kind for c in steepest.fit("digits", alpha=0.1).schema.used} <= {"number", "boolean"}


def test_levels_tell_of_classes_too() -> None:
    data = hours()
    data["y"] = np.where(data["y"] > np.median(data["y"]), "yes", "no")
    assert steepest.fit(data, "y").schema.column("hour").kind == "category"


def test_one_class_held_out_is_not_told_apart() -> None:
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=300), "b": rng.normal(size=300), "y": np.where(np.arange(300) < 3, "v", "u")}
    model = steepest.fit(data, "y", cv=4)
    assert "separable_classes" not in kinds(model)
    assert "nan" not in model.summary(verbose=True)
    assert np.isfinite(model.metrics()[0]["value"])


@pytest.mark.parametrize("rows", [1, 2])
def test_folds_keep_a_row_of_every_class(rows: int) -> None:
    from steepest.fitting.splits import folds
    from steepest.tables import prepare

    y = np.array(["u", "v"])[np.arange(60) % 2].astype("U1")
    y[:rows] = "w"
    train = prepare({"a": RNG.normal(size=60), "y": y}, "y", validation=0).train
    seen = np.concatenate([held for kept, held in folds(train, 5, 0) if len(np.unique(train.y[kept])) == 3])
    assert len(seen) == len(set(seen)) == (60 if rows == 2 else 59)


@pytest.mark.filterwarnings("error")
def test_numbers_near_the_largest_float_have_no_curves_and_no_cells() -> None:
    random = np.random.default_rng(1)
    for huge in (random.choice([1e308, -1e308], N), 1e308 * random.uniform(0.9, 1, N)):
        model = steepest.fit({**numbers(), "huge": huge}, "y", reference=False)
        assert model.story()["solution"]["success"]
        assert model.metrics()[0]["value"] > 0.5


def test_an_interval_close_below_one_does_not_go_down() -> None:
    assert interval_text({"low": 0.9998, "high": 0.99993}) == "0.9998 to 0.9999"
    assert interval_text({"low": 0.912, "high": 0.9996}) == "0.912 to 0.9996"
