"""Pretraining on packed text."""
