"""At most so many names: the smallest are left out of the best of all names, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import InputError
from steepest.portfolio.program import Program

__all__ = ["fewer"]

#: Programs that are solved at most.
TRIES = 200


def fewer(program: Program, values: dict[str, Any], names: int) -> dict[str, Any]:
    """The answer with `names` names at most, by a heuristic: half of what is too many goes at a time, the smallest
    first, and what cannot go because limits are missed without it stays."""
    if np.count_nonzero(values["x"]) <= names:
        return values
    limits = program.limits
    if limits.base.any():
        raise InputError(
            "at_most needs weights that may be 0: it takes no holdings, and bounds on both sides of 0"
        )
    lower, upper = limits.lower, limits.upper
    least = values["fun"] - values["certificate"]["bound"]
    out = values["x"] == 0
    needed = (limits.low > 0) | (limits.high < 0)
    found, tries = values, 0
    try:
        while np.count_nonzero(found["x"]) > names and tries < TRIES:
            free = np.flatnonzero((found["x"] != 0) & ~needed)
            order = free[np.argsort(np.abs(found["x"][free]))]
            many = min((int(np.count_nonzero(found["x"])) - names + 1) // 2, len(order))
            better = None
            while many and better is None and tries < TRIES:
                gone = out.copy()
                gone[order[:many]] = True
                closed = gone[limits.column]
                limits.lower, limits.upper = np.where(closed, 0.0, lower), np.where(closed, 0.0, upper)
                other, _ = program.solve(explain=False)
                tries += 1
                if other["success"]:
                    better, out = other, gone
                elif many == 1:
                    needed[order[0]] = True
                    break
                many //= 2
            if better is not None:
                found = better
            elif not len(order):
                break
    finally:
        limits.lower, limits.upper = lower, upper
    gap = found["fun"] - least
    found["certificate"] |= {"bound": gap, "assumption": "the bound is to the least over all names"}
    held = int(np.count_nonzero(found["x"]))
    if held > names:
        found |= {"success": False, "status": 2, "outcome": "plateau", "heuristic": False}
        found["message"] = (
            f"A heuristic for at most {names} names found none that meet every limit: it ended at {held} names. "
            "That there are none is not known; raise at_most, or loosen the limits."
        )
    elif gap > found["certificate"]["target"]:
        found |= {"success": False, "status": 2, "outcome": "plateau", "heuristic": True}
        found["message"] = (
            f"A heuristic for at most {names} names: within {gap:.3g} of what any number of them "
            "could reach; that no other choice of names is better is not known."
        )
    return found
