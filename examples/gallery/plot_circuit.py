"""
The ground state of a quantum circuit
=====================================

A circuit of rotations and entangling gates prepares a state, the angles are the variables, and the energy of a
chain of four spins in that state is what is minimised (a variational eigensolver). A machine gives values only, but
along each angle the energy is a sine: two values half a turn apart tell its slope exactly. Here the circuit is
computed with NumPy, so that the lowest energy is known.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

QUBITS, LAYERS = 4, 4
FLIP = np.array([[0, 1], [1, 0]])
SIGN = np.diag([1.0, -1.0])


def on(qubit, gate):
    """A gate of one qubit, on that one of the four."""
    out = np.eye(1)
    for q in range(QUBITS):
        out = np.kron(out, gate if q == qubit else np.eye(2))
    return out


X, Z = ([on(q, gate) for q in range(QUBITS)] for gate in (FLIP, SIGN))
NOT = [0.5 * ((np.eye(16) + Z[q]) + (np.eye(16) - Z[q]) @ X[q + 1]) for q in range(QUBITS - 1)]
ENERGY = -sum(Z[q] @ Z[q + 1] for q in range(QUBITS - 1)) - 1.2 * sum(X)
LEAST = np.linalg.eigvalsh(ENERGY)[0]


def energy(angles):
    """Each qubit is turned by its angle, then each flips the next where it is 1; as many times as there are layers."""
    state = np.eye(16)[0]
    for layer in angles.reshape(LAYERS, QUBITS):
        for q, angle in enumerate(layer):
            state = np.cos(angle / 2) * state - np.sin(angle / 2) * (Z[q] @ X[q] @ state)
        for flip in NOT:
            state = flip @ state
    return state @ ENERGY @ state


start = np.random.default_rng(0).uniform(-0.5, 0.5, LAYERS * QUBITS)
exact = steepest.minimize(energy, start, jac="parameter-shift")
print(exact)
print(f"above the ground state: {exact.fun - LEAST:.1e}")

# %%
# A real machine counts shots, so that each value is off by chance. Gradients by shifts are then as noisy as the values
# are, and no noisier (a step of 1e-5 would make that a hundred thousand times as much). A rule with a falling rate goes
# on as it would with batches; SPSA takes three values a step instead of two for each angle.

SHOTS = 1000


def measured(seed):
    """The energy as so many shots tell it."""
    rng = np.random.default_rng(seed)
    return lambda angles: energy(angles) + 2.0 * rng.normal() / np.sqrt(SHOTS)


runs = {
    "adam, by shifts": {
        "jac": "parameter-shift",
        "method": "adam",
        "options": {"maxiter": 100, "rate": 0.15, "schedule": "cosine"},
    },
    "SPSA": {"method": "spsa", "options": {"maxfun": 3300, "maxiter": 1100}},
}
figure, axes = plt.subplots()
for name, given in runs.items():
    seen = steepest.minimize(measured(1), start, path=True, **given)
    above = [energy(x) - LEAST for x in seen.path]
    axes.semilogy(np.linspace(0, seen.nfev, len(above)), above, label=name)
    print(f"{name}: {above[-1]:.3f} above the ground state after {seen.nfev} values; {seen.outcome}")
axes.set(xlabel="values measured", ylabel="energy above the ground state", title=f"{SHOTS} shots a value")
axes.legend()
