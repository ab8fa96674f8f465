"""Basin hopping: minima known from elsewhere are found, counted as they are met, and nothing more is said of them."""

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest
from tests.test_energy import lennard_jones, start

from steepest.energy import LennardJones, basin_hopping, minimize_energy
from steepest.errors import InputError

# The lowest known (Wales and Doye 1997, the Cambridge Cluster Database).
LOWEST = {7: -16.505384, 13: -44.326801, 19: -72.659782}


@pytest.mark.parametrize("n", LOWEST)
@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_found_from_anywhere(n: int, seed: int) -> None:
    result = basin_hopping(LennardJones(), start(n, seed), hops=1500, seed=seed, hits=2, fmax=1e-5)
    assert result.success
    assert result.fun == pytest.approx(LOWEST[n], abs=1e-5)
    energy, forces = lennard_jones(result.x)
    assert energy == pytest.approx(result.fun, rel=1e-12)
    assert np.linalg.norm(forces, axis=1).max() <= 1e-5


def test_the_hardest_of_the_small_ones() -> None:
    # Its lowest minimum is a truncated octahedron, at the bottom of the narrower of two funnels (the other's: -173.25).
    def there(_: Any, energy: float, __: bool) -> bool:
        return energy < -173.9284

    result = basin_hopping(LennardJones(), start(38, 0), hops=20_000, seed=0, callback=there)
    assert result.fun == pytest.approx(-173.928427, abs=1e-4)


def test_what_is_said_of_the_minima_is_so() -> None:
    crowded = np.random.default_rng(1).uniform(-0.5, 0.5, (8, 3))
    result = basin_hopping(LennardJones(), crowded, hops=300, seed=3)
    energies = [m["energy"] for m in result.minima]
    assert energies == sorted(energies)
    assert np.diff(energies).min() > 1e-6
    assert sum(m["times"] for m in result.minima) <= 300
    assert result.spread["minima"] == len(energies) > 3
    for m in result.minima:
        energy, forces = lennard_jones(m["positions"])
        assert energy == pytest.approx(m["energy"], abs=1e-9)
        assert np.abs(forces).max() < 0.05
    assert 1 <= result.spread["reached_the_best"] <= result.spread["starts"]
    assert "not known" in str(result.findings[0])


def test_ends_once_enough_walks_have_come_to_the_lowest() -> None:
    result = basin_hopping(LennardJones(), start(6, 0), hops=5000, seed=0, hits=3)
    assert result.nit < 5000
    assert result.spread["reached_the_best"] == 3
    assert result.fun == pytest.approx(-12.712062, abs=1e-5)


def test_of_a_function_of_the_callers_own_in_two_dimensions() -> None:
    def wells(p: np.ndarray) -> tuple[float, np.ndarray]:
        # Each atom by itself: wells a unit apart, lowest at (2, -1).
        away = p - [2.0, -1.0]
        value = (0.05 * away**2 - np.cos(2 * np.pi * away)).sum()
        return value, -(0.1 * away + 2 * np.pi * np.sin(2 * np.pi * away))

    result = basin_hopping(wells, [[-6.0, 5.0]], hops=600, seed=0, fmax=1e-6)
    assert np.allclose(result.x, [[2.0, -1.0]], atol=1e-6)
    assert result.fun == pytest.approx(-2.0)


def test_fixed_atoms_stay_and_the_seed_says_all() -> None:
    x = start(9, 2)
    one, two = (basin_hopping(LennardJones(), x, hops=60, seed=5, fixed=[0, 4]) for _ in range(2))
    assert np.array_equal(one.x[[0, 4]], x[[0, 4]])
    assert np.array_equal(one.x, two.x)
    assert one.nfev == two.nfev
    assert basin_hopping(LennardJones(), x, hops=60, seed=6, fixed=[0, 4]).nfev != one.nfev


def test_a_potential_asked_without_python_is_the_potential() -> None:
    for fixed in (None, [1, 3]):
        # By a method that asks for values and slopes alone: L-BFGS asks a potential what its near pairs resist.
        within, through = (
            minimize_energy(energy, start(13, 1), "bfgs", fmax=1e-6, fixed=fixed)
            for energy in (LennardJones(), lambda p: LennardJones()(p))
        )
        assert np.array_equal(within.x, through.x)
        assert (within.fun, within.nfev) == (through.fun, through.nfev)


def test_the_callback_sees_each_hop_and_ends_it() -> None:
    seen: list[tuple[float, bool]] = []

    def callback(positions: np.ndarray, energy: float, accepted: bool) -> bool:
        assert positions.shape == (7, 3)
        seen.append((energy, accepted))
        return len(seen) == 5

    result = basin_hopping(LennardJones(), start(7, 0), hops=100, callback=callback)
    assert len(seen) == 5 == result.nit
    assert result.outcome == "stopped"
    assert not result.success
    assert result.fun == pytest.approx(min(e for e, _ in seen), abs=1e-3)


