"""Stories for the report, told by fitting scikit-learn's models on its bundled data."""

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

DATA = {
    "breast_cancer": (load_breast_cancer, "diagnosis"),
    "iris": (load_iris, "species"),
    "digits": (load_digits, "digit"),
    "diabetes": (load_diabetes, "progression after a year"),
}


def story(name):
    """The story of a fit on one of scikit-learn's data sets."""
    load, target = DATA[name]
    data = load(scaled=False) if name == "diabetes" else load()
    regression = name == "diabetes"
    names = [str(n).replace("_", " ") for n in data.feature_names]
    classes = None if regression else [str(c) for c in data.target_names]
    table, answers = data.data[:700], data.target[:700]
    train, test, y_train, y_test = train_test_split(
        table, answers, test_size=0.25, random_state=0, stratify=None if regression else answers
    )
    scale = StandardScaler().fit(train)
    path, best = _path(scale.transform(train), y_train, scale.transform(test), y_test, regression)
    fitted = best.predict(scale.transform(test)) if regression else best.predict_proba(scale.transform(test))
    told = {
        "title": f"Predicting {target}",
        "version": "0.1.0",
        "created": "2026-11-20T20:15:00",
        "task": "regression" if regression else "binary" if len(classes) == 2 else "multiclass",
        "task_reason": "the target is a number with many values"
        if regression
        else f"the target has {len(classes)} values",
        "target": target,
        "classes": classes,
        "rows": {"train": len(train), "validation": len(test), "test": 0, "dropped": 0},
        "columns": [_column(n, table[:, j]) for j, n in enumerate(names)],
        "metrics": _metrics(y_train, y_test, fitted, regression),
        "heldout": {
            "part": "validation",
            "y": y_test if regression else [classes[i] for i in y_test],
            "p": fitted if regression or len(classes) > 2 else fitted[:, 1],
        },
        "path": path,
        "solution": _solution(scale.transform(train), y_train, regression),
        "coefficients": _coefficients(best, names, classes, scale.scale_),
        "intercept": best.intercept_,
        "findings": [
            {
                "kind": "bad_scaling",
                "severity": "note",
                "sentence": "The columns are on very different scales; they were balanced inside.",
                "evidence": {
                    "widest": names[int(np.argmax(scale.scale_))],
                    "narrowest": names[int(np.argmin(scale.scale_))],
                    "ratio": float(scale.scale_.max() / max(scale.scale_.min(), 1e-9)),
                },
                "threshold": 1000.0,
                "remedy": "",
            }
        ],
        "timing": {
            "reading": 0.021,
            "alpha path": 0.084,
            "final fit": 0.0121,
            "judging": 0.003,
            "total": 0.128,
        },
        "python": f'import steepest\n\nmodel = steepest.fit("{name}", target="{target}")\n'
        'model.report("report.html")\nmodel.predict(new_rows)',
    }
    return told


def _path(train, y_train, test, y_test, regression):
    """Losses along a path of alphas, and the best model."""
    alphas, fits = np.geomspace(10.0, 1e-3, 7), []
    for alpha in alphas:
        n = len(train)
        model = (
            Ridge(alpha * n) if regression else LogisticRegression(C=1 / (alpha * n), max_iter=2000, tol=1e-3)
        )
        fits.append(model.fit(train, y_train))

    def loss(model, x, y):
        if regression:
            return float(((model.predict(x) - y) ** 2).mean() / 2)
        return log_loss(y, model.predict_proba(x))

    held = [loss(m, test, y_test) for m in fits]
    chosen = int(np.argmin(held))
    path = {
        "alphas": alphas,
        "train_loss": [loss(m, train, y_train) for m in fits],
        "validation_loss": held,
        "chosen": float(alphas[chosen]),
    }
    return path, fits[chosen]


def _column(name, values):
    return {
        "name": name,
        "kind": "number",
        "used": True,
        "reason": "",
        "missing": 0,
        "filled_with": None,
        "levels": None,
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
    }


def _metrics(y_train, y_test, fitted, regression):
    if regression:
        middle = np.full(len(y_test), y_train.mean())
        pairs = [
            ("r2", "share of the variation explained", r2_score, "higher"),
            ("rmse", "typical error", root_mean_squared_error, "lower"),
        ]
        return [
            {"name": n, "plain": p, "value": f(y_test, fitted), "baseline": f(y_test, middle), "better": b}
            for n, p, f, b in pairs
        ]
    share = np.bincount(y_train) / len(y_train)
    constant = np.tile(share, (len(y_test), 1))
    rows = [
        (
            "accuracy",
            "rows classified right",
            accuracy_score(y_test, fitted.argmax(1)),
            accuracy_score(y_test, constant.argmax(1)),
            "higher",
        ),
        ("log_loss", "surprise at the truth", log_loss(y_test, fitted), log_loss(y_test, constant), "lower"),
    ]
    if len(share) == 2:
        rows.insert(1, ("roc_auc", "pairs ranked right", roc_auc_score(y_test, fitted[:, 1]), 0.5, "higher"))
    keys = ("name", "plain", "value", "baseline", "better")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _coefficients(model, names, classes, scale):
    table = np.atleast_2d(model.coef_)
    several = len(table) > 1
    return [
        {
            "name": n,
            "column": n,
            "level": None,
            "value": float(row[j] / scale[j]),
            "per_sd": float(row[j]),
            "class": classes[k] if several else None,
        }
        for k, row in enumerate(table)
        for j, n in enumerate(names)
    ]


def _solution(x, y, regression):
    """A descent by SciPy on the same rows, for curves of the real shape."""
    y = y - y.mean() if regression else np.where(y == y.max(), 1.0, -1.0)
    records = []

    def objective(w):
        z = x @ w
        if regression:
            value, slope = ((z - y) ** 2).mean() / 2, z - y
        else:
            value, slope = np.logaddexp(0.0, -y * z).mean(), -y / (1 + np.exp(y * z))
        return value + 5e-4 * (w @ w), x.T @ slope / len(y) + 1e-3 * w

    def note(w):
        value, slope = objective(w)
        records.append((value, np.abs(slope).max()))

    note(np.zeros(x.shape[1]))
    minimize(
        objective, np.zeros(x.shape[1]), jac=True, callback=note, options={"gtol": 1e-9}, method="L-BFGS-B"
    )
    loss, residual = np.array(records).T
    steps = np.arange(len(loss))
    target = 1e-6 * loss[-1]
    return {
        "status": "converged",
        "success": True,
        "message": "Converged: within the tolerance of the best possible.",
        "method": "progressive",
        "reason": "the objective is smooth and convex, and the columns are few",
        "certificate": {
            "kind": "duality_gap",
            "bound": float(target / 400),
            "target": float(target),
            "assumption": "arithmetic in double precision",
        },
        "seconds": 0.0121,
        "passes": 6.4,
        "iterations": len(loss) - 1,
        "history": {"loss": loss, "residual": residual, "passes": 1.1 * steps, "seconds": 1e-3 * steps},
    }
