"""Losses of `steepest.torch.fit`: what is left out is left out everywhere, classes lie where they are said to, and
outputs and targets are never set against each other crosswise. Judged by torch's own losses on all rows at once."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import steepest.torch  # noqa: E402
from steepest.errors import InputError  # noqa: E402

pytestmark = pytest.mark.hosts
fit = steepest.torch.fit
nn, F = torch.nn, torch.nn.functional


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def line(inputs: int = 2, outputs: int = 2) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs)


X = normal(64, 2)
Y = (X.sum(1) > 0).long()


# What is left out


@pytest.mark.parametrize(
    ("ignore", "loss"),
    [
        (-100, None),
        (-100, "softmax"),
        (-100, "cross_entropy"),
        (-100, F.cross_entropy),
        (-1, nn.CrossEntropyLoss(ignore_index=-1)),
        (255, nn.CrossEntropyLoss(ignore_index=255)),
        (255, nn.CrossEntropyLoss(torch.tensor([1.0, 20.0]), ignore_index=255)),
        (255, nn.CrossEntropyLoss(ignore_index=255, label_smoothing=0.1)),
        (-1, functools.partial(F.cross_entropy, ignore_index=-1)),
        (0, nn.CrossEntropyLoss(ignore_index=0)),
    ],
)
def test_labels_to_leave_out_weigh_nothing_in_the_held_out_loss(ignore: int, loss: Any) -> None:
    """The batches of what is held out have unlike shares of them."""
    y = Y.clone()
    y[:30] = ignore
    y[32:36] = ignore
    module = line()
    held = [(X[:32], y[:32]), (X[32:], y[32:])]
    result = fit(module, (X, y), loss, validation=held, epochs=2)
    whole = loss if callable(loss) else nn.CrossEntropyLoss(ignore_index=ignore)
    assert result.fun == pytest.approx(float(whole(module(X), y).detach()), rel=1e-5)


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 20.0])])
def test_accumulated_batches_are_one_where_labels_are_left_out_too(weight: Any) -> None:
    y = Y.clone()
    y[:30] = -1
    y[33:48] = -1
    loss = nn.CrossEntropyLoss(None if weight is None else weight.double(), ignore_index=-1)
    large, small = line().double(), line().double()
    fit(large, [(X.double(), y)], loss, epochs=8)
    fit(
        small,
        [(X[i : i + 16].double(), y[i : i + 16]) for i in (0, 16, 32, 48)],
        loss,
        epochs=8,
        accumulate=4,
    )
    for p, q in zip(large.parameters(), small.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-8, atol=1e-10)


def test_a_batch_of_labels_to_leave_out_is_passed_over() -> None:
    """torch's mean over nothing is not a number."""
    y = Y.clone()
    y[:32] = -100
    result = fit(
        line(), [(X[:32], y[:32]), (X[32:], y[32:])], validation=[(X[:32], y[:32]), (X, Y)], epochs=3
    )
    assert result.outcome in ("budget", "held_out")
    assert result.nit == 3
    assert not [f for f in result.findings if f.kind == "not_finite"]
    assert np.isfinite(result.history["loss"]).all()
    assert result.history["loss"][-1] < result.history["loss"][0]


def test_nothing_but_labels_to_leave_out_is_refused() -> None:
    left = torch.full_like(Y, -100)
    with pytest.raises(InputError, match="data: every label is one that is left out"):
        fit(line(), (X, left), max_steps=3)
    with pytest.raises(InputError, match="validation: every label is one that is left out"):
        fit(line(), (X, Y), validation=(X, left), epochs=2)


@pytest.mark.parametrize(
    ("loss", "label"),
    [
        (nn.CrossEntropyLoss(ignore_index=-1), -100),
        (nn.CrossEntropyLoss(ignore_index=255), -1),
        (nn.CrossEntropyLoss(torch.ones(2)), 2),
        (functools.partial(F.cross_entropy, ignore_index=255), 7),
        (nn.NLLLoss(), 2),
    ],
)
def test_a_label_that_is_none_is_named_beside_one_that_is_left_out(loss: Any, label: int) -> None:
    y = Y.clone()
    y[17] = label
    with pytest.raises(InputError, match=f"label of row 17 is {label}, and the module has 2 outputs"):
        fit(nn.Sequential(line(), nn.LogSoftmax(1)), (X, y), loss, epochs=1)


# Where classes lie


