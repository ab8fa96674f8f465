"""The chapter on the form: the curves, the levels of numbers and the pairs, each drawn, with what it is worth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from steepest._types import Floats
from steepest.report.drawing import Picture, Scale
from steepest.report.figures import MINUS, figure, named, percent, short, signed
from steepest.tasks import of_story

__all__ = ["forms"]

View = dict[str, Any]
#: shades of a cell, each way
SHADES = 8
#: levels that are named beside a picture
LABELS = 8


def forms(story: Mapping[str, Any]) -> View | None:
    """What the template needs for the chapter on the form; None where it was asked to be plain."""
    form = story.get("form")
    if not form:
        return None
    terms = [dict(term) for term in form["terms"]]
    unit = _unit(story)
    return {
        "sentence": str(form["sentence"]).removeprefix("Form: "),
        "plain": figure(form["plain"], 4),
        "loss": figure(form["loss"], 4),
        "rows": f"{form['rows']:,}",
        "pictures": [_picture(term, story, unit) for term in terms],
        "unit": unit,
    }


def _unit(story: Mapping[str, Any]) -> str:
    """What the pictures show a change of."""
    task = of_story(story)
    target = short(story.get("target") or "the prediction")
    if task is None or task.link == "identity":
        return target
    return "log-odds" if task.link == "logit" else f"log of the mean of {target}"


def _picture(term: View, story: Mapping[str, Any], unit: str) -> View:
    """One curve, the levels of one column, or one pair, with its caption."""
    y = np.asarray(term["y"], dtype=np.float64)
    heading = " \N{MULTIPLICATION SIGN} ".join(short(name, 40) for name in term["columns"])
    kind = {"curve": "curve", "levels": "levels", "pair": "pair"}[term["kind"]]
    widest = np.argsort(-np.ptp(y.reshape(-1, y.shape[-1]), axis=0), kind="stable")
    classes = list(story.get("classes") or [])
    several = y.shape[-1] > 1 and len(classes) == y.shape[-1]
    of = [named(classes[k]) for k in widest[:2]] if several else []
    worth = f"Takes {percent(term['gain'])} off the held-out loss by itself (standard error {percent(term['error'])})."
    if kind == "pair":
        svg = cells_picture(y[..., widest[0]], term["one"], term["other"], term["columns"], unit)
        own_y = y[..., widest[0]]
        ends = "; ".join(
            f"{word} at {_level_text(term['one'][i], 24)}, {_level_text(term['other'][j], 24)}: {signed(own_y[i, j])}"
            for word, (i, j) in (
                ("Most", place(own_y.argmax(), own_y)),
                ("least", place(own_y.argmin(), own_y)),
            )
        )
        own = f"Of {of[0]}. " if of else ""
        return {"heading": heading, "kind": kind, "svg": svg, "caption": f"{own}{ends}. {worth}"}
    svg = curve_picture(
        np.asarray(term["x"]), y[:, widest[: 2 if several else 1]], heading, unit, kind == "levels"
    )
    own = f"Line: {of[0]}; dashes: {of[1]}, the two classes that it moves most. " if len(of) > 1 else ""
    return {"heading": heading, "kind": kind, "svg": svg, "caption": f"{own}{worth}"}


def _level_text(name: str, most: int) -> str:
    """A level, or a range of numbers, with a real minus sign before its numbers."""
    return re.sub(r"(?<!\S)-(?=[\d.])", MINUS, short(name, most))


def place(at: Any, y: Floats) -> tuple[int, int]:
    """The row and the column of a place in a matrix."""
    down, across = divmod(int(at), int(y.shape[1]))
    return down, across


def curve_picture(x: Floats, y: Floats, name: str, unit: str, steps: bool) -> Markup:
    """What a column adds at each of its values, beside what it adds on average."""
    if steps:
        x, y = np.repeat(x, 2)[1:-1], np.repeat(y, 2, axis=0)
    first = y[:, 0]
    low, high = float(x[first.argmin()]), float(x[first.argmax()])
    detail = f"Least {figure(first.min())} at {figure(low)}, most {figure(first.max())} at {figure(high)}."
    across, up = Scale.over(x.tolist(), margin=0.0), Scale.over(y.ravel().tolist(), zero=True, margin=0.06)
    picture = Picture(f"What {name} adds to {unit}", across, up, detail, width=330, height=240)
    picture.axes(short(name, 34), f"adds to {short(unit, 22)}", xticks=5, yticks=5).level(0.0, "chance line")
    for column, style in zip(y.T, ("one", "two"), strict=False):
        picture.line(x.tolist(), column.tolist(), style)
    return picture.svg()


def cells_picture(
    y: Floats, one: Sequence[str], other: Sequence[str], columns: Sequence[str], unit: str
) -> Markup:
    """What each cell of a pair adds, beside the average: the stronger its colour, the more; the side of more levels
    runs across."""
    down, across = (0, 1) if len(one) <= len(other) else (1, 0)
    if down:
        y, one, other = y.T, other, one
    wide, deep = 330.0, 214.0
    called = [_level_text(name, 14) for name in one]
    left, top = 30.0 + 7.0 * max(map(len, called)), 8.0
    most = float(np.abs(y).max()) or 1.0
    side, tall = (wide - left - 6) / y.shape[1], (deep - top) / y.shape[0]
    marks = []
    shade = np.round(SHADES * y / most).astype(int)
    for level in [s for s in range(-SHADES, SHADES + 1) if s]:
        steps = [
            f"M{left + j * side:.1f} {top + i * tall:.1f}h{side:.1f}v{tall:.1f}h-{side:.1f}z"
            for i, j in zip(*np.nonzero(shade == level), strict=True)
        ]
        if steps:
            style = "pos" if level > 0 else "neg"
            marks.append(
                f'<path class="shade {style}" fill-opacity="{abs(level) / SHADES:.3f}" d="{"".join(steps)}"/>'
            )
    frame = (
        f'<rect class="frame" x="{left}" y="{top}" width="{wide - left - 6:.1f}" height="{deep - top:.1f}"/>'
    )
    for i in range(0, len(one), -(-len(one) // LABELS)):
        at = top + (i + 0.5) * tall + 4
        marks.append(f'<text class="tick end" x="{left - 5:.1f}" y="{at:.1f}">{escape(called[i])}</text>')
    last = -1e9
    for j in range(len(other)):
        words, at = _level_text(other[j], 14), left + (j + 0.5) * side
        half = 3.4 * len(words)
        if at - half > max(last, left - 40) and at + half < wide + 8:
            marks.append(f'<text class="tick mid" x="{at:.1f}" y="{deep + 16:.1f}">{escape(words)}</text>')
            last = at + half + 6
    names = short(columns[down], 30), short(columns[across], 30)
    marks.append(
        f'<text class="label mid" x="{(left + wide) / 2:.1f}" y="{deep + 34:.1f}">{escape(names[1])}</text>'
    )
    turned = f"translate(10 {(top + deep) / 2:.1f}) rotate(-90)"
    marks.append(f'<text class="label mid" transform="{turned}">{escape(names[0])}</text>')
    title = (
        f"What {names[0]} and {names[1]} together add to {unit}: from {figure(y.min())} to {figure(y.max())}"
    )
    return Markup(
        f'<svg class="picture" viewBox="0 0 {wide + 8:.0f} {deep + 42:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{frame}{''.join(marks)}</svg>"
    )
