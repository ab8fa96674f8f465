"""Forecasts: processes whose best forecast is known, what may not be seen, what tables hold wrongly."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, poisson

from steepest.errors import InputError, TableError
from steepest.forecast import Forecast, forecast
from steepest.forecast.features import baseline
from steepest.forecast.model import seasons_of
from steepest.forecast.series import read_series


def table(y: Any, start: str = "2021-01-01", step: str = "D", **columns: Any) -> dict[str, Any]:
    """A table of daily (or other) stamps."""
    stamps = pd.date_range(start, periods=len(y), freq=step)
    return {"when": stamps.to_numpy(), "y": np.asarray(y, dtype=float), **columns}


def ar(n: int, phi: float, seed: int) -> np.ndarray[Any, Any]:
    """An autoregressive process of order one with steps of size one."""
    rng = np.random.default_rng(seed)
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = phi * y[t - 1] + rng.normal()
    return y


def numbered(y: Any) -> dict[str, Any]:
    return {"when": np.arange(len(y)), "y": np.asarray(y, dtype=float)}


def kinds(found: Forecast) -> list[str]:
    return [finding.kind for finding in found.findings]


def values(found: Forecast, name: str = "forecast") -> np.ndarray[Any, Any]:
    return np.array(found.forecast[name].to_pylist(), dtype=float)


# Processes whose best forecast is known


def test_of_a_random_walk_the_naive_forecast_is_given_and_that_is_said() -> None:
    given = []
    for seed in range(6):
        y = np.cumsum(np.random.default_rng(seed).normal(size=300))
        found = forecast(numbered(y), "y", time="when", horizon=5)
        given.append(found.methods["y"])
        assert "naive_stands" in kinds(found)
        if given[-1] == "naive":
            assert values(found) == pytest.approx(y[-1], abs=0)
            assert "by naive" in str(found)
    # A walk that drifts by chance may have the drift forecast, by a test at 5 %; never the model.
    assert set(given) <= {"naive", "drift"}
    assert given.count("naive") >= 5


def test_an_autoregression_is_forecast_nearly_as_well_as_by_its_own_law() -> None:
    y = ar(1500, 0.7, 0)
    found = forecast(numbered(y), "y", time="when", horizon=3)
    assert found.methods == {"y": "model"}
    rows = found.backtest.forecasts.to_pandas()
    rows = rows[rows.method == "model"]
    rows = rows.assign(best=0.7**rows.step * y[rows.origin.to_numpy()])
    for step, part in rows.groupby("step"):
        ours = (part.actual - part.forecast).abs().mean()
        best = (part.actual - part.best).abs().mean()
        assert ours < 1.05 * best, step


def test_a_season_is_found_and_beats_the_seasonal_naive_forecast() -> None:
    t = np.arange(240)
    y = 10 * np.sin(2 * np.pi * t / 12) + ar(240, 0.3, 1)
    found = forecast(numbered(y), "y", time="when", horizon=6)
    assert found.recipe.seasons == (12,)
    assert found.methods == {"y": "model"}
    figures = found.backtest.figures
    # The mean absolute error of the best forecast is 0.8 of a step; that of the seasonal naive one is 1.41 times it.
    assert figures["model"]["mase"] < 0.85 * figures["seasonal naive"]["mase"]


def test_a_trend_goes_on() -> None:
    t = np.arange(200)
    y = 0.5 * t + np.random.default_rng(0).normal(size=200)
    found = forecast(numbered(y), "y", time="when", horizon=10)
    assert found.methods == {"y": "model"}
    assert values(found) == pytest.approx(0.5 * np.arange(200, 210), abs=1.5)


def test_growth_with_a_season_in_proportion_by_months() -> None:
    t = np.arange(120)
    y = np.exp(3 + 0.01 * t + 0.3 * np.sin(2 * np.pi * t / 12)) * np.exp(
        0.02 * np.random.default_rng(0).normal(size=120)
    )
    found = forecast(table(y, step="MS"), "y", time="when", horizon=12)
    ahead = np.arange(120, 132)
    assert values(found) == pytest.approx(
        np.exp(3 + 0.01 * ahead + 0.3 * np.sin(2 * np.pi * ahead / 12)), rel=0.08
    )
    assert [str(when)[:7] for when in found.forecast["time"].to_pylist()[:2]] == ["2031-01", "2031-02"]
    assert found.step == "month"


@pytest.mark.parametrize("seed", range(3))
def test_levels_hold_what_they_promise_of_what_comes(seed: int) -> None:
    """Of a process that goes on, where the law of what comes is known: not of the backtest's own figures."""
    y = ar(1200, 0.8, seed)
    rng = np.random.default_rng(100 + seed)
    found = forecast(numbered(y), "y", time="when", horizon=4, levels=(0.1, 0.25, 0.5, 0.75, 0.9))
    after = np.empty((4000, 4))
    now = np.full(4000, y[-1])
    for h in range(4):
        now = 0.8 * now + rng.normal(size=4000)
        after[:, h] = now
    for level in found.levels:
        below = (after <= values(found, f"{level:g}")).mean(axis=0)
        # Levels learnt from some 1000 errors that go together; a level that is off by .1 is wrong.
        assert below == pytest.approx(level, abs=0.08), level


def test_the_spread_follows_what_moves_much() -> None:
    """Where weekends are loud, levels are wide on weekends."""
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2021-01-04", periods=700)
    y = (
        20
        + 10.0 * (stamps.day_of_week >= 5)
        + rng.normal(size=700) * np.where(stamps.day_of_week >= 5, 6.0, 0.5)
    )
    found = forecast({"when": stamps.to_numpy(), "y": y}, "y", time="when", horizon=7)
    wide = values(found, "0.9") - values(found, "0.1")
    day = np.array([when.weekday() for when in found.forecast["time"].to_pylist()])
    assert found.methods == {"y": "model"}
    assert wide[day >= 5].min() > 1.5 * wide[day < 5].max()


