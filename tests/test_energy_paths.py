"""Minimum-energy paths: saddles that are known, an oracle that shares nothing, what must not matter, and bad input."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import fsolve

from steepest.energy import LennardJones, minimize_energy, minimum_energy_path
from steepest.errors import InputError

DEPTHS = np.array([-200.0, -100.0, -170.0, 15.0])
A, B, C = np.array([-1, -1, -6.5, 0.7]), np.array([0, 0, 11, 0.6]), np.array([-10, -10, -6.5, 0.7])
AT = np.array([[1, 0], [0, 0.5], [-0.5, 1.5], [-1, 1]])


def mueller_brown(positions: Any) -> tuple[float, np.ndarray[Any, Any]]:
    """Müller and Brown 1979, https://doi.org/10.1007/BF00547608."""
    dx, dy = (positions[0] - AT).T
    terms = DEPTHS * np.exp(A * dx**2 + B * dx * dy + C * dy**2)
    slope = [(terms * (2 * A * dx + B * dy)).sum(), (terms * (B * dx + 2 * C * dy)).sum()]
    return float(terms.sum()), -np.array([slope])


#: Its minima and its saddles, to the digits that are printed everywhere.
DEEP, SHALLOW, MIDDLE = (-0.55822, 1.44173), (0.62350, 0.02804), (-0.05001, 0.46669)
HIGH, LOW = (-0.82200, 0.62431), (0.21249, 0.29299)


def exact(near: Any) -> tuple[np.ndarray[Any, Any], float]:
    """The stationary point near a place, by SciPy's root finder, and the energy there."""
    at = fsolve(lambda x: mueller_brown(x[None])[1][0], near, xtol=1e-13)
    return at, mueller_brown(at[None])[0]


@pytest.mark.parametrize("images", [5, 9, 16])
def test_the_highest_saddle_between_two_minima(images: int) -> None:
    (deep, bottom), (shallow, other), (saddle, top) = exact(DEEP), exact(SHALLOW), exact(HIGH)
    assert top == pytest.approx(-40.6648, abs=1e-4)
    path = minimum_energy_path(mueller_brown, [deep], [shallow], images, fmax=1e-3)
    assert path.success
    assert path.largest_force <= 1e-3
    assert path.barrier == pytest.approx(top - bottom, abs=1e-6)
    assert path.barrier_back == pytest.approx(top - other, abs=1e-6)
    assert path.x[path.saddle][0] == pytest.approx(saddle, abs=1e-4)
    # A basin lies between, which five images pass over: its other saddle is lower, and was not climbed to.
    if images > 5:
        assert "minimum_between" in [finding.kind for finding in path.findings]
    assert path.x.shape == (images + 2, 1, 2)
    assert np.all(np.diff(path.distances) > 0)


def test_each_part_has_a_saddle_of_its_own() -> None:
    middle, _ = exact(MIDDLE)
    shallow, _ = exact(SHALLOW)
    saddle, top = exact(LOW)
    path = minimum_energy_path(mueller_brown, [middle], [shallow], 5, fmax=1e-4)
    assert path.success
    assert top == pytest.approx(-72.2489, abs=1e-4)
    assert path.fun == pytest.approx(top, abs=1e-8)
    assert path.x[path.saddle][0] == pytest.approx(saddle, abs=1e-5)
    assert not path.findings


def test_the_force_across_the_path_is_what_is_claimed_by_tangents_written_out() -> None:
    deep, shallow = exact(DEEP)[0], exact(SHALLOW)[0]
    path = minimum_energy_path(mueller_brown, [deep], [shallow], 9, fmax=1e-2)
    points = path.x[:, 0]
    energies = np.array([mueller_brown(p[None])[0] for p in points])
    assert energies == pytest.approx(path.energies, abs=0)
    for k in range(1, 10):
        force = mueller_brown(points[k][None])[1][0]
        if k == path.saddle:
            assert np.hypot(*force) <= 1e-2
            continue
        # Neighbours rise or fall here: the tangent is towards the higher.
        if energies[k + 1] > energies[k] > energies[k - 1]:
            way = points[k + 1] - points[k]
        elif energies[k + 1] < energies[k] < energies[k - 1]:
            way = points[k] - points[k - 1]
        else:
            continue
        way /= np.hypot(*way)
        assert np.hypot(*(force - (force @ way) * way)) <= 1e-2


def test_without_climbing_the_images_stand_evenly() -> None:
    middle, shallow = exact(MIDDLE)[0], exact(SHALLOW)[0]
    path = minimum_energy_path(mueller_brown, [middle], [shallow], 6, fmax=1e-3, climb=False)
    assert path.success
    apart = np.diff(path.distances)
    assert np.ptp(apart) < 0.01 * apart.mean()
    assert path.fun < exact(LOW)[1]


def hop() -> tuple[Any, Any]:
    """An atom on a sheet of others, from one hollow to the next."""
    sheet = np.array([[a + b / 2, b * 3**0.5 / 2, 0.0] for a in range(4) for b in range(4)]) * 2 ** (1 / 6)
    first, second = (
        np.vstack([sheet, (sheet[i] + sheet[j] + sheet[k]) / 3 + [0, 0, 0.9]])
        for i, j, k in ((5, 6, 9), (6, 9, 10))
    )
    return first, second


