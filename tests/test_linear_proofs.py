"""What linear models claim is so: right values of tables that were once claimed wrongly, or never ended."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from tests.generated import linear
from tests.generated.hunt import case
from tests.generated.oracle import Loss, Model

import steepest
from steepest.errors import NotConverged
from steepest.linear import (
    ElasticNet,
    GeneralizedLinear,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    TweedieRegressor,
)
from steepest.linear.problem import Problem


def proved(result):
    """A success whose own certificate bears it out."""
    c = result.certificate
    assert result.success, result.message
    assert 0.0 <= c["bound"] <= max(c["target"], c["rounding"])
    return result


def fits(model, value, digits=1e-6):
    assert proved(model.result_).fun == pytest.approx(value, rel=digits)


class TestZeroCurvatureAtTheStart:
    def test_huber_on_diabetes(self):
        X, y = load_diabetes(return_X_y=True)
        fits(GeneralizedLinear("huber", "none", method="coordinate").fit(X, y), 57.2136, 2e-6)

    @pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
    def test_a_line_far_from_zero(self, penalty):
        X, y = [[0.0], [1.0], [2.0], [3.0]], [100.0, 101.0, 102.0, 103.0]
        model = GeneralizedLinear("huber", penalty, 1e-9).fit(X, y)
        proved(model.result_)
        assert model.coef_ == pytest.approx([1.0], rel=1e-6)
        assert model.intercept_ == pytest.approx(100.0, rel=1e-6)

    def test_one_target_of_1e14(self):
        model = GeneralizedLinear("huber", "l1").fit([[0.0]], [1e14])
        assert proved(model.result_).fun <= 1.0


class TestStartsWorthNothing:
    """Poisson where exp overflows at the point of the bounds nearest to 0, though not everywhere within them."""

    @pytest.mark.parametrize("method", ["coordinate", "fista", "lbfgs"])
    @pytest.mark.parametrize("seed", range(6))
    def test_bounds_that_ask_for_large_margins(self, method, seed):
        r = np.random.default_rng(seed)
        X = r.standard_normal((40, 5)) * 10.0 ** r.uniform(-2, 4, 5)
        X[:, 0] = -abs(X[:, 0]) * 10.0 ** r.uniform(0, 5)
        y = r.poisson(3.0, 40) * 1.0
        asked = {"alpha": 0.0, "bounds": (1.0, np.inf), "fit_intercept": False}
        least = GeneralizedLinear("poisson", "none", **asked, tol=1e-9).fit(X, y).result_.fun
        fits(GeneralizedLinear("poisson", "none", **asked, method=method).fit(X, y), least, 2e-6)

    def test_none_that_is_finite_is_said(self):
        X = np.array([[1e9], [2e9]])
        model = GeneralizedLinear("poisson", "l1", bounds=(1.0, 2.0), fit_intercept=False)
        with pytest.warns(NotConverged):
            model.fit(X, [1.0, 2.0])
        assert model.result_.outcome == "not_finite"

    def test_what_is_proved_is_of_the_very_point(self):
        """A start far off: `fista` ended there with the bound of another point."""
        X = np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 0.5], [-1.0, 3.0]])
        y = np.array([0.0, 1.0, 1.0, 0.0])
        least = GeneralizedLinear("logistic", "l1", 0.2).fit(X, y).result_.fun
        for far in (1e3, 1e9, 1e15):
            model = GeneralizedLinear("logistic", "l1", 0.2, method="fista", warm_start=True)
            model.coef_, model.intercept_ = np.full(2, far), far
            result = model.fit(X, y).result_
            assert result.fun - least <= result.certificate["bound"] * (1 + 1e-9)


class TestFarStarts:
    @pytest.mark.parametrize("loss", ["squared", "huber", "poisson", "logistic"])
    @pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
    def test_coefficients_of_columns_that_say_nothing_go(self, loss, penalty):
        """Zeros and constants: no step had a reason to touch what the start said of them."""
        r = np.random.default_rng(5)
        X = r.standard_normal((30, 4))
        X[:, 1], X[:, 3] = 0.0, 7.0
        y = {"poisson": r.poisson(2.0, 30) * 1.0, "logistic": (X[:, 0] > 0) * 1.0}.get(loss, X[:, 0])
        model = GeneralizedLinear(loss, penalty, 1e-3, method="coordinate", warm_start=True)
        least = model.fit(X, y).result_.fun
        model.coef_, model.intercept_ = np.array([-3.0, 5.0, 8.0, 2.0]), -10.0
        fits(model.fit(X, y), least, 2e-6)
        assert model.coef_[1] == model.coef_[3] == 0.0

    def test_an_exact_line_whose_targets_are_a_thousand_million_widths_off(self):
        r = np.random.default_rng(11)
        for d in (2, 5):
            X = r.standard_normal((40, d))
            y = 1e11 * (X @ r.standard_normal(d) + 0.3)
            model = GeneralizedLinear("huber", "none", 0.0, method="coordinate").fit(X, y)
            assert proved(model.result_).fun <= 1.0


class TestSharesOfAWhole:
    """The simplex, where a small step of the prox says little: columns of all scales, alike, far from 0."""

    @staticmethod
    def table(kind, r):
        X = r.standard_normal((50, 6))
        if kind == "scales":
            X *= 10.0 ** r.uniform(-9, 9, 6)
        elif kind == "alike":
            X[:, 3] = X[:, 1] + 1e-9 * r.standard_normal(50)
            X[:, 4] = X[:, 0] - X[:, 2]
        elif kind == "far":
            X += 10.0 ** r.uniform(2, 8, 6)
        elif kind == "constant":
            X[:, 2], X[:, 5] = 7.0, 0.0
        return X

    @pytest.mark.parametrize("method", ["fista", "gradient_descent"])
    @pytest.mark.parametrize("kind", ["scales", "alike", "far", "constant"])
    @pytest.mark.parametrize("loss", ["squared", "huber", "poisson", "logistic"])
    def test_no_exchange_of_two_shares_lowers_it(self, kind, loss, method):
        for seed in range(3):
            r = np.random.default_rng([seed, 7])
            X = self.table(kind, r)
            z = X / np.abs(X).max(axis=0, initial=1e-300) @ r.standard_normal(6)
            y = {"poisson": r.poisson(3.0, 50) * 1.0, "logistic": (z > np.median(z)) * 1.0}.get(loss, z)
            model = GeneralizedLinear(
                loss, "simplex", penalty_settings={"radius": 0.7}, method=method, max_iter=3000
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotConverged)
                model.fit(X, y)
            result = model.result_
            assert model.coef_.min() >= 0.0
            assert model.coef_.sum() == pytest.approx(0.7, rel=1e-12)
            if method == "gradient_descent" and not result.success:
                # it may say that it did not come there
                continue
            proved(result)
            oracle = Model(X, y, Loss(loss), radius=0.7)
            ours = oracle.inner(model.coef_, [model.intercept_])
            with np.errstate(all="ignore"):
                least = oracle.value(oracle.least([ours, oracle.first()]))
            noise = oracle.noise(model.coef_, np.array([model.intercept_]))
            assert oracle.value(ours) - least <= result.certificate["bound"] + noise


class TestFarColumns:
    @pytest.mark.parametrize("estimator", [Lasso, ElasticNet])
    def test_times_in_milliseconds(self, estimator):
        t = np.linspace(1.7e12, 1.7e12 + 2e4, 24)[:, None]
        y = 0.002 * (t[:, 0] - t[0, 0]) + 5
        model = estimator(1e-9).fit(t, y)
        proved(model.result_)
        assert model.coef_ == pytest.approx([0.002], rel=1e-6)
        assert model.score(t, y) == pytest.approx(1.0, abs=1e-9)

    @pytest.mark.parametrize("store", [np.asarray, sparse.csr_matrix])
    def test_a_shift_of_the_columns_changes_nothing(self, store):
        r = np.random.default_rng(3)
        X = r.normal(size=(60, 4))
        y = X @ [1.0, 0.0, -2.0, 0.5] + 0.3 * r.normal(size=60)
        shift = np.array([1e9, -1e6, 3e7, 0.0])
        there = Lasso(0.05, tol=1e-10).fit(store(X + shift), y)
        here = Lasso(0.05, tol=1e-10).fit(X + shift - shift, y)
        assert there.coef_ == pytest.approx(here.coef_, rel=1e-6)


class TestCollinearColumns:
    def powers(self, n, most, high=10.0):
        return np.linspace(0, high, n)[:, None] ** np.arange(1, most + 1)

    def test_logistic_leaves_no_column_out(self):
        x = np.linspace(-2, 2, 60)
        P = x[:, None] ** np.arange(1, 7)
        P = (P - P.mean(0)) / P.std(0)
        y = (np.random.default_rng(0).uniform(size=60) < 1 / (1 + np.exp(-3 * x))).astype(int)
        whole = LogisticRegression(penalty="l1", C=2500).fit(P, y)
        part = LogisticRegression(penalty="l1", C=2500).fit(P[:, :5], y)
        proved(whole.result_)
        assert whole.result_.fun <= proved(part.result_).fun

    @pytest.mark.parametrize("alpha", [1e-3, 1e-8])
    def test_raw_powers_end(self, alpha):
        x = np.linspace(0, 10, 200)
        y = np.sin(x) + 0.1 * np.random.default_rng(1).normal(size=200)
        model = Lasso(alpha).fit(self.powers(200, 8), y)
        assert proved(model.result_).nit < 50

    def test_more_columns_than_rows_and_next_to_no_penalty(self):
        model = Lasso(1e-9).fit([[1, 2, 3], [4, 5, 7]], [1, 2])
        # The third column is the cheapest: 1e-9 / 4 for the slope, and what is left of the error.
        fits(model, 2.5e-10, 1e-6)
        assert model.coef_ == pytest.approx([0.0, 0.0, 0.25], abs=1e-7)

    def test_without_an_intercept(self):
        A = np.random.default_rng(5).normal(size=(11, 5))
        model = Lasso(1e-9, fit_intercept=False).fit(A, A @ [1, 2, 3, 4, 5])
        fits(model, 15e-9, 1e-5)


class TestBounds:
    @pytest.mark.parametrize("bounds", [(0.5, 1.0), (-1.0, -0.5), (2.0, np.inf)])
    @pytest.mark.parametrize("loss", ["squared", "huber"])
    def test_bounds_without_zero(self, bounds, loss):
        r = np.random.default_rng(7)
        Z = 1000 + r.normal(size=(50, 3))
        y = Z @ [0.7, 0.8, 0.6] + r.normal(size=50)
        model = GeneralizedLinear(loss, "l1", 1e-3, bounds=bounds).fit(Z, y)
        proved(model.result_)
        assert np.all((model.coef_ >= bounds[0]) & (model.coef_ <= bounds[1]))
        # No point of a net within the bounds is lower by more than the tolerance.
        other = GeneralizedLinear(loss, "l1", 1e-3, bounds=bounds, method="fista", tol=1e-4).fit(Z, y)
        assert model.result_.fun <= other.result_.fun * (1 + 1e-6)

    def test_counts_that_overflow_where_the_bounds_begin(self):
        x = np.linspace(1, 100, 30)[:, None]
        model = GeneralizedLinear("poisson", "none", bounds=(10.0, np.inf)).fit(x, np.ones(30))
        proved(model.result_)
        assert model.coef_ == pytest.approx([10.0])


class TestInterceptsAndClasses:
    def test_liblinear_pays_for_the_intercept(self):
        X, y = load_breast_cancer(return_X_y=True)
        model = LogisticRegression(penalty="l1", solver="liblinear", C=0.01).fit(X, y)
        fits(model, 0.22689897, 1e-6)

    @pytest.mark.parametrize(("C", "least"), [(1.0, 0.17338834), (1000.0, 0.04000884)])
    def test_several_classes_with_l1(self, C, least):
        X, y = load_iris(return_X_y=True)
        model = LogisticRegression(penalty="l1", C=C).fit(X, y)
        assert model.result_.certificate["kind"] == "duality_gap"
        fits(model, least, 2e-6)

    @pytest.mark.parametrize("method", [None, "coordinate"])
    def test_a_sparse_constant_column_without_a_penalty(self, method):
        r = np.random.default_rng(2)
        S = np.c_[np.ones(40), (r.uniform(size=(40, 3)) < 0.3) * r.normal(size=(40, 3))]
        y = r.normal(size=40)
        model = GeneralizedLinear("squared", "none", method=method).fit(sparse.csr_matrix(S), y)
        residual = y - S @ np.linalg.lstsq(S, y, rcond=None)[0]
        fits(model, 0.5 * np.mean(residual**2), 1e-6)
        assert np.abs(model.coef_).max() < 10

    def test_nothing_left_of_a_sparse_table(self):
        X = sparse.csr_matrix((30, 3))
        for tol in (1e-6, 1e-15):
            model = GeneralizedLinear("logistic", "l1", 1.0, tol=tol).fit(X, np.arange(30) % 2)
            assert np.all(model.coef_ == 0.0)

    @pytest.mark.parametrize("far", [1e3, 1e8, 1e12])
    @pytest.mark.parametrize("loss", ["squared", "logistic", "huber", "poisson"])
    def test_a_start_from_far_off(self, far, loss):
        r = np.random.default_rng(11)
        X = r.normal(size=(40, 3))
        y = (X[:, 0] + 0.5 * r.normal(size=40) > 0).astype(float)
        cold = GeneralizedLinear(loss, "l1", 0.01).fit(X, y)
        warm = GeneralizedLinear(loss, "l1", 0.01, warm_start=True).fit(X, y)
        warm.coef_ = np.full(3, far)
        warm.intercept_ = -far
        fits(warm.fit(X, y), proved(cold.result_).fun, 3e-6)


class TestProximalGradientOnFunctions:
    def descend(self, f, x0, jac, **more):
        return steepest.minimize(f, x0, jac=jac, method="fista", **more)

    def test_a_gradient_of_the_wrong_sign(self):
        r = self.descend(lambda x: float(((x - 3) ** 2).sum()), [0.0, 0.0], lambda x: -2 * (x - 3))
        assert not r.success
        assert "gradient" in r.message

    @pytest.mark.parametrize("jac", [lambda x: 0 * x, lambda x: np.array([2 * (x[0] - 3), 0.0])])
    def test_a_gradient_that_leaves_entries_out(self, jac):
        r = self.descend(lambda x: float(((x - 3) ** 2).sum()), [0.0, 0.0], jac)
        assert not r.success

    def test_where_the_function_ends(self):
        f = lambda x: np.nan if abs(x[0]) > 2 else float((x[0] - 3) ** 2)  # noqa: E731
        r = self.descend(f, [0.0], lambda x: 2 * (x - 3))
        assert not r.success
        assert r.fun == pytest.approx(1.0)

    def test_a_start_that_is_no_number(self):
        r = self.descend(lambda x: np.nan, [0.0], lambda x: x * np.nan)
        assert not r.success
        assert np.isnan(r.fun)

    @pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e9, 1e200])
    def test_the_unit_of_the_value_does_not_matter(self, scale):
        r = self.descend(
            lambda x: scale * float(((x - 3) ** 2).sum()), [0.0, 0.0], lambda x: 2 * scale * (x - 3)
        )
        assert r.success
        assert r.x == pytest.approx([3.0, 3.0], rel=1e-6)


class TestWithoutAPenaltyNothingHoldsWhatColumnsLeaveOpen:
    """What `progressive` proves where columns are all but dependent, constant or far, and of huge targets."""

    # Columns alike to 1e-14; huber on targets of 1e13, of which few rows have curvature; classes over columns that all
    # but point one way; dependent columns.
    @pytest.mark.parametrize(
        ("seed", "index"),
        [(71001, 788), (71001, 1877), (71001, 2238), (2026, 2162), (2026, 1374), (2026, 608)],
    )
    def test_bounds_that_once_lay_below_the_truth(self, seed, index):
        verdict = linear.judge(case("linear", seed, index))
        assert not verdict.fault, verdict.text

    @pytest.mark.parametrize("weight", [None, np.arange(43.0)])
    def test_constant_columns_far_off_in_single_precision(self, weight):
        r = np.random.default_rng(0)
        x = r.normal(size=43).astype("f4")
        X = np.c_[np.full(43, -2.478e10), x, np.full(43, 7.9e10)].astype("f4")
        y = 0.5 * x + r.normal(size=43)
        problem = Problem(penalty="l2", alpha=0.3, method="progressive")
        got, alone = problem.solve(X, y, weight).result, problem.solve(X[:, 1:2], y, weight).result
        assert proved(got).fun == pytest.approx(alone.fun, rel=1e-9)
        assert got.x[[0, 2]] == pytest.approx(0.0, abs=0.0)


class TestRounding:
    """Targets so far from 0 that their own rounding is no small part of what they differ by."""

    @pytest.mark.parametrize("method", ["gradient_descent", "lbfgs", "newton", "progressive"])
    def test_slopes_of_a_point_that_is_not_the_least_explain_nothing(self, method):
        X = np.array([[-359.5190124511719, 33962552.0], [-359.51806640625, 33962248.0]], "f4")
        y = np.array([-79380753470598.52, -79380753470599.36])
        result = Problem(alpha=1.0, method=method).solve(X, y).result
        assert not result.success or result.fun < 0.02

    def test_a_method_that_creeps_is_given_up_unasked(self):
        r = np.random.default_rng(3)
        X = 1e9 * r.normal(size=8) + r.normal(size=(5, 8)) * 10.0 ** r.uniform(-3, 3, 8)
        problem = Problem(loss="poisson", penalty="none", intercept=False, method="newton")
        result = problem.solve(X, np.array([0.0, 0.0, 1.0, 0.0, 0.0])).result
        assert result.nit <= 100_000
        if not result.success:
            assert result.outcome in ("budget", "plateau", "separable")


class TestSeparation:
    """Several classes of which some can be told apart wholly, and levels that never meet a class."""

    @pytest.mark.parametrize("standardised", [False, True])
    def test_one_class_of_three(self, standardised):
        X, y = load_iris(return_X_y=True)
        X = (X - X.mean(0)) / X.std(0) if standardised else X
        with pytest.warns(NotConverged):
            result = LogisticRegression(C=np.inf).fit(X, y).result_
        assert result.outcome == "separable"
        # What is left is what the other two classes leave.
        two = LogisticRegression(C=np.inf).fit(X[y > 0], y[y > 0]).result_
        assert proved(two).fun * 2 / 3 == pytest.approx(result.fun, rel=1e-6)

    @pytest.mark.parametrize("classes", [2, 3])
    def test_a_level_that_never_meets_a_class(self, classes):
        r = np.random.default_rng(0)
        level = r.uniform(size=300) < 0.2
        y = r.integers(classes, size=300)
        X = np.c_[level, r.normal(size=(300, 2))]
        assert proved(LogisticRegression(C=np.inf).fit(X, y).result_)
        y[level & (y == 1)] = 0
        with pytest.warns(NotConverged):
            result = LogisticRegression(C=np.inf).fit(X, y).result_
        assert result.outcome == "separable"

    @pytest.mark.parametrize("kind", [PoissonRegressor, TweedieRegressor])
    def test_counts_are_not_called_classes(self, kind):
        r = np.random.default_rng(0)
        none = r.uniform(size=200) < 0.4
        X, y = np.c_[r.normal(size=200), none], np.where(none, 0, 1 + r.poisson(2.0, 200))
        given = {"power": 1.5} if kind is TweedieRegressor else {}
        with pytest.warns(NotConverged, match="Targets of 0 that the columns set apart"):
            result = kind(alpha=0.0, **given).fit(X, y).result_
        assert "which targets are 0" in result.findings[0].remedy
        with pytest.warns(NotConverged, match="All targets are 0, and no penalty on the intercept"):
            result = kind(alpha=1.0, **given).fit(X, 0 * y).result_
        assert "classes" not in str(result).lower()
        assert kind(alpha=1.0, fit_intercept=False, **given).fit(X, 0 * y).result_.success

    @pytest.mark.parametrize(("rows", "sizes"), [(2000, (60,)), (2000, (100, 20, 7, 2))])
    def test_many_levels_that_never_meet_a_class(self, rows, sizes):
        r = np.random.default_rng(1)
        levels, score = [], np.zeros(rows)
        for size in sizes:
            often = np.arange(1.0, size + 1) ** -1.3
            level = r.choice(size, rows, p=often / often.sum())
            levels.append(level[:, None] == np.arange(size))
            score += r.normal(size=size)[level]
        X, y = np.hstack(levels).astype(float), r.uniform(size=rows) < 1 / (1 + np.exp(-score))
        assert sum(X[y, j].any() != X[~y, j].any() for j in range(X.shape[1])) > 3
        with pytest.warns(NotConverged):
            result = LogisticRegression(C=np.inf).fit(X, y).result_
        assert result.outcome == "separable"
        # At once: steps towards the least value, which lies without end, would take some hundred passes.
        assert result.passes < 40

    @pytest.mark.parametrize("intercept", [False, True])
    def test_a_row_far_out_separates_nothing(self, intercept):
        r = np.random.default_rng(0)
        X = r.normal(size=(400, 3))
        y = (r.random(400) < 1 / (1 + np.exp(-X @ [1.0, 1.0, -0.5]))).astype(int)
        X[7, 0] = 1e12 * (2 * y[7] - 1)
        found = LogisticRegression(C=np.inf, fit_intercept=intercept).fit(X, y).result_
        X[7, 0] /= 1e6
        nearer = LogisticRegression(C=np.inf, fit_intercept=intercept).fit(X, y).result_
        assert proved(found).fun == pytest.approx(proved(nearer).fun, rel=1e-6)


def test_least_squares_allows_for_directions_that_rounding_hides():
    """The first column is the sum of the others but for their last bits, which far out explain a little more."""
    X = np.array(
        [
            [-0.6104, 0.1094, -0.7198],
            [1.975, 3.463, -1.488],
            [-0.4901, -0.7052, 0.2151],
            [2.061, 0.908, 1.153],
        ]
    )
    y = np.array([-4.0, -1.0, 4.0, 7.0])
    better = [26308.605903994856, -26307.525869294834, -26303.929574158316], 1.4623417910554934

    def loss(coef, intercept):
        rows = zip(X.tolist(), y, strict=True)
        left = (
            sum(Fraction(v) * Fraction(w) for v, w in zip(row, coef, strict=True))
            + Fraction(intercept)
            - Fraction(t)
            for row, t in rows
        )
        return sum(e * e for e in left) / 8

    model = LinearRegression().fit(X, y)
    gap = loss(model.coef_.tolist(), float(model.intercept_)) - loss(*better)
    assert 0 < gap <= proved(model.result_).certificate["bound"]


def levels(seed, n):
    """Counts, of 25 levels of which some have few rows, of 4, two columns of nothing, six numbers."""
    r = np.random.default_rng(seed)
    a, b = np.minimum(r.geometric(0.25, n) - 1, 24), r.integers(0, 4, n)
    X = np.zeros((n, 37))
    X[np.arange(n), a] = X[np.arange(n), 25 + b] = 1
    X[:, 31:] = r.normal(size=(n, 6))
    return X, r.poisson(np.exp(0.3 * X[:, 31] + 0.2 * b + 0.1 * a % 3)).astype(float)


@pytest.mark.parametrize(("seed", "n"), [(19, 6000), (28, 6000), (39, 6000), (17, 10000), (24, 10000)])
def test_a_metric_that_lacks_a_rare_level_is_made_from_more_rows(seed, n):
    """What it says nothing of was not walked along: Huber's loss ended up to a fifth too high."""
    X, y = levels(seed, n)

    def huber(w):
        e = X @ w[:-1] + w[-1] - y
        slope = np.clip(e, -1.35, 1.35)
        return np.mean(slope * (e - slope / 2)), np.append(X.T @ slope, slope.sum()) / n

    least = optimize.minimize(
        huber, np.zeros(38), jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-13}
    )
    fits(GeneralizedLinear("huber", "none").fit(X, y), least.fun, 2e-6)


