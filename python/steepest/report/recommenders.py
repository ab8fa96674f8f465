"""How good a recommender is, and how its rank and alpha were chosen, as a picture."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steepest.report.writing import write_whole

__all__ = ["plot_recommender", "recommender_page"]


def recommender_page(model: Any, source: str, path: str | Path) -> None:
    """Write what is known of a recommender as one HTML page that needs nothing else.

    Parameters
    ----------
    model : Factorization
        Fitted.
    source : str
        What to call the table.
    path : path
        Where to write the page, whole or not at all.

    Raises
    ------
    OSError
        If the page cannot be written there.
    """
    drawn = io.StringIO()
    model.plot(file=drawn)
    picture = drawn.getvalue()
    picture = picture[picture.index("<svg") :]
    title = html.escape(f"Recommendations from {source}")
    write_whole(
        path,
        f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em;color:#30343a}}
pre{{overflow-x:auto}} svg{{max-width:100%;height:auto}}</style></head>
<body><h1>{title}</h1>
<pre>{html.escape(model.summary(96))}</pre>
{picture}
<h2>The descent</h2>
{model.result_._repr_html_()}
</body></html>
""",
    )


def plot_recommender(
    held_out: Mapping[str, Mapping[str, float]],
    figures: Sequence[str],
    tried: Sequence[Mapping[str, Any]],
    history: Mapping[str, Any],
    *,
    file: str | Path | io.StringIO | None = None,
) -> Any:
    """Draw figures of the model beside the baselines, the losses by alpha for each rank, and the descent.

    Parameters
    ----------
    held_out : mapping of str to mapping
        Figures of the model and of each baseline on what was held out, those that each has; may be empty.
    figures : sequence of str
        Those that are drawn.
    tried : sequence of mapping
        ``rank``, ``alpha`` and ``loss`` of what was tried; may be empty.
    history : mapping of str to array
        The descent's ``iteration`` and ``loss``.
    file : path or stream, optional
        Where to save the picture, a stream as SVG; it is then not shown.

    Returns
    -------
    ndarray of matplotlib Axes
    """
    import numpy as np
    from matplotlib.ticker import NullFormatter

    from .plots import COLOURS, DASHES, MARKS, axes_on

    figures = [figure for figure in figures if any(figure in row for row in held_out.values())]
    count = 1 + len(figures) + bool(tried)
    rows = 2 if count > 3 else 1
    drawn, axes = axes_on(None, file, (4.4 * count / rows, 3.6 * rows), count, rows)
    axes = np.atleast_1d(axes).ravel()
    left = list(axes)
    for figure in figures:
        ax = left.pop(0)
        names = [name for name, row in held_out.items() if figure in row]
        values = [held_out[name][figure] for name in names]
        bars = ax.barh(names, values, color=[COLOURS[0], *["#9aa0a6"] * (len(names) - 1)])
        ax.bar_label(bars, fmt="%.4g", padding=3)
        ax.invert_yaxis()
        ax.set(xlabel=f"{figure} on what was held out", xlim=(0, 1.25 * max(values, default=1.0) or 1.0))
    if tried:
        ax = left.pop(0)
        for i, rank in enumerate(sorted({row["rank"] for row in tried})):
            losses = sorted((row["alpha"], row["loss"]) for row in tried if row["rank"] == rank)
            ax.plot(
                *zip(*losses, strict=True),
                color=COLOURS[i % len(COLOURS)],
                linestyle=DASHES[i % len(DASHES)],
                marker=MARKS[i % len(MARKS)],
                markersize=4,
                label=f"rank {rank}",
            )
        ax.set(xlabel="alpha", ylabel="loss on what was held out", xscale="log")
        # A label for each of 2, 3, 4 ... times a power of ten would stand one over the other.
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(frameon=False)
    ax = left.pop(0)
    ax.plot(history["iteration"][1:], history["loss"][1:], color=COLOURS[0])
    ax.set(xlabel="round", ylabel="objective")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    if file is not None:
        drawn.savefig(file, dpi=150, **{"format": "svg"} if isinstance(file, io.StringIO) else {})
    return axes
