"""The Visualize tab in a real browser, against the real app and the bundled model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from samplers.events import Finished, Started, Unmasked
from samplers.recording.trace_files import MAGIC
from samplers.recording.traces import Trace, write_trace
from tests.browser.canvas_page import BEYOND, FAINT, RECORD, CanvasPage

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(open_page: Any) -> Any:
    return CanvasPage(open_page())


def test_masks_fall_while_the_server_is_decoding(tab: Any, shots: Any) -> None:
    page = tab.page
    tab.example("Word problem")
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('How many')")
    tab.long_run()
    page.evaluate(RECORD)
    began = time.monotonic()
    tab.run()
    tab.wait("line && line.length > 100 && !line.ended")
    assert page.is_enabled("#stop") and not page.is_enabled("#run")
    tab.shot(shots, "running-light")
    tab.wait("line.ended")
    seconds = time.monotonic() - began
    live = [state for state in page.evaluate("window.seen") if state["run"] and not state["ended"]]
    masks = [state["masks"] for state in live]
    assert len(set(masks)) >= 10 and masks == sorted(masks, reverse=True) and masks[-1] < masks[0]
    assert tab.canvas("timeline.length") == 258 and tab.canvas("timeline.ended")
    print(f"{len(live)} distinct frames painted in {seconds:.1f} s, {tab.canvas('fetches')} fetches")
    assert tab.text("masks") == "0" and tab.text("step") == "256 / 256" and tab.text("nfe") == "256"
    assert tab.text("say").startswith("Finished.") and "" not in tab.cells()
    page.wait_for_selector("#run:not([disabled])")


def test_stop_keeps_the_tokens_and_the_scrubber_goes_back(tab: Any) -> None:
    page = tab.page
    tab.run()
    tab.wait("line?.ended")
    first = tab.canvas("timeline.run")
    tab.long_run()
    page.wait_for_selector("#run:not([disabled])")
    tab.run()
    tab.wait(f"line.run !== '{first}' && line.length > 80")
    page.click("#stop")
    tab.wait("line.ended")
    page.wait_for_selector("#run:not([disabled])")
    tab.wait("say.startsWith('Stopped at step')")
    cells, frames = tab.cells(), tab.canvas("timeline.length")
    assert 60 < sum(map(bool, cells)) < 256 and 80 < frames < 250
    time.sleep(1)
    assert tab.cells() == cells and tab.canvas("timeline.length") == frames
    scrub_without_the_server(tab, frames, cells)


def scrub_without_the_server(tab: Any, frames: Any, cells: Any) -> None:
    page, asked = tab.page, []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#canvas [data-part=range]").focus()
    page.keyboard.press("Home")
    tab.wait("canvas.painted.index === 0")
    assert not any(tab.cells()) and tab.text("masks") == "256" and "frame 0" in tab.text("frame")
    page.keyboard.press("ArrowRight")
    tab.wait("canvas.painted.index === 1")
    assert sum(map(bool, tab.cells())) == 1
    label = page.get_attribute("#canvas [data-part=range]", "aria-valuetext")
    assert label == f"frame 1 of {frames - 1}, step 1, 255 masks left"
    page.keyboard.press("Shift+ArrowRight")
    tab.wait("canvas.painted.index === 33")
    page.locator("#canvas [data-part=speed]").fill("6")
    page.click("#canvas [data-part=play]")
    tab.wait(f"canvas.painted.index === {frames - 1}")
    assert tab.cells() == cells
    assert not asked


# A browser that is slow sees the newest of several values only: here it misses the first two of a run.
MISS_TWO = """() => {
  const canvas = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  const receive = canvas.receive.bind(canvas);
  window.missed = [];
  canvas.receive = (value) => (window.missed.length < 2 ? window.missed.push(value) : receive(value));
}"""


def test_a_run_whose_first_frames_were_lost_is_shown_whole(tab: Any) -> None:
    tab.run()
    tab.wait("line?.ended")
    first = tab.canvas("timeline.run")
    tab.page.evaluate(MISS_TWO)
    tab.run()
    tab.wait(f"line.ended && line.run !== '{first}'")
    missed = tab.page.evaluate("window.missed")
    assert missed[0]["notice"] == "Starting…" and '"seq": 0,' in missed[1]["frames"]
    assert tab.canvas("timeline.frames[0].kind") == "start" and tab.canvas("fetches") >= 1
    assert "" not in tab.cells()
    tab.canvas(f"receive({{run: '{first}', number: 1, frames: '[]', notice: 'late'}})")
    assert tab.canvas("timeline.run") != first and "late" not in tab.text("say")


def test_keyboard_on_the_cells(tab: Any) -> None:
    page = tab.page
    tab.run()
    tab.wait("line?.ended")
    page.locator("#canvas .c[data-pos='0']").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.dataset.pos")
    block = tab.canvas("timeline.meta.block_length")
    assert int(focused) == block - 1
    assert page.locator("#canvas .board [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    tab.wait("canvas.board.chosen !== null")
    page.wait_for_function(
        f"document.querySelector('#canvas .ask h3').textContent.startsWith('Cell {focused}:')"
    )
    assert "decided at step" in page.inner_text("#canvas .ask .note")
    page.keyboard.press("[")
    assert page.inner_text("#canvas [data-part=pace]") == "40 a second"
    page.keyboard.press("?")
    assert page.is_visible("#canvas [data-part=help]")


def test_refusals_are_sentences_and_lose_nothing(tab: Any, shots: Any) -> None:
    page = tab.page
    tab.run()
    tab.wait("line?.ended")
    cells, prompt = tab.cells(), page.input_value("#prompt textarea")
    wrong = [
        ("#setting-block_length input", "15", "16", "Block length 15 does not divide"),
        ("#setting-steps input", "2.5", "64", "Steps must be a whole number"),
        ("#prompt textarea", "  ", prompt, "Type a question first."),
        ("#prompt textarea", "word " * 1500, prompt, "reads at most 1,024"),
    ]
    for field, bad, good, part in wrong:
        page.fill(field, bad)
        tab.run()
        page.wait_for_function(f"document.querySelector('#alert').textContent.includes('{part}')")
        assert part in tab.alert() and tab.cells() == cells
        page.fill(field, good)
    tab.more()
    page.fill("#constraints textarea, #constraints input", "99:word")
    tab.shot(shots, "form-light")
    tab.run()
    page.wait_for_function("document.querySelector('#alert').textContent.includes('99')")
    assert tab.cells() == cells and not page.locator(".toast-body").count()
    page.fill("#constraints textarea, #constraints input", "3:x")
    tab.run()
    tab.wait("line.frames[0].ops.some((op) => op[3] === 'p') && line.ended")
    assert not page.locator("#alert [role=alert]").count()
    assert page.locator("#canvas .board .pin").count() >= 1


def test_hint_outside_what_was_learned(tab: Any) -> None:
    tab.page.fill("#prompt textarea", "Write a poem about the sea.")
    tab.page.wait_for_selector("#hint p")
    assert tab.page.get_attribute("#prompt textarea", "aria-describedby") == "hint"
    assert "has learned five kinds" in tab.page.inner_text("#hint")
    tab.example("Sudoku")
    tab.page.wait_for_selector("#hint p", state="detached")


def test_a_bigger_sudoku_gets_the_cells_that_it_needs(tab: Any) -> None:
    tab.example("Sudoku")
    length = "document.querySelector('#setting-gen_length input').value"
    tab.page.wait_for_function(f"{length} === '48'")
    # Pasted, for it comes without a press of a key.
    tab.page.fill("#prompt textarea", "Solve this 6x6 sudoku: 005261106053050316610524064135531040")
    tab.page.wait_for_function(f"{length} === '96'")
    tab.run()
    tab.wait("line?.ended && line.meta.gen_length === 96")
    assert tab.text("verdict").startswith(("Right", "Wrong"))
    tab.example("Sudoku")
    tab.page.wait_for_function(f"{length} === '48'")


def test_traces(tab: Any, tmp_path: Path) -> None:
    page = tab.page
    tab.run()
    tab.wait("line?.ended")
    cells, run = tab.cells(), tab.canvas("timeline.run")
    with page.expect_download() as download:
        page.click("text=Download trace")
    trace = tmp_path / "trace.jsonl"
    download.value.save_as(trace)
    data = trace.read_bytes()
    broken = {"cut.jsonl": data[: len(data) // 2], "foreign.csv": b"a,b\n1,2\n", "bytes": b"\xff\xfe"}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        tab.open_trace(tmp_path / name)
        assert "trace" in tab.alert()
        assert tab.cells() == cells and tab.canvas("timeline.run") == run
    tab.open_trace(trace)
    tab.wait(f"line.run !== '{run}'")
    page.wait_for_selector("#alert [role=alert]", state="detached")
    tab.wait(f"line.ended && canvas.painted.index === {tab.canvas('timeline.length')} - 1")
    assert tab.cells() == cells
    page.click("#canvas [data-part=first]")
    tab.wait("canvas.painted.index === 0")
    assert not any(tab.cells())


def test_a_large_trace_is_opened_and_saved_compressed(tab: Any, tmp_path: Path) -> None:
    first = Started(
        nfe=0, tokens=((5, 5),), attention_mask=((True, True),), mask_id=5, prompt_length=0, settings={}
    )
    waits = (Unmasked(nfe=n, forwards=n, step=n - 1, cells=()) for n in range(1, 3500))
    last = Finished(nfe=3500, tokens=((5, 5),), stop_reasons=("left",))
    path = tmp_path / "large.jsonl"
    write_trace(path, Trace((first, *waits, last), {5: b"five"}, "nobody's"))
    assert path.read_bytes().startswith(MAGIC)
    tab.open_trace(path)
    tab.wait("line?.ended && line.length === 3501")
    with tab.page.expect_download() as download:
        tab.page.click("text=Download trace")
    download.value.save_as(tmp_path / "again")
    assert download.value.suggested_filename == "llada-viz-trace.jsonl.gz"
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_two_tabs(open_page: Any) -> None:
    one, two = CanvasPage(open_page()), CanvasPage(open_page())
    one.long_run(cells=512)  # so long that a browser on a busy machine is in time to stop it
    one.run()
    one.wait("line && line.length > 20")
    two.run()
    two.wait("line?.ended")  # the two share the model: the short run does not wait for the long one
    assert two.text("say").startswith("Finished.")
    assert one.page.is_enabled("#stop")  # it is still going on
    one.page.click("#stop")
    one.wait("line.ended")
    assert one.text("say").startswith("Stopped") and len(one.cells()) == 512


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("light", (1360, 900), False), ("dark", (1360, 900), True), ("narrow", (390, 844), False)],
)
def test_looks(open_page: Any, shots: Any, name: str, size: Any, dark: bool) -> None:
    tab = CanvasPage(open_page(*size, dark=dark))
    tab.shot(shots, f"empty-{name}")
    assert tab.page.evaluate(FAINT) == []
    tab.example("Countdown")
    tab.page.wait_for_function("document.querySelector('#prompt textarea').value.includes('numbers')")
    tab.run()
    tab.wait("line?.length > 8")
    tab.shot(shots, f"running-{name}")
    tab.wait("line.ended && canvas.painted.charts > 0")
    tab.page.click("#canvas .texts summary")
    tab.page.click("#canvas .c[data-pos='1']")
    tab.page.wait_for_function("document.querySelector('#canvas .ask h3').textContent.startsWith('Cell 1:')")
    tab.shot(shots, f"finished-{name}")
    assert tab.page.evaluate(FAINT) == []
    assert tab.page.evaluate(BEYOND) == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_backmasking_shows_scores_windows_and_rejected_candidates(tab: Any, shots: Any) -> None:
    page = tab.page
    page.fill("#prompt textarea", "Use the numbers 50,58,2 to make 42.")  # which the model gets wrong
    tab.sampler("LLaDA R3 · back-masking")
    # The sampler's own default, once the server has answered.
    page.wait_for_function("document.querySelector('#setting-temperature input').value === '0.6'")
    tab.setting("temperature", 1.5)
    tab.page.get_by_role("button", name="Settings of this sampler").click()
    tab.setting("num_candidates_per_block", 1)
    tab.setting("num_demasking_candidates", 3)
    tab.run()
    tab.wait("line?.ended")
    assert tab.text("say").startswith("Finished."), tab.text("say")
    assert int(tab.text("calls")) >= 4
    kinds = tab.canvas("timeline.frames.map((f) => f.kind)")
    assert {"fork", "score", "choose", "window"} <= set(kinds)
    assert page.locator("#canvas .gut .score:visible").count() >= 3
    window = kinds.index("window")
    assert "will be tried again" in tab.canvas(f"timeline.frames[{window}].say[1]")
    button = page.locator("#canvas .gut .tried:visible").first
    assert button.inner_text() == "3 tried"
    button.click()
    listed = page.locator("#canvas .candidates:visible li .lead")
    before, *leads = listed.all_inner_texts()
    numbers = sorted(number for lead in leads for number in lead.removesuffix(" · kept").split(", "))
    assert before.startswith("before") and numbers == ["1", "2", "3"]
    assert page.locator("#canvas .candidates .kept:visible").count() == 1
    tab.shot(shots, "backmask-candidates")
    button.click()
    assert listed.count() == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_bundled_reward_model_scores_what_no_checker_knows(
    open_page: Any, shots: Any, dark: bool
) -> None:
    tab = CanvasPage(page := open_page(dark=dark))
    page.fill("#prompt textarea", "Solve for x: 3x + 4 = 19 please")
    tab.sampler("LLaDA R3 · back-masking")
    tab.pick("#visualize-scorer", "reward model: tiny-prm")
    tab.run()
    tab.wait("line?.ended")
    assert tab.text("say").startswith("Finished."), tab.text("say")
    assert page.locator("#canvas .gut .score:visible").count() >= 1
    assert page.evaluate(FAINT) == []
    tab.shot(shots, f"bundled-reward-model-{'dark' if dark else 'light'}")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(BEYOND) == []


def test_remedi_shows_probabilities_and_the_cut(tab: Any, shots: Any) -> None:
    tab.sampler("RemeDi · learned re-masking")
    tab.run()
    tab.wait("line?.ended")
    policy = tab.canvas("timeline.frames.filter((f) => f.kind === 'policy').length")
    assert policy > 10
    again = tab.canvas("timeline.frames.filter((f) => f.kind === 'remask').length")
    print(f"{policy} policy frames, {again} re-masks")
    assert tab.text("say").startswith("Finished.")
    tab.shot(shots, "remedi")


def test_a_scored_sampler_refuses_a_prompt_it_cannot_check(tab: Any) -> None:
    tab.sampler("Best of n")
    tab.page.fill("#prompt textarea", "Tell me a story.")
    tab.run()
    tab.page.wait_for_function("document.querySelector('#alert').textContent.includes('needs scores')")


def test_a_cache_says_that_it_is_approximate(tab: Any) -> None:
    tab.more()
    tab.choose("cache", "dual")
    tab.run()
    tab.wait("line?.ended")
    assert "approximate: dual KV cache" in tab.text("source")
