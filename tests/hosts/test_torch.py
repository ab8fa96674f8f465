"""Every rule as a torch optimizer: it trains, is torch's where that means the same, resumes to the bit."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from steepest import _catalog, rules
from steepest.errors import InputError

pytestmark = pytest.mark.hosts

try:
    import torch

    import steepest.torch as ours

    torch.set_num_threads(1)
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    torch = None  # type: ignore[assignment]

NAMES = [e.name for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
CLASSES = ["".join(part.capitalize() for part in n.split("_")) for n in NAMES]


def network(dtype: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)).to(dtype)


def train(
    model: Any, optimizer: Any, steps: int, first: int = 0, after: Callable[[], Any] | None = None
) -> list[float]:
    torch.manual_seed(1)
    kind = next(model.parameters()).dtype
    x = torch.randn(64, 6).to(kind)
    y = torch.stack([torch.sin(x.float().sum(1)), x.float()[:, 0]], 1).to(kind)
    values = []
    for _ in range(first, first + steps):

        def closure() -> Any:
            optimizer.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            return loss

        values.append(optimizer.step(closure).item())
        if after is not None:
            after()
    return values


def flat(model: Any) -> Any:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", CLASSES)
def test_every_rule_trains_a_network(name: str, dtype: str) -> None:
    model = network(getattr(torch, dtype))
    known = {"Sgd": 0.1, "Momentum": 0.05, "Nesterov": 0.05, "Adadelta": 20.0, "Lars": 20.0}
    own = _catalog.find("rules", NAMES[CLASSES.index(name)]).about["tunes_itself"]
    lr = None if own else known.get(name, 0.01)
    values = train(model, getattr(ours, name)(model.parameters(), lr=lr), 100 if dtype != "bfloat16" else 40)
    if dtype == "bfloat16" and name in {"Dog", "LDog", "Prodigy"}:
        return  # their first moves are too short for bfloat16 to see
    assert values[-1] < 0.9 * values[0]


REFERENCES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "adam": (
        lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
        lambda p: ours.Adam(p, lr=1e-2, weight_decay=0.1),
    ),
    "sgd": (
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.1),
        lambda p: ours.Sgd(p, lr=0.1, weight_decay=0.1),
    ),
    "momentum": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: ours.Momentum(p, lr=0.1, weight_decay=0.1),
    ),
    "nesterov": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: ours.Nesterov(p, lr=0.1),
    ),
    "rprop": (lambda p: torch.optim.Rprop(p, lr=0.01), lambda p: ours.Rprop(p)),
}


@pytest.mark.parametrize(("dtype", "tol"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("name", list(REFERENCES))
def test_torchs_own(name: str, dtype: str, tol: float) -> None:
    ends = []
    for make in REFERENCES[name]:
        model = network(getattr(torch, dtype))
        # Rprop looks at signs alone, so that a rounding of a gradient near 0 shows at once.
        train(model, make(model.parameters()), 20 if name == "rprop" else 50)
        ends.append(flat(model))
    torch.testing.assert_close(ends[1], ends[0], rtol=tol, atol=tol)


def test_soap_trains_digits_further_than_adam() -> None:
    """At its own rate and at Adam's decays; a basis that is a step behind its gradient ends at a loss of 30."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    ends = []
    for make in (ours.Soap, lambda p: torch.optim.Adam(p, 3e-3, (0.95, 0.95))):
        torch.manual_seed(0)
        parts = [torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU()]
        net = torch.nn.Sequential(*parts, torch.nn.Linear(128, 10))
        optimizer = make(net.parameters())
        for _ in range(5):
            for rows in torch.randperm(len(x)).split(64):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
                optimizer.step()
        ends.append(float(torch.nn.functional.cross_entropy(net(x), y).detach()))
    assert ends[0] < ends[1]


def test_muon_is_torchs_on_matrices() -> None:
    # torch's works in bfloat16 inside, so only roughly.
    ends = []
    for make in (
        lambda p: torch.optim.Muon(p, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        lambda p: ours.Muon(p, lr=0.01, weight_decay=0.1),
    ):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(6, 16, bias=False), torch.nn.Tanh(), torch.nn.Linear(16, 2, bias=False)
        )
        train(model, make(model.parameters()), 10)
        ends.append(flat(model))
    assert (ends[0] - ends[1]).norm() < 0.02 * ends[0].norm()


