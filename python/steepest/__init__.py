"""Gradient descent, finished."""
