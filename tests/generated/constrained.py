"""Functions of a few variables under constraints: equations, inequalities, bounds; judged by conditions of first order.

A case is a formula and constraints of natural coordinates u, and what hides them from the minimiser: x = shift +
scale u, f = size phi(u), c_i = heights_i gamma_i(u). The judge knows all of them without the disguise. It holds the
answer to the constraints; to the slopes, which multipliers of the right sign have to balance (non-negative least
squares, of slopes found in 80-bit numbers); and to a point that is feasible and clearly lower, which Newton's method on
the conditions, in 80-bit numbers too, or HiGHS, where all is linear, may find.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from tests.generated.oracle import EPS, LD
from tests.generated.verdict import SECONDS, Verdict, alarm

import steepest

Draw = np.random.Generator
Array = NDArray[Any]

METHODS = ("sqp", "augmented_lagrangian")
CALLS = 20_000
#: What a constraint may be missed by for a success, beside its own size: the methods say a hundredth of the tolerance.
MISSED = 1e-6
#: What the slopes may be off from what multipliers balance, beside the slopes themselves.
BALANCED = 1e-2
#: What a value may be above a feasible one near by, as a share of what it has fallen by.
SHARE = {"exact": 1e-6, None: 1e-5}


#: From starts that are larger what F falls by is no measure.
FAR = 100.0


@dataclass
class Case:
    """phi and the constraints gamma as text over u, and constants; low <= gamma <= high."""

    family: str
    formula: str
    constraints: list[str]
    limits: list[tuple[float, float]]
    start: Array
    constants: dict[str, Any] = field(default_factory=dict)
    convex: bool = False
    linear: bool = False
    feasible: bool = True
    low: Array | None = None
    high: Array | None = None
    scale: Array | None = None
    shift: Array | None = None
    size: float = 1.0
    heights: Array | None = None
    jac: str | None = "exact"
    slopes: bool = True
    words: str = "dict"
    method: str | None = None

    def __post_init__(self) -> None:
        n = len(self.start)
        self.scale = np.ones(n) if self.scale is None else self.scale
        self.shift = np.zeros(n) if self.shift is None else self.shift
        self.heights = np.ones(len(self.constraints)) if self.heights is None else self.heights
        self._code = [compile(text, "formula", "eval") for text in (self.formula, *self.constraints)]
        self._names: dict[bool, dict[str, Any]] = {}

    def at(self, u: Array) -> Array:
        """phi and the constraints."""
        wide = u.dtype in (LD, np.clongdouble)
        if wide not in self._names:
            own = {
                k: v.astype(LD) if wide and isinstance(v, np.ndarray) else v
                for k, v in self.constants.items()
            }
            self._names[wide] = {"np": np} | own
        names = self._names[wide]
        names["u"] = u
        with np.errstate(all="ignore"):
            return np.array([eval(code, names) for code in self._code])

    def slope(self, u: Array) -> Array:
        """A row each, by complex steps: exact to rounding."""
        wide = u.dtype == LD
        kind, h = (np.clongdouble, LD(1e-30)) if wide else (np.complex128, 1e-30)
        rows = [self.at(u.astype(kind) + 1j * h * e.astype(u.dtype)).imag / h for e in np.eye(len(u))]
        return np.array(rows).T

    # what the minimiser sees

    def natural(self, x: Array) -> Array:
        return (np.asarray(x, dtype=float) - self.shift) / self.scale

    def outer(self, u: Array) -> Array:
        return np.asarray(self.shift + self.scale * u)

    def x0(self) -> Array:
        return self.outer(self.start)

    def fun(self, x: Array) -> float:
        return float(self.size * self.at(self.natural(x))[0])

    def grad(self, x: Array) -> Array:
        return self.slope(self.natural(x))[0] * (self.size / self.scale)

    def bounds(self) -> list[tuple[float, float]] | None:
        if self.low is None:
            return None
        return list(zip(self.outer(self.low).tolist(), self.outer(self.high).tolist(), strict=True))

    def held(self) -> Any:
        """The constraints in one of SciPy's ways."""
        ends = np.array(self.limits) * self.heights[:, None]

        def value(x: Array) -> Array:
            return self.heights * self.at(self.natural(x))[1:]

        def slopes(x: Array) -> Array:
            return self.heights[:, None] * self.slope(self.natural(x))[1:] / self.scale

        if self.words == "matrix":
            # all are linear
            origin = self.outer(np.zeros(len(self.start)))
            A = slopes(origin)
            level = value(origin) - A @ origin
            return scipy.optimize.LinearConstraint(A, ends[:, 0] - level, ends[:, 1] - level)
        if self.words == "vector":
            return scipy.optimize.NonlinearConstraint(
                value, ends[:, 0], ends[:, 1], **({"jac": slopes} if self.slopes else {})
            )
        out = []
        for i, (low, high) in enumerate(ends):
            parts = [("eq", 1.0, low)] if low == high else []
            if low < high:
                parts += [("ineq", 1.0, low)] if np.isfinite(low) else []
                parts += [("ineq", -1.0, -high)] if np.isfinite(high) else []
            for kind, sign, limit in parts:
                one = {"type": kind, "fun": lambda x, i=i, s=sign, t=limit: s * value(x)[i] - t}
                if self.slopes:
                    one["jac"] = lambda x, i=i, s=sign: s * slopes(x)[i]
                out.append(one)
        return out

    def code(self) -> str:
        """A program that runs it."""
        given = [f"{k}={_text(v)}" for k, v in self.constants.items()]
        given += [f"shift={_text(self.shift)}", f"scale={_text(self.scale)}"]
        limits = np.array(self.limits).tolist()
        lines = [
            "import numpy as np, scipy.optimize, steepest; inf=np.inf", "; ".join(given),
            f"def at(x): u=(x-shift)/scale; return np.array([{', '.join([self.formula, *self.constraints])}])",
            f"f=lambda x: {self.size!r}*at(x)[0]",
            "D=lambda x: np.array([at(x+1e-30j*scale*e).imag/1e-30 for e in np.eye(len(x))]).T/scale",
            f"h=np.array({self.heights.tolist()}); ends=np.array({limits})*h[:,None]",
        ]  # fmt: skip
        jac = f", jac=lambda x: {self.size!r}*D(x)[0]" if self.jac else ""
        slopes = ", jac=lambda x: h[:,None]*D(x)[1:]" if self.slopes else ""
        lines.append(
            f"c=scipy.optimize.NonlinearConstraint(lambda x: h*at(x)[1:], ends[:,0], ends[:,1]{slopes})"
        )
        bounds = "" if self.low is None else f", bounds={self.bounds()}"
        method = "" if self.method is None else f", method={self.method!r}"
        said = "" if self.words == "vector" else f"  # given as {self.words}"
        lines.append(f"steepest.minimize(f, {self.x0().tolist()}{jac}, constraints=c{bounds}{method}){said}")
        return "\n    ".join(lines)


