"""Tables that are in memory already: frames, Arrow tables, matrices, dicts and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from steepest import _core
from steepest.errors import TableError
from steepest.tables.design import MOST_DENSE
from steepest.tables.table import Table, unique_names

__all__ = ["from_arrow", "read"]


def read(source: Any) -> Table:
    """A table from an object in memory; its data are viewed, not copied, where that is possible."""
    module = type(source).__module__.partition(".")[0]
    if isinstance(source, (pa.Table, pa.RecordBatch)):
        return from_arrow(source, "the Arrow table")
    if module == "pandas" and hasattr(source, "columns"):
        return from_pandas(source)
    if module == "polars" and hasattr(source, "collect"):
        source = source.collect()
    if module == "polars" and hasattr(source, "to_arrow"):
        try:
            return from_arrow(source.to_arrow(), "the polars frame")
        except pa.ArrowException as error:
            raise TableError(
                f"the polars frame cannot be read: {error}; cast that column to Float64, say"
            ) from None
    if module == "scipy" and hasattr(source, "tocsc"):
        return from_sparse(source)
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, Mapping):
        return from_dict(source)
    if hasattr(source, "__arrow_c_stream__"):
        return from_arrow(pa.table(source), "the table")
    if isinstance(source, (list, tuple)):
        return from_rows(source)
    raise TableError(
        "a table is a path, a frame (pandas, polars, Arrow), a NumPy matrix, a dict of columns, a list "
        "of rows "
        f"or a SciPy sparse matrix; got {type(source).__name__}"
    )


def from_arrow(table: Any, name: str) -> Table:
    """An Arrow table; columns of structs become columns of their fields."""
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    sound(table, name)
    if any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    names = unique_names(list(table.column_names), name)
    columns = {column: table.column(j) for j, column in enumerate(names)}
    # What is stored as codes into levels (pandas' category, polars' Enum, R's factor) says that it is a category.
    kinds = table.schema.types
    categories = frozenset(
        column for column, kind in zip(names, kinds, strict=True) if pa.types.is_dictionary(kind)
    )
    return Table(name, columns, table.num_rows, categories=categories)


def sound(data: Any, name: str) -> None:
    """Refuses Arrow data whose offsets, codes or texts are damaged: looking at them would end the process."""
    try:
        data.validate(full=True)
    except pa.ArrowException as error:
        raise TableError(f"{name} is damaged: {error}") from None


def from_pandas(frame: Any) -> Table:
    """A pandas frame; the index is left aside unless it is named."""
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise TableError(
            "the pandas frame has column names of several levels: join them first, as in "
            "frame.columns = ['_'.join(map(str, c)) for c in frame.columns]"
        )
    names = unique_names([str(column) for column in frame.columns], "the pandas frame")
    columns: dict[str, Any] = {}
    categories = set()
    for j, name in enumerate(names):
        columns[name], declared = one_column(frame.iloc[:, j], name)
        if declared:
            categories.add(name)
    notes = []
    if frame.index.name is not None and str(frame.index.name) not in columns:
        notes.append(
            f"the frame's index {frame.index.name!r} is not used; frame.reset_index() makes it a column"
        )
    named = not all(isinstance(column, (int, np.integer)) for column in frame.columns)
    return Table(
        "the pandas frame", columns, len(frame), named=named, notes=notes, categories=frozenset(categories)
    )


def one_column(values: Any, name: str) -> tuple[Any, bool]:
    """One column from whatever holds it, and whether it says itself that it is a category."""
    module = type(values).__module__.partition(".")[0]
    if module == "pandas":
        kind = getattr(values, "dtype", None)
        if type(kind).__name__ in ("CategoricalDtype", "IntervalDtype"):
            return pandas_category(values), True
        if hasattr(values, "to_numpy") and hasattr(values, "array"):
            return pandas_column(values, name), False
    if module == "polars" and hasattr(values, "to_arrow"):
        array = values.to_arrow()
        return array, bool(pa.types.is_dictionary(array.type))
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        sound(values, f"column {name!r}")
        return values, bool(pa.types.is_dictionary(values.type))
    if not is_sequence(values):
        raise TableError(f"column {name!r} must be a sequence of values; got {values!r}")
    return vector(values, name), False


def pandas_category(values: Any) -> pa.Array:
    """A pandas category (or column of intervals) as Arrow codes into its levels; intervals become their texts."""
    held = getattr(values, "array", values)
    if type(values.dtype).__name__ == "IntervalDtype":
        return pa.array([None if item is None or item != item else str(item) for item in held])
    levels = held.categories
    try:
        texts = pa.array(levels, from_pandas=True)
        if pa.types.is_nested(texts.type) or isinstance(texts.type, pa.BaseExtensionType):
            raise pa.ArrowInvalid("levels are texts or numbers")
    except (pa.ArrowException, ValueError, TypeError):
        texts = pa.array([str(level) for level in levels])
    codes = np.asarray(held.codes)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), texts)


def pandas_column(series: Any, name: str) -> Any:
    """A pandas column: its NumPy vector where it has one, else by way of Arrow, when it is wanted."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind != "O":
        return series.to_numpy(copy=False)
    if type(series.dtype).__name__ == "PeriodDtype":  # January 2024 is its first day
        return np.asarray(series.dt.to_timestamp() if hasattr(series, "dt") else series.to_timestamp())
    if isinstance(series.dtype, np.dtype):
        return np.asarray(series, dtype=object)

    def convert() -> Any:
        try:
            return pa.array(series, from_pandas=True)
        except pa.ArrowException:
            return np.asarray(series.astype(object), dtype=object)

    return convert


