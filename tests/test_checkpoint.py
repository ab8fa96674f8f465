"""A run that is stopped, kept in a file and gone on with in a fresh process has the bits of one that never stopped.

The matrix is read from the registries: a new method, rule or rate is tried without a line here.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import steepest
from steepest import _core, errors, rates, rules
from steepest.errors import InputError, ModelFileError
from steepest.saving import read_file, write_file

BUDGET = 60
#: columns of very different lengths, of which two say nearly the same
LOPSIDED = np.random.default_rng(6).normal(size=(400, 5)) * [1.0, 1.0, 1.0, 1e-2, 1e2]
LOPSIDED[:, 4] += 1e3 * LOPSIDED[:, 1]
ROWS = np.random.default_rng(3).normal(size=(60, 4))
TARGET = ROWS @ [1.0, -2.0, 0.5, 3.0] + 0.1 * np.random.default_rng(4).normal(size=60)


def valley(x):
    """A bent valley in four variables."""
    x = np.asarray(x)
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def slope(x):
    """Its gradient."""
    inner = x[1:] - x[:-1] ** 2
    g = np.zeros_like(x)
    g[1:] += 200 * inner
    g[:-1] += -400 * x[:-1] * inner - 2 * (1 - x[:-1])
    return g


def bend(x):
    """Its Hessian."""
    h = np.diag(np.r_[1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0.0] + np.r_[0.0, np.full(x.size - 1, 200.0)])
    off = -400 * x[:-1]
    return h + np.diag(off, 1) + np.diag(off, -1)


def squares(x, rows):
    """A mean of squares over some rows, and its gradient."""
    error = ROWS[rows] @ x - TARGET[rows]
    return float(error @ error) / len(rows), 2 * ROWS[rows].T @ error / len(rows)


def cases():
    """Each way to run by a name: arguments of `minimize`."""
    found = _core.catalog()
    start = np.array([-1.2, 1.0, 0.5, -0.3])
    smooth = {"fun": valley, "x0": start, "jac": slope, "options": {"maxiter": BUDGET}}
    all_ = {f"{m['name']}": smooth | {"method": m["name"], "hess": bend} for m in found["methods"]}
    all_ |= {
        f"{name} by differences": {k: v for k, v in all_[name].items() if k not in ("jac", "hess")}
        for name in list(all_)
    }
    for by in ("augmented_lagrangian", "sqp"):
        all_[by] |= {"constraints": {"type": "eq", "fun": lambda x: x.sum() - 1}}
    for rule in found["rules"]:
        name = rule["name"]
        chain = [name, "sgd"] if rule["kind"] == "gradient" else name
        terms = {"fun": steepest.Terms(squares, 60), "x0": np.zeros(4), "jac": True, "method": chain}
        all_[name] = smooth | {"method": chain}
        all_[f"{name} over batches"] = terms | {"options": {"batch_size": 7, "epochs": 9, "seed": 5}}
        fixed = {"batch_size": 7, "epochs": 9, "rate": 1e-3, "schedule": "cosine"}
        all_[f"{name} over batches at a rate"] = terms | {"options": fixed}
    for rate in found["rates"]:
        options = {"maxiter": BUDGET, "schedule": rate["name"], "rate": 1e-3}
        all_[f"rate {rate['name']}"] = smooth | {"method": ["clip_norm", "adam"], "options": options}
    pieces = [("constant", 9), ("linear", 20), "cosine"]
    all_["pieces"] = smooth | {
        "method": "adam",
        "options": {"maxiter": BUDGET, "rate": 1e-2, "schedule": pieces},
    }
    all_["differences and bounds"] = {
        "fun": valley,
        "x0": start,
        "method": "adam",
        "bounds": [(-1.5, 0.7)] * 4,
    } | {"options": {"maxiter": BUDGET}}
    all_["named parts"] = smooth | {
        "fun": lambda p: valley(p["a"]) + p["b"] ** 2,
        "x0": {"a": start, "b": 2.0},
        "jac": None,
        "method": "muon",
    }
    return all_


def told(result):
    """What of a result must be the same, in a form that crosses to another process."""
    flat = (
        np.concatenate([np.ravel(v) for v in result.x.values()]) if isinstance(result.x, dict) else result.x
    )
    history = np.concatenate(
        [result.history[n] for n in ("iteration", "loss", "residual", "rate", "evaluations")]
    )
    counts = [result.nit, result.nfev, result.njev, result.nhev, result.outcome]
    return [flat.tobytes().hex(), float(result.fun).hex(), *counts, history.tobytes().hex()]


def stopped(case, at, path):
    """Stopped after so many iterations, and kept."""
    count = iter(range(1, 10**6))
    return steepest.minimize(**case, checkpoint=path, callback=lambda intermediate_result: next(count) >= at)


def fresh(what, folder):
    """This file as a program of its own, on one thread."""
    source = str(Path(steepest.__file__).parents[1])
    env = os.environ | {
        "PYTHONPATH": source + os.pathsep + os.environ.get("PYTHONPATH", ""),
        "STEEPEST_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, __file__, what, str(folder)], env=env, stdout=subprocess.PIPE, text=True
    )


def test_every_method_and_rule_goes_on_in_a_fresh_process_to_the_same_bits(tmp_path):
    never, others = {}, []
    for name, case in cases().items():
        try:
            run = stopped(case, 7, tmp_path / name)
        except InputError as error:
            others.append(f"{name}: {error}")
            continue
        assert (tmp_path / name).exists() == (run.outcome == "stopped"), name
        never[name] = told(steepest.minimize(**case))
    assert all("cannot handle" in other or "only turns the step" in other for other in others), others
    with fresh("go_on", tmp_path) as other:
        found = json.loads(other.communicate()[0])
    assert len(never) > 40
    assert found.keys() == never.keys()
    for name in never:
        assert found[name] == never[name], name
    assert not list(tmp_path.iterdir())


def go_on(folder):
    """Runs all cases to their ends, and prints what came of them."""
    found = {}
    for name, case in cases().items():
        try:
            was = (folder / name).exists()
            run = steepest.minimize(**case, checkpoint=folder / name)
        except InputError:
            continue
        # One that ends by itself is taken away; one at the end of its budget stays, for a larger one.
        assert (run.resumed == 7) == was
        assert (folder / name).exists() == (run.outcome == "budget" and run.nit == BUDGET)
        (folder / name).unlink(missing_ok=True)
        found[name] = told(run)
    print(json.dumps(found))


def long_minimize(path):
    """Some seconds of steps, written at each; without a path, never stopped."""
    kept = {} if path is None else {"checkpoint": (path, 0.0)}
    return told(
        steepest.minimize(
            valley, np.full(12, -1.2), jac=slope, method="adam", options={"maxiter": 200}, **kept
        )
    )


def long_descend(path):
    """The same step by step."""
    kept = {} if path is None else {"checkpoint": (path, 0.0)}
    steps = steepest.descend(
        valley, np.full(12, -1.2), jac=slope, method="momentum", rate=1e-5, options={"maxiter": 200}, **kept
    )
    for _ in steps:
        pass
    return told(steps.result())


def long_fit(path):
    """A linear model whose classes no line separates well, by a method of many small steps."""
    rows = np.random.default_rng(8).normal(size=(4000, 8)) * 10.0 ** np.arange(-2, 6)
    model = steepest.GeneralizedLinear(
        loss="logistic", alpha=1e-9, method="gradient_descent", tol=1e-15, max_iter=400
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotConverged)
        target = (rows[:, 0] > 0.003 * np.sin(np.arange(4000))).astype(float)
        model.fit(rows, target, checkpoint=None if path is None else (path, 0.0))
    return told(model.results_[0])


def long_table(path):
    """A table, from its alphas to the last fit to all of its rows."""
    kept = None if path is None else (path, 0.02)
    return found(steepest.fit("breast_cancer", cv=2, checkpoint=kept, reference=False))


def found(model):
    """What of a fitted table must be the same, in a form that crosses to another process."""
    weights, path = model.weights, model.story()["path"]
    arrays = [weights.coefficients, weights.offset, path["alphas"], path["validation_loss"]]
    return [np.asarray(a, dtype=float).tobytes().hex() for a in arrays] + [repr(model.metrics())]


LONG = {"minimize": long_minimize, "descend": long_descend, "fit": long_fit, "table": long_table}


def long_run(folder):
    """One of them, named by the folder, to its end."""
    print(json.dumps(LONG[folder.name](folder / "run")))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
@pytest.mark.parametrize("name", LONG)
def test_killed_at_any_moment_a_run_loses_nothing(tmp_path, name):
    """`STEEPEST_KILLS=25` for a hundred over all four."""
    never, folder = LONG[name](None), tmp_path / name
    folder.mkdir()
    draw = random.Random(5)
    for _ in range(int(os.environ.get("STEEPEST_KILLS", "2"))):
        with fresh("long_run", folder) as child:
            # It is killed some time after it has first written: in a step, in a file, between them.
            while child.poll() is None and not list(folder.iterdir()):
                time.sleep(0.005)
            time.sleep(draw.uniform(0.0, 0.3))
            child.send_signal(signal.SIGKILL)
            child.communicate()
        whole = [p for p in folder.iterdir() if p.name == "run"]
        assert whole == [] or read_file(whole[0], "checkpoint")
    with fresh("long_run", folder) as child:
        assert json.loads(child.communicate()[0]) == never


@pytest.mark.parametrize(
    ("method", "penalty"),
    [
        (None, "l2"),
        ("progressive", "l2"),
        ("lbfgs", "l2"),
        ("newton", "l2"),
        ("fista", "l1"),
        ("coordinate", "l1"),
        ("adam", "l2"),
        ("gradient_descent", "l2"),
    ],
)
def test_a_linear_model_goes_on_too(tmp_path, method, penalty):
    path, target = tmp_path / "fit", (TARGET > 0).astype(float)
    asked = {"loss": "logistic", "penalty": penalty, "alpha": 1e-4, "method": method, "tol": 1e-9}
    never = steepest.GeneralizedLinear(**asked, max_iter=40)
    kept = [steepest.GeneralizedLinear(**asked, max_iter=n) for n in (1, 3, 40)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotConverged)
        never.fit(ROWS, target)
        for model in kept:
            model.fit(ROWS, target, checkpoint=path)
    assert kept[-1].results_[0].resumed == 3
    assert kept[-1].coef_.tobytes() == never.coef_.tobytes()
    assert told(kept[-1].results_[0])[1:] == told(never.results_[0])[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotConverged)
        path.unlink(missing_ok=True)
        kept[0].fit(ROWS, target, checkpoint=path)
        with pytest.raises(InputError, match="X is another"):
            kept[0].fit(ROWS + 1, target, checkpoint=path)


def estimators():
    """Each linear model by its name: how it is made, given a budget, its table and its target."""
    rows, classes = LOPSIDED, (LOPSIDED[:, 1] > 0).astype(int)
    counts = np.exp(np.clip(rows[:, 1], -1, 1)).round()
    # Columns that say nearly what their neighbours do keep descents along single ones busy.
    draw = np.random.default_rng(6)
    columns = np.cumsum(draw.normal(size=(300, 300)), axis=1)
    alike = columns, columns[:, 150] ** 3 / 10 + draw.normal(size=300)
    logistic = {"loss": "logistic", "alpha": 1e-9}
    wide = {"method": "progressive", "tol": 1e-12}
    return {
        "LogisticRegression": (lambda n: steepest.LogisticRegression(C=1e6, max_iter=n), rows, classes),
        "softmax": (
            lambda n: steepest.LogisticRegression(C=1e6, max_iter=n),
            rows,
            classes + (rows[:, 2] > 0),
        ),
        "LinearSVC": (lambda n: steepest.LinearSVC(max_iter=n), rows, classes),
        "ElasticNet": (lambda n: steepest.ElasticNet(alpha=1e-3, max_iter=n), *alike),
        "Lasso": (lambda n: steepest.Lasso(alpha=1e-3, max_iter=n), *alike),
        "Ridge": (lambda n: steepest.Ridge(alpha=1e-4, positive=True, max_iter=n), *alike),
        "PoissonRegressor": (lambda n: steepest.PoissonRegressor(alpha=1e-9, max_iter=n), rows, counts),
        "GammaRegressor": (lambda n: steepest.GammaRegressor(alpha=1e-9, max_iter=n), rows, counts + 1),
        "TweedieRegressor": (
            lambda n: steepest.TweedieRegressor(power=1.5, alpha=1e-9, max_iter=n),
            rows,
            counts,
        ),
        "progressive": (lambda n: steepest.GeneralizedLinear(**logistic, **wide, max_iter=n), rows, classes),
    }


def fitted(name, budget, path):
    """The bits of one of them."""
    make, rows, target = estimators()[name]
    model = make(budget)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotConverged)
        model.fit(rows, target, checkpoint=path)
    return [np.ravel(model.coef_).tobytes().hex(), *told(model.result_)], model.result_.resumed


def go_on_fitting(folder):
    """Fits all of them to their ends, and prints what came of them."""
    names = list(estimators())
    print(json.dumps({name: fitted(name, 10**6, folder / name) for name in names}))


def test_every_estimator_goes_on_in_a_fresh_process_to_the_same_bits(tmp_path):
    never = {}
    for name in estimators():
        never[name], _ = fitted(name, 10**6, None)
        fitted(name, 1, tmp_path / name)
        assert (tmp_path / name).exists(), name
    with fresh("go_on_fitting", tmp_path) as other:
        after = json.loads(other.communicate()[0])
    assert after == {name: [never[name], 1] for name in never}
    assert not list(tmp_path.iterdir())


def test_a_fit_that_cannot_be_kept_is_refused_by_name(tmp_path):
    path, two = tmp_path / "fit", np.column_stack([TARGET, TARGET])
    for model, target in [
        (steepest.Ridge(), TARGET),
        (steepest.Lasso(), two),
        (steepest.LinearRegression(), TARGET),
    ]:
        with pytest.raises(InputError, match="no folder"):
            model.fit(ROWS, target, checkpoint=tmp_path / "none" / "fit")
    # What is solved in one go leaves no file.
    steepest.Ridge([1.0, 2.0]).fit(ROWS, two, checkpoint=path)
    steepest.LinearRegression().fit(ROWS, two, checkpoint=path)
    assert not path.exists()


WIDE = np.random.default_rng(9).normal(size=(40, 400))
ALIKE = np.cumsum(np.random.default_rng(6).normal(size=(300, 300)), axis=1)


@pytest.mark.parametrize(
    ("make", "rows", "target"),
    [
        (lambda n: steepest.Lasso(1e-3, max_iter=n), ALIKE, ALIKE[:, [150, 20, 3]] ** 3 / 10),
        (lambda n: steepest.LinearSVC(max_iter=n), LOPSIDED, np.arange(400) % 4),
        (
            lambda n: steepest.GeneralizedLinear("huber", method="lbfgs", max_iter=n),
            ROWS,
            np.exp(ROWS[:, :2]),
        ),
    ],
    ids=["Lasso", "LinearSVC", "GeneralizedLinear"],
)
def test_several_targets_are_kept_in_one_file(tmp_path, make, rows, target):
    """With a larger budget each goes on from where it stood; what is done is not done again."""
    path, resumed = tmp_path / "fit", set()

    def bits(model):
        return np.ravel(model.coef_).tobytes(), [told(r) for r in model.results_]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotConverged)
        never = make(10**6).fit(rows, target)
        most = max(r.nit for r in never.results_)
        for budget in [*range(1, min(most, 12)), 10**6]:
            model = make(budget).fit(rows, target, checkpoint=path)
            assert path.exists() == (budget < 10**6)
            resumed |= {k for k, r in enumerate(model.results_) if r.resumed}
    assert bits(model) == bits(never)
    assert 0 in resumed


def test_what_ends_between_two_targets_does_not_begin_anew(tmp_path, monkeypatch):
    path, own = tmp_path / "fit", _core.fit_linear
    target = np.stack([WIDE[:, 0], WIDE[:, 1] - WIDE[:, 2], WIDE[:, 3]], axis=1)
    never = steepest.LinearRegression(positive=True).fit(WIDE, target)
    calls = []

    def failing(*args, **more):
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the power went")
        return own(*args, **more)

    monkeypatch.setattr(_core, "fit_linear", failing)
    with pytest.raises(OSError, match="the power went"):
        steepest.LinearRegression(positive=True).fit(WIDE, target, checkpoint=path)
    with pytest.raises(InputError, match="y is another"):
        steepest.LinearRegression(positive=True).fit(WIDE, target + 1, checkpoint=path)
    again = steepest.LinearRegression(positive=True).fit(WIDE, target, checkpoint=path)
    assert len(calls) == 4
    assert again.coef_.tobytes() == never.coef_.tobytes()
    assert [told(r) for r in again.results_] == [told(r) for r in never.results_]
    assert not path.exists()


@pytest.fixture
def parts(tmp_path):
    """Files of columns and classes."""
    folder = tmp_path / "parts"
    folder.mkdir()
    draw = np.random.default_rng(2)
    x = draw.normal(size=(6000, 3)) * [1.0, 1e2, 1e-2]
    y = (x[:, 0] + x[:, 1] / 100 + draw.normal(size=6000) > 0).astype(int)
    for k in range(3):
        rows = slice(2000 * k, 2000 * (k + 1))
        columns = {f"x{j}": x[rows, j] for j in range(3)} | {"y": y[rows]}
        parquet.write_table(pa.table(columns), folder / f"part-{k}.parquet", row_group_size=700)
    return str(folder / "part-*.parquet")


@pytest.mark.parametrize("method", [None, "lbfgs", "adam"])
def test_a_fit_of_files_goes_on_too(tmp_path, parts, method):
    path, asked = tmp_path / "fit", {"loss": "logistic", "alpha": 1e-4, "method": method, "tol": 1e-9}

    def fit(budget, **more):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.NotConverged)
            return steepest.GeneralizedLinear(**asked, max_iter=budget).fit(parts, "y", **more)

    never = fit(30)
    for budget in (1, 3):
        fit(budget, checkpoint=path)
    again = fit(30, checkpoint=path)
    assert again.result_.resumed == 3
    assert again.coef_.tobytes() == never.coef_.tobytes()
    assert told(again.result_) == told(never.result_)
    path.unlink(missing_ok=True)
    fit(1, checkpoint=path)
    os.utime(parts.replace("*", "1"), ns=(1, 1))
    with pytest.raises(InputError, match="X is another"):
        fit(1, checkpoint=path)


def test_a_fit_of_more_files_than_memory_goes_on_too(tmp_path, parts):
    path, asked = tmp_path / "fit", {"target": "y", "memory": 1_200_000}
    never, last = found(steepest.fit(parts, **asked)), 0
    for attempt in range(1, 100):
        calls = iter(range(1, 10**6))

        def watch(told, calls=calls, last=9 * attempt):
            if next(calls) >= last:
                raise OSError("the power went")

        try:
            model = steepest.fit(parts, **asked, checkpoint=(path, 1e9), watch=watch)
            break
        except OSError:
            last += path.exists()
    assert found(model) == never
    assert last > 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ("breast_cancer", {"cv": 2}),
        ("diabetes", {"penalty": "l1"}),
        ("iris", {"scoring": "balanced_accuracy"}),
        ("diabetes", {"alpha": 0.1, "refit": False, "validation": 0}),
    ],
)
def test_a_fit_of_a_table_goes_on_to_the_same_model(tmp_path, table, settings):
    path, last = tmp_path / "fit", 0

    def part(model):
        story = model.story()
        bits = [a.tobytes() for a in (model.weights.coefficients, model.weights.offset)]
        return bits, story["path"], repr(model.metrics()), story["solution"]["iterations"]

    never = part(steepest.fit(table, **settings))
    for attempt in range(1, 100):
        calls = iter(range(1, 10**6))

        def watch(told, calls=calls, last=7 * attempt):
            if next(calls) >= last:
                raise OSError("the power went")

        try:
            model = steepest.fit(table, **settings, checkpoint=(path, 1e9), watch=watch)
            break
        except OSError:
            last += path.exists()
    assert part(model) == never
    assert last > 0 or settings.get("alpha")
    assert not path.exists()


def test_a_fit_that_its_watch_stops_goes_on(tmp_path):
    path, stages = tmp_path / "fit", []
    never = found(steepest.fit("wine"))
    steps = {"path": iter(range(10**6)), "fit": iter(range(10**6))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.NotConverged)
        steepest.fit(
            "wine", checkpoint=path, watch=lambda p: p["loss"] is not None and next(steps["path"]) >= 1
        )
    assert path.exists()
    again = steepest.fit("wine", checkpoint=path, watch=lambda p: stages.append(p["stage"]))
    assert found(again) == never
    assert not path.exists()


def test_the_file_of_another_fit_is_refused_by_what_differs(tmp_path):
    path = tmp_path / "fit"

    def failing(told):
        if told["stage"] == "path" and told["fraction"] > 0.1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steepest.fit("diabetes", checkpoint=path, watch=failing)
    kept = path.read_bytes()
    for words, table, more in [
        ("alpha was None and is 0.1 now", "diabetes", {"alpha": 0.1}),
        ("table is another", "diabetes", {"seed": 1}),
        ("penalty was 'l2' and is 'l1' now", "diabetes", {"penalty": "l1"}),
        ("table is another", "iris", {}),
    ]:
        with pytest.raises(InputError, match=re.escape(words)):
            steepest.fit(table, **more, checkpoint=path)
    with pytest.raises(InputError, match="fun was a fit of a table"):
        adam(path)
    assert path.read_bytes() == kept
    content, _ = read_file(path, "checkpoint")
    for wrong in (
        b"[",
        b"{}",
        b"[3]",
        b'[{"dict": {"x": {"array": "none"}}}]',
        b'[{"dict": {"x": 3}}]',
        b"\xff",
    ):
        write_file(path, "checkpoint", {"about": content["about"]}, {"done": np.frombuffer(wrong, np.uint8)})
        with pytest.raises(ModelFileError, match="was altered"):
            steepest.fit("diabetes", checkpoint=path)
    write_file(path, "checkpoint", {"about": content["about"]}, {})
    with pytest.raises(ModelFileError, match="was altered"):
        steepest.fit("diabetes", checkpoint=path)


def adam(file, n=50, **more):
    """A short run."""
    given = {"fun": valley, "x0": np.full(4, -1.2), "jac": slope, "method": "adam", "options": {"maxiter": n}}
    return steepest.minimize(**(given | more), checkpoint=file)


def test_a_budget_counts_the_whole_run_and_a_larger_one_goes_on(tmp_path):
    path, seen = tmp_path / "run", []
    assert adam(path).nit == 50
    again = adam(path)
    assert (again.nit, again.resumed, again.outcome) == (50, 50, "budget")
    more = adam(path, 80, callback=lambda intermediate_result: seen.append(intermediate_result.nit))
    assert (more.nit, more.resumed, seen) == (80, 50, list(range(51, 81)))
    assert told(more) == told(
        steepest.minimize(valley, np.full(4, -1.2), jac=slope, method="adam", options={"maxiter": 80})
    )
    assert "from iteration 50" in str(more)
    assert (np.diff(more.history["seconds"]) >= 0).all()


def test_an_error_of_the_function_and_ctrl_c_leave_what_was_done(tmp_path):
    path, never = tmp_path / "run", adam(tmp_path / "other", 80)
    for error in (OSError("the disk of the simulation"), KeyboardInterrupt()):
        calls = iter(range(10**6))

        def failing(x, calls=calls, error=error):
            if next(calls) > 25:
                raise error
            return valley(x)

        failing.__module__, failing.__qualname__ = valley.__module__, valley.__qualname__
        with pytest.raises(type(error)):
            adam(path, 80, fun=failing)
        assert path.exists()
    last = adam(path, 80)
    assert last.resumed > 0
    assert told(last) == told(never)


@pytest.mark.parametrize("method", ["lbfgs", "newton", "bfgs"])
def test_an_error_of_who_looks_on_at_the_last_step_leaves_the_step_before(tmp_path, method):
    path, asked = tmp_path / "run", {"fun": valley, "x0": np.zeros(4), "jac": slope, "hess": bend}
    asked |= {"method": method, "options": {"maxiter": 10**5}}
    never = steepest.minimize(**asked)

    def failing(intermediate_result):
        if intermediate_result.nit == never.nit:
            raise OSError("the screen")

    with pytest.raises(OSError, match="the screen"):
        steepest.minimize(**asked, checkpoint=path, callback=failing)
    assert told(steepest.minimize(**asked, checkpoint=path)) == told(never)
    assert not path.exists()


@pytest.mark.parametrize("jac", [None, "3-point", "callable"])
@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_least_squares_goes_on_too(tmp_path, jac, loss):
    t, calls = np.linspace(0, 4, 30), iter(range(1, 10**6))
    y = 3 * np.exp(-0.7 * t) + np.sin(9 * t) / 20

    def curve(p):
        return p[0] * np.exp(-p[1] * t) + p[2] - y

    def rows(p):
        e = np.exp(-p[1] * t)
        return np.stack([e, -p[0] * t * e, np.ones_like(t)], axis=1)

    path, asked = tmp_path / "run", {"x0": [9.0, 4.0, 5.0], "loss": loss, "tol": 1e-12}
    asked |= {"jac": rows if jac == "callable" else jac}
    never = steepest.least_squares(curve, **asked)
    assert never.nit > 4
    stop = {"callback": lambda intermediate_result: next(calls) >= 3, "checkpoint": path}
    assert steepest.least_squares(curve, **asked, **stop).outcome == "stopped"
    again = steepest.least_squares(curve, **asked, checkpoint=path)
    assert again.resumed == 3
    assert (again.x.tobytes(), again.jac.tobytes(), again.nit, again.nfev) == (
        never.x.tobytes(),
        never.jac.tobytes(),
        never.nit,
        never.nfev,
    )
    assert not path.exists()
    steepest.least_squares(curve, **asked, callback=lambda x: True, checkpoint=path)
    with pytest.raises(InputError, match=r"f_scale was 1.0 and is 2.0 now"):
        steepest.least_squares(curve, **asked, f_scale=2.0, checkpoint=path)


def test_curve_fit_goes_on_too_and_knows_its_data(tmp_path):
    t, path = np.linspace(0, 4, 30), tmp_path / "run"
    y = 3 * np.exp(-0.7 * t) + np.sin(9 * t) / 20

    def curve(t, a, b, c):
        return a * np.exp(-b * t) + c

    asked = {"p0": [9.0, 4.0, 5.0]}
    never = steepest.curve_fit(curve, t, y, **asked)
    with pytest.raises(RuntimeError, match="not found"):
        steepest.curve_fit(curve, t, y, **asked, options={"maxiter": 3}, checkpoint=path)
    with pytest.raises(InputError, match=r"fun was .* and is|fun is another"):
        steepest.curve_fit(curve, t, y + 1e-9, **asked, checkpoint=path)
    again = steepest.curve_fit(curve, t, y, **asked, checkpoint=path)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(again, never, strict=True))
    assert not path.exists()


def test_descend_goes_on_too(tmp_path):
    path = tmp_path / "run"
    asked = {
        "x0": np.full(4, -1.2),
        "jac": slope,
        "method": "momentum",
        "rate": 1e-4,
        "options": {"maxiter": 40},
    }
    never = [s.loss for s in steepest.descend(valley, **asked)]
    first = steepest.descend(valley, **asked, checkpoint=path)
    losses = []
    for step in first:
        losses.append(step.loss)
        if step.iteration == 15:
            first.rate = 2e-4
            first.rate = 1e-4
            first.stop()
    second = steepest.descend(valley, **asked, checkpoint=path)
    losses += [s.loss for s in second]
    assert losses == never
    assert second.result().resumed == 15
    assert len(second.result().path) == 41


def test_what_is_of_another_run_is_refused_by_name(tmp_path):
    path = tmp_path / "run"
    adam(path)
    kept = path.read_bytes()
    for what, more in {
        "method was adam and is sgd now": {"method": "sgd"},
        "settings": {"method": rules.Adam(mean_decay=0.8)},
        "tol was None and is 0.001 now": {"tol": 1e-3},
        "x0 is another": {"x0": np.zeros(4)},
        "bounds": {"bounds": [(-2, 2)] * 4},
        "jac was callable and is found now": {"jac": None},
        "rate was": {"options": {"rate": rates.Cosine(), "maxiter": 50}},
        "args is another": {"args": (np.ones(3),)},
        "fun was": {"fun": lambda x: valley(x)},
        "path was": {"path": True},
    }.items():
        with pytest.raises(InputError, match=re.escape(what)):
            adam(path, **more)
    other = lambda x: valley(x) + 1e3  # noqa: E731
    other.__module__, other.__qualname__ = valley.__module__, valley.__qualname__
    with pytest.raises(
        InputError, match=r"the value at the point saved was .* and is .* now: the function is another"
    ):
        adam(path, fun=other)
    assert path.read_bytes() == kept


def test_an_older_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "run"
    adam(path)
    monkeypatch.setattr(steepest, "__version__", "0.0.1")
    with pytest.raises(InputError, match=r"version was .* and is 0.0.1 now"):
        adam(path)


def test_damaged_files_are_named_and_stay(tmp_path):
    path = tmp_path / "run"
    adam(path)
    whole = path.read_bytes()
    for name, data in {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "foreign": b"PK\x03\x04" + bytes(200),
        "flipped": whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:],
    }.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelFileError, match=name):
            adam(tmp_path / name)
        assert (tmp_path / name).read_bytes() == data
    content, arrays = read_file(path, "checkpoint")
    told_of = {k: content[k] for k in ("about",)}
    for wrong, words in [
        ({"loop.x": np.full(4, np.nan)}, "'loop.x' is not a number"),
        ({"loop.x": np.zeros(3)}, "'loop.x' has another length"),
        ({"loop.x": np.zeros(4, np.uint64)}, "'loop.x' is of another kind"),
        ({"method.inner.gradient": np.zeros(5)}, "'method.inner.gradient' has another length"),
        ({"more": np.zeros(5)}, "'more' is not known"),
        ({"loop.x": np.zeros((2, 2))}, "shape"),
        ({"loop.x": np.zeros(4, np.float32)}, "float32"),
        ({"loop.findings.len": np.full(1, 2**64 - 1, np.uint64)}, "is no count"),
    ]:
        write_file(path, "checkpoint", told_of, {**arrays, **wrong})
        with pytest.raises((InputError, ModelFileError), match=words):
            adam(path)
    write_file(path, "model", told_of, arrays)
    with pytest.raises(ModelFileError, match="holds a model, not a checkpoint"):
        adam(path)


def test_a_place_that_cannot_be_written_is_refused_before_the_first_step(tmp_path):
    calls = []
    for given, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "run", "there is no folder"),
        ((tmp_path / "run", "soon"), "must be a number"),
        ((tmp_path / "run", -1), "at least 0"),
        (3, "must be a path"),
        ("a\0b", "must be a path"),
    ]:
        with pytest.raises(InputError, match=words):
            adam(given, fun=lambda x: calls.append(x) or valley(x))
    with pytest.raises(InputError, match="one run"):
        adam(tmp_path / "run", starts=3)
    assert not calls


def test_a_full_disk_is_told_of_and_the_run_goes_on(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "run"
    adam(path, 20)
    kept = path.read_bytes()
    monkeypatch.setattr("steepest.saving.replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        run = adam((path, 0), 40)
    assert run.nit == 40
    assert path.read_bytes() == kept
    assert [f.kind for f in run.findings] == ["checkpoint_not_written"]


def test_two_runs_on_one_file_leave_it_to_the_first(tmp_path):
    path = tmp_path / "run"
    inside = []

    def meanwhile(intermediate_result):
        if intermediate_result.nit == 10:
            inside.append(adam(path, 30))

    with pytest.warns(RuntimeWarning, match="was changed by another run"):
        outer = adam(path, 40, callback=meanwhile)
    assert (outer.nit, inside[0].nit, adam(path, 30).nit) == (40, 30, 30)


def test_what_is_kept_is_written_by_time_and_not_at_each_step(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("steepest.checkpoint.write_file", lambda *a: written.append(a))
    adam((tmp_path / "run", 1e9), 30)
    assert len(written) == 1
    adam((tmp_path / "run", 0), 30)
    assert len(written) == 1 + 31


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
