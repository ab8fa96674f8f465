"""The same families drawn by hypothesis: what fails is brought down to the simplest case that still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.generated.hunt import KINDS

#: Arrays of up to so many numbers are chosen one by one (exponents of columns, widths of boxes, starts).
FEW = 12


class Chosen:
    """What the families ask of NumPy's generator, each answer chosen by hypothesis.

    So family, loss, penalty, sizes, scales and offsets shrink one by one. Long arrays, and the noise that fills a
    table, come from a generator whose seed is chosen: a table of other rows is a simpler seed.
    """

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.choose = draw
        self.bulk = np.random.default_rng(draw(st.integers(0, 999)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bulk, name)

    def random(self, size: Any = None) -> Any:
        """Shrinks to the upper end: the families ask `random() < share` of what makes a case harder."""
        if size is not None:
            return self.bulk.random(size)
        return 1.0 - (self.choose(st.integers(0, 999)) + 0.5) / 1000

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None) -> Any:
        if size is None:
            return self.choose(st.floats(float(low), float(high)))
        if isinstance(size, int) and size <= FEW:
            return np.array([self.uniform(low, high) for _ in range(size)])
        return self.bulk.uniform(low, high, size)

    def integers(self, low: int, high: int | None = None, size: Any = None) -> Any:
        if size is not None:
            return self.bulk.integers(low, high, size)
        low, high = (0, low) if high is None else (low, high)
        return self.choose(st.integers(int(low), int(high) - 1))

    def choice(self, given: Sequence[Any], size: Any = None, **how: Any) -> Any:
        """Shrinks to the first; how often each would come by itself is not kept to."""
        if size is not None:
            return self.bulk.choice(given, size, **how)
        return self.choose(st.sampled_from(list(given)))


@st.composite
def cases(draw: Callable[..., Any], kind: str) -> Any:
    """A case of any family of the kind."""
    return KINDS[kind].draw(Chosen(draw))
