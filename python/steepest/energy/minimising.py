"""`minimize_energy`: the positions at which no atom feels more than a given force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from steepest._catalog import number, registry
from steepest._types import Floats
from steepest.callbacks import after_each
from steepest.energy.displacements import Displacements, read_free, read_start
from steepest.energy.pair_model import ATOMS, Approach, approach
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.minimize import minimize
from steepest.options import LOOP, Asked
from steepest.result import Result

__all__ = ["joined", "minimize_energy"]

#: Forces that differ from the energy's own by more than this share of them are not its forces.
_WRONG = 1e-2
#: Times that a descent which goes no further is begun anew from where it is, and by what share of its energy it must
#: have come down for that.
_ANEW, _FALL = 10, 1e-6
#: What options call the budgets.
_BUDGETS = {"iterations": "max_iter", "evaluations": "max_evaluations", "seconds": "max_seconds"}
#: Directions along which they are compared first.
_LOOKS = 8


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
        A method of `steepest.methods` with a setting `gtol`, or SciPy's name of one; None for what suits: for a
        function of yours and up to 200 atoms models of pairs lead as far as they can (see the notes), then L-BFGS.
    fmax : float
        The largest force that may be left on an atom that can move, in units of energy over length: the length of the
        force on it, as in ASE. It is held against the forces at the positions returned, and there is no success
        otherwise. Before that is claimed, the energy is looked at on both sides (a few calls): a saddle point is left
        where it falls steeply enough to be seen beside the stiffest directions. Atoms in an exact line may stay in it:
        begin a little off.
    fixed : array_like or None
        Atoms that stay: their rows, or one truth value for each atom, or for each coordinate.
    callback, options
        As `steepest.minimize` has them; where the callback is given x, those are the positions.

    Returns
    -------
    Result
        `x` are the positions, `fun` the energy, `jac` minus the forces there, `largest_force` what `fmax` is held
        against and `atom` the one that feels it; `nfev` counts the calls of the descent.

    Raises
    ------
    InputError
        If an argument cannot be used: atoms on top of each other, forces that are not finite at the start, a method
        that stops by something else than forces.

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

    *Models of pairs.* To the forces that have been asked for, an energy Σ v(r_ij) is fitted, v by cubic splines, and
    minimised in place of yours, within a region that grows while it foretells what is found there. It is begun only
    if such a v explains most of the first forces, and ended where its steps are foretold badly, so that energies of
    other kinds lose a few calls. Energies that are those of pairs take a tenth of the calls or less; what is computed
    beside them grows with the square of the atoms (a second or two in all for 200). The potentials here are asked so
    fast that they do without.
    """
    start, limit = read_start(energy, positions, fmax)
    free = read_free(fixed, start)
    if options is not None and not isinstance(options, Mapping):
        raise InputError(f"options must be a mapping of names to values; got {options!r}")
    options = dict(options or {})
    for name in ("gtol", "ftol"):
        if name in options:
            raise InputError(f"{name} says when to stop, and so does fmax: leave {name} out")
    _stops_by_forces(Asked.of(method, options=options).method)
    moved = Displacements(energy, start, free)
    moved.check()
    # Each entry of a force at most this: then its length is at most fmax.
    options |= {"gtol": limit * moved.unit / np.sqrt(start.shape[1])}
    function, following = moved.function(), _following(callback, moved)

    def descend(y: Any) -> Result:
        return minimize(function, y, method=method, jac=True, callback=following, options=options)

    # What a call of the core's own potentials takes is less than a model of it would.
    modelled = function is moved and method is None and 2 < len(start) <= ATOMS
    if modelled and set(options) <= {"gtol", *LOOP}:
        result = _by_models(moved, options, following)
    else:
        result = descend(np.ones(moved.dim))
    for _ in range(_ANEW):
        # Atoms that began in each other: what was learned of such steep places leads nowhere, and is forgotten.
        if result["outcome"] != "plateau" or not _fell(result):
            break
        result = joined(result, descend(result["x"]))
    return _told(result, moved, limit)


