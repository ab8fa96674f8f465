"""Linear models in 80-bit numbers: the objective, the least that is found, and what rounding explains.

F(w, b) = sum_i share_i loss(y_i, x_i w + b) + alpha penalty(w). Nothing here is steepest's. Columns are centred
(where there is a free intercept) and scaled first: x - m is exact or nearly so in 80 bits, hence far means and raw
scales lose nothing. A better point that this finds is rounded to float64 before it is held against an answer: so it
is a proof, whatever way it was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.optimize import linprog

Wide = NDArray[np.longdouble]
LD = np.longdouble
EPS = 2.0**-52

#: Rounding of F in float64, in units of its last place: of each term, of each margin.
ULPS = 8.0

CLASSES = ("logistic", "softmax", "cloglog", "probit")
#: Losses whose least value may be at infinity.
UNENDING = (*CLASSES, "poisson", "tweedie")
#: Losses whose slope has kinks, and their curvature beside them.
CORNERS = {"squared_hinge": 2, "modified_huber": 2, "squared_epsilon_insensitive": 2}


#: Losses made of straight parts. Their least is that of a linear or quadratic program.
STRAIGHT = ("hinge", "pinball", "epsilon_insensitive")


#: Where the continued fraction of Mills' ratio is exact by so many of its terms.
_FAR, _TERMS = 1.0, 400


def _rest(x: Wide) -> Wide:
    """1 / (x + 2 / (x + 3 / (x + ...))): Mills' ratio is 1 / (x + this)."""
    x = np.maximum(x, LD(_FAR))
    rest = x
    for k in range(_TERMS, 1, -1):
        rest = x + k / rest
    return 1 / rest


def _mills(x: Wide) -> Wide:
    """The normal distribution's tail beyond x >= 0 over its density there: Laplace's fraction, a series near 0."""
    near = np.minimum(x, LD(_FAR))
    term, middle = near, near
    for k in range(3, 99, 2):
        term = term * near * near / k
        middle = middle + term
    root = np.sqrt(2 * LD(np.pi)) / 2 * np.exp(near * near / 2)
    return np.where(x > _FAR, 1 / (x + _rest(x)), root - middle)


def _beyond(x: Wide, h: Wide) -> Wide:
    """1 / Mills' ratio - x."""
    return np.where(x > _FAR, _rest(x), h - x)


