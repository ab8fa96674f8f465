"""The data sets that scikit-learn ships, read without a network and without loading scikit-learn."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steepest.errors import TableError
from steepest.tables.table import Table

__all__ = ["NAMES", "REFUSED", "read"]

MEASURES = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points",
    "symmetry", "fractal dimension",
)  # fmt: skip


@dataclass(frozen=True)
class Bundled:
    """A data set: its file, its target, its columns' names, and whether its first line names the classes."""

    file: str
    target: str
    columns: tuple[str, ...]
    classes: bool = False


SETS = {
    "breast_cancer": Bundled(
        "breast_cancer.csv",
        "diagnosis",
        (
            *(f"mean {measure}" for measure in MEASURES),
            *(f"{measure} error" for measure in MEASURES),
            *(f"worst {measure}" for measure in MEASURES),
        ),
        classes=True,
    ),
    "diabetes": Bundled(
        "diabetes_data_raw.csv.gz",
        "progression",
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
    ),
    "digits": Bundled("digits.csv.gz", "digit", tuple(f"pixel_{i}_{j}" for i in range(8) for j in range(8))),
    "iris": Bundled(
        "iris.csv",
        "species",
        ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
        classes=True,
    ),
    "wine": Bundled(
        "wine_data.csv",
        "cultivar",
        (
            "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
            "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue",
            "od280/od315_of_diluted_wines", "proline",
        ),
        classes=True,
    ),
}  # fmt: skip
NAMES = tuple(SETS)
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
    found = SETS[name]
    # Importing scikit-learn would take longer than all the rest.
    spec = importlib.util.find_spec("sklearn")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    if folder is None or not (folder / "datasets" / "data" / found.file).is_file():
        raise TableError(f"the data set {name!r} comes with scikit-learn, which is not installed as usual")
    columns = READERS.get(name, from_csv)(folder / "datasets" / "data", found)
    return Table(name=name, columns=columns, rows=len(columns[found.target]), target=found.target)


def from_csv(folder: Path, found: Bundled) -> dict[str, Any]:
    """A file of numbers whose last column is the target; its first line counts rows, columns and classes."""
    path = folder / found.file
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        classes = np.array(stream.readline().strip().split(",")[2:]) if found.classes else None
        data = np.loadtxt(stream, delimiter=",", ndmin=2)
    target = data[:, -1].astype(np.int64)
    columns: dict[str, Any] = {
        column: np.ascontiguousarray(data[:, j]) for j, column in enumerate(found.columns)
    }
    return {**columns, found.target: target if classes is None else classes[target]}


def diabetes(folder: Path, found: Bundled) -> dict[str, Any]:
    """Columns and target in files of their own, in their own units."""
    data = np.loadtxt(folder / found.file)
    columns: dict[str, Any] = {
        column: np.ascontiguousarray(data[:, j]) for j, column in enumerate(found.columns)
    }
    return {**columns, found.target: np.loadtxt(folder / "diabetes_target.csv.gz")}


READERS: dict[str, Callable[[Path, Bundled], dict[str, Any]]] = {"diabetes": diabetes}
