"""A table of 4 GB fitted within 1 GB of memory, a limit that the system enforces; passes and time beside those of reading alone.

    python benchmarks/larger.py [--gigabytes 4] [--limit 1] [--codes 0] [--folder /tmp/steepest-larger] [--keep]

Writes Parquet files of 100 columns of float64 (and `--codes` columns of texts, of 1000 levels each) and a target of two classes,
unless they are there. Then, each in a process of its own whose memory is limited (a control group; where none can be made, by
systemd-run; else by RLIMIT_DATA): the files are read once and nothing is done with them, `LogisticRegression().fit` is run on
their names ("…/part-*.parquet"), and on a function that gives their batches, and `steepest.fit` on their names. Files are put out of the page cache before each, and
the limit counts the pages of files too.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

COLUMNS, FILES, GROUP, LEVELS = 100, 8, 62_500, 1000
OLD, NEW = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


def write(folder: Path, rows: int, codes: int) -> None:
    """Files of correlated columns on raw scales, and classes by their log-odds."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    w = rng.normal(size=COLUMNS) / np.sqrt(COLUMNS)
    levels = np.array([f"level {k:03}" for k in range(LEVELS)])
    effect = rng.normal(size=(codes, LEVELS))
    scale, level = 10.0 ** rng.uniform(-2, 2, COLUMNS), rng.normal(size=COLUMNS)
    for k in range(FILES):
        writer = None
        for _ in range(rows // FILES // GROUP):
            X = rng.standard_normal((GROUP, COLUMNS), dtype=np.float32).astype(np.float64)
            X[:, 1:] += 0.5 * X[:, :-1]
            drawn = rng.integers(0, LEVELS, (codes, GROUP))
            margin = 1.5 * (X @ w) + sum(effect[c][drawn[c]] for c in range(codes))
            y = (rng.random(GROUP) < 1 / (1 + np.exp(-margin))).astype(np.int8)
            X = (X + level) * scale
            texts = {f"c{c}": pa.DictionaryArray.from_arrays(drawn[c], levels) for c in range(codes)}
            table = pa.table({f"x{j}": X[:, j] for j in range(COLUMNS)} | texts | {"y": y})
            writer = writer or parquet.ParquetWriter(
                folder / f"part-{k}.parquet", table.schema, compression="snappy", use_dictionary=list(texts)
            )
            writer.write_table(table, row_group_size=GROUP)
        if writer is not None:
            writer.close()


def read(pattern: str) -> dict[str, object]:
    """Every row decoded once, and dropped."""
    from steepest.tables.stream import Files, files_of

    files = Files(files_of(pattern))
    started = time.perf_counter()
    rows = sum(batch.num_rows for _, batch in files.batches(files.names))
    return {"rows": rows, "seconds": time.perf_counter() - started}


def fit(pattern: str) -> dict[str, object]:
    """The fit of files by name."""
    return fitted(pattern)


def fit_batches(pattern: str) -> dict[str, object]:
    """The fit of a function that gives batches."""
    from pyarrow import parquet

    def give() -> Iterator[object]:
        for path in sorted(glob.glob(pattern)):
            with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 18) as opened:
                yield from opened.iter_batches(1 << 14)

    return fitted(give)


def fit_table(pattern: str) -> dict[str, object]:
    """The whole of `steepest.fit`: a path of alphas, held-out rows that judge, the last fit to all rows."""
    import steepest

    started = time.perf_counter()
    model = steepest.fit(pattern, target="y")
    seconds = time.perf_counter() - started
    last = model.story()["solution"]
    value = float(last["history"]["loss"][-1])
    return {
        "outcome": last["status"],
        "columns": len(model.coefficients),
        "value": value,
        "bound": last["certificate"]["bound"] / value,
        "passes": last["passes"],
        "seconds": seconds,
    }


def fitted(source: object) -> dict[str, object]:
    """A fit, and what it took."""
    from steepest.linear import LogisticRegression

    started = time.perf_counter()
    model = LogisticRegression().fit(source, "y")
    seconds = time.perf_counter() - started
    result = model.result_
    return {
        "outcome": result.outcome,
        "columns": model.coef_.size,
        "value": result.fun,
        "bound": result.certificate["bound"] / result.fun,
        "passes": result.passes,
        "read": result.reads,
        "seconds": seconds,
    }


