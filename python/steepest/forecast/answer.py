"""Forecasts with nothing to tune: a model where it beats what learns nothing, and that where it does not."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pyarrow as pa

from steepest._types import Floats
from steepest.errors import InputError
from steepest.findings import Finding, by_severity, findings_text
from steepest.forecast.choosing import chosen_of, said_of
from steepest.forecast.features import Recipe, View
from steepest.forecast.grid import times_written
from steepest.forecast.judging import (
    Backtest,
    Judged,
    figures,
    first_origin,
    judge,
    losses,
    origins_of,
    scales,
    table_of,
)
from steepest.forecast.model import choose, seasons_of
from steepest.forecast.series import Series, read_series
from steepest.forecast.stamps import of_index

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True, repr=False)
class Forecast:
    """What is expected, how sure that is, and how good such forecasts were.

    Parameters
    ----------
    forecast : pyarrow.Table
        ``time``, ``series``, ``method`` (whose forecast it is), ``forecast`` (the median) and a column for each level,
        named as the level; `to_pandas` makes it a frame.
    backtest : Backtest
        Figures of the model and of what learns nothing, at origins in the past.
    findings : list of Finding
        What was noticed, the gravest first.
    methods : dict
        The method whose forecast each series has.
    recipe : Recipe
        What the model was chosen to be.
    coefficients : pyarrow.Table
        Of the model: ``step``, ``column`` and ``value``, on standardised columns.
    target : str
        The column that is forecast.
    history : pyarrow.Table
        ``time``, ``series`` and ``value``, on even steps.
    levels : tuple of float
        The shares that are to lie below each level, in order.
    step : str
        How far apart the stamps are: ``day``, ``month``, ``15 minutes``.
    tried : list of dict
        What was tried on expanding windows before the first origin, with its loss.

    Examples
    --------
    >>> from steepest.forecast import forecast
    >>> found = forecast({"year": range(1990, 2020), "rate": [5.0] * 30}, "rate", time="year", horizon=2)
    >>> found.forecast["0.9"].to_pylist()
    [5.0, 5.0]
    >>> [finding.kind for finding in found.findings]
    ['constant']
    """

    forecast: pa.Table
    backtest: Backtest
    findings: list[Finding]
    methods: dict[Any, str]
    recipe: Recipe
    coefficients: pa.Table
    target: str
    history: pa.Table
    levels: tuple[float, ...]
    step: str
    tried: list[dict[str, Any]] = field(default_factory=list)

    def summary(self, width: int = 96, *, findings: bool = True) -> str:
        """What was forecast, by what, and how good that was, as text.

        Parameters
        ----------
        width : int, default 96
            Of a line.
        findings : bool, default True
            Whether what was noticed is said too.

        Returns
        -------
        str
        """
        many = len(self.methods)
        rows = self.forecast.num_rows // many
        lines = [
            f"Forecast of {self.target!r}: {rows} steps of {self.step}"
            + (f", {many} series" if many > 1 else "")
            + f", by {self._by()}"
        ]
        r = self.recipe
        season = f", seasons of {', '.join(map(str, r.seasons))} steps" if r.seasons else ""
        base = f"the value {r.base} steps before" if r.base else "the last value"
        lines += textwrap.wrap(
            f"model: least squares above {base}, {r.lags} lags, alpha {r.alpha:g}, "
            f"transform {r.transform}{season}; levels by pinball loss, in order",
            width,
            initial_indent="  ",
            subsequent_indent="    ",
        )
        lines += ["  " + line for line in repr(self.backtest).splitlines()]
        if many == 1:
            lines.append("")
            lines += ["  " + line for line in self._first_rows()]
        if findings and self.findings:
            lines += ["", findings_text(self.findings, width)]
        return "\n".join(lines)

    def _by(self) -> str:
        names = list(self.methods.values())
        counts = {name: names.count(name) for name in dict.fromkeys(names)}
        if len(counts) == 1:
            return names[0]
        return ", ".join(f"{name} ({count})" for name, count in counts.items())

    def _first_rows(self, most: int = 8) -> list[str]:
        columns = ["forecast", *(f"{q:g}" for q in self.levels)]
        rows = self.forecast.slice(0, most).to_pylist()
        times = times_written([row["time"] for row in rows])
        width = max(20, *(len(time) + 1 for time in times))
        lines = [f"{'time':<{width}}" + "".join(f"{c:>12}" for c in columns)]
        for time, row in zip(times, rows, strict=True):
            lines.append(f"{time:<{width}}" + "".join(f"{row[c]:>12.5g}" for c in columns))
        left = self.forecast.num_rows - most
        return lines if left <= 0 else [*lines, f"and {left} more"]

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """The forecast for a notebook."""
        shown = self.summary(findings=False)
        found = "".join(finding._repr_html_() for finding in by_severity(self.findings))
        return f'<div><pre style="overflow-x:auto">{html.escape(shown)}</pre>{found}</div>'

    def plot(self, *, series: Any = None, file: Any = None) -> Any:
        """Draw the fan of levels after the history, the backtest, and its figures; needs matplotlib.

        Parameters
        ----------
        series : label, optional
            Which series; the first unless given.
        file : path or io.StringIO, optional
            Where to save the picture, a stream as SVG; it is then not shown.

        Returns
        -------
        ndarray of matplotlib Axes

        Raises
        ------
        InputError
            If there is no such series.
        """
        if series is not None and series not in self.methods:
            raise InputError(f"there is no series {series!r}; they are {list(self.methods)[:8]}")
        from steepest.forecast.pictures import draw_forecast

        return draw_forecast(self, next(iter(self.methods)) if series is None else series, file=file)

    def report(self, path: Any) -> None:
        """Write the forecast as one HTML page that needs nothing else.

        Parameters
        ----------
        path : path
            Where to write it, whole or not at all.
        """
        from steepest.forecast.pictures import forecast_page

        forecast_page(self, path)


def forecast(
    table: Any,
    target: Any = None,
    *,
    time: Any = None,
    horizon: int,
    levels: Sequence[float] = (0.1, 0.5, 0.9),
    by: Any = None,
    known: Sequence[Any] = (),
    drop: Sequence[Any] = (),
) -> Forecast:
    """Forecast a column of a table, with nothing to tune, and say whether that beats a forecast that learns nothing.

    A linear model for each step ahead corrects the last value, or the value a season before: lags, rolling means,
    seasons, what the calendar says, other columns. How far it looks back, how strongly it shrinks to what it corrects,
    and whether logarithms or roots are taken, is chosen on windows that expand through the past before the first origin
    of the backtest. Levels come from pinball loss on errors of forecasts that had not seen what they forecast;
    levels that cross change places, those of counts are whole numbers from 0 on. Where the backtest does not show
    that the model is better, by the test of Diebold and Mariano at 5 %, the answer is the naive forecast, or the
    seasonal naive or drift one where that beats the naive by the same test. A history too short for a test has that
    of the three which was the least wrong.

    Parameters
    ----------
    table : path, frame, dict of columns or any table
        A row for each time (and series); rows after the target's last value say what is known ahead.
    target : str or int, optional
        The column to forecast: numbers. The only one that is left, where it is not named.
    time : str or int, optional
        The column of dates, times or whole numbers, on even steps: gaps may be, work days and months are seen as such.
        The index of a pandas frame or Series may hold them, and does where no column is named.
    horizon : int
        How many steps ahead.
    levels : sequence of float, default (0.1, 0.5, 0.9)
        The shares that are to lie below each level, between 0 and 1.
    by : str or int, optional
        The column that tells series apart; one model learns from all of them, each in its own scale.
    known : sequence of str or int, default ()
        Columns that are known ahead, as prices or plans are: the table must have them for all steps ahead. All other
        columns are used as they were when a forecast was made, and left out where they hold the target's future.
    drop : sequence of str or int, default ()
        Columns to leave out.

    Returns
    -------
    Forecast
        With `forecast`, `backtest` and `findings`.

    Raises
    ------
    InputError
        If an argument cannot be used, the horizon is as long as the history, or the table has one observation,
        different values at one time, or uneven stamps.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.forecast import forecast
    >>> table = {"week": np.arange(80), "sales": np.tile([3.0, 9.0, 4.0, 6.0], 20) + np.arange(80)}
    >>> found = forecast(table, "sales", time="week", horizon=2)
    >>> [round(x) for x in found.forecast["forecast"].to_pylist()]
    [83, 90]
    """
    if isinstance(horizon, bool) or not isinstance(horizon, Integral) or horizon < 1:
        raise InputError(f"horizon must be a whole number of steps, 1 at least; got {horizon!r}")
    horizon = int(horizon)
    asked = _levels(levels)
    known, drop = (
        (given,) if isinstance(given, (str, Integral)) else tuple(given) for given in (known, drop)
    )
    from steepest.tables import read

    table, time = of_index(table, time, by)
    if time is None:
        raise InputError("time must name the column of times")
    table = read(table)
    target = _only_left(table, (time, by, *known, *drop)) if target is None else target
    series, findings = read_series(table, target, time, horizon, by, known, drop)
    inner = tuple(sorted({*asked, 0.5}))

    first = first_origin(series.length, horizon)
    origins = origins_of(series.length, horizon, first, len(series.names))
    past = series.until(first, horizon)
    seasons = seasons_of(past)
    recipe, tried = choose(past, horizon, seasons)
    judged = judge(series, recipe, horizon, inner, first, origins)

    scale = scales(series, first, seasons)
    middle = inner.index(0.5)
    by_method = {name: losses(found, judged.actual, scale, middle) for name, found in judged.methods.items()}
    apart = int(origins[1] - origins[0]) if len(origins) > 1 else 1
    room = (series.length - first) // horizon
    chosen, gain, error = chosen_of(by_method, -(-horizon // apart), room)
    answer = np.stack([judged.methods[name][:, i] for i, name in enumerate(chosen)], axis=1)
    said_of(findings, chosen, by_method, gain, error, room, series)

    methods = {"answer": answer, **judged.methods}
    tested = Backtest(
        {name: figures(found, judged.actual, scale, inner, asked) for name, found in methods.items()},
        table_of(methods, judged, series, inner, asked),
        len(origins),
        judged.refits,
        asked,
        gain,
        error,
    )
    return Forecast(
        _table(answer[-1], series, horizon, inner, asked, chosen),
        tested,
        by_severity(findings),
        dict(zip(series.names, chosen, strict=True)),
        recipe,
        _coefficients(judged, series, horizon),
        series.target,
        _history(series),
        asked,
        str(series.grid),
        tried,
    )


def _only_left(table: Any, named: Sequence[Any]) -> str:
    """The one column that has no other role."""
    given = {table.find(column) for column in named if column is not None}
    left = [name for name in table.names if name not in given]
    if len(left) != 1:
        may = f": it may be any of {', '.join(map(repr, left))}" if left else ""
        raise InputError(f"target must name the column to forecast{may}")
    return str(left[0])


def _levels(levels: Any) -> tuple[float, ...]:
    """The levels in order; refused where they are none."""
    try:
        found = tuple(float(q) for q in np.atleast_1d(levels))
    except (TypeError, ValueError):
        found = ()
    if not found or not all(0 < q < 1 for q in found):
        raise InputError(f"levels must be numbers between 0 and 1, such as (0.1, 0.5, 0.9); got {levels!r}")
    # A level's column is called as the level in six digits.
    if len({f"{q:g}" for q in found}) < len(found):
        raise InputError(f"levels must be different in their first six digits; got {levels!r}")
    return tuple(sorted(found))


def _table(
    found: Floats,
    series: Series,
    horizon: int,
    levels: tuple[float, ...],
    asked: tuple[float, ...],
    chosen: list[str],
) -> pa.Table:
    """The forecast, series by series."""
    count = len(series.names)
    steps = np.tile(np.arange(horizon), count)
    flat = found.reshape(-1, len(levels))
    return pa.table(
        {
            "time": series.grid.column(series.length + steps),
            "series": pa.array([name for name in series.names for _ in range(horizon)]),
            "method": pa.array([name for name in chosen for _ in range(horizon)]),
            "forecast": pa.array(flat[:, levels.index(0.5)]),
            **{f"{q:g}": pa.array(flat[:, levels.index(q)]) for q in asked},
        }
    )


def _history(series: Series) -> pa.Table:
    """What was observed, on even steps."""
    count, n = series.values.shape
    return pa.table(
        {
            "time": series.grid.column(np.tile(np.arange(n), count)),
            "series": pa.array([name for name in series.names for _ in range(n)]),
            "value": pa.array(series.values.ravel(), from_pandas=True),
        }
    )


def _coefficients(judged: Judged, series: Series, horizon: int) -> pa.Table:
    """The model's coefficients for each step ahead."""
    view = View(series, judged.models[0].recipe, horizon, series.length)
    names = view.names()
    return pa.table(
        {
            "step": pa.array([m.h for m in judged.models for _ in names]),
            "column": pa.array(names * len(judged.models)),
            "value": pa.array(np.concatenate([m.coef for m in judged.models])),
        }
    )
