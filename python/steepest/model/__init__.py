"""The model: what a fit over a table returns.

model      Model: predict, score, save, load, report
weights    coefficients and margins, the same bits for a row whatever stands beside it
network    a network's layers and margins, in their place
operating  what a threshold does: precision, recall, cost
records    a list of dicts that prints as a table and goes into a CSV file
story      the plain dict that the report is made from
summary    the same on one screen of a terminal
"""

from steepest.model.model import Model

__all__ = ["Model"]
