"""One linear problem, handed to the core in one crossing and brought back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _core
from steepest._catalog import registry
from steepest._types import Floats
from steepest.checkpoint import Checkpoint, Series, digest
from steepest.errors import NotConverged
from steepest.result import Result
from steepest.tables.stream import Stream

__all__ = ["Problem", "Solved", "solve_all", "warn_unless_converged"]


#: Powers of two that a sum of weights may be from 1.
_ROOM = 256


@dataclass(frozen=True)
class Solved:
    """Where a descent ended: coefficients (outputs x columns), intercepts (outputs), and how.

    `learnt` is what some losses learn beside them: a scale, the cuts between classes; `loss` what the rows cost without
    the penalty.
    """

    coef: Floats
    intercept: Floats
    result: Result
    learnt: Floats = field(default_factory=lambda: np.zeros(0))
    loss: float = np.nan


@dataclass(frozen=True, kw_only=True)
class Problem:
    """sum(weight * loss(y, Xw + b)) / sum(weight) + alpha * penalty(w), and when to stop.

    Attributes
    ----------
    loss, penalty : str
        Names of the catalogue.
    loss_settings, penalty_settings : mapping of str to float
        Their settings, where not the defaults.
    alpha : float
        The weight of the penalty, at least 0.
    outputs : int
        Margins a row: 1, or the number of classes for softmax.
    classes : int or None
        How many classes a loss of one margin learns the cuts between; None for all others.
    intercept : bool
        Whether each output has an intercept.
    intercept_penalty : float
        What alpha is multiplied by for the intercept; 0, the default, leaves it free.
    bounds : (lower, upper) or None
        The least and the largest coefficients allowed, each one number, one a column, or one a column of each output.
    factors : array of shape (columns,) or None
        What alpha is multiplied by for each column; 0 leaves its coefficient free.
    groups : array of int of shape (columns,) or None
        The group of each column, for penalties by groups.
    method : str or None
        None takes the method that suits best.
    tol : float
        F(x) - F* relative to F(x).
    max_iter, max_passes, max_seconds : numbers or None
        Budgets; None is without limit, but for 100 000 steps where a method is named and no budget is.
    threads : int
        At most so many; 0 takes what the machine gives.
    narrow : bool
        Whether coefficients and intercepts are float32: they are rounded before the value and the bound are told.
    """

    loss: str = "squared"
    loss_settings: Mapping[str, float] = field(default_factory=dict)
    penalty: str = "l2"
    penalty_settings: Mapping[str, float] = field(default_factory=dict)
    alpha: float = 0.0
    outputs: int = 1
    classes: int | None = None
    intercept: bool = True
    intercept_penalty: float = 0.0
    bounds: tuple[float | Floats, float | Floats] | None = None
    scale: Floats | None = None
    factors: Floats | None = None
    groups: NDArray[np.intp] | None = None
    method: str | None = None
    method_settings: Mapping[str, float] = field(default_factory=dict)
    tol: float = 1e-6
    max_iter: int | None = None
    max_passes: float | None = None
    max_seconds: float | None = None
    threads: int = 0
    narrow: bool = False

    def solve(
        self,
        X: Any,
        y: Any,
        weight: Any = None,
        *,
        start: tuple[Floats, ...] | None = None,
        names: Sequence[str] | None = None,
        held_out: tuple[NDArray[np.bool_], int] | None = None,
        watch: Callable[..., Any] | None = None,
        callback: Callable[..., Any] | None = None,
        offset: Floats | None = None,
        checkpoint: Any = None,
    ) -> Solved:
        """Descends from `start` (coefficients, intercepts, what is learnt; 0 unless given) to the optimum.

        Parameters
        ----------
        X : array of shape (rows, columns), or a sparse matrix
            Never copied where it is float32 or float64 in C or Fortran order, or CSR. Or categories beside
            numbers: an object with `numbers`, `codes` and `levels` (`steepest.fitting.columns.Columns`).
        y : array of shape (rows,)
            Targets; classes are 0 and 1 for logistic, 0, 1, 2 ... for softmax.
        weight : array of shape (rows,), optional
            At least 0; a row of weight 0 is a row that is not there.
        names : sequence of str, optional
            The columns' names, for errors.
        held_out : (array of bool of shape (rows,), int), optional
            Rows that the descent does not see, and iterations without a fall of their loss after which it
            stops; the best point there is returned.
        offset : array of shape (rows,), optional
            Added to each row's margin; for losses of one margin.
        checkpoint : path, (path, seconds) or Series, optional
            A file that the descent is kept in and goes on from (`steepest.checkpoint`); files that are read while they
            are computed with are known by their names, lengths and times.
        watch, callback : callable, optional
            Called with the progress: at most ten times a second, or after each iteration.

        Raises
        ------
        ValueError
            What cannot be used, named.
        """
        aside, weight = None, _with_room(weight)
        if held_out is not None:
            aside, weight = self._aside(X, y, weight, *held_out)
        packed = None if start is None else self._packed(*start)
        kept: Checkpoint | None = checkpoint if isinstance(checkpoint, Series) else None
        if checkpoint is not None and kept is None:
            rows = {"X": X, "y": y, "weight": weight, "start": packed, "offset": offset, "held_out": aside}
            kept = Checkpoint(checkpoint, _about(self._known() | rows))
        answer = _core.fit_linear(
            X,
            y,
            self._model(),
            self._stop(),
            weight=weight,
            start=packed,
            watch=watch,
            callback=callback,
            threads=self.threads,
            names=None if names is None else [str(name) for name in names],
            held_out=aside,
            offset=offset,
            checkpoint=None if kept is None else kept.request(),
        )
        answer["findings"] += [] if kept is None else kept.findings()
        return self._solved(answer, X, y, weight)

    def _solved(self, answer: dict[str, Any], X: Any, y: Any, weight: Any) -> Solved:
        """What the core has found, in parts."""
        answer["reads"] = X.files.reads if isinstance(X, Stream) else 0.0
        if answer["outcome"] == "separable" and not registry("losses")[self.loss].about["classes"]:
            _said_of_amounts(answer, np.asarray(y), weight, self.intercept)
        coef = np.asarray(answer.pop("coefficients")).reshape(self.outputs, -1)
        intercept = np.asarray(answer.pop("intercept"))
        if not self.intercept:
            intercept = np.zeros(self.outputs)
        learnt, loss = np.asarray(answer.pop("learnt")), float(answer.pop("loss"))
        return Solved(coef, intercept, Result.of(answer), learnt, loss)

    def strongest(
        self, X: Any, y: Any, weight: Any = None, *, names: Any = None, offset: Floats | None = None
    ) -> tuple[float, Floats]:
        """The least alpha at which all coefficients that it weighs are 0, and the core's variables there.

        Where no alpha takes them there, the largest slope of a coefficient times a thousand, as glmnet has it.
        """
        given: dict[str, Any] = {"weight": _with_room(weight), "names": names, "offset": offset}
        alpha, start = _core.path_beginning(X, y, self._model(), threads=self.threads, **given)
        return float(alpha), start

    def along(
        self,
        alphas: Floats,
        X: Any,
        y: Any,
        weight: Any = None,
        *,
        start: Floats | None = None,
        names: Any = None,
        watch: Callable[..., Any] | None = None,
        offset: Floats | None = None,
    ) -> list[Solved]:
        """The solutions at alphas in turn, each from where the one before has ended, in one crossing.

        Fewer, where it was stopped or `max_seconds`, which are for all of them, have run out.
        """
        given: dict[str, Any] = {"weight": _with_room(weight), "names": names, "offset": offset}
        answers = _core.fit_path(
            X,
            y,
            self._model(),
            self._stop(),
            alphas.tolist(),
            start=start,
            watch=watch,
            threads=self.threads,
            **given,
        )
        return [self._solved(answer, X, y, weight) for answer in answers]

    def _stop(self) -> dict[str, Any]:
        return {
            "tol": float(self.tol),
            "max_iter": self.max_iter,
            "max_passes": self.max_passes,
            "max_seconds": self.max_seconds,
        }

    def _model(self) -> dict[str, Any]:
        """What the core fits, beside the arrays."""
        return {
            "loss": (self.loss, list(self.loss_settings.items())),
            "outputs": self.outputs if self.classes is None else self.classes,
            "penalty": (self.penalty, list(self.penalty_settings.items())),
            "alpha": float(self.alpha),
            "intercept": bool(self.intercept),
            "intercept_penalty": float(self.intercept_penalty),
            "bounds": None if self.bounds is None else tuple(np.ravel(end).tolist() for end in self.bounds),
            "scale": None if self.scale is None else self.scale.tolist(),
            "factors": None if self.factors is None else np.asarray(self.factors, dtype=np.float64).tolist(),
            "groups": None if self.groups is None else np.asarray(self.groups).tolist(),
            "narrow": self.narrow,
            "method": None if self.method is None else (self.method, list(self.method_settings.items())),
        }

    def _known(self) -> dict[str, Any]:
        """All that a checkpoint must be of, beside the arrays."""
        return {"tol": self.tol, **self._model()}

    @staticmethod
    def _aside(
        X: Any, y: Any, weight: Any, held: NDArray[np.bool_], patience: int
    ) -> tuple[tuple[Any, Any, Any, int], Floats]:
        """The held-out rows, copied, and the weights of all rows, in which they are not there."""
        given = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        aside = X[held], np.ascontiguousarray(y[held]), given[held], int(patience)
        return aside, np.where(held, 0.0, given)

    def parts(self, x: Floats, columns: int) -> tuple[Floats, Floats]:
        """Coefficients (outputs x columns) and intercepts of a point of the core's."""
        rows = np.asarray(x).reshape(self.outputs, -1)
        intercept = rows[:, columns] if self.intercept else np.zeros(self.outputs)
        return rows[:, :columns].copy(), intercept.copy()

    def _packed(self, coef: Floats, intercept: Floats, *learnt: Floats) -> Floats:
        """As the core lays variables out: of each output its coefficients, then its intercept; then what is learnt."""
        rows = np.asarray(coef, dtype=np.float64).reshape(self.outputs, -1)
        if self.intercept:
            column = np.broadcast_to(np.asarray(intercept, dtype=np.float64).ravel(), (self.outputs,))
            rows = np.column_stack([rows, column])
        return np.concatenate([rows.ravel(), *learnt])


