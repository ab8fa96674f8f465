"""The loop that trains a network with no learning rate, as every host has it.

A host's `fit` brings what computes (a `Steps`: gradients, Adam's direction, weights, random numbers), rows in its own
arrays (`Rows`) and a loss; budget, length of a step, reviews, best weights and findings are here.
"""
