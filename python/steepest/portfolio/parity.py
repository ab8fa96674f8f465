"""Equal parts of the variance: least ½ y'Cy - Σ b ln y, in units in which every variance is 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.minimize import minimize
from steepest.portfolio.covariance import Bend

__all__ = ["HEDGED", "even_risks"]

#: A portfolio has no variance where it has no more than this of what it would have without any hedge: rounding.
HEDGED = 1e-13


def even_risks(bend: Bend, shares: Floats, settings: dict[str, Any]) -> tuple[dict[str, Any], Floats] | None:
    """The weights whose parts of the variance are `shares`, as the fields of a result, and those parts; None where
    weights hedge each other to nothing: those that would do without correlations, or those that it comes to."""
    spread = np.sqrt(np.maximum(bend.diagonal + np.sum(bend.rows**2, axis=0), 0.0))
    if bend.dense is not None:
        spread = np.sqrt(spread**2 + bend.dense.diagonal())
    if not (spread > 0).all():
        raise InputError(f"risk_parity needs variances above 0; asset {int(np.argmin(spread))} has none")
    unit = np.sqrt(shares) / spread

    def times(v: Floats) -> Floats:
        return np.asarray(unit * bend.times(unit * v))

    def fun(y: Floats) -> tuple[float, Floats]:
        if not (y > 0).all():
            return np.inf, np.full(len(y), np.nan)
        bent = times(y)
        return 0.5 * float(y @ bent) - float(shares @ np.log(y)), bent - shares / y

    def product(y: Floats, v: Floats) -> Floats:
        return np.asarray(times(v) + shares / y**2 * v)

    ones = np.ones(len(shares))
    together = float(ones @ times(ones))
    if together <= HEDGED * float(np.sqrt(shares).sum()) ** 2:
        return None
    start = ones / np.sqrt(together)
    budgets = {"maxiter": settings["max_iter"], "max_seconds": settings["max_seconds"]}
    options = {name: most for name, most in budgets.items() if most is not None}
    # Weights are to be right, not only the value: parts of the variance miss theirs by the root of what the value does.
    found = minimize(fun, start, jac=True, hessp=product, tol=1e-4 * settings["tol"], options=options)
    y = np.asarray(found.x, dtype=np.float64)
    w = unit * y
    risks = w * bend.times(w)
    # There the value has no lower end, and what is found is rounding.
    if not float(risks.sum()) > HEDGED * float(w @ spread) ** 2:
        return None
    value, slope = fun(y)
    rounding = 1e-15 * float(np.abs(shares * np.log(y)).sum() + 1.0)
    # No less is proved than what rounding may hide.
    bound = max(_distance(bend, unit, y, slope, shares), rounding)
    target = settings["tol"] * max(abs(value), 1e-12)
    values = dict(found)
    values["certificate"] = {
        "kind": "duality_gap",
        "bound": bound,
        "target": target,
        "rounding": rounding,
        "assumption": "by the Newton decrement of a self-concordant function",
    }
    good = bound <= target and found.outcome not in ("stopped",)
    words = {True: ("converged", 0, ""), False: ("plateau", 2, "")}[good]
    if not good and found.outcome == "budget":
        words = ("budget", 1, found.message)
    values |= {"success": good, "outcome": words[0], "status": words[1], "message": words[2], "fun": value}
    if good:
        values["message"] = "Converged: within the tolerance of the best possible."
    values |= {"x": w / w.sum(), "jac": None, "hess_inv": None, "scaled": w}
    return values, risks / risks.sum()


def _distance(bend: Bend, unit: Floats, y: Floats, slope: Floats, shares: Floats) -> float:
    """f(y) - least f <= b (-d - ln(1 - d)), b the least share and d the Newton decrement over √b, where d < 1: f / b
    is self-concordant. Nesterov 2018, Lectures on Convex Optimization, theorem 5.1.13."""
    bent = unit**2 * bend.diagonal + shares / y**2
    step: Any
    rows = bend.rows * unit
    try:
        if bend.dense is None:
            over = rows / bent
            inner = np.eye(len(rows)) + over @ rows.T
            step = slope / bent - over.T @ np.linalg.solve(inner, over @ slope)
        else:
            matrix = unit[:, None] * bend.dense * unit + rows.T @ rows
            matrix[np.diag_indices(len(y))] += bent
            step = np.linalg.solve(matrix, slope)
    except np.linalg.LinAlgError:
        return float("inf")
    if not np.isfinite(step).all():
        return float("inf")
    least = float(shares.min())
    d = float(np.sqrt(max(float(slope @ step), 0.0) / least))
    return least * (-d - float(np.log1p(-d))) if d < 1 else float("inf")
