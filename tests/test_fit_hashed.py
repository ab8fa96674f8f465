"""Columns of very many texts, hashed: the same levels everywhere, in memory, in streams, in files and for new rows."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import steepest
from steepest.cli import main
from steepest.errors import InputError
from steepest.tables import Schema, prepare


def shops(rows: int = 4000, seed: int = 0) -> dict[str, Any]:
    """Sales of 1500 shops, each about its own level, most of which stand in too few rows to be levels."""
    rng = np.random.default_rng(seed)
    level = 3 * np.random.default_rng(7).normal(size=1500)
    shop = rng.integers(0, 1500, rows)
    x = rng.normal(size=rows)
    return {"shop": [f"shop {k}" for k in shop], "x": x, "y": level[shop] + x + 0.3 * rng.normal(size=rows)}


def level_of(text: str, count: int) -> int:
    """The definition, written again."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") % count


def test_codes_are_the_hash_of_the_whole_text() -> None:
    table = shops(300)
    table["shop"][5] = None
    prepared = prepare(table, "y", hash_columns={"shop": 64}, validation=0.0)
    design = prepared.train.design
    wanted = [64 if text is None else level_of(text, 64) for text in table["shop"]]
    assert design.codes[:, 0].tolist() == wanted
    assert design.levels[0][:2] == ("hash 0", "hash 1")
    assert design.levels[0][64:] == ("(missing)",)
    assert prepared.schema.column("shop").reason.endswith("hashed to 64 levels")


def test_hashing_tells_what_rare_levels_cannot() -> None:
    table = shops()
    plain = steepest.fit(table, "y", form="linear", reference=False)
    hashed = steepest.fit(table, "y", form="linear", reference=False, hash_columns={"shop": 1 << 14})
    figures = [{f["name"]: f["value"] for f in model.metrics()} for model in (plain, hashed)]
    # Of 1500 shops in 3200 rows most are pooled; hashed, each has a coefficient, about two rows a shop.
    assert figures[0]["R²"] < 0.4 < 0.6 < figures[1]["R²"]


