"""The chapter that says whether the descent converged and how that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest._types import Floats
from steepest.report import pictures
from steepest.report.figures import count, duration, figure, finite, plural

__all__ = ["convergence"]

View = dict[str, Any]

#: What stands behind a bound, by the certificate's kind.
GROUNDS = {
    "duality_gap": "The bound comes from convex duality: the same problem looked at from the other side "
    "has a value that no model can go below, and the bound is what lies between the two.",
    "energy_norm": "The loss is a quadratic, whose distance from its lowest point can be computed.",
    "exact_gap": "The lowest possible loss is known here, so what is left is known exactly.",
}
#: Ends that are successes, though nothing was shown to have converged.
OTHER_SUCCESSES = {
    "held_out": ("Stopped early, on purpose", "The loss on held-out rows no longer fell."),
    "noise_floor": ("As far as the noise lets it", "What is left is as small as the noise of the batches."),
}
#: What is known where nothing is proved, by the certificate's kind.
UNPROVED = {
    "estimated": "Nothing is proved here: how far the loss is from its least value nearby is estimated from what the "
    "descent met on the way.",
    "stationary": "Nothing is proved here: the slope that is left (the scaled residual) is small, so the point is "
    "stationary. Whether a lower point lies elsewhere is not known.",
    "criterion": "Nothing is proved here: what was asked for by its own name (gtol, ftol, fmax) is met, and no more "
    "is said.",
}


def convergence(story: Mapping[str, Any]) -> View:
    """What the template needs to answer *did it converge, and how do we know?*"""
    solution = story.get("solution") or {}
    history = solution.get("history") or {}
    loss, residual = (pictures.as_floats(history.get(name)) for name in ("loss", "residual"))
    sampled = _on_samples(pictures.as_floats(history.get("passes")), len(loss))
    certificate = _certificate(solution.get("certificate"), _least(loss, sampled))
    return {
        "success": bool(solution.get("success")),
        "verdict": "better" if solution.get("success") else "worse" if solution else "unknown",
        "status": str(solution.get("status") or "unknown").replace("_", " "),
        "message": str(solution.get("message") or ""),
        "method": str(solution.get("method") or ""),
        "reason": str(solution.get("reason") or ""),
        "effort": _effort(solution),
        "start": str(solution.get("start") or ""),
        "certificate": certificate,
        "answer": _answer(solution, certificate),
        "pictures": _pictures(history, loss, residual, certificate),
    }


def _effort(solution: Mapping[str, Any]) -> str:
    """Iterations, passes and seconds, those that are known."""
    parts = []
    if finite(solution.get("iterations")) is not None:
        parts.append(plural(solution["iterations"], "iteration"))
    passes = finite(solution.get("passes"))
    if passes:
        parts.append(
            f"{figure(passes, 2 if passes < 100 else 3)} {'pass' if passes == 1 else 'passes'} over the data"
        )
    if finite(solution.get("seconds")) is not None:
        parts.append(duration(solution["seconds"]))
    return ", ".join(parts)


def _certificate(values: Mapping[str, Any] | None, last: float | None) -> View | None:
    """The certificate in words and as a strip."""
    if not values:
        return None
    kind = str(values.get("kind") or "")
    bound, target = finite(values.get("bound")), finite(values.get("target"))
    proves = kind not in UNPROVED and bound is not None
    view: View = {
        "kind": kind.replace("_", " "),
        "proves": proves,
        "bound": bound,
        "target": target,
        "bound_text": figure(bound),
        "target_text": figure(target, 2) if target is not None else "",
        "reached": bound is not None and target is not None and bound <= target,
        "assumption": str(values.get("assumption") or ""),
        "ground": GROUNDS.get(kind, "") if proves else UNPROVED.get(kind, ""),
        "share": _share(bound / last) if last and bound is not None and last > 0 else "",
        "strip": "",
    }
    view |= _apart(last, bound)
    if proves and bound is not None and target and target > 0:
        view["strip"] = pictures.certificate_strip(
            bound, target, last if last and last > target else target * 1e3
        )
    return view


def _apart(loss: float | None, bound: float | None) -> View:
    """The loss and what it cannot fall below, with the digits that tell them apart; empty beyond twelve."""
    if loss is None or bound is None or loss <= 0 or bound > loss:
        return {"loss": "", "least": ""}
    digits = 2 + math.ceil(math.log10(loss / bound)) if bound > 0 else 6
    if not bound or digits > 12:
        return {"loss": figure(loss, 6), "least": ""}
    places = max(0, max(4, digits) - 1 - math.floor(math.log10(loss)))
    return {"loss": f"{loss:,.{places}f}", "least": f"{loss - bound:,.{places}f}"}


def _share(part: float) -> str:
    """A small part of a whole as people say it: ``one part in 3 million``."""
    if part >= 1e-3:
        return f"{figure(100 * part, 2)} %"
    if part <= 0:
        return "nothing"
    times = 1 / part
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if size <= times < 1000 * size:
            return f"one part in {figure(float(f'{times / size:.1e}'), 2)} {name}"
    return f"one part in {figure(times, 2)}"


def _answer(solution: Mapping[str, Any], certificate: View | None) -> tuple[str, str]:
    """A word or two, and a sentence after them."""
    if not solution:
        return "Unknown", "The record of this fit does not say how the descent ended."
    if not solution.get("success"):
        return "No", "The figures on this page are those of the best model found on the way."
    ended = OTHER_SUCCESSES.get(str(solution.get("status")).replace(" ", "_"))
    if ended:
        return ended
    if certificate and certificate["proves"]:
        share = f", {certificate['share']} of it" if certificate["share"] else ""
        return "Yes, and it is proved", (
            f"No model of this kind has a loss lower by more than {certificate['bound_text']}{share}."
        )
    if certificate:
        return "Yes, as far as can be told", f"The slope that is left is {certificate['bound_text']}."
    return "Yes", "No certificate was made out."


def _on_samples(passes: Floats, length: int) -> NDArray[np.bool_]:
    """Which records were taken on samples of the rows: they end with less than a whole pass more than before.

    Where no record took a whole pass, or the passes are not known, none can be told from another.
    """
    if len(passes) != length or not length or not np.isfinite(passes).all():
        return np.zeros(length, dtype=np.bool_)
    taken = np.diff(passes, prepend=0.0)
    sampled = taken < 0.99
    if length > 1 and not sampled[1:].any():
        sampled[0] = False
    last = int(np.flatnonzero(~sampled)[0]) if (~sampled).any() else 0
    return np.arange(length) < last


def _least(loss: Floats, sampled: NDArray[np.bool_]) -> float | None:
    """The loss of the point that was kept: the least over all rows."""
    kept = loss[~sampled] if len(sampled) == len(loss) else loss
    kept = kept[np.isfinite(kept)]
    return float(kept.min()) if len(kept) else None


def _pictures(
    history: Mapping[str, Any], loss: Floats, residual: Floats, certificate: View | None
) -> list[View]:
    """The loss, its distance from the best possible, and the residual, on log axes."""
    length = max(len(loss), len(residual))
    passes = pictures.as_floats(history.get("passes"))
    known = len(passes) == length and length > 0 and bool(np.isfinite(passes).all())
    by_pass = known and passes[-1] > passes[0]
    across = passes if by_pass else np.arange(length, dtype=np.float64)
    label = "passes over the data" if by_pass else "iteration"
    sampled = _on_samples(passes, length)
    early = " Dashed: early steps, on samples of the rows." if sampled.any() else ""

    def picture(heading: str, heights: Floats, up: str, caption: str, target: float | None = None) -> View:
        svg = pictures.descent_picture(across[: len(heights)], heights, heading, up, label, sampled, target)
        return {"heading": heading, "svg": svg, "caption": caption}

    floor = float(loss.min()) if len(loss) and np.isfinite(loss).all() else 0.0
    drawn, up = (loss - floor, "loss above the least") if floor < 0 else (loss, "loss")
    shown = [picture("The loss", drawn, up, f"The average loss of the rows fitted, penalty included.{early}")]
    least = _least(loss, sampled)
    if certificate and certificate["proves"] and len(loss) > 1 and least is not None:
        distance = np.where(sampled[: len(loss)], np.nan, loss - least + certificate["bound"])
        caption = "At each step the loss lies at most this far above its lowest possible value."
        caption += " Steps on samples are left out." if early else ""
        target = certificate["target"]
        shown.append(picture("Distance from the best possible", distance, "at most", caption, target))
    caption = f"At the lowest point nothing pulls any further, so the residual goes to zero.{early}"
    shown.append(picture("The slope that is left (residual)", residual, "residual", caption))
    fitting = [view for view in shown if view["svg"]]
    for view in fitting:
        view["caption"] += "" if length <= pictures.MOST_CORNERS else f" {count(length)} steps in all."
    return fitting
