"""Potentials in Rust: callables that return the energy and the forces, in one crossing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest import _core
from steepest._catalog import number
from steepest.errors import InputError

__all__ = ["LennardJones", "Morse", "Potential", "Springs", "Yukawa", "read_positions"]

Floats = NDArray[np.float64]


class Potential:
    """An energy of positions in rows of three: a callable that returns the energy and the forces."""

    _core: _core.Potential

    def __call__(self, positions: Any) -> tuple[float, Floats]:
        """The energy, and the forces, one row an atom."""
        return self._core.evaluate(self.read(positions))

    def read(self, positions: Any) -> Floats:
        """Positions as they go to the core: numbers in rows of three; where one is none, so are energy and forces.

        Parameters
        ----------
        positions : array_like
            One row an atom.

        Returns
        -------
        ndarray
            Of float64, without gaps.
        """
        try:
            array = np.ascontiguousarray(positions, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"positions must be numbers, one row an atom; {error}") from None
        if array.ndim != 2 or array.shape[1] != 3:
            raise InputError(
                f"positions must have one row of three numbers an atom; got the shape {array.shape}"
            )
        return array

    def coincident(self, positions: Any) -> tuple[int, int] | None:
        """The first two atoms that lie on top of each other.

        Parameters
        ----------
        positions : array_like
            One row an atom.

        Returns
        -------
        (int, int) or None
            Their rows; None where no two do.
        """
        array = self.read(positions)
        size = float(np.ptp(array, axis=0).max()) if array.size else 0.0
        found = self._core.coincident(array, 1e-12 * max(size, np.finfo(np.float64).tiny))
        return None if found is None else (found[0], found[1])


class _Pairs(Potential):
    _form = ""

    def __init__(self, numbers: list[float], cutoff: float | None, smooth: bool, cell: Any, pbc: Any) -> None:
        if cutoff is not None:
            cutoff = _above("cutoff", cutoff)
        box = read_cell(cell, pbc)
        self._made = (numbers, cutoff, bool(smooth), box)
        self._core = _core.Potential.pairs(self._form, *self._made)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (type(self), "pairs", (self._form, *self._made)))


class LennardJones(_Pairs):
    """Lennard and Jones' pair potential, 4 ε ((σ/r)¹² − (σ/r)⁶).

    Parameters
    ----------
    epsilon, sigma : float
        The depth, and the distance at which it is 0.
    cutoff : float or None
        Pairs further apart have no energy; None for all pairs. In a cell that repeats it must be given, and be at most
        half of the cell's least height. Neighbours are kept in a list that is made again when atoms have gone far.
    smooth : bool
        With a cutoff the energy is shifted to 0 there; where `smooth` the force is too, without which it jumps and the
        largest force may have nowhere to fall below a limit.
    cell : array_like or None
        The edges of a box, one a row, or their three lengths.
    pbc : bool or three of them
        Along which edges it repeats.

    Examples
    --------
    >>> from steepest.energy import LennardJones
    >>> energy, forces = LennardJones()([[0, 0, 0], [2 ** (1 / 6), 0, 0]])
    >>> round(energy, 12), bool(abs(forces).max() < 1e-12)
    (-1.0, True)
    """

    _form = "lennard_jones"

    def __init__(
        self,
        epsilon: float = 1.0,
        sigma: float = 1.0,
        cutoff: float | None = None,
        smooth: bool = True,
        cell: Any = None,
        pbc: Any = True,
    ) -> None:
        super().__init__([number("epsilon", epsilon), _above("sigma", sigma)], cutoff, smooth, cell, pbc)


class Morse(_Pairs):
    """Morse's pair potential, D ((1 − exp(−a (r − r₀)))² − 1).

    Parameters
    ----------
    depth, steepness, distance : float
        D, a and r₀.
    cutoff, smooth, cell, pbc
        As `LennardJones` has them.

    Examples
    --------
    >>> from steepest.energy import Morse
    >>> round(Morse(depth=2.0)([[0, 0, 0], [1, 0, 0]])[0], 12)
    -2.0
    """

    _form = "morse"

    def __init__(
        self,
        depth: float = 1.0,
        steepness: float = 6.0,
        distance: float = 1.0,
        cutoff: float | None = None,
        smooth: bool = True,
        cell: Any = None,
        pbc: Any = True,
    ) -> None:
        numbers = [number("depth", depth), _above("steepness", steepness), _above("distance", distance)]
        super().__init__(numbers, cutoff, smooth, cell, pbc)


class Yukawa(_Pairs):
    """Yukawa's screened repulsion (or attraction), A exp(−κ r) / r; Coulomb's where κ is 0.

    Parameters
    ----------
    strength, screening : float
        A and κ.
    cutoff, smooth, cell, pbc
        As `LennardJones` has them.

    Raises
    ------
    InputError
        If a number cannot be used, or the cell has no room for the cutoff.

    Examples
    --------
    >>> from steepest.energy import Yukawa
    >>> Yukawa(strength=3.0, screening=0.0)([[0, 0, 0], [2, 0, 0]])[0]
    1.5
    """

    _form = "yukawa"

    def __init__(
        self,
        strength: float = 1.0,
        screening: float = 1.0,
        cutoff: float | None = None,
        smooth: bool = True,
        cell: Any = None,
        pbc: Any = True,
    ) -> None:
        kappa = number("screening", screening)
        if kappa < 0:
            raise InputError(f"screening must be at least 0; got {screening!r}")
        super().__init__([number("strength", strength), kappa], cutoff, smooth, cell, pbc)


class Springs(Potential):
    """Springs between some of the atoms, Σ ½ k (r − l)².

    Parameters
    ----------
    ends : array_like of int
        The two atoms of each spring, one a row.
    stiffness, length : float or array_like
        k and l, one for all or one for each.
    cell, pbc
        As `LennardJones` has them; a spring goes the shortest way in a cell that repeats.

    Raises
    ------
    InputError
        If the ends are not two atoms a row.

    Examples
    --------
    >>> from steepest.energy import Springs
    >>> Springs([[0, 1]], stiffness=3.0, length=1.0)([[0, 0, 0], [2, 0, 0]])[0]
    1.5
    """

    def __init__(
        self, ends: Any, stiffness: Any = 1.0, length: Any = 0.0, cell: Any = None, pbc: Any = True
    ) -> None:
        pairs = np.asarray(ends)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu" or (pairs < 0).any():
            raise InputError("ends must have two atoms a row, counted from 0")
        self._last = int(pairs.max(initial=-1))
        each = [
            np.broadcast_to(np.asarray(v, dtype=np.float64), len(pairs)).tolist() for v in (stiffness, length)
        ]
        self._made = (pairs.tolist(), *each, read_cell(cell, pbc))
        self._core = _core.Potential.springs(*self._made)

    def read(self, positions: Any) -> Floats:
        """Positions as they go to the core, with an atom for each end.

        Parameters
        ----------
        positions : array_like
            One row an atom.

        Returns
        -------
        ndarray
            Of float64, without gaps.

        Raises
        ------
        InputError
            If a spring ends at an atom that is not there.
        """
        array = super().read(positions)
        if self._last >= len(array):
            raise InputError(f"a spring ends at atom {self._last}, and there are {len(array)} atoms")
        return array

    def coincident(self, positions: Any) -> None:
        """Springs may have any length: no two atoms are too near.

        Parameters
        ----------
        positions : array_like
            One row an atom.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        pairs, stiffness, length, box = self._made
        edges, repeats = (None, True) if box is None else box
        return (Springs, (np.array(pairs), stiffness, length, edges, repeats))


