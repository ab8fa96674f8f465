"""Tables that come with the package, fitted as they are: several tests look at the same model."""

from functools import cache

import steepest
from steepest.model import Model


@cache
def fitted(name: str, folds: int | None, alpha: float | None = None) -> Model:
    """The model of a table with little else said; it is looked at, never changed."""
    return steepest.fit(name, cv=folds, alpha=alpha)
