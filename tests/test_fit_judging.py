"""How good a fitted model is: figures and their intervals, thresholds, weights, folds, the fit to all rows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as peer
from tests.fitted import fitted

import steepest
from steepest import tasks
from steepest.errors import InputError
from steepest.fitting import alphas
from steepest.fitting.noticing import about_figures
from steepest.model.operating import operating_points
from steepest.tasks import Baseline, intervals


def table(rows: int = 500, seed: int = 0, share: float = 0.5) -> dict[str, Any]:
    """Three columns of numbers, a town, two classes and a number."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    margin = 1.5 * x[:, 0] - x[:, 1] + rng.logistic(0, 1, rows)
    return {
        **{f"x{j}": x[:, j] for j in range(3)},
        "town": rng.choice(["Bonn", "Kiel", "Ulm"], rows),
        "bought": np.where(margin > np.quantile(margin, 1 - share), "yes", "no"),
        "spent": margin,
    }


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values for name, values in data.items() if name not in names}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_figures_of_two_classes_agree_with_scikit_learn(weighted: bool, threshold: float) -> None:
    rng = np.random.default_rng(2)
    y = (rng.random(300) < 0.3).astype(np.float64)
    p = np.round(np.clip(0.3 * y + 0.6 * rng.random(300), 0.01, 0.99), 2)
    w = rng.random(300) if weighted else None
    found = {m["name"]: m for m in tasks.find("binary").metrics(y, p, Baseline(y, 2, w), w, threshold)}
    called, given = p > threshold, {"sample_weight": w}
    for name, value in {
        "accuracy": peer.accuracy_score(y, called, **given),
        "AUC": peer.roc_auc_score(y, p, **given),
        "balanced accuracy": peer.balanced_accuracy_score(y, called, **given),
        "precision": peer.precision_score(y, called, **given),
        "recall": peer.recall_score(y, called, **given),
        "F1": peer.f1_score(y, called, **given),
        "average precision": peer.average_precision_score(y, p, **given),
        "log loss": peer.log_loss(y, p, **given),
        "Brier score": peer.brier_score_loss(y, p, **given),
    }.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-12), name
        assert found[name]["low"] <= value <= found[name]["high"], name


def test_figures_of_several_classes_and_numbers_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    y, w = rng.integers(0, 3, 300), rng.random(300)
    p = tasks.find("multiclass").means(rng.normal(size=(300, 3)) + np.eye(3)[y])
    found = {m["name"]: m["value"] for m in tasks.find("multiclass").metrics(y, p, Baseline(y, 3, w), w)}
    called = p.argmax(axis=1)
    assert found["macro F1"] == pytest.approx(peer.f1_score(y, called, average="macro", sample_weight=w))
    assert found["log loss"] == pytest.approx(peer.log_loss(y, p, sample_weight=w))
    t = rng.normal(size=300)
    q = t + rng.normal(size=300)
    found = {m["name"]: m["value"] for m in tasks.find("regression").metrics(t, q, Baseline(t, 0, w), w)}
    assert found["R²"] == pytest.approx(peer.r2_score(t, q, sample_weight=w))
    assert found["RMSE"] == pytest.approx(peer.root_mean_squared_error(t, q, sample_weight=w))
    assert found["MAE"] == pytest.approx(peer.mean_absolute_error(t, q, sample_weight=w))


