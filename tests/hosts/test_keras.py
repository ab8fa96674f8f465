"""Every rule as a Keras optimizer: it trains a network, it is the compiled rule, it saves and loads."""

from typing import Any

import numpy as np
import pytest

from steepest import _catalog, _core, rates, rules
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
    memory = [[np.zeros(s, v.dtype) for s in rule.memory(v.shape)] for v in x]
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
        (
            lambda: ours.Adam(before=[rules.GradientNoise()]),
            "gradient_noise draws numbers .*: torch and JAX do",
        ),
    ]:
        with pytest.raises(InputError, match=words):
            wrong()
    with pytest.raises(AttributeError, match="did you mean 'Adam'"):
        ours.Adm  # noqa: B018


def golden(optimizer: Any, weights: dict[str, Any], steps: int = 3, **exclude: Any) -> list[Any]:
    """Where some variables are after steps down a fixed gradient."""
    variables = [keras.Variable(v, name=n) for n, v in weights.items()]
    if exclude:
        lists = {"var_list": [v for v in variables if v.name in exclude.get("var_list", [])]}
        optimizer.exclude_from_weight_decay(**{**exclude, **(lists if "var_list" in exclude else {})})
    for t in range(steps):
        optimizer.scale_loss(keras.ops.convert_to_tensor(1.0))
        optimizer.apply([keras.ops.full(v.shape, 0.1 * (t + 1)) for v in variables], variables)
    return [keras.ops.convert_to_numpy(v) for v in variables]


WEIGHTS = {"kernel": np.ones((3, 2), "float32"), "bias": np.array([1.0, 0.5], "float32")}


#: Rates by which rules whose own steps are short, or begin at a millionth, decay as much as the others in a few steps.
RATES = {"Adadelta": 20.0, "Lars": 20.0, "DAdaptation": 1e5, "Prodigy": 1e5}


@pytest.mark.parametrize("exclude", [{"var_names": ["bias"]}, {"var_list": ["bias"]}])
@pytest.mark.parametrize(
    "name",
    [
        n
        for n, rule in CLASSES.items()
        if any(p.name == "weight_decay" for p in _catalog.find("rules", rule).parameters)
    ],
)
def test_what_is_excluded_from_weight_decay_does_not_decay(name: str, exclude: dict[str, Any]) -> None:
    kind, rate = getattr(ours, name), RATES.get(name, 0.1)
    # What these two find for all variables depends on how far each has come: after one step on nothing yet.
    steps = 1 if name in {"DAdaptation", "Prodigy"} else 3
    plain, decayed, excluded = (
        golden(kind(rate, weight_decay=d), WEIGHTS, steps, **e)
        for d, e in ((0.0, {}), (0.5, {}), (0.5, exclude))
    )
    # MomoAdam's step depends on all variables together, so that only Adam's part may be compared by number.
    np.testing.assert_allclose(excluded[0], decayed[0], rtol=1e-6)
    np.testing.assert_allclose(excluded[1], plain[1], rtol=1e-6)
    assert abs(decayed[1] - plain[1]).max() > 1e-3


def test_exclusion_is_keras_own() -> None:
    ends = []
    for kind in (keras.optimizers.AdamW, ours.Adam):
        optimizer = kind(0.1, weight_decay=0.5, epsilon=1e-8)
        ends.append(golden(optimizer, WEIGHTS, var_names=["bias"]))
    for a, b in zip(*ends, strict=True):
        # Keras takes 1 - beta_2 in single precision.
        np.testing.assert_allclose(b, a, rtol=2e-5)


@pytest.mark.parametrize("name", list(CLASSES))
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_trains_in_mixed_precision(name: str, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model, (x, y) = network(), data()
        model.compile(optimizer=getattr(ours, name)(), loss="mse")
        # The first steps of these two are a millionth of what they find later: half precision does not see them.
        epochs = 60 if name in {"Dog", "LDog"} else 4
        losses = model.fit(x, y, batch_size=32, epochs=epochs, verbose=0).history["loss"]
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0]
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_loss_is_used_once() -> None:
    variable = keras.Variable(np.ones(2, "float32"))
    optimizer, gradient = ours.MomoAdam(), [keras.ops.ones((2,))]
    optimizer.scale_loss(keras.ops.convert_to_tensor(1.0))
    optimizer.apply(gradient, [variable])
    with pytest.raises(InputError, match="needs the loss: call scale_loss"):
        optimizer.apply(gradient, [variable])


