"""The header's name and buttons: light or dark, and help. The page's script acts on them (help.mjs)."""

from __future__ import annotations

from html import escape

import gradio as gr

THEME = """<button type="button" data-do="theme" aria-pressed="false" aria-label="Dark theme"
title="Light or dark"><svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.2"></circle>
<path d="M8 1.8a6.2 6.2 0 010 12.4z"></path></svg></button>"""
OFFERS = (
    ("tour", "Show me around"),
    ("opening", "Watch the recorded run again"),
    ("keys", "Keyboard shortcuts"),
)


def name(title: str) -> None:
    """The page's name, its only heading of the first level."""
    gr.HTML(f"<h1>{escape(title)}</h1>", apply_default_css=False)


def tools() -> None:
    """The buttons on the right."""
    button = '<button type="button" data-do="{}">{}</button>'
    offers = "".join(button.format(what, escape(text)) for what, text in OFFERS)
    gr.HTML(
        f'<div class="lz-tools">{THEME}<button type="button" id="help" data-do="help" aria-expanded="false" '
        f'aria-controls="help-menu">Help</button><div id="help-menu" hidden>{offers}</div></div>',
        elem_classes="lz-tools-box", apply_default_css=False,
    )  # fmt: skip