def test_predictions_are_those_of_the_one_hot_problem(tmp_path: Path) -> None:
    table = shops(1200)
    alpha = 1e-3
    model = steepest.fit(
        table, "y", hash_columns={"shop": 128}, alpha=alpha, validation=0.0, tol=1e-10, reference=False
    )
    # NumPy's solver of the ridge problem over the one-hot columns, each standardised.
    codes = np.array([level_of(text, 128) for text in table["shop"]])
    x = np.column_stack([table["x"], np.eye(128)[codes]])
    mean, sd = x.mean(axis=0), x.std(axis=0)
    z = (x - mean) / np.where(sd == 0, 1.0, sd)
    y = (table["y"] - table["y"].mean()) / table["y"].std()
    w = np.linalg.solve(z.T @ z / len(y) + alpha * np.eye(129), z.T @ y / len(y))
    wanted = z @ w * table["y"].std() + table["y"].mean()
    np.testing.assert_allclose(model.predict(table), wanted, atol=1e-3)
    model.save(tmp_path / "m.safetensors")
    loaded = steepest.load(tmp_path / "m.safetensors")
    new = {"shop": ["never seen", "shop 3", None, "Zürich"], "x": [0.0, 1.0, 2.0, 3.0]}
    np.testing.assert_array_equal(loaded.predict(new), model.predict(new))
    assert Schema.from_json(model.schema.to_json()) == model.schema
    # Another process, with another seed of Python's own hash, says the same.
    code = (
        "import sys, steepest; print(steepest.load(sys.argv[1]).predict({'shop': ['Zürich'], 'x': [3.0]})[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "m.safetensors")]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert float(said) == model.predict(new)[3]
    wrong = model.schema.to_json().replace('"count": 128', '"count": 1')
    with pytest.raises(InputError, match="hashed to 1 levels"):
        Schema.from_json(wrong)


def test_digits_that_are_texts_keep_their_zeros(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    codes = [f"{k:05d}" if k % 3 else f"A{k}" for k in rng.integers(0, 500, 400)]
    y = [float(len(code)) + rng.normal() for code in codes]
    path = tmp_path / "t.csv"
    path.write_text(
        "code,x,y\n" + "\n".join(f"{c},{k % 7}.5,{v}" for k, (c, v) in enumerate(zip(codes, y, strict=True)))
    )
    model = steepest.fit(str(path), "y", hash_columns=["code"], alpha=0.1, reference=False)
    new = tmp_path / "new.csv"
    new.write_text("code,x\n00007,1.5\n00120,2.5\n")
    there = model.predict({"code": ["00007", "00120"], "x": [1.5, 2.5]})
    np.testing.assert_array_equal(model.predict(str(new)), there)


def test_streams_hash_as_memory_does(tmp_path: Path) -> None:
    table = shops(20_000)
    path = str(tmp_path / "t.parquet")
    pq.write_table(pa.table(table), path, row_group_size=2000)
    settings: dict[str, Any] = {"hash_columns": {"shop": 256}, "alpha": 1e-3, "reference": False, "tol": 1e-9}
    whole = steepest.fit(path, "y", **settings)
    streamed = steepest.fit(path, "y", memory=3_000_000, **settings)
    assert any(f.kind == "sampled" for f in streamed.findings)
    new = {name: column[:50] for name, column in table.items() if name != "y"}
    # The penalty is on columns as the sample standardises them, so the two are near each other, not the same.
    np.testing.assert_allclose(streamed.predict(new), whole.predict(new), atol=0.05)


def test_levels_that_a_sample_has_not_are_fitted_as_the_others_are(tmp_path: Path) -> None:
    """Most texts are in no row of the sample; the penalty holds their levels no harder than its rarest."""
    rng = np.random.default_rng(2)
    code = rng.integers(0, 3000, 20_000)
    level = 3 * rng.normal(size=3000)
    table = {"code": [f"c{k}" for k in code], "y": level[code] + 0.3 * rng.normal(size=len(code))}
    path = str(tmp_path / "t.parquet")
    pq.write_table(pa.table(table), path, row_group_size=2000)
    settings: dict[str, Any] = {"hash_columns": {"code": 1 << 14}, "alpha": 1e-3, "reference": False}
    whole = steepest.fit(path, "y", **settings)
    streamed = steepest.fit(path, "y", memory=600_000, **settings)
    assert any(f.kind == "sampled" for f in streamed.findings)
    new = {"code": [f"c{k}" for k in range(3000)]}
    left = [np.mean((model.predict(new) - level) ** 2) for model in (whole, streamed)]
    assert left[1] < 1.05 * left[0] < 0.3 * np.var(level), left


@pytest.mark.parametrize("asked", [{"hash_columns": {"id": 4096}}, {"categories": ["id"]}])
def test_whole_numbers_keep_digits_that_floats_have_not(asked: dict[str, Any]) -> None:
    """Neighbours beyond 2^53 are one number as floats, and different ids."""
    rng = np.random.default_rng(3)
    which = rng.integers(0, 40, 1000)
    ids = [2**60 + int(k) for k in which]
    y = rng.normal(size=40)[which]
    model = steepest.fit({"id": ids, "y": y}, "y", reference=False, **asked)
    assert model.schema.column("id").levels == 40
    np.testing.assert_allclose(model.predict({"id": ids}), y, atol=0.2)
    # As texts they are the same ids.
    np.testing.assert_array_equal(model.predict({"id": list(map(str, ids))}), model.predict({"id": ids}))


def test_what_cannot_be_hashed_is_refused() -> None:
    table = shops(200)
    with pytest.raises(InputError, match=r"hash_columns is a list.*\['shop'\]"):
        steepest.fit(table, "y", hash_columns="shop")
    with pytest.raises(InputError, match="from 2 to 1048576; got 1"):
        steepest.fit(table, "y", hash_columns={"shop": 1})
    with pytest.raises(InputError, match="is the target"):
        steepest.fit(table, "y", hash_columns=["y"])
    with pytest.raises(InputError, match="hash_columns and in categories"):
        steepest.fit(table, "y", hash_columns=["shop"], categories=["shop"])
    with pytest.raises(InputError, match="hash_columns and in sample_weight"):
        steepest.fit({**table, "heavy": np.ones(200)}, "y", hash_columns=["heavy"], sample_weight="heavy")
    with pytest.raises(InputError, match="names 'shop' twice, with 64 levels and with 128"):
        steepest.fit(table, "y", hash_columns={"shop": 64, 0: 128})
    steepest.fit(table, "y", hash_columns={"shop": 64, 0: 64}, alpha=1.0, reference=False)


def test_the_command_hashes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = shops(500)
    path = tmp_path / "t.csv"
    rows = zip(table["shop"], table["x"], table["y"], strict=True)
    path.write_text("shop,x,y\n" + "\n".join(f"{a},{b},{c}" for a, b, c in rows))
    saved = tmp_path / "m.safetensors"
    command = [
        "fit",
        str(path),
        "--target",
        "y",
        "--hash-column",
        "shop",
        "--no-reference",
        "--save",
        str(saved),
    ]
    assert main(command) == 0
    assert steepest.load(saved).schema.column("shop").pieces[0].type == "hashed"
    capsys.readouterr()
    assert main([*command[:-2], "--python"]) == 0
    assert "hash_columns=['shop']" in capsys.readouterr().out
