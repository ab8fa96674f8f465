"""Classes as numbers: each row's place among them, in the order of their names or in one that is given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from steepest._types import Floats
from steepest.errors import InputError

from .estimator import alike


def order_of(y: Any) -> list[Any] | None:
    """The categories of a frame's ordered categorical, in their order."""
    dtype: Any = getattr(y, "dtype", None)
    return list(dtype.categories) if getattr(dtype, "ordered", False) else None


def by_name(loss: str, many: bool, y: NDArray[Any]) -> tuple[NDArray[Any], Floats]:
    """The classes as they came, and each row's place among them; `many` where the loss takes more than two."""
    if many and y.ndim > 1 and y.shape[1] > 1:
        raise InputError(f"{loss} takes one column of classes; got y of shape {y.shape}")
    plain = y.dtype.kind in "bif" and bool(np.isin(y, (0, 1)).all())
    if plain and not many:
        # A table of one class only, or of several targets, is one of 0 and 1 all the same.
        return np.array([0, 1], dtype=y.dtype), y.astype(np.float64)
    if y.ndim > 1 and y.shape[1] > 1:
        raise InputError(f"several targets of {loss} must be 0 and 1; got others")
    y = alike(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2 or (len(classes) > 2 and not many):
        wanted = "at least 2 classes" if many else "2 classes"
        more = "" if many or len(classes) < 2 else ": loss='softmax' takes several"
        raise InputError(f"{loss} needs {wanted}; got {len(classes)} in y{more}")
    return classes, codes.reshape(y.shape).astype(np.float64)


def in_order(loss: str, y: NDArray[Any], order: list[Any] | None) -> tuple[NDArray[Any], Floats]:
    """The classes in their order, and each row's place among them."""
    if y.ndim > 1 and y.shape[1] > 1:
        raise InputError(f"{loss} takes one column of classes; got y of shape {y.shape}")
    y = alike(y).ravel()
    if order is None and y.dtype.kind not in "biuf":
        raise InputError(
            f"{loss} needs classes in an order, numbers or an ordered categorical; got texts such as "
            f"{y[0]!r:.80}: pandas.Categorical(y, categories=[...], ordered=True) says which comes first"
        )
    present, codes = np.unique(y, return_inverse=True)
    if order is not None:
        place = np.array([order.index(label) for label in present.tolist()])
        present, codes = present[np.argsort(place)], np.argsort(np.argsort(place))[codes]
    if len(present) < 2:
        raise InputError(f"{loss} needs at least 2 classes; got {len(present)} in y")
    return present, codes.astype(np.float64)


def class_weights(codes: NDArray[Any], classes: int, factor: Floats | None, weight: Any) -> list[Any]:
    """The rows' weights in the problem of each class against all others; of two classes there is one problem.

    As scikit-learn has them: of several classes, the others' rows weigh what they weigh without a class's factor.
    """
    if factor is None:
        return [weight] * (1 if classes == 2 else classes)
    plain = 1.0 if weight is None else weight
    if classes == 2:
        return [factor[codes.astype(np.intp)] * plain]
    return [np.where(codes == k, factor[k], 1.0) * plain for k in range(classes)]


def between(cuts: Floats, margin: NDArray[Any]) -> NDArray[Any]:
    """The probability of each class in an order: what lies between its cuts."""
    below = expit(cuts - np.asarray(margin, dtype=np.float64)[:, None])
    above = expit(np.asarray(margin, dtype=np.float64)[:, None] - cuts)
    # F(a) - F(b) = F(a) (1 - F(b)) (1 - exp(b - a)): no digits are lost in the tails.
    inner = below[:, 1:] * above[:, :-1] * -np.expm1(-np.diff(cuts))
    return np.column_stack([below[:, :1], inner, above[:, -1:]])
