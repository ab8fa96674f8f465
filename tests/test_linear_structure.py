"""Sparse matrices whose places lie outside of them: refused by name, before SciPy follows them out of its arrays."""

import numpy as np
import pytest
from scipy import sparse

import steepest
from steepest import _core, linear
from steepest.errors import InputError, InternalError

FAR = 10**6


def compressed(**change):
    def spoil(X):
        for name, (place, value) in change.items():
            getattr(X, name)[place] = value

    return spoil


def shorter(name):
    def spoil(X):
        setattr(X, name, getattr(X, name)[:5])

    return spoil


def coordinates(axis, value):
    def spoil(X):
        X.coords[axis][3] = value

    return spoil


def lists(places, values):
    def spoil(X):
        X.rows[3], X.data[3] = places, values

    return spoil


SPOILT = [
    *((form, compressed(indptr=(2, FAR))) for form in ("csr", "csc", "bsr")),
    *((form, compressed(indptr=(-1, FAR))) for form in ("csr", "csc", "bsr")),
    *((form, compressed(indptr=(1, -4))) for form in ("csr", "csc", "bsr")),
    *((form, compressed(indices=(3, FAR))) for form in ("csr", "csc", "bsr")),
    *((form, compressed(indices=(3, -5))) for form in ("csr", "csc", "bsr")),
    *((form, shorter("indptr")) for form in ("csr", "csc", "bsr")),
    *((form, shorter("indices")) for form in ("csr", "csc", "bsr")),
    ("coo", coordinates(0, FAR)),
    ("coo", coordinates(1, -9)),
    ("lil", lists([FAR], [1.0])),
    ("lil", lists([-1], [1.0])),
    ("lil", lists([1], [1.0] * 50)),
    ("dia", shorter("offsets")),
]


def spoilt(form, spoil, container=sparse.csr_matrix):
    X = container(sparse.random(60, 8, density=0.4, format="csr", random_state=0)).asformat(form)
    spoil(X)
    return X


def doors(X):
    """Every way in."""
    rng = np.random.default_rng(0)
    y, labels = rng.normal(size=60), rng.integers(0, 2, 60)
    whole = sparse.csr_matrix(rng.normal(size=(60, 8)))
    for name in ("LinearRegression", "Ridge", "Lasso", "ElasticNet", "GeneralizedLinear"):
        yield lambda name=name: getattr(linear, name)().fit(X, y)
        yield lambda name=name: getattr(linear, name)().fit(whole, y).predict(X)
    yield lambda: linear.LogisticRegression().fit(X, labels)
    yield lambda: linear.LogisticRegression().fit(whole, labels).predict_proba(X)
    yield lambda: linear.GeneralizedLinear().fit(whole, y).score(X, y)
    yield lambda: steepest.fit(X, target="c0")


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize(("form", "spoil"), SPOILT)
def test_no_place_outside_is_followed(form, spoil, container):
    X = spoilt(form, spoil, container)
    for door in doors(X):
        with pytest.raises(InputError, match="does not hold together"):
            door()


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo", "lil", "dia", "dok"])
def test_every_sound_format_passes(form):
    X = sparse.random(60, 8, density=0.4, format="csr", random_state=0).asformat(form)
    y = np.arange(60.0)
    reference = linear.LinearRegression().fit(X.toarray(), y)
    np.testing.assert_allclose(linear.LinearRegression().fit(X, y).coef_, reference.coef_)
    np.testing.assert_allclose(linear.Ridge(0.0).fit(X, y).predict(X), reference.predict(X.toarray()))


def test_places_of_another_kind_are_named():
    X = sparse.csr_matrix(np.eye(3))
    X.indices = X.indices.astype(float)
    with pytest.raises(InputError, match="indices must be one dimension of int32 or int64"):
        linear.Ridge().fit(X, np.ones(3))


def test_a_panic_is_an_exception_of_ours_that_says_what_to_report():
    for _ in range(2):
        with pytest.raises(
            InternalError, match=r"a bug in steepest \(on purpose .*enter.rs.*please report"
        ) as caught:
            _core.panics("on purpose")
        assert isinstance(caught.value, RuntimeError)
    # What it left behind works.
    assert linear.Ridge().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]).result_.success
