"""The result of a descent: where it ended, how it ended, and how that is known."""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from steepest.curvature import InverseHessian
from steepest.findings import Finding, by_severity, findings_text
from steepest.report.result_lines import OUTCOMES, headline, indented, rows, wrapped
from steepest.trees import is_tree

__all__ = ["FIELDS", "HISTORY", "OUTCOMES", "Result", "is_multiplied"]

#: Every field of a result, in the order in which they stand.
FIELDS = (
    "x", "fun", "jac", "hess_inv", "maxcv", "success", "status", "message", "outcome",
    "nit", "nfev", "njev", "nhev", "passes", "reads", "seconds", "resumed",
    "method", "reason", "certificate", "history", "findings", "path", "spread",
)  # fmt: skip

#: The columns of a history; all are float arrays of one length.
HISTORY = ("iteration", "loss", "residual", "rate", "evaluations", "passes", "seconds")

_WHOLE = {"status": -1, "nit": 0, "nfev": 0, "njev": 0, "nhev": 0}
_REAL = {"fun": float("nan"), "maxcv": 0.0, "passes": float("nan"), "reads": 0.0, "seconds": float("nan")}
_TEXT = ("message", "outcome", "method", "reason")

#: What a result is before anything is known.
_NOTHING = dict.fromkeys(FIELDS)


def is_multiplied(rows: Any) -> bool:
    """Whether it is a sparse matrix or an operator, which stays what it is: no array is made of it."""
    return hasattr(rows, "toarray") or hasattr(rows, "matmat")


