"""A result in words: its headline, and a line for everything that matters, plain word first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.trees import Tree, is_tree

__all__ = ["OUTCOMES", "certified", "headline", "indented", "rows", "wrapped"]

#: What the bound of a certificate measures where that is no distance, by its kind.
LEFT = {"stationary": "slope left", "criterion": "what was asked for"}
#: How a descent can end, in plain words. The first three are successes.
OUTCOMES = {
    "converged": "it converged",
    "precision_limit": "it converged as far as the arithmetic's precision allows",
    "held_out": "the loss on held-out rows stopped falling",
    "noise_floor": "it reached the noise of the batches",
    "budget": "it ran out of its budget",
    "stopped": "it was stopped",
    "diverged": "it diverged",
    "not_finite": "a value was not finite",
    "unbounded": "the objective has no lower bound",
    "separable": "the targets are separable, so no finite minimum exists",
    "gradient_inconsistent": "the gradient does not belong to the function",
    "infeasible": "no step brings the constraints nearer: they contradict one another, or another start may do",
    "plateau": "it came to rest where nothing says that this is the least",
}


def headline(result: Mapping[str, Any]) -> str:
    """The sentence that the descent ended with; without one, the outcome in words."""
    if result["message"]:
        return str(result["message"])
    word = str(result["outcome"] or "no outcome").replace("_", " ").capitalize()
    return f"{word}: {OUTCOMES[result['outcome']]}." if result["outcome"] in OUTCOMES else word


def rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the text and the notebook show, plain word first, the field's name after."""
    least = (
        ("smallest sum (cost)", f"{result['cost']:.10g}")
        if "cost" in result
        else ("smallest value (fun)", f"{result['fun']:.10g}")
    )
    lines = [least, ("found at (x)", _point(result["x"]))]
    certificate = result["certificate"]
    if certificate:
        label = LEFT.get(str(certificate.get("kind")), "how far off")
        lines.append((f"{label} (certificate)", certified(certificate)))
    if result["method"]:
        lines.append(
            ("method", f"{result['method']}: {result['reason']}" if result["reason"] else result["method"])
        )
    lines.append(("effort", _effort(result)))
    if result["resumed"] is not None:
        lines.append(("gone on with (resumed)", f"from iteration {result['resumed']}, out of its checkpoint"))
    if result["spread"]:
        lines.append(("several starts (spread)", _pairs(result["spread"])))
    verdict = "success" if result["success"] else "no success"
    lines.append(("outcome", f"{result['outcome'] or 'unknown'} ({verdict}, status {result['status']})"))
    kept = len(result["history"]["iteration"]) if "iteration" in result["history"] else 0
    if kept:
        lines.append(("history", _count(kept, "record")))
    if result["path"] is not None:
        lines.append(("path", f"{len(result['path'])} points"))
    return lines


def certified(certificate: Mapping[str, Any]) -> str:
    """The certificate in words: the bound, what was asked for, and what it rests on."""
    bound, target = certificate.get("bound"), certificate.get("target")
    kind = str(certificate.get("kind", "")).replace("_", " ")
    text = "unknown" if bound is None else f"at most {float(bound):.3g} from the best possible"
    if kind == "stationary" and bound is not None:
        text = f"scaled residual {float(bound):.3g}"
    elif kind == "estimated" and bound is not None:
        text = f"about {float(bound):.3g} from the best nearby, by estimate"
    elif kind == "criterion" and bound is not None:
        text = f"{float(bound):.3g}"
    if target is not None:
        text += f", {float(target):.3g} asked for"
    text += f" ({kind})" if kind else ""
    assumption = certificate.get("assumption")
    if not assumption:
        return text
    return f"{text}\n{'' if kind in LEFT else 'assuming '}{assumption}"


def _effort(result: Mapping[str, Any]) -> str:
    """Iterations, evaluations, passes and seconds, those that apply."""
    parts = [_count(result["nit"], "iteration")]
    if result["nfev"]:
        parts.append(_count(result["nfev"], "evaluation") + " of the function")
    if result["njev"]:
        parts.append(f"{result['njev']} of the gradient")
    if result["nhev"]:
        parts.append(f"{result['nhev']} of the Hessian")
    if np.isfinite(result["passes"]) and result["passes"] > 0:
        parts.append(f"{result['passes']:.3g} passes over the data")
    if result["reads"]:
        parts.append(f"files read {result['reads']:.3g} times")
    if np.isfinite(result["seconds"]):
        parts.append(f"{result['seconds']:.3g} s")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _pairs(values: Any) -> str:
    if not isinstance(values, Mapping):
        return str(values)
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in values.items())


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _point(x: Any) -> str:
    """An array in at most a few lines, its shape given where it is cut; of several each by its name."""
    if x is None:
        return "nowhere"
    if is_tree(x):
        leaves = Tree(x).leaves(x)
        count = sum(np.size(leaf) for leaf in leaves.values())
        if len(leaves) > 8 or count > 1000:  # a network's weights: nobody reads them
            return f"{len(leaves)} arrays, {count} numbers in all"
        return "\n".join(f"{name} {_point(leaf)}" for name, leaf in leaves.items())
    array = np.asarray(x)
    text = np.array2string(array, precision=6, threshold=12, edgeitems=3, max_line_width=72)
    return text if array.size <= 12 else f"{text}\n(shape {' x '.join(map(str, array.shape))})"


def wrapped(line: str, width: int = 78) -> list[str]:
    """A line of words as several where it is long; one that fits stays as it is."""
    return textwrap.wrap(line, width) if len(line) > width else [line]


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
