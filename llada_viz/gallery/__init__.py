"""Traces that are kept: their files, and cards that say what each is. Nothing here imports gradio."""
