"""Larger test problems with exact Hessian products: sums of functions of a few variables each, n from 2 to 5000.

Gradients by complex steps and products by complex steps over dual numbers, so both are exact to rounding. Moré, Garbow
and Hillstrom 1981, https://doi.org/10.1145/355934.355936; Luksan, Matonoha and Vlcek 2010, "Modified CUTE problems for
sparse unconstrained optimization" (formulas and starts of the CUTE collection).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
#: A function of some entries of x, and which: element e has x[places[k][e]] as its k-th argument.
Group = tuple[Callable[..., Any], tuple[Any, ...]]
TINY = 1e-40


class Dual:
    """a + b ε, ε² = 0, entry by entry."""

    __array_ufunc__ = None

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b

    def __add__(self, o: Any) -> Dual:
        return Dual(self.a + o.a, self.b + o.b) if isinstance(o, Dual) else Dual(self.a + o, self.b)

    def __mul__(self, o: Any) -> Dual:
        if isinstance(o, Dual):
            return Dual(self.a * o.a, self.a * o.b + self.b * o.a)
        return Dual(self.a * o, self.b * o)

    def __pow__(self, p: float) -> Dual:
        return Dual(self.a**p, p * self.a ** (p - 1) * self.b)

    def __neg__(self) -> Dual:
        return self * -1.0

    def __sub__(self, o: Any) -> Dual:
        return self + -o

    def __rsub__(self, o: Any) -> Dual:
        return -self + o

    def __truediv__(self, o: Any) -> Dual:
        return self * o**-1.0 if isinstance(o, Dual) else self * (1.0 / o)

    def __rtruediv__(self, o: Any) -> Dual:
        return self**-1.0 * o

    __radd__, __rmul__ = __add__, __mul__


def _exp(u: Any) -> Any:
    return Dual(np.exp(u.a), np.exp(u.a) * u.b) if isinstance(u, Dual) else np.exp(u)


def _sin(u: Any) -> Any:
    return Dual(np.sin(u.a), np.cos(u.a) * u.b) if isinstance(u, Dual) else np.sin(u)


def _cos(u: Any) -> Any:
    return Dual(np.cos(u.a), -np.sin(u.a) * u.b) if isinstance(u, Dual) else np.cos(u)


def _even(u: Any, p: float) -> Any:
    """|u|^p."""
    return (u * np.sign((u.a if isinstance(u, Dual) else u).real)) ** p


@dataclass(frozen=True)
class Sum:
    """The sum of all elements of all groups."""

    name: str
    groups: list[Group]
    x0: Array

    def pair(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient."""
        x = np.asarray(x, dtype=float)
        total, gradient = 0.0, np.zeros(x.size)
        with np.errstate(all="ignore"):
            for f, places in self.groups:
                u = [x[p] for p in places]
                total += float(np.sum(f(*u)))
                for k, p in enumerate(places):
                    z = [v + TINY * 1j if j == k else v + 0j for j, v in enumerate(u)]
                    gradient += np.bincount(p, np.imag(f(*z)) / TINY, minlength=x.size)
        return total, gradient

    def product(self, x: Array, v: Array) -> Array:
        """The Hessian times v."""
        x, v, out = np.asarray(x, dtype=float), np.asarray(v, dtype=float), np.zeros(x.size)
        with np.errstate(all="ignore"):
            for f, places in self.groups:
                for k, p in enumerate(places):
                    z = [Dual(x[q] + (TINY * 1j if j == k else 0j), v[q]) for j, q in enumerate(places)]
                    out += np.bincount(p, np.imag(f(*z).b) / TINY, minlength=x.size)
        return out


