"""Too good to be true: columns that give the target away, and rows that stand on both sides of the split."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.findings import Finding, share_text
from steepest.tables.design import Part
from steepest.tables.target import Target

__all__ = ["auc", "giveaways", "repeated_rows"]

#: one column alone: share of the ordering (AUC) or of the variance (R²) from which on it is suspect
ALONE = 0.999
#: several together
TOGETHER = 0.9999
#: how many columns count as a few
FEW = 5
#: rows looked at
MOST_ROWS = 10_000
#: fewer rows than this prove nothing
LEAST_ROWS = 30
#: candidates for combinations
MOST_COLUMNS = 400
#: share of held-out rows that stand in the training part too
REPEATED = 0.01


def auc(score: Floats, positive: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """The share of pairs of a positive and a negative row that the score puts in order; ties count half.

    >>> import numpy as np
    >>> auc(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    1.0
    """
    distinct, inverse = np.unique(score, return_inverse=True)
    ups = np.bincount(inverse, weights=positive, minlength=len(distinct))
    downs = np.bincount(inverse, weights=~positive, minlength=len(distinct))
    below = np.cumsum(downs) - downs
    pairs = float(ups.sum() * downs.sum())
    return float((ups * (below + 0.5 * downs)).sum() / pairs) if pairs else 0.5


def giveaways(train: Part, goal: Target) -> list[Finding]:
    """Columns that give the target away, alone or a few together, with the evidence."""
    rows = len(train.y)
    if rows < LEAST_ROWS:
        return []
    step = -(-rows // MOST_ROWS)
    design, y = train.design, train.y[::step]
    if goal.classes is None:
        # In units of its own, so that squares neither overflow nor vanish.
        y = standardised(y) if y.min() < y.max() else y
    scores: dict[str, Floats] = {}
    for j, feature in enumerate(design.number_features):
        scores[feature.name] = np.ascontiguousarray(design.numbers[::step, j])
    alone = [found for name, score in scores.items() if (found := alone_number(name, score, y, goal))]
    columns = design.category_columns or design.categories
    for k, name in enumerate(columns):
        codes = design.codes[::step, k]
        if found := alone_category(name, codes, len(design.levels[k]), y, goal):
            alone.append(found)
    raw = train.y[::step]
    suspects = alone or together(scores, raw, y, goal) or as_product(scores, raw, goal)
    # A part of a date is left out with the date: parts have no column of their own.
    whole = {feature.name: feature.column for feature in design.number_features}
    return [replace(finding, remedy=leave_out(finding.evidence["columns"], whole)) for finding in suspects]


def leave_out(names: list[str], whole: Mapping[str, str]) -> str:
    """What to do about columns that give the target away."""
    columns = dict.fromkeys(whole.get(name, name) for name in names)
    known, them = ("it is", "it") if len(columns) == 1 else ("they are", "them")
    flags = " ".join(f"--drop {shlex.quote(column)}" for column in columns)
    return (
        f"ask whether {known} known when the prediction is made; if not, leave {them} out, in Python with "
        f"drop={list(columns)!r}, on the command line with {flags}"
    )


def suspect(
    names: list[str], goal: Target, measure: str, value: float, threshold: float, how: str
) -> Finding:
    """The finding on columns that give the target away; `giveaways` says what to do."""
    shown = " and ".join(repr(name) for name in names) if len(names) < 3 else ", ".join(map(repr, names))
    verb = "gives" if len(names) == 1 else "together give"
    return Finding(
        "too_good_to_be_true",
        "warning",
        f"{shown} {verb} the target {goal.name!r} away: {how} ({measure} {value:.6g}).",
        {"columns": names, "measure": measure, "value": value},
        threshold,
    )


def alone_number(name: str, score: Floats, y: Floats, goal: Target) -> Finding | None:
    """One number column against the target."""
    if goal.classes is None:
        value = squared_correlation(score, y)
        if value >= ALONE:
            return suspect([name], goal, "R²", value, ALONE, "the target is a straight line in it")
        value = rank_correlation(score, y)
        throughout = "the target rises or falls with it throughout"
        # Up to rounding each row stands where its target does.
        exact = value > 1 - 1e-12
        how = f"one of them is a function of the other, since {throughout}" if exact else throughout
        return (
            suspect([name], goal, "squared rank correlation", value, ALONE, how) if value >= ALONE else None
        )
    if goal.count == 2:
        area = auc(score, y == 1)
        value = max(area, 1 - area)
        how = "it alone puts the classes in order"
        return suspect([name], goal, "AUC", value, ALONE, how) if value >= ALONE else None
    assert goal.classes is not None
    value = share_in_runs(score, y.astype(np.int64), len(goal.classes))
    how = "its ranges are the classes"
    return suspect([name], goal, "accuracy", value, ALONE, how) if value >= ALONE else None


def squared_correlation(a: Floats, b: Floats) -> float:
    """The square of the correlation; 0 where one of the two does not vary."""
    scaled = []
    for values in (a, b):
        top = float(np.abs(values).max()) or 1.0  # sums of the largest floats stay finite
        centred = values / top - (values / top).mean()
        if not (size := np.abs(centred).max()):
            return 0.0
        scaled.append(centred / size)
    a, b = scaled
    return float((a @ b) ** 2 / ((a @ a) * (b @ b)))


def rank_correlation(a: Floats, b: Floats) -> float:
    """The square of the rank correlation (Spearman's); some rows are looked at first, and 0 is said where it is low.

    >>> import numpy as np
    >>> rank_correlation(np.arange(50.0), np.exp(-np.arange(50.0)))
    1.0
    """
    step = max(1, len(a) // 1000)
    for rows in dict.fromkeys((step, 1)):
        value = squared_correlation(ranks(a[::rows]), ranks(b[::rows]))
        if value < 0.99:
            return 0.0
    return min(value, 1.0)


def ranks(values: Floats) -> Floats:
    """The ranks of values, equal ones sharing their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - 0.5 * counts)[inverse])