class Result(dict[str, Any]):
    """What a descent ended with: a dict with attribute access, as SciPy's `OptimizeResult` is; where
    `scipy.optimize` is loaded it is one (``isinstance`` says so).

    Every field is always there, whatever the method; what does not apply is None, 0 or NaN.

    Attributes
    ----------
    x : ndarray, or the parts of the starting point
        The best point found, in the shape of the starting point.
    fun : float
        The objective there.
    jac : ndarray or None
        The gradient there; None where none was evaluated.
    hess_inv : InverseHessian or None
        What the method knows of the inverse Hessian there, over the variables in one row: an operator with
        `shape`, ``@``, `matvec` and `todense` (SciPy's `LinearOperator` where that is loaded). L-BFGS has an
        estimate from the steps it took, good along those only; Newton's method the inverse itself, where the
        Hessian is positive definite. None where nothing is known. Bounds are not looked at.
    maxcv : float
        By how much constraints beside bounds are missed at most, in their own units; 0 where there are none.
    success : bool
        Whether it ended as it should: `converged`, `precision_limit` or `held_out`. Never where the
        certificate's own bound is above its target (or, at the limit of precision, above its rounding).
    status : int
        The number of the outcome.
    message : str
        The outcome as a sentence.
    outcome : str
        Its name, one of `OUTCOMES`: converged, precision_limit, noise_floor, held_out, budget, stopped,
        diverged, not_finite, unbounded, separable, gradient_inconsistent, infeasible, plateau.
    nit, nfev, njev, nhev : int
        Iterations, and evaluations of the function, its gradient and its Hessian (or products with it).
    passes : float
        Evaluations over the whole data; NaN where there are no data.
    reads : float
        How often the files were decoded, samples, scales and rows that nobody had asked for included; what a memory
        budget keeps is not read again. 0 where the data were in memory.
    seconds : float
        Seconds from start to end.
    resumed : int or None
        The iteration that it went on from, where it had been stopped and kept in a checkpoint. All counts and
        seconds are those of the whole run.
    method, reason : str
        The method and why it was chosen.
    certificate : dict or None
        The *distance from the best possible*: `kind`, `bound` (on the distance, in units of `fun`),
        `target` (what the bound had to reach), `rounding` (what rounding can hide at this point) and
        `assumption` (what the bound rests on). The kinds ``duality_gap``, ``energy_norm`` and
        ``exact_gap`` are proofs; ``estimated`` is no more than its name. Of ``stationary`` the bound is the
        scaled residual alone (the step x - prox(x - D grad f) in the method's own metric D, relative to
        the root of `fun`), of ``criterion`` what was asked for by its own name (`gtol`, `ftol`, `fmax`).
    history : dict of ndarray
        What happened at each recorded iteration: `iteration`, `loss`, `residual`, `rate`,
        `evaluations`, `passes`, `seconds`; float arrays of one length.
    findings : list of Finding
        What else was noticed.
    path : ndarray or None
        The points passed, one a row, where they were asked for.
    spread : dict or None
        How the results of several starting points differ, where there were several.

    Examples
    --------
    >>> from steepest.result import Result
    >>> result = Result.of({"x": [1.0, 1.0], "fun": 0.0, "success": True, "status": 0,
    ...                     "outcome": "converged", "message": "Converged: the gradient is as good as zero.",
    ...                     "method": "lbfgs", "nit": 36, "nfev": 44, "njev": 44, "seconds": 0.25})
    >>> result.fun == result["fun"]
    True
    >>> result
    Converged: the gradient is as good as zero.
      smallest value (fun)   0
      found at (x)           [1. 1.]
      method                 lbfgs
      effort                 36 iterations, 44 evaluations of the function, 44 of the gradient, 0.25 s
      outcome                converged (success, status 0)
    """

    def __new__(cls, *args: Any, **fields: Any) -> Result:
        """One of SciPy's own results too, where there may be somebody to ask: loading SciPy takes longer."""
        scipys = getattr(sys.modules.get("scipy.optimize"), "OptimizeResult", None)
        return dict.__new__(_both(scipys) if cls is Result and scipys is not None else cls)

    @classmethod
    def of(cls, values: Mapping[str, Any], objective: Callable[..., Any] | None = None) -> Result:
        """The result that the compiled core's plain dict describes.

        Parameters
        ----------
        values : mapping
            The fields; the history's columns may be lists, the findings dicts. Fields that are not there
            get the value that means nothing (None, 0 or NaN). Others are kept as they are.
        objective : callable, optional
            The function that was minimised, for the contours of `plot`; it is not a field and is not pickled.

        Returns
        -------
        Result
            With every field.

        Raises
        ------
        ValueError
            If the columns of the history differ in length.

        Examples
        --------
        >>> from steepest.result import Result
        >>> Result.of({"x": [0.5], "history": {"loss": [2, 1]}}).history["loss"]
        array([2., 1.])
        """
        result = cls()
        result.update(_NOTHING)
        result.update(values)
        for name, nothing in _WHOLE.items():
            result[name] = nothing if result[name] is None else int(result[name])
        for name, zero in _REAL.items():
            # The residuals of least squares are a row of numbers; their sum is the cost.
            whole = np.asarray if name == "fun" and "cost" in values else float
            result[name] = zero if result[name] is None else whole(result[name])
        for name in _TEXT:
            result[name] = "" if result[name] is None else str(result[name])
        result["success"] = bool(values.get("success", False))
        for name in ("x", "jac", "path"):
            given = result[name]
            if given is None or isinstance(given, np.ndarray) or is_multiplied(given):
                continue
            if name == "path" or not is_tree(given):
                result[name] = np.asarray(given)
        if isinstance(result["hess_inv"], Mapping):
            result["hess_inv"] = InverseHessian(**result["hess_inv"])
        result["history"] = _history(values.get("history") or {})
        result["findings"] = [Finding.of(finding) for finding in values.get("findings") or ()]
        object.__setattr__(result, "_objective", objective)
        return result

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            _no_field(name, self)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            _no_field(name, self)
        del self[name]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self})

    def __reduce__(self) -> tuple[Any, ...]:
        kind = type(self)
        return (_restored, (Result if kind.__name__ == "Result" else kind, dict(self)))

    def copy(self) -> Result:
        """A shallow copy; it is a `Result` too."""
        return type(self).of(self, self.__dict__.get("_objective"))

    # What people read

    def __repr__(self) -> str:
        if any(name not in self for name in FIELDS):
            return f"Result({dict.__repr__(self)})"
        shown = rows(self)
        width = max(len(name) for name, _ in shown) + 3
        lines = [headline(self)]
        for name, text in shown:
            parts = [line for part in text.split("\n") for line in wrapped(part)]
            lines.append(f"  {name:<{width}}" + f"\n{'':<{width + 2}}".join(parts))
        if self.findings:
            lines.append("  what else was noticed (findings)")
            lines.append(indented(findings_text(self.findings), 4))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The result for a notebook: self-contained, readable on light and dark pages."""
        if any(name not in self for name in FIELDS):
            return f"<pre>{html.escape(repr(self))}</pre>"
        colour, mark = ("#2e8b57", "\N{CHECK MARK}") if self.success else ("#c0392b", "\N{BALLOT X}")
        cell = "border:0;padding:.15em 0;text-align:left;vertical-align:top;background:none"
        body = "".join(
            f'<tr style="background:none"><th scope="row" style="{cell};padding-right:1.5em;'
            f'font-weight:normal;opacity:.75">{html.escape(name)}</th>'
            f'<td style="{cell};white-space:pre-wrap;overflow-wrap:anywhere">{html.escape(text)}</td></tr>'
            for name, text in rows(self)
        )
        findings = "".join(finding._repr_html_() for finding in by_severity(self.findings))
        return (
            f'<div style="max-width:50em;border-left:4px solid {colour};padding-left:1em">'
            f'<div style="font-size:1.1em;margin-bottom:.4em">'
            f'<span style="color:{colour}" aria-hidden="true">{mark}</span> '
            f"<strong>{html.escape(headline(self))}</strong></div>"
            '<table style="border-collapse:collapse;border:0;margin:0;color:inherit;font-size:inherit">'
            f"{body}</table>{findings}</div>"
        )

    def plot(self, *, file: str | Path | None = None) -> Any:
        """Draw the falling loss, the residual and the step on log axes; for two variables the path over contours too.

        The path is drawn where `path` has points of two coordinates (``path=True``) and the function is
        known. Needs matplotlib.

        Parameters
        ----------
        file : path, optional
            Where to save the picture, in the format that its ending names; it is then not shown.

        Returns
        -------
        ndarray of matplotlib Axes
            The axes of the picture, from left to right.

        Examples
        --------
        >>> from steepest.result import Result
        >>> result = Result.of({"history": {"loss": [4, 2, 1], "residual": [2, 1, 0.5]}})
        >>> len(result.plot(file="/tmp/descent.png"))
        2
        """
        from steepest.report.plots import plot_result

        return plot_result(self, self.__dict__.get("_objective"), file=file)

    def to_csv(self, path: str | Path) -> None:
        """Write the history as CSV: a row an iteration, every digit kept.

        Parameters
        ----------
        path : str or Path
            The file; one that is there is replaced.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from steepest.result import Result
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "history.csv"
        >>> Result.of({"history": {"iteration": [0], "loss": [0.5]}}).to_csv(path)
        >>> path.read_text().splitlines()
        ['iteration,loss,residual,rate,evaluations,passes,seconds', '0,0.5,,,,,']
        """
        from steepest.report.writing import write_whole

        names = list(self["history"])
        out = io.StringIO()
        out.write(",".join(names) + "\n")
        for row in zip(*(np.asarray(self["history"][name]).tolist() for name in names), strict=True):
            out.write(",".join("" if v != v else f"{v:.17g}" for v in row) + "\n")
        write_whole(path, out.getvalue())

    def to_jsonl(self, path: str | Path) -> None:
        """Write the history as JSON lines: an object an iteration, what was not recorded left out.

        Parameters
        ----------
        path : str or Path
            The file; one that is there is replaced.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from steepest.result import Result
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "history.jsonl"
        >>> Result.of({"history": {"iteration": [0], "loss": [0.5]}}).to_jsonl(path)
        >>> path.read_text()
        '{"iteration": 0.0, "loss": 0.5}\\n'
        """
        import json

        from steepest.report.writing import write_whole

        columns = {name: np.asarray(column).tolist() for name, column in self["history"].items()}
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        lines = (json.dumps({name: v for name, v in row.items() if np.isfinite(v)}) for row in rows)
        write_whole(path, "".join(line + "\n" for line in lines))


@cache
def _both(scipys: type[Any]) -> type[Result]:
    """A `Result` that is an `OptimizeResult` too."""
    return type("Result", (Result, scipys), {"__module__": __name__, "__doc__": Result.__doc__})


def _restored(kind: type[Result], values: dict[str, Any]) -> Result:
    """The result that was pickled."""
    if all(name in values for name in FIELDS):
        return kind.of(values)
    result = kind()
    result.update(values)
    return result


def _no_field(name: str, result: Result) -> NoReturn:
    """Refuse a name, and offer the field that was likely meant."""
    import difflib

    near = difflib.get_close_matches(name, list(result), 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise AttributeError(f"a result has no field {name!r}{hint}", name=name, obj=None)


def _row(column: Any) -> NDArray[np.float64]:
    array = np.asarray(column, dtype=np.float64)
    return array if array.ndim else array[None]


def _history(columns: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """The history's columns as float arrays of one length; a column that is not there is NaN."""
    arrays = {name: _row(column) for name, column in columns.items() if column is not None}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"the columns of a history must be of one length; got {found}")
    length = max(lengths.values(), default=0)
    if "iteration" not in arrays:
        arrays["iteration"] = np.arange(length, dtype=np.float64)
    known = {name: arrays[name] if name in arrays else np.full(length, np.nan) for name in HISTORY}
    return known | arrays
