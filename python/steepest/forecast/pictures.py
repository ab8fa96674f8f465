"""A forecast as pictures, drawn with matplotlib, and as a page."""

from __future__ import annotations

import html
import io
from typing import Any

import numpy as np

from steepest.findings import by_severity
from steepest.forecast.grid import times_written
from steepest.report.plots import COLOURS, INK, axes_on, finish, save
from steepest.report.writing import write_whole

__all__ = ["draw_forecast", "forecast_page"]

#: coefficients of so many columns are drawn
DRAWN = 14
#: rows of the forecast that a page shows
ROWS = 500


def draw_forecast(found: Any, series: Any, *, file: Any = None) -> Any:
    """The fan after the history; each step's error beside the baselines; the coefficients over the steps."""
    figure, axes = axes_on(None, None if file is None else file, (14.0, 4.2), 3)
    _fan(axes[0], found, series)
    _errors(axes[1], found, series)
    _coefficients(axes[2], figure, found)
    if isinstance(file, io.StringIO):
        figure.savefig(file, format="svg", facecolor="white")
    else:
        save(figure, file)
    return axes


def _of(table: Any, series: Any) -> dict[str, Any]:
    """The rows of one series, a list a column."""
    columns = table.to_pydict()
    keep = [i for i, name in enumerate(columns["series"]) if name == series]
    return {name: [values[i] for i in keep] for name, values in columns.items()}


def _fan(ax: Any, found: Any, series: Any) -> None:
    """The history's end, the forecast and its levels as bands, the widest the palest."""
    ahead, past = _of(found.forecast, series), _of(found.history, series)
    shown = max(4 * len(ahead["time"]), 60)
    when, values = past["time"][-shown:], past["value"][-shown:]
    values = [np.nan if v is None else v for v in values]
    ax.plot(when, values, color=INK, linewidth=1.2, label="observed")
    # The bands begin where the history ends, so that no step is left white.
    start = ([past["time"][-1]], values[-1])
    joined = np.isfinite(values[-1])
    time = start[0] + ahead["time"] if joined else ahead["time"]

    def line(name: str) -> list[float]:
        return [*([values[-1]] if joined else []), *ahead[name]]

    levels = found.levels
    pairs = [(low, high) for low, high in zip(levels, levels[::-1], strict=True) if low < high]
    for k, (low, high) in enumerate(pairs):
        ax.fill_between(
            time,
            line(f"{low:g}"),
            line(f"{high:g}"),
            color=COLOURS[0],
            alpha=0.18 + 0.14 * k,
            linewidth=0,
            label=f"levels {low:g} to {high:g}",
        )
    ax.plot(
        time, line("forecast"), color=COLOURS[0], linewidth=1.8, label=f"forecast: {found.methods[series]}"
    )
    name = "" if len(found.methods) == 1 else f", {series}"
    ax.set_ylabel(found.target)
    finish(ax, f"Forecast{name}")
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.tick_params(axis="x", labelrotation=30)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.25 * (high - low))


def _errors(ax: Any, found: Any, series: Any) -> None:
    """The mean absolute error of each method at each step of the backtest."""
    tested = _of(found.backtest.forecasts, series)
    method, step = np.array(tested["method"]), np.array(tested["step"])
    actual = np.array([np.nan if v is None else v for v in tested["actual"]], dtype=float)
    off = np.abs(actual - np.array(tested["forecast"], dtype=float))
    names = [name for name in dict.fromkeys(tested["method"]) if name != "answer"]
    steps = np.unique(step)
    for k, name in enumerate(names):
        means = [float(np.nanmean(off[(method == name) & (step == h)])) for h in steps]
        ax.plot(
            steps,
            means,
            color=COLOURS[k % len(COLOURS)],
            linewidth=2.2 if name == found.methods[series] else 1.2,
            marker="o" if len(steps) <= 25 else None,
            markersize=3,
            label=name + (" (the answer)" if name == found.methods[series] else ""),
        )
    ax.set_xlabel("steps ahead")
    ax.set_ylabel("mean absolute error")
    ax.set_ylim(bottom=0)
    finish(ax, f"Backtest from {found.backtest.origins} origins")
    ax.legend(frameon=False, fontsize=8)


def _coefficients(ax: Any, figure: Any, found: Any) -> None:
    """The largest coefficients of the model, a row a column, over the steps ahead."""
    columns = found.coefficients.to_pydict()
    names, steps = list(dict.fromkeys(columns["column"])), sorted(set(columns["step"]))
    values = np.array(columns["value"]).reshape(len(steps), len(names))
    order = np.argsort(-np.abs(values).max(axis=0))[:DRAWN]
    most = float(np.abs(values).max()) or 1.0
    drawn = ax.imshow(
        values[:, order].T,
        aspect="auto",
        cmap="RdBu_r",
        vmin=-most,
        vmax=most,
        extent=(0.5, len(steps) + 0.5, len(order), 0),
    )
    ax.set_yticks(np.arange(len(order)) + 0.5, [names[k] for k in order], fontsize=8)
    ax.set_xlabel("steps ahead")
    finish(ax, "The model's coefficients", grid=False)
    figure.colorbar(drawn, ax=ax, fraction=0.05)


def forecast_page(found: Any, path: Any) -> None:
    """Write the forecast as one HTML page that needs nothing else."""
    shown = list(found.methods)[:6]
    pictures = []
    for series in shown:
        drawn = io.StringIO()
        found.plot(series=series, file=drawn)
        text = drawn.getvalue()
        pictures.append(text[text.index("<svg") :])
    title = html.escape(f"Forecast of {found.target}")
    columns = ["time", "series", "method", "forecast", *(f"{q:g}" for q in found.levels)]
    if len(found.methods) == 1:
        columns.remove("series")
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    table = found.forecast.slice(0, ROWS).to_pylist()
    times = times_written([row["time"] for row in table])
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{row[c]:.5g}</td>" if isinstance(row[c], float) else f"<td>{html.escape(str(row[c]))}</td>"
            for c in columns
        )
        + "</tr>"
        for row in (row | {"time": time} for row, time in zip(table, times, strict=True))
    )
    rest = found.forecast.num_rows - len(table)
    further = f"<p>The first {len(table)} of {found.forecast.num_rows} rows.</p>" if rest else ""
    findings = "".join(finding._repr_html_() for finding in by_severity(found.findings))
    left = len(found.methods) - len(shown)
    more = f"<p>Pictures of {len(shown)} of {len(found.methods)} series.</p>" if left > 0 else ""
    write_whole(
        path,
        f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#30343a}}
pre,.wide{{overflow-x:auto}} svg{{width:100%;min-width:54em;height:auto}} td:first-child{{white-space:nowrap}}
table{{border-collapse:collapse;font-variant-numeric:tabular-nums}} td,th{{padding:.1em .9em;text-align:right}}
</style></head>
<body><h1>{title}</h1>
{"".join(f'<div class="wide">{picture}</div>' for picture in pictures)}
{more}
<pre>{html.escape(found.summary(96, findings=False))}</pre>
{findings}
<h2>The forecast</h2>
{further}
<div class="wide"><table><tr>{head}</tr>{rows}</table></div>
</body></html>
""",
    )
