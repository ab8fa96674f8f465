"""`descend`: a descent one step at a time; `compare`: several methods on one problem."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from steepest import _core
from steepest._catalog import number
from steepest.chains import name_of
from steepest.checkpoint import Checkpoint
from steepest.errors import InputError
from steepest.minimize import description, minimize, named, of_x
from steepest.objective import Function
from steepest.options import Asked, read_budget
from steepest.result import Result

__all__ = ["Comparison", "Descent", "Step", "compare", "descend"]


@dataclass(frozen=True)
class Step:
    """Where a descent stands after a step.

    Attributes
    ----------
    iteration : int
        Steps so far.
    loss : float
        The value at `x`.
    x, gradient : ndarray, or the parts of the start
        The point and the gradient there, copies in the shape of the start; the gradient may be None.
    residual : float
        How far from stationary; 0 where the gradient vanishes.
    rate : float
        The rate, or the length, of the step.
    """

    iteration: int
    loss: float
    x: Any
    gradient: Any
    residual: float
    rate: float


class Kept(Protocol):
    """What keeps a descent between two steps, as `steepest.checkpoint.Checkpoint` does."""

    def request(self) -> dict[str, Any]:
        """What the compiled core needs to know of it."""

    def findings(self) -> list[dict[str, Any]]:
        """What there is to say of it."""


class Descent(Iterator[Step]):
    """A descent under way: iterate over it, steer it by `rate`, `stop` it, go on with it.

    Made by `descend`. The loop ends where the method claims convergence, a budget runs out or `stop` is
    called; after `stop` or a budget, `go_on` lets it continue.
    """

    def __init__(self, function: Function, asked: Asked, kept: Kept | None = None, path: bool = True) -> None:
        self._function, self._asked, self._kept = function, asked, kept
        request = function.request() | asked.request() | {"path": path}
        self._steps = _core.Descent(request | {"checkpoint": None if kept is None else kept.request()})

    def __next__(self) -> Step:
        told = self._steps.advance()
        if told is None:
            raise StopIteration
        for name in ("x", "gradient"):
            told[name] = None if told[name] is None else self._function.shaped(told[name])
        return Step(**told)

    @property
    def rate(self) -> float | None:
        """The rate in force (None where the method has none); set it to change the steps to come, to 0 to
        let the method find its own."""
        rate: float | None = self._steps.rate
        return rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._steps.set_rate(number("rate", rate))

    @property
    def method(self) -> str:
        """The name of the method."""
        return str(self._asked.told({"method": self._steps.method, "reason": ""})["method"])

    def stop(self) -> None:
        """End the loop before its next step."""
        self._steps.stop()

    def go_on(self, maxiter: int | None = None, maxfun: int | None = None) -> Descent:
        """Continue after `stop`, or after a budget ran out: by as many iterations or evaluations more.

        Where a budget had run out and nothing is given, as much again as it was.
        """
        more = read_budget("maxiter", maxiter), read_budget("maxfun", maxfun)
        if not self._steps.resume(*more):
            raise InputError("this descent has come to its end: begin another from its x")
        return self

    def result(self) -> Result:
        """What has come of it so far; before the first step, the value where it begins."""
        values = self._steps.result()
        for name in ("x", "jac"):
            values[name] = None if values[name] is None else self._function.shaped(values[name])
        values |= self._asked.told(values)
        values["findings"] += self._asked.findings()
        values["findings"] += [] if self._kept is None else self._kept.findings()
        return Result.of(values, of_x(self._function))


def descend(
    fun: Callable[..., Any] | str,
    x0: Any = None,
    rate: float | None = None,
    method: Any = "gradient_descent",
    jac: Any = None,
    args: Any = (),
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    checkpoint: Any = None,
    penalty: Any = None,
) -> Descent:
    """Descend a function one step at a time: an iterator over any method or rule.

    Parameters
    ----------
    fun : callable or str
        ``fun(x, *args) -> float``, or one of `steepest.problems` (itself or its name).
    x0 : array_like
        Where to begin; may be left out for a problem with a usual start.
    rate : float or None
        The rate; None lets the method find its own. It can be read and set while the descent runs.
    method : str, dataclass, list or dict
        A name from `steepest.methods` or `steepest.rules`, an instance with settings, a chain of rules, or rules by
        the names of x0's parts.
    jac, args, hess, hessp, bounds, tol, options, penalty
        As `minimize` has them.
    checkpoint : path or (path, seconds), optional
        As `minimize` has it: written between two steps, every so many seconds, at `stop` and at the end of a budget.
        A loop that is left by ``break`` is kept as it was written last.

    Returns
    -------
    Descent
        An iterator over `Step`; the first is the start itself.

    Raises
    ------
    InputError
        If an argument cannot be used, or the method has no rate where one is given.

    Examples
    --------
    >>> import steepest
    >>> for step in steepest.descend(lambda x: x @ x, [3.0, 4.0], rate=0.25, options={"maxiter": 3}):
    ...     print(step.iteration, round(step.loss, 4))
    0 25.0
    1 6.25
    2 1.5625
    3 0.3906
    """
    fun, x0 = named(fun, x0)
    given = dict(options or {})
    if rate is not None:
        given["rate"] = rate
    function = Function.of(fun, x0, args, jac, hess, hessp, bounds, penalty=penalty)
    asked = Asked.of(method, tol, given, tree=function.tree)
    asked.check(function.terms, function.bounds is not None)
    if asked.workers is not None:
        raise InputError("workers is for minimize, which finds several values at the same time; leave it out")
    kept = (
        None
        if checkpoint is None
        else Checkpoint(checkpoint, description(fun, function, asked) | {"path": "True"})
    )
    return Descent(function, asked, kept)


class Comparison:
    """Several methods on one problem: a table, and a picture.

    Attributes
    ----------
    results : dict of str to Result
        By the name of the method.
    """

    def __init__(
        self, results: Mapping[str, Result], objective: Callable[[Any], float] | None = None
    ) -> None:
        self.results = dict(results)
        self._objective = objective

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary a method, best value first: what the table shows."""
        order = sorted(self.results.items(), key=lambda item: (not item[1].success, _sortable(item[1].fun)))
        return [
            {
                "method": name,
                "value": r.fun,
                "outcome": r.outcome,
                "iterations": r.nit,
                "evaluations": r.nfev,
                "gradients": r.njev,
                "seconds": r.seconds,
            }
            for name, r in order
        ]

    def __getitem__(self, name: str) -> Result:
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        rows = [[_cell(name, v) for name, v in row.items()] for row in self.rows()]
        heads = list(self.rows()[0])
        widths = [max(len(h), *(len(r[i]) for r in rows)) for i, h in enumerate(heads)]

        def line(cells: Sequence[str]) -> str:
            places = enumerate(zip(cells, widths, strict=True))
            return "  ".join(c.ljust(w) if i in (0, 2) else c.rjust(w) for i, (c, w) in places).rstrip()

        return "\n".join(line(cells) for cells in [heads, *rows])

    def _repr_html_(self) -> str:
        rows = self.rows()
        heads = "".join(f"<th>{html.escape(h)}</th>" for h in rows[0])
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(name, v))}</td>" for name, v in row.items()) + "</tr>"
            for row in rows
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"

    def plot(self, *, file: str | Path | None = None) -> Any:
        """Draw the falling loss of every method; for two variables their paths over contours too."""
        from steepest.report.plots import plot_descent, plot_history

        flat = all(r.path is not None and r.path.shape[1] == 2 for r in self.results.values())
        if flat and self._objective is not None:
            return plot_descent(self._objective, self.results, file=file)
        return plot_history(self.results, file=file)


