"""Atoms as variables: how far what is free has moved, and what the energy says of that."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from steepest import _core
from steepest._catalog import number
from steepest._types import Floats
from steepest.energy.potentials import Potential, read_floats, read_positions
from steepest.errors import InputError

__all__ = ["Displacements", "how_near", "read_free", "read_start"]


class Displacements:
    """The energy of displacements of what is free, counted from 1 each and in units of a length of the atoms' own."""

    def __init__(self, energy: Callable[[Floats], Any], start: Floats, free: Any) -> None:
        self.energy, self.start, self.free = energy, start, free
        self.all, self.dim = bool(free.all()), int(free.sum())
        self.unit = how_near(start)
        #: how often it was asked, and the first of the calls since which there was no number
        self.calls, self.lost = 0, 0
        #: the lowest energy that a descent has met, where, and the forces there
        self.lowest: tuple[float, Floats, Floats] = np.inf, start, np.zeros_like(start)

    def of(self, start: Floats) -> Displacements:
        """Those from other positions, in the same unit."""
        other = copy(self)
        other.start = start
        return other

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
        value, forces = read_floats("the energy", value), read_floats("the forces", forces)
        if value.size != 1:
            raise InputError(f"the energy must be one number; got the shape {value.shape}")
        if forces.shape != positions.shape:
            raise InputError(
                f"the forces must have the shape of the positions, {positions.shape}; got {forces.shape}"
            )
        self.calls += 1
        if np.isfinite(value).all() and np.isfinite(forces).all():
            self.lost = 0
        else:
            self.lost = self.lost or self.calls
        return value.item(), forces

    def function(self) -> Callable[[Floats], tuple[float, Floats]]:
        """What is minimised: of the core's own potentials the core's own function, which it asks without Python."""
        if not isinstance(self.energy, Potential):
            return self
        free = None if self.all else np.flatnonzero(self.free).tolist()
        return _core.Displaced(self.energy.made, self.start, free, self.unit)

    def __call__(self, y: Floats) -> tuple[float, Floats]:
        at = self.at(y)
        value, forces = self.ask(at)
        if not self.lost and value < self.lowest[0]:
            # Copies: the caller may write each answer into the same array.
            self.lowest = value, at.copy(), forces.copy()
        return value, -self.unit * (forces.ravel() if self.all else forces[self.free])

    def check(self, where: str = "at the start") -> tuple[float, Floats]:
        """The energy and the forces at the start; refuses one where there is no energy, or a force is no number."""
        value, forces = self.ask(self.start.copy())
        bad = np.argwhere(~np.isfinite(forces))
        if np.isfinite(value) and not len(bad):
            return value, forces
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
        raise InputError(f"{what} {where}{why}")


def read_start(energy: Any, positions: Any, fmax: Any) -> tuple[Floats, float]:
    """The positions, no two of which lie on each other where the energy is one of the core's, and the largest force."""
    start = read_positions(positions)
    limit = number("fmax", fmax)
    if not 0 < limit < np.inf:
        raise InputError(f"fmax must be a force above 0; got {fmax!r}")
    if not callable(energy):
        raise InputError(
            f"energy must be a function of the positions that returns (energy, forces); got {energy!r}"
        )
    if isinstance(energy, Potential):
        start = energy.read(start)
        together = energy.coincident(start)
        if together is not None:
            raise InputError(
                f"atoms {together[0]} and {together[1]} lie on top of each other: move one of them before it begins"
            )
    return start, limit


def read_free(fixed: Any, start: Floats) -> Any:
    """Which coordinates move, as truth values in the shape of the positions."""
    n = len(start)
    free = np.ones(start.shape, dtype=bool)
    if fixed is None:
        return free
    try:
        held = np.asarray(fixed)
    except ValueError as error:
        raise InputError(f"fixed must be one row of atoms, or truth values; {error}") from None
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


def how_near(start: Floats) -> float:
    """How far atoms are from the one nearest to them, in the middle; 1 where there is no other."""
    from scipy.spatial import cKDTree

    if len(start) < 2:
        return 1.0
    nearest = np.asarray(cKDTree(start).query(start, k=2)[0])[:, 1]
    nearest = nearest[(nearest > 0) & np.isfinite(nearest)]
    return float(np.median(nearest)) if nearest.size else 1.0
