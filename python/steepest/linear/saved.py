"""Fitted linear models as files, which the crate reads too, and back."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds
from sklearn.utils.validation import check_is_fitted

from steepest._types import Floats
from steepest.errors import InputError, ModelFileError
from steepest.saving import Arrays, pack, read_file, unpack, write_file

from .deviance import GammaRegressor, PoissonRegressor
from .elastic_net import ElasticNet
from .generalized import GeneralizedLinear
from .huber import HuberRegressor
from .lasso import Lasso
from .least_squares import LinearRegression
from .logistic import LogisticRegression
from .quantile import QuantileRegressor
from .ridge import Ridge

__all__ = ["load", "save"]


#: What such a file holds.
KIND = "linear model"
#: What may be saved, and the loss by which its margins are read; None where the model says it itself.
SAVED: dict[type, str | None] = {
    ElasticNet: "squared",
    GammaRegressor: "gamma",
    GeneralizedLinear: None,
    HuberRegressor: "squared",
    Lasso: "squared",
    LinearRegression: "squared",
    LogisticRegression: None,
    PoissonRegressor: "poisson",
    QuantileRegressor: "squared",
    Ridge: "squared",
}
#: Parameters that call somebody, which no file does.
CALLS = ("watch", "callbacks")


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted linear model to a safetensors file, all at once or not at all.

    What is kept is what predicts (coefficients, classes, names of columns) and the parameters. How the fit ended
    (`result_`) and who looks on (`watch`, callbacks) are not. The crate's `LinearModel::load` reads the file too.

    Parameters
    ----------
    model : estimator
        A fitted `LinearRegression`, `Ridge`, `Lasso`, `ElasticNet`, `LogisticRegression`, `PoissonRegressor`,
        `GammaRegressor`, `HuberRegressor`, `QuantileRegressor` or `GeneralizedLinear`, of one target.
    path : path
        Where to.

    Raises
    ------
    InputError
        The model is another, has several targets, categories or a parameter that no file holds.
    ModelFileError
        The file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from steepest.linear import LogisticRegression, load, save
    >>> model = LogisticRegression().fit([[0.5], [1.0], [1.5], [2.5], [3.0]], ["no", "no", "yes", "no", "yes"])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "answers.safetensors"
    >>> save(model, path)
    >>> load(path).predict([[4.0]]).tolist()
    ['yes']
    """
    content, arrays = taken_apart(model)
    write_file(path, KIND, content, arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a linear model that `save`, or `save` in the crate, wrote; no code in the file is run.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    estimator
        As it was saved: it predicts with the same bits. A model that the crate wrote is a `GeneralizedLinear` of its
        loss, whose penalty the crate does not keep.

    Raises
    ------
    ModelFileError
        The file is not there, cut off, altered, of another kind, or from a later version.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from steepest.linear import Ridge, load, save
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "line.safetensors"
    >>> save(Ridge(alpha=2.0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]), path)
    >>> load(path)
    Ridge(alpha=2.0)
    """
    content, arrays = read_file(path, KIND)
    try:
        return put_together(content, arrays)
    except Exception as error:
        said = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise ModelFileError(f"{str(path)!r} was altered, or a fault wrote it: {said}") from error


def taken_apart(model: Any) -> tuple[dict[str, Any], Arrays]:
    """A fitted model as plain data and arrays."""
    kind = type(model)
    if kind not in SAVED:
        these = ", ".join(sorted(known.__name__ for known in SAVED))
        raise InputError(f"a {kind.__name__} cannot be saved; these can: {these}")
    check_is_fitted(model, "coef_")
    if hasattr(model, "categories_"):
        raise InputError(
            "a model with categories cannot be saved so: pickle it, or fit the table with steepest.fit"
        )
    coef = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
    classes = getattr(model, "classes_", None)
    grid = np.atleast_2d(coef).astype(np.float64)
    loss, settings, outputs, learnt = described(model, len(grid))
    if len(grid) != (outputs if loss == "softmax" else 1):
        raise InputError(f"a model of {len(grid)} targets cannot be saved: fit and save one for each")
    intercept: Floats = np.ravel(model.intercept_).astype(np.float64)
    if loss == "ordinal":
        intercept = intercept - float(model.thresholds_[0])
    names = getattr(model, "feature_names_in_", None)
    parameters, arrays = pack(
        {key: listed(value) for key, value in model.get_params(deep=False).items() if key not in CALLS},
        "parameters",
    )
    refuse_strange(parameters["dict"])
    content = {
        "loss": loss,
        "loss_settings": settings,
        "outputs": outputs,
        "classes": None if classes is None else [plain(label) for label in classes.tolist()],
        "classes_type": None if classes is None else classes.dtype.kind,
        "names": None if names is None else [str(name) for name in names],
        "estimator": kind.__name__,
        "parameters": parameters,
        "coef": {"dimensions": coef.ndim, "single": coef.dtype == np.float32},
        "intercepts": np.ndim(model.intercept_),
    }
    arrays |= {
        "coefficients": grid,
        "intercept": intercept if len(intercept) == len(grid) else np.full(len(grid), intercept[0]),
        "learnt": learnt,
        "centre": np.zeros(grid.shape[1]),
    }
    return content, arrays


def described(model: Any, margins: int) -> tuple[str, dict[str, float], int, Floats]:
    """The loss that margins are read by: its name, settings and outputs, and what it has learnt."""
    known, none = SAVED[type(model)], np.empty(0)
    if known is not None:
        return known, {}, 1, none
    classes = len(model.classes_) if hasattr(model, "classes_") else 1
    if isinstance(model, LogisticRegression):
        return ("logistic", {}, 1, none) if margins == 1 else ("softmax", {}, classes, none)
    loss, own = model._loss()
    settings = {key: float(value) for key, value in own}
    learnt = np.ravel(getattr(model, "learnt_", none)).astype(np.float64)
    many = loss in ("softmax", "ordinal")
    return loss, settings, classes if many else 1, learnt


def plain(label: Any) -> Any:
    """A class as JSON has it.

    Raises
    ------
    InputError
        It has none for such.
    """
    if not isinstance(label, (str, bool, int, float)):
        raise InputError(
            f"classes of type {type(label).__name__} cannot be saved: make them texts or numbers"
        )
    return label


def listed(value: Any) -> Any:
    """A dict by what is no text, as `class_weight` is, as pairs, for names in JSON are texts; SciPy's objects."""
    given: Any = value
    if sparse.issparse(value):
        return given.toarray().tolist()
    if isinstance(value, Bounds):
        return [value.lb, value.ub]
    if isinstance(value, dict) and ("pairs" in value or not all(isinstance(key, str) for key in value)):
        return {"pairs": [[key, item] for key, item in value.items()]}
    return value


