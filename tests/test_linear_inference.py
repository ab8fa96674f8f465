"""Standard errors, tests and criteria of linear models, held against statsmodels 0.15."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.integrate import quad
from sklearn.datasets import load_diabetes, load_iris

from steepest import (
    GeneralizedLinear,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)
from steepest.errors import InputError, NotConverged
from steepest.linear.families import _tweedie

X, Y = load_diabetes(return_X_y=True)
X = X[:, :4] * 20
HIGH = Y > 140
WEIGHT, OFFSET = np.linspace(0.5, 2, len(Y)), np.linspace(-0.5, 0.5, len(Y))

#: Printed by statsmodels: OLS, WLS and GLM (with var_weights, to 1e-14) over X and a column of ones.
STATSMODELS = {
    "ols": {
        "coef": [1.8620303334, -5.32880997339, 39.3590825036, 20.8336255325, 152.133484163],
        "se": [3.20587334182, 3.10625127696, 3.27119986938, 3.47472545544, 2.85274895215],
        "p": [0.561662237607, 0.0869602976995, 5.34236957373e-29, 4.24577454e-09, 2.04885383372e-193],
        "low": [-4.43881664248, -11.4338590124, 32.9298422914, 14.0043746409, 146.526670452],
        "llf": -2434.17718650974,
        "aic": 4878.35437301948,
        "deviance": 1571921.3599056911,
        "null": 2621009.124434389,
        "scale": 3597.0740501274395,
    },
    "ols_hc0": {
        "coef": [1.8620303334, -5.32880997339, 39.3590825036, 20.8336255325, 152.133484163],
        "se": [2.96355168297, 3.02578467322, 3.32364325664, 3.3968517179, 2.83656760239],
        "p": [0.529800622213, 0.0782158537131, 2.36315674064e-32, 8.61200548946e-10, 0.0],
        "low": [-3.94642423153, -11.2592389579, 32.8448614231, 14.1759185046, 146.573913823],
        "llf": -2434.17718650974,
        "aic": 4878.35437301948,
        "deviance": 1571921.3599056911,
        "null": 2621009.124434389,
        "scale": 3597.0740501274395,
    },
    "ols_hc1": {
        "coef": [1.8620303334, -5.32880997339, 39.3590825036, 20.8336255325, 152.133484163],
        "se": [2.98045742013, 3.04304542176, 3.34260315521, 3.416229238, 2.85274895215],
        "p": [0.532137450698, 0.0799211516666, 5.2530079248e-32, 1.07117116757e-09, 0.0],
        "low": [-3.9795588675, -11.2930694034, 32.8077007048, 14.1379392631, 146.54219896],
        "llf": -2434.17718650974,
        "aic": 4878.35437301948,
        "deviance": 1571921.3599056911,
        "null": 2621009.124434389,
        "scale": 3597.0740501274395,
    },
    "wls": {
        "coef": [3.29516585255, -4.13631647291, 39.1150057801, 21.246639349, 152.485971052],
        "se": [3.21587596089, 3.07047661352, 3.18728972724, 3.42343942964, 2.83227882328],
        "p": [0.306092497939, 0.178638020594, 5.94321698978e-30, 1.26179909521e-09, 5.54084278051e-195],
        "low": [-3.0253403442, -10.1710537261, 32.8506831766, 14.5181863886, 146.919389483],
        "llf": -2445.7776703393474,
        "aic": 4901.555340678695,
        "deviance": 1934178.4247115387,
        "null": 3318412.7928671,
        "scale": 4426.037585152262,
    },
    "logistic": {
        "coef": [0.0565438070985, -0.238394581796, 1.05502265744, 0.649812530863, 0.0462409757418],
        "se": [0.126208705735, 0.122436034417, 0.147175779348, 0.143626623823, 0.111982488656],
        "p": [0.654140004901, 0.051523354804, 7.58499624034e-13, 6.05905433715e-06, 0.679657595004],
        "low": [-0.190820710677, -0.478364799663, 0.766563430518, 0.36830952095, -0.173240668923],
        "llf": -240.42907858886878,
        "aic": 490.85815717773755,
        "deviance": 480.85815717773755,
        "null": 612.7421076149917,
        "scale": 1.0,
    },
    "logistic_hc0": {
        "coef": [0.0565438070985, -0.238394581796, 1.05502265744, 0.649812530863, 0.0462409757418],
        "se": [0.126231397952, 0.120029619461, 0.150520705673, 0.142462782406, 0.113439279519],
        "p": [0.654198130482, 0.0470187487865, 2.39765130947e-12, 5.0842914059e-06, 0.683547133895],
        "low": [-0.190865186607, -0.473648313018, 0.760007495392, 0.370590608211, -0.176095926548],
        "llf": -240.42907858886878,
        "aic": 490.85815717773755,
        "deviance": 480.85815717773755,
        "null": 612.7421076149917,
        "scale": 1.0,
    },
    "logistic_w": {
        "coef": [0.07083532628, -0.266464037925, 1.02864071439, 0.700551922688, 0.0395522087797],
        "se": [0.115323955233, 0.110395956274, 0.130529790019, 0.129514160243, 0.100957436288],
        "p": [0.539063963257, 0.0157909410554, 3.26059544746e-15, 6.33507797821e-08, 0.695227329099],
        "low": [-0.155195472532, -0.482836136261, 0.772807027047, 0.446708833123, -0.158320730317],
        "llf": -297.18942737734653,
        "aic": 604.3788547546931,
        "deviance": 594.3788547546931,
        "null": 765.8818292531332,
        "scale": 1.0,
    },
    "poisson": {
        "coef": [0.0268174878223, -0.0317025757624, 0.240630760574, 0.132208076912, 4.97650854739],
        "se": [0.0044034413121, 0.00416897837489, 0.00411654274245, 0.00452290058285, 0.00403453723587],
        "p": [1.12825793986e-09, 2.86230490449e-14, 0.0, 7.87347498197e-188, 0.0],
        "low": [0.0181869014425, -0.0398736232296, 0.232562485058, 0.123343354664, 4.96860099972],
        "llf": -6845.714030963934,
        "aic": 13701.428061927869,
        "deviance": 10720.884769122478,
        "null": 17388.156516050818,
        "scale": 1.0,
    },
    "poisson_hc0": {
        "coef": [0.0268174878223, -0.0317025757624, 0.240630760574, 0.132208076912, 4.97650854739],
        "se": [0.0201540881747, 0.0194773970388, 0.0187398995505, 0.0203990344126, 0.0200178043444],
        "p": [0.183313179619, 0.103597045965, 9.71719839572e-38, 9.10594006613e-11, 0.0],
        "low": [-0.0126837991413, -0.0698775724711, 0.203901232381, 0.0922267041436, 4.93727437183],
        "llf": -6845.714030963934,
        "aic": 13701.428061927869,
        "deviance": 10720.884769122478,
        "null": 17388.156516050818,
        "scale": 1.0,
    },
    "poisson_off": {
        "coef": [0.00872104130293, -0.0300251148364, 0.223265546284, 0.126235600195, 4.93643445554],
        "se": [0.00443321829831, 0.00416439238679, 0.00405907885356, 0.0045039407213, 0.00403066280638],
        "p": [0.0491597871773, 5.59671010628e-13, 0.0, 7.44738644358e-173, 0.0],
        "low": [3.209310265e-05, -0.038187173932, 0.21530989792, 0.117408038593, 4.92853450161],
        "llf": -9473.284634350366,
        "aic": 18956.569268700732,
        "deviance": 15976.025975895343,
        "null": 21790.762087088282,
        "scale": 1.0,
    },
    "gamma": {
        "coef": [0.0161829423595, -0.0451307403017, 0.249596949759, 0.136582254573, 4.97541418022],
        "se": [0.0223362661616, 0.0216421698206, 0.0227914153679, 0.0242094382204, 0.0198759442728],
        "p": [0.46875010298, 0.0370407211591, 6.54587720995e-28, 1.683846738e-08, 0.0],
        "low": [-0.0275953348664, -0.0875486136974, 0.204926596481, 0.089132627575, 4.93645804529],
        "llf": -2422.6294832802455,
        "aic": 4855.258966560491,
        "deviance": 83.17667035513017,
        "null": 126.7968905812722,
        "scale": 0.1746134970442672,
    },
    "gamma_hc0": {
        "coef": [0.0161829423595, -0.0451307403017, 0.249596949759, 0.136582254573, 4.97541418022],
        "se": [0.0207387125771, 0.0213009845543, 0.0212118636219, 0.0220668507696, 0.0197632040311],
        "p": [0.435199417626, 0.0341144614013, 5.78400073135e-32, 6.03643457005e-10, 0.0],
        "low": [-0.0244641873773, -0.0868799028633, 0.208022461015, 0.0933320218124, 4.9366790121],
        "llf": -2422.6294832802455,
        "aic": 4855.258966560491,
        "deviance": 83.17667035513017,
        "null": 126.7968905812722,
        "scale": 0.1746134970442672,
    },
    "gamma_w": {
        "coef": [0.0275056722092, -0.0368552197857, 0.2473668061, 0.137039907637, 4.97573096539],
        "se": [0.0224060368356, 0.0213929930576, 0.0222068673988, 0.0238521979386, 0.0197333928345],
        "p": [0.219596803285, 0.0849300148461, 8.08394424011e-29, 9.1715539213e-09, 0.0],
        "low": [-0.016409353025, -0.0787847157002, 0.203842145789, 0.0902904587256, 4.93705422614],
        "llf": -2435.7722284374718,
        "aic": 4881.5444568749435,
        "deviance": 102.62987355489047,
        "null": 159.47675821385224,
        "scale": 0.21485556665563194,
    },
    "ig": {
        "coef": [0.00499018389992, -0.0562321819593, 0.258657730277, 0.141059427342, 4.97650051371],
        "se": [0.0226735233377, 0.0223689642613, 0.0258131165789, 0.0260498382529, 0.021430429474],
        "p": [0.825802156758, 0.0119421802822, 1.24001193043e-23, 6.12945811346e-08, 0.0],
        "low": [-0.0394491052445, -0.100074546283, 0.208064951454, 0.090002682563, 4.93449764376],
        "llf": -2456.807295064603,
        "aic": 4923.614590129206,
        "deviance": 0.7395297818886523,
        "null": 1.036064231282947,
        "scale": 0.0013325800250416566,
    },
    "tweedie": {
        "coef": [0.0216091852484, -0.0384652823325, 0.245032934965, 0.134296884342, 4.97570083716],
        "se": [0.0220541486693, 0.0211332689563, 0.021474958074, 0.0232423775578, 0.0197109387349],
        "p": [0.327172978851, 0.0687393143945, 3.71999060416e-30, 7.55469226247e-09, 0.0],
        "low": [-0.021616151853, -0.0798857283625, 0.20294279057, 0.0887426614138, 4.93706810714],
        "llf": -2417.500285779033,
        "aic": 4845.000571558066,
        "deviance": 929.1864664774807,
        "null": 1465.831547253674,
        "scale": 2.043149405664546,
    },
    "cloglog": {
        "coef": [0.0804701037046, -0.101082178154, 0.680951905779, 0.430940193824, -0.425934840494],
        "se": [0.0869491200008, 0.0810029288003, 0.0913064427162, 0.0896174850445, 0.0783730636405],
        "p": [0.354713698325, 0.212073905504, 8.79299817446e-14, 1.51943875343e-06, 5.48857495431e-08],
        "low": [-0.0899470399845, -0.259845001245, 0.501994566499, 0.255293150751, -0.579543222587],
        "llf": -240.66934251535122,
        "aic": 491.33868503070244,
        "deviance": 481.33868503070244,
        "null": 612.7421076149917,
        "scale": 1.0,
    },
}  # fmt: skip


CASES = {
    "ols": ("squared", Y, {}, {}),
    "ols_hc0": ("squared", Y, {}, {"covariance": "HC0"}),
    "ols_hc1": ("squared", Y, {}, {"covariance": "HC1"}),
    "wls": ("squared", Y, {"sample_weight": WEIGHT}, {}),
    "logistic": ("logistic", HIGH, {}, {}),
    "logistic_hc0": ("logistic", HIGH, {}, {"covariance": "HC0"}),
    "logistic_w": ("logistic", HIGH, {"sample_weight": WEIGHT}, {}),
    "poisson": ("poisson", Y, {}, {}),
    "poisson_hc0": ("poisson", Y, {}, {"covariance": "HC0"}),
    "poisson_off": ("poisson", Y, {"offset": OFFSET}, {}),
    "gamma": ("gamma", Y, {}, {}),
    "gamma_hc0": ("gamma", Y, {}, {"covariance": "HC0"}),
    "gamma_w": ("gamma", Y, {"sample_weight": WEIGHT}, {}),
    "ig": ("inverse_gaussian", Y, {}, {}),
    "tweedie": ("tweedie", Y, {}, {}),
    "cloglog": ("cloglog", HIGH, {}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_statsmodels(name):
    loss, y, given, asked = CASES[name]
    expected = STATSMODELS[name]
    settings = {"power": 1.5} if loss == "tweedie" else {}
    tol = 1e-13 if loss in ("tweedie", "cloglog") else 1e-15
    model = GeneralizedLinear(loss, None, tol=tol, loss_settings=settings).fit(X, y, **given)
    summary = model.summary(X, y, **given, **asked)
    assert summary.names == ["x0", "x1", "x2", "x3", "intercept"]
    np.testing.assert_allclose(summary.coef, expected["coef"], rtol=1e-6)
    for mine, theirs in (("se", "se"), ("p", "p"), ("low", "low")):
        np.testing.assert_allclose(getattr(summary, mine), expected[theirs], rtol=1e-6, atol=1e-12)
    told = {"llf": "llf", "aic": "aic", "scale": "scale", "deviance": "deviance", "null_deviance": "null"}
    for mine, theirs in told.items():
        assert getattr(summary, mine) == pytest.approx(expected[theirs], rel=1e-6), mine
    text = str(summary)
    assert "intercept" in text
    assert "AIC" in text
    assert ("P>|t|" in text) == (name in ("ols", "wls"))


def test_amounts_of_which_many_are_0_have_a_likelihood():
    amounts = np.where(HIGH, Y / 100, 0.0)
    given = {"sample_weight": WEIGHT, "offset": OFFSET}
    model = TweedieRegressor(power=1.5, alpha=0, tol=1e-13).fit(X, amounts, **given)
    summary = model.summary(X, amounts, **given)
    # Printed by statsmodels: Tweedie(eql=False), to 1e-15.
    known = [-734.4062858778531, 1478.8125717557061, 1499.2691211660947]
    np.testing.assert_allclose([summary.llf, summary.aic, summary.bic], known, rtol=1e-6)
    assert np.isnan(TweedieRegressor(power=2.5, alpha=0).fit(X, Y).summary(X, Y).llf)


@pytest.mark.parametrize("power", [1.01, 1.2, 1.5, 1.9])
def test_the_density_of_amounts_is_one_in_all(power):
    """And where its terms are too many, it goes over into the saddlepoint's."""
    density, mean, one = _tweedie(power), np.array([1.7]), np.ones(1)

    def at(y, spread):
        return float(density(np.array([y]), mean, one, spread)[0])

    inside = quad(lambda t: np.exp(at(np.exp(t), 0.3) + t), -40, 4, limit=400, points=[-1, 0, 1])[0]
    assert inside + np.exp(at(0.0, 0.3)) == pytest.approx(1.0, abs=1e-6)
    near = [at(1.8, spread) + 0.5 * np.log(spread) for spread in np.geomspace(1e-8, 1e-4, 41)]
    slope = np.diff(near) / np.diff(1 / np.geomspace(1e-8, 1e-4, 41))
    np.testing.assert_allclose(slope, slope[0], rtol=1e-4)