@pytest.mark.parametrize("name", CLASSES)
def test_compiled_and_traced_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for plain in (True, False):
        if not plain:
            monkeypatch.setattr(ours.rule, "_is_plain", lambda params: False)
        model = network(torch.float64)
        optimizer = getattr(ours, name)(model.parameters(), lr=1e-2, before=[rules.ClipNorm(most=0.5)])
        train(model, optimizer, 20)
        ends.append(flat(model))
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CLASSES)
def test_restored_is_never_stopped(name: str, dtype: str, tmp_path: Any) -> None:
    model = network(getattr(torch, dtype))
    optimizer = getattr(ours, name)(model.parameters())
    train(model, optimizer, 5)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "saved.pt")
    train(model, optimizer, 5, first=5)
    other = network(getattr(torch, dtype), seed=3)
    again = getattr(ours, name)(other.parameters(), lr=123.0)
    saved = torch.load(tmp_path / "saved.pt", weights_only=True)
    other.load_state_dict(saved["model"])
    again.load_state_dict(saved["optimizer"])
    train(other, again, 5, first=5)
    assert torch.equal(flat(model), flat(other))


def test_groups_have_their_own_settings_and_one_norm() -> None:
    # One step of Sgd at rate 1 is the clipped gradient; the second group stands still.
    a, b = (torch.nn.Parameter(torch.zeros(3)) for _ in range(2))
    optimizer = ours.Sgd(
        [{"params": [a]}, {"params": [b], "lr": 0.0}], lr=1.0, before=[rules.ClipNorm(most=1.0)]
    )
    a.grad, b.grad = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    optimizer.step()
    torch.testing.assert_close(a.detach(), torch.tensor([-0.6, 0.0, 0.0]))
    assert torch.equal(b.detach(), torch.zeros(3))


def test_momo_over_two_groups_is_momo_over_one() -> None:
    ends = []
    for split in (False, True):
        model = network(torch.float64)
        params = list(model.parameters())
        groups = [{"params": params[:2]}, {"params": params[2:]}] if split else params
        train(model, ours.MomoAdam(groups), 20)
        ends.append(flat(model))
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-9)


def test_torchs_schedulers_steer_the_rate() -> None:
    ends = []
    for make in (lambda p: torch.optim.SGD(p, lr=0.1), lambda p: ours.Sgd(p, lr=0.1)):
        model = network(torch.float64)
        optimizer = make(model.parameters())
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
        train(model, optimizer, 20, after=schedule.step)
        ends.append(flat(model))
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-12, atol=1e-12)


def test_parameters_without_a_gradient_and_odd_layouts() -> None:
    still = torch.nn.Parameter(torch.ones(2))
    turned = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).T)
    mixed = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = ours.Adam([still, turned, mixed], lr=0.1)
    turned.grad, mixed.grad = torch.ones(3, 2), torch.ones(2, dtype=torch.float64)
    before = turned.detach().clone()
    optimizer.step()
    assert torch.equal(still.detach(), torch.ones(2))
    torch.testing.assert_close(turned.detach(), before - 0.1)
    assert set(optimizer.state) == {turned, mixed}


def test_it_can_be_copied_and_compiled() -> None:
    model = network(torch.float32)
    optimizer = ours.Adam(model.parameters(), lr=0.01)
    train(model, copy.deepcopy(optimizer), 1)
    plain, traced = network(torch.float32), network(torch.float32)
    train(plain, ours.Adam(plain.parameters(), lr=0.01), 3)
    optimizer = ours.Adam(traced.parameters(), lr=0.01)
    steps = torch.compile(optimizer.step, backend="eager")
    torch.manual_seed(1)
    x = torch.randn(64, 6)
    y = torch.stack([torch.sin(x.sum(1)), x[:, 0]], 1)
    for _ in range(3):
        optimizer.zero_grad()
        (traced(x) - y).square().mean().backward()
        steps()
    torch.testing.assert_close(flat(traced), flat(plain), rtol=1e-5, atol=1e-6)


