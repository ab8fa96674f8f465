"""`line_search`: SciPy's arguments and answer, any of the searches."""

import numpy as np
import pytest
from scipy.optimize import line_search as scipys
from scipy.optimize import rosen, rosen_der

import steepest
from steepest import _catalog, searches
from steepest.errors import InputError

NAMES = sorted(_catalog.registry("searches"))


def lines(seed: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points and directions that lead down Rosenbrock's valley."""
    generator = np.random.default_rng(seed)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    while len(found) < count:
        x, p = generator.normal(size=(2, 5)) * 10.0 ** generator.uniform(-2, 2)
        if p @ rosen_der(x) < 0:
            found.append((x, p))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_point_found_is_lower_and_what_is_returned_is_so(name: str) -> None:
    called = {"f": 0, "g": 0}

    def f(x: np.ndarray, shift: float) -> float:
        called["f"] += 1
        return float(rosen(x)) + shift

    def g(x: np.ndarray, shift: float) -> np.ndarray:
        called["g"] += 1
        return np.asarray(rosen_der(x))

    for x, p in lines(1, 20):
        called.update(f=0, g=0)
        found = steepest.line_search(f, g, x, p, args=(3.0,), search=name)
        assert found.alpha is not None
        assert found.alpha > 0
        at = x + found.alpha * p
        assert found.new_fval == rosen(at) + 3.0 < found.old_fval == rosen(x) + 3.0
        assert (found.fc, found.gc) == (called["f"], called["g"])
        assert found.new_slope is None or np.isclose(found.new_slope, rosen_der(at) @ p, rtol=1e-12)
        slope = rosen_der(x) @ p
        if name not in ("approximate_wolfe", "hager_zhang"):
            assert found.new_fval <= found.old_fval + 1e-4 * found.alpha * slope
        if name in ("strong_wolfe", "more_thuente"):
            assert found.new_slope is not None
            assert abs(found.new_slope) <= -0.9 * slope


def test_scipys_arguments_mean_what_they_mean_there() -> None:
    for x, p in lines(2, 30):
        # As long as makes the least value lie well before the longest length.
        p = p * np.linalg.norm(x) / np.linalg.norm(p)
        g, before = rosen_der(x), rosen(x) + 1.0
        ours = steepest.line_search(rosen, rosen_der, x, p, g, rosen(x), before, (), 1e-3, 0.4, 1e3, None, 40)
        theirs = scipys(rosen, rosen_der, x, p, g, rosen(x), before, (), 1e-3, 0.4, 1e3, None, 40)
        assert len(ours) == len(theirs) == 6
        assert ours.old_fval == theirs[4]
        # Theirs is the gradient, though SciPy's page says the slope.
        for alpha, value, slope in ((ours[0], ours[3], ours[5]), (theirs[0], theirs[3], theirs[5] @ p)):
            assert alpha is not None
            assert alpha <= 50
            assert value <= rosen(x) + 1e-3 * alpha * (g @ p)
            assert abs(slope) <= -0.4 * (g @ p)


def test_a_condition_of_ones_own_is_held() -> None:
    x = np.array([-1.2, 1.0])
    seen = []

    def near(alpha: float, at: np.ndarray, value: float, g: np.ndarray) -> bool:
        seen.append(alpha)
        assert np.array_equal(at, x - alpha * rosen_der(x))
        assert value == rosen(at)
        assert np.array_equal(g, rosen_der(at))
        return alpha < 1e-4

    for name in NAMES:
        seen.clear()
        found = steepest.line_search(rosen, rosen_der, x, -rosen_der(x), extra_condition=near, search=name)
        assert found.alpha is not None
        assert found.alpha == seen[-1] < 1e-4


def test_settings_and_shapes() -> None:
    x = np.array([[-1.2, 1.0]])
    f = lambda x: float(rosen(x.ravel()))  # noqa: E731
    g = lambda x: rosen_der(x.ravel()).reshape(x.shape)  # noqa: E731
    sharp = searches.MoreThuente(curvature=1e-4)
    found = steepest.line_search(f, g, x, -g(x), search=sharp)
    assert found.new_slope is not None
    assert abs(found.new_slope) <= 1e-4 * float(np.vdot(g(x), g(x)))
    assert steepest.line_search(f, g, x, -g(x), c2=1e-4, search="more_thuente") == found
    # What is written to x in a function stays there.
    untouched = x.copy()

    def writes(x: np.ndarray) -> float:
        value = f(x)
        x[:] = np.nan
        return value

    assert steepest.line_search(writes, g, x, -g(x), search=sharp) == found
    assert np.array_equal(x, untouched)


def test_none_is_found_where_there_is_none() -> None:
    with pytest.warns(RuntimeWarning, match="does not lead down: the slope along it is 2"):
        found = steepest.line_search(lambda x: float(x @ x), lambda x: 2 * x, [1.0], [1.0])
    assert found == (None, 1, 1, None, 1.0, None)
    with pytest.warns(RuntimeWarning, match="strong_wolfe found no length"):
        found = steepest.line_search(lambda x: float(x @ x), lambda x: -2 * x, [1.0], [1.0])
    assert found[:4:3] == (None, None)
    assert found.fc > 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"search": "more_thuent"}, "did you mean 'more_thuente'"),
        ({"search": 3}, "search must be a name"),
        ({"search": "armijo", "c2": 0.1}, "c2 is not for armijo"),
        ({"c1": 0.9}, "decrease must be between 0 and 0.5; got 0.9"),
        ({"pk": [1.0]}, "pk must have the shape of xk"),
        ({"pk": [np.inf, 0.0]}, "pk must be finite; got inf"),
        ({"xk": [np.nan, 0.0]}, "xk must be finite; got nan"),
        ({"gfk": [1.0]}, "gfk must have the shape of xk"),
        ({"amax": 0.0}, "amax must be above 0"),
        ({"maxiter": 0}, "maxiter must be at least 1; got 0"),
        ({"f": lambda x: x}, "must be one number"),
        ({"f": lambda x: "much"}, "f.x. must be an array of numbers"),
        ({"f": lambda x: np.nan}, "f.xk. must be finite; got nan"),
    ],
)
def test_what_cannot_be_used_is_said(changes: dict, words: str) -> None:
    given = {"f": rosen, "myfprime": rosen_der, "xk": [-1.2, 1.0], "pk": [1.0, 0.0]} | changes
    with pytest.raises(InputError, match=words):
        steepest.line_search(**given)


def test_what_a_function_raises_comes_out() -> None:
    def raises(x: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        steepest.line_search(raises, rosen_der, [-1.2, 1.0], [1.0, 0.0])
    with pytest.raises(ZeroDivisionError, match="here"):
        steepest.line_search(rosen, raises, [-1.2, 1.0], [1.0, 0.0], gfk=rosen_der(np.array([-1.2, 1.0])))