def share_in_runs(score: Floats, y: np.ndarray[Any, np.dtype[np.int64]], classes: int) -> float:
    """How many rows are right when each class is one range of the score, 0 where classes are scattered."""
    distinct, inverse = np.unique(score, return_inverse=True)
    if len(distinct) < classes:
        return 0.0
    order = np.argsort([np.median(score[y == k]) if (y == k).any() else np.inf for k in range(classes)])
    rank = np.empty(classes, np.int64)
    rank[order] = np.arange(classes)
    ordered = rank[y]
    # The cut between two neighbouring ranges that puts the fewest rows on the wrong side.
    right = len(y)
    for k in range(1, classes):
        low = np.bincount(inverse, weights=ordered < k, minlength=len(distinct))
        high = np.bincount(inverse, weights=ordered >= k, minlength=len(distinct))
        wrong = np.concatenate([[low.sum()], low.sum() - np.cumsum(low) + np.cumsum(high)])
        right -= int(wrong.min())
    return right / len(y)


def alone_category(
    name: str, codes: np.ndarray[Any, np.dtype[np.int32]], levels: int, y: Floats, goal: Target
) -> Finding | None:
    """One category against the target: how much of it the levels explain."""
    if levels > len(y) / 10:
        return None
    if goal.classes is None:
        counts = np.bincount(codes + 1, minlength=levels + 1)
        centred = y - y.mean()
        sums = np.bincount(codes + 1, weights=centred, minlength=levels + 1)
        total = float(centred @ centred)
        value = float((sums**2 / np.maximum(counts, 1)).sum() / total) if total else 0.0
        how = "its levels have one value of the target each"
        return suspect([name], goal, "R²", value, ALONE, how) if value >= ALONE else None
    assert goal.classes is not None
    table = np.zeros((levels + 1, len(goal.classes)))
    np.add.at(table, (codes + 1, y.astype(np.int64)), 1)
    value = float(table.max(axis=1).sum() / len(y))
    plain = float(table.sum(axis=0).max() / len(y))
    if value < ALONE or plain >= ALONE:
        return None
    return suspect([name], goal, "accuracy", value, ALONE, "its levels have one class each")