def _by_models(moved: Displacements, options: dict[str, Any], following: Callable[..., Any] | None) -> Result:
    """A descent that models of pairs have led as far as they could: it looks about itself before it claims anything."""
    most: dict[str, float] = {}
    for name in set(options) - {"gtol"}:
        most[LOOP[name]] = min(number(name, options[name]), most.get(LOOP[name], np.inf))

    def told(at: Approach) -> Any:
        seen = SimpleNamespace(
            x=at.y, fun=at.value, nit=len(at.path) - 1, nfev=at.calls, passes=0.0, seconds=at.spent[-1][1]
        )
        return following is not None and following(seen)

    at = approach(moved, options["gtol"], most, told)
    led, (calls, seconds) = len(at.path) - 1, np.array(at.spent).T
    # The descent asks for the energy where it begins, which is known.
    spent = {"iterations": led, "evaluations": at.calls - 1, "seconds": seconds[-1]}
    left = {_BUDGETS[kind]: max(limit - spent[kind], 0) for kind, limit in most.items()}
    left |= {"gtol": options["gtol"]}
    if at.stopped:
        left["max_iter"] = 0
    if at.seen:
        left["verify"] = False

    known = [(at.value, at.slopes)]

    def function(y: Floats) -> tuple[float, Floats]:
        # Once: whoever asks there again wants to know whether it still is so.
        return known.pop() if known and np.array_equal(y, at.y) else moved(y)

    result = minimize(function, at.y, jac=True, callback=following, options=left)
    if at.stopped:
        result["outcome"], result["status"], result["message"] = "stopped", 99, "Stopped by the callback."
    if at.calls > 1:
        result["reason"] = f"a model of pairs led the first {led} steps; then {result['reason']}"
    history = {name: np.zeros(led + 1) for name in result["history"]}
    history |= {"iteration": np.arange(led + 1.0), "rate": np.r_[0.0, np.ones(led)]}
    history |= {"loss": np.array(at.values), "evaluations": calls, "seconds": seconds}
    history["residual"] = np.array([np.abs(slopes).max() for slopes in at.all_slopes])
    counts = {"nit": led, "nfev": at.calls - 1, "njev": at.calls - 1, "nhev": 0}
    before = Result(**counts, seconds=seconds[-1], path=np.array(at.path), history=history)
    return joined(before, result)


def _fell(result: Result) -> bool:
    """Whether it came down at all: what it has learned may be of steeper places than where it is."""
    first, last = float(result["history"]["loss"][0]), float(result["fun"])
    return first - last > _FALL * max(abs(first), abs(last))


def joined(before: Result, result: Result) -> Result:
    """A descent that began where another ended, with what both took."""
    for count in ("nit", "nfev", "njev", "nhev"):
        result[count] += before[count]
    history = before["history"]
    for name, values in result["history"].items():
        goes_on = name in ("iteration", "evaluations", "passes", "seconds") and len(history[name])
        more = values + (history[name][-1] if goes_on else 0)
        result["history"][name] = np.concatenate([history[name], more[1:]])
    result["seconds"] += before["seconds"]
    if result["path"] is not None and before["path"] is not None:
        result["path"] = np.vstack([before["path"], result["path"][1:]])
    return result


def _stops_by_forces(method: str | None) -> None:
    """Refuse a method that cannot be told to stop at a force."""
    fits = [
        name
        for name, entry in registry("methods").items()
        if any(p.name == "gtol" for p in entry.parameters) and not entry.about["needs"]["residuals"]
    ]
    if method is not None and method not in fits:
        raise InputError(
            f"method must be one that stops by the size of forces: {', '.join(fits)}; got {method}"
        )


def _following(callback: Any, moved: Displacements) -> Callable[..., Any] | None:
    """The caller's callback, given positions where `minimize` would give it displacements."""
    told = after_each(callback, moved.at)
    if told is None:
        return None

    def following(intermediate_result: Result) -> Any:
        so_far = intermediate_result
        return told(
            SimpleNamespace(
                x=so_far.x,
                loss=so_far.fun,
                iteration=so_far.nit,
                evaluations=so_far.nfev,
                passes=so_far.passes,
                seconds=so_far.seconds,
            )
        )

    return following


