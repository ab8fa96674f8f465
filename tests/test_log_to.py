"""Curves for TensorBoard, MLflow and Weights & Biases: what is handed over, to whatever has their methods."""

from typing import Any

import pytest

import steepest
from steepest.errors import InputError


class Board:
    """As a SummaryWriter."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float, int]] = []

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        self.seen.append((tag, scalar_value, global_step))


class Flow:
    """As the module mlflow."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, float], int]] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **_: Any) -> None:
        assert step is not None
        self.seen.append((metrics, step))


class Run:
    """As a run of wandb."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, float], int]] = []

    def log(self, data: dict[str, float], step: int | None = None) -> None:
        assert step is not None
        self.seen.append((data, step))


def test_a_descent_is_drawn_by_each() -> None:
    board, flow, run = Board(), Flow(), Run()
    for writer in (board, flow, run):
        result = steepest.minimize("rosenbrock", method="lbfgs", watch=steepest.log_to(writer, "descent/"))
        assert result.success
    assert {tag for tag, _, _ in board.seen} >= {"descent/loss", "descent/residual"}
    assert flow.seen
    assert [step for _, step in flow.seen] == [step for _, step in run.seen]
    numbers, _ = flow.seen[-1]
    assert all(isinstance(v, float) for v in numbers.values())
    assert "descent/held_out" not in numbers  # there is none, and NaN is no point of a curve


def test_what_cannot_be_written_to_is_refused() -> None:
    with pytest.raises(InputError, match=r"add_scalar.*log_metrics.*log"):
        steepest.log_to(print)
