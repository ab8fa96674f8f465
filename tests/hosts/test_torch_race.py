"""The race of `steepest.torch.fit`: who goes on, what it costs, that it is kept and stopped as any run is."""

import itertools
import json
import math
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import steepest.torch  # noqa: E402
from steepest.errors import ModelFileError  # noqa: E402
from steepest.saving import read_file, write_file  # noqa: E402
from steepest.torch import fitting  # noqa: E402
from steepest.training import race  # noqa: E402
from steepest.training.plan import Kept  # noqa: E402

pytestmark = pytest.mark.hosts
fit, nn = steepest.torch.fit, torch.nn
#: 4 batches an epoch; the race goes through 6 of 28, three reviews
EPOCHS = {"epochs": 7, "batch_size": 20}


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(race, "FEWEST", 28)
    yield
    torch.set_num_threads(threads)


def data() -> dict[str, Any]:
    """Rows to learn from and rows to judge by."""
    x = torch.randn(120, 2, generator=torch.Generator().manual_seed(0))
    y = x.square().sum(1, keepdim=True).sin()
    return {"data": (x[:80], y[:80]), "validation": (x[80:], y[80:])}


class Fades(nn.Module):
    """Changes a buffer that no file keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(1), persistent=False)

    def forward(self, x: Any) -> Any:
        if self.training:
            self.scale.mul_(0.99)
        return x * self.scale


def net(fades: bool = False) -> Any:
    torch.manual_seed(0)
    act = Fades() if fades else nn.Tanh()
    parts = nn.Linear(2, 8), nn.BatchNorm1d(8), act, nn.Dropout(0.1), nn.Linear(8, 1)
    return nn.Sequential(*parts)


def state(module: Any) -> list[Any]:
    return [t.clone() for t in module.state_dict().values()]


def same(a: list[Any], b: list[Any]) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def last_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "MARGIN", -math.inf)


@pytest.mark.parametrize("name", list(fitting.WAYS))
def test_the_one_that_goes_on_ends_as_it_does_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others before it leave no trace: weights, buffers and dropout are its own."""
    ways = dict(fitting.WAYS)
    last_goes_on(monkeypatch)
    alone, raced = net(fades=True), net(fades=True)
    monkeypatch.setattr(fitting, "WAYS", {name: ways[name]})
    before = fit(alone, **data(), **EPOCHS)
    monkeypatch.setattr(fitting, "WAYS", {**{n: w for n, w in ways.items() if n != name}, name: ways[name]})
    result = fit(raced, **data(), **EPOCHS)
    assert same(state(alone), state(raced))
    assert result.method == ways[name][0]
    for column, values in result.history.items():
        if column != "seconds":
            np.testing.assert_array_equal(values, before.history[column])
    assert list(result.race)[-1] == name
    assert repr(name) in result.reason


def test_what_it_costs_is_counted_and_who_won_is_told() -> None:
    module, plain = net(), net()
    result, before = fit(module, **data(), **EPOCHS), fit(plain, **data(), **EPOCHS, race=False)
    assert before.passes == 7
    assert before.race is None
    assert before.nfev == before.history["evaluations"][-1]
    assert result.passes == 7 + 2 * 1.5
    assert result.history["passes"][-1] == 7
    assert result.nfev > before.nfev
    losses = list(result.race.values())
    assert list(result.race) == list(fitting.WAYS)
    assert losses[0] == min(before.history["held_out"][:3])
    won = next(k for k, name in enumerate(result.race) if f"{name!r} went on" in result.reason)
    assert losses[won] == min(losses) or won == 0
    assert losses[won] == min(result.history["held_out"][:3])


