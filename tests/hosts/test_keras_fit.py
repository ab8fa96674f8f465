"""`steepest.keras.fit`: trained with nothing said, as by torch, on Keras' backends, and refused where it must be."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.errors import InputError

# Keras's own variables do not know NumPy's `copy` yet.
pytestmark = [
    pytest.mark.hosts,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

try:
    import keras

    import steepest.keras
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    keras = None


def net(*sizes: int, act: str = "tanh", end: Any = None, more: Any = list) -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(n, activation=act) for n in sizes[1:-1]]
    last = keras.layers.Dense(sizes[-1], activation=end)
    return keras.Sequential([keras.layers.Input((sizes[0],)), *layers, *more(), last])


def circles(rows: int = 300, seed: int = 0) -> tuple[Any, Any]:
    """Two classes that no line parts."""
    x = np.random.default_rng(seed).normal(size=(rows, 2)).astype("float32")
    return x, (np.square(x).sum(1) > 1.4).astype("int64")


def held(model: Any, x: Any, y: Any, loss: Any) -> float:
    """The loss, by Keras alone."""
    model.compile(loss=loss)
    return float(model.evaluate(x, y, verbose=0))


def crossed(logits: bool = True) -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def test_classes_are_told_apart_with_nothing_said_and_the_best_weights_are_kept() -> None:
    model, (x, y), test = net(2, 16, 2), circles(), circles(200, 1)
    result = steepest.keras.fit(model, (x, y), validation=test, epochs=40)
    assert (model.predict(test[0], verbose=0).argmax(1) == test[1]).mean() > 0.9
    assert result.fun == pytest.approx(min(result.history["held_out"]))
    assert held(model, *test, crossed()) == pytest.approx(result.fun, rel=1e-5)
    assert result.success == (result.outcome == "held_out")
    assert set(result.x) == {v.path for v in model.trainable_variables}
    for v in model.trainable_variables:
        np.testing.assert_array_equal(result.x[v.path], keras.ops.convert_to_numpy(v))


def test_it_is_the_loop_of_torch() -> None:
    """From the same weights, and where a batch is all rows in whatever order, the steps are those of `torch.fit`."""
    import torch

    import steepest.torch

    model, (x, y) = net(2, 8, 8, 2), circles()
    parts: list[Any] = []
    for dense in model.layers:
        kernel, bias = dense.get_weights()
        parts += [torch.nn.Linear(*kernel.shape), torch.nn.Tanh()]
        parts[-2].weight.data, parts[-2].bias.data = torch.tensor(kernel.T.copy()), torch.tensor(bias)
    module = torch.nn.Sequential(*parts[:-1])
    given: dict[str, Any] = {"epochs": 30, "batch_size": 300, "weight_decay": 0.1}
    mine, theirs = steepest.keras.fit(model, (x, y), **given), steepest.torch.fit(module, (x, y), **given)
    for column in ("loss", "residual", "rate", "cap", "step", "evaluations"):
        np.testing.assert_allclose(mine.history[column], theirs.history[column], rtol=2e-3)
    assert mine.history["loss"][-1] < 0.8 * mine.history["loss"][0]


PROGRAM = """
import json, sys
import numpy as np, keras
sys.path.insert(0, sys.argv[1])
import test_keras_fit as t, steepest.keras
layers = keras.layers
model = t.net(2, 16, 16, 2, act="relu", more=lambda: [layers.BatchNormalization()])
given = np.load(sys.argv[2])
model.set_weights([given[k] for k in given.files])
x, y = t.circles()
result = steepest.keras.fit(model, (x, y), validation=.2, epochs=12)
ends = []
for _ in range(2):
    again = t.net(2, 16, 2, more=lambda: [layers.Dropout(.5)])
    steepest.keras.fit(again, (x, y), epochs=3)
    ends.append(np.concatenate([w.ravel() for w in again.get_weights()]))
