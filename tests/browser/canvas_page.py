"""What a person does with the page, and what they see, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, TimeoutError

from llada_viz.decoding.bundled import EXAMPLES, FOLDER, prompt_and_answer, prompts_of

PROMPTS = {label: prompt_and_answer(prompts_of(FOLDER), task, seed)[0] for task, label, seed in EXAMPLES}
# Notes what is on the screen at every animation frame, and whether the run had ended by then.
RECORD = """() => {
  const canvas = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  window.seen = [];
  const look = () => {
    const masks = document.querySelectorAll('#canvas .board .c.m').length;
    const words = [...document.querySelectorAll('#canvas .board .c')].map((c) => c.textContent).join('|');
    const ended = canvas.timeline?.ended ?? false;
    const run = canvas.timeline?.run ?? null;
    if (window.seen.at(-1)?.words !== words) window.seen.push({ masks, words, ended, run });
    requestAnimationFrame(look);
  };
  look();
}"""
# What reaches over the right edge, unless it stands in a box that scrolls by itself, or in the row that
# nobody sees and in which Gradio measures its tabs.
BEYOND = """() => {
  const scrolls = (e) => e && (getComputedStyle(e).overflowX === 'auto' || scrolls(e.parentElement));
  return [...document.querySelectorAll('gradio-app *')]
    .filter((e) => e.getBoundingClientRect().width > 0 && e.getBoundingClientRect().right > innerWidth + 1)
    .filter((e) => !scrolls(e.parentElement) && !e.closest('.visually-hidden'))
    .map((e) => `${e.tagName}.${e.className}`);
}"""
# Contrast of every visible text with what is behind it (WCAG 2.2); disabled controls are exempt.
FAINT = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const e of document.querySelectorAll('gradio-app *, gradio-app')) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim());
    const box = e.getBoundingClientRect();
    if (!text || !box.width || !box.height || e.closest(':disabled, [inert], .sr-only, svg')) continue;
    if (getComputedStyle(e).visibility === 'hidden') continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${e.textContent.trim()}`);
  }
  return faint;
}"""

# What a failed wait says of the page.
NOW = """() => {
  const line = document.querySelector('#canvas .lz').parentElement.tokenCanvas?.timeline;
  const text = (where) => document.querySelector(where)?.textContent.trim().slice(0, 300);
  return JSON.stringify({
    run: line?.run, ended: line?.ended, frames: line?.length, say: text('#canvas [data-part=say]'),
    alert: text('#alert'), model: text('#model'), button: text('#run'),
    hidden: getComputedStyle(document.querySelector('#run')).display,
    toasts: text('.toast-wrap'), values: [...document.querySelectorAll('[id^=setting-] input')]
      .map((input) => `${input.closest('[id^=setting-]').id}=${input.value}`),
  });
}"""


def press_tab(page: Page, name: str) -> None:
    """Open a tab of the page; on a phone the later ones stand in a menu."""
    page.locator(f".tab-wrapper button:has-text('{name}')").last.evaluate("tab => tab.click()")


def clipboard(page: Page, begin: str = "", seconds: float = 120) -> str:
    """What was copied, once there is something that begins so: a copy comes a little after its click."""
    for _ in range(int(seconds * 10)):
        text = str(page.evaluate("navigator.clipboard.readText()"))
        if text and text.startswith(begin):
            return text
        page.wait_for_timeout(100)
    raise AssertionError(f"copied was {text!r}")


class CanvasPage:
    """One tab of the app."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def text(self, part: str) -> str:
        """What stands in a part of the canvas."""
        return self.page.inner_text(f"#canvas [data-part={part}]").strip()

    def setting(self, name: str, value: Any) -> None:
        """Fill in a setting."""
        self.page.fill(f"#setting-{name} input", str(value))

    def sampler(self, title: str) -> None:
        """Choose a sampler, and wait until its form is there."""
        self.pick("#sampler", title)
        self.page.wait_for_function(
            "(title) => document.querySelector('#sampler input').value === title", arg=title
        )
        self.page.wait_for_timeout(500)

    def choose(self, name: str, value: str) -> None:
        """Choose a value of a setting."""
        self.pick(f"#setting-{name}", value)

    def pick(self, where: str, text: str) -> None:
        """Choose an option of the dropdown at a selector."""
        self.page.click(f"{where} input")
        self.page.get_by_role("option", name=text, exact=True).click()

    def example(self, name: str) -> None:
        """Press the button of an example, and wait until its problem is in the form."""
        self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_function(
            "(prompt) => document.querySelector('#prompt textarea').value === prompt", arg=PROMPTS[name]
        )

    def long_run(self, cells: int = 256, block: int = 32) -> None:
        """Settings of a run that takes some seconds: one cell a step, up to the last."""
        self.more()
        self.page.uncheck("#setting-early_stop input")
        for name, value in (("gen_length", cells), ("block_length", block), ("steps", cells)):
            self.setting(name, value)

    def more(self) -> None:
        """Open the settings that are folded away."""
        self.page.get_by_role("button", name="Seed, constraints").click()
        self.page.wait_for_selector("#seed input")

    def run(self) -> None:
        """Press Run."""
        self.page.click("#run")

    def wait(self, expression: str, seconds: float = 120) -> None:
        """Wait for something about `canvas`, `line` (its timeline) or `say` (its sentence)."""
        try:
            self.page.wait_for_function(
                f"""() => {{
                  const canvas = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
                  const line = canvas?.timeline;
                  const say = document.querySelector('#canvas [data-part=say]').textContent;
                  return Boolean({expression});
                }}""",
                timeout=seconds * 1000,
            )
        except TimeoutError as error:
            found = self.page.evaluate(NOW)
            raise AssertionError(f"not within {seconds} s: {expression}\n{found}") from error

    def cells(self) -> list[str]:
        """The cells on the screen; a mask is ''."""
        script = "all => all.map((c) => (/\\b(m|bk)\\b/.test(c.className) ? '' : c.textContent))"
        return self.page.eval_on_selector_all("#canvas .board .c", script)

    def canvas(self, expression: str) -> Any:
        """Something of the canvas object, such as `timeline.length`."""
        return self.page.evaluate(
            f"document.querySelector('#canvas .lz').parentElement.tokenCanvas.{expression}"
        )

    def alert(self) -> str:
        """The sentence near Run, once it is there."""
        self.page.wait_for_selector("#alert [role=alert]", timeout=10_000)
        return self.page.inner_text("#alert [role=alert]")

    def open_trace(self, path: Path) -> None:
        """Choose a file to open."""
        self.page.set_input_files("input[type=file]", str(path))

    def shot(self, folder: Path, name: str) -> None:
        """A picture of the whole page."""
        self.page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


CUT_OFF = re.compile(r"AbortError: signal is aborted|Unexpected error Connection errored out")
_LEFT: set[Page] = set()


@contextmanager
def leaving(page: Page) -> Iterator[None]:
    """While a page is left (and its server goes down): what it asks for just then is cut off, and gradio's
    script says so."""
    _LEFT.add(page)
    yield
    _LEFT.discard(page)


def is_cut_off(page: Page, message: str) -> bool:
    """Whether a message of the console only says that the page is being left."""
    return page in _LEFT and CUT_OFF.match(message) is not None