def _said_of_amounts(answer: dict[str, Any], y: NDArray[Any], weight: Any, intercept: bool) -> None:
    """Says of amounts what the core says of classes."""
    if not np.any(y if weight is None else y[np.asarray(weight) > 0]):
        which = f"All targets are 0, and no penalty on the {'intercept' if intercept else 'coefficients'}"
        remedy = "look whether y is the column that is meant: from nothing but 0 nothing is learned"
    else:
        which = "Targets of 0 that the columns set apart from others, and no penalty on what does"
        remedy = "add an l2 penalty, and look for a column that says which targets are 0"
    falls = "the expected amount comes to 0 there only as coefficients grow without end"
    answer["message"] = f"{which}: {falls}; {remedy}."
    for finding in answer["findings"]:
        if finding["kind"] == "separable":
            finding["sentence"] = f"{which}: {falls}."
            finding["remedy"] = f"{remedy[0].upper()}{remedy[1:]}."


def _with_room(weight: Any) -> Any:
    """The weights; near 1, and otherwise the same, where their products with losses would have little room.

    The objective is of their shares, and a power of two takes no digit from them.
    """
    if weight is None:
        return None
    total = float(np.sum(weight))
    if not 0.0 < total < np.inf or 2.0**-_ROOM <= total <= 2.0**_ROOM:
        return weight
    return np.ldexp(np.asarray(weight, dtype=np.float64), -int(np.frexp(total)[1]))


