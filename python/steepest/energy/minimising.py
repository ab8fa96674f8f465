"""`minimize_energy`: the positions at which no atom feels more than a given force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from steepest._catalog import number
from steepest.energy.potentials import Floats, Potential, read_positions
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.minimize import minimize
from steepest.result import Result

__all__ = ["minimize_energy"]

#: Forces that differ from the energy's own by more than this share of them are not its forces.
_WRONG = 1e-2


def minimize_energy(
    energy: Callable[[Floats], Any],
    positions: Any,
    method: Any = None,
    fmax: float = 1e-3,
    *,
    fixed: Any = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Result:
    """Move atoms downhill until the largest force on any of them is at most `fmax`.

    Parameters
    ----------
    energy : callable
        ``energy(positions) -> (energy, forces)``, the forces being minus the gradient, in the shape of the positions:
        a function of yours, or one of the potentials of `steepest.energy`, which know their own cell.
    positions : array_like
        Where to begin, one row an atom; of three coordinates for the potentials here, of any number for yours.
    method : str, dataclass or None
        As `steepest.minimize` has it: a name from `steepest.methods` or `steepest.rules`; None for what suits.
    fmax : float
        The largest force that may be left on an atom that can move, in units of energy over length: the length of the
        force on it, as in ASE. It is held against the forces at the positions returned, and there is no success
        otherwise. Before that is claimed, the energy is looked at on both sides (a few calls): a saddle point is left.
    fixed : array_like or None
        Atoms that stay: their rows, or one truth value for each atom, or for each coordinate.
    callback, options
        As `steepest.minimize` has them; the callback is given the positions.

    Returns
    -------
    Result
        `x` are the positions, `fun` the energy, `jac` minus the forces there, `largest_force` what `fmax` is held
        against and `atom` the one that feels it; `nfev` counts the calls of the descent.

    Raises
    ------
    InputError
        If an argument cannot be used: atoms on top of each other, forces that are not finite at the start, a cutoff
        that the cell has no room for.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.energy import LennardJones, minimize_energy
    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    >>> result = minimize_energy(LennardJones(), corners, fmax=1e-5)
    >>> result.success, round(result.fun, 6), result.largest_force <= 1e-5
    (True, -6.0, True)

    Notes
    -----
    Variables are displacements in units of how near atoms are to each other, so neither the unit of length nor where
    the origin lies changes the way that is taken.
    """
    start = read_positions(positions)
    limit = number("fmax", fmax)
    if not 0 < limit < np.inf:
        raise InputError(f"fmax must be a force above 0; got {fmax!r}")
    if not callable(energy):
        raise InputError(
            f"energy must be a function of the positions that returns (energy, forces); got {energy!r}"
        )
    free = _free(fixed, start)
    if isinstance(energy, Potential):
        start = energy.read(start)
        together = energy.coincident(start)
        if together is not None:
            raise InputError(
                f"atoms {together[0]} and {together[1]} lie on top of each other: move one of them before it begins"
            )
    options = dict(options or {})
    for name in ("gtol", "ftol"):
        if name in options:
            raise InputError(f"{name} says when to stop, and so does fmax: leave {name} out")
    moved = _Moved(energy, start, free)
    moved.check()
    # Each entry of a force at most this: then its length is at most fmax.
    options |= {"gtol": limit * moved.unit / np.sqrt(start.shape[1])}
    following = None if callback is None else lambda y: callback(moved.at(y))
    result = minimize(
        moved, np.ones(int(free.sum())), method=method, jac=True, callback=following, options=options
    )
    return _told(result, moved, limit)


class _Moved:
    """The energy of displacements of what is free, counted from 1 each and in units of a length of the atoms' own."""

    def __init__(self, energy: Callable[[Floats], Any], start: Floats, free: Any) -> None:
        self.energy, self.start, self.free = energy, start, free
        self.all = bool(free.all())
        self.unit = _apart(start)

    def at(self, y: Floats) -> Floats:
        """The positions."""
        moved = self.start.copy()
        if self.all:
            moved += self.unit * (y.reshape(moved.shape) - 1.0)
        else:
            moved[self.free] += self.unit * (y - 1.0)
        return moved

    def ask(self, positions: Floats) -> tuple[float, Floats]:
        """The energy and the forces, of the right shape."""
        answer = self.energy(positions)
        try:
            value, forces = answer
        except (TypeError, ValueError):
            raise InputError(f"energy must return (energy, forces); got {type(answer).__name__}") from None
        forces = np.asarray(forces, dtype=np.float64)
        if forces.shape != positions.shape:
            raise InputError(
                f"the forces must have the shape of the positions, {positions.shape}; got {forces.shape}"
            )
        return float(value), forces

    def __call__(self, y: Floats) -> tuple[float, Floats]:
        value, forces = self.ask(self.at(y))
        return value, -self.unit * (forces.ravel() if self.all else forces[self.free])

    def check(self) -> None:
        """Refuse a start at which there is no energy, or a force that is no number."""
        value, forces = self.ask(self.start.copy())
        bad = np.argwhere(~np.isfinite(forces))
        if np.isfinite(value) and not len(bad):
            return
        what = (
            f"the force on atom {bad[0][0]} is {forces[tuple(bad[0])]}"
            if len(bad)
            else f"the energy is {value}"
        )
        few = self.start[:4096]
        again = few[:, None] == few[None]
        pair = np.argwhere(np.triu(again.all(axis=2), 1))
        why = (
            f": atoms {pair[0][0]} and {pair[0][1]} lie on top of each other"
            if len(pair)
            else ": begin where it is finite"
        )
        raise InputError(f"{what} at the start{why}")


