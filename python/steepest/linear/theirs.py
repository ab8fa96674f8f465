"""A fitted estimator as scikit-learn's own of that name."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import linear_model, svm
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from steepest.errors import InputError

__all__ = ["Counterpart"]

#: what only estimators of this package have
_OURS = frozenset({"result_", "results_"})
#: what scikit-learn's own keep beside what ends in an underscore
_THEIRS = frozenset({"_label_binarizer"})


def _to_sklearn(ours: Any) -> Any:
    """scikit-learn's estimator with the settings and the fitted attributes of `ours`."""
    check_is_fitted(ours, "coef_")
    name = type(ours).__name__
    kind = getattr(linear_model, name, None) or getattr(svm, name, None)
    if kind is None:
        raise InputError(f"scikit-learn has no {name}")
    if hasattr(ours, "categories_"):
        raise InputError(
            f"this {name} has categories or sparse columns of files, which scikit-learn's does not know"
        )
    theirs = kind(**_settings(ours, kind))
    fitted = {n: v for n, v in vars(ours).items() if n.endswith("_") and not n.startswith("_")}
    fitted |= {n: v for n, v in vars(ours).items() if n in _THEIRS}
    vars(theirs).update({n: v for n, v in fitted.items() if n not in _OURS})
    if isinstance(
        getattr(theirs, "intercept_", None), float
    ):  # as a number of NumPy's, which converters look into
        theirs.intercept_ = np.float64(theirs.intercept_)
    if hasattr(theirs, "_get_loss"):  # set when it is fitted: `predict` asks it for the link
        theirs._base_loss = theirs._get_loss()
    return theirs


def _settings(ours: Any, kind: Any) -> dict[str, Any]:
    """What scikit-learn's knows of the settings: those that say what to compute, and of how to, what it can take."""
    known, plain = kind().get_params(), type(ours)().get_params()
    settings = {n: v for n, v in ours.get_params(deep=False).items() if n in known}
    # Left untouched, tol, max_iter and solver are its own: they mean another thing there.
    settings = {n: v for n, v in settings.items() if n not in _HOW or v is not plain[n]}
    penalty = settings.get("penalty", "deprecated")
    if kind in (linear_model.LogisticRegression, linear_model.LogisticRegressionCV):
        ratio = settings.get("l1_ratio", settings.get("l1_ratios"))
        some = not isinstance(ratio, str) and bool(np.any(ratio))  # None is none
        absolute = penalty in ("l1", "elasticnet") or (penalty == "deprecated" and some)
        if absolute and settings.get("solver", "lbfgs") not in (
            "saga",
            *(["liblinear"] if penalty == "l1" else []),
        ):
            settings |= {"solver": "saga", "max_iter": max(settings.get("max_iter") or 0, 10_000)}
    if "dual" in known:  # which of both forms there is depends on the loss and the penalty
        settings["dual"] = "auto" if issubclass(kind, svm.LinearSVC | svm.LinearSVR) else known["dual"]
    return {n: v for n, v in settings.items() if n not in _HOW or _taken(kind, n, v)}


#: settings that say how to compute
_HOW = frozenset({"max_iter", "solver", "tol"})


def _taken(kind: Any, name: str, value: Any) -> bool:
    """Whether it can have this value."""
    constraints = {name: kind._parameter_constraints[name]}
    try:
        validate_parameter_constraints(constraints, {name: value}, kind.__name__)
    except InvalidParameterError:
        return False
    return True


class Counterpart:
    """An estimator that scikit-learn has under the same name."""

    def to_sklearn(self) -> Any:
        """scikit-learn's estimator of this name, fitted with these coefficients.

        Returns
        -------
        estimator
            Of scikit-learn's own class, with the settings that it knows; it can be cloned and fitted again. `tol`,
            `max_iter` and `solver` are its own where they were left untouched.

        Raises
        ------
        InputError
            scikit-learn has none of this name, or the columns are those of files.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from steepest.linear import Ridge
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = Ridge().fit(X, y)
        >>> bool((model.to_sklearn().predict(X) == model.predict(X)).all())
        True
        """
        return _to_sklearn(self)
