"""What torch's users do with an optimizer: copy it, save it, load torch's own state, steer it, misuse it."""

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from steepest import rates, rules
from steepest.errors import InputError

pytestmark = pytest.mark.hosts

try:
    import torch

    import steepest.torch as ours

    torch.set_num_threads(1)
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    torch = None  # type: ignore[assignment]

CLASSES = ["SGD", "AdamW", "Adam", "Lamb", "Lion", "Momentum", "MomoAdam", "Muon", "Nesterov", "Rprop", "Sgd"]


def parameters(*shapes: tuple[int, ...], dtype: str = "float32") -> list[Any]:
    rng = np.random.default_rng(0)
    return [torch.nn.Parameter(torch.tensor(rng.normal(size=s)).to(getattr(torch, dtype))) for s in shapes]


def go(optimizer: Any, params: list[Any], steps: int, first: int = 0) -> None:
    """Steps down a quadratic with some noise that depends on the step alone."""
    for t in range(first, first + steps):
        rng = np.random.default_rng(t)
        for p in params:
            p.grad = p.detach() - 3 + torch.tensor(rng.normal(size=p.shape)).to(p.dtype)
        optimizer.step(lambda: sum(0.5 * (p.detach() - 3).square().sum() for p in params))


def values(params: list[Any]) -> list[Any]:
    return [p.detach().clone() for p in params]


