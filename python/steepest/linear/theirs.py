"""A fitted estimator as scikit-learn's own of that name."""

from __future__ import annotations

from typing import Any

from sklearn import linear_model, svm
from sklearn.utils.validation import check_is_fitted

from steepest.errors import InputError

__all__ = ["Counterpart"]

#: what only estimators of this package have
_OURS = frozenset({"result_", "results_"})


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
    known = kind().get_params()
    theirs = kind(**{n: v for n, v in ours.get_params(deep=False).items() if n in known})
    fitted = {n: v for n, v in vars(ours).items() if n.endswith("_") and not n.startswith("_")}
    vars(theirs).update({n: v for n, v in fitted.items() if n not in _OURS})
    if hasattr(theirs, "_get_loss"):  # set when it is fitted: `predict` asks it for the link
        theirs._base_loss = theirs._get_loss()
    return theirs


class Counterpart:
    """An estimator that scikit-learn has under the same name."""

    def to_sklearn(self) -> Any:
        """scikit-learn's estimator of this name, fitted with these coefficients.

        Returns
        -------
        estimator
            Of scikit-learn's own class, with the settings that it knows.

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