shown = {"history": {n: list(map(float, c)) for n, c in result.history.items()}, "held": result.fun}
shown["same"] = bool((ends[0] == ends[1]).all())
shown["mean"] = keras.ops.convert_to_numpy(model.layers[-2].moving_mean).tolist()
shown["backend"] = keras.backend.backend()
print(json.dumps(shown))
"""


def test_it_runs_alike_on_torch_and_on_jax(tmp_path: Path) -> None:
    model = net(2, 16, 16, 2, act="relu", more=lambda: [keras.layers.BatchNormalization()])
    np.savez(tmp_path / "weights.npz", *model.get_weights())
    ends = []
    for backend in ("torch", "jax"):
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(tmp_path / "weights.npz")],
            env={**os.environ, "KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        ends.append(json.loads(told.stdout))
    torch, jax = ends
    assert (torch["backend"], jax["backend"]) == ("torch", "jax")
    # The first five reviews: later, what rounding left has grown. The bias of a unit that is on for all rows has no
    # gradient in front of normalisation but what rounding left, of which Adam makes whole steps: they shift the
    # averages that held-out rows are normalised by.
    for column, apart in (("loss", 2e-3), ("cap", 2e-3), ("evaluations", 0.0), ("held_out", 0.02)):
        np.testing.assert_allclose(jax["history"][column][:5], torch["history"][column][:5], rtol=apart)
    np.testing.assert_allclose(jax["mean"], torch["mean"], rtol=0.02, atol=0.02)
    assert torch["same"]
    assert jax["same"]


def test_judging_a_step_changes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout and the averages of normalisation are as if no batch were seen twice."""
    from steepest.training.step_size import StepSize

    monkeypatch.setattr(StepSize, "judge", lambda self, *_: True)
    ends = []
    for looks in (True, False):
        monkeypatch.setattr(StepSize, "looks_at", lambda self, step, looks=looks: looks)
        model = net(2, 16, 2, more=lambda: [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
        steepest.keras.fit(model, circles(), epochs=3)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_averages_are_over_the_last_tenth_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras import ops

    from steepest.keras import steps

    seen, moved = [], steps.Steps.moved

    def watched(self: steps.Steps) -> None:
        seen.append([ops.convert_to_numpy(v).copy() for v in self.trained])
        moved(self)

    monkeypatch.setattr(steps.Steps, "moved", watched)
    model = net(2, 8, 2)
    average = model.get_weights()
    steepest.keras.fit(model, circles(), max_steps=50)
    for k, now in enumerate(seen, 1):
        average = [a + 9 / (k + 9) * (b - a) for a, b in zip(average, now, strict=True)]
    assert len(seen) == 50
    for a, b in zip(average, model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_accumulated_batches_are_one_large_batch() -> None:
    ends = []
    for size, batches in ((300, 1), (100, 3)):
        model = net(2, 8, 2)
        steepest.keras.fit(model, circles(), epochs=10, batch_size=size, accumulate=batches)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("end", [None, "softmax"])
def test_softmax_is_of_what_the_model_gives(end: str | None) -> None:
    model, (x, y) = net(2, 16, 2, end=end), circles()
    first = held(model, x, y, crossed(end is None))
    result = steepest.keras.fit(model, (x, y), "softmax", epochs=20)
    assert result.history["loss"][0] < first
    assert held(model, x, y, crossed(end is None)) < 0.5 * first


@pytest.mark.parametrize("end", [None, "sigmoid"])
def test_two_classes_by_one_output(end: str | None) -> None:
    model, (x, y) = net(2, 16, 1, end=end), circles()
    steepest.keras.fit(model, (x, y.astype(bool)), epochs=20)
    loss = keras.losses.BinaryCrossentropy(from_logits=end is None)
    assert held(model, x, y[:, None], loss) < 0.4


def test_what_a_model_was_compiled_with_is_its_loss_and_regularisers_are_part_of_it() -> None:
    model, (x, y) = net(2, 8, 1), circles()
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(optimizer, loss="mean_absolute_error")
    result = steepest.keras.fit(model, (x, y.astype("float32")), epochs=20)
    assert model.optimizer is optimizer
    by_hand = np.abs(model.predict(x, verbose=0)[:, 0] - y).mean()
    assert result.fun == pytest.approx(by_hand, rel=0.05)
    pulled = keras.layers.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L2(10.0))
    model = keras.Sequential([keras.layers.Input((2,)), pulled, keras.layers.Dense(1)])
    result = steepest.keras.fit(model, (x, y.astype("float32")), epochs=60)
    assert "guessed" in result.reason
    assert np.square(pulled.get_weights()[0]).sum() < 1e-2


def test_kinds_of_data() -> None:
    (x, y), batch = circles(64), 16

    class Fetched(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, k: int) -> Any:
            return x[k * batch : (k + 1) * batch], y[k * batch : (k + 1) * batch]

    whole = Fetched()
    for data in (
        whole,
        [whole[k] for k in range(4)],
        (x.astype(float), y),
        (keras.ops.convert_to_tensor(x), y),
    ):
        result = steepest.keras.fit(net(2, 8, 2), data, epochs=10)
        assert result.nit in (40, 20)
        assert result.history["loss"][-1] < result.history["loss"][0]
    inputs = [keras.layers.Input((1,)), keras.layers.Input((1,))]
    both = keras.layers.Concatenate()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(8, "tanh")(both)))
    steepest.keras.fit(model, ((x[:, :1], x[:, 1:]), y), epochs=2, validation=0.25)
    coder = keras.Sequential([keras.layers.Dense(1), keras.layers.Dense(2)])  # not built yet, its own target
    losses = steepest.keras.fit(coder, x, epochs=5).history["loss"]
    assert losses[-1] < losses[0]


