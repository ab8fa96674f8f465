"""Force calls and seconds to relax atoms, and to find the lowest of many minima, beside ASE and SciPy.

python benchmarks/energy.py
python benchmarks/energy.py --runs 20 --only hopping

Clusters by Lennard and Jones from random starts, the potential in Rust for all of them (peers and *a function* call it from Python); copper
and an adsorbate on aluminium by ASE's EMT. To a largest force of 1e-3 (clusters) and 1e-2 eV/Å (EMT), geometric means; a run
that has not come there after 2000 calls counts as so many, and is said. Then the cluster of 38 atoms by basin hopping, whose
lowest minimum (-173.928427) is the harder of two to find. *Paths*: an adatom from one hollow to the next by EMT, five images
and the highest climbing, to 0.01 eV/Å; force calls of single images (ASE's count those of its steps), and the barrier. Needs ASE: pip install 'steepest[ase]'.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

# Cell filters and small matrices are slowed down by threads.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from _given import keep, parser  # noqa: E402

from steepest.energy import LennardJones, basin_hopping, minimize_energy, minimum_energy_path  # noqa: E402

MOST = 2000
LOWEST = -173.928427
Array = Any


def start(n: int, seed: int) -> Array:
    """Atoms in a ball at the density of the liquid, none nearer to another than 0.6."""
    random = np.random.default_rng(seed)
    radius = (n / 0.8 * 3 / (4 * np.pi)) ** (1 / 3)
    points: list[Array] = []
    while len(points) < n:
        p = random.uniform(-radius, radius, 3)
        if np.linalg.norm(p) <= radius and all(np.linalg.norm(p - q) > 0.6 for q in points):
            points.append(p)
    return np.array(points)


class Done(Exception):
    """The forces are small enough, or the calls are used up."""


class Counted:
    """The energy and its forces, counted, until they are small enough."""

    def __init__(self, fmax: float) -> None:
        self.potential, self.fmax, self.calls, self.there = LennardJones(), fmax, 0, False

    def __call__(self, x: Array) -> tuple[float, Array]:
        energy, forces = self.potential(x.reshape(-1, 3))
        self.calls += 1
        self.there = bool(np.linalg.norm(forces, axis=1).max() < self.fmax)
        if self.there or self.calls >= MOST:
            raise Done
        return energy, -forces.ravel()


def by_scipy(method: str) -> Callable[[Array], tuple[int, bool]]:
    """A method of SciPy's at its best settings, stopped by an oracle."""
    from scipy.optimize import minimize

    options = {"maxiter": MOST, "gtol": 0.0}
    if method == "L-BFGS-B":
        options |= {"maxcor": 30, "maxfun": MOST, "ftol": 0.0}

    def run(x: Array) -> tuple[int, bool]:
        counted = Counted(1e-3)
        with contextlib.suppress(Done):
            minimize(counted, x.ravel(), jac=True, method=method, options=options)
        return (counted.calls if counted.there else MOST), counted.there

    return run


def by_ours(method: str | None, function: bool = False) -> Callable[[Array], tuple[int, bool]]:
    """With what it looks at before it claims anything; where it is a function of Python's that is asked, models lead."""

    def run(x: Array) -> tuple[int, bool]:
        potential = LennardJones()
        energy = (lambda x: potential(x)) if function else potential
        result = minimize_energy(energy, x, method=method, fmax=1e-3, options={"maxfun": MOST})
        return result.nfev, result.success

    return run


def by_ase(name: str, **settings: Any) -> Callable[[Any], tuple[int, bool]]:
    """An optimizer of ASE's, or ours there, on atoms with a calculator that counts."""
    import ase.optimize
    from ase import Atoms
    from ase.calculators.calculator import Calculator
    from ase.optimize.precon import PreconLBFGS

    from steepest.ase import Descent

    class InRust(Calculator):  # type: ignore[misc]
        implemented_properties = ("energy", "forces")
        potential = LennardJones()
        calls = 0

        def calculate(self, *arguments: Any, **named: Any) -> None:
            super().calculate(*arguments, **named)
            energy, forces = self.potential(self.atoms.positions)
            self.calls += 1
            self.results = {"energy": energy, "forces": forces}

    kinds = {"PreconLBFGS": PreconLBFGS, "Descent": Descent}
    kind = kinds.get(name) or getattr(ase.optimize, name)

    def run(what: Any) -> tuple[int, bool]:
        atoms = what if isinstance(what, Atoms) else Atoms(f"Ar{len(what)}", positions=what)
        fmax = 1e-2 if what is atoms else 1e-3
        if what is not atoms:
            atoms.calc = InRust()
        with np.errstate(all="ignore"):
            done = kind(atoms, logfile=None, **settings).run(fmax=fmax, steps=MOST)
        return (atoms.calc.calls if done else MOST), bool(done)

    return run


