"""`steepest.keras.fit`: trained with nothing said, as by torch, on Keras' backends, and refused where it must be."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from steepest.errors import InputError, ModelFileError

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


def test_labels_to_ignore_are_no_labels_out_of_range() -> None:
    (x, y), loss = circles(200), keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    some = np.where(np.arange(200) % 2, -1, y)
    model = net(2, 16, 2)
    result = steepest.keras.fit(model, (x, some), loss, epochs=40)
    assert (model.predict(x[::2], verbose=0).argmax(1) == y[::2]).mean() > 0.9
    assert result.fun < 0.4
    with pytest.raises(InputError, match=r"row 7 is -2"):
        steepest.keras.fit(net(2, 16, 2), (x, np.where(np.arange(200) == 7, -2, some)), loss, epochs=1)


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


TENSORFLOW = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow is not installed: pip install tensorflow-cpu",
)


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
layers, file = keras.layers, sys.argv[2] + ".safetensors"
model = t.net(2, 16, 16, 2, more=lambda: [layers.BatchNormalization()])
given = np.load(sys.argv[2])
model.set_weights([given[k] for k in given.files])
x, y = t.circles()
result = steepest.keras.fit(model, (x, y), validation=.2, epochs=12)
model.set_weights([given[k] for k in given.files])
steepest.keras.fit(model, (x, y), validation=.2, epochs=3)  # later another review may be the best
ends = []
for _ in range(2):
    again = t.net(2, 16, 2, more=lambda: [layers.Dropout(.5)])
    steepest.keras.fit(again, (x, y), epochs=3)
    ends.append(np.concatenate([w.ravel() for w in again.get_weights()]))
stop = lambda progress: progress.iteration > 5
for callback in (stop, None):
    again = t.net(2, 16, 2, more=lambda: [layers.Dropout(.5)])
    went = steepest.keras.fit(again, (x, y), epochs=3, checkpoint=(file, 0.0), callback=callback)
keras.config.set_dtype_policy("mixed_float16")
small = lambda y_true, y_pred: 1e-6 * keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
half = steepest.keras.fit(t.net(2, 16, 2), (x, y), small, epochs=10).history["loss"]
shown = {"history": {n: list(map(float, c)) for n, c in result.history.items()}, "held": result.fun}
shown["same"] = bool((ends[0] == ends[1]).all())
shown["resumed"] = went.resumed
shown["goes_on"] = bool((ends[0] == np.concatenate([w.ravel() for w in again.get_weights()])).all())
shown["half"] = half[-1] / half[0]
shown["mean"] = keras.ops.convert_to_numpy(model.layers[-2].moving_mean).tolist()
shown["backend"] = keras.backend.backend()
print(json.dumps(shown))
"""


