"""`steepest.torch.fit`: trained with nothing said, watched, stopped, kept, and refused where it must be."""

import functools
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

torch = pytest.importorskip("torch")

import steepest.torch  # noqa: E402
import steepest.training.story  # noqa: E402
from steepest.errors import InputError, ModelFileError  # noqa: E402
from steepest.training.noticed import Noticed  # noqa: E402
from steepest.training.step_size import StepSize  # noqa: E402

pytestmark = pytest.mark.hosts
fit = steepest.torch.fit
nn = torch.nn


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose by every thread more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def net(*sizes: int, seed: int = 0, act: type = nn.ReLU) -> nn.Sequential:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        parts += [nn.Linear(a, b), act()]
    return nn.Sequential(*parts[:-1])


def circles(rows: int = 300, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes that no line parts."""
    x = torch.randn(rows, 2, generator=torch.Generator().manual_seed(seed))
    return x, (x.square().sum(1) > 1.4).long()


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def ends_at(module: nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> float:
    """The loss of classes, by torch alone."""
    return float(nn.functional.cross_entropy(module.eval()(data[0]), data[1]).detach())


class Pairs(torch.utils.data.Dataset):
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[i], self.y[i]


# What it reaches


def test_classes_are_told_apart_with_nothing_said() -> None:
    module, (x, y) = net(2, 16, 2), circles(80)
    result = fit(module, (x, y), validation=0.2)
    assert (module(x).argmax(1) == y).float().mean() > 0.9
    assert result.success == (result.outcome == "held_out")
    assert result.outcome in ("held_out", "budget")
    assert result.fun == pytest.approx(min(result.history["held_out"]))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_raw_columns_do_no_harm(scale: float) -> None:
    """A line through columns of other scales: as good as least squares, to a tenth of what it explains."""
    g = np.random.default_rng(0)
    x = g.standard_normal((400, 3)) * [1.0, scale, 1.0]
    y = x @ [1.0, 2.0 / scale, -1.0] + 0.1 * g.standard_normal(400)
    module = nn.Linear(3, 1)
    torch.manual_seed(0)
    fit(module, (x, y), epochs=60)
    left = float(
        (module(torch.tensor(x, dtype=torch.float32)).detach()[:, 0] - torch.tensor(y)).square().mean()
    )
    if scale >= 1.0:  # a weight of 2000 is far to go from 0
        assert left < 0.1 * y.var()
    assert math.isfinite(left)
    assert left < y.var() * 1.05


def test_a_plain_net_is_not_trained_backwards() -> None:
    """Where Adam at a rate of .1 ends at chance."""
    module, (x, y) = net(2, 32, 32, 32, 32, 2), circles(600)
    result = fit(module, (x, y), epochs=15)
    assert result.history["loss"][-1] < 0.5 * result.history["loss"][0]


def test_a_loss_without_a_floor_is_lowered_too() -> None:
    module, (x, y) = net(2, 16, 2), circles()
    shifted = lambda out, target: nn.functional.cross_entropy(out, target) - 5.0  # noqa: E731
    result = fit(module, (x, y), shifted, epochs=20)
    assert result.history["loss"][-1] < -4.7
    assert "guessed" in result.reason
    assert not any(f.kind == "below_its_bound" for f in result.findings)


def test_a_bound_that_is_not_one_is_said() -> None:
    module, (x, y) = net(2, 8, 2), circles(100)
    result = fit(module, (x, y), lambda o, t: nn.functional.cross_entropy(o, t) - 5.0, bound=0.0, epochs=5)
    assert [f.kind for f in result.findings if f.kind == "below_its_bound"]


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_unit_of_the_loss_does_not_matter(scale: float) -> None:
    module, data = net(2, 16, 2), circles()
    fit(
        module,
        data,
        lambda out, target: scale * nn.functional.cross_entropy(out, target),
        bound=0.0,
        epochs=15,
    )
    assert ends_at(module, data) < 0.2


def test_the_cap_grows_where_steps_are_timid_and_shrinks_where_they_lead_up() -> None:
    """On ½ c x² a step d from x has the ratio 1 + d/(2x): known beforehand."""
    for length, grows in ((-0.1, True), (-1.5, True), (-1.7, False), (-2.5, False)):
        size = StepSize(0.1, 0.01)
        for _ in range(5):
            assert size.judge(0.5, 0.5 * (1 + length) ** 2, length, 0.1)
            assert size.ratio == pytest.approx(1 + length / 2)
        assert (size.cap > 0.1) == grows
        late = size.cap
        size.judge(0.5, 0.5 * (1 + length) ** 2, length, 0.5)
        assert size.cap == late if length > -2 else size.cap < late
        for _ in range(400):
            size.judge(0.5, 0.5 * (1 + length) ** 2, length, 0.1)
        assert size.cap == (1.0 if grows else 0.01)
    assert [size.rate(done) / size.cap for done in (0.0, 0.6, 0.8, 1.0, 2.0)] == pytest.approx(
        [1, 1, 0.5, 0, 0]
    )
    size = StepSize(0.01, 0.01)
    assert not size.judge(0.5, 2.0, -1.0, 0.1)
    assert not size.judge(0.5, math.nan, -1.0, 0.1)
    assert size.cap == 0.01 / 16
    assert StepSize.of(10**9).cap < StepSize.of(10**5).cap == StepSize.of(10).cap


def test_the_cap_follows_slower_the_more_layers_there_are() -> None:
    """What layers change multiplies: a cap that leaps led seven of them too far."""
    caps = {}
    for layers in (0, 1, 3, 4, 7, 12):
        size = StepSize.of(10, layers)
        size.judge(0.5, 0.5 * 0.95**2, -0.05, 0.1)
        target = 0.5 if layers > 1 else 0.2
        caps[layers] = math.log(size.cap / size.start) / (size.ratio - target)
    most = 0.2 / 0.775  # in one layer the growth of a single step is what binds
    assert caps == pytest.approx({0: most, 1: most, 3: 0.3, 4: 0.25, 7: 1 / 7, 12: 1 / 12})


def test_the_cap_stays_small_where_rows_are_looked_up() -> None:
    """Rows that are in few batches move as far as each batch says, whatever that does to the others."""
    codes = torch.randint(0, 200, (600, 2), generator=torch.Generator().manual_seed(0))
    target = (codes[:, 0] % 7 - codes[:, 1] % 5).float()

    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(200, 8)
            self.frozen = False

        def forward(self, pairs: torch.Tensor) -> torch.Tensor:
            return self.table(pairs).prod(1).sum(1)

    caps = {}
    for frozen in (False, True):
        torch.manual_seed(0)
        module = nn.Sequential(Looks(), nn.Unflatten(0, (-1, 1)), nn.Linear(1, 1))
        module[0].table.weight.requires_grad_(not frozen)
        caps[frozen] = max(fit(module, (codes, target), epochs=20, seed=0).history["cap"])
    assert caps[False] <= 0.02 < caps[True]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_in_networks_a_step_is_twice_as_long_as_momos(layers: int) -> None:
    """Of a chain of ones, a thousandth off its target, all slopes are 2e-3 and the loss is 1e-6: known beforehand."""
    module = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(layers)))
    for p in module.parameters():
        nn.init.ones_(p)
    result = fit(module, (torch.ones(8, 1), torch.full((8, 1), 1 - 1e-3)), max_steps=1)
    assert result.history["step"] == pytest.approx(
        [(2 if layers > 1 else 1) * 1e-6 / (layers * 2e-3)], rel=1e-3
    )


def test_in_networks_a_step_is_to_keep_more_of_its_promise() -> None:
    """Steps beyond the lowest point, which bring a third of what their slope promises: enough in one layer, too far in
    several."""
    for layers, grows in ((1, True), (2, False), (3, False), (6, False), (12, False)):
        size = StepSize.of(10, layers)
        size.cap = before = 0.1
        for _ in range(3):
            size.judge(0.5, 0.5 * (1 - 1.34) ** 2, -1.34, 0.1)
        assert (size.cap > before) == grows, layers


def test_budgets_are_held_to_the_step() -> None:
    data = circles()
    for given in ({"max_steps": 3}, {"max_steps": 3, "epochs": 100}, {"max_steps": 3, "epochs": 1}):
        result = fit(net(2, 4, 2), data, **given)
        assert result.nit == 3
        assert result.outcome == "budget"
        assert "max_steps" in result.message
    began = time.perf_counter()
    assert "max_seconds" in fit(net(2, 4, 2), data, max_seconds=0.2).message
    assert time.perf_counter() - began < 30


# Kinds of data


def test_a_dataset_of_dicts_without_a_loss_is_told_what_is_missing() -> None:
    class Dicts(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 40

        def __getitem__(self, k: int) -> dict[str, torch.Tensor]:
            return {"x": torch.ones(2), "y": torch.ones(1)}

    with pytest.raises(InputError, match="a dict of 'x', 'y': return pairs"):
        fit(net(2, 4, 1), Dicts(), epochs=1)


def test_all_kinds_of_data_give_the_same_kind_of_result() -> None:
    x, y = circles(128)
    loader = torch.utils.data.DataLoader(Pairs(x, y), batch_size=32)
    for data in (
        (x, y),
        (x.numpy(), y.numpy()),
        Pairs(x, y),
        loader,
        [(x[:64], y[:64]), (x[64:], y[64:])],
    ):
        result = fit(net(2, 8, 2), data, epochs=2)
        assert result.outcome == "budget"
        assert result.passes == 2


def test_pairs_in_memory_and_their_arrays_give_the_same_bits() -> None:
    x, y = circles(100)
    a, b = net(2, 8, 2), net(2, 8, 2)
    fit(a, (x, y), epochs=3)
    fit(b, (x.numpy().astype(np.float64), y.numpy().astype(np.int32)), epochs=3)
    assert same(weights(a), weights(b))


def test_inputs_by_place_and_by_name_and_no_target() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(2, 1)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.line(torch.stack([a, b], 1))

    a, b = torch.randn(50), torch.randn(50)
    assert fit(Two(), ((a, b), a - b), epochs=2).nit > 0
    assert fit(Two(), ({"a": a, "b": b}, a - b), epochs=2).nit > 0
    assert fit(net(3, 2, 3, act=nn.Tanh), torch.randn(40, 3), epochs=2).nit > 0


# Where JAX was imported too, it warns of every fork.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_workers_that_fork() -> None:
    x, y = circles(64)
    fit(net(2, 4, 2), (x, y), epochs=1)  # the pool of threads is there before the fork
    context = "fork" if sys.platform == "linux" else None
    loader = torch.utils.data.DataLoader(
        Pairs(x, y), batch_size=16, num_workers=1, multiprocessing_context=context
    )
    assert fit(net(2, 4, 2), loader, epochs=1).nit == 4


# What it promises


def test_the_same_seed_gives_the_same_bits_and_leaves_the_callers_random_numbers() -> None:
    x, y = circles(100)
    ran = []
    torch.manual_seed(7)
    before = torch.get_rng_state()
    for seed in (0, 0, 1):
        module = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
        for p in module.parameters():
            nn.init.constant_(p, 0.1)
        before = torch.get_rng_state()
        fit(module, (x, y), epochs=3, seed=seed)
        ran.append(weights(module))
        assert torch.equal(before, torch.get_rng_state())
    assert same(ran[0], ran[1])
    assert not same(ran[0], ran[2])


def test_judging_a_step_changes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers and dropout are as if nobody had looked: with every step taken, the same bits with and without a look."""
    monkeypatch.setattr(StepSize, "judge", lambda self, *_: True)
    x, y = circles(100)
    ran = []
    for looks in (True, False):
        monkeypatch.setattr(StepSize, "looks_at", lambda self, step, looks=looks: looks)
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2)
        )
        fit(module, (x, y), epochs=3)
        ran.append([*weights(module), *(b.clone() for b in module.buffers())])
    assert same(*ran)


