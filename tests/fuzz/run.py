"""Fuzzes one reader of bytes, or all: python tests/fuzz/run.py [TARGET …] [--seconds N].

With atheris (pip install atheris) coverage guides the inputs; without it they are drawn at random. What goes wrong is
written to tests/fuzz/found/TARGET, to be kept in tests/fuzz/corpus/TARGET once it is mended.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def keep(name: str, data: bytes) -> Path:
    """Writes an input that went wrong."""
    folder = HERE / "found" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    return path


def at_random(name: str, seconds: float, seed: int) -> int:
    """Random changes of the corpus for so long; how many went wrong. The input at work is on the disk beforehand."""
    from mutate import mutate
    from targets import TARGETS, corpus

    rng, begin, pool = random.Random(seed), time.monotonic(), corpus(name)
    wrong = count = 0
    seen: set[str] = set()
    while time.monotonic() < begin + seconds:
        data = mutate(rng.choice(pool), pool, rng)
        (HERE / f".at-work-{name}").write_bytes(data)
        count, began = count + 1, time.monotonic()
        try:
            TARGETS[name](data)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} {place.filename}:{place.lineno}"
            if key not in seen:
                seen.add(key)
                wrong += 1
                print(f"{name}: {key}: {str(error)[:200]} ({keep(name, data)})", flush=True)
        if time.monotonic() - began > 10:
            print(f"{name}: {time.monotonic() - began:.0f} s for one input ({keep(name, data)})", flush=True)
    (HERE / f".at-work-{name}").unlink(missing_ok=True)
    print(f"{name}: {count} inputs, {wrong} went wrong", flush=True)
    return wrong


def by_coverage(name: str, seconds: float) -> int:
    """The same, guided by what of steepest an input reaches."""
    import atheris

    with atheris.instrument_imports(include=["steepest"]):
        from targets import TARGETS, corpus
    grown = HERE / "grown" / name
    grown.mkdir(parents=True, exist_ok=True)
    for data in corpus(name):
        (grown / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    found = HERE / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={int(seconds)}",
        "-timeout=30",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={found}/",
    ]
    atheris.Setup([sys.argv[0], str(grown), *options, "-max_len=65536", "-verbosity=0"], TARGETS[name])
    atheris.Fuzz()
    return 0


def main() -> int:
    """Each target in a process of its own: one that ends its process is found too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each target (600)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--here", action="store_true", help="in this process; one target")
    parser.add_argument("--random", action="store_true", help="without atheris")
    args = parser.parse_args()
    if args.here:
        if not args.random:
            try:
                import atheris  # noqa: F401
            except ModuleNotFoundError:
                args.random = True
        if args.random:
            return int(at_random(args.targets[0], args.seconds, args.seed) > 0)
        return by_coverage(args.targets[0], args.seconds)
    from targets import TARGETS

    wrong = []
    for name in args.targets or TARGETS:
        command = [
            sys.executable,
            __file__,
            name,
            "--here",
            "--seconds",
            str(args.seconds),
            "--seed",
            str(args.seed),
        ]
        done = subprocess.run(command + ["--random"] * args.random)
        at_work = HERE / f".at-work-{name}"
        if done.returncode < 0 and at_work.exists():
            print(
                f"{name}: the process ended by signal {-done.returncode} ({keep(name, at_work.read_bytes())})"
            )
        if done.returncode:
            wrong.append(name)
    print(f"went wrong: {', '.join(wrong)}" if wrong else "nothing went wrong")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