def from_array(array: np.ndarray[Any, Any]) -> Table:
    """A matrix (a row a sample) or a structured array."""
    if array.dtype.names:
        names = unique_names(list(array.dtype.names), "the structured array")
        flat = np.atleast_1d(array)
        if flat.ndim != 1:
            raise TableError(f"a structured array must have one dimension; got shape {array.shape}")
        return Table("the structured array", {name: flat[name] for name in names}, len(flat))
    if array.ndim != 2:
        raise TableError(
            f"a matrix must have two dimensions, rows and columns; got shape {array.shape}"
            + ("; array.reshape(-1, 1) makes one column of it" if array.ndim == 1 else "")
        )
    columns = {f"c{j}": array[:, j] for j in range(array.shape[1])}
    return Table("the matrix", columns, array.shape[0], named=False)


def from_sparse(matrix: Any) -> Table:
    """A SciPy sparse matrix, made dense one column at a time."""
    if len(matrix.shape) != 2:
        raise TableError(f"a matrix must have two dimensions, rows and columns; got shape {matrix.shape}")
    size = 8 * matrix.shape[0] * matrix.shape[1]
    if size > MOST_DENSE:
        raise TableError(
            f"a sparse matrix of {matrix.shape[0]} rows and {matrix.shape[1]} columns would take "
            f"{size / 2**30:.0f} GiB as a table, whose columns are looked at one by one: LogisticRegression, Ridge, "
            "Lasso and LinearRegression (steepest.linear) take it as it is"
        )
    try:
        _core.check_structure(matrix, "the table")
    except ValueError as error:
        raise TableError(str(error)) from None
    by_column = matrix.tocsc()
    by_column.sum_duplicates()

    def column(j: int) -> Callable[[], np.ndarray[Any, Any]]:
        def dense() -> np.ndarray[Any, Any]:
            values = np.zeros(by_column.shape[0], by_column.dtype)
            part = slice(by_column.indptr[j], by_column.indptr[j + 1])
            values[by_column.indices[part]] = by_column.data[part]
            return values

        return dense

    columns = {f"c{j}": column(j) for j in range(matrix.shape[1])}
    return Table("the sparse matrix", columns, matrix.shape[0], named=False)


def from_dict(source: Mapping[Any, Any]) -> Table:
    """A dict of columns of equal length."""
    names = unique_names([str(name) for name in source], "the dict")
    columns: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    categories = set()
    for name, values in zip(names, source.values(), strict=True):
        columns[name], declared = one_column(values, name)
        if declared:
            categories.add(name)
        lengths[name] = len(values)
    if len(set(lengths.values())) > 1:
        short, long = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise TableError(
            f"columns must be of one length; {short!r} has {lengths[short]} values and {long!r} "
            f"{lengths[long]}"
        )
    return Table("the dict", columns, next(iter(lengths.values()), 0), categories=frozenset(categories))


def vector(values: Any, name: str) -> np.ndarray[Any, Any]:
    """A sequence as a vector; None stays None, and whole numbers stay whole."""
    array: np.ndarray[Any, Any]
    if isinstance(values, np.ma.MaskedArray):
        array = values
    elif isinstance(values, np.ndarray) or hasattr(values, "__array__"):
        array = np.asarray(values)
    else:
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
    if array.ndim != 1:
        raise TableError(f"column {name!r} must have one dimension; got shape {array.shape}")
    return array


def is_sequence(values: Any) -> bool:
    """Whether it holds values one after the other, as a list or a vector does and a text does not."""
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        return False
    return getattr(values, "ndim", 1) > 0


def from_rows(source: Any) -> Table:
    """A list of rows (lists, tuples or dicts)."""
    rows = list(source)
    if not rows:
        raise TableError("the list of rows is empty")
    if isinstance(rows[0], Mapping):
        odd = next((i for i, row in enumerate(rows) if not isinstance(row, Mapping)), None)
        if odd is not None:
            raise TableError(f"row {odd} is a {type(rows[odd]).__name__} where row 0 is a dict")
        names = list(dict.fromkeys(key for row in rows for key in row))
        return from_dict({name: [row.get(name) for row in rows] for name in names})
    if not is_sequence(rows[0]):
        raise TableError(f"a list of rows holds lists, tuples or dicts; got {type(rows[0]).__name__} in it")
    width = len(rows[0])
    for i, row in enumerate(rows):
        if not is_sequence(row) or len(row) != width:
            got = f"{len(row)} values" if is_sequence(row) else "no list"
            raise TableError(f"row {i} has {got} where row 0 has {width}: rows must be of one length")
    table = from_dict({f"c{j}": [row[j] for row in rows] for j in range(width)})
    return Table("the list of rows", table.columns, table.rows, named=False)
