"""Several values of a function found at the same time: by processes, or by a map that was given."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
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
        with _processes(int(workers) if workers > 0 else os.cpu_count() or 1) as by:
            yield by


@contextmanager
def _processes(count: int) -> Iterator[Map]:
    """The map of so many processes. Where one of them dies (killed for memory, say) it raises; `multiprocessing.Pool`
    would wait for ever, and so where an exception cannot be unpickled."""
    # It loads multiprocessing, which a run without workers has no use for.
    from concurrent.futures import ProcessPoolExecutor

    pool, seen = ProcessPoolExecutor(count), set()
    wanted, ready = Lock(), Event()

    def keep() -> None:
        # A thread, since no signal interrupts one: however often Ctrl-C comes, no process is left over that the
        # interpreter would wait for where it ends.
        with suppress(Exception):  # what goes wrong does so again in `by`, where it is heard
            pool.submit(int)
        ready.set()
        with wanted:
            # Who wants no values any more does not wait for those that are still being found.
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(cancel_futures=True)

    keeper = Thread(target=keep)

    def by(function: Callable[[Any], Any], points: Iterable[Any]) -> Iterable[Any]:
        if id(function) not in seen:
            _check_pickled(function)
            seen.add(id(function))
        if keeper.ident is None:
            keeper.start()
            ready.wait()
        points = list(points)
        # A few portions each: those that are done early take more. Not by the pool's own map: what that cancels, its
        # thread trips over when the processes are gone.
        size = max(1, -(-len(points) // (4 * count)))
        portions = [points[i : i + size] for i in range(0, len(points), size)]
        found = [pool.submit(_each, function, portion) for portion in portions]
        return [value for portion in found for value in portion.result()]

    with wanted:
        yield by
    if keeper.ident is not None:
        keeper.join()


def _each(function: Callable[[Any], Any], points: list[Any]) -> list[Any]:
    return [function(x) for x in points]


def _check_pickled(function: Any) -> None:
    try:
        pickle.dumps(function)
    except Exception as error:
        raise InputError(
            "workers, as a number of processes, wants a function that can be pickled: one defined at the top level of "
            f"a module, with arguments of that kind ({error}); or pass a map of threads, ThreadPoolExecutor().map"
        ) from None
