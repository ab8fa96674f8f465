"""Generated problems, each judged: no false success, no bound below the truth; and the oracle that judges."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, note, settings
from scipy.optimize import linprog
from scipy.optimize import minimize as scipy_minimize
from sklearn.datasets import load_diabetes
from tests.generated import functions, further, linear
from tests.generated.chosen import cases
from tests.generated.hunt import KINDS, Job, case, jobs, run
from tests.generated.oracle import Loss, Model
from tests.generated.verdict import FAULTS

CASES = 3000
SEED = 20_26
#: What a rule may take for a function here: a hunt gives four times as much.
CALLS = 5000
#: Cases of straight losses, of bounds of each coefficient, of functions with two sides, of such as begin far above
#: their least value, of functions under constraints, and of what is applied.
STRAIGHT = 60
BOUNDED = 80
SIDED = 40
HIGH = 60
CONSTRAINED = 50
APPLIED = 14

TABLES = (
    "collinear",
    "constant",
    "far",
    "far_levels",
    "heavy",
    "levels",
    "plain",
    "powers",
    "scales",
    "thin",
)
VALUES = (
    "box", "exponential", "fit", "fixed", "flat", "float32", "kink", "nan", "noise", "periodic", "quadratic",
    "rounded", "saddle", "unbounded", "valley", "wrong gradient",
)  # fmt: skip

#: Cases of the pinned seed whose faults are known, by index: of which kind, and why. All others are judged, and these
#: are held to be at fault still. The case without what is named is as promised, but where that says "not traced".
KNOWN = {
    "linear": {
        474: ("not reached", "squares of coefficients of columns of sizes 5e-9 to 2e4, under L-BFGS"),
        1202: ("not reached", "gradient descent on columns far from 0: it stays at the null model"),
        1340: ("not reached", "gradient descent on columns far from 0"),
        2550: ("not reached", "gradient descent where targets of 1e8 meet a width of 0.3"),
    },
    "functions": {
        1703: ("not reached", "Newton's method by differences, at a flat saddle where f is 0: its steps end at 1e-70"),
    },
    "further": {
        1730: ("costly", "it starts at the least: what a claim asks is more than all of SciPy's calls"),
        2030: ("costly", "it starts at the least: what a claim asks is more than all of SciPy's calls"),
        2390: ("costly", "it starts at the least: what a claim asks is more than all of SciPy's calls"),
    },
    "methods": {
        2010: (
            "false success",
            "Barzilai and Borwein's steps in units by a start 300 times nearer to 0 than the variable is large: the"
            " bends met along it are those of others",
        ),
    },
    "sided": {},
    "applied": {},
    "high": {
        23: ("false success", "a curve that has decayed to nothing, 300 rates away: no slope says that it could grow"),
    },
    "straight": {
        40: ("not reached", "far columns: a plateau off by less than the last digit of a margin"),
        51: ("not reached", "squares of coefficients of seven powers: it ends at the null model; why is not traced"),
        58: ("not reached", "far columns, l1: a plateau off by less than the last digit of a margin; not traced"),
    },
}  # fmt: skip
#: Families that have faults which are known (`make hunt` shows them), by the method asked for: hypothesis leaves them
#: out until they are mended.
OPEN = {
    ("linear", "auto"): ("collinear",),
    ("linear", "newton"): ("constant", "far", "thin"),
    ("linear", "gradient_descent"): ("constant", "far", "far_levels", "levels", "powers", "scales", "thin"),
    ("linear", "lbfgs"): ("scales",),
    ("functions", "auto"): ("float32", "noise", "rounded", "saddle", "valley"),
    ("functions", "lbfgs"): ("float32", "saddle"),
    ("functions", "newton"): ("saddle", "valley"),
    ("functions", "fista"): ("nan", "noise", "rounded", "saddle", "unbounded", "valley"),
    ("functions", "gradient_descent"): ("flat", "quadratic"),
    ("further", "auto"): ("beside 0", "huge targets", "narrow", "rank"),
    ("further", "fista"): ("holes",),
    ("further", "gradient_descent"): ("circuit",),
}  # fmt: skip


def held(job: Job) -> bool:
    kind, _, index, _ = job
    return index not in KNOWN[kind]


def closed(kind: str, drawn: Any) -> bool:
    assert drawn.family in (*TABLES, *VALUES, *further.TABLES, *further.FORMULAS)
    return drawn.family not in OPEN.get((kind, drawn.method or "auto"), ())


def test_what_is_claimed_is_so() -> None:
    work = [job for job in jobs(CASES, SEED) if held(job)]
    counts, faults = Counter(), []
    for index, kind, family, verdict in run(work, processes=min(2, os.cpu_count() or 1), calls=CALLS):
        counts[kind, verdict.kind or "as promised"] += 1
        # How long a case takes is told by a hunt: here it would be a matter of the machine.
        if verdict.fault and verdict.kind != "slow":
            faults.append(f"--case {kind}:{SEED}:{index} ({family}) {verdict.kind}: {verdict.text[:300]}")
    print(f"{len(work)} of {len(jobs(CASES, SEED))} cases: {dict(counts)}; {len(faults)} violations")
    assert not faults, "python -m tests.generated:\n" + "\n".join(faults)


def test_what_is_claimed_of_straight_losses_is_so() -> None:
    for index in sorted(set(range(STRAIGHT)) - set(KNOWN["straight"])):
        with np.errstate(all="ignore"):
            verdict = KINDS["straight"].judge(case("straight", SEED, index))
        assert not verdict.fault, f"--case straight:{SEED}:{index} {verdict.kind}: {verdict.text[:300]}"


def test_what_is_claimed_within_bounds_of_each_coefficient_is_so() -> None:
    for index in sorted(set(range(BOUNDED)) - set(KNOWN.get("bounded", {}))):
        with np.errstate(all="ignore"):
            verdict = KINDS["bounded"].judge(case("bounded", SEED, index))
        assert not verdict.fault, f"--case bounded:{SEED}:{index} {verdict.kind}: {verdict.text[:300]}"


def test_what_is_claimed_where_sides_differ_is_so() -> None:
    for index in sorted(set(range(SIDED)) - set(KNOWN["sided"])):
        with np.errstate(all="ignore"):
            verdict = KINDS["sided"].judge(case("sided", SEED, index))
        assert not verdict.fault, f"--case sided:{SEED}:{index} {verdict.kind}: {verdict.text[:300]}"


def test_what_is_claimed_from_far_above_is_so() -> None:
    for index in sorted(set(range(HIGH)) - set(KNOWN["high"])):
        with np.errstate(all="ignore"):
            verdict = KINDS["high"].judge(case("high", SEED, index))
        assert not verdict.fault, f"--case high:{SEED}:{index} {verdict.kind}: {verdict.text[:300]}"


def test_what_is_claimed_under_constraints_is_so() -> None:
    for index in sorted(set(range(CONSTRAINED)) - set(KNOWN.get("constrained", {}))):
        with np.errstate(all="ignore"):
            verdict = KINDS["constrained"].judge(case("constrained", SEED, index))
        assert not verdict.fault, f"--case constrained:{SEED}:{index} {verdict.kind}: {verdict.text[:300]}"


def test_what_is_claimed_of_what_is_applied_is_so() -> None:
    for index in sorted(set(range(APPLIED)) - set(KNOWN["applied"])):
        with np.errstate(all="ignore"):
            verdict = KINDS["applied"].judge(case("applied", SEED, index))
        assert not verdict.fault, f"--case applied:{SEED}:{index} {verdict.kind}: {verdict.text[:300]}"


@pytest.mark.parametrize(
    ("kind", "index", "fault"),
    [(k, i, fault) for k, known in KNOWN.items() for i, (fault, _) in known.items()],
)
def test_what_is_known_to_be_at_fault_still_is(kind: str, index: int, fault: str) -> None:
    """One that no longer is belongs to those that are judged."""
    with np.errstate(all="ignore"):
        verdict = KINDS[kind].judge(case(kind, SEED, index))
    assert verdict.kind == fault, (
        f"--case {kind}:{SEED}:{index}: strike it from KNOWN, or say what it is: {verdict}"
    )


def as_promised(kind: str, drawn: Any) -> None:
    assume(closed(kind, drawn))
    with np.errstate(all="ignore"):
        verdict = KINDS[kind].judge(drawn)
    note(f"{drawn.family}: {verdict.kind} {verdict.text}\n{drawn.code()}")
    # What is simplest starts where it ends, which takes SciPy three calls; what a descent costs the pinned run tells.
    assert verdict.kind == "costly" or not verdict.fault


#: 300 problems in the suite, 12 000 with `--hypothesis-profile=explore`.
chosen = settings(max_examples=2 * settings.default.max_examples)


@chosen
@given(cases("linear"))
def test_what_is_claimed_of_a_chosen_table_is_so(drawn: linear.Case) -> None:
    # Few rows are fitted exactly, and what is simplest has few: what is said there of 1e-20 of the null model is known
    # to be loose (OPEN).
    assume(len(drawn.y) > drawn.X.shape[1] + 1)
    as_promised("linear", drawn)


@chosen
@given(cases("further"))
def test_what_is_claimed_of_further_families_is_so(drawn: Any) -> None:
    as_promised("further", drawn)


@chosen
@given(cases("functions"))
def test_what_is_claimed_of_a_chosen_function_is_so(drawn: functions.Case) -> None:
    as_promised("functions", drawn)


#: Cases of other seeds that were once at fault.
MENDED = (
    # bounds below the truth, of nearly equal columns
    "linear:31415926:8836", "linear:31415926:7922", "losses:5:324", "losses:121500773:765",
    # values of another point than the one handed over
    "functions:31415926:7141", "functions:31415926:7665", "functions:880301:1019",
    # rounded values that looked like a straight line where their noise was measured
    "methods:707331:1300",
    # a gradient that is 0 everywhere, by a rule
    "functions:86028157:803",
    # differences beside a region without values
    "functions:86028157:425", "functions:16180339:41", "functions:16180339:3739", "functions:27182818:2207",
    # Newton's method by differences, and beside a saddle
    "functions:86028157:121", "functions:86028157:339", "functions:86028157:1369", "functions:86028157:1661",
    "functions:86028157:3497",
    # noise, rounding, single precision by differences
    "functions:86028157:3551", "functions:86028157:2609", "functions:16180339:3953", "functions:16180339:60",
    "functions:16180339:664",
    # rounding that hides all of the value
    "further:57721566:167", "further:57721566:705", "further:57721566:2222", "linear:31415926:6222",
    "linear:31415926:7382", "linear:31415926:1969",
    # a value that falls towards 0 without end
    "losses:5:280",
    # steps to both sides taken for as long as the variables are large, which are far from 0
    "functions:770193355:771", "functions:770193355:3353", "functions:20261128:1199",
    # lower values that were seen, and taken for the noise of slopes
    "functions:551734021:303",
    # rounding of a loss that is straight beyond its width
    "further:770193355:820",
    # shares of a point at which there is no value
    "methods:908172635:490", "methods:908172635:1920", "methods:908172635:2030", "methods:908172635:2350",
    # a constraint with room left that its multiplier held
    "constrained:2026:111",
    # a rule whose weight decay pulls away from the least point, and that called where it stood still near enough
    "functions:770193355:2325",
    # what bends down beyond the point that one step or two led to
    "sided:661290077:314", "sided:661290077:358", "sided:661290077:1092", "sided:77101:294",
    # a tenth of the tolerance, after a long way along a valley of which the curvature around tells too little
    "functions:803355121:1711",
    # products of rows with coefficients that cancel, rounded by more than all of the value
    "linear:81290422:1484", "further:551902117:70",
)  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_what_was_once_at_fault_is_as_promised(name: str) -> None:
    kind, seed, index = name.split(":")
    with np.errstate(all="ignore"):
        verdict = KINDS[kind].judge(case(kind, int(seed), int(index)))
    assert not verdict.fault, verdict.text


def test_a_case_is_known_by_its_seed_and_index() -> None:
    for kind in KINDS:
        assert case(kind, 5, 9).code() == case(kind, 5, 9).code() != case(kind, 5, 10).code()


@pytest.mark.parametrize(("loss", "right"), [("huber", 57.2136), ("poisson", 9.577714)])
def test_the_oracle_finds_what_is_known(loss: str, right: float) -> None:
    X, y = load_diabetes(return_X_y=True)
    model = Model(X, y, Loss(loss))
    found = model.value(model.least([model.first(), np.zeros_like(model.first())]))
    assert abs(found - right) < 1e-4


def test_the_oracle_solves_l1_as_its_conditions_say() -> None:
    """At the least value each column's slope is -alpha sign(w), or at most alpha where w is 0."""
    X, y = load_diabetes(return_X_y=True)
    model = Model(X, y, Loss("squared"), l1=0.3)
    w, b = model.outer(model.least([model.first()]))
    slope = X.T @ (X @ w[0] + b - y) / len(y)
    held = w[0] == 0
    assert held.any()
    assert not held.all()
    np.testing.assert_allclose(slope[~held], -0.3 * np.sign(w[0][~held]), rtol=1e-9)
    assert np.abs(slope[held]).max() < 0.3


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic", "poisson"])
def test_the_oracle_solves_shares_as_their_conditions_say(loss: str) -> None:
    """Slopes along the shares that are not 0 are the same, others not lower, though two columns are nearly alike."""
    for seed in range(3):
        r = np.random.default_rng(seed)
        X = r.standard_normal((12, 10))
        X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
        mean = X[:, :3] @ [1.5, 0.9, 0.6]
        y = {"logistic": mean + r.logistic(size=12) > 0, "poisson": r.poisson(np.exp(mean))}.get(
            loss, mean + r.standard_normal(12)
        )
        model = Model(X, np.asarray(y, dtype=float), Loss(loss), low=0.0, radius=1.0)
        v = model.least([model.first()])
        slope, on = (model.parts(v)[1] * model.scale)[:10], v[0, :10] > 0
        assert not on.all()
        assert np.ptp(slope[on]) <= 1e-10 * np.abs(slope).max()
        assert slope.min() >= slope[on].min() - 1e-10 * np.abs(slope).max()