def test_levels_never_cross() -> None:
    rng = np.random.default_rng(2)
    y = np.exp(ar(220, 0.5, 3)) * rng.gamma(1.0, 1.0, 220)
    levels = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2))
    found = forecast(numbered(y), "y", time="when", horizon=8, levels=levels)
    rows = found.backtest.forecasts.to_pandas()[[f"{q:g}" for q in levels]].to_numpy()
    assert (np.diff(rows, axis=1) >= 0).all()
    ahead = np.column_stack([values(found, f"{q:g}") for q in levels])
    assert (np.diff(ahead, axis=1) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_levels_of_counts_are_whole_numbers_from_0_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 400
    mean = 0.6 * np.exp(np.sin(2 * np.pi * np.arange(n + 7) / 7))
    y = rng.poisson(mean)
    assert (y[:n] == 0).mean() > 0.4
    found = forecast(table(y[:n]), "y", time="when", horizon=7)
    every = np.concatenate([values(found, name) for name in ("forecast", "0.1", "0.5", "0.9")])
    tested = found.backtest.forecasts
    past = np.concatenate([np.array(tested[name].to_pylist()) for name in ("forecast", "0.1", "0.5", "0.9")])
    assert set(tested["method"].to_pylist()) >= {"model", "naive", "drift"}
    for levels in (every, past):
        assert np.array_equal(levels, np.floor(levels))
        assert levels.min() == 0
    # At least the share below each level, up to what so many days tell.
    for level, share in found.backtest.figures["model"]["coverage"].items():
        assert share > level - 0.05
    # The law's own levels, by SciPy: to lose a third more than them is to be no wiser than the mean of all days.
    inside = [row for row in tested.to_pylist() if row["method"] == "model"]
    at = [int((row["time"] - found.history["time"][0].as_py()).days) for row in inside]
    actual = np.array([row["actual"] for row in inside])

    def pinball(level: float, below: Any) -> float:
        above = actual - below
        return float(np.maximum(level * above, (level - 1) * above).mean())

    ours = sum(pinball(q, np.array([row[f"{q:g}"] for row in inside])) for q in (0.1, 0.5, 0.9))
    best = sum(pinball(q, poisson.ppf(q, mean[at])) for q in (0.1, 0.5, 0.9))
    blind = sum(pinball(q, np.quantile(y[:200], q)) for q in (0.1, 0.5, 0.9))
    assert ours < best + 0.6 * (blind - best)


@pytest.mark.parametrize("y", [np.arange(100.0) % 7 + 0.5, np.arange(100.0) % 7 - 3])
def test_what_is_no_count_has_levels_between(y: Any) -> None:
    rng = np.random.default_rng(0)
    noisy = y + rng.integers(-1, 2, 100)
    found = forecast(numbered(noisy), "y", time="when", horizon=3)
    drift = [row["forecast"] for row in found.backtest.forecasts.to_pylist() if row["method"] == "drift"]
    assert not np.array_equal(drift, np.floor(drift))


def test_zeros_that_come_after_logarithms_were_chosen_break_nothing() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(400)
    y = np.exp(2 + np.sin(2 * np.pi * t / 7)) * np.exp(0.1 * rng.normal(size=400))
    y[[260, 301, 302, 350, 390]] = 0.0
    found = forecast(table(y), "y", time="when", horizon=5)
    assert found.recipe.transform == "log"
    assert found.methods == {"y": "model"}
    assert values(found) == pytest.approx(np.exp(2 + np.sin(2 * np.pi * np.arange(400, 405) / 7)), rel=0.3)


# What may not be seen


def seasonal(n: int, seed: int) -> np.ndarray[Any, Any]:
    t = np.arange(n)
    return 20 + 5 * np.sin(2 * np.pi * t / 7) + ar(n, 0.6, seed)


def test_what_comes_later_changes_no_forecast_made_before() -> None:
    """The future after an origin in another order, or all different: forecasts from there are the same numbers."""
    y, x = seasonal(300, 0), ar(300, 0.5, 9)
    first = forecast(table(y, x=x), "y", time="when", horizon=7).backtest.forecasts.to_pandas()
    origins = np.sort(first.origin.unique())
    for cut in (origins[0], origins[len(origins) // 2], origins[-2]):
        after = pd.date_range("2021-01-01", periods=300) > cut
        rng = np.random.default_rng(1)
        other, another = y.copy(), x.copy()
        order = rng.permutation(np.flatnonzero(after))
        other[after], another[after] = 3 * y[order] + 50, x[order] - 8
        second = forecast(table(other, x=another), "y", time="when", horizon=7).backtest.forecasts.to_pandas()
        for method in ("model", "naive", "seasonal naive", "drift"):
            a, b = (f[(f.method == method) & (f.origin <= cut)] for f in (first, second))
            assert len(a)
            for column in ("forecast", "0.1", "0.9"):
                np.testing.assert_array_equal(a[column].to_numpy(), b[column].to_numpy())
        assert (first.actual.to_numpy() != second.actual.to_numpy()).any()


def test_that_counts_end_later_rounds_no_forecast_otherwise_before() -> None:
    y = np.random.default_rng(3).poisson(4 + 2 * np.sin(np.arange(160) * 2 * np.pi / 7)).astype(float)
    first, second = (
        forecast(table(other), "y", time="when", horizon=3).backtest.forecasts.to_pandas()
        for other in (y, np.where(np.arange(160) < 150, y, -0.5))
    )
    assert (first.forecast == np.floor(first.forecast)).all()
    cut = pd.Timestamp("2021-01-01") + pd.Timedelta(days=149)
    for method in ("model", "naive", "seasonal naive", "drift"):
        a, b = (f[(f.method == method) & (f.origin <= cut)] for f in (first, second))
        assert len(a)
        for column in ("forecast", "0.1", "0.9"):
            np.testing.assert_array_equal(a[column].to_numpy(), b[column].to_numpy())


def test_the_order_of_rows_changes_nothing() -> None:
    rows = table(seasonal(200, 3), x=ar(200, 0.5, 4))
    order = np.random.default_rng(0).permutation(200)
    mixed = {name: column[order] for name, column in rows.items()}
    first, second = (forecast(t, "y", time="when", horizon=5) for t in (rows, mixed))
    assert "unsorted" in kinds(second)
    assert "unsorted" not in kinds(first)
    assert first.forecast.equals(second.forecast)


@pytest.mark.parametrize("ahead", [1, 3])
def test_a_column_that_is_the_targets_future_is_left_out_and_named(ahead: int) -> None:
    y = ar(300, 0.8, 5)
    planted = np.append(y[ahead:], np.full(ahead, np.nan))
    found = forecast(table(y, oracle=2 * planted + 1), "y", time="when", horizon=4)
    finding = next(f for f in found.findings if f.kind == "looks_ahead")
    assert "'oracle'" in finding.sentence
    assert f"{ahead} steps later" in finding.sentence
    without = forecast(table(y), "y", time="when", horizon=4)
    assert found.forecast.equals(without.forecast)
    assert found.backtest.figures == without.backtest.figures


def later(y: Any, steps: int) -> Any:
    """What comes so many steps later, as far as there is something, then the last of it."""
    return np.append(y[steps:], np.full(steps, y[-1]))


FORESIGHT = {
    "a step beyond the horizon": lambda y: later(y, 5),
    "logarithm": lambda y: np.log(later(y, 1)),
    "return": lambda y: later(y, 2) / y - 1,
    "whether it rises": lambda y: (later(y, 1) > y).astype(float),
    "mean of a centred window": lambda y: (
        pd.Series(y).rolling(7, center=True, min_periods=1).mean().to_numpy()
    ),
    "mean of what comes": lambda y: np.mean([later(y, k) for k in (1, 2, 3)], axis=0),
}


@pytest.mark.parametrize("kind", FORESIGHT)
def test_a_column_that_is_made_of_the_targets_future_is_left_out_too(kind: str) -> None:
    """A walk cannot be foreseen, whatever its own future says of it."""
    y = 60 + np.cumsum(np.random.default_rng(2).normal(size=250))
    series, findings = read_series(table(y, x=FORESIGHT[kind](y)), "y", "when", 4, None, (), ())
    assert [f.kind for f in findings] == ["looks_ahead"]
    assert not series.seen


def test_a_season_does_not_hide_that_a_column_is_the_targets_future() -> None:
    """What its past leaves open of it is little, and is what a model would learn from the column."""
    y = np.sin(np.arange(400) * 2 * np.pi / 24) + 0.02 * np.random.default_rng(0).normal(size=400)
    series, findings = read_series(table(y, x=later(y, 1)), "y", "when", 3, None, (), ())
    assert [f.kind for f in findings] == ["looks_ahead"]
    assert not series.seen


def test_one_value_far_from_all_others_says_nothing_of_the_future() -> None:
    for seed in range(20):
        y, x = np.random.default_rng(seed).normal(size=(2, 200))
        x[100] = 1e9
        series, findings = read_series(table(y, x=x), "y", "when", 30, None, (), ())
        assert list(series.seen) == ["x"], (seed, findings)


def test_a_column_that_is_made_of_the_targets_past_or_goes_along_with_it_stays() -> None:
    rng = np.random.default_rng(2)
    y = 60 + np.cumsum(rng.normal(size=250))
    mean, even = pd.Series(y).rolling(7).mean().to_numpy(), np.arange(250) % 2
    columns = {
        "mean": mean,
        "sum": np.cumsum(y),
        "with": y + 0.1 * rng.normal(size=250),
        "even": even,
        "t": np.arange(250),
    }
    series, findings = read_series(table(y, **columns), "y", "when", 4, None, (), ())
    assert not findings
    assert list(series.seen) == list(columns)
    # What rises and falls on alternate days says on which, as the days before do.
    series, findings = read_series(table(y + 20 * even, even=even), "y", "when", 4, None, (), ())
    assert not findings


@pytest.mark.parametrize("unit", [1e300, 1e-300])
@pytest.mark.filterwarnings("error")
def test_units_of_columns_change_nothing(unit: float) -> None:
    y = ar(150, 0.8, 5)
    first, second = (
        forecast(
            table(y * k, x=(y + ar(150, 0.5, 1)) * unit / k, future=later(y, 1) * k),
            "y",
            time="when",
            horizon=2,
        )
        for k in (1.0, unit)
    )
    assert kinds(first) == kinds(second)
    assert "looks_ahead" in kinds(first)
    np.testing.assert_allclose(values(second) / unit, values(first), rtol=1e-9)


def test_a_column_that_comes_late_is_used_as_late_in_the_past_too() -> None:
    """What is known four days late is no help for the two days to come, though it is the target two days ahead."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=400)
    y = np.append([0.0, 0.0], x[:-2]) + 0.1 * rng.normal(size=400)
    prompt = forecast(table(y, x=x), "y", time="when", horizon=2)
    assert prompt.backtest.figures["model"]["mase"] < 0.2
    late = forecast(table(y, x=np.where(np.arange(400) < 396, x, np.nan)), "y", time="when", horizon=2)
    finding = next(f for f in late.findings if f.kind == "comes_late")
    assert "ends 4 steps before 'y'" in finding.sentence
    assert late.backtest.figures["model"]["mase"] > 0.6
    # What is there every seventh day only is not late between two of them.
    weekly = np.where(np.arange(400) % 7 == 0, x, np.nan)
    assert "comes_late" not in kinds(forecast(table(y, x=weekly), "y", time="when", horizon=2))


def test_a_part_of_the_target_is_seen_only_as_late_as_the_target() -> None:
    """What is measured with the target, and makes it up, is no help for what comes."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    found = forecast(table(y, twice=2 * y), "y", time="when", horizon=3)
    assert found.backtest.figures["model"]["mase"] > 0.6  # what is drawn anew each day cannot be foreseen


def test_what_is_known_ahead_is_used_where_it_is_said_to_be() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=310)
    y = 5 * x[:300] + 0.3 * rng.normal(size=300)
    rows = table(np.append(y, np.full(10, np.nan)), plan=x)
    blind = forecast(rows, "y", time="when", horizon=10)
    told = forecast(rows, "y", time="when", horizon=10, known=["plan"])
    assert told.backtest.figures["model"]["mase"] < 0.2 * blind.backtest.figures["model"]["mase"]
    assert values(told) == pytest.approx(5 * x[300:], abs=1.5)
    assert len(told.forecast) == 10


def test_what_is_to_be_known_ahead_and_is_not_is_named() -> None:
    rows = table(seasonal(100, 0), plan=np.arange(100.0))
    with pytest.raises(TableError, match=r"'plan' is to be known ahead, and is not at 2021-04-11"):
        forecast(rows, "y", time="when", horizon=5, known="plan")


# Panels


def test_each_series_of_a_panel_has_what_suits_it() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for k in range(3):
        frames.append(pd.DataFrame(table(100 * (k + 1) + (k + 1) * seasonal(250, k))).assign(shop=f"s{k}"))
    frames.append(pd.DataFrame(table(np.cumsum(rng.normal(size=250)))).assign(shop="walk"))
    found = forecast(pd.concat(frames), "y", time="when", by="shop", horizon=7)
    assert found.methods["s0"] == found.methods["s1"] == found.methods["s2"] == "model"
    assert found.methods["walk"] != "model"
    assert found.forecast.num_rows == 4 * 7
    assert found.forecast["series"].to_pylist()[:7] == ["s0"] * 7


def test_a_series_that_ends_early_is_named() -> None:
    long, short = pd.DataFrame(table(seasonal(120, 0))), pd.DataFrame(table(seasonal(90, 1)))
    found = forecast(
        pd.concat([long.assign(shop=1), short.assign(shop=2)]), "y", time="when", by="shop", horizon=3
    )
    finding = next(f for f in found.findings if f.kind == "ends_early")
    assert "2" in finding.sentence
    assert finding.evidence["steps"] == 30


def test_a_series_is_not_forecast_before_it_begins() -> None:
    """Its first value stands for what is before it in no forecast that is judged, and the other series go on."""
    old, young = pd.DataFrame(table(seasonal(200, 0))), pd.DataFrame(table(900 + ar(200, 0.5, 1))).iloc[150:]
    new = pd.DataFrame(table(seasonal(200, 2))).iloc[197:]
    rows = pd.concat([old.assign(shop="old"), young.assign(shop="young"), new.assign(shop="new")])
    found = forecast(rows, "y", time="when", by="shop", horizon=4)
    tested = found.backtest.forecasts.to_pandas()
    begun = {"old": "2021-01-01", "young": "2021-05-31", "new": "2021-07-17"}
    judged = tested[tested.actual.notna()]
    for name, part in judged.groupby("series"):
        assert part.origin.min() >= pd.Timestamp(begun[name])
        assert np.isfinite(part.forecast).all()
    assert {"old", "young"} <= set(judged.series)
    assert np.isfinite(values(found)).all()


# What tables hold wrongly


def test_gaps_are_said_and_neither_learnt_nor_judged() -> None:
    y = seasonal(200, 0)
    rows = pd.DataFrame(table(y)).drop(index=[50, 51, 52, 150])
    found = forecast(rows, "y", time="when", horizon=5)
    finding = next(f for f in found.findings if f.kind == "gaps")
    assert finding.evidence == {"steps": 4, "longest": 3}
    assert "2021-02-20" in finding.sentence
    assert np.isfinite(values(found)).all()
    actual = found.backtest.forecasts.to_pandas().actual
    assert actual.isna().any()


def walk(n: int, seed: int) -> np.ndarray[Any, Any]:
    return np.cumsum(np.random.default_rng(seed).normal(size=n))


def inside(found: Forecast, series: str, law: Any) -> np.ndarray[Any, Any]:
    """What share of what comes lies within the outer levels of each step, by the law of what comes."""
    rows = [row for row in found.forecast.to_pylist() if row["series"] == series]
    return law.cdf([row["0.9"] for row in rows]) - law.cdf([row["0.1"] for row in rows])


def test_a_gap_before_the_last_value_is_no_rest() -> None:
    """What stands for missing days of a walk does not move, and levels had closed around the last value."""
    held = []
    for seed in range(3):
        y = walk(200, seed)
        rows = pd.DataFrame(table(y)).drop(index=range(179, 199))
        law = norm(y[-1], np.sqrt(np.arange(3) + 1.0))
        held.append(inside(forecast(rows, "y", time="when", horizon=3), "y", law))
    assert np.mean(held) == pytest.approx(0.8, abs=0.1)


def test_the_place_in_the_week_outlasts_a_gap() -> None:
    days = np.arange(203)
    y = 20 + 6.0 * (days % 7 == 2) - 5.0 * (days % 7 == 5) + np.random.default_rng(0).normal(size=203)
    rows = pd.DataFrame(table(y[:200])).drop(index=range(179, 199))
    found = forecast(rows, "y", time="when", horizon=3)
    law = norm(20 + 6.0 * (days[200:] % 7 == 2) - 5.0 * (days[200:] % 7 == 5), 1.0)
    assert found.methods == {"y": "model"}
    assert values(found) == pytest.approx(law.mean(), abs=1.5)
    assert inside(found, "y", law).min() > 0.6


def test_levels_of_a_series_that_ended_are_as_wide_as_its_last_value_is_old() -> None:
    held, wide = [], []
    for seed in range(2):
        y, end = walk(240, seed), 200
        calm = 50 + 5 * np.sin(2 * np.pi * np.arange(240) / 7) + np.random.default_rng(seed).normal(size=240)
        rows = [pd.DataFrame(table(x)).assign(s=name) for name, x in (("calm", calm), ("walk", y))]
        rows[1] = rows[1].iloc[:end]
        found = forecast(pd.concat(rows), "y", time="when", by="s", horizon=3)
        held.append(inside(found, "walk", norm(y[end - 1], np.sqrt(np.arange(3) + 41.0))))
        rows[0] = rows[0].iloc[:210]
        rows[1] = pd.DataFrame(table(y)).assign(s="walk")
        found = forecast(pd.concat(rows), "y", time="when", by="s", horizon=3)
        wide.append(inside(found, "calm", norm(50 + 5 * np.sin(2 * np.pi * np.arange(240, 243) / 7), 1.0)))
    assert np.mean(held) == pytest.approx(0.8, abs=0.15)
    assert np.mean(wide) == pytest.approx(0.85, abs=0.12)


def test_what_learns_nothing_starts_from_what_was_observed() -> None:
    """Before: the value before the gap as one of today, and of all days of the week."""
    y = np.append(np.arange(14.0), np.full(6, np.nan))[None]
    t = np.array([19])
    assert baseline(y, t, 2, "naive", 0) == 13
    assert baseline(y, t, 2, "drift", 0) == 21
    assert [baseline(y, t, h, "seasonal_naive", 7).item() for h in (1, 2, 3)] == [13, 7, 8]


def test_a_season_of_numbers_is_found_through_gaps() -> None:
    rng = np.random.default_rng(0)
    y = season(300, 9) + 0.5 * rng.normal(size=300)
    there = rng.random(300) > 0.3
    there[[0, -1]] = True
    rows = {"t": np.arange(300)[there], "y": y[there]}
    assert seasons_of(read_series(rows, "y", "t", 3, None, (), ())[0]) == (9,)


def test_with_gaps_too_what_comes_later_changes_no_forecast_made_before() -> None:
    rng = np.random.default_rng(0)
    y, there = seasonal(200, 0), rng.random(200) > 0.25
    there[[0, 149, 150, 199]] = True
    there[170:180] = False
    first, second = (
        forecast(
            pd.DataFrame(table(x)).iloc[np.flatnonzero(there | more)], "y", time="when", horizon=4
        ).backtest.forecasts.to_pandas()
        for x, more in ((y, False), (np.where(np.arange(200) < 150, y, 3 * y[::-1]), np.arange(200) >= 150))
    )
    cut = pd.Timestamp("2021-01-01") + pd.Timedelta(days=149)
    # What is given is decided, and which horizons are learnt for what nobody judges, by the whole backtest.
    judged = (first.method != "answer") & first.actual.notna() & (first.time <= cut)
    assert (first[judged].actual == second[judged].actual).all()
    for column in ("forecast", "0.1", "0.9"):
        np.testing.assert_array_equal(first[judged][column].to_numpy(), second[judged][column].to_numpy())


def test_two_values_at_a_time_are_refused_and_the_same_twice_is_said() -> None:
    rows = pd.DataFrame(table(seasonal(60, 0)))
    same = pd.concat([rows, rows.iloc[[7]]])
    assert "duplicates" in kinds(forecast(same, "y", time="when", horizon=3))
    without = rows.assign(y=rows.y.where(rows.index != 7))
    late = forecast(pd.concat([without, rows.iloc[[7]]]), "y", time="when", horizon=3)
    assert "duplicates" in kinds(late)
    assert late.history["value"].to_pylist() == rows.y.to_list()
    other = pd.concat([rows, rows.iloc[[7]].assign(y=1.0)])
    with pytest.raises(
        TableError, match=r"time 2021-01-08 in column 'when' has two values: .* in row 7 and 1 in"
    ):
        forecast(other, "y", time="when", horizon=3)


def test_uneven_stamps_are_refused_with_the_first_that_is_off() -> None:
    rows = table(seasonal(60, 0))
    rows["when"] = rows["when"].copy()
    rows["when"][30] += np.timedelta64(5, "h")
    with pytest.raises(TableError, match=r"uneven stamps.*first of them 2021-01-31 05:00:00"):
        forecast(rows, "y", time="when", horizon=3)
    rng = np.random.default_rng(0)
    wild = {"when": np.sort(rng.choice(100_000, 60, replace=False)), "y": seasonal(60, 0)}
    with pytest.raises(TableError, match="uneven stamps"):
        forecast(wild, "y", time="when", horizon=3)


def test_work_days_are_a_step_apart() -> None:
    stamps = pd.bdate_range("2021-01-04", periods=150)
    y = np.cumsum(np.random.default_rng(0).normal(size=150))
    found = forecast({"when": stamps.to_numpy(), "y": y}, "y", time="when", horizon=6)
    assert found.step == "work day"
    ahead = pd.DatetimeIndex(found.forecast["time"].to_pylist())
    assert list(ahead) == list(pd.bdate_range(stamps[-1], periods=7)[1:])


@pytest.mark.parametrize("zone", [None, "Africa/Casablanca"])
def test_an_hour_that_clocks_show_twice_or_not_at_all(zone: str | None) -> None:
    # In Morocco clocks are back for Ramadan alone: both changes lie within five weeks.
    utc = pd.date_range("2023-03-01", "2023-05-15", freq="h", tz="UTC")
    local = utc.tz_convert("Africa/Casablanca")
    y = 10 + 5 * np.sin(2 * np.pi * local.hour / 24) + 0.1 * np.random.default_rng(0).normal(size=len(utc))
    stamps = local.tz_localize(None) if zone is None else local
    found = forecast(pd.DataFrame({"when": stamps, "y": y}), "y", time="when", horizon=6)
    # After the second change the day's wave stands at the clock's hours again.
    ahead = pd.DatetimeIndex(found.forecast["time"].to_pylist())
    assert ahead[0] == stamps[-1] + pd.Timedelta("1h")
    assert values(found) == pytest.approx(10 + 5 * np.sin(2 * np.pi * ahead.hour / 24), abs=0.5)
    assert ("daylight_saving" in kinds(found)) == (zone is None)
    assert ("gaps" in kinds(found)) == (zone is None)


def test_days_of_a_zone_are_days_though_one_has_23_hours() -> None:
    stamps = pd.date_range("2023-01-01", periods=150, tz="Europe/Berlin")
    found = forecast(pd.DataFrame({"when": stamps, "y": seasonal(150, 0)}), "y", time="when", horizon=3)
    assert found.step == "day"
    assert str(pd.Timestamp(found.forecast["time"].to_pylist()[0])) == "2023-05-31 00:00:00+02:00"


@pytest.mark.parametrize(
    ("step", "start", "several", "first"),
    [
        ("h", "2023-04-01", False, "2023-04-07T06:00:00+02:00"),
        ("h", "2023-03-24", True, "2023-03-30T07:00:00+02:00"),
        ("D", "2023-01-01", True, "2023-05-31T00:00:00+02:00"),
        ("MS", "2023-01-01", True, "2035-07-01T00:00:00+02:00"),
    ],
)
def test_texts_with_offsets_are_forecast_with_the_last(
    step: str, start: str, several: bool, first: str
) -> None:
    stamps = pd.date_range(start, periods=150, freq=step, tz="Europe/Berlin")
    texts = [stamp.isoformat() for stamp in stamps]
    found = forecast({"when": texts, "y": seasonal(150, 0)}, "y", time="when", horizon=2)
    assert found.forecast["time"].to_pylist()[0].isoformat() == first
    assert ("several_offsets" in kinds(found)) == several
    assert first.replace("T", " ") in str(found)


def test_days_of_utc_shown_by_the_clocks_of_a_zone_stay_days_of_utc() -> None:
    """Their clocks show one o'clock in winter and two in summer: a day of 24 hours after the last is what comes."""
    for step, ahead in (("D", "2023-05-31 02:00:00+02:00"), ("MS", "2035-07-01 02:00:00+02:00")):
        stamps = pd.date_range("2023-01-01", periods=150, freq=step, tz="UTC").tz_convert("Europe/Berlin")
        found = forecast(pd.DataFrame({"when": stamps, "y": seasonal(150, 0)}), "y", time="when", horizon=3)
        assert str(pd.Timestamp(found.forecast["time"].to_pylist()[0])) == ahead
        assert found.history["time"].to_pylist() == [stamp.to_pydatetime() for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "word"),
    [
        (pd.bdate_range("2021-01-04", periods=43) + pd.Timedelta("16h"), "work day"),
        (pd.bdate_range("2021-01-04 16:00", periods=43, tz="America/New_York"), "work day"),
        (pd.date_range("2021-01-31", periods=43, freq="ME") + pd.Timedelta("23:59:59"), "month"),
        (pd.DatetimeIndex(["2021-09-30", "2021-10-30", "2021-11-30", "2021-12-30", "2022-01-30",
                           "2022-02-28", "2022-03-30", "2022-04-30"]), "month"),
    ],
)  # fmt: skip
def test_stamps_ahead_go_on_as_those_before(stamps: pd.DatetimeIndex, word: str) -> None:
    """The hour at which a market closes is kept; a month ends at its last second; February has no 30th."""
    n = len(stamps) - 3
    rows = pd.DataFrame({"when": stamps[:n], "y": seasonal(n, 0)})
    series, _ = read_series(rows, "y", "when", 3, None, (), ())
    assert str(series.grid) == word
    assert series.grid.column(np.arange(n + 3)).to_pylist() == [stamp.to_pydatetime() for stamp in stamps]


@pytest.mark.parametrize("step", [1 / 12, 1 / 3, 0.1, 1e-10])
def test_fractions_without_an_end_are_even_steps(step: float) -> None:
    stamps = (1960 if step > 1e-3 else 0) + np.arange(3000) * step
    series, _ = read_series({"when": stamps, "y": seasonal(3000, 0)}, "y", "when", 3, None, (), ())
    assert series.length == 3000
    ahead = series.grid.stamps(np.arange(3003))
    # The stamps are rounded to half a unit of their last place, and the last of them is 3000 steps from the first.
    assert ahead[:3000] == pytest.approx(stamps, rel=0, abs=4 * float(np.spacing(stamps[-1])))


def test_work_days_that_are_mostly_not_there_are_refused() -> None:
    stamps = pd.bdate_range("2001-01-01", periods=20).append(pd.bdate_range("2021-01-04", periods=20))
    with pytest.raises(TableError, match="of steps of a work day only"):
        read_series({"when": stamps.to_numpy(), "y": seasonal(40, 0)}, "y", "when", 3, None, (), ())


def test_a_series_that_never_changes_is_said_and_goes_on() -> None:
    found = forecast(table(np.full(60, 7.0)), "y", time="when", horizon=3)
    assert "constant" in kinds(found)
    assert (values(found) == 7.0).all()
    assert (values(found, "0.9") == 7.0).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": np.array([3.0])}, "one time only|one observation"),
        ({"y": np.arange(8.0), "horizon": 8}, "horizon must be below the 8 steps"),
        ({"y": np.arange(30.0), "horizon": 0}, "horizon must be a whole number"),
        ({"y": np.arange(30.0), "levels": (0.1, 1.0)}, "levels must be numbers between 0 and 1"),
        ({"y": np.arange(30.0), "levels": ()}, "levels must be numbers between 0 and 1"),
        ({"y": np.full(30, np.nan)}, "no value at all|must be numbers"),
        ({"y": np.append(np.arange(29.0), np.inf)}, "not finite in row 29"),
        ({"y": np.arange(30.0), "known": ("y",)}, "has two roles"),
        ({"y": np.arange(30.0), "known": ("plans",)}, "no column 'plans'"),
        ({"y": np.arange(30.0), "known": 1}, "'y' has two roles"),
        ({"y": np.arange(30.0), "drop": 1}, "'y' has two roles"),
        ({"y": np.arange(30.0), "levels": (0.1, 0.10000001)}, "different in their first six digits"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    rows = table(change.pop("y"))
    with pytest.raises(InputError, match=words):
        forecast(rows, "y", **{"time": "when", "horizon": 3, **change})


def test_few_steps_prove_nothing_and_have_the_naive_forecast() -> None:
    for n in (2, 3, 5, 9, 14):
        y = np.random.default_rng(n).normal(size=n)
        found = forecast(table(y), "y", time="when", horizon=min(4, n - 1))
        assert found.methods["y"] != "model"
        assert np.isfinite(values(found)).all()
        assert found.findings


@pytest.mark.parametrize(("seen", "horizon"), [(2, 1), (3, 2), (4, 2), (5, 4)])
def test_of_a_few_observations_that_moved_nothing_is_sure(seen: int, horizon: int) -> None:
    found = forecast(table([3.0, 7.0, 4.0, 5.0, 9.0][:seen]), "y", time="when", horizon=horizon)
    low, high = (np.array(found.forecast[q]) for q in ("0.1", "0.9"))
    assert (high - low > 1).all()


def test_a_text_that_is_no_date_is_named_among_dates() -> None:
    days = table(np.zeros(40))["when"].astype("datetime64[D]").astype(str).tolist()
    days[0], days[23] = None, "soon"
    with pytest.raises(TableError, match=r"the text 'soon' in row 23, after such as '2021-01-02': it must"):
        forecast({"when": days, "y": np.arange(40.0)}, "y", time="when", horizon=3)


def test_figures_of_a_backtest_stand_apart() -> None:
    found = forecast(table(1e6 + np.arange(120.0) + ar(120, 0.5, 1)), "y", time="when", horizon=3)
    for line in str(found.backtest).splitlines()[2:]:
        assert len(line[21:].split()) == 5


def test_a_short_panel_is_not_said_to_have_one_forecast_for_all() -> None:
    t = np.arange(12)
    rows = {
        "when": np.tile(t, 2),
        "y": np.append(2.0 * t, (-1.0) ** (t // 2)),
        "shop": np.repeat(["up", "to and fro"], 12),
    }
    found = forecast(rows, "y", time="when", by="shop", horizon=4)
    assert len(set(found.methods.values())) == 2
    finding = next(f for f in found.findings if f.kind == "too_short")
    assert (
        "each series has the naive, seasonal naive or drift forecast that was the least wrong"
        in finding.sentence
    )


def test_what_moved_only_at_its_end_cannot_be_compared_and_that_is_said() -> None:
    found = forecast(table(np.append(np.ones(120), 5.0)), "y", time="when", horizon=3)
    assert found.methods == {"y": "naive"}
    assert "nothing_to_compare" in kinds(found)


@pytest.mark.parametrize("unit", [1e6, 1e-200, 1e200])
@pytest.mark.parametrize("stamps", [table, numbered])
def test_units_of_the_target_change_nothing_but_the_units(unit: float, stamps: Any) -> None:
    y = seasonal(200, 1)
    first, second = (forecast(stamps(y * k), "y", time="when", horizon=5) for k in (1.0, unit))
    assert second.recipe.seasons == first.recipe.seasons == (7,)
    assert values(second) == pytest.approx(unit * values(first), rel=1e-5, abs=0)


def test_months_end_and_quarters_and_numbers_are_steps() -> None:
    for step, word in (
        ("ME", "month"),
        ("QS", "quarter"),
        ("YS", "year"),
        ("W", "week"),
        ("15min", "15 minutes"),
    ):
        rows = table(np.random.default_rng(0).normal(size=40), step=step)
        series, _ = read_series(rows, "y", "when", 3, None, (), ())
        assert str(series.grid) == word
        assert list(pd.DatetimeIndex(series.grid.stamps(np.arange(43)))) == list(
            pd.date_range("2021-01-01", periods=43, freq=step)
        )


# What it shows


def test_pictures_pages_and_texts(tmp_path: Path) -> None:
    found = forecast(table(seasonal(150, 0)), "y", time="when", horizon=7)
    axes = found.plot(file=tmp_path / "fan.png")
    assert len(axes) == 3
    assert axes[0].get_legend_handles_labels()[1][0] == "observed"
    found.report(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<svg" in text
    assert "sCRPS" in text
    assert "<td>2021-05-31</td>" in text  # a day, without an hour
    assert "MASE" in str(found)
    assert max(map(len, found.summary(80).splitlines())) <= 80
    assert found._repr_html_().startswith("<div>")
    with pytest.raises(InputError, match="there is no series 'x'"):
        found.plot(series="x")


# Tables as people have them


def season(n: int, period: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(n)
    return 50 + 10 * np.sin(2 * np.pi * np.arange(n) / period) + 0.1 * rng.standard_normal(n)


def test_a_series_and_a_frame_may_have_their_times_in_the_index() -> None:
    stamps = pd.date_range("2020-01-01", periods=60, freq="MS")
    given = pd.Series(season(60, 12), index=stamps, name="sales")
    column = pd.DataFrame({"month": stamps, "sales": given.to_numpy()})
    right = forecast(column, "sales", time="month", horizon=3)
    named = given.rename_axis("month")
    for found in (
        forecast(given, horizon=3),
        forecast(given.to_period("M"), horizon=3),
        forecast(given.to_frame(), "sales", time="month", horizon=3),
        forecast(named.to_frame(), horizon=3),
        forecast(named, "sales", time="month", horizon=3),
    ):
        assert found.forecast["time"].to_pylist() == right.forecast["time"].to_pylist()
        assert values(found) == pytest.approx(values(right), abs=0)
    both = pd.concat({"b": given, "a": 2 * given}, names=["shop", "month"])
    assert list(forecast(both, time="month", by="shop", horizon=3).methods) == ["a", "b"]
    with pytest.raises(InputError, match="time must name the column of times: the index of the frame"):
        forecast(pd.Series([1.0, 2.0, 3.0]), horizon=1)
    with pytest.raises(InputError, match="it may be any of 'y', 'z'"):
        forecast({"t": [1, 2, 3], "y": [1, 2, 3], "z": [1, 2, 3]}, time="t", horizon=1)


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e6, 1e9])
def test_counts_since_1970_are_times(unit: float) -> None:
    stamps = pd.date_range("2022-01-01", periods=60, freq="D")
    counts = (stamps - pd.Timestamp(0)) / pd.Timedelta("1s") * unit
    found = forecast({"t": counts.to_numpy(), "y": season(60, 7)}, "y", time="t", horizon=2)
    assert found.step == "day"
    assert str(found.forecast["time"][0]) == "2022-03-02 00:00:00+00:00"
    assert "unix_time" in kinds(found)


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y", "%b-%y", "%m/%Y"])
def test_first_days_of_months_are_months_in_any_form(form: str) -> None:
    texts = pd.date_range("2020-01-01", periods=36, freq="MS").strftime(form)
    found = forecast({"t": list(texts), "y": season(36, 12)}, "y", time="t", horizon=1)
    assert (found.step, str(found.forecast["time"][0])) == ("month", "2023-01-01 00:00:00")


def test_dates_that_are_even_both_ways_are_asked_for() -> None:
    texts = [f"{k:02d}/01/2020" for k in range(1, 13)]
    with pytest.raises(
        TableError, match=r"'02/01/2020' .* may be 2020-02-01 .* or 2020-01-02 .* both are even"
    ):
        forecast({"t": texts, "y": np.arange(12.0)}, "y", time="t", horizon=1)


@pytest.mark.parametrize("form", ["{y}Q{q}", "{y}-Q{q}", "Q{q} {y}"])
def test_quarters_as_they_are_written(form: str) -> None:
    texts = [form.format(y=2010 + k // 4, q=k % 4 + 1) for k in range(40)]
    found = forecast({"t": texts, "y": season(40, 4)}, "y", time="t", horizon=1)
    assert (found.step, str(found.forecast["time"][0])) == ("quarter", "2020-01-01 00:00:00")
    with pytest.raises(TableError, match=r"the text 'later' in row 39, after such as .*Q1"):
        forecast({"t": [*texts[:-1], "later"], "y": season(40, 4)}, "y", time="t", horizon=1)


@pytest.mark.parametrize(
    ("freq", "step", "then"),
    [("BME", "month", "2017-07-31"), ("WOM-3FRI", "month", "2017-07-01"), ("BQE", "quarter", "2022-09-30")],
)
def test_stamps_that_are_one_a_month_are_months(freq: str, step: str, then: str) -> None:
    stamps = pd.date_range("2015-01-01", periods=30, freq=freq)
    found = forecast({"t": stamps.to_numpy(), "y": season(30, 12)}, "y", time="t", horizon=1)
    assert (found.step, str(found.forecast["time"][0])[:10]) == (step, then)
    assert "one_a_month" in kinds(found)


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_years_with_rounded_twelfths_are_even(digits: int) -> None:
    years = np.round(1958 + (np.arange(120) + 0.5) / 12, digits)
    found = forecast({"t": years, "y": season(120, 12)}, "y", time="t", horizon=1)
    assert found.recipe.seasons == (12,)
    assert found.forecast["time"][0].as_py() == pytest.approx(1968 + 0.5 / 12, abs=10.0**-digits)


def test_days_of_a_zone_in_utc_are_refused_with_what_to_do() -> None:
    stamps = pd.date_range("2023-01-01", periods=200, freq="D", tz="Europe/Berlin").tz_convert("UTC")
    with pytest.raises(TableError, match="days of a zone whose clocks change"):
        forecast(pd.DataFrame({"t": stamps, "y": season(200, 7)}), "y", time="t", horizon=1)


def test_a_value_far_from_all_others_is_named_and_long_tails_are_none() -> None:
    y = season(100, 7)
    y[60] = 9999.0
    (said,) = [f for f in forecast(table(y), "y", time="when", horizon=1).findings if f.kind == "far_out"]
    assert "9999 at 2021-03-02" in said.sentence
    rng = np.random.default_rng(0)
    for natural in (np.exp(rng.standard_normal(100)), rng.poisson(0.2, 100), rng.standard_t(3, 100)):
        assert "far_out" not in kinds(forecast(table(natural), "y", time="when", horizon=1))
