"""Classes by ridge regression, held against scikit-learn's own."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_iris

from steepest import RidgeClassifier
from steepest.errors import InputError


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize(
    "given",
    [{}, {"alpha": 0.01}, {"class_weight": "balanced"}, {"class_weight": {0: 3.0}}, {"fit_intercept": False}],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_scikit_learns(load, given, weighted):
    X, y = load(return_X_y=True)
    weight = np.linspace(0, 2, len(y)) if weighted else None
    ours = RidgeClassifier(**given).fit(X, y, weight)
    theirs = linear_model.RidgeClassifier(solver="svd", **given).fit(X, y, weight)
    assert ours.result_.success
    assert len(ours.results_) == len(np.atleast_2d(ours.coef_))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(ours.to_sklearn().predict(X), ours.predict(X))


def test_texts_labels_sparse_tables_and_bounds():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    plain = RidgeClassifier().fit(X, names)
    assert set(plain.predict(X)) <= {"a", "b", "c"}
    np.testing.assert_allclose(
        RidgeClassifier().fit(sparse.csr_matrix(X), names).coef_, plain.coef_, rtol=1e-6
    )
    several = np.column_stack([y == 0, y > 0, y == 1]).astype(int)
    ours = RidgeClassifier().fit(X, several)
    theirs = linear_model.RidgeClassifier(solver="svd").fit(X, several)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert (RidgeClassifier(positive=True).fit(X, y).coef_ >= 0).all()
    with pytest.raises(InputError, match=r"sample_weight must be at least 0; got -1.0 in row 2"):
        RidgeClassifier().fit(X, y, np.where(np.arange(len(y)) == 2, -1.0, 1.0))
