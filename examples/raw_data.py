"""Raw columns, nothing scaled, nothing tuned: the same data for steepest and for scikit-learn.

python examples/raw_data.py
"""

import time
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Theirs

from steepest import LogisticRegression

X, y = load_breast_cancer(return_X_y=True)
spread = X.std(axis=0)
print(f"{X.shape[0]} rows, {X.shape[1]} columns; the widest varies {spread.max() / spread.min():.0f} times")
print("as much as the narrowest\n")


def objective(model):
    """scikit-learn's objective at a fitted model: C times the summed log-loss, and half the squared weights."""
    margin = X @ model.coef_[0] + model.intercept_[0]
    return np.logaddexp(0, np.where(y == 1, -margin, margin)).sum() + 0.5 * (model.coef_**2).sum()


for name, make in {"scikit-learn": Theirs, "steepest": LogisticRegression}.items():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        start = time.perf_counter()
        model = make().fit(X, y)
        seconds = time.perf_counter() - start
    trouble = (
        "it says that it did not converge" if any(w.category is ConvergenceWarning for w in said) else ""
    )
    print(f"{name:13} objective {objective(model):.6f}  in {seconds:.3f} s  {trouble}")

print(f"\nhow far from the best possible, at most: {model.result_.certificate['bound']:.1e} (certificate)")