def test_the_first_goes_on_unless_another_is_clearly_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where nothing is learnt yet."""
    monkeypatch.setattr(fitting, "WAYS", {"a": ("momo_adam", None), "b": ("momo_adam", 1.0)})
    module, plain = net(), net()
    monkeypatch.setattr(race, "MARGIN", math.inf)
    assert "'a'" in fit(module, **data(), **EPOCHS).reason
    fit(plain, **data(), **EPOCHS, race=False)
    assert same(state(module), state(plain))


def test_there_is_none_where_nothing_can_be_judged_or_the_budget_is_what_is_asked_for() -> None:
    given, line = data(), nn.Linear(2, 1)
    rows = {"data": given["data"]}
    for module, args in (
        (line, {**given, **EPOCHS}),
        (net(), {**rows, **EPOCHS}),
        (net(), {**given, "epochs": 6, "batch_size": 20}),
        (net(), {**given, "max_steps": 27}),
        (net(), {**given, "max_seconds": 0.05}),
        (net(), {**given, **EPOCHS, "accumulate": 2}),
    ):
        result = fit(module, **args)
        assert result.race is None
        assert result.passes == result.history["passes"][-1]


def test_callbacks_hear_of_the_first_and_of_the_one_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last_goes_on(monkeypatch)
    seen, watched = [], []
    result = fit(
        net(),
        **data(),
        **EPOCHS,
        disp=True,
        callback=lambda p: seen.append((p.iteration, p.fraction)),
        watch=lambda p: watched.append(p.fraction),
    )
    assert [k for k, _ in seen] == list(result.history["iteration"])
    assert capsys.readouterr().out.splitlines()[3] == "race: 'momo' goes on"
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert watched == sorted(watched)
    assert shares[2] == pytest.approx(6 / 28 / 1.4)
    assert shares[-1] == 1.0


class Down(Exception):
    pass


@pytest.mark.parametrize(
    ("calls", "winner"),
    [(14, "last"), (20, "last"), (20, "first"), (36, "last"), (60, "first"), (60, "last")],
)
def test_it_goes_on_from_a_file_to_the_same_bits(
    calls: int, winner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off in the first run, the second, the third, and after the race."""
    monkeypatch.setattr(race, "MARGIN", math.inf if winner == "first" else -math.inf)
    due = itertools.count()
    monkeypatch.setattr(Kept, "due", property(lambda kept: next(due) % 4 == 3))
    kept = {**data(), **EPOCHS, "checkpoint": (tmp_path / "run", 0)}
    whole, broken = net(), net()
    through = fit(whole, **data(), **EPOCHS)
    left = [calls]

    def breaks(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Down

    hook = broken[0].register_forward_hook(breaks)
    with pytest.raises(Down):
        fit(broken, **kept)
    hook.remove()
    again = net()
    result = fit(again, **kept)
    assert result.resumed is not None
    assert same(state(whole), state(again))
    assert (result.race, result.passes, result.nfev) == (through.race, through.passes, through.nfev)
    assert list(result.history["held_out"]) == list(through.history["held_out"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("calls", [20, 36])
def test_stopped_within_it_the_best_weights_of_all_are_in_place(calls: int, tmp_path: Path) -> None:
    kept = {**data(), **EPOCHS, "checkpoint": (tmp_path / "run", 1000)}
    whole, module, left = net(), net(), [calls]
    fit(whole, **data(), **EPOCHS)

    def interrupts(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)

    hook = module[0].register_forward_hook(interrupts)
    result = fit(module, **kept)
    hook.remove()
    assert result.outcome == "stopped"
    assert result.fun <= min(result.race.values())
    loss = nn.functional.mse_loss(module.eval()(data()["validation"][0]), data()["validation"][1])
    assert float(loss.detach()) == pytest.approx(result.fun, rel=1e-5)
    again = net()
    fit(again, **kept)
    assert same(state(whole), state(again))


def test_an_altered_file_is_refused_and_the_module_stays(tmp_path: Path) -> None:
    path = tmp_path / "run"
    module = net()
    fit(module, **data(), **EPOCHS, checkpoint=(path, 0), callback=lambda p: p.iteration == 3)
    content, arrays = read_file(path, "checkpoint")
    for name in ("race", "told", "race start/0.weight"):
        write_file(path, "checkpoint", content, {n: a for n, a in arrays.items() if n != name})
        module = net()
        with pytest.raises(ModelFileError, match="altered"):
            fit(module, **data(), **EPOCHS, checkpoint=path)
        assert same(state(module), state(net()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", 9),
        ("at", "1"),
        ("best", 2),
        ("losses", {}),
        ("losses", {"a": "b"}),
        ("spent", {}),
        ("ended", 3),
    ],
)
def test_a_race_that_cannot_be_is_refused(name: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "run"
    left = [36]

    def breaks(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Down

    module = net()
    module[0].register_forward_hook(breaks)
    with pytest.raises(Down):
        fit(module, **data(), **EPOCHS, checkpoint=(path, 0))
    content, arrays = read_file(path, "checkpoint")
    told = json.loads(bytes(arrays["race"]).decode())
    arrays["race"] = np.frombuffer(json.dumps(told | {name: value}).encode(), np.uint8)
    write_file(path, "checkpoint", content, arrays)
    module = net()
    with pytest.raises(ModelFileError, match="altered"):
        fit(module, **data(), **EPOCHS, checkpoint=path)
    assert same(state(module), state(net()))


class OddAtFirst(nn.Module):
    """No number where it is first judged."""

    judged = 0

    def forward(self, x: Any) -> Any:
        self.judged += not self.training
        return x * (math.nan if not self.training and self.judged == 1 else 1.0)


def test_one_that_came_to_no_number_is_behind_any_other() -> None:
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), OddAtFirst(), nn.Linear(8, 1))
    result = fit(module, **data(), **EPOCHS)
    assert next(iter(result.race.values())) == math.inf
    assert math.isfinite(result.fun)
    assert result.passes > 7


def test_rows_that_do_not_come_twice_are_for_one_run() -> None:
    rows = torch.utils.data.TensorDataset(*data()["data"])
    held = {"validation": data()["validation"], "epochs": 7}

    def loader(**args: Any) -> Any:
        return torch.utils.data.DataLoader(rows, batch_size=20, **args)

    class Stream:
        def __iter__(self) -> Iterator[Any]:
            return iter(loader())

        def __len__(self) -> int:
            return 4

    assert fit(net(), loader(shuffle=True), **held).race is not None
    assert fit(net(), list(loader()), **held).race is not None
    assert fit(net(), loader(shuffle=True, generator=torch.Generator()), **held).race is None
    assert fit(net(), Stream(), **held).race is None


def test_several_starts_race_each() -> None:
    module = net()
    result = fit(module, **data(), **EPOCHS, starts=2)
    assert result.spread["starts"] == 2
    assert result.passes == 10
