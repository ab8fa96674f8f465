"""Least squares by orthogonal factors: the rows reduced to a triangle, block by block; the triangle by singular values.

Columns are compared with each other in units of their own deviation: a column is not smaller for being measured in
other units, so none is dropped for its scale. Where columns depend on each other to rounding, the solution is the one
of least norm in the units that they came in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from threadpoolctl import ThreadpoolController

from steepest.errors import InputError

__all__ = ["End", "Factored", "Table", "by_factors", "one_thread_each", "reduced"]

Floats = NDArray[np.float64]

# Rows of a block, in units of columns: the factor of a block then costs little beside reading it.
_BLOCK = 8
# Numbers that are widened to float64 at once.
_WIDENED = 1 << 20
# Parts of a table that are factored side by side: by the data alone, so that no machine's threads change the sums.
_PARTS = 8
_EPS = float(np.finfo(np.float64).eps)
# How far along directions that the columns do not tell from nothing the least value is looked for, in residuals.
_FAR = 1e7
# What each reflection's rounding may do to a column, in units of eps.
_ROUNDING = 4.0
# Columns from which LAPACK's own threads are worth more than bits that do not depend on their number.
_LARGE = 512
# Columns whose lengths differ by more are factored in the order of their lengths, so that none drowns in another's
# rounding.
_UNLIKE = 1e3


@dataclass(frozen=True)
class End:
    """The value reached, how far it may be from the least, and how that is known."""

    value: float
    bound: float
    steps: int = 1
    proved: bool = True
    done: bool = True
    #: how much of the bound rounding may explain
    rounding: float = 0.0
    #: columns (or rows, where these are fewer) that are combinations of others, to rounding
    dependent: int = 0


class Table:
    """Rows and targets with their shares, and the means that both are centred by."""

    def __init__(self, X: Any, y: Floats, weight: Floats | None, fit_intercept: bool) -> None:
        n, d = X.shape
        self.X, self.y, self.fit_intercept = X, y, fit_intercept
        self.share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
        self.total = float(n if weight is None else weight.sum())
        self.centre, self.level = np.zeros(d), np.zeros(y.shape[1])
        if fit_intercept:
            with np.errstate(all="ignore"):
                # By rows where they are to be widened first: not all of them at once.
                step = max(1, _WIDENED // d)
                if X.dtype == np.float64 or step >= n:
                    self.centre = np.asarray(self.share @ X, dtype=np.float64).ravel()
                else:
                    for at in range(0, n, step):
                        self.centre += (self.share[at : at + step] @ X[at : at + step]).ravel()
                self.level = self.share @ y

    def null(self) -> list[float]:
        """F of each target where the intercept is alone."""
        with np.errstate(all="ignore"):
            return [float(v) for v in 0.5 * (self.share @ (self.y - self.level) ** 2)]

    def rows(self, here: slice, out: Floats) -> None:
        """Some rows, centred and weighted: of each the columns, then the targets."""
        d, root = len(self.centre), np.sqrt(self.share[here])[:, None]
        block: Any = self.X[here]
        # What is not finite is named once it has come through; each thread has warnings of its own.
        with np.errstate(all="ignore"):
            out[:, :d] = block.toarray() if sparse.issparse(block) else block  # type: ignore[attr-defined]
            out[:, :d] -= self.centre
            out[:, d:] = self.y[here] - self.level
            out *= root


@dataclass(frozen=True)
class Factored:
    """What the factors gave: a row of coefficients a target, and the singular values of the centred columns."""

    coef: Floats
    intercept: Floats
    rank: int
    singular: Floats
    ends: list[End]


def by_factors(table: Table, ridge: float = 0.0, dtype: Any = np.float64) -> Factored:
    """Minimises ``sum(share * (y - Xw - b)^2) / 2 + ridge ||w||^2 / 2`` for each target.

    The coefficients are rounded to `dtype` before the intercepts are found and the bounds are computed, so that these
    are true of what is handed over.
    """
    n, d = table.X.shape
    with np.errstate(all="ignore"):
        return (_wide if n <= d else _tall)(table, ridge, np.dtype(dtype))


def reduced(table: Table) -> tuple[Floats, Floats, Callable[[Floats], Floats]]:
    """As few rows as columns that stand for all, their targets, and the intercept (a target each) of coefficients.

    F of the rows handed over, each with weight 1 and without an intercept, is F of the table. Repeated rows and rows of
    as much weight give the same, but for rounding.
    """
    first, d = int(table.fit_intercept), len(table.centre)
    with np.errstate(all="ignore"):
        triangle, _ = _triangle(table, first)
    if not np.all(np.isfinite(triangle)):
        raise InputError(_TOO_LARGE)
    square, target = triangle[first:, first : first + d], triangle[first:, first + d :]

    def intercept(coef: Floats) -> Floats:
        shift = np.zeros(target.shape[1])
        if first:
            shift = (triangle[0, 1 + d :] - coef @ triangle[0, 1 : 1 + d]) / triangle[0, 0]
        return np.asarray(table.level + shift - coef @ table.centre)

    root = np.sqrt(len(square))
    return square * root, target * root, intercept


def _tall(table: Table, ridge: float, dtype: Any) -> Factored:
    """By blocks of rows; the first column, of ones, takes from the others what their rounded means have left."""
    first, d = int(table.fit_intercept), len(table.centre)
    triangle, blocks = _triangle(table, first)
    if not np.all(np.isfinite(triangle)):
        raise InputError(_TOO_LARGE)
    square, target = triangle[first:, first : first + d], triangle[first:, first + d :]
    noise = _EPS * _ROUNDING * np.sqrt(d + blocks)
    if first:
        # What is left of a column beside its mean is nothing where it is as small as the mean's rounding.
        square[:, np.abs(square).max(axis=0, initial=0.0) <= noise * np.abs(triangle[0, 1 : 1 + d])] = 0.0
    space = _Space(square, noise, scale=_units(square), ridge=ridge)
    coef = _rounded(space.solve(target), dtype)
    shift = np.zeros(target.shape[1])
    if first:
        shift = (triangle[0, 1 + d :] - triangle[0, 1 : 1 + d] @ coef) / triangle[0, 0]
    return _finish(table, coef, shift, space, space.judge(target, coef), dtype)


def _triangle(table: Table, first: int) -> tuple[Floats, int]:
    """R of the rows with the ones before them, and how many blocks were factored one after another."""
    n, width = len(table.y), first + len(table.centre) + table.y.shape[1]
    rows = max(_BLOCK * width, 1024)
    blocks = -(-n // rows)
    parts = min(_PARTS, blocks)
    edges = [n * k // parts for k in range(parts + 1)]
    enough = Event()

    def part(k: int) -> Floats:
        triangle = np.empty((0, width))
        for at in range(edges[k], edges[k + 1], rows):
            if enough.is_set():
                break
            here = slice(at, min(at + rows, edges[k + 1]))
            block = np.empty((len(triangle) + here.stop - at, width), order="F")
            new = block[len(triangle) :]
            block[: len(triangle)] = triangle
            new[:, :first] = np.sqrt(table.share[here])[:, None]
            table.rows(here, new[:, first:])
            triangle = _upper(block)
        return triangle

    pool = ThreadPoolExecutor(min(parts, _threads()))
    try:
        triangles = list(pool.map(part, range(parts)))
    finally:
        # Ctrl-C is heard here, between blocks there.
        enough.set()
        pool.shutdown(wait=False)
    whole = triangles[0] if parts == 1 else _heard(_upper, np.asfortranarray(np.vstack(triangles)))
    return whole, -(-blocks // parts) + parts


def _threads() -> int:
    """As many as the core would take."""
    asked = os.environ.get("STEEPEST_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _upper(block: Floats) -> Floats:
    """R of a block, which is overwritten; as many rows as columns, with zeros where there were fewer."""
    width = block.shape[1]
    if len(block) <= width:
        block = np.vstack([block, np.zeros((width + 1 - len(block), width))])
    (triangle,) = linalg.qr(block, mode="r", overwrite_a=True, check_finite=False)
    return np.array(triangle[:width])


def _wide(table: Table, ridge: float, dtype: Any) -> Factored:
    """By the factors of the rows laid as columns: the solution lies in what they span."""
    turned, target, left, shift = _turned(table)
    length = np.sqrt(np.einsum("ij,ij->i", turned, turned))
    if not np.all(np.isfinite(length)):
        raise InputError(_TOO_LARGE)
    noise = _EPS * _ROUNDING * np.sqrt(len(table.y))
    length[length <= noise * np.abs(left)] = 0.0
    turned[length == 0.0] = 0.0
    some = length[length > 0.0]
    order: Any = slice(None)
    twist: Any = None
    if len(some) and some.max() > _UNLIKE * some.min():
        # In order of their lengths, and factored with that taken out; then it is put back, and factored once more.
        order = np.argsort(-length, kind="stable")
        length = np.where(length > 0.0, length, 1.0)[order]
        across, upper = _thin(np.asfortranarray(turned[order]) / length[:, None])
        across *= length[:, None]
        across, back, swapped = _thin(across, pivoting=True)
        twist = np.empty_like(back)
        twist[swapped] = back.T
    else:
        across, upper = _thin(turned)
    coef = np.zeros((len(table.centre), target.shape[1]))
    if ridge > 0.0 and twist is not None:
        upper, twist = twist.T @ upper, None
    space = _Space(upper.T, noise, twist=twist, ridge=ridge)
    coef[order] = across @ space.solve(target)
    coef = _rounded(coef, dtype)
    ends = space.judge(target, across.T @ coef[order])
    return _finish(table, coef, shift - left @ coef, space, ends, dtype)


def _turned(table: Table) -> tuple[Floats, Floats, Floats, Floats]:
    """The centred rows as columns, their targets, and what the rounded means had left, of columns and of targets."""
    (n, d), root = table.X.shape, np.sqrt(table.share)
    # One array beside the data, which its factor then overwrites.
    turned, target = np.empty((d, n), order="F"), np.empty((n, table.y.shape[1]))
    for at in range(0, n, 64):
        here = slice(at, min(at + 64, n))
        block = np.empty((here.stop - at, d + target.shape[1]))
        table.rows(here, block)
        turned[:, here], target[here] = block[:, :d].T, block[:, d:]
    if not table.fit_intercept:
        return turned, target, np.zeros(d), np.zeros(target.shape[1])
    # A reflection that lays all of the mean into the first row, which then is left out.
    across = root.copy()
    across[0] += 1.0
    left, shift = turned @ root, root @ target
    most, far = turned @ across / across[0], across @ target / across[0]
    for k in range(1, n):
        turned[:, k] -= most * across[k]
    target[1:] -= np.outer(across[1:], far)
    return turned[:, 1:], target[1:], left, shift


def _thin(matrix: Floats, **named: Any) -> Any:
    """The thin QR factors; the matrix is overwritten."""
    return _heard(linalg.qr, matrix, mode="economic", overwrite_a=True, check_finite=False, **named)


def _rounded(coef: Floats, dtype: Any) -> Floats:
    return coef.astype(dtype).astype(np.float64)


def _finish(
    table: Table,
    coef: Floats,
    shift: Floats,
    space: _Space,
    ends: tuple[Floats, Floats, Floats],
    dtype: Any,
) -> Factored:
    """The intercepts of columns that are not centred; rounding one moves every row by as much."""
    intercept, moved, seen = np.zeros(len(shift)), np.zeros(len(shift)), np.zeros(len(shift))
    if table.fit_intercept:
        exact = table.level + shift - table.centre.astype(np.longdouble) @ coef
        intercept = np.asarray(exact, dtype=dtype).astype(np.float64)
        seen = np.abs(np.asarray(exact - intercept, dtype=np.float64))
        moved = seen + _EPS * np.abs(table.level)
        moved += float(np.finfo(np.longdouble).eps) * (np.abs(table.centre) @ np.abs(coef)) * len(coef)
    off = 0.5 * moved**2
    # Where rounding the intercepts costs more than this share of the value, what is handed over is no success.
    borne = np.minimum(4.0 * off, 1e-3 * ends[0]) if dtype == np.float32 else 4.0 * off
    singular = np.zeros(min(table.X.shape))
    singular[: len(space.singular)] = space.singular * np.sqrt(table.total)
    return Factored(
        np.ascontiguousarray(coef.T),
        intercept,
        space.rank,
        singular,
        [
            End(float(v + 0.5 * s * s), float(b + o), rounding=float(r + m), dependent=space.dependent)
            for v, b, r, o, m, s in zip(*ends, off, borne, seen, strict=True)
        ],
    )


class _Space:
    """What the columns of a matrix span; `scale` takes each in its own units, `twist` stands before them.

    The matrix is ``square`` times `twist`, where there is one, and the coefficients are those of the product.
    """

    def __init__(
        self,
        square: Floats,
        noise: float,
        *,
        scale: Floats | None = None,
        twist: Floats | None = None,
        ridge: float = 0.0,
    ) -> None:
        self.noise, self.twist = noise, twist
        whole = square if twist is None else square @ twist
        self.singular = _heard(linalg.svdvals, whole, check_finite=False) if square.size else np.empty(0)
        if ridge > 0.0:
            # The penalty is as many rows more.
            square = np.vstack([square, np.sqrt(ridge) * np.eye(square.shape[1])])
            scale = _units(square)
        self.scale = np.ones(square.shape[1]) if scale is None else scale
        self.alike = square / self.scale
        left, values, right = _heard(linalg.svd, self.alike, full_matrices=False, check_finite=False)
        # With a penalty no direction is undetermined, however little the columns say of it.
        least = 0.0 if ridge > 0.0 else 4.0 * noise * values.max(initial=0.0)
        held = values > least
        self.left, self.values, self.right = left[:, held], values[held], right[held]
        self.rank = int(held.sum())
        self.dependent = min(square.shape) - self.rank
        # What the directions taken for nothing move the rows by, each as far as rounding may hide it.
        eps = float(np.finfo(np.float64).eps)
        self.hidden = float(np.linalg.norm(values[~held] + eps * values.max(initial=0.0)))

    def _below(self, target: Floats) -> Floats:
        """The targets of the rows that stand for the penalty are 0."""
        return np.vstack([target, np.zeros((len(self.alike) - len(target), target.shape[1]))])

    def solve(self, target: Floats) -> Floats:
        """Coefficients, a column a target; those of least norm where there are many."""
        found = (self.left.T @ self._below(target)) / self.values[:, None]
        if self.rank == len(self.scale) and self.twist is None:
            return np.asarray((self.right.T @ found) / self.scale[:, None])
        # right · diag(scale) · twist · w = found, and w in what these rows span.
        rows = self.right * self.scale
        turned = (rows if self.twist is None else rows @ self.twist).T
        coef = np.zeros((turned.shape[0], target.shape[1]))
        if self.rank:
            order = np.argsort(-np.abs(turned).max(axis=1), kind="stable")
            across, upper, swapped = _thin(np.asfortranarray(turned[order]), pivoting=True)
            coef[order] = across @ linalg.solve_triangular(
                upper, found[swapped], trans="T", check_finite=False
            )
        return coef

    def judge(self, target: Floats, coef: Floats) -> tuple[Floats, Floats, Floats]:
        """F at the coefficients, how far above its least at most, and how much of that rounding may explain.

        What the columns could still explain of the residual is the distance; it is computed. What is not seen is that
        the triangle itself was rounded: each column by `noise` times its length. Directions taken for nothing bring the
        more the farther one goes, and no more than the residual: what they bring within `_FAR` times it is added.
        """
        inner = (coef if self.twist is None else self.twist @ coef) * self.scale[:, None]
        residual = self._below(target) - self.alike @ inner
        seen = np.linalg.norm(self.left.T @ residual, axis=0)
        size = np.linalg.norm(residual, axis=0)
        slope = np.sqrt(len(self.scale)) / self.values.min(initial=np.inf)
        moved = np.linalg.norm(self.alike, axis=0) @ np.abs(inner)
        unseen = self.noise * (size * slope + moved + np.linalg.norm(target, axis=0))
        hidden = np.minimum(_FAR * self.hidden, 0.5) * size**2
        return 0.5 * size**2, 0.5 * (seen + unseen) ** 2 + hidden, 2.0 * unseen**2 + hidden


def _units(square: Floats) -> Floats:
    """The columns' lengths as powers of two, which round nothing; 1 for a column of zeros."""
    largest = np.abs(square).max(axis=0, initial=0.0)
    unit = np.where(largest > 0.0, largest, 1.0)
    return np.asarray(
        np.exp2(np.round(np.log2(unit * np.maximum(np.linalg.norm(square / unit, axis=0), 1.0))))
    )