def _restored(kind: type[_Pairs], how: str, made: tuple[Any, ...]) -> _Pairs:
    """The potential that was pickled."""
    potential = kind.__new__(kind)
    potential._made = made[1:]
    potential._core = getattr(_core.Potential, how)(*made)
    return potential


def _above(name: str, value: Any) -> float:
    found = number(name, value)
    if not 0 < found < np.inf:
        raise InputError(f"{name} must be a number above 0; got {value!r}")
    return found


def read_cell(cell: Any, pbc: Any) -> Any:
    """The edges of a box and along which of them it repeats, as the core has them; None for free space."""
    if cell is None:
        return None
    edges = np.asarray(cell, dtype=np.float64)
    edges = np.diag(edges) if edges.shape == (3,) else edges
    if edges.shape != (3, 3):
        raise InputError(f"cell must be three lengths, or three edges in rows; got the shape {edges.shape}")
    repeats = np.broadcast_to(np.asarray(pbc, dtype=bool), 3)
    return edges.tolist(), repeats.tolist()


def read_positions(positions: Any) -> Floats:
    """Where atoms lie: finite numbers, one row an atom; a copy."""
    try:
        array = np.array(positions, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InputError(f"positions must be numbers, one row an atom; {error}") from None
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"positions must have one row of coordinates an atom; got the shape {array.shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        i, k = bad[0]
        raise InputError(f"positions must be finite; got {array[i, k]} for atom {i}, coordinate {k}")
    return array