def test_atoms_held_stay_and_an_atom_hops_over_a_bridge() -> None:
    first, second = hop()
    held = np.arange(16)
    ends = [minimize_energy(LennardJones(), one, fixed=held, fmax=1e-8).x for one in (first, second)]
    path = minimum_energy_path(LennardJones(), *ends, 5, fmax=1e-5, fixed=held)
    assert path.success
    assert np.array_equal(path.x[:, :16], np.broadcast_to(ends[0][:16], (7, 16, 3)))

    # The stationary point over the bridge, by SciPy.
    def force(p: Any) -> Any:
        return LennardJones()(np.vstack([ends[0][:16], p]))[1][16]

    at = fsolve(force, (ends[0][16] + ends[1][16]) / 2, xtol=1e-12)
    top = LennardJones()(np.vstack([ends[0][:16], at]))[0]
    assert path.fun == pytest.approx(top, abs=1e-9)
    assert path.barrier > 0.1


@pytest.mark.parametrize(("length", "force"), [(1e-10, 1.6e-9), (1e3, 1e-4)])
def test_units_change_nothing_but_the_units(length: float, force: float) -> None:
    middle, shallow = exact(MIDDLE)[0], exact(SHALLOW)[0]

    def scaled(positions: Any) -> Any:
        value, forces = mueller_brown(positions / length)
        return value * force * length, forces * force

    plain = minimum_energy_path(mueller_brown, [middle], [shallow], 5, fmax=1e-3)
    other = minimum_energy_path(scaled, [middle * length], [shallow * length], 5, fmax=1e-3 * force)
    assert other.success
    assert other.nit == plain.nit
    assert other.barrier / (force * length) == pytest.approx(plain.barrier, rel=1e-6)


def test_too_few_steps_are_no_success() -> None:
    deep, shallow = exact(DEEP)[0], exact(SHALLOW)[0]
    path = minimum_energy_path(mueller_brown, [deep], [shallow], 7, fmax=1e-6, options={"maxiter": 5})
    assert not path.success
    assert path.outcome == "budget"
    assert path.nit <= 5
    assert "Not converged" in path.message
    assert path.largest_force > 1e-6


@pytest.mark.parametrize("most", [30, 100, 200])
def test_a_budget_of_calls_is_of_the_whole_search_and_of_all_its_calls(most: int) -> None:
    deep, shallow = exact(DEEP)[0], exact(SHALLOW)[0]
    calls = []

    def counted(positions: Any) -> Any:
        calls.append(1)
        return mueller_brown(positions)

    path = minimum_energy_path(counted, [deep], [shallow], 7, fmax=1e-6, options={"maxfun": most})
    assert path.outcome == "budget"
    assert path.nfev == len(calls) <= most


@pytest.mark.parametrize("maxiter", [None, np.inf])
def test_what_went_before_the_climb_is_told_too(maxiter: Any) -> None:
    deep, shallow = exact(DEEP)[0], exact(SHALLOW)[0]
    options = {"return_all": True, "maxiter": maxiter}
    path = minimum_energy_path(mueller_brown, [deep], [shallow], 5, fmax=1e-3, options=options)
    assert path.success
    assert path.history["iteration"].tolist() == list(range(path.nit + 1))
    assert np.all(np.diff(path.history["seconds"]) >= 0)
    assert path.seconds >= path.history["seconds"][-1]
    # As positions, from the straight line to the answer.
    assert path.path.shape == (path.nit + 1, 7 * 2)
    assert path.path[0] == pytest.approx(np.linspace(deep, shallow, 7).ravel(), abs=1e-12)
    assert path.path[-1] == pytest.approx(path.x.ravel(), abs=1e-12)


def test_forces_that_are_very_small_are_not_0() -> None:
    """Their squares are."""
    small = 1e-200
    middle, shallow = exact(MIDDLE)[0], exact(SHALLOW)[0]

    def scaled(positions: Any) -> Any:
        value, forces = mueller_brown(positions)
        return small * value, small * forces

    path = minimum_energy_path(scaled, [middle], [shallow], 5, fmax=1e-3 * small)
    force = mueller_brown(path.x[path.saddle])[1]
    assert path.success
    assert 0 < path.largest_force <= 1e-3 * small
    assert np.hypot(*force[0]) <= 1e-3
    assert path.fun / small == pytest.approx(exact(LOW)[1], abs=1e-6)


def test_forces_that_belong_to_nothing_are_no_success() -> None:
    rng = np.random.default_rng(0)

    def noise(positions: Any) -> Any:
        value, forces = mueller_brown(positions)
        return value, forces + rng.normal(size=forces.shape)

    path = minimum_energy_path(
        noise, [exact(DEEP)[0]], [exact(SHALLOW)[0]], 5, fmax=1e-3, options={"maxiter": 300}
    )
    assert not path.success