def test_wilson_s_interval_is_scipy_s() -> None:
    for hits, rows in [(0, 30), (1, 30), (29, 30), (30, 30), (400, 900)]:
        expected = stats.binomtest(hits, rows).proportion_ci(method="wilson")
        assert intervals.share(hits / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_delong_s_interval_is_that_of_the_formula_written_out() -> None:
    rng = np.random.default_rng(0)
    yes = rng.random(60) < 0.4
    score = np.round(rng.normal(size=60) + yes, 1)
    a, b = score[yes], score[~yes]
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    area = wins.mean()
    variance = wins.mean(axis=1).var(ddof=1) / len(a) + wins.mean(axis=0).var(ddof=1) / len(b)
    half = 1.959964 * np.sqrt(variance) / (area * (1 - area))
    odds = np.log(area / (1 - area))
    found, (low, high) = intervals.area_and_interval(score, yes, np.ones(60))
    assert found == pytest.approx(area)
    assert (low, high) == pytest.approx(
        (1 / (1 + np.exp(half - odds)), 1 / (1 + np.exp(-half - odds))), rel=1e-6
    )
    # Where every pair is in order there is still something not known.
    area, (low, high) = intervals.area_and_interval(np.arange(20.0), np.arange(20) > 9, np.ones(20))
    assert (area, high) == (1.0, 1.0)
    assert 0.7 < low < 0.95


@cache
def judged() -> tuple[dict[str, float], list[dict[str, Any]]]:
    """What the figures of classes are over 400 000 rows, and each as 300 draws of 200 rows tell it."""
    rng = np.random.default_rng(1)

    def draw(rows: int) -> dict[str, Any]:
        y = (rng.random(rows) < 0.3).astype(np.float64)
        p = 1 / (1 + np.exp(-(rng.normal(size=rows) + 2 * y - 1.5)))
        return {figure["name"]: figure for figure in tasks.find("binary").metrics(y, p, Baseline(y, 2))}

    truth = {name: figure["value"] for name, figure in draw(400_000).items()}
    return truth, [draw(200) for _ in range(300)]


@pytest.mark.parametrize(
    "name", ["accuracy", "AUC", "F1", "balanced accuracy", "log loss", "average precision"]
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str) -> None:
    truth, drawn = judged()
    held = [figures[name]["low"] <= truth[name] <= figures[name]["high"] for figures in drawn]
    assert np.mean(held) > 0.9


def test_r2_s_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(300):
        p = rng.normal(size=100)
        y = p + rng.normal(size=100)
        low, high = intervals.share_explained(y, p, np.ones(100))
        held.append(low <= 0.5 <= high)
    assert np.mean(held) > 0.9


def test_a_weight_of_two_is_a_row_twice() -> None:
    data = table(200)
    twice = np.arange(200) % 3 == 0
    for target, other in (("bought", "spent"), ("spent", "bought")):
        own = without(data, other)
        heavy = steepest.fit(own, target, alpha=0.05, validation=0, sample_weight=1.0 + twice)
        rows = np.concatenate([np.arange(200), np.flatnonzero(twice)])
        doubled = steepest.fit(
            {k: np.asarray(v)[rows] for k, v in own.items()}, target, alpha=0.05, validation=0
        )
        np.testing.assert_allclose(
            heavy.weights.coefficients, doubled.weights.coefficients, rtol=2e-3, atol=1e-4
        )


def test_a_row_of_weight_nought_is_not_there() -> None:
    data = table(200)
    data["w"] = (np.arange(200) < 150).astype(np.float64)
    data["x0"][150:] = 1e6
    weighted = steepest.fit(without(data, "spent"), "bought", sample_weight="w")
    short = steepest.fit({k: v[:150] for k, v in without(data, "spent", "w").items()}, "bought")
    np.testing.assert_allclose(weighted.weights.coefficients, short.weights.coefficients, rtol=1e-12)
    assert weighted.story()["rows"]["dropped"] == 50
    assert "w" not in {c["column"] for c in weighted.coefficients}
    for wrong in ([1.0], np.full(200, -1.0), "town"):
        with pytest.raises(ValueError, match="weight"):
            steepest.fit(without(data, "spent"), "bought", sample_weight=wrong)


def test_class_weights_are_row_weights_by_class() -> None:
    data = without(table(300, share=0.2), "spent")
    balanced = steepest.fit(data, "bought", alpha=0.01, validation=0, class_weight="balanced")
    given = steepest.fit(data, "bought", alpha=0.01, validation=0, class_weight={"yes": 2.5, "no": 0.625})
    np.testing.assert_array_equal(balanced.weights.coefficients, given.weights.coefficients)
    plain = steepest.fit(data, "bought", alpha=0.01, validation=0)
    assert [f.kind for f in balanced.findings if f.severity == "note"] == ["class_weights"]
    assert (balanced.predict(data) == "yes").sum() > (plain.predict(data) == "yes").sum()
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x = np.column_stack([data["x0"], data["x1"], data["x2"]])
    own = {f"x{j}": x[:, j] for j in range(3)} | {"bought": data["bought"]}
    ours = steepest.fit(own, "bought", alpha=0.01, validation=0, class_weight="balanced", tol=1e-10)
    theirs = LogisticRegression(C=1 / (0.01 * 300), class_weight="balanced", tol=1e-10).fit(
        StandardScaler().fit_transform(x), data["bought"]
    )
    assert [c["per_sd"] for c in ours.coefficients[1:]] == pytest.approx(theirs.coef_[0].tolist(), abs=1e-4)
    with pytest.raises(InputError, match="no class is called 'yess'; did you mean 'yes'"):
        steepest.fit(data, "bought", class_weight={"yess": 2.0})


def test_the_threshold_is_the_model_s_or_the_call_s() -> None:
    data = without(table(400, share=0.2), "spent")
    model = steepest.fit(data, "bought", cost=9)
    assert model.threshold == pytest.approx(0.1)
    p = model.predict_proba(data)[:, 1]
    assert ((model.predict(data) == "yes") == (p > 0.1)).all()
    assert ((model.predict(data, threshold=0.7) == "yes") == (p > 0.7)).all()
    assert ((model.predict(data, cost=1) == "yes") == (p > 0.5)).all()
    assert model.score(data) == pytest.approx(((p > 0.1) == (np.asarray(data["bought"]) == "yes")).mean())
    held = model.story()["heldout"]
    figures = {m["name"]: m["value"] for m in model.metrics()}
    assert figures["recall"] == pytest.approx(peer.recall_score(held["y"], held["p"] > 0.1))
    for wrong in ({"threshold": 2.0}, {"cost": -1.0}, {"cost": 2.0, "threshold": 0.5}):
        with pytest.raises(InputError):
            model.predict(data, **wrong)  # type: ignore[arg-type]
        with pytest.raises(InputError):
            steepest.fit(data, "bought", **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two classes"):
        steepest.fit("diabetes", threshold=0.3)


def test_the_table_of_thresholds_counts_right() -> None:
    rng = np.random.default_rng(0)
    y, p = (rng.random(200) < 0.3).astype(np.float64), np.round(rng.random(200), 2)
    rows = operating_points(y, p, 0.35, cost=4.0)
    assert {row["threshold"] for row in rows} >= {0.35, 0.2, 0.5}
    for row in rows:
        called = p > row["threshold"]
        assert row["predicted"] == called.sum()
        assert row["found"] == (called & (y == 1)).sum()
        wrong = (called & (y == 0)).sum() + 4 * (~called & (y == 1)).sum()
        assert row["cost"] == pytest.approx(wrong / 200)
    best = max(peer.f1_score(y, p > cut) for cut in np.unique(p) - 1e-9)
    assert next(row["F1"] for row in rows if row["note"] == "largest F1") == pytest.approx(best)


def test_the_positive_class_may_be_the_other_one() -> None:
    data = without(table(300), "spent")
    usual, turned = steepest.fit(data, "bought"), steepest.fit(data, "bought", positive="no")
    assert turned.classes is not None
    assert turned.classes.tolist() == ["yes", "no"]
    figures = {m["name"]: m["value"] for m in turned.metrics()}
    held = usual.story()["heldout"]
    assert figures["recall"] == pytest.approx(peer.recall_score(1 - held["y"], held["p"] <= 0.5))
    assert (turned.predict(data) == usual.predict(data)).all()
    np.testing.assert_allclose(turned.predict_proba(data)[:, 1], usual.predict_proba(data)[:, 0], atol=1e-4)
    with pytest.raises(InputError, match="no class is called 'Yes'"):
        steepest.fit(data, "bought", positive="Yes")


def test_the_model_is_the_one_of_all_rows() -> None:
    data = without(table(300), "bought")
    model = steepest.fit(data, "spent", tol=1e-12)
    whole = steepest.fit(data, "spent", alpha=model.alpha, validation=0, tol=1e-12)
    np.testing.assert_allclose(model.weights.coefficients, whole.weights.coefficients, rtol=1e-9)
    part = steepest.fit(data, "spent", refit=False, tol=1e-12)
    assert np.abs(part.weights.coefficients - whole.weights.coefficients).max() > 1e-4


def test_folds_stand_beside_the_figures() -> None:
    data = without(table(300), "spent")
    model = steepest.fit(data, "bought", cv=4)
    figure = model.metrics()[0]
    assert len(figure["folds"]) == 4
    assert figure["folds_mean"] == pytest.approx(np.mean(figure["folds"]))
    assert figure["folds_sd"] == pytest.approx(np.std(figure["folds"], ddof=1))
    assert "4 folds" in model.summary()
    for wrong in (1, 2.5, True):
        with pytest.raises(InputError, match="cv must be"):
            steepest.fit(data, "bought", cv=wrong)  # type: ignore[arg-type]


def test_folds_alone_judge_where_no_rows_are_held_out() -> None:
    model = steepest.fit(without(table(300), "spent"), "bought", alpha=0.01, validation=0, cv=3)
    assert model.story()["fitted"]["rows"] == 300
    figure = model.metrics()[0]
    assert figure["value"] == pytest.approx(np.mean(figure["folds"]))
    assert "means over 3 folds" in model.summary()


@pytest.mark.parametrize(
    ("scoring", "first"),
    [("roc_auc", "AUC"), ("f1", "F1"), ("log_loss", "log loss"), ("accuracy", "accuracy")],
)
def test_alpha_may_be_chosen_by_a_figure(scoring: str, first: str) -> None:
    model = steepest.fit(without(table(300), "spent"), "bought", scoring=scoring)
    assert model.metrics()[0]["name"] == first
    path = model.story()["path"]
    best = path["score"][path["alphas"].index(path["chosen"])]
    assert best == max(path["score"])
    value = model.metrics()[0]["value"]
    assert abs(best) == pytest.approx(value, abs=0.01)


def test_a_function_may_score_and_unknown_names_are_refused() -> None:
    data = without(table(200), "bought")
    model = steepest.fit(data, "spent", scoring=lambda y, p: -float(np.abs(y - p).max()))
    assert len(model.story()["path"]["score"]) == len(model.story()["path"]["alphas"])
    with pytest.raises(InputError, match="regression has no figure called 'roc_auc'"):
        steepest.fit(data, "spent", scoring="roc_auc")


def test_coefficients_are_a_table_with_names(tmp_path: Path) -> None:
    data = without(table(300), "spent")
    model = steepest.fit(data, "bought")
    rows = model.coefficients
    assert rows["name"] == ["(intercept)", "x0", "x1", "x2", "town = Bonn", "town = Kiel", "town = Ulm"]
    assert rows["odds_ratio"] == pytest.approx(np.exp(rows["value"]))
    assert rows[4]["rows"] == (np.asarray(data["town"]) == "Bonn").sum()
    frame = pd.DataFrame(rows)
    rows.to_csv(tmp_path / "c.csv")
    back = pd.read_csv(tmp_path / "c.csv")
    assert back["value"].tolist() == frame["value"].tolist()
    margin = frame["value"][0] + sum(
        np.asarray(data[c] if c != "town" else 0) * v
        for c, v in zip(frame["column"][1:4], frame["value"][1:4], strict=True)
    )
    margin = (
        margin
        + pd.Series(data["town"])
        .map(dict(zip(frame["level"][4:], frame["value"][4:], strict=True)))
        .to_numpy()
    )
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(model.predict_proba(data)[:, 1])
    several = fitted("iris", None).coefficients
    assert len(several) == 3 * 5
    assert several["class"][0] == "setosa"
    assert "…" in repr(steepest.fit("digits", alpha=0.1, validation=0).coefficients)


def test_a_saved_model_keeps_threshold_rows_and_intervals(tmp_path: Path) -> None:
    data = without(table(200), "spent")
    model = steepest.fit(data, "bought", threshold=0.3, class_weight="balanced", cv=2)
    model.save(tmp_path / "m.safetensors")
    again = steepest.load(tmp_path / "m.safetensors")
    assert again.threshold == 0.3
    assert again.metrics() == model.metrics()
    assert again.row_numbers["validation"].tolist() == model.row_numbers["validation"].tolist()
    assert again.thresholds() == model.thresholds()
    assert again.summary(verbose=True) == model.summary(verbose=True)
    assert (again.predict(data) == model.predict(data)).all()


TABLES = ("breast_cancer", "diabetes", "iris", "wine")


@pytest.mark.parametrize(
    ("name", "folds", "alpha"),
    [("digits", None, 0.1), *((name, k, None) for name in TABLES for k in (None, 3))],
)
def test_the_summary_fits_a_screen(name: str, folds: int | None, alpha: float | None) -> None:
    model = fitted(name, folds, alpha)
    lines = model.summary().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "baseline" in model.summary()
    assert "95 % interval" in model.summary()
    for width in (40, 60, 100):
        assert max(map(len, model.summary(width).splitlines())) <= width
        assert max(map(len, model.summary(width, verbose=True).splitlines())) <= width


def test_many_classes_try_fewer_alphas() -> None:
    from steepest.fitting.alphas import ladder
    from steepest.fitting.columns import Encoding
    from steepest.tables import prepare

    task = tasks.find("multiclass")
    train = prepare("wine").train
    columns = Encoding.of(train.design).columns(train.design)
    lengths = []
    for classes in (3, 50, 51, 200, 201, 1000):
        alphas = ladder(columns, train.y.astype(np.float64), task, "l2", 0.0, classes)
        lengths.append(len(alphas))
        assert alphas[0] > 1 > 1e-5 > alphas[-1]
    assert lengths == [25, 25, 13, 13, 7, 7]


@pytest.mark.parametrize(("error", "said"), [(0.1, False), (0.5, True)])
def test_of_next_to_nothing_many_times_is_no_overfitting(error: float, said: bool) -> None:
    """The loss is three times that on training rows, and a hundredth or a quarter of the baseline's."""
    path = alphas.Path([1.0], [error**2 / 3], [error**2], [0.0], 1.0)
    figures = [{"name": "RMSE", "value": error, "baseline": 1.0, "better": "lower"}]
    found = about_figures(figures, path, later=False)
    assert ("overfitting" in {f.kind for f in found}) == said
