"""Test problems with bounds and exact gradients, n from 2 to 3600: what is known of them is where they come from.

Hock and Schittkowski 1981, *Test Examples for Nonlinear Programming Codes*; Moré and Toraldo 1991,
https://doi.org/10.1137/0801008 (torsion, obstacles, journal bearing); Conn, Gould and Toint 1988,
https://doi.org/10.1090/S0025-5718-1988-0929544-3 (the larger ones); Moré, Garbow and Hillstrom 1981.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
Pair = Callable[[Array], tuple[float, Array]]


@dataclass
class Bounded:
    """A function with its gradient, where it starts, and the bounds of each variable."""

    name: str
    pair: Pair
    x0: Array
    low: Array
    high: Array

    def residual(self, x: Array) -> float:
        """How far the projected gradient leads at most."""
        return float(np.abs(np.clip(x - self.pair(x)[1], self.low, self.high) - x).max())


def _bounded(name: str, pair: Pair, x0: Any, low: Any, high: Any) -> Bounded:
    start = np.asarray(x0, float)
    low, high = (np.broadcast_to(np.asarray(b, float), start.shape).copy() for b in (low, high))
    return Bounded(name, pair, np.clip(start, low, high), low, high)


def _rosenbrock(x: Array) -> tuple[float, Array]:
    a = x[1] - x[0] ** 2
    return 100 * a * a + (1 - x[0]) ** 2, np.array([-400 * a * x[0] - 2 * (1 - x[0]), 200 * a])


def _hs3(x: Array) -> tuple[float, Array]:
    d = x[1] - x[0]
    return x[1] + 1e-5 * d * d, np.array([-2e-5 * d, 1 + 2e-5 * d])


def _hs4(x: Array) -> tuple[float, Array]:
    return (x[0] + 1) ** 3 / 3 + x[1], np.array([(x[0] + 1) ** 2, 1.0])


def _mccormick(x: Array) -> tuple[float, Array]:
    a, b, g = x[:-1] + x[1:], x[:-1] - x[1:], np.zeros_like(x)
    g[:-1] += np.cos(a) + 2 * b - 1.5
    g[1:] += np.cos(a) - 2 * b + 2.5
    return float(np.sum(np.sin(a) + b * b - 1.5 * x[:-1] + 2.5 * x[1:] + 1)), g


def _hs25(x: Array) -> tuple[float, Array]:
    at = np.arange(1, 100) / 100
    with np.errstate(all="ignore"):
        d = 25 + (-50 * np.log(at)) ** (2 / 3) - x[1]
        far = np.abs(d)
        power = far ** x[2] / x[0]
        e = np.exp(-power)
        r = e - at
        g = [r @ (e * power) / x[0], r @ (e * power * x[2] / d), -(r @ (e * power * np.log(far)))]
    return r @ r, 2 * np.array(g)


def _wood(x: Array) -> tuple[float, Array]:
    a, b, c, d = x
    f = 100 * (b - a * a) ** 2 + (1 - a) ** 2 + 90 * (d - c * c) ** 2 + (1 - c) ** 2
    g = [
        -400 * a * (b - a * a) - 2 * (1 - a),
        200 * (b - a * a) + 20.2 * (b - 1) + 19.8 * (d - 1),
        -360 * c * (d - c * c) - 2 * (1 - c),
        180 * (d - c * c) + 20.2 * (d - 1) + 19.8 * (b - 1),
    ]
    return f + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1), np.array(g)


def _hs45(x: Array) -> tuple[float, Array]:
    return 2 - np.prod(x) / 120, -np.array([np.prod(np.delete(x, j)) for j in range(5)]) / 120


def _hs110(x: Array) -> tuple[float, Array]:
    with np.errstate(all="ignore"):
        a, b, p = np.log(x - 2), np.log(10 - x), np.prod(x) ** 0.2
        return a @ a + b @ b - p, 2 * a / (x - 2) - 2 * b / (10 - x) - 0.2 * p / x


def _small() -> Iterator[Bounded]:
    inf = np.inf
    yield _bounded("HS1", _rosenbrock, [-2, 1], [-inf, -1.5], inf)
    yield _bounded("HS2", _rosenbrock, [-2, 1], [-inf, 1.5], inf)
    yield _bounded("HS3", _hs3, [10, 1], [-inf, 0], inf)
    yield _bounded("HS4", _hs4, [1.125, 0.125], [1, 0], inf)
    yield _bounded("HS5", _mccormick, [0, 0], [-1.5, -3], [4, 3])
    yield _bounded("HS25", _hs25, [60, 20, 2.5], [0.1, 0, 0], [100, 25.6, 5])
    yield _bounded("HS38", _wood, [-3, -1, -3, -1], -10, 10)
    yield _bounded("HS45", _hs45, [2] * 5, 0, [1, 2, 3, 4, 5])
    yield _bounded("HS110", _hs110, [9] * 10, 2.001, 9.999)
    yield _bounded("Kowalik and Osborne", _kowalik, [0.25, 0.39, 0.415, 0.39], [0, 0.15, 0, 0], 0.42)
    yield _bounded("Osborne 1", _osborne, [0.5, 1.5, -1, 0.01, 0.02], [0, 0, -2, 0, 0], [1, 1.85, 0, 1, 1])


def _kowalik(x: Array) -> tuple[float, Array]:
    u = 1 / np.array([0.25, 0.5, 1, 2, 4, 6, 8, 10, 12, 14, 16])
    seen = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
    over, under = u * u + x[1] * u, u * u + x[2] * u + x[3]
    q = over / under
    r = x[0] * q - np.array(seen)
    g = [r @ q, r @ (x[0] * u / under), -(r @ (x[0] * q * u / under)), -(r @ (x[0] * q / under))]
    return r @ r, 2 * np.array(g)


def _osborne(x: Array) -> tuple[float, Array]:
    """On the exponentials of its known solution, rounded."""
    t = 10.0 * np.arange(33)
    first, second = np.exp(-t * x[3]), np.exp(-t * x[4])
    seen = 0.375 + 1.9 * np.exp(-0.0129 * t) - 1.4 * np.exp(-0.022 * t)
    r = x[0] + x[1] * first + x[2] * second - seen
    g = [r.sum(), r @ first, r @ second, -(r @ (t * x[1] * first)), -(r @ (t * x[2] * second))]
    return r @ r, 2 * np.array(g)


def _membrane(m: int, force: float) -> Pair:
    """½ ∫ |∇u|² − force ∫ u over the unit square, on m × m points."""
    h2 = 1 / (m + 1) ** 2

    def pair(x: Array) -> tuple[float, Array]:
        u = np.pad(x.reshape(m, m), 1)
        f = 0.5 * (np.sum(np.diff(u, axis=0) ** 2) + np.sum(np.diff(u, axis=1) ** 2))
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        g = 4 * u[1:-1, 1:-1] - around - h2 * force
        return f - h2 * force * x.sum(), g.ravel()

    return pair


def _bearing(m: int, eccentricity: float, length: float) -> Bounded:
    """The pressure of a film of oil between two cylinders, which is nowhere below 0."""
    hx, hy = 2 * np.pi / (m + 1), 2 * length / (m + 1)
    at = np.arange(m + 2) * hx
    cube = (1 + eccentricity * np.cos(at)) ** 3
    across, along = (cube[:-1, None] + cube[1:, None]) / 2, cube[1:-1, None]
    load = eccentricity * np.sin(at[1:-1, None])

    def pair(x: Array) -> tuple[float, Array]:
        u = np.pad(x.reshape(m, m), 1)
        dx, dy = np.diff(u, axis=0)[:, 1:-1] / hx, np.diff(u, axis=1)[1:-1] / hy
        f = 0.5 * (np.sum(across * dx * dx) + np.sum(along * dy * dy)) - np.sum(load * u[1:-1, 1:-1])
        bent = np.diff(across * dx, axis=0) / hx + np.diff(along * dy, axis=1) / hy
        return hx * hy * f, (-hx * hy * (bent + load)).ravel()

    start = np.maximum(np.sin(np.repeat(at[1:-1], m)), 0)
    return _bounded(f"Journal bearing {m}², {eccentricity}", pair, start, 0, np.inf)


def _surface(m: int) -> Bounded:
    """The least surface over a disc, between two parabolas."""
    h = 1 / (m + 1)
    t = np.arange(m + 2) * h
    rim = (1 - (2 * t[:, None] - 1) ** 2) * np.ones((1, m + 2))

    def pair(x: Array) -> tuple[float, Array]:
        u = rim.copy()
        u[1:-1, 1:-1] = x.reshape(m, m)
        a, b = np.diff(u, axis=0)[:, :-1] / h, np.diff(u, axis=1)[:-1] / h
        c, e = np.diff(u, axis=0)[:, 1:] / h, np.diff(u, axis=1)[1:] / h
        low, up = np.sqrt(1 + a * a + b * b), np.sqrt(1 + c * c + e * e)
        g = np.zeros_like(u)
        g[1:, :-1] += a / low - e / up
        g[:-1, 1:] += b / low - c / up
        g[:-1, :-1] -= (a + b) / low
        g[1:, 1:] += (c + e) / up
        return 0.5 * h * h * np.sum(low + up), 0.5 * h * g[1:-1, 1:-1].ravel()

    disc = (t[1:-1, None] - 0.5) ** 2 + (t[None, 1:-1] - 0.5) ** 2 < 0.0625
    low = np.where(disc, 1.0, 0.0).ravel()
    return _bounded(f"Minimal surface {m}²", pair, np.maximum(low, 0.5), low, np.inf)


def _grids(m: int) -> Iterator[Bounded]:
    t = np.arange(1, m + 1) / (m + 1)
    rim = np.minimum(t, 1 - t)
    far = np.minimum.outer(rim, rim).ravel()
    for force in (5, 20):
        yield _bounded(f"Torsion {m}², {force}", _membrane(m, force), far, -far, far)
    waves = np.outer(np.sin(9.2 * t), np.sin(9.3 * t)).ravel()
    below = np.outer(np.sin(3.2 * t), np.sin(3.3 * t)).ravel()
    yield _bounded(f"Obstacle below {m}²", _membrane(m, -1), np.ones(m * m), below, 2000)
    yield _bounded(
        f"Obstacles on both sides {m}²", _membrane(m, -1), np.ones(m * m), waves**3, waves**2 + 0.02
    )
    yield _bearing(m, 0.1, 10.0)
    yield _bearing(m, 0.5, 10.0)
    yield _surface(m)


def _quadratic(n: int, share: float) -> Pair:
    """½ Σ ± i (x_i + x_2i−1 + x_3i−1)², indices round the end; minus beyond that share."""
    i = np.arange(n)
    second, third = (2 * i + 1) % n, (3 * i + 2) % n
    weight = np.where(i < share * n, i + 1.0, -i - 1.0)
    places = np.concatenate([i, second, third])

    def pair(x: Array) -> tuple[float, Array]:
        total = x + x[second] + x[third]
        pull = weight * total
        return 0.5 * total @ pull, np.bincount(places, np.tile(pull, 3), n)

    return pair


def _nonscomp(x: Array) -> tuple[float, Array]:
    r, g = x[1:] - x[:-1] ** 2, np.zeros_like(x)
    g[0] = 2 * (x[0] - 1)
    g[1:] += 8 * r
    g[:-1] -= 16 * r * x[:-1]
    return (x[0] - 1) ** 2 + 4 * r @ r, g


def _biggsb1(x: Array) -> tuple[float, Array]:
    d, g = np.diff(x), np.zeros_like(x)
    g[1:] += 2 * d
    g[:-1] -= 2 * d
    g[0] += 2 * (x[0] - 1)
    g[-1] -= 2 * (1 - x[-1])
    return (x[0] - 1) ** 2 + d @ d + (1 - x[-1]) ** 2, g


def _explin2(x: Array, m: int = 10) -> tuple[float, Array]:
    share, slopes = np.arange(1, m + 1) / m, 10.0 * np.arange(1, len(x) + 1)
    e, g = np.exp(0.1 * share * x[:m] * x[1 : m + 1]), -slopes
    g[:m] += 0.1 * share * e * x[1 : m + 1]
    g[1 : m + 1] += 0.1 * share * e * x[:m]
    return e.sum() - slopes @ x, g


def _qrtquad(x: Array, m: int = 10) -> tuple[float, Array]:
    share, slopes = np.arange(1, m + 1) / m, 10.0 * np.arange(1, len(x) + 1)
    a, last, g = x[:m] * x[1 : m + 1], x[-1], -slopes
    g[:m] += 4 * share * a**3 * x[1 : m + 1]
    g[1 : m + 1] += 4 * share * a**3 * x[:m]
    g[m:-1] += 8 * x[m:-1] + last
    g[-1] += np.sum(4 * last + x[m:-1])
    rest = np.sum(4 * x[m:-1] ** 2 + 2 * last**2 + x[m:-1] * last)
    return share @ a**4 + rest - slopes @ x, g


def _least_squares() -> Bounded:
    """Non-negative coefficients, of which most are 0."""
    random = np.random.default_rng(0)
    table = np.abs(random.standard_normal((120, 80)))
    target = table @ np.where(random.random(80) < 0.3, random.random(80), 0)
    target += 0.05 * random.standard_normal(120)

    def pair(x: Array) -> tuple[float, Array]:
        r = table @ x - target
        return r @ r, 2 * table.T @ r

    return _bounded("Non-negative least squares", pair, np.ones(80), 0, np.inf)


def bounded(quick: bool = False) -> list[Bounded]:
    """The problems; smaller ones where it is to be quick."""
    n, m = (100, 20) if quick else (1000, 60)
    odd, last = np.where(np.arange(n) % 2, -100.0, 1.0), np.full(300, 0.9)
    last[-1] = np.inf
    wide = np.r_[np.full(10, 10.0), np.full(110, np.inf)]
    return [
        *_small(),
        *_grids(m),
        _bounded("McCormick", _mccormick, np.zeros(n), -1.5, 3),
        _bounded("CVXBQP1", _quadratic(n, 1.0), np.full(n, 0.5), 0.1, 10),
        _bounded("NCVXBQP1", _quadratic(n, 0.5), np.full(n, 0.5), 0.1, 10),
        _bounded("NONSCOMP", _nonscomp, np.full(n, 3.0), odd, 100),
        _bounded("BIGGSB1", _biggsb1, np.zeros(300), 0, last),
        _bounded("EXPLIN2", _explin2, np.zeros(120), 0, 10),
        _bounded("QRTQUAD", _qrtquad, np.zeros(120), 0, wide),
        _least_squares(),
    ]
