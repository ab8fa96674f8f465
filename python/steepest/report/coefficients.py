"""The chapter on the coefficients: the largest first, those of one column together, signs in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from steepest.report import pictures
from steepest.report.figures import TIMES, count, figure, finite, named, plural, short, signed, significant
from steepest.tasks import Task, of_story

__all__ = ["coefficients"]

View = dict[str, Any]
FIRST = 12
MOST = 400
MOST_CLASSES_ABREAST = 4
MOST_LEVELS = 5
MOST_FURTHER = 300
MOST_ROWS = 20


def coefficients(story: Mapping[str, Any]) -> View | None:
    """What the template needs for the chapter on coefficients; None where the story has no coefficients."""
    every = [dict(c) for c in story.get("coefficients") or ()]
    # Curves and pairs are drawn: their coefficients one by one say nothing.
    given = [c for c in every if not c.get("made")]
    if not given:
        return None
    for c in given:
        weight = finite(c.get("per_sd"))
        c["weight"] = (finite(c.get("value")) or 0.0) if weight is None else weight
    largest = max(abs(c["weight"]) for c in given)
    task = of_story(story)
    several = task is not None and task.several
    view: View = {
        "zero": largest == 0.0,
        "intercept": _intercept(story),
        "total": plural(len(given), "coefficient"),
        "made": count(len(every) - len(given)) if len(every) > len(given) else "",
        "at_zero": task.at_zero if task else "it predicts",
        "where_zero": _where_zero(given),
        "nonzero": count(sum(c["weight"] != 0 for c in given)),
        "sparse": any(c["weight"] == 0 for c in given),
        "layout": "several" if several else "one",
        "unit": _unit(story, task),
    }
    if largest > 0.0:
        view |= _rows(given, story, largest, several)
    return view


def _rows(given: list[View], story: Mapping[str, Any], largest: float, several: bool) -> View:
    """The rows of the table, those that are shown at once and those that are folded away."""
    groups = _groups(given)
    for group in groups:
        _beside_the_average(group)
    rows = _abreast(groups, story, largest) if several else [_group(g, story, largest) for g in groups]
    # Columns that the penalty left out say nothing: they are folded away.
    telling = sum(any(c["weight"] for c in group) for group in groups)
    first = FIRST if several else min(_as_many_as_fit(rows), max(1, telling))
    view: View = {
        "levels": not several and any(c.get("beside") is not None for c in given),
        "marked": not several and any(_mark(c, story) for c in given),
        "first": rows[:first],
        "rest": rows[first:MOST],
        "left_out": count(len(rows) - MOST) if len(rows) > MOST else "",
    }
    if several:
        names = [named(c) for c in story.get("classes") or []]
        view["names"] = names if len(names) <= MOST_CLASSES_ABREAST else []
    return view


def _where_zero(given: list[View]) -> str:
    """Where the intercept alone predicts: an indicator of a level is no column that a reader could set to 0."""
    levels = sum(c.get("level") is not None for c in given)
    if not levels:
        return "Where every column is 0"
    return "Without levels" if levels == len(given) else "Where every number is 0, without levels"


def _unit(story: Mapping[str, Any], task: Task | None) -> str:
    """What a coefficient is a change of."""
    names = [named(c) for c in story.get("classes") or []]
    target = short(story.get("target") or "the prediction")
    return (
        target
        if task is None or (task.two and len(names) != 2)
        else task.changes.format(*names, target=target)
    )


def _intercept(story: Mapping[str, Any]) -> str:
    """The intercept, or one a class."""
    value = story.get("intercept")
    if value is None:
        return ""
    values = pictures.as_floats(value).ravel()
    if len(values) == 1:
        return figure(significant(values[0], 6), 4)
    names = [named(c) for c in story.get("classes") or []]
    if len(names) != len(values) or len(values) > MOST_CLASSES_ABREAST:
        return ""
    return ", ".join(f"{name} {signed(v)}" for name, v in zip(names, values, strict=True))


def _groups(given: list[View]) -> list[list[View]]:
    """The coefficients by column, the column with the largest first, and so within a column."""
    by_column: dict[str, list[View]] = {}
    for c in given:
        by_column.setdefault(str(c.get("column") or c.get("name")), []).append(c)
    return sorted(by_column.values(), key=lambda group: -max(abs(c["weight"]) for c in group))


def _as_many_as_fit(groups: list[View]) -> int:
    """How many columns are shown at once: up to `FIRST`, and with their levels about `MOST_ROWS` rows."""
    rows = 0
    for i, group in enumerate(groups[:FIRST]):
        rows += len(group["rows"])
        if rows >= MOST_ROWS:
            return i + 1
    return FIRST


def _group(group: list[View], story: Mapping[str, Any], largest: float) -> View:
    """One column of a model with one set of coefficients: a row, or a row a level."""
    ordered = sorted(group, key=lambda c: -abs(c["weight"]))
    levels = len(group) > 1 or ordered[0].get("level") is not None
    rows = [_row(c, story, largest, levels) for c in ordered[:MOST_FURTHER]]
    more = plural(len(ordered) - MOST_LEVELS, "further level") if len(ordered) > MOST_LEVELS else ""
    if len(ordered) > MOST_FURTHER:
        more += f", of which the first {count(MOST_FURTHER - MOST_LEVELS)} are here"
    return {
        "column": str(group[0].get("column") or group[0].get("name")),
        "levels": levels,
        "rows": rows[:MOST_LEVELS],
        "further": rows[MOST_LEVELS:],
        "more": more,
    }


def _beside_the_average(group: list[View]) -> None:
    """At each level, its coefficient minus the mean over the rows' levels of the same column (or part of a date).

    One-hot coefficients have no level of reference; their differences mean something, and so does this one.
    """
    parts: dict[str, list[View]] = {}
    for c in group:
        if c.get("level") is not None and c.get("rows") is not None:
            parts.setdefault(str(c.get("name")).removesuffix(f" = {c['level']}"), []).append(c)
    for levels in parts.values():
        rows = sum(c["rows"] for c in levels)
        if rows:
            average = sum(c["rows"] * (finite(c.get("value")) or 0.0) for c in levels) / rows
            for c in levels:
                c["beside"] = (finite(c.get("value")) or 0.0) - average


def _mark(c: View, story: Mapping[str, Any]) -> str:
    """What marks a level (of two classes) whose rows are all of one class."""
    rows, own = c.get("rows"), c.get("of_class")
    task = of_story(story)
    if task is None or not task.two or not rows or own not in (0, rows):
        return ""
    return f"one class only: {count(own)} of {count(rows)}"


def _row(c: View, story: Mapping[str, Any], largest: float, levels: bool) -> View:
    weight = c["weight"]
    return {
        "name": _level(c) if levels else str(c.get("name") or c.get("column")),
        "bar": pictures.signed_bar(weight, largest),
        "per_sd": signed(significant(weight)),
        "direction": "raises" if weight > 0 else "lowers" if weight < 0 else "no effect",
        "effect": _effect(c, story),
        "mark": _mark(c, story),
        "value": signed(significant(c.get("value")), 4),
    }


def _level(c: View) -> str:
    """The level, with the part of the date that it is one of: ``month = 7``."""
    level, name = c.get("level"), str(c.get("name"))
    if level is None:
        return name
    part = name.removeprefix(f"{c.get('column')}: ").removeprefix(f"{c.get('column')}.")
    return part if part != name else str(level)


def _effect(c: View, story: Mapping[str, Any]) -> str:
    """What the change does, where the figure itself does not say it: of one deviation, or at a level."""
    weight, beside = c["weight"], c.get("beside")
    task = of_story(story)
    factor = task.multiplies if task else ""
    if c.get("level") is not None:
        if beside is None:
            return ""
        if factor:
            return f"{factor} {TIMES} {_times(beside)} of the average"
        return f"{signed(significant(beside))} beside the average"
    return f"{factor} {TIMES} {_times(weight)}" if weight and factor else ""


def _times(weight: float) -> str:
    return figure(math.exp(min(700.0, max(-700.0, weight))))


def _abreast(groups: list[list[View]], story: Mapping[str, Any], largest: float) -> list[View]:
    """Coefficients for each class: the classes side by side, or the strongest for and against."""
    called = {str(c): named(c) for c in story.get("classes") or []}
    rows = []
    for group in groups:
        by_name: dict[str, list[View]] = {}
        for c in group:
            by_name.setdefault(_level(c) if c.get("level") is not None else str(c.get("name")), []).append(c)
        for name, parts in sorted(by_name.items(), key=lambda item: -max(abs(c["weight"]) for c in item[1])):
            column = str(group[0].get("column") or name)
            row: View = {"column": column, "name": name if name != column else "", "cells": []}
            weights = {str(c.get("class")): c["weight"] for c in parts}
            if len(called) <= MOST_CLASSES_ABREAST:
                row["cells"] = [_cell(name, weights.get(c, 0.0), largest) for c, name in called.items()]
            else:
                high, low = max(parts, key=lambda c: c["weight"]), min(parts, key=lambda c: c["weight"])
                row["cells"] = [
                    _cell(
                        called.get(str(c.get("class")), str(c.get("class"))), c["weight"], largest, alone=True
                    )
                    for c in (high, low)
                ]
            rows.append(row)
    return sorted(rows, key=lambda row: -float(row["cells"] and max(abs(c["weight"]) for c in row["cells"])))


def _cell(name: str, weight: float, largest: float, alone: bool = False) -> View:
    bar: Markup = pictures.signed_bar(weight, largest)
    if alone:
        bar = pictures.meter(abs(weight) / largest, "pos" if weight > 0 else "neg")
    label = ("most for" if weight > 0 else "most against") if alone else name
    return {
        "class": name,
        "label": label,
        "weight": weight,
        "text": signed(significant(weight)),
        "bar": bar,
        "named": alone,
    }
