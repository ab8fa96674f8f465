"""Energies of atoms, and of whatever else lies in rows of coordinates: minima, paths between them, and potentials.

>>> from steepest.energy import LennardJones, minimize_energy
>>> result = minimize_energy(LennardJones(), [[0, 0, 0], [1, 0, 0], [0, 1, 0]], fmax=1e-6)
>>> round(result.fun, 6)
-3.0
"""

from steepest.energy.hopping import basin_hopping
from steepest.energy.minimising import minimize_energy
from steepest.energy.paths import EnergyPath, minimum_energy_path
from steepest.energy.potentials import LennardJones, Morse, Springs, Yukawa

__all__ = [
    "EnergyPath",
    "LennardJones",
    "Morse",
    "Springs",
    "Yukawa",
    "basin_hopping",
    "minimize_energy",
    "minimum_energy_path",
]