def emt(name: str, seed: int) -> Any:
    """Atoms with ASE's effective-medium potential, moved from their places, and counted."""
    from ase.build import add_adsorbate, bulk, fcc111
    from ase.calculators.emt import EMT
    from ase.constraints import FixAtoms

    class Counting(EMT):  # type: ignore[misc]
        calls = 0

        def calculate(self, *arguments: Any, **named: Any) -> None:
            self.calls += 1
            super().calculate(*arguments, **named)

    if name == "slab":
        atoms = fcc111("Al", (3, 3, 4), vacuum=8)
        add_adsorbate(atoms, "Au", 1.6, "fcc")
        atoms.set_constraint(FixAtoms(mask=[a.tag > 2 for a in atoms]))
    else:
        atoms = bulk("Cu", cubic=True) * (3 if name == "bulk 108" else 5)
    atoms.rattle(0.1, seed=seed)
    atoms.calc = Counting()
    return atoms


def table(title: str, methods: dict[str, Any], problems: dict[str, list[Any]]) -> dict[str, Any]:
    """A row a method: calls and seconds, the runs of all methods interleaved."""
    print(f"\n{title}\n\n| | " + " | ".join(f"{p}: calls | s" for p in problems) + " |")
    print("|---" * (1 + 2 * len(problems)) + "|")
    kept: dict[str, dict[str, Any]] = {m: {} for m in methods}
    for problem, starts in problems.items():
        found: dict[str, list[tuple[int, float, bool]]] = {m: [] for m in methods}
        for make in starts:
            for name, run in methods.items():
                what = make()
                began = time.perf_counter()
                calls, there = run(what)
                found[name].append((calls, time.perf_counter() - began, there))
        for name, runs in found.items():
            kept[name][problem] = {
                "calls": float(np.exp(np.mean([np.log(r[0]) for r in runs]))),
                "seconds": float(np.median([r[1] for r in runs])),
                "failed": sum(not r[2] for r in runs),
            }
    for name, of in kept.items():
        cells = (
            f"{c['calls']:.0f}"
            + (f" ({c['failed']} not there)" if c["failed"] else "")
            + f" | {c['seconds']:.3f}"
            for c in of.values()
        )
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    return kept


def hopping(runs: int) -> dict[str, Any]:
    """The cluster of 38 atoms from random starts, each until the lowest minimum or 20 000 hops."""
    found: dict[str, list[tuple[int, float, bool]]] = {"potential in Rust": [], "callback": []}
    for seed in range(runs):
        for name in found:
            potential = LennardJones()
            energy = potential if name == "potential in Rust" else (lambda x, p=potential: p(x))
            began = time.perf_counter()
            result = basin_hopping(
                energy, start(38, seed), hops=20_000, seed=seed, callback=lambda _, e, __: e < LOWEST + 1e-3
            )
            there = result.fun < LOWEST + 1e-3
            found[name].append((result.nit, time.perf_counter() - began, there))
    print("\nLowest minimum of 38 atoms\n\n| energy | found | hops a hit | s a hit |\n|---|---|---|---|")
    kept = {}
    for name, runs_ in found.items():
        hits = max(sum(r[2] for r in runs_), 1)
        kept[name] = {
            "found": sum(r[2] for r in runs_),
            "hops": sum(r[0] for r in runs_) / hits,
            "seconds": sum(r[1] for r in runs_) / hits,
        }
        of = kept[name]
        print(f"| {name} | {of['found']} of {len(runs_)} | {of['hops']:.0f} | {of['seconds']:.1f} |")
    return kept


