"""`line_search`: how far to go along a direction, by any of the core's searches, with SciPy's arguments."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from steepest import _core
from steepest._catalog import Settings, checked, find, number
from steepest.errors import InputError

__all__ = ["LineSearch", "line_search"]


class LineSearch(NamedTuple):
    """What a search along a line came to: the tuple that SciPy returns, its parts by name."""

    #: The length; None where none was found.
    alpha: float | None
    #: Evaluations of the function and of its gradient.
    fc: int
    gc: int
    #: The value there (None where none was found), and at the start.
    new_fval: float | None
    old_fval: float
    #: The slope along the direction there; None where it was not asked for.
    new_slope: float | None


def line_search(
    f: Callable[..., Any],
    myfprime: Callable[..., Any],
    xk: Any,
    pk: Any,
    gfk: Any = None,
    old_fval: float | None = None,
    old_old_fval: float | None = None,
    args: tuple[Any, ...] = (),
    c1: float | None = None,
    c2: float | None = None,
    amax: float | None = None,
    extra_condition: Callable[..., Any] | None = None,
    maxiter: int = 40,
    *,
    search: str | Settings = "strong_wolfe",
) -> LineSearch:
    """Find how far to go from a point along a direction; `scipy.optimize.line_search`'s arguments, any search.

        φ(α) = f(xk + α pk)

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, the function.
    myfprime : callable
        ``myfprime(x, *args)``, its gradient. It is asked for only where the search needs a slope.
    xk : array_like
        The point.
    pk : array_like
        The direction, which has to lead down.
    gfk : array_like, optional
        The gradient at `xk`, where it is known.
    old_fval, old_old_fval : float, optional
        The value at `xk` and at the point before it, where they are known; both together say how long the first
        trial is (1 otherwise).
    args : tuple
        Passed on to both functions.
    c1, c2 : float, optional
        The share of the promised fall that is enough, and the share of the slope that may be left; the search's own
        defaults unless given.
    amax : float, optional
        The longest length; it is taken where the value still falls there.
    extra_condition : callable, optional
        ``extra_condition(alpha, x, f, g)``: a length is taken only where this is true; where it is not, shorter
        ones are tried.
    maxiter : int
        The most trials.
    search : str or Settings
        The name of a search, or one of `steepest.searches` with its settings.

    Returns
    -------
    LineSearch
        ``(alpha, fc, gc, new_fval, old_fval, new_slope)`` as SciPy's page has it (SciPy itself hands over the
        gradient for the slope). `alpha` is None where no length was found; a `RuntimeWarning` says why.

    Raises
    ------
    InputError
        If an argument cannot be used.

    References
    ----------
    Nocedal and Wright 2006, Numerical Optimization, chapter 3; each search has its own source.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> f = steepest.problems.rosenbrock
    >>> x = np.array([-1.2, 1.0])
    >>> found = steepest.line_search(f, f.grad, x, -f.grad(x), search="more_thuente")
    >>> found.new_fval < found.old_fval
    True
    """
    name, settings = _read_search(search, c1, c2)
    start, way = (_read(what, of) for what, of in (("xk", xk), ("pk", pk)))
    if start.shape != way.shape:
        raise InputError(f"pk must have the shape of xk, {start.shape}; got {way.shape}")
    counts = {"f": 0, "g": 0}
    last: dict[str, Any] = {}

    def value(alpha: float) -> float:
        counts["f"] += 1
        last["x"] = start + alpha * way
        read = _read("f(x)", f(last["x"], *args), finite=False)
        if read.size != 1:
            raise InputError(f"f(x) must be one number; got an array of shape {read.shape}")
        return float(read.reshape(-1)[0])

    def gradient(x: Any) -> Any:
        counts["g"] += 1
        return _read("myfprime(x)", myfprime(x, *args), start.shape, finite=False)

    def slope(alpha: float) -> float:
        last["g"] = gradient(start + alpha * way)
        last["alpha"], last["slope"] = alpha, float(np.vdot(last["g"], way))
        return float(last["slope"])

    def fits(alpha: float, at: float) -> bool:
        if last.get("alpha") != alpha:
            slope(alpha)
        return bool(extra_condition and extra_condition(alpha, last["x"], at, last["g"]))

    at = value(0.0) if old_fval is None else number("old_fval", old_fval)
    if not np.isfinite(at):
        raise InputError(f"f(xk) must be finite; got {at}")
    g = gradient(start.copy()) if gfk is None else _read("gfk", gfk, start.shape, finite=False)
    down = float(np.vdot(g, way))
    if not np.isfinite(down):
        raise InputError(f"the slope along pk at xk must be finite; got {down}")
    if not down < 0:
        return _none(f"pk does not lead down: the slope along it is {down:g}", counts, at)
    longest = np.inf if amax is None else number("amax", amax)
    if not longest > 0:
        raise InputError(f"amax must be above 0; got {longest:g}")
    first = 1.0
    if old_old_fval is not None:
        by_last_fall = 2.02 * (at - number("old_old_fval", old_old_fval)) / down
        first = min(1.0, by_last_fall) if by_last_fall > 0 else 1.0
    trials = number("maxiter", maxiter)
    if not trials >= 1:
        raise InputError(f"maxiter must be at least 1; got {trials:g}")
    found = _core.line_search(
        name,
        settings,
        (at, down, first, longest),
        int(trials),
        value,
        slope,
        fits if extra_condition else None,
    )
    if found is None:
        return _none(f"{name} found no length that will do in {counts['f']} evaluations", counts, at)
    alpha, reached = found
    known = last["slope"] if last.get("alpha") == alpha else None
    return LineSearch(alpha, counts["f"], counts["g"], reached, at, known)


def _read_search(search: str | Settings, c1: Any, c2: Any) -> tuple[str, list[tuple[str, float]]]:
    """The search's name, and its settings with those given here."""
    if isinstance(search, Settings) and search.registry == "searches":
        name, settings = search.name, dict(search.settings)
    elif isinstance(search, str):
        name, settings = search, {}
    else:
        raise InputError(f"search must be a name or one of steepest.searches; got {search!r}")
    known = {p.name for p in find("searches", name).parameters}
    for word, setting, given in (("c1", "decrease", c1), ("c2", "curvature", c2)):
        if given is None:
            continue
        if setting not in known:
            raise InputError(f"{word} is not for {name}, which looks at no slope but the first")
        settings[setting] = given
    return name, list(checked("searches", name, settings).items())


def _read(what: str, given: Any, shape: tuple[int, ...] | None = None, finite: bool = True) -> Any:
    """An array of numbers of the shape."""
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be an array of numbers; got {type(given).__name__}") from error
    if shape is not None and array.shape != shape:
        raise InputError(f"{what} must have the shape of xk, {shape}; got {array.shape}")
    if finite and not np.isfinite(array).all():
        raise InputError(f"{what} must be finite; got {array[~np.isfinite(array)].flat[0]}")
    return array


def _none(why: str, counts: dict[str, int], at: float) -> LineSearch:
    warnings.warn(f"{why}.", RuntimeWarning, stacklevel=3)
    return LineSearch(None, counts["f"], counts["g"], None, at, None)
