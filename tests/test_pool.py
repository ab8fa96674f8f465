"""The core's threads seen from Python: after fork, from many threads at once, under a limit."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from steepest import _core

STEP = """
import numpy as np, os, sys
from steepest import _core
rule = _core.Rule([("clip_norm", {}), ("adam", {})])
def run():
    x = np.sin(np.arange(300_000.0)); g = np.cos(x); m = [np.zeros_like(x), np.zeros_like(x)]
    [rule.step([x], [g], [m], np.zeros(0), t, 0.1) for t in range(1, 4)]
    return x
"""
FORK = (
    STEP
    + """
before = run()
for _ in range(3):
    child = os.fork()
    if child == 0:
        ok = np.array_equal(run(), before)
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if np.array_equal(run(), before) else 3)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) if ok else 4)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, code
    assert np.array_equal(run(), before)
"""
)
COUNT = (
    STEP
    + """
run()
print(len(os.listdir("/proc/self/task")))
"""
)


def script(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_of_a_fork_work_and_so_does_their_parent() -> None:
    script(FORK, STEEPEST_NUM_THREADS="3")


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted on Linux")
def test_no_more_threads_than_allowed() -> None:
    alone = int(script(COUNT, STEEPEST_NUM_THREADS="1"))
    assert int(script(COUNT, STEEPEST_NUM_THREADS="4")) == alone + 3


def test_many_python_threads_at_once() -> None:
    def work(seed: int, out: list[np.ndarray]) -> None:
        rule = _core.Rule([("momo_adam", {})])
        x = np.random.default_rng(seed).normal(size=100_000)
        memory, state = [np.zeros_like(x), np.zeros_like(x)], np.zeros(rule.state(1))
        for t in range(1, 6):
            rule.step([x], [2.0 * x], [memory], state, t, 0.1, float((x * x).sum()))
        out[seed] = x

    together: list[np.ndarray] = [np.zeros(0)] * 6
    threads = [threading.Thread(target=work, args=(k, together)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    alone: list[np.ndarray] = [np.zeros(0)] * 6
    for k in range(6):
        work(k, alone)
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)
