"""How a prepared table is fitted: standardised numbers beside codes, a path of alphas, one descent.

standardise    columns with mean 0 and standard deviation 1
columns        what a descent walks over: standardised numbers, and categories as codes
job            the descents of one fit
alphas         which alphas are tried, and which is chosen on held-out rows
progress       what a watch is told, over all stages
"""
