"""The model: what a fit over a table returns.

model      Model: predict, score, save, load, report
weights    coefficients, margins and probabilities, the same bits for a row whatever stands beside it
metrics    figures on held-out rows, each beside a baseline
story      the plain dict that the report is made from
summary    the same in a terminal's words
"""

from steepest.model.model import Model

__all__ = ["Model"]
