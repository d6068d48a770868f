"""The README's pictures, from the page as it is: `python -m scripts.pictures [NAME …]`, in a checkout.

Starts the page with a home of its own, decodes fixed examples with fixed seeds in headless Chromium
($CHROMIUM, or chromium on PATH) and writes assets/pictures/NAME.png, and as opening.gif the run that the page
opens with. Only clocks and speeds differ from one time to the next. About three minutes on two cores; a
training takes most.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from llada_viz.decoding.bundled import Bundled
from llada_viz.export.writing import Wanted, write
from llada_viz.gallery.opening import opening_run
from tests.browser.canvas_page import CanvasPage, press_tab
from tests.browser.conftest import ROOT, headless, served

FOLDER = ROOT / "assets" / "pictures"
WIDTH = 1360
MOST_BYTES = 250_000
OPENING, PACE, SCALE = "opening", 6, 1.0  # its name, pictures a second, size
PATIENCE = 600_000  # ms; a training shares its cores with the browser


def visualize(page: Page) -> None:
    """A problem that is hard for the model, half filled in: it is sure of some cells only."""
    tab = CanvasPage(page)
    tab.example("Countdown")
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('numbers')")
    tab.run()
    tab.wait("line?.ended", 120)
    page.click("#canvas [data-part=first]")
    page.locator("#canvas [data-part=range]").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    tab.wait("canvas.painted.index === 20")
    page.evaluate("document.activeElement.blur()")


def compare(page: Page) -> None:
    """Three samplers that do not write the same; the first needs the most steps, the second errs."""
    press_tab(page, "Compare")
    page.click("#compare-lanes .add")
    page.select_option("#compare-lanes [data-lane='3'] select.sampler", "wino")
    page.click("#compare-run")
    canvas = "document.querySelector('#compare-canvas .lz').parentElement.compare"
    page.wait_for_function(f"{canvas}?.player.ended && {canvas}.lanes.at(-1).verdict", timeout=PATIENCE)


def evaluate(page: Page) -> None:
    """Two samplers on word problems, with what the difference means."""
    press_tab(page, "Evaluate")
    page.click("#evaluate-set input")
    page.get_by_role("option", name="word (bundled problems)").click()
    page.wait_for_function("document.querySelector('#evaluate-gen_length input').value === '64'")
    page.fill("#evaluate-limit input", "48")
    page.click("#evaluate-run")
    until(page, "#evaluate-state", "Done")
    page.wait_for_selector("#evaluate-pareto .main-svg")


def train(page: Page) -> None:
    """The first training that is offered, when it is done."""
    press_tab(page, "Train")
    until(page, "#train-time", "About")
    page.click("#train-run")
    until(page, "#train-state", "Done")
    page.wait_for_selector("#train-curves svg")


def models(page: Page) -> None:
    """A model that is not loaded, and what it would take."""
    press_tab(page, "Models")
    page.click("#models-model input")
    page.get_by_role("option").filter(has_text="LLaDA 8B Instruct · ").first.click()
    until(page, "#models-memory", "GB")


def explain(page: Page) -> None:
    """The first experiment, when it is done."""
    press_tab(page, "Explain")
    page.click("#explain-run")
    canvas = "document.querySelector('#explain-canvas .lz').parentElement.compare"
    page.wait_for_function(f"{canvas}?.player.ended && {canvas}.lanes.at(-1)?.verdict", timeout=PATIENCE)


# name -> (what is done, the height of the window)
PICTURES: dict[str, tuple[Callable[[Page], None], int]] = {
    "visualize": (visualize, 900),
    "compare": (compare, 960),
    "evaluate": (evaluate, 1560),
    "train": (train, 1360),
    "models": (models, 900),
    "explain": (explain, 1500),
}


def until(page: Page, where: str, text: str) -> None:
    """Wait until a place of the page says something."""
    page.wait_for_function(
        "([where, text]) => document.querySelector(where).textContent.includes(text)",
        arg=[where, text], timeout=PATIENCE,
    )  # fmt: skip


def small(picture: bytes) -> bytes:
    """The same PNG without its alpha channel, packed as small as it goes."""
    packed = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(packed, "PNG", optimize=True)
    return packed.getvalue()


def opening() -> None:
    """The run that the page opens with, moving."""
    run = opening_run(Bundled().golds)
    if run is None:
        raise SystemExit("There is no assets/traces/opening.jsonl.")
    write(FOLDER / "opening.gif", Wanted("gif", pace=PACE, scale=SCALE), [run])
    print(f"opening.gif: {(FOLDER / 'opening.gif').stat().st_size:,} bytes", flush=True)


def main(names: list[str]) -> None:
    """Make the pictures of these names, all where none is given."""
    if unknown := sorted(set(names) - {*PICTURES, OPENING}):
        raise SystemExit(f"name = {unknown[0]!r} is not valid; allowed: {', '.join((*PICTURES, OPENING))}")
    if not names or OPENING in names:
        opening()
    if names == [OPENING]:
        return
    with headless() as browser, tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
        for name in [name for name in PICTURES if not names or name in names]:
            make, height = PICTURES[name]
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.goto(f"{url}/?__theme=light&still=1")
            page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
            make(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(1500)  # until nothing moves any more
            picture = small(page.screenshot())
            if len(picture) > MOST_BYTES:
                raise SystemExit(f"{name}.png has {len(picture):,} bytes; allowed: {MOST_BYTES:,}.")
            (FOLDER / f"{name}.png").write_bytes(picture)
            print(f"{name}.png: {len(picture):,} bytes", flush=True)
            page.close()


if __name__ == "__main__":
    main(sys.argv[1:])