@pytest.mark.parametrize(
    ("theirs", "mine", "given"),
    [
        ("SGD", "SGD", {"momentum": 0.9}),
        ("SGD", "SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("SGD", "Sgd", {}),
        # Keras adds epsilon before the correction for having started at 0, so that only a small one is the same.
        ("Adam", "Adam", {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-9, "amsgrad": False}),
        ("Lion", "Lion", {"beta_1": 0.8, "beta_2": 0.9, "weight_decay": 0.1}),
        # Ours is the paper's, which has the weight decay inside the direction; Keras decays beside it.
        ("Lamb", "Lamb", {"weight_decay": 0.0, "epsilon": 1e-7}),
        ("Muon", "Muon", {"adam_beta_1": 0.8, "weight_decay": 0.0, "exclude_embeddings": False}),
    ],
)
def test_keras_arguments_mean_what_they_mean_there(theirs: str, mine: str, given: dict[str, Any]) -> None:
    weights = {"kernel": np.arange(6, dtype="float32").reshape(3, 2), "bias": np.ones(2, "float32")}
    extra = {"adam_weight_decay": 0.0, "epsilon": 1e-8} if theirs == "Muon" else {}
    ends = [
        golden(kind(learning_rate=0.05, **g), weights, steps=6)
        for kind, g in (
            (getattr(keras.optimizers, theirs), {**given, **extra}),
            (getattr(ours, mine), given),
        )
    ]
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)


def test_sgd_is_saved_with_its_momentum(tmp_path: Any) -> None:
    model, (x, y) = network(), data()
    model.compile(ours.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01), loss="mse")
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert again.get_config() == model.optimizer.get_config()
    assert again.rule == "nesterov"


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("Adam", {"learning_rate": "fast"}, "learning_rate must be at least 0; got 'fast'"),
        ("Adam", {"learning_rate": np.float32(-1.0)}, "learning_rate must be at least 0"),
        ("Adam", {"learning_rate": float("nan")}, "learning_rate must be at least 0; got nan"),
        ("Adam", {"beta_1": 1.0}, "beta_1=1.0: mean_decay must be between 0 and"),
        ("Adam", {"beta_1": 0.9, "mean_decay": 0.8}, "mean_decay is given twice, once as beta_1"),
        ("Adam", {"amsgrad": True}, "adam takes amsgrad=False only; got True"),
        ("Sgd", {"momentum": 0.9}, "sgd takes momentum=0 only"),
        ("Muon", {"rms_rate": None}, "muon takes rms_rate=0.2 only"),
        ("Lion", {"adam_beta_1": 0.9}, "no setting called 'adam_beta_1'"),
    ],
)
def test_wrong_arguments_are_answered(name: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        getattr(ours, name)(**given)


def test_our_schedules_are_learning_rates(tmp_path: Any) -> None:
    ours_, theirs = ours.Schedule(rates.Cosine(), 0.1, 8), keras.optimizers.schedules.CosineDecay(0.1, 8)
    for t in range(10):
        assert float(ours_(t)) == pytest.approx(float(theirs(t)), abs=1e-7)
    assert [float(ours.Schedule(rates.Linear(end=0.5), 1.0, 4)(t)) for t in (0, 2, 9)] == [1.0, 0.75, 0.5]
    model, (x, y) = network(), data()
    model.compile(ours.Adam(ours_), loss="mse")
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").optimizer
    assert again.get_config() == model.optimizer.get_config()
    with pytest.raises(InputError, match="a schedule of"):
        ours.Schedule(rules.Adam(), 0.1, 8)


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables:UserWarning")
def test_momo_moves_all_variables_together() -> None:
    """Its model of the loss is one over all variables: one without a gradient has a gradient of 0."""
    ends = []
    for nothing in (keras.ops.zeros((2,)), None):
        variables = [keras.Variable(np.ones(3, "float32")), keras.Variable(np.ones(2, "float32"))]
        optimizer = ours.MomoAdam(0.05)
        for t in range(6):
            optimizer.scale_loss(keras.ops.convert_to_tensor(2.0 - 0.1 * t))
            optimizer.apply(
                [keras.ops.full((3,), 0.3), nothing if t % 3 else keras.ops.ones((2,))], variables
            )
        ends.append([keras.ops.convert_to_numpy(v) for v in variables])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)
