"""The data sets that scikit-learn ships, read without a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import TableError
from steepest.tables.table import Table

__all__ = ["NAMES", "REFUSED", "read"]

#: data set to the name of its target
TARGETS = {
    "breast_cancer": "diagnosis",
    "diabetes": "progression",
    "digits": "digit",
    "iris": "species",
    "wine": "cultivar",
}
NAMES = tuple(TARGETS)
REFUSED = {
    "linnerud": "the data set 'linnerud' has three targets; one is fitted at a time: load it with "
    "sklearn.datasets.load_linnerud(as_frame=True) and pass the frame with one of Weight, Waist, Pulse"
}


def read(name: str) -> Table:
    """One of scikit-learn's data sets as a table whose last column is the target.

    >>> read("iris").target
    'species'
    """
    if name in REFUSED:
        raise TableError(REFUSED[name])
    from sklearn import datasets

    loader: Any = getattr(datasets, f"load_{name}")
    data = loader(scaled=False) if name == "diabetes" else loader()
    columns: dict[str, Any] = {
        str(column): np.ascontiguousarray(data.data[:, j]) for j, column in enumerate(data.feature_names)
    }
    target = data.target
    if "target_names" in data and name != "digits":
        target = np.asarray(data.target_names)[target]
    columns[TARGETS[name]] = target
    return Table(name=name, columns=columns, rows=len(target), target=TARGETS[name])
