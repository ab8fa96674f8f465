"""Callbacks: SciPy's, called after each iteration, and `watch`, called at most ten times a second."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.result import Result

__all__ = ["after_each", "is_named", "log_to", "stops", "ten_times_a_second"]

#: What of a progress is a number that a curve is drawn of.
_CURVES = ("loss", "held_out", "residual", "rate", "evaluations", "passes")


def after_each(
    callback: Any, shaped: Callable[[Any], Any], disp: bool = False
) -> Callable[[Any], Any] | None:
    """SciPy's callback as the core calls it.

    A callback whose only parameter is named ``intermediate_result`` is given a `Result` by that
    keyword (`x`, `fun`, `nit` and the rest of what is known so far); any other is given a copy of x.
    One that cannot do with less is given both, x and that result (as SciPy's "trust-constr" does).
    It stops the descent by raising `StopIteration`, as in SciPy, or by returning True itself: other values
    that count as true do not stop it.

    Parameters
    ----------
    callback : callable or None
        The caller's.
    shaped : callable
        A point as the caller wrote the start.
    disp : bool
        Whether to print a line for each iteration as well.

    Examples
    --------
    >>> import steepest
    >>> seen = []
    >>> r = steepest.minimize(lambda x: x @ x, [3.0], callback=lambda x: seen.append(x[0]))
    >>> len(seen) == r.nit
    True
    """
    if callback is None and not disp:
        return None
    if callback is not None and not callable(callback):
        raise InputError(f"callback must be a function or None; got {callback!r}")
    named, both = callback is not None and is_named(callback), callback is not None and _takes_two(callback)

    def each(progress: Any) -> Any:
        if disp:
            print(f"{progress.iteration:7d}  loss {progress.loss:.10g}  residual {progress.residual:.3g}")
        if callback is None:
            return None
        x = shaped(progress.x)
        if named:
            return stops(callback(intermediate_result=_so_far(progress, x)))
        return stops(callback(x, _so_far(progress, x)) if both else callback(x))

    return each


def ten_times_a_second(watch: Any) -> Any:
    """`watch` itself, checked: it is given a progress with `iteration`, `loss`, `residual`, `rate`,
    `evaluations`, `passes`, `seconds` and `x`, and stops the descent as a callback does."""
    if watch is None:
        return None
    if not callable(watch):
        raise InputError(f"watch must be a function of the progress or None; got {watch!r}")
    return lambda progress: stops(watch(progress))


def log_to(writer: Any, prefix: str = "") -> Callable[[Any], None]:
    """A watch that hands what it sees to TensorBoard, MLflow or Weights & Biases, as curves over the iterations.

    Parameters
    ----------
    writer : object
        What has `add_scalar` (a `SummaryWriter`), `log_metrics` (the module `mlflow`) or `log` (a run of `wandb`).
    prefix : str, default ""
        What the names of the curves begin with.

    Returns
    -------
    callable
        For `watch=` of `minimize` and of `torch.fit`; for `callback=` of `torch.fit` it writes at each review.

    Raises
    ------
    InputError
        Where the writer has none of these.

    Examples
    --------
    >>> import steepest
    >>> class Writer:  # such as torch.utils.tensorboard.SummaryWriter()
    ...     def add_scalar(self, name, value, step):
    ...         self.last = name
    >>> writer = Writer()
    >>> r = steepest.minimize("rosenbrock", watch=steepest.log_to(writer))
    >>> writer.last
    'passes'
    """
    ways: dict[str, Callable[[dict[str, float], int], Any]] = {
        "add_scalar": lambda numbers, step: [writer.add_scalar(n, v, step) for n, v in numbers.items()],
        "log_metrics": lambda numbers, step: writer.log_metrics(numbers, step=step),
        "log": lambda numbers, step: writer.log(numbers, step=step),
    }
    way = next((way for name, way in ways.items() if callable(getattr(writer, name, None))), None)
    if way is None:
        raise InputError(
            "writer must have add_scalar (TensorBoard's SummaryWriter), log_metrics (the module mlflow) or log (a run "
            f"of wandb); got {writer!r}"
        )

    def watch(progress: Any) -> None:
        seen = {name: getattr(progress, name, math.nan) for name in _CURVES}
        way({prefix + name: float(v) for name, v in seen.items() if math.isfinite(v)}, progress.iteration)

    return watch


def stops(answer: Any) -> bool:
    """Whether a callback asked to stop: only by True itself."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def is_named(callback: Callable[..., Any]) -> bool:
    """Whether a callback is given what is known so far, by SciPy's keyword for it."""
    try:
        return set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):
        return False


def _takes_two(callback: Callable[..., Any]) -> bool:
    """Whether it must be given two things."""
    for given in ((None,), (None, None)):
        try:
            inspect.signature(callback).bind(*given)
            return len(given) == 2
        except (TypeError, ValueError):
            continue
    return False


def _so_far(progress: Any, x: Any) -> Result:
    return Result.of(
        {"x": x, "fun": progress.loss, "nit": progress.iteration, "nfev": progress.evaluations,
         "passes": progress.passes, "seconds": progress.seconds, "message": "under way"}
    )  # fmt: skip
