"""Samplers on a set: plans, resumable runs, summaries, reports."""