def test_accumulated_batches_are_one_large_batch() -> None:
    x, y = circles(96)
    large, small = net(2, 8, 2).double(), net(2, 8, 2).double()
    batches = [(x[i : i + 32].double(), y[i : i + 32]) for i in (0, 32, 64)]
    fit(large, [(x.double(), y)], epochs=8)
    fit(small, batches, epochs=8, accumulate=3)
    for p, q in zip(large.parameters(), small.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-8, atol=1e-10)


def test_frozen_parameters_and_still_parts_stay() -> None:
    module, (x, y) = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)), circles()
    module[0].requires_grad_(False)
    module[1].eval()
    frozen, mean = weights(module[0]), module[1].running_mean.clone()
    fit(module, (x, y), epochs=2)
    assert same(frozen, weights(module[0]))
    assert torch.equal(mean, module[1].running_mean)
    assert not module[1].training
    assert module.training


def test_tied_weights_stay_tied() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    fit(module, torch.randn(64, 4), epochs=3)
    assert module[2].weight is module[0].weight


def test_the_best_weights_are_returned_and_overfitting_is_said() -> None:
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 20, generator=g), torch.randint(0, 2, (60,), generator=g)
    module, held = (
        net(20, 64, 2),
        (torch.randn(100, 20, generator=g), torch.randint(0, 2, (100,), generator=g)),
    )
    result = fit(module, (x, y), validation=held, epochs=30)
    now = ends_at(module, held)
    assert now == pytest.approx(result.fun, rel=1e-5)
    assert now < result.history["held_out"][-1] / 1.5
    assert result.outcome == "held_out"
    assert result.success
    assert "overfitting" in [f.kind for f in result.findings]
    assert result.best_epoch < 20