def few_classes(seed):
    """Classes by levels of two columns and by a number: in some levels only some of the classes occur."""
    r = np.random.default_rng(seed)
    n, k, levels, plain = 400, int(r.integers(2, 6)), int(r.integers(4, 16)), seed % 3 == 0
    a, b = np.minimum(r.geometric(0.25, n) - 1, 3 if plain else levels - 1), r.integers(0, 3, n)
    X = np.zeros((n, levels + 4))
    X[np.arange(n), a] = X[np.arange(n), levels + b] = 1
    X[:, -1] = r.normal(size=n)
    scores = 0.5 * X @ r.normal(size=(levels + 4, k)) + r.gumbel(size=(n, k))
    if not plain:
        scores[(r.random((levels, k)) < 0.2)[a]] -= 1e3
    return X, np.unique(scores.argmax(1), return_inverse=True)[1]


def separated(X, y):
    """By a linear program: whether along some way no row's class falls behind another one and some row's gets ahead."""
    rows = np.unique(np.column_stack([X, np.ones(len(X)), y]), axis=0)
    rows, own = rows[:, :-1], rows[:, -1].astype(int)
    k = y.max() + 1
    others = [(i, o) for i in range(len(rows)) for o in range(k) if o != own[i]]
    ahead = np.zeros((len(others), k, rows.shape[1]))
    for at, (i, o) in enumerate(others):
        ahead[at, own[i]], ahead[at, o] = rows[i], -rows[i]
    ahead = sparse.csr_array(ahead.reshape(len(others), -1))
    by, dim = sparse.eye_array(len(others)), ahead.shape[1]
    most = optimize.linprog(
        np.r_[np.zeros(dim), -np.ones(len(others))],
        A_ub=sparse.hstack([-ahead, by]).tocsc(),
        b_ub=np.zeros(len(others)),
        bounds=[(None, None)] * dim + [(0, 1)] * len(others),
    )
    return -most.fun > 0.5