def test_ends_that_are_not_minima_and_paths_without_a_barrier_are_said() -> None:
    shallow, saddle = exact(SHALLOW)[0], exact(LOW)[0]
    path = minimum_energy_path(mueller_brown, [saddle], [shallow], 4, fmax=1e-2)
    assert [finding.kind for finding in path.findings] == ["no_barrier"]
    assert path.saddle is None
    assert path.barrier == 0
    path = minimum_energy_path(mueller_brown, [shallow + 0.05], [exact(MIDDLE)[0]], 4, fmax=1e-2)
    assert "end_not_a_minimum" in [finding.kind for finding in path.findings]


def test_a_guess_leads_along_another_way() -> None:
    """Round a hill by either side."""

    def hill(positions: Any) -> Any:
        x, y = positions[0]
        top = 3 * np.exp(-2 * (x**2 + y**2))
        value = (x**2 + y**2 - 1) ** 2 + top + 0.2 * y
        both = 4 * (x**2 + y**2 - 1) - 4 * top
        return value, -np.array([[both * x, both * y + 0.2]])

    ends = [np.array([[-1.0, 0.0]]), np.array([[1.0, 0.0]])]
    angles = np.linspace(np.pi, 0, 9)[1:-1]
    above = np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None]
    over = minimum_energy_path(hill, *ends, 7, fmax=1e-3, guess=above)
    under = minimum_energy_path(hill, *ends, 7, fmax=1e-3, guess=above * [1, -1])
    assert over.x[4, 0, 1] > 0 > under.x[4, 0, 1]


@pytest.mark.parametrize("further", [0, 3, 40])
def test_a_straight_way_over_a_hill_is_said_to_have_a_lower_one_beside(further: int) -> None:
    """Along the line all forces are along it. Further coordinates, each of which bends up, hide the one that falls."""
    stiff = np.linspace(1, 9, further)

    def hill(positions: Any) -> Any:
        x, y, rest = positions[0, 0], positions[0, 1], positions[0, 2:]
        both = 4 * (x**2 + y**2 - 1)
        value = (x**2 + y**2 - 1) ** 2 + 0.1 * y**2 + (stiff * rest**2).sum()
        return float(value), -np.array([[both * x, both * y + 0.2 * y, *(2 * stiff * rest)]])

    ends = np.zeros((2, 1, 2 + further))
    ends[:, 0, 0] = -1, 1
    straight = minimum_energy_path(hill, *ends, fmax=1e-4)
    assert straight.barrier == pytest.approx(1)
    assert [finding.kind for finding in straight.findings] == ["falls_across"]
    if not further:
        # The only direction there is: 4 (0 - 1) + 0.2, by hand.
        assert straight.findings[0].evidence["bend"] == pytest.approx(-3.8, abs=1e-3)
    guess = np.linspace(*ends, 9)[1:-1]
    guess[:, 0, 1] = 0.01
    round_it = minimum_energy_path(hill, *ends, fmax=1e-4, guess=guess)
    # At (0, y) with y² = 0.95: 0.05² + 0.095.
    assert round_it.barrier == pytest.approx(0.0975, abs=1e-6)
    assert not round_it.findings


def test_the_picture_and_pickles(tmp_path: Path) -> None:
    path = minimum_energy_path(mueller_brown, [exact(MIDDLE)[0]], [exact(SHALLOW)[0]], 5)
    axes = path.plot(file=tmp_path / "path.svg")
    assert (tmp_path / "path.svg").stat().st_size > 1000
    # The curve goes through the images, and has its top at the saddle.
    x, y = axes.lines[0].get_data()
    assert np.interp(path.distances, x, y) == pytest.approx(path.energies, abs=1e-9)
    assert y.max() == pytest.approx(path.fun, abs=0.05)
    again = pickle.loads(pickle.dumps(path))
    assert type(again) is type(path)
    assert again.barrier == path.barrier


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"end": [[0.6, 0.0], [1, 1]]}, "start and end must have the same shape"),
        ({"end": [[-0.55, 1.44]]}, "start and end are the same positions"),
        ({"images": 0}, "images must be at least 1"),
        ({"images": 2.5}, "images must be a whole number"),
        ({"fmax": 0}, "fmax must be a force above 0"),
        ({"guess": [[[0, 0]]]}, r"guess must have the shape \(7, 1, 2\)"),
        ({"guess": [[[0, 0]], [[0]]]}, r"guess must have the shape \(7, 1, 2\)"),
        ({"options": {"maxiter": 2.5}}, "maxiter must be a whole number"),
        ({"fixed": [[True, False]]}, "atom 0 is held, and lies at -0.55 in the start and 0.6 in the end"),
        ({"energy": 3}, "energy must be a function"),
        ({"energy": lambda p: (np.nan, p)}, "the energy is nan in the start"),
        ({"options": {"gtol": 1}}, "gtol says when to stop"),
        ({"options": 3}, "options must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"energy": mueller_brown, "start": [[-0.55, 1.44]], "end": [[0.6, 0.0]]}
    with pytest.raises(InputError, match=words):
        minimum_energy_path(**{**given, **change})