def _text(v: Any) -> str:
    return f"np.array({v.tolist()})" if isinstance(v, np.ndarray) else repr(v)


# Problems, by families


def _round(r: Draw, n: int) -> tuple[str, dict[str, Any]]:
    """A quadratic of some conditioning."""
    q, _ = np.linalg.qr(r.standard_normal((n, n)))
    A = np.sqrt(10.0 ** (-r.uniform(0, 4) * r.random(n)))[:, None] * q.T
    return "0.5*(((u-a)@A.T)**2).sum()", {"A": A, "a": r.standard_normal(n)}


def _planes(r: Draw, n: int, equations: int, others: int) -> tuple[list[str], list[Any], dict[str, Any]]:
    """Linear constraints that a point drawn near 0 meets, and how they are written."""
    within = r.standard_normal(n)
    rows = r.standard_normal((equations + others, n))
    level = rows @ within
    text = [f"(G{i}*u).sum()" for i in range(len(rows))]
    limits: list[tuple[float, float]] = []
    for i in range(len(rows)):
        at = float(level[i])
        if i < equations:
            limits.append((at, at))
        elif r.random() < 0.3:
            limits.append((at - r.uniform(0, 2), at + r.uniform(0, 2)))
        else:
            limits.append((-np.inf, at + float(r.uniform(0, 1)) * (r.random() < 0.8)))
    return text, limits, {f"G{i}": row for i, row in enumerate(rows)} | {"within": within}


