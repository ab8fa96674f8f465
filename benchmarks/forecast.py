"""Forecasts with defaults: accuracy at origins in the past and seconds, beside AutoETS, scikit-learn and the naive ones.

    python benchmarks/forecast.py [--origins N] [--quick] [--only NAME] [--bikes FILE] [--json FILE]

The last values of each series are forecast from several origins, each time from what lies before it alone and from the
beginning, as a person would call it. MASE is the mean absolute error of the median beside that of the seasonal naive
forecast within the first history; pinball the mean loss of the levels .1, .5 and .9 on the same scale; inside the share
between the outer two levels, .8 if they are true. Series come with statsforecast (air passengers) and statsmodels
(sunspots, the Nile, sea temperatures); `--bikes` adds hourly rentals from a file with the columns `dteday`, `hr` and `cnt`.
The pipeline is scikit-learn's: as many lags as two seasons, gradient boosting, a model for each step ahead.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _given import keep, parser

import steepest

LEVELS = (0.1, 0.5, 0.9)
Floats = np.ndarray
#: What comes of a history: rows by steps ahead, columns by levels.
Ahead = Callable[[Floats, Floats, int, int], Floats]


@dataclass(frozen=True)
class Case:
    """A series on even stamps, its season, and how far ahead it is asked for."""

    name: str
    stamps: Floats
    values: Floats
    season: int
    horizon: int


def cases(bikes: str | None) -> list[Case]:
    found = []
    try:
        from statsforecast.utils import AirPassengersDF

        months = AirPassengersDF["ds"].to_numpy("datetime64[M]")
        found.append(Case("air passengers", months, AirPassengersDF["y"].to_numpy(float), 12, 12))
    except ImportError:
        print("air passengers left out: pip install statsforecast")
    try:
        from statsmodels.datasets import elnino, nile, sunspots

        years = sunspots.load_pandas().data
        found.append(Case("sunspots", _years(years["YEAR"]), years["SUNACTIVITY"].to_numpy(float), 11, 11))
        years = nile.load_pandas().data
        found.append(Case("nile", _years(years["year"]), years["volume"].to_numpy(float), 1, 5))
        table = elnino.load_pandas().data
        sea = table.drop(columns="YEAR").to_numpy(float).ravel()
        months = np.arange(f"{int(table['YEAR'].iloc[0])}-01", len(sea), dtype="datetime64[M]")
        found.append(Case("sea temperature", months, sea, 12, 12))
    except ImportError:
        print("sunspots, the Nile and sea temperatures left out: pip install statsmodels")
    if bikes:
        import pandas as pd

        rows = pd.read_csv(bikes)
        hours = pd.to_datetime(rows["dteday"]) + pd.to_timedelta(rows["hr"], unit="h")
        series = (
            pd.Series(rows["cnt"].to_numpy(float), index=hours).asfreq("h").fillna(0.0).iloc[-24 * 7 * 20 :]
        )
        found.append(
            Case("bikes by the hour", series.index.to_numpy("datetime64[h]"), series.to_numpy(), 24, 24)
        )
    return found


def _years(column: Any) -> Floats:
    return (np.asarray(column, dtype=np.int64) - 1970).astype("datetime64[Y]")


def ours(stamps: Floats, values: Floats, season: int, horizon: int) -> Floats:
    del season
    table = {"time": stamps, "value": values}
    found = steepest.forecast(table, "value", time="time", horizon=horizon, levels=LEVELS).forecast
    return np.column_stack([found[f"{q:g}"].to_numpy() for q in LEVELS])


def exponential_smoothing(stamps: Floats, values: Floats, season: int, horizon: int) -> Floats:
    from statsforecast.models import AutoETS

    del stamps
    found = AutoETS(season_length=season).forecast(values, horizon, level=[80])
    return np.column_stack([found["lo-80"], found["mean"], found["hi-80"]])


def boosting(stamps: Floats, values: Floats, season: int, horizon: int) -> Floats:
    from sklearn.ensemble import HistGradientBoostingRegressor

    del stamps
    lags = min(2 * season + 1, len(values) // 3)
    rows = np.lib.stride_tricks.sliding_window_view(values, lags)
    to = np.empty((horizon, len(LEVELS)))
    for step in range(horizon):
        X, y = rows[: len(rows) - step - 1], values[lags + step :]
        for k, q in enumerate(LEVELS):
            model = HistGradientBoostingRegressor(loss="quantile", quantile=q, random_state=0)
            to[step, k] = model.fit(X, y).predict(rows[-1:])[0]
    return np.sort(to, axis=1)


def seasonal_naive(stamps: Floats, values: Floats, season: int, horizon: int) -> Floats:
    del stamps
    ahead = np.resize(values[-season:], horizon)
    off = np.quantile(values[season:] - values[:-season], LEVELS)
    off[1] = 0.0
    return ahead[:, None] + off


METHODS: dict[str, Ahead] = {
    "steepest": ours,
    "AutoETS": exponential_smoothing,
    "boosting on lags": boosting,
    "seasonal naive": seasonal_naive,
}


def judged(case: Case, method: Ahead, origins: int) -> dict[str, float]:
    """The figures at the last origins, a horizon apart."""
    first = len(case.values) - origins * case.horizon
    scale = np.abs(case.values[case.season : first] - case.values[: first - case.season]).mean()
    errors, losses, inside, took = [], [], [], []
    for origin in range(first, len(case.values), case.horizon):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ahead = method(case.stamps[:origin], case.values[:origin], case.season, case.horizon)
        took.append(time.perf_counter() - began)
        off = case.values[origin : origin + case.horizon, None] - ahead
        q = np.array(LEVELS)
        errors.append(np.abs(off[:, 1]).mean() / scale)
        losses.append(np.maximum(q * off, (q - 1) * off).mean() / scale)
        inside.append(((off[:, 0] >= 0) & (off[:, -1] <= 0)).mean())
    return {
        "mase": float(np.mean(errors)),
        "pinball": float(np.mean(losses)),
        "inside": float(np.mean(inside)),
        "seconds": float(np.median(took)),
    }


def main() -> None:
    how = parser(__doc__, "quick", "only", origins=8)
    how.add_argument("--bikes", help="a file of rentals by the hour")
    given = how.parse_args()
    found = []
    print("| series | forecast | MASE | pinball | inside | seconds |\n|---|---|---|---|---|---|")
    for case in cases(given.bikes):
        if given.only is not None and given.only not in case.name:
            continue
        for name, method in METHODS.items():
            try:
                figures = judged(case, method, 1 if given.quick else given.origins)
            except ImportError:
                continue
            found.append({"series": case.name, "forecast": name, **figures})
            print(
                f"| {case.name} | {name} | {figures['mase']:.3f} | {figures['pinball']:.3f} "
                f"| {figures['inside']:.2f} | {figures['seconds']:.2f} |",
                flush=True,
            )
    keep(given, found)


if __name__ == "__main__":
    main()
