"""Several values of a function found at the same time: by processes, or by a map that was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pool
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError

__all__ = ["Called", "Map", "check_workers", "mapped"]

#: ``map(function, points)``.
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Called:
    """``fun(x, *args, **kwargs)`` for an x in one row; a class, so that processes can be handed it.

    Examples
    --------
    >>> import numpy as np
    >>> Called(np.sum, (2, 2), (), {"axis": 0})(np.arange(4.0))
    array([2., 4.])
    """

    fun: Callable[..., Any]
    shape: tuple[int, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __call__(self, x: NDArray[np.float64]) -> Any:
        return self.fun(x.reshape(self.shape), *self.args, **self.kwargs)


def check_workers(workers: Any) -> None:
    """Refuse what is neither a number of processes nor a map.

    Parameters
    ----------
    workers : int, callable or None
        How many processes, -1 for as many as there are cores; or a map as SciPy takes it, ``pool.map`` say.

    Raises
    ------
    InputError
        If it is something else.
    """
    whole = isinstance(workers, int | np.integer) and not isinstance(workers, bool)
    if not (workers is None or callable(workers) or (whole and (workers == -1 or workers >= 1))):
        raise InputError(f"workers must be a whole number of at least 1, -1, or a map; got {workers!r}")


@contextmanager
def mapped(workers: Any) -> Iterator[Map | None]:
    """The map of so many processes, which end with the block; None for one worker.

    Parameters
    ----------
    workers : int, callable or None
        As `check_workers` has it.

    Yields
    ------
    callable or None
        The map.

    Examples
    --------
    >>> with mapped(map) as by:
    ...     list(by(abs, [-1, 2]))
    [1, 2]
    """
    check_workers(workers)
    if workers is None or (not callable(workers) and workers == 1):
        yield None
    elif callable(workers):
        yield workers
    else:
        with Pool(None if workers == -1 else int(workers)) as pool:
            yield pool.map
