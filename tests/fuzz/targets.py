"""What reads bytes that steepest did not write: each reader is given any bytes, and may refuse them only by name."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather, ipc, parquet
from scipy import sparse

import steepest
from steepest.errors import InputError, ModelFileError
from steepest.factors import ClicksFactorization
from steepest.factors.saved import loaded as recommender_of
from steepest.linear import GeneralizedLinear, Lasso, LinearRegression, LogisticRegression, Ridge
from steepest.linear import load as load_linear
from steepest.linear import save as save_linear
from steepest.saving import read_file, write_file
from steepest.tables import files, prepare, read
from steepest.tables.kinds import expect
from steepest.tables.numerals import Notation
from steepest.tables.sniff import Form
from steepest.tables.values import read_values

Target = Callable[[bytes], None]
FOLDER = Path(tempfile.mkdtemp(prefix="steepest-fuzz-"))
#: a model of three columns that has seen a whole table
TAUGHT = Ridge().fit(np.eye(4, 3), np.arange(4.0))


def whole_file(suffix: str) -> Target:
    """A reader of files: what is read is looked at column by column, prepared, and predicted from."""

    def target(data: bytes) -> None:
        with contextlib.suppress(InputError):
            table = files.read_opened(lambda: io.BytesIO(data), f"t{suffix}", suffix, Form())
            for name in table.names[:20]:
                with contextlib.suppress(InputError):
                    read_values(table.column(name), name)
            if table.rows <= 5000 and len(table.names) <= 200:
                prepared = prepare(table, len(table.names) - 1, missing="impute", validation=0)
                prepared.schema.from_json(prepared.schema.to_json()).apply(table)

    return target


def values(data: bytes) -> None:
    """Texts of one column as numbers, booleans, dates, and as what a model expects of them."""
    texts = data.decode("utf-8", "replace").split("\n")
    array = pa.chunked_array([pa.array(texts)])
    for said in (Notation(), Notation(","), Notation(".", " "), Notation(thousands=".")):
        with contextlib.suppress(InputError):
            read_values(array, "x", notation=said, impute=bool(data[:1] > b"m"))
    for kind, form in (
        ("number", None),
        ("boolean", None),
        ("time", "iso"),
        ("time", "%d.%m.%Y"),
        ("text", None),
    ):
        with contextlib.suppress(InputError):
            expect(array, "x", kind, form)


def npy(data: bytes) -> None:
    """An array inside of a `.npz` file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("X.npy", data)
    whole_file(".npz")(out.getvalue())


def model(data: bytes) -> None:
    """A model file."""
    path = FOLDER / "model"
    path.write_bytes(data)
    with contextlib.suppress(ModelFileError):
        steepest.load(path).summary()


def description(data: bytes) -> None:
    """What a model file says of itself, with a checksum that fits."""
    path = FOLDER / "described"
    _, arrays = read_file(FOLDER / "whole", "model")
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(data)
        if isinstance(content, dict):
            schema = json.dumps(content.get("schema"))
            with contextlib.suppress(TypeError, ModelFileError):
                write_file(path, "model", {**content, "schema": schema}, arrays)
                loaded = steepest.load(path)
                loaded.summary(verbose=True)
                with contextlib.suppress(InputError):
                    loaded.predict({"x": [0.5, None], "town": ["a", "z"], "day": ["2024-02-03", None]})