def test_a_callback_may_answer_with_numpys_truth() -> None:
    result = basin_hopping(
        LennardJones(), start(7, 0), hops=50, callback=lambda p, _, __: np.isfinite(p).all()
    )
    assert result.nit == 1
    assert result.outcome == "stopped"


@pytest.mark.parametrize("offset", [44.326801, 1e4, -1e6])
def test_minima_are_told_apart_wherever_energies_are_counted_from(offset: float) -> None:
    def shifted(p: np.ndarray) -> tuple[float, np.ndarray]:
        energy, forces = LennardJones()(p)
        return energy + offset, forces

    result = basin_hopping(shifted, start(13, 0), hops=200, seed=0)
    energies = np.array([m["energy"] for m in result.minima]) - offset
    assert len(energies) > 40
    for m, told in zip(result.minima, energies, strict=True):
        energy, forces = lennard_jones(m["positions"])
        assert energy == pytest.approx(told, abs=1e-8)
        assert np.abs(forces).max() < 0.05
    assert result.fun - offset == pytest.approx(LOWEST[13], abs=1e-5)


@pytest.mark.parametrize("unit", [1.65e-21, 1e6])
def test_the_units_of_energy_and_length_say_nothing(unit: float) -> None:
    length = 3.4e-10
    argon = LennardJones(epsilon=unit, sigma=length)
    result = basin_hopping(argon, length * start(13, 0), hops=200, seed=0, fmax=1e-5 * unit / length)
    assert result.success
    assert len(result.minima) > 40
    assert result.minima[0]["energy"] / unit == pytest.approx(LOWEST[13], abs=1e-5)


def test_atoms_that_begin_far_apart_are_shaken_by_how_near_they_come_to_rest() -> None:
    for seed in range(3):
        far = 10 * start(13, seed)
        result = basin_hopping(
            LennardJones(), far, hops=600, seed=seed, callback=lambda _, e, __: e < -44.3267
        )
        assert result.fun == pytest.approx(LOWEST[13], abs=1e-4)


@pytest.mark.parametrize(
    ("energy", "outcome"),
    [
        (lambda p: (p[0, 0], np.eye(1, p.size).reshape(p.shape) * -1.0), "unbounded"),
        (lambda p: (LennardJones()(p)[0], -LennardJones()(p)[1]), "gradient_inconsistent"),
    ],
)
def test_where_no_hop_ends_the_result_says_why(energy: Any, outcome: str) -> None:
    result = basin_hopping(energy, start(13, 0), hops=5)
    assert not result.success
    assert result.outcome == outcome
    assert result.minima == []
    assert result.spread["minima"] == result.spread["reached_the_best"] == 0
    assert result.findings[0].kind == "no_minimum"


def test_what_an_energy_raises_is_raised() -> None:
    def fails(p: np.ndarray) -> Any:
        if np.abs(p - x).max() > 0.1:
            raise RuntimeError("not converged")
        return LennardJones()(p)

    x = start(13, 0)
    with pytest.raises(RuntimeError, match="not converged"):
        basin_hopping(fails, x, hops=5)


@pytest.mark.skipif(os.name == "nt", reason="no signals there")
def test_ctrl_c_is_heard_while_rust_is_at_work() -> None:
    for k in range(5):
        threading.Timer(0.2 + 0.013 * k, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            basin_hopping(LennardJones(), start(60, 0), hops=2000)


def test_at_no_temperature_nothing_higher_is_gone_on_from() -> None:
    taken: list[float] = []

    def callback(_: Any, energy: float, accepted: bool) -> None:
        if accepted:
            taken.append(energy)

    basin_hopping(LennardJones(), start(13, 0), hops=100, temperature=0.0, callback=callback)
    rises = np.diff(taken)
    # Beginnings of other walks aside.
    assert (rises <= 1e-6).sum() >= len(rises) - 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hops": 0}, "hops must be at least 1"),
        ({"hops": 2.5}, "hops must be a whole number"),
        ({"hits": 0}, "hits must be at least 1"),
        ({"temperature": -1}, "temperature must be a number of at least 0"),
        ({"step": -0.1}, "step must be a number of at least 0"),
        ({"seed": "one"}, "seed must be a whole number"),
        ({"callback": 3}, "callback must be a function"),
        ({"fmax": -1}, "fmax must be"),
        ({"fixed": [9]}, "fixed names atom 9"),
    ],
)
def test_bad_input_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        basin_hopping(LennardJones(), start(7, 0), **settings)


def test_an_energy_that_is_never_a_number() -> None:
    with pytest.raises(InputError, match="energy is nan at the start"):
        basin_hopping(lambda p: (np.nan, np.zeros_like(p)), start(3, 0), hops=3)
