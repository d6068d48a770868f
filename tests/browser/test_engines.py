"""transformers' own generate drives our canvas: the tiny DiffusionGemma, live in a browser."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.runs import Run, Runs
from samplers.engines.recorder import follow
from samplers.engines.streamer import EventStreamer
from samplers.events import Event, Unmasked
from tests.browser.canvas_page import CanvasPage
from tests.browser.conftest import AS_IT_COMES
from tests.samplers.engines.tiny_gemma import CASES, TORCH_WARNS, VOCABULARY, generate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.render import canvas_files
    from llada_viz.theme import theme
    from llada_viz.widgets.canvas import TokenCanvas, message

PANDAS_WARNS = "ignore:.future.no_silent_downcasting. is deprecated"  # gradio, of its own queue
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings(TORCH_WARNS, PANDAS_WARNS)]
CASE = CASES["dgemma_01"]  # two canvases, 8 passes each
PIECES = [f"w{i}".encode() for i in range(VOCABULARY)]
PAINTED = "() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))"
HELD = 11  # the pass behind which the model waits until it was looked at


class Served:
    """A page of one button and our canvas; the model behind it waits at a pass until it is let on."""

    def __init__(self) -> None:
        self.runs, self.on, self.arrived = Runs(), threading.Event(), threading.Event()
        self.streamer = EventStreamer(pieces=PIECES, model="tiny DiffusionGemma")
        self.streamer.recorder.listen(self.wait)
        with gr.Blocks(analytics_enabled=False) as self.page:
            with gr.Column(elem_classes="lz-out"):
                start = gr.Button("Generate", elem_id="go")
                canvas = TokenCanvas(self.runs, elem_id="canvas")
            start.click(self.decode, None, canvas, postprocess=False, show_progress="hidden")

    def wait(self, event: Event) -> None:
        if isinstance(event, Unmasked) and event.forwards == HELD:  # its draft is on its way to the page
            self.arrived.set()
            assert self.on.wait(120)

    def decode(self) -> Iterator[Any]:
        work = follow(self.streamer.recorder, lambda: generate(CASE, self.streamer))
        self.run = self.runs._add(Run(PIECES, "tiny DiffusionGemma", work))
        while frames := self.run.advance(0):
            yield message(self.run, frames)


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    _, url, _ = made.page.launch(
        prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", share=False, ssr_mode=False,
        theme=theme(), css_paths=list(canvas_files.STYLES), head=canvas_files.head(), footer_links=[],
    )  # fmt: skip
    made.url = url  # type: ignore[attr-defined]
    yield made
    made.on.set()
    made.page.close()


def words(tokens: list[int]) -> list[str]:
    return [f"w{token}" for token in tokens]


def test_generate_drives_our_canvas_live(served: Any, browser: Any, shots: Path) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(AS_IT_COMES)
    wrong: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{served.url}?__theme=light&still=1")
    page.wait_for_selector("#canvas .lz")
    page.click("#go")
    canvas = CanvasPage(page)
    assert served.arrived.wait(120)
    drafts, first = CASE["drafts"], CASE["confirmed"][1][0]
    canvas.wait(f"line?.frames.at(-1)?.nfe === {HELD}")
    page.wait_for_timeout(300)
    assert canvas.cells() == words(first) + words(drafts[HELD - 1][0]), "live, while the model waits"
    assert not served.run.ended
    noise = page.locator("#canvas .board .c.ns")
    assert noise.count() == page.locator("#canvas .board .c.gh").count() == 12
    canvas.shot(shots, "engines-live-light")
    page.evaluate("document.body.classList.add('dark')")
    canvas.shot(shots, "engines-live-dark")
    page.set_viewport_size({"width": 390, "height": 800})
    canvas.shot(shots, "engines-live-dark-390")
    served.on.set()
    canvas.wait("line.ended")
    assert canvas.cells() == words(CASE["output"][0][len(CASE["prompt"][0]) :]) and noise.count() == 0
    seen = []
    for seq, frame in enumerate(served.run.frames):
        if frame["kind"] == "predict":
            page.locator("#canvas [data-part=range]").fill(str(seq))
            canvas.wait(f"canvas.player.index === {seq}")
            page.evaluate(PAINTED)
            seen.append(canvas.cells()[-12:])
    assert seen == [words(draft[0]) for draft in drafts]
    context.close()
    assert not wrong
