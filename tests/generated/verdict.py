"""What a judgement says, and the alarm that ends what does not end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: Seconds of the processor's work after which a tiny problem is called slow.
SECONDS = 5.0

#: What nothing excuses.
FAULTS = (
    "false success", "bound below", "bad bound", "loose claim", "wrong value", "crash", "slow",
    "false separable", "false unbounded", "false gradient_inconsistent", "false diverged", "false infeasible",
    "not reached", "outside", "costly",
)  # fmt: skip


@dataclass
class Verdict:
    """`kind` is empty where all is as promised."""

    kind: str
    text: str = ""
    #: our calls by SciPy's, where both end well
    ratio: float | None = None

    @property
    def fault(self) -> bool:
        return self.kind in FAULTS


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """TimeoutError after so many seconds of the processor's work (the clock of others' work does not count)."""

    def ring(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # one that is still under way must not end the process, as the default would
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
