"""scikit-learn's callbacks (from 1.9 on): who looks on at each iteration of a fit, with the model as it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9 there are none

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[no-redef]
        """The method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "Onlookers", "with_callbacks"]


class Onlookers:
    """Tells an estimator's callbacks of the fit and of each iteration.

    A task is begun before each iteration and ended after it; the one begun after the last ends empty.

    Parameters
    ----------
    model : estimator
    parts : callable
        Coefficients and intercepts of a point of the descent.
    X, y, weight
        What is fitted.
    """

    def __init__(
        self, model: Any, parts: Callable[[Any], tuple[Any, Any]], X: Any, y: Any, weight: Any, most: Any
    ) -> None:
        self.model, self.parts = model, parts
        self.given = {"X": X, "y": y, "metadata": None if weight is None else {"sample_weight": weight}}
        self.fit: Any = None
        self.step: Any = None
        self.passed = False
        if hasattr(model, "_skl_callbacks") or hasattr(model, "_parent_callback_ctx"):
            # The one iteration that begins in any case, and the empty task.
            self.fit = model._init_callback_context(max_subtasks=None if most is None else max(most, 1) + 1)
            self.fit.call_on_fit_task_begin(estimator=model, **self.given)

    def _begin(self, x: Any) -> None:
        coef, intercept = self.parts(x)
        self.step = self.fit.subcontext(task_name="iter")
        self.step.call_on_fit_task_begin(
            estimator=self.model,
            reconstruction_attributes={"coef_": coef, "intercept_": intercept},
            **self.given,
        )

    def start(self, variables: int) -> Callable[[Any], bool | None] | None:
        """What the core calls after each iteration; None where nobody looks on."""
        if self.fit is None:
            return None
        self._begin(np.zeros(variables))
        return self._passed

    def _passed(self, progress: Any) -> bool | None:
        if progress.iteration == 0 or self.step is None:
            return None
        self.passed = True
        coef, intercept = self.parts(progress.x)
        stop = self.step.call_on_fit_task_end(
            estimator=self.model,
            reconstruction_attributes={"coef_": coef, "intercept_": intercept},
            **self.given,
        )
        self._begin(progress.x)
        return bool(stop)

    def end(self) -> None:
        """The empty task and the fit are over."""
        if self.fit is None:
            return
        if self.step is not None:
            self.step.call_on_fit_task_end(estimator=self.model)
            if not self.passed:
                self.fit.subcontext(task_name="iter").call_on_fit_task_begin(
                    estimator=self.model
                ).call_on_fit_task_end(estimator=self.model)
        self.fit.call_on_fit_task_end(estimator=self.model, **self.given)