@pytest.mark.parametrize(("loss", "width"), [("pinball", 0.3), ("epsilon_insensitive", 40.0), ("hinge", 0.0)])
@pytest.mark.parametrize("l1", [0.0, 0.1])
def test_the_oracle_solves_straight_losses_as_linear_programs(loss: str, width: float, l1: float) -> None:
    """HiGHS, which is told of the columns as they are, finds the same value."""
    X, y = load_diabetes(return_X_y=True)
    X, y = 10 * X[:60], y[:60]
    if loss == "hinge":
        y = (y > 140).astype(float)
    n, d = X.shape
    model = Model(X, y, Loss(loss, width), l1=l1)
    # coefficients, intercept, what lies above and below, sizes of the coefficients
    rows = np.hstack([X, np.ones((n, 1))])
    none, one = np.zeros((n, d)), np.eye(n)
    if loss == "hinge":
        side = 2 * y[:, None] - 1
        A, b, up, down = [np.hstack([-side * rows, -one, 0 * one, none])], [-np.ones(n)], 1.0, 0.0
    else:
        off = width if loss == "epsilon_insensitive" else 0.0
        up, down = (1 - width, width) if loss == "pinball" else (1.0, 1.0)
        A = [np.hstack([rows, -one, 0 * one, none]), np.hstack([-rows, 0 * one, -one, none])]
        b = [y + off, off - y]
    for sign in (1, -1):
        A.append(np.hstack([sign * np.eye(d), np.zeros((d, 1 + 2 * n)), -np.eye(d)]))
        b.append(np.zeros(d))
    cost = np.r_[np.zeros(d + 1), np.full(n, up / n), np.full(n, down / n), np.full(d, l1)]
    free = [(None, None)] * (d + 1) + [(0, None)] * (2 * n + d)
    right = linprog(cost, np.vstack(A), np.concatenate(b), bounds=free).fun
    assert abs(model.value(model.least([model.first()])) - right) < 1e-7 * max(right, 1e-3)


