"""What is noticed while a network is trained: gradients by layer, dead units, steps too large or too small,
overfitting.

The thresholds are those of AutoTrainer (Zhang, Zhai, Ma and Shen 2021,
<https://doi.org/10.1109/ICSE43902.2021.00043>) for vanishing and exploding gradients; the others are choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from steepest.findings import Finding

__all__ = ["Noticed", "above_rounding"]

#: Gradients of the first layer against those of the last, and by themselves.
VANISHING, FAINT, EXPLODING = 1e-3, 1e-4, 70.0
#: How many times what equal odds of all classes lose the first batch may.
FAR_OFF = 5.0
#: Which share of a layer's units may be dead, and after how many looks one that never moved is.
DEAD, LOOKS = 0.1, 20
#: The model ratio below which early steps led too far on the whole, and above which they were timid.
TOO_LARGE, TOO_SMALL = 0.1, 0.99
#: By what share of its fall the held-out loss must rise again, and the training loss fall at all.
RISE, FALL = 0.05, 0.01


def above_rounding(loss: float, scale: float) -> float | None:
    """What a constant loses, where that is more than rounding: where all targets are one, none could do better."""
    return loss if loss > 1e-12 * scale else None


class Noticed:
    """Statistics of a run, and the findings that they make.

    Parameters
    ----------
    layers : sequence of str
        One weight a layer, matrices and kernels, by name in the order of use.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        self.norms: dict[str, list[float]] = {n: [] for n in layers}
        #: which units had a gradient in the last window of looks, and in this one
        self.moved: dict[str, tuple[Any, Any]] = {}
        #: of which share of a layer's units nothing came in the output of so many rows, at the end, where a host says
        self.silent: dict[str, float] | None = None
        self.rows = 0
        #: what equal odds of all classes lose
        self.even: float | None = None
        self.looks = 0
        self.ratios: list[float] = []
        self.failures: list[list[Any]] = []

    def look(
        self,
        done: float,
        ratio: float,
        sizes: Callable[[], Mapping[str, float]],
        moving: Mapping[str, Any],
    ) -> None:
        """After a step that was judged.

        Parameters
        ----------
        done, ratio : float
            The share of the budget that is spent; the step's model ratio.
        sizes : callable
            The root mean square of each layer's gradient, by name; asked now and then.
        moving : mapping of arrays of bool
            Which units of a layer have a gradient; arrays of any library.
        """
        self.looks += 1
        if done < 0.1 or len(self.ratios) < 10:
            self.ratios.append(ratio)
        if self.looks % 4 == 1:
            for name, size in sizes().items():
                self.norms[name].append(size)
        for name, now in moving.items():
            window = self.looks // LOOKS
            if name not in self.moved or (self.looks % LOOKS == 0 and window & (window - 1) == 0):
                # A window twice as long begins; the last one still counts, so that there is always a full one.
                self.moved[name] = (self.moved.get(name, (now, now))[1], now ^ now)
            last, here = self.moved[name]
            self.moved[name] = (last, here | now)

    def failed(self, step: int, place: str, what: str, first: str) -> None:
        """A step whose numbers were not finite."""
        self.failures.append([step, place, what, first])

    def state(self) -> dict[str, Any]:
        """All of it, as JSON has it; layers by their places, since a model that is made anew may name them anew."""
        moved = [
            [k, *(m.tolist() for m in self.moved[n])] for k, n in enumerate(self.norms) if n in self.moved
        ]
        return {
            "norms": list(self.norms.values()),
            "moved": moved,
            "looks": self.looks,
            "ratios": self.ratios,
            "failures": self.failures,
        }

    def load(self, state: dict[str, Any], array: Callable[[str, list[bool]], Any]) -> None:
        """Goes on from what was kept; `array` makes a layer's arrays of bool."""
        names, self.looks = list(self.norms), state["looks"]
        self.norms = dict(zip(names, state["norms"], strict=True))
        self.ratios, self.failures = state["ratios"], state["failures"]
        self.moved = {names[k]: (array(names[k], a), array(names[k], b)) for k, a, b in state["moved"]}

    def findings(self, history: dict[str, list[float]], size: Any, constant: float | None) -> list[Finding]:
        """What there is to say at the end."""
        if still := self._no_gradient(history):
            return [f for f in (self._failures(), still) if f is not None]
        found = [
            self._failures(),
            *(self._gradients() or self._far_off(history, size)),
            self._dead(),
            self._too_large(size),
            self._too_small(size),
        ]
        found += [self._overfitting(history), self._plateau(history, constant), self._clipped(history)]
        return [f for f in found if f is not None]

    def _failures(self) -> Finding | None:
        if not self.failures:
            return None
        step, place, what, first = self.failures[0]
        return Finding(
            "not_finite",
            "warning",
            f"{what[0].upper() + what[1:]} of step {step} ({place}) was not finite, first in {first}; the run went "
            "back to its last good weights and took smaller steps.",
            {"times": len(self.failures)},
            None,
            "Look at that layer and that batch: a logarithm of 0, a division, values too wide.",
        )

    def _no_gradient(self, history: dict[str, list[float]]) -> Finding | None:
        norms = history.get("residual", [])
        if not norms or any(v != 0.0 for v in norms):
            return None
        return Finding(
            "no_gradient",
            "warning",
            "The gradient of the loss was 0 at every step: nothing was learnt.",
            {"loss": history["loss"][-1]},
            0.0,
            "Nothing to do where the loss is as low as it can be. Else look for what stops gradients: a detached "
            "output, rounding, a comparison, units that are all dead.",
        )

    def _gradients(self) -> list[Finding | None]:
        typical = {n: median(v) for n, v in self.norms.items() if v}
        if len(typical) < 3:
            return []
        (first, a), *_, (last, b) = typical.items()
        evidence = {
            f"gradient_of_{first}": a,
            f"gradient_of_{last}": b,
            "ratio": a / b if b > 0 else math.inf,
        }
        if b > 0 and a / b < VANISHING and a < FAINT:
            return [
                Finding(
                    "vanishing_gradient",
                    "warning",
                    f"The gradient fades on its way back: that of {first} is {a / b:.2g} times that of {last}.",
                    evidence,
                    VANISHING,
                    "Normalisation or residual links between the layers, ReLU or its kin, another initial scale.",
                )
            ]
        if b > 0 and a / b > EXPLODING:
            return [
                Finding(
                    "exploding_gradient",
                    "warning",
                    f"The gradient grows on its way back: that of {first} is {a / b:.3g} times that of {last}.",
                    evidence,
                    EXPLODING,
                    "Normalisation between the layers, smaller initial weights.",
                )
            ]
        return []

    def _far_off(self, history: dict[str, list[float]], size: Any) -> list[Finding | None]:
        if self.even is None or not size.first > FAR_OFF * self.even:
            return []
        return [
            Finding(
                "exploding_gradient",
                "note" if history["loss"][-1] < self.even else "warning",
                f"The first outputs were far too large: they lost {size.first / self.even:.3g} times as much as equal "
                "odds of all classes, and gradients were as large.",
                {"first_loss": size.first, "loss_of_equal_odds": self.even},
                FAR_OFF,
                "Standardise the inputs; smaller initial weights, or normalisation between the layers.",
            )
        ]

    def _dead(self) -> Finding | None:
        if self.looks < 2 * LOOKS:
            return None
        if self.silent is None:
            dead = {n: 1.0 - float((a | b).sum()) / len(a) for n, (a, b) in self.moved.items()}
            words, seen = "have no gradient any more, whatever the batch", {}
        else:
            dead, seen = self.silent, {"rows": self.rows}
            words = f"have no part in the output for any of {self.rows} training rows"
        dead = {n: share for n, share in dead.items() if share >= DEAD}
        if not dead:
            return None
        most = max(dead, key=lambda n: dead[n])
        return Finding(
            "dead_units",
            "warning",
            f"{100 * dead[most]:.0f} % of the units of {most} {words}.",
            {**{f"share_of_{n}": v for n, v in dead.items()}, **seen},
            DEAD,
            "LeakyReLU or GELU in the place of ReLU, smaller initial weights, or fewer units.",
        )

    def _too_large(self, size: Any) -> Finding | None:
        early = median(self.ratios) if len(self.ratios) >= 10 else math.nan
        if not (early < TOO_LARGE or size.refused >= 5):
            return None
        return Finding(
            "steps_too_large",
            "note",
            "Steps led too far at first and were made smaller: the loss falls by less than its slope promises.",
            {"model_ratio": early, "steps_refused": size.refused},
            TOO_LARGE,
            "Nothing to do where the loss fell. Else standardise the inputs, normalise between the layers, or take "
            "larger batches.",
        )

    def _too_small(self, size: Any) -> Finding | None:
        early = median(self.ratios) if len(self.ratios) >= 10 else math.nan
        if not (early > TOO_SMALL and size.most >= size.limit):
            return None
        return Finding(
            "steps_too_small",
            "note",
            "The loss falls as its slope promises up to the largest step that is taken: targets may be large, inputs "
            "or weights tiny.",
            {"model_ratio": early, "cap": size.most},
            TOO_SMALL,
            "Standardise inputs and targets, to mean 0 and variance 1; train for longer.",
        )

    def _overfitting(self, history: dict[str, list[float]]) -> Finding | None:
        held, train = history.get("held_out", []), history.get("loss", [])
        if len(held) < 4 or not all(map(math.isfinite, held)):
            return None
        best = min(range(len(held)), key=held.__getitem__)
        fall = max(held[0] - held[best], 1e-12)
        rise = (held[-1] - held[best]) / fall
        # Losses of single batches go up and down: below all that came before is what has fallen.
        before = min(train[: best + 1])
        if best > len(held) - 3 or rise < RISE or train[-1] >= before - FALL * abs(before):
            return None
        return Finding(
            "overfitting",
            "warning" if rise > 0.3 else "note",
            f"The held-out loss was least after {history['passes'][best]:.3g} epochs and rose again while that of "
            "the training rows fell; the weights of then are returned.",
            {"least_held_out": held[best], "last_held_out": held[-1], "rise": rise},
            RISE,
            "More rows, weight_decay, dropout, or a smaller module.",
        )

    def _plateau(self, history: dict[str, list[float]], constant: float | None) -> Finding | None:
        losses = [v for v in history.get("loss", []) if math.isfinite(v)]
        if len(losses) < 3:
            return None
        if constant is not None and losses[-1] >= 0.99 * constant:
            return Finding(
                "no_better_than_a_constant",
                "problem",
                "The module predicts no better than a constant would.",
                {"loss": losses[-1], "loss_of_a_constant": constant},
                0.99 * constant,
                "Standardise inputs and targets, to mean 0 and variance 1. Else other initial weights (starts=3), "
                "normalisation between the layers, or a look at whether input and target belong together.",
            )
        if losses[-1] > (1 - FALL) * losses[0] > 0:
            return Finding(
                "plateau",
                "warning",
                "The training loss stood still from the first look to the last.",
                {"first": losses[0], "last": losses[-1]},
                FALL,
                "Other initial weights (starts=3), or a longer budget.",
            )
        return None

    def _clipped(self, history: dict[str, list[float]]) -> Finding | None:
        clipped, steps = history.get("clipped", [0.0])[-1:], history.get("iteration", [0.0])[-1:]
        if not clipped or not steps or clipped[0] < max(3.0, 0.01 * steps[0]):
            return None
        return Finding(
            "gradient_spikes",
            "note",
            f"{clipped[0]:.0f} gradients were more than ten times as large as usual and were clipped.",
            {"clipped": clipped[0], "steps": steps[0]},
            "10 times the usual",
            "Look at the batches: outliers among inputs or targets, which standardising or loss='huber' tames?",
        )
