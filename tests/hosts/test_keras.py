"""Every rule as a Keras optimizer: it trains a network, it is the compiled rule, it saves and loads."""

from typing import Any

import numpy as np
import pytest

from steepest import _catalog, _core, rules
from steepest.errors import InputError

# Keras's own variables do not know NumPy's `copy` yet.
pytestmark = [
    pytest.mark.hosts,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

try:
    import keras

    import steepest.keras as ours
except ModuleNotFoundError:  # chosen with -m hosts, this fails: nothing is skipped in silence
    keras = None

NAMES = [e.name for e in _catalog.registry("rules").values() if e.about["kind"] == "parameter"]
CLASSES = {"".join(part.capitalize() for part in n.split("_")): n for n in NAMES}


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6)).astype("float32")
    return x, np.sin(x.sum(1, keepdims=True)).astype("float32")


def network() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.layers.Input((6,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)]
    )


@pytest.mark.parametrize("name", list(CLASSES))
def test_every_rule_trains_a_network(name: str) -> None:
    rates = {"Sgd": 0.1, "Momentum": 0.05, "Nesterov": 0.05, "Adam": 0.01, "Lamb": 0.02, "Muon": 0.01}
    model, (x, y) = network(), data()
    model.compile(optimizer=getattr(ours, name)(rates.get(name)), loss="mse")
    losses = model.fit(x, y, batch_size=64, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", list(CLASSES))
def test_it_is_the_compiled_rule(name: str) -> None:
    rng = np.random.default_rng(1)
    shapes = [(4, 3), (3,), (2, 5)]
    x = [rng.normal(size=s).astype("float32") for s in shapes]
    variables = [keras.Variable(v) for v in x]
    optimizer = getattr(ours, name)(0.02, before=[rules.ClipNorm(most=1.5)])
    rule = _core.Rule([("clip_norm", {"most": 1.5}), (CLASSES[name], {})])
    memory = [[np.zeros_like(v) for _ in range(rule.memory(v.shape))] for v in x]
    state = np.zeros(rule.state(len(x)))
    for t in range(1, 9):
        g = [rng.normal(size=s).astype("float32") for s in shapes]
        optimizer.scale_loss(keras.ops.convert_to_tensor(3.0 / t))
        optimizer.apply([keras.ops.convert_to_tensor(v) for v in g], variables)
        rule.step(x, g, memory, state, t, 0.02, 3.0 / t)
    for got, want in zip(variables, x, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(got), want, rtol=2e-4, atol=2e-5)


def test_adam_is_keras_adam() -> None:
    ends = []
    for optimizer in (
        keras.optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-8),
        ours.Adam(0.01, weight_decay=0.1),
    ):
        model, (x, y) = network(), data()
        model.compile(optimizer=optimizer, loss="mse")
        model.fit(x, y, batch_size=16, epochs=5, shuffle=False, verbose=0)
        ends.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_allclose(ends[1], ends[0], rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", list(CLASSES))
def test_a_saved_model_goes_on_as_if_never_stopped(name: str, tmp_path: Any) -> None:
    model, (x, y) = network(), data()
    model.compile(optimizer=getattr(ours, name)(before=[rules.ClipNorm(most=2.0)]), loss="mse")
    model.fit(x, y, batch_size=64, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for m in (model, again):
        m.fit(x, y, batch_size=64, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_schedules_and_what_is_wrong() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model, (x, y) = network(), data()
    model.compile(optimizer=ours.Sgd(schedule), loss="mse")
    model.fit(x, y, batch_size=64, epochs=12, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-6)
    for wrong, words in [
        (lambda: ours.Adam(-1.0), r"^learning_rate must be at least 0; got -1\.0$"),
        (lambda: ours.Adam(epsilon=-1.0), r"^epsilon must be between 0 and 1; got -1\.0$"),
        (lambda: ours.Adam(epsilom=1.0), "no setting called 'epsilom'; did you mean 'epsilon'"),
        (lambda: ours.Adam(before=[rules.Adam()]), "before takes rules that turn the gradient"),
    ]:
        with pytest.raises(InputError, match=words):
            wrong()
    with pytest.raises(AttributeError, match="did you mean 'Adam'"):
        ours.Adm  # noqa: B018
