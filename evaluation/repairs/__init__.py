"""Repairs: runs in which plain decoding errs and a method, from the same seed and set-up, sees it and
mends it."""