def assert_equal(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        assert torch.equal(x, y)


def copied(optimizer: Any) -> Any:
    return copy.deepcopy(optimizer)


def pickled(optimizer: Any) -> Any:
    return pickle.loads(pickle.dumps(optimizer))


def saved(optimizer: Any) -> Any:
    file = io.BytesIO()
    torch.save(optimizer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("way", [copied, pickled, saved])
@pytest.mark.parametrize("name", CLASSES)
def test_a_copy_goes_on_as_the_first(name: str, way: Callable[[Any], Any]) -> None:
    params = parameters((3, 2), (4,))
    optimizer = getattr(ours, name)(params, before=[rules.ClipNorm(most=5.0)])
    go(optimizer, params, 3)
    other = way(optimizer)
    twins = [p for group in other.param_groups for p in group["params"]]
    assert all(a is not b for a, b in zip(params, twins, strict=True))
    go(optimizer, params, 3, first=3)
    go(other, twins, 3, first=3)
    assert_equal(values(params), values(twins))


@pytest.mark.parametrize("default", ["bfloat16", "float16", "float64"])
def test_the_number_of_the_step_is_exact_under_any_default_dtype(default: str) -> None:
    def end() -> float:
        p = torch.nn.Parameter(torch.ones(1, dtype=torch.float32))
        optimizer = ours.Adam([p], lr=1e-3)
        for _ in range(1000):
            p.grad = p.detach().clone()
            optimizer.step()
        assert optimizer.state[p]["step"] == 1000
        return float(p.detach())

    usual = end()
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        assert end() == usual
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("name", CLASSES)
def test_a_state_fits_a_model_that_lies_otherwise(name: str) -> None:
    shape = (2, 3, 4, 4)
    ends = []
    for layouts in [("channels_last", "contiguous_format"), ("contiguous_format", "channels_last"), None]:
        params = parameters(shape)
        if layouts:
            params[0].data = params[0].data.contiguous(memory_format=getattr(torch, layouts[0]))
        optimizer = getattr(ours, name)(params)
        go(optimizer, params, 3)
        if layouts:
            state = copy.deepcopy(optimizer.state_dict())
            fresh = params[0].detach().clone().contiguous(memory_format=getattr(torch, layouts[1]))
            params = [torch.nn.Parameter(fresh)]
            optimizer = getattr(ours, name)(params)
            optimizer.load_state_dict(state)
        go(optimizer, params, 3, first=3)
        ends.append(values(params)[0].contiguous())
    for end in ends[:-1]:
        torch.testing.assert_close(end, ends[-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "then"), [("float64", "float32"), ("float32", "float64"), ("bfloat16", "float64")]
)
@pytest.mark.parametrize("name", CLASSES)
def test_a_state_fits_parameters_of_another_precision(name: str, first: str, then: str) -> None:
    for in_place in (False, True):
        params = parameters((3, 2), (4,), (), dtype=first)
        optimizer = getattr(ours, name)(params)
        go(optimizer, params, 3)
        if in_place:  # as model.double() does
            for p in params:
                p.grad = None
                p.data = p.data.to(getattr(torch, then))
        else:
            state = copy.deepcopy(optimizer.state_dict())
            params = [torch.nn.Parameter(p.detach().to(getattr(torch, then))) for p in params]
            optimizer = getattr(ours, name)(params)
            optimizer.load_state_dict(state)
        go(optimizer, params, 3, first=3)
        assert all(p.isfinite().all() for p in params)
        for p in params:
            assert all(m.dtype == p.dtype for n, m in optimizer.state[p].items() if n != "step")


def test_hooks_of_loading_have_the_last_word() -> None:
    params = parameters((3,))
    optimizer = ours.Adam(params)
    go(optimizer, params, 2)
    state = copy.deepcopy(optimizer.state_dict())

    def before(_: Any, given: dict[str, Any]) -> dict[str, Any]:
        given = copy.deepcopy(given)
        given["state"][0]["mean"] = torch.full((3,), 7.0)
        given["param_groups"][0]["lr"] = 0.125
        return given

    def after(one: Any) -> None:
        one.state[params[0]]["square"].fill_(9.0)

    optimizer.register_load_state_dict_pre_hook(before)
    optimizer.register_load_state_dict_post_hook(after)
    optimizer.load_state_dict(state)
    assert optimizer.state[params[0]]["mean"].tolist() == [7.0] * 3
    assert optimizer.state[params[0]]["square"].tolist() == [9.0] * 3
    assert optimizer.param_groups[0]["lr"] == 0.125
    assert state["state"][0]["mean"].tolist() != [7.0] * 3


@pytest.mark.parametrize("name", CLASSES)
def test_a_graph_made_before_the_step_is_stale(name: str) -> None:
    w = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = getattr(ours, name)([w], lr=0.1)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optimizer.step(lambda: loss)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_parameters_made_for_inference_may_be_moved() -> None:
    with torch.inference_mode():
        p = torch.ones(2)
        p.grad = torch.ones(2)
        ours.Sgd([p], lr=0.5).step()
        assert p.tolist() == [0.5, 0.5]


# What torch has too: its state is taken over, and the steps after are torch's own.
PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "AdamW": (lambda p: torch.optim.AdamW(p, 0.01, (0.8, 0.99), 1e-6, 0.1), lambda p: ours.Adam(p)),
    "Adam": (lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1), lambda p: ours.Adam(p)),
    "maximize": (lambda p: torch.optim.AdamW(p, 0.01, maximize=True), lambda p: ours.AdamW(p)),
    "SGD": (lambda p: torch.optim.SGD(p, 0.01, weight_decay=0.1), lambda p: ours.Sgd(p)),
    "plain SGD": (lambda p: torch.optim.SGD(p, 0.01), lambda p: ours.SGD(p)),
    "momentum": (lambda p: torch.optim.SGD(p, 0.01, 0.8), lambda p: ours.Momentum(p)),
    "nesterov": (
        lambda p: torch.optim.SGD(p, 0.01, 0.8, nesterov=True),
        lambda p: ours.SGD(p, momentum=0.5, nesterov=True),
    ),
    "dampened": (lambda p: torch.optim.SGD(p, 0.01, 0.8, dampening=0.3), lambda p: ours.Momentum(p)),
    "AMSGrad": (lambda p: torch.optim.AdamW(p, 0.01, amsgrad=True), lambda p: ours.Amsgrad(p)),
    "Rprop": (lambda p: torch.optim.Rprop(p, 0.02, (0.4, 1.3), (1e-5, 10.0)), lambda p: ours.Rprop(p)),
}