def recommender(data: bytes) -> None:
    """What a file says of a recommender, with a checksum that fits."""
    path = FOLDER / "told"
    _, arrays = read_file(FOLDER / "clicks", "recommender")
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(data)
        if isinstance(content, dict):
            with contextlib.suppress(TypeError, ModelFileError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write_file(path, "recommender", content, arrays)
                loaded = recommender_of(path)
                loaded.recommend(n=2)
                loaded.predict(["a", "?"], [0, 99])


def linear_model(data: bytes) -> None:
    """What a file says of a linear model, with a checksum that fits."""
    _, arrays = read_file(FOLDER / "lines", "linear model")
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(data)
        if isinstance(content, dict):
            with contextlib.suppress(TypeError, ModelFileError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write_file(FOLDER / "line", "linear model", content, arrays)
                load_linear(FOLDER / "line").predict(np.eye(3))


def resumed(path: Path, **more: Any) -> Any:
    """A short run of a rule, kept in a file."""
    options = {"maxiter": 9}
    return steepest.minimize(
        "rosenbrock", [-1.2, 1.0], method="adam", options=options, checkpoint=path, **more
    )


def checkpoint(data: bytes) -> None:
    """A file that a run is to go on from."""
    path = FOLDER / "run"
    path.write_bytes(data)
    with contextlib.suppress(ModelFileError, InputError):
        resumed(path)


def remembered(data: bytes) -> None:
    """What such a file remembers, with a checksum that fits: one array is any numbers, or is not there."""
    if len(data) < 3:
        return
    path = FOLDER / "remembered"
    content, arrays = read_file(FOLDER / "kept", "checkpoint")
    name, kind = sorted(arrays)[data[0] % len(arrays)], data[1] % 4
    numbers = np.frombuffer(data[2 : 2 + (len(data) - 2) // 8 * 8], np.uint64)
    arrays[name] = (numbers, numbers.view(np.float64), numbers.view(np.uint8), arrays[name][:-1])[kind]
    write_file(path, "checkpoint", {"about": content["about"]}, arrays)
    with contextlib.suppress(ModelFileError, InputError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        resumed(path)


def structure(data: bytes) -> None:
    """A sparse matrix whose pointers and indices are any numbers."""
    if len(data) < 4:
        return
    rows, width, count = data[0] % 12 + 1, data[1] % 6 + 1, data[2] % 20
    kind = (sparse.csr_matrix, sparse.csc_matrix)[data[3] % 2]
    numbers = np.frombuffer(data[4:] + bytes(256), np.int8).astype(np.int32)
    major = rows if kind is sparse.csr_matrix else width
    matrix = kind((rows, width))
    long = np.int64 if data[3] & 2 else np.int32
    matrix.indptr = numbers[: major + 1].astype(long)
    matrix.indices = numbers[major + 1 :][:count].astype(long)
    matrix.data = np.ones(count, np.float32 if data[3] & 4 else np.float64)
    y = np.arange(rows) % 3 * 1.0
    for use in (
        lambda: prepare(read(matrix), y),
        lambda: Ridge().fit(matrix, y).predict(matrix),
        lambda: LinearRegression().fit(matrix, y),
        lambda: Lasso(max_iter=50).fit(matrix, y),
        lambda: LogisticRegression(max_iter=50).fit(matrix, y),
        lambda: GeneralizedLinear("poisson", max_iter=50).fit(matrix, y),
        lambda: TAUGHT.predict(matrix),
    ):
        with contextlib.suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use()


TARGETS: dict[str, Target] = {
    "delimited": whole_file(".csv"),
    "values": values,
    "json": whole_file(".json"),
    "packed": whole_file(".csv.gz"),
    "npz": whole_file(".npz"),
    "npy": npy,
    "parquet": whole_file(".parquet"),
    "arrow": whole_file(".arrow"),
    "model": model,
    "description": description,
    "recommender": recommender,
    "linear_model": linear_model,
    "checkpoint": checkpoint,
    "remembered": remembered,
    "structure": structure,
}


def frame() -> dict[str, Any]:
    """A small table with a column of every kind."""
    rng = np.random.default_rng(1)
    days = np.datetime64("2024-01-01") + rng.integers(0, 300, 40)
    return {
        "x": np.round(rng.normal(size=40), 3),
        "town": rng.choice(["a", "b", "c"], 40),
        "day": [str(day) for day in days],
        "y": [0, 1] * 20,
    }


def seeds(name: str) -> list[bytes]:
    """Well-formed inputs of a target, to begin from."""
    table = pa.table(frame())
    out = [io.BytesIO() for _ in range(6)]
    if name == "parquet":
        for sink, packing in zip(out, ("none", "snappy", "zstd", "gzip"), strict=False):
            parquet.write_table(table, sink, compression=packing)
        nested = pa.table(
            {
                "a": [[1, 2], None, []],
                "s": [{"q": 1}, None, {"q": 3}],
                "d": pa.array(["u", "v", "u"]).dictionary_encode(),
            }
        )
        parquet.write_table(nested, out[4])
    elif name == "arrow":
        for sink, packing in zip(out, (None, "lz4", "zstd"), strict=False):
            with ipc.new_file(sink, table.schema, options=ipc.IpcWriteOptions(compression=packing)) as writer:
                writer.write(table)
        with ipc.new_stream(out[3], table.schema) as writer:
            writer.write(table)
        feather.write_feather(table, out[4])
        coded = pa.table(
            {"d": pa.array(["u", None, "u"]).dictionary_encode(), "n": [1, None, 3], "t": [[1], [], None]}
        )
        with ipc.new_file(out[5], coded.schema) as writer:
            writer.write(coded)
    elif name == "npz":
        np.savez(out[0], X=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
        np.savez_compressed(out[1], a=np.arange(20), b=np.array(list("xyzw") * 5))
    elif name == "npy":
        np.save(out[0], np.arange(60.0).reshape(20, 3))
        np.save(out[1], np.asfortranarray(np.arange(12, dtype="i2").reshape(4, 3)))
    elif name in ("model", "description"):
        steepest.fit(frame(), "y").save(FOLDER / "whole")
        if name == "model":
            return [(FOLDER / "whole").read_bytes()]
        content, _ = read_file(FOLDER / "whole", "model")
        kept = {key: content[key] for key in ("settings", "story")}
        return [json.dumps({**kept, "schema": json.loads(content["schema"])}).encode()]
    elif name == "recommender":
        users, items = np.nonzero(np.random.default_rng(2).random((12, 8)) < 0.5)
        ClicksFactorization(2, 0.1, loss="bpr", validation=0.2).fit(
            np.array(list("abcdefghijkl"))[users], items
        ).save(FOLDER / "clicks")
        content, _ = read_file(FOLDER / "clicks", name)
        kept = ("estimator", "parameters", "fitted", "user_ids", "item_ids")
        return [json.dumps({key: content[key] for key in kept}).encode()]
    elif name == "linear_model":
        save_linear(LogisticRegression().fit(np.eye(6, 3), list("aabcbc")), FOLDER / "lines")
        content, _ = read_file(FOLDER / "lines", "linear model")
        return [
            json.dumps({k: v for k, v in content.items() if k not in ("format", "version", "kind")}).encode()
        ]
    elif name in ("checkpoint", "remembered"):
        (FOLDER / "kept").unlink(missing_ok=True)
        resumed(FOLDER / "kept")
        words = np.array([0, 1, 3, 2**53, 2**64 - 1], np.uint64).tobytes()
        some = [bytes([place, kind]) + words for place in range(0, 60, 7) for kind in range(4)]
        return [(FOLDER / "kept").read_bytes()] if name == "checkpoint" else some
    elif name == "packed":
        text = (Path(__file__).parent / "corpus" / "delimited" / "plain").read_bytes()
        with zipfile.ZipFile(out[0], "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("t.csv", text)
        return [gzip.compress(text, mtime=0), out[0].getvalue()]
    return [sink.getvalue() for sink in out if sink.getvalue()]


def corpus(name: str) -> list[bytes]:
    """What a target begins from: well-formed inputs, and what was kept because it once went wrong."""
    folder = Path(__file__).parent / "corpus" / name
    kept = [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []
    return [*seeds(name), *kept]