def test_frozen_layers_stay() -> None:
    model = net(2, 8, 8, 2)
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    steepest.keras.fit(model, circles(), epochs=3)
    for a, b in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def kinds(result: Any) -> list[str]:
    return [f.kind for f in result.findings]


def test_overfitting_is_found_and_patience_ends_early() -> None:
    x, y = circles(40)
    y = np.where(np.random.default_rng(0).random(40) < 0.3, 1 - y, y)
    result = steepest.keras.fit(net(2, 128, 2, act="relu"), (x, y), validation=circles(), epochs=150)
    assert "overfitting" in kinds(result)
    early = steepest.keras.fit(
        net(2, 128, 2, act="relu"), (x, y), validation=circles(), epochs=150, patience=10
    )
    assert early.outcome == "held_out"
    assert early.passes < 150


def test_vanishing_gradients_are_found_and_a_good_net_has_none() -> None:
    deep = net(2, *[8] * 8, 2, act="sigmoid")
    assert "vanishing_gradient" in kinds(steepest.keras.fit(deep, circles(), epochs=3))
    good = kinds(steepest.keras.fit(net(2, 16, 16, 2), circles(), epochs=10))
    assert not {"vanishing_gradient", "exploding_gradient"} & set(good)


def test_dead_units_and_no_better_than_a_constant_are_found() -> None:
    x, y = circles()
    model = net(2, 16, 2, act="relu")
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel, np.where(np.arange(16) < 8, -100.0, bias)])
    result = steepest.keras.fit(model, (x, y), epochs=20)
    (dead,) = (f for f in result.findings if f.kind == "dead_units")
    assert next(iter(dead.evidence.values())) == pytest.approx(0.5, abs=0.2)
    model.layers[0].set_weights([kernel, np.full(16, -100.0, "float32")])
    assert "no_better_than_a_constant" in kinds(steepest.keras.fit(model, (x, y), epochs=10))


def test_it_goes_back_after_numbers_that_are_not_finite_and_names_the_layer() -> None:
    x, y = circles()
    model = net(2, 16, 1, more=lambda: [keras.layers.Lambda(lambda v: keras.ops.log(v), name="logarithm")])
    result = steepest.keras.fit(model, (x, y.astype("float32")), epochs=5)
    assert result.outcome == "not_finite"
    assert "logarithm" in result.message
    assert not result.success
    for w in model.get_weights():
        assert np.isfinite(w).all()


def test_a_row_that_is_not_finite_is_named() -> None:
    x, y = circles(64)
    x[37, 1] = np.nan
    with pytest.raises(InputError, match="the input of row 37 is not finite"):
        steepest.keras.fit(net(2, 8, 2), (x, y))
    batches = [(x[k : k + 16], y[k : k + 16]) for k in range(0, 64, 16)]
    result = steepest.keras.fit(net(2, 8, 2), batches, epochs=2)
    assert result.outcome == "not_finite"
    assert "row 5 of batch 2 of epoch 0 is nan" in result.message