def unlisted(value: Any) -> Any:
    """What `listed` made pairs of."""
    pairs = value.get("pairs") if isinstance(value, dict) and len(value) == 1 else None
    return dict(pairs) if isinstance(pairs, list) else value


def refuse_strange(parameters: dict[str, Any]) -> None:
    """Names the first parameter that is no plain data."""

    def fits(value: Any) -> bool:
        if isinstance(value, dict):
            return all(map(fits, value.values()))
        return (
            all(map(fits, value))
            if isinstance(value, list)
            else isinstance(value, (str, int, float, type(None)))
        )

    for name, value in parameters.items():
        if not fits(value):
            raise InputError(
                f"{name} is a {type(value).__name__}, which no file holds: fit with plain numbers"
            )


def put_together(content: dict[str, Any], arrays: Arrays) -> Any:
    """The model of plain data and arrays, everything checked."""
    kinds = {kind.__name__: kind for kind in SAVED}
    grid, intercept, learnt, centre = (
        real(name, arrays[name]) for name in ("coefficients", "intercept", "learnt", "centre")
    )
    loss, outputs = content["loss"], content["outputs"]
    if content.get("estimator") is None:
        model: Any = GeneralizedLinear(loss, loss_settings=content["loss_settings"] or None)
    else:
        if content["estimator"] not in kinds:
            raise InputError(f"it holds a {str(content['estimator'])[:40]}, which cannot be loaded")
        parameters = {key: unlisted(value) for key, value in unpack(content["parameters"], arrays).items()}
        if any(name in parameters for name in CALLS):
            raise InputError("it has somebody to call")
        model = kinds[content["estimator"]](**parameters)
    margins = outputs if loss == "softmax" else 1
    if grid.ndim != 2 or len(grid) != margins or centre.shape != grid.shape[1:]:
        raise InputError(f"the coefficients must be those of {margins} margins; got the shape {grid.shape}")
    if len(intercept) not in (0, margins):
        raise InputError(f"there must be {margins} intercepts, or none; got {len(intercept)}")
    intercept = (intercept if len(intercept) else np.zeros(margins)) - grid @ centre
    form = content.get("coef") or {"dimensions": 2 if margins > 1 else 1, "single": False}
    dtype = np.float32 if form["single"] else np.float64
    model.coef_ = (grid if form["dimensions"] == 2 else grid[0]).astype(dtype)
    keep_classes(model, content, loss, outputs)
    if learnt.size or loss == "ordinal":
        model.learnt_ = learnt
    if loss == "ordinal":
        gaps = np.concatenate([[0.0], np.arange(1, len(learnt) + 1) + learnt])
        model.thresholds_, intercept = gaps - intercept[0], np.zeros(1)
    several = content.get("intercepts", int(margins > 1))
    model.intercept_ = intercept.astype(dtype) if several else dtype(intercept[0])
    model.n_features_in_ = grid.shape[1]
    # It must be able to predict.
    model.predict(np.zeros((1, grid.shape[1]), dtype=dtype))
    if content["names"] is not None:
        model.feature_names_in_ = np.array(content["names"], dtype=object)
        if model.feature_names_in_.shape != grid.shape[1:]:
            raise InputError("there must be a name for each column")
    return model


def keep_classes(model: Any, content: dict[str, Any], loss: str, outputs: int) -> None:
    """Gives the model its classes, where it tells some."""
    classes = content["classes"]
    if classes is None and loss in ("logistic", "probit", "cloglog", "softmax", "ordinal"):
        classes = list(range(max(2, outputs)))
    if classes is not None:
        model.classes_ = np.array(classes, dtype=object if content.get("classes_type") == "O" else None)
        if model.classes_.shape != (max(2, outputs),):
            raise InputError(f"there must be {max(2, outputs)} classes; got {len(classes)}")


def real(what: str, array: NDArray[Any]) -> Floats:
    """Refuses what is not an array of finite numbers of 64 bits."""
    if array.dtype != np.float64 or not np.isfinite(array).all():
        raise InputError(f"the {what} must be finite numbers of 64 bits; got {array.dtype}")
    return array
