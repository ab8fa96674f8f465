# The compiled module. What it takes and gives is checked by the Python code around it; users meet that.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Descent",
    "Displaced",
    "Optimum",
    "Potential",
    "Progress",
    "Rule",
    "TestFunction",
    "admitted",
    "catalog",
    "check_structure",
    "checked",
    "definiteness",
    "descend_network",
    "factors_gradient",
    "fit_factors",
    "fit_linear",
    "fit_path",
    "fold_factors",
    "learn",
    "learned_numbers",
    "least_squares",
    "line_search",
    "means",
    "minimize",
    "minimize_residuals",
    "multi_task",
    "network_outputs",
    "network_start",
    "normal",
    "panics",
    "path_beginning",
    "problem_names",
    "quadratic",
    "reduced",
    "row_losses",
    "top_factors",
    "train_network",
]

def admitted(bound: float, target: float, rounding: float) -> dict[str, Any]: ...
def catalog() -> dict[str, list[dict[str, Any]]]: ...
def check_structure(x: Any, name: str) -> None: ...
def checked(registry: str, name: str, given: Mapping[str, float]) -> dict[str, float]: ...
def fit_linear(
    X: Any,
    y: Any,
    model: Mapping[str, Any],
    stop: Mapping[str, Any],
    *,
    weight: Any = None,
    start: Any = None,
    watch: Callable[..., Any] | None = None,
    callback: Callable[..., Any] | None = None,
    threads: int = 0,
    names: Sequence[str] | None = None,
    held_out: tuple[Any, Any, Any, int] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    offset: NDArray[np.float64] | None = None,
) -> dict[str, Any]: ...
def path_beginning(
    X: Any,
    y: Any,
    model: Mapping[str, Any],
    *,
    weight: Any = None,
    threads: int = 0,
    names: Sequence[str] | None = None,
    offset: NDArray[np.float64] | None = None,
) -> tuple[float, NDArray[np.float64]]: ...
def fit_path(
    X: Any,
    y: Any,
    model: Mapping[str, Any],
    stop: Mapping[str, Any],
    alphas: Sequence[float],
    *,
    weight: Any = None,
    start: Any = None,
    watch: Callable[..., Any] | None = None,
    threads: int = 0,
    names: Sequence[str] | None = None,
    offset: NDArray[np.float64] | None = None,
) -> list[dict[str, Any]]: ...
def learn(
    X: Any,
    y: Any,
    learning: Mapping[str, Any],
    known: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    coef: NDArray[np.float64],
    intercept: NDArray[np.float64],
    *,
    weight: Any = None,
    begun: float | None = None,
    names: Sequence[str] | None = None,
) -> None: ...
def learned_numbers(columns: int) -> tuple[int, bool]: ...
def descend_network(
    table: tuple[Any, Any, Any],
    learnt: Mapping[str, Any],
    start: NDArray[np.float64],
    method: tuple[str, Sequence[tuple[str, float]]],
    tol: float,
    max_iter: int,
    max_evaluations: int,
    callback: Callable[..., Any] | None,
    watch: Callable[..., Any] | None,
) -> dict[str, Any]: ...
def network_outputs(
    x: NDArray[Any], rows: NDArray[Any], asked: Sequence[Mapping[str, Any]], loss: Any = None
) -> NDArray[np.float64]: ...
def network_start(
    inputs: int, asked: Sequence[Mapping[str, Any]], seed: int
) -> tuple[NDArray[np.float64], list[list[int]]]: ...
def train_network(
    table: tuple[Any, Any, Any],
    held: tuple[Any, Any, Any] | None,
    learnt: Mapping[str, Any],
    how: Mapping[str, Any],
    start: NDArray[Any],
    memory: Any,
    callback: Callable[..., Any] | None,
    watch: Callable[..., Any] | None,
) -> dict[str, Any]: ...
def minimize_residuals(
    request: Mapping[str, Any],
    callback: Callable[..., Any] | None = None,
    watch: Callable[..., Any] | None = None,
) -> dict[str, Any]: ...
def minimize(
    request: Mapping[str, Any],
    callback: Callable[..., Any] | None = None,
    watch: Callable[..., Any] | None = None,
) -> dict[str, Any]: ...
def least_squares(
    X: Any, y: NDArray[np.float64], asked: Mapping[str, Any], weight: Any = None
) -> tuple[list[dict[str, Any]], int, NDArray[np.float64]]: ...
def multi_task(
    X: Any,
    y: NDArray[np.float64],
    asked: Mapping[str, Any],
    lengths: float,
    weight: Any = None,
    start: NDArray[np.float64] | None = None,
    max_iter: int | None = None,
) -> dict[str, Any]: ...
def line_search(
    search: str,
    settings: Sequence[tuple[str, float]],
    line: tuple[float, float, float, float],
    trials: int,
    value: Callable[[float], float],
    slope: Callable[[float], float],
    fits: Callable[[float, float], bool] | None = None,
) -> tuple[float, float] | None: ...
def reduced(
    X: Any, y: NDArray[np.float64], asked: Mapping[str, Any], weight: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
def definiteness(matrix: NDArray[np.float64], shift: float) -> tuple[float, int, int, bool]: ...

@final
class Optimum: ...

@final
class Potential:
    @staticmethod
    def pairs(
        form: str, numbers: Sequence[float], cutoff: float | None, smooth: bool, cell: Any | None
    ) -> Potential: ...
    @staticmethod
    def springs(
        ends: Sequence[Sequence[int]], stiffness: Sequence[float], length: Sequence[float], cell: Any | None
    ) -> Potential: ...
    def evaluate(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]: ...
    def coincident(self, positions: NDArray[np.float64], distance: float) -> list[int] | None: ...

@final
class Displaced:
    def __new__(
        cls, potential: Potential, start: NDArray[np.float64], free: Sequence[int] | None, unit: float
    ) -> Displaced: ...
    def __call__(self, y: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]: ...

def quadratic(request: Mapping[str, Any], warm: Optimum | None = None) -> tuple[dict[str, Any], Optimum]: ...
def means(
    loss: tuple[str, list[tuple[str, float]]], outputs: int, margin: NDArray[np.float64]
) -> NDArray[np.float64]: ...
def row_losses(
    loss: tuple[str, list[tuple[str, float]]],
    outputs: int,
    target: NDArray[np.float64],
    margin: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def panics(words: str) -> None: ...
def problem_names() -> list[str]: ...

@final
class Descent:
    def __new__(cls, request: Mapping[str, Any]) -> Descent: ...
    @property
    def method(self) -> str: ...
    @property
    def rate(self) -> float | None: ...
    def set_rate(self, rate: float) -> None: ...
    def advance(self) -> dict[str, Any] | None: ...
    def result(self) -> dict[str, Any]: ...
    def resume(self, iterations: int | None, evaluations: int | None) -> bool: ...
    def stop(self) -> None: ...

@final
class TestFunction:
    def __new__(cls, name: str, settings: Sequence[tuple[str, float]] = ...) -> TestFunction: ...
    def value(self, x: Any) -> float: ...
    def gradient(self, x: Any) -> NDArray[np.float64]: ...
    def hessian(self, x: Any) -> NDArray[np.float64]: ...
    def start(self, n: int) -> NDArray[np.float64]: ...
    def minima(self, n: int) -> list[NDArray[np.float64]]: ...
    def least(self, n: int) -> float | None: ...
    def told(self) -> dict[str, Any]: ...

@final
class Progress:
    @property
    def iteration(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def residual(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def passes(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def x(self) -> NDArray[np.float64]: ...

@final
class Rule:
    def __new__(cls, rules: Sequence[tuple[str, Mapping[str, float]]]) -> Rule: ...
    def memory(self, shape: Sequence[int]) -> list[list[int]]: ...
    def state(self, tensors: int) -> int: ...
    def place(
        self,
        x: Sequence[NDArray[Any]],
        g: Sequence[NDArray[Any]],
        memory: Sequence[Sequence[NDArray[Any]]],
        state: NDArray[np.float64],
        to: Sequence[NDArray[Any]],
        step: int,
        rate: float,
        value: float = ...,
        before: int = ...,
    ) -> None: ...
    def shown(
        self,
        x: Sequence[NDArray[Any]],
        memory: Sequence[Sequence[NDArray[Any]]],
        state: NDArray[np.float64],
        to: Sequence[NDArray[Any]],
        step: int,
        rate: float,
        value: float = ...,
    ) -> None: ...
    def step(
        self,
        x: Sequence[NDArray[Any]],
        g: Sequence[NDArray[Any]],
        memory: Sequence[Sequence[NDArray[Any]]],
        state: NDArray[np.float64],
        step: int,
        rate: float,
        value: float = ...,
        before: int = ...,
    ) -> None: ...

def normal(seed: int, step: int, tensor: int, count: int) -> NDArray[np.float64]: ...
def fit_factors(
    entries: Mapping[str, Any],
    model: Mapping[str, Any],
    stop: Mapping[str, Any],
    watch: Callable[..., Any] | None = None,
) -> dict[str, Any]: ...
def factors_gradient(
    entries: Mapping[str, Any], model: Mapping[str, Any]
) -> tuple[float, NDArray[np.float64]]: ...
def fold_factors(entries: Mapping[str, Any], model: Mapping[str, Any], side: int) -> NDArray[np.float64]: ...
def top_factors(
    p: NDArray[np.float64],
    q: NDArray[np.float64],
    added: NDArray[np.float64],
    rank: int,
    n: int,
    left_out: tuple[NDArray[np.int64], NDArray[np.uint32]] | None = None,
    threads: int = 0,
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]: ...
