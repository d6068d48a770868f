"""The page in its states, as people see it: `python -m scripts.looks [NAME …]`, in a checkout.

Starts the page with a home of its own and takes pictures of whole pages in headless Chromium: each state of
STATES in each look of LOOKS, as runs/looks/NAME-LOOK.png (or --out). They are to be opened one by one and
held against docs/looks.md. About twelve minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page

from scripts.pictures import compare, evaluate, explain, models, train, visualize
from tests.browser.canvas_page import CanvasPage, press_tab
from tests.browser.conftest import headless, served

LOOKS = {
    "light": (1360, 900, "light"),
    "dark": (1360, 900, "dark"),
    "wide": (1920, 1080, "light"),
    "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}
"""Width, height and theme."""
TOURED = 820
"""Pages that are wider begin with the tour (NARROW in assets/canvas/tour.mjs)."""


def opened(page: Page) -> None:
    """The run that the page opens with, at its end; the tour is skipped, where it is offered."""
    page.wait_for_selector("#canvas [data-part=last]:enabled")
    if page.viewport_size and page.viewport_size["width"] > TOURED:
        page.get_by_role("button", name="Skip").click()
    page.click("#canvas [data-part=last]")


def refused(page: Page) -> None:
    """Settings that do not go together: what is said, and what is offered."""
    tab = CanvasPage(page)
    tab.setting("block_length", 7)
    page.click("#run")
    page.wait_for_selector("#alert [role=alert]")


def card(page: Page) -> None:
    """A cell of a finished run that was asked about, with every panel open."""
    visualize(page)
    closed = page.locator("#canvas .pick button[aria-pressed=false]")
    while closed.count():
        closed.first.click()
    page.get_by_role("button", name="Ask at the shown frame").wait_for()
    page.click("#canvas .c >> nth=3")


def done_before(page: Page, state: str) -> bool:
    """Whether a look before has left a finished job, which the tab shows by itself."""
    page.wait_for_timeout(6000)
    return "Done" in page.inner_text(state)


def evaluated(page: Page) -> None:
    """A finished evaluation of two samplers; the first time it is run."""
    press_tab(page, "Evaluate")
    if not done_before(page, "#evaluate-state"):
        evaluate(page)
    page.locator("#evaluate-pareto .main-svg").first.wait_for(state="attached")


def trained(page: Page) -> None:
    """A finished training; the first time it is run."""
    press_tab(page, "Train")
    if not done_before(page, "#train-state"):
        train(page)
    page.wait_for_selector("#train-curves svg")


def empty(tab: str) -> Callable[[Page], None]:
    """A tab in which nothing was done yet."""

    def look(page: Page) -> None:
        press_tab(page, tab)

    return look


def traces(page: Page) -> None:
    """The gallery with its moving pictures."""
    press_tab(page, "Traces")
    page.wait_for_selector(".trace canvas")


STATES: dict[str, Callable[[Page], None]] = {
    "first": lambda page: page.wait_for_timeout(4000),
    "visualize-opened": opened,
    "visualize-halfway": visualize,
    "visualize-refused": refused,
    "visualize-card": card,
    "compare-empty": empty("Compare"),
    "compare": compare,
    "evaluate-empty": empty("Evaluate"),
    "evaluate": evaluated,
    "train-empty": empty("Train"),
    "train": trained,
    "models": models,
    "traces": traces,
    "explain": explain,
}
WHOLE = ".board * {content-visibility: visible !important} .lz-bottom {position: static !important}"
"""As somebody sees the page who scrolls: what is far down is drawn, and Run lies over nothing."""
MOVING = ("first", "visualize-opened")
"""In these the page opens as it does for somebody who is new: a run plays, and a tour is offered."""


def take(browser: Browser, url: str, name: str, look: str, folder: Path) -> None:
    """One picture, once nothing moves any more."""
    width, height, theme = LOOKS[look]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(60_000)
    still = "" if name in MOVING else "&still=1"
    page.goto(f"{url}/?__theme={theme}{still}")
    page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
    STATES[name](page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    page.screenshot(path=str(folder / f"{name}-{look}.png"), full_page=True, style=WHOLE)
    page.close()
    print(f"{name}, {look}", flush=True)


def main() -> None:
    """Take the pictures of these states, all where none is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(STATES)}")
    parser.add_argument("--out", type=Path, default=Path("runs/looks"))
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in STATES]:
        raise SystemExit(f"name = {unknown[0]!r} is not valid; allowed: {', '.join(STATES)}")
    asked.out.mkdir(parents=True, exist_ok=True)
    with headless() as browser, tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
        for name in asked.names or STATES:
            for look in LOOKS:
                take(browser, url, name, look, asked.out)


if __name__ == "__main__":
    main()