def high_water() -> int:
    """The most bytes that the process had in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0


def group_of(limit: int) -> tuple[Path, str] | None:
    """A new control group with the limit, and the file that tells the most it held; None where none can be made."""
    for root, name, most in (
        (OLD, "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
        (NEW, "memory.max", "memory.peak"),
    ):
        folder = root / f"steepest-larger-{os.getpid()}"
        try:
            folder.mkdir()
            (folder / name).write_text(str(limit))
        except OSError:
            if folder.is_dir():
                folder.rmdir()
            continue
        return folder, most
    return None


def limited(what: str, pattern: str, limit: int) -> dict[str, object]:
    """Runs `what` in a process of its own that cannot have more memory."""
    command = [sys.executable, __file__, "--do", what, "--pattern", pattern]
    group = group_of(limit)
    if group is not None:
        folder, most = group
        command = ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh", *command]
    elif shutil.which("systemd-run") and os.geteuid() == 0:
        command = [
            "systemd-run",
            "--scope",
            "--quiet",
            "-p",
            f"MemoryMax={limit}",
            "-p",
            "MemorySwapMax=0",
            *command,
        ]
    else:
        command += ["--data", str(limit)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{what} ended with {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    answer["limited by"] = "RLIMIT_DATA" if "--data" in command else command[0].replace("sh", "control group")
    if group is not None:
        answer["group's most"] = int((folder / most).read_text())
        folder.rmdir()
    return answer


def forget(paths: list[Path]) -> None:
    """Puts files out of the page cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--limit", type=float, default=1.0)
    parser.add_argument("--codes", type=int, default=0, help="columns of texts")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/steepest-larger"))
    parser.add_argument("--keep", action="store_true", help="leave the files where they are")
    parser.add_argument(
        "--do", choices=["write", "read", "fit", "fit_batches", "fit_table"], help=argparse.SUPPRESS
    )
    parser.add_argument("--pattern", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    do = {"read": read, "fit": fit, "fit_batches": fit_batches, "fit_table": fit_table}
    if given.do in do:
        if given.data:
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (given.data, given.data))
        answer = do[given.do](given.pattern)
        print(json.dumps(answer | {"high water": high_water()}))
        return
    rows = round(given.gigabytes * 1e9 / (8 * COLUMNS * FILES * GROUP)) * FILES * GROUP
    given.folder.mkdir(parents=True, exist_ok=True)
    if not list(given.folder.glob("part-*.parquet")):
        write(given.folder, rows, given.codes)
    if given.do == "write":
        return
    paths = sorted(given.folder.glob("part-*.parquet"))
    pattern, limit = f"{given.folder}/part-*.parquet", int(given.limit * 1e9)
    size = sum(path.stat().st_size for path in paths)
    forget(paths)
    started = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as stream:
            while stream.read(1 << 22):
                pass
    bare = time.perf_counter() - started
    print(
        f"{rows} rows of {COLUMNS} float64 and {given.codes} texts, {8e-9 * rows * COLUMNS:.2f} GB; {size / 1e9:.2f} GB in {len(paths)} files"
    )
    print(f"bytes read once, not decoded: {bare:.1f} s ({size / 1e9 / bare:.2f} GB/s)")
    forget(paths)
    once = limited("read", pattern, limit)
    print(f"read and decoded once: {once['seconds']:.1f} s, high water {once['high water'] / 1e9:.2f} GB")
    for what in ("fit", "fit_batches", "fit_table"):
        forget(paths)
        got = limited(what, pattern, limit)
        times = f"files read {got['read']:.1f} times, " if "read" in got else ""
        print(
            f"{what}: {got['outcome']}, {got['columns']} columns, F = {got['value']!r}, (F - F*)/F <= {got['bound']:.1e}, "
            f"{got['passes']:.1f} passes, {times}{got['seconds']:.1f} s = "
            f"{got['seconds'] / once['seconds']:.1f} times reading and decoding once; high water "
            f"{got['high water'] / 1e9:.2f} GB of {given.limit:g} ({got['limited by']})"
        )
    if not given.keep:
        for path in paths:
            path.unlink()
        given.folder.rmdir()


if __name__ == "__main__":
    main()