def _free(fixed: Any, start: Floats) -> Any:
    """Which coordinates move, as truth values in the shape of the positions."""
    n = len(start)
    free = np.ones(start.shape, dtype=bool)
    if fixed is None:
        return free
    held = np.asarray(fixed)
    if held.dtype == bool and held.shape in ((n,), start.shape):
        free[held] = False
    elif held.size == 0 or (held.dtype.kind in "iu" and held.ndim <= 1):
        rows = np.atleast_1d(held).astype(np.intp)
        beyond = rows[(rows < -n) | (rows >= n)]
        if beyond.size:
            raise InputError(f"fixed names atom {beyond[0]}, and there are {n} atoms, counted from 0")
        free[rows] = False
    else:
        raise InputError(
            f"fixed must be rows of atoms, or one truth value for each atom or coordinate; got {held.dtype} in the "
            f"shape {held.shape}"
        )
    if not free.any():
        raise InputError("fixed holds every atom: leave one free to move")
    return free


def _apart(start: Floats) -> float:
    """How far atoms are from the one nearest to them, in the middle; 1 where there is no other."""
    from scipy.spatial import cKDTree

    if len(start) < 2:
        return 1.0
    nearest = np.asarray(cKDTree(start).query(start, k=2)[0])[:, 1]
    nearest = nearest[nearest > 0]
    return float(np.median(nearest)) if nearest.size else 1.0


def _told(result: Result, moved: _Moved, limit: float) -> Result:
    """The result in positions and forces; what `fmax` says of it is what it is."""
    at = moved.at(np.asarray(result.x))
    value, forces = moved.ask(at.copy())
    felt = np.where(moved.free, forces, 0.0)
    sizes = np.sqrt((felt**2).sum(axis=1))
    worst = int(np.argmax(np.where(np.isnan(sizes), np.inf, sizes)))
    largest = float(sizes[worst])
    result["x"], result["fun"], result["jac"], result["hess_inv"] = at, value, -forces, None
    result["largest_force"], result["atom"] = largest, worst
    result["history"]["residual"] = result["history"]["residual"] / moved.unit
    if result["path"] is not None:
        result["path"] = np.array([moved.at(y).ravel() for y in result["path"]])
    known = {
        "kind": "stationary",
        "bound": largest,
        "target": limit,
        "rounding": 0.0,
        "assumption": "the largest force on an atom was asked for (fmax): a minimum near the start, not the least",
    }
    result["certificate"] = known
    if result["success"] and largest <= limit and np.isfinite(value):
        result["outcome"], result["status"] = "converged", 0
        result["message"] = (
            f"Converged: the largest force is {largest:.3g}, on atom {worst}; fmax is {limit:g}."
        )
    elif result["success"]:
        result["success"], result["outcome"], result["status"] = False, "plateau", 2
        result["message"] = (
            f"Not converged: no step lowers the energy any more, and the force on atom {worst} is {largest:.3g}; "
            f"fmax is {limit:g}."
        )
    if not result["success"] and result["outcome"] in ("gradient_inconsistent", "plateau"):
        wrong = _wrong(moved, at)
        if wrong is not None:
            result["outcome"], result["status"] = "gradient_inconsistent", 7
            result["message"] = f"The forces are not the energy's: {wrong.sentence}"
            result["findings"] = [wrong, *result["findings"]]
    return result


def _wrong(moved: _Moved, at: Floats) -> Finding | None:
    """The coordinate at which force and energy differ most, by differences over all that moves."""
    forces = moved.ask(at.copy())[1]
    found = np.where(moved.free, 0.0, forces)
    h = 1e-5 * moved.unit
    for i, k in np.argwhere(moved.free):
        ends = []
        for way in (h, -h):
            there = at.copy()
            there[i, k] += way
            ends.append(moved.ask(there)[0])
        found[i, k] = (ends[1] - ends[0]) / (2 * h)
    apart = np.abs(found - forces)
    if not np.isfinite(apart).all():
        return None
    i, k = np.unravel_index(int(np.argmax(apart)), apart.shape)
    size = max(float(np.abs(found).max()), float(np.abs(forces).max()))
    noise = 1e-12 * abs(moved.ask(at.copy())[0]) / h
    if apart[i, k] <= _WRONG * size + 10 * noise:
        return None
    turned = np.abs(found + forces).max() <= _WRONG * size + 10 * noise
    hint = " They are the gradient: forces are minus that." if turned else ""
    return Finding(
        kind="forces_inconsistent",
        severity="warning",
        sentence=f"on atom {i}, coordinate {k}, the force is {forces[i, k]:.6g}, and the energy falls by "
        f"{found[i, k]:.6g} for each unit of length that way.{hint}",
        evidence={"atom": int(i), "coordinate": int(k), "difference": float(apart[i, k])},
        remedy="Return forces that are minus the gradient of the energy that is returned with them.",
    )
