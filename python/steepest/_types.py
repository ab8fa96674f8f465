"""Arrays as annotations name them.

>>> from steepest._types import Floats
>>> Floats.__args__[1]
numpy.dtype[numpy.float64]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codes", "Floats", "Ints"]

#: Numbers.
Floats = NDArray[np.float64]
#: Whole numbers: rows, times, counts.
Ints = NDArray[np.int64]
#: Levels by their places.
Codes = NDArray[np.int32]
