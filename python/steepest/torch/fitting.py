"""`steepest.torch.fit`: a module trained with nothing to tune."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from steepest.errors import InputError
from steepest.result import Result
from steepest.torch import reading
from steepest.torch.losses import Loss, named
from steepest.torch.processes import Processes
from steepest.torch.steps import Steps
from steepest.training.loop import Training
from steepest.training.noticed import above_rounding
from steepest.training.plan import Plan, Progress
from steepest.training.race import Race, worthwhile
from steepest.training.reading import Asked
from steepest.training.story import alone, best_of, result

__all__ = ["fit"]

#: What races: the rule, and how much longer than MoMo's its steps are.
WAYS: dict[str, tuple[str, float | None]] = {
    "momo_adam": ("momo_adam", None),
    "momo_adam, half as long": ("momo_adam", 1.0),
    "momo": ("momo", 1.0),
}

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def fit(
    module: torch.nn.Module,
    data: Any,
    loss: Any = None,
    *,
    validation: Any = None,
    epochs: int | None = None,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    batch_size: int | None = None,
    bound: float | None = None,
    weight_decay: float = 0.0,
    patience: int | None = None,
    accumulate: int = 1,
    clip: bool = True,
    ema: float | None = None,
    precision: str = "float32",
    starts: int = 1,
    race: bool = True,
    seed: int = 0,
    device: Any = None,
    checkpoint: Any = None,
    history: Any = None,
    watch: Callable[[Progress], Any] | None = None,
    callback: Callable[[Progress], Any] | None = None,
    disp: bool = False,
) -> Result:
    """Trains a module, with no learning rate to tune, and says what happened.

    F(w), the mean of loss(module(input), target) over the rows, is lowered by Adam's direction with
    a step that is found on the way: MoMo's, which brings a linear model of the loss down to its least possible value,
    and twice that in networks of several layers, below a cap that grows while the loss falls as its slope promises and
    shrinks where it does not, and that falls along a line to 0 over the last two fifths of the budget. Each of the
    first 20 steps and every fourth later is judged by one more evaluation of its batch. Where rows are held out, a race
    tells at a fifth of the budget how a network is to step (see `race`). The weights that are judged and
    returned are averages over the last tenth or so of the steps, for which a copy of them is kept.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained, in place; parameters with ``requires_grad=False`` stay as they are. It is left with the
        best weights.
    data : tensor, array, pair (X, y), Dataset, DataLoader or list of batches
        The rows. Several inputs are a tuple (arguments by place) or a dict (by name). X alone is its own target, as
        in an autoencoder. Arrays of floats are taken in the precision of the module's parameters; tensors stay as
        they are.
    loss : str or callable, optional
        ``"squared"`` (the mean over all numbers of the target of (output − target)², as `torch.nn.MSELoss`),
        ``"absolute"``, ``"huber"``, ``"logistic"`` (two classes by one output), ``"softmax"`` (classes along the
        last axis), torch's names for them (``"cross_entropy"`` has classes along the second axis, as torch has), or
        a function of output and target that returns one number. Unless given, squares for numbers and softmax for
        whole numbers, along the axis that the labels' shape leaves out. The label −100, or `ignore_index`, is left
        out of every mean.
    validation : float or data, optional
        A share of the rows to hold out, or rows by themselves. The weights with the least loss there are returned.
    epochs, max_steps, max_seconds : optional
        The budget: passes over the data, steps, or seconds; the rate falls over the one that is spent first. Unless
        any is given, rounds of 5, 10, 20 … epochs, up to 6, until one lowers the loss by less than a hundredth. By
        the clock no two runs are alike.
    batch_size : int, optional
        32 below 1000 rows, 64 below 10 000, else 128; for rows in memory and Datasets.
    bound : float, optional
        The least value that the loss can have: 0 for the named ones and those of torch that cannot be below it.
        Where it is not known it is guessed from how the loss falls.
    weight_decay : float, default 0
        Pull of the weights towards 0, times the rate.
    patience : int, optional
        End after so many reviews (epochs, or tenths of a budget below 10 epochs) without a lower held-out loss.
    accumulate : int, default 1
        How many batches make a step.
    clip : bool, default True
        Whether a gradient more than ten times as large as usual is clipped to that.
    ema : float, optional
        The decay of the averages of the weights at most, like 0.9, which averages over the last ten steps; 0 for no
        averages.
    precision : {"float32", "bfloat16", "float16"}
        The last two: mixed precision (autocast). With ``"float16"``, for GPUs without bfloat16, the loss is scaled so
        that its gradients do not vanish in so few digits.
    starts : int, default 1
        So many runs, the first from the weights as they are, others from fresh ones (`reset_parameters`); the best
        is kept.
    race : bool, default True
        Whether held-out rows choose how a network of several layers steps. Three runs begin at the same weights and go
        through a fifth of the budget: as said above; with MoMo's own step, half as long; and with MoMo's step along the
        mean gradient, as SGD with momentum has it. The one that has then lost least there goes on, the first unless
        another has lost less by a fiftieth, so that 1.4 times the budget is spent. `history` is that of the one that
        goes on; `callback` and `disp` have the reviews of the first, too, but no other's. There is no race where the
        budget is by the clock, unsaid or below 100 steps, or where data give no row twice (a stream).
    seed : int, default 0
        What the order of the rows, the held-out rows and dropout follow from. Fits in several threads at once share
        torch's random numbers, so that their dropout is not the same again: run them in processes.
    device : str or torch.device, optional
        Where to train; where the module lies unless given.
    checkpoint : path or (path, seconds), optional
        A file that the run is kept in every 30 seconds; the same call goes on from it, on the CPU to the same bits.
    history : path, optional
        Where to write the history, as ``.csv`` or ``.jsonl``.
    watch : callable, optional
        Called with a `Progress` at most ten times a second; stops the run by returning True.
    callback : callable, optional
        Called with a `Progress` at each review; stops the run by returning True or raising StopIteration.
    disp : bool, default False
        Print a line at each review.

    Returns
    -------
    Result
        `x` holds the weights by name, `fun` the held-out loss of what is returned, or the training loss of the last
        review where nothing is held out. `success` is true only where held-out rows say that more of the same does
        not help (`held_out`); a spent budget is ``budget``, Ctrl-C ``stopped``. `history` has a row a review:
        `loss`, `held_out`, `rate` (what the cap allows now), `cap`, `step` (root mean square of a weight's change),
        `model_ratio`, `residual` (norm of the gradient) and more. `passes` and `nfev` count what a race took too;
        `race` has the held-out losses that it was decided by.

    Raises
    ------
    InputError
        Where an argument, the module or the data cannot be used; labels and rows are named.

    Notes
    -----
    Schaipp, Ohana, Eickenberg, Defazio and Gower 2023, <https://arxiv.org/abs/2305.07583>, for the step;
    Conn, Gould and Toint 2000, Trust-Region Methods, for the ratio that the cap follows.

    Examples
    --------
    >>> import torch, steepest.torch
    >>> x = torch.linspace(-2, 2, 200)[:, None]
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    >>> result = steepest.torch.fit(net, (x, x.sin()), epochs=50, validation=0.2)
    >>> result.fun < 0.05
    True
    """
    if isinstance(module, torch.nn.parallel.DistributedDataParallel):
        module = module.module
    reading.check_module(module)
    if precision not in PRECISIONS:
        raise InputError(f"precision must be one of {', '.join(map(repr, PRECISIONS))}; got {precision!r}")
    asked = Asked(
        [precision, race],
        epochs=epochs,
        max_steps=max_steps,
        max_seconds=max_seconds,
        batch_size=batch_size,
        bound=bound,
        weight_decay=weight_decay,
        patience=patience,
        accumulate=accumulate,
        clip=clip,
        ema=ema,
        starts=starts,
        seed=seed,
        checkpoint=checkpoint,
        history=history,
        watch=watch,
        callback=callback,
        disp=disp,
    )
    where = reading.device_of(module, device)
    with torch.random.fork_rng([]):  # a DataLoader draws a number where it is begun
        train, held = reading.opened(data, validation, asked.batch, asked.seed, reading.precision_of(module))
        objective = Loss(named(reading.target_of(train)) if loss is None else loss, asked.bound)
    asked.held(held)
    kept = asked.kept(lambda: _identity(module), train, held, lambda: objective.identity(module))
    plan = Plan(
        module,
        train,
        held,
        objective,
        asked.budget,
        where,
        Processes(where),
        half=PRECISIONS[precision],
        kept=kept,
        **asked.planned,
    )
    fresh = reading.resettable(module) if asked.starts > 1 else []

    def begin(k: int) -> Training | Race:
        _sow(asked.seed + k, where)
        if k:
            for part in fresh:
                part.reset_parameters()
        trained = [p for p in module.parameters() if p.requires_grad]
        several = sum(p.ndim >= 2 for p in trained) > 1
        if race and several and worthwhile(plan, sum(p.numel() for p in trained)):
            return Race(plan, {name: partial(_run, plan, *way) for name, way in WAYS.items()})
        return _run(plan)

    with alone(module), _as_it_was(module), torch.random.fork_rng([where] if where.type == "cuda" else []):
        module.to(where)
        run, spread = best_of(asked.starts, begin)
    values = {n: _numbers(p) for n, p in module.named_parameters()}
    return result(run, values, _constant(plan), spread, asked.place)


def _run(plan: Plan, rule: str = "momo_adam", reach: float | None = None) -> Training:
    return Training(plan, Steps(plan, rule, reach))


def _identity(module: torch.nn.Module) -> Any:
    """What tells a module from others, for a checkpoint: its parts with the settings of torch's own, its tensors."""
    parts = [[n, type(part).__qualname__, _settings(part)] for n, part in module.named_modules()]
    frozen = [n for n, p in module.named_parameters() if not p.requires_grad]
    return [parts, [[n, list(t.shape), str(t.dtype)] for n, t in module.state_dict().items()], frozen]


def _settings(part: torch.nn.Module) -> list[Any]:
    """The settings of a module of torch's own: a user's may count its calls, say."""
    if not type(part).__module__.startswith("torch.nn."):
        return []
    held = [
        [n, getattr(v, "__name__", v)]
        for n, v in sorted(vars(part).items())
        if n != "training" and n[0] != "_"
    ]
    return [[n, v] for n, v in held if isinstance(v, bool | int | float | str | tuple)]


def _sow(seed: int, device: torch.device) -> None:
    """Begins the random numbers of the CPU and of the device that is trained on; those of others are the caller's."""
    seed %= 2**63
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def _numbers(p: torch.Tensor) -> Any:
    """A copy of a parameter, in its own precision where NumPy has it."""
    plain = p.detach().cpu()
    return (plain if plain.dtype in (torch.float32, torch.float64) else plain.float()).numpy().copy()


def _constant(plan: Plan) -> float | None:
    """What the best constant would lose on the training rows, where they lie in memory."""
    y = getattr(plan.train, "y", None)
    if not isinstance(y, torch.Tensor):
        return None
    read = plan.loss.classes
    if read is not None and read.plain and not y.is_floating_point():
        shares = torch.bincount(y[y != read.ignore].flatten().long()).double()
        shares = shares[shares > 0] / shares.sum()
        return above_rounding(float(-(shares * shares.log()).sum()), 1.0)
    if plan.loss.named and plan.loss.name == "squared":
        wide = y.double()
        return above_rounding(float(wide.var(0, correction=0).mean()), float(wide.square().mean()))
    return None


@contextmanager
def _as_it_was(module: torch.nn.Module) -> Iterator[None]:
    """Training or evaluation mode, part by part, as it was."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