@dataclass(frozen=True)
class Whole:
    """A function whose gradient is written by hand, for complex numbers too."""

    name: str
    value: Callable[[Array], Any]
    slope: Callable[[Array], Array]
    x0: Array

    def pair(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient."""
        x = np.asarray(x, dtype=float)
        with np.errstate(all="ignore"):
            return float(self.value(x)), self.slope(x)

    def product(self, x: Array, v: Array) -> Array:
        """The Hessian times v."""
        with np.errstate(all="ignore"):
            return np.imag(self.slope(np.asarray(x) + TINY * 1j * np.asarray(v))) / TINY


def _dixmaan(letter: str, n: int) -> Sum:
    """Dixon and Maany 1988."""
    alpha, beta, gamma, delta, k = {
        "a": (1.0, 0.0, 0.125, 0.125, (0, 0, 0, 0)), "b": (1.0, 0.0625, 0.0625, 0.0625, (0, 0, 0, 1)),
        "d": (1.0, 0.26, 0.26, 0.26, (0, 0, 0, 0)), "e": (1.0, 0.0, 0.125, 0.125, (1, 0, 0, 1)),
        "h": (1.0, 0.26, 0.26, 0.26, (1, 0, 0, 1)), "i": (1.0, 0.0, 0.125, 0.125, (2, 0, 0, 2)),
        "l": (1.0, 0.26, 0.26, 0.26, (2, 0, 0, 2)),
    }[letter]  # fmt: skip
    m, i = n // 3, np.arange(n)
    t = (i + 1) / n
    groups: list[Group] = [
        (lambda u: alpha * t ** k[0] * u**2 + 1 / n, (i,)),
        (lambda u, v: beta * t[:-1] ** k[1] * u**2 * (v + v**2) ** 2, (i[:-1], i[1:])),
        (lambda u, v: gamma * t[: 2 * m] ** k[2] * u**2 * v**4, (i[: 2 * m], i[m:])),
        (lambda u, v: delta * t[:m] ** k[3] * u * v, (i[:m], i[2 * m :])),
    ]
    return Sum(f"dixmaan_{letter}_{n}", groups, np.full(n, 2.0))


def _chain(name: str, n: int, f: Callable[..., Any], start: Any, extra: list[Group] | None = None) -> Sum:
    i = np.arange(n)
    return Sum(f"{name}_{n}", [(f, (i[:-1], i[1:])), *(extra or [])], np.resize(np.asarray(start, float), n))


def _each(name: str, n: int, f: Callable[..., Any], start: Any) -> Sum:
    return Sum(f"{name}_{n}", [(f, (np.arange(n),))], np.resize(np.asarray(start, float), n))


def _by(name: str, n: int, width: int, f: Callable[..., Any], start: Any) -> Sum:
    """Blocks of `width` variables that share none."""
    places = tuple(np.arange(k, n, width) for k in range(width))
    return Sum(f"{name}_{n}", [(f, places)], np.resize(np.asarray(start, float), n))


def _quadratic(name: str, eigen: Array, seed: int) -> Whole:
    """½ (x − 1)'Q'DQ(x − 1) by a few reflections Q."""
    r = np.random.default_rng(seed)
    ways = [v / np.linalg.norm(v) for v in r.standard_normal((3, eigen.size))]

    def turned(x: Array, order: list[Array]) -> Array:
        for v in order:
            x = x - 2 * v * (v @ x)
        return x

    def slope(x: Array) -> Array:
        return turned(eigen * turned(x - 1, ways), ways[::-1])

    return Whole(f"{name}_{eigen.size}", lambda x: 0.5 * (x - 1) @ slope(x), slope, np.zeros(eigen.size))


def _penalties(n: int) -> list[Whole]:
    def first(x: Array) -> Array:
        return 2e-5 * (x - 1) + 4 * (x @ x - 0.25) * x

    i = np.arange(1.0, n + 1)

    def vardim(x: Array) -> Array:
        s = i @ (x - 1)
        return 2 * (x - 1) + (2 * s + 4 * s**3) * i

    def trig(x: Array) -> Array:
        r = n - np.cos(x).sum() + i * (1 - np.cos(x)) - np.sin(x)
        return 2 * (np.sin(x) * r.sum() + r * (i * np.sin(x) - np.cos(x)))

    def trig_value(x: Array) -> Any:
        return ((n - np.cos(x).sum() + i * (1 - np.cos(x)) - np.sin(x)) ** 2).sum()

    return [
        Whole(f"penalty1_{n}", lambda x: 1e-5 * ((x - 1) @ (x - 1)) + (x @ x - 0.25) ** 2, first, i.copy()),
        Whole(
            f"variably_dimensioned_{n}",
            lambda x: (x - 1) @ (x - 1) + (i @ (x - 1)) ** 2 + (i @ (x - 1)) ** 4,
            vardim, 1 - i / n,
        ),
        Whole(f"trigonometric_{n}", trig_value, trig, np.full(n, 1 / n)),
    ]  # fmt: skip


def _power(n: int) -> Whole:
    i = np.arange(1.0, n + 1)
    return Whole(f"power_{n}", lambda x: (i @ x**2) ** 2, lambda x: 4 * (i @ x**2) * i * x, np.ones(n))


def _wood(a: Any, b: Any, c: Any, d: Any) -> Any:
    return (
        100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
        + 10 * (b + d - 2) ** 2 + 0.1 * (b - d) ** 2
    )  # fmt: skip


def _singular(a: Any, b: Any, c: Any, d: Any) -> Any:
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def _rosen(u: Any, v: Any) -> Any:
    return 100 * (v - u**2) ** 2 + (1 - u) ** 2


def problems(quick: bool = False) -> list[Any]:
    """Every problem with its usual start."""
    big, mid = (300, 120) if quick else (5000, 1000)
    i, h = np.arange(mid), np.arange(mid) + 1.0
    first, last = (lambda f: (f, (i[:1],))), (lambda f: (f, (i[-1:],)))

    def tridiagonal(n: int) -> Sum:
        j = np.arange(n)
        return Sum(f"broyden_tridiagonal_{n}", [
            (lambda a, u, b: ((3 - 2 * u) * u - a - 2 * b + 1) ** 2, (j[:-2], j[1:-1], j[2:])),
            (lambda u, b: ((3 - 2 * u) * u - 2 * b + 1) ** 2, (j[:1], j[1:2])),
            (lambda a, u: ((3 - 2 * u) * u - a + 1) ** 2, (j[-2:-1], j[-1:])),
        ], np.full(n, -1.0))  # fmt: skip

    spread = (7 * i) % mid, (11 * i + 3) % mid
    return [
        *[_chain("chained_rosenbrock", n, _rosen, [-1.2, 1.0]) for n in (50, 100, 2 * mid // 5)],
        _by("extended_rosenbrock", big, 2, _rosen, [-1.2, 1.0]),
        _chain("generalised_rosenbrock", mid // 2, lambda u, v: 100 * (v - u**2) ** 2 + (v - 1) ** 2, 0.5),
        _by("extended_powell_singular", big, 4, _singular, [3.0, -1.0, 0.0, 1.0]),
        _by("extended_wood", big, 4, _wood, [-3.0, -1.0, -3.0, -1.0]),
        *[tridiagonal(n) for n in (100, big)],
        Sum(f"broydn7d_{mid}", [
            (lambda a, u, b: _even((3 - 2 * u) * u - a - 2 * b + 1, 7 / 3), (i[:-2], i[1:-1], i[2:])),
            (lambda u, v: _even(u + v, 7 / 3), (i[: mid // 2], i[mid // 2 :])),
            (lambda u, b: _even((3 - 2 * u) * u - 2 * b + 1, 7 / 3), (i[:1], i[1:2])),
        ], np.ones(mid)),
        *[w for n in (100, 500) for w in _penalties(n)],
        _power(mid),
        *[_dixmaan(letter, 1500 if not quick else 150) for letter in "abdehil"],
        _quadratic("quadratic_1e4", np.logspace(0, 4, mid), 0),
        _quadratic("quadratic_1e6", np.logspace(-3, 3, mid), 1),
        _quadratic("quadratic_clusters", np.where(i % 10, 1.0, np.logspace(0, 6, mid)), 2),
        _chain("dixon3dq", mid, lambda u, v: (u - v) ** 2, -1.0,
               [first(lambda u: (u - 1) ** 2), last(lambda u: (u - 1) ** 2)]),
        Sum(f"tridia_{big}", [
            (lambda u, v: np.arange(2, big + 1) * (2 * v - u) ** 2, (np.arange(big - 1), np.arange(1, big))),
            (lambda u: (u - 1) ** 2, (np.arange(1),)),
        ], np.ones(big)),
        Sum(f"arwhead_{mid}", [
            (lambda u, v: -4 * u + 3 + (u**2 + v**2) ** 2, (i[:-1], np.full(mid - 1, mid - 1)))
        ], np.ones(mid)),
        Sum(f"bdqrtic_{mid}", [
            (lambda a, b, c, d, e: (3 - 4 * a) ** 2 + (a**2 + 2 * b**2 + 3 * c**2 + 4 * d**2 + 5 * e**2) ** 2,
             (i[:-4], i[1:-3], i[2:-2], i[3:-1], np.full(mid - 4, mid - 1)))
        ], np.ones(mid)),
        Sum(f"liarwhd_{mid}", [
            (lambda u, v: 4 * (u**2 - v) ** 2 + (u - 1) ** 2, (i, np.zeros(mid, int)))
        ], np.full(mid, 4.0)),
        Sum(f"nondia_{mid}", [
            (lambda u, v: 100 * (u - v**2) ** 2, (np.zeros(mid - 1, int), i[:-1])),
            first(lambda u: (u - 1) ** 2),
        ], np.full(mid, -1.0)),
        Sum(f"nondquar_{mid}", [
            (lambda a, b, c: (a + b + c) ** 4, (i[:-2], i[1:-1], np.full(mid - 2, mid - 1))),
            (lambda u, v: (u - v) ** 2, (i[:1], i[1:2])), (lambda u, v: (u + v) ** 2, (i[-2:-1], i[-1:])),
        ], np.resize([1.0, -1.0], mid)),
        Sum(f"tquartic_{mid}", [
            (lambda u, v: (u**2 - v**2) ** 2, (np.zeros(mid - 1, int), i[1:])), first(lambda u: (u - 1) ** 2)
        ], np.full(mid, 0.1)),
        Sum(f"sinquad_{mid // 2}", [
            (lambda u, v, w: (_sin(u - w) - v**2 + u**2) ** 2,
             (i[1 : mid // 2 - 1], np.zeros(mid // 2 - 2, int), np.full(mid // 2 - 2, mid // 2 - 1))),
            (lambda u: (u - 1) ** 4, (i[:1],)),
            (lambda u, v: (u**2 - v**2) ** 2, (i[mid // 2 - 1 : mid // 2], i[:1])),
        ], np.full(mid // 2, 0.1)),
        _chain("engval1", mid, lambda u, v: (u**2 + v**2) ** 2 - 4 * u + 3, 2.0),
        _chain("edensch", mid, lambda u, v: 16 + (u - 2) ** 4 + (u * v - 2 * v) ** 2 + (v + 1) ** 2, 0.0),
        _chain("cosine", mid, lambda u, v: _cos(u**2 - 0.5 * v), 1.0),
        _chain("fletchcr", mid // 5, lambda u, v: 100 * (v - u + 1 - u**2) ** 2, 0.0),
        _by("cragg_levy", mid, 4, lambda a, b, c, d: (
            (_exp(a) - b) ** 4 + 100 * (b - c) ** 6 + (_sin(c - d) / _cos(c - d)) ** 4 + a**8 + (d - 1) ** 2
        ), [1.0, 2.0, 2.0, 2.0]),
        _each("quartic", mid, lambda u: (u - h) ** 4, 2.0),
        _each("testquad", mid, lambda u: h * u**2, 1.0),
        Sum(f"vareigvl_{mid // 10}", [
            (lambda u, v: (np.arange(mid // 10) + 1.0) * u**2 + 0.1 * u * v + 0.05 * (u + v) ** 4,
             (i[: mid // 10], np.roll(i[: mid // 10], 3)))
        ], np.ones(mid // 10)),
        Sum(f"genhumps_{mid}", [
            (lambda u, v: _sin(2 * u) ** 2 * _sin(2 * v) ** 2 + 0.05 * (u**2 + v**2), (i[:-1], i[1:]))
        ], np.concatenate([[-506.0], np.full(mid - 1, 506.2)])),
        Sum(f"noncvxu2_{mid}", [
            (lambda a, b, c: (a + b + c) ** 2 + 4 * _cos(a + b + c),
             (i, (3 * i + 1) % mid, (7 * i + 2) % mid))
        ], h),
        Sum(f"sparsine_{mid // 5}", [
            (lambda a, b, c: 0.5 * (np.arange(mid // 5) + 1.0) * (_sin(a) + _sin(b) + _sin(c)) ** 2,
             (i[: mid // 5], (2 * i[: mid // 5] + 1) % (mid // 5), (3 * i[: mid // 5] + 2) % (mid // 5)))
        ], np.full(mid // 5, 0.5)),
        Sum(f"double_well_chain_{mid}", [
            (lambda u: (u**2 - 1) ** 2, (i,)), (lambda u, v: 0.3 * (u - v) ** 2, (i[:-1], i[1:]))
        ], 1e-3 * np.sin(h)),
        Sum(f"double_well_net_{mid}", [
            (lambda u: (u**2 - 1) ** 2, (i,)), (lambda u, v: 0.2 * (u - v) ** 2, spread)
        ], 1e-2 * np.cos(h)),
        _chain("curly", mid // 5, lambda u, v: (u + v) ** 4 - 20 * (u + v) ** 2 - 0.1 * (u + v), 1e-4),
        Sum(f"toint_gss_{mid}", [
            (lambda a, b, c: (10 / (mid + 2) + c**2) * (2 - _exp(-((a - b) ** 2) / (0.1 + c**2))),
             (i[:-2], i[1:-1], i[2:]))
        ], np.full(mid, 3.0)),
        Sum(f"schmidt_vetters_{mid}", [
            (lambda a, b, c: -1 / (1 + (a - b) ** 2) - _sin((np.pi * b + c) / 2)
             - _exp(-(((a + c) / b - 2) ** 2)), (i[:-2], i[1:-1], i[2:]))
        ], np.full(mid, 0.5)),
        _chain("exponential_chain", mid, lambda u, v: _exp(u - v) + _exp(v - u) + 1e-3 * u**2 - 0.01 * u, 1.0),
        Sum(f"log_sum_surface_{mid}", [
            (lambda u, v: (1 + mid**2 * (u - v) ** 2) ** 0.5 / mid, (i[:-1], i[1:])),
            first(lambda u: 10 * (u - 1) ** 2), last(lambda u: 10 * (u + 1) ** 2),
        ], np.sin(0.37 * h)),
    ]  # fmt: skip