_TOO_LARGE = (
    "Input X or y contains values so large that their sums of squares are infinity: divide the column by a "
    "constant first"
)


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


class _Limit:
    """The limit of LAPACK's threads while any of our calls is inside."""

    def __init__(self) -> None:
        self.lock, self.inside, self.before = Lock(), 0, None

    def enter(self) -> None:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = _libraries().limit(limits=1, user_api="blas")

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0 and self.before is not None:
                self.before.restore_original_limits()
                self.before = None


_limit = _Limit()
if hasattr(os, "register_at_fork"):
    # A child has none of the threads that were inside.
    os.register_at_fork(after_in_child=_limit.__init__)  # type: ignore[misc]


@contextmanager
def one_thread_each(width: int) -> Iterator[None]:
    """LAPACK on one thread each within: how many it takes changes the last bits, and parts go side by side here.

    Matrices of more than `_LARGE` columns are left its threads: there they are worth more than the last bits.
    """
    if width > _LARGE:
        yield
        return
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


def _heard(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What LAPACK finds, on a thread of its own: meanwhile this one hears Ctrl-C, and then nobody waits for it."""
    aside = ThreadPoolExecutor(1)
    try:
        return aside.submit(function, *arguments, **named).result()
    finally:
        aside.shutdown(wait=False)
