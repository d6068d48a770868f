"""Five things that people want to do, walked on the page: `python -m scripts.walks [NAME …]`, in a checkout.

Each walk begins with a fresh home and a fresh browser, does step by step what its words say, and takes a
picture after each. Writes docs/walks.md and assets/pictures/walks/NAME-STEP.webp. Uses nothing that the page
does not show: what is pressed is found by its label. About two minutes on two cores.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.canvas_page import CanvasPage
from tests.browser.conftest import ROOT, headless, served

DOC, PICTURES = ROOT / "docs" / "walks.md", ROOT / "assets" / "pictures" / "walks"
HEAD = """# Five things to do

Made by `python -m scripts.walks`, which does what the words say on the present page, each time with a fresh
home folder and a fresh browser. Nothing has to be known before.
"""
COMPARED = """() => {
  const compare = document.querySelector('#compare-canvas .lz').parentElement.compare;
  const { player, lanes } = compare ?? {};
  return player?.ended && player.index === player.last && lanes.at(-1)?.verdict;
}"""


@dataclass(frozen=True)
class Step:
    """What was done, in words, and how the page looks then."""

    words: str
    picture: bytes


class Walker:
    """A visitor. Their steps are kept with pictures."""

    def __init__(self, browser: Browser, url: str, height: int = 860) -> None:
        self.browser, self.url = browser, url
        self.context = browser.new_context(
            viewport={"width": 1280, "height": height}, permissions=["clipboard-read", "clipboard-write"]
        )
        self.context.add_init_script("try { localStorage['lz-tour'] ??= 'seen' } catch {}")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(120_000)
        self.steps: list[Step] = []
        self.go(f"{url}/?__theme=light")

    def go(self, address: str) -> None:
        """Open an address, and wait until the page can be used."""
        self.page.goto(address)
        self.page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
        self.page.wait_for_selector("#run:not([disabled])")

    @property
    def tab(self) -> CanvasPage:
        """What is seen of Visualize."""
        return CanvasPage(self.page)

    def press(self, name: str, where: str = "", role: Any = "button") -> None:
        """Press what has this label."""
        place = self.page.locator(where) if where else self.page
        place.get_by_role(role, name=name).first.click()

    def ends(self, before: str | None = None) -> None:
        """Wait for the end of a run, another than `before`."""
        self.tab.wait(
            f"!canvas.opened && line?.ended && line.run !== '{before}'"
            " && canvas.painted.index === line.length - 1"
        )
        self.page.wait_for_selector("#run:not([disabled])")

    def see(self, words: str, at: str = "") -> None:
        """Keep a step. at: what to have in sight."""
        if at:
            self.page.locator(at).first.evaluate("e => e.scrollIntoView({ block: 'center' })")
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(900)
        packed = io.BytesIO()
        Image.open(io.BytesIO(self.page.screenshot())).convert("RGB").save(packed, "WEBP", quality=72)
        self.steps.append(Step(words, packed.getvalue()))


def mended(walker: Walker) -> None:
    """See a mistake mended."""
    tab = walker.tab
    tab.wait("canvas.opened && line.ended")
    window = tab.canvas("timeline.frames.findIndex((frame) => frame.kind === 'window')")
    tab.canvas(f"act('frame-to', {window})")
    walker.see(
        "The page opens on a recorded run. A reward model has scored the lines; one scores low, and a window "
        "opens over it."
    )
    tab.canvas("act('frame-to', Infinity)")
    walker.see("The window was decided anew. The line is right now, and the page says so.")
    before = tab.canvas("timeline.run")
    repair = walker.page.locator("#repair input")
    repair.click()
    walker.page.get_by_role("option").filter(has_text="Back-masking, reward model").first.click()
    walker.page.wait_for_selector("#repair-rates p")
    walker.ends(before)
    walker.see(
        "“Watch it fix this” has more of them. Beside it stands how often such a method mends, and what it "
        "breaks.",
        "#repair",
    )
    before = tab.canvas("timeline.run")
    walker.page.wait_for_timeout(1500)
    walker.press("Run", ".lz-go")
    walker.ends(before)
    walker.see("Run decodes the same question live, with the same settings and seed.")


def parted(walker: Walker) -> None:
    """Find where two samplers part."""
    walker.press("Compare", role="tab")
    walker.see("The Compare tab: one question, two samplers, the same seed.")
    walker.page.click("#compare-run")
    walker.page.wait_for_function(COMPARED)
    walker.see(
        "Press Compare. When both have ended, a sentence names the first cell that differs, and who wrote "
        "what in it; below it, who is right."
    )
    walker.page.locator("#compare-canvas [data-part=split]").click()
    walker.see("The mark over the slider goes to the moment at which they part.")
    walker.press("Open in Visualize")
    walker.ends()
    walker.see("Open in Visualize shows one of them alone, with everything that can be asked of it.")


def asked(walker: Walker) -> None:
    """Ask what else a cell could have been, and branch."""
    tab = walker.tab
    walker.press("Expression")
    walker.page.wait_for_timeout(1200)
    walker.press("Run", ".lz-go")
    walker.ends()
    first = tab.canvas("timeline.run")
    tab.canvas("act('frame-to', 12)")
    walker.page.click("#canvas .board .c >> nth=9")
    walker.page.wait_for_selector("#canvas .likely .value", state="visible")
    walker.see(
        "Run the example Expression, go back with the slider, and choose a cell: what else could stand "
        "there, and its history.",
        "#canvas .ask",
    )
    walker.page.click("#canvas .likely button >> nth=1")
    walker.see("Press the second word of the list: it will stand there in a branch.", "#canvas .grow")
    walker.page.click("#canvas .grow .go")
    tab.wait(f"line.run !== '{first}' && line.ended")
    walker.page.wait_for_selector("#canvas .nodes .now .tree-told:not(:has-text('goes on'))")
    walker.see("Branch: the run goes on from there. The tree has both.", "#canvas [data-part=tree]")
    walker.press("Compare with its parent")
    walker.page.wait_for_selector("#beside-canvas .lane >> nth=1")
    walker.see("Compare with its parent: both in step.", "#beside-canvas")


def exported(walker: Walker) -> None:
    """Export a run for a talk."""
    walker.press("Sudoku")
    walker.page.wait_for_timeout(1200)
    walker.press("Run", ".lz-go")
    walker.ends()
    walker.see("Run the example Sudoku.")
    walker.press("Export…", "#canvas")
    walker.page.get_by_role("status").filter(has_text="HTML, ").wait_for()
    walker.see(
        "Export… says how large each file will be before it is made: an offline page, a film, a still, "
        "a table."
    )
    walker.page.get_by_role("radio", name="Moving picture").check()
    walker.page.get_by_role("status").filter(has_text="GIF, ").wait_for()
    with walker.page.expect_download() as download:
        walker.page.get_by_role("button", name="Export", exact=True).click()
    name = download.value.suggested_filename
    walker.see(f"Choose Moving picture and press Export: {name.rpartition('.')[2].upper()} for the slides.")


def repeated(walker: Walker) -> None:
    """Repeat a set-up that somebody shares."""
    walker.press("Expression")
    walker.page.wait_for_timeout(1200)
    walker.press("Run", ".lz-go")
    walker.ends()
    written = walker.tab.cells()
    walker.press("Copy, save, reset")
    walker.page.click("#copy-link")
    walker.page.wait_for_selector("#copied-words p")
    walker.see("Under “Copy, save, reset”, Link copies the whole set-up into one address.", "#setup-tools")
    link = walker.page.evaluate("navigator.clipboard.readText()")
    other = Walker(walker.browser, walker.url)
    other.go(link if link.startswith("http") else f"{walker.url}/{link}")
    other.page.wait_for_selector("#setup-words p")
    other.see("Somebody else opens it: the form is filled in, and nothing runs yet.")
    other.press("Run", ".lz-go")
    other.ends()
    if other.tab.cells() != written:
        raise SystemExit("the shared set-up wrote something else")
    other.see("Run writes the same answer, token for token.")
    walker.steps += other.steps
    other.context.close()


WALKS = {"mended": mended, "parted": parted, "asked": asked, "exported": exported, "repeated": repeated}


def section(name: str, steps: list[Step]) -> Iterator[str]:
    """A walk as Markdown."""
    yield f"\n## {(WALKS[name].__doc__ or '').rstrip('.')}\n"
    for number, step in enumerate(steps, 1):
        picture = f"../assets/pictures/walks/{name}-{number}.webp"
        yield f"\n{number}. {step.words}\n\n   ![{step.words}]({picture})\n"


def main(names: list[str]) -> None:
    """Walk these, all where none is given; the page of all is only written when all were walked."""
    if unknown := sorted(set(names) - set(WALKS)):
        raise SystemExit(f"name = {unknown[0]!r} is not valid; allowed: {', '.join(WALKS)}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    text = HEAD
    with headless() as browser:
        for name in names or WALKS:
            with tempfile.TemporaryDirectory() as home, served(Path(home)) as url:
                walker = Walker(browser, url)
                WALKS[name](walker)
                walker.context.close()
            for number, step in enumerate(walker.steps, 1):
                (PICTURES / f"{name}-{number}.webp").write_bytes(step.picture)
            text += "".join(section(name, walker.steps))
            print(f"{name}: {len(walker.steps)} steps", flush=True)
    if not names:
        DOC.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
