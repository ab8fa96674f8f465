"""Every reader of bytes on a few hundred damaged inputs, the same ones each time; `make fuzz` looks for new ones."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from mutate import mutate
from targets import TARGETS, corpus

#: inputs for each reader; the slower ones get fewer
INPUTS = {"values": 100, "structure": 300, "arrow": 200, "delimited": 200}


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read_or_refused_by_name(name: str) -> None:
    rng, pool = random.Random(name), corpus(name)
    for data in pool:
        TARGETS[name](data)
    for _ in range(INPUTS.get(name, 400)):
        TARGETS[name](mutate(rng.choice(pool), pool, rng))
