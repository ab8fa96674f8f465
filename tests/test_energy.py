"""Energies: potentials against sums written out in NumPy, known clusters, what must not matter, and bad input."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from steepest.energy import LennardJones, Morse, Springs, Yukawa, minimize_energy
from steepest.errors import InputError


def lennard_jones(x: np.ndarray) -> tuple[float, np.ndarray]:
    """All pairs, written out."""
    d = x[:, None] - x[None]
    q = (d**2).sum(-1)
    np.fill_diagonal(q, np.inf)
    s6 = q**-3
    return 2 * (s6 * s6 - s6).sum(), ((24 * (2 * s6 * s6 - s6) / q)[:, :, None] * d).sum(1)


def start(n: int, seed: int) -> np.ndarray:
    """Atoms in a ball, none nearer to another than 0.8."""
    random = np.random.default_rng(seed)
    radius = (n / 3.1) ** (1 / 3)
    points: list[np.ndarray] = []
    while len(points) < n:
        p = random.uniform(-radius, radius, 3)
        if p @ p < radius**2 and all(((p - q) ** 2).sum() > 0.64 for q in points):
            points.append(p)
    return np.array(points)


def icosahedron() -> np.ndarray:
    golden = (1 + 5**0.5) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    shell = np.array([np.roll(c, k) for c in corners for k in range(3)])
    return np.vstack([np.zeros(3), shell * 1.08 / np.linalg.norm(shell[0])])


def test_energy_and_forces_are_the_sum_over_all_pairs() -> None:
    x = start(60, 0)
    energy, forces = LennardJones()(x)
    expected, push = lennard_jones(x)
    assert energy == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(forces, push, rtol=1e-10, atol=1e-9)


def test_the_icosahedron_of_thirteen() -> None:
    x = icosahedron() + 0.02 * np.random.default_rng(1).standard_normal((13, 3))
    result = minimize_energy(LennardJones(), x, fmax=1e-6)
    assert result.success
    # The Cambridge Cluster Database.
    assert result.fun == pytest.approx(-44.326801, abs=1e-6)


@pytest.mark.parametrize("n", [13, 38])
@pytest.mark.parametrize("method", [None, "lbfgs", "nonlinear_cg"])
def test_what_is_claimed_holds_at_the_positions_returned(n: int, method: str | None) -> None:
    for seed in range(4):
        for energy in (LennardJones(), lennard_jones):
            result = minimize_energy(energy, start(n, seed), method=method, fmax=1e-3)
            value, forces = lennard_jones(result.x)
            assert result.success
            assert np.sqrt((forces**2).sum(1)).max() <= 1e-3 * (1 + 1e-9)
            assert result.fun == pytest.approx(value, rel=1e-12)


def test_origin_and_units_change_nothing_of_note() -> None:
    x = start(13, 3)
    plain = minimize_energy(LennardJones(), x, fmax=1e-3)
    far = minimize_energy(LennardJones(), x + np.array([100.0, 0, -50.0]), fmax=1e-3)
    assert far.fun == pytest.approx(plain.fun, abs=1e-5)
    # Metres and joules: nothing is near 1.
    small = LennardJones(epsilon=1.65e-21, sigma=3.4e-10)
    result = minimize_energy(small, 3.4e-10 * x, fmax=1e-3 * 1.65e-21 / 3.4e-10)
    assert result.success
    assert result.fun / 1.65e-21 == pytest.approx(plain.fun, abs=1e-4)


def test_turned_and_renumbered_atoms_have_the_same_energy() -> None:
    x, potential = start(20, 5), LennardJones()
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    order = np.random.default_rng(1).permutation(20)
    energy, forces = potential(x)
    turned, pushed = potential((x @ turn)[order])
    assert turned == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(pushed, (forces @ turn)[order], rtol=1e-9, atol=1e-9)


def test_a_row_of_three_is_no_minimum() -> None:
    """By symmetry no force leads out of the line: only a look across does."""
    result = minimize_energy(LennardJones(), [[0, 0, 0], [1.1, 0, 0], [2.2, 0, 0]], fmax=1e-6)
    assert result.success
    assert result.fun == pytest.approx(-3.0, abs=1e-9)


@pytest.mark.parametrize("potential", [LennardJones(), LennardJones(cutoff=2.5), Morse(steepness=5.0)])
def test_what_near_pairs_resist_saves_calls(potential: Any) -> None:
    """The same energy as a function tells nothing of its pairs."""
    led, plain = 0, 0
    for seed in range(4):
        x = 1.05 * start(38, seed)
        with_pairs = minimize_energy(potential, x, fmax=1e-3, method="lbfgs")
        without = minimize_energy(lambda x: potential(x), x, fmax=1e-3, method="lbfgs")
        assert with_pairs.success
        assert without.success
        assert np.hypot.reduce(potential(with_pairs.x)[1], axis=1).max() <= 1e-3
        led, plain = led + with_pairs.nfev, plain + without.nfev
    assert 3 * led < 2 * plain


def test_fixed_atoms_stay() -> None:
    x = start(13, 2)
    result = minimize_energy(LennardJones(), x, fixed=[0, 5], fmax=1e-4)
    assert result.success
    assert (result.x[[0, 5]] == x[[0, 5]]).all()
    forces = lennard_jones(result.x)[1]
    moving = np.delete(np.arange(13), [0, 5])
    assert np.sqrt((forces[moving] ** 2).sum(1)).max() <= 1e-4 * (1 + 1e-9)
    level = np.zeros(x.shape, dtype=bool)
    level[:, 2] = True
    assert (minimize_energy(LennardJones(), x, fixed=level).x[:, 2] == x[:, 2]).all()


def test_a_crystal_that_was_shaken_comes_back() -> None:
    grid = np.array([[a, b, c] for a in range(4) for b in range(4) for c in range(4)], dtype=float)
    faces = np.concatenate([grid + s for s in ([0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0])])
    a = 1.56
    potential = LennardJones(cutoff=2.5, cell=[4 * a] * 3)
    perfect = potential(a * faces)[0]
    shaken = a * faces + 0.05 * np.random.default_rng(0).standard_normal(faces.shape)
    result = minimize_energy(potential, shaken, fmax=1e-5)
    assert result.success
    assert result.fun == pytest.approx(perfect, abs=1e-6)


def test_springs_between_fixed_ends() -> None:
    """A chain of n equal springs without a length of their own, with its ends held, is straight: ½ k L² / n."""
    x = np.random.default_rng(0).standard_normal((11, 3))
    x[0], x[10] = (0, 0, 0), (5, 0, 0)
    ends = [[i, i + 1] for i in range(10)]
    result = minimize_energy(Springs(ends, 3.0), x, fixed=[0, 10], fmax=1e-8)
    assert result.success
    assert result.fun == pytest.approx(0.5 * 3.0 * 25 / 10, rel=1e-10)


@pytest.mark.parametrize(
    "potential", [LennardJones(cutoff=2.0, cell=[9, 9, 9]), Morse(), Yukawa(), Springs([[0, 1], [1, 2]])]
)
def test_a_potential_is_pickled(potential: object) -> None:
    x = start(8, 0)
    for again in (pickle.loads(pickle.dumps(potential)), copy.deepcopy(potential)):
        assert again(x)[0] == potential(x)[0]  # type: ignore[operator]
        assert repr(again) == repr(potential)


def test_a_potential_is_what_it_was_made_of() -> None:
    """What the caller does to arrays afterwards changes nothing, pickled or not."""
    x, edges, ends, stiffness = start(8, 0), np.eye(3) * 9, np.array([[0, 1], [1, 2]]), np.array([1.0, 2.0])
    potential = Springs(ends, stiffness, cell=edges)
    before = potential(x)[0]
    edges *= 0.1
    ends[:], stiffness[:] = 3, 0.0
    assert potential(x)[0] == before
    assert pickle.loads(pickle.dumps(potential))(x)[0] == before


def wrong_on_seven(x: np.ndarray) -> tuple[float, np.ndarray]:
    energy, forces = lennard_jones(x)
    forces[7] += [0.0, 3.0, 0.0]
    return energy, forces


@pytest.mark.parametrize("wrong", ["turned", "twice", "one turned"])
def test_fire_names_forces_that_are_not_the_energys(wrong: str) -> None:
    """It looks at forces alone, and went on for some hundred steps, or up to the end of a budget."""
    by = {"turned": -1.0, "twice": 2.0, "one turned": np.where(np.arange(13)[:, None] == 4, -1.0, 1.0)}[wrong]
    result = minimize_energy(
        lambda x: (lennard_jones(x)[0], by * lennard_jones(x)[1]),
        start(13, 0),
        method="fire",
        options={"maxiter": 30},
    )
    assert result.outcome == "gradient_inconsistent", result.message
    assert result.nfev < 100
    if wrong == "one turned":
        assert "on atom 4" in result.message
    if wrong == "turned":
        assert "forces are minus" in result.message


def test_forces_that_are_not_the_energys_are_named() -> None:
    result = minimize_energy(wrong_on_seven, start(13, 0))
    assert not result.success
    assert result.outcome == "gradient_inconsistent"
    assert "atom 7, coordinate 1" in result.message
    turned = minimize_energy(lambda x: (lennard_jones(x)[0], -lennard_jones(x)[1]), start(13, 0))
    assert not turned.success
    assert "forces are minus" in turned.message


def test_forces_written_into_one_array_are_no_wrong_forces() -> None:
    kept = np.empty((13, 3))

    def one_array(x: np.ndarray) -> tuple[float, np.ndarray]:
        energy, kept[:] = lennard_jones(x)
        return energy, kept

    result = minimize_energy(one_array, start(13, 0), fmax=1e-14)
    assert result.outcome == "plateau"
    assert "no step lowers the energy" in result.message
    assert not result.findings


def test_right_forces_are_held_against_the_energy_in_a_few_calls() -> None:
    """At the end of the arithmetic, with many atoms: two calls for each coordinate would be 600."""
    calls = 0

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal calls
        calls += 1
        return potential(x)

    potential = LennardJones()
    result = minimize_energy(counted, start(100, 0), fmax=1e-30)
    assert result.outcome == "plateau"
    assert not result.findings
    assert calls <= result.nfev + 40


@pytest.mark.parametrize("potential", [Yukawa(strength=-1.0), LennardJones(epsilon=-1.0)])
def test_atoms_that_fall_into_each_other_are_no_wrong_forces(potential: Any) -> None:
    """An energy without a least value, whose forces are its own."""
    result = minimize_energy(potential, start(13, 0))
    assert not result.success
    assert result.outcome != "gradient_inconsistent"
    assert "forces are not" not in result.message
    assert "fall into each other" in result.message


def test_an_energy_that_is_not_known_beyond_an_edge_is_said_to_be() -> None:
    def edged(x: Any) -> tuple[float, Any]:
        inside = np.abs(x).max() < 1
        return (np.nan, np.full_like(x, np.nan)) if inside else (0.5 * (x**2).sum(), -x)

    result = minimize_energy(edged, np.random.default_rng(0).normal(size=(6, 3)) * 2)
    assert not result.success
    assert "the energy is not known there" in result.message


@pytest.mark.parametrize("method", [None, "lbfgs", "fire", "gradient_descent"])
@pytest.mark.parametrize("good", [2, 6])
@pytest.mark.parametrize("what", ["energy", "force"])
def test_what_was_found_before_an_energy_broke_down_comes_back(method: Any, good: int, what: str) -> None:
    """A calculator that gives no number any more, wherever it is asked."""
    met: list[float] = []

    def breaks(x: np.ndarray) -> tuple[float, np.ndarray]:
        energy, forces = lennard_jones(x)
        if len(met) < good:
            met.append(energy)
            return energy, forces
        if what == "energy":
            return np.nan, forces
        forces[3, 1] = np.nan
        return energy, forces

    result = minimize_energy(breaks, start(13, 0), method=method)
    assert (result.success, result.outcome) == (False, "not_finite")
    assert result.fun == min(met) == lennard_jones(result.x)[0]
    np.testing.assert_array_equal(result.jac, -lennard_jones(result.x)[1])
    assert f"since call {good + 1}, in step" in result.message
    assert "the energy is nan" in result.message or "the force on atom 3 is nan" in result.message


def test_forces_too_small_to_be_squared_are_forces() -> None:
    """They are above fmax, though their squares are 0."""

    def weak(x: np.ndarray) -> tuple[float, np.ndarray]:
        return 1e-170 * float(x.sum()), np.full(x.shape, -1e-170)

    result = minimize_energy(weak, start(5, 0), fmax=1e-180, options={"maxiter": 20})
    assert not result.success
    assert result.largest_force == pytest.approx(3**0.5 * 1e-170, rel=1e-9, abs=0)


def test_each_kind_of_callback_is_given_positions() -> None:
    seen: list[Any] = []

    def named(intermediate_result: Any) -> None:
        seen.append((intermediate_result.x, intermediate_result.fun))

    def both(x: np.ndarray, so_far: Any) -> None:
        seen.append((x, so_far.fun))

    def plain(x: np.ndarray) -> None:
        seen.append((x, lennard_jones(x)[0]))

    def stops(x: np.ndarray) -> bool:
        seen.append((x, lennard_jones(x)[0]))
        return True

    for callback in (named, both, plain, stops):
        seen.clear()
        result = minimize_energy(LennardJones(), start(13, 0), callback=callback)
        assert len(seen) == result.nit
        for x, energy in seen:
            assert lennard_jones(x)[0] == pytest.approx(energy, rel=1e-9)
    assert result.outcome == "stopped"
    assert len(seen) == 1


@pytest.mark.parametrize("repeats", [True, [True, True, False]])
@pytest.mark.parametrize("cell", [[[4, 0, 0], [1, 4, 0], [0, 0, 4]], [[4, 0, 0], [12**0.5, 2, 0], [0, 0, 9]]])
def test_a_spring_goes_the_shortest_way(cell: Any, repeats: Any) -> None:
    """Half of each edge at most is not the shortest in a skewed cell."""
    spring, edges = Springs([[0, 1]], 2.0, cell=cell, pbc=repeats), np.array(cell, dtype=float)
    turns = np.array([[a, b, c] for a in range(-6, 7) for b in range(-6, 7) for c in range(-3, 4)])
    if repeats is not True:
        turns = turns[turns[:, 2] == 0]
    for d in np.random.default_rng(0).uniform(-6, 6, (200, 3)):
        least = ((d + turns @ edges) ** 2).sum(1).min()
        assert spring([d, [0, 0, 0]])[0] == pytest.approx(least, rel=1e-12)


def test_atoms_on_each_other_and_atoms_very_far_apart() -> None:
    together = [[0.0, 0, 0], [0.0, 0, 0]]
    for potential in (Morse(), Morse(cutoff=2.0)):
        assert (potential(together)[1] == 0).all()
    apart = minimize_energy(LennardJones(), 1e200 * start(4, 0))
    assert apart.success
    assert apart.fun == 0


@pytest.mark.parametrize("method", [None, "bfgs", "nonlinear_cg"])
def test_atoms_that_begin_in_each_other_come_apart(method: Any) -> None:
    # One of 60 by chance has atoms so near that the energy is 1e18, and 250 after the first step.
    random = np.random.default_rng(0)
    for k in range(60):
        x = 1.5 * random.uniform(-1, 1, (13, 3))
        result = minimize_energy(LennardJones(), x, method=method)
        assert result.success, (k, result.message)
        energy, forces = lennard_jones(result.x)
        assert energy == pytest.approx(result.fun)
        assert energy < 0
        assert np.linalg.norm(forces, axis=1).max() <= 1e-3


@pytest.mark.parametrize(
    ("factor", "noise", "wrong"), [(1.0, 1e-3, False), (2.0, 1e-9, True), (-1.0, 1e-9, True)]
)
def test_a_noisy_energy_is_no_reason_to_call_its_forces_wrong(
    factor: float, noise: float, wrong: bool
) -> None:
    random = np.random.default_rng(0)

    def noisy(p: np.ndarray) -> tuple[float, np.ndarray]:
        energy, forces = LennardJones()(p)
        return energy + noise * random.standard_normal(), factor * forces

    result = minimize_energy(noisy, start(13, 0), fmax=1e-3)
    assert not result.success
    assert (result.outcome == "gradient_inconsistent") == wrong
    assert ("forces_inconsistent" in {f.kind for f in result.findings}) == wrong


def test_no_success_where_fmax_is_beyond_the_arithmetic() -> None:
    result = minimize_energy(LennardJones(), start(13, 0), fmax=1e-300)
    assert not result.success


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: minimize_energy(LennardJones(), x[[0, 1, 0]]), "atoms 0 and 2 lie on top"),
        (lambda x: minimize_energy(lennard_jones, [[0.0, 0, 0], [np.nan, 0, 0]]), "atom 1, coordinate 0"),
        (lambda x: minimize_energy(lambda p: (0.0, p * np.nan), x), "the force on atom 0 is nan"),
        (lambda x: minimize_energy(lambda p: 1.0, x), r"must return \(energy, forces\)"),
        (lambda x: minimize_energy(lambda p: (1.0, p[:2]), x), "shape of the positions"),
        (lambda x: minimize_energy(LennardJones(), x, fmax=0), "fmax must be"),
        (lambda x: minimize_energy(LennardJones(), x, fixed=[40]), "fixed names atom 40"),
        (lambda x: minimize_energy(LennardJones(), x, fixed=np.ones(13, bool)), "every atom"),
        (lambda x: minimize_energy(LennardJones(), x, options={"gtol": 1}), "leave gtol out"),
        (lambda x: minimize_energy(LennardJones(), x[:, :2]), "three numbers an atom"),
        (lambda x: LennardJones()("three atoms"), "positions must be numbers"),
        (lambda x: LennardJones(cutoff=2.0, cell=[[1, 0, 0], [2, 0, 0], [0, 0, 3]]), "span a volume"),
        (lambda x: LennardJones(cutoff=3.0, cell=[5, 9, 9]), "at most half of the least height"),
        (lambda x: LennardJones(cell=[5, 9, 9]), "cutoff must be given"),
        (lambda x: LennardJones(cutoff=-1), "cutoff must be"),
        (lambda x: Springs([[0, 40]])(x), "ends at atom 40"),
        (lambda x: Springs([[0, 1], [2]]), "two atoms a row"),
        (lambda x: Springs([[0, 1]], np.nan), "stiffness must be one finite number"),
        (lambda x: Springs([[0, 1]], [1.0, 2.0]), "one for each of the 1 springs"),
        (lambda x: Springs([[0, 1]], 1.0, "long"), "length must be numbers"),
        (lambda x: LennardJones(epsilon=np.inf), "epsilon must be finite"),
        (lambda x: LennardJones(sigma=0), "sigma must be a number above 0"),
        (lambda x: Morse(distance=-1), "distance must be a number above 0"),
        (lambda x: Yukawa(screening=-1), "screening must be at least 0"),
        (lambda x: LennardJones(cutoff=2.0, cell="wide"), "cell must be numbers"),
        (
            lambda x: LennardJones(cutoff=2.0, cell=[9, 9, 9], pbc=[True, False]),
            "pbc must be one truth value",
        ),
        (lambda x: LennardJones()([["a", "b", "c"]]), "positions must be numbers"),
        (lambda x: minimize_energy(lambda p: (1.0, p * 1j), x), "forces must be numbers"),
        (lambda x: minimize_energy(lambda p: (p.sum(axis=0), p), x), "energy must be one number"),
        (lambda x: minimize_energy(lambda p: ("low", p), x), "energy must be numbers"),
        (lambda x: minimize_energy(LennardJones(), x, fixed=[[0], [1, 2]]), "fixed must be one row"),
        (lambda x: minimize_energy(LennardJones(), x, options=["gtol"]), "options must be a mapping"),  # type: ignore[arg-type]
        (lambda x: minimize_energy(LennardJones(), x, callback=3), "callback must be a function"),  # type: ignore[arg-type]
        (lambda x: minimize_energy(LennardJones(), x, method="adam"), "stops by the size of forces"),
    ],
)
def test_bad_input_is_named(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(start(13, 0))  # type: ignore[operator]


def morse(x: np.ndarray) -> tuple[float, np.ndarray]:
    """All pairs, written out."""
    d = x[:, None] - x[None]
    r = np.sqrt((d**2).sum(-1)) + np.eye(len(x))
    e = np.exp(-4 * (r - 1)) * (1 - np.eye(len(x)))
    return 0.5 * (e * (e - 2)).sum(), ((8 * e * (e - 1) / r)[:, :, None] * d).sum(1)


@pytest.mark.parametrize("energy", [lennard_jones, morse])
@pytest.mark.parametrize(("n", "most"), [(13, 20), (38, 25), (55, 30)])
def test_forces_of_pairs_are_learned_from_few_calls(energy: Any, n: int, most: int) -> None:
    calls = [0]

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        calls[0] += 1
        return energy(x)

    for seed in range(3):
        calls[0] = 0
        result = minimize_energy(counted, start(n, seed))
        value, forces = energy(result.x)
        assert result.success
        assert np.sqrt((forces**2).sum(1)).max() <= 1e-3
        assert result.fun == pytest.approx(value, rel=1e-12)
        # Those of the descent, one at the start and one at the end; L-BFGS takes from 60 to 250.
        assert calls[0] <= result.nfev + 2 <= most
        # A minimum: by differences of forces no way leads down.
        h = 1e-5
        sides = [
            energy(result.x + s * h * e.reshape(n, 3))[1].ravel() for e in np.eye(3 * n) for s in (1, -1)
        ]
        bends = (np.array(sides[1::2]) - np.array(sides[::2])) / (2 * h)
        assert np.linalg.eigvalsh(0.5 * (bends + bends.T))[0] > -1e-2
        losses = result.history["loss"]
        assert (np.diff(losses) < 0).all()
        assert len(losses) == result.nit + 1
        assert losses[0] == pytest.approx(energy(start(n, seed))[0], rel=1e-12)


def test_energies_that_are_not_those_of_pairs_lose_a_few_calls_at_most() -> None:
    """Each atom in a well of its own, of which no distance between atoms tells anything."""
    random = np.random.default_rng(0)
    wells, stiff = 3 * random.standard_normal((20, 3)), random.uniform(1, 30, (20, 3))

    def energy(x: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.5 * (stiff * (x - wells) ** 2).sum(), -stiff * (x - wells)

    begin = wells + random.standard_normal((20, 3))
    led, alone = (minimize_energy(energy, begin, method, fmax=1e-6) for method in (None, "lbfgs"))
    np.testing.assert_allclose(led.x, wells, atol=1e-6)
    assert led.nfev <= alone.nfev + 10


def test_budgets_and_callbacks_hold_while_models_lead() -> None:
    x = start(38, 0)
    calls = [0]

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        calls[0] += 1
        return lennard_jones(x)

    for most in (1, 2, 4):
        calls[0] = 0
        result = minimize_energy(counted, x, options={"maxfun": most})
        assert (result.success, result.outcome) == (False, "budget")
        assert result.nfev <= most
        assert calls[0] <= most + 2
        assert minimize_energy(counted, x, options={"maxiter": most}).nit == most
    seen: list[np.ndarray] = []

    def twice(x: np.ndarray) -> bool:
        seen.append(x)
        return len(seen) == 2

    result = minimize_energy(lennard_jones, x, callback=twice)
    assert (result.success, result.outcome, result.nit, len(seen)) == (False, "stopped", 2, 2)
    assert np.array_equal(result.x, seen[-1])
    assert result.fun == lennard_jones(seen[-1])[0]


def test_a_saddle_to_which_models_lead_is_left() -> None:
    """Four in a plane: no force leads out of it, and the energy is lowest at the corners of a tetrahedron."""
    square = 1.1 * np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    result = minimize_energy(lennard_jones, square, fmax=1e-5)
    assert result.success
    assert result.fun == pytest.approx(-6.0, abs=1e-6)


@pytest.mark.parametrize("factor", [1.2, 0.5])
def test_forces_that_the_energy_has_not_are_found_though_a_model_explains_them(factor: float) -> None:
    def wrong(x: np.ndarray) -> tuple[float, np.ndarray]:
        energy, forces = lennard_jones(x)
        return energy, factor * forces

    result = minimize_energy(wrong, start(13, 0))
    assert not result.success
    assert result.outcome == "gradient_inconsistent"


def test_some_atoms_held_and_two_dimensions_are_led_too() -> None:
    x = start(20, 1)
    result = minimize_energy(lennard_jones, x, fixed=[0, 5])
    assert result.success
    assert result.nfev <= 25
    assert np.array_equal(result.x[[0, 5]], x[[0, 5]])
    flat = np.random.default_rng(0).permutation(np.indices((4, 4)).reshape(2, -1).T) * 1.1
    flat += 0.1 * np.random.default_rng(1).standard_normal(flat.shape)
    result = minimize_energy(lennard_jones, flat)
    assert result.success
    assert result.nfev <= 25
