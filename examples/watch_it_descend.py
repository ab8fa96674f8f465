"""A descent that you drive: look at each step, change the rate, stop, go on; then the path as a picture.

python examples/watch_it_descend.py [PICTURE]
"""

import sys

import steepest

valley = steepest.problems.rosenbrock
descent = steepest.descend(valley, rate=5e-4, options={"maxiter": 20_000})

for step in descent:
    if step.iteration % 1000 == 0:
        print(
            f"step {step.iteration:>5}  loss {step.loss:.3e}  rate {descent.rate:.1e}  at {step.x.round(3)}"
        )
    if step.iteration == 3000:
        print("             half the way along the valley, and slow: a larger rate")
        descent.rate = 1.5e-3
    if step.loss < 1e-3:
        descent.stop()

result = descent.result()
print(f"\nstopped after {result.nit} steps at {result.x.round(3)}; the minimum is at {valley.minima[0]}")

alone = steepest.minimize(valley, valley.x0, method="gradient_descent", path=True)
print(f"with no rate given it takes {alone.nit} steps to {alone.fun:.1e}")

if len(sys.argv) > 1:
    from steepest.report.plots import plot_descent

    plot_descent(valley, {"by hand": result, "nothing set": alone}, file=sys.argv[1])
    print(f"picture: {sys.argv[1]}")
