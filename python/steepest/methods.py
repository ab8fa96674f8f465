"""Methods: how to take one step.

Written by tools/gen.py from the core's registry; not by hand.

>>> from steepest import methods
>>> methods.Ruled(batch_size=1.0).name
'ruled'
"""

# ruff: noqa: RUF002
from dataclasses import dataclass
from typing import ClassVar

from steepest._catalog import Settings

__all__ = ["Lbfgs", "Ruled"]


@dataclass(frozen=True)
class Lbfgs(Settings):
    """L-BFGS: quasi-Newton steps from the last `memory` changes of the gradient, along the projected path
    where there are bounds; a line search by approximate Wolfe conditions.

    d = −H g, x ← P(x + a d). Convergence is claimed only where the projected gradient, the decrease that
    the next step predicts and the decrease over the last ten steps are all small.

    Nocedal 1980; Liu and Nocedal 1989; Hager and Zhang 2005; Bertsekas 1982.

    Parameters
    ----------
    memory : float, default 30.0
        Pairs of steps and changes of the gradient that are remembered. Allowed: between 1 and 1000.
    gtol : float, default -1.0
        SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's
        own. Allowed: at least -1.
    ftol : float, default -1.0
        SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the
        method's own. Allowed: at least -1.
    verify : float, default 1.0
        1 to look at both sides of the point before convergence is claimed (two evaluations), 0 not to.
        Allowed: between 0 and 1.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "lbfgs"
    memory: float = 30.0
    gtol: float = -1.0
    ftol: float = -1.0
    verify: float = 1.0


@dataclass(frozen=True)
class Ruled(Settings):
    """A rule applied to the gradient of all terms, of batches or of single ones (stochastic gradient
    descent). Under its own name it takes momo_adam; the name of any rule is this method with that rule.
    With no rate given it finds its own.

    Parameters
    ----------
    rate : float, default 0.0
        The rate (the learning rate); 0: it finds its own. Allowed: at least 0.
    batch_size : float, default 0.0
        Terms a step looks at: 1 is stochastic, more is mini-batch, 0 is all of them. Allowed: between 0 and
        4294967295.
    epochs : float, default 20.0
        Rounds through all terms, where there are batches. Allowed: between 1 and 4294967295.
    seed : float, default 0.0
        Of the order in which batches are drawn. Allowed: between 0 and 9.00719925474e+15.
    """

    registry: ClassVar[str] = "methods"
    name: ClassVar[str] = "ruled"
    rate: float = 0.0
    batch_size: float = 0.0
    epochs: float = 20.0
    seed: float = 0.0
