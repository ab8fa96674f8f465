"""Linear models: tables by families, solved by steepest and judged by the oracle."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tests.generated.oracle import CORNERS, EPS, UNENDING, Loss, Model
from tests.generated.verdict import SECONDS, Verdict, alarm

from steepest import ElasticNet, GeneralizedLinear, Lasso, LinearRegression, LogisticRegression, Ridge
from steepest.linear.problem import Problem

Draw = np.random.Generator
Array = NDArray[Any]

#: The name of a loss's setting, which is `width` here.
SETTING = {"huber": "width", "tweedie": "power", "squared_epsilon_insensitive": "epsilon",
           "epsilon_insensitive": "epsilon", "pinball": "quantile"}  # fmt: skip
LOSSES = ("squared", "logistic", "huber", "poisson", "softmax")
SMOOTH = ("progressive", "coordinate", "fista", "lbfgs", "newton", "gradient_descent")
#: What has no metric of its own may stop after so many steps and say so; the others have no budget.
STEPS = 2000
UNSCALED = (
    "fista", "gradient_descent", "svrg", "saga", "stochastic_lbfgs", "adapgm", "panoc", "nonlinear_cg", "frank_wolfe",
    "mirror_descent",
)  # fmt: skip
#: What a certificate may be called that proves its bound.
PROOFS = ("duality_gap", "energy_norm", "exact_gap")
KINKED = ("coordinate", "fista", "gradient_descent")
BOUNDED = ("coordinate", "fista", "lbfgs", "gradient_descent")


@dataclass
class Case:
    """A table, an objective over it, and how it is asked for."""

    family: str
    X: Array
    y: Array
    loss: str = "squared"
    width: float = 1.35
    outputs: int = 1
    penalty: str = "none"
    ratio: float = 0.5
    #: numbers for all coefficients, or arrays
    bounds: tuple[Any, Any] | None = None
    radius: float = 1.0
    alpha: float = 0.0
    intercept: bool = True
    held: float = 0.0
    method: str | None = None
    tol: float = 1e-6
    weight: Array | None = None
    store: str = "dense"
    start: Array | None = None
    #: by the estimator of scikit-learn's name
    named: bool = False
    #: by the estimator of every loss
    general: bool = False

    def table(self) -> Any:
        """X as it is handed over."""
        make: dict[str, Callable[[Array], Any]] = {
            "dense": np.ascontiguousarray,
            "fortran": np.asfortranarray,
            "csr": sparse.csr_matrix,
            "csc": sparse.csc_matrix,
        }
        return make[self.store](self.X)

    def problem(self) -> Problem:
        settings: dict[str, float] = {}
        if self.penalty == "elastic_net":
            settings = {"ratio": self.ratio}
        elif self.penalty == "simplex":
            settings = {"radius": self.radius}
        return Problem(
            loss=self.loss,
            loss_settings={SETTING[self.loss]: self.width} if self.loss in SETTING else {},
            penalty=self.penalty,
            penalty_settings=settings,
            alpha=self.alpha,
            outputs=self.outputs,
            intercept=self.intercept,
            intercept_penalty=self.held,
            bounds=self.bounds,
            method=self.method,
            tol=self.tol,
            max_iter=STEPS if self.method in UNSCALED else None,
            threads=1,
        )

    def estimator(self) -> Any:
        """The estimator whose objective this is."""
        if self.general:
            p = self.problem()
            return GeneralizedLinear(
                p.loss, p.penalty, p.alpha, loss_settings=p.loss_settings, penalty_settings=p.penalty_settings,
                fit_intercept=p.intercept, method=p.method, tol=p.tol, max_iter=p.max_iter, threads=1,
            )  # fmt: skip
        total = float(len(self.y) if self.weight is None else self.weight.sum())
        common = {"fit_intercept": self.intercept, "tol": self.tol}
        if self.loss in ("logistic", "softmax"):
            ratio = {"l2": 0.0, "none": 0.0, "l1": 1.0}.get(self.penalty, self.ratio)
            C = np.inf if self.alpha == 0.0 else 1.0 / (self.alpha * total)
            return LogisticRegression(C=C, l1_ratio=ratio, solver="saga", **common)
        if self.penalty == "none":
            return LinearRegression(**common)
        if self.penalty == "l2":
            return Ridge(self.alpha * total, **common)
        if self.penalty == "l1":
            return Lasso(self.alpha, **common)
        return ElasticNet(self.alpha, l1_ratio=self.ratio, **common)

    def model(self) -> Model:
        """The same for the oracle."""
        ratio = {"l1": 1.0, "elastic_net": self.ratio, "l2": 0.0}.get(self.penalty)
        low, high = self.bounds or (-np.inf, np.inf)
        if self.penalty == "simplex":
            low = max(low, 0.0)
        return Model(
            X=self.X,
            y=self.y,
            loss=Loss(self.loss, self.width),
            weight=self.weight,
            outputs=self.outputs,
            intercept=self.intercept,
            l1=0.0 if ratio is None else self.alpha * ratio,
            l2=0.0 if ratio is None else self.alpha * (1.0 - ratio),
            held=self.held,
            low=low,
            high=high,
            radius=self.radius if self.penalty == "simplex" else None,
        )

    def code(self) -> str:
        """A program that runs it."""
        p = self.problem()
        X = _text(self.X)
        if self.store in ("csr", "csc"):
            X = f"scipy.sparse.{self.store}_matrix({X})"
        elif self.store == "fortran":
            X = f"np.asfortranarray({X})"
        weight = "" if self.weight is None else f", {_text(self.weight)}"
        if self.named or self.general:
            return f"{self.estimator()!r}.fit({X}, {_text(self.y)}{weight}).result_"
        given = {
            name: getattr(p, name)
            for name in Problem.__dataclass_fields__
            if name != "threads" and not _same(getattr(p, name), getattr(Problem(), name))
        }
        arguments = ", ".join(f"{k}={v!r}" for k, v in given.items())
        start = ""
        if self.start is not None:
            w, b = self.split(self.start)
            start = f", start=(np.array({w.tolist()}), np.array({b.tolist()}))"
        return f"Problem({arguments}).solve({X}, {_text(self.y)}{weight}{start}).result"

    def split(self, x: Array) -> tuple[Array, Array]:
        """Coefficients (outputs x features) and intercepts of variables as the core lays them out."""
        rows = np.asarray(x, dtype=float).reshape(self.outputs, -1)
        if self.intercept:
            return rows[:, :-1], rows[:, -1]
        return rows, np.zeros(self.outputs)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(np.all(a == b))


def _text(a: Array) -> str:
    kind = ", 'f4'" if a.dtype == np.float32 else ""
    rows = repr([[float(x) for x in r] for r in a] if a.ndim == 2 else [float(x) for x in a])
    return f"np.array({rows}{kind})"


# Tables, by families


def _normal(r: Draw, n: int, d: int) -> Array:
    return r.standard_normal((n, d))


def _scales(r: Draw, n: int, d: int) -> Array:
    return _normal(r, n, d) * 10.0 ** r.uniform(-9, 9, d)


def _far(r: Draw, n: int, d: int) -> Array:
    spread = 10.0 ** r.uniform(-3, 3, d)
    return (_normal(r, n, d) + 10.0 ** r.uniform(3, 12, d) * r.choice([-1, 1], d)) * spread


def _collinear(r: Draw, n: int, d: int) -> Array:
    X = _normal(r, n, d)
    for _ in range(1 + int(r.integers(2))):
        j, k = r.integers(d, size=2)
        X[:, j] = X[:, k] * r.choice([1.0, -1.0, 3.0]) + 10.0 ** r.uniform(-14, -2) * r.standard_normal(n)
    if d > 2 and r.random() < 0.5:
        X[:, 0] = X[:, 1] + X[:, 2]
    return X


def _constant(r: Draw, n: int, d: int) -> Array:
    X = _normal(r, n, d)
    for j in range(d):
        what = r.random()
        if what < 0.25:
            X[:, j] = 10.0 ** r.uniform(-3, 6)
        elif what < 0.5:
            X[:, j] = 0.0
        elif what < 0.65:
            X[:, j] = X[:, r.integers(d)]
    return X


def _levels(r: Draw, n: int, d: int) -> Array:
    """Indicators and small whole numbers: ties, and what separates nearly."""
    X = (r.random((n, d)) < r.uniform(0.05, 0.6, d)).astype(float)
    whole = r.random(d) < 0.3
    X[:, whole] = r.integers(-2, 4, (n, int(whole.sum())))
    return X


def _powers(r: Draw, n: int, d: int) -> Array:
    t = r.uniform(0, 1, n) if r.random() < 0.5 else r.uniform(0, 10.0 ** r.uniform(0, 2), n)
    X = t[:, None] ** np.arange(1, d + 1)
    if r.random() < 0.4:
        X = (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1)
    return X


def _heavy(r: Draw, n: int, d: int) -> Array:
    return r.standard_t(1.2, (n, d))


def _thin(r: Draw, n: int, d: int) -> Array:
    return np.where(r.random((n, d)) < 0.3, _normal(r, n, d), 0.0) * 10.0 ** r.uniform(-3, 3)


def _far_numbers(r: Draw, n: int, d: int) -> Array:
    return _levels(r, n, d) + 10.0 ** r.uniform(2, 8, d)


TABLES: dict[str, Callable[[Draw, int, int], Array]] = {
    "plain": _normal,
    "scales": _scales,
    "far": _far,
    "collinear": _collinear,
    "constant": _constant,
    "levels": _levels,
    "powers": _powers,
    "heavy": _heavy,
    "thin": _thin,
    "far_levels": _far_numbers,
}


def _standard(X: Array) -> Array:
    with np.errstate(all="ignore"):
        Z = X - X.mean(0)
        s = Z.std(0)
    return Z / np.where(s > 0, s, 1)


def _targets(r: Draw, case: Case) -> None:
    """Targets that the loss takes, from a model of the standardised columns or from nothing."""
    n, d = case.X.shape
    true = r.standard_normal(d) * (r.random(d) < 0.7) * 10.0 ** r.uniform(-1, 0.7)
    m = _standard(case.X.astype(float)) @ true / np.sqrt(max(d, 1))
    noise = 10.0 ** r.uniform(-3, 0.5) * (r.random() < 0.85)
    if case.loss in ("squared", "huber"):
        y = m + noise * r.standard_normal(n)
        if case.loss == "huber" and r.random() < 0.5:
            y = y + noise * r.standard_t(1.0, n)
        size = 10.0 ** r.uniform(-9, 14) if r.random() < 0.5 else 1.0
        offset = 10.0 ** r.uniform(-9, 14) * r.choice([-1, 1]) if r.random() < 0.3 else 0.0
        case.y = y * size + offset
        if r.random() < 0.05:
            case.y = np.full(n, case.y[0])
        if case.loss == "huber":
            case.width = float(10.0 ** r.uniform(-3, 3)) if r.random() < 0.3 else 1.35
    elif case.loss == "logistic":
        rare = r.choice([0.0, 0.0, -3.0, -6.0])
        case.y = (m * r.choice([1.0, 10.0]) + rare + noise * r.logistic(size=n) > 0).astype(float)
        if r.random() < 0.1:
            case.y = (r.random(n) < 0.5).astype(float)
    elif case.loss == "poisson":
        mean = 10.0 ** r.uniform(-2, 4)
        case.y = r.poisson(np.minimum(mean * np.exp(np.clip(m * r.uniform(0.1, 1), -20, 6)), 1e15)).astype(
            float
        )
        what = r.random()
        if what < 0.05:
            case.y = np.zeros(n)
        elif what < 0.12:
            case.y = np.exp(np.clip(m, -20, 20))
    else:
        scores = m[:, None] * r.standard_normal(case.outputs) + noise * r.gumbel(size=(n, case.outputs))
        case.y = scores.argmax(axis=1).astype(float)


def _penalise(r: Draw, case: Case) -> None:
    case.alpha = float(10.0 ** r.uniform(-9, 2))
    kind = r.choice(["none", "l2", "l1", "elastic_net", "bounds", "bounds_l1", "bounds_l2", "simplex"],
                    p=[0.2, 0.22, 0.22, 0.14, 0.08, 0.05, 0.05, 0.04])  # fmt: skip
    if kind.startswith("bounds"):
        low, high = sorted(r.choice([0.0, -1.0, 1.0, 0.5, -0.1, 10.0, np.inf, -np.inf], 2, replace=False))
        case.bounds = (float(low), float(high))
        kind = kind[7:] or "none"
    if kind == "simplex":
        case.radius = float(10.0 ** r.uniform(-2, 2))
    if kind == "none":
        case.alpha = 0.0
    if kind == "simplex" and case.outputs > 1:
        kind = "l2"
    case.penalty, case.ratio = str(kind), float(r.choice([0.0, 0.05, 0.5, 0.95, 1.0]))


def suited(case: Case) -> tuple[str, ...]:
    """The methods that may be asked for by name."""
    if case.penalty == "simplex":
        named: tuple[str, ...] = ("fista", "gradient_descent")
    elif case.penalty in ("l1", "elastic_net"):
        named = KINKED
    elif case.bounds:
        named = BOUNDED
    else:
        named = SMOOTH
    return tuple(m for m in named if m != "coordinate" or case.outputs == 1)


def _asked(r: Draw, case: Case) -> None:
    """Method, tolerance, storage, weights, start."""
    n, d = case.X.shape
    case.tol = float(10.0 ** -r.integers(4, 13)) if r.random() < 0.5 else 1e-6
    if r.random() < 0.4:
        case.method = str(r.choice(suited(case)))
    case.intercept = bool(r.random() < 0.75)
    case.store = str(r.choice(["dense", "fortran", "csr", "csc"], p=[0.6, 0.1, 0.2, 0.1]))
    if r.random() < 0.25:
        weight = {
            0: lambda: r.random(n),
            1: lambda: r.integers(0, 3, n).astype(float),
            2: lambda: 10.0 ** r.uniform(-6, 6, n),
            3: lambda: r.integers(1, 4, n) * 1e200,
        }[int(r.integers(4))]()
        if weight.sum() > 0:
            case.weight = np.asarray(weight, dtype=float)
    if r.random() < 0.12 and case.penalty != "simplex":
        low, high = case.bounds or (-np.inf, np.inf)
        far = 10.0 ** r.uniform(-1, 4)
        w = np.clip(far * r.standard_normal((case.outputs, d)), low, high)
        b = far * r.standard_normal((case.outputs, 1))
        case.start = np.ascontiguousarray(np.hstack([w, b]) if case.intercept else w).ravel()


def draw(r: Draw, family: str | None = None) -> Case:
    """A case of the family, or of any."""
    kind = family or str(r.choice(list(TABLES)))
    shape = r.random()
    n = int(r.integers(1, 81)) if shape < 0.8 else int(r.choice([1, 2, 3, 5]))
    d = int(r.integers(1, 11))
    X = TABLES[kind](r, n, d)
    if r.random() < 0.12:
        with np.errstate(over="ignore"):
            X = X.astype(np.float32)
    case = Case(kind, X, np.zeros(n), loss=str(r.choice(LOSSES, p=[0.26, 0.22, 0.2, 0.2, 0.12])))
    if case.loss == "softmax":
        case.outputs = int(r.integers(3, 5))
    _penalise(r, case)
    _targets(r, case)
    _asked(r, case)
    fits = case.loss in ("squared", "logistic", "softmax") and case.penalty != "simplex" and not case.bounds
    if fits and r.random() < 0.3 and case.X.dtype == np.float64 and case.start is None:
        there = np.unique(case.y if case.weight is None else case.y[case.weight > 0])
        whole = case.loss == "squared" or (len(there) == case.outputs + (case.outputs == 1))
        if whole and np.array_equal(there, np.unique(case.y)):
            case.named, case.method = True, None
            if case.penalty == "none" and case.loss == "squared":
                case.tol = 1e-6
    if case.loss in ("logistic", "softmax") and r.random() < 0.3:
        case.X = case.X * 10.0 ** r.uniform(0, 2)
        case.X = case.X.astype(X.dtype)
    return case


# The judgement


def solve(case: Case) -> tuple[Array, Array, Any]:
    """Steepest's coefficients (outputs x features), intercepts and result."""
    start = None if case.start is None else case.split(case.start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.named or case.general:
            model = case.estimator().fit(case.table(), case.y, case.weight)
            w = np.reshape(model.coef_, (case.outputs, -1))
            return w, np.broadcast_to(model.intercept_, (case.outputs,)), model.result_
        solved = case.problem().solve(case.table(), case.y, case.weight, start=start)
    return solved.coef, solved.intercept, solved.result


def judge(case: Case) -> Verdict:
    """Runs steepest on the case, and the oracle on its answer."""
    try:
        with alarm(SECONDS):
            w, b, result = solve(case)
    except TimeoutError:
        return Verdict("slow", f"not done after {SECONDS:g} s of work")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        text = f"{type(error).__name__}: {error}"
        refused = isinstance(error, ValueError) and len(str(error)) > 20
        return Verdict("refused" if refused else "crash", text[:200])
    return weigh(case, w, b, result)


def weigh(case: Case, w: Array, b: Array, result: Any) -> Verdict:
    """Holds a result against the best that the oracle finds."""
    model = case.model()
    how = f"{result.method} {result.outcome}" + (" (estimator)" if case.named or case.general else "")
    if not (np.isfinite(w).all() and np.isfinite(b).all()):
        return Verdict("crash" if result.success else "not reached", f"{how}: not finite {result.x}")
    ours = model.inner(w, b)
    F = model.value(ours)
    if not np.isfinite(F):
        if not result.success and not model.possible():
            return Verdict("no optimum", f"{how}: F is infinite wherever the bounds allow")
        kind = "false success" if result.success else "not reached"
        return Verdict(kind, f"{how}: F is {F} at {result.x}, fun {result.fun}")
    starts = [ours, model.first(), np.clip(np.zeros_like(ours), model.lo, model.hi)]
    if case.penalty == "simplex":
        starts.pop()
        starts[1] = model.first()
    best = model.least(starts)
    bw, bb = model.outer(best)
    least = model.value(best)
    noise = min(model.noise(bw, bb), model.noise(w, b))
    null = model.null()
    if case.loss in (*UNENDING, *CORNERS):
        # no model at all, whatever the bounds, stands for the null model whose least value is at infinity, or next to 0
        nothing = (
            model.share * model.loss.value(model.t, np.zeros((len(model.t), model.outputs), np.longdouble))
        ).sum()
        null = nothing if null < 1e-9 * nothing else null
    gap = F - least
    # below the normal numbers of float64 nothing can be asked
    noise += 4 * EPS * abs(F) + 1e-300 + model.blur(ours) + model.blur(best)
    certificate = result.certificate
    allowed = case.tol * max(F, 1e-12 * null) + noise
    told = f"{how}: F {F:.9g} least {least:.9g} gap {gap:.3g} allowed {allowed:.3g}"
    if certificate is not None:
        told += f" {certificate['kind']} bound {certificate['bound']:.3g} target {certificate['target']:.3g}"
    better = f"; better: w {bw.tolist()} b {bb.tolist()}"
    if result.success and gap > allowed:
        return Verdict("false success", told + better)
    if certificate is not None:
        bound, proves = certificate["bound"], certificate["kind"] in PROOFS
        if not bound >= 0:
            return Verdict("bad bound", told)
        # the value itself is known no better than its rounding
        if proves and gap > bound + noise + min(1e-3 * abs(F), model.noise(w, b)):
            return Verdict("bound below", told + better)
        if proves and result.success and bound > allowed + 8 * noise:
            return Verdict("loose claim", told + f" noise {noise:.3g}")
    here = 4 * model.noise(w, b) + 1e-15 * abs(F) + 1e-300
    if not abs(result.fun - F) <= here and abs(F) < 1e308:
        return Verdict("wrong value", f"{told}: fun {result.fun!r} is {F!r}, rounding {here:.3g}")
    if result.success:
        return Verdict("", told)
    if result.outcome == "budget" or not model.ordinary(best):
        return Verdict("no optimum", told)
    if result.outcome in ("separable", "unbounded"):
        return Verdict("false " + result.outcome, told)
    return Verdict("unclaimed" if gap <= allowed else "not reached", told)


def smaller(case: Case) -> list[Case]:
    """The cases one step simpler, for the shortest that still shows a fault."""
    n, d = case.X.shape
    out = []

    def rows(keep: Array) -> None:
        weight = None if case.weight is None else case.weight[keep]
        if keep.sum() and (weight is None or weight.sum() > 0):
            out.append(replace(case, X=case.X[keep], y=case.y[keep], weight=weight))

    size = n
    while size > 1:
        size = (size + 1) // 2
        for at in range(0, n, size):
            keep = np.ones(n, dtype=bool)
            keep[at : at + size] = False
            rows(keep)
        if size == 1:
            break
    for j in range(d) if d > 1 else ():
        start = case.start
        if start is not None:
            start = np.delete(start.reshape(case.outputs, -1), j, axis=1).ravel()
        out.append(replace(case, X=np.delete(case.X, j, axis=1), start=start))
    for change in (
        {"weight": None}, {"start": None}, {"named": False}, {"general": False}, {"store": "dense"},
        {"tol": 1e-6}, {"width": 1.35 if case.loss == "huber" else case.width},
        {"X": case.X.astype(np.float64)}, {"bounds": None}, {"alpha": 1e-3}, {"alpha": 1.0},
        {"penalty": "l1"}, {"penalty": "l2"}, {"penalty": "none", "alpha": 0.0}, {"method": None},
    ):  # fmt: skip
        if not all(_same(v, getattr(case, k)) for k, v in change.items()):
            if case.alpha == 0.0 and ("alpha" in change or "penalty" in change):
                continue
            if case.penalty == "simplex" and "penalty" in change:
                continue
            if case.named and ("method" in change or "bounds" in change):
                continue
            out.append(replace(case, **change))
    for digits in (1, 2, 4):
        with np.errstate(all="ignore"):
            out.append(replace(case, X=_round(case.X, digits)))
            if case.loss in ("squared", "huber"):
                out.append(replace(case, y=_round(case.y, digits)))
            if case.weight is not None:
                out.append(replace(case, weight=_round(case.weight, digits)))
            if case.start is not None:
                out.append(replace(case, start=_round(case.start, digits)))
            out.append(replace(case, alpha=float(_round(np.array(case.alpha), 1))))
    return [c for c in out if not _alike(c, case)]


def _round(a: Array, digits: int) -> Array:
    size = 10.0 ** (digits - 1 - np.floor(np.log10(np.maximum(np.abs(a).astype(float), 1e-300))))
    return np.where(a == 0, 0.0, np.round(a * size) / size).astype(a.dtype)


def _alike(a: Case, b: Case) -> bool:
    return all(_same(getattr(a, f), getattr(b, f)) if not isinstance(getattr(a, f), np.ndarray)
               else np.array_equal(getattr(a, f), getattr(b, f)) for f in Case.__dataclass_fields__)  # fmt: skip
