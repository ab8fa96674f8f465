"""`fit(model=...)`: networks of tables, and the choice between one and a line, against what is computed by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.cli import main
from steepest.errors import InputError, ModelFileError
from steepest.model.network import NetworkWeights
from steepest.saving import read_file, write_file

Table = dict[str, Any]


def table(kind: str, rows: int = 900, seed: int = 0) -> Table:
    """A number, a category, and a target that bends, or that is a line."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, rows))
    town = rng.choice(["Ulm", "Bonn", "Kiel"], rows)
    turn = np.where(town == "Ulm", 1.0, np.where(town == "Bonn", -1.0, 0.0))
    if kind == "bent":  # which way x counts depends on the town
        target = 3 * turn * x + np.abs(z) + 0.1 * rng.normal(size=rows)
    elif kind == "classes":
        target = np.where(turn * x + 0.3 * rng.normal(size=rows) > 0, "yes", "no")
    elif kind == "counts":
        target = rng.poisson(np.exp(turn * x)).astype(float)
    else:
        target = 2 * x + turn - z + 0.5 * rng.normal(size=rows)
    return {"x": x, "z": 100.0 + z, "town": town, "target": target}


def taken(t: Table, rows: Any) -> Table:
    return {name: np.asarray(column)[rows] for name, column in t.items()}


def choice(model: Any) -> Any:
    (found,) = [f for f in model.findings if f.kind == "network_or_line"]
    return found


@pytest.mark.parametrize(
    ("kind", "better"),
    [("bent", "network"), ("classes", "network"), ("counts", "network"), ("line", "linear")],
)
def test_the_better_one_on_held_out_rows_is_taken_and_said(kind: str, better: str) -> None:
    t, loss = table(kind), "poisson" if kind == "counts" else None
    model = steepest.fit(t, "target", model="auto", loss=loss, form="linear")
    assert isinstance(model.weights, NetworkWeights) == (better == "network")
    words = "so the network is taken" if better == "network" else "so the linear model is taken"
    assert words in choice(model).sentence
    assert words in " ".join(model.summary().split())
    # What each loses there, from what each predicts there.
    held = model.row_numbers["validation"]
    rows, y = taken(t, held), np.asarray(t["target"])[held]
    for name, which in (("linear", "linear"), ("network", "network")):
        alone = steepest.fit(t, "target", model=which, loss=loss, form="linear", refit=False)
        p = alone.predict_proba(rows)[:, 1] if kind == "classes" else alone.predict(rows)
        if kind == "classes":
            each = -np.log(np.where(y == "yes", p, 1 - p))
        elif kind == "counts":
            each = p - y - y * (np.log(p) - np.log(np.where(y > 0, y, 1)))
        else:
            each = 0.5 * (p - y) ** 2
        assert choice(model).evidence[name] == pytest.approx(each.mean(), rel=1e-5)


def test_a_line_of_curves_and_pairs_is_what_it_is_held_against() -> None:
    """The network sees the columns as they are, and its schema is theirs."""
    t = table("bent")
    model = steepest.fit(t, "target", model="network")
    assert not model.schema.form
    straight = steepest.fit(t, "target", model="network", form="linear")
    np.testing.assert_array_equal(model.predict(t), straight.predict(t))
    held = taken(t, model.row_numbers["validation"])
    p = steepest.fit(t, "target", refit=False).predict(held)
    assert choice(model).evidence["linear"] == pytest.approx(
        0.5 * np.mean((p - held["target"]) ** 2), rel=1e-5
    )
    assert choice(model).evidence["linear"] < choice(straight).evidence["linear"]


def test_a_network_is_its_layers() -> None:
    """Written out over the one-hot matrix."""
    t = table("bent")
    model = steepest.fit(t, "target", model="network")
    design = model.encode(t).design
    (W, a), (V, b) = model.weights.layers
    count = len(model.weights.centre)
    X = design.to_dense()
    X[:, :count] = (X[:, :count] - model.weights.centre) / model.weights.sd
    np.testing.assert_allclose(model.predict(t), (np.maximum(X @ W + a, 0) @ V + b)[:, 0], rtol=1e-9)
    # A town that nobody has seen adds nothing to the first layer.
    row = {"x": [0.5], "z": [100.0], "town": ["Rom"], "target": [0.0]}
    z = (np.array([0.5, 100.0]) - model.weights.centre) / model.weights.sd @ W[:count] + a
    np.testing.assert_allclose(model.predict(row), np.maximum(z, 0) @ V + b)


