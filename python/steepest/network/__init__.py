"""Networks with scikit-learn's names, parameters and meaning, and nothing to tune.

>>> from sklearn.datasets import load_digits
>>> from steepest.network import MLPClassifier
>>> X, y = load_digits(return_X_y=True)
>>> model = MLPClassifier(random_state=0).fit(X[:1500], y[:1500])
>>> model.score(X[1500:], y[1500:]) > 0.9
True
"""

from steepest import _catalog

from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["ACTIVATIONS", "INITIALISERS", "MLPClassifier", "MLPRegressor"]

#: What `activation` may be; scikit-learn's "logistic" is "sigmoid".
ACTIVATIONS = tuple(_catalog.registry("activations"))
#: What `initialiser` may be.
INITIALISERS = tuple(_catalog.registry("initialisers"))
