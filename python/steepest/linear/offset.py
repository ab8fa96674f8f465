"""What is known of each row's margin beforehand: an offset, or the logarithm of an exposure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError

__all__ = ["added"]


def _column(name: str, values: Any, rows: int) -> NDArray[np.float64]:
    """One finite number a row."""
    try:
        column = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be one number a row; got {values!r:.80}") from None
    if column.shape != (rows,):
        raise InputError(f"{name} must be one number a row, of shape ({rows},); got shape {column.shape}")
    if not np.isfinite(column).all():
        row = int(np.argmin(np.isfinite(column)))
        raise InputError(f"{name} must be finite; got {column[row]} in row {row}")
    return column


def added(offset: Any, exposure: Any, rows: int) -> NDArray[np.float64] | None:
    """offset + log(exposure), what is added to each row's margin; None where neither is given."""
    total = None if offset is None else _column("offset", offset, rows)
    if exposure is None:
        return total
    given = _column("exposure", exposure, rows)
    if (given <= 0.0).any():
        row = int(np.argmax(given <= 0.0))
        raise InputError(f"exposure must be above 0; got {given[row]} in row {row}")
    return np.log(given) if total is None else total + np.log(given)