@pytest.mark.parametrize("loss", ["squared", "logistic", "cloglog", "poisson", "gamma"])
def test_coefficients_are_told_at_the_optimum_however_near_the_fit_ended(loss):
    y = HIGH.astype(float) if loss in ("logistic", "cloglog") else Y
    given = {"sample_weight": WEIGHT, "offset": OFFSET}
    rough, fine = (GeneralizedLinear(loss, None, tol=tol).fit(X, y, **given) for tol in (1e-3, 1e-13))
    for covariance in ("model", "HC0"):
        own, exact = (model.summary(X, y, **given, covariance=covariance) for model in (rough, fine))
        assert own.settled
        assert exact.settled
        assert (np.abs(own.coef - exact.coef) / exact.se).max() < 1e-7
        np.testing.assert_allclose(own.se, exact.se, rtol=1e-7)
        np.testing.assert_allclose(own.p, exact.p, rtol=0, atol=1e-7)
    exact = np.append(fine.coef_, fine.intercept_)
    assert loss == "squared" or np.abs(np.append(rough.coef_, rough.intercept_) - exact).max() > 1e-7


def test_where_there_is_no_optimum_the_coefficients_are_those_of_the_fit():
    model = LogisticRegression(C=np.inf)
    with pytest.warns(NotConverged):
        model.fit(X, X[:, 0] > 0)
    summary = model.summary(X, X[:, 0] > 0)
    assert not summary.settled
    assert "do not settle" in str(summary)
    np.testing.assert_array_equal(summary.coef, np.append(model.coef_, model.intercept_))


