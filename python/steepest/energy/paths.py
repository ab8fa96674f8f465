"""`minimum_energy_path`: the lowest way from one minimum to another, and the saddle that it goes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.energy.band import LOOKS, Band
from steepest.energy.displacements import read_free, read_start
from steepest.energy.minimising import joined
from steepest.energy.potentials import read_positions
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.minimize import minimize
from steepest.options import LOOP, Asked
from steepest.result import Result
from steepest.starts import read_count

__all__ = ["EnergyPath", "minimum_energy_path"]

#: The highest image climbs once no image feels more than so many times `fmax`: before that it may not be the one that
#: will be the highest.
_EARLY = 10.0
#: Steps at most unless told otherwise; times that a band whose highest image has changed is begun anew.
_STEPS, _ANEW = 2000, 10
#: A dip between two barriers is a minimum of its own where it is deeper than this share of the higher one.
_DIP = 0.05
#: Across the path the energy falls where it bends down by more than this share of what it bends up at most.
_FALLS = 1e-2


class EnergyPath(Result):
    """What `minimum_energy_path` found: a `Result` that is drawn as a path.

    Examples
    --------
    >>> from steepest.energy import Morse, minimum_energy_path
    >>> rows = [[[0, 0, 0], [3, 0, 0], [x, 0, 0]] for x in (1, 2)]  # an atom between two that are held
    >>> path = minimum_energy_path(Morse(), *rows, images=5, fixed=[0, 1])
    >>> path.plot(file="/tmp/path.png").get_xlabel()
    'distance along the path'
    """

    def plot(self, *, file: str | Path | None = None) -> Any:
        """Draw the energy along the path, through the images by energies and slopes; needs matplotlib.

        Parameters
        ----------
        file : path, optional
            Where to save the picture, in the format that its ending names; it is then not shown.

        Returns
        -------
        matplotlib Axes
        """
        from steepest.report.paths import plot_path

        return plot_path(self, file=file)


def minimum_energy_path(
    energy: Callable[[Floats], Any],
    start: Any,
    end: Any,
    images: int = 7,
    fmax: float = 1e-2,
    *,
    climb: bool = True,
    fixed: Any = None,
    guess: Any = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> EnergyPath:
    """Find the lowest way from one minimum to another, by a band of images between them.

    The nudged elastic band: each image falls across the path and is held apart from its neighbours along it, until no
    atom of any image feels more than `fmax` of that. The highest image climbs along the path in place of being held, so
    that it comes to the saddle: its energy is the barrier.

    Parameters
    ----------
    energy : callable
        As `minimize_energy` has it: ``energy(positions) -> (energy, forces)``, or a potential of `steepest.energy`.
    start, end : array_like
        Two minima, one row an atom, the atoms in the same order. Where they are none, that is said: the path may then
        hang down from them. Across a cell that repeats, give the nearest images of atoms: nothing is wrapped.
    images : int, default 7
        Between the two.
    fmax : float, default 1e-2
        The largest force that may be left on an atom of an image: across the path and of the springs, at the climbing
        image the whole force.
    climb : bool, default True
        Whether the highest image goes to the saddle. Without it the barrier is that of the highest image.
    fixed : array_like or None
        As `minimize_energy` has it; what is held must be at the same place in both.
    guess : array_like or None
        Where the images begin, of shape (images, atoms, coordinates); a straight line unless given.
    callback, options
        As `steepest.minimize` has them, for the method, which is FIRE; where the callback is given x, that is the band
        in its units. ``maxiter`` is 2000 unless given; ``maxfun`` counts what `nfev` does.

    Returns
    -------
    EnergyPath
        A `Result`: `x` are the positions of all images, the two ends among them, and `energies` theirs; `distances` how
        far each lies along the path; `saddle` the number of the highest image, None where that is an end; `barrier`
        its energy above that of the start, `barrier_back` above that of the end; `largest_force` what `fmax` is held
        against, at `image` and `atom`; `slopes` the slope of the energy along the path at each. `fun` is the
        highest energy, and `nfev` counts the energies of single images. It has no success unless `fmax` is met.

    Raises
    ------
    InputError
        If an argument cannot be used: ends of different shapes, or at one place; held atoms that move; forces that are
        not finite where it begins.

    Examples
    --------
    Two wells, and a saddle at height 1 between them, which lies off the straight line:

    >>> import numpy as np
    >>> from steepest.energy import minimum_energy_path
    >>> def wells(positions):
    ...     x, y = positions[0]
    ...     bent = y - x**2 + 1
    ...     return (x**2 - 1) ** 2 + bent**2, -np.array([[4 * x * (x**2 - 1) - 4 * x * bent, 2 * bent]])
    >>> path = minimum_energy_path(wells, [[-1, 0]], [[1, 0]], fmax=1e-4)
    >>> path.success, round(path.barrier, 6), path.x[path.saddle].round(4).tolist()
    (True, 1.0, [[0.0, -1.0]])

    Notes
    -----
    Tangents are the improved ones of Henkelman and Jónsson. Springs are as stiff as the energy is along the path at its
    ends, so neither the unit of length nor that of energy changes the way that is taken. A path found so is one near
    the guess, and not the lowest of all. A straight line over a hill is such a path where it is symmetric: forces are
    looked at on both sides of the saddle along a few directions, and where the energy falls across the path too, it is
    said (the finding ``falls_across``).

    References
    ----------
    Henkelman and Jónsson 2000, https://doi.org/10.1063/1.1323224; Henkelman, Uberuaga and Jónsson 2000,
    https://doi.org/10.1063/1.1329672 (climbing).
    """
    first, limit = read_start(energy, start, fmax)
    last, _ = read_start(energy, end, fmax)
    count = read_count("images", images, 1)
    free = read_free(fixed, first)
    between = _begin(first, last, free, count, guess)
    if options is not None and not isinstance(options, Mapping):
        raise InputError(f"options must be a mapping of names to values; got {options!r}")
    options = dict(options or {})
    for name in ("gtol", "ftol"):
        if name in options:
            raise InputError(f"{name} says when to stop, and so does fmax: leave {name} out")
    band = Band.of(energy, first, last, between, free)
    result = _descend(band, limit, bool(climb), callback, options)
    found = _told(result, band, limit, bool(climb))
    if climb and found["success"] and found["saddle"] is not None:
        most = Asked.of("fire", options=options).loop["evaluations"]
        left = LOOKS if most is None else max(most - band.calls, 0) // 2
        found["findings"] = [*_across(band, found["saddle"], min(left, LOOKS)), *found["findings"]]
        found["nfev"] = found["njev"] = band.calls
    return found


def _begin(first: Floats, last: Floats, free: Any, count: int, guess: Any) -> Floats:
    """The images between two ends, of shape (images, atoms, coordinates)."""
    if first.shape != last.shape:
        raise InputError(f"start and end must have the same shape; got {first.shape} and {last.shape}")
    moved = np.argwhere((first != last) & ~free)
    if len(moved):
        i, k = moved[0]
        raise InputError(
            f"atom {i} is held, and lies at {first[i, k]:g} in the start and {last[i, k]:g} in the end"
        )
    if not (first != last).any():
        raise InputError("start and end are the same positions: there is no path between them")
    if guess is None:
        shares = np.arange(1, count + 1) / (count + 1)
        line: Floats = first + shares[:, None, None] * (last - first)
        return line
    try:
        given = np.asarray(guess)
    except ValueError as error:
        raise InputError(f"guess must have the shape {(count, *first.shape)}; {error}") from None
    if given.shape != (count, *first.shape):
        raise InputError(f"guess must have the shape {(count, *first.shape)}; got {given.shape}")
    return np.where(free, np.stack([read_positions(image) for image in given]), first)


def _descend(band: Band, limit: float, climb: bool, callback: Any, options: dict[str, Any]) -> Result:
    """Falls until the limit is met, at first without climbing: it is to be the highest image that climbs."""
    most, result, began = Asked.of("fire", options=options).loop, None, time.monotonic()
    steps = _STEPS if most["iterations"] is None else most["iterations"]
    others = {name: value for name, value in options.items() if name not in LOOP}

    def fall(goal: float, taken: int) -> Result:
        # Each entry of a force at most this: then its length is at most the goal.
        tight = goal * band.moved.unit / np.sqrt(band.images.shape[2])
        own = {"verify": 0, **others, "gtol": tight, "maxiter": steps - taken}
        if most["evaluations"] is not None:
            # Each asks all images but the ends.
            own["maxfun"] = max(most["evaluations"] - band.calls, 0) // (len(band.images) - 2)
        if most["seconds"] is not None:
            own["max_seconds"] = max(most["seconds"] - (time.monotonic() - began), 0.0)
        y = band.begin()
        found = minimize(band, y, method="fire", jac=True, callback=callback, options=own)
        if found["path"] is not None:
            found["path"] = np.array([band.put(y).ravel() for y in found["path"]])
        return found

    for _ in range(_ANEW):
        top = int(np.argmax(band.energies))
        band.climbs = top if climb and result is not None and 0 < top < len(band.energies) - 1 else None
        if result is None:
            now = fall(_EARLY * limit if climb else limit, 0)
        else:
            now = joined(result, fall(limit, int(result["nit"])))
        first, result = result is None, now
        # It may end elsewhere than where it looked last.
        band.place(np.asarray(result["x"]))
        if result["outcome"] in ("budget", "stopped"):
            break
        if float(band.sizes().max()) <= limit and (
            not climb or (not first and int(np.argmax(band.energies)) == top)
        ):
            break
    assert result is not None
    return result


def _told(result: Result, band: Band, limit: float, climb: bool) -> EnergyPath:
    """The result in positions and energies; what `fmax` says of it is what it is."""
    sizes = band.sizes()
    sizes = np.where(np.isnan(sizes), np.inf, sizes)
    image, atom = (int(i) for i in np.unravel_index(int(sizes.argmax()), sizes.shape))
    largest = float(sizes[image, atom])
    energies, top = band.energies, int(np.argmax(band.energies))
    inside = 0 < top < len(energies) - 1
    met = (
        largest <= limit
        and bool(np.isfinite(energies).all())
        and (not climb or not inside or band.climbs == top)
    )
    said = f"the largest force across the path is {largest:.3g}, on atom {atom} of image {image}; fmax is {limit:g}."
    if met:
        outcome, status, message = "converged", 0, f"Converged: {said}"
    elif result["outcome"] in ("budget", "stopped"):
        outcome, status, message = (
            result["outcome"],
            result["status"],
            f"Not converged: {result['nit']} steps, and {said}",
        )
    else:
        outcome, status, message = "plateau", 2, f"Not converged: the band goes no further, and {said}"
    found = EnergyPath()
    found.update(result)
    found.update(
        {
            "x": band.images.copy(),
            "fun": float(energies[top]),
            "jac": None,
            "hess_inv": None,
            "success": met,
            "outcome": outcome,
            "status": status,
            "message": message,
            "nfev": band.calls,
            "njev": band.calls,
            "energies": energies.copy(),
            "distances": band.distances(),
            "slopes": -(band.forces * band.tangents()).sum(axis=(1, 2)),
            "saddle": top if inside else None,
            "barrier": float(energies[top] - energies[0]),
            "barrier_back": float(energies[top] - energies[-1]),
            "largest_force": largest,
            "image": image,
            "atom": atom,
            "certificate": {
                "kind": "criterion",
                "bound": largest,
                "target": limit,
                "rounding": 0.0,
                "assumption": "the largest force across the path was asked for (fmax): a path near the guess",
            },
        }
    )
    found["history"]["residual"] = found["history"]["residual"] / band.moved.unit
    found["findings"] = [*_noticed(band, limit, inside), *found["findings"]]
    return found


def _across(band: Band, top: int, looks: int) -> list[Finding]:
    """Whether the path goes over a hill, beside which there is a lower way: no force says so where it is symmetric."""
    least, most = band.bends(top, looks)
    if not least < -_FALLS * max(abs(most), abs(least)):
        return []
    return [
        Finding(
            "falls_across",
            "warning",
            f"At the highest image the energy falls across the path too (it bends by {least:.3g}): that is no saddle "
            "between these two minima, and a lower way lies beside it.",
            {"bend": least, "most": most},
            None,
            "Pass a guess that is a little off this path.",
        )
    ]


def _noticed(band: Band, limit: float, inside: bool) -> list[Finding]:
    """What is to be known of a path."""
    found, energies = [], band.energies
    for name, k in (("start", 0), ("end", -1)):
        sizes = np.hypot.reduce(band.forces[k], axis=1)
        atom = int(sizes.argmax())
        if sizes[atom] > limit:
            found.append(
                Finding(
                    "end_not_a_minimum",
                    "warning",
                    f"The {name} is not at rest: the force on its atom {atom} is {sizes[atom]:.3g}.",
                    {"force": float(sizes[atom]), "atom": atom},
                    limit,
                    f"Pass what minimize_energy makes of the {name}.",
                )
            )
    if not inside:
        found.append(
            Finding(
                "no_barrier",
                "warning",
                "No image lies higher than both ends: there is no barrier on this path, or it lies between two images.",
                {"highest_image": int(np.argmax(energies))},
                None,
                "More images show what is between them.",
            )
        )
        return found
    top = int(np.argmax(energies))
    high = float(energies[top] - max(energies[0], energies[-1]))
    lows = [
        k
        for k in range(1, len(energies) - 1)
        if energies[k] + _DIP * high < min(energies[:k].max(), energies[k + 1 :].max())
        and energies[k] <= min(energies[k - 1], energies[k + 1])
    ]
    if lows:
        found.append(
            Finding(
                "minimum_between",
                "note",
                f"The path goes through another minimum, near image {lows[0]}: more than one barrier lies on it.",
                {"image": lows[0], "energy": float(energies[lows[0]])},
                None,
                "Each part by itself has a saddle of its own; only that of the highest was climbed to.",
            )
        )
    return found
