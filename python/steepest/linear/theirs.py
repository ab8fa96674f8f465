"""A fitted estimator as scikit-learn's own of that name."""

from __future__ import annotations

from typing import Any

from sklearn import linear_model, svm
from sklearn.utils.validation import check_is_fitted

from steepest.errors import InputError

__all__ = ["to_sklearn"]

#: what only estimators of this package have
_OURS = frozenset({"result_", "results_"})


def to_sklearn(ours: Any) -> Any:
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
    known = kind().get_params()
    theirs = kind(**{n: v for n, v in ours.get_params(deep=False).items() if n in known})
    fitted = {n: v for n, v in vars(ours).items() if n.endswith("_") and not n.startswith("_")}
    vars(theirs).update({n: v for n, v in fitted.items() if n not in _OURS})
    if hasattr(theirs, "_get_loss"):  # set when it is fitted: `predict` asks it for the link
        theirs._base_loss = theirs._get_loss()
    return theirs
