"""What a fit over a table can be: a target's kind and a loss, one row each.

tasks      this file: the rows, and what a row says
metrics    figures on held-out rows, each with an interval and beside a baseline
intervals  those intervals: Wilson, DeLong, MOVER

>>> from steepest import tasks
>>> tasks.find("regression").loss, tasks.find("regression", "poisson").link
('squared', 'log')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from steepest import _core
from steepest._types import Floats
from steepest.errors import InputError, did_you_mean
from steepest.tasks import metrics
from steepest.tasks.metrics import Baseline

__all__ = ["TASKS", "Baseline", "Spread", "Task", "Unit", "find", "kind_of", "losses_of", "of_story"]

#: step of the differences that measure a loss's slope and curvature in the margin
STEP = 1e-3


@dataclass(frozen=True)
class Unit:
    """The unit that a target is fitted in, and how margins come back from it.

    The target is fitted as (y - shift) / scale; margins come back as margin · factor + offset.
    """

    scale: float = 1.0
    shift: float = 0.0
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Spread:
    """A target of numbers with its weights, mean and standard deviation."""

    y: Floats
    weight: Floats | None
    mean: float
    sd: float


def in_deviations(target: Spread) -> Unit:
    """The target centred, in units of its standard deviation: its margins are a line away from the target's."""
    return Unit(target.sd, target.mean, target.sd, target.mean)


def in_robust_deviations(target: Spread) -> Unit:
    """Centred at the median, in units of 1.4826 times the median distance from it: no outlier stretches them."""
    y, weight = target.y, np.ones(len(target.y)) if target.weight is None else target.weight
    middle = metrics.weighted_median(y, weight)
    distance = 1.4826 * metrics.weighted_median(np.abs(y - middle), weight)
    return Unit(distance, middle, distance, middle) if 0 < distance < np.inf else in_deviations(target)


