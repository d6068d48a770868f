"""Runs as files for others: one offline page, a table of events. Nothing here imports gradio."""