def test_what_is_wrong_is_said() -> None:
    p = [torch.nn.Parameter(torch.ones(2))]
    for wrong, words in [
        (lambda: ours.Adam(p, lr=-1.0), r"^lr must be at least 0; got -1\.0$"),
        (lambda: ours.Adam(p, epsilon=-1.0), "^epsilon must be between 0 and 1; got -1.0$"),
        (lambda: ours.Adam(p, epsilom=1.0), "no setting called 'epsilom'; did you mean 'epsilon'"),
        (lambda: ours.Adam([{"params": p, "epsilon": 7.0}]), "^epsilon must be between"),
        (lambda: ours.Adam(p, before=[rules.Adam()]), "before takes rules that turn the gradient"),
        (lambda: ours.SGD(p, nesterov=True), "needs a momentum above 0"),
    ]:
        with pytest.raises(InputError, match=words):
            wrong()
    optimizer = ours.MomoAdam(p)
    p[0].grad = torch.ones(2)
    with pytest.raises(InputError, match=r"momo_adam needs the loss: call step\(closure\)"):
        optimizer.step()
    optimizer.step(loss=2.0)
    for broken in (math.nan, torch.tensor(math.inf)):
        before, optimizer.param_groups[0]["lr"] = p[0].detach().clone(), broken
        with pytest.raises(InputError, match=r"lr must be finite; got (nan|inf)"):
            optimizer.step(loss=2.0)
        assert torch.equal(p[0].detach(), before)
    with pytest.raises(AttributeError, match="did you mean 'Adam'"):
        ours.Adm  # noqa: B018


def test_momo_at_its_default_learns_from_labels_that_contradict_each_other() -> None:
    """Where no loss near `bound` can be had, the cap alone decides: it must be a rate that Adam bears."""
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    given = np.where(random.random(len(labels)) < 0.3, random.integers(0, 10, len(labels)), labels)
    x, y = torch.tensor(rows / 16, dtype=torch.float32), torch.tensor(given)
    final = {}
    for kind in (torch.optim.Adam, ours.MomoAdam):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
        optimizer = kind(model.parameters())
        losses = []
        for _ in range(20):
            order = torch.randperm(1300)
            total = 0.0
            for rows_of_batch in order.split(32):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x[rows_of_batch]), y[rows_of_batch])
                loss.backward()
                optimizer.step(lambda loss=loss: loss)
                total += loss.item() * len(rows_of_batch) / 1300
            losses.append(total)
        right = (model(x[1300:]).argmax(1) == torch.tensor(labels[1300:])).float().mean().item()
        final[kind.__name__] = losses[-1], right
        assert losses[-1] < losses[len(losses) // 2] < losses[0]
    assert final["MomoAdam"][0] < final["Adam"][0]
    assert final["MomoAdam"][1] > final["Adam"][1] - 0.03


def noisy(groups: int, dtype: Any = None) -> tuple[list[Any], Any]:
    """Two parameters of 0 without slopes, in one group or two: a step of rate 1 is the noise."""
    params = [torch.nn.Parameter(torch.zeros(1000, dtype=dtype)) for _ in range(2)]
    for p in params:
        p.grad = torch.zeros_like(p)
    given = [{"params": params}] if groups == 1 else [{"params": [p]} for p in params]
    return params, ours.Sgd(given, lr=1.0, before=[rules.GradientNoise(eta=1.0, seed=5)])


def test_gradient_noise_goes_by_the_place_of_a_parameter_and_goes_on_as_it_was() -> None:
    seen = []
    for groups in (1, 2):
        params, optimizer = noisy(groups)
        optimizer.step()
        saved = copy.deepcopy(optimizer.state_dict())
        optimizer.step()
        seen.append([p.detach().clone() for p in params])
        later, fresh = noisy(groups)
        fresh.load_state_dict(saved)
        fresh.step()
        first, once = noisy(groups)
        once.step()
        for p, q, whole in zip(first, later, seen[-1], strict=True):
            torch.testing.assert_close(p + q, whole, rtol=0, atol=1e-6)
    for one, two in zip(*seen, strict=True):
        assert torch.equal(one, two)
    assert abs(np.corrcoef(*(v.numpy() for v in seen[1]))[0, 1]) < 0.15
    assert abs(float(seen[1][0].std()) - np.sqrt(1 + 2**-0.55)) < 0.15
    # In half precision by torch's operations: the same numbers, rounded.
    half, optimizer = noisy(1, torch.bfloat16)
    optimizer.step()
    params, optimizer = noisy(1)
    optimizer.step()
    for p, q in zip(half, params, strict=True):
        torch.testing.assert_close(p, q.to(torch.bfloat16))
    compiled, optimizer = noisy(1)
    torch.compile(optimizer.step, backend="eager")()
    for p, q in zip(compiled, params, strict=True):
        torch.testing.assert_close(p, q)