def test_the_choice_sees_no_row_that_is_fitted_to() -> None:
    """With a test part the linear model is fitted to the held-out rows too, but not where the two are compared."""
    t, other = table("bent"), table("bent", seed=1)
    alone, tested = (steepest.fit(t, "target", model="auto", test=test) for test in (None, other))
    assert choice(alone).evidence == pytest.approx(choice(tested).evidence)
    r2 = 1 - np.var(tested.predict(other) - other["target"]) / np.var(other["target"])
    assert tested.metrics()[0]["value"] == pytest.approx(r2, abs=0.01)
    assert tested.story()["fitted"]["rows"] == 900


def test_rows_of_no_weight_are_not_there() -> None:
    t = table("bent")
    t["weight"] = np.repeat([1.0, 0.0], 450)
    t["target"][450:] = 1e6
    model = steepest.fit(t, "target", model="network", sample_weight="weight")
    assert np.abs(model.predict(taken(t, slice(0, 450))) - t["target"][:450]).mean() < 0.5


@pytest.mark.parametrize(("scale", "shift"), [(1e-60, 0.0), (1e60, 0.0), (1.0, 1e9)])
def test_the_target_may_be_in_any_unit(scale: float, shift: float) -> None:
    t = table("bent")
    plain = steepest.fit(t, "target", model="network").metrics()[0]
    model = steepest.fit(t | {"target": t["target"] * scale + shift}, "target", model="network")
    assert plain["name"] == model.metrics()[0]["name"] == "R²"
    assert model.metrics()[0]["value"] == pytest.approx(plain["value"], abs=2e-3)


def test_classes_weigh_what_they_are_told_to() -> None:
    t = table("classes")
    plain, heavy = (
        steepest.fit(t, "target", model="network", class_weight=w) for w in (None, {"yes": 20.0, "no": 1.0})
    )
    assert heavy.predict_proba(t)[:, 1].mean() > plain.predict_proba(t)[:, 1].mean() + 0.02


def test_it_is_saved_and_read_to_the_bit(tmp_path: Path) -> None:
    t = table("classes")
    model = steepest.fit(t, "target", model="network")
    file = tmp_path / "model.safetensors"
    model.save(file)
    again = steepest.load(file)
    np.testing.assert_array_equal(again.predict_proba(t), model.predict_proba(t))
    assert again.summary() == model.summary()
    assert model.report(tmp_path / "report.html").read_text().count("network") >= 1
    content, arrays = read_file(file, "model")
    arrays["network.weights.0"] = arrays["network.weights.0"][:-1]
    kept = {k: v for k, v in content.items() if k in ("schema", "settings", "story")}
    write_file(file, "model", kept, arrays)
    with pytest.raises(ModelFileError, match="layers must lead from 5 columns to 1 output"):
        steepest.load(file)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "tree"}, "model must be one of linear, network, auto; got 'tree'"),
        ({"model": "auto", "loss": "gamma"}, "no loss called 'gamma'"),
        ({"model": "network", "alpha": 0.1}, "alpha is of linear models"),
        ({"model": "network", "cv": 3}, "cv is of linear models"),
        ({"model": "auto", "checkpoint": "x"}, "checkpoint is of linear models"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    t = table("line", 60)
    t["target"] = np.abs(t["target"]) + 0.1
    with pytest.raises(InputError, match=words):
        steepest.fit(t, "target", **given)


def test_a_network_has_no_coefficients() -> None:
    with pytest.raises(InputError, match="no coefficients"):
        _ = steepest.fit(table("bent", 200), "target", model="network").coefficients


def test_the_command_line_fits_saves_and_predicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t = table("bent", 400)
    text = "\n".join([",".join(t), *(",".join(map(str, row)) for row in zip(*t.values(), strict=True))])
    (tmp_path / "t.csv").write_text(text)
    args = ["fit", str(tmp_path / "t.csv"), "--target", "target", "--model", "auto", "--form", "linear"]
    assert main([*args, "--save", str(tmp_path / "m.safetensors")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "so the network is taken" in out
    assert "Did not converge" not in out
    assert main([*args, "--python"]) == 0
    assert "model='auto'" in capsys.readouterr().out
    assert (
        main(
            [
                "predict",
                str(tmp_path / "m.safetensors"),
                str(tmp_path / "t.csv"),
                "-o",
                str(tmp_path / "p.csv"),
            ]
        )
        == 0
    )
    p = np.loadtxt(tmp_path / "p.csv", skiprows=1)
    np.testing.assert_allclose(p, steepest.load(tmp_path / "m.safetensors").predict(t))
