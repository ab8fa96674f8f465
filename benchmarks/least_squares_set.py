"""Forty classic test problems: sums of squares, with gradients exact to rounding by complex steps.

Moré, Garbow and Hillstrom 1981, "Testing Unconstrained Optimization Software",
https://doi.org/10.1145/355934.355936 (those whose data fit in a line).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Residuals = Callable[[Array], Array]


@dataclass(frozen=True)
class Case:
    """f(x) = Σ r_i(x)², from `x0`."""

    name: str
    residuals: Residuals
    x0: Array

    def pair(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient."""
        with np.errstate(all="ignore"):
            r = self.residuals(np.asarray(x, dtype=float))
            gradient = np.empty(x.size)
            for j in range(x.size):
                z = x.astype(complex)
                z[j] += 1e-40j
                gradient[j] = 2.0 * float(r @ (self.residuals(z).imag / 1e-40))
            return float(r @ r), gradient

    def product(self, x: Array, v: Array) -> Array:
        """The Hessian times v: to both sides, of gradients that are exact."""
        h = 6e-6 * max(1.0, float(np.abs(x).max())) / float(np.abs(v).max())
        return (self.pair(x + h * v)[1] - self.pair(x - h * v)[1]) / (2.0 * h)


def _bard(x: Array) -> Array:
    y = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39])
    u = np.arange(1, 16)
    v, w = 16 - u, np.minimum(u, 16 - u)
    return y - (x[0] + u / (v * x[1] + w * x[2]))


def _gaussian(x: Array) -> Array:
    y = np.array([9, 44, 175, 540, 1295, 2420, 3521, 3989, 3521, 2420, 1295, 540, 175, 44, 9]) * 1e-4
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


def _meyer(x: Array) -> Array:
    y = np.array(
        [
            34780,
            28610,
            23650,
            19630,
            16370,
            13720,
            11540,
            9744,
            8261,
            7030,
            6005,
            5147,
            4427,
            3820,
            3307,
            2872,
        ]
    )
    t = 45 + 5 * np.arange(1, 17)
    return x[0] * np.exp(x[1] / (t + x[2])) - y


def _kowalik(x: Array) -> Array:
    y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def _helical(x: Array) -> Array:
    angle = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0].real < 0 else 0.0)
    return np.array([10 * (x[2] - 10 * angle), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])


def _gulf(x: Array) -> Array:
    t = np.arange(1, 11) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    d = np.where((y - x[1]).real < 0, -(y - x[1]), y - x[1])
    return np.exp(-(d ** x[2]) / x[0]) - t


def _box(x: Array) -> Array:
    t = np.arange(1, 11) / 10
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def _brown_dennis(x: Array) -> Array:
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def _biggs(x: Array) -> Array:
    t = np.arange(1, 14) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def _watson(x: Array) -> Array:
    t = np.arange(1, 30)[:, None] / 29
    j = np.arange(x.size)
    first = (j[1:] * x[1:] * t ** (j[1:] - 1)).sum(axis=1)
    r = first - (x * t**j).sum(axis=1) ** 2 - 1
    return np.concatenate([r, [x[0], x[1] - x[0] ** 2 - 1]])


def _ext_powell(x: Array) -> Array:
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    return np.concatenate([a + 10 * b, np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2])


def _rosenbrock(x: Array) -> Array:
    return np.concatenate([10 * (x[1::2] - x[0::2] ** 2), 1 - x[0::2]])


def _chained(x: Array) -> Array:
    return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])


def _penalty1(x: Array) -> Array:
    return np.concatenate([np.sqrt(1e-5) * (x - 1), [(x * x).sum() - 0.25]])


def _penalty2(x: Array) -> Array:
    n, a = x.size, np.sqrt(1e-5)
    i = np.arange(2, n + 1)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    first = a * (np.exp(x[1:] / 10) + np.exp(x[:-1] / 10) - y)
    second = a * (np.exp(x[1:] / 10) - np.exp(-1 / 10))
    return np.concatenate([[x[0] - 0.2], first, second, [(np.arange(n, 0, -1) * x * x).sum() - 1]])


def _variable(x: Array) -> Array:
    s = (np.arange(1, x.size + 1) * (x - 1)).sum()
    return np.concatenate([x - 1, [s, s * s]])


def _trigonometric(x: Array) -> Array:
    i = np.arange(1, x.size + 1)
    return x.size - np.cos(x).sum() + i * (1 - np.cos(x)) - np.sin(x)


def _brown_linear(x: Array) -> Array:
    return np.concatenate([x[:-1] + x.sum() - (x.size + 1), [np.prod(x) - 1]])


def _boundary(x: Array) -> Array:
    n = x.size
    h, t = 1 / (n + 1), np.arange(1, n + 1) / (n + 1)
    z = np.concatenate([[0], x, [0]])
    return 2 * x - z[:-2] - z[2:] + h * h * (x + t + 1) ** 3 / 2


def _integral(x: Array) -> Array:
    n = x.size
    h, t = 1 / (n + 1), np.arange(1, n + 1) / (n + 1)
    c = (x + t + 1) ** 3
    below, above = np.cumsum(t * c), np.cumsum(((1 - t) * c)[::-1])[::-1]
    return x + h / 2 * ((1 - t) * below + t * (above - (1 - t) * c))


def _tridiagonal(x: Array) -> Array:
    z = np.concatenate([[0], x, [0]])
    return (3 - 2 * x) * x - z[:-2] - 2 * z[2:] + 1