@pytest.mark.filterwarnings("ignore::steepest.errors.NotConverged")
@pytest.mark.parametrize("seed", range(18))
def test_levels_in_which_only_some_classes_occur_are_named_within_few_reads(seed):
    """Coefficients run away there; it took some hundred reads, and steps of 1e-12, to say so or to end as a plateau."""
    X, y = few_classes(seed)
    result = GeneralizedLinear("softmax", "none").fit(X, y).result_
    assert result.passes < 40
    if separated(X, y):
        assert result.outcome == "separable"
        return
    proved(result)

    def softmax(w):
        w = w.reshape(-1, X.shape[1] + 1)
        z = X @ w[:, :-1].T + w[:, -1]
        z -= z.max(1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        value = -np.mean(np.log(p[np.arange(len(y)), y]))
        p[np.arange(len(y)), y] -= 1
        return value, np.column_stack([p.T @ X, p.sum(0)]).ravel() / len(y)

    start = np.zeros((y.max() + 1) * (X.shape[1] + 1))
    least = optimize.minimize(softmax, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    assert result.fun == pytest.approx(least.fun, rel=2e-6)


def test_two_counts_and_a_line_through_them_end():
    """Steps that changed the loss by its rounding alone were followed for ever, since some were called falls."""
    X, y, weight, alpha = np.array([[2.0], [3.0]]), np.array([964.0, 792.0]), np.array([2.0, 1.0]), 1.4e-7
    model = GeneralizedLinear("poisson", alpha=alpha, max_iter=1000).fit(X, y, weight)
    proved(model.result_)

    # The two slopes of the mean loss and ½ alpha w² are 0.
    def slopes(at):
        off = weight / weight.sum() * (np.exp(X[:, 0] * at[0] + at[1]) - y)
        return [off @ X[:, 0] + alpha * at[0], off.sum()]

    root = optimize.root(slopes, [-0.2, 7.3], tol=1e-13).x
    np.testing.assert_allclose([model.coef_[0], model.intercept_], root, rtol=1e-9)


@pytest.mark.parametrize("targets", [[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 2], [0, 1, 1, 2, 2, 3]])
def test_classes_in_an_order_that_can_be_told_apart_have_no_optimum(targets):
    model = GeneralizedLinear("ordinal", "none")
    with pytest.warns(NotConverged):
        model.fit(np.arange(6.0)[:, None], targets)
    assert model.result_.outcome == "separable"
    model.fit(np.arange(6.0)[:, None], [0, 0, 1, 2, 1, 2])
    assert model.result_.success


@pytest.mark.parametrize(
    ("loss", "penalty", "alpha", "mean"),
    [("tweedie", "l2", 1e-2, 100), ("cloglog", "l2", 1e-2, 100), ("softmax", "l1", 1e-4, 900)],
)
def test_columns_away_from_0_take_nothing_from_a_proof(loss, penalty, alpha, mean):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(60, 10)) + mean * (np.arange(10) % 3 == 0)
        y = {
            "tweedie": lambda r: r.gamma(2, 1, 60),
            "cloglog": lambda r: r.random(60) < 0.5,
            "softmax": lambda r: r.integers(0, 4, 60),
        }[loss](rng)
        assert GeneralizedLinear(loss, penalty, alpha).fit(X, y).result_.success, seed
