"""One call from a table to a model: read, describe, split, choose alpha, fit, judge, fit again to all rows."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any

import numpy as np

from steepest import tasks
from steepest.checkpoint import Series, check, digest
from steepest.errors import InputError, NotConverged, did_you_mean
from steepest.fitting import network
from steepest.fitting.asked import class_weights, named_score, threshold_of, with_positive
from steepest.fitting.job import Job
from steepest.fitting.judging import python_lines, story_of
from steepest.fitting.progress import Stages
from steepest.fitting.streamed import Rows, opened, refuse
from steepest.model import Model
from steepest.tables import Part, Prepared, prepare

__all__ = ["fit", "load"]

PENALTIES = ("l2", "l1", "elastic_net")
FORMS = ("auto", "linear")


def fit(
    table: Any,
    target: Any = None,
    *,
    task: str | None = None,
    loss: str | None = None,
    model: str = "linear",
    test: Any = None,
    time: str | int | None = None,
    form: str = "auto",
    alpha: float | None = None,
    penalty: str = "l2",
    l1_ratio: float = 0.5,
    drop: Sequence[str | int] = (),
    categories: Sequence[str | int] = (),
    amounts: Sequence[str | int] = (),
    hash_columns: Sequence[str | int] | Mapping[str | int, int] = (),
    missing: str = "fill",
    validation: float = 0.2,
    refit: bool = True,
    cv: int | None = None,
    scoring: str | Callable[[Any, Any], float] | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    sample_weight: Any = None,
    positive: Any = None,
    threshold: float | None = None,
    cost: float | None = None,
    tol: float = 1e-6,
    reference: bool = True,
    seed: int = 0,
    threads: int | None = None,
    watch: Callable[[dict[str, Any]], Any] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing_target: Sequence[str] | None = None,
    memory: int | None = None,
    checkpoint: Any = None,
) -> Model:
    """Fit a linear model, or a network, to a table, with nothing to tune.

    Minimises Σ weight · loss / Σ weight + alpha · penalty of the coefficients of standardised columns; the loss is
    the logistic one for two classes, softmax for several, half the squared error for numbers (in units of the
    target's variance) unless another is asked for. The intercept is not penalised.

    A share of the rows is held out (validation). Alpha is chosen there, along a path from where every coefficient
    is about 0 down to 1e-6, each fit starting from the one before. The figures are those of the held-out rows by a
    model fitted without them; with a test part they are those of the test rows. The model that comes back is then
    fitted again, at that alpha, to training and validation rows together, unless ``refit=False``. What fills gaps,
    and which levels a category has, is learned from the training rows.

    No descent is stopped early: each is carried to the least of its objective, and it is alpha, chosen on the held-out
    rows, that keeps the coefficients small. To stop a descent where the held-out loss no longer falls instead, use
    ``steepest.linear.GeneralizedLinear(early_stopping=True)``.

    Parameters
    ----------
    table : path, frame, array, mapping or str
        A path (CSV, TSV, Parquet, Arrow, Feather, ``.npz``), a pattern, folder or list of Parquet, Arrow or CSV files
        (``"part-*.parquet"``), a function or an iterator that gives batches (Arrow's, frames, dicts of columns), a lazy
        frame or data set, a pandas or polars frame, an Arrow table, a NumPy or
        SciPy sparse matrix, a dict of columns, a list of rows, or the name of a data set: "breast_cancer",
        "diabetes", "digits", "iris", "wine".
    target : str, int or array
        The column to be predicted, by name or number (from 0; negative counts from the end), or its values, one a
        row.
    task : str, optional
        "binary", "multiclass", "classification" or "regression"; found from the target when None.
    loss : str, optional
        The loss to be minimised: "logistic" for two classes, "softmax" for several; for numbers "squared" (the
        default), "huber" (outliers pull with a bounded force; its width is 1.35 · 1.4826 times the median
        distance of targets from their median)
        or one of those by which the logarithm of the mean is linear in the columns: "poisson" (counts), "gamma"
        (amounts above 0 whose spread grows with their mean), "tweedie" (amounts of which many are exactly 0),
        "inverse_gaussian" (amounts above 0 with a tail longer still; not convex, so that no optimum is proved). It
        decides the task where that is not given.
    model : {"linear", "network", "auto"}, default "linear"
        "network": a network (`steepest.network`) of one hidden layer, to which every level of a category brings
        weights of its own. "auto": the network where its mean loss on the held-out rows is below the linear model's
        by more than the standard error of the difference, else the linear model. Both are fitted either way, and what
        they lose is a finding. For the losses "logistic", "softmax", "squared" and "poisson", and rows in memory.
    test : table, optional
        A second table with the same columns, never looked at while fitting; the figures are its.
    time : str or int, optional
        A column by which the last rows are held out instead of random ones.
    form : {"auto", "linear"}
        "linear": every column of numbers is a straight line. "auto": where alpha is chosen too, those whose curve
        (cubic splines, constant beyond the ends) or levels clearly lower the loss of rows held out among the *training*
        rows enter so, and so do the few pairs of columns that together tell more than each alone; which, and by how
        much, is in the summary and the report. Columns named in `amounts` stay straight.
    alpha : float, optional
        Strength of the penalty, at least 0; chosen on held-out rows when None.
    penalty : {"l2", "l1", "elastic_net"}
        ½‖w‖², ‖w‖₁, or a mix of both.
    l1_ratio : float, default 0.5
        The share of l1 in the elastic net; refused beside another penalty.
    drop, categories, amounts : sequence of str or int
        Columns to leave out; number columns to be taken as categories; whole numbers with few values to be taken as
        amounts, even where their levels tell more of the target than a straight line does.
    hash_columns : sequence of str or int, or mapping of those to int, optional
        Columns of very many texts (names, addresses, codes): each text is hashed to one of 4096 levels, or of as many
        as the mapping says, and so is one that was never seen. Texts that share a level share its coefficient. The
        whole text is hashed, not its words.
    missing : {"fill", "impute", "refuse"}
        See `steepest.tables.prepare`.
    validation : float, default 0.2
        The share of rows held out; 0 needs an alpha, and then no figure can be given.
    refit : bool, default True
        Fit again to all rows (those of a test part excepted) once alpha is chosen and the figures are known.
    cv : int, optional
        Also fit and judge in so many folds at the chosen alpha and form; the figures' mean and standard deviation over
        folds stand beside those of the held-out rows. Rows that folds judge were among those that chose the form.
    scoring : str or callable, optional
        The figure by which alpha is chosen and which comes first, such as "roc_auc", "f1", "average_precision",
        "balanced_accuracy", "log_loss", "r2" or "neg_mean_absolute_error"; or a function of the held-out target
        (classes as 0, 1, …) and the prediction (numbers; probabilities of the second class, or of each) where
        larger is better. The loss when None.
    class_weight : "balanced" or mapping of class to float, optional
        What rows of a class weigh in the loss. "balanced": rows / (classes · rows of the class). Probabilities are
        then no longer shares of the rows.
    sample_weight : str, int or array, optional
        What each row weighs, as a column or as one number a row. A row of weight 0 is a row that is not there.
    positive : optional
        Which of two classes is the positive one, of which precision and recall are given and the probability is
        given; the second in order when None.
    threshold : float, optional
        A row is predicted positive where its probability is above it; 0.5 when None.
    cost : float, optional
        How many times as much a missed positive costs as a false alarm; the threshold is then 1 / (1 + cost).
    tol : float, default 1e-6
        Bound on the distance from the least objective, relative to it.
    reference : bool, default True
        Whether scikit-learn's histogram gradient boosting, where it is installed, is fitted to the same rows too, so
        that its figures stand beside the model's: what a plain formula costs, or does not. It never takes much longer
        than 20 seconds: of large tables it sees fewer rows or ends with fewer trees, which is said.
    seed : int, default 0
        Of the split and of the folds.
    threads : int, optional
        All that there are when None. The result does not depend on it.
    watch : callable, optional
        Called at most ten times a second with a dict of stage, loss, residual, fraction and seconds_left; a true
        answer stops the fit.
    header, delimiter, encoding : optional
        Of a text, found out when None.
    decimal : {".", ","}, optional
        The decimal mark of numbers that are texts; found out column by column when None, and asked for where a
        column admits both.
    thousands : {",", ".", " ", "'"}, optional
        What groups the digits of such numbers; found out when None.
    missing_target : sequence of str, optional
        The texts that mean a missing target. When None the usual ones ("", "?", "NaN"), while "None", "NA", "-" and
        their like are classes in a target of texts, which is said.

    memory : int, optional
        Bytes that the fit may take; what is free when None. Files and batches that would take more are read while
        they are computed with: kinds of columns, alpha and the figures are then those of a random sample of the rows,
        and the coefficients those of all rows (with ``refit=False`` of the sample), which is said. `time`, `cv` and
        `sample_weight` are then refused.
    checkpoint : path or (path, seconds), optional
        A file that the fit is kept in while it goes on: the alphas done, each with what it came to, and the descent in
        force. It is written every so many seconds (30 unless said) and where the fit is stopped (`watch`, Ctrl-C, an
        error). The same call again goes on from there, to the same model as if it had never stopped; it is deleted
        once there is one. The file of another table or of other settings is refused by what differs.

    Returns
    -------
    Model

    Raises
    ------
    TableError
        The table cannot be used.
    InputError
        An argument is out of its range, or the checkpoint is of another fit.
    ModelFileError
        The checkpoint was cut off or altered.

    Warns
    -----
    NotConverged
        The descent stopped before it reached its tolerance.

    Examples
    --------
    >>> import steepest
    >>> model = steepest.fit("breast_cancer")
    >>> model.task, bool(model.metrics()[0]["value"] > 0.9)
    ('binary', True)
    """
    check_settings(alpha, penalty, l1_ratio, validation, tol, threads)
    check_form(form)
    check_asked(cv, time, scoring, threshold, cost)
    check(checkpoint)
    stages = Stages(watch)
    stages.enter("read", 0.0, 0.05)
    read, rows = opened(table, memory)
    if rows is not None:
        refuse(time=time, sample_weight=sample_weight, cv=cv)
        if target is not None and not isinstance(target, (str, int, np.integer)):
            refuse(target="the values")
    prepared = prepare(
        read,
        target,
        task=tasks.kind_of(loss) if task is None and loss is not None else task,
        test=test,
        time=time,
        drop=drop,
        categories=categories,
        amounts=amounts,
        hash_columns=hash_columns,
        missing=missing,
        validation=validation,
        seed=seed,
        weight=sample_weight,
        header=header,
        delimiter=delimiter,
        encoding=encoding,
        decimal=decimal,
        thousands=thousands,
        missing_target=missing_target,
    )
    prepared = with_positive(prepared, positive)
    chosen = tasks.find(prepared.schema.task, loss)
    for part in (prepared.train, prepared.validation, prepared.test):
        if part is not None:
            chosen.refuse(part.y, prepared.schema.target)
    network.refuse(model, chosen.loss, rows is not None, {"alpha": alpha, "cv": cv, "checkpoint": checkpoint})
    cut = threshold_of(threshold, cost, chosen)
    headline, score = named_score(scoring, chosen, cut)
    settings = {
        "loss": chosen.loss,
        "reference": bool(reference),
        "form": form if alpha is None else "linear",
        "alpha": alpha,
        "penalty": penalty,
        "l1_ratio": l1_ratio if penalty == "elastic_net" else float(penalty == "l1"),
        "tol": tol,
        "seed": int(seed),
        "validation": validation,
        "refit": bool(refit),
        "cv": cv,
        "threshold": cut,
        "cost": cost,
        "class_weight": class_weights(class_weight, prepared),
        "headline": headline,
    }
    arguments = {
        "task": task, "loss": loss, "model": model, "test": test, "time": time, "form": form, "alpha": alpha,
        "penalty": penalty,
        "l1_ratio": l1_ratio,
        "drop": list(drop), "categories": list(categories), "amounts": list(amounts),
        "hash_columns": dict(hash_columns) if isinstance(hash_columns, Mapping) else list(hash_columns),
        "missing": missing,
        "validation": validation,
        "refit": refit, "cv": cv, "scoring": scoring, "class_weight": class_weight,
        "sample_weight": sample_weight,
        "positive": positive, "threshold": threshold, "cost": cost, "tol": tol, "reference": reference,
        "seed": seed, "header": header, "delimiter": delimiter, "encoding": encoding, "decimal": decimal,
        "thousands": thousands,
        "missing_target": None if missing_target is None else list(missing_target),
        "memory": memory,
    }  # fmt: skip
    named = [column.name for column in prepared.schema.columns]
    straight = [name if isinstance(name, str) else named[int(name)] for name in amounts]
    kept = None if checkpoint is None else Series(checkpoint, _description(prepared, rows, arguments))
    job = Job(prepared, chosen, settings | {"scoring": score, "straight": straight}, threads, stages, kept)
    job.rows = rows
    with kept or nullcontext():
        fitted = job.run()
        choice = None if model == "linear" else network.beside(job, fitted)
        facts = story_of(job, fitted, python_lines(table, target, arguments), later=time is not None)
    settings["alpha"] = fitted.alpha
    if choice is not None and prepared.validation is not None:
        taken = model == "network" or choice.better
        facts = network.facts_of(job, choice, facts, later=time is not None) if taken else facts
        facts = network.with_finding(facts, choice.finding(len(prepared.validation.y), taken, model), model)
        if taken:
            own = settings | {"model": "network", "penalty": "l2", "alpha": network.ALPHA}
            return Model(job.plain.schema, choice.final.weights, own, facts)
    solution = fitted.final.solution
    if not solution["success"]:
        warnings.warn(f"the fit did not converge: {solution['message']}", NotConverged, stacklevel=2)
    return Model(job.prepared.schema, fitted.final.weights, settings, facts)


def _description(prepared: Prepared, rows: Rows | None, arguments: Mapping[str, Any]) -> dict[str, str]:
    """What a fit is, in short texts: what a checkpoint must be of."""
    parts = {"table": (prepared.train, prepared.validation), "test": (prepared.test,)}
    about = {name: digest([_arrays(part) for part in of]) for name, of in parts.items()}
    about |= {} if rows is None else {"files": digest(rows.files)}
    settings = {n: digest(v) for n, v in arguments.items() if n not in ("test", "threads", "memory")}
    return {"fun": "a fit of a table"} | about | settings


def _arrays(part: Part | None) -> list[Any]:
    """All that the numbers of a part come from."""
    if part is None:
        return []
    design = part.design
    return [design.numbers, design.codes, design.levels, part.y, part.rows, part.weight]


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `Model.save` wrote.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Model
        As it was saved, to the bit.

    Raises
    ------
    ModelFileError
        The file is not there, cut off, altered, or from a later version.

    Examples
    --------
    >>> import pathlib, tempfile, steepest
    >>> model = steepest.fit({"rooms": [1, 2, 3, 4], "price": [10.0, 20.0, 30.0, 40.0]}, target="price", alpha=0.0)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "prices.safetensors"
    >>> model.save(path)
    >>> steepest.load(path).predict({"rooms": [5]}).round(3)
    array([50.])
    """
    return Model.load(path)


def check_form(form: str) -> None:
    """Refuses a form that there is not."""
    if form not in FORMS:
        hint = did_you_mean(str(form), FORMS) or f"; available: {', '.join(FORMS)}"
        raise InputError(f"fit has no form called {form!r}{hint}")


def check_settings(
    alpha: float | None, penalty: str, l1_ratio: float, validation: float, tol: float, threads: int | None
) -> None:
    """Refuses what is out of its range."""
    if penalty not in PENALTIES:
        hint = did_you_mean(str(penalty), PENALTIES) or f"; available: {', '.join(PENALTIES)}"
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
    if penalty != "elastic_net" and l1_ratio not in (0.5, float(penalty == "l1")):
        raise InputError(
            f"l1_ratio is of the elastic net, and the penalty is {penalty!r}; got {l1_ratio}: pass "
            "penalty='elastic_net', or leave l1_ratio= out"
        )
    if not (np.isfinite(tol) and tol > 0):
        raise InputError(f"tol must be above 0; got {tol}")
    if threads is not None and threads < 1:
        raise InputError(f"threads must be at least 1; got {threads}")
    if alpha is None and validation == 0:
        raise InputError("choosing alpha needs held-out rows: pass alpha=, or validation above 0")


def check_asked(cv: Any, time: Any, scoring: Any, threshold: Any, cost: Any) -> None:
    """Refuses what is out of its range, of the settings that judge."""
    if cv is not None:
        if not isinstance(cv, Integral) or isinstance(cv, bool) or cv < 2:
            raise InputError(f"cv must be a whole number of at least 2, the number of folds; got {cv!r}")
        if time is not None:
            raise InputError(
                "cv draws its folds at random, time= holds out the last rows: pass one of the two"
            )
    if scoring is not None and not callable(scoring) and not isinstance(scoring, str):
        raise InputError(f"scoring must be a figure's name or a function; got {scoring!r}")
    if threshold is not None and cost is not None:
        raise InputError("cost= sets the threshold: pass one of the two")
    for name, value, most in (("threshold", threshold, 1.0), ("cost", cost, np.inf)):
        if value is None:
            continue
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < most:
            raise InputError(
                f"{name} must be a number above 0{' and below 1' if most == 1 else ''}; got {value!r}"
            )
