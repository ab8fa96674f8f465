"""What every objective of a portfolio begins with: what was given, checked, and the answer told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest._types import Floats
from steepest.errors import InputError
from steepest.portfolio.covariance import Bend, names_of, positions, read_covariance
from steepest.portfolio.few import fewer
from steepest.portfolio.limits import Limits, by_asset, number, read_limits
from steepest.portfolio.prices import read_returns
from steepest.portfolio.program import Portfolio, Program

__all__ = ["SETTINGS", "Task"]


#: Settings that are no constraints: of the estimate, of units, and of when to stop.
SETTINGS = {
    "shrink": "ledoit_wolf",
    "periods": None,
    "l2": 0.0,
    "tol": 1e-6,
    "max_iter": None,
    "max_seconds": None,
}
CONSTRAINTS = ("bounds", "budget", "limits", "holdings", "turnover", "costs", "gross")


class Task:
    """What every objective needs: names, returns expected, a covariance, constraints."""

    def __init__(
        self,
        mu: Any = None,
        cov: Any = None,
        returns: Any = None,
        prices: Any = None,
        *,
        estimate: bool = True,
        costs_allowed: bool = False,
        refused: Mapping[str, str] | None = None,
        **given: Any,
    ) -> None:
        self.findings: list[dict[str, Any]] = []
        refused = dict(refused or {})
        if cov is not None:
            refused.setdefault("shrink", "is of returns: a cov is taken as it is")
        for name, why in refused.items():
            if name in given:
                raise InputError(f"{name} {why}")
        self.settings = {name: given.pop(name, default) for name, default in SETTINGS.items()}
        self._check_settings()
        unknown = [name for name in given if name not in (*CONSTRAINTS, "at_most", "target_return")]
        if unknown:
            from steepest.errors import did_you_mean

            known = (*CONSTRAINTS, *SETTINGS, "at_most", "target_return")
            raise InputError(f"no constraint is called {unknown[0]!r}{did_you_mean(unknown[0], known)}")
        rows, names, found = read_returns(returns, prices)
        self.findings += found
        self.names = names_of(cov, mu) if names is None and rows is None else names
        if self.names is None:
            self.names = names_of(mu)
        if estimate:
            self.bend = read_covariance(cov, rows, self.settings["shrink"])
            n = len(self.bend.diagonal)
        elif rows is not None:
            n = rows.shape[1]
            self.bend = Bend(np.zeros(n), np.empty((0, n)))
        else:
            raise InputError("pass returns, a row a period, or prices")
        self.rows = rows
        if rows is not None and estimate and len(rows) <= n:
            self.findings.append(
                {
                    "kind": "few_periods",
                    "severity": "warning",
                    "sentence": f"There are {len(rows)} periods for {n} assets: much of the covariance is shrinkage.",
                    "evidence": {"periods": len(rows), "assets": n},
                    "remedy": "Take more periods, or a FactorCovariance.",
                }
            )
            if self.settings["shrink"] in (None, 0, 0.0):
                raise InputError(
                    f"returns have {len(rows)} periods for {n} assets, which leaves directions without variance: "
                    "leave shrink as it is, or pass a FactorCovariance"
                )
        if self.names is None or len(self.names) != n:
            self.names = list(range(n))
        self.where = positions(self.names)
        self.mu = None if mu is None else by_asset(mu, self.where, "mu")
        if self.mu is None and rows is not None:
            self.mu = rows.mean(axis=0)
        l2 = float(self.settings["l2"])
        if l2:
            self.bend = Bend(self.bend.diagonal + l2, self.bend.rows, self.bend.dense)
        target, self.at_most = given.pop("target_return", None), given.pop("at_most", None)
        whole = isinstance(self.at_most, int | np.integer) and not isinstance(self.at_most, bool)
        if self.at_most is not None and not (whole and self.at_most >= 1):
            raise InputError(f"at_most must be a whole number of names, 1 at least; got {self.at_most!r}")
        self.given = given
        self.holdings = given.get("holdings")
        self.limits: Limits = read_limits(self.names, self.where, **given)
        self.warm: Any = None
        if not costs_allowed and (self.limits.price > 0).any():
            raise InputError("costs have to be weighed against returns: use mean_variance or min_cvar")
        if target is not None:
            self.limits.add("target_return", self.returns_needed(), number(target, "target_return"), np.inf)

    def _check_settings(self) -> None:
        """The numbers among the settings."""
        for name, least in (
            ("l2", 0.0),
            ("tol", 0.0),
            ("max_seconds", 0.0),
            ("periods", 0.0),
            ("max_iter", 0),
        ):
            value = self.settings[name]
            if value is None and SETTINGS[name] is None:
                continue
            if name == "max_iter" and not isinstance(value, int | np.integer):
                raise InputError(f"max_iter must be a whole number, or None; got {value!r}")
            found = number(value, name)
            if found < least or (name == "periods" and not found):
                words = "above 0, as 252 of daily data" if name == "periods" else "at least 0"
                raise InputError(f"{name} must be {words}; got {value!r}")

    def variances(self) -> Floats:
        """The variance of each asset."""
        found = self.bend.diagonal + np.sum(self.bend.rows**2, axis=0)
        return np.asarray(found if self.bend.dense is None else found + self.bend.dense.diagonal())

    def returns_needed(self) -> Floats:
        """mu, or the error that it is missing."""
        if self.mu is None:
            raise InputError("mu, the expected return of each asset, is needed here: pass mu, or returns")
        return self.mu

    def paid(self, w: Floats) -> float:
        """What it costs to trade what is held now for these weights."""
        if self.holdings is None:
            return 0.0
        held = by_asset(self.holdings, self.where, "holdings", 0.0)
        return float(by_asset(self.given.get("costs", 0.0), self.where, "costs", 0.0) @ np.abs(w - held))

    def program(self, linear: Floats | None = None, times: float = 1.0, **more: Any) -> Program:
        """A program over these constraints."""
        stop = {name: self.settings[name] for name in ("tol", "max_iter", "max_seconds")}
        n = len(self.names or [])
        return Program(
            self.limits, self.bend, np.zeros(n) if linear is None else linear, times, **more, **stop
        )

    def portfolio(self, values: dict[str, Any], why: str, **more: Any) -> Portfolio:
        """The answer with what it is expected to do."""
        w = values["x"]
        mean = float("nan") if self.mu is None else float(self.mu @ w)
        plain = self.bend
        if self.settings["l2"]:
            plain = Bend(self.bend.diagonal - float(self.settings["l2"]), self.bend.rows, self.bend.dense)
        # Weights that ran away, which have an outcome of their own, may have no variance that is a number.
        with np.errstate(over="ignore", invalid="ignore"):
            spread = float(np.sqrt(max(plain.variance(w), 0.0)))
            shares = plain.shares(w)
        periods = self.settings["periods"]
        year = float("nan") if periods is None else float(periods)
        values["findings"] = [*self.findings, *values["findings"]]
        held = None if self.holdings is None else by_asset(self.holdings, self.where, "holdings", 0.0)
        values |= {
            "reason": why,
            "weights": dict(zip(self.names or [], w.tolist(), strict=True)),
            "expected_return": mean,
            "volatility": spread,
            "periods": periods,
            "annual_return": mean * year,
            "annual_volatility": spread * float(np.sqrt(year)),
            "sharpe": (mean / spread if spread else float("nan"))
            * (1.0 if periods is None else np.sqrt(year)),
            "risk_shares": shares,
            "trades": float("nan") if held is None else float(np.abs(w - held).sum()),
        }
        return Portfolio.of(values | more)  # type: ignore[return-value]

    def solved(self, program: Program, why: str, **more: Any) -> Portfolio:
        """The program's answer, from the last one's; of at most so many names, where that was asked for."""
        values, self.warm = program.solve(self.warm)
        if self.at_most is not None and values["success"]:
            values = fewer(program, values, int(self.at_most))
        return self.portfolio(values, why, **more)