def in_means(target: Spread) -> Unit:
    """The target in units of its mean, whose logarithm the margins have to gain."""
    return Unit(target.mean, 0.0, 1.0, float(np.log(target.mean))) if target.mean > 0 else Unit()


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is predicted, by which loss, how a margin becomes a prediction, how it is judged, and the words for it."""

    #: the kind of target that a table was found to have: binary, multiclass or regression
    kind: str
    #: the loss, by the core's name
    loss: str
    #: the figures on held-out rows, of target, prediction, baseline, weights, threshold and positive class
    figures: Callable[..., list[dict[str, Any]]]
    #: the figures by which alpha may be chosen
    scorings: tuple[str, ...]
    #: one margin for each class instead of one a row
    several: bool = False
    #: the unit that the target is fitted in
    unit: Callable[[Spread], Unit] = lambda target: Unit()
    #: what of the mean the margin is: "identity", "log" or "logit"
    link: str = "identity"
    #: the largest curvature of the loss in its margin; measured at the best constant when None
    curvature: float | None = None
    #: steps, at most, of each fit along a path of alphas, whose only use is to compare alphas
    path_steps: int = 200
    #: whether the loss is for targets of which many are exactly 0
    zeros: bool = False
    #: the figure that the loss is the loss of comes first
    first: tuple[str, ...] = ()
    #: the loss of the gradient boosting beside it, of those that scikit-learn's has for numbers
    trees: str = "squared_error"
    #: in the summary; {0} and {1} are classes, {count} how many, {positive} the positive one
    heading: str
    #: in the report
    title: str
    #: what the model says where every column is at its mean
    at_zero: str = "it predicts"
    #: what a coefficient is a change of; {0}, {1} as above, {target} the target's name
    changes: str = "{target}"
    #: what exp(coefficient) multiplies, and the field that it has in `Model.coefficients`; empty where it is nothing
    multiplies: str = ""
    ratio: str = ""

    @property
    def two(self) -> bool:
        """Whether one probability tells two classes apart, so that a threshold decides."""
        return self.link == "logit" and not self.several

    def outputs(self, classes: int) -> int:
        """Margins a row."""
        return classes if self.several else 1

    def losses(self, margin: Floats, y: Floats) -> Floats:
        """Each row's loss, given its margins of shape (rows, outputs)."""
        flat = np.ascontiguousarray(margin, dtype=np.float64).ravel()
        target = np.ascontiguousarray(y, dtype=np.float64)
        return np.asarray(_core.row_losses((self.loss, []), margin.shape[1], target, flat))

    def means(self, margin: Floats) -> Floats:
        """What margins of shape (rows, outputs) stand for: means, or the probabilities of every class."""
        flat = np.ascontiguousarray(margin, dtype=np.float64).ravel()
        if self.two:
            # Each class from its own side, so that small probabilities keep their digits.
            return np.column_stack([self._means(-flat, 1), self._means(flat, 1)])
        return self._means(flat, margin.shape[1]).reshape(margin.shape)

    def _means(self, flat: Floats, outputs: int) -> Floats:
        return np.asarray(_core.means((self.loss, []), outputs, flat))

    def predictions(self, margin: Floats) -> Floats:
        """A prediction a row from its margins: a number, the second class's probability, or every class's."""
        means = self.means(margin)
        return means if self.several else np.ascontiguousarray(means[:, -1])

    def called(self, p: Floats, threshold: float = 0.5) -> np.ndarray[Any, np.dtype[np.intp]]:
        """The class predicted from predictions: the most probable, or of two the second above a threshold."""
        # Of equal ones the first, as with the threshold of two classes.
        return np.asarray(p.argmax(axis=1) if self.several else (p > threshold).astype(np.intp))

    def metrics(
        self,
        y: Floats,
        p: Floats,
        baseline: Baseline,
        weight: Floats | None = None,
        threshold: float = 0.5,
        positive: Any = None,
    ) -> list[dict[str, Any]]:
        """The figures on held-out rows, the most telling first.

        Parameters
        ----------
        y : array of shape (rows,)
            The target: numbers, or the classes' numbers.
        p : array
            The prediction: numbers; for two classes the second's probability; else (rows, classes).
        baseline : Baseline
            What the figures are held against.
        weight : array of shape (rows,), optional
            Each row's weight.
        threshold : float, default 0.5
            A row whose probability is above it is predicted positive (two classes).
        positive : optional
            What the positive class is called, for the words.

        Returns
        -------
        list of dict
            ``name``, ``plain`` (words), ``value``, ``low`` and ``high`` (the ends of the 95 % interval; NaN where
            there is none), ``interval`` (whose it is), ``baseline``, ``better`` (higher or lower).
        """
        weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        found = self.figures(y, p, baseline, weight, threshold, positive)
        if self.link == "log":
            # Half the deviance of each row, by the model and by the mean.
            own, plain = (self.losses(np.log(of)[:, None], y) for of in (p, np.full(len(y), baseline.mean)))
            found = metrics.deviance_explained(own, plain, weight) + found
        return metrics.in_order(found, self.first) if self.first else found

    def slope_and_curvature(self, y: Floats) -> tuple[Floats, float]:
        """How each row pulls its margins of shape (rows, outputs) at the best constant, and how the loss bends there.

        A shift common to all rows of the pull is the intercept's affair.
        """
        if self.curvature is not None:
            # The mean is the best constant, and pulls are distances from it.
            return (
                np.eye(int(y.max()) + 1)[y.astype(np.intp)] if self.several else y[:, None]
            ), self.curvature
        middle = np.log(y.mean()) if self.link == "log" else y.mean()
        below, here, above = (self.losses(np.full((len(y), 1), middle + d), y) for d in (-STEP, 0.0, STEP))
        bend = float(((above - here) - (here - below)).mean()) / STEP**2
        return (below - above)[:, None] / (2 * STEP), bend

    def refuse(self, y: Floats, name: str) -> None:
        """Refuses numbers that the loss has no value for."""
        if self.two or self.several:
            return
        try:
            self.losses(np.zeros((len(y), 1)), y)
        except InputError as error:
            raise InputError(f"target {name!r}: {error} of those with a target") from None


