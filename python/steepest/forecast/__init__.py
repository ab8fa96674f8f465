"""Forecasts of series in a table, by linear models that are judged beside what learns nothing.

>>> import numpy as np
>>> from steepest.forecast import forecast
>>> table = {"week": np.arange(80), "sales": np.tile([3.0, 9.0, 4.0, 6.0], 20) + np.arange(80)}
>>> found = forecast(table, "sales", time="week", horizon=2)
>>> found.methods
{'sales': 'model'}

Who uses whom: grid <- series <- features <- model <- judging <- answer, which is what a user calls; observed says what
lies behind gaps, choosing whose forecast a series has, by the figures of the backtest; pictures draw the answer.
"""

from .answer import Forecast, forecast
from .judging import Backtest

__all__ = ["Backtest", "Forecast", "forecast"]
