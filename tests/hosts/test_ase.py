"""The methods as an optimizer of ASE: what its users do with one, held against ASE's own optimizers and calculators."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.errors import InputError

pytestmark = pytest.mark.hosts

try:
    from ase import Atoms
    from ase.build import add_adsorbate, bulk, fcc100, fcc111, molecule
    from ase.calculators.calculator import Calculator
    from ase.calculators.emt import EMT
    from ase.calculators.lj import LennardJones
    from ase.constraints import FixAtoms, FixBondLength
    from ase.filters import FrechetCellFilter, UnitCellFilter
    from ase.io import Trajectory
    from ase.mep import NEB
    from ase.optimize import BFGS, FIRE, RestartError
    from ase.utils.abc import Optimizable

    from steepest.ase import Descent
    from steepest.energy import LennardJones as Pairs
    from steepest.energy import minimum_energy_path
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    pass


def rattled(constrained: bool = False) -> Any:
    if constrained:
        atoms = fcc111("Al", (2, 2, 3), vacuum=8)
        add_adsorbate(atoms, "Au", 1.7, "fcc")
        atoms.set_constraint(FixAtoms(mask=[a.tag > 2 for a in atoms]))
    else:
        atoms = bulk("Au") * (2, 2, 2)
    atoms.rattle(0.1, seed=7)
    atoms.calc = EMT()
    return atoms


def largest(forces: Any) -> float:
    return float(np.sqrt((np.asarray(forces) ** 2).sum(axis=1)).max())


@pytest.mark.parametrize("method", [None, "lbfgs", "bfgs", "nonlinear_cg", "gradient_descent"])
@pytest.mark.parametrize("constrained", [False, True])
def test_ends_where_ases_bfgs_does_with_no_more_calls(method: Any, constrained: bool) -> None:
    ours, theirs = rattled(constrained), rattled(constrained)
    descent, bfgs = Descent(ours, method, logfile=None), BFGS(theirs, logfile=None)
    assert descent.run(fmax=1e-4)
    assert bfgs.run(fmax=1e-4)
    assert largest(ours.get_forces()) < 1e-4
    assert ours.get_potential_energy() == pytest.approx(theirs.get_potential_energy(), abs=1e-6)
    if constrained:
        assert np.array_equal(ours.positions[:4], rattled(True).positions[:4])
    if method in (None, "lbfgs", "bfgs"):
        assert descent.force_calls <= bfgs.nsteps


def test_lennard_jones_cluster() -> None:
    rng = np.random.default_rng(0)
    grid = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(3)], dtype=float)
    atoms = Atoms("Ar12", positions=1.1 * grid + 0.05 * rng.standard_normal(grid.shape))
    atoms.calc = LennardJones(rc=50.0)
    descent = Descent(atoms, logfile=None)
    assert descent.run(fmax=1e-6)
    # Each atom pulled to where its forces vanish; the energy there by the pair formula alone.
    r = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=-1)[np.triu_indices(12, 1)]
    shift = 12 * 11 / 2 * 4 * (50.0**-12 - 50.0**-6)
    assert atoms.get_potential_energy() == pytest.approx((4 * (r**-12 - r**-6)).sum() - shift, rel=1e-9)


@pytest.mark.parametrize("filtered", ["FrechetCellFilter", "UnitCellFilter"])
def test_cells_are_relaxed_through_filters(filtered: str) -> None:
    kind = {"FrechetCellFilter": FrechetCellFilter, "UnitCellFilter": UnitCellFilter}[filtered]
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(1.05 * atoms.cell, scale_atoms=True)
    atoms.rattle(0.05, seed=3)
    atoms.calc = EMT()
    assert Descent(kind(atoms), logfile=None).run(fmax=1e-3)
    assert abs(atoms.get_stress()).max() < 1e-4
    assert atoms.get_volume() ** (1 / 3) == pytest.approx(3.59, abs=0.01)


def test_steps_observers_trajectory_and_log(tmp_path: Path) -> None:
    seen: list[int] = []
    atoms = rattled()
    with Descent(atoms, trajectory=tmp_path / "a.traj", logfile=tmp_path / "a.log") as descent:
        descent.attach(lambda: seen.append(descent.nsteps))
        steps = list(descent.irun(fmax=0.01))
    assert [bool(s) for s in steps] == [False] * descent.nsteps + [True]
    assert seen == list(range(descent.nsteps + 1))
    with Trajectory(tmp_path / "a.traj") as kept:
        energies = [image.get_potential_energy() for image in kept]
    assert len(energies) == len(steps)
    assert energies == sorted(energies, reverse=True)
    assert len((tmp_path / "a.log").read_text().splitlines()) == len(steps) + 1


def test_each_step_of_an_end_reached_at_once_costs_no_call_beyond() -> None:
    atoms = rattled()

    class Counting(EMT):  # type: ignore[misc]
        calls = 0

        def calculate(self, *arguments: Any, **named: Any) -> None:
            Counting.calls += 1
            super().calculate(*arguments, **named)

    atoms.calc = Counting()
    descent = Descent(atoms, "lbfgs", logfile=None)
    assert descent.run(fmax=1e-3)
    # The start, then at most one more now and then where the last point tried was not the one taken.
    assert descent.force_calls + 1 <= Counting.calls <= descent.force_calls + 2


def test_a_run_in_two_parts_is_the_run_in_one() -> None:
    whole, parts = rattled(), rattled()
    one, two = Descent(whole, logfile=None), Descent(parts, logfile=None)
    one.run(fmax=1e-5, steps=6)
    assert not two.run(fmax=1e-5, steps=2)
    two.run(fmax=1e-5, steps=4)
    assert (one.nsteps, two.nsteps) == (6, 6)
    assert np.array_equal(whole.positions, parts.positions)


@pytest.mark.parametrize("cell", [False, True])
def test_restart_goes_on_as_if_it_had_not_ended(tmp_path: Path, cell: bool) -> None:
    def target(atoms: Any) -> Any:
        return FrechetCellFilter(atoms) if cell else atoms

    whole, parts = rattled(), rattled()
    Descent(target(whole), "lbfgs", logfile=None).run(fmax=1e-9, steps=8)
    kept = tmp_path / "run.json"
    Descent(target(parts), "lbfgs", restart=kept, logfile=None).run(fmax=1e-9, steps=3)
    # Another process: the atoms as a trajectory has them.
    later = parts.copy()
    later.calc = EMT()
    Descent(target(later), "lbfgs", restart=kept, logfile=None).run(fmax=1e-9, steps=5)
    assert np.abs(later.positions - whole.positions).max() < 1e-12
    assert np.abs(later.cell.array - whole.cell.array).max() < 1e-12


def test_restart_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    kept = tmp_path / "run.json"
    Descent(rattled(), "lbfgs", restart=kept, logfile=None).run(fmax=1e-9, steps=3)
    with pytest.raises(InputError, match="of the method lbfgs"):
        Descent(rattled(), "bfgs", restart=kept, logfile=None)
    with pytest.raises(InputError, match="24 coordinates, and there are 9"):
        Descent(molecule("H2O", calculator=EMT()), "lbfgs", restart=kept, logfile=None)
    other = rattled()
    other.symbols[0] = "Cu"
    with pytest.raises(RestartError, match="other atoms"):
        Descent(other, "lbfgs", restart=kept, logfile=None)
    kept.write_text("[1, 2]")
    with pytest.raises(RestartError, match="no restart file"):
        Descent(rattled(), "lbfgs", restart=kept, logfile=None)
    kept.write_text("hello")
    with pytest.raises(RestartError, match="Could not decode"):
        Descent(rattled(), "lbfgs", restart=kept, logfile=None)


def test_goes_on_from_where_others_have_moved_the_atoms() -> None:
    atoms = rattled()
    descent = Descent(atoms, logfile=None)
    for n, _ in enumerate(descent.irun(fmax=1e-4)):
        if n == 2:
            FIRE(atoms, logfile=None).run(steps=3, fmax=1e-9)
        if n == 4:
            atoms.calc = EMT()
            atoms.rattle(0.01, seed=1)
    assert largest(atoms.get_forces()) < 1e-4


def test_a_limit_out_of_reach_is_said_and_ends() -> None:
    atoms = rattled()
    with pytest.warns(RuntimeWarning, match="goes no further"):
        assert not Descent(atoms, logfile=None).run(fmax=1e-20, steps=10_000)
    assert largest(atoms.get_forces()) < 1e-6


def test_forces_that_are_not_the_energys_are_said_and_no_success() -> None:
    class Wrong(EMT):  # type: ignore[misc]
        def calculate(self, *arguments: Any, **named: Any) -> None:
            super().calculate(*arguments, **named)
            self.results["forces"] = -self.results["forces"]

    atoms = rattled()
    atoms.calc = Wrong()
    with pytest.warns(RuntimeWarning, match="goes no further"):
        assert not Descent(atoms, logfile=None).run(fmax=1e-3, steps=200)


def test_rigid_bonds_are_kept() -> None:
    atoms = molecule("H2O", calculator=EMT())
    atoms.rattle(0.1, seed=1)
    atoms.set_constraint(FixBondLength(0, 1))
    length = atoms.get_distance(0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        Descent(atoms, logfile=None).run(fmax=0.02, steps=100)
    assert atoms.get_distance(0, 1) == pytest.approx(length, abs=1e-5)


@pytest.mark.parametrize(("images", "surface"), [(3, "Al"), (5, "Al"), (4, "Cu")])
def test_a_barrier_is_that_of_ases_own_band(images: int, surface: str) -> None:
    ends = []
    for k in range(2):
        if surface == "Al":
            # The way is symmetric: rounding is all that is left across it.
            atoms = fcc100("Al", (2, 2, 3))
            add_adsorbate(atoms, "Au", 1.7, "hollow", offset=(k, 0))
        else:
            atoms = fcc111("Cu", (3, 3, 3))
            add_adsorbate(atoms, "Cu", 1.9, ("fcc", "hcp")[k])
        atoms.center(axis=2, vacuum=6.0)
        atoms.set_constraint(FixAtoms(mask=[a.tag > 1 for a in atoms]))
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=1e-3)
        ends.append(atoms)
    chain = [ends[0].copy() for _ in range(images + 1)] + [ends[1].copy()]
    for image in chain:
        image.calc = EMT()
    neb = NEB(chain, climb=True, method="improvedtangent")
    neb.interpolate()
    assert BFGS(neb, logfile=None).run(fmax=5e-3, steps=500)
    heights = [image.get_potential_energy() for image in chain]

    moved = ends[0].copy()
    moved.set_constraint()
    moved.calc = EMT()

    def energy(x: Any) -> Any:
        moved.positions = x
        return moved.get_potential_energy(), moved.get_forces()

    held = np.array([a.tag > 1 for a in moved])
    path = minimum_energy_path(energy, *(end.positions for end in ends), images, 5e-3, fixed=held)
    assert path.success
    assert not path.findings
    assert path.barrier == pytest.approx(max(heights) - heights[0], abs=1e-4)
    assert np.array_equal(path.x[:, held], np.broadcast_to(ends[0].positions[held], path.x[:, held].shape))


@pytest.mark.parametrize("adsorbed", [False, True])
def test_a_symmetric_slab_is_relaxed_though_most_of_its_forces_are_rounding(adsorbed: bool) -> None:
    def slab() -> Any:
        atoms = fcc100("Cu" if adsorbed else "Al", (3, 3, 4), vacuum=6)
        if adsorbed:
            add_adsorbate(atoms, "Au", 1.7, "hollow")
        atoms.calc = EMT()
        return atoms

    ours, theirs = slab(), slab()
    descent, peer = Descent(ours, logfile=None), BFGS(theirs, logfile=None)
    assert descent.run(fmax=0.01, steps=100)
    assert peer.run(fmax=0.01, steps=100)
    assert ours.get_potential_energy() == pytest.approx(theirs.get_potential_energy(), abs=1e-2)
    assert descent.nsteps <= 2 * peer.nsteps + 5


def test_a_band_of_images_is_relaxed_by_its_forces_alone() -> None:
    def band() -> Any:
        ends = [fcc111("Al", (2, 2, 2), vacuum=6) for _ in range(2)]
        for atoms, place in zip(ends, ("fcc", "hcp"), strict=True):
            add_adsorbate(atoms, "Au", 1.7, place)
            atoms.set_constraint(FixAtoms(mask=[a.tag > 1 for a in atoms]))
            atoms.calc = EMT()
            BFGS(atoms, logfile=None).run(fmax=0.01)
        images = [ends[0], *(ends[0].copy() for _ in range(3)), ends[1]]
        for image in images[1:-1]:
            image.calc = EMT()
        neb = NEB(images, climb=True, method="improvedtangent")
        neb.interpolate()
        return neb

    ours, theirs = band(), band()
    descent = Descent(ours, logfile=None)
    assert descent.method == "fire"
    assert descent.run(fmax=0.02, steps=500)
    assert BFGS(theirs, logfile=None).run(fmax=0.02, steps=500)
    top = [max(image.get_potential_energy() for image in neb.images) for neb in (ours, theirs)]
    assert top[0] == pytest.approx(top[1], abs=1e-3)
    assert largest(ours.get_forces()) < 0.02


def test_methods_that_cannot_be_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="no method is called 'lbgfs'; did you mean 'lbfgs'"):
        Descent(rattled(), "lbgfs")
    with pytest.raises(InputError, match="leave gtol out"):
        Descent(rattled(), options={"gtol": 1e-3})
    with pytest.raises(InputError, match="no option is called"):
        Descent(rattled(), "lbfgs", options={"memroy": 3})


def test_methods_may_be_named_as_ases_and_scipys_optimizers_are() -> None:
    for name, method in {"BFGS": "bfgs", "LBFGS": "lbfgs", "L-BFGS-B": "lbfgs", "FIRE": "fire"}.items():
        descent = Descent(rattled(), method=name, logfile=None)
        assert descent.method == method
        assert descent.run(fmax=0.05)
    with pytest.raises(InputError, match=r"unexpected keyword argument 'maxstep': .* options"):
        Descent(rattled(), logfile=None, maxstep=0.2)


def test_an_edge_of_what_the_calculator_knows_ends_the_run_and_is_said() -> None:
    """A calculator without a number below an energy: 500 steps had asked it 167 255 times."""

    class Bowl(Calculator):  # type: ignore[misc]
        implemented_properties = ("energy", "forces")

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
            super().calculate(atoms, properties, system_changes)
            stiff = np.array([1.0, 10.0, 100.0])
            energy = 0.5 * float((stiff * self.atoms.positions**2).sum())
            forces = -stiff * self.atoms.positions
            known = 1.0 if energy >= 50 else np.nan
            self.results = {"energy": known * energy, "forces": known * forces}

    atoms = Atoms("H4", positions=2 * np.random.default_rng(0).standard_normal((4, 3)))
    atoms.calc = Bowl()
    descent = Descent(atoms, logfile=None)
    with pytest.warns(RuntimeWarning, match="goes no further: .* gives no number"):
        assert not descent.run(fmax=1e-3, steps=500)
    assert descent.force_calls < 1000
    assert atoms.get_potential_energy() == pytest.approx(50, abs=1e-6)


@pytest.mark.parametrize("method", [None, "fire"])
def test_what_has_no_calculator_is_optimized_up_to_an_edge_too(method: Any) -> None:
    class Bowl(Optimizable):  # type: ignore[misc]
        x = np.array([3.0, 4.0, 5.0])

        def ndofs(self) -> int:
            return 3

        def get_x(self) -> Any:
            return self.x

        def set_x(self, x: Any) -> None:
            self.x = x.copy()

        def get_value(self) -> float:
            value = float((self.x**2 * [1, 10, 100]).sum())
            return value if value >= 50 else np.nan

        def get_gradient(self) -> Any:
            return 2 * self.x * [1, 10, 100]

        def iterimages(self) -> Any:
            yield self

    bowl = Bowl()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert not Descent(bowl, method, logfile=None).run(fmax=1e-3, steps=100)
    assert 50 <= bowl.get_value() < 2000


def cluster(change: Any) -> Any:
    """Eight atoms, whose energy and forces are changed by a function of them and of the number of the call."""

    class Changed(Calculator):  # type: ignore[misc]
        implemented_properties = ("energy", "forces")
        calls, lowest = 0, np.inf

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = None) -> None:
            super().calculate(atoms, properties, system_changes)
            self.calls += 1
            energy, forces = change(self.calls, *Pairs()(self.atoms.positions))
            if np.isfinite(energy) and np.isfinite(forces).all():
                self.lowest = min(self.lowest, energy)
            self.results = {"energy": energy, "forces": forces}

    corners = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)], dtype=float)
    atoms = Atoms("Ar8", positions=1.3 * corners + 0.05 * np.random.default_rng(0).normal(size=(8, 3)))
    atoms.calc = Changed()
    return atoms


@pytest.mark.parametrize("method", [None, "bfgs", "nonlinear_cg", "gradient_descent", "fire"])
@pytest.mark.parametrize("good", [2, 5, 12])
@pytest.mark.parametrize("forces_alone", [False, True])
def test_atoms_stay_at_the_lowest_before_a_calculator_broke_down(
    method: Any, good: int, forces_alone: bool
) -> None:
    """The lowest may be a trial of a step that never ended: methods stood at the start, after a thousand calls."""

    def breaks(call: int, energy: float, forces: Any) -> Any:
        if call <= good:
            return energy, forces
        return energy if forces_alone else np.nan, np.nan * forces

    atoms = cluster(breaks)
    descent = Descent(atoms, method, logfile=None)
    with pytest.warns(RuntimeWarning, match="gives no number .* any more where it gave one before"):
        assert not descent.run(fmax=1e-3, steps=200)
    assert Pairs()(atoms.positions)[0] == pytest.approx(atoms.calc.lowest)
    assert atoms.calc.calls <= good + 10


@pytest.mark.parametrize("method", [None, "bfgs", "fire"])
def test_goes_on_where_some_calls_have_no_forces(method: Any) -> None:
    atoms = cluster(lambda call, energy, forces: (energy, forces if call % 3 else np.nan * forces))
    before = atoms.get_potential_energy()
    Descent(atoms, method, logfile=None).run(fmax=1e-3, steps=100)
    assert atoms.calc.lowest < before - 0.1


def test_fire_goes_on_where_one_step_leads_to_no_number() -> None:
    atoms = cluster(lambda call, energy, forces: (energy, forces) if call != 12 else (np.nan, forces))
    assert Descent(atoms, "fire", logfile=None).run(fmax=1e-3, steps=300)


def test_fire_names_forces_that_are_not_the_energys() -> None:
    """It had flown apart, and called that converged."""
    atoms = cluster(lambda call, energy, forces: (energy, -forces))
    with pytest.warns(
        RuntimeWarning, match="The gradient is not the function's: .* Forces are minus the gradient"
    ):
        assert not Descent(atoms, "fire", logfile=None).run(fmax=1e-3, steps=200)
    assert Pairs()(atoms.positions)[0] == pytest.approx(atoms.calc.lowest)
