"""Presets, copies, links and kept forms in a real browser, against the real app."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from llada_viz.decoding.setup_link import from_link, to_link
from llada_viz.decoding.setups import Setup
from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage, clipboard, leaving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
READY = "globalThis.llvKeeping?.has('visualize')"


def opened(open_page: Callable[..., Any], **options: Any) -> CanvasPage:
    """A page whose form is kept from now on."""
    tab = CanvasPage(open_page(permissions=["clipboard-read", "clipboard-write"], **options))
    tab.page.wait_for_function(READY)
    return tab


def again(tab: CanvasPage, address: str = "") -> None:
    """Refresh, or go to an address of the same page."""
    with leaving(tab.page):
        tab.page.goto(address) if address else tab.page.reload()
        tab.page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
        tab.page.wait_for_function(READY)


def value(tab: CanvasPage, where: str) -> str:
    """What stands in an input."""
    return tab.page.input_value(f"{where} input, {where} textarea")


def has(tab: CanvasPage, where: str, wanted: str) -> None:
    """Wait until that stands in an input."""
    tab.page.wait_for_function(
        "([where, wanted]) => document.querySelector(where)?.value === wanted",
        arg=[f"{where} input, {where} textarea", wanted],
    )


def klass(tab: CanvasPage) -> None:
    """Choose a sampler in the form; a branch has a list of samplers too."""
    tab.page.click("#sampler input")
    tab.page.locator("li[role=option][aria-label='KLASS · stable predictions']").click()
    has(tab, "#sampler", "KLASS · stable predictions")
    tab.page.wait_for_timeout(500)


def tools(tab: CanvasPage) -> None:
    """Open the part of the form with copies and presets."""
    tab.page.get_by_role("button", name="Copy, save, reset").click()
    tab.page.wait_for_selector("#copy-link")


def copied(tab: CanvasPage, kind: str) -> str:
    """Press a button of the copy menu; what the clipboard holds then."""
    tab.page.evaluate("navigator.clipboard.writeText('')")
    tab.page.click(f"#copy-{kind}")
    text = clipboard(tab.page)
    tab.page.wait_for_selector("#copied-words p")
    return text


def test_a_published_preset_fills_the_form_says_so_and_runs(open_page: Any, shots: Path) -> None:
    tab = opened(open_page)
    tab.example("Equation")
    tab.page.wait_for_timeout(1500)
    tab.pick("#preset", "R3 window 8")
    tab.page.wait_for_selector("#preset-words p")
    words = tab.page.inner_text("#preset-words")
    assert "arXiv 2507.08018" in words and "Scaled to tiny-llada: 32 tokens in blocks of 8, 8 steps" in words
    has(tab, "#sampler", "LLaDA R3 · window refine")
    has(tab, "#setting-temperature", "0.8")
    tab.page.wait_for_timeout(1500)  # the sampler's own event is over, and has put no default back
    tab.page.get_by_role("button", name="Settings of this sampler").click()
    tab.page.wait_for_selector("#setting-window input")
    assert (value(tab, "#setting-steps"), value(tab, "#setting-window")) == ("8", "2")
    tab.shot(shots, "preset-light")
    tab.run()
    tab.wait("line?.ended && line.length > 5")
    klass(tab)
    has(tab, "#preset", "none: as set below")
    tab.page.wait_for_function("!document.querySelector('#preset-words p')")


def test_an_own_preset_is_saved_stays_and_is_deleted(open_page: Any) -> None:
    tab = opened(open_page)
    tab.setting("temperature", 0.7)
    tools(tab)
    tab.page.fill("#preset-name input, #preset-name textarea", "my settings")
    tab.page.click("#save-preset")
    has(tab, "#preset", "Mine: my settings")
    tab.page.wait_for_function("localStorage['llada-viz-presets']?.includes('my settings')")
    again(tab)
    tab.setting("temperature", 0)
    tab.pick("#preset", "Mine: my settings")
    has(tab, "#setting-temperature", "0.7")
    tools(tab)
    tab.page.click("#delete-preset")
    tab.page.wait_for_function("!localStorage['llada-viz-presets'].includes('my settings')")
    has(tab, "#preset", "none: as set below")
    tab.page.click("#save-preset")
    assert tab.alert() == "Give the preset a name, at most 60 characters."


def test_the_form_and_the_tab_stay_through_a_refresh_and_reset(open_page: Any) -> None:
    tab = opened(open_page)
    first = value(tab, "#prompt")
    tab.page.fill("#prompt textarea", "What is 5 + 8?")
    klass(tab)
    tab.setting("temperature", 0.3)
    tab.more()
    tab.page.fill("#seed input", "11")
    tab.page.wait_for_function("localStorage['llada-viz-visualize']?.includes('\"seed\":11')")
    tab.page.get_by_role("tab", name="Models").click()
    tab.page.wait_for_function("location.search.includes('tab=models')")
    again(tab)
    tab.page.wait_for_selector("#models-about", state="attached")
    assert tab.page.get_attribute("button[role=tab]:has-text('Models')", "aria-selected") == "true"
    tab.page.get_by_role("tab", name="Visualize").click()
    tab.page.wait_for_function("!location.search.includes('tab=')")
    has(tab, "#prompt", "What is 5 + 8?")
    has(tab, "#sampler", "KLASS · stable predictions")
    tab.page.wait_for_timeout(1500)
    assert value(tab, "#setting-temperature") == "0.3" and not tab.page.query_selector("#setup-words p")
    tab.more()
    assert value(tab, "#seed") == "11" and tab.page.is_visible("#setting-kl_threshold") is not None
    tools(tab)
    tab.page.click("#reset-form")
    has(tab, "#prompt", first)
    has(tab, "#sampler", "LLaDA · surest first")
    has(tab, "#setting-temperature", "0")
    again(tab)
    has(tab, "#prompt", first)


def test_what_was_tampered_with_is_reset_in_words(open_page: Any, shots: Path) -> None:
    tab = opened(open_page)
    tab.page.fill("#prompt textarea", "<img src=x onerror=alert(1)>")
    tab.page.wait_for_function("localStorage['llada-viz-visualize']?.includes('onerror')")
    tab.page.evaluate("""() => {
      const kept = JSON.parse(localStorage['llada-viz-visualize']);
      kept['setting:steps'] = 1e9;
      kept.sampler = '<b>magic</b>';
      localStorage['llada-viz-visualize'] = JSON.stringify(kept);
      localStorage['llada-viz-presets'] = '{"bad": 5, "';
    }""")
    again(tab)
    tab.page.wait_for_selector("#setup-words p")
    words = tab.page.inner_text("#setup-words")
    assert "Steps must be a whole number from 1 to 4096." in words and "no such choice" in words
    assert value(tab, "#setting-steps") == "32" and value(tab, "#sampler") == "LLaDA · surest first"
    assert value(tab, "#prompt") == "<img src=x onerror=alert(1)>"
    tab.shot(shots, "kept-reset-light")


def test_a_copied_link_opens_with_somebody_else(open_page: Any, shots: Path) -> None:
    tab = opened(open_page)
    tab.pick("#preset", "KLASS · GSM8K")
    has(tab, "#sampler", "KLASS · stable predictions")
    tab.more()
    tab.page.fill("#seed input", "5")
    tools(tab)
    link = copied(tab, "link")
    setup, notes = from_link(parse_qs(urlsplit(link).query)["setup"][0])
    assert (setup.sampler, setup.seed, setup.settings["kl_threshold"], notes) == ("klass", 5, 0.015, [])
    other = opened(open_page)
    again(other, link)
    other.page.wait_for_selector("#setup-words p")
    words = other.page.inner_text("#setup-words")
    assert "From a link: KLASS" in words and "Nothing runs until you press Run." in words
    has(other, "#sampler", "KLASS · stable predictions")
    assert value(other, "#prompt") == setup.prompt and other.page.is_disabled("#stop")
    assert "setup=" not in other.page.url
    other.shot(shots, "link-light")
    other.run()
    other.wait("line?.ended && line.length > 2")
    again(other)
    has(other, "#sampler", "KLASS · stable predictions")


@pytest.mark.parametrize("link, part", [
    ("nonsense", "cut short or changed"),
    (to_link(Setup("Hello?", "low_confidence", {"gen_length": 32, "block_length": 7})), "does not divide"),
])  # fmt: skip
def test_a_bad_link_is_told_in_words(open_page: Any, link: str, part: str) -> None:
    tab = opened(open_page)
    again(tab, f"{urlsplit(tab.page.url)._replace(query='').geturl()}?setup={link}")
    tab.page.wait_for_selector("#setup-words p")
    assert part in tab.page.inner_text("#setup-words")
    tab.page.wait_for_selector("#run:not([disabled])")


def test_the_copied_program_makes_the_page_s_tokens(open_page: Any, shots: Path) -> None:
    tab = opened(open_page)
    tab.setting("temperature", 0.8)
    tab.more()
    tab.page.fill("#seed input", "21")
    tab.run()
    tab.wait("line?.ended")
    tools(tab)
    program = copied(tab, "python").replace(
        "print(decoded.text)", "import json; print(json.dumps(decoded.text))"
    )
    assert "Copied." in tab.page.inner_text("#copied-words")
    tab.shot(shots, "copied-light")
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    tab.page.get_by_text("Prompt and answer as text").click()
    written = "".join(word for word in tab.cells() if not word.startswith("⟨"))
    plain = json.loads(said.splitlines()[-1])
    assert "".join(plain.split()) == "".join(written.replace("⏎", "").replace("∎", "").split())
    command = copied(tab, "command")
    assert command.startswith("python -m samplers run") and "--seed=21" in command


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_can_be_read_on_a_phone(open_page: Any, shots: Path, dark: bool) -> None:
    tab = opened(open_page, width=390, height=844, dark=dark)
    tab.pick("#preset", "R3 window 8")
    tab.page.wait_for_selector("#preset-words p")
    tools(tab)
    tab.page.click("#copy-python")
    tab.page.wait_for_selector("#copied-words p")
    assert tab.page.evaluate(BEYOND) == [] and tab.page.evaluate(FAINT) == []
    tab.shot(shots, f"setups-390-{'dark' if dark else 'light'}")


def test_compare_and_evaluate_add_a_preset(open_page: Any, shots: Path) -> None:
    tab = opened(open_page)
    for name in ("compare", "evaluate"):
        tab.page.get_by_role("tab", name=name.capitalize()).click()
        tab.page.wait_for_selector(f"#{name}-preset input")
        lanes = f"document.querySelector('#{name}-lanes').innerText"
        before = tab.page.evaluate(lanes)
        tab.pick(f"#{name}-preset", "R3 window 8")
        tab.page.wait_for_selector(f"#{name}-preset-words p")
        assert "Scaled to tiny-llada" in tab.page.inner_text(f"#{name}-preset-words")
        tab.page.wait_for_function(f"({lanes}).length > {len(before)}")
        assert tab.page.evaluate(BEYOND) == []
        tab.shot(shots, f"{name}-preset-light")


def test_m12_the_board_stays_through_a_refresh(open_page: Callable[..., Any]) -> None:
    tab = opened(open_page)
    tab.run()
    tab.wait("line?.ended")
    cells, run = tab.cells(), tab.canvas("timeline.run")
    again(tab)
    tab.wait("line?.ended && canvas.painted.index === line.length - 1")
    assert tab.cells() == cells and tab.canvas("timeline.run") == run and not tab.canvas("opened")
    tab.page.evaluate("sessionStorage.setItem('lz-run', 'a run of another server')")
    again(tab, tab.page.url.replace("still=1", "still=0"))
    tab.wait("canvas.opened && line.length > 2")
