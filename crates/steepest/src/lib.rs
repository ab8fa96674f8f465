//! Gradient descent, finished.
