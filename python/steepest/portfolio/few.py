"""At most so many names: every choice of them where those are not many, else the smallest left out and some swapped."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import InputError
from steepest.portfolio.program import Program

__all__ = ["fewer"]

#: Programs that are solved at most: of all choices, to leave names out, and to swap some.
CHOICES, TRIES, SWAPS = 1024, 200, 1000

#: What a swap gains at least, beside the value: above what two answers to one program differ by.
GAIN = 1e-6

#: Names by their places: True for those that are left out.
Names = NDArray[np.bool_]

#: The answer over the names that are not left out.
Solve = Callable[[Names], dict[str, Any]]


def fewer(program: Program, values: dict[str, Any], names: int) -> dict[str, Any]:
    """The answer with `names` names at most.

    Few choices of names are all tried, and what is best of them is proved. Among many, half of what is too many goes at
    a time, the smallest first, and what cannot go because limits are missed without it stays; then one that is held
    changes places with one that is not, as long as that pays.
    """
    values["heuristic"] = False
    if np.count_nonzero(values["x"]) <= names:
        return values
    limits = program.limits
    if limits.base.any():
        raise InputError(
            "at_most needs weights that may be 0: it takes no holdings, and bounds on both sides of 0"
        )
    lower, upper = limits.lower, limits.upper
    least = values["fun"] - values["certificate"]["bound"]

    def solve(out: Names) -> dict[str, Any]:
        closed = out[limits.column]
        limits.lower, limits.upper = np.where(closed, 0.0, lower), np.where(closed, 0.0, upper)
        return program.solve(explain=False)[0]

    movable = np.zeros(len(values["x"]), dtype=bool)
    movable[limits.column[upper > lower]] = True
    kept = ((limits.low > 0) | (limits.high < 0)) & movable
    free = np.flatnonzero(movable & ~kept)
    more = names - int(np.count_nonzero(kept))
    if more < 0:
        return _impossible(values, names, f"the bounds hold {names - more} away from 0")
    try:
        if 0 <= more <= len(free) and math.comb(len(free), more) <= CHOICES:
            best, all_least = _of_all(program, solve, kept, free, more)
            if best is not None:
                gap = max(best["fun"] - all_least, 0.0)
                if gap <= best["certificate"]["target"]:
                    best["certificate"] |= {
                        "bound": gap,
                        "assumption": f"all choices of {names} names were tried",
                    }
                    return best | {"heuristic": False}
                return _told(best, names, best["fun"] - least)
            if all_least == math.inf:
                return _impossible(values, names, "all choices were tried")
        found = _left_out(solve, values, names, (limits.low > 0) | (limits.high < 0))
        if np.count_nonzero(found["x"]) <= names:
            found = _swapped(solve, found, free, np.abs(values["x"]))
    finally:
        limits.lower, limits.upper = lower, upper
    return _told(found, names, found["fun"] - least)


def _told(found: dict[str, Any], names: int, gap: float) -> dict[str, Any]:
    """The answer, with what is known of it beside all others."""
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


def _impossible(values: dict[str, Any], names: int, why: str) -> dict[str, Any]:
    """That no choice of names meets the limits, and how that is known; the weights are those of more names."""
    sentence = f"No weights of at most {names} names meet every limit: {why}."
    finding = {
        "kind": "contradiction",
        "severity": "problem",
        "sentence": sentence,
        "evidence": {"at_most": names},
        "remedy": "Raise at_most, or loosen the limits.",
    }
    return values | {
        "success": False,
        "status": 8,
        "outcome": "infeasible",
        "message": f"Infeasible: {sentence[0].lower()}{sentence[1:]}",
        "findings": [*values["findings"], finding],
    }


def _of_all(
    program: Program, solve: Solve, kept: Names, free: Any, more: int
) -> tuple[dict[str, Any] | None, float]:
    """The best of all choices, and what none of them can be below."""
    best, least = None, math.inf
    for chosen in combinations(free.tolist(), more):
        out = ~kept
        out[list(chosen)] = False
        one = solve(out)
        if not one["success"] and program.impossible():
            continue
        bottom = one["fun"] - one["certificate"]["bound"]
        least = min(least, bottom if np.isfinite(bottom) else -math.inf)
        if one["success"] and (best is None or one["fun"] < best["fun"]):
            best = one
    return best, least


def _left_out(solve: Solve, values: dict[str, Any], names: int, needed: Names) -> dict[str, Any]:
    """Half of what is too many goes at a time, the smallest first."""
    out = values["x"] == 0
    found, tries = values, 0
    while np.count_nonzero(found["x"]) > names and tries < TRIES:
        free = np.flatnonzero((found["x"] != 0) & ~needed)
        order = free[np.argsort(np.abs(found["x"][free]))]
        many = min((int(np.count_nonzero(found["x"])) - names + 1) // 2, len(order))
        better = None
        while many and better is None and tries < TRIES:
            gone = out.copy()
            gone[order[:many]] = True
            other = solve(gone)
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
    return found


def _swapped(solve: Solve, found: dict[str, Any], free: Any, size: Any) -> dict[str, Any]:
    """One that is held changes places with one that is not: the largest of the best of all names first.

    With a further name the value can only fall: where it falls by nothing, no swap for that name pays.
    """
    tries, moved = 0, True
    while moved and tries < SWAPS:
        moved = False
        held = np.flatnonzero(found["x"])
        others = free[found["x"][free] == 0]
        for j in others[np.argsort(-size[others], kind="stable")].tolist():
            if tries >= SWAPS:
                break
            out = found["x"] == 0
            out[j] = False
            wide = solve(out)
            tries += 1
            enough = found["fun"] - GAIN * abs(found["fun"])
            if not wide["success"] or wide["fun"] >= enough:
                continue
            for i in held[np.argsort(np.abs(wide["x"][held]), kind="stable")].tolist():
                if tries >= SWAPS:
                    break
                out[i] = True
                other = solve(out)
                out[i] = False
                tries += 1
                if other["success"] and other["fun"] < enough:
                    found, moved = other, True
                    break
            if moved:
                break
    return found