def _linear(r: Draw, n: int) -> Case:
    """A linear program in a box."""
    text, limits, names = _planes(r, n, int(r.integers(0, max(n - 1, 1))), int(r.integers(1, n + 1)))
    within = names.pop("within")
    low, high = within - r.uniform(0, 2, n), within + r.uniform(0, 2, n)
    names["p"] = r.standard_normal(n)
    return Case("linear", "(p*u).sum()", text, limits, r.uniform(low, high), names, True, True,
                low=low, high=high, words=str(r.choice(["matrix", "dict", "vector"])))  # fmt: skip


def _planar(r: Draw, n: int) -> Case:
    """A quadratic over a polyhedron."""
    text, limits, names = _planes(r, n, int(r.integers(0, n)), int(r.integers(1, n + 1)))
    formula, more = _round(r, n)
    within = names.pop("within")
    case = Case("planar", formula, text, limits, r.uniform(-3, 3, n), names | more, True,
                words=str(r.choice(["matrix", "dict", "vector"])))  # fmt: skip
    if r.random() < 0.4:
        case.low, case.high = within - r.uniform(0, 1, n), within + r.uniform(0, 3, n)
    return case


def _balls(r: Draw, n: int) -> Case:
    """Convex: a quadratic, or exponentials, over balls that share a point, and perhaps a plane through it."""
    within = r.standard_normal(n)
    formula, names = _round(r, n)
    if r.random() < 0.3:
        formula, names = "(np.exp(u)-w*u).sum()", {"w": 10.0 ** r.uniform(-1, 1, n)}
    text, limits = [], []
    for i in range(int(r.integers(1, 4))):
        names[f"m{i}"] = within + r.standard_normal(n)
        reach = float(((within - names[f"m{i}"]) ** 2).sum() + r.uniform(0.05, 2))
        text.append(f"((u-m{i})**2).sum()")
        limits.append((-np.inf, reach))
    if n > 2 and r.random() < 0.4:
        names["G"] = r.standard_normal(n)
        text.append("(G*u).sum()")
        limits.append((float(names["G"] @ within),) * 2)
    return Case("balls", formula, text, limits, r.uniform(-3, 3, n), names, True)


def _bent(r: Draw, n: int) -> Case:
    """Constraints that are not convex: a sphere, products, a valley's floor."""
    n = max(n, 2)
    formula, names = _round(r, n)
    if r.random() < 0.4:
        formula, names = (
            "(k*(u[1:]-u[:-1]**2)**2).sum()+((1-u[:-1])**2).sum()",
            {"k": float(10.0 ** r.uniform(0, 2))},
        )
    what = int(r.integers(4))
    start = r.uniform(-2, 2, n)
    if what == 0:
        text, limits = ["(u**2).sum()"], [(float(r.uniform(0.5, 4)),) * 2]
    elif what == 1:
        text, limits = ["u[0]*u[1]"], [(float(r.uniform(0.3, 2)), np.inf)]
        start = np.abs(start) + 0.3
    elif what == 2:
        text, limits = ["u[1]-np.sin(2*u[0])"], [(0.0, 0.0)]
    else:
        text, limits = ["(u**2).sum()", "u.sum()"], [(1.0, np.inf), (-np.inf, float(r.uniform(0.5, 3)))]
    case = Case("bent", formula, text, limits, start, names)
    if r.random() < 0.3:
        case.low, case.high = start - r.uniform(0.5, 4, n), start + r.uniform(0.5, 4, n)
    return case


