"""Residuals as the core asks for them: what each costs, and derivatives from wherever they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.result import is_multiplied
from steepest.workers import mapped

__all__ = ["LOSSES", "Fit"]

Loss = Callable[[Floats], Any]


def _stacked(*rows: Floats) -> Floats:
    return np.stack(rows)


def _huber(z: Floats) -> Floats:
    far = z > 1
    root = np.sqrt(np.where(far, z, 1.0))
    return _stacked(
        np.where(far, 2 * root - 1, z), np.where(far, 1 / root, 1.0), np.where(far, -0.5 / root**3, 0.0)
    )


def _soft_l1(z: Floats) -> Floats:
    root = np.sqrt(1 + z)
    return _stacked(2 * (root - 1), 1 / root, -0.5 / root**3)


def _cauchy(z: Floats) -> Floats:
    return _stacked(np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2)


def _arctan(z: Floats) -> Floats:
    below = 1 + z**2
    return _stacked(np.arctan(z), 1 / below, -2 * z / below**2)


#: SciPy's losses by name: rho(z), rho'(z), rho''(z) of z = (r / f_scale)². ``linear`` is the square itself.
LOSSES: dict[str, Loss | None] = {
    "linear": None,
    "huber": _huber,
    "soft_l1": _soft_l1,
    "cauchy": _cauchy,
    "arctan": _arctan,
}


#: Variables at most for which factors of the Jacobian are made where it is sparse: they are dense.
MOST = 500


class Fit:
    """The residuals as the core asks for them: numbers in one row, derivatives from wherever they come."""

    def __init__(
        self,
        fun: Callable[[Any], Any],
        jac: Any,
        x0: Floats,
        box: tuple[Floats, Floats] | None,
        loss: tuple[Loss, float] | None,
        diff_step: Any,
    ) -> None:
        if not (jac is None or callable(jac) or jac in ("2-point", "3-point", "cs")):
            raise InputError(f"jac must be a function or one of 2-point, 3-point, cs; got {jac!r}")
        self._fun, self._jac, self._box, self.loss = fun, jac, box, loss
        self._map: Callable[..., Any] = map
        self._step = _read_step(diff_step, x0.size)
        self._both = jac == "3-point"
        #: The size of each variable, by which differences are taken: near 0 it is what it was.
        self._size = np.where(x0 != 0, np.abs(x0), 1.0)
        got = fun(x0.copy())
        first = _row(got)
        #: The relative rounding of residuals: that of single precision, where they are computed in it.
        kind = getattr(got, "dtype", None)
        narrow = isinstance(kind, np.dtype) and kind.kind == "f" and kind.itemsize < 8
        self._eps = float(np.finfo(kind if narrow else np.float64).eps)
        self._checked = False
        if first.size == 0:
            raise InputError("fun must return at least one residual; got an empty array")
        self.count = first.size
        self.differences = 0 if callable(jac) else x0.size
        self._at, self._last, self._fresh = x0.copy(), first, True
        #: What jac returned at the start, where its form was asked for before its numbers.
        self._early: tuple[Floats, Any] | None = None
        #: Where the Jacobian was asked for last, with the residuals there.
        self.stood: tuple[Floats, Floats, Any] | None = None

    @contextmanager
    def by(self, workers: Any) -> Iterator[None]:
        """Evaluations of differences made by so many processes, or by a map."""
        with mapped(workers) as by:
            self._map = self._map if by is None else by
            yield

    def residuals(self, x: Floats) -> Floats:
        """r(x)."""
        if not (self._fresh and np.array_equal(x, self._at)):
            self._at, self._last = x.copy(), self._read(self._fun(x.copy()))
        # The core asks for the start first, which was evaluated to learn how many residuals there are.
        self._fresh = False
        return self._last

    def _here(self, x: Floats) -> Floats:
        """r(x), which most often was asked for last."""
        return self._last if np.array_equal(self._at, x) else self.residuals(x)

    def _read(self, got: Any) -> Floats:
        row = _row(got)
        if row.size != self.count:
            raise InputError(f"fun returned {self.count} residuals at x0, and {row.size} now")
        return row

    def jacobian(self, x: Floats) -> tuple[Floats, int]:
        """The derivatives at x, and how many evaluations count for them: none, as in SciPy."""
        self._size = np.maximum(np.abs(x), 0.1 * self._size)
        kept: Any = None
        if callable(self._jac):
            early, self._early = self._early, None
            same = early is not None and np.array_equal(early[0], x)
            kept = early[1] if early is not None and same else self._jac(x.copy())
            rows = self.dense(kept, x.size)
        elif self._jac == "cs":
            rows = self._complex(x)
        else:
            rows = self._differenced(x)
        self.stood = x.copy(), self._here(x), kept if is_multiplied(kept) else rows
        return rows, 0

    def by_products(self) -> bool:
        """Whether the Jacobian at the start is sparse, or an operator, of more variables than factors are for."""
        if not callable(self._jac) or self._at.size <= MOST:
            return False
        got = self._jac(self._at.copy())
        if is_multiplied(got) and got.shape == (self.count, self._at.size) and hasattr(got, "T"):
            self.stood = self._at.copy(), self._last, got
            return True
        self._early = self._at.copy(), got
        return False

    def stand(self, x: Floats) -> tuple[Floats, Any]:
        """The residuals at x, and the Jacobian as it is returned: neither an array nor factors are made of it."""
        if self.stood is None or not np.array_equal(self.stood[0], x):
            residuals, rows = self._here(x), self._jac(x.copy())
            if getattr(rows, "shape", None) != (self.count, x.size):
                rows = self.dense(rows, x.size)
            self.stood = x.copy(), residuals, rows
        return self.stood[1:]

    def value(self, x: Floats) -> float:
        """F(x)."""
        r = self.residuals(x)
        return 0.5 * float(r @ r) if self.loss is None else self.price(r)[0]

    def gradient(self, x: Floats) -> Floats:
        """Its gradient, by a product with the Jacobian."""
        r, rows = self.stand(x)
        return np.asarray(rows.T @ (r if self.loss is None else self.price(r)[1]), dtype=np.float64)

    def product(self, x: Floats, p: Floats) -> Floats:
        """What the Gauss-Newton Hessian makes of p, by two products."""
        r, rows = self.stand(x)
        image = rows @ p
        if self.loss is not None:
            image = np.maximum(self.price(r)[2], 0.0) * image
        return np.asarray(rows.T @ image, dtype=np.float64)

    def dense(self, got: Any, n: int) -> Floats:
        """A Jacobian that was returned, as an array."""
        if hasattr(got, "toarray"):
            got = got.toarray()
        elif hasattr(got, "matmat"):
            got = got.matmat(np.eye(n))
        rows, m = np.asarray(got), self.count
        shapes = [
            (m, n),
            *([(n,)] if m == 1 else []),
            *([(m,)] if n == 1 else []),
            *([()] if m == n == 1 else []),
        ]
        if np.iscomplexobj(rows) or rows.shape not in shapes:
            raise InputError(
                f"jac must return real numbers of the shape {(m, n)}; got the shape {rows.shape}"
            )
        return np.ascontiguousarray(rows.reshape(m, n), dtype=np.float64)

    def _complex(self, x: Floats) -> Floats:
        rows = np.empty((self.count, x.size))
        for j in range(x.size):
            z = x.astype(np.complex128)
            h = 1e-20 * self._size[j]
            z[j] += 1j * h
            rows[:, j] = np.ravel(np.imag(self._fun(z))) / h
        if not self._checked:
            self._checked = True
            self._analytic(x, rows)
        return rows

    def _analytic(self, x: Floats, rows: Floats) -> None:
        """Hold complex steps against real ones along one direction: what casts to real numbers has no slope by them."""
        low, high = self._box or (np.full(x.size, -np.inf), np.full(x.size, np.inf))
        u = self._size * (0.5 + 0.5 / np.arange(1, x.size + 1)) * np.where(high - x >= x - low, 1.0, -1.0)
        told = []
        for h in (1e-5, 1e-6):
            ahead = np.clip(x + h * u, low, high)
            real = self._read(self._fun(ahead.copy())) - self._here(x)
            off = np.linalg.norm(real - rows @ (ahead - x))
            told.append(off > 0.1 * np.linalg.norm(real) + 1e-12 * np.linalg.norm(self._here(x)))
        if all(told):
            raise InputError(
                'jac="cs" needs residuals that are analytic: complex steps tell other slopes than real ones. Leave jac '
                "out (differences), or do without abs, comparisons and parts that are cast to real numbers"
            )

    def _differenced(self, x: Floats) -> Floats:
        here = self._here(x)
        found = np.full(x.size, self._eps ** (1 / 3 if self._both else 1 / 2))
        relative = found if self._step is None else self._step
        steps = relative * self._size
        low, high = self._box or (np.full(x.size, -np.inf), np.full(x.size, np.inf))
        # To the side where there is room, and to both only where there is room on both.
        up, down = high - x, x - low
        steps = np.where(up < steps, -np.minimum(steps, down), steps)
        both = self._both & (up >= np.abs(steps)) & (down >= np.abs(steps))
        points = []
        for j in range(x.size):
            for sign in (1.0, -1.0)[: 1 + int(both[j])]:
                point = x.copy()
                point[j] += sign * steps[j]
                points.append(point)
        values = map(self._read, self._map(self._fun, [p.copy() for p in points]))
        rows, taken = np.empty((self.count, x.size)), iter(points)
        for j in range(x.size):
            there = next(taken)[j]
            ahead = next(values)
            back, behind = (x[j], here) if not both[j] else (next(taken)[j], next(values))
            with np.errstate(invalid="ignore"):  # ∞ − ∞, where residuals are no numbers
                rows[:, j] = (ahead - behind) / (there - back) if there != back else 0.0
        return rows

    def price(self, r: Floats) -> tuple[float, Floats, Floats]:
        """½ C² Σ rho((r/C)²), and its first and second derivative by each residual."""
        assert self.loss is not None
        rho, scale = self.loss
        z = (r / scale) ** 2
        value, slope, bend = (np.asarray(part, dtype=np.float64) for part in rho(z))
        return 0.5 * scale**2 * float(value.sum()), slope * r, slope + 2 * bend * z

    def remembers(self) -> list[float]:
        """What later differences depend on: the sizes of the variables, and whether they are taken to both sides."""
        return [*self._size.tolist(), float(self._both)]

    def remember(self, kept: list[float]) -> None:
        """Goes on from what another fit remembered."""
        self._size, self._both = np.array(kept[:-1]), bool(kept[-1])

    def sharpen(self) -> bool:
        """Whether differences are to both sides from here on, where they were to one."""
        could = self._jac is None and not self._both
        self._both |= could
        return could


def _row(got: Any) -> Floats:
    """Residuals in one row; a matrix of them is nearly always a mistake of broadcasting."""
    try:
        if got is None or np.iscomplexobj(got) or np.ma.is_masked(got):
            raise TypeError
        if np.asarray(got).dtype == np.bool_:
            raise TypeError
        row = np.array(got, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"fun must return residuals, real numbers in a row; got {got!r}"[:200]) from None
    if row.ndim > 1:
        raise InputError(
            f"fun must return residuals in one row; got the shape {row.shape}: check broadcasting, or ravel"
        )
    return row.reshape(-1)


def _read_step(diff_step: Any, n: int) -> Floats | None:
    if diff_step is None:
        return None
    try:
        steps = np.array(np.broadcast_to(np.ravel(np.asarray(diff_step, dtype=np.float64)), n))
    except (TypeError, ValueError):
        raise InputError(
            f"diff_step must be one number, or one for each of the {n} variables; got {diff_step!r}"
        ) from None
    if not (np.isfinite(steps).all() and (steps != 0).all()):
        raise InputError(f"diff_step must be finite and not 0; got {diff_step!r}")
    return np.abs(steps)
