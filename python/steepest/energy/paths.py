"""`minimum_energy_path`: the lowest way from one minimum to another, and the saddle that it goes over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steepest._catalog import number
from steepest.energy.minimising import Displacements, how_near, read_free, read_start
from steepest.energy.potentials import Floats, read_positions
from steepest.errors import InputError
from steepest.findings import Finding
from steepest.minimize import minimize
from steepest.result import Result
from steepest.starts import read_count

__all__ = ["EnergyPath", "minimum_energy_path"]

#: The highest image climbs once no image feels more than so many times `fmax`: before that it may not be the one that
#: will be the highest.
_EARLY = 10.0
#: Steps at most unless told otherwise; times that a band whose highest image has changed is begun anew.
_STEPS, _ANEW = 2000, 10
#: Slopes below this share of the steepest, or of the energy, are rounding.
_ROUNDED = 1e-12
#: How far apart the energies are looked at that say how stiff the springs should be, in units of what lies between
#: images.
_NEAR = 0.05
#: A dip between two barriers is a minimum of its own where it is deeper than this share of the higher one.
_DIP = 0.05


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
        in its units. ``maxiter`` is 2000 unless given.

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
    the guess, and not the lowest of all.

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
    options = {"maxiter": _STEPS, **(options or {})}
    for name in ("gtol", "ftol"):
        if name in options:
            raise InputError(f"{name} says when to stop, and so does fmax: leave {name} out")
    band = _Band.of(energy, first, last, between, free)
    result = _descend(band, limit, bool(climb), callback, options)
    return _told(result, band, limit, bool(climb))


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
    given = np.asarray(guess)
    if given.shape != (count, *first.shape):
        raise InputError(f"guess must have the shape {(count, *first.shape)}; got {given.shape}")
    return np.where(free, np.stack([read_positions(image) for image in given]), first)


@dataclass
class _Band:
    """Images between two ends, as a function of their displacements: minus the forces on them are its slopes."""

    moved: Displacements
    #: the images from which displacements are counted
    base: Floats
    #: all images, the ends among them, and their energies and forces where they stand
    images: Floats
    energies: Floats
    forces: Floats
    #: displacements at which they stand
    at: Floats
    #: of the springs
    stiffness: float
    calls: int = 0
    #: which image climbs
    climbs: int | None = None

    @classmethod
    def of(cls, energy: Any, first: Floats, last: Floats, between: Floats, free: Any) -> _Band:
        """A band where it begins."""
        moved = Displacements(energy, first, free)
        length = float(np.sqrt(((last - first) ** 2).sum(axis=1)).max())
        # An atom alone has no neighbour to say what is far.
        moved.unit = min(how_near(first), length) if len(first) > 1 else length
        images = np.stack([first, *between, last])
        band = cls(
            moved, images, images.copy(), np.zeros(len(images)), np.zeros(images.shape), np.empty(0), 0.0
        )
        for k, image in enumerate(images):
            where = {0: "start", len(images) - 1: "end"}.get(k, f"image {k}")
            moved.of(image).check(f"in the {where}" if k in (0, len(images) - 1) else f"in {where}")
            band.energies[k], band.forces[k] = band._ask(image)
        band.stiffness = band._stiff()
        return band

    def _ask(self, image: Floats) -> tuple[float, Floats]:
        self.calls += 1
        value, forces = self.moved.ask(image.copy())
        return value, np.where(self.moved.free, forces, 0.0)

    def _stiff(self) -> float:
        """How stiff the energy is along the path at its ends: what the springs shall be."""
        found = []
        for end, there in ((0, 1), (-1, -2)):
            step = self.images[there] - self.images[end]
            _, pulled = self._ask(self.images[end] + _NEAR * step)
            bend = float(((self.forces[end] - pulled) * step).sum()) / _NEAR / float((step**2).sum())
            found.append(abs(bend))
        stiff = float(np.mean(found))
        if np.isfinite(stiff) and stiff > 0:
            return stiff
        # Flat at both ends: as what it rises by over the path.
        length = float(self.distances()[-1])
        rise = float(np.ptp(self.energies))
        return max(rise, float(np.abs(self.forces).max()) * length, 1e-300) / length**2

    def distances(self) -> Floats:
        """How far each image lies along the path."""
        steps = np.sqrt((np.diff(self.images, axis=0) ** 2).sum(axis=(1, 2)))
        return np.concatenate([[0.0], np.cumsum(steps)])

    def tangents(self) -> Floats:
        """The improved tangents: towards the neighbour that lies higher, both at a top or in a dip."""
        found = np.zeros(self.images.shape)
        energies, steps = self.energies, np.diff(self.images, axis=0)
        for k in range(len(found)):
            if k == 0 or k == len(found) - 1:
                way = steps[min(k, len(steps) - 1)]
            else:
                after, before = steps[k], steps[k - 1]
                up, down = energies[k + 1] - energies[k], energies[k - 1] - energies[k]
                if up > 0 >= down:
                    way = after
                elif down > 0 >= up:
                    way = before
                else:
                    most, least = max(abs(up), abs(down)), min(abs(up), abs(down))
                    share = (most, least) if energies[k + 1] > energies[k - 1] else (least, most)
                    way = share[0] * after + share[1] * before
                    if not way.any():
                        way = after + before
            size = float(np.sqrt((way**2).sum()))
            found[k] = way / size if size > 0 else 0.0
        return found

    def pull(self) -> Floats:
        """What moves each image: the force across the path, and that of the springs along it; the whole force, turned
        round along the path, on the one that climbs."""
        ways, apart = self.tangents(), np.diff(self.distances())
        along = (self.forces * ways).sum(axis=(1, 2))
        springs = np.zeros(len(ways))
        springs[1:-1] = self.stiffness * np.diff(apart)
        by = springs - along
        if self.climbs is not None:
            by[self.climbs] = -2 * along[self.climbs]
        found: Floats = self.forces + by[:, None, None] * ways
        found[[0, -1]] = 0.0
        return found

    def sizes(self) -> Floats:
        """How much each atom of each image still feels."""
        return np.asarray(np.sqrt((self.pull() ** 2).sum(axis=2)))

    def place(self, y: Floats) -> None:
        """Put the images at displacements, and find energies and forces there."""
        if np.array_equal(y, self.at):
            return
        self.at, free = y.copy(), self.moved.free
        for k, own in enumerate(y.reshape(len(self.images) - 2, -1), start=1):
            image = self.images[0].copy()
            image[free] = self.base[k][free] + self.moved.unit * (own - 1.0)
            self.images[k] = image
            self.energies[k], self.forces[k] = self._ask(image)

    def begin(self) -> Floats:
        """Displacements, counted from where the images are."""
        self.base = self.images.copy()
        self.at = np.ones((len(self.images) - 2) * self.moved.dim)
        return self.at.copy()

    def __call__(self, y: Floats) -> tuple[float, Floats]:
        self.place(y)
        slopes = -self.moved.unit * self.pull()[1:-1][:, self.moved.free].ravel()
        # Above the start: energies may be counted from anywhere.
        value = float((self.energies[1:-1] - self.energies[0]).sum())
        # Where the path is symmetric, rounding is all that is left across it, and says nothing of how far to go.
        small = _ROUNDED * max(abs(value), float(np.abs(slopes).max()))
        slopes[np.abs(slopes) < small] = 0.0
        return value, slopes


def _descend(band: _Band, limit: float, climb: bool, callback: Any, options: dict[str, Any]) -> Result:
    """Falls until the limit is met, at first without climbing: it is to be the highest image that climbs."""
    left, result, taken = number("maxiter", options["maxiter"]), None, 0

    def fall(goal: float) -> Result:
        # Each entry of a force at most this: then its length is at most the goal.
        tight = goal * band.moved.unit / np.sqrt(band.images.shape[2])
        y = band.begin()
        own = {"verify": 0, **options, "gtol": tight, "maxiter": max(int(left - taken), 0)}
        return minimize(band, y, method="fire", jac=True, callback=callback, options=own)

    for _ in range(_ANEW):
        top = int(np.argmax(band.energies))
        band.climbs = top if climb and result is not None and 0 < top < len(band.energies) - 1 else None
        before = result
        result = fall(limit if before is not None or not climb else _EARLY * limit)
        # It may end elsewhere than where it looked last.
        band.place(np.asarray(result["x"]))
        taken += int(result["nit"])
        again = int(np.argmax(band.energies))
        met = float(band.sizes().max()) <= limit
        if result["outcome"] in ("budget", "stopped") or taken >= left:
            break
        if before is not None and met and (not climb or again == top):
            break
        if not climb and met:
            break
    assert result is not None
    result["nit"] = taken
    return result


def _told(result: Result, band: _Band, limit: float, climb: bool) -> EnergyPath:
    """The result in positions and energies; what `fmax` says of it is what it is."""
    sizes = np.where(np.isfinite(band.sizes()), band.sizes(), np.inf)
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
                "kind": "stationary",
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


def _noticed(band: _Band, limit: float, inside: bool) -> list[Finding]:
    """What is to be known of a path."""
    found, energies = [], band.energies
    for name, k in (("start", 0), ("end", -1)):
        sizes = np.sqrt((band.forces[k] ** 2).sum(axis=1))
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