class Dense(nn.Module):
    """Three classes at each of so many places, along the second axis or the last."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kernel, self.last = nn.Conv1d(2, 3, 1), last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.kernel(x)
        return out.movedim(1, -1) if self.last else out


@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize(
    ("last", "name"), [(False, "cross_entropy"), (True, "softmax"), (False, None), (True, None)]
)
def test_classes_at_each_place(width: int, last: bool, name: str | None) -> None:
    """As many places as classes fit both ways: then the loss must be named."""
    x = normal(40, 2, width)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    module = Dense(last)
    if width == 3 and name is None:
        with pytest.raises(
            InputError, match="say loss='softmax' for the last, 'cross_entropy' for the second"
        ):
            fit(module, (x, y), name, epochs=1)
        return
    result = fit(module, (x, y), name, validation=(x, y), epochs=60)
    assert result.fun == pytest.approx(float(F.cross_entropy(module.kernel(x), y).detach()), rel=1e-5)
    assert result.fun < 0.8 * 1.0986


def test_the_other_axis_is_told_apart_by_name() -> None:
    x, y = normal(40, 2, 5), torch.zeros(40, 5, dtype=torch.long)
    with pytest.raises(InputError, match="the loss is 'cross_entropy'"):
        fit(Dense(False), (x, y), "softmax", epochs=1)
    with pytest.raises(InputError, match="the loss is 'softmax'"):
        fit(Dense(True), (x, y), "cross_entropy", epochs=1)
    y[7, 2] = 4
    for last, name in ((True, "softmax"), (False, "cross_entropy"), (False, nn.CrossEntropyLoss())):
        with pytest.raises(InputError, match="label of row 7 is 4, and the module has 3 outputs"):
            fit(Dense(last), (x, y), name, epochs=1)


@pytest.mark.parametrize("loss", ["softmax", "cross_entropy"])
def test_probabilities_are_targets_too(loss: str) -> None:
    module, shares = line(), torch.softmax(normal(64, 2, seed=1), 1)
    result = fit(module, (X, shares), loss, validation=(X, shares), epochs=2)
    assert result.fun == pytest.approx(float(F.cross_entropy(module(X), shares).detach()), rel=1e-5)


def test_one_label_in_a_column_is_a_label() -> None:
    a, b = line(), line()
    fit(a, (X, Y), epochs=2)
    fit(b, (X, Y[:, None]), "softmax", epochs=2)
    assert torch.equal(a.weight, b.weight)


def test_two_classes_by_one_output_are_told_of_their_loss() -> None:
    with pytest.raises(InputError, match="two classes by one output are the loss 'logistic'"):
        fit(line(2, 1), (X, Y), epochs=1)
    fit(line(2, 1), (X, Y), "logistic", epochs=1)


@pytest.mark.parametrize("loss", ["logistic", nn.BCEWithLogitsLoss()])
def test_labels_that_are_no_probabilities_of_two_classes_are_refused(loss: Any) -> None:
    y = (Y > 0).float()[:, None]
    fit(line(2, 1), (X, 0.9 * y), loss, epochs=1)
    for labels, words in ((2 * y - 1, r"is -1, .*\(y \+ 1\) / 2"), (3 * y, "is 3, .*'softmax'")):
        with pytest.raises(InputError, match=words):
            fit(line(2, 1), (X, labels), loss, epochs=1)
        with pytest.raises(InputError, match="validation: the label of row"):
            fit(line(2, 1), (X, y), loss, validation=(X, labels), epochs=1)


# Outputs against targets


@pytest.mark.parametrize(
    ("name", "torchs"),
    [
        ("squared", F.mse_loss),
        ("absolute", F.l1_loss),
        ("huber", F.smooth_l1_loss),
        ("mse", nn.MSELoss()),
    ],
)
def test_named_losses_are_torchs_means_over_all_numbers(name: str, torchs: Any) -> None:
    """Batches of unlike sizes make the same mean."""
    module, y = line(2, 3), normal(64, 3, seed=1)
    result = fit(module, (X, y), name, validation=[(X[:50], y[:50]), (X[50:], y[50:])], epochs=2)
    assert result.fun == pytest.approx(float(torchs(module(X), y).detach()), rel=1e-5)


@pytest.mark.parametrize("columns", [(64, 1), (64,)])
def test_a_column_and_a_row_are_aligned_by_named_losses(columns: tuple[int, ...]) -> None:
    module, y = line(2, 1), X @ torch.tensor([1.0, -2.0])
    fit(module, (X, y.reshape(columns)), epochs=60)
    assert float((module(X)[:, 0] - y).square().mean().detach()) < 0.01


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    "loss",
    [
        nn.MSELoss(),
        nn.L1Loss(),
        nn.SmoothL1Loss(),
        nn.HuberLoss(),
        F.mse_loss,
        lambda o, t: (o - t).square().mean(),
        lambda o, t: (t.double() - o.sigmoid()).abs().mean(),
        lambda o, t: F.mse_loss(input=o, target=t),
        lambda o, t: torch.maximum(0.9 * (t - o), 0.1 * (o - t)).mean(),
    ],
)
def test_a_column_against_a_row_is_refused(loss: Any) -> None:
    """Silently, torch would set each output against all targets."""
    message = (
        r"output of shape \(32, 1\) against a target of shape \(32,\), from which torch makes \(32, 32\)"
    )
    with pytest.raises(InputError, match=message):
        fit(line(2, 1), (X, normal(64)), loss, epochs=1)
    fit(line(2, 1), (X, normal(64)[:, None]), loss, epochs=1)
    with pytest.raises(InputError, match="the loss sets"):
        fit(nn.Sequential(line(2, 1), nn.Flatten(0)), (X, normal(64)[:, None]), loss, epochs=1)


@pytest.mark.parametrize(
    "loss",
    [
        lambda o, t: F.mse_loss(o[:, 0], t),
        lambda o, t: F.mse_loss(o, t[:, None]),
        lambda o, t: (o.squeeze(-1) - t).abs().mean(),
        lambda o, t: (o - t.view_as(o)).square().mean(),
        lambda o, t: (o - t.unsqueeze(1)).square().mean(),
        lambda o, t: (o * torch.ones(32)).square().mean() + 0 * t.sum(),
    ],
)
def test_losses_that_align_them_themselves_are_let_be(loss: Any) -> None:
    assert fit(line(2, 1), (X, normal(64)), loss, epochs=1).nit == 2


def test_quantiles_against_a_column_are_let_be() -> None:
    levels = torch.tensor([0.1, 0.5, 0.9])

    def pinball(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        short = t[:, None] - o
        return torch.maximum(levels * short, (levels - 1) * short).mean()

    assert fit(line(2, 3), (X, normal(64)), pinball, epochs=1).nit == 2
    with pytest.raises(InputError, match=r"from which torch makes \(3, 3\)"):
        fit(line(2, 3), [(X[:3], normal(3))], lambda o, t: (o - t).abs().mean(), epochs=1)


@pytest.mark.parametrize(
    ("output", "target"), [((2, 3), (3, 2)), ((2, 3), (6,)), ((6,), (2, 3)), ((1, 6), (6, 2))]
)
def test_shapes_that_only_hold_as_many_numbers_are_refused(
    output: tuple[int, ...], target: tuple[int, ...]
) -> None:
    count = output[0] * (output[1] if len(output) > 1 else 1)
    module = nn.Sequential(line(2, count), nn.Unflatten(1, output))
    with pytest.raises(InputError, match="must be alike but for axes of length 1"):
        fit(module, (X, normal(64, *target)), "squared", epochs=1)


# What a constant loses


def constant(loss: Any, x: torch.Tensor, y: torch.Tensor, module: nn.Module) -> list[Any]:
    found = fit(module, (x, y), loss, epochs=12).findings
    return [f for f in found if f.kind == "no_better_than_a_constant"]


def blind(outputs: int = 2) -> nn.Module:
    """A module that gives a constant, whatever the input."""
    module = nn.Sequential(nn.Linear(2, 4), nn.Threshold(1e9, 0.0), line(4, outputs))
    nn.init.zeros_(module[2].weight)
    return module


def test_a_constants_loss_is_that_of_the_labels_that_count() -> None:
    """Most rows are left out; of the others a constant does well, and the module does no better."""
    y = torch.where(torch.arange(64) % 8 == 0, 1, 0)
    y[: 64 - 16] = 2
    labels = y[y != 2]
    share = labels.double().mean()
    least = float(-(share * share.log() + (1 - share) * (1 - share).log()))
    module = blind(3)
    with torch.no_grad():
        module[2].bias.copy_(torch.tensor([float((1 - share).log()), float(share.log()), -30.0]))
    found = constant(nn.CrossEntropyLoss(ignore_index=2), X, y, module)
    assert found[0].evidence["loss_of_a_constant"] == pytest.approx(least)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(torch.tensor([1.0, 50.0])),
        nn.CrossEntropyLoss(label_smoothing=0.9),
        nn.CrossEntropyLoss(reduction="sum"),
    ],
)
def test_a_weighted_loss_is_not_held_against_the_plain_constant(loss: Any) -> None:
    """By their unit such losses lie above it however good the module is."""
    rare = (X[:, 0] > 1.0).long()
    assert not constant(loss, X, rare, line())


def test_a_constant_for_each_output() -> None:
    """Columns far from each other: a module that gives the means is a constant all the same."""
    y = normal(64, 2, seed=3) + torch.tensor([0.0, 100.0])
    module = blind()
    with torch.no_grad():
        module[2].bias.copy_(y.mean(0))
    assert constant("squared", X, y, module)


def test_a_loss_that_sums_is_a_mean_over_the_rows() -> None:
    """It weighed batches by their rows once more, and the held-out loss hung on how rows fell into batches."""
    torch.manual_seed(0)
    x = torch.randn(90, 3)
    y = x.sum(1, keepdim=True).sin()
    held = (x[:70], y[:70])
    ended = []
    for loss in (nn.MSELoss(), nn.MSELoss(reduction="sum"), functools.partial(F.mse_loss, reduction="sum")):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        batches = [(held[0][:40], held[1][:40]), (held[0][40:], held[1][40:])]
        result = fit(net, (x, y), loss, epochs=4, validation=batches, accumulate=2, batch_size=20)
        with torch.no_grad():
            right = float(F.mse_loss(net.eval()(held[0]), held[1], reduction="sum")) / 70
        assert result.fun == pytest.approx(right, rel=1e-5)
        ended.append(result.fun)
    # As many rows as numbers here: the means are the same, and so are the steps.
    assert ended[1:] == pytest.approx(ended[:1] * 2, rel=1e-3)
