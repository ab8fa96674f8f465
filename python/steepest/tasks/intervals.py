"""95 % intervals of figures on held-out rows, in closed form: no resampling, the same figures each time.

Each takes weights; with weights the number of rows counts as (Σ w)² / Σ w² (Kish's effective number).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest._types import Floats

__all__ = [
    "Interval",
    "area_and_interval",
    "average",
    "less",
    "mean",
    "moments",
    "root",
    "share",
    "share_explained",
]

Interval = tuple[float, float]
#: the 97.5 % point of the normal distribution
Z = 1.959963984540054
NONE = (float("nan"), float("nan"))


def effective(weight: Floats) -> float:
    """Kish's effective number of rows: (Σ w)² / Σ w²; the number of rows where all weights are alike."""
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0


def share(part: float, rows: float) -> Interval:
    """Wilson's interval of a share of so many rows.

    Wilson (1927), Probable inference, the law of succession, and statistical inference.

    >>> [round(float(end), 4) for end in share(0.9, 50)]
    [0.7864, 0.9565]
    """
    if not rows > 0 or not math.isfinite(part):
        return NONE
    middle = (part + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * math.sqrt(max(0.0, part * (1 - part)) / rows + Z * Z / (4 * rows**2))
    # At 0 and 1 the end is exact, whatever rounding makes of it.
    return (0.0 if part <= 0 else max(0.0, middle - half)), (1.0 if part >= 1 else min(1.0, middle + half))


def average(parts: list[float], ends: list[Interval]) -> Interval:
    """The interval of the plain average of independent shares, from the interval of each.

    Zou and Donner (2008), Construction of confidence limits about effect measures (MOVER).
    """
    middle, count = sum(parts) / len(parts), len(parts)
    below = math.sqrt(sum((part - low) ** 2 for part, (low, _) in zip(parts, ends, strict=True))) / count
    above = math.sqrt(sum((high - part) ** 2 for part, (_, high) in zip(parts, ends, strict=True))) / count
    return max(0.0, middle - below), min(1.0, middle + above)


def mean(values: Floats, weight: Floats) -> Interval:
    """The mean of the rows' values, plus and minus 1.96 standard errors; not below 0 for values that are not."""
    if len(values) < 2:
        return NONE
    middle, spread = moments(values, weight)
    low = middle - Z * spread
    return (max(0.0, low) if values.min() >= 0 else low), middle + Z * spread


def moments(values: Floats, weight: Floats) -> tuple[float, float]:
    """The weighted mean and its standard error, without overflow."""
    top, heavy = (float(np.abs(part).max(initial=0.0)) or 1.0 for part in (values, weight))
    values, weight = values / top, weight / heavy
    total, rows = float(weight.sum()), effective(weight)
    middle = float((weight * values).sum()) / total
    square = float((weight**2 * (values - middle) ** 2).sum())
    return top * middle, top * math.sqrt(square * rows / max(rows - 1, 1e-300)) / total


def root(errors: Floats, weight: Floats) -> Interval:
    """The root of the mean square: the interval of the mean square, by its standard error, and its root."""
    top = float(np.abs(errors).max(initial=0.0)) or 1.0
    low, high = mean((errors / top) ** 2, weight)
    return top * math.sqrt(low) if low == low else low, top * math.sqrt(high) if high == high else high


def share_explained(y: Floats, p: Floats, weight: Floats) -> Interval:
    """R²: of squares in units in which they neither overflow nor vanish."""
    if len(y) < 3:
        return NONE
    top = float(np.abs(y).max()) or 1.0
    centred = y / top - float((weight * (y / top)).sum() / weight.sum())
    wide = float(np.abs(centred).max())
    if wide == 0:
        return NONE
    return less(((y / top - p / top) / wide) ** 2, (centred / wide) ** 2, weight)


def less(own: Floats, plain: Floats, weight: Floats) -> Interval:
    """1 - mean(own) / mean(plain): normal on the scale of the ratio's logarithm, by the rows' influences."""
    if len(own) < 3:
        return NONE
    residual, total = (float((weight * part).sum() / weight.sum()) for part in (own, plain))
    if residual == 0 or total == 0:
        return (1.0, 1.0) if residual == 0 else NONE
    _, spread = moments(own / residual - plain / total, weight)
    ratio = residual / total
    return 1 - ratio * math.exp(Z * spread), 1 - ratio * math.exp(-Z * spread)


def area_and_interval(score: Floats, positive: Floats, weight: Floats) -> tuple[float, Interval]:
    """The area under the ROC curve and its interval: DeLong's, on the scale of the log-odds.

    Where every pair is in order DeLong's variance is 0; the interval is Newcombe's then.
    DeLong, DeLong and Clarke-Pearson (1988); Newcombe (2006), Confidence intervals for an effect size measure
    based on the Mann-Whitney statistic, part 2, method 5.
    """
    yes = np.asarray(positive, dtype=bool)
    up, down = placements(score, yes, weight)
    w, v = weight[yes], weight[~yes]
    area, one = moments(up, w)
    _, other = moments(down, v)
    spread = math.hypot(one, other)
    if spread == 0 or not 0 < area < 1:
        return area, newcombe(area, effective(w), effective(v))
    odds = math.log(area / (1 - area))
    half = min(Z * spread / (area * (1 - area)), 700.0)
    return area, (expit(odds - half), expit(odds + half))


def placements(score: Floats, yes: np.ndarray[Any, Any], weight: Floats) -> tuple[Floats, Floats]:
    """For each positive row the share of negative ones below it, and the reverse; ties count half."""
    distinct, inverse = np.unique(score, return_inverse=True)
    ups = np.bincount(inverse, weights=weight * yes, minlength=len(distinct))
    downs = np.bincount(inverse, weights=weight * ~yes, minlength=len(distinct))
    below = (np.cumsum(downs) - 0.5 * downs) / downs.sum()
    above = (ups.sum() - np.cumsum(ups) + 0.5 * ups) / ups.sum()
    return below[inverse[yes]], above[inverse[~yes]]


def newcombe(area: float, positive: float, negative: float) -> Interval:
    """The areas that lie within 1.96 of their own standard errors of this one."""
    star = (positive + negative) / 2 - 1

    def off(theta: float) -> float:
        inner = 1 + star * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (area - theta) ** 2 - Z * Z * theta * (1 - theta) * inner / (positive * negative)

    def cross(inside: float, outside: float) -> float:
        # Where `off` turns from at most 0 (inside) to above 0 (outside).
        for _ in range(100):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if off(middle) <= 0 else (inside, middle)
        return inside

    return cross(area, 0.0) if off(0.0) > 0 else 0.0, cross(area, 1.0) if off(1.0) > 0 else 1.0


def expit(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
