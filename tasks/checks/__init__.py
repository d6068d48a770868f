"""Checks of worked answers: finished lines, unfinished ones, and the true answer of a problem."""
