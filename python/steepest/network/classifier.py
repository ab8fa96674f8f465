"""Classes by a network."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import column_or_1d

from steepest.errors import InputError

from .perceptron import Perceptron

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A network (multi-layer perceptron) that tells classes apart, with nothing to tune.

    Minimises mean(weight * loss) + alpha / (2 n) ||W||^2 over batches of n rows, where the loss of two classes, and of
    each label of several at once, is the logistic loss, and that of more classes the softmax's. Parameters are
    scikit-learn's `MLPClassifier`, with its meaning; the announced departure is ``solver="auto"``.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default (100,)
        Units of each hidden layer.
    activation : str, default "relu"
        ``steepest list activations`` has them: "gelu", "silu", "tanh" and others. scikit-learn's "logistic" is
        "sigmoid".
    solver : {"auto", "adam", "sgd", "lbfgs"}, default "auto"
        "auto" has nothing to tune: columns are made alike within (mean 0, standard deviation 1; `coefs_` are of the
        columns as they came, while `alpha` is of those made alike), the rule ``momo_adam`` finds its rate below a cap
        that falls along a cosine over the epochs, and the weights are averages over two epochs or so, those that were
        best on held-out rows. The others are scikit-learn's, from the columns as they are.
    alpha : float, default 0.0001
        The weight of the squares of the weights.
    batch_size : int or "auto"
        Rows a step; "auto" is min(200, rows), and for ``solver="auto"`` from 32 to 256 by the rows.
    learning_rate : str, default "constant"
        Of "sgd": "constant", "invscaling" or "adaptive". This and the next few are without effect under other
        solvers.
    learning_rate_init : float, default 0.001
        The rate that they begin with.
    power_t : float, default 0.5
        Of "invscaling": after each epoch the rate is the first divided by this power of the rows gone through, and 1.
    tol : float, default 0.0001
        Epochs that gain less than this are counted; "lbfgs" ends where no slope is larger, as in scikit-learn, or
        where a step lowers the loss by less than 2.2e-5 tol of it, which at the default is scikit-learn's.
    n_iter_no_change : int, default 10
        As many of them in a row end the fit.
    momentum : float, default 0.9
        Of "sgd": how much of the velocity is kept at each step.
    nesterovs_momentum : bool, default True
        Of "sgd": whether the gradient is used as if one velocity ahead.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Of "adam": how much of the means of gradients and of their squares is kept.
    epsilon : float, default 1e-8
        Of "adam": what is added to the root of the mean square, which is corrected for its start at 0 first, as Kingma
        and Ba have it (scikit-learn adds it before).
    max_iter : int, default 200
        Epochs at most; of "lbfgs" steps. "auto" takes as many as make some 8000 steps, at least 20.
    max_fun : int, default 15000
        Evaluations at most, of "lbfgs".
    shuffle : bool, default True
        Whether rows come in another order in each epoch.
    random_state : int, RandomState or None
        Of the start, the order, the rows held out and what is dropped.
    verbose : bool, default False
        Whether to print each epoch, or step of "lbfgs".
    warm_start : bool, default False
        Starts where the last fit ended.
    early_stopping : bool or "auto", default "auto"
        Whether rows are held out, by which it stops (by which "auto" keeps the best weights): True for
        ``solver="auto"`` from 100 rows on.
    validation_fraction : float, default 0.1
        The part of the rows that is held out.
    class_weight : dict or "balanced", optional
        What the weights of a class's rows are multiplied by.
    initialiser : str, optional
        How weights begin: "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "orthogonal", "random_uniform" or "random_normal"; None is what suits the activation.
    dropout : float, default 0
        The chance that a hidden unit is 0 while it is trained; not of "lbfgs", which refuses it.
    layer_norm : bool, default False
        Whether each hidden layer's numbers are normalised, row by row.
    batch_norm : bool, default False
        Whether each hidden layer's numbers are normalised, column by column over the rows of a batch, which count by
        their weights; what is predicted goes by running means and variances. Not with `layer_norm`, nor of "lbfgs",
        which has no batches.
    residual : bool, default False
        Whether a hidden layer as wide as the one before it is added to that one.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
    coefs_, intercepts_ : list of ndarray
        One a layer; `coefs_[i]` has a row for each number that goes in.
    norms_ : list of ndarray
        Gains and shifts of normalised layers, one after another.
    running_ : list of ndarray
        Means and variances that `batch_norm` predicts by, one after another.
    loss_ : float
        The last epoch's mean loss, and `loss_curve_` that of each.
    best_loss_ : float
        The least of them.
    validation_scores_, best_validation_score_
        Of held-out rows: the accuracy, for ``solver="auto"`` the loss, negated.
    n_iter_, n_layers_, n_outputs_, t_, out_activation_, n_features_in_, feature_names_in_
        As scikit-learn has them.
    result_ : Result
        How it ended.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from steepest.network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((16,), random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True

    References
    ----------
    Goodfellow, Bengio and Courville 2016, Deep Learning, chapter 6, https://www.deeplearningbook.org
    """

    _score: ClassVar[str] = "accuracy"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "class_weight": [dict, str, None],
    }

    def __init__(
        self,
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
        class_weight: Any = None,
        initialiser: str | None = None,
        dropout: float = 0.0,
        layer_norm: bool = False,
        batch_norm: bool = False,
        residual: bool = False,
    ) -> None:
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
        self.class_weight = class_weight
        self.initialiser = initialiser
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.batch_norm = batch_norm
        self.residual = residual

    @property
    def _loss(self) -> tuple[str, list[tuple[str, float]]]:
        return ("softmax" if self.out_activation_ == "softmax" else "logistic", [])

    def _targets(self, y: Any, first: bool, incremental: bool) -> tuple[NDArray[np.float64], int]:
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        several = type_of_target(y).startswith("multilabel")
        if not hasattr(self, "classes_") or (first and not incremental):
            self.classes_ = np.arange(y.shape[1]) if several else np.unique(y)
            self._several = several
        elif not several:
            classes = unique_labels(y)
            if not incremental and set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
            if len(np.setdiff1d(classes, self.classes_)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        if several:
            self.out_activation_ = "logistic"
            return np.asarray(y != 0, dtype=np.float64), y.shape[1]
        codes = np.searchsorted(self.classes_, y).astype(np.float64)[:, None]
        self.out_activation_ = "softmax" if len(self.classes_) > 2 else "logistic"
        return codes, len(self.classes_) if len(self.classes_) > 2 else 1

    def _class_weights(self, targets: Any, weight: Any) -> Any:
        if self.class_weight is None or self._several:
            return weight
        codes = targets[:, 0].astype(np.intp)
        each = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[codes])
        if not (np.isfinite(each).all() and (each >= 0).all() and each[codes].any()):
            raise InputError(
                f"class_weight must hold numbers of at least 0, not all 0; got {self.class_weight!r}"
            )
        return each[codes] * (1.0 if weight is None else weight)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Trains the network.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)
            Single precision stays so.
        y : array of shape (rows,) or, of several labels at once, (rows, labels) of 0 and 1
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        MLPClassifier
            Itself.
        """
        return self._fit(X, y, sample_weight)  # type: ignore[no-any-return]

    @available_if(lambda model: model._stochastic())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """One epoch over these rows, from where the last one ended; by "adam" where `solver` is "auto".

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array, optional
            All classes there will be: needed the first time.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        if _check_partial_fit_first_call(self, classes):
            self._several = type_of_target(y).startswith("multilabel")
        return self._fit(X, y, sample_weight, incremental=True)  # type: ignore[no-any-return]

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row; of several labels at once, those likelier than not.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows,) or (rows, labels)
        """
        z = self._outputs(X, means=False)
        if self._several:
            return np.asarray(z > 0, dtype=np.intp)
        which = z.argmax(axis=1) if z.shape[1] > 1 else (z[:, 0] > 0).astype(np.intp)
        return np.asarray(self.classes_[np.minimum(which, len(self.classes_) - 1)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows, classes)
        """
        p = self._outputs(X, means=True)
        if len(self.classes_) == 1 and not self._several:
            return np.ones_like(p)
        return p if self._several or p.shape[1] > 1 else np.hstack([1 - p, p])[:, : len(self.classes_)]

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """The logarithms of `predict_proba`.

        Parameters
        ----------
        X : array or sparse matrix of shape (rows, columns)

        Returns
        -------
        ndarray of shape (rows, classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
