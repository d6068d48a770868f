"""Preferences between two answers (VRPO)."""
