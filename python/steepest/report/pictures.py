"""The pictures of the page: each takes arrays and gives one inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.report.drawing import Picture, Scale
from steepest.report.figures import count, figure, percent
from steepest.report.scoring import Calibration, area, thinned

__all__ = [
    "actual_picture", "calibration_picture", "certificate_strip", "confusion_picture", "descent_picture",
    "meter", "path_picture", "precision_picture", "residual_picture", "roc_picture", "share_strip", "signed_bar",
]  # fmt: skip

MOST_POINTS = 1200
MOST_CORNERS = 240


def roc_picture(
    false: Floats, true: Floats, positive: str, here: tuple[float, float] | None = None
) -> Markup:
    """The ROC curve, with the line of pure chance and the threshold in use."""
    keep = thinned(len(false), MOST_CORNERS)
    score = area(false, true)
    title = f"ROC curve for {positive}: area under the curve {figure(score)}"
    detail = f"At 5 % false alarms {percent(_height(false, true, 0.05), 0)} of {positive} are found."
    picture = Picture(title, Scale(0.0, 1.0), Scale(0.0, 1.0), detail)
    picture.axes("false alarms (false positive rate)", "found (recall)", xticks=6, yticks=6)
    picture.line([0.0, 1.0], [0.0, 1.0], "chance").line(false[keep].tolist(), true[keep].tolist())
    picture.text(picture.px(0.97), picture.py(0.17), f"area (AUC) {figure(score)}", "strong end")
    picture.text(picture.px(0.97), picture.py(0.09), "dashes: chance, 0.5", "note end")
    if here is not None:
        picture.points([here[0]], [here[1]], "dots huge")
    return picture.svg()


def precision_picture(
    recall: Floats, precision: Floats, positive: str, share: float, here: tuple[float, float] | None
) -> Markup:
    """The precision-recall curve, with the share that guessing reaches and the threshold in use."""
    keep = thinned(len(recall), MOST_CORNERS)
    average = float(np.sum(np.diff(recall) * precision[1:]))
    title = f"Precision-recall curve for {positive}: average precision {figure(average)}"
    picture = Picture(title, Scale(0.0, 1.0), Scale(0.0, 1.0))
    picture.axes("found (recall)", "right (precision)", xticks=6, yticks=6)
    picture.level(share, "chance line").line(recall[keep].tolist(), precision[keep].tolist())
    low = float(np.interp(0.3, recall, precision)) > 0.5
    picture.text(
        picture.px(0.04), picture.py(0.09 if low else 0.93), f"average precision {figure(average)}", "strong"
    )
    if here is not None:
        picture.points([here[0]], [here[1]], "dots huge")
    return picture.svg()


def _height(false: Floats, true: Floats, at: float) -> float:
    return float(true[max(0, int(np.searchsorted(false, at, side="right")) - 1)])


def calibration_picture(bins: Calibration, positive: str, close: bool = False) -> Markup:
    """Predicted against found, with 95 % intervals; `close` ends the axes at the largest that occurs."""
    title = f"Calibration for {positive}: probability predicted against share found"
    detail = "; ".join(
        f"predicted {percent(s)}, found {percent(f)} of {count(n)}"
        for s, f, n in zip(bins.said, bins.found, bins.rows, strict=True)
    )
    most = min(1.0, 1.08 * float(max(bins.said.max(), bins.high.max()))) if close else 1.0
    across = min(1.0, 1.08 * float(bins.said.max())) if close else 1.0
    picture = Picture(title, Scale(0.0, across), Scale(0.0, most), detail)
    picture.axes("probability predicted", "share found")
    said, found = bins.said.tolist(), bins.found.tolist()
    end = min(across, most)
    picture.line([0.0, end], [0.0, end], "chance").whiskers(said, bins.low.tolist(), bins.high.tolist())
    picture.line(said, found).points(said, found, "dots big")
    taken = -100.0
    for s, f, high, n in zip(said, found, bins.high.tolist(), bins.rows.tolist(), strict=True):
        x = picture.px(s)
        if close and x - taken > 22:
            picture.text(x, max(picture.top + 9, picture.py(high) - 4), count(f * n), "note small mid")
            taken = x
    return picture.svg()


def actual_picture(actual: Floats, predicted: Floats, target: str) -> Markup:
    """Predicted against actual, with the line where they agree."""
    keep = thinned(len(actual), MOST_POINTS)
    scale = Scale.over([*actual[keep].tolist(), *predicted[keep].tolist()])
    picture = Picture(f"Predicted against actual {target}", scale, scale, "On the line the two agree.")
    picture.axes("actual", "predicted")
    picture.line([scale.low, scale.high], [scale.low, scale.high], "chance")
    return picture.points(actual[keep].tolist(), predicted[keep].tolist()).svg()


def residual_picture(actual: Floats, predicted: Floats, target: str) -> Markup:
    """What is left (actual minus predicted) against the prediction."""
    left = actual - predicted
    keep = thinned(len(actual), MOST_POINTS)
    typical = float(np.median(np.abs(left)))
    detail = f"Half of the rows are off by less than {figure(typical)}."
    x, y = Scale.over(predicted[keep].tolist()), Scale.over(left[keep].tolist(), zero=True)
    picture = Picture(f"What is left of {target} (residual) against the prediction", x, y, detail)
    picture.axes("predicted", "actual \N{MINUS SIGN} predicted").level(0.0, "chance line")
    return picture.points(predicted[keep].tolist(), left[keep].tolist()).svg()


def confusion_picture(counts: NDArray[np.int64], names: Sequence[str]) -> Markup:
    """A confusion matrix too large for a table: the share of each actual class by predicted class."""
    size, rows = len(counts), counts.sum(axis=1)
    side = 340.0 / size
    right = percent(np.trace(counts) / max(1, counts.sum()))
    cells = []
    for i, j in zip(*np.nonzero(counts), strict=True):
        share = counts[i, j] / rows[i]
        style = "right" if i == j else "wrong"
        words = f"{names[i]} predicted as {names[j]}: {count(counts[i, j])} ({percent(share)})"
        cells.append(
            f'<rect class="cell {style}" x="{44 + j * side:.1f}" y="{24 + i * side:.1f}" '
            f'width="{side:.2f}" height="{side:.2f}" fill-opacity="{0.08 + 0.92 * share:.2f}">'
            f"<title>{escape(words)}</title></rect>"
        )
    title = f"Confusion matrix of {size} classes: {right} on the diagonal"
    return Markup(
        f'<svg class="picture" viewBox="0 0 400 400" role="img" aria-label="{escape(title)}">'
        f'<title>{escape(title)}</title><rect class="frame" x="44" y="24" width="340" height="340"/>'
        f'{"".join(cells)}<text class="label mid" x="214" y="390">predicted</text>'
        f'<text class="label mid" transform="translate(26 194) rotate(-90)">actual</text></svg>'
    )


def descent_picture(
    across: Floats,
    heights: Floats,
    title: str,
    up: str,
    passes: str,
    sampled: NDArray[np.bool_],
    target: float | None = None,
) -> Markup:
    """One falling quantity on a log axis; a target is a level; what was taken on samples is dashed."""
    keep = thinned(len(heights), MOST_CORNERS)
    x, y = across[keep], heights[keep].copy()
    fine = np.isfinite(y) & (y > 0)
    if not fine.any():
        return Markup("")
    # A step that fits a sample exactly, or one at the level of rounding, is not to stretch the axis for all others.
    full = fine & ~sampled[keep] if len(sampled) == len(heights) else fine
    ground = max(float(y[full if full.any() else fine].min()) / 10, 1e-17 * float(y[fine].max()))
    y[fine] = np.maximum(y[fine], ground)
    vertical = Scale.over([*y[fine].tolist(), *([target] if target else [])], log=True, margin=0.06)
    detail = f"From {figure(y[fine][0])} at the start to {figure(y[fine][-1])} at the end."
    picture = Picture(
        title, Scale.over(x.tolist(), margin=0.0, zero=True), vertical, detail, width=330, height=270, left=52
    )
    picture.axes(passes, f"{up} (log scale)" if vertical.high / vertical.low > 4 else up, xticks=5)
    if target:
        picture.level(target, "target")
        words = f"asked for: {figure(target, 2)}"
        picture.text(*_free_place(picture, x[fine], y[fine], target, 6.4 * len(words)), words, "note")
    early = int(sampled[keep][fine].sum()) if len(sampled) == len(heights) else 0
    picture.line(x[fine][: early + 1].tolist(), y[fine][: early + 1].tolist(), "sampled")
    picture.line(x[fine][early:].tolist(), y[fine][early:].tolist())
    if fine.sum() <= 20:
        picture.points(x[fine].tolist(), y[fine].tolist())
    return picture.points([float(x[fine][-1])], [float(y[fine][-1])], "dots big").svg()


def _free_place(picture: Picture, x: Floats, y: Floats, target: float, wide: float) -> tuple[float, float]:
    """Where words of that width beside the line of what was asked for are furthest from the curve."""
    across = [picture.px(v) for v in x.tolist()]
    down = [picture.py(v) for v in y.tolist()]
    best, place = -1.0, (0.0, 0.0)
    for left in (picture.left + 6.0, picture.width - picture.right - wide):
        under = np.interp(np.linspace(left, left + wide, 20), across, down)
        for below in (16.0, -6.0):
            at = picture.py(target) + below
            inside = picture.top + 8 <= at <= picture.height - picture.bottom - 2
            free = float(np.abs(under - at + 4).min()) if inside else -1.0
            if free > best + 1.0:
                best, place = free, (left, at)
    return place


def certificate_strip(bound: float, target: float, loss: float) -> Markup:
    """Where the bound lies between nothing and the loss itself, on a log axis."""
    bound_shown = max(bound, target * 1e-6, 1e-300)
    scale = Scale.over([bound_shown, target, loss], log=True, margin=0.12)
    picture = Picture(
        "How far from the best possible", scale, Scale(0, 1),
        f"At most {figure(bound)}; asked for {figure(target)}.",
        width=380, height=112, left=10, right=16, top=34, bottom=46,
    )  # fmt: skip
    picture.axes("distance from the least loss, at most (log scale)", "", grid=False, yticks=0, xticks=5)
    middle = 0.45
    picture.line([scale.low, target], [middle, middle], "good-range")
    picture.upright(target, "target").upright(loss, "target")
    picture.text(picture.px(target), 24, f"asked for: {figure(target, 2)}", "note mid")
    picture.text(min(picture.px(loss) + 24, picture.width), 24, "the loss", "note end")
    picture.points([bound_shown], [middle], "dots huge")
    return picture.svg()


def path_picture(
    alphas: Floats,
    train: Floats | None,
    held: Floats | None,
    chosen: float | None,
    error: Floats | None = None,
) -> Markup:
    """The loss along the path of alphas, on the rows fitted and on those held out."""
    fine = np.isfinite(alphas) & (alphas > 0)
    curves = [(c, s) for c, s in ((train, "two"), (held, "one")) if c is not None and len(c) == len(alphas)]
    curves = [(c, s) for c, s in curves if np.isfinite(c[fine]).any()]
    if not fine.any() or not curves:
        return Markup("")
    x = Scale.over(alphas[fine].tolist(), log=True)
    y = Scale.over(np.concatenate([c[fine] for c, _ in curves]).tolist(), margin=0.08)
    order = np.flatnonzero(fine)[np.argsort(alphas[fine], kind="stable")]
    least = "" if held is None else f"Least held-out loss {figure(np.nanmin(held))}."
    picture = Picture("Loss along the path of penalty strengths", x, y, least, left=64)
    picture.axes("alpha, strength of the penalty (log scale)", "loss", xticks=7)
    if chosen and chosen > 0:
        picture.upright(chosen, "target")
        end = x.at(chosen) > 0.6
        words = f"chosen: {figure(chosen, 2)}"
        picture.text(
            picture.px(chosen) + (-6 if end else 6),
            picture.top + 12,
            words,
            "strong end" if end else "strong",
        )
    if held is not None and error is not None and len(error) == len(held) == len(alphas):
        picture.band(alphas[order].tolist(), (held - error)[order].tolist(), (held + error)[order].tolist())
    for curve, style in curves:
        picture.line(alphas[order].tolist(), curve[order].tolist(), style)
        picture.points(alphas[order].tolist(), curve[order].tolist(), f"dots {style}")
    return picture.svg()


def signed_bar(value: float, largest: float) -> Markup:
    """A bar from the middle to the right (above 0) or to the left (below 0)."""
    share = 0.0 if not largest or not np.isfinite(value) else abs(value) / largest
    wide, style = 100 * min(share, 1.0), "pos" if value > 0 else "neg"
    return Markup(
        '<svg class="bar" viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{style}" x="{100 if value > 0 else 100 - wide:.1f}" y="1" width="{wide:.1f}" '
        'height="10"/>'
        '<path class="zero" d="M100 0V12"/></svg>'
    )


def meter(share: float, style: str = "one") -> Markup:
    """A bar filled from the left to `share`."""
    wide = 200 * min(1.0, max(0.0, share)) if np.isfinite(share) else 0.0
    return Markup(
        '<svg class="bar" viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="trough" x="0" y="1" width="200" height="10"/>'
        f'<rect class="{escape(style)}" x="0" y="1" width="{wide:.1f}" height="10"/></svg>'
    )


def share_strip(parts: Sequence[tuple[str, float]], title: str) -> Markup:
    """Parts of a whole side by side, in the order given, each with its own shade."""
    whole = sum(size for _, size in parts) or 1.0
    at, out = 0.0, []
    for i, (name, size) in enumerate(parts):
        wide = 400 * size / whole
        words = f"{name}: {percent(size / whole)}"
        out.append(
            f'<rect class="part{i % 4}" x="{at:.2f}" y="0" width="{max(wide - 1, 0.6):.2f}" height="14">'
            f"<title>{escape(words)}</title></rect>"
        )
        at += wide
    return Markup(
        f'<svg class="strip" viewBox="0 0 400 14" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>{"".join(out)}</svg>'
    )


def as_floats(values: Any) -> Floats:
    """A column of the story as a float array; what is no number is NaN."""
    if values is None:
        return np.empty(0)
    try:
        return np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        from steepest.report.figures import finite

        return np.array([float("nan") if finite(v) is None else float(v) for v in values])
