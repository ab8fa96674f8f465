"""Sparse columns in batches: of each row only what is not zero, as Arrow's map of numbers to numbers (or list of such
pairs), or a SciPy matrix in a dict of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray
from scipy import sparse

from steepest import _core
from steepest.errors import TableError

__all__ = ["Entries", "as_batch", "entries", "is_sparse", "joined", "named", "value_type", "width_said"]

#: values, columns, and where each row begins and the last one ends
Entries = tuple[NDArray[Any], NDArray[np.int32], NDArray[np.int32]]
#: the name under which a field says how many columns it stands for
SAID = b"columns"


def is_sparse(kind: Any) -> bool:
    """Whether a column of the type has pairs of a place and a number.

    >>> is_sparse(pa.map_(pa.int32(), pa.float64())), is_sparse(pa.list_(pa.float64()))
    (True, False)
    """
    if pa.types.is_map(kind):
        place, value = kind.key_type, kind.item_type
    elif (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_struct(kind.value_type):
        if kind.value_type.num_fields != 2:
            return False
        place, value = (kind.value_type.field(k).type for k in range(2))
    else:
        return False
    return bool(pa.types.is_integer(place) and (pa.types.is_floating(value) or pa.types.is_integer(value)))


def value_type(kind: Any) -> Any:
    """The type of a sparse column's values."""
    return kind.item_type if pa.types.is_map(kind) else kind.value_type.field(1).type


def width_said(field: Any) -> int:
    """How many columns a field says that it stands for; 0 where it does not."""
    return int((field.metadata or {}).get(SAID, 0))


def as_batch(columns: Mapping[str, Any]) -> pa.Table:
    """A dict of columns as a table; a SciPy matrix is one column of pairs."""
    arrays, fields = [], []
    for name, values in columns.items():
        if hasattr(values, "tocsr"):
            # Before anybody follows its places.
            _core.check_structure(values, name)
            rows = values.tocsr()
            array = pa.MapArray.from_arrays(
                pa.array(rows.indptr.astype(np.int32)), rows.indices.astype(np.int32), rows.data
            )
            fields.append(pa.field(name, array.type, metadata={SAID: str(rows.shape[1]).encode()}))
        else:
            array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
            fields.append(pa.field(name, array.type))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def entries(array: pa.Array, dtype: Any) -> Entries:
    """The entries of some rows; the places of missing ones are -1.

    >>> rows = pa.array([[(2, 0.5)], [], [(0, 1.0), (1, 2.0)]], pa.map_(pa.int32(), pa.float64()))
    >>> [part.tolist() for part in entries(rows[1:], float)]
    [[1.0, 2.0], [0, 1], [0, 0, 2]]
    """
    starts = array.offsets.to_numpy().astype(np.int64)
    first, count = int(starts[0]), int(starts[-1] - starts[0])
    if pa.types.is_map(array.type):
        places, values = array.keys.slice(first, count), array.items.slice(first, count)
    else:
        pairs = array.values.slice(first, count)
        places, values = (pairs.field(k) for k in range(2))
    if places.null_count or values.null_count or pa.compute.any(pa.compute.less(places, 0)).as_py():
        raise TableError("has an entry without a place, of a place below 0, or without a value")
    if count and pa.compute.max(places).as_py() >= (1 << 31) - 1:
        raise TableError("has a place beyond 2^31: hash the places first")
    return (
        np.ascontiguousarray(values.to_numpy(zero_copy_only=False), dtype=dtype),
        places.to_numpy(zero_copy_only=False).astype(np.int32),
        (starts - first).astype(np.int32),
    )


def joined(parts: list[tuple[Entries, int]], rows: int) -> Entries:
    """Several sparse columns side by side, each with the columns that it stands for; what lies beyond them is none."""
    matrices = []
    for (values, places, starts), width in parts:
        inside = places < width
        if not inside.all():
            before = np.concatenate([[0], np.cumsum(inside)])
            values, places, starts = values[inside], places[inside], before[starts].astype(np.int32)
        matrices.append(sparse.csr_matrix((values, places, starts), shape=(rows, width), copy=False))
    whole = matrices[0] if len(matrices) == 1 else sparse.hstack(matrices, format="csr")
    return whole.data, whole.indices.astype(np.int32, copy=False), whole.indptr.astype(np.int32, copy=False)


def named(widths: Mapping[str, int]) -> Iterator[str]:
    """The names of the columns that sparse columns stand for."""
    for name, width in widths.items():
        yield from (f"{name}[{k}]" for k in range(width))
