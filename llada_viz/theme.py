"""The page's colours and type as a Gradio theme."""

from __future__ import annotations

import gradio as gr

from llada_viz.render.colours import COLOURS, MONO, SANS


def theme() -> gr.themes.Base:
    """Light and dark. Our style sheets read these through Gradio's CSS variables."""
    base = gr.themes.Base(
        primary_hue="indigo", neutral_hue="gray", radius_size="md", font=SANS, font_mono=MONO
    )
    colours = {name: light for name, (light, _) in COLOURS.items()}
    colours |= {f"{name}_dark": dark for name, (light, dark) in COLOURS.items() if dark != light}
    return base.set(
        **colours,
        block_border_width="0px",
        block_shadow="none",
        block_padding="0px",
        block_title_text_size="13px",
        block_title_text_weight="600",
        block_info_text_size="12.5px",
        input_border_width="1px",
        input_padding="9px 11px",
        input_text_size="15px",
        button_border_width="1px",
        button_large_text_weight="600",
        button_small_text_weight="400",
    )
