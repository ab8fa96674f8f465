"""The suite tries the same inputs each time it runs; `pytest --hypothesis-profile=explore` looks for new ones."""

import os

# Beside other processes of the suite, threads of BLAS and torch that wait for work take their cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal

from hypothesis import HealthCheck, settings

from steepest.fit import fit

settings.register_profile("same", derandomize=True, deadline=None, max_examples=50)
settings.register_profile(
    "explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

# Gradient boosting beside each model takes longer than the model: tests of the reference ask for it.
fit.__kwdefaults__["reference"] = False

# A shell hides Ctrl-C from what it runs in the background, and tests that send it would wait for good.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