def slow(seed: int = 0) -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    """A network whose held-out loss rises before it falls to nearly 0."""
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(seed))
    return net(4, 16, 1, seed=seed), (x, x.sum(1, keepdim=True).sin())


@pytest.mark.parametrize("epochs", [2, 5, 10])
def test_a_rise_at_the_beginning_is_no_success(epochs: int) -> None:
    module, data = slow()
    result = fit(module, data, epochs=epochs, validation=0.2)
    assert result.outcome == "budget"
    assert not result.success


def test_rounds_go_on_until_something_is_learnt() -> None:
    module, data = slow()
    assert fit(module, data, validation=0.2).fun < 0.05


def test_what_falls_again_at_the_end_is_no_success() -> None:
    story = steepest.training.story
    run = lambda held: types.SimpleNamespace(  # noqa: E731
        best_review=0,
        passes=len(held),
        history={"passes": list(range(1, len(held) + 1))},
        settled=lambda: True,
    )
    for held, rose in (([1.0, 2, 3, 4, 5, 6, 7, 8], True), ([1.0, 8, 7, 6, 5, 4, 3, 2], False)):
        assert story._rose(run(held), held) == rose


def test_patience_ends_early() -> None:
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 20, generator=g), torch.randint(0, 2, (60,), generator=g)
    result = fit(net(20, 64, 2), (x, y), validation=0.3, epochs=60, patience=4)
    assert result.outcome == "held_out"
    assert result.passes < 40


def test_averaged_weights_are_what_is_judged() -> None:
    for given in ({}, {"ema": 0.9}):
        module, (x, y) = net(2, 16, 2), circles()
        result = fit(module, (x, y), validation=(x, y), epochs=5, **given)
        assert ends_at(module, (x, y)) == pytest.approx(result.fun, rel=1e-4)