@pytest.mark.parametrize("other", ["jax", pytest.param("tensorflow", marks=TENSORFLOW, id="tensorflow")])
def test_it_runs_alike_on_torch_and_on_others(tmp_path: Path, other: str) -> None:
    """Of units that bend: the bias of one that is on for all rows has no gradient in front of normalisation but what
    rounding left, of which Adam makes whole steps."""
    model = net(2, 16, 16, 2, more=lambda: [keras.layers.BatchNormalization()])
    np.savez(tmp_path / "weights.npz", *model.get_weights())
    ends = []
    for backend in ("torch", other):
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(tmp_path / "weights.npz")],
            env={**os.environ, "KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        ends.append(json.loads(told.stdout))
    torch, mine = ends
    assert (torch["backend"], mine["backend"]) == ("torch", other)
    for column, apart in (("loss", 2e-3), ("cap", 2e-3), ("evaluations", 0.0), ("held_out", 0.02)):
        np.testing.assert_allclose(mine["history"][column], torch["history"][column], rtol=apart)
    np.testing.assert_allclose(mine["mean"], torch["mean"], rtol=0.02, atol=1e-3)
    for shown in ends:
        assert shown["same"]
        assert shown["resumed"] > 5
        assert shown["goes_on"]
        # A millionth of a loss has slopes below what float16 can hold.
        assert shown["half"] < 0.8


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


@pytest.mark.parametrize(("given", "most"), [({}, 1.0), ({"ema": 0.5}, 0.5), ({"ema": 0.0}, 0.0)])
def test_the_averages_decay_as_told(
    given: dict[str, float], most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras import ops

    from steepest.keras import steps

    seen, moved = [], steps.Steps.moved

    def watched(self: steps.Steps) -> None:
        seen.append([ops.convert_to_numpy(v).copy() for v in self.trained])
        moved(self)

    monkeypatch.setattr(steps.Steps, "moved", watched)
    model = net(2, 8, 2)
    average = model.get_weights()
    steepest.keras.fit(model, circles(), max_steps=40, **given)
    for k, now in enumerate(seen, 1):
        keep = min(most, k / (k + 9))
        average = [keep * a + (1 - keep) * b for a, b in zip(average, now, strict=True)]
    for a, b in zip(average, model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_rows_count_by_their_weights_and_by_their_classes() -> None:
    """The first loss, before any step, is Keras' own of weighted rows."""
    x, y = circles()
    w = np.random.default_rng(2).random(300)
    once: dict[str, Any] = {"batch_size": 300, "max_steps": 1}

    def first(*, classes: Any = None, **sample: Any) -> float:
        model = net(2, 8, 2)
        model.compile(loss=crossed())
        if classes:
            sample["sample_weight"] = np.array([classes[k] for k in y]) * sample.get("sample_weight", 1.0)
        return float(model.evaluate(x, y, batch_size=300, verbose=0, **sample))

    known = [
        (((x, y, w), {}), first(sample_weight=w)),
        (((x, y, None), {"class_weight": {1: 5.0, 10**12: 2.0}}), first(classes=[1.0, 5.0])),
        (((x, np.eye(2)[y]), {"class_weight": {0: 0.5, 1: 2}}), first(classes=[0.5, 2.0])),
        (((x, y, w), {"class_weight": {0: 3.0}}), first(classes=[3.0, 1.0], sample_weight=w)),
        ((([(x, y, w)]), {"class_weight": {0: 3.0}}), first(classes=[3.0, 1.0], sample_weight=w)),
    ]
    for (data, given), wanted in known:
        size = {"max_steps": 1} if isinstance(data, list) else once
        result = steepest.keras.fit(net(2, 8, 2), data, "softmax", **size, **given)
        assert result.history["loss"][0] == pytest.approx(wanted, rel=1e-5)
    # Held-out rows bring their weights along; those of classes are for training.
    model = net(2, 8, 2)
    result = steepest.keras.fit(model, (x, y), validation=(x, y, w), epochs=2, class_weight={0: 9.0})
    model.compile(loss=crossed())
    assert result.fun == pytest.approx(float(model.evaluate(x, y, sample_weight=w, verbose=0)), rel=1e-5)
    with pytest.raises(InputError, match="weights of validation are 0 for every row"):
        steepest.keras.fit(model, (x, y), validation=[(x, y, 0 * w)], epochs=2)


def test_rows_of_weight_0_are_as_if_they_were_not_there() -> None:
    x, y = circles()
    wrong, ends = np.arange(300) % 3 == 0, []
    for labels in (y, np.where(wrong, 1 - y, y)):
        model = net(2, 8, 2)
        steepest.keras.fit(model, (x, labels, 1.0 - wrong), validation=0.2, epochs=5)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


def test_several_starts_keep_the_best_and_leave_what_is_frozen() -> None:
    model = net(2, 8, 8, 2, more=lambda: [keras.layers.BatchNormalization()])
    model.layers[0].trainable = False
    frozen, before = model.layers[0].get_weights(), random.getstate()
    result = steepest.keras.fit(model, circles(), validation=circles(200, 1), epochs=4, starts=3)
    assert result.spread["starts"] == 3
    assert result.spread["least"] < result.spread["largest"]
    assert result.fun == result.spread["least"]
    assert held(model, *circles(200, 1), crossed()) == pytest.approx(result.fun, rel=1e-5)
    for a, b in zip(frozen, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert random.getstate() == before
    seeded = keras.initializers.GlorotUniform(seed=1)
    same = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, kernel_initializer=seeded)])
    with pytest.raises(InputError, match="draw the same ones each time"):
        steepest.keras.fit(same, circles(), epochs=1, starts=2)


def dropped() -> Any:
    layers = keras.layers
    return net(2, 8, 2, more=lambda: [layers.BatchNormalization(), layers.Dropout(0.3)])


def test_from_every_step_it_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dropout, normalisation, averages, weights of rows, and models whose layers have other names each time."""
    from steepest.training.plan import Kept

    (x, y), file, write, kept = circles(64), tmp_path / "kept.safetensors", Kept.write, []
    given: dict[str, Any] = {"epochs": 4, "validation": 0.25, "ema": 0.9, "accumulate": 2, "batch_size": 8}

    def copied(self: Kept, state: object) -> None:
        write(self, state)
        if state is not None:
            kept.append(file.read_bytes())

    monkeypatch.setattr(Kept, "write", copied)
    straight = dropped()
    whole = steepest.keras.fit(straight, (x, y, x[:, 0] ** 2), checkpoint=(file, 0.0), **given)
    monkeypatch.undo()
    assert len(kept) >= 9
    assert not file.exists()
    for content in kept:
        file.write_bytes(content)
        model = dropped()
        again = steepest.keras.fit(model, (x, y, x[:, 0] ** 2), checkpoint=file, **given)
        assert again.resumed
        np.testing.assert_array_equal(again.history["held_out"], whole.history["held_out"])
        for a, b in zip(straight.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


KILLED = """
import sys
sys.path.insert(0, folder)
import test_keras_fit as t, steepest.keras
model = t.dropped()
print("on", flush=True)
result = steepest.keras.fit(model, t.circles(), epochs=12, validation=.2, checkpoint=where)
"""


def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    file, folder = tmp_path / "kept.safetensors", str(Path(__file__).parent)
    code = f"folder, where = {folder!r}, ({str(file)!r}, 0.0)\n{KILLED}"
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
        known: dict[str, Any] = {"where": where, "folder": folder}
        exec(KILLED, known)
        ran.append(known)
    assert ran[0]["result"].resumed > 0
    assert ran[1]["result"].resumed is None
    for a, b in zip(*(r["model"].get_weights() for r in ran), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    file, data = tmp_path / "run.safetensors", circles(100)

    def go(model: Any, data: Any, *args: Any, **given: Any) -> Any:
        return steepest.keras.fit(model, data, *args, **{"epochs": 50, "checkpoint": (file, 0.0), **given})

    go(net(2, 8, 2), data, callback=lambda p: p.epoch > 1)
    x, y = data
    others: list[tuple[str, Any, Any, tuple[Any, ...], dict[str, Any]]] = [
        ("settings is another", net(2, 8, 2), data, (), {"epochs": 51}),
        ("settings is another", net(2, 8, 2), data, (), {"ema": 0.5}),
        ("module is another", net(2, 9, 2), data, (), {}),
        ("data is another", net(2, 8, 2), circles(100, 1), (), {}),
        ("data is another", net(2, 8, 2), data, (), {"class_weight": {1: 2.0}}),
        ("loss is another", net(2, 8, 2), data, (lambda t, o: keras.ops.square(o[:, 0] - t),), {}),
    ]
    for words, model, rows, loss, given in others:
        with pytest.raises(InputError, match=words):
            go(model, rows, *loss, **given)
    assert go(net(2, 8, 2), (x, y)).resumed
    go(net(2, 8, 2), data, callback=lambda p: p.epoch > 1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = net(2, 8, 2)
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(InputError, match="module is another"):
        go(half, data)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(ModelFileError):
        go(net(2, 8, 2), data)


def between(*layers: Any) -> Any:
    """A model with some layers between two."""
    return net(2, 8, 2, more=lambda: [part() for part in layers])


@pytest.mark.parametrize(
    ("made", "other"),
    [
        (lambda: net(2, 8, 2), lambda: net(2, 8, 2, act="relu")),
        (
            lambda: between(lambda: keras.layers.Dropout(0.2)),
            lambda: between(lambda: keras.layers.Dropout(0.5)),
        ),
        (
            lambda: between(lambda: keras.layers.LeakyReLU(0.1)),
            lambda: between(lambda: keras.layers.LeakyReLU(0.2)),
        ),
        (lambda: wired(both=True), lambda: wired(both=False)),
    ],
)
def test_a_checkpoint_of_another_model_of_the_same_shapes_is_refused(
    tmp_path: Path, made: Any, other: Any
) -> None:
    file, data = tmp_path / "run.safetensors", circles(100)
    begun = {"epochs": 3, "checkpoint": (file, 0.0)}
    steepest.keras.fit(made(), data, **begun, callback=lambda p: True)
    with pytest.raises(InputError, match="module is another"):
        steepest.keras.fit(other(), data, **begun)
    # Made anew in the same process its layers have other names.
    assert steepest.keras.fit(made(), data, **begun).resumed


def wired(both: bool) -> Any:
    """A model of the same layers, one of them fed by two or by one."""
    keras.utils.set_random_seed(0)
    first = keras.layers.Input((2,))
    seen = keras.layers.Dense(2)(first)
    seen = keras.layers.Add()([seen, first if both else seen])
    return keras.Model(first, keras.layers.Dense(2)(keras.ops.tanh(seen)))


def test_a_function_of_a_column_and_a_row_is_aligned_as_by_keras() -> None:
    x = circles(64)[0]
    ends = []
    for y in (x[:, 0], x[:, :1]):
        model = net(2, 4, 1)
        steepest.keras.fit(model, (x, y), lambda t, o: keras.ops.square(t - o), epochs=2)
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


class Times:
    """A loss that is an object, times so much."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, target: Any, output: Any) -> Any:
        return self.factor * keras.ops.square(output[:, 0] - keras.ops.cast(target, output.dtype))

    def called(self, target: Any, output: Any) -> Any:
        """The same as a method."""
        return self(target, output)


@pytest.mark.parametrize("made", [Times, lambda factor: Times(factor).called], ids=["object", "method"])
def test_losses_that_are_objects_are_told_apart_by_their_settings(tmp_path: Path, made: Any) -> None:
    given: dict[str, Any] = {"epochs": 50, "checkpoint": (tmp_path / "run.safetensors", 0.0)}
    steepest.keras.fit(net(2, 8, 2), circles(100), made(1.0), callback=lambda p: p.epoch > 1, **given)
    with pytest.raises(InputError, match="loss is another"):
        steepest.keras.fit(net(2, 8, 2), circles(100), made(3.0), **given)
    assert steepest.keras.fit(net(2, 8, 2), circles(100), made(1.0), **given).resumed


FORGED: dict[str, Any] = {
    "an array is missing": lambda arrays, told: arrays.pop("average/1"),
    "an array has another shape": lambda arrays, told: arrays.update({"now/trained 0": np.zeros(3, "f4")}),
    "a number is missing": lambda arrays, told: told["numbers"].pop("epoch"),
    "what steers the step has more": lambda arrays, told: told["size"].update(more=1),
    "what was noticed is no text of ours": lambda arrays, told: told.update(noticed=3),
    "the random numbers are cut": lambda arrays, told: arrays.update({"random/cpu": np.zeros(3, "u1")}),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_checkpoint_that_no_run_has_written_is_refused(tmp_path: Path, forge: Any) -> None:
    """One whose checksum is right: the model stays as it is."""
    from steepest.saving import read_file, write_file

    file, data = tmp_path / "run.safetensors", circles(100)
    given: dict[str, Any] = {"epochs": 50, "checkpoint": (file, 0.0)}
    steepest.keras.fit(net(2, 8, 2), data, callback=lambda p: p.epoch > 1, **given)
    content, arrays = read_file(file, "checkpoint")
    told = json.loads(arrays.pop("told").tobytes())
    forge(arrays, told)
    arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    write_file(file, "checkpoint", {"about": content["about"]}, arrays)
    model = net(2, 8, 2)
    before = model.get_weights()
    with pytest.raises(ModelFileError, match="the checkpoint was altered"):
        steepest.keras.fit(model, data, **given)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_in_float16_gradients_that_overflow_by_their_scale_are_taken_again() -> None:
    """The averages of normalisation are as if that had not been: three batches, three steps of their averages."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = net(2, 16, 1, more=lambda: [keras.layers.BatchNormalization(momentum=0.5)])
        x, y = circles(64)
        result = steepest.keras.fit(
            model,
            (x, y),
            lambda t, o: 1e3 * keras.ops.square(o[:, 0] - t),
            batch_size=64,
            max_steps=1,
            ema=0.0,
        )
    finally:
        keras.config.set_dtype_policy("float32")
    assert result.nit == 1
    assert np.isfinite(result.history["residual"][0])
    normal = model.layers[1]
    first = keras.Sequential([keras.layers.Input((2,)), net(2, 16, 1).layers[0]])
    inside = first.predict(x, verbose=0)
    np.testing.assert_allclose(normal.get_weights()[2], 0.5 * inside.mean(0), atol=2e-3)


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
    keras.utils.set_random_seed(0)
    losses = steepest.keras.fit(coder, x, epochs=20).history["loss"]
    assert losses[-1] < losses[0]


def test_frozen_layers_stay() -> None:
    model = net(2, 8, 8, 2)
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    steepest.keras.fit(model, circles(), epochs=3)
    for a, b in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("loss", ["logistic", "binary_crossentropy"])
def test_labels_that_are_no_probabilities_of_two_classes_are_refused(loss: str) -> None:
    x, y = circles(64)
    for labels, words in ((2.0 * y - 1.0, r"is -1, .*\(y \+ 1\) / 2"), (3.0 * y, "is 3, .*'softmax'")):
        with pytest.raises(InputError, match=words):
            steepest.keras.fit(net(2, 4, 1), (x, labels), loss, epochs=1)


def test_the_first_held_out_batch_that_is_not_finite_is_named() -> None:
    x, y = circles(64)
    rows = np.where(np.arange(64)[:, None] == 17, np.nan, x)
    held = [(rows[i : i + 10], y[i : i + 10]) for i in range(0, 64, 10)]
    assert (
        "input of row 7 of batch 1"
        in steepest.keras.fit(net(2, 4, 2), (x, y), validation=held, epochs=1).message
    )


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
    # Rows of zeros and a one are no labels: the entropy of their numbers is no constant's loss.
    rows = np.random.default_rng(0).normal(size=(400, 10))
    ones = np.eye(10, dtype=int)[rows.argmax(1)]
    assert "no_better_than_a_constant" not in kinds(
        steepest.keras.fit(net(10, 8, 10), (rows, ones), "softmax", epochs=5)
    )


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
    (
        {"data": (np.zeros((8, 2)), np.zeros(8, int), -np.ones(8))},
        "the weights of data must be a number of at least 0",
    ),
    (
        {"data": (np.zeros((8, 2)), np.zeros(8, int), np.ones((8, 1)))},
        r"at least 0 for each row; got shape \(8, 1\)",
    ),
    ({"data": (np.zeros((8, 2)), np.zeros(8, int), np.ones(7))}, "must have one row each for a sample"),
    ({"data": [(np.zeros((8, 2)), np.zeros(8, int), np.ones(1))]}, "got 8 targets, 1 weights"),
    (
        {"data": (np.zeros((8, 2)), np.zeros(8, int), np.ones(7)), "class_weight": {1: 2.0}},
        "got 8 targets, 7 weights",
    ),
    ({"data": (np.zeros((8, 2)), np.zeros(8, int), 2.0)}, r"for each row; got shape \(\)"),
    # A loss of 0 would be called a success.
    ({"data": (np.zeros((8, 2)), np.zeros(8, int), np.zeros(8))}, "the weights of data are 0 for every row"),
    ({"data": [(np.zeros((8, 2)), np.zeros(8, int), np.zeros(8))]}, "weights of data are 0 for every"),
    ({"validation": (np.zeros((8, 2)), np.zeros(8, int), np.zeros(8))}, "weights of validation are 0"),
    ({"class_weight": {0: 0.0, 1: 0.0}}, "weights of data are 0 for every row: no row counts"),
    ({"class_weight": [1.0, 2.0]}, "class_weight must be a dict of a weight for each class"),
    ({"class_weight": {0: -1.0}}, "class_weight of class 0 must be a number"),
    (
        {"class_weight": {1: 2.0}, "y": np.full(64, 0.5)},
        "class_weight is for targets of data that are a class a row",
    ),
    ({"starts": 0}, "starts must be a whole number of at least 1"),
    ({"ema": 1.5}, "ema must be a number"),
    ({"starts": 2, "checkpoint": "c"}, "checkpoint keeps one run: leave starts out"),
    ({"checkpoint": 3}, "checkpoint must be a path"),
    ({"x": np.zeros((3, 2))}, "must have one row each for a sample"),
    ({"x": np.array([["a", "b"]] * 64)}, "data must be numbers; got <U1"),
    ({"data": 3.0}, "data must be an array, a pair"),
    ({"loss": np.zeros(64)}, r"pass input and target as one pair, \(X, y\)"),
    ({"loss": lambda t, o: None}, "must be a number for each sample; got NoneType"),
    ({"x": scipy.sparse.csr_array(np.eye(64, 2))}, "a sparse matrix is not taken"),
    ({"data": [1, 2], "loss": "squared"}, "a batch of data must have rows; got a lone number"),
    ({"data": [(np.zeros((0, 2)), np.zeros(0, int))]}, "or every batch is empty"),
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


class Own(keras.Model if keras else object):  # type: ignore[misc]
    """A model that Keras cannot make anew."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(width)

    def call(self, x: Any) -> Any:
        """Its output."""
        return self.dense(x)


def test_a_model_that_cannot_be_made_anew_has_one_start() -> None:
    with pytest.raises(InputError, match="the model cannot be cloned"):
        steepest.keras.fit(Own(2), circles(), epochs=1, starts=2)
    assert steepest.keras.fit(Own(2), circles(), epochs=1).nit


@pytest.mark.parametrize("kind", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_half_precision_trains(kind: str) -> None:
    keras.config.set_dtype_policy(kind)
    try:
        result = steepest.keras.fit(net(2, 16, 2), circles(), epochs=20)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {array.dtype.name for array in result.x.values()} == {"float32"}
    assert result.history["loss"][-1] < 0.6 * result.history["loss"][0]
