"""SciPy code that runs unchanged after one import line: bounds, a callback, a gradient returned with the value.

python examples/minimize_scipy_code.py
"""

import numpy as np

from steepest import minimize  # was: from scipy.optimize import minimize


def model(p, t):
    """A decaying oscillation: amplitude, decay, frequency."""
    return p[0] * np.exp(-p[1] * t) * np.cos(p[2] * t)


t = np.linspace(0, 10, 200)
seen = model([2.0, 0.3, 2.5], t) + 0.05 * np.random.default_rng(0).standard_normal(t.size)


def misfit(p):
    """Half the summed squared error, and its gradient."""
    decay, wave, swing = np.exp(-p[1] * t), np.cos(p[2] * t), np.sin(p[2] * t)
    error = p[0] * decay * wave - seen
    slopes = np.stack([decay * wave, -t * p[0] * decay * wave, -t * p[0] * decay * swing])
    return 0.5 * error @ error, slopes @ error


steps = []
result = minimize(
    misfit,
    [1.0, 0.1, 2.2],
    jac=True,
    bounds=[(0, 10), (0, 5), (0, 10)],
    callback=lambda intermediate_result: steps.append(intermediate_result.fun),
)
print(result)
print(f"\nthe callback saw {len(steps)} steps, from {steps[0]:.3f} to {steps[-1]:.3f}")
print(
    f"amplitude {result.x[0]:.2f}, decay {result.x[1]:.2f}, frequency {result.x[2]:.2f} (true: 2, 0.3, 2.5)"
)