def test_watched_stopped_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []

    def callback(progress: steepest.keras.Progress) -> bool:
        seen.append(held(progress.module, *circles(), crossed()))
        return len(seen) == 3

    model = net(2, 8, 2)
    result = steepest.keras.fit(
        model,
        circles(),
        epochs=20,
        validation=circles(),
        callback=callback,
        history=tmp_path / "h.jsonl",
        disp=True,
    )
    assert result.outcome == "stopped"
    np.testing.assert_allclose(seen, result.history["held_out"], rtol=1e-5)
    assert len((tmp_path / "h.jsonl").read_text().splitlines()) >= 3
    assert capsys.readouterr().out.count("held out") >= 2
    by_steps = steepest.keras.fit(net(2, 8, 2), circles(), max_steps=7)
    assert (by_steps.nit, by_steps.outcome, by_steps.success) == (7, "budget", False)


CASES: list[tuple[dict[str, Any], str]] = [
    ({"model": 3}, r"model must be a keras\.Model; got int"),
    ({"loss": "softmx"}, "no loss is called 'softmx'; did you mean 'softmax'"),
    ({"loss": ["mse", "mse"]}, "a model of several outputs needs one loss"),
    ({"loss": "squared", "y": np.zeros((64, 3))}, r"the output has the shape .*2\) and the target .*3\)"),
    ({"y": np.zeros((64, 1, 2), int)}, "with classes along the last axis, labels have the shape"),
    ({"y": np.full(64, 2)}, "the label of row .* is 2, and the model has 2 outputs, for labels from 0 to 1"),
    ({"loss": "softmax", "y": np.full(64, 0.5)}, r"the label of row .* is 0\.5, and the model has 2 outputs"),
    ({"data": (np.zeros((8, 2)), np.zeros(8), np.ones(8))}, r"must be a pair \(X, y\); got three parts"),
    ({"x": np.zeros((3, 2))}, "must have one row each for a sample"),
    ({"x": np.array([["a", "b"]] * 64)}, "data must be numbers; got <U1"),
    ({"data": 3.0}, "data must be an array, a pair"),
    ({"data": iter([])}, "can be read once only"),
    ({"epochs": 0}, "epochs must be a whole number of at least 1; got 0"),
    ({"batch_size": 2.5}, "batch_size must be a whole number"),
    ({"validation": 1.5}, "validation must be a number"),
    ({"patience": 3}, "patience is counted on held-out rows: pass validation"),
    ({"callback": 3}, "callback must be a function of the progress"),
    ({"history": "h.txt"}, r"history must be a path that ends in \.csv or \.jsonl"),
]


@pytest.mark.parametrize(("given", "words"), CASES, ids=[w for _, w in CASES])
def test_what_cannot_be_used_is_refused(given: dict[str, Any], words: str) -> None:
    x, y = circles(64)
    given = dict(given)
    model = given.pop("model", None) or net(2, 8, 2)
    pair = given.pop("x", x), given.pop("y", y)
    data = given.pop("data", pair)
    before = model.get_weights() if hasattr(model, "get_weights") else []
    with pytest.raises(InputError, match=words):
        steepest.keras.fit(model, data, **given)
    for a, b in zip(before, model.get_weights() if before else [], strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_that_cannot_be_trained_are_refused() -> None:
    model = net(2, 8, 2)
    model.trainable = False
    with pytest.raises(InputError, match="no variables to train: all are frozen"):
        steepest.keras.fit(model, circles())
    model = net(2, 8, 2)
    model.layers[0].set_weights([np.full((2, 8), np.nan), np.zeros(8)])
    with pytest.raises(InputError, match="kernel holds a number that is not finite"):
        steepest.keras.fit(model, circles())
    half = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, dtype="mixed_float16")])
    with pytest.raises(InputError, match="take the policy 'mixed_bfloat16'"):
        steepest.keras.fit(half, circles())


def test_half_precision_trains() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        result = steepest.keras.fit(net(2, 16, 2), circles(), epochs=20)
    finally:
        keras.config.set_dtype_policy("float32")
    assert result.history["loss"][-1] < 0.6 * result.history["loss"][0]
