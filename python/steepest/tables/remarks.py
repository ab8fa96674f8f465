"""What there is to say about the data: findings on columns, on rows, and on new rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.findings import Finding, share_text
from steepest.tables.dates import example
from steepest.tables.encoders import OTHER, LevelsPiece, NumberPiece
from steepest.tables.kinds import Judgement
from steepest.tables.table import Table, listed
from steepest.tables.target import Target
from steepest.tables.values import Values

if TYPE_CHECKING:
    from steepest.tables.schema import Applied, Column

__all__ = [
    "about_applied",
    "about_column",
    "about_rows",
    "more_as_levels",
    "mostly_missing",
    "used_as_levels",
]

#: whole numbers with at most this many values might be meant as categories
FEW_NUMBERS = 24
#: share of the target's variance by which a column must explain more as a category than as an amount
MUCH_MORE = 0.05
#: what stands for a missing number where nobody thought of a better way
NINES = frozenset(float(n) for n in (9, 99, 999, 9999, 99999, 999999, 888, 8888, 998, 9998))
#: a class with fewer training rows than this is hard to learn
RARE_CLASS = 10
#: levels that are compared with each other
MOST_TEXTS = 20_000


def about_column(
    column: Column, values: Values, judgement: Judgement, goal: Target, kept: np.ndarray[Any, Any]
) -> list[Finding]:
    """What is worth saying about one column; `kept` are the training rows."""
    found: list[Finding] = []
    if not column.used:
        remedy = judgement.remedy or (
            f"pass it among categories, or hash_columns, to use it: {column.name!r}"
            if values.codes is not None and column.kind != "constant" and not judgement.used
            else ""
        )
        if judgement.used and column.kind == "identifier":
            remedy = "group its texts (a prefix, a region), so that each stands in many rows"
        sentence = f"{column.name!r} is left out: {column.reason}."
        found.append(Finding("column_left_out", judgement.severity, sentence, remedy=remedy))
        return found
    if judgement.severity == "warning":
        sentence = f"{column.name!r} is taken as a category: {judgement.reason}."
        found.append(Finding("numbers_with_unit", "warning", sentence, remedy=judgement.remedy))
    if column.missing:
        found.append(about_missing(column, values))
    for piece in column.pieces:
        if isinstance(piece, LevelsPiece) and piece.pooled:
            found.append(
                Finding(
                    "rare_levels",
                    "note",
                    f"{len(piece.pooled)} rare levels of {piece.name!r} are pooled into {OTHER!r}.",
                    {"levels": list(piece.pooled[:20])},
                )
            )
        if isinstance(piece, LevelsPiece) and values.codes is not None:
            found += spelt_alike("levels", piece.name, (*piece.levels, *piece.pooled))
    if values.ambiguous:
        found.append(ambiguous_date(column.name, values.format))
    elif values.kind == "time":
        parts = ", ".join(str(piece.part).replace("_", " ") for piece in column.pieces)
        whole = values.format in ("%Y%m%d", "%Y%m")
        found.append(
            Finding(
                "date",
                "note",
                f"{column.name!r} holds {'whole numbers that write ' if whole else ''}dates; used of them: {parts}.",
                {"format": values.format},
                remedy=f"to use it as an amount all the same, pass amounts=[{column.name!r}]"
                if whole
                else "",
            )
        )
    if values.remark:
        found.append(read_as_numbers(repr(column.name), values.remark))
    if column.kind == "number":
        found += maybe_missing(column, values)
    if column.kind == "number" and values.whole:
        found += maybe_category(column, values, goal, kept)
    return found


def ambiguous_date(name: str, format: str | None) -> Finding:
    """Dates whose day could be their month, and how they were read."""
    return Finding(
        "ambiguous_date",
        "warning",
        f"the dates of {name!r} could be month first or day first; they were read as 24 December 2025 "
        f"is in {example(format)}.",
        remedy="write them as 2025-12-24",
    )


def maybe_missing(column: Column, values: Values) -> list[Finding]:
    """A number such as -999 or 9999, far from all others and in several rows: it may stand for a missing value."""
    assert values.numbers is not None
    present = values.numbers[np.isfinite(values.numbers)]
    found = []
    for end in {present.min(initial=np.inf), present.max(initial=-np.inf)}:
        rest = present[present != end]
        count = len(present) - len(rest)
        if abs(end) not in NINES or count < 3 or len(rest) < 10:
            continue
        low, high = float(rest.min()), float(rest.max())
        if min(abs(end - low), abs(end - high)) <= high - low:
            continue
        found.append(
            Finding(
                "may_mean_missing",
                "warning",
                f"{column.name!r} is {end:g} in {count} rows ({share_text(count / len(present))}), far from all its "
                f"other values ({low:,.6g} to {high:,.6g}): it may stand for a missing value.",
                {"value": float(end), "rows": count},
                3,
                "if it does, leave those fields empty: they are then filled, and marked where they were missing",
            )
        )
    return found


def read_as_numbers(what: str, remark: str) -> Finding:
    """How texts were read as numbers; a warning where that may be wrong."""
    severity: Any = "warning" if "as if" in remark else "note"
    remedy = "turn them into one currency first" if severity == "warning" else ""
    return Finding("read_as_numbers", severity, f"{what}: {remark}.", remedy=remedy)


def about_missing(column: Column, values: Values) -> Finding:
    """How many values are missing, how that was written, and what they become."""
    share = column.missing / values.rows
    number = next((piece for piece in column.pieces if isinstance(piece, NumberPiece)), None)
    if column.kind == "category":
        became = "are a level of their own, '(missing)'"
    elif column.kind == "date" or number is None:
        became = "are filled part by part: numbers by their median, categories by the level '(missing)'"
    else:
        what = "the more common value" if column.kind == "boolean" else "the median"
        became = f"are filled with {what}, {number.fill:g}"
        if number.indicator:
            became += f", and the column {number.names[1]!r} says where"
    how = written(values.tokens)
    sentence = (
        f"{column.missing} values ({share_text(share)}) of {column.name!r} are missing{how}; they {became}."
    )
    return Finding(
        "missing_values",
        "note",
        sentence,
        {"missing": column.missing, "rows": values.rows},
    )


def written(tokens: dict[str, int]) -> str:
    """How missing values were written, in brackets; nothing where they had no text of their own."""
    shown = ", ".join(repr(token) for token in tokens)
    return f" (written {shown})" if shown else ""


def mostly_missing(columns: list[Column], rows: int) -> list[Finding]:
    """One finding for all the columns that are filled in more than half of the rows."""
    names = [column.name for column in columns if column.used and column.missing > 0.5 * rows]
    if not names:
        return []
    sentence = f"{len(names)} columns are missing in more than half of the rows: {listed(names, 6)}."
    if len(names) == 1:
        sentence = f"{names[0]!r} is missing in more than half of the rows."
    remedy = "what was filled tells little; leave them out (drop) if they are not missed"
    return [Finding("mostly_missing", "warning", sentence, {"columns": names}, 0.5, remedy)]


def few_values(column: Column, values: Values) -> int:
    """How many different whole numbers a column holds where they are few, else 0."""
    low, high = column.min, column.max
    if not column.used or column.kind != "number" or not values.whole or values.numbers is None:
        return 0
    if low is None or high is None or high - low > FEW_NUMBERS or values.rows < 50:
        return 0
    count = len(np.unique(values.numbers[~values.missing]))
    return count if 3 <= count <= FEW_NUMBERS else 0


def more_as_levels(column: Column, values: Values, goal: Target, kept: np.ndarray[Any, Any]) -> bool:
    """Whether whole numbers with few values explain much more of the target as levels than on a straight line."""
    if not few_values(column, values) or len(kept) < 10 * few_values(column, values):
        return False
    assert values.numbers is not None
    line, levels = explained(values.numbers[kept], goal.y[kept], goal.classes)
    return levels - line > MUCH_MORE


def used_as_levels(column: Column) -> Finding:
    """Whole numbers with few values that are used as categories."""
    return Finding(
        "numbers_as_levels",
        "note",
        f"{column.name!r} holds {column.levels} different whole numbers and is used as a category: its levels tell "
        "more of the target than a straight line.",
        {"values": column.levels},
        FEW_NUMBERS,
        f"to use it as an amount all the same, pass amounts=[{column.name!r}]",
    )


def maybe_category(column: Column, values: Values, goal: Target, kept: np.ndarray[Any, Any]) -> list[Finding]:
    """Whole numbers with few values, which might be codes rather than amounts."""
    count = few_values(column, values)
    if not count:
        return []
    assert values.numbers is not None
    line, levels = explained(values.numbers[kept], goal.y[kept], goal.classes)
    sentence = f"{column.name!r} holds {count} different whole numbers and is used as an amount"
    better = levels - line > MUCH_MORE
    if better:
        sentence += (
            f", which alone explains {share_text(line, 0)} of the target's variance; as a category it would explain "
            f"{share_text(levels, 0)}"
        )
    return [
        Finding(
            "few_whole_numbers",
            "warning" if better else "note",
            f"{sentence}.",
            {"values": count, "as_amount": line, "as_category": levels},
            FEW_NUMBERS,
            f"if they are codes (a month, an hour, a type), pass categories=[{column.name!r}]",
        )
    ]


def explained(numbers: np.ndarray[Any, Any], y: np.ndarray[Any, Any], classes: Any) -> tuple[float, float]:
    """The share of the target's variance that a line in a column explains, and that its values' own means do.

    The latter is R² adjusted for the number of values. Of several classes, the one that gains most counts.
    """
    present = np.isfinite(numbers)
    x, y = numbers[present], y[present].astype(np.float64)
    distinct, place = np.unique(x, return_inverse=True)
    if len(y) <= len(distinct) or len(distinct) < 2:
        return 0.0, 0.0
    targets = (
        [y]
        if classes is None or len(classes) == 2
        else [(y == k) * 1.0 for k in range(min(20, len(classes)))]
    )
    found = [(0.0, 0.0)]
    for target in targets:
        centred = target - target.mean()
        scale = np.abs(centred).max()
        if scale == 0:
            continue
        centred = centred / scale
        whole = float(centred @ centred)
        means = np.bincount(place, weights=centred) / np.bincount(place)
        between = float(means[place] @ means[place]) / whole
        adjusted = 1 - (1 - between) * (len(y) - 1) / (len(y) - len(distinct))
        slope = x - x.mean()
        found.append((float(slope @ centred) ** 2 / (float(slope @ slope) * whole), max(0.0, adjusted)))
    return max(found, key=lambda pair: pair[1] - pair[0])


def about_rows(
    table: Table, goal: Target, kept: np.ndarray[Any, Any], time: Any, values: dict[str, Values]
) -> list[Finding]:
    """What is worth saying about the table's reading, its rows and its target."""
    found = [Finding("reading", "note", note[0].upper() + note[1:] + ".") for note in table.notes]
    for name, numbers in table.repeated.items():
        others = listed([table.names[j] for j in numbers[1:]])
        sentence = f"{len(numbers)} columns are called {name!r}: all but the first are read as {others}."
        remedy = f"rename them, or leave one out by its number (drop=[{numbers[-1]}])"
        found.append(Finding("repeated_name", "warning", sentence, {"columns": numbers}, remedy=remedy))
    absent = table.rows - len(goal.rows)
    if absent:
        sentence = f"{absent} of {table.rows} rows have no target{written(goal.tokens)} and are left out."
        remedy = (
            "if one of these texts is a class, say which texts mean a missing target (missing_target=)"
            if goal.classes is not None and set(goal.tokens) - {""}
            else ""
        )
        found.append(Finding("missing_target", "note", sentence, {"rows": absent}, remedy=remedy))
    if goal.kept:
        texts = list(goal.kept)
        shown = ", ".join(f"{text!r} ({count} rows)" for text, count in goal.kept.items())
        sentence = (
            f"the target {goal.name!r} holds {shown}, which elsewhere would mean a missing value: "
            f"{'it is' if len(texts) == 1 else 'they are'} taken as {'a class' if len(texts) == 1 else 'classes'}."
        )
        remedy = f"if these rows have no target, pass missing_target={texts!r}"
        found.append(Finding("missing_or_class", "warning", sentence, {"texts": goal.kept}, remedy=remedy))
    if goal.remark:
        found.append(read_as_numbers(f"the target {goal.name!r}", goal.remark))
    if goal.classes is not None:
        found += spelt_alike("classes", goal.name, goal.classes)
        counts = np.bincount(goal.y[kept], minlength=len(goal.classes))
        rare = [f"{goal.classes[i]} ({counts[i]})" for i in np.flatnonzero(counts < RARE_CLASS)]
        if rare:
            found.append(
                Finding(
                    "rare_classes",
                    "warning",
                    f"classes with fewer than {RARE_CLASS} training rows can hardly be learned: "
                    f"{', '.join(rare[:10])}.",
                    {"classes": rare[:10]},
                    RARE_CLASS,
                    "collect more of them, or group classes",
                )
            )
    if len(kept) < 50:
        sentence = f"there are only {len(kept)} training rows: every figure here is rough."
        found.append(Finding("few_rows", "warning", sentence, {"rows": len(kept)}, 50, "collect more"))
    if time is None:
        found += in_time_order(values)
    return found


