"""Values for differences found at the same time: the same answers, by processes, threads or a map that is given."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import rosen

import steepest
from steepest.errors import InputError

Floats = NDArray[np.float64]
START = np.linspace(-1.5, 1.5, 8)


def slow(x: Floats, off: float = 0.0) -> float:
    time.sleep(0.005)
    return float(rosen(x)) + off


@pytest.mark.parametrize("jac", [None, "2-point", "3-point"])
@pytest.mark.parametrize("options", [{}, {"eps": 1e-7}, {"finite_diff_rel_step": 1e-6}])
@pytest.mark.parametrize("bounds", [None, [(-2, 0.5)] * 8, [(-2, 2), (0.3, 0.3)] * 4])
def test_the_answer_is_the_same_to_the_bit(jac: Any, options: dict[str, Any], bounds: Any) -> None:
    alone = steepest.minimize(rosen, START, jac=jac, bounds=bounds, options=options)
    seen = []

    def by(function: Any, points: Any) -> Any:
        seen.append(len(points))
        return map(function, points)

    among = steepest.minimize(rosen, START, jac=jac, bounds=bounds, options=options | {"workers": by})
    np.testing.assert_array_equal(alone.x, among.x)
    assert (alone.fun, alone.nit, alone.njev, alone.outcome) == (
        among.fun,
        among.nit,
        among.njev,
        among.outcome,
    )
    # The first values of every gradient are asked for at once, and hardly one in vain.
    assert sum(seen) >= 0.4 * among.nfev
    assert alone.nfev <= among.nfev <= 1.05 * alone.nfev + 8


def test_they_are_found_at_the_same_time() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def watched(x: Floats) -> float:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return float(rosen(x))

    with ThreadPoolExecutor(8) as pool:
        r = steepest.minimize(watched, START, options={"workers": pool.map, "maxiter": 20})
    assert r.nit == 20
    assert most >= 4


def test_by_processes_with_arguments() -> None:
    alone = steepest.minimize(slow, START[:3], args=(2.0,))
    among = steepest.minimize(slow, START[:3], args=(2.0,), options={"workers": 2})
    np.testing.assert_array_equal(alone.x, among.x)


def of_parts(parts: dict[str, Floats]) -> float:
    return float(rosen(parts["a"]))


def test_a_start_with_names_goes_to_processes_too() -> None:
    alone = steepest.minimize(of_parts, {"a": START[:3]})
    among = steepest.minimize(of_parts, {"a": START[:3]}, options={"workers": 2})
    np.testing.assert_array_equal(alone.x["a"], among.x["a"])


#: What goes wrong in a process that is not the first; what it ends in, by name.
PROGRAM = """
import os, sys, time
import numpy as np, steepest

class Odd(Exception):  # cannot be unpickled: two arguments are wanted, one is kept
    def __init__(self, a, b):
        super().__init__(f"{a}{b}")

FIRST = int(os.environ.setdefault("FIRST", str(os.getpid())))

def once():  # one Ctrl-C, not one of each process: the second would come while the first is told of
    try:
        os.mkdir(__file__ + ".once")
    except FileExistsError:
        return False
    return True

def fun(x):
    if os.getpid() != FIRST:
        WRONG
    return float(x @ x)

if __name__ == "__main__":
    try:
        steepest.minimize(fun, np.ones(4), options={"workers": 2})
    except BaseException as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("os._exit(3)", "BrokenProcessPool"),
        ("raise Odd(1, 2)", "BrokenProcessPool"),
        ("raise SystemExit(3)", "SystemExit"),
        ("raise KeyError(3)", "KeyError"),
        ("once() and os.kill(FIRST, 2); time.sleep(60)", "KeyboardInterrupt"),
    ],
)
def test_nobody_waits_for_a_process_that_is_lost(wrong: str, said: str, tmp_path: Path) -> None:
    """The first three were waited for without an end."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("WRONG", wrong))
    env = {name: value for name, value in os.environ.items() if name != "FIRST"}
    ran = subprocess.run([sys.executable, program], env=env, capture_output=True, text=True, timeout=40)
    assert ran.stdout.split() == [said], ran.stderr


#: Ctrl-C once more, where the first process ends the others.
TWICE = """
import multiprocessing.process as process

def also(end):
    def ended(self):
        if "TWICE" not in os.environ:
            os.environ["TWICE"] = ""
            os.kill(FIRST, 2)
        end(self)
    return ended

for name in ("kill", "terminate"):
    setattr(process.BaseProcess, name, also(getattr(process.BaseProcess, name)))
"""


def test_a_second_interrupt_leaves_no_process_over(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    text = PROGRAM.replace("WRONG", "os.kill(FIRST, 2); time.sleep(60)")
    program.write_text(text.replace("def fun", TWICE + "\ndef fun"))
    env = {name: value for name, value in os.environ.items() if name != "FIRST"}
    ran = subprocess.run([sys.executable, program], env=env, capture_output=True, text=True, timeout=40)
    assert "KeyboardInterrupt" in ran.stdout + ran.stderr


def test_shifted_angles_too() -> None:
    fun = lambda x: float(np.cos(x).sum() + np.sin(x[0] + x[1]))  # noqa: E731
    x0 = [0.3, 0.4, 0.5]
    sizes = []

    def by(function: Any, points: Any) -> Any:
        sizes.append(len(points))
        return [function(x) for x in points]

    alone = steepest.minimize(fun, x0, jac="parameter-shift")
    among = steepest.minimize(fun, x0, jac="parameter-shift", options={"workers": by})
    np.testing.assert_array_equal(alone.x, among.x)
    assert set(sizes) == {6}
    assert alone.nfev == among.nfev


def test_what_goes_wrong_says_so() -> None:
    for workers in (0, -2, 1.5, "4", True):
        with pytest.raises(InputError, match="workers must be a whole number of at least 1, -1, or a map"):
            steepest.minimize(rosen, START, options={"workers": workers})
    with pytest.raises(InputError, match="workers must return a value for each point; got 0 for 16"):
        steepest.minimize(rosen, START, options={"workers": lambda f, points: []})
    with pytest.raises(InputError, match="wants a function that can be pickled"):
        steepest.minimize(lambda x: float(rosen(x)), START, options={"workers": 2})
    with pytest.raises(InputError, match="workers is for minimize"):
        steepest.descend(rosen, START, options={"workers": 2})
    with pytest.raises(InputError, match="workers is an argument of its own"):
        steepest.least_squares(lambda x: x - 1, [0.0], options={"workers": 2})

    def failing(x: Floats) -> float:
        if (x != START).any():
            raise KeyError("mine")
        return float(rosen(x))

    with pytest.raises(KeyError, match="mine"):
        steepest.minimize(failing, START, options={"workers": map})
    # Where nothing is found by values, nobody is asked.
    r = steepest.minimize("rosenbrock", options={"workers": lambda f, points: 1 / 0})
    assert r.success