def paths() -> dict[str, Any]:
    """The barrier of an adatom's hop by ASE's band and by ours."""
    import ase.optimize
    from ase.build import add_adsorbate, fcc100, fcc111
    from ase.calculators.emt import EMT
    from ase.constraints import FixAtoms
    from ase.mep import NEB

    images, kept = 5, {}

    def ends(name: str) -> list[Any]:
        found = []
        for place in (0, 1):
            if name == "Au on Al(001)":
                atoms = fcc100("Al", (2, 2, 3))
                add_adsorbate(atoms, "Au", 1.7, "hollow", offset=(place, 0))
            else:
                atoms = fcc111("Cu", (3, 3, 3))
                add_adsorbate(atoms, "Cu", 1.9, ("fcc", "hcp")[place])
            atoms.center(axis=2, vacuum=6.0)
            atoms.set_constraint(FixAtoms(mask=[a.tag > 1 for a in atoms]))
            atoms.calc = EMT()
            ase.optimize.BFGS(atoms, logfile=None).run(fmax=1e-3)
            found.append(atoms)
        return found

    print("\nPaths, five images, to 0.01 eV/Å\n\n| | by | calls | barrier, eV |\n|---|---|---|---|")
    for name in ("Au on Al(001)", "Cu on Cu(111)"):
        first, last = ends(name)
        moved, calls = first.copy(), [0]
        moved.set_constraint()
        moved.calc = EMT()

        def energy(x: Array, moved: Any = moved, calls: Any = calls) -> tuple[float, Array]:
            moved.positions = x
            calls[0] += 1
            return moved.get_potential_energy(), moved.get_forces()

        held = np.array([a.tag > 1 for a in first])
        path = minimum_energy_path(energy, first.positions, last.positions, images, 0.01, fixed=held)
        rows = {"steepest": (calls[0], path.barrier, path.success)}
        for method in ("BFGS", "FIRE", "MDMin"):
            chain = [first.copy() for _ in range(images + 1)] + [last.copy()]
            for image in chain:
                image.calc = EMT()
            band = NEB(chain, climb=True, method="improvedtangent")
            band.interpolate()
            run = getattr(ase.optimize, method)(band, logfile=None)
            done = run.run(fmax=0.01, steps=500)
            heights = [image.get_potential_energy() for image in chain]
            rows[f"ASE {method}"] = (run.nsteps * images, max(heights) - heights[0], done)
        for by, (count, barrier, done) in rows.items():
            print(f"| {name} | {by} | {count}{'' if done else ' (not there)'} | {barrier:.4f} |")
        kept[name] = {
            by: {"calls": count, "barrier": float(barrier)} for by, (count, barrier, _) in rows.items()
        }
    return kept


def main() -> None:
    asked = parser(__doc__, runs=8)
    asked.add_argument("--only", choices=["clusters", "emt", "hopping", "paths"])
    given = asked.parse_args()
    kept: dict[str, Any] = {}
    if given.only in (None, "clusters"):
        kept["clusters"] = table(
            "Clusters, to a largest force of 1e-3",
            {
                "steepest": by_ours(None),
                "steepest, a function": by_ours(None, True),
                "steepest fire": by_ours("fire"),
                "steepest.ase": by_ase("Descent"),
                "ASE FIRE": by_ase("FIRE"),
                "ASE BFGS": by_ase("BFGS"),
                "ASE LBFGS": by_ase("LBFGS"),
                "SciPy L-BFGS-B": by_scipy("L-BFGS-B"),
                "SciPy BFGS": by_scipy("BFGS"),
            },
            {
                str(n): [lambda n=n, s=s: start(n, s) for s in range(given.runs)]  # type: ignore[misc]
                for n in (13, 38, 55, 100)
            },
        )
    if given.only in (None, "emt"):
        kept["emt"] = table(
            "EMT, to a largest force of 0.01 eV/Å",
            {
                "steepest.ase": by_ase("Descent"),
                "steepest.ase fire": by_ase("Descent", method="fire"),
                "ASE FIRE": by_ase("FIRE"),
                "ASE BFGS": by_ase("BFGS"),
                "ASE LBFGS": by_ase("LBFGS"),
                "ASE PreconLBFGS": by_ase("PreconLBFGS"),
            },
            {
                p: [lambda p=p, s=s: emt(p, s) for s in range(min(given.runs, 3))]  # type: ignore[misc]
                for p in ("bulk 108", "slab")
            },
        )
    if given.only in (None, "hopping"):
        kept["hopping"] = hopping(given.runs)
    if given.only in (None, "paths"):
        kept["paths"] = paths()
    keep(given, kept)


if __name__ == "__main__":
    main()
