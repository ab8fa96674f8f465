"""One call from a table to a model: read, describe, split, choose alpha, fit, judge."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from steepest.errors import InputError, NotConverged, did_you_mean
from steepest.fitting.job import Job
from steepest.fitting.judging import python_lines, tell
from steepest.fitting.progress import Stages
from steepest.model import Model
from steepest.tables import prepare

__all__ = ["fit", "load"]

PENALTIES = ("l2", "l1", "elastic_net")


def fit(
    table: Any,
    target: Any = None,
    *,
    task: str | None = None,
    test: Any = None,
    time: str | int | None = None,
    alpha: float | None = None,
    penalty: str = "l2",
    l1_ratio: float = 0.5,
    drop: Sequence[str | int] = (),
    categories: Sequence[str | int] = (),
    missing: str = "fill",
    validation: float = 0.2,
    tol: float = 1e-6,
    seed: int = 0,
    threads: int | None = None,
    watch: Callable[[dict[str, Any]], Any] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Model:
    """Fits a linear model to a table, with nothing to tune.

    Minimises mean loss + alpha · penalty of the coefficients of standardised columns; the loss is the
    logistic one for two classes, softmax for several, half the squared error for numbers (in units of the
    training target's variance). The intercept is not penalised.

    A share of the rows is held out (validation). Alpha is chosen there, along a path from where every
    coefficient is about 0 down to 1e-6, each fit starting from the one before. Without a test part the model
    that comes back is the one fitted to the training rows, and the figures are those of the held-out rows,
    which have chosen nothing but alpha. With a test part the model is fitted again, at that alpha, to
    training and validation rows together, and the figures are those of the test part, which has chosen
    nothing at all.

    Args:
        table: a path (CSV, TSV, Parquet, Arrow, Feather, `.npz`), a pandas or polars frame, an Arrow table, a
            NumPy or SciPy sparse matrix, a dict of columns, a list of rows, or the name of a data set:
            "breast_cancer", "diabetes", "digits", "iris", "wine".
        target: the column to be predicted, by name or number (from 0; negative counts from the end), or its
            values, one a row.
        task: "binary", "multiclass", "classification" or "regression"; found from the target when None.
        test: a second table with the same columns, never looked at while fitting.
        time: a column by which the last rows are held out instead of random ones.
        alpha: strength of the penalty; chosen on held-out rows when None.
        penalty: "l2" (½‖w‖²), "l1" (‖w‖₁) or "elastic_net".
        l1_ratio: the share of l1 in the elastic net.
        drop: columns to leave out.
        categories: number columns to be taken as categories.
        missing: "fill", "impute" or "refuse"; see `steepest.tables.prepare`.
        validation: the share of rows held out; 0 needs an alpha.
        tol: bound on the distance from the least objective, relative to it.
        seed: of the split.
        threads: how many; all that there are when None. The result does not depend on it.
        watch: called at most ten times a second with a dict of stage, loss, residual, fraction and
            seconds_left; a true answer stops the fit.
        header, delimiter, encoding: of a text, found out when None.

    Raises:
        TableError: the table cannot be used.
        InputError: an argument is out of its range.

    Warns:
        NotConverged: the descent stopped before it reached its tolerance.

    >>> import steepest
    >>> model = steepest.fit("breast_cancer")
    >>> model.task, bool(model.metrics()[0]["value"] > 0.9)
    ('binary', True)
    """
    check_settings(alpha, penalty, l1_ratio, validation, tol, threads)
    stages = Stages(watch)
    stages.enter("read", 0.0, 0.05)
    prepared = prepare(
        table,
        target,
        task=task,
        test=test,
        time=time,
        drop=drop,
        categories=categories,
        missing=missing,
        validation=validation,
        seed=seed,
        header=header,
        delimiter=delimiter,
        encoding=encoding,
    )
    settings = {
        "alpha": alpha,
        "penalty": penalty,
        "l1_ratio": l1_ratio if penalty == "elastic_net" else float(penalty == "l1"),
        "tol": tol,
        "seed": int(seed),
        "validation": validation,
    }
    job = Job(prepared, settings, threads, stages)
    fitted = job.run()
    arguments = {
        "task": task, "test": test, "time": time, "alpha": alpha, "penalty": penalty, "drop": list(drop),
        "categories": list(categories), "missing": missing, "validation": validation, "seed": seed,
    }  # fmt: skip
    told = tell(job, fitted, python_lines(table, target, arguments), later=time is not None)
    if not fitted.solution["success"]:
        warnings.warn(f"the fit did not converge: {fitted.solution['message']}", NotConverged, stacklevel=2)
    return Model(prepared.schema, fitted.weights, settings | {"alpha": fitted.alpha}, told)


def load(path: str | os.PathLike[str]) -> Model:
    """Reads a model that `Model.save` wrote.

    Raises:
        ModelFileError: the file is not there, cut off, altered, or from a later version.
    """
    return Model.load(path)


def check_settings(
    alpha: float | None, penalty: str, l1_ratio: float, validation: float, tol: float, threads: int | None
) -> None:
    """Refuses what is out of its range."""
    if penalty not in PENALTIES:
        hint = did_you_mean(str(penalty), PENALTIES) or f"; there are {', '.join(PENALTIES)}"
        raise InputError(f"fit has no penalty called {penalty!r}{hint}")
    for name, value in (("alpha", alpha), ("l1_ratio", l1_ratio), ("validation", validation), ("tol", tol)):
        if not (value is None and name == "alpha") and not isinstance(value, Real):
            raise InputError(f"{name} must be a number; got {value!r}")
    if threads is not None and not isinstance(threads, Integral):
        raise InputError(f"threads must be a whole number; got {threads!r}")
    if alpha is not None and not (np.isfinite(alpha) and alpha >= 0):
        raise InputError(f"alpha must be at least 0; got {alpha}")
    if not 0 <= l1_ratio <= 1:
        raise InputError(f"l1_ratio must be from 0 to 1; got {l1_ratio}")
    if not (np.isfinite(tol) and tol > 0):
        raise InputError(f"tol must be above 0; got {tol}")
    if threads is not None and threads < 1:
        raise InputError(f"threads must be at least 1; got {threads}")
    if alpha is None and validation == 0:
        raise InputError("choosing alpha needs held-out rows: pass alpha=, or validation above 0")
