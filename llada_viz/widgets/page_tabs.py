"""The tab that is open, as `?tab=…` of the address: it stays through a refresh, and a link may name it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.widgets.live import QUIET

READ = "() => new URL(location.href).searchParams.get('tab') ?? ''"
# Not before the address was read: while the page is built, its first tab is selected too.
WRITE = "() => globalThis.llvKeeping?.has('tab') && window.LladaCanvas.setAddress('tab', {})"
BEGIN = "() => window.LladaCanvas.keeping('tab')"


def keep_tab(page: gr.Blocks, tabs: Any) -> None:
    """Connect it, when all tabs are there. The first one needs no word in the address."""
    options: dict[str, Any] = {"queue": False, **QUIET}
    names = [tab.id for tab in tabs.children]
    for number, tab in enumerate(tabs.children):
        tab.select(None, None, None, js=WRITE.format(f"'{tab.id}'" if number else "null"), **options)
    asked = gr.Textbox("", visible=False)

    def open_tab(name: str) -> Any:
        return gr.Tabs(selected=name) if name in names else gr.skip()

    opened = page.load(open_tab, asked, tabs, js=READ, **options)
    opened.then(None, None, None, js=BEGIN, **options)
