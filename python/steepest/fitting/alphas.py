"""Which alphas are tried, and which is chosen on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.fitting.columns import Columns
from steepest.tasks import Task
from steepest.tasks.intervals import moments

__all__ = ["Path", "choose", "ladder"]

COUNT = 25
LEAST = 1e-6
#: more classes than this, and half as many alphas are tried, or a quarter: each fit there costs as many times more
MANY_CLASSES, VERY_MANY = 50, 200
#: relative distance from the least loss to which the fits along the path go
TOL, LOOSEST = 1e-4, 3e-3
#: stop once this many alphas in a row were worse than the best by more than its standard error
PATIENCE = 4
#: held-out losses within this share of the standard error count as the same
SAME = 0.1
#: alphas below this share of the first are where the penalty may have stopped to act
ACTIVE = 1e-3


@dataclass
class Path:
    """The alphas tried, the largest first, with the mean loss on training and on held-out rows."""

    alphas: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    #: the standard error of each held-out loss
    error: list[float] = field(default_factory=list)
    chosen: float = 0.0
    #: the largest alpha whose held-out loss is within one standard error of the least
    one_error: float = 0.0
    reason: str = ""
    #: the same in a few words
    short: str = ""
    #: the score of each where alpha is chosen by one, larger is better
    score: list[float] = field(default_factory=list)


def ladder(
    columns: Columns, y: Floats, task: Task, penalty: str, l1_ratio: float, classes: int = 0
) -> Floats:
    """Alphas from where everything but the intercept is about 0 down to 1e-6, evenly on a log scale.

    For l1 and elastic net the first is where the last coefficient leaves 0 (the largest gradient at the
    intercept alone); for l2, ten times the largest curvature of the mean loss.
    """
    pull, curvature = task.slope_and_curvature(y)
    if penalty == "l2":
        top = 10 * curvature * columns.largest_curvature()
    else:
        top = columns.largest_slope(pull) / max(l1_ratio, 1e-3)
    top = max(top, 10 * LEAST)
    count = COUNT if classes <= MANY_CLASSES else COUNT // 2 + 1 if classes <= VERY_MANY else COUNT // 4 + 1
    return np.geomspace(top, min(LEAST, top / 1e3), count)


def choose(
    alphas: Floats,
    solve: Callable[[float, Floats | None, float], dict[str, Any]],
    validation: tuple[Columns, Floats],
    weight: Floats | None,
    task: Task,
    penalty: str,
    on_done: Callable[[int], Any],
    score: Callable[[Floats], float] | None = None,
) -> tuple[Path, Floats]:
    """Goes down the alphas, each fit starting from the one before, and chooses by the held-out loss.

    For l2 the largest alpha wins whose held-out loss is the least or above it by less than a tenth of its standard
    error; for penalties that leave columns out, the largest within one standard error (Hastie, Tibshirani and
    Friedman, The Elements of Statistical Learning, section 7.10). With a score, the largest alpha whose score is the
    best.

    Parameters
    ----------
    solve : callable
        Fits at an alpha from a starting point to a tolerance and returns the solution.
    validation : (Columns, array)
        Held-out columns, standardised, and their target.
    weight : array or None
        The held-out rows' weights.
    on_done : callable
        Called with the number of alphas done.
    score : callable, optional
        The score of the held-out rows' margins, larger is better.

    Returns
    -------
    (Path, array)
        The path and the coefficients at the chosen alpha.
    """
    path, points = Path(), []
    start: Floats | None = None
    columns, y = validation
    heavy = np.ones(len(y)) if weight is None else weight
    tol = TOL
    for i, alpha in enumerate(alphas):
        solution = solve(float(alpha), start, tol)
        start = np.asarray(solution["x"], dtype=np.float64)
        margin = columns.margins(start)
        held, error = moments(task.losses(margin, y), heavy)
        path.alphas.append(float(alpha))
        path.train_loss.append(float(solution["loss"]))
        path.validation_loss.append(held)
        path.error.append(error)
        if score is not None:
            path.score.append(score(margin))
        points.append(start)
        on_done(i + 1)
        # Differences far below the standard error decide nothing, so no fit need be nearer than that.
        tol = float(np.clip(0.1 * SAME * error / max(held, 1e-300), TOL, LOOSEST))
        if score is None and past_the_best(path, PATIENCE if len(alphas) == COUNT else PATIENCE // 2):
            break
    picked = chosen(path, penalty, by_score=score is not None)
    path.chosen = path.alphas[picked]
    return path, points[picked]


def chosen(path: Path, penalty: str, by_score: bool) -> int:
    """Which alpha of a path is taken, and why."""
    held = np.array(path.validation_loss)
    best = int(np.argmin(held))
    within = int(np.flatnonzero(held <= held[best] + path.error[best])[0])
    path.one_error = path.alphas[within]
    if by_score:
        scores = np.nan_to_num(np.array(path.score), nan=-np.inf)
        path.short = "the strongest with the best score on held-out rows"
        path.reason = "chosen on held-out rows: the largest with the best score there"
        return int(np.argmax(scores))
    if penalty == "l2":
        path.short = "the strongest as good as the best on held-out rows"
        path.reason = (
            "chosen on held-out rows: the largest within a tenth of a standard error of the least loss there"
        )
        return int(np.flatnonzero(held <= held[best] + SAME * path.error[best])[0])
    path.short = "the strongest within a standard error of the best on held-out rows"
    path.reason = "chosen on held-out rows: the largest within one standard error of the least loss there"
    return within


def past_the_best(path: Path, patience: int = PATIENCE) -> bool:
    """Whether the last few alphas were all clearly worse than the best, or changed next to nothing."""
    held = np.array(path.validation_loss)
    best = int(np.argmin(held))
    later = held[best + 1 :]
    if len(later) >= patience and bool((later[-patience:] > held[best] + path.error[best]).all()):
        return True
    # Near the top nothing has happened yet; further down, no change means that the penalty no longer acts.
    if path.alphas[-1] > ACTIVE * path.alphas[0] or len(held) <= patience:
        return False
    return float(np.ptp(held[-patience:])) < SAME * path.error[best]
