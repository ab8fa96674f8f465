"""What torch computes of a step: gradients of one or several batches, Adam's direction, the same batches again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from steepest.errors import InputError
from steepest.torch import in_file
from steepest.torch.data import beyond, move, outside, strange
from steepest.torch.reading import precision_of
from steepest.torch.rule import Rule
from steepest.training import steps
from steepest.training.batches import Batches, leaves, not_of_two
from steepest.training.noticed import LOOKS, Noticed
from steepest.training.plan import Plan
from steepest.training.step_size import StepSize
from steepest.training.steps import DECAYS, LOSS, UNKNOWN, Pairs, Place, Strange, rows

__all__ = ["Steps"]

#: Parts whose weights have a row a unit.
_OF_UNITS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)


class _MomoAdam(Rule):
    """MoMo's step along Adam's direction; the losses that it is given are above 0."""

    rule = "momo_adam"


class _Momo(Rule):
    """The same along the mean gradient."""

    rule = "momo"


class Steps(steps.Steps):
    """A module and what moves it.

    Parameters
    ----------
    plan : Plan
        What was asked for.
    rule : {"momo_adam", "momo"}
        Whether steps go along Adam's direction or along the mean gradient.
    reach : float, optional
        How much longer than MoMo's a step is; what its size has where nothing is said.
    """

    def __init__(self, plan: Plan, rule: str = "momo_adam", reach: float | None = None) -> None:
        self.module, self.kind = plan.module, precision_of(plan.module)
        self.names = [n for n, p in plan.module.named_parameters() if p.requires_grad]
        self.params = [p for p in plan.module.parameters() if p.requires_grad]
        layers = sum(p.ndim >= 2 for p in self.params)
        looked_up = any(
            isinstance(part, torch.nn.Embedding | torch.nn.EmbeddingBag) and part.weight.requires_grad
            for part in plan.module.modules()
        )
        size = StepSize.of(sum(p.numel() for p in self.params), layers, looked_up)
        self.rule = rule
        if rule == "momo":
            size = size.along_the_gradient()
        size.reach = size.reach if reach is None else reach
        # One weight a layer: matrices and kernels, in the order in which the module names them, which is mostly
        # that of use.
        self.layers = {n: p for n, p in zip(self.names, self.params, strict=True) if p.ndim >= 2}
        super().__init__(plan, size, Noticed(list(self.layers)), plan.half is torch.float16)
        names = {p: n for n, p in self.layers.items()}
        parts = [m for m in plan.module.modules() if isinstance(m, _OF_UNITS)]
        #: parts with a row of weights a unit, by the weight's name
        self.units = {
            names[m.weight]: m for m in parts if m.weight in names and not getattr(m, "transposed", False)
        }
        self.optimizer: Rule = (
            _Momo(self.params, lr=1.0, weight_decay=plan.weight_decay)
            if rule == "momo"
            else _MomoAdam(self.params, lr=1.0, betas=DECAYS, weight_decay=plan.weight_decay)
        )
        self.average: list[torch.Tensor] | None = None if plan.ema == 0 else []
        # Parts that stand still within a module that trains, as frozen normalisation does, go on standing still.
        self.still = [m for m in plan.module.modules() if not m.training] if plan.module.training else []

    def train(self) -> None:
        """Puts the module into training mode."""
        self.module.train()
        for part in self.still:
            part.eval()

    def loss(self, x: Any, y: Any, source: Batches | None = None, place: Place = (0, 0)) -> Any:
        """The loss of a batch; labels that the module has no output for are refused where a source is there to name
        them."""
        half = torch.autocast(self.plan.device.type, self.plan.half) if self.plan.half else nullcontext()
        with half:
            output = _called(self.module, x)
            # On a GPU in the first steps only: looking waits.
            if source is not None and (self.plan.device.type == "cpu" or self.taken < 20):
                self._labels(output, y, source, place)
            return self.plan.loss(output, y)

    def forget(self) -> None:
        """Drops memories, which may hold what is not finite, and takes smaller steps."""
        self.optimizer.state.clear()
        for group in self.optimizer.param_groups:
            group.pop("numbers", None)
        super().forget()

    def gradient(self, pairs: Pairs, shares: list[float], place: Place) -> tuple[float, float]:
        """The loss, and the norm of its gradient, which lies in the parameters."""
        self.optimizer.zero_grad(set_to_none=True)
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
        return self.plan.processes.sums([total])[0], self._norm()

    def _labels(self, output: Any, y: Any, source: Batches, place: Place) -> None:
        if self.plan.loss.of_two and (far := beyond(y)):
            raise InputError(not_of_two(source.name, self._where(source, *place, far[0]), far[1]))
        read = self.plan.loss.classes
        if self.plan.loss.of_two:
            self.noticed.even = math.log(2.0)
        if read is None or not isinstance(output, torch.Tensor) or not output.ndim:
            return
        count = output.shape[self.plan.loss.axis(output)]
        self.noticed.even = math.log(max(count, 2)) if read.plain else None
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

    def brought(self, value: Any) -> Any:
        return move(value, self.plan.device, self.kind)

    def scale_gradient(self, factor: float) -> None:
        torch._foreach_mul_([p.grad for p in self.params if p.grad is not None], factor)

    def move(self, rate: float, loss: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step(loss=loss)

    def remembered(self) -> Any:
        return self.stream(), [b.clone() for b in self.module.buffers()]

    @torch.no_grad()
    def put_back(self, before: Any) -> None:
        self.set_stream(before[0])
        _copy(list(self.module.buffers()), before[1])

    @torch.no_grad()
    def again(self, pairs: Pairs, shares: list[float], before: Any) -> float:
        now = self.remembered()
        self.put_back(before)
        after = sum(
            float(self.loss(x, y)) * share for (x, y), share in zip(pairs, shares, strict=True) if share > 0
        )
        (after,) = self.plan.processes.sums([after])
        self.put_back(now)
        return after

    def values(self) -> list[torch.Tensor]:
        return [p.detach().clone() for p in self.params]

    @torch.no_grad()
    def put_values(self, values: list[torch.Tensor]) -> None:
        _copy(self.params, values)

    @torch.no_grad()
    def went(self, start: list[torch.Tensor]) -> tuple[float, float]:
        moved = [p - x0 for p, x0 in zip(self.params, start, strict=True)]
        slope = sum(
            float((d * p.grad).sum()) for d, p in zip(moved, self.params, strict=True) if p.grad is not None
        )
        squares = sum(float(d.float().square().sum()) for d in moved)
        return slope, math.sqrt(squares / sum(d.numel() for d in moved))

    @torch.no_grad()
    def look(self, done: float) -> None:
        def sizes() -> dict[str, float]:
            return {
                n: float(p.grad.float().square().mean().sqrt())
                for n, p in self.layers.items()
                if p.grad is not None
            }

        self.noticed.look(done, self.size.ratio, sizes, {})

    def listen(self) -> None:
        """A unit has a part in the output where its weights or its bias have a gradient of the output, weighed at
        random: that of the loss is 0 for rows that lose nothing, too. One in ten of the steps is done again at most,
        and few where all units are soon heard."""
        if not self.units or self.noticed.looks < 2 * LOOKS:
            return
        before = self.remembered()
        self.train()
        try:
            self._listen()
        except InputError:  # batches that can be read once only
            return
        finally:
            self.put_back(before)

    def _listen(self) -> None:
        processes, train = self.plan.processes, self.plan.train
        owned = {
            n: [p for p in m.parameters(recurse=False) if p.requires_grad] for n, m in self.units.items()
        }
        every = [p for some in owned.values() for p in some]
        heard = {n: torch.zeros(len(m.weight), dtype=torch.bool) for n, m in self.units.items()}
        reached: set[str] = set()
        looked = 0
        for k, (x, _) in enumerate(train.epoch(0)):
            done = processes.count == 1 and k > 0 and all(h.all() for h in heard.values())
            if done or k >= max(self.taken // 10, 1):
                break
            x = processes.share(train, self.brought(x))
            if not rows(x):
                continue
            total = _weighed(_called(self.module, x))
            if not total.requires_grad:  # outputs that are no tensors
                return
            looked += rows(x)
            slopes = dict(zip(every, torch.autograd.grad(total, every, allow_unused=True), strict=True))
            for n, some in owned.items():
                for g in (slopes[p] for p in some):
                    if g is not None:
                        reached.add(n)
                        heard[n] |= (g != 0).reshape(len(g), -1).any(1).cpu()
        told = {n: processes.sums([float(v) for v in h]) for n, h in heard.items()}
        self.noticed.rows = int(processes.sums([looked])[0])
        self.noticed.silent = {n: sum(v == 0 for v in told[n]) / len(told[n]) for n in told if n in reached}

    def begin(self) -> None:
        if self.average is not None:
            self.average = [p.detach().clone() for p in self.params]

    @torch.no_grad()
    def moved(self) -> None:
        if self.average is not None:
            torch._foreach_lerp_(self.average, [p.detach() for p in self.params], 1.0 - self.keeps())

    @torch.no_grad()
    def held_out(self, held: Batches, x: Any, y: Any, place: Place) -> float:
        return float(self.loss(x, y, held, place))

    def weights(self) -> dict[str, torch.Tensor]:
        state = self.module.state_dict()
        return {n: t.detach().clone() for n, t in state.items() if isinstance(t, torch.Tensor)}

    def put(self, weights: dict[str, torch.Tensor]) -> None:
        self.module.load_state_dict(weights, strict=False)

    def rest(self) -> None:
        self.module.eval()

    def end(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def arrays(self, weights: dict[str, torch.Tensor]) -> dict[str, Any]:
        return {name: in_file.as_array(t) for name, t in weights.items()}

    def from_arrays(self, arrays: dict[str, Any]) -> dict[str, torch.Tensor]:
        like = self.module.state_dict()
        return {name: in_file.as_tensor(array, like.get(name)) for name, array in arrays.items()}

    def memories(self) -> tuple[dict[str, dict[str, Any]], Any]:
        parts: dict[str, dict[str, torch.Tensor]] = {}
        if self.average is not None:
            parts["average"] = dict(zip(self.names, self.average, strict=True))
        for name, p in zip(self.names, self.params, strict=True):
            for key, value in self.optimizer.state.get(p, {}).items():
                parts.setdefault(f"memory {key}", {})[name] = value
        numbers = in_file.told(self.optimizer.param_groups[0].get("numbers", {}))
        return {part: self.arrays(some) for part, some in parts.items()}, numbers

    def put_memories(self, parts: dict[str, dict[str, Any]], told: Any) -> None:
        if self.average is not None:
            average = self.from_arrays(parts["average"])
            self.average = [average[name] for name in self.names]
        for part in (part for part in parts if part.startswith("memory ")):
            for name, tensor in self.from_arrays(parts[part]).items():
                p = self.params[self.names.index(name)]
                self.optimizer.state[p][part.removeprefix("memory ")] = tensor
        if told:
            self.optimizer.param_groups[0]["numbers"] = in_file.untold(told, self.plan.device)

    def flags(self, layer: str, values: list[bool]) -> torch.Tensor:
        return torch.tensor(values, device=self.layers[layer].device)

    def stream(self) -> dict[str, Any]:
        device = self.plan.device
        state = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
        return {"stream": state.numpy()}

    def set_stream(self, state: dict[str, Any]) -> None:
        numbers = torch.from_numpy(np.array(state["stream"]))
        if self.plan.device.type == "cuda":
            torch.cuda.set_rng_state(numbers, self.plan.device)
        else:
            torch.set_rng_state(numbers)

    def reseed(self, seed: int) -> None:
        torch.default_generator.manual_seed(seed)

    @contextmanager
    def shown(self) -> Iterator[None]:
        if self.average is None:
            yield
            return
        kept = self.values()
        self.hand_over()
        try:
            yield
        finally:
            self.put_values(kept)

    def hand_over(self) -> None:
        if self.average is not None:
            self.put_values(self.average)

    def _where(self, source: Batches, epoch: int, batch: int, row: int) -> str:
        """A row of this process's share of a batch in words."""
        return source.where(epoch, batch, self.plan.processes.row(source, row))

    def strange(self, pairs: Pairs, what: str, place: Place, source: Batches | None = None) -> Strange:
        """What is not finite, as the process says that knows most of it: that the data are not, or which part."""
        here = self._looked(pairs, what, place, source or self.plan.train)
        said = self.plan.processes.gathered((here.what, here.first, here.data))
        return Strange(*min(said, key=lambda s: (not s[2], s[1] == UNKNOWN)))

    def _looked(self, pairs: Pairs, what: str, place: Place, source: Batches) -> Strange:
        """Names the first of the data, the parameters, the parts' outputs and the gradients that is not finite."""
        for k, (x, y) in enumerate(pairs):
            for part, value in (("input", x), ("target", y)):
                if found := strange(value):
                    row = self._where(source, place[0], place[1] + k, found[0])
                    return Strange(what, f"the {part} of {row} is {found[1]}", True)
        for name, p in self.module.named_parameters():
            if not torch.isfinite(p).all():
                return Strange(what, f"the parameter {name}", False)
        for name, buffer in self.module.named_buffers():
            if buffer.isnan().any():  # masks of attention hold infinities
                return Strange(what, f"the buffer {name}", False)
        seen: list[str] = []

        def look(name: str) -> Callable[..., None]:
            def hook(_: Any, __: Any, output: Any) -> None:
                if not seen and strange(output) is not None:
                    seen.append(f"the output of {name or 'the module'}")

            return hook

        hooks = [m.register_forward_hook(look(n)) for n, m in self.module.named_modules()]
        try:
            with torch.no_grad():
                for x, y in pairs:
                    if rows(x):
                        self.loss(x, y)
        finally:
            for hook in hooks:
                hook.remove()
        for name, p in self.module.named_parameters():
            if what != LOSS and p.grad is not None and not torch.isfinite(p.grad).all():
                seen.append(f"the gradient of {name}")
        return Strange(what, seen[0] if seen else UNKNOWN, False)


def _weighed(output: Any) -> Any:
    """The sum of an output's numbers, each by a weight of its own, drawn at random so that nothing cancels."""
    parts = [part for part in leaves(output) if isinstance(part, torch.Tensor) and part.requires_grad]
    return sum(((part * torch.rand_like(part)).sum() for part in parts), start=torch.zeros(()))


@torch.no_grad()
def _copy(to: list[Any], values: list[torch.Tensor]) -> None:
    for t, value in zip(to, values, strict=True):
        t.copy_(value)


def _called(module: Any, x: Any) -> Any:
    """A module's output: several inputs are its arguments, by place or by name."""
    if isinstance(x, tuple) and not hasattr(x, "_fields"):
        return module(*x)
    return module(**x) if isinstance(x, dict) else module(x)