def together(scores: dict[str, Floats], raw: Floats, y: Floats, goal: Target) -> list[Finding]:
    """A few number columns that add up to the target: forward selection, checked on other rows.

    Parameters
    ----------
    raw
        The target in its own units, for the formula.
    y
        The target in units of its standard deviation.
    """
    names = [name for name, score in scores.items() if score.min() < score.max()][:MOST_COLUMNS]
    if len(names) < 2 or len(y) < 100 or goal.count > 2:
        return []
    columns = np.stack([standardised(scores[name]) for name in names], axis=1)
    goal_values = y.astype(np.float64)
    first, second = slice(0, None, 2), slice(1, None, 2)
    chosen = forward(columns[first], goal_values[first], FEW)
    for count in range(2, len(chosen) + 1):
        few = chosen[:count]
        value = checked(columns, goal_values, few, first, second, goal)
        if value >= TOGETHER:
            few = fewest(columns, goal_values, few, first, second, goal)
            if len(few) == 1:
                continue
            return [combination(scores, names, few, raw.astype(np.float64), goal, value)]
    return []


def as_product(scores: dict[str, Floats], raw: Floats, goal: Target) -> list[Finding]:
    """A few number columns whose product (or ratio) is the target: a sum of their logarithms."""
    if goal.classes is not None or raw.min() <= 0:
        return []
    logs = {name: np.log(score) for name, score in scores.items() if score.min() > 0}
    target = np.log(raw)
    if target.min() == target.max():
        return []
    found = together(logs, target, standardised(target), goal)
    if not found:
        return []
    names = list(found[0].evidence["columns"])
    design = np.column_stack([np.ones(len(target)), *(logs[name] for name in names)])
    factor, *powers = np.linalg.lstsq(design, target, rcond=None)[0].tolist()
    shown = [
        name if abs(power - 1) < 1e-3 else f"{name}^{power:.3g}"
        for power, name in zip(powers, names, strict=True)
    ]
    if abs(factor) > 1e-3:
        shown.insert(0, f"{np.exp(factor):.4g}")
    how = f"{goal.name} = {' · '.join(shown)}"
    value = found[0].evidence["value"]
    return [suspect(names, goal, "R² of logarithms", value, TOGETHER, how)]


def standardised(score: Floats) -> Floats:
    """Centred, with standard deviation 1."""
    scaled = score / (float(np.abs(score).max()) or 1.0)
    centred = scaled - scaled.mean()
    centred = centred / np.abs(centred).max()
    return np.asarray(centred / centred.std())


def forward(columns: Floats, y: Floats, most: int) -> list[int]:
    """Columns that each explain most of what the ones before have left, by orthogonal matching pursuit."""
    left = y - y.mean()
    work = columns - columns.mean(axis=0)
    chosen: list[int] = []
    for _ in range(min(most, columns.shape[1])):
        norms = np.sqrt((work * work).sum(axis=0))
        usable = norms > 1e-8 * np.sqrt(len(y))
        gain = np.where(usable, np.abs(work.T @ left) / np.where(usable, norms, 1), 0)
        best = int(np.argmax(gain))
        if not usable[best] or gain[best] == 0:
            break
        chosen.append(best)
        unit = work[:, best] / norms[best]
        left = left - unit * (unit @ left)
        work = work - np.outer(unit, unit @ work)
    return chosen


def checked(columns: Floats, y: Floats, few: list[int], fit: slice, check: slice, goal: Target) -> float:
    """How well the least-squares combination of a few columns does on rows that it was not fitted to."""
    design = np.column_stack([np.ones(len(y)), columns[:, few]])
    weights = np.linalg.lstsq(design[fit], y[fit], rcond=None)[0]
    if goal.count == 2:
        weights = sharpened(design[fit], y[fit])
        return auc(design[check] @ weights, y[check] == 1)
    predicted = design[check] @ weights
    spread = float(((y[check] - y[check].mean()) ** 2).sum())
    return 1 - float(((y[check] - predicted) ** 2).sum()) / spread if spread else 0.0