def compare(
    fun: Callable[..., Any] | str,
    methods: Iterable[Any],
    x0: Any = None,
    jac: Any = None,
    *,
    args: Any = (),
    hess: Any = None,
    bounds: Any = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    penalty: Any = None,
) -> Comparison:
    """Run several methods from one start.

    Parameters
    ----------
    fun : callable or str
        The function, or one of `steepest.problems` (itself or its name).
    methods : iterable
        Names, or instances with settings; a mapping gives each its own label.
    x0, jac, args, hess, bounds, tol, penalty
        As `minimize` has them.
    options : dict, optional
        Options of the loop, the same for all (``maxiter`` is 10 000 unless given).

    Returns
    -------
    Comparison
        A table when shown, with `results` by name and `plot`.

    Raises
    ------
    InputError
        If an argument cannot be used, or no method is named.

    Examples
    --------
    >>> import steepest
    >>> table = steepest.compare(steepest.problems.rosenbrock, ["lbfgs", "newton"])
    >>> sorted(table), table["newton"].success
    (['lbfgs', 'newton'], True)
    """
    labelled = dict(methods) if isinstance(methods, Mapping) else _labels(methods)
    if not labelled:
        raise InputError("methods must name at least one method; got none")
    fun, x0 = named(fun, x0)
    function = Function.of(fun, x0, args, jac, hess, None, bounds, penalty=penalty)
    if isinstance(methods, Mapping) and function.tree and all(map(function.tree.has, methods)):
        raise InputError(
            "methods by label have the names of x0's parts: rules by part are one method, so put them in a list "
            f"([{methods!r}]), or choose other labels"
        )
    given = {"maxiter": 10_000} | dict(options or {})
    small = function.start.size <= 2
    results = {
        label: minimize(
            fun,
            x0,
            args,
            method,
            jac,
            hess,
            None,
            bounds,
            tol=tol,
            options=given,
            path=small,
            penalty=penalty,
        )
        for label, method in labelled.items()
    }
    return Comparison(results, of_x(function))


def _labels(methods: Iterable[Any]) -> dict[str, Any]:
    """Each by its name; a second of the same name by its settings too."""
    if isinstance(methods, str):
        methods = [methods]
    labelled: dict[str, Any] = {}
    for method in methods:
        label = name_of(method)
        labelled[label if label not in labelled else repr(method)] = method
    return labelled


def _sortable(value: float) -> float:
    return value if np.isfinite(value) else float("inf")


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    # Times differ from run to run in more digits than two.
    return f"{value:.2g}" if name == "seconds" else f"{value:.6g}"
