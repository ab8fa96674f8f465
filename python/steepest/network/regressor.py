"""Numbers by a network."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from steepest.errors import InputError

from .perceptron import Perceptron

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A network (multi-layer perceptron) that predicts numbers, one a row or several, with nothing to tune.

    Minimises mean(weight * loss) + alpha / (2 n) ||W||^2 over batches of n rows; the loss of a row is the mean over its
    targets of (prediction - target)^2 / 2, or half the Poisson deviance. Parameters are scikit-learn's `MLPRegressor`,
    with its meaning; the announced departure is ``solver="auto"``. (Of several targets scikit-learn's steps follow the
    sum, though its loss is the mean.)

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default "squared_error"
        "poisson" predicts e to the power of the output, and needs targets of at least 0.
    hidden_layer_sizes : array-like of int, default (100,)
        Units of each hidden layer.
    activation : str, default "relu"
        As for `MLPClassifier`.
    solver : {"auto", "adam", "sgd", "lbfgs"}, default "auto"
        "auto" has nothing to tune: columns, and targets of "squared_error", are made alike within (mean 0, standard
        deviation 1; `coefs_` are of the numbers as they came, while `alpha` is of those made alike, and several targets
        count alike), the rule ``momo_adam`` finds its rate below a cap that falls along a cosine over the epochs, and
        the weights are averages over two epochs or so, those that were best on held-out rows. The others are
        scikit-learn's, from the numbers as they are.
    alpha, batch_size, max_iter, max_fun, shuffle, random_state, verbose, warm_start : optional
        As for `MLPClassifier`.
    learning_rate, learning_rate_init, power_t, tol, n_iter_no_change, momentum, nesterovs_momentum : optional
        As for `MLPClassifier`.
    beta_1, beta_2, epsilon, early_stopping, validation_fraction : optional
        As for `MLPClassifier`.
    initialiser, dropout, layer_norm, batch_norm, residual : optional
        As for `MLPClassifier`.

    Attributes
    ----------
    coefs_, intercepts_, norms_, running_, n_iter_, n_layers_, n_outputs_, t_, out_activation_, result_
        As for `MLPClassifier`.
    loss_, loss_curve_, best_loss_
        As for `MLPClassifier`; for ``solver="auto"`` of targets made alike.
    validation_scores_, best_validation_score_
        Of held-out rows: R2, for ``solver="auto"`` the loss, negated, of targets made alike.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.network import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor(hidden_layer_sizes=(16,), random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.4
    True

    References
    ----------
    Goodfellow, Bengio and Courville 2016, Deep Learning, chapter 6, https://www.deeplearningbook.org
    """

    _score: ClassVar[str] = "r2"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "auto",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: Any = "auto",
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        initialiser: str | None = None,
        dropout: float = 0.0,
        layer_norm: bool = False,
        batch_norm: bool = False,
        residual: bool = False,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.initialiser = initialiser
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.batch_norm = batch_norm
        self.residual = residual

    @property
    def _loss(self) -> tuple[str, list[tuple[str, float]]]:
        return ("squared" if self.loss == "squared_error" else "poisson", [])

    def _options(self) -> dict[str, Any]:
        return {"y_numeric": True}

    def _targets(self, y: Any, first: bool, incremental: bool) -> tuple[NDArray[np.float64], int]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = np.asarray(y, dtype=np.float64)
        if self.loss == "poisson" and (y < 0).any():
            row = int(np.argwhere(y < 0)[0][0])
            raise InputError(f"y must be at least 0 for loss='poisson'; got {y[row]} in row {row}")
        if not first and y.reshape(len(y), -1).shape[1] != self.n_outputs_:
            raise InputError(
                f"y must have {self.n_outputs_} targets, as before; got {y.reshape(len(y), -1).shape[1]}"
            )
        self._column = y.ndim == 1
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        y = y.reshape(len(y), -1)
        return y, y.shape[1]

    def _units(self, targets: NDArray[Any], weight: Any) -> tuple[Any, Any]:
        if self.loss == "poisson":
            return super()._units(targets, weight)
        middle = np.average(targets, axis=0, weights=weight)
        unit = np.sqrt(np.average((targets - middle) ** 2, axis=0, weights=weight))
        unit[~(unit > 1e-12 * np.abs(middle))] = 1.0
        return middle, unit

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Trains the network.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Single precision stays so.
        y : array of shape (rows,) or (rows, targets)
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        MLPRegressor
            Itself.
        """
        return self._fit(X, y, sample_weight)  # type: ignore[no-any-return]

    @available_if(lambda model: model._stochastic())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """One epoch over these rows, from where the last one ended; by "adam" where `solver` is "auto".

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        MLPRegressor
            Itself.
        """
        return self._fit(X, y, sample_weight, incremental=True)  # type: ignore[no-any-return]

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The targets that the network expects.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,) or (rows, targets)
        """
        z = self._outputs(X, means=True)
        return z[:, 0] if self._column else z
