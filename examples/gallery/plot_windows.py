"""
Forecasting by windows
======================

A series cut into windows makes a table: the hours before as columns, the hours ahead as targets, and any model of
tables forecasts. A line and a network, beside what learns nothing: the same hour a week ago.

``python plot_windows.py hour.csv`` does it with the column `cnt` of the bike rentals of Washington (UCI), or any other
file with such a column.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

from steepest import MLPRegressor, Ridge

DAY, WEEK = 24, 168

if len(sys.argv) > 1 and sys.argv[1].endswith((".csv", ".csv.gz")):
    series = np.genfromtxt(sys.argv[1], delimiter=",", names=True)["cnt"]
else:
    # Rentals by the hour: to work and back on weekdays, at noon on weekends, less where it rains, which lasts.
    rng, hours = np.random.default_rng(0), np.arange(17 * WEEK)
    clock, weekend = hours % DAY, hours // DAY % 7 >= 5
    rain = np.zeros(len(hours))
    for t in hours[1:]:
        rain[t] = 0.9 * rain[t - 1] + rng.normal(0, 0.5)
    busy = np.exp(-(((clock - 8) / 1.5) ** 2)) + np.exp(-(((clock - 17.5) / 2) ** 2))
    ride = np.where(weekend, 0.9 * np.exp(-(((clock - 14) / 4) ** 2)), busy)
    series = rng.poisson(10 + 300 * ride / (1 + np.exp(2 * rain))).astype(float)

# %%
# A row an hour: the week before as columns, the day ahead as targets. The last fifth is kept back; rows whose targets
# reach into it are left out of training.

windows = np.lib.stride_tricks.sliding_window_view(series, WEEK + DAY)
X, Y = windows[:, :WEEK], windows[:, WEEK:]
kept = len(X) // 5
train, test = slice(0, len(X) - kept - DAY), slice(len(X) - kept, None)

models = {
    "a line": Ridge(alpha=100.0 * len(X)),
    "a network": MLPRegressor(hidden_layer_sizes=(128,), dropout=0.5, random_state=0, max_iter=40),
}
ahead = {"a week ago": X[test, :DAY]}
ahead |= {name: model.fit(X[train], Y[train]).predict(X[test]) for name, model in models.items()}

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", width_ratios=(2, 1))
row = 3 * DAY
left.plot(np.arange(-2 * DAY, DAY), np.append(X[test][row, -2 * DAY :], Y[test][row]), "k", label="what was")
for name, forecast in ahead.items():
    left.plot(np.arange(DAY), forecast[row], label=name)
    by_hour = np.abs(forecast - Y[test]).mean(0)
    right.plot(np.arange(1, DAY + 1), by_hour, label=name)
    print(f"{name:11} mean absolute error {by_hour.mean():.1f}, of the next hour {by_hour[0]:.1f}")
left.axvline(0, color="0.7")
left.set(xlabel="hours from now", ylabel="rentals")
left.legend(fontsize=8)
right.set(xlabel="hours ahead", ylabel="mean absolute error", ylim=(0, None))
