"""What a screen reader is given during one run: `python -m scripts.spoken`, in a checkout.

Walks the Visualize tab with the keyboard alone, in headless Chromium, and writes docs/screen-reader.md: what
is pressed, the role, name and state of what has the focus then (of Chromium's accessibility tree), and what
the page announces meanwhile (its live regions), in this order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Page

from samplers.text_tables import markdown_table
from tests.browser.conftest import ROOT, headless, served

PAGE = ROOT / "docs" / "screen-reader.md"
HEAD = """# A run as a screen reader has it

Made by `python -m scripts.spoken`: the Visualize tab, used with the keyboard alone. *Pressed* is the key;
*focus* is what has it then, by Chromium's accessibility tree; *announced* is what the page's live regions say
before the next key. Frames that go by are announced at most every two seconds.

"""
# Every live region that comes to say something else, as a screen reader notices it.
LISTEN = """() => {
  window.announced = [];
  const live = '[aria-live=polite], [aria-live=assertive], [role=status], [role=alert]';
  const said = new WeakMap();
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const element = target.nodeType === 1 ? target : target.parentElement;
      const region = element?.closest(live) ?? element?.querySelector?.(live);
      const text = region?.checkVisibility() && region.innerText.trim().replace(/\\s+/g, ' ');
      if (!text || said.get(region) === text) continue;
      said.set(region, text);
      announced.push(text);
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""
STATES = ("expanded", "checked", "pressed", "disabled", "invalid")
PAUSE = 2.2  # seconds, a little more than between two announcements
PROMPT = "What is 3 + 4 * 2?"
ENDED = """() => {
  const canvas = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  return !canvas.opened && canvas.timeline?.ended && canvas.painted.index === canvas.player.last;
}"""


@dataclass
class Moment:
    """A key, what has the focus after it, and what is announced before the next one."""

    pressed: str
    focus: str
    announced: list[str] = field(default_factory=list)


class Listener:
    """A page that is used with the keyboard, and heard."""

    def __init__(self, page: Page) -> None:
        self.page, self.moments = page, [Moment("(the page opens)", "")]
        self.tree = page.context.new_cdp_session(page)
        self.tree.send("Accessibility.enable")
        page.evaluate(LISTEN)

    def press(self, keys: str, times: int = 1, wait: float = 0.3) -> None:
        """Press a key, some times; then `wait` seconds."""
        self.heard()
        for _ in range(times):
            self.page.keyboard.press(keys)
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(wait * 1000)
        self.moments.append(Moment(keys if times == 1 else f"{keys} ({times} times)", self.focus()))

    def write(self, text: str) -> None:
        """Type over what stands in a field."""
        self.heard()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        self.moments.append(Moment(f"“{text}”", self.focus()))

    def to(self, selector: str, most: int = 80) -> None:
        """Press Tab until something has the focus. AssertionError: it never does."""
        self.heard()
        for count in range(1, most + 1):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(s) => document.activeElement.matches(s)", selector):
                self.moments.append(Moment("Tab" if count == 1 else f"Tab ({count} times)", self.focus()))
                return
        raise AssertionError(f"Tab does not reach {selector}")

    def heard(self) -> None:
        """Note what was announced."""
        self.moments[-1].announced += self.page.evaluate("announced.splice(0)")

    def focus(self) -> str:
        """Role, name, value and states of what has the focus."""
        node = self.tree.send(
            "Runtime.evaluate", {"expression": "document.activeElement", "objectGroup": "focus"}
        )
        [found] = self.tree.send(
            "Accessibility.getPartialAXTree",
            {"objectId": node["result"]["objectId"], "fetchRelatives": False},
        )["nodes"]  # fmt: skip
        return in_words(found)


def in_words(node: dict[str, Any]) -> str:
    """A node of the accessibility tree."""
    role, name, value = (str(node.get(key, {}).get("value", "")) for key in ("role", "name", "value"))
    states = {p["name"]: p["value"].get("value") for p in node.get("properties", [])}
    told = [
        f"{key}: {states[key]}" for key in STATES if key in states and states[key] not in (False, "false")
    ]
    return ", ".join(part for part in (role, re.sub(r"\s+", " ", name), value, *told) if part)


def walk(page: Page) -> list[Moment]:
    """The whole path: a question, a run, cells, what else one could have been, frames."""
    heard = Listener(page)
    heard.to("#prompt textarea")
    heard.write(PROMPT)
    heard.press("Control+Enter", wait=0)
    page.wait_for_function(ENDED)
    page.wait_for_timeout(PAUSE * 1000)
    heard.to("#canvas .board .c")
    heard.press("ArrowRight", times=4)
    heard.press("Enter", wait=PAUSE)
    heard.press("Tab")
    heard.press("Tab", times=2)
    heard.press("Escape")
    heard.press("Enter")
    heard.to("#canvas [data-part=range]")
    heard.press("Home", wait=PAUSE)
    heard.press("ArrowRight", times=3, wait=PAUSE)
    heard.press("End", wait=PAUSE)
    heard.heard()
    return heard.moments


def page_of(moments: list[Moment]) -> str:
    """docs/screen-reader.md."""
    rows = [
        (m.pressed, m.focus.replace("|", "\\|"), " / ".join(m.announced).replace("|", "\\|")) for m in moments
    ]
    return HEAD + markdown_table(("pressed", "focus", "announced"), rows) + "\n"


def main() -> None:
    """The command line."""
    with headless() as browser, TemporaryDirectory() as home, served(Path(home)) as url:
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.goto(f"{url}/?__theme=light&still=1")
        page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
        moments = walk(page)
    PAGE.write_text(page_of(moments), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}: {len(moments)} moments")


if __name__ == "__main__":
    main()