def test_estimators_of_all_names_have_it():
    pairs = [
        (LinearRegression(), Y, "squared"),
        (PoissonRegressor(alpha=0, tol=1e-12), Y, "poisson"),
        (LogisticRegression(C=np.inf, tol=1e-12), np.where(HIGH, "high", "low"), "logistic"),
    ]
    for model, y, loss in pairs:
        own = model.fit(sparse.csr_matrix(X), y).summary(sparse.csr_matrix(X), y)
        target = y == "low" if loss == "logistic" else y
        plain = GeneralizedLinear(loss, None, tol=1e-12).fit(X, target).summary(X, target)
        np.testing.assert_allclose(own.se, plain.se, rtol=1e-5)
        assert own.aic == pytest.approx(plain.aic, rel=1e-9)


def test_rows_of_no_weight_are_not_there():
    weight = (np.arange(len(Y)) % 3 > 0).astype(float)
    keep = weight > 0
    all_rows = LinearRegression().fit(X, Y, weight).summary(X, Y, weight)
    some = LinearRegression().fit(X[keep], Y[keep]).summary(X[keep], Y[keep])
    np.testing.assert_allclose(all_rows.se, some.se, rtol=1e-10)
    assert (all_rows.df, all_rows.rows) == (some.df, some.rows)


