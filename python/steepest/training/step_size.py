"""The length of a step, found while training: a cap on Adam's rate that grows while the loss falls as its slope says.

A step d taken on a batch is judged on that batch: the *model ratio* ρ = (f(x) − f(x + d)) / −⟨g, d⟩ is 1 where the
loss falls as its slope promises, ½ at the lowest point along d, and below 0 where d leads up. During the first quarter
of the budget the cap is multiplied by exp(γ (ρ − t)), γ the less of .3 and 1 over the number of layers, t ½ in networks
and .2 in one layer, at most by 1.22, and does not fall below where it began; after that only steps that lead up lower
it. A step that more than doubles the loss, and adds half of the first one to it, is not taken, and the cap falls to a
quarter. The rate is the cap for the first .6 of the budget and falls along a line to 0 over the rest.

Below the cap a step is as long as MoMo's in one layer and twice as long in networks: a linear model of the loss leads
half as far as the lowest point of a quadratic lies, and networks fit their rows so well that steps by it die away
before the loss of other rows has come down (Loizou, Vaswani, Laradji and Lacoste-Julien 2021,
<https://arxiv.org/abs/2002.10542>, whose c is ½ then).

Conn, Gould and Toint 2000, Trust-Region Methods, section 6.1, for the ratio; Schaipp et al. 2023,
<https://arxiv.org/abs/2305.07583>, for the step below the cap.
"""

from __future__ import annotations

import math
from bisect import bisect
from dataclasses import dataclass, field

__all__ = ["StepSize"]

#: The ratio that the cap is steered to while it may grow, how fast, by how much at most, for which share of the budget.
TARGET, GAIN, GROWTH, GROWING = 0.2, 0.3, 0.2, 0.25
#: The ratio in networks, whose layers multiply, and how much longer than MoMo's their steps are.
OF_NETWORKS, REACH = 0.5, 2.0
#: For which share of the budget the rate is the cap: weights that are averaged need no small steps before its end.
FLAT = 0.6
#: Where the cap of steps along the mean gradient itself begins and where it ends; a tenth of it is what SGD with a
#: momentum of .9 calls its rate.
ALONG, MOST_ALONG = 0.1, 10.0
#: How many steps at the start are judged each, and every how many after that.
EACH, EVERY = 20, 4
#: No cap is beyond the first; where rows are looked up, as embeddings are, none is beyond the second: a batch says how
#: far rows may go that it holds, and most of them are in no other batch for long.
MOST, MOST_LOOKED_UP = 1.0, 0.02


@dataclass
class StepSize:
    """The cap and what it is steered by.

    Parameters
    ----------
    cap : float
        Where it is now.
    start : float
        Where it began.
    """

    cap: float
    start: float = 0.0
    #: how fast the cap follows the ratio, and to which it is steered
    gain: float = GAIN
    target: float = TARGET
    #: what it does not grow beyond
    limit: float = MOST
    #: how much longer than MoMo's a step below it is
    reach: float = 1.0
    fallen: float = 0.0
    promised: float = 0.0
    looks: int = 0
    refused: int = 0
    ratio: float = math.nan
    #: the size of the first loss
    first: float = math.nan
    #: the largest cap
    most: float = 0.0
    #: the running mean of the loss, and its least after so many steps
    seen: int = 0
    mean: float = 0.0
    marks: list[list[float]] = field(default_factory=list)

    @classmethod
    def of(cls, parameters: int, layers: int = 1, looked_up: bool = False) -> StepSize:
        """Where a module of so many parameters starts: the more there are, the smaller a step of each must be. The more
        layers there are, the slower the cap follows, since what they change multiplies (Bernstein, Vahdat, Yue and Liu
        2020, <https://arxiv.org/abs/2002.03432>). Where rows are looked up, as embeddings are, it stays small."""
        start = 3e-3 * min(1.0, math.sqrt(1e5 / parameters))
        target, reach = (OF_NETWORKS, REACH) if layers > 1 else (TARGET, 1.0)
        limit = MOST_LOOKED_UP if looked_up else MOST
        return cls(start, start, min(GAIN, 1.0 / max(layers, 1)), target, limit, reach)

    def along_the_gradient(self) -> StepSize:
        """This, for steps along the mean gradient."""
        self.cap = self.start = ALONG
        self.limit = MOST_ALONG
        return self

    def looks_at(self, step: int) -> bool:
        """Whether this step is judged."""
        return step < EACH or step % EVERY == 0

    def rate(self, done: float) -> float:
        """The cap of a step after this share of the budget."""
        return self.cap * min(1.0, max(1.0 - done, 0.0) / (1.0 - FLAT))

    def judge(self, before: float, after: float, slope: float, done: float) -> bool:
        """Whether a step may stand that led from `before` to `after` where its slope ⟨g, d⟩ was `slope`."""
        self.first = abs(before) if math.isnan(self.first) else self.first
        self.looks += 1
        if not math.isfinite(after) or after - before > abs(before) + self.first / 2:
            self.shrink()
            self.refused, self.ratio = self.refused + 1, -2.0
            return False
        keep = 0.7 if self.looks <= 10 else 0.9
        self.fallen = keep * self.fallen + before - after
        self.promised = keep * self.promised + max(-slope, 0.0)
        self.ratio = max(-2.0, min(1.0, self.fallen / self.promised)) if self.promised > 0 else 0.0
        push = self.gain * (self.ratio - self.target if done < GROWING else min(self.ratio, 0.0))
        # Never below where it began: on columns of many scales the ratio is small however short the step.
        self.cap = max(min(self.limit, self.cap * math.exp(min(GROWTH, push))), min(self.cap, self.start))
        self.most = max(self.most, self.cap)
        return True

    def floor(self, value: float) -> float:
        """What the loss is taken to be able to come down to, where nobody knows.

        It is as far below the least of its running mean as half of what the second half of the steps has gained.
        """
        self.seen += 1
        self.mean += 0.1 * (value - self.mean)
        least = min(self.mean / (1.0 - 0.9**self.seen), self.marks[-1][1] if self.marks else math.inf)
        if not self.marks or self.seen > 1.02 * self.marks[-1][0]:
            self.marks.append([self.seen, least])
        self.marks[-1][1] = least
        if self.seen <= 5:
            return least - abs(least) - 1.0
        then = self.marks[max(bisect(self.marks, [self.seen / 2, math.inf]) - 1, 0)][1]
        return least - (then - least) / 2

    def shrink(self) -> None:
        """A quarter of the cap; the next steps are judged by themselves."""
        self.cap, self.fallen, self.promised = self.cap / 4, 0.0, 0.0
