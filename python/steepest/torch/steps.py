"""One step: gradients of one or several batches, clipped, taken along Adam's direction, judged on the same batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from steepest.errors import InputError
from steepest.torch.data import Batches, outside, strange
from steepest.torch.noticed import Noticed
from steepest.torch.plan import Plan
from steepest.torch.rule import Rule
from steepest.torch.step_size import StepSize

__all__ = ["Steps", "Strange", "rows", "set_stream", "stream"]

#: A gradient beyond this many times what is usual (the geometric mean of the last hundred or so) is clipped to it.
CLIP = 10.0
#: How much of the mean gradient and of the mean square is kept at each step: runs of some hundreds of steps are over
#: before a mean over the usual thousand says how large gradients are now.
DECAYS = (0.9, 0.99)
#: After so many steps of float16 without an infinite gradient the loss is scaled by twice as much, up to the most.
STEADY, WIDEST = 500, 2.0**24
#: What is said to be not finite where no part is.
UNKNOWN = "the loss itself"

Pairs = list[tuple[Any, Any]]


class Strange(Exception):
    """A number that is not finite: where it was met, and whether smaller steps may help."""

    def __init__(self, what: str, first: str, data: bool) -> None:
        super().__init__(what)
        self.what, self.first, self.data = what, first, data


class _MomoAdam(Rule):
    """MoMo's step along Adam's direction; the losses that it is given are above 0."""

    rule = "momo_adam"


class Steps:
    """A module and what moves it.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.module = plan, plan.module
        self.names = [n for n, p in plan.module.named_parameters() if p.requires_grad]
        self.params = [p for p in plan.module.parameters() if p.requires_grad]
        layers = sum(p.ndim >= 2 for p in self.params)
        looked_up = any(
            isinstance(part, torch.nn.Embedding | torch.nn.EmbeddingBag) and part.weight.requires_grad
            for part in plan.module.modules()
        )
        self.size = StepSize.of(sum(p.numel() for p in self.params), layers, looked_up)
        self.optimizer = _MomoAdam(self.params, lr=1.0, betas=DECAYS, weight_decay=plan.weight_decay)
        self.noticed = Noticed(plan.module)
        self.average = [p.detach().clone() for p in self.params] if plan.ema is not None else None
        # Parts that stand still within a module that trains, as frozen normalisation does, go on standing still.
        self.still = [m for m in plan.module.modules() if not m.training] if plan.module.training else []
        self.taken = self.evaluations = self.clipped = 0
        #: what the loss is multiplied by before its gradient is taken, and for how many steps that has been well
        self.scale = 2.0**16 if plan.half is torch.float16 else 1.0
        self.steady = 0
        #: the mean logarithm of the gradient's norm, and over how many steps it is taken
        self.usual = [0.0, 0.0]

    def train(self) -> None:
        """Puts the module into training mode."""
        self.module.train()
        for part in self.still:
            part.eval()

    def step(
        self, pairs: Pairs, shares: list[float], done: float, place: tuple[int, int]
    ) -> dict[str, float]:
        """Takes one; what is to be said of it.

        Parameters
        ----------
        pairs : list of (input, target)
            The batches, whose mean loss is lowered.
        shares : list of float
            What each of them counts in that mean.
        done : float
            The share of the budget that is spent.
        place : (int, int)
            Epoch and number of the first batch, for messages.
        """
        looks = self.size.looks_at(self.taken)
        before = (stream(self.plan.device), [b.clone() for b in self.module.buffers()]) if looks else None
        value, norm = self._scaled(pairs, shares, place)
        kept, rate = self._clip(norm), self.size.rate(done)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        start = [p.detach().clone() for p in self.params] if looks else []
        floor = self.size.floor(value) if self.plan.loss.bound is None else self.plan.loss.bound
        self.optimizer.step(loss=value - floor)
        self.taken, self.evaluations = self.taken + 1, self.evaluations + len(pairs)
        said = {"loss": value, "residual": norm, "rate": rate}
        if before is not None:
            said |= self._judge(pairs, shares, value, start, kept, done, before)
        if self.average is not None:
            # At first as a mean of all so far.
            decay = min(self.plan.ema or 0.0, self.taken / (9 + self.taken))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, [p.detach() for p in self.params], 1.0 - decay)
        return said

    def loss(self, x: Any, y: Any, source: Batches | None = None, place: tuple[int, int] = (0, 0)) -> Any:
        """The loss of a batch; labels that the module has no output for are refused where a source is there to name
        them."""
        half = torch.autocast(self.plan.device.type, self.plan.half) if self.plan.half else nullcontext()
        with half:
            output = _called(self.module, x)
            # On a GPU in the first steps only: looking waits.
            if source is not None and (self.plan.device.type == "cpu" or self.taken < 20):
                self._labels(output, y, source, place)
            return self.plan.loss(output, y)

    def weight(self, x: Any, y: Any) -> float:
        """What a batch counts against others in a mean; 0 where all of its labels are left out."""
        return self.plan.loss.weight(y, rows(x))

    def shares(self, pairs: Pairs) -> list[float]:
        """What each batch counts in their mean, those of other processes included; none where all labels are left
        out."""
        counts = [self.weight(x, y) for x, y in pairs]
        (total,) = self.plan.processes.sums([sum(counts)])
        return [count / total for count in counts] if total > 0 else []

    def forget(self) -> None:
        """Drops memories, which may hold what is not finite, and takes smaller steps."""
        self.optimizer.state.clear()
        for group in self.optimizer.param_groups:
            group.pop("numbers", None)
        self.usual = [0.0, 0.0]
        self.size.shrink()

    def _scaled(self, pairs: Pairs, shares: list[float], place: tuple[int, int]) -> tuple[float, float]:
        """The loss, and the norm of its gradient, which lies in the parameters; in float16 it is computed of a multiple
        of the loss, as large as its range allows."""
        now = stream(self.plan.device) if self.scale > 1.0 else None
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            value = self._gradient(pairs, shares, place)
            if not math.isfinite(value):
                raise self._strange(pairs, "the loss", place)
            norm = self._norm()
            if math.isfinite(norm):
                break
            if now is None or self.scale <= 1.0:
                raise self._strange(pairs, "the gradient", place)
            self.scale, self.steady = self.scale / 4, 0
            set_stream(now, self.plan.device)
        self.steady += 1
        if now is not None and self.steady >= STEADY:
            self.scale, self.steady = min(2 * self.scale, WIDEST), 0
        return value, norm

    def _gradient(self, pairs: Pairs, shares: list[float], place: tuple[int, int]) -> float:
        """The loss over the batches; the gradients lie in the parameters."""
        total = 0.0
        for k, ((x, y), share) in enumerate(zip(pairs, shares, strict=True)):
            if share == 0:
                continue
            loss = self.loss(x, y, self.plan.train, (place[0], place[1] + k)) * share
            if not loss.requires_grad:
                raise InputError(
                    "the loss does not depend on any parameter that is trained: was the output detached, or computed "
                    "under torch.no_grad?"
                )
            (loss * self.scale if self.scale > 1.0 else loss).backward()
            total += float(loss.detach())
        if self.scale > 1.0:
            torch._foreach_div_([p.grad for p in self.params if p.grad is not None], self.scale)
        self.plan.processes.add_gradients(self.params)
        return self.plan.processes.sums([total])[0]

    def _labels(self, output: Any, y: Any, source: Batches, place: tuple[int, int]) -> None:
        read = self.plan.loss.classes
        if read is None or not isinstance(output, torch.Tensor) or not output.ndim:
            return
        count = output.shape[self.plan.loss.axis(output)]
        if found := outside(y, count, read.ignore):
            also = "; two classes by one output are the loss 'logistic'" if count == 1 else ""
            row = self._where(source, *place, found[0])
            raise InputError(
                f"{source.name}: the label of {row} is {found[1]}, and the module has {count} outputs, "
                f"for labels from 0 to {count - 1}{also}"
            )

    def _norm(self) -> float:
        grads = [p.grad for p in self.params if p.grad is not None]
        if any(g.is_sparse for g in grads):
            raise InputError(
                "an Embedding with sparse=True makes sparse gradients, which are not taken: leave it out"
            )
        norms = [torch.linalg.vector_norm(g.float()) for g in grads]
        return float(torch.linalg.vector_norm(torch.stack(norms)))

    def _clip(self, norm: float) -> float:
        """Clips a gradient that is far beyond what is usual; by how much it was multiplied."""
        if norm <= 0.0:
            return 1.0
        mean, count = self.usual
        most = CLIP * math.exp(mean) if count >= 10 and self.plan.clip else math.inf
        # What was clipped counts as the most, so that gradients that stay large are let through in the end.
        self.usual = [mean + (math.log(min(norm, most)) - mean) / min(count + 1, 100), count + 1]
        if norm <= most:
            return 1.0
        self.clipped += 1
        torch._foreach_mul_([p.grad for p in self.params if p.grad is not None], most / norm)
        return most / norm

    @torch.no_grad()
    def _judge(
        self,
        pairs: Pairs,
        shares: list[float],
        before: float,
        start: list[torch.Tensor],
        kept: float,
        done: float,
        was: tuple[Any, Any],
    ) -> dict[str, float]:
        """The same batches again after the step, with the same dropout; whatever they change is put back."""
        now, buffers = stream(self.plan.device), list(self.module.buffers())
        after_buffers = [b.clone() for b in buffers]
        set_stream(was[0], self.plan.device)
        _copy(buffers, was[1])
        after = sum(
            float(self.loss(x, y)) * share for (x, y), share in zip(pairs, shares, strict=True) if share > 0
        )
        (after,) = self.plan.processes.sums([after])
        _copy(buffers, after_buffers)
        set_stream(now, self.plan.device)
        self.evaluations += len(pairs)
        moved = [p - x0 for p, x0 in zip(self.params, start, strict=True)]
        slope = sum(
            float((d * p.grad).sum()) for d, p in zip(moved, self.params, strict=True) if p.grad is not None
        )
        length = math.sqrt(
            sum(float(d.float().square().sum()) for d in moved) / sum(d.numel() for d in moved)
        )
        if not self.size.judge(before, after, slope / kept, done):
            _copy(self.params, start)
        self.noticed.look(done, self.size.ratio)
        return {"model_ratio": self.size.ratio, "step": length}

    def _where(self, source: Batches, epoch: int, batch: int, row: int) -> str:
        """A row of this process's share of a batch in words."""
        return source.where(epoch, batch, self.plan.processes.row(source, row))

    def _strange(self, pairs: Pairs, what: str, place: tuple[int, int]) -> Strange:
        """What is not finite, as the process says that knows most of it: that the data are not, or which part."""
        here = self._looked(pairs, what, place)
        said = self.plan.processes.gathered((here.what, here.first, here.data))
        return Strange(*min(said, key=lambda s: (not s[2], s[1] == UNKNOWN)))

    def _looked(self, pairs: Pairs, what: str, place: tuple[int, int]) -> Strange:
        """Names the first of the data, the parameters, the parts' outputs and the gradients that is not finite."""
        for k, (x, y) in enumerate(pairs):
            for part, value in (("input", x), ("target", y)):
                if found := strange(value):
                    row = self._where(self.plan.train, place[0], place[1] + k, found[0])
                    return Strange(what, f"the {part} of {row} is {found[1]}", True)
        for name, p in self.module.named_parameters():
            if not torch.isfinite(p).all():
                return Strange(what, f"the parameter {name}", False)
        seen: list[str] = []

        def look(name: str) -> Callable[..., None]:
            def hook(_: Any, __: Any, output: Any) -> None:
                if not seen and strange(output) is not None:
                    seen.append(f"the output of {name}")

            return hook

        hooks = [m.register_forward_hook(look(n)) for n, m in self.module.named_modules() if n]
        try:
            with torch.no_grad():
                for x, y in pairs:
                    if rows(x):
                        self.loss(x, y)
        finally:
            for hook in hooks:
                hook.remove()
        for name, p in self.module.named_parameters():
            if p.grad is not None and not torch.isfinite(p.grad).all():
                seen.append(f"the gradient of {name}")
        return Strange(what, seen[0] if seen else UNKNOWN, False)


def rows(x: Any) -> int:
    """How many rows a batch has."""
    while isinstance(x, tuple | dict):
        x = next(iter(x.values() if isinstance(x, dict) else x))
    return len(x) if getattr(x, "ndim", 0) else 1


def stream(device: torch.device) -> torch.Tensor:
    """Where the random numbers, those of dropout, stand."""
    state: torch.Tensor = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
    return state


def set_stream(state: torch.Tensor, device: torch.device) -> None:
    """Puts the random numbers back to where they stood."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


@torch.no_grad()
def _copy(to: list[Any], values: list[torch.Tensor]) -> None:
    for t, value in zip(to, values, strict=True):
        t.copy_(value)


def _called(module: Any, x: Any) -> Any:
    """A module's output: several inputs are its arguments, by place or by name."""
    if isinstance(x, tuple) and not hasattr(x, "_fields"):
        return module(*x)
    return module(**x) if isinstance(x, dict) else module(x)
