"""Functions whose two sides differ at a point where steps come to rest: slopes or curvature that jump there.

The coordinates t = Q (u - a) do not mix: some of them are as the family has it, the others parabolas. Steps come from
one side. What is below a point without a rise between is found by going along each axis, so a success that F falls on
from is false, and one at a least value of its surroundings is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.generated import functions
from tests.generated.functions import judge, smaller

__all__ = ["FAMILIES", "METHODS", "draw", "judge", "smaller"]

Draw = np.random.Generator
Array = NDArray[Any]

METHODS = (
    *functions.SMOOTH, *functions.RULES, "bfgs", "nonlinear_cg", "truncated_newton", "steepest_descent",
    "barzilai_borwein", "adapgm", "panoc",
)  # fmt: skip

#: Kinks are beyond most methods: what they take before they say so tells nothing.
CALLS = 4000

#: What the coordinates named by `m` add, and its slope: t > 0 is the side that steps come from.
SIDES: dict[str, tuple[str, str]] = {
    "inflected": ("w*t*abs(t)+c*t**4", "2*w*abs(t)+4*c*t**3"),
    "bent down": ("np.where(t>0,w*t**2,-s*t**2+c*t**4)", "np.where(t>0,2*w*t,-2*s*t+4*c*t**3)"),
    "other bend": ("np.where(t>0,w,s)*t**2", "2*np.where(t>0,w,s)*t"),
    "ledge": ("np.where(t>0,w*t**2,s*t+c*t**4)", "np.where(t>0,2*w*t,s+4*c*t**3)"),
    "ledge of a flat": ("np.where(t>0,w*t**4,s*t+c*t**4)", "np.where(t>0,4*w*t**3,s+4*c*t**3)"),
    "cut": (
        "np.where(t>d,w*t**2,w*d**2+s*(t-d)+c*(t-d)**4)",
        "np.where(t>d,2*w*t,s+4*c*(t-d)**3)",
    ),
    "cusp below": (
        "np.where(t>0,w*t**2,-s*abs(t)**p+c*t**4)",
        "np.where(t>0,2*w*t,s*p*abs(t)**(p-1)+4*c*t**3)",
    ),
    "cusp above": ("np.where(t>0,w*t**2,s*abs(t)**p)", "np.where(t>0,2*w*t,-s*p*abs(t)**(p-1))"),
}
#: The larger of two paraboloids.
LARGER = "larger"
FAMILIES = (*SIDES, LARGER)


def _rotated(r: Draw, n: int) -> Array:
    if r.random() < 0.3:
        return np.eye(n)
    q, _ = np.linalg.qr(r.standard_normal((n, n)))
    return q


def _sided(r: Draw, kind: str, n: int) -> functions.Case:
    m = r.random(n) < 0.5
    m[int(r.integers(n))] = True
    t = np.where(m, r.uniform(0.3, 5, n), r.uniform(-5, 5, n))
    if r.random() < 0.1:
        t[m] = 0.0
    Q, a = _rotated(r, n), r.standard_normal(n) * (r.random() < 0.7)
    spread = 1.5 if r.random() < 0.7 else 0.0
    w, s, c = (10.0 ** (spread * r.uniform(-1, 1, n)) for _ in range(3))
    d = 10.0 ** r.uniform(-9, -1, n)
    value, slope = SIDES[kind]
    constants = {
        "Q": Q,
        "a": a,
        "m": m,
        "w": w,
        "s": s,
        "c": c,
        "d": d,
        "p": float(r.choice([0.5, 1.2, 1.5])),
    }
    return functions.Case(
        kind, f"(t:=(u-a)@Q.T,np.where(m,{value},w*t**2))[1].sum(-1)", a + Q.T @ t, constants, axes=Q,
        slope=f"(t:=Q@(u-a),np.where(m,{slope},2*w*t))[1]@Q",
    )  # fmt: skip


def _larger(r: Draw, n: int) -> functions.Case:
    """The larger of two paraboloids of unlike curvature: least where both are the same, or in one of them."""
    Q, b = _rotated(r, n), r.standard_normal(n) * 10.0 ** r.uniform(-2, 1)
    v, w = (10.0 ** r.uniform(-2, 2, n) for _ in range(2))
    constants = {"Q": Q, "b": b, "v": v, "w": w, "e": float(r.choice([0.0, 0.0, 1.0, -1.0]))}
    start, least = r.uniform(-5, 5, n), _least(v, w, b, constants["e"])
    one, two = "(v*t**2).sum(-1)", "((w*(t-b)**2).sum(-1)+e)"
    return functions.Case(
        LARGER, f"(t:=u@Q.T,np.maximum({one},{two}))[1]", start, constants, least,
        slope=f"(t:=Q@u,2*v*t if {one}>{two} else 2*w*(t-b))[1]@Q",
    )  # fmt: skip


def _least(v: Array, w: Array, b: Array, e: float) -> float:
    """The largest of min over t of (1-k) one + k two, over k: convex, so that is the least larger one."""

    def dual(k: float) -> float:
        t = k * w * b / ((1 - k) * v + k * w)
        return float((1 - k) * (v * t**2).sum() + k * ((w * (t - b) ** 2).sum() + e))

    low, high = 0.0, 1.0
    for _ in range(200):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (one, high) if dual(one) < dual(two) else (low, two)
    return dual(low)


def draw(r: Draw, family: str | None = None) -> functions.Case:
    """A case of the family, or of any."""
    kind = family or str(r.choice(FAMILIES))
    n = int(r.choice([1, 1, 2, 3, 5]))
    case = _larger(r, n) if kind == LARGER else _sided(r, kind, n)
    if r.random() < 0.4:
        case.scale = 10.0 ** (r.uniform(-6, 6, n) if r.random() < 0.5 else np.full(n, r.uniform(-6, 6)))
    if r.random() < 0.25:
        case.size = float(10.0 ** r.uniform(-30, 30))
    case.jac = ["exact", None, "3-point"][int(r.choice(3, p=[0.5, 0.35, 0.15]))]
    if r.random() < 0.65:
        case.method = str(r.choice(METHODS))
    case.calls = CALLS
    return case