def test_columns_that_depend_have_no_error_of_their_own():
    twice = np.column_stack([X, X[:, 0]])
    summary = LinearRegression().fit(twice, Y).summary(twice, Y)
    plain = LinearRegression().fit(X, Y).summary(X, Y)
    assert np.isnan(summary.se[[0, 4]]).all()
    np.testing.assert_allclose(summary.se[1:4], plain.se[1:4], rtol=1e-9)
    assert (summary.df, summary.aic) == (plain.df, pytest.approx(plain.aic))


def test_what_has_no_errors_says_so():
    with pytest.raises(InputError, match="without a penalty"):
        PoissonRegressor().fit(X, Y).summary(X, Y)
    with pytest.raises(InputError, match="half a deviance"):
        GeneralizedLinear("huber", None).fit(X, Y).summary(X, Y)
    A, b = load_iris(return_X_y=True)
    with pytest.raises(InputError, match="one target"):
        GeneralizedLinear("squared", None).fit(A, np.eye(3)[b]).summary(A, np.eye(3)[b])
    model = LinearRegression().fit(X, Y)
    for bad in ({"covariance": "HC7"}, {"level": 95}):
        with pytest.raises(InputError, match=next(iter(bad))):
            model.summary(X, Y, **bad)
    assert not hasattr(Ridge(), "summary")


