"""How a prepared table is fitted: standardised columns, one descent, a path of alphas.

standardise    columns with mean 0 and standard deviation 1, and coefficients back in the columns' own units
descent        the one call that crosses into the core
alphas         which alphas are tried, and which is chosen on held-out rows
progress       what a watch is told, over all stages
"""
