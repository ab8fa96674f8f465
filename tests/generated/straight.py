"""The losses made of straight parts, over the tables of `linear`, judged as it judges; with indices of their own."""

from __future__ import annotations

import numpy as np
from tests.generated import linear, losses
from tests.generated.linear import judge, smaller
from tests.generated.oracle import STRAIGHT

__all__ = ["draw", "judge", "smaller"]


def draw(r: np.random.Generator, family: str | None = None) -> linear.Case:
    """A case of the family, or of any."""
    return losses.draw(r, family, STRAIGHT)