def _banded(x: Array) -> Array:
    n = x.size
    r = x * (2 + 5 * x * x) + 1
    for shift in (-5, -4, -3, -2, -1, 1):
        moved = np.zeros_like(x)
        if shift < 0:
            moved[-shift:] = x[: n + shift] * (1 + x[: n + shift])
        else:
            moved[:-shift] = x[shift:] * (1 + x[shift:])
        r = r - moved
    return r


def _linear(x: Array) -> Array:
    m = 2 * x.size
    s = 2 * x.sum() / m + 1
    return np.concatenate([x - s, np.full(m - x.size, -s)])


def _rank_one(x: Array) -> Array:
    s = (np.arange(1, x.size + 1) * x).sum()
    return np.arange(1, 2 * x.size + 1) * s - 1


def _chebyquad(x: Array) -> Array:
    n = x.size
    t, before = 2 * x - 1, np.ones_like(x)
    now, r = t, []
    for i in range(1, n + 1):
        r.append(now.sum() / n + (1 / (i * i - 1) if i % 2 == 0 else 0))
        before, now = now, 2 * t * now - before
    return np.array(r)


def _two(f: Callable[[Array, Array], list[Array]]) -> Residuals:
    return lambda x: np.array(f(x[0], x[1]))


def cases() -> list[Case]:
    """Every problem with its usual start."""
    e, a = np.exp, np.array

    def jennrich(x: Array) -> Array:
        i = np.arange(1, 11)
        return 2 + 2 * i - (e(i * x[0]) + e(i * x[1]))

    def wood(x: Array) -> Array:
        p, q, r, s = x
        return a([10 * (q - p * p), 1 - p, np.sqrt(90) * (s - r * r), 1 - r,
                  np.sqrt(10) * (q + s - 2), (q - s) / np.sqrt(10)])  # fmt: skip

    def beale(x: Array, y: Array) -> list[Array]:
        return [c - x * (1 - y ** (i + 1)) for i, c in enumerate((1.5, 2.25, 2.625))]

    def roth(x: Array, y: Array) -> list[Array]:
        return [-13 + x + ((5 - y) * y - 2) * y, -29 + x + ((y + 1) * y - 14) * y]

    def ladder(n: int) -> Array:
        t = np.arange(1, n + 1) / (n + 1)
        return t * (t - 1)

    rosen = lambda n: np.tile([-1.2, 1.0], n // 2)  # noqa: E731
    singular = lambda n: np.tile([3.0, -1.0, 0.0, 1.0], n // 4)  # noqa: E731
    return [
        Case("rosenbrock", _rosenbrock, rosen(2)),
        Case("freudenstein_roth", _two(roth), a([0.5, -2.0])),
        Case(
            "powell_badly_scaled", _two(lambda x, y: [1e4 * x * y - 1, e(-x) + e(-y) - 1.0001]), a([0.0, 1.0])
        ),
        Case("brown_badly_scaled", _two(lambda x, y: [x - 1e6, y - 2e-6, x * y - 2]), a([1.0, 1.0])),
        Case("beale", _two(beale), a([1.0, 1.0])),
        Case("jennrich_sampson", jennrich, a([0.3, 0.4])),
        Case("helical_valley", _helical, a([-1.0, 0.0, 0.0])),
        Case("bard", _bard, np.ones(3)),
        Case("gaussian", _gaussian, a([0.4, 1.0, 0.0])),
        Case("meyer", _meyer, a([0.02, 4000.0, 250.0])),
        Case("gulf", _gulf, a([5.0, 2.5, 0.15])),
        Case("box_3d", _box, a([0.0, 10.0, 20.0])),
        Case("powell_singular", _ext_powell, singular(4)),
        Case("wood", wood, a([-3.0, -1.0, -3.0, -1.0])),
        Case("kowalik_osborne", _kowalik, a([0.25, 0.39, 0.415, 0.39])),
        Case("brown_dennis", _brown_dennis, a([25.0, 5.0, -5.0, -1.0])),
        Case("biggs_exp6", _biggs, a([1.0, 2.0, 1.0, 1.0, 1.0, 1.0])),
        *[Case(f"watson_{n}", _watson, np.zeros(n)) for n in (6, 9, 12)],
        *[Case(f"rosenbrock_{n}", _rosenbrock, rosen(n)) for n in (10, 30)],
        *[Case(f"chained_rosenbrock_{n}", _chained, rosen(n)) for n in (10, 30)],
        *[Case(f"powell_singular_{n}", _ext_powell, singular(n)) for n in (12, 32)],
        *[Case(f"penalty1_{n}", _penalty1, np.arange(1.0, n + 1)) for n in (4, 10)],
        *[Case(f"penalty2_{n}", _penalty2, np.full(n, 0.5)) for n in (4, 10)],
        Case("variably_dimensioned_10", _variable, 1 - np.arange(1, 11) / 10),
        Case("trigonometric_10", _trigonometric, np.full(10, 0.1)),
        Case("brown_almost_linear_10", _brown_linear, np.full(10, 0.5)),
        *[Case(f"discrete_boundary_{n}", _boundary, ladder(n)) for n in (10, 30)],
        Case("discrete_integral_10", _integral, ladder(10)),
        *[Case(f"broyden_tridiagonal_{n}", _tridiagonal, np.full(n, -1.0)) for n in (10, 30)],
        *[Case(f"broyden_banded_{n}", _banded, np.full(n, -1.0)) for n in (10, 30)],
        Case("linear_full_rank_10", _linear, np.ones(10)),
        Case("linear_rank_one_10", _rank_one, np.ones(10)),
        Case("chebyquad_8", _chebyquad, np.arange(1, 9) / 9),
    ]
