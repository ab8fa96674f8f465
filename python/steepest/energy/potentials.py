"""Potentials in Rust: callables that return the energy and the forces, in one crossing."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, ClassVar

import numpy as np

from steepest import _core
from steepest._catalog import number
from steepest._types import Floats
from steepest.errors import InputError

__all__ = ["LennardJones", "Morse", "Potential", "Springs", "Yukawa", "read_floats", "read_positions"]


@dataclass(frozen=True, eq=False)
class Potential:
    """An energy of positions in rows of three: a callable that returns the energy and the forces.

    One is made of its fields, which are read when it is made, and is pickled as them; `made` is the core's own.
    """

    cell: Any = field(default=None, kw_only=True)
    pbc: Any = field(default=True, kw_only=True)
    made: _core.Potential = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the fields, and make the core's potential of them."""
        self._read(cell=_read_cell(self.cell), pbc=_read_repeats(self.pbc))

    def _read(self, **values: Any) -> None:
        """Put what was read in the place of what was given."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def _box(self) -> Any:
        """The cell as the core has it."""
        return None if self.cell is None else (self.cell, self.pbc)

    def __call__(self, positions: Any) -> tuple[float, Floats]:
        """The energy, and the forces, one row an atom."""
        return self.made.evaluate(self.read(positions))

    def __reduce__(self) -> tuple[Any, ...]:
        """Made again of the same fields: lists of neighbours are not pickled."""
        return partial(type(self), **{f.name: getattr(self, f.name) for f in fields(self) if f.init}), ()

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

        Raises
        ------
        InputError
            If they are no numbers, or not in rows of three.
        """
        array = np.ascontiguousarray(read_floats("positions", positions))
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
        found = self.made.coincident(array, 1e-12 * max(size, np.finfo(np.float64).tiny))
        return None if found is None else (found[0], found[1])


@dataclass(frozen=True, eq=False)
class _Pairs(Potential):
    """All pairs by one form: its numbers are the fields that a kind of pairs has of its own."""

    cutoff: float | None = field(default=None, kw_only=True)
    smooth: bool = field(default=True, kw_only=True)

    #: The form by its name in the core; which of its numbers must be above 0, and which at least that.
    _form: ClassVar[str]
    _above: ClassVar[tuple[str, ...]] = ()
    _from: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Hold each number against its range, and the cutoff against the cell."""
        super().__post_init__()
        own = [f.name for f in fields(self) if f.init and not f.kw_only]
        for name in [*own, *(["cutoff"] if self.cutoff is not None else [])]:
            given = getattr(self, name)
            value = number(name, given)
            if name in ("cutoff", *self._above) and not 0 < value < np.inf:
                raise InputError(f"{name} must be a number above 0; got {given!r}")
            if name in self._from and value < 0:
                raise InputError(f"{name} must be at least 0; got {given!r}")
            if not np.isfinite(value):
                raise InputError(f"{name} must be finite; got {given!r}")
            self._read(**{name: value})
        self._read(smooth=bool(self.smooth))
        numbers = [getattr(self, name) for name in own]
        self._read(made=_core.Potential.pairs(self._form, numbers, self.cutoff, self.smooth, self._box))


@dataclass(frozen=True, eq=False)
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

    epsilon: float = 1.0
    sigma: float = 1.0

    _form = "lennard_jones"
    _above = ("sigma",)


@dataclass(frozen=True, eq=False)
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

    depth: float = 1.0
    steepness: float = 6.0
    distance: float = 1.0

    _form = "morse"
    _above = ("steepness", "distance")


@dataclass(frozen=True, eq=False)
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

    strength: float = 1.0
    screening: float = 1.0

    _form = "yukawa"
    _from = ("screening",)


@dataclass(frozen=True, eq=False)
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

    ends: Any
    stiffness: Any = 1.0
    length: Any = 0.0

    def __post_init__(self) -> None:
        """Hold the ends, stiffnesses and lengths against each other."""
        super().__post_init__()
        try:
            pairs = np.array(self.ends)
        except ValueError:
            pairs = np.empty(0)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu" or (pairs < 0).any():
            raise InputError("ends must have two atoms a row, counted from 0")
        self._read(ends=pairs)
        for name in ("stiffness", "length"):
            each = read_floats(name, getattr(self, name))
            if each.shape not in ((), (len(pairs),)) or not np.isfinite(each).all():
                raise InputError(
                    f"{name} must be one finite number, or one for each of the {len(pairs)} springs; got "
                    f"{getattr(self, name)!r}"
                )
            self._read(**{name: np.broadcast_to(each, len(pairs)).copy()})
        given = (pairs.tolist(), self.stiffness.tolist(), self.length.tolist())
        self._read(made=_core.Potential.springs(*given, self._box))

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
        last = int(self.ends.max(initial=-1))
        if last >= len(array):
            raise InputError(f"a spring ends at atom {last}, and there are {len(array)} atoms")
        return array

    def coincident(self, positions: Any) -> None:
        """Springs may have any length: no two atoms are too near.

        Parameters
        ----------
        positions : array_like
            One row an atom.
        """


def _read_cell(cell: Any) -> tuple[tuple[float, ...], ...] | None:
    """The edges of a box, in rows; None for free space."""
    if cell is None:
        return None
    edges = read_floats("cell", cell)
    edges = np.diag(edges) if edges.shape == (3,) else edges
    if edges.shape != (3, 3):
        raise InputError(f"cell must be three lengths, or three edges in rows; got the shape {edges.shape}")
    return tuple(tuple(edge) for edge in edges.tolist())


def _read_repeats(pbc: Any) -> tuple[bool, ...]:
    """Along which edges a box repeats."""
    repeats = np.asarray(pbc)
    if repeats.shape not in ((), (3,)) or repeats.dtype.kind not in "biu":
        raise InputError(f"pbc must be one truth value, or one for each of the three edges; got {pbc!r}")
    return tuple(np.broadcast_to(repeats.astype(bool), 3).tolist())


def read_floats(what: str, values: Any) -> Floats:
    """An array of real numbers; what is complex, text or ragged is refused by its name."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"got {array.dtype}")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be numbers, and real; {error}") from None


def read_positions(positions: Any) -> Floats:
    """Where atoms lie: finite numbers, one row an atom; a copy."""
    array = np.array(read_floats("positions", positions), order="C")
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"positions must have one row of coordinates an atom; got the shape {array.shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        i, k = bad[0]
        raise InputError(f"positions must be finite; got {array[i, k]} for atom {i}, coordinate {k}")
    return array
