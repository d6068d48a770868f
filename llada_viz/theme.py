"""The page's colours and type as a Gradio theme: system fonts only, so nothing is fetched."""

from __future__ import annotations

import gradio as gr

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def theme() -> gr.themes.Base:
    """Light and dark. Our style sheets read these through Gradio's CSS variables."""
    base = gr.themes.Base(
        primary_hue="indigo", neutral_hue="gray", radius_size="md", font=SANS, font_mono=MONO
    )
    return base.set(
        body_background_fill="#f7f7f8", body_background_fill_dark="#0d1017",
        body_text_color="#1b1d22", body_text_color_dark="#e7e9ee",
        body_text_color_subdued="#5d6472", body_text_color_subdued_dark="#9aa3b2",
        background_fill_primary="#ffffff", background_fill_primary_dark="#151a23",
        background_fill_secondary="#f0f1f4", background_fill_secondary_dark="#1c222e",
        border_color_primary="#e3e5ea", border_color_primary_dark="#2a3140",
        border_color_accent="#4f46e5", border_color_accent_dark="#8b8bf5",
        color_accent="#4f46e5",
        block_background_fill="#ffffff", block_background_fill_dark="#151a23",
        block_border_width="0px", block_shadow="none", block_padding="0px",
        block_label_text_color="#1b1d22", block_label_text_color_dark="#e7e9ee",
        block_title_text_color="#1b1d22", block_title_text_color_dark="#e7e9ee",
        block_title_text_size="13px", block_title_text_weight="600",
        block_info_text_color="#5d6472", block_info_text_color_dark="#9aa3b2",
        block_info_text_size="12.5px",
        input_background_fill="#ffffff", input_background_fill_dark="#151a23",
        input_border_color="#8d93a1", input_border_color_dark="#5b6579",
        input_border_color_focus="#4f46e5", input_border_color_focus_dark="#8b8bf5",
        input_placeholder_color="#5d6472", input_placeholder_color_dark="#9aa3b2",
        input_border_width="1px", input_padding="9px 11px", input_text_size="15px",
        button_primary_background_fill="#4f46e5", button_primary_background_fill_dark="#8b8bf5",
        button_primary_background_fill_hover="#4338ca",
        button_primary_background_fill_hover_dark="#a5a4f8",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#0d1017",
        button_secondary_background_fill="#ffffff", button_secondary_background_fill_dark="#151a23",
        button_secondary_background_fill_hover="#f0f1f4",
        button_secondary_background_fill_hover_dark="#1c222e",
        button_secondary_border_color="#8d93a1", button_secondary_border_color_dark="#5b6579",
        button_secondary_text_color="#1b1d22", button_secondary_text_color_dark="#e7e9ee",
        button_border_width="1px", button_large_text_weight="600", button_small_text_weight="400",
    )  # fmt: skip
