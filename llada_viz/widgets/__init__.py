"""Parts that several tabs are made of."""

from __future__ import annotations

from gradio import component_meta

# Beside the file of every component gradio writes a copy with typed events (.pyi). mypy would read that
# instead of the file, also when it is old, and an installed package is no place to write to.
component_meta.create_or_modify_pyi = lambda component_class, class_name, events: None
