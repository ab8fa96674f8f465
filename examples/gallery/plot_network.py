"""
A network by hand, and every rule on it
=======================================

Two spirals told apart by a network of two hidden layers: written out in NumPy, forwards and back; the same steps by
`MLPClassifier`; and what each rule of the catalogue makes of the same net in as many steps.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

import steepest
from steepest import MLPClassifier

rng = np.random.default_rng(0)
turn = np.repeat(np.sqrt(rng.random(150)) * 2.2 * np.pi, 2)
y = np.tile([0.0, 1.0], 150)
X = (turn * np.array([np.cos(turn + np.pi * y), np.sin(turn + np.pi * y)])).T / 4 + rng.normal(
    0, 0.05, (300, 2)
)


def margins(net, X):
    """Above 0 where the network says 1; the hidden layers' outputs beside it."""
    first = np.tanh(X @ net["W1"] + net["b1"])
    second = np.tanh(first @ net["W2"] + net["b2"])
    return second @ net["W3"] + net["b3"], first, second


def loss(net):
    """The mean logistic loss and its slopes: each layer hands back what it owes to the one before."""
    m, first, second = margins(net, X)
    out = (expit(m) - y[:, None]) / len(y)
    back2 = out @ net["W3"].T * (1 - second**2)
    back1 = back2 @ net["W2"].T * (1 - first**2)
    slopes = {"W1": X.T @ back1, "W2": first.T @ back2, "W3": second.T @ out}
    slopes |= {"b1": back1.sum(0), "b2": back2.sum(0), "b3": out.sum(0)}
    return np.mean(np.logaddexp(0, m[:, 0]) - y * m[:, 0]), slopes


# %%
# Gradient descent by hand and by `MLPClassifier` told to do just that, from the same weights: the same to the last
# digits.

ours = MLPClassifier(
    (20, 20), "tanh", solver="sgd", momentum=0, batch_size=300, learning_rate_init=0.1, alpha=0
)
ours.set_params(random_state=0, shuffle=False).partial_fit(X, y, classes=[0, 1])
names = ("W1", "W2", "W3", "b1", "b2", "b3")
start = dict(zip(names, [w.copy() for w in (*ours.coefs_, *ours.intercepts_)], strict=True))
net = start
for _ in range(100):
    ours.partial_fit(X, y)
    slopes = loss(net)[1]
    net = {name: net[name] - 0.1 * slopes[name] for name in net}
apart = max(np.abs(net[n] - w).max() for n, w in zip(names, (*ours.coefs_, *ours.intercepts_), strict=True))
print(f"after 100 steps loss {loss(net)[0]:.3f} by hand; the weights are {apart:.0e} apart")

# %%
# What 100 steps of each rule over all points make of it, at the best of three rates; those whose rate is 1 find their
# step by themselves and have that one. Beside them a method that needs no rate, and `MLPClassifier` untouched.


def run(method, rate=None):
    options = {"maxiter": 100} | ({} if rate is None else {"rate": rate})
    return steepest.minimize(loss, start, jac=True, method=method, options=options)


paces = ["sgd", "momentum", "nesterov", "rprop", "adagrad", "rmsprop", "adam", "nadam", "amsgrad"]
paces += ["adabelief", "lion", "muon", "lamb", "schedule_free_adamw"]
alone = ["adadelta", "cocob", "dog", "d_adaptation", "prodigy", "polyak", "momo"]
found = {name: min((run(name, 10.0**-k) for k in range(3)), key=lambda r: r.fun) for name in paces}
found |= {name: run(name, 1.0) for name in alone} | {
    "momo_adam": run("momo_adam", 0.1),
    "lbfgs": run("lbfgs"),
}
best = MLPClassifier((20, 20), "tanh", random_state=0).fit(X, y)

at = np.linspace(-2, 2, 80)
grid = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
fig, axes = plt.subplots(4, 6, figsize=(12, 8.6), layout="constrained")
for ax, (name, result) in zip(axes.flat, [*found.items(), ("MLPClassifier", None)], strict=True):
    sure = best.predict_proba(grid)[:, 1] if result is None else 1 / (1 + np.exp(-margins(result.x, grid)[0]))
    value = best.loss_ if result is None else result.fun
    ax.contourf(at, at, sure.reshape(80, 80), np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.8)
    ax.scatter(*X.T, c=y, cmap="RdBu_r", s=3, edgecolors="k", linewidths=0.1)
    rate = "" if result is None or name == "lbfgs" else f", rate {result.history['rate'][-1]:g}"
    ax.set_title(f"{name}{rate}\nloss {value:.3f}", fontsize=8)
    ax.set(xticks=[], yticks=[])
    print(f"{name:20} {value:.4f}{rate}")