def sharpened(design: Floats, y: Floats) -> Floats:
    """Logistic weights by a few Newton steps, with a trace of a penalty since classes may be separable."""
    weights = np.zeros(design.shape[1])
    ridge = 1e-6 * len(y) * np.eye(design.shape[1])
    for _ in range(12):
        chance = 0.5 * (1 + np.tanh(0.5 * (design @ weights)))
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        weights = weights - np.linalg.solve(curvature, design.T @ (chance - y) + ridge @ weights)
    return weights


def fewest(columns: Floats, y: Floats, few: list[int], fit: slice, check: slice, goal: Target) -> list[int]:
    """The columns without those that are not needed."""
    for candidate in list(few):
        rest = [column for column in few if column != candidate]
        if rest and checked(columns, y, rest, fit, check, goal) >= TOGETHER:
            few = rest
    return few


def combination(
    scores: dict[str, Floats], names: list[str], few: list[int], y: Floats, goal: Target, value: float
) -> Finding:
    """The finding on a combination, written out in the columns' own units."""
    chosen = [names[j] for j in few]
    if goal.count == 2:
        return suspect(chosen, goal, "AUC", value, TOGETHER, "their weighted sum puts the classes in order")
    design = np.column_stack([np.ones(len(y)), *(scores[name] for name in chosen)])
    weights = np.linalg.lstsq(design, y, rcond=None)[0]
    terms = " ".join(
        f"{'+' if weight >= 0 else '-'} {abs(weight):.4g} · {name}"
        for weight, name in zip(weights[1:], chosen, strict=True)
    ).removeprefix("+ ")
    offset = (
        f" {'+' if weights[0] >= 0 else '-'} {abs(weights[0]):.4g}"
        if abs(weights[0]) > 1e-6 * (0.5 * y.max() - 0.5 * y.min())
        else ""
    )
    return suspect(chosen, goal, "R²", value, TOGETHER, f"{goal.name} = {terms}{offset}")


def row_keys(part: Part) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A 64-bit key of each row, its target included."""
    generator = np.random.Generator(np.random.Philox(7))
    design = part.design
    keys = np.zeros(len(part.y), np.uint64)
    for column in (*design.numbers.T, *design.codes.T, part.y):
        bits = (np.ascontiguousarray(column, dtype=np.float64) + 0.0).view(np.uint64)
        keys = (keys ^ bits) * (generator.integers(1, 2**63, dtype=np.uint64) * np.uint64(2) + np.uint64(1))
        keys ^= keys >> np.uint64(29)
    return keys


def repeated_rows(train: Part, validation: Part | None, test: Part | None) -> list[Finding]:
    """Held-out rows that are in the training part too, column by column and target included."""
    found: list[Finding] = []
    known = np.sort(row_keys(train))
    for part, what in ((validation, "validation"), (test, "test")):
        if part is None:
            continue
        keys = row_keys(part)
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        count = int((known[place] == keys).sum())
        share = count / len(part.y)
        if share > max(REPEATED, 2 * by_chance(train)):
            sentence = (
                f"{count} of {len(part.y)} {what} rows ({share_text(share)}) are in the training part too."
            )
            found.append(
                Finding(
                    "repeated_rows",
                    "warning",
                    sentence,
                    {"rows": count},
                    REPEATED,
                    "take repeated rows out of the table",
                )
            )
    return found


def by_chance(train: Part) -> float:
    """The share of rows that would be met again in the training part were its columns independent.

    Few columns of few values make equal rows that are no copies. How often two rows agree is counted among rows
    that differ, so that copies do not excuse themselves.
    """
    keys = row_keys(train)
    order = np.argsort(keys)
    first = order[np.append(True, keys[order][1:] != keys[order][:-1])]
    rows, same = len(first), 1.0
    for column in (*train.design.numbers.T, *train.design.codes.T, train.y):
        _, counts = np.unique(column[first], return_counts=True)
        same *= float((counts / rows * ((counts - 1) / max(1, rows - 1))).sum())
        if same == 0:
            break
    return float(-np.expm1(-same * len(train.y)))