def spelt_alike(what: str, name: str, texts: Sequence[Any]) -> list[Finding]:
    """Levels or classes that may well be one: they differ in capitals, blanks, or how letters are composed."""
    alike: dict[str, list[str]] = {}
    for text in texts[:MOST_TEXTS]:
        if isinstance(text, str) and len(text) > 1:  # a letter alone is a code
            alike.setdefault("".join(unicodedata.normalize("NFKC", text).casefold().split()), []).append(text)
    groups = [group for group in alike.values() if len(group) > 1]
    if not groups:
        return []
    shown = "; ".join(" and ".join(map(repr, sorted(group))) for group in groups[:4])
    return [
        Finding(
            "spelt_alike",
            "warning" if what == "classes" else "note",
            f"{what} of {name!r} differ in capitals or blanks only, and are held apart: {shown}"
            f"{f'; and {len(groups) - 4} more' if len(groups) > 4 else ''}.",
            {what: groups[:20]},
            remedy="write those that mean the same in one way",
        )
    ]


def in_time_order(columns: dict[str, Values]) -> list[Finding]:
    """Rows that stand in order of a date column were likely collected so, and will be predicted so."""
    for name, values in columns.items():
        if values.times is None or values.rows < 50 or values.missing.any():
            continue
        steps = np.diff(values.times).astype(np.int64)
        if (steps >= 0).all() or (steps <= 0).all():
            return [
                Finding(
                    "in_time_order",
                    "note",
                    f"the rows stand in order of {name!r}, and rows between them are held out at random.",
                    remedy=f"if later rows are to be predicted from earlier ones, pass time={name!r}",
                )
            ]
    return []


