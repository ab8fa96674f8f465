"""
A forecast, and when not to believe one
=======================================

`steepest.forecast` takes a table with a column of times and judges its model beside forecasts that learn nothing: the
last value, the value a season before, a straight line. What is drawn are the levels ahead, the errors in the past
by steps ahead, and what the model looks at.
"""

import numpy as np
from matplotlib import cbook

import steepest

# %%
# Visits by the hour, more by day than by night, fewer on weekends, and more where it is warm; tomorrow's temperature is
# forecast by others, so it is known ahead.

rng = np.random.default_rng(0)
hours = np.arange(np.datetime64("2024-03-04T00"), np.datetime64("2024-05-27T00"))
count = len(hours)
clock, weekend = np.arange(count) % 24, np.arange(count) // 24 % 7 >= 5
warm = np.zeros(count)
for t in range(1, count):
    warm[t] = 0.95 * warm[t - 1] + rng.normal(0, 0.4)
day = np.exp(-(((clock - 13) / 5) ** 2))
visits = rng.poisson(5 + (90 - 45 * weekend) * day * np.exp(0.15 * warm)).astype(float)
visits[-24:] = np.nan

table = {"hour": hours, "visits": visits, "temperature": warm}
found = steepest.forecast(table, "visits", time="hour", horizon=24, known=["temperature"])
found.plot()
print(found)

# %%
# The price of a share, by work days: what is known of it is its last value, and that is the answer. A finding says so.

prices = cbook.get_sample_data("goog.npz")["price_data"]
table = {"date": prices["date"][-500:], "price": prices["adj_close"][-500:]}
found = steepest.forecast(table, "price", time="date", horizon=10)
found.plot()
print(found)
