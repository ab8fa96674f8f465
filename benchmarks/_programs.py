"""Constrained problems with their answers: Hock and Schittkowski's small ones, and some that people write by hand.

Hock and Schittkowski 1981, *Test Examples for Nonlinear Programming Codes*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Program:
    """f from `start`, equations = 0, inequalities >= 0, and the least value."""

    fun: Callable[[Array], Any]
    start: Array
    least: float
    equations: Callable[[Array], Any] | None = None
    inequalities: Callable[[Array], Any] | None = None
    bounds: Any = None


def slopes(fun: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """Its gradient, or one row an entry: along each variable a step on the imaginary axis."""

    def along(x: Array) -> Array:
        steps = np.asarray(x, dtype=float) + 1e-40j * np.eye(len(x))
        return np.stack([np.imag(fun(z)) / 1e-40 for z in steps], axis=-1)

    return along


PROGRAMS: dict[str, Program] = {}


def _add(
    name: str, fun: Any, start: Any, least: float, eq: Any = None, ineq: Any = None, bounds: Any = None
) -> None:
    def of(parts: Any) -> Any:
        return None if parts is None else lambda x: np.array(parts(x)).ravel()

    PROGRAMS[name] = Program(fun, np.asarray(start, dtype=float), least, of(eq), of(ineq), bounds)


def _rosen(x: Array) -> Any:
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def _squares(x: Array) -> Any:
    return (x * x).sum()


def _three(x: Array) -> Any:
    return -x[0] * x[1] * x[2]


def _five(x: Array) -> Any:
    return (x[0] - x[1]) ** 2 + (x[1] + x[2] - 2) ** 2 + (x[3] - 1) ** 2 + (x[4] - 1) ** 2


def _steep(x: Array) -> Any:
    return (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6


def _chain78(x: Array) -> Any:
    return [(x * x).sum() - 10, x[1] * x[2] - 5 * x[3] * x[4], x[0] ** 3 + x[1] ** 3 + 1]


_R2, _BOX5 = np.sqrt(2.0), [(-2.3, 2.3)] * 2 + [(-3.2, 3.2)] * 3

# fmt: off
_add("6", lambda x: (1 - x[0]) ** 2, [-1.2, 1], 0, lambda x: 10 * (x[1] - x[0] ** 2))
_add("7", lambda x: np.log(1 + x[0] ** 2) - x[1], [2, 2], -np.sqrt(3), lambda x: (1 + x[0] ** 2) ** 2 + x[1] ** 2 - 4)
_add("9", lambda x: np.sin(np.pi * x[0] / 12) * np.cos(np.pi * x[1] / 16), [0, 0], -0.5, lambda x: 4 * x[0] - 3 * x[1])
_add("10", lambda x: x[0] - x[1], [-10, 10], -1, None, lambda x: -3 * x[0] ** 2 + 2 * x[0] * x[1] - x[1] ** 2 + 1)
_add("11", lambda x: (x[0] - 5) ** 2 + x[1] ** 2 - 25, [4.9, 0.1], -8.498464223, None, lambda x: -(x[0] ** 2) + x[1])
_add("12", lambda x: 0.5 * x[0] ** 2 + x[1] ** 2 - x[0] * x[1] - 7 * x[0] - 7 * x[1], [0, 0], -30, None,
     lambda x: 25 - 4 * x[0] ** 2 - x[1] ** 2)
_add("14", lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2, [2, 2], 9 - 2.875 * np.sqrt(7), lambda x: x[0] - 2 * x[1] + 1,
     lambda x: -0.25 * x[0] ** 2 - x[1] ** 2 + 1)
_add("15", _rosen, [-2, 1], 306.5, None, lambda x: [x[0] * x[1] - 1, x[0] + x[1] ** 2], [(None, 0.5), (None, None)])
_add("16", _rosen, [-2, 1], 0.25, None, lambda x: [x[0] + x[1] ** 2, x[0] ** 2 + x[1]], [(-0.5, 0.5), (None, 1)])
_add("17", _rosen, [-2, 1], 1, None, lambda x: [x[1] ** 2 - x[0], x[0] ** 2 - x[1]], [(-0.5, 0.5), (None, 1)])
_add("18", lambda x: 0.01 * x[0] ** 2 + x[1] ** 2, [2, 2], 5, None,
     lambda x: [x[0] * x[1] - 25, x[0] ** 2 + x[1] ** 2 - 25], [(2, 50), (0, 50)])
_add("19", lambda x: (x[0] - 10) ** 3 + (x[1] - 20) ** 3, [20.1, 5.84], -6961.81381, None,
     lambda x: [(x[0] - 5) ** 2 + (x[1] - 5) ** 2 - 100, -(x[1] - 5) ** 2 - (x[0] - 6) ** 2 + 82.81], [(13, 100), (0, 100)])
_add("20", _rosen, [-2, 1], 81.5 - 25 * np.sqrt(3), None,
     lambda x: [x[0] + x[1] ** 2, x[0] ** 2 + x[1], x[0] ** 2 + x[1] ** 2 - 1], [(-0.5, 0.5), (None, None)])
_add("21", lambda x: 0.01 * x[0] ** 2 + x[1] ** 2 - 100, [-1, -1], -99.96, None, lambda x: 10 * x[0] - x[1] - 10,
     [(2, 50), (-50, 50)])
_add("22", lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2, [2, 2], 1, None, lambda x: [2 - x[0] - x[1], x[1] - x[0] ** 2])
_add("23", _squares, [3, 1], 2, None,
     lambda x: [x[0] + x[1] - 1, x[0] ** 2 + x[1] ** 2 - 1, 9 * x[0] ** 2 + x[1] ** 2 - 9, x[0] ** 2 - x[1], x[1] ** 2 - x[0]],
     [(-50, 50)] * 2)
_add("24", lambda x: ((x[0] - 3) ** 2 - 9) * x[1] ** 3 / (27 * np.sqrt(3)), [1, 0.5], -1, None,
     lambda x: [x[0] / np.sqrt(3) - x[1], x[0] + np.sqrt(3) * x[1], 6 - x[0] - np.sqrt(3) * x[1]], [(0, None)] * 2)
_add("26", lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4, [-2.6, 2, 2], 0, lambda x: (1 + x[1] ** 2) * x[0] + x[2] ** 4 - 3)
_add("27", lambda x: 0.01 * (x[0] - 1) ** 2 + (x[1] - x[0] ** 2) ** 2, [2, 2, 2], 0.04, lambda x: x[0] + x[2] ** 2 + 1)
_add("28", lambda x: (x[0] + x[1]) ** 2 + (x[1] + x[2]) ** 2, [-4, 1, 1], 0, lambda x: x[0] + 2 * x[1] + 3 * x[2] - 1)
_add("29", _three, [1, 1, 1], -16 * _R2, None, lambda x: 48 - x[0] ** 2 - 2 * x[1] ** 2 - 4 * x[2] ** 2)
_add("30", _squares, [1, 1, 1], 1, None, lambda x: x[0] ** 2 + x[1] ** 2 - 1, [(1, 10), (-10, 10), (-10, 10)])
_add("31", lambda x: 9 * x[0] ** 2 + x[1] ** 2 + 9 * x[2] ** 2, [1, 1, 1], 6, None, lambda x: x[0] * x[1] - 1,
     [(-10, 10), (1, 10), (-10, 1)])
_add("32", lambda x: (x[0] + 3 * x[1] + x[2]) ** 2 + 4 * (x[0] - x[1]) ** 2, [0.1, 0.7, 0.2], 1, lambda x: 1 - x.sum(),
     lambda x: 6 * x[1] + 4 * x[2] - x[0] ** 3 - 3, [(0, None)] * 3)
_add("33", lambda x: (x[0] - 1) * (x[0] - 2) * (x[0] - 3) + x[2], [0, 0, 3], _R2 - 6, None,
     lambda x: [x[2] ** 2 - x[1] ** 2 - x[0] ** 2, (x * x).sum() - 4], [(0, None), (0, None), (0, 5)])
_add("34", lambda x: -x[0], [0, 1.05, 2.9], -np.log(np.log(10)), None, lambda x: [x[1] - np.exp(x[0]), x[2] - np.exp(x[1])],
     [(0, 100), (0, 100), (0, 10)])
_add("35", lambda x: 9 - 8 * x[0] - 6 * x[1] - 4 * x[2] + 2 * x[0] ** 2 + 2 * x[1] ** 2 + x[2] ** 2 + 2 * x[0] * x[1] + 2 * x[0] * x[2],
     [0.5] * 3, 1 / 9, None, lambda x: 3 - x[0] - x[1] - 2 * x[2], [(0, None)] * 3)
_add("36", _three, [10] * 3, -3300, None, lambda x: 72 - x[0] - 2 * x[1] - 2 * x[2], [(0, 20), (0, 11), (0, 42)])
_add("37", _three, [10] * 3, -3456, None, lambda x: [72 - x[0] - 2 * x[1] - 2 * x[2], x[0] + 2 * x[1] + 2 * x[2]], [(0, 42)] * 3)
_add("39", lambda x: -x[0], [2] * 4, -1, lambda x: [x[1] - x[0] ** 3 - x[2] ** 2, x[0] ** 2 - x[1] - x[3] ** 2])
_add("40", lambda x: -x[0] * x[1] * x[2] * x[3], [0.8] * 4, -0.25,
     lambda x: [x[0] ** 3 + x[1] ** 2 - 1, x[0] ** 2 * x[3] - x[2], x[3] ** 2 - x[1]])
_add("41", lambda x: 2 - x[0] * x[1] * x[2], [1, 1, 1, 2], 52 / 27, lambda x: x[0] + 2 * x[1] + 2 * x[2] - x[3],
     None, [(0, 1)] * 3 + [(0, 2)])
_add("42", lambda x: ((x - np.arange(1, 5)) ** 2).sum(), [1] * 4, 28 - 10 * _R2, lambda x: [x[0] - 2, x[2] ** 2 + x[3] ** 2 - 2])
_add("43", lambda x: x[0] ** 2 + x[1] ** 2 + 2 * x[2] ** 2 + x[3] ** 2 - 5 * x[0] - 5 * x[1] - 21 * x[2] + 7 * x[3], [0] * 4, -44, None,
     lambda x: [8 - (x * x).sum() - x[0] + x[1] - x[2] + x[3],
                10 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - 2 * x[3] ** 2 + x[0] + x[3],
                5 - 2 * x[0] ** 2 - x[1] ** 2 - x[2] ** 2 - 2 * x[0] + x[1] + x[3]])
_add("46", _steep, [0.5 * _R2, 1.75, 0.5, 2, 2], 0,
     lambda x: [x[0] ** 2 * x[3] + np.sin(x[3] - x[4]) - 1, x[1] + x[2] ** 4 * x[3] ** 2 - 2])
_add("48", lambda x: (x[0] - 1) ** 2 + (x[1] - x[2]) ** 2 + (x[3] - x[4]) ** 2, [3, 5, -3, 2, -2], 0,
     lambda x: [x.sum() - 5, x[2] - 2 * (x[3] + x[4]) + 3])
_add("49", _steep, [10, 7, 2, -3, 0.8], 0, lambda x: [x[0] + x[1] + x[2] + 4 * x[3] - 7, x[2] + 5 * x[4] - 6])
_add("50", lambda x: (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 2 + (x[2] - x[3]) ** 4 + (x[3] - x[4]) ** 2, [35, -31, 11, 5, -5], 0,
     lambda x: [x[k] + 2 * x[k + 1] + 3 * x[k + 2] - 6 for k in range(3)])
_add("51", _five, [2.5, 0.5, 2, -1, 0.5], 0, lambda x: [x[0] + 3 * x[1] - 4, x[2] + x[3] - 2 * x[4], x[1] - x[4]])
_add("52", lambda x: _five(x) + (4 * x[0] - x[1]) ** 2 - (x[0] - x[1]) ** 2, [2] * 5, 1859 / 349,
     lambda x: [x[0] + 3 * x[1], x[2] + x[3] - 2 * x[4], x[1] - x[4]])
_add("53", _five, [2] * 5, 176 / 43, lambda x: [x[0] + 3 * x[1], x[2] + x[3] - 2 * x[4], x[1] - x[4]], None, [(-10, 10)] * 5)
_add("60", lambda x: (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 4, [2] * 3, 0.03256820025,
     lambda x: x[0] * (1 + x[1] ** 2) + x[2] ** 4 - 4 - 3 * _R2, None, [(-10, 10)] * 3)
_add("61", lambda x: 4 * x[0] ** 2 + 2 * x[1] ** 2 + 2 * x[2] ** 2 - 33 * x[0] + 16 * x[1] - 24 * x[2], [0] * 3, -143.6461422,
     lambda x: [3 * x[0] - 2 * x[1] ** 2 - 7, 4 * x[0] - x[2] ** 2 - 11])
_add("63", lambda x: 1000 - x[0] ** 2 - 2 * x[1] ** 2 - x[2] ** 2 - x[0] * x[1] - x[0] * x[2], [2] * 3, 961.7151721,
     lambda x: [8 * x[0] + 14 * x[1] + 7 * x[2] - 56, (x * x).sum() - 25], None, [(0, None)] * 3)
_add("64", lambda x: 5 * x[0] + 50000 / x[0] + 20 * x[1] + 72000 / x[1] + 10 * x[2] + 144000 / x[2], [1] * 3, 6299.842428, None,
     lambda x: 1 - 4 / x[0] - 32 / x[1] - 120 / x[2], [(1e-5, None)] * 3)
_add("65", lambda x: (x[0] - x[1]) ** 2 + (x[0] + x[1] - 10) ** 2 / 9 + (x[2] - 5) ** 2, [-4.5, 4.5, 0], 0.9535288567, None,
     lambda x: 48 - (x * x).sum(), [(-4.5, 4.5), (-4.5, 4.5), (-5, 5)])
_add("66", lambda x: 0.2 * x[2] - 0.8 * x[0], [0, 1.05, 2.9], 0.5181632741, None,
     lambda x: [x[1] - np.exp(x[0]), x[2] - np.exp(x[1])], [(0, 100), (0, 100), (0, 10)])
_add("71", lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2], [1, 5, 5, 1], 17.0140173, lambda x: (x * x).sum() - 40,
     lambda x: x[0] * x[1] * x[2] * x[3] - 25, [(1, 5)] * 4)
_add("76", lambda x: x[0] ** 2 + 0.5 * x[1] ** 2 + x[2] ** 2 + 0.5 * x[3] ** 2 - x[0] * x[2] + x[2] * x[3] - x[0] - 3 * x[1] + x[2] - x[3],
     [0.5] * 4, -4.681818181, None,
     lambda x: [5 - x[0] - 2 * x[1] - x[2] - x[3], 4 - 3 * x[0] - x[1] - 2 * x[2] + x[3], x[1] + 4 * x[2] - 1.5], [(0, None)] * 4)
_add("77", lambda x: (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[2] - 1) ** 2 + (x[3] - 1) ** 4 + (x[4] - 1) ** 6, [2] * 5, 0.24150513,
     lambda x: [x[0] ** 2 * x[3] + np.sin(x[3] - x[4]) - 2 * _R2, x[1] + x[2] ** 4 * x[3] ** 2 - 8 - _R2])
_add("78", lambda x: x[0] * x[1] * x[2] * x[3] * x[4], [-2, 1.5, 2, -1, -1], -2.91970041, _chain78)
_add("79", lambda x: (x[0] - 1) ** 2 + (x[0] - x[1]) ** 2 + (x[1] - x[2]) ** 2 + (x[2] - x[3]) ** 4 + (x[3] - x[4]) ** 4, [2] * 5, 0.0787768209,
     lambda x: [x[0] + x[1] ** 2 + x[2] ** 3 - 2 - 3 * _R2, x[1] - x[2] ** 2 + x[3] + 2 - 2 * _R2, x[0] * x[4] - 2])
_add("80", lambda x: np.exp(x[0] * x[1] * x[2] * x[3] * x[4]), [-2, 2, 2, -1, -1], 0.0539498478, _chain78, None, _BOX5)
_add("81", lambda x: np.exp(x[0] * x[1] * x[2] * x[3] * x[4]) - 0.5 * (x[0] ** 3 + x[1] ** 3 + 1) ** 2, [-2, 2, 2, -1, -1], 0.0539498478,
     _chain78, None, _BOX5)
_add("100", lambda x: (x[0] - 10) ** 2 + 5 * (x[1] - 12) ** 2 + x[2] ** 4 + 3 * (x[3] - 11) ** 2 + 10 * x[4] ** 6 + 7 * x[5] ** 2 + x[6] ** 4
     - 4 * x[5] * x[6] - 10 * x[5] - 8 * x[6], [1, 2, 0, 4, 0, 1, 1], 680.6300573, None,
     lambda x: [127 - 2 * x[0] ** 2 - 3 * x[1] ** 4 - x[2] - 4 * x[3] ** 2 - 5 * x[4],
                282 - 7 * x[0] - 3 * x[1] - 10 * x[2] ** 2 - x[3] + x[4],
                196 - 23 * x[0] - x[1] ** 2 - 6 * x[5] ** 2 + 8 * x[6],
                -4 * x[0] ** 2 - x[1] ** 2 + 3 * x[0] * x[1] - 2 * x[2] ** 2 - 5 * x[5] + 11 * x[6]])
_add("113", lambda x: x[0] ** 2 + x[1] ** 2 + x[0] * x[1] - 14 * x[0] - 16 * x[1] + (x[2] - 10) ** 2 + 4 * (x[3] - 5) ** 2 + (x[4] - 3) ** 2
     + 2 * (x[5] - 1) ** 2 + 5 * x[6] ** 2 + 7 * (x[7] - 11) ** 2 + 2 * (x[8] - 10) ** 2 + (x[9] - 7) ** 2 + 45,
     [2, 3, 5, 5, 1, 2, 7, 3, 6, 10], 24.3062091, None,
     lambda x: [105 - 4 * x[0] - 5 * x[1] + 3 * x[6] - 9 * x[7],
                -3 * (x[0] - 2) ** 2 - 4 * (x[1] - 3) ** 2 - 2 * x[2] ** 2 + 7 * x[3] + 120,
                -10 * x[0] + 8 * x[1] + 17 * x[6] - 2 * x[7],
                -x[0] ** 2 - 2 * (x[1] - 2) ** 2 + 2 * x[0] * x[1] - 14 * x[4] + 6 * x[5],
                8 * x[0] - 2 * x[1] - 5 * x[8] + 2 * x[9] + 12,
                -5 * x[0] ** 2 - 8 * x[1] - (x[2] - 6) ** 2 + 2 * x[3] + 40,
                3 * x[0] - 6 * x[1] - 12 * (x[8] - 8) ** 2 + 7 * x[9],
                -0.5 * (x[0] - 8) ** 2 - 2 * (x[1] - 4) ** 2 - 3 * x[4] ** 2 + x[5] + 30])
# fmt: on


def _by_hand() -> None:
    """What people write: their answers are those of tight runs, checked by a second method."""
    draw = np.random.default_rng(7)
    _add("circle", lambda x: x[0] + x[1], [1, 0], -_R2, lambda x: (x * x).sum() - 1)
    _add("tutorial", lambda x: (x[0] - 1) ** 2 + (x[1] - 2.5) ** 2, [2, 0], 0.8, None,
         lambda x: [x[0] - 2 * x[1] + 2, 6 - x[0] - 2 * x[1], 2 - x[0] + 2 * x[1]], [(0, None)] * 2)  # fmt: skip
    # the torque that brings a cart to rest at 1, in thirty pushes
    dt = 1 / 30
    reach = dt * dt * (29 - np.arange(30))
    M = np.array([reach, np.full(30, dt)])
    _add("control", lambda u: (u * u).sum() * dt, np.zeros(30),
         dt * float(np.array([1, 0]) @ np.linalg.solve(M @ M.T, [1, 0])), lambda u: M @ u - [1, 0])  # fmt: skip
    X = draw.standard_normal((60, 3))
    y = np.sign(X @ [1, -1, 0.5] + 0.5)
    X = X + 0.15 * y[:, None] * np.array([1, -1, 0.5])
    _add(
        "svm",
        lambda w: 0.5 * (w[:3] * w[:3]).sum(),
        np.zeros(4),
        6.207225645540459,
        None,
        lambda w: y * (X @ w[:3] + w[3]) - 1,
    )
    G = (X * y[:, None]) @ (X * y[:, None]).T
    _add(
        "svm dual",
        lambda a: 0.5 * (a * (G @ a)).sum() - a.sum(),
        np.zeros(60),
        -4.531056425653209,
        lambda a: (a * y).sum(),
        None,
        [(0, 1)] * 60,
    )
    F = draw.standard_normal((40, 20)) / np.sqrt(40)
    mu = 0.1 * draw.random(20)
    S = F.T @ F + 0.1 * np.eye(20)
    _add("portfolio", lambda w: (w * (S @ w)).sum(), np.full(20, 0.05), 0.0550267580301, lambda w: w.sum() - 1,
         lambda w: (w * mu).sum() - 0.06, [(0, 1)] * 20)  # fmt: skip
    _add("sharpe", lambda w: -(w * mu).sum() / np.sqrt((w * (S @ w)).sum()), np.full(20, 0.05), -0.255905556859, lambda w: w.sum() - 1,
         None, [(0, 1)] * 20)  # fmt: skip
    v = np.arange(1.0, 7)
    _add("dice", lambda p: (p * np.log(p)).sum(), np.full(6, 1 / 6), -1.613581098, lambda p: [p.sum() - 1, (p * v).sum() - 4.5],
         None, [(1e-9, 1)] * 6)  # fmt: skip
    C = draw.random((6, 6))
    a, b = draw.dirichlet(np.ones(6)), draw.dirichlet(np.ones(6))

    def transport(p: Array) -> Any:
        return (C.ravel() * p).sum() + 0.05 * (p * (np.log(p) - 1)).sum()

    _add("transport", transport, np.outer(a, b).ravel(), 0.097946792788,
         lambda p: np.concatenate([p.reshape(6, 6).sum(1) - a, p.reshape(6, 6).sum(0) - b]), None, [(1e-12, None)] * 36)  # fmt: skip
    # the tension spring: wire, coil, turns
    _add("spring", lambda x: (x[2] + 2) * x[1] * x[0] ** 2, [0.06, 0.5, 8.0], 0.0126652, None,
         lambda x: [x[1] ** 3 * x[2] / (71785 * x[0] ** 4) - 1,
                    1 - (4 * x[1] ** 2 - x[0] * x[1]) / (12566 * (x[1] * x[0] ** 3 - x[0] ** 4)) - 1 / (5108 * x[0] ** 2),
                    140.45 * x[0] / (x[1] ** 2 * x[2]) - 1, 1 - (x[0] + x[1]) / 1.5],
         [(0.05, 2), (0.25, 1.3), (2, 15)])  # fmt: skip

    # a chain of 16 links between (0, 0) and (3, 0), each of length 0.25: x and y of its joints
    def joints(z: Array) -> Any:
        return np.concatenate([[0], z[:15], [3]]), np.concatenate([[0], z[15:], [0]])

    def links(z: Array) -> Any:
        p, q = joints(z)
        return np.diff(p) ** 2 + np.diff(q) ** 2 - 0.25**2

    t = np.linspace(0, 1, 17)[1:-1]
    _add(
        "hanging chain",
        lambda z: z[15:].sum(),
        np.concatenate([3 * t, -4 * t * (1 - t)]),
        -11.620628287,
        links,
    )
    value, weight = 1 + 9 * draw.random(12), 1 + 4 * draw.random(12)
    _add(
        "knapsack",
        lambda x: -(value * x).sum(),
        np.full(12, 0.1),
        -48.184977717,
        None,
        lambda x: 15 - (weight * x).sum(),
        [(0, 1)] * 12,
    )
    _add("rayleigh", lambda w: -(w * (S[:5, :5] @ w)).sum(), np.ones(5) / np.sqrt(5), -float(np.linalg.eigvalsh(S[:5, :5])[-1]),
         lambda w: (w * w).sum() - 1)  # fmt: skip


_by_hand()
