"""A gold atom on aluminium comes to rest by ASE's optimizers and by ours: the same calculator, constraints and loop.

What a run costs is how often it asks for forces; with a calculator of quantum mechanics each call takes minutes.

python examples/hosts/atoms_with_ase.py
"""

import matplotlib.pyplot as plt
import numpy as np
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS, FIRE

from steepest.ase import Descent


class Counted(EMT):
    """Writes down the largest force at each call."""

    def __init__(self):
        super().__init__()
        self.largest = []

    def calculate(self, *args, **more):
        super().calculate(*args, **more)
        free = [atom.index for atom in self.atoms if atom.tag != 3]
        self.largest.append(np.linalg.norm(self.results["forces"][free], axis=1).max())


def slab():
    """Three layers, the lowest of which stays; the atom stands above a hollow, a little off, and all are shaken."""
    atoms = fcc100("Al", size=(3, 3, 3), vacuum=10.0)
    add_adsorbate(atoms, "Au", 1.7, "hollow", offset=0.1)
    atoms.set_constraint(FixAtoms(mask=[atom.tag == 3 for atom in atoms]))
    atoms.rattle(0.1, seed=1)
    atoms.calc = Counted()
    return atoms


for name, optimizer in (("FIRE", FIRE), ("BFGS", BFGS), ("steepest", Descent)):
    atoms = slab()
    there = optimizer(atoms, logfile=None).run(fmax=0.01)
    calls = atoms.calc.largest
    how = "at rest" if there else "not at rest"
    print(f"{name:9} {how} after {len(calls):3} calls, {atoms.get_potential_energy():.5f} eV")
    plt.semilogy(np.arange(1, len(calls) + 1), calls, label=name)
plt.axhline(0.01, color="k", linewidth=0.7, linestyle="dotted")
plt.xlabel("calls of the calculator")
plt.ylabel("largest force, eV/Å")
plt.legend()
plt.show()
