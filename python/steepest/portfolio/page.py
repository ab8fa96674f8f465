"""A portfolio as one HTML page: its weights, the frontier around it, what it would have done, and its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.findings import Finding
from steepest.portfolio.summary import aim, figures, found, held, named, rate, share_of
from steepest.report import html_page
from steepest.report.drawing import Picture, Scale
from steepest.report.figures import count, figure, plural, short
from steepest.report.pictures import meter, signed_bar
from steepest.report.scoring import thinned
from steepest.report.writing import write_whole

__all__ = ["portfolio_page"]

View = dict[str, Any]
#: weights in the first table; corners of a curve; assets whose names stand in the frontier
FIRST, CORNERS, NAMED = 12, 400, 40
#: Where a name may stand beside its point, across and down, in units of a letter's size; the first that is free.
PLACES = ((6, 4, ""), (-6, 4, "end"), (0, -7, "mid"), (0, 16, "mid"))
#: What the figures of a backtest mean, by their names.
FIGURES = {
    "mean": "return",
    "volatility": "how much returns vary",
    "ratio": "return for volatility",
    "drawdown": "largest loss since a high",
    "turnover": "traded at a look",
    "growth": "what became of 1, in all",
}

#: What stands behind a bound by duality.
GROUND = (
    "The bound comes from convex duality: the same problem looked at from the other side has a value that no weights "
    "can go below, and the bound is what lies between the two."
)


def portfolio_page(
    portfolio: Mapping[str, Any], path: str | Path, frontier: Any, walked: Any, title: str, python: str
) -> None:
    """Write the page, whole or not at all."""
    from steepest import __version__

    rows = held(portfolio) if found(portfolio) else []
    noticed = _noticed(portfolio)
    for part in (frontier, walked):
        kinds = {finding.kind for finding in noticed}
        noticed += [finding for finding in _noticed(part) if finding.kind not in kinds]
    findings = html_page.findings_view(noticed)
    year = portfolio["periods"]
    each = {} if frontier is None else _assets(frontier)
    weights = [_weight(row, max(abs(rows[0][1]), 1e-300), each, year) for row in rows]
    if any(weight < 0 for _, weight, _ in rows):
        for shown, (_, weight, _) in zip(weights, rows, strict=True):
            shown["bar"] = signed_bar(weight, abs(rows[0][1]))
    zeros = [str(name) for name, weight in portfolio["weights"].items() if not weight]
    view: View = {
        "version": __version__,
        "created": html_page.date_words(datetime.now()),
        "title": short(title or "A portfolio", 200),
        "aim": aim(portfolio),
        "assets": plural(len(portfolio["weights"]), "asset"),
        "held": count(len(rows)),
        "named": named(portfolio) if rows else "",
        "unit": "a period" if year is None else "a year",
        "volatility": rate(portfolio["volatility"], 1.0 if year is None else year**0.5),
        "mean": rate(portfolio["expected_return"], 1.0 if year is None else year),
        "figures": figures(portfolio) if rows else [],
        "first": weights[:FIRST],
        "rest": weights[FIRST:],
        "risks": all(np.isfinite(share) for *_, share in rows),
        "each": bool(each),
        "zeros": ", ".join(zeros[:60]) + (f" and {count(len(zeros) - 60)} more" if len(zeros) > 60 else ""),
        "findings": findings,
        "noticed": html_page.noticed(findings),
        "frontier": _frontier(portfolio, frontier, each) if each and rows else None,
        "walked": None if walked is None else _walked(walked),
        "proof": _proof(portfolio),
        "python": python.strip("\n"),
    }
    write_whole(path, html_page.template("portfolio.html.j2").render(**view))


def _noticed(part: Any) -> list[Finding]:
    """The findings of a portfolio, of the first portfolio of a frontier, or of a backtest."""
    if part is None:
        return []
    if isinstance(part, list):
        return _noticed(part[0])
    found_there = part["findings"] if isinstance(part, Mapping) else part.findings
    return [Finding.of(finding) for finding in found_there]


def _assets(frontier: Any) -> dict[str, tuple[float, float]]:
    """Expected return and volatility of each asset by itself."""
    names, means, spreads = frontier._assets
    return {str(name): (float(m), float(s)) for name, m, s in zip(names, means, spreads, strict=True)}


def _weight(
    row: tuple[str, float, float], largest: float, each: Mapping[str, tuple[float, float]], year: float | None
) -> View:
    """One weight in the table."""
    name, weight, share = row
    mean, spread = each.get(name, (float("nan"), float("nan")))
    return {
        "name": short(name),
        "bar": meter(abs(weight) / largest),
        "weight": share_of(weight),
        "share": share_of(share),
        "mean": rate(mean, 1.0 if year is None else year),
        "spread": rate(spread, 1.0 if year is None else year**0.5),
    }


def _frontier(portfolio: Mapping[str, Any], frontier: Any, each: Mapping[str, tuple[float, float]]) -> View:
    """The frontier with the assets and this portfolio, in percent."""
    periods = portfolio["periods"]
    year, root = (1.0, 1.0) if periods is None else (float(periods), float(periods) ** 0.5)
    risk = np.array([p.volatility for p in frontier]) * 100 * root
    gain = np.array([p.expected_return for p in frontier]) * 100 * year
    means = np.array([mean for mean, _ in each.values()]) * 100 * year
    spreads = np.array([spread for _, spread in each.values()]) * 100 * root
    here = portfolio["volatility"] * 100 * root, portfolio["expected_return"] * 100 * year
    of = "a period" if periods is None else "a year"
    x, y = (
        Scale.over([*risk, *spreads, here[0]], margin=0.08),
        Scale.over([*gain, *means, here[1]], margin=0.08),
    )
    detail = f"From a volatility of {figure(risk[0])} % to an expected return of {figure(gain[-1])} %."
    picture = Picture("Efficient frontier and the assets", x, y, detail, height=340)
    picture.axes(f"volatility {of} (%)", f"expected return {of} (%)")
    picture.line(risk.tolist(), gain.tolist()).points(spreads.tolist(), means.tolist(), "dots two")
    picture.points([here[0]], [here[1]], "dots huge")
    if len(each) <= NAMED:
        _names(picture, list(each), spreads, means)
    words = "It is of the same periods, constraints and covariance as the portfolio."
    if len(frontier) == 1:
        words = "There is one point only: no other expected return can be had under these constraints."
    return {"svg": picture.svg(), "sentence": words}


def _names(picture: Picture, names: Sequence[str], across: Floats, up: Floats) -> None:
    """Each name beside its point where there is room that no other name or point takes."""
    points = [(picture.px(float(x)), picture.py(float(y))) for x, y in zip(across, up, strict=True)]
    taken = [(x - 3, x + 3, y - 3, y + 3) for x, y in points]
    for name, (x, y) in zip(names, points, strict=True):
        words = short(name, 12)
        wide = 9.0 * len(words)
        for right, down, style in PLACES:
            left = x + right - {"": 0.0, "end": wide, "mid": wide / 2}[style]
            box = left, left + wide, y + down - 10, y + down + 2
            inside = picture.left < box[0] and box[1] < picture.width and picture.top < box[2]
            if inside and not any(_cross(box, other) for other in taken):
                picture.text(x + right, y + down, words, f"note {style}")
                taken.append(box)
                break


def _cross(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _walked(walked: Any) -> View:
    """The backtest: its figures beside those of equal weights, growth and drawdowns."""
    told = walked.figures()
    one, two = told["strategy"], told["equal weights"]
    shares = ("mean", "volatility", "drawdown", "turnover")
    rows = [
        {"name": name.capitalize(), "plain": plain, "one": text(one[name]), "two": text(two[name])}
        for name, plain in FIGURES.items()
        for text in [rate if name in shares else figure]
    ]
    failed = [outcome for outcome, kept in zip(walked.outcomes, walked.kept, strict=False) if kept]
    better = [one[name] > two[name] for name in ("ratio", "growth")]
    looks = plural(len(walked.looks), "look")
    return {
        "rows": rows,
        "unit": "a period" if walked.periods is None else "a year",
        "growth": (figure(one["growth"]), figure(two["growth"])),
        "verdict": "better" if all(better) else "same" if any(better) else "warn",
        "sentence": f"Its volatility was {rate(one['volatility'])}, theirs {rate(two['volatility'])}.",
        "how": f"At each of {looks} the weights were chosen from the {count(walked.looks[0])} periods before it alone, "
        f"and held until the next, over {count(len(walked.returns))} periods in all. Trades are paid for, those of "
        "equal weights too.",
        "kept": f"At {plural(len(failed), 'look')} no weights were found ({failed[0].replace('_', ' ')}): what was "
        "held was kept."
        if failed
        else "",
        "pictures": _curves(walked),
    }


def _curves(walked: Any) -> list[View]:
    """Growth of 1, and what is lost since the highest point, in percent."""
    wealth = walked.wealth, walked.equal
    lost = [100 * (curve / np.maximum.accumulate(curve) - 1) for curve in wealth]
    keep = thinned(len(wealth[0]), CORNERS)
    across = [float(k) for k in keep]
    views = []
    for heading, curves, up, caption in (
        ("Growth of 1", wealth, "growth of 1, after costs", "After costs."),
        (
            "Drawdown",
            lost,
            "lost since the highest point (%)",
            "What is lost since the highest point before.",
        ),
    ):
        both = [curve[keep] for curve in curves]
        ends = [float(v) for curve in curves for v in (curve.min(), curve.max())]
        picture = Picture(f"{heading} of the strategy and of equal weights", Scale(0.0, max(across[-1], 1.0)),
                          Scale.over(ends))  # fmt: skip
        picture.axes("period", up)
        picture.line(across, both[1].tolist(), "two").line(across, both[0].tolist())
        views.append({"heading": heading, "svg": picture.svg(), "caption": caption})
    return views


def _proof(portfolio: Mapping[str, Any]) -> View:
    """How it is known that no other weights are better."""
    certificate = portfolio["certificate"] or {}
    success, bound, target = portfolio["success"], certificate.get("bound"), certificate.get("target")
    if success:
        answer, verdict = "Yes, and it is proved", "better"
        sentence = f"No weights that meet the constraints are better by more than {figure(bound)}."
    elif found(portfolio):
        answer, verdict = "Not proved", "warn"
        sentence = str(portfolio["message"])
    else:
        answer, verdict = "There is none", "worse"
        sentence = str(portfolio["message"])
    return {
        "answer": answer,
        "verdict": verdict,
        "sentence": sentence,
        "message": str(portfolio["message"]),
        "kind": str(certificate.get("kind") or "").replace("_", " "),
        "value": f"What was made least is at {figure(portfolio['fun'], 6)}.",
        "bound": "" if bound is None else figure(bound),
        "target": "" if target is None else figure(target, 2),
        "reached": bound is not None and target is not None and bound <= target,
        "ground": GROUND if certificate.get("kind") == "duality_gap" else "",
        "assumption": str(certificate.get("assumption") or ""),
    }
