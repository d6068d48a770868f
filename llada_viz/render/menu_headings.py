"""Headings in the page's list of samplers. Gradio's list has none, so a style sheet draws each above the
first sampler of its group."""

from __future__ import annotations

import json

from llada_viz.decoding.sampler_groups import grouped

ABOVE = "#sampler li[aria-label={title}] {{ position: relative; margin-top: 28px; }}"
HEADING = """#sampler li[aria-label={title}]::before {{
  content: {heading}; position: absolute; top: -23px; left: 10px; pointer-events: none;
  font-size: 12px; font-weight: 600; color: var(--body-text-color-subdued); white-space: nowrap;
}}"""


def menu_headings() -> str:
    """The style sheet, as an element of the page's head."""
    rules = [
        rule.format(title=_text(samplers[0].title), heading=_text(heading))
        for heading, samplers in grouped().items()
        for rule in (ABOVE, HEADING)
    ]
    return f"<style>{' '.join(rules)}</style>"


def _text(text: str) -> str:
    """A text in a style sheet, which ends no element around it."""
    return json.dumps(text, ensure_ascii=False).replace("<", "\\3c ")
