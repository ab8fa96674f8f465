"""A portfolio in words: what is held, what is expected of it, and how that is known."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.findings import by_severity
from steepest.report.figures import MINUS, SPACE, count, figure, percent, plural, short
from steepest.report.result_lines import certified, headline

__all__ = ["aim", "figures", "found", "held", "named", "rate", "share_of", "summary_text"]

#: weights that have a line of their own, so that a summary fits a screen
LINES = 8


def found(portfolio: Mapping[str, Any]) -> bool:
    """Whether there are weights that meet the constraints, proved the best or not."""
    return portfolio["outcome"] not in ("infeasible", "unbounded") and bool(np.isfinite(portfolio["x"]).all())


def aim(portfolio: Mapping[str, Any]) -> str:
    """What was asked for, in a few words.

    >>> from steepest.portfolio import min_variance
    >>> aim(min_variance(cov=[[0.04, 0.0], [0.0, 0.01]]))
    'Least variance'
    """
    words = str(portfolio["reason"]).split(":")[0]
    return words[:1].upper() + words[1:]


def held(portfolio: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """The assets with weights other than 0, the largest first: names, weights, parts of the variance."""
    shares = np.broadcast_to(
        np.asarray(portfolio["risk_shares"], dtype=np.float64), len(portfolio["weights"])
    )
    rows = [
        (str(name), weight, share)
        for (name, weight), share in zip(portfolio["weights"].items(), shares.tolist(), strict=True)
        if weight
    ]
    return sorted(rows, key=lambda row: -abs(row[1]))


def rate(value: float, times: float = 1.0) -> str:
    """A return or a volatility as a percentage."""
    return f"{figure(100 * times * value)}{SPACE}%" if np.isfinite(value) else figure(value)


def share_of(value: float) -> str:
    """A weight, or a part of the variance, as a percentage whose points stand one under the other."""
    if not np.isfinite(value) or abs(value) < 0.0005:
        return percent(value)
    return f"{100 * value:.1f}{SPACE}%".replace("-", MINUS)


def figures(portfolio: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is expected of the weights, of a year where it is known how many periods that has, and how they spread."""
    year = portfolio["periods"]
    mean, spread = portfolio["expected_return"], portfolio["volatility"]
    if year is None:
        rows = [("expected return", f"{rate(mean)} a period"), ("volatility", f"{rate(spread)} a period")]
    else:
        rows = [
            ("expected return", f"{rate(mean, year)} a year ({rate(mean)} a period)"),
            ("volatility", f"{rate(spread, year**0.5)} a year ({rate(spread)} a period)"),
        ]
    rows.append(("return for volatility", figure(portfolio["sharpe"])))
    if "value_at_risk" in portfolio:
        rows.append(("mean loss in the tail", f"{rate(portfolio['fun'])} a period"))
        rows.append(("where the tail begins", f"a loss of {rate(portfolio['value_at_risk'])}"))
    w = np.asarray(portfolio["x"])
    gross = float(np.abs(w).sum())
    if gross > 0:
        spread_over = gross**2 / float(w @ w)
        rows.append(("spread as over", f"{figure(spread_over)} equal weights"))
    if (w < 0).any():
        rows.append(("sold short", f"{percent(float(-w[w < 0].sum()))}, gross {percent(gross)}"))
    return rows


def named(portfolio: Mapping[str, Any], most: int = 3) -> str:
    """The largest weights by name, in a sentence's words."""
    rows = held(portfolio)
    words = ", ".join(f"{short(name, 24)} {percent(weight)}" for name, weight, _ in rows[:most])
    return words + (f" and {count(len(rows) - most)} more" if len(rows) > most else "")


def summary_text(portfolio: Mapping[str, Any], width: int = 80) -> str:
    """The portfolio on one screen of at least 80 columns, no line wider than `width` where words allow it."""
    noticed: dict[bool, list[str]] = {True: [], False: []}
    for finding in by_severity(portfolio["findings"]):
        remedy = f" What to do: {finding.remedy[:1].lower()}{finding.remedy[1:]}" if finding.remedy else ""
        grave = finding.severity != "note"
        noticed[grave].append(f"{finding.severity.capitalize()}: {finding.sentence}{remedy}")
    assets = plural(len(portfolio["weights"]), "asset")
    blocks: list[list[str]]
    if not found(portfolio):
        blocks = [
            [f"{aim(portfolio)}: no weights of {assets}"],
            noticed[True],
            [headline(portfolio)],
            noticed[False],
        ]
    else:
        rows = held(portfolio)
        blocks = [
            [f"{aim(portfolio)}: {len(rows)} of {assets} held"],
            noticed[True],
            _weights(portfolio, rows, width),
            _aligned(figures(portfolio)),
            [headline(portfolio), *_proof(portfolio)],
            noticed[False],
        ]
    lines = [[part for line in block for part in _wrapped(line, width)] for block in blocks if block]
    return "\n\n".join("\n".join(block) for block in lines).replace("\N{NO-BREAK SPACE}", " ")


def _weights(portfolio: Mapping[str, Any], rows: list[tuple[str, float, float]], width: int) -> list[str]:
    """The largest weights, a line each; how much is in the others."""
    first = rows if len(rows) <= LINES + 1 else rows[:LINES]
    room = min(24, max(8, width - 28))
    size = max((len(short(name, room)) for name, *_ in first), default=0)
    risks = all(np.isfinite(share) for *_, share in first)
    lines = [f"  {'':<{size}}    weight" + ("   of variance" if risks else "")] if first else []
    for name, weight, share in first:
        risk = f"{share_of(share):>14}" if risks else ""
        lines.append(f"  {short(name, room):<{size}}{share_of(weight):>10}{risk}")
    rest = [weight for _, weight, _ in rows[len(first) :]]
    zeros = len(portfolio["weights"]) - len(rows)
    parts = [f"{len(rest)} more, {percent(sum(rest))} in all"] if rest else []
    if zeros:
        parts.append(f"{zeros} at 0")
    return [*lines, *([f"  and {'; '.join(parts)}"] if parts else [])]


def _proof(portfolio: Mapping[str, Any]) -> list[str]:
    """How far from the best possible the weights can be at most."""
    return ["  " + certified(portfolio["certificate"]).split("\n")[0]] if portfolio["certificate"] else []


def _aligned(rows: list[tuple[str, str]]) -> list[str]:
    size = max(len(name) for name, _ in rows)
    return [f"  {name:<{size}}   {text}" for name, text in rows]


def _wrapped(line: str, width: int) -> list[str]:
    """A line within the width, its further lines indented."""
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
