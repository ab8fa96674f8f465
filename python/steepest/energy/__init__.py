"""Energies of atoms, and of whatever else lies in rows of coordinates: `minimize_energy`, and potentials in Rust.

>>> from steepest.energy import LennardJones, minimize_energy
>>> result = minimize_energy(LennardJones(), [[0, 0, 0], [1, 0, 0], [0, 1, 0]], fmax=1e-6)
>>> round(result.fun, 6)
-3.0
"""

from steepest.energy.hopping import basin_hopping
from steepest.energy.minimising import minimize_energy
from steepest.energy.potentials import LennardJones, Morse, Springs, Yukawa

__all__ = ["LennardJones", "Morse", "Springs", "Yukawa", "basin_hopping", "minimize_energy"]
