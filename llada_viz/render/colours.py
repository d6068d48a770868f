"""The page's colours, light and dark, by the names of Gradio's theme, whose CSS variables our style sheets
read; and its type: system fonts only, so nothing is fetched."""

from __future__ import annotations

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")
COLOURS: dict[str, tuple[str, str]] = {
    "body_background_fill": ("#f7f7f8", "#0d1017"),
    "body_text_color": ("#1b1d22", "#e7e9ee"),
    "body_text_color_subdued": ("#5d6472", "#9aa3b2"),
    "background_fill_primary": ("#ffffff", "#151a23"),
    "background_fill_secondary": ("#f0f1f4", "#1c222e"),
    "border_color_primary": ("#e3e5ea", "#2a3140"),
    "border_color_accent": ("#4f46e5", "#8b8bf5"),
    "color_accent": ("#4f46e5", "#4f46e5"),
    "block_background_fill": ("#ffffff", "#151a23"),
    "block_label_text_color": ("#1b1d22", "#e7e9ee"),
    "block_title_text_color": ("#1b1d22", "#e7e9ee"),
    "block_info_text_color": ("#5d6472", "#9aa3b2"),
    "input_background_fill": ("#ffffff", "#151a23"),
    "input_border_color": ("#8d93a1", "#5b6579"),
    "input_border_color_focus": ("#4f46e5", "#8b8bf5"),
    "input_placeholder_color": ("#5d6472", "#9aa3b2"),
    "button_primary_background_fill": ("#4f46e5", "#8b8bf5"),
    "button_primary_background_fill_hover": ("#4338ca", "#a5a4f8"),
    "button_primary_text_color": ("#ffffff", "#0d1017"),
    "button_secondary_background_fill": ("#ffffff", "#151a23"),
    "button_secondary_background_fill_hover": ("#f0f1f4", "#1c222e"),
    "button_secondary_border_color": ("#8d93a1", "#5b6579"),
    "button_secondary_text_color": ("#1b1d22", "#e7e9ee"),
}
"""Name -> (light, dark)."""


def variables(dark: bool) -> str:
    """The colours and fonts as CSS variables of one theme, for a page without Gradio."""
    values = {name.replace("_", "-"): both[dark] for name, both in COLOURS.items()}
    values |= {"font": ", ".join(map(_quoted, SANS)), "font-mono": ", ".join(map(_quoted, MONO))}
    values["input-radius"] = "6px"
    return " ".join(f"--{name}: {value};" for name, value in values.items())


def _quoted(font: str) -> str:
    return f"'{font}'" if " " in font else font