@pytest.mark.parametrize("covariance", ["model", "HC0"])
@pytest.mark.parametrize("loss", ["squared", "gamma", "inverse_gaussian", "cloglog"])
def test_errors_change_with_the_scale_of_their_columns(loss, covariance):
    scale = np.array([1e-6, 1e-2, 1e3, 1e6])
    y = HIGH if loss == "cloglog" else Y
    plain, other = (
        GeneralizedLinear(loss, None, tol=1e-13).fit(X * s, y).summary(X * s, y, covariance=covariance)
        for s in (1.0, scale)
    )
    np.testing.assert_allclose(other.se * np.append(scale, 1.0), plain.se, rtol=1e-6)


def test_errors_of_weighted_classes_are_those_of_weighted_rows():
    for given in ({0: 1.0, 1: 3.0}, "balanced"):
        model = LogisticRegression(C=np.inf, tol=1e-12, class_weight=given).fit(X, HIGH, WEIGHT)
        factor = {0: 1.0, 1: 3.0}
        if given == "balanced":
            total = [WEIGHT[~HIGH].sum(), WEIGHT[HIGH].sum()]
            factor = {k: sum(total) / (2 * t) for k, t in enumerate(total)}
        weight = WEIGHT * np.where(HIGH, factor[1], factor[0])
        plain = LogisticRegression(C=np.inf, tol=1e-12).fit(X, HIGH, weight).summary(X, HIGH, weight)
        own = model.summary(X, HIGH, WEIGHT)
        np.testing.assert_allclose(own.se, plain.se, rtol=1e-6)
        assert own.llf == pytest.approx(plain.llf, rel=1e-9)


