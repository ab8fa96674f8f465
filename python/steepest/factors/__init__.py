"""Recommenders: who would rate or click what, by factors of users and items.

>>> from steepest.factors import RatingsFactorization
>>> users = ["ann", "ann", "bob", "bob", "cy", "cy", "dee"]
>>> items = ["tea", "rum", "tea", "rum", "tea", "gin", "gin"]
>>> model = RatingsFactorization(rank=1, alpha=0.1).fit(users, items, [5, 1, 4, 1, 5, 2, 1])
>>> bool(model.predict(["dee"], ["tea"])[0] > model.predict(["dee"], ["rum"])[0])
True
"""

from .asking import ColdStart
from .clicks import ClicksFactorization
from .judging import ranking, split_last
from .ratings import RatingsFactorization

__all__ = ["ClicksFactorization", "ColdStart", "RatingsFactorization", "ranking", "split_last"]