NUMBERS = ("R²", "RMSE", "MAE")
#: a mean above 0 whose logarithm is linear in the columns; half the deviance is the loss
logarithmic = partial(
    Task,
    trees="poisson",
    kind="regression",
    link="log",
    unit=in_means,
    figures=metrics.regression,
    scorings=("D²", *NUMBERS),
    at_zero="the logarithm of the mean is",
    changes="the mean of {target}",
    multiplies="mean",
    ratio="mean_ratio",
)
#: every task; of those of one kind the first is taken unless another loss is asked for
TASKS = (
    Task(
        kind="binary",
        loss="logistic",
        link="logit",
        curvature=0.25,
        figures=metrics.binary,
        scorings=("accuracy", "AUC", "balanced accuracy", "precision", "recall", "F1", "average precision",
                  "log loss", "Brier score"),
        heading="{0} or {1} (binary; positive: {positive})",
        title="two classes (binary classification)",
        at_zero="the log-odds are",
        changes="the odds of {1}",
        multiplies="odds",
        ratio="odds_ratio",
    ),
    Task(
        kind="multiclass",
        loss="softmax",
        link="logit",
        several=True,
        curvature=0.5,
        path_steps=60,
        figures=metrics.multiclass,
        scorings=("accuracy", "balanced accuracy", "macro F1", "log loss"),
        heading="one of {count} classes (multiclass)",
        title="several classes (multiclass classification)",
        at_zero="the scores are",
        changes="the score of a class (log-odds)",
    ),
    Task(
        kind="regression",
        loss="squared",
        unit=in_deviations,
        curvature=1.0,
        figures=metrics.regression,
        scorings=NUMBERS,
        heading="predicts a number (regression)",
        title="a number (regression)",
    ),
    Task(
        kind="regression",
        loss="huber",
        trees="absolute_error",
        unit=in_robust_deviations,
        figures=metrics.regression,
        scorings=NUMBERS,
        first=("MAE",),
        heading="predicts a number (regression; outliers pull with a bounded force)",
        title="a number (regression with Huber's loss)",
    ),
    logarithmic(
        loss="poisson",
        heading="predicts a mean count (Poisson regression)",
        title="a mean count (Poisson regression)",
    ),
    logarithmic(
        loss="gamma",
        trees="gamma",
        heading="predicts a mean amount (gamma regression: the spread grows with the mean)",
        title="a mean amount (gamma regression)",
    ),
    logarithmic(
        loss="tweedie",
        zeros=True,
        heading="predicts a mean amount that is often 0 (Tweedie regression of power 1.5)",
        title="a mean amount that is often 0 (Tweedie regression)",
    ),
    logarithmic(
        loss="inverse_gaussian",
        trees="gamma",
        heading="predicts a mean amount (inverse Gaussian regression: the variance grows with the mean's cube)",
        title="a mean amount (inverse Gaussian regression)",
    ),
)  # fmt: skip


def find(kind: str, loss: str | None = None) -> Task:
    """The task of a kind of target, by the loss that is usual for it or by another.

    Raises
    ------
    InputError
        No task of that kind has that loss; near names are suggested.

    Examples
    --------
    >>> find("binary", "squared")
    Traceback (most recent call last):
    steepest.errors.InputError: a binary target has no loss called 'squared'; available: logistic
    """
    own = [task for task in TASKS if task.kind == kind and loss in (None, task.loss)]
    if own:
        return own[0]
    names = losses_of(kind)
    hint = did_you_mean(str(loss), names) or f"; available: {', '.join(names)}"
    raise InputError(f"a {kind} target has no loss called {loss!r}{hint}")


def losses_of(kind: str) -> list[str]:
    """The losses that a kind of target can be fitted with, the usual one first."""
    return [task.loss for task in TASKS if task.kind == kind]


def kind_of(loss: str) -> str:
    """The kind of target that a loss is for.

    Raises
    ------
    InputError
        No task has that loss; near names are suggested.

    Examples
    --------
    >>> kind_of("poisson")
    'regression'
    """
    names = {task.loss: task.kind for task in TASKS}
    if loss in names:
        return names[loss]
    hint = did_you_mean(str(loss), names) or f"; available: {', '.join(names)}"
    raise InputError(f"fit has no loss called {loss!r}{hint}")


def of_story(story: Mapping[str, Any]) -> Task | None:
    """The task that a story tells of; None where it tells of none."""
    try:
        return find(str(story.get("task")), story.get("loss"))
    except InputError:
        return None
