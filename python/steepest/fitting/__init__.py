"""How a prepared table is fitted: numbers with their scales beside codes, a path of alphas, one descent.

standardise    columns with mean 0 and standard deviation 1
columns        what a descent walks over: numbers with their scales, and categories as codes
asked          what the caller asks beyond the table: the positive class, weights of classes, what is scored
job            the descents of one fit
alphas         which alphas are tried, and which is chosen on held-out rows
judging        the story of the fit: figures on held-out rows, the path in a sentence, the Python lines
noticing       findings on figures, target, columns and rows
progress       what a watch is given, over all stages
"""
