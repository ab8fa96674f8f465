"""Pictures of portfolios, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.report.plots import COLOURS, INK, axes_on, finish, save

__all__ = ["draw_backtest", "draw_frontier", "draw_weights"]

#: Assets that have a colour of their own; all others share one.
NAMED = 6


def draw_weights(portfolio: Mapping[str, Any], *, file: Any = None) -> Any:
    """The weights as bars, the largest first."""
    figure, ax = axes_on(None, file, (5.4, 4.6))
    order = sorted(portfolio["weights"].items(), key=lambda item: -abs(item[1]))[:20]
    names, weights = [str(name) for name, _ in order][::-1], [w for _, w in order][::-1]
    ax.barh(names, weights, color=[COLOURS[0] if w >= 0 else COLOURS[1] for w in weights])
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_xlabel("weight")
    left = sum(1 for w in portfolio["weights"].values() if w) - sum(1 for w in weights if w)
    finish(ax, "Weights" if left <= 0 else f"The 20 largest weights ({left} more)")
    save(figure, file)
    return ax


def draw_frontier(portfolios: Sequence[Any], assets: tuple[Any, Any, Any], *, file: Any = None) -> Any:
    """Volatility and expected return of the frontier and of each asset; the weights along it."""
    figure, axes = axes_on(None, file, (10.4, 4.4), 2)
    names, means, spreads = assets
    risk = [p.volatility for p in portfolios]
    gain = [p.expected_return for p in portfolios]
    axes[0].scatter(spreads, means, s=14, color=COLOURS[1], label="assets", zorder=2)
    axes[0].plot(risk, gain, color=COLOURS[0], marker="o", markersize=3, label="efficient frontier", zorder=3)
    if len(names) <= 12:
        for name, x, y in zip(names, spreads, means, strict=True):
            axes[0].annotate(
                str(name), (x, y), fontsize=7, color=INK, xytext=(3, 3), textcoords="offset points"
            )
    axes[0].set_xlabel("volatility, a period")
    axes[0].set_ylabel("expected return, a period")
    finish(axes[0], "Efficient frontier")
    axes[0].legend(frameon=False)
    weights = np.array([p.x for p in portfolios])
    first = np.argsort(-np.abs(weights).sum(axis=0))[:NAMED]
    rest = np.delete(weights, first, axis=1).sum(axis=1)
    parts = [*weights[:, first].T, rest]
    labels = [str(names[i]) for i in first] + ["all others"]
    if (weights >= 0).all():
        axes[1].stackplot(gain, *parts, labels=labels, colors=COLOURS)
    else:
        for part, label, colour in zip(parts, labels, COLOURS, strict=False):
            axes[1].plot(gain, part, label=label, color=colour)
    axes[1].set_xlabel("expected return, a period")
    axes[1].set_ylabel("weight")
    finish(axes[1], "Weights along it")
    axes[1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save(figure, file)
    return axes


def draw_backtest(found: Any, *, file: Any = None) -> Any:
    """Growth of one unit against equal weights, and what was lost since the highest point."""
    figure, axes = axes_on(None, file, (10.4, 4.4), 2)
    for values, label, colour in (
        (found.wealth, "strategy", COLOURS[0]),
        (found.equal, "equal weights", COLOURS[1]),
    ):
        axes[0].plot(values, label=label, color=colour, linewidth=1.2)
        axes[1].plot(values / np.maximum.accumulate(values) - 1, label=label, color=colour, linewidth=1.2)
    for ax, title in zip(axes, ("Growth of 1, after costs", "Drawdown"), strict=True):
        ax.set_xlabel("period")
        ax.legend(frameon=False)
        finish(ax, title)
    save(figure, file)
    return axes
