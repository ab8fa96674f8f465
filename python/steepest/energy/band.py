"""A band of images between two ends: what pulls at each, as the slopes of a function that is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.energy.displacements import Displacements, how_near

__all__ = ["Band"]

#: Slopes below this share of the steepest, or of the energy, are rounding.
_ROUNDED = 1e-12
#: How far apart the energies are looked at that say how stiff the springs should be, in units of what lies between
#: images.
_NEAR = 0.05
#: How far forces are looked at on both sides of an image, in units of the atoms' own length, and along how many
#: directions at most.
_ASIDE, LOOKS = 3e-3, 8


@dataclass
class Band:
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
    def of(cls, energy: Any, first: Floats, last: Floats, between: Floats, free: Any) -> Band:
        """A band where it begins."""
        moved = Displacements(energy, first, free)
        length = float(np.sqrt(((last - first) ** 2).sum(axis=1)).max())
        # An atom alone has no neighbour to say what is far.
        moved.unit = min(how_near(first), length) if len(first) > 1 else length
        images = np.stack([first, *between, last])
        band = cls(
            moved, images, images.copy(), np.zeros(len(images)), np.zeros(images.shape), np.empty(0), 0.0
        )
        names = ["the start", *(f"image {k}" for k in range(1, len(images) - 1)), "the end"]
        for k, (image, name) in enumerate(zip(images, names, strict=True)):
            value, forces = moved.of(image).check(f"in {name}")
            band.energies[k], band.forces[k] = value, np.where(free, forces, 0.0)
        band.calls = len(images)
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
                    # The less in units of the more: neither may be lost where energies are very small.
                    rest = least / most if most > 0 else 1.0
                    share = (1.0, rest) if energies[k + 1] > energies[k - 1] else (rest, 1.0)
                    way = share[0] * after + share[1] * before
            way = way / (np.abs(way).max() or 1.0)
            size = float(np.sqrt((way**2).sum()))
            found[k] = way / size if size > 0 else 0.0
        return found

    def bends(self, k: int, looks: int) -> tuple[float, float]:
        """How much the energy bends across the path at an image: the least and the most that so many directions show.

        Lanczos: each direction is what the forces' change along the last one leaves that is new. What the least is said
        to be is never below what it is, so far as the change over a short way is the slope.
        """
        way = self.tangents()[k][self.moved.free]
        across, spread = np.random.default_rng(0).standard_normal(way.size), _ASIDE * self.moved.unit
        seen, bent = [way], np.zeros((0, 0))
        for _ in range(min(looks, way.size - 1)):
            for _ in range(2):
                for other in seen:
                    across = across - (across @ other) * other
            size = float(np.sqrt((across**2).sum()))
            if not size > 0:
                break
            seen.append(across / size)
            aside = np.zeros(self.images[k].shape)
            aside[self.moved.free] = spread * seen[-1]
            ahead, behind = (self._ask(self.images[k] + s * aside)[1][self.moved.free] for s in (1, -1))
            across = (behind - ahead) / (2 * spread)
            new = np.array([across @ other for other in seen[1:]])
            bent = np.block([[bent, new[:-1, None]], [new[None]]])
        found = np.linalg.eigvalsh(bent, UPLO="L") if np.isfinite(bent).all() and bent.size else np.zeros(1)
        return float(found[0]), float(found[-1])

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
        # Squares of very small forces are 0, and would be below any fmax.
        return np.asarray(np.hypot.reduce(self.pull(), axis=2))

    def put(self, y: Floats) -> Floats:
        """All images, the ends among them, by displacements."""
        found = np.stack([self.images[0], *self.base[1:-1], self.images[-1]])
        own = y.reshape(len(found) - 2, -1)
        found[1:-1, self.moved.free] = self.base[1:-1, self.moved.free] + self.moved.unit * (own - 1.0)
        return found

    def place(self, y: Floats) -> None:
        """Put the images at displacements, and find energies and forces there."""
        if np.array_equal(y, self.at):
            return
        self.at, self.images = y.copy(), self.put(y)
        for k in range(1, len(self.images) - 1):
            self.energies[k], self.forces[k] = self._ask(self.images[k])

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