def plural(count: int, what: str = "value") -> str:
    """A count with its noun."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def about_applied(applied: Applied) -> list[Finding]:
    """What is worth saying about new rows that were encoded."""
    found: list[Finding] = []
    where = applied.table.name
    for name, texts in applied.unseen.items():
        count = sum(texts.values())
        sentence = (
            f"{count} rows of {where} have a {name!r} that was not seen before: {listed(list(texts), 5)}."
        )
        found.append(Finding("unseen_levels", "note", sentence, {"levels": dict(list(texts.items())[:20])}))
    for name, count in applied.filled.items():
        sentence = (
            f"{plural(count, 'missing value')} of {name!r} in {where} {'is' if count == 1 else 'are'} filled."
        )
        found.append(Finding("missing_values", "note", sentence))
    for name, (count, low, high) in applied.far.items():
        sentence = (
            f"{plural(count)} of {name!r} in {where} {'lies' if count == 1 else 'lie'} far outside {low:.4g} to "
            f"{high:.4g}, what the model was fitted to."
        )
        found.append(Finding("outside_the_range", "warning", sentence, {"values": count}))
    if applied.ignored:
        sentence = f"columns of {where} that the model does not know are ignored: {listed(applied.ignored)}."
        found.append(Finding("ignored_columns", "note", sentence, {"columns": applied.ignored}))
    return found