@pytest.mark.parametrize("loss", ["pinball", "epsilon_insensitive", "hinge"])
def test_the_oracle_solves_straight_losses_with_squares_as_their_duals_say(loss: str) -> None:
    """A point of the dual, found by SciPy's L-BFGS-B, has nearly the value that the oracle calls the least."""
    X, y = load_diabetes(return_X_y=True)
    X, y = 10 * X[:60], y[:60]
    width = {"pinball": 0.3, "epsilon_insensitive": 40.0, "hinge": 0.0}[loss]
    if loss == "hinge":
        y = (y > 140).astype(float)
    n, l2 = len(y), 0.05
    # min over w of mean loss(y, Xw) + l2 w'w / 2 is the most of -sum conjugate(a) / n - |X'a|^2 / (2 n^2 l2)
    side = 2 * y - 1
    low, high, linear, edge = {
        "pinball": (-width * np.ones(n), (1 - width) * np.ones(n), y, 0.0),
        "epsilon_insensitive": (-np.ones(n), np.ones(n), y, width),
        "hinge": (np.where(side > 0, -1.0, 0.0), np.where(side > 0, 0.0, 1.0), side, 0.0),
    }[loss]

    def short(parts: Any) -> tuple[float, Any]:
        a = parts[:n] - parts[n:]
        w = -X.T @ a / (n * l2)
        slope = (linear - X @ w) / n
        value = (a @ linear + edge * parts.sum()) / n + l2 * (w @ w) / 2
        return value, np.r_[slope + edge / n, -slope + edge / n]

    box = [(0.0, t) for t in high] + [(0.0, -t) for t in low]
    dual = scipy_minimize(short, np.zeros(2 * n), jac=True, bounds=box, method="L-BFGS-B",
                          options={"maxiter": 20000, "maxfun": 50000, "ftol": 1e-16, "gtol": 1e-12})  # fmt: skip
    model = Model(X, y, Loss(loss, width), l2=l2, intercept=False)
    least = model.value(model.least([model.first()]))
    assert -1e-12 * least < least + dual.fun < 1e-6 * least


def test_the_oracle_tells_a_wrong_answer() -> None:
    """A result a little off is a false success, and its bound lies below the truth."""
    drawn = next(
        c for c in (case("linear", 3, i) for i in range(200)) if c.penalty == "l2" and c.method is None
    )
    w, b, result = linear.solve(drawn)
    assert not linear.weigh(drawn, w, b, result).fault
    assert linear.weigh(drawn, w + 1e-2 * np.abs(w).max(), b, result).kind == "false success"
    result["success"] = False
    assert linear.weigh(drawn, w + 1e-2 * np.abs(w).max(), b, result).kind == "bound below"


def test_the_judge_of_functions_tells_a_point_that_is_no_minimum() -> None:
    drawn = case("functions", 3, 0, "quadratic")
    drawn.method, drawn.jac = "newton", "exact"
    counted = functions.Counted(drawn)
    result = functions.ask(drawn, counted)
    result["x"] = drawn.x0()
    result["fun"] = drawn.fun(drawn.x0())
    result["success"] = True
    assert functions.weigh(drawn, result, counted).kind == "false success"
    assert "false success" in FAULTS
