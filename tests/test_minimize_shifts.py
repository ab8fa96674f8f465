"""Gradients by shifted angles: held against exact derivatives of small circuits, and in what they cost and refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import steepest
from steepest.errors import InputError

Floats = NDArray[np.float64]
EYE = np.eye(2)
X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0, -1.0])


def on(qubit: int, gate: Any, qubits: int) -> Any:
    """A gate of one qubit, on that one of several."""
    out = np.eye(1)
    for q in range(qubits):
        out = np.kron(out, gate if q == qubit else EYE)
    return out


class Circuit:
    """Rotations exp(-i angle G / 2), G² = 1, with entangling gates after each layer; the energy of a chain of spins."""

    def __init__(self, qubits: int, layers: int, share: bool = False) -> None:
        self.n = qubits
        self.gates: list[tuple[int | None, Any]] = []
        angle = 0
        for _ in range(layers):
            for q in range(qubits):
                for pauli in (Y, Z):
                    self.gates.append((angle, on(q, pauli, qubits)))
                    angle += 1
            for q in range(qubits - 1):
                flip = (np.eye(2**qubits) + on(q, Z, qubits)) / 2
                flip = flip + (np.eye(2**qubits) - on(q, Z, qubits)) / 2 @ on(q + 1, X, qubits)
                self.gates.append((None, flip))
            if share:
                angle = 0
        self.angles = 2 * qubits if share else angle
        bonds = sum(on(q, Z, qubits) @ on(q + 1, Z, qubits) for q in range(qubits - 1))
        self.energy = bonds + 0.7 * sum(on(q, X, qubits) for q in range(qubits))
        self.calls = 0

    def state(self, x: Floats, turned: int | None = None) -> Any:
        """The state; with the derivative of one gate in its place."""
        psi = np.zeros(2**self.n, complex)
        psi[0] = 1
        for k, (angle, gate) in enumerate(self.gates):
            if angle is None:
                psi = gate @ psi
                continue
            half = x[angle] / 2
            psi = np.cos(half) * psi - 1j * np.sin(half) * (gate @ psi)
            if k == turned:
                psi = -0.5j * (gate @ psi)
        return psi

    def __call__(self, x: Floats) -> float:
        self.calls += 1
        psi = self.state(x)
        return float(np.real(psi.conj() @ self.energy @ psi))

    def slope(self, x: Floats) -> Floats:
        """The product rule, gate by gate."""
        out, psi = np.zeros(self.angles), self.state(x)
        for k, (angle, _) in enumerate(self.gates):
            if angle is not None:
                out[angle] += 2 * np.real(psi.conj() @ self.energy @ self.state(x, k))
        return out

    def least(self) -> float:
        return float(np.linalg.eigvalsh(self.energy)[0])


def gradient(fun: Any, x: Floats, jac: Any) -> Floats:
    """What the first step sees: the path of plain gradient steps tells it."""
    for step in steepest.descend(
        fun, x, jac=jac, method="steepest_descent", rate=1.0, options={"maxiter": 1}
    ):
        last = step.x
    return np.asarray(x - last)


@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_of_a_circuit_is_exact(seed: int) -> None:
    circuit = Circuit(3, 2)
    x = np.random.default_rng(seed).uniform(-np.pi, np.pi, circuit.angles)
    np.testing.assert_allclose(gradient(circuit, x, "parameter-shift"), circuit.slope(x), atol=1e-13)


@pytest.mark.parametrize("layers", [2, 3])
def test_an_angle_of_several_gates_has_as_many_frequencies(layers: int) -> None:
    circuit = Circuit(2, layers, share=True)
    x = np.random.default_rng(9).uniform(-np.pi, np.pi, circuit.angles)
    for r in (layers, [layers] * circuit.angles, layers + 1):
        np.testing.assert_allclose(gradient(circuit, x, ("parameter-shift", r)), circuit.slope(x), atol=1e-12)
    with pytest.raises(InputError, match="along one direction shifts tell a slope of"):
        gradient(circuit, x, "parameter-shift")


def test_a_ground_state_is_found_and_claimed() -> None:
    circuit = Circuit(3, 3)
    x = np.random.default_rng(1).uniform(-0.1, 0.1, circuit.angles)
    r = steepest.minimize(circuit, x, jac="parameter-shift")
    assert r.success, r.message
    assert np.abs(circuit.slope(r.x)).max() < 1e-5
    assert r.fun == pytest.approx(circuit.least(), abs=1e-6)
    # Every value counts: two for each angle a gradient, beside those of the check at the start.
    assert r.nfev == circuit.calls
    assert r.nfev >= 2 * circuit.angles * r.njev
    by_differences = steepest.minimize(circuit, x, jac="3-point")
    assert np.abs(circuit.slope(by_differences.x)).max() < 1e-3


def test_what_is_measured_by_shots_claims_no_more_than_it_knows() -> None:
    circuit, rng = Circuit(2, 2), np.random.default_rng(0)
    shots = lambda x: circuit(x) + 0.02 * rng.normal()  # noqa: E731
    r = steepest.minimize(
        shots, np.full(circuit.angles, 0.3), jac="parameter-shift", options={"maxfun": 4000}
    )
    assert not (r.success and circuit(r.x) - circuit.least() > 0.05)
    assert r.outcome != "gradient_inconsistent"
    by_rule = steepest.minimize(
        shots, np.full(circuit.angles, 0.3), jac="parameter-shift", method="adam",
        options={"maxiter": 150, "rate": 0.1},
    )  # fmt: skip
    assert circuit(by_rule.x) - circuit.least() < 0.15


@pytest.mark.parametrize("seed", [10, 21, 22])
@pytest.mark.parametrize("odd", [0.0, 1.0])
def test_a_symmetric_start_hides_no_frequencies(seed: int, odd: float) -> None:
    """All cosines are flat at 0, whatever their frequency is: the shifts agreed there with differences, and success was
    claimed of what they told elsewhere."""
    rng, k = np.random.default_rng(seed), np.arange(1, 3)
    height, off = rng.normal(size=(2, 2))
    waves = lambda x: float(height @ np.cos(k * x[0]) + odd * off[0] * np.sin(x[0]))  # noqa: E731
    with pytest.raises(InputError, match="no frequencies along each but 1"):
        steepest.minimize(waves, [0.0], jac="parameter-shift")
    r = steepest.minimize(waves, [0.0], jac=("parameter-shift", 2))
    angles = np.linspace(-np.pi, np.pi, 20001)[:, None]
    slope = -height @ (k * np.sin(k * r.x)) + odd * off[0] * np.cos(r.x[0])
    assert r.success, r.message
    assert abs(slope) < 1e-3 * max(abs(waves(x)) for x in angles)


def test_what_is_refused() -> None:
    fun = lambda x: float(np.cos(x).sum())  # noqa: E731
    with pytest.raises(InputError, match="no frequencies along each but 1"):
        steepest.minimize(lambda x: float(np.sum((x - 1) ** 2)), [0.5, 0.2], jac="parameter-shift")
    with pytest.raises(InputError, match="beyond any bounds"):
        steepest.minimize(fun, [0.5], jac="parameter-shift", bounds=[(0, 4)])
    for r in (0, 1.5, "a", [1, 2, 3], None, -1, np.nan):
        with pytest.raises(InputError, match="the frequencies of parameter-shift must be"):
            steepest.minimize(fun, [0.5, 0.1], jac=("parameter-shift", r))
    with pytest.raises(InputError, match="jac must be a function"):
        steepest.minimize(fun, [0.5], jac=("parameter-shift", 1, 2))
    r = steepest.minimize(fun, [0.5], jac="parameter-shift")
    assert r.success
    assert r.fun == pytest.approx(-1, abs=1e-9)