def _told(result: Result, moved: Displacements, limit: float) -> Result:
    """The result in positions and forces; what `fmax` says of it is what it is."""
    at = moved.at(np.asarray(result.x))
    value, forces = moved.ask(at.copy())
    broken = bool(moved.lost) and np.isfinite(moved.lowest[0])
    if broken:
        none = np.argwhere(~np.isfinite(forces))
        what = f"the energy is {value}"
        if np.isfinite(value):
            what = f"the force on atom {none[0][0]} is {forces[tuple(none[0])]}"
        value, at, forces = moved.lowest
    felt = np.where(moved.free, forces, 0.0)
    # Squares of very small forces are 0, and would be below any fmax.
    sizes = np.hypot.reduce(felt, axis=1)
    worst = int(np.argmax(np.where(np.isnan(sizes), np.inf, sizes)))
    largest = float(sizes[worst])
    result["x"], result["fun"], result["jac"], result["hess_inv"] = at, value, -forces, None
    result["largest_force"], result["atom"] = largest, worst
    result["history"]["residual"] = result["history"]["residual"] / moved.unit
    if result["path"] is not None:
        result["path"] = np.array([moved.at(y).ravel() for y in result["path"]])
    known = {
        "kind": "criterion",
        "bound": largest,
        "target": limit,
        "rounding": 0.0,
        "assumption": "the largest force on an atom was asked for (fmax): a minimum near the start, not the least",
    }
    result["certificate"] = known
    if broken:
        # The first call was before the descent; a step that did not end is in no history.
        seen = np.searchsorted(result["history"]["evaluations"], moved.lost - 1)
        step = int(np.append(result["history"]["iteration"], result["nit"] + 1)[seen])
        result["success"], result["outcome"], result["status"] = False, "not_finite", 4
        result["message"] = (
            f"Not finite: {what} where it was finite before: since call {moved.lost}, in step {step}, no call has "
            "given a number. The positions returned are the lowest before that: look for what the energy keeps from "
            "call to call, and go on from them."
        )
        return result
    lost = not result["success"] and result["outcome"] in ("gradient_inconsistent", "plateau")
    wrong = _wrong(moved, at) if lost else None
    if result["outcome"] == "plateau" and largest <= limit and wrong is None:
        # No step was found beyond, and none is asked for.
        result["success"] = True
    if result["success"] and largest <= limit and np.isfinite(value):
        result["outcome"], result["status"] = "converged", 0
        result["message"] = (
            f"Converged: the largest force is {largest:.3g}, on atom {worst}; fmax is {limit:g}."
        )
    elif result["success"] or result["outcome"] == "plateau":
        # What the core says of it is in units of its own.
        result["success"], result["outcome"], result["status"] = False, "plateau", 2
        result["message"] = (
            f"Not converged: no step lowers the energy any more, and the force on atom {worst} is {largest:.3g}; "
            f"fmax is {limit:g}."
        )
    if not lost and result["outcome"] == "plateau":
        wrong = _wrong(moved, at)
    if wrong is not None:
        if wrong.kind == "forces_inconsistent":
            result["outcome"], result["status"] = "gradient_inconsistent", 7
            result["message"] = f"The forces are not the energy's: {wrong.sentence}"
        else:
            result["outcome"], result["status"] = "plateau", 2
            result["message"] = f"Not converged: {wrong.sentence}"
        result["findings"] = [wrong, *result["findings"]]
    return result


def _wrong(moved: Displacements, at: Floats) -> Finding | None:
    """The coordinate at which force and energy differ most, by differences over all that moves; or that forces
    bend too much within a difference for it to tell. None where they agree."""
    value, forces = moved.ask(at.copy())
    # The caller may write each answer into the same array.
    forces = forces.copy()
    h = 1e-5 * moved.unit
    size, noise = float(np.abs(forces).max()), 1e-12 * abs(value) / h
    # A few calls say whether to look at each coordinate: two calls for each are many where there are many atoms.
    random, offs = np.random.default_rng(0), []
    for _ in range(_LOOKS):
        way = np.where(moved.free, random.standard_normal(at.shape), 0.0)
        (above, pushed), (below, pulled) = [
            (energy, pull.copy()) for energy, pull in (moved.ask(at + s * h * way) for s in (1, -1))
        ]
        bent = np.abs(0.5 * (pushed + pulled) - forces).max()
        if not bent <= _WRONG * max(float(np.abs(f).max()) for f in (forces, pushed, pulled)):
            steep = (
                f"the forces change by as much as {bent:.3g} within {h:.3g}, too much for the energy to be held "
                "against them: atoms fall into each other, or the same positions have other forces when asked again."
            )
            unknown = (
                f"the forces are not finite within {h:.3g} of where it ended: the energy is not known there."
            )
            return Finding(
                kind="forces_steep",
                severity="warning",
                sentence=steep if np.isfinite(bent) else unknown,
                evidence={"change": float(bent), "within": h},
                remedy="Use an energy that is bounded below, and forces that are the same whenever asked.",
            )
        # What is left of the second difference, which the forces tell: an energy that is noisy, or not all its digits.
        bend = 0.5 * h * abs(float(((pulled - pushed) * way).sum()))
        noise = max(noise, (abs(above + below - 2 * value) - 2 * bend) / h)
        offs.append(abs((below - above) / (2 * h) - float((forces * way).sum())))
    if np.max(offs) <= 0.1 * _WRONG * size + 10 * noise:
        return None
    found = np.where(moved.free, 0.0, forces)
    for i, k in np.argwhere(moved.free):
        ends = []
        for step in (h, -h):
            there = at.copy()
            there[i, k] += step
            ends.append(moved.ask(there)[0])
        found[i, k] = (ends[1] - ends[0]) / (2 * h)
    apart = np.abs(found - forces)
    if not np.isfinite(apart).all():
        return None
    i, k = np.unravel_index(int(np.argmax(apart)), apart.shape)
    size = max(float(np.abs(found).max()), size)
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
