"""Writes the files beside it: models that Python saved, and what they predict, for `tests/linear_saved.rs`.

    python crates/steepest/tests/files/write.py

Of each model there is a table of texts too: a row's numbers as the crate is given them, then what is predicted of it.
`rust.safetensors` is the crate's: `cargo run --example saved_model -- crates/steepest/tests/files/rust.safetensors`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest
from steepest.linear import GeneralizedLinear, LogisticRegression, PoissonRegressor, Ridge, save

HERE = Path(__file__).parent
Floats = NDArray[np.float64]


def table(name: str, rows: Floats, predicted: Floats) -> None:
    """The rows and what is predicted, every digit."""
    whole = np.column_stack([rows, predicted]).tolist()
    text = "\n".join(" ".join(map(repr, row)) for row in whole)
    (HERE / f"{name}.txt").write_text(text + "\n", encoding="utf-8")


def estimators() -> None:
    """Those that `steepest.linear.save` takes."""
    random = np.random.default_rng(8)
    # A column far from 0 beside its own spread.
    X = np.column_stack([random.normal(size=60), 1e6 + random.normal(size=60), random.uniform(0, 3, size=60)])
    score = X[:, 0] - (X[:, 1] - 1e6) + 0.3 * X[:, 2] + 0.3 * random.normal(size=60)
    three = np.array(["low", "möglich", "high"])[np.digitize(score, [-0.5, 0.8])]
    counts = random.poisson(np.exp(0.3 * X[:, 0] + 0.2 * X[:, 2])).astype(float)
    models: dict[str, Any] = {
        "ridge": Ridge(alpha=0.1).fit(X, score),
        "poisson": PoissonRegressor(alpha=1e-3).fit(X, counts),
        "two_classes": LogisticRegression(C=10.0).fit(X, score > 0),
        "three_classes": LogisticRegression(C=10.0).fit(X, three),
        "tweedie": GeneralizedLinear("tweedie", loss_settings={"power": 1.4}, alpha=1e-5).fit(X, counts),
    }
    for name, model in models.items():
        save(model, HERE / f"{name}.safetensors")
        told = hasattr(model, "classes_")
        table(name, X[:12], model.predict_proba(X[:12]) if told else model.predict(X[:12]))


def of_tables() -> None:
    """Models of `steepest.fit`: the crate is given numbers and then one column for each level."""
    random = np.random.default_rng(9)
    rows, towns = 200, np.array(["Bonn", "Köln", "Ulm"])
    columns: dict[str, Any] = {
        "size": random.uniform(20, 200, rows).round(1),
        "year": random.integers(1950, 2020, rows).astype(float),
        "town": towns[random.integers(0, 3, rows)],
    }
    score = (
        columns["size"] / 50
        + (columns["year"] - 1990) / 20
        + (columns["town"] == "Ulm")
        + random.normal(size=rows)
    )
    for name, target in {"of_numbers": score, "of_classes": np.digitize(score, [1.0, 2.5])}.items():
        targets = target if name == "of_numbers" else np.array(["cheap", "fair", "dear"])[target]
        model = steepest.fit({**columns, "price": targets}, target="price", form="linear", reference=False)
        model.save(HERE / f"{name}.safetensors")
        some = {key: values[:12] for key, values in columns.items()}
        given = np.column_stack([some["size"], some["year"], some["town"][:, None] == towns])
        table(name, given, model.predict(some) if name == "of_numbers" else model.predict_proba(some))
    network = steepest.fit({**columns, "price": score}, target="price", model="network", reference=False)
    network.save(HERE / "network.safetensors")


if __name__ == "__main__":
    estimators()
    of_tables()
