"""Rows of files, hub sets and bundled tasks as training examples."""
