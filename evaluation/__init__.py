"""Evaluation: sets of problems, runs of samplers over them, grading, likelihoods and reports."""
