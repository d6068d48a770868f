"""Grading: is an answer right? Imports nothing of the other packages."""
