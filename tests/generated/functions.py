"""Functions of a few variables: formulas by families, minimised by steepest and judged by the formula itself.

A case is a formula of natural coordinates u, in which all is of ordinary size, and what hides it from the
minimiser: x = shift + scale u, f = size phi(u) + level, noise, float32, rounding, regions of NaN, bounds, and where
the gradient comes from. The judge knows phi: it goes on from the answer in 80-bit numbers, with gradients by complex
steps, and a point near by that is clearly lower is proof against a success.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.optimize
from numpy.typing import NDArray
from tests.generated.oracle import EPS, LD, solve
from tests.generated.verdict import SECONDS, Verdict, alarm

import steepest

Draw = np.random.Generator
Array = NDArray[Any]

SMOOTH = ("lbfgs", "newton", "gradient_descent", "fista")
RULES = ("sgd", "momentum", "nesterov", "adam", "rprop", "momo_adam", "lamb", "muon", "lion")
WRONG = ("forgotten", "sign", "factor", "zeros", "swapped", "twice")

#: Calls that a rule, or another method without curvature, may take; the others have no budget.
CALLS = 20_000
SLOW = (*RULES, "steepest_descent", "adapgm", "mirror_descent")


@dataclass
class Case:
    """phi as text over u (any leading axes; the last is that of the variables) and constants."""

    family: str
    formula: str
    start: Array
    constants: dict[str, Any] = field(default_factory=dict)
    #: the least value where it is known, NaN where the judge looks for it, -inf where there is none
    least: float = np.nan
    low: Array | None = None
    high: Array | None = None
    scale: Array | None = None
    shift: Array | None = None
    size: float = 1.0
    level: float = 0.0
    noise: float = 0.0
    single: bool = False
    digits: int | None = None
    wall: float = np.inf
    beyond: float = np.nan
    jac: str | None = "exact"
    wrong: str = ""
    slope: str = ""
    #: along which the coordinates do not mix: the judge goes along them where nothing has a derivative
    axes: Array | None = None
    #: what any method may take, and how many are not held against SciPy's: where there is no derivative, both take many
    calls: int = 0
    method: str | None = None

    def __post_init__(self) -> None:
        n = len(self.start)
        self.scale = np.ones(n) if self.scale is None else self.scale
        self.shift = np.zeros(n) if self.shift is None else self.shift
        self._code = compile(self.formula, "formula", "eval")
        self._slope = compile(self.slope, "slope", "eval") if self.slope else None
        self._names: dict[Any, dict[str, Any]] = {}

    def phi(self, u: Array) -> Any:
        names = self._names.get(u.dtype)
        if names is None:
            names = self._names[u.dtype] = {"np": np} | {k: _as(v, u) for k, v in self.constants.items()}
        names["u"] = u
        return eval(self._code, names)

    def gradient(self, u: Array) -> Array:
        """By complex steps, exact to rounding, of many points at once; or by the formula, where phi is not analytic."""
        if self._slope is not None:
            return np.asarray(eval(self._slope, {"np": np, "u": u, **self.constants}))
        kind = np.clongdouble if u.dtype == LD else np.complex128
        h, n = u.dtype.type(1e-30), u.shape[-1]
        return self.phi(u.astype(kind)[..., None, :] + 1j * h * np.eye(n, dtype=u.dtype)).imag / h

    # what the minimiser sees

    def natural(self, x: Array) -> Array:
        return (x - self.shift) / self.scale

    def fun(self, x: Array) -> float:
        u = self.natural(np.asarray(x))
        if np.iscomplexobj(u):
            return self.size * self.phi(u) + self.level
        if self.wall < np.inf and np.abs(u).max() > self.wall:
            return self.beyond
        value = self.phi(u.astype(np.float32)) if self.single else self.phi(u)
        if self.noise:
            value = value + self.noise * _hash(np.asarray(x))
        if self.digits is not None:
            value = np.round(value, self.digits)
        return float(self.size * float(value) + self.level)

    def grad(self, x: Array) -> Array:
        g = self.gradient(self.natural(np.asarray(x, dtype=float))) * (self.size / self.scale)
        if self.wrong == "forgotten":
            g[len(g) // 2] = 0.0
        elif self.wrong == "sign":
            g = -g
        elif self.wrong == "factor":
            g[0] *= 3.0
        elif self.wrong == "zeros":
            g = 0.0 * g
        elif self.wrong == "swapped":
            g = g[::-1].copy()
        elif self.wrong == "twice":
            g = 2.0 * g
        elif self.wrong == "last":
            g[-1] *= -1.0
        elif self.wrong == "slightly":
            g[0] *= 1.05
        elif self.wrong == "constant":
            g = g + np.abs(self.grad_at_start())
        return g

    def grad_at_start(self) -> Array:
        return self.gradient(self.natural(self.x0())) * (self.size / self.scale)

    def x0(self) -> Array:
        return self.outer(self.start)

    def outer(self, u: Array) -> Array:
        return np.asarray(self.shift + self.scale * u)

    def bounds(self) -> list[tuple[float, float]] | None:
        if self.low is None:
            return None
        return list(zip(self.outer(self.low).tolist(), self.outer(self.high).tolist(), strict=True))

    def code(self) -> str:
        """A program that runs it."""
        given = [f"{k}={_text(v)}" for k, v in self.constants.items()]
        given += [f"shift={_text(self.shift)}", f"scale={_text(self.scale)}"]
        value = f"({self.formula})"
        u = "u=(x-shift)/scale"
        if self.single:
            u += "; u=u.astype('f4') if not np.iscomplexobj(u) else u"
        lines = ["import numpy as np, steepest", "; ".join(given)]
        if self.noise:
            lines.append("import hashlib")
            value += (
                f" + {self.noise!r}*(int.from_bytes(hashlib.blake2b(x.tobytes(),digest_size=8).digest(),"
                "'little')/2**63-1)"
            )
        if self.digits is not None:
            value = f"np.round({value}, {self.digits})"
        real = f"float({self.size!r}*({value})+{self.level!r})"
        if self.wall < np.inf:
            real = f"{self.beyond!r} if abs((x-shift)/scale).max() > {self.wall!r} else {real}"
        lines.append(f"def p(u): return {self.formula}")
        lines.append(f"def f(x): {u}; return {real}")
        jac = "" if self.jac is None else f", jac={self.jac!r}"
        if self.jac == "exact":
            g = self.slope or "p(u+1e-30j*np.eye(len(u))).imag/1e-30"
            lines.append(f"def g(x): u=(x-shift)/scale; return ({g})*({self.size!r}/scale)")
            jac = ", jac=g"
            if self.wrong:
                lines.append(f"# the gradient handed over is wrong: {self.wrong}")
                wrong = {
                    "forgotten": "np.where(np.arange(len(x))==len(x)//2,0,g(x))", "sign": "-g(x)",
                    "factor": "g(x)*np.where(np.arange(len(x))==0,3,1)", "zeros": "0*x",
                    "swapped": "g(x)[::-1].copy()", "twice": "2*g(x)",
                    "last": "g(x)*np.where(np.arange(len(x))==len(x)-1,-1,1)",
                    "slightly": "g(x)*np.where(np.arange(len(x))==0,1.05,1)",
                    "constant": f"g(x)+abs(g(np.array({self.x0().tolist()})))",
                }[self.wrong]  # fmt: skip
                jac = f", jac=lambda x: {wrong}"
        bounds = "" if self.low is None else f", bounds={self.bounds()}"
        method = "" if self.method is None else f", method={self.method!r}"
        lines.append(f"steepest.minimize(f, {self.x0().tolist()}{jac}{bounds}{method})")
        return "\n    ".join(lines)


def _text(v: Any) -> str:
    return f"np.array({v.tolist()})" if isinstance(v, np.ndarray) else repr(v)


def _as(v: Any, u: Array) -> Any:
    """Constants in the precision of u, so that float32 stays float32."""
    if isinstance(v, np.ndarray) and u.dtype in (np.float32, LD, np.clongdouble):
        return v.astype(np.float32 if u.dtype == np.float32 else LD)
    return v


def _hash(x: Array) -> float:
    """Noise between -1 and 1, the same at the same point."""
    from hashlib import blake2b

    return int.from_bytes(blake2b(x.tobytes(), digest_size=8).digest(), "little") / 2**63 - 1.0


# Formulas, by families


def _quadratic(r: Draw, n: int, most: float = 10.0) -> Case:
    q, _ = np.linalg.qr(r.standard_normal((n, n)))
    eigen = 10.0 ** (-r.uniform(0, most) * np.sort(r.random(n))) if n > 1 else np.ones(1)
    A = np.sqrt(eigen)[:, None] * q.T
    a = r.standard_normal(n) * (r.random() < 0.9)
    low = float(r.choice([0.0, 0.0, 1.0, -3.0]))
    return Case(
        "quadratic", "0.5*(((u-a)@A.T)**2).sum(-1)+b", a + r.standard_normal(n) * 10.0 ** r.uniform(-1, 3),
        {"A": A, "a": a, "b": low}, least=low,
    )  # fmt: skip


def _valley(r: Draw, n: int) -> Case:
    n = max(n, 2)
    k = float(10.0 ** r.uniform(0, 4))
    low = float(r.choice([0.0, 1.0]))
    start = r.uniform(-2, 2, n) if r.random() < 0.7 else r.uniform(-20, 20, n)
    return Case(
        "valley", "(k*(u[...,1:]-u[...,:-1]**2)**2+(1-u[...,:-1])**2).sum(-1)+b", start, {"k": k, "b": low}
    )


def _powers(r: Draw, n: int) -> Case:
    """Flat at the least value: (u - a)^4, ^6."""
    p = int(r.choice([4, 6, 2]))
    constants = {"w": 10.0 ** r.uniform(-2, 2, n), "a": r.standard_normal(n)}
    return Case("flat", f"(w*(u-a)**{p}).sum(-1)", r.uniform(-3, 3, n), constants, least=0.0)


def _exponential(r: Draw, n: int) -> Case:
    if r.random() < 0.5:
        A = r.standard_normal((2 * n, n)) * 10.0 ** r.uniform(-0.5, 0.7)
        return Case(
            "exponential", "(np.exp(u@A.T-c)+np.exp(-(u@A.T)-c)).sum(-1)", r.uniform(-2, 2, n),
            {"A": A, "c": r.standard_normal(2 * n)},
        )  # fmt: skip
    return Case(
        "exponential", "(np.exp(u)-a*u).sum(-1)", r.uniform(-5, 5, n), {"a": 10.0 ** r.uniform(-3, 3, n)}
    )


def _fit(r: Draw, n: int) -> Case:
    t = np.linspace(0, 3, 25)
    what = int(r.integers(4))
    formula, true = [
        ("u[...,:1]*(1-np.exp(-t/u[...,1:2]))", [1.0, 0.7]),
        ("u[...,:1]*np.exp(-u[...,1:2]*t)+u[...,2:3]", [2.0, 1.0, 0.3]),
        ("u[...,:1]*np.exp(-(t-u[...,1:2])**2/u[...,2:3]**2)", [1.0, 1.2, 0.8]),
        ("u[...,:1]/(1+np.exp(-u[...,1:2]*(t-u[...,2:3])))", [1.0, 2.0, 1.5]),
    ][what]
    p = np.array(true)
    y = eval(formula, {"np": np, "t": t, "u": p}) + 10.0 ** r.uniform(-4, -1) * r.standard_normal(25) * (
        r.random() < 0.7
    )
    return Case(
        "fit", f"(({formula}-y)**2).sum(-1)", p * np.exp(r.uniform(-0.5, 0.5, len(p))), {"t": t, "y": y}
    )


def _kink(r: Draw, n: int) -> Case:
    a, w = r.standard_normal(n), 10.0 ** r.uniform(-1, 1, n)
    start = a + r.uniform(-3, 3, n)
    what = int(r.integers(4))
    constants = {"a": a, "w": w}
    if what == 0:
        return Case("kink", "(w*np.abs(u-a)).sum(-1)", start, constants, 0.0, slope="w*np.sign(u-a)")
    if what == 1:
        return Case(
            "kink", "(np.abs(u-a)*w).max(-1)", start, constants, 0.0,
            slope="w*np.sign(u-a)*(np.arange(len(u))==np.argmax(np.abs(u-a)*w))",
        )  # fmt: skip
    if what == 2:
        return Case(
            "kink", "(w*np.abs(u-a)**1.5).sum(-1)", start, constants, 0.0,
            slope="1.5*w*np.sign(u-a)*np.sqrt(np.abs(u-a))",
        )  # fmt: skip
    return Case(
        "kink", "(w*(u-a)**2).sum(-1)+np.abs(u-a).sum(-1)", start, constants, 0.0,
        slope="2*w*(u-a)+np.sign(u-a)",
    )  # fmt: skip


def _noisy(r: Draw, n: int) -> Case:
    case = _quadratic(r, n, 3.0) if r.random() < 0.7 else _valley(r, n)
    case.family, case.noise = "noise", float(10.0 ** r.uniform(-12, -3))
    return case


def _single(r: Draw, n: int) -> Case:
    case = [_quadratic(r, n, 3.0), _valley(r, n), _exponential(r, n), _fit(r, n)][int(r.integers(4))]
    case.family, case.single = "float32", True
    if "k" in case.constants:
        case.constants["k"] = min(case.constants["k"], 100.0)
    return case


def _rounded(r: Draw, n: int) -> Case:
    case = _quadratic(r, n, 2.0) if r.random() < 0.7 else _fit(r, n)
    case.family, case.digits = "rounded", int(r.integers(2, 9))
    return case


def _nan(r: Draw, n: int) -> Case:
    """Not a number, or infinite, where |u| > wall; the least value within, or outside."""
    case = _quadratic(r, n, 3.0)
    reach = float(np.abs(case.constants["a"]).max())
    inside = r.random() < 0.6
    case.wall = reach * r.uniform(1.2, 3) + 0.3 if inside else reach * r.uniform(0.2, 0.9)
    case.start = (
        case.constants["a"] + r.standard_normal(n) * 0.2 if inside else 0.9 * case.wall * r.uniform(-1, 1, n)
    )
    case.start = np.clip(case.start, -0.99 * case.wall, 0.99 * case.wall)
    if not inside:
        case.least = -np.inf
    case.family, case.beyond = "nan", float(r.choice([np.nan, np.inf]))
    if r.random() < 0.3:
        w = 10.0 ** r.uniform(-1, 1, n)
        case = Case("nan", "(w*u-np.log(u)).sum(-1)", r.uniform(0.1, 5, n), {"w": w},
                    float((1 + np.log(w)).sum()))  # fmt: skip
    return case


def _periodic(r: Draw, n: int) -> Case:
    if r.random() < 0.5:
        return Case("periodic", "(1-np.cos(u-a)).sum(-1)", r.uniform(-9, 9, n), {"a": r.uniform(-2, 2, n)})
    return Case("periodic", "(u**2/20-np.cos(3*u)).sum(-1)", r.uniform(-9, 9, n))


ENDLESS = (
    "(c*u).sum(-1)", "-(u**2).sum(-1)", "(u**3).sum(-1)", "-np.exp(u).sum(-1)", "-np.log1p(u**2).sum(-1)",
    "(u**2)[...,:-1].sum(-1)-u[...,-1]",
)  # fmt: skip


def _unbounded(r: Draw, n: int) -> Case:
    start = r.uniform(0.2, 2, n) * r.choice([-1, 1], n)
    return Case("unbounded", str(r.choice(ENDLESS)), start, {"c": r.standard_normal(n)}, -np.inf)


def _saddle(r: Draw, n: int) -> Case:
    """A start where the gradient is 0 and no minimum is."""
    what = int(r.integers(6))
    start = np.zeros(max(n, 2))
    if what == 0:
        return Case("saddle", "((u**2-1)**2).sum(-1)", start, least=0.0)
    if what == 1:
        return Case("saddle", "u[...,0]**2-u[...,1]**2+u[...,1]**4/2", np.zeros(2), least=-0.5)
    if what == 2:
        return Case("saddle", "np.cos(u).sum(-1)", start, least=-float(len(start)))
    if what == 3:
        return Case("saddle", "(u[...,0]*u[...,1]+1)**2", np.zeros(2), least=0.0)
    if what == 4:
        return Case("saddle", "-(u**2).sum(-1)", start, least=-np.inf)
    return Case("saddle", "u[...,0]**3-3*u[...,0]*u[...,1]**2+(u**2).sum(-1)**2", np.zeros(2))


def _boxed(r: Draw, n: int) -> Case:
    case = [_quadratic(r, n, 4.0), _valley(r, n), _exponential(r, n), _fit(r, n)][int(r.integers(4))]
    n = len(case.start)
    case.family, case.least = "box", np.nan
    width = 10.0 ** r.uniform(-2, 1.5, n) if r.random() < 0.8 else 10.0 ** r.uniform(-12, 6, n)
    near = case.constants.get("a", np.ones(n)) if np.shape(case.constants.get("a")) == (n,) else np.ones(n)
    if r.random() < 0.5:
        near = case.start
    where = r.uniform(-0.3, 1.3, n)
    case.low, case.high = near - where * width, near + (1 - where) * width
    if "t" in case.constants:
        case.low, case.high = np.maximum(case.low, 0.2), np.maximum(case.high, 0.4)
    case.start = np.clip(case.start, case.low, case.high)
    return case


def _fixed(r: Draw, n: int) -> Case:
    case = _boxed(r, max(n, 2))
    case.family = "fixed"
    which = r.random(len(case.start)) < 0.4
    case.low = np.where(which, case.start, case.low)
    case.high = np.where(which, case.start, case.high)
    return case


def _wrong(r: Draw, n: int) -> Case:
    case = [_quadratic(r, max(n, 2), 4.0), _valley(r, n), _fit(r, n), _exponential(r, n)][int(r.integers(4))]
    case.family, case.wrong = "wrong gradient", str(r.choice(WRONG))
    return case


FAMILIES = {
    "quadratic": _quadratic, "valley": _valley, "flat": _powers, "exponential": _exponential, "fit": _fit,
    "kink": _kink, "noise": _noisy, "float32": _single, "rounded": _rounded, "nan": _nan, "periodic": _periodic,
    "unbounded": _unbounded, "saddle": _saddle, "box": _boxed, "fixed": _fixed, "wrong gradient": _wrong,
}  # fmt: skip


def draw(r: Draw, family: str | None = None) -> Case:
    """A case of the family, or of any, and how it is hidden and asked for."""
    kind = family or str(r.choice(list(FAMILIES)))
    case = FAMILIES[kind](r, int(r.choice([1, 2, 2, 3, 5, 8])))
    n = len(case.start)
    if r.random() < 0.5:
        case.scale = 10.0 ** (r.uniform(-9, 9, n) if r.random() < 0.5 else np.full(n, r.uniform(-9, 9)))
        if kind == "box" and r.random() < 0.3:
            case.scale = case.scale * 1e-3
    if r.random() < 0.2:
        case.shift = case.scale * r.standard_normal(n) * 10.0 ** r.uniform(0, 6)
    if r.random() < 0.25:
        case.size = float(10.0 ** (r.uniform(-200, 200) if r.random() < 0.5 else r.uniform(-12, 12)))
    if r.random() < 0.15:
        case.level = float(case.size * 10.0 ** r.uniform(-2, 6) * r.choice([-1, 1]))
    what = r.random()
    case.jac = "exact" if what < 0.45 or case.wrong else None if what < 0.8 else "3-point"
    if what > 0.92 and not (case.wrong or case.noise or case.single or case.slope or case.digits is not None):
        case.jac = "cs"
    if case.jac == "exact" and case.noise and r.random() < 0.5:
        case.jac = None
    if r.random() < 0.45:
        case.method = str(r.choice(SMOOTH if r.random() < 0.7 else RULES))
    return case


# The judgement


class Counted:
    """The function as handed over: counts calls, and whether one lay outside the bounds."""

    def __init__(self, case: Case) -> None:
        self.case, self.calls, self.outside = case, 0, False
        bounds = case.bounds()
        self.box = None if bounds is None else np.array(bounds).T

    def __call__(self, x: Array) -> float:
        self.calls += 1
        if self.box is not None and not np.iscomplexobj(x):
            self.outside |= bool(((x < self.box[0]) | (x > self.box[1])).any())
        return self.case.fun(x)


def ask(case: Case, counted: Counted) -> Any:
    jac = case.grad if case.jac == "exact" else case.jac
    most = case.calls or (CALLS if case.method in SLOW else 0)
    options = {"maxfev": most} if most else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return steepest.minimize(
            counted, case.x0(), jac=jac, bounds=case.bounds(), method=case.method, options=options
        )


def judge(case: Case) -> Verdict:
    """Runs steepest on the case and judges the answer."""
    counted = Counted(case)
    try:
        with alarm(SECONDS):
            result = ask(case, counted)
    except TimeoutError:
        return Verdict(
            "slow", f"{case.method} {case.jac}: not done after {SECONDS:g} s, {counted.calls} calls"
        )
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        text = f"{type(error).__name__}: {error}"
        return Verdict("refused" if isinstance(error, ValueError) else "crash", text[:200])
    verdict = weigh(case, result, counted)
    if case.method is None and result.success and not (verdict.kind or case.wrong or case.calls):
        verdict.ratio = against(case, counted.calls)
        if verdict.ratio is not None and verdict.ratio > 20:
            verdict.kind = "costly"
            verdict.text += f", {verdict.ratio:.0f} times SciPy's"
    return verdict


def weigh(case: Case, result: Any, counted: Counted) -> Verdict:
    x = np.asarray(result.x, dtype=float)
    how = f"{result.method} {result.outcome} ({case.jac}{' ' + case.wrong if case.wrong else ''}): "
    if counted.outside:
        return Verdict("outside", f"{how} the function was asked outside of its bounds")
    if not np.isfinite(x).all() or not np.isfinite(result.fun):
        kind = "false success" if result.success else "no optimum"
        return Verdict(kind, f"{how} x {x.tolist()} fun {result.fun}")
    if counted.box is not None and ((x < counted.box[0]) | (x > counted.box[1])).any():
        return Verdict("outside", f"{how} x {x.tolist()} lies outside of the bounds")
    if case.fun(x) != result.fun:
        return Verdict("wrong value", f"{how} fun {result.fun!r}, f(x) is {case.fun(x)!r}")
    u = (x.astype(LD) - case.shift) / case.scale
    here, begin = LD(case.phi(u)), LD(case.phi((case.x0().astype(LD) - case.shift) / case.scale))
    least, near = goal(case, u, here)
    drop = begin - least
    gap = here - least
    allowed = allowance(case, near, here, least, drop, x)
    told = f"{how} phi {here:.9g} least {least:.9g} start {begin:.6g} allowed {allowed:.3g}, {counted.calls} calls"
    if result.success and not gap <= allowed:
        return Verdict("false success", told)
    certificate = result.certificate
    if certificate is not None:
        if not certificate["bound"] >= 0:
            return Verdict("bad bound", told + f" bound {certificate['bound']}")
        if result.outcome == "converged" and certificate["bound"] > certificate["target"]:
            return Verdict(
                "loose claim", told + f" residual {certificate['bound']} of {certificate['target']}"
            )
    if result.success:
        return Verdict("", told)
    plain = case.method is None or case.method in ("lbfgs", "newton")
    if (
        plain
        and not case.wrong
        and np.isfinite(least)
        and not case.slope
        and case.family not in ("nan", "noise")
    ):
        if result.outcome in ("unbounded", "gradient_inconsistent", "diverged"):
            return Verdict("false " + result.outcome, told)
        # squares of what rounding leaves of numbers of size 1 are no distance to go
        return Verdict("unclaimed" if gap <= max(allowed, (8 * EPS) ** 2) else "not reached", told)
    return Verdict("no optimum", told)


def goal(case: Case, u: Array, here: Any) -> tuple[Any, Array]:
    """The least value that counts, and where: known, or the lowest near the answer."""
    if case.least == -np.inf:
        return LD(-np.inf), u
    if case.axes is not None:
        return walked(case, u, here, barrier(case, here))
    if case.slope:
        return LD(case.least), u
    best, where = here, u
    n = len(u)
    ways = [np.zeros(n, dtype=LD)]
    _, H = curved(case, u)
    if np.isfinite(H).all():
        values, vectors = np.linalg.eigh(H.astype(float))
        if values[0] < 0:
            ways += [LD(s) * vectors[:, 0].astype(LD) * LD(0.01) for s in (1, -1)]
    if case.wrong or case.family == "saddle":
        ways += [LD(0.01) * np.sin(np.arange(n, dtype=LD) + 1 + k) for k in (0, 2)]
    for way in ways:
        v, f = polish(case, np.clip(u + way, *box(case)))
        if f < best:
            best, where = f, v
    if case.least < best and best - case.least < 1e-3 * abs(here - case.least):
        best = LD(case.least)
    return best, where


def walked(case: Case, u: Array, here: Any, rise: Any) -> tuple[Any, Array]:
    """The lowest value that is reached along the axes, both ways, and where; on the way phi rises by `rise` at most."""
    steps = LD(10.0) ** np.arange(-14, 4, LD(0.05))
    for _ in range(20):
        before = here
        for axis in (*case.axes, *-case.axes):
            with np.errstate(all="ignore"):
                values = np.asarray(case.phi(u + steps[:, None] * axis.astype(LD)), dtype=LD)
            rises = np.maximum.accumulate(values) > here + rise
            way = values[: int(rises.argmax())] if rises.any() else values
            if len(way) and way.min() < here:
                u, here = u + steps[way.argmin()] * axis.astype(LD), way.min()
        if not before - here > 1e-9 * abs(before):
            break
    return here, u


def barrier(case: Case, here: Any) -> Any:
    """What is no rise: the rounding of axes that are not quite square to each other."""
    begin = LD(case.phi((case.x0().astype(LD) - case.shift) / case.scale))
    return 1e-13 * abs(begin - here) + 1e-17 * abs(here) + LD(1e-26)


def box(case: Case) -> tuple[Any, Any]:
    if case.low is None:
        return LD(-np.inf), LD(np.inf)
    bounds = np.array(case.bounds()).T.astype(LD)
    return (bounds[0] - case.shift) / case.scale, (bounds[1] - case.shift) / case.scale


def curved(case: Case, u: Array) -> tuple[Array, Array]:
    """Gradient and Hessian in natural coordinates, where phi is analytic."""
    n = len(u)
    h = LD(1e-6)
    off = h * np.eye(n, dtype=LD)
    slopes = case.gradient(u + np.vstack([np.zeros(n, dtype=LD), off, -off]))
    H = (slopes[1 : n + 1] - slopes[n + 1 :]) / (2 * h)
    return slopes[0], (H + H.T) / 2


def polish(case: Case, u: Array, steps: int = 60) -> tuple[Array, Any]:
    """Damped Newton within the box, from the answer on."""
    low, high = box(case)
    f = LD(case.phi(u))
    mu = LD(1e-12)
    for _ in range(steps):
        g, H = curved(case, u)
        if not (np.isfinite(g).all() and np.isfinite(H).all()):
            break
        free = ~((u <= low) & (g > 0)) & ~((u >= high) & (g < 0))
        if not free.any():
            break
        inside = np.flatnonzero(free)
        size = np.abs(np.diag(H)).max() + LD(1e-30)
        moved = False
        while mu < 1e15:
            solved = solve(H[np.ix_(inside, inside)] + mu * size * np.eye(len(inside), dtype=LD), -g[inside])
            if solved is not None:
                v = u.copy()
                v[inside] += solved[0]
                v = np.clip(v, low, high)
                new = LD(case.phi(v))
                if new < f:
                    moved = f - new > abs(f) * LD(1e-18)
                    u, f, mu = v, new, max(mu / 30, LD(1e-18))
                    break
            mu = max(mu, LD(1e-15)) * 30
        if not moved:
            break
    return u, f


#: The least float64 above 0.
TINIEST = LD(5e-324)


def allowance(case: Case, near: Array, here: Any, least: Any, drop: Any, x: Array) -> Any:
    """What a claim may miss by: the share of the drop that is asked for, and what noise explains.

    tol max(|F|, 1e-12 |F(x0)|) is what is asked; nothing being provable, 1000 times that, and 1e-8 of the drop
    from the start with an exact gradient, 1e-6 by differences. Noise of size s in phi explains 100 s, and by
    differences s times the condition of the Hessian; the grid of float64 in x explains H (eps x)^2.
    All that is no more than a hundredth of the drop; but what phi rises by where the least point is rounded to float64
    nobody can be asked to do without.
    """
    if not np.isfinite(least):
        return LD(0)
    # The least number that float64 tells from 0 is as large a rounding.
    noise = EPS * (abs(here) + abs(case.level / case.size)) + case.noise + TINIEST / case.size
    if case.single:
        noise += 1e-7 * (abs(here) + 1) + 1e-9 * drop
    if case.digits is not None:
        noise += 10.0**-case.digits
    _, H = curved(case, near) if not case.slope else (0, np.eye(len(x), dtype=LD))
    condition = LD(1.0)
    if np.isfinite(H).all():
        values = np.abs(np.linalg.eigvalsh(H.astype(float)))
        condition = LD(values.max() / max(values.min(), 1e-8 * values.max(), 1e-300))
    exact = case.jac in ("exact", "cs")
    explained = noise * (100 if exact and not case.noise else 100 + 10 * len(x) * condition)
    grid = EPS * np.abs(x) / case.scale
    explained += 4 * len(x) * (np.abs(np.diag(H)) * grid**2).sum()
    asked = 1e3 * 1e-6 * max(abs(least + case.level / case.size), 1e-12 * abs(drop)) if case.level == 0 else 0
    share = 1e-3 if case.slope else 1e-8 if exact else 1e-6
    told = min(max(share * drop, asked, explained), max(share * drop, LD(1e-2) * drop, 100 * noise))
    rounded = (np.asarray(near, dtype=LD) * case.scale + case.shift).astype(float)
    grain = case.phi((rounded.astype(LD) - case.shift) / case.scale) - least
    return max(told, grain) if np.isfinite(grain) else told


def against(case: Case, calls: int) -> float | None:
    """Our calls by SciPy's default's, asked for the same gradient, where both end at the least value.

    A start that is good enough already tells nothing: SciPy often stops there because it sees no slope.
    """
    counted = Counted(case)
    jac = case.grad if case.jac == "exact" else case.jac
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = scipy.optimize.minimize(counted, case.x0(), jac=jac, bounds=case.bounds())
        except Exception:
            return None
    if not found.success:
        return None
    u = (found.x.astype(LD) - case.shift) / case.scale
    here, begin = LD(case.phi(u)), LD(case.phi((case.x0().astype(LD) - case.shift) / case.scale))
    least, near = goal(case, u, here)
    drop = begin - least
    if not here - least <= min(10 * allowance(case, near, here, least, drop, found.x), LD(0.1) * drop):
        return None
    return calls / max(counted.calls, 1)


def smaller(case: Case) -> list[Case]:
    """The cases one step simpler."""
    n = len(case.start)
    out = []
    for change in (
        {"scale": np.ones(n)}, {"shift": np.zeros(n)}, {"size": 1.0}, {"level": 0.0}, {"method": None},
        {"jac": None}, {"jac": "exact"}, {"low": None, "high": None},
    ):  # fmt: skip
        if "jac" in change and (case.wrong or case.noise):
            continue
        if case.family in ("box", "fixed") and "low" in change:
            continue
        if not all(np.array_equal(v, getattr(case, k)) for k, v in change.items()):
            out.append(replace(case, **change))
    for digits in (1, 2, 3):
        size = 10.0 ** (digits - 1 - np.floor(np.log10(np.maximum(np.abs(case.start), 1e-300))))
        rounded = np.where(case.start == 0, 0.0, np.round(case.start * size) / size)
        if not np.array_equal(rounded, case.start) and case.low is None:
            out.append(replace(case, start=rounded))
        scale = 10.0 ** np.round(np.log10(case.scale))
        if not np.array_equal(scale, case.scale):
            out.append(replace(case, scale=scale))
    return out
