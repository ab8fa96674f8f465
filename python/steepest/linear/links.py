"""Which loss a loss becomes under another link: what of the mean it is that is linear in the columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest._catalog import registry
from steepest.errors import InputError

__all__ = ["POWERS", "linked"]

#: Under each loss its links, the usual one first, and the loss of the catalogue that each is.
LINKS: dict[str, dict[str, str]] = {
    "squared": {"identity": "squared", "log": "gaussian_log"},
    "gaussian_log": {"log": "gaussian_log"},
    "logistic": {"logit": "logistic", "probit": "probit", "cloglog": "cloglog"},
    "probit": {"probit": "probit"},
    "cloglog": {"cloglog": "cloglog"},
    "poisson": {"log": "poisson"},
    "gamma": {"log": "gamma"},
    "inverse_gaussian": {"log": "inverse_gaussian"},
    "tweedie": {"log": "tweedie"},
    "softmax": {"logit": "softmax"},
    "ordinal": {"logit": "ordinal"},
}
#: Powers of a variance that have a loss of their own.
POWERS = {0.0: "squared", 1.0: "poisson", 2.0: "gamma", 3.0: "inverse_gaussian"}


def linked(loss: Any, settings: Mapping[str, float], link: Any) -> tuple[Any, dict[str, float]]:
    """The loss of the catalogue, and its settings, that a loss with a link is; the loss itself where the link is None.

    Raises
    ------
    InputError
        There is none; the message names the links that there are.
    """
    own = dict(settings)
    known, name = loss, str(loss)
    if loss == "tweedie" and own.get("power") == 0.0:
        # Its variance does not depend on the mean.
        known, name = "squared", "tweedie of power 0"
        own.pop("power")
    if link is None or not isinstance(known, str) or known not in registry("losses"):
        return known, own
    # What is no half deviance predicts its margin, which has no other name.
    links = LINKS.get(known, {})
    if not isinstance(link, str) or link not in links:
        these = " or ".join(f"'{one}'" for one in links) if links else "no link but its own, None"
        raise InputError(f"the loss {name} takes {these}; got link={link!r:.80}")
    return links[link], own