def _dependent(r: Draw, n: int) -> Case:
    """Constraints that are said twice, or follow from the others."""
    case = _planar(r, max(n, 2))
    i = int(r.integers(len(case.constraints)))
    factor = float(10.0 ** r.uniform(-3, 3))
    case = replace(
        case, family="dependent", constraints=[*case.constraints, f"{factor!r}*({case.constraints[i]})"],
        limits=[*case.limits, (case.limits[i][0] * factor, case.limits[i][1] * factor)], heights=None,
    )  # fmt: skip
    return case


def _contradictory(r: Draw, n: int) -> Case:
    """No point meets them all."""
    n = max(n, 2)
    formula, names = _round(r, n)
    G, apart = r.standard_normal(n), float(10.0 ** r.uniform(-2, 2))
    names["G"] = G
    if r.random() < 0.5:
        text, limits = ["(G*u).sum()", "(G*u).sum()"], [(1.0, 1.0), (1.0 + apart, np.inf)]
    else:
        reach = (1 / np.abs(G)).min() * 0.1
        text, limits = ["(G*u).sum()", "(u**2).sum()"], [(1.0 + apart, np.inf), (-np.inf, reach**2)]
        limits[1] = (-np.inf, float(0.25 * (1.0 + apart) ** 2 / (G @ G)))
    return Case("contradictory", formula, text, limits, r.uniform(-3, 3, n), names, True, feasible=False)


FAMILIES = {
    "linear": _linear, "planar": _planar, "balls": _balls, "bent": _bent, "dependent": _dependent,
    "contradictory": _contradictory,
}  # fmt: skip


def draw(r: Draw, family: str | None = None) -> Case:
    kind = family or str(r.choice(list(FAMILIES), p=[0.15, 0.25, 0.2, 0.2, 0.1, 0.1]))
    case = FAMILIES[kind](r, int(r.choice([2, 2, 3, 4, 6])))
    n, m = len(case.start), len(case.constraints)
    if r.random() < 0.4:
        case.scale = 10.0 ** (r.uniform(-9, 9, n) if r.random() < 0.5 else np.full(n, r.uniform(-9, 9)))
    if r.random() < 0.15:
        case.shift = case.scale * r.standard_normal(n) * 10.0 ** r.uniform(0, 3)
    if r.random() < 0.3:
        case.size = float(10.0 ** r.uniform(-9, 9))
    if r.random() < 0.3:
        case.heights = 10.0 ** r.uniform(-3, 3, m)
    case.jac = "exact" if r.random() < 0.65 else None
    case.slopes = r.random() < 0.8
    if case.words == "dict" and r.random() < 0.4:
        case.words = "vector"
    if r.random() < 0.5:
        case.method = str(r.choice(METHODS))
    # From far off what is missed at first, and what is fallen by, says nothing.
    if case.convex and case.low is None and r.random() < 0.2:
        far = replace(case, start=case.start * 10.0 ** r.uniform(1, 6))
        with np.errstate(over="ignore"):
            finite = np.isfinite(far.fun(far.x0())) and np.isfinite(far.grad(far.x0())).all()
        return far if finite else case
    return case


# The judgement