@pytest.mark.parametrize(("given", "most"), [({}, 1.0), ({"ema": 0.5}, 0.5), ({"ema": 0.0}, 0.0)])
def test_averages_are_over_the_last_tenth_of_the_steps(
    given: dict[str, float], most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steepest.torch import steps

    seen, moved = [], steps.Steps.moved
    monkeypatch.setattr(
        steps.Steps, "moved", lambda self: (seen.append(weights(self.module)), moved(self))[1]
    )
    module = net(2, 8, 2)
    average = weights(module)
    fit(module, circles(), max_steps=50, **given)
    for k, now in enumerate(seen, 1):
        new = 1.0 - min(most, k / (k + 9))
        average = [(1.0 - new) * a + new * b for a, b in zip(average, now, strict=True)]
    assert len(seen) == 50
    for a, b in zip(average, module.parameters(), strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-5, atol=1e-6)


def test_half_precision_trains() -> None:
    module, (x, y) = net(2, 16, 2), circles()
    result = fit(module, (x, y), epochs=10, precision="bfloat16")
    assert result.history["loss"][-1] < 0.6 * result.history["loss"][0]
    assert next(module.parameters()).dtype == torch.float32


def test_in_float16_small_gradients_do_not_vanish() -> None:
    """A millionth of a loss has slopes below what float16 can hold: without a scale nothing was learnt."""
    module, (x, y) = net(2, 16, 2), circles()
    before = ends_at(module, (x, y))
    fit(
        module,
        (x, y),
        lambda out, t: 1e-6 * nn.functional.cross_entropy(out, t),
        bound=0,
        epochs=10,
        precision="float16",
    )
    assert ends_at(module, (x, y)) < 0.6 * before
    assert next(module.parameters()).dtype == torch.float32


def test_in_float16_gradients_that_overflow_by_their_scale_are_taken_again() -> None:
    module, (x, y) = net(2, 16, 2), circles()
    result = fit(
        module,
        (x, y),
        lambda out, t: 1e3 * nn.functional.cross_entropy(out, t),
        bound=0,
        epochs=10,
        precision="float16",
    )
    assert result.history["loss"][-1] < 0.6 * result.history["loss"][0]
    assert "not_finite" not in [f.kind for f in result.findings]


def test_a_start_that_comes_to_no_number_is_the_worst_of_them() -> None:
    """Though it is the first."""

    class Positive(nn.Linear):
        def reset_parameters(self) -> None:
            super().reset_parameters()
            with torch.no_grad():
                self.weight[0, 0] = 1.0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + 1e-9 * self.weight[0, 0].log()

    module = Positive(2, 2)
    with torch.no_grad():
        module.weight[0, 0] = -1.0
    result = fit(module, circles(), epochs=2, starts=3)
    assert result.outcome == "budget"
    assert math.isfinite(result.fun)
    assert result.spread["least"] == result.fun
    assert result.spread["largest"] == math.inf


def test_several_starts_keep_the_best() -> None:
    module, (x, y) = net(2, 16, 2), circles()
    for p in module.parameters():  # a start from which no unit ever moves
        nn.init.zeros_(p)
    result = fit(module, (x, y), epochs=5, starts=3)
    assert result.spread["starts"] == 3
    assert result.fun == result.spread["least"] < result.spread["largest"]
    assert ends_at(module, (x, y)) < 0.5


def test_a_spike_is_clipped() -> None:
    x, y = torch.randn(640, 2), torch.randn(640)
    y[::64] = 1e4
    result = fit(nn.Linear(2, 1), (x, y), "huber", epochs=1, batch_size=4)
    assert result.history["clipped"][-1] == 0.0  # Huber's slope is bounded
    result = fit(nn.Linear(2, 1), (x, y), epochs=4, batch_size=2)
    assert result.history["clipped"][-1] > 0


# What is said


def test_the_result_speaks_the_packages_language(tmp_path: Path) -> None:
    x, y = circles()
    seen, lines = [], tmp_path / "run.jsonl"
    result = fit(net(2, 16, 2), (x, y), epochs=12, watch=seen.append, history=lines)
    assert set(steepest.result.FIELDS) <= set(result)
    assert "no rate was given" in repr(result)
    assert "budget of epochs" in result._repr_html_()
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["loss"] for row in rows] == list(result.history["loss"])
    assert set(result.x) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert seen
    assert 0 <= seen[0].fraction <= 1
    fit(net(2, 4, 2), (x, y), epochs=1, history=tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text().startswith("iteration,loss")
    pytest.importorskip("matplotlib")
    assert len(result.plot(file=tmp_path / "run.png")) == 3


def test_a_line_is_printed_at_each_review(capsys: pytest.CaptureFixture[str]) -> None:
    fit(net(2, 4, 2), circles(), epochs=12, disp=True)
    assert len(capsys.readouterr().out.splitlines()) == 12


def kinds(result: "steepest.result.Result") -> list[str]:
    return [f.kind for f in result.findings]


def test_vanishing_gradients_are_found_and_a_good_net_has_none() -> None:
    x, y = circles()
    deep = net(2, *[16] * 10, 2, act=nn.Sigmoid)
    assert "vanishing_gradient" in kinds(fit(deep, (x, y), epochs=5))
    assert not {"vanishing_gradient", "exploding_gradient", "plateau"} & set(
        kinds(fit(net(2, 16, 2), (x, y), epochs=20))
    )


def test_exploding_gradients_are_found() -> None:
    module = net(2, 16, 16, 2, act=nn.Tanh)
    module[-1].weight.data.mul_(3000.0)
    assert "exploding_gradient" in kinds(fit(module, circles(), epochs=2))


def test_dead_units_are_found() -> None:
    module = net(2, 20, 2)
    module[0].bias.data[:15] = -1e3
    found = [f for f in fit(module, circles(), epochs=20).findings if f.kind == "dead_units"]
    assert found[0].evidence["share_of_0.weight"] >= 0.75


def test_units_are_dead_where_no_row_has_an_output_of_them() -> None:
    """What ReLU lets through at the end is what counts, not whether the loss has a gradient: a hinge that is met by
    most rows has none."""
    x, y = circles()
    sides = y[:, None] * 2.0 - 1.0
    module = net(2, 32, 1)
    module[0].bias.data[:8] = -1e3
    result = fit(module, (x, sides), lambda out, side: torch.relu(1 - out * side).mean(), epochs=60)
    dead = float((module[1](module[0](x)) == 0).all(0).float().mean())
    (found,) = (f for f in result.findings if f.kind == "dead_units")
    assert found.evidence["share_of_0.weight"] == dead >= 0.25
    module = net(2, 16, 1, act=nn.GELU)
    easy = (x[:, :1] > 0) * 2.0 - 1.0
    assert "dead_units" not in kinds(
        fit(module, (x, easy), lambda out, side: torch.relu(1 - out * side).mean(), epochs=60)
    )


def test_first_outputs_that_are_far_too_large_are_found() -> None:
    data = circles()
    for factor, said in ((1.0, False), (4.0, True)):
        module = net(2, *[32] * 8, 2)
        with torch.no_grad():
            for p in module.parameters():
                p.mul_(factor)
        assert ("exploding_gradient" in kinds(fit(module, data, epochs=3))) == said


def test_where_all_targets_are_one_nothing_could_be_better_than_a_constant() -> None:
    x, _ = circles(100)
    for y, outputs in ((torch.full((100, 1), 0.1), 1), (torch.ones(100, dtype=torch.long), 2)):
        assert "no_better_than_a_constant" not in kinds(fit(net(2, 8, outputs), (x, y), epochs=10))


def test_nothing_overfits_that_learns_nothing() -> None:
    noticed = Noticed([])
    held = [1.2, 1.0, 1.1, 1.2, 1.3]
    for train, found in (([1.3, 1.2, 0.9, 0.6, 0.3], True), ([1.1, 1.2, 1.12, 1.18, 1.11], False)):
        history = {"held_out": held, "loss": train, "passes": [1.0, 2, 3, 4, 5]}
        assert (noticed._overfitting(history) is not None) == found


def test_no_better_than_a_constant_is_found() -> None:
    module, (x, y) = net(2, 8, 2), circles()
    module[0].bias.data[:] = -1e3
    assert "no_better_than_a_constant" in kinds(fit(module, (x, y), epochs=20))


# Stopped, kept, gone on with


def test_a_callback_and_a_watch_stop_it() -> None:
    data = circles()
    result = fit(net(2, 8, 2), data, epochs=50, callback=lambda p: p.epoch >= 3)
    assert result.outcome == "stopped"
    assert result.passes == 3

    def full(_: object) -> None:
        raise StopIteration

    assert fit(net(2, 8, 2), data, epochs=50, callback=full).passes == 1
    assert fit(net(2, 8, 2), data, epochs=10**6, watch=lambda p: p.iteration > 20).outcome == "stopped"


def test_a_callback_sees_the_last_review_too() -> None:
    """The one that ends the run was kept from it."""
    seen: list[float] = []

    def callback(progress: steepest.torch.Progress) -> None:
        seen.append(progress.held_out)

    result = fit(net(2, 8, 2), circles(), epochs=12, validation=0.2, callback=callback)
    assert seen == list(result.history["held_out"])


def test_an_error_of_a_callback_comes_out_as_itself() -> None:
    def broken(_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        fit(net(2, 8, 2), circles(), epochs=5, callback=broken)


def test_ctrl_c_returns_the_best_so_far() -> None:
    def press(progress: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    module = net(2, 8, 2)
    result = fit(module, circles(), epochs=10**6, validation=0.2, watch=press)
    assert result.outcome == "stopped"
    assert "Ctrl-C" in result.message
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Stopped in the middle of an epoch, with dropout, an average, and a DataLoader that draws its order itself."""
    x, y = circles(64)

    def run(stop_at: int | None, checkpoint: object = None) -> tuple[nn.Module, "steepest.result.Result"]:
        torch.manual_seed(3)
        module = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 2)
        )
        loader = torch.utils.data.DataLoader(Pairs(x, y), batch_size=16, shuffle=True)

        def watch(progress: steepest.torch.Progress) -> bool:
            return stop_at is not None and progress.iteration >= stop_at

        result = fit(module, loader, epochs=6, validation=(x, y), ema=0.9, watch=watch, checkpoint=checkpoint)
        return module, result

    straight, whole = run(None)
    file = tmp_path / "run.safetensors"
    _, part = run(1, (file, 0.0))
    assert part.outcome == "stopped"
    assert file.exists()
    resumed, rest = run(None, (file, 0.0))
    assert rest.resumed == part.nit < whole.nit == rest.nit
    assert same([*straight.state_dict().values()], [*resumed.state_dict().values()])
    np.testing.assert_array_equal(whole.history["loss"], rest.history["loss"])
    assert not file.exists()


#: A run as a program of its own and as part of this one.
PROGRAM = """
import sys, torch, steepest.torch
torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(200, 4)
y = (x.sum(1) > 0).long()
module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(.2), torch.nn.Linear(8, 2))
print("on", flush=True)
result = steepest.torch.fit(module, (x, y), epochs=12, validation=.2, checkpoint=where)
"""


def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    file = tmp_path / "kept.safetensors"
    code = f"where = ({str(file)!r}, 0.0)\n{PROGRAM}"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "on\n"
    while not file.exists() and child.poll() is None:
        time.sleep(0.002)
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert file.exists()
    ran = []
    for where in ((file, 30.0), None):
        known: dict[str, object] = {"where": where}
        exec(PROGRAM, known)
        ran.append(known)
    assert ran[0]["result"].resumed > 0
    assert ran[1]["result"].resumed is None
    assert same(weights(ran[0]["module"]), weights(ran[1]["module"]))


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_in_other_precisions_it_goes_on_to_the_same_bits(tmp_path: Path, kind: str) -> None:
    """Half precision is moved by torch's operations, whose numbers are tensors."""
    of, file = getattr(torch, kind), tmp_path / "run.safetensors"
    x, y = circles(64)

    def go(**given: object) -> nn.Module:
        module = net(2, 8, 2).to(of)
        fit(module, (x.to(of), y), epochs=6, **given)
        return module

    go(checkpoint=(file, 0.0), callback=lambda p: p.epoch > 2)
    assert file.exists()
    assert same(weights(go(checkpoint=file)), weights(go()))


def test_from_every_step_it_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of an epoch too, where no batch is left to go on with."""
    from steepest.training.plan import Kept

    file, write, kept = tmp_path / "kept.safetensors", Kept.write, []

    def copied(self: Kept, state: object) -> None:
        write(self, state)
        if state is not None:
            kept.append(file.read_bytes())

    monkeypatch.setattr(Kept, "write", copied)
    known: dict[str, object] = {"where": (file, 0.0)}
    exec(PROGRAM.replace("epochs=12", "epochs=3"), known)
    monkeypatch.undo()
    assert len(kept) >= 14
    for k, content in enumerate(kept):
        file.write_bytes(content)
        again: dict[str, object] = {"where": (file, 30.0)}
        exec(PROGRAM.replace("epochs=12", "epochs=3"), again)
        assert again["result"].resumed == k + 1
        assert same(weights(again["module"]), weights(known["module"])), k + 1


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    file, data = tmp_path / "run.safetensors", circles(100)
    fit(net(2, 8, 2), data, epochs=50, checkpoint=(file, 0.0), callback=lambda p: p.epoch > 1)
    for other, module in (({"epochs": 51}, net(2, 8, 2)), ({"epochs": 50}, net(2, 9, 2))):
        with pytest.raises(InputError, match="of another run"):
            fit(module, data, checkpoint=file, **other)
    with pytest.raises(InputError, match="data is another"):
        fit(net(2, 8, 2), circles(100, seed=1), epochs=50, checkpoint=file)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ModelFileError):
        fit(net(2, 8, 2), data, epochs=50, checkpoint=file)


@pytest.mark.parametrize(
    ("between", "other"),
    [
        (nn.ReLU(), nn.Tanh()),
        (nn.Dropout(0.2), nn.Dropout(0.5)),
        (nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
        (nn.Sequential(nn.Dropout(0.2), nn.ReLU()), nn.Dropout(0.2)),
    ],
)
def test_a_checkpoint_of_another_module_of_the_same_shapes_is_refused(
    tmp_path: Path, between: nn.Module, other: nn.Module
) -> None:
    def module(between: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), between, nn.Linear(8, 2))

    file, data = tmp_path / "run.safetensors", circles(100)
    fit(module(between), data, epochs=5, checkpoint=(file, 0.0), callback=lambda p: p.epoch > 1)
    with pytest.raises(InputError, match="module is another"):
        fit(module(other), data, epochs=5, checkpoint=file)
    frozen = module(between)
    frozen[0].weight.requires_grad_(False)
    with pytest.raises(InputError, match="module is another"):
        fit(frozen, data, epochs=5, checkpoint=file)
    assert fit(module(between.eval()), data, epochs=5, checkpoint=file).resumed


@pytest.mark.parametrize("name", ["now/2.bias", "average/0.weight"])
def test_a_checkpoint_that_no_run_has_written_leaves_the_module_as_it_is(tmp_path: Path, name: str) -> None:
    """One whose checksum is right, with an array of another shape, or without one."""
    from steepest.saving import read_file, write_file

    file, data = tmp_path / "run.safetensors", circles(100)
    fit(net(2, 8, 2), data, epochs=50, checkpoint=(file, 0.0), callback=lambda p: p.epoch > 1)
    content, arrays = read_file(file, "checkpoint")
    del arrays[name]
    if name.startswith("now"):
        arrays[name] = np.zeros(3, np.float32)
    write_file(file, "checkpoint", {"about": content["about"]}, arrays)
    module = net(2, 8, 2)
    before = weights(module)
    with pytest.raises(ModelFileError, match="the checkpoint was altered"):
        fit(module, data, epochs=50, checkpoint=file)
    assert same(before, weights(module))


@pytest.mark.parametrize("kind", ["rows", "dataset", "loader"])
def test_the_callers_random_numbers_stay_where_they_were(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DataLoader that shuffles draws from them; those of GPUs that are not trained on are not begun anew."""

    def touched(*_: object) -> None:
        raise AssertionError("the random numbers of all GPUs were begun anew")

    x, y = circles(64)
    pairs = Pairs(x, y)
    data: object = pairs if kind == "dataset" else (x, y)
    if kind == "loader":
        data = torch.utils.data.DataLoader(pairs, batch_size=16, shuffle=True)
    module = net(2, 4, 2)
    before = torch.get_rng_state()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", touched)
    fit(module, data, epochs=2, starts=2)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(InputError):
        fit(module, data, "nonsense", epochs=2)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", ["float64", "float32", "bfloat16", "float16"])
def test_the_weights_of_a_result_are_its_own(kind: str) -> None:
    """In the parameter's precision where NumPy has it; what becomes of the module later does not reach them."""
    x, y = circles(64)
    of = getattr(torch, kind)
    module = net(2, 4, 2).to(of)
    result = fit(module, (x.to(of), y), epochs=1)
    then = weights(module)
    with torch.no_grad():
        for p in module.parameters():
            p.fill_(7.0)
    for value, p in zip(result.x.values(), then, strict=True):
        assert value.dtype == (np.float64 if kind == "float64" else np.float32)
        assert np.array_equal(value, p.double().numpy())


def test_rows_are_read_over_for_a_checkpoint_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest of all data takes its time."""
    taken: list[object] = []
    digest = steepest.checkpoint.digest
    monkeypatch.setattr(steepest.checkpoint, "digest", lambda v: (taken.append(v), digest(v))[1])
    fit(net(2, 4, 2), circles(64), epochs=1)
    assert not taken
    fit(net(2, 4, 2), circles(64), epochs=1, checkpoint=tmp_path / "run.safetensors")
    assert taken


@pytest.mark.parametrize("kind", ["rows", "dataset", "subset", "loader", "batches"])
@pytest.mark.parametrize("of", [torch.float32, torch.bfloat16])
def test_a_checkpoint_of_other_rows_is_refused(tmp_path: Path, kind: str, of: torch.dtype) -> None:
    """As many rows of the same kind; one number is another."""

    def data(other: bool) -> object:
        x, y = circles(64)
        x = x.to(of)
        x[40, 1] = 2.0 if other else 1.0
        pairs = Pairs(x, y)
        return {
            "rows": (x, y),
            "dataset": torch.utils.data.TensorDataset(x, y),
            "subset": torch.utils.data.Subset(pairs, range(10, 60)),
            "loader": torch.utils.data.DataLoader(pairs, batch_size=16),
            "batches": [(x[:32], y[:32]), (x[32:], y[32:])],
        }[kind]

    def go(other: bool, module: nn.Module, **given: object) -> "steepest.result.Result":
        return fit(module.to(of), data(other), epochs=5, checkpoint=(file, 0.0), **given)

    file = tmp_path / "run.safetensors"
    go(False, net(2, 4, 2), callback=lambda p: p.epoch > 1)
    with pytest.raises(InputError, match="data is another"):
        go(True, net(2, 4, 2))
    assert go(False, net(2, 4, 2)).resumed


entropy = nn.functional.cross_entropy


def made_loss(power: float, scale: torch.Tensor) -> object:
    return lambda o, t: (nn.functional.cross_entropy(o, t) * scale).pow(power)


@pytest.mark.parametrize(
    ("loss", "other"),
    [
        (lambda: lambda o, t: entropy(o, t), lambda: lambda o, t: 2 * entropy(o, t)),
        (lambda: made_loss(1.0, torch.ones(())), lambda: made_loss(2.0, torch.ones(()))),
        (lambda: made_loss(1.0, torch.ones(())), lambda: made_loss(1.0, 2 * torch.ones(()))),
        (lambda: nn.CrossEntropyLoss(), lambda: nn.CrossEntropyLoss(label_smoothing=0.1)),
        (lambda: nn.CrossEntropyLoss(torch.ones(2)), lambda: nn.CrossEntropyLoss(torch.tensor([1.0, 2.0]))),
        (
            lambda: functools.partial(nn.functional.cross_entropy, label_smoothing=0.1),
            lambda: functools.partial(nn.functional.cross_entropy, label_smoothing=0.2),
        ),
        (lambda: "softmax", lambda: nn.MultiMarginLoss()),
    ],
)  # fmt: skip
def test_a_checkpoint_of_another_loss_is_refused(tmp_path: Path, loss: object, other: object) -> None:
    """One written in place has no name to be known by; the same one goes on."""
    file, data = tmp_path / "run.safetensors", circles(64)
    fit(net(2, 4, 2), data, loss(), epochs=5, checkpoint=(file, 0.0), callback=lambda p: p.epoch > 1)
    with pytest.raises(InputError, match="loss is another"):
        fit(net(2, 4, 2), data, other(), epochs=5, checkpoint=file)
    assert fit(net(2, 4, 2), data, loss(), epochs=5, checkpoint=file).resumed


def test_a_loss_may_see_what_is_trained_or_call_itself(tmp_path: Path) -> None:
    """The weights of a fresh module are not those of the one before; the loss is the same."""
    data = circles(64)

    def decayed(module: nn.Module) -> object:
        return lambda o, t: entropy(o, t) + 1e-3 * sum(p.square().sum() for p in module.parameters())

    def sized(module: nn.Module) -> object:
        some = list(module.parameters())
        return lambda o, t: entropy(o, t) + 1e-3 * sum(p.abs().sum() for p in some)

    def recursive(_: nn.Module) -> object:
        def loss(o: torch.Tensor, t: torch.Tensor, times: int = 1) -> torch.Tensor:
            return loss(o, t, times - 1) if times else entropy(o, t)

        return loss

    for i, make in enumerate((decayed, sized, recursive)):
        file, modules = tmp_path / f"{i}.safetensors", []
        for seed in (0, 1):
            torch.manual_seed(seed)
            modules.append(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2)))
        first, then = modules
        fit(first, data, make(first), epochs=5, checkpoint=(file, 0.0), callback=lambda p: p.epoch > 1)
        assert fit(then, data, make(then), epochs=5, checkpoint=file).resumed


# What is not finite


class Breaks(nn.Module):
    """A line that gives NaN at some of its calls in training."""

    def __init__(self, calls: range) -> None:
        super().__init__()
        self.line, self.count, self.calls = nn.Linear(2, 2), 0, calls

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return self.line(x) * (math.nan if self.count in self.calls else 1.0)


def test_it_goes_back_and_on_after_a_number_that_is_not_finite() -> None:
    module = Breaks(range(45, 46))
    result = fit(module, circles(), epochs=10)
    assert result.outcome == "budget"
    found = next(f for f in result.findings if f.kind == "not_finite")
    assert "The loss of step" in found.sentence
    assert math.isfinite(result.fun)


def test_it_stops_where_numbers_stay_not_finite_and_names_the_part() -> None:
    class Log(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.log()

    module = nn.Sequential(nn.Linear(2, 2), Log(), nn.Linear(2, 2))
    result = fit(module, circles(), epochs=10)
    assert result.outcome == "not_finite"
    assert not result.success
    assert "the output of 1" in result.message
    assert all(torch.isfinite(p).all() for p in module.parameters())


def test_a_row_that_is_not_finite_is_named() -> None:
    x, y = circles(100)
    x[17, 1] = math.nan
    with pytest.raises(InputError, match="input of row 17 is not finite"):
        fit(net(2, 8, 2), (x, y), epochs=2)
    result = fit(net(2, 8, 2), torch.utils.data.DataLoader(Pairs(x, y), batch_size=10), epochs=2)
    assert result.outcome == "not_finite"
    assert "row 7 of batch 1 of epoch 0" in result.message
    assert all(np.isfinite(v).all() for v in result.x.values())


def test_held_out_rows_that_are_not_finite_end_it() -> None:
    x, y = circles(100)
    held = [(torch.full((4, 2), math.inf), torch.zeros(4, dtype=torch.long))]
    assert fit(net(2, 8, 2), (x, y), validation=held, epochs=3).outcome == "not_finite"


def test_the_first_held_out_batch_that_is_not_finite_is_named() -> None:
    x, y = circles(100)
    held = torch.utils.data.DataLoader(
        Pairs(torch.where(torch.arange(100)[:, None] == 17, math.nan, x), y), 10
    )
    assert "input of row 7 of batch 1" in fit(net(2, 8, 2), (x, y), validation=held, epochs=2).message

    class Resting(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) / (1.0 if self.training else 0.0)

    module = nn.Sequential(Resting(2, 8), nn.Linear(8, 2))
    assert "first in the output of 0 (batch 0)" in fit(module, (x, y), validation=0.2, epochs=2).message


# What is refused

X, Y = circles(64)


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        (None, {}, "module must be a torch.nn.Module"),
        (nn.ReLU(), {}, "no parameters"),
        (nn.BatchNorm1d(2, affine=False), {}, "no parameters"),
        (nn.Linear(2, 2).requires_grad_(False), {}, "frozen"),
        (nn.LazyLinear(2), {}, "no shape yet"),
        ("nan", {}, "0.weight holds a number that is not finite"),
        ("complex", {}, "complex"),
        ("two devices", {}, "more than one device"),
        ("net", {"loss": nn.MSELoss}, r"got a class: pass MSELoss\(\)"),
        ("net", {"data": (X, X, Y)}, "must be a pair of arrays"),
        ("net", {"data": (X.tolist(), Y.tolist())}, "pass numpy.asarray"),
        ("net", {"epochs": 0}, "epochs must be a whole number of at least 1; got 0"),
        ("net", {"max_steps": 0}, "max_steps"),
        ("net", {"max_seconds": 0.0}, "max_seconds must be a number above 0"),
        ("net", {"batch_size": 0}, "batch_size"),
        ("net", {"accumulate": 1.5}, "accumulate"),
        ("net", {"starts": 0}, "starts"),
        ("net", {"seed": -1}, "seed"),
        ("net", {"ema": 1.5}, "ema"),
        ("net", {"weight_decay": -1.0}, "weight_decay"),
        ("net", {"bound": math.nan}, "bound"),
        ("net", {"precision": "half"}, "precision"),
        ("net", {"patience": 3}, "pass validation"),
        ("net", {"validation": 1.0}, "leaves none"),
        ("net", {"validation": 0.001}, "leaves none"),
        ("net", {"watch": 3}, "watch must be a function"),
        ("net", {"history": "run.txt"}, "ends in .csv or .jsonl"),
        ("net", {"device": "nonsense"}, "device"),
        ("net", {"loss": "cross_entropi"}, "did you mean 'cross_entropy'"),
        ("net", {"loss": 3}, "loss must be a name or a function"),
        ("net", {"loss": lambda o, t: o}, "must be one number; got a tensor of shape"),
        ("net", {"loss": lambda o, t: 1.0}, "must be a tensor"),
        ("net", {"loss": lambda o, t: o.detach().sum()}, "does not depend on any parameter"),
        ("net", {"loss": lambda o, t: (o > 0).sum()}, "must be a real number"),
        ("net", {"loss": "squared"}, "must be alike"),
        ("net", {"data": (X, Y[:-1])}, "one row each"),
        ("net", {"data": (X[:0], Y[:0])}, "no rows"),
        (
            "net",
            {"data": (X, torch.where(Y == 1, 5, 0))},
            r"label of row \d+ is 5, and the module has 2 outputs",
        ),
        ("net", {"data": (X, Y - 1)}, r"label of row \d+ is -1"),
        ("net", {"validation": (X, Y + 1)}, r"validation: the label of row \d+ is 2"),
        ("net", {"data": iter([(X, Y)])}, "read once only"),
        ("net", {"data": []}, "no batch"),
        ("net", {"data": [(X, Y, Y)]}, "got 3 parts"),
        ("net", {"data": 3}, "must be a tensor or an array"),
        ("net", {"data": X, "loss": Y}, r"pass input and target as one pair, \(X, y\)"),
        ("net", {"data": (X.to_sparse(), Y)}, "data must be dense; got a tensor of torch.sparse_coo"),
        ("net", {"data": (scipy.sparse.csr_array(X.numpy()), Y)}, "a sparse matrix is not taken"),
        ("net", {"data": [(X[:0], Y[:0])]}, "or every batch is empty"),
        ("net", {"device": "meta"}, "device is 'meta', on which torch does not compute here"),
        ("meta", {}, "the parameter weight has no numbers: it lies on 'meta'"),
        ("inference", {}, "the parameter weight was made under torch.inference_mode"),
        ("recurrent", {"data": (X[:, None], Y)}, "the loss 'softmax' is of two tensors; got an output tuple"),
        ("net", {"data": np.array([[1, 2], [3]], dtype=object)}, "must be numbers"),
        ("net", {"data": np.array(["a", "b"])}, "must be numbers"),
        ("net", {"data": [(X, Y)], "batch_size": 3}, "batch_size is for rows in memory"),
        ("net", {"data": [(X, Y)], "validation": 0.2}, "pass other data as validation"),
        ("bare", {"starts": 2}, "no reset_parameters"),
        ("sparse", {"data": (Y, Y)}, "sparse"),
    ],
)
def test_what_cannot_be_used_is_refused(module: object, given: dict[str, object], message: str) -> None:
    made: object = module
    if module in ("net", "nan"):
        made = net(2, 4, 2)
        if module == "nan":
            made[0].weight.data[0, 0] = math.nan
    elif module == "complex":
        made = nn.Linear(2, 2, dtype=torch.complex64)
    elif module == "two devices":
        made = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, device="meta"))
    elif module == "meta":
        made = nn.Linear(2, 2, device="meta")
    elif module == "inference":
        with torch.inference_mode():
            made = nn.Linear(2, 2)
    elif module == "recurrent":
        made = nn.GRU(2, 2)
    elif module == "bare":
        made = nn.Module()
        made.weight = nn.Parameter(torch.zeros(2, 2))
        made.forward = lambda x: x @ made.weight
    elif module == "sparse":
        made = nn.Embedding(2, 2, sparse=True)
    options: dict[str, object] = {"data": (X, Y), "epochs": 1, **given}
    with pytest.raises(InputError, match=message):
        fit(made, options.pop("data"), options.pop("loss", None), **options)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_arrays_are_taken_in_the_precision_of_the_module(kind: torch.dtype) -> None:
    module, (x, y) = net(2, 4, 2).to(kind), circles(64)
    rows = x.double().numpy(), y.numpy()
    for data in (rows, [rows]):
        assert fit(module, data, validation=data, epochs=1).nit


@pytest.mark.parametrize("loss", ["softmax", "cross_entropy"])
def test_labels_may_be_whole_numbers_of_any_kind(loss: str) -> None:
    for kind in (torch.int32, torch.uint8, torch.bool, torch.float32):
        assert fit(net(2, 4, 2), (X, Y.to(kind)), loss, epochs=1).nit == 2
    with pytest.raises(InputError, match=r"labels of classes must be whole numbers; got [01]\.5"):
        fit(net(2, 4, 2), (X, Y + 0.5), loss, epochs=1)


def test_an_error_of_the_module_says_in_which_batch_it_came_up() -> None:
    for data, held, words in (
        ([(X, Y), (X[:, :1], Y)], None, "batch 1 of epoch 0 of data"),
        ([(X, Y)], [(X, Y), (X, Y), (X[:, :1], Y)], "batch 2 of validation"),
    ):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as raised:
            fit(net(2, 4, 2), data, validation=held, epochs=1)
        assert raised.value.__notes__ == [f"This was {words}."]


def test_a_loss_without_a_gradient_is_said_to_teach_nothing() -> None:
    result = fit(net(2, 4, 2), (X, Y), lambda output, target: (0 * output).sum() + 1, epochs=20)
    assert [f.kind for f in result.findings] == ["no_gradient"]


def test_a_history_that_cannot_be_written_takes_no_result_with_it(tmp_path: Path) -> None:
    place = tmp_path / "h.csv"
    result = fit(
        net(2, 4, 2), (X, Y), epochs=1, history=place, callback=lambda progress: place.mkdir(exist_ok=True)
    )
    assert "history_not_written" in [f.kind for f in result.findings]
    with pytest.raises(InputError, match="is a folder; a file name is needed"):
        fit(net(2, 4, 2), (X, Y), epochs=1, history=place)


class Shifted(nn.Module):
    """A layer whose output is moved by a buffer."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.register_buffer("by", torch.full((2,), by))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + self.by


@pytest.mark.parametrize(
    ("module", "loss", "first"),
    [
        (Shifted(math.nan), "softmax", "the buffer by"),
        (Shifted(math.inf), "softmax", "the output of the module"),
        (nn.Linear(2, 2), lambda output, target: output.sum() * math.inf, "the loss itself"),
    ],
)
def test_what_is_first_not_finite_is_named_not_what_follows_from_it(
    module: nn.Module, loss: object, first: str
) -> None:
    result = fit(module, (X, Y), loss, epochs=3)
    assert result.outcome == "not_finite"
    assert f"first in {first};" in result.message


def test_integer_parameters_and_buffers_do_no_harm() -> None:
    module = net(2, 4, 2)
    module.register_parameter("count", nn.Parameter(torch.tensor([3]), requires_grad=False))
    module.register_buffer("seen", torch.tensor(5))
    assert fit(module, (X, Y), epochs=2).nit > 0
    assert module.count.item() == 3


def test_a_loader_that_raises_half_way_raises_its_own_error() -> None:
    class Broken:
        def __iter__(self):
            yield X, Y
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        fit(net(2, 4, 2), Broken(), epochs=2)


def test_a_loader_that_ends_early_is_named() -> None:
    class Once:
        left = 1

        def __iter__(self):
            if self.left:
                self.left -= 1
                yield from [(X, Y), (X, Y)]

    with pytest.raises(InputError, match="gave no batch in epoch 1"):
        fit(net(2, 4, 2), Once(), "softmax", epochs=3)


def test_fewer_rows_than_a_batch() -> None:
    assert fit(net(2, 4, 2), (X[:3], Y[:3]), epochs=2, batch_size=64).nit == 2
    assert fit(net(2, 4, 2), Pairs(X[:3], Y[:3]), epochs=2, batch_size=64).nit == 2


def test_two_fits_at_once() -> None:
    modules, errors = [net(2, 8, 2), net(2, 8, 2)], []

    def run(module: nn.Module) -> None:
        try:
            fit(module, (X, Y), epochs=10)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(m,)) for m in modules]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert all(torch.isfinite(p).all() for m in modules for p in m.parameters())
    with pytest.raises(InputError, match="another call of fit"):
        fit(modules[0], (X, Y), epochs=2, callback=lambda p: fit(modules[0], (X, Y), epochs=1))
    assert fit(modules[0], (X, Y), epochs=1).nit > 0


# Curves for others


def test_tensorboard_draws_each_review(tmp_path: Path) -> None:
    """Read back by TensorBoard itself."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        result = fit(
            net(2, 8, 2), circles(), epochs=12, validation=0.2, callback=steepest.log_to(writer, "run/")
        )
    kept = EventAccumulator(str(tmp_path)).Reload()
    seen = kept.Scalars("run/held_out")
    np.testing.assert_allclose([e.value for e in seen], result.history["held_out"], rtol=1e-6)
    assert [e.step for e in seen] == [int(k) for k in result.history["iteration"]]


def test_mlflow_keeps_each_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow-skinny has no other
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        result = fit(net(2, 8, 2), circles(), epochs=12, callback=steepest.log_to(mlflow))
    kept = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
    np.testing.assert_allclose([m.value for m in kept], result.history["loss"])