@pytest.mark.parametrize("name", list(PAIRS))
def test_a_state_of_torchs_own_is_taken_over(name: str) -> None:
    theirs, mine = PAIRS[name]
    params = parameters((3, 2), (4,), dtype="float64")
    first = theirs(params)
    go(first, params, 4)
    twins = [torch.nn.Parameter(p.detach().clone()) for p in params]
    second = mine(twins)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    go(first, params, 4, first=4)
    go(second, twins, 4, first=4)
    for a, b in zip(twins, params, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=1e-12, atol=1e-12)


MORE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dampened": ("SGD", "SGD", {"momentum": 0.8, "dampening": 0.3}),
    "RMSprop": ("RMSprop", "RMSprop", {"alpha": 0.9, "centered": True, "momentum": 0.5}),
    "Adagrad": ("Adagrad", "Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.2}),
    "Adadelta": ("Adadelta", "Adadelta", {"rho": 0.8, "eps": 1e-5, "weight_decay": 0.1}),
    "RAdam": ("RAdam", "RAdam", {"betas": (0.8, 0.9)}),
    "Adamax": ("Adamax", "Adamax", {"betas": (0.8, 0.9)}),
    "AMSGrad": ("AdamW", "Amsgrad", {"amsgrad": True, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("name", [*PAIRS, *MORE])
def test_torchs_arguments_mean_what_they_mean_there(name: str) -> None:
    arguments: dict[str, tuple[str, str, dict[str, Any]]] = {
        **MORE,
        "AdamW": ("AdamW", "AdamW", {"betas": (0.8, 0.99), "eps": 1e-6, "foreach": False}),
        "Adam": ("Adam", "Adam", {"weight_decay": 0.1, "decoupled_weight_decay": False, "amsgrad": False}),
        "maximize": ("AdamW", "AdamW", {"maximize": True, "fused": False}),
        "SGD": ("SGD", "SGD", {"weight_decay": 0.1}),
        "plain SGD": ("SGD", "Sgd", {"momentum": 0}),
        "momentum": ("SGD", "SGD", {"momentum": 0.8, "weight_decay": 0.1, "dampening": 0}),
        "nesterov": ("SGD", "SGD", {"momentum": 0.8, "nesterov": True}),
        "Rprop": ("Rprop", "Rprop", {"etas": (0.4, 1.3), "step_sizes": (1e-5, 10.0)}),
    }
    theirs, mine, given = arguments[name]
    ends = []
    for kind in (getattr(torch.optim, theirs), getattr(ours, mine)):
        params = parameters((3, 2), (4,), dtype="float64")
        optimizer = kind([{"params": params[:1], "lr": 0.02}, {"params": params[1:]}], lr=0.01, **given)
        go(optimizer, params, 6)
        ends.append(values(params))
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12)


def test_what_is_not_the_same_is_refused_by_name() -> None:
    params = parameters((3, 2))

    def state(kind: str, steps: int = 2, **given: Any) -> dict[str, Any]:
        optimizer = getattr(torch.optim, kind)(params, **given)
        go(optimizer, params, steps)
        return optimizer.state_dict()

    old = state("AdamW")
    del old["param_groups"][0]["decoupled_weight_decay"]
    for make, loaded, words in [
        (ours.Adam, state("Adagrad"), "another optimizer saved it"),
        # Without momentum it has no memories that would give it away.
        (ours.Adam, state("SGD"), "holds no betas: another optimizer saved it"),
        (ours.Adam, state("Adam", amsgrad=True), "adam takes amsgrad=False only; got True"),
        (ours.Adam, old, "whether torch.optim.Adam or AdamW saved it"),
        (ours.Nesterov, state("SGD", momentum=0.9, dampening=0.5), "nesterov takes nesterov=True only"),
        (ours.Momentum, state("SGD", momentum=0.9, nesterov=True), "momentum takes nesterov=False only"),
        (ours.Sgd, state("SGD", momentum=0.9), "sgd takes momentum=0 only; got 0.9; SGD, Momentum"),
        (ours.Muon, state("Muon"), "muon takes adjust_lr_fn='match_rms_adamw' only"),
        (ours.MomoAdam, state("AdamW", weight_decay=0.0), "another optimizer saved it"),
        (ours.Lamb, state("AdamW"), "another optimizer saved it"),
        (ours.Adam, ours.Lamb(params).state_dict(), "saved by lamb; adam cannot go on from it"),
    ]:
        optimizer = make(params)
        before = copy.deepcopy(optimizer.state_dict())
        with pytest.raises(InputError, match=words):
            optimizer.load_state_dict(loaded)
        assert optimizer.state_dict() == before
    other = ours.Adam(parameters((2, 3)))
    with pytest.raises(InputError, match="mean of parameter 0 has the shape"):
        other.load_state_dict(state("AdamW"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": -1.0}, "lr must be at least 0; got -1.0"),
        ({"lr": float("nan")}, "lr must be at least 0; got nan"),
        ({"lr": float("inf")}, "lr must be at least 0; got inf"),
        ({"lr": "0.1"}, "lr must be at least 0; got '0.1'"),
        ({"lr": 1j}, "lr must be a number"),
        ({"lr": [0.1]}, "lr must be a number"),
        ({"betas": (1.0, 0.9)}, r"betas=\(1.0, 0.9\): mean_decay must be between 0 and"),
        ({"betas": 0.9}, "betas must be 2 numbers; got 0.9"),
        ({"betas": (0.9, 0.9, 0.9)}, "betas must be 2 numbers"),
        ({"betas": (0.9, 0.99), "mean_decay": 0.8}, "mean_decay is given twice, once as betas"),
        ({"betas": (np.ma.masked, 0.9)}, "must be a number; got a masked value"),
        ({"betas": (float("nan"), 0.9)}, "mean_decay must be a number; got nan"),
        ({"eps": -1.0}, "eps=-1.0: epsilon must be between 0 and 1"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
        ({"capturable": True}, "capturable=False only; got True: its steps cannot be captured"),
        ({"differentiable": True}, "differentiable=False only"),
        (
            {"decoupled_weight_decay": False, "before": "clip"},
            "decoupled_weight_decay=False cannot go with before",
        ),
    ],
)
def test_wrong_arguments_are_answered(given: dict[str, Any], words: str) -> None:
    if given.get("before") == "clip":
        given = {**given, "before": [rules.ClipNorm()]}
    with pytest.raises(InputError, match=words):
        ours.Adam(parameters((2,)), **given)
    if "before" not in given:
        with pytest.raises(InputError, match=words):
            ours.Adam([{"params": parameters((2,)), **given}])


def test_an_unknown_setting_gets_a_near_name_and_the_words_of_a_class_are_laid_out() -> None:
    for given, near in [
        ("beta", "did you mean 'betas'"),
        ("weightdecay", "'weight_decay'"),
        ("zzz", "available"),
        ("learning_rate", "the rate is called lr in torch"),
    ]:
        with pytest.raises(InputError, match=f"adam has no setting called '{given}'; .*{near}"):
            ours.Adam(parameters((2,)), **{given: 0.1})
    for name in CLASSES:
        lines = inspect.getdoc(getattr(ours, name)).splitlines()
        at = lines.index("Parameters")
        assert lines[at + 1 : at + 3] == ["----------", "params : iterable"]
    with pytest.raises(InputError, match="lr must be"):
        ours.Adam(parameters((2,)), lr=np.ma.masked)


def test_tensors_as_rates() -> None:
    for wrong in (torch.tensor(-1.0), torch.tensor(float("nan")), torch.tensor([0.1, 0.1])):
        with pytest.raises(InputError, match="lr must be"):
            ours.Sgd(parameters((2,)), lr=wrong)
    ends = []
    for lr in (0.125, np.float32(0.125), np.float64(0.125), torch.tensor(0.125), torch.tensor([0.125])):
        params = parameters((2,))
        optimizer = ours.Sgd(params, lr=lr)
        go(optimizer, params, 2)
        torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        ends.append(values(params))
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        optimizer.load_state_dict(torch.load(file, weights_only=True))
    for end in ends[1:]:
        assert_equal(ends[0], end)


@pytest.mark.parametrize("schedule", ["OneCycleLR", "CyclicLR"])
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_cycles_of_rates_and_momentum(schedule: str, name: str) -> None:
    ends = []
    for kind in (getattr(torch.optim, name), getattr(ours, name)):
        params = parameters((3, 2), dtype="float64")
        optimizer = kind(params, lr=0.01, **({"momentum": 0.9} if name == "SGD" else {}))
        if schedule == "OneCycleLR":
            cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=12)
        else:
            cycle = torch.optim.lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, step_size_up=4)
        for t in range(11):
            go(optimizer, params, 1, first=t)
            cycle.step()
        ends.append(values(params))
    torch.testing.assert_close(ends[1][0], ends[0][0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["Lion", "Lamb", "Muon", "MomoAdam", "Momentum", "Nesterov"])
def test_cycles_go_with_every_rule_that_has_momentum(name: str) -> None:
    params = parameters((3, 2))
    optimizer = getattr(ours, name)(params)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
    word = "betas" if "betas" in optimizer.defaults else "momentum"
    seen = []
    for t in range(4):
        go(optimizer, params, 1, first=t)
        seen.append(optimizer.param_groups[0][word])
        cycle.step()
    assert len(set(seen)) > 1


def test_a_refused_step_has_not_counted() -> None:
    dense, sparse = torch.nn.Parameter(torch.ones(3)), torch.nn.Embedding(4, 2, sparse=True)
    optimizer = ours.Adam([dense, sparse.weight])
    dense.grad = torch.ones(3)
    sparse(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(InputError, match="sparse=True"):
        optimizer.step()
    assert not optimizer.state
    optimizer = ours.MomoAdam([dense])
    for wrong in (None, torch.ones(2), torch.tensor(float("nan")), float("inf")):
        with pytest.raises(InputError, match="the loss"):
            optimizer.step(loss=wrong)
    assert not optimizer.state
    other = parameters((2,))
    optimizer = ours.Adam([{"params": [dense]}, {"params": other}])
    optimizer.param_groups[1]["weight_decay"] = -1.0
    optimizer.step()  # nothing moves in that group
    assert optimizer.state.pop(dense)["step"] == 1
    other[0].grad = torch.ones(2)
    with pytest.raises(InputError, match="weight_decay must be at least 0"):
        optimizer.step()
    assert not optimizer.state


def test_literals_beside_a_condition_keep_their_value() -> None:
    """A number that a formula chooses is not taken for a truth value."""
    x = torch.tensor([-1.0, 2.0])
    assert ours.traced._where(x > 0, 0.5, 0.25).tolist() == [0.25, 0.5]
    assert ours.traced._where(x > 0, 0.5, torch.tensor([3.0, 3.0])).tolist() == [3.0, 0.5]


def test_a_matrix_of_one_row_moves_by_adam_under_muon() -> None:
    for shape in ((1, 5), (5, 1), (1, 1), (5,), (2, 3, 2)):
        ends = []
        for kind in (ours.Adam, ours.Muon):
            params = parameters(shape)
            go(kind(params, lr=0.01), params, 3)
            ends.append(values(params))
        assert_equal(*ends)


def test_empty_and_scalar_parameters() -> None:
    params = parameters((0,), (0, 3), (), (1,))
    for name in CLASSES:
        go(getattr(ours, name)(params), params, 2)
    assert all(p.isfinite().all() for p in params)


def test_settings_may_change_while_running() -> None:
    params = parameters((2,))
    optimizer = ours.Sgd(params, lr=0.5, weight_decay=0.0)
    start = values(params)[0]
    optimizer.param_groups[0]["weight_decay"] = 1.0
    params[0].grad = torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(params[0].detach(), 0.5 * start)
    optimizer = ours.Adam(params)
    optimizer.param_groups[0]["mean_decay"] = 0.5
    with pytest.raises(InputError, match="mean_decay is given twice, once as betas"):
        optimizer.step()


def test_our_schedules_steer_any_optimizer() -> None:
    theirs: dict[str, Callable[[Any], Any]] = {
        "Cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 8),
        "Linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 8),
        "Constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0),
    }
    for name, make in theirs.items():
        ends = []
        for schedule in (make, lambda o, name=name: ours.schedule(o, getattr(rates, name)(), 8)):
            optimizer = torch.optim.SGD(parameters((2,)), lr=0.5)
            falling = schedule(optimizer)
            ends.append([])
            for _ in range(8):
                ends[-1].append(falling.get_last_lr()[0])
                optimizer.step()
                falling.step()
        np.testing.assert_allclose(ends[1], ends[0], rtol=1e-12)
    for wrong, words in [
        ((rules.Adam(), 8), "schedule of steepest.rates"),
        ((rates.Cosine(), 0), "steps must be"),
    ]:
        with pytest.raises(InputError, match=words):
            ours.schedule(optimizer, *wrong)


def test_half_precision_with_a_scaler() -> None:
    for name in ("Adam", "MomoAdam"):
        params = parameters((3,))
        optimizer, scaler = getattr(ours, name)(params), torch.amp.GradScaler("cpu")
        for _ in range(3):
            optimizer.zero_grad()
            loss = (params[0] ** 2).sum()
            scaler.scale(loss).backward()
            scaler.step(optimizer, **({"loss": loss} if name == "MomoAdam" else {}))
            scaler.update()
        assert optimizer.state[params[0]]["step"] == 3
        if name == "MomoAdam":
            assert 0 < optimizer.param_groups[0]["numbers"]["momo_adam"]["mean_value"] < 10


def configurations() -> list[Any]:
    """What torch tests its own optimizers with, where ours have one of that name."""
    if torch is None:
        return []
    from torch.testing._internal.common_optimizers import optim_db

    found = []
    for info in optim_db:
        if info.optim_cls.__name__ in ("Adam", "AdamW", "SGD", "Rprop", "Muon"):
            for one in info.optim_inputs_func("cpu", torch.float64):
                words = "-".join(f"{k}={v}" for k, v in one.kwargs.items())
                found.append(
                    pytest.param(info.optim_cls, one.kwargs, id=f"{info.optim_cls.__name__}-{words}")
                )
    return found


@pytest.mark.parametrize(("kind", "given"), configurations())
def test_every_configuration_of_torchs_tests_is_the_same_or_refused(kind: Any, given: dict[str, Any]) -> None:
    def make(words: Any) -> Any:
        params = parameters((6, 4), (3, 5), dtype="float64")
        return params, words(params)

    mine = getattr(ours, kind.__name__)
    own = {"Adam": {"decoupled_weight_decay": False}, "Muon": {"weight_decay": 0.1}}.get(kind.__name__, {})
    params, theirs = make(lambda p: kind(p, **given))
    try:
        twins, optimizer = make(lambda p: mine(p, **{"lr": theirs.defaults["lr"], **own, **given}))
    except InputError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert any(f"{word}=" in refusal for word in given)
        return
    go(theirs, params, 5)
    go(optimizer, twins, 5)
    # torch's Muon computes in bfloat16, and its own scale of the step has to be asked for
    if kind.__name__ == "Muon":
        if given.get("adjust_lr_fn") != "match_rms_adamw":
            return
        tol = 0.05
    else:
        tol = 1e-12
    for a, b in zip(twins, params, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=tol, atol=tol)


@pytest.mark.parametrize("way", ["unfrozen", "added", "resting"])
def test_momo_over_parameters_that_come_and_go(way: str) -> None:
    """Its model of the loss is one over all parameters: one without a gradient has a gradient of 0."""
    ends = []
    for zeros in (True, False):
        params = parameters((3,), (2,), dtype="float64")
        late = way == "added" and not zeros
        optimizer = ours.MomoAdam(params[:1] if late else params, lr=0.05)
        for t in range(8):
            if late and t == 3:
                optimizer.add_param_group({"params": params[1:]})
            idle = t in (3, 4) if way == "resting" else t < 3
            for p in params:
                p.grad = p.detach() - 3
            if idle:
                params[1].grad = torch.zeros(2, dtype=torch.float64) if zeros else None
            seen = params[:1] if idle else params
            optimizer.step(loss=sum(0.5 * (p.detach() - 3).square().sum() for p in seen))
        ends.append(values(params))
        assert all(optimizer.state[p]["step"] == 8 for p in params)
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12)
