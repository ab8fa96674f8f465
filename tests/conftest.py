"""The suite tries the same inputs each time it runs; `pytest --hypothesis-profile=explore` looks for new ones."""

import os

# Beside other processes of the suite, threads of BLAS and torch that wait for work take their cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import copy
import signal

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from steepest.fit import fit

settings.register_profile("same", derandomize=True, deadline=None, max_examples=50)
settings.register_profile(
    "explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

# Hypothesis tries numbers that stand in the modules that happen to be loaded, and no setting keeps it from that: a
# change of any file, and whatever ran before in the process, would make other inputs.
if hasattr(providers, "_get_local_constants"):
    numbers_of_modules, no_numbers = providers._get_local_constants, copy.deepcopy(providers._local_constants)
    providers._get_local_constants = lambda: (
        no_numbers if settings.default.derandomize else numbers_of_modules()
    )

# Gradient boosting beside each model takes longer than the model: tests of the reference ask for it.
fit.__kwdefaults__["reference"] = False

# A shell hides Ctrl-C from what it runs in the background, and tests that send it would wait for good.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