@dataclass
class Loss:
    """A loss of margins (rows x outputs): value, slope and curvature (rows x outputs x outputs)."""

    name: str
    #: the setting of the loss, where it has one
    width: float = 1.35

    def value(self, y: Wide, z: Wide) -> Wide:
        if self.name == "softmax":
            return self._of_others(y, z)[0]
        if self.name == "logistic":
            return np.logaddexp(LD(0), (1 - 2 * y) * z[:, 0])
        return getattr(self, "_" + self.name)(y, z)[0]

    def all(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        """Value (rows), slope (rows x outputs), curvature (rows x outputs x outputs)."""
        return getattr(self, "_" + self.name)(y, z)

    def terms(self, y: Wide, z: Wide) -> Wide:
        """The size of what is added up in a row's loss."""
        m = z[:, 0]
        with np.errstate(over="ignore"):
            if self.name == "poisson":
                return np.exp(m) + np.abs(y * m) + y + np.abs(y * np.log(np.maximum(y, LD(1e-18))))
            if self.name == "gamma":
                return y * np.exp(-m) + 1 + np.abs(m) + np.abs(np.log(y))
            if self.name == "tweedie":
                p, log = LD(self.width), np.log(np.maximum(y, LD(1e-18)))
                near = np.where(y > 0, np.exp((2 - p) * log) * (1 + np.abs(m - log)), 0)
                return np.exp((2 - p) * m) / (2 - p) + np.where(y > 0, y * np.exp((1 - p) * m), 0) + near
            if self.name == "cloglog":
                return self.value(y, z) + np.where(y > 0, np.abs(m), 0)
        return self.value(y, z)

    @staticmethod
    def _one(value: Wide, slope: Wide, curvature: Wide) -> tuple[Wide, Wide, Wide]:
        return value, slope[:, None], curvature[:, None, None]

    def _squared(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        r = z[:, 0] - y
        return self._one(r * r / 2, r, np.ones_like(r))

    def _huber(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        r, width = z[:, 0] - y, LD(self.width)
        c = np.clip(r, -width, width)
        return self._one(c * (r - c / 2), c, (np.abs(r) <= width).astype(LD))

    def _logistic(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        away = 1 - 2 * y
        m = away * z[:, 0]
        value = np.logaddexp(LD(0), m)
        p, q = np.exp(-np.logaddexp(LD(0), -m)), np.exp(-value)
        return self._one(value, away * p, p * q)

    def _poisson(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        m = z[:, 0]
        log = np.log(np.where(y > 0, y, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.exp(m)
            value = np.where(y > 0, y * (np.expm1(m - log) - (m - log)), mean)
            value = np.where(np.isnan(value), LD(np.inf), value)
        return self._one(value, mean - y, mean)

    def _gamma(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        m = z[:, 0]
        with np.errstate(over="ignore", invalid="ignore"):
            d = m - np.log(y)
            value = np.where(np.isinf(np.exp(-d)), LD(np.inf), np.expm1(-d) + d)
        return self._one(value, -np.expm1(-d), np.exp(-d))

    def _tweedie(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        """y max(mu, ..)^(1 - p) and so on, as scikit-learn writes it, less what it is at mu = y."""
        m, p = z[:, 0], LD(self.width)
        log = np.log(np.where(y > 0, y, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            b = np.exp((2 - p) * m)
            a = np.where(y > 0, y * np.exp((1 - p) * m), 0)
            d, size = m - log, np.exp((2 - p) * log)
            close = size * (np.expm1((2 - p) * d) / (2 - p) - np.expm1((1 - p) * d) / (1 - p))
            value = np.where(y > 0, close, b / (2 - p))
            value = np.where(np.isnan(value), LD(np.inf), value)
        return self._one(value, b - a, (2 - p) * b - (1 - p) * a)

    def _cloglog(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        m = z[:, 0]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            w = np.exp(np.clip(m, -700, 700))
            q = -np.expm1(-w)
            one = np.where(m > 0, -np.log1p(-np.exp(-w)), -m - np.log(q / w))
            g = w * np.exp(-w) / q
            bend = g * np.where(w > 1e-6, w / q - 1, w / 2 + w * w / 12)
            up = np.exp(m)
        value = np.where(y > 0, one, up)
        return self._one(value, np.where(y > 0, -g, up), np.where(y > 0, bend, up))

    def _probit(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        m = (2 * y - 1) * z[:, 0]
        x, log = np.abs(m), np.log(2 * LD(np.pi)) / 2
        ratio = _mills(x)
        with np.errstate(under="ignore"):
            tail = np.exp(-x * x / 2 - log)
        value = np.where(m > 0, -np.log1p(-tail * ratio), x * x / 2 + log - np.log(ratio))
        h = np.where(m > 0, tail / (1 - tail * ratio), 1 / ratio)
        # h - x by the rest of the continued fraction: nothing cancels.
        bend = np.where(m > 0, h * (h + x), h * _beyond(x, h))
        return self._one(value, (1 - 2 * y) * h, bend)

    def _squared_hinge(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        side = 2 * y - 1
        short = np.maximum(1 - side * z[:, 0], 0)
        return self._one(short * short, -2 * side * short, 2 * (short > 0).astype(LD))

    def _modified_huber(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        side = 2 * y - 1
        q = side * z[:, 0]
        short = np.maximum(1 - q, 0)
        far = q < -1
        value = np.where(far, -4 * q, short * short)
        bend = 2 * ((short > 0) & ~far).astype(LD)
        return self._one(value, -side * np.where(far, 4, 2 * short), bend)

    def _squared_epsilon_insensitive(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        r = z[:, 0] - y
        over = np.maximum(np.abs(r) - LD(self.width), 0)
        return self._one(over * over, 2 * over * np.sign(r), 2 * (over > 0).astype(LD))

    def _kink(self, t: Wide, down: Wide | LD, up: Wide | LD) -> tuple[Wide, Wide, Wide]:
        """up t above 0, -down t below."""
        return self._one(np.where(t > 0, up * t, -down * t), np.where(t > 0, up, -down) + 0 * t, 0 * t)

    def _hinge(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        value, slope, bend = self._kink(1 - (2 * y - 1) * z[:, 0], LD(0), LD(1))
        return value, -(2 * y - 1)[:, None] * slope, bend

    def _pinball(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        return self._kink(z[:, 0] - y, LD(self.width), 1 - LD(self.width))

    def _epsilon_insensitive(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        above = self._kink(z[:, 0] - y - LD(self.width), LD(0), LD(1))
        below = self._kink(y - z[:, 0] - LD(self.width), LD(0), LD(1))
        return above[0] + below[0], above[1] - below[1], above[2] + below[2]

    @staticmethod
    def _of_others(y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        """Value, the exponentials of all classes in units of the largest, and what those of other classes add up to."""
        own = y.astype(np.intp)
        rows = np.arange(len(y))
        d = z - z[rows, own][:, None]
        top = np.maximum(d.max(axis=1), 0)
        e = np.exp(d - top[:, None])
        e_others = e.copy()
        e_others[rows, own] = 0
        total, others = e.sum(axis=1), e_others.sum(axis=1)
        value = np.where(top > 0, top + np.log(np.where(total > 0, total, 1)), np.log1p(others))
        return value, e, others

    def _softmax(self, y: Wide, z: Wide) -> tuple[Wide, Wide, Wide]:
        own = y.astype(np.intp)
        rows = np.arange(len(y))
        value, e, others = self._of_others(y, z)
        total = e.sum(axis=1)
        p = e / total[:, None]
        slope = p.copy()
        slope[rows, own] = -(others / total)
        curvature = -p[:, :, None] * p[:, None, :]
        k = np.arange(z.shape[1])
        curvature[:, k, k] = p * ((total[:, None] - e) / total[:, None])
        return value, slope, curvature


@dataclass
class Model:
    """The objective. `l1`, `l2` are what alpha makes of the penalty: l1 |w| + l2 w^2 / 2 for each coefficient."""

    X: NDArray[Any]
    y: NDArray[Any]
    loss: Loss
    weight: NDArray[Any] | None = None
    outputs: int = 1
    intercept: bool = True
    l1: float = 0.0
    l2: float = 0.0
    #: what the penalty is multiplied by for the intercept
    held: float = 0.0
    #: of all coefficients, or of each
    low: Any = -np.inf
    high: Any = np.inf
    radius: float | None = None
    share: Wide = field(init=False)

    def __post_init__(self) -> None:
        X, y = np.asarray(self.X, dtype=LD), np.asarray(self.y, dtype=LD)
        weight = np.ones(len(y)) if self.weight is None else self.weight
        there = np.asarray(weight) > 0
        self.rows, self.t = X[there], y[there]
        share = np.asarray(weight, dtype=LD)[there]
        self.share = share / share.sum()
        self.centred = self.intercept and self.held == 0.0
        d = X.shape[1]
        self.m = np.zeros(d, dtype=LD)
        if self.centred:
            self.m = (self.share @ self.rows).astype(np.float64).astype(LD)
            # twice: the mean of what is left is of its own size
            self.m = (self.m + self.share @ (self.rows - self.m)).astype(np.float64).astype(LD)
        Z = self.rows - self.m
        s = np.sqrt(self.share @ (Z * Z))
        s = np.where(s > 0, s, np.maximum(np.abs(Z).max(axis=0, initial=0), 0))
        self.s = np.where(s > 0, s, LD(1))
        self.Z = Z / self.s
        if self.intercept:
            self.Z = np.hstack([self.Z, np.ones((len(self.t), 1), dtype=LD)])
        p = self.Z.shape[1]
        scale = np.ones(p, dtype=LD)
        scale[:d] = self.s
        on = np.ones(p, dtype=LD)
        on[d:] = self.held
        self.a1 = np.tile(LD(self.l1) * on / scale, (self.outputs, 1))
        self.a2 = np.tile(LD(self.l2) * on / scale**2, (self.outputs, 1))
        self.lo = np.full((self.outputs, p), -np.inf, dtype=LD)
        self.hi = -self.lo
        self.lo[:, :d], self.hi[:, :d] = LD(self.low) * self.s, LD(self.high) * self.s
        # the variables that neither a penalty nor a bound holds, where margins matter by their differences alone
        loose = (self.a1 == 0) & (self.a2 == 0) & np.isinf(self.lo) & np.isinf(self.hi)
        self.common = loose.all(axis=0) & (self.outputs > 1)
        self.scale, self.d = scale, d
        self.boxed = bool(np.isfinite([self.low, self.high]).any())

    # between coefficients as a user has them and those of centred and scaled columns

    def inner(self, w: Any, b: Any) -> Wide:
        """(outputs x features, outputs) as variables of the inner problem."""
        w = np.asarray(w, dtype=LD).reshape(self.outputs, self.d)
        v = w * self.s
        if self.intercept:
            c = np.asarray(b, dtype=LD).reshape(self.outputs, 1) + (w * self.m).sum(axis=1, keepdims=True)
            v = np.hstack([v, c])
        return v

    def outer(self, v: Wide) -> tuple[NDArray[Any], NDArray[Any]]:
        """Coefficients and intercepts rounded to float64, within the bounds."""
        w = np.clip((v[:, : self.d] / self.s).astype(np.float64), self.low, self.high)
        b = np.zeros(self.outputs)
        if self.intercept:
            b = (v[:, self.d] - (w.astype(LD) * self.m).sum(axis=1)).astype(np.float64)
        return w, b

    def rounded(self, v: Wide) -> Wide:
        return self.inner(*self.outer(v))

    # the objective

    def penalty(self, v: Wide) -> Wide:
        if self.boxed and (
            ((v < self.lo - abs(self.lo) * 1e-15) | (v > self.hi + abs(self.hi) * 1e-15)).any()
        ):
            return LD(np.inf)
        total = LD(0)
        if self.l1:
            total += (self.a1 * np.abs(v)).sum()
        if self.l2:
            total += (self.a2 * v * v).sum() / 2
        return total

    def value(self, v: Wide) -> Wide:
        with np.errstate(over="ignore", invalid="ignore"):
            f = (self.share * self.loss.value(self.t, self.Z @ v.T)).sum() + self.penalty(v)
        return f if f == f else LD(np.inf)

    def parts(self, v: Wide) -> tuple[Wide, Wide, Wide]:
        """Value, gradient of the smooth part, its Hessian (both over all variables in order)."""
        value, slope, curvature = self.loss.all(self.t, self.Z @ v.T)
        f = (self.share * value).sum() + self.penalty(v)
        g = (self.share[:, None] * slope).T @ self.Z + self.a2 * v
        k, p = v.shape
        if k == 1:
            H = self.Z.T @ ((self.share * curvature[:, 0, 0])[:, None] * self.Z)
        else:
            H = np.empty((k, p, k, p), dtype=LD)
            for a in range(k):
                for c in range(a + 1):
                    H[a, :, c] = self.Z.T @ ((self.share * curvature[:, a, c])[:, None] * self.Z)
                    H[c, :, a] = H[a, :, c].T
            H = H.reshape(k * p, k * p)
        H[np.diag_indices(k * p)] += self.a2.ravel()
        return f, g.ravel(), H

    def noise(self, w: NDArray[Any], b: NDArray[Any]) -> Wide:
        """What rounding explains of F at this point: of every term, and of every margin.

        ULPS eps sum_i share_i (terms_i + |slope_i| size_i) + 1/2 sum_i share_i curvature_i (ULPS eps size_i)^2, the
        size of a margin being sum_j |x_ij w_j| + |b|; and ULPS eps penalty.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            W = np.abs(np.asarray(w, dtype=LD).reshape(self.outputs, self.d))
            size = np.abs(self.rows) @ W.T + np.abs(np.asarray(b, dtype=LD).reshape(1, -1))
            v = self.inner(w, b)
            z = self.Z @ v.T
            _, slope, curvature = self.loss.all(self.t, z)
            # rounding may step over a kink of the slope
            curvature = np.maximum(curvature, CORNERS.get(self.loss.name, 0))
            k = np.arange(self.outputs)
            first = self.loss.terms(self.t, z) + (np.abs(slope) * size).sum(axis=1)
            second = (curvature[:, k, k] * (ULPS * EPS * size) ** 2).sum(axis=1) / 2
            total = ULPS * EPS * (self.share * first).sum() + (self.share * second).sum()
            total += ULPS * EPS * self.penalty(v)
        return total

    def blur(self, v: Wide) -> Wide:
        """What the rounding of 80-bit numbers makes of F here: centred columns cancel where a coefficient runs away."""
        with np.errstate(over="ignore", invalid="ignore"):
            z = self.Z @ v.T
            _, slope, _ = self.loss.all(self.t, z)
            size = np.abs(self.Z) @ np.abs(v).T
            off = (self.share * (np.abs(slope) * size).sum(axis=1)).sum()
        return ULPS * np.finfo(LD).eps * off if np.isfinite(off) else LD(0)

    def null(self) -> Wide:
        """The least value where all coefficients are 0 (or as near as the bounds, or the simplex, let them)."""
        v = np.clip(np.zeros_like(self.lo), self.lo, self.hi)
        if self.radius is not None:
            # 0 is none of its points: the nearest has all coefficients alike
            return self.value(self.first())
        if not self.intercept:
            return self.value(v)
        only = Model(self.rows[:, :0], self.t, self.loss, self.share, self.outputs, l2=0.0, held=self.held)
        c = only.least([only.first()])
        return only.value(c)

    def first(self) -> Wide:
        """A fair start: no coefficients, the intercept where the loss alone has its least or near."""
        v = np.clip(np.zeros_like(self.lo), self.lo, self.hi)
        if self.radius is not None:
            v[:, : self.d] = LD(self.radius) / (self.d * self.outputs) * self.s
        if self.intercept and self.outputs == 1:
            mean = self.share @ self.t
            if self.loss.name in ("poisson", "gamma", "tweedie"):
                mean = np.log(np.maximum(mean, LD(1e-12)))
            elif self.loss.name in ("hinge", "squared_hinge", "modified_huber", "cloglog", "probit"):
                mean = 2 * mean - 1
            elif self.loss.name == "logistic":
                mean = np.clip(mean, LD(1e-9), 1 - LD(1e-9))
                mean = np.log(mean / (1 - mean))
            elif self.loss.name in ("huber", "pinball", "epsilon_insensitive"):
                order = np.argsort(self.t)
                below = self.loss.width if self.loss.name == "pinball" else 0.5
                mean = self.t[order][
                    np.searchsorted(np.cumsum(self.share[order]), below).clip(0, len(order) - 1)
                ]
            v[0, -1] = mean
        return v

    def possible(self) -> bool:
        """Whether some point has a value in float64: exp of a margin overflows where the bounds ask for large ones."""
        powers = {
            "poisson": (1.0, 0.0),
            "gamma": (0.0, 1.0),
            "tweedie": (2 - self.loss.width, self.loss.width - 1),
            "cloglog": (1.0, 0.0),
        }
        if self.loss.name not in powers or (self.intercept and self.radius is not None):
            return True
        # exp(up m) of every row (of classes, of those of the first), and exp(-down m) of those whose target is not 0
        up, down = powers[self.loss.name]
        Z, none = self.Z.astype(float), np.asarray(self.t == 0).ravel()
        Z = np.vstack([up * Z[none | (self.loss.name != "cloglog")], -down * Z[~none]])
        n, d = Z.shape
        rows = np.hstack([Z, -np.ones((n, 1))])
        bounds = [(float(lo), float(hi)) for lo, hi in zip(self.lo[0], self.hi[0], strict=True)]
        whole = None
        if self.radius is not None:
            shares = np.r_[1 / self.s.astype(float).ravel(), 0.0]
            bounds, whole = [(0.0, None)] * d, (shares[None], [float(self.radius)])
        # the least of the largest margin
        found = linprog(
            np.r_[np.zeros(d), 1.0], rows, np.zeros(n), *(whole or ()), bounds=[*bounds, (None, None)]
        )
        return found.status != 0 or found.fun < 710.0

    # the least value

    def _program(self, v: Wide) -> Iterable[Wide]:
        """Points ever nearer the least of a loss made of straight parts, from a fair start.

        F is v'Qv / 2 + q'v + sum_k c_k max(0, h_k - g_k'v); a bound is such a part whose c is infinite.
        """
        z, t, c, p = self.Z, self.t, self.share, self.Z.shape[1]
        if self.loss.name == "hinge":
            side = 2 * t - 1
            q, G, h, C = np.zeros(p, dtype=LD), side[:, None] * z, np.ones_like(t), c
        elif self.loss.name == "pinball":
            # q |r| below 0 and (1 - q) r above: -q r everywhere, and max(0, r) besides
            q, G, h, C = -LD(self.loss.width) * (c @ z), -z, -t, c
        else:
            width = LD(self.loss.width)
            q, G, h, C = np.zeros(p, dtype=LD), np.vstack([-z, z]), np.r_[-t - width, t - width], np.r_[c, c]
        Q, a1, one = np.diag(self.a2.ravel()), self.a1.ravel(), np.eye(p, dtype=LD)
        there = a1 > 0
        # a |w| = a w + 2 a max(0, -w)
        q = q + a1
        G, h, C = (
            np.vstack([G, one[there]]),
            np.r_[h, np.zeros(there.sum(), dtype=LD)],
            np.r_[C, 2 * a1[there]],
        )
        for limit, sign in ((self.lo.ravel(), 1), (self.hi.ravel(), -1)):
            on = np.isfinite(limit)
            G, h = np.vstack([G, sign * one[on]]), np.r_[h, sign * limit[on]]
            C = np.r_[C, np.full(on.sum(), np.inf, dtype=LD)]
        at, ways = np.zeros(p, dtype=LD), one
        if self.radius is not None:
            # the last share is what the others leave
            at[self.d - 1] = LD(self.radius) * self.s[-1]
            ways = np.delete(one, self.d - 1, axis=1)
            ways[self.d - 1, : self.d - 1] = -self.s[-1] / self.s[:-1]
        h, q = h - G @ at, ways.T @ (q + Q @ at)
        size = LD(1) if self.loss.name == "hinge" else max(c @ np.abs(t - np.median(t)), LD(1e-300))
        first = np.delete(v.ravel() - at, self.d - 1) if self.radius is not None else v.ravel()
        for u in interior(ways.T @ Q @ ways, q, G @ ways, h, C, first, size):
            yield np.clip((at + ways @ u).reshape(v.shape), self.lo, self.hi)

    def least(self, starts: Iterable[Wide]) -> Wide:
        """The best point that is found from any of the starts, rounded to float64."""
        if self.loss.name in STRAIGHT:
            starts = list(starts)
            points = [*starts, *self._program(self.first())]
            return min(map(self.rounded, points), key=self.value)
        best, found, tried = LD(np.inf), None, []
        for start in starts:
            if any(np.array_equal(start, before) for before in tried):
                continue
            tried.append(start)
            end, settled = self.descend(np.array(start, dtype=LD))
            v = self.rounded(end)
            f = self.value(v)
            if found is None or f < best:
                best, found = f, v
            if settled:
                # F is convex: nothing is lower
                break
        assert found is not None
        return found

    def descend(self, v: Wide, steps: int = 150) -> tuple[Wide, bool]:
        """Damped Newton inside the faces that l1 and bounds make, with steps along single coordinates.

        The second is whether it ended where Newton's own model foresees no gain, or none is asked for.
        """
        if self.radius is not None:
            return self._on_simplex(v), False
        shape = v.shape
        f = self.value(v)
        # nothing is asked of what is left of a value that falls towards 0
        enough = LD(1e-28) * self.value(np.clip(np.zeros_like(v), self.lo, self.hi))
        damping, idle = LD(1e-14), 0
        for _ in range(steps):
            if f <= enough:
                return v, True
            if not np.isfinite(f):
                break
            _, g, H = self.parts(v)
            x, lo, hi, a1 = v.ravel(), self.lo.ravel(), self.hi.ravel(), self.a1.ravel()
            sign = np.where(x != 0, np.sign(x), -np.sign(g))
            slope = g + a1 * sign
            free = np.where(x == 0, np.abs(g) > a1, True)
            free &= ~((x <= lo) & (slope > 0)) & ~((x >= hi) & (slope < 0))
            before = f
            if free.any():
                x_new, f, damping, gain = self._newton(x, f, slope, H, free, sign, a1, damping, shape)
                v = x_new.reshape(shape)
                if self.common.any():
                    v, f = self._together(v, f)
                if gain <= abs(f) * LD(1e-17):
                    return v, True
            else:
                return v, True
            if f > before - abs(before) * LD(1e-13):
                v, f = self._coordinates(v, f)
            idle = idle + 1 if f > before - abs(before) * LD(1e-17) else 0
            if idle >= 2:
                break
        return v, False

    def _together(self, v: Wide, f: Wide) -> tuple[Wide, Wide]:
        """The same point with what all classes share taken off, and its value.

        Softmax minds differences alone. A step along what they share is free, and where it was long the margins have
        lost their digits: at intercepts of 1e10 the value is off by more than what is asked of it.
        """
        shift = np.where(self.common, v.mean(axis=0), LD(0))
        if abs(shift).max() <= 1e3:
            return v, f
        v = v - shift
        return v, self.value(v)

    def _newton(
        self,
        x: Wide,
        f: Wide,
        slope: Wide,
        H: Wide,
        free: NDArray[Any],
        sign: Wide,
        a1: Wide,
        mu: Wide,
        shape: Any,
    ) -> tuple[Wide, Wide, Wide, Wide]:
        """The next point, its value and damping, and the gain foreseen (inf where there was no step)."""
        inside = np.flatnonzero(free)
        A = H[np.ix_(inside, inside)]
        diagonal = np.maximum(np.diag(A), LD(1e-30))
        size = diagonal.max()
        foreseen = LD(np.inf)
        for _ in range(12):
            solved = solve(A + np.diag(mu * np.maximum(diagonal, size * LD(1e-6))), -slope[inside])
            if solved is not None:
                step, pivot = solved
                gain = -(slope[inside] @ step) / 2
                if 100 * mu < pivot:
                    # the damping hides nothing
                    foreseen = gain
                    if gain <= abs(f) * LD(1e-19):
                        return x, f, mu, gain
                t = LD(1)
                for _ in range(5):
                    y = x.copy()
                    y[inside] += t * step
                    if self.l1:
                        # a coordinate that would pass 0 stays there
                        y = np.where((a1 > 0) & (y * sign < 0), LD(0), y)
                    if self.boxed:
                        y = np.clip(y, self.lo.ravel(), self.hi.ravel())
                    f_new = self.value(y.reshape(shape))
                    if f_new < f:
                        return y, f_new, max(mu / 100, LD(1e-19)), foreseen
                    if gain <= abs(f) * LD(1e-17):
                        break
                    t /= 8
            mu = max(mu, LD(1e-16)) * 100
            if mu > 1e12:
                break
        return x, f, LD(1e-9), foreseen

    def _coordinates(self, v: Wide, f: Wide) -> tuple[Wide, Wide]:
        """One exact step of Newton with prox along each coordinate that then lowers F."""
        at = None
        for k in range(v.shape[0]):
            for j in range(v.shape[1]):
                if at is not v:
                    at, (_, slope, curvature) = v, self.loss.all(self.t, self.Z @ v.T)
                g = self.share @ (slope[:, k] * self.Z[:, j]) + self.a2[k, j] * v[k, j]
                h = self.share @ (curvature[:, k, k] * self.Z[:, j] ** 2) + self.a2[k, j]
                h = max(h, LD(1e-12) * (self.share @ self.Z[:, j] ** 2), LD(1e-30))
                for _ in range(4):
                    u = v[k, j] - g / h
                    u = np.sign(u) * max(abs(u) - self.a1[k, j] / h, LD(0))
                    u = min(max(u, self.lo[k, j]), self.hi[k, j])
                    if u == v[k, j]:
                        break
                    trial = v.copy()
                    trial[k, j] = u
                    f_new = self.value(trial)
                    if f_new < f:
                        v, f = trial, f_new
                        break
                    h *= 16
        return v, f

    def _on_simplex(self, v: Wide, sweeps: int = 60) -> Wide:
        """Newton among the shares that are not 0, then along the exchange of any two and along the intercept."""
        f = self.value(v)
        d = self.d
        enough = LD(1e-28) * self.value(self.first())
        for _ in range(sweeps):
            if not np.isfinite(f) or f <= enough:
                break
            before = f
            v, f = self._on_face(v, f)
            moves = [(i, j) for i in range(d) for j in range(i)] + ([(d, d)] if self.intercept else [])
            for i, j in moves:
                _, slope, curvature = self.loss.all(self.t, self.Z @ v.T)
                way = self.Z[:, i] * self.scale[i] - (self.Z[:, j] * self.scale[j] if i != j else 0)
                g = self.share @ (slope[:, 0] * way)
                h = max(
                    self.share @ (curvature[:, 0, 0] * way**2), LD(1e-30), LD(1e-12) * (self.share @ way**2)
                )
                step = -g / h
                for _ in range(4):
                    trial = v.copy()
                    if i != j:
                        wi, wj = v[0, i] / self.scale[i], v[0, j] / self.scale[j]
                        t = min(max(step, -wi), wj)
                        trial[0, i] = (wi + t) * self.scale[i]
                        trial[0, j] = (wj - t) * self.scale[j]
                    else:
                        trial[0, d] += step
                    f_new = self.value(trial)
                    if f_new < f:
                        v, f = trial, f_new
                        break
                    step /= 16
            if f > before - abs(before) * LD(1e-16):
                break
        return v

    def _on_face(self, v: Wide, f: Wide) -> tuple[Wide, Wide]:
        """Newton's steps where the shares that are 0 stay so; each ends at the latest where another becomes 0."""
        for _ in range(3 * self.d):
            free = np.flatnonzero(v[0, : self.d] > 0)
            last = free[np.argmax(v[0, free] / self.scale[free])]
            # what one share gains the largest loses
            ways = np.eye(v.shape[1], dtype=LD)[np.r_[free[free != last], self.d : v.shape[1]]] * self.scale
            ways[: len(free) - 1, last] = -self.scale[last]
            _, g, H = self.parts(v)
            A = ways @ H @ ways.T
            solved = solve(A + np.diag(LD(1e-17) * np.diag(A)), -(ways @ g)) if len(A) else None
            if solved is None:
                break
            step = solved[0] @ ways
            shrinks = free[step[free] < 0]
            room = -v[0, shrinks] / step[shrinks]
            t = min(LD(1), room.min(initial=1))
            trial = v + t * step
            trial[0, shrinks[room <= t]] = 0
            f_new = self.value(trial)
            if not f_new < f:
                break
            gained, v, f = f - f_new, trial, f_new
            if t == 1 and gained <= f * LD(1e-17):
                break
        return v, f

    def ordinary(self, v: Wide) -> bool:
        """Whether the least lies at an ordinary point: finite, and curved in every direction."""
        if self.loss.name in STRAIGHT:
            # of many least points any will do
            return float(np.abs(v).max(initial=0)) < 1e14
        _, _, H = self.parts(v)
        if self.outputs > 1 and not self.a2.any():
            return False
        z = self.Z @ v.T
        if self.loss.name in UNENDING and np.abs(z).max() > 25:
            return False
        separates = (self.share * self.loss.value(self.t, z)).sum() < 1e-5
        if self.loss.name in CLASSES and separates:
            # its least value is at infinity
            return False
        held = (v.ravel() == 0) & (self.a1.ravel() > 0)
        held |= (v.ravel() <= self.lo.ravel()) | (v.ravel() >= self.hi.ravel())
        A = H[np.ix_(~held, ~held)].astype(np.float64)
        scale = np.sqrt(np.maximum(np.diag(A), 1e-300))
        A = A / scale[:, None] / scale
        if not np.isfinite(A).all():
            return False
        return bool(not len(A) or np.linalg.eigvalsh(A)[0] > 1e-9) and float(np.abs(v).max(initial=0)) < 1e14


def interior(Q: Wide, q: Wide, G: Wide, h: Wide, c: Wide, v: Wide, size: LD) -> Iterable[Wide]:
    """Points of Mehrotra's method for the least of v'Qv / 2 + q'v + c'max(0, h - Gv), c infinite where Gv >= h holds.

    With e what a part costs, s = Gv + e - h what it has to spare, y in [0, c] its multiplier: y s = 0 = (c - y) e at
    the least, where Qv + q = G'y. (Mehrotra 1992.)
    """
    soft = np.isfinite(c)
    weight = np.where(soft, c, LD(1))
    y = np.where(soft, weight / 2, 1 / LD(len(h)))
    # c - y, which would cancel
    w = np.where(soft, weight / 2, LD(1))
    short = h - G @ v
    e = np.where(soft, np.maximum(short, 0) + size, LD(0))
    s = np.maximum(-short, 0) + size
    for _ in range(80):
        off, miss = Q @ v + q - G.T @ y, s - (G @ v + e - h)
        mu = (y @ s + w @ e) / (len(h) + soft.sum())
        D = 1 / (s / y + e / w)
        H = Q + G.T @ (D[:, None] * G)
        now = (y, e, s, w, off, miss, D, H)
        moves = _newton_step(now, G, soft, y * s, w * e)
        if moves is None:
            return
        t, (_, dy, de, ds) = _room(now, moves, soft), moves
        after = (y + t * dy) @ (s + t * ds) + ((w - t * dy) * (e + t * de))[soft].sum()
        aim = mu * (after / (len(h) + soft.sum()) / mu) ** 3
        moves = _newton_step(now, G, soft, y * s + dy * ds - aim, np.where(soft, w * e - dy * de - aim, 0))
        if moves is None:
            return
        t, (dv, dy, de, ds) = LD(0.99) * _room(now, moves, soft), moves
        v, y, e, s, w = v + t * dv, y + t * dy, e + t * de, s + t * ds, np.where(soft, w - t * dy, w)
        if not np.isfinite(v).all() or not ((y > 0) & (s > 0) & (w > 0)).all() or mu == 0:
            return
        yield v


def _newton_step(
    now: tuple[Wide, ...], G: Wide, soft: NDArray[Any], ys: Wide, we: Wide
) -> tuple[Wide, Wide, Wide, Wide] | None:
    """What changes v, y, e and s so that y s and w e become what they are less `ys` and `we`."""
    y, e, s, w, off, miss, D, H = now
    have = np.where(soft, we / w, 0) - ys / y + miss
    right = -off + G.T @ (D * have)
    for size in (1e-19, 1e-17, 1e-15, 1e-13):
        # where columns are alike, a little of the identity: the step is then one of many
        solved = solve(H + np.diag(LD(size) * (np.diag(H) + np.diag(H).max())), right)
        if solved is not None:
            dv = solved[0]
            dy = D * (have - G @ dv)
            return dv, dy, np.where(soft, (e * dy - we) / w, 0), -(ys + s * dy) / y
    return None


def _room(now: tuple[Wide, ...], moves: tuple[Wide, ...], soft: NDArray[Any]) -> LD:
    """How long a step, at most 1, keeps all above 0."""
    y, e, s, w, *_ = now
    _, dy, de, ds = moves
    t = LD(1)
    for a, d in ((y, dy), (s, ds), (w[soft], -dy[soft]), (e[soft], de[soft])):
        if (d < 0).any():
            t = min(t, (-a[d < 0] / d[d < 0]).min())
    return t


def solve(A: Wide, b: Wide) -> tuple[Wide, Wide] | None:
    """A x = b by Cholesky in 80 bits, scaled to a unit diagonal, and the least pivot; None where A is not positive.

    Where 64 bits lose no more than half of their digits they do the same: what they leave of b is solved for again.
    """
    n = len(b)
    d = np.sqrt(np.diag(A))
    if not (d > 0).all() or not np.isfinite(d).all():
        return None
    L = A / d[:, None] / d
    if n > 3 and np.isfinite(L).all():
        rough, failed = dpotrf(L.astype(np.float64), lower=1, clean=0)
        least = LD(np.diag(rough).min() ** 2)
        if not failed and least > 1e-7:
            right, x = b / d, np.zeros(n, dtype=LD)
            size = np.abs(right).max()
            for _ in range(4):
                rest = right - L @ x
                if np.abs(rest).max() <= LD(1e-18) * size:
                    break
                scale = np.abs(rest).max()
                x += scale * dpotrs(rough, (rest / scale).astype(np.float64), lower=1)[0]
            x = x / d
            return (x, least) if np.isfinite(x).all() else None
    least = LD(1)
    # b is led on as a last row
    L = np.vstack([L, b / d])
    for j in range(n):
        row = L[j, :j]
        pivot = L[j, j] - row @ row
        if not pivot > 0:
            return None
        least = min(least, pivot)
        L[j, j] = np.sqrt(pivot)
        L[j + 1 :, j] = (L[j + 1 :, j] - L[j + 1 :, :j] @ row) / L[j, j]
    x = L[n].copy()
    for j in reversed(range(n)):
        x[j] = (x[j] - L[j + 1 : n, j] @ x[j + 1 :]) / L[j, j]
    x = x / d
    return (x, least) if np.isfinite(x).all() else None
