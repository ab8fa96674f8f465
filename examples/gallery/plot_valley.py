"""
Down Rosenbrock's valley
========================

A curved valley, flat along its floor: the function that every method is tried on. Plain gradient steps
zigzag, momentum rolls along, quasi-Newton and Newton bend with it.
"""

import steepest

race = steepest.compare(
    steepest.problems.rosenbrock,
    ["gradient_descent", "adam", "lbfgs", "newton"],
    options={"maxiter": 3000},
)
print(race)

# %%
# The paths over the function's contours, and what each had come down to after as many steps.

race.plot()