def ask(case: Case) -> tuple[Any, int]:
    calls = 0

    def counted(x: Array) -> float:
        nonlocal calls
        calls += 1
        return case.fun(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = steepest.minimize(
            counted, case.x0(), jac=case.grad if case.jac else None, bounds=case.bounds(),
            constraints=case.held(), method=case.method, options={"maxfev": CALLS},
        )  # fmt: skip
    return result, calls


def judge(case: Case) -> Verdict:
    try:
        with alarm(SECONDS):
            result, calls = ask(case)
    except TimeoutError:
        return Verdict("slow", f"{case.method} {case.jac}: not done after {SECONDS:g} s")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        text = f"{type(error).__name__}: {error}"
        return Verdict("refused" if isinstance(error, ValueError) else "crash", text[:200])
    return weigh(case, result, calls)


def weigh(case: Case, result: Any, calls: int) -> Verdict:
    x = np.asarray(result.x, dtype=float)
    how = (
        f"{result.method} {result.outcome} ({case.jac}{'' if case.slopes else ', constraints differenced'}):"
    )
    if not np.isfinite(x).all():
        return Verdict("false success" if result.success else "no optimum", f"{how} x {x.tolist()}")
    box = case.bounds()
    if box is not None and not ((x >= np.array(box)[:, 0]) & (x <= np.array(box)[:, 1])).all():
        return Verdict("outside", f"{how} x {x.tolist()} lies outside of the bounds")
    if case.fun(x) != result.fun:
        return Verdict("wrong value", f"{how} fun {result.fun!r}, f(x) is {case.fun(x)!r}")
    u = (x.astype(LD) - case.shift) / case.scale
    phi, *gamma = case.at(u)
    missed = float(max(map(_beyond, gamma, case.limits)))
    said = float(
        max(h * _beyond(g, ends) for h, g, ends in zip(case.heights, gamma, case.limits, strict=True))
    )
    grain = float(np.abs(case.slope(u)[1:] @ (EPS * np.abs(x) / case.scale)).max())
    size = max(1.0, *(abs(t) for ends in case.limits for t in ends if np.isfinite(t)))
    told = f"{how} phi {phi:.9g} missed {missed:.3g}, {calls} calls"
    # what is handed over was computed in 53 bits
    if not abs(result.maxcv - said) <= 1e-6 * said + float(case.heights.max()) * (1e-12 * size + 4 * grain):
        return Verdict("wrong value", f"{told}: maxcv {result.maxcv!r} is {said!r}")
    if not case.feasible:
        return Verdict("false success" if result.success else "", told)
    allowed = MISSED * size + 4 * grain
    if result.success and missed > allowed:
        return Verdict("false success", f"{told} of {allowed:.3g}")
    least, off = goal(case, u, missed)
    begin = case.at((case.x0().astype(LD) - case.shift) / case.scale)[0]
    drop = max(abs(begin - least), abs(least) * 1e-3) if np.isfinite(least) else LD(np.inf)
    if np.abs(case.start).max() > FAR:
        drop = min(drop, 100 * max(LD(1), abs(least)))
    # a start within may lie at the least value, and one outside below it
    within = SHARE[case.jac] * drop + 100 * EPS * abs(phi) + allowed * _priced(case, u)
    gap = phi - least
    told += f" least {least:.9g} gap {gap:.3g} allowed {within:.3g} off balance {off:.3g}"
    if result.success and not gap <= within:
        return Verdict("false success", told)
    if result.success and off > BALANCED:
        return Verdict(
            "false success", told + ": the multipliers that balance the slopes best leave that share"
        )
    if result.success:
        return Verdict("", told)
    if result.outcome == "budget" or not case.convex:
        return Verdict("no optimum", told)
    if result.outcome in ("infeasible", "unbounded", "gradient_inconsistent", "diverged"):
        return Verdict("false " + result.outcome, told)
    return Verdict("unclaimed" if missed <= allowed and gap <= within else "not reached", told)


def _beyond(value: Any, ends: tuple[float, float]) -> Any:
    return max(ends[0] - value, value - ends[1], LD(0))


def _all(case: Case, u: Array, slopes: bool = True) -> tuple[Array, Array]:
    """Every constraint as what must not be below 0 (the equations first, which must be 0), and its slopes."""
    value = case.at(u)[1:]
    slope = case.slope(u)[1:] if slopes else np.zeros((len(value), len(u)), dtype=LD)
    equal = [(v - lo, s) for v, s, (lo, hi) in zip(value, slope, case.limits, strict=True) if lo == hi]
    above = [
        (v - lo, s)
        for v, s, (lo, hi) in zip(value, slope, case.limits, strict=True)
        if lo < hi and np.isfinite(lo)
    ]
    below = [
        (hi - v, -s)
        for v, s, (lo, hi) in zip(value, slope, case.limits, strict=True)
        if lo < hi and np.isfinite(hi)
    ]
    if case.low is not None:
        box = np.array(case.bounds()).T.astype(LD)
        low, high = (box - case.shift) / case.scale
        one = np.eye(len(u), dtype=LD)
        above += [(v - t, e) for v, t, e in zip(u, low, one, strict=True)]
        below += [(t - v, -e) for v, t, e in zip(u, high, one, strict=True)]
    rows = equal + above + below
    return np.array([v for v, _ in rows]), np.array([s for _, s in rows]).reshape(len(rows), len(u))


def _equations(case: Case) -> int:
    return sum(lo == hi for lo, hi in case.limits)


def balance(case: Case, u: Array, missed: float) -> tuple[float, Array, Array]:
    """What share of the slopes no multipliers balance; the multipliers, and which constraints are near."""
    g = case.slope(u)[0].astype(float)
    value, rows = _all(case, u)
    e = _equations(case)
    lengths = np.maximum(np.linalg.norm(rows.astype(float), axis=1), 1e-300)
    near = np.abs(value.astype(float)) <= lengths * (1e-5 * (1 + np.abs(u).max().astype(float))) + 2 * missed
    near[:e] = True
    A = (rows.astype(float) / lengths[:, None])[near]
    columns = np.vstack([A, -A[:e]]).T
    if columns.size == 0:
        return float(np.linalg.norm(g)), np.zeros(0), near
    y, left = scipy.optimize.nnls(columns, g)
    prices = y[: len(A)].copy()
    prices[:e] -= y[len(A) :]
    return float(left), prices / lengths[near], near


def _priced(case: Case, u: Array) -> Any:
    """What phi changes by where the constraints are missed by 1, at most."""
    _, prices, _ = balance(case, u, 0.0)
    return LD(np.abs(prices).sum()) if prices.size else LD(0)


def goal(case: Case, u: Array, missed: float) -> tuple[Any, float]:
    """A feasible value that is known or found near by, and what the slopes are off balance by."""
    left, _, _ = balance(case, u, missed)
    steep = np.linalg.norm(case.slope(u)[0].astype(float))
    first = np.linalg.norm(case.slope(case.start.astype(LD))[0].astype(float))
    off = left / max(steep, 1e-3 * first, 1e-300)
    if case.linear:
        return _program(case), off
    best = LD(np.inf)
    for start in (u, case.start.astype(LD)) if case.convex else (u,):
        for found in (_settled(case, v) for v in (start, _near(case, start)) if v is not None):
            # where nothing is convex, what is claimed is that nothing near by is lower
            if found is not None and (
                case.convex or np.abs(found[1] - u).max() <= 0.05 * (1 + np.abs(u).max())
            ):
                best = min(best, found[0])
    return best if np.isfinite(best) else LD(np.nan) if missed > 1e-6 else case.at(u)[0], off


def _program(case: Case) -> Any:
    """HiGHS, in natural coordinates."""
    p, rows = case.constants["p"], case.slope(case.start)[1:]
    level = case.at(case.start)[1:] - rows @ case.start
    low, high = np.array(case.limits).T
    found = scipy.optimize.milp(
        p, bounds=scipy.optimize.Bounds(*((np.array(case.bounds()).T - case.shift) / case.scale)),
        constraints=scipy.optimize.LinearConstraint(rows, low - level, high - level),
    )  # fmt: skip
    return LD(found.fun) if found.success else LD(np.nan)


def _near(case: Case, u: Array) -> Array | None:
    """SLSQP's answer from there, undisguised."""
    e = _equations(case)

    # both are asked twice at each point
    @functools.lru_cache(maxsize=1)
    def values(v: bytes) -> Array:
        return _all(case, np.frombuffer(v).astype(LD), False)[0].astype(float)

    @functools.lru_cache(maxsize=1)
    def slopes(v: bytes) -> Array:
        return _all(case, np.frombuffer(v).astype(LD))[1].astype(float)

    def part(kind: str, of: slice) -> dict[str, Any]:
        return {
            "type": kind,
            "fun": lambda v: values(v.tobytes())[of],
            "jac": lambda v: slopes(v.tobytes())[of],
        }

    held = [part("ineq", slice(e, None))]
    if e:
        held.insert(0, part("eq", slice(e)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = scipy.optimize.minimize(
                lambda v: float(case.at(v)[0]), u.astype(float), jac=lambda v: case.slope(v)[0],
                constraints=held, method="SLSQP", options={"ftol": 1e-12, "maxiter": 200},
            )  # fmt: skip
        except Exception:
            return None
    return found.x.astype(LD) if np.isfinite(found.x).all() else None


def _settled(case: Case, u: Array, steps: int = 12) -> Any:
    """A feasible point that Newton's method on the conditions finds, what is near u held, and its value; or None."""
    n, e = len(u), _equations(case)
    value, rows = _all(case, u)
    # What runs away on its search is none.
    if not all(np.isfinite(a.astype(float)).all() for a in (case.slope(u)[0], value, rows)):
        return None
    missed = max(float(np.abs(value[:e]).max(initial=0)), float(-value[e:].min(initial=0)), 0.0)
    _, prices, near = balance(case, u, missed)
    wanted = np.flatnonzero(near)
    held = wanted[[bool(i < e or y > 0) for i, y in zip(wanted, prices, strict=True)]]
    y = np.array([p for i, p in zip(wanted, prices, strict=True) if i < e or p > 0], dtype=LD)
    h, one = LD(1e-6), np.eye(n, dtype=LD)
    for _ in range(steps):

        def slope(v: Array, y: Array = y) -> Array:
            return case.slope(v)[0] - y @ _all(case, v)[1][held]

        H = np.array([(slope(u + h * d) - slope(u - h * d)) / (2 * h) for d in one])
        value, rows = _all(case, u)
        A = rows[held]
        K = np.block([[(H + H.T) / 2, -A.T], [A, np.zeros((len(held),) * 2)]]).astype(float)
        right = np.concatenate([-slope(u), -value[held]]).astype(float)
        if not (np.isfinite(K).all() and np.isfinite(right).all()):
            return None
        step = np.linalg.lstsq(K, right, rcond=1e-13)[0].astype(LD)
        u, y = u + step[:n], y + step[n:]
        if not np.isfinite(u).all():
            return None
        if np.abs(step[:n]).max() <= 1e-17 * np.abs(u).max():
            break
    value, _ = _all(case, u, False)
    met = np.abs(value[:e]).max(initial=LD(0)) <= 1e-13 and value[e:].min(initial=LD(0)) >= -1e-13
    return (case.at(u)[0], u) if met else None


def smaller(case: Case) -> list[Case]:
    """The cases one step simpler."""
    n, m = len(case.start), len(case.constraints)
    out = []
    for change in (
        {"scale": np.ones(n)}, {"shift": np.zeros(n)}, {"size": 1.0}, {"heights": np.ones(m)}, {"method": None},
        {"jac": "exact"}, {"slopes": True}, {"words": "vector"}, {"low": None, "high": None},
    ):  # fmt: skip
        if case.linear and "low" in change:
            continue
        if not all(np.array_equal(v, getattr(case, k)) for k, v in change.items()):
            out.append(replace(case, **change))
    for i in range(m) if m > 1 and case.feasible else ():
        keep = [j for j in range(m) if j != i]
        out.append(replace(case, constraints=[case.constraints[j] for j in keep],
                           limits=[case.limits[j] for j in keep], heights=case.heights[keep]))  # fmt: skip
    for digits in (1, 3):
        start = np.round(case.start, digits)
        if not np.array_equal(start, case.start):
            out.append(replace(case, start=start))
    return out
