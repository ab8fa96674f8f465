"""
Spins on a lattice
==================

Spins have a direction and no length. In a plane they are angles, and nothing holds those; in space they are vectors
that the energy divides by their length. So neither needs a constraint, and what is left when nothing goes lower is
counted in whole numbers: vortices in the plane, skyrmions in space.
"""

import matplotlib.pyplot as plt
import numpy as np

import steepest

random = np.random.default_rng(0)


def xy(angles):
    """-Σ cos(θ_i - θ_j) over neighbours on a square lattice that closes on itself, and its slope."""
    value, slope = 0.0, np.zeros_like(angles)
    for axis in (0, 1):
        turn = angles - np.roll(angles, -1, axis)
        value -= np.cos(turn).sum()
        slope += np.sin(turn) - np.roll(np.sin(turn), 1, axis)
    return value, slope


plane = steepest.minimize(xy, random.uniform(-np.pi, np.pi, (32, 32)), jac=True)
print(plane.message)
print(f"energy {plane.fun / plane.x.size:.4f} a spin, where all alike have -2")


def around(angles):
    """How often the spins turn on the way around each square."""
    corners = [angles, np.roll(angles, -1, 0), np.roll(angles, (-1, -1), (0, 1)), np.roll(angles, -1, 1)]
    turns = np.array([b - a for a, b in zip(corners, corners[1:] + corners[:1], strict=True)])
    return np.rint(((turns + np.pi) % (2 * np.pi) - np.pi).sum(axis=0) / (2 * np.pi)).astype(int)


vortices = around(plane.x)
print(f"{(vortices > 0).sum()} vortices turn one way and {(vortices < 0).sum()} the other")

# %%
# In space neighbours may be tilted against each other by their coupling (Dzyaloshinskii and Moriya's, D beside J), and
# a field draws all of them up. Where spins were in no order, what cannot be combed out is left: skyrmions, each of
# which covers the sphere once. How softly they push each other about is not waited for: `tol` is 1e-4.

J, D, field = 1.0, 0.8, 0.45


def heisenberg(free):
    """-Σ J m_i·m_j - Σ D e_ij·(m_i × m_j) - h Σ m_z of vectors m = v / |v|, and its slope in v."""
    length = np.linalg.norm(free, axis=-1, keepdims=True)
    m = free / length
    value, slope = -field * m[..., 2].sum(), np.zeros_like(m)
    slope[..., 2] -= field
    for axis in (0, 1):
        along, near = np.eye(3)[axis], np.roll(m, -1, axis)
        value -= J * (m * near).sum() + D * (np.cross(m, near) @ along).sum()
        slope -= J * near + D * np.cross(near, along)
        slope -= np.roll(J * m + D * np.cross(along, m), 1, axis)
    # What would only lengthen a vector changes nothing.
    return value, (slope - (slope * m).sum(axis=-1, keepdims=True) * m) / length


space = steepest.minimize(heisenberg, random.normal(size=(24, 24, 3)), jac=True, tol=1e-4)
m = space.x / np.linalg.norm(space.x, axis=-1, keepdims=True)
print(space.message)


def covered(a, b, c):
    """The part of the sphere between three directions, by its sign."""
    volume = np.einsum("...i,...i", a, np.cross(b, c))
    sides = 1 + sum(np.einsum("...i,...i", p, q) for p, q in ((a, b), (b, c), (c, a)))
    return 2 * np.arctan2(volume, sides) / (4 * np.pi)


right, below, across = np.roll(m, -1, 1), np.roll(m, -1, 0), np.roll(m, (-1, -1), (0, 1))
charge = (covered(m, below, across) + covered(m, across, right)).sum()
print(f"the sphere is covered {charge:.6f} times")

fig, (one, other) = plt.subplots(1, 2, figsize=(9.5, 4.4), layout="constrained")
one.imshow(plane.x % (2 * np.pi), cmap="twilight", vmin=0, vmax=2 * np.pi)
one.quiver(np.cos(plane.x), np.sin(plane.x), color="w", pivot="mid", scale=45)
for way, colour in ((1, "tab:red"), (-1, "tab:blue")):
    row, column = np.nonzero(vortices == way)
    one.plot(column + 0.5, row + 0.5, "o", color=colour, markersize=9)
one.set(xticks=[], yticks=[], title="in the plane: angles, and what is wound around")
drawn = other.imshow(m[..., 2], cmap="RdBu_r", vmin=-1, vmax=1)
other.quiver(m[..., 1], -m[..., 0], color="k", pivot="mid", scale=45)
other.set(xticks=[], yticks=[], title="in space: up (red) and down, and how they lie")
fig.colorbar(drawn, ax=other)