def test_a_column_may_be_called_intercept():
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b", "c", "intercept"])
    model = PoissonRegressor(alpha=0, fit_intercept=False, tol=1e-12).fit(frame, Y)
    plain = PoissonRegressor(alpha=0, fit_intercept=False, tol=1e-12).fit(X, Y).summary(X, Y)
    assert model.summary(frame, Y).null_deviance == plain.null_deviance


def test_what_it_cannot_be_of_is_named():
    model = LogisticRegression(C=np.inf).fit(X, np.where(HIGH, "high", "low"))
    called = np.where(HIGH, "high", "low").astype(object)
    for row, wrong in ((3, "hihg"), (5, "")):
        y = called.copy()
        y[row] = wrong
        with pytest.raises(InputError, match=f"classes of the fit.*'{wrong}' in row {row}"):
            model.summary(X, y)
    with pytest.raises(InputError, match="as long as X"):
        model.summary(X, called[:-1])
    with pytest.raises(InputError, match="y must be finite; got nan in row 0"):
        LinearRegression().fit(X, Y).summary(X, np.where(np.arange(len(Y)) == 0, np.nan, Y))
    with pytest.raises(ValueError, match="row 0"):
        PoissonRegressor(alpha=0).fit(X, Y).summary(X, -Y)


def test_rows_that_are_read_are_told_as_those_in_memory(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(y=Y, w=WEIGHT, town=np.where(HIGH, "p", "q"))
    frame.to_parquet(tmp_path / "p.parquet")
    numbers = [*"abcd", "y", "w"]
    frame[numbers].to_parquet(tmp_path / "n.parquet")
    for file, rows in (("p", X), ("n", X)):
        path = str(tmp_path / f"{file}.parquet")
        model = LinearRegression().fit(path, "y", sample_weight="w")
        told = model.summary(path, "y", "w")
        if file == "p":
            rows = np.column_stack([X, HIGH, ~HIGH])
            assert np.isnan(told.se[-3:]).all()
        peer = LinearRegression().fit(rows, Y, WEIGHT).summary(rows, Y, WEIGHT)
        np.testing.assert_allclose(told.se[:4], peer.se[:4], rtol=1e-5)
        np.testing.assert_allclose([told.llf, told.df], [peer.llf, peer.df], rtol=1e-6)
    again = model.summary(lambda: [frame], frame["y"], frame["w"])
    np.testing.assert_allclose(again.se, told.se, rtol=1e-12)