def solve_all(
    problems: Sequence[Problem],
    X: Any,
    targets: Iterable[Any],
    weight: Any = None,
    *,
    starts: Sequence[Any] | None = None,
    offset: Floats | None = None,
    held_out: tuple[NDArray[np.bool_], int] | None = None,
    checkpoint: Any = None,
    **more: Any,
) -> list[Solved]:
    """Each problem's solution for its target, one after the other; one file keeps them all.

    Parameters are those of `Problem.solve`; a list of weights has one for each problem.
    """
    targets = list(targets)
    weights = weight if isinstance(weight, list) else [weight] * len(problems)
    each = list(zip(problems, targets, weights, starts or [None] * len(problems), strict=True))
    more |= {"offset": offset, "held_out": held_out}
    if checkpoint is None or len(each) == 1:
        return [
            problem.solve(X, np.ascontiguousarray(y), own, start=start, checkpoint=checkpoint, **more)
            for problem, y, own, start in each
        ]
    rows = {
        "X": X,
        "y": list(targets),
        "weight": weight,
        "start": starts,
        "offset": offset,
        "held_out": held_out,
    }
    models = {"models": [problem._known() for problem in problems]}
    found = []
    with Series(checkpoint, _about(models | rows), ends=("stopped", "budget")) as series:
        for problem, y, own, start in each:
            length = problem.outputs * (X.shape[1] + bool(problem.intercept))

            def descend(
                kept: Series | None,
                problem: Problem = problem,
                y: Any = y,
                own: Any = own,
                start: Any = start,
            ) -> dict[str, Any]:
                here = np.ascontiguousarray(y)
                result = problem.solve(X, here, own, start=start, checkpoint=kept, **more).result
                return {**result, "findings": [finding.as_dict() for finding in result.findings]}

            answer = series.run(length, descend)
            found.append(Solved(*problem.parts(answer["x"], X.shape[1]), Result.of(answer)))
    return found


def _about(parts: Mapping[str, Any]) -> dict[str, str]:
    """What a checkpoint is of, in short texts."""
    return {"fun": "a linear model", **{name: digest(part) for name, part in parts.items()}}


def warn_unless_converged(result: Result, name: str, words: str = "") -> None:
    """A `NotConverged` warning with the remedy, where a budget or trouble ended the descent."""
    if not result.success:
        warnings.warn(f"{name}: {result.message} {words}".rstrip(), NotConverged, stacklevel=4)
